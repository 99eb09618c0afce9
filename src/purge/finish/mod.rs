//! The last stage: removes the old objects and everything else that holds a value, and proves that it is
//! gone.

pub mod nested;
pub mod proof;

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{Error, Result};
use crate::git::lfs::Pointer;
use crate::git::repository::{Overrides, Repository};
use crate::odb::read::Reader;
use crate::odb::{ObjectId, ObjectKind, ObjectStore};
use crate::purge::apply::carried::Carried;
use crate::purge::apply::changes::RefChanges;
use crate::purge::apply::record::Record;
use crate::purge::apply::remove::{Doomed, remove, remove_pack};
use crate::purge::apply::snapshot::Snapshot;
use crate::purge::apply::{changes, files, holders, locks, record, snapshot};
use crate::purge::find::survey::{Purpose, Survey};
use crate::purge::find::values::Needles;
use crate::purge::finish::proof::Proof;
use crate::purge::git::Git;
use crate::purge::journal;
use crate::purge::journal::{Journal, Lock, Phase};
use crate::purge::make::tree;
use crate::purge::plan::{Applied, Foreseen, Job};
use crate::purge::share::manifest;

/// Finishes a purge that was applied; returns the proof.
///
/// # Errors
/// `Repository` if none was applied, or something leads to the old history again.
pub fn finish(job: &Job<'_>) -> Result<Proof> {
    finish_planned(job, None)
}

/// The same for a purge that was just applied: what its plan says of the objects that go is used, if the
/// repository still has the same objects.
///
/// # Errors
/// As [`finish`].
pub fn finish_applied(job: &Job<'_>, applied: &Applied) -> Result<Proof> {
    finish_planned(job, applied.plan.foreseen.as_ref())
}

fn finish_planned(job: &Job<'_>, foreseen: Option<&Foreseen>) -> Result<Proof> {
    let repo = job.repo;
    let common = repo.common_dir();
    let lock = Lock::take(common)?;
    let mut journal = journal::begun(repo)?;
    if journal.is_undone {
        return Err(Error::repository("the purge is being taken back")
            .hint("run 'unleak purge undo' to end that"));
    }
    if journal.phase <= Phase::Applying {
        return Err(
            Error::repository("the purge was interrupted before it was applied")
                .hint("run 'unleak purge --continue' first"),
        );
    }
    let snapshot = Snapshot::at(&journal.snapshot);
    let inputs = snapshot::inputs(&snapshot)?;
    let needles = Needles::new(inputs.targets(&job.fingerprint_key)?, job.rules)?;
    let record = record::read(common)?;
    if journal.phase == Phase::Finishing {
        remove_halves(common, &journal, &snapshot)?;
    }
    if journal.phase != Phase::Finished {
        let store = repo.open_store(&Overrides::default(), job.limits)?;
        let found;
        let (doomed, orphans) = match foreseen.filter(|foreseen| foreseen.is_of(&store)) {
            Some(foreseen) => (&foreseen.doomed, BTreeSet::new()),
            None => {
                let (all, orphans) = search(job, &store, &needles, &record)?;
                found = all;
                (&found, orphans)
            }
        };
        check_unreached(repo, doomed)?;
        // If it was interrupted.
        locks::remove_dead(
            common,
            &journal,
            &RefChanges::default(),
            &Carried::default(),
        )?;
        holders::check_free(common)?;
        journal.phase = Phase::Finishing;
        locks::expect(common, &mut journal)?;
        let orphans = files::remove_lfs(common, orphans)?;
        manifest::add_lfs(common, &orphans)?;
        remove(repo, &store, doomed, &record.made(), &mut journal, &lock)?;
        let cleared = files::to_clear(repo, &needles, &inputs.options.mark)?;
        changes::change_files(common, &snapshot, changes::CLEARED, cleared)?;
        files::remove_empty_dirs(repo, &needles);
        files::remove_temporary(common)?;
    }
    let mut proof = proof::verify(job, &needles, &record)?;
    if job.fsck || !proof.is_connected {
        proof.fsck = Some(proof::fsck(repo, &snapshot)?);
    }
    journal.phase = Phase::Finished;
    journal.is_moving = false;
    journal.write(common)?;
    Ok(proof)
}

