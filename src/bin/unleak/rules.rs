//! `unleak rules`.

use std::fmt::Write as _;

use std::path::PathBuf;

use rayon::prelude::*;
use unleak::detect::prove::prove;
use unleak::detect::{Detector, Hits, Scratch};
use unleak::error::Result;
use unleak::report::escape::escape;
use unleak::rule::request::Issuer;
use unleak::rule::template::{Random, expand};
use unleak::rule::{self, Check, Matcher, Rule};

use crate::args::RulesCommand;
use crate::bench;
use crate::exit::Exit;
use crate::output;
use crate::settings::{RuleFile, rule_file};
use crate::validate;

/// Runs it.
pub(crate) fn run(command: &RulesCommand) -> Result<Exit> {
    let text = match command {
        RulesCommand::List => list(&rule::builtin()?.rules),
        RulesCommand::Show { id } => {
            let rules = rule::builtin_with_proofs()?;
            let rule = rules.get(id).ok_or_else(|| rules.unknown(id))?;
            let requests = rule::builtin_requests()?;
            show(rule) + &show_requests(requests.rules.get(id))
        }
        RulesCommand::Check { files } => {
            let (text, is_whole) = check(files)?;
            let printed = output::print(text.as_bytes())?;
            return Ok(match printed {
                Exit::Clean if !is_whole => Exit::Usage,
                printed => printed,
            });
        }
        RulesCommand::Test { files, rule } => {
            let (text, is_proven) = test(files, rule)?;
            output::print(text.as_bytes())?;
            return Ok(if is_proven { Exit::Clean } else { Exit::Found });
        }
        RulesCommand::Bench(args) => bench::run(args)?,
    };
    output::print(text.as_bytes())
}

/// Reads the files; returns what they hold, and whether all of their rules can be used.
fn check(files: &[PathBuf]) -> Result<(String, bool)> {
    let mut text = String::new();
    let mut is_whole = true;
    for path in files {
        let RuleFile {
            rules,
            requests,
            left,
            dropped,
        } = rule_file(path)?;
        is_whole &= dropped == 0 && !rules.rules.is_empty();
        // An expression can still be too large for the engine.
        Detector::compile(rules.clone())?;
        let (file, count) = (path.display(), rules.rules.len());
        // Writing to a string cannot fail.
        let _ = match left {
            None if !requests.rules.is_empty() => writeln!(
                text,
                "{file}: {count} rules, all well formed; {} name requests, which are sent only with \
                 '--trust-rules-validate'",
                requests.rules.len()
            ),
            None => writeln!(text, "{file}: {count} rules, all well formed"),
            Some(left) if left.is_empty() => writeln!(text, "{file}: {count} rules carried over"),
            Some(left) => writeln!(
                text,
                "{file}: {count} rules carried over; not carried over:\n  {}",
                left.join("\n  ")
            ),
        };
    }
    Ok((escape_lines(&text), is_whole))
}

