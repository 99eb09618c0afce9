//! Whether a value goes on behind where a reader ended it.
//!
//! Shells glue words of several pieces together (`'a'\''b'`, `"a"b`), languages join literals (`"a"
//! "b"`, `"a" + "b"`), and an escaped blank does not end a word. The readers take the first piece.
//! What follows decides whether the value says that it is a part.

use crate::span::Span;

/// Bytes behind a value that are looked at.
pub(super) const REACH: usize = 128;

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
            is_glued(quote, after) || (is_own && joins && (is_joined(after) || is_called(after)))
        }
        // `\ ` escapes a blank; `\n` and `\"` end a text.
        [b'\\', ..] => {
            let run = rest.iter().take_while(|byte| **byte == b'\\').count();
            let next = |ahead: usize| rest.get(run + ahead).copied();
            let is_content =
                |byte: u8| byte.is_ascii_graphic() && !b"\"'`nrtu,;)]}<>&|".contains(&byte);
            match next(0) {
                Some(b'"' | b'\'' | b'`') => {
                    next(1).is_some_and(|byte| byte.is_ascii_alphanumeric())
                }
                Some(b' ') => next(1).is_some_and(|byte| byte.is_ascii_graphic()),
                Some(byte) => is_content(byte),
                None => false,
            }
        }
        _ => false,
    }
}

/// Whether text is glued to the escaped quote that ends before `after`.
pub(super) fn is_glued_to_escaped(after: &[u8]) -> bool {
    after.first().is_some_and(is_content)
}

/// Whether a byte right behind a closing quote goes on with the value: no language has it there.
fn is_content(byte: &u8) -> bool {
    is_text(byte) || b"%!^@~$*".contains(byte)
}

fn is_text(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// Whether a literal is put together with others by a method: `"a".concat("b")`, `["a", "b"].join("")`.
fn is_called(after: &[u8]) -> bool {
    after.starts_with(b".concat(")
        || memchr::memmem::find(after, b"].join(").is_some_and(|end| {
            // In the same list.
            !after[..end].iter().any(|byte| b"[{};\n".contains(byte))
        })
}

/// Whether text is glued to the quote that closes a piece.
fn is_glued(quote: u8, after: &[u8]) -> bool {
    match after {
        [b'\\', next, ..] => quote == b'\'' && *next == quote,
        [other @ (b'"' | b'\''), next, ..] => {
            is_text(next) || (*other != quote && is_quote(*next) && next != other)
        }
        [next, ..] => is_content(next),
        [] => false,
    }
}

/// Whether another literal is joined to the one that ends before `after`.
fn is_joined(after: &[u8]) -> bool {
    let gap = Gap::before(after);
    let rest = &after[gap.len..];
    // On another line, what goes on is indented.
    if gap.has_line && !gap.is_indented {
        return false;
    }
    if gap.len > 0 && is_literal(rest) {
        return true;
    }
    JOINERS.iter().any(|(sign, needs_literal)| {
        let Some(operand) = rest.strip_prefix(*sign) else {
            return false;
        };
        let operand = &operand[Gap::before(operand).len..];
        let is_name = |byte: &u8| byte.is_ascii_alphabetic() || b"_$(".contains(byte);
        is_literal(operand) || (!needs_literal && operand.first().is_some_and(is_name))
    })
}

/// Blanks, comments and line ends between two pieces.
struct Gap {
    len: usize,
    has_line: bool,
    /// Whether a blank comes before what follows.
    is_indented: bool,
}

impl Gap {
    fn before(text: &[u8]) -> Self {
        let mut gap = Self {
            len: 0,
            has_line: false,
            is_indented: false,
        };
        loop {
            let rest = &text[gap.len..];
            let line = || memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let is_apart = gap.is_indented || gap.has_line;
            gap.len += match rest {
                [b' ' | b'\t', ..] => {
                    gap.is_indented = true;
                    1
                }
                [b'\r', b'\n', ..] => {
                    (gap.has_line, gap.is_indented) = (true, false);
                    2
                }
                [b'\n', ..] => {
                    (gap.has_line, gap.is_indented) = (true, false);
                    1
                }
                // Escaped line ends; those of Visual Basic.
                [b'\\' | b'_', b'\r' | b'\n', ..] => 1,
                [b'/', b'*', inner @ ..] => match memchr::memmem::find(inner, b"*/") {
                    Some(end) => end + 4,
                    None => return gap,
                },
                [b'/', b'/', ..] => line(),
                [b'#', ..] if is_apart => line(),
                _ => return gap,
            };
        }
    }
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
            "\"v-1\" + // c\n  \"w\"",
            "\"v-1\" + /* c */ \"w\"",
            "\"v-1\" +\n\n \"w\"",
            "\"v-1\"\n  // c\n  + \"w\"",
            "(\"v-1\"  # c\n \"w\")",
            "\"v-1\" +\n\t// c\n\t\"w\"",
            "\"v-1\" & _\n \"w\"",
            "\"v-1\".concat(\"w\")",
            "[\"v-1\",\"w\"].join(\"\")",
            "\"v-1\"$X\"w\"",
            "\"v-1\"%w",
            "v-1\\\"w",
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
            "\"v-1\" // \"w\"",
            "\"v-1\"\n\n// c\nx = \"w\"",
            "[\"v-1\"]; y = [\"w\"].join()",
        ] {
            assert!(!ends(text), "{text}");
        }
    }
}
