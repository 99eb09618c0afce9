//! The data types of requests to issuers, as described by `[rule.validate]` and `[rule.revoke]`.
//! The build script includes this file, so it must not depend on other modules. `request_text`
//! parses requests; `validate` fills them in and evaluates the answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The requests of all rules that have one, by rule id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Requests {
    /// By rule id.
    pub rules: BTreeMap<String, Issuer>,
}

/// The requests that the issuer of a secret supports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Issuer {
    /// The issuer's name.
    pub provider: String,
    /// How to ask whether a secret is active.
    pub validate: Option<Inquiry>,
    /// How its holder revokes it.
    pub revoke: Option<Inquiry>,
}

/// A validation or revocation, in one or two requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inquiry {
    /// The protocol of the requests.
    pub kind: Protocol,
    /// The default value of `{host}`, if the user names no other host.
    pub host: Option<String>,
    /// The requests, in order: one, or two if the second needs a value from the first. Empty for
    /// kinds other than HTTP.
    pub steps: Vec<RequestStep>,
    /// Whether the issuer notifies the owner about the request, or raises an alert.
    pub noisy: bool,
    /// What the request changes at the issuer, if it does not only read.
    pub effect: Option<String>,
}

/// The protocol of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// The requests that the rule names.
    Http,
    /// A request signed with Signature Version 4 of AWS.
    Aws,
    /// A request for a token of a Google service account, with a JWT that its key signs.
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

impl Protocol {
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

    /// Returns whether the rule defines the requests.
    pub fn has_steps(self) -> bool {
        matches!(self, Self::Http | Self::Aws | Self::GoogleServiceAccount)
    }

    /// Returns the name in rule files.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }
}

/// One HTTP request and the conditions for its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestStep {
    /// `GET`, `POST`, ...
    pub method: String,
    /// The URL; begins with `https://`.
    pub url: Template,
    /// Names and values.
    pub headers: Vec<(String, Template)>,
    /// The body.
    pub body: Option<Template>,
    /// How values in the body are escaped.
    pub escape: Escape,
    /// The secret is active (or revoked, in `revoke`) if one of these conditions is true.
    pub active: Vec<Condition>,
    /// The secret is inactive if one of these conditions is true.
    pub inactive: Vec<Condition>,
    /// The owner of the secret.
    pub whose: Vec<AnswerFact>,
    /// The permissions and the expiry of the secret.
    pub can: Vec<AnswerFact>,
    /// Values that the next step uses.
    pub take: Vec<AnswerFact>,
}

/// How a value is escaped in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Escape {
    /// Unchanged.
    Plain,
    /// As in a JSON string, without the quotes.
    Json,
    /// As in a URL or a form.
    Url,
}

/// Text with placeholders, such as `Bearer {secret}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// The text in the rule file.
    pub text: String,
    /// Its pieces.
    pub pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Piece {
    /// Literal text.
    Text(String),
    /// A sequence of values, with filters.
    Value {
        /// The values.
        terms: Vec<Term>,
        /// The filters, first to last.
        filters: Vec<ValueFilter>,
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
    /// The value that the rule with this id found near the secret.
    Part(String),
    /// A value from the answer of the previous step.
    Taken(String),
}

/// A conversion of a value before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueFilter {
    /// Base64 with padding.
    Base64,
    /// Base64 for URLs, without padding.
    Base64Url,
    /// Percent-encoding of all but unreserved characters.
    Url,
    /// The same without the slash, for secrets that are a path.
    Path,
    /// Escapes of a JSON string.
    Json,
    /// SHA-256 in lower-case hexadecimal.
    Sha256,
    /// HMAC-SHA-256 in lower-case hexadecimal, with this key.
    HmacSha256(Term),
    /// The text before the first occurrence of this string; the whole text if there is none.
    Before(String),
    /// The text after the last occurrence of this string; without an occurrence, nothing is sent.
    After(String),
}

/// A condition for an answer: all clauses must be true.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// The text in the rule file.
    pub text: String,
    /// The clauses.
    pub clauses: Vec<Clause>,
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Clause {
    /// The status is one of these.
    Status(Vec<u16>),
    /// There is a value other than null at this pointer; if `values` is not empty, it is one of
    /// them.
    Json {
        /// The segments of a JSON pointer, `*` for any element.
        pointer: Vec<String>,
        /// The accepted values.
        values: Vec<String>,
    },
    /// There is a header of this name; if `values` is not empty, it has one of them.
    Header {
        /// Its name, lower case.
        name: String,
        /// The accepted values.
        values: Vec<String>,
    },
    /// The body contains this text.
    Has(String),
    /// The body does not contain this text.
    Lacks(String),
}

/// A named value of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerFact {
    /// Its name.
    pub name: String,
    /// Its place in the answer.
    pub place: AnswerPlace,
}

/// The place of a value in an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerPlace {
    /// Segments of a JSON pointer, `*` for all elements.
    Json(Vec<String>),
    /// A header, lower case.
    Header(String),
}
