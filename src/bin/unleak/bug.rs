//! What is printed when unleak itself breaks: the place in our code, and no text of the repository.
//!
//! Release programs are stripped, yet they keep the file and line of each possible panic. A backtrace
//! needs the debug file of the release beside the program: see `packaging/README.md`.

use std::backtrace::Backtrace;
use std::panic::{Location, PanicHookInfo};

use unleak::error::Error;

use crate::{triage, ui};

/// Reports a panic as a bug. `RUST_BACKTRACE` adds a backtrace, as in any Rust program.
///
/// The panic's own message is left out: it may quote what was scanned.
pub(crate) fn report(panic: &PanicHookInfo<'_>) {
    triage::terminal::leave();
    ui::error(&describe(panic.location()));
    let backtrace = match std::env::var("RUST_BACKTRACE").as_deref() {
        Err(_) | Ok("" | "0") => return,
        Ok("full") => format!("{:#}\n", Backtrace::force_capture()),
        Ok(_) => format!("{}\n", Backtrace::force_capture()),
    };
    ui::write(backtrace.as_bytes());
}

/// Returns the error for a panic at `location`.
fn describe(location: Option<&Location<'_>>) -> Error {
    let version = env!("CARGO_PKG_VERSION");
    let place = location.map_or_else(String::new, |location| format!(" at {location}"));
    Error::internal(format!("internal error in unleak {version}{place}")).hint(
        "this is a bug in unleak: please report the line above; RUST_BACKTRACE=1 adds a backtrace",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_reported_with_version_file_line_and_column_and_without_its_message() {
        let here = Location::caller();
        let error = describe(Some(here));
        let (line, column) = (here.line(), here.column());
        assert_eq!(
            error.chain(),
            format!(
                "internal error in unleak {} at src/bin/unleak/bug.rs:{line}:{column}",
                env!("CARGO_PKG_VERSION")
            )
        );
        assert!(
            error
                .hint_text()
                .is_some_and(|hint| hint.contains("report"))
        );
    }
}
