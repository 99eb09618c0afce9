//! Text in disguise: base64, base32, hex, escapes, quoted-printable, dumps, binary patches, UTF-16 and
//! UTF-32 inside other text, and tokens that code cuts into pieces.
//!
//! ```text
//! blocks < pass;  stops < base32;  pass, base32 < base64;  stops < escape, joined, quoted, dump, base85, utf16, utf32;
//! quoted, dump, base85 < lines < mod
//! ```
//!
//! A [`Region`] is found by its shape. Its edges depend on at most [`BEFORE`] bytes before it and
//! [`AFTER`] bytes behind it, so a region that lies deep enough within what a delta copied stood in
//! the base, too. What it decodes to is scanned like any text, and may hold regions itself.

mod base32;
mod base64;
mod base85;
mod blocks;
mod dump;
mod escape;
mod joined;
mod lines;
mod pass;
mod quoted;
mod stops;
mod utf16;
mod utf32;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::span::Span;
use crate::unpack;
use stops::Stops;

/// Bytes before a region that decide where it begins.
pub const BEFORE: usize = 160;
/// Bytes behind a region that decide where it ends.
pub const AFTER: usize = 160;

/// How text can be disguised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// Base64, standard or for URLs, on one line or wrapped.
    Base64,
    /// Two hexadecimal digits a byte.
    Hex,
    /// `%41`.
    Percent,
    /// `\u0041`, `\x41`, `\101`.
    Backslash,
    /// `&#65;`, `&amp;`.
    Entities,
    /// UTF-16, either byte order.
    Utf16,
    /// UTF-32, either byte order.
    Utf32,
    /// Colours of a terminal between the characters: `ESC [ 31 m`.
    Terminal,
    /// Quoted-printable, as in mail.
    QuotedPrintable,
    /// Lines of `xxd` or `hexdump -C`.
    HexDump,
    /// A binary file in a patch of git.
    Base85,
    /// Base32, on one line or wrapped.
    Base32,
    /// A token in pieces: literals that are joined, lists of characters, lines that go on.
    Joined,
    /// Signs written twice or behind a sign of another syntax, or another character set: a value is
    /// searched for as it is written there. No region is found by it.
    Quotes,
}

impl Encoding {
    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Percent => "percent-encoding",
            Self::Backslash => "backslash escapes",
            Self::Entities => "HTML entities",
            Self::Utf16 => "UTF-16",
            Self::Utf32 => "UTF-32",
            Self::Terminal => "terminal colours",
            Self::QuotedPrintable => "quoted-printable",
            Self::HexDump => "hex dump",
            Self::Base85 => "base85",
            Self::Base32 => "base32",
            Self::Joined => "joined literals",
            Self::Quotes => "another spelling",
        }
    }
}

/// One layer that a secret is wrapped in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Layer {
    /// An encoding.
    Encoded(Encoding),
    /// A compressed stream or an archive.
    Packed(unpack::Format),
    /// A file that Git LFS keeps: the object is only a pointer to it.
    Lfs,
    /// A member of an archive, by its path there.
    Member(Vec<u8>),
}

/// A stretch of a buffer that may be text in disguise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    /// Where it stands.
    pub span: Span,
    /// How it is disguised.
    pub encoding: Encoding,
}

/// Calls `see` for every region of `bytes` that shares a byte with `range`, in no order.
pub fn find(bytes: &[u8], range: Range<usize>, see: &mut dyn FnMut(Region)) {
    if !range.is_empty() {
        find_marked(bytes, range, pass::fastest(), see);
    }
}

fn find_marked(bytes: &[u8], range: Range<usize>, mark: pass::Mark, see: &mut dyn FnMut(Region)) {
    let escapes = escape::Finder::new(bytes, range.clone());
    let joints = joined::Finder::new(bytes, range.clone());
    let lines = lines::Finder::new(bytes, range.clone(), see);
    let places = [escapes.places(), joints.places(), lines.places()];
    let starts = places.iter().map(|places| places.start);
    let from = starts.min().unwrap_or(range.start);
    let ends = places.iter().map(|places| places.end);
    let end = ends.fold(base64::Finder::end(bytes, &range), usize::max);
    let runs = base64::Finder::new(bytes, range.clone(), from, see);
    let mut finders = Finders {
        bytes,
        runs,
        escapes,
        joints,
        lines,
        see,
    };
    pass::pass(bytes, from..end, mark, &mut finders);
    // Both need zeros between the characters, which most texts have none of.
    let around =
        range.start.saturating_sub(utf32::REACH)..bytes.len().min(range.end + utf32::REACH);
    if memchr::memchr(0, &bytes[around]).is_some() {
        utf16::find(bytes, range.clone(), see);
        utf32::find(bytes, range, see);
    }
}

