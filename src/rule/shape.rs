//! What a match of an expression, or the secret in it, is made of: most keywords have no such text near.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::parse::parse_regex;

/// Shorter values are near nearly every word.
const MIN_LEN: usize = 8;

/// The bytes of a text, and how many there are at least.
pub struct Shape {
    is_allowed: [bool; 256],
    least: usize,
    /// Whether it is the whole match, and begins where that does.
    is_start: bool,
}

impl Shape {
    /// That of the first group of `regex`, without which there is no match; or of the whole match if there is
    /// no group and it `begins_here`. `None` if it can be short.
    pub fn of(regex: &str, begins_here: bool) -> Option<Self> {
        let whole = parse_regex(regex).ok()?;
        let secret = group(&whole);
        let is_start = secret.is_none() && begins_here;
        let part = secret.or(begins_here.then_some(&whole))?;
        let least = part.properties().minimum_len()?;
        let mut is_allowed = [false; 256];
        let is_told = least >= MIN_LEN && allow(part, &mut is_allowed);
        is_told.then_some(Self {
            is_allowed,
            least,
            is_start,
        })
    }

    /// Whether a text of that shape stands in `bytes`, at their beginning if it is all of a match.
    pub fn stands_in(&self, bytes: &[u8]) -> bool {
        if self.is_start {
            let start = bytes.get(..self.least);
            return start
                .is_some_and(|start| start.iter().all(|&byte| self.is_allowed[usize::from(byte)]));
        }
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
        let shape = Shape::of(
            "(?i:acme)[a-z_]{0,9}=(?P<secret>[0-9a-f]{8,12}(?:-[0-9]{4})?)",
            true,
        );
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
            assert!(Shape::of(regex, false).is_none(), "{regex}");
        }
    }

    #[test]
    fn a_match_without_a_group_stands_at_the_beginning() {
        let shape = Shape::of("acme_[0-9]{8}(?:[a-f]{4})?", true).unwrap();
        assert!(shape.stands_in(b"acme_01234567 "));
        assert!(!shape.stands_in(b"acme_0123456"));
        assert!(!shape.stands_in(b" acme_01234567"));
        assert!(!shape.stands_in(b"acme_0123 567"));
    }
}
