//! Lists of findings: ignore files, JSON reports, baselines.

use serde_json::Value;
use sha2::{Digest, Sha256};
use unleak::error::{Error, Result, quoted};
use unleak::report::escape::escape;
use unleak::secret::Secret;

/// A finding that is known.
pub(super) enum ImportedFinding {
    /// By where it stands.
    Place(ListedPlace),
    /// By what it is.
    Value(ListedDigest),
}

/// A place that another scanner lists.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ListedPlace {
    /// The commit that brought it there, if it is named.
    pub(super) commit: Option<String>,
    pub(super) path: String,
    pub(super) line: u32,
    pub(super) rule: String,
}

/// A value that another scanner lists.
pub(super) struct ListedDigest {
    /// What it is called there.
    pub(super) name: String,
    /// The value, or a digest of it.
    pub(super) told: String,
}

/// What the digests are of: the value, a comma, and one of these.
const KINDS: [&str; 8] = [
    "apikey",
    "password",
    "client_secret",
    "client_id",
    "token",
    "key",
    "username",
    "connection_uri",
];

impl ListedDigest {
    /// Whether `secret` is it.
    pub(super) fn is(&self, secret: &Secret) -> bool {
        let value = secret.reveal();
        let is_digest = |kind: &str| {
            let text = [value, b",", kind.as_bytes()].concat();
            data_encoding::HEXLOWER.encode(&Sha256::digest(text)) == self.told
        };
        self.told.as_bytes() == value || KINDS.into_iter().any(is_digest)
    }
}

impl std::fmt::Display for ImportedFinding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Place(ListedPlace {
                path, line, rule, ..
            }) => write!(f, "{path}:{line}: {}", quoted(rule)),
            // The value itself may be a secret.
            Self::Value(value) => write!(f, "{}", escape(value.name.as_bytes())),
        }
    }
}

/// Reads a list of findings, in JSON or lines; `name` is the file's.
///
/// # Errors
/// `Config` if it is JSON of another kind.
pub(super) fn read(text: &str, name: &str, left: &mut Vec<String>) -> Result<Vec<ImportedFinding>> {
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        let places = of_json(&json).ok_or_else(|| {
            Error::config(format!("'{name}' is no list of findings that unleak knows"))
                .hint("it reads gitleaks' JSON reports and the baseline of detect-secrets")
        })?;
        return Ok(places.into_iter().map(ImportedFinding::Place).collect());
    }
    let lines = text.lines().map(str::trim);
    let mut places = Vec::new();
    let lines = (1..).zip(lines);
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        match of_line(line) {
            Some(place) => places.push(ImportedFinding::Place(place)),
            None => left.push(format!("line {number} is not 'COMMIT:PATH:RULE:LINE'")),
        }
    }
    Ok(places)
}

/// Reads `COMMIT:PATH:RULE:LINE` or `PATH:RULE:LINE`. A path may hold colons.
fn of_line(line: &str) -> Option<ListedPlace> {
    let (rest, number) = line.rsplit_once(':')?;
    let (place, rule) = rest.rsplit_once(':')?;
    let is_commit = |text: &str| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let (commit, path) = match place.split_once(':') {
        Some((commit, path)) if is_commit(commit) => (Some(commit.to_owned()), path),
        _ => (None, place),
    };
    Some(ListedPlace {
        commit,
        path: path.to_owned(),
        line: number.parse().ok()?,
        rule: rule.to_owned(),
    })
}

fn of_json(json: &Value) -> Option<Vec<ListedPlace>> {
    let text = |value: &Value, field: &str| value.get(field)?.as_str().map(str::to_owned);
    let line = |value: &Value, field: &str| u32::try_from(value.get(field)?.as_u64()?).ok();
    if let Some(findings) = json.as_array() {
        let known = findings.iter().map(|finding| {
            Some(ListedPlace {
                commit: text(finding, "Commit").filter(|id| !id.is_empty()),
                path: text(finding, "File")?,
                line: line(finding, "StartLine")?,
                rule: text(finding, "RuleID")?,
            })
        });
        return known.collect();
    }
    let files = json.get("results")?.as_object()?;
    let entries = files.iter().flat_map(|(path, entries)| {
        let entries = entries.as_array().into_iter().flatten();
        entries.map(move |entry| {
            Some(ListedPlace {
                commit: None,
                path: path.clone(),
                line: line(entry, "line_number")?,
                rule: text(entry, "type")?,
            })
        })
    });
    entries.collect()
}
