//! Brings indexes and files of worktrees from the old history to the new one. What was edited
//! stays; git itself writes files, so that filters and line ends are its business.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::hash::Kind as HashKind;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::git::entry::IndexEntry;
use crate::git::index::Index;
use crate::odb::{ObjectKind, hash};
use crate::purge::apply::changes::base64;
use crate::purge::apply::guard::{Refusal, Worktree};
use crate::purge::apply::index;
use crate::purge::apply::locks::IndexLock;
use crate::purge::apply::snapshot::Snapshot;
use crate::purge::find::survey::{GITLINK, Survey};
use crate::purge::find::values;
use crate::purge::git::Git;
use crate::purge::make::names;
use crate::purge::make::names::NewPaths;
use crate::purge::make::objects::{Options, Rewritten};

/// A file of a worktree, or an entry of its index, that a purge changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Moved {
    #[serde(with = "base64")]
    path: Vec<u8>,
    /// The path it gets; empty if it goes.
    #[serde(with = "base64")]
    new_path: Vec<u8>,
    mode: u32,
    stage: u8,
    /// What it held, and what it holds then.
    old: String,
    new: String,
    /// Whether the file was as the index said: then it is changed with it.
    is_clean: bool,
}

impl Moved {
    fn is_removed(&self) -> bool {
        self.new_path.is_empty()
    }

    /// Where it stands when it was changed.
    fn place(&self) -> &[u8] {
        if self.is_removed() {
            &self.path
        } else {
            &self.new_path
        }
    }

    fn is_renamed(&self) -> bool {
        !self.is_removed() && self.new_path != self.path
    }
}

/// What happens to one worktree.
#[derive(Serialize, Deserialize)]
struct Bringing {
    /// What the index said before.
    was: String,
    moved: Vec<Moved>,
}

fn file_name(worktree: &Worktree) -> String {
    match &worktree.name {
        None => "worktree.json".to_owned(),
        Some(name) => {
            let name = data_encoding::HEXLOWER.encode(name.as_bytes());
            format!("worktree-{name}.json")
        }
    }
}

fn is_removed(path: &[u8], options: &Options) -> bool {
    options.remove_paths.iter().any(|removed| {
        let removed = removed.trim_matches('/').as_bytes();
        !removed.is_empty()
            && path
                .strip_prefix(removed)
                .is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    })
}

/// New paths of the entries of an index. Entries that go are in nobody's way.
fn new_paths(entries: &[IndexEntry], survey: &Survey<'_>, options: &Options) -> NewPaths {
    let staying = entries
        .iter()
        .map(|entry| &entry.path[..])
        .filter(|path| !is_removed(path, options));
    names::new_paths(staying, survey.needles, &options.mark)
}

/// What of an index changes.
fn changes(
    entries: &[IndexEntry],
    survey: &Survey<'_>,
    rewritten: &Rewritten,
    options: &Options,
) -> Vec<Moved> {
    let renamed = new_paths(entries, survey, options);
    let mut moved = Vec::new();
    for entry in entries {
        let new = match options.submodule(&entry.id) {
            Some(new) if entry.mode == GITLINK => new,
            _ if entry.mode == GITLINK => entry.id,
            _ => rewritten.map(entry.id),
        };
        let new_path = if is_removed(&entry.path, options) {
            Vec::new()
        } else {
            renamed.get(&entry.path).unwrap_or(&entry.path).clone()
        };
        if new == entry.id && new_path == entry.path {
            continue;
        }
        moved.push(Moved {
            path: entry.path.clone(),
            new_path,
            mode: entry.mode,
            stage: entry.stage,
            old: entry.id.to_string(),
            new: new.to_string(),
            is_clean: entry.stage == 0 && !entry.intent_to_add && entry.mode != GITLINK,
        });
    }
    moved
}

