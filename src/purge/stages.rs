//! The stages of a purge, in order: what is planned, done, taken back or gone on with.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::repository::{Overrides, Repository};
use crate::odb::{ObjectId, ObjectKind, hash};
use crate::purge::apply::changes::FileChange;
use crate::purge::apply::guard::Worktree;
use crate::purge::apply::locks::IndexLock;
use crate::purge::apply::remove::Doomed;
use crate::purge::apply::snapshot::{Inputs, Snapshot, inputs};
use crate::purge::apply::{
    changes, files, guard, holders, locks, moves, record, snapshot, worktree,
};
use crate::purge::find::literal::Ambiguity;
use crate::purge::find::rest::Rescan;
use crate::purge::find::survey::Survey;
use crate::purge::find::values;
use crate::purge::find::values::{Edit, Needles, Target};
use crate::purge::finish::nested;
use crate::purge::git::Git;
use crate::purge::journal::{Journal, Lock, Phase, begun};
use crate::purge::make::blobs::Kinds;
use crate::purge::make::objects::{Look, Rewritten};
use crate::purge::make::sign::Signer;
use crate::purge::make::trees::Known;
use crate::purge::make::write::Planned;
use crate::purge::make::{check, head, objects, pack, write};
use crate::purge::plan::{Applied, Force, Foreseen, Job, LeftOutValue, PurgePlan, ValueCount};
use crate::purge::share::manifest;
use crate::purge::undo::{UndoCaller, Undone};
use crate::purge::{finish, undo};

/// Plans a purge; writes nothing.
///
/// # Errors
/// `Repository` if the repository cannot be read; `Usage` if a value cannot be searched for.
pub fn plan(job: &Job<'_>) -> Result<PurgePlan> {
    planned(job, |_, plan| Ok(plan))
}

/// Makes a plan, and hands it on with the survey that it was made of. Values that must be named and
/// are not are left out: then everything is surveyed again.
fn planned<T>(job: &Job<'_>, go_on: impl FnOnce(&Survey<'_>, PurgePlan) -> Result<T>) -> Result<T> {
    let store = job.repo.open_store(&Overrides::default(), job.limits)?;
    let mut targets = job.targets.clone();
    let mut purpose = job.purpose();
    let mut left_out = job.left_out.clone();
    loop {
        let needles = Needles::new(targets.clone(), job.rules)?;
        let survey = Survey::take(job.repo, &store, &needles, &purpose, job.progress);
        let mut plan = plan_of(&survey, job)?;
        let out = must_be_named(&plan);
        if out.is_empty() {
            plan.left_out = left_out;
            return go_on(&survey, plan);
        }
        let kept = |number: &usize| !out.contains_key(number);
        if let Some(places) = &mut purpose.places {
            places.retain(|(_, edit)| kept(&edit.target));
            for (_, edit) in places {
                edit.target -= out.range(..edit.target).count();
            }
        }
        let numbered = targets.into_iter().enumerate();
        let numbered = numbered.filter(|(number, _)| kept(number));
        targets = numbered.map(|(_, target)| target).collect();
        left_out.extend(out.into_values());
    }
}

/// The values of a plan that are erased only if they are named, and are not: those that stand outside
/// of quotes in source code, and those of which a part may be left. By their numbers.
fn must_be_named(plan: &PurgePlan) -> BTreeMap<usize, LeftOutValue> {
    let rewritten = &plan.rewritten;
    let mut out = BTreeMap::new();
    let unnamed = |number: usize| Some(&plan.targets[number].0).filter(|target| !target.is_named);
    for (&number, id) in &rewritten.bare {
        let file = rewritten.files.iter().find(|file| file.id == *id);
        let left_out = unnamed(number).map(|target| LeftOutValue {
            target: target.clone(),
            why: Ambiguity::NoLiteral,
            path: file.map(|file| file.path.clone()),
            rest: None,
        });
        out.extend(left_out.map(|left_out| (number, left_out)));
    }
    for left in &rewritten.left {
        let left_out = unnamed(left.target).map(|target| LeftOutValue {
            target: target.clone(),
            why: Ambiguity::Partial,
            path: Some(left.path.clone()),
            rest: Some(left.clone()),
        });
        if let Some(left_out) = left_out {
            out.entry(left.target).or_insert(left_out);
        }
    }
    out
}

