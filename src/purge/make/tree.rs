//! Patches trees: `<mode> <name>\0<raw id>`, one behind the other.

use std::cmp::Ordering;
use std::collections::HashSet;

use gix::ObjectId;

/// An entry of a tree, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Octal digits, however they were written.
    pub mode: Vec<u8>,
    /// Name.
    pub name: Vec<u8>,
    /// What it names.
    pub id: ObjectId,
}

impl Entry {
    /// Whether it names a tree.
    pub fn is_tree(&self) -> bool {
        matches!(&self.mode[..], b"40000" | b"040000")
    }

    /// Whether it names a commit of another repository.
    pub fn is_submodule(&self) -> bool {
        self.mode == b"160000"
    }
}

/// Reads the entries of a tree; `None` if it is damaged.
pub fn parse(bytes: &[u8], id_len: usize) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let blank = memchr::memchr(b' ', &rest[..rest.len().min(8)])?;
        let nul = blank + memchr::memchr(0, &rest[blank..])?;
        let id = rest.get(nul + 1..nul + 1 + id_len)?;
        entries.push(Entry {
            mode: rest[..blank].to_vec(),
            name: rest[blank + 1..nul].to_vec(),
            id: ObjectId::try_from(id).ok()?,
        });
        rest = &rest[nul + 1 + id_len..];
    }
    Some(entries)
}

/// An entry of a tree that is read where it stands.
#[derive(Clone, Copy, Debug)]
pub struct RawEntry<'a> {
    /// Octal digits.
    pub mode: &'a [u8],
    /// Name.
    pub name: &'a [u8],
    /// Where the bytes of the id begin.
    pub id_at: usize,
}

/// Reads the entry at `at`; returns it with the start of the next one. `None` if it is damaged.
pub fn raw_entry(bytes: &[u8], at: usize, id_len: usize) -> Option<(RawEntry<'_>, usize)> {
    let rest = bytes.get(at..)?;
    let blank = memchr::memchr(b' ', &rest[..rest.len().min(8)])?;
    let nul = blank + memchr::memchr(0, &rest[blank..])?;
    let id_at = at + nul + 1;
    let end = id_at.checked_add(id_len)?;
    let entry = RawEntry {
        mode: &rest[..blank],
        name: &rest[blank + 1..nul],
        id_at,
    };
    (end <= bytes.len()).then_some((entry, end))
}

/// Copies a tree to `out` and overwrites the ids for which `replace`, given the entry and the bytes of
/// its id, returns another one. Names and modes stay, so do order and length. `None` if the tree is
/// damaged.
pub fn patch_ids(
    bytes: &[u8],
    id_len: usize,
    out: &mut Vec<u8>,
    replace: &mut dyn FnMut(&RawEntry<'_>, &[u8]) -> Option<ObjectId>,
) -> Option<()> {
    out.clear();
    out.extend_from_slice(bytes);
    let mut at = 0;
    while at < bytes.len() {
        let (entry, next) = raw_entry(bytes, at, id_len)?;
        if let Some(new) = replace(&entry, &bytes[entry.id_at..next]) {
            out[entry.id_at..next].copy_from_slice(new.as_slice());
        }
        at = next;
    }
    Some(())
}

/// Writes `entries` in their order.
pub fn write(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        out.extend_from_slice(&entry.mode);
        out.push(b' ');
        out.extend_from_slice(&entry.name);
        out.push(0);
        out.extend_from_slice(entry.id.as_slice());
    }
    out
}

/// git's order of names: a directory sorts as if it ended in '/'.
pub fn order(a: &Entry, b: &Entry) -> Ordering {
    let key = |entry: &Entry| {
        let mut name = entry.name.clone();
        if entry.is_tree() {
            name.push(b'/');
        }
        name
    };
    key(a).cmp(&key(b))
}

