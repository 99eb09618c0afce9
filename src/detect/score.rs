//! How likely a match is a secret, and why.
//!
//! A rule with a shape starts from its own confidence; checks and entropy move it. An assignment
//! has no shape: independent evidence about its name, its value and its syntax is added up as
//! log-odds. The reasons are kept for the report. No weight looks at which characters a value is
//! made of beyond its shape.

use super::assignment::{Assignment, Form, Operator};
use super::checksum::{self, Outcome};
use super::entropy::{Classes, bits_per_byte, class_changes, is_monotonous};
use crate::rule::{Confidence, Rule};

/// Why a match has the confidence that it has. A set: reasons are added with [`Reasons::add`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reasons(u32);

/// One piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "`Reason::text` says what each means")]
pub enum Reason {
    Shape,
    ChecksumVerified,
    ChecksumWrong,
    StructureVerified,
    LowEntropy,
    Placeholder,
    NameSaysSecret,
    NameSaysOther,
    RandomValue,
    MixedCharacters,
    PlainWord,
    Expression,
    Sentence,
    Digest,
    Quoted,
    TestValue,
    KnownValue,
}

impl Reason {
    const ALL: [Self; 17] = [
        Self::Shape,
        Self::ChecksumVerified,
        Self::ChecksumWrong,
        Self::StructureVerified,
        Self::LowEntropy,
        Self::Placeholder,
        Self::NameSaysSecret,
        Self::NameSaysOther,
        Self::RandomValue,
        Self::MixedCharacters,
        Self::PlainWord,
        Self::Expression,
        Self::Sentence,
        Self::Digest,
        Self::Quoted,
        Self::TestValue,
        Self::KnownValue,
    ];

    /// One phrase for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Shape => "has the shape that only this issuer uses",
            Self::ChecksumVerified => "checksum verified",
            Self::ChecksumWrong => "checksum wrong: the issuer never made this token",
            Self::StructureVerified => "decodes to what it should hold",
            Self::LowEntropy => "too regular for its length",
            Self::Placeholder => "looks like a placeholder",
            Self::NameSaysSecret => "assigned to a name that means a secret",
            Self::NameSaysOther => "assigned to a name that means something else",
            Self::RandomValue => "value looks random",
            Self::MixedCharacters => "value mixes kinds of characters",
            Self::PlainWord => "value is a plain word or identifier",
            Self::Expression => "value looks like code",
            Self::Sentence => "value is text",
            Self::Digest => "value looks like a digest or an id",
            Self::Quoted => "value is a quoted literal",
            Self::TestValue => "value is a common test value",
            Self::KnownValue => "is a value that you named",
        }
    }
}

impl Reasons {
    /// Adds one.
    pub fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u32;
    }

    /// Returns whether `reason` is in the set.
    pub fn contains(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u32) != 0
    }

    /// Returns all, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL
            .into_iter()
            .filter(move |&reason| self.contains(reason))
    }
}

/// Judges a match of a rule that knows a shape. `None`: not worth reporting at all.
pub fn shaped(rule: &Rule, secret: &[u8]) -> Option<(Confidence, Reasons)> {
    let mut reasons = Reasons::default();
    let mut confidence = rule.confidence;
    if is_placeholder(secret) || is_monotonous(secret) {
        return None;
    }
    let bits = bits_per_byte(secret);
    if let Some(floor) = rule.entropy
        && bits < floor
    {
        return None;
    }
    reasons.add(Reason::Shape);
    for &check in &rule.checks {
        match checksum::run(check, secret) {
            Outcome::Verified => {
                confidence = Confidence::High;
                reasons.add(Reason::ChecksumVerified);
            }
            Outcome::Plausible => reasons.add(Reason::StructureVerified),
            Outcome::Failed => {
                confidence = Confidence::Low;
                reasons.add(Reason::ChecksumWrong);
            }
        }
    }
    // Documentation shows tokens such as 'EXAMPLE' or 'aaaabbbb' in the right length.
    if bits < LEAST_BITS && secret.len() >= 16 {
        confidence = Confidence::Low;
        reasons.add(Reason::LowEntropy);
    }
    Some((confidence, reasons))
}

