//! What a scan of everything takes from earlier ones, and what it leaves for later ones.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gix::ObjectId;
use rustc_hash::FxHashMap;

use crate::attribution::commits::CommitGraph;
use crate::attribution::trees::TreeLinks;
use crate::attribution::{Absent, Introduced, MAX_APPEARANCES, Trace};
use crate::detect::{Detector, Hits, Scratch};
use crate::ledger::forks::Forks;
use crate::ledger::ids::{Finder, Ids};
use crate::ledger::sights::{Noted, note, stand_in};
use crate::ledger::story::{Commits, KeptIntroduced, NameAt, Story, joined};
use crate::ledger::{Difference, Digest, Fact, Ledger, digests_of};
use crate::odb::lfs::Pointer;
use crate::odb::objects::Objects;
use crate::odb::stamp::Files;
use crate::odb::walk::{Base, Object, Visitor, walk_some};
use crate::odb::{Node, ObjectKind, ObjectStore};
use crate::progress::Progress;
use crate::rule::RuleSet;
use crate::scan::history::{Remark, Seen};
use crate::scan::{ScanOptions, Sighted};

/// What a scan may go on from.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What earlier scans left.
    pub before: Option<Ledger>,
    /// What scans of its forks left.
    pub forks: Forks,
    /// Digest of what decides, besides the rules, what is found in an object.
    pub scanner: Digest,
    /// Digest of what decides which findings are told.
    pub choice: Digest,
}

/// What a scan leaves.
#[derive(Debug, Default)]
pub struct Learned {
    /// For the next one.
    pub ledger: Left,
    /// Objects that were read now.
    pub read: u64,
    /// Objects that were not, since earlier scans had read them.
    pub known: u64,
}

/// What is kept for the next scan.
#[derive(Debug, Default)]
pub enum Left {
    /// Nothing: something was damaged, and all must be read again.
    #[default]
    Nothing,
    /// What there was.
    AsItWas,
    /// More than there was.
    New(Box<Ledger>),
}

impl Memory {
    /// All of it that was scanned alike, together. What scans of forks left is of the rules of now.
    pub(super) fn known(self) -> Option<Ledger> {
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
const NONE: Node = Node::MAX;

/// Which objects of a store need not be scanned.
pub(super) struct Known<'a> {
    ledger: &'a Ledger,
    /// The ledger's node of each of the store's; `NONE` for what must be scanned.
    of_node: Vec<Node>,
}

impl<'a> Known<'a> {
    /// Looks all objects of `store` up. Rules that came since are tried on what was scanned without
    /// them.
    pub(super) fn of(
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
            known.of_node[node as usize] = found.unwrap_or(NONE);
        }
        let difference = ledger.difference(&digests_of(detector.rules()));
        let touched = known.touched(store, &difference, detector, options, progress);
        for of_node in known.of_node.iter_mut().filter(|of_node| **of_node != NONE) {
            let noted = ledger.noted_at(*of_node);
            // With other rules, what stood there may belong to another rule, and a marker may mean
            // another.
            let is_moot = |noted: &Noted| noted.again || !difference.is_empty();
            if noted.is_some_and(is_moot) {
                *of_node = NONE;
            }
        }
        for node in touched {
            known.of_node[node as usize] = NONE;
        }
        known
    }

