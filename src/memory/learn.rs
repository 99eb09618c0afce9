//! The ledgers that a full scan reads from earlier scans, and the one that it makes for the next.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rustc_hash::FxHashMap;

use crate::detect::{Detector, Hits, Scratch};
use crate::git::lfs::Pointer;
use crate::git::stamp::StoreFiles;
use crate::memory::forks::Forks;
use crate::memory::history::Story;
use crate::memory::ids::{Finder, Ids};
use crate::memory::sightings::{ObjectRecord, note};
use crate::memory::{Difference, Digest, Ledger, ObjectFact};
use crate::odb::walk::{Base, Object, Visitor, walk_some};
use crate::odb::{Node, ObjectKind, ObjectStore};
use crate::progress::Progress;
use crate::rule::RuleSet;
use crate::scan::objects::{Remark, Seen};
use crate::scan::{ScanOptions, Sighted};

/// The ledgers that a scan can start from.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The ledger of earlier scans of the repository.
    pub before: Option<Ledger>,
    /// The ledgers of its forks.
    pub forks: Forks,
    /// Digest of everything besides the rules that affects the matches in an object.
    pub scanner: Digest,
    /// Digest of the options that decide which findings are reported.
    pub choice: Digest,
}

/// What a scan learned.
#[derive(Debug, Default)]
pub struct Learned {
    /// The change of the ledger.
    pub ledger: LedgerChange,
    /// The number of objects that were read now.
    pub read: u64,
    /// The number of objects that were not read, because earlier scans had.
    pub known: u64,
}

/// The change of the stored ledger.
#[derive(Debug, Default)]
pub enum LedgerChange {
    /// It is dropped: something was damaged, and the next scan must read everything.
    #[default]
    Nothing,
    /// It stays.
    AsItWas,
    /// It is replaced.
    New(Box<Ledger>),
}

impl Memory {
    /// Merges all ledgers that have the same rules and scanner. Those of forks have the current rules.
    pub(crate) fn known(self) -> Option<Ledger> {
        let forks = self.forks.all().map(|ledger| Ledger::clone(ledger));
        let mut parts = forks.chain(self.before);
        let mut all = parts.next()?;
        for part in parts.filter(|part| !part.ids.is_empty()) {
            if all.is_alike(&part) {
                all = all.merged(part)?;
            }
        }
        Some(all)
    }
}

/// No node.
const NONE: Node = Node::NONE;

/// The objects of a store that need no scan.
pub(crate) struct KnownObjects<'a> {
    ledger: &'a Ledger,
    /// For each node of the store, that of the ledger; `NONE` if the object must be scanned.
    of_node: Vec<Node>,
}

impl<'a> KnownObjects<'a> {
    /// Looks up all objects of `store`. Rules that were added since are tried on objects that were scanned
    /// without them.
    pub(crate) fn of(
        store: &ObjectStore,
        ledger: &'a Ledger,
        detector: &Detector,
        options: ScanOptions,
        progress: &Progress,
    ) -> Self {
        let mut known = Self {
            ledger,
            of_node: vec![NONE; store.node_count() as usize],
        };
        let mut finder = Finder::new(&ledger.ids);
        for node in store.nodes_by_id() {
            let found = finder.find(&store.id(node));
            known.of_node[node.index()] = found.unwrap_or(NONE);
        }
        let difference = ledger.difference(detector.digests());
        let touched = known.touched(store, &difference, detector, options, progress);
        for of_node in known.of_node.iter_mut().filter(|of_node| **of_node != NONE) {
            let noted = ledger.noted_at(*of_node);
            // With other rules, a match may belong to another rule, and an inline marker may name
            // another one.
            let is_moot = |noted: &ObjectRecord| noted.again || !difference.is_empty();
            if noted.is_some_and(is_moot) {
                *of_node = NONE;
            }
        }
        for node in touched {
            known.of_node[node.index()] = NONE;
        }
        known
    }

