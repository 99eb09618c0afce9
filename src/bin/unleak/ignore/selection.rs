//! Which findings of a repository are meant by ids, filters and a saved report.

use std::borrow::Cow;
use std::collections::HashSet;

use unleak::audit::Scope;
use unleak::audit::presence::{Presence, Reads};
use unleak::detect::Detector;
use unleak::error::{Error, Result};
use unleak::finding::{Finding, Fingerprint};
use unleak::git::repository::{Overrides, Repository};
use unleak::paths::PathPattern;
use unleak::report::Document;
use unleak::report::document::{PlaceKind, ReportFinding};
use unleak::report::escape::escape;
use unleak::report::redact::{Redactor, Reveal};
use unleak::rule::RuleSet;
use unleak::scan::files::FileChoice as Files;
use unleak::suppress::outside;

use super::args::FindingSelection;
use super::today;
use crate::config::{self, Layers};
use crate::filter::FindingFilter;
use crate::found::{
    RepositoryFindings, ScanRequest, first_place, mark, more_files, without_secrets,
};
use crate::ground::Ground;
use crate::options::FilterOptions;
use crate::{plan, report, saved, settings, ui};

/// The saved report that a selection names.
pub(crate) struct SavedReport {
    document: Document,
    fingerprints: HashSet<String>,
    /// Whether it lists what is only in files of the worktree.
    reads_worktree: bool,
}

impl SavedReport {
    /// Reads it, if there is one.
    ///
    /// # Errors
    /// `Io` if it cannot be read, `Config` if it is no report.
    pub(crate) fn read(selection: &FindingSelection) -> Result<Option<Self>> {
        let path = selection.from.as_deref();
        Ok(path.map(report::read).transpose()?.map(Self::of))
    }

    fn of(document: Document) -> Self {
        let findings = document.findings.iter();
        let mut places = findings.clone().flat_map(|finding| &finding.occurrences);
        Self {
            fingerprints: findings
                .map(|f| f.fingerprint.to_ascii_lowercase())
                .collect(),
            reads_worktree: places
                .any(|place| matches!(place.spot.kind, PlaceKind::Worktree | PlaceKind::GitDir)),
            document,
        }
    }

    fn has(&self, finding: &Finding) -> bool {
        self.fingerprints.contains(&finding.fingerprint.to_string())
    }

    /// Whether no scan is needed to select from it.
    pub(crate) fn is_enough(&self, options: &FilterOptions) -> bool {
        answers(&self.document, options)
    }
}

/// Whether a report says all that the filters ask. One of a part of the history does not know all paths of its
/// findings.
fn answers(document: &Document, options: &FilterOptions) -> bool {
    let only_rules = FilterOptions {
        rule: options.rule.clone(),
        provider: options.provider.clone(),
        ..FilterOptions::default()
    };
    let knows_places = match document.head.scope {
        Scope::Repository => true,
        Scope::Range | Scope::Staged => *options == only_rules,
        _ => false,
    };
    let has_paths = !options.path.is_empty() || !options.exclude.is_empty();
    let is_told = |finding: &ReportFinding| {
        !(has_paths && finding.redacted_paths)
            && (options.refs.is_empty() || !finding.redacted_refs)
            && (options.path_class.is_empty() || finding.path_class.is_some())
            && (options.severity.is_empty() || finding.severity.is_some())
    };
    document.head.redacted && knows_places && document.findings.iter().all(is_told)
}

/// The report with only those findings that the filters select.
///
/// # Errors
/// As [`FindingFilter::resolve`]; `Usage` if the report does not say what the filters ask, or has no such finding.
pub(crate) fn narrow_report(
    document: &Document,
    options: &FilterOptions,
    rules: &RuleSet,
    ground: Ground<'_>,
) -> Result<Document> {
    if !answers(document, options) {
        return Err(
            Error::usage("the report does not tell what the filters ask of its findings")
                .hint("triage the repository with these filters"),
        );
    }
    let filter = FindingFilter::resolve(options, rules, document.head.scope, ground)?;
    let (findings, others, _) = filter.split(document.findings.clone(), rules);
    if findings.is_empty() && !others.is_empty() {
        return Err(Error::usage("the filters select no finding of the report"));
    }
    let mut narrowed = document.with_findings(findings);
    narrowed.coverage.filtered += others.len();
    Ok(narrowed)
}

/// A finding that is selected.
pub(crate) enum SelectedFinding {
    /// A scan found it.
    Scanned(Box<Finding>),
    /// A saved report lists it.
    Listed(Fingerprint, Box<ReportFinding>),
}

