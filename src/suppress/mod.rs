//! Suppressions: accepted findings, identified by value and stored in the repository.
//!
//! ```text
//! entry < pattern, store < mod
//! ```
//!
//! `.unleak/ignore/DIGEST.toml` contains one suppression, so that suppressions on two branches
//! merge without a conflict. `.unleak/baseline` contains many, one per line. The digest of a
//! finding is a keyed digest of its fingerprint, with a key in `.unleak/keys`: an unkeyed digest
//! would allow everybody to test guesses of a weak password. There may be several keys, whose files
//! are named by their content, so that branches with different keys merge, too.

mod entry;
pub mod pattern;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

pub use entry::{Details, FingerprintDigest};
pub use store::SuppressionStore;

use crate::error::Result;
use crate::finding::{Finding, Fingerprint, Suppressed};
use crate::paths::PathPattern;
use entry::{FingerprintKey, SuppressionEntry};
use pattern::Pattern;

/// Converts the path of a finding into a path below the top of the repository.
pub type Locate<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

/// All suppressions of a repository.
#[derive(Clone, Debug, Default)]
pub struct Suppressions {
    keys: Vec<FingerprintKey>,
    entries: BTreeMap<FingerprintDigest, SuppressionEntry>,
    /// The suppressions in configuration files.
    pub patterns: Vec<Pattern>,
}

/// The findings of a scan after suppressions were applied.
#[derive(Debug, Default)]
pub struct SuppressionOutcome {
    /// The remaining findings.
    pub findings: Vec<Finding>,
    /// The suppressed findings, for reports.
    pub suppressed: Vec<Suppressed>,
    /// The suppressed findings, unchanged.
    pub hidden: Vec<Finding>,
    /// Names of expired suppressions that would match a finding.
    pub expired: Vec<String>,
    /// Names of suppressions that match no finding.
    pub unused: Vec<String>,
}

impl Suppressions {
    /// Returns the digest of the suppression of `fingerprint`, if there is one.
    pub fn find(&self, fingerprint: Fingerprint) -> Option<FingerprintDigest> {
        self.keys
            .iter()
            .map(|key| key.digest(fingerprint))
            .find(|digest| self.entries.contains_key(digest))
    }

    /// Removes the findings that are suppressed on the day `today`. `locate` converts the path of a
    /// finding into a path below the top of the repository.
    ///
    /// # Errors
    /// `Config` if a path pattern is invalid.
    pub fn apply(
        &self,
        findings: Vec<Finding>,
        today: Date,
        locate: Locate<'_>,
    ) -> Result<SuppressionOutcome> {
        let mut outcome = SuppressionOutcome::default();
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
        let digests = self.entries.keys().map(FingerprintDigest::to_string);
        let named = self.patterns.iter().map(|pattern| pattern.named.clone());
        let all = digests.chain(named);
        outcome.unused = all.filter(|name| !used.contains(name)).collect();
        Ok(outcome)
    }

    /// Returns the details of the suppression with this digest.
    pub fn details(&self, digest: FingerprintDigest) -> Option<&Details> {
        self.entries.get(&digest).map(|entry| &entry.details)
    }

    /// Returns the digest, rule, details and source of each suppression.
    pub fn list(&self) -> impl Iterator<Item = (FingerprintDigest, &str, &Details, &'static str)> {
        self.entries
            .iter()
            .map(|(digest, entry)| (*digest, entry.rule.as_str(), &entry.details, entry.source))
    }
}

/// Returns whether the path pattern of the suppression matches all files of the finding.
fn covers(entry: &SuppressionEntry, finding: &Finding, locate: Locate<'_>) -> Result<bool> {
    let Some(pattern) = &entry.details.path else {
        return Ok(true);
    };
    let pattern = PathPattern::parse(pattern)?;
    let paths = finding.history.as_ref().map(|history| &history.paths);
    Ok(paths.is_some_and(|paths| {
        !paths.is_empty() && paths.iter().all(|path| pattern.matches(&locate(path)))
    }))
}

/// Returns the paths of `finding` that no pattern matches; `None` if it was never in a file.
pub fn outside<'f>(patterns: &[PathPattern], finding: &'f Finding) -> Option<Vec<&'f [u8]>> {
    let paths = finding.history.iter().flat_map(|history| &history.paths);
    let paths: Vec<&[u8]> = paths.map(|path| &path[..]).collect();
    let is_other = |path: &&&[u8]| !patterns.iter().any(|pattern| pattern.matches(path));
    let others = paths.iter().filter(is_other);
    (!paths.is_empty()).then(|| others.copied().collect())
}