/// Untracked files of `worktree` that stand where files get new names: nothing may overwrite them.
pub(crate) fn obstacles(
    worktree: &Worktree,
    survey: &Survey<'_>,
    options: &Options,
) -> Vec<Refusal> {
    let is_here = |name: Option<&[u8]>| name == worktree.name.as_deref().map(str::as_bytes);
    let indexes = survey.indexes.iter();
    let entries: Vec<IndexEntry> = indexes
        .filter(|found| is_here(found.worktree.as_ref().map(|name| &name[..])))
        .map(|found| found.entry.clone())
        .collect();
    let renamed = new_paths(&entries, survey, options);
    let mut blocked: Vec<PathBuf> = renamed
        .iter()
        .filter(|(old, _)| fs::symlink_metadata(on_disk(&worktree.root, old)).is_ok())
        .filter_map(|(_, new)| blocking(&worktree.root, new))
        .collect();
    blocked.sort_unstable();
    blocked.dedup();
    let index = Index::open(&worktree.git_dir.join("index"), survey.store.hash());
    let split = index.is_ok_and(|index| index.is_split()).then(|| Refusal {
        what: format!("the index of '{}' is split", worktree.root.display()),
        way_out:
            "run 'git config core.splitIndex false' and 'git update-index --no-split-index' there"
                .to_owned(),
    });
    let refusals = blocked.into_iter().map(|path| Refusal {
        what: format!(
            "'{}' is in the way: a file whose name holds a value gets this name",
            path.display()
        ),
        way_out: "move that file elsewhere, or add and commit it: then the other gets a number"
            .to_owned(),
    });
    let address = address(worktree, survey, &options.mark);
    split.into_iter().chain(address).chain(refusals).collect()
}

/// A linked worktree whose directory, or whose name in `.git/worktrees`, holds a value: git finds it by
/// these.
fn address(worktree: &Worktree, survey: &Survey<'_>, mark: &[u8]) -> Option<Refusal> {
    let name = worktree.name.as_ref()?;
    let shown = |text: &[u8]| {
        let new = values::redact_name(text, survey.needles, mark)?;
        Some(String::from_utf8_lossy(&new).into_owned())
    };
    if let Some(root) = shown(worktree.root.as_os_str().as_bytes()) {
        return Some(Refusal {
            what: format!("the path of a linked worktree holds a value: '{root}'"),
            way_out:
                "give it another name with 'git worktree move'; 'git worktree list' shows its path"
                    .to_owned(),
        });
    }
    shown(name.as_bytes()).map(|name| Refusal {
        what: format!("the name of a linked worktree holds a value: '.git/worktrees/{name}'"),
        way_out: "rename that directory, and run 'git worktree repair'; 'ls .git/worktrees' shows its name".to_owned(),
    })
}

/// What stands at `path`, or in the place of one of its directories.
fn blocking(root: &Path, path: &[u8]) -> Option<PathBuf> {
    let ends = memchr::memchr_iter(b'/', path).chain([path.len()]);
    for end in ends {
        let file = on_disk(root, &path[..end]);
        match fs::symlink_metadata(&file) {
            Err(_) => return None,
            Ok(found) if end < path.len() && found.is_dir() => {}
            Ok(_) => return Some(file),
        }
    }
    None
}

/// Reads the entries of an index that is not sparse.
fn entries(path: &Path, hash: HashKind) -> Result<Vec<IndexEntry>> {
    let mut index = Index::open(path, hash)?;
    let mut entries = Vec::new();
    while let Some(entry) = index.next_entry()? {
        entries.push(entry);
    }
    Ok(entries)
}

/// Writes the entries of directories of a sparse index one by one; returns whether there were any.
fn unfold(git: &Git, lock: &IndexLock) -> Result<bool> {
    let list = entries(lock.copy(), git.hash())?;
    let is_sparse = list.iter().any(|entry| entry.path.ends_with(b"/"));
    if is_sparse {
        git.change(&["update-index", "--force-write-index"], b"")?;
    }
    Ok(is_sparse)
}

/// Makes an index sparse again that [`unfold`] changed.
fn fold(git: &Git) -> Result<()> {
    let words = [
        "-c",
        "index.sparse=true",
        "update-index",
        "--force-write-index",
    ];
    git.change(&words, b"")
}

/// What an index says, as a digest: paths, ids, modes, stages and flags.
fn digest(git: &Git) -> Result<String> {
    let list = git.run(&["ls-files", "--stage", "-v", "-z"], b"")?;
    Ok(data_encoding::HEXLOWER.encode(&hash::digest(&list, HashKind::Sha256)))
}

fn flags(git: &Git) -> Result<BTreeMap<Vec<u8>, u8>> {
    let lines = parts(&git.run(&["ls-files", "-v", "-z"], b"")?).into_iter();
    let flags = lines
        .filter(|line| line.len() > 2)
        .map(|line| (line[2..].to_vec(), line[0]));
    Ok(flags.collect())
}

