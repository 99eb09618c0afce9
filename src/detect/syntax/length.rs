//! How long a value is: one function for each way in which programs read one.

use super::before::Before;
use super::behind::{
    MAX_TAIL_LEN, begins_account, begins_blank, begins_colon_pair, begins_command, begins_pair,
    begins_tag, closes, ends_command, entity, is_backtick_escape, is_blank_entity, is_control_word,
    is_doubled, is_operand, is_pair, wide_blank,
};
use super::marks::Quote;
use crate::detect::interpolation;

/// The length of a value on a line whose beginning is out of reach: up to whatever ends one in some
/// syntax.
pub(super) fn unknown(rest: &[u8]) -> Option<usize> {
    (0..rest.len()).find(|at| {
        let byte = rest[*at];
        begins_blank(&rest[*at..]) || b"\"'`,;<>)}]&\\".contains(&byte)
    })
}

/// Returns the length of the value by what the line says; `None` if `rest` ends first.
pub(super) fn scan(rest: &[u8], before: &Before) -> Option<usize> {
    let is_text = before.is_setting || before.is_flow;
    let is_word = !is_text && before.quote.is_none();
    let mut own = [0u32; 4];
    let mut at = 0;
    loop {
        let byte = *rest.get(at)?;
        if byte == b'\\'
            && let Some(len) = escaped_run(&rest[at..], before)
        {
            at += len;
            continue;
        }
        let after = &rest[at + 1..];
        if before.ends_here(&rest[at..]) || wide_blank(&rest[at..]).is_some() {
            return Some(at);
        }
        if let Some(len) = interpolation::expression(&rest[at..]) {
            at += len;
            continue;
        }
        let ends = match byte {
            b'&' if before.holds_entities() && entity(after).is_some() && !begins_pair(after) => {
                at += entity(after).unwrap_or(0);
                false
            }
            b'\\' if is_escaped_content(after, before) => {
                at += 1;
                false
            }
            b'\\' if ends_escaped(after, before) => true,
            b'\\' => {
                at += usize::from(is_escape(after, is_word && !before.is_query));
                false
            }
            b'(' | b'[' | b'{' | b')' | b']' | b'}' => before.closes_bracket(byte, &mut own),
            b',' if own == [0; 4] && before.open[..3] != [0; 3] => true,
            b'"' | b'\'' | b'`' => match before.quote.filter(|quote| quote.byte == byte) {
                Some(quote) if quote.run > 1 => quote.closes_at(&rest[at..]),
                Some(_) => {
                    let is_doubled = before.is_first && is_doubled(byte, after);
                    at += usize::from(is_doubled);
                    !is_doubled
                }
                None => !is_text && !before.quote.is_some_and(|quote| closes(quote.byte, after)),
            },
            _ => is_delimiter(byte, after, before, is_word),
        };
        if ends {
            return Some(at);
        }
        at += 1;
    }
}

/// Whether the backslash before `after` escapes a backslash, or for a shell a mark.
pub(super) fn is_escape(after: &[u8], is_shell: bool) -> bool {
    let escapes = |next: &u8| *next == b'\\' || (is_shell && next.is_ascii_punctuation());
    after.first().is_some_and(escapes)
}

/// The length of a run of backslashes and what it escapes, if that belongs to the value: a blank with
/// more of it behind, or backslashes of a literal whose quote is not escaped itself.
pub(super) fn escaped_run(text: &[u8], before: &Before) -> Option<usize> {
    let run = text.iter().take_while(|byte| **byte == b'\\').count();
    match text.get(run..)? {
        [b' ', next, ..] if next.is_ascii_graphic() && *next != b'\\' => Some(run + 1),
        [next, ..] if run > 2 && run % 2 == 0 => {
            let quote = before.quote.filter(|_| !before.is_nested)?;
            let is_content = next.is_ascii_graphic() && !matches!(next, b'"' | b'\'' | b'`');
            (is_content && closes(quote.byte, &text[run..])).then_some(run)
        }
        _ => None,
    }
}

/// Whether a backslash before `after` escapes a quote or a backslash that is part of the value: the
/// quote around the value is not escaped itself.
pub(super) fn is_escaped_content(after: &[u8], before: &Before) -> bool {
    let Some(quote) = before.quote.filter(|_| !before.is_nested) else {
        return false;
    };
    let quote = quote.byte;
    match after {
        [b'\\', b'"' | b'\'' | b'`', ..] => before.is_first && closes(quote, &after[1..]),
        [b'\\', next, ..] => *next != b'\\' && closes(quote, &after[1..]),
        [next @ (b'"' | b'\'' | b'`'), rest @ ..] => {
            let is_glued = rest.first().is_some_and(u8::is_ascii_alphanumeric);
            (before.is_first || is_glued) && *next == quote && closes(quote, rest)
        }
        _ => false,
    }
}

