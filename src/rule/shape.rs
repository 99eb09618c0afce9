//! What the secret of an expression is made of: most words of an issuer's name have no such value near.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::parse::parse_regex;

/// Shorter values are near nearly every word.
const MIN_LEN: usize = 8;

/// The bytes of a secret, and how many there are at least.
pub struct SecretShape {
    is_allowed: [bool; 256],
    least: usize,
}

impl SecretShape {
    /// That of the first group of `regex`, without which there is no match. `None` if there is no such group,
    /// or if it can be short.
    pub fn of(regex: &str) -> Option<Self> {
        let whole = parse_regex(regex).ok()?;
        let secret = group(&whole)?;
        let least = secret.properties().minimum_len()?;
        let mut is_allowed = [false; 256];
        (least >= MIN_LEN && allow(secret, &mut is_allowed)).then_some(Self { is_allowed, least })
    }

    /// Whether a text of that shape stands in `bytes`.
    pub fn stands_in(&self, bytes: &[u8]) -> bool {
        // A run of so many bytes ends at or behind `last`.
        let mut last = self.least - 1;
        while last < bytes.len() {
            let first = last + 1 - self.least;
            let run = &bytes[first..=last];
            match run
                .iter()
                .rposition(|&byte| !self.is_allowed[usize::from(byte)])
            {
                Some(other) => last = first + other + self.least,
                None => return true,
            }
        }
        false
    }
}

/// The first group of `hir` that every match has.
fn group(hir: &Hir) -> Option<&Hir> {
    match hir.kind() {
        HirKind::Capture(capture) if capture.index == 1 => Some(&capture.sub),
        HirKind::Concat(parts) => parts.iter().find_map(group),
        _ => None,
    }
}

/// Notes every byte that a match of `hir` can have; returns whether that could be told.
fn allow(hir: &Hir, is_allowed: &mut [bool; 256]) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            for &byte in &literal.0 {
                is_allowed[usize::from(byte)] = true;
            }
            true
        }
        HirKind::Class(Class::Bytes(class)) => {
            for range in class.ranges() {
                for byte in range.start()..=range.end() {
                    is_allowed[usize::from(byte)] = true;
                }
            }
            true
        }
        HirKind::Class(Class::Unicode(_)) => false,
        HirKind::Repetition(repeated) => allow(&repeated.sub, is_allowed),
        HirKind::Capture(capture) => allow(&capture.sub, is_allowed),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().all(|part| allow(part, is_allowed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_shape_if_a_run_of_it_is_long_enough() {
        let shape =
            SecretShape::of("(?i:acme)[a-z_]{0,9}=(?P<secret>[0-9a-f]{8,12}(?:-[0-9]{4})?)");
        let shape = shape.unwrap();
        for (text, stands) in [
            ("acme = 0123abcd", true),
            ("0123abcd", true),
            ("acme = 0123abc", false),
            ("0123ab-d", true),
            ("0123abcx0123abcx0123abc", false),
            ("xxxxxxxxxxxxx01234567xx", true),
            ("", false),
        ] {
            assert_eq!(shape.stands_in(text.as_bytes()), stands, "{text}");
        }
    }

    #[test]
    fn groups_that_a_match_can_lack_say_nothing() {
        for regex in [
            "a(?P<secret>[0-9]{8})?",
            "a(?:(?P<secret>[0-9]{8})|b)",
            "a(?P<secret>[0-9]{7})",
            "a[0-9]{8}",
        ] {
            assert!(SecretShape::of(regex).is_none(), "{regex}");
        }
    }
}
