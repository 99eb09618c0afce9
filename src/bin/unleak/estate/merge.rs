//! `unleak merge`: reports of many repositories become one.

use std::path::{Path, PathBuf};

use unleak::error::{Error, Result};
use unleak::report::estate::Estate;
use unleak::report::{ReportFormat, ShownFindings};

use super::args::MergeArgs;
use crate::exit::Exit;
use crate::options::CommonOptions;
use crate::output::{Length, Outputs};
use crate::settings;

/// Runs it.
pub(crate) fn run(args: &CommonOptions, merge: &MergeArgs) -> Result<Exit> {
    let outputs = Outputs::resolve(
        merge.format,
        &merge.output,
        Length::Full(ShownFindings::Fitting),
    )?;
    let mut estate = Estate::default();
    for path in files(&merge.files)? {
        estate.merge(read(&path)?);
    }
    let before = merge.before.as_deref().map(read).transpose()?;
    let is_redacted = estate.redacted && before.as_ref().is_none_or(|before| before.redacted);
    if !is_redacted && !merge.show_secrets {
        return Err(Error::usage("a report holds secrets in full").hint(
            "'--show-secrets' writes them in full again; scans without it make reports that do not",
        ));
    }
    let paint = settings::paint(args.color, &std::io::stdout());
    settings::apply(paint);
    let before = before.as_ref();
    let render = |format: ReportFormat, paint| match format {
        ReportFormat::Human(_) => Ok(estate.to_text(before, paint).into_bytes()),
        ReportFormat::Json => Ok(estate.to_json(before)),
        ReportFormat::Html => Ok(estate.to_html(before).into_bytes()),
        _ => Err(Error::usage(
            "many repositories have the formats human, json and html",
        )),
    };
    Ok(match outputs.write_with(&render, is_redacted, paint)? {
        Exit::ClosedPipe => Exit::ClosedPipe,
        _ if !estate.is_complete() => Exit::Incomplete,
        _ if estate.secrets(None).is_empty() => Exit::Clean,
        _ => Exit::Found,
    })
}

/// All files that are named, and those of the directories that are.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let listed = std::fs::read_dir(path).map_err(|e| Error::io("read", path, e))?;
        let (before, mut has_others) = (files.len(), false);
        for entry in listed {
            let file = entry.map_err(|e| Error::io("read", path, e))?.path();
            let is_report =
                |extension: &std::ffi::OsStr| extension == "json" || extension == "jsonl";
            if file.extension().is_some_and(is_report) {
                files.push(file);
            } else {
                has_others = true;
            }
        }
        // A share of a large estate may be empty.
        if has_others && files.len() == before {
            return Err(
                Error::usage(format!("'{}' holds no report", path.display())).hint(
                    "name a directory that 'unleak estate scan --output' wrote, or files of it",
                ),
            );
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Estate> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    Estate::parse(&bytes, &path.display().to_string())
}
