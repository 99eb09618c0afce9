//! Scans one text that is in no repository: standard input, or a commit message.

use gix::ObjectId;
use gix::bstr::BString;
use gix::hash::Kind as HashKind;

use super::assemble::{finding, heed_paths, hidden, wanted};
use super::neighbours::Neighbours;
use super::{Audit, AuditOptions, CoverageBlock, Scope, excerpts, put_in_order};
use crate::detect::{Detector, Hits};
use crate::error::{Error, Result};
use crate::finding::{Appearance, Finding, History, Occurrence};
use crate::odb::walk::Tally;
use crate::odb::{Node, ObjectKind, hash};
use crate::scan::sift::{Sift, unopened};
use crate::scan::{Sighted, collect};

/// Scans `bytes`, which are called `name` in the report.
///
/// # Errors
/// `Usage` if there are more than `limits` allow.
pub fn text(
    name: &str,
    bytes: &[u8],
    detector: &Detector,
    options: &AuditOptions,
) -> Result<Audit> {
    let len = bytes.len() as u64;
    let limit = options.limits.held();
    if len > limit {
        return Err(
            Error::usage(format!("'{name}' holds more than {limit} bytes"))
                .hint("raise '--max-object-size', or hand it over in parts"),
        );
    }
    // The id that git would give it.
    let id = hash::object_id(HashKind::Sha1, ObjectKind::Blob, bytes).map_err(Error::corrupt)?;
    let mut sift = Sift::new(detector, options.scan);
    let mut hits = Hits::default();
    options.limits.budget.for_one(len, || {
        detector.scan(bytes, &mut sift.scratch, &mut hits);
        sift.collect(Node::new(0), ObjectKind::Blob, bytes, &hits);
    });
    let mut coverage = CoverageBlock::default();
    let mut skipped = Vec::new();
    let tally = Tally {
        objects: 1,
        bytes: len,
    };
    coverage.count([(ObjectKind::Blob, tally)]);
    coverage.allowed_inline = sift.allowed;
    for (_, kind, problem) in &sift.unopened {
        let (entry, is_readable) = unopened((*kind, id), problem);
        if is_readable {
            &mut skipped
        } else {
            &mut coverage.unopened
        }
        .push(entry);
    }
    coverage.count_skipped(skipped);
    let found = collect::merge(vec![sift.collector], detector.rules());
    let (found, below) = wanted(found, detector, options);
    let neighbours = Neighbours::of(found.iter().chain(&below), &|_| id);
    coverage.below_confidence = below.len();
    let mut findings: Vec<Finding> = found
        .into_iter()
        .map(|sighted| {
            let history = history(name, id, &sighted);
            finding(&|_| id, detector, options, &sighted, Some(history))
        })
        .collect();
    coverage.below_confidence += heed_paths(&mut findings, detector, options);
    let mut read = |_: &Occurrence, out: &mut Vec<u8>| {
        out.extend_from_slice(bytes);
        Ok(())
    };
    let scan = (detector, options.limits);
    excerpts::add(&mut findings, &neighbours, scan, &|_| None, &mut read);
    put_in_order(&mut findings, detector.rules());
    Ok(Audit {
        scope: Scope::Text,
        findings,
        hidden: hidden(&below, |sighted| {
            finding(&|_| id, detector, options, sighted, None)
        }),
        coverage,
    })
}

fn history(name: &str, id: ObjectId, sighted: &Sighted) -> History {
    let path = BString::from(name);
    let appearances: Vec<Appearance> = sighted
        .sightings
        .iter()
        .map(|sighting| Appearance {
            commit_id: None,
            path: Some(path.clone()),
            object_id: id,
            spot: sighting.spot.clone(),
            reachable: false,
        })
        .collect();
    History {
        first: appearances.first().cloned(),
        author: None,
        first_is_boundary: false,
        appearances,
        objects: 1,
        paths: vec![path],
        standing: None,
    }
}
