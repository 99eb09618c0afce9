//! The regular expressions of rules, compiled when first needed, and what each thread keeps for them.
//!
//! Most expressions begin at a keyword and can be read in one pass, without a choice that must be taken back: for
//! these one small automaton is shared by all threads. The others have an automaton that each thread builds as it
//! goes; there can be more than a thousand of them, so a thread forgets all when they take too much memory. They
//! are asked only where a text stands that can be the secret: most words of issuers' names have none near.

use std::collections::HashMap;
use std::sync::OnceLock;

use regex_automata::dfa::onepass;
use regex_automata::meta::{Cache, Config, Regex};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::NonMaxUsize;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use crate::rule::shape::Shape;
use crate::rule::{Matcher, Rule, RuleSet};
use crate::span::Span;

/// Memory for an automaton that reads in one pass. A larger one is left to the other way.
const ONE_PASS_BYTES: usize = 64 << 10;
/// Memory for the lazily built automaton of one rule on one thread.
const HYBRID_CACHE_BYTES: usize = 256 << 10;
/// Memory for all of them on one thread.
const MOST_CACHE_BYTES: usize = 8 << 20;

/// The places where a match and its groups begin and end.
type Slots = [Option<NonMaxUsize>; 4];

/// What a rule's expression needs, and the expression.
#[derive(Default)]
struct Expression {
    shape: OnceLock<Option<Box<Shape>>>,
    engine: OnceLock<Option<Engine>>,
}

enum Engine {
    OnePass(Box<onepass::DFA>),
    Any(Regex),
}

impl Expression {
    fn slots(
        &self,
        (number, matcher): (u16, &Matcher),
        input: &Input<'_>,
        caches: &mut Caches,
    ) -> Option<Slots> {
        let (regex, begins_here) = match matcher {
            Matcher::Start(regex) => (regex, true),
            Matcher::Infix { regex, .. } => (regex, false),
            _ => return None,
        };
        let shape = || Shape::of(regex, begins_here).map(Box::new);
        if let Some(shape) = self.shape.get_or_init(shape)
            && !shape.stands_in(&input.haystack()[input.get_range()])
        {
            return None;
        }
        let engine = self.engine.get_or_init(|| Engine::of(regex, begins_here));
        engine.as_ref()?.slots(number, input, caches)
    }
}

impl Engine {
    /// `None` if an expression is too large. The loader parsed it with the same settings.
    fn of(regex: &str, begins_here: bool) -> Option<Self> {
        let one_pass = begins_here.then(|| one_pass(regex)).flatten();
        one_pass
            .map(|dfa| Self::OnePass(Box::new(dfa)))
            .or_else(|| compile(&[regex]).map(Self::Any))
    }
}

/// Whether a match begins where it is searched for.
fn anchored(matcher: &Matcher) -> Anchored {
    match matcher {
        Matcher::Start(_) => Anchored::Yes,
        _ => Anchored::No,
    }
}

fn syntax() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

fn one_pass(regex: &str) -> Option<onepass::DFA> {
    let config = onepass::Config::new().size_limit(Some(ONE_PASS_BYTES));
    let mut builder = onepass::DFA::builder();
    let builder = builder.configure(config).syntax(syntax());
    let builder = builder.thompson(thompson::Config::new().utf8(false));
    builder.build(regex).ok()
}

fn compile(regexes: &[&str]) -> Option<Regex> {
    let config = Config::new()
        .utf8_empty(false)
        .hybrid_cache_capacity(HYBRID_CACHE_BYTES);
    let mut builder = Regex::builder();
    builder.syntax(syntax()).configure(config);
    builder.build_many(regexes).ok()
}

/// The expressions of a set of rules.
pub(super) struct Expressions {
    rules: Vec<Expression>,
    /// What a rule excepts, all in one.
    exceptions: HashMap<u16, OnceLock<Option<Regex>>>,
}

/// What one thread needs to search.
#[derive(Default)]
pub(super) struct Caches {
    one_pass: Option<onepass::Cache>,
    lazy: HashMap<u16, Cache>,
}

impl Caches {
    /// That of rule `number`.
    fn of(&mut self, number: u16, regex: &Regex) -> &mut Cache {
        if !self.lazy.contains_key(&number) {
            let kept: usize = self.lazy.values().map(Cache::memory_usage).sum();
            if kept > MOST_CACHE_BYTES {
                self.lazy.clear();
            }
        }
        let cache = self.lazy.entry(number);
        cache.or_insert_with(|| regex.create_cache())
    }
}

impl Expressions {
    pub(super) fn new(rules: &RuleSet) -> Self {
        let excepting = (0..)
            .zip(&rules.rules)
            .filter(|(_, rule)| !rule.except.is_empty());
        Self {
            rules: rules.rules.iter().map(|_| Expression::default()).collect(),
            exceptions: excepting
                .map(|(number, _)| (number, OnceLock::new()))
                .collect(),
        }
    }

    /// Returns where the expression of rule `number` matches from `from` on, or only there if it is a rule
    /// that begins at its keyword: all of the match, and the secret in it.
    pub(super) fn search(
        &self,
        (number, rule): (u16, &Rule),
        window: &[u8],
        from: usize,
        caches: &mut Caches,
    ) -> Option<(Span, Span)> {
        let anchored = anchored(&rule.matcher);
        let input = Input::new(window).range(from..).anchored(anchored);
        let rule = (number, &rule.matcher);
        spans(self.rules[usize::from(number)].slots(rule, &input, caches)?)
    }

