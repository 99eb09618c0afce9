//! The values to be erased, and how they are found in bytes.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::detect::decode::Layer;
use crate::detect::known::{self, KnownValue};
use crate::detect::{Detector, Hits, Scratch};
use crate::error::Result;
use crate::finding::Fingerprint;
use crate::purge::find::frame::Edges;
use crate::purge::find::marks::name_mark;
use crate::purge::find::rest;
use crate::rule::{Matcher, RuleSet};
use crate::secret::Secret;
use crate::span::Span;

/// Rounds of patching: one may uncover what another value hid.
pub(crate) const MAX_ROUNDS: usize = 5;

/// Where a value is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Wherever it stands, also in encoded forms.
    Everywhere,
    /// Where its rule finds it: short values stand elsewhere by chance.
    WhereFound,
}

/// Shorter values that a rule found are erased only where it did.
pub const MIN_EVERYWHERE: usize = 8;

/// A value to be erased.
#[derive(Clone, Debug)]
pub struct Target {
    /// The value.
    pub secret: Arc<Secret>,
    /// The rule that found it, or that of known values.
    pub rule_id: String,
    /// Its identity in reports.
    pub fingerprint: Fingerprint,
    /// Where it is erased.
    pub reach: Reach,
    /// What is put in its place, if not what is put everywhere.
    pub mark: Option<Vec<u8>>,
    /// Whether the user named this very value: then it is erased however ambiguous it is.
    pub is_named: bool,
    /// Whether only a part of the value could be read.
    pub is_partial: bool,
}

/// Bytes that show a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where.
    pub span: Span,
    /// Which value: an index into the targets.
    pub target: usize,
    /// What the value is wrapped in there.
    pub layers: Option<Arc<[Layer]>>,
    /// Whether these are the characters that base64 shows the value's inner bytes by.
    pub is_form: bool,
    /// Further values whose places overlap this one and were united with it: indexes into the targets.
    pub others: Vec<usize>,
}

impl Edit {
    /// A value that stands open at `span`.
    pub fn open(span: Span, target: usize) -> Self {
        Self {
            span,
            target,
            layers: None,
            is_form: false,
            others: Vec::new(),
        }
    }

    /// All values that it shows.
    pub fn targets(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.target).chain(self.others.iter().copied())
    }

    /// Makes it take the bytes of `other`, too.
    fn unite(&mut self, other: &Self) {
        let start = self.span.start.min(other.span.start);
        let span = Span::new(start, self.span.end.max(other.span.end));
        let mut all: BTreeSet<usize> = self.targets().chain(other.targets()).collect();
        // The value that takes all of it decides on the mark.
        if other.span == span && self.span != span {
            self.target = other.target;
        }
        self.span = span;
        all.remove(&self.target);
        self.others = all.into_iter().collect();
    }
}

/// All values of one purge, compiled.
pub struct Needles {
    targets: Vec<Target>,
    /// What decides where each value ends; `None` if the user did.
    edges: Vec<Option<Edges>>,
    detector: Detector,
    /// Rule id, or that of known values, and value; to the target.
    by_value: FxHashMap<(String, Arc<Secret>), usize>,
}

impl Needles {
    /// Compiles a search for `targets`, which `rules` found.
    ///
    /// # Errors
    /// `Usage` if a value is too short or too long to be searched for.
    pub fn new(targets: Vec<Target>, rules: &RuleSet) -> Result<Self> {
        let (mut needed, mut known) = (BTreeSet::new(), Vec::new());
        let mut by_value = FxHashMap::default();
        // A value may be wider than the secret in it, whose copies have nothing around them.
        let mut cores = Vec::new();
        for (at, target) in targets.iter().enumerate() {
            let rule = rules.get(&target.rule_id);
            // A key's lines are told from its characters by its rule alone.
            let is_block = rule.is_some_and(|rule| rule.matcher == Matcher::Pem);
            if is_block || target.reach == Reach::WhereFound {
                needed.insert(target.rule_id.clone());
            }
            let key = (target.rule_id.clone(), Arc::clone(&target.secret));
            by_value.insert(key, at);
            if target.reach == Reach::Everywhere {
                known.push(KnownValue::new(Arc::clone(&target.secret))?);
                let key = (known::RULE_ID.to_owned(), Arc::clone(&target.secret));
                by_value.insert(key, at);
            }
            let core = known::core(target.secret.reveal());
            let core = core.filter(|_| target.reach == Reach::Everywhere && !target.is_named);
            cores.extend(core.map(|core| (at, Arc::new(Secret::new(core)))));
        }
        for (at, core) in cores {
            let key = (known::RULE_ID.to_owned(), Arc::clone(&core));
            if let Entry::Vacant(free) = by_value.entry(key) {
                free.insert(at);
                known.push(KnownValue::new(core)?);
            }
        }
        let mut kept = rules.clone();
        kept.rules.retain(|rule| needed.contains(&rule.id));
        Ok(Self {
            detector: Detector::compile_with(kept, known)?,
            edges: targets
                .iter()
                .map(|target| rest::edges(target, rules))
                .collect(),
            targets,
            by_value,
        })
    }

