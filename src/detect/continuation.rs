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
const JOINERS: [(&[u8], bool); 11] = [
    (b"||", true),
    (b"..", true),
    (b"<>", true),
    (b"<<", true),
    (b"++", true),
    (b"+", false),
    (b".", true),
    (b"*", true),
    (b"&", true),
    (b"~", true),
    (b"^", true),
];

/// Methods that put the text in their brackets behind a literal, or into it.
const METHODS: [&[u8]; 6] = [
    b".concat(",
    b".plus(",
    b".append(",
    b".add(",
    b".__add__(",
    b".replace(",
];

/// Bytes of an operand between two literals that are joined.
const MAX_OPERAND_LEN: usize = 48;

/// Where two literals in a row are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joins {
    /// Nowhere: they are arguments of a command.
    Nowhere,
    /// If the second begins on another line.
    OverLines,
    /// Also on one line.
    Anywhere,
}

/// Whether the value at `value` goes on behind its end.
pub(super) fn goes_on(window: &[u8], value: Span, joins: Joins) -> bool {
    let rest = &window[value.end..];
    let rest = &rest[..rest.len().min(REACH)];
    let opening = value.start.checked_sub(1).map(|at| window[at]);
    match *rest {
        [quote @ (b'"' | b'\'' | b'`'), ref after @ ..] => {
            let is_own = opening == Some(quote);
            let may_join = is_own && joins != Joins::Nowhere;
            is_glued(quote, after)
                || may_join && (is_joined(quote, after, joins) || is_called(after))
        }
        // `\ ` escapes a blank; `\n` and `\"` end a text.
        [b'\\', ..] => {
            let run = rest.iter().take_while(|byte| **byte == b'\\').count();
            let next = |ahead: usize| rest.get(run + ahead).copied();
            let is_content =
                |byte: u8| byte.is_ascii_graphic() && !b"\"'`nrtu0,;)]}<>&|".contains(&byte);
            // A colour of a terminal: `\e[0m`, `\x1b[0m`.
            let is_colour = next(1) == Some(b'[') || next(3) == Some(b'[');
            let is_nul = rest[run..].starts_with(b"x00") || rest[run..].starts_with(b"x26");
            match next(0) {
                Some(b'"' | b'\'' | b'`') => {
                    next(1).is_some_and(|byte| byte.is_ascii_alphanumeric())
                }
                Some(b' ') => next(1).is_some_and(|byte| byte.is_ascii_graphic()),
                Some(byte) => is_content(byte) && !is_colour && !is_nul,
                None => false,
            }
        }
        _ => false,
    }
}

/// Whether a literal in a string goes on behind the escaped quote that ends before `after`: text is
/// glued to it, or another such literal joined, as in a cell of a notebook.
pub(super) fn goes_on_escaped(quote: u8, after: &[u8]) -> bool {
    let after = &after[..after.len().min(REACH)];
    after.first().is_some_and(is_content) || is_joined(quote, &unescaped(after), Joins::Anywhere)
}

/// The text of a string that is written in `escaped`; strings of a list, such as the lines of a
/// notebook's cell, are one.
fn unescaped(escaped: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(escaped.len());
    let mut at = 0;
    while at < escaped.len() {
        match escaped[at..] {
            [b'\\', b'n', ..] => {
                text.push(b'\n');
                at += 2;
            }
            [b'\\', next, ..] => {
                text.push(next);
                at += 2;
            }
            // Between two strings.
            [b'"', b',', ..] => {
                let blanks = escaped[at + 2..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_whitespace());
                at += 2 + blanks.count();
                if escaped.get(at) != Some(&b'"') {
                    return text;
                }
                at += 1;
            }
            [b'"', ..] => return text,
            [byte, ..] => {
                text.push(byte);
                at += 1;
            }
            [] => {}
        }
    }
    text
}

/// Whether a sign joins the text in quotes, which `quote` closes before `after`, to another literal
/// that goes on with a value at its end: `"Password=a" + "b"`.
pub(super) fn is_joined_text(quote: u8, after: &[u8]) -> bool {
    let after = &after[..after.len().min(REACH)];
    let gap = Gap::before(after);
    let rest = &after[gap.len..];
    let Some(len) = JOINERS
        .iter()
        .map(|(sign, _)| sign)
        .find(|sign| rest.starts_with(sign))
    else {
        return false;
    };
    let operand = &rest[len.len()..];
    let operand = &operand[Gap::before(operand).len..];
    let opening = operand.iter().take(3).position(|byte| *byte == quote);
    let next = opening.and_then(|at| operand.get(at + 1));
    is_literal(operand) && next.is_some_and(|byte| is_content(byte) || b"(!#-+_/".contains(byte))
}

/// Whether a sign joins the text in quotes, which `quote` closes before `after`, to a literal that begins
/// with another pair: `"…;" + "Database=b"`.
pub(super) fn joins_pair(quote: u8, after: &[u8]) -> bool {
    let after = &after[..after.len().min(REACH)];
    let opening = memchr::memchr(quote, after).filter(|_| is_joined_text(quote, after));
    let text = opening.map_or(&after[..0], |at| &after[at + 1..]);
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b" _".contains(byte);
    let len = text.iter().take_while(is_name).count();
    len > 1 && text.get(len) == Some(&b'=')
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
    METHODS.iter().any(|name| after.starts_with(name))
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
        // A character by its number, in Pascal.
        [b'#', next, ..] => next.is_ascii_digit(),
        [b'(', rest @ ..] => {
            let line = memchr::memchr(b'\n', rest).map_or(rest, |end| &rest[..end]);
            line.contains(&quote)
        }
        [next, ..] => is_content(next),
        [] => false,
    }
}

