//! Suppressions: findings that people know and accept, by value, kept in the repository.
//!
//! ```text
//! entry < pattern, store < mod
//! ```
//!
//! `.unleak/ignore/DIGEST.toml` is one suppression, so that two people who make one each on two
//! branches never meet in one file; `.unleak/baseline` lists many, a line each. A digest is that of
//! a finding's fingerprint under a key of `.unleak/keys`, since a plain one of a weak password would
//! let anybody test guesses. There may be several keys, each named by itself: branches that made
//! one each merge, too.

mod entry;
pub mod pattern;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

pub use entry::{Details, Digest};
pub use store::Store;

use crate::error::Result;
use crate::finding::{Finding, Fingerprint, Suppressed};
use crate::paths::PathPattern;
use entry::{Entry, Key};
use pattern::Pattern;

/// Turns the path of a finding into that below the top of the repository.
pub type Locate<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

/// All suppressions of a repository.
#[derive(Clone, Debug, Default)]
pub struct Suppressions {
    keys: Vec<Key>,
    entries: BTreeMap<Digest, Entry>,
    /// Those of configurations.
    pub patterns: Vec<Pattern>,
}

/// What suppressions make of the findings of a scan.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Those that remain.
    pub findings: Vec<Finding>,
    /// Those that do not.
    pub suppressed: Vec<Suppressed>,
    /// The same, as they were.
    pub hidden: Vec<Finding>,
    /// Suppressions that would match but have expired, as people call them.
    pub expired: Vec<String>,
    /// Suppressions that no finding matched, likewise.
    pub unused: Vec<String>,
}

impl Suppressions {
    /// The digest under which `fingerprint` is suppressed, if it is.
    pub fn find(&self, fingerprint: Fingerprint) -> Option<Digest> {
        self.keys
            .iter()
            .map(|key| key.digest(fingerprint))
            .find(|digest| self.entries.contains_key(digest))
    }

    /// Takes out of `findings` what is suppressed on the day `today`. `locate` turns the path of a
    /// finding into that below the top of the repository.
    ///
    /// # Errors
    /// `Config` if a path pattern is wrong.
    pub fn apply(
        &self,
        findings: Vec<Finding>,
        today: Date,
        locate: Locate<'_>,
    ) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut used: BTreeSet<String> = BTreeSet::new();
        let mut expired: BTreeSet<String> = BTreeSet::new();
        let mut is_good = |name: String, details: &Details| {
            let is_over = details.expires.is_some_and(|expires| expires < today);
            if is_over {
                expired.insert(name.clone());
            }
            used.insert(name);
            !is_over
        };
        for finding in findings {
            let mut hidden: Option<(&Details, &str)> = None;
            if let Some(digest) = self.find(finding.fingerprint) {
                let entry = &self.entries[&digest];
                if is_good(digest.to_string(), &entry.details) && covers(entry, &finding, locate)? {
                    hidden = Some((&entry.details, entry.source));
                }
            }
            for pattern in self
                .patterns
                .iter()
                .filter(|pattern| pattern.covers(&finding, locate))
            {
                if is_good(pattern.named.clone(), &pattern.details) {
                    hidden = hidden.or(Some((&pattern.details, "config")));
                }
            }
            match hidden {
                None => outcome.findings.push(finding),
                Some((details, source)) => {
                    outcome.suppressed.push(Suppressed {
                        fingerprint: finding.fingerprint,
                        rule_id: finding.rule_id.clone(),
                        secret: Arc::clone(&finding.secret),
                        reason: details.reason.clone(),
                        owner: details.owner.clone(),
                        source,
                    });
                    outcome.hidden.push(finding);
                }
            }
        }
        outcome.expired = expired.into_iter().collect();
        let digests = self.entries.keys().map(Digest::to_string);
        let named = self.patterns.iter().map(|pattern| pattern.named.clone());
        let all = digests.chain(named);
        outcome.unused = all.filter(|name| !used.contains(name)).collect();
        Ok(outcome)
    }

    /// The details of the suppression with this digest.
    pub fn details(&self, digest: Digest) -> Option<&Details> {
        self.entries.get(&digest).map(|entry| &entry.details)
    }

    /// Each suppression: its digest, rule, details and where it is kept.
    pub fn list(&self) -> impl Iterator<Item = (Digest, &str, &Details, &'static str)> {
        self.entries
            .iter()
            .map(|(digest, entry)| (*digest, entry.rule.as_str(), &entry.details, entry.source))
    }
}

/// Whether the finding stands only where the suppression says.
fn covers(entry: &Entry, finding: &Finding, locate: Locate<'_>) -> Result<bool> {
    let Some(pattern) = &entry.details.path else {
        return Ok(true);
    };
    let pattern = PathPattern::parse(pattern)?;
    let paths = finding.history.as_ref().map(|history| &history.paths);
    Ok(paths.is_some_and(|paths| {
        !paths.is_empty() && paths.iter().all(|path| pattern.matches(&locate(path)))
    }))
}

/// The paths at which `finding` ever was and that none of the patterns matches; `None` if it never was in
/// a file.
pub fn outside<'f>(patterns: &[PathPattern], finding: &'f Finding) -> Option<Vec<&'f [u8]>> {
    let paths = finding.history.iter().flat_map(|history| &history.paths);
    let paths: Vec<&[u8]> = paths.map(|path| &path[..]).collect();
    let is_other = |path: &&&[u8]| !patterns.iter().any(|pattern| pattern.matches(path));
    let others = paths.iter().filter(is_other);
    (!paths.is_empty()).then(|| others.copied().collect())
}
