//! What scans of some forks of one repository left for those that come after them.

use std::sync::Arc;

use crate::memory::Ledger;
use crate::memory::ids::Ids;
use crate::odb::Node;

/// The ledgers of forks, without saying twice what most of them have in common.
#[derive(Clone, Debug, Default)]
pub struct Forks {
    /// Of the first one, and of the last one. A scan goes on from one of which it has everything: a chain
    /// of forks that each have all of the one before has that of the last, and forks that each went their
    /// own way have that of the first, if it is where they all began.
    first: Option<Arc<Ledger>>,
    last: Option<Arc<Ledger>>,
    /// What others have and the first has not.
    others: Option<Arc<Ledger>>,
}

impl Forks {
    /// Adds the ledger of one more. If it is of other rules, what there was is dropped.
    pub fn add(&mut self, ledger: Ledger) {
        let first = self.first.as_ref();
        let Some(first) = first.filter(|first| first.is_alike(&ledger)) else {
            *self = Self {
                first: Some(Arc::new(ledger)),
                ..Self::default()
            };
            return;
        };
        let new = ledger.without(&first.ids);
        if !new.ids.is_empty() {
            let others = self.others.take().map(Arc::unwrap_or_clone);
            // Alike, so they can be merged.
            let all = others.map_or(Some(new.clone()), |others| others.merged(new));
            self.others = all.map(Arc::new);
        }
        self.last = Some(Arc::new(ledger));
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Those that tell the story of a repository, the most promising first.
    pub fn stories(&self) -> impl Iterator<Item = &Arc<Ledger>> {
        self.last.iter().chain(&self.first)
    }

    /// All of them together, in parts: each object is in one, and a few may be in two.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Ledger>> {
        self.first.iter().chain(&self.others)
    }
}

impl Ledger {
    /// Whether the same rules and the same scanner looked at both.
    pub fn is_alike(&self, other: &Self) -> bool {
        (self.scanner, &self.rules, self.ids.hash())
            == (other.scanner, &other.rules, other.ids.hash())
    }

    /// What is known of objects that are not in `ids`.
    fn without(&self, ids: &Ids) -> Self {
        let mut left = Self {
            scanner: self.scanner,
            rules: self.rules.clone(),
            ids: Ids::new(self.ids.hash()),
            facts: Vec::new(),
            noted: Vec::new(),
            story: None,
        };
        let mut noted = self.noted.iter().peekable();
        let mut known = ids.iter().peekable();
        let ours = Node::first(self.ids.len()).zip(self.ids.iter());
        for ((node, id), &fact) in ours.zip(&self.facts) {
            while known.next_if(|known| *known < id).is_some() {}
            let entry = noted.next_if(|entry| entry.node == node);
            if known.peek() == Some(&id) {
                continue;
            }
            if let Some(entry) = entry {
                let mut entry = entry.clone();
                entry.node = Node::of_index(left.facts.len());
                left.noted.push(entry);
            }
            left.ids.push(id);
            left.facts.push(fact);
        }
        left
    }
}
