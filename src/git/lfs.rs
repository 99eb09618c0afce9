//! Files that Git LFS keeps beside the object store. A pointer blob names each.
//!
//! Format: <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Pointers are shorter; git-lfs itself reads no longer ones.
const MAX_POINTER_LEN: usize = 1024;

const VERSION: &[u8] = b"version https://git-lfs.github.com/spec/";

/// What a pointer names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pointer {
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub oid: String,
}

impl Pointer {
    /// Reads the pointer that the blob `bytes` is, if it is one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_POINTER_LEN || !bytes.starts_with(VERSION) {
            return None;
        }
        let mut lines = bytes.split(|&byte| byte == b'\n');
        let oid = lines.find_map(|line| line.strip_prefix(b"oid sha256:"))?;
        let oid = std::str::from_utf8(oid.trim_ascii_end()).ok()?;
        let pointer = Self {
            oid: oid.to_owned(),
        };
        pointer.is_sound().then_some(pointer)
    }

    /// Whether it names a file as pointers do.
    pub fn is_sound(&self) -> bool {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        self.oid.len() == 64 && self.oid.bytes().all(is_digit)
    }

    /// Where the file stands in the repository whose shared directory is `common_dir`, if it was
    /// fetched.
    pub fn path(&self, common_dir: &Path) -> PathBuf {
        let objects = common_dir.join("lfs/objects");
        objects
            .join(&self.oid[..2])
            .join(&self.oid[2..4])
            .join(&self.oid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_told_from_text_about_them() {
        let oid = "4d7a".repeat(16);
        let text =
            format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 12\n");
        let pointer = Pointer::read(text.as_bytes()).unwrap();
        assert_eq!(pointer.oid, oid);
        let path = pointer.path(Path::new("x"));
        assert_eq!(path, Path::new("x/lfs/objects/4d/7a").join(&oid));
        for other in [
            text.replace("oid", "old"),
            text.replace("4d7a", "../."),
            text.replace("4d7a", "4D7A"),
            format!("see {text}"),
            format!("{text}{}", "x".repeat(2000)),
        ] {
            assert_eq!(Pointer::read(other.as_bytes()), None, "{other}");
        }
    }
}
