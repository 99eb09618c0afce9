//! Reads the new objects back from the disk and holds them against the old ones, in another way
//! than they were made: parsed by gix, not patched.

use gix::objs::{CommitRef, TagRefIter, TreeRefIter};

use super::objects::{Made, Rewritten};
use super::patch;
use super::survey::Survey;
use super::text;
use crate::error::{Error, Result};
use crate::odb::read::Reader;
use crate::odb::{ObjectId, ObjectKind, ObjectStore};
use crate::span::Span;

/// Checks every new object of `rewritten` in `store`, which was opened after they were written: it
/// names what the old one named, or what takes its place; differs in planned bytes only; and holds
/// no value.
///
/// # Errors
/// `Internal` that names the first object that is wrong.
pub fn check(
    survey: &Survey<'_>,
    store: &ObjectStore,
    rewritten: &Rewritten,
    has_removals: bool,
) -> Result<()> {
    let (mut before, mut after) = (Reader::new(survey.store), Reader::new(store));
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for made in &rewritten.made {
        let kinds = (
            before.read_id(&made.old, &mut old)?,
            after.read_id(&made.new, &mut new)?,
        );
        if kinds != (made.kind, made.kind) {
            return Err(wrong(made, "it is of another kind"));
        }
        let found = match made.kind {
            ObjectKind::Commit => commit(&old, &new, survey, rewritten),
            ObjectKind::Tag => tag(&old, &new, survey, rewritten),
            // Removed paths, and notes that move, change what a tree lists.
            ObjectKind::Tree if has_removals => None,
            ObjectKind::Tree => tree(&old, &new, survey, rewritten),
            ObjectKind::Blob | ObjectKind::Unknown => blob(made, &old, &new, survey),
        };
        if let Some(what) = found {
            return Err(wrong(made, what));
        }
        let (left, is_whole) = survey.needles.find(&new);
        let is_text = made.kind == ObjectKind::Commit || made.kind == ObjectKind::Tag;
        if !is_whole
            || left
                .iter()
                .any(|edit| !is_text || !text::is_structure(&new, edit.span))
        {
            return Err(wrong(made, "a value is still in it"));
        }
    }
    Ok(())
}

fn wrong(made: &Made, what: &str) -> Error {
    let kind = made.kind.name();
    Error::internal(format!(
        "new {kind} {} in the place of {} is wrong: {what}",
        made.new, made.old
    ))
    .hint("nothing was changed; please report this as a bug")
}

fn commit(
    old: &[u8],
    new: &[u8],
    survey: &Survey<'_>,
    rewritten: &Rewritten,
) -> Option<&'static str> {
    let hash = survey.store.hash();
    let (Ok(old), Ok(new)) = (
        CommitRef::from_bytes(old, hash),
        CommitRef::from_bytes(new, hash),
    ) else {
        // What gix does not take is patched, and its graph was read by our own reader.
        return None;
    };
    let parents: Vec<ObjectId> = old.parents().map(|id| rewritten.map(id)).collect();
    if new.parents().collect::<Vec<_>>() != parents {
        return Some("it has other parents");
    }
    if survey.store.node_of(&old.tree()).is_some() && rewritten.map(old.tree()) != new.tree() {
        return Some("it has another tree");
    }
    let is_same = old.encoding == new.encoding
        && old.time().ok() == new.time().ok()
        && old.extra_headers.len() >= new.extra_headers.len();
    (!is_same).then_some("its headers differ")
}

fn tag(old: &[u8], new: &[u8], survey: &Survey<'_>, rewritten: &Rewritten) -> Option<&'static str> {
    let target = |bytes| TagRefIter::from_bytes(bytes, survey.store.hash()).target_id();
    match (target(old), target(new)) {
        (Ok(old), Ok(new)) => (rewritten.map(old) != new).then_some("it names another object"),
        _ => Some("it cannot be parsed"),
    }
}

fn tree(
    old: &[u8],
    new: &[u8],
    survey: &Survey<'_>,
    rewritten: &Rewritten,
) -> Option<&'static str> {
    let hash = survey.store.hash();
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
    let has_renames = was.iter().any(|(_, name, _)| survey.names.contains(name));
    for entry in &mut was {
        entry.2 = rewritten.map(entry.2);
        // Commits of submodules have a map of their own.
        if entry.0 == GITLINK_MODE {
            entry.2 = ObjectId::null(hash);
        }
        if survey.names.contains(&entry.1) {
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
fn blob(made: &Made, old: &[u8], new: &[u8], survey: &Survey<'_>) -> Option<&'static str> {
    let node = survey.store.node_of(&made.old)?;
    let edits = &survey.dirty.get(&node)?.edits;
    if edits.iter().any(|edit| edit.layers.is_some()) {
        return None;
    }
    let mut gaps: Vec<Span> = Vec::new();
    let mut at = 0;
    for edit in patch::with_edges(old, edits, survey.needles) {
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
            None if survey.needles.targets().len() > 1 => return None,
            None => return Some("bytes differ that should not"),
        }
    }
    None
}
