//! Findings: one secret under one rule, with every place where it stands and its story.

use std::sync::Arc;

use gix::ObjectId;
use gix::bstr::BString;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::detect::decode::Layer;
use crate::detect::score::Reasons;
use crate::odb::ObjectKind;
use crate::path_class::PathClass;
use crate::rule::Confidence;
use crate::secret::Secret;
use crate::span::{Position, Span};

/// Stable identity of a finding: a keyed digest of rule id and secret. It holds no commit, path or
/// line, so it survives rebase, squash, rename, shifted lines and a rewrite of history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Computes it. With a secret `key`, nobody without the key can test guesses against it; with
    /// an empty one, a weak password could be guessed from a published fingerprint.
    pub fn new(key: &[u8], rule_id: &str, secret: &Secret) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length will do");
        mac.update(b"unleak fingerprint 1\0");
        mac.update(rule_id.as_bytes());
        mac.update(b"\0");
        mac.update(secret.reveal());
        let digest = mac.finalize().into_bytes();
        Self(*digest.first_chunk().expect("a digest has 32 bytes"))
    }

    /// Reads it from 32 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes());
        bytes.ok()?.try_into().ok().map(Self)
    }

    /// Returns its bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// What an occurrence stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    /// A file's contents.
    Blob,
    /// A commit's text.
    Commit(Part),
    /// An annotated tag's text.
    Tag(Part),
    /// The name of a file or directory.
    TreeEntry,
    /// The name of a ref.
    Ref,
    /// An entry of a reflog.
    Reflog,
    /// The path of something staged.
    Index,
    /// A file of the worktree that no object has like that.
    Worktree,
    /// A file of the git directory, or an object of a submodule's.
    GitDir,
}

/// A part of the text of a commit or tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Part {
    /// The message.
    Message,
    /// The author's line.
    Author,
    /// The committer's line.
    Committer,
    /// The tagger's line.
    Tagger,
    /// A signature.
    Signature,
    /// The tag that was merged.
    Mergetag,
    /// Any other header.
    Header,
}

impl Part {
    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Author => "author",
            Self::Committer => "committer",
            Self::Tagger => "tagger",
            Self::Signature => "signature",
            Self::Mergetag => "mergetag",
            Self::Header => "header",
        }
    }
}

/// The parts of one commit's or tag's text.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// Where a part of the header ends, and which it is; ascending. The message follows.
    ends: Vec<(usize, Part)>,
}

impl Parts {
    /// Splits the text of a commit or tag, in one pass over its header.
    pub fn of(text: &[u8]) -> Self {
        let mut ends: Vec<(usize, Part)> = Vec::new();
        let mut end = 0;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            if line == b"\n" {
                break;
            }
            end += line.len();
            // A line that begins with a blank continues the header before it.
            match ends.last_mut().filter(|_| line.starts_with(b" ")) {
                Some(last) => last.0 = end,
                None => ends.push((end, Self::named(line))),
            }
        }
        Self { ends }
    }

    /// The part that a header line belongs to.
    fn named(line: &[u8]) -> Part {
        if line.starts_with(b" ") {
            return Part::Message;
        }
        match line.split(|&byte| byte == b' ').next().unwrap_or_default() {
            b"author" => Part::Author,
            b"committer" => Part::Committer,
            b"tagger" => Part::Tagger,
            b"gpgsig" | b"gpgsig-sha256" => Part::Signature,
            b"mergetag" => Part::Mergetag,
            _ => Part::Header,
        }
    }

    /// The part that holds the byte at `offset`.
    pub fn at(&self, offset: usize) -> Part {
        let next = self.ends.partition_point(|&(end, _)| end <= offset);
        self.ends.get(next).map_or(Part::Message, |&(_, part)| part)
    }
}

/// The places of one object's bytes.
#[derive(Clone, Debug)]
pub enum ObjectPlaces {
    /// A file.
    Blob,
    /// A commit and its parts.
    Commit(Parts),
    /// A tag and its parts.
    Tag(Parts),
}

impl ObjectPlaces {
    /// Those of an object of `kind` whose bytes these are.
    pub fn of(kind: ObjectKind, bytes: &[u8]) -> Self {
        match kind {
            ObjectKind::Commit => Self::Commit(Parts::of(bytes)),
            ObjectKind::Tag => Self::Tag(Parts::of(bytes)),
            ObjectKind::Blob | ObjectKind::Tree | ObjectKind::Unknown => Self::Blob,
        }
    }

