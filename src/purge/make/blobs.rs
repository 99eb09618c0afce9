//! Makes new blobs: puts the marks in, sees to it that a file that could be parsed still can be, and
//! reads what is beside the marks.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::odb::{Node, ObjectId, ObjectKind, hash};
use crate::purge::find::frame::Edges;
use crate::purge::find::kind::Syntax;
use crate::purge::find::parse::Format;
use crate::purge::find::rest::{Mark, Rescan};
use crate::purge::find::survey::{Dirty, Survey};
use crate::purge::find::values::Edit;
use crate::purge::find::{literal, marks, parse, rest};
use crate::purge::make::fit::{Fit, Style};
use crate::purge::make::objects::{Binary, Look, Rewriter};
use crate::purge::make::patch;
use crate::purge::make::patch::{Redacted, Unpatchable};
use crate::span::{Position, Span};

/// A blob that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// The blob as it was.
    pub id: ObjectId,
    /// A path at which it stands, without values; empty if no tree names it.
    pub path: Vec<u8>,
    /// The values in it, each once: indexes into the targets.
    pub targets: Vec<usize>,
    /// Whether HEAD of some worktree, or an index, names it.
    pub in_head: bool,
}

/// A file that could be parsed, and cannot be with the marks in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The blob as it was.
    pub id: ObjectId,
    /// A path at which it stands, without values.
    pub path: Vec<u8>,
    /// The first commit that has it there, if one does.
    pub commit: Option<ObjectId>,
    /// Where the parser stops, from 1.
    pub line: usize,
    /// What it was before.
    pub format: Format,
    /// Whether it can be parsed, but has a key twice.
    pub is_repeated: bool,
}

impl Broken {
    /// What would be wrong with it, for people.
    pub fn fault(&self) -> &'static str {
        if self.is_repeated {
            "would have the same key twice"
        } else {
            "could not be parsed any more"
        }
    }
}

/// What may be left of a value beside its mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The object as it was.
    pub id: ObjectId,
    /// A path at which it stands, without values; empty for commits and tags.
    pub path: Vec<u8>,
    /// The first commit that has it there, if one does; of a commit's text, itself.
    pub commit: Option<ObjectId>,
    /// The line of the remainder, from 1.
    pub line: u32,
    /// How many bytes are left.
    pub len: usize,
    /// The value whose mark is nearest: an index into the targets.
    pub target: usize,
}

/// A new object, with its marks: what a proof looks at again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// Its id.
    pub object: String,
    /// Its syntax.
    pub syntax: Syntax,
    /// Its marks, sorted.
    pub marks: Vec<Mark>,
}

/// The syntaxes and formats of blobs, by their names in trees.
pub(crate) struct Kinds {
    by_blob: FxHashMap<Node, (BTreeSet<Syntax>, BTreeSet<Format>)>,
}

impl Kinds {
    /// Of all blobs that hold values. All trees count, so that every clone sees the same names.
    pub(crate) fn of(survey: &Survey<'_>) -> Self {
        let mut by_name: FxHashMap<u32, (Syntax, Option<Format>)> = FxHashMap::default();
        let mut by_blob: FxHashMap<Node, (BTreeSet<Syntax>, BTreeSet<Format>)> =
            FxHashMap::default();
        let links = survey.holders.values().flatten();
        for link in links.filter(|link| survey.dirty.contains_key(&link.child)) {
            let (syntax, format) = *by_name.entry(link.name).or_insert_with(|| {
                let name = survey.links.name(link.name);
                (Syntax::of(name), Format::of(name))
            });
            let (syntaxes, formats) = by_blob.entry(link.child).or_default();
            syntaxes.insert(syntax);
            formats.extend(format);
        }
        Self { by_blob }
    }

    /// The syntax of a blob.
    pub(crate) fn syntax(&self, blob: Node) -> Syntax {
        self.get(blob).0
    }

    fn get(&self, blob: Node) -> (Syntax, BTreeSet<Format>) {
        let Some((syntaxes, formats)) = self.by_blob.get(&blob) else {
            return (Syntax::Text, BTreeSet::new());
        };
        let syntax = syntaxes.first().copied().unwrap_or(Syntax::Text);
        (syntax, formats.clone())
    }
}

