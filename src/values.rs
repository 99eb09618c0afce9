//! Lists of values that people hand over: one value a line, `NAME=VALUE`, JSON, PEM blocks, or a
//! replacement list of git-filter-repo or BFG.
//!
//! A list that is misread finds nothing, and a repository that holds its values then looks clean. So
//! the encoding of the file is decoded first, what is ambiguous is refused with its line, and callers
//! show how many values were read and how long they are.

use std::collections::BTreeMap;

use crate::detect::known::{MAX_LEN, MIN_LEN, MIN_NAMED_LEN};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// One value of a list.
pub struct ListedValue {
    /// The value.
    pub secret: Secret,
    /// The replacement that the list gives for it.
    pub mark: Option<Vec<u8>>,
}

/// The values of a list.
pub struct ValueList {
    /// Each value once, sorted.
    pub values: Vec<ListedValue>,
    /// Lines whose values are settings, or too short to search for. Empty for JSON, which has no lines.
    pub left_out_lines: Vec<usize>,
    /// How many values were left out.
    pub left_out: usize,
    /// Lines that were read as `NAME=VALUE`.
    pub named: usize,
}

impl ValueList {
    /// The number of values and their lengths: `3 values: 40, 24 and 16 characters`.
    pub fn shape(&self) -> String {
        /// Lengths that are listed one by one.
        const MAX_LISTED: usize = 8;
        let mut lengths: Vec<usize> = self.values.iter().map(length).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let count = lengths.len();
        let what = if count == 1 { "value" } else { "values" };
        let (Some(longest), Some(shortest)) = (lengths.first(), lengths.last()) else {
            return "0 values".to_owned();
        };
        let lengths = if count > MAX_LISTED {
            format!("{shortest} to {longest}")
        } else {
            let mut shown: Vec<String> = lengths.iter().map(ToString::to_string).collect();
            let last = shown.pop().unwrap_or_default();
            if shown.is_empty() {
                last
            } else {
                format!("{} and {last}", shown.join(", "))
            }
        };
        format!("{count} {what}: {lengths} characters")
    }
}

/// Characters of a value; bytes if it is not UTF-8.
fn length(value: &ListedValue) -> usize {
    let bytes = value.secret.reveal();
    std::str::from_utf8(bytes).map_or(bytes.len(), |text| text.chars().count())
}

/// Reads a list; `name` is the file's, for errors.
///
/// # Errors
/// `Usage` with the line that cannot be read, or if the list has no value.
pub fn parse(bytes: &[u8], name: &str) -> Result<ValueList> {
    let text = decoded(bytes, name)?;
    let mut reader = ListReader {
        name,
        found: BTreeMap::new(),
        left_out: Vec::new(),
        left_out_strings: 0,
        named: 0,
    };
    match json(&text, name)? {
        Some(value) => reader.strings(&value),
        None => {
            let lines = lines(&text);
            if lines.iter().any(|line| is_replacement(line)) {
                reader.replacements(&lines)?;
            } else {
                reader.plain(&lines)?;
            }
        }
    }
    reader.finish()
}

/// The text of a file without its byte order mark, as UTF-8 if it was UTF-16 or UTF-32; text in another
/// encoding stays as it is.
///
/// # Errors
/// `Usage` if it is no text.
pub fn decoded(bytes: &[u8], name: &str) -> Result<Vec<u8>> {
    let not_text = |what: &str| {
        Error::usage(format!("'{name}' is {what}")).hint("save the file as text in UTF-8")
    };
    let wide = |rest: &[u8], size: usize, is_big: bool| {
        let text = wide_text(rest, size, is_big);
        text.ok_or_else(|| not_text(&format!("not well-formed UTF-{}", 8 * size)))
    };
    let text = match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => wide(rest, 4, false)?,
        [0, 0, 0xfe, 0xff, rest @ ..] => wide(rest, 4, true)?,
        [0xff, 0xfe, rest @ ..] => wide(rest, 2, false)?,
        [0xfe, 0xff, rest @ ..] => wide(rest, 2, true)?,
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_vec(),
        // UTF-16 without a mark: ASCII has a zero in every pair.
        [first, 0, ..] if *first != 0 && bytes.len().is_multiple_of(2) => wide(bytes, 2, false)?,
        [0, second, ..] if *second != 0 && bytes.len().is_multiple_of(2) => wide(bytes, 2, true)?,
        _ => bytes.to_vec(),
    };
    if text.contains(&0) {
        return Err(not_text("no text: it contains zero bytes"));
    }
    Ok(text)
}

