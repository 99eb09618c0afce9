//! What a remote has: its refs, and whether it still hands out old objects. Reads only.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};
use crate::odb::{ObjectId, ObjectStore};
use crate::purge::git::Git;
use crate::purge::journal;
use crate::purge::share::manifest::{Manifest, Renamed, name_id};

/// Refs that a server keeps for pull and merge requests and for itself: no push moves them.
pub const HIDDEN: [(&str, &str); 5] = [
    ("refs/pull/", "pull requests"),
    ("refs/pull-requests/", "pull requests"),
    ("refs/merge-requests/", "merge requests"),
    ("refs/changes/", "changes"),
    ("refs/keep-around/", "commits that GitLab keeps"),
];

/// A ref of a remote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteRef {
    /// Its full name.
    pub name: String,
    /// What it names.
    pub id: ObjectId,
}

/// All refs of `remote`, a name or an address, in the order of their names.
///
/// # Errors
/// `Repository` with what git says, if it cannot be asked.
pub fn list(git: &Git, remote: &str) -> Result<Vec<RemoteRef>> {
    let words = ["ls-remote", "--refs", "--quiet", "--", remote].map(OsStr::new);
    let (is_done, said) = git.ask(&words)?;
    let said = String::from_utf8_lossy(&said).into_owned();
    if !is_done {
        let said = said.trim().replace('\n', "; ");
        return Err(Error::repository(format!("'{remote}' cannot be asked")).because(said));
    }
    let parse = |line: &str| {
        let (id, name) = line.split_once('\t')?;
        let id = ObjectId::from_hex(id.as_bytes()).ok()?;
        let name = name.to_owned();
        Some(RemoteRef { name, id })
    };
    let mut refs: Vec<RemoteRef> = said.lines().filter_map(parse).collect();
    refs.sort_unstable();
    Ok(refs)
}

/// One ref of a remote that must move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefPush {
    /// Its name; of one that is renamed, the new name.
    pub name: String,
    /// What it names.
    pub old: ObjectId,
    /// What it is to name.
    pub new: ObjectId,
}

/// What is to be done to the refs of a remote.
#[derive(Debug, Default)]
pub struct Pushes {
    /// Refs that name old objects, with the new ones.
    pub moves: Vec<RefPush>,
    /// Refs whose names hold values: what is known of the name, and the ref to be made.
    pub renames: Vec<(Renamed, RefPush)>,
    /// Refs that name what this clone does not have.
    pub unknown: Vec<RemoteRef>,
    /// Refs for pull and merge requests that name old objects.
    pub hidden: Vec<RemoteRef>,
    /// Such refs that name what this clone does not have.
    pub hidden_unknown: Vec<RemoteRef>,
}

impl Pushes {
    /// Whether no push is left to do.
    pub fn is_done(&self) -> bool {
        self.moves.is_empty() && self.renames.is_empty() && self.unknown.is_empty()
    }
}

/// What a remote with these `refs` needs, given what changed and what this clone has.
pub fn pushes(
    refs: &[RemoteRef],
    remote: &str,
    manifest: &Manifest,
    store: &ObjectStore,
) -> Pushes {
    let map: FxHashMap<ObjectId, ObjectId> = manifest.pairs().into_iter().collect();
    let renamed = as_on(remote, &manifest.renamed);
    let mut pushes = Pushes::default();
    for found in refs {
        let is_hidden = HIDDEN
            .iter()
            .any(|(prefix, _)| found.name.starts_with(prefix));
        let new = map.get(&found.id).copied();
        if is_hidden {
            match new {
                Some(_) => pushes.hidden.push(found.clone()),
                None if store.node_of(&found.id).is_none() => {
                    pushes.hidden_unknown.push(found.clone());
                }
                None => {}
            }
            continue;
        }
        let push = |name: &str, new| RefPush {
            name: name.to_owned(),
            old: found.id,
            new,
        };
        let id = name_id(store.hash(), found.name.as_bytes());
        let rename = renamed.iter().find(|renamed| renamed.name_id == id);
        let is_here = store.node_of(&found.id).is_some();
        if let Some(renamed) = rename {
            let read = |hex: &str| ObjectId::from_hex(hex.as_bytes()).ok();
            let known = (read(&renamed.old) == Some(found.id)).then(|| read(&renamed.new));
            // Somebody may have pushed to it since.
            let new = known.flatten().or(new).or(is_here.then_some(found.id));
            match new {
                Some(new) => {
                    let push = push(&renamed.name, new);
                    pushes.renames.push((renamed.clone(), push));
                }
                None => pushes.unknown.push(found.clone()),
            }
        } else if let Some(new) = new {
            pushes.moves.push(push(&found.name, new));
        } else if !is_here {
            pushes.unknown.push(found.clone());
        }
    }
    pushes
}

