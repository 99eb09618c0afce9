//! The data types of rules. The build script includes this file, so it must not depend on other
//! modules.

use serde::{Deserialize, Serialize};

/// The confidence of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Possibly a secret.
    Low,
    /// Likely a secret.
    Medium,
    /// The shape alone proves it, or its checksum was verified.
    High,
}

impl Confidence {
    /// All values, lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Parses a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|confidence| confidence.name() == name)
    }
}

/// A literal that must be present for a rule to be tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Keyword {
    /// Its bytes; lower case if `any_case`.
    pub text: Vec<u8>,
    /// Whether ASCII case is ignored.
    pub any_case: bool,
    /// The bytes that may follow the keyword, sorted. Empty if every byte may follow, or if none
    /// has to. Set only for short keywords, which would otherwise be frequent.
    pub next: Vec<u8>,
    /// The position of its rarest four bytes; 0 if it is shorter.
    pub gram: u8,
}

impl Keyword {
    /// Returns the length of the keyword, including the required next byte if there is one.
    pub fn span_len(&self) -> usize {
        self.text.len() + usize::from(!self.next.is_empty())
    }

    /// Returns whether `bytes` begins with the keyword.
    pub fn stands_at_start(&self, bytes: &[u8]) -> bool {
        let Some((found, rest)) = bytes.split_at_checked(self.text.len()) else {
            return false;
        };
        let same = if self.any_case {
            found.eq_ignore_ascii_case(&self.text)
        } else {
            found == self.text
        };
        same && (self.next.is_empty()
            || rest
                .first()
                .is_some_and(|byte| self.next.binary_search(byte).is_ok()))
    }
}

/// Which neighbours of a match make it a part of a longer word, so that it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundary {
    /// A word character before the match.
    pub left: bool,
    /// A word character after the secret.
    pub right: bool,
}

/// How a rule examines the bytes around a keyword.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Matcher {
    /// A regular expression that begins at the keyword.
    Start(String),
    /// A regular expression whose match covers the keyword and begins at most `lookbehind` bytes
    /// before it.
    Infix {
        /// The expression.
        regex: String,
        /// The maximum number of bytes from the start of a match to the keyword.
        lookbehind: usize,
    },
    /// `name = value` in any language, where the name contains the keyword.
    Assignment,
    /// A PEM block that the keyword begins.
    Pem,
    /// A JSON web token that the keyword begins.
    Jwt,
    /// String literals in the columns for passwords of an SQL statement that the keyword begins.
    SqlInsert,
    /// The passwords among a command's arguments.
    Command,
    /// The values of a Secret in a Kubernetes manifest.
    Manifest,
    /// The known value with this number: see `detect::known`.
    Known(u32),
    /// The single value of a file whose name indicates a secret: see `detect::whole`.
    WholeFile,
}

/// Where a value ends if the regular expression of the rule matches only its beginning;
/// `detect::syntax` contains the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ends {
    /// At the end that the syntax of the line defines.
    Line,
    /// At the end of a shell word.
    Word,
    /// At a blank, as in a netrc file.
    Blank,
    /// At the `;` of a connection string, or at the closing quote.
    Field,
}

impl Ends {
    /// All values with their names in rule files.
    pub const ALL: [(&'static str, Self); 4] = [
        ("line", Self::Line),
        ("word", Self::Word),
        ("blank", Self::Blank),
        ("field", Self::Field),
    ];
}

/// A check of a value that needs no network. `detect::checksum` implements the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Check {
    /// The last six characters are the CRC-32 of those before them, in base 62.
    Crc32Base62,
    /// The last eight characters are the CRC-32 of those before them, in hexadecimal.
    Crc32Hex,
    /// The last six characters are the CRC-32 of those before them, without the prefix of four, in
    /// base 64.
    Crc32Base64,
    /// If there is an `=`, the text after the last one is the CRC-32 of everything before it, in
    /// hexadecimal.
    Crc32Tail,
    /// The checksum at the end of a routable GitLab token.
    GitlabRoutable,
    /// The checksum of Bech32.
    Bech32,
    /// The CRC-16 at the end of a NATS seed.
    Nkey,
    /// The first part is a number, in base 64.
    DiscordId,
    /// Header and payload are JSON objects with the members of a token.
    Jwt,
    /// The account number in an AWS access key id is valid.
    AwsKeyId,
    /// It is base64 of a JSON object.
    Base64Json,
    /// It is base64 of `user:password`.
    BasicAuth,
    /// It is a macaroon of PyPI.
    PypiMacaroon,
    /// It is a private key in DER or OpenSSH form.
    PrivateKey,
    /// It is base64 of a whole private key in DER form.
    DerKey,
    /// It looks like a generated token; otherwise its confidence is low.
    Token,
    /// It looks like a password, not like a word; otherwise its confidence is low.
    Password,
    /// It is a UUID other than the nil UUID.
    UuidNotNil,
}

