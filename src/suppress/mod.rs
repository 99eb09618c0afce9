//! Suppressions: accepted findings, identified by value and stored in the repository.
//!
//! ```text
//! entry, suspect < pattern, store < mod
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
mod suspect;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;

pub use entry::{Details, FingerprintDigest};
pub use store::SuppressionStore;
pub use suspect::{Locate, Suspect};

use crate::error::Result;
use crate::finding::{Finding, Fingerprint, Suppressed};
use crate::path_class::PathClass;
use crate::paths::PathPattern;
use entry::{FingerprintKey, SuppressionEntry};
use pattern::Pattern;

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
    /// Names of suppressions of a remaining finding that is in other files than they are for.
    pub ended: Vec<String>,
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
        for finding in findings {
            let suspect = Suspect::of(&finding, locate);
            let mut hidden: Option<Hider<'_>> = None;
            let mut ended = Vec::new();
            for hider in self.meant(&suspect)? {
                let name = hider.name();
                if hider.is_over(today) {
                    expired.insert(name.clone());
                } else if hider.is_covering {
                    hidden = hidden.or(Some(hider));
                } else {
                    ended.push(name.clone());
                }
                used.insert(name);
            }
            match hidden {
                None => {
                    outcome.ended.append(&mut ended);
                    outcome.findings.push(finding);
                }
                Some(Hider {
                    details, source, ..
                }) => {
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

    /// Returns what hides `suspect` on the day `today`.
    ///
    /// # Errors
    /// `Config` if a path pattern is invalid.
    pub fn hider(&self, suspect: &Suspect<'_>, today: Date) -> Result<Option<Hider<'_>>> {
        let mut meant = self.meant(suspect)?.into_iter();
        Ok(meant.find(|hider| hider.is_covering && !hider.is_over(today)))
    }

    /// Returns the suppressions of this finding, whether or not they apply.
    fn meant(&self, suspect: &Suspect<'_>) -> Result<Vec<Hider<'_>>> {
        let mut all = Vec::new();
        let fingerprint = Fingerprint::from_hex(&suspect.fingerprint);
        if let Some(digest) = fingerprint.and_then(|fingerprint| self.find(fingerprint)) {
            let entry = &self.entries[&digest];
            all.push(Hider {
                details: &entry.details,
                source: entry.source,
                name: HiderName::Digest(digest),
                is_covering: covers(&entry.details, suspect)?,
            });
        }
        let patterns = self.patterns.iter();
        let patterns = patterns.filter(|pattern| pattern.covers(suspect));
        all.extend(patterns.map(|pattern| Hider {
            details: &pattern.details,
            source: CONFIGURED,
            name: HiderName::Pattern(pattern),
            is_covering: true,
        }));
        Ok(all)
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

/// The source of a suppression in a configuration file.
pub const CONFIGURED: &str = "config";

/// A suppression of a finding.
#[derive(Clone, Copy, Debug)]
pub struct Hider<'s> {
    /// What people said about it.
    pub details: &'s Details,
    /// `ignore`, `baseline` or [`CONFIGURED`].
    pub source: &'static str,
    name: HiderName<'s>,
    is_covering: bool,
}

#[derive(Clone, Copy, Debug)]
enum HiderName<'s> {
    Digest(FingerprintDigest),
    Pattern(&'s Pattern),
}

impl<'s> Hider<'s> {
    fn name(&self) -> String {
        match self.name {
            HiderName::Digest(digest) => digest.to_string(),
            HiderName::Pattern(pattern) => pattern.named.clone(),
        }
    }

    fn is_over(&self, today: Date) -> bool {
        self.details.expires.is_some_and(|expires| expires < today)
    }

    /// Returns the entry of a configuration, if it is one.
    pub fn pattern(&self) -> Option<&'s Pattern> {
        match self.name {
            HiderName::Digest(_) => None,
            HiderName::Pattern(pattern) => Some(pattern),
        }
    }
}

/// Returns whether the paths and the class that a suppression demands are those of the finding.
fn covers(details: &Details, suspect: &Suspect<'_>) -> Result<bool> {
    let classes = &details.path_class;
    if !classes.is_empty() && !classes.contains(&suspect.class) {
        return Ok(false);
    }
    let Some(pattern) = &details.path else {
        return Ok(true);
    };
    let pattern = PathPattern::parse(pattern)?;
    Ok(suspect.is_everywhere(|path| pattern.matches(path)))
}

/// Why the suppression with these details does not hide `suspect` any more; `None` if it does.
///
/// # Errors
/// `Config` if the path pattern is invalid.
pub fn end_of(details: &Details, suspect: &Suspect<'_>) -> Result<Option<SuppressionEnd>> {
    if covers(details, suspect)? {
        return Ok(None);
    }
    let patterns = details.path.iter().map(|text| PathPattern::parse(text));
    let patterns: Vec<PathPattern> = patterns.collect::<Result<_>>()?;
    let others = outside(&patterns, suspect.paths.clone());
    let other = others.and_then(|others| others.into_iter().next());
    let other = other.filter(|_| !patterns.is_empty());
    Ok(Some(match other {
        Some(path) => SuppressionEnd::Path(path),
        None => SuppressionEnd::Class(suspect.class),
    }))
}

/// What ended a suppression that is for some files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SuppressionEnd {
    /// The value is at this path, too.
    Path(Vec<u8>),
    /// Its files have this class now.
    Class(PathClass),
}

/// Returns those of the `paths` of a finding that no pattern matches; `None` if there are none, since the
/// finding was never in a file.
pub fn outside<P: AsRef<[u8]>>(patterns: &[PathPattern], paths: Vec<P>) -> Option<Vec<P>> {
    let is_other = |path: &P| {
        !patterns
            .iter()
            .any(|pattern| pattern.matches(path.as_ref()))
    };
    (!paths.is_empty()).then(|| paths.into_iter().filter(is_other).collect())
}
