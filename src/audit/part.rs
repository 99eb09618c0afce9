//! Scans a part of a repository's objects: a share, or a list of ids. Findings have no history; a full scan
//! that starts from the ledgers of all parts determines it.

use gix::ObjectId;
use rustc_hash::FxHashMap;

use super::assemble::{finding, hidden};
use super::neighbours::Neighbours;
use super::steps::add_noted;
use super::{Audit, AuditOptions, CoverageBlock, Scope, excerpts, named, put_in_order};
use crate::audit::merge::{Together, together};
use crate::detect::Detector;
use crate::error::Result;
use crate::finding::Finding;
use crate::git::repository::{Overrides, Repository};
use crate::history::commits::CommitCollector;
use crate::memory::learn::{KnownObjects, Learned, LedgerChange, Memory, Results};
use crate::memory::sightings::ObjectRecord;
use crate::odb::objects::Objects;
use crate::odb::share::Share;
use crate::odb::walk::{STREAMED_FROM, Tally};
use crate::odb::{Node, ObjectKind, ObjectStore, SkipReason, Skipped};
use crate::progress::Progress;
use crate::scan::collect::Collector;
use crate::scan::objects::{ObjectSelection, Scanned, Seen};
use crate::scan::{lfs, objects};

/// Which objects are scanned.
#[derive(Clone, Debug)]
pub enum ScanPart {
    /// A share of all.
    Share(Share),
    /// Those of these ids.
    Ids(Vec<ObjectId>),
}

/// Scans a part of the objects of `repo`. Objects that `memory` knows are not read again.
///
/// # Errors
/// `Repository` if there is no object store. What cannot be read is no error: see
/// [`CoverageBlock::skipped`].
pub fn audit_part(
    repo: &Repository,
    part: &ScanPart,
    detector: &Detector,
    options: &AuditOptions,
    progress: &Progress,
    memory: Option<Memory>,
) -> Result<(Audit, Learned)> {
    let store = repo.open_store(&Overrides::default(), options.limits)?;
    progress.expect(u64::from(store.node_count()), store.stored_bytes());
    let memory = memory.map(|memory| {
        let is_alike = memory.before.as_ref().is_some_and(|before| {
            before.scanner == memory.scanner && before.ids.hash() == store.hash()
        });
        Memory {
            before: memory.before.filter(|_| is_alike),
            ..memory
        }
    });
    let before = memory.as_ref().and_then(|memory| memory.before.as_ref());
    let known =
        before.map(|before| KnownObjects::of(&store, before, detector, options.scan, progress));
    let (is_in, skipped) = chosen(&store, part);
    let scan = PartScan {
        repo,
        store: &store,
        is_in,
        known: known.as_ref(),
        detector,
        options,
    };
    let mut scanned = scan.scan(progress);
    scanned.skipped.extend(skipped);
    let learned = memory.as_ref().map(|memory| scan.learn(memory, &scanned));
    let Some(audit) = scan.audit(scanned) else {
        // The ledger contradicts the repository, so none of it is used.
        let memory = memory.map(|memory| Memory {
            before: None,
            ..memory
        });
        return audit_part(repo, part, detector, options, progress, memory);
    };
    Ok((audit, learned.unwrap_or_default()))
}

/// The nodes to scan, and the ids of a list that cannot be scanned.
fn chosen(store: &ObjectStore, part: &ScanPart) -> (Vec<bool>, Vec<Skipped>) {
    let ids = match part {
        ScanPart::Share(share) => return (share.of(store), Vec::new()),
        ScanPart::Ids(ids) => ids,
    };
    let mut is_in = vec![false; store.node_count() as usize];
    let mut skipped = Vec::new();
    for id in ids {
        match store.node_of(id) {
            Some(node) => is_in[node.index()] = true,
            None => skipped.push(Skipped {
                reason: SkipReason::Missing,
                kind: ObjectKind::Unknown,
                object_id: Some(*id),
                detail: format!("object {id}, which was asked for, is not here"),
            }),
        }
    }
    (is_in, skipped)
}

struct PartScan<'a> {
    repo: &'a Repository,
    store: &'a ObjectStore,
    is_in: Vec<bool>,
    known: Option<&'a KnownObjects<'a>>,
    detector: &'a Detector,
    options: &'a AuditOptions,
}

