//! Where a value without quotes of its own ends, by the syntax around it.
//!
//! A scan of objects knows no path, so the syntax is read from the line itself: what comes before
//! the name, which quotes and brackets are open, and what follows the value.
//!
//! | syntax | the line | the value ends | source |
//! |---|---|---|---|
//! | environment file, properties, ini, systemd | `NAME=value` from the line's start | at the line's end; at a blank before `#` or `;` | Docker "env_file", `java.util.Properties`, systemd.syntax(7) |
//! | YAML plain scalar | `name: value` from the line's start, `- ` before it | the same | YAML 1.2.2, section 7.3.3 |
//! | flow collection, arguments | an open `{`, `[` or `(` before it | at the bracket that closes it, at a comma | YAML 1.2.2, section 7.4 |
//! | quoted text around it | an open quote before it | at that quote, at an escaped one, at an escaped line end | |
//! | shell word, Dockerfile `ENV` | anything else before it | at a blank, at `; & \| < >` that no backslash escapes | POSIX XCU 2.2, 2.3 |
//! | query of an address, form | `?` or `&` before it | at `&`, `#` | RFC 3986, section 3.4 |
//! | connection string, list of pairs | `;name=` or `,name=` behind it | at that `;` or `,` | |
//! | markup | `</` behind it | there | |
//! | expression of code | an identifier before `,` or `;` at the line's end | before these | |
//!
//! ```text
//! behind, marks < before < length < mod
//! ```
//!
//! Where two readings are possible, the longer one is taken if the value cannot be an expression
//! of code; where the shorter one is taken, [`Extent::is_partial`] says that it may go on.

mod before;
mod behind;
mod length;
mod marks;

use before::{Before, SECTIONS, is_in_query, is_prose, line_before, lines_before};
pub(super) use before::{
    MAX_PREFIX_LEN, begins_setting, emphasis, is_in_template, is_quoted, opening_entity,
};
pub use before::{closing_mark, is_closing, literal_delimiter, sed_delimiter};
use behind::{
    MAX_TAIL_LEN, begins_blank, begins_program, begins_text, goes_on_at_operator, goes_on_behind,
    is_before_pair, is_blank_entity, is_command, is_glued_behind, is_operand, trim_blanks,
};
pub use behind::{MAX_VALUE_LEN, ends_edit};
pub(super) use behind::{folds, is_backtick_escape, wide_blank};
use length::{blank, field, scan, unknown, word};
pub(super) use marks::escapes_before;

use super::continuation::{self, Joins};
use super::interpolation;
pub use crate::rule::Ends;
use crate::span::Span;

/// Where a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// One past its last byte.
    pub end: usize,
    /// Whether the value may go on: what follows could belong to it.
    pub is_partial: bool,
    /// One past the last byte that was looked at.
    pub seen: usize,
}

