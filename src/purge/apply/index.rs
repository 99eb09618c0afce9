//! Takes out of an index what git keeps there to be faster: it may name what is not there any more.
//!
//! Format: gitformat-index(5): entries, then extensions of four letters and a length, then a digest.

use std::fs;
use std::io::Write;
use std::path::Path;

use gix::hash::Kind as HashKind;

use crate::error::{Error, Result};
use crate::git::index::Index;
use crate::odb::hash;

/// Writes the index at `path` without extensions that git can do without.
///
/// # Errors
/// `Io` if it cannot be written, or git is changing it; `Corrupt` if it cannot be read.
pub(crate) fn strip(path: &Path, hash: HashKind) -> Result<()> {
    let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let index = Index::open(path, hash)?;
    let digest_len = hash.len_in_bytes();
    let end = bytes.len().saturating_sub(digest_len);
    let mut at = usize::try_from(index.extensions_at()).unwrap_or(usize::MAX);
    let mut out = bytes.get(..at).unwrap_or_default().to_vec();
    while at + 8 <= end {
        let len = u32::from_be_bytes([bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]]);
        let next = at.saturating_add(8).saturating_add(len as usize).min(end);
        // Those that begin with a small letter must be understood.
        if bytes[at].is_ascii_lowercase() {
            out.extend_from_slice(&bytes[at..next]);
        }
        at = next;
    }
    let has_digest = bytes[end..].iter().any(|&byte| byte != 0);
    let digest = if has_digest {
        hash::digest(&out, hash)
    } else {
        vec![0; digest_len]
    };
    out.extend(digest);
    let lock = path.with_extension("lock");
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&lock);
    let written = written.and_then(|mut file| {
        file.write_all(&out)?;
        file.sync_all()?;
        fs::rename(&lock, path)
    });
    written.map_err(|e| {
        Error::io("write", &lock, e)
            .hint("another git is changing the index; try again when it has ended")
    })
}
