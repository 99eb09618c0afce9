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
//! Where two readings are possible, the longer one is taken if the value cannot be an expression
//! of code; where the shorter one is taken, [`Extent::is_partial`] says that it may go on.

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

/// Longest value.
pub const MAX_VALUE_LEN: usize = 4096;
/// Bytes of a line before a value that are looked at.
pub(super) const MAX_PREFIX_LEN: usize = 160;
/// Bytes behind a value that are looked at, to tell whether it goes on.
const MAX_TAIL_LEN: usize = 96;

/// The line before a value: which quote and which brackets are open where the value begins.
struct Before {
    /// The line's start is in reach; else nothing is known about quotes and brackets.
    is_known: bool,
    /// Nothing but what may begin a setting comes before the name.
    is_setting: bool,
    /// The quote that is open.
    quote: Option<u8>,
    /// Whether that is the value's own, right before it, and how many backslashes escape it.
    own: Option<usize>,
    /// Open `(`, `[`, `{`, `<`.
    open: [u32; 4],
    /// Whether the name is the first in the quote that is open: `"NAME=value"`.
    is_first: bool,
    /// Whether escaped quotes stand between the open quote and the name.
    is_nested: bool,
    is_query: bool,
    /// Whether `\u0022` and `\u0027` are open before the value.
    marked: [bool; 2],
    /// Whether `\u003c` is open before the value.
    is_marked_tag: bool,
    /// Whether items before the name follow their commas without a blank.
    is_tight: bool,
    /// In a flow collection of YAML, which ends at its own marks only.
    is_flow: bool,
    has_pairs: bool,
    /// `A=b,NAME=value`: pairs that commas separate.
    has_comma_pairs: bool,
    /// `name:value`, without a blank: further pairs are written alike.
    is_colon: bool,
    /// What ends an edit of `sed` that the value is written by: `s/…/NAME=value/`.
    sed: Option<u8>,
    /// The entity of a quote right before the value.
    opening: Option<&'static [u8]>,
    /// The entity of a quote that is open before the value.
    entity: Option<&'static [u8]>,
    /// In a comment of C and its like.
    is_block_comment: bool,
    /// In a comment of markup.
    is_comment: bool,
    /// In a comment of a template: `{{!-- --}}`.
    is_template_comment: bool,
    /// A pair of a query that is encoded: `%3D` stands before the value.
    is_percent: bool,
    /// Three quotes stand before the name.
    is_triple: bool,
    /// In an attribute: a tag is open on the line.
    open_tag: bool,
    /// `“` or the marks of Markdown's bold text are open.
    closing: Option<&'static [u8]>,
    /// An item of a list in YAML, which no shell reads.
    is_item: bool,
    /// The word before the name splits its arguments at blanks, as a shell does.
    is_shell: bool,
    /// `ENV NAME value` in a Dockerfile, `set NAME=value` in a batch file: the value takes the line.
    takes_line: bool,
    /// The name begins the text of an element.
    is_text_of_element: bool,
    /// Blanks before the name, if nothing else comes before it.
    indent: Option<usize>,
    /// `name=value`, without blanks.
    is_tight_pair: bool,
    /// The line before ends in `;`.
    is_after_pair: bool,
    /// In a text of RTF.
    is_rtf: bool,
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
        Ends::Blank => rest
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || before.quote == Some(*byte)),
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
    let tail = &window[start + len..];
    let tail = &tail[..tail.len().min(MAX_TAIL_LEN)];
    let line_end = tail.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    let tail = &tail[..line_end.unwrap_or(tail.len())];
    let is_last = ends == Ends::Line && before.is_setting && tail.trim_ascii().is_empty();
    let block = is_last.then(|| block_end(&rest[..len], lines_before(window, name.start)));
    let kept = block
        .flatten()
        .unwrap_or_else(|| kept(ends, rest, len, tail, &before));
    let (kept, is_partial) = kept;
    let end = start + kept;
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
    let may_hold_expression = memchr::memchr3(b'{', b'(', b'%', &rest[..len]).is_some();
    let ahead = MAX_TAIL_LEN.max(continuation::REACH);
    let reach = match may_hold_expression {
        true => interpolation::MAX_LEN + ahead,
        false => tail.len() + 1 + ahead,
    };
    Extent {
        end,
        is_partial: is_partial || is_folded || is_joined,
        seen: (start + len + reach).min(window.len()),
    }
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
            let is_glued = !before.is_tight && is_glued_behind(&rest[len..]);
            (kept, is_more || is_glued || begins_text(&rest[len..]))
        }
        // The end of an item, or a part of it.
        Ends::Word if before.indent.is_some() && rest[..len].ends_with(b",") => (len - 1, true),
        Ends::Word if before.own.is_none() => {
            let is_more = goes_on_behind(&rest[len..]) || before.takes_blanks(tail);
            (len, is_more)
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

/// Whether the line behind the first `tail` bytes of `rest` ends in `;` and holds a pair.
fn is_before_pair(rest: &[u8], tail: usize) -> bool {
    let next = rest.get(tail..).unwrap_or_default().trim_ascii_start();
    let next = &next[..next.len().min(MAX_TAIL_LEN)];
    let line = memchr::memchr(b'\n', next).map_or(&next[..0], |end| &next[..end]);
    line.trim_ascii_end().ends_with(b";") && line.contains(&b'=')
}

/// Whether letters are glued to the brackets and commas in which a value ends, and are no next pair.
fn is_glued_behind(rest: &[u8]) -> bool {
    let is_mark = |byte: &&u8| b",)}]".contains(byte);
    let marks = rest.iter().take(4).take_while(is_mark).count();
    let rest = &rest[marks..];
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.\"'".contains(byte);
    let name = rest.iter().take(48).take_while(is_name).count();
    let is_pair = matches!(rest.get(name), Some(b'=' | b':'));
    marks > 0 && rest.first().is_some_and(u8::is_ascii_alphanumeric) && !is_pair
}

/// Whether a tab that JSON escapes and more text follow.
fn begins_text(rest: &[u8]) -> bool {
    let text = rest.strip_prefix(b"\\t");
    text.is_some_and(|text| text.first().is_some_and(u8::is_ascii_alphanumeric) && !is_pair(text))
}

/// How often `mark` stands behind a backslash.
fn count_marks(line: &[u8], mark: &[u8]) -> usize {
    memchr::memchr_iter(b'\\', line)
        .filter(|&at| {
            let found = line.get(at + 1..at + 1 + mark.len());
            found.is_some_and(|found| found.eq_ignore_ascii_case(mark))
        })
        .count()
}

/// The text before `at`, over several lines, as far back as is looked at.
fn lines_before(window: &[u8], at: usize) -> &[u8] {
    &window[at.saturating_sub(MAX_PREFIX_LEN)..at]
}

/// Whether a backslash stands on the line that `rest` begins with.
fn ends_in_backslash(rest: &[u8]) -> bool {
    memchr::memchr2(b'\\', b'\n', rest).is_some_and(|at| rest[at] == b'\\')
}

/// Whether `text` is one of RTF.
fn is_rtf(text: &[u8]) -> bool {
    memchr::memmem::find(text, b"\\par").is_some()
        || memchr::memmem::find(text, b"{\\rtf").is_some()
}

/// Whether a control word of RTF follows a backslash: `\par`, `\b0`.
fn is_control_word(after: &[u8]) -> bool {
    const WORDS: [&[u8]; 12] = [
        b"par", b"pard", b"b", b"i", b"ul", b"ulnone", b"line", b"tab", b"cell", b"row", b"plain",
        b"cf",
    ];
    let letters = after
        .iter()
        .take(8)
        .take_while(|byte| byte.is_ascii_lowercase());
    let letters = letters.count();
    let digits = after[letters..]
        .iter()
        .take(4)
        .take_while(|byte| byte.is_ascii_digit());
    let next = after.get(letters + digits.count());
    WORDS.contains(&&after[..letters]) && !next.is_some_and(u8::is_ascii_alphanumeric)
}

/// What opens a text or a comment of several lines, what closes it, and whether that is so rare in a value
/// that it ends one wherever the text began.
const BLOCKS: [(&[u8], &[u8], bool); 22] = [
    (b"/*", b"*/", true),
    (b"{{!--", b"--}}", true),
    (b"{{--", b"--}}", true),
    (b"{#", b"#}", true),
    (b"<#", b"#>", true),
    (b"<!--", b"-->", true),
    (b"(*", b"*)", true),
    (b"<?", b"?>", true),
    (b"<%", b"%>", true),
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
    [value, &value[..trimmed]].into_iter().find_map(|text| {
        BLOCKS.iter().find_map(|(open, close, is_rare)| {
            let kept = text.strip_suffix(*close)?;
            let is_open = match open == close {
                true => memchr::memmem::find_iter(before, open).count() % 2 == 1,
                false => memchr::memmem::rfind(before, open) > memchr::memmem::rfind(before, close),
            };
            let holds_more = memchr::memmem::find(kept, open).is_some();
            ((is_open || *is_rare) && !kept.is_empty() && !holds_more)
                .then_some((kept.len(), !is_open))
        })
    })
}

/// Where the line that holds `at` begins, as far back as is looked at, and whether its beginning is
/// in reach.
fn line_before(window: &[u8], at: usize) -> (usize, bool) {
    let from = at.saturating_sub(MAX_PREFIX_LEN);
    let newline = memchr::memrchr(b'\n', &window[from..at]);
    match newline {
        Some(newline) => (from + newline + 1, true),
        None => (from, from == 0),
    }
}

impl Before {
    fn of(window: &[u8], name: Span, start: usize) -> Self {
        let (line, begins) = line_before(window, name.start);
        let prefix = &window[line..name.start];
        let prefix = prefix.strip_prefix(b"\xef\xbb\xbf").unwrap_or(prefix);
        let last = prefix.last().copied();
        let (outer, open) = open_marks(&window[line..start], tail_of(window, start));
        // Its own, where a rule's expression passed over it.
        let last_byte = start.checked_sub(1).map(|at| window[at]);
        let own = last_byte.filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        let escapes = escapes_before(window, start);
        let words = leading_words(prefix);
        // The letter of `\n` is taken for one of the name.
        let is_letter = matches!(window.get(name.start), Some(b'n'));
        let begins_line = prefix.ends_with(b"\\n") || (prefix.ends_with(b"\\") && is_letter);
        Self {
            is_first: outer.is_some() && (last == outer || begins_line),
            is_nested: holds_escaped_quote(prefix),
            is_known: begins,
            is_setting: begins && words.is_some() && outer.is_none() && open == [0; 4],
            quote: own.or(outer),
            own: own.map(|_| escapes),
            open,
            is_flow: outer.is_none()
                && open[1] + open[2] > 0
                && window[..start].trim_ascii_end().ends_with(b":"),
            is_query: begins_parameter(prefix, &window[name.start..]),
            marked: [b"u0022", b"u0027"]
                .map(|mark| count_marks(&window[line..start], mark) % 2 == 1),
            is_marked_tag: count_marks(prefix, b"u003c") > count_marks(prefix, b"u003e"),
            is_tight: prefix
                .windows(2)
                .any(|pair| pair[0] == b',' && !pair[1].is_ascii_whitespace()),
            is_item: prefix.trim_ascii() == b"-",
            has_pairs: memchr::memchr(b';', prefix).is_some_and(|at| prefix[..at].contains(&b'=')),
            has_comma_pairs: memchr::memchr(b',', prefix)
                .is_some_and(|at| prefix[..at].contains(&b'=') && prefix.ends_with(b",")),
            is_colon: last_byte == Some(b':'),
            sed: sed_delimiter(prefix, outer),
            entity: QUOTE_ENTITIES.into_iter().find(|quote| {
                memchr::memmem::find_iter(&window[line..start], quote).count() % 2 == 1
            }),
            is_block_comment: prefix.trim_ascii_start().starts_with(b"*")
                || memchr::memmem::rfind(prefix, b"/*") > memchr::memmem::rfind(prefix, b"*/"),
            opening: QUOTE_ENTITIES
                .into_iter()
                .find(|quote| window[..start].ends_with(quote)),
            is_comment: memchr::memmem::find(&window[line..start], b"<!--").is_some(),
            is_template_comment: is_template_comment(&window[line..start]),
            is_percent: window[..start].ends_with(b"%3D") || window[..start].ends_with(b"%3d"),
            is_triple: outer.is_some_and(|quote| prefix.ends_with(&[quote; 3])),
            open_tag: memchr::memrchr(b'<', prefix) > memchr::memrchr(b'>', prefix),
            closing: closing_mark(&window[line..start]),
            is_shell: words == Some(Leading::Shell),
            takes_line: takes_line(prefix, &window[name.end..start]),
            is_text_of_element: prefix.ends_with(b">") && !prefix.ends_with(b"->"),
            is_tight_pair: &window[name.end..start] == b"=",
            is_rtf: ends_in_backslash(tail_of(window, start))
                && is_rtf(lines_before(window, name.start)),
            is_after_pair: line >= name.start.saturating_sub(MAX_PREFIX_LEN) + 3
                && window[..line].trim_ascii_end().ends_with(b";"),
            indent: (begins && prefix.iter().all(u8::is_ascii_whitespace)).then_some(prefix.len()),
        }
    }

    /// Whether a blank and what follows it on the line may belong to the value.
    fn takes_blanks(&self, tail: &[u8]) -> bool {
        let tail = match self.quote {
            Some(quote) if self.is_first => &tail[..memchr::memchr(quote, tail).unwrap_or(0)],
            Some(_) => return false,
            None => tail,
        };
        let rest = tail.trim_ascii();
        let is_apart = tail.first().is_some_and(u8::is_ascii_whitespace);
        let is_whole = self.is_item || self.takes_line || self.is_first;
        is_whole && is_apart && !rest.is_empty() && !rest.starts_with(b"#") && !is_command(rest)
    }

    /// Whether the quoted text that holds the value is joined to a literal which goes on with it.
    fn is_joined(&self, rest: &[u8]) -> bool {
        match (self.quote, self.own, rest.split_first()) {
            (Some(quote), None, Some((first, after))) if *first == quote => {
                continuation::is_joined_text(quote, after)
            }
            _ => false,
        }
    }

    /// Whether the value and its `;` end a text in quotes that is joined to the next pair.
    fn joins_pair(&self, value: &[u8]) -> bool {
        let Some(quote) = self.quote.filter(|_| self.own.is_none()) else {
            return false;
        };
        let end = memchr::memchr(quote, value);
        let ends_pair = end.is_some_and(|end| value[..end].ends_with(b";"));
        ends_pair && end.is_some_and(|end| continuation::joins_pair(quote, &value[end + 1..]))
    }

    /// Whether `rest` begins with what closes something that is open before the value.
    fn ends_here(&self, rest: &[u8]) -> bool {
        let is_sed = self
            .sed
            .is_some_and(|delimiter| ends_edit(rest, delimiter, self.quote));
        let is_closing = self.closing.is_some_and(|mark| {
            let next = rest.strip_prefix(mark).map(<[u8]>::first);
            let is_ascii = mark.is_ascii();
            next.is_some_and(|next| {
                !is_ascii || next.is_none_or(|byte| !byte.is_ascii_alphanumeric())
            })
        });
        is_sed
            || is_closing
            || (self.is_comment && rest.starts_with(b"-->"))
            || (self.is_template_comment
                && (rest.starts_with(b"--}}") || rest.starts_with(b"--%>")))
            || (self.is_percent && ends_encoded(rest))
            || is_end_of_style(rest)
            || (self.is_block_comment && rest.starts_with(b"*/"))
            || self.entity.is_some_and(|quote| rest.starts_with(quote))
    }

    /// Whether `&` begins an entity where the value is: in an attribute or the text of an element.
    fn holds_entities(&self) -> bool {
        let is_markup = (self.quote.is_some() && self.open_tag) || self.is_text_of_element;
        is_markup && !self.is_query
    }

    /// Whether the field of a connection string goes on behind a blank: its `;` comes later.
    fn field_goes_on(&self, rest: &[u8]) -> bool {
        let tail = &rest[..rest.len().min(MAX_TAIL_LEN)];
        let end = tail.iter().position(|byte| b";\"'\r\n".contains(byte));
        let inner = &tail[..end.unwrap_or(0)];
        let is_field = end.is_some_and(|end| tail[end] == b';' || self.quote.is_some());
        is_field && !inner.trim_ascii().is_empty() && !inner.contains(&b'=')
    }

    /// Whether the next line is indented more than the name and holds text alone: a plain scalar of YAML,
    /// a value of LDIF or of an ini file goes on there. `rest` begins where the value ends.
    fn is_folded(&self, rest: &[u8]) -> bool {
        let is_alone = self.quote.is_none() && self.open == [0; 4];
        let Some(indent) = self.indent.filter(|_| is_alone) else {
            return false;
        };
        folds(rest, indent + 1)
    }
}

/// Whether a plain scalar that ends before `rest` goes on: the next line that is not empty is indented by
/// at least `least` blanks and holds text alone.
pub(super) fn folds(rest: &[u8], least: usize) -> bool {
    let rest = &rest[..rest.len().min(MAX_TAIL_LEN)];
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r');
    let blanks = |text: &[u8]| text.iter().take_while(is_blank).count();
    let mut line = rest;
    let mut next = 0;
    let mut lines = 0;
    loop {
        let indent = blanks(line);
        match line[indent..].strip_prefix(b"\n") {
            Some(below) => line = below,
            None if lines == 0 => return false,
            None => {
                line = &line[indent..];
                next = next.max(indent);
                break;
            }
        }
        lines += 1;
    }
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    let is_text = |byte: &u8| byte.is_ascii_graphic() && !FOLD_ENDS.contains(byte);
    next >= least
        && line.first().is_some_and(is_text)
        && !line.iter().any(|byte| b"=({".contains(byte))
        && !line.windows(2).any(|pair| pair == b": ")
        && !line.trim_ascii_end().ends_with(b":")
}

/// The delimiter of the edit of `sed` that `prefix` is in the second part of; `quote` is open around it.
pub fn sed_delimiter(prefix: &[u8], quote: Option<u8>) -> Option<u8> {
    let start = match quote {
        Some(quote) => memchr::memrchr(quote, prefix)? + 1,
        None => {
            memchr::memmem::find(prefix, b"sed ")?;
            memchr::memrchr(b' ', prefix)? + 1
        }
    };
    let text = &prefix[start..];
    memchr::memrchr_iter(b's', text).find_map(|at| {
        let &delimiter = text.get(at + 1)?;
        let is_start = at == 0 || !text[at - 1].is_ascii_alphanumeric();
        let is_one = is_start && b"/|#@,!~:;%".contains(&delimiter);
        (is_one && memchr::memchr_iter(delimiter, &text[at..]).count() == 2).then_some(delimiter)
    })
}

/// Whether `rest` ends an edit of `sed` with that delimiter and its flags.
pub fn ends_edit(rest: &[u8], delimiter: u8, quote: Option<u8>) -> bool {
    rest.first() == Some(&delimiter) && {
        let flags = rest[1..].iter().take(5);
        let flags = flags
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        match rest.get(1 + flags) {
            Some(byte) if b";\\}".contains(byte) => true,
            Some(byte) if quote.is_none() => byte.is_ascii_whitespace(),
            next => next.copied() == quote,
        }
    }
}

/// What closes the typographic quote or the bold text that is open at the end of `line`.
pub fn closing_mark(line: &[u8]) -> Option<&'static [u8]> {
    const MARKS: [&[u8]; 10] = [
        b"***", b"**", b"*", b"__", b"_", b"~~", b"~", b"==", b"=", b"|",
    ];
    const QUOTES: [(&[u8], &[u8]); 9] = [
        ("«".as_bytes(), "»".as_bytes()),
        ("„".as_bytes(), "“".as_bytes()),
        ("“".as_bytes(), "”".as_bytes()),
        ("‚".as_bytes(), "‘".as_bytes()),
        ("‘".as_bytes(), "’".as_bytes()),
        ("‹".as_bytes(), "›".as_bytes()),
        ("「".as_bytes(), "」".as_bytes()),
        ("『".as_bytes(), "』".as_bytes()),
        ("»".as_bytes(), "«".as_bytes()),
    ];
    if !line.is_ascii() {
        let last = |mark: &[u8]| memchr::memmem::rfind(line, mark);
        let quote = QUOTES.iter().find(|(open, close)| last(open) > last(close));
        if let Some((_, close)) = quote {
            return Some(close);
        }
    }
    // The last run of one sign that begins a word, or the value.
    let begun = (0..line.len()).rev().find_map(|at| {
        let sign = line[at];
        let is_first = at
            .checked_sub(1)
            .is_none_or(|at| line[at].is_ascii_whitespace());
        if !is_first || !b"*_~=|".contains(&sign) {
            return None;
        }
        let run = line[at..].iter().take_while(|byte| **byte == sign).count();
        let begins = match line.get(at + run) {
            Some(next) => next.is_ascii_alphanumeric(),
            None => b"*_~".contains(&sign),
        };
        begins.then_some((sign, run))
    });
    let (sign, run) = begun?;
    let mark = MARKS
        .iter()
        .find(|mark| mark[0] == sign && mark.len() == run)?;
    // `_name=value_` may be a variable.
    let is_text = sign != b'_' || run > 1 || line.ends_with(b": ");
    let is_open = memchr::memmem::find_iter(line, mark).count() % 2 == 1;
    (is_text && is_open).then_some(mark)
}

