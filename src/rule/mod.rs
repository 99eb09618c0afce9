//! Rules as plain data: each describes one kind of secret. This module compiles no regular
//! expressions.
//!
//! ```text
//! frame, gram, model, set;  request < request_text < parse < foreign, shape;  template expands the proofs
//! ```
//!
//! The built-in rules are in `rules.toml`, whose head explains the format. The build script reads
//! and checks this file, so that the program does not have to at start.

pub mod foreign;
mod frame;
mod gram;
mod model;
mod parse;
pub mod request;
mod request_text;
mod set;
pub mod shape;
pub mod template;

pub use model::{Boundary, Check, Confidence, Ends, Keyword, Matcher, Rule, RuleSet};
pub use parse::MAX_KEYWORD_LEN;
pub use parse::{fixed_len, parse, parse_with_requests, syntax_reason};

use crate::error::{Error, Result};
use request::Requests;

/// The text of the built-in rule file.
pub const BUILTIN: &str = include_str!("../../rules.toml");

/// The built-in rules as serialised by the build script.
const BUILTIN_READ: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.bin"));

/// Returns the built-in rules: the result of [`parse()`] for [`BUILTIN`], without examples and near
/// misses.
///
/// # Errors
/// `Internal` if the build script wrote invalid data, which the tests exclude.
pub fn builtin() -> Result<RuleSet> {
    postcard::from_bytes(BUILTIN_READ)
        .map_err(|e| Error::internal("the built-in rules cannot be read").because(e))
}

/// The requests of the built-in rules as serialised by the build script. They are separate, because
/// most scans do not need them.
const BUILTIN_REQUESTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/requests.bin"));

/// Returns the requests of the built-in rules.
///
/// # Errors
/// `Internal` if the build script wrote invalid data, which the tests exclude.
pub fn builtin_requests() -> Result<Requests> {
    postcard::from_bytes(BUILTIN_REQUESTS)
        .map_err(|e| Error::internal("the built-in requests cannot be read").because(e))
}

/// Returns the built-in rules with their examples and near misses.
///
/// # Errors
/// As [`parse()`].
pub fn builtin_with_proofs() -> Result<RuleSet> {
    parse(BUILTIN, "rules.toml")
}

/// Returns the keyword for a literal: its first bytes.
pub fn keyword_of(literal: &[u8]) -> Keyword {
    let text = literal[..literal.len().min(MAX_KEYWORD_LEN)].to_vec();
    Keyword {
        gram: gram::rarest(&text),
        text,
        any_case: false,
        next: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_script_read_the_rules_as_the_program_does() {
        let mut parsed = builtin_with_proofs().unwrap();
        for rule in &mut parsed.rules {
            assert!(!rule.examples.is_empty() && !rule.near_misses.is_empty());
            rule.examples.clear();
            rule.near_misses.clear();
        }
        assert_eq!(builtin().unwrap(), parsed);
        let (_, requests) = parse_with_requests(BUILTIN, "rules.toml").unwrap();
        assert_eq!(builtin_requests().unwrap(), requests);
    }
}