    /// The values.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// What decides where each of them ends; `None` if the user did.
    pub fn edges(&self) -> &[Option<Edges>] {
        &self.edges
    }

    /// What searches for them.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// What a match of rule number `rule` in `span` shows; `None` if it is no value to be erased.
    pub fn edit(
        &self,
        (rule, secret): (u16, &Arc<Secret>),
        span: Span,
        layers: Option<Arc<[Layer]>>,
    ) -> Option<Edit> {
        let rule_id = &self.detector.rule(rule).id;
        let target = *self.by_value.get(&(rule_id.clone(), Arc::clone(secret)))?;
        let is_longer = span.len() > secret.reveal().len();
        let is_form = rule_id == known::RULE_ID && layers.is_none() && is_longer;
        Some(Edit {
            span,
            target,
            layers,
            is_form,
            others: Vec::new(),
        })
    }

    /// Where they stand in `bytes`, by position, none overlapping; and whether everything in
    /// `bytes` could be read.
    pub fn find(&self, bytes: &[u8]) -> (Vec<Edit>, bool) {
        let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
        self.detector.scan(bytes, &mut scratch, &mut hits);
        let found = self.detector.matches(bytes, &hits).into_iter();
        let edits = found.filter_map(|found| {
            self.edit(
                (found.rule, &found.secret),
                found.secret_span,
                found.wrapping,
            )
        });
        let edits = without_overlaps(edits.collect());
        (edits, true)
    }
}

/// Sorts `edits`, and unites those that share bytes and are written alike: the union of their places is
/// one edit. Of others that share bytes, the one that stands open stays, then the one that was
/// decoded, then the longer one: what is left of the rest is found when the result is searched again.
pub fn without_overlaps(mut edits: Vec<Edit>) -> Vec<Edit> {
    edits.sort_by(|a, b| {
        let key = |edit: &Edit| (edit.is_form, edit.layers.is_some());
        let written = key(a).cmp(&key(b)).then_with(|| a.layers.cmp(&b.layers));
        let longer = b.span.end.cmp(&a.span.end);
        written.then(a.span.start.cmp(&b.span.start)).then(longer)
    });
    let mut united: Vec<Edit> = Vec::with_capacity(edits.len());
    for edit in edits {
        match united.last_mut() {
            Some(last)
                if last.is_form == edit.is_form
                    && last.layers == edit.layers
                    && edit.span.start < last.span.end =>
            {
                last.unite(&edit);
            }
            _ => united.push(edit),
        }
    }
    let rank = |edit: &Edit| {
        let length = std::cmp::Reverse(edit.span.len());
        (edit.is_form, edit.layers.is_some(), length, edit.span)
    };
    united.sort_by_key(rank);
    let mut kept: Vec<Edit> = Vec::with_capacity(united.len());
    let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
    for edit in united {
        let before = taken.range(..edit.span.end).next_back();
        if before.is_none_or(|(_, &end)| end <= edit.span.start) {
            taken.insert(edit.span.start, edit.span.end);
            kept.push(edit);
        }
    }
    kept.sort_by_key(|edit| edit.span);
    kept
}

/// Returns `name` without the values in it; `None` if there are none.
pub fn redact_name(name: &[u8], needles: &Needles, mark: &[u8]) -> Option<Vec<u8>> {
    let mut name = name.to_vec();
    let mut changed = false;
    for _ in 0..MAX_ROUNDS {
        let (edits, _) = needles.find(&name);
        if edits.is_empty() {
            break;
        }
        changed = true;
        let mut out = Vec::new();
        let mut at = 0;
        for edit in edits {
            out.extend_from_slice(&name[at..edit.span.start]);
            out.extend(name_mark(
                needles.targets()[edit.target]
                    .mark
                    .as_deref()
                    .unwrap_or(mark),
            ));
            at = edit.span.end;
        }
        out.extend_from_slice(&name[at..]);
        name = out;
    }
    changed.then_some(name)
}