/// What a line begins with that goes on no text of the line before.
const FOLD_ENDS: &[u8] = b"#;-/*.?:+&|<>{}[]()\"'`$@";

/// What comes before the name on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leading {
    /// Blanks, a list's dash, a comment or diff mark.
    Nothing,
    /// A command that takes `NAME=value` as a word.
    Shell,
}

/// Returns what begins a line before a setting's name; `None` if that is something else.
fn leading_words(prefix: &[u8]) -> Option<Leading> {
    const SHELL: [&[u8]; 14] = [
        b"export",
        b"set",
        b"setenv",
        b"env",
        b"ENV",
        b"ARG",
        b"declare",
        b"local",
        b"readonly",
        b"typeset",
        b"-x",
        b"-e",
        b"--env",
        b"RUN",
    ];
    let mut found = Leading::Nothing;
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let (words, glued) = match prefix.iter().rposition(blank) {
        Some(at) => prefix.split_at(at + 1),
        None => (&prefix[..0], prefix),
    };
    for word in words.split(blank).filter(|word| !word.is_empty()) {
        if SHELL.contains(&word) {
            found = Leading::Shell;
        } else if !is_mark(word) {
            return None;
        }
    }
    // `$name`, `:name`, `@name`, `+NAME` of a diff, `$env:NAME`, `//registry/:name` of npm.
    let is_registry = glued.starts_with(b"//") && glued.ends_with(b":");
    let is_sigil =
        glued.is_empty() || is_mark(glued) || is_registry || glued.eq_ignore_ascii_case(b"$env:");
    // A unit of systemd splits its variables at blanks.
    if glued == b"Environment=" {
        return Some(Leading::Shell);
    }
    is_sigil.then_some(found)
}

