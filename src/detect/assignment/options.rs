//! Values of names that a call declares or labels: the default of an option, the value of a field of a
//! form; and text in the cell of a table or beside a word in bold.

use super::super::syntax::{MAX_VALUE_LEN, opening_entity};
use super::{
    Assignment, Form, MAX_BLANKS, MAX_LOOKAHEAD, MAX_NAME_LEN, Operator, Reader, Value, assignment,
};
use crate::span::Span;

/// Bytes behind a name in which the rest of its call is read.
const MAX_CALL_LEN: usize = 320;
/// Letters of the name of an element.
const MAX_TAG_LEN: usize = 12;
/// Bytes of the attributes of an element.
const MAX_ATTRIBUTES_LEN: usize = 120;
/// What an argument is called that holds the value.
const LABELS: [&[u8]; 9] = [
    b"default",
    b"default_value",
    b"defaultvalue",
    b"defaultsto",
    b"getdefaultvalue",
    b"setdefault",
    b"with",
    b"fallback",
    b"initial",
];
/// Elements that hold a name or a value of a table or a list.
const CELLS: [&[u8]; 5] = [b"td", b"th", b"dt", b"dd", b"li"];
/// Elements around words in a text.
const INLINE: [&[u8]; 12] = [
    b"b", b"strong", b"code", b"kbd", b"i", b"em", b"tt", b"span", b"samp", b"label", b"var", b"p",
];

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

