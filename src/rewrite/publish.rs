//! What others need of a purge: which ids became which, without a value in it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::blobs::Looked;
use super::journal;
use super::literal::Ambiguity;
use super::needles::{Reach, Target};
use super::objects::{Made, Options};
use super::purge::Plan;
use super::survey::{Dirty, Survey};
use crate::detect::decode::Layer;
use crate::detect::{Detector, Hits, Scratch};
use crate::error::{Error, Result};
use crate::finding::Fingerprint;
use crate::odb::read::Reader;
use crate::odb::{ObjectId, ObjectKind, ObjectStore};
use crate::rule::RuleSet;
use crate::secret::Secret;
use crate::span::Span;

/// Old and new ids of commits, as other rewriters write them.
const COMMIT_MAP: &str = "commit-map";
/// Old and new ids of refs, likewise.
const REF_MAP: &str = "ref-map";
/// What every clone needs to do the same.
const MANIFEST: &str = "manifest.json";
/// Every object that was replaced or removed.
const RECORD: &str = "objects.json";

/// Where one value stands in an object that others have too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Located {
    object: String,
    start: usize,
    end: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ManifestValue {
    rule: String,
    reach: Reach,
    mark: Option<Vec<u8>>,
    /// Whether only a part of the value could be read.
    #[serde(default)]
    partial: bool,
    places: Vec<Located>,
}

/// What every clone needs to be rewritten to the same ids. It says where the values stand in old
/// objects, not what they are: whoever has these objects has the values anyhow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format.
    pub version: u32,
    /// How objects are made.
    pub options: Options,
    values: Vec<ManifestValue>,
    /// Old and new ids of all commits that changed.
    pub commits: Vec<(String, String)>,
    /// Old and new ids of blobs.
    pub blobs: Vec<(String, String)>,
    /// The changed commits whose parents all stayed, by their old ids.
    pub first_changed: Vec<String>,
    /// Files of Git LFS that no pointer of the new history names for the value's sake any more: SHA-256.
    #[serde(default)]
    pub lfs: Vec<String>,
}

/// What a purge replaced and removed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    replaced: Vec<(String, String)>,
    removed_ids: Vec<String>,
    /// The new objects with their marks.
    #[serde(default)]
    pub looked: Vec<Looked>,
    /// Fingerprints of values that were left out because only a part of each could be read.
    #[serde(default)]
    pub partial: Vec<String>,
    /// The same as `removed_ids`, read.
    #[serde(skip)]
    pub removed: Vec<ObjectId>,
}

impl Record {
    /// Ids that are no more.
    pub fn old(&self) -> Vec<ObjectId> {
        self.replaced
            .iter()
            .filter_map(|(old, _)| ObjectId::from_hex(old.as_bytes()).ok())
            .collect()
    }

    /// Leaves out what is no more: the old objects are still there.
    pub fn forget_old(&mut self) {
        self.replaced.clear();
    }

    /// Ids that took their places.
    pub fn made(&self) -> Vec<ObjectId> {
        self.replaced
            .iter()
            .filter_map(|(_, new)| ObjectId::from_hex(new.as_bytes()).ok())
            .collect()
    }
}

fn write_file(common: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    journal::write_durably(&journal::dir(common).join(name), bytes)
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value)
        .map_err(|e| Error::internal("cannot be written as JSON").because(e))
}

