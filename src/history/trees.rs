//! Which trees hold which objects, gathered in one walk over all trees.
//!
//! A tree is mostly a copy of its delta base, so only its difference is kept: the links (entries
//! that are trees, or blobs that somebody asks for) that it adds to its base's and drops from
//! them. Entries inside a copied run are neither parsed nor looked up again.
//!
//! Format: gitformat-pack(5) and `git help ls-tree`; an entry is `<mode> <name>\0<raw id>`.

use std::sync::Mutex;

use gix::ObjectId;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::odb::walk::{Base, Object, Visitor};
use crate::odb::{Node, ObjectKind, ObjectStore};
use crate::span::Run;

/// An entry worth following.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// Number of the entry's name: see [`TreeLinks::name`].
    pub name: u32,
    /// What it names.
    pub child: Node,
}

/// Says of a name whether it is worth following, whatever it names.
pub type NameJudge<'a> = &'a (dyn Fn(&[u8]) -> bool + Sync);

/// What all threads share while trees are walked.
pub struct SharedTreeState<'a> {
    store: &'a ObjectStore,
    /// Blobs to follow.
    targets: &'a FxHashSet<Node>,
    judge: NameJudge<'a>,
    /// Commits of submodules to follow.
    gitlinks: &'a FxHashSet<ObjectId>,
    /// Names to follow, and the tree of the lowest id that has each.
    marked: Mutex<FxHashMap<u32, (ObjectId, Node)>>,
    names: Mutex<FxHashMap<Vec<u8>, u32>>,
    /// Objects that trees name and the store does not hold. They get node numbers past its own.
    absent: Mutex<FxHashMap<ObjectId, (Node, ObjectKind)>>,
}

impl<'a> SharedTreeState<'a> {
    /// Starts with no names.
    pub fn new(
        store: &'a ObjectStore,
        targets: &'a FxHashSet<Node>,
        gitlinks: &'a FxHashSet<ObjectId>,
        judge: NameJudge<'a>,
    ) -> Self {
        Self {
            store,
            targets,
            gitlinks,
            judge,
            marked: Mutex::default(),
            names: Mutex::default(),
            absent: Mutex::default(),
        }
    }

    /// Forgets what was gathered.
    fn clear(&self) {
        self.marked
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
        self.names
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
        self.absent
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
    }

    fn name(&self, name: &[u8]) -> u32 {
        let mut names = self
            .names
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(&number) = names.get(name) {
            return number;
        }
        let number = u32::try_from(names.len()).expect("fewer names than bytes of trees");
        names.insert(name.to_owned(), number);
        number
    }

    fn mark(&self, name: u32, tree: Node) {
        let mut marked = self
            .marked
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let tree = (self.store.id(tree), tree);
        let first = marked.entry(name).or_insert(tree);
        *first = tree.min(*first);
    }

    fn absent(&self, id: &gix::oid, kind: ObjectKind) -> Node {
        let mut absent = self
            .absent
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = self.store.node_count();
        let next = u32::try_from(absent.len()).unwrap_or(u32::MAX);
        absent
            .entry(id.to_owned())
            .or_insert((Node::new(first.saturating_add(next)), kind))
            .0
    }
}

/// Look-ups that a thread remembers, 6 MB. Measured on git's own history: half as many misses as 2^13;
/// with 2^18 the memory itself costs more than it saves.
const RECENT_IDS: usize = 1 << 17;

/// What is known about one tree.
struct TreeRecord {
    node: Node,
    base: Option<Node>,
    /// Links added, then links dropped, in the thread's list.
    start: usize,
    added: u32,
    dropped: u32,
}

/// Gathers trees on one thread.
pub struct TreeVisitor<'a> {
    shared: &'a SharedTreeState<'a>,
    /// Recent look-ups, by bits of the id: versions of one directory share most entries. Each is an id and
    /// what was found: 0 if the slot is empty, 1 if the object is not here, else its node and 2. All
    /// zeros, the memory is not touched before it is needed.
    recent: Vec<[u64; 5]>,
    records: Vec<TreeRecord>,
    links: Vec<Link>,
    names: FxHashMap<Vec<u8>, u32>,
    /// What the judge of names said.
    judged: FxHashMap<Vec<u8>, bool>,
    /// The tree that is being read.
    tree: Node,
    damaged: Vec<Node>,
    submodules: FxHashSet<ObjectId>,
    /// The trees and their sizes.
    pub(super) seen: Vec<(Node, u64)>,
}

