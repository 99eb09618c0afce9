//! What is a secret: bytes in, matches out. Knows no git.
//!
//! ```text
//! jwt;  enclosing < allow;  entropy, letters, continuation, interpolation < syntax, block, insert, manifest, prefilter,
//! decode, wordlist < command, placeholder < assignment < checksum, features < code, columns, trees, table < ceiling
//! < score < spelling < known, whole, expression < confirm < mod < explain, inside, prove
//! ```
//!
//! A [`Detector`] is compiled once and shared; a [`Scratch`] belongs to one thread. A buffer is
//! scanned whole, or, if it was made from another by a delta, from what that one's scan left in
//! its [`Hits`]: see [`Detector::scan_delta`] for the rule that makes both equal.

pub mod allow;
pub mod assignment;
pub mod block;
mod ceiling;
pub mod checksum;
mod code;
mod columns;
mod command;
mod confirm;
mod continuation;
pub mod decode;
mod enclosing;
pub mod entropy;
pub mod explain;
mod expression;
pub mod features;
mod insert;
mod inside;
pub mod interpolation;
pub mod jwt;
pub mod known;
mod letters;
mod manifest;
mod placeholder;
pub mod prefilter;
pub mod prove;
pub mod score;
pub mod spelling;
pub mod syntax;
mod table;
pub mod trees;
mod whole;
mod wordlist;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

pub use confirm::Scratch;
use confirm::{Confirmer, Reach};
use decode::{Encoding, Layer};
use inside::Opened;
use known::KnownValue;
use prefilter::Prefilter;
use score::{Reason, Reasons};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};
use crate::odb::window::Window;
use crate::rule::{Confidence, Keyword, Matcher, Rule, RuleSet};
use crate::secret::Secret;
use crate::span::{Cover, LineStarts, Position, Run, Span};
use crate::unpack;
use crate::work;

/// Work for a byte in which keywords and encodings are searched.
const PRICE_OF_BYTE: u64 = 2;
/// Work for a keyword at which rules are tried.
const PRICE_OF_KEYWORD: u64 = 300;
/// Work for a keyword whose rules looked far.
const PRICE_OF_FAR: u64 = 20_000;
/// Work for what a rule found.
const PRICE_OF_FOUND: u64 = 1_500;
/// Work for a keyword that a delta copied.
const PRICE_OF_INHERITED: u64 = 20;

/// One keyword occurrence and what its rules say about it.
#[derive(Clone, Debug)]
pub struct Hit {
    at: u32,
    /// Number of the keyword; [`FAR`] or [`TABLE`] is set if its rules looked far.
    keyword: u32,
    /// What the rules found there; `None` for the many hits where they found nothing.
    verdict: Option<Arc<[Candidate]>>,
}

/// See [`Hit::keyword`]; there are fewer keywords than that.
const FAR: u32 = 1 << 31;
/// Likewise, for the header of a table.
const TABLE: u32 = 1 << 30;

impl Hit {
    fn keyword(&self) -> u32 {
        self.keyword & !(FAR | TABLE)
    }

    fn reach(&self) -> Reach {
        match self.keyword & (FAR | TABLE) {
            0 => Reach::Near,
            FAR => Reach::Far,
            _ => Reach::Table,
        }
    }
}

/// All keyword occurrences of one buffer, by position, and what was found inside of encoded
/// stretches of it: what a delta's result inherits.
///
/// Of a buffer with very many keywords, only the occurrences at which a rule found something are
/// kept. Its own result is the same, but nothing can be inherited from it.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    hits: Vec<Hit>,
    opened: Vec<Opened>,
    /// The value that the buffer is, if it is nothing else.
    whole: Option<Candidate>,
    limits: HitLimits,
    /// Whether not all occurrences were kept.
    is_partial: bool,
    /// What rules found, here and inside of encoded stretches and archives.
    found: usize,
    /// That there was more than is reported.
    dropped: Option<unpack::Problem>,
}

/// What is kept of one buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HitLimits {
    /// Keyword occurrences that are kept though no rule found anything there. Results do not depend
    /// on it.
    pub most_kept: usize,
    /// What rules may find. What comes after that is not reported, and a problem says so.
    pub most_found: usize,
}

/// Rules have numbers of 16 bits; the built-in ones take a part.
const MAX_RULES: usize = 60_000;

/// Keyword occurrences that are kept of one buffer for its deltas: 25 MB. Source code of a gigabyte
/// has half as many, an export of 20 MB can have more.
const MAX_KEPT_HITS: usize = 1 << 20;

/// Possible secrets that are reported of one buffer. Each takes a few kilobytes on its way to the
/// report: a hostile file of 100 MB would have four million.
const MAX_FOUND: usize = 1 << 20;

