//! One suppression, and the keys under which they are filed.

use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::error::{Error, Result, quoted};
use crate::finding::Fingerprint;
use crate::paths::PathPattern;
use crate::tables::{self, Field, Kind};

/// What people say about a suppression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Why it is no danger.
    pub reason: Option<String>,
    /// Who says so.
    pub owner: Option<String>,
    /// A pattern: it holds only if every file that ever held the secret is one of these.
    pub path: Option<String>,
    /// The last day on which it holds.
    pub expires: Option<Date>,
}

/// A suppression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) rule: String,
    pub(super) details: Details,
    /// `ignore` or `baseline`.
    pub(super) source: &'static str,
}

/// The fields of [`File`].
const FIELDS: [Field; 5] = [
    Field::needed("rule", Kind::Text),
    Field::free("reason", Kind::Text),
    Field::free("owner", Kind::Text),
    Field::free("path", Kind::Text),
    Field::free("expires", Kind::Text),
];

/// The file of a suppression.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Date>,
}

impl Entry {
    /// Reads a suppression's file; `name` is its path for errors.
    ///
    /// # Errors
    /// `Config` if it is none.
    pub(super) fn parse(text: &str, name: &str) -> Result<Self> {
        let wrong = |line: usize, why: &str| {
            Error::config(format!("'{name}', line {line}: {why}"))
                .hint("mend or delete it, or scan with '--no-ignore'")
        };
        tables::check(text, &FIELDS).map_err(|fault| {
            let field = fault
                .field
                .map(|field| format!("field {}: ", quoted(&field)));
            wrong(fault.line, &(field.unwrap_or_default() + &fault.why))
        })?;
        // What is left is a day that is none.
        let file: File = toml::from_str(text).map_err(|_| {
            let line = tables::line_of_field(text, "expires");
            wrong(line, "field 'expires': it must be a day like 2030-12-31")
        })?;
        if let Some(Err(_)) = file.path.as_deref().map(PathPattern::parse) {
            let line = tables::line_of_field(text, "path");
            return Err(wrong(line, "field 'path': it is not a pattern for paths"));
        }
        Ok(Self {
            rule: file.rule,
            details: Details {
                reason: file.reason,
                owner: file.owner,
                path: file.path,
                expires: file.expires,
            },
            source: "ignore",
        })
    }

    /// Writes the file.
    pub(super) fn write(&self) -> Result<String> {
        let details = self.details.clone();
        let file = File {
            rule: self.rule.clone(),
            reason: details.reason,
            owner: details.owner,
            path: details.path,
            expires: details.expires,
        };
        toml::to_string(&file).map_err(|e| Error::internal("a suppression has no form").because(e))
    }
}

/// A keyed digest of a fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 16]);

impl Digest {
    /// Reads it from 32 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// A random key, shared by all who share the repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) Vec<u8>);

impl Key {
    pub(super) fn digest(&self, fingerprint: Fingerprint) -> Digest {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key length will do");
        mac.update(b"unleak suppression 1\0");
        mac.update(fingerprint.to_string().as_bytes());
        let digest = mac.finalize().into_bytes();
        Digest(*digest.first_chunk().expect("a digest has 32 bytes"))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(key)")
    }
}
