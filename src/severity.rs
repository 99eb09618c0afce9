//! How bad a finding is, from facts that people can check.
//!
//! Confidence says how sure it is that a text is a secret. Severity also says what it would mean:
//!
//! | the finding | severity |
//! |---|---|
//! | is proven: a checksum or the structure is right, or its value is known | critical |
//! | has high confidence | high |
//! | has medium confidence | medium |
//! | has low confidence | low |
//!
//! It is one step lower for each of these:
//!
//! - its kind is meant to be public, or is a hash of a password;
//! - it stood only in tests, documentation, vendored or generated files, lock files or translations;
//! - HEAD, the index, the worktree and the git directory no longer have it, and no branch, tag or other ref reaches it;
//!   or the repository has remote-tracking branches, and neither these nor a tag or another ref reach it: it was not
//!   published.
//!
//! The answer of its issuer, if it was asked, counts more than all of these: see `report::validation`.

use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Standing};
use crate::path_class::PathClass;
use crate::rule::{Confidence, Rule};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to do, most likely.
    Info,
    /// A guess, or in a place that does not count.
    Low,
    /// Look at it.
    Medium,
    /// Act on it.
    High,
    /// A secret for sure, in a place that counts.
    Critical,
}

impl Severity {
    /// All, the worst first.
    pub const ALL: [Self; 5] = [
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Info,
    ];

    /// The word for it, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The score that code hosts take for this severity, of 10 (`security-severity` in SARIF).
    pub fn score(self) -> &'static str {
        match self {
            Self::Info => "0.0",
            Self::Low => "3.0",
            Self::Medium => "5.5",
            Self::High => "8.0",
            Self::Critical => "9.5",
        }
    }

    /// The severity of what is known only by its confidence, as in old reports.
    pub fn of_confidence(confidence: Confidence) -> Self {
        match confidence {
            Confidence::Low => Self::Low,
            Confidence::Medium => Self::Medium,
            Confidence::High => Self::High,
        }
    }

    /// The severity of a finding of `rule`.
    pub fn of(finding: &Finding, rule: Option<&Rule>) -> Self {
        let severity = match finding.reasons.is_proven() {
            true if finding.confidence == Confidence::High => Self::Critical,
            _ => Self::of_confidence(finding.confidence),
        };
        let is_harmless = rule.is_some_and(|rule| rule.public || is_hash(rule));
        let is_aside = finding.path_class() != PathClass::Production;
        let standing = finding.history.as_ref().and_then(|h| h.standing.as_ref());
        let is_out_of_reach = standing.is_some_and(|told| is_gone(told) || told.is_local());
        let steps = [is_harmless, is_aside, is_out_of_reach];
        let steps = steps.into_iter().filter(|is_lower| *is_lower);
        steps.fold(severity, |severity, _| severity.lower())
    }

    fn lower(self) -> Self {
        match self {
            Self::Critical => Self::High,
            Self::High => Self::Medium,
            Self::Medium => Self::Low,
            Self::Low | Self::Info => Self::Info,
        }
    }
}

/// Whether it finds hashes of passwords, which must be guessed first.
fn is_hash(rule: &Rule) -> bool {
    rule.id.ends_with("-hash") || rule.id.contains("-hash-")
}

fn is_gone(standing: &Standing) -> bool {
    let reach = &standing.reach;
    !(standing.in_head || reach.index || reach.worktree || reach.git_dir || reach.by_ref())
}
