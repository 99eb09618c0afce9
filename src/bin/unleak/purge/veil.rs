//! Hides secrets that a plan does not erase: its lines are those of files, and may show others.

use unleak::detect::{Detector, Hits, Scratch};
use unleak::error::Result;
use unleak::finding::Finding;
use unleak::report::redact::{Redactor, Reveal};
use unleak::rule::{Confidence, RuleSet};

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
        let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
        let mut out = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            let Some(detector) = &self.detector else {
                out.push_str(line);
                continue;
            };
            detector.scan_name(line.as_bytes(), &mut scratch, &mut hits);
            let mut shown = Vec::new();
            let mut at = 0;
            for found in detector.matches(line.as_bytes(), &hits) {
                if found.confidence < Confidence::Medium || found.secret_span.start < at {
                    continue;
                }
                shown.extend_from_slice(&line.as_bytes()[at..found.secret_span.start]);
                shown.extend_from_slice(found.secret.redacted().as_bytes());
                at = found.secret_span.end;
            }
            shown.extend_from_slice(&line.as_bytes()[at..]);
            out.push_str(&self.name(&shown));
        }
        out
    }
}
