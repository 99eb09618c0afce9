//! What the value says.

use std::sync::LazyLock;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD};

use super::super::entropy::{Classes, bits_per_byte, class_changes, is_regular};
use super::super::letters::BIGRAMS;
use super::super::placeholder::{is_config_word, is_encrypted, is_placeholder, is_test_value};
use super::super::score::looks_random;
use super::super::wordlist::WordList;
use super::{Fact, Features};

/// Words for secrets, which values that are none hold.
static SECRET_WORDS: LazyLock<WordList> = LazyLock::new(|| {
    WordList::new(&[
        "password",
        "passwd",
        "secret",
        "token",
        "_key",
        "-key",
        "apikey",
        "user",
        "credential",
    ])
});

/// What one character counts in shares of a hundred.
const WHOLE: usize = 100;

pub(super) fn describe(features: &mut Features, value: &[u8], is_mix: bool) {
    let len = value.len();
    let classes = Classes::of(value);
    features.set(Fact::Len, len.min(512));
    features.set(Fact::Lower, classes.lower * WHOLE / len);
    features.set(Fact::Upper, classes.upper * WHOLE / len);
    features.set(Fact::Digits, classes.digits * WHOLE / len);
    features.set(Fact::Others, classes.other * WHOLE / len);
    features.set(Fact::Changes, class_changes(value) * WHOLE / len);
    let bits = bits_per_byte(value);
    let most = (len.clamp(2, 64) as f64).log2();
    features.set(Fact::Entropy, hundredths(bits));
    features.set(Fact::EntropyShare, hundredths(bits / most));
    features.set(
        Fact::LongestLetters,
        longest(value, u8::is_ascii_alphabetic),
    );
    features.set(Fact::LongestLower, longest(value, u8::is_ascii_lowercase));
    features.set(Fact::LongestDigits, longest(value, u8::is_ascii_digit));
    let runs = value.split(|byte| !byte.is_ascii_alphabetic());
    features.set(Fact::Runs, runs.filter(|run| !run.is_empty()).count());
    features.numbers[Fact::Wordness as usize] = wordness(value);
    describe_marks(features, value);
    describe_shape(features, value);
    features.note(Fact::IsRandomMix, is_mix && !is_address(value));
    features.note(Fact::LooksRandom, looks_random(value, classes));
    features.note(Fact::IsRegular, is_regular(value));
}

/// A number of hundredths; the same on every machine for values that are not within a rounding
/// error of two of them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bits per character are between 0 and 8"
)]
fn hundredths(number: f64) -> usize {
    (number * 100.0 + 1e-6) as usize
}

fn longest(value: &[u8], is: impl Fn(&u8) -> bool) -> usize {
    let runs = value.split(|byte| !is(byte));
    runs.map(<[u8]>::len).max().unwrap_or(0)
}

/// How much its pairs of letters are those of words: the mean of their log-odds against chance, in
/// eighths; 0 without letters.
fn wordness(value: &[u8]) -> i16 {
    let letter = |byte: u8| byte.to_ascii_lowercase().wrapping_sub(b'a');
    let (mut sum, mut count) = (0i32, 0i32);
    for pair in value.windows(2) {
        let (first, second) = (letter(pair[0]), letter(pair[1]));
        if first < 26 && second < 26 {
            sum += i32::from(BIGRAMS[usize::from(first)][usize::from(second)]);
            count += 1;
        }
    }
    i16::try_from(sum / count.max(1)).unwrap_or(0)
}

fn describe_marks(features: &mut Features, value: &[u8]) {
    let mut count = |fact, marks: &[u8]| {
        let found = value.iter().filter(|byte| marks.contains(byte)).count();
        features.set(fact, found);
    };
    count(Fact::Blanks, b" \t\r\n");
    count(Fact::Underscores, b"_");
    count(Fact::Hyphens, b"-");
    count(Fact::Dots, b".");
    count(Fact::Slashes, b"/");
    count(Fact::Colons, b":");
    count(Fact::EqualsSigns, b"=+");
    count(Fact::AtSigns, b"@");
    count(Fact::Brackets, b"()[]{}<>");
    count(Fact::Commas, b",;");
    count(Fact::Quotes, b"'\"`");
    count(Fact::Templates, b"$%");
    count(Fact::Backslashes, b"\\");
    count(Fact::PasswordMarks, b"!?*#^&~|");
    let foreign = value.iter().filter(|byte| !byte.is_ascii()).count();
    features.set(Fact::Foreign, foreign);
    let is_mark = |byte: Option<&u8>| byte.is_some_and(|byte| !byte.is_ascii_alphanumeric());
    features.note(Fact::BeginsWithMark, is_mark(value.first()));
    features.note(Fact::EndsWithMark, is_mark(value.last()));
}