/// Random text of 16 characters from an alphabet of 16 or more stays above this in all but one of
/// ten thousand cases (simulated).
const LEAST_BITS: f64 = 2.3;

/// Words that a name for a secret ends in or holds, and the log-odds that they add.
const SECRET_WORDS: [(&str, f64); 24] = [
    ("password", 2.2),
    ("passwd", 2.2),
    ("passphrase", 2.2),
    ("pwd", 1.8),
    ("pass", 1.6),
    ("secret", 1.8),
    ("apikey", 2.0),
    ("accesskey", 2.0),
    ("privatekey", 1.6),
    ("secretkey", 2.2),
    ("authkey", 2.0),
    ("encryptionkey", 1.8),
    ("signingkey", 1.8),
    ("masterkey", 1.8),
    ("sharedkey", 1.8),
    ("accountkey", 1.8),
    ("token", 1.4),
    ("credential", 1.2),
    ("auth", 0.6),
    ("bearer", 1.2),
    ("salt", 0.6),
    ("clientsecret", 2.4),
    ("webhook", 0.4),
    ("key", 0.4),
];

/// Words that say the value is about a secret, not the secret itself.
const OTHER_WORDS: [&str; 63] = [
    "hash",
    "file",
    "path",
    "url",
    "uri",
    "field",
    "label",
    "prompt",
    "placeholder",
    "hint",
    "error",
    "message",
    "msg",
    "type",
    "length",
    "len",
    "policy",
    "regex",
    "pattern",
    "format",
    "count",
    "max",
    "min",
    "expire",
    "expiry",
    "expires",
    "timeout",
    "ttl",
    "reset",
    "confirm",
    "forgot",
    "invalid",
    "required",
    "name",
    "title",
    "text",
    "description",
    "desc",
    "help",
    "page",
    "link",
    "button",
    "input",
    "column",
    "table",
    "class",
    "id",
    "alias",
    "algorithm",
    "encoder",
    "provider",
    "manager",
    "service",
    "endpoint",
    "issuer",
    "prefix",
    "suffix",
    "version",
    "scope",
    "enabled",
    "mode",
    "status",
    "index",
];

/// Judges `name = value`. `None`: not worth reporting at all.
pub fn assignment(window: &[u8], found: &Assignment) -> Option<(Confidence, Reasons)> {
    let value = &window[found.value.start..found.value.end];
    let name = name_words(&window[found.name.start..found.name.end]);
    let mut reasons = Reasons::default();
    if is_placeholder(value)
        || is_reference(value)
        || is_monotonous(value)
        || value.len() < MIN_VALUE_LEN
    {
        return None;
    }
    let mut odds = BASE_ODDS;
    odds += name_odds(&name, value.len(), &mut reasons);
    odds += form_odds(window, found, value, &mut reasons)?;
    odds += value_odds(&name, value, found.form, &mut reasons)?;
    let score = 1.0 / (1.0 + (-odds).exp());
    let confidence = match score {
        s if s >= HIGH_SCORE && reasons.contains(Reason::RandomValue) => Confidence::High,
        s if s >= MEDIUM_SCORE => Confidence::Medium,
        s if s >= LOW_SCORE => Confidence::Low,
        _ => return None,
    };
    Some((confidence, reasons))
}

/// A value with nothing known about it is rarely a secret.
const BASE_ODDS: f64 = -2.6;
const HIGH_SCORE: f64 = 0.94;
const MEDIUM_SCORE: f64 = 0.62;
const LOW_SCORE: f64 = 0.3;
/// Shorter values are flags and enumerations.
const MIN_VALUE_LEN: usize = 4;

