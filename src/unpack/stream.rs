//! Decompresses streams, up to a limit of the caller.
//!
//! Each codec is a reader of another crate over a slice. This file feeds and stops the readers, and
//! reports their errors in one form. Output before an error is kept, except for the last read of at
//! most [`CHUNK`] bytes, which the crates lose. Verifies the checksums of all formats except zstd,
//! whose decoder needs another crate for this.

use std::io::{ErrorKind, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder, StreamingDecoder};

use super::format::{self, Format};
use super::{Reason, UnpackFailure, guard};
use crate::work;

/// The number of bytes that are read from a decoder at once.
const CHUNK: usize = 16 << 10;

/// Maximum window or dictionary size in bytes: enough for `xz -9` and `zstd --ultra -20`, and half
/// of what `zstd --ultra -22` needs.
const MAX_WINDOW_BYTES: u32 = 64 << 20;

/// Memory limit of an xz decoder: the largest window and its other tables (at most 1 MiB).
const MAX_XZ_KIB: u32 = (MAX_WINDOW_BYTES >> 10) + 1024;

/// The compression method of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Deflate,
    Zlib,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    Lz4,
    Brotli,
    Lzip,
    /// With the header of lzma-utils.
    LzmaFile,
    /// As stored in zip (APPNOTE.TXT, section 5.8.8), with the announced length.
    Lzma(Option<u64>),
    /// As stored in 7z, without a header.
    Lzma1 {
        props: u8,
        window: u32,
        len: u64,
    },
    /// The same for LZMA2, with the window size in bytes.
    Lzma2(u32),
    /// Not compressed.
    Stored,
}

impl Codec {
    /// Returns the work for a stream, whose decoder has tables to clear, and the work per byte of
    /// its output, or of its input if that is longer.
    fn prices(self) -> (u64, u64) {
        match self {
            Self::Deflate | Self::Zlib | Self::Gzip => (5_000, 6),
            Self::Bzip2 => (500_000, 50),
            Self::Xz
            | Self::Lzma(_)
            | Self::Lzma1 { .. }
            | Self::Lzma2(_)
            | Self::LzmaFile
            | Self::Lzip => (50_000, 30),
            Self::Stored => (100, 1),
            Self::Zstd | Self::Lz4 => (20_000, 6),
            Self::Brotli => (50_000, 12),
        }
    }
}

/// The results of decompressing a file, besides its content.
#[derive(Default)]
pub(super) struct Decoded {
    /// The stored file name.
    pub name: Option<Vec<u8>>,
    /// The comments of gzip members, one per line.
    pub comment: Vec<u8>,
    /// The contents of zstd skippable frames, one per line.
    pub skipped: Vec<u8>,
    /// The number of input bytes that were used.
    pub taken: usize,
    /// The number of streams, each of which needed a new decoder.
    pub streams: u64,
    /// Why it ended early.
    pub failure: Option<UnpackFailure>,
}

/// Decompresses the file at the start of `input`, and appends at most `max` bytes to `out`. The
/// file consists of at most `max_streams` consecutive gzip members, zstd frames, bzip2 streams or
/// xz streams. The limit is needed because a bzip2 stream of 14 bytes requires megabytes of cleared
/// tables.
pub(super) fn decode_file(
    format: Format,
    input: &[u8],
    max: u64,
    max_streams: u64,
    out: &mut Vec<u8>,
) -> Decoded {
    let mut decoded = Decoded::default();
    let Some(codec) = codec_of(format) else {
        let detail = format!("{} is no compressed stream", format.name());
        decoded.failure = Some(UnpackFailure::new(Reason::Unsupported, detail));
        return decoded;
    };
    let start = out.len();
    let mut rest = input;
    let mut zstd = FrameDecoder::new();
    loop {
        if codec == Codec::Zstd {
            rest = skip_frames(rest, &mut decoded);
        }
        if decoded.streams == max_streams {
            decoded.failure = Some(UnpackFailure::new(Reason::Limit, "holds too many streams"));
            return decoded;
        }
        decoded.streams += 1;
        if work::is_spent() {
            decoded.failure = Some(UnpackFailure::new(Reason::Limit, work::SPENT));
            return decoded;
        }
        let (before, ahead) = (out.len(), rest.len());
        let room = max.saturating_sub((before - start) as u64);
        let result = guard(|| match codec {
            Codec::Gzip => gunzip(&mut rest, room, out, &mut decoded),
            Codec::Zstd => unzstd(&mut rest, &mut zstd, room, out),
            codec => decode(codec, &mut rest, room, out),
        });
        decoded.failure = result.err();
        spend(codec, ahead - rest.len(), out.len() - before);
        if codec == Codec::Zstd {
            rest = skip_frames(rest, &mut decoded);
        }
        decoded.taken = input.len() - rest.len();
        let next = without_padding(codec, rest);
        if decoded.failure.is_some() || !continues(codec, next) {
            return decoded;
        }
        rest = next;
    }
}

