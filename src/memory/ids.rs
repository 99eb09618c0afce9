//! Sorted object ids; an id's position is its node.

use std::ops::Range;
use std::sync::Arc;

use gix::ObjectId;
use gix::hash::Kind as HashKind;

use crate::odb::Node;
use crate::odb::map::Map;

/// Ids, ascending, each once.
#[derive(Clone, Debug)]
pub struct Ids {
    hash: HashKind,
    bytes: Bytes,
}

/// Where ids are held.
#[derive(Clone, Debug)]
enum Bytes {
    Owned(Vec<u8>),
    /// A part of a file.
    Mapped(Arc<Map>, Range<usize>),
}

impl PartialEq for Ids {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.bytes() == other.bytes()
    }
}

impl Ids {
    /// None.
    pub fn new(hash: HashKind) -> Self {
        Self {
            hash,
            bytes: Bytes::Owned(Vec::new()),
        }
    }

    /// Takes ids as they were written, a part of `map`; `None` if they are not in order or not whole.
    pub fn mapped(hash: HashKind, map: Arc<Map>, range: Range<usize>) -> Option<Self> {
        let bytes = map.get(range.clone())?;
        let len = hash.len_in_bytes();
        let is_whole = bytes.len().is_multiple_of(len) && u32::try_from(bytes.len() / len).is_ok();
        let mut all = bytes.chunks_exact(len);
        let id = gix::oid::from_bytes_unchecked;
        let is_sorted = all.by_ref().is_sorted_by(|a, b| is_below(id(a), id(b)));
        (is_whole && is_sorted).then(|| Self {
            hash,
            bytes: Bytes::Mapped(map, range),
        })
    }

