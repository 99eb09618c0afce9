//! Parses a [`RuleSet`] from TOML. An unknown field is an error. Errors name the file, line, rule
//! and field.

use std::collections::{HashMap, HashSet};

use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::Extractor;
use serde::Deserialize;
use toml::{Table, Value};

use super::request::{Issuer, Requests};
use super::request_text::{self, KnownNames, RequestFields, TablePurpose};
use super::{Boundary, Check, Confidence, Ends, Keyword, Matcher, Rule, RuleSet, frame, gram};
use crate::error::{Error, Result, nearest, quoted};
use crate::tables::{self, Fault, Field, FieldKind};

/// The fields of a file.
const FILE: [Field; 1] = [Field::free("rule", FieldKind::Tables(&FIELDS))];

/// The fields of [`RuleSource`].
const FIELDS: [Field; 25] = [
    Field::needed("id", FieldKind::Text),
    Field::needed("provider", FieldKind::Text),
    Field::needed("description", FieldKind::Text),
    Field::needed("confidence", FieldKind::Choice(&["low", "medium", "high"])),
    Field::needed("keywords", FieldKind::Texts),
    Field::free("regex", FieldKind::Text),
    Field::free("value", FieldKind::Text),
    Field::free("matcher", FieldKind::Text),
    Field::free("words", FieldKind::Texts),
    Field::free("anchor", FieldKind::Text),
    Field::free("lookbehind", FieldKind::Count),
    Field::free("boundary", FieldKind::Text),
    Field::free("ends", FieldKind::Text),
    Field::free("checks", FieldKind::Texts),
    Field::free("entropy", FieldKind::Number),
    Field::free("except", FieldKind::Texts),
    Field::free("part_of", FieldKind::Texts),
    Field::free("public", FieldKind::Flag),
    Field::free("rotate", FieldKind::Text),
    Field::free("docs", FieldKind::Text),
    Field::free("advice", FieldKind::Text),
    Field::needed("examples", FieldKind::Texts),
    Field::needed("near_misses", FieldKind::Texts),
    Field::free("validate", FieldKind::Table(&request_text::FIELDS)),
    Field::free("revoke", FieldKind::Table(&request_text::FIELDS)),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSource {
    id: String,
    provider: String,
    description: String,
    confidence: String,
    keywords: Vec<String>,
    regex: Option<String>,
    value: Option<String>,
    matcher: Option<String>,
    #[serde(default)]
    words: Vec<String>,
    anchor: Option<String>,
    lookbehind: Option<usize>,
    boundary: Option<String>,
    ends: Option<String>,
    #[serde(default)]
    checks: Vec<String>,
    entropy: Option<f64>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    part_of: Vec<String>,
    #[serde(default)]
    public: bool,
    rotate: Option<String>,
    docs: Option<String>,
    advice: Option<String>,
    examples: Vec<String>,
    near_misses: Vec<String>,
    validate: Option<RequestFields>,
    revoke: Option<RequestFields>,
}

/// Minimum length of a keyword; shorter ones are in every file.
pub(super) const MIN_KEYWORD_LEN: usize = 3;

/// Only this many bytes of a keyword are searched for. More would not make it rarer, but would
/// enlarge the region around each edit that an incremental scan examines again. The regular
/// expression matches the rest.
pub const MAX_KEYWORD_LEN: usize = 12;

/// Maximum length of a match. Longer matches would make each edit near them expensive to scan
/// again.
pub(super) const MAX_MATCH_LEN: usize = 4096;

/// Longest token before an infix keyword.
pub(super) const MAX_LOOKBEHIND: usize = 256;

/// Bytes after the keyword that the assignment parser examines; more if the value continues.
const MAX_ASSIGNMENT_LEN: usize = 384;
/// Bytes after the keyword that the PEM and JWT readers examine.
const MAX_BLOCK_LEN: usize = 8192;
/// Longest manifest on either side of the line with its kind.
const MAX_MANIFEST_LEN: usize = 64 << 10;
/// Longest secret of a rule with `ends`.
const MAX_ENDS_LEN: usize = 4096;

/// Parses the rules of `text`; `file` is its name in errors.
///
/// # Errors
/// `Config` if `text` is no valid rule file, or a rule could not find anything.
pub fn parse(text: &str, file: &str) -> Result<RuleSet> {
    parse_with_requests(text, file).map(|(rules, _)| rules)
}

/// Parses the rules of `text` and the requests to their issuers.
///
/// # Errors
/// As [`parse()`].
pub fn parse_with_requests(text: &str, file: &str) -> Result<(RuleSet, Requests)> {
    let table = table(text, file)?;
    let entries = match table.get("rule") {
        Some(Value::Array(entries)) => entries,
        _ => &Vec::new(),
    };
    if let Err(fault) = tables::check(text, &FILE) {
        return Err(faulty(file, &fault, entries));
    }
    let parts = parts_of(entries);
    let mut requests = Requests::default();
    let mut seen = HashSet::new();
    let mut rules = Vec::with_capacity(entries.len());
    for (number, entry) in entries.iter().enumerate() {
        let id = name(entries, number);
        let wrong = |field: &str, why: &str| {
            let line = tables::line_of(text, "rule", number, field);
            wrong((file, line), &id, field, why)
        };
        let mut entry = RuleSource::deserialize(entry.clone())
            .map_err(|_| wrong("id", "the rule cannot be understood"))?;
        if !seen.insert(id.clone()) {
            return Err(wrong("id", "another rule has the same id"));
        }
        let issuer = issuer(&mut entry, &parts).map_err(|(field, why)| wrong(field, &why))?;
        if issuer.validate.is_some() || issuer.revoke.is_some() {
            requests.rules.insert(id.clone(), issuer);
        }
        let rule = check(entry).map_err(|(field, why)| wrong(field, &why))?;
        rules.push(rule);
    }
    Ok((RuleSet { rules }, requests))
}

/// Returns for each rule the ids of the rules that are `part_of` it.
fn parts_of(entries: &[Value]) -> HashMap<&str, HashSet<&str>> {
    let mut parts: HashMap<&str, HashSet<&str>> = HashMap::new();
    for entry in entries {
        let id = entry.get("id").and_then(Value::as_str);
        let of = entry.get("part_of").and_then(Value::as_array);
        for whole in of.into_iter().flatten().filter_map(Value::as_str) {
            parts.entry(whole).or_default().extend(id);
        }
    }
    parts
}

/// Returns the requests of a rule.
fn issuer(entry: &mut RuleSource, parts: &HashMap<&str, HashSet<&str>>) -> Result<Issuer, Wrong> {
    let none = HashSet::new();
    let parts = parts.get(entry.id.as_str()).unwrap_or(&none);
    let read = |written: Option<RequestFields>, purpose| {
        written.map(|written| request_text::inquiry(written, purpose, KnownNames::new(parts)))
    };
    let validate = read(entry.validate.take(), TablePurpose::Validate).transpose();
    let revoke = read(entry.revoke.take(), TablePurpose::Revoke).transpose();
    Ok(Issuer {
        provider: entry.provider.clone(),
        validate: validate.map_err(|why| ("validate", why))?,
        revoke: revoke.map_err(|why| ("revoke", why))?,
    })
}

/// Reads `text` as TOML.
pub(super) fn table(text: &str, file: &str) -> Result<Table> {
    tables::check(text, &[]).or_else(|fault| match fault.field {
        // The caller checks the other fields.
        Some(_) => Ok(()),
        None => Err(faulty(file, &fault, &[])),
    })?;
    toml::from_str(text)
        .map_err(|_| Error::config(format!("the rules of '{file}' cannot be understood")))
}

/// Returns the id of a rule for messages.
fn name(entries: &[Value], number: usize) -> String {
    let id = entries.get(number).and_then(|entry| entry.get("id"));
    let id = id.and_then(Value::as_str);
    id.map_or_else(|| format!("number {}", number + 1), str::to_owned)
}

fn faulty(file: &str, fault: &Fault, entries: &[Value]) -> Error {
    let (line, why) = (fault.line, &fault.why);
    let Some(field) = &fault.field else {
        return Error::config(format!("'{file}', line {line}: {why}"))
            .hint("rules are written in TOML: see 'unleak rules show ID' for one");
    };
    let error = match fault.entry {
        Some(number) => wrong((file, line), &name(entries, number), field, why),
        None => Error::config(format!(
            "'{file}', line {line}: field {}: {why}",
            quoted(field)
        )),
    };
    match nearest(field, fault.known.iter().copied()) {
        Some(known) => error.hint(format!("did you mean '{known}'?")),
        None if fault.known.is_empty() => error,
        None if fault.entry.is_none() => error.hint("each rule is a table below '[[rule]]'"),
        None => error.hint(format!("the fields are {}", fault.known.join(", "))),
    }
}

fn wrong((file, line): (&str, usize), id: &str, field: &str, why: &str) -> Error {
    Error::config(format!(
        "'{file}', line {line}: rule {}: field {}: {why}",
        quoted(id),
        quoted(field)
    ))
}

type Wrong = (&'static str, String);

fn check(entry: RuleSource) -> Result<Rule, Wrong> {
    let (matcher, any_case, max_len) = matcher(&entry)?;
    if entry.keywords.is_empty() != (matcher == Matcher::WholeFile) {
        if matcher == Matcher::WholeFile {
            return Err(("keywords", "a rule for whole files has none".into()));
        }
        return Err(("keywords", "at least one is needed".into()));
    }
    let keywords = entry
        .keywords
        .iter()
        .map(|text| keyword(text, any_case, &matcher))
        .collect::<Result<_, _>>()?;
    for except in &entry.except {
        parse_regex(except).map_err(|why| ("except", why))?;
    }
    let ends = entry.ends.as_deref().map(ends_named).transpose()?;
    let max_len = max_len + if ends.is_some() { MAX_ENDS_LEN } else { 0 };
    let confidence = Confidence::from_name(&entry.confidence)
        .ok_or(("confidence", "it is one of 'low', 'medium', 'high'".into()))?;
    let checks = entry
        .checks
        .iter()
        .map(|name| check_named(name))
        .collect::<Result<_, _>>()?;
    Ok(Rule {
        id: entry.id,
        provider: entry.provider,
        description: entry.description,
        confidence,
        keywords,
        boundary: boundary(entry.boundary.as_deref(), &matcher, entry.value.is_some())?,
        matcher,
        max_len,
        ends,
        checks,
        entropy: entry.entropy,
        except: entry.except,
        part_of: entry.part_of,
        public: entry.public,
        rotate: entry.rotate,
        docs: entry.docs,
        advice: entry.advice,
        examples: entry.examples,
        near_misses: entry.near_misses,
    })
}

/// Returns the matcher, whether its keywords ignore case, and how many bytes after a keyword it
/// examines.
fn matcher(entry: &RuleSource) -> Result<(Matcher, bool, usize), Wrong> {
    match (&entry.regex, &entry.value, entry.matcher.as_deref()) {
        (Some(regex), None, None) => {
            let max_len = max_len("regex", regex)?;
            let any_case = regex.starts_with("(?i)");
            match (entry.anchor.as_deref(), entry.lookbehind) {
                (None | Some("start"), None) => {
                    Ok((Matcher::Start(regex.clone()), any_case, max_len))
                }
                (Some("infix"), Some(lookbehind)) if lookbehind <= MAX_LOOKBEHIND => {
                    let regex = regex.clone();
                    Ok((Matcher::Infix { regex, lookbehind }, any_case, max_len))
                }
                (Some("infix"), _) => Err((
                    "lookbehind",
                    format!("an infix rule needs it, at most {MAX_LOOKBEHIND}"),
                )),
                _ => Err((
                    "anchor",
                    "it is 'start', or 'infix' with 'lookbehind'".into(),
                )),
            }
        }
        (None, Some(value), None) => {
            let lower: Vec<String> = entry
                .keywords
                .iter()
                .map(|word| word.to_ascii_lowercase())
                .collect();
            let regex = frame::context(&lower, &entry.words, value);
            let max_len = max_len("value", &regex)?;
            Ok((Matcher::Start(regex), true, max_len))
        }
        (None, None, Some("assignment")) => Ok((Matcher::Assignment, true, MAX_ASSIGNMENT_LEN)),
        (None, None, Some("pem")) => Ok((Matcher::Pem, false, MAX_BLOCK_LEN)),
        (None, None, Some("jwt")) => Ok((Matcher::Jwt, false, MAX_BLOCK_LEN)),
        (None, None, Some("sql-insert")) => Ok((Matcher::SqlInsert, true, MAX_BLOCK_LEN)),
        (None, None, Some("command")) => Ok((Matcher::Command, false, MAX_BLOCK_LEN)),
        (None, None, Some("manifest")) => Ok((Matcher::Manifest, false, MAX_MANIFEST_LEN)),
        (None, None, Some("whole-file")) => Ok((Matcher::WholeFile, false, 0)),
        (None, None, Some(_)) => Err((
            "matcher",
            "it is one of 'assignment', 'pem', 'jwt', 'sql-insert', 'command', 'manifest', 'whole-file'"
                .into(),
        )),
        _ => Err((
            "regex",
            "a rule has exactly one of 'regex', 'value', 'matcher'".into(),
        )),
    }
}

/// Parses a regular expression with the options of the engine: bytes, no Unicode. Returns the
/// length of its longest match.
fn max_len(field: &'static str, regex: &str) -> Result<usize, Wrong> {
    let hir = parse_regex(regex).map_err(|why| (field, why))?;
    let longest = hir
        .properties()
        .maximum_len()
        .ok_or((field, "every repetition must be bounded".into()))?;
    if longest > MAX_MATCH_LEN {
        return Err((
            field,
            format!("it can match {longest} bytes, more than {MAX_MATCH_LEN}"),
        ));
    }
    if hir.properties().minimum_len() == Some(0) {
        return Err((field, "it can match nothing".into()));
    }
    Ok(longest)
}

/// Returns the length of the rule's matches, if all have the same.
pub fn fixed_len(rule: &Rule) -> Option<usize> {
    let (Matcher::Start(regex) | Matcher::Infix { regex, .. }) = &rule.matcher else {
        return None;
    };
    let hir = parse_regex(regex).ok()?;
    let least = hir.properties().minimum_len();
    least.filter(|least| Some(*least) == hir.properties().maximum_len())
}

pub(super) fn parse_regex(regex: &str) -> Result<Hir, String> {
    regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .build()
        .parse(regex)
        .map_err(|e| syntax_reason(&e))
}

/// Returns the error of a regular expression on one line.
pub fn syntax_reason(error: &regex_syntax::Error) -> String {
    let (column, why) = match error {
        regex_syntax::Error::Parse(e) => (e.span().start.column, e.kind().to_string()),
        regex_syntax::Error::Translate(e) => (e.span().start.column, e.kind().to_string()),
        _ => return "it is not a regular expression".to_owned(),
    };
    format!("character {column}: {why}")
}

fn keyword(text: &str, any_case: bool, matcher: &Matcher) -> Result<Keyword, Wrong> {
    if text.len() < MIN_KEYWORD_LEN {
        return Err((
            "keywords",
            format!("one is shorter than {MIN_KEYWORD_LEN} bytes"),
        ));
    }
    let bytes = &text.as_bytes()[..text.len().min(MAX_KEYWORD_LEN)];
    let text = if any_case {
        bytes.to_ascii_lowercase()
    } else {
        bytes.to_vec()
    };
    let next = match matcher {
        Matcher::Start(regex) if text.len() == MIN_KEYWORD_LEN => following(regex, &text),
        Matcher::Assignment if text == b"pass" => PASS_GOES_ON.to_vec(),
        Matcher::Assignment
            if text.len() == MIN_KEYWORD_LEN || WHOLE_WORDS.contains(&&text[..]) =>
        {
            NAME_GOES_ON.to_vec()
        }
        _ => Vec::new(),
    };
    let gram = if text.len() > MIN_KEYWORD_LEN {
        gram::rarest(&text)
    } else {
        0
    };
    Ok(Keyword {
        gram,
        text,
        any_case,
        next,
    })
}

/// Bytes that can follow a context word in a name, sorted: all except lower-case letters, which
/// would make it another word, other than the `s` of a plural. The last name in the header of a table has `)`,
/// `;` or `|` behind it; `\xef` begins a colon of Chinese.
const NAME_GOES_ON: &[u8] =
    b"\t\n\r !\"%&'()*,-.0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]_`s{|\xef";
/// The same for "pass", which begins several words for passwords.
const PASS_GOES_ON: &[u8] =
    b"\t\n\r !\"%&'()*,-.0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]_`ckpsw{|\xef";
/// Words that rarely mean a secret if more lower-case letters follow.
const WHOLE_WORDS: [&[u8]; 2] = [b"auth", b"login"];

/// Returns the bytes that can follow `keyword` at the start of a match; none if any byte can.
fn following(regex: &str, keyword: &[u8]) -> Vec<u8> {
    let Ok(hir) = parse_regex(regex) else {
        return Vec::new();
    };
    let mut extractor = Extractor::new();
    extractor
        .limit_class(256)
        .limit_literal_len(keyword.len() + 1)
        .limit_total(1 << 14);
    let prefixes = extractor.extract(&hir);
    let Some(literals) = prefixes.literals() else {
        return Vec::new();
    };
    let mut next = Vec::new();
    for literal in literals {
        let (head, rest) = literal
            .as_bytes()
            .split_at(keyword.len().min(literal.len()));
        if head.eq_ignore_ascii_case(&keyword[..head.len()]) {
            match rest.first() {
                Some(&byte) => next.push(byte),
                None => return Vec::new(),
            }
        }
    }
    next.sort_unstable();
    next.dedup();
    next
}

fn boundary(name: Option<&str>, matcher: &Matcher, is_context: bool) -> Result<Boundary, Wrong> {
    let (left, right) = match name {
        // A context word may be inside a name, and blocks have their own ends.
        None if is_context => (false, true),
        None if matches!(
            matcher,
            Matcher::Assignment
                | Matcher::Pem
                | Matcher::SqlInsert
                | Matcher::Command
                | Matcher::Manifest
                | Matcher::WholeFile
        ) =>
        {
            (false, false)
        }
        None | Some("both") => (true, true),
        Some("left") => (true, false),
        Some("right") => (false, true),
        Some("none") => (false, false),
        Some(_) => {
            return Err((
                "boundary",
                "it is one of 'both', 'left', 'right', 'none'".into(),
            ));
        }
    };
    Ok(Boundary { left, right })
}

fn ends_named(name: &str) -> Result<Ends, Wrong> {
    let found = Ends::ALL.iter().find(|(known, _)| *known == name);
    found.map(|&(_, ends)| ends).ok_or_else(|| {
        let known = Ends::ALL.map(|(known, _)| known);
        ("ends", format!("it is one of '{}'", known.join("', '")))
    })
}

fn check_named(name: &str) -> Result<Check, Wrong> {
    let found = Check::ALL.iter().find(|(known, _)| *known == name);
    found.map(|&(_, check)| check).ok_or_else(|| {
        let known = Check::ALL.map(|(known, _)| known);
        let hint = match nearest(name, known) {
            Some(known) => format!("did you mean '{known}'?"),
            None => format!("there are {}", known.join(", ")),
        };
        (
            "checks",
            format!("there is no check {}; {hint}", quoted(name)),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(body: &str) -> String {
        let head = "[[rule]]\nid = 'x-key'\nprovider = 'X'\ndescription = 'X'\nexamples = []\nnear_misses = []\n";
        parse(&format!("{head}{body}"), "my.toml")
            .unwrap_err()
            .chain()
    }

    #[test]
    fn errors_name_file_rule_and_field() {
        let error = error_of("confidence = 'high'\nkeywords = ['xkey_']\nregex = 'xkey_[a-z]+'\n");
        assert_eq!(
            error,
            "'my.toml', line 9: rule 'x-key': field 'regex': every repetition must be bounded"
        );
        let error =
            error_of("confidence = 'sure'\nkeywords = ['xkey_']\nregex = 'xkey_[a-z]{8}'\n");
        assert!(error.contains("'confidence'"), "{error}");
        let error = error_of("confidence = 'low'\nkeywords = ['x']\nregex = 'xkey_[a-z]{8}'\n");
        assert!(error.contains("shorter than 3"), "{error}");
    }

    #[test]
    fn unknown_fields_are_refused() {
        let error =
            error_of("confidence = 'low'\nkeywords = ['xkey_']\nregexp = 'xkey_[a-z]{8}'\n");
        assert_eq!(
            error,
            "'my.toml', line 9: rule 'x-key': field 'regexp': there is no such field"
        );
        let error = error_of(
            "confidence = 'low'\nkeywords = ['xkey_']\nregex = 'xkey_[a-z]{8}'\nentropy = 'x'\n",
        );
        assert!(
            error.contains("'x-key'") && error.contains("entropy"),
            "{error}"
        );
    }
}