    /// Whether the rule excepts the secret.
    pub(super) fn is_excepted(&self, number: u16, rule: &Rule, secret: &[u8]) -> bool {
        let except = self.exceptions.get(&number).and_then(|except| {
            let all: Vec<&str> = rule.except.iter().map(String::as_str).collect();
            except.get_or_init(|| compile(&all)).as_ref()
        });
        except.is_some_and(|except| except.is_match(secret))
    }
}

impl Engine {
    fn slots(&self, number: u16, input: &Input<'_>, caches: &mut Caches) -> Option<Slots> {
        let mut slots = Slots::default();
        match self {
            Self::OnePass(dfa) => {
                let cache = caches.one_pass.get_or_insert_with(|| dfa.create_cache());
                dfa.reset_cache(cache);
                dfa.try_search_slots(cache, input, &mut slots).ok()??;
            }
            Self::Any(regex) => {
                let cache = caches.of(number, regex);
                // Groups cost more: only where there are any.
                if regex.captures_len() < 2 {
                    let found = regex.search_with(cache, input)?;
                    slots[0] = NonMaxUsize::new(found.start());
                    slots[1] = NonMaxUsize::new(found.end());
                } else {
                    regex.search_slots_with(cache, input, &mut slots)?;
                }
            }
        }
        Some(slots)
    }
}

/// The secret is the first group, if there is one.
fn spans(slots: Slots) -> Option<(Span, Span)> {
    let [Some(start), Some(end), secret_start, secret_end] = slots else {
        return None;
    };
    let span = Span::new(start.get(), end.get());
    let secret = match (secret_start, secret_end) {
        (Some(start), Some(end)) => Span::new(start.get(), end.get()),
        _ => span,
    };
    Some((span, secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::template::{self, Random};

    /// Texts that match the rules, and damaged ones.
    fn texts(rule: &Rule, random: &mut Random) -> Vec<Vec<u8>> {
        let templates = rule.examples.iter().chain(&rule.near_misses);
        let expand = |template: &String| template::expand(template, random).map(String::into_bytes);
        let whole: Vec<Vec<u8>> = templates.map(expand).collect::<Result<_, _>>().unwrap();
        let mut all = whole.clone();
        for text in whole.into_iter().filter(|text| !text.is_empty()) {
            for _ in 0..4 {
                let mut damaged = text.clone();
                let at = random.below(damaged.len());
                match random.below(3) {
                    0 => damaged[at] = random.bits().to_le_bytes()[0],
                    1 => damaged.truncate(at),
                    _ => damaged.extend_from_slice(&text[at..]),
                }
                all.push(damaged);
            }
        }
        all
    }

    #[test]
    fn every_engine_finds_what_the_plain_one_finds() {
        let rules = crate::rule::builtin_with_proofs().unwrap();
        let mut random = Random::new(5);
        let (mut caches, mut one_pass, mut shaped, mut found) = (Caches::default(), 0, 0, 0);
        for (number, rule) in (0..).zip(&rules.rules) {
            let (Matcher::Start(regex) | Matcher::Infix { regex, .. }) = &rule.matcher else {
                continue;
            };
            let expression = Expression::default();
            let plain = Engine::Any(compile(&[regex]).unwrap());
            for text in texts(rule, &mut random) {
                for from in 0..text.len() {
                    let anchored = anchored(&rule.matcher);
                    let input = Input::new(&text).range(from..).anchored(anchored);
                    let rule_of = (number, &rule.matcher);
                    let fast = expression
                        .slots(rule_of, &input, &mut caches)
                        .and_then(spans);
                    let slow = plain.slots(number, &input, &mut caches).and_then(spans);
                    assert_eq!(fast, slow, "{}: {}", rule.id, text.escape_ascii());
                    found += usize::from(fast.is_some());
                }
            }
            let engine = expression.engine.get().and_then(Option::as_ref);
            one_pass += usize::from(matches!(engine, Some(Engine::OnePass(_))));
            shaped += usize::from(expression.shape.get().is_some_and(Option::is_some));
        }
        assert!(
            one_pass > 300 && shaped > 1_200 && found > 1_000,
            "{one_pass} {shaped} {found}"
        );
    }

    #[test]
    fn a_thread_forgets_caches_before_they_take_much() {
        let rules = crate::rule::builtin_with_proofs().unwrap();
        let expressions = Expressions::new(&rules);
        let mut caches = Caches::default();
        let mut random = Random::new(6);
        for (number, rule) in (0..).zip(&rules.rules) {
            if !matches!(rule.matcher, Matcher::Start(_) | Matcher::Infix { .. }) {
                continue;
            }
            for text in texts(rule, &mut random) {
                let _ = expressions.search((number, rule), &text, 0, &mut caches);
            }
            let kept: usize = caches.lazy.values().map(Cache::memory_usage).sum();
            assert!(
                kept < MOST_CACHE_BYTES + 2 * HYBRID_CACHE_BYTES + (1 << 20),
                "{kept}"
            );
        }
        assert!(!caches.lazy.is_empty());
    }
}