    /// The place of the byte at `offset`.
    pub fn at(&self, offset: usize) -> Place {
        match self {
            Self::Blob => Place::Blob,
            Self::Commit(parts) => Place::Commit(parts.at(offset)),
            Self::Tag(parts) => Place::Tag(parts.at(offset)),
        }
    }
}

impl Place {
    /// The kind of object whose bytes it stands in; `None` if it is no object.
    pub fn object_kind(self) -> Option<ObjectKind> {
        match self {
            Self::Blob => Some(ObjectKind::Blob),
            Self::Commit(_) => Some(ObjectKind::Commit),
            Self::Tag(_) => Some(ObjectKind::Tag),
            Self::TreeEntry
            | Self::Ref
            | Self::Reflog
            | Self::Index
            | Self::Worktree
            | Self::GitDir => None,
        }
    }

    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Commit(_) => "commit",
            Self::Tag(_) => "tag",
            Self::TreeEntry => "file name",
            Self::Ref => "ref name",
            Self::Reflog => "reflog",
            Self::Index => "index",
            Self::Worktree => "worktree",
            Self::GitDir => "git directory",
        }
    }

    /// Which part of a commit or tag.
    pub fn part(self) -> Option<Part> {
        match self {
            Self::Commit(part) | Self::Tag(part) => Some(part),
            _ => None,
        }
    }
}

/// Where in its place a secret stands, and what it is wrapped in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// What holds it.
    pub place: Place,
    /// Where it begins, for people; in the innermost archive member, if there is one.
    pub position: Position,
    /// Encodings and archives around it, outermost first.
    pub wrapping: Option<Arc<[Layer]>>,
}

/// One place where a secret stands: the offsets are those of one object's bytes, or of a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Occurrence {
    /// The object: the one that holds it, or that the name or reflog entry is about.
    pub object_id: ObjectId,
    /// The secret, in its encoded form if it has one.
    pub span: Span,
    /// What holds it, and where.
    pub spot: Spot,
    /// Name of the file, ref, reflog or staged path; empty for objects.
    pub name: BString,
}

/// A person and a time, as a commit or tag records them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name.
    pub name: BString,
    /// Mail address.
    pub email: BString,
    /// Seconds since 1970, UTC.
    pub seconds: i64,
}

impl Signature {
    /// Reads the author of a commit; `None` if that line is damaged.
    pub fn of_author(commit: &[u8], hash: gix::hash::Kind) -> Option<Self> {
        let tokens = gix::objs::CommitRefIter::from_bytes(commit, hash);
        let author = tokens.author().ok()?;
        Some(Self {
            name: author.name.to_owned(),
            email: author.email.to_owned(),
            seconds: author.time().map_or(0, |time| time.seconds),
        })
    }

    /// Whether the name and address, as in `Ada <ada@example.org>`, hold `text` in any case.
    pub fn holds(&self, text: &str) -> bool {
        let line = format!("{} <{}>", self.name, self.email);
        line.to_lowercase().contains(&text.to_lowercase())
    }
}

/// A commit and path at which a secret entered history: it stands there, and at that path in none
/// of the commit's parents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appearance {
    /// The commit; `None` for what is not committed yet.
    pub commit_id: Option<ObjectId>,
    /// The path; `None` for the text of a commit or tag.
    pub path: Option<BString>,
    /// The object that holds the secret there.
    pub object_id: ObjectId,
    /// What holds it, and where.
    pub spot: Spot,
    /// Whether a ref reaches the commit.
    pub reachable: bool,
}

/// From where a secret is still reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefReach {
    /// `refs/heads/*`, short names, sorted.
    pub branches: Vec<BString>,
    /// `refs/remotes/*`, short names, sorted: published.
    pub remotes: Vec<BString>,
    /// `refs/tags/*`, short names, sorted.
    pub tags: Vec<BString>,
    /// All other refs, full names, sorted.
    pub others: Vec<BString>,
    /// HEAD of some worktree, when no ref is behind it.
    pub detached_head: bool,
    /// A stash entry.
    pub stash: bool,
    /// An entry of a reflog, or `ORIG_HEAD` and its like.
    pub reflog: bool,
    /// The index.
    pub index: bool,
    /// A file of the worktree that is modified or untracked, if these were asked for.
    pub worktree: bool,
    /// A file of the git directory, if these were asked for.
    pub git_dir: bool,
}