/// Brings a worktree and its index, which `lock` keeps from others, to the new history; returns whether
/// that changed anything.
///
/// # Errors
/// `Repository` with what git says; `Io` if a file cannot be moved.
pub(crate) fn bring(
    (worktree, lock): (&Worktree, &IndexLock),
    git: &Git,
    survey: &Survey<'_>,
    rewritten: &Rewritten,
    options: &Options,
    snapshot: &Snapshot,
) -> Result<bool> {
    let hash = survey.store.hash();
    let is_sparse = unfold(git, lock)?;
    let mut moved = changes(&entries(lock.copy(), hash)?, survey, rewritten, options);
    if moved.is_empty() {
        let changed = clear_resolve_undo(git, survey, rewritten)?;
        if changed && is_sparse {
            fold(git)?;
        }
        return Ok(changed);
    }
    let was = digest(git)?;
    // Its status says only that something was edited.
    let _ = git.change(&["update-index", "-q", "--refresh"], b"");
    let edited: BTreeSet<Vec<u8>> = parts(&git.run(&["diff-files", "--name-only", "-z"], b"")?)
        .into_iter()
        .collect();
    let flags = flags(git)?;
    let is_skipped = |path: &[u8]| {
        flags.get(path).is_some_and(u8::is_ascii_lowercase) || flags.get(path) == Some(&b'S')
    };
    for entry in &mut moved {
        entry.is_clean &= !edited.contains(&entry.path) && !is_skipped(&entry.path);
    }
    let bringing = Bringing { was, moved };
    snapshot.write(&file_name(worktree), &bringing)?;
    let moved = bringing.moved;
    replace(git, lock, &moved)?;
    put_flags(git, &moved, &flags)?;
    let _ = git.change(&["update-index", "--clear-resolve-undo"], b"");
    let bytes = fs::read(lock.copy()).map_err(|e| Error::io("read", lock.copy(), e))?;
    if !survey.needles.find(&bytes).0.is_empty() {
        index::strip(lock.copy(), hash)?;
    }
    files(&worktree.root, git, &moved)?;
    if is_sparse {
        fold(git)?;
    }
    Ok(true)
}

/// Drops the versions that git keeps of resolved conflicts if one of them goes: `git gc` fails if an index
/// names an object that is not there. Returns whether it did.
fn clear_resolve_undo(git: &Git, survey: &Survey<'_>, rewritten: &Rewritten) -> Result<bool> {
    let listed = parts(&git.run(&["ls-files", "--resolve-undo", "-z"], b"")?);
    // `<mode> <id> <stage>\t<path>`
    let mut ids = listed
        .iter()
        .filter_map(|line| line.split(|&byte| byte == b' ').nth(1))
        .filter_map(|hex| ObjectId::from_hex(hex).ok());
    // Nothing else may reach what holds a value: it is removed, not rewritten.
    let is_dirty = |id: &ObjectId| {
        let node = survey.store.node_of(id);
        node.is_some_and(|node| survey.dirty.contains_key(&node))
    };
    let goes = ids.any(|id| rewritten.map(id) != id || is_dirty(&id));
    if goes {
        git.change(&["update-index", "--clear-resolve-undo"], b"")?;
    }
    Ok(goes)
}

/// Moves files of a worktree to where, and to what, the index says.
fn files(root: &Path, git: &Git, moved: &[Moved]) -> Result<()> {
    for moved in moved
        .iter()
        .filter(|moved| moved.is_renamed() && moved.stage == 0)
    {
        let (old, new) = (on_disk(root, &moved.path), on_disk(root, &moved.new_path));
        if moved.mode == GITLINK || fs::symlink_metadata(&old).is_err() {
            continue;
        }
        if let Some(path) = blocking(root, &moved.new_path) {
            return Err(Error::repository(format!(
                "'{}' is in the way of a file that gets this name",
                path.display()
            ))
            .hint("move it elsewhere, and run the purge again"));
        }
        move_file(&old, &new)?;
        remove_empty_dirs(root, &moved.path);
    }
    for moved in moved
        .iter()
        .filter(|moved| moved.is_removed() && moved.is_clean)
    {
        let _ = fs::remove_file(on_disk(root, &moved.path));
        remove_empty_dirs(root, &moved.path);
    }
    let paths: Vec<&[u8]> = moved
        .iter()
        .filter(|moved| moved.is_clean && !moved.is_removed())
        .map(Moved::place)
        .collect();
    if paths.is_empty() {
        return Ok(());
    }
    write_files(root, git, &paths)
}