/// UTF-16 or UTF-32 as UTF-8; `None` if it is malformed.
fn wide_text(bytes: &[u8], size: usize, is_big: bool) -> Option<Vec<u8>> {
    let units = bytes.chunks(size).map(|chunk| {
        let fold = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        let whole = (chunk.len() == size).then_some(chunk)?;
        Some(if is_big {
            whole.iter().fold(0, fold)
        } else {
            whole.iter().rev().fold(0, fold)
        })
    });
    let units: Vec<u32> = units.collect::<Option<_>>()?;
    let text: Option<String> = if size == 4 {
        units.into_iter().map(char::from_u32).collect()
    } else {
        let units = units
            .into_iter()
            .filter_map(|unit| u16::try_from(unit).ok());
        char::decode_utf16(units).map(Result::ok).collect()
    };
    text.map(String::into_bytes)
}

/// The list as JSON, if it is an object or a list of JSON.
fn json(text: &[u8], name: &str) -> Result<Option<serde_json::Value>> {
    let trimmed = text.trim_ascii();
    let (first, last) = (trimmed.first(), trimmed.last());
    match serde_json::from_slice::<serde_json::Value>(trimmed) {
        Ok(value) if value.is_object() || value.is_array() => return Ok(Some(value)),
        Ok(_) => return Ok(None),
        Err(e) => {
            let next = trimmed
                .get(1..)
                .unwrap_or_default()
                .trim_ascii_start()
                .first();
            let opens = match first {
                Some(b'{') => next == Some(&b'"') || last == Some(&b'}'),
                Some(b'[') => next == Some(&b'"') || next == Some(&b'{'),
                _ => false,
            };
            // Several values in lines of their own may begin with a brace, too.
            if opens && trimmed.contains(&b'"') {
                return Err(Error::usage(format!(
                    "'{name}', line {}: the file begins as JSON and is not",
                    e.line()
                ))
                .hint("repair the JSON, or write one value a line"));
            }
        }
    }
    Ok(None)
}

/// Lines, whatever ends them.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        let len = match &text[at..] {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
        if len > 0 {
            lines.push(&text[start..at]);
            start = at + len;
        }
        at += len.max(1);
    }
    lines.push(&text[start..]);
    lines
}

/// A line without blanks of any script and invisible marks around it.
fn trimmed(line: &[u8]) -> &[u8] {
    let is_blank = |c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}' | '\u{2060}');
    match std::str::from_utf8(line) {
        Ok(text) => text.trim_matches(is_blank).as_bytes(),
        Err(_) => line.trim_ascii(),
    }
}

/// What stands between a value and its replacement.
const ARROW: &[u8] = b"==>";

/// Whether a line has the syntax of git-filter-repo's `--replace-text` and BFG's lists.
fn is_replacement(line: &[u8]) -> bool {
    let prefixes = [&b"regex:"[..], b"glob:", b"literal:"];
    let is_marked = prefixes.iter().any(|prefix| line.starts_with(prefix));
    is_marked || memchr::memmem::find(line, ARROW).is_some()
}

/// Reads one list.
struct ListReader<'n> {
    name: &'n str,
    found: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    left_out: Vec<usize>,
    left_out_strings: usize,
    named: usize,
}