/// What a tree keeps for its deltas.
#[derive(Default)]
pub struct TreeState {
    /// First byte of every entry, then the length of the tree.
    starts: Vec<u32>,
    /// The links, by the first byte of their entry.
    links: Vec<(u32, Link)>,
}

impl<'a> TreeVisitor<'a> {
    /// Starts with none.
    pub fn new(shared: &'a SharedTreeState<'a>) -> Self {
        Self {
            shared,
            recent: vec![[0; 5]; RECENT_IDS],
            records: Vec::new(),
            links: Vec::new(),
            names: FxHashMap::default(),
            judged: FxHashMap::default(),
            tree: Node::default(),
            damaged: Vec::new(),
            submodules: FxHashSet::default(),
            seen: Vec::new(),
        }
    }

    /// Ends the gathering.
    pub fn finish(self) -> GatheredTrees {
        let Self {
            records,
            links,
            damaged,
            submodules,
            ..
        } = self;
        GatheredTrees {
            records,
            links,
            damaged,
            submodules,
        }
    }

    /// Parses the entry at `at`; returns where the next one begins.
    fn entry(&mut self, bytes: &[u8], at: usize, state: &mut TreeState) -> Option<usize> {
        let rest = &bytes[at..];
        let blank = memchr::memchr(b' ', &rest[..rest.len().min(8)])?;
        let nul = memchr::memchr(0, &rest[blank..])? + blank;
        let id_start = nul + 1;
        let id_end = id_start + self.shared.store.hash().len_in_bytes();
        let id = gix::oid::from_bytes_unchecked(rest.get(id_start..id_end)?);
        let start = u32::try_from(at).ok()?;
        state.starts.push(start);
        let mode = &rest[..blank];
        let name = &rest[blank + 1..nul];
        let is_marked = self.is_marked(name);
        let kind = match mode {
            b"40000" | b"040000" => ObjectKind::Tree,
            b"160000" => {
                self.submodules.insert(id.to_owned());
                ObjectKind::Commit
            }
            _ => ObjectKind::Blob,
        };
        let child = match (kind, self.node_of(id)) {
            (ObjectKind::Commit, _) if !is_marked && !self.shared.gitlinks.contains(id) => {
                return Some(at + id_end);
            }
            (ObjectKind::Blob, Some(node))
                if !is_marked && !self.shared.targets.contains(&node) =>
            {
                return Some(at + id_end);
            }
            (_, Some(node)) => node,
            (_, None) => self.shared.absent(id, kind),
        };
        let name = self.name(name);
        if is_marked {
            self.shared.mark(name, self.tree);
        }
        state.links.push((start, Link { name, child }));
        Some(at + id_end)
    }

    fn is_marked(&mut self, name: &[u8]) -> bool {
        if let Some(&known) = self.judged.get(name) {
            return known;
        }
        let is_marked = (self.shared.judge)(name);
        self.judged.insert(name.to_owned(), is_marked);
        is_marked
    }

    fn node_of(&mut self, id: &gix::oid) -> Option<Node> {
        let mut padded = [0u8; 32];
        padded[..id.as_bytes().len()].copy_from_slice(id.as_bytes());
        let (words, _) = padded.as_chunks();
        let words: [u64; 4] = std::array::from_fn(|at| u64::from_le_bytes(words[at]));
        // The first two bytes choose the pack's fan-out and say less.
        let slot = (words[0] >> 16) as usize % RECENT_IDS;
        let known = self.recent[slot];
        if known[4] != 0 && known[..4] == words {
            let node = known[4].checked_sub(2)?;
            return u32::try_from(node).ok().map(Node::new);
        }
        let node = self.shared.store.node_of(id);
        let found = node.map_or(1, |node| u64::from(node.number()) + 2);
        self.recent[slot] = [words[0], words[1], words[2], words[3], found];
        node
    }

