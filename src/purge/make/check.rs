//! Compares the new objects with the old ones, in another way than they were made: parsed by gix, not
//! patched.

use gix::objs::{CommitRef, TagRefIter, TreeRefIter};

use crate::error::{Error, Result};
use crate::odb::read::Reader;
use crate::odb::{Node, ObjectId, ObjectKind, ObjectStore};
use crate::purge::find::survey::Survey;
use crate::purge::find::values::Edit;
use crate::purge::make::objects::{Made, Options, Rewritten};
use crate::purge::make::trees::Known;
use crate::purge::make::{patch, text};
use crate::span::Span;

/// Checks that every new object of `rewritten` is in `store`, which was opened after they were written: git
/// computed the ids of what it stored, so these are the bytes that `object` and `Trees` checked when they
/// were handed to it. Trees that were made one by one are read back and checked here.
///
/// # Errors
/// `Internal` that names the first object that is wrong.
pub fn check(
    survey: &Survey<'_>,
    store: &ObjectStore,
    rewritten: &Rewritten,
    options: &Options,
) -> Result<()> {
    let known = Known::new(survey, options, &rewritten.ids);
    let has_removals = !options.remove_paths.is_empty();
    let (mut before, mut after) = (Reader::new(survey.store), Reader::new(store));
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for made in &rewritten.made {
        if store.node_of(&made.new).is_none() {
            return Err(wrong(made, "it is not here"));
        }
        let is_walked = || {
            let node = survey.store.node_of(&made.old);
            node.is_some_and(|node| rewritten.walked.contains(&node))
        };
        if made.kind != ObjectKind::Tree || is_walked() {
            continue;
        }
        let kinds = (
            before.read_id(&made.old, &mut old)?,
            after.read_id(&made.new, &mut new)?,
        );
        if kinds != (made.kind, made.kind) {
            return Err(wrong(made, "it is of another kind"));
        }
        // Removed paths, and notes that move, change what a tree lists.
        let found = match has_removals {
            true => None,
            false => tree(&old, &new, known, rewritten),
        };
        if let Some(what) = found {
            return Err(wrong(made, what));
        }
        check_values(made, &new, known)?;
    }
    Ok(())
}

/// Checks a new blob, commit or tag against the old one: it names what the old one named, or what takes its
/// place; differs in planned bytes only; and holds no value.
///
/// # Errors
/// `Internal` if it is wrong.
pub(crate) fn object(
    made: &Made,
    old: &[u8],
    new: &[u8],
    known: Known<'_>,
    rewritten: &Rewritten,
) -> Result<()> {
    names(made, old, new, known, rewritten)?;
    if made.kind == ObjectKind::Blob
        && let Some(what) = blob(made, old, new, known)
    {
        return Err(wrong(made, what));
    }
    check_values(made, new, known)
}

/// Checks what a new commit or tag names, and its headers.
///
/// # Errors
/// `Internal` if it is wrong.
pub(crate) fn names(
    made: &Made,
    old: &[u8],
    new: &[u8],
    known: Known<'_>,
    rewritten: &Rewritten,
) -> Result<()> {
    let found = match made.kind {
        ObjectKind::Commit => commit(old, new, known, rewritten),
        ObjectKind::Tag => tag(old, new, known, rewritten),
        _ => None,
    };
    found.map_or(Ok(()), |what| Err(wrong(made, what)))
}

fn check_values(made: &Made, new: &[u8], known: Known<'_>) -> Result<()> {
    let (left, is_whole) = known.needles.find(new);
    let is_text = made.kind == ObjectKind::Commit || made.kind == ObjectKind::Tag;
    let is_left = |edit: &Edit| !is_text || !text::is_structure(new, edit.span);
    if !is_whole || left.iter().any(is_left) {
        return Err(wrong(made, "a value is still in it"));
    }
    Ok(())
}

/// Checks new trees against the old ones while both are at hand.
pub(crate) struct Trees<'a> {
    known: Known<'a>,
    rewritten: &'a Rewritten,
    /// A bit for each id that changes, by its first bytes: most look-ups of the others end here.
    changing: Vec<u64>,
}

/// Bits of the filter: 256 KiB, as much as the cache of a core holds.
const FILTER_BITS: usize = 1 << 21;

fn filter_bit(id: &gix::oid) -> (usize, u64) {
    let bytes = id.as_bytes();
    let start = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let bit = start as usize % FILTER_BITS;
    (bit / 64, 1 << (bit % 64))
}

impl<'a> Trees<'a> {
    pub(crate) fn new(known: Known<'a>, rewritten: &'a Rewritten) -> Self {
        let mut changing = vec![0; FILTER_BITS / 64];
        for id in rewritten.ids.keys() {
            let (word, bit) = filter_bit(id);
            changing[word] |= bit;
        }
        Self {
            known,
            rewritten,
            changing,
        }
    }

    fn map(&self, id: &gix::oid) -> ObjectId {
        let (word, bit) = filter_bit(id);
        if self.changing[word] & bit == 0 {
            return id.to_owned();
        }
        self.rewritten.map(id.to_owned())
    }

    /// Checks what the tree `node` becomes.
    ///
    /// # Errors
    /// `Internal` if that is wrong.
    pub(crate) fn check(&self, node: Node, old: &[u8], new: &[u8]) -> Result<()> {
        let found = match self.differs(old, new) {
            // Entries with new names may be elsewhere.
            true if !self.known.names.is_empty() => tree(old, new, self.known, self.rewritten),
            true => Some("it lists other entries"),
            false => None,
        };
        let Some(what) = found else {
            return Ok(());
        };
        let old = self.known.store.id(node);
        let (kind, new) = (ObjectKind::Tree, self.rewritten.map(old));
        Err(wrong(&Made { kind, old, new }, what))
    }