/// Counts the work for a stream of `codec` with `taken` input bytes and `made` output bytes.
pub(super) fn spend(codec: Codec, taken: usize, made: usize) {
    let (stream, byte) = codec.prices();
    let bytes = taken.max(made) as u64;
    work::unpacked(bytes);
    work::spend(stream + bytes.saturating_mul(byte));
}

/// Decompresses the single stream at the start of `rest`, appends at most `max` bytes to `out`, and
/// moves `rest` to the end of the stream.
pub(super) fn decode(
    codec: Codec,
    rest: &mut &[u8],
    max: u64,
    out: &mut Vec<u8>,
) -> Result<(), UnpackFailure> {
    match codec {
        Codec::Deflate => pump(&mut flate2::bufread::DeflateDecoder::new(rest), max, out),
        Codec::Zlib => pump(&mut flate2::bufread::ZlibDecoder::new(rest), max, out),
        Codec::Gzip => gunzip(rest, max, out, &mut Decoded::default()),
        Codec::Bzip2 => pump(&mut bzip2::bufread::BzDecoder::new(rest), max, out),
        Codec::Xz => {
            let mut reader = lzma_rust2::XzReader::new_mem_limit(rest, false, MAX_XZ_KIB);
            pump(&mut reader, max, out)
        }
        Codec::Zstd => unzstd(rest, &mut FrameDecoder::new(), max, out),
        Codec::Lz4 => pump(&mut lz4_flex::frame::FrameDecoder::new(rest), max, out),
        Codec::Brotli => unbrotli(rest, max, out),
        Codec::Lzip => {
            check_lzip_window(rest)?;
            pump(&mut lzma_rust2::LzipReader::new(rest), max, out)
        }
        Codec::LzmaFile => {
            let reader = lzma_rust2::LzmaReader::new_mem_limit(rest, MAX_XZ_KIB, None);
            pump(&mut reader.map_err(|e| failure_of(&e))?, max, out)
        }
        Codec::Lzma(len) => unlzma(rest, len, max, out),
        Codec::Lzma1 { props, window, len } => {
            check_window(window)?;
            let reader = lzma_rust2::LzmaReader::new_with_props(rest, len, props, window, None);
            pump(&mut reader.map_err(|e| failure_of(&e))?, max, out)
        }
        Codec::Lzma2(window) => {
            check_window(window)?;
            pump(
                &mut lzma_rust2::Lzma2Reader::new(rest, window, None),
                max,
                out,
            )
        }
        Codec::Stored => pump(rest, max, out),
    }
}

/// Refuses a window that is larger than those of common encoders.
fn check_window(window: u32) -> Result<(), UnpackFailure> {
    if window <= MAX_WINDOW_BYTES {
        return Ok(());
    }
    let detail = format!("the decoder would need a window of {window} bytes");
    Err(UnpackFailure::new(Reason::Limit, detail))
}

fn codec_of(format: Format) -> Option<Codec> {
    match format {
        Format::Gzip => Some(Codec::Gzip),
        Format::Zlib => Some(Codec::Zlib),
        Format::Zstd => Some(Codec::Zstd),
        Format::Xz => Some(Codec::Xz),
        Format::Bzip2 => Some(Codec::Bzip2),
        Format::Lz4 => Some(Codec::Lz4),
        Format::Lzma => Some(Codec::LzmaFile),
        Format::Lzip => Some(Codec::Lzip),
        Format::Brotli => Some(Codec::Brotli),
        Format::Zip
        | Format::SevenZip
        | Format::Tar
        | Format::Ar
        | Format::Cpio
        | Format::Rpm
        | Format::Pdf => None,
    }
}

