//! A second, independent witness of each widely used format: `tests/witness.toml` has what issuers
//! document, and the generator here shares nothing with the rules, their templates or their checks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::support::{Repo, unleak};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Witnesses {
    witness: Vec<Witness>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Witness {
    rule: String,
    form: Vec<String>,
    name: Option<String>,
    #[serde(default)]
    before: String,
    basis: String,
    source: String,
    #[serde(default)]
    checked: bool,
}

/// What is wrong with a near miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// One character fewer in the last part of a known length.
    Short,
    /// One more there.
    Long,
    /// A character that its alphabet does not have.
    Alphabet,
    /// Another character of a fixed part.
    Fixed,
    /// Another last character of the checksum.
    Checksum,
}

const FAULTS: [Fault; 5] = [
    Fault::Short,
    Fault::Long,
    Fault::Alphabet,
    Fault::Fixed,
    Fault::Checksum,
];

/// Values of each witness, and near misses with each fault.
const VALUES: u64 = 100;
const MISSES: u64 = 10;
/// Entries that were compared with the text of their source, at the least.
const CHECKED: usize = 236;
/// Values that may be of lower confidence than the rule says: chance makes words and patterns.
const MOST_DOUBTED: usize = 3;

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % below as u64).unwrap()
    }

    fn pick(&mut self, alphabet: &str) -> char {
        let at = self.roll(alphabet.len());
        char::from(alphabet.as_bytes()[at])
    }

    fn text(&mut self, alphabet: &str, len: usize) -> String {
        (0..len).map(|_| self.pick(alphabet)).collect()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len)
            .map(|_| u8::try_from(self.roll(256)).unwrap())
            .collect()
    }
}

const DIGITS: &str = "0123456789";
const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE36: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn alphabet(name: &str) -> Option<&'static str> {
    Some(match name {
        "digits" => DIGITS,
        "nonzero" => "123456789",
        "hex" => "0123456789abcdef",
        "upperhex" => "0123456789ABCDEF",
        "letters" => &BASE62[10..],
        "base62" => BASE62,
        "base64" => BASE64,
        "base64url" => BASE64URL,
        "base36" => BASE36,
        "upper36" => &BASE62[..36],
        "base32" => BASE32,
        "base32lower" => "abcdefghijklmnopqrstuvwxyz234567",
        "base58" => "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
        // The last character of base64 of 64 and of 32 bytes has four and two bits that are zero.
        "last64" => "AQgw",
        "last32" => "AEIMQUYcgkosw048",
        "abcd" => "ABCD",
        "a-p" => &BASE64[..16],
        "a-p-lower" => &BASE64[26..42],
        "entra" => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_~.-",
        _ => return None,
    })
}

/// How many characters a part has.
#[derive(Clone, Copy)]
struct Lens {
    least: usize,
    most: usize,
    /// Whether any other number is wrong.
    is_known: bool,
}