fn is_mark(word: &[u8]) -> bool {
    word.iter().all(|byte| b"#/;*+->$:@!.".contains(byte))
}

/// How many backslashes escape the quote right before `at`; none if there is no quote.
pub(super) fn escapes_before(window: &[u8], at: usize) -> usize {
    match &window[..at] {
        [before @ .., b'"' | b'\'' | b'`'] => {
            let before = before.iter().rev().take(8);
            before.take_while(|&&byte| byte == b'\\').count()
        }
        _ => 0,
    }
}

/// What comes behind `at`, as far as it is looked at for a closing quote.
fn tail_of(window: &[u8], at: usize) -> &[u8] {
    &window[at..window.len().min(at + MAX_VALUE_LEN)]
}

/// Whether nothing but what begins a setting comes before `at` on its line.
pub(super) fn begins_setting(window: &[u8], at: usize) -> bool {
    let (line, begins) = line_before(window, at);
    let prefix = &window[line..at];
    begins && leading_words(prefix).is_some() && !prefix.ends_with(b":")
}

/// Whether the words before a name say that its value takes the rest of the line, blanks included:
/// `operator` is what stands between them.
fn takes_line(prefix: &[u8], operator: &[u8]) -> bool {
    let is_before = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'@' | b'(');
    let word = prefix.trim_ascii_end();
    let word = &word[word.iter().rposition(is_before).map_or(0, |at| at + 1)..];
    let is_assigned = operator.contains(&b'=');
    (word == b"ENV" && !is_assigned) || (word.eq_ignore_ascii_case(b"set") && is_assigned)
}