/// Splits a name into lower-case words: at case changes, digits and punctuation.
fn name_words(name: &[u8]) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut previous = b'_';
    for &byte in name {
        let starts = !byte.is_ascii_alphanumeric()
            || (byte.is_ascii_uppercase() && previous.is_ascii_lowercase());
        if starts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if byte.is_ascii_alphanumeric() {
            words
                .last_mut()
                .expect("never empty")
                .push(char::from(byte.to_ascii_lowercase()));
        }
        previous = byte;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn name_odds(words: &[String], value_len: usize, reasons: &mut Reasons) -> f64 {
    let joined = words.concat();
    let best = SECRET_WORDS
        .iter()
        .filter(|(word, _)| joined.contains(word))
        .map(|&(_, odds)| odds)
        .fold(0.0, f64::max);
    if best >= 1.0 {
        reasons.add(Reason::NameSaysSecret);
    }
    let mut odds = best;
    // `password` alone or at the end is the thing itself; in front it may only qualify.
    let last = words.last().map_or("", String::as_str);
    if SECRET_WORDS
        .iter()
        .any(|(word, odds)| *odds >= 1.0 && last.ends_with(word))
        || joined.ends_with("key")
    {
        odds += 0.5;
    }
    let is_public = words.iter().any(|word| word == "public");
    if is_public
        || words
            .iter()
            .rev()
            .take(2)
            .any(|word| OTHER_WORDS.contains(&word.as_str()) || is_plural(word))
    {
        reasons.add(Reason::NameSaysOther);
        odds -= if value_len >= 32 { 1.6 } else { 2.6 };
    }
    odds
}

/// `tokens`, `secrets`, `keys`: lists and counts of them.
fn is_plural(word: &str) -> bool {
    matches!(word, "tokens" | "secrets" | "keys" | "passwords")
}

fn form_odds(
    window: &[u8],
    found: &Assignment,
    value: &[u8],
    reasons: &mut Reasons,
) -> Option<f64> {
    let mut odds = match found.form {
        Form::Quoted => {
            reasons.add(Reason::Quoted);
            0.9
        }
        Form::Template => -1.0,
        Form::Element => 0.4,
        Form::Bare => bare_odds(window, found, value, reasons)?,
    };
    odds += match found.operator {
        Operator::Assign => 0.4,
        Operator::Colon | Operator::Markup => 0.2,
        Operator::Compare => -0.6,
        Operator::Argument => -0.9,
        Operator::Item => -1.8,
        Operator::Blank => -1.4,
    };
    Some(odds)
}

/// A bare word is a value in configuration and an expression in code.
fn bare_odds(
    window: &[u8],
    found: &Assignment,
    value: &[u8],
    reasons: &mut Reasons,
) -> Option<f64> {
    let next = window.get(found.value.end).copied();
    let is_code = value.iter().any(|byte| b"()[]{}".contains(byte))
        || value.windows(2).any(|pair| pair == b"->" || pair == b"::")
        || matches!(next, Some(b'(' | b'[' | b'{'));
    if is_code {
        return None;
    }
    let classes = Classes::of(value);
    let first_is_letter = value[0].is_ascii_alphabetic() || value[0] == b'_';
    let is_identifier = first_is_letter
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte));
    let ends_statement = next == Some(b';');
    let name = &window[found.name.start..found.name.end];
    // `NAME=value` without blanks is an environment file or a shell.
    let is_environment = found.operator == Operator::Assign
        && window[found.value.start - 1] == b'='
        && !name.iter().any(u8::is_ascii_lowercase)
        && !ends_statement;
    if is_environment {
        return Some(0.4);
    }
    if is_identifier && (classes.digits < 2 || ends_statement) {
        reasons.add(Reason::Expression);
        // The value of a YAML key ends its line.
        let ends_line =
            found.operator == Operator::Colon && matches!(next, None | Some(b'\n' | b'\r'));
        return Some(if ends_line { -1.0 } else { -2.0 });
    }
    Some(if ends_statement { -0.8 } else { 0.2 })
}

