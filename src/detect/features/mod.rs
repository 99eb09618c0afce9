//! What stands around an assigned value, as numbers: the evidence that `score` judges by.
//!
//! The same numbers are used for fitting (`benches/score.py`) and in a scan, and are worked out from
//! the same bytes. None looks at which word a value is, beyond lists of words that mean none.

mod around;
mod name;
mod value;

pub use name::{is_password, means_secret, words};
pub(super) use value::encoded_text;

use super::assignment::{Assignment, Form, Operator};
use super::entropy::{is_random_call, is_random_mix};
use super::placeholder::is_reference;

/// Declares the facts with the phrases that people read.
macro_rules! facts {
    ($($name:ident $text:literal,)*) => {
        /// One number about an assignment.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "`Fact::text` says what each means")]
        pub enum Fact { $($name,)* }

        impl Fact {
            /// All, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it says, for people.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

facts! {
    NameKind "how much the name means a secret",
    NameIsPassword "the name ends in a word for a password",
    NameWords "words of the name",
    NameLen "length of the name",
    NameCase "case of the name",
    NameHasDot "dots in the name",
    NameHasHyphen "hyphens in the name",
    NameHasUnderscore "underscores in the name",
    NameMeansOther "the name means something about a secret",
    NameIsPublic "the name means a value that is public",
    NameIsPlace "the name says where or which it is",
    NameIsVerb "the name begins with a verb",
    NameIsPlural "the name is a plural",
    HasParent "the name of the list or map means a secret",
    IsQuoted "the value is quoted",
    IsBare "the value is not quoted",
    IsTemplate "the value is a template string",
    IsElement "the value is the text of an element",
    ByEquals "`=` stands before the value",
    ByColon "`:` stands before the value",
    ByComparison "the value is compared",
    ByCall "the value is an argument",
    ByComma "the value is the next item",
    ByMarkup "the value is an attribute or element",
    ByBlank "a blank stands before the value",
    ByField "name and value are two fields",
    ByList "the value is in a list",
    ByMember "the value is a member of a map",
    ByProse "the value stands in prose",
    BeginsLine "the name begins its line",
    IsNameQuoted "the name is quoted",
    HasSigil "a sigil stands before the name",
    AfterMarkup "markup stands before the name",
    AfterBracket "a bracket stands before the name",
    IsParameter "the name is a parameter of an address",
    AfterBlank "a blank stands before the name",
    EndsLine "the value ends its line",
    EndsStatement "the value ends a statement",
    BeforeComma "a comma follows the value",
    BeforeBracket "a bracket follows the value",
    BeforeBlank "a blank follows the value",
    BeforeOperator "an operator follows the value",
    BeforeQuote "a quote follows the value",
    BeforeMarkup "markup follows the value",
    IsComment "the line is a comment",
    HasUser "a user stands before the name",
    IsTight "no blank stands before the value",
    IsEnvironment "it is set in an environment",
    IsFlag "the name is an option of a command",
    IsCoordinate "the name is a part of a longer name",
    Len "length of the value",
    Lower "share of small letters",
    Upper "share of capitals",
    Digits "share of digits",
    Others "share of marks",
    Changes "how often kinds of characters change",
    Entropy "bits per character",
    EntropyShare "bits per character, of the most for its length",
    LongestLetters "longest run of letters",
    LongestLower "longest run of small letters",
    LongestDigits "longest run of digits",
    Runs "runs of letters",
    Wordness "how much its letters are those of words",
    Blanks "blanks in the value",
    Foreign "letters other than ASCII",
    Underscores "underscores in the value",
    Hyphens "hyphens in the value",
    Dots "dots in the value",
    Slashes "slashes in the value",
    Colons "colons in the value",
    EqualsSigns "equals and plus signs in the value",
    AtSigns "at signs in the value",
    Brackets "brackets in the value",
    Commas "commas and semicolons in the value",
    Quotes "quotes in the value",
    Templates "signs of templates in the value",
    Backslashes "backslashes in the value",
    PasswordMarks "marks that people put into passwords",
    BeginsWithMark "the value begins with a mark",
    EndsWithMark "the value ends with a mark",
    IsCapitalized "a capital, then small letters",
    IsIdentifier "the value is an identifier",
    IsConstant "the value is a name in capitals",
    IsPhrase "the value is words with marks between them",
    IsPath "the value looks like a path or address",
    IsFile "the value looks like the name of a file or host",
    IsUuid "the value is a UUID",
    IsHex "the value is hexadecimal",
    IsDigest "hexadecimal as long as a digest",
    Base64Bytes "the value is base64 of random bytes",
    IsBase64Text "the value is base64 of a text",
    IsConfigWord "the value is a word of configuration",
    IsTestValue "the value holds a common test value",
    HoldsSecretWord "the value holds a word for a secret",
    RepeatsName "the value repeats its name",
    IsPlaceholder "the value is a placeholder",
    IsEncrypted "the value is encrypted",
    IsCall "the value may be a call",
    IsProse "the value may be prose",
    IsVersion "the value is a version",
    IsRegular "the value is a pattern",
    IsRandomMix "the value is a random mix",
    LooksRandom "the value looks random",
    IsType "the value is a type",
}

/// How many there are.
pub const FACTS: usize = Fact::ALL.len();

/// The facts about one assignment.
#[derive(Clone, Debug)]
pub struct Features {
    /// By the number of the fact.
    pub numbers: [i16; FACTS],
    /// The words of the name, in lower case.
    pub name_words: Vec<String>,
}

impl Features {
    /// The number of one fact.
    pub fn get(&self, fact: Fact) -> i16 {
        self.numbers[fact as usize]
    }

    /// Whether a fact holds.
    pub fn is(&self, fact: Fact) -> bool {
        self.get(fact) != 0
    }

    fn set(&mut self, fact: Fact, number: usize) {
        self.numbers[fact as usize] = i16::try_from(number).unwrap_or(i16::MAX);
    }

    fn note(&mut self, fact: Fact, holds: bool) {
        self.set(fact, usize::from(holds));
    }
}

/// Shorter values are flags and enumerations.
const MIN_VALUE_LEN: usize = 4;
/// Shorter values of names that only may mean a secret are no secrets.
const MIN_WEAK_LEN: usize = 8;

/// Whether a value can be a secret though its name hardly says so.
fn may_be_weak(found: &Assignment, value: &[u8]) -> bool {
    let is_argument = found.operator == Operator::Argument;
    let is_varied = is_argument || value.iter().any(u8::is_ascii_digit) || value.len() >= 24;
    value.len() >= MIN_WEAK_LEN && is_varied && !value.contains(&b' ')
}

/// Returns the facts; `None` if the value stands for another one or is no value at all.
pub fn of(window: &[u8], found: &Assignment) -> Option<Features> {
    let value = &window[found.value.start..found.value.end];
    if value.len() < MIN_VALUE_LEN {
        return None;
    }
    let spelled = &window[found.name.start..found.name.end];
    let name = name::translated(spelled);
    // A text of another language is none.
    if name != spelled && !(value.is_ascii() && value.iter().any(u8::is_ascii_digit)) {
        return None;
    }
    let parent = found
        .parent
        .map_or(&b""[..], |span| &window[span.start..span.end]);
    let joined = name::Joined::of(name);
    let kind = name::kind(name, &joined).max(name::kind(parent, &name::Joined::of(parent)));
    if kind == name::Kind::None || (kind == name::Kind::Weak && !may_be_weak(found, value)) {
        return None;
    }
    let is_prose = around::is_prose(window, found, value);
    if is_reference(value, found.form != Form::Bare)
        || value::is_card_number(value)
        || around::is_open_slot(window, found)
        || (found.operator != Operator::Colon && is_prose)
    {
        return None;
    }
    // `pass the value`: a verb.
    let is_verb = found.operator == Operator::Blank
        && name.eq_ignore_ascii_case(b"pass")
        && !value.iter().any(u8::is_ascii_digit);
    if around::is_code_word(found, value) || is_verb {
        return None;
    }
    let is_mix = is_random_mix(value);
    let is_call = around::is_call(window, found, value);
    // No name of a function mixes digits and letters all along.
    let is_random = is_mix || is_random_call(value);
    if is_call && (!is_random || around::is_named_call(value)) {
        return None;
    }
    let mut features = Features {
        numbers: [0; FACTS],
        name_words: words(name),
    };
    features.note(Fact::IsCall, is_call);
    features.note(Fact::HasParent, !parent.is_empty());
    if !parent.is_empty() {
        features.name_words.splice(0..0, words(parent));
    }
    features.note(Fact::IsProse, is_prose);
    name::describe(&mut features, name, &joined, kind);
    around::describe(&mut features, window, found);
    value::describe(&mut features, value, is_mix);
    value::describe_words(&mut features, value, is_mix);
    Some(features)
}
