//! A suppression and its file, and the keys of digests.

use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::error::{Error, Result, quoted};
use crate::finding::Fingerprint;
use crate::path_class::PathClass;
use crate::paths::PathPattern;
use crate::tables::{self, Field, FieldKind};

/// The details of a suppression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Why the finding is harmless.
    pub reason: Option<String>,
    /// The person who is responsible for it.
    pub owner: Option<String>,
    /// A path pattern. The suppression applies only if it matches every file that ever contained
    /// the secret.
    pub path: Option<String>,
    /// Classes of paths; empty for any. The suppression applies only while the finding has one of them.
    pub path_class: Vec<PathClass>,
    /// The last day of validity.
    pub expires: Option<Date>,
}

/// A suppression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SuppressionEntry {
    pub(super) rule: String,
    pub(super) details: Details,
    /// `ignore` or `baseline`.
    pub(super) source: &'static str,
}

/// The fields of [`File`].
const FIELDS: [Field; 6] = [
    Field::needed("rule", FieldKind::Text),
    Field::free("reason", FieldKind::Text),
    Field::free("owner", FieldKind::Text),
    Field::free("path", FieldKind::Text),
    Field::free("path_class", FieldKind::Texts),
    Field::free("expires", FieldKind::Text),
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    path_class: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Date>,
}

impl SuppressionEntry {
    /// Parses the file of a suppression; `name` is its path in errors.
    ///
    /// # Errors
    /// `Config` if the file is invalid.
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
        // The remaining error is an invalid date.
        let file: File = toml::from_str(text).map_err(|_| {
            let line = tables::line_of_field(text, "expires");
            wrong(line, "field 'expires': it must be a day like 2030-12-31")
        })?;
        if let Some(Err(_)) = file.path.as_deref().map(PathPattern::parse) {
            let line = tables::line_of_field(text, "path");
            return Err(wrong(line, "field 'path': it is not a pattern for paths"));
        }
        let classes = classes(&file.path_class).map_err(|why| {
            let line = tables::line_of_field(text, "path_class");
            wrong(line, &format!("field 'path_class': {why}"))
        })?;
        Ok(Self {
            rule: file.rule,
            details: Details {
                reason: file.reason,
                owner: file.owner,
                path: file.path,
                path_class: classes,
                expires: file.expires,
            },
            source: "ignore",
        })
    }

    /// Returns the text of the file.
    pub(super) fn write(&self) -> Result<String> {
        let details = self.details.clone();
        let file = File {
            rule: self.rule.clone(),
            reason: details.reason,
            owner: details.owner,
            path: details.path,
            path_class: slugs(&details.path_class),
            expires: details.expires,
        };
        toml::to_string(&file).map_err(|e| Error::internal("a suppression has no form").because(e))
    }
}

/// Reads the names of classes of paths.
///
/// # Errors
/// What is wrong with them.
pub(super) fn classes(names: &[String]) -> std::result::Result<Vec<PathClass>, String> {
    let read = |name: &String| {
        PathClass::of_slug(name).ok_or_else(|| {
            let known = slugs(&PathClass::ALL).join(", ");
            format!("{} is not one of {known}", quoted(name))
        })
    };
    names.iter().map(read).collect()
}

fn slugs(classes: &[PathClass]) -> Vec<String> {
    let slugs = classes.iter().map(|class| class.slug().to_owned());
    slugs.collect()
}

/// A keyed digest of a fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FingerprintDigest([u8; 16]);

impl FingerprintDigest {
    /// Parses 32 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for FingerprintDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl std::fmt::Debug for FingerprintDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// A random key that all users of the repository share.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FingerprintKey(pub(super) Vec<u8>);

impl FingerprintKey {
    pub(super) fn digest(&self, fingerprint: Fingerprint) -> FingerprintDigest {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key length will do");
        mac.update(b"unleak suppression 1\0");
        mac.update(fingerprint.to_string().as_bytes());
        let digest = mac.finalize().into_bytes();
        FingerprintDigest(*digest.first_chunk().expect("a digest has 32 bytes"))
    }
}

impl std::fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(key)")
    }
}
