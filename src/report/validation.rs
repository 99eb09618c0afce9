//! The validation of findings in a report: state, owner and permissions of a secret. The text of
//! the issuer is untrusted and passes through the redactor.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::document::{Document, Finding, Text};
use super::escape::escape;
use super::redact::Redactor;
use super::story::counted;
use super::timestamp;
use crate::finding::Fingerprint;
use crate::validate::{State, Verdict};

/// The result of the validation of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// `active`, `inactive` or `unknown`.
    pub state: State,
    /// The reason.
    pub reason: Text,
    /// The owner, as `name: value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whose: Vec<Text>,
    /// The permissions and the expiry, as `name: value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub can: Vec<Text>,
    /// The host that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The time, `YYYY-MM-DDThh:mm:ssZ`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<String>,
}

impl Validation {
    fn of(verdict: &Verdict, redactor: &Redactor) -> Self {
        let text = |text: &String| Text::of(redactor.text(text.as_bytes()).into_owned());
        Self {
            state: verdict.state,
            reason: text(&verdict.reason),
            whose: verdict.whose.iter().map(text).collect(),
            can: verdict.can.iter().map(text).collect(),
            host: verdict.host.clone(),
            checked: verdict.checked.map(timestamp),
        }
    }

    /// Returns the state, the host and the reason on one line.
    pub(super) fn sentence(&self) -> String {
        let host = self.host.as_deref();
        let host = host.map_or_else(String::new, |host| {
            format!(" at {}", escape(host.as_bytes()))
        });
        format!("{}{host}: {}", self.state.name(), self.reason.shown())
    }

    /// Returns the owner on one line; `None` if unknown.
    pub(super) fn whose_line(&self) -> Option<String> {
        line(&self.whose)
    }

    /// Returns the permissions on one line; `None` if unknown.
    pub(super) fn can_line(&self) -> Option<String> {
        line(&self.can)
    }
}

fn line(facts: &[Text]) -> Option<String> {
    let facts: Vec<String> = facts.iter().map(Text::shown).collect();
    (!facts.is_empty()).then(|| facts.join(" · "))
}

impl Finding {
    /// Returns the name of its state, if it was validated.
    pub(super) fn state_word(&self) -> Option<&'static str> {
        Some(self.validation.as_ref()?.state.name())
    }

    /// Returns whether its issuer accepts it.
    pub fn is_active(&self) -> bool {
        self.validation
            .as_ref()
            .is_some_and(|validation| validation.state == State::Active)
    }
}

impl Document {
    /// Adds the verdicts to the findings. Active findings come first, inactive ones last; the order
    /// within a state is unchanged.
    pub fn add_verdicts(&mut self, verdicts: &HashMap<Fingerprint, Verdict>, redactor: &Redactor) {
        for finding in &mut self.findings {
            let fingerprint = Fingerprint::from_hex(&finding.fingerprint);
            let verdict = fingerprint.and_then(|id| verdicts.get(&id));
            finding.validation = verdict.map(|verdict| Validation::of(verdict, redactor));
        }
        let rank = |finding: &Finding| {
            let validation = finding.validation.as_ref();
            validation.map_or(State::Unknown, |validation| validation.state)
        };
        self.findings.sort_by_key(rank);
    }

    /// Removes the findings with other states; they count as filtered. `filters` are the options of
    /// this filter.
    pub fn keep_states(&mut self, states: &[State], filters: &[String]) {
        let before = self.findings.len();
        self.findings.retain(|finding| {
            let state = finding.validation.as_ref();
            states.contains(&state.map_or(State::Unknown, |state| state.state))
        });
        self.coverage.filtered += before - self.findings.len();
        let filters = filters.iter().map(|filter| Text::Utf8(filter.clone()));
        self.coverage.filters.extend(filters);
    }

    /// Returns the number of findings by state as text; `None` without validation.
    pub fn state_counts(&self) -> Option<String> {
        let states = self
            .findings
            .iter()
            .filter_map(|finding| finding.validation.as_ref());
        let states: Vec<State> = states.map(|validation| validation.state).collect();
        if states.is_empty() {
            return None;
        }
        let counts = State::ALL.map(|state| {
            let count = states.iter().filter(|other| **other == state).count();
            format!("{count} {}", state.name())
        });
        Some(counts.join(", "))
    }

    /// Returns a sentence about active findings; `None` if there are none.
    pub(super) fn active_sentence(&self) -> Option<String> {
        let count = self
            .findings
            .iter()
            .filter(|finding| finding.is_active())
            .count();
        let verb = if count == 1 { "is" } else { "are" };
        (count > 0).then(|| {
            format!(
                "{} {verb} still active: revoke what is active first",
                counted(count, "secret")
            )
        })
    }
}
