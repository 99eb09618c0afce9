//! Scans changes: the staged files, or the commits of a range.

use gix::ObjectId;
use gix::bstr::BString;
use gix::objs::CommitRefIter;
use rustc_hash::{FxHashMap, FxHashSet};

use super::assemble::{finding, heed_paths, hidden, wanted};
use super::neighbours::Neighbours;
use super::{Audit, AuditOptions, CoverageBlock, Scope, excerpts, put_in_order};
use crate::detect::Detector;
use crate::error::{Error, Result};
use crate::finding::{
    Appearance, Finding, Fingerprint, History, Occurrence, Place, Signature, Spot,
};
use crate::git::repository::{Overrides, Repository};
use crate::odb::lookup::Lookup;
use crate::odb::reason::reason;
use crate::odb::walk::Tally;
use crate::odb::{Node, ObjectKind, SkipReason, Skipped};
use crate::scan::changes::commits::{NewCommits, Range};
use crate::scan::changes::novelty::{Arrival, FileChanges, Former, Novelty};
use crate::scan::changes::pieces::{Pieces, ScannedPieces};
use crate::scan::changes::trees::TreeReader;
use crate::scan::changes::{commits, pieces, range, staged};
use crate::scan::sift::Sift;
use crate::scan::{Sighted, collect};

/// Scans the staged files that neither HEAD nor a commit has that is being merged, cherry-picked, rebased
/// or reverted.
///
/// # Errors
/// `Repository`, `Io` or `Corrupt` if the index or HEAD cannot be read. Objects that cannot be read
/// are no error: see [`CoverageBlock::skipped`].
pub fn staged(
    repo: &Repository,
    overrides: &Overrides,
    detector: &Detector,
    options: &AuditOptions,
) -> Result<Audit> {
    let lookup = repo.lookup(overrides, options.limits)?;
    let known = known_trees(repo, overrides, &lookup)?;
    scan_index(repo, overrides, &lookup, &known, detector, options)
}

/// Scans every file of the index.
///
/// # Errors
/// `Repository`, `Io` or `Corrupt` if the index cannot be read. Objects that cannot be read are no
/// error: see [`CoverageBlock::skipped`].
pub fn index(
    repo: &Repository,
    overrides: &Overrides,
    detector: &Detector,
    options: &AuditOptions,
) -> Result<Audit> {
    let lookup = repo.lookup(overrides, options.limits)?;
    scan_index(repo, overrides, &lookup, &[], detector, options)
}

/// Returns the paths of all files that differ between the index and HEAD.
///
/// # Errors
/// As [`staged()`].
pub fn staged_paths(
    repo: &Repository,
    overrides: &Overrides,
    options: &AuditOptions,
) -> Result<Vec<BString>> {
    let lookup = repo.lookup(overrides, options.limits)?;
    let head = repo.find_ref(b"HEAD")?;
    let head = head.map(|head| tree_of(&head, &lookup)).transpose()?;
    let mut index = repo.index(overrides)?;
    let head: Vec<ObjectId> = head.into_iter().collect();
    let staged = staged::compare(&mut index, &head, &mut TreeReader::new(&lookup))?;
    Ok(staged.files.into_iter().map(|file| file.path).collect())
}

/// Returns the root trees whose files are not new: that of HEAD first.
fn known_trees(repo: &Repository, overrides: &Overrides, lookup: &Lookup) -> Result<Vec<ObjectId>> {
    let mut known = Vec::new();
    for commit in repo.commit_parents()? {
        known.push(tree_of(&commit, lookup)?);
    }
    let sources = repo.commit_sources(lookup)?;
    for commit in overrides.merging.iter().chain(&sources) {
        // Files of an unreadable tree count as new.
        if let Ok(tree) = tree_of(commit, lookup)
            && !known.contains(&tree)
        {
            known.push(tree);
        }
    }
    Ok(known)
}