/// Returns where the value that begins at `start`, and is assigned to `name`, ends.
pub fn end(window: &[u8], name: Span, start: usize, ends: Ends) -> Extent {
    let before = Before::of(window, name, start);
    let rest = &window[start..];
    let rest = &rest[..rest.len().min(MAX_VALUE_LEN + 1)];
    let len = match ends {
        Ends::Line if !before.is_known => unknown(rest),
        Ends::Line => scan(rest, &before),
        Ends::Word => word(rest, &before),
        Ends::Blank => blank(rest, &before),
        Ends::Field => field(rest, &before, is_in_query(window, start)),
    };
    // Without an end, the value takes all that is there, up to the limit.
    let len = len.unwrap_or(rest.len());
    if len > MAX_VALUE_LEN {
        let end = start + MAX_VALUE_LEN;
        return Extent {
            end,
            is_partial: true,
            seen: end + 1,
        };
    }
    let tail = rest_of_line(&window[start + len..]);
    let is_last = before.may_end_block(ends) && tail.trim_ascii().is_empty();
    let block = is_last.then(|| block_end(&rest[..len], lines_before(window, name.start)));
    let (kept, is_partial) = block
        .flatten()
        .unwrap_or_else(|| kept(ends, rest, len, tail, &before));
    let is_partial = is_partial && !(ends == Ends::Field && is_in_query(window, start));
    let line = || {
        let (line, _) = line_before(window, name.start);
        &window[line..name.start]
    };
    let (kept, is_partial) = in_sentence(rest, (kept, is_partial), &before, line);
    let is_cut = is_cut_line(window, Span::new(start, start + kept));
    let end = start + kept - usize::from(is_cut);
    let is_folded = ends == Ends::Line && before.is_folded(&window[start + len..]);
    let joins = match ends {
        Ends::Line => Joins::Anywhere,
        _ => Joins::Nowhere,
    };
    let is_joined = !before.is_rtf && continuation::goes_on(window, Span::new(start, end), joins)
        || before.is_joined(&window[end..]);
    // `"Password=…;" + "Database=x"`
    if is_joined && before.joins_pair(&window[start..]) {
        let end = end - 1;
        let seen = (end + MAX_TAIL_LEN + continuation::REACH).min(window.len());
        return Extent {
            end,
            is_partial: false,
            seen,
        };
    }
    let may_hold_expression = rest[..len].iter().any(|byte| b"{(%`".contains(byte));
    let ahead = MAX_TAIL_LEN.max(continuation::REACH);
    let reach = match may_hold_expression {
        true => interpolation::MAX_LEN + ahead,
        false => tail.len() + 1 + ahead,
    };
    Extent {
        end,
        is_partial: is_partial || is_cut || is_folded || is_joined,
        seen: (start + len + reach).min(window.len()),
    }
}

/// What is left of the line that `text` begins in, as far as it is looked at.
fn rest_of_line(text: &[u8]) -> &[u8] {
    let text = &text[..text.len().min(MAX_TAIL_LEN)];
    &text[..memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len())]
}

/// How long the value of `len` bytes is without the end of the sentence around it, and whether it may be only a part
/// of these bytes. `line` is what comes before its name.
fn in_sentence<'w>(
    rest: &[u8],
    (len, is_partial): (usize, bool),
    before: &Before,
    line: impl Fn() -> &'w [u8],
) -> (usize, bool) {
    let (value, rest) = rest.split_at(len);
    let is_over = before.ends_at_quote(rest) || before.ends_here(rest);
    let may_end = before.own.is_none() && !before.is_setting;
    let is_in_text = || may_end && (before.is_query || is_prose(line()));
    if !is_partial && is_question(value, rest) {
        return (len, is_in_text() || may_end && is_of_words(line()));
    }
    (
        len - sentence_end(value, rest, is_in_text, |_| is_over),
        is_partial,
    )
}

/// How many bytes at the end of a value end the sentence around it, or a part of it: in a text, in a comment,
/// or behind an address. `is_over` says whether what is around the value is closed behind it.
fn sentence_end(
    value: &[u8],
    rest: &[u8],
    is_in_text: impl FnOnce() -> bool,
    is_over: impl FnOnce(&[u8]) -> bool,
) -> usize {
    let len = match value {
        [.., b'.', b'.'] => 0,
        [inner @ .., b')', b'.'] if !inner.contains(&b'(') => 2,
        [.., b'.'] => 1,
        [.., b','] if matches!(rest, [b' ', next, ..] if next.is_ascii_alphabetic()) => 1,
        _ => 0,
    };
    let at_end = || rest.first().is_none_or(u8::is_ascii_whitespace) || is_over(rest);
    if len > 0 && at_end() && is_in_text() {
        len
    } else {
        0
    }
}

/// Whether the `=` at the end of a value joins its line to the next one, as in quoted-printable, whose lines
/// are cut at that length. Four characters of base64 may end in one.
fn is_cut_line(window: &[u8], value: Span) -> bool {
    const LENGTHS: std::ops::Range<usize> = 72..78;
    let text = &window[value.start..value.end];
    let after = &window[value.end..];
    text.ends_with(b"=")
        && matches!(after, [b'\n', ..] | [b'\r', b'\n', ..])
        && !text.ends_with(b"==")
        && !text.len().is_multiple_of(4)
        && LENGTHS.contains(&(value.end - line_before(window, value.start).0))
}

