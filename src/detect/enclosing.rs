//! The first line of a literal that spans several lines, for comments that cannot stand inside of it.
//!
//! Known are the block scalars of YAML, triple-quoted strings (Python, TOML, Kotlin, Swift), template
//! and raw strings in backticks, and here-documents (shell, Terraform, PHP, Ruby). The search goes up
//! from the line of a secret and is bounded, so its cost does not grow with the file.

use crate::span::Span;

/// Bytes that are looked at before a line.
const MAX_BYTES: usize = 16 << 10;
/// Words that may end a here-document, remembered while the search goes up.
const MAX_WORDS: usize = 64;

/// Delimiters that open and close a literal alike.
const DELIMITERS: [&[u8]; 3] = [b"\"\"\"", b"'''", b"`"];

/// Shows to `see` the first line of every literal that the line at `line_start` is in, the innermost
/// first, until `see` returns true; returns whether it did.
pub(super) fn any_header(
    bytes: &[u8],
    line_start: usize,
    see: &mut dyn FnMut(Span) -> bool,
) -> bool {
    let own = &bytes[line_start..];
    // The smallest indentation so far: what is in a block scalar is deeper than its header.
    let mut least = indentation(own);
    let mut is_outside = [false; DELIMITERS.len()];
    let mut words: Vec<&[u8]> = Vec::new();
    for line in lines_before(bytes, line_start) {
        let text = bytes[line.start..line.end].trim_ascii_end();
        let depth = indentation(text);
        if depth == text.len() {
            continue;
        }
        let mut is_header = depth < least && opens_scalar(text);
        least = least.min(depth);
        for (delimiter, is_outside) in DELIMITERS.iter().zip(&mut is_outside) {
            match side(text, delimiter) {
                Some(Side::Opens) if !*is_outside => is_header = true,
                Some(Side::Closes) => *is_outside = true,
                _ => {}
            }
        }
        match heredoc(text) {
            Some(word) if !words.contains(&word) => is_header = true,
            _ => {}
        }
        let word = text.trim_ascii();
        if words.len() < MAX_WORDS && word.iter().all(|&byte| is_word(byte)) {
            words.push(word);
        }
        if is_header && see(line) {
            return true;
        }
    }
    false
}

/// The line that opens the list or call in which the line at `line_start` comes first.
pub(super) fn list_header(bytes: &[u8], line_start: usize) -> Option<Span> {
    let line = lines_before(bytes, line_start).next()?;
    let text = bytes[line.start..line.end].trim_ascii_end();
    matches!(text.last(), Some(b'[' | b'(')).then_some(line)
}

/// The lines before the one at `line_start`, the nearest first, without their newlines. A line that
/// begins too far away is not among them.
pub(super) fn lines_before(bytes: &[u8], line_start: usize) -> impl Iterator<Item = Span> + '_ {
    let first = line_start.saturating_sub(MAX_BYTES);
    let mut next = line_start;
    std::iter::from_fn(move || {
        let end = next.checked_sub(1)?;
        let part = bytes.get(first..end)?;
        let start = match memchr::memrchr(b'\n', part) {
            Some(newline) => first + newline + 1,
            None if first == 0 => 0,
            None => return None,
        };
        next = start;
        Some(Span::new(start, end))
    })
}

