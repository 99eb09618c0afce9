//! Why a match was judged as it was: the evidence, piece by piece.

use super::assignment::Assignment;
use super::checksum::{self, Outcome};
use super::entropy::bits_per_byte;
use super::{Candidate, Detector, Hits, Scratch, features, located, score, trees};
use crate::rule::{Check, Confidence, Matcher};
use crate::span::Span;

/// The evidence for one match.
#[derive(Clone, Debug, PartialEq)]
pub enum Explanation {
    /// An assignment: log-odds are added up.
    Score {
        /// What each fact adds, most first, by what the trees make of it.
        points: Vec<(String, f64)>,
        /// How likely it is a secret, of 1.
        probability: f64,
    },
    /// A shape: the rule says how sure it is, checks move it.
    Shape {
        /// What the rule says.
        stated: Confidence,
        /// Bits per character of the secret.
        bits: f64,
        /// The least that the rule asks for.
        least_bits: Option<f64>,
        /// What each check found, by its name in rule files.
        checks: Vec<(&'static str, Outcome)>,
    },
}

impl Detector {
    /// Explains what the rule named `rule_id` found at `span` of `bytes`; `None` if it does not
    /// stand there by itself, as in an encoded text.
    pub fn explain(&self, bytes: &[u8], rule_id: &str, span: Span) -> Option<Explanation> {
        let mut hits = Hits::default();
        self.scan(bytes, &mut Scratch::default(), &mut hits);
        let is_it = |at: usize, candidate: &Candidate| {
            located(at, candidate).0 == span && self.rule(candidate.rule).id == rule_id
        };
        let found = hits.hits.iter().filter_map(|hit| {
            let at = hit.at as usize;
            let mut candidates = hit.verdict.iter().flat_map(|verdict| verdict.iter());
            let candidate = candidates.find(|candidate| is_it(at, candidate))?;
            Some((hit, candidate))
        });
        let found = found.max_by_key(|(_, candidate)| candidate.confidence);
        let whole = hits.whole.as_ref().filter(|whole| is_it(0, whole));
        let candidate = found.map_or(whole, |(_, candidate)| Some(candidate))?;
        let rule = self.rule(candidate.rule);
        let assigned = found.filter(|_| rule.matcher == Matcher::Assignment);
        let Some((hit, _)) = assigned else {
            let secret = candidate.secret.reveal();
            let checks = Check::ALL
                .iter()
                .filter(|(_, check)| rule.checks.contains(check))
                .map(|&(name, check)| (name, checksum::run(check, secret)));
            return Some(Explanation::Shape {
                stated: rule.confidence,
                bits: bits_per_byte(secret),
                least_bits: rule.entropy,
                checks: checks.collect(),
            });
        };
        let mut read = Vec::new();
        let at = hit.at as usize;
        let (place, _) = self
            .confirmer
            .assignments(bytes, at, hit.keyword(), &mut read);
        let from = at - place.at;
        let is_it = |found: &&Assignment| span.start == from + found.value.start;
        let features = features::of(place.window, read.iter().find(is_it)?)?;
        Some(Explanation::Score {
            probability: score::probability(trees::score(&features)),
            points: trees::points(&features),
        })
    }
}
