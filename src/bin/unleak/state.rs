//! What earlier scans came to: a repository that is as it was is not read again, and findings keep
//! the day on which they were first told. One file for each repository; it holds a redacted report, so
//! no secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unleak::audit::AuditOptions;
use unleak::error::{Error, Result};
use unleak::git::repository::Repository;
use unleak::git::stamp::Stamp;
use unleak::memory;
use unleak::memory::learn::{Learned, LedgerChange, Memory};
use unleak::odb::file;
use unleak::report::Document;
use unleak::report::escape::escape;
use unleak::rule::RuleSet;
use unleak::suppress::Suppressions;
use unleak::unpack;

use crate::args::StateCommand;
use crate::exit::Exit;
use crate::options::StateOptions;
use crate::{output, ui};

/// Ending of the files that hold reports.
const ENDING: &str = "state.json";

/// Ending of the files that hold what is known of objects.
const LEDGER: &str = "ledger";
/// The answers of issuers that are kept, and the key of their digests.
pub(crate) const ANSWER_FILES: [&str; 2] = ["answers.json", "answers.key"];

/// The state of one repository.
pub(crate) struct ScanState {
    file: PathBuf,
    repository: PathBuf,
    /// Digest of all that the report depends on, but for the repository.
    how: String,
    stamp: Stamp,
    first_seen: BTreeMap<String, String>,
    /// Whether a file was there that cannot be what was written.
    is_doubtful: bool,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct StateFile {
    repository: PathBuf,
    /// When it was scanned.
    scanned: String,
    how: String,
    stamp: String,
    first_seen: BTreeMap<String, String>,
    document: Document,
}

/// What stands before and behind the digest of the rest of the file.
const SEAL: (&[u8], &[u8]) = (b"{\"digest\":\"", b"\",\"kept\":");

/// The bytes of the file, with a digest of all that counts.
///
/// # Errors
/// `Internal` if it has no form.
fn sealed(kept: &StateFile) -> Result<Vec<u8>> {
    let text = serde_json::to_vec(kept);
    let text = text.map_err(|e| Error::internal("a state has no form").because(e))?;
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&text));
    Ok([SEAL.0, digest.as_bytes(), SEAL.1, &text, b"}"].concat())
}

/// Reads what is kept; nothing if there is none.
///
/// # Errors
/// Why it is not what was written.
fn read(path: &Path) -> std::result::Result<Option<StateFile>, &'static str> {
    // A pipe in its place must not make the scan wait, nor a device fill the memory.
    let bytes = match file::read_whole(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err("it cannot be read"),
    };
    let text = || {
        let rest = bytes.strip_prefix(SEAL.0)?;
        let (digest, rest) = rest.split_at_checked(2 * 32)?;
        let text = rest.strip_prefix(SEAL.1)?.strip_suffix(b"}")?;
        let actual = data_encoding::HEXLOWER.encode(&Sha256::digest(text));
        (actual.as_bytes() == digest).then_some(text)
    };
    let text = text().ok_or("it is damaged, or of another version")?;
    let kept = serde_json::from_slice(text);
    kept.map(Some).map_err(|_| "it is of another version")
}

/// What a report depends on besides the repository.
pub(crate) struct How<'a> {
    /// The digest of its rules.
    pub(crate) rules: &'a str,
    pub(crate) audit: &'a AuditOptions,
    pub(crate) unpack: &'a unpack::Limits,
    /// All else.
    pub(crate) more: String,
}

impl ScanState {
    /// Opens the state of a repository in `dir`, and returns the report if nothing has changed;
    /// nothing if the repository cannot be looked at.
    fn open(dir: &Path, repo: &Repository, how: &How<'_>) -> Option<(Self, Option<Document>)> {
        let place = std::fs::canonicalize(repo.git_dir()).ok()?;
        let stamp = stamp(repo)?;
        let name = Sha256::digest(place.as_os_str().as_encoded_bytes());
        let name = &data_encoding::HEXLOWER.encode(&name)[..32];
        let mut state = Self {
            file: dir.join(format!("{name}.{ENDING}")),
            repository: place,
            how: digest_of(how),
            stamp,
            first_seen: BTreeMap::new(),
            is_doubtful: false,
        };
        let kept = match read(&state.file) {
            Ok(Some(kept)) => kept,
            Ok(None) => return Some((state, None)),
            Err(why) => {
                let file = state.file.display();
                ui::warn(&format!(
                    "the state '{file}' is not used: {why}; everything is scanned again"
                ));
                state.is_doubtful = true;
                return Some((state, None));
            }
        };
        state.first_seen = kept.first_seen;
        let is_same = kept.how == state.how && kept.stamp == state.stamp_text();
        Some((state, is_same.then_some(kept.document)))
    }

