//! How likely a match is a secret, and why.
//!
//! A rule with a shape starts from its own confidence; checks and entropy move it. An assignment
//! has no shape: `trees` judges what `features` tells about its name, its value and its syntax. The
//! reasons are kept for the report.

use percent_encoding::percent_decode;
use serde::{Deserialize, Serialize};

use super::assignment::Assignment;
use super::ceiling;
use super::checksum::{self, Outcome};
use super::entropy::{Classes, bits_per_byte, class_changes, is_random_call, is_regular};
use super::features::{self, Fact, Features};
use super::placeholder::{is_config_word, is_placeholder, is_published, is_reference};
use super::trees;
use crate::rule::{Check, Confidence, Matcher, Rule};

/// Why a match has the confidence that it has. A set: reasons are added with [`Reasons::add`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reasons(u64);

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
    Partial,
    NamedShape,
    Place,
    Block,
    Assigned,
    Encrypted,
    Many,
    Weak,
    TokenStart,
    StructureWrong,
    LockFile,
    Translation,
    NamedFile,
    Signed,
    Signs,
    Expired,
}

impl Reason {
    const ALL: [Self; 33] = [
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
        Self::Partial,
        Self::NamedShape,
        Self::Place,
        Self::Block,
        Self::Assigned,
        Self::Encrypted,
        Self::Many,
        Self::Weak,
        Self::TokenStart,
        Self::StructureWrong,
        Self::LockFile,
        Self::Translation,
        Self::NamedFile,
        Self::Signed,
        Self::Signs,
        Self::Expired,
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
            Self::Partial => "only a part of the value could be read",
            Self::NamedShape => "has the length and characters of this key, beside its name",
            Self::Place => "stands where a password stands",
            Self::Block => "is a block of this kind",
            Self::Encrypted => "is encrypted",
            Self::LockFile => "stands only in files of digests, such as lock files",
            Self::Translation => "stands only in translations",
            Self::NamedFile => "is all of a file whose name means a secret",
            Self::Signed => "signed with a secret that was found, too, or is widely known",
            Self::Signs => "signs a token that was found, too",
            Self::Expired => "was expired before it was committed",
            Self::Many => "one of many values of this name in one file",
            Self::StructureWrong => "does not decode to what it should hold",
            Self::Weak => "too short or too plain to be sure",
            Self::TokenStart => "begins like an issuer's token, but is too short or made of words",
            Self::Assigned => "assigned to a name that can mean a secret",
        }
    }
}

impl Reasons {
    /// Adds one.
    pub fn add(&mut self, reason: Reason) {
        self.0 |= 1 << reason as u64;
    }

    /// Returns whether `reason` is in the set.
    pub fn contains(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u64) != 0
    }

    /// Whether a check proves that the value is a secret, whatever it looks like.
    pub fn is_proven(self) -> bool {
        self.contains(Reason::ChecksumVerified)
            || self.contains(Reason::StructureVerified)
            || self.contains(Reason::KnownValue)
            || self.contains(Reason::Signs)
    }

    /// Returns all of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns whether something says that the value is none, or not this issuer's, whatever its shape.
    pub fn is_doubted(self) -> bool {
        const DOUBTS: [Reason; 5] = [
            Reason::Placeholder,
            Reason::Expression,
            Reason::LowEntropy,
            Reason::ChecksumWrong,
            Reason::StructureWrong,
        ];
        DOUBTS.iter().any(|&reason| self.contains(reason))
    }

    /// Returns all, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL
            .into_iter()
            .filter(move |&reason| self.contains(reason))
    }
}

