//! A short run of what the fuzz targets do, without a fuzzer: each seed, whole, cut and with bytes
//! changed. `cargo fuzz run --fuzz-dir fuzz NAME` goes on from there.

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

#[test]
fn no_seed_and_nothing_near_one_breaks_anything() {
    type Target = fn(&[u8]);
    let all: [(&str, Target); 12] = [
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
    ];
    let mut random = Random::new(71);
    for (name, target) in all {
        let dir = Path::new("fuzz/seeds").join(name);
        let mut seeds: Vec<_> = std::fs::read_dir(&dir)
            .expect("every target has seeds")
            .map(|entry| entry.unwrap().path())
            .collect();
        seeds.sort_unstable();
        for path in seeds {
            let seed = std::fs::read(&path).unwrap();
            target(&seed);
            for _ in 0..ROUNDS {
                let mut bytes = seed.clone();
                mutate(&mut bytes, &mut random);
                target(&bytes);
            }
        }
    }
}