fn plan_of(survey: &Survey<'_>, job: &Job<'_>) -> Result<PurgePlan> {
    let rescan = Rescan::new(job.rules)?;
    let look = Look::Closely(&rescan);
    let signer = job.signer.as_ref();
    let rewritten = objects::rewrite(survey, &job.options, signer, look, &mut |_, _, _| Ok(()))?;
    let moves = moves::plan(survey, &rewritten, &job.options.mark);
    let mut standing: BTreeMap<usize, ValueCount> = BTreeMap::new();
    for dirty in survey.dirty.values() {
        let mut targets: Vec<usize> = dirty.edits.iter().flat_map(Edit::targets).collect();
        targets.sort_unstable();
        targets.dedup();
        for target in targets {
            let standing = standing.entry(target).or_default();
            if dirty.kind == ObjectKind::Blob {
                standing.blobs += 1;
            } else {
                standing.texts += 1;
            }
        }
    }
    let nowhere = nowhere(survey, &standing);
    let (mut nested, unread) = nested::holding(job, survey.needles);
    let (beside, _) = nested::beside(job, survey.needles);
    nested.extend(beside.0);
    let targets = survey.needles.targets().iter().cloned().enumerate();
    let mut refusals = guard::refusals(job.repo, survey.store);
    for worktree in guard::worktrees(job.repo) {
        refusals.extend(worktree::obstacles(&worktree, survey, &job.options));
    }
    let old: Vec<_> = rewritten.ids.keys().copied().collect();
    let doomed = Doomed::of(survey, &old, &rewritten.removed);
    Ok(PurgePlan {
        targets: targets
            .map(|(at, target)| (target, standing.get(&at).copied().unwrap_or_default()))
            .collect(),
        left_out: Vec::new(),
        head: head::files(survey, &job.options.mark),
        refusals,
        skipped: survey.skipped.iter().chain(&unread).cloned().collect(),
        unopened: survey.unopened.clone(),
        nowhere,
        // Who follows somebody else's purge need not have all paths.
        unknown_paths: match job.known.is_empty() && job.expected.is_empty() {
            true => manifest::never_removed(job.repo.common_dir(), &rewritten.absent_paths),
            false => Vec::new(),
        },
        nested,
        names: survey.names.len(),
        doomed: doomed.len(),
        foreseen: Foreseen::new(survey, &rewritten, doomed, job.places.is_none()),
        files: left_files(survey, &rewritten),
        rewritten,
        moves,
    })
}

/// Values that stand nowhere: not in objects, names, refs, reflogs, indexes or files.
fn nowhere(survey: &Survey<'_>, standing: &BTreeMap<usize, ValueCount>) -> Vec<usize> {
    let needles = survey.needles;
    let all = needles.targets();
    let mut missing: Vec<usize> = (0..all.len())
        .filter(|number| !standing.contains_key(number))
        .collect();
    // A part of another value that was found was found with it.
    missing.retain(|&number| {
        let secret = all[number].secret.reveal();
        let mut found = standing.keys().map(|&other| all[other].secret.reveal());
        !found.any(|other| memchr::memmem::find(other, secret).is_some())
    });
    let mut look = |text: &[u8]| {
        let edits = needles.find(text).0;
        let found: Vec<usize> = edits.iter().flat_map(Edit::targets).collect();
        missing.retain(|number| !found.contains(number));
    };
    survey.names.iter().for_each(|name| look(name));
    survey.refs.refs.iter().for_each(|found| look(&found.name));
    for entry in &survey.refs.log {
        look(&entry.message);
        look(&entry.committer);
    }
    survey
        .indexes
        .iter()
        .for_each(|staged| look(&staged.entry.path));
    for path in files::with_values(survey.repo, needles) {
        look(path.file_name().unwrap_or_default().as_encoded_bytes());
        if let Ok(bytes) = fs::read(&path) {
            look(&bytes);
        }
    }
    missing
}

