//! Prints the features of the score for `benches/score.py`: `cargo bench --bench score < labelled.jsonl`.
//!
//! Each input line is an object with `before`, `text` and `after`. Each output line has the findings in
//! `text`, and the features of all values that are assigned there. It does not contain the values.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]

use std::io::{BufRead, stdin};

use serde_json::{Value, json};
use unleak::detect::{Detector, Hits, Scratch, assignment, features};
use unleak::rule::{self, Matcher};

fn main() {
    let rules = rule::builtin().expect("they parse");
    let detector = Detector::compile(rules).expect("they compile");
    let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
    for line in stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line.expect("readable")).expect("an object a line");
        let part = |name: &str| line[name].as_str().unwrap_or("");
        let text = format!("{}\n{}\n{}", part("before"), part("text"), part("after"));
        let from = part("before").len() + 1;
        let line = from..from + part("text").len();
        detector.scan(text.as_bytes(), &mut scratch, &mut hits);
        let found: Vec<Value> = detector
            .matches(text.as_bytes(), &hits)
            .iter()
            .filter(|found| {
                found.secret_span.start < line.end && found.secret_span.end > line.start
            })
            .map(|found| {
                let rule = detector.rule(found.rule);
                json!([
                    rule.id,
                    rule.is_generic(),
                    found.confidence.name(),
                    found.secret_span.start.saturating_sub(line.start),
                    found.secret_span.end - line.start,
                ])
            })
            .collect();
        let assigned = assigned(&detector, text.as_bytes(), &line);
        println!("{}", json!({ "found": found, "assigned": assigned }));
    }
}

/// The features of all assignments to names that hold a keyword.
fn assigned(detector: &Detector, text: &[u8], line: &std::ops::Range<usize>) -> Vec<Value> {
    let keywords: Vec<_> = detector
        .rules()
        .rules
        .iter()
        .filter(|rule| rule.matcher == Matcher::Assignment)
        .flat_map(|rule| &rule.keywords)
        .collect();
    let mut assigned: Vec<Value> = Vec::new();
    let mut found = Vec::new();
    for at in line.clone() {
        let longest = keywords
            .iter()
            .filter(|word| word.stands_at_start(&text[at..]))
            .map(|word| word.text.len())
            .max();
        let Some(len) = longest else { continue };
        assignment::read(text, at, len, &mut found);
        for found in found.iter().filter(|found| found.value.start < line.end) {
            let Some(facts) = features::of(text, found) else {
                continue;
            };
            let one = json!([
                found.value.start - line.start,
                found.value.end - line.start,
                facts.numbers[..],
                facts.name_words,
            ]);
            if !assigned.contains(&one) {
                assigned.push(one);
            }
        }
    }
    assigned
}
