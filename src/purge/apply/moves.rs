//! Moves refs, reflogs and whatever else names objects from the old history to the new one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::bstr::{BString, ByteSlice};

use crate::error::{Error, Result};
use crate::odb::ObjectId;
use crate::purge::apply::changes::FileChange;
use crate::purge::apply::packed::PackedRefMove;
use crate::purge::apply::settings::RenamedRefs;
use crate::purge::apply::{packed, settings};
use crate::purge::find::survey::Survey;
use crate::purge::find::{headers, values};
use crate::purge::git::{Git, Hooks};
use crate::purge::journal::write_all_inside;
use crate::purge::make::objects::Rewritten;
use crate::purge::make::{names, patch, text, tree};

/// A ref that changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefChange {
    /// Its name as the main worktree says it: `refs/heads/main`, `worktrees/other/HEAD`.
    pub name: BString,
    /// The name it gets, if its own holds a value or an id.
    pub new_name: Option<BString>,
    /// What it names.
    pub old: ObjectId,
    /// What it is to name.
    pub new: ObjectId,
}

/// A symbolic ref that must name another ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repoint {
    /// Its name, likewise.
    pub name: BString,
    /// The ref that it names.
    pub old: BString,
    /// The ref it is to name.
    pub target: BString,
}

/// Everything that names objects and changes.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    /// Refs, sorted by name.
    pub updates: Vec<RefChange>,
    /// Symbolic refs.
    pub repoints: Vec<Repoint>,
    /// Entries of reflogs with new ids or texts.
    pub log_entries: usize,
}

/// Files that name objects in passing, and are no refs for git's plumbing.
const NO_REFS: [&[u8]; 2] = [b"FETCH_HEAD", b"MERGE_HEAD"];

/// Plans all moves.
pub fn plan(survey: &Survey<'_>, rewritten: &Rewritten, mark: &[u8]) -> Moves {
    let mut moves = Moves::default();
    let new_names = new_names(survey, rewritten, mark);
    let new_name = |worktree: Option<&BString>, name: &[u8]| {
        new_names
            .get(&(worktree.cloned(), name.into()))
            .cloned()
            // A branch that HEAD names need not be there.
            .or_else(|| values::redact_name(name, survey.needles, mark).map(BString::from))
    };
    for found in &survey.refs.refs {
        if is_passing(&found.name) {
            continue;
        }
        let name = full_name(found.worktree.as_ref(), &found.name);
        if let Some(target) = &found.symbolic {
            let own = target.starts_with(b"refs/bisect/") || target.starts_with(b"refs/worktree/");
            let worktree = found.worktree.as_ref().filter(|_| own);
            let new = new_name(worktree, target);
            moves.repoints.extend(new.map(|new| Repoint {
                name,
                old: target.clone(),
                target: new,
            }));
            continue;
        }
        let Some(old) = found.object_id() else {
            continue;
        };
        let new_name = new_name(found.worktree.as_ref(), &found.name);
        let new = rewritten.map(old);
        if new != old || new_name.is_some() {
            let new_name = new_name.map(|renamed| full_name(found.worktree.as_ref(), &renamed));
            moves.updates.push(RefChange {
                name,
                new_name,
                old,
                new,
            });
        }
    }
    moves.updates.sort_unstable();
    let is_changed = |id: &ObjectId| rewritten.ids.contains_key(id);
    let log = survey.refs.log.iter();
    moves.log_entries = log
        .filter(|entry| {
            is_changed(&entry.old)
                || is_changed(&entry.new)
                || !survey.needles.find(&entry.message).0.is_empty()
                || !survey.needles.find(&entry.committer).0.is_empty()
        })
        .count();
    moves
}

/// New names of refs, by worktree and old name.
type NewNames = HashMap<(Option<BString>, BString), BString>;

