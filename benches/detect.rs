//! Pre-pass and confirmation on real blobs: `UNLEAK_BENCH_REPO=path cargo bench --bench detect`.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]

mod support;

use std::sync::Mutex;

use unleak::detect::decode;
use unleak::detect::prefilter::Twin;
use unleak::detect::{Detector, Hits, Scratch};
use unleak::odb::ObjectKind;
use unleak::odb::walk::{Base, Object, Visitor, walk};
use unleak::progress::Progress;
use unleak::rule;

/// The size of the sample in bytes.
const SAMPLE_BYTES: usize = 256 << 20;

/// Collects undeltified blobs: one or two versions of every file, instead of a thousand of a few files.
struct Sampler<'a>(&'a Mutex<(usize, Vec<Vec<u8>>)>);

impl Visitor for Sampler<'_> {
    type State = ();

    fn visit(&mut self, object: &Object<'_>, base: Option<Base<'_, ()>>, _state: &mut ()) {
        let mut sample = self.0.lock().expect("nobody panics");
        if base.is_none() && sample.0 < SAMPLE_BYTES {
            sample.0 += object.bytes.len();
            sample.1.push(object.bytes.to_vec());
        }
    }
}

fn main() {
    let (path, repo) = support::repository();
    let store = support::open_store(&repo);
    let sample = Mutex::default();
    walk(&store, &[ObjectKind::Blob], &Progress::default(), &|| {
        Sampler(&sample)
    });
    let (bytes, blobs) = sample.into_inner().expect("nobody panics");
    println!("repository: {}, {} blobs", path.display(), blobs.len());
    let compile = || Detector::compile(rule::builtin().expect("they parse")).expect("they compile");
    let detector = support::measure("load and compile the rules", 0, compile);
    let prefilter = detector.prefilter();
    let count = |find: &dyn Fn(&[u8], &mut usize)| {
        let mut hits = 0;
        blobs.iter().for_each(|blob| find(blob, &mut hits));
        hits
    };
    let fast = support::measure("pre-pass, hashed grams", bytes as u64, || {
        count(&|blob, hits| prefilter.find(blob, 0..blob.len(), |_, _| *hits += 1))
    });
    let twin = Twin::new(prefilter.keywords()).expect("they fit");
    let slow = support::measure("pre-pass, aho-corasick", bytes as u64, || {
        count(&|blob, hits| twin.find(blob, 0..blob.len(), |_, _| *hits += 1))
    });
    assert_eq!(fast, slow, "both find the same");
    println!(
        "{} keywords, {fast} hits: one in {} bytes",
        prefilter.keywords().len(),
        bytes / fast.max(1)
    );
    let regions = support::measure("encodings", bytes as u64, || {
        let mut regions = 0;
        for blob in &blobs {
            decode::find(blob, 0..blob.len(), &mut |_| regions += 1);
        }
        regions
    });
    println!("{regions} regions that may be encoded");
    let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
    support::measure("pre-pass and confirmation", bytes as u64, || {
        blobs
            .iter()
            .for_each(|blob| detector.scan(blob, &mut scratch, &mut hits));
    });
}