/// Whether a line that begins with `prefix` is text: words come first.
fn is_of_words(prefix: &[u8]) -> bool {
    let words = prefix.split(u8::is_ascii_whitespace);
    let is_word = |word: &&[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_alphabetic);
    words.filter(is_word).count() > 1
}

/// Whether a value ends in a mark that may belong to it or to a sentence around it.
fn is_question(value: &[u8], rest: &[u8]) -> bool {
    let is_last = || {
        rest.first()
            .is_none_or(|byte| byte.is_ascii_whitespace() || *byte == b'<')
    };
    matches!(value, [.., b'?' | b'!']) && is_last()
}

/// Whether a quote that ends an argument which begins at `start` was opened on its line.
fn is_opened(window: &[u8], start: usize, quote: u8) -> bool {
    let (line, _) = line_before(window, start);
    memchr::memchr_iter(quote, &window[line..start]).count() % 2 == 1
}

/// A value without an escaped line end behind it.
fn without_line_end(value: &[u8]) -> &[u8] {
    let kept = value.strip_suffix(b"\\n").unwrap_or(value);
    let kept = kept.strip_suffix(b"\\r").unwrap_or(kept);
    // A backslash that is escaped itself.
    match kept.ends_with(b"\\") || kept.is_empty() {
        true => value,
        false => kept,
    }
}

/// Where the argument at `span` of the command at `at` ends: before what closes a literal that began on an earlier
/// line, and before the end of the sentence around it.
pub(super) fn end_of_argument(window: &[u8], at: usize, span: Span) -> usize {
    let (value, rest) = (&window[span.start..span.end], &window[span.end..]);
    let closers = match rest.first() {
        Some(quote @ (b'"' | b'\'' | b'`')) if !is_opened(window, span.start, *quote) => {
            length::own_closers(value)
        }
        _ => 0,
    };
    let value = &value[..value.len() - closers];
    let value = match rest.first() {
        // A line end of the literal that holds the command.
        Some(b'"' | b'\'' | b'`') => without_line_end(value),
        _ => value,
    };
    let is_last = rest_of_line(rest).trim_ascii().is_empty();
    let block = is_last.then(|| block_end(value, lines_before(window, at)));
    let kept = block.flatten().map_or(value.len(), |(kept, _)| kept);
    let is_in_text = || {
        let (line, _) = line_before(window, at);
        is_prose(&window[line..at])
    };
    let is_over = |rest: &[u8]| rest.starts_with(b"</");
    let sentence = sentence_end(
        &value[..kept],
        &window[span.start + kept..],
        is_in_text,
        is_over,
    );
    span.start + kept - sentence
}

/// How much of the first `len` bytes of `rest` is the value, and whether it may go on in `tail`, the line
/// behind them.
fn kept(ends: Ends, rest: &[u8], len: usize, tail: &[u8], before: &Before) -> (usize, bool) {
    // Lines of a connection string.
    let is_ended =
        before.is_tight_pair && (before.is_after_pair || is_before_pair(&rest[len..], tail.len()));
    // A pair behind a comma is a guess.
    let at_comma = rest.get(len) == Some(&b',') && before.is_setting;
    match ends {
        Ends::Line if !before.is_known => {
            let is_mark = rest.get(len).is_some_and(|byte| b",;<>)}]".contains(byte));
            let is_more = is_mark && !is_operand(&rest[..len]);
            (len, is_more || is_glued_behind(&rest[len..]))
        }
        Ends::Line if at_comma => (len, true),
        Ends::Line => {
            let (kept, is_more) = trim(&rest[..len], tail, before);
            let is_more = is_more && !(is_ended && rest[kept..len] == *b";");
            let is_list = before.is_tight || before.separator.is_some() || before.has_comma_pairs;
            let is_glued = !is_list && is_glued_behind(&rest[len..]);
            (kept, is_more || is_glued || begins_text(&rest[len..]))
        }
        // The end of an item, or a part of it.
        Ends::Word if before.indent.is_some() && rest[..len].ends_with(b",") => (len - 1, true),
        Ends::Word if before.own.is_none() => {
            let behind = &rest[len..];
            let is_more = goes_on_behind(behind) || goes_on_at_operator(behind);
            let is_more = is_more && !before.ends_here(behind);
            (len, is_more || before.takes_blanks(tail))
        }
        Ends::Field => (len, before.field_goes_on(&rest[len..])),
        // Some readers of netrc files take quotes.
        Ends::Blank => {
            let is_quoted = matches!(rest.first(), Some(b'"' | b'\''));
            (len, is_quoted || rest[..len].ends_with(b"\\"))
        }
        _ => (len, false),
    }
}

