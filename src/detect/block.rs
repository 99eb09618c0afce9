//! Secrets with a structure of their own: PEM blocks, PuTTY's key files and JSON web tokens.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD};
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

/// Reads the private key that begins at `at`: a PEM block, a key file of PuTTY, or the base64 of a PEM
/// block alone. A block without an end in the window counts if it goes on to the window's end: long
/// keys, truncated files.
pub fn pem(window: &[u8], at: usize) -> Option<Block> {
    let rest = window.get(at..)?;
    if rest.starts_with(PUTTY) {
        return putty(window, at);
    }
    let Some(rest) = rest.strip_prefix(BEGIN) else {
        return der(window, at);
    };
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

/// Whether the private key at `span` is encrypted, so that nobody can use it without its passphrase: as its
/// label (RFC 5958), its headers (RFC 1421) or its cipher (OpenSSH, PROTOCOL.key) says.
pub fn is_encrypted_key(window: &[u8], span: Span) -> bool {
    /// `openssh-key-v1`, NUL, and the first bytes of the length of the cipher's name.
    const OPENSSH: &[u8] = b"b3BlbnNzaC1rZXktdjEAAAAA";
    /// The rest of that length, and `none`.
    const NONE: &[u8] = b"BG5vbmU";
    let key = &window[span.start..span.end];
    let Some(rest) = key.strip_prefix(BEGIN) else {
        return false;
    };
    let head = &rest[..rest.len().min(MAX_HEADER_LEN)];
    if head.starts_with(b"OPENSSH ") {
        let cipher = memmem::find(head, OPENSSH).map(|at| &head[at + OPENSSH.len()..]);
        return cipher.is_some_and(|cipher| !cipher.starts_with(NONE));
    }
    head.starts_with(b"ENCRYPTED ") || memmem::find(head, b"Proc-Type: 4,ENCRYPTED").is_some()
}

/// The base64 characters of a PEM body: without headers, line ends, and what escapes them when the
/// block stands in JSON or source code.
pub fn key_characters(body: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let lines = body
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.contains(&b':'));
    lines.flat_map(|line| {
        // A backslash at the end of a line escapes nothing on the next one.
        let mut after_backslash = false;
        line.iter().copied().filter(move |&byte| {
            let skip = std::mem::replace(&mut after_backslash, byte == b'\\');
            // PHP escapes slashes in JSON.
            (!skip && byte.is_ascii_alphanumeric()) || matches!(byte, b'+' | b'/' | b'=')
        })
    })
}

const PUTTY: &[u8] = b"PuTTY-User-Key-File-";
const PRIVATE_LINES: &[u8] = b"Private-Lines:";
/// Headers and the public half of a key of 16,384 bits.
const MAX_PUBLIC_LEN: usize = 4096;
/// Type, cipher and comment.
const MAX_HEADER_LEN: usize = 400;
/// The private half of such a key.
const MAX_PRIVATE_LINES: usize = 120;
/// An Ed25519 key has 32 bytes, after their length.
const MIN_PRIVATE_LEN: usize = 40;

/// Reads a key file of PuTTY without a passphrase. It tells how many lines the private half has.
fn putty(window: &[u8], at: usize) -> Option<Block> {
    let rest = &window[at..];
    let public = &rest[..rest.len().min(MAX_PUBLIC_LEN)];
    memmem::find(
        &public[..public.len().min(MAX_HEADER_LEN)],
        b"Encryption: none",
    )?;
    let head = memmem::find(public, PRIVATE_LINES)?;
    let another = memmem::find(&public[PUTTY.len()..head], PUTTY);
    let count_at = at + head + PRIVATE_LINES.len();
    let count = window[count_at..].trim_ascii_start();
    let digits = count
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let lines: usize = std::str::from_utf8(&count[..digits.min(4)])
        .ok()?
        .parse()
        .ok()?;
    let mut end = window.len() - count.len() + digits;
    let mut start = None;
    for _ in 0..lines.min(MAX_PRIVATE_LINES) {
        let line = end + line_end_len(&window[end..]);
        let is_encoded = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/=".contains(*byte);
        let len = window[line..].iter().take_while(is_encoded).count();
        if len == 0 || line == end {
            break;
        }
        start.get_or_insert(line);
        end = line + len;
    }
    let secret = Span::new(start?, end);
    let is_key = another.is_none() && secret.len() >= MIN_PRIVATE_LEN;
    is_key.then_some(Block {
        span: Span::new(at, end),
        secret,
    })
}

