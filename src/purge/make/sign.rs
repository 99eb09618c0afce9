//! Signs new commits and tags as git would: with the program and the key that its settings name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::odb::hash;
use crate::purge::git::Git;

/// How signatures are made.
enum Format {
    /// `gpg` or a program with its options; also `gpgsm`.
    OpenPgp,
    /// `ssh-keygen`.
    Ssh,
}

/// Signs with one key.
pub struct Signer {
    format: Format,
    program: String,
    key: String,
    /// A signature holds its time: what was signed once is not signed again.
    known: RefCell<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Signer {
    /// Reads which program and key git would use.
    ///
    /// # Errors
    /// `Config` if no key is set.
    pub fn configured(git: &Git) -> Result<Self> {
        let setting = |name: &str| {
            let value = git.run(&["config", "--get", name], b"").ok()?;
            let value = String::from_utf8_lossy(&value).trim().to_owned();
            (!value.is_empty()).then_some(value)
        };
        let (format, program, usual) = match setting("gpg.format").as_deref() {
            Some("ssh") => (Format::Ssh, "gpg.ssh.program", "ssh-keygen"),
            Some("x509") => (Format::OpenPgp, "gpg.x509.program", "gpgsm"),
            _ => (Format::OpenPgp, "gpg.program", "gpg"),
        };
        let key = setting("user.signingKey").ok_or_else(|| {
            Error::config("no key to sign with is set")
                .hint("'git config user.signingKey KEY' names one, as for 'git commit -S'")
        })?;
        Ok(Self {
            format,
            program: setting(program).unwrap_or_else(|| usual.to_owned()),
            key,
            known: RefCell::default(),
        })
    }

    /// Returns the signature of `payload`, armored, with a line end.
    ///
    /// # Errors
    /// `Io` if the program cannot be run or fails, with what it says.
    pub(crate) fn sign(&self, payload: &[u8]) -> Result<Vec<u8>> {
        let digest = hash::digest(payload, gix::hash::Kind::Sha256);
        if let Some(known) = self.known.borrow().get(&digest) {
            return Ok(known.clone());
        }
        let signature = match self.format {
            Format::OpenPgp => self.run(&["--status-fd=2", "-bsau", &self.key], payload)?,
            Format::Ssh => self.ssh(payload)?,
        };
        self.known.borrow_mut().insert(digest, signature.clone());
        Ok(signature)
    }

    fn ssh(&self, payload: &[u8]) -> Result<Vec<u8>> {
        let literal = self.key.strip_prefix("key::").unwrap_or(&self.key);
        let is_literal = literal.len() < self.key.len() || literal.starts_with("ssh-");
        if !is_literal {
            let file = match (literal.strip_prefix("~/"), std::env::var_os("HOME")) {
                (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
                _ => PathBuf::from(literal),
            };
            let file = file.to_string_lossy().into_owned();
            return self.run(&["-Y", "sign", "-n", "git", "-f", &file], payload);
        }
        let file = tempfile::NamedTempFile::new();
        let file = file.and_then(|mut file| file.write_all(literal.as_bytes()).map(|()| file));
        let file = file.map_err(|e| Error::io("write", &std::env::temp_dir(), e))?;
        let path = file.path().to_string_lossy().into_owned();
        self.run(&["-Y", "sign", "-n", "git", "-f", &path, "-U"], payload)
    }

    fn run(&self, args: &[&str], payload: &[u8]) -> Result<Vec<u8>> {
        let failed = |e| Error::io("run", self.program.as_ref(), e);
        let mut child = Command::new(&self.program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            // A program that ends early says why.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(payload)));
            child.wait_with_output()
        });
        let output = output.map_err(failed)?;
        if output.status.success() && output.stdout.starts_with(b"-----BEGIN") {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::config(format!("'{}' does not sign", self.program))
            .because(said)
            .hint("see that 'git commit -S' works, or leave out '--resign'"))
    }
}