fn tree_of(commit: &ObjectId, lookup: &Lookup) -> Result<ObjectId> {
    let mut bytes = Vec::new();
    let read = lookup.read(commit, ObjectKind::Commit, &mut bytes);
    read.map_err(|skipped| Error::corrupt(format!("cannot read HEAD: {}", skipped.detail)))?;
    let tree = CommitRefIter::from_bytes(&bytes, lookup.hash()).tree_id();
    tree.map_err(|e| Error::corrupt(format!("commit {commit} names no tree")).because(reason(e)))
}

/// Scans the files of the index that none of the trees `parents` has at the same path.
fn scan_index(
    repo: &Repository,
    overrides: &Overrides,
    lookup: &Lookup,
    parents: &[ObjectId],
    detector: &Detector,
    options: &AuditOptions,
) -> Result<Audit> {
    let mut trees = TreeReader::new(lookup);
    let mut index = repo.index(overrides)?;
    let staged = staged::compare(&mut index, parents, &mut trees)?;
    let mut pieces = Pieces::default();
    let files = staged.files.iter();
    let changes = [FileChanges {
        commit: None,
        files: files
            .map(|file| {
                (
                    file.path.clone(),
                    pieces.add(file.blob_id, ObjectKind::Blob),
                )
            })
            .collect(),
    }];
    let scanned = pieces::scan(&pieces, lookup, detector, options.scan);
    let news = NewChanges {
        scope: Scope::Staged,
        lookup,
        pieces: &pieces,
        changes: &changes,
        boundary: parents,
        skipped: Vec::new(),
        shallow: 0,
        cut_off: &[],
        submodules: staged.submodules,
    };
    let mut former = |_| Former {
        blobs: staged.replaced.clone(),
        trees: parents.to_vec(),
    };
    Ok(news.judge(scanned, &mut trees, &mut former, detector, options))
}

/// Scans the commits of `wanted`: their text, their annotated tags, and every file that one of them has
/// and none of its parents has at the same path. `unread` lists what could not be read when the range was
/// determined.
///
/// # Errors
/// `Repository` or `Corrupt` if the repository cannot be read. Objects that cannot be read are no
/// error: see [`CoverageBlock::skipped`].
pub fn range(
    repo: &Repository,
    overrides: &Overrides,
    wanted: &Range,
    unread: Vec<Skipped>,
    detector: &Detector,
    options: &AuditOptions,
) -> Result<Audit> {
    let lookup = repo.lookup(overrides, options.limits)?;
    let cut_off = repo.shallow_boundary()?;
    let mut commits = commits::find(&lookup, wanted, &cut_off);
    commits.skipped.extend(unread);
    let mut trees = TreeReader::new(&lookup);
    let brought = range::list(&commits, &mut trees);
    let scanned = pieces::scan(&brought.pieces, &lookup, detector, options.scan);
    let news = NewChanges {
        scope: Scope::Range,
        lookup: &lookup,
        pieces: &brought.pieces,
        changes: &brought.changes,
        boundary: &commits.boundary,
        skipped: std::mem::take(&mut commits.skipped),
        shallow: commits.shallow,
        cut_off: &cut_off,
        submodules: brought.submodules,
    };
    // Novelty needs a second reader of trees: the first is borrowed.
    let mut older = TreeReader::new(&lookup);
    let mut former = |change: usize| former(change, &commits, &mut older);
    let audit = news.judge(scanned, &mut trees, &mut former, detector, options);
    Ok(audit)
}

/// What the commit of change number `change` found before it.
fn former(change: usize, commits: &NewCommits, trees: &mut TreeReader<'_>) -> Former {
    let commit = change.checked_sub(commits.others.len());
    let Some(commit) = commit.map(|number| &commits.commits[number]) else {
        return Former::default();
    };
    Former {
        blobs: range::replaced(commit, trees),
        trees: commit.parent_trees.clone(),
    }
}

/// New commits or staged files, with the trees they are compared with.
struct NewChanges<'a> {
    scope: Scope,
    lookup: &'a Lookup,
    pieces: &'a Pieces,
    changes: &'a [FileChanges],
    /// The root trees before the changes.
    boundary: &'a [ObjectId],
    skipped: Vec<Skipped>,
    shallow: usize,
    /// The commits at which a shallow clone ends, sorted.
    cut_off: &'a [ObjectId],
    submodules: usize,
}

