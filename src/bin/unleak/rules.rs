//! `unleak rules`.

use std::fmt::Write as _;
use std::io::Write as _;

use unleak::error::{Error, Result};
use unleak::rule;

use crate::args::RulesCommand;
use crate::exit::Exit;

/// Runs it.
pub(crate) fn run(command: &RulesCommand) -> Result<Exit> {
    let RulesCommand::List = command;
    let rules = rule::builtin()?.rules;
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in &rules {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:width$}  {:6}  {}",
            rule.id,
            rule.confidence.name(),
            rule.description
        );
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(Exit::Clean),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::ClosedPipe),
        Err(e) => Err(Error::io("write", "standard output".as_ref(), e)),
    }
}
