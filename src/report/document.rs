//! The one shape of a report: what JSON holds, and what every other format is made from, be it of a
//! scan that just ended or of a saved file. It is made once, redacted; nothing here knows a secret
//! that it does not show. `docs/report.schema.json` describes it: fields are only added within a
//! version. Reports of version 1, which repeat the refs of each finding, can still be read.

use serde::{Deserialize, Serialize};

use super::escape::escape;
use super::refs::{RefTable, Refs};
pub use super::text::Text;
pub use super::validation::Validation;
use crate::audit::Scope;
use crate::path_class::PathClass;
use crate::rule::Confidence;
use crate::severity::Severity;

/// The name of the shape.
pub(super) const SCHEMA: &str = "unleak-report";
/// Raised when a field changes its meaning or goes away.
pub(super) const SCHEMA_VERSION: u32 = 2;

/// A report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Document {
    /// What was scanned.
    #[serde(flatten)]
    pub head: Head,
    /// The refs that reach the findings.
    pub refs: RefTable,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
    /// What was read.
    pub coverage: Coverage,
}

/// A report as it is stored.
#[derive(Deserialize)]
struct Stored {
    #[serde(flatten)]
    head: Head,
    #[serde(default)]
    refs: RefTable,
    findings: Vec<Finding>,
    coverage: Coverage,
}

impl TryFrom<Stored> for Document {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, &'static str> {
        Self::of_parts(stored.head, stored.refs, stored.findings, stored.coverage)
    }
}

impl Document {
    /// Puts the parts of a stored report together.
    ///
    /// # Errors
    /// What is wrong with its refs.
    pub(super) fn of_parts(
        mut head: Head,
        refs: RefTable,
        mut findings: Vec<Finding>,
        coverage: Coverage,
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

/// The refs of each finding that has a standing.
pub(super) fn refs_of(findings: &mut [Finding]) -> Vec<&mut Refs> {
    let histories = findings.iter_mut().filter_map(|f| f.history.as_mut());
    let standings = histories.filter_map(|history| history.standing.as_mut());
    standings.map(|standing| &mut standing.refs).collect()
}

/// What a report is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// `unleak-report`.
    pub schema: String,
    /// Version of the shape.
    pub schema_version: u32,
    /// The version that scanned.
    pub unleak_version: String,
    /// What was scanned, as the user named it.
    pub repository: String,
    /// How much of it.
    pub scope: Scope,
    /// Whether everything was read that belongs to it.
    pub complete: bool,
    /// Whether secrets are marks only.
    pub redacted: bool,
}

/// One secret under one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its identity, 32 hexadecimal digits.
    pub fingerprint: String,
    /// The rule.
    pub rule_id: String,
    /// Who issues such secrets.
    pub provider: String,
    /// What it is, in the rule's words.
    pub description: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// How bad it is; `None` in reports that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What the paths say at which it stood; `None` in reports that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_class: Option<PathClass>,
    /// How sure its rule is before it looks around.
    #[serde(default = "medium")]
    pub rule_confidence: Confidence,
    /// Why.
    pub reasons: Vec<String>,
    /// The secret, or its mark.
    pub secret: Text,
    /// Whether a path in it (or the name of an archive member) holds a secret and is redacted: it is not
    /// the exact path then. All other paths are exact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted_paths: bool,
    /// The same of the names of refs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted_refs: bool,
    /// Page on which it can be made useless.
    pub rotate: Option<String>,
    /// The issuer's page about it.
    pub docs: Option<String>,
    /// What to do about it where it stands, beside that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The day on which it was first told, `YYYY-MM-DD`, if that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// Its line.
    #[serde(default)]
    pub excerpt: Option<Excerpt>,
    /// Its story.
    pub history: Option<History>,
    /// Every place, sorted.
    pub occurrences: Vec<Occurrence>,
    /// What belongs to it.
    #[serde(default)]
    pub with: Vec<Companion>,
    /// Whether it is still active; `None` if that was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
}

