//! The validation of findings in a report: state, owner and permissions of a secret. The text of
//! the issuer is untrusted and passes through the redactor.

use std::collections::HashMap;

use super::document::{Document, ReportFinding, Text};
use super::redact::Redactor;
use crate::finding::Fingerprint;
use crate::report::text::counted;
use crate::report::verdict::Validation;
use crate::severity::Severity;
use crate::validate::{State, Verdict};

impl ReportFinding {
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
    /// Adds the verdicts to the findings, and the severity that follows from them. Active findings
    /// come first, inactive ones last; the order within a state is unchanged.
    pub fn add_verdicts(&mut self, verdicts: &HashMap<Fingerprint, Verdict>, redactor: &Redactor) {
        for finding in &mut self.findings {
            let fingerprint = Fingerprint::from_hex(&finding.fingerprint);
            let verdict = fingerprint.and_then(|id| verdicts.get(&id));
            finding.validation = verdict.map(|verdict| Validation::of(verdict, redactor));
            finding.severity = match verdict.map(|verdict| verdict.state) {
                Some(State::Active) => Some(Severity::Critical),
                Some(State::Inactive) => Some(Severity::Info),
                Some(State::Unknown) | None => finding.severity,
            };
        }
        let rank = |finding: &ReportFinding| {
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