    /// The bytes of all.
    pub fn bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Owned(bytes) => bytes,
            Bytes::Mapped(map, range) => map.get(range.clone()).unwrap_or_default(),
        }
    }

    /// The object format.
    pub fn hash(&self) -> HashKind {
        self.hash
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        self.bytes().len() / self.hash.len_in_bytes()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }

    /// Adds an id behind all others; it must be larger.
    pub fn push(&mut self, id: &gix::oid) {
        debug_assert!(self.last().is_none_or(|last| last < id), "ids are sorted");
        if let Bytes::Mapped(map, range) = &self.bytes {
            self.bytes = Bytes::Owned(map.get(range.clone()).unwrap_or_default().to_vec());
        }
        if let Bytes::Owned(bytes) = &mut self.bytes {
            bytes.extend_from_slice(id.as_bytes());
        }
    }

    fn last(&self) -> Option<&gix::oid> {
        let len = self.len();
        (len > 0).then(|| self.at(len - 1))
    }

    fn at(&self, at: usize) -> &gix::oid {
        let len = self.hash.len_in_bytes();
        gix::oid::from_bytes_unchecked(&self.bytes()[at * len..(at + 1) * len])
    }

    /// The id of `node`.
    pub fn get(&self, node: Node) -> &gix::oid {
        self.at(node.index())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &gix::oid> {
        let all = self.bytes().chunks_exact(self.hash.len_in_bytes());
        all.map(gix::oid::from_bytes_unchecked)
    }

    /// The node of `id`.
    pub fn find(&self, id: &gix::oid) -> Option<Node> {
        if id.kind() != self.hash {
            return None;
        }
        let at = self.lower_bound(id);
        let found = at < self.len() && self.at(at) == id;
        found.then(|| Node::of_index(at))
    }

    /// First position whose id is not below `id`. Ids are evenly spread, so a guess by value is off by
    /// a handful.
    fn lower_bound(&self, id: &gix::oid) -> usize {
        let len = self.len();
        let key = id.as_bytes().first_chunk::<8>();
        let key = key.map_or(0, |key| u64::from_be_bytes(*key));
        let guess = (u128::from(key) * len as u128) >> 64;
        let guess = usize::try_from(guess).unwrap_or(len);
        let (mut low, mut high, mut step) = (guess, guess, 32);
        while low > 0 && self.at(low - 1) >= id {
            low = low.saturating_sub(step);
            step *= 4;
        }
        step = 32;
        while high < len && self.at(high) < id {
            high = (high + step).min(len);
            step *= 4;
        }
        while low < high {
            let middle = low.midpoint(high);
            match self.at(middle).cmp(id) {
                std::cmp::Ordering::Less => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// Both together, with the new node of each of ours and of theirs. Costs little more than a copy if
    /// they are few.
    pub fn merged(&self, other: &Self) -> (Self, Vec<Node>, Vec<Node>) {
        let mut of_ours: Vec<Node> = Vec::with_capacity(self.len());
        if other.is_empty() {
            of_ours.extend(Node::first(self.len()));
            return (self.clone(), of_ours, Vec::new());
        }
        let len = self.hash.len_in_bytes();
        let (bytes, mut all) = (self.bytes(), Vec::new());
        all.reserve_exact(bytes.len() + other.bytes().len());
        let mut of_theirs = Vec::with_capacity(other.len());
        let mut next = 0;
        for id in other.iter() {
            let at = self.lower_bound(id);
            all.extend_from_slice(&bytes[next * len..at * len]);
            let behind = all.len() / len;
            of_ours.extend(Node::range(behind - (at - next)..behind));
            next = at;
            let node = Node::of_index(all.len() / len);
            of_theirs.push(node);
            all.extend_from_slice(id.as_bytes());
            if at < self.len() && self.at(at) == id {
                of_ours.push(node);
                next += 1;
            }
        }
        let first = all.len() / len;
        all.extend_from_slice(&bytes[next * len..]);
        of_ours.extend(Node::range(first..first + self.len() - next));
        let ids = Self {
            hash: self.hash,
            bytes: Bytes::Owned(all),
        };
        (ids, of_ours, of_theirs)
    }
}

/// Finds ids that are asked for in ascending order: each search begins where the last one ended.
pub struct Finder<'a> {
    ids: &'a Ids,
    at: usize,
}

impl<'a> Finder<'a> {
    /// Begins at the lowest of `ids`.
    pub fn new(ids: &'a Ids) -> Self {
        Self { ids, at: 0 }
    }

    /// The node of `id`. An id that is below one that was asked for before is not found.
    pub fn find(&mut self, id: &gix::oid) -> Option<Node> {
        let (len, mut step) = (self.ids.len(), 1);
        // Mostly the next one is it.
        let mut high = self.at;
        while high < len && is_below(self.ids.at(high), id) {
            self.at = high + 1;
            high += step;
            step *= 2;
        }
        let mut high = high.min(len);
        while self.at < high {
            let middle = self.at.midpoint(high);
            match is_below(self.ids.at(middle), id) {
                true => self.at = middle + 1,
                false => high = middle,
            }
        }
        let found = self.at < len && self.ids.at(self.at) == id;
        found.then(|| Node::of_index(self.at))
    }
}

/// Whether `a` stands before `b`. The first eight bytes nearly always tell.
fn is_below(a: &gix::oid, b: &gix::oid) -> bool {
    let start = |id: &gix::oid| {
        id.as_bytes()
            .first_chunk()
            .map(|id| u64::from_be_bytes(*id))
    };
    let (first, second) = (start(a), start(b));
    first < second || first == second && a < b
}

/// Collects ids in any order.
pub fn sorted(hash: HashKind, mut all: Vec<ObjectId>) -> Ids {
    all.sort_unstable();
    all.dedup();
    let mut ids = Ids::new(hash);
    for id in all {
        ids.push(&id);
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(count: u32, seed: u32) -> Ids {
        let id = |number: u32| {
            crate::odb::hash::object_id(
                HashKind::Sha1,
                crate::odb::ObjectKind::Blob,
                &(number * 7 + seed).to_le_bytes(),
            )
            .unwrap()
        };
        sorted(HashKind::Sha1, (0..count).map(id).collect())
    }

    fn read(bytes: &[u8]) -> Option<Ids> {
        let map = Arc::new(Map::of(bytes).unwrap_or_else(|_| Map::of(&[0]).unwrap()));
        Ids::mapped(HashKind::Sha1, map, 0..bytes.len())
    }

    #[test]
    fn every_id_is_found_and_no_other() {
        for count in [0, 1, 2, 100, 3000] {
            let (ids, others) = (made(count, 1), made(count, 2));
            for (node, id) in Node::first(ids.len()).zip(ids.iter()) {
                assert_eq!(ids.find(id), Some(node));
            }
            for id in others.iter() {
                assert_eq!(ids.find(id), None);
            }
            assert_eq!(read(ids.bytes()).unwrap(), ids);
            let (mut finder, mut rare) = (Finder::new(&ids), Finder::new(&ids));
            for (node, id) in Node::first(ids.len()).zip(ids.iter()) {
                assert_eq!(finder.find(id), Some(node));
                assert_eq!(finder.find(id), Some(node));
                assert!(node.index() % 97 > 0 || rare.find(id) == Some(node));
            }
            let mut finder = Finder::new(&ids);
            assert!(others.iter().all(|id| finder.find(id).is_none()));
        }
    }

    #[test]
    fn merging_numbers_both_sides_anew() {
        let (ours, theirs) = (made(700, 1), made(900, 8));
        let (all, of_ours, of_theirs) = ours.merged(&theirs);
        assert!(all.len() < ours.len() + theirs.len(), "some are in both");
        for (ids, nodes) in [(&ours, of_ours), (&theirs, of_theirs)] {
            for (id, node) in ids.iter().zip(nodes) {
                assert_eq!(all.get(node), id);
            }
        }
        assert_eq!(read(all.bytes()), Some(all.clone()));
        assert_eq!(ours.merged(&made(0, 1)).0, ours);
        let mut broken = all.bytes().to_vec();
        broken[..40].rotate_left(20);
        assert_eq!(read(&broken), None);
        assert_eq!(read(&[0; 21]), None);
    }
}
