//! Inline markers: a comment on the line of a finding, or alone on the line before it, that says
//! it is known.

use crate::span::{LineStarts, Span};

/// Our own marker first, then those of other tools that people have in their files.
const MARKERS: [&[u8]; 7] = [
    b"unleak:allow",
    b"gitleaks:allow",
    b"betterleaks:allow",
    b"trufflehog:ignore",
    b"kingfisher:ignore",
    b"pragma: allowlist secret",
    b"ggignore",
];

/// Bytes of a line on either side of a finding that are searched: lines can be many megabytes.
const MAX_REACH: usize = 2048;

/// Returns whether a marker allows what `rule` found at `span` of the text of `lines`. Our own
/// marker may name the rule that it is for; what else stands behind a marker is the reason.
pub fn is_allowed(
    lines: &mut LineStarts<'_>,
    span: Span,
    rule: &str,
    is_rule: &dyn Fn(&str) -> bool,
) -> bool {
    let (bytes, line_start) = (lines.bytes(), lines.of(span.start));
    let from = line_start.max(span.start.saturating_sub(MAX_REACH));
    // A block of several lines may carry the marker on its first.
    let to = bytes.len().min(span.start + MAX_REACH);
    let newline = memchr::memchr(b'\n', &bytes[span.start..to]);
    let to = newline.map_or(to, |newline| span.start + newline);
    if has_marker(&bytes[from..to], rule, is_rule) {
        return true;
    }
    let Some(before) = line_start.checked_sub(1) else {
        return false;
    };
    let from = before.saturating_sub(MAX_REACH);
    let newline = memchr::memrchr(b'\n', &bytes[from..before]);
    let previous = &bytes[newline.map_or(from, |newline| from + newline + 1)..before];
    // A marker beside other code on the line before speaks of that line, not of this one.
    is_comment(previous) && has_marker(previous, rule, is_rule)
}

fn has_marker(text: &[u8], rule: &str, is_rule: &dyn Fn(&str) -> bool) -> bool {
    let (own, others) = MARKERS.split_first().expect("there are markers");
    if others
        .iter()
        .any(|marker| memchr::memmem::find(text, marker).is_some())
    {
        return true;
    }
    memchr::memmem::find_iter(text, own).any(|at| {
        let rest = text[at + own.len()..].trim_ascii_start();
        let is_id = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let len = rest.iter().take_while(|byte| is_id(byte)).count();
        let word = String::from_utf8_lossy(&rest[..len]);
        word == rule || !is_rule(&word)
    })
}

fn is_comment(line: &[u8]) -> bool {
    let text = line.trim_ascii_start();
    [
        &b"#"[..],
        b"//",
        b"/*",
        b"*",
        b"--",
        b";",
        b"<!--",
        b"%",
        b"\"",
        b"'",
    ]
    .iter()
    .any(|mark| text.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> bool {
        let at = text.find("SECRET").unwrap();
        let is_rule = |word: &str| ["x-key", "y-key"].contains(&word);
        is_allowed(
            &mut LineStarts::new(text.as_bytes()),
            Span::new(at, at + 6),
            "x-key",
            &is_rule,
        )
    }

    #[test]
    fn a_marker_may_name_the_rule_that_it_is_for() {
        assert!(allowed(
            "x = SECRET # unleak:allow x-key of the test account"
        ));
        assert!(!allowed(
            "x = SECRET # unleak:allow y-key: of the test account"
        ));
        assert!(allowed("x = SECRET # unleak:allow y-keys are made up"));
        assert!(allowed(
            "x = SECRET # unleak:allow y-key unleak:allow x-key"
        ));
    }

    #[test]
    fn a_marker_counts_on_its_line_and_alone_on_the_one_before() {
        assert!(allowed("x = SECRET # unleak:allow test value"));
        assert!(allowed("// unleak:allow\nx = SECRET"));
        assert!(!allowed("y = 1 # unleak:allow\nx = SECRET"));
        assert!(!allowed("x = SECRET\n# unleak:allow"));
        assert!(!allowed("# unleak:allow\n\nx = SECRET"));
    }
}
