//! Where a setting comes from: flags, the environment, the repository's file, the user's file, the
//! defaults, in this order. `unleak config show` tells it of each.

use std::ffi::OsString;
use std::path::PathBuf;

use unleak::config::{Config, FILE};
use unleak::error::{Error, Result};
use unleak::git::repository::Repository;
use unleak::odb::budget::Budget;
use unleak::report::escape::escape;
use unleak::rule::Confidence;
use unleak::suppress::Suppressions;

use crate::options::{ConfigOptions, RuleOptions};
use crate::ui;

/// A value, and who said so.
#[derive(Clone, Debug)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) from: String,
}

impl<T> Sourced<T> {
    /// Whether it was typed as a flag.
    pub(crate) fn is_typed(&self) -> bool {
        self.from == TYPED
    }
}

/// The source of what was typed.
const TYPED: &str = "command line";

/// What the environment and the files say; flags come on top.
pub(crate) struct Layers {
    environment: Config,
    pub(crate) repository: Config,
    user: Config,
    /// Whether the repository's file may make a scan see less.
    pub(crate) is_trusted: bool,
    /// What it may not.
    pub(crate) dropped: Vec<&'static str>,
}

impl Layers {
    /// Reads them.
    ///
    /// # Errors
    /// `Config` if a file or variable is wrong, `Io` if a file cannot be read.
    pub(crate) fn load(options: &ConfigOptions, repo: Option<&Repository>) -> Result<Self> {
        let user = user_file(options)?;
        let environment = environment()?;
        let repository = match repo {
            Some(repo) if !options.no_config => Config::of_repository(repo)?,
            _ => Config::default(),
        };
        let is_trusted = options.trust_repo_config
            || flag("UNLEAK_TRUST_REPO_CONFIG")?.unwrap_or(false)
            || repo.is_some_and(|repo| is_trusted(repo, &user.trust));
        let (mut repository, mut dropped) = match is_trusted {
            true => (repository, Vec::new()),
            false => repository.without_trust(),
        };
        if !is_trusted {
            // What the user wants stricter stays so.
            if repository.min_confidence > user.min_confidence.or(Some(Confidence::Medium)) {
                repository.min_confidence = None;
                dropped.push("min_confidence");
            }
            if repository.public_keys == Some(false) && user.public_keys == Some(true) {
                repository.public_keys = None;
                dropped.push("public_keys");
            }
            if repository.inline_allow == Some(true) && user.inline_allow == Some(false) {
                repository.inline_allow = None;
                dropped.push("inline_allow");
            }
        }
        Ok(Self {
            environment,
            repository,
            user,
            is_trusted,
            dropped,
        })
    }

    /// Says what of the repository's file is not heeded.
    pub(crate) fn warn(&self) {
        if !self.dropped.is_empty() {
            ui::warn(&format!(
                "'{FILE}' is the repository's own and not trusted, so these are not heeded: {}; \
                 '--trust-repo-config' heeds them",
                self.dropped.join(", ")
            ));
        }
    }

    /// The files, the strongest first.
    pub(crate) fn files(&self) -> [&Config; 3] {
        [&self.environment, &self.repository, &self.user]
    }

    fn pick<T>(
        &self,
        flag: Option<T>,
        of: impl Fn(&Config) -> Option<T>,
        default: T,
    ) -> Sourced<T> {
        let flag = flag.map(|value| (value, TYPED));
        let mut files = self.files().into_iter();
        let said = flag.or_else(|| files.find_map(|file| Some((of(file)?, file.name.as_str()))));
        let (value, from) = said.unwrap_or((default, "default"));
        Sourced {
            value,
            from: from.to_owned(),
        }
    }

    /// The least confidence.
    pub(crate) fn min_confidence(&self, flag: Option<Confidence>) -> Sourced<Confidence> {
        self.pick(flag, |file| file.min_confidence, Confidence::Medium)
    }

    /// Whether keys that are meant to be public are reported.
    pub(crate) fn public_keys(&self, flag: bool) -> Sourced<bool> {
        self.pick(flag.then_some(true), |file| file.public_keys, false)
    }

    /// Whether inline markers are honoured.
    pub(crate) fn inline_allow(&self, is_off: bool) -> Sourced<bool> {
        self.pick(is_off.then_some(false), |file| file.inline_allow, true)
    }

    /// Largest object, in MiB.
    pub(crate) fn max_object_size(&self, flag: Option<u64>) -> Sourced<Option<u64>> {
        self.pick(flag.map(Some), |file| file.max_object_size.map(Some), None)
    }

    /// What multiplies the budget of a scan, in thousandths.
    pub(crate) fn budget(&self, flag: Option<u64>) -> Sourced<u64> {
        self.pick(flag, |file| file.budget, 1000)
    }

    /// Files with more rules: those of all layers.
    pub(crate) fn extra_rules(&self, options: &RuleOptions) -> Vec<Sourced<PathBuf>> {
        self.all(|file| &file.extra_rules, &options.extra_rules)
    }