    fn name(&mut self, name: &[u8]) -> u32 {
        if let Some(&number) = self.names.get(name) {
            return number;
        }
        let number = self.shared.name(name);
        self.names.insert(name.to_owned(), number);
        number
    }

    /// Takes over the entries from `at` on that lie wholly in `run`; returns where the next begins.
    fn inherit(base: &TreeState, run: Run, at: usize, state: &mut TreeState) -> usize {
        let source = at - run.dst + run.src;
        let first = base
            .starts
            .partition_point(|&start| (start as usize) < source);
        if base
            .starts
            .get(first)
            .is_none_or(|&start| start as usize != source)
        {
            return at;
        }
        // An entry is whole if the next one begins within the run, or at its end.
        let last = base
            .starts
            .partition_point(|&start| start as usize <= run.src_end())
            - 1;
        if last <= first {
            return at;
        }
        let shift =
            |start: u32| u32::try_from(start as usize - run.src + run.dst).unwrap_or(u32::MAX);
        state
            .starts
            .extend(base.starts[first..last].iter().map(|&start| shift(start)));
        let end = base.starts[last];
        let links = &base.links[base
            .links
            .partition_point(|link| (link.0 as usize) < source)..];
        let links = links.iter().take_while(|link| link.0 < end);
        state
            .links
            .extend(links.map(|&(start, link)| (shift(start), link)));
        shift(end) as usize
    }

    fn parse(
        &mut self,
        bytes: &[u8],
        base: Option<(&TreeState, &[Run])>,
        state: &mut TreeState,
    ) -> bool {
        state.starts.clear();
        state.links.clear();
        let (base, mut runs) = base.map_or((None, &[][..]), |(base, runs)| (Some(base), runs));
        let mut at = 0;
        while at < bytes.len() {
            while runs.first().is_some_and(|run| run.dst_end() <= at) {
                runs = &runs[1..];
            }
            if let (Some(base), Some(&run)) = (base, runs.first())
                && run.dst <= at
            {
                let next = Self::inherit(base, run, at, state);
                if next > at {
                    at = next;
                    continue;
                }
            }
            match self.entry(bytes, at, state) {
                Some(next) => at = next,
                None => return false,
            }
        }
        state
            .starts
            .push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        true
    }

    /// Notes what `state` adds to and drops from the links of `base`.
    fn record(&mut self, node: Node, base: Option<(Node, &TreeState)>, state: &TreeState) {
        let start = self.links.len();
        let mut ours: Vec<Link> = state.links.iter().map(|&(_, link)| link).collect();
        let mut theirs: Vec<Link> = base
            .iter()
            .flat_map(|(_, b)| b.links.iter().map(|&(_, link)| link))
            .collect();
        // The same order on both sides up to the change: the common ends are left out unsorted.
        let head = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        ours.drain(..head);
        theirs.drain(..head);
        while ours.last().is_some() && ours.last() == theirs.last() {
            ours.pop();
            theirs.pop();
        }
        ours.sort_unstable();
        theirs.sort_unstable();
        self.links.extend(without(&ours, &theirs));
        let added = self.links.len() - start;
        self.links.extend(without(&theirs, &ours));
        let dropped = self.links.len() - start - added;
        self.records.push(TreeRecord {
            node,
            base: base.map(|(node, _)| node),
            start,
            added: u32::try_from(added).unwrap_or(u32::MAX),
            dropped: u32::try_from(dropped).unwrap_or(u32::MAX),
        });
    }
}

/// What one thread gathered.
pub struct GatheredTrees {
    records: Vec<TreeRecord>,
    links: Vec<Link>,
    damaged: Vec<Node>,
    submodules: FxHashSet<ObjectId>,
}

/// The items of `all` that are not in `other`, each as often as it is there more; both sorted. A
/// forged tree may name one entry twice.
fn without<'l>(all: &'l [Link], other: &'l [Link]) -> impl Iterator<Item = Link> + 'l {
    let mut other = other.iter().peekable();
    all.iter().copied().filter(move |link| {
        while other.next_if(|next| *next < link).is_some() {}
        other.next_if_eq(&link).is_none()
    })
}

