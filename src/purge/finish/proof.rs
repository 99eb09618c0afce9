//! Searches everything for the values again, and says what was found.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use crate::error::Result;
use crate::git::repository::{Overrides, Repository};
use crate::odb::read::Reader;
use crate::odb::walk::Tally;
use crate::odb::{ObjectId, ObjectKind, SkipReason, Skipped, file};
use crate::purge::apply::files;
use crate::purge::apply::record::Record;
use crate::purge::apply::snapshot::Snapshot;
use crate::purge::find::rest::{Mark, Rescan};
use crate::purge::find::survey::{Purpose, Survey};
use crate::purge::find::values;
use crate::purge::find::values::Needles;
use crate::purge::finish::nested;
use crate::purge::git::Git;
use crate::purge::plan::{Job, Leftover};
use crate::rule::RuleSet;
use crate::span::Position;

/// What a search for the values said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// How many values were searched for.
    pub values: usize,
    /// Objects that were read.
    pub tallies: Vec<(ObjectKind, Tally)>,
    /// Refs, entries of reflogs, staged paths and files that were read.
    pub others: usize,
    /// What still holds a value, or should not be there any more.
    pub leftovers: Vec<Leftover>,
    /// What could not be read: nothing is proven there.
    pub skipped: Vec<Skipped>,
    /// Archives that nobody can open.
    pub unopened: Vec<Skipped>,
    /// Old objects that were looked for and are not there.
    pub gone: usize,
    /// What may be left of values beside their marks, and values of which only a part could be read.
    pub remainders: Vec<Leftover>,
    /// How many values the purge left out, as words, numbers and expressions.
    pub left_out: usize,
    /// Whether every object that refs, reflogs, indexes, tags, commits and trees name is here.
    pub is_connected: bool,
    /// What `git fsck` says now and did not say before; `None` if it was not run.
    pub fsck: Option<Vec<String>>,
}

impl Proof {
    /// Whether it proves that the values are gone.
    pub fn holds(&self) -> bool {
        self.leftovers.is_empty()
            && self.remainders.is_empty()
            && self.skipped.is_empty()
            && self.fsck.as_ref().is_none_or(Vec::is_empty)
    }

    /// Whether values, or what may be parts of them, were found.
    pub fn is_left(&self) -> bool {
        !(self.leftovers.is_empty() && self.remainders.is_empty())
    }
}

/// Searches everything for the values of `needles`, and for the old objects of `record`; reads what is
/// beside the marks that it lists.
///
/// # Errors
/// `Repository` if the repository cannot be read.
pub fn verify(job: &Job<'_>, needles: &Needles, record: &Record) -> Result<Proof> {
    let repo = job.repo;
    let store = repo.open_store(&Overrides::default(), job.limits)?;
    let survey = Survey::take(repo, &store, needles, &Purpose::default(), job.progress);
    let mut proof = Proof {
        values: needles.targets().len(),
        left_out: record.left_out,
        tallies: survey.tallies.clone(),
        others: survey.refs.refs.len() + survey.refs.log.len() + survey.indexes.len(),
        skipped: survey.skipped.clone(),
        unopened: survey.unopened.clone(),
        is_connected: is_connected(&survey),
        ..Proof::default()
    };
    proof.look_at_objects(&survey, &record.old());
    proof.look_beside(&survey, record, job.rules)?;
    proof.look_at_names(&survey);
    let (beside, damaged) = nested::beside(job, needles);
    proof.unopened.extend(damaged);
    for (nested, unread) in [nested::holding(job, needles), beside] {
        proof.leftovers.extend(nested);
        proof.skipped.extend(unread);
    }
    let lists = [
        ("file in .git", files::side_files(repo.common_dir())),
        ("worktree file", files::worktree_files(repo)),
    ];
    for (what, list) in lists {
        let (held, skipped) = files::holding(&list, needles);
        proof.others += list.len();
        for path in held {
            let name = shown(path.as_os_str().as_encoded_bytes(), needles);
            proof.leftovers.push(Leftover { what, name });
        }
        proof.skipped.extend(skipped);
    }
    let temporary_files = files::temporary_files(repo.common_dir());
    proof
        .skipped
        .extend(temporary_files.iter().map(|path| temporary(path)));
    for dir in files::named_dirs(repo, needles) {
        let (what, name) = (
            "directory",
            shown(dir.as_os_str().as_encoded_bytes(), needles),
        );
        proof.leftovers.push(Leftover { what, name });
    }
    proof.leftovers.sort_unstable();
    proof.leftovers.dedup();
    Ok(proof)
}

/// What is said of a file that git was writing objects into.
fn temporary(path: &Path) -> Skipped {
    let why = "git was killed while it wrote objects into it, or is writing; 'git prune --expire=now' removes it";
    file::skipped(SkipReason::Unsupported, path, why)
}

impl Proof {
    fn look_at_objects(&mut self, survey: &Survey<'_>, old: &[ObjectId]) {
        let store = survey.store;
        for (&node, dirty) in &survey.dirty {
            let (what, name) = (dirty.kind.name(), store.id(node).to_string());
            self.leftovers.push(Leftover { what, name });
        }
        for &(name, tree) in &survey.links.marked {
            let name = shown(survey.links.name(name), survey.needles);
            let name = format!("{name} in tree {}", store.id(tree));
            let what = "file name";
            self.leftovers.push(Leftover { what, name });
        }
        for id in old {
            if store.node_of(id).is_some() {
                let (what, name) = ("old object", id.to_string());
                self.leftovers.push(Leftover { what, name });
            } else {
                self.gone += 1;
            }
        }
    }

