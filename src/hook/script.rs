//! The script that is installed for each hook: `hooks/hook` with the values of two variables.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The script in the source code.
const TEMPLATE: &str = include_str!("../../hooks/hook");

/// The second line of every version of the script begins with this.
const MARK: &str = "# unleak hook, format ";

const PROGRAM_LINE: &str = "\nprogram=";
const MODE_LINE: &str = "\nmode=";

/// What an installed script does besides running the previous hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptMode {
    /// Scans, as a hook of one repository.
    Repository,
    /// Runs the repository's own hook, then scans.
    Global,
    /// Only runs the repository's own hook.
    Pass,
}

impl ScriptMode {
    fn name(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Global => "global",
            Self::Pass => "pass",
        }
    }
}

/// The settings in an installed script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The program that it runs; if it is missing, the one in `PATH`.
    pub program: PathBuf,
    /// Its mode.
    pub mode: ScriptMode,
}

impl Script {
    /// Returns the content of the file.
    pub fn render(&self) -> Vec<u8> {
        let (head, rest) = TEMPLATE
            .split_once(PROGRAM_LINE)
            .expect("the script has a line for the program");
        let tail = rest
            .split_once(MODE_LINE)
            .and_then(|(_, rest)| rest.split_once('\n'))
            .expect("the script has a line for the mode")
            .1;
        let mut bytes = head.as_bytes().to_vec();
        bytes.extend_from_slice(PROGRAM_LINE.as_bytes());
        bytes.extend(quote(self.program.as_os_str().as_encoded_bytes()));
        bytes.extend_from_slice(MODE_LINE.as_bytes());
        bytes.extend_from_slice(self.mode.name().as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(tail.as_bytes());
        bytes
    }

    /// Parses the script; `None` if the file is no script of unleak, of any version.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let second = bytes.split(|&byte| byte == b'\n').nth(1)?;
        if !second.starts_with(MARK.as_bytes()) {
            return None;
        }
        let program = after(bytes, PROGRAM_LINE).map(unquote).unwrap_or_default();
        let mode = after(bytes, MODE_LINE).map(|rest| rest.split(|&b| b == b'\n').next());
        let mode = match mode.flatten() {
            Some(b"global") => ScriptMode::Global,
            Some(b"pass") => ScriptMode::Pass,
            _ => ScriptMode::Repository,
        };
        Some(Self {
            program: path(program),
            mode,
        })
    }

    /// Reads the script at `file`; `None` if it is no script of unleak.
    ///
    /// # Errors
    /// `Io` if the file exists but cannot be read.
    pub fn read(file: &Path) -> Result<Option<Self>> {
        match std::fs::read(file) {
            Ok(bytes) => Ok(Self::parse(&bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            // A directory is no script.
            Err(_) if file.is_dir() => Ok(None),
            Err(e) => Err(Error::io("read", file, e)),
        }
    }
}

fn after<'b>(bytes: &'b [u8], line: &str) -> Option<&'b [u8]> {
    let at = memchr::memmem::find(bytes, line.as_bytes())?;
    bytes.get(at + line.len()..)
}

/// Quotes for the shell: in single quotes, only the single quote is special.
fn quote(bytes: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for &byte in bytes {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            _ => quoted.push(byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

fn unquote(mut rest: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let Some(inner) = rest.strip_prefix(b"'") {
        let end = memchr::memchr(b'\'', inner).unwrap_or(inner.len());
        plain.extend_from_slice(&inner[..end]);
        rest = inner.get(end + 1..).unwrap_or_default();
        if let Some(more) = rest.strip_prefix(b"\\'") {
            plain.push(b'\'');
            rest = more;
        }
    }
    plain
}

#[cfg(unix)]
fn path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path(bytes: Vec<u8>) -> PathBuf {
    OsString::from(String::from_utf8_lossy(&bytes).into_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_rendered_is_read_back() {
        for program in ["/usr/bin/unleak", "/it's/a \"path\"\nwith $x `y` \\", "''"] {
            for mode in [ScriptMode::Repository, ScriptMode::Global, ScriptMode::Pass] {
                let script = Script {
                    program: program.into(),
                    mode,
                };
                assert_eq!(Script::parse(&script.render()), Some(script));
            }
        }
    }

    #[test]
    fn the_template_is_marked_and_others_are_not_ours() {
        assert!(Script::parse(TEMPLATE.as_bytes()).is_some());
        assert_eq!(Script::parse(b"#!/bin/sh\nexit 0\n"), None);
        assert_eq!(Script::parse(b""), None);
    }
}