/// A part of a form.
enum Part<'w> {
    Fixed(&'w str),
    Random(&'static str, Lens),
    Made(&'w str),
}

fn part(text: &str) -> Part<'_> {
    if let Some(fixed) = text.strip_prefix('=') {
        return Part::Fixed(fixed);
    }
    let Some((name, lens)) = text.split_once(' ') else {
        return Part::Made(text);
    };
    let alphabet = alphabet(name).unwrap_or_else(|| panic!("alphabet '{name}'"));
    let is_known = !lens.contains(['-', '~']);
    let lens = lens.trim_start_matches('~');
    let (least, most) = lens.split_once('-').unwrap_or((lens, lens));
    let lens = Lens {
        least: least.parse().unwrap(),
        most: most.parse().unwrap(),
        is_known,
    };
    Part::Random(alphabet, lens)
}

impl Witness {
    /// Draws a value; one with a fault, if that can be made.
    fn value(&self, dice: &mut Dice, fault: Option<Fault>) -> Option<String> {
        let mut text = String::new();
        let mut is_made = fault.is_none();
        let is_known = |part: &Part<'_>| matches!(part, Part::Random(_, lens) if lens.is_known && lens.least > 1);
        let last = self.form.iter().rposition(|text| is_known(&part(text)));
        for (number, form) in self.form.iter().enumerate() {
            let start = text.len();
            match part(form) {
                Part::Fixed(fixed) => {
                    let at = fixed.find(|c: char| c.is_ascii_alphanumeric());
                    match at.filter(|_| fault == Some(Fault::Fixed) && !is_made) {
                        Some(at) => {
                            let other = if fixed[at..].starts_with('q') {
                                "k"
                            } else {
                                "q"
                            };
                            text += &format!("{}{other}{}", &fixed[..at], &fixed[at + 1..]);
                            is_made = true;
                        }
                        None => text += fixed,
                    }
                }
                Part::Random(alphabet, lens) => {
                    let mut len = lens.least + dice.roll(lens.most - lens.least + 1);
                    if last == Some(number) {
                        match fault {
                            Some(Fault::Short) => len -= 1,
                            Some(Fault::Long) => len += 1,
                            _ => {}
                        }
                        is_made |= matches!(fault, Some(Fault::Short | Fault::Long));
                    }
                    text += &dice.text(alphabet, len);
                    // A mark behind a token ends it.
                    if fault == Some(Fault::Long) && text.ends_with(['-', '_', '+', '/']) {
                        text.replace_range(text.len() - 1.., "7");
                    }
                    if fault == Some(Fault::Alphabet) && !is_made {
                        let other = BASE62.chars().rev().find(|c| !alphabet.contains(*c));
                        text.replace_range(start..=start, &other.unwrap_or('!').to_string());
                        is_made = true;
                    }
                }
                Part::Made(name) => {
                    text += &made(name, &text, dice);
                    let is_sum = name.starts_with("crc32") || name == "nats-seed";
                    if fault == Some(Fault::Checksum) && is_sum {
                        let other = if text.ends_with('3') { "5" } else { "3" };
                        text.replace_range(text.len() - 1.., other);
                        is_made = true;
                    }
                }
            }
        }
        // A checksum proves a token in whatever it is glued to.
        let has_sum = self.form.iter().any(|form| form.starts_with("crc32"));
        (is_made && !(has_sum && fault == Some(Fault::Long))).then_some(text)
    }

    fn lines(&self, values: &[String], syntax: Syntax) -> String {
        let mut lines = String::new();
        for (number, value) in values.iter().enumerate() {
            let name = self
                .name
                .clone()
                .unwrap_or_else(|| format!("VALUE_{number}"));
            let (lower, value) = (name.to_lowercase(), format!("{}{value}", self.before));
            lines += &match syntax {
                Syntax::Code => format!("{lower} = \"{value}\"\n"),
                Syntax::Env => format!("{name}={value}\n"),
                Syntax::Json => format!("{{\"{lower}\": \"{value}\"}}\n"),
            };
        }
        lines
    }
}

#[derive(Clone, Copy, Debug)]
enum Syntax {
    Code,
    Env,
    Json,
}

/// Bit by bit, as ISO 3309 has it.
fn crc32(text: &str) -> u32 {
    let mut sum = u32::MAX;
    for byte in text.bytes() {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(sum & 1));
        }
    }
    !sum
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    let mut sum = 0u16;
    for &byte in bytes {
        sum ^= u16::from(byte) << 8;
        for _ in 0..8 {
            sum = (sum << 1) ^ (0x1021 & 0u16.wrapping_sub(sum >> 15));
        }
    }
    sum
}

fn in_base(mut number: u64, digits: &str, len: usize) -> String {
    let mut text = Vec::new();
    for _ in 0..len {
        let base = digits.len() as u64;
        text.push(digits.as_bytes()[usize::try_from(number % base).unwrap()]);
        number /= base;
    }
    text.reverse();
    String::from_utf8(text).unwrap()
}

/// The bytes in groups of `bits`, the first bit first, without padding.
fn packed(bytes: &[u8], bits: usize, alphabet: &str) -> String {
    let bit = |at: usize| {
        usize::from(
            bytes
                .get(at / 8)
                .is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1),
        )
    };
    let count = (bytes.len() * 8).div_ceil(bits);
    let digit = |group: usize| (0..bits).fold(0, |sum, at| sum << 1 | bit(group * bits + at));
    (0..count)
        .map(|group| char::from(alphabet.as_bytes()[digit(group)]))
        .collect()
}

/// What is worked out from what stands before it, or has a structure.
fn made(name: &str, before: &str, dice: &mut Dice) -> String {
    let hex = |dice: &mut Dice, len| dice.text("0123456789abcdef", len);
    match name {
        "uuid" => {
            let variant = dice.pick("89ab");
            let parts = [
                hex(dice, 8),
                hex(dice, 4),
                format!("4{}", hex(dice, 3)),
                format!("{variant}{}", hex(dice, 3)),
                hex(dice, 12),
            ];
            parts.join("-")
        }
        // The thirty characters before it, not the prefix.
        "crc32-base62" => in_base(crc32(&before[before.len() - 30..]).into(), BASE62, 6),
        "crc32-base36" => in_base(crc32(before).into(), BASE36, 7),
        "crc32-hex" => format!("{:08x}", crc32(before.trim_end_matches('_'))),
        "crc32-upperhex" => format!("{:08X}", crc32(before)),
        "crc32-base64" => packed(&crc32(&before[4..]).to_le_bytes(), 6, BASE64),
        "discord-id" => {
            let id = format!("{}{}", dice.pick("12345"), dice.text(DIGITS, 17));
            packed(id.as_bytes(), 6, BASE64)
        }
        "pypi-macaroon" => pypi_macaroon(dice),
        "nats-seed" => nats_seed(dice),
        "sentry-json" => {
            let (iat, org) = (dice.text(DIGITS, 8), dice.text(BASE36, 8));
            let urls = "\"url\":\"https://sentry.io\",\"region_url\":\"https://us.sentry.io\"";
            padded(&format!("{{\"iat\":16{iat},{urls},\"org\":\"{org}\"}}"))
        }
        "grafana-json" => {
            let (org, name) = (dice.text(DIGITS, 6), dice.text(BASE36, 10));
            let key = dice.text(BASE62, 24);
            padded(&format!(
                "{{\"o\":\"{org}\",\"n\":\"{name}\",\"k\":\"{key}\",\"m\":{{\"r\":\"us\"}}}}"
            ))
        }
        "age" => bech32(dice),
        _ => panic!("part '{name}'"),
    }
}

