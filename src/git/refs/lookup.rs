//! Finds single refs, for hooks: where refs are files, only those that are asked for are read.

use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::hash::Kind as HashKind;

use crate::git::refs::place::loose;
use crate::git::refs::{MAX_SYMBOLIC_DEPTH, RefTarget, Refs, Storage, is_private, key_of};
use crate::git::reftable::{RefValue, TableContents};
use crate::git::repository::Repository;
use crate::odb::Skipped;
use crate::odb::file::{self, Unread};
use crate::odb::reason::reason;

/// Where single refs are found.
pub(super) struct RefLookup<'a> {
    repo: &'a Repository,
    /// With reftables, all of them.
    all: Option<Refs>,
    packed: Option<Vec<u8>>,
}

impl<'a> RefLookup<'a> {
    pub(super) fn new(repo: &'a Repository) -> Result<Self, Skipped> {
        let all = match repo.ref_storage()? {
            Storage::Files => None,
            Storage::Reftable => Some(repo.read_refs(TableContents::Refs)),
        };
        Ok(Self {
            repo,
            all,
            packed: None,
        })
    }

    pub(super) fn follow(&mut self, name: &[u8]) -> Result<Option<ObjectId>, String> {
        if let Some(refs) = &self.all {
            let (worktree, name) = key_of(refs.current.clone(), name.as_bstr());
            let found = refs.get(worktree.as_ref().map(|name| name.as_bstr()), &name);
            return match (found.map(|found| found.target), refs.skipped.first()) {
                (Some(RefTarget::Object(id)), _) => Ok(Some(id)),
                (Some(RefTarget::Broken), None) => Err("it leads to itself".into()),
                // It may stand in what could not be read.
                (_, Some(skipped)) => Err(skipped.detail.clone()),
                (Some(RefTarget::Dangling) | None, None) => Ok(None),
            };
        }
        let mut name = BString::from(name);
        for _ in 0..=MAX_SYMBOLIC_DEPTH {
            match self.stored(name.as_bstr())? {
                None => return Ok(None),
                Some(RefValue::Object(id)) => return Ok(Some(id)),
                Some(RefValue::Symbolic(next)) => name = next,
            }
        }
        Err("it leads to itself".into())
    }

    fn stored(&mut self, name: &BStr) -> Result<Option<RefValue>, String> {
        // A ref may name any text as another ref; none outside this directory is read.
        let mut parts = name.split_str("/");
        if parts.any(|part| part.is_empty() || part.starts_with(b".") || part.contains(&0)) {
            return Err("it leads to what is no name of a ref".to_owned());
        }
        let is_shared = name.starts_with(b"refs/") && !is_private(name);
        let dir = if is_shared {
            self.repo.common_dir()
        } else {
            self.repo.git_dir()
        };
        let path = dir.join(gix::path::from_bstr(name).map_err(reason)?);
        let told = |path: &std::path::Path, unread: Unread| match unread.skipped(path) {
            Some(skipped) => Err(skipped.detail),
            None => Ok(None),
        };
        if !path.is_dir() {
            match loose(&path, self.repo.hash()) {
                Ok(value) => return Ok(Some(value)),
                Err(Unread::Absent) => {}
                Err(unread) => return told(&path, unread),
            }
        }
        let packed = match self.packed.take() {
            Some(packed) => packed,
            None => {
                let path = self.repo.common_dir().join("packed-refs");
                match file::read(&path) {
                    Ok(packed) => packed,
                    Err(unread) => return told(&path, unread),
                }
            }
        };
        let found = find_packed(&packed, name, self.repo.hash());
        self.packed = Some(packed);
        Ok(found.map(RefValue::Object))
    }
}

/// Finds the line of ref `name` in a file of packed refs.
fn find_packed(packed: &[u8], name: &BStr, hash: HashKind) -> Option<ObjectId> {
    let id_len = hash.len_in_hex();
    memchr::memmem::find_iter(packed, name.as_bytes()).find_map(|at| {
        let line = &packed[at.checked_sub(id_len + 1)?..];
        let is_whole_line = at == id_len + 1 || packed.get(at - id_len - 2) == Some(&b'\n');
        let rest = &line[id_len + 1 + name.len()..];
        let ends = matches!(rest.first(), None | Some(b'\n' | b'\r'));
        let id = ObjectId::from_hex(&line[..id_len]).ok()?;
        (is_whole_line && ends && line[id_len] == b' ').then_some(id)
    })
}
