//! Shares of a store: whole delta trees, so that no two workers resolve the same chain.

use super::ObjectStore;
use super::pack::PackEntry;

/// One of several shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which, from 0.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl Share {
    /// Which nodes of `store` are in it. Every node is in one of the shares: delta trees go by their
    /// weight, in pack order, then loose objects.
    pub fn of(self, store: &ObjectStore) -> Vec<bool> {
        let total: u64 = roots(store).map(|(_, _, weight)| weight).sum();
        let loose = store.loose().iter();
        let total = total + loose.map(|object| object.stored_bytes + 64).sum::<u64>();
        let mut is_in = vec![false; store.node_count() as usize];
        let mut before = 0u64;
        let mut take = |weight: u64| {
            let at = u128::from(before) * u128::from(self.count) / u128::from(total.max(1));
            before += weight;
            at == u128::from(self.index)
        };
        for (pack, root, weight) in roots(store) {
            if !take(weight) {
                continue;
            }
            let mut stack = vec![root];
            while let Some(entry) = stack.pop() {
                let node = store.node_in(pack, entry).index();
                // A forged pack may lead back.
                if !std::mem::replace(&mut is_in[node], true) {
                    stack.extend(store.packs()[pack].children(entry));
                }
            }
        }
        let first_loose = store.first_loose().index();
        for (at, object) in store.loose().iter().enumerate() {
            is_in[first_loose + at] = take(object.stored_bytes + 64);
        }
        is_in
    }
}

/// The roots of all delta trees: pack, entry, weight. Entries that no root reaches are broken, and every
/// walk reports them.
fn roots(store: &ObjectStore) -> impl Iterator<Item = (usize, PackEntry, u64)> {
    let packs = store.packs().iter().enumerate();
    packs.flat_map(|(number, pack)| {
        let entries = pack.entries().filter(|&entry| pack.base(entry).is_none());
        entries.map(move |entry| (number, entry, pack.weight(entry)))
    })
}
