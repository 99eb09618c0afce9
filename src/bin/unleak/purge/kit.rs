//! What is left to do on a server, with the ids that its support asks for.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use unleak::error::Result;
use unleak::git::repository::Repository;
use unleak::purge::share::manifest::Manifest;
use unleak::purge::share::remote;
use unleak::purge::share::remote::{Pushes, RemoteRef};
use unleak::report::escape::escape;

use super::after;
use super::args::ForgeChoice;
use super::show::counted;

fn forge_of(address: &str) -> Option<ForgeChoice> {
    let address = address.to_ascii_lowercase();
    let table = [
        ("github", ForgeChoice::Github),
        ("gitlab", ForgeChoice::Gitlab),
        ("bitbucket", ForgeChoice::Bitbucket),
        ("gerrit", ForgeChoice::Gerrit),
        (":29418", ForgeChoice::Gerrit),
        ("gitea", ForgeChoice::Gitea),
        ("forgejo", ForgeChoice::Gitea),
        ("codeberg.org", ForgeChoice::Gitea),
    ];
    table
        .into_iter()
        .find(|(word, _)| address.contains(word))
        .map(|(_, forge)| forge)
}

/// What is left to do on each server, or on the one of `forge`.
///
/// # Errors
/// `Repository` if there was no purge.
pub(super) fn kit(repo: &Repository, forge: Option<ForgeChoice>) -> Result<String> {
    let manifest = after::manifest(repo)?;
    let store = after::store(repo)?;
    let mut remotes = after::remotes(repo);
    let mut text = String::new();
    if remotes.is_empty() {
        text.push_str("No remote is configured: what follows holds for any server.\n\n");
        remotes.push((String::new(), "the repository on the server".to_owned()));
    }
    for (name, address) in &remotes {
        let requests = match name.is_empty() {
            true => ChangeRequests::default(),
            false => match remote::list(&after::git(repo), name) {
                Ok(refs) => ChangeRequests::of(&remote::pushes(&refs, name, &manifest, &store)),
                Err(_) => ChangeRequests::default(),
            },
        };
        let shown = Server {
            name: escape(name.as_bytes()),
            address: escape(address.as_bytes()),
            requests,
            manifest: &manifest,
        };
        shown.write(forge.or_else(|| forge_of(address)), &mut text);
        text.push('\n');
    }
    text.push_str(
        "So that old history does not come back, let the server refuse it: 'unleak purge guard --help' says how.\n\
         Forks, other clones, caches, build artefacts, backups and mail keep what they had: rotate the secret whatever\n\
         else you do.\n",
    );
    Ok(text)
}

/// Pull or merge requests of a server.
#[derive(Default)]
struct ChangeRequests {
    /// Whether the server could be asked.
    is_known: bool,
    /// Their numbers or names, if their refs name old commits.
    old: BTreeSet<String>,
    /// Those whose commits this clone does not have.
    unknown: BTreeSet<String>,
    /// Refs that name old commits.
    refs: Vec<RemoteRef>,
    /// Refs that name commits which this clone does not have.
    others: Vec<RemoteRef>,
}

impl ChangeRequests {
    fn of(pushes: &Pushes) -> Self {
        let names = |refs: &[RemoteRef]| refs.iter().map(|found| request(&found.name)).collect();
        Self {
            is_known: true,
            old: names(&pushes.hidden),
            unknown: names(&pushes.hidden_unknown),
            refs: pushes.hidden.clone(),
            others: pushes.hidden_unknown.clone(),
        }
    }

    /// How many there are, in words.
    fn counts(&self) -> String {
        if !self.is_known {
            return "unknown (the server could not be asked)".to_owned();
        }
        let listed = |names: &BTreeSet<String>| {
            let first: Vec<&str> = names.iter().take(20).map(String::as_str).collect();
            match names.len() {
                0 => String::new(),
                1..=20 => format!(" ({})", first.join(", ")),
                _ => format!(" ({}, ...)", first.join(", ")),
            }
        };
        let mut text = format!("{}{}", self.old.len(), listed(&self.old));
        if !self.unknown.is_empty() {
            let _ = write!(
                text,
                ", and unknown for {}{}, whose commits this clone does not have",
                self.unknown.len(),
                listed(&self.unknown)
            );
        }
        text
    }
}

/// `#7` of `refs/pull/7/head`.
fn request(name: &str) -> String {
    let mut parts = name.split('/').skip(1);
    let kind = parts.next().unwrap_or_default();
    let parts: Vec<&str> = parts.collect();
    match (kind, &parts[..]) {
        ("pull" | "pull-requests", [number, ..]) => format!("#{number}"),
        ("merge-requests", [number, ..]) => format!("!{number}"),
        // refs/changes/34/1234/2
        ("changes", [_, number, ..]) => (*number).to_owned(),
        _ => name.to_owned(),
    }
}

/// A server, and what it must do.
struct Server<'a> {
    name: String,
    address: String,
    requests: ChangeRequests,
    manifest: &'a Manifest,
}

