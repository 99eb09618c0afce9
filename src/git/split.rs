//! Puts a split index together: a shared file with most entries, and one with what changed since.
//!
//! Format: git's `index-format`, "Split index", with bitmaps as in `bitmap-format`, "EWAH".

use crate::git::entry::IndexEntry;

/// Returns the entries of the whole index. `base` are those of the shared file, `own` those of the
/// index itself; `bitmaps` says which of `base` are gone and which are replaced by the first of
/// `own`.
///
/// # Errors
/// A message if they do not fit each other.
pub(super) fn merge(
    mut base: Vec<IndexEntry>,
    own: Vec<IndexEntry>,
    mut bitmaps: &[u8],
) -> Result<Vec<IndexEntry>, String> {
    let removed = set_bits(&mut bitmaps, base.len())?;
    let replaced = set_bits(&mut bitmaps, base.len())?;
    let mut own = own.into_iter();
    for at in replaced {
        let entry = own.next().ok_or("it replaces more entries than it has")?;
        if !entry.path.is_empty() {
            return Err("an entry that replaces another has a path".into());
        }
        let path = std::mem::take(&mut base[at].path);
        base[at] = IndexEntry { path, ..entry };
    }
    let mut removed = removed.into_iter().peekable();
    let mut at = 0;
    base.retain(|_| {
        at += 1;
        removed.next_if_eq(&(at - 1)).is_none()
    });
    // What is added stands for what has the same path and stage.
    let mut entries: Vec<IndexEntry> = own.chain(base).collect();
    entries.sort_by(|a, b| (&a.path, a.stage).cmp(&(&b.path, b.stage)));
    entries.dedup_by(|later, kept| (&later.path, later.stage) == (&kept.path, kept.stage));
    Ok(entries)
}

/// Reads one bitmap off `data`; returns the positions of its ones, ascending, all below `limit`.
fn set_bits(data: &mut &[u8], limit: usize) -> Result<Vec<usize>, String> {
    let cut = "a bitmap ends too early";
    // Its length in bits, which is not needed, and in words; at the end, where its last run is.
    take(data, 4).ok_or(cut)?;
    let count = take(data, 4).ok_or(cut)?;
    let count = count
        .iter()
        .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    let words = take(data, count.saturating_mul(8)).ok_or(cut)?;
    take(data, 4).ok_or(cut)?;
    let mut words = words
        .as_chunks::<8>()
        .0
        .iter()
        .map(|word| u64::from_be_bytes(*word));
    let mut found = Vec::new();
    let mut at: usize = 0;
    while let Some(run) = words.next() {
        // One bit that repeats, how many words of it, and how many words that are as they stand.
        let (is_one, repeated, literal) = (run & 1 == 1, run >> 1 & 0xffff_ffff, run >> 33);
        let end = usize::try_from(repeated * 64).map_or(usize::MAX, |len| at.saturating_add(len));
        if is_one {
            if end > limit {
                return Err("a bitmap is longer than the shared index".into());
            }
            found.extend(at..end);
        }
        at = end;
        for _ in 0..literal {
            let mut word = words.next().ok_or(cut)?;
            while word != 0 {
                let position = at.saturating_add(word.trailing_zeros() as usize);
                if position >= limit {
                    return Err("a bitmap is longer than the shared index".into());
                }
                found.push(position);
                word &= word - 1;
            }
            at = at.saturating_add(64);
        }
    }
    Ok(found)
}

fn take<'d>(data: &mut &'d [u8], len: usize) -> Option<&'d [u8]> {
    let (taken, rest) = data.split_at_checked(len)?;
    *data = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bitmap(words: &[u64]) -> Vec<u8> {
        let mut bytes = vec![0; 7];
        bytes.push(u8::try_from(words.len()).unwrap());
        for word in words {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend([0; 4]);
        bytes
    }

    #[test]
    fn reads_runs_and_literals() {
        let bytes = bitmap(&[1 | 1 << 1 | 1 << 33, 0b101, 2 << 1 | 1 << 33, 1 << 63]);
        let found = set_bits(&mut bytes.as_slice(), 400).unwrap();
        let expected: Vec<usize> = (0..64).chain([64, 66, 64 + 64 + 128 + 63]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn refuses_bits_beyond_the_entries() {
        let endless = bitmap(&[1 | 0xffff_ffff << 1]);
        assert!(set_bits(&mut endless.as_slice(), 1000).is_err());
        let cut = bitmap(&[5 << 33, 0]);
        assert!(set_bits(&mut cut.as_slice(), 1000).is_err());
        assert!(set_bits(&mut &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff][..], 1).is_err());
    }
}
