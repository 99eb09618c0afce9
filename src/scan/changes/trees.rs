//! Which entries a tree has that others at the same path do not: what a commit changes.

use std::rc::Rc;

use gix::ObjectId;
use gix::bstr::BString;
use gix::objs::TreeRefIter;
use gix::objs::tree::EntryKind;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::odb::lookup::Lookup;
use crate::odb::reason::reason;
use crate::odb::{ObjectKind, SkipReason, Skipped};

/// What a tree entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryType {
    /// A file, or a symbolic link's target.
    Blob,
    /// A directory.
    Tree,
    /// A commit of a submodule.
    Submodule,
}

/// An entry of a tree.
#[derive(Clone, Debug)]
pub struct TreeEntry {
    /// Its name.
    pub name: BString,
    /// What it names.
    pub entry_type: EntryType,
    /// The object's id.
    pub id: ObjectId,
}

/// Reads trees; keeps those read last.
pub struct TreeReader<'a> {
    lookup: &'a Lookup,
    kept: FxHashMap<ObjectId, Rc<[TreeEntry]>>,
    kept_entries: usize,
    bytes: Vec<u8>,
    /// Trees that could not be read.
    pub skipped: Vec<Skipped>,
    /// Trees read, and their bytes.
    pub read: (u64, u64),
}

/// Entries kept in memory: some 60 MB.
const MAX_KEPT: usize = 1 << 20;

/// Directories that are looked at for one commit. A few forged trees make billions of paths.
const MAX_DIRECTORIES: usize = 1 << 20;

/// A directory still to compare: its path, its tree, and the trees there on the other sides.
struct Directory {
    path: BString,
    tree: ObjectId,
    others: Vec<ObjectId>,
}

impl<'a> TreeReader<'a> {
    /// Starts with none read.
    pub fn new(lookup: &'a Lookup) -> Self {
        Self {
            lookup,
            kept: FxHashMap::default(),
            kept_entries: 0,
            bytes: Vec::new(),
            skipped: Vec::new(),
            read: (0, 0),
        }
    }

    /// Returns the entries of tree `id`; none, and an entry in `skipped`, if it cannot be read.
    pub fn entries(&mut self, id: &ObjectId) -> Rc<[TreeEntry]> {
        if let Some(entries) = self.kept.get(id) {
            return Rc::clone(entries);
        }
        let entries: Rc<[TreeEntry]> = match self.read_entries(id) {
            Ok(entries) => entries.into(),
            Err(skipped) => {
                self.skipped.push(skipped);
                Rc::default()
            }
        };
        if self.kept_entries > MAX_KEPT {
            self.kept.clear();
            self.kept_entries = 0;
        }
        self.kept_entries += entries.len() + 1;
        self.kept.insert(*id, Rc::clone(&entries));
        entries
    }

    fn read_entries(&mut self, id: &ObjectId) -> Result<Vec<TreeEntry>, Skipped> {
        if *id == ObjectId::empty_tree(id.kind()) {
            return Ok(Vec::new());
        }
        self.lookup.read(id, ObjectKind::Tree, &mut self.bytes)?;
        self.read.0 += 1;
        self.read.1 += self.bytes.len() as u64;
        TreeRefIter::from_bytes(&self.bytes, id.kind())
            .map(|entry| {
                let entry = entry.map_err(|e| Skipped {
                    reason: SkipReason::Corrupt,
                    kind: ObjectKind::Tree,
                    object_id: Some(*id),
                    detail: format!("tree {id}: {}", reason(e)),
                })?;
                Ok(TreeEntry {
                    name: entry.filename.to_owned(),
                    entry_type: match entry.mode.kind() {
                        EntryKind::Tree => EntryType::Tree,
                        EntryKind::Commit => EntryType::Submodule,
                        EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => {
                            EntryType::Blob
                        }
                    },
                    id: entry.oid.to_owned(),
                })
            })
            .collect()
    }

    /// Calls `see` for every file and submodule below `tree` that none of `others` has at the same
    /// path.
    pub fn changed(
        &mut self,
        tree: ObjectId,
        others: &[ObjectId],
        see: &mut dyn FnMut(BString, EntryType, ObjectId),
    ) {
        self.changed_below(BString::default(), tree, others, see);
    }

