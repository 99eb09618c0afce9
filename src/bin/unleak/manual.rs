//! `unleak completions` and `unleak man`: made from the same definition as the help.

use std::path::Path;

use clap_complete::Shell;
use unleak::error::{Error, Result};

use crate::examples;
use crate::exit::Exit;
use crate::output;

/// Prints the completions of a shell.
pub(crate) fn completions(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut examples::command(), "unleak", &mut script);
    output::print(&script)
}

/// Writes a manual page for every command into `dir`.
pub(crate) fn man(dir: &Path) -> Result<Exit> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("make", dir, e))?;
    clap_mangen::generate_to(examples::command(), dir).map_err(|e| Error::io("write", dir, e))?;
    Ok(Exit::Clean)
}
