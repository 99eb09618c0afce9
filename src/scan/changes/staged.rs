//! What a commit of the index would bring in: its entries against the trees of the commits that it
//! would follow.
//!
//! A directory whose tree the index knows, and which is that of HEAD, is passed over without
//! looking at its entries: the cost is that of the directories that changed, not of the repository.

use std::rc::Rc;

use gix::ObjectId;
use gix::bstr::BString;
use rustc_hash::FxHashSet;

use crate::error::Result;
use crate::git::entry::IndexEntry;
use crate::git::index::{CacheTree, Index};
use crate::scan::changes::trees::{EntryType, TreeEntry, TreeReader};

/// A file that the index has and none of the parents has at the same path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagedFile {
    /// Its path.
    pub path: BString,
    /// Its blob.
    pub blob_id: ObjectId,
}

/// What is staged.
#[derive(Clone, Debug, Default)]
pub struct Staged {
    /// New and changed files, sorted by path.
    pub files: Vec<StagedFile>,
    /// Blobs of the first parent that are replaced or removed, and of the others that are replaced.
    pub replaced: Vec<ObjectId>,
    /// Distinct submodule commits that are staged.
    pub submodules: usize,
}

const TYPE_MASK: u32 = 0o170_000;
const SUBMODULE: u32 = 0o160_000;
const DIRECTORY: u32 = 0o040_000;

/// A directory on the way from the top to the entry looked at.
struct DirectoryLevel<'c> {
    /// Length of its path with the slash; 0 for the top.
    path_len: usize,
    head: Rc<[TreeEntry]>,
    /// Which of `head` the index has too.
    seen: Vec<bool>,
    /// Where in `head` the last one was found: both are sorted.
    cursor: usize,
    cached: Option<&'c CacheTree>,
}

/// Compares `index` with the root trees `parents`: that of HEAD first, then those of the commits
/// being merged. None at all means that there is no commit yet.
///
/// # Errors
/// `Corrupt` if the index cannot be read. Trees that cannot be read are listed in `trees`.
pub fn compare(
    index: &mut Index,
    parents: &[ObjectId],
    trees: &mut TreeReader<'_>,
) -> Result<Staged> {
    let cache_tree = index.cache_tree().cloned();
    let head = parents.first();
    if let (
        Some(CacheTree {
            known: Some((_, id)),
            ..
        }),
        Some(head),
    ) = (&cache_tree, head)
        && id == head
    {
        return Ok(Staged::default());
    }
    let top = head.map_or_else(Rc::default, |head| trees.entries(head));
    let mut comparison = Comparison {
        trees,
        staged: Staged::default(),
        submodules: FxHashSet::default(),
        levels: vec![DirectoryLevel {
            path_len: 0,
            seen: vec![false; top.len()],
            cursor: 0,
            head: top,
            cached: cache_tree.as_ref(),
        }],
        path: Vec::new(),
    };
    while let Some(entry) = index.next_entry()? {
        comparison.add(entry, index)?;
    }
    comparison.leave_until(&[]);
    comparison.leave();
    let Comparison {
        mut staged,
        submodules,
        trees,
        ..
    } = comparison;
    staged.submodules = submodules.len();
    for &other in parents.iter().skip(1) {
        // A merge's own doing is what no side has.
        staged.files.retain(|file| {
            let there = trees.at_path(other, &file.path);
            let there = there.filter(|entry| entry.entry_type == EntryType::Blob);
            staged.replaced.extend(there.as_ref().map(|entry| entry.id));
            there.is_none_or(|entry| entry.id != file.blob_id)
        });
    }
    staged.replaced.sort_unstable();
    staged.replaced.dedup();
    Ok(staged)
}

struct Comparison<'a, 'l, 'c> {
    trees: &'a mut TreeReader<'l>,
    staged: Staged,
    submodules: FxHashSet<ObjectId>,
    /// From the top to the directory of the last entry.
    levels: Vec<DirectoryLevel<'c>>,
    /// The path of the last directory, with a slash.
    path: Vec<u8>,
}