fn value_odds(name: &[String], value: &[u8], form: Form, reasons: &mut Reasons) -> Option<f64> {
    let classes = Classes::of(value);
    let blanks = value
        .iter()
        .filter(|byte| byte.is_ascii_whitespace())
        .count();
    if value
        .iter()
        .any(|byte| !byte.is_ascii() || byte.is_ascii_control())
    {
        reasons.add(Reason::Sentence);
        return Some(-2.5);
    }
    let mut odds = 0.0;
    if blanks > 0 && form != Form::Bare {
        reasons.add(Reason::Sentence);
        odds -= if blanks > 2 { 4.0 } else { 2.5 };
    }
    if is_path_or_address(value) {
        reasons.add(Reason::Expression);
        odds -= 3.0;
    }
    let text = value.to_ascii_lowercase();
    let joined = name.concat();
    let repeats_name = name
        .iter()
        .any(|word| word.len() >= 4 && text == word.as_bytes())
        || text == joined.as_bytes();
    if repeats_name || is_config_word(&text) {
        reasons.add(Reason::PlainWord);
        odds -= 3.0;
    }
    if is_test_value(&text) {
        reasons.add(Reason::TestValue);
        odds -= 1.0;
    }
    let is_word = classes.digits == 0
        && (classes.upper == 0 || classes.lower == 0 || class_changes(value) <= 3);
    if is_word && classes.other <= value.len() / 4 {
        reasons.add(Reason::PlainWord);
        // People choose words as passwords; a capital first letter is a label or a translation.
        let is_chosen =
            names_password(&joined) && form != Form::Bare && !value[0].is_ascii_uppercase();
        odds -= match (is_chosen, is_identifier_like(value)) {
            (true, false) => 0.2,
            (false, false) => 1.2,
            (_, true) => 2.2,
        };
    } else if classes.kinds() >= 3 || (classes.digits > 0 && classes.kinds() >= 2) {
        reasons.add(Reason::MixedCharacters);
        odds += 0.6;
    }
    if looks_random(value, classes) {
        reasons.add(Reason::RandomValue);
        odds += 1.6;
    }
    if is_numeric(value) {
        reasons.add(Reason::PlainWord);
        odds -= 1.2;
    }
    Some(odds)
}

/// Whether a name says password and nothing after it.
fn names_password(joined: &str) -> bool {
    [
        "password",
        "passwd",
        "passphrase",
        "passwort",
        "pwd",
        "pass",
    ]
    .iter()
    .any(|word| joined.ends_with(word))
}

/// Snake, kebab or camel case with several words: a key in some table, not a password.
fn is_identifier_like(value: &[u8]) -> bool {
    let has_separator =
        value.iter().any(|byte| b"_-.: /".contains(byte)) || class_changes(value) > 1;
    value.len() > 10
        && has_separator
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || b"_-.: /".contains(byte))
}

fn is_numeric(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'x'))
}

/// Random text has an entropy near the most that its length allows, and changes the kind of
/// character often.
fn looks_random(value: &[u8], classes: Classes) -> bool {
    if value.len() < 16
        || value.iter().any(|byte| byte.is_ascii_whitespace())
        || classes.digits == 0
    {
        return false;
    }
    let most = (value.len() as f64).log2().min(6.0);
    let is_hex = value
        .iter()
        .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let bar = if is_hex { 3.0 } else { most * 0.8 };
    bits_per_byte(value) >= bar && class_changes(value) * 4 >= value.len()
}

fn is_path_or_address(value: &[u8]) -> bool {
    let separators = value.iter().filter(|&&byte| byte == b'/').count();
    let is_url = value.windows(3).any(|part| part == b"://");
    let starts = value.starts_with(b"/")
        || value.starts_with(b"./")
        || value.starts_with(b"../")
        || value.starts_with(b"~/");
    let has_extension = value
        .rsplit(|&byte| byte == b'.')
        .next()
        .is_some_and(|tail| {
            tail.len() < value.len()
                && (2..=4).contains(&tail.len())
                && tail.iter().all(u8::is_ascii_lowercase)
        });
    is_url || (starts && separators > 0) || (has_extension && Classes::of(value).digits < 4)
}

/// Values that configuration keys of this kind take when they hold no secret.
fn is_config_word(text: &[u8]) -> bool {
    const WORDS: [&str; 34] = [
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "yes",
        "no",
        "default",
        "string",
        "str",
        "text",
        "bytes",
        "object",
        "number",
        "integer",
        "int",
        "bool",
        "boolean",
        "char",
        "void",
        "self",
        "this",
        "required",
        "optional",
        "bearer",
        "basic",
        "digest",
        "enabled",
        "disabled",
        "auto",
        "password",
        "secret",
        "token",
    ];
    WORDS.iter().any(|word| word.as_bytes() == text)
}

