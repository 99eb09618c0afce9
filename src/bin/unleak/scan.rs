//! `unleak scan`.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unleak::audit::files::files;
use unleak::audit::part::{ScanPart, audit_part};
use unleak::audit::presence::{Presence, Reads};
use unleak::audit::repository::{audit, audit_again, audit_bundle};
use unleak::audit::text::text;
use unleak::audit::{Audit, Scope, changes};
use unleak::detect::Detector;
use unleak::error::{Error, Result};
use unleak::finding::Finding;
use unleak::git::repository::{Overrides, Repository};
use unleak::git::revision;
use unleak::git::revision::RangeEnds;
use unleak::memory;
use unleak::memory::learn::{Learned, Memory};
use unleak::odb::{ObjectId, Skipped, bundle};
use unleak::progress::Progress;
use unleak::report::paint::Paint;
use unleak::report::redact::Reveal;
use unleak::report::weblink::WebLinks;
use unleak::report::{Document, ReportSource};
use unleak::scan::changes::commits::Range;
use unleak::scan::files::{FileChoice, list};
use unleak::suppress::Suppressions;

use crate::args::ScanArgs;
use crate::config::{self, Layers};
use crate::estate::Shard;
use crate::exit::Exit;
use crate::filter::FindingFilter;
use crate::found;
use crate::ground::{Ground, depends_on_directory};
use crate::home;
use crate::ignore;
use crate::known;
use crate::options::CommonOptions;
use crate::options::KnownOptions;
use crate::progress::ProgressLine;
use crate::settings::{self, ScanSettings};
use crate::state::{self, How, OpenedState, ScanState};
use crate::ui;
use crate::validate::{self, IssuerClient};

/// Runs it.
pub(crate) fn run(args: &CommonOptions, scan: &ScanArgs) -> Result<Exit> {
    let scope = scope(scan);
    let repo = repository(scan, scope)?;
    let beside = match scope {
        Scope::Files | Scope::Text => home::of(scan)?,
        _ => None,
    };
    let home = repo.as_ref().or(beside.as_ref());
    let layers = Layers::load(&scan.rules.config, home)?;
    layers.warn();
    let suppressions = config::suppressions(home, &layers, scan.no_ignore)?;
    let mut settings = ScanSettings::resolve(args, scan, &layers)?;
    settings::start_threads(settings.threads)?;
    let paint = painted(args, &settings);
    let asker = IssuerClient::of_scan(scan, &layers, &settings.rules)?;
    let opened = match &repo {
        Some(repo) => state(scan, &settings, repo, &suppressions)?,
        None => OpenedState::default(),
    };
    if let Some(document) = opened.kept {
        ui::say(args, 1, UNCHANGED);
        return end(args, &settings, &document, paint);
    }
    let rules = std::mem::take(&mut settings.rules);
    let known = known::values(args, &scan.known, &rules, &settings.audit)?;
    let detector = Detector::compile_with(rules, known)?.with_limits(settings.unpack);
    let ground = ground(scan, repo.as_ref());
    let filter = FindingFilter::resolve(&scan.filter, detector.rules(), scope, ground)?;
    let mut learned = None;
    let going_on = opened.memory.map(|memory| (memory, &mut learned));
    let job = ScanJob {
        args,
        scan,
        settings: &settings,
        detector: &detector,
        filter: &filter,
    };
    let (mut result, web) = job.result(repo.as_ref(), going_on)?;
    job.suppress(&mut result, &suppressions, beside.as_ref())?;
    job.filter(&mut result, repo.as_ref())?;
    let off = settings::disabled(&scan.rules, &layers);
    result.coverage.rules_off = off.into_iter().collect();
    let subject = subject(scan);
    let source = ReportSource {
        audit: &result,
        rules: detector.rules(),
        subject: &subject,
        web: web.as_ref(),
        reveal: settings.reveal,
    };
    let mut document = source.document();
    if let (Some(state), Some(repo), Some(learned)) = (opened.state, &repo, learned) {
        keep(args, state, (scan, repo), &mut document, &learned);
    }
    let stopped = validate::add(args, scan, asker, (&mut result, &settings), &mut document)?;
    let exit = end(args, &settings, &document, paint)?;
    Ok(stopped.unwrap_or_else(|| validate::judged(args, scan, &document, exit)))
}

/// What is said if the kept report is given again.
const UNCHANGED: &str = "nothing has changed: this is the report of the last scan";

