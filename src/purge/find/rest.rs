//! Looks at changed objects again, to find what is left of values beside the marks.
//!
//! Two readers that know nothing of each other must agree that nothing is left: the one of
//! [`crate::purge::find::frame`], and the rules.

use serde::{Deserialize, Serialize};

use crate::detect::decode::{self, Encoding, Layer, Region};
use crate::detect::score::{self, Reason, Reasons};
use crate::detect::{Detector, Hits, Scratch, known};
use crate::error::Result;
use crate::purge::find::frame;
use crate::purge::find::frame::Edges;
use crate::purge::find::kind::Syntax;
use crate::purge::find::marks::{FILL, Placed};
use crate::purge::find::values::{Edit, Target};
use crate::rule::{Confidence, Matcher, RuleSet};
use crate::span::Span;

/// A mark in a new object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Where.
    pub span: Span,
    /// What decides where the value ended; `None` if the user or a checksum did.
    pub edges: Option<Edges>,
    /// What it is encoded in.
    pub encoding: Option<Encoding>,
}

/// Whether a finding says that only a part of its value could be read.
pub fn is_partial(reasons: Reasons) -> bool {
    reasons.contains(Reason::Partial)
}

/// What decides where the values of `target` end; `None` if the user named the value, or a checksum
/// says that it is whole.
pub fn edges(target: &Target, rules: &RuleSet) -> Option<Edges> {
    if target.rule_id == known::RULE_ID {
        return None;
    }
    let rule = rules.get(&target.rule_id)?;
    let (_, reasons) = score::shaped(rule, target.secret.reveal());
    if reasons.contains(Reason::ChecksumVerified) {
        return None;
    }
    // A shape that holds a group is the shape of what stands around the value, too.
    let is_shape = match &rule.matcher {
        Matcher::Start(regex) | Matcher::Infix { regex, .. } => !regex.contains("(?P<secret>"),
        Matcher::Pem | Matcher::Jwt | Matcher::Known(_) => true,
        Matcher::Assignment
        | Matcher::SqlInsert
        | Matcher::Command
        | Matcher::Manifest
        | Matcher::WholeFile => false,
    };
    Some(if is_shape {
        Edges::Shape
    } else {
        Edges::Syntax
    })
}

/// Searches changed objects.
pub struct Rescan {
    detector: Detector,
}

impl Rescan {
    /// Compiles all `rules`.
    ///
    /// # Errors
    /// `Config` if a rule cannot be used.
    pub fn new(rules: &RuleSet) -> Result<Self> {
        let detector = Detector::compile(rules.clone())?;
        Ok(Self { detector })
    }

    /// What is left beside `marks` of `bytes`, which are sorted; sorted, none overlapping.
    pub fn remainders(&self, bytes: &[u8], marks: &[Mark], syntax: Syntax) -> Vec<Span> {
        if marks.iter().all(|mark| mark.edges.is_none()) {
            return Vec::new();
        }
        let spans: Vec<Span> = marks.iter().map(|mark| mark.span).collect();
        let mut found = Vec::new();
        let mut encoded = Vec::new();
        for (number, mark) in marks.iter().enumerate() {
            let Some(edges) = mark.edges else { continue };
            match mark.encoding {
                None => found.extend(frame::remainders(bytes, &spans, number, syntax, edges)),
                Some(encoding) => encoded.push((mark.span, encoding, edges)),
            }
        }
        found.extend(decoded(bytes, &encoded));
        found.extend(self.by_rules(bytes, marks, &spans, syntax));
        found.sort_unstable();
        found.dedup_by(|next, last| {
            let overlaps = last.overlaps(*next);
            if overlaps {
                last.end = last.end.max(next.end);
            }
            overlaps
        });
        found
    }

    /// What rules find across the edge of a mark.
    fn by_rules(&self, bytes: &[u8], marks: &[Mark], spans: &[Span], syntax: Syntax) -> Vec<Span> {
        let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
        self.detector.scan(bytes, &mut scratch, &mut hits);
        let mut found = Vec::new();
        for other in self.detector.matches(bytes, &hits) {
            // All of a file, the mark among it: its line says more.
            let is_file = self.detector.rule(other.rule).matcher == Matcher::WholeFile;
            if is_file || other.confidence < Confidence::Medium || other.wrapping.is_some() {
                continue;
            }
            let secret = other.secret_span;
            let first = spans.partition_point(|span| span.end < secret.start);
            let touched = (first..spans.len()).take_while(|&at| spans[at].start <= secret.end);
            let mut at = secret.start;
            let (mut is_beside, mut parts) = (false, Vec::new());
            for number in touched {
                let span = spans[number];
                // `user=x;password=MARK` is no secret that the mark is a part of.
                let is_inner = secret.overlaps(span) && frame::is_inner(bytes, span, syntax);
                is_beside |= marks[number].edges.is_some() && !is_inner;
                parts.extend((at < span.start).then(|| Span::new(at, span.start)));
                at = at.max(span.end);
            }
            parts.extend((at < secret.end).then(|| Span::new(at, secret.end)));
            let has_text = |part: &Span| {
                let text = &bytes[part.start..part.end];
                text.iter().any(u8::is_ascii_alphanumeric)
            };
            if is_beside {
                found.extend(parts.into_iter().filter(has_text));
            }
        }
        found
    }
}

