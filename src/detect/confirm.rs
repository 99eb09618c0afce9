//! Confirmation: what the rules of a keyword say about one place where it stands.
//!
//! A verdict is a pure function of the bytes within reach of the keyword and of whether the
//! buffer begins or ends there. It holds by construction: only that window is handed on.

use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::FxHasher;

use super::assignment::{self, Assignment, MAX_NAME_LEN, Operator};
use super::entropy::class_changes;
use super::expression::{Caches, Expressions};
use super::features;
use super::known::KnownValue;
use super::placeholder::is_reference;
use super::score::Reason;
use super::syntax::{self, MAX_PREFIX_LEN, MAX_VALUE_LEN};
use super::{
    Candidate, block, columns, command, continuation, insert, interpolation, manifest, score, whole,
};
use crate::rule::{Confidence, Keyword, MAX_KEYWORD_LEN, Matcher, Rule, RuleSet};
use crate::secret::Secret;
use crate::span::Span;

/// Bytes before a match that decide whether it begins a word: `\u001b[32m` at most.
const BOUNDARY_REACH: usize = 10;

/// Bytes beside a match in which a control character says that this is no text: databases and
/// compiled programs put one string right behind the other.
const GLUE_REACH: usize = 32;

/// One thread's buffers for confirmation.
#[derive(Default)]
pub struct Scratch {
    caches: Caches,
    assignments: Vec<Assignment>,
    /// Buffers for decoded texts.
    pub(super) spare: Vec<Vec<u8>>,
    /// Bytes that may still be unpacked inside of the outermost layer.
    pub(super) budget: u64,
}

/// The rules of each keyword, compiled when first needed.
pub(super) struct Confirmer {
    keywords: Vec<KeywordRules>,
    known: Vec<KnownValue>,
    expressions: Expressions,
    /// What tokens of issuers begin with, sorted.
    starts: Vec<Vec<u8>>,
}

struct KeywordRules {
    len: usize,
    rules: Vec<u16>,
    /// How far the rules look before and after the keyword's first byte.
    before: usize,
    after: usize,
    /// How far after it they look if a value goes on behind `after`.
    far: usize,
    /// How far after it they look if it is in the header of a table.
    table: usize,
}

/// How far after a keyword its rules looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// As far as most values go.
    Near,
    /// As far as the longest value goes.
    Far,
    /// As far as a table goes.
    Table,
}

impl Confirmer {
    pub(super) fn new(
        rules: &RuleSet,
        keywords: &[Keyword],
        lists: Vec<Vec<u16>>,
        known: Vec<KnownValue>,
    ) -> Self {
        let keywords = keywords
            .iter()
            .zip(lists)
            .map(|(keyword, list)| {
                let reach = list
                    .iter()
                    .map(|&rule| reach(&rules.rules[usize::from(rule)]));
                let (before, after) = reach.fold((0, 0), |most, next| {
                    (most.0.max(next.0), most.1.max(next.1))
                });
                let assigns =
                    |&rule: &u16| rules.rules[usize::from(rule)].matcher == Matcher::Assignment;
                let inserts =
                    |&rule: &u16| rules.rules[usize::from(rule)].matcher == Matcher::SqlInsert;
                let (far, table) = if list.iter().any(assigns) {
                    (FAR_REACH, columns::MAX_TABLE_LEN)
                } else {
                    (0, 0)
                };
                let table = match list.iter().any(inserts) {
                    true => insert::MAX_STATEMENT_LEN,
                    false => table,
                };
                KeywordRules {
                    len: keyword.text.len(),
                    far: far.max(after),
                    table: table.max(after),
                    rules: list,
                    before,
                    after,
                }
            })
            .collect();
        Self {
            keywords,
            known,
            expressions: Expressions::new(rules),
            starts: token_starts(rules),
        }
    }

    /// How many bytes the rules of `keyword` look at before and after its first byte.
    pub(super) fn reach(&self, keyword: u32, reach: Reach) -> (usize, usize) {
        let keyword = &self.keywords[keyword as usize];
        let after = match reach {
            Reach::Near => keyword.after,
            Reach::Far => keyword.far,
            Reach::Table => keyword.table,
        };
        (keyword.before, after)
    }