/// A rule's match, relative to its keyword's first byte.
#[derive(Clone, Debug, PartialEq)]
struct Candidate {
    rule: u16,
    start: i32,
    end: i32,
    secret_start: i32,
    secret_end: i32,
    confidence: Confidence,
    reasons: Reasons,
    secret: Arc<Secret>,
    /// A digest of the name that it is assigned to, if that may have many values that are none.
    name: Option<u32>,
    /// What it is wrapped in, if it does not stand there as it is.
    wrapping: Option<Arc<[Layer]>>,
    /// Where it stands in the archive member that holds it.
    inside: Option<Position>,
    /// Whether a marker in the decoded text allows it.
    is_allowed: bool,
}

impl Candidate {
    /// Whether it was read in a text that is percent-encoded, and nothing around that.
    fn is_percent(&self) -> bool {
        matches!(
            self.wrapping.as_deref(),
            Some([Layer::Encoded(Encoding::Percent)])
        )
    }

    /// Whether it was read in a text whose single characters are escaped as in a literal.
    fn is_of_literal(&self) -> bool {
        let outermost = self.wrapping.as_ref().and_then(|layers| layers.first());
        matches!(outermost, Some(Layer::Encoded(Encoding::Backslash)))
    }

    /// Whether it was read in a text whose single characters are escaped.
    fn escapes_characters(&self) -> bool {
        let outermost = self.wrapping.as_ref().and_then(|layers| layers.first());
        matches!(
            outermost,
            Some(Layer::Encoded(
                Encoding::Percent
                    | Encoding::Backslash
                    | Encoding::Entities
                    | Encoding::Terminal
                    | Encoding::QuotedPrintable
            ))
        )
    }
}

/// Whether the percent signs at `place` are what they are: there are few, and nothing around it is an address
/// or a form.
fn is_plain_percent(bytes: &[u8], place: Span) -> bool {
    /// Bytes of the line before the value in which an address begins.
    const REACH: usize = 400;
    let before = &bytes[place.start.saturating_sub(REACH)..place.start];
    let line = memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..]);
    let mut marks = memchr::memchr2_iter(b'?', b'&', line);
    let is_address = marks.any(|at| begins_parameter(&line[at + 1..]))
        || memchr::memmem::find(line, b"://").is_some()
        || memchr::memmem::find(line, b"%3D").is_some()
        || bytes.get(place.end) == Some(&b'&');
    let escapes = memchr::memchr_iter(b'%', &bytes[place.start..place.end]).count();
    !is_address && escapes * 6 <= place.len()
}

/// Whether a name and its `=` begin `text`, as behind the `?` or `&` of an address.
fn begins_parameter(text: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-[]%".contains(byte);
    let len = text.iter().take_while(|byte| is_name(byte)).count();
    len > 0 && matches!(text.get(len), None | Some(b'='))
}

/// A secret in one buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Index into the rule set.
    pub rule: u16,
    /// The rule's whole match.
    pub span: Span,
    /// The secret in it.
    pub secret_span: Span,
    /// Where the secret begins.
    pub position: Position,
    /// How sure.
    pub confidence: Confidence,
    /// Why.
    pub reasons: Reasons,
    /// The secret: the bytes of `secret_span`, or for a key block its base64 alone, or what an
    /// encoded text decodes to.
    pub secret: Arc<Secret>,
    /// What it is wrapped in, outermost first; then `secret_span` is the encoded form, or all of
    /// what was compressed.
    pub wrapping: Option<Arc<[Layer]>>,
    /// Whether a marker in the decoded text allows it.
    pub is_allowed: bool,
}

/// Compiled rules.
pub struct Detector {
    rules: RuleSet,
    prefilter: Prefilter,
    confirmer: Confirmer,
    margin: Margin,
    limits: unpack::Limits,
    hit_limits: HitLimits,
    digests: OnceLock<BTreeMap<String, [u8; 16]>>,
    /// The rule for whole files, if there is one.
    whole_file: Option<u16>,
}

/// How inherited hits are judged again near the edges of a copied run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Margin {
    /// As far as the rule looks: exact.
    Exact,
    /// Not at all behind the keyword: wrong, and there so that a test can show that it notices.
    Broken,
}

impl Detector {
    /// Compiles `rules`. Regular expressions are compiled when first needed.
    ///
    /// # Errors
    /// `Config` if a rule's keyword or expression cannot be used.
    pub fn compile(rules: RuleSet) -> Result<Self> {
        Self::compile_with(rules, Vec::new())
    }

