//! Standard error: errors, warnings, and what `-v` asks for. Standard output carries reports only.

use std::io::{IsTerminal, Write};

use unleak::error::Error;
use unleak::report::escape::escape;

use crate::options::CommonOptions;

/// Prints an error with its causes and the way out.
pub(crate) fn error(error: &Error) {
    line(&format!("error: {}", escape(error.chain().as_bytes())));
    if let Some(hint) = error.hint_text() {
        line(&format!("hint: {}", escape(hint.as_bytes())));
    }
}

/// Prints a warning.
pub(crate) fn warn(text: &str) {
    line(&format!("warning: {}", escape(text.as_bytes())));
}

/// Prints `text` if the user asked for that much.
pub(crate) fn say(args: &CommonOptions, level: u8, text: &str) {
    if args.verbose >= level && !args.quiet {
        line(&escape(text.as_bytes()));
    }
}

/// Prints what is worth knowing, unless the user wants errors only.
pub(crate) fn note(args: &CommonOptions, text: &str) {
    if !args.quiet {
        line(&format!("note: {}", escape(text.as_bytes())));
    }
}

/// Prints a text that was made harmless already.
pub(crate) fn write(text: &[u8]) {
    // As for a line.
    let _ = std::io::stderr().write_all(text);
}

/// Prints the last line of a process that is interrupted, in place of what is drawn on a terminal.
pub(crate) fn last_line(text: &str) {
    if std::io::stderr().is_terminal() {
        write(b"\r\x1b[K");
    }
    line(text);
}

fn line(text: &str) {
    // There is nobody to tell that standard error cannot be written.
    let _ = writeln!(std::io::stderr(), "{text}");
}