impl PartScan<'_> {
    fn scan(&self, progress: &Progress) -> Scanned<CommitCollector> {
        let (is_in, known) = (&self.is_in, self.known);
        let wanted =
            |node: Node| is_in[node.index()] && known.is_none_or(|known| !known.is_known(node));
        let selection = ObjectSelection {
            scan: &wanted,
            visit: &wanted,
        };
        let observe = || CommitCollector::new(self.store.hash());
        let (store, detector, scan) = (self.store, self.detector, self.options.scan);
        let selection = Some(selection);
        let mut scanned =
            objects::scan_some(store, detector, scan, selection, true, progress, &observe);
        // The walk also visits the bases of selected objects.
        scanned.seen.retain(|seen| wanted(seen.node));
        scanned
    }

    fn learn(&self, memory: &Memory, scanned: &Scanned<CommitCollector>) -> Learned {
        if scanned.is_damaged || !self.store.skipped().is_empty() {
            return Learned {
                read: scanned.seen.len() as u64,
                ..Learned::default()
            };
        }
        let results = Results {
            store: self.store,
            detector: self.detector,
            key: &self.options.fingerprint_key,
            known: self.known,
            seen: &scanned.seen,
            trees: &[],
            found: &scanned.found,
            remarks: &scanned.remarks,
            pointers: &scanned.pointers,
        };
        let (ledger, _) = results.ledger(memory.scanner);
        let read = scanned.seen.len() as u64;
        let known = ledger.ids.len() as u64 - read;
        let ledger = match (read, &memory.before) {
            (0, Some(_)) => LedgerChange::AsItWas,
            _ => LedgerChange::New(Box::new(ledger)),
        };
        Learned {
            ledger,
            read,
            known,
        }
    }

    /// `None` if a recorded secret is no longer where it was.
    fn audit(&self, mut scanned: Scanned<CommitCollector>) -> Option<Audit> {
        let (store, detector, options) = (self.store, self.detector, self.options);
        let noted = self.known.map(KnownObjects::noted).unwrap_or_default();
        let noted: Vec<ObjectRecord> = noted
            .into_iter()
            .filter(|entry| self.is_in[entry.node.index()])
            .collect();
        add_noted(&mut scanned, &noted);
        let (dir, limits) = (self.repo.common_dir(), options.limits);
        let behind = lfs::scan(&scanned.pointers, dir, limits, detector, options.scan);
        let collectors = vec![Collector::with(scanned.found), behind.collector];
        let Together { found, below } = together(collectors, &noted, store, detector, options)?;
        let mut coverage = CoverageBlock {
            packs: store.packs().len(),
            loose: store.loose().len(),
            alternates: store.dirs().len() - 1,
            allowed_inline: scanned.allowed + behind.allowed,
            below_confidence: below.len(),
            lfs_read: behind.read,
            lfs_missing: behind.missing,
            unopened: [scanned.unopened, behind.unopened].concat(),
            ..CoverageBlock::default()
        };
        coverage.count(self.tallies(&scanned.seen));
        let all = Together { found, below };
        let (findings, unread) = self.findings(&all);
        let skipped = [
            store.skipped().to_vec(),
            scanned.skipped,
            behind.skipped,
            unread,
        ];
        coverage.count_skipped(skipped.concat());
        Some(Audit {
            scope: Scope::Objects,
            findings,
            hidden: hidden(&all.below, |sighted| {
                finding(&|node| store.id(node), detector, options, sighted, None)
            }),
            coverage,
        })
    }

    fn findings(&self, all: &Together) -> (Vec<Finding>, Vec<Skipped>) {
        let id_of = |node| self.store.id(node);
        let neighbours = Neighbours::of(all.found.iter().chain(&all.below), &id_of);
        let mut reader = self.store.reader();
        let found = all.found.iter();
        let found =
            found.map(|sighted| finding(&id_of, self.detector, self.options, sighted, None));
        let mut findings: Vec<Finding> = found.collect();
        named::keep(&mut findings, self.detector);
        let place = |id: &ObjectId| self.store.node_of(id);
        let unread = excerpts::add(
            &mut findings,
            &neighbours,
            (self.detector, self.options.limits),
            &place,
            &mut |found, bytes| match self.store.node_of(&found.object_id) {
                Some(node) => reader.read(node, STREAMED_FROM, bytes),
                None => Ok(()),
            },
        );
        put_in_order(&mut findings, self.detector.rules());
        (findings, unread)
    }

    /// Counts the objects of the part that were scanned, now or earlier.
    fn tallies(&self, seen: &[Seen]) -> Vec<(ObjectKind, Tally)> {
        let mut tallies: FxHashMap<ObjectKind, Tally> = FxHashMap::default();
        let mut add = |kind: ObjectKind, size: u64| {
            let tally = tallies.entry(kind).or_default();
            tally.objects += 1;
            tally.bytes += size;
        };
        for seen in seen {
            add(seen.kind, seen.size);
        }
        let nodes = self.store.nodes().filter(|node| self.is_in[node.index()]);
        for fact in nodes.filter_map(|node| self.known?.fact(node)) {
            add(fact.kind(), fact.size());
        }
        tallies.into_iter().collect()
    }
}
