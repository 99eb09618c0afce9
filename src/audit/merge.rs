//! Groups the sightings of this scan and of earlier ones by secret.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::assemble::chosen;
use super::signed;
use crate::audit::{AuditOptions, pairs};
use crate::detect::{Detector, Hits, Scratch};
use crate::finding::Fingerprint;
use crate::memory::sightings::{ObjectRecord, revive, stand_in};
use crate::odb::Node;
use crate::odb::objects::Objects;
use crate::scan::Sighted;
use crate::scan::collect::{Collector, gather, settle};
use crate::secret::Secret;

/// Secrets, by what becomes of them.
pub(super) struct Together {
    /// Secrets that are reported, with all their sightings.
    pub(super) found: Vec<Sighted>,
    /// Secrets below the minimum confidence. Those of earlier scans are represented by stand-ins.
    pub(super) below: Vec<Sighted>,
}

/// Merges collected matches with the records `noted` by earlier scans, in objects numbered as in `objects`;
/// `None` if a recorded secret is no longer where it was.
pub(super) fn together(
    collectors: Vec<Collector>,
    noted: &[ObjectRecord],
    objects: &dyn Objects,
    detector: &Detector,
    options: &AuditOptions,
) -> Option<Together> {
    let met = gather(collectors);
    let key = &options.fingerprint_key;
    let known: FxHashMap<Fingerprint, Arc<Secret>> = match noted {
        [] => FxHashMap::default(),
        _ => met
            .iter()
            .map(|sighted| (stand_in(key, &sighted.secret), Arc::clone(&sighted.secret)))
            .collect(),
    };
    let revived = revive(noted.iter(), detector.rules(), &known);
    let all = vec![Collector::with(met), Collector::with(revived.found)];
    let mut settled = settle(gather(all), detector.rules());
    let mut recall = Recall {
        objects,
        detector,
        key,
        stand_ins: &revived.stand_ins,
        recalled: FxHashMap::default(),
        read: FxHashSet::default(),
    };
    if !revived.stand_ins.is_empty() {
        recall.replace(
            settled
                .iter_mut()
                .filter(|sighted| signed::is_sure(sighted)),
        )?;
        // Any value may be the secret that signed a token.
        if settled.iter().any(signed::is_signed) {
            recall.replace(settled.iter_mut())?;
        }
    }
    signed::judge(&mut settled);
    let (mut found, below) = chosen(settled, detector, options);
    if !revived.stand_ins.is_empty() {
        recall.replace(found.iter_mut())?;
        found.sort_unstable_by(|a, b| (a.rule, &a.secret).cmp(&(b.rule, &b.secret)));
    }
    let found = pairs::join(found, detector);
    Some(Together { found, below })
}

/// Reads again the secrets that are represented by stand-ins.
struct Recall<'a> {
    objects: &'a dyn Objects,
    detector: &'a Detector,
    key: &'a [u8],
    stand_ins: &'a FxHashMap<Arc<Secret>, Fingerprint>,
    recalled: FxHashMap<Fingerprint, Arc<Secret>>,
    read: FxHashSet<Node>,
}

impl Recall<'_> {
    /// Puts the secrets of `found` in the places of their stand-ins; `None` if one is not there.
    fn replace<'s>(&mut self, found: impl Iterator<Item = &'s mut Sighted>) -> Option<()> {
        let mut reader = self.objects.reader();
        let (mut bytes, mut scratch, mut hits) = (Vec::new(), Scratch::default(), Hits::default());
        for sighted in found {
            let Some(fingerprint) = self.stand_ins.get(&sighted.secret) else {
                continue;
            };
            for sighting in &sighted.sightings {
                if self.recalled.contains_key(fingerprint) {
                    break;
                }
                let node = sighting.node;
                if !self.read.insert(node) || reader.read(node, u64::MAX, &mut bytes).is_err() {
                    continue;
                }
                self.detector.scan(&bytes, &mut scratch, &mut hits);
                for found in self.detector.matches(&bytes, &hits) {
                    let fingerprint = stand_in(self.key, &found.secret);
                    self.recalled.insert(fingerprint, found.secret);
                }
            }
            sighted.secret = Arc::clone(self.recalled.get(fingerprint)?);
        }
        Some(())
    }
}
