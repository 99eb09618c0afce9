//! Files whose names say that all that they hold is a secret: `master.key`, `.vault_pass`,
//! `secrets/db`. The scan finds every file that is one value ([`crate::detect`]); here the paths decide
//! which of them is reported, and how sure that is.

use gix::bstr::ByteSlice;

use crate::detect::Detector;
use crate::detect::features::{is_password, means_secret};
use crate::detect::score::{Reason, Reasons};
use crate::finding::{Finding, Place};
use crate::rule::Confidence;

/// What the name of a file says about a value that is all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileNameKind {
    /// Rails: 32 hexadecimal digits.
    RailsKey,
    /// A password, which people may have chosen.
    Password,
    /// A token or key, which a program made.
    Key,
    /// It is one of a directory of secrets, such as Kubernetes and Docker mount.
    InSecrets,
}

/// Extensions of files that can be a bare value. Other files have a format of their own.
const EXTENSIONS: [&str; 30] = [
    "b64",
    "base64",
    "cookie",
    "cred",
    "creds",
    "credentials",
    "dat",
    "dev",
    "development",
    "hex",
    "key",
    "local",
    "old",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "pem",
    "prod",
    "production",
    "psk",
    "pw",
    "pwd",
    "secret",
    "secrets",
    "staging",
    "test",
    "token",
    "txt",
    "bak",
];

/// Extensions that mean a key.
const KEY_EXTENSIONS: [&str; 5] = ["cookie", "key", "pem", "psk", "token"];

/// Names of files with a user and a password.
const LOGIN_FILES: [&str; 4] = ["account", "auth", "chap-secret", "userpass"];

/// Directories of which every file is a secret.
const DIRECTORIES: [&str; 6] = [
    "credentials",
    "creds",
    "secret",
    "secrets",
    "serviceaccount",
    "vault-secrets",
];

/// Names of private keys of OpenSSH.
const KEY_FILES: [&str; 5] = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "identity"];

/// Words of names of files that show how a secret looks, or hold what anybody may see.
const OPEN_WORDS: [&str; 34] = [
    "example",
    "examples",
    "sample",
    "template",
    "tmpl",
    "dist",
    "pub",
    "public",
    "user",
    "username",
    "login",
    "host",
    "hostname",
    "port",
    "name",
    "namespace",
    "region",
    "bucket",
    "database",
    "db-name",
    "endpoint",
    "email",
    "url",
    "uri",
    "id",
    "type",
    "version",
    "sha",
    "sha1",
    "sha256",
    "md5",
    "checksum",
    "hash",
    "readme",
];

/// Takes the findings out that need a path and have none that means a secret; says of the others how
/// sure they are.
pub(super) fn keep(findings: &mut Vec<Finding>, detector: &Detector) {
    findings.retain_mut(|finding| {
        let rule = detector.rules().get(&finding.rule_id);
        if rule.is_none_or(|rule| !rule.needs_path()) {
            return true;
        }
        let history = finding.history.iter().flat_map(|history| &history.paths);
        let in_worktree = finding.occurrences.iter();
        let is_file = |place| matches!(place, Place::Worktree | Place::GitDir);
        let in_worktree = in_worktree.filter(|found| is_file(found.spot.place));
        let paths = history.chain(in_worktree.map(|found| &found.name));
        let (most, reasons) = (finding.confidence, finding.reasons);
        let judged = paths.filter_map(|path| confidence(named(path)?, most, reasons));
        let Some(confidence) = judged.max() else {
            return false;
        };
        finding.confidence = confidence;
        finding.reasons.add(Reason::NamedFile);
        true
    });
}

/// How sure a value is in a file so named, if it is worth telling at all; `most` is what its bytes
/// alone could be.
fn confidence(named: FileNameKind, most: Confidence, reasons: Reasons) -> Option<Confidence> {
    let is_random = reasons.contains(Reason::RandomValue);
    let is_mixed = reasons.contains(Reason::MixedCharacters);
    match named {
        FileNameKind::RailsKey if most == Confidence::High => Some(Confidence::High),
        _ if is_random => Some(Confidence::Medium),
        FileNameKind::Password | FileNameKind::InSecrets if is_mixed => Some(Confidence::Medium),
        FileNameKind::InSecrets => None,
        _ => Some(Confidence::Low),
    }
}