/// Base64 with padding.
fn padded(text: &str) -> String {
    let text = packed(text.as_bytes(), 6, BASE64);
    let padding = (4 - text.len() % 4) % 4;
    text + &"=".repeat(padding)
}

/// Version 2: a location, an identifier, an end mark, a caveat, two end marks, a signature.
fn pypi_macaroon(dice: &mut Dice) -> String {
    let id = made("uuid", "", dice);
    let caveat = "{\"permissions\": \"user\", \"version\": 1}";
    let mut bytes = vec![2, 1, 8];
    bytes.extend(b"pypi.org");
    for (kind, text) in [(2, &*id), (0, ""), (2, caveat), (0, ""), (0, "")] {
        bytes.push(kind);
        if kind == 2 {
            bytes.push(u8::try_from(text.len()).unwrap());
            bytes.extend(text.bytes());
        }
    }
    bytes.extend([6, 32]);
    bytes.extend(dice.bytes(32));
    format!("pypi-{}", packed(&bytes, 6, BASE64URL))
}

/// Two bytes that say that it is the seed of a user, 32 random ones, their sum.
fn nats_seed(dice: &mut Dice) -> String {
    let (seed, user) = (18u8 << 3, 20u8 << 3);
    let mut bytes = vec![seed | user >> 5, (user & 31) << 3];
    bytes.extend(dice.bytes(32));
    bytes.extend(crc16(&bytes).to_le_bytes());
    packed(&bytes, 5, BASE32)
}

/// Bech32 (BIP 173) of 32 random bytes, in capitals.
fn bech32(dice: &mut Dice) -> String {
    const DIGITS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let prefix = "age-secret-key-";
    let text = packed(&dice.bytes(32), 5, DIGITS);
    let digit = |c: char| u32::try_from(DIGITS.find(c).unwrap()).unwrap();
    let mut values: Vec<u32> = prefix.bytes().map(|byte| u32::from(byte) >> 5).collect();
    values.push(0);
    values.extend(prefix.bytes().map(|byte| u32::from(byte) & 31));
    values.extend(text.chars().map(digit));
    values.extend([0; 6]);
    let mut sum = 1u32;
    for value in values {
        let top = sum >> 25;
        sum = (sum & 0x01ff_ffff) << 5 ^ value;
        for (bit, mask) in [
            0x3b6a_57b2u32,
            0x2650_8e6d,
            0x1ea1_19fa,
            0x3d42_33dd,
            0x2a14_62b3,
        ]
        .iter()
        .enumerate()
        {
            sum ^= if top >> bit & 1 == 1 { *mask } else { 0 };
        }
    }
    sum ^= 1;
    let tail =
        (0..6).map(|at| char::from(DIGITS.as_bytes()[(sum >> (5 * (5 - at)) & 31) as usize]));
    let tail: String = tail.collect();
    format!("{prefix}1{text}{tail}").to_uppercase()
}

fn witnesses() -> Vec<Witness> {
    let text = std::fs::read_to_string("tests/witness.toml").unwrap();
    toml::from_str::<Witnesses>(&text).unwrap().witness
}

/// Rules and confidence of all that stands in `dir`, by secret.
fn found(dir: &Path) -> BTreeMap<String, Vec<(String, String)>> {
    let args = [
        "scan",
        "--files",
        ".",
        "--format",
        "json",
        "--show-secrets",
        "--min-confidence",
        "low",
        "--no-config",
    ];
    let output = unleak(&args, dir);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let text = |value: &serde_json::Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{document:#}"))
            .to_owned()
    };
    for finding in document["findings"].as_array().unwrap() {
        let entry = (text(&finding["rule_id"]), text(&finding["confidence"]));
        found
            .entry(text(&finding["secret"]))
            .or_default()
            .push(entry);
    }
    found
}