/// What follows six characters of base64 in an RSA key: the version, then the modulus or the name of
/// the algorithm. Other keys are known by their first characters.
const RSA_STARTS: [&[u8]; 4] = [b"IBAAKC", b"IBAAKB", b"IBAAJB", b"IBADANBgkqhk"];
const RSA_START_AT: usize = 6;

/// Reads a private key in base64 without the lines around it. Its DER form tells how long it is, so
/// that it ends where it ends, however its lines are wrapped.
fn der(window: &[u8], at: usize) -> Option<Block> {
    let is_rsa = RSA_STARTS
        .iter()
        .any(|start| window[at..].starts_with(start));
    let start = at.checked_sub(if is_rsa { RSA_START_AT } else { 0 })?;
    let is_encoded = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let goes_on = match &window[..start] {
        [.., b'\\', b'n' | b'r'] => false,
        [.., last] => is_encoded(*last),
        [] => false,
    };
    let len = der_len(window.get(start..start + 8)?).filter(|_| !goes_on)?;
    let mut missing = (len * 8).div_ceil(6);
    let mut end = start;
    while missing > 0 && end < window.len() {
        let line = window[end..].iter().take_while(|byte| is_encoded(**byte));
        let taken = line.take(missing).count();
        (missing, end) = (missing - taken, end + taken);
        let gap = if missing > 0 {
            line_end_len(&window[end..])
        } else {
            0
        };
        if missing > 0 && end < window.len() && (taken == 0 || gap == 0) {
            return None;
        }
        end += gap;
    }
    if window.get(end).is_some_and(|&byte| is_encoded(byte)) {
        return None;
    }
    let span = Span::new(start, end);
    Some(Block { span, secret: span })
}

/// The length of the DER sequence that begins with these eight characters of base64.
fn der_len(encoded: &[u8]) -> Option<usize> {
    match BASE64_NOPAD.decode(encoded).ok()?[..] {
        [0x30, len @ 0..=0x7f, ..] => Some(2 + usize::from(len)),
        [0x30, 0x81, len, ..] => Some(3 + usize::from(len)),
        [0x30, 0x82, high, low, ..] => Some(4 + usize::from(u16::from_be_bytes([high, low]))),
        _ => None,
    }
}

/// How many bytes end a line and indent the next one, escaped and quoted as in source code or not.
fn line_end_len(text: &[u8]) -> usize {
    const MAX_LEN: usize = 64;
    let mut len = 0;
    while len < MAX_LEN {
        len += match &text[len..] {
            [b'\\', b'n' | b'r', ..] => 2,
            [b'\\', b'\n' | b'\r', ..] => 2,
            [b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b',', ..] => 1,
            _ => break,
        };
    }
    len
}

/// Shortest part of a JSON web token that counts.
const MIN_PART_LEN: usize = 10;

/// Reads the JSON web token that begins at `at`: three base64url parts joined by dots, or five if its
/// header says that it is encrypted. The second of five is empty if no key is wrapped.
pub fn jwt(window: &[u8], at: usize) -> Option<Block> {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'_' | b'-');
    let mut ends = [at; 5];
    let mut lens = [0; 5];
    let mut parts = 0;
    let mut start = at;
    for part in 0..5 {
        let len = window.get(start..)?.iter().take_while(is_part).count();
        let is_short = len < MIN_PART_LEN;
        if is_short && (part != 1 || len > 0) {
            break;
        }
        (lens[part], ends[part], parts) = (len, start + len, part + 1);
        if window.get(start + len) != Some(&b'.') {
            break;
        }
        start += len + 1;
    }
    let is_signed = parts >= 3 && lens[1] > 0;
    let end = if parts == 5 && is_encrypted(&window[at..ends[0]]) {
        ends[4]
    } else if is_signed {
        ends[2]
    } else {
        return None;
    };
    let span = Span::new(at, end);
    Some(Block { span, secret: span })
}