fn describe_shape(features: &mut Features, value: &[u8]) {
    let rest = Classes::of(&value[1..]);
    let is_capitalized = value[0].is_ascii_uppercase() && rest.upper == 0 && rest.lower > 0;
    features.note(Fact::IsCapitalized, is_capitalized);
    let is_identifier = (value[0].is_ascii_alphabetic() || value[0] == b'_')
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte));
    features.note(Fact::IsIdentifier, is_identifier);
    let is_constant = is_identifier && !value.iter().any(u8::is_ascii_lowercase);
    features.note(Fact::IsConstant, is_constant && value.contains(&b'_'));
    features.note(Fact::IsPhrase, is_identifier_like(value));
    features.note(Fact::IsPath, is_path_or_address(value));
    features.note(Fact::IsFile, is_file(value));
    features.note(Fact::IsUuid, is_uuid(value));
    let is_hex = value.len() >= 16 && value.iter().all(u8::is_ascii_hexdigit);
    features.note(Fact::IsHex, is_hex);
    features.note(
        Fact::IsDigest,
        is_hex && matches!(value.len(), 32 | 40 | 56 | 64 | 96 | 128),
    );
    features.set(Fact::Base64Bytes, random_bytes(value));
    features.note(Fact::IsBase64Text, is_encoded_text(value));
    features.note(Fact::IsVersion, is_version(value));
    features.note(Fact::IsType, is_type(value));
}

/// How many random bytes the value is the base64 of: 16, 24, 32, 48, 64; 0 if it is none.
fn random_bytes(value: &[u8]) -> usize {
    let decoded = BASE64
        .decode(value)
        .or_else(|_| BASE64_NOPAD.decode(value))
        .or_else(|_| BASE64URL_NOPAD.decode(value));
    let Ok(bytes) = decoded else { return 0 };
    let is_one = matches!(bytes.len(), 16 | 20 | 24 | 32 | 48 | 64);
    let is_random = bits_per_byte(value) >= 0.8 * (value.len().min(64) as f64).log2()
        && !value.iter().all(u8::is_ascii_hexdigit);
    if is_one && is_random { bytes.len() } else { 0 }
}

/// `int128`, `varchar(255)`, `String?`: a type of some language.
pub(super) fn is_type(value: &[u8]) -> bool {
    const TYPES: [&[u8]; 25] = [
        b"string", b"str", b"int", b"integer", b"bool", b"boolean", b"bytes", b"byte", b"char",
        b"mixed", b"varchar", b"text", b"object", b"any", b"void", b"float", b"double", b"long",
        b"uint", b"number", b"unknown", b"array", b"binary", b"uuid", b"date",
    ];
    let letters = value
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let (word, rest) = value.split_at(letters);
    let word = word.to_ascii_lowercase();
    TYPES.contains(&&word[..])
        && rest
            .iter()
            .all(|byte| byte.is_ascii_digit() || b"()[]?*&|<>, ".contains(byte))
}

/// `key.pem`, `auth.example.org`.
fn is_file(value: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let tail = value
        .rsplit(|&byte| byte == b'.')
        .next()
        .unwrap_or_default();
    value.contains(&b'.')
        && value.iter().all(is_name)
        && (2..=5).contains(&tail.len())
        && tail.iter().all(u8::is_ascii_lowercase)
}

pub(super) fn describe_words(features: &mut Features, value: &[u8], is_mix: bool) {
    let text = value.to_ascii_lowercase();
    let name = features.name_words.concat();
    let same = |word: &String| word.len() >= 4 && text == word.as_bytes();
    let repeats = features.name_words.iter().any(same) || text == name.as_bytes();
    let letters: Vec<u8> = text
        .iter()
        .copied()
        .filter(u8::is_ascii_alphabetic)
        .collect();
    let repeats = repeats || (letters.len() >= 4 && letters == name.as_bytes());
    features.note(Fact::RepeatsName, repeats);
    features.note(Fact::IsConfigWord, is_config_word(&text));
    // Chance writes such words, too.
    features.note(Fact::IsTestValue, !is_mix && is_test_value(value));
    features.note(Fact::HoldsSecretWord, !is_mix && SECRET_WORDS.is_in(&text));
    features.note(Fact::IsPlaceholder, is_placeholder(value));
    features.note(Fact::IsEncrypted, is_encrypted(value));
}