    fn stamp_text(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.stamp.digest)
    }

    /// Adds to each finding the day on which it was first told, and keeps the report if the
    /// repository did not change while it was read.
    ///
    /// # Errors
    /// `Io` if the file cannot be written.
    pub(crate) fn keep(
        self,
        repo: &Repository,
        document: &mut Document,
        learned: &Learned,
    ) -> Result<()> {
        let now = Timestamp::now();
        let today = now.strftime("%Y-%m-%d").to_string();
        let mut first_seen = self.first_seen.clone();
        for finding in &mut document.findings {
            let id = finding.fingerprint.clone();
            let first = first_seen.entry(id).or_insert_with(|| today.clone());
            finding.first_seen = Some(first.clone());
        }
        let is_same = stamp(repo).is_some_and(|after| after.digest == self.stamp.digest);
        // A report that is not to be used again is kept for its days, under a stamp of nothing.
        // What is missing stays missing as long as no file comes; what could not be read may be readable
        // the next time.
        let mut skipped = document.coverage.skipped.iter();
        let is_lasting =
            skipped.all(|skipped| matches!(skipped.reason.as_str(), "missing" | "promised"));
        let is_final = is_same && self.stamp.is_settled && is_lasting;
        let kept = StateFile {
            stamp: if is_final {
                self.stamp_text()
            } else {
                String::new()
            },
            repository: self.repository.clone(),
            scanned: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            how: self.how.clone(),
            first_seen,
            document: document.clone(),
        };
        let dir = self.file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir).map_err(|e| Error::io("make", dir, e))?;
        let bytes = sealed(&kept)?;
        write(&self.file, &bytes)?;
        self.keep_learned(learned)
    }

    /// Keeps what was learned of objects alone: a part was scanned.
    ///
    /// # Errors
    /// `Io` if the file cannot be written.
    pub(crate) fn keep_learned(&self, learned: &Learned) -> Result<()> {
        let path = ledger_of(&self.file);
        let dir = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir).map_err(|e| Error::io("make", dir, e))?;
        match &learned.ledger {
            LedgerChange::New(ledger) => write(&path, &memory::file::write(ledger)),
            LedgerChange::AsItWas => Ok(()),
            LedgerChange::Nothing => output::remove_file(&path),
        }
    }

    /// Where the ledger is kept, if there is one.
    pub(crate) fn ledger(&self) -> PathBuf {
        ledger_of(&self.file)
    }
}

/// What a scan can go on from, as long as there is nothing.
pub(crate) fn memory(audit: &AuditOptions, unpack: &unpack::Limits) -> Memory {
    let allow = audit.scan.inline_allow;
    let scanner = format!("{allow:?} {:?} {unpack:?}", audit.limits);
    let choice = format!("{:?} {:?}", audit.min_confidence, audit.public_keys);
    let build = env!("UNLEAK_BUILD").as_bytes();
    Memory {
        scanner: memory::digest(&[build, scanner.as_bytes(), &audit.fingerprint_key]),
        choice: memory::digest(&[choice.as_bytes()]),
        ..Memory::default()
    }
}

/// Writes what is kept. A pipe in its place would make the scan wait for a reader, and a device would take
/// everything: neither is written to.
///
/// # Errors
/// `Io` if the file cannot be written.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::metadata(path).is_ok_and(|file| !file.is_file()) {
        let why = std::io::Error::other("it is no plain file");
        return Err(Error::io("write", path, why));
    }
    // Paths and names are nobody else's business.
    output::write_file(path, bytes, false)
}

/// The ledger beside a report.
fn ledger_of(file: &Path) -> PathBuf {
    file.with_extension("").with_extension(LEDGER)
}

/// What else a report depends on.
pub(crate) fn more(
    subject: &str,
    remote: Option<&[u8]>,
    suppressions: &Suppressions,
    no_ignore: bool,
    filter: &dyn std::fmt::Debug,
) -> String {
    let patterns = &suppressions.patterns;
    // Suppressions expire.
    let today = Timestamp::now().strftime("%Y-%m-%d");
    format!("{subject:?} {remote:?} {patterns:?} {no_ignore} {filter:?} {today}")
}