/// Files that hold values and are not simply what an index says: those become what it says then.
fn left_files(survey: &Survey<'_>, rewritten: &Rewritten) -> Vec<Vec<u8>> {
    let mut found = files::with_values(survey.repo, survey.needles);
    let tracked = guard::worktrees(survey.repo);
    let is_tracked = |dir: &Path| {
        tracked.iter().any(|worktree| {
            let Ok(below) = dir.strip_prefix(&worktree.root) else {
                return false;
            };
            let below = [below.as_os_str().as_bytes(), b"/"].concat();
            let mut staged = survey.indexes.iter();
            staged.any(|found| found.entry.path.starts_with(&below))
        })
    };
    found.retain(|path| {
        // Directories of tracked files get new names with these.
        if path.is_dir() {
            return !is_tracked(path);
        }
        let linked = fs::read_link(path).map(|target| target.into_os_string().into_encoded_bytes());
        let Ok(bytes) = linked.or_else(|_| fs::read(path)) else {
            return true;
        };
        let id = hash::object_id(survey.store.hash(), ObjectKind::Blob, &bytes);
        !id.is_ok_and(|id| rewritten.ids.contains_key(&id))
    });
    let shown = found.into_iter().map(|path| {
        let name = path.into_os_string().into_encoded_bytes();
        values::redact_name(&name, survey.needles, b"REMOVED").unwrap_or(name)
    });
    shown.collect()
}

/// Says whether a plan that can be done is to be done.
pub type Approve<'a> = &'a mut dyn FnMut(&PurgePlan) -> Result<()>;

/// Applies a purge, if `approve` agrees to its plan: afterwards no ref, reflog or worktree leads to the
/// values; the old objects are still there.
///
/// # Errors
/// Why nothing could be done, or what `approve` says: then everything is as it was.
pub fn apply(job: &Job<'_>, approve: Approve<'_>) -> Result<Applied> {
    let common = job.repo.common_dir();
    let lock = Lock::take(common)?;
    check_begun(common)?;
    planned(job, |survey, plan| {
        plan.check()?;
        check_expected(job, survey, &plan)?;
        let run = format!(
            "{}-{}",
            jiff::Zoned::now().strftime("%Y%m%dT%H%M%S"),
            std::process::id()
        );
        let dir = Snapshot::root(&job.state_home, common).join(&run);
        if !plan.is_empty() {
            approve(&plan)?;
            holders::check_free(common)?;
            let worktrees = guard::worktrees(job.repo);
            let (snapshot, mut journal, held) = prepare(job, &plan, run, &dir, &worktrees)?;
            let at = Site {
                lock: &lock,
                snapshot: &snapshot,
                worktrees: &worktrees,
            };
            if let Err(error) = change(job, survey, &plan, &at, held, &mut journal) {
                return Err(taken_back(job.repo, &lock, &mut journal, error));
            }
        }
        Ok(Applied {
            plan,
            snapshot: dir,
        })
    })
}

/// Takes the locks of the indexes of `worktrees`, in their order.
fn held(common: &Path, worktrees: &[Worktree], run: &str) -> Result<Vec<IndexLock>> {
    let numbered = worktrees.iter().enumerate();
    let taken =
        numbered.map(|(number, worktree)| IndexLock::take(common, &worktree.git_dir, number, run));
    taken.collect()
}