/// What opens a text of several lines, [`SECTIONS`] apart, what closes it, and whether that is so rare in a value
/// that it ends one wherever the text began.
const BLOCKS: [(&[u8], &[u8], bool); 14] = [
    (b"<![CDATA[", b"]]>", false),
    (b"[[", b"]]", true),
    (b"\"\"\"", b"\"\"\"", true),
    (b"'''", b"'''", true),
    (b"r#\"", b"\"#", true),
    (b"R\"(", b")\"", true),
    (b"=\"", b"\">", false),
    (b"='", b"'>", false),
    (b"=\"", b"\"/>", false),
    (b"%q{", b"}", false),
    (b"%q(", b")", false),
    (b"%q[", b"]", false),
    (b"`", b"`", false),
    (b"\"", b"\"", false),
];

/// Where a value on a line of its own in a text of several lines ends, if the text ends there, too; and
/// whether that is a guess. `before` is what comes before its name.
fn block_end(value: &[u8], before: &[u8]) -> Option<(usize, bool)> {
    let is_sign = |byte: &u8| b";,)".contains(byte);
    let trimmed = value
        .iter()
        .rposition(|byte| !is_sign(byte))
        .map_or(0, |at| at + 1);
    let block = [value, &value[..trimmed]].into_iter().find_map(|text| {
        let sections = SECTIONS.iter().map(|(open, close)| (*open, *close, true));
        sections.chain(BLOCKS).find_map(|(open, close, is_rare)| {
            let kept = text.strip_suffix(close)?;
            let is_open = match open == close {
                true => memchr::memmem::find_iter(before, open).count() % 2 == 1,
                false => memchr::memmem::rfind(before, open) > memchr::memmem::rfind(before, close),
            };
            let holds_more = memchr::memmem::find(kept, open).is_some();
            ((is_open || is_rare) && !kept.is_empty() && !holds_more)
                .then_some((kept.len(), !is_open))
        })
    });
    block.or_else(|| bracket_end(value, before))
}

/// Where a value ends that a bracket follows which opened on an earlier line; a guess.
fn bracket_end(value: &[u8], before: &[u8]) -> Option<(usize, bool)> {
    let (&close, kept) = value.split_last()?;
    let open = match close {
        b')' => b'(',
        b']' => b'[',
        b'}' => b'{',
        _ => return None,
    };
    let count = |mark: u8| memchr::memchr_iter(mark, before).count();
    let is_open = count(open) > count(close) && !kept.contains(&open) && !kept.is_empty();
    is_open.then_some((kept.len(), true))
}

