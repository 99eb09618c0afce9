//! Reads and checks `rules.toml` once, at build time: a hook pays for every millisecond of start-up.
#![expect(
    dead_code,
    unreachable_pub,
    reason = "the modules are the library's, of which this script needs a part"
)]

use std::path::PathBuf;

#[path = "src/error.rs"]
mod error;

#[path = "src/rule"]
mod rule {
    mod frame;
    mod gram;
    mod model;
    mod parse;
    pub use model::{Boundary, Check, Confidence, Keyword, Matcher, Rule, RuleSet};
    pub use parse::parse;
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in ["build.rs", "rules.toml", "src/error.rs", "src/rule"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let text = std::fs::read_to_string("rules.toml")?;
    let mut rules = rule::parse(&text, "rules.toml").map_err(|e| e.chain())?;
    // Proofs are for tests.
    for rule in &mut rules.rules {
        rule.examples.clear();
        rule.near_misses.clear();
    }
    let out = PathBuf::from(std::env::var("OUT_DIR")?).join("rules.bin");
    std::fs::write(out, postcard::to_stdvec(&rules)?)?;
    Ok(())
}
