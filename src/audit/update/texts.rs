//! Scans new objects, and known objects whose findings a ledger cannot store.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::audit::steps::sighted_in;
use crate::audit::update::{Grown, IncrementalScan};
use crate::detect::Hits;
use crate::git::lfs::Pointer;
use crate::history::commits::CommitCollector;
use crate::memory::ObjectFact;
use crate::memory::sightings::ObjectRecord;
use crate::odb::objects::Objects;
use crate::odb::walk::STREAMED_FROM;
use crate::odb::{Node, ObjectKind, Skipped};
use crate::scan::collect::Collector;
use crate::scan::lfs::{self, BehindPointers};
use crate::scan::objects;
use crate::scan::objects::{ObjectSelection, Remark, Scanned};
use crate::scan::sift::{Sift, unopened};

/// The results for blobs, commits and tags. Nodes are those of the whole store, except in `seen`.
pub(super) struct UpdatedTexts {
    pub(super) scanned: Scanned<CommitCollector>,
    pub(super) rescanned: Rescanned,
    /// Of the objects scanned now.
    pub(super) remarks: FxHashMap<Node, Remark>,
    /// Of all objects.
    pub(super) pointers: Vec<(Node, Pointer)>,
    pub(super) behind: BehindPointers,
    /// Records of earlier scans that are still valid.
    pub(super) noted: Vec<ObjectRecord>,
}

/// The results for known objects that were scanned again.
pub(super) struct Rescanned {
    pub(super) collector: Collector,
    pub(super) allowed: u64,
    pub(super) remarks: FxHashMap<Node, Remark>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) unopened: Vec<Skipped>,
}

impl UpdatedTexts {
    /// All collected matches, with those in names.
    pub(super) fn collectors(&self, in_names: Collector) -> Vec<Collector> {
        vec![
            Collector::with(self.scanned.found.clone()),
            self.rescanned.collector.clone(),
            self.behind.collector.clone(),
            in_names,
        ]
    }

    /// The objects with sightings, of this scan and of earlier ones.
    pub(super) fn sighted(&self) -> FxHashSet<Node> {
        let mut sighted = sighted_in(&self.scanned.found, &self.behind, &self.noted);
        sighted.extend(self.rescanned.collector.nodes());
        sighted
    }
}

impl Grown<'_> {
    /// Scans them; `None` if something cannot be read.
    pub(super) fn scan_texts(
        &self,
        mut noted: Vec<ObjectRecord>,
        facts: &[ObjectFact],
    ) -> Option<UpdatedTexts> {
        let IncrementalScan {
            repo,
            detector,
            options,
            progress,
            ..
        } = *self.update;
        let part = self.part;
        progress.expect(u64::from(part.node_count()), part.stored_bytes());
        let new = &self.is_new;
        let lent: Vec<Option<ObjectFact>> = part
            .nodes()
            .map(|node| self.lent.get(&self.place(node)).copied())
            .collect();
        let is_unknown = |node: Node| new[node.index()] && lent[node.index()].is_none();
        // The history needs all commits and tags.
        let is_wanted = |node: Node| {
            let kind = lent[node.index()].map(ObjectFact::kind);
            new[node.index()] && kind != Some(ObjectKind::Blob)
        };
        let selection = ObjectSelection {
            scan: &is_unknown,
            visit: &is_wanted,
        };
        let hash = self.objects.hash();
        let observe = || CommitCollector::new(hash);
        let (scan, selection) = (options.scan, Some(selection));
        let mut scanned =
            objects::scan_some(part, detector, scan, selection, true, progress, &observe);
        if scanned.is_damaged {
            return None;
        }
        let found = scanned.found.iter_mut();
        for sighting in found.flat_map(|found| &mut found.sightings) {
            sighting.node = self.place(sighting.node);
        }
        let remarks = std::mem::take(&mut scanned.remarks).into_iter();
        let mut remarks: FxHashMap<Node, Remark> = remarks
            .map(|(node, remark)| (self.place(node), remark))
            .collect();
        let rescanned = self.rescan(&noted, facts)?;
        noted.retain(|entry| !entry.again);
        remarks.extend(&rescanned.remarks);
        let new = scanned.pointers.iter();
        let new = new.map(|(node, pointer)| (self.place(*node), pointer.clone()));
        let old = noted.iter();
        let old = old.filter_map(|entry| Some((entry.node, entry.pointer.clone()?)));
        let mut pointers: Vec<(Node, Pointer)> = new.chain(old).collect();
        pointers.sort_unstable();
        let behind = lfs::scan(&pointers, repo.common_dir(), options.limits, detector, scan);
        Some(UpdatedTexts {
            scanned,
            rescanned,
            remarks,
            pointers,
            behind,
            noted,
        })
    }

    /// Scans the known objects whose records require it.
    fn rescan(&self, noted: &[ObjectRecord], facts: &[ObjectFact]) -> Option<Rescanned> {
        let IncrementalScan {
            detector, options, ..
        } = *self.update;
        let mut sift = Sift::new(detector, options.scan);
        let mut hits = Hits::default();
        let mut bytes = Vec::new();
        let mut reader = self.objects.reader();
        let mut done = Rescanned {
            collector: Collector::default(),
            allowed: 0,
            remarks: FxHashMap::default(),
            skipped: Vec::new(),
            unopened: Vec::new(),
        };
        for entry in noted.iter().filter(|entry| entry.again) {
            let (node, fact) = (entry.node, facts[entry.node.index()]);
            if fact.size() >= STREAMED_FROM || reader.read(node, STREAMED_FROM, &mut bytes).is_err()
            {
                return None;
            }
            detector.scan(&bytes, &mut sift.scratch, &mut hits);
            sift.collect(node, fact.kind(), &bytes, &hits);
            let again = Remark {
                allowed: 0,
                again: true,
            };
            done.remarks.insert(node, again);
        }
        for (node, kind, problem) in &sift.unopened {
            let (entry, is_readable) = unopened((*kind, self.objects.id(*node)), problem);
            if is_readable {
                &mut done.skipped
            } else {
                &mut done.unopened
            }
            .push(entry);
        }
        done.allowed = sift.allowed;
        done.collector = sift.collector;
        Some(done)
    }
}