    /// Compiles `rules` and adds a rule for each of the `known` values.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn compile_with(mut rules: RuleSet, known: Vec<KnownValue>) -> Result<Self> {
        let added = (0u32..).zip(&known);
        rules
            .rules
            .extend(added.map(|(number, known)| known.rule(number)));
        if u16::try_from(rules.rules.len()).is_err() {
            return Err(Error::usage(format!(
                "{} rules and known values are more than can be searched for at once",
                rules.rules.len()
            ))
            .hint(format!("name at most {MAX_RULES} values")));
        }
        let mut pairs: Vec<(&Keyword, u16)> = Vec::new();
        for (number, rule) in (0u16..).zip(&rules.rules) {
            pairs.extend(rule.keywords.iter().map(|keyword| (keyword, number)));
        }
        pairs.sort_unstable();
        pairs.dedup();
        let (mut keywords, mut lists): (Vec<Keyword>, Vec<Vec<u16>>) = Default::default();
        for (keyword, number) in pairs {
            if keywords.last() == Some(keyword) {
                lists.last_mut().expect("one a keyword").push(number);
            } else {
                keywords.push(keyword.clone());
                lists.push(vec![number]);
            }
        }
        let confirmer = Confirmer::new(&rules, &keywords, lists, known);
        let mut numbered = (0u16..).zip(&rules.rules);
        let whole_file = numbered.find(|(_, rule)| rule.matcher == Matcher::WholeFile);
        let whole_file = whole_file.map(|(number, _)| number);
        Ok(Self {
            whole_file,
            rules,
            prefilter: Prefilter::new(keywords)?,
            confirmer,
            margin: Margin::Exact,
            limits: unpack::Limits::default(),
            hit_limits: HitLimits {
                most_kept: MAX_KEPT_HITS,
                most_found: MAX_FOUND,
            },
            digests: OnceLock::new(),
        })
    }

    /// Chooses how edges of copied runs are treated; for tests.
    #[must_use]
    pub fn with_margin(mut self, margin: Margin) -> Self {
        self.margin = margin;
        self
    }

    /// Chooses what is kept of one buffer.
    #[must_use]
    pub fn with_hit_limits(mut self, limits: HitLimits) -> Self {
        self.hit_limits = limits;
        self
    }

    /// Chooses how deep encoded texts and archives are opened; a depth of 0 opens none.
    #[must_use]
    pub fn with_limits(mut self, limits: unpack::Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How deep encoded texts and archives are opened.
    pub fn limits(&self) -> unpack::Limits {
        self.limits
    }

    /// The rules it was compiled from.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// A digest of each of them, by id; worked out once.
    pub fn digests(&self) -> &BTreeMap<String, [u8; 16]> {
        self.digests.get_or_init(|| self.rules.digests())
    }

    /// Rule number `rule`.
    pub fn rule(&self, rule: u16) -> &Rule {
        &self.rules.rules[usize::from(rule)]
    }

    /// The keyword pre-pass.
    pub fn prefilter(&self) -> &Prefilter {
        &self.prefilter
    }

    /// Scans all of `bytes`, which are shorter than 4 GiB; puts what stands there into `hits`.
    pub fn scan(&self, bytes: &[u8], scratch: &mut Scratch, hits: &mut Hits) {
        self.scan_name(bytes, scratch, hits);
        hits.whole = self.whole_file(bytes);
    }

    /// Scans a name, or another text that is no file: nothing is a secret only because it stands there
    /// alone.
    pub fn scan_name(&self, bytes: &[u8], scratch: &mut Scratch, hits: &mut Hits) {
        let depth = self.limits.max_depth;
        self.scan_to_depth(bytes, depth, scratch, hits);
        self.open_archive(bytes, depth, scratch, hits);
    }

    /// The value that `bytes` are, if they are nothing else.
    fn whole_file(&self, bytes: &[u8]) -> Option<Candidate> {
        confirm::whole_file(self.whole_file?, bytes)
    }

    /// Scans a window of a larger text; returns the secrets that begin in its own bytes. Around
    /// these stands as much as the rules look at, but for the text's edges.
    ///
    /// An encoded stretch that goes on beyond the window is read as far as it stands there; the
    /// second value says whether there was one.
    pub fn scan_window(
        &self,
        window: &Window<'_>,
        scratch: &mut Scratch,
        hits: &mut Hits,
    ) -> (Vec<Match>, bool) {
        hits.clear(self.hit_limits);
        let range = window.searched();
        self.scan_gap(window.bytes, range.clone(), None, scratch, hits);
        let depth = self.limits.max_depth;
        self.open_regions(window.bytes, range, depth, scratch, hits);
        hits.settle();
        let is_cut = |opened: &Opened| {
            window.own.contains(&opened.at())
                && !window.is_last
                && opened.end() == window.bytes.len()
        };
        let cut = hits.opened.iter().any(is_cut);
        let mut found = self.matches(window.bytes, hits);
        found.retain(|found| window.own.contains(&found.secret_span.start));
        (found, cut)
    }

    fn scan_to_depth(&self, bytes: &[u8], depth: u32, scratch: &mut Scratch, hits: &mut Hits) {
        hits.clear(self.hit_limits);
        self.scan_gap(bytes, 0..bytes.len(), None, scratch, hits);
        self.open_regions(bytes, 0..bytes.len(), depth, scratch, hits);
        hits.settle();
    }

    /// Scans `bytes`, of which `runs` were copied from a buffer of `base_len` bytes whose hits are
    /// `base`. The result is that of [`Self::scan`].
    ///
    /// A keyword that lies within one run stands in the base too: its hit is inherited, with its
    /// verdict if everything that the rules look at around it lies within the run as well, or both
    /// buffers end there; else it is judged again. All other keywords cross the edge of a run or
    /// stand in new bytes: only there does the pre-pass run.
    pub fn scan_delta(
        &self,
        bytes: &[u8],
        base: (&Hits, usize),
        runs: &[Run],
        scratch: &mut Scratch,
        hits: &mut Hits,
    ) {
        let (base_hits, base_len) = base;
        if base_hits.is_partial {
            return self.scan(bytes, scratch, hits);
        }
        hits.clear(self.hit_limits);
        let reach = self.prefilter.max_len().saturating_sub(1);
        let mut next = 0;
        let mut last: Option<Run> = None;
        let mut inherited = Inherited {
            base: base_hits,
            base_len,
            next: 0,
        };
        for &run in runs.iter().filter(|run| run.len > MIN_RUN_LEN.max(reach)) {
            self.scan_gap(bytes, next..run.dst, last, scratch, hits);
            self.inherit(bytes, &mut inherited, run, scratch, hits);
            next = run.dst_end() - reach;
            last = Some(run);
        }
        self.scan_gap(bytes, next..bytes.len(), last, scratch, hits);
        self.open_changed(bytes, base_hits, runs, scratch, hits);
        if hits.dropped.is_some() {
            if work::is_spent() {
                return hits.settle();
            }
            // What is reported must not depend on the order in which it was found.
            return self.scan(bytes, scratch, hits);
        }
        hits.settle();
        self.open_archive(bytes, self.limits.max_depth, scratch, hits);
        hits.whole = self.whole_file(bytes);
    }

    /// Finds the keywords that begin in `starts`, but for those that lie within `before`.
    fn scan_gap(
        &self,
        bytes: &[u8],
        starts: std::ops::Range<usize>,
        before: Option<Run>,
        scratch: &mut Scratch,
        hits: &mut Hits,
    ) {
        let inherited_end = before.map_or(0, Run::dst_end);
        work::spend((starts.len() as u64).saturating_mul(PRICE_OF_BYTE));
        self.prefilter.find(bytes, starts, |at, keyword| {
            if at + self.prefilter.keywords()[keyword as usize].span_len() > inherited_end {
                self.judge(bytes, at, keyword, scratch, hits);
            }
        });
    }

    /// Tries the rules of `keyword` at `at`, if there is work left for that.
    fn judge(&self, bytes: &[u8], at: usize, keyword: u32, scratch: &mut Scratch, hits: &mut Hits) {
        if !work::spend(PRICE_OF_KEYWORD) {
            return hits.run_out();
        }
        let verdict = self
            .confirmer
            .judge(&self.rules, bytes, at, keyword, scratch);
        let found = verdict.0.as_ref().map_or(0, |found| found.len() as u64);
        let far = u64::from(verdict.1 == Reach::Far);
        work::spend(found.saturating_mul(PRICE_OF_FOUND) + far * PRICE_OF_FAR);
        hits.push(at, keyword, verdict);
    }

    fn inherit(
        &self,
        bytes: &[u8],
        from_base: &mut Inherited<'_>,
        run: Run,
        scratch: &mut Scratch,
        hits: &mut Hits,
    ) {
        let starts_both = run.dst == 0 && run.src == 0;
        let ends_both = run.dst_end() == bytes.len() && run.src_end() == from_base.base_len;
        let mut inherited = 0;
        for hit in from_base.from(run.src) {
            let (from, keyword) = (hit.at as usize, hit.keyword());
            if from >= run.src_end() {
                break;
            }
            if from + self.prefilter.keywords()[keyword as usize].span_len() > run.src_end() {
                continue;
            }
            let at = from - run.src + run.dst;
            let (before, after) = match self.margin {
                Margin::Exact => self.confirmer.reach(keyword, hit.reach()),
                Margin::Broken => (self.confirmer.reach(keyword, Reach::Near).0, 0),
            };
            let same_before = starts_both || from >= run.src + before;
            let same_after = ends_both || from + after <= run.src_end();
            inherited += 1;
            if same_before && same_after {
                hits.push(at, keyword, (hit.verdict.clone(), hit.reach()));
            } else {
                self.judge(bytes, at, keyword, scratch, hits);
            }
        }
        work::spend(inherited * PRICE_OF_INHERITED);
    }

    /// Returns the secrets among `hits` of `bytes`, by position. Of matches that share bytes of
    /// their secrets the surest, then the more specific, then the longer one stays; what a generic
    /// rule takes for a secret gives way to the secret that is encoded there.
    pub fn matches(&self, bytes: &[u8], hits: &Hits) -> Vec<Match> {
        let mut kept = self.undisguised(hits);
        let mut inside: Vec<(Span, usize, Judged<'_>)> = hits
            .opened
            .iter()
            .flat_map(|opened| {
                opened
                    .found
                    .iter()
                    .map(move |found| located(opened.at(), found))
            })
            .collect();
        // Escapes of single characters say where a value ends; the decoded text has none, and may
        // be read otherwise.
        inside.retain(|(place, _, inner)| {
            let at = kept.partition_point(|(span, ..)| span.end <= place.start);
            let differs = |(span, _, outer): &(Span, usize, Judged<'_>)| {
                let is_within = span.start <= place.start && span.start < place.end;
                let rules = [outer, inner].map(|found| self.rule(found.candidate.rule));
                let are_generic = rules.iter().all(|rule| rule.is_generic());
                let is_known = matches!(rules[0].matcher, Matcher::Known(_));
                let is_same = rules[0].id == rules[1].id && !is_known;
                is_within && span != place && (are_generic || is_same)
            };
            let stands_plain = |(span, _, outer): &(Span, usize, Judged<'_>)| {
                let is_generic = self.rule(outer.candidate.rule).is_generic();
                is_generic && span.overlaps(*place)
            };
            let is_plain = inner.candidate.is_percent() && is_plain_percent(bytes, *place);
            !(inner.candidate.escapes_characters() && kept.get(at).is_some_and(differs)
                || is_plain && kept.get(at).is_some_and(stands_plain))
        });
        if !inside.is_empty() {
            self.give_way(&mut kept, &inside);
            kept.extend(inside);
            kept.sort_by_key(|found| found.0);
        }
        // What any other rule says of a part of it is better known.
        if let Some(whole) = hits.whole.as_ref().filter(|_| kept.is_empty()) {
            kept.push(located(0, whole));
        }
        located_matches(bytes, kept)
    }

    /// Removes from `kept` what is known better by what is encoded there, `inside`.
    fn give_way(
        &self,
        kept: &mut Vec<(Span, usize, Judged<'_>)>,
        inside: &[(Span, usize, Judged<'_>)],
    ) {
        let all = Cover::new(inside.iter().map(|found| found.0));
        let issued = inside
            .iter()
            .filter(|found| self.names_issuer(found.2.candidate));
        let issued = Cover::new(issued.map(|found| found.0));
        let mut of_secret: FxHashMap<&Secret, Vec<Span>> = FxHashMap::default();
        for (span, _, Judged { candidate, .. }) in inside {
            let list = of_secret.entry(&*candidate.secret);
            list.or_default().push(*span);
        }
        // What a literal says in the same place.
        let literals = inside
            .iter()
            .filter(|(.., Judged { candidate, .. })| candidate.is_of_literal())
            .map(|(span, _, Judged { candidate, .. })| (span.start, span.end, candidate.rule));
        let literals: FxHashSet<(usize, usize, u16)> = literals.collect();
        let of_secret = of_secret.into_iter();
        let of_secret: FxHashMap<&Secret, Cover> = of_secret
            .map(|(secret, spans)| (secret, Cover::new(spans.into_iter())))
            .collect();
        kept.retain(|(span, _, Judged { candidate, .. })| {
            // A known value shows by some of its base64, too: what is decoded says where.
            let same = of_secret.get(&*candidate.secret);
            let is_generic = self.rule(candidate.rule).is_generic();
            // All that a Secret of Kubernetes holds is base64.
            let is_manifest = self.rule(candidate.rule).matcher == Matcher::Manifest;
            let is_of_place = is_manifest || !self.names_issuer(candidate);
            let gives_way = is_generic && all.overlaps(*span)
                || is_of_place && issued.overlaps(*span)
                || literals.contains(&(span.start, span.end, candidate.rule));
            !gives_way && !same.is_some_and(|same| same.overlaps(*span))
        });
    }

    /// What the keywords of the buffer itself lead to, by position.
    fn undisguised<'h>(&self, hits: &'h Hits) -> Vec<(Span, usize, Judged<'h>)> {
        let mut found: Vec<(Span, usize, Judged<'_>)> = Vec::new();
        for hit in &hits.hits {
            let verdict = hit.verdict.iter().flat_map(|verdict| verdict.iter());
            found.extend(verdict.map(|candidate| located(hit.at as usize, candidate)));
        }
        let rank = |found: &Judged<'_>| self.rank(found.candidate);
        found.sort_by(|a, b| {
            let rules = (a.2.candidate.rule, b.2.candidate.rule);
            (a.0, rank(&b.2), rules.0).cmp(&(b.0, rank(&a.2), rules.1))
        });
        let mut kept: Vec<(Span, usize, Judged<'_>)> = Vec::with_capacity(found.len());
        for same in found.chunk_by(|a, b| a.0 == b.0) {
            let next = self.agreed(same);
            match kept.last() {
                Some(last) if last.0.overlaps(next.0) && !self.are_known(&last.2, &next.2) => {
                    let better = (rank(&next.2), next.0.len()) > (rank(&last.2), last.0.len());
                    // A part of a key that is published is none of its own.
                    let is_published = next.0.end <= last.0.end && is_published(last.2.candidate);
                    if better && !is_published {
                        kept.pop();
                        kept.push(next);
                    }
                }
                _ => kept.push(next),
            }
        }
        kept
    }

    /// Whether two matches show two values that the user named: neither gives way to the other.
    fn are_known(&self, a: &Judged<'_>, b: &Judged<'_>) -> bool {
        let is_known = |found: &Judged<'_>| {
            matches!(self.rule(found.candidate.rule).matcher, Matcher::Known(_))
        };
        is_known(a) && is_known(b) && a.candidate.secret != b.candidate.secret
    }

    /// What all that say something about one value come to: the first of them, which is preferred,
    /// names it; it is as sure as the surest. A kind that is meant to be public or is of low
    /// confidence by its own shape, such as a hash, and a value that its issuer publishes, are none
    /// the more secret for the name that they are assigned to.
    fn agreed<'h>(&self, same: &[(Span, usize, Judged<'h>)]) -> (Span, usize, Judged<'h>) {
        // No name outweighs that no issuer made the token.
        let is_wrong = |found: &&(Span, usize, Judged<'h>)| {
            let reasons = found.2.candidate.reasons;
            reasons.contains(Reason::ChecksumWrong) && !reasons.is_proven()
        };
        if let Some(wrong) = same.iter().find(is_wrong) {
            return *wrong;
        }
        let mut first = same[0];
        let rule = self.rule(first.2.candidate.rule);
        let reasons = first.2.candidate.reasons;
        let is_weak = rule.confidence == Confidence::Low && !reasons.contains(Reason::NamedShape);
        if rule.public || is_weak || is_published(first.2.candidate) {
            return first;
        }
        let names = self.names_issuer(first.2.candidate);
        for (_, _, other) in &same[1..] {
            let is_plain = !self.names_issuer(other.candidate) && !other.reasons.is_doubted();
            if names && is_plain && other.confidence > first.2.confidence {
                first.2.confidence = other.confidence;
                first.2.reasons = first.2.reasons.and(other.reasons);
            }
        }
        first
    }

    /// Whether the rule tells who issued a value, not only where one stands.
    fn names_issuer(&self, candidate: &Candidate) -> bool {
        let rule = self.rule(candidate.rule);
        !rule.is_generic() && rule.provider != PLACE
    }

    /// What one of overlapping matches is preferred by: who names the issuer, who knows a place where
    /// secrets stand, who goes by a name alone. A shape that was doubted has no advantage over what
    /// another rule says, but if that one is no surer.
    fn rank(&self, candidate: &Candidate) -> (u8, Confidence, bool) {
        let names = self.names_issuer(candidate);
        let kind = if candidate.reasons.is_doubted() || self.rule(candidate.rule).is_generic() {
            0
        } else {
            1 + u8::from(names)
        };
        (kind, candidate.confidence, names)
    }

    /// Returns all keyword occurrences and verdicts in a form that tests can compare.
    pub fn describe(&self, hits: &Hits) -> Vec<(usize, u32, usize)> {
        let count = |hit: &Hit| hit.verdict.as_ref().map_or(0, |verdict| verdict.len());
        let opened = hits.opened.iter();
        let opened = opened.map(|opened| (opened.at(), u32::MAX, opened.found.len()));
        hits.hits
            .iter()
            .map(|hit| (hit.at as usize, hit.keyword(), count(hit)))
            .chain(opened)
            .chain(hits.whole.iter().map(|_| (0, u32::MAX, 1)))
            .collect()
    }
}

/// Whether an issuer publishes the value. A value that only spells a test is none of these.
fn is_published(candidate: &Candidate) -> bool {
    candidate.reasons.contains(Reason::TestValue)
        && placeholder::is_published(candidate.secret.reveal())
}

/// The provider of rules that know only that a token stands in a header.
const PLACE: &str = "HTTP";

/// A candidate with what all rules that found the value say together.
#[derive(Clone, Copy)]
struct Judged<'h> {
    candidate: &'h Candidate,
    confidence: Confidence,
    reasons: Reasons,
}

