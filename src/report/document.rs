//! The data of a report. JSON contains exactly this data, and all other formats are made from it,
//! both after a scan and from a saved file. It is redacted when it is created, so that it contains
//! only the secrets that it shows. `docs/report.schema.json` describes it. Within a version, fields
//! are only added. Reports of version 1, which repeat the refs of each finding, can still be read.

use serde::{Deserialize, Serialize};

use super::escape::escape;
use super::refs::{RefTable, ReportRefs};
pub use super::text::Text;
use crate::audit::Scope;
use crate::path_class::PathClass;
pub use crate::report::verdict::Validation;
use crate::rule::Confidence;
use crate::severity::Severity;

/// The name of the schema.
pub(super) const SCHEMA: &str = "unleak-report";
/// The version of the schema; increased when a field changes its meaning or is removed.
pub(super) const SCHEMA_VERSION: u32 = 2;

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredDocument")]
pub struct Document {
    /// The header.
    #[serde(flatten)]
    pub head: ReportHeader,
    /// The refs from which the findings are reachable.
    pub refs: RefTable,
    /// The findings, most severe first.
    pub findings: Vec<ReportFinding>,
    /// What was scanned.
    pub coverage: ReportCoverage,
}

/// A stored report.
#[derive(Deserialize)]
struct StoredDocument {
    #[serde(flatten)]
    head: ReportHeader,
    #[serde(default)]
    refs: RefTable,
    findings: Vec<ReportFinding>,
    coverage: ReportCoverage,
}

impl TryFrom<StoredDocument> for Document {
    type Error = &'static str;

    fn try_from(stored: StoredDocument) -> Result<Self, &'static str> {
        Self::of_parts(stored.head, stored.refs, stored.findings, stored.coverage)
    }
}

impl Document {
    /// Returns this report with other findings, which may be from several reports.
    #[must_use]
    pub fn with_findings(&self, mut findings: Vec<ReportFinding>) -> Self {
        Self {
            head: self.head.clone(),
            refs: RefTable::collect_again(refs_of(&mut findings)),
            findings,
            coverage: self.coverage.clone(),
        }
    }

    /// Combines the parts of a stored report.
    ///
    /// # Errors
    /// The error in its refs.
    pub(super) fn of_parts(
        mut head: ReportHeader,
        refs: RefTable,
        mut findings: Vec<ReportFinding>,
        coverage: ReportCoverage,
    ) -> Result<Self, &'static str> {
        let of_findings = refs_of(&mut findings);
        let refs = if head.schema_version == 1 {
            head.schema_version = SCHEMA_VERSION;
            RefTable::collect(of_findings)
        } else {
            refs.attach(of_findings)?;
            refs
        };
        Ok(Self {
            head,
            refs,
            findings,
            coverage,
        })
    }
}

/// Returns the refs of each finding that has a standing.
pub(super) fn refs_of(findings: &mut [ReportFinding]) -> Vec<&mut ReportRefs> {
    let histories = findings.iter_mut().filter_map(|f| f.history.as_mut());
    let standings = histories.filter_map(|history| history.standing.as_mut());
    standings.map(|standing| &mut standing.refs).collect()
}

/// The header of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportHeader {
    /// `unleak-report`.
    pub schema: String,
    /// Version of the schema.
    pub schema_version: u32,
    /// The version of unleak that scanned.
    pub unleak_version: String,
    /// The scanned repository, as named by the user.
    pub repository: String,
    /// The scanned part.
    pub scope: Scope,
    /// Whether all of it was read.
    pub complete: bool,
    /// Whether secrets are redacted.
    pub redacted: bool,
}

/// One secret under one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFinding {
    /// Its identity, 32 hexadecimal digits.
    pub fingerprint: String,
    /// The rule.
    pub rule_id: String,
    /// The issuer.
    pub provider: String,
    /// The description of the rule.
    pub description: String,
    /// The confidence.
    pub confidence: Confidence,
    /// The severity; `None` in old reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The class of its paths; `None` in old reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_class: Option<PathClass>,
    /// The confidence of its rule, without the surroundings.
    #[serde(default = "medium")]
    pub rule_confidence: Confidence,
    /// The reason.
    pub reasons: Vec<String>,
    /// The secret, redacted or in full.
    pub secret: Text,
    /// Whether a path of the finding (or the name of an archive member) contains a secret, and is
    /// redacted and thus not exact. All other paths are exact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted_paths: bool,
    /// The same for the names of refs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted_refs: bool,
    /// The page on which it can be revoked.
    pub rotate: Option<String>,
    /// A page about this kind of secret: the issuer's, or a standard.
    pub docs: Option<String>,
    /// What else to do about it in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The day on which it was first reported, `YYYY-MM-DD`, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// Its line.
    #[serde(default)]
    pub excerpt: Option<ReportExcerpt>,
    /// Its history.
    pub history: Option<ReportHistory>,
    /// All occurrences, sorted.
    pub occurrences: Vec<ReportOccurrence>,
    /// Values that belong to it.
    #[serde(default)]
    pub with: Vec<ReportCompanion>,
    /// Whether it is still active; `None` without validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

