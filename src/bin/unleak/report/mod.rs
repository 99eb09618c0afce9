//! `unleak report`: saved reports, without a scan.

pub(crate) mod args;

use std::io::Read;
use std::path::Path;

use unleak::error::{Error, Result};
use unleak::report::Document;
use unleak::report::diff::Diff;

use crate::exit::Exit;
use crate::options::{CommonOptions, FormatChoice};
use crate::output::{self, Length, Outputs};
use crate::settings;
use args::{DiffFormat, ReportCommand, Saved};

/// Runs it.
pub(crate) fn run(args: &CommonOptions, command: &ReportCommand) -> Result<Exit> {
    match command {
        ReportCommand::Convert {
            saved,
            format,
            output,
        } => {
            let length = Length::of(args.quiet, &saved.length);
            let outputs = Outputs::resolve(*format, output, length)?.with_pager(!args.no_pager);
            outputs.write(&read_saved(saved)?, paint(args))
        }
        ReportCommand::Show { saved, fingerprint } => {
            let document = chosen(read_saved(saved)?, fingerprint)?;
            let length = Length::of(args.quiet, &saved.length);
            let outputs = Outputs::resolve(FormatChoice::Human, &[], length)?;
            let outputs = outputs.with_pager(!args.no_pager);
            outputs.write(&document, paint(args))
        }
        ReportCommand::Diff { old, new, format } => {
            let (old, new) = (read(old)?, read(new)?);
            let diff = Diff::between(&old, &new);
            let text = match format {
                DiffFormat::Human => diff.to_text(paint(args)).into_bytes(),
                DiffFormat::Json => diff.to_json(),
            };
            Ok(match output::print(&text)? {
                Exit::ClosedPipe => Exit::ClosedPipe,
                _ if !new.head.complete => Exit::Incomplete,
                _ if diff.added.is_empty() => Exit::Clean,
                _ => Exit::Found,
            })
        }
    }
}

fn paint(args: &CommonOptions) -> unleak::report::paint::Paint {
    let paint = settings::paint(args.color, &std::io::stdout());
    settings::apply(paint);
    paint
}

fn read_saved(saved: &Saved) -> Result<Document> {
    let document = read(&saved.file)?;
    if !document.head.redacted && !saved.show_secrets {
        let file = saved.file.display();
        return Err(
            Error::usage(format!("the report '{file}' holds secrets in full")).hint(
                "'--show-secrets' writes them in full again; a scan without it makes one that does not",
            ),
        );
    }
    Ok(document)
}

/// Reads a saved report.
///
/// # Errors
/// `Io` if it cannot be read, `Config` if it is none.
pub(crate) fn read(path: &Path) -> Result<Document> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    read.map_err(|e| Error::io("read", path, e))?;
    Document::parse(&bytes, &path.display().to_string())
}

/// Leaves only the findings whose fingerprints begin like one of `prefixes`; all if there are none.
fn chosen(mut document: Document, prefixes: &[String]) -> Result<Document> {
    for prefix in prefixes {
        let known = document.findings.iter();
        if !known
            .clone()
            .any(|finding| finding.fingerprint.starts_with(prefix))
        {
            return Err(Error::config(format!(
                "no finding of the report has a fingerprint that begins with '{prefix}'"
            ))
            .hint("'unleak report show FILE' shows all"));
        }
    }
    if !prefixes.is_empty() {
        let before = document.findings.len();
        let is_meant = |id: &str| prefixes.iter().any(|prefix| id.starts_with(prefix));
        document
            .findings
            .retain(|finding| is_meant(&finding.fingerprint));
        document.coverage.filtered += before - document.findings.len();
    }
    Ok(document)
}
