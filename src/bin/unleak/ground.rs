//! Where the paths of filters begin: at the top of a repository, wherever the user stands and however
//! the path was typed.

use std::path::{Component, Path, PathBuf};

use unleak::error::{Error, Result};
use unleak::git::repository::Repository;
use unleak::paths::PathPattern;

/// What the paths of filters are of.
#[derive(Clone, Copy)]
pub(crate) enum Ground<'a> {
    /// A repository.
    Repository(&'a Repository),
    /// Files and directories as they were named.
    Files(&'a [PathBuf]),
    /// A bundle, a text, or repositories that are not known yet.
    Other,
}

impl<'a> Ground<'a> {
    /// The files and directories that were named.
    pub(crate) fn roots(self) -> &'a [PathBuf] {
        match self {
            Self::Files(roots) => roots,
            Self::Repository(_) | Self::Other => &[],
        }
    }

    /// Reads patterns; one that begins with '!' is refused, since it would select all others.
    ///
    /// # Errors
    /// `Config` if one is no pattern, `Usage` if it is of a place that is not scanned.
    pub(crate) fn patterns(self, flag: &str, texts: &[String]) -> Result<Vec<PathPattern>> {
        let texts = texts.iter();
        texts.map(|text| self.pattern(flag, text)).collect()
    }

    fn pattern(self, flag: &str, text: &str) -> Result<PathPattern> {
        if let Some(rest) = text.strip_prefix('!') {
            return Err(
                Error::usage(format!("'{flag} {text}': a pattern cannot begin with '!'"))
                    .hint(format!("'--exclude {rest}' leaves out what it matches")),
            );
        }
        let plain = if is_placed(text) {
            self.below(flag, text)?
        } else if is_here(text) {
            // From outside of the repository, it is its top.
            self.below(flag, text).unwrap_or_else(|_| text.to_owned())
        } else {
            text.to_owned()
        };
        let pattern = match PathPattern::has_signs(&plain) && self.has(Path::new(&plain)) {
            true => PathPattern::exact(&plain),
            false => PathPattern::parse(&plain),
        };
        Ok(pattern?.typed(text))
    }

    /// What a path that says where it begins is called where patterns begin.
    fn below(self, flag: &str, text: &str) -> Result<String> {
        let outside = |what: &str| {
            let error = Error::usage(format!("'{flag} {text}' is not in {what}"));
            if matches!(self, Self::Files(_)) {
                return error.hint(
                    "patterns match paths as they are below the directories that are scanned",
                );
            }
            let plain = text.trim_start_matches('/');
            error.hint(match text.starts_with('/') && !plain.is_empty() {
                true => {
                    format!("paths begin at the top of the repository, without a slash: '{plain}'")
                }
                false => "paths begin at the top of the repository, as in 'src/**'".to_owned(),
            })
        };
        let whole = whole(Path::new(text))?;
        if let Self::Files(roots) = self {
            for root in roots {
                let top = self::whole(root)?;
                if let Ok(below) = whole.strip_prefix(&top) {
                    // What is found there is called as its root was named.
                    return Ok(root.join(below).to_string_lossy().into_owned());
                }
            }
            return Err(outside("what is scanned"));
        }
        let top = match self {
            Self::Repository(repo) => repo.git().workdir(),
            _ => None,
        };
        let top = top.and_then(|top| top.canonicalize().ok());
        let top = top.ok_or_else(|| outside("what is scanned"))?;
        let linked = whole.canonicalize().ok();
        let below = whole.strip_prefix(&top).ok();
        let below = below.or_else(|| linked.as_ref()?.strip_prefix(&top).ok());
        let below = below.ok_or_else(|| outside(&format!("the repository '{}'", top.display())))?;
        Ok(match below.as_os_str().is_empty() {
            true => ".".to_owned(),
            false => below.to_string_lossy().into_owned(),
        })
    }

    /// Whether a path of this very name is there.
    fn has(self, path: &Path) -> bool {
        match self {
            Self::Repository(repo) => {
                let top = repo.git().workdir();
                let is_file = top.is_some_and(|top| top.join(path).symlink_metadata().is_ok());
                is_file || is_in_head(repo, path)
            }
            Self::Files(roots) => {
                let mut roots = roots.iter();
                path.exists() || roots.any(|root| root.join(path).exists())
            }
            Self::Other => false,
        }
    }
}

fn is_in_head(repo: &Repository, path: &Path) -> bool {
    let tree = repo.git().head_tree_id().ok();
    let tree = tree.and_then(|tree| Some(tree.object().ok()?.into_tree()));
    let entry = tree.and_then(|tree| tree.lookup_entry_by_path(path).ok()?);
    entry.is_some()
}

/// Whether a path says by itself where it begins, or steps up.
fn is_placed(text: &str) -> bool {
    text.starts_with('/') || text.split('/').any(|part| part == "..")
}

/// Whether a path may mean something else in another directory.
pub(crate) fn depends_on_directory(text: &str) -> bool {
    is_placed(text) || is_here(text)
}

/// Whether a path begins at the current directory: `.` or `./src`.
fn is_here(text: &str) -> bool {
    text == "." || text.starts_with("./")
}

/// An absolute path without steps up, and without links but for its last component. What does not
/// exist, such as a pattern, stays as it is.
fn whole(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path)
        .map_err(|e| Error::io("find", "the current directory".as_ref(), e))?;
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                whole = whole.canonicalize().unwrap_or(whole);
                whole.pop();
            }
            Component::CurDir => {}
            part => {
                whole = whole.canonicalize().unwrap_or(whole);
                whole.push(part);
            }
        }
    }
    Ok(whole)
}
