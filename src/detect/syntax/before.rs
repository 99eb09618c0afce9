//! The line before a value, and what on it says where the value ends.

use super::behind::{
    MAX_TAIL_LEN, MAX_VALUE_LEN, begins_tag, ends_edit, ends_encoded, folds, is_command,
    is_end_of_style,
};
use super::marks::{Quote, bracket, escaped_quote, escapes_before, open_marks};
use crate::detect::{continuation, interpolation};
use crate::rule::Ends;
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
    pub(super) quote: Option<Quote>,
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
    /// What ends the expression of such an edit, if the name is in it.
    pub(super) sed_pattern: Option<u8>,
    /// What ends a literal of a regular expression or of LaTeX: `(/…/)`, `\\verb+…+`.
    pub(super) delimiter: Option<u8>,
    /// What separates the fields of the line: a comma of a CSV file, a bar of a log.
    pub(super) separator: Option<u8>,
    /// The entity of a quote right before the value.
    pub(super) opening: Option<&'static [u8]>,
    /// The entity of a quote that is open before the value.
    pub(super) entity: Option<&'static [u8]>,
    /// What closes the comment or section that is open on the line.
    pub(super) section: Option<&'static [u8]>,
    /// In a text of XML: `<![CDATA[`.
    pub(super) is_cdata: bool,
    /// A pair of a query that is encoded: `%3D` stands before the value.
    pub(super) is_percent: bool,
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
    /// Whether the line is one of another language, whose commas and full stops are no ASCII.
    pub(super) is_foreign: bool,
    /// `name=value`, without blanks.
    pub(super) is_tight_pair: bool,
    /// A variable for the one command behind it: in a recipe of make, or named as only a client reads it.
    pub(super) is_for_command: bool,
    /// The line before ends in `;`.
    pub(super) is_after_pair: bool,
    /// In a text of RTF.
    pub(super) is_rtf: bool,
    /// Fields of the line stand between bars: `a=b|NAME=value`.
    pub(super) has_bars: bool,
    /// In an attribute of markup, whose literals have no escapes.
    pub(super) is_attribute: bool,
    /// The line before ends in a backslash, which joins the two for a shell.
    pub(super) is_continued: bool,
}

/// Whether `setting`, a name and what stands before its value, sets a variable for one command: `prefix` begins
/// its line.
fn is_for_command(prefix: &[u8], setting: &[u8]) -> bool {
    const CLIENTS: [&[u8]; 7] = [
        b"PGPASSWORD",
        b"MYSQL_PWD",
        b"SSHPASS",
        b"REDISCLI_AUTH",
        b"RESTIC_PASSWORD",
        b"BORG_PASSPHRASE",
        b"DOCKER_PASSWORD",
    ];
    let Some(name) = setting.strip_suffix(b"=") else {
        return false;
    };
    let is_constant =
        |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let is_recipe =
        prefix.starts_with(b"\t") || matches!(prefix.trim_ascii(), b"@" | b"-@" | b"@-");
    CLIENTS.contains(&name) || (is_recipe && name.iter().all(is_constant))
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

/// Whether the value at `start` is a word of a text of RTF.
fn is_in_rtf(window: &[u8], name: Span, start: usize) -> bool {
    ends_in_backslash(tail_of(window, start)) && is_rtf(lines_before(window, name.start))
}

/// The entity of a quote that is open at the end of `line`.
fn open_entity(line: &[u8]) -> Option<&'static [u8]> {
    let is_open = |quote: &&[u8]| memchr::memmem::find_iter(line, quote).count() % 2 == 1;
    QUOTE_ENTITIES.into_iter().find(is_open)
}

/// The entity of a quote that `text` ends with.
fn last_entity(text: &[u8]) -> Option<&'static [u8]> {
    let mut quotes = QUOTE_ENTITIES.into_iter();
    quotes.find(|quote| text.ends_with(quote))
}

