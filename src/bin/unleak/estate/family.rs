//! Which repositories of a list are forks of one another. It is told by the lowest ids of each, before
//! anything is scanned, and never decides what is found: only the order, and so the cost.

use std::path::Path;

use rayon::prelude::*;
use unleak::git::repository::{Overrides, Repository};
use unleak::memory::sketch::Sketch;

/// Repositories that share at least one object in this many are of one family. With less in common, a
/// scan cannot go on from another's: it reads everything when more than a quarter is new.
const SHARED: usize = 4;

/// Fewer common objects than this are chance: an empty file, a licence.
const COMMON: usize = 3;

/// The position of each repository in the list, family by family, the smallest member first: what comes
/// later then mostly has all of its objects. Families stand in the order of their first members.
pub(super) fn of(names: &[String]) -> Vec<Vec<usize>> {
    let sketches: Vec<Sketch> = names.par_iter().map(|name| sketch(name)).collect();
    grouped(&sketches)
}

/// What cannot be opened shares nothing.
fn sketch(name: &str) -> Sketch {
    let repo = Repository::discover(Path::new(name), &Overrides::default());
    let looked_at = repo.and_then(|repo| Ok(Sketch::of(&repo.object_dirs()?, repo.hash())));
    looked_at.unwrap_or_default()
}

fn grouped(sketches: &[Sketch]) -> Vec<Vec<usize>> {
    let mut first: Vec<usize> = (0..sketches.len()).collect();
    for (one, other) in pairs(sketches) {
        let (one, other) = (root(&mut first, one), root(&mut first, other));
        first[one.max(other)] = one.min(other);
    }
    let mut families: Vec<Vec<usize>> = vec![Vec::new(); sketches.len()];
    for at in 0..sketches.len() {
        families[root(&mut first, at)].push(at);
    }
    families.retain(|family| !family.is_empty());
    for family in &mut families {
        family.sort_by_key(|&at| (sketches[at].count, at));
    }
    families
}

/// Pairs of repositories with much in common. Of all that have an id, each is compared with the first and
/// with the one before it, so the work grows with the list and not with its square.
fn pairs(sketches: &[Sketch]) -> Vec<(usize, usize)> {
    let mut all: Vec<(u64, usize)> = Vec::new();
    for (at, sketch) in sketches.iter().enumerate() {
        all.extend(sketch.lowest.iter().map(|&id| (id, at)));
    }
    all.sort_unstable();
    let mut met: Vec<(usize, usize)> = Vec::new();
    for having in all.chunk_by(|a, b| a.0 == b.0) {
        for (before, &(_, at)) in having.iter().zip(&having[1..]) {
            met.push((before.1, at));
            met.extend((before.1 != having[0].1).then_some((having[0].1, at)));
        }
    }
    met.sort_unstable();
    let alike = met.chunk_by(|a, b| a == b).filter(|same| {
        let (one, other) = (&sketches[same[0].0], &sketches[same[0].1]);
        let most = one.within(other).min(other.within(one));
        same.len() >= COMMON && same.len() * SHARED >= most
    });
    alike.map(|same| same[0]).collect()
}

/// The first repository of the family that `at` is in, as far as it is known.
fn root(first: &mut [usize], mut at: usize) -> usize {
    while first[at] != at {
        first[at] = first[first[at]];
        at = first[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sketch of a store of all numbers in `ranges`, half-open, spread as digests are.
    fn made(ranges: &[(u64, u64)]) -> Sketch {
        let numbers = ranges.iter().flat_map(|&(from, to)| from..to);
        let spread = |number: u64| {
            let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        let mut lowest: Vec<u64> = numbers.map(spread).collect();
        let count = lowest.len() as u64;
        lowest.sort_unstable();
        lowest.truncate(unleak::memory::sketch::LEN);
        Sketch { lowest, count }
    }

    #[test]
    fn forks_are_a_family_and_strangers_are_not() {
        let sketches = [
            made(&[(0, 10_000), (50_000, 50_100)]),
            made(&[(100_000, 110_000)]),
            made(&[(0, 9_000)]),
            Sketch::default(),
            made(&[(0, 2_000)]),
            made(&[(100_000, 105_000), (200_000, 205_000)]),
            Sketch::default(),
            // A licence is no kinship.
            made(&[(0, 1), (300_000, 300_008)]),
        ];
        assert_eq!(
            grouped(&sketches),
            [vec![4, 2, 0], vec![1, 5], vec![3], vec![6], vec![7]]
        );
        assert!(grouped(&[]).is_empty());
    }

    #[test]
    fn a_family_of_thousands_is_found() {
        let sketches = (0..5_000u64).map(|at| made(&[(0, 500), (1_000 * at, 1_000 * at + 20)]));
        let families = grouped(&sketches.collect::<Vec<_>>());
        assert_eq!(families.len(), 1);
    }
}
