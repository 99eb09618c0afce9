//! Gives new names to paths that hold values: paths of indexes and worktrees, and names of refs, by the
//! same rule as trees. A new name that another entry of the same directory has gets a number.

use std::collections::{BTreeMap, HashMap};

use gix::ObjectId;
use gix::hash::Kind as HashKind;

use crate::purge::find::values;
use crate::purge::find::values::Needles;
use crate::purge::make::tree;
use crate::purge::make::tree::Entry;

/// New paths by old ones.
pub(crate) type NewPaths = HashMap<Vec<u8>, Vec<u8>>;

/// Returns the new path of each of `paths` that changes. Together, `paths` are all there are: the names
/// of a directory are numbered as in a tree with the same entries.
pub(crate) fn new_paths<'p>(
    paths: impl Iterator<Item = &'p [u8]> + Clone,
    needles: &Needles,
    mark: &[u8],
) -> NewPaths {
    let mut wanted: HashMap<&[u8], Option<Vec<u8>>> = HashMap::new();
    let mut has_values = false;
    for part in paths
        .clone()
        .flat_map(|path| path.split(|&byte| byte == b'/'))
    {
        let new = wanted
            .entry(part)
            .or_insert_with(|| values::redact_name(part, needles, mark));
        has_values |= new.is_some();
    }
    if !has_values {
        return NewPaths::new();
    }
    let names = directories(paths.clone(), &wanted);
    let mut new = NewPaths::new();
    for path in paths {
        let (mut parts, mut at) = (Vec::new(), 0);
        for part in path.split(|&byte| byte == b'/') {
            let dir = &path[..at];
            at += part.len() + 1;
            let renamed = names.get(dir).and_then(|names| names.get(part));
            parts.push(renamed.map_or(part, |name| &name[..]));
        }
        let joined = parts.join(&b'/');
        if joined != path {
            new.insert(path.to_vec(), joined);
        }
    }
    new
}

/// The new names in each directory that has such, by the directory's path, which ends in a slash.
fn directories<'p>(
    paths: impl Iterator<Item = &'p [u8]>,
    wanted: &HashMap<&[u8], Option<Vec<u8>>>,
) -> HashMap<&'p [u8], HashMap<&'p [u8], Vec<u8>>> {
    let mut dirs: BTreeMap<&[u8], BTreeMap<&[u8], bool>> = BTreeMap::new();
    for path in paths {
        let mut at = 0;
        for part in path.split(|&byte| byte == b'/') {
            let end = at + part.len();
            let is_dir = end < path.len();
            *dirs
                .entry(&path[..at])
                .or_default()
                .entry(part)
                .or_insert(is_dir) |= is_dir;
            at = end + 1;
        }
    }
    let mut new = HashMap::new();
    for (dir, names) in dirs {
        let is_renamed = |name: &&[u8]| wanted.get(name).is_some_and(Option::is_some);
        if !names.keys().any(is_renamed) {
            continue;
        }
        let mut entries: Vec<Entry> = names
            .iter()
            .map(|(name, &is_dir)| Entry {
                mode: if is_dir { b"40000" } else { &b"100644"[..] }.to_vec(),
                name: name.to_vec(),
                id: ObjectId::null(HashKind::Sha1),
            })
            .collect();
        entries.sort_by(tree::order);
        let renamed: Vec<(usize, Vec<u8>)> = entries
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| Some((at, wanted.get(&entry.name[..])?.clone()?)))
            .collect();
        let free = tree::free_names(&entries, &renamed);
        let by_name = renamed.iter().zip(free).filter_map(|((at, _), name)| {
            let (&old, _) = names.get_key_value(&entries[*at].name[..])?;
            Some((old, name))
        });
        new.insert(dir, by_name.collect());
    }
    new
}
