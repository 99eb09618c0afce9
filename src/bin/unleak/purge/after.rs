//! What is left to do when history was rewritten here: pushes, and what a forge keeps.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use unleak::error::Result;
use unleak::odb::ObjectId;
use unleak::odb::repository::Repository;
use unleak::report::escape::escape;
use unleak::rewrite::publish::{self, Manifest};

use super::args::ForgeChoice;

/// Refs that forges keep, and nobody may push to.
const HIDDEN: [(&str, &str); 3] = [
    ("refs/pull/", "pull requests"),
    ("refs/merge-requests/", "merge requests"),
    ("refs/changes/", "changes"),
];

/// One ref of a remote that must be moved.
struct Push {
    name: String,
    old: ObjectId,
    new: ObjectId,
}

/// What each remote must be told, and hidden refs that moved here, by kind.
struct Pushes {
    by_remote: BTreeMap<String, Vec<Push>>,
    hidden: Vec<(String, usize)>,
}

/// The remotes of a repository: name and address, without user and password.
fn remotes(repo: &Repository) -> Vec<(String, String)> {
    let git = repo.git();
    let names = git.remote_names();
    let address = |name: &str| {
        let remote = git.try_find_remote(name)?.ok()?;
        let mut url = remote.url(gix::remote::Direction::Push)?.clone();
        url.set_password(None);
        url.set_user(None);
        Some(url.to_bstring().to_string())
    };
    names
        .iter()
        .map(|name| {
            let name = name.to_string();
            let address = address(&name).unwrap_or_default();
            (name, address)
        })
        .collect()
}

/// As far as the last purge knows what a remote has.
fn pushes(repo: &Repository) -> Result<Pushes> {
    let map = publish::ref_map(repo.common_dir())?;
    let names: Vec<String> = remotes(repo).into_iter().map(|(name, _)| name).collect();
    let mut found: BTreeMap<String, Vec<Push>> = BTreeMap::new();
    let tracked = map
        .iter()
        .any(|(_, _, name)| name.starts_with("refs/remotes/"));
    for (old, new, name) in &map {
        let push = |name: String| Push {
            name,
            old: *old,
            new: *new,
        };
        let tracking = names.iter().find_map(|remote| {
            let branch = name.strip_prefix(&format!("refs/remotes/{remote}/"))?;
            Some((remote.clone(), format!("refs/heads/{branch}")))
        });
        if let Some((remote, branch)) = tracking {
            found.entry(remote).or_default().push(push(branch));
            continue;
        }
        // A mirror has what its remote has; tags are the same everywhere.
        let is_same =
            name.starts_with("refs/tags/") || (!tracked && name.starts_with("refs/heads/"));
        if is_same {
            let remotes = if names.is_empty() {
                vec!["origin".to_owned()]
            } else {
                names.clone()
            };
            for remote in remotes {
                found.entry(remote).or_default().push(push(name.clone()));
            }
        }
    }
    let hidden = HIDDEN.iter().map(|(prefix, what)| {
        let count = map
            .iter()
            .filter(|(_, _, name)| name.starts_with(prefix))
            .count();
        ((*what).to_owned(), count)
    });
    Ok(Pushes {
        by_remote: found,
        hidden: hidden.filter(|(_, count)| *count > 0).collect(),
    })
}

