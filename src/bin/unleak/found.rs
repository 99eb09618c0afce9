//! The findings of a repository, for commands that speak of some of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use unleak::audit::repository::audit;
use unleak::audit::{Audit, AuditOptions, GitDirFiles, changes};
use unleak::detect::{Detector, Hits, Scratch};
use unleak::error::{Error, Result};
use unleak::finding::{Appearance, Finding, Occurrence, Place};
use unleak::git::repository::{Overrides, Repository};
use unleak::git::revision::RangeEnds;
use unleak::path_class::PathClass;
use unleak::progress::Progress;
use unleak::report::escape::escape;
use unleak::report::redact::Redactor;
use unleak::rule::Confidence;
use unleak::scan::changes::commits::Range;
use unleak::scan::{InlineAllow, files};

use crate::config::Layers;
use crate::options::CommonOptions;
use crate::options::{ConfidenceChoice, RuleOptions};
use crate::progress::ProgressLine;
use crate::settings;

/// A repository and all that is found in it, suppressed or not.
pub(crate) struct RepositoryFindings {
    pub(crate) repository: Repository,
    pub(crate) overrides: Overrides,
    pub(crate) detector: Detector,
    pub(crate) options: AuditOptions,
    pub(crate) audit: Audit,
    pub(crate) layers: Layers,
}

/// The name of a repository in reports: its path as the user gave it, or for `.` and `..` the name of
/// the directory.
pub(crate) fn subject(repository: &Path) -> String {
    let name = || {
        let full = repository.canonicalize().ok()?;
        full.file_name().map(PathBuf::from)
    };
    let given = repository.file_name().is_some();
    let shown = if given { None } else { name() };
    let shown = shown.as_deref().unwrap_or(repository);
    shown.display().to_string()
}

/// What is scanned, and what counts as found.
pub(crate) struct ScanRequest<'a> {
    /// The repository.
    pub(crate) path: &'a Path,
    pub(crate) rules: &'a RuleOptions,
    /// The least confidence; that of the settings if it is `None`.
    pub(crate) least: Option<ConfidenceChoice>,
    pub(crate) inline: InlineAllow,
    /// Scan only what these commits bring in.
    pub(crate) range: Option<&'a str>,
    /// Which files of the worktree are read, too.
    pub(crate) worktree: Option<files::FileChoice>,
}

impl<'a> ScanRequest<'a> {
    /// All findings of the repository at `path`, of any confidence, whatever inline markers say.
    pub(crate) fn all(path: &'a Path, rules: &'a RuleOptions) -> Self {
        Self {
            path,
            rules,
            least: Some(ConfidenceChoice::Low),
            inline: InlineAllow::Ignored,
            range: None,
            worktree: None,
        }
    }
}

impl RepositoryFindings {
    /// Scans a repository.
    ///
    /// # Errors
    /// As the scan; `Usage` if the range is none.
    pub(crate) fn scan(args: &CommonOptions, wanted: &ScanRequest<'_>) -> Result<Self> {
        let overrides = settings::overrides_for(wanted.path);
        let repository = Repository::discover(wanted.path, &overrides)?;
        let layers = Layers::load(&wanted.rules.config, Some(&repository))?;
        let is_off = wanted.inline == InlineAllow::Ignored;
        let mut options = settings::audit_options(&layers, wanted.least, is_off);
        settings::what_is_read(&mut options, &layers, false, None);
        options.worktree = wanted.worktree;
        if wanted.worktree.is_some() {
            options.git_dir = GitDirFiles::Read;
        }
        let detector = Detector::compile(settings::rules(wanted.rules, &layers)?)?;
        let progress = Arc::new(Progress::default());
        let line = ProgressLine::start(&progress, !args.quiet);
        let audit = match wanted.range {
            None => audit(&repository, &overrides, &detector, &options, &progress),
            Some(range) => range_of(&repository, range).and_then(|range| {
                changes::range(
                    &repository,
                    &overrides,
                    &range,
                    Vec::new(),
                    &detector,
                    &options,
                )
            }),
        };
        drop(line);
        Ok(Self {
            audit: audit?,
            repository,
            overrides,
            detector,
            options,
            layers,
        })
    }

    /// What people wrote, without the secrets in it.
    pub(crate) fn shown(&self, redactor: &Redactor, text: &str) -> String {
        escape(&redactor.text(&without_secrets(&self.detector, text)))
    }

