//! Suppressions that people write by hand, in a configuration: by fingerprint, rule or file.

use globset::GlobMatcher;
use regex_automata::meta::Regex;
use serde::Deserialize;

use super::entry::Details;
use super::glob;
use crate::error::{Error, Result};
use crate::finding::Finding;

/// Fewest digits of a fingerprint that name it: as many as reports show.
const SHORT_ID: usize = 12;

/// An `[[ignore]]` of a configuration: what it names must all hold.
#[derive(Clone, Debug)]
pub struct Pattern {
    fingerprint: Option<String>,
    rule: Option<String>,
    glob: Option<GlobMatcher>,
    regex: Option<Regex>,
    /// What was said about it.
    pub details: Details,
    /// The file it stands in.
    pub source: String,
    /// What it names, for people.
    pub named: String,
}

/// As it stands in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    fingerprint: Option<String>,
    rule: Option<String>,
    path: Option<String>,
    path_regex: Option<String>,
    reason: String,
    owner: Option<String>,
    expires: Option<String>,
}

impl Pattern {
    /// Checks what was written in the file `source`.
    ///
    /// # Errors
    /// `Config` if it names nothing, or a part of it is wrong.
    pub fn new(written: Written, source: &str) -> Result<Self> {
        let wrong = |why: &str| Error::config(format!("'{source}': [[ignore]]: {why}"));
        let parts = [
            ("fingerprint", &written.fingerprint),
            ("rule", &written.rule),
            ("path", &written.path),
            ("path_regex", &written.path_regex),
        ];
        let named = parts.iter().filter_map(|(what, value)| {
            let value = value.as_ref()?;
            Some(format!("{what} {value}"))
        });
        let named = named.collect::<Vec<_>>().join(", ");
        if named.is_empty() {
            return Err(wrong("it names no fingerprint, rule or path"));
        }
        if let Some(id) = &written.fingerprint
            && (id.len() < SHORT_ID || !id.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            return Err(wrong("a fingerprint has at least 12 hexadecimal digits"));
        }
        let regex = written.path_regex.as_deref().map(Regex::new).transpose();
        let regex = regex.map_err(|e| wrong("path_regex is wrong").because(e))?;
        let expires = written.expires.as_deref().map(str::parse).transpose();
        let expires = expires.map_err(|e| wrong("expires is no day like 2030-12-31").because(e))?;
        Ok(Self {
            fingerprint: written.fingerprint.map(|id| id.to_ascii_lowercase()),
            rule: written.rule,
            glob: written.path.as_deref().map(glob).transpose()?,
            regex,
            details: Details {
                reason: Some(written.reason),
                owner: written.owner,
                path: None,
                expires,
            },
            source: source.to_owned(),
            named,
        })
    }

    /// Whether it names one secret, and cannot hide another.
    pub fn is_exact(&self) -> bool {
        self.fingerprint.is_some()
    }

    /// Whether it is about `finding`: a path must be that of every file that ever held it.
    pub fn covers(&self, finding: &Finding) -> bool {
        let is_id = |id: &String| finding.fingerprint.to_string().starts_with(id);
        let history = finding.history.as_ref();
        let paths = history.map_or(&[][..], |history| &history.paths);
        let everywhere = |holds: &dyn Fn(&[u8]) -> bool| {
            !paths.is_empty() && paths.iter().all(|path| holds(path))
        };
        self.fingerprint.as_ref().is_none_or(is_id)
            && self
                .rule
                .as_ref()
                .is_none_or(|rule| *rule == finding.rule_id)
            && self.glob.as_ref().is_none_or(|glob| {
                everywhere(&|path| glob.is_match(String::from_utf8_lossy(path).as_ref()))
            })
            && self
                .regex
                .as_ref()
                .is_none_or(|regex| everywhere(&|path| regex.is_match(path)))
    }
}