/// The names that entries get, in the order of `renamed`: each the wanted one, with a number if another
/// entry of the same directory has it. Trees, indexes and worktrees number by this rule.
pub fn free_names(entries: &[Entry], renamed: &[(usize, Vec<u8>)]) -> Vec<Vec<u8>> {
    let moving: HashSet<usize> = renamed.iter().map(|(at, _)| *at).collect();
    let staying = entries.iter().enumerate();
    let staying = staying.filter(|(at, _)| !moving.contains(at));
    let mut taken: HashSet<Vec<u8>> = staying.map(|(_, entry)| entry.name.clone()).collect();
    let mut names = Vec::with_capacity(renamed.len());
    for (_, wanted) in renamed {
        let (stem, extension) = wanted.split_at(stem_len(wanted));
        let numbered = |stem: &[u8]| [stem, extension].concat();
        let stem = free_name(stem, &mut |stem| taken.contains(&numbered(stem)));
        let name = numbered(&stem);
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// How long a name is without its extension, which says what kind of file it is.
fn stem_len(name: &[u8]) -> usize {
    match memchr::memrchr(b'.', name) {
        Some(at) if at > 0 && name[at + 1..].iter().all(u8::is_ascii_alphanumeric) => at,
        _ => name.len(),
    }
}

/// `wanted`, or the first of `wanted-2`, `wanted-3` and so on that is not taken.
pub fn free_name(wanted: &[u8], is_taken: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut name = wanted.to_vec();
    let mut number = 2;
    while is_taken(&name) {
        name = [wanted, format!("-{number}").as_bytes()].concat();
        number += 1;
    }
    name
}

/// Gives entries new names; a name that is taken gets a number. Only renamed entries move.
pub fn rename(entries: &mut Vec<Entry>, renamed: &[(usize, Vec<u8>)]) {
    if renamed.is_empty() {
        return;
    }
    let names = free_names(entries, renamed).into_iter();
    let moved: Vec<Entry> = renamed
        .iter()
        .zip(names)
        .map(|((at, _), name)| Entry {
            name,
            ..entries[*at].clone()
        })
        .collect();
    let gone: HashSet<usize> = renamed.iter().map(|(at, _)| *at).collect();
    let mut at = 0;
    entries.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
    for entry in moved {
        let place = entries
            .iter()
            .position(|other| order(other, &entry).is_gt())
            .unwrap_or(entries.len());
        entries.insert(place, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn entry(mode: &str, name: &str) -> Entry {
        Entry {
            mode: mode.into(),
            name: name.into(),
            id: ObjectId::null(gix::hash::Kind::Sha1),
        }
    }

    #[test]
    fn odd_trees_survive_a_round_trip() {
        let entries = vec![
            entry("040000", "z"),
            entry("100664", "a"),
            entry("40000", "z"),
        ];
        let bytes = write(&entries);
        assert_eq!(parse(&bytes, 20).unwrap(), entries);
        assert!(parse(&bytes[..bytes.len() - 1], 20).is_none());
    }

    /// A pseudo-random number below `below`; the state is the seed.
    fn random(state: &mut u64, below: usize) -> usize {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(*state >> 33).unwrap() % below
    }

    #[test]
    fn patched_ids_give_the_same_tree_as_parsed_and_written_entries() {
        let modes = ["40000", "040000", "100644", "100664", "120000", "160000"];
        for seed in 0..500 {
            let mut state = seed;
            for id_len in [20, 32] {
                let id = |state: &mut u64| {
                    let bytes: Vec<u8> = (0..id_len)
                        .map(|_| u8::try_from(random(state, 4)).unwrap())
                        .collect();
                    ObjectId::try_from(&bytes[..]).unwrap()
                };
                let mut entries: Vec<Entry> = Vec::new();
                let mut new_ids: HashMap<ObjectId, ObjectId> = HashMap::new();
                for _ in 0..random(&mut state, 30) {
                    let len = 1 + random(&mut state, 40);
                    let name = (0..len).map(|_| u8::try_from(1 + random(&mut state, 255)).unwrap());
                    let name = name.collect();
                    let mode = modes[random(&mut state, modes.len())].into();
                    let id = id(&mut state);
                    entries.push(Entry { mode, name, id });
                }
                for entry in &entries {
                    if random(&mut state, 3) == 0 {
                        new_ids.insert(entry.id, id(&mut state));
                    }
                }
                let old = write(&entries);
                for entry in &mut entries {
                    entry.id = new_ids.get(&entry.id).copied().unwrap_or(entry.id);
                }
                let mut out = Vec::new();
                let mut replace = |_: &RawEntry<'_>, id: &[u8]| {
                    let old = ObjectId::try_from(id).unwrap();
                    new_ids.get(&old).copied()
                };
                patch_ids(&old, id_len, &mut out, &mut replace).unwrap();
                assert_eq!(out, write(&entries), "seed {seed}");
                for end in 0..old.len() {
                    let is_damaged = parse(&old[..end], id_len).is_none();
                    let patched = patch_ids(&old[..end], id_len, &mut out, &mut |_, _| None);
                    assert_eq!(patched.is_none(), is_damaged, "seed {seed}, {end} bytes");
                }
            }
        }
    }

    #[test]
    fn a_renamed_entry_finds_its_place_and_a_free_name() {
        let mut entries = vec![
            entry("100644", "a"),
            entry("100644", "m"),
            entry("40000", "s"),
            entry("100644", "z"),
        ];
        rename(&mut entries, &[(3, b"m".to_vec()), (0, b"s.x".to_vec())]);
        let names: Vec<&[u8]> = entries.iter().map(|entry| &entry.name[..]).collect();
        assert_eq!(names, [&b"m"[..], b"m-2", b"s.x", b"s"]);
    }

    #[test]
    fn a_number_stands_before_the_extension() {
        let entries = ["a", "b", "c.pem", ".env", "k-.x y"].map(|name| entry("100644", name));
        let wanted = ["c.pem", ".env", "k-.x y"].map(|name| name.as_bytes().to_vec());
        let wanted: Vec<_> = [0, 1].into_iter().zip(wanted).collect();
        let names = free_names(&entries, &wanted);
        assert_eq!(names, [&b"c-2.pem"[..], b".env-2"]);
    }
}