/// Whether commits become what somebody else's became.
fn check_expected(job: &Job<'_>, survey: &Survey<'_>, plan: &PurgePlan) -> Result<()> {
    if job.expected.is_empty() {
        return Ok(());
    }
    let reached = survey.reached(survey.roots().into_iter());
    let is_reached = |id: &ObjectId| {
        let rank = survey
            .store
            .node_of(id)
            .and_then(|node| survey.graph.rank(node));
        rank.is_some_and(|rank| reached[rank.index()])
    };
    for (old, new) in &job.expected {
        let found = plan.rewritten.map(*old);
        if found == *old && found != *new && is_reached(old) {
            return Err(Error::repository(format!(
                "commit {old} was purged, and its new version {new} is not here"
            ))
            .hint("fetch the new history with 'git fetch --all', then run the command again"));
        }
        if plan.rewritten.ids.contains_key(old) && found != *new {
            return Err(Error::repository(format!(
                "commit {old} would become {found} here and is {new} in the manifest"
            ))
            .hint("fetch the new history with 'git fetch --all', then run the command again"));
        }
    }
    Ok(())
}

/// Takes back what was begun; returns what is to be said of `error`.
fn taken_back(repo: &Repository, lock: &Lock, journal: &mut Journal, error: Error) -> Error {
    match undo::undo(repo, lock, journal, (Force::No, UndoCaller::Purge)) {
        Ok(undone) if undone.failed.is_empty() => {
            let notes: Vec<String> = undone.kept.into_iter().map(|note| note.what).collect();
            if notes.is_empty() {
                return error;
            }
            let hint = error.hint_text().map(|hint| format!("{hint}; "));
            let hint = hint.unwrap_or_default() + &notes.join("; ");
            error.hint(hint)
        }
        Ok(undone) => error.hint(format!(
            "{}; run 'unleak purge --abort' to put everything back",
            undone.failed.join("; ")
        )),
        Err(e) => error.hint(format!(
            "{}; run 'unleak purge --abort' to put everything back",
            e.chain()
        )),
    }
}

/// Keeps others from changing the indexes of `worktrees`, takes the snapshot, and notes that from now on
/// there is something to take back.
fn prepare(
    job: &Job<'_>,
    plan: &PurgePlan,
    run: String,
    dir: &Path,
    worktrees: &[Worktree],
) -> Result<(Snapshot, Journal, Vec<IndexLock>)> {
    let common = job.repo.common_dir();
    let mut journal = Journal {
        run,
        phase: Phase::Preparing,
        snapshot: dir.to_owned(),
        packs: Vec::new(),
        is_undone: false,
        continues: false,
        is_moving: false,
        foreign_locks: Vec::new(),
        earlier: Journal::read(common)?.map(Box::new),
    };
    journal.write(common)?;
    let taken = held(common, worktrees, &journal.run).and_then(|held| {
        let snapshot = Snapshot::take(common, dir)?;
        let targets: Vec<Target> = plan
            .targets
            .iter()
            .map(|(target, _)| target.clone())
            .collect();
        let mut inputs = Inputs::new(&targets, &job.options);
        inputs.resign = job.signer.is_some();
        inputs.known = job
            .known
            .iter()
            .map(|(old, new)| (old.to_string(), new.to_string()))
            .collect();
        inputs.known.sort_unstable();
        let updates = plan.moves.updates.iter();
        let moved = updates.map(|update| {
            let (old, new) = (update.old.to_string(), update.new.to_string());
            (update.name.to_string(), old, new)
        });
        inputs.refs = moved.collect();
        snapshot.write("purge.json", &inputs)?;
        let published = record::paths(common).into_iter().filter_map(|path| {
            let bytes = fs::read(&path).ok()?;
            Some(FileChange::new(common, &path, Some(bytes)))
        });
        snapshot.write(changes::PUBLISHED, &published.collect::<Vec<_>>())?;
        Ok((snapshot, held))
    });
    match taken {
        Ok((snapshot, held)) => {
            journal.phase = Phase::Applying;
            journal.write(common)?;
            Ok((snapshot, journal, held))
        }
        Err(error) => {
            // What matters is why it failed.
            let _ = Snapshot::at(dir).forget();
            journal.end(common)?;
            Err(error)
        }
    }
}