    /// Whether an entry of a new tree is not what becomes of the old entry in its place.
    fn differs(&self, old: &[u8], new: &[u8]) -> bool {
        let hash = self.known.store.hash();
        let mut is = TreeRefIter::from_bytes(new, hash);
        for was in TreeRefIter::from_bytes(old, hash) {
            let (Ok(was), Some(Ok(is))) = (was, is.next()) else {
                return true;
            };
            let is_same = was.mode == is.mode
                && was.filename == is.filename
                && (was.mode.value() == GITLINK_MODE || self.map(was.oid) == is.oid);
            if !is_same {
                return true;
            }
        }
        is.next().is_some()
    }
}

fn wrong(made: &Made, what: &str) -> Error {
    let kind = made.kind.name();
    Error::internal(format!(
        "new {kind} {} in the place of {} is wrong: {what}",
        made.new, made.old
    ))
    .hint("nothing was changed; please report this as a bug")
}

fn commit(old: &[u8], new: &[u8], known: Known<'_>, rewritten: &Rewritten) -> Option<&'static str> {
    let hash = known.store.hash();
    let (Ok(old), Ok(new)) = (
        CommitRef::from_bytes(old, hash),
        CommitRef::from_bytes(new, hash),
    ) else {
        // What gix does not take is patched, and its graph was read by our own reader.
        return None;
    };
    let parents = old.parents().map(|id| rewritten.map(id));
    if !new.parents().eq(parents) {
        return Some("it has other parents");
    }
    if known.store.node_of(&old.tree()).is_some() && rewritten.map(old.tree()) != new.tree() {
        return Some("it has another tree");
    }
    let is_same = old.encoding == new.encoding
        && old.time().ok() == new.time().ok()
        && old.extra_headers.len() >= new.extra_headers.len();
    (!is_same).then_some("its headers differ")
}

fn tag(old: &[u8], new: &[u8], known: Known<'_>, rewritten: &Rewritten) -> Option<&'static str> {
    let target = |bytes| TagRefIter::from_bytes(bytes, known.store.hash()).target_id();
    match (target(old), target(new)) {
        (Ok(old), Ok(new)) => (rewritten.map(old) != new).then_some("it names another object"),
        _ => Some("it cannot be parsed"),
    }
}

fn tree(old: &[u8], new: &[u8], known: Known<'_>, rewritten: &Rewritten) -> Option<&'static str> {
    let hash = known.store.hash();
    let entries = |bytes| {
        let mut list: Vec<(u16, Vec<u8>, ObjectId)> = Vec::new();
        for entry in TreeRefIter::from_bytes(bytes, hash) {
            let entry = entry.ok()?;
            list.push((
                entry.mode.value(),
                entry.filename.to_vec(),
                entry.oid.to_owned(),
            ));
        }
        Some(list)
    };
    let (Some(mut was), Some(mut is)) = (entries(old), entries(new)) else {
        return Some("it cannot be parsed");
    };
    let has_renames = was.iter().any(|(_, name, _)| known.names.contains(name));
    for entry in &mut was {
        entry.2 = rewritten.map(entry.2);
        // Commits of submodules have a map of their own.
        if entry.0 == GITLINK_MODE {
            entry.2 = ObjectId::null(hash);
        }
        if known.names.contains(&entry.1) {
            entry.1.clear();
        }
    }
    for entry in is.iter_mut().filter(|entry| entry.0 == GITLINK_MODE) {
        entry.2 = ObjectId::null(hash);
    }
    if has_renames {
        let kept: Vec<Vec<u8>> = was.iter().map(|entry| entry.1.clone()).collect();
        for entry in &mut is {
            if !kept.contains(&entry.1) {
                entry.1.clear();
            }
        }
        was.sort_unstable();
        is.sort_unstable();
    }
    let moves_notes =
        was.len() == is.len() && was.iter().zip(&is).all(|(a, b)| a.0 == b.0) && is_notes(&was);
    (was != is && !moves_notes).then_some("it lists other entries")
}

/// What gix makes of the mode of a submodule's entry.
const GITLINK_MODE: u16 = 0o160_000;

/// Whether all names are ids, or parts of them: trees of notes.
fn is_notes(entries: &[(u16, Vec<u8>, ObjectId)]) -> bool {
    entries
        .iter()
        .any(|(_, name, _)| name.len() >= 2 && name.iter().all(u8::is_ascii_hexdigit))
}

/// Whether what stands between the values stands in the new blob, in order.
fn blob(made: &Made, old: &[u8], new: &[u8], known: Known<'_>) -> Option<&'static str> {
    let node = known.store.node_of(&made.old)?;
    let edits = &known.dirty.get(&node)?.edits;
    if edits.iter().any(|edit| edit.layers.is_some()) {
        return None;
    }
    let mut gaps: Vec<Span> = Vec::new();
    let mut at = 0;
    for edit in patch::with_edges(old, edits, known.needles) {
        gaps.push(Span::new(at, edit.span.start));
        at = edit.span.end;
    }
    gaps.push(Span::new(at, old.len()));
    let mut from = 0;
    for (number, gap) in gaps.iter().enumerate() {
        let text = &old[gap.start..gap.end];
        let is_last = number + 1 == gaps.len();
        let found = if number == 0 {
            new.starts_with(text).then_some(0)
        } else if is_last {
            new.len()
                .checked_sub(text.len())
                .filter(|&start| start >= from && new[start..] == *text)
        } else {
            memchr::memmem::find(&new[from..], text).map(|start| from + start)
        };
        match found {
            Some(start) => from = start + text.len(),
            // A second round took out what the first uncovered: the search above is what counts.
            None if known.needles.targets().len() > 1 => return None,
            None => return Some("bytes differ that should not"),
        }
    }
    None
}
