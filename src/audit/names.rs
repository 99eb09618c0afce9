//! Finds secrets outside of the objects: in names of files, directories and refs, in staged paths, in
//! messages of reflogs, and in files of worktrees and of the git directory.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice};
use rustc_hash::FxHashMap;

use super::{AuditOptions, CoverageBlock};
use crate::detect::{Detector, Hits, Scratch};
use crate::finding::{Appearance, Finding, History, Occurrence, Place, Spot, Standing};
use crate::history::classes::FindingNumber;
use crate::history::tips::{Tip, TipText, Tips};
use crate::history::{FindingsOfNames, add_tip};
use crate::odb::{Node, ObjectStore, Skipped};
use crate::scan::collect::Collector;
use crate::scan::files::{self, FileChoice, ScannedFile};
use crate::scan::sift::Sift;
use crate::scan::{ScanOptions, Sighted};

/// A text outside of the objects.
struct SideText<'a> {
    name: BString,
    text: &'a [u8],
    place: Place,
    /// The line of a reflog's entry; 0 for a file, whose spots contain it.
    line: u32,
    object_id: ObjectId,
    /// The number of a name in trees.
    name_number: Option<u32>,
    tip: Option<&'a Tip>,
}

/// All texts outside of the objects.
pub(super) struct SideTexts<'a> {
    texts: Vec<SideText<'a>>,
    /// Staged paths, by their blobs.
    staged: FxHashMap<ObjectId, Vec<&'a BString>>,
    /// Files of worktrees and of the git directory, with the number of the text of each.
    files: Vec<(usize, ScannedFile)>,
    /// The matches in objects of submodules.
    modules: Collector,
    /// The number of their matches that an inline marker allows.
    allowed: u64,
    /// How many files of the git directory were read.
    pub(super) git_dir: usize,
    /// The files of the git directory that were not read.
    pub(super) git_dir_unread: Vec<BString>,
    /// What could not be read.
    pub(super) skipped: Vec<Skipped>,
    /// Archives that nobody can open.
    pub(super) unopened: Vec<Skipped>,
}

/// The input of a scan of files.
pub(super) struct FileScan<'a> {
    /// The store, whose objects are scanned anyway.
    pub(super) objects: &'a ObjectStore,
    /// The scanner.
    pub(super) detector: &'a Detector,
    /// The options of the scanner.
    pub(super) options: &'a AuditOptions,
}

/// Returns a judge that marks the names in which `detector` finds something.
pub(super) fn judge(detector: &Detector) -> impl Fn(&[u8]) -> bool + Sync {
    // Each thread asks once for each name: waiting for one another costs nothing.
    let state = Mutex::new((Scratch::default(), Hits::default()));
    move |name| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (scratch, hits) = &mut *state;
        detector.scan_name(name, scratch, hits);
        hits.has_matches()
    }
}