/// The new names of all refs that get one. Names of refs are paths: they are numbered like those of
/// files, so that no ref meets another, nor a directory of others.
fn new_names(survey: &Survey<'_>, rewritten: &Rewritten, mark: &[u8]) -> NewNames {
    let mut by_worktree: BTreeMap<Option<&BString>, Vec<&[u8]>> = BTreeMap::new();
    for found in &survey.refs.refs {
        let list = by_worktree.entry(found.worktree.as_ref()).or_default();
        list.push(&found.name);
    }
    // A remote that was never fetched has its name, too.
    let remotes = survey.repo.git().remote_names().into_iter();
    let remotes = remotes.map(|name| [b"refs/remotes/", &name[..], b"/HEAD"].concat());
    let remotes: Vec<Vec<u8>> = remotes.collect();
    let shared = by_worktree.entry(None).or_default();
    shared.extend(remotes.iter().map(|name| &name[..]));
    shared.sort_unstable();
    shared.dedup();
    let mut new = NewNames::new();
    for (worktree, list) in by_worktree {
        let renamed = names::new_paths(list.iter().copied(), survey.needles, mark);
        let mut taken: HashSet<Vec<u8>> = list.iter().map(|name| name.to_vec()).collect();
        taken.extend(renamed.values().cloned());
        for name in list {
            let replaced = name.strip_prefix(b"refs/replace/").and_then(|hex| {
                let new = rewritten.ids.get(&ObjectId::from_hex(hex).ok()?)?;
                Some(format!("refs/replace/{new}").into_bytes())
            });
            // A value with a slash in it is in none of the parts.
            let whole = || {
                let wanted = values::redact_name(name, survey.needles, mark)?;
                let free = tree::free_name(&wanted, &mut |name| taken.contains(name));
                taken.insert(free.clone());
                Some(free)
            };
            let found = replaced
                .or_else(|| renamed.get(name).cloned())
                .or_else(whole);
            if let Some(found) = found {
                new.insert((worktree.cloned(), name.into()), found.into());
            }
        }
    }
    new
}

/// Whether it is a file that names objects in passing, or one of an operation in progress.
pub(crate) fn is_passing(name: &[u8]) -> bool {
    let is_state = name.contains(&b'/') && !name.starts_with(b"refs/");
    NO_REFS.contains(&name) || is_state
}

/// The ref, as the main worktree says it, whose reflog stands at `path` below the `.git` directory.
pub(crate) fn ref_of_log(path: &Path) -> BString {
    let path = path.as_os_str().as_encoded_bytes();
    if let Some(name) = path.strip_prefix(b"logs/") {
        return name.into();
    }
    let worktree = path
        .strip_prefix(b"worktrees/")
        .and_then(|rest| rest.split_once_str("/logs/"));
    match worktree {
        Some((worktree, name)) => full_name(Some(&worktree.into()), name),
        None => path.into(),
    }
}

/// The name of a ref as the main worktree says it.
pub(crate) fn full_name(worktree: Option<&BString>, name: &[u8]) -> BString {
    match worktree {
        Some(worktree) => [b"worktrees/", &worktree[..], b"/", name].concat().into(),
        None => name.into(),
    }
}

/// Moves all refs in one transaction, then what symbolic refs name.
///
/// # Errors
/// `Repository` with what git says, if a ref was moved meanwhile or a hook refuses: then none is moved.
pub fn refs(git: &Git, moves: &Moves) -> Result<()> {
    let mut transaction = Transaction::default();
    for update in &moves.updates {
        match &update.new_name {
            None => transaction.update(&update.name, update.new, update.old),
            Some(name) => {
                transaction.create(name, update.new);
                transaction.delete(&update.name, update.old);
            }
        }
    }
    transaction.run(git, Hooks::Run).map_err(|e| {
        e.hint("no ref was moved; run the purge again when nobody else changes the repository, and see what hook 'reference-transaction' says")
    })?;
    for repoint in &moves.repoints {
        point(git, &repoint.name, &repoint.target)?;
    }
    Ok(())
}

/// Lets the symbolic ref `name` name `target`.
///
/// # Errors
/// `Repository` with what git says.
pub(crate) fn point(git: &Git, name: &[u8], target: &[u8]) -> Result<()> {
    // git changes a ref of a linked worktree only there.
    let linked = name.strip_prefix(b"worktrees/").and_then(|rest| {
        let end = memchr::memchr(b'/', rest)?;
        Some((&rest[..end], &rest[end + 1..]))
    });
    let target = target.to_str_lossy();
    let Some((worktree, name)) = linked else {
        return set_symbolic(git, name, &target);
    };
    let git = git.in_worktree(Path::new(OsStr::from_bytes(worktree)));
    set_symbolic(&git, name, &target)
}