/// Lets git write files as the index has them. Who may read a file stays: git would leave that to the
/// umask, and a file with secrets is often its owner's alone.
fn write_files(root: &Path, git: &Git, paths: &[&[u8]]) -> Result<()> {
    let is_file = |path: &Path| {
        fs::symlink_metadata(path)
            .ok()
            .filter(fs::Metadata::is_file)
    };
    let places = paths.iter().map(|path| on_disk(root, path));
    let permissions: Vec<(PathBuf, fs::Permissions)> = places
        .filter_map(|path| is_file(&path).map(|data| (path, data.permissions())))
        .collect();
    let words = ["checkout-index", "-f", "-u", "-q", "-z", "--stdin"];
    let written = git.change(&words, &lines(paths));
    for (path, kept) in permissions {
        if is_file(&path).is_some_and(|data| data.permissions() != kept) {
            fs::set_permissions(&path, kept)
                .map_err(|e| Error::io("set the permissions of", &path, e))?;
        }
    }
    written
}

fn move_file(old: &Path, new: &Path) -> Result<()> {
    let dir = new.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)
        .and_then(|()| fs::rename(old, new))
        .map_err(|e| Error::io("move", old, e))
}

/// An entry that is written anew has lost what its user said of it.
fn put_flags(git: &Git, moved: &[Moved], flags: &BTreeMap<Vec<u8>, u8>) -> Result<()> {
    for (flag, option) in [(b'S', "--skip-worktree"), (b'h', "--assume-unchanged")] {
        let flagged = moved
            .iter()
            .filter(|moved| !moved.is_removed() && flags.get(&moved.path) == Some(&flag));
        let paths: Vec<&[u8]> = flagged.map(Moved::place).collect();
        if !paths.is_empty() {
            git.change(&["update-index", option, "-z", "--stdin"], &lines(&paths))?;
        }
    }
    Ok(())
}

/// Replaces entries of an index. git removes all stages of a path at once: those that stay are written
/// again.
fn replace(git: &Git, lock: &IndexLock, moved: &[Moved]) -> Result<()> {
    let mut lines = EntryLines::new(git.hash());
    let staged: HashSet<&[u8]> = moved
        .iter()
        .filter(|moved| moved.stage > 0)
        .map(|moved| &moved.path[..])
        .collect();
    for moved in moved {
        if moved.is_removed() || moved.is_renamed() || moved.stage > 0 {
            lines.remove(&moved.path);
        }
    }
    if !staged.is_empty() {
        let is_moved: HashSet<(&[u8], u8)> = moved
            .iter()
            .map(|moved| (&moved.path[..], moved.stage))
            .collect();
        for entry in entries(lock.copy(), git.hash())? {
            let path = &entry.path[..];
            if staged.contains(path) && !is_moved.contains(&(path, entry.stage)) {
                lines.add(entry.mode, &entry.id.to_string(), entry.stage, path);
            }
        }
    }
    for moved in moved.iter().filter(|moved| !moved.is_removed()) {
        lines.add(moved.mode, &moved.new, moved.stage, &moved.new_path);
    }
    lines.run(git)
}

/// What `git update-index --index-info` reads.
struct EntryLines {
    null: String,
    bytes: Vec<u8>,
}

impl EntryLines {
    fn new(hash: HashKind) -> Self {
        Self {
            null: hash.null().to_string(),
            bytes: Vec::new(),
        }
    }

    fn remove(&mut self, path: &[u8]) {
        self.bytes.extend(format!("0 {}\t", self.null).bytes());
        self.bytes.extend_from_slice(path);
        self.bytes.push(0);
    }

    fn add(&mut self, mode: u32, id: &str, stage: u8, path: &[u8]) {
        self.bytes
            .extend(format!("{mode:o} {id} {stage}\t").bytes());
        self.bytes.extend_from_slice(path);
        self.bytes.push(0);
    }

    fn run(&self, git: &Git) -> Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        git.change(&["update-index", "-z", "--index-info"], &self.bytes)
    }
}

/// What one worktree's HEAD names before and after everything else was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heads {
    pub(crate) is: String,
    pub(crate) was: String,
}

/// What was not taken back in a worktree.
#[derive(Default)]
pub(crate) struct KeptFiles {
    /// Files that were edited since.
    pub(crate) files: Vec<PathBuf>,
    /// Entries of the index that were staged since.
    pub(crate) staged: Vec<Vec<u8>>,
    /// Files that stand where others had been.
    pub(crate) blocked: Vec<PathBuf>,
}