/// Who looks at the places that the pass shows.
struct Finders<'b, 's> {
    bytes: &'b [u8],
    runs: base64::Finder<'b>,
    escapes: escape::Finder<'b>,
    joints: joined::Finder<'b>,
    lines: lines::Finder<'b>,
    see: &'s mut dyn FnMut(Region),
}

impl pass::Look for Finders<'_, '_> {
    fn at_run(&mut self, block: pass::Block) {
        self.runs.look(block, self.see);
    }

    #[inline]
    fn at_pair(&mut self, at: usize) {
        match self.bytes[at] {
            b'"' | b'\'' => self.joints.look(at, self.see),
            b'\\' => {
                self.joints.look(at, self.see);
                self.escapes.look(at, self.see);
            }
            b'%' | b'&' | escape::ESCAPE => self.escapes.look(at, self.see),
            b'\n' => self.lines.look(at + 1, self.see),
            _ => self.lines.look(at, self.see),
        }
    }
}

/// Decodes `region` of `bytes` into `out`.
pub fn decode(bytes: &[u8], region: Region, out: &mut Vec<u8>) {
    out.clear();
    let text = &bytes[region.span.start..region.span.end];
    match region.encoding {
        Encoding::Base64 => base64::decode(text, out),
        Encoding::Hex => base64::decode_hex(text, out),
        Encoding::Percent | Encoding::Backslash | Encoding::Entities | Encoding::Terminal => {
            escape::decode(text, out);
        }
        Encoding::QuotedPrintable => quoted::decode(text, out),
        Encoding::HexDump => dump::decode(text, out),
        Encoding::Base85 => base85::decode(text, out),
        Encoding::Base32 => base32::decode(text, out),
        Encoding::Joined => joined::decode(text, out),
        Encoding::Utf16 => utf16::decode(text, out),
        Encoding::Utf32 => utf32::decode(text, out),
        Encoding::Quotes => out.extend_from_slice(text),
    }
}

/// Finds where the decoded bytes of one region stand.
pub struct Origins<'b> {
    bytes: &'b [u8],
    region: Region,
    stops: Stops,
}

impl<'b> Origins<'b> {
    /// Goes once over `region` of `bytes`. What is asked then costs the same wherever it stands.
    pub fn new(bytes: &'b [u8], region: Region) -> Self {
        let text = &bytes[region.span.start..region.span.end];
        let stops = match region.encoding {
            Encoding::Base64 => base64::stops(text),
            Encoding::Hex => base64::hex_stops(text),
            Encoding::Percent | Encoding::Backslash | Encoding::Entities | Encoding::Terminal => {
                escape::stops(text)
            }
            Encoding::QuotedPrintable => quoted::stops(text),
            Encoding::HexDump => dump::stops(text),
            Encoding::Base32 => base32::stops(text),
            Encoding::Joined => joined::stops(text),
            Encoding::Utf16 | Encoding::Utf32 | Encoding::Base85 | Encoding::Quotes => {
                Stops::default()
            }
        };
        Self {
            bytes,
            region,
            stops,
        }
    }

    fn text(&self) -> &'b [u8] {
        &self.bytes[self.region.span.start..self.region.span.end]
    }

    /// Where the bytes `inner` of the decoded text stand, rounded outwards.
    pub fn outer(&self, inner: Span) -> Span {
        let found = match self.region.encoding {
            Encoding::Base64 => base64::outer(self.text(), &self.stops, inner),
            Encoding::Hex => base64::hex_outer(self.text(), &self.stops, inner),
            Encoding::Percent | Encoding::Backslash | Encoding::Entities | Encoding::Terminal => {
                escape::outer(self.text(), &self.stops, inner)
            }
            Encoding::QuotedPrintable => quoted::outer(self.text(), &self.stops, inner),
            Encoding::HexDump => dump::outer(self.text(), &self.stops, inner),
            Encoding::Base32 => base32::outer(self.text(), &self.stops, inner),
            Encoding::Joined => joined::outer(self.text(), &self.stops, inner),
            // What is in it is compressed.
            Encoding::Base85 => Span::new(0, self.text().len()),
            Encoding::Utf16 => utf16::outer(inner),
            Encoding::Utf32 => utf32::outer(inner),
            Encoding::Quotes => inner,
        };
        let start = self.region.span.start;
        Span::new(start + found.start, start + found.end)
    }

    /// Whether the bytes `inner` of the decoded text stand undisguised as well, or are only a part
    /// of what stands there.
    pub fn stand_open(&self, inner: Span) -> bool {
        match self.region.encoding {
            Encoding::Percent | Encoding::Backslash | Encoding::Entities | Encoding::Terminal => {
                escape::stands_open(self.bytes, self.region.span, &self.stops, inner)
            }
            Encoding::QuotedPrintable => quoted::stands_open(self.text(), &self.stops, inner),
            Encoding::Joined => joined::stands_open(self.text(), &self.stops, inner),
            Encoding::Base64
            | Encoding::Base32
            | Encoding::Hex
            | Encoding::Utf16
            | Encoding::Utf32
            | Encoding::HexDump
            | Encoding::Base85
            | Encoding::Quotes => false,
        }
    }
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r')
}

