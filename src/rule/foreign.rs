//! Converts rule files of other scanners: TOML with a `[[rules]]` table for each rule, regular
//! expressions in Go's syntax, and allowlists. The result lists everything that has no counterpart
//! here.
//!
//! Rules of these scanners search a whole file with a regular expression. Rules of unleak begin at
//! a literal. The conversion therefore finds literals of which every match contains one, and the
//! maximum distance from the start of a match to them.

use std::collections::HashSet;

use regex_syntax::hir::{Capture, Class, Hir, HirKind, Repetition};
use toml::{Table, Value};

use super::parse::{
    MAX_KEYWORD_LEN, MAX_LOOKBEHIND, MAX_MATCH_LEN, MIN_KEYWORD_LEN, parse_regex, table,
};
use super::{Boundary, Confidence, Keyword, Matcher, Rule, RuleSet, gram};
use crate::error::{Error, Result, quoted};

/// Upper bounds for `*` and `+`. The largest one whose matches are short enough is used.
const REPEATS: [u32; 4] = [1024, 256, 64, 16];

/// An expression with more literals than this has no useful anchor.
const MAX_LITERALS: usize = 64;

/// A converted rule file.
#[derive(Debug)]
pub struct ConvertedRules {
    /// The rules.
    pub rules: RuleSet,
    /// Regular expressions of paths that are not scanned. They are separate, because rules do not
    /// contain paths.
    pub paths: Vec<String>,
    /// What could not be converted, with its place in the file and the reason, one line each.
    pub left: Vec<String>,
    /// The number of rules in `left` that were dropped completely.
    pub dropped: usize,
}

/// Returns whether `text` is a rule file of another scanner.
pub fn is_foreign(text: &str) -> bool {
    let parsed: Result<Table> = table(text, "");
    parsed.is_ok_and(|table| {
        !table.contains_key("rule")
            && ["rules", "allowlist", "allowlists", "extend"]
                .iter()
                .any(|key| table.contains_key(*key))
    })
}

/// Converts the rules of `text`; `file` is its name in errors.
///
/// # Errors
/// `Config` if `text` is no valid TOML.
pub fn parse(text: &str, file: &str) -> Result<ConvertedRules> {
    let table = table(text, file)?;
    let mut left = Vec::new();
    let (mut global, mut paths) = (Vec::new(), Vec::new());
    for (key, value) in &table {
        match key.as_str() {
            "title" | "description" | "minVersion" | "rules" => {}
            "allowlist" | "allowlists" => {
                global.extend(exceptions(value, "", Some(&mut paths), &mut left));
            }
            "extend" => extended(value, &mut left),
            _ => left.push(format!("field {}: it has no counterpart", quoted(key))),
        }
    }
    let entries = match table.get("rules") {
        None => &[][..],
        Some(Value::Array(entries)) => entries,
        Some(_) => {
            return Err(Error::config(format!(
                "'{file}': 'rules' must be a list of tables, each below '[[rules]]'"
            )));
        }
    };
    let mut rules = Vec::new();
    let mut seen = HashSet::new();
    let mut dropped = 0;
    for (number, entry) in (1..).zip(entries) {
        let id = text_of(entry, "id").map_or_else(|| format!("rule-{number}"), str::to_owned);
        let carried = rule(entry, &id, &global, &mut left);
        match carried {
            Ok(_) if !seen.insert(id.clone()) => {
                dropped += 1;
                left.push(format!(
                    "rule {}: another rule has the same id",
                    quoted(&id)
                ));
            }
            Ok(rule) => rules.push(rule),
            Err(why) => {
                dropped += 1;
                left.push(format!("rule {}: {why}", quoted(&id)));
            }
        }
    }
    let rules = RuleSet { rules };
    Ok(ConvertedRules {
        rules,
        paths,
        left,
        dropped,
    })
}

fn text_of<'v>(entry: &'v Value, field: &str) -> Option<&'v str> {
    entry.get(field).and_then(Value::as_str)
}

/// Returns the strings of a list, or a single string.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text],
        _ => Vec::new(),
    }
}

fn extended(value: &Value, left: &mut Vec<String>) {
    let fields = value.as_table().into_iter().flatten();
    for (field, _) in fields {
        left.push(match field.as_str() {
            "useDefault" => "field 'extend.useDefault': unleak's own rules stand in for the \
                             defaults; '--extra-rules' uses them beside these"
                .to_owned(),
            "disabledRules" => "field 'extend.disabledRules': rules have other names here; find \
                                them with 'unleak rules list' and pass '--disable-rule'"
                .to_owned(),
            "path" | "url" => format!("field 'extend.{field}': pass that file, too"),
            _ => format!(
                "field {}: it has no counterpart",
                quoted(&format!("extend.{field}"))
            ),
        });
    }
}