fn named(path: &[u8]) -> Option<FileNameKind> {
    let path = path.to_str_lossy().replace('\\', "/");
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    let is_key_file = KEY_FILES.contains(&lower.as_str());
    if !is_key_file && words.any(|word| OPEN_WORDS.contains(&word)) {
        return None;
    }
    let (stem, extension) = match name.trim_start_matches('.').rsplit_once('.') {
        Some((stem, extension)) => (stem, extension.to_ascii_lowercase()),
        None => (name.trim_start_matches('.'), String::new()),
    };
    if !extension.is_empty() && !EXTENSIONS.contains(&extension.as_str()) {
        return None;
    }
    let parent = dirs.rsplit('/').next().unwrap_or(dirs).to_ascii_lowercase();
    // `vault_password_file`, `api-tokens`
    let what = stem.trim_end_matches("file").trim_end_matches("FILE");
    let what = what.trim_end_matches(['_', '-', '.']);
    let is_plural = what.ends_with('s') && !what.ends_with("ss");
    let what = &what[..what.len() - usize::from(is_plural)];
    let is_key = KEY_EXTENSIONS.contains(&extension.as_str()) || is_key_file || ends_in_key(stem);
    if lower == "master.key" || (extension == "key" && parent == "credentials") {
        Some(FileNameKind::RailsKey)
    } else if (is_password(what.as_bytes()) && means_secret(what.as_bytes()))
        || is_password(extension.as_bytes())
        || LOGIN_FILES.contains(&what.to_ascii_lowercase().as_str())
        || matches!(&*extension, "secret" | "secrets")
    {
        Some(FileNameKind::Password)
    } else if is_key || means_secret(what.as_bytes()) {
        Some(FileNameKind::Key)
    } else {
        let is_plain = extension.is_empty() || extension == "txt";
        let mut dirs = dirs.split('/').map(str::to_ascii_lowercase);
        let is_inside = dirs.any(|dir| DIRECTORIES.contains(&dir.as_str()));
        (is_plain && is_inside && !lower.contains("readme")).then_some(FileNameKind::InSecrets)
    }
}

/// `key`, `aes_key`, `signing-key`.
fn ends_in_key(stem: &str) -> bool {
    let last = stem.rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
    last.is_some_and(|last| last.eq_ignore_ascii_case("key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_people_expect() {
        use FileNameKind::{InSecrets, Key, Password, RailsKey};
        for (path, expected) in [
            ("config/master.key", Some(RailsKey)),
            ("config/credentials/production.key", Some(RailsKey)),
            (".vault_pass", Some(Password)),
            ("ansible/.vault-password.txt", Some(Password)),
            ("vault_password_file", Some(Password)),
            ("db_password.txt", Some(Password)),
            (".htpasswd", Some(Password)),
            (".pgpass", Some(Password)),
            ("passwords.txt", Some(Password)),
            ("vpn/auth.txt", Some(Password)),
            ("etc/rsyncd.secrets", Some(Password)),
            ("secret_token.txt", Some(Key)),
            ("token.txt", Some(Key)),
            ("API_KEY", Some(Key)),
            ("etc/tls/server.pem", Some(Key)),
            (".ssh/id_rsa", Some(Key)),
            ("home/.erlang.cookie", Some(Key)),
            ("wireguard/privatekey", Some(Key)),
            ("deploy/secrets/db", Some(InSecrets)),
            (
                "var/run/secrets/kubernetes.io/serviceaccount/token",
                Some(Key),
            ),
            ("secrets/username", None),
            ("token.txt.example", None),
            ("id_rsa.pub", None),
            ("token_id", None),
            ("src/password.py", None),
            ("secrets/README.md", None),
            ("VERSION", None),
            ("compass", None),
            ("src/key.rs", None),
            ("credentials.yml.enc", None),
        ] {
            assert_eq!(named(path.as_bytes()), expected, "{path}");
        }
    }
}