/// Judges a match of a rule that knows a shape. What speaks against it makes it low, with that
/// reason; a check that verifies it outweighs everything but that the issuer publishes the value.
pub fn shaped(rule: &Rule, secret: &[u8]) -> (Confidence, Reasons) {
    let mut reasons = Reasons::default();
    reasons.add(shape_reason(rule));
    let mut confidence = rule.confidence;
    let mut is_verified = false;
    for &check in &rule.checks {
        let outcome = checksum::run(check, secret);
        is_verified |= outcome == Outcome::Verified;
        if !matches!(outcome, Outcome::Verified | Outcome::Plausible) {
            confidence = Confidence::Low;
        }
        if let Some(reason) = outcome_reason(check, outcome) {
            reasons.add(reason);
        }
    }
    if is_verified && !reasons.contains(Reason::ChecksumWrong) {
        confidence = Confidence::High;
    } else if let Some(doubt) = doubt(rule, secret) {
        confidence = Confidence::Low;
        reasons.add(doubt);
    }
    if is_published(secret) {
        confidence = Confidence::Low;
        reasons.add(Reason::TestValue);
    }
    (confidence, reasons)
}

/// What the outcome of a check says.
fn outcome_reason(check: Check, outcome: Outcome) -> Option<Reason> {
    match (outcome, check) {
        (Outcome::Verified, _) => Some(Reason::ChecksumVerified),
        // It looks like one: that is no proof.
        (Outcome::Plausible, Check::Password) => None,
        (Outcome::Plausible, Check::Token) => Some(Reason::RandomValue),
        (Outcome::Plausible, _) => Some(Reason::StructureVerified),
        (Outcome::Failed, _) => Some(Reason::ChecksumWrong),
        (Outcome::Malformed, _) => Some(Reason::StructureWrong),
        (Outcome::Weak, _) => Some(Reason::Weak),
    }
}

/// What the rule alone knows about its matches.
fn shape_reason(rule: &Rule) -> Reason {
    match &rule.matcher {
        Matcher::Pem | Matcher::Jwt => Reason::Block,
        // An issuer's word, then a value.
        Matcher::Start(regex) if regex.starts_with("(?i:") => Reason::NamedShape,
        _ if rule.confidence < Confidence::High => Reason::Place,
        Matcher::Start(regex) | Matcher::Infix { regex, .. } if is_behind_a_name(regex) => {
            Reason::NamedShape
        }
        _ => Reason::Shape,
    }
}

/// Whether an expression knows its secret by what stands before it alone: it begins with no letter
/// that only this issuer's tokens have.
fn is_behind_a_name(regex: &str) -> bool {
    const GROUP: &str = "(?P<secret>";
    let secret = regex.find(GROUP).map(|at| &regex[at + GROUP.len()..]);
    let is_class = |secret: &str| secret.starts_with(['[', '\\']) || secret.starts_with("(?:[");
    secret.is_some_and(is_class)
}

/// What makes a value of low confidence that a generic rule found: an issuer's prefix, of
/// `token_start` bytes, before what no issuer makes; a pattern; a value that an issuer publishes.
pub fn tempered(value: &[u8], token_start: Option<usize>) -> Option<Reason> {
    let is_stub = |start: usize| {
        let rest = &value[start..];
        rest.len() < MIN_TOKEN_REST || is_of_words(rest)
    };
    if is_published(value) {
        Some(Reason::TestValue)
    } else if token_start.is_some_and(is_stub) {
        Some(Reason::TokenStart)
    } else {
        is_regular(value).then_some(Reason::LowEntropy)
    }
}

/// No issuer's token has fewer characters behind its prefix.
const MIN_TOKEN_REST: usize = 12;

/// `your-token`, `REPLACE_THIS`: letters of one case each, with marks between them.
fn is_of_words(text: &[u8]) -> bool {
    let is_word = |word: &[u8]| {
        let rest = word.get(1..).unwrap_or_default();
        word.len() <= 16
            && word.iter().all(u8::is_ascii_alphabetic)
            && (rest.iter().all(u8::is_ascii_lowercase) || word.iter().all(u8::is_ascii_uppercase))
    };
    text.split(|byte| b"-_. ".contains(byte)).all(is_word)
}