fn is_test_value(text: &[u8]) -> bool {
    const WORDS: [&str; 8] = [
        "test", "foo", "bar", "demo", "dummy", "fake", "mock", "abc123",
    ];
    WORDS
        .iter()
        .any(|word| memchr::memmem::find(text, word.as_bytes()).is_some())
}

/// Values that stand for another one: `$NAME`, `%NAME%`, `<name>`, `{name}`, `%s`.
fn is_reference(value: &[u8]) -> bool {
    let is_variable = matches!(value.first(), Some(b'$' | b'%' | b'<' | b'@' | b'&'))
        && value[1..]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.>%: ".contains(byte));
    let is_format = memchr::memchr(b'%', value).is_some_and(|at| {
        matches!(
            value.get(at + 1),
            Some(b's' | b'd' | b'v' | b'@' | b'q' | b'(')
        ) && value.len() < 12
    });
    let is_template = memchr::memchr(b'{', value).is_some_and(|open| {
        memchr::memchr(b'}', &value[open..]).is_some_and(|close| {
            value[open + 1..open + close]
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.: ".contains(byte))
        })
    });
    is_variable || is_format || is_template
}

/// Values that stand where a secret goes: ellipses, instructions, examples, expressions.
fn is_placeholder(value: &[u8]) -> bool {
    const PARTS: [&str; 40] = [
        "${",
        "{{",
        "}}",
        "%{",
        "<%",
        "$(",
        "#{",
        "...",
        "…",
        "xxxx",
        "****",
        "____",
        "----",
        "example",
        "changeme",
        "change_me",
        "change-me",
        "placeholder",
        "your-",
        "your_",
        "yourpass",
        "yourtoken",
        "yourkey",
        "yoursecret",
        "redacted",
        "removed",
        "insert",
        "replace",
        "todo",
        "fixme",
        "sample",
        "dummy",
        "process.env",
        "os.environ",
        "[0-9",
        "[a-z",
        "[^",
        "\\w",
        "(?:",
        "]{",
    ];
    let text = value.to_ascii_lowercase();
    PARTS
        .iter()
        .any(|part| memchr::memmem::find(&text, part.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::assignment::read;

    fn judged(text: &str, keyword: &str) -> Option<Confidence> {
        let at = text.to_lowercase().find(keyword).unwrap();
        let found = read(text.as_bytes(), at, keyword.len())?;
        assignment(text.as_bytes(), &found).map(|(confidence, _)| confidence)
    }

    #[test]
    fn people_and_machines_make_secrets() {
        // The values are put together here, so that this file passes a scan.
        for (text, value, keyword) in [
            ("db_password = \"@\"", ["Tr0ub4", "dor&3"], "password"),
            ("PASSWORD=@\n", ["hunter2", "-really"], "password"),
            (
                "\"client_secret\": \"@\"",
                ["a8F3kd02", "mXz91LpQ"],
                "secret",
            ),
            ("<password>@</password>", ["S0mmer", "!2019"], "password"),
        ] {
            let text = text.replace('@', &value.concat());
            assert!(judged(&text, keyword) >= Some(Confidence::Medium), "{text}");
        }
    }

    #[test]
    fn code_and_placeholders_do_not() {
        for (text, keyword) in [
            ("password = getPassword();", "password"),
            ("password: string;", "password"),
            ("password = \"${DB_PASSWORD}\"", "password"),
            ("password = \"<your password>\"", "password"),
            ("\"password\": \"Password\"", "password"),
            ("password_hint = \"Enter your pass phrase\"", "password"),
            ("token = next_token", "token"),
            ("secret_path = \"/run/secrets/db\"", "secret"),
            ("password = xxxxxxxx", "password"),
        ] {
            assert!(judged(text, keyword) < Some(Confidence::Medium), "{text}");
        }
    }
}
