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

/// Whether letters and digits change all along a text, as they do in no name and in no word.
pub fn is_mixed(text: &[u8]) -> bool {
    const MIN_LEN: usize = 10;
    let classes = Classes::of(text);
    text.len() >= MIN_LEN
        && classes.digits > 0
        && classes.kinds() >= 2
        && class_changes(text) * 3 >= text.len()
}

/// What stands before the brackets or the `::` of a value that looks like a call.
fn before_call(value: &[u8]) -> &[u8] {
    let end = value.iter().position(|byte| b"([{:".contains(byte));
    &value[..end.unwrap_or(value.len())]
}

/// Returns whether what stands before the brackets of a value that looks like a call is no name of a function: it
/// mixes letters of both cases and digits all along.
pub fn is_random_call(value: &[u8]) -> bool {
    const MIN_LEN: usize = 8;
    let called = before_call(value);
    let classes = Classes::of(called);
    let is_short_mix = called.len() >= MIN_LEN
        && classes.kinds() >= 3
        && classes.digits > 0
        && class_changes(called) * 2 >= called.len();
    is_short_mix || is_mixed(called)
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

/// The rows of a keyboard, as far as hands run along them.
const ROWS: [&[u8]; 4] = [b"1234567890", b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];

/// Returns whether the value follows a pattern, whatever the case of its letters: it repeats, rises or
/// falls, in the alphabet or along the rows of a keyboard, with a period of up to four characters:
/// `123123123123`, `AbCdEfGh`, `abababab`, `1q2w3e4r`, `qwertyuiop`.
pub fn is_regular(bytes: &[u8]) -> bool {
    is_monotonous(bytes) || (1..=4).any(|period| has_period(bytes, period))
}

/// Whether nearly every character is the same step away from the one `period` places before it.
fn has_period(bytes: &[u8], period: usize) -> bool {
    const MIN_LEN: usize = 8;
    if bytes.len() < MIN_LEN {
        return false;
    }
    // Same, next and previous in the alphabet, right and left on the keyboard.
    let mut steps = [0usize; 5];
    for (from, to) in bytes.iter().zip(&bytes[period..]) {
        let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
        let pairs = [
            from == to,
            from.checked_add(1) == Some(to),
            to.checked_add(1) == Some(from),
            is_right_of(to, from),
            is_right_of(from, to),
        ];
        for (count, is_one) in steps.iter_mut().zip(pairs) {
            *count += usize::from(is_one);
        }
    }
    let pairs = bytes.len() - period;
    // Chance makes a few pairs alike, so all of few must be.
    let least = if pairs < 8 {
        pairs
    } else {
        (pairs * 3).div_ceil(4)
    };
    steps.iter().any(|&count| count >= least)
}

/// Whether `right` is the key beside `left`.
fn is_right_of(right: u8, left: u8) -> bool {
    let is_pair = |pair: &[u8]| pair == [left, right];
    ROWS.iter().any(|row| row.windows(2).any(is_pair))
}

/// Returns whether the value looks like a token that a program made: 20 characters or more, of
/// several kinds that change often and hardly repeat. Words, paths and identifiers do not.
pub fn is_token(bytes: &[u8]) -> bool {
    const MIN_LEN: usize = 20;
    let classes = Classes::of(bytes);
    let has_kinds = (classes.digits > 0 && classes.lower + classes.upper > 0)
        || (classes.lower > 0 && classes.upper > 0);
    if bytes.len() < MIN_LEN || !has_kinds || bytes.iter().any(u8::is_ascii_whitespace) {
        return false;
    }
    let is_hex = bytes
        .iter()
        .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let most = (bytes.len() as f64).log2().min(6.0);
    let bar = if is_hex { 2.8 } else { most * 0.75 };
    // Marks between words change the kind, too.
    let signs: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(u8::is_ascii_alphanumeric)
        .collect();
    let run = if classes.digits > 0 { 6 } else { 3 };
    let is_mixed = class_changes(&signs) * run >= signs.len();
    is_mixed && bits_per_byte(bytes) >= bar && !is_regular(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::template::{Random, expand};

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

    #[test]
    fn patterns_are_regular_in_any_case_and_with_a_period() {
        for text in [
            "123123123123",
            "AbCdEfGhIjKl",
            "abababab",
            "qwertyuiop",
            "asdfghjkl",
            "lkjhgfdsa",
            "1q2w3e4r",
            "1qaz2wsx3edc",
            "1a2b3c4d5e",
            "abcdabcdabcd",
            "QWERTYUIOP",
        ] {
            assert!(is_regular(text.as_bytes()), "{text}");
        }
        for text in ["k3Jx9QpL", "correcthorse", "hunter2hunter", "20190412"] {
            assert!(!is_regular(text.as_bytes()), "{text}");
        }
    }

    /// How many of `count` values of `template` are regular.
    fn regular(template: &str, count: u64) -> usize {
        let made = |seed| expand(template, &mut Random::new(seed)).unwrap();
        (0..count)
            .filter(|&seed| is_regular(made(seed).as_bytes()))
            .count()
    }

    #[test]
    fn chance_is_not_regular() {
        for template in ["{hex:32}", "{base62:20}", "{base62:12}", "{lower36:16}"] {
            assert_eq!(regular(template, 20_000), 0, "{template}");
        }
    }

    #[test]
    #[ignore = "a simulation of minutes"]
    fn chance_is_not_regular_in_a_million_cases() {
        for template in ["{hex:32}", "{base62:20}"] {
            assert_eq!(regular(template, 1_000_000), 0, "{template}");
        }
    }

    #[test]
    fn tokens_are_told_from_words() {
        let made = |template: &str, seed| expand(template, &mut Random::new(seed)).unwrap();
        for template in [
            "{hex:32}",
            "{base62:24}",
            "{base64url:40}",
            "{lower36:32}",
            "{uuid}",
        ] {
            let found = (0..1000).filter(|&seed| is_token(made(template, seed).as_bytes()));
            assert!(found.count() > 980, "{template}");
        }
        for text in [
            "authentication-token-here",
            "com.example.service.AuthToken",
            "YourPersonalAccessToken",
            "abc123",
            "AbCdEfGhIjKlMnOpQrStUvWx",
        ] {
            assert!(!is_token(text.as_bytes()), "{text}");
        }
    }
}
