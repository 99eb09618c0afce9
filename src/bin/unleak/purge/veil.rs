//! Hides secrets that a plan does not erase: its lines are those of files, and may show others.

use unleak::detect::Detector;
use unleak::error::Result;
use unleak::finding::Finding;
use unleak::report::redact::{Redactor, Reveal};
use unleak::rule::RuleSet;

use crate::found::without_secrets;

/// What is hidden.
#[derive(Default)]
pub(super) struct Veil {
    /// Values that the scan found, wherever they stand.
    values: Option<Redactor>,
    /// What rules find in a line by itself.
    detector: Option<Detector>,
}

impl Veil {
    /// Hides what `rules` find.
    ///
    /// # Errors
    /// `Config` if a rule cannot be used.
    pub(super) fn new(rules: &RuleSet) -> Result<Self> {
        Ok(Self::over(&[], Detector::compile(rules.clone())?))
    }

    /// Hides `findings`, and what `detector` finds.
    pub(super) fn over(findings: &[Finding], detector: Detector) -> Self {
        Self {
            values: Some(Redactor::new(findings, Reveal::Redacted)),
            detector: Some(detector),
        }
    }

    /// A name with every value of the scan hidden.
    pub(super) fn name(&self, name: &[u8]) -> String {
        let hidden = self.values.as_ref().map(|values| values.text(name));
        String::from_utf8_lossy(hidden.as_deref().unwrap_or(name)).into_owned()
    }

    /// Lines for people with every value of the scan, and all that rules find in one of them, hidden.
    pub(super) fn lines(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let Some(detector) = &self.detector else {
                out.push_str(line);
                continue;
            };
            out.push_str(&self.name(&without_secrets(detector, line)));
        }
        out
    }
}