impl Visitor for TreeVisitor<'_> {
    type State = TreeState;

    fn begin_again(&self) {
        self.shared.clear();
    }

    fn visit(
        &mut self,
        object: &Object<'_>,
        base: Option<Base<'_, TreeState>>,
        state: &mut TreeState,
    ) {
        let from = base.as_ref().map(|base| (base.state, base.runs));
        self.tree = object.node;
        let whole = self.parse(object.bytes, from, state);
        if !whole {
            self.damaged.push(object.node);
            // What could be read counts; deltas made from it parse themselves.
            state.starts.clear();
        }
        self.record(object.node, base.map(|base| (base.node, base.state)), state);
    }

    fn seen(&mut self, node: Node, _kind: ObjectKind, size: u64) {
        self.seen.push((node, size));
    }
}

/// Every tree of a store as differences: see the module's documentation.
pub struct TreeLinks {
    records: Vec<TreeRecord>,
    /// Bases before what is made from them.
    order: Vec<u32>,
    /// For each entry of `order`, the position in `order` of its base.
    bases: Vec<Option<u32>>,
    links: Vec<Link>,
    names: Vec<Vec<u8>>,
    /// Numbers of the names that are worth following, and for each the tree of the lowest id that
    /// has it, sorted by name.
    pub marked: Vec<(u32, Node)>,
    /// Objects that trees name and the store does not hold: id, node number, kind.
    pub absent: Vec<(ObjectId, Node, ObjectKind)>,
    /// Trees that cannot be parsed.
    pub damaged: Vec<Node>,
    /// Distinct commits of submodules that trees name, sorted.
    pub submodules: Vec<ObjectId>,
}