/// Returns whether `rest`, after a stream, begins with another stream of the same file.
fn continues(codec: Codec, rest: &[u8]) -> bool {
    match codec {
        Codec::Gzip => rest.starts_with(&format::GZIP_MEMBER),
        Codec::Zstd => rest.starts_with(&format::ZSTD_FRAME),
        Codec::Xz => rest.starts_with(&format::XZ_STREAM),
        Codec::Bzip2 => format::is_bzip2(rest),
        Codec::Lz4 => rest.starts_with(&format::LZ4_FRAME),
        // The lzip reader reads all members.
        Codec::Deflate
        | Codec::Zlib
        | Codec::Lzma(_)
        | Codec::Lzma1 { .. }
        | Codec::Lzma2(_)
        | Codec::Stored
        | Codec::LzmaFile
        | Codec::Lzip
        | Codec::Brotli => false,
    }
}

/// Returns `rest` without the zeros that xz permits between streams, in groups of four.
fn without_padding(codec: Codec, rest: &[u8]) -> &[u8] {
    if codec != Codec::Xz {
        return rest;
    }
    let zeros = rest.iter().take_while(|byte| **byte == 0).count();
    &rest[zeros / 4 * 4..]
}

/// Stores the content of the skippable frames at the start of `rest`, and returns the bytes after
/// them.
fn skip_frames<'a>(mut rest: &'a [u8], decoded: &mut Decoded) -> &'a [u8] {
    while let Some((content, after)) = format::skippable_frame(rest) {
        add_line(&mut decoded.skipped, content);
        rest = after;
    }
    rest
}

fn add_line(lines: &mut Vec<u8>, line: &[u8]) {
    if !lines.is_empty() && !line.is_empty() {
        lines.push(b'\n');
    }
    lines.extend_from_slice(line);
}

/// Decompresses a gzip member, with its name and comment.
fn gunzip(
    rest: &mut &[u8],
    max: u64,
    out: &mut Vec<u8>,
    decoded: &mut Decoded,
) -> Result<(), UnpackFailure> {
    let mut reader = flate2::bufread::GzDecoder::new(rest);
    let result = pump(&mut reader, max, out);
    if let Some(header) = reader.header() {
        if decoded.name.is_none() {
            decoded.name = header.filename().map(<[u8]>::to_vec);
        }
        if let Some(comment) = header.comment() {
            add_line(&mut decoded.comment, comment);
        }
    }
    result
}

/// Decompresses a zstd frame. `decoder` keeps its buffers between frames.
fn unzstd(
    rest: &mut &[u8],
    decoder: &mut FrameDecoder,
    max: u64,
    out: &mut Vec<u8>,
) -> Result<(), UnpackFailure> {
    /// An empty last block, and a checksum that is not verified.
    const END_OF_FRAME: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
    decoder.set_max_window_size(u64::from(MAX_WINDOW_BYTES));
    let start = out.len();
    let mut reader =
        StreamingDecoder::new_with_decoder(rest, &mut *decoder).map_err(|e| zstd_failure(&e))?;
    let result = pump(&mut reader, max, out);
    if result.as_ref().is_err_and(|f| f.reason == Reason::Corrupt) {
        // The decoder holds back a window of valid bytes until the end of the frame: end it.
        let ended = decoder.decode_blocks(END_OF_FRAME, BlockDecodingStrategy::All);
        if let (Ok(true), Some(kept)) = (ended, decoder.collect()) {
            let room = max.saturating_sub((out.len() - start) as u64);
            out.extend_from_slice(super::part(&kept, 0, room));
        }
    }
    result
}

fn zstd_failure(error: &FrameDecoderError) -> UnpackFailure {
    match error {
        FrameDecoderError::WindowSizeTooBig { requested, .. } => UnpackFailure::new(
            Reason::Limit,
            format!("the decoder would need a window of {requested} bytes"),
        ),
        FrameDecoderError::DictNotProvided { dict_id } => UnpackFailure::new(
            Reason::Unsupported,
            format!("needs the zstd dictionary {dict_id}"),
        ),
        _ => UnpackFailure::corrupt(format!("the stream is damaged ({error})")),
    }
}

