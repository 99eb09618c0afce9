//! Lists and maps that have the name of a secret: their items and members are the values.

use super::super::syntax;
use super::fields::{MAX_EXTENT, ends_with};
use super::{
    Assignment, Form, MAX_BLANKS, MAX_ESCAPES, MAX_NAME_LEN, MAX_VALUE_LEN, Operator, Reader,
    Value, assignment, is_blank, is_name,
};
use crate::span::Span;

/// Values of one list or map that are read.
const MAX_CHILDREN: usize = 32;
/// What names of lists and maps end in whose members are secret.
const COLLECTIVES: [&[u8]; 11] = [
    b"secrets",
    b"credentials",
    b"creds",
    b"passwords",
    b"tokens",
    b"apikeys",
    b"api_keys",
    b"api-keys",
    b"secretkeys",
    b"secret_keys",
    b"passphrases",
];

/// What names of lists end in whose items can be secrets, though the name is that of one.
const SINGLES: [&[u8]; 6] = [
    b"password",
    b"passwd",
    b"secret",
    b"api_key",
    b"apikey",
    b"token",
];

impl Reader<'_> {
    /// Reads the list or map that is assigned to `name`; the reader stands behind the operator, and
    /// goes back there.
    pub(super) fn children(&mut self, name: Span, found: &mut Vec<Assignment>) {
        let start = self.at;
        self.skip(MAX_BLANKS, is_blank);
        let is_collective = ends_with(self.name_of(name), &COLLECTIVES);
        match self.peek(0) {
            // In a setting, `[` may begin the value.
            Some(b'[') if is_collective && self.begins_list(start) => self.items(name, found),
            Some(b'{') if !is_collective && self.is_map() => self.literals(name, found),
            Some(b'{') => self.members(name, is_collective, found),
            Some(b'"' | b'\'' | b'\\') => self.text_of_several(name, found),
            Some(b'\n' | b'\r') => self.block(name, is_collective, found),
            Some(b'|' | b'>') => self.block_scalar(name, found),
            _ => {}
        }
        self.back(start);
    }

    /// Whether a map with literals begins here and ends on its line: `{"a": "…"}`, `{a: '…'}`.
    fn is_map(&mut self) -> bool {
        let rest = &self.bytes[self.at..];
        let rest = &rest[..rest.len().min(MAX_EXTENT)];
        let end = memchr::memchr2(b'}', b'\n', rest);
        let end = end.filter(|end| rest[*end] == b'}');
        self.seen = self.seen.max(self.at + rest.len());
        let inner = rest[1..].trim_ascii_start();
        let is_quote = |byte: &&u8| b"\"'\\".contains(byte);
        let marks = inner.iter().take_while(is_quote).count();
        let is_key = |byte: &&u8| is_name(**byte) || **byte == b'.';
        let key = inner[marks..].iter().take_while(is_key).count();
        let behind = &inner[marks + key..];
        let behind = &behind[behind.iter().take_while(is_quote).count()..];
        let sign = behind.trim_ascii_start();
        end.is_some() && key > 0 && (sign.starts_with(b":") || sign.starts_with(b"= \""))
    }

    /// Reads the literals of a map that is no list of secrets by its name: `"secret": {"prod": "…"}`.
    fn literals(&mut self, name: Span, found: &mut Vec<Assignment>) {
        self.members(name, true, found);
        found.retain(|found| found.form != Form::Bare || found.operator == Operator::Field);
    }

    /// Reads a map or a list that is written in a literal: `NAME='{"prod": "…"}'`.
    fn text_of_several(&mut self, name: Span, found: &mut Vec<Assignment>) {
        self.skip(MAX_ESCAPES, |byte| byte == b'\\');
        self.skip(1, |byte| matches!(byte, b'"' | b'\''));
        match self.peek(0) {
            Some(b'{') if self.is_map() => self.literals(name, found),
            Some(b'[') if self.peek(1) == Some(b'"') => self.items(name, found),
            _ => {}
        }
    }

    /// Puts the items of a list that is written as one value, `NAMES=a,b`, into `found`. A list of users
    /// and passwords, `a:…,b:…`, has the passwords.
    pub(super) fn split(&self, name: Span, value: Value, found: &mut Vec<Assignment>) {
        const MIN_LEN: usize = 8;
        let (span, form, is_partial) = value;
        let text = &self.bytes[span.start..span.end];
        let is_list = memchr::memchr(b',', text).is_some()
            && ends_with(self.name_of(name), &COLLECTIVES)
            && !text.iter().any(u8::is_ascii_whitespace)
            && text
                .split(|byte| *byte == b',')
                .all(|item| item.len() >= MIN_LEN);
        if !is_list || is_partial {
            return;
        }
        let mut start = span.start;
        for item in text.split(|byte| *byte == b',').take(MAX_CHILDREN) {
            let user = memchr::memchr(b':', item);
            let user = user.filter(|at| item[..*at].iter().all(u8::is_ascii_alphanumeric));
            let skipped = user.map_or(0, |at| at + 1);
            let item_span = Span::new(start + skipped, start + item.len());
            found.extend(assignment(name, (item_span, form, false), Operator::Listed));
            start += item.len() + 1;
        }
    }

    /// Whether a list begins here, and not a value: the operator ends at `start`.
    fn begins_list(&self, start: usize) -> bool {
        let next = self.bytes[self.at + 1..]
            .iter()
            .find(|byte| !byte.is_ascii_whitespace());
        self.at > start || matches!(next, Some(b'"' | b'\'' | b'`'))
    }

    /// Reads `[a, "b"]`.
    fn items(&mut self, name: Span, found: &mut Vec<Assignment>) {
        self.at += 1;
        let limit = self.at + MAX_EXTENT;
        while found.len() < MAX_CHILDREN && self.at < limit {
            self.skip(MAX_BLANKS, |byte| {
                byte.is_ascii_whitespace() || byte == b','
            });
            let start = self.at;
            let value = match self.peek(0) {
                Some(quote @ (b'"' | b'\'' | b'`')) => {
                    self.at += 1;
                    let value = self.quoted(quote, 0, Form::Quoted);
                    self.at += 1;
                    value
                }
                Some(byte) if byte.is_ascii_alphanumeric() => {
                    let len = self.skip(MAX_VALUE_LEN, |byte| {
                        !byte.is_ascii_whitespace() && !b",]}[{(".contains(&byte)
                    });
                    Some((Span::new(start, start + len), Form::Bare, false))
                }
                _ => None,
            };
            let Some(value) = value else { break };
            found.extend(assignment(name, value, Operator::Listed));
        }
        self.skip(MAX_BLANKS, |byte| byte.is_ascii_whitespace());
        // What is not closed is no list.
        if found.len() < MAX_CHILDREN && self.at < limit && self.peek(0) != Some(b']') {
            found.clear();
        }
    }

    /// Reads `{a: b, "c": "d"}`: the field for a value, or all if the name says what they are.
    fn members(&mut self, name: Span, is_collective: bool, found: &mut Vec<Assignment>) {
        self.at += 1;
        let limit = self.at + MAX_EXTENT;
        for _ in 0..MAX_CHILDREN {
            self.skip(MAX_NAME_LEN, |byte| {
                byte.is_ascii_whitespace() || b",;".contains(&byte)
            });
            if self.at >= limit {
                return;
            }
            let Some((field, is_value)) = self.field() else {
                return;
            };
            let Some(operator) = self.field_operator() else {
                return;
            };
            if !self.member(name, (field, is_value), operator, is_collective, found) {
                return;
            }
        }
    }

    /// Reads one member behind its operator; returns whether others may follow.
    fn member(
        &mut self,
        name: Span,
        (field, is_value): (Span, bool),
        operator: Operator,
        is_collective: bool,
        found: &mut Vec<Assignment>,
    ) -> bool {
        let start = self.at;
        let is_nested = self.bytes[start..]
            .iter()
            .take(MAX_BLANKS)
            .find(|byte| !is_blank(**byte))
            .is_none_or(|byte| matches!(byte, b'{' | b'[' | b'\n' | b'\r' | b'|' | b'>'));
        if is_nested {
            return false;
        }
        if !is_value && !is_collective {
            self.skip_value(false);
            return true;
        }
        let Some(value) = self.value(field, operator) else {
            return false;
        };
        let is_quoted = value.1 != Form::Bare;
        if is_value {
            found.extend(assignment(name, value, Operator::Field));
        } else if let Some(member) = assignment(field, value, Operator::Member) {
            found.push(Assignment {
                parent: Some(name),
                ..member
            });
        }
        if is_quoted {
            // Over the closing quote and its escapes.
            self.skip(MAX_ESCAPES + 1, |byte| {
                matches!(byte, b'\\' | b'"' | b'\'' | b'`')
            });
        }
        !is_value
    }

    /// Reads what is indented below `name:` in YAML.
    fn block(&mut self, name: Span, is_collective: bool, found: &mut Vec<Assignment>) {
        let limit = self.at + MAX_EXTENT;
        let outer = self.indent(name.start);
        let is_list_mark = |rest: &[u8]| rest.starts_with(b"- ");
        let mut inner = None;
        for _ in 0..MAX_CHILDREN {
            self.skip(MAX_BLANKS, |byte| byte == b'\r' || byte == b'\n');
            let line = self.at;
            self.skip(MAX_NAME_LEN, is_blank);
            let indent = self.at - line;
            let rest = &self.bytes[self.at..];
            let is_item = is_list_mark(rest);
            let is_below = indent > outer || (is_item && indent == outer && outer == 0);
            if rest.is_empty()
                || self.at >= limit
                || !is_below
                || *inner.get_or_insert(indent) != indent
            {
                return;
            }
            if rest[0] == b'#' {
                self.skip(MAX_EXTENT, |byte| byte != b'\n');
                continue;
            }
            let has_more = if is_item && (is_collective || ends_with(self.name_of(name), &SINGLES))
            {
                self.at += 2;
                self.item(name, found)
            } else if is_item {
                return;
            } else {
                self.line(name, (outer, is_collective), found)
            };
            if !has_more {
                return;
            }
            self.skip(MAX_EXTENT, |byte| byte != b'\n');
        }
    }

    /// Reads `X` of `- X`.
    fn item(&mut self, name: Span, found: &mut Vec<Assignment>) -> bool {
        let start = self.at;
        let line = self.bytes[start..].iter().take(MAX_VALUE_LEN);
        let line = line.take_while(|byte| **byte != b'\n').count();
        let text = &self.bytes[start..start + line];
        if !matches!(text.first(), Some(b'"' | b'\'')) && text.windows(2).any(|pair| pair == b": ")
        {
            return false;
        }
        let before = found.len();
        let value = self.value(Span::new(start, start), Operator::Colon);
        found.extend(value.and_then(|value| assignment(name, value, Operator::Listed)));
        found.len() > before
    }

    /// Reads one line of a block: a member, or the value itself.
    fn line(
        &mut self,
        name: Span,
        (outer, is_collective): (usize, bool),
        found: &mut Vec<Assignment>,
    ) -> bool {
        let start = self.at;
        if let Some((field, is_value)) = self.field()
            && let Some(operator @ Operator::Colon) = self.field_operator()
            && matches!(self.peek(0), Some(b' ' | b'\n' | b'\r'))
        {
            return self.member(name, (field, is_value), operator, is_collective, found);
        }
        self.back(start);
        if found.is_empty() {
            let value = self.value(Span::new(start, start), Operator::Colon);
            let value = value.map(|(span, form, is_partial)| {
                let folds = form == Form::Bare && syntax::folds(&self.bytes[span.end..], outer + 1);
                (span, form, is_partial || folds)
            });
            found.extend(value.and_then(|value| assignment(name, value, Operator::Colon)));
        }
        false
    }

    /// Reads a block scalar that stands here, behind a blank.
    pub(super) fn scalar_of_lines(&mut self, field: Span) -> Option<Value> {
        let start = self.at;
        self.skip(MAX_BLANKS, is_blank);
        let mut found = Vec::new();
        if matches!(self.peek(0), Some(b'|' | b'>')) {
            self.block_scalar(field, &mut found);
        }
        self.back(start);
        let found = found.pop()?;
        Some((found.value, found.form, found.is_partial))
    }

    /// Reads the only line of `name: |`.
    fn block_scalar(&mut self, name: Span, found: &mut Vec<Assignment>) {
        let outer = self.indent(name.start);
        self.skip(4, |byte| byte.is_ascii_digit() || b"|>-+".contains(&byte));
        self.skip(MAX_BLANKS, |byte| is_blank(byte) || byte == b'\r');
        if !self.take(b"\n") || self.skip(MAX_NAME_LEN, is_blank) <= outer {
            return;
        }
        let start = self.at;
        let len = self.skip(MAX_VALUE_LEN, |byte| byte != b'\n');
        let line = &self.bytes[start..start + len];
        let len = line.trim_ascii_end().len();
        let has_blank = line[..len].iter().any(u8::is_ascii_whitespace);
        let is_whole = len > 0 && (self.peek(0).is_none() || self.take(b"\n"));
        let indent = self.skip(MAX_NAME_LEN, is_blank);
        let is_last = indent <= outer || matches!(self.peek(0), None | Some(b'\n'));
        // Several lines: armour, or prose.
        if is_whole && (is_last || !has_blank) {
            let value = (Span::new(start, start + len), Form::Bare, !is_last);
            found.extend(assignment(name, value, Operator::Colon));
        }
    }
}
