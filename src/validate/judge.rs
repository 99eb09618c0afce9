//! Evaluates answers by the conditions of a rule.

use serde_json::Value;

use super::network::Answer;
use crate::rule::request::{AnswerFact, AnswerPlace, Clause, Condition, RequestStep};

/// Maximum length of the value of a fact, in characters.
const MAX_FACT: usize = 200;
/// Maximum number of values of one fact.
const MAX_VALUES: usize = 40;

/// The result of the evaluation of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Evaluation {
    /// The secret is active, because of this condition.
    Active(String),
    /// It is inactive, because of this condition.
    Inactive(String),
    /// No condition of the rule matches the answer.
    Unknown(String),
}

/// An answer with its body parsed as JSON.
pub(super) struct ParsedAnswer<'a> {
    answer: &'a Answer,
    json: Option<Value>,
}

impl<'a> ParsedAnswer<'a> {
    pub(super) fn of(answer: &'a Answer) -> Self {
        // A truncated document is no valid JSON.
        let json = match answer.is_cut {
            true => None,
            false => serde_json::from_slice(&answer.body).ok(),
        };
        Self { answer, json }
    }

    /// Evaluates the answer by the conditions of a step.
    pub(super) fn judge(&self, step: &RequestStep) -> Evaluation {
        let holds = |conditions: &[Condition], is_enough: &dyn Fn(&Condition) -> bool| {
            let mut met = conditions.iter();
            let met = met.find(|condition| is_enough(condition) && self.meets(condition));
            met.map(|condition| condition.text.clone())
        };
        // An HTML page, such as a login form, is no answer about a secret, whatever its status.
        let is_page = self.is_page();
        let active = holds(&step.active, &|condition| !is_page || names_more(condition));
        match (active, holds(&step.inactive, &|_| true)) {
            (Some(why), None) => Evaluation::Active(why),
            (None, Some(why)) => Evaluation::Inactive(why),
            (Some(_), Some(_)) => Evaluation::Unknown(format!(
                "ambiguous answer: status {} means active and inactive",
                self.answer.status
            )),
            (None, None) => Evaluation::Unknown(self.described()),
        }
    }

    fn is_page(&self) -> bool {
        let is_html = |value: &str| value.to_ascii_lowercase().starts_with("text/html");
        let start = self.answer.body.trim_ascii_start();
        let start = &start[..start.len().min(9)];
        self.answer.header("content-type").any(is_html)
            || start.eq_ignore_ascii_case(b"<!doctype")
            || start.to_ascii_lowercase().starts_with(b"<html")
    }

    fn described(&self) -> String {
        match self.answer.status {
            300..400 => format!(
                "ambiguous answer: status {}, and redirects are not followed",
                self.answer.status
            ),
            status => format!("ambiguous answer: status {status}"),
        }
    }

    fn meets(&self, condition: &Condition) -> bool {
        condition.clauses.iter().all(|clause| self.holds(clause))
    }

    fn holds(&self, clause: &Clause) -> bool {
        match clause {
            Clause::Status(codes) => codes.contains(&self.answer.status),
            Clause::Json { pointer, values } => {
                let found = self.json.as_ref().map(|json| select(json, pointer));
                found.unwrap_or_default().into_iter().any(|found| {
                    let text = scalar(found);
                    match values.is_empty() {
                        true => !found.is_null(),
                        false => text.is_some_and(|text| values.contains(&text)),
                    }
                })
            }
            Clause::Header { name, values } => self
                .answer
                .header(name)
                .any(|found| values.is_empty() || values.iter().any(|value| value == found)),
            Clause::Has(text) => memchr::memmem::find(&self.answer.body, text.as_bytes()).is_some(),
            // The truncated part may contain the text.
            Clause::Lacks(text) => {
                !self.answer.is_cut
                    && memchr::memmem::find(&self.answer.body, text.as_bytes()).is_none()
            }
        }
    }

    /// Returns the facts in the answer as `name: value`. Omits values that contain `secret` or are
    /// a part of it.
    pub(super) fn facts(&self, facts: &[AnswerFact], secret: &[u8]) -> Vec<String> {
        let told = facts.iter().filter_map(|fact| {
            let values = self.values(&fact.place);
            let values = values.into_iter().filter(|value| !repeats(value, secret));
            let mut values: Vec<String> = values.take(MAX_VALUES).collect();
            values.dedup();
            let value: String = values.join(", ").chars().take(MAX_FACT).collect();
            (!value.is_empty()).then(|| format!("{}: {value}", fact.name))
        });
        told.collect()
    }

    /// Returns the first value of each fact, for the next step.
    pub(super) fn taken(&self, facts: &[AnswerFact]) -> Vec<(String, String)> {
        let taken = facts.iter().filter_map(|fact| {
            let value = self.values(&fact.place).into_iter().next()?;
            Some((fact.name.clone(), value))
        });
        taken.collect()
    }

    fn values(&self, place: &AnswerPlace) -> Vec<String> {
        match place {
            AnswerPlace::Header(name) => self.answer.header(name).map(str::to_owned).collect(),
            AnswerPlace::Json(pointer) => {
                let Some(json) = &self.json else {
                    return Vec::new();
                };
                let found = select(json, pointer).into_iter();
                let values = found.flat_map(|found| match found {
                    Value::Array(items) => items.iter().filter_map(scalar).collect(),
                    // An object of booleans, as in {"admin": true}: the names of those that are
                    // true.
                    Value::Object(fields) => {
                        let on = fields
                            .iter()
                            .filter(|(_, value)| **value == Value::Bool(true));
                        on.map(|(name, _)| name.clone()).collect()
                    }
                    other => scalar(other).into_iter().collect::<Vec<_>>(),
                });
                values.filter(|value| !value.is_empty()).collect()
            }
        }
    }
}

/// Returns whether a condition requires something besides a status.
fn names_more(condition: &Condition) -> bool {
    let mut clauses = condition.clauses.iter();
    clauses.any(|clause| !matches!(clause, Clause::Status(_) | Clause::Lacks(_)))
}

/// Minimum length of a value that is compared with the secret; shorter ones may be a part of it by
/// chance.
const MIN_REPEATED: usize = 8;

fn repeats(value: &str, secret: &[u8]) -> bool {
    let value = value.as_bytes();
    let is_in = |whole: &[u8], part: &[u8]| memchr::memmem::find(whole, part).is_some();
    is_in(value, secret) || (value.len() >= MIN_REPEATED && is_in(secret, value))
}

/// Returns the values at a pointer.
fn select<'v>(value: &'v Value, pointer: &[String]) -> Vec<&'v Value> {
    let mut found = vec![value];
    for segment in pointer {
        found = found
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(items) if segment == "*" => items.iter().collect(),
                Value::Array(items) => {
                    let item = segment.parse().ok().and_then(|at: usize| items.get(at));
                    item.into_iter().collect::<Vec<_>>()
                }
                Value::Object(fields) => fields.get(segment).into_iter().collect(),
                _ => Vec::new(),
            })
            .collect();
    }
    found
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