/// Whether a quote is open where the line before `at` ends; `None` if the line begins out of reach.
pub(super) fn is_quoted(window: &[u8], at: usize) -> Option<bool> {
    let (line, begins) = line_before(window, at);
    begins.then(|| {
        open_marks(&window[line..at], tail_of(window, at))
            .0
            .is_some()
    })
}

/// Whether braces alone are expressions in the text around `at`.
pub(super) fn is_in_template(window: &[u8], at: usize) -> bool {
    let (line, _) = line_before(window, at);
    interpolation::is_template(&window[line..at])
}

/// Quotes that are open in each other, at most.
const MAX_QUOTES: usize = 3;

/// The quotes that are open at the end of a line, outermost first, and the brackets that are open in
/// the innermost.
struct Marks {
    /// Each with the brackets that were open before it.
    quotes: Vec<(u8, [u32; 4])>,
    open: [u32; 4],
}

impl Marks {
    /// Takes `byte`, which comes behind `before`, as a quote.
    fn take_quote(&mut self, byte: u8, before: Option<u8>) {
        if let Some(level) = self.quotes.iter().rposition(|(quote, _)| *quote == byte) {
            // Quotes within it that nothing closes are characters.
            self.open = self.quotes[level].1;
            self.quotes.truncate(level);
            return;
        }
        // An apostrophe opens nothing, nor does a sign of inches.
        let is_behind_word = before.is_some_and(|before| before.is_ascii_alphanumeric());
        let is_sign = byte == b'\'' || !self.quotes.is_empty();
        if self.quotes.len() < MAX_QUOTES && !(is_sign && is_behind_word) {
            self.quotes.push((byte, std::mem::take(&mut self.open)));
        }
    }

