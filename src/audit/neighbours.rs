//! All matches in the objects of a finding, whatever their confidence: the excerpt must not show them.

use gix::ObjectId;
use rustc_hash::FxHashMap;

use crate::odb::Node;
use crate::scan::Sighted;
use crate::span::Span;

/// The spans of all sightings, by object.
#[derive(Default)]
pub(super) struct Neighbours(FxHashMap<ObjectId, Vec<Span>>);

impl Neighbours {
    /// Collects them from all sighted secrets.
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
            put_apart(list);
        }
        Self(spans)
    }

    /// Those in an object: sorted, and no two share a byte.
    pub(super) fn in_object(&self, id: &ObjectId) -> &[Span] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }
}

/// Sorts spans, so that no two share a byte.
pub(super) fn put_apart(list: &mut Vec<Span>) {
    list.sort_unstable();
    separate(list);
}

/// Cuts off what a span of the sorted `list` shares with those before it.
fn separate(list: &mut Vec<Span>) {
    let mut covered = 0;
    list.retain_mut(|span| {
        span.start = span.start.max(covered);
        covered = covered.max(span.end);
        span.start < span.end
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_overlap_are_cut_where_the_ones_before_end() {
        let span = |(start, end): (usize, usize)| Span::new(start, end);
        let mut list = [(0, 9), (2, 4), (3, 12), (3, 12), (12, 13), (20, 22)].map(span);
        list.sort_unstable();
        let mut list = list.to_vec();
        separate(&mut list);
        let expected = [(0, 9), (9, 12), (12, 13), (20, 22)].map(span);
        assert_eq!(list, expected);
    }
}
