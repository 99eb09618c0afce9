//! Expands the templates in rules into fake tokens. The same seed gives the same tokens.
//!
//! `{charset:N}` and `{charset:M..N}` become random characters; `{{` and `}}` are braces; `{uuid}`,
//! `{jwt}`, `{crc32_base62}` and others become complete values. Rule files contain no complete
//! token, so that scanners do not report them.

use crate::error::{Error, Result, quoted};

/// A small generator (splitmix64): good enough to vary test data, the same on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.bits() % bound as u64).expect("below a usize")
    }

    /// Returns one of `items`, which is not empty.
    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }
}

/// The character sets, by name.
const CHARSETS: [(&str, &[&str]); 16] = [
    ("base62", &["0-9", "A-Z", "a-z"]),
    ("lower36", &["0-9", "a-z"]),
    ("upper36", &["0-9", "A-Z"]),
    ("hex", &["0-9", "a-f"]),
    ("upperhex", &["0-9", "A-F"]),
    ("digits", &["0-9"]),
    ("alpha", &["A-Z", "a-z"]),
    ("lower", &["a-z"]),
    ("upper", &["A-Z"]),
    ("word", &["0-9", "A-Z", "_-_", "a-z"]),
    ("base64", &["0-9", "A-Z", "a-z", "+-+", "/-/"]),
    ("base64url", &["0-9", "A-Z", "a-z", "_-_", "---"]),
    ("base32", &["A-Z", "2-7"]),
    ("base58", &["1-9", "A-H", "J-N", "P-Z", "a-k", "m-z"]),
    ("graphic", &["!-~"]),
    ("space", &[" - "]),
];

fn charset(name: &str) -> Option<Vec<u8>> {
    let (_, ranges) = CHARSETS.iter().find(|(known, _)| *known == name)?;
    let bounds = ranges
        .iter()
        .map(|range| (range.as_bytes()[0], range.as_bytes()[2]));
    Some(bounds.flat_map(|(low, high)| low..=high).collect())
}

/// Expands `template`.
///
/// # Errors
/// `Config` if a placeholder is unknown or not closed.
pub fn expand(template: &str, random: &mut Random) -> Result<String> {
    let mut text = String::new();
    let mut last = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        text.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            text.push_str(brace);
            rest = &rest[1..];
            continue;
        }
        let end = rest.find('}').filter(|_| brace == "{");
        let end = end.ok_or_else(|| Error::config("a template has a stray brace"))?;
        let made = placeholder(&rest[..end], &text, &last, random).ok_or_else(|| {
            Error::config(format!(
                "a template has an unknown placeholder {}",
                quoted(&rest[..end])
            ))
        })?;
        text.push_str(&made);
        last = made;
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    Ok(text)
}

fn placeholder(name: &str, before: &str, last: &str, random: &mut Random) -> Option<String> {
    if let Some(sum) = name.strip_prefix("crc32_") {
        return checksum(sum, before, last);
    }
    let Some((set, count)) = name.split_once(':') else {
        return whole(name, random);
    };
    let count = match count.split_once("..") {
        None => count.parse().ok()?,
        Some((low, high)) => {
            let (low, high): (usize, usize) = (low.parse().ok()?, high.parse().ok()?);
            low + random.below(high.checked_sub(low)? + 1)
        }
    };
    if set == "json" {
        let value = characters("base62", count, random)?;
        return Some(base64(format!(r#"{{"k":"{value}"}}"#).as_bytes()));
    }
    characters(set, count, random)
}

/// Returns the checksum of the text before it: of the whole text, or of the last placeholder.
fn checksum(name: &str, before: &str, last: &str) -> Option<String> {
    let sum = crc32fast::hash;
    Some(match name {
        "base62" => in_base(62, sum(last.as_bytes()), 6),
        "hex" => format!("{:08x}", sum(before.trim_end_matches('_').as_bytes())),
        "upperhex" => format!("{:08X}", sum(before.as_bytes())),
        "base36" => in_base(36, sum(before.as_bytes()), 7),
        "base64" => data_encoding::BASE64_NOPAD.encode(&sum(last.as_bytes()).to_le_bytes()),
        _ => return None,
    })
}

/// Returns a complete token of a kind.
fn whole(name: &str, random: &mut Random) -> Option<String> {
    let mut part = |set, count| characters(set, count, random);
    Some(match name {
        "uuid" => format!(
            "{}-{}-4{}-a{}-{}",
            part("hex", 8)?,
            part("hex", 4)?,
            part("hex", 3)?,
            part("hex", 3)?,
            part("hex", 12)?
        ),
        "jwt" => {
            let header = format!(
                r#"{{"alg":"HS256","typ":"JWT","kid":"{}"}}"#,
                part("lower", 6)?
            );
            let claims = format!(r#"{{"sub":"{}","iat":1600000000}}"#, part("digits", 10)?);
            let signature = part("base64url", 43)?;
            let encoded = [header, claims].map(|json| base64url(json.as_bytes()));
            format!("{}.{signature}", encoded.join("."))
        }
        "basic" => {
            let pair = format!("{}:{}", part("lower", 6)?, part("base62", 14)?);
            base64(pair.as_bytes())
        }
        "discord_id" => base64(format!("1{}", part("digits", 17)?).as_bytes()),
        "age" => {
            let human = bech32::Hrp::parse("AGE-SECRET-KEY-").ok()?;
            bech32::encode_upper::<bech32::Bech32>(human, &bytes(32, random)).ok()?
        }
        "nkey" => {
            // The first two bytes are the types 'seed' and 'user'.
            let mut key = vec![0x95, 0];
            key.extend(bytes(32, random));
            let sum = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM).checksum(&key);
            key.extend(sum.to_le_bytes());
            data_encoding::BASE32_NOPAD.encode(&key)
        }
        _ => return None,
    })
}

fn characters(set: &str, count: usize, random: &mut Random) -> Option<String> {
    let set = charset(set)?;
    Some((0..count).map(|_| char::from(*random.pick(&set))).collect())
}

fn bytes(count: usize, random: &mut Random) -> Vec<u8> {
    (0..count).map(|_| random.bits().to_le_bytes()[0]).collect()
}

/// Formats `value` with the digits 0-9 and letters: only lower case up to base 36.
fn in_base(base: u32, mut value: u32, width: usize) -> String {
    let set = if base > 36 { "base62" } else { "lower36" };
    let digits = charset(set).expect("a known set");
    let mut text = vec![b'0'; width];
    for slot in text.iter_mut().rev() {
        *slot = digits[(value % base) as usize];
        value /= base;
    }
    String::from_utf8(text).expect("digits are ASCII")
}

fn base64(bytes: &[u8]) -> String {
    data_encoding::BASE64.encode(bytes)
}

fn base64url(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_token() {
        let template = "ab_{base62:30}{crc32_base62}-{hex:4..8}{{x}}";
        let first = expand(template, &mut Random::new(7)).unwrap();
        assert_eq!(first, expand(template, &mut Random::new(7)).unwrap());
        assert_ne!(first, expand(template, &mut Random::new(8)).unwrap());
        assert!(first.ends_with("{x}"), "{first}");
    }

    #[test]
    fn unknown_placeholders_are_refused() {
        assert!(expand("{base61:3}", &mut Random::new(1)).is_err());
        assert!(expand("{hex:3", &mut Random::new(1)).is_err());
        assert!(expand("hex}", &mut Random::new(1)).is_err());
    }
}
