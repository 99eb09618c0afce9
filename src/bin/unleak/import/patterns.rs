//! Patterns that git's own configuration holds for a hook: `secrets.patterns`, `secrets.allowed`.

use gix::bstr::ByteSlice;
use gix::config::File;
use gix::config::file::Metadata;
use unleak::error::{Error, Result};

use super::write::Additions;

/// Whether `text` is a configuration of git with such a section.
pub(super) fn is_config(text: &str) -> bool {
    let is_section = |line: &str| line.trim().to_ascii_lowercase().starts_with("[secrets");
    text.lines().any(is_section)
}

/// Reads them; returns what cannot be carried over. Nothing is included or run.
///
/// # Errors
/// `Config` if git could not read it either.
pub(super) fn of_config(text: &str, name: &str, additions: &mut Additions) -> Result<Vec<String>> {
    let file =
        File::from_bytes_no_includes(text.as_bytes(), Metadata::default(), Default::default());
    // The error of the parser repeats the line.
    let file = file.map_err(|_| Error::config(format!("'{name}' is no configuration of git")))?;
    let strings = |key: &str| {
        let values = file.strings(key).unwrap_or_default().into_iter();
        values
            .map(|value| value.to_str_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    additions.patterns.extend(strings("secrets.patterns"));
    additions.allowed.extend(strings("secrets.allowed"));
    let providers = strings("secrets.providers").into_iter();
    let left = (1..).zip(providers).map(|(number, _)| {
        format!("secrets.providers, number {number}: commands are not run; add what it prints")
    });
    Ok(left.collect())
}

/// Reads a `.gitallowed`: an expression a line.
pub(super) fn allowed(text: &str, additions: &mut Additions) {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    additions.allowed.extend(lines.map(str::to_owned));
}
