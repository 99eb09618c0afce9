//! Makes the new objects: blobs without the values, and every tree, commit and tag that must name
//! other objects than before. Reads only; the same survey gives the same objects every time.

use std::collections::{BTreeMap, BTreeSet};

use gix::bstr::BString;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};
use crate::history::commits::Rank;
use crate::odb::read::Reader;
use crate::odb::{Node, ObjectId, ObjectKind, hash};
use crate::purge::find::rest::Rescan;
use crate::purge::find::survey::Survey;
use crate::purge::make::blobs::{Broken, ChangedFile, Kinds, Left, Looked};
use crate::purge::make::fit::Fit;
use crate::purge::make::patch::Unpatchable;
use crate::purge::make::sign::Signer;
use crate::purge::make::tree::Entry;
use crate::purge::make::trees::Known;
use crate::purge::make::{head, patch, tree, trees};
use crate::span::Span;

/// What to do with a blob from which a value cannot be patched without changing its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binary {
    /// Binary data is filled at the same length; what is compressed is refused.
    #[default]
    Fill,
    /// Binary data is filled; compressed data and files of Git LFS become the mark alone.
    Drop,
    /// All binary data is refused.
    Refuse,
}

/// How objects are made.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// What is put in the place of values.
    pub mark: Vec<u8>,
    /// What to do with binary data.
    pub binary: Binary,
    /// Paths of files and directories that go as a whole.
    pub remove_paths: Vec<String>,
    /// Whether commits that change nothing any more go.
    pub prune_empty: bool,
    /// Commits of submodules whose history was rewritten: old and new ids.
    #[serde(default)]
    pub submodules: BTreeMap<String, String>,
}

impl Options {
    /// The commits of submodules that change.
    pub fn gitlinks(&self) -> FxHashSet<ObjectId> {
        let ids = self.submodules.keys();
        ids.filter_map(|id| ObjectId::from_hex(id.as_bytes()).ok())
            .collect()
    }

    /// What takes the place of a submodule's commit.
    pub fn submodule(&self, id: &gix::oid) -> Option<ObjectId> {
        let new = self.submodules.get(&id.to_string())?;
        ObjectId::from_hex(new.as_bytes()).ok()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mark: patch::MARK.to_vec(),
            binary: Binary::default(),
            remove_paths: Vec::new(),
            prune_empty: false,
            submodules: BTreeMap::new(),
        }
    }
}

/// An object in which a value stays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stuck {
    /// The object.
    pub id: ObjectId,
    /// A path at which it stands; empty for commits and tags.
    pub path: Vec<u8>,
    /// Why.
    pub why: Unpatchable,
}

/// A changed place, with nothing of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The object as it was.
    pub id: ObjectId,
    /// Whether HEAD of some worktree, or an index, names it.
    pub in_head: bool,
    /// Its kind.
    pub kind: ObjectKind,
    /// A path at which it stands, or the part of a commit or tag.
    pub place: Vec<u8>,
    /// The lines as they are, shortened, with [`HIDDEN`] in the place of values.
    pub before: Vec<Vec<u8>>,
    /// The lines as they will be, shortened.
    pub lines: Vec<Vec<u8>>,
}

/// What is shown in the place of a value.
pub const HIDDEN: &[u8] = b"[secret]";

/// One object in the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Kind of both.
    pub kind: ObjectKind,
    /// What was.
    pub old: ObjectId,
    /// What is.
    pub new: ObjectId,
}

