//! Secrets with a structure of their own: PEM blocks and JSON web tokens.

use memchr::memmem;

use crate::span::Span;

/// A secret found by its structure. Spans are offsets into the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// All of it.
    pub span: Span,
    /// The part that must not be public.
    pub secret: Span,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// `PGP PRIVATE KEY BLOCK` and the like.
const MAX_LABEL_LEN: usize = 40;
/// The shortest private key, Ed25519 in PKCS#8, takes 64 characters.
const MIN_BODY_LEN: usize = 60;

/// Reads the PEM block of a private key that begins at `at`. A block without an end in the window
/// counts if it goes on to the window's end: long keys, truncated files.
pub fn pem(window: &[u8], at: usize) -> Option<Block> {
    let rest = window.get(at..)?.strip_prefix(BEGIN)?;
    let label_len = memmem::find(&rest[..rest.len().min(MAX_LABEL_LEN)], b"-----")?;
    let label = &rest[..label_len];
    if !(label.ends_with(b"PRIVATE KEY") || label == b"PGP PRIVATE KEY BLOCK") {
        return None;
    }
    let body_start = at + BEGIN.len() + label_len + 5;
    let body_len = memmem::find(&window[body_start..], END);
    let body = Span::new(
        body_start,
        body_len.map_or(window.len(), |len| body_start + len),
    );
    let end = match body_len {
        None => body.end,
        Some(_) => (body.end + END.len() + label_len + 5).min(window.len()),
    };
    let encoded = key_characters(&window[body.start..body.end]).count();
    // Placeholder bodies are a few words or dots; keys are nearly all base64.
    let is_key = encoded >= MIN_BODY_LEN && encoded * 10 >= body.len() * 7;
    is_key.then_some(Block {
        span: Span::new(at, end),
        secret: body,
    })
}

/// The base64 characters of a PEM body: without headers, line ends, and what escapes them when the
/// block stands in JSON or source code.
pub fn key_characters(body: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut after_backslash = false;
    let lines = body
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.contains(&b':'));
    lines.flatten().copied().filter(move |&byte| {
        let skip = std::mem::replace(&mut after_backslash, byte == b'\\');
        !skip && (byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
    })
}

/// Shortest part of a JSON web token that counts.
const MIN_PART_LEN: usize = 10;

/// Reads the JSON web token that begins at `at`: three base64url parts joined by dots.
pub fn jwt(window: &[u8], at: usize) -> Option<Block> {
    let mut end = at;
    for part in 0..3 {
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_' || **byte == b'-';
        let len = window[end..].iter().take_while(is_part).count();
        if len < MIN_PART_LEN {
            return None;
        }
        end += len;
        if part < 2 {
            if window.get(end) != Some(&b'.') {
                return None;
            }
            end += 1;
        }
    }
    let span = Span::new(at, end);
    Some(Block { span, secret: span })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, body: &str) -> Vec<u8> {
        format!("-----BEGIN {label}-----{body}-----END {label}-----\nrest").into_bytes()
    }

    #[test]
    fn finds_keys_with_real_and_escaped_line_ends() {
        let line = "MIIEabcd".repeat(8);
        for separator in ["\n", "\r\n", "\\n", "\\r\\n"] {
            let text = block(
                "RSA PRIVATE KEY",
                &format!("{separator}{line}{separator}{line}{separator}"),
            );
            let found = pem(&text, 0).unwrap();
            assert_eq!(&text[found.span.end..], b"\nrest");
            let key: Vec<u8> =
                key_characters(&text[found.secret.start..found.secret.end]).collect();
            assert_eq!(key, format!("{line}{line}").as_bytes(), "{separator:?}");
        }
    }

    #[test]
    fn refuses_public_keys_and_placeholders() {
        assert_eq!(pem(&block("PUBLIC KEY", &"MIIE".repeat(40)), 0), None);
        assert_eq!(pem(&block("RSA PRIVATE KEY", "\n...\n"), 0), None);
        assert_eq!(
            pem(&block("RSA PRIVATE KEY", "\nyour key goes here\n"), 0),
            None
        );
    }

    #[test]
    fn a_token_needs_three_parts() {
        let part = "eyJhbGciOi0";
        assert!(jwt(format!("{part}.{part}.{part}").as_bytes(), 0).is_some());
        assert_eq!(jwt(format!("{part}.{part}").as_bytes(), 0), None);
        assert_eq!(jwt(format!("{part}.{part}.x").as_bytes(), 0), None);
    }
}