/// Takes a worktree back, and its index, which `lock` keeps from others: each entry and each file that is
/// as the new history says becomes what it was. `heads` are what HEAD named and names; `is_half_done`
/// says that files may be missing because a run was killed.
///
/// # Errors
/// As [`bring`].
pub(crate) fn take_back(
    (worktree, lock): (&Worktree, &IndexLock),
    git: &Git,
    heads: Option<&Heads>,
    snapshot: &Snapshot,
    is_half_done: bool,
) -> Result<KeptFiles> {
    let bringing = snapshot.read::<Bringing>(&file_name(worktree))?;
    let is_moved = heads.is_some_and(|heads| heads.is != heads.was);
    if bringing.is_none() && !is_moved {
        return Ok(KeptFiles::default());
    }
    let is_sparse = unfold(git, lock)?;
    let (was, mut moved) = match bringing {
        Some(bringing) => (Some(bringing.was), bringing.moved),
        None => (None, Vec::new()),
    };
    if let Some(heads) = heads.filter(|_| is_moved) {
        let list = entries(lock.copy(), git.hash())?;
        with_heads(&mut moved, of_heads(git, heads)?, &list);
    }
    let mut kept = KeptFiles::default();
    if was.as_ref() != Some(&digest(git)?) {
        let flags = flags(git)?;
        unreplace(git, lock, &moved, &mut kept)?;
        if moved.iter().any(|moved| moved.stage > 0) {
            // git has noted the stages of the new history, which are about to go.
            let _ = git.change(&["update-index", "--clear-resolve-undo"], b"");
        }
        let back: Vec<Moved> = moved
            .iter()
            .map(|moved| Moved {
                path: moved.place().to_vec(),
                new_path: moved.path.clone(),
                ..moved.clone()
            })
            .collect();
        put_flags_where_there(git, lock, &back, &flags)?;
        if was.as_ref() == Some(&digest(git)?) {
            restore_index(worktree, lock, snapshot)?;
            unfold(git, lock)?;
        }
    }
    files_back(worktree, git, lock, &moved, is_half_done, &mut kept)?;
    if is_sparse {
        fold(git)?;
    }
    Ok(kept)
}

/// Nothing was staged since: the index becomes the file that it was, with all that git keeps in it.
fn restore_index(worktree: &Worktree, lock: &IndexLock, snapshot: &Snapshot) -> Result<()> {
    let path = match &worktree.name {
        None => PathBuf::from("index"),
        Some(name) => Path::new("worktrees").join(name).join("index"),
    };
    let from = snapshot.git_dir().join(path);
    if !from.exists() {
        return Ok(());
    }
    crate::purge::apply::snapshot::copy(&from, lock.copy())
        .map_err(|e| Error::io("restore", lock.copy(), e))
}

/// What leads from one commit to the other.
fn of_heads(git: &Git, heads: &Heads) -> Result<Vec<Moved>> {
    let words = [
        "diff-tree",
        "-r",
        "-z",
        "--no-renames",
        "--raw",
        "--no-abbrev",
        &heads.was,
        &heads.is,
    ];
    let out = git.run(&words, b"")?;
    let parts = parts(&out);
    let mut moved = Vec::new();
    for pair in parts.chunks_exact(2) {
        let line = String::from_utf8_lossy(&pair[0]).into_owned();
        let words: Vec<&str> = line.trim_start_matches(':').split(' ').collect();
        let [old_mode, new_mode, old, new, _] = words[..] else {
            continue;
        };
        let mode = |text: &str| u32::from_str_radix(text, 8).unwrap_or(0);
        let (old_mode, new_mode) = (mode(old_mode), mode(new_mode));
        let path = pair[1].clone();
        moved.push(Moved {
            // What is not there has no mode.
            new_path: if new_mode == 0 {
                Vec::new()
            } else {
                path.clone()
            },
            path: if old_mode == 0 {
                Vec::new()
            } else {
                path.clone()
            },
            mode: old_mode,
            stage: 0,
            old: old.to_owned(),
            new: new.to_owned(),
            is_clean: old_mode != GITLINK && new_mode != GITLINK,
        });
    }
    Ok(moved)
}