fn indentation(line: &[u8]) -> usize {
    let blank = |byte: &&u8| matches!(**byte, b' ' | b'\t');
    line.iter().take_while(blank).count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether a line of YAML ends with the indicator of a block scalar, as in `key: |-`; a comment may
/// follow (YAML 1.2.2, section 8.1.1).
fn opens_scalar(line: &[u8]) -> bool {
    let comment = memchr::memmem::rfind(line, b" #").unwrap_or(line.len());
    [line.len(), comment].into_iter().any(|end| {
        let text = line[..end].trim_ascii_end();
        let is_modifier = |byte: &&u8| matches!(**byte, b'+' | b'-' | b'1'..=b'9');
        let modifiers = text.iter().rev().take_while(is_modifier).take(2).count();
        let before = &text[..text.len() - modifiers];
        let before = before.strip_suffix(b"|").or(before.strip_suffix(b">"));
        before.is_some_and(|before| {
            let last = before.trim_ascii_end();
            let word = last.rsplit(|byte| byte.is_ascii_whitespace()).next();
            let is_property = word.is_some_and(|word| matches!(word.first(), Some(b'!' | b'&')));
            last.len() < before.len() && (matches!(last.last(), Some(b':' | b'-')) || is_property)
        })
    })
}

/// What a delimiter does in a line.
enum Side {
    Opens,
    Closes,
}

/// `None` if the delimiter leaves things as they were.
fn side(line: &[u8], delimiter: &[u8]) -> Option<Side> {
    let places: Vec<usize> = memchr::memmem::find_iter(line, delimiter).collect();
    if places.len().is_multiple_of(2) {
        return None;
    }
    let before = line[..*places.last()?].trim_ascii_end();
    let letters = before
        .iter()
        .rev()
        .take_while(|byte| is_word(**byte))
        .count();
    let operator = before[..before.len() - letters].trim_ascii_end().last();
    let is_operator = matches!(
        operator,
        Some(b'=' | b'(' | b'[' | b'{' | b',' | b':' | b'+' | b'?' | b'>' | b'.')
    );
    // Before a literal there may be a prefix or tag, as in 'rb"""' and 'sql`'.
    let is_tag = letters > 0 && (letters <= 2 || delimiter == b"`" || before.ends_with(b"return"));
    match is_operator && (letters == 0 || is_tag) || before.ends_with(b"return") {
        true => Some(Side::Opens),
        false => Some(Side::Closes),
    }
}

/// The word that ends the here-document which a line opens, as in `<<-'EOF'`.
fn heredoc(line: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::rfind(line, b"<<")?;
    let rest = line[at + 2..].strip_prefix(b"<").unwrap_or(&line[at + 2..]);
    let rest = rest.trim_ascii_start();
    let rest = match rest {
        [b'-' | b'~', rest @ ..] => rest,
        rest => rest,
    };
    let rest = rest
        .strip_prefix(b"'")
        .or(rest.strip_prefix(b"\""))
        .unwrap_or(rest);
    let len = rest.iter().take_while(|byte| is_word(**byte)).count();
    (len > 0 && !rest[0].is_ascii_digit()).then_some(&rest[..len])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &str) -> Vec<&str> {
        let at = text.find("SECRET").unwrap();
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let mut found = Vec::new();
        any_header(text.as_bytes(), start, &mut |line| {
            found.push(text[line.start..line.end].trim());
            false
        });
        found
    }

    #[test]
    fn literals_of_several_lines_are_known_by_their_first() {
        for (text, header) in [
            ("key: |\n  SECRET", "key: |"),
            ("- >-\n  a\n\n  SECRET", "- >-"),
            (
                "a:\n  key: !!binary |2+ # note\n    b\n      c\n    SECRET",
                "key: !!binary |2+ # note",
            ),
            ("x = \"\"\"\na\nSECRET\n\"\"\"", "x = \"\"\""),
            ("f(rb'''a\nSECRET'''", concat!("f(rb'", "''a")),
            ("const k = sql`\nSECRET`", "const k = sql`"),
            ("key = <<-EOT\nSECRET\nEOT", "key = <<-EOT"),
            ("cat <<'EOF' >x\nSECRET\nEOF", "cat <<'EOF' >x"),
        ] {
            assert_eq!(headers(text), [header], "{text}");
        }
        assert_eq!(
            headers("run: |\n  cat <<EOF\n  SECRET\n  EOF"),
            ["cat <<EOF", "run: |"]
        );
    }

    #[test]
    fn what_is_outside_of_a_literal_has_no_header() {
        for text in [
            "key: |\n  a\nSECRET",
            "a:\n  note: |\n    b\n  SECRET",
            "x = \"\"\"\na\n\"\"\"\nSECRET",
            "\"\"\"one line\"\"\"\nSECRET",
            "cat <<EOF\na\nEOF\nSECRET",
            "a: b|\n  SECRET",
            "if a <<\n  SECRET",
        ] {
            assert_eq!(headers(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn the_search_is_bounded() {
        let text = format!("key: |\n{}  SECRET", "  a\n".repeat(MAX_BYTES));
        assert_eq!(headers(&text), [""; 0]);
        let text = format!("key: |\n  {}\n  SECRET", "a".repeat(2 * MAX_BYTES));
        assert_eq!(headers(&text), [""; 0]);
    }
}
