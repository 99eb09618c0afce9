//! Estates: the reports of many repositories, merged by secret.
//!
//! ```text
//! mod < text, page
//! ```
//!
//! A merge is a union by repository. Of two reports of one repository, the one with more coverage
//! is kept, by a total order. The result is therefore the same in every order and number of merges.

mod page;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::{Document, Text};
use super::json::fault_of;
use super::location::first_label;
use super::paint::Paint;
use crate::audit::Scope;
use crate::error::{Error, Result};
use crate::rule::Confidence;

const SCHEMA: &str = "unleak-estate";
const SCHEMA_VERSION: u32 = 1;

/// Many repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estate {
    schema: String,
    schema_version: u32,
    /// Whether secrets are redacted.
    pub redacted: bool,
    /// The repositories by name.
    pub repositories: BTreeMap<String, EstateRepository>,
}

/// A repository. The order of the fields defines which report has more coverage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EstateRepository {
    /// Whether it was read completely.
    pub status: Status,
    /// The number of scanned objects.
    pub objects: u64,
    /// The number of scanned bytes.
    pub bytes: u64,
    /// Why nothing was read, or the first unread object.
    pub problem: Option<Text>,
    /// The findings, most severe first.
    pub findings: Vec<EstateFinding>,
}

/// Whether a repository was read completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing was read.
    Failed,
    /// Not everything could be read.
    Incomplete,
    /// Everything was read.
    Complete,
}

/// A secret in one repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EstateFinding {
    /// Its identity: the same in all repositories.
    pub fingerprint: String,
    /// The rule.
    pub rule_id: String,
    /// The issuer.
    pub provider: String,
    /// What it is.
    pub description: String,
    /// The confidence.
    pub confidence: Confidence,
    /// The secret, redacted or in full.
    pub secret: Text,
    /// The page on which it can be revoked.
    pub rotate: Option<String>,
    /// The label of its first place.
    pub place: String,
    /// The author who introduced it.
    pub author: Option<Text>,
    /// The time, `YYYY-MM-DDThh:mm:ssZ`.
    pub date: Option<String>,
    /// Whether it is in HEAD.
    pub in_head: bool,
    /// Whether it is reachable from a remote-tracking ref.
    pub published: bool,
}

/// A secret in all repositories.
#[derive(Clone, Debug, Serialize)]
pub struct EstateSecret<'a> {
    /// The finding with the highest confidence, of the first repository.
    pub finding: &'a EstateFinding,
    /// The time when it was first introduced, if known.
    pub since: Option<&'a str>,
    /// The repositories that contain it, by name.
    pub repositories: Vec<(&'a str, &'a EstateFinding)>,
    /// Whether it was not in an earlier estate; `None` without one.
    pub is_new: Option<bool>,
}

/// The serialised estate, with derived data.
#[derive(Serialize)]
struct EstateWithSummary<'a> {
    #[serde(flatten)]
    estate: &'a Estate,
    secrets: Vec<EstateSecret<'a>>,
    /// Findings of an earlier estate that are gone.
    gone: Option<Vec<&'a EstateFinding>>,
}

impl Default for Estate {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            schema_version: SCHEMA_VERSION,
            redacted: true,
            repositories: BTreeMap::new(),
        }
    }
}

impl Estate {
    /// Creates an estate with one repository that could not be scanned.
    pub fn failed(name: &str, why: &str) -> Self {
        let repository = EstateRepository {
            status: Status::Failed,
            objects: 0,
            bytes: 0,
            problem: Some(Text::of(why.as_bytes().to_vec())),
            findings: Vec::new(),
        };
        Self {
            repositories: BTreeMap::from([(name.to_owned(), repository)]),
            ..Self::default()
        }
    }

    /// Creates an estate from the report of one repository. `name` is the file name, which replaces
    /// the name `.` of a repository.
    pub fn of_report(document: &Document, name: &str) -> Self {
        let head = &document.head;
        let coverage = &document.coverage;
        let called = match head.repository.as_str() {
            "." => name,
            called => called,
        };
        let is_part = matches!(head.scope, Scope::Objects | Scope::Range | Scope::Staged);
        let part = is_part.then(|| "only a part of it was scanned".to_owned());
        let shallow = (coverage.shallow_commits > 0).then(|| "the clone is shallow".to_owned());
        let skipped = coverage.skipped.first().map(|first| first.detail.clone());
        let repository = EstateRepository {
            status: match head.complete && !is_part {
                true => Status::Complete,
                false => Status::Incomplete,
            },
            objects: coverage.objects.iter().map(|kind| kind.scanned).sum(),
            bytes: coverage.objects.iter().map(|kind| kind.bytes).sum(),
            problem: part.or(shallow).map(Text::Utf8).or(skipped),
            findings: document.findings.iter().map(EstateFinding::of).collect(),
        };
        Self {
            redacted: head.redacted,
            repositories: BTreeMap::from([(called.to_owned(), repository)]),
            ..Self::default()
        }
    }

