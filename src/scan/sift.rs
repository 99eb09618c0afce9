//! Applies inline markers to the matches of one object, and collects the rest.

use super::collect::Collector;
use super::{InlineAllow, ScanOptions};
use crate::detect::{Detector, Hits, Match, Scratch, allow};
use crate::finding::{ObjectPlaces, Place};
use crate::odb::{Node, ObjectKind, SkipReason, Skipped};
use crate::span::LineStarts;
use crate::unpack;
use crate::work;

/// Work for a match on its way to the report.
const PRICE_OF_MATCH: u64 = 2_000;
/// Work for one that a marker may allow.
const PRICE_OF_MARKED: u64 = 50_000;

/// One thread's scanner.
pub struct Sift<'a> {
    /// The detector.
    pub detector: &'a Detector,
    /// The options.
    pub options: ScanOptions,
    /// Its buffers.
    pub scratch: Scratch,
    /// The collected matches.
    pub collector: Collector,
    /// Matches that an inline marker allows.
    pub allowed: u64,
    /// Archives, and members of them, that could not be opened.
    pub unopened: Vec<(Node, ObjectKind, unpack::Problem)>,
}

impl<'a> Sift<'a> {
    /// Makes a scanner without matches.
    pub fn new(detector: &'a Detector, options: ScanOptions) -> Self {
        Self {
            detector,
            options,
            scratch: Scratch::default(),
            collector: Collector::default(),
            allowed: 0,
            unopened: Vec::new(),
        }
    }

    /// Returns the secrets among `hits` of `bytes` that no marker allows.
    pub fn matches(&mut self, bytes: &[u8], hits: &Hits) -> Vec<Match> {
        let found = self.detector.matches(bytes, hits);
        work::spend((found.len() as u64).saturating_mul(PRICE_OF_MATCH));
        self.allowed_out(bytes, found)
    }

    /// Removes from `found` the matches in `bytes` that a marker allows.
    pub fn allowed_out(&mut self, bytes: &[u8], mut found: Vec<Match>) -> Vec<Match> {
        if self.options.inline_allow == InlineAllow::Honoured {
            let before = found.len();
            let is_marked = before > 0 && allow::has_any_marker(bytes);
            let price = if is_marked { PRICE_OF_MARKED } else { 0 };
            work::spend((before as u64).saturating_mul(price));
            let mut lines = LineStarts::new(bytes);
            found.retain(|found| {
                let rule = &self.detector.rule(found.rule).id;
                let is_rule = |word: &str| self.detector.rules().is_meant(word);
                let mut is_allowed =
                    || is_marked && allow::is_allowed(&mut lines, found.span, rule, &is_rule);
                !(found.is_allowed || is_allowed())
            });
            self.allowed += (before - found.len()) as u64;
        }
        found
    }

    /// Collects the matches of object `node`, whose bytes gave `hits`.
    pub fn collect(&mut self, node: Node, kind: ObjectKind, bytes: &[u8], hits: &Hits) {
        for problem in hits.problems() {
            self.unopened.push((node, kind, problem.clone()));
        }
        if !hits.has_matches() {
            return;
        }
        let places = ObjectPlaces::of(kind, bytes);
        for found in self.matches(bytes, hits) {
            let place = places.at(found.secret_span.start);
            self.collector.add((node, place), found);
        }
    }

    /// Scans the text with the number `number`, which is not an object.
    pub fn collect_text(&mut self, number: usize, place: Place, text: &[u8]) {
        for found in self.scan_text(text) {
            self.collector.add_elsewhere((number, place), found);
        }
    }

    /// Returns the secrets in a short text that no marker allows.
    pub fn scan_text(&mut self, text: &[u8]) -> Vec<Match> {
        let mut hits = Hits::default();
        self.detector.scan_name(text, &mut self.scratch, &mut hits);
        self.matches(text, &hits)
    }
}

/// Most bytes of the name of a member in a message. Damaged archives have names of any length.
const MAX_NAME_BYTES: usize = 255;

/// The beginning of the name of a member.
fn shortened(name: &[u8]) -> &[u8] {
    name.get(..MAX_NAME_BYTES).unwrap_or(name)
}

/// Classifies archives that were not opened: those that could be opened count as unread; damaged and
/// encrypted ones are only listed.
pub fn unopened(
    (kind, id): (ObjectKind, gix::ObjectId),
    problem: &unpack::Problem,
) -> (Skipped, bool) {
    let is_readable = matches!(
        problem.reason,
        unpack::Reason::Limit | unpack::Reason::Unsupported
    );
    let member: Vec<_> = problem
        .path
        .iter()
        .map(|name| String::from_utf8_lossy(shortened(name)))
        .collect();
    let of = if member.is_empty() { "" } else { ", member " };
    let skipped = Skipped {
        reason: match problem.reason {
            unpack::Reason::Limit => SkipReason::TooLarge,
            unpack::Reason::Corrupt => SkipReason::Corrupt,
            unpack::Reason::Encrypted => SkipReason::Encrypted,
            unpack::Reason::Unsupported | unpack::Reason::NotOpened => SkipReason::Unsupported,
        },
        // The object itself was read.
        kind: ObjectKind::Unknown,
        object_id: Some(id),
        detail: format!(
            "{} {id}{of}{}: {}",
            kind.name(),
            member.join("!"),
            problem.detail
        ),
    };
    (skipped, is_readable)
}