impl Check {
    /// Every check with its name in rule files.
    pub const ALL: [(&'static str, Self); 18] = [
        ("crc32-base62", Self::Crc32Base62),
        ("crc32-hex", Self::Crc32Hex),
        ("crc32-base64", Self::Crc32Base64),
        ("crc32-tail", Self::Crc32Tail),
        ("gitlab-routable", Self::GitlabRoutable),
        ("bech32", Self::Bech32),
        ("nkey", Self::Nkey),
        ("discord-id", Self::DiscordId),
        ("jwt", Self::Jwt),
        ("aws-key-id", Self::AwsKeyId),
        ("base64-json", Self::Base64Json),
        ("basic-auth", Self::BasicAuth),
        ("pypi-macaroon", Self::PypiMacaroon),
        ("private-key", Self::PrivateKey),
        ("der-key", Self::DerKey),
        ("token", Self::Token),
        ("password", Self::Password),
        ("uuid-not-nil", Self::UuidNotNil),
    ];
}

/// One kind of secret and how to find it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// `provider-kind`, unique.
    pub id: String,
    /// Who issues the secret.
    pub provider: String,
    /// What it is.
    pub description: String,
    /// The confidence of a match, before checks and score.
    pub confidence: Confidence,
    /// The keywords; at least one.
    pub keywords: Vec<Keyword>,
    /// The matcher that is run at a keyword.
    pub matcher: Matcher,
    /// The maximum length of a match in bytes, counted from the keyword.
    pub max_len: usize,
    /// Which neighbours are refused.
    pub boundary: Boundary,
    /// Where the secret ends, if the regular expression does not define it.
    pub ends: Option<Ends>,
    /// Checks that a match must pass.
    pub checks: Vec<Check>,
    /// The minimum entropy of the secret in bits per character.
    pub entropy: Option<f64>,
    /// Regular expressions of values that are no secrets.
    pub except: Vec<String>,
    /// Rules of secrets that this value belongs to if it is near one of them, such as the id of a
    /// key.
    pub part_of: Vec<String>,
    /// Whether this kind is meant to be public.
    pub public: bool,
    /// The page on which the secret is revoked.
    pub rotate: Option<String>,
    /// The documentation of its issuer.
    pub docs: Option<String>,
    /// What else to do about the secret in its place.
    pub advice: Option<String>,
    /// Templates of text that the rule must find. Empty in the built-in rules: see
    /// `rule::builtin_with_proofs`.
    pub examples: Vec<String>,
    /// Templates of text that the rule must not find.
    pub near_misses: Vec<String>,
}

impl Rule {
    /// Returns whether the rule knows only the context of a secret, not its shape. Every other rule
    /// has precedence over it on the same bytes.
    pub fn is_generic(&self) -> bool {
        matches!(self.matcher, Matcher::Assignment | Matcher::WholeFile)
    }

    /// Returns whether the path of a file decides if a match is a secret. Matches of such a rule
    /// are not reported before the paths are known.
    pub fn needs_path(&self) -> bool {
        self.matcher == Matcher::WholeFile
    }
}

/// Rules in the order of their file; ids are unique.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuleSet {
    /// The rules.
    pub rules: Vec<Rule>,
}

impl RuleSet {
    /// Returns the rule named `id`.
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == id)
    }

    /// Returns whether `word` is the id of a rule, with up to two wrong letters.
    pub fn is_meant(&self, word: &str) -> bool {
        /// The maximum number of wrong, missing, added or exchanged letters.
        const MAX_ERRORS: usize = 2;
        let is_like = |id: &str| {
            id.len().abs_diff(word.len()) <= MAX_ERRORS
                && strsim::osa_distance(id, word) <= MAX_ERRORS
        };
        self.get(word).is_some()
            || (word.contains('-') && self.rules.iter().any(|rule| is_like(&rule.id)))
    }
}