    /// Drops the inner quotes that `rest` of the line does not close.
    fn close(mut self, rest: &[u8]) -> (Option<u8>, [u32; 4]) {
        while self.quotes.len() > 1 {
            let (quote, outside) = self.quotes[self.quotes.len() - 1];
            let outer = self.quotes[self.quotes.len() - 2].0;
            let end = memchr::memchr3(quote, outer, b'\n', rest);
            if end.is_some_and(|end| rest[end] == quote) {
                break;
            }
            self.open = outside;
            self.quotes.pop();
        }
        (self.quotes.last().map(|(quote, _)| *quote), self.open)
    }
}

/// Returns the innermost quote that is open at the end of `line` and closed in `rest`, or the only one;
/// and the brackets that are open in it.
fn open_marks(line: &[u8], rest: &[u8]) -> (Option<u8>, [u32; 4]) {
    let mut marks = Marks {
        quotes: Vec::new(),
        open: [0; 4],
    };
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        let open = &mut marks.open;
        match byte {
            b'\\' => at += 1,
            b'"' | b'`' | b'\'' => {
                let before = at.checked_sub(1).map(|at| line[at]);
                marks.take_quote(byte, before);
            }
            b'(' => open[0] += 1,
            b'[' => open[1] += 1,
            b'{' => open[2] += 1,
            b'<' => open[3] += 1,
            b')' => open[0] = open[0].saturating_sub(1),
            b']' => open[1] = open[1].saturating_sub(1),
            b'}' => open[2] = open[2].saturating_sub(1),
            b'>' => open[3] = open[3].saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    marks.close(rest)
}

/// The length of a value on a line whose beginning is out of reach: up to whatever ends one in some
/// syntax.
fn unknown(rest: &[u8]) -> Option<usize> {
    rest.iter()
        .position(|byte| byte.is_ascii_whitespace() || b"\"'`,;<>)}]&\\".contains(byte))
}

/// Returns the length of the value by what the line says; `None` if `rest` ends first.
fn scan(rest: &[u8], before: &Before) -> Option<usize> {
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
        if before.ends_here(&rest[at..]) {
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
            b'(' | b'[' | b'{' => {
                own[bracket(byte)] += 1;
                false
            }
            b')' | b']' | b'}' => {
                let kind = bracket(byte);
                let closes_own = own[kind] > 0;
                own[kind] = own[kind].saturating_sub(1);
                !closes_own && before.open[kind] > 0
            }
            b',' if own == [0; 4] && before.open[..3] != [0; 3] => true,
            b'"' | b'\'' | b'`' if before.quote == Some(byte) => {
                let is_doubled = before.is_first && !before.is_triple && is_doubled(byte, after);
                at += usize::from(is_doubled);
                !is_doubled
            }
            b'"' | b'\'' | b'`' => {
                !is_text && !before.quote.is_some_and(|quote| closes(quote, after))
            }
            _ => is_delimiter(byte, after, before, is_word),
        };
        if ends {
            return Some(at);
        }
        at += 1;
    }
}

/// Whether the backslash before `after` escapes a backslash, or for a shell a mark.
fn is_escape(after: &[u8], is_shell: bool) -> bool {
    let escapes = |next: &u8| *next == b'\\' || (is_shell && next.is_ascii_punctuation());
    after.first().is_some_and(escapes)
}

