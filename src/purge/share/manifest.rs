//! What others need of a purge: which ids became which, without a value in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use gix::bstr::{BString, ByteSlice};
use gix::hash::Kind as HashKind;
use serde::{Deserialize, Serialize};

use crate::detect::decode::{self, Encoding, Layer, Region};
use crate::detect::{Detector, Hits, Scratch};
use crate::error::{Error, Result};
use crate::fault::json_fault;
use crate::finding::Fingerprint;
use crate::odb::read::Reader;
use crate::odb::{ObjectId, ObjectKind, ObjectStore, hash};
use crate::purge::apply::record::{
    COMMIT_MAP, MANIFEST, RECORD, REF_MAP, Record, json, manifest_path, write_file,
};
use crate::purge::find::literal::Ambiguity;
use crate::purge::find::survey::{Dirty, Survey};
use crate::purge::find::values::{Edit, Needles, Reach, Target};
use crate::purge::journal;
use crate::purge::make::objects::{Made, Options};
use crate::purge::plan::PurgePlan;
use crate::purge::share::remote;
use crate::rule::RuleSet;
use crate::secret::Secret;
use crate::span::Span;

/// Where one value stands in an object that others have too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Located {
    object: String,
    start: usize,
    end: usize,
    /// The encoding of these bytes, and the value's place in what they are decoded to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decoded: Option<(Encoding, usize, usize)>,
}

/// A ref whose name held a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    /// What it named before.
    pub old: String,
    /// What it names now.
    pub new: String,
    /// Its new name.
    pub name: String,
    /// The id that its old name would have as a blob: 'git hash-object' tells it, and so a ref of a remote
    /// is found by its name, which is written nowhere. Of a remote's branch, the name is that which it has
    /// there.
    #[serde(default)]
    pub name_id: String,
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
    /// Old and new ids of trees, if entries were renamed or removed: others follow from the blobs.
    #[serde(default)]
    pub trees: Vec<(String, String)>,
    /// Old and new ids of annotated tags.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// Refs whose names held values.
    #[serde(default)]
    pub renamed: Vec<Renamed>,
}

/// Writes all files about a purge that is being applied.
///
/// # Errors
/// `Io` if that fails.
pub(crate) fn write(survey: &Survey<'_>, plan: &PurgePlan, options: &Options) -> Result<()> {
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
    let manifest = new_manifest(survey, plan, options, commits);
    // Whoever did not follow the last purge goes to the end of both at once.
    let manifest = match Manifest::read(&manifest_path(common)) {
        Ok(earlier) => manifest.after(earlier),
        Err(_) => manifest,
    };
    write_file(common, MANIFEST, &json(&manifest)?)?;
    remote::forget_asked(common);
    let mut replaced: Vec<_> = rewritten
        .ids
        .iter()
        .map(|(old, new)| (old.to_string(), new.to_string()))
        .collect();
    replaced.sort_unstable();
    let (partial, others): (Vec<_>, Vec<_>) = plan
        .left_out
        .iter()
        .partition(|left| left.why == Ambiguity::Partial);
    let partial = partial.into_iter();
    let record = Record {
        replaced,
        removed_ids: rewritten.removed.iter().map(ObjectId::to_string).collect(),
        looked: rewritten.looked.clone(),
        partial: partial
            .map(|left| left.target.fingerprint.to_string())
            .collect(),
        left_out: others.len(),
        removed: Vec::new(),
    };
    write_file(common, RECORD, &json(&record)?)
}

/// What other clones need to do the same as this one.
fn new_manifest(
    survey: &Survey<'_>,
    plan: &PurgePlan,
    options: &Options,
    commits: BTreeMap<String, String>,
) -> Manifest {
    let rewritten = &plan.rewritten;
    let of_kind = |kind: ObjectKind| {
        let made = rewritten
            .made
            .iter()
            .filter(move |made: &&Made| made.kind == kind);
        made.map(|made| (made.old.to_string(), made.new.to_string()))
            .collect::<Vec<_>>()
    };
    Manifest {
        version: 1,
        options: options.clone(),
        values: values(survey),
        lfs: orphans(survey, plan),
        trees: match survey.names.is_empty() && options.remove_paths.is_empty() {
            true => Vec::new(),
            false => of_kind(ObjectKind::Tree),
        },
        tags: of_kind(ObjectKind::Tag),
        renamed: renamed(survey, plan),
        commits: commits.into_iter().collect(),
        blobs: of_kind(ObjectKind::Blob),
        first_changed: rewritten
            .first_changed
            .iter()
            .map(ObjectId::to_string)
            .collect(),
    }
}

