//! Suppressions in a configuration file: by fingerprint, rule or path.

use regex_automata::meta::Regex;
use serde::Deserialize;

use super::entry::{Details, classes};
use super::suspect::Suspect;
use crate::error::{Error, Result};
use crate::paths::PathPattern;
use crate::tables::{Field, FieldKind};

/// The minimum length of an abbreviated fingerprint, as shown in reports.
const SHORT_ID: usize = 12;

/// The fields of [`PatternFields`].
pub const FIELDS: [Field; 8] = [
    Field::free("fingerprint", FieldKind::Text),
    Field::free("rule", FieldKind::Text),
    Field::free("path", FieldKind::Text),
    Field::free("path_regex", FieldKind::Text),
    Field::free("path_class", FieldKind::Texts),
    Field::needed("reason", FieldKind::Text),
    Field::free("owner", FieldKind::Text),
    Field::free("expires", FieldKind::Text),
];

/// An `[[ignore]]` entry of a configuration. All its conditions must match.
#[derive(Clone, Debug)]
pub struct Pattern {
    fingerprint: Option<String>,
    rule: Option<String>,
    path: Option<PathPattern>,
    regex: Option<Regex>,
    /// Its reason, owner and expiry date.
    pub details: Details,
    /// The configuration file.
    pub source: String,
    /// Its conditions, for messages.
    pub named: String,
}

/// The unparsed entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatternFields {
    fingerprint: Option<String>,
    rule: Option<String>,
    path: Option<String>,
    path_regex: Option<String>,
    #[serde(default)]
    path_class: Vec<String>,
    reason: String,
    owner: Option<String>,
    expires: Option<String>,
}

impl PatternFields {
    /// Returns the conditions, for messages.
    fn named(&self) -> String {
        let classes = self.path_class.join(" or ");
        let classes = (!classes.is_empty()).then_some(classes);
        let parts = [
            ("fingerprint", &self.fingerprint),
            ("rule", &self.rule),
            ("path", &self.path),
            ("path_regex", &self.path_regex),
            ("path_class", &classes),
        ];
        let named = parts.iter().filter_map(|(what, value)| {
            let value = value.as_ref()?;
            Some(format!("{what} {value}"))
        });
        named.collect::<Vec<_>>().join(", ")
    }
}

impl Pattern {
    /// Parses an entry of the file `source`; `line` returns the line of a field.
    ///
    /// # Errors
    /// `Config` if the entry has no condition, or if a field is invalid.
    pub fn new(written: PatternFields, source: &str, line: &dyn Fn(&str) -> usize) -> Result<Self> {
        let wrong = |field: &str, why: &str| {
            let line = line(field);
            Error::config(format!("'{source}', line {line}: [[ignore]]: {why}"))
        };
        let named = written.named();
        if named.is_empty() {
            return Err(wrong(
                "",
                "it names no fingerprint, rule, path or class of paths",
            ));
        }
        if let Some(id) = &written.fingerprint
            && (id.len() < SHORT_ID || !id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            return Err(wrong(
                "fingerprint",
                "field 'fingerprint': it must have at least 12 hexadecimal digits",
            ));
        }
        let regex = written.path_regex.as_deref().map(Regex::new).transpose();
        let regex = regex.map_err(|e| {
            let why = e
                .syntax_error()
                .map_or_else(|| "it is too large".to_owned(), crate::rule::syntax_reason);
            wrong("path_regex", &format!("field 'path_regex': {why}"))
        })?;
        let expires = written.expires.as_deref().map(str::parse).transpose();
        let expires = expires.map_err(|_| {
            let why = "field 'expires': it must be a day like 2030-12-31";
            wrong("expires", why)
        })?;
        let path_class = classes(&written.path_class).map_err(|why| {
            let why = format!("field 'path_class': {why}");
            wrong("path_class", &why)
        })?;
        let path = written.path.as_deref().map(PathPattern::parse).transpose();
        let path =
            path.map_err(|_| wrong("path", "field 'path': it is not a pattern for paths"))?;
        Ok(Self {
            fingerprint: written.fingerprint.map(|id| id.to_ascii_lowercase()),
            rule: written.rule,
            path,
            regex,
            details: Details {
                reason: Some(written.reason),
                owner: written.owner,
                path: None,
                path_class,
                expires,
            },
            source: source.to_owned(),
            named,
        })
    }

    /// Returns whether it selects exactly one secret.
    pub fn is_exact(&self) -> bool {
        self.fingerprint.is_some()
    }

    /// Returns whether it matches `suspect`. A path must match every file that ever contained it.
    pub fn covers(&self, suspect: &Suspect<'_>) -> bool {
        let is_id = |id: &String| suspect.fingerprint.starts_with(id.as_str());
        let classes = &self.details.path_class;
        self.fingerprint.as_ref().is_none_or(is_id)
            && self.rule.as_ref().is_none_or(|rule| *rule == suspect.rule)
            && (classes.is_empty() || classes.contains(&suspect.class))
            && self
                .path
                .as_ref()
                .is_none_or(|pattern| suspect.is_everywhere(|path| pattern.matches(path)))
            && self
                .regex
                .as_ref()
                .is_none_or(|regex| suspect.is_everywhere(|path| regex.is_match(path)))
    }
}