fn medium() -> Confidence {
    Confidence::Medium
}

impl ReportFinding {
    /// Returns the abbreviated fingerprint.
    pub fn short_id(&self) -> &str {
        self.fingerprint.get(..12).unwrap_or(&self.fingerprint)
    }

    /// Returns the severity.
    pub fn severity(&self) -> Severity {
        let by_confidence = || Severity::of_confidence(self.confidence);
        self.severity.unwrap_or_else(by_confidence)
    }

    /// Returns whether it was only in tests, documentation and other less important files.
    pub fn is_aside(&self) -> bool {
        self.path_class
            .is_some_and(|class| class != PathClass::Production)
    }

    /// Returns the reasons as text.
    pub fn why(&self) -> String {
        let said = self.reasons.iter().filter(|reason| !reason.is_empty());
        let said: Vec<String> = said.map(|reason| escape(reason.as_bytes())).collect();
        if said.is_empty() {
            // Several small features may add up to a score.
            let id = self.short_id();
            return format!("no single reason: 'unleak explain {id}' lists the evidence");
        }
        said.join(", ")
    }

    /// Returns its state in the whole repository, if known.
    pub fn standing(&self) -> Option<&ReportStanding> {
        self.history.as_ref()?.standing.as_ref()
    }

    /// The author who introduced it, and the time.
    pub fn author(&self) -> Option<&ReportSignature> {
        self.history.as_ref()?.author.as_ref()
    }
}

/// The text on the same line as a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportExcerpt {
    /// The text before it.
    pub before: Text,
    /// The text after it.
    pub after: Text,
    /// Its column in characters, from 1; `None` if the line was truncated.
    pub column: Option<u32>,
    /// The column after its last character; `None` if it is unknown or on another line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
}

/// A value near a secret that belongs to it, such as its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportCompanion {
    /// Its identity.
    pub fingerprint: String,
    /// The rule.
    pub rule_id: String,
    /// Its value, redacted or in full.
    pub secret: Text,
    /// All occurrences, sorted.
    pub occurrences: Vec<ReportOccurrence>,
}

/// The history of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportHistory {
    /// Where it was introduced.
    pub first: Option<ReportAppearance>,
    /// The author who introduced it, and the time.
    pub author: Option<ReportSignature>,
    /// Whether a parent of the first commit is missing, as at the boundary of a shallow clone: it
    /// may have been introduced earlier.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first_is_boundary: bool,
    /// The web page of the commit that introduced it, if it was published.
    pub web: Option<String>,
    /// The number of distinct objects that contain it.
    pub objects: usize,
    /// The distinct paths of all its occurrences, sorted.
    pub paths: Vec<Text>,
    /// All commits and paths that introduced it, in the order of history.
    pub appearances: Vec<ReportAppearance>,
    /// Its state in the whole repository.
    #[serde(flatten)]
    pub standing: Option<ReportStanding>,
}

/// The state of a secret in the whole repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportStanding {
    /// Whether it is in the tree of HEAD.
    pub in_head: bool,
    /// Whether it is reachable from a remote-tracking ref.
    pub published: bool,
    /// Whether it is reachable from any ref.
    pub reachable: bool,
    /// The number of commits that contain it.
    pub commits: usize,
    /// The newest commit that contains it.
    #[serde(default)]
    pub last: Option<ReportMilestone>,
    /// The commit that removed it from the files of HEAD.
    #[serde(default)]
    pub removed: Option<ReportMilestone>,
    /// The refs from which it is reachable.
    #[serde(flatten)]
    pub refs: ReportRefs,
    /// A detached HEAD of a worktree.
    pub detached_head: bool,
    /// A stash entry.
    pub stash: bool,
    /// An entry of a reflog.
    pub reflog: bool,
    /// The index.
    pub index: bool,
    /// A file of the worktree.
    pub worktree: bool,
    /// A file of the git directory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub git_dir: bool,
}

/// A commit in the history of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportMilestone {
    /// The commit.
    pub commit: String,
    /// Its author; `None` if that line is damaged.
    pub author: Option<ReportSignature>,
}

/// A person and a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSignature {
    /// Name.
    pub name: Text,
    /// Mail address.
    pub email: Text,
    /// `YYYY-MM-DDThh:mm:ssZ`, or `unknown`.
    pub date: String,
}

impl ReportSignature {
    /// Returns the day, `YYYY-MM-DD`.
    pub fn day(&self) -> String {
        escape(self.date.split('T').next().unwrap_or_default().as_bytes())
    }
}

