//! `unleak import`: lists of known findings of other scanners become suppressions.
//!
//! Those lists name places: the repository is scanned, and what stands there is suppressed by value.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use unleak::error::{Error, Result};
use unleak::finding::Finding;
use unleak::report::escape::escape;
use unleak::rule::foreign;
use unleak::suppress::{Details, Store};

use crate::args::{Args, ConfidenceChoice, ImportArgs};
use crate::exit::Exit;
use crate::found::Found;
use crate::output;

/// A place that another scanner lists.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    path: String,
    line: u32,
    rule: String,
}

/// Runs it.
pub(crate) fn run(args: &Args, import: &ImportArgs) -> Result<Exit> {
    let mut left = Vec::new();
    let mut places = Vec::new();
    for path in &import.files {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        let name = path.display().to_string();
        for known in read(path, &text, &mut left)? {
            places.push((name.clone(), known));
        }
    }
    let mut text = String::new();
    let mut count = 0;
    if !places.is_empty() {
        let (repository, rules) = (&import.repository, &import.rules);
        let found = Found::scan(args, repository, rules, ConfidenceChoice::Low, false)?;
        let mut store = Store::open(&found.repository)?;
        for (file, known) in places {
            let at = format!("'{file}': {}:{}: {}", known.path, known.line, known.rule);
            match the_one(&found.audit.findings, &known) {
                Ok(finding) => {
                    if store.all.find(finding.fingerprint).is_none() {
                        let details = Details {
                            reason: Some(format!("imported from {file}")),
                            ..Details::default()
                        };
                        store.add(finding.fingerprint, &finding.rule_id, details)?;
                        count += 1;
                    }
                }
                Err(why) => left.push(format!("{at}: {why}")),
            }
        }
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{count} findings are suppressed now");
    if !left.is_empty() {
        let _ = writeln!(text, "not carried over:");
        for line in &left {
            let _ = writeln!(text, "  {}", escape(line.as_bytes()));
        }
    }
    Ok(match output::print(text.as_bytes())? {
        Exit::Clean if !left.is_empty() => Exit::Found,
        exit => exit,
    })
}

/// Reads a list, whichever kind it is.
fn read(path: &Path, text: &str, left: &mut Vec<String>) -> Result<Vec<Known>> {
    let name = path.display();
    if foreign::is_foreign(text) {
        let carried = foreign::parse(text, &name.to_string())?;
        left.push(format!(
            "'{name}': its {} rules stay in it: scan with '--extra-rules {name}'",
            carried.rules.rules.len()
        ));
        left.extend(
            carried
                .left
                .into_iter()
                .map(|line| format!("'{name}': {line}")),
        );
        return Ok(Vec::new());
    }
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        return of_json(&json).ok_or_else(|| {
            Error::config(format!("'{name}' is no list of findings that unleak knows"))
                .hint("it reads gitleaks' JSON reports and the baseline of detect-secrets")
        });
    }
    let lines = text.lines().map(str::trim);
    let mut places = Vec::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match of_line(line) {
            Some(known) => places.push(known),
            None => left.push(format!("'{name}': '{line}' is not 'COMMIT:PATH:RULE:LINE'")),
        }
    }
    Ok(places)
}

/// Reads `COMMIT:PATH:RULE:LINE` or `PATH:RULE:LINE`. A path may hold colons.
fn of_line(line: &str) -> Option<Known> {
    let (rest, number) = line.rsplit_once(':')?;
    let (place, rule) = rest.rsplit_once(':')?;
    let is_commit = |text: &str| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let path = match place.split_once(':') {
        Some((commit, path)) if is_commit(commit) => path,
        _ => place,
    };
    Some(Known {
        path: path.to_owned(),
        line: number.parse().ok()?,
        rule: rule.to_owned(),
    })
}

fn of_json(json: &Value) -> Option<Vec<Known>> {
    let text = |value: &Value, field: &str| value.get(field)?.as_str().map(str::to_owned);
    let line = |value: &Value, field: &str| u32::try_from(value.get(field)?.as_u64()?).ok();
    if let Some(findings) = json.as_array() {
        let known = findings.iter().map(|finding| {
            Some(Known {
                path: text(finding, "File")?,
                line: line(finding, "StartLine")?,
                rule: text(finding, "RuleID")?,
            })
        });
        return known.collect();
    }
    let files = json.get("results")?.as_object()?;
    let entries = files.iter().flat_map(|(path, entries)| {
        let entries = entries.as_array().into_iter().flatten();
        entries.map(move |entry| {
            Some(Known {
                path: path.clone(),
                line: line(entry, "line_number")?,
                rule: text(entry, "type")?,
            })
        })
    });
    entries.collect()
}

/// The finding that stands at a place; if there are several, the one whose rule has that name.
fn the_one<'f>(findings: &'f [Finding], known: &Known) -> Result<&'f Finding, &'static str> {
    let here: Vec<&Finding> = findings
        .iter()
        .filter(|finding| {
            let mut paths = finding.history.iter().flat_map(|history| &history.paths);
            let mut lines = finding.occurrences.iter().map(|o| o.spot.position.line);
            paths.any(|path| *path == known.path.as_str()) && lines.any(|line| line == known.line)
        })
        .collect();
    let named = || here.iter().find(|finding| finding.rule_id == known.rule);
    match here[..] {
        [] => Err("unleak finds nothing there"),
        [one] => Ok(one),
        _ => named()
            .copied()
            .ok_or("several secrets stand there: suppress the right one with 'unleak ignore'"),
    }
}
