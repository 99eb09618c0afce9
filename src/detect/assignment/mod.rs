//! Reads `name = value` around a keyword, in any language or configuration format.
//!
//! Not a parser of any of them: it accepts the punctuation that they share, within fixed bounds,
//! and leaves it to the score to tell a secret from an expression. Where a value without quotes
//! ends is decided in `syntax`.

mod fields;
mod lines;
mod options;
mod parts;
mod several;

use super::continuation::{self, Joins};
use super::entropy::is_mixed;
use super::interpolation::{self, Kind};
pub use super::syntax::MAX_VALUE_LEN;
use super::syntax::{self, Ends};
use crate::span::Span;

/// A name with something assigned to it. Spans are offsets into the window that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The whole name, with what stands before and after the keyword in it.
    pub name: Span,
    /// The name of what the value is a member of, if that says what it is: `secrets: {name: …}`.
    pub parent: Option<Span>,
    /// The value, without quotes.
    pub value: Span,
    /// How the value is written.
    pub form: Form,
    /// What stands between them.
    pub operator: Operator,
    /// Whether the value may go on behind its end.
    pub is_partial: bool,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Between quotes.
    Quoted,
    /// Between quotes that follow a letter which makes the string a template (`f"…"`).
    Template,
    /// Without quotes, up to where its syntax ends it.
    Bare,
    /// The default of a variable: `${NAME:-value}`.
    Default,
    /// The text of an XML element.
    Element,
}

/// What stands between name and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`, `:=`, `=>`.
    Assign,
    /// `:`.
    Colon,
    /// `==`, `!=`.
    Compare,
    /// `(`: an argument.
    Argument,
    /// `,`: the next item of a list, which may be a pair of name and value.
    Item,
    /// `>` of an XML element, or the `value=` of an attribute pair.
    Markup,
    /// A blank alone.
    Blank,
    /// The name is the value of one field, the value that of another: `name: X`, `value: …`.
    Field,
    /// The value is an item of the list that has the name.
    Listed,
    /// The value is a member of the map whose name says what it is.
    Member,
    /// ` - ` or `is`, as in prose.
    Prose,
}

/// Bytes of a name on either side of the keyword that are looked at.
pub const MAX_NAME_LEN: usize = 48;
/// Blanks that are passed over in one place.
const MAX_BLANKS: usize = 24;
/// Backslashes before a quote: JSON in JSON in JSON in JSON has seven.
const MAX_ESCAPES: usize = 7;
/// Letters before the quote of a literal.
const MAX_STRING_PREFIX: usize = 2;
/// Marks of one kind around a raw literal.
const MAX_HASHES: usize = 16;
/// Bytes behind a doubled quote in which the literal must be closed.
const MAX_DOUBLED_REACH: usize = 256;
/// Bytes behind a value that the score looks at.
const MAX_LOOKAHEAD: usize = 4;

/// Puts into `found` what is assigned to the name that holds the `keyword_len` bytes at `at`; more
/// than one value if it names a list or a map. Returns one past the last byte that was looked at:
/// any window that has the same bytes up to there gives the same answer.
pub fn read(window: &[u8], at: usize, keyword_len: usize, found: &mut Vec<Assignment>) -> usize {
    found.clear();
    // Around a short name, signs belong to the keyword.
    let keyword = &window[at..at + keyword_len];
    let before = usize::from(matches!(keyword[0], b'\n' | b' ' | b'"'));
    let after = usize::from(keyword.ends_with(b"="));
    let (at, keyword_len) = (at + before, keyword_len - before - after);
    let mut reader = Reader {
        bytes: window,
        at: at + keyword_len,
        seen: 0,
        is_verbatim: false,
        joins: Joins::Nowhere,
    };
    let single = reader.assignment(at, found);
    found.extend(single);
    let seen = reader.seen.max(reader.at + MAX_NAME_LEN);
    seen.min(window.len())
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Whether a letter may stand before the quote of a literal.
fn is_string_prefix(byte: &u8) -> bool {
    b"bBrRuUfFNLs@$".contains(byte)
}

/// Whether a value without quotes begins with a call whose argument is a literal: `decrypt("…"`.
fn begins_call(value: &[u8]) -> bool {
    let is_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:".contains(byte);
    let len = value.iter().take_while(|byte| is_path(byte)).count();
    let is_name = value.first().is_some_and(u8::is_ascii_alphabetic);
    is_name && matches!(value.get(len..), Some([b'(', b'"' | b'\'', ..]))
}

/// Whether `rest` of a line is one word, of letters and digits all along.
fn is_random_word(rest: &[u8]) -> bool {
    /// Less than is read of the value.
    const MAX_LEN: usize = MAX_NAME_LEN - MAX_LOOKAHEAD;
    let rest = &rest[..rest.len().min(MAX_LEN)];
    let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
    let word = line.trim_ascii_end();
    let is_word = |byte: &u8| byte.is_ascii_graphic() && !b"\"'`()$;,".contains(byte);
    word.iter().all(is_word) && is_mixed(word)
}

/// Whether a text between `:` and `=` is a type that a text may have, and not the begin of a value.
fn is_type(text: &[u8]) -> bool {
    const PARTS: [&[u8]; 10] = [
        b"str",
        b"char",
        b"byte",
        b"text",
        b"u8",
        b"secret",
        b"optional",
        b"any",
        b"final",
        b"object",
    ];
    let text = text.to_ascii_lowercase();
    PARTS
        .iter()
        .any(|part| memchr::memmem::find(&text, part).is_some())
}

struct Reader<'w> {
    bytes: &'w [u8],
    at: usize,
    /// One past the last byte that was looked at, where that is far behind `at`.
    seen: usize,
    /// Whether the literal has no escapes: `@"…"`.
    is_verbatim: bool,
    /// Where two literals in a row are one.
    joins: Joins,
}

/// A value, how it is written, and whether it may go on.
type Value = (Span, Form, bool);

