//! From what was typed and the environment to what will happen.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use unleak::audit::{AuditOptions, GitDirFiles, PublicKeys};
use unleak::error::{Error, Result};
use unleak::git::repository::Overrides;
use unleak::odb::{ObjectId, ReadLimits};
use unleak::report::paint::Paint;
use unleak::report::redact::Reveal;
use unleak::rule::foreign;
use unleak::rule::request::Requests;
use unleak::rule::{self, Confidence, RuleSet};
use unleak::scan::files::FileChoice;
use unleak::scan::{Delta, InlineAllow, ScanOptions};
use unleak::unpack;

use crate::args::ScanArgs;
use crate::config::Layers;
use crate::options::CommonOptions;
use crate::options::{ColorChoice, ConfidenceChoice, HookOptions, RuleOptions};
use crate::output::{Length, Outputs};
use crate::ui;

/// What `unleak scan` will do.
pub(crate) struct ScanSettings {
    pub(crate) repository: PathBuf,
    pub(crate) overrides: Overrides,
    pub(crate) rules: RuleSet,
    pub(crate) audit: AuditOptions,
    pub(crate) outputs: Outputs,
    pub(crate) reveal: Reveal,
    pub(crate) threads: usize,
    /// How deep and how much archives and encodings are opened.
    pub(crate) unpack: unpack::Limits,
}

impl ScanSettings {
    /// Resolves them.
    ///
    /// # Errors
    /// `Io` or `Config` if the rule file cannot be read.
    pub(crate) fn resolve(args: &CommonOptions, scan: &ScanArgs, layers: &Layers) -> Result<Self> {
        let length = Length::of(args.quiet, &scan.length);
        let outputs = Outputs::resolve(scan.report.format, &scan.report.output, length)?
            .with_pager(!args.no_pager);
        let overrides = overrides_for(&scan.repository);
        let mut audit = audit_options(layers, scan.report.min_confidence, scan.no_inline_allow);
        if scan.no_delta {
            audit.scan.delta = Delta::Ignored;
        }
        what_is_read(&mut audit, layers, scan.public_keys, scan.max_object_size);
        audit.limits.budget.thousandths = layers.budget(scan.budget).value;
        audit.worktree = scan.worktree.then_some(if scan.ignored {
            FileChoice::All
        } else {
            FileChoice::NotIgnored
        });
        if scan.git_dir || scan.worktree {
            audit.git_dir = GitDirFiles::Read;
        }
        Ok(Self {
            repository: scan.repository.clone(),
            overrides,
            rules: rules(&scan.rules, layers)?,
            audit,
            outputs,
            reveal: if scan.show_secrets {
                Reveal::Shown
            } else {
                Reveal::Redacted
            },
            threads: scan.threads,
            unpack: unpack::Limits {
                max_depth: scan.max_depth,
                max_total_bytes: scan.max_unpacked << 20,
                max_ratio: scan.max_ratio,
                ..unpack::Limits::default()
            },
        })
    }
}

/// What a hook will do.
pub(crate) struct HookSettings {
    pub(crate) overrides: Overrides,
    pub(crate) rules: RuleSet,
    pub(crate) audit: AuditOptions,
}

impl HookSettings {
    /// Resolves them.
    ///
    /// # Errors
    /// `Io` or `Config` if the rule file cannot be read.
    pub(crate) fn resolve(options: &HookOptions, layers: &Layers) -> Result<Self> {
        let mut audit = audit_options(layers, options.min_confidence, options.no_inline_allow);
        what_is_read(&mut audit, layers, false, None);
        Ok(Self {
            overrides: overrides(),
            rules: rules(&options.rules, layers)?,
            audit,
        })
    }
}

pub(crate) fn audit_options(
    layers: &Layers,
    min_confidence: Option<ConfidenceChoice>,
    no_inline_allow: bool,
) -> AuditOptions {
    let inline_allow = inline_allow(layers, no_inline_allow);
    let min_confidence = layers.min_confidence(min_confidence.map(confidence)).value;
    AuditOptions {
        scan: ScanOptions {
            delta: Delta::Aware,
            inline_allow,
        },
        limits: ReadLimits::default(),
        min_confidence,
        public_keys: PublicKeys::LeftOut,
        worktree: None,
        git_dir: GitDirFiles::Named,
        fingerprint_key: Vec::new(),
    }
}

/// Whether markers in comments allow what stands there, as the flag and files say.
pub(crate) fn inline_allow(layers: &Layers, is_off: bool) -> InlineAllow {
    match layers.inline_allow(is_off).value {
        true => InlineAllow::Honoured,
        false => InlineAllow::Ignored,
    }
}

/// Sets what is read and reported beyond confidence, as flags and files say.
pub(crate) fn what_is_read(
    audit: &mut AuditOptions,
    layers: &Layers,
    public_keys: bool,
    max_object_size: Option<u64>,
) {
    if layers.public_keys(public_keys).value {
        audit.public_keys = PublicKeys::Reported;
    }
    if let Some(size) = layers.max_object_size(max_object_size).value {
        audit.limits.max_object_bytes = size << 20;
        audit.limits.max_held_bytes = size << 20;
        // Two of that size are held to make one from the other.
        audit.limits.budget.least_held = size << 21;
    }
    audit.limits.budget.thousandths = layers.budget(None).value;
}

pub(crate) fn confidence(choice: ConfidenceChoice) -> Confidence {
    match choice {
        ConfidenceChoice::Low => Confidence::Low,
        ConfidenceChoice::Medium => Confidence::Medium,
        ConfidenceChoice::High => Confidence::High,
    }
}

