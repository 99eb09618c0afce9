//! Values that do not stand right behind their name: in another field of the same pair, on the next
//! line, in a list or map that has the name, in the second argument.

use super::super::entropy::is_mixed;
use super::super::syntax::opening_entity;
use super::{
    Assignment, Form, MAX_BLANKS, MAX_ESCAPES, MAX_LOOKAHEAD, MAX_NAME_LEN, MAX_VALUE_LEN,
    Operator, Reader, Value, assignment, is_blank, is_name,
};
use crate::span::Span;

/// Fields that are passed over between a name's field and its value's.
const MAX_FIELDS: usize = 8;
/// Bytes of a list, map or pair that are read.
pub(super) const MAX_EXTENT: usize = 1024;
/// Bytes before a name in which the field stands that the name is the value of.
const MAX_FIELD_LEN: usize = 24;

/// What the field that holds a name ends in.
const NAME_FIELDS: [&[u8]; 10] = [
    b"name",
    b"key",
    b"variable",
    b"output",
    b"field",
    b"parameter",
    b"property",
    b"setting",
    b"option",
    b"id",
];
/// What the field that holds the value is.
const VALUE_FIELDS: [&[u8]; 14] = [
    b"value",
    b"val",
    b"default",
    b"defaultvalue",
    b"default_value",
    b"content",
    b"string",
    b"stringvalue",
    b"parametervalue",
    b"currentvalue",
    b"initialvalue",
    b"secretvalue",
    b"plaintext",
    b"data",
];
/// Calls around a literal that leave it what it is.
const WRAPPERS: [&[u8]; 33] = [
    b"field",
    b"md5",
    b"sha1",
    b"sha256",
    b"password_hash",
    b"make_password",
    b"generate_password_hash",
    b"hashpw",
    b"base64_encode",
    b"some",
    b"bytes",
    b"string",
    b"str",
    b"ptr",
    b"from",
    b"of",
    b"unhexlify",
    b"fromhex",
    b"b64decode",
    b"decodestring",
    b"secret",
    b"secretstr",
    b"plaintext",
    b"password",
    b"to_string",
    b"just",
    b"stringvalue",
    b"hex",
    b"u8",
    b"securestring",
    b"buffer",
    b"getbytes",
    b"trimspace",
];
/// Names of pairs of a user and a password.
pub(super) const PAIRS: [&[u8]; 4] = [b"auth", b"creds", b"credentials", b"login"];
/// Bytes of a line in which a fallback is looked for.
const MAX_FALLBACK: usize = 160;
/// What is called with a secret, and which of its arguments that is.
const CALLS: [(&[u8], usize); 38] = [
    (b"hmacshakeyfor", 0),
    (b"mysqli_connect", 2),
    (b"mysqli", 2),
    (b"mysql_connect", 2),
    (b"pg_connect", 0),
    (b"pdo", 2),
    (b"getconnection", 2),
    (b"mysql_real_connect", 3),
    (b"sequelize", 2),
    (b"dbi-", 2),
    (b"connect", 2),
    (b"passwordauthentication", 1),
    (b"passwordcredentials", 1),
    (b"networkcredential", 1),
    (b"login", 1),
    (b"signin", 1),
    (b"sign_in", 1),
    (b"authenticate", 1),
    (b"basicauth", 1),
    (b"basic_auth", 1),
    (b"httpbasicauth", 1),
    (b"setbasicauth", 1),
    (b"credentials", 1),
    (b"credential", 1),
    (b"oauthhandler", 1),
    (b"jwt.encode", 1),
    (b"jwt.sign", 1),
    (b"signwith", 1),
    (b"createhmac", 1),
    (b"createcipher", 1),
    (b"createcipheriv", 1),
    (b"openssl_encrypt", 2),
    (b"openssl_decrypt", 2),
    (b"pgp_sym_decrypt", 1),
    (b"pgp_sym_encrypt", 1),
    (b"fernet", 0),
    (b"hmac.new", 0),
    (b"cookieparser", 0),
];

/// Whether a byte may stand in a secret that is the argument of a call.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_graphic() && !b"\"'{}[]".contains(byte)
}