/// Writes all files about a purge that is being applied.
///
/// # Errors
/// `Io` if that fails.
pub(super) fn write(survey: &Survey<'_>, plan: &Plan, options: &Options) -> Result<()> {
    let common = survey.repo.common_dir();
    let rewritten = &plan.rewritten;
    let commits: BTreeMap<String, String> = rewritten
        .ids
        .iter()
        .filter(|(old, _)| {
            survey
                .store
                .node_of(old)
                .is_some_and(|node| survey.graph.rank(node).is_some())
        })
        .map(|(old, new)| (old.to_string(), new.to_string()))
        .collect();
    write_maps(common, &commits, plan)?;
    let of_kind = |kind: ObjectKind| {
        let made = rewritten
            .made
            .iter()
            .filter(move |made: &&Made| made.kind == kind);
        made.map(|made| (made.old.to_string(), made.new.to_string()))
            .collect::<Vec<_>>()
    };
    let manifest = Manifest {
        version: 1,
        options: options.clone(),
        values: values(survey),
        lfs: orphans(survey, plan),
        commits: commits.into_iter().collect(),
        blobs: of_kind(ObjectKind::Blob),
        first_changed: rewritten
            .first_changed
            .iter()
            .map(ObjectId::to_string)
            .collect(),
    };
    write_file(common, MANIFEST, &json(&manifest)?)?;
    let mut replaced: Vec<_> = rewritten
        .ids
        .iter()
        .map(|(old, new)| (old.to_string(), new.to_string()))
        .collect();
    replaced.sort_unstable();
    let partial = plan.left_out.iter();
    let partial = partial.filter(|left| left.why == Ambiguity::Partial);
    let record = Record {
        replaced,
        removed_ids: rewritten.removed.iter().map(ObjectId::to_string).collect(),
        looked: rewritten.looked.clone(),
        partial: partial
            .map(|left| left.target.fingerprint.to_string())
            .collect(),
        removed: Vec::new(),
    };
    write_file(common, RECORD, &json(&record)?)
}

/// Writes which commits and refs became which.
fn write_maps(common: &Path, commits: &BTreeMap<String, String>, plan: &Plan) -> Result<()> {
    let mut map = String::from("old                                      new\n");
    for (old, new) in commits {
        let _ = writeln!(map, "{old} {new}");
    }
    write_file(common, COMMIT_MAP, map.as_bytes())?;
    let mut map = String::from(
        "old                                      new                                      ref\n",
    );
    for update in &plan.moves.updates {
        let name = update.new_name.as_ref().unwrap_or(&update.name);
        let _ = writeln!(map, "{} {} {name}", update.old, update.new);
    }
    write_file(common, REF_MAP, map.as_bytes())
}

/// What Git LFS keeps for blobs that are not pointers any more.
fn orphans(survey: &Survey<'_>, plan: &Plan) -> Vec<String> {
    let is_pointer = |dirty: &Dirty| {
        let layers = dirty.edits.iter().filter_map(|edit| edit.layers.as_ref());
        layers
            .flat_map(|layers| layers.iter())
            .any(|layer| *layer == Layer::Lfs)
    };
    let (mut reader, mut bytes, mut found) = (Reader::new(survey.store), Vec::new(), Vec::new());
    for (&node, _) in survey.dirty.iter().filter(|(_, dirty)| is_pointer(dirty)) {
        let id = survey.store.id(node);
        if plan.rewritten.ids.contains_key(&id) && reader.read_id(&id, &mut bytes).is_ok() {
            let text = String::from_utf8_lossy(&bytes);
            let oid = text
                .lines()
                .find_map(|line| line.strip_prefix("oid sha256:"));
            found.extend(oid.map(str::to_owned));
        }
    }
    found.sort_unstable();
    found
}

/// Places of each value in old objects.
fn values(survey: &Survey<'_>) -> Vec<ManifestValue> {
    /// One clone may lack what another has.
    const MAX_PLACES: usize = 5;
    let mut places: BTreeMap<usize, Vec<Located>> = BTreeMap::new();
    for (&node, dirty) in &survey.dirty {
        for edit in dirty
            .edits
            .iter()
            .filter(|edit| edit.layers.is_none() && !edit.is_form)
        {
            let list = places.entry(edit.target).or_default();
            if list.len() < MAX_PLACES {
                list.push(Located {
                    object: survey.store.id(node).to_string(),
                    start: edit.span.start,
                    end: edit.span.end,
                });
            }
        }
    }
    let targets = survey.needles.targets().iter().enumerate();
    targets
        .map(|(at, target)| ManifestValue {
            rule: target.rule_id.clone(),
            reach: target.reach,
            mark: target.mark.clone(),
            partial: target.is_partial,
            places: places.remove(&at).unwrap_or_default(),
        })
        .collect()
}

/// Reads what a purge of this repository replaced.
///
/// # Errors
/// `Io` or `Corrupt` if it cannot be read.
pub fn read(common: &Path) -> Result<Record> {
    let path = journal::dir(common).join(RECORD);
    let text = fs::read(&path).map_err(|e| Error::io("read", &path, e))?;
    let mut record: Record = serde_json::from_slice(&text)
        .map_err(|e| Error::corrupt(format!("'{}' cannot be read", path.display())).because(e))?;
    record.removed = record
        .removed_ids
        .iter()
        .filter_map(|id| ObjectId::from_hex(id.as_bytes()).ok())
        .collect();
    Ok(record)
}