impl ListReader<'_> {
    fn refused(&self, line: usize, what: &str, hint: &str) -> Error {
        Error::usage(format!("'{}', line {line}: {what}", self.name)).hint(hint.to_owned())
    }

    fn add(&mut self, line: usize, value: &[u8], mark: Option<&[u8]>) -> Result<()> {
        if value.len() > MAX_LEN {
            let what = format!("the value has {} bytes", value.len());
            let hint = format!("write a part of at most {MAX_LEN} bytes that shows it");
            return Err(self.refused(line, &what, &hint));
        }
        let mark = mark.map(<[u8]>::to_vec);
        match self.found.get(value) {
            Some(known) if *known != mark => Err(self.refused(
                line,
                "the same value stands in another line with another replacement",
                "remove one of the two lines",
            )),
            _ => {
                self.found.insert(value.to_vec(), mark);
                Ok(())
            }
        }
    }

    /// A value that stands alone: the user wants it and no other.
    fn add_named(&mut self, line: usize, value: &[u8], mark: Option<&[u8]>) -> Result<()> {
        if value.len() < MIN_LEN {
            return Err(self.refused(
                line,
                &format!(
                    "the value has only {} bytes: it stands everywhere by chance",
                    value.len()
                ),
                &format!("write values of {MIN_LEN} bytes or more, or remove the line"),
            ));
        }
        if is_word_of_settings(value) {
            return Err(self.refused(
                line,
                "the value is a common word of settings",
                "remove the line",
            ));
        }
        self.add(line, value, mark)
    }

    fn strings(&mut self, value: &serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                let text = text.as_bytes();
                if text.len() < MIN_NAMED_LEN || text.len() > MAX_LEN || is_setting(text) {
                    self.left_out_strings += 1;
                } else {
                    self.found.insert(text.to_vec(), None);
                }
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| self.strings(value)),
            serde_json::Value::Object(map) => map.values().for_each(|value| self.strings(value)),
            _ => {}
        }
    }

    /// Reads lines as git-filter-repo and BFG do: each is a value as a whole, up to `==>`.
    fn replacements(&mut self, lines: &[&[u8]]) -> Result<()> {
        for (number, line) in (1..).zip(lines) {
            if trimmed(line).is_empty() {
                continue;
            }
            self.replacement(number, line)?;
        }
        Ok(())
    }

    fn replacement(&mut self, number: usize, line: &[u8]) -> Result<()> {
        for (prefix, what) in [
            (&b"regex:"[..], "a regular expression"),
            (b"glob:", "a pattern"),
        ] {
            if line.starts_with(prefix) {
                return Err(self.refused(
                    number,
                    &format!("{what}, and only exact values are searched for"),
                    "write the values themselves; for a pattern, write a rule and name it with '--extra-rules FILE'",
                ));
            }
        }
        let mut arrows = memchr::memmem::find_iter(line, ARROW);
        let (value, mark) = match (arrows.next(), arrows.next()) {
            (None, _) => (line, None),
            (Some(at), None) => (&line[..at], Some(&line[at + ARROW.len()..])),
            _ => {
                return Err(self.refused(
                    number,
                    "'==>' stands in it more than once: git-filter-repo and BFG split it at different places",
                    "give this value alone, in a list without '==>', or name it with '--finding'",
                ));
            }
        };
        let literal = value.strip_prefix(b"literal:");
        let value = literal.unwrap_or(value);
        if literal.is_none() && value.starts_with(b"#") {
            return Err(self.refused(
                number,
                "git-filter-repo and BFG take it for a value, not for a comment",
                "remove the line, or write 'literal:' before the value",
            ));
        }
        if literal.is_none() && trimmed(value).len() < value.len() {
            return Err(self.refused(
                number,
                "git-filter-repo and BFG take the blanks around the value for a part of it",
                "remove the blanks, or write 'literal:' before the value",
            ));
        }
        self.add_named(number, value, mark)
    }

    /// Reads lines that are values, `NAME=VALUE`, comments, or parts of PEM blocks.
    fn plain(&mut self, lines: &[&[u8]]) -> Result<()> {
        let mut block: Option<(usize, Vec<u8>)> = None;
        for (number, line) in (1..).zip(lines) {
            let line = trimmed(line);
            if let Some((begun, text)) = &mut block {
                if line.starts_with(b"-----END") {
                    let (begun, text) = (*begun, std::mem::take(text));
                    block = None;
                    self.add_named(begun, &text, None)?;
                } else if !line.contains(&b':') {
                    // A key's characters, as its rule reads them.
                    text.extend_from_slice(line);
                }
                continue;
            }
            if line.starts_with(b"-----BEGIN") {
                block = Some((number, Vec::new()));
            } else if !line.is_empty() && !line.starts_with(b"#") {
                self.line(number, line)?;
            }
        }
        match block {
            Some((begun, _)) => Err(self.refused(
                begun,
                "the key that begins here does not end",
                "give the whole key, with its last line",
            )),
            None => Ok(()),
        }
    }

    fn line(&mut self, number: usize, line: &[u8]) -> Result<()> {
        match assigned(line) {
            None if line.starts_with(b"\"") || line.starts_with(b"'") => {
                self.add_named(number, unquoted(without_comment(line)), None)
            }
            None => self.add_named(number, line, None),
            Some(value) if value.len() < MIN_NAMED_LEN || is_setting(value) => {
                self.left_out.push(number);
                Ok(())
            }
            Some(value) => {
                self.named += 1;
                self.add(number, value, None)
            }
        }
    }

    fn finish(self) -> Result<ValueList> {
        if self.found.is_empty() {
            return Err(Error::usage(format!("'{}' names no value", self.name))
                .hint("write one value a line, or NAME=VALUE, or JSON"));
        }
        let values = self.found.into_iter().map(|(value, mark)| ListedValue {
            secret: Secret::new(&value),
            mark,
        });
        Ok(ValueList {
            values: values.collect(),
            left_out: self.left_out.len() + self.left_out_strings,
            left_out_lines: self.left_out,
            named: self.named,
        })
    }
}

