//! What is known of a secret that its issuer was asked about.

use serde::{Deserialize, Serialize};

use super::escape::escape;
use super::redact::Redactor;
use super::text::Text;
use super::timestamp;
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
    pub(super) fn of(verdict: &Verdict, redactor: &Redactor) -> Self {
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
