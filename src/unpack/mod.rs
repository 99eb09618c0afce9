//! Unpacks archives and compressed streams in memory.
//!
//! This module is independent of git and of rules: its input is bytes, its output is members. It
//! detects formats by their first bytes, never by a name. It does not trust its input: a panic in a
//! decoder is caught, announced sizes allocate nothing, and [`Limits`] bound the work for an outer
//! buffer, so that results depend only on this buffer.
//!
//! ```text
//!  bytes -> detect -> zip, tar: a list of entries -+-> stream: one codec, at most so many bytes
//!             ^       gzip, xz, ...: one stream ---+            |
//!             |       carve: streams inside others +            |
//!             +------------------- walk <-----------------------+
//! ```
//!
//! Binary data of an unknown format is searched for streams that begin inside it. A known but
//! unsupported format is a [`Problem`] that names it.

mod ar;
mod carve;
mod closed;
mod cpio;
mod format;
mod pdf;
mod png;
mod rpm;
mod sevenz;
mod stream;
mod tar;
mod walk;
mod zip;

pub use format::{Format, detect};
use format::{LOOK, detect_start, is_binary};

/// Limits for the data that is unpacked from one outer buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nesting depth of formats; a tar inside a gzip stream counts as two. Never more than
    /// [`Limits::DEPTH_CEILING`], because each level needs stack.
    pub max_depth: u32,
    /// Number of entries and streams at all depths. Each stream of a file with several streams
    /// counts.
    pub max_members: u64,
    /// Unpacked bytes of one member. The content up to this limit is still passed on.
    pub max_member_bytes: u64,
    /// Unpacked bytes at all depths. An entry whose packed form is longer than its content counts
    /// with its packed bytes, since these have to be read. Members of a tar are parts of it and do
    /// not count.
    pub max_total_bytes: u64,
    /// Unpacked bytes at all depths per byte of the outer buffer. Applies only after
    /// [`Limits::RATIO_FREE_BYTES`].
    pub max_ratio: u64,
}

impl Limits {
    /// The maximum of [`Limits::max_depth`].
    pub const DEPTH_CEILING: u32 = 32;

    /// Unpacked bytes that are always permitted: a small file of zeros is no attack.
    pub const RATIO_FREE_BYTES: u64 = 1 << 20;

    /// Returns how many bytes may be unpacked from an outer buffer of `packed` bytes.
    fn budget(&self, packed: usize) -> u64 {
        (packed as u64)
            .saturating_mul(self.max_ratio)
            .max(Self::RATIO_FREE_BYTES)
            .min(self.max_total_bytes)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: 8,
            max_members: 100_000,
            max_member_bytes: 256 << 20,
            max_total_bytes: 1 << 30,
            max_ratio: 10_000,
        }
    }
}

/// A member of the outer buffer.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    /// The outermost format.
    pub format: Format,
    /// Names from the outermost archive inwards, as stored: `["inner.tar", "dir/file"]`. A
    /// compressed stream adds its stored name, if it has one.
    ///
    /// Data other than files has a last element in parentheses: `(comment)` of an archive, entry or
    /// stream, `(pax)` for the extended header of a tar, `(link)` for the target of a link,
    /// `(skippable frame)` of a zstd stream, `(trailing bytes)` after a stream, `(names)` of the
    /// entries of a nested archive, `(text)` of a document, `(payload)` of a package. A stream
    /// inside binary data is `(at byte N)`.
    pub path: &'a [Vec<u8>],
    /// The content. Empty for directories and unreadable entries, whose names may contain secrets.
    pub bytes: &'a [u8],
}

/// Why something was not unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// More than [`Limits`] allow, or a decoder would need too much memory.
    Limit,
    /// The bytes break their own format, or end too early.
    Corrupt,
    /// A password would be needed.
    Encrypted,
    /// An unknown method or variant.
    Unsupported,
    /// A known format that is not supported.
    NotOpened,
}

/// Data that was not unpacked, or not completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its place, as in [`Member::path`].
    pub path: Vec<Vec<u8>>,
    /// The kind of problem.
    pub reason: Reason,
    /// The description for people. Contains no content.
    pub detail: String,
}

/// Passes every innermost member of `bytes` to `see`, in stored order, and returns the problems.
/// Does nothing if [`may_hold`] returns false.
///
/// Members that are archives or streams are opened. If they cannot be read to the end, they are
/// also passed to `see`, after their own members, so that nothing is lost; the caller has `bytes`
/// itself. Also finds parts of zip archives that are not in the directory. If a limit or damage
/// ends a member, its content up to there is passed on.
///
/// The time is linear in the number of bytes read and unpacked. If there are very many problems,
/// returns the first ones, and one more with the number of the others. A panic in a decoder becomes
/// a problem, but the panic hook of the process is called; a panic in `see` is passed on.
pub fn unpack(bytes: &[u8], limits: &Limits, see: &mut dyn FnMut(&Member<'_>)) -> Vec<Problem> {
    walk::UnpackWalk::new(bytes, limits, see).run(bytes)
}

/// A part of an archive that is not compressed.
struct PlainPart {
    name: Vec<u8>,
    content: std::ops::Range<usize>,
}

/// A [`Problem`] without its place.
#[derive(Clone, Debug)]
struct UnpackFailure {
    reason: Reason,
    detail: String,
}

impl UnpackFailure {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    fn corrupt(detail: impl Into<String>) -> Self {
        Self::new(Reason::Corrupt, detail)
    }

    fn at(self, path: &[Vec<u8>]) -> Problem {
        Problem {
            path: path.to_vec(),
            reason: self.reason,
            detail: self.detail,
        }
    }
}

/// Runs code of other crates on untrusted bytes. This is the only place that catches their panics.
///
/// Changes that `run` made before a panic remain. Callers pass buffers that are valid after every
/// step, and drop everything else. Not inlined, so that the stack of decoders does not add up over
/// nested formats.
#[inline(never)]
fn guard<T>(run: impl FnOnce() -> Result<T, UnpackFailure>) -> Result<T, UnpackFailure> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(UnpackFailure::corrupt("the decoder failed")))
}

/// Returns at most `len` of the `bytes` from `start` on.
fn part(bytes: &[u8], start: u64, len: u64) -> &[u8] {
    let at = |offset: u64| {
        usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len())
    };
    &bytes[at(start)..at(start.saturating_add(len))]
}

/// Returns whether `bytes` may contain something to unpack, or an unsupported format. This is a
/// quick check that returns false for text.
pub fn may_hold(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(LOOK)];
    is_binary(bytes) || detect_start(head).is_some() || closed::is_closed_text(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_of_a_decoder_becomes_a_problem() {
        let failure = guard::<()>(|| panic!("as a decoder might")).unwrap_err();
        assert_eq!(failure.reason, Reason::Corrupt);
        assert_eq!(failure.detail, "the decoder failed");
    }

    #[test]
    fn part_never_leaves_the_buffer() {
        assert_eq!(part(b"abcd", 1, 2), b"bc");
        assert_eq!(part(b"abcd", 3, u64::MAX), b"d");
        assert_eq!(part(b"abcd", u64::MAX, u64::MAX), b"");
    }

    #[test]
    fn budget_is_the_ratio_between_a_floor_and_a_ceiling() {
        let limits = Limits::default();
        assert_eq!(limits.budget(1), Limits::RATIO_FREE_BYTES);
        assert_eq!(limits.budget(1_000), 10_000_000);
        assert_eq!(limits.budget(1 << 30), limits.max_total_bytes);
    }
}
