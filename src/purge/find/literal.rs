//! Values that a purge erases only if the user names them.
//!
//! Words, numbers and expressions cannot be told from other text: to replace them everywhere breaks
//! code and documents. Of a value that was read in part, the rest would stay.

use crate::detect::entropy::is_mixed;
use crate::detect::score::{Reason, Reasons};
use crate::purge::find::kind::Syntax;
use crate::span::Span;

/// Why a value is replaced only if it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ambiguity {
    /// It is made of words alone.
    Word,
    /// It is a number.
    Number,
    /// It is an expression, or stands outside of quotes in source code.
    NoLiteral,
    /// It may be only a part of what should be erased.
    Partial,
}

impl Ambiguity {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Word, Self::Number, Self::NoLiteral, Self::Partial];

    /// What such values are, for people: one, and several.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Word => ("a bare word", "bare words"),
            Self::Number => ("a number", "numbers"),
            Self::NoLiteral => ("no literal", "no literals"),
            Self::Partial => ("a part of a longer value", "parts of longer values"),
        }
    }
}

/// Longer texts of letters are no word, if a rule knows their shape.
const MAX_WORD_LEN: usize = 20;

/// What makes `value` ambiguous wherever it stands, given what the finding says of it.
pub fn of_value(value: &[u8], reasons: Reasons, has_shape: bool) -> Option<Ambiguity> {
    if reasons.is_proven() {
        return None;
    }
    if is_number(value) {
        return Some(Ambiguity::Number);
    }
    let is_said_word = reasons.contains(Reason::PlainWord) || reasons.contains(Reason::Sentence);
    if is_said_word || (is_words(value) && !(has_shape && value.len() >= MAX_WORD_LEN)) {
        return Some(Ambiguity::Word);
    }
    // Brackets in quotes call nothing.
    let is_call = !reasons.contains(Reason::Quoted) && is_call(value);
    if (reasons.contains(Reason::Expression) && !is_mixed(value)) || is_call || is_expression(value)
    {
        return Some(Ambiguity::NoLiteral);
    }
    None
}

/// `f(x)`.
fn is_call(value: &[u8]) -> bool {
    value.ends_with(b")") && value.contains(&b'(')
}

/// Bytes before a value in which the beginning of the code that holds it is searched.
const MAX_CODE_LEN: usize = 1 << 16;

/// Whether what stands at `span` of a file is no literal: in source code, outside of quotes and
/// comments.
pub fn is_bare(text: &[u8], span: Span, syntax: Syntax) -> bool {
    let before = &text[span.start.saturating_sub(MAX_CODE_LEN)..span.start];
    // What no identifier looks like, in a text of several lines.
    if is_mixed(&text[span.start..span.end]) && is_in_block(before) {
        return false;
    }
    match syntax {
        Syntax::Code => is_bare_in_code(text, span),
        Syntax::Xml if is_in_script(before) => is_bare_in_code(text, span),
        Syntax::Json if is_in_cell(before) => is_bare_in_cell(text, span),
        _ => false,
    }
}

/// Whether a text of several lines is open behind `before`: a literal, a here document, or the rows of a table
/// in a dump of PostgreSQL.
fn is_in_block(before: &[u8]) -> bool {
    let is_open = |mark: &[u8]| memchr::memmem::find_iter(before, mark).count() % 2 == 1;
    let last = |mark: &[u8]| memchr::memmem::rfind(before, mark);
    let here = last(b"<<").is_some_and(|at| {
        let text = &before[at + 2..];
        let is_mark = |byte: &&u8| b"<-~'\"\\".contains(*byte);
        let word = &text[text.iter().take_while(is_mark).count()..];
        let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let (word, rest) = word.split_at(word.iter().take_while(is_name).count());
        let mut lines = rest.split(|byte| *byte == b'\n').skip(1);
        !word.is_empty() && !lines.any(|line| line.trim_ascii().starts_with(word))
    });
    let is_literal = [&b"\"\"\""[..], b"'''", b"`"].into_iter().any(is_open);
    is_literal || here || last(b"FROM stdin;") > last(b"\n\\.")
}

/// Whether code in a page goes on behind `before`: a script, or a template of ERB, JSP or PHP.
fn is_in_script(before: &[u8]) -> bool {
    let last = |mark: &[u8]| memchr::memmem::rfind(before, mark);
    [
        (&b"<%"[..], &b"%>"[..]),
        (b"<?php", b"?>"),
        (b"<script", b"</script"),
    ]
    .iter()
    .any(|(open, close)| last(open) > last(close))
}

/// Whether a string behind `before` is a line of code in a Jupyter notebook.
fn is_in_cell(before: &[u8]) -> bool {
    let last = |mark: &[u8]| memchr::memmem::rfind(before, mark);
    let source = last(b"\"source\"");
    let kind = last(b"\"cell_type\"");
    source > kind
        && kind.is_some_and(|at| {
            let kind = &before[at..before.len().min(at + 32)];
            memchr::memmem::find(kind, b"\"code\"").is_some()
        })
}