/// The number of a payment card: its digits stand Luhn's test. Private, but no secret that opens
/// something.
pub(super) fn is_card_number(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit());
    let is_grouped = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-');
    if !(13..=19).contains(&digits.clone().count()) || !value.iter().all(is_grouped) {
        return false;
    }
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(place, byte)| match (u32::from(byte - b'0'), place % 2) {
            (digit, 0) => digit,
            (digit, _) if digit > 4 => digit * 2 - 9,
            (digit, _) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// As in a Secret of Kubernetes. Random letters hardly ever decode to a text.
fn is_encoded_text(value: &[u8]) -> bool {
    encoded_text(value).is_some()
}

/// The text that a value is the base64 of.
pub(in crate::detect) fn encoded_text(value: &[u8]) -> Option<Vec<u8>> {
    let is_text = |byte: &u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n');
    let text = BASE64.decode(value).ok().filter(|_| value.len() >= 8)?;
    text.iter().all(is_text).then_some(text)
}

/// `7.52.0`, or an address in a network or in memory.
fn is_version(value: &[u8]) -> bool {
    let is_digit_or_dot = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let is_number = |text: &[u8]| {
        text.iter().all(is_digit_or_dot) && text.iter().filter(|byte| **byte == b'.').count() > 1
    };
    // `group:artifact:1.2.3`
    let last = value.rsplit(|byte| *byte == b':').next().unwrap_or(value);
    is_number(last) || is_requirement(last) || is_address_in_memory(value)
}

/// `^1.2.3`, `>=2.0.0`, `v0.0.0-2021/go.mod`: which version is asked for.
fn is_requirement(text: &[u8]) -> bool {
    let is_sign = |byte: &&u8| b"^~<>=v ".contains(byte);
    let text = &text[text.iter().take_while(is_sign).count()..];
    let mut parts = text.splitn(3, |byte| *byte == b'.');
    let is_number = |part: Option<&[u8]>| {
        part.is_some_and(|part| {
            (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_digit)
        })
    };
    let begins = is_number(parts.next()) && is_number(parts.next());
    begins
        && parts
            .next()
            .is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
}

/// `0xb71a02f4`.
fn is_address_in_memory(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let digits = value.strip_prefix(b"0x").unwrap_or_default();
    // `0x1fULL`
    let is_suffix = |byte: &&u8| b"uUlL".contains(byte);
    let suffix = digits.iter().rev().take_while(is_suffix).count();
    let digits = &digits[..digits.len() - suffix];
    (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit)
}

/// Snake, kebab or camel case with several words: a key in some table, not a password.
fn is_identifier_like(value: &[u8]) -> bool {
    value.len() > 10
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || b"_-.: /|".contains(byte))
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_address(value: &[u8]) -> bool {
    value.windows(3).any(|part| part == b"://")
}

fn is_path_or_address(value: &[u8]) -> bool {
    let is_url = is_address(value);
    let starts = [&b"/"[..], b"./", b"../", b"~/"]
        .iter()
        .any(|start| value.starts_with(start));
    let has_extension = value
        .rsplit(|&byte| byte == b'.')
        .next()
        .is_some_and(|tail| {
            tail.len() < value.len()
                && (2..=4).contains(&tail.len())
                && tail.iter().all(u8::is_ascii_lowercase)
        });
    // One of 64 random values in base64 begins with a slash.
    let is_base64 = value.len() >= 20
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
        && class_changes(value) * 3 >= value.len();
    let is_path = value
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/._-~+@:$*\\ ".contains(byte));
    // `/usr`, `/usr/Bin`; but not a slash before a mix.
    let is_deep = value[1..].contains(&b'/') || !value.iter().any(u8::is_ascii_uppercase);
    let is_place =
        (starts && is_deep && !is_base64) || (has_extension && Classes::of(value).digits < 4);
    is_url || (is_place && is_path)
}