/// What is left beside marks in encoded texts: these are decoded, and read as text.
fn decoded(bytes: &[u8], marks: &[(Span, Encoding, Edges)]) -> Vec<Span> {
    let mut found = Vec::new();
    let mut regions: Vec<Region> = Vec::new();
    let mut until = 0;
    for &(span, encoding, _) in marks {
        if span.start < until {
            continue;
        }
        let before = regions.len();
        decode::find(bytes, span.start..span.end, &mut |region| {
            if region.encoding == encoding && region.span.overlaps(span) {
                until = region.span.end;
                regions.push(region);
            }
        });
        if regions.len() == before && encoding == Encoding::Base64 {
            let word = word_around(bytes, span);
            until = word.end;
            regions.push(Region {
                span: word,
                encoding,
            });
        }
    }
    for region in regions {
        let inside = marks.iter().filter(|mark| mark.0.overlaps(region.span));
        let inside: Vec<(Span, Edges)> = inside.map(|&(span, _, edges)| (span, edges)).collect();
        // A short text, or one that runs into another, may begin at any of four characters.
        let most = match region.encoding {
            Encoding::Base64 => region.span.len().min(4),
            _ => 1,
        };
        found.extend((0..most).flat_map(|skipped| {
            let span = Span::new(region.span.start + skipped, region.span.end);
            rests_in(bytes, Region { span, ..region }, &inside)
        }));
    }
    found
}

/// What is left beside those of `marks` that one encoded text shows.
fn rests_in(bytes: &[u8], region: Region, marks: &[(Span, Edges)]) -> Vec<Span> {
    let mut text = Vec::new();
    decode::decode(bytes, region, &mut text);
    let origins = decode::Origins::new(bytes, region);
    let mut found = Vec::new();
    for inner in filled(&text) {
        let outer = origins.outer(inner);
        for &(_, edges) in marks.iter().filter(|mark| mark.0.overlaps(outer)) {
            let rests = frame::remainders(&text, &[inner], 0, Syntax::Text, edges);
            found.extend(rests.into_iter().map(|rest| origins.outer(rest)));
        }
    }
    found
}

/// The base64 that `span` is a part of, without padding.
fn word_around(bytes: &[u8], span: Span) -> Span {
    let is_other = |byte: &u8| !(byte.is_ascii_alphanumeric() || b"+/-_".contains(byte));
    let before = bytes[..span.start].iter().rposition(is_other);
    let behind = bytes[span.end..].iter().position(is_other);
    Span::new(
        before.map_or(0, |at| at + 1),
        behind.map_or(bytes.len(), |at| span.end + at),
    )
}

/// Runs of bytes that values were filled with.
fn filled(text: &[u8]) -> Vec<Span> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = memchr::memchr(FILL, &text[at..]).map(|found| at + found) {
        let len = text[start..]
            .iter()
            .take_while(|&&byte| byte == FILL)
            .count();
        at = start + len;
        if len >= known::MIN_LEN {
            found.push(Span::new(start, at));
        }
    }
    found
}

/// The marks of an object, given the edges of each target.
pub(crate) fn marks(placed: &[Placed], edges: &[Option<Edges>]) -> Vec<Mark> {
    let of = |placed: &Placed| Mark {
        span: placed.span,
        edges: edges[placed.target],
        encoding: placed.encoding,
    };
    placed.iter().map(of).collect()
}

/// The encoding of a value, if its mark keeps it.
pub(crate) fn kept_encoding(edit: &Edit) -> Option<Encoding> {
    match edit.layers.as_deref().unwrap_or_default() {
        [] if edit.is_form => Some(Encoding::Base64),
        [Layer::Encoded(encoding @ (Encoding::Base64 | Encoding::Hex | Encoding::Utf16))] => {
            Some(*encoding)
        }
        _ => None,
    }
}