impl<'a> SideTexts<'a> {
    /// Lists them. `marked` are names of tree entries in which something was found: the number, the
    /// name and a tree of each.
    pub(super) fn new(marked: Vec<(u32, &'a [u8], ObjectId)>, tips: &'a Tips) -> Self {
        let in_trees = marked.into_iter().map(|(number, name, tree)| SideText {
            name: name.into(),
            text: name,
            place: Place::TreeEntry,
            line: 1,
            object_id: tree,
            name_number: Some(number),
            tip: None,
        });
        let noted = tips.notes.iter().map(|note: &TipText| SideText {
            name: note.name.clone(),
            text: note.text.as_ref().unwrap_or(&note.name),
            place: note.place,
            line: note.line,
            object_id: note.tip.target,
            name_number: None,
            tip: Some(&note.tip),
        });
        let mut staged: FxHashMap<ObjectId, Vec<&BString>> = FxHashMap::default();
        for note in tips.notes.iter().filter(|note| note.place == Place::Index) {
            staged.entry(note.tip.target).or_default().push(&note.name);
        }
        Self {
            texts: in_trees.chain(noted).collect(),
            staged,
            files: Vec::new(),
            modules: Collector::default(),
            allowed: 0,
            git_dir: 0,
            git_dir_unread: Vec::new(),
            skipped: Vec::new(),
            unopened: Vec::new(),
        }
    }

    /// Adds the files of the worktree at `root` that no object of `store` has like that. Tracked
    /// files count even if git would ignore them.
    pub(super) fn add_worktree(&mut self, root: &Path, wanted: FileChoice, with: &FileScan<'_>) {
        let mut list = files::list(&[root.to_owned()], wanted);
        let tracked = self.texts.iter().filter(|text| text.place == Place::Index);
        let tracked = tracked.filter_map(|text| gix::path::from_bstr(text.name.as_bstr()).ok());
        let tracked = tracked.map(|path| root.join(path));
        let is_file = |path: &PathBuf| path.symlink_metadata().is_ok_and(|meta| !meta.is_dir());
        list.paths.extend(tracked.filter(is_file));
        list.paths.sort_unstable();
        list.paths.dedup();
        self.skipped.extend(list.skipped);
        let is_known = |id: &gix::oid| with.objects.node_of(id).is_some();
        let name_of = |path: &Path| {
            let name = path.strip_prefix(root).unwrap_or(path);
            name.as_os_str().as_encoded_bytes().into()
        };
        self.add_files(&list.paths, Place::Worktree, &name_of, &is_known, with);
    }

    /// Adds the files at `paths` but for those that `is_known` knows; returns how many these are.
    pub(super) fn add_files(
        &mut self,
        paths: &[PathBuf],
        place: Place,
        name_of: &dyn Fn(&Path) -> BString,
        is_known: &(dyn Fn(&gix::oid) -> bool + Sync),
        with: &FileScan<'_>,
    ) -> usize {
        let (hash, limits) = (with.objects.hash(), with.options.limits);
        let scan = with.options.scan;
        let before = self.files.len();
        for file in files::scan(paths, &[], hash, limits, is_known, with.detector, scan) {
            let mut file = match file {
                Ok(file) => file,
                Err(skipped) => {
                    self.skipped.push(skipped);
                    continue;
                }
            };
            self.skipped.append(&mut file.skipped);
            self.unopened.append(&mut file.unopened);
            self.files.push((self.texts.len(), file));
            let (_, file) = self.files.last().expect("it was just added");
            self.texts.push(SideText {
                name: name_of(&paths[file.number]),
                text: &[],
                place,
                line: 0,
                object_id: file.id,
                name_number: None,
                tip: None,
            });
        }
        self.files.len() - before
    }

    /// Adds what was found in the objects of a submodule, whose git directory is called `name`.
    pub(super) fn add_module(
        &mut self,
        name: &BString,
        found: Vec<Sighted>,
        allowed: u64,
        id_of: &dyn Fn(Node) -> ObjectId,
    ) {
        let Self { texts, modules, .. } = self;
        let mut numbers: FxHashMap<Node, usize> = FxHashMap::default();
        let mut number_of = |node: Node| {
            *numbers.entry(node).or_insert_with(|| {
                texts.push(SideText {
                    name: name.clone(),
                    text: &[],
                    place: Place::GitDir,
                    line: 0,
                    object_id: id_of(node),
                    name_number: None,
                    tip: None,
                });
                texts.len() - 1
            })
        };
        modules.add_from(found, Place::GitDir, &mut number_of);
        self.allowed += allowed;
    }

    /// How many files of worktrees were read.
    fn worktree_files(&self) -> usize {
        self.files.len() - self.git_dir
    }

    /// What is known of them for the report.
    pub(super) fn coverage(&self) -> CoverageBlock {
        CoverageBlock {
            worktree: self.worktree_files(),
            git_dir: self.git_dir,
            git_dir_unread: self.git_dir_unread.clone(),
            unopened: self.unopened.clone(),
            ..CoverageBlock::default()
        }
    }

    /// Returns their matches, and how many an inline marker allows.
    pub(super) fn scan(&self, detector: &Detector, options: ScanOptions) -> (Collector, u64) {
        let mut sift = Sift::new(detector, options);
        // Files and objects of submodules were scanned when they were read.
        for (number, text) in self.texts.iter().enumerate() {
            if text.line > 0 {
                sift.collect_text(number, text.place, text.text);
            }
        }
        for (number, file) in &self.files {
            sift.allowed += file.allowed;
            for found in &file.found {
                let place = (*number, self.texts[*number].place);
                sift.collector.add_elsewhere(place, found.clone());
            }
        }
        sift.collector.add_all(&self.modules);
        sift.allowed += self.allowed;
        (sift.collector, sift.allowed)
    }

    /// The findings in names of tree entries.
    pub(super) fn named(&self, found: &[Sighted]) -> FindingsOfNames {
        let mut named = FindingsOfNames::default();
        for (number, sighted) in FindingNumber::first(found.len()).zip(found) {
            for entry in &sighted.elsewhere {
                if let Some(name) = self.texts[entry.number].name_number {
                    let list = named.entry(name).or_default();
                    if list.last() != Some(&number) {
                        list.push(number);
                    }
                }
            }
        }
        named
    }

    /// Adds to `finding`, which was made of `sighted`, where it stands in them and from where that
    /// is reached.
    pub(super) fn tell(&self, sighted: &Sighted, finding: &mut Finding) {
        for entry in &sighted.elsewhere {
            let text = &self.texts[entry.number];
            let mut spot = entry.spot.clone();
            if text.line > 0 {
                spot.position.line = text.line;
            }
            finding.occurrences.push(Occurrence {
                object_id: text.object_id,
                span: entry.span,
                spot,
                name: text.name.clone(),
            });
            let history = finding.history.as_mut();
            let standing = history.and_then(|history| history.standing.as_mut());
            let Some(standing) = standing else { continue };
            standing.reach.worktree |= text.place == Place::Worktree;
            standing.reach.git_dir |= text.place == Place::GitDir;
            if let Some(tip) = text.tip {
                add_tip(&mut standing.reach, tip);
                standing.reach.put_in_order();
            }
        }
    }

    /// Adds to `finding` the staged paths at which it stands and no commit had it: what only the index
    /// holds is called by its path there.
    pub(super) fn tell_staged(&self, finding: &mut Finding) {
        let Some(history) = finding.history.as_mut() else {
            return;
        };
        let is_staged = |standing: &Standing| standing.reach.index;
        if !history.standing.as_ref().is_some_and(is_staged) {
            return;
        }
        let staged = finding.occurrences.iter().flat_map(|found| {
            let paths = self.staged.get(&found.object_id).into_iter().flatten();
            let is_new = |path: &&&BString| history.paths.binary_search(path).is_err();
            let paths: Vec<&BString> = paths.filter(is_new).copied().collect();
            let is_blob = found.spot.place == Place::Blob;
            let paths = paths.into_iter().filter(move |_| is_blob);
            paths.map(|path| (path.clone(), found.object_id, found.spot.clone()))
        });
        let mut staged: Vec<_> = staged.collect();
        staged.sort_unstable();
        // One appearance for each path and object, as for those in commits.
        staged.dedup_by(|a, b| (&a.0, a.1) == (&b.0, b.1));
        add_staged(history, staged);
    }
}

fn add_staged(history: &mut History, staged: Vec<(BString, ObjectId, Spot)>) {
    for (path, object_id, spot) in staged {
        history.paths.push(path.clone());
        history.appearances.push(Appearance {
            commit_id: None,
            path: Some(path),
            object_id,
            spot,
            reachable: false,
        });
    }
    history.paths.sort_unstable();
    history.paths.dedup();
}
