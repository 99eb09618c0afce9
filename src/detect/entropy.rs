//! How random a value looks, from its characters alone.

/// Returns the Shannon entropy of `bytes`, in bits per byte; 0 for none.
pub fn bits_per_byte(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    let len = bytes.len() as f64;
    let terms = counts.iter().filter(|&&count| count > 0).map(|&count| {
        let share = f64::from(count) / len;
        -share * share.log2()
    });
    terms.sum()
}

/// Which kinds of characters a value is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// Lower-case ASCII letters.
    pub lower: usize,
    /// Upper-case ASCII letters.
    pub upper: usize,
    /// ASCII digits.
    pub digits: usize,
    /// All other bytes.
    pub other: usize,
}

impl Classes {
    /// Counts the characters of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut classes = Self::default();
        for byte in bytes {
            match byte {
                b'a'..=b'z' => classes.lower += 1,
                b'A'..=b'Z' => classes.upper += 1,
                b'0'..=b'9' => classes.digits += 1,
                _ => classes.other += 1,
            }
        }
        classes
    }

    /// How many of the four kinds occur.
    pub fn kinds(self) -> usize {
        [self.lower, self.upper, self.digits, self.other]
            .iter()
            .filter(|&&count| count > 0)
            .count()
    }
}

/// Returns how often the kind of character changes from one byte to the next: random text changes
/// in most places, words and identifiers in few.
pub fn class_changes(bytes: &[u8]) -> usize {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    bytes
        .windows(2)
        .filter(|pair| kind(pair[0]) != kind(pair[1]))
        .count()
}

/// Returns whether the value is a random mix of several kinds of characters, such as a password
/// manager makes: at least 12 characters, of all four kinds, that change kind at half of the places
/// and hardly repeat. Text, identifiers and code do not.
pub fn is_random_mix(bytes: &[u8]) -> bool {
    let classes = Classes::of(bytes);
    bytes.len() >= 12
        && classes.kinds() == 4
        && !bytes
            .iter()
            .any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control())
        && class_changes(bytes) * 2 >= bytes.len()
        && bits_per_byte(bytes) >= 0.85 * (bytes.len().min(64) as f64).log2()
}

/// Returns whether one character, or one step between characters, makes up most of the value:
/// `xxxxxxxx`, `12345678`, `abcdefgh`.
pub fn is_monotonous(bytes: &[u8]) -> bool {
    if bytes.len() < 4 {
        return false;
    }
    let same_step = |step: i16| {
        let pairs = bytes
            .windows(2)
            .filter(|pair| i16::from(pair[1]) - i16::from(pair[0]) == step);
        pairs.count() * 4 >= (bytes.len() - 1) * 3
    };
    same_step(0) || same_step(1) || same_step(-1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_of_known_distributions() {
        assert_eq!(bits_per_byte(b""), 0.0);
        assert_eq!(bits_per_byte(b"aaaa"), 0.0);
        assert!((bits_per_byte(b"abab") - 1.0).abs() < 1e-9);
        assert!((bits_per_byte(b"abcdefgh") - 3.0).abs() < 1e-9);
    }

    #[test]
    fn sequences_and_repeats_are_monotonous() {
        for text in ["xxxxxxxx", "12345678", "hgfedcba", "xxxxxxx1"] {
            assert!(is_monotonous(text.as_bytes()), "{text}");
        }
        assert!(!is_monotonous(b"k3Jx9QpL"));
    }
}