    /// Like [`Self::changed`] for the directory `path`, whose tree is `tree`.
    pub fn changed_below(
        &mut self,
        path: BString,
        tree: ObjectId,
        others: &[ObjectId],
        see: &mut dyn FnMut(BString, EntryType, ObjectId),
    ) {
        if others.contains(&tree) {
            return;
        }
        let mut directories = 0;
        let mut pending = vec![Directory {
            path,
            tree,
            others: others.to_vec(),
        }];
        while let Some(directory) = pending.pop() {
            directories += 1;
            if directories > MAX_DIRECTORIES {
                self.skipped.push(Skipped {
                    reason: SkipReason::TooLarge,
                    kind: ObjectKind::Tree,
                    object_id: Some(tree),
                    detail: format!("tree {tree}: more than {MAX_DIRECTORIES} directories changed"),
                });
                return;
            }
            self.compare(&directory, &mut pending, see);
        }
    }

    fn compare(
        &mut self,
        directory: &Directory,
        pending: &mut Vec<Directory>,
        see: &mut dyn FnMut(BString, EntryType, ObjectId),
    ) {
        let entries = self.entries(&directory.tree);
        let others: Vec<Rc<[TreeEntry]>> =
            directory.others.iter().map(|id| self.entries(id)).collect();
        let mut cursors = vec![0; others.len()];
        for entry in entries.iter() {
            let mut beside = Vec::new();
            let mut is_same = false;
            for (other, cursor) in others.iter().zip(&mut cursors) {
                let Some(found) = seek(other, cursor, entry) else {
                    continue;
                };
                is_same |= found.id == entry.id && found.entry_type == entry.entry_type;
                if found.entry_type == EntryType::Tree {
                    beside.push(found.id);
                }
            }
            if is_same {
                continue;
            }
            let mut path = directory.path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(&entry.name);
            match entry.entry_type {
                EntryType::Tree => pending.push(Directory {
                    path,
                    tree: entry.id,
                    others: beside,
                }),
                leaf => see(path, leaf, entry.id),
            }
        }
    }

    /// Returns what stands at `path` below `tree`.
    pub fn at_path(&mut self, tree: ObjectId, path: &[u8]) -> Option<TreeEntry> {
        let mut at = tree;
        let mut names = path.split(|&byte| byte == b'/').peekable();
        while let Some(name) = names.next() {
            let entries = self.entries(&at);
            let entry = find(&entries, name)?;
            if names.peek().is_none() {
                return Some(entry.clone());
            }
            if entry.entry_type != EntryType::Tree {
                return None;
            }
            at = entry.id;
        }
        None
    }

    /// Takes those of `wanted` away that stand somewhere below one of `roots`.
    pub fn remove_held(&mut self, roots: &[ObjectId], wanted: &mut FxHashSet<ObjectId>) {
        let mut seen: FxHashSet<ObjectId> = FxHashSet::default();
        let mut pending = roots.to_vec();
        while let Some(tree) = pending.pop() {
            if wanted.is_empty() {
                return;
            }
            if !seen.insert(tree) {
                continue;
            }
            for entry in self.entries(&tree).iter() {
                if entry.entry_type == EntryType::Tree {
                    pending.push(entry.id);
                } else {
                    wanted.remove(&entry.id);
                }
            }
        }
    }
}

/// Returns the entry called `name` of a list in git's order. In a mis-sorted list it may be
/// overlooked: then more counts as changed.
fn find<'e>(entries: &'e [TreeEntry], name: &[u8]) -> Option<&'e TreeEntry> {
    let slash = [name, b"/"].concat();
    [name, &slash[..]].into_iter().find_map(|wanted| {
        let at = entries.partition_point(|entry| key(entry).lt(wanted.iter().copied()));
        entries.get(at).filter(|entry| entry.name == name)
    })
}

/// Returns the entry of the name of `wanted`; both lists are in git's order, in which a directory's
/// name ends with a slash. In a mis-sorted list it may be overlooked: then more counts as changed.
fn seek<'e>(
    entries: &'e [TreeEntry],
    cursor: &mut usize,
    wanted: &TreeEntry,
) -> Option<&'e TreeEntry> {
    // A file and a directory of one name do not stand at the same place: look a little ahead.
    while let Some(entry) = entries.get(*cursor) {
        if entry.name == wanted.name {
            return Some(entry);
        }
        if key(entry).lt(key(wanted)) {
            *cursor += 1;
        } else {
            break;
        }
    }
    None
}

fn key(entry: &TreeEntry) -> impl Iterator<Item = u8> + '_ {
    let slash = (entry.entry_type == EntryType::Tree).then_some(b'/');
    entry.name.iter().copied().chain(slash)
}
