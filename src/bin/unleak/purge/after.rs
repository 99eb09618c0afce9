//! The pushes that bring the new history to each remote, as commands to paste.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use unleak::error::{Error, Result};
use unleak::git::repository::{Overrides, Repository};
use unleak::odb::{ObjectId, ObjectStore, ReadLimits};
use unleak::purge::apply::record;
use unleak::purge::git::Git;
use unleak::purge::share::manifest::{Manifest, Renamed};
use unleak::purge::share::remote;
use unleak::purge::share::remote::{HIDDEN, Pushes, RefPush, RemoteRef};
use unleak::report::escape::escape;

use super::show::counted;

/// Refs in one command: a command line has an end.
const MAX_REFS: usize = 500;

/// Names of each kind that are listed.
const MAX_LISTED: usize = 20;

/// The remotes of a repository: name and address, without user and password.
pub(super) fn remotes(repo: &Repository) -> Vec<(String, String)> {
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

/// git in the repository, as the user would run it.
pub(super) fn git(repo: &Repository) -> Git {
    Git::new(repo.common_dir(), repo.git().workdir(), repo.hash())
}

/// The manifest of the last purge.
pub(super) fn manifest(repo: &Repository) -> Result<Manifest> {
    let path = record::manifest_path(repo.common_dir());
    if !path.exists() {
        return Err(Error::repository("no purge was applied in this repository")
            .hint("'unleak purge --apply' applies one"));
    }
    Manifest::read(&path)
}

pub(super) fn store(repo: &Repository) -> Result<ObjectStore> {
    repo.open_store(&Overrides::default(), ReadLimits::default())
}

/// The pushes, as commands that can be pasted; and whether all remotes could be asked.
///
/// # Errors
/// `Repository` if there was no purge; `Usage` if a ref of `named` is not there.
pub(super) fn push_plan(repo: &Repository, named: &[String]) -> Result<(String, bool)> {
    let manifest = manifest(repo)?;
    let store = store(repo)?;
    let moved = record::ref_map(repo.common_dir())?;
    let named = named_refs(repo, named)?;
    let (mut text, mut is_whole) = (String::new(), true);
    let remotes = remotes(repo);
    if remotes.is_empty() {
        text.push_str(
            "# No remote is configured: add the server with 'git remote add NAME ADDRESS', then run this again.\n",
        );
    }
    for (name, _) in &remotes {
        match remote::list(&git(repo), name) {
            Ok(refs) => {
                let pushes = remote::pushes(&refs, name, &manifest, &store);
                let part = RemoteSection {
                    repo,
                    remote: name,
                    refs: &refs,
                    moved: &moved,
                    named: &named,
                };
                part.write(&pushes, &mut text);
            }
            Err(error) => {
                is_whole = false;
                line(
                    &mut text,
                    &format!("# {}", escape(error.chain().as_bytes())),
                );
                line(
                    &mut text,
                    "# Nothing is known of its refs: reach it, then run 'unleak purge push-plan' again.",
                );
            }
        }
    }
    Ok((text, is_whole))
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// Refs that the user names, with what they name here.
fn named_refs(repo: &Repository, named: &[String]) -> Result<Vec<RemoteRef>> {
    let refs = repo.refs();
    let found = named.iter().map(|name| {
        let full = ["", "refs/", "refs/tags/", "refs/heads/"]
            .map(|prefix| format!("{prefix}{name}"))
            .into_iter()
            .find_map(|name| {
                let id = refs.get(None, name.as_bytes())?.object_id()?;
                Some(RemoteRef { name, id })
            });
        full.ok_or_else(|| Error::usage(format!("there is no ref '{name}'")))
    });
    found.collect()
}

/// What is printed for one remote.
struct RemoteSection<'a> {
    repo: &'a Repository,
    remote: &'a str,
    refs: &'a [RemoteRef],
    moved: &'a [(ObjectId, ObjectId, String)],
    named: &'a [RemoteRef],
}

impl RemoteSection<'_> {
    fn write(&self, pushes: &Pushes, text: &mut String) {
        let shown = escape(self.remote.as_bytes());
        let new: Vec<&RemoteRef> = self
            .named
            .iter()
            .filter(|named| !self.has(&named.name))
            .collect();
        let count = pushes.moves.len() + pushes.renames.len() + new.len();
        if count == 0 {
            line(text, &format!("# '{shown}': no ref is left to push."));
        } else {
            let refs = counted(count, "ref", "refs");
            line(
                text,
                &format!("# '{shown}': {refs}. Each moves only from the commit that it names now."),
            );
        }
        self.commands(pushes, &new, text);
        for (renamed, push) in &pushes.renames {
            self.rename(renamed, push, text);
        }
        if count > 0 {
            text.push_str(&refusals(self.remote));
        }
        for (_, push) in &pushes.renames {
            text.push_str(&self.default_branch(push));
        }
        self.rest(pushes, text);
    }

    fn has(&self, name: &str) -> bool {
        self.refs.iter().any(|found| found.name == name)
    }

    /// How a push begins: that of a mirror would push everything.
    fn push(&self) -> String {
        let config = self.repo.git().config_snapshot();
        let key = format!("remote.{}.mirror", self.remote);
        if config.boolean(key.as_str()) == Some(true) {
            return format!("git -c {} push --atomic", quoted(&format!("{key}=false")));
        }
        "git push --atomic".to_owned()
    }

    fn commands(&self, pushes: &Pushes, new: &[&RemoteRef], text: &mut String) {
        let moves = pushes.moves.iter().map(|push| {
            let lease = format!("--force-with-lease={}:{}", push.name, push.old);
            (lease, format!("{}:{}", push.new, push.name))
        });
        let new = new.iter().map(|found| {
            let lease = format!("--force-with-lease={}:", found.name);
            (lease, format!("{}:{}", found.id, found.name))
        });
        let words: Vec<(String, String)> = moves.chain(new).collect();
        for words in words.chunks(MAX_REFS) {
            text.push_str(&self.push());
            for (lease, _) in words {
                let _ = write!(text, " \\\n  {}", quoted(lease));
            }
            let _ = write!(text, " \\\n  {}", quoted(self.remote));
            for (_, refspec) in words {
                let _ = write!(text, " \\\n  {}", quoted(refspec));
            }
            text.push('\n');
        }
    }

    /// Makes the ref with its new name, and deletes the old one, whose name is a secret: the remote
    /// tells it to the shell.
    fn rename(&self, renamed: &Renamed, push: &RefPush, text: &mut String) {
        let name = quoted(&push.name);
        line(
            text,
            &format!(
                "# The name of a ref holds a secret: it becomes {name}, and the old one is deleted."
            ),
        );
        let remote = quoted(self.remote);
        let _ = writeln!(
            text,
            "old=$(git ls-remote --refs {remote} | while read -r id name; do\n  \
             if [ \"$id\" = {} ] && [ \"$(printf %s \"$name\" | git hash-object --stdin)\" = {} ]; then printf %s \"$name\"; fi\n\
             done)",
            push.old, renamed.name_id,
        );
        if self.has(&push.name) {
            let _ = writeln!(
                text,
                "{} --force-with-lease=\"$old:{}\" {remote} \":$old\"",
                self.push(),
                push.old
            );
        } else {
            let _ = writeln!(
                text,
                "{} --force-with-lease=\"$old:{}\" --force-with-lease={} \\\n  {remote} \":$old\" {}",
                self.push(),
                push.old,
                quoted(&format!("{}:", push.name)),
                quoted(&format!("{}:{}", push.new, push.name)),
            );
        }
    }

    /// What to do if a branch that gets another name is the default one: no push deletes that.
    fn default_branch(&self, push: &RefPush) -> String {
        let Some(branch) = push.name.strip_prefix("refs/heads/") else {
            return String::new();
        };
        let (remote, branch) = (quoted(self.remote), quoted(branch));
        let (new, name) = (push.new, quoted(&push.name));
        let create = match self.has(&push.name) {
            true => String::new(),
            false => format!("#     git push {remote} {new}:{name}\n"),
        };
        format!(
            "#   'deletion of the current branch prohibited', or another word of a default branch: the server keeps the old name\n\
             #     of {branch}. Push the new name alone, make it the default branch, and ask for the pushes again:\n\
             {create}\
             #     git symbolic-ref HEAD {name}    # in the repository on the server; on a forge, in its settings\n\
             #     unleak purge push-plan\n"
        )
    }

    /// What no push of this clone can do.
    fn rest(&self, pushes: &Pushes, text: &mut String) {
        let shown = escape(self.remote.as_bytes());
        let moved = self.moved.iter().map(|(_, _, name)| name);
        let local: BTreeSet<&String> = moved
            .filter(|name| name.starts_with("refs/tags/") || name.starts_with("refs/heads/"))
            .filter(|name| !self.has(name))
            .filter(|name| !pushes.renames.iter().any(|(_, push)| push.name == **name))
            .collect();
        if !local.is_empty() {
            line(
                text,
                &format!("# Only here, and not on '{shown}' ('--ref NAME' pushes one, too):"),
            );
            names(local.into_iter().map(String::as_str), text);
        }
        if !pushes.unknown.is_empty() {
            let count = counted(pushes.unknown.len(), "ref", "refs");
            line(
                text,
                &format!(
                    "# {count} of '{shown}' name what this clone does not have: somebody pushed, or they were never fetched."
                ),
            );
            names(pushes.unknown.iter().map(|found| &*found.name), text);
            line(
                text,
                "# Fetch them, bring them to the new history, and ask for the pushes again; nothing is lost:",
            );
            line(text, &format!("#   {}", self.fetch(&pushes.unknown)));
            line(
                text,
                "#   unleak purge heal .git/unleak/manifest.json --finish",
            );
            line(text, "#   unleak purge push-plan");
        }
        for (prefix, what) in HIDDEN {
            let count = |refs: &[RemoteRef]| {
                refs.iter()
                    .filter(|found| found.name.starts_with(prefix))
                    .count()
            };
            let (old, unknown) = (count(&pushes.hidden), count(&pushes.hidden_unknown));
            if old + unknown > 0 {
                line(
                    text,
                    &format!(
                        "# {what}: {} old commits, {} commits that this clone does not have. No push moves them: see 'unleak purge kit'.",
                        counted(old, "ref names", "refs name"),
                        counted(unknown, "ref names", "refs name"),
                    ),
                );
            }
        }
    }

    /// The command that fetches refs: git fetches branches by itself, and others only if they are named.
    fn fetch(&self, refs: &[RemoteRef]) -> String {
        let mut words = vec!["git fetch".to_owned(), quoted(self.remote)];
        let others = refs
            .iter()
            .filter(|found| !found.name.starts_with("refs/heads/"));
        let others: Vec<&RemoteRef> = others.collect();
        if !others.is_empty() {
            let key = format!("remote.{}.fetch", self.remote);
            let config = self.repo.git().config_snapshot();
            words.extend(
                config
                    .string(key.as_str())
                    .map(|spec| quoted(&spec.to_string())),
            );
        }
        for found in others.iter().take(MAX_LISTED) {
            words.push(quoted(&format!("{}:{}", found.name, found.name)));
        }
        words.join(" ")
    }
}