impl NewChanges<'_> {
    fn judge(
        self,
        scanned: ScannedPieces,
        trees: &mut TreeReader<'_>,
        former: &mut dyn FnMut(usize) -> Former,
        detector: &Detector,
        options: &AuditOptions,
    ) -> Audit {
        let (mut found, below) = wanted(scanned.found, detector, options);
        let id_of = |node| self.pieces.id(node);
        let neighbours = Neighbours::of(found.iter().chain(&below), &id_of);
        let mut novelty = Novelty::new(self.lookup, detector, options.scan);
        let arrivals = novelty.keep_new(
            &mut found,
            self.pieces,
            self.changes,
            former,
            self.boundary,
            trees,
        );
        let mut histories = Histories::new(&self);
        let mut findings: Vec<Finding> = found
            .into_iter()
            .zip(arrivals)
            .map(|(sighted, arrivals)| {
                let history = histories.of(&sighted, arrivals);
                finding(&id_of, detector, options, &sighted, Some(history))
            })
            .collect();
        let lowered = heed_paths(&mut findings, detector, options);
        let unread = excerpts::add(
            &mut findings,
            &neighbours,
            (detector, options.limits),
            &|_| None,
            &mut |found, bytes| self.read_again(found, bytes),
        );
        let (named, allowed_names) = self.names(trees, &mut histories, detector, options);
        add_named(&mut findings, named);
        put_in_order(&mut findings, detector.rules());
        let mut coverage = CoverageBlock {
            shallow: self.shallow,
            submodules: self.submodules,
            allowed_inline: scanned.allowed + allowed_names,
            unopened: scanned.unopened,
            lfs_read: scanned.lfs_read,
            lfs_missing: scanned.lfs_missing,
            below_confidence: below.len() + lowered,
            ..CoverageBlock::default()
        };
        let (objects, bytes) = trees.read;
        let read_trees = (objects > 0).then_some((ObjectKind::Tree, Tally { objects, bytes }));
        coverage.count(scanned.tallies.into_iter().chain(read_trees));
        let mut skipped = self.skipped;
        skipped.extend(scanned.skipped);
        skipped.append(&mut trees.skipped);
        skipped.extend(unread);
        coverage.count_skipped(skipped);
        Audit {
            scope: self.scope,
            findings,
            hidden: hidden(&below, |sighted| {
                finding(&id_of, detector, options, sighted, None)
            }),
            coverage,
        }
    }

    /// Reads the object of an occurrence once more.
    fn read_again(&self, found: &Occurrence, bytes: &mut Vec<u8>) -> Result<()> {
        let Some(kind) = found.spot.place.object_kind() else {
            return Ok(());
        };
        let read = self.lookup.read(&found.object_id, kind, bytes);
        read.map_err(|skipped| match skipped.reason {
            SkipReason::TooLarge => Error::too_large(skipped.detail),
            _ => Error::corrupt(skipped.detail),
        })
    }

    /// Finds the secrets in new names of files and directories; also returns the number of matches that an
    /// inline marker allows.
    fn names(
        &self,
        trees: &mut TreeReader<'_>,
        histories: &mut Histories<'_>,
        detector: &Detector,
        options: &AuditOptions,
    ) -> (Vec<Finding>, u64) {
        let mut sift = Sift::new(detector, options.scan);
        let mut texts: Vec<(usize, BString, Node)> = Vec::new();
        let mut judged: FxHashSet<&[u8]> = FxHashSet::default();
        for (number, change) in self.changes.iter().enumerate() {
            for (path, node) in &change.files {
                for end in memchr::memchr_iter(b'/', path).chain([path.len()]) {
                    let start = memchr::memrchr(b'/', &path[..end]).map_or(0, |at| at + 1);
                    if !judged.insert(&path[start..end]) {
                        continue;
                    }
                    let found = sift.scan_text(&path[start..end]);
                    let is_here = |root: &ObjectId| trees.at_path(*root, &path[..end]).is_some();
                    if found.is_empty() || self.boundary.iter().any(is_here) {
                        continue;
                    }
                    for found in found {
                        let place = (texts.len(), Place::TreeEntry);
                        sift.collector.add_elsewhere(place, found);
                    }
                    texts.push((number, path[..end].into(), *node));
                }
            }
        }
        let found = collect::merge(vec![sift.collector], detector.rules());
        let (found, _) = wanted(found, detector, options);
        let findings = found
            .iter()
            .map(|sighted| self.named(sighted, &texts, histories, detector, options))
            .collect();
        (findings, sift.allowed)
    }

    /// The finding of a secret in names; `texts` are these with their changes and blobs.
    fn named(
        &self,
        sighted: &Sighted,
        texts: &[(usize, BString, Node)],
        histories: &mut Histories<'_>,
        detector: &Detector,
        options: &AuditOptions,
    ) -> Finding {
        let mut history = histories.of(sighted, Vec::new());
        for entry in &sighted.elsewhere {
            let (change, path, node) = &texts[entry.number];
            history.appearances.push(Appearance {
                commit_id: self.changes[*change].commit,
                path: Some(path.clone()),
                object_id: self.pieces.id(*node),
                spot: entry.spot.clone(),
                reachable: self.scope == Scope::Range,
            });
            history.paths.push(path.clone());
        }
        history.first = history.appearances.first().cloned();
        let commit = history.first.as_ref().and_then(|first| first.commit_id);
        history.author = commit.and_then(|commit| histories.author(commit));
        history.first_is_boundary = is_boundary(self.cut_off, history.first.as_ref());
        let name_of = |number: usize| {
            let (_, path, node) = &texts[number];
            (self.pieces.id(*node), path)
        };
        finding_in_names(sighted, Some(history), &name_of, detector, options)
    }
}