/// Whether `quote` stands on the rest of the line, which closes the text around the value.
fn closes(quote: u8, after: &[u8]) -> bool {
    let rest = &after[..after.len().min(MAX_TAIL_LEN)];
    memchr::memchr2(quote, b'\n', rest).is_some_and(|at| rest[at] == quote)
}

/// Whether the quote before `after` is doubled, which escapes it in YAML, SQL and others: the text
/// goes on behind it and is closed on its line.
fn is_doubled(quote: u8, after: &[u8]) -> bool {
    // An apostrophe has no other use there.
    let ends = |byte: &u8| quote == b'"' && b",;)]}".contains(byte);
    let goes_on = |byte: &u8| byte.is_ascii_graphic() && *byte != b',' && !ends(byte);
    after.first() == Some(&quote) && after.get(1).is_some_and(goes_on) && closes(quote, &after[1..])
}

/// The length of a run of backslashes and what it escapes, if that belongs to the value: a blank with
/// more of it behind, or backslashes of a literal whose quote is not escaped itself.
fn escaped_run(text: &[u8], before: &Before) -> Option<usize> {
    let run = text.iter().take_while(|byte| **byte == b'\\').count();
    match text.get(run..)? {
        [b' ', next, ..] if next.is_ascii_graphic() && *next != b'\\' => Some(run + 1),
        [next, ..] if run > 2 && run % 2 == 0 => {
            let quote = before.quote.filter(|_| !before.is_nested)?;
            let is_content = next.is_ascii_graphic() && !matches!(next, b'"' | b'\'' | b'`');
            (is_content && closes(quote, &text[run..])).then_some(run)
        }
        _ => None,
    }
}

