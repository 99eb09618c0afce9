//! Names of commits, as git reads them.

use gix::ObjectId;
use gix::revision::plumbing::Spec;

use super::Skipped;
use super::refs::{self, Ref};
use super::reftable::Wanted;
use super::repository::Repository;
use crate::error::{Error, Result};

/// Ends of a range: commits, or tags that name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// What they reach is in it,
    pub tips: Vec<ObjectId>,
    /// but what these reach is not.
    pub hidden: Vec<ObjectId>,
}

impl Repository {
    /// Reads `A..B`, `A...B` (what B has since it left A, which is the same), or a single revision
    /// with all its history.
    ///
    /// # Errors
    /// `Usage` if it names nothing that is here.
    pub fn revisions(&self, range: &str) -> Result<Ends> {
        let with_ids = self.with_ids(range)?;
        let spec = self.git().rev_parse(with_ids.as_str()).map_err(|e| {
            Error::usage(format!("'{range}' names no commits of this repository"))
                .because(format!("{e:#}"))
                .hint("write 'A..B'; in CI, fetch with full depth (a fetch depth of 0), so that both are there")
        })?;
        let one = |id| vec![id];
        Ok(match spec.detach() {
            Spec::Include(tip) => Ends {
                tips: one(tip),
                hidden: Vec::new(),
            },
            Spec::Range { from, to }
            | Spec::Merge {
                theirs: from,
                ours: to,
            } => Ends {
                tips: one(to),
                hidden: one(from),
            },
            Spec::ExcludeParents(tip) => Ends {
                tips: one(tip),
                hidden: self.parents(tip)?,
            },
            Spec::Exclude(_) | Spec::IncludeOnlyParents(_) => {
                return Err(Error::usage(format!("'{range}' has no end"))
                    .hint("write 'A..B': what B reaches and A does not"));
            }
        })
    }

    fn parents(&self, commit: ObjectId) -> Result<Vec<ObjectId>> {
        let wrong = |e: &dyn std::fmt::Display| {
            Error::usage(format!("{commit} is no commit that can be read"))
                .because(format!("{e:#}"))
        };
        let object = self.git().find_object(commit).map_err(|e| wrong(&e))?;
        let commit = object.peel_to_commit().map_err(|e| wrong(&e))?;
        Ok(commit.parent_ids().map(gix::Id::detach).collect())
    }

    /// Puts ids in place of the refs that a range begins its ends with: gix knows refs that are
    /// files only.
    fn with_ids(&self, range: &str) -> Result<String> {
        let outside_braces = |(at, _): &(usize, &str)| {
            let before = &range[..*at];
            before.matches('{').count() <= before.matches('}').count()
        };
        let Some((at, _)) = range.match_indices("..").find(outside_braces) else {
            return self.with_id(range);
        };
        let (from, dots_and_to) = range.split_at(at);
        let dots = if dots_and_to.starts_with("...") {
            "..."
        } else {
            ".."
        };
        let (from, to) = (
            self.with_id(from)?,
            self.with_id(&dots_and_to[dots.len()..])?,
        );
        Ok(format!("{from}{dots}{to}"))
    }

    fn with_id(&self, revision: &str) -> Result<String> {
        let (mark, rest) = match revision.strip_prefix('^') {
            Some(rest) => ("^", rest),
            None => ("", revision),
        };
        let end = rest.find(['^', '~', ':']).unwrap_or(rest.len());
        let end = rest.find("@{").map_or(end, |at| at.min(end));
        let (name, suffix) = rest.split_at(end);
        let name = if name.is_empty() || name == "@" {
            "HEAD"
        } else {
            name
        };
        let is_id =
            name.len() == self.hash().len_in_hex() && ObjectId::from_hex(name.as_bytes()).is_ok();
        // What follows a name is a reflog's entry, or an expression that names none.
        if is_id || suffix.starts_with("@{") || (end == 0 && suffix.starts_with(':')) {
            return Ok(revision.to_owned());
        }
        for rule in REF_RULES {
            let full = rule.replace('*', name);
            // Other files at the top of the directory are no refs.
            if !refs::is_ref_name(&full) {
                continue;
            }
            if let Some(id) = self.find_ref(full.as_bytes())? {
                return Ok(format!("{mark}{id}{suffix}"));
            }
        }
        Ok(revision.to_owned())
    }

    /// What all refs whose full name begins with `prefix` name, and which cannot be read. Private
    /// refs of other worktrees are not among them.
    ///
    /// # Errors
    /// `Repository` if refs cannot be read at all.
    pub fn refs_below(&self, prefix: &str) -> Result<(Vec<ObjectId>, Vec<Skipped>)> {
        self.ref_storage()
            .map_err(|skipped| Error::repository(skipped.detail))?;
        let refs = self.read_refs(Wanted::Refs);
        let below = refs.refs.iter().filter(|found| {
            found.name.starts_with(b"refs/")
                && found.name.starts_with(prefix.as_bytes())
                && (found.worktree.is_none() || found.worktree == refs.current)
        });
        let mut ids: Vec<ObjectId> = below.filter_map(Ref::object_id).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok((ids, refs.skipped))
    }
}

/// Where a short name is looked for, in git's order: gitrevisions(7).
const REF_RULES: [&str; 6] = [
    "*",
    "refs/*",
    "refs/tags/*",
    "refs/heads/*",
    "refs/remotes/*",
    "refs/remotes/*/HEAD",
];

/// Reads a date as git does: `2026-11-01`, `2 weeks ago`. Returns seconds since 1970.
///
/// # Errors
/// `Usage` if it is none.
pub fn date(text: &str) -> Result<i64> {
    let now = jiff::Zoned::now();
    gix::date::parse(text, Some(now))
        .map(|time| time.seconds)
        .map_err(|e| {
            Error::usage(format!("'{text}' is no date"))
                .because(format!("{e:#}"))
                .hint("write '2026-11-01' or '2 weeks ago'")
        })
}