/// What is kept of a repository.
#[derive(Default)]
pub(crate) struct OpenedState {
    /// Where new things are kept.
    pub(crate) state: Option<ScanState>,
    /// The report, if nothing has changed.
    pub(crate) kept: Option<Document>,
    /// What a scan can go on from, if something has.
    pub(crate) memory: Option<Memory>,
}

/// Opens the state of a repository, if a state is asked for.
///
/// # Errors
/// As [`directory`].
pub(crate) fn open(
    options: &StateOptions,
    repo: &Repository,
    how: &How<'_>,
) -> Result<OpenedState> {
    if !options.is_on() {
        return Ok(OpenedState::default());
    }
    let dir = directory(options.state_dir.as_deref())?;
    let Some((state, kept)) = ScanState::open(&dir, repo, how) else {
        ui::warn(
            "no state is kept: what the repository consists of cannot be told (a link, or a file that cannot be read)",
        );
        return Ok(OpenedState::default());
    };
    let path = state.ledger();
    let before = match memory::file::read(&path) {
        // Whatever damaged the one may have damaged the other.
        _ if state.is_doubtful => None,
        None if path.exists() => {
            let path = path.display();
            ui::warn(&format!(
                "'{path}' is not used: it is damaged, or of another version; all objects are read again"
            ));
            None
        }
        before => before,
    };
    let memory = kept.is_none().then(|| Memory {
        before,
        ..memory(how.audit, how.unpack)
    });
    Ok(OpenedState {
        state: Some(state),
        kept,
        memory,
    })
}

/// What all that a scan reads of a repository is like; `None` if that cannot be told.
fn stamp(repo: &Repository) -> Option<Stamp> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let mut roots = vec![real(repo.git_dir())?, real(repo.common_dir())?];
    if let Some(root) = repo.git().workdir() {
        let root = real(root)?;
        roots.push(root.join(unleak::config::FILE));
        roots.push(root.join(".unleak"));
    }
    let objects = repo.object_dirs().ok()?;
    let objects: Option<Vec<PathBuf>> = objects.iter().map(|dir| real(dir)).collect();
    Stamp::of(&roots, &objects?).ok()
}

/// The digest of rules. It takes a millisecond or two: many repositories share it.
///
/// # Errors
/// `Internal` if they have no form.
pub(crate) fn digest_of_rules(rules: &RuleSet) -> Result<String> {
    let text = serde_json::to_vec(rules);
    let text = text.map_err(|e| Error::internal("rules have no form").because(e))?;
    Ok(data_encoding::HEXLOWER.encode(&Sha256::digest(text)))
}

fn digest_of(how: &How<'_>) -> String {
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    };
    // Another build of the same version may find other things.
    add(env!("UNLEAK_BUILD").as_bytes());
    add(how.rules.as_bytes());
    add(format!("{:?} {:?}", how.audit, how.unpack).as_bytes());
    add(how.more.as_bytes());
    data_encoding::HEXLOWER.encode(&digest.finalize())
}

/// The directory: the one that is named, or where such files are kept.
///
/// # Errors
/// `Usage` if there is no such place.
pub(crate) fn directory(named: Option<&Path>) -> Result<PathBuf> {
    let variable = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    if let Some(dir) = named {
        return Ok(dir.to_owned());
    }
    let cache = variable("XDG_CACHE_HOME");
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache")));
    cache.map(|cache| cache.join("unleak")).ok_or_else(|| {
        Error::usage("there is no directory for the state").hint("name one: '--state-dir DIR'")
    })
}

/// Runs `unleak state`.
pub(crate) fn run(command: &StateCommand) -> Result<Exit> {
    match command {
        StateCommand::Show { state_dir } => show(&directory(state_dir.as_deref())?),
        StateCommand::Clear { state_dir } => clear(&directory(state_dir.as_deref())?),
        StateCommand::Merge { from, state_dir } => merge(from, &directory(state_dir.as_deref())?),
    }
}

fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    files_ending(dir, ENDING)
}

