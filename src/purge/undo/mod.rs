//! Takes a purge back: inverts each of its changes by itself, and only where it still stands as the purge
//! left it. What was made since stays: brought over to the restored history where that is defined, else
//! named.
//!
//! Every step can be repeated: a run that is killed, or cannot do a step, is ended by another.

pub mod carry;
pub mod invert;
pub mod tables;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use gix::bstr::{BString, ByteSlice};

use crate::error::{Error, Result};
use crate::git::refs::Ref;
use crate::git::repository::{Overrides, Repository};
use crate::odb::{ObjectId, ReadLimits};
use crate::purge::apply::carried::Carried;
use crate::purge::apply::changes::{FileChange, PreviousObjects, RefChanges};
use crate::purge::apply::files::below;
use crate::purge::apply::guard::Worktree;
use crate::purge::apply::locks::IndexLock;
use crate::purge::apply::moves::{RefChange, ReflogChange, Transaction};
use crate::purge::apply::remove::{remove_file, remove_pack};
use crate::purge::apply::snapshot::{Inputs, Snapshot};
use crate::purge::apply::worktree::Heads;
use crate::purge::apply::{changes, guard, holders, locks, moves, record, snapshot, worktree};
use crate::purge::git::{Git, Hooks};
use crate::purge::journal;
use crate::purge::journal::{Journal, Lock, Phase};
use crate::purge::make::tree;
use crate::purge::plan::Force;

/// What is to be said when a purge was taken back.
#[derive(Debug, Default)]
pub struct Undone {
    /// What was made since and stays as it is, with the way to handle it.
    pub kept: Vec<UndoNote>,
    /// What was made since and is on the restored history now.
    pub carried: Vec<String>,
    /// What could not be taken back: the command can be run again.
    pub failed: Vec<String>,
}

/// Something that stays, and what to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoNote {
    /// What it is.
    pub what: String,
    /// What to do; empty if nothing is needed.
    pub way_out: String,
}

impl Undone {
    fn keep(&mut self, what: String, way_out: impl Into<String>) {
        let way_out = way_out.into();
        self.kept.push(UndoNote { what, way_out });
    }

    /// Notes that a step failed, and goes on.
    fn attempt(&mut self, step: Result<()>) {
        if let Err(e) = step {
            self.failed.push(e.chain());
        }
    }

    /// Takes values out of names and of what git says.
    fn hide(&mut self, inputs: &Inputs) {
        let notes = self.kept.iter_mut();
        let notes = notes.flat_map(|note| [&mut note.what, &mut note.way_out]);
        for text in notes.chain(&mut self.carried).chain(&mut self.failed) {
            *text = inputs.hide(text);
        }
    }

    /// Whether all is as it was before the purge.
    pub fn is_whole(&self) -> bool {
        self.kept.is_empty() && self.carried.is_empty() && self.failed.is_empty()
    }
}

/// What HEAD of each worktree named, and names then.
const HEADS: &str = "heads.json";
/// What became of commits that people made.
const CARRIED: &str = "carried.json";

/// Who asks for a purge to be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UndoCaller {
    /// Somebody, who can end what stands in the way first.
    User,
    /// The purge itself, which failed.
    Purge,
}