/// Takes from the end of a value what belongs to the syntax around it; says whether the value may
/// go on. `tail` is the line behind it.
fn trim(value: &[u8], tail: &[u8], before: &Before) -> (usize, bool) {
    let rest = trim_blanks(tail);
    let is_comment = rest.starts_with(b"#") || rest.starts_with(b";") || rest.starts_with(b"//");
    let at_blank = begins_blank(tail);
    // The end of a literal that began on a line before: "`,".
    let unquoted = without_closing_quote(value);
    if before.is_setting && unquoted < value.len() {
        return (unquoted, true);
    }
    let at_end = rest.is_empty() || (at_blank && is_comment);
    if rest.starts_with(b"\\") {
        let is_word = before.is_shell || before.is_continued;
        return (value.len(), before.is_setting && !is_word);
    }
    let body = without_closers(value);
    if body < value.len() && (!at_end && at_blank || at_end && is_operand(&value[..body])) {
        // `name=value,` of code, or of a line of settings.
        return (body, before.is_setting && at_end);
    }
    if before.is_setting {
        let may_go_on = at_blank && !at_end && (!before.is_shell || before.takes_line);
        let may_go_on = may_go_on && !(before.is_for_command && begins_program(rest));
        // `name:value = value`: either sign may be the operator.
        let is_more = rest.starts_with(b"= ") || rest.starts_with(b"=> ") || !is_command(rest);
        return (value.len(), may_go_on && is_more);
    }
    if before.takes_line && before.quote.is_none() {
        return (value.len(), at_blank && !at_end && !is_command(rest));
    }
    if before.is_flow && at_blank {
        let is_more = rest.first().is_some_and(u8::is_ascii_alphanumeric);
        return (value.len(), is_more);
    }
    let after = tail
        .strip_prefix(b"&")
        .filter(|after| is_blank_entity(after));
    if let Some(end) = after.and_then(|after| memchr::memchr(b';', after)) {
        let next = tail.get(end + 2);
        return (value.len(), next.is_some_and(u8::is_ascii_alphanumeric));
    }
    let Some(quote) = before.quote else {
        let text = memchr::memchr(b'<', tail).map_or(tail, |end| &tail[..end]);
        let text = text.trim_ascii();
        let is_text = before.is_text_of_element && at_blank && !text.is_empty();
        let is_more = is_text && !is_command(text);
        // `Password=…;</connectionString>`
        let behind = tail.strip_prefix(b";").unwrap_or(tail);
        let is_closed = !behind.is_empty() && before.ends_here(behind);
        return (value.len(), is_more || (!is_closed && goes_on_behind(tail)));
    };
    // `"NAME=two words"`
    let inner = memchr::memchr(quote.byte, tail).map(|end| &tail[..end]);
    let inner = inner.map(|inner| {
        let line = memchr::memmem::find(inner, b"\\n").map_or(inner, |end| &inner[..end]);
        line.trim_ascii()
    });
    let goes_on = inner.is_some_and(|inner| !inner.is_empty() && !is_command(inner));
    (value.len(), before.is_first && at_blank && goes_on)
}

/// Takes marks of code from the end of a value: commas, semicolons, and closing brackets that the
/// value did not open.
fn without_closers(value: &[u8]) -> usize {
    let has_open = value.iter().any(|byte| b"([{".contains(byte));
    let is_mark = |byte: &u8| match byte {
        b',' | b';' => true,
        b')' | b']' | b'}' | b':' => !has_open,
        _ => false,
    };
    let is_kept = |byte: &u8| !is_mark(byte);
    let kept = value.iter().rposition(is_kept).map_or(0, |at| at + 1);
    // What is escaped belongs to it.
    if value[..kept].ends_with(b"\\") {
        return value.len();
    }
    // A bracket alone belongs to the value; `x):` and `x,` do not.
    match &value[kept..] {
        [b')' | b']' | b'}' | b':'] => value.len(),
        _ => kept,
    }
}