impl Comparison<'_, '_, '_> {
    fn add(&mut self, entry: IndexEntry, index: &mut Index) -> Result<()> {
        self.leave_until(&entry.path);
        loop {
            let level = self.levels.last().expect("the top is never left");
            let rest = &entry.path[level.path_len..];
            let Some(slash) = memchr::memchr(b'/', rest) else {
                break;
            };
            let (name, end) = (rest[..slash].to_vec(), level.path_len + slash + 1);
            let cached = level.cached.and_then(|cached| cached.child(&name));
            let found = self.find(&name);
            let tree = found.filter(|found| found.entry_type == EntryType::Tree);
            if end == entry.path.len() {
                self.add_sparse(&entry, tree);
                return Ok(());
            }
            if let (Some((count @ 1.., known)), Some(tree)) =
                (cached.and_then(|cached| cached.known), &tree)
                && known == tree.id
            {
                return index.skip(count - 1, &entry.path[..end]);
            }
            let head = tree.map_or_else(Rc::default, |tree| self.trees.entries(&tree.id));
            self.path
                .truncate(self.levels.last().map_or(0, |level| level.path_len));
            self.path.extend_from_slice(&name);
            self.path.push(b'/');
            self.levels.push(DirectoryLevel {
                path_len: end,
                seen: vec![false; head.len()],
                cursor: 0,
                head,
                cached,
            });
        }
        let level = self.levels.last().expect("the top is never left");
        let name = entry.path[level.path_len..].to_vec();
        let before = self.find(&name);
        self.add_file(entry, before);
        Ok(())
    }

    fn add_file(&mut self, entry: IndexEntry, before: Option<TreeEntry>) {
        let before = before.filter(|before| before.entry_type != EntryType::Tree);
        if entry.intent_to_add {
            return;
        }
        if entry.mode & TYPE_MASK == SUBMODULE {
            if before.is_none_or(|before| before.id != entry.id) {
                self.submodules.insert(entry.id);
            }
            return;
        }
        let before = before.filter(|before| before.entry_type == EntryType::Blob);
        if before.as_ref().is_some_and(|before| before.id == entry.id) {
            return;
        }
        self.staged.replaced.extend(before.map(|before| before.id));
        self.staged.files.push(StagedFile {
            path: entry.path.into(),
            blob_id: entry.id,
        });
    }

    /// A whole directory that a sparse index keeps as one entry.
    fn add_sparse(&mut self, entry: &IndexEntry, before: Option<TreeEntry>) {
        if entry.mode & TYPE_MASK != DIRECTORY {
            return;
        }
        let path = BString::from(&entry.path[..entry.path.len() - 1]);
        let before: Vec<ObjectId> = before.map(|before| before.id).into_iter().collect();
        let (staged, submodules) = (&mut self.staged, &mut self.submodules);
        self.trees.changed_below(
            path.clone(),
            entry.id,
            &before,
            &mut |path, kind, id| match kind {
                EntryType::Submodule => {
                    submodules.insert(id);
                }
                _ => staged.files.push(StagedFile { path, blob_id: id }),
            },
        );
        for old in before {
            self.trees
                .changed_below(path.clone(), old, &[entry.id], &mut |_, kind, id| {
                    if kind == EntryType::Blob {
                        staged.replaced.push(id);
                    }
                });
        }
    }

    /// Finds `name` in the tree of the current directory, and notes that the index has it.
    fn find(&mut self, name: &[u8]) -> Option<TreeEntry> {
        let level = self.levels.last_mut()?;
        let mut places = (level.cursor..level.head.len()).chain(0..level.cursor);
        let at = places.find(|&at| level.head[at].name == name)?;
        level.seen[at] = true;
        level.cursor = at;
        Some(level.head[at].clone())
    }

    /// Leaves all directories that `path` is not in.
    fn leave_until(&mut self, path: &[u8]) {
        while let Some(level) = self.levels.last().filter(|level| level.path_len > 0) {
            if path.starts_with(&self.path[..level.path_len]) {
                return;
            }
            self.leave();
        }
    }

    /// Leaves the current directory: what its tree has and the index has not is removed.
    fn leave(&mut self) {
        let Some(level) = self.levels.pop() else {
            return;
        };
        let removed = level.head.iter().zip(level.seen).filter(|(_, seen)| !seen);
        for (entry, _) in removed {
            match entry.entry_type {
                EntryType::Blob => self.staged.replaced.push(entry.id),
                EntryType::Tree => {
                    let replaced = &mut self.staged.replaced;
                    self.trees.changed(entry.id, &[], &mut |_, kind, id| {
                        if kind == EntryType::Blob {
                            replaced.push(id);
                        }
                    });
                }
                EntryType::Submodule => {}
            }
        }
    }
}
