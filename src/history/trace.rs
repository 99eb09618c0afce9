//! Determines which commits introduced each finding, and which trees contain it.

use gix::ObjectId;
use gix::bstr::BString;
use rustc_hash::{FxHashMap, FxHashSet};

use super::{FindingsOfNames, Places};
use crate::finding::{Place, Spot};
use crate::history::classes::{Class, EMPTY, FindingNumber, TreeClasses};
use crate::history::commits::{CommitGraph, Rank};
use crate::history::trees::{Link, TreeLinks};
use crate::odb::objects::Objects;
use crate::odb::{Node, ObjectKind};
use crate::span::Position;

/// A finding at a path, introduced by the commit at a rank.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Introduced {
    /// The finding.
    pub finding: FindingNumber,
    /// The commit.
    pub rank: Rank,
    /// The path; `None` for the commit's own text.
    pub path: Option<BString>,
    /// Whether the path itself contains the secret.
    pub is_name: bool,
    /// The object at the path; `None` if the store lacks it, such as a submodule's commit.
    pub object: Option<Node>,
}

/// The findings in the trees of all commits.
#[derive(Debug)]
pub struct Trace {
    /// The classes of trees by findings.
    pub classes: TreeClasses,
    /// The class of each commit's root tree, by rank.
    pub commit_classes: Vec<Class>,
    /// Where findings were introduced, sorted.
    pub introduced: Vec<Introduced>,
    /// Objects that trees name and the store lacks.
    pub absent: Absent,
    /// For each name in a class, a tree that contains it.
    pub homes: FxHashMap<u32, Node>,
}

/// Objects that trees name and the store lacks.
#[derive(Debug)]
pub enum Absent {
    /// Few enough to trace their places.
    Few(AbsentTrace),
    /// More: the trees are walked to find them.
    Many,
}

/// The places of absent objects, traced like findings.
#[derive(Debug, Default)]
pub struct AbsentTrace {
    /// The objects: number of a finding, id, kind.
    pub objects: Vec<(ObjectId, ObjectKind)>,
    /// The classes of trees by absent objects.
    pub classes: TreeClasses,
    /// The class of each commit's root tree, by rank; empty if nothing is absent.
    pub commit_classes: Vec<Class>,
}

/// More absent objects than this are not traced: a partial clone may lack most of them.
pub const MAX_TRACED_ABSENT: usize = 1000;

/// The spot of a name.
pub(super) const IN_NAME: Spot = Spot {
    place: Place::TreeEntry,
    position: Position { line: 1, column: 1 },
    wrapping: None,
};

/// More appearances than this are not listed, and the report says so.
pub const MAX_APPEARANCES: usize = 1_000_000;

/// Traces `findings` through all trees; `named` are the findings in names.
pub fn trace(
    objects: &dyn Objects,
    graph: &CommitGraph,
    links: &TreeLinks,
    findings: &[Places],
    named: &FindingsOfNames,
) -> Trace {
    let findings_of = findings_of(findings);
    let node_count = objects.node_count() as usize + links.absent.len();
    let seeds: FxHashSet<Node> = findings_of.keys().copied().collect();
    let names: FxHashSet<u32> = named.keys().copied().collect();
    let holders = if seeds.is_empty() && names.is_empty() {
        FxHashMap::default()
    } else {
        links.holders(&seeds, &names, node_count)
    };
    let classes = TreeClasses::new(&holders, &findings_of, named);
    let commit_classes = commit_classes(graph, &classes);
    let mut introduced = Vec::new();
    let name_of = |number| links.name(number);
    for rank in graph.ranks() {
        introduced_by(
            (graph, rank),
            (&findings_of, &classes, &commit_classes),
            &name_of,
            &mut introduced,
        );
    }
    for entry in &mut introduced {
        let root = graph.tree_node(entry.rank);
        entry.object = match &entry.path {
            None => Some(graph.node(entry.rank)),
            Some(path) => root
                .and_then(|root| object_at(root, path, &holders, &name_of))
                .filter(|node| node.number() < objects.node_count()),
        };
    }
    introduced.sort_unstable();
    let mut homes = FxHashMap::default();
    add_homes(&mut homes, &holders);
    Trace {
        classes,
        commit_classes,
        introduced,
        absent: trace_absent(graph, links, node_count, &mut homes),
        homes,
    }
}