/// Searches all objects; returns those that go, and the files of Git LFS that go with them.
fn search(
    job: &Job<'_>,
    store: &ObjectStore,
    needles: &Needles,
    record: &Record,
) -> Result<(Doomed, BTreeSet<Pointer>)> {
    let survey = Survey::take(job.repo, store, needles, &Purpose::default(), job.progress);
    let removed = unreachable(&survey, &record.removed)?;
    let doomed = Doomed::of(&survey, &record.old(), &removed);
    let orphans = files::lfs_orphans(&survey, &doomed);
    Ok((doomed, orphans))
}

/// Removes packs without an index that a run that was killed left: those that it was about to move into
/// place, whose objects still are where they were; and those that it was about to remove, whose objects
/// are in others.
fn remove_halves(common: &Path, journal: &Journal, snapshot: &Snapshot) -> Result<()> {
    let packs = Path::new("objects/pack");
    for path in files::below(&common.join(packs)) {
        let is_pack = path
            .extension()
            .is_some_and(|extension| extension == "pack");
        if !is_pack || path.with_extension("idx").exists() {
            continue;
        }
        let name = path.file_stem().unwrap_or_default();
        let is_ours = journal.packs.iter().any(|pack| **pack == *name);
        let index = packs.join(name).with_extension("idx");
        if is_ours || snapshot.git_dir().join(index).exists() {
            remove_pack(&path)?;
        }
    }
    Ok(())
}

/// Those of `removed`, with all below them, that nothing reaches any more.
fn unreachable(survey: &Survey<'_>, removed: &[ObjectId]) -> Result<BTreeSet<ObjectId>> {
    let mut below: BTreeSet<ObjectId> = BTreeSet::new();
    let mut stack: Vec<ObjectId> = removed.to_vec();
    let (mut reader, mut bytes) = (Reader::new(survey.store), Vec::new());
    while let Some(id) = stack.pop() {
        if survey.store.node_of(&id).is_none() || !below.insert(id) {
            continue;
        }
        if reader.read_id(&id, &mut bytes)? == ObjectKind::Tree {
            let entries =
                tree::parse(&bytes, survey.store.hash().len_in_bytes()).unwrap_or_default();
            stack.extend(
                entries
                    .iter()
                    .filter(|entry| !entry.is_submodule())
                    .map(|entry| entry.id),
            );
        }
    }
    if below.is_empty() {
        return Ok(below);
    }
    let git = Git::new(survey.repo.common_dir(), None, survey.repo.hash());
    let words = [
        "rev-list",
        "--objects",
        "--all",
        "--reflog",
        "--indexed-objects",
        "--no-object-names",
    ];
    for line in git.run(&words, b"")?.split(|&byte| byte == b'\n') {
        if let Ok(id) = ObjectId::from_hex(line) {
            below.remove(&id);
        }
    }
    Ok(below)
}

/// Whoever moved a ref back to the old history would lose it.
fn check_unreached(repo: &Repository, doomed: &Doomed) -> Result<()> {
    let back = |what: String| {
        Err(
            Error::repository(format!("{what} leads to the old history")).hint(
                "run 'unleak purge undo', move it, and purge again; or delete what leads there",
            ),
        )
    };
    let refs = repo.refs();
    for found in &refs.refs {
        if found.object_id().is_some_and(|id| doomed.contains(&id)) {
            return back(format!("'{}'", found.name));
        }
    }
    for entry in &refs.log {
        if [entry.old, entry.new].iter().any(|id| doomed.contains(id)) {
            return back(format!(
                "entry {} of the reflog of '{}'",
                entry.line, entry.name
            ));
        }
    }
    for staged in &repo.indexes().0 {
        if doomed.contains(&staged.entry.id) {
            return back("something staged".to_owned());
        }
    }
    Ok(())
}