/// Whether another literal is joined to the one that `quote` closes before `after`.
fn is_joined(quote: u8, after: &[u8], joins: Joins) -> bool {
    let gap = Gap::before(after);
    let rest = &after[gap.len..];
    if joins == Joins::OverLines {
        // SQL joins literals over lines, C also behind an escaped line end.
        return gap.has_line && is_literal(rest);
    }
    // On another line, what goes on is indented.
    if gap.has_line && !gap.is_indented {
        return false;
    }
    if gap.len > 0 && (is_literal(rest) || is_joined_to_macro(quote, rest) || is_choice(rest)) {
        return true;
    }
    let rest = without_cast(rest);
    JOINERS.iter().any(|(sign, needs_literal)| {
        let Some(operand) = rest.strip_prefix(*sign) else {
            return false;
        };
        let operand = &operand[Gap::before(operand).len..];
        let is_name = |byte: &u8| byte.is_ascii_alphabetic() || b"_$(".contains(byte);
        is_literal(operand)
            || (!needs_literal && operand.first().is_some_and(is_name))
            || is_joined_behind(operand, sign)
    })
}

/// Whether `sign` joins a literal behind the operand at the beginning of `rest`.
fn is_joined_behind(rest: &[u8], sign: &[u8]) -> bool {
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.:$'()".contains(byte);
    let len = rest
        .iter()
        .take(MAX_OPERAND_LEN)
        .take_while(is_part)
        .count();
    if len == 0 {
        return false;
    }
    let rest = &rest[len..];
    let rest = rest[Gap::before(rest).len..].strip_prefix(sign);
    rest.is_some_and(|rest| is_literal(&rest[Gap::before(rest).len..]))
}

/// Whether a macro and another literal follow, as C joins them: `"a" NAME "b"`.
fn is_joined_to_macro(quote: u8, rest: &[u8]) -> bool {
    const WORDS: [&[u8]; 8] = [b"AND", b"OR", b"AS", b"IN", b"IS", b"ON", b"TO", b"BY"];
    let is_letter =
        |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_';
    let len = rest
        .iter()
        .take(MAX_OPERAND_LEN)
        .take_while(is_letter)
        .count();
    let (name, rest) = rest.split_at(len);
    let blanks = Gap::before(rest).len;
    let is_name = len > 1 && !WORDS.contains(&name) && blanks > 0;
    quote == b'"'
        && is_name
        && rest[blanks..].first() == Some(&quote)
        && is_literal(&rest[blanks..])
}

/// Whether another literal may be taken instead: `x ? "a" : "b"`, `"a" if x else "b"`.
fn is_choice(rest: &[u8]) -> bool {
    let line = memchr::memchr(b'\n', rest).map_or(rest, |end| &rest[..end]);
    let other = match line {
        [b':', other @ ..] => Some(other),
        _ if line.starts_with(b"else ") => Some(&line[5..]),
        _ if line.starts_with(b"if ") => {
            memchr::memmem::find(line, b" else ").map(|at| &line[at + 6..])
        }
        _ => None,
    };
    other.is_some_and(|other| is_literal(other.trim_ascii_start()))
}

/// Passes over `as type` and closing brackets between a literal and the sign that joins it.
fn without_cast(rest: &[u8]) -> &[u8] {
    let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let mut rest = rest;
    if let Some(kind) = rest.strip_prefix(b"as ") {
        rest = &kind[kind.iter().take_while(is_word).count()..];
    }
    while let Some(outer) = rest.strip_prefix(b")") {
        rest = &outer[Gap::before(outer).len..];
    }
    rest
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
                [b'\\' | b'_', b'\r', b'\n', ..] => {
                    (gap.has_line, gap.is_indented) = (true, true);
                    3
                }
                [b'\\' | b'_', b'\n', ..] => {
                    (gap.has_line, gap.is_indented) = (true, true);
                    2
                }
                [b'/', b'*', inner @ ..] => match memchr::memmem::find(inner, b"*/") {
                    Some(end) => end + 4,
                    None => return gap,
                },
                [b'/', b'/', ..] => line(),
                // `#"…"#` is a literal.
                [b'#', b'"', ..] => return gap,
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
        [mark, quote, ..] if is_literal_mark(*mark) && is_quote(*quote) => true,
        [first, mark, quote, ..] => {
            is_literal_mark(*first) && is_literal_mark(*mark) && is_quote(*quote)
        }
        _ => false,
    }
}

/// Whether a byte may come before the quote of a literal: `rb"`, `u8"`, `$@"`, `r#"`.
fn is_literal_mark(byte: u8) -> bool {
    b"fbruRULN@$#8".contains(&byte)
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
        goes_on(text.as_bytes(), value, Joins::Anywhere)
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
            "\"v-1\".plus(\"w\")",
            "\"v-1\" \\\n\"w\"",
            "\"v-1\" PART \"w\"",
            "\"v-1\" + @\"w\"",
            "\"v-1\" + #\"w\"#",
            "\"v-1\" & Character'Val(34) & \"w\"",
            "'v-1'#39'w'",
            "'v-1' << 'w'",
            "('v-1' as string) + 'w'",
            "(\"v-1\") + \"w\"",
            "x ? \"v-1\" : \"w\"",
            "\"v-1\" if x else \"w\"",
            "\"v-1\"(w\"",
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
            "\"v-1\" AND \"w\"",
            "\"v-1\" if x",
            "f(\"v-1\") + 1",
            "\"v-1\"(w)",
        ] {
            assert!(!ends(text), "{text}");
        }
    }
}