impl SelectedFinding {
    /// Its identity.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Scanned(finding) => finding.fingerprint,
            Self::Listed(fingerprint, _) => *fingerprint,
        }
    }

    /// The rule.
    pub(crate) fn rule(&self) -> &str {
        match self {
            Self::Scanned(finding) => &finding.rule_id,
            Self::Listed(_, finding) => &finding.rule_id,
        }
    }

    /// The paths at which it was that no pattern matches; `None` if it was in no file.
    pub(crate) fn outside(&self, patterns: &[PathPattern]) -> Option<Vec<Cow<'_, [u8]>>> {
        let paths = match self {
            Self::Scanned(finding) => {
                let history = finding.history.iter().flat_map(|history| &history.paths);
                history.map(|path| Cow::Borrowed(&path[..])).collect()
            }
            Self::Listed(_, finding) => {
                let history = finding.history.iter().flat_map(|history| &history.paths);
                history.map(|path| path.bytes()).collect()
            }
        };
        outside(patterns, paths)
    }

    /// Where it entered history.
    pub(crate) fn place(&self, redactor: &Redactor) -> String {
        match self {
            Self::Scanned(finding) => first_place(finding, redactor),
            Self::Listed(_, finding) => {
                let history = finding.history.as_ref();
                let more = more_files(history.map_or(0, |history| history.paths.len()));
                format!("{}{more}", saved::place(finding))
            }
        }
    }

    /// Its value, redacted.
    pub(crate) fn mark(&self, redactor: &Redactor) -> String {
        match self {
            Self::Scanned(finding) => mark(finding, redactor),
            Self::Listed(_, finding) => finding.secret.shown(),
        }
    }
}

/// Selected findings, and what is needed to speak of them.
pub(crate) struct Selection {
    pub(crate) repository: Repository,
    pub(crate) findings: Vec<SelectedFinding>,
    pub(crate) redactor: Redactor,
    detector: Detector,
}

impl Selection {
    /// The findings that are left of a scan.
    pub(crate) fn of_scan(found: RepositoryFindings) -> Self {
        let redactor = Redactor::of(&found.audit, Reveal::Redacted);
        let findings = found.audit.findings.into_iter();
        Self {
            findings: findings
                .map(|finding| SelectedFinding::Scanned(Box::new(finding)))
                .collect(),
            repository: found.repository,
            redactor,
            detector: found.detector,
        }
    }

    /// The findings of a report that the repository has, without a scan. Findings that are named by `prefixes`
    /// must all be what the filters select; suppressed ones are left out unless `takes_suppressed`.
    ///
    /// # Errors
    /// As [`FindingFilter::resolve`]; `Usage` if a named finding is not selected.
    pub(crate) fn of_report(
        listed: SavedReport,
        wanted: &ScanRequest<'_>,
        options: &FilterOptions,
        prefixes: &[String],
        takes_suppressed: bool,
    ) -> Result<Self> {
        let reader = ReportReader::open(wanted)?;
        let mut findings = reader.here(listed.document)?;
        if !prefixes.is_empty() {
            findings = named(findings, prefixes)?;
        }
        if !takes_suppressed {
            let all = config::suppressions(Some(&reader.repository), &reader.layers, false)?;
            let accepted = plan::accepted(findings.iter(), &all, today())?;
            findings.retain(|finding| !accepted.contains_key(&finding.fingerprint));
        }
        if let Some(least) = wanted.least.map(settings::confidence) {
            findings.retain(|finding| finding.confidence >= least);
        }
        let worktree = listed.reads_worktree.then_some(Files::NotIgnored);
        let findings = reader.filtered(findings, options, !prefixes.is_empty(), worktree)?;
        let findings = findings.into_iter().filter_map(|finding| {
            let fingerprint = Fingerprint::from_hex(&finding.fingerprint)?;
            Some(SelectedFinding::Listed(fingerprint, Box::new(finding)))
        });
        Ok(Self {
            findings: findings.collect(),
            redactor: Redactor::new(&[], Reveal::Redacted),
            repository: reader.repository,
            detector: reader.detector,
        })
    }

    /// What people wrote, without the secrets in it.
    pub(crate) fn shown(&self, text: &str) -> String {
        let text = without_secrets(&self.detector, text);
        escape(&self.redactor.text(&text))
    }
}

/// A repository whose findings are taken from a report.
struct ReportReader {
    repository: Repository,
    overrides: Overrides,
    layers: Layers,
    detector: Detector,
}

impl ReportReader {
    fn open(wanted: &ScanRequest<'_>) -> Result<Self> {
        let overrides = settings::overrides_for(wanted.path);
        let repository = Repository::discover(wanted.path, &overrides)?;
        let layers = Layers::load(&wanted.rules.config, Some(&repository))?;
        Ok(Self {
            detector: Detector::compile(settings::rules(wanted.rules, &layers)?)?,
            repository,
            overrides,
            layers,
        })
    }

    /// The findings of the report that the repository has; warns of the others.
    fn here(&self, document: Document) -> Result<Vec<ReportFinding>> {
        let here = saved::are_here(&document, &self.repository, &self.overrides)?;
        say_absent(here.iter().filter(|is_here| !**is_here).count(), here.len());
        if !document.head.complete {
            say_incomplete();
        }
        let findings = document.findings.into_iter().zip(here);
        let here = findings.filter_map(|(finding, is_here)| is_here.then_some(finding));
        Ok(here.collect())
    }