/// Whether a purge may begin in a repository.
fn check_begun(common: &Path) -> Result<()> {
    let Some(journal) = Journal::read(common)? else {
        return Ok(());
    };
    match journal.phase {
        _ if journal.is_undone => Err(Error::repository("a purge is being taken back")
            .hint("run 'unleak purge undo' to end that")),
        Phase::Finished => Ok(()),
        Phase::Applied => Err(Error::repository("a purge was applied and is not finished")
            .hint("run 'unleak purge finish' to remove the old objects, or 'unleak purge undo'")),
        Phase::Preparing | Phase::Applying | Phase::Finishing => {
            Err(Error::repository("a purge was interrupted")
                .hint("run 'unleak purge --continue' or 'unleak purge --abort'"))
        }
    }
}

/// Where a purge is applied.
struct Site<'a> {
    lock: &'a Lock,
    snapshot: &'a Snapshot,
    worktrees: &'a [Worktree],
}

/// Writes the new objects, checks them, and moves everything to them. Each change is written down before
/// it happens.
fn change(
    job: &Job<'_>,
    survey: &Survey<'_>,
    plan: &PurgePlan,
    at: &Site<'_>,
    held: Vec<IndexLock>,
    journal: &mut Journal,
) -> Result<()> {
    let (repo, rewritten, mark) = (job.repo, &plan.rewritten, &job.options.mark);
    let common = repo.common_dir();
    let git = Git::new(common, None, repo.hash()).holding(at.lock);
    let count = rewritten.fresh;
    if count > 0 {
        let reason = snapshot::keep_reason(&journal.run);
        let signer = job.signer.as_ref();
        pack::store(&git, count, &reason, &mut |writer| {
            let look = Look::AsPlanned(rewritten);
            let sink = &mut |kind, _: ObjectId, bytes: &[u8]| writer.add(kind, bytes).map(drop);
            let made = objects::rewrite(survey, &job.options, signer, look, sink)?;
            let known = Known::new(survey, &job.options, &rewritten.ids);
            let planned = Planned::new(known, rewritten, Kinds::of(survey));
            write::write(&planned, &made.walked, writer)
        })?;
    }
    let store = repo.open_store(&Overrides::default(), job.limits)?;
    check::check(survey, &store, rewritten, &job.options)?;
    drop(store);
    let is_table = common.join("reftable").is_dir();
    let logs = moves::logs(survey, rewritten, mark)?;
    changes::write(at.snapshot, &plan.moves, &logs, rewritten)?;
    locks::expect(common, journal)?;
    moves::refs(&git, &plan.moves)?;
    for (worktree, taken) in at.worktrees.iter().zip(held) {
        let git = Git::new(&worktree.git_dir, Some(&worktree.root), repo.hash());
        let git = git.holding(at.lock).with_index(taken.copy());
        let place = (worktree, &taken);
        if worktree::bring(place, &git, survey, rewritten, &job.options, at.snapshot)? {
            taken.commit()?;
        }
    }
    if is_table {
        moves::rebuild_tables(&git, survey, rewritten, mark)?;
    } else {
        moves::write_logs(common, &logs)?;
    }
    let dirs = git_dirs(common, at.worktrees);
    let passing = moves::passing_files(common, &dirs, survey, rewritten, mark);
    changes::change_files(common, at.snapshot, changes::PASSING, passing)?;
    manifest::write(survey, plan, &job.options)?;
    release_packs(common, journal)?;
    journal.phase = Phase::Applied;
    journal.is_moving = false;
    journal.write(common)
}

/// The `.git` directories of a repository and its worktrees.
pub fn git_dirs(common: &Path, worktrees: &[Worktree]) -> Vec<PathBuf> {
    let mut dirs = vec![common.to_owned()];
    dirs.extend(worktrees.iter().map(|worktree| worktree.git_dir.clone()));
    dirs.dedup();
    dirs
}

/// Lets git repack what a run wrote.
fn release_packs(common: &Path, journal: &mut Journal) -> Result<()> {
    let dir = common.join("objects/pack");
    let entries = fs::read_dir(&dir).map_err(|e| Error::io("read", &dir, e))?;
    let mut keeps = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io("read", &dir, e))?.path();
        let is_keep = path
            .extension()
            .is_some_and(|extension| extension == "keep");
        let reason = snapshot::keep_reason(&journal.run);
        if is_keep && fs::read_to_string(&path).is_ok_and(|text| text.trim() == reason) {
            let name = path.file_stem().unwrap_or_default();
            journal.packs.push(name.to_string_lossy().into_owned());
            keeps.push(path);
        }
    }
    journal.write(common)?;
    for path in keeps {
        fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
    }
    Ok(())
}

