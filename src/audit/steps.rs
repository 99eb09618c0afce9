//! Steps that all scans of objects share.

use rustc_hash::{FxHashMap, FxHashSet};

use super::assemble::{finding, heed_paths, hidden};
use super::names::SideTexts;
use super::neighbours::Neighbours;
use super::{AuditOptions, excerpts, put_in_order};
use crate::audit::merge::Together;
use crate::detect::Detector;
use crate::finding::{Finding, History};
use crate::git::repository::Repository;
use crate::history::Places;
use crate::history::commits::CommitCollector;
use crate::history::tips::Tips;
use crate::memory::sightings::ObjectRecord;
use crate::odb::objects::Objects;
use crate::odb::walk::STREAMED_FROM;
use crate::odb::{Node, Skipped};
use crate::scan::Sighted;
use crate::scan::lfs::BehindPointers;
use crate::scan::objects::Scanned;

/// Returns all tips of `repo`, and what could not be read.
pub(super) fn tips_of(repo: &Repository) -> Tips {
    let mut tips = Tips::read(repo);
    tips.skipped.extend(repo.unknown_extensions());
    tips
}

/// The findings, and what else becomes known while they are made.
pub(super) struct Finished {
    pub(super) findings: Vec<Finding>,
    pub(super) hidden: Vec<Finding>,
    /// The number of findings below the minimum confidence.
    pub(super) below_confidence: usize,
    /// The objects whose lines could not be read again.
    pub(super) unread: Vec<Skipped>,
}

/// The input of making findings.
pub(super) struct Finish<'a> {
    objects: &'a dyn Objects,
    detector: &'a Detector,
    options: &'a AuditOptions,
    names: &'a SideTexts<'a>,
}

impl<'a> Finish<'a> {
    /// Collects the input.
    pub(super) fn new(
        objects: &'a dyn Objects,
        detector: &'a Detector,
        options: &'a AuditOptions,
        names: &'a SideTexts<'a>,
    ) -> Self {
        Self {
            objects,
            detector,
            options,
            names,
        }
    }

    /// Makes findings of sighted secrets, sorted.
    pub(super) fn findings(&self, all: Together, histories: Vec<History>) -> Finished {
        let Together { found, below } = all;
        let id_of = |node| self.objects.id(node);
        let neighbours = Neighbours::of(found.iter().chain(&below), &id_of);
        let mut reader = self.objects.reader();
        let mut findings: Vec<Finding> = found
            .into_iter()
            .zip(histories)
            .map(|(sighted, history)| {
                let history = Some(history);
                let mut finding = finding(&id_of, self.detector, self.options, &sighted, history);
                self.names.tell(&sighted, &mut finding);
                self.names.tell_staged(&mut finding);
                finding
            })
            .collect();
        let lowered = heed_paths(&mut findings, self.detector, self.options);
        let place = |id: &gix::ObjectId| self.objects.node_of(id);
        let scan = (self.detector, self.options.limits);
        let unread = excerpts::add(
            &mut findings,
            &neighbours,
            scan,
            &place,
            &mut |found, bytes| {
                match self.objects.node_of(&found.object_id) {
                    Some(node) => reader.read(node, STREAMED_FROM, bytes),
                    // The secret is outside of objects.
                    None => Ok(()),
                }
            },
        );
        put_in_order(&mut findings, self.detector.rules());
        let hidden = hidden(&below, |sighted| {
            let mut hidden = finding(&id_of, self.detector, self.options, sighted, None);
            self.names.tell(sighted, &mut hidden);
            hidden
        });
        Finished {
            findings,
            hidden,
            below_confidence: below.len() + lowered,
            unread,
        }
    }
}

/// Adds the remarks and pointers of earlier scans.
pub(super) fn add_noted(scanned: &mut Scanned<CommitCollector>, noted: &[ObjectRecord]) {
    for entry in noted {
        scanned.allowed += entry.allowed;
        let pointer = entry.pointer.clone();
        let pointer = pointer.map(|pointer| (entry.node, pointer));
        scanned.pointers.extend(pointer);
    }
    scanned.pointers.sort_unstable();
}

/// The objects with sightings, of this scan and of earlier ones.
pub(super) fn sighted_in(
    found: &[Sighted],
    behind: &BehindPointers,
    noted: &[ObjectRecord],
) -> FxHashSet<Node> {
    let mut sighted = found_in(found);
    sighted.extend(behind.collector.nodes());
    let with_sights = noted.iter().filter(|entry| !entry.sights.is_empty());
    sighted.extend(with_sights.map(|entry| entry.node));
    sighted
}

/// The objects that contain a secret.
fn found_in(found: &[Sighted]) -> FxHashSet<Node> {
    let sightings = found.iter().flat_map(|sighted| &sighted.sightings);
    sightings.map(|sighting| sighting.node).collect()
}

pub(super) fn places(sighted: &Sighted) -> Places {
    let mut places: Places = FxHashMap::default();
    for sighting in &sighted.sightings {
        let spot = || sighting.spot.clone();
        places.entry(sighting.node).or_insert_with(spot);
    }
    places
}
