//! What suppressions look at.

use crate::finding::Finding;
use crate::path_class::PathClass;

/// Converts the path of a finding into a path below the top of the repository.
pub type Locate<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

/// A finding of a scan, or of a saved report.
#[derive(Clone, Debug)]
pub struct Suspect<'f> {
    /// Its identity, in hexadecimal digits.
    pub fingerprint: String,
    /// The rule.
    pub rule: &'f str,
    /// All paths at which it ever was, below the top of the repository.
    pub paths: Vec<Vec<u8>>,
    /// The class of these.
    pub class: PathClass,
}

impl<'f> Suspect<'f> {
    /// Returns what there is to see of `finding`.
    pub fn of(finding: &'f Finding, locate: Locate<'_>) -> Self {
        let paths = finding.history.iter().flat_map(|history| &history.paths);
        let paths: Vec<Vec<u8>> = paths.map(|path| locate(path)).collect();
        Self {
            fingerprint: finding.fingerprint.to_string(),
            rule: &finding.rule_id,
            class: finding.class_at(paths.iter().map(|path| &path[..])),
            paths,
        }
    }

    /// Returns whether `holds` is true of all paths, and there is one.
    pub(super) fn is_everywhere(&self, holds: impl Fn(&[u8]) -> bool) -> bool {
        !self.paths.is_empty() && self.paths.iter().all(|path| holds(path))
    }
}
