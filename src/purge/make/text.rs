//! Patches the text of commits and annotated tags.

use gix::ObjectId;
use gix::hash::Kind as HashKind;

use crate::finding::Parts;
use crate::purge::find::headers::{Header, headers};
use crate::span::Span;

/// A stretch of a commit's or tag's text that is replaced.
pub type Replacement = (Span, Vec<u8>);

/// Where the ids stand that `text` names in headers called `name`: the bytes of each, and the id.
pub fn named_ids(text: &[u8], name: &[u8]) -> Vec<(Span, ObjectId)> {
    let (headers, _) = headers(text);
    let named = headers.iter().filter(|header| header.name == name);
    named
        .filter_map(|header| {
            let start = header.span.start + name.len() + 1;
            let line = text.get(start..header.span.end)?;
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            Some((
                Span::new(start, start + line.len()),
                ObjectId::from_hex(line).ok()?,
            ))
        })
        .collect()
}

/// The ids of the tree and the parents of a commit whose header begins with them, as git writes it, with
/// nothing in the rest of the header that depends on them; else `None`.
pub fn leading_ids(text: &[u8], hex_len: usize) -> Option<Vec<(Span, ObjectId)>> {
    let mut ids = Vec::with_capacity(3);
    let mut at = 0;
    loop {
        let name: &[u8] = if ids.is_empty() { b"tree " } else { b"parent " };
        if !text[at..].starts_with(name) {
            break;
        }
        let start = at + name.len();
        let end = start + hex_len;
        if text.get(end) != Some(&b'\n') {
            return None;
        }
        ids.push((
            Span::new(start, end),
            ObjectId::from_hex(&text[start..end]).ok()?,
        ));
        at = end + 1;
    }
    if ids.is_empty() {
        return None;
    }
    for line in text[at..].split_inclusive(|&byte| byte == b'\n') {
        if line == b"\n" {
            return Some(ids);
        }
        let others: [&[u8]; 4] = [b"tree", b"parent", b"gpgsig", b"mergetag"];
        if others.iter().any(|name| line.starts_with(name)) {
            return None;
        }
    }
    Some(ids)
}

/// Signatures over `text` itself: header blocks of commits and tags, and what git appends to tags.
pub fn signatures(text: &[u8], is_tag: bool) -> Vec<Span> {
    let (headers, message) = headers(text);
    let is_signature = |header: &&Header<'_>| matches!(header.name, b"gpgsig" | b"gpgsig-sha256");
    let mut found: Vec<Span> = headers
        .iter()
        .filter(is_signature)
        .map(|header| header.span)
        .collect();
    if is_tag {
        // As git: from the last line that begins a signature to the end.
        let mut at = message;
        let mut start = None;
        for line in text[message..].split_inclusive(|&byte| byte == b'\n') {
            if SIGNATURE_STARTS.iter().any(|begin| line.starts_with(begin)) {
                start = Some(at);
            }
            at += line.len();
        }
        found.extend(start.map(|start| Span::new(start, text.len())));
    }
    found
}

/// Puts a signature over `text` where git does: at the end of a tag, in a header of a commit.
pub fn signed(text: &[u8], signature: &[u8], is_tag: bool, hash: HashKind) -> Vec<u8> {
    if is_tag {
        return [text, signature].concat();
    }
    let name: &[u8] = match hash {
        HashKind::Sha1 => b"gpgsig",
        _ => b"gpgsig-sha256",
    };
    let mut header = name.to_vec();
    for line in signature.trim_ascii_end().split(|&byte| byte == b'\n') {
        header.push(b' ');
        header.extend_from_slice(line);
        header.push(b'\n');
    }
    let (headers, _) = headers(text);
    let end = headers.last().map_or(0, |last| last.span.end);
    splice(text, vec![(Span::new(end, end), header)])
}

const SIGNATURE_STARTS: [&[u8]; 4] = [
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
    b"-----BEGIN SSH SIGNATURE-----",
];

