//! The line before a value, and what on it says where the value ends.

use super::behind::{
    MAX_TAIL_LEN, MAX_VALUE_LEN, ends_edit, ends_encoded, folds, is_command, is_end_of_style,
};
use super::marks::{escapes_before, open_marks};
use crate::detect::{continuation, interpolation};
use crate::span::Span;

/// Bytes of a line before a value that are looked at.
pub(in crate::detect) const MAX_PREFIX_LEN: usize = 160;

/// The line before a value: which quote and which brackets are open where the value begins.
pub(super) struct Before {
    /// The line's start is in reach; else nothing is known about quotes and brackets.
    pub(super) is_known: bool,
    /// Nothing but what may begin a setting comes before the name.
    pub(super) is_setting: bool,
    /// The quote that is open.
    pub(super) quote: Option<u8>,
    /// Whether that is the value's own, right before it, and how many backslashes escape it.
    pub(super) own: Option<usize>,
    /// Open `(`, `[`, `{`, `<`.
    pub(super) open: [u32; 4],
    /// Whether the name is the first in the quote that is open: `"NAME=value"`.
    pub(super) is_first: bool,
    /// Whether escaped quotes stand between the open quote and the name.
    pub(super) is_nested: bool,
    pub(super) is_query: bool,
    /// Whether `\u0022` and `\u0027` are open before the value.
    pub(super) marked: [bool; 2],
    /// Whether `\u003c` is open before the value.
    pub(super) is_marked_tag: bool,
    /// Whether items before the name follow their commas without a blank.
    pub(super) is_tight: bool,
    /// In a flow collection of YAML, which ends at its own marks only.
    pub(super) is_flow: bool,
    pub(super) has_pairs: bool,
    /// `A=b,NAME=value`: pairs that commas separate.
    pub(super) has_comma_pairs: bool,
    /// `name:value`, without a blank: further pairs are written alike.
    pub(super) is_colon: bool,
    /// What ends an edit of `sed` that the value is written by: `s/…/NAME=value/`.
    pub(super) sed: Option<u8>,
    /// The entity of a quote right before the value.
    pub(super) opening: Option<&'static [u8]>,
    /// The entity of a quote that is open before the value.
    pub(super) entity: Option<&'static [u8]>,
    /// In a comment of C and its like.
    pub(super) is_block_comment: bool,
    /// In a comment of markup.
    pub(super) is_comment: bool,
    /// In a comment of a template: `{{!-- --}}`.
    pub(super) is_template_comment: bool,
    /// A pair of a query that is encoded: `%3D` stands before the value.
    pub(super) is_percent: bool,
    /// Three quotes stand before the name.
    pub(super) is_triple: bool,
    /// In an attribute: a tag is open on the line.
    pub(super) open_tag: bool,
    /// `“` or the marks of Markdown's bold text are open.
    pub(super) closing: Option<&'static [u8]>,
    /// An item of a list in YAML, which no shell reads.
    pub(super) is_item: bool,
    /// The word before the name splits its arguments at blanks, as a shell does.
    pub(super) is_shell: bool,
    /// `ENV NAME value` in a Dockerfile, `set NAME=value` in a batch file: the value takes the line.
    pub(super) takes_line: bool,
    /// The name begins the text of an element.
    pub(super) is_text_of_element: bool,
    /// Blanks before the name, if nothing else comes before it.
    pub(super) indent: Option<usize>,
    /// `name=value`, without blanks.
    pub(super) is_tight_pair: bool,
    /// The line before ends in `;`.
    pub(super) is_after_pair: bool,
    /// In a text of RTF.
    pub(super) is_rtf: bool,
}

/// How often `mark` stands behind a backslash.
pub(super) fn count_marks(line: &[u8], mark: &[u8]) -> usize {
    memchr::memchr_iter(b'\\', line)
        .filter(|&at| {
            let found = line.get(at + 1..at + 1 + mark.len());
            found.is_some_and(|found| found.eq_ignore_ascii_case(mark))
        })
        .count()
}

