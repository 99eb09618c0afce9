//! Writes a mark so that the syntax around it takes it for a value.
//!
//! `***REMOVED***` is an alias where a plain scalar of YAML begins, and nothing at all where JSON has
//! a number. There the mark is quoted. The choice depends on the bytes around the value and on the
//! name of the file only, so that every clone makes the same objects.

use data_encoding::BASE64;

use crate::purge::find::frame;
use crate::purge::find::kind::Syntax;
use crate::purge::find::marks::name_mark;
use crate::purge::make::kubernetes;
use crate::span::Span;

/// How marks are written into one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Quoted or escaped where the syntax asks for it.
    Syntax,
    /// As they are.
    Plain,
    /// As one word of letters.
    Word,
}

impl Fit {
    /// All, in the order in which they are tried until the file can be parsed.
    pub const ALL: [Self; 3] = [Self::Syntax, Self::Plain, Self::Word];
}

/// What is put in the place of values of one object, and how.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    /// The mark for values that have none of their own.
    pub mark: &'a [u8],
    /// The syntax of the object.
    pub syntax: Syntax,
    /// How marks are written.
    pub fit: Fit,
}

impl<'a> Style<'a> {
    /// Writes marks as they are.
    pub fn plain(mark: &'a [u8]) -> Self {
        Self {
            mark,
            syntax: Syntax::Text,
            fit: Fit::Plain,
        }
    }

    /// What is put in the place of `span` of `text`: `mark`, or how it is written there.
    pub(crate) fn write(&self, text: &[u8], span: Span, mark: &[u8]) -> Vec<u8> {
        let syntax = match self.syntax {
            Syntax::Text | Syntax::Xml => front_matter(text, span).unwrap_or(self.syntax),
            syntax => syntax,
        };
        let written = match (self.fit, syntax) {
            (Fit::Plain, _) => None,
            (Fit::Word, _) => Some(name_mark(mark)),
            (Fit::Syntax, Syntax::Yaml)
                if kubernetes::is_data_of_yaml(text, span, line(text, span)) =>
            {
                Some(BASE64.encode(mark).into_bytes())
            }
            (Fit::Syntax, Syntax::Json) if kubernetes::is_data_of_json(text, span) => {
                Some(BASE64.encode(mark).into_bytes())
            }
            (Fit::Syntax, Syntax::Yaml) => yaml(text, span, mark),
            (Fit::Syntax, Syntax::Code) if is_word_of_code(text, span) => Some(name_mark(mark)),
            (Fit::Syntax, Syntax::Json | Syntax::Toml | Syntax::Code) => {
                bare(text, span, mark, syntax)
            }
            (Fit::Syntax, Syntax::Xml) => xml(mark),
            (Fit::Syntax, _) => None,
        };
        written.unwrap_or_else(|| mark.to_vec())
    }
}

/// Whether what stands at `span` of code is the name of a member (`{ name: 1 }`), or a regular expression
/// between slashes, where the signs of a mark would mean something.
fn is_word_of_code(text: &[u8], span: Span) -> bool {
    let (before, behind) = line(text, span);
    let is_regex = before.ends_with(b"/") && behind.starts_with(b"/");
    let before = before.trim_ascii_end();
    let is_member = matches!(before.last(), Some(b'{' | b',')) && behind.starts_with(b":");
    is_regex || (is_member && frame::quoted(before, behind).is_none())
}

/// The syntax of the front matter in which `span` of a page stands: YAML between lines of `---`, or
/// TOML between lines of `+++`.
fn front_matter(text: &[u8], span: Span) -> Option<Syntax> {
    /// Front matter is at most this long.
    const MAX_LEN: usize = 1 << 16;
    if span.start > MAX_LEN {
        return None;
    }
    let start = if text.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let before = text.get(start..span.start)?;
    let (fence, syntax) = match before.get(..3)? {
        b"---" => (b"\n---", Syntax::Yaml),
        b"+++" => (b"\n+++", Syntax::Toml),
        _ => return None,
    };
    let first = memchr::memchr(b'\n', before)?;
    let is_fence = before[3..first].trim_ascii().is_empty();
    let is_over = memchr::memmem::find(before, fence).is_some();
    (is_fence && !is_over).then_some(syntax)
}

/// Bytes of a line that are read on either side of a value.
const REACH: usize = 1024;

/// The line of `span` before and behind it, as far as it is read.
fn line(text: &[u8], span: Span) -> (&[u8], &[u8]) {
    let before = &text[span.start.saturating_sub(REACH)..span.start];
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let behind = &text[span.end..text.len().min(span.end + REACH)];
    let end = memchr::memchr(b'\n', behind).unwrap_or(behind.len());
    (&before[start..], &behind[..end])
}

