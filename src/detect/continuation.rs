//! Whether a value goes on behind where a reader ended it.
//!
//! Shells glue words of several pieces together (`'a'\''b'`, `"a"b`), languages join literals (`"a"
//! "b"`, `"a" + "b"`), and an escaped blank does not end a word. The readers take the first piece.
//! What follows decides whether the value says that it is a part.

use crate::span::Span;

/// Bytes behind a value that are looked at.
pub(super) const REACH: usize = 64;

/// Signs that join two literals, longest first, and whether only a literal may follow: elsewhere
/// these signs join conditions or commands.
const JOINERS: [(&[u8], bool); 9] = [
    (b"||", true),
    (b"..", true),
    (b"<>", true),
    (b"++", true),
    (b"+", false),
    (b".", true),
    (b"&", true),
    (b"~", true),
    (b"^", true),
];

/// Whether the value at `value` goes on behind its end. `joins` says that two literals in a row are
/// one: not so for arguments of a command.
pub(super) fn goes_on(window: &[u8], value: Span, joins: bool) -> bool {
    let rest = &window[value.end..];
    let rest = &rest[..rest.len().min(REACH)];
    let opening = value.start.checked_sub(1).map(|at| window[at]);
    match *rest {
        [quote @ (b'"' | b'\'' | b'`'), ref after @ ..] => {
            let is_own = opening == Some(quote);
            is_glued(quote, after) || (is_own && joins && is_joined(after))
        }
        // `\ ` escapes a blank; `\n` and `\"` end a text.
        [b'\\', ..] => {
            let run = rest.iter().take_while(|byte| **byte == b'\\').count();
            let next = |ahead: usize| rest.get(run + ahead).copied();
            let is_content =
                |byte: u8| byte.is_ascii_graphic() && !b"\"'`nrtu,;)]}<>&|".contains(&byte);
            match next(0) {
                Some(b' ') => next(1).is_some_and(|byte| byte.is_ascii_graphic()),
                Some(byte) => is_content(byte),
                None => false,
            }
        }
        _ => false,
    }
}

/// Whether text is glued to the quote that closes a piece.
fn is_glued(quote: u8, after: &[u8]) -> bool {
    let is_content = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    match after {
        [b'\\', next, ..] => quote == b'\'' && *next == quote,
        [other @ (b'"' | b'\''), next, ..] => {
            is_content(next) || (*other != quote && is_quote(*next) && next != other)
        }
        [next, ..] => is_content(next),
        [] => false,
    }
}

/// Whether another literal is joined to the one that ends before `after`.
fn is_joined(after: &[u8]) -> bool {
    let (rest, is_apart) = skip_blanks(after);
    if is_apart && is_literal(rest) {
        return true;
    }
    JOINERS.iter().any(|(sign, needs_literal)| {
        let Some(operand) = rest.strip_prefix(*sign) else {
            return false;
        };
        let (operand, _) = skip_blanks(operand);
        let is_name = |byte: &u8| byte.is_ascii_alphabetic() || b"_$(".contains(byte);
        is_literal(operand) || (!needs_literal && operand.first().is_some_and(is_name))
    })
}

/// Passes over blanks, and over one line end that an indented line follows; says whether there were
/// any.
fn skip_blanks(text: &[u8]) -> (&[u8], bool) {
    let blanks = |text: &[u8]| {
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
        text.iter().take_while(is_blank).count()
    };
    let first = blanks(text);
    let rest = &text[first..];
    let line = rest.strip_prefix(b"\\").unwrap_or(rest);
    let line = line.strip_prefix(b"\r").unwrap_or(line);
    if let Some(next) = line.strip_prefix(b"\n") {
        let indent = blanks(next);
        if indent > 0 {
            return (&next[indent..], true);
        }
        return (&[], false);
    }
    (rest, first > 0)
}

/// Whether a literal with content begins here.
fn is_literal(text: &[u8]) -> bool {
    match text {
        [quote, next, ..] if is_quote(*quote) => next != quote && !next.is_ascii_whitespace(),
        [b'f' | b'b' | b'r' | b'u' | b'R' | b'L', quote, ..] => is_quote(*quote),
        _ => false,
    }
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str) -> bool {
        let start = text.find("v-1").unwrap();
        let value = Span::new(start, start + 3);
        goes_on(text.as_bytes(), value, true)
    }

    #[test]
    fn pieces_that_are_joined_are_parts() {
        for text in [
            "'v-1'\\''w'",
            "\"v-1\"w",
            "\"v-1\"'w'",
            "'v-1''w'",
            "v-1\"w",
            "v-1\"'\"w",
            "v-1\\ w",
            "v-1\\w",
            "'v-1' 'w'",
            "(\"v-1\"\n   \"w\")",
            "\"v-1\" + \"w\"",
            "\"v-1\" + suffix",
            "\"v-1\" +\n  \"w\"",
            "\"v-1\"\n  + \"w\"",
            "\"v-1\" . \"w\"",
            "\"v-1\" & \"w\"",
            "'v-1' || 'w'",
            "'v-1' \\\n 'w'",
        ] {
            assert!(ends(text), "{text}");
        }
    }

    #[test]
    fn what_ends_a_literal_ends_the_value() {
        for text in [
            "\"v-1\"",
            "\"v-1\", \"w\"",
            "\"v-1\"; x = \"w\"",
            "\"v-1\".to_string()",
            "\"v-1\" && \"w\"",
            "\"v-1\" || die",
            "\"v-1\"\n\"w\"",
            "\"v-1\" \\\n  -u x",
            "\"v-1\" \"\"",
            "'v-1')",
            "v-1\\n",
            "v-1\\\"",
            "v-1 \\",
            "v-1\\",
            "v-1\" x",
            "{\"a\": \"v-1\"}",
        ] {
            assert!(!ends(text), "{text}");
        }
    }
}
