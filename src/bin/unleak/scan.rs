//! `unleak scan`.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use unleak::audit::files::files;
use unleak::audit::repository::{audit, audit_bundle};
use unleak::audit::text::text;
use unleak::audit::{Audit, changes};
use unleak::detect::Detector;
use unleak::error::{Error, Result};
use unleak::odb::repository::Repository;
use unleak::odb::revision::{self, Ends};
use unleak::odb::{Skipped, bundle};
use unleak::progress::Progress;
use unleak::report::Source;
use unleak::report::paint::Paint;
use unleak::report::weblink::WebLinks;
use unleak::scan::commits::Range;

use crate::args::{Args, ScanArgs};
use crate::config::{self, Layers};
use crate::exit::Exit;
use crate::filter::Filter;
use crate::ignore;
use crate::known;
use crate::progress::ProgressLine;
use crate::settings::{self, ScanSettings};
use crate::ui;

/// Runs it.
pub(crate) fn run(args: &Args, scan: &ScanArgs) -> Result<Exit> {
    let is_text = scan.repository == Path::new("-");
    let repo = if !scan.files.is_empty() || is_text || is_bundle(&scan.repository) {
        None
    } else {
        let overrides = settings::overrides_for(&scan.repository);
        Some(Repository::discover(&scan.repository, &overrides)?)
    };
    let layers = Layers::load(&scan.rules.config, repo.as_ref())?;
    layers.warn();
    let suppressions = config::suppressions(repo.as_ref(), &layers, scan.no_ignore)?;
    let mut settings = ScanSettings::resolve(args, scan, &layers)?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build_global()
        .map_err(|e| Error::usage("cannot start the threads").because(e))?;
    let rules = std::mem::take(&mut settings.rules);
    let known = known::values(&scan.known, &rules, &settings.audit)?;
    let detector = Detector::compile_with(rules, known)?.with_limits(settings.unpack);
    let filter = Filter::resolve(&scan.filter, detector.rules())?;
    let mut web = None;
    let mut result = if let Some(repo) = &repo {
        let remote = repo.git().config_snapshot().string("remote.origin.url");
        web = remote.and_then(|remote| WebLinks::of(&remote));
        let (place, count) = (repo.git_dir().display(), detector.rules().rules.len());
        ui::say(args, 1, &format!("scanning '{place}' with {count} rules"));
        objects(args, scan, &settings, &detector, repo)?
    } else if !scan.files.is_empty() {
        files(&scan.files, &detector, &settings.audit)?
    } else if is_text {
        standard_input(scan, &settings, &detector)?
    } else {
        bundle(args, scan, &settings, &detector)?
    };
    ignore::apply(&suppressions, &mut result)?;
    filter.apply(&mut result, detector.rules());
    let paint = match &settings.outputs.standard {
        None => Paint::Off,
        Some(_) => settings::paint(args.color, &std::io::stdout()),
    };
    settings::apply(paint);
    let subject = if scan.files.is_empty() {
        settings.repository.display().to_string()
    } else {
        let names = scan.files.iter().map(|path| path.display().to_string());
        names.collect::<Vec<_>>().join(", ")
    };
    let source = Source {
        audit: &result,
        rules: detector.rules(),
        subject: &subject,
        web: web.as_ref(),
        reveal: settings.reveal,
    };
    if settings.outputs.write(&source.document(), paint)? == Exit::ClosedPipe {
        return Ok(Exit::ClosedPipe);
    }
    if args.quiet && !result.coverage.is_complete() {
        ui::warn("the scan is incomplete; run it without '--quiet' to see what is missing");
    }
    Ok(Exit::of(&result))
}

/// Whether `path` is a file that begins like a bundle.
fn is_bundle(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).map(|file| file.take(64).read_to_end(&mut start));
    path.is_file() && read.is_ok() && bundle::is_bundle(&start)
}

fn bundle(
    args: &Args,
    scan: &ScanArgs,
    settings: &ScanSettings,
    detector: &Detector,
) -> Result<Audit> {
    if scan.staged || scan.range.is_some() || scan.since.is_some() || scan.worktree {
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
    args: &Args,
    scan: &ScanArgs,
    settings: &ScanSettings,
    detector: &Detector,
    repository: &Repository,
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
    let result = audit(repository, overrides, detector, &settings.audit, &progress);
    drop(line);
    result
}

/// The range that `--range` and `--since` ask for, and the refs that cannot be read.
fn range(repository: &Repository, scan: &ScanArgs) -> Result<Option<(Range, Vec<Skipped>)>> {
    let since = scan.since.as_deref().map(revision::date).transpose()?;
    let mut unread = Vec::new();
    let Ends { tips, hidden } = match &scan.range {
        Some(range) => repository.revisions(range)?,
        None if since.is_some() => {
            let (mut tips, skipped) = repository.refs_below("")?;
            unread = skipped;
            tips.extend(repository.commit_parents()?);
            let hidden = Vec::new();
            Ends { tips, hidden }
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
    text(&scan.stdin_name, &bytes, detector, &settings.audit)
}
