//! Lets configuration follow refs that get new names: sections of branches and remotes, and the keys that
//! name refs. Everything else in a configuration is text, and stays here as it is.
//!
//! Syntax: git-config(1), "Syntax". A value that goes on in the next line is left to the search of text.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::purge::apply::changes::FileChange;
use crate::purge::find::values;
use crate::purge::find::values::Needles;

/// Files with settings in a `.git` directory.
const FILES: [&str; 2] = ["config", "config.worktree"];

/// New names of refs and of directories of refs.
pub(crate) struct RenamedRefs<'n> {
    by_old: BTreeMap<Vec<u8>, Vec<u8>>,
    needles: &'n Needles,
    mark: &'n [u8],
}

impl<'n> RenamedRefs<'n> {
    /// The names of refs that are `renamed`: old and new ones, with `refs/` before them.
    pub(crate) fn new<'r>(
        renamed: impl Iterator<Item = (&'r [u8], &'r [u8])>,
        needles: &'n Needles,
        mark: &'n [u8],
    ) -> Self {
        let mut by_old = BTreeMap::new();
        for (old, new) in renamed {
            let ends = |name: &[u8]| -> Vec<usize> {
                memchr::memchr_iter(b'/', name)
                    .chain([name.len()])
                    .collect()
            };
            let (old_ends, new_ends) = (ends(old), ends(new));
            // A value with a slash in it makes one part of several.
            if old_ends.len() != new_ends.len() {
                by_old.insert(old.to_vec(), new.to_vec());
                continue;
            }
            for (old_end, new_end) in old_ends.into_iter().zip(new_ends) {
                if old[..old_end] != new[..new_end] {
                    by_old.insert(old[..old_end].to_vec(), new[..new_end].to_vec());
                }
            }
        }
        Self {
            by_old,
            needles,
            mark,
        }
    }

    /// The name that `name` has then, a full one; `None` if it keeps its own.
    fn full(&self, name: &[u8]) -> Option<Vec<u8>> {
        if let Some(new) = self.by_old.get(name) {
            return Some(new.clone());
        }
        // A directory of refs, as in a refspec with an asterisk.
        let ends = memchr::memrchr_iter(b'/', name);
        let mut dirs = ends.filter_map(|end| Some((end, self.by_old.get(&name[..end])?)));
        let moved = dirs
            .next()
            .map(|(end, dir)| [&dir[..], &name[end..]].concat());
        let cleaned =
            values::redact_name(moved.as_deref().unwrap_or(name), self.needles, self.mark);
        cleaned.or(moved)
    }

    fn below(&self, top: &str, name: &[u8]) -> Option<Vec<u8>> {
        let full = self.full(&[top.as_bytes(), name].concat())?;
        full.strip_prefix(top.as_bytes()).map(<[u8]>::to_vec)
    }

    fn branch(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.below("refs/heads/", name)
    }

    fn remote(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.below("refs/remotes/", name)
    }

    /// The name that the branch `name`, a full one, of a remote gets there: that of the ref that follows it.
    fn on_remote(&self, remote: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let short = name.strip_prefix(b"refs/heads/")?;
        let tracking = [b"refs/remotes/", remote, b"/", short].concat();
        let new = self.full(&tracking)?;
        let remote = self.remote(remote).unwrap_or_else(|| remote.to_vec());
        let top = [b"refs/remotes/", &remote[..], b"/"].concat();
        let new = [b"refs/heads/", new.strip_prefix(&top[..])?].concat();
        (new != name).then_some(new)
    }

    /// A refspec with the new names on both of its sides.
    fn refspec(&self, spec: &[u8]) -> Option<Vec<u8>> {
        let (force, rest) = match spec.split_first() {
            Some((b'+', rest)) => (&b"+"[..], rest),
            Some((b'^', rest)) => (&b"^"[..], rest),
            _ => (&b""[..], spec),
        };
        let sides: Vec<&[u8]> = rest.split(|&byte| byte == b':').collect();
        let new: Vec<Option<Vec<u8>>> = sides.iter().map(|side| self.full(side)).collect();
        if new.iter().all(Option::is_none) {
            return None;
        }
        let sides = sides.iter().zip(&new);
        let sides: Vec<&[u8]> = sides
            .map(|(side, new)| new.as_deref().unwrap_or(side))
            .collect();
        Some([force, &sides.join(&b':')].concat())
    }

    /// What the value of a key is to be.
    fn value(
        &self,
        section: &Section,
        (key, value): (&[u8], &[u8]),
        upstreams: &Upstreams,
    ) -> Option<Vec<u8>> {
        let upstream = section.sub.as_ref().and_then(|sub| upstreams.get(sub));
        let name = section.name.to_ascii_lowercase();
        match (&name[..], &key.to_ascii_lowercase()[..]) {
            (b"branch", b"merge") => match upstream {
                Some(remote) if remote != b"." => self.on_remote(remote, value),
                _ => self.full(value),
            },
            (b"branch", b"remote" | b"pushremote")
            | (b"remote", b"pushdefault")
            | (b"checkout", b"defaultremote") => self.remote(value),
            (b"remote", b"fetch" | b"push") => self.refspec(value),
            (b"init", b"defaultbranch") => self.branch(value),
            _ => None,
        }
    }
}