/// Takes back what `journal` says was begun. If all steps were done, the journal ends, and the snapshot
/// is forgotten.
///
/// # Errors
/// `Corrupt` if the snapshot is damaged, `Repository` if another git holds a lock or an operation such as
/// a rebase is in progress: then nothing was touched.
pub(crate) fn undo(
    repo: &Repository,
    lock: &Lock,
    journal: &mut Journal,
    (force, asker): (Force, UndoCaller),
) -> Result<Undone> {
    let common = repo.common_dir();
    let snapshot = Snapshot::at(&journal.snapshot);
    if journal.phase == Phase::Preparing {
        // Nothing but the snapshot was begun.
        for (number, worktree) in guard::worktrees(repo).iter().enumerate() {
            locks::release(common, &worktree.git_dir, number)?;
        }
        snapshot.forget()?;
        journal.end(common)?;
        return Ok(Undone::default());
    }
    snapshot.check()?;
    let inputs = snapshot::inputs(&snapshot)?;
    let refs = changes::read_refs(&snapshot)?;
    let has_moved = refs.is_some();
    let refs = refs.unwrap_or_default();
    let carried: Carried = snapshot.read(CARRIED)?.unwrap_or_default();
    let before = PreviousObjects::read(&snapshot, &refs)?;
    locks::remove_dead(common, journal, &refs, &carried)?;
    if asker == UndoCaller::User {
        guard::check_operations(repo)?;
        holders::check_free(common)?;
    }
    let worktrees = guard::worktrees(repo);
    let is_half_done = journal.is_undone || journal.phase == Phase::Applying;
    let held = begin(common, &worktrees, journal)?;
    let mut undoing = Undoing {
        repo,
        lock,
        journal,
        snapshot: &snapshot,
        before,
        has_moved,
        refs,
        carried,
        force,
        out: Undone::default(),
    };
    undoing.run(held, is_half_done)?;
    let mut out = undoing.out;
    out.hide(&inputs);
    if out.failed.is_empty() {
        let ended = journal.end(common).and_then(|()| snapshot.forget());
        out.attempt(ended);
    } else {
        journal.is_moving = false;
        journal.write(common)?;
    }
    Ok(out)
}

/// Notes that a purge is being taken back, and takes the locks of the indexes of `worktrees`. It is noted
/// first: a run that is killed here leaves locks, and `status` says what to do.
///
/// # Errors
/// `Repository` if another git holds one: then nothing is noted.
fn begin<'w>(
    common: &Path,
    worktrees: &'w [Worktree],
    journal: &mut Journal,
) -> Result<Vec<(&'w Worktree, IndexLock)>> {
    let was_undone = std::mem::replace(&mut journal.is_undone, true);
    journal.write(common)?;
    let numbered = worktrees.iter().enumerate();
    let taken = numbered.map(|(number, worktree)| {
        let lock = IndexLock::take(common, &worktree.git_dir, number, &journal.run)?;
        Ok((worktree, lock))
    });
    let taken: Result<Vec<_>> = taken.collect();
    if taken.is_err() {
        journal.is_undone = was_undone;
        journal.write(common)?;
    }
    taken
}

struct Undoing<'a> {
    repo: &'a Repository,
    lock: &'a Lock,
    journal: &'a mut Journal,
    snapshot: &'a Snapshot,
    refs: RefChanges,
    /// Whether refs were about to be moved.
    has_moved: bool,
    before: PreviousObjects,
    carried: Carried,
    force: Force,
    out: Undone,
}

/// A ref that moves back: where it is, and where it goes.
struct Back {
    name: BString,
    new_name: BString,
    is: ObjectId,
    was: ObjectId,
    /// Whether its old name is there already, at `was`: git was killed between the two halves of a rename.
    is_there: bool,
}

impl Back {
    /// A ref that keeps its name.
    fn in_place(name: &BString, is: ObjectId, was: ObjectId) -> Self {
        Self {
            name: name.clone(),
            new_name: name.clone(),
            is,
            was,
            is_there: false,
        }
    }
}

/// A reference by its name as the main worktree says it.
type Now = BTreeMap<BString, ObjectId>;