/// Writes which commits and refs became which.
fn write_maps(common: &Path, commits: &BTreeMap<String, String>, plan: &PurgePlan) -> Result<()> {
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

/// Refs whose names held values; of the old names, only ids are kept.
fn renamed(survey: &Survey<'_>, plan: &PurgePlan) -> Vec<Renamed> {
    let mut remotes: Vec<BString> = survey.repo.git().remote_names().into_iter().collect();
    // One may begin as another does.
    remotes.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let there = |name: &[u8]| -> Vec<u8> {
        let Some(tracking) = name.strip_prefix(b"refs/remotes/") else {
            return name.to_vec();
        };
        let branch = remotes
            .iter()
            .find_map(|remote| tracking.strip_prefix(&remote[..])?.strip_prefix(b"/"))
            .or_else(|| Some(tracking.split_once_str("/")?.1));
        [b"refs/heads/", branch.unwrap_or(tracking)].concat()
    };
    let updates = plan.moves.updates.iter();
    let renamed = updates.filter_map(|update| {
        let name = update.new_name.as_ref()?;
        Some(Renamed {
            old: update.old.to_string(),
            new: update.new.to_string(),
            name: name.to_string(),
            name_id: name_id(survey.store.hash(), &there(&update.name)),
        })
    });
    renamed.collect()
}

/// The id that the name of a ref has as a blob.
pub(crate) fn name_id(hash: HashKind, name: &[u8]) -> String {
    let id = hash::object_id(hash, ObjectKind::Blob, name);
    id.map(|id| id.to_string()).unwrap_or_default()
}

/// What Git LFS keeps for blobs that are not pointers any more.
fn orphans(survey: &Survey<'_>, plan: &PurgePlan) -> Vec<String> {
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
    let (mut reader, mut bytes) = (Reader::new(survey.store), Vec::new());
    for (&node, dirty) in &survey.dirty {
        let object = survey.store.id(node).to_string();
        let is_wanted = |target: &usize| {
            places
                .get(target)
                .is_none_or(|list: &Vec<Located>| list.len() < MAX_PLACES)
        };
        let wanted = dirty
            .edits
            .iter()
            .filter(|edit| edit.targets().any(|target| is_wanted(&target)));
        let wanted: Vec<&Edit> = wanted.collect();
        if wanted.is_empty() || reader.read_id(&survey.store.id(node), &mut bytes).is_err() {
            continue;
        }
        for edit in wanted {
            for target in edit.targets() {
                let list = places.entry(target).or_default();
                if list.len() < MAX_PLACES {
                    list.extend(located(&object, &bytes, edit, target, survey.needles));
                }
            }
        }
    }
    for &(name, tree) in &survey.links.marked {
        let name = survey.links.name(name);
        let tree = survey.store.id(tree);
        if reader.read_id(&tree, &mut bytes).is_err() {
            continue;
        }
        let Some(at) = memchr::memmem::find(&bytes, name) else {
            continue;
        };
        for edit in survey.needles.find(name).0 {
            let list = places.entry(edit.target).or_default();
            if list.len() < MAX_PLACES && edit.layers.is_none() && !edit.is_form {
                list.push(Located {
                    object: tree.to_string(),
                    start: at + edit.span.start,
                    end: at + edit.span.end,
                    decoded: None,
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

/// Where a value stands at `edit` of an object, open or in one encoding.
fn located(
    object: &str,
    bytes: &[u8],
    edit: &Edit,
    target: usize,
    needles: &Needles,
) -> Option<Located> {
    let place = |start: usize, end: usize, decoded| {
        let object = object.to_owned();
        Some(Located {
            object,
            start,
            end,
            decoded,
        })
    };
    let secret = needles.targets()[target].secret.reveal();
    match edit.layers.as_deref() {
        None if edit.is_form => None,
        // A key's lines are not its value.
        None if edit.others.is_empty() => place(edit.span.start, edit.span.end, None),
        None => {
            let shown = bytes.get(edit.span.start..edit.span.end)?;
            let start = edit.span.start + memchr::memmem::find(shown, secret)?;
            place(start, start + secret.len(), None)
        }
        Some([Layer::Encoded(encoding)]) => {
            let mut found = None;
            let mut out = Vec::new();
            decode::find(bytes, edit.span.start..edit.span.end, &mut |region| {
                if region.encoding == *encoding && found.is_none() {
                    decode::decode(bytes, region, &mut out);
                    let at = memchr::memmem::find(&out, secret);
                    found = at.map(|at| (region.span, at));
                }
            });
            let (span, at) = found?;
            place(
                span.start,
                span.end,
                Some((*encoding, at, at + secret.len())),
            )
        }
        Some(_) => None,
    }
}

/// Takes what others know into the manifest: this clone was healed by it.
///
/// # Errors
/// `Io` if that fails.
pub fn merge(common: &Path, theirs: Manifest) -> Result<()> {
    let path = manifest_path(common);
    let merged = match Manifest::read(&path) {
        Ok(own) => own.after(theirs),
        Err(_) => theirs,
    };
    journal::write_durably(&path, &json(&merged)?)
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// `Io` or `Config` if it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(|e| Error::io("read", path, e))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Reads the text of a manifest; `name` is the file's, for errors.
    ///
    /// # Errors
    /// `Config` if it is none.
    pub fn parse(text: &[u8], name: &str) -> Result<Self> {
        let bad = |why: &str| {
            Error::config(format!("'{name}' is no manifest of a purge: {why}"))
                .hint("'unleak purge --apply' writes '.git/unleak/manifest.json' where it ran")
        };
        let manifest: Self = serde_json::from_slice(text).map_err(|e| bad(&json_fault(&e)))?;
        if manifest.version != 1 {
            return Err(bad("its version is not known here"));
        }
        Ok(manifest)
    }

    /// Old and new ids of everything that changed.
    pub fn pairs(&self) -> Vec<(ObjectId, ObjectId)> {
        let read = |hex: &str| ObjectId::from_hex(hex.as_bytes()).ok();
        let lists = [&self.commits, &self.blobs, &self.trees, &self.tags];
        let pairs = lists.into_iter().flatten();
        pairs
            .filter_map(|(old, new)| Some((read(old)?, read(new)?)))
            .collect()
    }

    /// How many values it says where to find.
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// This purge after an `earlier` one: whoever did neither goes to the end of both.
    fn after(mut self, earlier: Self) -> Self {
        let steps = self.pairs();
        let steps: BTreeMap<String, String> = steps
            .into_iter()
            .map(|(old, new)| (old.to_string(), new.to_string()))
            .collect();
        let end = |id: String| steps.get(&id).cloned().unwrap_or(id);
        let compose = |own: &mut Vec<(String, String)>, before: Vec<(String, String)>| {
            let mut all: BTreeMap<String, String> = before
                .into_iter()
                .map(|(old, new)| (old, end(new)))
                .collect();
            // What came back and was purged again goes where it goes now.
            all.extend(std::mem::take(own));
            own.extend(all.into_iter().filter(|(old, new)| old != new));
        };
        compose(&mut self.commits, earlier.commits);
        compose(&mut self.blobs, earlier.blobs);
        compose(&mut self.trees, earlier.trees);
        compose(&mut self.tags, earlier.tags);
        let own_mark = &self.options.mark;
        for mut value in earlier.values {
            if value.mark.is_none() && earlier.options.mark != *own_mark {
                value.mark = Some(earlier.options.mark.clone());
            }
            if !self.values.contains(&value) {
                self.values.push(value);
            }
        }
        let renamed = earlier.renamed.into_iter().map(|renamed| Renamed {
            new: end(renamed.new),
            ..renamed
        });
        let renamed: Vec<Renamed> = renamed
            .filter(|entry| !self.renamed.contains(entry))
            .collect();
        self.renamed.extend(renamed);
        let lists = [
            (&mut self.first_changed, earlier.first_changed),
            (&mut self.lfs, earlier.lfs),
            (&mut self.options.remove_paths, earlier.options.remove_paths),
        ];
        for (own, before) in lists {
            own.extend(before);
            own.sort_unstable();
            own.dedup();
        }
        for (old, new) in earlier.options.submodules {
            self.options.submodules.entry(old).or_insert(new);
        }
        self
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
        // A purge whose marks were purged again has ids that are old and new.
        let pairs = self.pairs();
        let new: BTreeSet<ObjectId> = pairs.iter().map(|(_, new)| *new).collect();
        let old = pairs.into_iter().map(|(old, _)| old);
        old.filter(|old| !new.contains(old)).collect()
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
    if let Some((encoding, start, end)) = place.decoded {
        let region = Region {
            span: Span::new(place.start, place.end),
            encoding,
        };
        let mut out = Vec::new();
        decode::decode(&bytes, region, &mut out);
        return Some(Arc::new(Secret::new(out.get(start..end)?)));
    }
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

/// Those of `paths` that the last purge did not remove either.
pub(crate) fn never_removed(common: &Path, paths: &[String]) -> Vec<String> {
    let earlier = match paths.is_empty() {
        true => None,
        false => Manifest::read(&manifest_path(common)).ok(),
    };
    let removed = earlier.map_or_else(Vec::new, |manifest| manifest.options.remove_paths);
    let paths = paths.iter().filter(|path| !removed.contains(path));
    paths.cloned().collect()
}

/// Adds files of Git LFS that no pointer names any more.
///
/// # Errors
/// `Io` if that fails.
pub(crate) fn add_lfs(common: &Path, oids: &[String]) -> Result<()> {
    let path = manifest_path(common);
    let Ok(mut manifest) = Manifest::read(&path) else {
        return Ok(());
    };
    manifest.lfs.extend(oids.iter().cloned());
    manifest.lfs.sort_unstable();
    manifest.lfs.dedup();
    journal::write_durably(&path, &json(&manifest)?)
}