/// Renamed refs by the names that they get on a remote.
fn as_on(remote: &str, renamed: &[Renamed]) -> Vec<Renamed> {
    let tracking = format!("refs/remotes/{remote}/");
    let mut found: BTreeMap<String, Renamed> = BTreeMap::new();
    for renamed in renamed {
        let branch = renamed.name.strip_prefix(&tracking);
        let name = match branch {
            Some(branch) => format!("refs/heads/{branch}"),
            None if renamed.name.starts_with("refs/remotes/") => continue,
            None => renamed.name.clone(),
        };
        let on_remote = Renamed {
            name,
            ..renamed.clone()
        };
        // What it is there counts more than a branch of this clone that has the same name.
        match branch {
            Some(_) => found.insert(renamed.name_id.clone(), on_remote),
            None => Some(
                found
                    .entry(renamed.name_id.clone())
                    .or_insert(on_remote)
                    .clone(),
            ),
        };
    }
    found.into_values().collect()
}

/// What a remote still has of the old history.
#[derive(Debug, Default)]
pub struct Served {
    /// Refs that lead to old commits, with one of these.
    pub refs: Vec<(String, ObjectId)>,
    /// Old objects that it hands out to whoever asks for their ids.
    pub ids: Vec<ObjectId>,
    /// How many ids it was asked for.
    pub asked: usize,
    /// What it could not be asked.
    pub unasked: Vec<String>,
    /// How many refs it has.
    pub ref_count: usize,
    /// Refs that name objects which nobody searched, since they are not here.
    pub unknown: Vec<String>,
}

impl Served {
    /// Whether it has nothing of the old history, as far as it could be asked.
    pub fn is_clean(&self) -> bool {
        self.refs.is_empty() && self.ids.is_empty()
    }
}

/// Old blobs that a remote is asked for.
const MAX_BLOBS: usize = 100;

/// Asks the remote at `url` for all its refs, and for old commits and blobs by their ids. `git` is an
/// empty repository in which what it hands out is kept; `is_here` says whether this clone has an object.
///
/// # Errors
/// `Repository` if the remote cannot be asked at all.
pub fn ask(
    git: &Git,
    url: &str,
    manifest: &Manifest,
    is_here: &dyn Fn(&ObjectId) -> bool,
) -> Result<Served> {
    let refs = list(git, url)?;
    let unknown = refs.iter().filter(|found| !is_here(&found.id));
    let mut served = Served {
        ref_count: refs.len(),
        unknown: unknown.map(|found| found.name.clone()).collect(),
        ..Served::default()
    };
    let old: FxHashSet<ObjectId> = manifest.old_ids().into_iter().collect();
    ask_refs(
        git,
        url,
        &refs,
        (&old, &manifest.first_changed),
        &mut served,
    )?;
    let mut blobs: Vec<&str> = manifest.blobs.iter().map(|(id, _)| &**id).collect();
    blobs.retain(|id| ObjectId::from_hex(id.as_bytes()).is_ok_and(|id| old.contains(&id)));
    if blobs.len() > MAX_BLOBS {
        let count = blobs.len() - MAX_BLOBS;
        served
            .unasked
            .push(format!("{count} of {} old blobs", blobs.len()));
        blobs.truncate(MAX_BLOBS);
    }
    let commits = manifest.first_changed.iter().map(|id| &**id);
    for id in commits.chain(blobs) {
        served.asked += 1;
        if is_served(git, url, id)? {
            served.ids.extend(ObjectId::from_hex(id.as_bytes()).ok());
        }
    }
    // Of these it is known what they lead to.
    let old = &served.refs;
    let is_old = |name: &String| old.iter().any(|(known, _)| known == name);
    served.unknown.retain(|name| !is_old(name));
    Ok(served)
}