/// The hits of a delta's base, in the order in which runs were copied.
struct Inherited<'h> {
    base: &'h Hits,
    /// Bytes of the base.
    base_len: usize,
    /// The first hit behind the start of the last run.
    next: usize,
}

impl<'h> Inherited<'h> {
    /// Hits that are passed one by one before the next is searched for: runs mostly follow each other.
    const STEPS: usize = 8;

    /// The hits from `src` on.
    fn from(&mut self, src: usize) -> &'h [Hit] {
        let hits = &self.base.hits;
        let is_before = |hit: &Hit| (hit.at as usize) < src;
        let is_behind_last = self.next == 0 || is_before(&hits[self.next - 1]);
        let near = hits[self.next..].iter().take(Self::STEPS);
        let passed = near.take_while(|hit| is_before(hit)).count();
        self.next = match is_behind_last && passed < Self::STEPS {
            true => self.next + passed,
            false => hits.partition_point(is_before),
        };
        &hits[self.next..]
    }
}

/// Shorter runs are scanned like new bytes: inheriting would cost more than it saves.
const MIN_RUN_LEN: usize = 32;

impl Hits {
    fn clear(&mut self, limits: HitLimits) {
        self.hits.clear();
        self.opened.clear();
        self.whole = None;
        self.limits = limits;
        self.is_partial = false;
        self.found = 0;
        self.dropped = None;
    }