    /// The findings that the filters select, which must be all if they are named.
    fn filtered(
        &self,
        findings: Vec<ReportFinding>,
        options: &FilterOptions,
        are_named: bool,
        worktree: Option<Files>,
    ) -> Result<Vec<ReportFinding>> {
        let rules = self.detector.rules();
        let ground = Ground::Repository(&self.repository);
        let filter = FindingFilter::resolve(options, rules, Scope::Repository, ground)?;
        let (findings, others, unmatched) = filter.split(findings, rules);
        if are_named {
            return match others.first() {
                None => Ok(findings),
                Some(other) => Err(not_selected(other.short_id())),
            };
        }
        if !unmatched.is_empty() {
            let audit = settings::audit_options(&self.layers, None, false);
            let reads = Reads {
                history: true,
                worktree,
                git_dir: audit.git_dir,
            };
            let (repository, overrides) = (&self.repository, &self.overrides);
            let presence = Presence::of_repository(repository, overrides, audit.limits, reads)?;
            unmatched.check(&presence)?;
        }
        Ok(findings)
    }
}

/// The findings whose fingerprints begin like `prefixes`.
fn named(all: Vec<ReportFinding>, prefixes: &[String]) -> Result<Vec<ReportFinding>> {
    let mut meant: HashSet<usize> = HashSet::new();
    for prefix in prefixes {
        let prefix = prefix.to_ascii_lowercase();
        let ids = all.iter().map(|f| f.fingerprint.to_ascii_lowercase());
        let alike = ids.enumerate().filter(|(_, id)| id.starts_with(&prefix));
        let alike: Vec<usize> = alike.map(|(at, _)| at).collect();
        match alike[..] {
            [at] => meant.insert(at),
            [] => {
                return Err(Error::usage(format!(
                    "no finding of the report has the fingerprint '{prefix}'"
                ))
                .hint("leave out '--from' to look for it in the repository"));
            }
            _ => {
                return Err(Error::usage(format!(
                    "more than one fingerprint begins with '{prefix}'"
                ))
                .hint("give more of its digits"));
            }
        };
    }
    let all = all.into_iter().enumerate();
    let meant = all.filter_map(|(at, finding)| meant.contains(&at).then_some(finding));
    Ok(meant.collect())
}

/// The error of a finding that is named, and that the filters leave out.
pub(crate) fn not_selected(id: &str) -> Error {
    Error::usage(format!("the filters do not select {id}"))
        .hint("leave them out: the finding is named by its id")
}

/// Warns that a scan was not complete.
pub(crate) fn say_incomplete() {
    ui::warn("not everything could be read: findings in what was not are not suppressed");
}

/// Which files of the worktree must be read to find what `listed` lists.
pub(crate) fn worktree(listed: Option<&SavedReport>) -> Option<Files> {
    let listed = listed.filter(|listed| listed.reads_worktree);
    listed.map(|_| Files::NotIgnored)
}

/// Leaves in `found` only what the selection asks for.
///
/// # Errors
/// As [`FindingFilter::resolve`]; `Usage` if a filter can match nothing in the repository.
pub(crate) fn narrow(
    found: &mut RepositoryFindings,
    options: &FilterOptions,
    listed: Option<&SavedReport>,
) -> Result<()> {
    let (repository, rules) = (&found.repository, found.detector.rules());
    let ground = Ground::Repository(repository);
    let filter = FindingFilter::resolve(options, rules, found.audit.scope, ground)?;
    let unmatched = filter.apply(&mut found.audit, rules);
    if !unmatched.is_empty() {
        let reads = Reads {
            history: true,
            worktree: found.options.worktree,
            git_dir: found.options.git_dir,
        };
        let limits = found.options.limits;
        unmatched.check(&Presence::of_repository(
            repository,
            &found.overrides,
            limits,
            reads,
        )?)?;
    }
    if let Some(listed) = listed {
        found.audit.findings.retain(|finding| listed.has(finding));
    }
    Ok(())
}

/// Warns of findings of the report that the repository does not have.
pub(crate) fn warn_of_absent(found: &RepositoryFindings, listed: Option<&SavedReport>) {
    let Some(listed) = listed else {
        return;
    };
    let findings = found.audit.findings.iter();
    let here = findings.filter(|finding| listed.has(finding)).count();
    let all = listed.fingerprints.len();
    say_absent(all.saturating_sub(here), all);
}

fn say_absent(absent: usize, all: usize) {
    if absent > 0 {
        ui::warn(&format!(
            "{absent} of {all} findings of the report are not in this repository"
        ));
    }
}

/// The error of a command that was told nothing to work on.
pub(crate) fn nothing_selected(what: &str) -> Error {
    Error::usage(format!("no {what} is selected")).hint(
        "name them, select them with filters such as '--rule', '--path' or '--from', or take all \
         with '--all'",
    )
}
