//! Opens one format inside the other, within the limits of the outer buffer.
//!
//! Recursion is as deep as formats are nested, which [`Limits`] bound; no decoder lives while what
//! came out of it is looked at. Every byte that is unpacked is charged before it is shown, whether
//! its stream ends well or not.

use super::format::{Format, detect};
use super::stream;
use super::zip::Method;
use super::{Failure, Limits, Member, Problem, Reason, guard, meter, part, tar, zip};

/// Problems that are returned one by one: their paths take memory, and nobody reads more.
const MAX_PROBLEMS: usize = 256;

/// Whether something was read to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    Whole,
    InPart,
}

/// The state of one [`super::unpack`].
pub(super) struct Walk<'s> {
    limits: &'s Limits,
    see: &'s mut dyn FnMut(&Member<'_>),
    path: Vec<Vec<u8>>,
    problems: Vec<Problem>,
    /// Problems beyond [`MAX_PROBLEMS`].
    unlisted: u64,
    members_left: u64,
    bytes_left: u64,
    /// There are too many members: no further one is opened or shown.
    is_over: bool,
}

impl<'s> Walk<'s> {
    pub(super) fn new(
        bytes: &[u8],
        limits: &'s Limits,
        see: &'s mut dyn FnMut(&Member<'_>),
    ) -> Self {
        Self {
            limits,
            see,
            path: Vec::new(),
            problems: Vec::new(),
            unlisted: 0,
            members_left: limits.max_members,
            bytes_left: limits.budget(bytes.len()),
            is_over: false,
        }
    }

    /// Opens `bytes`, the outer buffer.
    pub(super) fn run(mut self, bytes: &[u8]) -> Vec<Problem> {
        if let Some(format) = detect(bytes) {
            self.open(format, bytes, 1);
        }
        if self.unlisted > 0 {
            let detail = format!("{} more problems", self.unlisted);
            self.problems
                .push(Failure::new(Reason::Limit, detail).at(&[]));
        }
        self.problems
    }

    /// Opens `bytes`, the `depth`-th format from outside, counted from 1.
    fn open(&mut self, format: Format, bytes: &[u8], depth: u32) -> Opened {
        match format {
            Format::Zip => self.open_zip(bytes, depth),
            Format::Tar => self.open_tar(bytes, depth),
            _ => self.open_stream(format, bytes, depth),
        }
    }

    fn open_zip(&mut self, bytes: &[u8], depth: u32) -> Opened {
        let listing = zip::list(bytes, self.members_left);
        let opened = if listing.failures.is_empty() {
            Opened::Whole
        } else {
            Opened::InPart
        };
        for failure in listing.failures {
            self.problem(failure);
        }
        for entry in listing.entries {
            if self.is_over {
                return opened;
            }
            self.path.push(entry.name.clone());
            self.open_entry(&entry, depth);
            self.aside("(comment)", &entry.comment);
            self.path.pop();
        }
        self.aside("(comment)", &listing.comment);
        opened
    }

    /// One entry of a zip archive, whose name is the last element of the path.
    fn open_entry(&mut self, entry: &zip::Entry<'_>, depth: u32) {
        let max = self.allowance();
        if max == 0 && !entry.packed.is_empty() {
            self.problem(spent());
            self.member(&[], depth);
            return;
        }
        let mut unpacked = Vec::new();
        let (content, work, result): (&[u8], usize, _) = match entry.method {
            Method::Stored => {
                let content = part(entry.packed, 0, max);
                (content, content.len(), stored(entry, max))
            }
            Method::Packed(codec) => {
                let mut rest = entry.packed;
                let result = guard(|| stream::decode(codec, &mut rest, max, &mut unpacked));
                let taken = entry.packed.len() - rest.len();
                (&unpacked, taken.max(unpacked.len()), result)
            }
            Method::Encrypted => (
                &[],
                0,
                Err(Failure::new(Reason::Encrypted, "needs a password")),
            ),
            Method::Unknown(number) => {
                let detail = format!("zip method {number} is not known");
                (&[], 0, Err(Failure::new(Reason::Unsupported, detail)))
            }
        };
        let result = result.and_then(|()| match entry.crc {
            Some(crc) if crc != crc32fast::hash(content) => {
                Err(Failure::corrupt("the checksum of the content is wrong"))
            }
            _ => Ok(()),
        });
        self.charge(work);
        if let Err(failure) = result {
            self.problem(failure);
        }
        self.member(content, depth);
    }

    fn open_tar(&mut self, bytes: &[u8], depth: u32) -> Opened {
        let (entries, failure) = tar::list(bytes, self.members_left);
        for entry in entries {
            if self.is_over {
                break;
            }
            self.path.push(entry.name);
            let content = &bytes[entry.content];
            let shown = part(content, 0, self.limits.max_member_bytes);
            if shown.len() < content.len() {
                self.problem(too_long(self.limits.max_member_bytes));
            }
            self.member(shown, depth);
            self.aside("(link)", &entry.link);
            self.aside("(pax)", &entry.pax);
            self.path.pop();
        }
        self.outcome(failure)
    }

    /// A compressed file: what is in it is looked at again.
    fn open_stream(&mut self, format: Format, bytes: &[u8], depth: u32) -> Opened {
        let max = self.allowance();
        if max == 0 {
            self.problem(spent());
            return Opened::InPart;
        }
        let mut content = Vec::new();
        let decoded = stream::decode_file(format, bytes, max, self.members_left, &mut content);
        // The content itself counts where it is shown or opened.
        self.members_left = self
            .members_left
            .saturating_sub(decoded.streams.saturating_sub(1));
        self.charge(decoded.taken.max(content.len()));
        let named = decoded.name.is_some();
        self.path.extend(decoded.name);
        if decoded.failure.is_none() || !content.is_empty() {
            self.member(&content, depth);
        }
        drop(content);
        self.aside("(comment)", &decoded.comment);
        self.aside("(skippable frame)", &decoded.skipped);
        let opened = self.outcome(decoded.failure);
        if named {
            self.path.pop();
        }
        // Tapes and disks pad with zeros.
        let rest = &bytes[decoded.taken..];
        if opened == Opened::Whole && rest.iter().any(|byte| *byte != 0) {
            self.aside("(trailing bytes)", rest);
        }
        opened
    }

    /// Opens `bytes` if they are a format, found inside the `depth`-th; shows them if not, or if
    /// they cannot be read to their end.
    fn member(&mut self, bytes: &[u8], depth: u32) {
        if self.is_over {
            return;
        }
        let Some(left) = self.members_left.checked_sub(1) else {
            self.end(format!(
                "holds more than {} members",
                self.limits.max_members
            ));
            return;
        };
        self.members_left = left;
        let deepest = self.limits.max_depth.min(Limits::DEPTH_CEILING);
        let opened = match detect(bytes) {
            None => Opened::InPart,
            Some(_) if depth >= deepest => {
                let detail = format!("more than {deepest} formats are inside each other");
                self.problem(Failure::new(Reason::Limit, detail));
                Opened::InPart
            }
            Some(format) => self.open(format, bytes, depth + 1),
        };
        if opened == Opened::InPart {
            (self.see)(&Member {
                path: &self.path,
                bytes,
            });
        }
    }

    /// Shows what stands beside the content, if there is anything.
    fn aside(&mut self, what: &str, bytes: &[u8]) {
        if bytes.is_empty() || self.is_over {
            return;
        }
        self.path.push(what.as_bytes().to_vec());
        (self.see)(&Member {
            path: &self.path,
            bytes,
        });
        self.path.pop();
    }

    /// Returns how many bytes the next stream may yield.
    fn allowance(&self) -> u64 {
        let left = self.bytes_left.min(meter::left());
        self.limits.max_member_bytes.min(left)
    }

    /// Takes `bytes` from the budget of the outer buffer.
    fn charge(&mut self, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes as u64);
        meter::count(bytes as u64);
    }

    fn outcome(&mut self, failure: Option<Failure>) -> Opened {
        match failure {
            None => Opened::Whole,
            Some(failure) => {
                self.problem(failure);
                Opened::InPart
            }
        }
    }

    /// Ends the whole walk with a problem.
    fn end(&mut self, detail: String) {
        self.problem(Failure::new(Reason::Limit, detail));
        self.is_over = true;
    }

    fn problem(&mut self, failure: Failure) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(failure.at(&self.path));
        } else {
            self.unlisted += 1;
        }
    }
}

/// Says that the budget of the outer buffer is used up.
fn spent() -> Failure {
    let detail = "too much was unpacked already, or too much from so few bytes";
    Failure::new(Reason::Limit, detail)
}

fn too_long(max: u64) -> Failure {
    let detail = format!("holds more than the {max} bytes allowed here");
    Failure::new(Reason::Limit, detail)
}

/// Says what is wrong with an entry that is not compressed.
fn stored(entry: &zip::Entry<'_>, max: u64) -> Result<(), Failure> {
    if entry.packed.len() as u64 > max {
        Err(too_long(max))
    } else if entry.cut_off {
        Err(Failure::corrupt("the entry is cut off"))
    } else {
        Ok(())
    }
}