/// Adds what leads from one HEAD to the other, and puts it in the place of what the purge did to the
/// same file, if that was committed anew since. `list` is what the index says.
fn with_heads(moved: &mut Vec<Moved>, heads: Vec<Moved>, list: &[IndexEntry]) {
    let staged = list.iter().filter(|entry| entry.stage == 0);
    let staged: BTreeMap<&[u8], String> = staged
        .map(|entry| (&entry.path[..], entry.id.to_string()))
        .collect();
    let news = heads.iter().filter(|head| !head.is_removed());
    let news: BTreeMap<&[u8], &Moved> = news.map(|head| (&head.new_path[..], head)).collect();
    let olds = heads.iter().filter(|head| !head.path.is_empty());
    let olds: BTreeMap<&[u8], &Moved> = olds.map(|head| (&head.path[..], head)).collect();
    let mut known: HashSet<Vec<u8>> = HashSet::new();
    for moved in moved.iter_mut().filter(|moved| moved.stage == 0) {
        known.insert(moved.place().to_vec());
        known.insert(moved.path.clone());
        let is = staged.get(moved.place());
        if let Some(head) = news.get(moved.place())
            && is != Some(&moved.new)
            && is == Some(&head.new)
        {
            moved.new.clone_from(&head.new);
            moved.is_clean = head.is_clean;
            if let Some(head) = olds.get(&moved.path[..]) {
                moved.old.clone_from(&head.old);
                moved.mode = head.mode;
            }
        }
    }
    moved.extend(
        heads
            .into_iter()
            .filter(|head| !known.contains(head.place())),
    );
}

/// Replaces those entries of the index that are as the new history says.
fn unreplace(git: &Git, lock: &IndexLock, moved: &[Moved], kept: &mut KeptFiles) -> Result<()> {
    let list = entries(lock.copy(), git.hash())?;
    let mut steps = Steps::default();
    for entry in &list {
        steps.now.insert((&entry.path, entry.stage), entry);
    }
    for moved in moved {
        steps.take_back(moved, kept);
    }
    let mut lines = EntryLines::new(git.hash());
    for path in &steps.gone {
        lines.remove(path);
        // git removes all stages of a path at once.
        for stage in 0..4 {
            if let Some(entry) = steps.now.get(&(*path, stage))
                && !steps.changed.contains(&(*path, stage))
            {
                lines.add(entry.mode, &entry.id.to_string(), stage, path);
            }
        }
    }
    for (mode, id, stage, path) in &steps.added {
        lines.add(*mode, id, *stage, path);
    }
    if lines.run(git).is_ok() {
        return Ok(());
    }
    // A directory is where a file was: the others change by themselves, and what was staged since stays.
    for (mode, id, stage, path) in &steps.added {
        let mut line = EntryLines::new(git.hash());
        line.add(*mode, id, *stage, path);
        if line.run(git).is_err() {
            kept.staged.push(path.to_vec());
        }
    }
    Ok(())
}

