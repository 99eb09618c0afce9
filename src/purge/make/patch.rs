//! Puts marks in the place of values: bytes in, bytes out.

use data_encoding::BASE64_NOPAD;

use crate::detect::decode::{Encoding, Layer};
use crate::purge::find::marks::{FILL, Placed};
use crate::purge::find::rest::kept_encoding;
use crate::purge::find::values::{Edit, MAX_ROUNDS, Needles};
use crate::purge::make::fit::Style;
use crate::span::Span;

/// What is put in the place of a value in text, unless something else is asked for.
pub const MARK: &[u8] = b"***REMOVED***";

/// Why a value cannot be patched out of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unpatchable {
    /// It is compressed, or in an archive.
    Packed,
    /// It is binary data, and none of that is to be changed.
    Refused,
    /// Git LFS keeps the file; the object is a pointer.
    Lfs,
    /// What was put in its place shows it again.
    Persistent,
    /// The object has more places to look at than can be read.
    Unread,
}

impl Unpatchable {
    /// What to do about it.
    pub fn way_out(self) -> &'static str {
        match self {
            Self::Refused => {
                "use '--binary fill' to overwrite the value at the same length, '--binary drop' to put the mark in the place of the whole file, or '--remove-path PATH' to remove it from history"
            }
            _ => {
                "add '--binary drop' to put the mark in the place of the whole file, or '--remove-path PATH' to remove it from history"
            }
        }
    }

    /// One phrase for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Packed => "it stands in compressed data or an archive",
            Self::Refused => "the file is binary, and '--binary refuse' changes no binary files",
            Self::Lfs => "Git LFS keeps the file, and its server too",
            Self::Persistent => "the replacement shows it again",
            Self::Unread => "the object cannot be searched as a whole",
        }
    }
}

/// A text without values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The text.
    pub bytes: Vec<u8>,
    /// Its marks, by position.
    pub marks: Vec<Placed>,
}

/// Returns `bytes` without the values at `edits`.
///
/// # Errors
/// Why that cannot be done.
pub fn redact(
    bytes: &[u8],
    edits: &[Edit],
    needles: &Needles,
    style: &Style<'_>,
) -> Result<Redacted, Unpatchable> {
    let is_binary = bytes.contains(&0);
    let edits = with_edges(bytes, edits, needles);
    let mut text = apply(bytes, &edits, needles, style, is_binary)?;
    for _ in 0..MAX_ROUNDS {
        let (left, is_whole) = needles.find(&text.bytes);
        if !is_whole {
            return Err(Unpatchable::Unread);
        }
        if left.is_empty() {
            return Ok(text);
        }
        let left = with_edges(&text.bytes, &left, needles);
        let mut next = apply(&text.bytes, &left, needles, style, is_binary)?;
        next.marks = merged(&text.marks, &left, next.marks);
        text = next;
    }
    Err(Unpatchable::Persistent)
}

/// Returns `bytes` without the values at `edits`, with `mark` in their place as it is.
///
/// # Errors
/// As [`redact`].
pub fn redact_text(
    bytes: &[u8],
    edits: &[Edit],
    needles: &Needles,
    mark: &[u8],
) -> Result<Vec<u8>, Unpatchable> {
    redact(bytes, edits, needles, &Style::plain(mark)).map(|redacted| redacted.bytes)
}

/// The marks of two rounds: `old` ones are where `edits` moved them, unless these replaced them by
/// `new` ones, one each.
fn merged(old: &[Placed], edits: &[Edit], new: Vec<Placed>) -> Vec<Placed> {
    let mut marks = new.clone();
    let (mut at, mut shift) = (0, 0isize);
    for mark in old {
        while at < edits.len() && edits[at].span.end <= mark.span.start {
            shift = new[at].span.end as isize - edits[at].span.end as isize;
            at += 1;
        }
        let is_replaced = edits
            .get(at)
            .is_some_and(|edit| edit.span.overlaps(mark.span));
        if !is_replaced {
            let moved = |offset: usize| offset.saturating_add_signed(shift);
            let span = Span::new(moved(mark.span.start), moved(mark.span.end));
            marks.push(Placed { span, ..*mark });
        }
    }
    marks.sort_by_key(|mark| mark.span);
    marks
}

/// What is put in the place of each of `edits` of `bytes`.
pub fn marks(
    bytes: &[u8],
    edits: &[Edit],
    needles: &Needles,
    style: &Style<'_>,
) -> Result<Vec<(Span, Vec<u8>)>, Unpatchable> {
    let is_binary = bytes.contains(&0);
    let edits = with_edges(bytes, edits, needles).into_iter();
    edits
        .map(|edit| {
            let replaced = replacement(bytes, &edit, needles, style, is_binary)?;
            Ok((edit.span, replaced))
        })
        .collect()
}