fn medium() -> Confidence {
    Confidence::Medium
}

impl Finding {
    /// The first digits of the fingerprint, enough for people.
    pub fn short_id(&self) -> &str {
        self.fingerprint.get(..12).unwrap_or(&self.fingerprint)
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        let by_confidence = || Severity::of_confidence(self.confidence);
        self.severity.unwrap_or_else(by_confidence)
    }

    /// Whether it stood only in tests, documentation and other files that do not count as much.
    pub fn is_aside(&self) -> bool {
        self.path_class
            .is_some_and(|class| class != PathClass::Production)
    }

    /// Why it is one, in words.
    pub fn why(&self) -> String {
        let said = self.reasons.iter().filter(|reason| !reason.is_empty());
        let said: Vec<String> = said.map(|reason| escape(reason.as_bytes())).collect();
        if said.is_empty() {
            // Many small facts may add up to a score.
            let id = self.short_id();
            return format!("no single reason: 'unleak explain {id}' lists the evidence");
        }
        said.join(", ")
    }

    /// Where it stands in the whole repository, if that was asked.
    pub fn standing(&self) -> Option<&Standing> {
        self.history.as_ref()?.standing.as_ref()
    }

    /// Who brought it in, and when.
    pub fn author(&self) -> Option<&Signature> {
        self.history.as_ref()?.author.as_ref()
    }
}

/// What stands on the same line as a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// Before it.
    pub before: Text,
    /// After it.
    pub after: Text,
    /// Characters before it on its line, plus one; `None` if the line was cut.
    pub column: Option<u32>,
    /// The column after its last character; `None` if that is not known, or on another line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
}

/// What belongs to a secret and stands near it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// Its identity.
    pub fingerprint: String,
    /// The rule.
    pub rule_id: String,
    /// Its value, or its mark.
    pub secret: Text,
    /// Every place, sorted.
    pub occurrences: Vec<Occurrence>,
}

/// The story of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Where it entered.
    pub first: Option<Appearance>,
    /// Who brought it in, and when.
    pub author: Option<Signature>,
    /// Whether a parent of the first commit is not here, as where a shallow clone ends: it may have
    /// entered earlier.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub first_is_boundary: bool,
    /// Page of the commit that brought it in, if it was published.
    pub web: Option<String>,
    /// Distinct objects that hold it.
    pub objects: usize,
    /// Distinct paths at which it ever stood, sorted.
    pub paths: Vec<Text>,
    /// Every commit and path at which it entered, in the order of history.
    pub appearances: Vec<Appearance>,
    /// Where it stands in the whole repository.
    #[serde(flatten)]
    pub standing: Option<Standing>,
}

/// Where a secret stands in the whole repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Whether HEAD's tree holds it.
    pub in_head: bool,
    /// Whether a remote-tracking ref reaches it.
    pub published: bool,
    /// Whether any ref does.
    pub reachable: bool,
    /// Commits that hold it.
    pub commits: usize,
    /// The newest commit that holds it.
    #[serde(default)]
    pub last: Option<Milestone>,
    /// The commit that took it out of HEAD's files.
    #[serde(default)]
    pub removed: Option<Milestone>,
    /// The refs that reach it.
    #[serde(flatten)]
    pub refs: Refs,
    /// HEAD of some worktree, when no ref is behind it.
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

/// A commit of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milestone {
    /// The commit.
    pub commit: String,
    /// Its author; `None` if that line is damaged.
    pub author: Option<Signature>,
}

/// A person and a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Name.
    pub name: Text,
    /// Mail address.
    pub email: Text,
    /// `YYYY-MM-DDThh:mm:ssZ`, or `unknown`.
    pub date: String,
}

impl Signature {
    /// The day, `YYYY-MM-DD`.
    pub fn day(&self) -> String {
        escape(self.date.split('T').next().unwrap_or_default().as_bytes())
    }
}