/// The same as [`is_bare_in_code`] for a line of code that is a string itself. A command of a shell
/// (`!`) or a setting (`%`) has values without quotes.
fn is_bare_in_cell(text: &[u8], span: Span) -> bool {
    let (_, before, behind) = line_around(text, span);
    let Some(start) = memchr::memchr(b'"', before) else {
        return false;
    };
    let before = &before[start + 1..];
    let is_command = before.trim_ascii_start().starts_with(b"!") || before.starts_with(b"%");
    !is_command && is_outside_of_quotes(before, behind)
}

/// The lines before a value, and its own line before and behind it, as far as they are read.
fn line_around(text: &[u8], span: Span) -> (&[u8], &[u8], &[u8]) {
    /// Bytes that are read on either side.
    const REACH: usize = 1024;
    let before = &text[span.start.saturating_sub(REACH)..span.start];
    let (lines, before) = before.split_at(memchr::memrchr(b'\n', before).map_or(0, |at| at + 1));
    let behind = &text[span.end..text.len().min(span.end + REACH)];
    let behind = &behind[..memchr::memchr(b'\n', behind).unwrap_or(behind.len())];
    (lines, before, behind)
}

fn is_bare_in_code(text: &[u8], span: Span) -> bool {
    let (lines, before, behind) = line_around(text, span);
    let is_in_text = before.trim_ascii().is_empty() && opens_text(lines);
    !is_in_text && is_outside_of_quotes(before, behind)
}

/// Whether a value between these parts of a line of code is outside of quotes and comments.
fn is_outside_of_quotes(before: &[u8], behind: &[u8]) -> bool {
    let has = |mark: &[u8]| memchr::memmem::find(before, mark).is_some();
    let line = before.trim_ascii_start();
    let is_directive = line.starts_with(b"#define") || line.starts_with(b"#if");
    let is_comment = [&b"//"[..], b"#", b"--", b"/*", b"<!--"]
        .iter()
        .any(|mark| has(mark))
        || line.starts_with(b"*");
    // A URL in a string that begins on another line.
    let is_in_url = has(b"://");
    (!is_comment || is_directive)
        && !is_in_url
        && crate::purge::find::frame::quoted(before, behind).is_none()
}

/// Whether the last of the lines opens a text that begins on the next one: by a quote, or as `<<WORD`.
fn opens_text(lines: &[u8]) -> bool {
    let line = lines.trim_ascii_end();
    let line = line.strip_suffix(b"\\").unwrap_or(line);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_'\"-~<".contains(byte);
    let word = line.iter().rev().take_while(|byte| is_word(byte)).count();
    let is_here_document = line[line.len() - word..].starts_with(b"<<") && word > 2;
    is_here_document || matches!(line.last(), Some(b'"' | b'\'' | b'`'))
}

fn is_number(value: &[u8]) -> bool {
    let sign = value.strip_prefix(b"-").unwrap_or(value);
    let is_hex = sign.starts_with(b"0x");
    let has_prefix = is_hex || sign.starts_with(b"0o") || sign.starts_with(b"0b");
    let digits = if has_prefix { &sign[2..] } else { value };
    // An exponent, a date with its time.
    let count = |marks: &[u8]| digits.iter().filter(|byte| marks.contains(byte)).count();
    let has_letters = count(b"eE") <= 1 && count(b"TZ") <= 2;
    let is_part = |byte: &u8| {
        byte.is_ascii_digit()
            || b"+-._,: ".contains(byte)
            || (is_hex && byte.is_ascii_hexdigit())
            || (has_letters && b"eETZ".contains(byte))
    };
    let begins = digits
        .first()
        .is_some_and(|byte| byte.is_ascii_digit() || is_hex || b"+-.".contains(byte));
    value.iter().any(u8::is_ascii_digit) && begins && digits.iter().all(is_part)
}

/// Letters alone, in whatever script, joined by what joins words.
fn is_words(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    text.chars()
        .all(|c| c.is_alphabetic() || "_-. ".contains(c))
}

/// `name.name`, `name::name`, `name->name`, `$NAME`, `${NAME}`, `{{ name }}`.
fn is_expression(value: &[u8]) -> bool {
    let has = |part: &[u8]| memchr::memmem::find(value, part).is_some();
    let is_variable = value.first() == Some(&b'$')
        && value[1..]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_{}".contains(byte));
    // `{{` alone is an escaped brace.
    let is_template = has(b"{{") && has(b"}}");
    is_variable || is_template || has(b"${") || is_path_of_names(value)
}