/// The pushes, as commands that can be pasted.
///
/// # Errors
/// `Repository` if there was no purge.
pub(super) fn push_plan(repo: &Repository) -> Result<String> {
    let Pushes { by_remote, hidden } = pushes(repo)?;
    let mut text = String::new();
    if by_remote.is_empty() {
        text.push_str("No ref that a remote has was moved.\n");
    }
    for (remote, list) in by_remote {
        let _ = writeln!(
            text,
            "# {} of '{}': none is moved unless it still stands where it stood.",
            list.len(),
            escape(remote.as_bytes())
        );
        let _ = write!(text, "git push --atomic");
        for push in &list {
            let _ = write!(
                text,
                " \\\n  {}",
                quoted(&format!("--force-with-lease={}:{}", push.name, push.old))
            );
        }
        let _ = write!(text, " \\\n  {}", quoted(&remote));
        for push in &list {
            let _ = write!(
                text,
                " \\\n  {}",
                quoted(&format!("{}:{}", push.new, push.name))
            );
        }
        text.push('\n');
    }
    for (what, count) in hidden {
        let _ = writeln!(
            text,
            "# {count} refs of {what} moved here: only the forge can move its own; see 'unleak purge kit'."
        );
    }
    Ok(text)
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-=+@".contains(c);
    let word = escape(word.as_bytes()).to_string();
    if word.chars().all(is_plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

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

/// What is left to do on a forge.
///
/// # Errors
/// `Io` if there was no purge.
pub(super) fn kit(repo: &Repository, forge: Option<ForgeChoice>) -> Result<String> {
    let manifest = Manifest::read(&publish::manifest_path(repo.common_dir()))?;
    let hidden = pushes(repo)?.hidden;
    let remotes = remotes(repo);
    let mut text = String::new();
    let found: Vec<(Option<ForgeChoice>, String)> = match forge {
        Some(forge) => vec![(
            Some(forge),
            remotes
                .first()
                .map(|(_, address)| address.clone())
                .unwrap_or_default(),
        )],
        None => remotes
            .iter()
            .map(|(_, address)| (forge_of(address), address.clone()))
            .collect(),
    };
    if found.is_empty() {
        text.push_str("No remote is configured; name the forge with '--forge'.\n");
    }
    for (forge, address) in found {
        let address = escape(address.as_bytes());
        match forge {
            None => {
                let _ = writeln!(
                    text,
                    "Where '{address}' is hosted is not known here; name the forge with '--forge'."
                );
            }
            Some(forge) => one(&mut text, forge, &address, &manifest, &hidden),
        }
    }
    text.push_str("\nForks, other clones, caches and mail keep what they had: rotate the secret whatever else you do.\n");
    Ok(text)
}

fn one(
    text: &mut String,
    forge: ForgeChoice,
    address: &str,
    manifest: &Manifest,
    hidden: &[(String, usize)],
) {
    let first = manifest.first_changed.join("\n  ");
    let lfs = match manifest.lfs.len() {
        0 => "none".to_owned(),
        count => format!("{count}\n  {}", manifest.lfs.join("\n  ")),
    };
    let refs: usize = hidden.iter().map(|(_, count)| count).sum();
    let _ = match forge {
        ForgeChoice::Github => writeln!(
            text,
            "GitHub: after the push, old commits stay readable by their ids, and pull requests keep them.\n\
             Write to https://support.github.com ('remove sensitive data'):\n\n  \
             Repository: {address}\n  \
             History was rewritten to remove a secret, which has been rotated. Please dereference affected pull\n  \
             requests, collect garbage, and clear cached views.\n  \
             Affected pull requests (refs): {refs}\n  \
             First changed commits, by their old ids:\n  {first}\n  \
             Orphaned LFS objects: {lfs}"
        ),
        ForgeChoice::Gitlab => {
            let blobs: Vec<&str> = manifest.blobs.iter().map(|(old, _)| old.as_str()).collect();
            writeln!(
                text,
                "GitLab ({address}): after the push, as owner, under Settings > Repository > Repository maintenance > Remove blobs,\n\
                 paste these ids, then 'Prune unreachable objects' under Settings > General > Advanced:\n  {}\n\
                 '.git/unleak/commit-map' has the form that GitLab's repository cleanup takes.\n\
                 Merge requests keep {refs} refs.",
                blobs.join("\n  ")
            )
        }
        ForgeChoice::Bitbucket => writeln!(
            text,
            "Bitbucket ({address}): Cloud: after the push, ask https://support.atlassian.com to run garbage collection\n\
             and to remove old pull request diffs. Data Center: an administrator runs 'git gc --prune=now' in the\n\
             repository's directory. First changed commits, by their old ids:\n  {first}"
        ),
        ForgeChoice::Gerrit => writeln!(
            text,
            "Gerrit ({address}): {refs} refs of changes keep old commits. An administrator deletes the changes that hold them\n\
             ('gerrit review --abandon', then 'gerrit delete-change' or the REST call DELETE /changes/ID), then runs\n\
             'gerrit gc', and 'git gc --prune=now' in the repository's directory. First changed commits, by their old ids:\n  {first}"
        ),
        ForgeChoice::Gitea => writeln!(
            text,
            "Gitea or Forgejo ({address}): after the push, an administrator runs 'Garbage collect all repositories' under Site\n\
             Administration > Dashboard, with '[git] GC_ARGS = --prune=now'. Pull requests keep {refs} refs; delete those that\n\
             hold old commits in the repository's directory with 'git update-ref -d'. First changed commits, by their\n\
             old ids:\n  {first}"
        ),
    };
}