fn files_ending(dir: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let listed = match std::fs::read_dir(dir) {
        Ok(listed) => listed,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("read", dir, e)),
    };
    let mut files = Vec::new();
    for entry in listed {
        let path = entry.map_err(|e| Error::io("read", dir, e))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.ends_with(&format!(".{ending}"))) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn show(dir: &Path) -> Result<Exit> {
    let mut text = String::new();
    for file in files(dir)? {
        let size = std::fs::metadata(&file).map_or(0, |found| found.len());
        // Writing to a string cannot fail.
        let _ = match read(&file) {
            Ok(None) => Ok(()),
            Ok(Some(kept)) => writeln!(
                text,
                "{}: scanned {}, {} findings, {} bytes{}",
                escape(kept.repository.as_os_str().as_encoded_bytes()),
                escape(kept.scanned.as_bytes()),
                kept.document.findings.len(),
                size,
                if kept.stamp.is_empty() {
                    ", to be read again"
                } else {
                    ""
                }
            ),
            Err(why) => writeln!(text, "{}: {why}", file.display()),
        };
    }
    // Scans of parts keep no report.
    for path in files_ending(dir, LEDGER)? {
        let report = path.with_extension(ENDING);
        if !report.exists()
            && let Some(ledger) = memory::file::read(&path)
        {
            let count = ledger.ids.len();
            let _ = writeln!(text, "{}: {count} objects of a part", path.display());
        }
    }
    if text.is_empty() {
        let _ = writeln!(text, "'{}' holds no state", dir.display());
    }
    output::print(text.as_bytes())
}

/// Adds what is kept in the directories `from` to what is kept in `into`.
fn merge(from: &[PathBuf], into: &Path) -> Result<Exit> {
    std::fs::create_dir_all(into).map_err(|e| Error::io("make", into, e))?;
    let (mut merged, mut left_out) = (0, 0);
    for dir in from {
        if !dir.is_dir() {
            return Err(Error::usage(format!("'{}' is no directory", dir.display())));
        }
        for ours in files_ending(dir, ENDING)? {
            let theirs = into.join(ours.file_name().unwrap_or_default());
            merge_reports(&ours, &theirs)?;
        }
        for ours in files_ending(dir, LEDGER)? {
            let theirs = into.join(ours.file_name().unwrap_or_default());
            if merge_ledgers(&ours, &theirs)? {
                merged += 1;
            } else {
                left_out += 1;
                ui::warn(&format!(
                    "'{}' is left out: another version of unleak, other rules or other options made it",
                    ours.display()
                ));
            }
        }
    }
    output::print(format!("{merged} merged, {left_out} left out\n").as_bytes())?;
    Ok(match left_out {
        0 => Exit::Clean,
        _ => Exit::Incomplete,
    })
}

/// Of two reports the later one stays; of two days the earlier one.
fn merge_reports(from: &Path, into: &Path) -> Result<()> {
    let told = |path: &Path| {
        read(path).unwrap_or_else(|why| {
            ui::warn(&format!("'{}' is left out: {why}", path.display()));
            None
        })
    };
    let (Some(ours), theirs) = (told(from), told(into)) else {
        return Ok(());
    };
    let kept = match theirs {
        None => ours,
        Some(theirs) => {
            let (mut later, earlier) = match ours.scanned > theirs.scanned {
                true => (ours, theirs),
                false => (theirs, ours),
            };
            for (id, day) in earlier.first_seen {
                let first = later.first_seen.entry(id).or_insert_with(|| day.clone());
                *first = day.min(first.clone());
            }
            later
        }
    };
    output::write_file(into, &sealed(&kept)?, false)
}

/// Puts two ledgers together; returns whether they fit.
fn merge_ledgers(from: &Path, into: &Path) -> Result<bool> {
    let Some(ours) = memory::file::read(from) else {
        return Ok(false);
    };
    let merged = match memory::file::read(into) {
        None => Some(ours),
        Some(theirs) => theirs.merged(ours),
    };
    let Some(merged) = merged else {
        return Ok(false);
    };
    output::write_file(into, &memory::file::write(&merged), false)?;
    Ok(true)
}

fn clear(dir: &Path) -> Result<Exit> {
    let (reports, ledgers) = (files(dir)?, files_ending(dir, LEDGER)?);
    let stems = reports.iter().map(|path| ledger_of(path));
    let stems: BTreeSet<PathBuf> = stems.chain(ledgers.iter().cloned()).collect();
    for file in reports.iter().chain(&ledgers) {
        output::remove_file(file)?;
    }
    for name in ANSWER_FILES {
        output::remove_file(&dir.join(name))?;
    }
    output::print(format!("{} repositories are forgotten\n", stems.len()).as_bytes())
}