    /// Parses an estate, or the report of one repository; `name` is the file name in errors.
    ///
    /// # Errors
    /// `Config` if it is neither, has another version, or is truncated.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct SchemaName {
            schema: Option<String>,
        }
        let kind = serde_json::from_slice::<SchemaName>(bytes).ok();
        if kind.and_then(|kind| kind.schema).as_deref() != Some(SCHEMA) {
            return Ok(Self::of_report(&Document::parse(bytes, name)?, name));
        }
        let estate: Self = serde_json::from_slice(bytes).map_err(|e| {
            let why = fault_of(&e);
            Error::config(format!("'{name}' is not a merged report of unleak: {why}"))
        })?;
        if estate.schema_version != SCHEMA_VERSION {
            return Err(Error::config(format!(
                "'{name}' is no estate of version {SCHEMA_VERSION}, the one that is known here"
            )));
        }
        Ok(estate)
    }

    /// Merges another estate.
    pub fn merge(&mut self, other: Self) {
        self.redacted &= other.redacted;
        for (name, theirs) in other.repositories {
            match self.repositories.get_mut(&name) {
                Some(ours) if *ours >= theirs => {}
                Some(ours) => *ours = theirs,
                None => {
                    self.repositories.insert(name, theirs);
                }
            }
        }
    }

    /// Returns all secrets: by confidence, then by number of repositories.
    pub fn secrets(&self, before: Option<&Self>) -> Vec<EstateSecret<'_>> {
        let mut by_id: BTreeMap<&str, EstateSecret<'_>> = BTreeMap::new();
        for (name, repository) in &self.repositories {
            for finding in &repository.findings {
                let secret = by_id.entry(&finding.fingerprint).or_insert(EstateSecret {
                    finding,
                    since: None,
                    repositories: Vec::new(),
                    is_new: before.map(|_| true),
                });
                if finding.confidence > secret.finding.confidence {
                    secret.finding = finding;
                }
                let date = finding.date.as_deref();
                secret.since = match (secret.since, date) {
                    (Some(since), Some(date)) => Some(since.min(date)),
                    (since, date) => since.or(date),
                };
                secret.repositories.push((name, finding));
            }
        }
        for repository in before
            .iter()
            .flat_map(|before| before.repositories.values())
        {
            for finding in &repository.findings {
                if let Some(secret) = by_id.get_mut(finding.fingerprint.as_str()) {
                    secret.is_new = Some(false);
                }
            }
        }
        let mut secrets: Vec<EstateSecret<'_>> = by_id.into_values().collect();
        secrets.sort_by_key(|secret| {
            let level = secret.finding.confidence;
            (
                std::cmp::Reverse(level),
                std::cmp::Reverse(secret.repositories.len()),
            )
        });
        secrets
    }

    /// Returns the findings of `before` that are in no repository now, each once.
    fn gone<'b>(&self, before: &'b Self) -> Vec<&'b EstateFinding> {
        let ours = self.repositories.values().flat_map(|r| &r.findings);
        let ours: std::collections::BTreeSet<&str> =
            ours.map(|finding| finding.fingerprint.as_str()).collect();
        let theirs = before.repositories.values().flat_map(|r| &r.findings);
        let gone = theirs.filter(|finding| !ours.contains(finding.fingerprint.as_str()));
        let by_id: BTreeMap<&str, &EstateFinding> = gone
            .map(|finding| (finding.fingerprint.as_str(), finding))
            .collect();
        by_id.into_values().collect()
    }

    /// Returns whether every repository was read completely.
    pub fn is_complete(&self) -> bool {
        self.repositories
            .values()
            .all(|repository| repository.status == Status::Complete)
    }

    /// Returns one JSON document. With an earlier estate, also lists new and missing findings.
    pub fn to_json(&self, before: Option<&Self>) -> Vec<u8> {
        let written = EstateWithSummary {
            estate: self,
            secrets: self.secrets(before),
            gone: before.map(|before| self.gone(before)),
        };
        let mut bytes =
            serde_json::to_vec_pretty(&written).expect("strings and numbers become JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Returns text for people.
    pub fn to_text(&self, before: Option<&Self>, paint: Paint) -> String {
        text::render(self, before, paint)
    }

    /// Returns a single file for a browser.
    pub fn to_html(&self, before: Option<&Self>) -> String {
        page::render(self, before)
    }
}

impl EstateFinding {
    fn of(finding: &super::document::ReportFinding) -> Self {
        let author = finding.author();
        let standing = finding.standing();
        Self {
            fingerprint: finding.fingerprint.clone(),
            rule_id: finding.rule_id.clone(),
            provider: finding.provider.clone(),
            description: finding.description.clone(),
            confidence: finding.confidence,
            secret: finding.secret.clone(),
            rotate: finding.rotate.clone(),
            place: first_label(finding),
            author: author.map(|author| author.name.clone()),
            date: author.map(|author| author.date.clone()),
            in_head: standing.is_some_and(|standing| standing.in_head),
            published: standing.is_some_and(|standing| standing.published),
        }
    }
}