/// Decompresses an LZMA stream after its zip header: version, length of properties, properties.
fn unlzma(
    rest: &mut &[u8],
    len: Option<u64>,
    max: u64,
    out: &mut Vec<u8>,
) -> Result<(), UnpackFailure> {
    let Some((&[_, _, 5, 0, props, a, b, c, d], stream)) = rest.split_first_chunk::<9>() else {
        return Err(UnpackFailure::corrupt("the LZMA header is damaged"));
    };
    *rest = stream;
    let window = u32::from_le_bytes([a, b, c, d]);
    check_window(window)?;
    let len = len.unwrap_or(u64::MAX);
    let mut reader = lzma_rust2::LzmaReader::new_with_props(rest, len, props, window, None)
        .map_err(|e| failure_of(&e))?;
    pump(&mut reader, max, out)
}

/// Decompresses a brotli stream that must take all of `rest`. Random data often looks like the
/// beginning of a stream, but rarely like its end.
fn unbrotli(rest: &mut &[u8], max: u64, out: &mut Vec<u8>) -> Result<(), UnpackFailure> {
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new_strict(alloc(), alloc(), alloc());
    let (mut left, mut at, mut total) = (rest.len(), 0, 0);
    let mut chunk = [0; CHUNK];
    let mut room = max;
    loop {
        let (mut free, mut made) = (CHUNK, 0);
        let result = BrotliDecompressStream(
            &mut left, &mut at, rest, &mut free, &mut made, &mut chunk, &mut total, &mut state,
        );
        let got = chunk.get(..made).unwrap_or(&chunk);
        out.extend_from_slice(super::part(got, 0, room));
        let Some(after) = room.checked_sub(got.len() as u64) else {
            let detail = format!("holds more than the {max} bytes allowed here");
            return Err(UnpackFailure::new(Reason::Limit, detail));
        };
        room = after;
        match result {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultSuccess if left == 0 => {
                *rest = &[];
                return Ok(());
            }
            BrotliResult::ResultSuccess | BrotliResult::NeedsMoreInput => {
                return Err(UnpackFailure::corrupt("the stream is cut off"));
            }
            BrotliResult::ResultFailure => {
                return Err(UnpackFailure::corrupt("the stream is damaged"));
            }
        }
    }
}

/// Checks the window size in the lzip header (lzip manual, "File format").
fn check_lzip_window(rest: &[u8]) -> Result<(), UnpackFailure> {
    let coded = rest.get(5).copied().unwrap_or_default();
    let window = 1u64 << (coded & 31);
    match window > u64::from(MAX_WINDOW_BYTES) {
        true => Err(UnpackFailure::new(
            Reason::Limit,
            format!("the decoder would need a window of {window} bytes"),
        )),
        false => Ok(()),
    }
}

/// Appends the output of `reader` to `out`, at most `max` bytes.
fn pump(reader: &mut dyn Read, max: u64, out: &mut Vec<u8>) -> Result<(), UnpackFailure> {
    let mut chunk = [0; CHUNK];
    let mut room = max;
    loop {
        let got = reader.read(&mut chunk).map_err(|e| failure_of(&e))?;
        if got == 0 {
            return Ok(());
        }
        // A reader that returns too large a length has a bug, which must not cause a panic here.
        let got = chunk.get(..got).unwrap_or(&chunk);
        out.extend_from_slice(super::part(got, 0, room));
        let Some(left) = room.checked_sub(got.len() as u64) else {
            let detail = format!("holds more than the {max} bytes allowed here");
            return Err(UnpackFailure::new(Reason::Limit, detail));
        };
        room = left;
    }
}

fn failure_of(error: &std::io::Error) -> UnpackFailure {
    match error.kind() {
        ErrorKind::OutOfMemory => {
            UnpackFailure::new(Reason::Limit, "the decoder would need too much memory")
        }
        ErrorKind::Unsupported => UnpackFailure::new(Reason::Unsupported, error.to_string()),
        ErrorKind::UnexpectedEof => UnpackFailure::corrupt("the stream is cut off"),
        _ => UnpackFailure::corrupt(format!("the stream is damaged ({error})")),
    }
}
