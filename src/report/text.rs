//! Text of a repository, which may be invalid UTF-8.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::escape::escape;

/// Text of a repository: a string, or bytes in base64 if they are no valid UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// Valid UTF-8.
    Utf8(String),
    /// Other bytes.
    Bytes {
        /// The bytes in base64.
        base64: String,
    },
}

impl Text {
    /// Creates a text from bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(string) => Self::Utf8(string),
            Err(e) => Self::Bytes {
                base64: data_encoding::BASE64.encode(e.as_bytes()),
            },
        }
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Utf8(text) => Cow::Borrowed(text.as_bytes()),
            Self::Bytes { base64 } => match data_encoding::BASE64.decode(base64.as_bytes()) {
                Ok(bytes) => Cow::Owned(bytes),
                Err(_) => Cow::Borrowed(base64.as_bytes()),
            },
        }
    }

    /// Returns a name for programs: unchanged, and escaped only if it is no valid UTF-8.
    pub fn exact(&self) -> String {
        match self {
            Self::Utf8(text) => text.clone(),
            Self::Bytes { .. } => self.shown(),
        }
    }

    /// Returns a name for programs whose format permits the characters `escaped`, which are escaped
    /// for people: unchanged, or completely escaped if it contains others.
    pub fn exact_with(&self, escaped: &[char]) -> String {
        let exact = self.exact();
        let others: String = exact.chars().filter(|c| !escaped.contains(c)).collect();
        match escape(others.as_bytes()) == others {
            true => exact,
            false => self.shown(),
        }
    }

    /// Returns it on one line, escaped for a terminal.
    pub fn shown(&self) -> String {
        escape(&self.bytes())
    }
}

/// Formats a count with a noun.
pub(super) fn counted(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}