/// The text before `at`, over several lines, as far back as is looked at.
pub(super) fn lines_before(window: &[u8], at: usize) -> &[u8] {
    &window[at.saturating_sub(MAX_PREFIX_LEN)..at]
}

/// Whether a backslash stands on the line that `rest` begins with.
pub(super) fn ends_in_backslash(rest: &[u8]) -> bool {
    memchr::memchr2(b'\\', b'\n', rest).is_some_and(|at| rest[at] == b'\\')
}

/// Whether `text` is one of RTF.
pub(super) fn is_rtf(text: &[u8]) -> bool {
    memchr::memmem::find(text, b"\\par").is_some()
        || memchr::memmem::find(text, b"{\\rtf").is_some()
}

/// Where the line that holds `at` begins, as far back as is looked at, and whether its beginning is
/// in reach.
pub(super) fn line_before(window: &[u8], at: usize) -> (usize, bool) {
    let from = at.saturating_sub(MAX_PREFIX_LEN);
    let newline = memchr::memrchr(b'\n', &window[from..at]);
    match newline {
        Some(newline) => (from + newline + 1, true),
        None => (from, from == 0),
    }
}

impl Before {
    pub(super) fn of(window: &[u8], name: Span, start: usize) -> Self {
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
    pub(super) fn takes_blanks(&self, tail: &[u8]) -> bool {
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
    pub(super) fn is_joined(&self, rest: &[u8]) -> bool {
        match (self.quote, self.own, rest.split_first()) {
            (Some(quote), None, Some((first, after))) if *first == quote => {
                continuation::is_joined_text(quote, after)
            }
            _ => false,
        }
    }

    /// Whether the value and its `;` end a text in quotes that is joined to the next pair.
    pub(super) fn joins_pair(&self, value: &[u8]) -> bool {
        let Some(quote) = self.quote.filter(|_| self.own.is_none()) else {
            return false;
        };
        let end = memchr::memchr(quote, value);
        let ends_pair = end.is_some_and(|end| value[..end].ends_with(b";"));
        ends_pair && end.is_some_and(|end| continuation::joins_pair(quote, &value[end + 1..]))
    }

    /// Whether `rest` begins with what closes something that is open before the value.
    pub(super) fn ends_here(&self, rest: &[u8]) -> bool {
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
    pub(super) fn holds_entities(&self) -> bool {
        let is_markup = (self.quote.is_some() && self.open_tag) || self.is_text_of_element;
        is_markup && !self.is_query
    }

    /// Whether the field of a connection string goes on behind a blank: its `;` comes later.
    pub(super) fn field_goes_on(&self, rest: &[u8]) -> bool {
        let tail = &rest[..rest.len().min(MAX_TAIL_LEN)];
        let end = tail.iter().position(|byte| b";\"'\r\n".contains(byte));
        let inner = &tail[..end.unwrap_or(0)];
        let is_field = end.is_some_and(|end| tail[end] == b';' || self.quote.is_some());
        is_field && !inner.trim_ascii().is_empty() && !inner.contains(&b'=')
    }

    /// Whether the next line is indented more than the name and holds text alone: a plain scalar of YAML,
    /// a value of LDIF or of an ini file goes on there. `rest` begins where the value ends.
    pub(super) fn is_folded(&self, rest: &[u8]) -> bool {
        let is_alone = self.quote.is_none() && self.open == [0; 4];
        let Some(indent) = self.indent.filter(|_| is_alone) else {
            return false;
        };
        folds(rest, indent + 1)
    }
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

/// What comes before the name on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leading {
    /// Blanks, a list's dash, a comment or diff mark.
    Nothing,
    /// A command that takes `NAME=value` as a word.
    Shell,
}

/// Returns what begins a line before a setting's name; `None` if that is something else.
pub(super) fn leading_words(prefix: &[u8]) -> Option<Leading> {
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

pub(super) fn is_mark(word: &[u8]) -> bool {
    word.iter().all(|byte| b"#/;*+->$:@!.".contains(byte))
}

/// What comes behind `at`, as far as it is looked at for a closing quote.
pub(super) fn tail_of(window: &[u8], at: usize) -> &[u8] {
    &window[at..window.len().min(at + MAX_VALUE_LEN)]
}

/// Whether nothing but what begins a setting comes before `at` on its line.
pub(in crate::detect) fn begins_setting(window: &[u8], at: usize) -> bool {
    let (line, begins) = line_before(window, at);
    let prefix = &window[line..at];
    begins && leading_words(prefix).is_some() && !prefix.ends_with(b":")
}

/// Whether the words before a name say that its value takes the rest of the line, blanks included:
/// `operator` is what stands between them.
pub(super) fn takes_line(prefix: &[u8], operator: &[u8]) -> bool {
    let is_before = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'@' | b'(');
    let word = prefix.trim_ascii_end();
    let word = &word[word.iter().rposition(is_before).map_or(0, |at| at + 1)..];
    let is_assigned = operator.contains(&b'=');
    (word == b"ENV" && !is_assigned) || (word.eq_ignore_ascii_case(b"set") && is_assigned)
}

/// Whether a quote is open where the line before `at` ends; `None` if the line begins out of reach.
pub(in crate::detect) fn is_quoted(window: &[u8], at: usize) -> Option<bool> {
    let (line, begins) = line_before(window, at);
    begins.then(|| {
        open_marks(&window[line..at], tail_of(window, at))
            .0
            .is_some()
    })
}

/// Whether braces alone are expressions in the text around `at`.
pub(in crate::detect) fn is_in_template(window: &[u8], at: usize) -> bool {
    let (line, _) = line_before(window, at);
    interpolation::is_template(&window[line..at])
}

/// Whether `?` or `&` stands before a name, in whatever way it is written.
pub(super) fn begins_parameter(prefix: &[u8], name: &[u8]) -> bool {
    matches!(prefix.last(), Some(b'?' | b'&'))
        || prefix.ends_with(b"&amp;")
        || (prefix.ends_with(b"\\") && name.starts_with(b"u0026"))
}

/// Whether a backslash stands before a quote.
pub(super) fn holds_escaped_quote(line: &[u8]) -> bool {
    let is_one = |pair: &[u8]| pair[0] == b'\\' && matches!(pair[1], b'"' | b'\'' | b'`');
    line.windows(2).any(is_one)
}

/// Whether a comment of a template is open at the end of `line`.
pub(super) fn is_template_comment(line: &[u8]) -> bool {
    const OPENINGS: [&[u8]; 3] = [b"{{!--", b"{{--", b"<%--"];
    line.contains(&b'-')
        && OPENINGS
            .iter()
            .any(|opening| memchr::memmem::find(line, opening).is_some())
}

/// Whether the pair whose value begins at `start` is one of an address's query: `?name=` or `&name=`.
pub(super) fn is_in_query(window: &[u8], start: usize) -> bool {
    let name = window[..start].strip_suffix(b"=").unwrap_or_default();
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let len = name.iter().rev().take_while(is_name).count();
    matches!(name[..name.len() - len], [.., b'?' | b'&'])
        || name[..name.len() - len].ends_with(b"&amp;")
}

/// What XML and HTML write for quotes.
pub(super) const QUOTE_ENTITIES: [&[u8]; 4] = [b"&quot;", b"&apos;", b"&#39;", b"&#34;"];

/// The length of the entity of a quote at the beginning of a value.
pub(in crate::detect) fn opening_entity(value: &[u8]) -> usize {
    let found = QUOTE_ENTITIES.iter().find(|quote| value.starts_with(quote));
    found.map_or(0, |quote| quote.len())
}
