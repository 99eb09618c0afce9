//! Looks for streams and archives inside of what is no format itself.

use super::super::format::{Format, is_binary};
use super::super::{Limits, Reason, carve, closed, pdf, png, stream, zip};
use super::{Walk, spent};
use crate::work;

/// Work for a byte in which streams are looked for.
const PRICE_OF_CARVED: u64 = 2;
/// Bytes that may be read in vain for each byte in which streams are looked for.
const MAX_TRIED: u64 = 16;
/// A stream that is damaged after so many bytes is one; one of fewer may be chance.
const MIN_DAMAGED: usize = 4096;
/// What comes out of a stream that may be chance is shown if it can be a secret.
const MIN_SHOWN: usize = 16;
/// The shortest text that is taken for one in brotli.
const MIN_BROTLI: usize = 24;

/// What was found of the streams inside of one text.
#[derive(Default)]
pub(super) struct Streams {
    /// What they are in, if that is a format.
    pub(super) format: Option<Format>,
    pub(super) found: bool,
    pub(super) has_zip: bool,
    /// Bytes that were read of what may be a stream, or came out of it.
    pub(super) tried: u64,
    /// What could not be read of a document.
    pub(super) unread: Option<&'static str>,
}

/// First bytes of formats that are no brotli, and that there are many files of.
const NO_BROTLI: [&[u8]; 22] = [
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x7fELF",
    b"MZ",
    b"\xca\xfe\xba\xbe",
    b"\0asm",
    b"RIFF",
    b"wOFF",
    b"wOF2",
    b"\0\x01\0\0",
    b"OTTO",
    b"ID3",
    b"OggS",
    b"SQLite",
    b"PACK",
    b"DIRC",
    b"\xff\xfe",
    b"\xfe\xff",
    b"\xcf\xfa\xed\xfe",
    b"\xd0\xcf\x11\xe0",
    b"BM",
];

fn may_be_brotli(bytes: &[u8]) -> bool {
    !NO_BROTLI.iter().any(|magic| bytes.starts_with(magic))
}

impl Walk<'_> {
    /// What is no format by its first bytes: it may be known and not opened, or hold streams.
    pub(super) fn open_unknown(&mut self, bytes: &[u8], depth: u32) {
        let closed = closed::kind(bytes);
        let is_encrypted = closed
            .as_ref()
            .is_some_and(|f| f.reason == Reason::Encrypted);
        let is_known = closed.is_some();
        if let Some(failure) = closed {
            self.problem(failure);
        }
        let deepest = self.limits.max_depth.min(Limits::DEPTH_CEILING);
        if is_encrypted || depth >= deepest || !is_binary(bytes) {
            return;
        }
        work::spend(bytes.len() as u64 * PRICE_OF_CARVED);
        let mut streams = Streams::default();
        let mut parts = png::parts(bytes).unwrap_or_default();
        if parts.is_empty() {
            parts.push(0..bytes.len());
        }
        for range in parts {
            self.carve(bytes, range, depth, &mut streams);
        }
        if !streams.found && !is_known && may_be_brotli(bytes) {
            self.try_brotli(bytes, depth);
        }
    }

    /// Opens the streams that begin in `range` of `bytes`, inside of the `depth`-th format. Chance makes
    /// beginnings of streams, too: what comes out of those is shown, and no problem.
    pub(super) fn carve(
        &mut self,
        bytes: &[u8],
        range: std::ops::Range<usize>,
        depth: u32,
        streams: &mut Streams,
    ) {
        let mut at = range.start;
        while let Some((start, format)) = carve::next(bytes, at..range.end) {
            at = start + 1;
            if self.is_over {
                return;
            }
            if format == Format::Zip {
                // Once for all: its entries are looked for up to the end.
                if !std::mem::replace(&mut streams.has_zip, true) {
                    self.open_entries(bytes, start, depth, streams);
                }
                continue;
            }
            if streams.format == Some(Format::Pdf) && pdf::is_picture(bytes, start) {
                at = pdf::stream_end(bytes, start);
                continue;
            }
            let max = self.allowance();
            if max == 0 || streams.tried > MAX_TRIED * bytes.len() as u64 + (1 << 20) {
                return self.problem(spent());
            }
            let mut content = Vec::new();
            let rest = &bytes[start..range.end.min(bytes.len())];
            let decoded = stream::decode_file(format, rest, max, self.members_left, &mut content);
            let is_sound = decoded.failure.is_none() && !content.is_empty();
            let is_limit = decoded
                .failure
                .as_ref()
                .is_some_and(|f| f.reason == Reason::Limit);
            let is_long = content.len() >= MIN_DAMAGED || (is_limit && !content.is_empty());
            let is_stream = is_sound || is_long;
            if is_stream {
                at = start + decoded.taken.max(1);
                streams.found = true;
                self.charge(decoded.taken.max(content.len()));
            } else {
                streams.tried += decoded.taken.max(content.len()) as u64;
            }
            if is_stream || content.len() >= MIN_SHOWN {
                let decoded = stream::Decoded {
                    failure: decoded.failure.filter(|_| is_stream),
                    ..decoded
                };
                self.show_carved((start, format), decoded, &content, depth, streams);
            }
        }
    }

    /// Shows what came out of the stream of `format` at `start`.
    fn show_carved(
        &mut self,
        (start, format): (usize, Format),
        decoded: stream::Decoded,
        content: &[u8],
        depth: u32,
        streams: &mut Streams,
    ) {
        if depth == 0 {
            self.outer = format;
        }
        let before = self.path.len();
        if start > 0 {
            self.path.push(format!("(at byte {start})").into_bytes());
        }
        self.path.extend(decoded.name);
        self.member(content, depth + 1);
        if streams.format == Some(Format::Pdf) {
            streams.unread = streams.unread.or_else(|| pdf::unread(content));
            self.show_text(content);
        }
        if let Some(failure) = decoded.failure {
            self.problem(failure);
        }
        self.path.truncate(before);
    }

    /// Opens the entries of zip archives inside of `bytes`, from `start` on, without a directory.
    fn open_entries(&mut self, bytes: &[u8], start: usize, depth: u32, streams: &mut Streams) {
        let (entries, failure) = zip::entries(&bytes[start..], self.members_left);
        if entries.is_empty() {
            return;
        }
        if depth == 0 {
            self.outer = Format::Zip;
        }
        streams.found = true;
        self.path.push(format!("(at byte {start})").into_bytes());
        for entry in entries {
            self.path.push(entry.name.clone());
            self.open_entry(&entry, depth + 1);
            self.path.pop();
        }
        self.path.pop();
        if let Some(failure) = failure {
            self.problem(failure);
        }
    }

    /// Brotli has no magic number: it is what can be decoded to its last byte.
    fn try_brotli(&mut self, bytes: &[u8], depth: u32) {
        let max = self.allowance();
        let mut content = Vec::new();
        let decoded = stream::decode_file(Format::Brotli, bytes, max, 1, &mut content);
        if decoded.failure.is_none() && content.len() >= MIN_BROTLI {
            if depth == 0 {
                self.outer = Format::Brotli;
            }
            self.charge(content.len());
            self.member(&content, depth + 1);
        }
    }
}
