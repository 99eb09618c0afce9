//! Scans files and directories that need not be in a repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::ObjectId;
use gix::bstr::BString;
use gix::hash::Kind as HashKind;

use super::assemble::{finding, heed_paths, hidden, wanted};
use super::neighbours::Neighbours;
use super::{Audit, AuditOptions, CoverageBlock, Scope, excerpts, put_in_order};
use crate::detect::Detector;
use crate::error::{Error, Result};
use crate::finding::{Appearance, Finding, History, Place};
use crate::odb::walk::Tally;
use crate::odb::{Node, ObjectKind, ReadLimits, Skipped};
use crate::paths::PathPattern;
use crate::scan::Sighted;
use crate::scan::collect::{self, Collector};
use crate::scan::files::{self, Excluded, FileChoice, FileList};

/// Scans the files at and below `roots`, but for what `excluded` leaves out. What is named is read,
/// whatever it is; in directories, links are not followed.
///
/// # Errors
/// `Usage` if one of the roots does not exist.
pub fn files(
    roots: &[PathBuf],
    excluded: &[PathPattern],
    detector: &Detector,
    options: &AuditOptions,
) -> Result<Audit> {
    for root in roots {
        root.metadata().map_err(|e| cannot_read(root, e))?;
    }
    let list = files::list_except(roots, FileChoice::All, &exclusion(excluded));
    let (hash, limits) = (HashKind::Sha1, options.limits);
    let none = |_: &gix::oid| false;
    let (paths, scan) = (&list.paths, options.scan);
    let scanned = files::scan(paths, roots, hash, limits, &none, detector, scan);
    let mut collector = Collector::default();
    let mut coverage = left_out(&list);
    let (mut tally, mut skipped) = (Tally::default(), list.skipped);
    let mut ids = vec![hash.null(); list.paths.len()];
    for file in scanned {
        let file = match file {
            Ok(file) => file,
            Err(entry) => {
                skipped.push(entry);
                continue;
            }
        };
        tally.objects += 1;
        tally.bytes += file.len;
        coverage.allowed_inline += file.allowed;
        coverage.unopened.extend(file.unopened);
        skipped.extend(file.skipped);
        ids[file.number] = file.id;
        let number = u32::try_from(file.number)
            .map_err(|_| Error::usage("there are more files than can be numbered"))?;
        for found in file.found {
            collector.add((Node::new(number), Place::Blob), found);
        }
    }
    coverage.count([(ObjectKind::Blob, tally)]);
    let found = collect::merge(vec![collector], detector.rules());
    let (found, below) = wanted(found, detector, options);
    let id_of = |node: Node| ids[node.index()];
    let neighbours = Neighbours::of(found.iter().chain(&below), &id_of);
    coverage.below_confidence = below.len();
    let tell = |sighted: &Sighted| {
        let history = history(&list.paths, sighted, &ids);
        finding(&id_of, detector, options, sighted, Some(history))
    };
    let mut findings: Vec<Finding> = found.iter().map(tell).collect();
    coverage.below_confidence += heed_paths(&mut findings, detector, options);
    let (files, scan) = ((&list.paths[..], &ids[..]), (detector, limits));
    let unread = add_excerpts(&mut findings, &found, &neighbours, files, scan);
    skipped.extend(unread);
    coverage.count_skipped(skipped);
    put_in_order(&mut findings, detector.rules());
    Ok(Audit {
        scope: Scope::Files,
        findings,
        hidden: hidden(&below, |sighted| {
            finding(&id_of, detector, options, sighted, None)
        }),
        coverage,
    })
}

/// What the list leaves out.
fn left_out(list: &FileList) -> CoverageBlock {
    let name = |path: &PathBuf| path.as_os_str().as_encoded_bytes().into();
    CoverageBlock {
        excluded: list.excluded,
        special: list.special.iter().map(name).collect(),
        git_dir_unread: list.git_dirs.iter().map(name).collect(),
        ..CoverageBlock::default()
    }
}

/// Adds the line of each finding.
fn add_excerpts(
    findings: &mut [Finding],
    found: &[Sighted],
    neighbours: &Neighbours,
    (paths, ids): (&[PathBuf], &[ObjectId]),
    (detector, limits): (&Detector, ReadLimits),
) -> Vec<Skipped> {
    let paths = first_paths(found, paths, &|node| ids[node.index()]);
    excerpts::add(
        findings,
        neighbours,
        (detector, limits),
        &|_| None,
        &mut |found, bytes| match paths.get(&found.object_id) {
            Some(path) => files::read_again(path, &found.object_id, limits, bytes),
            None => Ok(()),
        },
    )
}

/// A path of the file in which each secret was sighted first, by the file's id.
fn first_paths<'p>(
    found: &[Sighted],
    paths: &'p [PathBuf],
    id_of: &dyn Fn(Node) -> ObjectId,
) -> BTreeMap<ObjectId, &'p PathBuf> {
    let nodes = found.iter().map(|sighted| sighted.sightings[0].node);
    nodes
        .map(|node| (id_of(node), &paths[node.index()]))
        .collect()
}

/// Whether a path at or below a root matches one of the patterns, as it is named or below the root.
fn exclusion(excluded: &[PathPattern]) -> Excluded {
    let patterns = excluded.to_vec();
    Arc::new(move |path, root| {
        let below = path.strip_prefix(root).unwrap_or(path);
        let names = [path.strip_prefix("./").unwrap_or(path), below];
        let names = names.map(|name| name.as_os_str().as_encoded_bytes());
        let is_match = |pattern: &PathPattern| names.iter().any(|name| pattern.matches(name));
        patterns.iter().any(is_match)
    })
}

fn cannot_read(root: &Path, error: std::io::Error) -> Error {
    let path = root.display();
    match root.read_link() {
        Ok(target) if error.kind() == std::io::ErrorKind::NotFound => {
            let target = target.display();
            Error::usage(format!(
                "'{path}' is a link to '{target}', which does not exist"
            ))
        }
        _ => {
            let said = Error::usage(format!("cannot read '{path}'")).because(error);
            match root == Path::new("-") {
                true => said.hint("'unleak scan -' scans standard input"),
                false => said,
            }
        }
    }
}

fn history(paths: &[PathBuf], sighted: &Sighted, ids: &[ObjectId]) -> History {
    let path = |node: Node| {
        let path = paths[node.index()].as_os_str();
        BString::from(path.as_encoded_bytes())
    };
    let appearances: Vec<Appearance> = sighted
        .sightings
        .iter()
        .map(|sighting| Appearance {
            commit_id: None,
            path: Some(path(sighting.node)),
            object_id: ids[sighting.node.index()],
            spot: sighting.spot.clone(),
            reachable: false,
        })
        .collect();
    let mut found: Vec<BString> = appearances.iter().filter_map(|a| a.path.clone()).collect();
    found.dedup();
    History {
        first: appearances.first().cloned(),
        author: None,
        first_is_boundary: false,
        objects: found.len(),
        appearances,
        paths: found,
        standing: None,
    }
}
