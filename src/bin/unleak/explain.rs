//! `unleak explain`: why a finding has the confidence that it has.

use std::fmt::Write as _;

use unleak::detect::Detector;
use unleak::detect::checksum::Outcome;
use unleak::detect::explain::Explanation;
use unleak::detect::score::{HIGH_SCORE, LOW_SCORE, MEDIUM_SCORE, probability as chance};
use unleak::error::Result;
use unleak::finding::Finding;
use unleak::odb::read::Reader;
use unleak::report::escape::escape;
use unleak::report::redact::{Redactor, Reveal};

use crate::args::ExplainArgs;
use crate::exit::Exit;
use crate::found::{RepositoryFindings, ScanRequest, place};
use crate::options::CommonOptions;
use crate::output;

/// Runs it.
pub(crate) fn run(args: &CommonOptions, explain: &ExplainArgs) -> Result<Exit> {
    let wanted = ScanRequest::all(&explain.repository, &explain.rules);
    let found = RepositoryFindings::scan(args, &wanted)?;
    let finding = found.picked(&explain.fingerprint)?;
    output::print(text_of(&found, finding)?.as_bytes())
}

/// Why a finding has its confidence.
///
/// # Errors
/// `Repository` if the objects cannot be opened.
pub(crate) fn text_of(found: &RepositoryFindings, finding: &Finding) -> Result<String> {
    let (findings, detector) = (&found.audit.findings, &found.detector);
    let redactor = Redactor::new(findings, Reveal::Redacted);
    let mut text = heading(finding, detector, &redactor);
    let (overrides, limits) = (&found.overrides, found.options.limits);
    let store = found.repository.open_store(overrides, limits)?;
    let mut reader = Reader::new(&store);
    // The occurrences in one object follow one another.
    let (mut read, mut bytes) = (None, Vec::new());
    let evidence = finding.occurrences.iter().find_map(|occurrence| {
        occurrence.spot.place.object_kind()?;
        if read != Some(occurrence.object_id) {
            reader.read_id(&occurrence.object_id, &mut bytes).ok()?;
            read = Some(occurrence.object_id);
        }
        let found = detector.explain(&bytes, &finding.rule_id, occurrence.span)?;
        Some((occurrence, found))
    });
    match evidence {
        Some((
            occurrence,
            Explanation::Score {
                points,
                probability,
            },
        )) => {
            let place = place(finding, occurrence, &redactor);
            score(&place, &points, probability, &mut text);
        }
        Some((_, shape)) => self::shape(&shape, &mut text),
        None => text.push_str(
            "\nIt stands in an encoded or packed text or in a name: the pieces of evidence are \
             not told one by one.\n",
        ),
    }
    Ok(text)
}

fn heading(finding: &Finding, detector: &Detector, redactor: &Redactor) -> String {
    let description = detector
        .rules()
        .get(&finding.rule_id)
        .map_or("", |rule| rule.description.as_str());
    let secret = escape(&redactor.secret(&finding.secret));
    let mut text = format!(
        "{secret}: {description}\n{} confidence, rule {}, fingerprint {}\n\n",
        finding.confidence.name(),
        escape(finding.rule_id.as_bytes()),
        finding.fingerprint,
    );
    for reason in finding.reasons.iter() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "- {}", reason.text());
    }
    text
}

/// Facts that change the log-odds by less are told together.
const LEAST_TOLD: f64 = 0.1;

/// The sum, a fact a line.
fn score(place: &str, points: &[(String, f64)], probability: f64, text: &mut String) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\nThe evidence in {place}, in log-odds:\n");
    let (told, others): (Vec<_>, Vec<_>) = points
        .iter()
        .partition(|(_, points)| points.abs() >= LEAST_TOLD);
    let sum_of = |points: &[&(String, f64)]| points.iter().map(|(_, points)| points).sum::<f64>();
    for (fact, points) in &told {
        let _ = writeln!(text, "  {points:+6.2}  {fact}");
    }
    if !others.is_empty() {
        let count = others.len();
        let _ = writeln!(text, "  {:+6.2}  {count} others together", sum_of(&others));
    }
    let sum = sum_of(&told) + sum_of(&others);
    let percent = |of: f64| format!("{:.0} %", of * 100.0);
    let _ = writeln!(
        text,
        "  ------\n  {sum:+6.2}  {} likely a secret\n\n\
         High from {} on if the value looks random, medium from {}, low from {}.",
        percent(probability),
        percent(chance(HIGH_SCORE)),
        percent(chance(MEDIUM_SCORE)),
        percent(chance(LOW_SCORE))
    );
}

/// What the rule says, and what the checks say.
fn shape(shape: &Explanation, text: &mut String) {
    let Explanation::Shape {
        stated,
        bits,
        least_bits,
        checks,
    } = shape
    else {
        return;
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "\nThe rule's own confidence is {}.", stated.name());
    let least = least_bits.map_or_else(String::new, |least| format!(", of {least} asked for"));
    let _ = writeln!(text, "The value has {bits:.1} bits a character{least}.");
    for (name, outcome) in checks {
        let said = match outcome {
            Outcome::Verified => "verified: only the issuer makes such a value",
            Outcome::Plausible => "has the form that it should have",
            Outcome::Failed => "failed: the issuer never made this value",
            Outcome::Malformed => "does not have the form that it should have",
            Outcome::Weak => "too short or too plain to be sure",
        };
        let _ = writeln!(text, "Check '{name}': {said}.");
    }
}
