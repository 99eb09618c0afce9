//! A text that is one value and nothing else, as in `master.key`, `.vault_pass` or a mounted Secret.
//!
//! The bytes alone do not tell a password from any other word. So what is found here is reported only
//! where the path of the file says so: `audit` decides that once it knows all paths of a blob.

use super::checksum::{self, Outcome};
use super::entropy::{Classes, is_random_mix, is_regular};
use super::placeholder::{
    is_config_word, is_encrypted, is_placeholder, is_published, is_reference,
};
use super::score::{Reason, Reasons, looks_random};
use crate::rule::{Check, Confidence};
use crate::span::Span;

/// Longer texts are no single value that somebody typed or a tool made.
const MAX_LEN: usize = 512;
/// Longest name of a user or host before it.
const MAX_USER_LEN: usize = 64;
/// Shorter ones are numbers and flags.
const MIN_LEN: usize = 6;

/// Returns where the value stands that is all of `bytes` but a byte order mark, line ends, and the name of
/// the user before it: `user:value`, a line of a password file of PostgreSQL, or two lines.
pub(super) fn value(bytes: &[u8]) -> Option<Span> {
    if bytes.len() > MAX_LEN + 2 * MAX_USER_LEN {
        return None;
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = text.trim_ascii_end();
    let from = bytes.len() - bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).len();
    let user = behind_user(text).filter(|user| text.len() - user >= MIN_LEN);
    let start = user.unwrap_or(0);
    let value = &text[start..];
    // A line of `/etc/passwd` has no password: `root:x:0:0:root:/root:/bin/sh`.
    let is_account = value.starts_with(b"x:") || value.starts_with(b"*:");
    let is_value = (MIN_LEN..=MAX_LEN).contains(&value.len())
        && !is_account
        && !value
            .iter()
            .any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
        && std::str::from_utf8(value).is_ok();
    is_value.then(|| Span::new(from + start, from + text.len()))
}

/// Where the value begins behind a user's name.
fn behind_user(text: &[u8]) -> Option<usize> {
    let len = text
        .iter()
        .take(MAX_USER_LEN + 1)
        .position(|byte| b":\r\n".contains(byte))?;
    let (user, rest) = text.split_at(len);
    let letters = user.iter().filter(|byte| byte.is_ascii_lowercase()).count();
    let digits = user.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_host =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-@".contains(byte);
    let is_user = letters >= 3 && digits <= 3 && user.iter().all(is_host);
    match rest {
        [b':', more @ ..] => {
            // `host:port:database:user:password`
            let mut fields = more.splitn(4, |byte| *byte == b':');
            let port = fields.next().unwrap_or_default();
            let is_port = port == b"*" || (!port.is_empty() && port.iter().all(u8::is_ascii_digit));
            let password = fields.nth(2);
            match password {
                Some(password) if is_port && (is_user || user == b"*") => {
                    Some(text.len() - password.len())
                }
                _ => is_user.then_some(len + 1),
            }
        }
        [b'\r', b'\n', ..] => is_user.then_some(len + 2),
        [b'\n', ..] => is_user.then_some(len + 1),
        _ => None,
    }
}

/// The most that can be said of a value in a file whose name means a secret; `None` if it is none.
pub(super) fn judge(value: &[u8]) -> Option<(Confidence, Reasons)> {
    let lower = value.to_ascii_lowercase();
    let is_address = memchr::memmem::find(value, b"://").is_some();
    if is_placeholder(value)
        || is_reference(value, true)
        || is_encrypted(value)
        || is_published(value)
        || is_regular(value)
        || is_config_word(&lower)
        || is_address
        || is_name(value)
    {
        return None;
    }
    let mut reasons = Reasons::default();
    let classes = Classes::of(value);
    let confidence = if is_key_of_rails(value) {
        reasons.add(Reason::RandomValue);
        Confidence::High
    } else if looks_random(value, classes) || is_random_mix(value) || is_capitals(value) {
        reasons.add(Reason::RandomValue);
        Confidence::Medium
    } else if classes.kinds() >= 3 && checksum::run(Check::Password, value) == Outcome::Plausible {
        reasons.add(Reason::MixedCharacters);
        Confidence::Medium
    } else {
        reasons.add(Reason::PlainWord);
        Confidence::Low
    };
    Some((confidence, reasons))
}