/// Whether a function of this name returns what is kept under its argument.
fn looks_up(word: &[u8]) -> bool {
    const VERBS: [&[u8]; 12] = [
        b"get", b"env", b"find", b"fetch", b"read", b"load", b"look", b"ref", b"resolve", b"cred",
        b"param", b"config",
    ];
    let word = word.to_ascii_lowercase();
    VERBS
        .iter()
        .any(|verb| memchr::memmem::find(&word, verb).is_some())
}

/// Whether a text is long and mixes letters and digits all along, as no name of a setting does.
fn looks_mixed(text: &[u8]) -> bool {
    const MIN_LEN: usize = 16;
    // A text of another language is no secret itself.
    text.len() >= MIN_LEN && text.iter().all(is_token) && is_mixed(text)
}

pub(super) fn ends_with(text: &[u8], ends: &[&[u8]]) -> bool {
    let ends_in = |end: &&[u8]| {
        let tail = text.len().checked_sub(end.len()).map(|at| &text[at..]);
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    ends.iter().any(ends_in)
}

/// Whether the name whose span begins at `start` is the value of a field such as `name:`, the name of
/// an element, or the name of a block.
fn is_named(bytes: &[u8], start: usize) -> bool {
    let before = &bytes[start.saturating_sub(MAX_FIELD_LEN)..start];
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`' | b'\\');
    let trim = |text: &mut &[u8], is: &dyn Fn(&u8) -> bool| {
        let mut count = 0;
        while let Some((last, rest)) = text.split_last()
            && is(last)
        {
            *text = rest;
            count += 1;
        }
        count
    };
    let mut rest = before;
    let quotes = trim(&mut rest, &is_quote);
    let blanks = trim(&mut rest, &|byte| is_blank(*byte));
    let marks = trim(&mut rest, &|byte| b":=>".contains(byte));
    // `variable "name" {`
    let is_block = marks == 0 && quotes > 0 && blanks > 0;
    if marks == 0 && !is_block {
        return false;
    }
    trim(&mut rest, &|byte| is_blank(*byte) || is_quote(byte));
    let word = rest.iter().rev().take_while(|byte| is_name(**byte)).count();
    let word = &rest[rest.len() - word..];
    let blocks: [&[u8]; 2] = [b"variable", b"output"];
    word.len() > 1 && ends_with(word, if is_block { &blocks } else { &NAME_FIELDS })
}

impl Reader<'_> {
    pub(super) fn name_of(&self, name: Span) -> &[u8] {
        &self.bytes[name.start..name.end]
    }

    /// Notes that everything up to here was looked at, and goes back to `at`.
    pub(super) fn back(&mut self, at: usize) {
        self.seen = self.seen.max(self.at + MAX_NAME_LEN);
        self.at = at;
    }

    /// Reads the value of a pair whose name stands in a field of its own. The reader stands behind
    /// the name and its quotes.
    pub(super) fn pair(&mut self, name: Span) -> Option<Assignment> {
        let start = self.at;
        let goes_on = match self.peek(0)? {
            b',' | b'\n' | b'\r' | b'<' | b'{' | b'}' | b'/' => true,
            b' ' | b'\t' => self.bytes[self.at..]
                .iter()
                .take(MAX_BLANKS)
                .find(|byte| !is_blank(**byte))
                .is_some_and(|byte| byte.is_ascii_alphabetic() || b"\n\r{},<#".contains(byte)),
            _ => false,
        };
        if !goes_on || !is_named(self.bytes, name.start) {
            return None;
        }
        let found = self.value_field(name);
        if found.is_some() {
            return found;
        }
        self.back(start);
        if let Some(found) = self.value_field_before(name) {
            return Some(found);
        }
        let found = self.value_line_before(name);
        if found.is_none() {
            self.back(start);
        }
        found
    }

    /// Reads the fields from here on up to one for a value.
    fn value_field(&mut self, name: Span) -> Option<Assignment> {
        let limit = self.at + MAX_EXTENT;
        let indent = self.indent(name.start);
        let mut is_open = false;
        for _ in 0..MAX_FIELDS {
            let mut lines = 0;
            while self.at < limit {
                match self.peek(0)? {
                    b'\n' => {
                        lines += 1;
                        self.at += 1;
                        let blanks = self.skip(MAX_NAME_LEN, is_blank);
                        let is_text = self.peek(0).is_some_and(|byte| !byte.is_ascii_whitespace());
                        if is_text && blanks < indent && !is_open {
                            return None;
                        }
                    }
                    b'{' if !is_open => {
                        is_open = true;
                        self.at += 1;
                    }
                    b' ' | b'\t' | b'\r' | b',' | b';' | b'>' => self.at += 1,
                    b'#' => {
                        self.skip(MAX_EXTENT, |byte| byte != b'\n');
                    }
                    _ => break,
                }
            }
            if lines > 2 || self.at >= limit {
                return None;
            }
            if self.take(b"</") {
                self.skip(MAX_NAME_LEN, |byte| byte != b'>' && byte != b'\n');
                self.take(b">");
                continue;
            }
            let is_element = self.take(b"<");
            let (field, is_value) = self.field()?;
            let is_value = is_value || (is_element && self.skip_attributes());
            let operator = if is_element {
                self.take(b">").then_some(Operator::Markup)?
            } else {
                self.field_operator()?
            };
            if is_value {
                let value = match self.scalar_of_lines(field) {
                    Some(value) => value,
                    None => self.value(field, operator)?,
                };
                return assignment(name, value, Operator::Field);
            }
            self.skip_value(is_element);
        }
        None
    }

    /// Reads the name of a field, and says whether it is one for a value.
    pub(super) fn field(&mut self) -> Option<(Span, bool)> {
        let is_quote = |byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\');
        self.skip(MAX_ESCAPES + 1, is_quote);
        let start = self.at;
        let len = self.skip(MAX_NAME_LEN, |byte| is_name(byte) || byte == b'.');
        let field = Span::new(start, start + len);
        self.skip(MAX_ESCAPES + 1, is_quote);
        let is_word = self
            .bytes
            .get(start)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let is = |known: &&[u8]| self.name_of(field).eq_ignore_ascii_case(known);
        is_word.then(|| (field, VALUE_FIELDS.iter().any(is)))
    }

    /// Passes over the attributes of an element; returns whether one of them says that it is a value.
    fn skip_attributes(&mut self) -> bool {
        let start = self.at;
        self.skip(MAX_NAME_LEN, |byte| !b"<>\n".contains(&byte));
        let attributes = self.bytes[start..self.at].strip_suffix(b"\"");
        attributes.is_some_and(|text| ends_with(text, &[b"value"]))
    }

    pub(super) fn field_operator(&mut self) -> Option<Operator> {
        self.skip(MAX_BLANKS, is_blank);
        if self.take(b"=>") || self.take(b"=") {
            Some(Operator::Assign)
        } else {
            self.take(b":").then_some(Operator::Colon)
        }
    }

    /// Passes over the value of a field.
    pub(super) fn skip_value(&mut self, is_element: bool) {
        self.skip(MAX_BLANKS, is_blank);
        let escapes = self.skip(MAX_ESCAPES, |byte| byte == b'\\');
        if is_element {
            self.skip(MAX_EXTENT, |byte| byte != b'<' && byte != b'\n');
        } else if let Some(quote @ (b'"' | b'\'')) = self.peek(0) {
            self.at += 1;
            if self.quoted(quote, escapes, Form::Quoted).is_some() {
                self.at += escapes + 1;
            }
        } else {
            self.skip(MAX_EXTENT, |byte| {
                !matches!(byte, b'\n' | b',' | b'}' | b';')
            });
        }
    }

    /// Blanks before the first other byte of the line that holds `at`, as far as it is in reach, and
    /// a list's dash.
    pub(super) fn indent(&self, at: usize) -> usize {
        let from = at.saturating_sub(MAX_NAME_LEN * 2);
        let line = memchr::memrchr(b'\n', &self.bytes[from..at]).map_or(from, |end| from + end + 1);
        let rest = &self.bytes[line..at];
        rest.iter()
            .take_while(|byte| is_blank(**byte) || **byte == b'-')
            .count()
    }

    /// Skips a function call or constructor whose argument is the value: `Some("…")`, `[]byte("…")`,
    /// `new String("…")`. Unknown functions are skipped if the argument is a random string.
    pub(super) fn skip_wrapper(&mut self) {
        let start = self.at;
        if self.take(b"new ") {
            self.skip(MAX_BLANKS, is_blank);
        }
        let word_start = self.at;
        let is_path = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:[]&".contains(&byte);
        let len = self.skip(MAX_NAME_LEN, is_path);
        let path = &self.bytes[word_start..word_start + len];
        let word = path.rsplit(|byte| b".:]".contains(byte)).next();
        let is_wrapper = word.is_some_and(|word| {
            let is_array = len > word.len() && word.eq_ignore_ascii_case(b"byte");
            let is_known = |known: &&[u8]| word.eq_ignore_ascii_case(known);
            is_array || WRAPPERS.iter().any(is_known)
        });
        let begins = path.first().is_some_and(u8::is_ascii_alphabetic);
        if (is_wrapper || begins) && self.take(b"(") {
            self.skip(MAX_BLANKS, is_blank);
            let prefix = self.string_prefix();
            let is_literal = matches!(self.peek(prefix), Some(b'"' | b'\'' | b'`'));
            let word = word.unwrap_or_default();
            if is_literal && (is_wrapper || self.is_mixed_argument(prefix, word)) {
                return;
            }
        }
        self.back(start);
    }

    /// Whether the literal behind `prefix` letters is a random mix and the first argument of the call of `word`,
    /// which does not look for something of that name.
    fn is_mixed_argument(&mut self, prefix: usize, word: &[u8]) -> bool {
        let rest = &self.bytes[self.at + prefix..];
        let rest = &rest[..rest.len().min(MAX_FALLBACK)];
        self.seen = self.seen.max(self.at + prefix + rest.len());
        let quote = rest[0];
        let Some(end) = memchr::memchr2(quote, b'\n', &rest[1..]) else {
            return false;
        };
        let (text, after) = (&rest[1..=end], &rest[end + 1..]);
        if after.first() != Some(&quote) {
            return false;
        }
        match after.get(1) {
            Some(b')') if looks_mixed(text) => true,
            Some(b')' | b',') => !looks_up(word) && text.iter().all(is_token) && is_mixed(text),
            _ => false,
        }
    }

    /// Passes over `[]` or `[32]` behind a name in C.
    pub(super) fn skip_array_mark(&mut self) {
        let start = self.at;
        if self.take(b"[") {
            self.skip(8, |byte| byte.is_ascii_digit());
            let rest = &self.bytes[self.at..];
            let is_declared = rest.starts_with(b"] =") || rest.starts_with(b"]=");
            if is_declared {
                self.at += 1;
            } else {
                self.back(start);
            }
        }
    }

    /// Passes over a type between a name and `=`: `var x string = "…"`, `Dim x As String = "…"`.
    pub(super) fn skip_type(&mut self) -> bool {
        let start = self.at;
        let is_type = |byte: u8| is_name(byte) || b"*&[]<>.() ".contains(&byte);
        let len = self.skip(MAX_NAME_LEN, is_type);
        let begins = self.bytes[start..]
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || b"*&[".contains(byte));
        let is_assigned = len > 1
            && begins
            && self.peek(0) == Some(b'=')
            && matches!(self.peek(1), Some(b' ' | b'"' | b'\'' | b'`'))
            && matches!(self.bytes[self.at - 1], b' ' | b')' | b']');
        let literal = self.bytes.get(self.at + 1..).unwrap_or_default();
        let literal = literal.iter().take(4).find(|byte| !is_blank(**byte));
        if is_assigned && matches!(literal, Some(b'"' | b'\'' | b'`' | b'N' | b'b')) {
            self.at += 1;
            return true;
        }
        self.back(start);
        false
    }

    /// Passes over the call that types a text into the field of a form which was looked up by its name:
    /// `get('#password').type('…')`, `getByLabel("Password").fill("…")`.
    pub(super) fn skip_to_typed(&mut self) -> bool {
        const CALLS: [&[u8]; 7] = [
            b".type(",
            b".fill(",
            b".sendKeys(",
            b".send_keys(",
            b".setValue(",
            b".set(",
            b".clear().type(",
        ];
        let start = self.at;
        let closers = self.skip(MAX_ESCAPES, |byte| byte == b')');
        if closers > 0 && CALLS.iter().any(|call| self.take(call)) {
            return true;
        }
        self.back(start);
        false
    }

    /// Passes over ` - ` and ` is ` before a value.
    pub(super) fn skip_copula(&mut self) -> bool {
        let start = self.at;
        for word in ["- ", "– ", "is ", "is: ", "was ", "to ", "with "] {
            if self.take(word.as_bytes()) {
                let is_literal = matches!(self.peek(0), Some(b'"' | b'\'' | b'`'));
                if is_literal || word.starts_with('i') {
                    return true;
                }
                self.back(start);
            }
        }
        false
    }

    /// Passes over `{ get; set; } =` of a property in C#.
    pub(super) fn skip_accessors(&mut self) -> bool {
        let start = self.at;
        if self.take(b"by lazy { ") {
            return true;
        }
        if self.take(b"{ get;") {
            self.skip(MAX_NAME_LEN, |byte| byte != b'}' && byte != b'\n');
            if self.take(b"} =") {
                return true;
            }
        }
        self.back(start);
        false
    }

    /// Reads the second literal of a pair of user and password: `auth=("user", "…")`.
    pub(super) fn tuple(&mut self, name: Span) -> Option<Value> {
        if !ends_with(self.name_of(name), &PAIRS) {
            return None;
        }
        let start = self.at;
        self.skip(MAX_BLANKS, is_blank);
        let found = if self.take(b"(") {
            self.argument_at(1)
        } else {
            None
        };
        if found.is_none() {
            self.back(start);
        }
        found
    }

    /// Reads the literal among a call's arguments that is the secret; the reader stands behind the
    /// bracket.
    pub(super) fn argument(&mut self, name: Span) -> Option<Value> {
        let called = self.name_of(name);
        let is = |known: &&(&[u8], usize)| ends_with(called, &[known.0]);
        let &(word, index) = CALLS.iter().find(is)?;
        // Realm, host, user and password.
        let last = match word {
            b"credentials" => self.argument_at(3),
            _ => None,
        };
        last.or_else(|| self.argument_at(index))
    }

    fn argument_at(&mut self, index: usize) -> Option<Value> {
        let start = self.at;
        for _ in 0..index {
            self.skip(MAX_BLANKS, |byte| byte.is_ascii_whitespace());
            self.skip_argument();
            if !self.take(b",") {
                self.back(start);
                return None;
            }
        }
        self.skip(MAX_BLANKS * 2, |byte| byte.is_ascii_whitespace());
        self.skip_wrapper();
        let prefix = self.string_prefix();
        let found = match self.peek(prefix) {
            Some(quote @ (b'"' | b'\'' | b'`')) => {
                self.at += prefix + 1;
                self.quoted(quote, 0, Form::Quoted)
            }
            _ => None,
        };
        if found.is_none() {
            self.back(start);
        }
        found
    }

    /// Passes over one argument, up to its comma.
    fn skip_argument(&mut self) {
        let limit = self.at + MAX_EXTENT / 4;
        let mut depth = 0u32;
        while let Some(byte) = self.peek(0)
            && self.at < limit
        {
            match byte {
                b'"' | b'\'' | b'`' => {
                    self.at += 1;
                    if self.quoted(byte, 0, Form::Quoted).is_none() {
                        return;
                    }
                }
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' if depth == 0 => return,
                b')' | b']' | b'}' => depth -= 1,
                b',' if depth == 0 => return,
                b';' => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Reads the literal that is taken where the environment has none: `getenv("X") || "…"`.
    pub(super) fn fallback(&mut self) -> Option<Value> {
        const SIGNS: [&[u8]; 17] = [
            b"|| ",
            b"{ ",
            b"?? ",
            b" or ",
            b"?: ",
            b" : ",
            b"unwrap_or(",
            b"unwrap_or_else(|_| ",
            b"OrDefault(",
            b"OrElse(",
            b"orElse(",
            b"), ",
            b"defaultValue: ",
            // The second argument, behind the name of the variable.
            b"\", ",
            b"', ",
            b"\",",
            b"',",
        ];
        let start = self.at;
        let line = &self.bytes[start..];
        let line = &line[..line.len().min(MAX_FALLBACK)];
        let line = memchr::memchr(b'\n', line).map_or(line, |end| &line[..end]);
        let reads = line
            .windows(3)
            .take(MAX_NAME_LEN)
            .position(|part| part.eq_ignore_ascii_case(b"env"));
        let Some(reads) = reads else {
            return self.alternative();
        };
        let found = SIGNS.iter().find_map(|sign| {
            let is_argument = matches!(sign[0], b'"' | b'\'');
            let mut all = memchr::memmem::find_iter(&line[reads..], sign);
            all.find_map(|at| {
                if is_argument && !line[reads..reads + at].contains(&b'(') {
                    return None;
                }
                let after = reads + at + sign.len();
                let quote = *line.get(after).filter(|byte| b"\"'`".contains(byte))?;
                // `getOrElse("NAME", "…")`
                let rest = &line[after + 1..];
                let close = memchr::memchr(quote, rest);
                let is_name = close.is_some_and(|close| rest[close + 1..].starts_with(b","));
                (!is_name || !sign.ends_with(b"(")).then_some(after)
            })
        });
        self.seen = self.seen.max(start + line.len() + MAX_NAME_LEN);
        let quote = line[found?];
        self.at = start + found? + 1;
        let value = self.quoted(quote, 0, Form::Quoted);
        if value.is_none() {
            self.back(start);
        }
        value.map(|(span, _, is_partial)| (span, Form::Default, is_partial))
    }

    /// Reads the literal that is taken if an expression has no value, or by its choice: `a.b || "…"`,
    /// `a ? "…" : x`.
    fn alternative(&mut self) -> Option<Value> {
        const SIGNS: [&[u8]; 7] = [b" ||", b" ??", b" or", b" ?:", b" ?", b" :", b" else"];
        const CALLS: [&[u8]; 5] = [b"coalesce(", b"try(", b"cmp.Or(", b"or(", b"nvl("];
        let start = self.at;
        self.skip(MAX_BLANKS, is_blank);
        let rest = &self.bytes[self.at..];
        let rest = &rest[..rest.len().min(MAX_FALLBACK)];
        let is_part =
            |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.$()[]<>=!?:|& ".contains(byte);
        let mut expression = rest.iter().take_while(is_part).count();
        // `a != "" ? a : "…"`
        if rest[expression..].starts_with(b"\"\" ? ") {
            let more = rest[expression + 2..].iter().take_while(is_part);
            expression += 2 + more.count();
        }
        self.seen = self.seen.max(self.at + expression + MAX_NAME_LEN);
        let called = CALLS.iter().any(|call| rest.starts_with(call));
        let comma = rest[expression..].starts_with(b", ") && called;
        expression += 2 * usize::from(comma);
        let before = rest[..expression].strip_suffix(b" ");
        let begins = rest
            .first()
            .is_some_and(|byte| byte.is_ascii_alphabetic() || b"_$!(".contains(byte));
        let is_default = rest[..expression].ends_with(b".orElse(");
        let is_choice = comma
            || is_default
            || before.is_some_and(|before| SIGNS.iter().any(|sign| before.ends_with(sign)));
        let quote = rest.get(expression).copied();
        let found = match quote.filter(|byte| b"\"'`".contains(byte)) {
            Some(quote) if begins && is_choice => {
                self.at += expression + 1;
                self.quoted(quote, 0, Form::Quoted)
            }
            _ => None,
        };
        if found.is_none() {
            self.back(start);
        }
        found.map(|(span, _, is_partial)| (span, Form::Default, is_partial))
    }

    /// Passes over the attributes of an element that has the name, up to its text:
    /// `<password kind="…">`.
    pub(super) fn skip_to_text(&mut self, name: Span) -> bool {
        let before = &self.bytes[name.start.saturating_sub(MAX_NAME_LEN)..name.start];
        let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let prefix = match before.strip_suffix(b":") {
            Some(before) => {
                &before[..before.len() - before.iter().rev().take_while(is_letter).count()]
            }
            None => before,
        };
        if !prefix.ends_with(b"<") {
            return false;
        }
        let rest = &self.bytes[self.at..];
        let rest = &rest[..rest.len().min(MAX_FALLBACK)];
        let end = memchr::memchr3(b'>', b'<', b'\n', rest);
        self.seen = self
            .seen
            .max(self.at + end.unwrap_or(rest.len()) + MAX_NAME_LEN);
        let Some(end) = end.filter(|&end| rest[end] == b'>' && !rest[..end].ends_with(b"/")) else {
            return false;
        };
        let has_attribute = rest[..end].contains(&b'=');
        self.at += if has_attribute { end + 1 } else { 0 };
        has_attribute
    }

    /// Reads the value that stands in the field before that of the name: `value: …`, `name: X`.
    fn value_field_before(&mut self, name: Span) -> Option<Assignment> {
        let before = &self.bytes[..name.start];
        let before = &before[before
            .len()
            .saturating_sub(MAX_FIELD_LEN + MAX_NAME_LEN * 2)..];
        // The name's own field, then a comma.
        let comma = memchr::memrchr(b',', before)?;
        let field = before[..comma].trim_ascii_end().strip_suffix(b"\"")?;
        let open = memchr::memrchr(b'"', field)?;
        let rest = field[..open].trim_ascii_end().strip_suffix(b":")?;
        let rest = rest.trim_ascii_end().strip_suffix(b"\"")?;
        let is_value = VALUE_FIELDS
            .iter()
            .any(|known| rest.len() > known.len() && ends_with(rest, &[known]));
        let from = name.start - before.len();
        let value = Span::new(from + open + 1, from + field.len());
        let is_literal = is_value && !self.bytes[value.start..value.end].contains(&b'\\');
        let value = is_literal.then_some((value, Form::Quoted, false))?;
        assignment(name, value, Operator::Field)
    }

    /// Reads the value of `- value: …` on the line before the name's own, in YAML.
    fn value_line_before(&mut self, name: Span) -> Option<Assignment> {
        let from = name.start.saturating_sub(MAX_FIELD_LEN + MAX_NAME_LEN * 2);
        let before = &self.bytes[from..name.start];
        let end = memchr::memrchr(b'\n', before)?;
        let start = memchr::memrchr(b'\n', &before[..end]).map_or(0, |at| at + 1);
        let line = &before[start..end];
        let is_start = |byte: &&u8| is_blank(**byte) || **byte == b'-';
        let indent = line.iter().take_while(is_start).count();
        let same = before[end + 1..].iter().take_while(is_start).count();
        if indent != same {
            return None;
        }
        self.at = from + start + indent;
        let (field, is_value) = self.field()?;
        if is_value && self.field_operator() == Some(Operator::Colon) {
            let value = self.value(field, Operator::Colon)?;
            return assignment(name, value, Operator::Field);
        }
        None
    }

    /// Passes over the anchor and the tag before a value in YAML: `&name`, `!!type`. What an application
    /// makes of a tag of its own is unknown: `!secret name` is a reference, unless a literal follows.
    pub(super) fn skip_node_properties(&mut self) {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
        for _ in 0..2 {
            let start = self.at;
            let blanks = self.skip(MAX_BLANKS, is_blank);
            let is_plain = self.take(b"&") || self.take(b"!!");
            let is_own = !is_plain && self.take(b"!");
            let len = self.skip(MAX_NAME_LEN, is_name);
            let ends = matches!(self.peek(0), Some(b' ' | b'\t' | b'\r' | b'\n'));
            let is_literal = matches!(self.peek(1), Some(b'"' | b'\''))
                || (self.peek(1) == Some(b'$') && self.peek(2) == Some(b'{'));
            let has_tag = is_plain || (is_own && is_literal);
            if blanks == 0 || !has_tag || len == 0 || !ends {
                self.back(start);
                return;
            }
        }
    }

    /// Passes over the line end and the dash before the item that follows an option in a list of YAML.
    pub(super) fn skip_to_next_item(&mut self, name: Span) -> bool {
        let start = self.at;
        let before = &self.bytes[name.start.saturating_sub(MAX_NAME_LEN)..name.start];
        let before = before
            .strip_suffix(b"\"")
            .or_else(|| before.strip_suffix(b"'"));
        let before = before.unwrap_or(&self.bytes[..name.start]);
        let dash = before.ends_with(b"- ");
        // `[--name, value]`
        if before.len() == name.start.min(MAX_NAME_LEN)
            && matches!(before.trim_ascii_end().last(), Some(b'[' | b','))
            && self.take(b", ")
        {
            return true;
        }
        self.skip(1, |byte| byte == b'\r');
        if dash && self.take(b"\n") {
            self.skip(MAX_NAME_LEN, is_blank);
            if self.take(b"- ") {
                return true;
            }
        }
        self.back(start);
        false
    }

    /// Reads the text of an element, which may stand on a line of its own, or in `<value>`.
    pub(super) fn element(&mut self) -> Option<Value> {
        let blanks = |byte: u8| byte.is_ascii_whitespace();
        self.skip(MAX_BLANKS * 2, blanks);
        if self.take(b"<![CDATA[") {
            return self.character_data();
        }
        let inner: [&[u8]; 3] = [b"<value>", b"<Value>", b"<string>"];
        if inner.into_iter().any(|tag| self.take(tag)) {
            self.skip(MAX_BLANKS, blanks);
        }
        let start = self.at;
        let len = self.skip(MAX_VALUE_LEN, |byte| byte != b'<' && byte != b'\n');
        if len == MAX_VALUE_LEN {
            let span = Span::new(start, start + len);
            let is_opaque = !self.bytes[start..start + len].contains(&b' ');
            return is_opaque.then_some((span, Form::Element, true));
        }
        let text = &self.bytes[start..start + len];
        let len = text.trim_ascii_end().len();
        let is_opaque = !text[..len].contains(&b' ');
        self.skip(MAX_BLANKS * 2, blanks);
        self.seen = self.seen.max(self.at + MAX_LOOKAHEAD);
        let span = self.without_quotes(Span::new(start, start + len));
        if self.take(b"</") {
            return Some((span, Form::Element, false));
        }
        // A comment, more text, or character data.
        let goes_on = self.peek(0).is_some_and(|byte| byte != b'<') || self.take(b"<!");
        (goes_on && is_opaque).then_some((span, Form::Element, true))
    }

    /// The text of `<string name="…">`, in which Android takes quotes for marks.
    fn without_quotes(&self, text: Span) -> Span {
        let before = &self.bytes[text.start.saturating_sub(MAX_FALLBACK)..text.start];
        let tag = memchr::memrchr(b'<', before).map_or(before, |at| &before[at..]);
        match &self.bytes[text.start..text.end] {
            [open @ (b'"' | b'\''), inner @ .., close]
                if open == close && tag.starts_with(b"<string ") && !inner.is_empty() =>
            {
                Span::new(text.start + 1, text.end - 1)
            }
            value => {
                let len = opening_entity(value);
                let (open, rest) = value.split_at(len);
                match rest.strip_suffix(open) {
                    Some(inner) if len > 0 && !inner.is_empty() => {
                        Span::new(text.start + len, text.start + len + inner.len())
                    }
                    _ => text,
                }
            }
        }
    }

    /// Reads the rest of `<![CDATA[…]]>`.
    fn character_data(&mut self) -> Option<Value> {
        let start = self.at;
        let rest = &self.bytes[start..self.bytes.len().min(start + MAX_VALUE_LEN)];
        let end = memchr::memmem::find(rest, b"]]>");
        self.seen = self
            .seen
            .max(start + end.unwrap_or(rest.len()) + MAX_LOOKAHEAD);
        let text = rest[..end?].trim_ascii();
        let blanks = rest.len() - rest.trim_ascii_start().len();
        let span = Span::new(start + blanks, start + blanks + text.len());
        self.at = start + end? + 3;
        let is_partial = !self.bytes[self.at..].trim_ascii_start().starts_with(b"</");
        (!text.contains(&b'\n')).then_some((span, Form::Element, is_partial))
    }
}