/// Newer versions of git note it in the reflog.
fn set_symbolic(git: &Git, name: &[u8], target: &str) -> Result<()> {
    let name = name.to_str_lossy();
    git.change(&["symbolic-ref", "-m", "purge", &name, target], b"")
}

/// Changes of refs that happen together or not at all.
#[derive(Default)]
pub(crate) struct Transaction {
    /// Refs that move and stay refs.
    moved: Vec<PackedRefMove>,
    /// Commands for refs that appear or go.
    lines: Vec<u8>,
    /// How many of these there are.
    line_count: usize,
}

/// So many refs are moved by one `packed-refs` file instead of by a file for each.
const MIN_PACKED: usize = 100;

impl Transaction {
    fn line(lines: &mut Vec<u8>, command: &str, parts: &[&[u8]]) {
        lines.extend(b"option no-deref\0");
        lines.extend(command.bytes());
        lines.push(b' ');
        lines.extend(parts.join(&0));
        lines.push(0);
    }

    /// Moves a ref that is at `old`.
    pub(crate) fn update(&mut self, name: &[u8], new: ObjectId, old: ObjectId) {
        let name = name.into();
        self.moved.push(PackedRefMove { name, old, new });
    }

    /// Makes a ref that is not there.
    pub(crate) fn create(&mut self, name: &[u8], new: ObjectId) {
        self.line_count += 1;
        Self::line(
            &mut self.lines,
            "create",
            &[name, new.to_string().as_bytes()],
        );
    }

    /// Deletes a ref that is at `old`.
    pub(crate) fn delete(&mut self, name: &[u8], old: ObjectId) {
        self.line_count += 1;
        Self::line(
            &mut self.lines,
            "delete",
            &[name, old.to_string().as_bytes()],
        );
    }

    /// Runs it. No reflog is begun that was not kept before. Of many refs, those that only move are moved
    /// first, together; then those that appear or go, together: whoever calls can take either back.
    pub(crate) fn run(&self, git: &Git, hooks: Hooks) -> Result<()> {
        if self.lines.is_empty() && self.moved.is_empty() {
            return Ok(());
        }
        let words = [
            "-c",
            "core.logAllRefUpdates=false",
            "update-ref",
            "--stdin",
            "-z",
            "-m",
            "purge",
        ];
        let common = git.git_dir();
        let is_many = self.moved.len().max(self.line_count) >= MIN_PACKED;
        if !is_many || !packed::is_possible(git, common)? {
            let moved = Self::updates(&self.moved.iter().collect::<Vec<_>>());
            let input = [b"start\0", &moved[..], &self.lines, b"prepare\0commit\0"].concat();
            return git.change_with(&words, &input, hooks);
        }
        let heads = packed::heads(common);
        let is_packed = |step: &&PackedRefMove| packed::can_be_packed(&step.name, &heads);
        let (steps, others): (Vec<&PackedRefMove>, Vec<&PackedRefMove>) =
            self.moved.iter().partition(is_packed);
        if !self.moved.is_empty() {
            packed::run(git, &words, common, &steps, &Self::updates(&others))?;
        }
        if self.line_count >= MIN_PACKED {
            return packed::run_renames(git, &words, common, &self.lines);
        }
        if self.lines.is_empty() {
            return Ok(());
        }
        let input = [b"start\0", &self.lines[..], b"prepare\0commit\0"].concat();
        git.change_with(&words, &input, hooks)
    }

    fn updates(steps: &[&PackedRefMove]) -> Vec<u8> {
        let mut lines = Vec::new();
        for step in steps {
            let (new, old) = (step.new.to_string(), step.old.to_string());
            let parts = [&step.name[..], new.as_bytes(), old.as_bytes()];
            Self::line(&mut lines, "update", &parts);
        }
        lines
    }
}

/// A reflog that changes.
#[derive(Clone, Debug)]
pub struct ReflogChange {
    /// Its file below the `.git` directory that all worktrees share.
    pub path: PathBuf,
    /// The file that it becomes.
    pub new_path: PathBuf,
    /// What it is to hold.
    pub bytes: Vec<u8>,
    /// Whether it holds something else, or has another path.
    pub is_changed: bool,
}

