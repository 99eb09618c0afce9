//! Opens a bundle: refs and a pack in one file, which stands for a repository.
//!
//! Format: gitformat-bundle(5), versions 2 and 3. The pack is copied to a directory of its own and
//! read like any other. Objects that only the receiver has are not here: deltas on them are listed.

use std::path::Path;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::hash::Kind as HashKind;
use tempfile::TempDir;

use super::map::Map;
use super::{ObjectStore, ReadLimits, SkipReason, Skipped, file};
use crate::error::{Error, Result, quoted};

/// An opened bundle.
pub struct Bundle {
    /// Its objects.
    pub store: ObjectStore,
    /// The refs of the bundle, with full names, in its order.
    pub refs: Vec<(BString, ObjectId)>,
    /// Commits that its receiver must have.
    pub prerequisites: Vec<ObjectId>,
    /// Which objects were left out when it was made, if not all were wanted: as in
    /// git-rev-list(1), `--filter`.
    pub filter: Option<BString>,
    /// What could not be read of its header; see also [`ObjectStore::skipped`].
    pub skipped: Vec<Skipped>,
    /// Where its pack stands as long as it is open.
    _scratch: TempDir,
}

/// Largest header: a million refs with names of usual length.
const MAX_HEADER_LEN: usize = 1 << 28;

/// Opens the bundle at `path`.
///
/// # Errors
/// `Corrupt` if it is no bundle, `Io` if it cannot be read or its pack cannot be copied to the
/// system's directory for temporary files.
pub fn open(path: &Path, limits: ReadLimits) -> Result<Bundle> {
    let metadata = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
    if !metadata.is_file() {
        return Err(damaged(path, "it is no plain file"));
    }
    let map = Map::open(path)?;
    let header = BundleHeader::parse(&map, path).map_err(|why| damaged(path, &why))?;
    let scratch = TempDir::new().map_err(|e| Error::io("write", &std::env::temp_dir(), e))?;
    let packs = scratch.path().join("pack");
    let pack = packs.join("pack-bundle.pack");
    std::fs::create_dir(&packs).map_err(|e| Error::io("write", &packs, e))?;
    std::fs::write(&pack, &map[header.len..]).map_err(|e| Error::io("write", &pack, e))?;
    if header.filter.is_some() {
        let promisor = pack.with_extension("promisor");
        std::fs::write(&promisor, b"").map_err(|e| Error::io("write", &promisor, e))?;
    }
    Ok(Bundle {
        store: ObjectStore::open(scratch.path(), &[], header.hash, limits)?,
        refs: header.refs,
        prerequisites: header.prerequisites,
        filter: header.filter,
        skipped: header.skipped,
        _scratch: scratch,
    })
}

/// Whether a file that begins with `start` is a bundle.
pub fn is_bundle(start: &[u8]) -> bool {
    version(start).is_some()
}

fn version(start: &[u8]) -> Option<u8> {
    let rest = start.strip_prefix(b"# v")?;
    let (version, rest) = rest.split_first()?;
    let is_known = matches!(version, b'2' | b'3') && rest.starts_with(b" git bundle\n");
    is_known.then_some(*version)
}

const SIGNATURE_LEN: usize = b"# v2 git bundle\n".len();

fn damaged(path: &Path, why: &str) -> Error {
    Error::corrupt(format!(
        "cannot read the bundle '{}': {why}",
        path.display()
    ))
    .hint("'git bundle verify' says whether git can; make it again with 'git bundle create'")
}

struct BundleHeader {
    /// Where the pack begins.
    len: usize,
    hash: HashKind,
    refs: Vec<(BString, ObjectId)>,
    prerequisites: Vec<ObjectId>,
    filter: Option<BString>,
    skipped: Vec<Skipped>,
}

impl BundleHeader {
    fn parse(bytes: &[u8], path: &Path) -> std::result::Result<Self, String> {
        let version = version(bytes).ok_or("it has no signature of a known version")?;
        let mut header = Self {
            len: SIGNATURE_LEN,
            hash: HashKind::Sha1,
            refs: Vec::new(),
            prerequisites: Vec::new(),
            filter: None,
            skipped: Vec::new(),
        };
        let mut damaged_lines = 0;
        loop {
            let rest = &bytes[header.len..];
            let end = memchr::memchr(b'\n', rest).ok_or("its header does not end")?;
            let line = &rest[..end];
            header.len += end + 1;
            if header.len > MAX_HEADER_LEN {
                return Err("its header is too long".into());
            }
            match line.first() {
                None => break,
                Some(b'@') if version == b'3' => header.add_capability(&line[1..], path)?,
                _ => damaged_lines += usize::from(header.add_line(line).is_none()),
            }
        }
        if damaged_lines > 0 {
            let why = format!("{damaged_lines} lines of its header are damaged");
            let skipped = file::skipped(SkipReason::Corrupt, path, &why);
            header.skipped.push(skipped);
        }
        Ok(header)
    }

    fn add_capability(&mut self, line: &[u8], path: &Path) -> std::result::Result<(), String> {
        let (key, value) = line.split_once_str("=").unwrap_or((line, b""));
        match (key, value) {
            (b"object-format", b"sha1") => self.hash = HashKind::Sha1,
            (b"object-format", b"sha256") => self.hash = HashKind::Sha256,
            (b"object-format", _) => {
                return Err("its object format is not known".to_owned());
            }
            (b"filter", _) => self.filter = Some(value.into()),
            _ => {
                let key = quoted(&key.to_str_lossy());
                let why = format!("it asks for {key}, which is not known");
                let skipped = file::skipped(SkipReason::Unsupported, path, &why);
                self.skipped.push(skipped);
            }
        }
        Ok(())
    }

    /// Reads a ref or a prerequisite; `None` if the line is neither.
    fn add_line(&mut self, line: &[u8]) -> Option<()> {
        let prerequisite = line.strip_prefix(b"-");
        let line = prerequisite.unwrap_or(line);
        let (id, rest) = line.split_at_checked(self.hash.len_in_hex())?;
        let id = ObjectId::from_hex(id).ok()?;
        let rest = match rest {
            [] => rest,
            [b' ', rest @ ..] => rest,
            _ => return None,
        };
        if prerequisite.is_some() {
            self.prerequisites.push(id);
        } else if rest.is_empty() {
            return None;
        } else {
            self.refs.push((rest.into(), id));
        }
        Some(())
    }
}
