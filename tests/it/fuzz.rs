//! What the fuzz targets do, without a fuzzer: each seed, whole, cut and with bytes changed; for a moment
//! in every run of the tests, and for as long as somebody likes with `fuzz/run`.

#[path = "../../fuzz/targets.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets are other programs")]
mod targets;

use std::path::Path;

use unleak::rule::template::Random;

/// Changed versions of each seed.
const ROUNDS: usize = 300;

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len());
        let len = random.below(24).min(bytes.len() - at);
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = *random.pick(&[0, 0x7f, 0x80, 0xff]),
            2 => drop(bytes.drain(at..at + len)),
            3 => {
                let copy = bytes[at..at + len].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => bytes.truncate(at),
            _ => {
                let to = random.below(bytes.len());
                bytes.swap(at, to);
            }
        }
    }
}

type Target = fn(&[u8]);

const ALL: [(&str, Target); 20] = [
    ("pack", targets::pack),
    ("index", targets::index),
    ("git_index", targets::git_index),
    ("delta", targets::delta),
    ("tree", targets::tree),
    ("commit", targets::commit),
    ("config", targets::config),
    ("refs", targets::refs),
    ("bundle", targets::bundle),
    ("rules", targets::rules),
    ("decode", targets::decode),
    ("archive", targets::archive),
    ("report", targets::report),
    ("settings", targets::settings),
    ("ledger", targets::ledger),
    ("manifest", targets::manifest),
    ("lists", targets::lists),
    ("hook_input", targets::hook_input),
    ("score", targets::score),
    ("patch", targets::patch),
];

/// The seeds of a target, with what earlier runs kept, sorted by path.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let dirs = ["fuzz/seeds", "fuzz/corpus"].map(|dir| Path::new(dir).join(name));
    let entries = dirs.iter().filter_map(|dir| std::fs::read_dir(dir).ok());
    let mut paths: Vec<_> = entries.flatten().map(|e| e.unwrap().path()).collect();
    paths.sort_unstable();
    let seeds: Vec<_> = paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(!seeds.is_empty(), "{name} has seeds");
    seeds
}

#[test]
fn no_seed_and_nothing_near_one_breaks_anything() {
    let mut random = Random::new(71);
    for (name, target) in ALL {
        for seed in seeds(name) {
            target(&seed);
            for _ in 0..ROUNDS {
                let mut bytes = seed.clone();
                mutate(&mut bytes, &mut random);
                target(&bytes);
            }
        }
    }
}

/// `fuzz/run` starts it: each target for `UNLEAK_FUZZ_SECONDS`, with inputs made from the seeds and from
/// one another. What breaks something, or takes longer than ten seconds, is kept in `fuzz/found`.
#[test]
#[ignore = "it takes as long as it is told"]
#[expect(clippy::print_stdout, reason = "it says how often each target was run")]
fn fuzz_all_targets_for_a_while() {
    let seconds = std::env::var("UNLEAK_FUZZ_SECONDS").unwrap_or_default();
    let seconds: u64 = seconds.parse().unwrap_or(5);
    let only = std::env::var("UNLEAK_FUZZ_TARGET")
        .ok()
        .filter(|name| !name.is_empty());
    let start = std::time::SystemTime::now();
    let seed = start
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let mut random = Random::new(u64::try_from(seed % u128::from(u64::MAX)).unwrap());
    let mut broken = Vec::new();
    for (name, target) in ALL {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let (pool, begin) = (seeds(name), std::time::Instant::now());
        let mut count = 0u64;
        while begin.elapsed().as_secs() < seconds {
            let mut bytes = random.pick(&pool).clone();
            for _ in 0..1 + random.below(5) {
                mutate(&mut bytes, &mut random);
            }
            if random.below(8) == 0 {
                let other = random.pick(&pool);
                let at = random.below(bytes.len() + 1);
                bytes.splice(at..at, other.iter().copied());
            }
            let before = std::time::Instant::now();
            let ended = std::panic::catch_unwind(|| target(&bytes));
            count += 1;
            if ended.is_err() || before.elapsed().as_secs() >= 10 {
                let path = Path::new("fuzz/found").join(format!("{name}-{count}-{seed}"));
                std::fs::create_dir_all("fuzz/found").unwrap();
                std::fs::write(&path, &bytes).unwrap();
                broken.push(path);
            }
        }
        println!("{name}: {count} executions");
    }
    assert!(broken.is_empty(), "{broken:?}");
}