/// Words before a name that a shell or PowerShell sets.
const SETTERS: [&[u8]; 4] = [b"export ", b"set ", b"declare -x ", b"$env:"];

/// Parts of names that secrets have.
const SECRET_NAMES: [&str; 12] = [
    "pass", "pwd", "secret", "token", "key", "cred", "auth", "pin", "salt", "cert", "webhook",
    "dsn",
];

/// The value of `NAME=VALUE` or `NAME: VALUE`, without quotes; `None` if the line is a value as a whole,
/// which may have an equals sign in it, too.
fn assigned(line: &[u8]) -> Option<&[u8]> {
    let rest = SETTERS.iter().find_map(|setter| line.strip_prefix(*setter));
    // The shell of Windows quotes name and value together.
    let text = rest.map_or(line, |rest| unquoted(rest.trim_ascii()));
    let equals = memchr::memchr(b'=', text);
    let colon = memchr::memmem::find(text, b": ");
    let (at, len) = match (equals, colon) {
        (Some(equals), Some(colon)) if colon < equals => (colon, 2),
        (Some(equals), _) => (equals, 1),
        (None, Some(colon)) => (colon, 2),
        (None, None) => return None,
    };
    let (before, after) = (&text[..at], &text[at + len..]);
    let (name, value) = (unquoted(before.trim_ascii()), after.trim_ascii());
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if name.is_empty() || !name.iter().all(is_name) || name[0].is_ascii_digit() {
        return None;
    }
    // Padding of base64, not a name.
    if value.iter().all(|&byte| byte == b'=') {
        return None;
    }
    let inner = without_comment(value);
    let has_blanks = before.len() > name.len() || after.len() > value.len() || len == 2;
    let is_plain = rest.is_some() || has_blanks || inner.len() < value.len();
    (is_plain || names_something(name)).then_some(inner)
}