fn quote(mark: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for &byte in mark {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
    out
}

/// Bytes that mean something where a plain scalar begins (YAML 1.2, section 7.3.3).
const INDICATORS: &[u8] = b"-?:,[]{}#&*!|>'\"%@`";

/// Whether the line of `span` is one of a block scalar, whose text has no quotes: `key: |`.
fn in_block_scalar(text: &[u8], span: Span) -> bool {
    /// Bytes of earlier lines that are read.
    const MAX_LEN: usize = 4096;
    let indent = |line: &[u8]| line.len() - line.trim_ascii_start().len();
    let lines = &text[span.start.saturating_sub(MAX_LEN)..span.start];
    let mut lines = lines.rsplit(|&byte| byte == b'\n');
    let own = lines.next().map_or(0, indent);
    let header = lines.find(|line| !line.trim_ascii().is_empty() && indent(line) < own);
    let Some(header) = header else {
        return false;
    };
    let comment = memchr::memmem::find(header, b" #");
    let header = header[..comment.unwrap_or(header.len())].trim_ascii_end();
    let is_modifier = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-');
    let modifiers = header
        .iter()
        .rev()
        .take(2)
        .take_while(|byte| is_modifier(byte));
    let mark = &header[..header.len() - modifiers.count()];
    let begins = |text: &[u8]| text.last().is_none_or(|byte| b" \t:".contains(byte));
    matches!(mark, [text @ .., b'|' | b'>'] if begins(text))
}

/// A mark that begins a plain scalar is quoted if it takes all of it, or loses what YAML would read.
fn yaml(text: &[u8], span: Span, mark: &[u8]) -> Option<Vec<u8>> {
    let (before, behind) = line(text, span);
    if frame::quoted(before, behind).is_some() || in_block_scalar(text, span) {
        return None;
    }
    let is_flow = frame::in_flow(before);
    let begins = if is_flow {
        matches!(
            before.trim_ascii_end().last(),
            Some(b'[' | b'{' | b',' | b':')
        )
    } else {
        frame::scalar_start(before) == Some(before.len())
    };
    let is_plain = |mark: &[u8]| {
        let begins_well = mark.first().is_some_and(|byte| !INDICATORS.contains(byte));
        let has = |part: &[u8]| memchr::memmem::find(mark, part).is_some();
        begins_well && !has(b": ") && !has(b" #") && !mark.ends_with(b":")
    };
    if !begins || is_plain(mark) {
        return None;
    }
    let rest = frame::without_comment(behind, b"#");
    let is_whole = match rest.first() {
        None => true,
        Some(b':') => rest.len() == 1 || rest[1] == b' ',
        Some(byte) => is_flow && b",]}".contains(byte),
    };
    Some(if is_whole {
        quote(mark)
    } else {
        name_mark(mark)
    })
}

/// A number or a word between delimiters becomes a string; in code only a number.
fn bare(text: &[u8], span: Span, mark: &[u8], syntax: Syntax) -> Option<Vec<u8>> {
    let (before, behind) = line(text, span);
    let value = &text[span.start..span.end];
    if frame::quoted(before, behind).is_some() {
        let needs_escape = syntax == Syntax::Json && mark.iter().any(|byte| b"\"\\".contains(byte));
        let escaped = quote(mark);
        return needs_escape.then(|| escaped[1..escaped.len() - 1].to_vec());
    }
    let is_number = |byte: &u8| byte.is_ascii_digit() || b"+-._eExX".contains(byte);
    if syntax == Syntax::Code && !value.iter().all(is_number) {
        return None;
    }
    let opens = match before.trim_ascii_end().last() {
        // JSON and TOML may begin an item of a list on a line of its own.
        None => syntax != Syntax::Code,
        Some(byte) => b":,[=(".contains(byte),
    };
    let closes = match behind.trim_ascii_start().first() {
        None => true,
        Some(byte) => b",]});#/".contains(byte),
    };
    (opens && closes).then(|| quote(mark))
}

/// `<` and `&` are written as XML writes them.
fn xml(mark: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(mark.len());
    for &byte in mark {
        match byte {
            b'<' => out.extend(b"&lt;"),
            b'&' => out.extend(b"&amp;"),
            b'"' => out.extend(b"&quot;"),
            b'\'' => out.extend(b"&apos;"),
            _ => out.push(byte),
        }
    }
    (out != mark).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(line: &str, syntax: Syntax, mark: &str) -> String {
        let at = line.find("12345678").unwrap();
        let span = Span::new(at, at + 8);
        let style = Style {
            mark: mark.as_bytes(),
            syntax,
            fit: Fit::Syntax,
        };
        let written = style.write(line.as_bytes(), span, style.mark);
        let written = String::from_utf8(written).unwrap();
        format!("{}{written}{}", &line[..at], &line[span.end..])
    }

    #[test]
    fn marks_are_quoted_where_the_syntax_asks_for_it() {
        for (syntax, line, expected) in [
            (Syntax::Yaml, "a: 12345678 # b", "a: \"***\" # b"),
            (Syntax::Yaml, "- 12345678", "- \"***\""),
            (Syntax::Yaml, "12345678: a", "\"***\": a"),
            (Syntax::Yaml, "a: [12345678, b]", "a: [\"***\", b]"),
            (Syntax::Yaml, "a: {b: 12345678}", "a: {b: \"***\"}"),
            (Syntax::Yaml, "a: '12345678'", "a: '***'"),
            (Syntax::Yaml, "a: x=12345678", "a: x=***"),
            (Syntax::Yaml, "a: ${B:-12345678}", "a: ${B:-***}"),
            (Syntax::Yaml, "a: 12345678@h", "a: REMOVED@h"),
            (Syntax::Json, "{\"a\": 12345678}", "{\"a\": \"***\"}"),
            (
                Syntax::Json,
                "{\"a\": \"x 12345678\"}",
                "{\"a\": \"x ***\"}",
            ),
            (Syntax::Json, "  12345678,", "  \"***\","),
            (Syntax::Toml, "a = 12345678", "a = \"***\""),
            (Syntax::Code, "A = 12345678;", "A = \"***\";"),
            (Syntax::Code, "A = x12345678;", "A = x***;"),
            (Syntax::Env, "A=12345678", "A=***"),
            (Syntax::Text, "---\na: 12345678\n", "---\na: \"***\"\n"),
            (
                Syntax::Text,
                "---\na: b\n---\nc: 12345678",
                "---\na: b\n---\nc: ***",
            ),
            (Syntax::Text, "--- x\na: 12345678\n", "--- x\na: ***\n"),
            (Syntax::Xml, "+++\na = 12345678\n", "+++\na = \"***\"\n"),
        ] {
            let found = fitted(line, syntax, "***");
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn the_data_of_a_secret_of_kubernetes_stays_base64() {
        let head = "a: 1\n---\napiVersion: v1\nkind: Secret\n";
        for (text, expected) in [
            (format!("{head}data:\n  a: 12345678\n"), "Kioq"),
            (format!("{head}data:\n  b: x\n  a: \"12345678\"\n"), "Kioq"),
            ("data:\n  a: 12345678\nkind: Secret\n".to_owned(), "Kioq"),
            (format!("{head}stringData:\n  a: 12345678\n"), "\"***\""),
            (format!("{head}data:\n  a: x 12345678\n"), "***"),
            (
                "kind: ConfigMap\ndata:\n  a: 12345678\n".to_owned(),
                "\"***\"",
            ),
            (
                "kind: Secret\n---\ndata:\n  a: 12345678\n".to_owned(),
                "\"***\"",
            ),
        ] {
            let found = fitted(&text, Syntax::Yaml, "***");
            assert_eq!(found, text.replace("12345678", expected), "{text}");
        }
        for (text, expected) in [
            (
                r#"{"kind": "Secret", "data": {"b": "x", "a": "12345678"}}"#,
                "Kioq",
            ),
            (
                r#"{"items": [{"data": {"a": "12345678"}, "kind": "Secret"}]}"#,
                "Kioq",
            ),
            (
                r#"{"kind": "Secret", "stringData": {"a": "12345678"}}"#,
                "***",
            ),
            (r#"{"kind": "ConfigMap", "data": {"a": "12345678"}}"#, "***"),
            (r#"{"kind": "Secret", "data": {"a": "x 12345678"}}"#, "***"),
        ] {
            let found = fitted(text, Syntax::Json, "***");
            assert_eq!(found, text.replace("12345678", expected), "{text}");
        }
    }

    #[test]
    fn marks_are_escaped_where_the_syntax_asks_for_it() {
        assert_eq!(
            fitted("<a>12345678</a>", Syntax::Xml, "<x>"),
            "<a>&lt;x&gt;</a>".replace("&gt;", ">")
        );
        assert_eq!(
            fitted("{\"a\": \"12345678\"}", Syntax::Json, "a\"b"),
            "{\"a\": \"a\\\"b\"}"
        );
        assert_eq!(fitted("a: 12345678", Syntax::Yaml, "gone"), "a: gone");
    }
}
