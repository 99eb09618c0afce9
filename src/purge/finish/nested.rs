//! Other repositories in this one: of submodules below `.git/modules`, and in worktrees, there also as
//! bundles and packs. A purge does not rewrite them, and must not call proven what they still hold.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use gix::hash::Kind as HashKind;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::git::repository::{Overrides, Repository};
use crate::odb::{ObjectKind, SkipReason, Skipped, bundle, file};
use crate::purge::apply::{files, guard};
use crate::purge::find::survey::{Purpose, Survey};
use crate::purge::find::values;
use crate::purge::find::values::Needles;
use crate::purge::finish::proof;
use crate::purge::plan::{Job, Leftover};

/// What holds values, and what could not be read.
type Held = (Vec<Leftover>, Vec<Skipped>);

/// What holds values in objects, refs, reflogs and indexes of submodules; and what could not be read.
pub(crate) fn holding(job: &Job<'_>, needles: &Needles) -> Held {
    let common = job.repo.common_dir();
    let mut held = Held::default();
    for dir in files::git_dirs(common) {
        let searched = Repository::discover(&dir, &Overrides::default())
            .and_then(|repo| search(&repo, job, needles));
        let name = dir.strip_prefix(common).unwrap_or(&dir);
        add(&mut held, ("in a submodule:", name), searched, needles);
    }
    held
}

/// The same of repositories, bundles and packs in worktrees; and packs that are damaged, which nobody can
/// read as a whole.
pub(crate) fn beside(job: &Job<'_>, needles: &Needles) -> (Held, Vec<Skipped>) {
    let repo = job.repo;
    let (mut held, mut damaged) = (Held::default(), Vec::new());
    let found = Found::in_worktrees(repo);
    let canonical = |dir: &Path| dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mut own: Vec<PathBuf> = files::git_dirs(repo.common_dir());
    own.push(repo.common_dir().to_owned());
    let own: Vec<PathBuf> = own.iter().map(|dir| canonical(dir)).collect();
    for dir in found.repositories {
        let opened = Repository::discover(&dir, &Overrides::default());
        // A linked worktree, or the worktree of a submodule.
        let is_own = |other: &Repository| own.contains(&canonical(other.common_dir()));
        if opened.as_ref().is_ok_and(is_own) {
            continue;
        }
        let searched = opened.and_then(|repo| search(&repo, job, needles));
        add(&mut held, ("in the repository", &dir), searched, needles);
    }
    for path in found.packs {
        let mut searched = search_pack(&path, job, needles);
        if let Ok((_, skipped)) = &mut searched {
            let (corrupt, others): (Vec<_>, Vec<_>) = std::mem::take(skipped)
                .into_iter()
                .partition(|skipped| skipped.reason == SkipReason::Corrupt);
            *skipped = others;
            damaged.extend(corrupt.into_iter().next());
        }
        add(&mut held, ("in the pack", &path), searched, needles);
    }
    held.1.extend(found.skipped);
    (held, damaged)
}

