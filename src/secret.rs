//! The bytes that must not be public.
//!
//! A [`Secret`] prints redacted everywhere; [`Secret::reveal`] is the only way to the plain bytes.

use std::fmt;

/// Owns the bytes of a secret. `Debug` and `Display` show a redacted form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Secret(Box<[u8]>);

/// Characters of a redacted secret that may be shown, at most, at its start and at its end.
const SHOWN_BYTES: usize = 4;

/// Shorter secrets, which are mostly chosen by people, show nothing.
const MIN_SHOWN_LEN: usize = 16;

impl Secret {
    /// Takes the bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Returns the plain bytes: for digests, for replacing them in a rewrite, and for an explicit request to show.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Returns the form for people: the first and last few characters of a long token, nothing of a short one.
    pub fn redacted(&self) -> String {
        if self.0.len() < MIN_SHOWN_LEN {
            return "…".to_owned();
        }
        let (head, tail) = (
            &self.0[..SHOWN_BYTES],
            &self.0[self.0.len() - SHOWN_BYTES..],
        );
        if !head.iter().chain(tail).all(u8::is_ascii_graphic) {
            return "…".to_owned();
        }
        format!(
            "{}…{}",
            String::from_utf8_lossy(head),
            String::from_utf8_lossy(tail)
        )
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.redacted())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing_of_a_short_secret() {
        assert_eq!(Secret::new(b"hunter2").to_string(), "…");
        assert_eq!(Secret::new(b"").to_string(), "…");
    }

    #[test]
    fn shows_at_most_eight_characters_of_a_long_one() {
        let text = Secret::new(&[b'x'; 200]).to_string();
        assert_eq!(text, "xxxx…xxxx");
        assert_eq!(
            format!("{:?}", Secret::new(&[b'x'; 20])),
            "Secret(xxxx…xxxx)"
        );
    }

    #[test]
    fn hides_bytes_that_are_not_graphic() {
        assert_eq!(Secret::new(&[0x1b; 64]).to_string(), "…");
    }
}