    /// Cuts out what the rules of `keyword` look at where it stands at `at`.
    fn window<'b>(&self, bytes: &'b [u8], at: usize, keyword: u32, reach: Reach) -> Place<'b> {
        let (before, after) = self.reach(keyword, reach);
        let start = at.saturating_sub(before);
        let end = (at + after).min(bytes.len());
        Place {
            window: &bytes[start..end],
            at: at - start,
            keyword_len: self.keywords[keyword as usize].len,
            is_start: at < before,
            is_end: end == bytes.len(),
        }
    }

    /// Reads what is assigned around `keyword` at `at` into `found`; returns the window that it was
    /// read in. What goes on behind the near window is read in the far one.
    pub(super) fn assignments<'b>(
        &self,
        bytes: &'b [u8],
        at: usize,
        keyword: u32,
        found: &mut Vec<Assignment>,
    ) -> (Place<'b>, Reach) {
        let near = self.window(bytes, at, keyword, Reach::Near);
        let cell = columns::look(near.window, near.at, near.keyword_len, near.is_start);
        if let Some(columns::Found::Header) = cell {
            let all = self.window(bytes, at, keyword, Reach::Table);
            found.clear();
            // A window that ends where the text does only by chance says the same in a longer text.
            let is_end = at + self.reach(keyword, Reach::Table).1 > bytes.len();
            let edges = (all.is_start, is_end);
            columns::column(all.window, all.at, all.keyword_len, edges, found);
            return (all, Reach::Table);
        }
        let seen = assignment::read(near.window, near.at, near.keyword_len, found);
        if near.is_end || seen < near.window.len() {
            if let Some(columns::Found::Row(row)) = cell.filter(|_| found.is_empty()) {
                found.push(row);
            }
            return (near, Reach::Near);
        }
        let far = self.window(bytes, at, keyword, Reach::Far);
        assignment::read(far.window, far.at, far.keyword_len, found);
        (far, Reach::Far)
    }

    /// Returns what the rules of `keyword` find where it stands at `at`, and how far they looked.
    pub(super) fn judge(
        &self,
        rules: &RuleSet,
        bytes: &[u8],
        at: usize,
        keyword: u32,
        scratch: &mut Scratch,
    ) -> (Option<Arc<[Candidate]>>, Reach) {
        let place = self.window(bytes, at, keyword, Reach::Near);
        let mut found = Vec::new();
        let mut reach = Reach::Near;
        for &number in &self.keywords[keyword as usize].rules {
            let rule = &rules.rules[usize::from(number)];
            match rule.matcher {
                Matcher::SqlInsert => {
                    let (mut place, after) = (place, place.at + place.keyword_len);
                    let (mut spans, is_cut) = insert::passwords(place.window, after);
                    if is_cut && !place.is_end {
                        place = self.window(bytes, at, keyword, Reach::Table);
                        spans = insert::passwords(place.window, after).0;
                        reach = Reach::Table;
                    }
                    found.extend(inserted(number, rule, place, spans));
                }
                Matcher::Command => {
                    let spans = command::passwords(place.window, place.at);
                    found.extend(listed(number, rule, place, spans));
                }
                Matcher::Manifest => {
                    let spans = manifest::values(place.window, place.at);
                    found.extend(listed(number, rule, place, spans));
                }
                Matcher::Assignment => {
                    let mut read = std::mem::take(&mut scratch.assignments);
                    let (place, looked) = self.assignments(bytes, at, keyword, &mut read);
                    reach = reach.max(looked);
                    let assigned = read.iter().filter_map(|read| assigned(number, place, read));
                    let assigned = assigned.map(|found| self.tempered(found));
                    let is_kept = |found: &Candidate| {
                        let secret = found.secret.reveal();
                        !self.expressions.is_excepted(number, rule, secret)
                    };
                    found.extend(assigned.filter(is_kept));
                    scratch.assignments = read;
                }
                _ => found.extend(self.try_rule(number, rule, place, scratch)),
            }
        }
        ((!found.is_empty()).then(|| found.into()), reach)
    }

    /// Lowers what a generic rule found if it cannot be an issuer's token, though it looks like one.
    fn tempered(&self, mut found: Candidate) -> Candidate {
        let value = found.secret.reveal();
        let lengths = (MIN_PREFIX_LEN..=value.len().min(MAX_KEYWORD_LEN)).rev();
        let is_start = |len: &usize| {
            let start = &value[..*len];
            self.starts
                .binary_search_by(|known| known[..].cmp(start))
                .is_ok()
        };
        if let Some(reason) = score::tempered(value, lengths.into_iter().find(is_start)) {
            found.confidence = Confidence::Low;
            found.reasons.add(reason);
        }
        found
    }

    fn try_rule(
        &self,
        number: u16,
        rule: &Rule,
        place: Place<'_>,
        scratch: &mut Scratch,
    ) -> Option<Candidate> {
        let Place { window, at, .. } = place;
        let begins_here = !matches!(rule.matcher, Matcher::Infix { .. });
        let mut is_glued = begins_here && rule.boundary.left && !can_begin(rule, window, at);
        // Only a checksum tells a token in a longer word.
        if is_glued && rule.checks.is_empty() {
            return None;
        }
        if let Matcher::Known(value) = rule.matcher {
            let known = &self.known[value as usize];
            let shown = known.shown_at(&window[at..])?;
            return Some(known.candidate(number, shown));
        }
        let found = self.find(number, rule, place, scratch)?;
        let (span, secret_span, is_partial) = match bounded(rule, place, found) {
            Some(bounded) => bounded,
            None if rule.checks.is_empty() || rule.ends.is_some() => return None,
            None => {
                is_glued = true;
                (found.0, found.1, false)
            }
        };
        let secret = &window[secret_span.start..secret_span.end];
        let is_shape = begins_here && rule.checks.is_empty() && !rule.is_generic();
        if self.expressions.is_excepted(number, rule, secret)
            || (is_shape && is_in_base64(window, span))
        {
            return None;
        }
        let (confidence, mut reasons) = score::shaped(rule, secret);
        if is_glued && !reasons.contains(Reason::ChecksumVerified) {
            return None;
        }
        if is_partial {
            reasons.add(Reason::Partial);
        }
        let is_encrypted = rule.matcher == Matcher::Pem && block::is_encrypted_key(window, span);
        let confidence = match is_encrypted {
            true => confidence.min(Confidence::Medium),
            false => confidence,
        };
        if is_encrypted {
            reasons.add(Reason::Encrypted);
        }
        // The same key is the same secret, however its lines are wrapped or escaped.
        let key: Vec<u8>;
        let secret = if rule.matcher == Matcher::Pem {
            key = block::key_characters(secret).collect();
            &key
        } else {
            secret
        };
        let found = candidate(number, at, (span, secret_span), confidence, reasons, secret);
        Some(Candidate {
            name: (rule.matcher == Matcher::Jwt).then_some(TOKENS),
            ..found
        })
    }

    /// Finds what the rule's expression or structure finds: all of it, and its secret.
    fn find(
        &self,
        number: u16,
        rule: &Rule,
        place: Place<'_>,
        scratch: &mut Scratch,
    ) -> Option<(Span, Span)> {
        let Place { window, at, .. } = place;
        match &rule.matcher {
            Matcher::Start(_) => {
                let caches = &mut scratch.caches;
                self.expressions.search((number, rule), window, at, caches)
            }
            Matcher::Infix { lookbehind, .. } => {
                self.search_around(number, rule, place, *lookbehind, scratch)
            }
            Matcher::Pem => block::pem(window, at).map(|found| (found.span, found.secret)),
            Matcher::Jwt => block::jwt(window, at).map(|found| (found.span, found.secret)),
            // See `judge` and `try_rule`.
            Matcher::SqlInsert
            | Matcher::Command
            | Matcher::Manifest
            | Matcher::Assignment
            | Matcher::WholeFile
            | Matcher::Known(_) => None,
        }
    }

    /// Finds a match that begins at most `lookbehind` bytes before the keyword and covers it.
    fn search_around(
        &self,
        number: u16,
        rule: &Rule,
        place: Place<'_>,
        lookbehind: usize,
        scratch: &mut Scratch,
    ) -> Option<(Span, Span)> {
        let mut from = place.at.saturating_sub(lookbehind);
        while from <= place.at {
            let (span, secret) =
                self.expressions
                    .search((number, rule), place.window, from, &mut scratch.caches)?;
            if span.start > place.at {
                return None;
            }
            let covers = span.end >= place.at + place.keyword_len;
            if covers && (!rule.boundary.left || begins_word(place.window, span.start)) {
                return Some((span, secret));
            }
            from = span.start + 1;
        }
        None
    }
}

