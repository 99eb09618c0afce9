//! The list: groups and the findings in them, as far as they are wanted and unfolded.

use std::collections::HashMap;

use super::item::ListItem;

/// How findings are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    Rule,
    Directory,
    Secret,
    Severity,
    Class,
}

impl Grouping {
    /// The word for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Directory => "directory",
            Self::Secret => "secret",
            Self::Severity => "severity",
            Self::Class => "class of files",
        }
    }

    /// The next one.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Rule => Self::Directory,
            Self::Directory => Self::Secret,
            Self::Secret => Self::Severity,
            Self::Severity => Self::Class,
            Self::Class => Self::Rule,
        }
    }

    fn of(self, item: &ListItem) -> &str {
        match self {
            Self::Rule => &item.rule,
            Self::Directory => &item.directory,
            Self::Secret => &item.secret,
            Self::Severity => item.severity.name(),
            Self::Class => item.class,
        }
    }
}

/// A line of the list: numbers of groups and of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListRow {
    Group(usize),
    Item(usize),
}

/// Findings that have something in common.
pub(super) struct Group {
    pub(super) name: String,
    /// Numbers of findings, in their order.
    pub(super) members: Vec<usize>,
    pub(super) is_folded: bool,
}

/// Groups the findings that are wanted. The group of the worst finding is the first one, wanted or not:
/// no group moves when others are hidden.
pub(super) fn groups(
    items: &[ListItem],
    by: Grouping,
    is_wanted: &dyn Fn(usize) -> bool,
    is_folded: &dyn Fn(&str) -> bool,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (number, item) in items.iter().enumerate() {
        let name = by.of(item);
        let at = *known.entry(name).or_insert_with(|| {
            groups.push(Group {
                name: name.to_owned(),
                members: Vec::new(),
                is_folded: is_folded(name),
            });
            groups.len() - 1
        });
        if is_wanted(number) {
            groups[at].members.push(number);
        }
    }
    groups.retain(|group| !group.members.is_empty());
    groups
}

/// The lines of these groups.
pub(super) fn rows(groups: &[Group]) -> Vec<ListRow> {
    let mut rows = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        rows.push(ListRow::Group(number));
        if !group.is_folded {
            rows.extend(group.members.iter().map(|&member| ListRow::Item(member)));
        }
    }
    rows
}