/// Whether a byte that is no quote, bracket or backslash ends the value; `is_word` says that a shell
/// or another program reads it as a word.
pub(super) fn is_delimiter(byte: u8, after: &[u8], before: &Before, is_word: bool) -> bool {
    let at_blank = matches!(after.first(), Some(b' ' | b'\t'));
    match byte {
        b'&' if is_blank_entity(after) => true,
        // The next command of a batch file or of a script of npm.
        b'&' if matches!(after, [b'&', b' ' | b'\t', ..]) => true,
        b',' if before.has_comma_pairs && (is_pair(after) || is_option(after)) => true,
        b',' | b';' if before.is_colon && begins_colon_pair(after) => true,
        b'/' if before.is_colon && begins_account(after) => true,
        b',' => begins_pair(after) || (at_blank && !before.is_setting),
        b';' => is_word || before.has_pairs || begins_pair(after) || begins_command(after),
        b'&' if is_word => {
            let pair = after.strip_prefix(b"amp;").unwrap_or(after);
            ends_command(byte, after) || before.is_query || is_pair(pair)
        }
        // A form in quotes: `"name=value&x=1"`.
        b'&' => before.is_query || begins_pair(after) || (before.is_first && is_pair(after)),
        b'|' if before.has_bars && is_pair(after) => true,
        b'|' => is_word && (before.is_query || ends_command(byte, after)) || begins_pair(after),
        b'<' => is_word || begins_tag(after),
        b'>' => is_word || before.open[3] > 0,
        b'#' => before.is_query,
        byte => byte.is_ascii_whitespace() || byte.is_ascii_control(),
    }
}

/// Whether a word that is an option of its own follows in a list of pairs: `user=a,password=b,ro`.
fn is_option(after: &[u8]) -> bool {
    let word = after.iter().take(MAX_TAIL_LEN);
    let word = word
        .take_while(|byte| byte.is_ascii_lowercase() || **byte == b'_')
        .count();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b",\"'`".contains(byte);
    word > 1 && after.get(word).is_none_or(ends)
}

/// Whether the backslash before `after` ends the value: it stands at the line's end, or escapes the
/// quote around the value, a line end, or a mark that JSON writes as `\u0026`.
pub(super) fn ends_escaped(after: &[u8], before: &Before) -> bool {
    match after {
        [] | [b'\n' | b'\r', ..] => true,
        // A line break of LaTeX.
        [b'\\', rest @ ..] if !before.is_setting && matches!(rest, [] | [b'\n' | b'\r', ..]) => {
            true
        }
        [b'"' | b'\'' | b'`' | b'\\', ..] => before.quote.is_some(),
        [b'n' | b'r' | b't', rest @ ..] => {
            let is_last = matches!(rest, [] | [b'\n' | b'\r' | b'\\', ..]);
            (!before.is_setting && !before.is_attribute) || is_last
        }
        [b'x', b'2', b'6', rest @ ..] if before.quote.is_some() => {
            before.is_query || begins_pair(rest) || (before.is_first && is_pair(rest))
        }
        // A NUL; a colour of a terminal.
        [b'0', rest @ ..]
            if before.quote.is_some() && !rest.first().is_some_and(u8::is_ascii_digit) =>
        {
            true
        }
        [b'x', b'0', b'0', ..] | [b'0', b'0', b'0', ..] if before.quote.is_some() => true,
        // Control words of RTF.
        _ if before.is_rtf && is_control_word(after) => true,
        [b'0', b'3', b'3', b'[', ..] | [b'x', b'1', b'b' | b'B', b'[', ..] | [b'e', b'[', ..] => {
            true
        }
        // A manual page changes its font.
        [b'f', next, ..] => !before.is_setting && next.is_ascii_uppercase(),
        [b'u', ..] => before.quote.is_some() && ends_at_mark(after, before),
        _ => false,
    }
}

/// Whether the mark that JSON writes as `\u0026` ends the value, as the mark itself would.
pub(super) fn ends_at_mark(after: &[u8], before: &Before) -> bool {
    let Some((mark, rest)) = after.split_at_checked(5) else {
        return false;
    };
    let mark = mark.to_ascii_lowercase();
    match &mark[..] {
        b"u0000" => true,
        b"u0022" => before.marked[0],
        b"u0027" => before.marked[1],
        b"u0026" => {
            let is_last = !rest.first().is_some_and(|byte| is_operand(&[*byte]));
            let is_form = before.is_first && is_pair(rest);
            before.is_query || is_last || is_form || begins_pair(rest)
        }
        b"u003c" => matches!(rest.first(), Some(b'/' | b'!')) || rest.starts_with(b"br"),
        b"u003e" => before.is_marked_tag || before.open[3] > 0,
        _ => false,
    }
}

