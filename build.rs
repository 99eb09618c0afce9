//! Reads and checks `rules.toml` once, at build time: a hook pays for every millisecond of start-up. Also
//! tells the program what it was built from: what another build found is not what this one would find.
#![expect(
    dead_code,
    unreachable_pub,
    reason = "the modules are the library's, of which this script needs a part"
)]

use std::path::PathBuf;

use sha2::{Digest, Sha256};

#[path = "src/error.rs"]
mod error;

#[path = "src/tables.rs"]
mod tables;

#[path = "src/rule"]
mod rule {
    mod frame;
    mod gram;
    mod model;
    mod parse;
    mod request;
    mod request_text;
    pub use model::{Boundary, Check, Confidence, Ends, Keyword, Matcher, Rule, RuleSet};
    pub use parse::parse_with_requests;
}

/// What the program is built from.
const SOURCES: [&str; 4] = ["build.rs", "rules.toml", "Cargo.lock", "src"];

/// The same wherever the same sources are.
fn digest_of_sources() -> std::io::Result<String> {
    let mut pending: Vec<PathBuf> = SOURCES.iter().map(PathBuf::from).collect();
    let mut files = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(path)? {
                pending.push(entry?.path());
            }
        } else if path.exists() {
            files.push(path);
        }
    }
    files.sort();
    let mut digest = Sha256::new();
    for path in files {
        let bytes = std::fs::read(&path)?;
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    }
    let digest = digest.finalize();
    Ok(digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in SOURCES {
        println!("cargo::rerun-if-changed={path}");
    }
    println!("cargo::rustc-env=UNLEAK_BUILD={}", digest_of_sources()?);
    let text = std::fs::read_to_string("rules.toml")?;
    let (mut rules, requests) =
        rule::parse_with_requests(&text, "rules.toml").map_err(|e| e.chain())?;
    // Proofs are for tests.
    for rule in &mut rules.rules {
        rule.examples.clear();
        rule.near_misses.clear();
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("rules.bin"), postcard::to_stdvec(&rules)?)?;
    std::fs::write(out.join("requests.bin"), postcard::to_stdvec(&requests)?)?;
    Ok(())
}
