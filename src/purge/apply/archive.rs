//! Keeps refs and reflogs in one file: there may be a hundred thousand of them, and a file costs more than
//! what stands in it.
//!
//! For each file: the length of its path and of its contents (eight bytes each, the low one first), the
//! path, the contents. The snapshot that the archive is a part of knows its size and its SHA-256.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The contents of files, by path.
pub(crate) type FilesByPath = HashMap<PathBuf, Vec<u8>>;

/// Whether the file at `path` below the `.git` directory is a ref or a reflog of its own.
pub(crate) fn belongs(path: &Path) -> bool {
    let within = match path.strip_prefix("worktrees") {
        Ok(rest) => {
            let mut parts = rest.components();
            parts.next();
            parts.as_path()
        }
        Err(_) => path,
    };
    ["refs", "logs"].iter().any(|top| within.starts_with(top))
}

/// Writes an archive.
pub(crate) struct ArchiveWriter(BufWriter<File>);

impl ArchiveWriter {
    /// Begins the archive at `path`, which must not be there.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        Ok(Self(BufWriter::new(File::create_new(path)?)))
    }

    /// Adds the file `source` as `path`.
    pub(crate) fn add(&mut self, path: &Path, source: &Path) -> io::Result<()> {
        let (name, bytes) = (path.as_os_str().as_bytes(), fs::read(source)?);
        for len in [name.len(), bytes.len()] {
            self.0.write_all(&(len as u64).to_le_bytes())?;
        }
        self.0.write_all(name)?;
        self.0.write_all(&bytes)
    }

    /// Ends the archive.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.0.into_inner().map(drop).map_err(Into::into)
    }
}

/// Reads the archive at `path`; without one, there are no files.
pub(crate) fn read(path: &Path) -> io::Result<FilesByPath> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(FilesByPath::new()),
        Err(e) => return Err(e),
    };
    parse(&bytes).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

fn parse(mut rest: &[u8]) -> Option<FilesByPath> {
    let mut files = FilesByPath::new();
    while !rest.is_empty() {
        let mut len = || {
            let (len, behind) = rest.split_first_chunk()?;
            rest = behind;
            usize::try_from(u64::from_le_bytes(*len)).ok()
        };
        let (name_len, len) = (len()?, len()?);
        let (name, behind) = rest.split_at_checked(name_len)?;
        let (bytes, behind) = behind.split_at_checked(len)?;
        rest = behind;
        let path = Path::new(OsStr::from_bytes(name));
        let is_below = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !is_below {
            return None;
        }
        files.insert(path.to_owned(), bytes.to_vec());
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_and_reflogs_of_all_worktrees_belong_into_it() {
        let all = [
            ("refs/heads/a", true),
            ("logs/HEAD", true),
            ("worktrees/w/logs/HEAD", true),
            ("worktrees/w/refs/bisect/bad", true),
            ("worktrees/logs/HEAD", false),
            ("packed-refs", false),
            ("logs.txt", false),
            ("objects/refs/x", false),
        ];
        for (path, is_in) in all {
            assert_eq!(belongs(Path::new(path)), is_in, "{path}");
        }
    }

    #[test]
    fn files_come_back_and_a_cut_archive_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let (source, archive) = (dir.path().join("source"), dir.path().join("archive"));
        let mut writer = ArchiveWriter::new(&archive).unwrap();
        for (name, text) in [
            ("logs/HEAD", "one\n"),
            ("refs/heads/a", ""),
            ("refs/x", "two"),
        ] {
            fs::write(&source, text).unwrap();
            writer.add(Path::new(name), &source).unwrap();
        }
        writer.finish().unwrap();
        let files = read(&archive).unwrap();
        assert_eq!(files[Path::new("logs/HEAD")], b"one\n");
        assert_eq!(files[Path::new("refs/heads/a")], b"");
        assert_eq!(files.len(), 3);
        let bytes = fs::read(&archive).unwrap();
        let whole = [0, 29, 57, bytes.len()];
        for end in 0..bytes.len() {
            assert_eq!(
                parse(&bytes[..end]).is_some(),
                whole.contains(&end),
                "{end}"
            );
        }
        assert!(read(&dir.path().join("none")).unwrap().is_empty());
        assert!(parse(b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0../x").is_none());
    }
}
