//! The filter that all repository text passes on its way into a report: it knows every value
//! found, and replaces it wherever it stands, in a path, a name, a ref or an excerpt.

use std::borrow::Cow;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::audit::Audit;
use crate::finding::{Finding, Side};
use crate::secret::Secret;

/// Whether values are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reveal {
    /// Only as a redacted mark.
    Redacted,
    /// In full: the user asked for it.
    Shown,
}

/// Knows the values of all findings.
pub struct Redactor {
    values: Option<(AhoCorasick, Vec<String>)>,
    reveal: Reveal,
}

impl Redactor {
    /// Collects the values of all that was found, suppressed or not.
    pub fn of(audit: &Audit, reveal: Reveal) -> Self {
        let suppressed = audit.coverage.suppressed.iter();
        let more = suppressed.map(|entry| &entry.secret);
        Self::with(
            &audit.findings,
            more.chain(&audit.coverage.filtered),
            reveal,
        )
    }

    /// Collects the values of `findings`, as they are and percent-encoded.
    pub fn new(findings: &[Finding], reveal: Reveal) -> Self {
        Self::with(findings, std::iter::empty(), reveal)
    }

    fn with<'a>(
        findings: &'a [Finding],
        more: impl Iterator<Item = &'a Arc<Secret>>,
        reveal: Reveal,
    ) -> Self {
        let mut forms: Vec<(Vec<u8>, String)> = Vec::new();
        let with = findings.iter().flat_map(|finding| &finding.with);
        let secrets = findings.iter().map(|finding| &finding.secret);
        for secret in secrets.chain(with.map(|part| &part.secret)).chain(more) {
            let mark = secret.redacted();
            let value = secret.reveal();
            forms.push((value.to_vec(), mark.clone()));
            let encoded = percent_encoded(value);
            if encoded != value {
                forms.push((encoded, mark));
            }
        }
        forms.sort_unstable();
        forms.dedup();
        let (values, marks): (Vec<_>, Vec<_>) = forms.into_iter().unzip();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&values)
            .ok();
        // Too many values for an automaton: everything is redacted whole rather than nothing.
        Self {
            values: automaton.map(|automaton| (automaton, marks)),
            reveal,
        }
    }

    /// Whether values are hidden.
    pub fn hides(&self) -> bool {
        self.reveal == Reveal::Redacted
    }

    /// Returns `text` with every value replaced by its mark.
    pub fn text<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if self.reveal == Reveal::Shown {
            return Cow::Borrowed(text);
        }
        match &self.values {
            None => Cow::Owned("…".into()),
            Some((automaton, _)) if !automaton.is_match(text) => Cow::Borrowed(text),
            Some((automaton, marks)) => Cow::Owned(automaton.replace_all_bytes(text, marks)),
        }
    }

    /// Returns a part of a line: what stands in another secret's place is never shown, even if that
    /// is too unsure to be reported, encoded, or cut.
    pub fn side(&self, side: &Side) -> Vec<u8> {
        if self.reveal == Reveal::Shown {
            return side.bytes.clone();
        }
        let mut text = Vec::new();
        let mut shown = 0;
        for hidden in &side.hidden {
            text.extend_from_slice(&self.text(&side.bytes[shown..hidden.start]));
            let covered = &side.bytes[hidden.start..hidden.end];
            text.extend_from_slice(self.mark_of(covered).unwrap_or("…").as_bytes());
            shown = hidden.end;
        }
        text.extend_from_slice(&self.text(&side.bytes[shown..]));
        text
    }

    /// The mark of `text` if it is one value and nothing else.
    fn mark_of(&self, text: &[u8]) -> Option<&str> {
        let (automaton, marks) = self.values.as_ref()?;
        let found = automaton.find(text)?;
        (found.range() == (0..text.len())).then(|| marks[found.pattern().as_usize()].as_str())
    }

    /// Returns how a secret itself is written.
    pub fn secret(&self, secret: &Secret) -> Vec<u8> {
        match self.reveal {
            Reveal::Redacted => secret.redacted().into_bytes(),
            Reveal::Shown => secret.reveal().to_vec(),
        }
    }
}

fn percent_encoded(value: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(value.len());
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(byte);
        } else {
            encoded.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    encoded
}