/// Takes a quote that the value did not open from its end, with the marks of code behind it.
fn without_closing_quote(value: &[u8]) -> usize {
    let is_mark = |byte: &u8| b"\"'`,;)]}/>".contains(byte);
    let kept = value.iter().rposition(|byte| !is_mark(byte));
    let kept = kept.map_or(0, |at| at + 1);
    match value[kept..].iter().find(|byte| b"\"'`".contains(byte)) {
        Some(quote) if !value[..kept].contains(quote) => kept,
        _ => value.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value behind the first `NAME`, one separator and blanks.
    fn read(text: &str) -> (&str, bool) {
        let at = text.find("NAME").expect("there is a name");
        let name = Span::new(at, at + 4);
        let skipped = text[at + 4..].find(|c: char| !"=: ".contains(c));
        let start = at + 4 + skipped.expect("there is a value");
        let extent = end(text.as_bytes(), name, start, Ends::Line);
        (&text[start..extent.end], extent.is_partial)
    }

    #[test]
    fn a_setting_goes_to_the_end_of_its_line() {
        for mark in [
            ',', ';', '&', '<', '>', ')', '}', ']', '"', '\'', '\\', '`', '(', '$', '|',
        ] {
            for (before, after) in [
                ("NAME=", "\n"),
                ("A=1\nNAME=", " # comment\n"),
                ("export NAME=", "\r\nB=2"),
                ("  NAME: ", "\n"),
                ("- NAME: ", "\t# comment\n"),
                ("NAME = ", " ; comment\n"),
                ("ENV NAME=", "\n"),
                ("# NAME=", "\n"),
                ("+NAME=", "\n"),
            ] {
                let value = format!("k7{mark}Q9x");
                let text = format!("{before}{value}{after}");
                assert_eq!(read(&text), (value.as_str(), false), "{text:?}");
            }
        }
    }

    #[test]
    fn a_value_ends_where_what_is_around_it_ends() {
        for (text, value) in [
            ("{a: 1, NAME: k7Q9x, b: 2}\n", "k7Q9x"),
            ("{NAME: k7Q9x}\n", "k7Q9x"),
            ("[\"NAME=k7,Q9x\", \"a\"]\n", "k7,Q9x"),
            ("{\"a\": [\"NAME=k7)Q9x\"]}\n", "k7)Q9x"),
            ("f(NAME=k7Q9x)\n", "k7Q9x"),
            ("x \"NAME=k7,Q9x\" y\n", "k7,Q9x"),
            ("\"host=a NAME=k7,Q9)x sslmode=b\"\n", "k7,Q9)x"),
            ("'NAME=k7Q9x\\n'\n", "k7Q9x"),
            ("https://x/?NAME=k7Q9x&b=2\n", "k7Q9x"),
            ("https://x/?NAME=k7Q9x#top\n", "k7Q9x"),
            ("Server=a;NAME=k7,Q9x;Pooling=b\n", "k7,Q9x"),
            ("NAME=k7Q9x;Pool Size=3\n", "k7Q9x"),
            ("NAME=k7Q9x&user=b\n", "k7Q9x"),
            ("user=a,NAME=k7Q9x,host=b\n", "k7Q9x"),
            ("tool --NAME k7,Q9x; ls\n", "k7,Q9x"),
            ("tool --NAME k7\\;Q9x other\n", "k7\\;Q9x"),
            ("<b>NAME=k7Q9x</b>\n", "k7Q9x"),
            ("NAME=k7Q9x; export NAME\n", "k7Q9x"),
            ("NAME=k7Q9x && run\n", "k7Q9x"),
            ("see `NAME=k7Q9x` there\n", "k7Q9x"),
            // A line of a patch; base64.
            ("+NAME: k7Q9x+/w=\n", "k7Q9x+/w="),
            ("NAME =k7Q9x==\n", "k7Q9x=="),
            ("*NAME: k7Q9x*\n", "k7Q9x"),
            ("=NAME: k7Q9x=\n", "k7Q9x"),
            ("s/a/b/;NAME=k7/Q9x;c=d\n", "k7/Q9x"),
        ] {
            assert_eq!(read(text), (value, false), "{text:?}");
        }
    }

    #[test]
    fn what_may_go_on_is_partial() {
        assert_eq!(read("NAME=k7Q9x horse staple\n"), ("k7Q9x", true));
        assert_eq!(read("@SET NAME=k7Q9x horse\r\n"), ("k7Q9x", true));
        assert_eq!(
            read("{\"a\":\"B=1\\nNAME=k7Q9x horse\\nC=1\"}"),
            ("k7Q9x", true)
        );
        assert_eq!(read("NAME=k7Q9x,\n"), ("k7Q9x", true));
        assert_eq!(read("  NAME: k7%Q9x,\n"), ("k7%Q9x,", false));
        assert_eq!(read("NAME=k7Q9x psql -h db\n"), ("k7Q9x", false));
        let long = format!("NAME={}\n", "k7Q9".repeat(2000));
        assert_eq!(read(&long), (&long[5..5 + MAX_VALUE_LEN], true));
    }
}