/// What all JSON web tokens are counted under: [`Candidate::name`].
pub(super) const TOKENS: u32 = 0;

/// Shorter beginnings are no prefix.
const MIN_PREFIX_LEN: usize = 3;

/// What the tokens begin with that rules know by their prefix: the keywords that end in a mark, of
/// rules whose secret is the whole match. Sorted.
fn token_starts(rules: &RuleSet) -> Vec<Vec<u8>> {
    let has_prefix = |rule: &&Rule| match &rule.matcher {
        Matcher::Start(regex) => {
            rule.confidence > Confidence::Low
                && rule.ends.is_none()
                && !regex.starts_with("(?i")
                && !regex.contains("(?P<secret>")
        }
        _ => false,
    };
    let prefixed = rules.rules.iter().filter(has_prefix);
    let keywords = prefixed.flat_map(|rule| rule.keywords.iter().map(|keyword| &keyword.text));
    let mut starts: Vec<Vec<u8>> = keywords
        .filter(|text| text.last().is_some_and(|last| b"_-.".contains(last)))
        .cloned()
        .collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// One keyword occurrence in its window.
#[derive(Clone, Copy)]
pub(super) struct Place<'w> {
    pub(super) window: &'w [u8],
    /// Where in it the keyword begins.
    pub(super) at: usize,
    pub(super) keyword_len: usize,
    /// Whether the buffer ends where the window does.
    is_end: bool,
    /// Whether it begins there, and looks no further for that.
    is_start: bool,
}

