//! Scans what encoded stretches of a buffer decode to, and what archives hold, layer by layer.

use std::ops::Range;
use std::sync::Arc;

use super::decode::{self, AFTER, BEFORE, Layer, Origins, Region};
use super::{Candidate, Detector, Hits, Match, Scratch, allow, offset};
use crate::rule::Matcher;
use crate::span::{LineStarts, Run, Span};
use crate::unpack::{self, Problem};
use crate::work;

/// What was found inside a stretch of a buffer. Stretches that hold nothing are not kept.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    start: u32,
    end: u32,
    /// `None` if it is an archive, which takes all of the buffer.
    encoding: Option<decode::Encoding>,
    /// Relative to `start`.
    pub(super) found: Arc<[Candidate]>,
    /// What could not be opened.
    pub(super) problems: Arc<[Problem]>,
}

impl Opened {
    pub(super) fn at(&self) -> usize {
        self.start as usize
    }

    pub(super) fn end(&self) -> usize {
        self.end as usize
    }

    pub(super) fn key(&self) -> (u32, u32, Option<decode::Encoding>) {
        (self.start, self.end, self.encoding)
    }
}

/// Shorter copied runs are searched like new bytes.
const MIN_RUN_LEN: usize = 2 * (BEFORE + AFTER);

/// Bytes that may be unpacked for each byte of an encoded stretch, with all that is inside of it:
/// a file can hold very many of them.
const MAX_REGION_RATIO: u64 = 100;

/// Work for an encoded stretch, and for each byte of it.
const PRICE_OF_REGION: u64 = 500;
const PRICE_OF_DECODED: u64 = 3;
/// Work for a match in a layer, and for one that a marker may allow.
const PRICE_OF_LAYERED: u64 = 2_000;
const PRICE_OF_MARKED: u64 = 50_000;

/// What one layer holds.
#[derive(Default)]
struct Layered {
    found: Vec<Match>,
    problems: Vec<Problem>,
}

impl Detector {
    /// Opens what a delta changed, and takes over from the base what lies within a copied run with
    /// all that decides where it begins and ends.
    pub(super) fn open_changed(
        &self,
        bytes: &[u8],
        base: &Hits,
        runs: &[Run],
        scratch: &mut Scratch,
        hits: &mut Hits,
    ) {
        let depth = self.limits.max_depth;
        let mut next = 0;
        for &run in runs.iter().filter(|run| run.len > MIN_RUN_LEN) {
            let gap = next..(run.dst + BEFORE);
            self.open_regions(bytes, gap, depth, scratch, hits);
            next = run.dst_end() - AFTER;
            let from = base
                .opened
                .partition_point(|opened| opened.at() < run.src + BEFORE);
            let inside = base.opened[from..].iter();
            let inside = inside.take_while(|opened| opened.at() < run.src_end());
            let inherited = inside.filter(|opened| {
                opened.encoding.is_some() && opened.end() + AFTER <= run.src_end()
            });
            for opened in inherited {
                hits.open(Opened {
                    start: offset(opened.start as usize - run.src + run.dst),
                    end: offset(opened.end as usize - run.src + run.dst),
                    ..opened.clone()
                });
            }
        }
        self.open_regions(bytes, next..bytes.len(), depth, scratch, hits);
    }

    /// Opens every encoded stretch that shares a byte with `range`.
    pub(super) fn open_regions(
        &self,
        bytes: &[u8],
        range: Range<usize>,
        depth: u32,
        scratch: &mut Scratch,
        hits: &mut Hits,
    ) {
        if depth == 0 {
            return;
        }
        let is_outermost = depth == self.limits.max_depth;
        decode::find(bytes, range, &mut |region| {
            let price = PRICE_OF_REGION + region.span.len() as u64 * PRICE_OF_DECODED;
            if !work::spend(price) {
                return hits.run_out();
            }
            if is_outermost {
                let most = region.span.len() as u64 * MAX_REGION_RATIO;
                let most = most.max(unpack::Limits::RATIO_FREE_BYTES);
                scratch.budget = most.min(self.limits.max_total_bytes);
            }
            let mut text = scratch.spare.pop().unwrap_or_default();
            decode::decode(bytes, region, &mut text);
            let mut layered = self.scan_layer(&text, (depth - 1, depth - 1), scratch);
            if region.encoding == decode::Encoding::Joined {
                layered.found.retain(|found| self.is_joined(found));
            }
            text.clear();
            scratch.spare.push(text);
            if let Some(opened) = opened(bytes, region, layered) {
                hits.open(opened);
            }
        });
    }

    /// Whether what was found in joined pieces is a token by its shape. Other values have readers that
    /// know how a syntax joins literals, and so have private keys.
    fn is_joined(&self, found: &Match) -> bool {
        let rule = self.rule(found.rule);
        !rule.is_generic() && rule.matcher != Matcher::Pem
    }

