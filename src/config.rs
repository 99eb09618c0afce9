//! Configuration files: `.unleak.toml` of a repository, and the user's own. Their fields are the
//! names of the options.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result, nearest, quoted};
use crate::git::repository::Repository;
use crate::rule::Confidence;
use crate::suppress::pattern::{self, Pattern, PatternFields};
use crate::tables::{self, Fault, Field, FieldKind};

/// The name of a repository's file.
pub const FILE: &str = ".unleak.toml";
/// Largest file.
const MAX_BYTES: u64 = 4 << 20;

/// The fields.
const FIELDS: [Field; 9] = [
    Field::free(
        "min_confidence",
        FieldKind::Choice(&["low", "medium", "high"]),
    ),
    Field::free("public_keys", FieldKind::Flag),
    Field::free("inline_allow", FieldKind::Flag),
    Field::free("extra_rules", FieldKind::Texts),
    Field::free("disable_rules", FieldKind::Texts),
    Field::free("max_object_size", FieldKind::Count),
    Field::free("budget", FieldKind::Count),
    Field::free("trust", FieldKind::Texts),
    Field::free("ignore", FieldKind::Tables(&pattern::FIELDS)),
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigFields {
    min_confidence: Option<Confidence>,
    public_keys: Option<bool>,
    inline_allow: Option<bool>,
    extra_rules: Vec<PathBuf>,
    disable_rules: Vec<String>,
    max_object_size: Option<u64>,
    budget: Option<u64>,
    trust: Vec<PathBuf>,
    ignore: Vec<PatternFields>,
}

/// What one file says.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The file, for people; empty if there is none.
    pub name: String,
    /// Findings below this are left out.
    pub min_confidence: Option<Confidence>,
    /// Whether keys that are meant to be public are reported.
    pub public_keys: Option<bool>,
    /// Whether inline markers are honoured.
    pub inline_allow: Option<bool>,
    /// Files with more rules; relative ones are beside the configuration.
    pub extra_rules: Vec<PathBuf>,
    /// Rules that are left out.
    pub disable_rules: Vec<String>,
    /// Largest object to read, in MiB.
    pub max_object_size: Option<u64>,
    /// What multiplies the budget of a scan, in thousandths; 0 lifts it.
    pub budget: Option<u64>,
    /// Repositories whose own configuration is trusted: only the user's file may say so.
    pub trust: Vec<PathBuf>,
    /// Suppressions.
    pub ignore: Vec<Pattern>,
}

impl Config {
    /// Reads the text of the file `name`, which stands in `dir`.
    ///
    /// # Errors
    /// `Config` if a field is unknown or wrong.
    pub fn parse(text: &str, name: &str, dir: &Path) -> Result<Self> {
        tables::check(text, &FIELDS).map_err(|fault| faulty(name, &fault))?;
        let fields: ConfigFields = toml::from_str(text).map_err(|_| {
            Error::config(format!("'{name}' cannot be understood"))
                .hint("'unleak help config' lists the fields")
        })?;
        let ignore = fields.ignore.into_iter().enumerate();
        Ok(Self {
            name: name.to_owned(),
            min_confidence: fields.min_confidence,
            public_keys: fields.public_keys,
            inline_allow: fields.inline_allow,
            extra_rules: fields
                .extra_rules
                .iter()
                .map(|file| dir.join(file))
                .collect(),
            disable_rules: fields.disable_rules,
            max_object_size: fields.max_object_size,
            budget: fields.budget.map(|factor| factor.saturating_mul(1000)),
            trust: fields.trust.iter().map(|path| dir.join(path)).collect(),
            ignore: ignore
                .map(|(number, written)| {
                    let line = |field: &str| tables::line_of(text, "ignore", number, field);
                    Pattern::new(written, name, &line)
                })
                .collect::<Result<_>>()?,
        })
    }

