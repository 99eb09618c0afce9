//! Lists the entries of a tar archive: v7, ustar, pax or GNU (POSIX.1-2017 pax, GNU tar manual
//! "Basic Tar Format"). Entries are ranges of the archive. Copies only names.

use std::ops::Range;

use super::{Reason, UnpackFailure, guard};

/// The size of a header, and the alignment of content.
const BLOCK: usize = 512;

/// The position of the flag that the map of holes of a GNU sparse file continues in the next block:
/// in the header, and in such a block.
const SPARSE_GOES_ON: (usize, usize) = (482, 504);

/// Keys of pax headers that are visible in the entry, or that contain times and owners.
const PAX_KNOWN: [&[u8]; 10] = [
    b"path",
    b"linkpath",
    b"size",
    b"mtime",
    b"atime",
    b"ctime",
    b"uid",
    b"gid",
    b"uname",
    b"gname",
];

/// One entry of an archive.
pub(super) struct TarEntry {
    pub name: Vec<u8>,
    /// The range of the content. For a sparse file, the stored data with the map of holes.
    pub content: Range<usize>,
    /// The target of a hard or symbolic link.
    pub link: Vec<u8>,
    /// The entries of its extended header that are not in [`PAX_KNOWN`], as `key=value` lines.
    pub pax: Vec<u8>,
}

/// Lists at most `max` entries of `bytes`, and the reason if there may be more. Treats consecutive
/// archives as one.
pub(super) fn list(bytes: &[u8], max: u64) -> (Vec<TarEntry>, Option<UnpackFailure>) {
    let mut entries = Vec::new();
    let result = guard(|| collect(bytes, max, &mut entries));
    (entries, result.err())
}

fn collect(bytes: &[u8], max: u64, entries: &mut Vec<TarEntry>) -> Result<(), UnpackFailure> {
    let mut archive = tar::Archive::new(bytes);
    archive.set_ignore_zeros(true);
    for entry in archive.entries().map_err(|e| damaged(&e))? {
        if entries.len() as u64 == max {
            return Err(UnpackFailure::new(Reason::Limit, "holds too many entries"));
        }
        let mut entry = entry.map_err(|e| damaged(&e))?;
        let content = extent(bytes, &entry)?;
        let listed = TarEntry {
            name: entry.path_bytes().into_owned(),
            link: entry.link_name_bytes().unwrap_or_default().into_owned(),
            pax: extended(&mut entry),
            content: content.start.min(bytes.len())..content.end.min(bytes.len()),
        };
        // Contradictory sizes must not let many entries share the same bytes.
        let header = usize::try_from(entry.raw_header_position()).unwrap_or(usize::MAX);
        if let Some(last) = entries.last_mut() {
            last.content.end = last.content.end.min(header).max(last.content.start);
        }
        entries.push(listed);
        if content.end > bytes.len() {
            return Err(UnpackFailure::corrupt("the archive is cut off"));
        }
    }
    Ok(())
}

/// Returns the range of the content according to the header. It may be beyond the end of the
/// archive.
fn extent(bytes: &[u8], entry: &tar::Entry<'_, &[u8]>) -> Result<Range<usize>, UnpackFailure> {
    let start = usize::try_from(entry.raw_file_position()).unwrap_or(usize::MAX);
    let sparse = entry.header().entry_type().is_gnu_sparse();
    let size = if sparse {
        entry.header().entry_size().map_err(|e| damaged(&e))?
    } else {
        entry.size()
    };
    let mut end = start.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
    let mut goes_on = sparse && entry.header().as_bytes()[SPARSE_GOES_ON.0] != 0;
    let mut map = start;
    while goes_on {
        goes_on = map
            .checked_add(SPARSE_GOES_ON.1)
            .and_then(|at| bytes.get(at))
            .is_some_and(|flag| *flag != 0);
        map = map.saturating_add(BLOCK);
        end = end.saturating_add(BLOCK);
    }
    Ok(start..end)
}

/// Returns the unusual entries of the extended header.
fn extended(entry: &mut tar::Entry<'_, &[u8]>) -> Vec<u8> {
    let mut lines = Vec::new();
    // A global header is a separate entry, whose content is passed on.
    if entry.header().entry_type().is_pax_global_extensions() {
        return lines;
    }
    if let Ok(Some(records)) = entry.pax_extensions() {
        for record in records.flatten() {
            if !PAX_KNOWN.contains(&record.key_bytes()) {
                lines.extend_from_slice(record.key_bytes());
                lines.push(b'=');
                lines.extend_from_slice(record.value_bytes());
                lines.push(b'\n');
            }
        }
    }
    lines
}

fn damaged(error: &std::io::Error) -> UnpackFailure {
    UnpackFailure::corrupt(format!("the archive is damaged ({error})"))
}
