//! Opening, inflating and resolving: `UNLEAK_BENCH_REPO=path cargo bench --bench odb`.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]

mod support;

use unleak::odb::inflate::Inflater;
use unleak::odb::walk::{Base, Object, Visitor, walk};
use unleak::odb::{ObjectKind, ObjectStore};
use unleak::progress::Progress;

/// Does nothing, to measure only the cost of resolving.
struct Nothing;

impl Visitor for Nothing {
    type State = ();
    fn visit(&mut self, object: &Object<'_>, _base: Option<Base<'_, ()>>, _state: &mut ()) {
        std::hint::black_box(object.bytes);
    }
}

fn main() {
    let (path, repo) = support::repository();
    println!("repository: {}", path.display());
    let store = support::measure("open (index, headers, forest)", 0, || {
        support::open_store(&repo)
    });
    println!(
        "{} objects, {} packs, {} loose",
        store.object_count(),
        store.packs().len(),
        store.loose().len()
    );
    let bytes = inflate_all(&store);
    support::measure("inflate every stream", bytes, || inflate_all(&store));
    for kinds in [
        &[ObjectKind::Blob][..],
        &[ObjectKind::Tree],
        &[ObjectKind::Commit, ObjectKind::Tag],
    ] {
        let resolve = || walk(&store, kinds, &Progress::default(), &|| Nothing);
        let bytes = resolve().tallies.iter().map(|(_, tally)| tally.bytes).sum();
        let name = format!("resolve every {}", kinds[0].name());
        support::measure(&name, bytes, resolve);
    }
}

fn inflate_all(store: &ObjectStore) -> u64 {
    let (mut inflater, mut out, mut bytes) = (Inflater::default(), Vec::new(), 0);
    for pack in store.packs() {
        for entry in pack.entries() {
            if pack.inflate(entry, &mut inflater, &mut out).is_ok() {
                bytes += out.len() as u64;
            }
        }
    }
    bytes
}
