//! Errors of the command line whose usual text would mislead.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

/// Filters of a scan, which a purge does not have.
const FILTERS: [&str; 10] = [
    "--rule",
    "--provider",
    "--path",
    "--exclude",
    "--path-class",
    "--severity",
    "--author",
    "--before",
    "--in-head",
    "--published",
];

/// The error of a purge that was given a filter, with the way to do what was meant: the parser would propose an
/// option that has a similar name and another meaning.
pub(crate) fn explained(mut error: Error) -> Error {
    let is_purge = std::env::args_os()
        .nth(1)
        .is_some_and(|name| name == "purge");
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let is_filter = FILTERS.contains(&option.as_str());
    if !is_purge || !is_filter || error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let tip = format!(
        "a report selects what is erased: 'unleak scan {option} ... --format json | unleak purge --from -'"
    );
    error.remove(ContextKind::SuggestedArg);
    // It would have the option that was proposed.
    error.remove(ContextKind::Usage);
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![tip.into()]),
    );
    error
}
