//! Unpacks nested formats within the limits of the outer buffer.
//!
//! The recursion is as deep as the nesting of formats, which [`Limits`] bound. A decoder is dropped
//! before its output is examined. Every unpacked byte is counted before it is passed on, even if
//! its stream fails.

mod search;

use super::format::{Format, detect};
use super::stream;
use super::zip::ZipMethod;
use super::{Limits, Member, PlainPart, Problem, Reason, UnpackFailure, guard, part};
use super::{ar, closed, cpio, pdf, rpm, sevenz, tar, zip};
use crate::work;
use search::StreamSearch;

/// Maximum number of problems that are returned separately, because their paths take memory.
const MAX_PROBLEMS: usize = 256;

/// Whether data was read completely.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Completeness {
    Whole,
    InPart,
}

/// The state of one [`super::unpack`].
pub(super) struct UnpackWalk<'s> {
    limits: &'s Limits,
    see: &'s mut dyn FnMut(&Member<'_>),
    path: Vec<Vec<u8>>,
    /// The outermost format.
    outer: Format,
    problems: Vec<Problem>,
    /// The number of problems beyond [`MAX_PROBLEMS`].
    unlisted: u64,
    members_left: u64,
    bytes_left: u64,
    /// There were too many members: no more are opened or passed on.
    is_over: bool,
}

