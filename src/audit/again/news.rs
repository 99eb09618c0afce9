//! Which objects of a store are new.

use std::path::PathBuf;

use gix::ObjectId;
use rustc_hash::FxHashSet;

use super::Update;
use crate::ledger::story::{Story, split};
use crate::odb::Node;
use crate::odb::loose::LooseObject;
use crate::odb::pack::list_ids;

/// Objects that no earlier scan has met.
#[derive(Default)]
pub(super) struct News {
    pub(super) ids: Vec<ObjectId>,
    /// The indexes of the packs that have some.
    pub(super) packs: Vec<PathBuf>,
    pub(super) loose: Vec<LooseObject>,
}

/// More new objects than this, or than a quarter of those that are known, are better read by a scan of
/// everything, on all cores.
const MANY: usize = 20_000;

impl Update<'_> {
    /// What is new; `None` if something went away, or there is too much.
    pub(super) fn news(&self, story: &Story) -> Option<News> {
        let (files, ids) = (self.files, &self.before.ids);
        let hash = ids.hash();
        let known: FxHashSet<&PathBuf> = story.packs.iter().map(|(path, _)| path).collect();
        let here: FxHashSet<&PathBuf> = files.packs.iter().map(|(path, _)| path).collect();
        let mut news = News::default();
        let mut lost: FxHashSet<Node> = story.loose.iter().copied().collect();
        for (id, dir, stored_bytes) in &files.loose {
            match ids.find(id) {
                Some(node) => {
                    lost.remove(&node);
                }
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
        let new_packs = files.packs.iter().map(|(path, _)| path);
        for path in new_packs.filter(|path| !known.contains(path)) {
            let count = news.ids.len();
            let mut see = |id: &gix::oid| match ids.find(id) {
                Some(node) => {
                    lost.remove(&node);
                }
                None => news.ids.push(id.to_owned()),
            };
            list_ids(path, hash, &mut see).ok()?;
            if news.ids.len() > count {
                news.packs.push(path.clone());
            }
        }
        let is_gone = known.iter().any(|path| !here.contains(*path));
        if (is_gone || !lost.is_empty()) && !self.has_all() {
            return None;
        }
        // What was missing has come: trees and commits that name it must be read.
        let mut awaited: FxHashSet<ObjectId> = split(hash, &story.missing).into_iter().collect();
        awaited.extend(split(hash, &story.absent));
        let has_awaited = news.ids.iter().any(|id| awaited.contains(id));
        let many = MANY.max(ids.len() / 4);
        (!has_awaited && news.ids.len() <= many).then_some(news)
    }

    /// Whether all that is known is still here.
    fn has_all(&self) -> bool {
        let ids = &self.before.ids;
        let mut left = ids.len();
        let mut is_here = vec![false; left];
        let mut see = |id: &gix::oid| {
            if let Some(node) = ids.find(id) {
                let seen = std::mem::replace(&mut is_here[node as usize], true);
                left -= usize::from(!seen);
            }
        };
        for (id, ..) in &self.files.loose {
            see(id);
        }
        for (path, _) in &self.files.packs {
            if list_ids(path, ids.hash(), &mut see).is_err() {
                return false;
            }
        }
        left == 0
    }
}