/// What a rewrite makes.
#[derive(Clone, Debug, Default)]
pub struct Rewritten {
    /// Every object that changes, and what takes its place; of a commit that goes, its parent.
    pub ids: FxHashMap<ObjectId, ObjectId>,
    /// The same in the order in which they were made: what an object names comes before it.
    pub made: Vec<Made>,
    /// How many objects are new: others were there already.
    pub fresh: u32,
    /// Trees that were made in walks, by their old nodes. When objects are made as planned: those of them,
    /// and the blobs, that are still to be written.
    pub walked: FxHashSet<Node>,
    /// Commits that go because they change nothing any more.
    pub pruned: Vec<ObjectId>,
    /// Changed commits and tags that were signed and are not any more.
    pub unsigned: Vec<ObjectId>,
    /// Those that were signed anew.
    pub signed: Vec<ObjectId>,
    /// Changed commits that a signed tag's copy was taken out of.
    pub without_mergetag: Vec<ObjectId>,
    /// Authors of changed commits.
    pub authors: BTreeSet<BString>,
    /// Objects in which a value stays.
    pub stuck: Vec<Stuck>,
    /// Commits that stay and whose messages quote ids that go.
    pub quoting: Vec<ObjectId>,
    /// Ids in messages that were mapped.
    pub quotes_mapped: usize,
    /// Commits that refs, reflogs and the like reach.
    pub reachable: usize,
    /// What changes, for people: the first of what HEAD has, and the first of the rest.
    pub previews: Vec<Preview>,
    /// The blobs that change.
    pub files: Vec<ChangedFile>,
    /// Blobs whose marks are not written as their syntax asks for.
    pub fits: FxHashMap<ObjectId, Fit>,
    /// Files that could be parsed and cannot be any more.
    pub broken: Vec<Broken>,
    /// What may be left of values beside their marks.
    pub left: Vec<Left>,
    /// The new objects that hold marks, by their ids.
    pub looked: Vec<Looked>,
    /// Values that stand outside of quotes in source code, and one object in which they do.
    pub bare: BTreeMap<usize, ObjectId>,
    /// Objects that removed paths named.
    pub removed: BTreeSet<ObjectId>,
    /// Paths to be removed that no commit and no index has.
    pub absent_paths: Vec<String>,
    /// The first changed commits: all their parents stay.
    pub first_changed: Vec<ObjectId>,
}

impl Rewritten {
    /// What takes the place of `id`: itself, if it stays.
    pub fn map(&self, id: ObjectId) -> ObjectId {
        self.ids.get(&id).copied().unwrap_or(id)
    }

    /// How many objects of `kind` change.
    pub fn count(&self, kind: ObjectKind) -> usize {
        self.made.iter().filter(|made| made.kind == kind).count()
    }
}

/// Takes each new object: kind, id, bytes.
pub type Sink<'s> = &'s mut dyn FnMut(ObjectKind, ObjectId, &[u8]) -> Result<()>;

/// Previews that are kept of what HEAD has, and of the rest.
const MAX_PREVIEWS: usize = 200;

/// Bytes of a preview's line.
const MAX_PREVIEW_LEN: usize = 160;

