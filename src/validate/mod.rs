//! Whether a secret is still active: asks its issuer, and judges the answer by the rule's conditions.
//!
//! ```text
//! network < render, judge < special, login < plan < engine;  kept;  render < prove
//! ```
//!
//! Nothing here opens a connection. The program hands in a [`Network`], which sends what it is given to the
//! host that it is given, and nowhere else. Only an answer that the rule names makes a secret active or
//! inactive; whatever else happens, its state is unknown, with the reason. No text here holds a secret.

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

pub use engine::{Limits, Validator};
pub use network::Network;
pub use plan::{Hosts, Question};
pub use prove::prove;

/// What is known of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its issuer accepts it.
    Active,
    /// Nothing is known, or the answer is ambiguous.
    Unknown,
    /// Its issuer does not accept it.
    Inactive,
}

impl State {
    /// All, the worst first.
    pub const ALL: [Self; 3] = [Self::Active, Self::Unknown, Self::Inactive];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is known.
    pub state: State,
    /// Why, in words.
    pub reason: String,
    /// Whose it is, as the issuer says: `name: value`.
    pub whose: Vec<String>,
    /// What it can do, and how long, as the issuer says: `name: value`.
    pub can: Vec<String>,
    /// The host that was asked; `None` if nobody was.
    pub host: Option<String>,
    /// When, in seconds since 1970.
    pub checked: Option<i64>,
}

impl Verdict {
    /// Nothing is known, because of `reason`.
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