/// Puts together the rules that are asked for.
pub(crate) fn rules(options: &RuleOptions, layers: &Layers) -> Result<RuleSet> {
    let extra = layers.extra_rules(options);
    let mut rules = if options.rules.is_empty() {
        rule::builtin()?
    } else {
        RuleSet::default()
    };
    // A configuration that names a file was made by somebody who was told what it lacks.
    let typed = options.rules.iter().map(|path| (path, true));
    let extra = extra.iter().map(|told| (&told.value, told.is_typed()));
    for (path, is_typed) in typed.chain(extra) {
        let RuleFile {
            rules: mut more,
            left,
            ..
        } = rule_file(path)?;
        let file = path.display();
        if more.rules.is_empty() {
            return Err(
                Error::config(format!("'{file}' has no rule that can be used"))
                    .hint(format!("'unleak rules check {file}' tells why")),
            );
        }
        if let Some(left) = left {
            if is_typed && !left.is_empty() {
                let count = left.len();
                ui::warn(&format!(
                    "'{file}': {count} of its settings have no counterpart here; 'unleak rules \
                     check {file}' lists them"
                ));
            }
            more.rename_clashes(&rules);
        }
        rules.add(more, &file.to_string())?;
    }
    for id in disabled(options, layers) {
        rules.remove(&id)?;
    }
    match rules.rules.is_empty() {
        true => Err(Error::config("all rules are switched off")
            .hint("'unleak config show' tells which setting switches off which")),
        false => Ok(rules),
    }
}

/// The rules that are switched off, sorted, each once.
pub(crate) fn disabled(options: &RuleOptions, layers: &Layers) -> BTreeSet<String> {
    let off = layers.disable_rules(options).into_iter();
    off.map(|told| told.value).collect()
}

/// A rule file, ours or another scanner's.
pub(crate) struct RuleFile {
    pub(crate) rules: RuleSet,
    /// The requests to their issuers.
    pub(crate) requests: Requests,
    /// What could not be carried over, if it is another scanner's.
    pub(crate) left: Option<Vec<String>>,
    /// How many of its rules cannot be used.
    pub(crate) dropped: usize,
}

/// Reads a rule file.
///
/// # Errors
/// `Io` or `Config` if it cannot be read.
pub(crate) fn rule_file(path: &Path) -> Result<RuleFile> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let file = path.display().to_string();
    let mut requests = Requests::default();
    let (rules, left, dropped) = if foreign::is_foreign(&text) {
        let mut carried = foreign::parse(&text, &file)?;
        if !carried.paths.is_empty() {
            carried.left.push(format!(
                "field 'allowlist.paths': 'unleak import {file}' makes suppressions of them"
            ));
        }
        (carried.rules, Some(carried.left), carried.dropped)
    } else {
        let (rules, more) = rule::parse_with_requests(&text, &file)?;
        requests = more;
        (rules, None, 0)
    };
    Ok(RuleFile {
        rules,
        requests,
        left,
        dropped,
    })
}

/// What the environment says, which counts, as for git, only if the user named no repository.
pub(crate) fn overrides_for(repository: &Path) -> Overrides {
    if repository == Path::new(".") {
        overrides()
    } else {
        Overrides::default()
    }
}

/// What the environment says about where the repository is.
pub(crate) fn overrides() -> Overrides {
    let path = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let alternates = std::env::var_os("GIT_ALTERNATE_OBJECT_DIRECTORIES");
    Overrides {
        git_dir: path("GIT_DIR"),
        work_tree: path("GIT_WORK_TREE"),
        object_dir: path("GIT_OBJECT_DIRECTORY"),
        alternates: alternates
            .iter()
            .flat_map(std::env::split_paths)
            .filter(|p| !p.as_os_str().is_empty())
            .collect(),
        index_file: path("GIT_INDEX_FILE"),
        merging: merging(),
    }
}

/// The commits that a running `git merge` or `git pull` merges, from the names of its variables.
fn merging() -> Vec<ObjectId> {
    let mut merging: Vec<ObjectId> = std::env::vars_os()
        .filter_map(|(name, _)| {
            let id = name.as_encoded_bytes().strip_prefix(b"GITHEAD_")?;
            ObjectId::from_hex(id).ok()
        })
        .collect();
    merging.sort_unstable();
    merging
}

/// Threads that can be asked for: more than one a core make nothing faster, and very many hang.
const MAX_THREADS: usize = 512;

/// Starts `count` threads, or one a core if that is 0.
///
/// # Errors
/// `Usage` if these are too many, or the system refuses them.
pub(crate) fn start_threads(count: usize) -> Result<()> {
    if count > MAX_THREADS {
        return Err(Error::usage(format!(
            "'--threads {count}': there can be at most {MAX_THREADS} threads"
        ))
        .hint("more than one a core make nothing faster; 0, the default, means one a core"));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(count);
    let started = pool.build_global();
    started.map_err(|e| Error::usage("cannot start the threads").because(e))
}

/// Makes the paint package do what was decided.
pub(crate) fn apply(paint: Paint) {
    colored::control::set_override(paint == Paint::On);
}

/// Whether to paint what goes to `stream`: the flag, then `NO_COLOR`, then `CLICOLOR_FORCE`, then
/// whether that stream is a terminal that can.
pub(crate) fn paint(choice: ColorChoice, stream: &impl IsTerminal) -> Paint {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let forced =
        std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let on = match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if is_set("NO_COLOR") => false,
        ColorChoice::Auto => forced || (stream.is_terminal() && !is_dumb),
    };
    if on { Paint::On } else { Paint::Off }
}
