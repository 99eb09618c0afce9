//! Parses the input of hooks: the refs that are about to change.

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};

use crate::error::{Error, Result};

/// A ref that a push changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// The ref's name on the receiving side.
    pub name: BString,
    /// Its current value there; `None` if the push creates it.
    pub old: Option<ObjectId>,
    /// Its new value; `None` if the push deletes it.
    pub new: Option<ObjectId>,
}

/// Parses the input of `pre-push`: one `<local ref> <local id> <remote ref> <remote id>` per line.
///
/// # Errors
/// `Usage` if a line is invalid.
pub fn pre_push(input: &[u8]) -> Result<Vec<RefUpdate>> {
    lines(input)
        .map(|line| {
            // The local ref may be any expression; only the last three fields contain no blank.
            let mut fields = line.rsplitn(4, |&byte| byte == b' ');
            let old = fields.next();
            let name = fields.next();
            let new = fields.next();
            match (fields.next(), old, name, new) {
                (Some(_), Some(old), Some(name), Some(new)) => update(name, old, new),
                _ => None,
            }
            .ok_or_else(|| unknown(line))
        })
        .collect()
}

/// Parses the input of `pre-receive`: one `<old id> <new id> <ref>` per line.
///
/// # Errors
/// `Usage` if a line is invalid.
pub fn pre_receive(input: &[u8]) -> Result<Vec<RefUpdate>> {
    lines(input)
        .map(|line| {
            let mut fields = line.splitn(3, |&byte| byte == b' ');
            match (fields.next(), fields.next(), fields.next()) {
                (Some(old), Some(new), Some(name)) => update(name, old, new),
                _ => None,
            }
            .ok_or_else(|| unknown(line))
        })
        .collect()
}

/// Parses the arguments of `update`.
///
/// # Errors
/// `Usage` if an id is invalid.
pub fn update_arguments(name: &[u8], old: &[u8], new: &[u8]) -> Result<RefUpdate> {
    update(name, old, new).ok_or_else(|| unknown(&[old, new].join(&b' ')))
}

/// The line above the diff of `git commit --verbose`. The diff is not part of the message.
const SCISSORS: &[u8] = b"# ------------------------ >8 ------------------------";

/// Returns the message in the file of `commit-msg`. Includes comment lines: whether git removes
/// them depends on its options.
pub fn message(file: &[u8]) -> &[u8] {
    let mut end = 0;
    for line in file.lines_with_terminator() {
        if line.trim_end() == SCISSORS {
            break;
        }
        end += line.len();
    }
    &file[..end]
}

fn lines(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    input.lines().filter(|line| !line.is_empty())
}

fn update(name: &[u8], old: &[u8], new: &[u8]) -> Option<RefUpdate> {
    // An id of zeros means no object.
    let id = |hex: &[u8]| Some(Some(ObjectId::from_hex(hex).ok()?).filter(|id| !id.is_null()));
    Some(RefUpdate {
        name: name.into(),
        old: id(old)?,
        new: id(new)?,
    })
}

fn unknown(line: &[u8]) -> Error {
    Error::usage(format!(
        "cannot understand what git says about this push: '{}'",
        line.as_bstr()
    ))
    .hint("this hook is run by git; to scan a range by hand: 'unleak scan --range A..B'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_updates_new_refs_and_deletions_of_both_formats() {
        let (a, b) = ("1".repeat(40), "2".repeat(40));
        let (zero, long_zero) = ("0".repeat(40), "0".repeat(64));
        let text = format!(
            "HEAD^{{/a b}} {a} refs/heads/x {b}\n(delete) {zero} refs/heads/y {b}\nrefs/heads/z {a} refs/heads/z {long_zero}\n"
        );
        let found = pre_push(text.as_bytes()).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].name, "refs/heads/x");
        assert_eq!(found[0].new.unwrap().to_string(), a);
        assert_eq!(found[0].old.unwrap().to_string(), b);
        assert_eq!(found[1].new, None);
        assert_eq!(found[2].old, None);
        let text = format!("{zero} {a} refs/heads/x\n\n");
        let found = pre_receive(text.as_bytes()).unwrap();
        assert_eq!((found.len(), found[0].old), (1, None));
        assert!(pre_receive(b"no such line\n").is_err());
        assert!(pre_push(b"refs/heads/x 12 refs/heads/x 13\n").is_err());
        assert_eq!(pre_push(b"").unwrap(), []);
    }
}