/// The value of an assignment without its quotes, and without a comment or a semicolon behind it, as
/// shells and readers of `.env` files take it: `"V" # note`, `'V';`, `V # note`.
fn without_comment(text: &[u8]) -> &[u8] {
    let is_end = |rest: &[u8]| {
        let after = rest.trim_ascii_start();
        let after = match after {
            [b';' | b',', after @ ..] => after.trim_ascii_start(),
            _ => after,
        };
        let is_apart = after.len() < rest.len();
        after.is_empty() || (after.starts_with(b"#") && is_apart)
    };
    if let [quote @ (b'"' | b'\''), rest @ ..] = text {
        let ends = memchr::memchr_iter(*quote, rest);
        let is_escaped = |at: usize| *quote == b'"' && rest[..at].ends_with(b"\\");
        let mut ends = ends.filter(|&at| !is_escaped(at));
        return match ends.next() {
            Some(end) if end > 0 && is_end(&rest[end + 1..]) => &rest[..end],
            _ => text,
        };
    }
    let mut marks = memchr::memchr_iter(b'#', text);
    match marks.find(|&at| at > 0 && text[at - 1].is_ascii_whitespace()) {
        Some(at) => text[..at].trim_ascii_end(),
        None => text,
    }
}

/// Whether a word before an equals sign is a name and no part of a value: in capitals, in small letters,
/// or with a word of credentials in it.
fn names_something(name: &[u8]) -> bool {
    let all = |accept: fn(&u8) -> bool| {
        name.iter()
            .all(|byte| accept(byte) || b"_.-".contains(byte))
    };
    let lower = name.to_ascii_lowercase();
    let lower = String::from_utf8_lossy(&lower);
    all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        || all(u8::is_ascii_lowercase)
        || SECRET_NAMES.iter().any(|part| lower.contains(part))
}

/// A text without the quotes around it.
fn unquoted(text: &[u8]) -> &[u8] {
    let inner = [b'"', b'\''].iter().find_map(|&quote| {
        let inner = text.strip_prefix(&[quote])?.strip_suffix(&[quote])?;
        (!inner.is_empty() && !inner.contains(&quote)).then_some(inner)
    });
    inner.unwrap_or(text)
}

/// Whether a value is one of those that stand in every configuration.
fn is_setting(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_digit) && value.len() < 12 || is_word_of_settings(value)
}

