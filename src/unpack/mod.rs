//! Opens archives and compressed streams held in memory: what a secret was packed into.
//!
//! Knows neither git nor rules: bytes in, members out. Formats are told by their first bytes, never
//! by a name. Everything read is a claim: decoders run behind one panic barrier, announced sizes
//! allocate nothing, and the work for one outer buffer is bounded by [`Limits`], so that results
//! depend on the buffer alone.
//!
//! ```text
//!  bytes -> detect -> zip, tar: a list of entries -+-> stream: one codec, at most so many bytes
//!             ^       gzip, xz, ...: one stream ---+            |
//!             |       carve: streams inside others +            |
//!             +------------------- walk <-----------------------+
//! ```
//!
//! What is no text and no format that is known is searched for streams that begin somewhere inside of
//! it; what is known and not opened is a [`Problem`] that names it.

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

pub use format::{Format, detect, may_hold};

/// What may be unpacked from one outer buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Formats inside each other; a tar inside a gzip stream counts as two. At most
    /// [`Limits::DEPTH_CEILING`] whatever is asked for, since each one takes stack.
    pub max_depth: u32,
    /// Entries and streams, at all depths together. Each stream of a file of several counts.
    pub max_members: u64,
    /// Unpacked bytes of one member. What a member holds up to there is still shown.
    pub max_member_bytes: u64,
    /// Unpacked bytes at all depths together. An entry whose packed form is longer than what comes
    /// out of it counts with its packed bytes, since reading those is the work. Members of a tar
    /// are parts of it and count nothing.
    pub max_total_bytes: u64,
    /// Unpacked bytes, at all depths together, for each byte of the outer buffer. Not before they
    /// are more than [`Limits::RATIO_FREE_BYTES`].
    pub max_ratio: u64,
}

impl Limits {
    /// The most that [`Limits::max_depth`] can ask for.
    pub const DEPTH_CEILING: u32 = 32;

    /// Unpacked bytes that no ratio forbids: a small file of zeros is no attack.
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

/// Something that came out of the outer buffer.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    /// The outermost format.
    pub format: Format,
    /// Names from the outermost archive inwards, as stored: `["inner.tar", "dir/file"]`. A
    /// compressed stream adds its stored name, or nothing if it has none.
    ///
    /// What an archive holds beside files has a last element in parentheses: `(comment)` of an
    /// archive, entry or stream, `(pax)` for what a tar's extended header says, `(link)` for the
    /// target of a link, `(skippable frame)` of a zstd stream, `(trailing bytes)` behind a stream,
    /// `(names)` of the entries of an archive inside of another format, `(text)` of a document,
    /// `(payload)` of a package. A stream inside of a binary is `(at byte N)`.
    pub path: &'a [Vec<u8>],
    /// The content. Empty for directories, and for entries that cannot be read: their names may
    /// tell enough.
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
    /// A method or variant that is not known here.
    Unsupported,
    /// A format that is known, and for which there is no reader here.
    NotOpened,
}

/// Something that was not unpacked, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as in [`Member::path`].
    pub path: Vec<Vec<u8>>,
    /// Why.
    pub reason: Reason,
    /// What happened, for people. Holds no content.
    pub detail: String,
}

/// Shows every innermost member of `bytes` to `see`, in the order in which they are stored, and
/// returns what could not be read. Shows nothing if [`may_hold`] says no.
///
/// Members that are archives or streams themselves are opened instead of shown. Those that cannot
/// be opened to their end are shown too, after what came out of them, so that nothing is lost; the
/// caller has `bytes` itself. Parts of zip archives that no directory names are found as well. Content is shown as far as it goes when a limit or damage ends it.
///
/// Takes time linear in the bytes read and unpacked. Of very many problems only the first are
/// returned, and one more that counts the others. A panic inside a decoder becomes a problem, but
/// the process's panic hook still hears of it; a panic in `see` is passed on.
pub fn unpack(bytes: &[u8], limits: &Limits, see: &mut dyn FnMut(&Member<'_>)) -> Vec<Problem> {
    walk::Walk::new(bytes, limits, see).run(bytes)
}

/// A part of an archive that is not compressed.
struct Part {
    name: Vec<u8>,
    content: std::ops::Range<usize>,
}

/// A [`Problem`] that does not know yet where it is.
#[derive(Clone, Debug)]
struct Failure {
    reason: Reason,
    detail: String,
}

impl Failure {
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

/// Runs code of other packages on hostile bytes: the one place where a panic of theirs ends.
///
/// What `run` changed before a panic stays as it was then; callers pass buffers that are valid
/// after every single step, and drop everything else. Never inlined: what decoders keep on the
/// stack must not add up over nested formats.
#[inline(never)]
fn guard<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err(Failure::corrupt("the decoder failed")))
}

/// Returns `bytes` from `start` on, at most `len` of them.
fn part(bytes: &[u8], start: u64, len: u64) -> &[u8] {
    let at = |offset: u64| {
        usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len())
    };
    &bytes[at(start)..at(start.saturating_add(len))]
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
