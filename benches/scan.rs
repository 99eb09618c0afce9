//! Whole scans and attribution: `UNLEAK_BENCH_REPO=path cargo bench --bench scan`.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]

mod support;

use rustc_hash::FxHashSet;
use unleak::detect::Detector;
use unleak::history::commits::{CommitCollector, CommitGraph};
use unleak::history::tips::Tips;
use unleak::history::{FindingsOfNames, Places, Sources, attribute, read_trees, trace};
use unleak::odb::Node;
use unleak::progress::Progress;
use unleak::rule;
use unleak::scan::{Delta, InlineAllow, ScanOptions, Sighted, objects};

fn main() {
    let (path, repo) = support::repository();
    println!("repository: {}", path.display());
    let store = support::open_store(&repo);
    let detector = Detector::compile(rule::builtin().expect("they parse")).expect("they compile");
    let scan = |delta| {
        let options = ScanOptions {
            delta,
            inline_allow: InlineAllow::Honoured,
        };
        objects::scan(&store, &detector, options, &Progress::default(), &|| {
            CommitCollector::new(store.hash())
        })
    };
    let bytes = |scanned: &objects::Scanned<CommitCollector>| {
        scanned.tallies.iter().map(|(_, tally)| tally.bytes).sum()
    };
    let scanned = scan(Delta::Aware);
    let total = bytes(&scanned);
    support::measure("scan text, whole objects", total, || scan(Delta::Ignored));
    support::measure("scan text, delta-aware", total, || scan(Delta::Aware));
    let spots = |found: &Sighted| {
        let sightings = found.sightings.iter();
        sightings.map(|s| (s.node, s.spot.clone())).collect()
    };
    let places: Vec<Places> = scanned.found.iter().map(spots).collect();
    let graph = CommitGraph::new(&store, scanned.observers);
    let tips = Tips::read(&repo);
    println!(
        "{} secrets of any confidence, {} commits",
        places.len(),
        graph.len()
    );
    let targets: FxHashSet<Node> = places.iter().flat_map(Places::keys).copied().collect();
    support::measure("read trees, attribute all of them", 0, || {
        let judge = |_: &[u8]| false;
        let trees = read_trees(
            &store,
            &targets,
            &FxHashSet::default(),
            &judge,
            &Progress::default(),
        );
        let named = FindingsOfNames::default();
        let trace = trace(&store, &graph, &trees.links, &places, &named);
        let sources = Sources {
            objects: &store,
            graph: &graph,
            tips: &tips,
            shallow: &[],
            trace: &trace,
            links: Some(&trees.links),
        };
        attribute(&sources, &places)
    });
}