/// Every password of an SQL statement.
fn inserted(
    number: u16,
    rule: &Rule,
    place: Place<'_>,
    spans: Vec<Span>,
) -> impl Iterator<Item = Candidate> {
    let Place { window, at, .. } = place;
    spans.into_iter().filter_map(move |span| {
        let secret = &window[span.start..span.end];
        if secret.len() < MIN_INSERTED || insert::is_digest(secret) || is_reference(secret, true) {
            return None;
        }
        let (confidence, reasons) = score::shaped(rule, secret);
        Some(candidate(
            number,
            at,
            (span, span),
            confidence,
            reasons,
            secret,
        ))
    })
}

/// Every value that a reader of its own found.
fn listed(
    number: u16,
    rule: &Rule,
    place: Place<'_>,
    spans: Vec<Span>,
) -> impl Iterator<Item = Candidate> {
    let Place { window, at, .. } = place;
    spans.into_iter().filter_map(move |span| {
        let own = interpolation::own(window, span, false);
        let span = own.map_or(span, |own| own.span);
        let span = Span::new(span.start, syntax::end_of_argument(window, at, span));
        let secret = &window[span.start..span.end];
        if secret.len() < MIN_ENDED_LEN || is_reference(secret, false) {
            return None;
        }
        let (confidence, mut reasons) = score::shaped(rule, secret);
        let is_cut = span.end >= at + command::MAX_COMMAND_LEN;
        let is_part = own.is_some_and(|own| own.is_partial);
        if is_cut || is_part || continuation::goes_on(window, span, continuation::Joins::Nowhere) {
            reasons.add(Reason::Partial);
        }
        let all = Span::new(span.start.min(at), span.end.max(at));
        Some(candidate(
            number,
            at,
            (all, span),
            confidence,
            reasons,
            secret,
        ))
    })
}

/// Shorter values in an SQL statement are flags.
const MIN_INSERTED: usize = 5;

fn assigned(rule: u16, place: Place<'_>, found: &Assignment) -> Option<Candidate> {
    let Place { window, at, .. } = place;
    let (confidence, reasons) = score::assignment(window, found)?;
    let start = found.name.start.min(found.value.start);
    let span = Span::new(start, found.value.end.max(found.name.end));
    // The header of a long table is no part of every row.
    let span = if span.len() > FAR_REACH {
        found.value
    } else {
        span
    };
    let secret = &window[found.value.start..found.value.end];
    let spans = (span, found.value);
    let found = Candidate {
        name: crowding_name(window, found),
        ..candidate(rule, at, spans, confidence, reasons, secret)
    };
    Some(found)
}

/// What a rule for whole files says of the text `bytes`.
pub(super) fn whole_file(rule: u16, bytes: &[u8]) -> Option<Candidate> {
    let span = whole::value(bytes)?;
    let secret = &bytes[span.start..span.end];
    let (confidence, reasons) = whole::judge(secret)?;
    // Two words on two lines are a list.
    let is_list = memchr::memchr(b'\n', &bytes[..span.start]).is_some();
    if is_list && confidence == Confidence::Low {
        return None;
    }
    let spans = (span, span);
    Some(candidate(rule, 0, spans, confidence, reasons, secret))
}

/// A digest of the name, if it is not one of a password, and the value is not in a list that says
/// what it is.
fn crowding_name(window: &[u8], found: &Assignment) -> Option<u32> {
    let is_alone = !matches!(found.operator, Operator::Listed | Operator::Member);
    let name = &window[found.name.start..found.name.end];
    let mut hasher = FxHasher::default();
    for byte in name {
        hasher.write_u8(byte.to_ascii_lowercase());
    }
    #[expect(clippy::cast_possible_truncation, reason = "a part of a digest is one")]
    let digest = hasher.finish() as u32;
    (is_alone && !features::is_password(name)).then_some(digest)
}