/// The part of a token behind its prefix, by which patterns are told.
fn token_body(secret: &[u8]) -> &[u8] {
    const MAX_PREFIX_LEN: usize = 16;
    let head = &secret[..secret.len().min(MAX_PREFIX_LEN)];
    let last = head.iter().rposition(|byte| b"_-.:/".contains(byte));
    let body = last.map_or(secret, |last| &secret[last + 1..]);
    if body.len() >= MIN_TOKEN_REST {
        body
    } else {
        secret
    }
}

/// What says that a value of the right shape is no secret.
fn doubt(rule: &Rule, secret: &[u8]) -> Option<Reason> {
    // Chance spells words in long random texts: the body of a key is judged by its structure.
    if rule.matcher == Matcher::Pem {
        return None;
    }
    let bits = bits_per_byte(secret);
    // Documentation shows tokens such as 'EXAMPLE' or 'aaaabbbb' in the right length.
    let is_even = bits < LEAST_BITS && secret.len() >= 16;
    let plain = plain_password(rule, secret);
    // People do take such words on command lines.
    let is_word = match rule.matcher {
        Matcher::Command => is_config_word(&secret.to_ascii_lowercase()),
        _ => is_plain_word(plain.as_deref().unwrap_or(secret)),
    };
    if is_placeholder(secret) || plain.as_deref().is_some_and(is_placeholder) {
        Some(Reason::Placeholder)
    } else if is_word {
        // `https://user:password@host` stands in every manual.
        Some(Reason::PlainWord)
    } else if is_reference(secret, true) || plain.is_some_and(|text| is_reference(&text, true)) {
        Some(Reason::Expression)
    } else if is_even
        || is_regular(secret)
        || is_regular(token_body(secret))
        || rule.entropy.is_some_and(|floor| bits < floor)
    {
        Some(Reason::LowEntropy)
    } else if names_another(secret) {
        // `https://x:MY_GITHUB_TOKEN@host`
        Some(Reason::Placeholder)
    } else {
        None
    }
}

/// Whether the value is the name of a variable that holds a secret.
fn names_another(secret: &[u8]) -> bool {
    const ENDS: [&[u8]; 5] = [b"_TOKEN", b"_PASSWORD", b"_PASS", b"_SECRET", b"_KEY"];
    let is_constant = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_';
    secret.iter().all(is_constant) && ENDS.iter().any(|end| secret.ends_with(end))
}

/// The password that a value means: in an address `%40` is a sign, and the credentials of HTTP are base64.
fn plain_password(rule: &Rule, secret: &[u8]) -> Option<Vec<u8>> {
    if rule.checks.contains(&Check::BasicAuth) {
        return checksum::basic_password(secret);
    }
    memchr::memchr(b'%', secret)?;
    Some(percent_decode(secret).collect())
}

/// A word for a password that manuals and tests show: `p@ssword`, `new-password`, `mypass`, or a name that
/// every example has.
fn is_plain_word(password: &[u8]) -> bool {
    const NAMES: [&[u8]; 6] = [b"foo", b"bar", b"baz", b"hello", b"world", b"opensesame"];
    const WORDS: [&[u8]; 9] = [
        b"password",
        b"passwd",
        b"pass",
        b"pwd",
        b"secret",
        b"token",
        b"passphrase",
        b"secretpassword",
        b"accesstoken",
    ];
    const BEFORE: [&[u8]; 9] = [
        b"new", b"old", b"my", b"the", b"real", b"proxy", b"your", b"some", b"user",
    ];
    let text = password.to_ascii_lowercase();
    let is_word = |byte: &u8| byte.is_ascii_alphabetic() || b"-_ .@$!".contains(byte);
    if is_config_word(&text) || !text.iter().all(is_word) {
        return is_config_word(&text);
    }
    let letters: Vec<u8> = text
        .iter()
        .copied()
        .filter(u8::is_ascii_alphabetic)
        .collect();
    let rest = BEFORE.iter().find_map(|word| letters.strip_prefix(*word));
    let rest = rest.unwrap_or(&letters);
    // Signs stand for the vowels.
    let consonants = |text: &[u8]| -> Vec<u8> {
        let is_vowel = |byte: &u8| b"ao".contains(byte);
        text.iter()
            .copied()
            .filter(|byte| !is_vowel(byte))
            .collect()
    };
    let is_spelled = |word: &&[u8]| letters != text && consonants(word) == consonants(rest);
    NAMES.contains(&&letters[..]) || WORDS.contains(&rest) || WORDS[..3].iter().any(is_spelled)
}