    /// Reads the file of a repository: in its worktree, or in HEAD if it is bare; nothing if there
    /// is none.
    ///
    /// # Errors
    /// As [`Config::parse`]; `Io` or `Repository` if it cannot be read.
    pub fn of_repository(repo: &Repository) -> Result<Self> {
        let Some(root) = repo.git().workdir() else {
            return match in_head(repo)? {
                Some(bytes) => {
                    let config = Self::parse(&utf8(bytes, FILE)?, FILE, Path::new(""))?;
                    if let Some(file) = config.extra_rules.first() {
                        return Err(Error::config(format!(
                            "'{FILE}' names the rules '{}', and a bare repository has no files",
                            file.display()
                        ))
                        .hint("name a file with '--extra-rules'"));
                    }
                    Ok(config)
                }
                None => Ok(Self::default()),
            };
        };
        // A link could lead anywhere.
        let path = root.join(FILE);
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => Self::of_file(&path, FILE),
            Ok(_) => Err(Error::config(format!("'{FILE}' is no regular file"))
                .hint("links are not followed: a stranger's could lead anywhere")),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(Error::io("read", &path, e)),
        }
    }

    /// Reads a file, which is called `name` in errors.
    ///
    /// # Errors
    /// As [`Config::parse`]; `Io` if it cannot be read.
    pub fn of_file(path: &Path, name: &str) -> Result<Self> {
        let read = || -> std::io::Result<Vec<u8>> {
            if std::fs::metadata(path)?.len() > MAX_BYTES {
                return Err(std::io::Error::other("it is larger than 4 MiB"));
            }
            std::fs::read(path)
        };
        let bytes = read().map_err(|e| Error::io("read", path, e))?;
        let dir = path.parent().unwrap_or(Path::new(""));
        Self::parse(&utf8(bytes, name)?, name, dir)
    }

    /// Leaves only what cannot make a scan see less: stricter settings, and suppressions of one
    /// secret each. More rules can see less, too, since one rule can take what another would find.
    /// Also returns what was left out.
    pub fn without_trust(mut self) -> (Self, Vec<&'static str>) {
        let mut dropped = Vec::new();
        let mut drop = |is_there: bool, what| {
            if is_there {
                dropped.push(what);
            }
            is_there
        };
        if drop(
            self.min_confidence > Some(Confidence::Medium),
            "min_confidence",
        ) {
            self.min_confidence = None;
        }
        if drop(!self.extra_rules.is_empty(), "extra_rules") {
            self.extra_rules.clear();
        }
        if drop(!self.disable_rules.is_empty(), "disable_rules") {
            self.disable_rules.clear();
        }
        if drop(self.max_object_size.is_some(), "max_object_size") {
            self.max_object_size = None;
        }
        if drop(self.budget.is_some(), "budget") {
            self.budget = None;
        }
        if drop(
            !self.ignore.iter().all(Pattern::is_exact),
            "[[ignore]] without a fingerprint",
        ) {
            self.ignore.retain(Pattern::is_exact);
        }
        (self, dropped)
    }
}

fn faulty(name: &str, fault: &Fault) -> Error {
    let (line, why) = (fault.line, &fault.why);
    let what = match (&fault.field, fault.entry) {
        (None, _) => why.clone(),
        (Some(field), None) => format!("field {}: {why}", quoted(field)),
        (Some(field), Some(_)) => format!("[[ignore]]: field {}: {why}", quoted(field)),
    };
    let error = Error::config(format!("'{name}', line {line}: {what}"));
    let field = fault.field.as_deref().unwrap_or_default();
    match nearest(field, fault.known.iter().copied()) {
        Some(known) => error.hint(format!("did you mean '{known}'?")),
        None if fault.known.is_empty() => error.hint("'unleak help config' lists the fields"),
        None => error.hint(format!("the fields are {}", fault.known.join(", "))),
    }
}

fn utf8(bytes: Vec<u8>, name: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = good.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Error::config(format!("'{name}', line {line}: it is not UTF-8 text"))
    })
}

fn in_head(repo: &Repository) -> Result<Option<Vec<u8>>> {
    let cannot = |why: &str| {
        Error::repository(format!("cannot read '{FILE}' in HEAD"))
            .because(why.to_owned())
            .hint("scan with '--no-config'")
    };
    let damaged = "an object cannot be read";
    let Some(tree) = repo.head_tree()? else {
        return Ok(None);
    };
    let entry = tree
        .lookup_entry_by_path(FILE)
        .map_err(|_| cannot(damaged))?;
    let Some(entry) = entry.filter(|entry| entry.mode().is_blob()) else {
        return Ok(None);
    };
    let bytes = repo.small_blob(entry.object_id(), MAX_BYTES);
    match bytes.map_err(|_| cannot(damaged))? {
        None => Err(cannot("it is larger than 4 MiB")),
        some => Ok(some),
    }
}
