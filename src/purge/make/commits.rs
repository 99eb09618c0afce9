//! Makes new commits and annotated tags.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};
use crate::finding::Signature;
use crate::history::commits::Rank;
use crate::odb::{Node, ObjectId, ObjectKind};
use crate::purge::find::headers;
use crate::purge::make::fit::Style;
use crate::purge::make::objects::{Look, MAX_DEPTH, Made, ROOT, Rewriter, Rewritten};
use crate::purge::make::text::Replacement;
use crate::purge::make::trees::Known;
use crate::purge::make::{check, patch, text};
use crate::span::Span;

/// Compares a new object with the old one.
type Check = fn(&Made, &[u8], &[u8], Known<'_>, &Rewritten) -> Result<()>;

impl Rewriter<'_> {
    /// Rewrites those of the commits that must change, given their new root trees.
    pub(crate) fn commits(
        &mut self,
        ranks: &[Rank],
        trees: &FxHashMap<Rank, ObjectId>,
    ) -> Result<()> {
        let survey = self.survey;
        let graph = &survey.graph;
        let mut must: FxHashSet<Rank> = FxHashSet::default();
        for &rank in ranks {
            let node = graph.node(rank);
            let is_dirty = survey.dirty.contains_key(&node)
                || survey.known.contains_key(&survey.store.id(node));
            let has_new_parent = graph
                .parents(rank)
                .iter()
                .any(|parent| must.contains(parent));
            let is_first = !has_new_parent && (is_dirty || trees.contains_key(&rank));
            if is_first {
                self.out
                    .first_changed
                    .push(survey.store.id(graph.node(rank)));
            }
            if is_first || has_new_parent {
                must.insert(rank);
            }
        }
        for rank in self.commit_order(&must) {
            let tree = trees.get(&rank).copied();
            self.commit(rank, tree)?;
        }
        Ok(())
    }

    /// Parents first, and what messages quote; of those that could come next, the lowest rank.
    pub(crate) fn commit_order(&self, must: &FxHashSet<Rank>) -> Vec<Rank> {
        let survey = self.survey;
        let rank_of = |node: Node| survey.graph.rank(node).filter(|rank| must.contains(rank));
        let mut quotes = survey.quotes.iter();
        if !quotes.any(|&(quoter, quoted)| rank_of(quoter).and(rank_of(quoted)).is_some()) {
            // Parents have lower ranks.
            let mut order: Vec<Rank> = must.iter().copied().collect();
            order.sort_unstable();
            return order;
        }
        let mut after: FxHashMap<Rank, Vec<Rank>> = FxHashMap::default();
        let mut waits: BTreeMap<Rank, usize> = BTreeMap::new();
        for &rank in must {
            let node = survey.graph.node(rank);
            let from = survey.quotes.partition_point(|&(quoter, _)| quoter < node);
            let quoted = survey.quotes[from..]
                .iter()
                .take_while(|&&(quoter, _)| quoter == node);
            let quoted = quoted.filter_map(|&(_, quoted)| survey.graph.rank(quoted));
            let parents = survey.graph.parents(rank).iter().copied();
            let needs: BTreeSet<Rank> = parents
                .chain(quoted)
                .filter(|need| must.contains(need))
                .collect();
            waits.insert(rank, needs.len());
            for need in needs {
                after.entry(need).or_default().push(rank);
            }
        }
        let mut ready: BinaryHeap<Reverse<Rank>> = BinaryHeap::new();
        ready.extend(
            waits
                .iter()
                .filter(|&(_, &count)| count == 0)
                .map(|(&rank, _)| Reverse(rank)),
        );
        let mut order = Vec::with_capacity(must.len());
        while let Some(Reverse(rank)) = ready.pop() {
            order.push(rank);
            waits.remove(&rank);
            for next in after.remove(&rank).unwrap_or_default() {
                let count = waits.get_mut(&next).expect("it waits for this one");
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse(next));
                }
            }
        }
        // Only quotes by short ids can go round in circles: these stay as they are.
        order.extend(waits.into_keys());
        order
    }

    pub(crate) fn commit(&mut self, rank: Rank, tree: Option<ObjectId>) -> Result<()> {
        let survey = self.survey;
        let node = survey.graph.node(rank);
        let old = survey.store.id(node);
        if survey.known.contains_key(&old) {
            return Ok(());
        }
        if let Some(new) = self.with_new_ids(node, tree)? {
            return self.put_commit(old, node, &new, check::names);
        }
        let (_, bytes) = self.read(node)?;
        let parents = text::named_ids(&bytes, b"parent");
        let mut replaced: Vec<Replacement> = Vec::new();
        if let (Some(tree), Some((span, _))) = (tree, text::named_ids(&bytes, b"tree").first()) {
            replaced.push((*span, tree.to_string().into_bytes()));
        }
        for &(span, parent) in &parents {
            let new = self.out.map(parent);
            if new != parent {
                replaced.push((span, new.to_string().into_bytes()));
            }
        }
        if self.options.prune_empty && self.is_empty_now(rank, tree, &parents)? {
            let parent = self.out.map(parents[0].1);
            self.out.ids.insert(old, parent);
            self.out.pruned.push(old);
            return Ok(());
        }
        let merged = text::merged_tags(&bytes);
        let edits = survey
            .dirty
            .get(&node)
            .map(|dirty| &dirty.edits[..])
            .unwrap_or_default();
        for (span, target) in merged {
            let is_edited = edits.iter().any(|edit| edit.span.overlaps(span));
            if is_edited
                || target
                    .is_some_and(|id| self.out.map(self.survey.peel(id)) != self.survey.peel(id))
            {
                replaced.push((span, Vec::new()));
                self.out.without_mergetag.push(old);
            }
        }
        let new = self.text(ObjectKind::Commit, node, &bytes, replaced)?;
        self.put_commit(old, node, &new, check::object)
    }

    /// The text of a commit in which only the ids of its tree and its parents change; `None` if more may
    /// change: it holds a value, a signature or a merged tag, or quotes an object, or may go.
    fn with_new_ids(&mut self, node: Node, tree: Option<ObjectId>) -> Result<Option<Vec<u8>>> {
        let survey = self.survey;
        let quotes = &survey.quotes;
        let first = quotes.partition_point(|&(quoter, _)| quoter < node);
        let has_quotes = quotes.get(first).is_some_and(|&(quoter, _)| quoter == node);
        if has_quotes || self.options.prune_empty || survey.dirty.contains_key(&node) {
            return Ok(None);
        }
        let (_, mut bytes) = self.read(node)?;
        let Some(ids) = text::leading_ids(&bytes, survey.store.hash().len_in_hex()) else {
            return Ok(None);
        };
        for (number, (span, id)) in ids.into_iter().enumerate() {
            let new = match number {
                0 => tree.unwrap_or(id),
                _ => self.out.map(id),
            };
            if new != id {
                let _ = new.hex_to_buf(&mut bytes[span.start..span.end]);
            }
        }
        Ok(Some(bytes))
    }

    /// Hands on a new commit. If it was planned, it is checked first.
    fn put_commit(&mut self, old: ObjectId, node: Node, bytes: &[u8], check: Check) -> Result<()> {
        self.check(ObjectKind::Commit, old, node, bytes, check)?;
        self.put(ObjectKind::Commit, old, bytes)?;
        let end = memchr::memmem::find(bytes, b"\nauthor ").unwrap_or(0);
        let line = &bytes[end..];
        let line = &line[..memchr::memchr(b'>', line).unwrap_or(0)];
        if !line.is_empty() && self.authors.contains(line) {
            return Ok(());
        }
        self.authors.insert(line.to_vec());
        if let Some(author) = Signature::of_author(bytes, self.survey.store.hash()) {
            self.out
                .authors
                .insert(format!("{} <{}>", author.name, author.email).into());
        }
        Ok(())
    }

    /// Checks a new commit or tag with `check`, if it was planned.
    fn check(
        &mut self,
        kind: ObjectKind,
        old: ObjectId,
        node: Node,
        bytes: &[u8],
        check: Check,
    ) -> Result<()> {
        let Look::AsPlanned(plan) = self.look else {
            return Ok(());
        };
        let (_, before) = self.read(node)?;
        let new = plan.map(old);
        let known = Known::new(self.survey, self.options, &plan.ids);
        check(&Made { kind, old, new }, &before, bytes, known, plan)
    }

    /// Whether a commit of one parent changed something, and does no more.
    fn is_empty_now(
        &mut self,
        rank: Rank,
        tree: Option<ObjectId>,
        parents: &[(Span, ObjectId)],
    ) -> Result<bool> {
        let &[(_, parent)] = parents else {
            return Ok(false);
        };
        let survey = self.survey;
        let Some(parent_rank) = survey
            .store
            .node_of(&parent)
            .and_then(|node| survey.graph.rank(node))
        else {
            return Ok(false);
        };
        let (old, old_parent) = (*survey.graph.tree(rank), *survey.graph.tree(parent_rank));
        let removal = if self.removals[ROOT].is_empty() {
            0
        } else {
            ROOT
        };
        let mut parent_tree = old_parent;
        if let Some(node) = survey.store.node_of(&old_parent) {
            parent_tree = self.tree(node, removal, 0)?.unwrap_or(old_parent);
        }
        Ok(old != old_parent && tree.unwrap_or(old) == parent_tree)
    }

    /// The text of a commit or tag with what is `replaced`, without values, and with ids that its
    /// message quotes mapped; without a signature, if anything changes.
    fn text(
        &mut self,
        kind: ObjectKind,
        node: Node,
        bytes: &[u8],
        mut replaced: Vec<Replacement>,
    ) -> Result<Vec<u8>> {
        let survey = self.survey;
        let edits = survey
            .dirty
            .get(&node)
            .map(|dirty| &dirty.edits[..])
            .unwrap_or_default();
        let edits: Vec<_> = edits
            .iter()
            .filter(|edit| !text::is_structure(bytes, edit.span))
            .cloned()
            .collect();
        if replaced.is_empty() && edits.is_empty() {
            return Ok(bytes.to_vec());
        }
        let id = survey.store.id(node);
        let style = Style::plain(&self.options.mark);
        match patch::marks(bytes, &edits, survey.needles, &style) {
            Ok(marks) => replaced.extend(marks),
            Err(why) => self.stuck(node, why),
        }
        replaced.extend(self.mapped_quotes(bytes));
        let signatures = text::signatures(bytes, kind == ObjectKind::Tag);
        let was_signed = !signatures.is_empty();
        if was_signed && self.signer.is_none() {
            self.out.unsigned.push(id);
        }
        replaced.extend(signatures.into_iter().map(|span| (span, Vec::new())));
        let mut new = text::splice(bytes, replaced);
        let (left, _) = survey.needles.find(&new);
        if left.iter().any(|edit| !text::is_structure(&new, edit.span)) {
            match patch::redact_text(&new, &left, survey.needles, &self.options.mark) {
                Ok(clean) => new = clean,
                Err(why) => self.stuck(node, why),
            }
        }
        if let Some(first) = edits.first() {
            let place = text::part_name(bytes, first.span).as_bytes().to_vec();
            let start = headers::message_start(&new);
            let span = Span::new(start.min(new.len()), start.min(new.len()));
            self.preview((id, kind), place, &new, &new, &[span]);
        }
        if let Some(signer) = self.signer.filter(|_| was_signed) {
            let signature = signer.sign(&new)?;
            new = text::signed(
                &new,
                &signature,
                kind == ObjectKind::Tag,
                survey.store.hash(),
            );
            self.out.signed.push(id);
        }
        self.look_at_text((kind, id), &new, &edits);
        Ok(new)
    }

    /// Ids in the message of `bytes` that name what changed, and what to put there.
    fn mapped_quotes(&mut self, bytes: &[u8]) -> Vec<Replacement> {
        let survey = self.survey;
        let mut replaced = Vec::new();
        for span in headers::quoted(bytes) {
            let word = &bytes[span.start..span.end];
            let quoted = survey
                .store
                .node_of_prefix(word)
                .map(|node| survey.store.id(node));
            if let Some(new) = quoted.and_then(|quoted| self.out.ids.get(&quoted)) {
                let new = new.to_string();
                replaced.push((span, new.as_bytes()[..word.len().min(new.len())].to_vec()));
                self.out.quotes_mapped += 1;
            }
        }
        replaced
    }

    pub(crate) fn tag(&mut self, node: Node, depth: usize) -> Result<ObjectId> {
        let survey = self.survey;
        let old = survey.store.id(node);
        if let Some(&new) = self.out.ids.get(&old) {
            return Ok(new);
        }
        if depth > MAX_DEPTH {
            return Err(Error::corrupt(format!(
                "tag {old} names tags in more than {MAX_DEPTH} steps"
            )));
        }
        let (_, bytes) = self.read(node)?;
        let mut replaced: Vec<Replacement> = Vec::new();
        if let Some(&(span, target)) = text::named_ids(&bytes, b"object").first() {
            let below = survey.store.node_of(&target);
            if let Some(below) = below.filter(|&below| survey.graph.tag_target(below).is_some()) {
                self.tag(below, depth + 1)?;
            } else {
                self.root(target)?;
            }
            let new = self.out.map(target);
            if new != target {
                replaced.push((span, new.to_string().into_bytes()));
            }
        }
        let new = self.text(ObjectKind::Tag, node, &bytes, replaced)?;
        self.check(ObjectKind::Tag, old, node, &new, check::object)?;
        self.put(ObjectKind::Tag, old, &new)
    }

    /// Lists commits that stay and quote commits or tags that go.
    pub(crate) fn list_quoting(&mut self, reached: &[bool]) {
        let store = self.survey.store;
        for &(quoter, quoted) in &self.survey.quotes {
            let is_reached = self
                .survey
                .graph
                .rank(quoter)
                .is_none_or(|rank| reached[rank.index()]);
            let (quoter, quoted) = (store.id(quoter), store.id(quoted));
            if is_reached
                && self.out.ids.contains_key(&quoted)
                && !self.out.ids.contains_key(&quoter)
            {
                self.out.quoting.push(quoter);
            }
        }
        self.out.quoting.sort_unstable();
        self.out.quoting.dedup();
    }
}
