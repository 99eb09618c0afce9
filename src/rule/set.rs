//! Combines the rule sets of several files.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Rule, RuleSet};
use crate::error::{Error, Result, nearest, quoted};

impl RuleSet {
    /// Adds the rules of `more`, which were parsed from `file`.
    ///
    /// # Errors
    /// `Config` if there is already a rule with the same id.
    pub fn add(&mut self, more: Self, file: &str) -> Result<()> {
        if let Some(rule) = more.rules.iter().find(|rule| self.get(&rule.id).is_some()) {
            return Err(Error::config(format!(
                "'{file}': rule {}: another rule has the same id",
                quoted(&rule.id)
            ))
            .hint("give it another name"));
        }
        self.rules.extend(more.rules);
        Ok(())
    }

    /// Returns a digest of each rule, by id.
    ///
    /// # Panics
    /// Never: rules can always be serialised.
    pub fn digests(&self) -> BTreeMap<String, [u8; 16]> {
        let digest = |rule: &Rule| {
            let bytes = postcard::to_stdvec(rule).expect("rules are data");
            let digest = Sha256::digest(bytes);
            *digest.first_chunk().expect("a digest has 32 bytes")
        };
        let rules = self.rules.iter();
        rules.map(|rule| (rule.id.clone(), digest(rule))).collect()
    }

    /// Renames rules that have the same id as one of `others`, so that both can be used.
    pub fn rename_clashes(&mut self, others: &Self) {
        for rule in &mut self.rules {
            if others.get(&rule.id).is_some() {
                rule.id.insert_str(0, "custom-");
            }
        }
    }

    /// Removes the rule named `id`.
    ///
    /// # Errors
    /// `Config` if there is none; the nearest name is in the hint.
    pub fn remove(&mut self, id: &str) -> Result<()> {
        let at = self.rules.iter().position(|rule| rule.id == id);
        let at = at.ok_or_else(|| self.unknown(id))?;
        self.rules.remove(at);
        Ok(())
    }

    /// Returns the error for an unknown `id`.
    pub fn unknown(&self, id: &str) -> Error {
        let nearest = nearest(id, self.rules.iter().map(|rule| rule.id.as_str()));
        Error::config(format!("there is no rule {}", quoted(id))).hint(match nearest {
            Some(name) => format!("did you mean '{name}'?"),
            None => "'unleak rules list' shows all".to_owned(),
        })
    }
}