    /// Known objects in which a rule finds something that they were not scanned with.
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
        let everything = || (0..store.node_count()).filter(|&node| self.is_known(node));
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
        // What cannot be read now is left to the scan itself, which tells why.
        let unread = walked
            .skipped
            .iter()
            .filter_map(|skipped| store.node_of(&skipped.object_id?));
        let unread: Vec<Node> = unread.collect();
        let found = walked.visitors.into_iter().flat_map(|probe| probe.found);
        found.chain(unread).collect()
    }

    /// Whether the object of `node` need not be scanned.
    pub(super) fn is_known(&self, node: Node) -> bool {
        self.of_node[node as usize] != NONE
    }

    /// The fact about a known object.
    pub(super) fn fact(&self, node: Node) -> Option<Fact> {
        let of_node = self.of_node[node as usize];
        self.ledger.facts.get(of_node as usize).copied()
    }

    /// What was noted about known objects, by the store's nodes.
    pub(super) fn noted(&self) -> Vec<Noted> {
        let mut nodes: FxHashMap<Node, Node> = FxHashMap::default();
        let numbered = (0u32..).zip(&self.of_node);
        nodes.extend(
            numbered
                .filter(|(_, of)| **of != NONE)
                .map(|(node, &of)| (of, node)),
        );
        let here = |noted: &Noted| {
            let node = *nodes.get(&noted.node)?;
            Some(Noted {
                node,
                ..noted.clone()
            })
        };
        self.ledger.noted.iter().filter_map(here).collect()
    }
}

/// Tells in which objects some rules find anything.
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
        if hits.has_matches() || hits.overflowed() || has_problems {
            self.found.push(object.node);
        }
    }
}

/// What a scan of a store came to, as far as a ledger needs it.
pub(super) struct Results<'a> {
    pub(super) store: &'a ObjectStore,
    pub(super) detector: &'a Detector,
    pub(super) key: &'a [u8],
    pub(super) known: Option<&'a Known<'a>>,
    pub(super) seen: &'a [Seen],
    pub(super) trees: &'a [(Node, u64)],
    /// What was scanned now, before it was settled.
    pub(super) found: &'a [Sighted],
    pub(super) remarks: &'a FxHashMap<Node, Remark>,
    /// Of all objects, by the store's nodes.
    pub(super) pointers: &'a [(Node, Pointer)],
}

impl Results<'_> {
    /// Makes the ledger, without a story; also returns its node of each of the store's.
    pub(super) fn ledger(&self, scanner: Digest) -> (Ledger, Vec<Node>) {
        let store = self.store;
        let unknown = Fact::new(ObjectKind::Unknown, 0);
        let mut facts = vec![unknown; store.node_count() as usize];
        if let Some(known) = self.known {
            for node in 0..store.node_count() {
                facts[node as usize] = known.fact(node).unwrap_or(unknown);
            }
        }
        for seen in self.seen {
            facts[seen.node as usize] = Fact::new(seen.kind, seen.size);
        }
        for &(node, size) in self.trees {
            facts[node as usize] = Fact::new(ObjectKind::Tree, size);
        }
        let mut ledger = Ledger {
            scanner,
            rules: digests_of(self.detector.rules()),
            ids: Ids::new(store.hash()),
            facts: Vec::new(),
            noted: Vec::new(),
            story: None,
        };
        let mut of_node = vec![NONE; store.node_count() as usize];
        let mut next: Node = 0;
        for node in store.nodes_by_id() {
            let fact = facts[node as usize];
            if fact.kind() != ObjectKind::Unknown {
                ledger.ids.push(&store.id(node));
                ledger.facts.push(fact);
                of_node[node as usize] = next;
                next += 1;
            }
        }
        // Trees are read at each of their nodes.
        for node in (0..store.node_count()).filter(|&node| store.is_duplicate(node)) {
            let first = store.node_of(&store.id(node));
            of_node[node as usize] = first.map_or(NONE, |first| of_node[first as usize]);
        }
        let mut noted: BTreeMap<Node, Noted> = BTreeMap::new();
        let place = |node: Node| Some(of_node[node as usize]).filter(|&node| node != NONE);
        for mut entry in self.known.map(Known::noted).unwrap_or_default() {
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

/// Adds what else is to be said of objects. What must be scanned again has nothing kept.
pub(super) fn add_remarks(
    noted: &mut BTreeMap<Node, Noted>,
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
            *entry = Noted {
                node,
                again: true,
                ..Noted::default()
            };
        }
    }
}