/// Adds a tree for each name of `holders`.
pub fn add_homes(homes: &mut FxHashMap<u32, Node>, holders: &FxHashMap<Node, Vec<Link>>) {
    for (&tree, links) in holders {
        for link in links {
            homes.entry(link.name).or_insert(tree);
        }
    }
}

fn trace_absent(
    graph: &CommitGraph,
    links: &TreeLinks,
    node_count: usize,
    homes: &mut FxHashMap<u32, Node>,
) -> Absent {
    // Commits of submodules are not expected here.
    let absent = links
        .absent
        .iter()
        .filter(|(_, _, kind)| *kind != ObjectKind::Commit);
    let absent: Vec<_> = absent.collect();
    if absent.is_empty() {
        return Absent::Few(AbsentTrace::default());
    }
    if absent.len() > MAX_TRACED_ABSENT {
        return Absent::Many;
    }
    let numbered = FindingNumber::first(absent.len()).zip(&absent);
    let findings_of: FxHashMap<Node, Vec<FindingNumber>> = numbered
        .map(|(number, (_, node, _))| (*node, vec![number]))
        .collect();
    let seeds = findings_of.keys().copied().collect();
    let holders = links.holders(&seeds, &FxHashSet::default(), node_count);
    let classes = TreeClasses::new(&holders, &findings_of, &FindingsOfNames::default());
    add_homes(homes, &holders);
    Absent::Few(AbsentTrace {
        objects: absent.iter().map(|(id, _, kind)| (*id, *kind)).collect(),
        commit_classes: commit_classes(graph, &classes),
        classes,
    })
}

/// The class of each commit's root tree.
pub fn commit_classes(graph: &CommitGraph, classes: &TreeClasses) -> Vec<Class> {
    if classes.is_empty() {
        return vec![EMPTY; graph.len()];
    }
    let class_of = |rank: Rank| {
        let tree = graph.tree_node(rank);
        tree.map_or(EMPTY, |tree| classes.of(tree))
    };
    graph.ranks().map(class_of).collect()
}

/// Adds the findings that the commit at `rank` introduces. Their objects are filled in later.
pub fn introduced_by<'n>(
    (graph, rank): (&CommitGraph, Rank),
    (findings_of, classes, commit_classes): (
        &FxHashMap<Node, Vec<FindingNumber>>,
        &TreeClasses,
        &[Class],
    ),
    name_of: &dyn Fn(u32) -> &'n [u8],
    introduced: &mut Vec<Introduced>,
) {
    if let Some(findings) = findings_of.get(&graph.node(rank)) {
        introduced.extend(findings.iter().map(|&finding| Introduced {
            finding,
            rank,
            path: None,
            is_name: false,
            object: None,
        }));
    }
    let class = commit_classes[rank.index()];
    if class == EMPTY || introduced.len() >= MAX_APPEARANCES {
        return;
    }
    let parents = graph.parents(rank).iter();
    let parents: Vec<Class> = parents.map(|&p| commit_classes[p.index()]).collect();
    classes.introduced(name_of, class, &parents, &mut |path, finding, is_name| {
        introduced.push(Introduced {
            finding,
            rank,
            path: Some(path.into()),
            is_name,
            object: None,
        });
        introduced.len() < MAX_APPEARANCES
    });
}

/// Returns the object at `path` below the tree `root`, by the links of the trees with findings.
pub fn object_at<'n>(
    root: Node,
    path: &[u8],
    holders: &FxHashMap<Node, Vec<Link>>,
    name_of: &dyn Fn(u32) -> &'n [u8],
) -> Option<Node> {
    let mut at = root;
    for name in path.split(|&byte| byte == b'/') {
        let links = holders.get(&at)?;
        let link = links.iter().find(|link| name_of(link.name) == name)?;
        at = link.child;
    }
    Some(at)
}

/// Turns findings by place into places by finding; lists are sorted.
pub fn findings_of(findings: &[Places]) -> FxHashMap<Node, Vec<FindingNumber>> {
    let mut found: FxHashMap<Node, Vec<FindingNumber>> = FxHashMap::default();
    for (number, places) in FindingNumber::first(findings.len()).zip(findings) {
        for &node in places.keys() {
            found.entry(node).or_default().push(number);
        }
    }
    found
}
