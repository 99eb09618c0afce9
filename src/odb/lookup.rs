//! Finds single objects by id, at the cost of what is looked up alone: for hooks, which see little
//! of a large repository. [`super::ObjectStore`] is the way to read everything.

use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use gix::objs::{Exists as _, Find as _};
use gix::odb::Header as _;

use super::reason::reason;
use super::{ObjectKind, ReadLimits, SkipReason, Skipped, file, hash, loose};
use crate::error::{Error, Result};

/// Several object directories with their alternates. Cloning is cheap; a clone may go to another
/// thread.
#[derive(Clone)]
pub struct Lookup {
    /// What is new and what was there before: a push that is not accepted yet stands in a
    /// directory of its own.
    stores: Vec<gix::odb::Handle>,
    hash: HashKind,
    max_bytes: u64,
    is_partial: bool,
    common_dir: PathBuf,
}

impl Lookup {
    /// Opens the object directories `dirs`. `is_partial` says that a server may have kept some
    /// objects for itself; `common_dir` is where Git LFS keeps files.
    ///
    /// # Errors
    /// `Repository` if one cannot be opened.
    pub fn open(
        dirs: &[PathBuf],
        hash: HashKind,
        limits: ReadLimits,
        is_partial: bool,
        common_dir: &Path,
    ) -> Result<Self> {
        check_objects(dirs)?;
        let max_bytes = limits.held();
        let open = |dir: &PathBuf| {
            let options = gix::odb::store::init::Options {
                alloc_limit_bytes: usize::try_from(max_bytes).ok(),
                ..Default::default()
            };
            gix::odb::at_opts(dir, hash, None, options).map_err(|e| {
                Error::repository(format!(
                    "cannot open the object directory '{}'",
                    dir.display()
                ))
                .because(e)
            })
        };
        Ok(Self {
            stores: dirs.iter().map(open).collect::<Result<_>>()?,
            hash,
            max_bytes,
            is_partial,
            common_dir: common_dir.to_owned(),
        })
    }

    /// The repository's object format.
    pub fn hash(&self) -> HashKind {
        self.hash
    }

    /// The limits it was opened with.
    pub fn limits(&self) -> ReadLimits {
        ReadLimits {
            max_object_bytes: self.max_bytes,
            max_held_bytes: self.max_bytes,
            ..ReadLimits::default()
        }
    }

    /// The `.git` directory that all worktrees share.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Whether object `id` is here.
    pub fn contains(&self, id: &gix::oid) -> bool {
        self.stores.iter().any(|store| store.exists(id))
    }

    /// Reads object `id`, which is said to be of `kind`, into `out`, and checks that it is the
    /// object of that id.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn read(&self, id: &gix::oid, kind: ObjectKind, out: &mut Vec<u8>) -> Result<(), Skipped> {
        let found = self.read_any(id, kind, out)?;
        if found == kind {
            return Ok(());
        }
        let what = format!("it is a {}, not a {}", found.name(), kind.name());
        Err(skipped(SkipReason::Corrupt, id, kind, &what))
    }

    /// Like [`Self::read`], for an object of any kind, which it returns. `expected` is for errors.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn read_any(
        &self,
        id: &gix::oid,
        expected: ObjectKind,
        out: &mut Vec<u8>,
    ) -> Result<ObjectKind, Skipped> {
        let corrupt = |why: &str| skipped(SkipReason::Corrupt, id, expected, why);
        for store in &self.stores {
            let header = store.try_header(id).map_err(|e| corrupt(&reason(e)))?;
            let Some(header) = header else { continue };
            if header.size() > self.max_bytes {
                let what = format!("its {} bytes are over the size limit", header.size());
                return Err(skipped(SkipReason::TooLarge, id, expected, &what));
            }
            let Some(found) = store.try_find(id, out).map_err(|e| corrupt(&reason(e)))? else {
                continue;
            };
            let kind = ObjectKind::from_gix(found.kind);
            let actual = hash::object_id(self.hash, kind, out).map_err(|e| corrupt(&e))?;
            if actual.as_ref() != id {
                return Err(corrupt(&format!("its bytes are those of {actual}")));
            }
            return Ok(kind);
        }
        Err(if self.is_partial {
            skipped(
                SkipReason::Promised,
                id,
                expected,
                "a partial clone left it on the server",
            )
        } else {
            skipped(SkipReason::Missing, id, expected, "it is not here")
        })
    }
}

fn skipped(reason: SkipReason, id: &gix::oid, kind: ObjectKind, why: &str) -> Skipped {
    Skipped {
        reason,
        kind,
        object_id: Some(ObjectId::from(id)),
        detail: format!("{} {id}: {why}", kind.name()),
    }
}

/// Refuses object directories with pipes and the like among their files: gix would wait for them.
pub(crate) fn check_objects(dirs: &[PathBuf]) -> Result<()> {
    for dir in dirs {
        file::check_plain(&dir.join("info"), &["alternates", "commit-graph"])?;
        let fans = loose::fans(dir)?;
        let parts = fans.into_iter().chain(["pack".to_owned()]);
        for part in parts.map(|part| dir.join(part)) {
            let special = file::special_in(&part).map_err(|e| Error::io("list", &part, e))?;
            if let Some(special) = special {
                let why = std::io::Error::other(file::NOT_PLAIN);
                return Err(Error::io("open", &special, why));
            }
        }
    }
    Ok(())
}
