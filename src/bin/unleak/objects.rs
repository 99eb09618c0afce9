//! `unleak objects`.

use std::fmt::Write as _;

use unleak::error::Result;
use unleak::git::repository::{Overrides, Repository};
use unleak::odb::{ObjectKind, ReadLimits};

use crate::args::{KindChoice, ObjectsArgs};
use crate::exit::Exit;
use crate::{output, ui};

/// Runs it.
pub(crate) fn run(objects: &ObjectsArgs) -> Result<Exit> {
    let overrides = Overrides::default();
    let repo = Repository::discover(&objects.repository, &overrides)?;
    let store = repo.open_store(&overrides, ReadLimits::default())?;
    let kind = objects.kind.map(|kind| match kind {
        KindChoice::Blob => ObjectKind::Blob,
        KindChoice::Tree => ObjectKind::Tree,
        KindChoice::Commit => ObjectKind::Commit,
        KindChoice::Tag => ObjectKind::Tag,
    });
    let mut text = String::new();
    let mut unread = store.skipped().len();
    for node in store.nodes_by_id() {
        let Some((found, size)) = store.header(node) else {
            unread += 1;
            continue;
        };
        if kind.is_none_or(|kind| kind == found) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {} {size}", store.id(node), found.name());
        }
    }
    if output::print(text.as_bytes())? == Exit::ClosedPipe {
        return Ok(Exit::ClosedPipe);
    }
    if unread > 0 {
        ui::warn(&format!(
            "{unread} objects cannot be read; 'unleak scan' tells which"
        ));
        return Ok(Exit::Incomplete);
    }
    Ok(Exit::Clean)
}