/// What a story is made of. Nodes are those of the new ledger.
pub(super) struct Telling<'a> {
    pub(super) files: &'a Files,
    pub(super) choice: Digest,
    pub(super) ids: &'a Ids,
    pub(super) graph: &'a CommitGraph,
    pub(super) trace: &'a Trace,
    pub(super) found: &'a [Sighted],
    pub(super) rules: &'a RuleSet,
    pub(super) key: &'a [u8],
    /// The text of a name.
    pub(super) name_of: &'a dyn Fn(u32) -> Option<Vec<u8>>,
    /// Where a name can be read, if that is known already.
    pub(super) name_at: &'a dyn Fn(u32) -> Option<NameAt>,
    /// Names with something in them, and a tree that has each.
    pub(super) marked: &'a [(u32, Node)],
    pub(super) submodules: &'a [ObjectId],
}

/// More names than this would take too long to be read again.
const MAX_NAMES: usize = 5_000;

impl Telling<'_> {
    /// Tells it; `None` if it has something that cannot be kept. `node_of` turns nodes of `objects`
    /// into those of the ledger.
    pub(super) fn story(&self, node_of: &dyn Fn(Node) -> Option<Node>) -> Option<Story> {
        let trace = self.trace;
        let Absent::Few(absent) = &trace.absent else {
            return None;
        };
        if trace.introduced.len() >= MAX_APPEARANCES || !self.graph.damaged.is_empty() {
            return None;
        }
        let mut commits = Commits::of(self.graph, node_of)?;
        commits.classes.clone_from(&trace.commit_classes);
        commits.absent_classes.clone_from(&absent.commit_classes);
        let mut names = NameTable::new(self);
        let mut classes = trace.classes.keep();
        let mut absent_classes = absent.classes.keep();
        for classes in [&mut classes, &mut absent_classes] {
            for (name, _) in classes.classes.iter_mut().flatten() {
                *name = names.number(*name)?;
            }
            // What was sorted by the old numbers.
            for items in &mut classes.classes {
                items.sort_unstable();
            }
            for (tree, _) in &mut classes.of_tree {
                *tree = node_of(*tree)?;
            }
            classes.of_tree.sort_unstable();
            classes.of_tree.dedup();
            for (name, _) in &mut classes.of_name {
                *name = names.number(*name)?;
            }
            classes.of_name.sort_unstable();
        }
        for (node, _) in &mut classes.of_object {
            *node = node_of(*node)?;
        }
        classes.of_object.sort_unstable();
        // These are not here: they have no number that could be kept.
        absent_classes.of_object.clear();
        let mut marked = Vec::new();
        for &(name, tree) in self.marked {
            marked.push((names.number(name)?, node_of(tree)?));
        }
        let mut introduced = Vec::with_capacity(trace.introduced.len());
        for entry in &trace.introduced {
            introduced.push(names.introduced(entry, node_of)?);
        }
        let tags = self.graph.tags().map(|(tag, target)| {
            // A tag of something that is not here is told by the scan of everything.
            Some((node_of(tag)?, self.ids.find(&target)?))
        });
        let loose = self.files.loose.iter().map(|(id, ..)| self.ids.find(id));
        let missing: Vec<ObjectId> = self.graph.missing.iter().map(|(id, _)| *id).collect();
        let missing_of = self.graph.missing.iter().map(|(_, node)| node_of(*node));
        Some(Story {
            choice: self.choice,
            packs: self.files.packs.clone(),
            loose: loose.collect::<Option<_>>()?,
            commits,
            tags: tags.collect::<Option<_>>()?,
            findings: self
                .found
                .iter()
                .map(|sighted| {
                    let rule = self.rules.rules[usize::from(sighted.rule)].id.clone();
                    (rule, stand_in(self.key, &sighted.secret))
                })
                .collect(),
            classes,
            introduced,
            names: names.places,
            marked,
            submodules: joined(self.submodules.iter()),
            missing: joined(missing.iter()),
            missing_of: missing_of.collect::<Option<_>>()?,
            absent: joined(absent.objects.iter().map(|(id, _)| id)),
            absent_kinds: absent.objects.iter().map(|(_, kind)| *kind as u8).collect(),
            absent_classes,
        })
    }
}