    /// Known objects in which an added rule finds something.
    fn touched(
        &self,
        store: &ObjectStore,
        difference: &Difference,
        detector: &Detector,
        options: ScanOptions,
        progress: &Progress,
    ) -> Vec<Node> {
        if difference.added.is_empty() {
            return Vec::new();
        }
        let mut rules = RuleSet::default();
        let added = detector.rules().rules.iter();
        let added = added.filter(|rule| difference.added.binary_search(&rule.id).is_ok());
        rules.rules.extend(added.cloned());
        let everything = || store.nodes().filter(|&node| self.is_known(node));
        // Rules that compiled with others compile alone.
        let Ok(probe) = Detector::compile(rules) else {
            return everything().collect();
        };
        let probe = probe.with_limits(detector.limits());
        let wanted = |node| self.is_known(node);
        let make = || Probe {
            detector: &probe,
            scratch: Scratch::default(),
            is_aware: options.delta == crate::scan::Delta::Aware,
            found: Vec::new(),
        };
        let kinds = [ObjectKind::Blob, ObjectKind::Commit, ObjectKind::Tag];
        let walked = walk_some(store, &kinds, Some(&wanted), progress, &make);
        // Unreadable objects are left to the scan itself, which reports the reason.
        let unread = walked
            .skipped
            .iter()
            .filter_map(|skipped| store.node_of(&skipped.object_id?));
        let unread: Vec<Node> = unread.collect();
        let found = walked.visitors.into_iter().flat_map(|probe| probe.found);
        found.chain(unread).collect()
    }

    /// Whether the object of `node` need not be scanned.
    pub(crate) fn is_known(&self, node: Node) -> bool {
        self.of_node[node.index()] != NONE
    }

    /// The fact about a known object.
    pub(crate) fn fact(&self, node: Node) -> Option<ObjectFact> {
        let of_node = self.of_node[node.index()];
        self.ledger.facts.get(of_node.index()).copied()
    }

    /// The records of known objects, by the store's nodes.
    pub(crate) fn noted(&self) -> Vec<ObjectRecord> {
        let mut nodes: FxHashMap<Node, Node> = FxHashMap::default();
        let numbered = Node::first(self.of_node.len()).zip(&self.of_node);
        nodes.extend(
            numbered
                .filter(|(_, of)| **of != NONE)
                .map(|(node, &of)| (of, node)),
        );
        let here = |noted: &ObjectRecord| {
            let node = *nodes.get(&noted.node)?;
            Some(ObjectRecord {
                node,
                ..noted.clone()
            })
        };
        self.ledger.noted.iter().filter_map(here).collect()
    }
}

/// Finds the objects in which some rules match.
struct Probe<'a> {
    detector: &'a Detector,
    scratch: Scratch,
    is_aware: bool,
    found: Vec<Node>,
}

impl Visitor for Probe<'_> {
    type State = Hits;

    fn visit(&mut self, object: &Object<'_>, base: Option<Base<'_, Hits>>, hits: &mut Hits) {
        match base.filter(|_| self.is_aware) {
            Some(base) => {
                let from = (base.state, base.len);
                self.detector
                    .scan_delta(object.bytes, from, base.runs, &mut self.scratch, hits);
            }
            None => self.detector.scan(object.bytes, &mut self.scratch, hits),
        }
        let has_problems = hits.problems().next().is_some();
        if hits.has_matches() || has_problems {
            self.found.push(object.node);
        }
        hits.trim();
    }
}

/// The results of a scan from which a ledger is made.
pub(crate) struct Results<'a> {
    pub(crate) store: &'a ObjectStore,
    pub(crate) detector: &'a Detector,
    pub(crate) key: &'a [u8],
    pub(crate) known: Option<&'a KnownObjects<'a>>,
    pub(crate) seen: &'a [Seen],
    pub(crate) trees: &'a [(Node, u64)],
    /// The matches of the objects scanned now, of all rules.
    pub(crate) found: &'a [Sighted],
    pub(crate) remarks: &'a FxHashMap<Node, Remark>,
    /// By the store's nodes, known objects included.
    pub(crate) pointers: &'a [(Node, Pointer)],
}