    /// Opens the archive or compressed stream that `bytes` are, if they are one.
    pub(super) fn open_archive(
        &self,
        bytes: &[u8],
        depth: u32,
        scratch: &mut Scratch,
        hits: &mut Hits,
    ) {
        // Without any depth, the outermost archive is named as too deep.
        let is_outermost = depth == self.limits.max_depth;
        if (depth == 0 && !is_outermost) || !unpack::may_hold(bytes) {
            return;
        }
        if is_outermost {
            scratch.budget = self.limits.max_total_bytes;
        }
        let limits = unpack::Limits {
            max_depth: depth,
            max_total_bytes: scratch.budget,
            ..self.limits
        };
        let mut found: Vec<Candidate> = Vec::new();
        let whole = Span::new(0, bytes.len());
        let mut problems = Vec::new();
        let more = unpack::unpack(bytes, &limits, &mut |member| {
            scratch.budget = scratch.budget.saturating_sub(member.bytes.len() as u64);
            let names = member.path.iter().cloned().map(Layer::Member);
            let path: Vec<Layer> = [Layer::Packed(member.format)]
                .into_iter()
                .chain(names)
                .collect();
            // What is an archive itself was opened, or is too deep.
            let layered = self.scan_layer(member.bytes, (depth - 1, 0), scratch);
            problems.extend(layered.problems);
            found.extend(layered.found.into_iter().map(|inner| {
                let position = inner.position;
                let mut candidate = wrapped(&path, whole, (whole, whole), inner);
                candidate.inside = Some(position);
                candidate
            }));
        });
        problems.extend(more);
        if !found.is_empty() || !problems.is_empty() {
            hits.open(Opened {
                start: 0,
                end: offset(bytes.len()),
                encoding: None,
                found: found.into(),
                problems: problems.into(),
            });
        }
    }

    /// Scans a decoded text or a member, in which encodings and archives are opened to the two
    /// `depths`. Its own markers count.
    fn scan_layer(&self, text: &[u8], depths: (u32, u32), scratch: &mut Scratch) -> Layered {
        let mut hits = Hits::default();
        self.scan_to_depth(text, depths.0, scratch, &mut hits);
        self.open_archive(text, depths.1, scratch, &mut hits);
        let mut found = self.matches(text, &hits);
        work::spend((found.len() as u64).saturating_mul(PRICE_OF_LAYERED));
        let is_rule = |word: &str| self.rules().is_meant(word);
        let mut lines = LineStarts::new(text);
        let is_marked = !found.is_empty() && allow::has_any_marker(text);
        work::spend(match is_marked {
            true => found.len() as u64 * PRICE_OF_MARKED,
            false => 0,
        });
        for found in found.iter_mut().filter(|_| is_marked) {
            let rule = &self.rule(found.rule).id;
            found.is_allowed |= allow::is_allowed(&mut lines, found.span, rule, &is_rule);
        }
        let problems = hits.problems().cloned().collect();
        Layered { found, problems }
    }
}

/// What is kept of an encoded stretch, if it holds anything.
fn opened(bytes: &[u8], region: Region, layered: Layered) -> Option<Opened> {
    if layered.found.is_empty() && layered.problems.is_empty() {
        return None;
    }
    let path = [Layer::Encoded(region.encoding)];
    let origins = Origins::new(bytes, region);
    let found: Vec<Candidate> = layered
        .found
        .into_iter()
        .filter(|inner| !origins.stand_open(inner.span))
        .map(|inner| {
            let (span, secret) = (origins.outer(inner.span), origins.outer(inner.secret_span));
            wrapped(&path, region.span, (span, secret), inner)
        })
        .collect();
    if found.is_empty() && layered.problems.is_empty() {
        return None;
    }
    Some(Opened {
        start: offset(region.span.start),
        end: offset(region.span.end),
        encoding: Some(region.encoding),
        found: found.into(),
        problems: layered.problems.into(),
    })
}

/// A match of an inner layer as one of the outer, where it stands at `places`: all of it, and its
/// secret.
fn wrapped(path: &[Layer], region: Span, places: (Span, Span), inner: Match) -> Candidate {
    let relative = |at: usize| i32::try_from(at - region.start).unwrap_or(i32::MAX);
    let deeper = inner.wrapping.iter().flat_map(|wrapping| wrapping.iter());
    Candidate {
        rule: inner.rule,
        start: relative(places.0.start),
        end: relative(places.0.end),
        secret_start: relative(places.1.start),
        secret_end: relative(places.1.end),
        confidence: inner.confidence,
        reasons: inner.reasons,
        secret: inner.secret,
        name: None,
        wrapping: Some(path.iter().chain(deeper).cloned().collect()),
        inside: None,
        is_allowed: inner.is_allowed,
    }
}