/// Names of tree entries, by where they can be read.
struct NameTable<'t, 'a> {
    telling: &'t Telling<'a>,
    numbers: FxHashMap<u32, u32>,
    by_text: FxHashMap<Vec<u8>, u32>,
    places: Vec<NameAt>,
}

impl<'t, 'a> NameTable<'t, 'a> {
    fn new(telling: &'t Telling<'a>) -> Self {
        Self {
            telling,
            numbers: FxHashMap::default(),
            by_text: FxHashMap::default(),
            places: Vec::new(),
        }
    }

    /// The kept number of a name.
    fn number(&mut self, name: u32) -> Option<u32> {
        if let Some(&number) = self.numbers.get(&name) {
            return Some(number);
        }
        if self.places.len() >= MAX_NAMES {
            return None;
        }
        let number = u32::try_from(self.places.len()).ok()?;
        self.places.push((self.telling.name_at)(name)?);
        self.numbers.insert(name, number);
        self.by_text.insert((self.telling.name_of)(name)?, number);
        Some(number)
    }

    fn introduced(
        &self,
        entry: &Introduced,
        node_of: &dyn Fn(Node) -> Option<Node>,
    ) -> Option<KeptIntroduced> {
        let path = entry.path.as_ref().map(|path| {
            let names = path.split(|&byte| byte == b'/');
            // All of them stand in some class.
            names
                .map(|name| self.by_text.get(name).copied())
                .collect::<Option<Vec<u32>>>()
        });
        let object = match entry.object {
            Some(node) => Some(node_of(node)?),
            None => None,
        };
        Some(KeptIntroduced {
            finding: entry.finding,
            rank: entry.rank,
            path: match path {
                Some(path) => Some(path?),
                None => None,
            },
            is_name: entry.is_name,
            object,
        })
    }
}

/// Finds names in the trees that are said to have them.
pub(super) struct NameFinder<'a> {
    objects: &'a dyn Objects,
    homes: &'a FxHashMap<u32, Node>,
}

impl<'a> NameFinder<'a> {
    /// `homes` has a tree for each name.
    pub(super) fn new(objects: &'a dyn Objects, homes: &'a FxHashMap<u32, Node>) -> Self {
        Self { objects, homes }
    }

    /// Where `name` stands.
    pub(super) fn find(&self, name: u32, text: &[u8]) -> Option<NameAt> {
        let &tree = self.homes.get(&name)?;
        let mut bytes = Vec::new();
        if !self.objects.reader().read(tree, u64::MAX, &mut bytes) {
            return None;
        }
        let mut entries = gix::objs::TreeRefIter::from_bytes(&bytes, self.objects.hash());
        let entry = entries.position(|entry| entry.is_ok_and(|entry| entry.filename == text))?;
        let entry = u32::try_from(entry).ok()?;
        Some(NameAt { tree, entry })
    }
}

/// A tree that has each name, of those that hold something.
pub(super) fn homes(trace: &Trace, links: &TreeLinks) -> FxHashMap<u32, Node> {
    let mut homes = trace.homes.clone();
    for &(name, tree) in &links.marked {
        homes.entry(name).or_insert(tree);
    }
    homes
}

/// Whether no pack that was read then has changed since; what went away does not count.
pub(super) fn is_intact(story: &Story, files: &Files) -> bool {
    let packs: FxHashMap<_, _> = files
        .packs
        .iter()
        .map(|(path, mark)| (path, mark))
        .collect();
    let is_same =
        |known: &(PathBuf, Digest)| packs.get(&known.0).is_none_or(|mark| **mark == known.1);
    story.packs.iter().all(is_same)
}