/// Identifiers with `.`, `::` or `->` between them, none of which begins with a digit.
fn is_path_of_names(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else {
        return false;
    };
    let text = text.replace("::", ".").replace("->", ".");
    let is_name = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .is_some_and(|c| c.is_ascii_lowercase() || c == '_')
            && letters.all(|c| c.is_ascii_alphabetic() || c == '_')
    };
    text.contains('.') && text.split('.').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_expressions_are_told_from_literals() {
        let none = Reasons::default();
        for (value, expected) in [
            ("postgres", Some(Ambiguity::Word)),
            ("correct-horse battery", Some(Ambiguity::Word)),
            ("пароль", Some(Ambiguity::Word)),
            ("12345678", Some(Ambiguity::Number)),
            ("-1_000.5", Some(Ambiguity::Number)),
            ("0xdeadbeef", Some(Ambiguity::Number)),
            ("0o7172", Some(Ambiguity::Number)),
            ("91827364.5546e3", Some(Ambiguity::Number)),
            ("1979-05-27T07:32:00.9182Z", Some(Ambiguity::Number)),
            ("1e2e3", None),
            ("get_password()", Some(Ambiguity::NoLiteral)),
            ("${DB_PASSWORD}", Some(Ambiguity::NoLiteral)),
            ("{{ password }}", Some(Ambiguity::NoLiteral)),
            ("a7{{x", None),
            ("hunter2", None),
            ("a,b;c", None),
            ("pa$$w0rd(1)x", None),
        ] {
            assert_eq!(of_value(value.as_bytes(), none, false), expected, "{value}");
        }
        let mut quoted = Reasons::default();
        quoted.add(Reason::Quoted);
        for (value, expected) in [
            ("horse(staple)", None),
            ("p4ss(w)", None),
            ("${DB_PASSWORD}", Some(Ambiguity::NoLiteral)),
            ("{{ password }}", Some(Ambiguity::NoLiteral)),
        ] {
            assert_eq!(
                of_value(value.as_bytes(), quoted, false),
                expected,
                "{value}"
            );
        }
        let mut verified = Reasons::default();
        verified.add(Reason::ChecksumVerified);
        assert_eq!(of_value(b"letters", verified, true), None);
        assert_eq!(of_value(&[b'a'; 30], none, true), None);
    }

    #[test]
    fn code_is_told_from_strings_in_it() {
        for (line, expected) in [
            ("let pwd = @@ {", true),
            ("pwd = @@", true),
            ("pwd = \"@@\"", false),
            ("pwd = f'@@'", false),
            ("pwd = N'@@'", false),
            ("pwd = \"\"\"@@\"\"\"", false),
            ("pwd = \"\"\"a\"@@\"\"\"", false),
            ("pwd = r#\"@@\"#", false),
            ("call(a, `@@`)", false),
            ("// pwd is @@", false),
            ("pwd = \"\"\"\n  @@\n  \"\"\"", false),
            ("pwd = <<~'EOS'\n  @@\nEOS", false),
            ("pwd =\n  @@\n", true),
            ("pwd = a <\n  @@\n", true),
        ] {
            let at = line.find("@@").unwrap();
            let span = Span::new(at, at + 2);
            assert_eq!(
                is_bare(line.as_bytes(), span, Syntax::Code),
                expected,
                "{line}"
            );
            assert!(!is_bare(line.as_bytes(), span, Syntax::Env), "{line}");
        }
    }

    #[test]
    fn code_in_pages_and_notebooks_is_code() {
        let code = r#"{"cell_type": "code", "source": ["#;
        let prose = r#"{"cell_type": "markdown", "source": ["#;
        for (text, syntax, expected) in [
            ("<% pwd = @@ %>".to_owned(), Syntax::Xml, true),
            ("<% a %>pwd = @@".to_owned(), Syntax::Xml, false),
            (
                "<script>\nlet pwd = @@\n</script>".to_owned(),
                Syntax::Xml,
                true,
            ),
            (
                "<script>\nlet pwd = '@@'\n</script>".to_owned(),
                Syntax::Xml,
                false,
            ),
            ("<script></script><p>pwd: @@".to_owned(), Syntax::Xml, false),
            (format!("{code}\n\"pwd = @@\\n\","), Syntax::Json, true),
            (format!("{code}\n\"pwd = '@@'\\n\","), Syntax::Json, false),
            (
                format!("{code}\n\"pwd = \\\"@@\\\"\\n\","),
                Syntax::Json,
                false,
            ),
            (format!("{code}\n\"!x -p @@\\n\","), Syntax::Json, false),
            (format!("{prose}\n\"pwd = @@\\n\","), Syntax::Json, false),
        ] {
            let at = text.find("@@").unwrap();
            let span = Span::new(at, at + 2);
            assert_eq!(is_bare(text.as_bytes(), span, syntax), expected, "{text}");
        }
    }
}