fn names<'n>(names: impl Iterator<Item = &'n str>, text: &mut String) {
    let names: Vec<&str> = names.collect();
    for name in names.iter().take(MAX_LISTED) {
        line(text, &format!("#   {}", escape(name.as_bytes())));
    }
    if names.len() > MAX_LISTED {
        line(text, &format!("#   and {} more", names.len() - MAX_LISTED));
    }
}

/// What servers say to such pushes, and what to do then.
fn refusals(remote: &str) -> String {
    let remote = escape(remote.as_bytes());
    format!(
        "# If it is refused:\n\
         #   'stale info': somebody pushed to '{remote}' meanwhile; run 'unleak purge push-plan' again.\n\
         #   'protected branch', 'pre-receive hook declined', GH006, GH013: allow force pushes (and deletions, if a ref is\n\
         #     renamed) for the moment, and forbid them again afterwards.\n\
         #     GitHub: Settings > Branches, or Rules > Rulesets. GitLab: Settings > Repository > Protected branches, and\n\
         #     protected tags. Bitbucket: Repository settings > Branch restrictions. Gitea, Forgejo: Settings > Branches.\n\
         #   'denying non-fast-forward', 'denying ref deletion', on plain git: in the repository on the server\n\
         #     git config receive.denyNonFastForwards false    # afterwards: true\n\
         #     git config receive.denyDeletes false            # afterwards: true\n"
    )
}

/// Quotes a word for a shell.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-=+@".contains(c);
    let word = escape(word.as_bytes()).to_string();
    if !word.is_empty() && word.chars().all(is_plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