    fn push(
        &mut self,
        at: usize,
        keyword: u32,
        (verdict, reach): (Option<Arc<[Candidate]>>, Reach),
    ) {
        let far = match reach {
            Reach::Near => 0,
            Reach::Far => FAR,
            Reach::Table => TABLE,
        };
        if !self.is_partial && self.hits.len() >= self.limits.most_kept {
            self.is_partial = true;
            self.hits.retain(|hit| hit.verdict.is_some());
        }
        let has_room = match &verdict {
            Some(found) => self.room_for(found.len()) == found.len(),
            None => !self.is_partial,
        };
        if has_room {
            self.hits.push(Hit {
                at: offset(at),
                keyword: keyword | far,
                verdict,
            });
        }
    }

    fn open(&mut self, mut opened: Opened) {
        let room = self.room_for(opened.found.len());
        if room < opened.found.len() {
            opened.found = opened.found[..room].into();
        }
        self.opened.push(opened);
    }

    /// Counts what was found; returns how much of it there is room for.
    fn room_for(&mut self, found: usize) -> usize {
        let most = self.limits.most_found;
        let room = found.min(most - self.found);
        self.found += room;
        if room < found && self.dropped.is_none() {
            self.is_partial = true;
            self.dropped = Some(unpack::Problem {
                path: Vec::new(),
                reason: unpack::Reason::Limit,
                detail: format!(
                    "it holds more than {most} possible secrets: the rest is not reported"
                ),
            });
        }
        room
    }