/// Random text of 16 characters from an alphabet of 16 or more stays above this in all but one of
/// ten thousand cases (simulated).
const LEAST_BITS: f64 = 2.3;

/// Judges `name = value`. `None`: not worth reporting at all.
pub fn assignment(window: &[u8], found: &Assignment) -> Option<(Confidence, Reasons)> {
    let features = features::of(window, found)?;
    let score = trees::score(&features);
    let value = &window[found.value.start..found.value.end];
    let mut reasons = assignment_reasons(&features, value);
    if found.is_partial {
        reasons.add(Reason::Partial);
    }
    let confidence = match score {
        s if s < LOW_SCORE && may_be_password(&features, value) => Confidence::Low,
        s if s < LOW_SCORE && may_be_word(&features, value) => Confidence::Low,
        s if s >= HIGH_SCORE && is_plain_secret(&features) => Confidence::High,
        s if s >= MEDIUM_SCORE => Confidence::Medium,
        s if s >= LOW_SCORE => Confidence::Low,
        _ => return None,
    };
    Some((
        confidence.min(ceiling::of(window, found, &features)),
        reasons,
    ))
}

/// From this score on, a random value of a plain name is of high confidence. In thousandths of
/// log-odds.
pub const HIGH_SCORE: i32 = 2_750;
/// From this on, of medium confidence.
pub const MEDIUM_SCORE: i32 = 0;
/// From this on, of low confidence; below, it is not kept at all.
pub const LOW_SCORE: i32 = -1_000;

/// Whether the value looks random, and its name plainly means a secret that nobody else may see.
fn is_plain_secret(features: &Features) -> bool {
    (features.is(Fact::LooksRandom) || features.is(Fact::IsRandomMix))
        && features.get(Fact::NameKind) >= 2
        && !features.is(Fact::NameIsPublic)
        && !features.is(Fact::NameMeansOther)
}

/// Whether a value of several kinds of characters is assigned to a password, and nothing says that
/// it is code: people choose such ones, and no score may hide them altogether.
fn may_be_password(features: &Features, value: &[u8]) -> bool {
    const OTHERS: [Fact; 7] = [
        Fact::IsPath,
        Fact::NameMeansOther,
        Fact::IsCall,
        Fact::IsPlaceholder,
        Fact::IsPhrase,
        Fact::IsProse,
        Fact::IsVersion,
    ];
    // No name of a function mixes digits and letters all along.
    let is_random_call = is_random_call(value);
    let is_bare_name =
        features.is(Fact::IsBare) && features.is(Fact::IsIdentifier) && !is_random_call;
    let is_chosen = features.is(Fact::NameIsPassword)
        && !is_bare_name
        && value.len() >= 8
        && !value
            .iter()
            .any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
        && (Classes::of(value).kinds() >= 3 || Classes::of(value).other >= 3);
    let is_mix = features.is(Fact::IsRandomMix) && features.get(Fact::NameKind) >= 2;
    let is_other = |fact: Fact| features.is(fact) && !(fact == Fact::IsCall && is_random_call);
    (is_chosen && !OTHERS.into_iter().any(is_other)) || is_mix
}

