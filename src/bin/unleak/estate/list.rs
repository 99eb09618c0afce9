//! Lists of repositories, and shares of them.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};
use unleak::error::{Error, Result};
use unleak::odb::share::Share;

/// Reads a list: each path once, in its order.
///
/// # Errors
/// `Io` if it cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<String>> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin()
            .lock()
            .read_to_string(&mut text)
            .map(|_| ())
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|e| Error::io("read", path, e))?;
    let mut seen = std::collections::HashSet::new();
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines
        .filter(|line| seen.insert(*line))
        .map(str::to_owned)
        .collect())
}

/// The name of a repository's report, without its ending: the same wherever it is scanned.
pub(super) fn file_name(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let readable = name
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let readable = readable
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c));
    let readable: String = readable.take(60).collect();
    format!(
        "{readable}-{}",
        &data_encoding::HEXLOWER.encode(&digest)[..16]
    )
}

/// A share of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    /// From 0.
    index: u64,
    count: u64,
}

impl Shard {
    /// Reads `I/N`, or asks the scheduler for `auto`.
    ///
    /// # Errors
    /// `Usage` if it is none, or no scheduler says which.
    pub(crate) fn parse(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let number = |name: &str| variable(name)?.parse::<u64>().ok();
        let shard = if text == "auto" {
            let slurm = || {
                let first = number("SLURM_ARRAY_TASK_MIN").unwrap_or(0);
                let index = number("SLURM_ARRAY_TASK_ID")?.checked_sub(first)?;
                Some((index, number("SLURM_ARRAY_TASK_COUNT")?))
            };
            let kubernetes = || Some((number("JOB_COMPLETION_INDEX")?, number("UNLEAK_SHARDS")?));
            slurm().or_else(kubernetes)
        } else {
            let parts = text.split_once('/');
            parts.and_then(|(index, count)| {
                let index: u64 = index.parse().ok()?;
                Some((index.checked_sub(1)?, count.parse().ok()?))
            })
        };
        match shard {
            Some((index, count)) if index < count => Ok(Self { index, count }),
            _ if text == "auto" => Err(Error::usage("no scheduler says which shard this is")
                .hint("Slurm sets SLURM_ARRAY_TASK_ID and _COUNT; with Kubernetes' JOB_COMPLETION_INDEX, set UNLEAK_SHARDS")),
            _ => Err(Error::usage(format!("'{text}' is no shard"))
                .hint("'3/8' is the third of eight")),
        }
    }

    /// The share of one repository's objects.
    pub(crate) fn of_objects(self) -> Share {
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Share {
            index: number(self.index),
            count: number(self.count),
        }
    }

    /// Whether the repository called `name` is in it: each is in one of the `N`.
    pub(super) fn has(self, name: &str) -> bool {
        let digest = Sha256::digest(name.as_bytes());
        let start: [u8; 8] = *digest.first_chunk().expect("a digest has 32 bytes");
        u64::from_be_bytes(start) % self.count == self.index
    }
}

/// Bytes of all files of a repository's object store; 0 if it cannot be read.
pub(super) fn bytes_of(path: &Path) -> u64 {
    let inner = path.join(".git");
    let dir = if inner.is_dir() {
        inner
    } else {
        path.to_owned()
    };
    let mut total = 0;
    let mut pending = vec![dir.join("objects")];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => pending.push(entry.path()),
                Ok(found) => total += found.len(),
                Err(_) => {}
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_read_from_text_or_the_scheduler() {
        let none = |_: &str| None;
        assert_eq!(
            Shard::parse("3/8", &none).unwrap(),
            Shard { index: 2, count: 8 }
        );
        for wrong in ["0/8", "9/8", "1", "a/b", "", "auto", "1/0"] {
            assert!(Shard::parse(wrong, &none).is_err(), "{wrong}");
        }
        let slurm = |name: &str| match name {
            "SLURM_ARRAY_TASK_ID" => Some("12".to_owned()),
            "SLURM_ARRAY_TASK_MIN" => Some("10".to_owned()),
            "SLURM_ARRAY_TASK_COUNT" => Some("4".to_owned()),
            _ => None,
        };
        assert_eq!(
            Shard::parse("auto", &slurm).unwrap(),
            Shard { index: 2, count: 4 }
        );
        let kubernetes = |name: &str| match name {
            "JOB_COMPLETION_INDEX" => Some("0".to_owned()),
            "UNLEAK_SHARDS" => Some("4".to_owned()),
            _ => None,
        };
        assert_eq!(
            Shard::parse("auto", &kubernetes).unwrap(),
            Shard { index: 0, count: 4 }
        );
    }

    #[test]
    fn every_repository_is_in_one_shard() {
        for count in [1, 2, 3, 7] {
            for name in (0..200).map(|number| format!("/srv/{number}.git")) {
                let having = (0..count).filter(|&index| Shard { index, count }.has(&name));
                assert_eq!(having.count(), 1);
            }
        }
    }
}