/// Makes the finding of a secret that is in names only. `name_of` returns a name by its number, with the
/// object that has it.
fn finding_in_names<'n>(
    sighted: &Sighted,
    history: Option<History>,
    name_of: &dyn Fn(usize) -> (ObjectId, &'n BString),
    detector: &Detector,
    options: &AuditOptions,
) -> Finding {
    // No object contains the secret, so no id is asked for.
    let id_of = |_| name_of(0).0;
    let mut finding = finding(&id_of, detector, options, sighted, history);
    let occurrences = sighted.elsewhere.iter().map(|entry| {
        let (object_id, name) = name_of(entry.number);
        Occurrence {
            object_id,
            span: entry.span,
            spot: entry.spot.clone(),
            name: name.clone(),
        }
    });
    finding.occurrences = occurrences.collect();
    finding
}

/// Determines which changes introduce secrets; reads the author of each commit once.
struct Histories<'a> {
    scope: Scope,
    lookup: &'a Lookup,
    pieces: &'a Pieces,
    changes: &'a [FileChanges],
    /// The number of each commit's change.
    order: FxHashMap<ObjectId, usize>,
    authors: FxHashMap<ObjectId, Option<Signature>>,
    /// At which commits a shallow clone ends, sorted.
    cut_off: &'a [ObjectId],
}

impl<'a> Histories<'a> {
    fn new(news: &NewChanges<'a>) -> Self {
        let numbered = news.changes.iter().enumerate();
        let order = numbered.filter_map(|(number, change)| Some((change.commit?, number)));
        Self {
            scope: news.scope,
            lookup: news.lookup,
            pieces: news.pieces,
            changes: news.changes,
            order: order.collect(),
            authors: FxHashMap::default(),
            cut_off: news.cut_off,
        }
    }