impl Results<'_> {
    /// Makes the ledger, without the repository's history; also returns its node for each of the store's.
    pub(crate) fn ledger(&self, scanner: Digest) -> (Ledger, Vec<Node>) {
        let store = self.store;
        let unknown = ObjectFact::new(ObjectKind::Unknown, 0);
        let mut facts = vec![unknown; store.node_count() as usize];
        if let Some(known) = self.known {
            for node in store.nodes() {
                facts[node.index()] = known.fact(node).unwrap_or(unknown);
            }
        }
        for seen in self.seen {
            facts[seen.node.index()] = ObjectFact::new(seen.kind, seen.size);
        }
        for &(node, size) in self.trees {
            facts[node.index()] = ObjectFact::new(ObjectKind::Tree, size);
        }
        let mut ledger = Ledger {
            scanner,
            rules: self.detector.digests().clone(),
            ids: Ids::new(store.hash()),
            facts: Vec::new(),
            noted: Vec::new(),
            story: None,
        };
        let mut of_node = vec![NONE; store.node_count() as usize];
        for node in store.nodes_by_id() {
            let fact = facts[node.index()];
            if fact.kind() != ObjectKind::Unknown {
                of_node[node.index()] = Node::of_index(ledger.facts.len());
                ledger.ids.push(&store.id(node));
                ledger.facts.push(fact);
            }
        }
        // Trees are read at each of their nodes.
        for node in store.nodes().filter(|&node| store.is_duplicate(node)) {
            let first = store.node_of(&store.id(node));
            of_node[node.index()] = first.map_or(NONE, |first| of_node[first.index()]);
        }
        let mut noted: BTreeMap<Node, ObjectRecord> = BTreeMap::new();
        let place = |node: Node| Some(of_node[node.index()]).filter(|&node| node != NONE);
        for mut entry in self.known.map(KnownObjects::noted).unwrap_or_default() {
            if let Some(node) = place(entry.node) {
                entry.node = node;
                noted.insert(node, entry);
            }
        }
        note(
            &mut noted,
            self.found,
            &place,
            self.detector.rules(),
            self.key,
        );
        add_remarks(&mut noted, self.remarks, self.pointers, &place);
        ledger.noted = noted.into_values().collect();
        (ledger, of_node)
    }
}

/// Adds remarks to records. Of an object that must be scanned again, nothing else is stored.
pub(crate) fn add_remarks(
    noted: &mut BTreeMap<Node, ObjectRecord>,
    remarks: &FxHashMap<Node, Remark>,
    pointers: &[(Node, Pointer)],
    place: &dyn Fn(Node) -> Option<Node>,
) {
    for (&node, remark) in remarks {
        if let Some(node) = place(node) {
            let entry = noted.entry(node).or_default();
            entry.allowed = remark.allowed;
            entry.again |= remark.again;
        }
    }
    for (node, pointer) in pointers {
        if let Some(node) = place(*node) {
            noted.entry(node).or_default().pointer = Some(pointer.clone());
        }
    }
    for (&node, entry) in noted.iter_mut() {
        entry.node = node;
        if entry.again {
            *entry = ObjectRecord {
                node,
                again: true,
                ..ObjectRecord::default()
            };
        }
    }
}

/// Whether none of the packs that were read has changed since. Packs that are gone do not count.
pub(crate) fn is_intact(story: &Story, files: &StoreFiles) -> bool {
    let packs: FxHashMap<_, _> = files
        .packs
        .iter()
        .map(|(path, mark)| (path, mark))
        .collect();
    let is_same =
        |known: &(PathBuf, Digest)| packs.get(&known.0).is_none_or(|mark| **mark == known.1);
    story.packs.iter().all(is_same)
}