/// Whether a remote hands out an object by its id.
fn is_served(git: &Git, url: &str, id: &str) -> Result<bool> {
    let fetch = [
        // What was fetched before must not keep the remote from sending what belongs to it.
        "-c",
        "fetch.negotiationAlgorithm=noop",
        "fetch",
        "-q",
        "--depth=1",
        "--no-tags",
        "--filter=tree:0",
        "--",
        url,
        id,
    ];
    let (is_done, said) = git.ask(&fetch.map(OsStr::new))?;
    let said = String::from_utf8_lossy(&said).into_owned();
    let refusals = [
        "not our ref",
        "unadvertised object",
        "no such remote ref",
        "couldn't find remote ref",
    ];
    if refusals.iter().any(|words| said.contains(words)) {
        return Ok(false);
    }
    // git fetches a blob and then complains that it is no commit.
    if is_done || git.has_object(id)? {
        return Ok(true);
    }
    Err(
        Error::repository(format!("'{url}' cannot be asked for {id}"))
            .because(said.trim().to_owned()),
    )
}

/// Finds refs that lead to old commits. Only commits are fetched, if the remote can do that.
fn ask_refs(
    git: &Git,
    url: &str,
    refs: &[RemoteRef],
    (old, first): (&FxHashSet<ObjectId>, &[String]),
    served: &mut Served,
) -> Result<()> {
    let named = refs.iter().filter(|found| old.contains(&found.id));
    served
        .refs
        .extend(named.map(|found| (found.name.clone(), found.id)));
    let fetch = [
        "fetch",
        "-q",
        "--no-tags",
        "--filter=tree:0",
        "--",
        url,
        "+refs/*:refs/asked/*",
    ];
    let (is_done, said) = git.ask(&fetch.map(OsStr::new))?;
    if !is_done {
        let said = String::from_utf8_lossy(&said).trim().replace('\n', "; ");
        served
            .unasked
            .push(format!("what its refs lead to ({said})"));
        return Ok(());
    }
    let commits = git.run(&["rev-list", "--all"], b"")?;
    let ids = commits.split(|&byte| byte == b'\n');
    let ids: FxHashSet<ObjectId> = ids
        .filter_map(|id| ObjectId::from_hex(id).ok())
        .filter(|id| old.contains(id))
        .collect();
    let first = first
        .iter()
        .filter_map(|id| ObjectId::from_hex(id.as_bytes()).ok());
    for id in first.filter(|id| ids.contains(id)) {
        let contains = format!("--contains={id}");
        let words = [
            "for-each-ref",
            "--format=%(refname)",
            &contains,
            "refs/asked/",
        ];
        let names = git.run(&words, b"")?;
        for name in String::from_utf8_lossy(&names).lines() {
            let shown = name.replacen("refs/asked/", "refs/", 1);
            if !served.refs.iter().any(|(known, _)| *known == shown) {
                served.refs.push((shown, id));
            }
        }
    }
    Ok(())
}

/// Where it is kept which remotes were asked.
fn asked_path(common: &Path) -> PathBuf {
    journal::dir(common).join("asked.json")
}

/// Keeps whether a remote had nothing of the old history.
///
/// # Errors
/// `Io` if that fails.
pub fn keep_asked(common: &Path, remote: &str, is_clean: bool) -> Result<()> {
    let mut all = asked(common);
    all.insert(remote.to_owned(), is_clean);
    let text = serde_json::to_vec_pretty(&all)
        .map_err(|e| Error::internal("cannot be written as JSON").because(e))?;
    journal::write_durably(&asked_path(common), &text)
}

/// Which remotes were asked since the last purge, and whether they had nothing of the old history.
pub fn asked(common: &Path) -> BTreeMap<String, bool> {
    let text = std::fs::read(asked_path(common)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Forgets which remotes were asked: there is a new purge.
pub(crate) fn forget_asked(common: &Path) {
    // Whoever cannot remove it cannot write the files of the purge either, and says so.
    let _ = std::fs::remove_file(asked_path(common));
}

/// An empty repository to ask with, in the directory `dir`.
///
/// # Errors
/// `Repository` if git cannot make it.
pub fn scratch(dir: &Path, hash: gix::hash::Kind) -> Result<Git> {
    let git = Git::new(dir, None, hash);
    let format = match hash {
        gix::hash::Kind::Sha1 => "--object-format=sha1",
        _ => "--object-format=sha256",
    };
    git.run(&["init", "-q", "--bare", format, "."], b"")?;
    Ok(git)
}