/// What all reflogs that are files are to be, before refs are moved: moving them adds entries.
///
/// # Errors
/// `Io` if one cannot be read.
pub fn logs(survey: &Survey<'_>, rewritten: &Rewritten, mark: &[u8]) -> Result<Vec<ReflogChange>> {
    let common = survey.repo.common_dir();
    let mut places = vec![(None, PathBuf::new())];
    if let Ok(entries) = fs::read_dir(common.join("worktrees")) {
        let dirs = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        let place = |name: std::ffi::OsString| {
            let worktree = BString::from(name.as_encoded_bytes());
            (Some(worktree), Path::new("worktrees").join(name))
        };
        places.extend(dirs.map(place));
    }
    let new_names = new_names(survey, rewritten, mark);
    let mut logs = Vec::new();
    for (worktree, place) in places {
        let top = place.join("logs");
        let mut dirs = vec![top.clone()];
        while let Some(dir) = dirs.pop() {
            let Ok(entries) = fs::read_dir(common.join(&dir)) else {
                continue;
            };
            for entry in entries.filter_map(Result::ok) {
                let path = dir.join(entry.file_name());
                let file = entry.path();
                if file.is_dir() {
                    dirs.push(path);
                    continue;
                }
                let was = fs::read(&file).map_err(|e| Error::io("read", &file, e))?;
                let bytes = mapped_log(&was, survey, rewritten, mark);
                let name = path.strip_prefix(&top).unwrap_or(&path);
                let name = BString::from(name.as_os_str().as_encoded_bytes());
                let new_name = new_names.get(&(worktree.clone(), name.clone()));
                let new_name = new_name.cloned().or_else(|| {
                    // No ref has this name any more.
                    values::redact_name(&name, survey.needles, mark).map(BString::from)
                });
                let new_path = new_name.and_then(|name| gix::path::from_bstring(name).ok());
                let new_path = new_path.map_or_else(|| path.clone(), |name| top.join(name));
                logs.push(ReflogChange {
                    is_changed: bytes != was || path != new_path,
                    path,
                    new_path,
                    bytes,
                });
            }
        }
    }
    logs.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(logs)
}

/// The lines of a reflog with new ids and without values.
fn mapped_log(bytes: &[u8], survey: &Survey<'_>, rewritten: &Rewritten, mark: &[u8]) -> Vec<u8> {
    let len = survey.store.hash().len_in_hex();
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let mut line = line.to_vec();
        for start in [0, len + 1] {
            let id = line
                .get(start..start + len)
                .and_then(|hex| ObjectId::from_hex(hex).ok());
            if let Some(new) = id.and_then(|id| rewritten.ids.get(&id)) {
                line[start..start + len].copy_from_slice(new.to_string().as_bytes());
            }
        }
        let line = requoted(&line, survey, rewritten);
        let (edits, _) = survey.needles.find(&line);
        // Where a value cannot be patched out, the message goes.
        let clean = patch::redact_text(&line, &edits, survey.needles, mark);
        out.extend(clean.unwrap_or_else(|_| {
            [
                line.split(|&byte| byte == b'\t').next().unwrap_or_default(),
                b"\n",
            ]
            .concat()
        }));
    }
    out
}

/// A line of a reflog with the ids in its message mapped.
fn requoted(line: &[u8], survey: &Survey<'_>, rewritten: &Rewritten) -> Vec<u8> {
    let message = memchr::memchr(b'\t', line).unwrap_or(line.len());
    let quoted = headers::ids_from(line, message)
        .into_iter()
        .filter_map(|span| {
            let word = &line[span.start..span.end];
            let old = survey.store.id(survey.store.node_of_prefix(word)?);
            let new = rewritten.ids.get(&old)?.to_string();
            Some((span, new.as_bytes()[..word.len().min(new.len())].to_vec()))
        });
    text::splice(line, quoted.collect())
}

