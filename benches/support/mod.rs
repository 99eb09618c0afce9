//! Shared by the benches: which repository, CPU time, one line a figure.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use unleak::git::repository::{Overrides, Repository};
use unleak::odb::{ObjectStore, ReadLimits};

/// The repository to measure: `UNLEAK_BENCH_REPO`, or the one that holds the current directory.
pub(crate) fn repository() -> (PathBuf, Repository) {
    let path =
        std::env::var_os("UNLEAK_BENCH_REPO").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let repo = Repository::discover(&path, &Overrides::default())
        .expect("UNLEAK_BENCH_REPO names a repository");
    (path, repo)
}

/// Opens the object store.
pub(crate) fn open_store(repo: &Repository) -> ObjectStore {
    repo.open_store(&Overrides::default(), ReadLimits::default())
        .expect("the repository has an object store")
}

/// CPU time of this process so far, over all threads.
pub(crate) fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let fields: Vec<i64> = after_name
        .split(' ')
        .filter_map(|f| f.parse().ok())
        .collect();
    // utime and stime, in clock ticks of a hundredth of a second (proc(5)).
    let ticks = fields.get(10).copied().unwrap_or(0) + fields.get(11).copied().unwrap_or(0);
    Duration::from_millis(u64::try_from(ticks).unwrap_or(0) * 10)
}

/// Runs `work` three times and prints the median wall and CPU time, and the rate over `bytes`.
pub(crate) fn measure<T>(name: &str, bytes: u64, mut work: impl FnMut() -> T) -> T {
    let mut runs = Vec::new();
    let mut last = None;
    for _ in 0..3 {
        let (cpu, wall) = (cpu_time(), Instant::now());
        last = Some(work());
        runs.push((cpu_time() - cpu, wall.elapsed()));
    }
    runs.sort_unstable();
    let (cpu, wall) = runs[1];
    let rate = bytes as f64 / 1e9 / cpu.as_secs_f64().max(0.001);
    println!(
        "{name:<28} {:>8.2} CPU s {:>8.2} wall s {:>10.1} MB {rate:>8.2} GB per CPU s",
        cpu.as_secs_f64(),
        wall.as_secs_f64(),
        bytes as f64 / 1e6
    );
    last.expect("it ran three times")
}
