//! A report for people goes through a pager if standard output is a terminal, as in git: `$UNLEAK_PAGER`,
//! `$PAGER` or `less`. The repository's configuration is not asked: it may come from strangers.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};

use crate::interrupt;

/// How `less` behaves if the user does not say: it leaves at once if all fits on the screen, shows
/// colours, and leaves the text on the screen.
const LESS: &str = "FRX";

/// Shows `text` in the pager; `false` if it must be printed, because there is none to use.
pub(crate) fn show(text: &[u8]) -> bool {
    if !std::io::stdout().is_terminal() {
        return false;
    }
    let Some(command) = command() else {
        return false;
    };
    let mut pager = Command::new("sh");
    pager.arg("-c").arg(command).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        pager.env("LESS", LESS);
    }
    // Ctrl-C leaves the terminal to it, as in git.
    interrupt::while_another_runs(|| shown_by(pager, text))
}

/// Whether `pager` has shown `text`.
fn shown_by(mut pager: Command, text: &[u8]) -> bool {
    /// The status of a shell that does not find the command and has shown nothing.
    const NOT_FOUND: i32 = 127;
    let Ok(mut child) = pager.spawn() else {
        return false;
    };
    // The user may leave it before the end.
    let stdin = child.stdin.take();
    let written = stdin.map(|mut stdin| stdin.write_all(text).is_ok());
    let status = child.wait();
    written.is_some() && status.is_ok_and(|status| status.code() != Some(NOT_FOUND))
}

fn command() -> Option<OsString> {
    let named = ["UNLEAK_PAGER", "PAGER"].into_iter();
    let named = named.filter_map(std::env::var_os).next();
    let command = named.unwrap_or_else(|| "less".into());
    let is_none = command.is_empty() || command == "cat";
    (!is_none).then_some(command)
}