/// Takes back the last purge of a repository.
///
/// # Errors
/// `Repository` if there is nothing to take back, or another git is changing an index; `Corrupt` if the
/// snapshot is damaged. Then nothing was changed.
pub fn undo(repo: &Repository, force: Force) -> Result<Undone> {
    let common = repo.common_dir();
    let lock = Lock::take(common)?;
    let mut journal = begun(repo)?;
    journal.continues = false;
    undo::undo(repo, &lock, &mut journal, (force, UndoCaller::User))
}

/// Goes on with a purge that was interrupted; returns what is true then, and what was said when a part
/// of it was taken back to begin again.
///
/// # Errors
/// As for what is gone on with.
pub fn go_on(job: Job<'_>) -> Result<(Phase, Undone)> {
    let mut said = Undone::default();
    let mut journal = begun(job.repo)?;
    if journal.phase == Phase::Preparing || journal.is_undone && !journal.continues {
        let undone = undo(job.repo, Force::No)?;
        if let Some(failed) = undone.failed.first() {
            return Err(Error::repository(format!(
                "cannot take the purge back: {failed}"
            )));
        }
        if journal.is_undone {
            return Err(
                Error::repository("the purge was being taken back: that is done")
                    .hint("run it again, if it is to be applied"),
            );
        }
        return Err(
            Error::repository("the purge was interrupted before it changed anything")
                .hint("run it again as you did"),
        );
    }
    let snapshot = Snapshot::at(&journal.snapshot);
    let inputs = inputs(&snapshot)?;
    match journal.phase {
        Phase::Applying => {
            // Nothing is lost by beginning again: the same input gives the same ids.
            said = begin_again(job.repo, &mut journal)?;
            let git = Git::new(job.repo.common_dir(), None, job.repo.hash());
            let signer = inputs
                .resign
                .then(|| Signer::configured(&git))
                .transpose()?;
            let job = Job {
                signer,
                targets: inputs.targets(&job.fingerprint_key)?,
                known: inputs.known(),
                options: inputs.options,
                ..job
            };
            apply(&job, &mut |_| Ok(()))?;
        }
        Phase::Finishing => {
            finish::finish(&job)?;
        }
        Phase::Preparing | Phase::Applied | Phase::Finished => {}
    }
    let phase = begun(job.repo).map_or(Phase::Finished, |journal| journal.phase);
    Ok((phase, said))
}

/// Takes back what was applied in part.
fn begin_again(repo: &Repository, journal: &mut Journal) -> Result<Undone> {
    let common = repo.common_dir();
    let lock = Lock::take(common)?;
    journal.continues = true;
    let undone = undo::undo(repo, &lock, journal, (Force::No, UndoCaller::User))?;
    match undone.failed.first() {
        None => Ok(undone),
        Some(failed) => Err(Error::repository(format!("cannot go on: {failed}"))
            .hint("mend that, and run 'unleak purge --continue' or '--abort' again")),
    }
}

/// Deletes the undo snapshot of a purge that is finished, or whose undoing is not wanted any more.
///
/// # Errors
/// `Repository` if a purge is under way.
pub fn forget(repo: &Repository) -> Result<PathBuf> {
    let common = repo.common_dir();
    let _lock = Lock::take(common)?;
    let journal = begun(repo)?;
    if journal.phase != Phase::Finished {
        return Err(Error::repository(format!(
            "the purge is not finished: {}",
            journal.phase.name()
        ))
        .hint("run 'unleak purge finish' first"));
    }
    Snapshot::at(&journal.snapshot).forget()?;
    Journal::remove(common)?;
    Ok(journal.snapshot)
}
