//! Values that the user names: in files, in the environment, in credential files. They go nowhere but
//! into the search.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unleak::audit::AuditOptions;
use unleak::audit::files::files;
use unleak::detect::Detector;
use unleak::detect::known::{self, KnownValue};
use unleak::error::{Error, Result};
use unleak::rule::RuleSet;
use unleak::secret::Secret;
use unleak::values::{self, ListedValue};

use crate::options::CommonOptions;
use crate::options::KnownOptions;
use crate::ui;

/// Files of the user's home that hold credentials.
const CREDENTIAL_FILES: [&str; 14] = [
    ".aws/credentials",
    ".cargo/credentials.toml",
    ".config/gh/hosts.yml",
    ".config/glab-cli/config.yml",
    ".config/hub",
    ".docker/config.json",
    ".git-credentials",
    ".kube/config",
    ".netrc",
    ".npmrc",
    ".pgpass",
    ".pypirc",
    ".ssh/id_ed25519",
    ".ssh/id_rsa",
];

/// Parts of names of environment variables that hold secrets.
const SECRET_NAMES: [&str; 6] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "KEY"];

/// All values that the arguments name, each once.
///
/// # Errors
/// `Io` if a file cannot be read, `Usage` if it names no value.
pub(crate) fn values(
    args: &CommonOptions,
    options: &KnownOptions,
    rules: &RuleSet,
    audit: &AuditOptions,
) -> Result<Vec<KnownValue>> {
    let mut secrets: Vec<Arc<Secret>> = Vec::new();
    for path in &options.known {
        let listed = of_file(args, path)?.into_iter();
        secrets.extend(listed.map(|value| Arc::new(value.secret)));
    }
    if options.known_env {
        secrets.extend(of_environment().into_iter().map(Arc::new));
    }
    if options.known_credentials {
        secrets.extend(of_credential_files(rules, audit)?);
    }
    secrets.sort_unstable();
    secrets.dedup();
    secrets.into_iter().map(KnownValue::new).collect()
}

/// The values of a list, which are counted on standard error; '-' is standard input.
///
/// # Errors
/// `Io` if it cannot be read, `Usage` if it names none or a line cannot be read.
pub(crate) fn of_file(args: &CommonOptions, path: &Path) -> Result<Vec<ListedValue>> {
    let name = match path == Path::new("-") {
        true => "standard input".into(),
        false => path.to_string_lossy(),
    };
    let list = values::parse(&read(path)?, &name)?;
    if list.left_out > 0 {
        let lines = list.left_out_lines.iter().take(5).map(ToString::to_string);
        let lines = match list.left_out_lines.len() {
            0 => String::new(),
            1..=5 => format!(" (lines {})", lines.collect::<Vec<_>>().join(", ")),
            _ => format!(" (lines {}, ...)", lines.collect::<Vec<_>>().join(", ")),
        };
        ui::warn(&format!(
            "{} values in '{name}' are too short or too common to be searched for{lines}",
            list.left_out,
        ));
    }
    let named = match list.named {
        0 => String::new(),
        1 => "; 1 line was read as NAME=VALUE".to_owned(),
        count => format!("; {count} lines were read as NAME=VALUE"),
    };
    ui::note(args, &format!("'{name}': {}{named}", list.shape()));
    Ok(list.values)
}

/// Reads a file; '-' is standard input.
///
/// # Errors
/// `Io` if it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut text = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut text);
        read.map_err(|e| Error::io("read", "standard input".as_ref(), e))?;
        return Ok(text);
    }
    std::fs::read(path).map_err(|e| Error::io("read", path, e))
}

fn of_environment() -> Vec<Secret> {
    let is_secret = |name: &str| {
        let name = name.to_ascii_uppercase();
        SECRET_NAMES.iter().any(|part| name.contains(part))
    };
    let variables = std::env::vars_os();
    let named = variables.filter(|(name, _)| name.to_str().is_some_and(is_secret));
    let values = named.map(|(_, value)| value.into_encoded_bytes());
    // Paths of key files are no keys.
    let values =
        values.filter(|value| value.len() >= known::MIN_NAMED_LEN && !value.starts_with(b"/"));
    let values = values.filter(|value| value.len() <= known::MAX_LEN);
    values.map(|value| Secret::new(&value)).collect()
}

/// What the rules find in the user's credential files.
fn of_credential_files(rules: &RuleSet, audit: &AuditOptions) -> Result<Vec<Arc<Secret>>> {
    let Some(home) = std::env::var_os("HOME").map(PathBuf::from) else {
        return Err(Error::usage(
            "HOME is not set: there are no credential files to read",
        ));
    };
    let paths = CREDENTIAL_FILES.iter().map(|file| home.join(file));
    let paths: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    if paths.is_empty() {
        ui::warn("no credential files were found");
        return Ok(Vec::new());
    }
    let detector = Detector::compile(rules.clone())?;
    let found = files(&paths, &[], &detector, audit)?.findings.into_iter();
    let fits =
        |secret: &Arc<Secret>| (known::MIN_LEN..=known::MAX_LEN).contains(&secret.reveal().len());
    Ok(found.map(|finding| finding.secret).filter(fits).collect())
}