/// Keeps what was learned. If that fails, what is lost is the time of the next scan, not this report.
fn keep(
    args: &CommonOptions,
    state: ScanState,
    (scan, repo): (&ScanArgs, &Repository),
    document: &mut Document,
    learned: &Learned,
) {
    let (read, all) = (learned.read, learned.read + learned.known);
    ui::say(args, 1, &format!("{read} of {all} objects were read"));
    let kept = match is_part(scan) {
        true => state.keep_learned(learned),
        false => state.keep(repo, document, learned),
    };
    if let Err(error) = kept {
        ui::warn(&format!("the state is not kept: {}", error.chain()));
    }
}

/// The repository that is scanned, if one is.
fn repository(scan: &ScanArgs, scope: Scope) -> Result<Option<Repository>> {
    if matches!(scope, Scope::Files | Scope::Text | Scope::Bundle) {
        return Ok(None);
    }
    let overrides = settings::overrides_for(&scan.repository);
    Repository::discover(&scan.repository, &overrides).map(Some)
}

/// What is scanned.
fn scope(scan: &ScanArgs) -> Scope {
    if !scan.files.is_empty() {
        Scope::Files
    } else if scan.repository == Path::new("-") {
        Scope::Text
    } else if is_bundle(&scan.repository) {
        Scope::Bundle
    } else if scan.staged {
        Scope::Staged
    } else if scan.range.is_some() || scan.since.is_some() {
        Scope::Range
    } else if is_part(scan) {
        Scope::Objects
    } else {
        Scope::Repository
    }
}

/// A scan with all that it needs.
struct ScanJob<'a> {
    args: &'a CommonOptions,
    scan: &'a ScanArgs,
    settings: &'a ScanSettings,
    detector: &'a Detector,
    filter: &'a FindingFilter<'a>,
}

impl ScanJob<'_> {
    /// Scans what the arguments ask for; also says where the commits of a repository can be looked at.
    fn result(
        &self,
        repo: Option<&Repository>,
        going_on: Option<GoingOn<'_>>,
    ) -> Result<(Audit, Option<WebLinks>)> {
        let (args, scan, settings, detector) = (self.args, self.scan, self.settings, self.detector);
        let mut web = None;
        let result = if let Some(repo) = repo {
            let remote = repo.git().config_snapshot().string("remote.origin.url");
            web = remote.and_then(|remote| WebLinks::of(&remote));
            let (place, count) = (repo.git_dir().display(), detector.rules().rules.len());
            ui::say(args, 1, &format!("scanning '{place}' with {count} rules"));
            objects(args, scan, settings, detector, (repo, going_on))?
        } else if !scan.files.is_empty() {
            let excluded = self.filter.excluded();
            files(&scan.files, excluded, detector, &settings.audit)?
        } else if scope(scan) == Scope::Text {
            standard_input(scan, settings, detector)?
        } else {
            bundle(args, scan, settings, detector)?
        };
        Ok((result, web))
    }

    /// Leaves out what is suppressed in the repository that files and texts belong to, `home`.
    fn suppress(
        &self,
        result: &mut Audit,
        suppressions: &Suppressions,
        home: Option<&Repository>,
    ) -> Result<()> {
        let named: HashSet<&Path> = self.scan.files.iter().map(PathBuf::as_path).collect();
        ignore::apply_at(suppressions, result, &|path| {
            home::located(path, home, &named)
        })
    }

    /// Leaves out what filters do not match; refuses a filter that can match nothing.
    fn filter(&self, result: &mut Audit, repo: Option<&Repository>) -> Result<()> {
        let least = self.settings.audit.min_confidence;
        let unsure = |finding: &&Finding| finding.confidence < least;
        let unsure = result.hidden.iter().filter(unsure).count();
        let unmatched = self.filter.apply(result, self.detector.rules());
        if unsure > 0 {
            result.coverage.filtered += unsure;
            let filter = format!("--min-confidence {}", least.name());
            result.coverage.filters.push(filter);
        }
        if unmatched.is_empty() {
            return Ok(());
        }
        let limits = self.settings.audit.limits;
        match (result.scope, repo) {
            (Scope::Text, _) => Ok(()),
            (Scope::Files, _) => {
                let listed = list(&self.scan.files, FileChoice::All);
                unmatched.check_files(self.filter, &listed.paths)
            }
            (scope, Some(repo)) => {
                let reads = Reads {
                    history: scope != Scope::Staged,
                    worktree: self.settings.audit.worktree,
                    git_dir: self.settings.audit.git_dir,
                };
                let overrides = &self.settings.overrides;
                unmatched.check(&Presence::of_repository(repo, overrides, limits, reads)?)
            }
            (_, None) => {
                let path = &self.settings.repository;
                unmatched.check(&Presence::of_bundle(path, limits)?)
            }
        }
    }
}

