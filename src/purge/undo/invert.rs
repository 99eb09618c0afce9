//! Inverts changes of text line by line, each line only where it still is as it was changed to. Lines
//! that were added since stay.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::odb::ObjectId;
use crate::purge::apply::carried::Carried;
use crate::purge::apply::changes::PreviousObjects;

/// The changed lines of a text by what they became; of equal ones, those that come first.
struct ChangedLines<'t> {
    by_new: HashMap<&'t [u8], VecDeque<usize>>,
    next: usize,
}

impl<'t> ChangedLines<'t> {
    fn of(lines: impl Iterator<Item = (usize, &'t [u8])>) -> Self {
        let mut by_new: HashMap<&[u8], VecDeque<usize>> = HashMap::new();
        for (number, line) in lines {
            by_new.entry(line).or_default().push_back(number);
        }
        Self { by_new, next: 0 }
    }

    /// The number of the line that became `line`: the next one in order, else any that is left.
    fn take(&mut self, line: &[u8]) -> Option<usize> {
        let numbers = self.by_new.get_mut(line)?;
        let at = numbers.iter().position(|&number| number >= self.next);
        let number = numbers.remove(at.unwrap_or(0))?;
        self.next = number + 1;
        Some(number)
    }
}

fn split(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|&byte| byte == b'\n').collect()
}

/// Returns `is` with those lines as in `was` that are as in `new`, which was made of `was`; and the number
/// of changed lines that are not in `is` any more.
pub(crate) fn lines(is: &[u8], new: &[u8], was: &[u8]) -> (Vec<u8>, usize) {
    let (new, was) = (split(new), split(was));
    // A value over several lines became fewer: what is before and behind it is as it was.
    let same = |pair: &(&&[u8], &&[u8])| pair.0 == pair.1;
    let before = new.iter().zip(&was).take_while(same).count();
    let most = new.len().min(was.len()) - before;
    let behind = new.iter().rev().zip(was.iter().rev());
    let behind = behind.take(most).take_while(same).count();
    let (new_middle, was_middle) = (
        &new[before..new.len() - behind],
        &was[before..was.len() - behind],
    );
    let is = split(is);
    if new_middle.len() != was_middle.len() {
        let found = is
            .windows(new_middle.len().max(1))
            .position(|window| window == new_middle);
        return match found {
            Some(at) => {
                let end = at + new_middle.len();
                ([&is[..at], was_middle, &is[end..]].concat().concat(), 0)
            }
            None => (is.concat(), new_middle.len().max(1)),
        };
    }
    let pairs = new_middle.iter().zip(was_middle).enumerate();
    let changed = pairs.filter(|(_, (new, was))| new != was);
    let mut changed = ChangedLines::of(changed.map(|(number, (new, _))| (number, *new)));
    let mut out = Vec::new();
    for line in is {
        match changed.take(line) {
            Some(number) => out.extend_from_slice(was_middle[number]),
            None => out.extend_from_slice(line),
        }
    }
    let left = changed.by_new.values().map(VecDeque::len).sum();
    (out, left)
}

/// Message of entries that moving refs adds.
const MESSAGE: &[u8] = b"\tpurge\n";

/// Message of entries for commits that were brought over.
const CARRIED_MESSAGE: &[u8] = b"\tpurge undo: put on the restored history\n";

/// Returns the reflog `is` with its lines as in `was` that are as in `new`, which was made of `was` line by
/// line. Entries for what was `moved` by a purge or its undoing go; those that people added stay, with
/// the restored objects.
pub(crate) fn log(
    is: &[u8],
    new: &[u8],
    was: &[u8],
    before: &PreviousObjects,
    moved: &HashSet<(ObjectId, ObjectId)>,
    carried: &Carried,
) -> Vec<u8> {
    let (new, was) = (split(new), split(was));
    // Deleting an entry changes the old id of the next.
    fn rest(line: &[u8]) -> &[u8] {
        let end = memchr::memchr(b' ', line).map_or(0, |blank| blank + 1);
        &line[end..]
    }
    let is_paired = new.len() == was.len();
    let numbered = new.iter().enumerate().filter(|_| is_paired);
    let mut changed = ChangedLines::of(numbered.map(|(number, line)| (number, rest(line))));
    let mut out = Vec::with_capacity(is.len());
    for line in split(is) {
        let ids = ids(line);
        if let Some(number) = changed.take(rest(line)) {
            let old = &line[..line.len() - rest(line).len()];
            let expected = &new[number][..new[number].len() - rest(new[number]).len()];
            if old == expected {
                out.extend_from_slice(was[number]);
            } else {
                out.extend(mapped(line, before));
                out.truncate(out.len() - rest(line).len());
                out.extend_from_slice(rest(was[number]));
            }
            continue;
        }
        let is_ours = line.ends_with(MESSAGE) && ids.is_some_and(|pair| moved.contains(&pair));
        match ids {
            Some((old, new)) if is_ours && carried.of(&old) == Some(new) => {
                out.extend_from_slice(&line[..line.len() - MESSAGE.len()]);
                out.extend_from_slice(CARRIED_MESSAGE);
            }
            _ if is_ours => {}
            _ => out.extend(mapped(line, before)),
        }
    }
    out
}

/// The ids of an entry.
fn ids(line: &[u8]) -> Option<(ObjectId, ObjectId)> {
    let mut words = line.splitn(3, |&byte| byte == b' ');
    let mut id = || ObjectId::from_hex(words.next()?).ok();
    Some((id()?, id()?))
}

/// An entry that names what objects were that the purge made.
fn mapped(line: &[u8], before: &PreviousObjects) -> Vec<u8> {
    let mut line = line.to_vec();
    if let Some((old, new)) = ids(&line) {
        let len = old.to_string().len();
        for (start, id) in [(0, old), (len + 1, new)] {
            if let Some(was) = before.of(&id) {
                line[start..start + len].copy_from_slice(was.to_string().as_bytes());
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_inverted_where_they_still_stand() {
        let (was, new) = (b"a\nkey 1\nb\nkey 2\n", b"a\nkey -\nb\nkey -\n");
        let said = |is: &[u8]| {
            let (text, left) = lines(is, new, was);
            (String::from_utf8(text).unwrap(), left)
        };
        assert_eq!(said(new), ("a\nkey 1\nb\nkey 2\n".to_owned(), 0));
        assert_eq!(
            said(b"x\na\nkey -\nb\nkey 9\n"),
            ("x\na\nkey 1\nb\nkey 9\n".to_owned(), 1)
        );
        assert_eq!(said(b""), (String::new(), 2));
    }

    #[test]
    fn values_of_several_lines_are_put_back_whole() {
        let (was, new) = (b"a\n1\n2\n3\nb\n", b"a\n-\nb\n");
        assert_eq!(
            lines(b"a\n-\nb\nmore\n", new, was),
            (b"a\n1\n2\n3\nb\nmore\n".to_vec(), 0)
        );
        assert_eq!(lines(b"a\nb\n", new, was), (b"a\nb\n".to_vec(), 1));
    }
}