/// Whether a word, or a phrase of a few words in small letters, is assigned to a plain secret: people
/// choose such ones, too.
fn may_be_word(features: &Features, value: &[u8]) -> bool {
    const OTHERS: [Fact; 16] = [
        Fact::NameMeansOther,
        Fact::NameIsPublic,
        Fact::NameIsPlace,
        Fact::NameIsVerb,
        Fact::NameIsPlural,
        Fact::IsConfigWord,
        Fact::IsType,
        Fact::IsPlaceholder,
        Fact::IsPath,
        Fact::IsFile,
        Fact::IsCall,
        Fact::IsProse,
        Fact::IsVersion,
        Fact::RepeatsName,
        Fact::IsComment,
        Fact::ByProse,
    ];
    const ENDS: [&str; 4] = ["secret", "token", "pepper", "otp"];
    let last = features.name_words.last();
    let is_plain =
        features.is(Fact::NameIsPassword) || last.is_some_and(|word| ENDS.contains(&word.as_str()));
    let is_environment = features.is(Fact::IsEnvironment);
    // Words for tokens are those of parsers, too.
    let is_token = last.is_some_and(|word| word == "token");
    let is_told = is_environment || (features.is(Fact::IsQuoted) && !is_token);
    let is_told = is_told || (features.is(Fact::IsQuoted) && features.is(Fact::Digits));
    let is_phrase =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b" '-".contains(byte);
    let is_word = |byte: &u8| byte.is_ascii_graphic() || !byte.is_ascii();
    let words = value.split(|byte| *byte == b' ').count();
    is_plain
        && is_told
        && !OTHERS.iter().any(|&fact| features.is(fact))
        && match words {
            1 => value[0].is_ascii_alphanumeric() && value.iter().all(is_word),
            2..=6 => value.iter().all(is_phrase),
            _ => false,
        }
}

/// How likely a score says that it is a secret, of 1.
pub fn probability(score: i32) -> f64 {
    1.0 / (1.0 + (-f64::from(score) / 1000.0).exp())
}

/// The facts that people understand without the trees.
fn assignment_reasons(features: &Features, value: &[u8]) -> Reasons {
    let mut reasons = Reasons::default();
    const TOLD: [(Fact, Reason); 17] = [
        (Fact::NameMeansOther, Reason::NameSaysOther),
        (Fact::NameIsPublic, Reason::NameSaysOther),
        (Fact::IsProse, Reason::Sentence),
        (Fact::IsPath, Reason::Expression),
        (Fact::IsCall, Reason::Expression),
        (Fact::RepeatsName, Reason::PlainWord),
        (Fact::IsConfigWord, Reason::PlainWord),
        (Fact::IsPhrase, Reason::PlainWord),
        (Fact::IsTestValue, Reason::TestValue),
        (Fact::IsPlaceholder, Reason::Placeholder),
        (Fact::IsEncrypted, Reason::Encrypted),
        (Fact::IsRegular, Reason::LowEntropy),
        (Fact::IsDigest, Reason::Digest),
        (Fact::IsUuid, Reason::Digest),
        (Fact::IsQuoted, Reason::Quoted),
        (Fact::IsRandomMix, Reason::RandomValue),
        (Fact::LooksRandom, Reason::RandomValue),
    ];
    for (_, reason) in TOLD.iter().filter(|&&(fact, _)| features.is(fact)) {
        reasons.add(*reason);
    }
    if features.get(Fact::NameKind) >= 3 {
        reasons.add(Reason::NameSaysSecret);
    }
    if features.get(Fact::Blanks) > 1 {
        reasons.add(Reason::Sentence);
    }
    let classes = Classes::of(value);
    if classes.kinds() >= 3 || (classes.digits > 0 && classes.kinds() == 2) {
        reasons.add(Reason::MixedCharacters);
    }
    if !reasons.contains(Reason::NameSaysSecret) {
        reasons.add(Reason::Assigned);
    }
    reasons
}

