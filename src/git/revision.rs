//! Names of commits, as git reads them.

use gix::ObjectId;
use gix::revision::plumbing::Spec;

use crate::error::{Error, Result, nearest};
use crate::git::refs;
use crate::git::refs::Ref;
use crate::git::reftable::TableContents;
use crate::git::repository::Repository;
use crate::odb::Skipped;

/// Ends of a range: commits, or tags that name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeEnds {
    /// What they reach is in it,
    pub tips: Vec<ObjectId>,
    /// but what these reach is not.
    pub hidden: Vec<ObjectId>,
}

impl Repository {
    /// Reads `A..B`, `A...B` (what either has and the other has not), or a single revision with all its
    /// history.
    ///
    /// # Errors
    /// `Usage` if it names nothing that is here.
    pub fn revisions(&self, range: &str) -> Result<RangeEnds> {
        if range.trim().is_empty() {
            return Err(Error::usage("the range is empty")
                .hint("write 'A..B': the commits that B reaches and A does not"));
        }
        let with_ids = self.with_ids(range)?;
        let spec = self.git().rev_parse(with_ids.as_str());
        let spec = spec.map_err(|_| self.unknown(range))?;
        let one = |id| vec![id];
        Ok(match spec.detach() {
            Spec::Include(tip) => RangeEnds {
                tips: one(tip),
                hidden: Vec::new(),
            },
            Spec::Range { from, to } => RangeEnds {
                tips: one(to),
                hidden: one(from),
            },
            Spec::Merge { theirs, ours } => RangeEnds {
                tips: vec![theirs, ours],
                hidden: self.merge_bases(theirs, ours)?,
            },
            Spec::ExcludeParents(tip) => RangeEnds {
                tips: one(tip),
                hidden: self.parents(tip)?,
            },
            Spec::Exclude(_) | Spec::IncludeOnlyParents(_) => {
                return Err(Error::usage(format!("'{range}' has no end"))
                    .hint("write 'A..B': what B reaches and A does not"));
            }
        })
    }

    /// The best common ancestors of two commits, as `git merge-base --all` lists them.
    fn merge_bases(&self, one: ObjectId, other: ObjectId) -> Result<Vec<ObjectId>> {
        let bases = self.git().merge_bases_many(one, &[other]);
        let bases = bases.map_err(|e| {
            Error::repository(format!("cannot find where {one} and {other} parted")).because(e)
        })?;
        Ok(bases.into_iter().map(gix::Id::detach).collect())
    }

    fn parents(&self, commit: ObjectId) -> Result<Vec<ObjectId>> {
        let wrong = || Error::usage(format!("{commit} is not a commit that can be read"));
        let object = self.git().find_object(commit).map_err(|_| wrong())?;
        let commit = object.peel_to_commit().map_err(|_| wrong())?;
        Ok(commit.parent_ids().map(gix::Id::detach).collect())
    }

    /// The error for a range that cannot be read: says which end of it, and why.
    fn unknown(&self, range: &str) -> Error {
        let (from, to) = ends(range).map_or((range, ""), |(from, _, to)| (from, to));
        let is_known = |end: &&str| {
            let with_id = self.with_id(end).ok();
            with_id.is_some_and(|text| self.git().rev_parse_single(text.as_str()).is_ok())
        };
        let ends = [from, to].into_iter().filter(|end| !end.is_empty());
        let Some(end) = ends.clone().find(|end| !is_known(end)) else {
            return Error::usage(format!("'{range}' is not a range of commits"))
                .hint("write 'A..B': the commits that B reaches and A does not");
        };
        let plain = end.trim_start_matches('^');
        let name = &plain[..plain.find(['^', '~', ':', '@']).unwrap_or(plain.len())];
        let (refs, is_shallow) = (
            self.read_refs(TableContents::Refs),
            self.git().is_shallow().unwrap_or(false),
        );
        let short = |found: &Ref| {
            let name = found.name.to_string();
            let heads = ["refs/heads/", "refs/tags/", "refs/remotes/"];
            let short = heads.iter().find_map(|head| name.strip_prefix(head));
            short.map(str::to_owned).unwrap_or(name)
        };
        let names: Vec<String> = refs.refs.iter().map(short).collect();
        let fetch = match is_shallow {
            true => "the clone is shallow: run 'git fetch --unshallow' (in CI: a fetch depth of 0)",
            false => {
                "fetch it first (in CI: with full depth); 'git log --oneline --all' lists what is here"
            }
        };
        let is_end = is_known(&name) || name.is_empty();
        match nearest(name, names.iter().map(String::as_str)) {
            _ if is_end && name.len() < plain.len() => {
                let rest = &plain[name.len()..];
                let of = if name.is_empty() { "" } else { " of " };
                Error::usage(format!(
                    "'{end}' names no commit: there is no '{rest}'{of}{name}"
                ))
                .hint(fetch)
            }
            Some(likely) if !is_shallow => Error::usage(format!(
                "'{name}' is not a branch, tag or commit that is here"
            ))
            .hint(format!("did you mean '{likely}'?")),
            _ => Error::usage(format!(
                "'{name}' is not a branch, tag or commit that is here"
            ))
            .hint(fetch),
        }
    }

    /// Puts ids in place of the refs that a range begins its ends with: gix knows refs that are
    /// files only.
    fn with_ids(&self, range: &str) -> Result<String> {
        let Some((from, dots, to)) = ends(range) else {
            return self.with_id(range);
        };
        let (from, to) = (self.with_id(from)?, self.with_id(to)?);
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
        let refs = self.read_refs(TableContents::Refs);
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

/// The two ends of a range, and the dots between them; `None` if it has one end only.
fn ends(range: &str) -> Option<(&str, &str, &str)> {
    let outside_braces = |(at, _): &(usize, &str)| {
        let before = &range[..*at];
        before.matches('{').count() <= before.matches('}').count()
    };
    let (at, _) = range.match_indices("..").find(outside_braces)?;
    let (from, dots_and_to) = range.split_at(at);
    let len = if dots_and_to.starts_with("...") { 3 } else { 2 };
    let (dots, to) = dots_and_to.split_at(len);
    Some((from, dots, to))
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
        .map_err(|_| {
            Error::usage(format!("'{text}' is not a date"))
                .hint("write it as in '2026-11-01' or '2 weeks ago'")
        })
}