    /// The finding whose fingerprint begins with `prefix`.
    pub(crate) fn picked(&self, prefix: &str) -> Result<&Finding> {
        let prefix = prefix.to_ascii_lowercase();
        let is_alike = |finding: &&Finding| finding.fingerprint.to_string().starts_with(&prefix);
        let mut alike = self.audit.findings.iter().filter(is_alike);
        match (alike.next(), alike.next()) {
            (Some(finding), None) => Ok(finding),
            (None, _) => Err(
                Error::usage(format!("no finding has the fingerprint '{prefix}'"))
                    .hint("'unleak scan --min-confidence low' lists all"),
            ),
            _ => Err(
                Error::usage(format!("more than one fingerprint begins with '{prefix}'"))
                    .hint("give more of its digits"),
            ),
        }
    }
}

fn range_of(repository: &Repository, range: &str) -> Result<Range> {
    let RangeEnds { tips, hidden } = repository.revisions(range)?;
    Ok(Range {
        tips,
        hidden,
        since: None,
    })
}

/// A line with the mark of each secret that rules find in it by itself.
pub(crate) fn without_secrets(detector: &Detector, line: &str) -> Vec<u8> {
    let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
    let line = line.as_bytes();
    detector.scan_name(line, &mut scratch, &mut hits);
    let mut shown = Vec::new();
    let mut at = 0;
    for found in detector.matches(line, &hits) {
        if found.confidence < Confidence::Medium || found.secret_span.start < at {
            continue;
        }
        shown.extend_from_slice(&line[at..found.secret_span.start]);
        shown.extend_from_slice(found.secret.redacted().as_bytes());
        at = found.secret_span.end;
    }
    shown.extend_from_slice(&line[at..]);
    shown
}

/// How a finding's value is shown.
pub(crate) fn mark(finding: &Finding, redactor: &Redactor) -> String {
    escape(&redactor.secret(&finding.secret))
}

/// Where a finding entered history: `path:line`, and how many other files held it.
pub(crate) fn first_place(finding: &Finding, redactor: &Redactor) -> String {
    let history = finding.history.as_ref();
    let first = history.and_then(|history| history.first.as_ref());
    // A place in a file of the class that the finding has tells more.
    let class = finding.path_class();
    let is_telling = |entry: &&Appearance| {
        let path = entry.path.as_ref();
        path.is_some_and(|path| PathClass::of(path) == class)
    };
    let mut entries = history.iter().flat_map(|history| &history.appearances);
    let first = first
        .filter(is_telling)
        .or_else(|| entries.find(is_telling))
        .or(first);
    let Some((first, path)) = first.and_then(|first| Some((first, first.path.as_ref()?))) else {
        let first = finding.occurrences.first();
        return first.map_or_else(String::new, |first| place(finding, first, redactor));
    };
    let shown = escape(&redactor.path(path));
    let line = first.spot.position.line;
    let more = more_files(history.map_or(0, |history| history.paths.len()));
    format!("{shown}:{line}{more}")
}

/// What follows the first of `count` files.
pub(crate) fn more_files(count: usize) -> String {
    match count {
        0 | 1 => String::new(),
        2 => " and 1 more file".to_owned(),
        _ => format!(" and {} more files", count - 1),
    }
}

/// Where an occurrence is: `path:line`, or the name of what holds it.
pub(crate) fn place(finding: &Finding, found: &Occurrence, redactor: &Redactor) -> String {
    let place = found.spot.place;
    let line = found.spot.position.line;
    match place {
        Place::TreeEntry | Place::Index => {
            format!("{} '{}'", place.name(), escape(&redactor.path(&found.name)))
        }
        Place::Ref | Place::Reflog => {
            let name = escape(&redactor.reference("", &found.name));
            format!("{} '{name}'", place.name())
        }
        Place::Worktree | Place::GitDir => {
            format!("{}:{line}", escape(&redactor.path(&found.name)))
        }
        Place::Commit(part) | Place::Tag(part) => {
            format!("{} of {} {}", part.name(), place.name(), found.object_id)
        }
        Place::Blob => {
            let appearances = finding.history.iter().flat_map(|h| &h.appearances);
            let mut paths = appearances
                .filter(|appearance| appearance.object_id == found.object_id)
                .filter_map(|appearance| appearance.path.as_ref());
            let holder = paths.next().map_or_else(
                || found.object_id.to_string(),
                |path| escape(&redactor.path(path)),
            );
            format!("{holder}:{line}")
        }
    }
}