/// Takes parts of words from the edges of a `window` of `line`, up to what is `kept`: they may be those of a
/// secret that nobody recognises by its part.
fn whole_words(text: &[u8], line: Span, window: Span, kept: Span) -> Span {
    let is_edge = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`,;(){}[]<>".contains(byte);
    let mut whole = window;
    if window.start > line.start && kept.start >= window.start {
        let before = &text[window.start..kept.start];
        whole.start = before
            .iter()
            .position(is_edge)
            .map_or(kept.start, |at| window.start + at);
    }
    if window.end < line.end && kept.end <= window.end {
        let behind = &text[kept.end..window.end];
        whole.end = behind
            .iter()
            .rposition(is_edge)
            .map_or(kept.end, |at| kept.end + at + 1);
    }
    whole
}

/// Directories in directories; git itself reads fewer than 5,000.
pub(crate) const MAX_DEPTH: usize = 2048;

/// Whether new objects are looked at.
#[derive(Clone, Copy)]
pub enum Look<'a> {
    /// Their marks are fitted until they can be parsed, and what is beside the marks is read again.
    Closely(&'a Rescan),
    /// A plan did that: objects are made as it says.
    AsPlanned(&'a Rewritten),
}

/// Makes all new objects and hands them to `sink`.
///
/// # Errors
/// `Corrupt` if an object that must be rewritten cannot be read; what `signer` and `sink` say.
pub fn rewrite(
    survey: &Survey<'_>,
    options: &Options,
    signer: Option<&Signer>,
    look: Look<'_>,
    sink: Sink<'_>,
) -> Result<Rewritten> {
    let remove = options.remove_paths.iter().map(|path| {
        let parts = path.split('/').filter(|part| !part.is_empty());
        parts
            .map(|part| part.as_bytes().to_vec())
            .collect::<Vec<_>>()
    });
    let remove: Vec<(usize, Parts)> = (0..)
        .zip(remove)
        .filter(|(_, path)| !path.is_empty())
        .collect();
    let mut rewriter = Rewriter {
        survey,
        options,
        signer,
        sink,
        reader: Reader::new(survey.store),
        look,
        kinds: Kinds::of(survey),
        head: head::blobs(survey),
        parents: survey.parents(),
        trees: FxHashMap::default(),
        removals: vec![Vec::new(), remove],
        new_ids: FxHashSet::default(),
        authors: FxHashSet::default(),
        hit: FxHashSet::default(),
        out: Rewritten {
            ids: survey.known.clone(),
            ..Rewritten::default()
        },
    };
    rewriter.run()?;
    rewriter.list_absent_paths();
    Ok(rewriter.out)
}

/// The parts of a path.
type Parts = Vec<Vec<u8>>;

pub(crate) struct Rewriter<'a> {
    pub(crate) survey: &'a Survey<'a>,
    pub(crate) options: &'a Options,
    pub(crate) signer: Option<&'a Signer>,
    sink: Sink<'a>,
    reader: Reader<'a>,
    pub(crate) look: Look<'a>,
    pub(crate) kinds: Kinds,
    /// Blobs that HEAD of some worktree, or an index, names.
    pub(crate) head: FxHashSet<ObjectId>,
    pub(crate) parents: FxHashMap<Node, (Node, u32)>,
    /// What became of a tree at which paths still to be removed begin; `None` if nothing is left.
    pub(crate) trees: FxHashMap<(Node, usize), Option<ObjectId>>,
    /// Lists of paths still to be removed, relative to a tree, with their numbers among the options.
    /// List number 0 is empty.
    pub(crate) removals: Vec<Vec<(usize, Parts)>>,
    /// Numbers of the paths that some tree has.
    hit: FxHashSet<usize>,
    new_ids: FxHashSet<ObjectId>,
    /// Lines of authors that were read, up to the address.
    pub(crate) authors: FxHashSet<Vec<u8>>,
    pub(crate) out: Rewritten,
}

/// The list of [`Rewriter::removals`] that root trees begin with.
pub(crate) const ROOT: usize = 1;

impl Rewriter<'_> {
    fn run(&mut self) -> Result<()> {
        let survey = self.survey;
        let roots = survey.roots();
        let is_note = |name: &[u8]| name.starts_with(b"refs/notes/");
        let noted = survey.refs.refs.iter().filter(|found| is_note(&found.name));
        let noted = survey.reached(noted.filter_map(|found| found.object_id()));
        let reached = survey.reached(roots.iter().copied());
        self.out.reachable = reached.iter().filter(|&&is| is).count();
        let ranks = || {
            survey
                .graph
                .ranks()
                .zip(&reached)
                .filter(|&(_, &is)| is)
                .map(|(rank, _)| rank)
        };
        let of_notes = |rank: &Rank| noted[rank.index()];
        let plain: Vec<Rank> = ranks().filter(|rank| !of_notes(rank)).collect();
        let changed = self.root_trees(&plain)?;
        self.commits(&plain, &changed)?;
        let notes: Vec<Rank> = ranks().filter(of_notes).collect();
        self.notes(&notes)?;
        for &root in &roots {
            self.root(root)?;
        }
        self.list_quoting(&reached);
        self.find_commits();
        Ok(())
    }

    /// Lists the paths to be removed that are nowhere.
    fn list_absent_paths(&mut self) {
        let staged = &self.survey.indexes;
        let paths = self.options.remove_paths.iter().enumerate();
        let absent = paths.filter(|(number, path)| {
            let is_staged = staged.iter().any(|staged| {
                let rest = staged.entry.path.strip_prefix(path.as_bytes());
                rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
            });
            !self.hit.contains(number) && !is_staged
        });
        self.out.absent_paths = absent.map(|(_, path)| path.clone()).collect();
    }

    pub(crate) fn read(&mut self, node: Node) -> Result<(ObjectKind, Vec<u8>)> {
        if let Some(text) = self.survey.held(node) {
            return Ok((ObjectKind::Commit, text.to_vec()));
        }
        let mut bytes = Vec::new();
        let id = self.survey.store.id(node);
        let kind = self.reader.read_id(&id, &mut bytes)?;
        Ok((kind, bytes))
    }

    /// Hands on a new object, unless it is the old one; returns its id.
    pub(crate) fn put(
        &mut self,
        kind: ObjectKind,
        old: ObjectId,
        bytes: &[u8],
    ) -> Result<ObjectId> {
        let planned = match self.look {
            Look::AsPlanned(plan) => plan.ids.get(&old).copied(),
            Look::Closely(_) => None,
        };
        let new = match planned {
            Some(new) => self.hand_on(kind, new, bytes)?,
            None => self.put_new(kind, bytes)?,
        };
        self.note(kind, old, new);
        Ok(new)
    }

    /// Keeps what takes the place of `old`.
    pub(crate) fn note(&mut self, kind: ObjectKind, old: ObjectId, new: ObjectId) {
        if new != old && self.out.ids.insert(old, new).is_none() {
            self.out.made.push(Made { kind, old, new });
        }
    }

    /// Hands on an object that takes no other's place.
    pub(crate) fn put_new(&mut self, kind: ObjectKind, bytes: &[u8]) -> Result<ObjectId> {
        let new = hash::made_object_id(self.survey.store.hash(), kind, bytes);
        self.hand_on(kind, new.map_err(Error::corrupt)?, bytes)
    }

    fn hand_on(&mut self, kind: ObjectKind, new: ObjectId, bytes: &[u8]) -> Result<ObjectId> {
        if self.is_fresh(new) {
            (self.sink)(kind, new, bytes)?;
        }
        Ok(new)
    }

    /// Whether an object is neither here nor was made before; counts it.
    pub(crate) fn is_fresh(&mut self, new: ObjectId) -> bool {
        let is_fresh = self.survey.store.node_of(&new).is_none() && self.new_ids.insert(new);
        self.out.fresh += u32::from(is_fresh);
        is_fresh
    }

    /// Something that a ref or an index names.
    pub(crate) fn root(&mut self, id: ObjectId) -> Result<()> {
        let Some(node) = self.survey.store.node_of(&id) else {
            return Ok(());
        };
        if self.survey.graph.tag_target(node).is_some() {
            return self.tag(node, 0).map(drop);
        }
        if self.survey.graph.rank(node).is_some() {
            return Ok(());
        }
        if self.survey.holders.contains_key(&node) {
            return self.tree(node, 0, 0).map(drop);
        }
        if self.survey.dirty.contains_key(&node) {
            self.blob(node)?;
        }
        Ok(())
    }

    pub(crate) fn stuck(&mut self, node: Node, why: Unpatchable) {
        let stuck = Stuck {
            id: self.survey.store.id(node),
            path: self.survey.path_of(node, &self.parents),
            why,
        };
        if !self.out.stuck.contains(&stuck) {
            self.out.stuck.push(stuck);
        }
    }

    /// Keeps the lines of `new` in which `old` had values at `spans`.
    pub(crate) fn preview(
        &mut self,
        (id, kind): (ObjectId, ObjectKind),
        place: Vec<u8>,
        old: &[u8],
        new: &[u8],
        spans: &[Span],
    ) {
        let in_head = self.head.contains(&id);
        let alike = self.out.previews.iter();
        let alike = alike.filter(|preview| preview.in_head == in_head);
        if alike.count() >= MAX_PREVIEWS {
            return;
        }
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut shift = 0usize;
        let growth = new.len() as isize - old.len() as isize;
        for (number, span) in (1..).zip(spans) {
            // Replacements differ in length by about the same; a preview need not be exact.
            let at = span
                .start
                .saturating_add_signed(growth * shift as isize / spans.len() as isize);
            shift = number;
            let line = crate::span::line_at(new, at.min(new.len()));
            let start = line
                .start
                .max(at.saturating_sub(MAX_PREVIEW_LEN / 2))
                .min(line.end);
            let window = Span::new(start, line.end.min(start + MAX_PREVIEW_LEN));
            let window = whole_words(
                new,
                line,
                window,
                Span::new(at.min(line.end), at.min(line.end)),
            );
            let line = &new[window.start..window.end];
            if lines.last().is_none_or(|last| last != line) && lines.len() < 5 {
                lines.push(line.to_vec());
            }
        }
        let before = self.hidden_lines(old, spans);
        self.out.previews.push(Preview {
            id,
            in_head,
            kind,
            place,
            before,
            lines,
        });
    }

    /// The lines of a text that have values at `spans`, without these values; none if another value
    /// shows.
    fn hidden_lines(&self, text: &[u8], spans: &[Span]) -> Vec<Vec<u8>> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut end = 0;
        for span in spans.iter().filter(|span| !span.is_empty()) {
            if span.start < end || lines.len() >= 5 {
                continue;
            }
            let line = crate::span::line_at(text, span.start);
            let last = crate::span::line_at(text, span.end.min(text.len()));
            let mut from = line
                .start
                .max(span.start.saturating_sub(MAX_PREVIEW_LEN / 2));
            let mut to = line.end.max(last.end).min(span.end + MAX_PREVIEW_LEN / 2);
            let lines_of = Span::new(line.start, line.end.max(last.end));
            let window = whole_words(text, lines_of, Span::new(from, to), *span);
            (from, to) = (window.start, window.end);
            // No value is cut.
            for other in spans {
                if other.start < from && other.end > from {
                    from = other.end;
                }
                if other.start < to && other.end > to {
                    to = other.start;
                }
            }
            let within = spans
                .iter()
                .filter(|span| span.start >= from && span.end <= to);
            let hidden = within.map(|span| {
                (
                    Span::new(span.start - from, span.end - from),
                    HIDDEN.to_vec(),
                )
            });
            let shown = crate::purge::make::text::splice(&text[from..to], hidden.collect());
            end = to;
            if !self.survey.needles.find(&shown).0.is_empty() {
                return Vec::new();
            }
            lines.push(shown);
        }
        lines
    }

    /// What becomes of a tree from which the paths of `removal` go; `None` if nothing is left.
    pub(crate) fn tree(
        &mut self,
        node: Node,
        removal: usize,
        depth: usize,
    ) -> Result<Option<ObjectId>> {
        let old = self.survey.store.id(node);
        let is_whole = removal == 0 || depth == 0;
        if let Some(&new) = self.survey.known.get(&old).filter(|_| is_whole) {
            return Ok(Some(new));
        }
        if removal == 0 && !self.survey.holders.contains_key(&node) {
            return Ok(Some(old));
        }
        if let Some(&known) = self.trees.get(&(node, removal)) {
            return Ok(known);
        }
        if depth > MAX_DEPTH {
            return Err(trees::too_deep(old));
        }
        if removal == 0 {
            return self.patched_tree(node, depth).map(Some);
        }
        let (_, bytes) = self.read(node)?;
        let id_len = self.survey.store.hash().len_in_bytes();
        let entries = tree::parse(&bytes, id_len)
            .ok_or_else(|| Error::corrupt(format!("tree {old} cannot be parsed")))?;
        let had_entries = !entries.is_empty();
        let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut renamed: Vec<(usize, Vec<u8>)> = Vec::new();
        for mut entry in entries {
            let below = self.below(removal, &entry.name);
            let Some(below) = below else {
                self.out.removed.insert(entry.id);
                continue;
            };
            match self.child(&entry, below, depth)? {
                Some(new) => entry.id = new,
                None => continue,
            }
            let known = Known::new(self.survey, self.options, &self.out.ids);
            let name = known.new_name(&entry);
            renamed.extend(name.map(|name| (kept.len(), name)));
            kept.push(entry);
        }
        tree::rename(&mut kept, &renamed);
        let new = if kept.is_empty() && had_entries && depth > 0 {
            None
        } else {
            let bytes = tree::write(&kept);
            // The same tree elsewhere may keep its entries: below a root, it speaks for itself.
            Some(if depth == 0 {
                self.put(ObjectKind::Tree, old, &bytes)?
            } else {
                self.put_new(ObjectKind::Tree, &bytes)?
            })
        };
        self.trees.insert((node, removal), new);
        Ok(new)
    }

    /// What becomes of a tree from which nothing is removed.
    fn patched_tree(&mut self, node: Node, depth: usize) -> Result<ObjectId> {
        let survey = self.survey;
        let old = survey.store.id(node);
        for link in survey.holders.get(&node).into_iter().flatten() {
            if survey.holders.contains_key(&link.child) {
                self.tree(link.child, 0, depth + 1)?;
            } else if survey.store.has_node(link.child) {
                self.blob(link.child)?;
            }
        }
        let (_, bytes) = self.read(node)?;
        let known = Known::new(survey, self.options, &self.out.ids);
        let mut new = Vec::new();
        trees::patched(known, node, &bytes, &mut new)
            .ok_or_else(|| Error::corrupt(format!("tree {old} cannot be parsed")))?;
        let new = self.put(ObjectKind::Tree, old, &new)?;
        self.trees.insert((node, 0), Some(new));
        Ok(new)
    }

    /// What an entry of a tree names then; `None` if nothing is left of it.
    fn child(&mut self, entry: &Entry, removal: usize, depth: usize) -> Result<Option<ObjectId>> {
        if entry.is_submodule() {
            return Ok(Some(self.options.submodule(&entry.id).unwrap_or(entry.id)));
        }
        match self.survey.store.node_of(&entry.id) {
            None => Ok(Some(entry.id)),
            Some(tree) if entry.is_tree() => self.tree(tree, removal, depth + 1),
            Some(blob) => self.blob(blob).map(Some),
        }
    }

    /// What is to be removed below the entry `name`; `None` if it goes itself.
    fn below(&mut self, removal: usize, name: &[u8]) -> Option<usize> {
        let mut below: Vec<(usize, Parts)> = Vec::new();
        let mut goes = false;
        for (number, path) in &self.removals[removal] {
            if path[0] == name {
                if path.len() == 1 {
                    goes = true;
                    self.hit.insert(*number);
                } else {
                    below.push((*number, path[1..].to_vec()));
                }
            }
        }
        if goes {
            // What is asked for below it goes with it.
            self.hit.extend(below.iter().map(|(number, _)| number));
            return None;
        }
        if below.is_empty() {
            return Some(0);
        }
        let known = self.removals.iter().position(|list| *list == below);
        Some(known.unwrap_or_else(|| {
            self.removals.push(below);
            self.removals.len() - 1
        }))
    }

    /// Rewrites the root trees of the commits; returns those whose tree changes.
    pub(crate) fn root_trees(&mut self, ranks: &[Rank]) -> Result<FxHashMap<Rank, ObjectId>> {
        let removal = if self.removals[ROOT].is_empty() {
            0
        } else {
            ROOT
        };
        if removal == 0 {
            let trees = ranks.iter().map(|&rank| self.survey.graph.tree(rank));
            let trees: Vec<Node> = trees
                .filter_map(|id| self.survey.store.node_of(id))
                .collect();
            self.walk_trees(&trees)?;
        }
        let mut changed = FxHashMap::default();
        for &rank in ranks {
            let old = *self.survey.graph.tree(rank);
            let Some(node) = self.survey.store.node_of(&old) else {
                continue;
            };
            let new = self.tree(node, removal, 0)?.unwrap_or(old);
            if new != old {
                changed.insert(rank, new);
            }
        }
        Ok(changed)
    }
}