fn candidate(
    rule: u16,
    at: usize,
    (span, secret_span): (Span, Span),
    confidence: Confidence,
    reasons: score::Reasons,
    secret: &[u8],
) -> Candidate {
    let relative =
        |offset: usize| i32::try_from(offset as isize - at as isize).expect("windows are small");
    Candidate {
        rule,
        start: relative(span.start),
        end: relative(span.end),
        secret_start: relative(secret_span.start),
        secret_end: relative(secret_span.end),
        confidence,
        reasons,
        secret: Arc::new(Secret::new(secret)),
        name: None,
        wrapping: None,
        inside: None,
        is_allowed: false,
    }
}

/// How many bytes before and after a keyword's first byte a rule looks at, at most.
fn reach(rule: &Rule) -> (usize, usize) {
    let before = match rule.matcher {
        Matcher::Start(_)
        | Matcher::Pem
        | Matcher::Jwt
        | Matcher::SqlInsert
        | Matcher::Known(_) => GLUE_REACH,
        Matcher::Infix { lookbehind, .. } => lookbehind + BOUNDARY_REACH,
        Matcher::Command => command::MAX_PIPED_LEN + 1,
        Matcher::Manifest => rule.max_len,
        // One more, so that the window does not end where the line may begin.
        Matcher::Assignment => (MAX_NAME_LEN + MAX_PREFIX_LEN + 1).max(columns::MAX_BEFORE),
        // It has no keyword.
        Matcher::WholeFile => 0,
    };
    let before = match rule.ends {
        Some(_) => before.max(lookbehind(rule) + MAX_PREFIX_LEN + 1),
        None => before,
    };
    // The bytes after the match that decide whether it ends a word.
    (before, rule.max_len + GLUE_REACH)
}

/// Shorter secrets of rules with `ends` are flags.
const MIN_ENDED_LEN: usize = 4;

/// Where a match and its secret end, and whether the secret may go on; `None` if it cannot end there.
fn bounded(
    rule: &Rule,
    place: Place<'_>,
    (span, mut secret): (Span, Span),
) -> Option<(Span, Span, bool)> {
    let window = place.window;
    let is_cut = |end: usize| end == window.len() && !place.is_end;
    if let Some(ends) = rule.ends {
        // Where nothing is quoted, an escaped quote begins a shell word.
        let escapes = syntax::escapes_before(window, secret.start);
        if escapes > 0 && syntax::is_quoted(window, span.start) == Some(false) {
            secret.start -= escapes + 1;
        }
        secret.start += syntax::opening_entity(&window[secret.start..]);
        let before = Span::new(span.start, span.start);
        let extent = syntax::end(window, before, secret.start, ends);
        secret.end = extent.end;
        let own = interpolation::own(window, secret, false);
        let is_part = own.is_some_and(|own| own.is_partial);
        let is_partial = extent.is_partial || is_part || is_cut(extent.end);
        secret = own.map_or(secret, |own| own.span);
        return (secret.len() >= MIN_ENDED_LEN).then_some((span, secret, is_partial));
    }
    let is_text = matches!(rule.matcher, Matcher::Start(_) | Matcher::Infix { .. });
    if (rule.boundary.right && !can_end(rule, window, secret.end))
        || (is_text && runs_out(window, span, secret))
    {
        return None;
    }
    let is_partial = rule.matcher == Matcher::Pem && is_cut(span.end);
    Some((span, secret, is_partial))
}

fn lookbehind(rule: &Rule) -> usize {
    match rule.matcher {
        Matcher::Infix { lookbehind, .. } => lookbehind,
        _ => 0,
    }
}

/// Bytes after a keyword that the longest assigned value needs.
const FAR_REACH: usize = MAX_VALUE_LEN + 512;