/// The head of a section.
struct Section {
    name: Vec<u8>,
    sub: Option<Vec<u8>>,
    /// Where the text between the quotes stands in its line.
    span: (usize, usize),
    /// Where the head ends.
    end: usize,
}

/// The section that begins in `line`.
fn section(line: &[u8]) -> Option<Section> {
    let start = line.len() - line.trim_ascii_start().len();
    let inner = line[start..].strip_prefix(b"[")?;
    let name_len = inner
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        .count();
    let name = inner[..name_len].to_vec();
    let mut at = start + 1 + name_len;
    while line.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    if line.get(at) == Some(&b']') {
        let (sub, span, end) = (None, (at, at), at + 1);
        return Some(Section {
            name,
            sub,
            span,
            end,
        });
    }
    if line.get(at) != Some(&b'"') {
        return None;
    }
    let first = at + 1;
    let (mut sub, mut at) = (Vec::new(), first);
    loop {
        match *line.get(at)? {
            b'"' => break,
            b'\\' => {
                at += 1;
                sub.push(*line.get(at)?);
            }
            byte => sub.push(byte),
        }
        at += 1;
    }
    (line.get(at + 1) == Some(&b']')).then_some(Section {
        name,
        sub: Some(sub),
        span: (first, at),
        end: at + 2,
    })
}

/// The key of a line and where its value stands, if the value is plain or in one pair of quotes.
fn assignment(line: &[u8]) -> Option<(&[u8], usize, usize)> {
    let equals = memchr::memchr(b'=', line)?;
    let key = line[..equals].trim_ascii();
    let rest = &line[equals + 1..];
    let start = equals + 1 + (rest.len() - rest.trim_ascii_start().len());
    let text = &line[start..];
    if let Some(inner) = text.strip_prefix(b"\"") {
        let len = memchr::memchr(b'"', inner)?;
        return Some((key, start + 1, start + 1 + len));
    }
    let len = memchr::memchr2(b'#', b';', text).unwrap_or(text.len());
    let len = text[..len].trim_ascii_end().len();
    (!text[..len].contains(&b'\\')).then_some((key, start, start + len))
}

/// Remotes of branches, by these.
type Upstreams = BTreeMap<Vec<u8>, Vec<u8>>;

fn upstreams(text: &[u8]) -> Upstreams {
    let mut found = Upstreams::new();
    let mut branch = None;
    for line in text.split(|&byte| byte == b'\n') {
        let mut rest = line;
        if let Some(head) = section(line) {
            rest = &line[head.end..];
            let is_branch = head.name.eq_ignore_ascii_case(b"branch");
            branch = head.sub.filter(|_| is_branch);
        }
        if let (Some(branch), Some((key, start, end))) = (&branch, assignment(rest))
            && key.eq_ignore_ascii_case(b"remote")
        {
            found.insert(branch.clone(), rest[start..end].to_vec());
        }
    }
    found
}

/// Returns the configuration `text` with new names of refs and remotes.
fn renamed(text: &[u8], names: &RenamedRefs<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let upstreams = upstreams(text);
    let mut current: Option<Section> = None;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let mut rest = line;
        if let Some(found) = section(line) {
            let new =
                found
                    .sub
                    .as_ref()
                    .and_then(|sub| match &found.name.to_ascii_lowercase()[..] {
                        b"branch" => names.branch(sub),
                        b"remote" => names.remote(sub),
                        _ => None,
                    });
            out.extend_from_slice(&line[..found.span.0]);
            match new {
                Some(new) => out.extend(escaped(&new)),
                None => out.extend_from_slice(&line[found.span.0..found.span.1]),
            }
            out.extend_from_slice(&line[found.span.1..found.end]);
            rest = &line[found.end..];
            current = Some(found);
        }
        let value = current.as_ref().and_then(|section| {
            let (key, start, end) = assignment(rest)?;
            let new = names.value(section, (key, &rest[start..end]), &upstreams)?;
            Some((start, end, new))
        });
        match value {
            Some((start, end, new)) => {
                out.extend_from_slice(&rest[..start]);
                out.extend(new);
                out.extend_from_slice(&rest[end..]);
            }
            None => out.extend_from_slice(rest),
        }
    }
    out
}

/// A name as it stands between the quotes of a section's head.
fn escaped(name: &[u8]) -> Vec<u8> {
    let escape = |&byte: &u8| match byte {
        b'"' | b'\\' => vec![b'\\', byte],
        _ => vec![byte],
    };
    name.iter().flat_map(escape).collect()
}

/// What becomes of the configuration in `dirs`, the `.git` directories of a repository and its worktrees.
pub(crate) fn changes(common: &Path, dirs: &[PathBuf], names: &RenamedRefs<'_>) -> Vec<FileChange> {
    let files = dirs.iter().flat_map(|dir| FILES.map(|name| dir.join(name)));
    let changed = files.filter_map(|path| {
        let text = fs::read(&path).ok()?;
        let new = renamed(&text, names);
        (new != text).then(|| FileChange::new(common, &path, Some(new)))
    });
    changed.collect()
}