/// Tries the proofs of the rules; returns what to say, and whether all hold.
fn test(files: &[PathBuf], only: &[String]) -> Result<(String, bool)> {
    let sets = if files.is_empty() {
        let (rules, requests) = rule::parse_with_requests(rule::BUILTIN, "rules.toml")?;
        vec![("built-in".to_owned(), rules, requests)]
    } else {
        let sets = files.iter().map(|path| {
            let RuleFile {
                rules, requests, ..
            } = rule_file(path)?;
            Ok((path.display().to_string(), rules, requests))
        });
        sets.collect::<Result<_>>()?
    };
    let mut text = String::new();
    let mut is_proven = true;
    for (name, rules, requests) in sets {
        if let Some(id) = only.iter().find(|id| rules.get(id).is_none()) {
            return Err(rules.unknown(id));
        }
        let detector = Detector::compile(rules)?;
        let wanted: Vec<&Rule> = detector
            .rules()
            .rules
            .iter()
            .filter(|rule| only.is_empty() || only.contains(&rule.id))
            .collect();
        let proofs = wanted
            .par_iter()
            .map(|rule| prove(&detector, rule))
            .collect::<Result<Vec<_>>>()?;
        let tried: usize = proofs.iter().map(|proof| proof.tried).sum();
        let mut faults: Vec<_> = proofs.into_iter().flat_map(|proof| proof.faults).collect();
        for rule in &wanted {
            if let Some(issuer) = requests.rules.get(&rule.id) {
                let secret = synthetic(&detector, rule)?;
                let wrong = unleak::validate::prove(issuer, &secret).into_iter();
                faults.extend(wrong.map(|why| format!("rule '{}': {why}", rule.id)));
            }
        }
        let bare = wanted.iter().filter(|rule| rule.examples.is_empty());
        let bare = bare.count();
        is_proven &= faults.is_empty();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{name}: {} rules, {tried} texts, {} faults",
            wanted.len(),
            faults.len()
        );
        for fault in faults {
            let _ = writeln!(text, "  {fault}");
        }
        if bare > 0 {
            let _ = writeln!(text, "  {bare} rules have no examples: nothing proves them");
        }
    }
    Ok((escape_lines(&text), is_proven))
}

/// Makes text of strangers harmless for a terminal.
fn escape_lines(text: &str) -> String {
    let lines = text.lines().map(|line| escape(line.as_bytes()) + "\n");
    lines.collect()
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

/// A secret of a rule, made of its first example; one of no special shape if the rule has none.
fn synthetic(detector: &Detector, rule: &Rule) -> Result<Vec<u8>> {
    const PLAIN: &[u8] = b"0123456789abcdef-us1";
    let Some(example) = rule.examples.first() else {
        return Ok(PLAIN.to_vec());
    };
    let text = expand(example, &mut Random::new(1))?;
    let mut hits = Hits::default();
    detector.scan(text.as_bytes(), &mut Scratch::default(), &mut hits);
    let matches = detector.matches(text.as_bytes(), &hits).into_iter();
    let mut own = matches.filter(|found| detector.rule(found.rule).id == rule.id);
    Ok(own
        .next()
        .map_or_else(|| PLAIN.to_vec(), |found| found.secret.reveal().to_vec()))
}

/// The requests of a rule, one a line.
fn show_requests(issuer: Option<&Issuer>) -> String {
    let Some(issuer) = issuer else {
        return String::new();
    };
    let mut text = String::new();
    for (name, inquiry) in [("validate", &issuer.validate), ("revoke", &issuer.revoke)] {
        for line in inquiry.iter().flat_map(validate::list::lines) {
            let _ = writeln!(text, "{name:12} {line}");
        }
        for step in inquiry.iter().flat_map(|inquiry| &inquiry.steps) {
            let good = if name == "revoke" {
                "done if"
            } else {
                "active if"
            };
            for (word, conditions) in [(good, &step.active), ("inactive if", &step.inactive)] {
                for condition in conditions {
                    let _ = writeln!(text, "{word:12} {}", condition.text);
                }
            }
        }
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
        Matcher::SqlInsert => "values of password columns in SQL statements",
        Matcher::Command => "passwords among the arguments of commands",
        Matcher::Manifest => "values of Secrets in manifests of Kubernetes",
        Matcher::Jwt => "a JSON web token",
        Matcher::WholeFile => "the whole content of a file whose name means a secret",
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
        ("except", &rule.except.join(", ")),
        ("public", if rule.public { "yes" } else { "" }),
        ("rotate", rule.rotate.as_deref().unwrap_or("")),
        ("docs", rule.docs.as_deref().unwrap_or("")),
        ("advice", rule.advice.as_deref().unwrap_or("")),
        ("examples", &rule.examples.join(", ")),
        ("near misses", &rule.near_misses.join(", ")),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:12} {value}");
        }
    }
    text
}