impl<'s> UnpackWalk<'s> {
    pub(super) fn new(
        bytes: &[u8],
        limits: &'s Limits,
        see: &'s mut dyn FnMut(&Member<'_>),
    ) -> Self {
        Self {
            limits,
            see,
            path: Vec::new(),
            outer: Format::Zip,
            problems: Vec::new(),
            unlisted: 0,
            members_left: limits.max_members,
            bytes_left: limits.budget(bytes.len()),
            is_over: false,
        }
    }

    /// Unpacks `bytes`, the outer buffer.
    pub(super) fn run(mut self, bytes: &[u8]) -> Vec<Problem> {
        match detect(bytes) {
            Some(_) if self.limits.max_depth == 0 => {
                let detail = "is not opened: the maximum depth is 0".to_owned();
                self.problem(UnpackFailure::new(Reason::NotOpened, detail));
            }
            Some(format) => {
                self.outer = format;
                self.open(format, bytes, 1);
            }
            None => self.open_unknown(bytes, 0),
        }
        if self.unlisted > 0 {
            let detail = format!("{} more problems", self.unlisted);
            self.problems
                .push(UnpackFailure::new(Reason::Limit, detail).at(&[]));
        }
        self.problems
    }

    /// Unpacks `bytes` at nesting level `depth`, counted from 1.
    fn open(&mut self, format: Format, bytes: &[u8], depth: u32) -> Completeness {
        match format {
            Format::Zip => self.open_zip(bytes, depth),
            Format::Tar => self.open_tar(bytes, depth),
            Format::Ar => {
                let (parts, failure) = ar::list(bytes, self.members_left);
                self.open_parts(bytes, parts, failure, depth)
            }
            Format::Cpio => self.open_cpio(bytes, depth),
            Format::Rpm => self.open_rpm(bytes, depth),
            Format::Pdf => self.open_pdf(bytes, depth),
            Format::SevenZip => self.open_7z(bytes, depth),
            _ => self.open_stream(format, bytes, depth),
        }
    }

    fn open_zip(&mut self, bytes: &[u8], depth: u32) -> Completeness {
        let listing = zip::list(bytes, self.members_left);
        // The data before the archive may be a program.
        let is_all = bytes.starts_with(b"PK");
        let opened = if listing.failures.is_empty() && is_all {
            Completeness::Whole
        } else {
            Completeness::InPart
        };
        for failure in listing.failures {
            self.problem(failure);
        }
        if !is_all {
            let first = listing.entries.first();
            let end = first.map_or(bytes.len(), |entry| entry.span.start);
            let mut streams = StreamSearch {
                has_zip: true,
                ..StreamSearch::default()
            };
            self.carve(bytes, 0..end, depth, &mut streams);
        }
        let mut names = Vec::new();
        for entry in listing.entries {
            if self.is_over {
                return opened;
            }
            add_name(&mut names, &entry.name, depth);
            self.path.push(entry.name.clone());
            self.open_entry(&entry, depth);
            self.aside("(comment)", &entry.comment);
            self.path.pop();
        }
        self.aside("(comment)", &listing.comment);
        self.names(&names, depth);
        opened
    }

    /// Unpacks an entry of a zip archive; its name is the last element of the path.
    fn open_entry(&mut self, entry: &zip::ZipEntry<'_>, depth: u32) {
        if work::is_spent() {
            return self.end(work::SPENT.to_owned());
        }
        let max = self.allowance();
        if max == 0 && !entry.packed.is_empty() {
            self.problem(spent());
            self.member(&[], depth);
            return;
        }
        let mut unpacked = Vec::new();
        let (content, work, result): (&[u8], usize, _) = match entry.method {
            ZipMethod::Stored => {
                let content = part(entry.packed, 0, max);
                (content, content.len(), stored(entry, max))
            }
            ZipMethod::Packed(codec) => {
                let mut rest = entry.packed;
                let result = guard(|| stream::decode(codec, &mut rest, max, &mut unpacked));
                let taken = entry.packed.len() - rest.len();
                stream::spend(codec, taken, unpacked.len());
                (&unpacked, taken.max(unpacked.len()), result)
            }
            ZipMethod::Encrypted => (
                &[],
                0,
                Err(UnpackFailure::new(Reason::Encrypted, "needs a password")),
            ),
            ZipMethod::Unknown(number) => {
                let detail = format!("zip method {number} is not known");
                (&[], 0, Err(UnpackFailure::new(Reason::Unsupported, detail)))
            }
        };
        let result = result.and_then(|()| match entry.crc {
            Some(crc) if crc != crc32fast::hash(content) => Err(UnpackFailure::corrupt(
                "the checksum of the content is wrong",
            )),
            _ => Ok(()),
        });
        self.charge(work);
        if let Err(failure) = result {
            self.problem(failure);
        }
        self.member(content, depth);
    }

    fn open_tar(&mut self, bytes: &[u8], depth: u32) -> Completeness {
        let (entries, failure) = tar::list(bytes, self.members_left);
        let mut names = Vec::new();
        for entry in entries {
            if self.is_over {
                break;
            }
            add_name(&mut names, &entry.name, depth);
            self.path.push(entry.name);
            self.stored(&bytes[entry.content], depth);
            self.aside("(link)", &entry.link);
            self.aside("(pax)", &entry.pax);
            self.path.pop();
        }
        self.names(&names, depth);
        self.outcome(failure)
    }

    /// Unpacks the members of an archive without compression.
    fn open_parts(
        &mut self,
        bytes: &[u8],
        parts: Vec<PlainPart>,
        failure: Option<UnpackFailure>,
        depth: u32,
    ) -> Completeness {
        let mut names = Vec::new();
        for entry in parts {
            if self.is_over {
                break;
            }
            add_name(&mut names, &entry.name, depth);
            self.path.push(entry.name);
            self.stored(&bytes[entry.content], depth);
            self.path.pop();
        }
        self.names(&names, depth);
        self.outcome(failure)
    }

    /// Handles a stored member, up to the limit.
    fn stored(&mut self, content: &[u8], depth: u32) {
        let shown = part(content, 0, self.limits.max_member_bytes);
        if shown.len() < content.len() {
            self.problem(too_long(self.limits.max_member_bytes));
        }
        self.member(shown, depth);
    }

    /// Unpacks a cpio archive and the data after it: the first part of an initramfs is not
    /// compressed.
    fn open_cpio(&mut self, bytes: &[u8], depth: u32) -> Completeness {
        let (parts, end, failure) = cpio::list(bytes, self.members_left);
        let opened = self.open_parts(bytes, parts, failure, depth);
        let rest = &bytes[end..];
        let zeros = rest.iter().take_while(|byte| **byte == 0).count();
        if opened == Completeness::Whole && zeros < rest.len() {
            self.path.push(b"(trailing bytes)".to_vec());
            self.member(&rest[zeros..], depth);
            self.path.pop();
        }
        opened
    }

    /// Unpacks a 7z archive, one folder at a time.
    fn open_7z(&mut self, bytes: &[u8], depth: u32) -> Completeness {
        let listing = match sevenz::list(bytes, self.members_left) {
            Ok(listing) => listing,
            Err(failure) => return self.outcome(Some(failure)),
        };
        let mut names = Vec::new();
        let files = listing.folders.iter().flat_map(|folder| &folder.files);
        for name in files.map(|(name, _)| name).chain(&listing.empty) {
            add_name(&mut names, name, depth);
        }
        let mut opened = Completeness::Whole;
        for folder in &listing.folders {
            if self.is_over {
                break;
            }
            if self.open_folder(bytes, folder, depth) == Completeness::InPart {
                opened = Completeness::InPart;
            }
        }
        for name in &listing.empty {
            self.path.push(name.clone());
            self.member(&[], depth);
            self.path.pop();
        }
        self.names(&names, depth);
        opened
    }

    /// Unpacks a folder of a 7z archive and its files.
    fn open_folder(&mut self, bytes: &[u8], folder: &sevenz::Folder, depth: u32) -> Completeness {
        let max = self.allowance();
        let len = folder.packed.end - folder.packed.start;
        let mut packed = part(bytes, folder.packed.start, len);
        let all = packed.len();
        let mut content = Vec::new();
        let result = match folder.codec {
            _ if max == 0 => Err(spent()),
            Some(codec) => {
                let result = guard(|| stream::decode(codec, &mut packed, max, &mut content));
                stream::spend(codec, all - packed.len(), content.len());
                result
            }
            None if folder.is_encrypted => {
                Err(UnpackFailure::new(Reason::Encrypted, "needs a password"))
            }
            None => {
                let detail = "7z method is not known";
                Err(UnpackFailure::new(Reason::Unsupported, detail))
            }
        };
        self.charge((all - packed.len()).max(content.len()));
        let mut rest = &content[..];
        for (name, len) in &folder.files {
            if self.is_over {
                break;
            }
            let file = part(rest, 0, *len);
            rest = &rest[file.len()..];
            self.path.push(name.clone());
            self.stored(file, depth);
            self.path.pop();
        }
        self.outcome(result.err())
    }

    /// Unpacks the payload of a package. The headers are passed on with it.
    fn open_rpm(&mut self, bytes: &[u8], depth: u32) -> Completeness {
        match rpm::payload(bytes) {
            Some(payload) => {
                self.path.push(b"(payload)".to_vec());
                self.member(payload, depth);
                self.path.pop();
            }
            None => self.problem(UnpackFailure::corrupt("a header is damaged")),
        }
        Completeness::InPart
    }

    /// Unpacks the streams of a document, and extracts their text.
    fn open_pdf(&mut self, bytes: &[u8], depth: u32) -> Completeness {
        if pdf::is_encrypted(bytes) {
            let detail = "the document is encrypted";
            self.problem(UnpackFailure::new(Reason::Encrypted, detail));
            return Completeness::InPart;
        }
        let mut streams = StreamSearch {
            format: Some(Format::Pdf),
            unread: pdf::unread(bytes),
            ..StreamSearch::default()
        };
        self.carve(bytes, 0..bytes.len(), depth, &mut streams);
        let plain: Vec<&[u8]> = pdf::plain_streams(bytes).collect();
        self.show_text(&plain.join(&b'\n'));
        if let Some(what) = streams.unread {
            self.problem(closed::not_opened(what));
        }
        Completeness::InPart
    }

    /// Passes on the text of a document's stream.
    fn show_text(&mut self, content: &[u8]) {
        let mut text = Vec::new();
        pdf::text(content, &mut text);
        work::spend(content.len() as u64);
        self.aside("(text)", &text);
    }

    /// Decompresses a file and examines its content.
    fn open_stream(&mut self, format: Format, bytes: &[u8], depth: u32) -> Completeness {
        let max = self.allowance();
        if max == 0 {
            self.problem(spent());
            return Completeness::InPart;
        }
        let mut content = Vec::new();
        let decoded = stream::decode_file(format, bytes, max, self.members_left, &mut content);
        // The content itself is counted when it is passed on or opened.
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
        // Tapes and disks are padded with zeros.
        let rest = &bytes[decoded.taken..];
        if opened == Completeness::Whole && rest.iter().any(|byte| *byte != 0) {
            self.aside("(trailing bytes)", rest);
        }
        opened
    }

    /// Unpacks `bytes` if they have a known format, below nesting level `depth`. Passes them on
    /// otherwise, or if they cannot be read completely.
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
            None => {
                self.open_unknown(bytes, depth);
                Completeness::InPart
            }
            Some(_) if depth >= deepest => {
                let detail = format!("more than {deepest} formats are inside each other");
                self.problem(UnpackFailure::new(Reason::Limit, detail));
                Completeness::InPart
            }
            Some(format) => self.open(format, bytes, depth + 1),
        };
        if opened == Completeness::InPart {
            self.show(bytes);
        }
    }

    fn show(&mut self, bytes: &[u8]) {
        (self.see)(&Member {
            format: self.outer,
            path: &self.path,
            bytes,
        });
    }

    /// Passes on the names of a nested archive's entries. Those of the outermost archive are
    /// visible in its bytes.
    fn names(&mut self, names: &[u8], depth: u32) {
        if depth > 1 {
            self.aside("(names)", names);
        }
    }

    /// Passes on additional data, if there is any.
    fn aside(&mut self, what: &str, bytes: &[u8]) {
        if bytes.is_empty() || self.is_over {
            return;
        }
        self.path.push(what.as_bytes().to_vec());
        self.show(bytes);
        self.path.pop();
    }

    /// Returns the maximum output of the next stream.
    fn allowance(&self) -> u64 {
        if work::is_spent() {
            return 0;
        }
        let left = self.bytes_left.min(work::bytes_left());
        self.limits.max_member_bytes.min(left)
    }

    /// Subtracts `bytes` from the budget of the outer buffer.
    fn charge(&mut self, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes as u64);
    }

    fn outcome(&mut self, failure: Option<UnpackFailure>) -> Completeness {
        match failure {
            None => Completeness::Whole,
            Some(failure) => {
                self.problem(failure);
                Completeness::InPart
            }
        }
    }

    /// Ends the unpacking with a problem.
    fn end(&mut self, detail: String) {
        self.problem(UnpackFailure::new(Reason::Limit, detail));
        self.is_over = true;
    }

    fn problem(&mut self, failure: UnpackFailure) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(failure.at(&self.path));
        } else {
            self.unlisted += 1;
        }
    }
}

/// Adds the name of an entry at nesting level `depth`, one per line.
fn add_name(names: &mut Vec<u8>, name: &[u8], depth: u32) {
    if depth > 1 {
        names.extend_from_slice(name);
        names.push(b'\n');
    }
}

/// Returns the failure for an exceeded budget of the outer buffer.
fn spent() -> UnpackFailure {
    let detail = match work::is_spent() {
        true => work::SPENT,
        false => "too much was unpacked already, or too much from so few bytes",
    };
    UnpackFailure::new(Reason::Limit, detail)
}

fn too_long(max: u64) -> UnpackFailure {
    let detail = format!("holds more than the {max} bytes allowed here");
    UnpackFailure::new(Reason::Limit, detail)
}

/// Checks an entry that is not compressed.
fn stored(entry: &zip::ZipEntry<'_>, max: u64) -> Result<(), UnpackFailure> {
    if entry.packed.len() as u64 > max {
        Err(too_long(max))
    } else if entry.cut_off {
        Err(UnpackFailure::corrupt("the entry is cut off"))
    } else {
        Ok(())
    }
}
