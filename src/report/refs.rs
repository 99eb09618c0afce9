//! The refs from which findings are reachable, stored once for a whole report.
//!
//! In a mirror with thousands of pull requests, hundreds of findings are reachable from thousands
//! of refs each, often from the same ones. Refs that reach the same findings form a group, so that
//! each name is stored once. A list is an increasing sequence of groups; findings refer to a list
//! by number.

use std::collections::HashMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::Text;

/// Names of refs, each list sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefGroup {
    /// `refs/heads/*`, short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<Text>,
    /// `refs/remotes/*`, short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remotes: Vec<Text>,
    /// `refs/tags/*`, short.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Text>,
    /// All other refs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_refs: Vec<Text>,
}

/// The kind of a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefKind {
    /// `refs/heads/*`.
    Branch,
    /// `refs/remotes/*`.
    Remote,
    /// `refs/tags/*`.
    Tag,
    /// All others.
    Other,
}

impl RefKind {
    const ALL: [Self; 4] = [Self::Branch, Self::Remote, Self::Tag, Self::Other];
}

impl RefGroup {
    /// Returns the names of one kind, sorted.
    pub fn names(&self, kind: RefKind) -> &[Text] {
        match kind {
            RefKind::Branch => &self.branches,
            RefKind::Remote => &self.remotes,
            RefKind::Tag => &self.tags,
            RefKind::Other => &self.other_refs,
        }
    }

    fn names_mut(&mut self, kind: RefKind) -> &mut Vec<Text> {
        match kind {
            RefKind::Branch => &mut self.branches,
            RefKind::Remote => &mut self.remotes,
            RefKind::Tag => &mut self.tags,
            RefKind::Other => &mut self.other_refs,
        }
    }

    /// Sorts the names of each kind.
    pub(super) fn put_in_order(&mut self) {
        for kind in RefKind::ALL {
            self.names_mut(kind).sort_unstable();
        }
    }
}

/// The refs from which a finding is reachable. In JSON, `refs` is the number of a list of the
/// report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredReportRefs", into = "WrittenRefs")]
pub struct ReportRefs {
    /// The number of the list.
    number: usize,
    groups: Vec<Arc<RefGroup>>,
}

impl ReportRefs {
    /// Creates the refs of one finding, before the refs of all findings are grouped.
    pub(super) fn of(mut names: RefGroup) -> Self {
        names.put_in_order();
        Self {
            number: 0,
            groups: vec![Arc::new(names)],
        }
    }

    /// Refers to list `number` of a report that is being parsed.
    fn numbered(number: usize) -> Self {
        Self {
            number,
            groups: Vec::new(),
        }
    }

    /// Returns the number of refs of a kind.
    pub fn count(&self, kind: RefKind) -> usize {
        let groups = self.groups.iter();
        groups.map(|group| group.names(kind).len()).sum()
    }

    /// Returns whether the ref of this kind and short name reaches the finding.
    pub fn has(&self, kind: RefKind, name: &str) -> bool {
        let name = Text::Utf8(name.to_owned());
        let mut groups = self.groups.iter();
        groups.any(|group| group.names(kind).binary_search(&name).is_ok())
    }

    /// Returns the first `limit` names of a kind: the usual names of a default branch, then the others,
    /// sorted.
    pub fn first(&self, kind: RefKind, limit: usize) -> Vec<&Text> {
        let defaults = match kind {
            RefKind::Branch => &["main", "master", "trunk"][..],
            RefKind::Remote => &["origin/main", "origin/master", "origin/trunk"],
            RefKind::Tag | RefKind::Other => &[],
        };
        let defaults = defaults.iter().map(|name| Text::Utf8((*name).to_owned()));
        let defaults: Vec<Text> = defaults.collect();
        let groups = self.groups.iter().map(|group| group.names(kind));
        let mut names: Vec<(bool, &Text)> = groups
            .flat_map(|names| {
                let of_default = defaults.iter().filter_map(|name| {
                    let at = names.binary_search(name).ok()?;
                    Some((false, &names[at]))
                });
                let others = names.iter().filter(|name| !defaults.contains(name));
                of_default.chain(others.take(limit).map(|name| (true, name)))
            })
            .collect();
        names.sort_unstable();
        names.truncate(limit);
        names.into_iter().map(|(_, name)| name).collect()
    }
}

/// The stored refs of a finding: the number of a list in version 2, all names in version 1.
#[derive(Deserialize)]
struct StoredReportRefs {
    refs: Option<usize>,
    #[serde(flatten)]
    names: RefGroup,
}

#[derive(Serialize)]
struct WrittenRefs {
    refs: usize,
}

impl From<ReportRefs> for WrittenRefs {
    fn from(refs: ReportRefs) -> Self {
        Self { refs: refs.number }
    }
}