/// Returns the regular expressions of allowed values in an allowlist or a list of allowlists. Lists
/// everything else as not converted.
fn exceptions(
    value: &Value,
    owner: &str,
    mut paths: Option<&mut Vec<String>>,
    left: &mut Vec<String>,
) -> Vec<String> {
    let lists = match value {
        Value::Array(lists) => lists.iter().collect(),
        single => vec![single],
    };
    let mut found = Vec::new();
    for list in lists {
        let mut leave = |field: &str, why: &str| {
            let field = quoted(&format!("allowlist.{field}"));
            left.push(format!("{owner}field {field}: {why}"));
        };
        let has = |field: &str| list.get(field).is_some();
        // All conditions must match, so none can be used if one of them cannot be converted.
        let is_partial = text_of(list, "condition").is_some_and(|c| c.eq_ignore_ascii_case("and"));
        if is_partial && (has("paths") || has("commits")) {
            leave(
                "condition",
                "it depends on paths or commits; use 'unleak ignore'",
            );
            continue;
        }
        let is_for_all = !has("targetRules");
        if let Some(paths) = paths.as_deref_mut().filter(|_| is_for_all) {
            paths.extend(texts(list.get("paths")).into_iter().map(str::to_owned));
        } else if has("paths") {
            leave(
                "paths",
                "rules know no places; suppress what is found there instead",
            );
        }
        for field in ["commits", "targetRules"] {
            if has(field) {
                leave(
                    field,
                    "rules know no places; suppress what is found there instead",
                );
            }
        }
        if has("targetRules") {
            continue;
        }
        let target = text_of(list, "regexTarget").unwrap_or("secret");
        if has("regexes") && !["", "secret"].contains(&target) {
            leave("regexTarget", "only the secret itself can be excepted");
        } else {
            for regex in texts(list.get("regexes")) {
                match parse_go(regex) {
                    Ok(hir) => found.push(hir.to_string()),
                    Err(why) => leave("regexes", &why),
                }
            }
        }
        for word in texts(list.get("stopwords")) {
            found.push(format!("(?i){}", regex_syntax::escape(word)));
        }
    }
    found
}

/// Parses a regular expression in Go's syntax, where a brace that begins no repetition is a literal
/// brace.
fn parse_go(regex: &str) -> Result<Hir, String> {
    let mut text = String::with_capacity(regex.len());
    let mut is_escaped = false;
    for (at, c) in regex.char_indices() {
        let is_brace = c == '{' && !is_escaped && !repeats(&regex[at + 1..]);
        let names_a_class = ["\\x", "\\p", "\\P"]
            .iter()
            .any(|before| regex[..at].ends_with(before));
        if is_brace && !names_a_class {
            text.push('\\');
        }
        text.push(c);
        is_escaped = c == '\\' && !is_escaped;
    }
    // The error shows the expression on several lines. The last line contains the reason.
    parse_regex(&text).map_err(|why| why.lines().last().unwrap_or_default().to_owned())
}

