//! What else stands in the objects of a finding, sure or not: its line must not show that.

use gix::ObjectId;
use rustc_hash::FxHashMap;

use crate::odb::Node;
use crate::scan::Sighted;
use crate::span::Span;

/// Where anything was sighted, by object.
#[derive(Default)]
pub(super) struct Neighbours(FxHashMap<ObjectId, Vec<Span>>);

impl Neighbours {
    /// Collects them from all that was sighted.
    pub(super) fn of<'a>(
        sighted: impl Iterator<Item = &'a Sighted>,
        id_of: &dyn Fn(Node) -> ObjectId,
    ) -> Self {
        let mut spans: FxHashMap<ObjectId, Vec<Span>> = FxHashMap::default();
        for sighted in sighted {
            for one in std::iter::once(sighted).chain(&sighted.with) {
                for sighting in &one.sightings {
                    spans
                        .entry(id_of(sighting.node))
                        .or_default()
                        .push(sighting.span);
                }
            }
        }
        for list in spans.values_mut() {
            list.sort_unstable();
            list.dedup();
        }
        Self(spans)
    }

    /// Those in an object, sorted.
    pub(super) fn in_object(&self, id: &ObjectId) -> &[Span] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }
}
