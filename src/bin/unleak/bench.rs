//! `unleak rules bench`: precision and recall on lines that somebody has labelled.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use serde_json::{Map, Value, json};
use unleak::detect::{Detector, Hits, Scratch};
use unleak::error::{Error, Result};
use unleak::report::escape::escape;
use unleak::rule::Confidence;

use crate::args::{BenchArgs, BenchFormat, ListedLines};
use crate::config::Layers;
use crate::settings;

/// The name of the row that counts all lines.
const ALL: &str = "all";
/// The category of a line that names none.
const NO_CATEGORY: &str = "-";

/// Runs it; returns what to print.
///
/// # Errors
/// `Io` if the file cannot be read, `Config` if a line of it or a rule file is wrong.
pub(crate) fn run(bench: &BenchArgs) -> Result<String> {
    let layers = Layers::load(&bench.rules.config, None)?;
    let least = layers.min_confidence(bench.min_confidence.map(settings::confidence));
    let judge = Judge {
        detector: Detector::compile(settings::rules(&bench.rules, &layers)?)?,
        least: least.value,
        is_public_found: layers.public_keys(false).value,
    };
    let text = std::fs::read(&bench.file).map_err(|e| Error::io("read", &bench.file, e))?;
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let judged: Vec<JudgedLine> = lines
        .par_iter()
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map_init(Scratch::default, |scratch, (number, line)| {
            Labelled::parse(line, &bench.file, number + 1).map(|line| judge.judge(line, scratch))
        })
        .collect::<Result<_>>()?;
    if judged.is_empty() {
        let file = bench.file.display();
        return Err(Error::config(format!("'{file}' holds no labelled line"))
            .hint("each line is an object with 'label' and 'text'; 'unleak rules bench --help' tells more"));
    }
    Ok(match bench.format {
        BenchFormat::Human => human(&judged, bench),
        BenchFormat::Json => as_json(&judged, bench),
    })
}

/// A line of the file.
struct Labelled {
    number: usize,
    is_secret: bool,
    category: String,
    /// All of the text that is scanned.
    text: String,
    /// The bytes of it that a finding must overlap.
    place: Range<usize>,
}

impl Labelled {
    /// Reads one.
    ///
    /// # Errors
    /// `Config`, with file, line and field, but nothing of what the line holds.
    fn parse(line: &[u8], file: &Path, number: usize) -> Result<Self> {
        let at = || format!("'{}': line {number}", file.display());
        let object: Map<String, Value> = serde_json::from_slice(line)
            .map_err(|e| Error::config(format!("{}: no JSON object", at())).because(e))?;
        let wrong = |name: &str, wanted: &str| {
            Error::config(format!("{}: field '{name}' must be {wanted}", at()))
        };
        let text_of = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(wrong(name, "a text")),
        };
        let is_secret = match text_of("label")? {
            Some("T") => true,
            Some("F" | "X") => false,
            _ => return Err(wrong("label", "'T', 'F' or 'X'")),
        };
        let Some(line) = text_of("text")? else {
            return Err(wrong("text", "there"));
        };
        text_of("path")?;
        let (before, after) = (text_of("before")?, text_of("after")?);
        let (before, after) = (before.unwrap_or(""), after.unwrap_or(""));
        let value = value_of(object.get("value"), line).ok_or_else(|| {
            let wanted = "[START, END) in characters of 'text', or with -1 for none";
            wrong("value", wanted)
        })?;
        let from = before.len() + 1;
        let text = format!("{before}\n{line}\n{after}");
        if u32::try_from(text.len()).is_err() {
            return Err(wrong(
                "text",
                "shorter than 4 GiB, with what stands around it",
            ));
        }
        Ok(Self {
            number,
            is_secret,
            category: text_of("category")?.unwrap_or(NO_CATEGORY).to_owned(),
            text,
            place: from + value.start..from + value.end,
        })
    }
}

/// The bytes of `line` that the field means: all if there is none, or it has no start, no end or no length;
/// at most up to the end of the line. `None` if it is wrong.
fn value_of(field: Option<&Value>, line: &str) -> Option<Range<usize>> {
    let Some(field) = field.filter(|field| !field.is_null()) else {
        return Some(0..line.len());
    };
    let [start, end] = field.as_array()?.as_slice() else {
        return None;
    };
    let offset = |number: &Value| {
        let number = usize::try_from(number.as_u64()?).ok()?;
        let mut starts = line.char_indices().map(|(at, _)| at).chain([line.len()]);
        starts.nth(number)
    };
    let (from, to) = (start.as_i64()?, end.as_i64()?);
    if from < -1 || to < -1 {
        return None;
    }
    if from == -1 || to <= from {
        return Some(0..line.len());
    }
    Some(offset(start)?..offset(end).unwrap_or(line.len()))
}

/// Who decides whether a line is found.
struct Judge {
    detector: Detector,
    least: Confidence,
    is_public_found: bool,
}

/// A line and what came of it.
struct JudgedLine {
    line: Labelled,
    /// The rule and the bytes of the first finding that overlaps the place.
    found: Option<(String, Range<usize>)>,
}

impl Judge {
    fn judge(&self, line: Labelled, scratch: &mut Scratch) -> JudgedLine {
        let mut hits = Hits::default();
        let bytes = line.text.as_bytes();
        self.detector.scan_name(bytes, scratch, &mut hits);
        let matches = self.detector.matches(bytes, &hits);
        let found = matches.iter().find_map(|found| {
            let rule = self.detector.rule(found.rule);
            let span = found.secret_span.start..found.secret_span.end;
            let overlaps = span.start < line.place.end && span.end > line.place.start;
            let counts = found.confidence >= self.least && (self.is_public_found || !rule.public);
            (overlaps && counts).then(|| (rule.id.clone(), span))
        });
        JudgedLine { line, found }
    }
}

