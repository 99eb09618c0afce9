//! Answers that are kept between runs: a keyed digest of what was asked, the state, and when. Never the
//! answer, never the secret.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::State;

/// Answers by the digest of the question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Raised when an entry changes its meaning.
    version: u32,
    answers: BTreeMap<String, Entry>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    state: String,
    /// Seconds since 1970.
    checked: i64,
}

/// The version of this program.
const VERSION: u32 = 1;

impl Kept {
    /// Reads what was written; nothing if it is of another version, or damaged.
    pub fn read(bytes: &[u8]) -> Self {
        let kept: Option<Self> = serde_json::from_slice(bytes).ok();
        kept.filter(|kept| kept.version == VERSION)
            .unwrap_or_default()
    }

    /// The bytes of the file.
    ///
    /// # Panics
    /// Never: strings and numbers have a form.
    pub fn write(&self) -> Vec<u8> {
        let mut kept = self.clone();
        kept.version = VERSION;
        serde_json::to_vec(&kept).expect("strings and numbers have a form")
    }

    /// Drops what is older than `oldest`, in seconds since 1970, or was checked after `now`.
    pub fn expire(&mut self, oldest: i64, now: i64) {
        let is_fresh = |entry: &Entry| (oldest..=now).contains(&entry.checked);
        self.answers.retain(|_, entry| is_fresh(entry));
    }

    /// The answer to a question.
    pub(super) fn get(&self, digest: &str) -> Option<(State, i64)> {
        let entry = self.answers.get(digest)?;
        Some((State::from_name(&entry.state)?, entry.checked))
    }

    /// Keeps an answer; what is unknown is asked again the next time.
    pub(super) fn keep(&mut self, digest: String, state: State, checked: i64) {
        if state == State::Unknown {
            return;
        }
        let state = state.name().to_owned();
        self.answers.insert(digest, Entry { state, checked });
    }

    /// Forgets the answer to a question.
    pub(super) fn forget(&mut self, digest: &str) {
        self.answers.remove(digest);
    }
}

/// The digest under which the answer to a question is kept.
pub(super) fn digest(key: &[u8], question: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length will do");
    mac.update(b"unleak answer 1\0");
    mac.update(question);
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()[..16])
}
