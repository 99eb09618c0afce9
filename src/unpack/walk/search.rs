//! Searches data of unknown formats for streams and archives.

use super::super::format::{Format, is_binary};
use super::super::{Limits, Reason, carve, closed, pdf, png, stream, zip};
use super::{UnpackWalk, spent};
use crate::work;

/// The work for each byte that is searched for streams.
const PRICE_OF_CARVED: u64 = 2;
/// The maximum number of bytes that are decoded in vain per searched byte.
const MAX_TRIED: u64 = 16;
/// The minimum output of a damaged stream. Less may be random data.
const MIN_DAMAGED: usize = 4096;
/// The minimum output of a possible stream that is passed on: enough for a secret.
const MIN_SHOWN: usize = 16;
/// The minimum length of text in brotli.
const MIN_BROTLI: usize = 24;

/// The state of the search for streams in one buffer.
#[derive(Default)]
pub(super) struct StreamSearch {
    /// The format of the buffer, if it is known.
    pub(super) format: Option<Format>,
    pub(super) found: bool,
    pub(super) has_zip: bool,
    /// The number of bytes that were read from possible streams, or written by them.
    pub(super) tried: u64,
    /// The reason why a part of a document could not be read.
    pub(super) unread: Option<&'static str>,
}

/// The first bytes of common formats that are no brotli streams.
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

impl UnpackWalk<'_> {
    /// Examines data of an unknown format: it may be an unsupported format, or contain streams.
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
        let mut streams = StreamSearch::default();
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

    /// Unpacks the streams that begin in `range` of `bytes`, below nesting level `depth`. Random
    /// data can look like the beginning of a stream: its output is passed on, and errors are
    /// ignored.
    pub(super) fn carve(
        &mut self,
        bytes: &[u8],
        range: std::ops::Range<usize>,
        depth: u32,
        streams: &mut StreamSearch,
    ) {
        let mut at = range.start;
        while let Some((start, format)) = carve::next(bytes, at..range.end) {
            at = start + 1;
            if self.is_over {
                return;
            }
            if format == Format::Zip {
                // Only once: all entries up to the end of the buffer are searched.
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

    /// Passes on the output of the stream of `format` at `start`.
    fn show_carved(
        &mut self,
        (start, format): (usize, Format),
        decoded: stream::Decoded,
        content: &[u8],
        depth: u32,
        streams: &mut StreamSearch,
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

    /// Unpacks the entries of zip archives inside `bytes`, from `start` on, without a directory.
    fn open_entries(&mut self, bytes: &[u8], start: usize, depth: u32, streams: &mut StreamSearch) {
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

    /// Tries to decode brotli, which has no magic number: the data must be valid to its last byte.
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
