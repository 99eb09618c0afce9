//! `unleak scan`.

use std::io::Write;
use std::sync::Arc;

use unleak::audit::Audit;
use unleak::audit::repository::audit;
use unleak::detect::Detector;
use unleak::error::{Error, Result};
use unleak::odb::repository::Repository;
use unleak::progress::Progress;
use unleak::report::Report;
use unleak::report::paint::Paint;

use crate::args::{Args, ScanArgs};
use crate::exit::Exit;
use crate::progress::ProgressLine;
use crate::settings::{self, ScanSettings};
use crate::ui;

/// Runs it.
pub(crate) fn run(args: &Args, scan: &ScanArgs) -> Result<Exit> {
    let settings = ScanSettings::resolve(args, scan)?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(settings.threads)
        .build_global()
        .map_err(|e| Error::usage("cannot start the threads").because(e))?;
    let repository = Repository::discover(&settings.repository, &settings.overrides)?;
    let detector = Detector::compile(settings.rules.clone())?;
    ui::say(
        args,
        1,
        &format!(
            "scanning '{}' with {} rules",
            repository.git_dir().display(),
            settings.rules.rules.len()
        ),
    );
    let progress = Arc::new(Progress::default());
    let line = ProgressLine::start(&progress, !args.quiet);
    let result = audit(
        &repository,
        &settings.overrides,
        &detector,
        &settings.audit,
        &progress,
    );
    drop(line);
    let result = result?;
    let paint = match &settings.output {
        Some(_) => Paint::Off,
        None => settings::paint(args.color, &std::io::stdout()),
    };
    colored::control::set_override(paint == Paint::On);
    let report = Report {
        audit: &result,
        rules: detector.rules(),
        subject: &settings.repository.display().to_string(),
        reveal: settings.reveal,
        paint,
    };
    let bytes = report.render(settings.format);
    match &settings.output {
        Some(path) => std::fs::write(path, &bytes).map_err(|e| Error::io("write", path, e))?,
        None => {
            if let Err(e) = write_all(&bytes) {
                return match e.kind() {
                    std::io::ErrorKind::BrokenPipe => Ok(Exit::ClosedPipe),
                    _ => Err(Error::io("write", "standard output".as_ref(), e)),
                };
            }
        }
    }
    if args.quiet && !result.coverage.is_complete() {
        ui::warn("the scan is incomplete; run it without '--quiet' to see what is missing");
    }
    Ok(exit(&result))
}

fn write_all(bytes: &[u8]) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

fn exit(result: &Audit) -> Exit {
    match (result.coverage.is_complete(), result.findings.is_empty()) {
        (false, _) => Exit::Incomplete,
        (true, true) => Exit::Clean,
        (true, false) => Exit::Found,
    }
}