impl Reader<'_> {
    /// Returns what is assigned to the name; puts it into `several` if it is a list or a map.
    fn assignment(&mut self, keyword: usize, several: &mut Vec<Assignment>) -> Option<Assignment> {
        let before = self.bytes[..keyword].iter().rev().take(MAX_NAME_LEN);
        let start = keyword
            - before
                .take_while(|&&byte| is_name(byte) || byte == b'.')
                .count();
        self.skip(MAX_NAME_LEN, |byte| is_name(byte) || byte == b'.');
        let mut name = Span::new(start, self.at);
        if self.is_removed_setting(name) {
            name.start += 1;
        }
        if self.bytes[..start].ends_with(b"${") {
            return self.variable(name);
        }
        let special = self.macro_argument(name).or_else(|| self.cell(name));
        if special.is_some() {
            return special;
        }
        self.skip(MAX_ESCAPES + 1, |byte| {
            matches!(byte, b'"' | b'\'' | b']' | b'`' | b'\\' | b'*')
        });
        let declared = self.pair(name).or_else(|| self.option_default(name));
        if declared.is_some() {
            return declared;
        }
        if let Some(tagged) = self.tagged_default(name) {
            return tagged;
        }
        self.skip_styles();
        self.skip_array_mark();
        let is_flag = self.bytes[name.start] == b'-';
        let operator = if is_flag && self.skip_to_next_item(name) {
            Operator::Blank
        } else if self.skip_to_mapped(name) {
            Operator::Colon
        } else {
            self.operator(is_flag, name)?
        };
        self.joins = self.joins_of(operator, is_flag, name);
        if operator == Operator::Colon {
            self.skip_type_annotation();
            self.skip_node_properties();
        }
        if matches!(operator, Operator::Assign | Operator::Colon) {
            self.children(name, several);
            if !several.is_empty() {
                return None;
            }
        }
        let value = self.value_in_call(name, operator);
        let value = value.or_else(|| self.value(name, operator))?;
        let value = self.secret_part(name, self.unbound(value));
        if matches!(operator, Operator::Assign | Operator::Colon) {
            self.split(name, value, several);
            if !several.is_empty() {
                return None;
            }
        }
        let is_partial = value.2 || self.goes_on_in_line(name, value);
        assignment(name, (value.0, value.1, is_partial), operator)
    }

    /// Where two literals behind `operator` are one.
    fn joins_of(&self, operator: Operator, is_flag: bool, name: Span) -> Joins {
        match operator {
            _ if is_flag => Joins::Nowhere,
            Operator::Assign | Operator::Colon => Joins::Anywhere,
            Operator::Blank if self.is_defined(name) => Joins::Anywhere,
            Operator::Blank => Joins::OverLines,
            _ => Joins::Nowhere,
        }
    }

    /// Reads the value among the arguments of a call, or behind an expression that it is the default of.
    fn value_in_call(&mut self, name: Span, operator: Operator) -> Option<Value> {
        match operator {
            Operator::Argument => self.argument(name).or_else(|| self.parameter(name)),
            // A call without brackets.
            Operator::Blank if matches!(self.peek(0), Some(b'"' | b'\'')) => self.argument(name),
            Operator::Assign | Operator::Colon => self
                .tuple(name)
                .or_else(|| self.fallback())
                .or_else(|| self.field_default()),
            _ => None,
        }
    }

    /// Whether a word that may belong to the value follows the literal of a setting, whose reader need not
    /// take quotes for marks: `name = "a1" b2`.
    fn goes_on_in_line(&mut self, name: Span, (span, form, _): Value) -> bool {
        let is_apart = span.start > 1 && is_blank(self.bytes[span.start - 2]);
        if form != Form::Quoted || !is_apart || !syntax::begins_setting(self.bytes, name.start) {
            return false;
        }
        let rest = self.bytes.get(span.end + 1..).unwrap_or_default();
        let rest = &rest[..rest.len().min(MAX_DOUBLED_REACH)];
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        self.seen = self.seen.max(span.end + 1 + line.len() + MAX_LOOKAHEAD);
        let word = line.trim_ascii();
        let has = |is: fn(&u8) -> bool| word.iter().skip(1).any(is);
        // No keyword of a language.
        let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
            || has(u8::is_ascii_digit) && word.iter().any(u8::is_ascii_alphabetic);
        line.first().is_some_and(|byte| is_blank(*byte))
            && word.iter().all(u8::is_ascii_alphanumeric)
            && is_mixed
    }

    /// The value of a literal or a word that holds a literal: an expression in an attribute
    /// (`:name="'value'"`), an argument or a definition that is code (`"NAME", "\"value\""`,
    /// `-DNAME=\"value\"`, `NAME: '"value"'`).
    fn unbound(&self, value: Value) -> Value {
        let (span, form, is_partial) = value;
        let text = &self.bytes[span.start..span.end];
        let quotes: [&[u8]; 4] = [b"\"", b"'", b"\\\"", b"\\'"];
        let inner = quotes.iter().find_map(|quote| {
            let inner = text.strip_prefix(*quote)?.strip_suffix(*quote)?;
            let is_one = !inner.is_empty() && !inner.contains(&quote[quote.len() - 1]);
            is_one.then_some(quote.len())
        });
        let Some(len) = inner else {
            return value;
        };
        let inner = Span::new(span.start + len, span.end - len);
        // A password of signs may begin and end with quotes of its own.
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_+/=.-!@#$%^&*".contains(byte);
        let text = &self.bytes[inner.start..inner.end];
        (inner, form, is_partial || !text.iter().all(is_plain))
    }

    /// Whether it is a line `-NAME=value` of a patch, and no option of a command.
    fn is_removed_setting(&self, name: Span) -> bool {
        let is_at_start = name.start == 0 || self.bytes[name.start - 1] == b'\n';
        let text = &self.bytes[name.start..name.end];
        let is_variable = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let behind = self.bytes.get(self.at..).unwrap_or_default();
        let blanks = behind.iter().take(MAX_BLANKS);
        let blanks = blanks.take_while(|byte| **byte == b' ').count();
        let sign = behind.get(blanks);
        is_at_start
            && (sign == Some(&b'=') || (sign == Some(&b':') && blanks == 0))
            && text
                .strip_prefix(b"-")
                .is_some_and(|name| name.iter().all(is_variable))
    }

    /// Whether it is a macro of C: `#define NAME`.
    fn is_defined(&self, name: Span) -> bool {
        let before = self.bytes[..name.start].trim_ascii_end();
        before.ends_with(b"define") || before.ends_with(b"#define")
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn skip(&mut self, most: usize, accept: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest
            .iter()
            .take(most)
            .take_while(|&&byte| accept(byte))
            .count();
        self.at += count;
        count
    }

    /// Passes over blanks that are no ASCII, and those before them.
    fn skip_wide_blanks(&mut self) -> usize {
        let start = self.at;
        let mut end = start;
        while self.at < start + MAX_BLANKS {
            self.skip(MAX_BLANKS, is_blank);
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let Some(len) = syntax::wide_blank(rest) else {
                break;
            };
            self.at += len;
            end = self.at;
        }
        self.at = end;
        end - start
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn operator(&mut self, is_flag: bool, name: Span) -> Option<Operator> {
        // `std::string secret{"…"}`
        let start = self.at;
        self.skip_brace();
        if self.at > start {
            return Some(Operator::Assign);
        }
        let is_setting = self.at == name.end && syntax::begins_setting(self.bytes, name.start);
        let is_shouted = |byte: &u8| !byte.is_ascii_lowercase();
        let is_variable = is_setting && self.bytes[name.start..name.end].iter().all(is_shouted);
        let blanks = self.skip_wide_blanks() + self.skip(MAX_BLANKS, is_blank);
        if is_flag && blanks > 0 {
            return Some(Operator::Blank);
        }
        if blanks == 0 && self.skip_to_typed() {
            return Some(Operator::Argument);
        }
        if blanks > 0 && self.take(b"--plaintext ") {
            return Some(Operator::Blank);
        }
        let is_equals = blanks == 0 && self.peek(0) == Some(b'=');
        if is_equals && !self.is_longer_operator(is_variable, is_setting) {
            self.at += 1;
            return Some(Operator::Assign);
        }
        if self.begins_member(name) {
            return None;
        }
        if let Some(operator) = self.sign() {
            return Some(operator);
        }
        if blanks == 0 {
            return None;
        }
        if self.take(b"value=") || self.take(b"Value=") {
            return Some(Operator::Markup);
        }
        if self.skip_to_text(name) {
            return Some(Operator::Markup);
        }
        if self.skip_type() || self.skip_accessors() {
            return Some(Operator::Assign);
        }
        if self.skip_copula() {
            return Some(Operator::Prose);
        }
        Some(Operator::Blank)
    }

    /// Reads a sign that is an operator.
    fn sign(&mut self) -> Option<Operator> {
        for (text, operator) in [
            (&b"==="[..], Operator::Compare),
            (b"!==", Operator::Compare),
            (b"==", Operator::Compare),
            (b"!=", Operator::Compare),
            (b":=", Operator::Assign),
            (b"=>", Operator::Assign),
            (b"->", Operator::Assign),
            (b"<-", Operator::Assign),
            (b"?=", Operator::Assign),
            (b"||=", Operator::Assign),
            (b"??=", Operator::Assign),
            (b"+=", Operator::Assign),
            (b".=", Operator::Assign),
            (b"=", Operator::Assign),
            (b"::new(", Operator::Argument),
            (b"::", Operator::Colon),
            (b":** ", Operator::Colon),
            (b":", Operator::Colon),
            (b">", Operator::Markup),
            (b"(", Operator::Argument),
            (b",", Operator::Item),
            (b"%3D", Operator::Assign),
            ("：".as_bytes(), Operator::Colon),
            ("＝".as_bytes(), Operator::Assign),
            (b"?(", Operator::Argument),
            (b"!(", Operator::Argument),
        ] {
            if self.take(text) {
                return Some(operator);
            }
        }
        None
    }

    /// Whether a member of code follows, and no value: `password->text()`. The hyphen is taken for one of the
    /// name.
    fn begins_member(&self, name: Span) -> bool {
        let hyphen = self.at.saturating_sub(usize::from(self.at == name.end));
        let rest = self.bytes.get(hyphen..);
        matches!(rest, Some([b'-', b'>', next, ..]) if next.is_ascii_alphabetic())
    }

    /// Whether `==`, `=>` or the like stand here, and not an `=` with a value that begins with such a
    /// sign: an operator of code has a blank, a literal or a plain operand behind it.
    fn is_longer_operator(&self, is_variable: bool, is_setting: bool) -> bool {
        let rest = &self.bytes[self.at + 1..];
        // No code compares right behind a variable at the beginning of a line, or with a random word there.
        let is_value = match rest {
            [b'=', next, ..] if is_variable => next.is_ascii_graphic(),
            [b'=' | b'>', ..] if is_setting => is_random_word(&rest[1..]),
            _ => false,
        };
        if is_value {
            return false;
        }
        let signs = rest.iter().take(2).take_while(|byte| b"=>".contains(byte));
        let Some((&first, operand)) = rest.get(signs.count()..).and_then(<[u8]>::split_first)
        else {
            return true;
        };
        if rest.len() == operand.len() + 1 {
            return false;
        }
        let word = operand.iter().take(MAX_NAME_LEN);
        let word = word.take_while(|byte| !byte.is_ascii_whitespace());
        let is_operand = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.()[],;:".contains(byte);
        match first {
            b'"' | b'\'' | b'`' => true,
            b'$' | b'(' | b'[' | b'{' => !is_setting,
            b'\\' => operand.first() == Some(&b'"'),
            _ if first.is_ascii_whitespace() => true,
            _ => {
                (first.is_ascii_alphanumeric() || first == b'_')
                    && word.copied().all(|byte| is_operand(&byte))
            }
        }
    }

    /// Passes over `: string =` and its like, so that the value is what comes after.
    fn skip_type_annotation(&mut self) {
        let start = self.at;
        self.skip(MAX_BLANKS, is_blank);
        let begins = self
            .peek(0)
            .is_some_and(|byte| byte.is_ascii_alphabetic() || b"&*[?".contains(&byte));
        let from = self.at;
        let kind = self.skip(MAX_NAME_LEN, |byte| {
            is_name(byte) || b"&'<>[]?|:. ".contains(&byte)
        });
        // Behind `name: ` a plain scalar may have an `=`.
        let is_apart = from == start
            || self.bytes[from..self.at].ends_with(b" ")
            || matches!(self.peek(1), Some(b' ' | b'"' | b'\'' | b'`'));
        let is_assigned = self.peek(0) == Some(b'=') && self.peek(1) != Some(b'=');
        let kind = &self.bytes[from..from + kind];
        let assigned = begins && !kind.is_empty() && is_assigned && is_apart;
        if assigned && (is_type(kind) || self.begins_literal(self.at + 1)) {
            self.at += 1;
        } else {
            self.at = start;
        }
    }

    /// Whether a literal begins at `at`, perhaps in a call or a list.
    fn begins_literal(&self, at: usize) -> bool {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let rest = &rest[rest
            .iter()
            .take(MAX_BLANKS)
            .take_while(|byte| is_blank(**byte))
            .count()..];
        let is_path = |byte: &&u8| is_name(**byte) || b".:&".contains(byte);
        let word = rest.iter().take(MAX_NAME_LEN).take_while(is_path).count();
        match rest.get(word) {
            Some(b'"' | b'\'' | b'`') => {
                word <= MAX_STRING_PREFIX && rest[..word].iter().all(is_string_prefix)
            }
            Some(b'(' | b'[' | b'{') => true,
            _ => false,
        }
    }

    fn value(&mut self, name: Span, operator: Operator) -> Option<Value> {
        self.skip_wide_blanks();
        let start = self.at;
        self.skip(MAX_BLANKS, |byte| {
            is_blank(byte) || byte == b'\r' || byte == b'\n' || byte == b'(' || byte == b'['
        });
        if matches!(
            operator,
            Operator::Assign | Operator::Colon | Operator::Item
        ) {
            self.skip_wrapper();
            // `{password, <<"…">>}` of Erlang.
            if operator == Operator::Item && self.bytes[self.at..].starts_with(b"<<\"") {
                self.at += 2;
            }
            let is_signed = matches!(self.peek(1), Some(b'"' | b'\''));
            self.skip(usize::from(is_signed), |byte| byte == b'+');
            self.skip_brace();
        }
        if operator == Operator::Colon && self.skip_inline() {
            return self.plain_text();
        }
        let special = self.raw_literal().or_else(|| self.here_document());
        if let Some(value) = special.or_else(|| self.pasted(operator)) {
            return Some(value);
        }
        self.skip_escaped_prefix();
        let escapes = self.skip(MAX_ESCAPES, |byte| byte == b'\\');
        let prefix = self.string_prefix();
        // The text of an element has no literals.
        let is_text = operator == Operator::Markup && self.bytes[..start].ends_with(b">");
        // A shell's escape, where nothing is quoted, begins a word.
        let is_word = self.bytes.get(name.start) == Some(&b'-')
            && escapes == 1
            && syntax::is_quoted(self.bytes, name.start) == Some(false);
        let is_literal = !is_text && !is_word;
        if let Some(quote @ (b'"' | b'\'' | b'`')) = self.peek(prefix).filter(|_| is_literal) {
            let opening = self.at;
            let quoted = self.literal(quote, (escapes, prefix), operator);
            // A bracket or a letter before a quote may begin a bare value.
            let begins = start
                + self.bytes[start..]
                    .iter()
                    .take_while(|&&byte| is_blank(byte))
                    .count();
            let is_bare = matches!(self.bytes.get(begins), Some(b'(' | b'[')) || prefix > 0;
            let is_glued = prefix > 0
                && self
                    .peek(1)
                    .is_some_and(|byte| byte.is_ascii_alphanumeric());
            if quoted.is_none() && !is_bare && escapes == 0 {
                return self.unclosed(name, opening, operator);
            }
            if (quoted.is_some() && !is_glued) || !is_bare {
                return quoted.filter(|value| !self.is_command(name, value.0));
            }
        }
        self.at = start;
        self.bare(name, operator)
    }

    /// Whether the literal at `span` is a command whose output a shell assigns: ``NAME=`cat file` ``.
    fn is_command(&self, name: Span, span: Span) -> bool {
        let text = &self.bytes[span.start..span.end];
        let is_word = |byte: &u8| byte.is_ascii_lowercase() || b"0123456789_-./".contains(byte);
        let word = text.iter().take_while(|byte| is_word(byte)).count();
        self.bytes.get(name.end..span.start) == Some(&b"=`"[..])
            && word > 1
            && text.get(word) == Some(&b' ')
    }

    /// Reads a token that is pasted into the marks of an expression: `${{ 0123… }}`.
    fn pasted(&mut self, operator: Operator) -> Option<Value> {
        let rest = self.bytes.get(self.at..)?;
        if operator != Operator::Colon || !rest.starts_with(b"${{") {
            return None;
        }
        let rest = &rest[..rest.len().min(interpolation::MAX_LEN)];
        self.seen = self.seen.max(self.at + rest.len() + MAX_LOOKAHEAD);
        let len = memchr::memmem::find(rest, b"}}")? + 2;
        let token = interpolation::pasted(&rest[..len])?;
        let span = Span::new(self.at + token.start, self.at + token.end);
        Some((span, Form::Default, false))
    }

    /// Passes over the brace before the only item of a list in C, or around an expression that is a literal:
    /// `{"…"}`.
    fn skip_brace(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let [b'{', quote @ (b'"' | b'`'), text @ ..] = rest else {
            return;
        };
        let text = &text[..text.len().min(MAX_DOUBLED_REACH)];
        let end = memchr::memchr2(*quote, b'\n', text);
        self.seen = self
            .seen
            .max(self.at + end.unwrap_or(text.len()) + MAX_LOOKAHEAD);
        if end.is_some_and(|end| text[end..].starts_with(&[*quote, b'}'])) {
            self.at += 1;
        }
    }

    /// Reads a value without quotes, which stands on the same line, right after the operator.
    fn bare(&mut self, name: Span, operator: Operator) -> Option<Value> {
        self.skip_wide_blanks();
        self.skip(MAX_BLANKS, is_blank);
        self.skip_styles();
        if operator == Operator::Markup {
            return self.element();
        }
        if matches!(operator, Operator::Argument | Operator::Item) {
            return None;
        }
        self.at += syntax::opening_entity(&self.bytes[self.at..]);
        let ends = if self.bytes[name.start..].starts_with(b"-") {
            Ends::Word
        } else {
            Ends::Line
        };
        let extent = syntax::end(self.bytes, name, self.at, ends);
        let mut span = Span::new(self.at, extent.end);
        // A list of one in YAML.
        if let [b'[', inner @ .., b']'] = &self.bytes[span.start..span.end]
            && operator == Operator::Colon
            && !inner.iter().any(|byte| b"[],".contains(byte))
        {
            span = Span::new(span.start + 1, span.end - 1);
        }
        // Braces are quotes in Tcl.
        if let [b'{', inner @ .., b'}'] = &self.bytes[span.start..span.end]
            && operator == Operator::Blank
            && self.bytes[..name.start].ends_with(b"set ")
            && !inner.is_empty()
        {
            span = Span::new(span.start + 1, span.end - 1);
        }
        span = self.without_emphasis(name, span, operator);
        if operator == Operator::Assign && self.is_marked(name, span) {
            span.end -= 1;
        }
        self.seen = extent.seen.max(extent.end + MAX_LOOKAHEAD);
        self.at = span.end;
        let has_brace = self.bytes[span.start..span.end].contains(&b'{');
        let is_template = has_brace && syntax::is_in_template(self.bytes, name.start);
        let is_partial = extent.is_partial || begins_call(&self.bytes[span.start..span.end]);
        Some(own(self.bytes, (span, Form::Bare, is_partial), is_template))
    }

    /// Whether the signs around the value at `span` are marks of org in a text, and none of an assignment:
    /// `the password =V= here`.
    fn is_marked(&self, name: Span, span: Span) -> bool {
        let text = &self.bytes[span.start..span.end];
        let is_apart = self.bytes[..span.start].ends_with(b" =");
        let after = &self.bytes[span.end..];
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b".,;:)".contains(byte);
        is_apart
            && matches!(text, [.., last, b'='] if *last != b'=')
            && after.first().is_none_or(ends)
            && !syntax::begins_setting(self.bytes, name.start)
    }

    /// The text at `span`, the value of `name`, without the marks of markup around it.
    fn without_emphasis(&self, name: Span, span: Span, operator: Operator) -> Span {
        // Typographic quotes have no other use.
        if !self.bytes[span.start..span.end].is_ascii() {
            let around = syntax::emphasis(&self.bytes[span.start..span.end], false);
            if around.0 > 0 {
                return Span::new(span.start + around.0, span.end - around.1);
            }
        }
        let is_flag = self.bytes.get(name.start) == Some(&b'-');
        let is_said = operator == Operator::Prose || (operator == Operator::Blank && !is_flag);
        if operator != Operator::Colon && !is_said {
            return span;
        }
        // A name of code or of a setting has no capital, or no small letters.
        let is_title = matches!(self.name_of(name), [first, next, ..]
            if first.is_ascii_uppercase() && next.is_ascii_lowercase());
        let is_text = is_said || is_title;
        let around = syntax::emphasis(&self.bytes[span.start..span.end], is_text);
        Span::new(span.start + around.0, span.end - around.1)
    }

    /// Reads a word that begins with a quote which nothing closes. Whether the quote belongs to the value,
    /// and where that ends, is a guess.
    fn unclosed(&mut self, name: Span, opening: usize, operator: Operator) -> Option<Value> {
        let is_assigned = matches!(operator, Operator::Assign | Operator::Colon);
        if !is_assigned || syntax::is_quoted(self.bytes, name.start) != Some(false) {
            return None;
        }
        let rest = &self.bytes[opening..self.bytes.len().min(opening + MAX_VALUE_LEN)];
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        self.seen = self.seen.max(opening + line.len() + MAX_LOOKAHEAD);
        let word = line.trim_ascii_end();
        let is_word = word.len() > 1 && word.iter().all(|byte| lines::is_content(*byte));
        let span = Span::new(opening, opening + word.len());
        (is_word && !word[1..].contains(&word[0])).then_some((span, Form::Bare, true))
    }

    /// Reads a literal with its opening quote, before which `prefix` letters stand.
    fn literal(
        &mut self,
        quote: u8,
        (escapes, prefix): (usize, usize),
        operator: Operator,
    ) -> Option<Value> {
        let marks = &self.bytes[self.at..self.at + prefix];
        let is_template = marks.contains(&b'f');
        self.is_verbatim = marks.contains(&b'@');
        self.at += prefix + 1;
        match operator {
            // Markup escapes by entities.
            Operator::Markup => self.attribute(quote),
            _ if is_template => self.quoted(quote, escapes, Form::Template),
            _ => self.quoted(quote, escapes, Form::Quoted),
        }
    }

    /// Passes over the letters before a quote that is escaped, in code that a literal holds: `@\"…\"`.
    fn skip_escaped_prefix(&mut self) {
        let prefix = self.string_prefix();
        let rest = self.bytes.get(self.at + prefix..).unwrap_or_default();
        let escapes = rest.iter().take(MAX_ESCAPES);
        let escapes = escapes.take_while(|byte| **byte == b'\\').count();
        let is_quote = matches!(rest.get(escapes), Some(b'"' | b'\''));
        if prefix > 0 && escapes > 0 && is_quote {
            self.at += prefix;
        }
    }

    /// Letters that may stand right before a quote: `b"`, `rb'`, `@"`, `L"`, `r#"`.
    fn string_prefix(&self) -> usize {
        let is_prefix = |byte: Option<u8>| byte.is_some_and(|byte| is_string_prefix(&byte));
        let is_raw = self.peek(0) == Some(b'r') && self.peek(1) == Some(b'#');
        if is_raw && self.peek(2) == Some(b'"') {
            return 2;
        }
        (0..2)
            .take_while(|&ahead| is_prefix(self.peek(ahead)))
            .count()
    }

    /// Reads a literal without escapes that ends at a mark of its own: `r#"…"#`, `#"…"#`, `R"x(…)x"`,
    /// `%q(…)`, `[[…]]`.
    fn raw_literal(&mut self) -> Option<Value> {
        if let Some(value) = self.bracketed_literal() {
            return Some(value);
        }
        let rest = self.bytes.get(self.at..)?;
        let (marks, closing): (_, &[u8]) = match rest {
            [b'$', b'/', ..] => (2, b"/$"),
            [b'r', b'a', b'w', b'"', ..] => (4, b"\""),
            _ => (0, b""),
        };
        if marks > 0 {
            return self.up_to(self.at + marks, closing);
        }
        let letters = rest
            .iter()
            .take(2)
            .take_while(|byte| b"bcruLR".contains(byte));
        let letters = letters.count();
        let body = &rest[letters..];
        let hashes = body
            .iter()
            .take(MAX_HASHES)
            .take_while(|byte| **byte == b'#');
        let hashes = hashes.count();
        let (opening, mut closing) = if hashes > 0 && body.get(hashes) == Some(&b'"') {
            (hashes + 1, b"\"".to_vec())
        } else if letters > 0 && rest[letters - 1] == b'R' && body.first() == Some(&b'"') {
            let delimiter = body[1..].iter().take(MAX_HASHES);
            let len = delimiter
                .take_while(|byte| byte.is_ascii_alphanumeric())
                .count();
            if body.get(1 + len) != Some(&b'(') {
                return None;
            }
            (len + 2, [b")", &body[1..=len], b"\""].concat())
        } else {
            return None;
        };
        closing.extend(&body[..hashes]);
        self.up_to(self.at + letters + opening, &closing)
    }

    /// Reads from `start` up to `closing`, on one line.
    fn up_to(&mut self, start: usize, closing: &[u8]) -> Option<Value> {
        let text = &self.bytes[start..self.bytes.len().min(start + MAX_VALUE_LEN)];
        let text = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
        let end = memchr::memmem::find(text, closing);
        self.seen = self
            .seen
            .max(start + end.unwrap_or(text.len()) + MAX_LOOKAHEAD);
        Some((Span::new(start, start + end?), Form::Quoted, false))
    }

    /// Reads a literal between brackets: `%q(…)` of Ruby, `q{…}` of Perl, `~s(…)` of Elixir, `[[…]]` of
    /// Lua, `''…''` of Nix, ```` ``…`` ```` of reStructuredText. It is one word that ends the statement.
    fn bracketed_literal(&mut self) -> Option<Value> {
        const MARKS: [&[u8]; 9] = [b"%q", b"%Q", b"%", b"~s", b"~S", b"qq", b"q", b"'", b"`"];
        let rest = self.bytes.get(self.at..)?;
        // Brackets before a value were passed over.
        let is_lua = self.bytes[..self.at].ends_with(b"[[");
        let level = rest
            .iter()
            .take(MAX_HASHES)
            .take_while(|byte| **byte == b'=');
        let level = level.count();
        if level > 0 && rest.get(level) == Some(&b'[') && self.bytes[..self.at].ends_with(b"[") {
            let closing = [b"]", &rest[..level], b"]"].concat();
            return self.up_to(self.at + level + 1, &closing);
        }
        let (start, opening) = if is_lua {
            (self.at, b'[')
        } else {
            let mark = MARKS.iter().find(|mark| rest.starts_with(mark))?;
            (self.at + mark.len() + 1, *rest.get(mark.len())?)
        };
        let closing: &[u8] = match opening {
            b'[' if is_lua => b"]]",
            b'(' => b")",
            b'{' => b"}",
            b'[' => b"]",
            b'\'' if rest[0] == b'\'' => b"''",
            b'`' if rest[0] == b'`' => b"``",
            _ => return None,
        };
        let text = &self.bytes[start..self.bytes.len().min(start + MAX_VALUE_LEN)];
        let text = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
        self.seen = self.seen.max(start + text.len() + MAX_LOOKAHEAD);
        let is_mark = |byte: &u8| byte.is_ascii_whitespace() || b";,".contains(byte);
        let last = text.iter().rposition(|byte| !is_mark(byte))?;
        let word = text[..=last].strip_suffix(closing)?;
        let is_word = !word.is_empty() && word.iter().all(|byte| lines::is_content(*byte));
        let is_pair = closing.len() == 2;
        // These marks have no other use.
        let is_plain =
            is_lua || rest[0] == b'%' && matches!(rest[1], b'q' | b'Q') || rest[0] == b'~';
        let is_quoted = if is_plain {
            false
        } else if is_pair {
            word.starts_with(&closing[..1]) || word.ends_with(&closing[..1])
        } else {
            word.iter().any(|byte| b"\"'`".contains(byte))
        };
        let is_balanced = word.iter().filter(|byte| **byte == opening).count()
            == word.iter().filter(|byte| **byte == closing[0]).count();
        (is_word && !is_quoted && (is_pair || is_balanced))
            .then(|| (Span::new(start, start + word.len()), Form::Quoted, false))
    }

    /// Reads to the quote that closes an attribute.
    fn attribute(&mut self, quote: u8) -> Option<Value> {
        let start = self.at;
        let len = self.skip(MAX_VALUE_LEN, |byte| byte != quote && byte != b'\n');
        self.seen = self.at + MAX_LOOKAHEAD;
        let span = Span::new(start, start + len);
        (self.peek(0) == Some(quote)).then_some((span, Form::Quoted, false))
    }

    /// Reads to the quote that closes the literal, which begins behind its opening one. `escapes`
    /// backslashes escape that one, as in JSON in JSON, and must escape the closing one.
    fn quoted(&mut self, quote: u8, escapes: usize, form: Form) -> Option<Value> {
        let is_triple = escapes == 0 && self.peek(0) == Some(quote) && self.peek(1) == Some(quote);
        self.at += 2 * usize::from(is_triple);
        let start = self.at;
        let mut at = start;
        let end = loop {
            self.seen = at + MAX_LOOKAHEAD;
            if at - start > MAX_VALUE_LEN {
                let value = &self.bytes[start..start + MAX_VALUE_LEN];
                let is_opaque = !value.iter().any(u8::is_ascii_whitespace);
                let span = Span::new(start, start + MAX_VALUE_LEN);
                return is_opaque.then_some((span, form, true));
            }
            match *self.bytes.get(at)? {
                b'\n' if escapes == 0 => {
                    let span = self.quoted_lines(start, quote, is_triple)?;
                    self.at = span.end;
                    return Some((span, form, false));
                }
                b'\n' => return None,
                b'\\' if self.is_verbatim => at += 1,
                b'\\' => {
                    let run = self.bytes[at..].iter().take(MAX_VALUE_LEN);
                    let run = run.take_while(|&&byte| byte == b'\\').count();
                    let is_quote = self.bytes.get(at + run) == Some(&quote);
                    // In a literal of another language: `"password='a\\'b'"`.
                    if is_quote && escapes == 0 && run == 2 && self.is_glued(at + run, quote) {
                        at += run + 1;
                        continue;
                    }
                    if is_quote && run % (2 * (escapes + 1)) == escapes {
                        break at + run - escapes;
                    }
                    // The end of the string that this assignment is quoted in.
                    if is_quote && run < escapes {
                        return None;
                    }
                    at += run + usize::from(is_quote || (escapes == 0 && run % 2 == 1));
                }
                byte if byte == quote && escapes > 0 => return None,
                byte if byte == quote && is_triple => {
                    if self.bytes[at..].starts_with(&[quote; 3]) {
                        break at;
                    }
                    at += 1;
                }
                // YAML, SQL and others double a quote to escape it.
                byte if byte == quote && at > start && self.is_doubled(at, quote) => at += 2,
                b'`' if self.is_backtick_escape(at, quote) => at += 2,
                b'$' | b'{' => at += self.expression(at).unwrap_or(1),
                byte if byte == quote => break at,
                _ => at += 1,
            }
        };
        self.at = end;
        Some(self.closed(Span::new(start, end), escapes, form))
    }

    /// What a literal holds that is closed by a quote behind `span`, which `escapes` backslashes escape.
    fn closed(&mut self, span: Span, escapes: usize, form: Form) -> Value {
        let is_template = form == Form::Template;
        if let value @ (_, Form::Default, _) = own(self.bytes, (span, form, false), is_template) {
            return value;
        }
        self.seen = self.seen.max(span.end + continuation::REACH);
        let goes_on = if escapes == 0 {
            continuation::goes_on(self.bytes, span, self.joins)
        } else {
            let after = self.bytes.get(span.end + escapes + 1..);
            let quote = self.bytes.get(span.end + escapes);
            quote
                .zip(after)
                .is_some_and(|(quote, after)| continuation::goes_on_escaped(*quote, after))
        };
        own(self.bytes, (span, form, goes_on), is_template)
    }

    /// Whether the quote at `at` is one of two that stand for one: the literal goes on behind them
    /// and is closed on its line.
    fn is_doubled(&mut self, at: usize, quote: u8) -> bool {
        let goes_on = |byte: &u8| byte.is_ascii_graphic() && !b",;)]}:+".contains(byte);
        if self.is_verbatim && self.bytes.get(at + 1) == Some(&quote) {
            return true;
        }
        let is_double = self.bytes.get(at + 1) == Some(&quote)
            && (quote == b'\'' || (quote == b'"' && self.bytes.get(at + 2).is_some_and(goes_on)));
        is_double && self.is_closed(at + 2, quote)
    }

    /// Whether the backtick at `at` escapes the quote behind it.
    fn is_backtick_escape(&mut self, at: usize, quote: u8) -> bool {
        self.seen = self.seen.max(at + MAX_DOUBLED_REACH);
        syntax::is_backtick_escape(&self.bytes[at..], quote)
    }

    /// Whether text is glued to the quote at `at`, and another one closes the literal.
    fn is_glued(&mut self, at: usize, quote: u8) -> bool {
        let next = self.bytes.get(at + 1);
        next.is_some_and(u8::is_ascii_alphanumeric) && self.is_closed(at + 1, quote)
    }

    /// Whether `quote` stands on the rest of the line.
    fn is_closed(&mut self, at: usize, quote: u8) -> bool {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let rest = &rest[..rest.len().min(MAX_DOUBLED_REACH)];
        let closing = memchr::memchr2(quote, b'\n', rest);
        self.seen = self.seen.max(at + closing.unwrap_or(rest.len()) + 1);
        closing.is_some_and(|end| rest[end] == quote)
    }

    /// The length of the expression at `at`: quotes in it close nothing.
    fn expression(&mut self, at: usize) -> Option<usize> {
        let opens = matches!(self.bytes.get(at + 1), Some(b'{' | b'('));
        if opens {
            self.seen = self.seen.max(at + interpolation::MAX_LEN);
        }
        interpolation::expression(&self.bytes[at..]).filter(|_| opens)
    }

    /// Passes over colours of a terminal, and blanks behind them.
    fn skip_styles(&mut self) {
        let is_mark = |byte: u8| matches!(byte, b'$' | b'{' | b'\\' | 0x1b);
        while self.peek(0).is_some_and(is_mark)
            && let Some(len) = interpolation::style(&self.bytes[self.at..])
        {
            self.at += len;
            self.skip(MAX_BLANKS, is_blank);
            self.seen = self.seen.max(self.at + interpolation::MAX_LEN);
        }
    }

    /// Reads `${NAME-value}`: the hyphen is no part of the name.
    fn variable(&mut self, mut name: Span) -> Option<Assignment> {
        let hyphen = memchr::memchr(b'-', &self.bytes[name.start..name.end]);
        name.end = hyphen.map_or(name.end, |at| name.start + at);
        let value = self.variable_default(name)?;
        assignment(name, value, Operator::Assign)
    }

    /// Reads the default behind `${` and `name`.
    fn variable_default(&mut self, name: Span) -> Option<Value> {
        let line = self.bytes[name.end..].iter().take(MAX_VALUE_LEN + 1);
        let line = line.take_while(|&&byte| byte != b'\n').count();
        self.seen = name.end + line + MAX_LOOKAHEAD;
        let start = name.start - 2;
        let len = interpolation::expression(&self.bytes[start..name.end + line])?;
        let found = interpolation::own(self.bytes, Span::new(start, start + len), false)?;
        // Text glued to the variable.
        let after = self.bytes.get(start + len);
        let is_glued = after.is_some_and(u8::is_ascii_alphanumeric);
        self.at = found.span.end;
        (found.kind == Kind::Default).then_some((found.span, Form::Default, is_glued))
    }
}

fn assignment(
    name: Span,
    (value, form, is_partial): Value,
    operator: Operator,
) -> Option<Assignment> {
    (!value.is_empty()).then_some(Assignment {
        name,
        parent: None,
        value,
        form,
        operator,
        is_partial,
    })
}

/// What a value says beside the expressions in it: their default, or the text around them.
fn own(bytes: &[u8], value: Value, is_template: bool) -> Value {
    let (span, form, is_partial) = value;
    match interpolation::own(bytes, span, is_template) {
        None => value,
        Some(found) => {
            let form = match found.kind {
                Kind::Default => Form::Default,
                Kind::Styled => form,
                Kind::Beside => Form::Template,
            };
            (found.span, form, is_partial || found.is_partial)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(text: &str) -> Option<(&str, Form, Operator)> {
        let at = text.to_lowercase().find("passw")?;
        let mut found = Vec::new();
        read(text.as_bytes(), at, 5, &mut found);
        let found = found.first()?;
        Some((
            &text[found.value.start..found.value.end],
            found.form,
            found.operator,
        ))
    }

    #[test]
    fn reads_the_syntaxes_that_people_use() {
        for (text, value) in [
            (r#"db_password = "v-1""#, "v-1"),
            (r#"{"password": "v-1"}"#, "v-1"),
            (r#"{\"password\": \"v-1\"}"#, "v-1"),
            ("password: v-1\n", "v-1"),
            ("PASSWORD=v-1\n", "v-1"),
            ("export PASSWORD='v-1'", "v-1"),
            ("const string Password = @\"v-1\";", "v-1"),
            ("let password: &str = \"v-1\";", "v-1"),
            ("password := `v-1`", "v-1"),
            ("$config['password'] = 'v-1';", "v-1"),
            (":password => 'v-1'", "v-1"),
            ("<password>v-1</password>", "v-1"),
            (r#"<add key="Password" value="v-1"/>"#, "v-1"),
            ("login bob password v-1 ", "v-1"),
            ("setPassword(\"v-1\")", "v-1"),
            ("spring.datasource.password=v-1", "v-1"),
            ("os.environ[\"PASSWORD\"] = b'v-1'", "v-1"),
            ("?user=x&password=v-1&z=3", "v-1"),
            ("password:v-1=w2\n", "v-1=w2"),
            ("-H 'X-Password:v-1=w2' u", "v-1=w2"),
            ("{\"x\":\"password:v-1=w2\"}", "v-1=w2"),
            ("val password: String? = v-1\n", "v-1"),
            ("val password: Foo<Bar> = Some(\"v-1\")\n", "v-1"),
        ] {
            assert_eq!(value_of(text).map(|found| found.0), Some(value), "{text}");
        }
    }

    #[test]
    fn name_and_value_may_stand_apart() {
        for (text, value) in [
            ("- name: DB_PASSWORD\n  value: v-1\n", "v-1"),
            (
                "{\"name\": \"password\", \"type\": \"x\", \"value\": \"v-1\"}",
                "v-1",
            ),
            ("{\"value\": \"v-1\", \"name\": \"password\"}", "v-1"),
            ("{\"key\":\"password\",\"value\":\"v-1\"}", "v-1"),
            ("<name>password</name>\n  <value>v-1</value>", "v-1"),
            ("<key>password</key><string>v-1</string>", "v-1"),
            (
                "variable \"password\" {\n  type = string\n  default = \"v-1\"\n}",
                "v-1",
            ),
            (
                "\"password\": {\n  \"type\": \"string\",\n  \"value\": \"v-1\"\n}",
                "v-1",
            ),
            ("passwords: [\"v-1\", \"v-2\"]", "v-1"),
            ("passwords:\n  - v-1\n  - v-2\n", "v-1"),
            ("passwords:\n  db: v-1\n", "v-1"),
            ("passwords = {'db': 'v-1'}", "v-1"),
            ("password:\n    v-1\nuser: x\n", "v-1"),
            ("password: >-\n    v-1\nuser: x\n", "v-1"),
            ("<password>\n   v-1\n</password>", "v-1"),
            ("<password><![CDATA[v-1]]></password>", "v-1"),
            ("var password string = \"v-1\"", "v-1"),
            ("Dim password As String = \"v-1\"", "v-1"),
            ("char password[32] = \"v-1\";", "v-1"),
            ("string Password { get; set; } = \"v-1\";", "v-1"),
            ("password = getenv(\"X\") || \"v-1\"", "v-1"),
            ("password = process.env.X ?? 'v-1'", "v-1"),
            ("password: Some(\"v-1\")", "v-1"),
            ("password <- \"v-1\"", "v-1"),
            ("new PasswordCredentials(\"user\", \"v-1\")", "v-1"),
            ("@Value(\"${db.password:v-1}\")", "v-1"),
            ("  - \"PASSWORD=v-1'x\"\n", "v-1'x"),
            ("string password = @\"v-1\"\"x\";", "v-1\"\"x"),
        ] {
            assert_eq!(value_of(text).map(|found| found.0), Some(value), "{text}");
        }
    }

    #[test]
    fn a_shell_word_of_several_pieces_is_partial() {
        for (text, is_partial) in [
            ("export PASSWORD='v-1'\\''w'\n", true),
            ("PASSWORD=\"v-1\"w\n", true),
            ("PASSWORD=\"v-1\"'w'\n", true),
            ("x = '{\"password\": \"v-1\"}'\n", false),
            ("x = 'password=\"v-1\"', 'b'\n", false),
            ("echo \"password='v-1'\"\n", false),
            ("{\"a\": \"{\\\"password\\\": \\\"v-1\\\"}\"}\n", false),
        ] {
            let at = text.to_lowercase().find("passw").unwrap();
            let mut found = Vec::new();
            read(text.as_bytes(), at, 5, &mut found);
            assert_eq!(found[0].is_partial, is_partial, "{text}");
        }
    }

    #[test]
    fn fields_of_another_item_are_not_the_value() {
        for text in [
            "- name: password\n- name: x\n  value: v-1\n",
            "{\"name\": \"password\"}, {\"name\": \"x\", \"value\": \"v-1\"}",
            "  name: password\nspec:\n  value: v-1\n",
            "- = v-1\n- name: password\n",
        ] {
            assert_eq!(value_of(text).map(|found| found.0), None, "{text}");
        }
    }

    #[test]
    fn the_name_reaches_both_ways() {
        let text = b"my.db_password_old = 'x'";
        let mut found = Vec::new();
        read(text, 6, 8, &mut found);
        assert_eq!(
            &text[found[0].name.start..found[0].name.end],
            b"my.db_password_old"
        );
    }

    /// What means something to the reader.
    #[rustfmt::skip]
    const PIECES: [&str; 49] = [
        "password", "name: ", "\n- x: ", "\n- value: ", "secret", "--", "-", ": ", ":", "=", " = ",
        " ", "  ", "\n", "\n  ", "\n- ", "\r\n", "\"", "'", "`", "\\", "\\\\", "\\\"", "''",
        "\"\"\"", "{", "}", "[", "]", "(", ")", "<", ">", "</", "<![CDATA[", "]]>", "|", "&a ",
        "!b ", "!!str ", "r#\"", "\"#", "R\"x(", ")x\"", "${", ":-", ",", ";", "v-1",
    ];

    /// Texts of pieces that mean something to the reader, in any order.
    #[test]
    fn any_text_can_be_read() {
        let mut seed = 7u64;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap() % below
        };
        let mut found = Vec::new();
        for _ in 0..40_000 {
            let text: String = (0..next(24)).map(|_| PIECES[next(PIECES.len())]).collect();
            for (at, keyword) in text
                .match_indices("passw")
                .chain(text.match_indices("secret"))
            {
                let seen = read(text.as_bytes(), at, keyword.len(), &mut found);
                assert!(seen <= text.len(), "{text:?}");
                for found in &found {
                    assert!(found.value.end <= text.len(), "{text:?}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn an_open_quote_may_belong_to_the_value() {
        let mut found = Vec::new();
        read(b"password = \"v-1\n", 0, 5, &mut found);
        assert!(found[0].is_partial);
        assert_eq!(value_of("password = \"v-1 and\n"), None);
        assert_eq!(value_of("password(user)"), None);
    }
}