/// Adds what was found in a repository or file.
fn add(
    held: &mut Held,
    (what, path): (&'static str, &Path),
    searched: Result<Held>,
    needles: &Needles,
) {
    let bytes = path.as_os_str().as_encoded_bytes();
    let shown = values::redact_name(bytes, needles, b"REMOVED").unwrap_or_else(|| bytes.to_vec());
    let shown = String::from_utf8_lossy(&shown);
    match searched {
        Ok((found, skipped)) => {
            let found = found.into_iter().map(|left| Leftover {
                what,
                name: format!("{} {} in '{shown}'", left.what, left.name),
            });
            held.0.extend(found);
            held.1.extend(skipped);
        }
        Err(error) => held.1.push(Skipped {
            reason: SkipReason::Unreadable,
            kind: ObjectKind::Unknown,
            object_id: None,
            detail: format!("{what} '{shown}': {}", error.chain()),
        }),
    }
}

fn search(repo: &Repository, job: &Job<'_>, needles: &Needles) -> Result<Held> {
    let store = repo.open_store(&Overrides::default(), job.limits)?;
    let survey = Survey::take(repo, &store, needles, &Purpose::default(), job.progress);
    Ok((proof::in_history(&survey), survey.skipped.clone()))
}

/// Searches a pack or a bundle, by way of a repository that has only it.
fn search_pack(path: &Path, job: &Job<'_>, needles: &Needles) -> Result<Held> {
    let scratch = TempDir::new().map_err(|e| Error::io("write", &std::env::temp_dir(), e))?;
    let top = scratch.path();
    let pack = top.join("objects/pack/pack-found.pack");
    let mut start = [0; START];
    let len = read_start(path, &mut start).map_err(|e| Error::io("read", path, e))?;
    let is_bundle = bundle::is_bundle(&start[..len]);
    let bundle = is_bundle
        .then(|| bundle::open(path, job.limits))
        .transpose()?;
    let (from, hash) = match &bundle {
        Some(bundle) => {
            let dir = bundle.store.dirs().first();
            let dir = dir.map(|dir| dir.join("pack/pack-bundle.pack"));
            (dir.unwrap_or_default(), bundle.store.hash())
        }
        None => (path.to_owned(), job.repo.hash()),
    };
    let make = || -> std::io::Result<()> {
        fs::create_dir_all(top.join("objects/pack"))?;
        fs::create_dir(top.join("refs"))?;
        fs::write(top.join("HEAD"), "ref: refs/heads/main\n")?;
        let format = match hash {
            HashKind::Sha1 => "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
            _ => {
                "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n"
            }
        };
        fs::write(top.join("config"), format)?;
        fs::copy(&from, &pack).map(drop)
    };
    make().map_err(|e| Error::io("copy", &from, e))?;
    let repo = Repository::discover(top, &Overrides::default())?;
    let mut held = search(&repo, job, needles)?;
    if let Some(bundle) = bundle {
        let names = bundle.refs.iter().map(|(name, _)| name);
        held.0.extend(names.filter_map(|name| {
            let shown = values::redact_name(name, needles, b"REMOVED")?;
            let name = String::from_utf8_lossy(&shown).into_owned();
            Some(Leftover {
                what: "ref name",
                name,
            })
        }));
        held.1.extend(bundle.skipped);
    }
    // What is said of the copy is true of the file.
    let (copy, file) = (pack.display().to_string(), path.display().to_string());
    for skipped in &mut held.1 {
        skipped.detail = skipped.detail.replace(&copy, &file);
    }
    held.1.sort_unstable();
    Ok(held)
}

/// Bytes by which a file is known to be a pack or a bundle.
const START: usize = 16;

fn read_start(path: &Path, start: &mut [u8; START]) -> std::io::Result<usize> {
    let mut file = file::open(path)?;
    let mut len = 0;
    while len < START {
        match file.read(&mut start[len..])? {
            0 => break,
            more => len += more,
        }
    }
    Ok(len)
}

/// What in worktrees may hold objects.
#[derive(Default)]
struct Found {
    /// Directories with a `.git`, and bare repositories.
    repositories: Vec<PathBuf>,
    /// Bundles and packs.
    packs: Vec<PathBuf>,
    skipped: Vec<Skipped>,
}

impl Found {
    fn in_worktrees(repo: &Repository) -> Self {
        let mut found = Self::default();
        let worktrees = guard::worktrees(repo).into_iter();
        let roots: Vec<PathBuf> = worktrees.map(|worktree| worktree.root).collect();
        let mut dirs = roots.clone();
        while let Some(dir) = dirs.pop() {
            let (entries, unread) = file::list_what_can_be(&dir);
            found
                .skipped
                .extend(unread.and_then(|unread| unread.skipped(&dir)));
            for entry in entries {
                let (path, kind) = (entry.path(), entry.file_type());
                let is_dir = kind.as_ref().is_ok_and(fs::FileType::is_dir);
                if entry.file_name() == OsStr::new(".git") {
                    found.repositories.push(dir.clone());
                } else if is_dir && files::is_bare(&path) {
                    found.repositories.push(path);
                } else if is_dir {
                    dirs.push(path);
                } else if kind.is_ok_and(|kind| kind.is_file()) && is_pack(&path) {
                    found.packs.push(path);
                }
            }
        }
        found.repositories.retain(|dir| !roots.contains(dir));
        for list in [&mut found.repositories, &mut found.packs] {
            list.sort_unstable();
            list.dedup();
        }
        found
    }
}

/// Whether a file is a pack or a bundle. What cannot be read is told by the search of files.
fn is_pack(path: &Path) -> bool {
    let mut start = [0; START];
    let len = read_start(path, &mut start).unwrap_or_default();
    let is_pack = start.starts_with(b"PACK\0\0\0") && matches!(start[7], 2 | 3);
    bundle::is_bundle(&start[..len]) || (len > 12 && is_pack)
}
