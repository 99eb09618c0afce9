//! Reads and writes the suppressions in the directory `.unleak` of a worktree, or reads them from
//! HEAD of a bare repository.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;

use super::Suppressions;
use super::entry::{Details, FingerprintDigest, FingerprintKey, SuppressionEntry};
use crate::error::{Error, Result};
use crate::finding::Fingerprint;
use crate::git::repository::Repository;
use crate::paths::PathPattern;

/// The directory.
const DIR: &str = ".unleak";
/// Maximum size of the file of a suppression or key, and of a baseline.
const MAX_FILE: u64 = 64 << 10;
const MAX_BASELINE: u64 = 64 << 20;
/// Maximum number of files in one directory.
const MAX_FILES: usize = 100_000;
/// Length of a key in bytes.
const KEY_LEN: usize = 32;
/// The first line of a baseline.
const HEAD: &str = "# Findings that are known: written by 'unleak baseline'. Digest, rule.\n";

/// The files of a repository's suppressions, by their path below [`DIR`].
type SuppressionFiles = BTreeMap<String, Vec<u8>>;

/// The suppressions of a worktree, for changes.
#[derive(Debug)]
pub struct SuppressionStore {
    dir: PathBuf,
    /// The current suppressions.
    pub all: Suppressions,
}

impl Suppressions {
    /// Reads the suppressions of `repo`.
    ///
    /// # Errors
    /// `Config` if a file is invalid, `Io` if it cannot be read.
    pub fn read(repo: &Repository) -> Result<Self> {
        match repo.git().workdir() {
            Some(root) => parse(&in_directory(&root.join(DIR))?),
            None => parse(&in_head(repo)?),
        }
    }
}

impl SuppressionStore {
    /// Opens the suppressions of `repo`.
    ///
    /// # Errors
    /// `Usage` if the repository is bare; otherwise as for [`Suppressions::read`].
    pub fn open(repo: &Repository) -> Result<Self> {
        let root = repo.git().workdir().ok_or_else(|| {
            Error::usage("a bare repository has no files to change")
                .hint("run it in a clone, and push what it writes")
        })?;
        Ok(Self {
            dir: root.join(DIR),
            all: Suppressions::read(repo)?,
        })
    }

    /// Suppresses the finding of `rule` with `fingerprint`; returns the new file.
    ///
    /// # Errors
    /// `Io` if the file cannot be written, `Config` if the pattern is invalid.
    pub fn add(
        &mut self,
        fingerprint: Fingerprint,
        rule: &str,
        details: Details,
    ) -> Result<PathBuf> {
        if let Some(pattern) = &details.path {
            PathPattern::parse(pattern)?;
        }
        let known = self.all.find(fingerprint);
        let digest = match known {
            Some(digest) => digest,
            None => self.key()?.digest(fingerprint),
        };
        let entry = SuppressionEntry {
            rule: rule.to_owned(),
            details,
            source: "ignore",
        };
        let path = self.file(digest);
        write(&path, &entry.write()?)?;
        self.all.entries.insert(digest, entry);
        Ok(path)
    }

    /// Removes a suppression; returns whether it existed. To remove those of a baseline, use
    /// [`Self::write_baseline`].
    ///
    /// # Errors
    /// `Io` if the file cannot be removed.
    pub fn remove(&mut self, digest: FingerprintDigest) -> Result<bool> {
        if !self.is_single(digest) {
            return Ok(false);
        }
        let path = self.file(digest);
        fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
        self.all.entries.remove(&digest);
        Ok(true)
    }

    /// Returns whether a suppression has its own file and is not a line of the baseline.
    pub fn is_single(&self, digest: FingerprintDigest) -> bool {
        let entry = self.all.entries.get(&digest);
        entry.is_some_and(|entry| entry.source == "ignore")
    }

    /// Returns the digests of the baseline.
    pub fn baseline(&self) -> Vec<FingerprintDigest> {
        let entries = self.all.entries.iter();
        let listed = entries.filter(|(_, entry)| entry.source == "baseline");
        listed.map(|(digest, _)| *digest).collect()
    }

    /// Returns whether there is a baseline.
    pub fn has_baseline(&self) -> bool {
        self.dir.join("baseline").exists()
    }

    /// Writes a baseline with the entries `kept` and the findings `added`, which are given by
    /// fingerprint and rule.
    ///
    /// # Errors
    /// `Io` if it cannot be written.
    pub fn write_baseline(
        &mut self,
        kept: &[FingerprintDigest],
        added: &[(Fingerprint, String)],
    ) -> Result<PathBuf> {
        let mut lines: BTreeMap<FingerprintDigest, String> = BTreeMap::new();
        for digest in kept {
            if let Some(entry) = self.all.entries.get(digest) {
                lines.insert(*digest, entry.rule.clone());
            }
        }
        if !added.is_empty() {
            let key = self.key()?;
            lines.extend(
                added
                    .iter()
                    .map(|(fingerprint, rule)| (key.digest(*fingerprint), rule.clone())),
            );
        }
        let mut text = HEAD.to_owned();
        for (digest, rule) in lines {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{digest} {rule}");
        }
        let path = self.dir.join("baseline");
        write(&path, &text)?;
        Ok(path)
    }

    fn file(&self, digest: FingerprintDigest) -> PathBuf {
        self.dir.join("ignore").join(format!("{digest}.toml"))
    }