    /// Notes that the budget ended before everything was looked at.
    fn run_out(&mut self) {
        self.is_partial = true;
        self.dropped.get_or_insert_with(|| unpack::Problem {
            path: Vec::new(),
            reason: unpack::Reason::Limit,
            detail: work::SPENT.to_owned(),
        });
    }

    /// Gives the memory back that nobody needs once the matches are known: nothing is inherited
    /// from a buffer of which not all keyword occurrences were kept.
    pub fn trim(&mut self) {
        if self.is_partial {
            self.hits = Vec::new();
            self.opened = Vec::new();
        }
    }

    /// Puts the hits in order.
    fn settle(&mut self) {
        // A region that reaches into two changed places was opened from both.
        self.opened.sort_unstable_by_key(Opened::key);
        self.opened.dedup_by_key(|opened| opened.key());
        if !self.hits.is_sorted_by_key(|hit| (hit.at, hit.keyword())) {
            self.hits
                .sort_unstable_by_key(|hit| (hit.at, hit.keyword()));
        }
    }

    /// Whether any rule found something.
    pub fn has_matches(&self) -> bool {
        let found_inside = |opened: &Opened| !opened.found.is_empty();
        self.hits.iter().any(|hit| hit.verdict.is_some())
            || self.opened.iter().any(found_inside)
            || self.whole.is_some()
    }