    /// Returns the history of a secret, in the order of the changes.
    fn of(&mut self, sighted: &Sighted, arrivals: Vec<Arrival>) -> History {
        let mut spots: FxHashMap<_, &Spot> = FxHashMap::default();
        for sighting in &sighted.sightings {
            spots.entry(sighting.node).or_insert(&sighting.spot);
        }
        let mut places: Vec<(usize, Option<BString>, ObjectId, Node)> = arrivals
            .into_iter()
            .map(|arrival| {
                let commit = self.changes[arrival.change].commit;
                let id = commit.unwrap_or_else(|| self.pieces.id(arrival.node));
                (arrival.change, Some(arrival.path), id, arrival.node)
            })
            .collect();
        for sighting in sighted
            .sightings
            .iter()
            .filter(|s| s.spot.place != Place::Blob)
        {
            let id = self.pieces.id(sighting.node);
            // A tag comes after all commits.
            let number = self.order.get(&id).copied().unwrap_or(usize::MAX);
            places.push((number, None, id, sighting.node));
        }
        places.sort_unstable();
        places.dedup();
        let appearances: Vec<Appearance> = places
            .into_iter()
            .map(|(number, path, id, node)| Appearance {
                commit_id: self
                    .changes
                    .get(number)
                    .and_then(|_| self.order.contains_key(&id).then_some(id)),
                path: path.filter(|path| !path.is_empty()),
                object_id: self.pieces.id(node),
                spot: spots[&node].clone(),
                reachable: self.scope == Scope::Range,
            })
            .collect();
        let mut paths: Vec<BString> = appearances.iter().filter_map(|a| a.path.clone()).collect();
        paths.sort_unstable();
        paths.dedup();
        let first = appearances.first().cloned();
        History {
            author: first
                .as_ref()
                .and_then(|first| self.author(first.commit_id?)),
            first_is_boundary: is_boundary(self.cut_off, first.as_ref()),
            first,
            objects: spots.len(),
            paths,
            appearances,
            standing: None,
        }
    }

    fn author(&mut self, commit: ObjectId) -> Option<Signature> {
        let lookup = self.lookup;
        let read = || {
            let mut bytes = Vec::new();
            let read = lookup.read(&commit, ObjectKind::Commit, &mut bytes);
            read.ok()
                .and_then(|()| Signature::of_author(&bytes, lookup.hash()))
        };
        self.authors.entry(commit).or_insert_with(read).clone()
    }
}

/// Whether the commit of `first` is one of those at which a shallow clone ends, which are sorted.
fn is_boundary(cut_off: &[ObjectId], first: Option<&Appearance>) -> bool {
    let commit = first.and_then(|first| first.commit_id);
    commit.is_some_and(|commit| cut_off.binary_search(&commit).is_ok())
}

/// Adds to `audit` the secrets in the names of refs that a push makes; each names an object.
pub fn add_refs(
    audit: &mut Audit,
    refs: &[(BString, ObjectId)],
    detector: &Detector,
    options: &AuditOptions,
) {
    let mut sift = Sift::new(detector, options.scan);
    for (number, (name, _)) in refs.iter().enumerate() {
        sift.collect_text(number, Place::Ref, name);
    }
    audit.coverage.allowed_inline += sift.allowed;
    let found = collect::merge(vec![sift.collector], detector.rules());
    let (found, below) = wanted(found, detector, options);
    audit.coverage.below_confidence += below.len();
    let name_of = |number: usize| (refs[number].1, &refs[number].0);
    let named = found
        .iter()
        .map(|sighted| finding_in_names(sighted, None, &name_of, detector, options));
    add_named(&mut audit.findings, named.collect());
    put_in_order(&mut audit.findings, detector.rules());
}

/// Adds findings in names: to the finding of the same secret in files, if there is one.
fn add_named(findings: &mut Vec<Finding>, named: Vec<Finding>) {
    let numbered = findings.iter().enumerate();
    let mut numbers: FxHashMap<Fingerprint, usize> = numbered
        .map(|(number, finding)| (finding.fingerprint, number))
        .collect();
    for name in named {
        match numbers.get(&name.fingerprint) {
            Some(&number) => findings[number].occurrences.extend(name.occurrences),
            None => {
                numbers.insert(name.fingerprint, findings.len());
                findings.push(name);
            }
        }
    }
}