impl Server<'_> {
    fn first(&self) -> String {
        self.manifest.first_changed.join("\n  ")
    }

    fn verify(&self) -> String {
        match self.name.is_empty() {
            true => "Afterwards, in this clone: unleak purge verify --remote NAME\n".to_owned(),
            false => format!(
                "Afterwards, in this clone: unleak purge verify --remote {}\n",
                after::quoted(&self.name)
            ),
        }
    }

    fn write(&self, forge: Option<ForgeChoice>, text: &mut String) {
        let (address, requests, first) = (&self.address, self.requests.counts(), self.first());
        let _ = match forge {
            Some(ForgeChoice::Github) => self.github(text),
            Some(ForgeChoice::Gitlab) => self.gitlab(text),
            Some(ForgeChoice::Bitbucket) => writeln!(
                text,
                "Bitbucket ({address}): Cloud: after the push, ask https://support.atlassian.com to run garbage collection\n\
                 and to remove old pull request diffs. Data Center: an administrator runs 'git gc --prune=now' in the\n\
                 repository's directory. Affected pull requests: {requests}. First changed commits, by their old ids:\n  {first}"
            ),
            Some(ForgeChoice::Gerrit) => writeln!(
                text,
                "Gerrit ({address}): affected changes: {requests}. An administrator deletes the changes that hold old commits\n\
                 ('gerrit review --abandon', then the REST call DELETE /changes/ID), then runs 'gerrit gc', and\n\
                 'git gc --prune=now' in the repository's directory. First changed commits, by their old ids:\n  {first}"
            ),
            Some(ForgeChoice::Gitea) => writeln!(
                text,
                "Gitea or Forgejo ({address}): after the push, delete the refs of affected pull requests in the repository's\n\
                 directory (below), then an administrator runs 'Garbage collect all repositories' under Site Administration >\n\
                 Dashboard, with '[git] GC_ARGS = --prune=now'. Affected pull requests: {requests}.\n\
                 First changed commits, by their old ids:\n  {first}"
            ),
            None => writeln!(
                text,
                "Server of '{address}' (plain git, or a host that is not known here: '--forge' names one).\n\
                 Affected pull or merge requests: {requests}.\n\
                 After the push, in the repository's directory on the server:"
            ),
        };
        if matches!(forge, None | Some(ForgeChoice::Gitea)) {
            self.on_server(text);
        }
        if forge.is_none() {
            let _ = writeln!(text, "First changed commits, by their old ids:\n  {first}");
        }
        text.push_str(&self.verify());
    }

    /// Commands for whoever may log in to the server.
    fn on_server(&self, text: &mut String) {
        for found in self.requests.refs.iter().take(100) {
            let _ = writeln!(
                text,
                "  git update-ref -d {} {}",
                after::quoted(&found.name),
                found.id
            );
        }
        for found in self.requests.others.iter().take(100) {
            let name = after::quoted(&found.name);
            let _ = writeln!(
                text,
                "  # {name}: unknown; delete it, too, if the last command below says that it leads to old commits"
            );
        }
        text.push_str(
            "  git reflog expire --expire=now --expire-unreachable=now --all\n  git gc --prune=now\n",
        );
    }

    fn github(&self, text: &mut String) -> std::fmt::Result {
        let (address, requests, first) = (&self.address, self.requests.counts(), self.first());
        let lfs = match self.manifest.lfs.len() {
            0 => "none".to_owned(),
            count => format!("{count}\n  {}", self.manifest.lfs.join("\n  ")),
        };
        writeln!(
            text,
            "GitHub: after the push, old commits stay readable by their ids, and pull requests keep them.\n\
             Write to https://support.github.com ('remove sensitive data'):\n\n  \
             Repository: {address}\n  \
             History was rewritten to remove a secret, which has been rotated. Please dereference affected pull\n  \
             requests, collect garbage, and clear cached views.\n  \
             Affected pull requests: {requests}\n  \
             First changed commits, by their old ids:\n  {first}\n  \
             Orphaned LFS objects: {lfs}\n"
        )
    }

    fn gitlab(&self, text: &mut String) -> std::fmt::Result {
        let (address, requests) = (&self.address, self.requests.counts());
        let blobs: Vec<&str> = self.manifest.blobs.iter().map(|(old, _)| &**old).collect();
        let ids = match blobs.is_empty() {
            true => format!(
                "(no file's contents changed; first changed commits)\n  {}",
                self.first()
            ),
            false => blobs.join("\n  "),
        };
        let lfs = counted(self.manifest.lfs.len(), "LFS object is", "LFS objects are");
        writeln!(
            text,
            "GitLab ({address}): after the push, as owner, under Settings > Repository > Repository maintenance > Remove blobs,\n\
             paste these ids, then 'Prune unreachable objects' under Settings > General > Advanced:\n  {ids}\n\
             '.git/unleak/commit-map' has the form that GitLab's repository cleanup takes.\n\
             Affected merge requests: {requests}. {lfs} orphaned."
        )
    }
}