/// Whether a match runs out of the quotes or brackets that open right before it: its secret holds
/// the mark that closes them.
fn runs_out(window: &[u8], span: Span, secret: Span) -> bool {
    let Some(&open) = span.start.checked_sub(1).and_then(|at| window.get(at)) else {
        return false;
    };
    // `f('name', 'secret')`: quotes of its own hold the secret.
    let is_quoted = secret.start > span.start
        && matches!(window[secret.start - 1], b'"' | b'\'' | b'`')
        && window.get(secret.end) == Some(&window[secret.start - 1]);
    let close = match open {
        _ if is_quoted => return false,
        b'"' | b'\'' | b'`' => open,
        b'(' => b')',
        b'[' => b']',
        b'<' => b'>',
        _ => return false,
    };
    let count = |mark: u8| {
        let bytes = &window[secret.start..secret.end];
        bytes.iter().filter(|byte| **byte == mark).count()
    };
    count(close) > if open == close { 0 } else { count(open) }
}

/// Whether a match of `rule` can begin at `at`. A shape that only its issuer uses may stand right
/// behind another string, where there is no text.
fn can_begin(rule: &Rule, window: &[u8], at: usize) -> bool {
    let before = &window[at.saturating_sub(GLUE_REACH)..at];
    if is_base64(before) {
        return false;
    }
    begins_word(window, at)
        || (rule.confidence == Confidence::High && before.iter().any(is_control))
}

/// Whether the text before a match is base64 that goes on with it: chance writes every prefix there.
fn is_base64(before: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    before.len() == GLUE_REACH
        && before.ends_with(b"/") | before.ends_with(b"+")
        && before.iter().all(is_digit)
        && class_changes(before) * 2 >= before.len()
}

/// Whether a match lies between the signs of a longer base64 text.
fn is_in_base64(window: &[u8], span: Span) -> bool {
    const MIN_BEFORE: usize = 12;
    const MIN_LEN: usize = 60;
    let is_sign = |byte: Option<&u8>| byte.is_some_and(|byte| b"/+".contains(byte));
    let is_digit = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let before = &window[span.start.saturating_sub(GLUE_REACH)..span.start];
    let after = &window[span.end..window.len().min(span.end + GLUE_REACH)];
    if !is_sign(before.last()) || !is_sign(after.first()) {
        return false;
    }
    let len = before.iter().rev().take_while(is_digit).count();
    let rest = after.iter().take_while(is_digit).count();
    let run = &before[before.len() - len..];
    len >= MIN_BEFORE && len + span.len() + rest >= MIN_LEN && class_changes(run) * 3 >= len
}

/// Whether a match of `rule` can end at `at`, likewise.
fn can_end(rule: &Rule, window: &[u8], at: usize) -> bool {
    let after = &window[at..window.len().min(at + GLUE_REACH)];
    ends_word(window, at) || (rule.confidence == Confidence::High && after.iter().any(is_control))
}

fn is_control(byte: &u8) -> bool {
    byte.is_ascii_control() && !byte.is_ascii_whitespace()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a word can begin at `at`: no word character stands before it, or one that ends an
/// escape sequence (`\n`, `%3D`, `\u003d`, a terminal colour).
fn begins_word(window: &[u8], at: usize) -> bool {
    let before = &window[at.saturating_sub(BOUNDARY_REACH)..at];
    let Some(&last) = before.last() else {
        return true;
    };
    if !is_word(last) {
        return true;
    }
    match before {
        [.., b'\\', b'n' | b'r' | b't' | b'f' | b'b'] => true,
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => true,
        [.., b'\\', b'u', a, b, c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_hexdigit()),
        [.., b'm'] => before
            .iter()
            .rposition(|&byte| byte == 0x1b)
            .is_some_and(|escape| {
                before[escape + 1..before.len() - 1]
                    .iter()
                    .all(|byte| b"[;0123456789".contains(byte))
            }),
        _ => false,
    }
}

/// Whether a word can end at `at`.
fn ends_word(window: &[u8], at: usize) -> bool {
    match &window[at..] {
        [] => true,
        [b'-', next, ..] => !next.is_ascii_alphanumeric(),
        [next, ..] => !is_word(*next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_end_where_words_begin() {
        for before in ["", " ", "\\n", "%3D", "\\u003d", "\x1b[32m", "=", "\""] {
            assert!(
                begins_word(format!("{before}x").as_bytes(), before.len()),
                "{before:?}"
            );
        }
        for before in ["a", "_", "an", "0", "em", "%3"] {
            assert!(
                !begins_word(format!("{before}x").as_bytes(), before.len()),
                "{before:?}"
            );
        }
    }

    #[test]
    fn a_hyphen_ends_a_word_unless_it_goes_on() {
        assert!(ends_word(b"x", 1));
        assert!(ends_word(b"x-", 1));
        assert!(ends_word(b"x--", 1));
        assert!(!ends_word(b"x-y", 1));
        assert!(!ends_word(b"xy", 1));
    }
}