/// How an index changes back.
#[derive(Default)]
struct Steps<'m> {
    now: BTreeMap<(&'m [u8], u8), &'m IndexEntry>,
    gone: BTreeSet<&'m [u8]>,
    changed: HashSet<(&'m [u8], u8)>,
    added: Vec<(u32, String, u8, &'m [u8])>,
}

impl<'m> Steps<'m> {
    fn has_path(&self, path: &'m [u8]) -> bool {
        (0..4).any(|stage| self.now.contains_key(&(path, stage)))
    }

    /// Whether an entry can get `path`: git drops files that are where it needs a directory, and all below
    /// a directory that is where it needs a file.
    fn is_free(&self, path: &'m [u8]) -> bool {
        let mut dirs = memchr::memchr_iter(b'/', path);
        let next = self.now.range((path, 4)..);
        let mut below = next
            .map(|((other, _), _)| *other)
            .take_while(|other| other.starts_with(path))
            .filter(|other| other.get(path.len()) == Some(&b'/'));
        !self.has_path(path)
            && !dirs.any(|end| self.has_path(&path[..end]))
            && below.next().is_none()
    }

    fn take_back(&mut self, moved: &'m Moved, kept: &mut KeptFiles) {
        let place = moved.place();
        let Some(&found) = self.now.get(&(place, moved.stage)) else {
            if moved.is_removed() && !self.is_free(&moved.path) {
                kept.staged.push(moved.path.clone());
            } else if moved.is_removed() {
                let old = moved.old.clone();
                self.added.push((moved.mode, old, moved.stage, &moved.path));
            }
            return;
        };
        let id = found.id.to_string();
        if moved.is_removed() || id == moved.old && id != moved.new {
            return;
        }
        let is_free = place == moved.path || self.is_free(&moved.path);
        if id != moved.new || !is_free {
            kept.staged.push(place.to_vec());
            if !moved.is_renamed() || moved.path.is_empty() || !is_free {
                return;
            }
        }
        if place != moved.path || moved.stage > 0 {
            self.gone.insert(place);
        }
        self.changed.insert((place, moved.stage));
        if moved.path.is_empty() {
            return;
        }
        // What was staged since moves with its name; its mode may have been changed, too.
        let is_as_left = id == moved.new;
        let mode = if is_as_left && moved.old != moved.new {
            moved.mode
        } else {
            found.mode
        };
        let id = if is_as_left { moved.old.clone() } else { id };
        self.added.push((mode, id, moved.stage, &moved.path));
    }
}

/// Gives entries their flags, as far as they are in the index.
fn put_flags_where_there(
    git: &Git,
    lock: &IndexLock,
    moved: &[Moved],
    flags: &BTreeMap<Vec<u8>, u8>,
) -> Result<()> {
    if moved.iter().all(|moved| {
        flags
            .get(&moved.path)
            .is_none_or(|flag| *flag != b'S' && *flag != b'h')
    }) {
        return Ok(());
    }
    let there: HashSet<Vec<u8>> = entries(lock.copy(), git.hash())?
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    let moved: Vec<Moved> = moved
        .iter()
        .filter(|moved| there.contains(&moved.new_path))
        .cloned()
        .collect();
    put_flags(git, &moved, flags)
}

/// Takes back files: each that holds what the new history has becomes what it was.
fn files_back(
    worktree: &Worktree,
    git: &Git,
    lock: &IndexLock,
    moved: &[Moved],
    is_half_done: bool,
    kept: &mut KeptFiles,
) -> Result<()> {
    let root = &worktree.root;
    let list = entries(lock.copy(), git.hash())?.into_iter();
    let staged = list.filter(|entry| entry.stage == 0);
    let candidates: Vec<&Moved> = moved
        .iter()
        .filter(|moved| moved.stage == 0 && moved.mode != GITLINK)
        .filter(|moved| moved.is_clean || moved.is_renamed())
        .collect();
    let places: Vec<&[u8]> = candidates
        .iter()
        .flat_map(|moved| [moved.place(), &moved.path])
        .filter(|path| !path.is_empty())
        .collect();
    let found = FilesFound {
        root,
        staged: staged
            .map(|entry| (entry.path, entry.id.to_string()))
            .collect(),
        held: held(git, root, &places)?,
        is_half_done,
    };
    let mut back: Vec<&[u8]> = Vec::new();
    for file in candidates {
        if found.take_back(git, file, kept)? {
            back.push(&file.path);
        }
    }
    if back.is_empty() {
        return Ok(());
    }
    write_files(root, git, &back)
}

/// What of the files of a worktree matters.
struct FilesFound<'a> {
    root: &'a Path,
    /// Ids in the index, which was taken back already.
    staged: BTreeMap<Vec<u8>, String>,
    /// Ids of the files.
    held: BTreeMap<Vec<u8>, String>,
    /// Whether files may be missing because a run was killed.
    is_half_done: bool,
}

impl FilesFound<'_> {
    fn holds(&self, path: &[u8], id: &str) -> bool {
        self.held.get(path).is_some_and(|held| held == id)
    }

    fn is_there(&self, path: &[u8]) -> bool {
        fs::symlink_metadata(on_disk(self.root, path)).is_ok()
    }

    /// Whether git was killed while it wrote this file: it holds the beginning of what it had to hold.
    fn is_half_written(&self, git: &Git, place: &[u8], file: &Moved) -> bool {
        let is_possible = self.is_half_done && file.is_clean && !file.is_removed();
        if !is_possible || self.holds(place, &file.old) {
            return false;
        }
        let Ok(written) = fs::read(on_disk(self.root, place)) else {
            return false;
        };
        let begins = |id: &str| {
            let whole = git.run(&["cat-file", "blob", id], b"");
            whole.is_ok_and(|whole| whole.len() > written.len() && whole.starts_with(&written))
        };
        begins(&file.old) || begins(&file.new)
    }

    fn remove(&self, path: &[u8]) {
        let _ = fs::remove_file(on_disk(self.root, path));
        remove_empty_dirs(self.root, path);
    }

    /// Takes back the name of a file; returns whether its contents are to be written again.
    fn take_back(&self, git: &Git, file: &Moved, kept: &mut KeptFiles) -> Result<bool> {
        let place = file.place();
        let is_there = self.is_there(place);
        if file.path.is_empty() {
            // The old history has no such file.
            if self.holds(place, &file.new) && !self.staged.contains_key(place) {
                self.remove(place);
            }
            return Ok(false);
        }
        if file.is_renamed() {
            if !is_there && self.is_there(&file.path) {
                // It was not moved yet.
                return Ok(false);
            }
            if is_there && !self.move_back(file, kept)? {
                return Ok(false);
            }
        }
        let is_ours = self.holds(place, &file.new) || self.is_half_written(git, place, file);
        if is_there && (file.is_removed() || !is_ours) {
            if !self.holds(place, &file.old) && file.is_clean {
                kept.files.push(on_disk(self.root, &file.path));
            }
            return Ok(false);
        }
        if !is_there && blocking(self.root, &file.path).is_some() {
            kept.blocked.push(on_disk(self.root, &file.path));
            return Ok(false);
        }
        // Somebody deleted it since, if no run was killed.
        let is_deleted = !is_there && !file.is_removed() && !self.is_half_done;
        let is_staged = self.staged.get(&file.path) == Some(&file.old);
        Ok(!is_deleted && is_staged && file.is_clean)
    }

    /// Gives a file its old name; returns whether it has it.
    fn move_back(&self, file: &Moved, kept: &mut KeptFiles) -> Result<bool> {
        let place = file.place();
        let (here, old) = (on_disk(self.root, place), on_disk(self.root, &file.path));
        if blocking(self.root, &file.path).is_some() {
            if self.holds(place, &file.new) && self.holds(&file.path, &file.old) {
                // It was written before a run was killed.
                self.remove(place);
            } else {
                kept.blocked.push(old);
            }
            return Ok(false);
        }
        move_file(&here, &old)?;
        remove_empty_dirs(self.root, place);
        Ok(true)
    }
}

