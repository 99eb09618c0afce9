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
            *list = without_overlap(list);
        }
        Self(spans)
    }

    /// Those in an object, sorted; none shares a byte with another.
    pub(super) fn in_object(&self, id: &ObjectId) -> &[Span] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }
}

/// Cuts off what earlier spans cover already, of spans that are sorted.
fn without_overlap(spans: &[Span]) -> Vec<Span> {
    let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        let start = apart.last().map_or(0, |last| last.end).max(span.start);
        if start < span.end {
            apart.push(Span::new(start, span.end));
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_cut_where_they_overlap() {
        let spans = [(0, 4), (0, 6), (2, 3), (5, 9), (12, 12), (12, 14)];
        let spans = spans.map(|(start, end)| Span::new(start, end));
        let apart = [(0, 4), (4, 6), (6, 9), (12, 14)];
        assert_eq!(
            without_overlap(&spans),
            apart.map(|(start, end)| Span::new(start, end))
        );
    }
}