fn apply(
    bytes: &[u8],
    edits: &[Edit],
    needles: &Needles,
    style: &Style<'_>,
    is_binary: bool,
) -> Result<Redacted, Unpatchable> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut marks = Vec::with_capacity(edits.len());
    let mut at = 0;
    for edit in edits {
        out.extend_from_slice(&bytes[at..edit.span.start]);
        let start = out.len();
        out.extend(replacement(bytes, edit, needles, style, is_binary)?);
        marks.push(Placed {
            span: Span::new(start, out.len()),
            target: edit.target,
            encoding: kept_encoding(edit),
        });
        at = edit.span.end;
    }
    out.extend_from_slice(&bytes[at..]);
    Ok(Redacted { bytes: out, marks })
}

/// What is put in the place of `edit`.
fn replacement(
    bytes: &[u8],
    edit: &Edit,
    needles: &Needles,
    style: &Style<'_>,
    is_binary: bool,
) -> Result<Vec<u8>, Unpatchable> {
    let target = &needles.targets()[edit.target];
    let (secret, mark) = (
        target.secret.reveal(),
        target.mark.as_deref().unwrap_or(style.mark),
    );
    let shown = &bytes[edit.span.start..edit.span.end];
    let layers = edit.layers.as_deref().unwrap_or_default();
    if layers.contains(&Layer::Lfs) {
        return Err(Unpatchable::Lfs);
    }
    if layers
        .iter()
        .any(|layer| matches!(layer, Layer::Packed(_) | Layer::Member(_)))
    {
        return Err(Unpatchable::Packed);
    }
    Ok(match layers {
        // At whatever place among four characters.
        [] if edit.is_form && !edit.others.is_empty() => vec![b'A'; shown.len()],
        [] if edit.is_form => filled_form(bytes, edit.span, secret),
        [] if is_binary => vec![FILL; shown.len()],
        [] => style.write(bytes, edit.span, mark),
        // It stands in the text of the file like any other value.
        [layer] if !is_binary && escapes_characters(layer) => style.write(bytes, edit.span, mark),
        [Layer::Encoded(Encoding::Utf16 | Encoding::Utf32)] => filled_wide(shown),
        [Layer::Encoded(Encoding::Hex)] => filled_hex(shown),
        [Layer::Encoded(Encoding::Base64)] => {
            let secrets = edit
                .targets()
                .map(|target| &needles.targets()[target].secret);
            filled_base64(
                shown,
                &secrets.map(|secret| secret.reveal()).collect::<Vec<_>>(),
            )
        }
        [Layer::Encoded(_)] if !is_binary => mark.to_vec(),
        _ if !is_binary && layers.iter().all(escapes_characters) => mark.to_vec(),
        // Whatever else: the same number of characters that stand for nothing in any of them.
        _ => shown
            .iter()
            .map(|&byte| {
                if byte.is_ascii_alphanumeric() {
                    b'A'
                } else {
                    byte
                }
            })
            .collect(),
    })
}

/// Whether a layer writes some characters otherwise, and leaves the others as they are.
fn escapes_characters(layer: &Layer) -> bool {
    matches!(
        layer,
        Layer::Encoded(
            Encoding::Percent | Encoding::Backslash | Encoding::Entities | Encoding::Quotes
        )
    )
}

/// Where the characters of a value's base64 begin and end.
#[derive(Clone, Copy)]
struct Form {
    /// Bits of the first character of the span, which the value's follow; negative if the value's
    /// first bits stand before the span.
    lead: isize,
    /// The same characters, with those that show bits of the value and of its neighbour.
    whole: Span,
}

impl Form {
    /// Reads how the characters at `span` show `secret`, at whatever place among three bytes.
    fn of(bytes: &[u8], span: Span, secret: &[u8]) -> Option<Self> {
        let shown: Vec<u8> = bytes[span.start..span.end]
            .iter()
            .map(|&byte| standard(byte))
            .collect();
        let shows = |shift: &usize| {
            let padded = [&[0; 2][..*shift], secret].concat();
            let (first, end) = ((8 * shift).div_ceil(6), 8 * padded.len() / 6);
            BASE64_NOPAD.encode(&padded).as_bytes()[first..end] == shown
        };
        let shift = (0..3usize).find(shows)?;
        let stands = |at: usize| bytes.get(at).is_some_and(|&byte| is_base64(byte));
        let is_split = !(8 * shift).is_multiple_of(6);
        let has_first = is_split && span.start > 0 && stands(span.start - 1);
        let has_last = !(8 * (shift + secret.len())).is_multiple_of(6) && stands(span.end);
        let others = (8 * shift % 6).cast_signed();
        Some(Self {
            lead: if has_first || !is_split {
                others
            } else {
                others - 6
            },
            whole: Span::new(
                span.start - usize::from(has_first),
                span.end + usize::from(has_last),
            ),
        })
    }
}

/// Makes `edits`, which are sorted, take the characters that show a value's first or last bits, too.
pub(crate) fn with_edges(bytes: &[u8], edits: &[Edit], needles: &Needles) -> Vec<Edit> {
    let mut all = edits.to_vec();
    for at in 0..all.len() {
        if !all[at].is_form {
            continue;
        }
        let secret = needles.targets()[all[at].target].secret.reveal();
        let whole = if all[at].others.is_empty() {
            Form::of(bytes, all[at].span, secret).map(|form| form.whole)
        } else {
            Some(with_neighbours(bytes, all[at].span))
        };
        let Some(whole) = whole else {
            continue;
        };
        let free = at.checked_sub(1).map_or(0, |before| all[before].span.end);
        let next = all.get(at + 1).map_or(bytes.len(), |next| next.span.start);
        let span = &mut all[at].span;
        *span = Span::new(whole.start.max(free), whole.end.min(next));
    }
    all
}

