//! The places of a finding as the formats of other programs want them: a path and a line, each once.

use std::collections::{BTreeSet, HashSet};

use gix::ObjectId;
use gix::bstr::BString;

use super::Report;
use super::escape::escape;
use super::human::inside;
use super::redact::Redactor;
use crate::detect::decode::Layer;
use crate::finding::{Appearance, Finding, Occurrence, Place, Spot};

/// One place of a finding.
#[derive(Clone, Copy)]
pub(super) struct Location<'a> {
    /// The file; `None` for what stands in no file.
    pub(super) path: Option<&'a BString>,
    /// The commit that brought it in, if one did.
    pub(super) commit_id: Option<ObjectId>,
    /// The object.
    pub(super) object_id: ObjectId,
    /// What holds it, and where.
    pub(super) spot: &'a Spot,
    /// Name of the ref, reflog, entry or staged path.
    name: Option<&'a BString>,
    /// Whether it is the finding's first place, whose line is at hand.
    is_first: bool,
}

impl Location<'_> {
    /// The line of the file; `None` if it stands in the file's name or in a member of an archive.
    pub(super) fn line(&self) -> Option<u32> {
        let layers = self.spot.wrapping.iter().flat_map(|layers| layers.iter());
        let is_file = self.path.is_some() && self.spot.place != Place::TreeEntry;
        let is_packed = |layer: &Layer| !matches!(layer, Layer::Encoded(_));
        (is_file && !layers.into_iter().any(is_packed)).then_some(self.spot.position.line)
    }

    /// The column in characters. Positions count bytes, so it is known only where the line is at hand.
    pub(super) fn column(&self, finding: &Finding) -> Option<u32> {
        let before = &finding.excerpt.as_ref()?.before;
        let is_plain = self.spot.wrapping.as_ref().is_none_or(|w| w.is_empty());
        let is_whole = u32::try_from(before.len() + 1) == Ok(self.spot.position.column);
        if !self.is_first || !is_plain || !is_whole {
            return None;
        }
        let characters = std::str::from_utf8(before).ok()?.chars().count();
        u32::try_from(characters + 1).ok()
    }

    /// What people call it: as in the report for people.
    pub(super) fn label(&self, redactor: &Redactor) -> String {
        let name = |name: &BString| escape(&redactor.text(name));
        match (self.path, self.spot.place) {
            (Some(path), Place::TreeEntry) => format!("name of {}", name(path)),
            (Some(path), _) => inside(&name(path), self.spot, redactor),
            (None, place) => {
                let what = holder(
                    place,
                    self.object_id,
                    &self.name.map(name).unwrap_or_default(),
                );
                match place {
                    Place::Blob | Place::Commit(_) | Place::Tag(_) | Place::Worktree => {
                        inside(&what, self.spot, redactor)
                    }
                    Place::Reflog => format!("{what}, line {}", self.spot.position.line),
                    Place::TreeEntry | Place::Ref | Place::Index => what,
                }
            }
        }
    }
}

/// What holds a secret that is in no file.
pub(super) fn holder(place: Place, id: ObjectId, name: &str) -> String {
    match place {
        Place::Blob => format!("blob {id}"),
        Place::Commit(part) | Place::Tag(part) => {
            format!("{} of {} {id}", part.name(), place.name())
        }
        Place::TreeEntry => format!("name of {name} in tree {id}"),
        Place::Ref => format!("name of ref {name}"),
        Place::Reflog => format!("reflog of {name}"),
        Place::Index => format!("staged path {name}"),
        Place::Worktree => name.to_owned(),
    }
}

/// All places of a finding, each path and line once: first those where it entered, in the order of
/// history, then those that no commit holds.
pub(super) fn locations(finding: &Finding) -> Vec<Location<'_>> {
    let history = finding.history.as_ref();
    let appearances = history.map_or(&[][..], |history| &history.appearances);
    let mut all: Vec<Location<'_>> = Vec::new();
    let mut in_commits = HashSet::new();
    for appearance in appearances {
        in_commits.insert(appearance.object_id);
        all.push(appeared(appearance, &appearance.spot));
        // A file may hold it on more than one line.
        let others = finding.occurrences.iter().filter(|o| {
            let place = o.spot.place;
            o.object_id == appearance.object_id
                && place == Place::Blob
                && appearance.spot.place == Place::Blob
        });
        all.extend(others.map(|o| appeared(appearance, &o.spot)));
    }
    let elsewhere = finding.occurrences.iter().filter(|o| {
        let is_object = o.spot.place.object_kind().is_some();
        !is_object || !in_commits.contains(&o.object_id)
    });
    // The name of a file that a commit holds was told as a path.
    let named = |o: &&Occurrence| {
        o.spot.place != Place::TreeEntry
            || !appearances.iter().any(|a| a.spot.place == Place::TreeEntry)
    };
    all.extend(elsewhere.filter(named).map(stored));
    let mut seen = BTreeSet::new();
    all.retain(|l| {
        let line = l.line();
        let otherwise = line.is_none().then_some((l.object_id, l.spot, l.name));
        seen.insert((l.path, line, otherwise))
    });
    if let Some(first) = all.first_mut() {
        first.is_first = true;
    }
    all
}

fn appeared<'a>(appearance: &'a Appearance, spot: &'a Spot) -> Location<'a> {
    Location {
        path: appearance.path.as_ref(),
        commit_id: appearance.commit_id,
        object_id: appearance.object_id,
        spot,
        name: None,
        is_first: false,
    }
}

fn stored(occurrence: &Occurrence) -> Location<'_> {
    let is_file = occurrence.spot.place == Place::Worktree;
    Location {
        path: is_file.then_some(&occurrence.name),
        commit_id: None,
        object_id: occurrence.object_id,
        spot: &occurrence.spot,
        name: Some(&occurrence.name),
        is_first: false,
    }
}

/// What should have been read and was not, one line each.
pub(super) fn unread(report: &Report<'_>, redactor: &Redactor) -> Vec<String> {
    let coverage = &report.audit.coverage;
    let mut lines = Vec::new();
    if coverage.shallow > 0 {
        lines.push(format!(
            "the clone is shallow: history before {} of its commits was not read; fetch with a depth of 0 and scan again",
            coverage.shallow
        ));
    }
    lines.extend(coverage.skipped.iter().map(|skipped| {
        let detail = escape(&redactor.text(skipped.detail.as_bytes()));
        format!("{}: {detail}", skipped.reason.name())
    }));
    lines
}
