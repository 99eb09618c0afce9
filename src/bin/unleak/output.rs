//! Where the reports of a scan go, and in which formats; standard output.

use std::ffi::{OsStr, OsString};
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use unleak::error::{Error, Result};
use unleak::report::paint::Paint;
use unleak::report::{Document, ReportFormat, ShownFindings};

use crate::exit::Exit;
use crate::interrupt;
use crate::options::{FormatChoice, LengthOptions};
use crate::pager;
use crate::ui;

/// How much of a report for people is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// One line a finding.
    Brief(ShownFindings),
    /// A few lines a finding.
    Full(ShownFindings),
}

impl Length {
    /// What `--quiet` and the options of a report ask for.
    pub(crate) fn of(quiet: bool, options: &LengthOptions) -> Self {
        let shown = match (options.all, options.limit) {
            (true, _) => ShownFindings::All,
            (false, Some(count)) => ShownFindings::First(count),
            (false, None) => ShownFindings::Fitting,
        };
        match quiet {
            true => Self::Brief(shown),
            false => Self::Full(shown),
        }
    }

    /// The format for people.
    pub(crate) fn format(self) -> ReportFormat {
        match self {
            Self::Brief(shown) => ReportFormat::Brief(shown),
            Self::Full(shown) => ReportFormat::Human(shown),
        }
    }
}

/// Where the reports go.
pub(crate) struct Outputs {
    /// What is written to standard output.
    pub(crate) standard: Option<ReportFormat>,
    files: Vec<(ReportFormat, PathBuf)>,
    /// Whether a long report for people may go through a pager.
    has_pager: bool,
}

impl Outputs {
    /// Resolves them from what was typed: `FORMAT:FILE` is one more report, and `FILE` takes the
    /// place of standard output.
    ///
    /// # Errors
    /// `Usage` if two of them would go to one file, or two take the place of standard output.
    pub(crate) fn resolve(
        choice: FormatChoice,
        outputs: &[OsString],
        length: Length,
    ) -> Result<Self> {
        let mut standard = Some(format(choice, length));
        let mut files: Vec<(ReportFormat, PathBuf)> = Vec::new();
        for output in outputs {
            let (format, path) = if let Some((choice, path)) = split(output) {
                (format(choice, length), path)
            } else if let Some(format) = standard.take() {
                check_plain(output)?;
                (format, PathBuf::from(output))
            } else {
                return Err(
                    Error::usage("two of the outputs name no format").hint(format!(
                        "name the format of each but one: '--output json:{}'",
                        output.display()
                    )),
                );
            };
            if path.as_os_str().is_empty() {
                let output = output.display();
                return Err(Error::usage(format!("the output '{output}' names no file")));
            }
            if files.iter().any(|(_, other)| *other == path) {
                let path = path.display();
                return Err(Error::usage(format!(
                    "two reports would go to the file '{path}'"
                )));
            }
            files.push((format, path));
        }
        Ok(Self {
            standard,
            files,
            has_pager: false,
        })
    }

    /// Lets a report for people go through a pager.
    pub(crate) fn with_pager(self, has_pager: bool) -> Self {
        Self { has_pager, ..self }
    }

    /// Writes a report.
    ///
    /// # Errors
    /// `Io` if one cannot be written.
    pub(crate) fn write(&self, document: &Document, paint: Paint) -> Result<Exit> {
        let render = |format, paint| Ok(document.render(format, paint));
        self.write_with(&render, document.head.redacted, paint)
    }

    /// Writes what `render` makes: files first, since whoever reads standard output may go away. A file
    /// that cannot be written is a warning, and `Incomplete`.
    ///
    /// # Errors
    /// `Io` if standard output cannot be written; as `render`.
    pub(crate) fn write_with(
        &self,
        render: &dyn Fn(ReportFormat, Paint) -> Result<Vec<u8>>,
        is_redacted: bool,
        paint: Paint,
    ) -> Result<Exit> {
        let mut lost: Option<ReportFormat> = None;
        for (format, path) in &self.files {
            if let Err(error) = write_file(path, &render(*format, Paint::Off)?, is_redacted) {
                ui::warn(&error.chain());
                lost = Some(*format);
            }
        }
        // What took the place of standard output and cannot be written goes there, if secrets in full
        // may: the report must not be lost.
        let standard = self.standard.or(lost.filter(|_| is_redacted));
        let printed = match standard {
            Some(format @ ReportFormat::Human(_)) if self.has_pager => {
                page(&render(format, paint)?, true)?
            }
            Some(format) => print(&render(format, paint)?)?,
            None => Exit::Clean,
        };
        Ok(match (printed, lost) {
            (Exit::Clean, Some(_)) => Exit::Incomplete,
            (printed, _) => printed,
        })
    }
}