#[test]
fn every_witness_says_where_its_format_is_from() {
    let witnesses = witnesses();
    let rules: BTreeSet<&str> = witnesses.iter().map(|witness| &*witness.rule).collect();
    assert!(rules.len() >= 150, "{} rules", rules.len());
    let known = unleak::rule::builtin().unwrap();
    for witness in &witnesses {
        assert!(known.get(&witness.rule).is_some(), "{}", witness.rule);
        assert!(witness.source.starts_with("https://"), "{}", witness.rule);
        let basis = ["documented", "sample", "prefix", "observed"];
        assert!(basis.contains(&&*witness.basis), "{}", witness.rule);
    }
    let checked = witnesses.iter().filter(|witness| witness.checked).count();
    assert!(checked >= CHECKED, "{checked} entries");
}

/// What is wrong with what was `found` of the values of a witness.
fn judged(
    witness: &Witness,
    values: &[String],
    stated: &str,
    found: &BTreeMap<String, Vec<(String, String)>>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let named = |value: &&String| {
        let entries = found.get(&**value).into_iter().flatten();
        let mut entries = entries.filter(|(rule, _)| *rule == witness.rule);
        entries.next().map(|(_, confidence)| confidence.as_str())
    };
    let missed = values.iter().filter(|value| named(value).is_none());
    let missed: Vec<&String> = missed.collect();
    if let Some(first) = missed.first() {
        let other = found.get(*first);
        faults.push(format!(
            "{} missed of {:?}: '{first}' is {other:?}",
            missed.len(),
            witness.form
        ));
    }
    let rank = |name: &str| {
        ["low", "medium", "high"]
            .iter()
            .position(|known| *known == name)
    };
    let is_doubted = |value: &&String| named(value).is_some_and(|name| rank(name) < rank(stated));
    let doubted: Vec<&String> = values.iter().filter(is_doubted).collect();
    if doubted.len() > MOST_DOUBTED {
        faults.push(format!(
            "{} below {stated}: '{}'",
            doubted.len(),
            doubted[0]
        ));
    }
    faults
}

#[test]
fn values_of_documented_forms_are_found_whole_and_named() {
    let witnesses = witnesses();
    let draw = |(number, witness): (u64, &Witness)| -> Vec<String> {
        let mut dice = Dice(number);
        let values = (0..VALUES).map(|_| witness.value(&mut dice, None));
        values.map(|value| value.unwrap()).collect()
    };
    let values: Vec<Vec<String>> = (0..).zip(&witnesses).map(draw).collect();
    let known = unleak::rule::builtin().unwrap();
    let mut faults = Vec::new();
    for syntax in [Syntax::Code, Syntax::Env, Syntax::Json] {
        let dir = Repo::bare_directory();
        let end = match syntax {
            Syntax::Code => "py",
            Syntax::Env => "env",
            Syntax::Json => "json",
        };
        for (number, (witness, values)) in witnesses.iter().zip(&values).enumerate() {
            dir.write(format!("{number}.{end}"), witness.lines(values, syntax));
        }
        let found = found(dir.path());
        for (witness, values) in witnesses.iter().zip(&values) {
            let stated = known.get(&witness.rule).unwrap().confidence.name();
            let wrong = judged(witness, values, stated, &found).into_iter();
            faults.extend(wrong.map(|wrong| format!("{} in {syntax:?}: {wrong}", witness.rule)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn near_misses_of_documented_forms_are_not_trusted() {
    let witnesses = witnesses();
    let dir = Repo::bare_directory();
    let mut misses: BTreeMap<&str, Vec<(Fault, String)>> = BTreeMap::new();
    let (mut count, mut number) = (0, 0);
    for witness in &witnesses {
        for fault in FAULTS {
            number += 1;
            let mut dice = Dice(1_000_000 + number);
            let drawn: Vec<String> = (0..MISSES)
                .filter_map(|_| witness.value(&mut dice, Some(fault)))
                .collect();
            dir.write(format!("{number}.env"), witness.lines(&drawn, Syntax::Env));
            count += drawn.len();
            misses
                .entry(&witness.rule)
                .or_default()
                .extend(drawn.into_iter().map(|text| (fault, text)));
        }
    }
    assert!(count > 5_000, "{count}");
    let mut faults = BTreeSet::new();
    for (secret, entries) in found(dir.path()) {
        for (rule, confidence) in entries {
            let known = misses.get(&*rule).into_iter().flatten();
            let of = known.into_iter().find(|(_, text)| text.contains(&secret));
            if let Some((fault, text)) = of.filter(|_| confidence == "high") {
                faults.insert(format!("{rule}: {fault:?}: '{text}'"));
            }
        }
    }
    let faults: Vec<String> = faults.into_iter().collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
