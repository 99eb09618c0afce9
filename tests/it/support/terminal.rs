//! The binary on a pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Runs the binary in `dir` on a terminal and types `answer`; returns its status and what it prints.
pub(crate) fn on_terminal(
    dir: &Path,
    args: &[&str],
    env: &[(&str, &str)],
    answer: &str,
) -> (i32, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let open = || {
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        rustix::fs::open(&name, flags, rustix::fs::Mode::empty()).unwrap()
    };
    let mut child = Command::new(env!("CARGO_BIN_EXE_unleak"))
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(env.iter().copied())
        .stdin(Stdio::from(open()))
        .stdout(Stdio::from(open()))
        .stderr(Stdio::from(open()))
        .spawn()
        .unwrap();
    let mut terminal = File::from(terminal);
    terminal.write_all(answer.as_bytes()).unwrap();
    let (mut said, mut part) = (Vec::new(), [0; 4096]);
    // When nobody has the other side open any more, reading fails.
    while let Ok(len @ 1..) = terminal.read(&mut part) {
        said.extend_from_slice(&part[..len]);
    }
    let said = String::from_utf8_lossy(&said).into_owned();
    (child.wait().unwrap().code().unwrap(), said)
}
