//! What is left to do after a purge, here, on servers and in other clones, and what of it is done.

use std::fmt::Write as _;
use std::path::Path;

use unleak::error::Result;
use unleak::git::repository::Repository;
use unleak::purge::apply::record;
use unleak::purge::apply::snapshot::Snapshot;
use unleak::purge::journal::{Journal, Phase};
use unleak::purge::share::{heal, remote};
use unleak::report::escape::escape;

use super::after;
use super::show::counted;

/// The list with a mark at what is done. Remotes are asked for their refs if `ask`.
///
/// # Errors
/// `Io` if what is known of the purge cannot be read.
pub(super) fn checklist(repo: &Repository, state_home: &Path, ask: bool) -> Result<String> {
    let common = repo.common_dir();
    let mut list = NumberedSteps {
        text: "What is left to do, in this order ('unleak purge status' prints it again):\n"
            .to_owned(),
        number: 0,
    };
    list.item(
        false,
        "Rotate each secret at its issuer, if that was not done: whoever copied it has it.",
        "",
    );
    let journal = Journal::read(common)?;
    let is_undone = journal.as_ref().is_some_and(|journal| journal.is_undone);
    let is_finished = journal.is_none_or(|journal| journal.phase == Phase::Finished);
    list.item(
        is_finished,
        "Erase the secrets in this clone.",
        "unleak purge finish",
    );
    let manifest_path = record::manifest_path(common);
    let manifest = escape(manifest_path.as_os_str().as_encoded_bytes());
    let remotes = after::remotes(repo);
    if remotes.is_empty() {
        list.item(
            false,
            "No remote is configured: push to the server, if there is one.",
            "unleak purge push-plan",
        );
    }
    for (name, _) in &remotes {
        remote_items(repo, name, ask, &mut list)?;
    }
    if is_finished && !is_undone && manifest_path.exists() {
        returned(repo, &manifest, &mut list)?;
    }
    list.item(
        false,
        "Bring each other clone to the new history: colleagues, CI, mirrors. Send them the manifest, which holds no secret. Shallow and partial clones are made again.",
        &format!("git fetch --all --prune --force && unleak purge heal {} --finish", after::quoted(&manifest)),
    );
    list.item(
        false,
        "Let the server refuse old history: a clone that was forgotten brings it back with its next push.",
        "unleak purge guard --help",
    );
    list.item(false, "Forks, caches, build artefacts, packages, images, backups, mail: delete or build them again.", "");
    let snapshots = found_snapshots(repo, state_home);
    let what = match snapshots.len() {
        0 => "Delete the undo snapshot, which holds the secrets.".to_owned(),
        count => format!(
            "Delete {}, which {} the secrets: {}",
            counted(count, "undo snapshot", "undo snapshots"),
            if count == 1 { "holds" } else { "hold" },
            snapshots.join(", ")
        ),
    };
    list.item(snapshots.is_empty(), &what, "unleak purge forget --all");
    Ok(list.text)
}

/// Steps, numbered.
struct NumberedSteps {
    text: String,
    number: usize,
}

impl NumberedSteps {
    fn item(&mut self, is_done: bool, what: &str, command: &str) {
        self.number += 1;
        let mark = if is_done { 'x' } else { ' ' };
        let _ = writeln!(self.text, "  [{mark}] {}. {what}", self.number);
        if !is_done && !command.is_empty() {
            let _ = writeln!(self.text, "         {command}");
        }
    }
}

/// Names of refs that are listed.
const MAX_LISTED: usize = 3;

/// The step that a clone needs which has old history again.
fn returned(repo: &Repository, manifest: &str, list: &mut NumberedSteps) -> Result<()> {
    let (store, known) = (after::store(repo)?, after::manifest(repo)?);
    let found = heal::returned(&after::git(repo), &store, &known)?;
    if found.objects == 0 {
        return Ok(());
    }
    let names = found.refs.iter().take(MAX_LISTED);
    let mut names: Vec<String> = names
        .map(|name| format!("'{}'", escape(name.as_bytes())))
        .collect();
    if found.refs.len() > MAX_LISTED {
        names.push(format!("{} more", found.refs.len() - MAX_LISTED));
    }
    if found.unnamed > 0 {
        let refs = counted(found.unnamed, "ref", "refs");
        names.push(format!("{refs} with a secret in the name"));
    }
    let led = match found.refs.len() + found.unnamed {
        0 => String::new(),
        1 => format!(", and {} leads to them", names.join(", ")),
        _ => format!(", and {} lead to them", names.join(", ")),
    };
    let what = format!(
        "Erase what came back: {} of the old history in this clone again{led}. A fetch brings them until the new history is pushed.",
        counted(found.objects, "object is", "objects are"),
    );
    let heal = after::quoted(manifest);
    let command = format!("git fetch --all --prune --force && unleak purge heal {heal} --finish");
    list.item(false, &what, &command);
    Ok(())
}

/// The steps that one remote needs.
fn remote_items(repo: &Repository, name: &str, ask: bool, list: &mut NumberedSteps) -> Result<()> {
    let shown = escape(name.as_bytes());
    let asked = match ask {
        true => Some(remote::list(&after::git(repo), name)),
        false => None,
    };
    let pushes = match asked {
        Some(Ok(refs)) => {
            let (manifest, store) = (after::manifest(repo)?, after::store(repo)?);
            Ok(remote::pushes(&refs, name, &manifest, &store))
        }
        Some(Err(_)) => Err(": it could not be asked"),
        None => Err(""),
    };
    let (is_pushed, pushed, is_free, requests) = match &pushes {
        Ok(pushes) => {
            let old = pushes.moves.len() + pushes.renames.len();
            let unknown = pushes.unknown.len();
            let said = format!(
                ": {} old history, {} what this clone does not have",
                counted(old, "ref names", "refs name"),
                counted(unknown, "ref names", "refs name")
            );
            let (hidden, others) = (pushes.hidden.len(), pushes.hidden_unknown.len());
            let requests = format!(
                ": {} old commits, {} what this clone does not have",
                counted(hidden, "ref names", "refs name"),
                counted(others, "ref names", "refs name")
            );
            (pushes.is_done(), said, hidden + others == 0, requests)
        }
        Err(why) => (false, (*why).to_owned(), false, (*why).to_owned()),
    };
    let what = format!("Push the new history to '{shown}'{pushed}.");
    list.item(is_pushed, &what, "unleak purge push-plan");
    let is_clean = remote::asked(repo.common_dir()).get(name) == Some(&true);
    let what = format!("Pull and merge requests, caches and old objects on '{shown}'{requests}.");
    list.item(is_free && is_clean, &what, "unleak purge kit");
    let what = format!("Ask '{shown}' for what it still hands out of the old history.");
    let command = format!("unleak purge verify --remote {}", after::quoted(name));
    list.item(is_clean, &what, &command);
    Ok(())
}

fn found_snapshots(repo: &Repository, state_home: &Path) -> Vec<String> {
    let root = Snapshot::root(state_home, repo.common_dir());
    let all = Snapshot::all(&root).into_iter();
    all.map(|dir| format!("'{}'", escape(dir.as_os_str().as_encoded_bytes())))
        .collect()
}

/// A line about undo snapshots of earlier purges; empty if there is none.
pub(super) fn snapshots(repo: &Repository, state_home: &Path) -> String {
    let found = found_snapshots(repo, state_home);
    match found.len() {
        0 => String::new(),
        count => format!(
            "{} of earlier purges: {}. They hold secrets; 'unleak purge forget --all' deletes them.\n",
            counted(count, "undo snapshot", "undo snapshots"),
            found.join(", ")
        ),
    }
}