/// What `rails credentials:edit` writes: 16 random bytes in hexadecimal.
fn is_key_of_rails(value: &[u8]) -> bool {
    value.len() == 32
        && value
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
        && looks_random(value, Classes::of(value))
}

/// The cookie that Erlang makes is twenty random capitals; no word has so many.
fn is_capitals(value: &[u8]) -> bool {
    value.len() >= 20 && value.iter().all(u8::is_ascii_uppercase)
}

/// A path, the name of a file, a version or a number: what symbolic links and small files hold.
fn is_name(value: &[u8]) -> bool {
    let is_path_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-~+@".contains(byte);
    let slashes = value.iter().filter(|byte| **byte == b'/').count();
    let starts = value.starts_with(b"./") || value.starts_with(b"../") || value.starts_with(b"~/");
    let words = value.split(|byte| b"/._-".contains(byte));
    let is_wordy = words.clone().filter(|word| is_plain_word(word)).count() * 2 >= words.count();
    let is_path = slashes > 0 && value.iter().all(is_path_byte) && (starts || is_wordy);
    let tail = value
        .rsplit(|byte| *byte == b'.')
        .next()
        .unwrap_or_default();
    let is_file = tail.len() < value.len()
        && (1..=5).contains(&tail.len())
        && tail.iter().all(u8::is_ascii_lowercase)
        && value.iter().all(is_path_byte)
        && is_wordy;
    let is_number = value
        .iter()
        .all(|byte| byte.is_ascii_digit() || b".-+:v".contains(byte));
    is_path || is_file || is_number
}

fn is_plain_word(word: &[u8]) -> bool {
    word.is_empty()
        || word.iter().all(u8::is_ascii_lowercase)
        || word.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Option<Confidence> {
        let span = value(text.as_bytes())?;
        judge(&text.as_bytes()[span.start..span.end]).map(|(confidence, _)| confidence)
    }

    #[test]
    fn one_value_is_all_that_counts() {
        // Put together here, so that this file passes a scan.
        let hex = ["3f9a1c07be5d", "42e8a6b0917c", "5d3e8f21"].concat();
        assert_eq!(judged(&hex), Some(Confidence::High));
        assert_eq!(
            judged(&format!("\u{feff}{hex}\r\n\n")),
            Some(Confidence::High)
        );
        assert_eq!(
            judged(&["S0mmer", "!2019"].concat()),
            Some(Confidence::Medium)
        );
        assert_eq!(judged("sunshine\n"), Some(Confidence::Low));
        for text in [
            "one\ntwo\nthree\n",
            "1.2.3\n",
            "../lib/secret.txt",
            "v1.20.3",
            "{{ password }}",
            "two words\n",
            "a\nb\n",
            "main.key",
            "https://example.org/a",
            "20240101123000",
            "changeme",
            "",
            "abc",
        ] {
            assert_eq!(judged(text), None, "{text}");
        }
    }

    #[test]
    fn a_user_before_the_value_is_no_part_of_it() {
        for (text, expected) in [
            ("backup:S0mmer!:x9", "S0mmer!:x9"),
            ("ann@example.org:S0mmer!9\n", "S0mmer!9"),
            ("ann\r\nS0mmer!9\r\n", "S0mmer!9"),
            ("db.example.org:6000:*:app:S0mmer!9\n", "S0mmer!9"),
            ("*:*:*:app:S0mmer!9", "S0mmer!9"),
            ("x7:Kd92mmer", "x7:Kd92mmer"),
            ("Kd92:mmer:x7", "Kd92:mmer:x7"),
        ] {
            let span = value(text.as_bytes()).unwrap();
            assert_eq!(&text[span.start..span.end], expected);
        }
        assert_eq!(value(b"two words:S0mmer!9"), None);
    }
}