    /// Reads the objects with marks from the store, and what is beside the marks.
    fn look_beside(&mut self, survey: &Survey<'_>, record: &Record, rules: &RuleSet) -> Result<()> {
        for id in &record.partial {
            let (what, name) = (
                "value that was left out, since it was read in part:",
                id.clone(),
            );
            self.remainders.push(Leftover { what, name });
        }
        for target in survey.needles.targets() {
            if target.is_partial {
                let (what, name) = (
                    "value that was read in part:",
                    target.fingerprint.to_string(),
                );
                self.remainders.push(Leftover { what, name });
            }
        }
        if record.looked.is_empty() {
            return Ok(());
        }
        let rescan = Rescan::new(rules)?;
        let (mut reader, mut bytes) = (Reader::new(survey.store), Vec::new());
        for object in &record.looked {
            // It may have gone since: then nothing is left in it.
            let id = ObjectId::from_hex(object.object.as_bytes());
            let Some(id) = id.ok().filter(|id| survey.store.node_of(id).is_some()) else {
                continue;
            };
            reader.read_id(&id, &mut bytes)?;
            let marks = object
                .marks
                .iter()
                .filter(|mark| mark.span.end <= bytes.len());
            let marks: Vec<Mark> = marks.copied().collect();
            for span in rescan.remainders(&bytes, &marks, object.syntax) {
                let line = Position::of(&bytes, span.start).line;
                let count = span.len();
                let bytes = if count == 1 { "byte" } else { "bytes" };
                let name = format!("{count} {bytes} in line {line} of object {id}");
                let what = "beside a mark:";
                self.remainders.push(Leftover { what, name });
            }
        }
        Ok(())
    }

    fn look_at_names(&mut self, survey: &Survey<'_>) {
        let needles = survey.needles;
        let holds = |text: &[u8]| !needles.find(text).0.is_empty();
        for found in survey.refs.refs.iter().filter(|found| holds(&found.name)) {
            let (what, name) = ("ref name", shown(&found.name, needles));
            self.leftovers.push(Leftover { what, name });
        }
        for entry in &survey.refs.log {
            if holds(&entry.message) || holds(&entry.committer) {
                let name = format!("{}, line {}", shown(&entry.name, needles), entry.line);
                let what = "reflog";
                self.leftovers.push(Leftover { what, name });
            }
        }
        for staged in survey
            .indexes
            .iter()
            .filter(|found| holds(&found.entry.path))
        {
            let (what, name) = ("staged path", shown(&staged.entry.path, needles));
            self.leftovers.push(Leftover { what, name });
        }
    }
}

/// Whether every object is here that refs, reflogs and indexes name, and all other objects, but for
/// commits of submodules.
fn is_connected(survey: &Survey<'_>) -> bool {
    let (store, graph, links) = (survey.store, &survey.graph, &survey.links);
    let is_here = |id: &ObjectId| store.node_of(id).is_some();
    let mut absent = links.absent.iter();
    let damaged = links.damaged.len() + graph.damaged.len() + graph.missing.len();
    damaged == 0
        && absent.all(|(.., kind)| *kind == ObjectKind::Commit)
        && graph.ranks().all(|rank| graph.tree_node(rank).is_some())
        && graph.tags().all(|(_, target)| is_here(&target))
        && survey.roots().iter().all(is_here)
}

/// What holds values in objects and names.
pub(crate) fn in_history(survey: &Survey<'_>) -> Vec<Leftover> {
    let mut proof = Proof::default();
    proof.look_at_objects(survey, &[]);
    proof.look_at_names(survey);
    proof.leftovers
}

/// A name without the values in it.
fn shown(name: &[u8], needles: &Needles) -> String {
    let name = values::redact_name(name, needles, b"REMOVED").unwrap_or_else(|| name.to_vec());
    String::from_utf8_lossy(&name).into_owned()
}

/// What `git fsck` says now and did not say of the repository as it was.
pub(crate) fn fsck(repo: &Repository, snapshot: &Snapshot) -> Result<Vec<String>> {
    let lines = |dir: &Path| -> Result<Option<BTreeSet<String>>> {
        let git = Git::new(dir, None, repo.hash());
        let words = ["fsck", "--full", "--no-dangling", "--no-progress"].map(OsStr::new);
        let (is_clean, said) = git.ask(&words)?;
        let said = String::from_utf8_lossy(&said);
        let kinds = said.lines().map(without_ids).collect();
        Ok((!is_clean).then_some(kinds))
    };
    let Some(now) = lines(repo.common_dir())? else {
        return Ok(Vec::new());
    };
    let before = lines(&snapshot.whole_git_dir()?)?.unwrap_or_default();
    Ok(now.difference(&before).cloned().collect())
}

/// A line of `git fsck` with its ids left out: they may have changed.
fn without_ids(line: &str) -> String {
    let is_id = |word: &str| word.len() >= 40 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words = line.split([' ', ':']).filter(|word| !is_id(word));
    words.collect::<Vec<_>>().join(" ")
}