impl Rewriter<'_> {
    pub(crate) fn blob(&mut self, node: Node) -> Result<ObjectId> {
        let survey = self.survey;
        let old = survey.store.id(node);
        if let Some(&new) = self.out.ids.get(&old) {
            return Ok(new);
        }
        let found = survey.dirty.get(&node);
        let Some(Dirty { edits, .. }) = found.filter(|found| found.kind == ObjectKind::Blob) else {
            return Ok(old);
        };
        let rescan = match self.look {
            Look::Closely(rescan) => rescan,
            Look::AsPlanned(plan) => {
                let new = plan.map(old);
                if new != old && self.is_fresh(new) {
                    self.out.walked.insert(node);
                }
                self.note(ObjectKind::Blob, old, new);
                return Ok(new);
            }
        };
        let (_, bytes) = self.read(node)?;
        let (syntax, formats) = self.kinds.get(node);
        let mut redacted = self.fitted(node, &bytes, edits, syntax, &formats);
        if self.options.binary == Binary::Refuse && bytes.contains(&0) && redacted.is_ok() {
            redacted = Err(Unpatchable::Refused);
        }
        let redacted = match redacted {
            Ok(redacted) => redacted,
            Err(_) if self.options.binary == Binary::Drop => Redacted {
                bytes: [&self.options.mark[..], b"\n"].concat(),
                marks: Vec::new(),
            },
            Err(why) => {
                self.stuck(node, why);
                return Ok(old);
            }
        };
        let path = survey.path_of(node, &self.parents);
        let at: Vec<Span> = edits.iter().map(|edit| edit.span).collect();
        let new = &redacted.bytes;
        self.preview((old, ObjectKind::Blob), path.clone(), &bytes, new, &at);
        let id = self.put(ObjectKind::Blob, old, new)?;
        self.list(old, &bytes, edits, path.clone(), syntax);
        let marks = rest::marks(&redacted.marks, survey.needles.edges());
        let place = (old, path, None);
        self.look_at(rescan, place, id, syntax, new, marks, &redacted);
        Ok(id)
    }

    /// Puts the marks in so that what could be parsed still can be, if that is possible.
    fn fitted(
        &mut self,
        node: Node,
        bytes: &[u8],
        edits: &[Edit],
        syntax: Syntax,
        formats: &BTreeSet<Format>,
    ) -> Result<Redacted, Unpatchable> {
        let (needles, options) = (self.survey.needles, self.options);
        let redact = |fit: Fit| {
            let mark = &options.mark;
            patch::redact(bytes, edits, needles, &Style { mark, syntax, fit })
        };
        let old = self.survey.store.id(node);
        let is_text = edits.iter().all(|edit| edit.layers.is_none()) || !bytes.contains(&0);
        let formats = if is_text {
            parse::formats(formats, bytes)
        } else {
            Vec::new()
        };
        let repeats = |format: &&Format| format.repeated_key(bytes).is_some();
        let repeated: Vec<Format> = formats.iter().filter(repeats).copied().collect();
        let mut first: Option<(Redacted, Format, usize, bool)> = None;
        for fit in Fit::ALL {
            let redacted = redact(fit)?;
            let failed = formats.iter().find_map(|&format| {
                let (line, is_repeated) = match format.parse(&redacted.bytes) {
                    Err(line) => (line, false),
                    Ok(()) if repeated.contains(&format) => return None,
                    Ok(()) => (format.repeated_key(&redacted.bytes)?, true),
                };
                Some((format, line, is_repeated))
            });
            match failed {
                None => {
                    if fit != Fit::Syntax {
                        self.out.fits.insert(old, fit);
                    }
                    return Ok(redacted);
                }
                Some((format, line, is_repeated)) => {
                    first.get_or_insert((redacted, format, line, is_repeated));
                }
            }
        }
        let (redacted, format, line, is_repeated) =
            first.expect("there is a first way to write marks");
        self.out.broken.push(Broken {
            id: old,
            path: self.survey.path_of(node, &self.parents),
            commit: None,
            line,
            format,
            is_repeated,
        });
        Ok(redacted)
    }

    /// Keeps what a plan says of a blob.
    fn list(&mut self, id: ObjectId, bytes: &[u8], edits: &[Edit], path: Vec<u8>, syntax: Syntax) {
        let mut targets: Vec<usize> = edits.iter().flat_map(Edit::targets).collect();
        targets.sort_unstable();
        targets.dedup();
        let needles = self.survey.needles;
        let (all, edges) = (needles.targets(), needles.edges());
        for edit in edits.iter().filter(|edit| edit.layers.is_none()) {
            let is_asked = all[edit.target].is_named || edges[edit.target] != Some(Edges::Syntax);
            if !is_asked && literal::is_bare(bytes, edit.span, syntax) {
                self.out.bare.entry(edit.target).or_insert(id);
            }
        }
        let in_head = self.head.contains(&id);
        self.out.files.push(ChangedFile {
            id,
            path,
            targets,
            in_head,
        });
    }

    /// Looks at the text of a new commit or tag.
    pub(crate) fn look_at_text(
        &mut self,
        (kind, id): (ObjectKind, ObjectId),
        new: &[u8],
        edits: &[Edit],
    ) {
        let Look::Closely(rescan) = self.look else {
            return;
        };
        if edits.is_empty() {
            return;
        }
        let targets = self.survey.needles.targets();
        let mut placed: Vec<marks::Placed> = Vec::new();
        let numbers: BTreeSet<usize> = edits.iter().map(|edit| edit.target).collect();
        let mut seen: FxHashSet<&[u8]> = FxHashSet::default();
        for target in numbers {
            let mark = targets[target]
                .mark
                .as_deref()
                .unwrap_or(&self.options.mark);
            if mark.is_empty() || !seen.insert(mark) {
                continue;
            }
            placed.extend(
                memchr::memmem::find_iter(new, mark).map(|at| marks::Placed {
                    span: Span::new(at, at + mark.len()),
                    target,
                    encoding: None,
                }),
            );
        }
        placed.sort_by_key(|placed| placed.span);
        let redacted = Redacted {
            bytes: Vec::new(),
            marks: placed,
        };
        let marks = rest::marks(&redacted.marks, self.survey.needles.edges());
        let place = (id, Vec::new(), Some(id));
        let new_id = hash::object_id(self.survey.store.hash(), kind, new);
        let new_id = new_id.unwrap_or(id);
        self.look_at(rescan, place, new_id, Syntax::Text, new, marks, &redacted);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "an object, where it stands, and its marks"
    )]
    fn look_at(
        &mut self,
        rescan: &Rescan,
        (id, path, commit): (ObjectId, Vec<u8>, Option<ObjectId>),
        new_id: ObjectId,
        syntax: Syntax,
        new: &[u8],
        marks: Vec<Mark>,
        redacted: &Redacted,
    ) {
        for span in rescan.remainders(new, &marks, syntax) {
            let placed = &redacted.marks;
            let after = placed.partition_point(|mark| mark.span.start < span.end);
            let nearest = [after.checked_sub(1), Some(after)].into_iter().flatten();
            let nearest = nearest.filter_map(|at| placed.get(at));
            let gap = |mark: &&marks::Placed| {
                span.start.saturating_sub(mark.span.end) + mark.span.start.saturating_sub(span.end)
            };
            let Some(mark) = nearest.min_by_key(gap) else {
                continue;
            };
            self.out.left.push(Left {
                id,
                path: path.clone(),
                commit,
                line: Position::of(new, span.start).line,
                len: span.len(),
                target: mark.target,
            });
        }
        if marks.iter().any(|mark| mark.edges.is_some()) {
            self.out.looked.push(Looked {
                object: new_id.to_string(),
                syntax,
                marks,
            });
        }
    }

    /// Finds the first commit that has each file that a plan complains about; of very many, of the
    /// first only.
    pub(crate) fn find_commits(&mut self) {
        let mut wanted: Vec<ObjectId> = self.out.broken.iter().map(|broken| broken.id).collect();
        let left = self.out.left.iter().filter(|left| left.commit.is_none());
        wanted.extend(left.map(|left| left.id));
        let mut seen: FxHashSet<ObjectId> = FxHashSet::default();
        wanted.retain(|&id| seen.insert(id));
        if wanted.is_empty() {
            return;
        }
        let survey = self.survey;
        let mut above: FxHashMap<Node, Vec<Node>> = FxHashMap::default();
        for (&tree, links) in &survey.holders {
            for link in links {
                above.entry(link.child).or_default().push(tree);
            }
        }
        let mut first: FxHashMap<ObjectId, ObjectId> = FxHashMap::default();
        for id in wanted.into_iter().take(MAX_TRACED) {
            let commit = survey
                .store
                .node_of(&id)
                .and_then(|blob| first_commit(survey, &above, blob));
            first.extend(commit.map(|commit| (id, commit)));
        }
        for broken in &mut self.out.broken {
            broken.commit = first.get(&broken.id).copied();
        }
        for left in &mut self.out.left {
            left.commit = left.commit.or_else(|| first.get(&left.id).copied());
        }
    }
}

/// Files whose first commit is looked for.
const MAX_TRACED: usize = 50;

/// The first commit whose tree leads to `blob`, given what names each object.
fn first_commit(
    survey: &Survey<'_>,
    above: &FxHashMap<Node, Vec<Node>>,
    blob: Node,
) -> Option<ObjectId> {
    let mut trees: FxHashSet<Node> = FxHashSet::default();
    let mut stack = vec![blob];
    while let Some(at) = stack.pop() {
        let names = above.get(&at).into_iter().flatten();
        stack.extend(names.copied().filter(|&tree| trees.insert(tree)));
    }
    let mut holding = survey.graph.ranks().filter(|&rank| {
        let tree = survey.store.node_of(survey.graph.tree(rank));
        tree.is_some_and(|tree| trees.contains(&tree))
    });
    let first = holding.next()?;
    Some(survey.store.id(survey.graph.node(first)))
}