/// Returns whether the text after a brace makes it a repetition: `3}`, `3,}` or `3,5}`.
fn repeats(rest: &str) -> bool {
    rest.split_once('}').is_some_and(|(counts, _)| {
        let (least, most) = counts.split_once(',').unwrap_or((counts, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        !least.is_empty() && is_number(least) && is_number(most)
    })
}

fn rule(
    entry: &Value,
    id: &str,
    global: &[String],
    left: &mut Vec<String>,
) -> Result<Rule, String> {
    let owner = format!("rule {}: ", quoted(id));
    let mut except = global.to_vec();
    for (field, value) in entry.as_table().ok_or("it is no table")? {
        match field.as_str() {
            // Keywords of other scanners may be anywhere in the file. The literals of the
            // expression replace them.
            "id" | "description" | "regex" | "secretGroup" | "entropy" | "keywords" | "tags" => {}
            "allowlist" | "allowlists" => except.extend(exceptions(value, &owner, None, left)),
            "path" => left.push(format!(
                "{owner}field 'path': the rule looks at all files here"
            )),
            _ => left.push(format!(
                "{owner}field {}: it has no counterpart",
                quoted(field)
            )),
        }
    }
    let regex = text_of(entry, "regex").ok_or("it looks at names of files only")?;
    let hir = parse_go(regex).map_err(|why| format!("field 'regex': {why}"))?;
    let group = entry.get("secretGroup").and_then(Value::as_integer);
    let group = group.and_then(|group| u32::try_from(group).ok());
    let (hir, max_len) = bounded(&hir, group.filter(|&group| group > 0).unwrap_or(1))?;
    if hir.properties().minimum_len() == Some(0) {
        return Err("field 'regex': it can match nothing".to_owned());
    }
    let anchor = anchor(&hir).ok_or_else(|| {
        format!("field 'regex': no literal of {MIN_KEYWORD_LEN} bytes stands in every match")
    })?;
    let regex = hir.to_string();
    let lookbehind = anchor.before;
    Ok(Rule {
        id: id.to_owned(),
        provider: id.split(['-', '_']).next().unwrap_or(id).to_owned(),
        description: text_of(entry, "description").unwrap_or(id).to_owned(),
        confidence: Confidence::Medium,
        keywords: anchor.literals.iter().map(Literal::keyword).collect(),
        matcher: match lookbehind {
            0 => Matcher::Start(regex),
            _ => Matcher::Infix { regex, lookbehind },
        },
        max_len,
        boundary: Boundary {
            left: false,
            right: false,
        },
        ends: None,
        checks: Vec::new(),
        entropy: entry.get("entropy").and_then(number),
        except,
        part_of: Vec::new(),
        public: false,
        rotate: None,
        docs: None,
        advice: None,
        examples: Vec::new(),
        near_misses: Vec::new(),
    })
}

fn number(value: &Value) -> Option<f64> {
    value
        .as_float()
        .or_else(|| value.as_integer().map(|number| number as f64))
}

/// Returns `hir` with bounds for all repetitions and with group number `secret` named `secret`, and
/// the length of its longest match.
fn bounded(hir: &Hir, secret: u32) -> Result<(Hir, usize), String> {
    for most in REPEATS {
        let bounded = rebuilt(hir, secret, most);
        if let Some(len) = bounded.properties().maximum_len()
            && len <= MAX_MATCH_LEN
        {
            return Ok((bounded, len));
        }
    }
    Err(format!(
        "field 'regex': it can match more than {MAX_MATCH_LEN} bytes"
    ))
}

fn rebuilt(hir: &Hir, secret: u32, most: u32) -> Hir {
    let inner = |sub: &Hir| rebuilt(sub, secret, most);
    match hir.kind() {
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            min: repetition.min,
            max: Some(repetition.max.unwrap_or_else(|| repetition.min.max(most))),
            greedy: repetition.greedy,
            sub: Box::new(inner(&repetition.sub)),
        }),
        HirKind::Capture(capture) if capture.index == secret => Hir::capture(Capture {
            index: 1,
            name: Some("secret".into()),
            sub: Box::new(inner(&capture.sub)),
        }),
        HirKind::Capture(capture) => inner(&capture.sub),
        HirKind::Concat(subs) => Hir::concat(subs.iter().map(inner).collect()),
        HirKind::Alternation(subs) => Hir::alternation(subs.iter().map(inner).collect()),
        _ => hir.clone(),
    }
}

/// Literals of which every match contains one.
#[derive(Debug)]
struct Anchor {
    literals: Vec<Literal>,
    /// The maximum number of bytes of a match before the literal.
    before: usize,
}

#[derive(Clone, Debug, Default)]
struct Literal {
    text: Vec<u8>,
    any_case: bool,
}

impl Literal {
    fn keyword(&self) -> Keyword {
        let text = &self.text[..self.text.len().min(MAX_KEYWORD_LEN)];
        let text = if self.any_case {
            text.to_ascii_lowercase()
        } else {
            text.to_vec()
        };
        let gram = if text.len() > MIN_KEYWORD_LEN {
            gram::rarest(&text)
        } else {
            0
        };
        Keyword {
            gram,
            text,
            any_case: self.any_case,
            next: Vec::new(),
        }
    }
}

/// Returns the best anchor: the longest literals, then the one nearest to the start.
fn anchor(hir: &Hir) -> Option<Anchor> {
    let mut parts = Vec::new();
    flatten(hir, &mut parts);
    let mut found: Vec<Anchor> = Vec::new();
    let mut word = Literal::default();
    let mut before = 0usize;
    let mut word_before = 0usize;
    for part in parts {
        if let Some(more) = literal(part) {
            if word.text.is_empty() {
                word_before = before;
            }
            before = before.saturating_add(more.text.len());
            word.text.extend(more.text);
            word.any_case |= more.any_case;
            continue;
        }
        found.extend(of_word(std::mem::take(&mut word), word_before));
        let inner = match part.kind() {
            HirKind::Alternation(branches) => union(branches),
            HirKind::Repetition(repetition) if repetition.min > 0 => anchor(&repetition.sub),
            _ => None,
        };
        found.extend(inner.map(|inner| Anchor {
            before: inner.before.saturating_add(before),
            ..inner
        }));
        let len = part.properties().maximum_len().unwrap_or(usize::MAX);
        before = before.saturating_add(len);
    }
    found.extend(of_word(word, word_before));
    let shortest = |anchor: &Anchor| {
        let lens = anchor.literals.iter().map(|literal| literal.text.len());
        lens.min().unwrap_or(0).min(MAX_KEYWORD_LEN)
    };
    found
        .into_iter()
        .filter(|anchor| anchor.before <= MAX_LOOKBEHIND)
        .max_by_key(|anchor| (shortest(anchor), std::cmp::Reverse(anchor.before)))
}

