//! Which objects of a store are new.

use std::path::PathBuf;

use gix::ObjectId;
use rustc_hash::FxHashSet;

use crate::audit::update::IncrementalScan;
use crate::memory::ObjectFact;
use crate::memory::history::{Story, split};
use crate::memory::ids::{Finder, Ids};
use crate::memory::sightings::ObjectRecord;
use crate::odb::loose::LooseObject;
use crate::odb::pack::list_ids;
use crate::odb::{Node, ObjectKind};

/// Objects that no earlier scan has read.
#[derive(Default)]
pub(in crate::audit) struct NewObjects {
    pub(super) ids: Vec<ObjectId>,
    /// The indexes of the packs that contain some.
    pub(super) packs: Vec<PathBuf>,
    pub(super) loose: Vec<LooseObject>,
}

/// With more new objects than this, or than a quarter of the known ones, a full scan on all cores is
/// faster.
const MANY: usize = 20_000;

/// Facts and records of new objects from scans of forks, by the numbers of all objects.
#[derive(Default)]
pub(super) struct Lent {
    pub(super) facts: Vec<(Node, ObjectFact)>,
    pub(super) noted: Vec<ObjectRecord>,
}

impl IncrementalScan<'_> {
    /// Looks new objects up in the ledgers of forks, except trees, which must be read here anyway.
    pub(super) fn lent(&self, all: &Ids, of_new: &[Node]) -> Lent {
        let mut lent = Lent::default();
        let usable = self
            .forks
            .all()
            .filter(|ledger| ledger.is_alike(self.before));
        let ledgers: Vec<_> = usable.collect();
        for &node in of_new.iter().filter(|_| !ledgers.is_empty()) {
            let id = all.get(node);
            let found = ledgers
                .iter()
                .find_map(|ledger| Some((ledger, ledger.ids.find(id)?)));
            let Some((ledger, at)) = found else { continue };
            let (fact, noted) = (ledger.facts[at.index()], ledger.noted_at(at));
            if fact.kind() == ObjectKind::Tree || noted.is_some_and(|noted| noted.again) {
                continue;
            }
            lent.facts.push((node, fact));
            lent.noted.extend(noted.map(|noted| ObjectRecord {
                node,
                ..noted.clone()
            }));
        }
        lent
    }

    /// Finds the new objects; `None` if objects are gone, too many are new, or the ledger has no history.
    pub(in crate::audit) fn news(&self) -> Option<NewObjects> {
        let (files, ids) = (self.files, &self.before.ids);
        let story = self.before.story.as_ref()?;
        let is_alike = self.before.rules == *self.detector.digests();
        if story.choice != self.choice || !is_alike || files.has_unindexed {
            return None;
        }
        let hash = ids.hash();
        let known: FxHashSet<&PathBuf> = story.packs.iter().map(|(path, _)| path).collect();
        let here: FxHashSet<&PathBuf> = files.packs.iter().map(|(path, _)| path).collect();
        let is_gone = known.iter().any(|path| !here.contains(*path));
        // A few of the newest commits suffice to recognise a fork that lacks them.
        if is_gone && !self.has_tips(story) {
            return None;
        }
        let mut news = NewObjects::default();
        let mut found = FoundObjects::new(ids.len());
        for (id, dir, stored_bytes) in &files.loose {
            match ids.find(id) {
                Some(node) => found.add(node),
                None => {
                    news.ids.push(*id);
                    news.loose.push(LooseObject {
                        id: *id,
                        dir: *dir,
                        stored_bytes: *stored_bytes,
                    });
                }
            }
        }
        let packs = files.packs.iter().map(|(path, _)| path);
        for path in packs.filter(|path| is_gone || !known.contains(path)) {
            let count = news.ids.len();
            let mut finder = Finder::new(ids);
            let mut see = |id: &gix::oid| match finder.find(id).or_else(|| ids.find(id)) {
                Some(node) => found.add(node),
                None => news.ids.push(id.to_owned()),
            };
            list_ids(path, hash, &mut see).ok()?;
            if news.ids.len() > count {
                news.packs.push(path.clone());
            }
        }
        let lost = story.loose.iter().any(|&node| !found.has(node));
        if is_gone && found.left > 0 || !is_gone && lost && !self.has_all() {
            return None;
        }
        // An object that was missing has arrived: trees and commits that name it must be read.
        let mut awaited: FxHashSet<ObjectId> = split(hash, &story.missing).into_iter().collect();
        awaited.extend(split(hash, &story.absent));
        let has_awaited = news.ids.iter().any(|id| awaited.contains(id));
        let many = MANY.max(ids.len() / 4);
        (!has_awaited && news.ids.len() <= many).then_some(news)
    }

    /// Whether the newest commits of a stored history are here.
    fn has_tips(&self, story: &Story) -> bool {
        let ids = &self.before.ids;
        let mut tips = story.commits.tips().into_iter();
        tips.all(|node| node.index() < ids.len() && self.repo.git().has_object(ids.get(node)))
    }

    /// Whether all known objects are still here.
    fn has_all(&self) -> bool {
        let ids = &self.before.ids;
        let mut found = FoundObjects::new(ids.len());
        for (id, ..) in &self.files.loose {
            ids.find(id).into_iter().for_each(|node| found.add(node));
        }
        for (path, _) in &self.files.packs {
            let mut finder = Finder::new(ids);
            let mut see = |id: &gix::oid| {
                let node = finder.find(id);
                node.into_iter().for_each(|node| found.add(node));
            };
            if list_ids(path, ids.hash(), &mut see).is_err() {
                return false;
            }
        }
        found.left == 0
    }
}

/// Which of the known objects were found here.
struct FoundObjects {
    is_here: Vec<bool>,
    left: usize,
}

impl FoundObjects {
    fn new(count: usize) -> Self {
        Self {
            is_here: vec![false; count],
            left: count,
        }
    }

    fn add(&mut self, node: Node) {
        let seen = std::mem::replace(&mut self.is_here[node.index()], true);
        self.left -= usize::from(!seen);
    }

    fn has(&self, node: Node) -> bool {
        self.is_here.get(node.index()).copied().unwrap_or(false)
    }
}