    /// Rules that are left out: those of all layers.
    pub(crate) fn disable_rules(&self, options: &RuleOptions) -> Vec<Sourced<String>> {
        self.all(|file| &file.disable_rules, &options.disable_rule)
    }

    fn all<T: Clone>(&self, of: impl Fn(&Config) -> &Vec<T>, flags: &[T]) -> Vec<Sourced<T>> {
        let told = |values: &[T], from: &str| {
            let values = values.iter().cloned();
            let from = from.to_owned();
            values
                .map(|value| Sourced {
                    value,
                    from: from.clone(),
                })
                .collect::<Vec<_>>()
        };
        let mut files = self.files();
        files.reverse();
        let mut all: Vec<Sourced<T>> = Vec::new();
        for file in files {
            all.extend(told(of(file), &file.name));
        }
        all.extend(told(flags, TYPED));
        all
    }
}

/// Reads all suppressions, also those of a repository if there is one; none if `is_off`.
///
/// # Errors
/// As [`Suppressions::read`].
pub(crate) fn suppressions(
    repo: Option<&Repository>,
    layers: &Layers,
    is_off: bool,
) -> Result<Suppressions> {
    if is_off {
        return Ok(Suppressions::default());
    }
    let mut all = repo
        .map(Suppressions::read)
        .transpose()?
        .unwrap_or_default();
    for file in layers.files() {
        all.patterns.extend(file.ignore.iter().cloned());
    }
    Ok(all)
}

/// The user's file: that of `--config`, of `UNLEAK_CONFIG`, or where such files are kept.
fn user_file(options: &ConfigOptions) -> Result<Config> {
    if options.no_config {
        return Ok(Config::default());
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let named = options.config.clone();
    let named = named.or_else(|| variable("UNLEAK_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        return Config::of_file(&path, &path.display().to_string());
    }
    let base = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(std::env::home_dir()?.join(".config")));
    let Some(path) = base.map(|base| base.join("unleak").join("config.toml")) else {
        return Ok(Config::default());
    };
    match path.try_exists() {
        Ok(true) => Config::of_file(&path, &path.display().to_string()),
        Ok(false) => Ok(Config::default()),
        Err(e) => Err(Error::io("read", &path, e)),
    }
}

/// What the variables `UNLEAK_*` say.
fn environment() -> Result<Config> {
    let text = |name: &str| -> Result<Option<String>> {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        let wrong = |_: OsString| Error::usage(format!("the variable {name} is no text"));
        value.map(OsString::into_string).transpose().map_err(wrong)
    };
    let min_confidence = match text("UNLEAK_MIN_CONFIDENCE")? {
        None => None,
        Some(word) => Some(Confidence::from_name(&word).ok_or_else(|| {
            Error::usage(format!("UNLEAK_MIN_CONFIDENCE is '{word}'"))
                .hint("it can be low, medium or high")
        })?),
    };
    let max_object_size = match text("UNLEAK_MAX_OBJECT_SIZE")? {
        None => None,
        Some(size) => Some(size.parse().map_err(|_| {
            Error::usage(format!("UNLEAK_MAX_OBJECT_SIZE is '{size}'"))
                .hint("it is a number of MiB")
        })?),
    };
    let budget = match text("UNLEAK_BUDGET")? {
        None => None,
        Some(factor) => Some(
            Budget::thousandths(&factor)
                .map_err(|why| Error::usage(format!("UNLEAK_BUDGET is '{factor}'")).hint(why))?,
        ),
    };
    let disabled = text("UNLEAK_DISABLE_RULES")?.unwrap_or_default();
    let disabled = disabled
        .split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty());
    let rules = std::env::var_os("UNLEAK_EXTRA_RULES");
    let rules = rules.iter().flat_map(std::env::split_paths);
    Ok(Config {
        name: "environment".to_owned(),
        min_confidence,
        public_keys: flag("UNLEAK_PUBLIC_KEYS")?,
        inline_allow: flag("UNLEAK_INLINE_ALLOW")?,
        max_object_size,
        budget,
        disable_rules: disabled.map(str::to_owned).collect(),
        extra_rules: rules.filter(|path| !path.as_os_str().is_empty()).collect(),
        ..Config::default()
    })
}

/// A variable that is on or off.
fn flag(name: &str) -> Result<Option<bool>> {
    let Some(value) = std::env::var_os(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.to_str() {
        Some("1" | "true" | "yes" | "on") => Ok(Some(true)),
        Some("0" | "false" | "no" | "off") => Ok(Some(false)),
        _ => Err(
            Error::usage(format!("{name} is '{}'", escape(value.as_encoded_bytes())))
                .hint("it can be 1 or 0"),
        ),
    }
}

/// Whether the user's file lists the repository or a directory above it.
fn is_trusted(repo: &Repository, trust: &[PathBuf]) -> bool {
    let root = repo.git().workdir().unwrap_or_else(|| repo.git_dir());
    let Ok(root) = std::fs::canonicalize(root) else {
        return false;
    };
    let above =
        |path: &PathBuf| std::fs::canonicalize(path).is_ok_and(|path| root.starts_with(path));
    trust.iter().any(above)
}
