//! Brings what people made on the new history over to the old one that is restored: commits, and tags of
//! what changed. A commit is brought over if its changes merge with what the purge had replaced; else it
//! stays on the new history.

use std::collections::{BTreeMap, HashMap, HashSet};

use gix::hash::Kind as HashKind;

use crate::error::{Error, Result};
use crate::odb::read::Reader;
use crate::odb::{ObjectId, ObjectKind, ObjectStore, hash};
use crate::purge::apply::carried::Carried;
use crate::purge::apply::changes::PreviousObjects;
use crate::purge::git::Git;
use crate::purge::journal;
use crate::purge::make::tree::Entry;
use crate::purge::make::{pack, text, tree};

/// The merge of a tree or file is not defined.
struct Undefined;

type MergeResult<T> = std::result::Result<T, Undefined>;

/// Makes the commits and tags of `tips` that are based on the new history anew, based on the old one, and
/// writes them; then those of `notes`, whose paths name commits. `known` are commits that nobody made
/// since.
pub(crate) fn carry(
    git: &Git,
    store: &ObjectStore,
    before: &PreviousObjects,
    (tips, notes): (&[ObjectId], &[ObjectId]),
    known: &[ObjectId],
    reason: &str,
) -> Result<Carried> {
    let mut carrier = Carrier {
        git,
        store,
        before,
        reader: Reader::new(store),
        made: HashMap::new(),
        order: Vec::new(),
        restored: HashMap::new(),
        is_notes: false,
        out: Carried::default(),
    };
    let is_since = |tip: &&ObjectId| before.of(tip).is_none() && store.node_of(tip).is_some();
    let tips: Vec<ObjectId> = tips.iter().filter(is_since).copied().collect();
    carrier.commits(&list(git, &tips, known)?);
    let mut tags: HashSet<ObjectId> = HashSet::new();
    for tip in tips {
        if carrier.tag(tip, 0, &mut tags).is_err() {
            carrier.out.staying.push(tip.to_string());
        }
    }
    // What notes annotate is known now.
    carrier.is_notes = true;
    let notes: Vec<ObjectId> = notes.iter().filter(is_since).copied().collect();
    carrier.commits(&list(git, &notes, known)?);
    carrier.write(reason)?;
    Ok(carrier.out)
}

/// A commit and its parents.
struct RestoredCommit {
    id: ObjectId,
    parents: Vec<ObjectId>,
}

/// The commits that `tips` reach and `known` do not, parents first.
fn list(git: &Git, tips: &[ObjectId], known: &[ObjectId]) -> Result<Vec<RestoredCommit>> {
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    let mut input = Vec::new();
    for tip in tips {
        input.extend(format!("{tip}\n").bytes());
    }
    for known in known {
        input.extend(format!("^{known}\n").bytes());
    }
    let words = [
        "rev-list",
        "--topo-order",
        "--reverse",
        "--parents",
        "--ignore-missing",
        "--stdin",
    ];
    let out = git.run(&words, &input)?;
    let lines = out
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty());
    let ids = lines.map(|line| {
        let ids = line.split(|&byte| byte == b' ');
        ids.filter_map(|hex| ObjectId::from_hex(hex).ok())
    });
    let made = ids.filter_map(|mut ids| {
        Some(RestoredCommit {
            id: ids.next()?,
            parents: ids.collect(),
        })
    });
    Ok(made.collect())
}

struct Carrier<'a> {
    git: &'a Git,
    store: &'a ObjectStore,
    before: &'a PreviousObjects,
    reader: Reader<'a>,
    /// Objects that are not written yet.
    made: HashMap<ObjectId, (ObjectKind, Vec<u8>)>,
    order: Vec<ObjectId>,
    /// Trees without what the purge made in them.
    restored: HashMap<ObjectId, ObjectId>,
    /// Whether trees are those of notes.
    is_notes: bool,
    out: Carried,
}

