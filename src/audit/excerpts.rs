//! The lines around secrets. Each object is read once, however many findings it has.

use std::collections::BTreeMap;

use gix::ObjectId;

use super::neighbours::{self, Neighbours};
use crate::detect::decode::Layer;
use crate::detect::{Detector, Hits, Scratch, allow};
use crate::error::{Error, ErrorKind, Result};
use crate::finding::{Excerpt, Finding, Occurrence};
use crate::odb::{Node, ObjectKind, ReadLimits, SkipReason, Skipped};
use crate::span::Span;

/// Adds to each of `findings` the line of its first appearance, or of its first occurrence if no commit
/// contains it. `place` returns the order in which objects are stored; `read` reads the object of an
/// occurrence. Matches that a marker allows are found again with `scan`, and hidden like all others.
/// Returns the objects that could not be read.
pub(super) fn add(
    findings: &mut [Finding],
    neighbours: &Neighbours,
    scan: (&Detector, ReadLimits),
    place: &dyn Fn(&ObjectId) -> Option<Node>,
    read: &mut dyn FnMut(&Occurrence, &mut Vec<u8>) -> Result<()>,
) -> Vec<Skipped> {
    let mut by_object: BTreeMap<ObjectId, Vec<(usize, usize)>> = BTreeMap::new();
    for (number, finding) in findings.iter().enumerate() {
        if let Some(at) = shown(finding) {
            let list = by_object.entry(finding.occurrences[at].object_id);
            list.or_default().push((number, at));
        }
    }
    let (mut bytes, mut unread) = (Vec::new(), Vec::new());
    // In the order of storage, bases come before their deltas, and fewer objects are rebuilt.
    let mut by_object: Vec<_> = by_object.into_iter().collect();
    by_object.sort_by_cached_key(|(object_id, _)| place(object_id));
    for (object_id, wanted) in by_object {
        let (number, at) = wanted[0];
        bytes.clear();
        match read(&findings[number].occurrences[at], &mut bytes) {
            Ok(()) => {}
            // The line of a secret in a huge file is not worth its memory.
            Err(error) if error.kind() == ErrorKind::TooLarge => continue,
            Err(error) => {
                unread.push(not_read_again(object_id, &error));
                continue;
            }
        }
        let mut others = neighbours.in_object(&object_id).to_vec();
        if allow::has_any_marker(&bytes) {
            others.extend(all_in(&bytes, scan));
            neighbours::put_apart(&mut others);
        }
        for (number, at) in wanted {
            let finding = &mut findings[number];
            let span = finding.occurrences[at].span;
            // A file may have changed since it was scanned.
            if span.end <= bytes.len() {
                finding.excerpt = Some(Excerpt::around(&bytes, span, &others));
            }
        }
    }
    unread
}

/// Returns the spans of all matches in `bytes`, also of those that a marker allows.
fn all_in(bytes: &[u8], (detector, limits): (&Detector, ReadLimits)) -> Vec<Span> {
    let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
    limits.budget.for_one(bytes.len() as u64, || {
        detector.scan(bytes, &mut scratch, &mut hits);
    });
    let found = detector.matches(bytes, &hits);
    found.into_iter().map(|found| found.secret_span).collect()
}

/// The entry for an object that was read once, and not again.
pub(super) fn not_read_again(object_id: ObjectId, error: &Error) -> Skipped {
    let why = error.chain();
    Skipped {
        reason: SkipReason::of(error),
        kind: ObjectKind::Unknown,
        object_id: Some(object_id),
        detail: format!("object {object_id} was read, and could not be read again: {why}"),
    }
}

/// Which of the finding's occurrences is shown with its line, if any is.
fn shown(finding: &Finding) -> Option<usize> {
    let first = finding
        .history
        .as_ref()
        .and_then(|history| history.first.as_ref());
    let at = match first {
        Some(first) => finding
            .occurrences
            .iter()
            .position(|o| o.object_id == first.object_id && o.spot == first.spot)?,
        None => 0,
    };
    let found = finding.occurrences.get(at)?;
    // A name is its own excerpt, and what was packed has no line to show.
    found.spot.place.object_kind()?;
    let mut layers = found.spot.wrapping.iter().flat_map(|layers| layers.iter());
    let is_packed = matches!(layers.next(), Some(Layer::Packed(_) | Layer::Lfs));
    (!is_packed).then_some(at)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gix::hash::Kind;

    use super::*;
    use crate::finding::{Fingerprint, Place, Spot};
    use crate::rule::Confidence;
    use crate::secret::Secret;
    use crate::span::{Position, Span};

    fn finding(object_id: ObjectId, span: Span) -> Finding {
        let secret = Secret::new(b"value");
        let spot = Spot {
            place: Place::Blob,
            position: Position::default(),
            wrapping: None,
        };
        Finding {
            rule_id: "x-key".to_owned(),
            fingerprint: Fingerprint::new(b"", "x-key", &secret),
            secret: Arc::new(secret),
            confidence: Confidence::High,
            reasons: crate::detect::score::Reasons::default(),
            occurrences: vec![Occurrence {
                object_id,
                span,
                spot,
                name: gix::bstr::BString::default(),
            }],
            with: Vec::new(),
            excerpt: None,
            history: None,
        }
    }

    #[test]
    fn an_object_is_read_once_for_all_its_findings() {
        let text = "a line of text\n".repeat(1000);
        let objects = [Kind::Sha1.empty_blob(), Kind::Sha1.empty_tree()];
        let mut findings: Vec<Finding> = (0..1000)
            .flat_map(|line| objects.map(|id| finding(id, Span::new(line * 15, line * 15 + 5))))
            .collect();
        let mut read = Vec::new();
        let detector = Detector::compile(crate::rule::builtin().unwrap()).unwrap();
        let unread = add(
            &mut findings,
            &Neighbours::default(),
            (&detector, ReadLimits::default()),
            &|_| None,
            &mut |found, bytes| {
                read.push(found.object_id);
                bytes.extend_from_slice(text.as_bytes());
                match found.object_id == objects[0] {
                    true => Ok(()),
                    false => Err(Error::corrupt("it is damaged")),
                }
            },
        );
        assert_eq!(unread.len(), 1, "{unread:?}");
        assert_eq!(unread[0].object_id, Some(objects[1]));
        read.sort_unstable();
        let mut expected = objects.to_vec();
        expected.sort_unstable();
        assert_eq!(read, expected);
        for found in &findings {
            let after = found.excerpt.as_ref().map(|line| &line.after.bytes[..]);
            let is_readable = found.occurrences[0].object_id == objects[0];
            assert_eq!(after, is_readable.then_some(&b"e of text"[..]));
        }
    }
}