/// Whether `start` begins like a zlib stream (RFC 1950) of the usual window.
pub fn is_zlib(start: &[u8]) -> bool {
    let multiple = |flags: u8| (0x7800 + u16::from(flags)).is_multiple_of(31);
    matches!(start, [0x78, flags, ..] if multiple(*flags))
}

/// Whether `start`, the first bytes of what something decodes to, can begin a text or a compressed
/// one. Most long words in source code decode to neither.
fn is_promising(start: &[u8]) -> bool {
    if start.iter().all(|&byte| is_text(byte)) {
        return true;
    }
    let halves = |at: usize| start[at..].iter().step_by(2);
    let is_utf16 = |at: usize| halves(at).all(|&b| b == 0) && halves(1 - at).all(|&b| is_text(b));
    let is_utf32 = |at: usize| {
        let mut bytes = start.iter().enumerate();
        bytes.all(|(place, &b)| if place % 4 == at { is_text(b) } else { b == 0 })
    };
    let is_marked = matches!(
        start,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, 0, 0xfe, 0xff, ..]
    );
    let is_wide = is_utf16(0) || is_utf16(1) || is_utf32(0) || is_utf32(3);
    is_zlib(start) || is_marked || is_wide || unpack::detect(start).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Region> {
        regions(bytes, 0..bytes.len())
    }

    fn regions(bytes: &[u8], range: Range<usize>) -> Vec<Region> {
        let mut found = Vec::new();
        find(bytes, range, &mut |region| found.push(region));
        found.sort_unstable();
        found
    }

    /// All regions, without instructions that only some processors have.
    fn portable(bytes: &[u8]) -> Vec<Region> {
        let mut found = Vec::new();
        if !bytes.is_empty() {
            let see = &mut |region| found.push(region);
            find_marked(bytes, 0..bytes.len(), pass::mark, see);
        }
        found.sort_unstable();
        found
    }

    /// Every decoded text of `bytes`, with where its word `word` stands.
    fn decoded(bytes: &[u8], word: &str) -> Vec<(Encoding, String)> {
        let mut found = Vec::new();
        for region in all(bytes) {
            let mut out = Vec::new();
            decode(bytes, region, &mut out);
            let text = String::from_utf8_lossy(&out).into_owned();
            let Some(at) = text.find(word) else { continue };
            let inner = Span::new(at, at + word.len());
            let origins = Origins::new(bytes, region);
            assert!(!origins.stand_open(inner));
            let outer = origins.outer(inner);
            found.push((
                region.encoding,
                String::from_utf8_lossy(&bytes[outer.start..outer.end]).into_owned(),
            ));
        }
        found
    }

    #[test]
    fn every_encoding_is_found_and_mapped_back() {
        let word = "the quick brown fox, 42 times";
        let base64 = data_encoding::BASE64.encode(word.as_bytes());
        let base32 = data_encoding::BASE32.encode(word.as_bytes());
        let octal: String = word.bytes().map(|b| format!("\\{b:03o}")).collect();
        let hex = data_encoding::HEXLOWER.encode(word.as_bytes());
        let percent: String = word.bytes().map(|b| format!("%{b:02X}")).collect();
        let unicode: String = word.bytes().map(|b| format!("\\u{b:04x}")).collect();
        let entities: String = word.bytes().map(|b| format!("&#{b};")).collect();
        for (encoding, text) in [
            (Encoding::Base64, &base64),
            (Encoding::Base32, &base32),
            (Encoding::Backslash, &octal),
            (Encoding::Hex, &hex),
            (Encoding::Percent, &percent),
            (Encoding::Backslash, &unicode),
            (Encoding::Entities, &entities),
        ] {
            let bytes = format!("x = \"{text}\";\n");
            let found = decoded(bytes.as_bytes(), word);
            assert!(
                found.contains(&(encoding, text.trim_end_matches('=').to_owned())),
                "{encoding:?}: {found:?}"
            );
        }
        for swap in [false, true] {
            let wide: Vec<u8> = word
                .bytes()
                .flat_map(|b| if swap { [0, b] } else { [b, 0] })
                .collect();
            let found = decoded(&[&b"\n\n"[..], &wide, b"\n"].concat(), word);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, Encoding::Utf16);
        }
        for first in [0, 3] {
            let wide = |b: u8| (0..4).map(move |at| if at == first { b } else { 0 });
            let wide: Vec<u8> = word.bytes().flat_map(wide).collect();
            let found = decoded(&[&b"\n\n"[..], &wide, b"\n"].concat(), word);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, Encoding::Utf32);
        }
    }

    #[test]
    fn pieces_of_a_token_are_joined_and_mapped_back() {
        let word = "abc1_ABCDEFGHIJKLMNOP0123456789";
        let (one, two) = word.split_at(7);
        let characters: Vec<String> = word.chars().map(|c| format!("'{c}'")).collect();
        for text in [
            format!("'{one}' + '{two}'"),
            format!("\"{one}\" \"{two}\""),
            format!("\"example.org/c\" + \"{one}\" + \"{two}\""),
            format!("\"{one}\"\n    \"{two}\""),
            format!("\"{one}\"\r\n\t+ \"{two}\""),
            format!("'{one}' . '{two}'"),
            format!("\"{one}\" .. \"{two}\""),
            format!("\"{one}\" <> \"{two}\""),
            format!("\"{one}\" ++ \"{two}\""),
            format!("\"{one}\" & _\n \"{two}\""),
            format!("'{one}' || '{two}'"),
            format!("'{one}'\\\n'{two}'"),
            format!("'{one}'\"{two}\""),
            format!("f\"{one}\" f\"{two}\""),
            format!("\"{one}\\\n   {two}\""),
            format!("[{}]", characters.join(",")),
            format!("{{{}}}", characters.join(", ")),
        ] {
            let bytes = format!("x = {text};\n");
            let found = decoded(bytes.as_bytes(), word);
            let outer = found
                .iter()
                .find(|(encoding, _)| *encoding == Encoding::Joined);
            let (_, outer) = outer.unwrap_or_else(|| panic!("{text}: {found:?}"));
            assert!(
                outer.starts_with("a") && outer.ends_with('9'),
                "{text}: {outer}"
            );
            assert!(bytes.contains(&format!("{outer}{}", &text[text.rfind('9').unwrap() + 1..])));
        }
        for text in [
            "['abc1_ABCDEFGH', 'IJKLMNOP0123456789']",
            "\"abc1_ABCDEFGH\", \"IJKLMNOP0123456789\"",
            "\"some text \" + \"of people\"",
            "\"example.org/a/v2\"\n\t\"example.org/b/0123456789\"",
            "\"lines\\n\"\n\"of text 0123456789ABCDEFGHIJ\"",
            "\"abc\" + \"def\"",
            "\"abc1_ABCDEFGH\\n\"\n\"IJKLMNOP0123456789\"",
        ] {
            let found = all(text.as_bytes());
            assert!(
                found.iter().all(|r| r.encoding != Encoding::Joined),
                "{text}"
            );
        }
    }

    #[test]
    fn every_byte_of_a_long_region_is_mapped_back_to_where_it_stands() {
        let text = "letters, 42 & more\n".repeat(30);
        let base64 = data_encoding::BASE64.encode(text.as_bytes());
        let lines: Vec<&[u8]> = base64.as_bytes().chunks(76).collect();
        let escape = |byte: u8| match byte.is_ascii_alphabetic() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02x}"),
        };
        let percent: String = text.replace('\n', ";").bytes().map(escape).collect();
        for (encoding, bytes) in [
            (Encoding::Base64, lines.join(&b"\n  "[..])),
            (Encoding::Base64, lines.join(&b"\\n"[..])),
            (Encoding::Percent, percent.into_bytes()),
        ] {
            let region = all(&bytes)
                .into_iter()
                .find(|region| region.encoding == encoding);
            let region = region.expect("it is found");
            let mut out = Vec::new();
            decode(&bytes, region, &mut out);
            assert!(out.len() > 500, "{encoding:?}");
            let origins = Origins::new(&bytes, region);
            for start in 0..out.len() {
                // What a part decodes to alone has the byte in it, near its beginning.
                let outer = origins.outer(Span::new(start, start + 1));
                let part = Region {
                    span: Span::new(outer.start, region.span.end),
                    encoding,
                };
                let mut rest = Vec::new();
                decode(&bytes, part, &mut rest);
                let expected = &out[start..];
                let is_aligned = encoding != Encoding::Base64 || start % 3 == 0;
                assert!(
                    !is_aligned || rest == expected,
                    "{encoding:?}: byte {start}"
                );
                assert!(
                    outer.len() <= 8 && outer.end <= region.span.end,
                    "{start}: {outer:?}"
                );
            }
        }
    }

    #[test]
    fn wrapped_base64_is_one_region() {
        let text = "a line of configuration = value\n".repeat(9);
        let one_line = data_encoding::BASE64.encode(text.as_bytes());
        for (width, separator) in [
            (76, "\n"),
            (64, "\r\n"),
            (60, "\n    "),
            (72, "\\n"),
            (64, "\\r\\n"),
        ] {
            let lines: Vec<&str> = one_line
                .as_bytes()
                .chunks(width)
                .map(|c| std::str::from_utf8(c).unwrap())
                .collect();
            let bytes = format!("data: {}\n}}", lines.join(separator));
            let found = all(bytes.as_bytes());
            let regions: Vec<&Region> = found
                .iter()
                .filter(|r| r.encoding == Encoding::Base64)
                .collect();
            assert_eq!(regions.len(), 1, "{separator:?}: {found:?}");
            let mut out = Vec::new();
            decode(bytes.as_bytes(), *regions[0], &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text, "{separator:?}");
        }
    }

    /// A search of a part finds exactly those regions of the whole that touch it.
    #[test]
    fn regions_do_not_depend_on_where_the_search_begins() {
        let mut seed = 7u64;
        let mut random = move |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap() % below
        };
        for _ in 0..3000 {
            let mut bytes = Vec::new();
            for _ in 0..random(12) {
                let piece: Vec<u8> =
                    match random(20) {
                        16 => b"\"abc1\" + \"".repeat(1 + random(9)),
                        17 => b"'a','".repeat(1 + random(60)),
                        18 => b"ABCDEFGH23456\\\n  ".repeat(1 + random(5)),
                        19 => b"qrstuvw1\"\n   \"".repeat(1 + random(20)),
                        10 => b"\x1b[1;31mab\x1b[0m".repeat(1 + random(3)),
                        11 => [&vec![b'q'; 60 + random(20)][..], b"=\n"].concat(),
                        12 => b"a=3Db\n".repeat(1 + random(3)),
                        13 => b"\n00000010: 6162 6364 6566 6768 696a  abcdefghij\n"
                            .repeat(1 + random(4)),
                        14 => b"literal 9\nI0123456789ABCDE\n".to_vec(),
                        15 => b"I0123456789ABCDE\n00000020  61 62 63 64  |abcd|\n"
                            .repeat(1 + random(3)),
                        0 => vec![*b"AbZ9".get(random(4)).unwrap(); 20 + random(60)],
                        1 => b"QUJD".repeat(10 + random(20)),
                        2 => b"%41".repeat(random(5)),
                        3 => b"\\u0041b".repeat(random(4)),
                        4 => b"a\0".repeat(random(30)),
                        7 => b"a\0\0\0".repeat(random(30)),
                        8 => vec![0; random(6)],
                        5 => vec![b' '; random(90)],
                        6 => b"\n".to_vec(),
                        _ => b"\\n".to_vec(),
                    };
                bytes.extend(piece);
            }
            let whole = all(&bytes);
            assert_eq!(
                whole,
                portable(&bytes),
                "{:?}",
                bytes.escape_ascii().to_string()
            );
            let len = bytes.len();
            let from = random(len + 1);
            let range = from..(from + random(len - from + 1));
            let part = regions(&bytes, range.clone());
            let expected: Vec<Region> = whole
                .iter()
                .filter(|r| {
                    !range.is_empty() && r.span.start < range.end && r.span.end > range.start
                })
                .copied()
                .collect();
            assert_eq!(
                part,
                expected,
                "{range:?} of {:?}",
                bytes.escape_ascii().to_string()
            );
        }
    }
}