/// Whether a tag that no literal holds is open before `name`, whose line begins at `line`.
fn is_in_attribute(window: &[u8], line: usize, name: Span) -> bool {
    let text = lines_before(window, name.start);
    let first = name.start - text.len();
    let Some(tag) = memchr::memrchr(b'<', text).filter(|tag| !text[*tag..].contains(&b'>')) else {
        return false;
    };
    let is_tag = text.get(tag + 1).is_some_and(u8::is_ascii_alphabetic);
    let before = &window[line.max(first).min(first + tag)..first + tag];
    let opening = text.iter().rposition(|byte| b"\"'`".contains(byte));
    let is_attribute = opening.is_some_and(|at| at > tag && text[..at].ends_with(b"="));
    is_tag && is_attribute && !before.iter().any(|byte| b"\"'`".contains(byte))
}

/// Whether a backslash joins the last of these lines to the next one.
fn is_continued(lines: &[u8]) -> bool {
    lines.ends_with(b"\\\n") || lines.ends_with(b"\\\r\n")
}

/// Whether the line before the one at `line` ends in `;`.
fn is_after_pair(window: &[u8], line: usize, name: Span) -> bool {
    line >= name.start.saturating_sub(MAX_PREFIX_LEN) + 3
        && window[..line].trim_ascii_end().ends_with(b";")
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
        let opened = open_marks(&window[line..start], tail_of(window, start));
        let outer = opened
            .quote
            .or_else(|| earlier_quote(window, line, name, start));
        let (open, byte) = (opened.brackets, outer.map(|quote| quote.byte));
        // Its own, where a rule's expression passed over it.
        let last_byte = start.checked_sub(1).map(|at| window[at]);
        let own = last_byte.filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        let escapes = escapes_before(window, start);
        let words = leading_words(prefix);
        Self {
            is_first: outer.is_some()
                && (prefix.last().copied() == byte || begins_line(prefix, &window[name.start..])),
            is_nested: holds_escaped_quote(prefix),
            is_known: begins,
            is_setting: begins && words.is_some() && outer.is_none() && open == [0; 4],
            quote: own_quote(own, outer),
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
            sed: sed_delimiter(prefix, byte),
            sed_pattern: sed_pattern(prefix, byte),
            delimiter: literal_delimiter(prefix),
            separator: outer.is_none().then(|| field_separator(prefix)).flatten(),
            entity: open_entity(&window[line..start]),
            section: open_section(&window[line..start]),
            opening: last_entity(&window[..start]),
            is_cdata: holds_cdata(prefix),
            is_percent: window[..start].ends_with(b"%3D") || window[..start].ends_with(b"%3d"),
            open_tag: memchr::memrchr(b'<', prefix) > memchr::memrchr(b'>', prefix),
            closing: closing_mark(&window[line..start]),
            is_shell: words == Some(Leading::Shell),
            takes_line: takes_line(prefix, &window[name.end..start]),
            is_text_of_element: prefix.ends_with(b">") && !prefix.ends_with(b"->"),
            is_foreign: !window[line..start].is_ascii(),
            is_tight_pair: &window[name.end..start] == b"=",
            is_for_command: is_for_command(prefix, &window[name.start..start]),
            is_rtf: is_in_rtf(window, name, start),
            has_bars: prefix.ends_with(b"|"),
            is_attribute: outer.is_some() && is_in_attribute(window, line, name),
            is_continued: is_continued(&window[..line]),
            is_after_pair: is_after_pair(window, line, name),
            indent: (begins && prefix.iter().all(u8::is_ascii_whitespace)).then_some(prefix.len()),
        }
    }

    /// Whether a literal that began on an earlier line may end with the value.
    pub(super) fn may_end_block(&self, ends: Ends) -> bool {
        match ends {
            Ends::Line => self.is_setting,
            Ends::Word | Ends::Field => self.own.is_none(),
            Ends::Blank => false,
        }
    }

    /// Whether a blank and what follows it on the line may belong to the value.
    pub(super) fn takes_blanks(&self, tail: &[u8]) -> bool {
        let tail = match self.quote {
            Some(quote) if self.is_first => &tail[..memchr::memchr(quote.byte, tail).unwrap_or(0)],
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
            (Some(quote), None, Some((first, after))) if *first == quote.byte => {
                continuation::is_joined_text(quote.byte, after)
            }
            _ => false,
        }
    }

    /// Whether the value and its `;` end a text in quotes that is joined to the next pair.
    pub(super) fn joins_pair(&self, value: &[u8]) -> bool {
        let Some(quote) = self.quote.filter(|_| self.own.is_none()) else {
            return false;
        };
        let end = memchr::memchr(quote.byte, value);
        let ends_pair = end.is_some_and(|end| value[..end].ends_with(b";"));
        ends_pair && end.is_some_and(|end| continuation::joins_pair(quote.byte, &value[end + 1..]))
    }

    /// Whether something that is open before the value is closed where `rest` begins: every kind of value
    /// ends there. `own` counts the brackets that the value opened itself.
    pub(super) fn is_closed(&self, rest: &[u8], own: &mut [u32; 4]) -> bool {
        let Some((&byte, after)) = rest.split_first() else {
            return false;
        };
        match byte {
            b'(' | b'[' | b'{' | b')' | b']' | b'}' => {
                let is_glued = after.first().is_some_and(u8::is_ascii_alphanumeric);
                self.closes_bracket(byte, own) && !is_glued
            }
            _ => self.ends_here(rest),
        }
    }

    /// Whether a bracket closes one that is open before the value; `own` counts those of the value.
    pub(super) fn closes_bracket(&self, byte: u8, own: &mut [u32; 4]) -> bool {
        let kind = bracket(byte);
        if matches!(byte, b'(' | b'[' | b'{') {
            own[kind] += 1;
            return false;
        }
        let closes_own = own[kind] > 0;
        own[kind] = own[kind].saturating_sub(1);
        !closes_own && self.open[kind] > 0
    }

    /// Whether `rest` begins with what closes something that is open before the value, brackets and
    /// quotes apart.
    pub(super) fn ends_here(&self, rest: &[u8]) -> bool {
        match rest {
            [b'<', after @ ..] if begins_tag(after) => return true,
            [b']', b']', b'>', after @ ..] if self.is_cdata || after.first() == Some(&b'<') => {
                return true;
            }
            _ if self.section.is_some_and(|end| rest.starts_with(end)) => return true,
            [0xe3 | 0xef, ..] if self.is_foreign && begins_full_mark(rest) => return true,
            [byte, ..] if self.separator == Some(*byte) && self.quote.is_none() => return true,
            [byte, ..] if self.sed_pattern == Some(*byte) => return true,
            [byte] if self.delimiter == Some(*byte) => return true,
            [byte, next, ..] if self.delimiter == Some(*byte) && !next.is_ascii_alphanumeric() => {
                return true;
            }
            _ => {}
        }
        let quote = self.quote.map(|quote| quote.byte);
        let is_sed = self
            .sed
            .is_some_and(|delimiter| ends_edit(rest, delimiter, quote));
        is_sed
            || self.closing.is_some_and(|mark| is_closing(rest, mark))
            || (self.is_percent && ends_encoded(rest))
            || is_end_of_style(rest)
            || self.entity.is_some_and(|quote| rest.starts_with(quote))
    }

    /// Whether the quote around the value ends where `rest` begins.
    pub(super) fn ends_at_quote(&self, rest: &[u8]) -> bool {
        self.quote.is_some_and(|quote| quote.closes_at(rest))
    }

    /// Whether `&` begins an entity where the value is: in an attribute or the text of an element.
    pub(super) fn holds_entities(&self) -> bool {
        let is_markup = (self.quote.is_some() && self.open_tag) || self.is_text_of_element;
        is_markup && !self.is_query
    }

    /// Whether the field of a connection string goes on behind a blank: its `;` comes later.
    pub(super) fn field_goes_on(&self, rest: &[u8]) -> bool {
        let tail = &rest[..rest.len().min(MAX_TAIL_LEN)];
        if !tail.first().is_some_and(u8::is_ascii_whitespace) {
            return false;
        }
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

/// Whether `rest` begins with a mark of Chinese or Japanese that ends a part of a sentence.
fn begins_full_mark(rest: &[u8]) -> bool {
    const MARKS: [&str; 7] = ["，", "。", "；", "、", "）", "」", "！"];
    MARKS.iter().any(|mark| rest.starts_with(mark.as_bytes()))
}

/// Whether an escaped line end stands before a name; its letter is taken for one of the name.
fn begins_line(prefix: &[u8], name: &[u8]) -> bool {
    prefix.ends_with(b"\\n") || (prefix.ends_with(b"\\") && name.starts_with(b"n"))
}

/// The quote of a literal that began before the line, which starts at `line`.
fn earlier_quote(window: &[u8], line: usize, name: Span, start: usize) -> Option<Quote> {
    let lines = lines_before(window, name.start);
    attribute_quote(lines, &window[line..name.start])
        .or_else(|| escaped_quote(&window[line..start], tail_of(window, start)))
}

/// The quote of an attribute that began on an earlier line; `lines` are those before the name, with its own
/// line's `prefix`.
fn attribute_quote(lines: &[u8], prefix: &[u8]) -> Option<Quote> {
    let lines = &lines[..lines.len() - prefix.len().min(lines.len())];
    let tag = memchr::memrchr(b'<', lines)?;
    let text = &lines[tag..];
    let byte = *text.iter().rfind(|byte| b"\"'".contains(byte))?;
    let is_open = memchr::memchr_iter(byte, text).count() % 2 == 1;
    let opening = memchr::memrchr(byte, text)?;
    let is_attribute = text[..opening].ends_with(b"=") && !text.contains(&b'>');
    (is_open && is_attribute && text[1].is_ascii_alphabetic()).then_some(Quote { byte, run: 1 })
}

/// The quote that ends the value: its own, or else the one around it.
fn own_quote(own: Option<u8>, outer: Option<Quote>) -> Option<Quote> {
    match (own, outer) {
        (Some(byte), Some(quote)) if quote.byte != byte => Some(Quote { byte, run: 1 }),
        (Some(byte), None) => Some(Quote { byte, run: 1 }),
        _ => outer,
    }
}

/// Whether `rest` begins with `mark`, and no word follows it.
pub fn is_closing(rest: &[u8], mark: &[u8]) -> bool {
    let Some(after) = rest.strip_prefix(mark) else {
        return false;
    };
    match after.first() {
        None => true,
        // Base64 and addresses have them too.
        Some(next) if matches!(mark, b"+" | b"=" | b"@") => {
            next.is_ascii_whitespace() || b".,)`;:".contains(next)
        }
        Some(next) => !mark.is_ascii() || !next.is_ascii_alphanumeric(),
    }
}

/// Whether a line that begins with `prefix` is a comment, or a sentence: its first word has a capital.
pub(super) fn is_prose(prefix: &[u8]) -> bool {
    let is_mark = |byte: &u8| b"#*/->|\"'`;%( \t".contains(byte);
    let begin = prefix.iter().position(|byte| !is_mark(byte));
    let (marks, mut text) = prefix.split_at(begin.unwrap_or(prefix.len()));
    while let (Some(b'<'), Some(end)) = (text.first(), memchr::memchr(b'>', text)) {
        text = &text[end + 1..];
    }
    let is_comment = [&b"#"[..], b"//", b"/*", b" *", b"--"]
        .iter()
        .any(|mark| memchr::memmem::find(marks, mark).is_some());
    let word = text.split(u8::is_ascii_whitespace).next();
    let word = word.filter(|word| word.len() < text.len());
    let is_capital = matches!(word, Some([first, rest @ ..])
        if first.is_ascii_uppercase() && rest.iter().all(u8::is_ascii_lowercase));
    is_comment || is_capital
}

/// What ends the literal of a regular expression, or of LaTeX, that is open at the end of `line`.
pub fn literal_delimiter(line: &[u8]) -> Option<u8> {
    const COMMANDS: [&[u8]; 3] = [b"\\verb*", b"\\verb", b"\\lstinline"];
    let has_command = memchr::memchr(b'\\', line).is_some();
    let commands = COMMANDS.iter().filter(|_| has_command);
    let command = commands.into_iter().find_map(|command| {
        let at = memchr::memmem::rfind(line, command)? + command.len();
        let (&delimiter, text) = line[at..].split_first()?;
        let is_one = delimiter.is_ascii_punctuation() && !b"{[\\".contains(&delimiter);
        (is_one && !text.contains(&delimiter)).then_some(delimiter)
    });
    command.or_else(|| {
        let at = memchr::memrchr_iter(b'/', line).find(|at| {
            let is_open = matches!(line[..*at].last(), Some(b'(' | b'['));
            is_open && !matches!(line.get(at + 1), Some(b'/' | b'*'))
        })?;
        let quotes = line[..at].iter().filter(|byte| b"\"'`".contains(byte));
        (quotes.count() % 2 == 0).then_some(b'/')
    })
}

/// What separates the fields of a line that begins with `prefix`: the first field is one word or a time, and
/// nothing follows the separator but the next field.
fn field_separator(prefix: &[u8]) -> Option<u8> {
    let at = prefix.iter().position(|byte| b",|;".contains(byte))?;
    let (first, rest) = prefix.split_at(at);
    let is_next = |next: &u8| !next.is_ascii_whitespace() && *next != rest[0];
    let is_tight = rest.get(1).is_none_or(is_next);
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-:/+@".contains(byte);
    let is_time = |byte: &u8| byte.is_ascii_digit() || b" -:/.TZ+".contains(byte);
    let is_field = first.iter().all(is_word) || first.iter().all(is_time);
    // `12:00:00,123` is one field.
    let digits = rest[1..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let is_fraction = digits == 3 && rest[0] == b',' && memchr::memchr(b':', first).is_some();
    (!first.is_empty() && is_field && is_tight && !is_fraction).then_some(rest[0])
}

/// What people delimit the parts of an edit of `sed` by.
const EDIT_DELIMITERS: &[u8] = b"/|#@,!~:;%";

/// The delimiter of the edit of `sed` that `prefix` is in the second part of; `quote` is open around it.
pub fn sed_delimiter(prefix: &[u8], quote: Option<u8>) -> Option<u8> {
    let start = match quote {
        Some(quote) => memchr::memrchr(quote, prefix)? + 1,
        None if prefix.starts_with(b":") => 0,
        None => {
            memchr::memmem::find(prefix, b"sed ")?;
            memchr::memrchr(b' ', prefix)? + 1
        }
    };
    let text = &prefix[start..];
    memchr::memrchr_iter(b's', text).find_map(|at| {
        let &delimiter = text.get(at + 1)?;
        let is_start = at == 0 || !text[at - 1].is_ascii_alphanumeric();
        let is_one = is_start && EDIT_DELIMITERS.contains(&delimiter);
        (is_one && memchr::memchr_iter(delimiter, &text[at..]).count() == 2).then_some(delimiter)
    })
}

/// The delimiter of the edit of `sed` that `prefix` is in the first part of, the expression, which begins
/// behind the `quote` that is open.
fn sed_pattern(prefix: &[u8], quote: Option<u8>) -> Option<u8> {
    let start = memchr::memrchr(quote?, prefix)? + 1;
    memchr::memmem::find(&prefix[..start], b"sed ")?;
    let [b's', delimiter, rest @ ..] = &prefix[start..] else {
        return None;
    };
    (EDIT_DELIMITERS.contains(delimiter) && !rest.contains(delimiter)).then_some(*delimiter)
}

/// Typographic quotes, and what closes each.
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

/// How many bytes at the beginning and at the end of `text` are marks around all of it: typographic quotes and
/// bold text of Markdown; in a document (`is_text`) also other marks of Markdown, AsciiDoc, textile and org,
/// and elements of HTML.
pub(in crate::detect) fn emphasis(text: &[u8], is_text: bool) -> (usize, usize) {
    const ELEMENTS: [(&[u8], &[u8]); 6] = [
        (b"<code>", b"</code>"),
        (b"<tt>", b"</tt>"),
        (b"<b>", b"</b>"),
        (b"<i>", b"</i>"),
        (b"<strong>", b"</strong>"),
        (b"<em>", b"</em>"),
    ];
    const MARKS: [(&[u8], &[u8]); 11] = [
        (b"***", b"***"),
        (b"**", b"**"),
        (b"__", b"__"),
        (b"~~", b"~~"),
        (b"+`", b"`+"),
        (b"*", b"*"),
        (b"_", b"_"),
        (b"~", b"~"),
        (b"=", b"="),
        (b"+", b"+"),
        (b"@", b"@"),
    ];
    let marks = if is_text { &MARKS[..] } else { &MARKS[1..2] };
    let elements = if is_text { &ELEMENTS[..] } else { &[] };
    let around = QUOTES.iter().chain(marks).chain(elements);
    let mut fitting = around.filter(|(open, close)| {
        let inner = text.strip_prefix(*open);
        let inner = inner.and_then(|inner| inner.strip_suffix(*close));
        inner.is_some_and(|inner| !inner.is_empty())
    });
    fitting
        .next()
        .map_or((0, 0), |(open, close)| (open.len(), close.len()))
}

/// What closes the typographic quote or the bold text that is open at the end of `line`.
pub fn closing_mark(line: &[u8]) -> Option<&'static [u8]> {
    const MARKS: [&[u8]; 12] = [
        b"***", b"**", b"*", b"__", b"_", b"~~", b"~", b"==", b"=", b"|", b"+", b"@",
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
        let is_first = match at.checked_sub(1).map(|at| line[at]) {
            // A patch begins its lines like that.
            None => sign != b'+',
            Some(b'`') => sign == b'+',
            Some(before) => before.is_ascii_whitespace(),
        };
        if !is_first || !b"*_~=|+@".contains(&sign) {
            return None;
        }
        let run = line[at..].iter().take_while(|byte| **byte == sign).count();
        let begins = match line.get(at + run) {
            Some(next) => {
                let is_option = b"=+@".contains(&sign) && line[at + run..].starts_with(b"--");
                next.is_ascii_alphanumeric() || is_option
            }
            None => b"*_~".contains(&sign),
        };
        begins.then_some((at, run))
    });
    let (at, run) = begun?;
    let sign = line[at];
    let mark = MARKS
        .iter()
        .find(|mark| mark[0] == sign && mark.len() == run)?;
    // `_name=value_` may be a variable.
    let is_text = sign != b'_' || run > 1 || line.ends_with(b": ");
    let text = &line[at + run..];
    let is_open = match text.strip_suffix(b"=") {
        // `=name=`, `=command --name=`, not `a =b name=`.
        Some(name) if sign == b'=' => {
            let is_command = memchr::memmem::find(name, b" -").is_some();
            !name.contains(&b'=') && (is_command || !name.contains(&b' '))
        }
        _ => memchr::memmem::find(text, mark).is_none(),
    };
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
        let open = open_marks(&window[line..at], tail_of(window, at));
        open.quote.is_some()
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

/// Whether a text of XML begins on `line`.
fn holds_cdata(line: &[u8]) -> bool {
    line.contains(&b'[') && memchr::memmem::find(line, b"<![CDATA[").is_some()
}

/// What opens a comment or a section of a template, and what closes it: so rare in a value that it ends one.
pub(super) const SECTIONS: [(&[u8], &[u8]); 9] = [
    (b"/*", b"*/"),
    (b"{{!--", b"--}}"),
    (b"{{--", b"--}}"),
    (b"{#", b"#}"),
    (b"<#", b"#>"),
    (b"<!--", b"-->"),
    (b"(*", b"*)"),
    (b"<?", b"?>"),
    (b"<%", b"%>"),
];
/// Those that end a value only on the line that opens them.
const LINE_SECTIONS: [(&[u8], &[u8]); 3] = [(b"{{!", b"}}"), (b"<%--", b"--%>"), (b"{-", b"-}")];

/// What closes the comment or section that is open at the end of `line`.
fn open_section(line: &[u8]) -> Option<&'static [u8]> {
    if line.trim_ascii_start().starts_with(b"*") {
        return Some(b"*/");
    }
    let holds = |text: &[u8], mark: &[u8]| text.windows(mark.len()).any(|part| part == mark);
    (1..line.len()).rev().find_map(|at| {
        if !b"*!{%?#-".contains(&line[at]) || !b"/<{(".contains(&line[at - 1]) {
            return None;
        }
        let text = &line[at - 1..];
        let begun = SECTIONS.iter().chain(&LINE_SECTIONS);
        let begun = begun.filter(|(open, _)| text.starts_with(open));
        let (open, close) = begun.max_by_key(|(open, _)| open.len())?;
        (!holds(&text[open.len()..], close)).then_some(*close)
    })
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
pub(super) const QUOTE_ENTITIES: [&[u8]; 9] = [
    b"&quot;", b"&apos;", b"&#39;", b"&#34;", b"&#x27;", b"&#x22;", b"&#039;", b"&#034;", b"&#x60;",
];

/// The length of the entity of a quote at the beginning of a value.
pub(in crate::detect) fn opening_entity(value: &[u8]) -> usize {
    let found = QUOTE_ENTITIES.iter().find(|quote| value.starts_with(quote));
    found.map_or(0, |quote| quote.len())
}