/// What holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
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
    /// The path of something staged.
    Index,
    /// A file of the worktree.
    Worktree,
    /// A file of the git directory.
    #[serde(rename = "git directory")]
    GitDir,
}

/// Where in its place a secret stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spot {
    /// What holds it.
    pub kind: Kind,
    /// Which part of a commit or tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Line, from 1.
    pub line: u32,
    /// Byte within the line, from 1.
    pub column: u32,
    /// Encodings and archives around it, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wrapping: Vec<Layer>,
}

/// An encoding or a compressed form, or a member of an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Base64 and the like.
    Encoding(String),
    /// Gzip and the like.
    Format(String),
    /// The path of a member.
    Member(Text),
}

/// A commit and path at which a secret entered history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appearance {
    /// The commit.
    pub commit: Option<String>,
    /// The path.
    pub path: Option<Text>,
    /// The object that holds it there.
    pub object: String,
    /// Where in it.
    #[serde(flatten)]
    pub spot: Spot,
    /// Whether a ref reaches the commit.
    pub reachable: bool,
}

/// One place where a secret stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The object that holds it, or that the name is about.
    pub object: String,
    /// Name of the file, ref, reflog or staged path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
    /// Where that is, for people.
    #[serde(flatten)]
    pub spot: Spot,
}

/// What was read, and what was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// By kind.
    pub objects: Vec<KindCount>,
    /// Packs.
    pub packs: usize,
    /// Loose objects.
    pub loose: usize,
    /// Object directories beside the repository's own.
    pub alternates: usize,
    /// Commits at which a shallow clone ends.
    pub shallow_commits: usize,
    /// Submodule commits that are named.
    pub submodule_commits: usize,
    /// Files of the worktree, read.
    pub worktree_files: usize,
    /// Files of the git directory, read.
    #[serde(default)]
    pub git_dir_files: usize,
    /// Files and directories of the git directory that hold text and were not read.
    #[serde(default)]
    pub git_dir_unread: Vec<Text>,
    /// Commits that a bundle builds on.
    pub prerequisites: usize,
    /// Files that Git LFS keeps, read.
    pub lfs_files: usize,
    /// Files that Git LFS keeps and that are not here.
    pub lfs_missing: usize,
    /// Matches that an inline marker allows.
    pub allowed_inline: u64,
    /// Findings below the asked confidence.
    pub below_confidence: usize,
    /// Findings that people know and accept.
    #[serde(default)]
    pub suppressed: Vec<Suppressed>,
    /// Findings that filters left out.
    #[serde(default)]
    pub filtered: usize,
    /// The filters, as on the command line.
    #[serde(default)]
    pub filters: Vec<Text>,
    /// Files and directories that were left out by name, and not read.
    #[serde(default)]
    pub excluded: usize,
    /// Pipes, sockets and devices that were met in directories, and not read.
    #[serde(default)]
    pub special_files: Vec<Text>,
    /// Rules that are switched off, by id.
    #[serde(default)]
    pub rules_off: Vec<String>,
    /// What should have been read and was not.
    pub skipped: Vec<Skipped>,
    /// Files and parts of files that were not opened: damaged, encrypted, or of a format that unleak does
    /// not open.
    pub unopened: Vec<Skipped>,
}

/// A finding that people know and accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// Its identity.
    pub fingerprint: String,
    /// The rule.
    pub rule_id: String,
    /// Why.
    pub reason: Option<Text>,
    /// Who said so.
    pub owner: Option<Text>,
    /// What suppresses it.
    pub source: String,
}

/// Objects of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindCount {
    /// `blob`, `commit`, ...
    pub kind: String,
    /// All.
    pub total: u64,
    /// Those that were read.
    pub scanned: u64,
    /// Those that were not.
    pub skipped: u64,
    /// Bytes that were read.
    pub bytes: u64,
}

/// What could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Why, in a word.
    pub reason: String,
    /// What it is.
    pub kind: String,
    /// Its id.
    pub object: Option<String>,
    /// Where, and what is wrong there.
    pub detail: Text,
}
