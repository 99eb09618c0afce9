//! The one script that is installed under each hook's name: `hooks/hook`, with two lines filled in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The script as it stands in the sources.
const TEMPLATE: &str = include_str!("../../hooks/hook");

/// The second line of every version of the script begins with this.
const MARK: &str = "# unleak hook, format ";

const PROGRAM_LINE: &str = "\nprogram=";
const MODE_LINE: &str = "\nmode=";

/// What an installed script does besides running what stood there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Scans, as the hook of one repository.
    Repository,
    /// Runs the repository's own hook, then scans.
    Global,
    /// Runs the repository's own hook.
    Pass,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Global => "global",
            Self::Pass => "pass",
        }
    }
}

/// What an installed script says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The unleak that it runs; if that is gone, the one in `PATH`.
    pub program: PathBuf,
    /// What it does.
    pub mode: Mode,
}

impl Script {
    /// Returns the bytes of the file.
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

    /// Reads the script back; `None` if the file is not one of ours, of any version.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let second = bytes.split(|&byte| byte == b'\n').nth(1)?;
        if !second.starts_with(MARK.as_bytes()) {
            return None;
        }
        let program = after(bytes, PROGRAM_LINE).map(unquote).unwrap_or_default();
        let mode = after(bytes, MODE_LINE).map(|rest| rest.split(|&b| b == b'\n').next());
        let mode = match mode.flatten() {
            Some(b"global") => Mode::Global,
            Some(b"pass") => Mode::Pass,
            _ => Mode::Repository,
        };
        Some(Self {
            program: path(program),
            mode,
        })
    }

    /// Reads the script that stands at `file`; `None` if there is none of ours.
    ///
    /// # Errors
    /// `Io` if something stands there that cannot be read.
    pub fn read(file: &Path) -> Result<Option<Self>> {
        match std::fs::read(file) {
            Ok(bytes) => Ok(Self::parse(&bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            // A directory is certainly no script.
            Err(_) if file.is_dir() => Ok(None),
            Err(e) => Err(Error::io("read", file, e)),
        }
    }
}

fn after<'b>(bytes: &'b [u8], line: &str) -> Option<&'b [u8]> {
    let at = memchr::memmem::find(bytes, line.as_bytes())?;
    bytes.get(at + line.len()..)
}

/// Quotes for the shell: in single quotes everything but a single quote stands for itself.
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
            for mode in [Mode::Repository, Mode::Global, Mode::Pass] {
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