impl RefReach {
    /// Sorts the names, each once.
    pub fn put_in_order(&mut self) {
        for names in [
            &mut self.branches,
            &mut self.remotes,
            &mut self.tags,
            &mut self.others,
        ] {
            names.sort_unstable();
            names.dedup();
        }
    }

    /// Whether a ref (or a detached HEAD) reaches it.
    pub fn by_ref(&self) -> bool {
        self.detached_head
            || [&self.branches, &self.remotes, &self.tags, &self.others]
                .iter()
                .any(|names| !names.is_empty())
    }
}

/// What history says about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The first of `appearances`.
    pub first: Option<Appearance>,
    /// Author of the first commit.
    pub author: Option<Signature>,
    /// Whether a parent of the first commit is not here, as at the end of a shallow clone: the secret
    /// may be older.
    pub first_is_boundary: bool,
    /// All appearances, in the order of history.
    pub appearances: Vec<Appearance>,
    /// Distinct blobs (or commits, tags) that hold it.
    pub objects: usize,
    /// Distinct paths at which it ever stood, sorted.
    pub paths: Vec<BString>,
    /// Where it stands in the whole repository; `None` if only a part was scanned.
    pub standing: Option<Standing>,
}

/// Where a secret stands in the whole repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Commits whose tree or text holds it.
    pub commits: usize,
    /// Whether HEAD's tree holds it.
    pub in_head: bool,
    /// The newest commit that holds it: one that a ref reaches, if there is one.
    pub last: Option<Milestone>,
    /// The newest commit behind HEAD that took it out of the files, if HEAD's no longer have it.
    pub removed: Option<Milestone>,
    /// From where it is reached.
    pub reach: RefReach,
    /// Whether the repository has remote-tracking branches: only then it is known what is published.
    pub has_remotes: bool,
}

impl Standing {
    /// Whether nobody else has it, as far as is known: it is on no remote-tracking branch of those there are,
    /// and on no tag or other ref, which may be published, too.
    pub fn is_local(&self) -> bool {
        let reach = &self.reach;
        let shared = [&reach.remotes, &reach.tags, &reach.others];
        self.has_remotes && shared.iter().all(|names| names.is_empty())
    }
}

/// A commit of a secret's story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milestone {
    /// The commit.
    pub commit_id: ObjectId,
    /// Its author; `None` if that line is damaged.
    pub author: Option<Signature>,
}

/// What stands on the same line as a secret. The place of the secret itself is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Before it, cut to a few hundred bytes.
    pub before: LineSide,
    /// After it, likewise.
    pub after: LineSide,
}

/// A part of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineSide {
    /// The text.
    pub bytes: Vec<u8>,
    /// The parts of it that other secrets cover, sure or not, as they stand there; sorted.
    pub hidden: Vec<Span>,
}

/// Bytes of an excerpt on either side.
const EXCERPT_BYTES: usize = 240;

impl Excerpt {
    /// Cuts the excerpt around `span` out of `bytes`; `others` are what else was sighted in them,
    /// sorted, no two of which share a byte. Costs no more for long lines or many others.
    pub fn around(bytes: &[u8], span: Span, others: &[Span]) -> Self {
        let earliest = span.start.saturating_sub(EXCERPT_BYTES);
        let newline = memchr::memrchr(b'\n', &bytes[earliest..span.start]);
        let first = newline.map_or(earliest, |newline| earliest + newline + 1);
        let latest = bytes.len().min(span.end + EXCERPT_BYTES);
        let newline = memchr::memchr(b'\n', &bytes[span.end..latest]);
        let last = newline.map_or(latest, |newline| span.end + newline);
        // The end of a line may be two bytes.
        let is_return = newline.is_some() && bytes[span.end..last].ends_with(b"\r");
        let last = last - usize::from(is_return);
        Self {
            before: LineSide::of(bytes, Span::new(first, span.start), others),
            after: LineSide::of(bytes, Span::new(span.end, last), others),
        }
    }
}

