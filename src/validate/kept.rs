//! The cache of answers between runs: a keyed digest of each request, the state, and the time. It
//! contains neither the answer nor the secret.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::State;

/// Answers by the digest of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerCache {
    /// The version of the format.
    version: u32,
    answers: BTreeMap<String, CachedAnswer>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CachedAnswer {
    state: String,
    /// Seconds since 1970.
    checked: i64,
}

/// The version of the format that this program writes.
const VERSION: u32 = 1;

impl AnswerCache {
    /// Parses the cache; empty if it has another version or is damaged.
    pub fn read(bytes: &[u8]) -> Self {
        let kept: Option<Self> = serde_json::from_slice(bytes).ok();
        kept.filter(|kept| kept.version == VERSION)
            .unwrap_or_default()
    }

    /// Returns the content of the cache file.
    ///
    /// # Panics
    /// Never: strings and numbers can always be serialised.
    pub fn write(&self) -> Vec<u8> {
        let mut kept = self.clone();
        kept.version = VERSION;
        serde_json::to_vec(&kept).expect("strings and numbers have a form")
    }

    /// Removes entries that are older than `oldest`, or newer than `now`, in seconds since 1970.
    pub fn expire(&mut self, oldest: i64, now: i64) {
        let is_fresh = |entry: &CachedAnswer| (oldest..=now).contains(&entry.checked);
        self.answers.retain(|_, entry| is_fresh(entry));
    }

    /// Returns the answer to a question.
    pub(super) fn get(&self, digest: &str) -> Option<(State, i64)> {
        let entry = self.answers.get(digest)?;
        Some((State::from_name(&entry.state)?, entry.checked))
    }

    /// Adds an answer. Unknown states are not cached, so that they are asked again.
    pub(super) fn keep(&mut self, digest: String, state: State, checked: i64) {
        if state == State::Unknown {
            return;
        }
        let state = state.name().to_owned();
        self.answers.insert(digest, CachedAnswer { state, checked });
    }

    /// Removes the answer to a question.
    pub(super) fn forget(&mut self, digest: &str) {
        self.answers.remove(digest);
    }
}

/// Returns the digest of a question.
pub(super) fn digest(key: &[u8], question: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length will do");
    mac.update(b"unleak answer 1\0");
    mac.update(question);
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()[..16])
}
