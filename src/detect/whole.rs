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
/// Shorter ones are numbers and flags.
const MIN_LEN: usize = 6;

/// Returns where the value stands that is all of `bytes` but a byte order mark and line ends.
pub(super) fn value(bytes: &[u8]) -> Option<Span> {
    if bytes.len() > MAX_LEN + 8 {
        return None;
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = bytes.len() - text.len();
    let text = text.trim_ascii_end();
    let is_value = (MIN_LEN..=MAX_LEN).contains(&text.len())
        && !text
            .iter()
            .any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
        && std::str::from_utf8(text).is_ok();
    is_value.then(|| Span::new(start, start + text.len()))
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
}
