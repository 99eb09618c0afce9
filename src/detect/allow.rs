//! Inline markers: a comment on the line of a finding, or alone on the lines right before it, that
//! says it is known. For a literal of several lines, such as a block scalar of YAML, the comment is on
//! its first line or right before that.

use super::enclosing;
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

/// Comment lines before a finding that are searched.
const MAX_COMMENT_LINES: usize = 16;

/// Whether there is any marker in a text: without one nothing in it is allowed, and to look around
/// every finding would take longer than to find it.
pub fn has_any_marker(text: &[u8]) -> bool {
    MARKERS
        .iter()
        .any(|marker| memchr::memmem::find(text, marker).is_some())
}

/// Returns whether a marker allows what `rule` found at `span` of the text of `lines`. Our own
/// marker may name the rule that it is for; what else stands behind a marker is the reason. `is_rule`
/// says whether a word names a rule, also one with a wrong letter: such a marker allows nothing. Looks
/// at up to 16 KiB: ask [`has_any_marker`] first.
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
    let allows = |line_start| is_allowed_before(bytes, line_start, rule, is_rule);
    if allows(line_start) {
        return true;
    }
    // No comment can stand inside of a literal: its first line speaks for it.
    let mut header_allows = |header: Span| {
        let text = &bytes[header.start.max(header.end.saturating_sub(MAX_REACH))..header.end];
        has_marker(text, rule, is_rule) || allows(header.start)
    };
    let is_block = bytes[span.start..span.end].contains(&b'\n');
    let list = is_block.then(|| enclosing::list_header(bytes, line_start));
    list.flatten().is_some_and(&mut header_allows)
        || enclosing::any_header(bytes, line_start, &mut header_allows)
}

/// Whether the comments right before the line at `line_start` have a marker. One beside other code
/// speaks of its own line, not of this one.
fn is_allowed_before(
    bytes: &[u8],
    line_start: usize,
    rule: &str,
    is_rule: &dyn Fn(&str) -> bool,
) -> bool {
    let own = &bytes[line_start..bytes.len().min(line_start + MAX_REACH)];
    // What is commented out has a marker right before it, or none: each such line may be about another.
    let most = if is_prose(own) { 1 } else { MAX_COMMENT_LINES };
    for line in enclosing::lines_before(bytes, line_start).take(most) {
        let text = &bytes[line.start.max(line.end.saturating_sub(MAX_REACH))..line.end];
        if is_comment(text) && has_marker(text, rule, is_rule) {
            return true;
        }
        if !is_prose(text) {
            break;
        }
    }
    false
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

/// Whether a line is a comment that a person wrote: not `#define`, nor an entry of JSON.
fn is_prose(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    let marks = [&b"#"[..], b"//", b"/*", b"*", b"--", b";", b"<!--", b"%"];
    marks.iter().any(|mark| {
        let rest = text.strip_prefix(*mark);
        rest.is_some_and(|rest| match rest.first() {
            None => true,
            Some(&byte) => byte == b' ' || byte == b'\t' || mark.contains(&byte),
        })
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
        assert!(allowed(
            "# unleak:allow test value\n# of last year\nx = SECRET"
        ));
        assert!(!allowed("// unleak:allow\n#define A 1\nx = SECRET"));
        assert!(!allowed(
            "\"//\": \"unleak:allow\",\n\"a\": 1,\n\"x\": \"SECRET\""
        ));
        // What is commented out may have a marker of its own.
        assert!(allowed("# unleak:allow\n# x = SECRET"));
        assert!(!allowed("# unleak:allow\n# y = 1\n# x = SECRET"));
    }

    #[test]
    fn the_first_line_of_a_literal_speaks_for_all_of_it() {
        assert!(allowed("# unleak:allow\nkey: |\n  a\n  SECRET"));
        assert!(allowed("# unleak:allow\n# made up\nkey: >-\n  SECRET"));
        assert!(allowed("key: | # unleak:allow\n  a: b\n  SECRET"));
        assert!(allowed("# unleak:allow\nkey = \"\"\"\nSECRET\n\"\"\""));
        assert!(allowed("// unleak:allow\nconst key = `\nSECRET`"));
        assert!(!allowed("# unleak:allow\nother: 1\nkey: |\n  SECRET"));
        assert!(!allowed("# unleak:allow\nkey: |\n  a\nother: SECRET"));
        assert!(!allowed("# unleak:allow\nkey:\n  SECRET"));
    }

    #[test]
    fn a_comment_before_a_list_speaks_for_a_block_that_begins_it() {
        let text = "// unleak:allow\n\"key\": [\n  \"SECRET\",\n  \"more\"\n]";
        let at = text.find("SECRET").unwrap();
        let is_allowed = |end| {
            let lines = &mut LineStarts::new(text.as_bytes());
            is_allowed(lines, Span::new(at, end), "x", &|_| false)
        };
        assert!(is_allowed(text.find("more").unwrap()));
        // Not for a value of one line: the others of the list may be real.
        assert!(!is_allowed(at + 6));
    }
}