/// Writes a file whole or not at all; if it is not redacted, for its owner only.
///
/// # Errors
/// `Io` if it cannot be written.
pub(crate) fn write_file(path: &Path, bytes: &[u8], is_redacted: bool) -> Result<()> {
    write(path, bytes, is_redacted).map_err(|e| Error::io("write", path, e))
}

fn format(choice: FormatChoice, length: Length) -> ReportFormat {
    match choice {
        FormatChoice::Human => length.format(),
        FormatChoice::Json => ReportFormat::Json,
        FormatChoice::Jsonl => ReportFormat::JsonLines,
        FormatChoice::Sarif => ReportFormat::Sarif,
        FormatChoice::SarifGithub => ReportFormat::SarifForGitHub,
        FormatChoice::Github => ReportFormat::GitHub,
        FormatChoice::Gitlab => ReportFormat::GitLab,
        FormatChoice::Csv => ReportFormat::Csv,
        FormatChoice::CsvBom => ReportFormat::CsvWithMark,
        FormatChoice::Markdown => ReportFormat::Markdown,
        FormatChoice::Junit => ReportFormat::JUnit,
        FormatChoice::Html => ReportFormat::Html,
    }
}

/// Refuses the name of a file that was more likely meant as a format: `sarif`, `xml:report`.
fn check_plain(output: &OsStr) -> Result<()> {
    let text = output.to_string_lossy();
    let is_format = |name: &str| FormatChoice::named(name).is_some();
    let before = text.split_once(':').map(|(before, _)| before);
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let what = match before.filter(is_word) {
        Some(word) => format!("'{word}' is no format"),
        None if is_format(&text) => format!("'{text}' is a format and names no file"),
        None => return Ok(()),
    };
    Err(
        Error::usage(format!("'--output {text}': {what}")).hint(format!(
            "write '--output FORMAT:FILE'; a file with this name is './{text}'"
        )),
    )
}

/// Splits `FORMAT:FILE`; `None` if no format stands before the first colon.
fn split(output: &OsString) -> Option<(FormatChoice, PathBuf)> {
    let bytes = output.as_bytes();
    let colon = bytes.iter().position(|&byte| byte == b':')?;
    let name = std::str::from_utf8(&bytes[..colon]).ok()?;
    let choice = FormatChoice::named(name)?;
    let file = OsString::from_vec(bytes[colon + 1..].to_vec());
    Some((choice, PathBuf::from(file)))
}

/// Writes a file whole or not at all: whoever reads reports must not take half of one for all.
fn write(path: &Path, bytes: &[u8], is_redacted: bool) -> std::io::Result<()> {
    let old = match std::fs::metadata(path) {
        Ok(old) => Some(old),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    // What is no file, like a pipe or /dev/stdout, cannot be replaced. Nor can a link to nothing.
    let is_replaceable = match &old {
        Some(old) => old.is_file(),
        None => !path.is_symlink(),
    };
    if !is_replaceable {
        return std::fs::write(path, bytes);
    }
    // What a link names is replaced, not the link.
    let target = match old {
        Some(_) => std::fs::canonicalize(path)?,
        None => path.to_owned(),
    };
    let dir = match target.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    if !dir.is_dir() {
        let why = "its directory does not exist";
        return Err(std::io::Error::new(std::io::ErrorKind::NotFound, why));
    }
    // The umask applies to these as to those of any new file.
    let mode = if is_redacted { 0o666 } else { 0o600 };
    let mut file = tempfile::Builder::new()
        .prefix(".unleak-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(dir)
        // The message of a file that nobody asked for is no help.
        .map_err(|e| std::io::Error::from(e.kind()))?;
    let half = file.path().to_owned();
    interrupt::while_writing(&half, || {
        file.write_all(bytes)?;
        if let Some(old) = old.filter(|_| is_redacted) {
            file.as_file().set_permissions(old.permissions())?;
        }
        file.persist(&target).map_err(|e| e.error)?;
        Ok(())
    })
}

/// Removes a file, if it is there.
///
/// # Errors
/// `Io` if it cannot be removed.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
}

/// Writes a text for people to standard output, through a pager if it may and there is a terminal.
///
/// # Errors
/// `Io` if it cannot be written.
pub(crate) fn page(text: &[u8], has_pager: bool) -> Result<Exit> {
    match has_pager && pager::show(text) {
        true => Ok(Exit::Clean),
        false => print(text),
    }
}

/// Writes to standard output. Whoever reads it may go away.
///
/// # Errors
/// `Io` if it cannot be written.
pub(crate) fn print(bytes: &[u8]) -> Result<Exit> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    match written {
        Ok(()) => Ok(Exit::Clean),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::ClosedPipe),
        Err(e) => Err(Error::io("write", "standard output".as_ref(), e)),
    }
}
