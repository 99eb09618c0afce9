//! What an undo brought over to the restored history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::odb::ObjectId;

/// What became of commits and tags that people made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Carried {
    /// Ids on the new history, and on the restored one.
    pub(crate) new: BTreeMap<String, String>,
    /// Those that stay on the new history.
    pub(crate) staying: Vec<String>,
    /// Those that were signed.
    pub(crate) unsigned: Vec<String>,
}

impl Carried {
    /// What `id` became.
    pub(crate) fn of(&self, id: &gix::oid) -> Option<ObjectId> {
        let new = self.new.get(&id.to_string())?;
        ObjectId::from_hex(new.as_bytes()).ok()
    }

    /// Adds what another attempt made.
    pub(crate) fn extend(&mut self, other: Self) {
        self.new.extend(other.new);
        self.staying.extend(other.staying);
        self.unsigned.extend(other.unsigned);
    }

    /// Whether something became `id`.
    pub(crate) fn has_new(&self, id: &gix::oid) -> bool {
        let id = id.to_string();
        self.new.values().any(|new| *new == id)
    }

    /// Whether `id` is on the new history and stays there.
    pub(crate) fn stays(&self, id: &gix::oid) -> bool {
        self.staying.contains(&id.to_string())
    }
}