impl Carrier<'_> {
    fn hash(&self) -> HashKind {
        self.store.hash()
    }

    fn read(&mut self, id: &ObjectId) -> Result<(ObjectKind, Vec<u8>)> {
        if let Some(made) = self.made.get(id) {
            return Ok(made.clone());
        }
        let mut bytes = Vec::new();
        let kind = self.reader.read_id(id, &mut bytes)?;
        Ok((kind, bytes))
    }

    fn put(&mut self, kind: ObjectKind, bytes: Vec<u8>) -> Result<ObjectId> {
        let id = hash::object_id(self.hash(), kind, &bytes).map_err(Error::corrupt)?;
        if self.store.node_of(&id).is_none() && !self.made.contains_key(&id) {
            self.made.insert(id, (kind, bytes));
            self.order.push(id);
        }
        Ok(id)
    }

    /// What takes the place of a commit on the restored history, if it is another.
    fn moved(&self, id: &gix::oid) -> Option<ObjectId> {
        self.before.of(id).or_else(|| self.out.of(id))
    }

    /// Makes commits anew, parents first. Those of which something cannot be read stay.
    fn commits(&mut self, commits: &[RestoredCommit]) {
        for commit in commits {
            if self.commit(commit).is_err() {
                self.out.staying.push(commit.id.to_string());
            }
        }
    }

    fn commit(&mut self, commit: &RestoredCommit) -> Result<()> {
        if self.before.of(&commit.id).is_some() {
            return Ok(());
        }
        let parents = &commit.parents;
        if parents.iter().any(|parent| self.out.stays(parent)) {
            self.out.staying.push(commit.id.to_string());
            return Ok(());
        }
        if parents.iter().all(|parent| self.moved(parent).is_none()) {
            return Ok(());
        }
        let (_, text) = self.read(&commit.id)?;
        let Some(&(tree_span, theirs)) = text::named_ids(&text, b"tree").first() else {
            return Err(Error::corrupt(format!("commit {} has no tree", commit.id)));
        };
        // What was changed is what is not as in the first parent that moves.
        let moving = parents
            .iter()
            .find_map(|parent| Some((parent, self.moved(parent)?)));
        let Some((base, ours)) = moving else {
            return Ok(());
        };
        let (base, ours) = (self.tree_of(base)?, self.tree_of(&ours)?);
        let Ok(tree) = self.trees(base, ours, theirs)? else {
            self.out.staying.push(commit.id.to_string());
            return Ok(());
        };
        let mut replaced = vec![(tree_span, tree.to_string().into_bytes())];
        for (span, parent) in text::named_ids(&text, b"parent") {
            if let Some(new) = self.moved(&parent) {
                replaced.push((span, new.to_string().into_bytes()));
            }
        }
        self.make(commit.id, ObjectKind::Commit, &text, replaced)
    }

    /// Makes the object that takes the place of `id`, without signatures: they would be wrong.
    fn make(
        &mut self,
        id: ObjectId,
        kind: ObjectKind,
        text: &[u8],
        mut replaced: Vec<text::Replacement>,
    ) -> Result<()> {
        let signatures = text::signatures(text, kind == ObjectKind::Tag);
        if !signatures.is_empty() {
            self.out.unsigned.push(id.to_string());
        }
        replaced.extend(signatures.into_iter().map(|span| (span, Vec::new())));
        let new = self.put(kind, text::splice(text, replaced))?;
        self.out.new.insert(id.to_string(), new.to_string());
        Ok(())
    }

    fn tree_of(&mut self, commit: &ObjectId) -> Result<ObjectId> {
        let (_, text) = self.read(commit)?;
        let found = text::named_ids(&text, b"tree");
        found
            .first()
            .map(|&(_, id)| id)
            .ok_or_else(|| Error::corrupt(format!("commit {commit} has no tree")))
    }

    /// Makes a tag anew whose object moves.
    fn tag(&mut self, id: ObjectId, depth: usize, seen: &mut HashSet<ObjectId>) -> Result<()> {
        if depth > MAX_TAG_DEPTH || self.before.of(&id).is_some() || !seen.insert(id) {
            return Ok(());
        }
        let (kind, text) = self.read(&id)?;
        if kind != ObjectKind::Tag {
            return Ok(());
        }
        let Some(&(span, target)) = text::named_ids(&text, b"object").first() else {
            return Ok(());
        };
        self.tag(target, depth + 1, seen)?;
        if self.out.stays(&target) {
            self.out.staying.push(id.to_string());
        } else if let Some(new) = self.moved(&target) {
            let replaced = vec![(span, new.to_string().into_bytes())];
            self.make(id, ObjectKind::Tag, &text, replaced)?;
        }
        Ok(())
    }

    fn entries(&mut self, tree: &ObjectId) -> Result<Vec<Entry>> {
        let (_, bytes) = self.read(tree)?;
        tree::parse(&bytes, self.hash().len_in_bytes())
            .ok_or_else(|| Error::corrupt(format!("tree {tree} cannot be parsed")))
    }

    /// `theirs`, which was made from `base`, as if it were made from `ours`.
    fn trees(
        &mut self,
        base: ObjectId,
        ours: ObjectId,
        theirs: ObjectId,
    ) -> Result<MergeResult<ObjectId>> {
        if theirs == base {
            return Ok(Ok(ours));
        }
        if ours == base {
            return self.restore_tree(theirs).map(Ok);
        }
        let (base, ours) = (self.entries(&base)?, self.entries(&ours)?);
        let theirs = self.entries(&theirs)?;
        let mut renamed = self.renames(&base, &ours);
        if self.is_notes {
            renamed = self.annotated(base.iter().chain(&theirs));
        }
        let named = |list: Vec<Entry>, renames: &HashMap<Vec<u8>, Vec<u8>>| {
            let list = list.into_iter().map(|mut entry| {
                if let Some(name) = renames.get(&entry.name) {
                    entry.name.clone_from(name);
                }
                (entry.name.clone(), entry)
            });
            list.collect::<BTreeMap<_, _>>()
        };
        let base = named(base, &renamed);
        let ours = named(ours, &HashMap::new());
        let count = theirs.len();
        let theirs = named(theirs, &renamed);
        if theirs.len() < count {
            // A new file has the name that another had before.
            return Ok(Err(Undefined));
        }
        let names: HashSet<&Vec<u8>> = base
            .keys()
            .chain(ours.keys())
            .chain(theirs.keys())
            .collect();
        let mut merged: Vec<Entry> = Vec::new();
        for name in names {
            match self.entry(base.get(name), ours.get(name), theirs.get(name))? {
                Ok(entry) => merged.extend(entry),
                Err(Undefined) => return Ok(Err(Undefined)),
            }
        }
        merged.sort_by(tree::order);
        self.put(ObjectKind::Tree, tree::write(&merged)).map(Ok)
    }

    /// Names of `base`, which the purge made of `ours`, and what they were there.
    fn renames(&self, base: &[Entry], ours: &[Entry]) -> HashMap<Vec<u8>, Vec<u8>> {
        let names = |list: &[Entry]| -> HashSet<Vec<u8>> {
            list.iter().map(|entry| entry.name.clone()).collect()
        };
        let (is, was) = (names(base), names(ours));
        let mut gone: Vec<&Entry> = ours
            .iter()
            .filter(|entry| !is.contains(&entry.name))
            .collect();
        let mut renames = HashMap::new();
        for entry in base.iter().filter(|entry| !was.contains(&entry.name)) {
            let old = self.before.of(&entry.id);
            let is_same = |other: &&Entry| {
                other.mode == entry.mode && (other.id == entry.id || Some(other.id) == old)
            };
            if let Some(at) = gone.iter().position(is_same) {
                renames.insert(entry.name.clone(), gone.remove(at).name.clone());
            }
        }
        renames
    }

    /// Names of notes: what the commits that they annotate were, or are now.
    fn annotated<'e>(&self, entries: impl Iterator<Item = &'e Entry>) -> HashMap<Vec<u8>, Vec<u8>> {
        let ids = entries.filter_map(|entry| {
            let new = self.moved(&ObjectId::from_hex(&entry.name).ok()?)?;
            Some((entry.name.clone(), new.to_string().into_bytes()))
        });
        ids.collect()
    }

    fn entry(
        &mut self,
        base: Option<&Entry>,
        ours: Option<&Entry>,
        theirs: Option<&Entry>,
    ) -> Result<MergeResult<Option<Entry>>> {
        let same = |a: Option<&Entry>, b: Option<&Entry>| match (a, b) {
            (Some(a), Some(b)) => a.mode == b.mode && a.id == b.id,
            (None, None) => true,
            _ => false,
        };
        if same(theirs, base) {
            return Ok(Ok(ours.cloned()));
        }
        if same(ours, theirs) {
            return Ok(Ok(ours.cloned()));
        }
        let Some(theirs) = theirs else {
            // It was removed, whatever stood in it.
            return Ok(Ok(None));
        };
        if same(ours, base) || base.is_none() && ours.is_none() {
            let id = self.restored(theirs)?;
            return Ok(Ok(Some(Entry {
                id,
                ..theirs.clone()
            })));
        }
        let (Some(base), Some(ours)) = (base, ours) else {
            return Ok(Err(Undefined));
        };
        let merged = if base.is_tree() && ours.is_tree() && theirs.is_tree() {
            self.trees(base.id, ours.id, theirs.id)?
        } else if theirs.id == base.id {
            // Only its mode changed.
            Ok(ours.id)
        } else if let Some(old) = self.before.only(&theirs.id) {
            Ok(old)
        } else if [base, ours, theirs].iter().all(|entry| is_file(entry)) {
            self.files(base.id, ours.id, theirs.id)?
        } else {
            Err(Undefined)
        };
        Ok(merged.map(|id| {
            Some(Entry {
                id,
                name: ours.name.clone(),
                mode: theirs.mode.clone(),
            })
        }))
    }

    /// What an entry names without what the purge made.
    fn restored(&mut self, entry: &Entry) -> Result<ObjectId> {
        if let Some(old) = self.before.only(&entry.id) {
            return Ok(old);
        }
        if entry.is_tree() {
            return self.restore_tree(entry.id);
        }
        Ok(entry.id)
    }

    fn restore_tree(&mut self, id: ObjectId) -> Result<ObjectId> {
        if let Some(old) = self.before.only(&id) {
            return Ok(old);
        }
        if let Some(&known) = self.restored.get(&id) {
            return Ok(known);
        }
        if self.store.node_of(&id).is_none() && !self.made.contains_key(&id) {
            return Ok(id);
        }
        let mut entries = self.entries(&id)?;
        let was = entries.clone();
        for entry in &mut entries {
            if !entry.is_submodule() {
                entry.id = self.restored(entry)?;
            }
        }
        let new = if entries == was {
            id
        } else {
            self.put(ObjectKind::Tree, tree::write(&entries))?
        };
        self.restored.insert(id, new);
        Ok(new)
    }

    /// Merges lines of files, as git does.
    fn files(
        &mut self,
        base: ObjectId,
        ours: ObjectId,
        theirs: ObjectId,
    ) -> Result<MergeResult<ObjectId>> {
        let own = journal::dir(self.git.dir());
        let dir = tempfile::tempdir_in(&own).map_err(|e| Error::io("make", &own, e))?;
        let mut names = Vec::new();
        for (name, id) in [("ours", ours), ("base", base), ("theirs", theirs)] {
            let (_, bytes) = self.read(&id)?;
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).map_err(|e| Error::io("write", &path, e))?;
            names.push(path.to_string_lossy().into_owned());
        }
        let words = ["merge-file", "-p", "-q", &names[0], &names[1], &names[2]];
        // Its status is the number of conflicts.
        match self.git.run(&words, b"") {
            Ok(merged) => self.put(ObjectKind::Blob, merged).map(Ok),
            Err(_) => Ok(Err(Undefined)),
        }
    }

    /// Writes what was made.
    fn write(&mut self, reason: &str) -> Result<()> {
        let Ok(count) = u32::try_from(self.order.len()) else {
            return Err(Error::too_large(
                "more objects are made than a pack can hold",
            ));
        };
        if count == 0 {
            return Ok(());
        }
        pack::store(self.git, count, reason, &mut |writer| {
            for id in &self.order {
                let (kind, bytes) = &self.made[id];
                writer.add(*kind, bytes)?;
            }
            Ok(())
        })
    }
}

fn is_file(entry: &Entry) -> bool {
    entry.mode.starts_with(b"100")
}

/// Tags of tags are followed this deep.
const MAX_TAG_DEPTH: usize = 1000;
