//! Secrets beside the objects: in names of files, directories and refs, in staged paths, and in
//! what reflogs say.

use std::sync::{Mutex, PoisonError};

use gix::ObjectId;
use gix::bstr::BString;

use crate::attribution::Named;
use crate::attribution::add_tip;
use crate::attribution::refs::{Note, Tip, Tips};
use crate::attribution::trees::TreeLinks;
use crate::detect::{Detector, Hits, Scratch};
use crate::finding::{Finding, Occurrence, Place};
use crate::odb::ObjectStore;
use crate::scan::sift::Sift;
use crate::scan::{ScanOptions, Sighted, collect};

/// A text that is no object.
struct Text<'a> {
    name: BString,
    text: &'a [u8],
    place: Place,
    line: u32,
    object_id: ObjectId,
    /// The number of a name in trees.
    name_number: Option<u32>,
    tip: Option<&'a Tip>,
}

/// All texts beside the objects.
pub(super) struct Names<'a> {
    texts: Vec<Text<'a>>,
}

/// Returns a judge that marks the names in which `detector` finds something.
pub(super) fn judge(detector: &Detector) -> impl Fn(&[u8]) -> bool + Sync {
    // Each thread asks once for each name: waiting for one another costs nothing.
    let state = Mutex::new((Scratch::default(), Hits::default()));
    move |name| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (scratch, hits) = &mut *state;
        detector.scan(name, scratch, hits);
        hits.has_matches()
    }
}

impl<'a> Names<'a> {
    /// Lists them.
    pub(super) fn new(store: &ObjectStore, links: &'a TreeLinks, tips: &'a Tips) -> Self {
        let in_trees = links.marked.iter().map(|&(number, tree)| Text {
            name: links.name(number).into(),
            text: links.name(number),
            place: Place::TreeEntry,
            line: 1,
            object_id: store.id(tree),
            name_number: Some(number),
            tip: None,
        });
        let noted = tips.notes.iter().map(|note: &Note| Text {
            name: note.name.clone(),
            text: note.text.as_ref().unwrap_or(&note.name),
            place: note.place,
            line: note.line,
            object_id: note.tip.target,
            name_number: None,
            tip: Some(&note.tip),
        });
        Self {
            texts: in_trees.chain(noted).collect(),
        }
    }

    /// Adds what stands in them to `found`; also returns how many matches a marker allows.
    pub(super) fn scan(
        &self,
        found: Vec<Sighted>,
        detector: &Detector,
        options: ScanOptions,
    ) -> (Vec<Sighted>, u64) {
        let mut sift = Sift::new(detector, options);
        for (number, text) in self.texts.iter().enumerate() {
            sift.collect_text(number, text.place, text.text);
        }
        let all = vec![collect::Collector::with(found), sift.collector];
        (collect::merge(all, detector.rules()), sift.allowed)
    }

    /// The findings in names of tree entries.
    pub(super) fn named(&self, found: &[Sighted]) -> Named {
        let mut named = Named::default();
        for (number, sighted) in (0u32..).zip(found) {
            for entry in &sighted.elsewhere {
                if let Some(name) = self.texts[entry.number].name_number {
                    let list = named.entry(name).or_default();
                    if list.last() != Some(&number) {
                        list.push(number);
                    }
                }
            }
        }
        named
    }

    /// Adds to `finding`, which was made of `sighted`, where it stands in them and from where that
    /// is reached.
    pub(super) fn tell(&self, sighted: &Sighted, finding: &mut Finding) {
        for entry in &sighted.elsewhere {
            let text = &self.texts[entry.number];
            let mut spot = entry.spot.clone();
            spot.position.line = text.line;
            finding.occurrences.push(Occurrence {
                object_id: text.object_id,
                span: entry.span,
                spot,
                name: text.name.clone(),
            });
            let history = finding.history.as_mut();
            let standing = history.and_then(|history| history.standing.as_mut());
            if let (Some(standing), Some(tip)) = (standing, text.tip) {
                add_tip(&mut standing.reach, tip);
                standing.reach.put_in_order();
            }
        }
    }
}