fn is_word_of_settings(value: &[u8]) -> bool {
    let words = [
        &b"true"[..],
        b"false",
        b"null",
        b"none",
        b"localhost",
        b"127.0.0.1",
        b"production",
        b"development",
    ];
    words.iter().any(|word| value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<String>> {
        let list = parse(bytes, "list")?;
        let shown = list.values.iter().map(|value| {
            let secret = String::from_utf8_lossy(value.secret.reveal()).into_owned();
            match &value.mark {
                None => secret,
                Some(mark) => format!("{secret} -> {}", String::from_utf8_lossy(mark)),
            }
        });
        Ok(shown.collect())
    }

    fn refused(text: &str) -> String {
        let error = read(text.as_bytes()).expect_err("it is refused");
        error.chain()
    }

    #[test]
    fn every_encoding_gives_the_same_values() {
        let text = "first value\r\nzweiter Wert \u{fc}\r\n";
        let expected = ["first value", "zweiter Wert \u{fc}"];
        let units = || text.encode_utf16();
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        let wide: Vec<u8> = text
            .chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [b"\xff\xfe", &little[..]].concat(),
            [b"\xfe\xff", &big[..]].concat(),
            [b"\xff\xfe\0\0", &wide[..]].concat(),
            little,
            big,
        ] {
            assert_eq!(read(&bytes).unwrap(), expected, "{}", bytes.escape_ascii());
        }
        assert!(read(b"\xff\xfea\0b").is_err(), "a cut unit");
        assert!(read(b"abcdef\0ghij").is_err(), "zero bytes");
    }

    #[test]
    fn lines_are_values_or_assignments() {
        for (line, expected) in [
            ("  plain value \t", "plain value"),
            ("plain value\u{a0}\u{feff}", "plain value"),
            ("export A_B=\"quoted value\"", "quoted value"),
            ("$env:TOKEN = 'quoted value'", "quoted value"),
            ("T=\"quoted value\" # note", "quoted value"),
            ("export T='quoted value'; # note", "quoted value"),
            ("export  T='quoted # value'", "quoted # value"),
            ("T='quoted value';", "quoted value"),
            ("T=plain-value # note", "plain-value"),
            ("T=plain#value", "plain#value"),
            ("T=\"one \\\" two\"", "one \\\" two"),
            ("T: \"quoted value\",", "quoted value"),
            ("set \"T=plain value\"", "plain value"),
            ("\"in quotes\" # note", "in quotes"),
            ("plain # value", "plain # value"),
            ("api_key: abcdefgh12", "abcdefgh12"),
            ("PASSWORD=a=b=c=d=e", "a=b=c=d=e"),
            ("db.password=abcdefgh", "abcdefgh"),
            ("aB3x9=Zq7w=Lm2", "aB3x9=Zq7w=Lm2"),
            ("YWJjZA==", "YWJjZA=="),
            ("\"in quotes\"", "in quotes"),
            ("48151623", "48151623"),
            ("{braces}x", "{braces}x"),
        ] {
            assert_eq!(read(line.as_bytes()).unwrap(), [expected], "{line}");
        }
        let list = parse(b"A=long enough\nPORT=8080\nDEBUG=true\n# no\n", "list").unwrap();
        assert_eq!((list.left_out_lines, list.named), (vec![2, 3], 1));
    }

    #[test]
    fn replacement_lists_mean_what_their_tools_mean() {
        let text = "name=value22\nliteral: x y \nabcd==>\nsecond==>new one\n";
        let expected = [" x y ", "abcd -> ", "name=value22", "second -> new one"];
        assert_eq!(read(text.as_bytes()).unwrap(), expected);
        for (text, line) in [
            ("abcd==>x\nregex:ab+==>y\n", "line 2: a regular expression"),
            ("glob:ab*\n", "line 1: a pattern"),
            (
                "abcd==>x\n# comment\n",
                "line 2: git-filter-repo and BFG take it for a value",
            ),
            (
                "abcd ==>x\n",
                "line 1: git-filter-repo and BFG take the blanks",
            ),
            (
                "abcd==>x==>y\n",
                "line 1: '==>' stands in it more than once",
            ),
            ("abcd==>x\n\nabcd==>y\n", "line 3: the same value"),
        ] {
            assert!(refused(text).contains(line), "{}", refused(text));
        }
    }

    #[test]
    fn what_cannot_be_searched_for_is_refused_with_its_line() {
        assert!(refused("abc\n").contains("line 1: the value has only 3 bytes"));
        assert!(refused("good value\ntrue\n").contains("line 2: the value is a common word"));
        assert!(refused("-----BEGIN X-----\nabcd\n").contains("line 1: the key that begins here"));
        assert!(refused("{\"a\": \"b\",\n").contains("the file begins as JSON"));
        assert!(refused("# nothing\n").contains("names no value"));
    }

    #[test]
    fn json_keys_and_shapes_are_read() {
        let text = r#"{"data": {"key": "a longer value", "n": 5, "list": ["short"]}}"#;
        let list = parse(text.as_bytes(), "list").unwrap();
        assert_eq!((list.values.len(), list.left_out), (1, 1));
        assert_eq!(list.shape(), "1 value: 14 characters");
        let text = "-----BEGIN X-----\nabcd\nefghijkl\n-----END X-----\n";
        assert_eq!(read(text.as_bytes()).unwrap(), ["abcdefghijkl"]);
        let list = parse(b"aaaaa\nbbbb\ncccccc\n", "list").unwrap();
        assert_eq!(list.shape(), "3 values: 6, 5 and 4 characters");
    }
}