/// What the paths of filters are of.
fn ground<'a>(scan: &'a ScanArgs, repo: Option<&'a Repository>) -> Ground<'a> {
    match repo {
        Some(repo) => Ground::Repository(repo),
        None if !scan.files.is_empty() => Ground::Files(&scan.files),
        None => Ground::Other,
    }
}

/// Whether only some of the objects are scanned.
fn is_part(scan: &ScanArgs) -> bool {
    scan.shard.is_some() || scan.oids_from.is_some()
}

/// The objects that are scanned, if not all are.
fn part(scan: &ScanArgs, repository: &Repository) -> Result<Option<ScanPart>> {
    if let Some(text) = &scan.shard {
        let shard = Shard::parse(text, &|name| std::env::var(name).ok())?;
        return Ok(Some(ScanPart::Share(shard.of_objects())));
    }
    let Some(path) = &scan.oids_from else {
        return Ok(None);
    };
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text)
    } else {
        File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|e| Error::io("read", path, e))?;
    let words = (1..)
        .zip(text.lines())
        .filter_map(|(number, line)| Some((number, line.split_whitespace().next()?)));
    let ids = words.map(|(number, word)| match ObjectId::from_hex(word.as_bytes()) {
        Ok(id) if id.kind() == repository.hash() => Ok(id),
        _ => Err(Error::usage(format!(
            "'{}', line {number}: it begins with no object id",
            path.display()
        ))
        .hint("each line begins with one, in full; 'unleak objects' prints such lines")),
    });
    Ok(Some(ScanPart::Ids(ids.collect::<Result<_>>()?)))
}

/// Whether standard output is painted.
fn painted(args: &CommonOptions, settings: &ScanSettings) -> Paint {
    let paint = match &settings.outputs.standard {
        None => Paint::Off,
        Some(_) => settings::paint(args.color, &std::io::stdout()),
    };
    settings::apply(paint);
    paint
}

/// Writes the report.
fn end(
    args: &CommonOptions,
    settings: &ScanSettings,
    document: &Document,
    paint: Paint,
) -> Result<Exit> {
    match settings.outputs.write(document, paint)? {
        Exit::ClosedPipe => return Ok(Exit::ClosedPipe),
        // A report is missing: whoever reads it must not take an older one for this one.
        Exit::Incomplete => return Ok(Exit::Incomplete),
        _ => {}
    }
    if args.quiet && !document.head.complete {
        ui::warn("the scan is incomplete; run it without '--quiet' to see what is missing");
    }
    let filtered = document.coverage.filtered;
    if args.quiet && document.findings.is_empty() && filtered > 0 {
        ui::warn(&format!(
            "no findings match the filters; they exclude {filtered}"
        ));
    }
    Ok(Exit::of_report(document))
}

