//! `unleak rules`.

use std::fmt::Write as _;
use std::io::Write as _;

use unleak::error::{Error, Result};
use unleak::rule::{self, Check, Matcher, Rule};

use crate::args::RulesCommand;
use crate::exit::Exit;
use crate::settings::rule_file;

/// Runs it.
pub(crate) fn run(command: &RulesCommand) -> Result<Exit> {
    let text = match command {
        RulesCommand::List => list(&rule::builtin()?.rules),
        RulesCommand::Show { id } => {
            let rules = rule::builtin_with_proofs()?;
            show(rules.get(id).ok_or_else(|| rules.unknown(id))?)
        }
        RulesCommand::Check { files } => {
            let mut text = String::new();
            for path in files {
                let count = rule_file(path)?.rules.len();
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{}: {count} rules, all well formed", path.display());
            }
            text
        }
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Ok(Exit::Clean),
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::ClosedPipe),
        Err(e) => Err(Error::io("write", "standard output".as_ref(), e)),
    }
}

fn list(rules: &[Rule]) -> String {
    let width = rules.iter().map(|rule| rule.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for rule in rules {
        let (id, confidence) = (&rule.id, rule.confidence.name());
        let _ = writeln!(text, "{id:width$}  {confidence:6}  {}", rule.description);
    }
    text
}

/// All that a rule says, a field a line.
fn show(rule: &Rule) -> String {
    let keywords: Vec<_> = rule
        .keywords
        .iter()
        .map(|keyword| String::from_utf8_lossy(&keyword.text).into_owned())
        .collect();
    let checks: Vec<_> = Check::ALL
        .iter()
        .filter(|(_, check)| rule.checks.contains(check))
        .map(|(name, _)| *name)
        .collect();
    let looks_for = match &rule.matcher {
        Matcher::Start(regex) | Matcher::Infix { regex, .. } => regex.as_str(),
        Matcher::Assignment => "name = value, judged by its score",
        Matcher::Pem => "a block in PEM form",
        Matcher::Known(_) => "the value itself",
        Matcher::Jwt => "a JSON web token",
    };
    let entropy = rule.entropy.map(|bits| bits.to_string());
    let mut text = String::new();
    for (name, value) in [
        ("id", rule.id.as_str()),
        ("provider", &rule.provider),
        ("description", &rule.description),
        ("confidence", rule.confidence.name()),
        ("keywords", &keywords.join(", ")),
        ("looks for", looks_for),
        ("checks", &checks.join(", ")),
        ("entropy", entropy.as_deref().unwrap_or("")),
        ("public", if rule.public { "yes" } else { "" }),
        ("rotate", rule.rotate.as_deref().unwrap_or("")),
        ("docs", rule.docs.as_deref().unwrap_or("")),
        ("examples", &rule.examples.join(", ")),
        ("near misses", &rule.near_misses.join(", ")),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:12} {value}");
        }
    }
    text
}