/// Copies of merged tags in the header of a commit, and the object that each names.
pub fn merged_tags(text: &[u8]) -> Vec<(Span, Option<ObjectId>)> {
    let (headers, _) = headers(text);
    let tags = headers.iter().filter(|header| header.name == b"mergetag");
    tags.map(|header| {
        let body = &text[header.span.start..header.span.end];
        let id = body.strip_prefix(b"mergetag object ").and_then(|rest| {
            let line = rest.split(|&byte| byte == b'\n').next()?;
            ObjectId::from_hex(line).ok()
        });
        (header.span, id)
    })
    .collect()
}

/// Whether `span` of a commit's text holds what git reads as structure: an id. Such bytes are never
/// redacted.
pub fn is_structure(text: &[u8], span: Span) -> bool {
    let (headers, message) = headers(text);
    span.start < message
        && headers.iter().any(|header| {
            header.span.overlaps(span)
                && matches!(
                    header.name,
                    b"tree" | b"parent" | b"object" | b"type" | b"encoding"
                )
        })
}

/// Which part of a commit or tag it is, for people.
pub fn part_name(text: &[u8], span: Span) -> &'static str {
    Parts::of(text).at(span.start).name()
}

/// Puts `replacements` into `text`. Of those that share bytes the longer one counts: a header that
/// goes takes with it what stands in it.
pub fn splice(text: &[u8], mut replacements: Vec<Replacement>) -> Vec<u8> {
    replacements.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for (span, bytes) in replacements {
        if span.start < at {
            continue;
        }
        out.extend_from_slice(&text[at..span.start]);
        out.extend(bytes);
        at = span.end;
    }
    out.extend_from_slice(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purge::find::headers::quoted;

    const TEXT: &[u8] = b"tree 1111111111111111111111111111111111111111\nparent 2222222222222222222222222222222222222222\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\ngpgsig -----BEGIN\n line\n -----END\nmergetag object 3333333333333333333333333333333333333333\n type commit\n\nsee 1234567 and abcdefg, deadbeef.\n";

    #[test]
    fn headers_are_told_apart_with_their_continuation() {
        let at = |span: Span| String::from_utf8_lossy(&TEXT[span.start..span.end]).into_owned();
        let found = signatures(TEXT, false);
        assert_eq!(found.len(), 1);
        assert_eq!(at(found[0]), "gpgsig -----BEGIN\n line\n -----END\n");
        let tags = merged_tags(TEXT);
        assert_eq!(tags[0].1.unwrap().to_string(), "3".repeat(40));
        assert_eq!(named_ids(TEXT, b"parent")[0].1.to_string(), "2".repeat(40));
        let words: Vec<String> = quoted(TEXT).into_iter().map(at).collect();
        assert_eq!(words, ["1234567", "deadbeef"]);
    }

    #[test]
    fn leading_ids_are_those_that_headers_name_or_none() {
        let hex = |digit: &str| digit.repeat(40);
        let plain = format!(
            "tree {}\nparent {}\nparent {}\nauthor A <a> 1 +0000\n\nparent {}\n",
            hex("1"),
            hex("2"),
            hex("3"),
            hex("4")
        );
        let plain = plain.as_bytes();
        let named = [named_ids(plain, b"tree"), named_ids(plain, b"parent")].concat();
        assert_eq!(leading_ids(plain, 40), Some(named));
        assert_eq!(leading_ids(TEXT, 40), None, "it is signed");
        assert_eq!(leading_ids(plain, 64), None, "ids are too short");
        let late = format!(
            "tree {}\nauthor A <a> 1 +0000\nparent {}\n\n",
            hex("1"),
            hex("2")
        );
        assert_eq!(
            leading_ids(late.as_bytes(), 40),
            None,
            "a parent comes late"
        );
        assert_eq!(leading_ids(b"author A <a> 1 +0000\n\n", 40), None);
    }

    #[test]
    fn a_longer_replacement_takes_in_shorter_ones() {
        let spans = vec![
            (Span::new(2, 3), b"x".to_vec()),
            (Span::new(1, 4), Vec::new()),
            (Span::new(5, 6), b"yy".to_vec()),
        ];
        assert_eq!(splice(b"0123456", spans), b"04yy6");
    }
}