/// Where the manifest of the last purge stands.
pub fn manifest_path(common: &Path) -> PathBuf {
    journal::dir(common).join(MANIFEST)
}

/// The refs that the last purge moved: old and new id, name; in the order of the names.
///
/// # Errors
/// `Repository` if there was none.
pub fn ref_map(common: &Path) -> Result<Vec<(ObjectId, ObjectId, String)>> {
    let path = journal::dir(common).join(REF_MAP);
    let text = fs::read_to_string(&path)
        .map_err(|e| Error::io("read", &path, e).hint("'unleak purge --apply' writes it"))?;
    let parse = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let mut id = || ObjectId::from_hex(words.next()?.as_bytes()).ok();
        let (old, new) = (id()?, id()?);
        Some((old, new, words.next()?.to_owned()))
    };
    Ok(text.lines().filter_map(parse).collect())
}

/// Removes all files about a purge: it was taken back.
///
/// # Errors
/// `Io` if that fails.
pub(super) fn remove(common: &Path) -> Result<()> {
    for name in [COMMIT_MAP, REF_MAP, MANIFEST, RECORD] {
        let path = journal::dir(common).join(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path, e));
            }
            _ => {}
        }
    }
    Ok(())
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// `Io` or `Config` if it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        let bad = |e: &dyn std::fmt::Display| {
            Error::config(format!(
                "'{}' is no manifest of a purge: {e}",
                path.display()
            ))
            .hint("'unleak purge --apply' writes '.git/unleak/manifest.json' where it ran")
        };
        let manifest: Self = serde_json::from_slice(&text).map_err(|e| bad(&e))?;
        if manifest.version != 1 {
            return Err(bad(&"its version is not known here"));
        }
        Ok(manifest)
    }

    /// Old and new ids of commits.
    pub fn expected(&self) -> Vec<(ObjectId, ObjectId)> {
        let read = |hex: &str| ObjectId::from_hex(hex.as_bytes()).ok();
        self.commits
            .iter()
            .filter_map(|(old, new)| Some((read(old)?, read(new)?)))
            .collect()
    }

    /// Ids that must not come back.
    pub fn old_ids(&self) -> Vec<ObjectId> {
        let pairs = self.commits.iter().chain(&self.blobs);
        pairs
            .filter_map(|(old, _)| ObjectId::from_hex(old.as_bytes()).ok())
            .collect()
    }

    /// The values, read from the old objects in `store`; and how many stand in none of them.
    ///
    /// # Errors
    /// `Config` if a rule cannot be compiled.
    pub fn targets(
        &self,
        store: &ObjectStore,
        rules: &RuleSet,
        key: &[u8],
    ) -> Result<(Vec<Target>, usize)> {
        let mut reader = Reader::new(store);
        let (mut targets, mut missing) = (Vec::new(), 0);
        for value in &self.values {
            let mut rules = rules.clone();
            rules.rules.retain(|rule| rule.id == value.rule);
            let detector = Detector::compile(rules)?;
            let found = value
                .places
                .iter()
                .find_map(|place| locate(place, &mut reader, &detector));
            let Some(secret) = found else {
                missing += 1;
                continue;
            };
            targets.push(Target {
                fingerprint: Fingerprint::new(key, &value.rule, &secret),
                secret,
                rule_id: value.rule.clone(),
                reach: value.reach,
                mark: value.mark.clone(),
                is_named: true,
                is_partial: value.partial,
            });
        }
        Ok((targets, missing))
    }
}

fn locate(place: &Located, reader: &mut Reader<'_>, detector: &Detector) -> Option<Arc<Secret>> {
    let id = ObjectId::from_hex(place.object.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    reader.read_id(&id, &mut bytes).ok()?;
    let shown = bytes.get(place.start..place.end)?;
    // A key's lines are not its value: the rule tells.
    let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
    detector.scan(&bytes, &mut scratch, &mut hits);
    let span = Span::new(place.start, place.end);
    let found = detector
        .matches(&bytes, &hits)
        .into_iter()
        .find(|found| found.secret_span == span);
    Some(found.map_or_else(|| Arc::new(Secret::new(shown)), |found| found.secret))
}