impl TreeLinks {
    /// Puts together what all threads gathered.
    pub fn new(shared: SharedTreeState<'_>, parts: Vec<GatheredTrees>) -> Self {
        let (mut records, mut links, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
        let mut submodules = FxHashSet::default();
        for mut part in parts {
            let shift = links.len();
            links.append(&mut part.links);
            damaged.append(&mut part.damaged);
            submodules.extend(part.submodules);
            records.extend(part.records.into_iter().map(|mut record| {
                record.start += shift;
                record
            }));
        }
        records.sort_unstable_by_key(|record| record.node);
        damaged.sort_unstable();
        let mut submodules: Vec<ObjectId> = submodules.into_iter().collect();
        submodules.sort_unstable();
        let names = shared
            .names
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut by_number: Vec<(u32, Vec<u8>)> = names
            .into_iter()
            .map(|(name, number)| (number, name))
            .collect();
        by_number.sort_unstable();
        let marked = shared
            .marked
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let marked = marked.into_iter();
        let mut marked: Vec<(u32, Node)> = marked.map(|(name, (_, tree))| (name, tree)).collect();
        // Numbers depend on the order of threads, names do not.
        marked.sort_unstable_by_key(|&(number, _)| &by_number[number as usize].1);
        let absent = shared
            .absent
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut absent: Vec<_> = absent
            .into_iter()
            .map(|(id, (node, kind))| (id, node, kind))
            .collect();
        absent.sort_unstable();
        let mut built = Self {
            records,
            order: Vec::new(),
            bases: Vec::new(),
            links,
            names: by_number.into_iter().map(|(_, name)| name).collect(),
            marked,
            absent,
            damaged,
            submodules,
        };
        built.put_in_order();
        built
    }

    /// Bases first. Most bases have a lower node already; the rest are climbed to.
    fn put_in_order(&mut self) {
        let mut position: Vec<Option<u32>> = vec![None; self.records.len()];
        let mut climb = Vec::new();
        for start in 0..self.records.len() {
            let mut at = start;
            while position[at].is_none() {
                climb.push(at);
                match self.records[at].base.and_then(|base| self.find(base)) {
                    Some(base) if climb.len() <= self.records.len() => at = base,
                    _ => break,
                }
            }
            while let Some(at) = climb.pop() {
                if position[at].is_none() {
                    let base = self.records[at]
                        .base
                        .and_then(|base| self.find(base))
                        .and_then(|base| position[base]);
                    position[at] =
                        Some(u32::try_from(self.order.len()).expect("records have nodes"));
                    self.order
                        .push(u32::try_from(at).expect("records have nodes"));
                    self.bases.push(base);
                }
            }
        }
    }

    fn find(&self, node: Node) -> Option<usize> {
        self.records
            .binary_search_by_key(&node, |record| record.node)
            .ok()
    }

    /// All names of links, by number.
    pub fn names(&self) -> &[Vec<u8>] {
        &self.names
    }

    /// The name of a link.
    pub fn name(&self, number: u32) -> &[u8] {
        &self.names[number as usize]
    }

    fn added(&self, record: &TreeRecord) -> &[Link] {
        &self.links[record.start..record.start + record.added as usize]
    }

    fn dropped(&self, record: &TreeRecord) -> &[Link] {
        let start = record.start + record.added as usize;
        &self.links[start..start + record.dropped as usize]
    }

    /// Returns every tree that holds one of `seeds` or of the `names`, directly or below, with its
    /// links to trees and seeds that do: upwards from the seeds, one pass over the differences for
    /// each level.
    pub fn holders(
        &self,
        seeds: &FxHashSet<Node>,
        names: &FxHashSet<u32>,
        node_count: usize,
    ) -> FxHashMap<Node, Vec<Link>> {
        let mut holds = vec![false; node_count];
        for &seed in seeds {
            holds[seed.index()] = true;
        }
        let mut counts = vec![0i64; self.order.len()];
        let mut grew = true;
        while std::mem::take(&mut grew) {
            for (at, &number) in self.order.iter().enumerate() {
                let record = &self.records[number as usize];
                let count = |links: &[Link]| {
                    links
                        .iter()
                        .filter(|link| holds[link.child.index()] || names.contains(&link.name))
                        .count() as i64
                };
                let base = self.bases[at].map_or(0, |base| counts[base as usize]);
                counts[at] = base + count(self.added(record)) - count(self.dropped(record));
                if counts[at] > 0 && !holds[record.node.index()] {
                    holds[record.node.index()] = true;
                    grew = true;
                }
            }
        }
        let mut found = FxHashMap::default();
        let keep = |link: &Link| holds[link.child.index()] || names.contains(&link.name);
        self.with_links(&keep, &mut |node, links| {
            if !links.is_empty() {
                found.insert(node, links.to_vec());
            }
        });
        found
    }

    /// Returns which nodes can be reached from `roots` through trees.
    pub fn reachable(&self, roots: impl Iterator<Item = Node>, node_count: usize) -> Vec<bool> {
        let mut reached = vec![false; node_count];
        for root in roots {
            reached[root.index()] = true;
        }
        let mut grew = true;
        while std::mem::take(&mut grew) {
            let before = std::cell::RefCell::new(&mut reached);
            self.with_links(&|_| true, &mut |node, links| {
                let mut reached = before.borrow_mut();
                if reached[node.index()] {
                    for link in links {
                        grew |= !std::mem::replace(&mut reached[link.child.index()], true);
                    }
                }
            });
        }
        reached
    }

    /// Calls `see(tree, links)` with the full list of those links of each tree that `keep` accepts.
    fn with_links(&self, keep: &dyn Fn(&Link) -> bool, see: &mut dyn FnMut(Node, &[Link])) {
        // A list is needed until the last tree made from it was seen.
        let mut uses = vec![0u32; self.order.len()];
        for base in self.bases.iter().flatten() {
            uses[*base as usize] += 1;
        }
        let mut lists: Vec<Option<Vec<Link>>> = vec![None; self.order.len()];
        for (at, &number) in self.order.iter().enumerate() {
            let record = &self.records[number as usize];
            let mut list = match self.bases[at] {
                None => Vec::new(),
                Some(base) => {
                    let base = base as usize;
                    uses[base] -= 1;
                    let whole = if uses[base] == 0 {
                        lists[base].take()
                    } else {
                        lists[base].clone()
                    };
                    whole.unwrap_or_default()
                }
            };
            let dropped = self.dropped(record);
            if !dropped.is_empty() && !list.is_empty() {
                list.sort_unstable();
                list = without(&list, dropped).collect();
            }
            list.extend(self.added(record).iter().filter(|link| keep(link)));
            see(record.node, &list);
            if uses[at] > 0 {
                lists[at] = Some(list);
            }
        }
    }
}
