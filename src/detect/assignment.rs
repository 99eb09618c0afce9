//! Reads `name = value` around a keyword, in whatever language or configuration format it stands.
//!
//! Not a parser of any of them: it accepts the punctuation that they share, within fixed bounds,
//! and leaves it to the score to tell a secret from an expression.

use crate::span::Span;

/// A name with something assigned to it. Spans are offsets into the window that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The whole name, with what stands before and after the keyword in it.
    pub name: Span,
    /// The value, without quotes.
    pub value: Span,
    /// How the value is written.
    pub form: Form,
    /// What stands between them.
    pub operator: Operator,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Between quotes.
    Quoted,
    /// Between quotes that follow a letter which makes the string a template (`f"…"`).
    Template,
    /// Without quotes, up to a blank or a delimiter.
    Bare,
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
}

/// Bytes of a name on either side of the keyword that are looked at.
pub const MAX_NAME_LEN: usize = 48;
/// Longest value.
pub const MAX_VALUE_LEN: usize = 200;
/// Blanks that are passed over in one place.
const MAX_BLANKS: usize = 24;

/// Reads the assignment whose name holds the `keyword_len` bytes at `at`.
pub fn read(window: &[u8], at: usize, keyword_len: usize) -> Option<Assignment> {
    let mut reader = Reader {
        bytes: window,
        at: at + keyword_len,
    };
    let before = window[..at].iter().rev().take(MAX_NAME_LEN);
    let start = at
        - before
            .take_while(|&&byte| is_name(byte) || byte == b'.')
            .count();
    reader.skip(MAX_NAME_LEN, |byte| is_name(byte) || byte == b'.');
    let name = Span::new(start, reader.at);
    reader.skip(4, |byte| {
        matches!(byte, b'"' | b'\'' | b']' | b'`' | b'\\' | b'*')
    });
    let operator = reader.operator()?;
    if operator == Operator::Colon {
        reader.skip_type_annotation();
    }
    let (value, form) = reader.value(operator)?;
    (!value.is_empty()).then_some(Assignment {
        name,
        value,
        form,
        operator,
    })
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

struct Reader<'w> {
    bytes: &'w [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn skip(&mut self, most: usize, accept: impl Fn(u8) -> bool) -> usize {
        let rest = &self.bytes[self.at..];
        let count = rest
            .iter()
            .take(most)
            .take_while(|&&byte| accept(byte))
            .count();
        self.at += count;
        count
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let found = self.bytes[self.at..].starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn operator(&mut self) -> Option<Operator> {
        let blanks = self.skip(MAX_BLANKS, is_blank);
        for (text, operator) in [
            (&b"==="[..], Operator::Compare),
            (b"!==", Operator::Compare),
            (b"==", Operator::Compare),
            (b"!=", Operator::Compare),
            (b":=", Operator::Assign),
            (b"=>", Operator::Assign),
            (b"->", Operator::Assign),
            (b"?=", Operator::Assign),
            (b"||=", Operator::Assign),
            (b"=", Operator::Assign),
            (b"::", Operator::Colon),
            (b":", Operator::Colon),
            (b">", Operator::Markup),
            (b"(", Operator::Argument),
            (b",", Operator::Item),
            (b"%3D", Operator::Assign),
        ] {
            if self.take(text) {
                return Some(operator);
            }
        }
        if blanks == 0 {
            return None;
        }
        if self.take(b"value=") || self.take(b"Value=") {
            return Some(Operator::Markup);
        }
        Some(Operator::Blank)
    }

    /// Passes over `: string =` and its like, so that the value is what comes after.
    fn skip_type_annotation(&mut self) {
        let start = self.at;
        self.skip(MAX_BLANKS, is_blank);
        let kind = self.skip(MAX_NAME_LEN, |byte| {
            is_name(byte) || b"&'<>[]?|:. ".contains(&byte)
        });
        let assigned = kind > 0 && self.peek(0) == Some(b'=') && self.peek(1) != Some(b'=');
        if assigned {
            self.at += 1;
        } else {
            self.at = start;
        }
    }

    fn value(&mut self, operator: Operator) -> Option<(Span, Form)> {
        let start = self.at;
        self.skip(MAX_BLANKS, |byte| {
            is_blank(byte) || byte == b'\r' || byte == b'\n' || byte == b'(' || byte == b'['
        });
        let escaped = self.skip(4, |byte| byte == b'\\') > 0;
        let prefix = self.string_prefix();
        if let Some(quote @ (b'"' | b'\'' | b'`')) = self.peek(prefix) {
            let is_template = prefix > 0 && self.bytes[self.at..self.at + prefix].contains(&b'f');
            self.at += prefix + 1;
            let form = if is_template {
                Form::Template
            } else {
                Form::Quoted
            };
            return self.quoted(quote, escaped).map(|span| (span, form));
        }
        // Without quotes the value stands on the same line, right after the operator.
        self.at = start;
        self.skip(MAX_BLANKS, is_blank);
        if operator == Operator::Markup {
            let element = self.until(|byte| byte == b'<' || byte == b'\n');
            return element
                .filter(|_| self.take(b"</"))
                .map(|span| (span, Form::Element));
        }
        if matches!(operator, Operator::Argument | Operator::Item) {
            return None;
        }
        let stop = |byte: u8| byte.is_ascii_whitespace() || b"\"'`,;<>)}]&\\".contains(&byte);
        self.until(stop).map(|span| (span, Form::Bare))
    }

    /// Letters that may stand right before a quote: `b"`, `rb'`, `@"`, `L"`.
    fn string_prefix(&self) -> usize {
        let is_prefix = |byte: Option<u8>| byte.is_some_and(|byte| b"bBrRuUfFL@$".contains(&byte));
        (0..2)
            .take_while(|&ahead| is_prefix(self.peek(ahead)))
            .count()
    }

    fn quoted(&mut self, quote: u8, escaped: bool) -> Option<Span> {
        let start = self.at;
        let mut at = start;
        loop {
            match *self.bytes.get(at)? {
                b'\n' => return None,
                b'\\' if escaped && self.bytes.get(at + 1) == Some(&quote) => break,
                b'\\' => at += 1,
                // The end of the string that this assignment is quoted in.
                byte if byte == quote && escaped => return None,
                byte if byte == quote => break,
                _ => {}
            }
            at += 1;
            if at - start > MAX_VALUE_LEN {
                return None;
            }
        }
        self.at = at;
        Some(Span::new(start, at))
    }

    fn until(&mut self, stop: impl Fn(u8) -> bool) -> Option<Span> {
        let start = self.at;
        let count = self.skip(MAX_VALUE_LEN + 1, |byte| !stop(byte));
        (count <= MAX_VALUE_LEN).then(|| Span::new(start, start + count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(text: &str) -> Option<(&str, Form, Operator)> {
        let at = text.to_lowercase().find("passw")?;
        let found = read(text.as_bytes(), at, 5)?;
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
        ] {
            assert_eq!(value_of(text).map(|found| found.0), Some(value), "{text}");
        }
    }

    #[test]
    fn the_name_reaches_both_ways() {
        let text = b"my.db_password_old = 'x'";
        let found = read(text, 6, 8).unwrap();
        assert_eq!(
            &text[found.name.start..found.name.end],
            b"my.db_password_old"
        );
    }

    #[test]
    fn an_open_quote_is_no_value() {
        assert_eq!(value_of("password = \"v-1\n"), None);
        assert_eq!(value_of("password(user)"), None);
    }
}
