//! Removes objects.
//!
//! Whatever reaches an object that goes, goes itself; so no walk over what is reachable is needed, and
//! objects that nobody reaches but that hold nothing stay.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashSet;

use crate::error::{Error, Result};
use crate::git::repository::Repository;
use crate::odb::pack::Pack;
use crate::odb::{Node, ObjectId, ObjectKind, ObjectStore, StoredAt};
use crate::purge::apply::files::below;
use crate::purge::find::survey::Survey;
use crate::purge::git::Git;
use crate::purge::journal;
use crate::purge::journal::{Journal, Lock};

/// Objects that go.
#[derive(Clone, Debug, Default)]
pub struct Doomed {
    ids: FxHashSet<ObjectId>,
}

impl Doomed {
    /// Whatever holds a value, is one of `old` or of `removed`, and whatever reaches such an object.
    pub fn of(survey: &Survey<'_>, old: &[ObjectId], removed: &BTreeSet<ObjectId>) -> Self {
        let store = survey.store;
        let mut nodes: FxHashSet<Node> = survey.dirty.keys().copied().collect();
        let ids = old.iter().chain(removed);
        nodes.extend(ids.filter_map(|id| store.node_of(id)));
        let marked: FxHashSet<u32> = survey.links.marked.iter().map(|&(name, _)| name).collect();
        let node_count = store.node_count() as usize + survey.links.absent.len();
        // Removed objects may stand at other paths, too: only what is known to go takes others along.
        let seeds: FxHashSet<Node> = survey
            .dirty
            .keys()
            .copied()
            .chain(old.iter().filter_map(|id| store.node_of(id)))
            .collect();
        nodes.extend(
            survey
                .links
                .holders(&seeds, &marked, node_count)
                .into_keys(),
        );
        let graph = &survey.graph;
        for rank in graph.ranks() {
            let tree = store.node_of(graph.tree(rank));
            let parents = graph.parents(rank).iter().map(|&parent| graph.node(parent));
            if tree
                .into_iter()
                .chain(parents)
                .any(|node| nodes.contains(&node))
            {
                nodes.insert(graph.node(rank));
            }
        }
        let mut grew = true;
        while std::mem::take(&mut grew) {
            for (tag, target) in graph.tags() {
                let is_doomed = store
                    .node_of(&target)
                    .is_some_and(|node| nodes.contains(&node));
                grew |= is_doomed && nodes.insert(tag);
            }
        }
        let here = nodes.into_iter().filter(|&node| store.has_node(node));
        Self {
            ids: here.map(|node| store.id(node)).collect(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether the object `id` is one of them.
    pub fn contains(&self, id: &gix::oid) -> bool {
        self.ids.contains(id)
    }
}

/// Removes objects of `store`, which was opened in `repo`: packs that hold one are written anew without
/// it, loose ones are deleted.
pub(crate) fn remove(
    repo: &Repository,
    store: &ObjectStore,
    doomed: &Doomed,
    new: &[ObjectId],
    journal: &mut Journal,
    lock: &Lock,
) -> Result<()> {
    let common = repo.common_dir();
    let git = Git::new(common, None, store.hash()).holding(lock);
    let Sorted {
        kept,
        young,
        packs: old_packs,
    } = sort(store, doomed, new)?;
    let mut made: Vec<String> = Vec::new();
    // Without the deltas that it has, git looks for new ones: objects written whole have none.
    for (ids, option) in [(kept, "--reuse-delta"), (young, "--no-reuse-delta")] {
        made.extend(write_pack(&git, common, &ids, option, journal)?);
    }
    // A list of packs that are not there any more is worse than none.
    let had_midx = remove_midx(common)?;
    for pack in old_packs {
        let name = pack
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !made.contains(&name) {
            remove_pack(&pack)?;
        }
    }
    let here = doomed.ids.iter().filter_map(|id| store.node_of(id));
    for node in here.chain(copies(store, doomed)) {
        if let StoredAt::Loose(at) = store.place(node) {
            let object = &store.loose()[at];
            let hex = object.id.to_string();
            let path = store.dirs()[object.dir].join(&hex[..2]).join(&hex[2..]);
            remove_file(&path)?;
        }
    }
    if remove_commit_graph(common)? {
        git.change(&["commit-graph", "write", "--reachable"], b"")?;
    }
    if had_midx {
        git.change(&["multi-pack-index", "write"], b"")?;
    }
    git.change(&["update-server-info"], b"")
}

/// What becomes of the objects beside those that go, in packs that cannot stay.
struct Sorted {
    kept: BTreeSet<ObjectId>,
    /// Made by the purge, and written whole.
    young: BTreeSet<ObjectId>,
    packs: Vec<PathBuf>,
}

/// A few objects that are written whole take less room than a search takes time.
const MIN_WHOLE: u32 = 32;

/// Whether the trees and blobs of a pack that the purge wrote are deltas as far as it pays: the old ones
/// were, or there are only a few. If not even one in three is, git looks for better ones.
fn has_deltas(pack: &Pack) -> bool {
    let (mut whole, mut deltas) = (0u32, 0u32);
    for entry in pack.entries() {
        if matches!(pack.kind(entry), ObjectKind::Tree | ObjectKind::Blob) {
            let is_delta = pack.base(entry).is_some();
            *(if is_delta { &mut deltas } else { &mut whole }) += 1;
        }
    }
    whole <= MIN_WHOLE || deltas >= whole / 2
}

fn sort(store: &ObjectStore, doomed: &Doomed, new: &[ObjectId]) -> Result<Sorted> {
    let fresh: FxHashSet<ObjectId> = new.iter().copied().collect();
    let mut sorted = Sorted {
        kept: BTreeSet::new(),
        young: BTreeSet::new(),
        packs: Vec::new(),
    };
    for pack in store.packs() {
        let ids: Vec<ObjectId> = pack.entries().map(|entry| pack.id(entry)).collect();
        let is_stale = ids.iter().any(|id| doomed.contains(id));
        let is_fresh = ids.iter().all(|id| fresh.contains(id)) && !has_deltas(pack);
        if !is_stale && !is_fresh {
            continue;
        }
        if !pack.path.with_extension("idx").exists() {
            let error = Error::repository(format!("'{}' has no index", pack.path.display()));
            return Err(error
                .hint("run 'git index-pack' on it, or delete it, then 'unleak purge --continue'"));
        }
        sorted.packs.push(pack.path.clone());
        let ids = ids.into_iter().filter(|id| !doomed.contains(id));
        let (young, kept): (Vec<_>, Vec<_>) = ids.partition(|id| fresh.contains(id));
        sorted.young.extend(young);
        sorted.kept.extend(kept);
    }
    Ok(sorted)
}

/// Further copies of objects that go.
fn copies(store: &ObjectStore, doomed: &Doomed) -> Vec<Node> {
    Node::range(store.first_loose().index()..store.node_count() as usize)
        .filter(|&node| store.is_duplicate(node) && doomed.contains(&store.id(node)))
        .collect()
}

/// Writes a pack of `ids`; returns its name, if there is anything to write.
fn write_pack(
    git: &Git,
    common: &Path,
    ids: &BTreeSet<ObjectId>,
    option: &str,
    journal: &mut Journal,
) -> Result<Option<String>> {
    if ids.is_empty() {
        return Ok(None);
    }
    let dir = journal::dir(common).join("packs");
    fs::create_dir_all(&dir).map_err(|e| Error::io("make", &dir, e))?;
    let base = dir
        .canonicalize()
        .map_err(|e| Error::io("read", &dir, e))?
        .join("pack");
    let base = base
        .to_str()
        .ok_or_else(|| Error::repository("the path of the repository is not UTF-8"))?;
    let mut input: Vec<u8> = Vec::with_capacity(ids.len() * 41);
    for id in ids {
        input.extend(id.to_string().bytes());
        input.push(b'\n');
    }
    let mut words = vec!["pack-objects", "-q", "--delta-base-offset"];
    if option == "--no-reuse-delta" {
        words.push(option);
    }
    words.push(base);
    let name = git.run(&words, &input)?;
    let name = format!("pack-{}", String::from_utf8_lossy(name.trim_ascii()));
    journal.packs.push(name.clone());
    journal.write(common)?;
    let target = common.join("objects/pack");
    // The index last: a pack is there for git when its index is.
    for extension in ["pack", "rev", "idx"] {
        let (from, to) = (
            dir.join(format!("{name}.{extension}")),
            target.join(format!("{name}.{extension}")),
        );
        if from.exists() {
            fs::rename(&from, &to).map_err(|e| Error::io("move", &from, e))?;
        }
    }
    let _ = fs::remove_dir(&dir);
    Ok(Some(name))
}

pub(crate) fn remove_pack(pack: &Path) -> Result<()> {
    for extension in ["idx", "rev", "bitmap", "mtimes", "pack"] {
        remove_file(&pack.with_extension(extension))?;
    }
    Ok(())
}

pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
}

fn remove_midx(common: &Path) -> Result<bool> {
    let dir = common.join("objects/pack");
    let mut had = false;
    for path in below(&dir) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("multi-pack-index")
            || path.to_string_lossy().contains("multi-pack-index.d/")
        {
            remove_file(&path)?;
            had = true;
        }
    }
    Ok(had)
}

fn remove_commit_graph(common: &Path) -> Result<bool> {
    let info = common.join("objects/info");
    let mut had = false;
    for path in below(&info) {
        if path.to_string_lossy().contains("/commit-graph") {
            remove_file(&path)?;
            had = true;
        }
    }
    Ok(had)
}
