//! Writes new trees and blobs, in one walk over the packs of the old ones.
//!
//! A new object becomes a delta against what the base of the old one became: so the new pack has the shape
//! of the old one, and nobody searches for deltas.

use std::sync::{Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::error::{Error, Result};
use crate::odb::read::Reader;
use crate::odb::walk::{Base, Object, Visitor, walk_some};
use crate::odb::{Node, ObjectId, ObjectKind};
use crate::progress::Progress;
use crate::purge::make::blobs::Kinds;
use crate::purge::make::fit::{Fit, Style};
use crate::purge::make::objects::{Binary, Made, Rewritten};
use crate::purge::make::pack::PackWriter;
use crate::purge::make::trees::{Known, patched};
use crate::purge::make::{check, delta, patch};

/// Makes the bytes of new objects, as a plan says.
pub(crate) struct Planned<'a> {
    pub(crate) known: Known<'a>,
    pub(crate) plan: &'a Rewritten,
    pub(crate) kinds: Kinds,
    trees: check::Trees<'a>,
}

impl<'a> Planned<'a> {
    pub(crate) fn new(known: Known<'a>, plan: &'a Rewritten, kinds: Kinds) -> Self {
        Self {
            trees: check::Trees::new(known, plan),
            known,
            plan,
            kinds,
        }
    }

    /// Puts what becomes of `node`, which holds `bytes`, into `out`, and checks it.
    fn make(&self, kind: ObjectKind, node: Node, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let old = self.known.store.id(node);
        if kind == ObjectKind::Tree {
            patched(self.known, node, bytes, out)
                .ok_or_else(|| Error::corrupt(format!("tree {old} cannot be parsed")))?;
            return self.trees.check(node, bytes, out);
        }
        self.blob(node, old, bytes, out)?;
        let new = self.plan.map(old);
        let made = Made { kind, old, new };
        check::object(&made, bytes, out, self.known, self.plan)
    }

    fn blob(&self, node: Node, old: ObjectId, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let (needles, options) = (self.known.needles, self.known.options);
        let edits = self.known.dirty.get(&node).map(|dirty| &dirty.edits[..]);
        let style = Style {
            mark: &options.mark,
            syntax: self.kinds.syntax(node),
            fit: self.plan.fits.get(&old).copied().unwrap_or(Fit::Syntax),
        };
        *out = match patch::redact(bytes, edits.unwrap_or_default(), needles, &style) {
            Ok(redacted) => redacted.bytes,
            Err(_) if options.binary == Binary::Drop => [&options.mark[..], b"\n"].concat(),
            Err(why) => {
                let error = format!("blob {old} cannot be patched: {}", why.text());
                return Err(Error::internal(error));
            }
        };
        Ok(())
    }
}

/// Writes what becomes of the trees and blobs of `written`.
///
/// # Errors
/// What `pack` says; `Corrupt` if an object cannot be read; `Internal` if one is wrong.
pub(crate) fn write(
    planned: &Planned<'_>,
    written: &FxHashSet<Node>,
    pack: &mut PackWriter,
) -> Result<()> {
    if written.is_empty() {
        return Ok(());
    }
    let store = planned.known.store;
    let is_wanted = |node: Node| written.contains(&node);
    let shared = Mutex::new(Shared {
        pack,
        offsets: FxHashMap::default(),
        failed: None,
    });
    let make = || Writer {
        planned,
        written,
        shared: &shared,
        delta: Vec::new(),
    };
    // One thread writes, in an order that is always the same; git, which indexes, has the other.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let alone = alone.map_err(|e| Error::internal("no thread can be started").because(e))?;
    let kinds = [ObjectKind::Tree, ObjectKind::Blob];
    alone.install(|| walk_some(store, &kinds, Some(&is_wanted), &Progress::default(), &make));
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = shared.failed {
        return Err(error);
    }
    let missing = written.iter().copied();
    let mut missing: Vec<Node> = missing
        .filter(|node| !shared.offsets.contains_key(node))
        .collect();
    missing.sort_unstable();
    // What the walk could not read may be whole in another copy.
    let (mut reader, mut old, mut new) = (Reader::new(store), Vec::new(), Vec::new());
    for node in missing {
        let kind = reader.read_id(&store.id(node), &mut old)?;
        planned.make(kind, node, &old, &mut new)?;
        shared.pack.add(kind, &new)?;
    }
    Ok(())
}

struct Shared<'p> {
    pack: &'p mut PackWriter,
    /// Where the new objects are in the pack.
    offsets: FxHashMap<Node, u64>,
    failed: Option<Error>,
}

/// What a new object keeps for those that are made from it.
#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    /// How long the old one was.
    old_len: usize,
    offset: Option<u64>,
}

/// Writes new objects, each as a delta if it can be.
struct Writer<'a, 'p> {
    planned: &'a Planned<'a>,
    written: &'a FxHashSet<Node>,
    shared: &'a Mutex<Shared<'p>>,
    delta: Vec<u8>,
}

impl Writer<'_, '_> {
    fn write(
        &mut self,
        object: &Object<'_>,
        base: Option<&Base<'_, Written>>,
        state: &mut Written,
    ) -> Result<()> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let store = self.planned.known.store;
        // A copy of an object is a base as good as the object.
        let first = match object.is_duplicate {
            true => store.node_of(&store.id(object.node)),
            false => Some(object.node),
        };
        let Some(first) = first.filter(|first| self.written.contains(first)) else {
            return Ok(());
        };
        if shared.failed.is_some() {
            return Ok(());
        }
        let kind = object.kind;
        self.planned
            .make(kind, first, object.bytes, &mut state.bytes)?;
        state.old_len = object.bytes.len();
        if let Some(&offset) = shared.offsets.get(&first) {
            state.offset = Some(offset);
            return Ok(());
        }
        let as_delta = base.and_then(|base| self.delta(base, state));
        let offset = match as_delta {
            Some(base) => shared.pack.add_delta(base, &self.delta)?,
            None => shared.pack.add(kind, &state.bytes)?,
        };
        state.offset = Some(offset);
        shared.offsets.insert(first, offset);
        Ok(())
    }

    /// Makes the delta of `state` against the new base; returns where that is, if the delta is worth it.
    fn delta(&mut self, base: &Base<'_, Written>, state: &Written) -> Option<u64> {
        let offset = base.state.offset?;
        let (was, is) = (&base.state.bytes, &state.bytes);
        let found;
        // Where nothing moved, what the old object copied from its base is in the same places.
        let runs = match base.state.old_len == was.len() && state.old_len == is.len() {
            true => base.runs,
            false => {
                found = delta::find_runs(was, is);
                &found
            }
        };
        delta::encode(was, is, runs, &mut self.delta);
        (self.delta.len() < is.len() / 2).then_some(offset)
    }
}

impl Visitor for Writer<'_, '_> {
    type State = Written;

    fn visit(&mut self, object: &Object<'_>, base: Option<Base<'_, Written>>, state: &mut Written) {
        state.offset = None;
        state.bytes.clear();
        if let Err(error) = self.write(object, base.as_ref(), state) {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            shared.failed.get_or_insert(error);
        }
    }
}