/// What git would store of each of the files at `paths` that are there.
fn held(git: &Git, root: &Path, paths: &[&[u8]]) -> Result<BTreeMap<Vec<u8>, String>> {
    let mut found = BTreeMap::new();
    let mut asked: Vec<&[u8]> = Vec::new();
    for &path in paths {
        let file = on_disk(root, path);
        let Ok(meta) = fs::symlink_metadata(&file) else {
            continue;
        };
        if let Ok(target) = fs::read_link(&file) {
            let target = target.as_os_str().as_bytes();
            let id = hash::object_id(git.hash(), ObjectKind::Blob, target);
            found.extend(id.ok().map(|id| (path.to_vec(), id.to_string())));
        } else if meta.is_file() && fs::File::open(&file).is_ok() {
            asked.push(path);
        }
    }
    asked.sort_unstable();
    asked.dedup();
    let input: Vec<u8> = asked.iter().flat_map(|path| quoted(path)).collect();
    let out = git.run(&["hash-object", "--stdin-paths"], &input)?;
    let ids = out.split(|&byte| byte == b'\n');
    for (path, id) in asked.iter().zip(ids) {
        found.insert(path.to_vec(), String::from_utf8_lossy(id).into_owned());
    }
    Ok(found)
}

/// A line that names a path as git quotes it.
fn quoted(path: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in path {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => out.extend(format!("\\{byte:03o}").bytes()),
        }
    }
    out.extend(b"\"\n");
    out
}

fn on_disk(root: &Path, path: &[u8]) -> PathBuf {
    root.join(std::ffi::OsStr::from_bytes(path))
}

/// Removes the directories of `path` that nothing is left in.
fn remove_empty_dirs(root: &Path, path: &[u8]) {
    let file = on_disk(root, path);
    let mut dir = file.parent();
    while let Some(at) = dir.filter(|&at| at != root) {
        if fs::remove_dir(at).is_err() {
            return;
        }
        dir = at.parent();
    }
}

fn parts(output: &[u8]) -> Vec<Vec<u8>> {
    let parts = output
        .split(|&byte| byte == 0)
        .filter(|part| !part.is_empty());
    parts.map(<[u8]>::to_vec).collect()
}

fn lines(paths: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for path in paths {
        out.extend_from_slice(path);
        out.push(0);
    }
    out
}