impl Reader<'_> {
    /// Reads the default of an option: `add_argument("--password", default="…")`; the reader stands behind
    /// the quotes of the name.
    pub(super) fn option_default(&mut self, name: Span) -> Option<Assignment> {
        let start = self.at;
        let before = name.start.checked_sub(1).map(|at| self.bytes[at]);
        if !matches!(before, Some(b'"' | b'\'' | b'`')) {
            return None;
        }
        // `'--password <value>'`
        let has_slot =
            matches!(self.peek(0), Some(b' ' | b'=')) && matches!(self.peek(1), Some(b'<' | b'['));
        if has_slot {
            self.skip(MAX_BLANKS, |byte| !b">]\n\"'".contains(&byte));
            self.skip(2, |byte| b">]\"'".contains(&byte));
        }
        let found = if matches!(self.peek(0), Some(b',' | b')' | b'}')) {
            self.labelled(has_slot)
        } else {
            None
        };
        let found = found.and_then(|value| assignment(name, value, Operator::Field));
        if found.is_none() {
            self.back(start);
        }
        found
    }

    /// Reads the default of a parameter of a build: `password(name: "…", defaultValue: "…")`; the reader stands
    /// behind the bracket.
    pub(super) fn parameter(&mut self, name: Span) -> Option<Value> {
        let start = self.at;
        if self.name_of(name) != b"password" {
            return None;
        }
        let found = self.labelled(false);
        if found.is_none() {
            self.back(start);
        }
        found
    }

    /// Reads the default beside a name in the tag of a field in Go: `env:"NAME" envDefault:"…"`; the reader
    /// stands behind the quote of the name. `None` if there is no such tag, `Some(None)` if it has no default.
    pub(super) fn tagged_default(&mut self, name: Span) -> Option<Option<Assignment>> {
        const LABELS: [&[u8]; 5] = [b"default", b"envdefault", b"example", b"value", b"def"];
        const MAX_PAIRS: usize = 8;
        let start = self.at;
        let is_tag = self.bytes[..name.start].ends_with(b":\"")
            && self.bytes[name.end..].starts_with(b"\" ");
        if !is_tag {
            return None;
        }
        self.at = name.end + 1;
        let mut is_pair = false;
        for _ in 0..MAX_PAIRS {
            self.skip(MAX_BLANKS, |byte| byte == b' ');
            let from = self.at;
            self.skip(MAX_NAME_LEN, |byte| {
                byte.is_ascii_alphanumeric() || byte == b'_'
            });
            let label = self.bytes[from..self.at].to_ascii_lowercase();
            if label.is_empty() || !self.take(b":\"") {
                break;
            }
            is_pair = true;
            let Some(value) = self.quoted(b'"', 0, Form::Quoted) else {
                break;
            };
            if LABELS.contains(&&label[..]) {
                return Some(assignment(name, value, Operator::Field));
            }
            self.at += 1;
        }
        if is_pair {
            return Some(None);
        }
        self.back(start);
        None
    }

    /// Reads the default of a field that a call declares: `password: str = Field(default="…")`; the reader
    /// stands behind the sign.
    pub(super) fn field_default(&mut self) -> Option<Value> {
        const CALLS: [&[u8]; 4] = [b"field", b"column", b"mapped_column", b"option"];
        let start = self.at;
        self.skip(MAX_BLANKS, super::is_blank);
        let path = self.at;
        self.skip(MAX_NAME_LEN, |byte| {
            byte.is_ascii_alphanumeric() || b"_.".contains(&byte)
        });
        let path = &self.bytes[path..self.at];
        let word = path.rsplit(|byte| *byte == b'.').next().unwrap_or(path);
        let is_class = word.first().is_some_and(u8::is_ascii_uppercase);
        let found = if (is_class || CALLS.contains(&word)) && self.take(b"(") {
            self.labelled(false)
        } else {
            None
        };
        if found.is_none() {
            self.back(start);
        }
        found
    }

    /// Reads the rest of a call up to the literal behind a label. `has_slot` says that the second literal
    /// is the default, as it is behind a short name: `("password", "p", "…")`.
    fn labelled(&mut self, has_slot: bool) -> Option<Value> {
        let limit = self.at + MAX_CALL_LEN;
        let mut depth = 0usize;
        let mut literals = 0usize;
        let mut is_second = has_slot;
        while self.at < limit {
            let byte = self.peek(0)?;
            match byte {
                b'"' | b'\'' | b'`' => {
                    self.at += 1;
                    let value = self.quoted(byte, 0, Form::Quoted)?;
                    self.at += 1;
                    if depth == 0 {
                        literals += 1;
                        is_second |= literals == 1 && value.0.len() == 1;
                        if literals == 2 && is_second {
                            return Some(value);
                        }
                    }
                }
                b'(' | b'[' | b'{' => {
                    depth += 1;
                    self.at += 1;
                }
                b')' | b']' | b'}' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                b')' | b']' | b'}' => {
                    self.at += 1;
                    self.skip(MAX_BLANKS, is_space);
                    if self.peek(0) != Some(b'.') {
                        return None;
                    }
                }
                b';' => return None,
                _ if byte.is_ascii_alphabetic() => {
                    if let Some(value) = self.label() {
                        return Some(value);
                    }
                }
                _ => self.at += 1,
            }
        }
        None
    }

    /// Reads a word, and the literal behind it if it is a label.
    fn label(&mut self) -> Option<Value> {
        let start = self.at;
        self.skip(MAX_BLANKS, |byte| {
            byte.is_ascii_alphabetic() || byte == b'_'
        });
        let word = &self.bytes[start..self.at];
        if !LABELS.iter().any(|label| word.eq_ignore_ascii_case(label)) {
            return None;
        }
        let after = self.at;
        self.skip(1, |byte| matches!(byte, b'"' | b'\''));
        self.skip(MAX_BLANKS, is_space);
        let is_label = [&b"=>"[..], b":", b"=", b"("]
            .into_iter()
            .any(|sign| self.take(sign));
        self.skip(MAX_BLANKS, is_space);
        if is_label && let Some(quote @ (b'"' | b'\'' | b'`')) = self.peek(0) {
            self.at += 1;
            return self.quoted(quote, 0, Form::Quoted);
        }
        self.back(after);
        None
    }

    /// Reads the next cell of a table, or the text behind a word in bold: `<td>Password</td><td>…</td>`,
    /// `<b>Password</b>: …`; the reader stands behind the name.
    pub(super) fn cell(&mut self, name: Span) -> Option<Assignment> {
        let start = self.at;
        self.skip(1, |byte| byte == b':');
        if self.peek(0) != Some(b'<') || self.peek(1) != Some(b'/') {
            self.at = start;
            return None;
        }
        let found = self.next_cell();
        let found = found.and_then(|value| assignment(name, value, Operator::Markup));
        if found.is_none() {
            self.back(start);
        }
        found
    }

    fn next_cell(&mut self) -> Option<Value> {
        let has_colon = self.bytes[self.at - 1] == b':';
        self.at += 2;
        let tag = self.tag()?;
        let is_cell = CELLS.contains(&&tag[..]);
        if !is_cell && !INLINE.contains(&&tag[..]) {
            return None;
        }
        let has_colon = self.skip(1, |byte| byte == b':') > 0 || has_colon;
        self.skip(MAX_BLANKS * 2, is_space);
        let mut is_element = false;
        for _ in 0..2 {
            is_element |= self.opening_tag(is_cell);
            self.skip(MAX_BLANKS, is_space);
        }
        let is_value = if is_cell { is_element } else { has_colon };
        if is_value { self.plain_text() } else { None }
    }

    /// Passes over the mark-up of words before a value: `password: <b>…</b>`, `password:&nbsp;…`.
    pub(super) fn skip_inline(&mut self) -> bool {
        let start = self.at;
        self.skip(MAX_BLANKS, |byte| byte == b' ');
        if self.take(b"&nbsp;") || self.opening_tag(false) {
            return true;
        }
        self.at = start;
        false
    }

    /// Passes over the beginning of an element that holds a value.
    fn opening_tag(&mut self, may_be_cell: bool) -> bool {
        let start = self.at;
        if self.take(b"<")
            && let Some(tag) = self.tag()
            && (INLINE.contains(&&tag[..]) || (may_be_cell && CELLS.contains(&&tag[..])))
        {
            return true;
        }
        self.back(start);
        false
    }

    /// Reads the name of an element, up to the end of its tag.
    fn tag(&mut self) -> Option<Vec<u8>> {
        let start = self.at;
        self.skip(MAX_TAG_LEN, |byte| byte.is_ascii_alphanumeric());
        let tag = self.bytes[start..self.at].to_ascii_lowercase();
        if self.peek(0) == Some(b' ') {
            self.skip(MAX_ATTRIBUTES_LEN, |byte| !b"<>\n".contains(&byte));
        }
        (!tag.is_empty() && self.take(b">")).then_some(tag)
    }

    /// Reads one word, up to the next tag or the end of the line.
    pub(super) fn plain_text(&mut self) -> Option<Value> {
        let start = self.at;
        let len = self.skip(MAX_VALUE_LEN, |byte| byte != b'<' && byte != b'\n');
        self.seen = self.seen.max(self.at + MAX_LOOKAHEAD);
        let text = &self.bytes[start..start + len];
        let word = text.trim_ascii_end();
        let is_word = len < MAX_VALUE_LEN && !word.iter().any(u8::is_ascii_whitespace);
        let span = self.within_quotes(Span::new(start, start + word.len()));
        is_word.then_some((span, Form::Element, false))
    }

    /// What stands between the quotes of a literal that a page shows, as highlighted code does.
    fn within_quotes(&self, text: Span) -> Span {
        let word = &self.bytes[text.start..text.end];
        let len = match word {
            [b'"' | b'\'' | b'`', ..] => 1,
            _ => opening_entity(word),
        };
        let (open, rest) = word.split_at(len);
        // `"…",`
        let marks = [&b""[..], b",", b";"];
        let mut ends = marks.iter().filter_map(|mark| rest.strip_suffix(*mark));
        let inner = ends.find_map(|rest| rest.strip_suffix(open));
        match inner {
            Some(inner) if len > 0 && !inner.is_empty() => {
                Span::new(text.start + len, text.start + len + inner.len())
            }
            _ => text,
        }
    }

    /// Reads the argument of a macro of TeX: `\password{…}`.
    pub(super) fn macro_argument(&mut self, name: Span) -> Option<Assignment> {
        let start = self.at;
        if !self.bytes[..name.start].ends_with(b"\\") || !self.take(b"{") {
            return None;
        }
        let from = self.at;
        let len = self.skip(MAX_VALUE_LEN, |byte| {
            byte.is_ascii_graphic() && !b"{}\\".contains(&byte)
        });
        let is_closed = self.peek(0) == Some(b'}');
        self.seen = self.seen.max(self.at + MAX_LOOKAHEAD);
        if !is_closed {
            self.back(start);
            return None;
        }
        let value = (Span::new(from, from + len), Form::Quoted, false);
        assignment(name, value, Operator::Argument)
    }

    /// Passes over the line end of a key in YAML: `? name` and `: value`.
    pub(super) fn skip_to_mapped(&mut self, name: Span) -> bool {
        let start = self.at;
        if !self.bytes[..name.start].ends_with(b"? ") {
            return false;
        }
        self.skip(1, |byte| byte == b'\r');
        if self.take(b"\n") {
            self.skip(MAX_BLANKS * 2, |byte| byte == b' ');
            if self.take(b": ") {
                return true;
            }
        }
        self.back(start);
        false
    }
}