/// How many lines are what.
#[derive(Clone, Copy, Default)]
struct Counts {
    lines: usize,
    secrets: usize,
    found: usize,
    wrong: usize,
}

impl Counts {
    fn add(&mut self, judged: &JudgedLine) {
        let (is_secret, is_found) = (judged.line.is_secret, judged.found.is_some());
        self.lines += 1;
        self.secrets += usize::from(is_secret);
        self.found += usize::from(is_secret && is_found);
        self.wrong += usize::from(!is_secret && is_found);
    }

    fn missed(self) -> usize {
        self.secrets - self.found
    }

    /// The part of what is found that is a secret; of nothing there is none.
    fn precision(self) -> Option<f64> {
        ratio(self.found, self.found + self.wrong)
    }

    /// The part of the secrets that is found.
    fn recall(self) -> Option<f64> {
        ratio(self.found, self.secrets)
    }

    /// The harmonic mean of both.
    fn f1(self) -> Option<f64> {
        ratio(2 * self.found, self.found + self.wrong + self.secrets)
    }
}

/// `part` of `whole`, with four digits.
fn ratio(part: usize, whole: usize) -> Option<f64> {
    let ratio = part as f64 / whole as f64;
    (whole > 0).then(|| (ratio * 10_000.0).round() / 10_000.0)
}

/// The counts of all lines, and of each category.
fn counted(judged: &[JudgedLine]) -> (Counts, BTreeMap<&str, Counts>) {
    let (mut all, mut categories) = (Counts::default(), BTreeMap::<&str, Counts>::new());
    for judged in judged {
        all.add(judged);
        let category = categories.entry(&judged.line.category);
        category.or_default().add(judged);
    }
    (all, categories)
}

/// The lines of a kind.
fn listed(judged: &[JudgedLine], kind: ListedLines) -> impl Iterator<Item = &JudgedLine> {
    judged.iter().filter(move |judged| match kind {
        ListedLines::Missed => judged.line.is_secret && judged.found.is_none(),
        ListedLines::False => !judged.line.is_secret && judged.found.is_some(),
    })
}

/// What is shown of a line if secrets are: what was found, or else what should have been.
fn value(judged: &JudgedLine) -> &str {
    let found = judged.found.as_ref().map(|(_, span)| span.clone());
    let place = found.unwrap_or_else(|| judged.line.place.clone());
    judged.line.text.get(place).unwrap_or_default()
}

/// A table, then the lists.
fn human(judged: &[JudgedLine], bench: &BenchArgs) -> String {
    let (all, categories) = counted(judged);
    let categories = categories.into_iter();
    let categories = categories.map(|(name, counts)| (escape(name.as_bytes()), counts));
    let mut rows = vec![(ALL.to_owned(), all)];
    rows.extend(categories);
    let widths = rows.iter().map(|(name, _)| name.chars().count());
    let width = widths.max().unwrap_or(0).max("category".len());
    let mut text = format!(
        "{:width$}  {:>7}  {:>7}  {:>7}  {:>7}  {:>7}  {:>9}  {:>7}  {:>7}\n",
        "category", "lines", "secrets", "found", "missed", "false", "precision", "recall", "F1"
    );
    let percent = |ratio: Option<f64>| {
        ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2}%", ratio * 100.0))
    };
    for (name, counts) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{name:width$}  {:>7}  {:>7}  {:>7}  {:>7}  {:>7}  {:>9}  {:>7}  {:>7}",
            counts.lines,
            counts.secrets,
            counts.found,
            counts.missed(),
            counts.wrong,
            percent(counts.precision()),
            percent(counts.recall()),
            percent(counts.f1()),
        );
    }
    for &kind in &bench.list {
        let _ = writeln!(text, "\n{}:", kind.name());
        for judged in listed(judged, kind) {
            let category = escape(judged.line.category.as_bytes());
            let _ = write!(text, "  line {}: {category}", judged.line.number);
            if let Some((rule, _)) = &judged.found {
                let _ = write!(text, ", rule {}", escape(rule.as_bytes()));
            }
            if bench.show_secrets {
                let _ = write!(text, ": {}", escape(value(judged).as_bytes()));
            }
            text.push('\n');
        }
    }
    text
}

/// The same for programs.
fn as_json(judged: &[JudgedLine], bench: &BenchArgs) -> String {
    let row = |counts: Counts| {
        json!({
            "lines": counts.lines,
            "secrets": counts.secrets,
            "found": counts.found,
            "missed": counts.missed(),
            "false": counts.wrong,
            "precision": counts.precision(),
            "recall": counts.recall(),
            "f1": counts.f1(),
        })
    };
    let (all, categories) = counted(judged);
    let categories = categories.into_iter();
    let categories: Map<String, Value> = categories
        .map(|(name, counts)| (name.to_owned(), row(counts)))
        .collect();
    let mut document = json!({ "all": row(all), "categories": categories });
    for &kind in &bench.list {
        let lines = listed(judged, kind).map(|judged| {
            let mut line = json!({
                "line": judged.line.number,
                "category": judged.line.category,
            });
            if let Some((rule, _)) = &judged.found {
                line["rule_id"] = json!(rule);
            }
            if bench.show_secrets {
                line["value"] = json!(value(judged));
            }
            line
        });
        document[format!("{}_lines", kind.name())] = lines.collect();
    }
    format!("{document:#}\n")
}
