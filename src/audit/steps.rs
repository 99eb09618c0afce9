//! Steps that all scans of objects share.

use rustc_hash::{FxHashMap, FxHashSet};

use super::assemble::{finding, heed_paths, surest};
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
use crate::rule::Confidence;
use crate::scan::Sighted;
use crate::scan::lfs::BehindPointers;
use crate::scan::objects::Scanned;

/// All tips of `repo`, and what of it is not known.
pub(super) fn tips_of(repo: &Repository) -> Tips {
    let mut tips = Tips::read(repo);
    tips.skipped.extend(repo.unknown_extensions());
    tips
}

/// What was made of all that was found.
pub(super) struct Finished {
    pub(super) findings: Vec<Finding>,
    pub(super) hidden: Vec<Finding>,
    /// How many are below the asked confidence.
    pub(super) below_confidence: usize,
    /// The objects whose lines could not be read again.
    pub(super) unread: Vec<Skipped>,
}

/// What findings are made with.
pub(super) struct Finish<'a> {
    objects: &'a dyn Objects,
    detector: &'a Detector,
    options: &'a AuditOptions,
    names: &'a SideTexts<'a>,
}

impl<'a> Finish<'a> {
    /// Takes them.
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

    /// Makes findings of what was found, and puts them in order.
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
                    // It stands outside of objects.
                    None => Ok(()),
                }
            },
        );
        put_in_order(&mut findings, self.detector.rules());
        Finished {
            findings,
            hidden: self.hidden(&below),
            below_confidence: below.len() + lowered,
            unread,
        }
    }

    /// Of what is below the asked confidence, what a report of medium confidence would tell.
    fn hidden(&self, below: &[Sighted]) -> Vec<Finding> {
        let id_of = |node| self.objects.id(node);
        let likely = below
            .iter()
            .filter(|sighted| surest(sighted) >= Confidence::Medium);
        let hidden = likely.map(|sighted| {
            let mut hidden = finding(&id_of, self.detector, self.options, sighted, None);
            self.names.tell(sighted, &mut hidden);
            hidden
        });
        hidden.collect()
    }
}

/// Adds what earlier scans noted beside secrets.
pub(super) fn add_noted(scanned: &mut Scanned<CommitCollector>, noted: &[ObjectRecord]) {
    for entry in noted {
        scanned.allowed += entry.allowed;
        let pointer = entry.pointer.clone();
        let pointer = pointer.map(|pointer| (entry.node, pointer));
        scanned.pointers.extend(pointer);
    }
    scanned.pointers.sort_unstable();
}

/// The objects in which anything was sighted, ever.
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

/// The objects that hold something.
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