/// Whether the header of a JSON web token names a cipher (RFC 7516, section 4.1.2).
fn is_encrypted(header: &[u8]) -> bool {
    let header = BASE64URL_NOPAD.decode(header);
    header.is_ok_and(|header| memmem::find(&header, b"\"enc\"").is_some())
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
    fn a_backslash_at_a_lines_end_takes_nothing_of_the_next_line() {
        let body = b"abc\\n\\\nd\\/f\\\nghi\\njkl";
        let key: Vec<u8> = key_characters(body).collect();
        assert_eq!(key, b"abcd/fghijkl");
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

    /// A key file as puttygen writes it, with `lines` lines of the private half.
    fn key_file(lines: usize, end: &str) -> (String, String) {
        let line = "AAAAabcd".repeat(8);
        let private = format!(
            "{}{end}AAAB",
            format!("{line}{end}").repeat(lines - 1) + &line[..60]
        );
        let text = [
            "PuTTY-User-Key-File-3: ssh-rsa",
            "Encryption: none",
            "Comment: a key",
            "Public-Lines: 2",
            &line,
            "AAAA",
            &format!("Private-Lines: {}", lines + 1),
            &private,
            "Private-MAC: 0123abcd0123abcd",
            "",
        ];
        (text.join(end), private)
    }

    #[test]
    fn a_key_file_of_putty_is_read_to_its_last_line() {
        for end in ["\n", "\r\n", "\\n", "\\r\\n", "\n    "] {
            for lines in [1, 14, 28, 80] {
                let (text, private) = key_file(lines, end);
                let found = pem(text.as_bytes(), 0).unwrap();
                assert_eq!(
                    &text[found.secret.start..found.secret.end],
                    private,
                    "{end:?}"
                );
            }
        }
        let (text, _) = key_file(3, "\n");
        let locked = text.replace("none", "aes256-cbc");
        assert_eq!(pem(locked.as_bytes(), 0), None);
        let cut = text.split_once("Private-Lines").unwrap().0.to_owned();
        assert_eq!(pem(format!("{cut}{text}").as_bytes(), 0), None);
        assert_eq!(pem(cut.as_bytes(), 0), None);
        assert_eq!(pem(format!("{cut}Private-Lines: 9").as_bytes(), 0), None);
    }

    #[test]
    fn a_key_without_lines_around_it_ends_where_it_says() {
        let bytes = [&[0x30, 0x77, 2, 1, 1, 4, 32][..], &[0xa5; 0x77 - 5]].concat();
        let key = BASE64_NOPAD.encode(&bytes);
        assert_eq!(key.len(), 162);
        for separator in ["", "\n", "\r\n    ", "\\n", "\\r\\n", "\",\n\""] {
            let lines = [&key[..64], &key[64..128], &key[128..]].join(separator);
            for (before, after) in [
                ("k = '", "=='"),
                ("\\n", "==\\nEND"),
                ("", "\nEND"),
                (" ", ""),
            ] {
                let text = format!("{before}{lines}{after}");
                let found = pem(text.as_bytes(), before.len()).unwrap();
                let secret = &text[found.secret.start..found.secret.end];
                assert_eq!(secret, lines, "{text}");
            }
        }
        let rsa = [
            &[0x30, 0x82, 2, 0x5c, 2, 1, 0, 2, 0x81, 0x81][..],
            &[0xa5; 0x25c - 6],
        ]
        .concat();
        let key = BASE64_NOPAD.encode(&rsa);
        let found = pem(format!("\"{key}\"").as_bytes(), 7).unwrap();
        assert_eq!(found.span, Span::new(1, 1 + key.len()));
        for text in [
            format!("x{key}"),
            format!("{key}x"),
            key[..200].to_owned() + " x.",
        ] {
            let at = text.find("IBAAK").unwrap();
            assert_eq!(pem(text.as_bytes(), at), None);
        }
        for at in 0..8 {
            assert_eq!(pem(b"IBAAKC", at), None);
        }
    }

    #[test]
    fn an_encrypted_token_has_five_parts() {
        let header = BASE64URL_NOPAD.encode(b"{\"alg\":\"dir\",\"enc\":\"A128GCM\"}");
        let part = "abcdefghijkl";
        for key in ["", part] {
            let token = format!("{header}.{key}.{part}.{part}.{part}");
            let found = jwt(format!("{token} ").as_bytes(), 0).unwrap();
            assert_eq!(found.span, Span::new(0, token.len()));
        }
        assert_eq!(jwt(format!("{header}..{part}").as_bytes(), 0), None);
    }

    #[test]
    fn a_token_needs_three_parts() {
        let part = "eyJhbGciOi0";
        assert!(jwt(format!("{part}.{part}.{part}").as_bytes(), 0).is_some());
        assert_eq!(jwt(format!("{part}.{part}").as_bytes(), 0), None);
        assert_eq!(jwt(format!("{part}.{part}.x").as_bytes(), 0), None);
    }
}
