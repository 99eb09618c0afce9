//! Validates secrets: asks the issuer whether a secret is active, and evaluates the answer by the
//! conditions of the rule.
//!
//! ```text
//! kept;  network < render, judge < special, login < plan < engine;  render < prove
//! ```
//!
//! This module opens no connection. The program passes a [`Network`], which sends a request only to
//! the given host. Only an answer that the rule names makes a secret active or inactive; otherwise
//! its state is unknown, with the reason. No text of this module contains a secret.

mod engine;
mod judge;
pub mod kept;
pub mod login;
pub mod network;
mod plan;
mod prove;
mod render;
pub mod special;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use engine::{RequestLimits, Validator};
pub use network::Network;
pub use plan::{Hosts, Question};
pub use prove::prove;

/// The state of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its issuer accepts it.
    Active,
    /// There is no answer, or it is ambiguous.
    Unknown,
    /// Its issuer does not accept it.
    Inactive,
}

impl State {
    /// All states, the most severe first.
    pub const ALL: [Self; 3] = [Self::Active, Self::Unknown, Self::Inactive];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
        }
    }

    /// Parses a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// The result of a validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The state.
    pub state: State,
    /// The reason, for people.
    pub reason: String,
    /// Its owner according to the issuer: `name: value`.
    pub whose: Vec<String>,
    /// Its permissions and expiry according to the issuer: `name: value`.
    pub can: Vec<String>,
    /// The host that was asked; `None` if nothing was sent.
    pub host: Option<String>,
    /// The time, in seconds since 1970.
    pub checked: Option<i64>,
}

impl Verdict {
    /// Returns an unknown state because of `reason`.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self {
            state: State::Unknown,
            reason: reason.into(),
            whose: Vec::new(),
            can: Vec::new(),
            host: None,
            checked: None,
        }
    }
}