impl LineSide {
    fn of(bytes: &[u8], part: Span, others: &[Span]) -> Self {
        let first = others.partition_point(|other| other.end <= part.start);
        let reached = others[first..].iter();
        let reached = reached.take_while(|other| other.start < part.end);
        let hidden = reached.map(|other| {
            let (start, end) = (other.start.max(part.start), other.end.min(part.end));
            Span::new(start - part.start, end - part.start)
        });
        Self {
            bytes: bytes[part.start..part.end].to_vec(),
            hidden: hidden.collect(),
        }
    }
}

/// What belongs to a secret and stands near it: the id of a key.
#[derive(Clone, Debug)]
pub struct Companion {
    /// The rule that found it.
    pub rule_id: String,
    /// Its value.
    pub secret: Arc<Secret>,
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// Every place, sorted.
    pub occurrences: Vec<Occurrence>,
}

/// A finding that people know and accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// The rule.
    pub rule_id: String,
    /// The secret, which no report may show either.
    pub secret: Arc<Secret>,
    /// Why, if somebody said.
    pub reason: Option<String>,
    /// Who said so.
    pub owner: Option<String>,
    /// What suppresses it: `ignore` or `baseline`.
    pub source: &'static str,
}

/// One secret under one rule.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule_id: String,
    /// The secret.
    pub secret: Arc<Secret>,
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// The highest confidence of its occurrences.
    pub confidence: Confidence,
    /// The reasons of that occurrence.
    pub reasons: Reasons,
    /// Every place, sorted.
    pub occurrences: Vec<Occurrence>,
    /// What belongs to it.
    pub with: Vec<Companion>,
    /// The line of its first place; `None` if that cannot be shown.
    pub excerpt: Option<Excerpt>,
    /// What history says; `None` if it was not asked.
    pub history: Option<History>,
}

impl Finding {
    /// The class of the most important path at which it ever stood. What stands in no file, such as
    /// a commit's message, counts like production.
    pub fn path_class(&self) -> PathClass {
        let paths = self.history.iter().flat_map(|history| &history.paths);
        self.class_at(paths.map(|path| &path[..]))
    }

    /// The same, if its paths are called `paths`.
    pub fn class_at<'p>(&self, paths: impl Iterator<Item = &'p [u8]>) -> PathClass {
        let in_no_file = self.occurrences.iter().any(|occurrence| {
            matches!(
                occurrence.spot.place,
                Place::Commit(_) | Place::Tag(_) | Place::Ref | Place::Reflog
            )
        });
        match in_no_file {
            true => PathClass::Production,
            false => paths
                .map(PathClass::of)
                .min()
                .unwrap_or(PathClass::Production),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_commit_are_told_apart() {
        let text = b"tree 1\nauthor A\ncommitter C\nmergetag object 2\n type commit\n \n words\ngpgsig -----\n more\nextra e\n\nsubject\n\nauthor of all";
        for (word, part) in [
            (&b"tree"[..], Part::Header),
            (b"A\n", Part::Author),
            (b"C\n", Part::Committer),
            (b"words", Part::Mergetag),
            (b"more", Part::Signature),
            (b"extra", Part::Header),
            (b"subject", Part::Message),
            (b"author of", Part::Message),
        ] {
            let at = memchr::memmem::rfind(text, word).unwrap();
            assert_eq!(Parts::of(text).at(at), part, "{}", word.escape_ascii());
        }
        // A text without a message, and one that begins with a continuation line.
        assert_eq!(Parts::of(b"tree 1\nauthor A").at(9), Part::Author);
        assert_eq!(Parts::of(b" x\nauthor A\n\n").at(1), Part::Message);
        assert_eq!(Parts::of(b"").at(0), Part::Message);
    }

    #[test]
    fn a_fingerprint_depends_on_key_rule_and_secret_alone() {
        let secret = Secret::new(b"value");
        let one = Fingerprint::new(b"", "a-key", &secret);
        assert_eq!(one, Fingerprint::new(b"", "a-key", &Secret::new(b"value")));
        assert_ne!(one, Fingerprint::new(b"k", "a-key", &secret));
        assert_ne!(one, Fingerprint::new(b"", "b-key", &secret));
        assert_ne!(one, Fingerprint::new(b"", "a-key", &Secret::new(b"other")));
        assert_eq!(one.to_string().len(), 32);
    }
}