/// Writes all reflogs that are not yet as they are to be. git removes those of refs that have new names.
///
/// # Errors
/// `Io` if that fails.
pub fn write_logs(common: &Path, logs: &[ReflogChange]) -> Result<()> {
    let mut files: Vec<(PathBuf, &[u8])> = Vec::new();
    for log in logs {
        let path = common.join(&log.new_path);
        if fs::read(&path).ok().as_ref() != Some(&log.bytes) {
            files.push((path, &log.bytes));
        }
    }
    write_all_inside(common, &files)
}

/// Refs that one git process is given by name.
const MAX_NAMES: usize = 500;

/// Reflogs in reftables cannot be patched: those that name old objects are emptied, and the stash,
/// which is one, is put together again.
///
/// # Errors
/// `Repository` with what git says.
pub fn rebuild_tables(
    git: &Git,
    survey: &Survey<'_>,
    rewritten: &Rewritten,
    mark: &[u8],
) -> Result<()> {
    let new_names = new_names(survey, rewritten, mark);
    let mut names: Vec<BString> = Vec::new();
    for entry in &survey.refs.log {
        // The log of a ref that gets a new name went with the old one.
        let is_here = survey.refs.get(
            entry.worktree.as_ref().map(|name| name.as_bstr()),
            &entry.name,
        );
        let key = (entry.worktree.clone(), entry.name.clone());
        if is_here.is_some() && !new_names.contains_key(&key) {
            names.push(full_name(entry.worktree.as_ref(), &entry.name));
        }
    }
    names.dedup();
    // Command lines have an end.
    for names in names.chunks(MAX_NAMES) {
        let names: Vec<_> = names.iter().map(|name| name.to_str_lossy()).collect();
        let mut words = vec![
            "reflog",
            "expire",
            "--expire=all",
            "--expire-unreachable=all",
        ];
        words.extend(names.iter().map(|name| &name[..]));
        git.run(&words, b"")?;
    }
    let stash = survey
        .refs
        .log
        .iter()
        .filter(|entry| entry.name == "refs/stash");
    let stash: Vec<(String, String)> = stash
        .map(|entry| {
            let (edits, _) = survey.needles.find(&entry.message);
            let message = patch::redact_text(&entry.message, &edits, survey.needles, mark)
                .unwrap_or_default();
            (
                rewritten.map(entry.new).to_string(),
                String::from_utf8_lossy(&message).into_owned(),
            )
        })
        .collect();
    store_stash(git, &stash)?;
    git.change(&["pack-refs", "--all"], b"")
}

/// Puts the stash together again: commits and messages, the oldest first.
pub(crate) fn store_stash(git: &Git, stash: &[(String, String)]) -> Result<()> {
    if stash.is_empty() {
        return Ok(());
    }
    git.change(&["update-ref", "-d", "refs/stash"], b"")?;
    for (id, message) in stash {
        git.change(&["stash", "store", "-q", "-m", message, id], b"")?;
    }
    Ok(())
}

/// What files are to hold that name objects in passing, or refs that get new names.
pub(crate) fn passing_files(
    common: &Path,
    dirs: &[PathBuf],
    survey: &Survey<'_>,
    rewritten: &Rewritten,
    mark: &[u8],
) -> Vec<FileChange> {
    let len = survey.store.hash().len_in_hex();
    let mut changes = Vec::new();
    for dir in dirs {
        let path = dir.join("FETCH_HEAD");
        let Ok(bytes) = fs::read(&path) else {
            continue;
        };
        let mut out = Vec::new();
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let id = line.get(..len).and_then(|hex| ObjectId::from_hex(hex).ok());
            let mut line = line.to_vec();
            if let Some(new) = id.and_then(|id| rewritten.ids.get(&id)) {
                line[..len].copy_from_slice(new.to_string().as_bytes());
            }
            let (edits, _) = survey.needles.find(&line);
            out.extend(patch::redact_text(&line, &edits, survey.needles, mark).unwrap_or_default());
        }
        if out != bytes {
            changes.push(FileChange::new(common, &path, Some(out)));
        }
    }
    let new_names = new_names(survey, rewritten, mark);
    let shared = new_names
        .iter()
        .filter(|((worktree, _), _)| worktree.is_none());
    let renamed = shared.map(|((_, old), new)| (&old[..], &new[..]));
    let names = RenamedRefs::new(renamed, survey.needles, mark);
    changes.extend(settings::changes(common, dirs, &names));
    changes
}
