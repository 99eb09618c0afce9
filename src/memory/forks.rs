//! The ledgers of forks of one repository, for the scans of further forks.

use std::sync::Arc;

use crate::memory::Ledger;
use crate::memory::ids::Ids;
use crate::odb::Node;

/// The ledgers of forks, without storing the objects that they share more than once.
#[derive(Clone, Debug, Default)]
pub struct Forks {
    /// The ledgers of the first and of the last fork. A scan starts from a ledger whose objects it has all:
    /// that of the last fork if each contains the one before, or that of the first fork if the others
    /// diverged from it.
    first: Option<Arc<Ledger>>,
    last: Option<Arc<Ledger>>,
    /// The objects of other forks that the first does not have.
    others: Option<Arc<Ledger>>,
}

impl Forks {
    /// Adds a ledger. If its rules differ, the earlier ledgers are dropped.
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
            // They have the same rules, so they can be merged.
            let all = others.map_or(Some(new.clone()), |others| others.merged(new));
            self.others = all.map(Arc::new);
        }
        self.last = Some(Arc::new(ledger));
    }

    /// Whether there is no ledger.
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The ledgers with a repository's history, the most promising first.
    pub fn stories(&self) -> impl Iterator<Item = &Arc<Ledger>> {
        self.last.iter().chain(&self.first)
    }

    /// All ledgers. Each object is in one of them, a few may be in two.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Ledger>> {
        self.first.iter().chain(&self.others)
    }
}

impl Ledger {
    /// Whether both were made with the same rules and the same scanner.
    pub fn is_alike(&self, other: &Self) -> bool {
        (self.scanner, &self.rules, self.ids.hash())
            == (other.scanner, &other.rules, other.ids.hash())
    }

    /// The part of the ledger for objects that are not in `ids`.
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