/// Whether a backslash before `after` escapes a quote or a backslash that is part of the value: the
/// quote around the value is not escaped itself.
fn is_escaped_content(after: &[u8], before: &Before) -> bool {
    let Some(quote) = before.quote.filter(|_| !before.is_nested) else {
        return false;
    };
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
fn is_delimiter(byte: u8, after: &[u8], before: &Before, is_word: bool) -> bool {
    let at_blank = matches!(after.first(), Some(b' ' | b'\t'));
    match byte {
        b'&' if is_blank_entity(after) => true,
        b',' if before.has_comma_pairs && is_pair(after) => true,
        b',' | b';' if before.is_colon && begins_colon_pair(after) => true,
        b',' => begins_pair(after) || (at_blank && !before.is_setting),
        b';' => is_word || before.has_pairs || begins_pair(after) || begins_command(after),
        b'&' if is_word => {
            let pair = after.strip_prefix(b"amp;").unwrap_or(after);
            ends_command(byte, after) || before.is_query || is_pair(pair)
        }
        // A form in quotes: `"name=value&x=1"`.
        b'&' => before.is_query || begins_pair(after) || (before.is_first && is_pair(after)),
        b'|' => (is_word && ends_command(byte, after)) || begins_pair(after),
        b'<' => is_word || begins_tag(after),
        b'>' => is_word || before.open[3] > 0,
        b'#' => before.is_query,
        byte => byte.is_ascii_whitespace() || byte.is_ascii_control(),
    }
}

/// Whether HTML writes a blank like that: `&nbsp;`.
fn is_blank_entity(after: &[u8]) -> bool {
    const BLANKS: [&[u8]; 6] = [b"nbsp;", b"#160;", b"#xa0;", b"#xA0;", b"ensp;", b"emsp;"];
    BLANKS.iter().any(|blank| after.starts_with(blank))
}

/// Whether `%26` or another mark follows that ends a value in an encoded query.
fn ends_encoded(rest: &[u8]) -> bool {
    const MARKS: [&[u8]; 6] = [b"%26", b"%23", b"%22", b"%27", b"%20", b"%0A"];
    let mark = rest.get(..3).map(<[u8]>::to_ascii_uppercase);
    mark.is_some_and(|mark| MARKS.contains(&&mark[..]))
}

/// Whether `?` or `&` stands before a name, in whatever way it is written.
fn begins_parameter(prefix: &[u8], name: &[u8]) -> bool {
    matches!(prefix.last(), Some(b'?' | b'&'))
        || prefix.ends_with(b"&amp;")
        || (prefix.ends_with(b"\\") && name.starts_with(b"u0026"))
}

/// Whether a backslash stands before a quote.
fn holds_escaped_quote(line: &[u8]) -> bool {
    let is_one = |pair: &[u8]| pair[0] == b'\\' && matches!(pair[1], b'"' | b'\'' | b'`');
    line.windows(2).any(is_one)
}

/// Whether a comment of a template is open at the end of `line`.
fn is_template_comment(line: &[u8]) -> bool {
    const OPENINGS: [&[u8]; 3] = [b"{{!--", b"{{--", b"<%--"];
    line.contains(&b'-')
        && OPENINGS
            .iter()
            .any(|opening| memchr::memmem::find(line, opening).is_some())
}

/// Whether a tag in brackets ends here: `[/green]`, `[/]`.
fn is_end_of_style(rest: &[u8]) -> bool {
    let Some(name) = rest.strip_prefix(b"[/") else {
        return false;
    };
    let is_letter = |byte: &&u8| byte.is_ascii_lowercase() || **byte == b' ';
    let len = name.iter().take(24).take_while(is_letter).count();
    name.get(len) == Some(&b']')
}

/// Whether `name:` follows, of small letters: another pair of a list without blanks.
fn begins_colon_pair(after: &[u8]) -> bool {
    let is_name = |byte: &&u8| byte.is_ascii_lowercase() || **byte == b'_';
    let len = after.iter().take(40).take_while(is_name).count();
    len > 1 && after.get(len) == Some(&b':')
}

fn bracket(byte: u8) -> usize {
    match byte {
        b'(' | b')' => 0,
        b'[' | b']' => 1,
        b'{' | b'}' => 2,
        _ => 3,
    }
}

/// Whether the backslash before `after` ends the value: it stands at the line's end, or escapes the
/// quote around the value, a line end, or a mark that JSON writes as `\u0026`.
fn ends_escaped(after: &[u8], before: &Before) -> bool {
    match after {
        [] | [b'\n' | b'\r', ..] => true,
        // A line break of LaTeX.
        [b'\\', rest @ ..] if !before.is_setting && matches!(rest, [] | [b'\n' | b'\r', ..]) => {
            true
        }
        [b'"' | b'\'' | b'`' | b'\\', ..] => before.quote.is_some(),
        [b'n' | b'r' | b't', rest @ ..] => {
            let is_last = matches!(rest, [] | [b'\n' | b'\r' | b'\\', ..]);
            !before.is_setting || is_last
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
fn ends_at_mark(after: &[u8], before: &Before) -> bool {
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

/// Whether the rest of an end tag or of a line break follows: `/p>`, `br>`.
fn begins_tag(after: &[u8]) -> bool {
    let (name, is_end) = match after.strip_prefix(b"/") {
        Some(name) => (name, true),
        None => (after, false),
    };
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric();
    let len = name.iter().take_while(is_letter).count();
    let is_tag = (is_end && len > 0) || name[..len].eq_ignore_ascii_case(b"br");
    is_tag && matches!(name.get(len), Some(b'>' | b'/'))
}

/// Whether a command ends at this `&` or `|`: a blank, the line's end or a second one follows. In the
/// middle of a word both are more often a part of a value than an operator.
fn ends_command(byte: u8, after: &[u8]) -> bool {
    after
        .first()
        .is_none_or(|next| next.is_ascii_whitespace() || *next == byte)
}

/// Whether `name=` follows, whatever the name.
fn is_pair(after: &[u8]) -> bool {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let len = after.iter().take(40).take_while(is_name).count();
    len > 0 && after.get(len) == Some(&b'=')
}

/// Whether a blank and another command follow, and no comment.
fn begins_command(after: &[u8]) -> bool {
    let line = memchr::memchr(b'\n', after).map_or(after, |end| &after[..end]);
    let rest = line.trim_ascii_start();
    rest.len() < line.len() && !rest.is_empty() && !rest.starts_with(b"#")
}

/// Whether `name=` follows: another pair of the same list. A name has letters of one case or a
/// capital first, and digits at its end only; random text hardly ever begins like that.
fn begins_pair(after: &[u8]) -> bool {
    let after = after.strip_prefix(b"amp;").unwrap_or(after);
    let Some(end) = after.iter().take(40).position(|&byte| byte == b'=') else {
        return false;
    };
    let name = &after[..end];
    let letters = name
        .iter()
        .take_while(|byte| !byte.is_ascii_digit())
        .count();
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || b"_-. ".contains(byte);
    let is_word = |word: &[u8]| {
        let lower = |at: usize| word.get(at).is_some_and(u8::is_ascii_lowercase);
        let mut capitals = (0..word.len()).filter(|&at| word[at].is_ascii_uppercase());
        !word.iter().any(u8::is_ascii_lowercase) || capitals.all(|at| lower(at + 1))
    };
    let is_name = name.len() >= 3 && name[name.len() - 1].is_ascii_alphanumeric();
    is_name
        && letters >= 3
        && name[0].is_ascii_alphabetic()
        && name[..letters].iter().all(is_letter)
        && name[letters..].iter().all(u8::is_ascii_digit)
        && name.split(|byte| b"_-. ".contains(byte)).all(is_word)
}

/// The length of a literal whose opening quote, with `escapes` backslashes before it, stands right
/// before `rest`.
fn literal(rest: &[u8], quote: u8, escapes: usize) -> Option<usize> {
    let mut at = 0;
    loop {
        match *rest.get(at)? {
            b'\n' | b'\r' => return Some(at),
            b'\\' if rest.get(at + 1) == Some(&quote) && escapes > 0 => return Some(at),
            b'\\' => at += 1,
            b'`' if is_backtick_escape(&rest[at..], quote) => at += 1,
            // SQL and PowerShell double a quote to escape it.
            byte if byte == quote && rest.get(at + 1) == Some(&quote) => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// The length of a shell word.
fn word(rest: &[u8], before: &Before) -> Option<usize> {
    if let (Some(escapes), Some(quote)) = (before.own, before.quote) {
        return literal(rest, quote, escapes);
    }
    let mut at = 0;
    loop {
        let byte = *rest.get(at)?;
        let ends = match byte {
            _ if before.ends_here(&rest[at..]) => true,
            byte if byte.is_ascii_whitespace() => true,
            b'\\' => {
                let ends = ends_escaped(&rest[at + 1..], before);
                at += usize::from(!ends);
                ends
            }
            b'"' | b'\'' | b'`' => before.quote == Some(byte) || !before.is_known,
            b'&' | b'|' => before.quote.is_none() && ends_command(byte, &rest[at + 1..]),
            b';' | b'<' | b'>' => before.quote.is_none() && !before.is_item,
            b',' if before.quote.is_none() => ends_item(&rest[at + 1..], before),
            b')' | b']' | b'}' => before.open[bracket(byte)] > 0 && before.quote.is_none(),
            _ => false,
        };
        if ends {
            return Some(at);
        }
        at += 1;
    }
}

/// Whether the comma before `after` ends an item of the list that is open.
fn ends_item(after: &[u8], before: &Before) -> bool {
    let is_list = before.open[1] + before.open[2] > 0;
    let is_next = |byte: &u8| byte.is_ascii_whitespace() || b"-\"'".contains(byte);
    is_list && after.first().is_none_or(is_next)
}

/// Whether PowerShell's backtick escapes the quote behind it: the literal goes on.
pub(super) fn is_backtick_escape(text: &[u8], quote: u8) -> bool {
    let goes_on = |byte: &u8| byte.is_ascii_graphic() && !b",;:)]}>\"'`".contains(byte);
    quote == b'"'
        && text.first() == Some(&b'`')
        && text.get(1) == Some(&quote)
        && text.get(2).is_some_and(goes_on)
        && closes(quote, &text[2..])
}

/// Whether the pair whose value begins at `start` is one of an address's query: `?name=` or `&name=`.
fn is_in_query(window: &[u8], start: usize) -> bool {
    let name = window[..start].strip_suffix(b"=").unwrap_or_default();
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let len = name.iter().rev().take_while(is_name).count();
    matches!(name[..name.len() - len], [.., b'?' | b'&'])
        || name[..name.len() - len].ends_with(b"&amp;")
}

/// The length of a connection string's field: up to `;`, or `&` in a query, or to the quote around the
/// string. In quotes a blank is a part of it.
fn field(rest: &[u8], before: &Before, is_query: bool) -> Option<usize> {
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
    let mut at = 0;
    loop {
        let byte = *rest.get(at)?;
        let after = &rest[at + 1..];
        match byte {
            b'\n' | b'\r' => return Some(at),
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
            byte if before.quote == Some(byte) && is_literal => {
                if !is_doubled(byte, after) {
                    return Some(at);
                }
                at += 1;
            }
            b'"' | b'\'' | b'`' if !is_literal && !is_plain => return Some(at),
            b'\\' if before.quote.is_some() => match escaped_content(after, before) {
                Some(len) => at += len,
                None => return Some(at),
            },
            byte if byte.is_ascii_whitespace() && !is_literal => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// The length of `{…}` at the beginning of a field, if a `;`, a quote or the end follows it.
fn braced(rest: &[u8]) -> Option<usize> {
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

/// What XML and HTML write for quotes.
const QUOTE_ENTITIES: [&[u8]; 4] = [b"&quot;", b"&apos;", b"&#39;", b"&#34;"];

/// The length of the entity of a quote at the beginning of a value.
pub(super) fn opening_entity(value: &[u8]) -> usize {
    let found = QUOTE_ENTITIES.iter().find(|quote| value.starts_with(quote));
    found.map_or(0, |quote| quote.len())
}

/// The length of the rest of an entity that stands for a character of a value: `amp;`, `#38;`.
fn entity(after: &[u8]) -> Option<usize> {
    const NAMES: [&[u8]; 5] = [b"amp", b"lt", b"gt", b"apos", b"quot"];
    let len = after.iter().take(8).position(|byte| *byte == b';')?;
    let is_known = match &after[..len] {
        [b'#', b'x' | b'X', digits @ ..] => {
            !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)
        }
        [b'#', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        name => NAMES.contains(&name),
    };
    is_known.then_some(len + 1)
}

/// The length of what a backslash escapes in a field, if that belongs to it: a backslash, a mark that
/// JSON writes as `\u0026`, or a quote that the literal goes on behind.
fn escaped_content(after: &[u8], before: &Before) -> Option<usize> {
    const MARKS: [&[u8]; 4] = [b"u0026", b"u003c", b"u003e", b"u0027"];
    if MARKS.iter().any(|mark| after.starts_with(mark)) {
        return Some(5);
    }
    is_escaped_content(after, before).then_some(1)
}

/// Takes from the end of a value what belongs to the syntax around it; says whether the value may
/// go on. `tail` is the line behind it.
fn trim(value: &[u8], tail: &[u8], before: &Before) -> (usize, bool) {
    let rest = tail.trim_ascii();
    let is_comment = rest.starts_with(b"#") || rest.starts_with(b";") || rest.starts_with(b"//");
    let at_blank = tail.first().is_some_and(u8::is_ascii_whitespace);
    // The end of a literal that began on a line before: "`,".
    let unquoted = without_closing_quote(value);
    if before.is_setting && unquoted < value.len() {
        return (unquoted, true);
    }
    let at_end = rest.is_empty() || (at_blank && is_comment);
    if rest.starts_with(b"\\") {
        return (value.len(), before.is_setting);
    }
    let body = without_closers(value);
    if body < value.len() && (!at_end && at_blank || at_end && is_operand(&value[..body])) {
        // `name=value,` of code, or of a line of settings.
        return (body, before.is_setting && at_end);
    }
    if before.is_setting {
        let may_go_on = at_blank && !at_end && (!before.is_shell || before.takes_line);
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
        let is_closed = !tail.is_empty() && before.ends_here(tail);
        return (value.len(), is_more || (!is_closed && goes_on_behind(tail)));
    };
    // `"NAME=two words"`
    let inner = memchr::memchr(quote, tail).map(|end| &tail[..end]);
    let inner = inner.map(|inner| {
        let line = memchr::memmem::find(inner, b"\\n").map_or(inner, |end| &inner[..end]);
        line.trim_ascii()
    });
    let goes_on = inner.is_some_and(|inner| !inner.is_empty() && !is_command(inner));
    (value.len(), before.is_first && at_blank && goes_on)
}

/// Whether a word that ends at a mark may go on behind it: neither a blank nor a pair nor a tag
/// follows.
fn goes_on_behind(rest: &[u8]) -> bool {
    match rest {
        [b';', after @ ..] => after.first().is_some_and(u8::is_ascii_graphic) && !is_pair(after),
        [b'<', after @ ..] => {
            let is_markup = matches!(after.first(), Some(b'/' | b'!' | b'?'));
            !is_markup && !begins_tag(after)
        }
        // A redirection names a file; `>text` behind an attribute is markup.
        [b'>', after @ ..] => {
            after.first().is_some_and(u8::is_ascii_graphic) && !after.contains(&b'<')
        }
        // People put a blank before these.
        [b'|' | b'&', after @ ..] => after.first().is_none_or(u8::is_ascii_whitespace),
        _ => false,
    }
}

/// A name, a number, a type or a chain of members: what code may have where data has a value.
fn is_operand(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.()[]$@&*!<>:'?".contains(byte))
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

/// Whether `rest` is more of a command line, of a list of pairs or of an expression.
fn is_command(rest: &[u8]) -> bool {
    rest.iter()
        .next()
        .is_some_and(|byte| b"-|&><\\)]}+*/=?!:,.\"'`$([{".contains(byte))
        || begins_pair(rest)
        || rest
            .windows(2)
            .any(|pair| pair == b" -" || pair == b" $" || pair == b" |")
        || rest.split(u8::is_ascii_whitespace).any(begins_pair)
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
