//! Moves refs, reflogs and whatever else names objects from the old history to the new one.

use std::fs;
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, BString, ByteSlice};

use super::git::{Git, Hooks};
use super::journal::write_durably;
use super::objects::Rewritten;
use super::patch;
use super::survey::Survey;
use super::text;
use crate::error::{Error, Result};
use crate::odb::ObjectId;

/// A ref that changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Update {
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
    /// The ref it is to name.
    pub target: BString,
}

/// Everything that names objects and changes.
#[derive(Clone, Debug, Default)]
pub struct Moves {
    /// Refs, sorted by name.
    pub updates: Vec<Update>,
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
    let new_name = |name: &BStr| -> Option<BString> {
        let replaced = name.strip_prefix(b"refs/replace/").and_then(|hex| {
            let new = rewritten.ids.get(&ObjectId::from_hex(hex).ok()?)?;
            Some(BString::from(format!("refs/replace/{new}")))
        });
        replaced.or_else(|| patch::redact_name(name, survey.needles, mark).map(BString::from))
    };
    for found in &survey.refs.refs {
        if NO_REFS.contains(&found.name.as_bytes()) || is_state(&found.name) {
            continue;
        }
        let name = full_name(found.worktree.as_ref(), &found.name);
        if let Some(target) = &found.symbolic {
            let target = new_name(target.as_bstr());
            moves
                .repoints
                .extend(target.map(|target| Repoint { name, target }));
            continue;
        }
        let Some(old) = found.object_id() else {
            continue;
        };
        let (new, new_name) = (rewritten.map(old), new_name(found.name.as_bstr()));
        if new != old || new_name.is_some() {
            let new_name = new_name.map(|renamed| full_name(found.worktree.as_ref(), &renamed));
            moves.updates.push(Update {
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

/// Whether it is a file of an operation in progress.
fn is_state(name: &[u8]) -> bool {
    name.contains(&b'/') && !name.starts_with(b"refs/")
}

fn full_name(worktree: Option<&BString>, name: &[u8]) -> BString {
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
    let mut input: Vec<u8> = b"start\0".to_vec();
    let mut line = |parts: &[&[u8]]| {
        for part in parts {
            input.extend_from_slice(part);
        }
    };
    for update in &moves.updates {
        let (old, new) = (update.old.to_string(), update.new.to_string());
        let (old, new) = (old.as_bytes(), new.as_bytes());
        line(&[b"option no-deref\0"]);
        match &update.new_name {
            None => line(&[b"update ", &update.name, b"\0", new, b"\0", old, b"\0"]),
            Some(name) => {
                line(&[b"create ", name, b"\0", new, b"\0"]);
                line(&[b"option no-deref\0delete ", &update.name, b"\0", old, b"\0"]);
            }
        }
    }
    line(&[b"prepare\0commit\0"]);
    if !moves.updates.is_empty() {
        // No log is begun that was not kept before; what is added to others is replaced.
        let words = [
            "-c",
            "core.logAllRefUpdates=false",
            "update-ref",
            "--stdin",
            "-z",
            "-m",
            "purge",
        ];
        git.run_with(&words, &input, Hooks::Run).map_err(|e| {
            e.hint("no ref was moved; run the purge again when nobody else changes the repository, and see what hook 'reference-transaction' says")
        })?;
    }
    for repoint in &moves.repoints {
        let (name, target) = (repoint.name.to_str_lossy(), repoint.target.to_str_lossy());
        git.run(&["symbolic-ref", &name, &target], b"")?;
    }
    Ok(())
}

/// A reflog as it is to be.
pub struct Log {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// What all reflogs that are files are to be, before refs are moved: moving them adds entries.
///
/// # Errors
/// `Io` if one cannot be read.
pub fn logs(survey: &Survey<'_>, rewritten: &Rewritten, mark: &[u8]) -> Result<Vec<Log>> {
    let common = survey.repo.common_dir();
    let mut places = vec![common.to_owned()];
    if let Ok(entries) = fs::read_dir(common.join("worktrees")) {
        places.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    let mut logs = Vec::new();
    for place in places {
        let mut dirs = vec![place.join("logs")];
        while let Some(dir) = dirs.pop() {
            let Ok(entries) = fs::read_dir(&dir) else {
                continue;
            };
            for entry in entries.filter_map(Result::ok) {
                let path = entry.path();
                if path.is_dir() {
                    dirs.push(path);
                    continue;
                }
                let bytes = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
                let bytes = mapped_log(&bytes, survey, rewritten, mark);
                let path = renamed(&path, &place, survey, mark);
                logs.push(Log { path, bytes });
            }
        }
    }
    Ok(logs)
}

fn renamed(path: &Path, place: &Path, survey: &Survey<'_>, mark: &[u8]) -> PathBuf {
    let relative = path.strip_prefix(place).unwrap_or(path);
    let name = patch::redact_name(
        relative.as_os_str().as_encoded_bytes(),
        survey.needles,
        mark,
    );
    let name = name.and_then(|name| gix::path::from_bstring(BString::from(name)).ok());
    name.map_or_else(|| path.to_owned(), |name| place.join(name))
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
    let quoted = text::ids_from(line, message)
        .into_iter()
        .filter_map(|span| {
            let word = &line[span.start..span.end];
            let old = survey.store.id(survey.store.node_of_prefix(word)?);
            let new = rewritten.ids.get(&old)?.to_string();
            Some((span, new.as_bytes()[..word.len().min(new.len())].to_vec()))
        });
    text::splice(line, quoted.collect())
}

/// Writes all reflogs that are not yet as they are to be, and removes those of refs that have new
/// names.
///
/// # Errors
/// `Io` if that fails.
pub fn write_logs(logs: &[Log]) -> Result<()> {
    for log in logs {
        if fs::read(&log.path).ok().as_ref() != Some(&log.bytes) {
            write_durably(&log.path, &log.bytes)?;
        }
    }
    Ok(())
}

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
    let mut names: Vec<BString> = Vec::new();
    for entry in &survey.refs.log {
        // The log of a ref that gets a new name went with the old one.
        let is_here = survey.refs.get(
            entry.worktree.as_ref().map(|name| name.as_bstr()),
            &entry.name,
        );
        if is_here.is_some() && patch::redact_name(&entry.name, survey.needles, mark).is_none() {
            names.push(full_name(entry.worktree.as_ref(), &entry.name));
        }
    }
    names.dedup();
    for name in &names {
        let name = name.to_str_lossy();
        let words = [
            "reflog",
            "expire",
            "--expire=all",
            "--expire-unreachable=all",
            &name,
        ];
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
    if !stash.is_empty() {
        git.run(&["update-ref", "-d", "refs/stash"], b"")?;
        for (id, message) in stash {
            git.run(&["stash", "store", "-q", "-m", &message, &id], b"")?;
        }
    }
    git.run(&["pack-refs", "--all"], b"").map(drop)
}

/// Maps ids in files that name objects in passing.
///
/// # Errors
/// `Io` if that fails.
pub fn passing_files(
    dirs: &[PathBuf],
    survey: &Survey<'_>,
    rewritten: &Rewritten,
    mark: &[u8],
) -> Result<()> {
    let len = survey.store.hash().len_in_hex();
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
            write_durably(&path, &out)?;
        }
    }
    Ok(())
}