    /// Returns the first key; generates one if there is none.
    fn key(&mut self) -> Result<FingerprintKey> {
        if let Some(key) = self.all.keys.first() {
            return Ok(key.clone());
        }
        let mut bytes = vec![0; KEY_LEN];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::internal("the system gives no random bytes").because(e))?;
        let text = data_encoding::HEXLOWER.encode(&bytes);
        // Its first digits are the file name, so that two keys never share a file.
        let path = self.dir.join("keys").join(&text[..16]);
        write(&path, &format!("{text}\n"))?;
        self.all.keys.push(FingerprintKey(bytes.clone()));
        Ok(FingerprintKey(bytes))
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir).map_err(|e| Error::io("make", dir, e))?;
    fs::write(path, text).map_err(|e| Error::io("write", path, e))
}

fn parse(files: &SuppressionFiles) -> Result<Suppressions> {
    let mut all = Suppressions::default();
    for (name, bytes) in files {
        let shown = format!("{DIR}/{name}");
        let text = std::str::from_utf8(bytes).map_err(|_| wrong(&shown, "it is no text"))?;
        if name == "baseline" {
            baseline(text, &shown, &mut all)?;
        } else if name.starts_with("keys/") {
            let key = data_encoding::HEXLOWER.decode(text.trim().as_bytes());
            let key = key.map_err(|_| wrong(&shown, "it is no key"))?;
            all.keys.push(FingerprintKey(key));
        } else if let Some(digest) = name
            .strip_prefix("ignore/")
            .and_then(|file| file.strip_suffix(".toml"))
        {
            let digest = FingerprintDigest::from_hex(digest)
                .ok_or_else(|| wrong(&shown, "its name is no digest of 32 digits"))?;
            all.entries
                .insert(digest, SuppressionEntry::parse(text, &shown)?);
        }
    }
    all.keys.sort();
    Ok(all)
}

fn baseline(text: &str, shown: &str, all: &mut Suppressions) -> Result<()> {
    let lines = text.lines().map(str::trim);
    let lines = (1..).zip(lines);
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let (digest, rule) = line.split_once(' ').unwrap_or((line, ""));
        let digest = FingerprintDigest::from_hex(digest).ok_or_else(|| {
            let why = format!("line {number} begins with no digest of 32 digits");
            wrong(shown, &why)
        })?;
        let entry = || SuppressionEntry {
            rule: rule.to_owned(),
            details: Details::default(),
            source: "baseline",
        };
        all.entries.entry(digest).or_insert_with(entry);
    }
    Ok(())
}

fn wrong(shown: &str, why: &str) -> Error {
    Error::config(format!("'{shown}': {why}")).hint("mend or delete it, or scan with '--no-ignore'")
}

fn too_large(shown: &str) -> Error {
    wrong(shown, "it is too large for what it should be")
}

fn limit(name: &str) -> u64 {
    if name == "baseline" {
        MAX_BASELINE
    } else {
        MAX_FILE
    }
}

/// Reads only regular files, because a symbolic link could lead outside of the repository.
fn in_directory(dir: &Path) -> Result<SuppressionFiles> {
    let mut files = SuppressionFiles::new();
    let mut add = |path: &Path, name: String| -> Result<()> {
        let found = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(Error::io("read", path, e)),
        };
        if !found.is_file() {
            return Ok(());
        }
        if found.len() > limit(&name) || files.len() >= MAX_FILES {
            return Err(too_large(&name));
        }
        let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        files.insert(name, bytes);
        Ok(())
    };
    add(&dir.join("baseline"), "baseline".to_owned())?;
    for part in ["keys", "ignore"] {
        let inner = dir.join(part);
        let is_directory = |path: &Path| fs::symlink_metadata(path).is_ok_and(|m| m.is_dir());
        if !is_directory(dir) || !is_directory(&inner) {
            continue;
        }
        let listed = fs::read_dir(&inner).map_err(|e| Error::io("read", &inner, e))?;
        for file in listed {
            let file = file.map_err(|e| Error::io("read", &inner, e))?;
            let name = format!("{part}/{}", file.file_name().to_string_lossy());
            add(&file.path(), name)?;
        }
    }
    Ok(files)
}

/// Reads the files of HEAD; none if there is no commit yet.
fn in_head(repo: &Repository) -> Result<SuppressionFiles> {
    let mut files = SuppressionFiles::new();
    // Messages of gix are not shown, because they can contain text from an object.
    let cannot = || {
        Error::repository(format!("cannot read '{DIR}' in HEAD"))
            .because("an object cannot be read")
            .hint("scan with '--no-ignore'")
    };
    let Some(tree) = repo.head_tree()? else {
        return Ok(files);
    };
    let find = |name: &str| {
        let path = Path::new(DIR).join(name);
        tree.lookup_entry_by_path(path).map_err(|_| cannot())
    };
    let mut wanted: Vec<(String, gix::ObjectId)> = Vec::new();
    if let Some(entry) = find("baseline")? {
        wanted.push(("baseline".to_owned(), entry.object_id()));
    }
    for part in ["keys", "ignore"] {
        let Some(entry) = find(part)?.filter(|entry| entry.mode().is_tree()) else {
            continue;
        };
        let inner = entry.object().map_err(|_| cannot())?.into_tree();
        for file in inner.iter() {
            let file = file.map_err(|_| cannot())?;
            if file.mode().is_blob() {
                let name = format!("{part}/{}", file.filename().to_str_lossy());
                wanted.push((name, file.object_id()));
            }
        }
    }
    for (name, id) in wanted {
        let bytes = repo.small_blob(id, limit(&name)).map_err(|_| cannot())?;
        match bytes.filter(|_| files.len() < MAX_FILES) {
            None => return Err(too_large(&name)),
            Some(bytes) => files.insert(name, bytes),
        };
    }
    Ok(files)
}