impl From<StoredReportRefs> for ReportRefs {
    fn from(stored: StoredReportRefs) -> Self {
        match stored.refs {
            Some(number) => Self::numbered(number),
            None => Self::of(stored.names),
        }
    }
}

/// All refs of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefTable {
    #[serde(serialize_with = "write_groups", deserialize_with = "read_groups")]
    groups: Vec<Arc<RefGroup>>,
    /// The lists: group numbers in increasing order.
    lists: Vec<Vec<usize>>,
}

impl RefTable {
    /// Groups the refs of all findings.
    pub(super) fn collect(mut findings: Vec<&mut ReportRefs>) -> Self {
        let mut lists: Vec<Arc<RefGroup>> = Vec::new();
        let mut by_names: HashMap<Arc<RefGroup>, usize> = HashMap::new();
        // New findings with the same refs share the same allocation, so that names need not be
        // compared.
        let mut by_address: FxHashMap<*const RefGroup, usize> = FxHashMap::default();
        for refs in &mut findings {
            let names = refs.groups.pop().unwrap_or_default();
            let by_address = by_address.entry(Arc::as_ptr(&names));
            refs.number = *by_address.or_insert_with(|| {
                *by_names.entry(Arc::clone(&names)).or_insert_with(|| {
                    lists.push(names);
                    lists.len() - 1
                })
            });
        }
        let table = grouped(&lists);
        table
            .attach(findings)
            .expect("each number is that of a list");
        table
    }

    /// Groups the refs of findings that belong to the tables of other reports.
    pub(super) fn collect_again(mut findings: Vec<&mut ReportRefs>) -> Self {
        // Findings of one list share its groups.
        let mut merged: HashMap<Vec<*const RefGroup>, Arc<RefGroup>> = HashMap::new();
        for refs in &mut findings {
            let key = refs.groups.iter().map(Arc::as_ptr).collect();
            let names = merged.entry(key).or_insert_with(|| {
                let mut all = RefGroup::default();
                for kind in RefKind::ALL {
                    let groups = refs.groups.iter();
                    let names = groups.flat_map(|group| group.names(kind));
                    all.names_mut(kind).extend(names.cloned());
                }
                all.put_in_order();
                Arc::new(all)
            });
            refs.groups = vec![Arc::clone(names)];
        }
        Self::collect(findings)
    }

    /// Gives each finding the groups of its list, after a report was parsed.
    ///
    /// # Errors
    /// The error in the numbers.
    pub(super) fn attach(&self, findings: Vec<&mut ReportRefs>) -> Result<(), &'static str> {
        for list in &self.lists {
            let is_known = list.last().is_none_or(|&last| last < self.groups.len());
            if !is_known || !list.is_sorted_by(|a, b| a < b) {
                return Err("a list of refs names a group that is not there");
            }
        }
        for refs in findings {
            let list = self.lists.get(refs.number);
            let list = list.ok_or("a finding names a list of refs that is not there")?;
            refs.groups = list
                .iter()
                .map(|&at| Arc::clone(&self.groups[at]))
                .collect();
        }
        Ok(())
    }
}

/// Groups refs that are in the same lists. Redacted names may be equal: they are distinguished by
/// their number of earlier occurrences in the list.
fn grouped(lists: &[Arc<RefGroup>]) -> RefTable {
    let mut members: FxHashMap<(RefKind, &Text, usize), Vec<usize>> = FxHashMap::default();
    for (number, list) in lists.iter().enumerate() {
        for kind in RefKind::ALL {
            let mut before: Option<(&Text, usize)> = None;
            for name in list.names(kind) {
                let same = before.filter(|(last, _)| *last == name);
                let count = same.map_or(0, |(_, count)| count + 1);
                before = Some((name, count));
                members.entry((kind, name, count)).or_default().push(number);
            }
        }
    }
    let mut members: Vec<_> = members.into_iter().collect();
    members.sort_unstable();
    let mut groups: Vec<RefGroup> = Vec::new();
    let mut numbers: HashMap<Vec<usize>, usize> = HashMap::new();
    let mut grouped = vec![Vec::new(); lists.len()];
    for ((kind, name, _), in_lists) in members {
        let number = *numbers.entry(in_lists).or_insert_with_key(|in_lists| {
            for &list in in_lists {
                grouped[list].push(groups.len());
            }
            groups.push(RefGroup::default());
            groups.len() - 1
        });
        groups[number].names_mut(kind).push(name.clone());
    }
    RefTable {
        groups: groups.into_iter().map(Arc::new).collect(),
        lists: grouped,
    }
}

fn write_groups<S: Serializer>(groups: &[Arc<RefGroup>], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(groups.iter().map(|group| &**group))
}

fn read_groups<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Arc<RefGroup>>, D::Error> {
    let groups = Vec::<RefGroup>::deserialize(from)?;
    Ok(groups.into_iter().map(Arc::new).collect())
}
