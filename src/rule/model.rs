//! What a rule is: plain data. The build script reads these types too, so they know nothing else.

use serde::{Deserialize, Serialize};

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Worth a look when there is time.
    Low,
    /// Likely a secret.
    Medium,
    /// The shape alone proves it, or its checksum was verified.
    High,
}

impl Confidence {
    /// All, lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Reads the word.
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
    /// The bytes of which one must follow, sorted; empty if any may, or none. Known for keywords too
    /// short to be rare.
    pub next: Vec<u8>,
    /// Where in it its rarest four bytes begin; 0 if it is shorter.
    pub gram: u8,
}

impl Keyword {
    /// Returns how many bytes stand where the keyword does: its own, and the one that must follow.
    pub fn span_len(&self) -> usize {
        self.text.len() + usize::from(!self.next.is_empty())
    }

    /// Returns whether the keyword stands at the start of `bytes`.
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

/// Which neighbours of a match are refused, because the match is then part of a longer word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundary {
    /// A word character before the match.
    pub left: bool,
    /// A word character after the secret.
    pub right: bool,
}

/// How a rule looks at the bytes around a keyword.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Matcher {
    /// A regular expression that begins at the keyword.
    Start(String),
    /// A regular expression whose match covers the keyword and begins at most `lookbehind` bytes
    /// before it.
    Infix {
        /// The expression.
        regex: String,
        /// Bytes.
        lookbehind: usize,
    },
    /// `name = value`, in any language, where the name holds the keyword.
    Assignment,
    /// A PEM block that the keyword begins.
    Pem,
    /// A JSON web token that the keyword begins.
    Jwt,
    /// String literals in the columns for passwords of an SQL statement that the keyword begins.
    SqlInsert,
    /// The passwords among a command's arguments.
    Command,
    /// The values of a Secret in a manifest of Kubernetes.
    Manifest,
    /// The value of that number among those that are known already: see `detect::known`.
    Known(u32),
    /// The value that is all of a file, if the file's name means a secret: see `detect::whole`.
    WholeFile,
}

/// What ends a value that a rule's expression finds the beginning of; `detect::syntax` has the
/// table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ends {
    /// What the line says that it stands on.
    Line,
    /// A shell word.
    Word,
    /// A blank alone, as in a netrc file.
    Blank,
    /// The `;` of a connection string, or the quote around it.
    Field,
}

impl Ends {
    /// All with their names in rule files.
    pub const ALL: [(&'static str, Self); 4] = [
        ("line", Self::Line),
        ("word", Self::Word),
        ("blank", Self::Blank),
        ("field", Self::Field),
    ];
}

/// A check that needs no network. `detect::checksum` says what each looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Check {
    /// The last six characters are the CRC-32 of those before them, in base 62.
    Crc32Base62,
    /// The last eight characters are the CRC-32 of those before them, in hexadecimal.
    Crc32Hex,
    /// The last six characters are the CRC-32 of those before them, without the prefix of four, in
    /// base 64.
    Crc32Base64,
    /// What follows the last `=`, if there is one, is the CRC-32 of all before it, in hexadecimal.
    Crc32Tail,
    /// The checksum at the end of a routable GitLab token.
    GitlabRoutable,
    /// The checksum of Bech32.
    Bech32,
    /// The CRC-16 at the end of a NATS seed.
    Nkey,
    /// The first part is a number, in base 64.
    DiscordId,
    /// Header and payload are JSON objects that a token has.
    Jwt,
    /// The account number in an AWS access key id is a possible one.
    AwsKeyId,
    /// It is base64 of a JSON object.
    Base64Json,
    /// It is base64 of `user:password`.
    BasicAuth,
    /// It is a macaroon that PyPI issues.
    PypiMacaroon,
    /// It is a private key in DER or OpenSSH form.
    PrivateKey,
    /// It is base64 of a whole private key in DER form.
    DerKey,
    /// It looks like a token that a program made; else it is of low confidence.
    Token,
    /// It looks like a password, not like a word; else it is of low confidence.
    Password,
    /// It is a UUID other than the one of zeros.
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

/// One kind of secret and how to spot it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// `provider-kind`, unique.
    pub id: String,
    /// Who issues the secret.
    pub provider: String,
    /// What it is.
    pub description: String,
    /// How sure a match is, before checks and score.
    pub confidence: Confidence,
    /// At least one.
    pub keywords: Vec<Keyword>,
    /// What is tried at a keyword.
    pub matcher: Matcher,
    /// Bytes that a match can take from the keyword on, at most.
    pub max_len: usize,
    /// Which neighbours are refused.
    pub boundary: Boundary,
    /// Where the secret ends, if the expression does not say it.
    pub ends: Option<Ends>,
    /// Checks that a match must stand.
    pub checks: Vec<Check>,
    /// Least bits per character over the secret.
    pub entropy: Option<f64>,
    /// Expressions: a secret in which one of them matches is none.
    pub except: Vec<String>,
    /// Rules of secrets to which what this one finds belongs, if it stands near: a key's id.
    pub part_of: Vec<String>,
    /// Whether this kind is meant to be public.
    pub public: bool,
    /// Where to make it useless.
    pub rotate: Option<String>,
    /// What its issuer says about it.
    pub docs: Option<String>,
    /// What to do about it where it stands, beside that.
    pub advice: Option<String>,
    /// Templates of text that the rule finds. The built-in rules come without: see
    /// `rule::builtin_with_proofs`.
    pub examples: Vec<String>,
    /// Templates of text that it must not find.
    pub near_misses: Vec<String>,
}

impl Rule {
    /// Whether the rule knows only the place where a secret stands, not its shape. Any other rule
    /// is preferred on the same bytes.
    pub fn is_generic(&self) -> bool {
        matches!(self.matcher, Matcher::Assignment | Matcher::WholeFile)
    }

    /// Whether only the path of a file tells whether what the rule found is a secret. Nothing that it
    /// found is reported before the paths are known.
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

    /// Whether `word` is the id of a rule, or one with up to two wrong letters.
    pub fn is_meant(&self, word: &str) -> bool {
        /// Wrong, missing, added or exchanged letters.
        const MAX_ERRORS: usize = 2;
        let is_like = |id: &str| {
            id.len().abs_diff(word.len()) <= MAX_ERRORS
                && strsim::osa_distance(id, word) <= MAX_ERRORS
        };
        self.get(word).is_some()
            || (word.contains('-') && self.rules.iter().any(|rule| is_like(&rule.id)))
    }
}