    /// What could not be opened, or not to the end.
    pub fn problems(&self) -> impl Iterator<Item = &unpack::Problem> {
        let inside = self.opened.iter();
        let inside = inside.flat_map(|opened| opened.problems.iter());
        inside.chain(&self.dropped)
    }

    /// Number of keyword occurrences that are kept.
    pub fn len(&self) -> usize {
        self.hits.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("buffers are shorter than 4 GiB")
}

/// Judges what stands together in one text, and says where each stands in it.
fn located_matches(bytes: &[u8], kept: Vec<(Span, usize, Judged<'_>)>) -> Vec<Match> {
    let crowded = crowded_names(&kept);
    let judged = |found: Judged<'_>| {
        let (mut confidence, mut reasons) = (found.confidence, found.reasons);
        if found
            .candidate
            .name
            .is_some_and(|name| crowded.contains(&name))
        {
            confidence = Confidence::Low;
            reasons.add(Reason::Many);
        }
        (confidence, reasons)
    };
    let mut lines = LineCounter::new(bytes);
    kept.into_iter()
        .map(|(secret_span, at, found)| (secret_span, at, found.candidate, judged(found)))
        .map(
            |(secret_span, at, candidate, (confidence, reasons))| Match {
                rule: candidate.rule,
                span: Span::new(shifted(at, candidate.start), shifted(at, candidate.end)),
                secret_span,
                position: candidate
                    .inside
                    .unwrap_or_else(|| lines.position(secret_span.start)),
                confidence,
                reasons,
                secret: Arc::clone(&candidate.secret),
                wrapping: candidate.wrapping.clone(),
                is_allowed: candidate.is_allowed,
            },
        )
        .collect()
}

/// More different values than that under one name in one text are a table: nonces, vectors, ids.
const MOST_UNDER_ONE_NAME: usize = 8;

/// More different JSON web tokens than that in one text are made for tests.
const MOST_TOKENS: usize = 4;

/// The names that have more values than that.
fn crowded_names(found: &[(Span, usize, Judged<'_>)]) -> FxHashSet<u32> {
    let mut values: FxHashMap<u32, FxHashSet<&Secret>> = FxHashMap::default();
    if found.len() > MOST_TOKENS {
        for (.., Judged { candidate, .. }) in found {
            if let Some(name) = candidate.name {
                values.entry(name).or_default().insert(&*candidate.secret);
            }
        }
    }
    let crowded = values.into_iter().filter(|(name, values)| {
        let most = match *name {
            confirm::TOKENS => MOST_TOKENS,
            _ => MOST_UNDER_ONE_NAME,
        };
        values.len() > most
    });
    crowded.map(|(name, _)| name).collect()
}

/// A candidate with the place of its secret.
fn located(at: usize, candidate: &Candidate) -> (Span, usize, Judged<'_>) {
    let (start, end) = (candidate.secret_start, candidate.secret_end);
    (
        Span::new(shifted(at, start), shifted(at, end)),
        at,
        Judged {
            candidate,
            confidence: candidate.confidence,
            reasons: candidate.reasons,
        },
    )
}

fn shifted(at: usize, by: i32) -> usize {
    at.checked_add_signed(by as isize)
        .expect("a match lies inside its buffer")
}

/// Positions of ascending offsets, in one pass over the bytes.
struct LineCounter<'b> {
    starts: LineStarts<'b>,
    counted: usize,
    line: u32,
}

impl<'b> LineCounter<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self {
            starts: LineStarts::new(bytes),
            counted: 0,
            line: 1,
        }
    }

    fn position(&mut self, offset: usize) -> Position {
        let passed = &self.starts.bytes()[self.counted..offset];
        let newlines = memchr::memchr_iter(b'\n', passed).count();
        self.line = self
            .line
            .saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        self.counted = offset;
        let column = u32::try_from(offset - self.starts.of(offset) + 1).unwrap_or(u32::MAX);
        Position {
            line: self.line,
            column,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::template::Random;

    #[test]
    fn hits_of_a_run_are_found_from_the_last_run_on_or_anew() {
        let mut random = Random::new(11);
        for _ in 0..2_000 {
            let mut base = Hits::default();
            let mut at = 0;
            for _ in 0..random.below(60) {
                at += offset(random.below(9));
                let (keyword, verdict) = (0, None);
                base.hits.push(Hit {
                    at,
                    keyword,
                    verdict,
                });
            }
            let mut inherited = Inherited {
                base: &base,
                base_len: 0,
                next: 0,
            };
            for _ in 0..20 {
                let src = random.below(250);
                let first = base.hits.partition_point(|hit| (hit.at as usize) < src);
                assert_eq!(inherited.from(src).len(), base.hits.len() - first);
            }
        }
    }
}
