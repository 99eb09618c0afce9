//! The form of a ledger on disk: a magic line, a checksum, the ids and facts as they are, and the rest.
//! It is written and read as a whole by the program that made it; what is not whole is nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gix::hash::Kind as HashKind;
use serde::{Deserialize, Serialize};

use crate::git::lfs::Pointer;
use crate::memory::history::Story;
use crate::memory::ids::Ids;
use crate::memory::sightings::ObjectRecord;
use crate::memory::{Digest, Ledger, ObjectFact};
use crate::odb::map::Map;

const MAGIC: &[u8; 16] = b"unleak ledger 1\n";

/// What stands before the ids. Borrowed when written, owned when read.
#[derive(Serialize)]
struct LedgerHeaderRef<'a> {
    scanner: &'a Digest,
    rules: &'a BTreeMap<String, Digest>,
    count: u64,
    hash_len: u8,
    noted: &'a [ObjectRecord],
    story: &'a Option<Story>,
}

#[derive(Deserialize)]
struct LedgerHeader {
    scanner: Digest,
    rules: BTreeMap<String, Digest>,
    count: u64,
    hash_len: u8,
    noted: Vec<ObjectRecord>,
    story: Option<Story>,
}

/// Returns the form of `ledger`.
///
/// # Panics
/// Never: a ledger is data.
pub fn write(ledger: &Ledger) -> Vec<u8> {
    let head = LedgerHeaderRef {
        scanner: &ledger.scanner,
        rules: &ledger.rules,
        count: ledger.ids.len() as u64,
        hash_len: u8::try_from(ledger.ids.hash().len_in_bytes()).unwrap_or(u8::MAX),
        noted: &ledger.noted,
        story: &ledger.story,
    };
    let head = postcard::to_stdvec(&head).expect("a ledger is data");
    let mut bytes =
        Vec::with_capacity(32 + head.len() + ledger.ids.bytes().len() + 8 * ledger.facts.len());
    bytes.extend(MAGIC);
    bytes.extend([0; 4]);
    bytes.extend((head.len() as u64).to_le_bytes());
    bytes.extend(head);
    bytes.extend(ledger.ids.bytes());
    for fact in &ledger.facts {
        bytes.extend(fact.0.to_le_bytes());
    }
    let sum = crc32fast::hash(&bytes[SUMMED..]);
    bytes[MAGIC.len()..SUMMED].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// First byte that the checksum covers; it stands in the four bytes before.
pub const SUMMED: usize = MAGIC.len() + 4;

/// Reads the ledger at `path`; `None` if there is none, or it is of another version, or damaged.
pub fn read(path: &Path) -> Option<Ledger> {
    parse(Map::open(path).ok()?)
}

/// Reads a ledger from memory; likewise.
pub fn parse(bytes: Map) -> Option<Ledger> {
    let map = Arc::new(bytes);
    let rest = map.strip_prefix(MAGIC)?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*sum) {
        return None;
    }
    let (len, rest) = rest.split_first_chunk::<8>()?;
    let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
    let (head, rest) = rest.split_at_checked(len)?;
    let head: LedgerHeader = postcard::from_bytes(head).ok()?;
    let hash = match head.hash_len {
        20 => HashKind::Sha1,
        32 => HashKind::Sha256,
        _ => return None,
    };
    let count = usize::try_from(head.count).ok()?;
    let (ids, facts) = rest.split_at_checked(count.checked_mul(hash.len_in_bytes())?)?;
    if facts.len() != count.checked_mul(8)? {
        return None;
    }
    let mut story = head.story;
    let is_sound = story
        .as_mut()
        .is_none_or(|story| story.is_sound(hash, count));
    let noted = &head.noted;
    let is_noted = noted.is_sorted_by(|a, b| a.node < b.node)
        && noted.iter().all(|entry| {
            let pointer = entry.pointer.as_ref();
            pointer.is_none_or(Pointer::is_sound)
        })
        && noted.last().is_none_or(|last| last.node.index() < count);
    if !is_sound || !is_noted {
        return None;
    }
    let start = map.len() - facts.len() - ids.len();
    let facts = facts.as_chunks::<8>().0.iter();
    Some(Ledger {
        scanner: head.scanner,
        rules: head.rules,
        ids: Ids::mapped(hash, Arc::clone(&map), start..start + ids.len())?,
        facts: facts
            .map(|fact| ObjectFact(u64::from_le_bytes(*fact)))
            .collect(),
        noted: head.noted,
        story,
    })
}