impl Undoing<'_> {
    fn common(&self) -> &Path {
        self.repo.common_dir()
    }

    fn git(&self) -> Git {
        Git::new(self.common(), None, self.repo.hash()).holding(self.lock)
    }

    fn run(&mut self, held: Vec<(&Worktree, IndexLock)>, is_half_done: bool) -> Result<()> {
        let common = self.common().to_owned();
        locks::expect(&common, self.journal)?;
        // Objects come first: nothing names what is not there.
        self.snapshot.put_back_objects(&common)?;
        let now = self.now();
        self.carry(&now)?;
        let heads = self.heads(&held)?;
        let logs = self.read_logs();
        let backs = self.plan_refs(&now);
        self.move_refs(&backs);
        self.repoint();
        if common.join("reftable").is_dir() {
            self.tables();
        } else {
            self.restore_logs(&logs, &backs);
        }
        for (worktree, taken) in held {
            let heads = heads.get(&name_of(worktree));
            self.worktree(worktree, taken, heads, is_half_done);
        }
        // What was changed last is taken back first.
        for name in [changes::CLEARED, changes::PASSING] {
            self.files(name)?;
        }
        let published = self.published();
        self.out.attempt(published);
        let cleaned = self.clean();
        self.out.attempt(cleaned);
        self.verify(&backs);
        Ok(())
    }

    /// What all refs name.
    fn now(&self) -> Now {
        let refs = self.repo.refs().refs.into_iter();
        let named =
            refs.filter(|found| found.symbolic.is_none() && !moves::is_passing(&found.name));
        let named = named.filter_map(|found: Ref| {
            let id = found.object_id()?;
            Some((moves::full_name(found.worktree.as_ref(), &found.name), id))
        });
        named.collect()
    }

    /// Makes commits that people made on the new history anew on the old one.
    fn carry(&mut self, now: &Now) -> Result<()> {
        if !self.has_moved {
            return Ok(());
        }
        let mut tips: BTreeSet<ObjectId> = BTreeSet::new();
        let mut notes: BTreeSet<ObjectId> = BTreeSet::new();
        // The stash is a reflog: its entries stay, and merge when they are applied.
        for (name, &id) in now.iter().filter(|(name, _)| !is_stash(name)) {
            let is_notes = name.starts_with(b"refs/notes/");
            if is_notes { &mut notes } else { &mut tips }.insert(id);
        }
        let (tips, notes): (Vec<_>, Vec<_>) =
            (tips.into_iter().collect(), notes.into_iter().collect());
        let updates = self.refs.updates.iter();
        let known: Vec<ObjectId> = updates
            .flat_map(|update| [update.old, update.new])
            .collect();
        let store = self
            .repo
            .open_store(&Overrides::default(), ReadLimits::default())?;
        let reason = snapshot::keep_reason(&self.journal.run) + " undo";
        let git = self.git();
        let carried = carry::carry(&git, &store, &self.before, (&tips, &notes), &known, &reason);
        match carried {
            Ok(carried) => self.carried.extend(carried),
            Err(e) => self.out.failed.push(e.chain()),
        }
        self.snapshot.write(CARRIED, &self.carried)
    }

    /// What takes the place of `id`: on the restored history, if it is on the new one.
    fn restored(&self, id: ObjectId) -> ObjectId {
        self.before
            .of(&id)
            .or_else(|| self.carried.of(&id))
            .unwrap_or(id)
    }

    /// What HEAD of each worktree leads to, and will.
    fn heads(&self, held: &[(&Worktree, IndexLock)]) -> Result<BTreeMap<String, Heads>> {
        let known: BTreeMap<String, Heads> = self.snapshot.read(HEADS)?.unwrap_or_default();
        let refs = self.repo.refs();
        let mut heads = BTreeMap::new();
        for (worktree, _) in held {
            let name = worktree
                .name
                .as_ref()
                .map(|name| BString::from(name.as_bytes()));
            let Some(head) = refs.get(name.as_ref().map(|name| name.as_bstr()), b"HEAD") else {
                continue;
            };
            let Some(is) = head.object_id() else {
                continue;
            };
            let update = head
                .symbolic
                .as_ref()
                .and_then(|branch| self.update_of(branch));
            let was = match update {
                Some(update) if update.new == is => update.old,
                _ => self.restored(is),
            };
            let (is, was) = (is.to_string(), was.to_string());
            let name = name_of(worktree);
            // An attempt before may have moved it.
            let heads_now = match known.get(&name) {
                // The new history goes last: without it, the files were taken back.
                Some(known)
                    if known.was == is && self.git().has_object(&known.is).unwrap_or(false) =>
                {
                    known.clone()
                }
                _ => Heads { is, was },
            };
            heads.insert(name, heads_now);
        }
        self.snapshot.write(HEADS, &heads)?;
        Ok(heads)
    }

    /// The change of the ref that stands at `place`.
    fn update_of(&self, place: &[u8]) -> Option<&RefChange> {
        let mut updates = self.refs.updates.iter();
        updates.find(|update| place_of(update) == place)
    }

    /// Which refs move back.
    fn plan_refs(&mut self, now: &Now) -> Vec<Back> {
        let mut backs = Vec::new();
        let mut taken: HashSet<BString> = now.keys().cloned().collect();
        let by_place: HashMap<BString, RefChange> = self
            .refs
            .updates
            .iter()
            .map(|update| (place_of(update).clone(), update.clone()))
            .collect();
        for (name, &is) in now {
            let update = by_place.get(name);
            let was = match update {
                Some(update) if update.new == is => update.old,
                _ => self.restored(is),
            };
            if self.carried.stays(&is) {
                self.stays((name, is), update, now, &mut taken, &mut backs);
                continue;
            }
            let old_name = update.map_or(name, |update| &update.name);
            let mut new_name = old_name;
            let other = now.get(old_name).filter(|_| old_name != name);
            // git creates one name before it deletes the other. Nobody needs both.
            let is_there = other == Some(&was) && update.is_some_and(|update| update.new == is);
            if other.is_some() && !is_there {
                self.out.keep(
                    format!("'{name}' had another name before, which another ref has now"),
                    "rename one of them with 'git branch -m' or 'git update-ref'",
                );
                new_name = name;
            }
            if was != is || new_name != name {
                backs.push(Back {
                    name: name.clone(),
                    new_name: new_name.clone(),
                    is,
                    was,
                    is_there,
                });
            }
            if let Some(new) = self.carried.of(&is) {
                self.out.carried.push(format!(
                    "'{}' has commits or a tag that were made since: {is} is {new} on the restored history",
                    short(name)
                ));
            }
        }
        self.deleted(now, &by_place);
        for id in &self.carried.unsigned {
            self.out.kept.push(UndoNote {
                what: format!("{id} was signed: what takes its place is not"),
                way_out: "sign it again, if it must be signed".to_owned(),
            });
        }
        backs
    }

    /// Names refs that were deleted since.
    fn deleted(&mut self, now: &Now, by_place: &HashMap<BString, RefChange>) {
        let mut gone: Vec<&RefChange> = by_place
            .iter()
            .filter(|(place, update)| !now.contains_key(*place) && !now.contains_key(&update.name))
            .map(|(_, update)| update)
            .collect();
        gone.sort_unstable();
        for update in gone.into_iter().filter(|update| !is_stash(&update.name)) {
            self.out.keep(
                format!(
                    "'{}' was deleted since: it stays so",
                    short(place_of(update))
                ),
                format!(
                    "'git update-ref {} {}' brings it back as it was",
                    place_of(update),
                    update.old
                ),
            );
        }
    }

    /// A ref whose commits cannot be brought over.
    fn stays(
        &mut self,
        (name, is): (&BString, ObjectId),
        update: Option<&RefChange>,
        now: &Now,
        taken: &mut HashSet<BString>,
        backs: &mut Vec<Back>,
    ) {
        let Some(update) = update else {
            self.out.keep(
                format!("'{}' has commits that were made since and change what the purge changed: it stays on the rewritten history", short(name)),
                "'git rebase' or 'git cherry-pick' brings them over",
            );
            return;
        };
        let mut free = |suffix: &[u8], id: ObjectId| -> BString {
            let wanted = [&name[..], suffix].concat();
            // An attempt before may have made it.
            let is_made = |name: &[u8]| now.get(name.as_bstr()) == Some(&id);
            let mut is_taken = |name: &[u8]| taken.contains(name.as_bstr()) && !is_made(name);
            let free = tree::free_name(&wanted, &mut is_taken);
            taken.insert(free.clone().into());
            free.into()
        };
        let git = self.git();
        let mut transaction = Transaction::default();
        let make = |transaction: &mut Transaction, name: &BString, id: ObjectId| {
            if !now.contains_key(name) {
                transaction.create(name, id);
            }
        };
        let (restored, since) = if self.force == Force::Yes && name.starts_with(b"refs/") {
            let since = free(b"-since-purge", is);
            make(&mut transaction, &since, is);
            backs.push(Back::in_place(name, is, update.old));
            (name.clone(), since)
        } else if name.starts_with(b"refs/") {
            let restored = free(b"-restored", update.old);
            make(&mut transaction, &restored, update.old);
            (restored, name.clone())
        } else {
            let restored = BString::from(format!(
                "refs/heads/restored-{}",
                update.old.to_hex_with_len(8)
            ));
            make(&mut transaction, &restored, update.old);
            (restored, name.clone())
        };
        self.out.keep(
            format!(
                "'{}' has commits that were made since and change what the purge changed: they stay on the rewritten history as '{}'; the restored one is '{}'",
                short(name),
                short(&since),
                short(&restored)
            ),
            format!(
                "'git rebase --onto {} {} {}' brings them over",
                short(&restored),
                update.new,
                short(&since)
            ),
        );
        let made = transaction.run(&git, Hooks::Off);
        self.out.attempt(made);
    }

    /// Moves refs back, together if that can be, else one by one.
    fn move_refs(&mut self, backs: &[Back]) {
        let git = self.git();
        let run = |backs: &[Back], hooks: Hooks| {
            let mut transaction = Transaction::default();
            for back in backs {
                if back.new_name == back.name {
                    transaction.update(&back.name, back.was, back.is);
                } else {
                    if !back.is_there {
                        transaction.create(&back.new_name, back.was);
                    }
                    transaction.delete(&back.name, back.is);
                }
            }
            transaction.run(&git, hooks)
        };
        if run(backs, Hooks::Run).is_ok() {
            return;
        }
        // No hook keeps a repository from being taken back.
        let now = self.now();
        for back in backs {
            // It may have moved before another one failed.
            let is_back = now.get(&back.new_name) == Some(&back.was);
            if is_back && (back.new_name == back.name || !now.contains_key(&back.name)) {
                continue;
            }
            if let Err(e) = run(std::slice::from_ref(back), Hooks::Off) {
                self.out.failed.push(format!(
                    "'{}' is at {} and was at {}: {}",
                    back.name,
                    back.is,
                    back.was,
                    e.chain()
                ));
            }
        }
    }

    /// Lets symbolic refs name what they named.
    fn repoint(&mut self) {
        let git = self.git();
        let refs = self.repo.refs();
        let targets: HashMap<BString, BString> = refs
            .refs
            .into_iter()
            .filter_map(|found| {
                let name = moves::full_name(found.worktree.as_ref(), &found.name);
                Some((name, found.symbolic?))
            })
            .collect();
        for repoint in std::mem::take(&mut self.refs.repoints) {
            if targets.get(&repoint.name) == Some(&repoint.target) {
                let pointed = moves::point(&git, &repoint.name, &repoint.old);
                self.out.attempt(pointed);
            }
        }
        self.follow_renamed(&git);
    }

    /// Lets HEADs and other symbolic refs that somebody pointed at a renamed ref follow it back.
    fn follow_renamed(&mut self, git: &Git) {
        let refs = self.repo.refs().refs;
        let full = |found: &Ref| moves::full_name(found.worktree.as_ref(), &found.name);
        let there: HashSet<BString> = refs.iter().map(full).collect();
        let dangling: Vec<(BString, BString)> = refs
            .iter()
            .filter_map(|found| Some((full(found), found.symbolic.clone()?)))
            .filter(|(_, target)| !there.contains(target))
            .collect();
        for (name, target) in dangling {
            let renamed = self.refs.updates.iter().find(|update| {
                update.new_name.as_ref() == Some(&target) && there.contains(&update.name)
            });
            if let Some(update) = renamed {
                let pointed = moves::point(git, &name, &update.name);
                self.out.attempt(pointed);
            }
        }
    }

    /// Reflogs of refs that get their old names: git deletes them with the new names.
    fn read_logs(&self) -> HashMap<PathBuf, Vec<u8>> {
        let common = self.common();
        let renamed = self.refs.logs.iter().filter(|log| log.path != log.new_path);
        let read = renamed.filter_map(|log| {
            let bytes = fs::read(common.join(&log.new_path)).ok()?;
            Some((log.path.clone(), bytes))
        });
        read.collect()
    }

    /// Takes back the lines of reflogs.
    fn restore_logs(&mut self, read: &HashMap<PathBuf, Vec<u8>>, backs: &[Back]) {
        let common = self.common().to_owned();
        let backs = backs.iter().map(|back| (back.is, back.was));
        let updates = self.refs.updates.iter();
        let pairs = backs.chain(updates.map(|update| (update.old, update.new)));
        // HEAD's reflog has entries for a branch that is made and deleted under another name.
        let moved = pairs.flat_map(|(one, other)| {
            let null = one.kind().null();
            let ends = [one, other].into_iter();
            let ends = ends.flat_map(move |id| [(id, null), (null, id)]);
            ends.chain([(one, other), (other, one)])
        });
        let moved: HashSet<(ObjectId, ObjectId)> = moved.collect();
        let now = self.now();
        let logs = std::mem::take(&mut self.refs.logs);
        let mut seen: HashSet<PathBuf> = HashSet::new();
        let mut restored: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        for log in &logs {
            seen.insert(log.path.clone());
            seen.insert(log.new_path.clone());
            restored.extend(self.restored_log(log, read, &moved, &now));
        }
        // All at once: waiting for the disk for each of 50,000 takes minutes.
        let files = restored
            .iter()
            .map(|(path, bytes)| (path.clone(), &bytes[..]));
        let written = journal::write_all_inside(&common, &files.collect::<Vec<_>>());
        let is_written = written.is_ok();
        self.out.attempt(written);
        let renamed = logs.iter().filter(|log| log.path != log.new_path);
        for log in renamed.filter(|_| is_written) {
            if !now.contains_key(&moves::ref_of_log(&log.new_path)) {
                self.out.attempt(remove_file(&common.join(&log.new_path)));
            }
        }
        for path in log_files(&common) {
            if seen.contains(&path) {
                continue;
            }
            let file = common.join(&path);
            let Ok(bytes) = fs::read(&file) else {
                continue;
            };
            let inverted = invert::log(&bytes, b"", b"", &self.before, &moved, &self.carried);
            if inverted != bytes {
                self.out
                    .attempt(changes::rewrite(&common, &file, &inverted));
            }
        }
    }

    /// The file that a reflog is to be again, and what it is to hold; `None` if it is so.
    fn restored_log(
        &self,
        log: &ReflogChange,
        read: &HashMap<PathBuf, Vec<u8>>,
        moved: &HashSet<(ObjectId, ObjectId)>,
        now: &Now,
    ) -> Option<(PathBuf, Vec<u8>)> {
        let common = self.common();
        let was = self.snapshot.held(&log.path).unwrap_or_default();
        let (path, new_path) = (common.join(&log.path), common.join(&log.new_path));
        let here = fs::read(&path).ok();
        let is = read
            .get(&log.path)
            .cloned()
            .or_else(|| match path == new_path {
                true => here.clone(),
                false => fs::read(&new_path).ok().or_else(|| here.clone()),
            });
        let bytes = match is {
            Some(is) => invert::log(&is, &log.bytes, &was, &self.before, moved, &self.carried),
            // A run was killed before it wrote what git had deleted.
            None if now.contains_key(&moves::ref_of_log(&log.path)) => was,
            None => return None,
        };
        (here.as_ref() != Some(&bytes)).then_some((path, bytes))
    }

    /// The same for reflogs in reftables.
    fn tables(&mut self) {
        match tables::restore(self.repo, self.snapshot, &self.git(), &self.before) {
            Ok(true) => {}
            Ok(false) => self.out.keep(
                "refs were changed since: the reflogs that the purge emptied stay empty, but for the stash".to_owned(),
                "",
            ),
            Err(e) => self.out.failed.push(e.chain()),
        }
    }

    fn worktree(
        &mut self,
        worktree: &Worktree,
        taken: IndexLock,
        heads: Option<&Heads>,
        is_half_done: bool,
    ) {
        let git = Git::new(&worktree.git_dir, Some(&worktree.root), self.repo.hash());
        let git = git.holding(self.lock).with_index(taken.copy());
        let back =
            worktree::take_back((worktree, &taken), &git, heads, self.snapshot, is_half_done);
        let kept = match back.and_then(|kept| taken.commit().map(|()| kept)) {
            Ok(kept) => kept,
            Err(e) => return self.out.failed.push(e.chain()),
        };
        for path in kept.staged {
            let path = String::from_utf8_lossy(&path).into_owned();
            self.out.keep(
                format!("'{path}' was staged since: it stays staged"),
                "'git diff --cached' shows what a commit would change",
            );
        }
        for path in kept.files {
            self.out.keep(
                format!("'{}' is left as you edited it", path.display()),
                "'git diff' shows what differs from the restored version",
            );
        }
        for path in kept.blocked {
            self.out.keep(
                format!(
                    "'{}' stays: the file that had this name keeps its new one",
                    path.display()
                ),
                "move it elsewhere, and 'git restore' the path",
            );
        }
    }

    /// Takes back files of `.git`.
    fn files(&mut self, name: &str) -> Result<()> {
        let common = self.common().to_owned();
        let list = self.snapshot.read::<Vec<FileChange>>(name)?;
        for change in list.unwrap_or_default() {
            let path = common.join(change.path());
            let (is, was) = (fs::read(&path).ok(), change.was(self.snapshot));
            let Some(was) = was else {
                continue;
            };
            // An attempt before may have taken back all changes of it.
            if is.as_ref() == Some(&was) || is == self.snapshot.held(change.path()) {
                continue;
            }
            let restored = match (is, change.bytes()) {
                (None, None) => put_back(&path, &was, self.snapshot, &common, change.path()),
                (Some(is), Some(bytes)) if is == bytes => changes::rewrite(&common, &path, &was),
                (Some(is), Some(bytes)) => {
                    let (inverted, left) = invert::lines(&is, bytes, &was);
                    if left > 0 {
                        self.out.keep(
                            format!(
                                "'{}' was edited since: {left} of its lines stay without the value",
                                path.display()
                            ),
                            "edit them by hand, if the value is needed there",
                        );
                    }
                    changes::rewrite(&common, &path, &inverted)
                }
                // Somebody removed it, or made a new one.
                (None, Some(_)) | (Some(_), None) => Ok(()),
            };
            self.out.attempt(restored);
        }
        Ok(())
    }

    /// Gives others again what an earlier purge left for them.
    fn published(&self) -> Result<()> {
        record::remove(self.common())?;
        let list = self.snapshot.read::<Vec<FileChange>>(changes::PUBLISHED)?;
        for change in list.unwrap_or_default() {
            if let Some(bytes) = change.bytes() {
                journal::write_durably(&self.common().join(change.path()), bytes)?;
            }
        }
        Ok(())
    }

    /// Removes what the purge wrote and nothing needs any more.
    fn clean(&self) -> Result<()> {
        let common = self.common();
        self.snapshot.put_back_caches(common)?;
        let _ = fs::remove_dir_all(journal::dir(common).join("packs"));
        let files = self.snapshot.files();
        let files = files.map_err(|e| Error::io("read", self.snapshot.dir(), e))?;
        let was: HashSet<PathBuf> = files.into_iter().collect();
        let mut new = below(&common.join("objects"));
        new.retain(|path| !was.contains(path.strip_prefix(common).unwrap_or(path)));
        let reason = snapshot::keep_reason(&self.journal.run);
        let mut ours: HashSet<String> = self.journal.packs.iter().cloned().collect();
        let mut keeps = Vec::new();
        for path in new.iter().filter(|path| has_extension(path, "keep")) {
            let text = fs::read_to_string(path).unwrap_or_default();
            if text.trim() == reason {
                ours.insert(stem(path));
            }
            if text.trim().starts_with(&reason) {
                keeps.push(path);
            }
        }
        let mut has_others = false;
        for path in &new {
            let relative = path.strip_prefix(common).unwrap_or(path);
            let is_temporary = relative
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"tmp_"));
            if is_temporary && !holders::is_open(path) {
                // Of a git that was killed.
                remove_file(path)?;
            }
            has_others |= !is_temporary
                && !relative.starts_with("objects/info")
                && !ours.contains(&stem(path));
        }
        for keep in keeps {
            remove_file(keep)?;
        }
        if !has_others && !self.is_needed() {
            for pack in new.iter().filter(|path| has_extension(path, "pack")) {
                if ours.contains(&stem(pack)) {
                    remove_pack(pack)?;
                }
            }
        }
        // It lists packs.
        if common.join("objects/info/packs").exists() {
            self.git().change(&["update-server-info"], b"")?;
        }
        Ok(())
    }

    /// Whether something names an object that the purge made.
    fn is_needed(&self) -> bool {
        let refs = self.repo.refs();
        let named = refs.refs.iter().filter_map(Ref::object_id);
        let logged = refs.log.iter().flat_map(|entry| [entry.old, entry.new]);
        let staged = self.repo.indexes().0;
        let staged = staged.iter().map(|found| found.entry.id);
        named
            .chain(logged)
            .chain(staged)
            .any(|id| self.before.of(&id).is_some())
    }

    /// Checks that everything is where it is meant to be.
    fn verify(&mut self, backs: &[Back]) {
        let now = self.now();
        let mut ids = Vec::new();
        for back in backs {
            ids.extend(format!("{}\n", back.was).bytes());
            let is = now.get(&back.new_name);
            if is != Some(&back.was) && self.out.failed.is_empty() {
                self.out.failed.push(format!(
                    "'{}' is not at {} after it was moved there",
                    back.new_name, back.was
                ));
            }
        }
        match self.git().run(&["cat-file", "--batch-check"], &ids) {
            Ok(said) => {
                let said = String::from_utf8_lossy(&said).into_owned();
                let missing = said.lines().filter(|line| line.ends_with(" missing"));
                self.out
                    .failed
                    .extend(missing.map(|line| format!("object {line}")));
            }
            Err(e) => self.out.failed.push(e.chain()),
        }
        let connected = self.check_connected();
        self.out.attempt(connected);
    }

    /// Checks that all that refs, reflogs and indexes reach is there, as far as it was before.
    fn check_connected(&self) -> Result<()> {
        let reaches_all = |dir: &Path| {
            let words = [
                "rev-list",
                "--objects",
                "--quiet",
                "--all",
                "--reflog",
                "--indexed-objects",
            ];
            Git::new(dir, None, self.repo.hash()).ask(&words.map(OsStr::new))
        };
        let (is_whole, said) = reaches_all(self.common())?;
        if is_whole || !reaches_all(&self.snapshot.whole_git_dir()?)?.0 {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said).trim().replace('\n', "; ");
        Err(Error::repository("an object is missing that was there before").because(said))
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Makes a file again: as the snapshot has it, if it does.
fn put_back(
    file: &Path,
    was: &[u8],
    snapshot: &Snapshot,
    common: &Path,
    path: &Path,
) -> Result<()> {
    if snapshot.held(path).is_some_and(|held| held == was) {
        return snapshot.put_back(common, path);
    }
    journal::write_inside(common, file, was)
}

/// The name that the ref of `update` has since.
fn place_of(update: &RefChange) -> &BString {
    update.new_name.as_ref().unwrap_or(&update.name)
}

fn is_stash(name: &BString) -> bool {
    name.ends_with(b"refs/stash")
}

fn name_of(worktree: &Worktree) -> String {
    worktree.name.clone().unwrap_or_default()
}

/// A ref as people call it.
fn short(name: &BString) -> String {
    let name = name.to_str_lossy();
    let short = ["refs/heads/", "refs/tags/", "refs/remotes/"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    short.unwrap_or(&name).to_owned()
}

/// All reflogs that are files, relative.
fn log_files(common: &Path) -> Vec<PathBuf> {
    let mut found = below(&common.join("logs"));
    for entry in fs::read_dir(common.join("worktrees"))
        .into_iter()
        .flatten()
        .flatten()
    {
        found.extend(below(&entry.path().join("logs")));
    }
    let relative = found
        .iter()
        .filter_map(|path| Some(path.strip_prefix(common).ok()?.to_owned()));
    relative.collect()
}