/// A span of base64 with the character on either side, which may show bits of it.
fn with_neighbours(bytes: &[u8], span: Span) -> Span {
    let stands = |at: usize| bytes.get(at).is_some_and(|&byte| is_base64(byte));
    let has_first = span.start.checked_sub(1).is_some_and(stands);
    Span::new(
        span.start - usize::from(has_first),
        span.end + usize::from(stands(span.end)),
    )
}

/// Base64 of fill bytes, as it stands at any shift of the value; the bits of neighbours stay.
fn filled_form(bytes: &[u8], span: Span, secret: &[u8]) -> Vec<u8> {
    let shown = &bytes[span.start..span.end];
    // With or without the character on either side that shows bits of a neighbour, too.
    let inner = [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter();
    let mut inner = inner.filter(|(before, after)| before + after < shown.len());
    let lead = inner.find_map(|(before, after)| {
        let inner = Span::new(span.start + before, span.end - after);
        let form = Form::of(bytes, inner, secret)?;
        let missing = (span.start - form.whole.start).cast_signed();
        Some(form.lead - 6 * missing)
    });
    let Some(lead) = lead else {
        return vec![b'A'; shown.len()];
    };
    let is_url = shown.contains(&b'-') || shown.contains(&b'_');
    let mut values: Vec<u8> = shown.iter().map(|&byte| value_of(byte)).collect();
    for bit in 0..8 * secret.len() {
        let Ok(at) = usize::try_from(lead + bit.cast_signed()) else {
            continue;
        };
        if let Some(value) = values.get_mut(at / 6) {
            let (mask, is_set) = (32 >> (at % 6), FILL & (128 >> (bit % 8)) != 0);
            *value = if is_set {
                *value | mask
            } else {
                *value & !mask
            };
        }
    }
    let symbols = if is_url { URL_SYMBOLS } else { SYMBOLS };
    let symbols = values.iter().map(|&value| symbols[usize::from(value)]);
    symbols.collect()
}

const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The six bits that a character of base64 stands for.
fn value_of(byte: u8) -> u8 {
    let byte = standard(byte);
    let at = SYMBOLS.iter().position(|&symbol| symbol == byte);
    at.and_then(|at| u8::try_from(at).ok()).unwrap_or(0)
}

fn standard(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        _ => byte,
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Base64, wrapped or not, that decodes to what it did but for the values: their neighbours stay.
fn filled_base64(shown: &[u8], secrets: &[&[u8]]) -> Vec<u8> {
    // The separator of wrapped base64 inside of strings is `\n`, whose letter is none of it.
    let mut places: Vec<usize> = Vec::with_capacity(shown.len());
    let mut at = 0;
    while at < shown.len() {
        if shown[at] == b'\\' {
            at += 2;
            continue;
        }
        if is_base64(shown[at]) {
            places.push(at);
        }
        at += 1;
    }
    let is_url = shown.contains(&b'-') || shown.contains(&b'_');
    let characters: Vec<u8> = places.iter().map(|&at| standard(shown[at])).collect();
    let mut out = shown.to_vec();
    // What is shown may begin at any of the four characters that make three bytes.
    let filled = (0..4usize).find_map(|skipped| {
        let mut padded = [&b"AAA"[..skipped], &characters].concat();
        padded.resize(padded.len().next_multiple_of(4), b'A');
        let mut decoded = BASE64_NOPAD.decode(&padded).ok()?;
        let found = secrets.iter().map(|secret| {
            let start = memchr::memmem::find(&decoded, secret)?;
            Some(start..start + secret.len())
        });
        // Those that share bytes are all found before one is filled.
        for range in found.collect::<Option<Vec<_>>>()? {
            decoded[range].fill(FILL);
        }
        Some(
            BASE64_NOPAD
                .encode(&decoded)
                .into_bytes()
                .split_off(skipped),
        )
    });
    let filled = filled.unwrap_or_else(|| vec![b'A'; places.len()]);
    for (at, character) in places.into_iter().zip(filled) {
        out[at] = match character {
            b'+' if is_url => b'-',
            b'/' if is_url => b'_',
            _ => character,
        };
    }
    out
}

/// The same number of digits that stand for asterisks; what wraps the lines stays.
fn filled_hex(shown: &[u8]) -> Vec<u8> {
    let mut digits = b"2a".iter().cycle();
    let filled = shown.iter().map(|byte| match byte.is_ascii_hexdigit() {
        true => digits.next().copied().unwrap_or(b'2'),
        false => *byte,
    });
    filled.collect()
}

/// UTF-16 or UTF-32 of fill bytes.
fn filled_wide(shown: &[u8]) -> Vec<u8> {
    shown
        .iter()
        .map(|&byte| if byte == 0 { 0 } else { FILL })
        .collect()
}