/// The length of a literal whose opening quote, with `escapes` backslashes before it, stands right
/// before `rest`.
pub(super) fn literal(rest: &[u8], closing: Quote, escapes: usize) -> Option<usize> {
    let is_one = closing.run == 1;
    let quote = closing.byte;
    let mut at = 0;
    loop {
        match *rest.get(at)? {
            b'\n' | b'\r' => return Some(at),
            b'\\' if rest.get(at + 1) == Some(&quote) && escapes > 0 => return Some(at),
            b'\\' => at += 1,
            b'`' if is_backtick_escape(&rest[at..], quote) => at += 1,
            // SQL and PowerShell double a quote to escape it.
            byte if byte == quote && is_one && rest.get(at + 1) == Some(&quote) => at += 1,
            byte if byte == quote && closing.closes_at(&rest[at..]) => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// The length of a shell word.
pub(super) fn word(rest: &[u8], before: &Before) -> Option<usize> {
    if let (Some(escapes), Some(quote)) = (before.own, before.quote) {
        return literal(rest, quote, escapes);
    }
    let is_plain = before.quote.is_none();
    let mut own = [0; 4];
    let mut at = 0;
    loop {
        let byte = *rest.get(at)?;
        if let Some(len) = substitution(&rest[at..], before) {
            at += len;
            continue;
        }
        let ends = match byte {
            _ if before.is_closed(&rest[at..], &mut own) => true,
            _ if begins_blank(&rest[at..]) => true,
            b'\\' => {
                let ends = ends_escaped(&rest[at + 1..], before);
                at += usize::from(!ends);
                ends
            }
            b'"' | b'\'' | b'`' if is_plain && before.is_known => {
                if !before.is_item && closes_earlier(&rest[at..]) {
                    return Some(at - own_closers(&rest[..at]));
                }
                false
            }
            b'"' | b'\'' | b'`' => before.ends_at_quote(&rest[at..]) || !before.is_known,
            b'&' | b'|' => is_plain && !before.is_item,
            b';' | b'<' | b'>' => is_plain && !before.is_item,
            b',' if is_plain => ends_item(&rest[at + 1..], before),
            _ => false,
        };
        if ends {
            return Some(at);
        }
        at += 1;
    }
}

/// The length of an expression or a command in backticks that a shell replaces in a word.
fn substitution(rest: &[u8], before: &Before) -> Option<usize> {
    if rest.first() == Some(&b'`') && before.quote.is_none_or(|quote| quote.byte == b'"') {
        let inner = &rest[1..rest.len().min(interpolation::MAX_LEN)];
        let end = memchr::memchr2(b'`', b'\n', inner).filter(|&end| inner[end] == b'`')?;
        return inner[..end].contains(&b' ').then_some(end + 2);
    }
    interpolation::expression(rest)
}

/// Whether the quote at the beginning of `rest`, before which none is open on the line, closes a literal that
/// began on an earlier line: nothing is quoted behind it, and no more of a word stands there.
fn closes_earlier(rest: &[u8]) -> bool {
    let quote = rest[0];
    let run = rest.iter().take(MAX_TAIL_LEN);
    let run = run.take_while(|byte| **byte == quote).count();
    let after = &rest[run..rest.len().min(run + MAX_TAIL_LEN)];
    let word = after.split(u8::is_ascii_whitespace).next().unwrap_or(after);
    let opens = run == 1 && word.contains(&quote);
    !opens
        && !after
            .first()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
}

/// How many brackets at the end of `value` close none of its own: what a quote closes behind them, they close, too.
pub(super) fn own_closers(value: &[u8]) -> usize {
    let count = |byte| memchr::memchr_iter(byte, value).count();
    let closers = value.iter().rev().take_while(|byte| b")]}".contains(byte));
    let pairs = [(b'(', b')'), (b'[', b']'), (b'{', b'}')];
    let unmatched = |(open, close)| count(close).saturating_sub(count(open));
    closers.count().min(pairs.into_iter().map(unmatched).sum())
}

/// The length of a word that ends at a blank only, as in a netrc file.
pub(super) fn blank(rest: &[u8], before: &Before) -> Option<usize> {
    let mut own = [0; 4];
    let mut at = 0;
    loop {
        let byte = *rest.get(at)?;
        let is_escape = byte == b'\\' && before.quote.is_some();
        let ends = byte.is_ascii_whitespace()
            || before.is_closed(&rest[at..], &mut own)
            || before.ends_at_quote(&rest[at..])
            || (is_escape && ends_escaped(&rest[at + 1..], before));
        if ends {
            return Some(at);
        }
        at += 1 + usize::from(is_escape);
    }
}

/// Whether the comma before `after` ends an item of the list that is open.
pub(super) fn ends_item(after: &[u8], before: &Before) -> bool {
    let is_list = before.open[1] + before.open[2] > 0;
    let is_next = |byte: &u8| byte.is_ascii_whitespace() || b"-\"'".contains(byte);
    is_list && after.first().is_none_or(is_next)
}

/// The length of a connection string's field: up to `;`, or `&` in a query, or to the quote around the
/// string. In quotes a blank is a part of it.
pub(super) fn field(rest: &[u8], before: &Before, is_query: bool) -> Option<usize> {
    if let (Some(escapes), Some(quote)) = (before.own, before.quote) {
        return literal(rest, quote, escapes);
    }
    // ODBC and JDBC: `{…}`, with `}}` for a brace.
    if rest.first() == Some(&b'{')
        && let Some(len) = braced(rest)
    {
        return Some(len);
    }
    let is_literal = before.is_known && before.quote.is_some();
    // Where no quote is open, none closes anything.
    let is_plain = before.is_known && before.quote.is_none();
    let mut own = [0; 4];
    let mut at = 0;
    loop {
        let byte = *rest.get(at)?;
        let after = &rest[at + 1..];
        match byte {
            b'\n' | b'\r' => return Some(at),
            _ if before.is_closed(&rest[at..], &mut own) => return Some(at),
            b';' if !is_query && before.opening.is_none() => return Some(at),
            // The quote around the field itself.
            b'&' if before
                .opening
                .is_some_and(|quote| rest[at..].starts_with(quote)) =>
            {
                return Some(at);
            }
            b'&' => match entity(after) {
                Some(len) if !after.starts_with(b"amp;") || !is_query => at += len,
                _ if is_query => return Some(at),
                _ => {}
            },
            // C# doubles a quote in a verbatim string.
            _ if before.ends_at_quote(&rest[at..]) && is_literal => {
                let is_one = before.quote.is_some_and(|quote| quote.run == 1);
                if !(is_one && is_doubled(byte, after)) {
                    return Some(at);
                }
                at += 1;
            }
            b'"' | b'\'' | b'`' if !is_literal && !is_plain => return Some(at),
            b'"' | b'\'' | b'`' if is_plain && closes_earlier(&rest[at..]) => {
                return Some(at - own_closers(&rest[..at]));
            }
            b'\\' if before.quote.is_some() && !before.is_attribute => {
                match escaped_content(after, before) {
                    Some(len) => at += len,
                    None => return Some(at),
                }
            }
            byte if byte.is_ascii_whitespace() && (is_query || !is_literal) => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// The length of `{…}` at the beginning of a field, if a `;`, a quote or the end follows it.
pub(super) fn braced(rest: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match rest.get(at..)? {
            [b'}', b'}', ..] => at += 2,
            [b'}', b';' | b'"' | b'\'' | b'\\' | b'<' | b'\n' | b'\r', ..] | [b'}'] => {
                return Some(at + 1);
            }
            [b'}' | b'\n' | b'\r', ..] | [] => return None,
            _ => at += 1,
        }
    }
}

/// The length of `u0058` or `x58` behind a backslash, if it stands for a visible character other than those
/// that end a field or the literal around it.
fn escaped_character(after: &[u8]) -> Option<usize> {
    let (len, digits) = match after {
        [b'u', b'0', b'0', digits @ ..] => (5, digits.get(..2)?),
        [b'x', digits @ ..] => (3, digits.get(..2)?),
        _ => return None,
    };
    let digits = std::str::from_utf8(digits).ok()?;
    let byte = u8::from_str_radix(digits, 16).ok()?;
    (byte.is_ascii_graphic() && !b"\";".contains(&byte)).then_some(len)
}

/// The length of what a backslash escapes in a field, if that belongs to it: a backslash, a mark that
/// JSON writes as `\u0026`, or a quote that the literal goes on behind.
pub(super) fn escaped_content(after: &[u8], before: &Before) -> Option<usize> {
    if let Some(len) = escaped_character(after) {
        return Some(len);
    }
    is_escaped_content(after, before).then_some(1)
}
