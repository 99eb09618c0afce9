//! How an issuer is asked about a secret: plain data, as `[rule.validate]` and `[rule.revoke]` say it.
//! The build script reads these types too, so they know nothing else. `request_text` reads them from
//! text; `validate` fills them in, and judges the answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The requests of all rules that have one, by rule id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Requests {
    /// By rule id.
    pub rules: BTreeMap<String, Issuer>,
}

/// What the issuer of a rule's secrets offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Issuer {
    /// The issuer's name.
    pub provider: String,
    /// How to ask whether a secret is active.
    pub validate: Option<Inquiry>,
    /// How its holder switches it off.
    pub revoke: Option<Inquiry>,
}

/// One question, in one or two requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inquiry {
    /// How the question is asked.
    pub kind: Kind,
    /// The host that `{host}` stands for, unless the user names another one.
    pub host: Option<String>,
    /// The requests, in order: one, or two if the second needs a value of the first. None for kinds other
    /// than HTTP.
    pub steps: Vec<Step>,
    /// Whether the issuer tells the owner about the request, or alerts on it.
    pub noisy: bool,
    /// What the request changes at the issuer, if it does more than read.
    pub effect: Option<String>,
}

/// How a question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The requests that the rule names.
    Http,
    /// A request signed with Signature Version 4 of AWS.
    Aws,
    /// A token for a service account of Google, asked for with a JWT signed by its key.
    GoogleServiceAccount,
    /// The expiry in a JSON web token; nothing is sent.
    Jwt,
    /// A login at a PostgreSQL server.
    PostgreSql,
    /// A login at a MySQL or MariaDB server.
    MySql,
    /// A login at a Redis server.
    Redis,
    /// A login at a MongoDB server.
    MongoDb,
}

impl Kind {
    /// All with their names in rule files.
    pub const ALL: [(&'static str, Self); 8] = [
        ("http", Self::Http),
        ("aws", Self::Aws),
        ("google-service-account", Self::GoogleServiceAccount),
        ("jwt", Self::Jwt),
        ("postgresql", Self::PostgreSql),
        ("mysql", Self::MySql),
        ("redis", Self::Redis),
        ("mongodb", Self::MongoDb),
    ];

    /// Whether the rule names its requests.
    pub fn has_steps(self) -> bool {
        matches!(self, Self::Http | Self::Aws | Self::GoogleServiceAccount)
    }

    /// The name in rule files.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }
}

/// One HTTP request and how its answer is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Where it is sent; begins with `https://`.
    pub url: Template,
    /// Names and values.
    pub headers: Vec<(String, Template)>,
    /// What is sent.
    pub body: Option<Template>,
    /// How values in the body are written.
    pub escape: Escape,
    /// The secret is active (or switched off, in `revoke`) if one of these holds.
    pub active: Vec<Condition>,
    /// It is inactive if one of these holds.
    pub inactive: Vec<Condition>,
    /// Whose it is.
    pub whose: Vec<Fact>,
    /// What it can do, and how long.
    pub can: Vec<Fact>,
    /// Values that the next step uses.
    pub take: Vec<Fact>,
}

/// How a value is written inside a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Escape {
    /// As it is.
    Plain,
    /// As in a JSON string, without the quotes.
    Json,
    /// As in a URL or a form.
    Url,
}

/// Text with values in it, as `Bearer {secret}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// As it was written.
    pub text: String,
    /// Its pieces.
    pub pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Piece {
    /// Literal text.
    Text(String),
    /// Some values in a row, sent through filters.
    Value {
        /// The values.
        terms: Vec<Term>,
        /// The filters, first to last.
        filters: Vec<Filter>,
    },
}

/// A value in a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Term {
    /// Literal text.
    Text(String),
    /// The secret.
    Secret,
    /// The issuer's host, without the port.
    Host,
    /// The value that the rule of this id found near the secret.
    Part(String),
    /// A value that the step before took from its answer.
    Taken(String),
}

/// What is done with a value before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// Base64 with padding.
    Base64,
    /// Base64 for URLs, without padding.
    Base64Url,
    /// Percent-encoding of all but unreserved characters.
    Url,
    /// The same, but for the slash, for secrets that are a path.
    Path,
    /// Escapes of a JSON string.
    Json,
    /// SHA-256 in lower-case hexadecimal.
    Sha256,
    /// HMAC-SHA-256 in lower-case hexadecimal, with this key.
    HmacSha256(Term),
    /// What stands before the first occurrence of this text; all, if it does not occur.
    Before(String),
    /// What stands after the last occurrence of this text; nothing can be sent if it does not occur.
    After(String),
}

/// Something that must hold for an answer: all of its clauses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// As it was written.
    pub text: String,
    /// What must hold.
    pub clauses: Vec<Clause>,
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Clause {
    /// The status is one of these.
    Status(Vec<u16>),
    /// There is a value at this pointer that is not null; one of `values`, if there are any.
    Json {
        /// Where in the answer: segments of a JSON pointer, `*` for any element.
        pointer: Vec<String>,
        /// What it may be.
        values: Vec<String>,
    },
    /// There is a header of this name; with one of `values`, if there are any.
    Header {
        /// Its name, lower case.
        name: String,
        /// What it may be.
        values: Vec<String>,
    },
    /// The body holds this text.
    Has(String),
    /// The body does not hold this text.
    Lacks(String),
}

/// A value of an answer, and what it is called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// Where in the answer it is.
    pub place: Place,
}

/// Where in an answer a value is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Segments of a JSON pointer, `*` for all elements.
    Json(Vec<String>),
    /// A header, lower case.
    Header(String),
}