/// Random text has an entropy near the most that its length allows, and changes the kind of
/// character often.
pub(super) fn looks_random(value: &[u8], classes: Classes) -> bool {
    // A short one must mix small letters, capitals and digits all along, as no word does.
    let is_mixed = classes.lower > 0 && classes.upper > 0 && classes.digits > 1;
    let is_short_mix = value.len() >= 12 && is_mixed && class_changes(value) * 3 >= value.len() * 2;
    if (value.len() < 16 && !is_short_mix)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::assignment::read;

    fn judged(text: &str, keyword: &str) -> Option<Confidence> {
        let at = text.to_lowercase().find(keyword).unwrap();
        let mut found = Vec::new();
        read(text.as_bytes(), at, keyword.len(), &mut found);
        let judged = found
            .iter()
            .filter_map(|found| assignment(text.as_bytes(), found));
        judged.map(|(confidence, _)| confidence).max()
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

    #[test]
    fn words_numbers_and_mechanisms_are_not_secrets() {
        for (text, keyword) in [
            ("creationToken = 1643842562", "token"),
            ("sasl_auth = \"XOAUTH2\"", "auth"),
            ("auth = \"CRAM-MD5\"", "auth"),
            ("--proxy-pass  7.52.0", "pass"),
            ("the token takes precedence", "token"),
            // The number that issuers give for tests.
            ("card_token = \"4111-1111-1111-1111\"", "token"),
        ] {
            assert!(judged(text, keyword) < Some(Confidence::Medium), "{text}");
        }
    }

    #[test]
    fn a_number_that_fails_luhn_is_no_card() {
        let named = |end: &str| format!("db_password = \"45391488{end}\"");
        assert!(judged(&named("03436468"), "password").is_some());
        assert!(judged(&named("03436467"), "password").is_none());
    }

    #[test]
    fn what_issuers_publish_is_low() {
        let key = ["sk_test_4eC39Hq", "LyjWDarjtT1zdp7dc"].concat();
        let rules = crate::rule::builtin().unwrap();
        let rule = rules.get("stripe-test-key").unwrap();
        let (confidence, reasons) = shaped(rule, key.as_bytes());
        assert_eq!(confidence, Confidence::Low);
        assert!(reasons.contains(Reason::TestValue));
        let other = key.replace('4', "5");
        assert!(!shaped(rule, other.as_bytes()).1.contains(Reason::TestValue));
    }

    #[test]
    fn stubs_and_patterns_are_low() {
        for (value, start, expected) in [
            ("xoxp-your-token", Some(5), Some(Reason::TokenStart)),
            ("sk_test_short", Some(8), Some(Reason::TokenStart)),
            (
                "abcd-this-IS-a-Longer-text",
                Some(5),
                Some(Reason::TokenStart),
            ),
            ("123123123123", None, Some(Reason::LowEntropy)),
            ("correct-horse", None, None),
        ] {
            assert_eq!(tempered(value.as_bytes(), start), expected, "{value}");
        }
        let long = ["xoxp-", "8f3kd02mXz91", "LpQ7"].concat();
        assert_eq!(tempered(long.as_bytes(), Some(5)), None);
    }

    #[test]
    fn a_value_behind_a_name_has_no_shape_of_its_own() {
        let rules = crate::rule::builtin().unwrap();
        let reason = |id: &str| shape_reason(rules.get(id).unwrap());
        assert_eq!(reason("github-pat"), Reason::Shape);
        assert_eq!(reason("slack-webhook"), Reason::Shape);
        assert_eq!(reason("rails-master-key"), Reason::NamedShape);
        assert_eq!(reason("alchemy-endpoint"), Reason::NamedShape);
        for rule in &rules.rules {
            let is_context =
                matches!(&rule.matcher, Matcher::Start(regex) if regex.starts_with("(?i:"));
            assert!(
                !is_context || shape_reason(rule) == Reason::NamedShape,
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn samples_of_manuals_are_low_in_any_variant() {
        let key = ["wJalrXUtnFEMI/K7MDENG", "/bPxRfiCY", "ZZaaBBccDD"].concat();
        assert!(is_published(key.as_bytes()));
        let claims = [
            "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFt",
            "ZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9",
        ];
        let head = ["eyJhbGci", "OiJIUzI1NiJ9"].concat();
        let sample = [head.as_str(), &claims.concat(), "abcdefghijkl"].join(".");
        assert!(is_published(sample.as_bytes()));
        assert!(!is_published(b"wJalrXUtnFEMI"));
    }
}