fn of_word(word: Literal, before: usize) -> Option<Anchor> {
    (word.text.len() >= MIN_KEYWORD_LEN).then(|| Anchor {
        literals: vec![word],
        before,
    })
}

/// Returns the anchors of all branches; `None` if a branch has no anchor.
fn union(branches: &[Hir]) -> Option<Anchor> {
    let mut all = Anchor {
        literals: Vec::new(),
        before: 0,
    };
    for branch in branches {
        let one = anchor(branch)?;
        all.before = all.before.max(one.before);
        all.literals.extend(one.literals);
    }
    (all.literals.len() <= MAX_LITERALS).then_some(all)
}

/// Flattens nested concatenations into a list of parts.
fn flatten<'h>(hir: &'h Hir, parts: &mut Vec<&'h Hir>) {
    match hir.kind() {
        HirKind::Concat(subs) => subs.iter().for_each(|sub| flatten(sub, parts)),
        HirKind::Capture(capture) => flatten(&capture.sub, parts),
        // Assertions such as word boundaries match no bytes.
        HirKind::Empty | HirKind::Look(_) => {}
        _ => parts.push(hir),
    }
}

/// Returns the literal text of `hir`, or a single letter that matches in both cases.
fn literal(hir: &Hir) -> Option<Literal> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(Literal {
            text: literal.0.to_vec(),
            any_case: false,
        }),
        HirKind::Class(Class::Bytes(class)) => {
            let [upper, lower] = class.ranges() else {
                return None;
            };
            let is_one_letter = upper.start() == upper.end()
                && lower.start() == lower.end()
                && upper.start().to_ascii_lowercase() == lower.start()
                && lower.start().is_ascii_lowercase();
            is_one_letter.then(|| Literal {
                text: vec![lower.start()],
                any_case: true,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchored(regex: &str) -> Option<(Vec<String>, usize)> {
        let (hir, _) = bounded(&parse_regex(regex).unwrap(), 1).unwrap();
        anchor(&hir).map(|anchor| {
            let texts = anchor.literals.iter().map(|literal| {
                let mark = if literal.any_case { "i:" } else { "" };
                format!("{mark}{}", String::from_utf8_lossy(&literal.text))
            });
            (texts.collect(), anchor.before)
        })
    }

    #[test]
    fn anchors_stand_in_every_match() {
        let some = |texts: &[&str], before| {
            Some((texts.iter().map(|t| (*t).to_owned()).collect(), before))
        };
        for (regex, expected) in [
            (r"\bxk_[a-z]{8}\b", some(&["xk_"], 0)),
            (
                r"(?i)[\w.-]{0,20}?acme[ =]{1,4}([a-z]{8})",
                some(&["i:acme"], 20),
            ),
            (r"(?:live|test)_([0-9a-f]{8})", some(&["live", "test"], 0)),
            (r"[a-f]{4}-(?:aaa|bbbb)-x", some(&["aaa", "bbbb"], 5)),
            (r"[0-9a-f]{32}", None),
            (r"(?:acme|[0-9]{4})key", some(&["key"], 4)),
            (r"(?:acme)?[0-9]{9}", None),
            (r"a.{300}suffix", None),
        ] {
            assert_eq!(anchored(regex), expected, "{regex}");
        }
    }

    #[test]
    fn what_has_no_counterpart_is_listed() {
        let carried = parse(
            r#"
            title = "mine"
            colour = 1
            [extend]
            useDefault = true
            [allowlist]
            paths = ['vendor/']
            stopwords = ["sample"]
            [[rules]]
            id = "acme-key"
            regex = '''(acme)_([a-z]{12,})'''
            secretGroup = 2
            path = 'x'
            [[rules.allowlists]]
            regexes = ['^zzz{x']
            [[rules]]
            id = "shapeless"
            regex = '''[0-9a-f]{32}'''
            [[rules]]
            id = "names"
            path = '''\.pem$'''
            "#,
            "mine.toml",
        )
        .unwrap();
        let rule = carried.rules.get("acme-key").unwrap();
        assert_eq!(rule.except[0], "(?i)sample");
        assert!(rule.except[1].contains(r"zzz\{x"), "{:?}", rule.except);
        let Matcher::Start(regex) = &rule.matcher else {
            panic!("{rule:?}");
        };
        assert!(regex.contains("(?P<secret>"), "{regex}");
        let text = carried.left.join("\n");
        for part in [
            "'colour'",
            "useDefault",
            "'acme-key': field 'path'",
            "'shapeless'",
            "'names'",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(carried.left.len(), 6, "{text}");
        assert_eq!(carried.paths, ["vendor/"]);
    }
}
