//! Names of commits, as git reads them.

use gix::ObjectId;
use gix::revision::plumbing::Spec;

use super::repository::Repository;
use super::{ObjectKind, SkipReason, Skipped};
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
        let spec = self.git().rev_parse(range).map_err(|e| {
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

    /// What all refs whose full name begins with `prefix` name, and which cannot be read.
    ///
    /// # Errors
    /// `Repository` if refs cannot be read at all.
    pub fn refs_below(&self, prefix: &str) -> Result<(Vec<ObjectId>, Vec<Skipped>)> {
        let wrong = |e: &dyn std::fmt::Display| {
            Error::repository("refs cannot be read").because(format!("{e:#}"))
        };
        let platform = self.git().references().map_err(|e| wrong(&e))?;
        let refs = if prefix.is_empty() {
            platform.all()
        } else {
            platform.prefixed(prefix)
        };
        let (mut ids, mut skipped) = (Vec::new(), Vec::new());
        for reference in refs.map_err(|e| wrong(&e))? {
            let mut reference = match reference {
                Ok(reference) => reference,
                Err(e) => {
                    skipped.push(Skipped {
                        reason: SkipReason::Corrupt,
                        kind: ObjectKind::Unknown,
                        object_id: None,
                        detail: format!("a ref cannot be read: {e:#}"),
                    });
                    continue;
                }
            };
            match reference.target().try_id() {
                Some(id) => ids.push(id.to_owned()),
                // A symbolic ref names another one; a dangling one names nothing.
                None => ids.extend(reference.follow_to_object().ok().map(gix::Id::detach)),
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok((ids, skipped))
    }
}

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