/// The kind of object or file that contains a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaceKind {
    /// A file's contents.
    Blob,
    /// A commit's text.
    Commit,
    /// An annotated tag's text.
    Tag,
    /// The name of a file or directory.
    #[serde(rename = "file name")]
    TreeEntry,
    /// The name of a ref.
    #[serde(rename = "ref name")]
    Ref,
    /// An entry of a reflog.
    Reflog,
    /// The path of a staged file.
    Index,
    /// A file of the worktree.
    Worktree,
    /// A file of the git directory.
    #[serde(rename = "git directory")]
    GitDir,
}

/// The position of a secret in an object or file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReportSpot {
    /// What contains it.
    pub kind: PlaceKind,
    /// Which part of a commit or tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Line, from 1.
    pub line: u32,
    /// Byte within the line, from 1.
    pub column: u32,
    /// Encodings and archives around it, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrapping: Vec<ReportLayer>,
}

/// An encoding or a compressed form, or a member of an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportLayer {
    /// An encoding such as base64.
    Encoding(String),
    /// A compression format such as gzip.
    Format(String),
    /// The path of a member.
    Member(Text),
}

/// A commit and path that introduced a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportAppearance {
    /// The commit.
    pub commit: Option<String>,
    /// The path.
    pub path: Option<Text>,
    /// The object that contains it there.
    pub object: String,
    /// The position in the object.
    #[serde(flatten)]
    pub spot: ReportSpot,
    /// Whether the commit is reachable from a ref.
    pub reachable: bool,
}

/// An occurrence of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportOccurrence {
    /// The object that contains it, or to which the name belongs.
    pub object: String,
    /// Name of the file, ref, reflog or staged path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// The position for people.
    #[serde(flatten)]
    pub spot: ReportSpot,
}

/// The scanned data, and what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportCoverage {
    /// The objects by kind.
    pub objects: Vec<KindCount>,
    /// Packs.
    pub packs: usize,
    /// Loose objects.
    pub loose: usize,
    /// The number of alternate object directories.
    pub alternates: usize,
    /// The number of boundary commits of a shallow clone.
    pub shallow_commits: usize,
    /// The number of submodule commits in trees.
    pub submodule_commits: usize,
    /// The number of scanned worktree files.
    pub worktree_files: usize,
    /// The number of scanned files in the git directory.
    #[serde(default)]
    pub git_dir_files: usize,
    /// Text files and directories of the git directory that were not read; of a scan of files, the git
    /// directories.
    #[serde(default)]
    pub git_dir_unread: Vec<Text>,
    /// The number of prerequisite commits of a bundle.
    pub prerequisites: usize,
    /// The number of scanned Git LFS files.
    pub lfs_files: usize,
    /// The number of missing Git LFS files.
    pub lfs_missing: usize,
    /// The number of matches that inline markers allow.
    pub allowed_inline: u64,
    /// The number of findings below the minimum confidence.
    pub below_confidence: usize,
    /// The suppressed findings.
    #[serde(default)]
    pub suppressed: Vec<ReportSuppressed>,
    /// The number of findings that filters exclude.
    #[serde(default)]
    pub filtered: usize,
    /// The filters, as on the command line.
    #[serde(default)]
    pub filters: Vec<Text>,
    /// The number of files and directories that were excluded by name and not read.
    #[serde(default)]
    pub excluded: usize,
    /// Pipes, sockets and devices in directories, which were not read.
    #[serde(default)]
    pub special_files: Vec<Text>,
    /// The ids of disabled rules.
    #[serde(default)]
    pub rules_off: Vec<String>,
    /// Data that could not be read.
    pub skipped: Vec<ReportSkipped>,
    /// Files and parts of files that were not opened: damaged, encrypted, or of an unsupported
    /// format.
    pub unopened: Vec<ReportSkipped>,
}

/// A suppressed finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSuppressed {
    /// Its identity.
    pub fingerprint: String,
    /// The rule.
    pub rule_id: String,
    /// The reason.
    pub reason: Option<Text>,
    /// The owner of the suppression.
    pub owner: Option<Text>,
    /// The source of the suppression.
    pub source: String,
    /// The description of the rule; empty in old reports.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The severity; `None` in old reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The class of its paths; `None` in old reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_class: Option<PathClass>,
    /// Its first place; `None` in old reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<ReportPlace>,
}

/// A place, as far as other programs need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportPlace {
    /// The place for people.
    pub label: String,
    /// The file; `None` if it is not in a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Text>,
    /// The line of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The commit that introduced it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Objects of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindCount {
    /// `blob`, `commit`, ...
    pub kind: String,
    /// The total number.
    pub total: u64,
    /// The number of scanned objects.
    pub scanned: u64,
    /// The number of objects that could not be read.
    pub skipped: u64,
    /// The number of scanned bytes.
    pub bytes: u64,
}

/// An object or file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSkipped {
    /// The kind of reason.
    pub reason: String,
    /// What it is.
    pub kind: String,
    /// Its id.
    pub object: Option<String>,
    /// The place and the error.
    pub detail: Text,
}