/// What is scanned, as the user named it.
fn subject(scan: &ScanArgs) -> String {
    if scan.files.is_empty() {
        return found::subject(&scan.repository);
    }
    let names = scan.files.iter().map(|path| path.display().to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// The state of a repository, and the report if nothing has changed; only for scans of all of it
/// that show no secrets.
fn state(
    scan: &ScanArgs,
    settings: &ScanSettings,
    repo: &Repository,
    suppressions: &Suppressions,
) -> Result<OpenedState> {
    if !scan.state.is_on() {
        return Ok(OpenedState::default());
    }
    let is_beside = scan.worktree || scan.git_dir;
    let is_part = scan.staged || scan.range.is_some() || scan.since.is_some() || is_beside;
    let is_steered = settings.overrides != Overrides::default();
    let is_known = scan.known != KnownOptions::default();
    if is_part || is_steered || is_known || settings.reveal == Reveal::Shown {
        return Err(
            Error::usage("only a scan of a whole repository keeps a state").hint(
                "'--state' goes without '--staged', '--range', '--since', '--worktree', '--git-dir', '--known', \
             '--show-secrets' and git's environment variables",
            ),
        );
    }
    let remote = repo.git().config_snapshot().string("remote.origin.url");
    // Some paths mean something else in another directory.
    let mut paths = scan.filter.path.iter().chain(&scan.filter.exclude);
    let is_placed = paths.any(|path| depends_on_directory(path));
    let place = is_placed
        .then(std::env::current_dir)
        .and_then(std::io::Result::ok);
    // '2 weeks ago' is another day each day.
    let before = scan.filter.before.as_deref();
    let before = before.map(revision::date).transpose()?;
    let how = How {
        rules: &state::digest_of_rules(&settings.rules)?,
        audit: &settings.audit,
        unpack: &settings.unpack,
        more: state::more(
            &subject(scan),
            remote.as_deref().map(Vec::as_slice),
            suppressions,
            scan.no_ignore,
            &(&scan.filter, before, &scan.shard, &scan.oids_from, &place),
        ),
    };
    let mut opened = state::open(&scan.state, repo, &how)?;
    if scan.validation.validate && opened.kept.take().is_some() {
        // The kept report has no values that issuers could be asked about.
        opened.memory = opened.state.as_ref().map(|state| Memory {
            before: memory::file::read(&state.ledger()),
            ..state::memory(&settings.audit, &settings.unpack)
        });
    }
    Ok(opened)
}

/// Whether `path` is a file that begins like a bundle.
fn is_bundle(path: &Path) -> bool {
    // To open a pipe can wait for ever.
    if !path.is_file() {
        return false;
    }
    let mut start = Vec::new();
    let read = File::open(path).map(|file| file.take(64).read_to_end(&mut start));
    read.is_ok() && bundle::is_bundle(&start)
}

fn bundle(
    args: &CommonOptions,
    scan: &ScanArgs,
    settings: &ScanSettings,
    detector: &Detector,
) -> Result<Audit> {
    let is_beside = scan.worktree || scan.git_dir;
    if scan.staged || scan.range.is_some() || scan.since.is_some() || is_beside {
        return Err(
            Error::usage("a bundle is scanned as a whole").hint("clone it to scan a part of it")
        );
    }
    let progress = Arc::new(Progress::default());
    let line = ProgressLine::start(&progress, !args.quiet);
    let result = audit_bundle(&settings.repository, detector, &settings.audit, &progress);
    drop(line);
    result
}

/// Scans what the arguments ask for of the repository's objects.
fn objects(
    args: &CommonOptions,
    scan: &ScanArgs,
    settings: &ScanSettings,
    detector: &Detector,
    (repository, going_on): (&Repository, Option<GoingOn<'_>>),
) -> Result<Audit> {
    let overrides = &settings.overrides;
    if scan.staged {
        return changes::staged(repository, overrides, detector, &settings.audit);
    }
    if let Some((range, unread)) = range(repository, scan)? {
        let options = &settings.audit;
        return changes::range(repository, overrides, &range, unread, detector, options);
    }
    let progress = Arc::new(Progress::default());
    let line = ProgressLine::start(&progress, !args.quiet);
    let options = &settings.audit;
    if let Some(part) = part(scan, repository)? {
        let (memory, learned) = going_on.unzip();
        let result = audit_part(repository, &part, detector, options, &progress, memory);
        drop(line);
        let (audit, new) = result?;
        if let Some(learned) = learned {
            *learned = Some(new);
        }
        return Ok(audit);
    }
    let result = match going_on {
        None => audit(repository, overrides, detector, options, &progress),
        Some((memory, learned)) => {
            let result = audit_again(repository, detector, options, &progress, memory);
            result.map(|(audit, new)| {
                *learned = Some(new);
                audit
            })
        }
    };
    drop(line);
    result
}

/// What a scan goes on from, and where it puts what it leaves.
type GoingOn<'a> = (Memory, &'a mut Option<Learned>);

/// The range that `--range` and `--since` ask for, and the refs that cannot be read.
fn range(repository: &Repository, scan: &ScanArgs) -> Result<Option<(Range, Vec<Skipped>)>> {
    let since = scan.since.as_deref().map(revision::date).transpose()?;
    let mut unread = Vec::new();
    let RangeEnds { tips, hidden } = match &scan.range {
        Some(range) => repository.revisions(range)?,
        None if since.is_some() => {
            let (mut tips, skipped) = repository.refs_below("")?;
            unread = skipped;
            tips.extend(repository.commit_parents()?);
            let hidden = Vec::new();
            RangeEnds { tips, hidden }
        }
        None => return Ok(None),
    };
    let range = Range {
        tips,
        hidden,
        since,
    };
    Ok(Some((range, unread)))
}

fn standard_input(scan: &ScanArgs, settings: &ScanSettings, detector: &Detector) -> Result<Audit> {
    if scan.staged || scan.range.is_some() || scan.since.is_some() {
        return Err(Error::usage("standard input has no history")
            .hint("leave out '-' to scan the repository you are in"));
    }
    // One byte more than is allowed is enough to know.
    let limit = settings.audit.limits.held();
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io("read", "standard input".as_ref(), e))?;
    if bytes.is_empty() {
        ui::warn("standard input is empty or closed: nothing was scanned");
    }
    text(&scan.stdin_name, &bytes, detector, &settings.audit)
}
