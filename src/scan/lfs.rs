//! Scans Git LFS files in place of their pointers.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::hash::Kind as HashKind;

use super::ScanOptions;
use super::collect::Collector;
use super::files;
use crate::detect::Detector;
use crate::detect::decode::Layer;
use crate::finding::Place;
use crate::git::lfs::Pointer;
use crate::odb::{Node, ReadLimits, SkipReason, Skipped, file};

/// The result of scanning Git LFS files.
#[derive(Default)]
pub struct BehindPointers {
    /// Secrets, at the nodes of the pointers.
    pub collector: Collector,
    /// Matches that a marker allows.
    pub allowed: u64,
    /// Files that could not be read.
    pub skipped: Vec<Skipped>,
    /// Archives that nobody can open.
    pub unopened: Vec<Skipped>,
    /// Distinct files that were read.
    pub read: usize,
    /// Distinct files that are not here.
    pub missing: usize,
}

/// Scans the files of `pointers`, which stand at the nodes beside them, in the repository whose
/// shared directory is `common_dir`.
pub fn scan(
    pointers: &[(Node, Pointer)],
    common_dir: &Path,
    limits: ReadLimits,
    detector: &Detector,
    options: ScanOptions,
) -> BehindPointers {
    let mut nodes: BTreeMap<&Pointer, Vec<Node>> = BTreeMap::new();
    for (node, pointer) in pointers {
        nodes.entry(pointer).or_default().push(*node);
    }
    let mut behind = BehindPointers::default();
    let (mut paths, mut of_path): (Vec<PathBuf>, Vec<Vec<Node>>) = Default::default();
    for (pointer, mut nodes) in nodes {
        let path = pointer.path(common_dir);
        match path.metadata() {
            Ok(found) if found.is_file() => {
                paths.push(path);
                nodes.sort_unstable();
                of_path.push(nodes);
            }
            Err(e) if !matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                let why = e.to_string();
                let entry = file::skipped(SkipReason::Unreadable, &path, &why);
                behind.skipped.push(entry);
            }
            Ok(_) | Err(_) => behind.missing += 1,
        }
    }
    let all = |_: &gix::oid| false;
    for file in files::scan(&paths, &[], HashKind::Sha1, limits, &all, detector, options) {
        let file = match file {
            Ok(file) => file,
            Err(skipped) => {
                behind.skipped.push(skipped);
                continue;
            }
        };
        behind.read += 1;
        behind.allowed += file.allowed;
        behind.skipped.extend(file.skipped);
        behind.unopened.extend(file.unopened);
        for mut found in file.found {
            let layers = found.wrapping.iter().flat_map(|layers| layers.iter());
            let wrapping: Arc<[Layer]> = [Layer::Lfs].iter().chain(layers).cloned().collect();
            found.wrapping = Some(wrapping);
            for &node in &of_path[file.number] {
                behind.collector.add((node, Place::Blob), found.clone());
            }
        }
    }
    behind
}
