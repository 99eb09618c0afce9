//! How other syntaxes write a value: with escapes, entities, percent signs or doubled signs.
//!
//! | syntax | it writes |
//! |---|---|
//! | JSON and its like | `\"`, `\\`, `\/`, `\u0022`; `\x26`, `\u{26}` and `\046` in languages |
//! | XML, HTML | `&quot;`, `&#39;`, `&amp;`, `&lt;` |
//! | addresses | `%22`; `%2522` in the parameter of an address in an address |
//! | YAML, SQL, CSV | a quote twice |
//! | Compose, Makefile | `$$` |
//! | batch file | `%%` |
//! | properties (`java.util.Properties`) | `\=`, `\:`, `\#`, `\!` |
//! | shell | `'\''`, `'"'"'`; `\&` outside of quotes |
//! | PowerShell | `` `$ ``, `` `" `` |
//! | git, C | `\303\251`, `\xc3\xa9` |
//! | Latin-1 | one byte for each letter of Western Europe |
//!
//! A password with a `"` in an environment file is `\"` in JSON, `&quot;` in XML and `%22` in an
//! address. A search for the value must find all of these. Texts with several escapes are decoded as
//! a whole (`decode`); the spellings here also find a single one.

use data_encoding::BASE64;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::decode::Encoding;

/// Escapes each character as `\"`, or as `\u0022`.
const JSON: [Escapes; 10] = [
    Escapes::marks("\"\\", ""),
    Escapes::marks("\"\\/", ""),
    Escapes::marks("'\\", ""),
    Escapes::marks("\"\\$`", ""),
    // Go escapes the marks of HTML.
    Escapes::marks("\"\\", "<>&"),
    // Gson and Rails.
    Escapes::marks("\"\\", "<>&='"),
    // `java.util.Properties`, and people who write such files.
    Escapes::marks("\\=:#!", ""),
    Escapes::marks("\\=:", ""),
    // A shell, outside of quotes.
    Escapes::marks("\"\\'`$&|;<>()*?[]{}#!^ \t", ""),
    // .NET, in capitals.
    Escapes::marks("\\", "\"'<>&+`"),
];

/// Characters that JSON and its like escape in one way of writing.
struct Escapes {
    /// Behind a backslash.
    marked: &'static str,
    /// As `\u` and four digits.
    numbered: &'static str,
}

impl Escapes {
    const fn marks(marked: &'static str, numbered: &'static str) -> Self {
        Self { marked, numbered }
    }

    /// Writes `value`; `is_ascii` says that other characters are numbers, too.
    fn write(&self, value: &str, is_ascii: bool) -> Vec<u8> {
        let mut out = String::with_capacity(value.len() + 8);
        for character in value.chars() {
            let is_numbered =
                self.numbered.contains(character) || (is_ascii && !character.is_ascii());
            if is_numbered {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                if self.marked.contains(character) {
                    out.push('\\');
                }
                out.push(character);
            }
        }
        out.into_bytes()
    }
}

/// Entities of the quotes, in ways that are common: the quote, and the apostrophe.
const QUOTES: [(&str, &str); 6] = [
    ("\"", "'"),
    ("&quot;", "'"),
    ("&quot;", "&apos;"),
    ("&quot;", "&#39;"),
    ("&#34;", "&#39;"),
    ("&quot;", "&#x27;"),
];

/// What `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &UNRESERVED
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');
/// What RFC 3986 calls unreserved, section 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// What separates the parts of an address, and little else.
const SEPARATORS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'%')
    .add(b'@')
    .add(b':')
    .add(b'/')
    .add(b'?')
    .add(b'#');

/// All spellings of `value` but its own, each with what it is written in; none twice. A `value` that
/// may be a spelling itself (`a\"b`) is read, too.
pub fn of(value: &[u8]) -> Vec<(Encoding, Vec<u8>)> {
    let mut found: Vec<(Encoding, Vec<u8>)> = Vec::new();
    let mut add = |encoding: Encoding, spelled: Vec<u8>| {
        let is_new = spelled != value && found.iter().all(|(_, known)| *known != spelled);
        if is_new {
            found.push((encoding, spelled));
        }
    };
    for plain in plain_forms(value) {
        write(&plain, &mut add);
    }
    found
}

/// `value`, and what it means if it is written in one of the syntaxes itself.
fn plain_forms(value: &[u8]) -> Vec<Vec<u8>> {
    let mut plain = vec![value.to_vec()];
    let read = [
        unescaped(value),
        without_entities(value),
        undoubled(value, b'\''),
        undoubled(value, b'"'),
        undoubled(value, b'$'),
        undoubled(value, b'%'),
        joined_pieces(value),
        without_backticks(value),
        without_latin1(value),
        (memchr::memchr(b'%', value).is_some()).then(|| percent_decode(value).collect()),
        memchr::memmem::find(value, b"%25")
            .map(|_| percent_decode(&percent_decode(value).collect::<Vec<u8>>()).collect()),
        decoded_base64(value),
    ];
    for form in read.into_iter().flatten() {
        if !plain.contains(&form) {
            plain.push(form);
        }
    }
    plain
}

fn write(plain: &[u8], add: &mut impl FnMut(Encoding, Vec<u8>)) {
    add(Encoding::Quotes, plain.to_vec());
    // No syntax writes these otherwise.
    if plain
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte))
    {
        return;
    }
    for sign in [b'\'', b'"', b'$', b'%'] {
        add(Encoding::Quotes, doubled(plain, sign));
    }
    for (sign, written) in PIECES {
        add(
            Encoding::Quotes,
            replaced(plain, |byte, out| match byte == sign {
                true => out.extend_from_slice(written.as_bytes()),
                false => out.push(byte),
            }),
        );
    }
    add(
        Encoding::Quotes,
        replaced(plain, |byte, out| {
            out.extend(b"`$\"".contains(&byte).then_some(b'`'));
            out.push(byte);
        }),
    );
    for (is_number, digits) in NUMBERS {
        add(
            Encoding::Backslash,
            replaced(plain, |byte, out| match is_number(byte) {
                true => out.extend_from_slice(digits(byte).as_bytes()),
                false => out.push(byte),
            }),
        );
    }
    for set in [SEPARATORS, COMPONENT, UNRESERVED] {
        let encoded: String = percent_encode(plain, set).collect();
        for encoded in [lower_escapes(&encoded), encoded] {
            add(Encoding::Percent, encoded.replace('%', "%25").into_bytes());
            add(Encoding::Percent, encoded.into_bytes());
        }
    }
    if let Ok(text) = std::str::from_utf8(plain) {
        write_text(text, add);
    }
}

/// Adds the spellings of a text.
fn write_text(text: &str, add: &mut impl FnMut(Encoding, Vec<u8>)) {
    if let Some(bytes) = latin1(text) {
        add(Encoding::Quotes, bytes);
    }
    for escapes in &JSON {
        let once = escapes.write(text, false);
        // JSON in a string of JSON.
        let again = std::str::from_utf8(&once).map(|once| JSON[0].write(once, false));
        add(Encoding::Backslash, escapes.write(text, true));
        add(Encoding::Backslash, once);
        if let Ok(again) = again {
            add(Encoding::Backslash, again);
        }
    }
    let marks = text.replace('&', "&amp;").replace('<', "&lt;");
    for (quote, apostrophe) in QUOTES {
        let marks = marks.replace('"', quote).replace('\'', apostrophe);
        add(Encoding::Entities, marks.replace('>', "&gt;").into_bytes());
        add(Encoding::Entities, marks.into_bytes());
    }
}

/// How a shell writes an apostrophe between apostrophes.
const PIECES: [(u8, &str); 2] = [(b'\'', "'\\''"), (b'\'', "'\"'\"'")];

/// Which bytes are written as a number, and how.
type Number = (fn(u8) -> bool, fn(u8) -> String);
const NUMBERS: [Number; 8] = [
    (is_markup, |byte| format!("\\x{byte:02x}")),
    (is_markup, |byte| format!("\\x{byte:02X}")),
    (is_mark, |byte| format!("\\x{byte:02x}")),
    (is_mark, |byte| format!("\\x{byte:02X}")),
    (is_mark, |byte| format!("\\u{{{byte:x}}}")),
    (is_mark, |byte| format!("\\{byte:03o}")),
    (|byte| !byte.is_ascii(), |byte| format!("\\{byte:03o}")),
    (|byte| !byte.is_ascii(), |byte| format!("\\x{byte:02x}")),
];

/// Marks of HTML, which scripts in a page escape.
fn is_markup(byte: u8) -> bool {
    b"&<>\"'".contains(&byte)
}

fn is_mark(byte: u8) -> bool {
    byte.is_ascii_punctuation() && !b"-_.~".contains(&byte)
}

/// `plain` with each byte as `write` writes it.
fn replaced(plain: &[u8], write: impl Fn(u8, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + 8);
    plain.iter().for_each(|&byte| write(byte, &mut out));
    out
}

/// `text` in Latin-1; `None` if it is the same there, or has other letters.
fn latin1(text: &str) -> Option<Vec<u8>> {
    let bytes = text
        .chars()
        .map(|letter| u8::try_from(u32::from(letter)).ok());
    bytes
        .collect::<Option<Vec<u8>>>()
        .filter(|_| !text.is_ascii())
}

/// What a text of Latin-1 is in UTF-8; `None` if it is UTF-8 itself.
fn without_latin1(value: &[u8]) -> Option<Vec<u8>> {
    let is_letter = |byte: &u8| byte.is_ascii() || *byte >= 0xa0;
    let is_text = std::str::from_utf8(value).is_err() && value.iter().all(is_letter);
    let text = || {
        value
            .iter()
            .map(|&byte| char::from(byte))
            .collect::<String>()
    };
    is_text.then(|| text().into_bytes())
}

/// The digits of `%2F` in small letters.
fn lower_escapes(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        out.push('%');
        out.push_str(&digits.to_ascii_lowercase());
        out.push_str(rest);
    }
    out
}

fn doubled(plain: &[u8], quote: u8) -> Vec<u8> {
    let twice = plain.iter().map(|&byte| 1 + usize::from(byte == quote));
    let repeated = plain.iter().zip(twice);
    repeated
        .flat_map(|(&byte, count)| std::iter::repeat_n(byte, count))
        .collect()
}

/// `value` with each pair of quotes as one; `None` if one stands alone, or none is there.
fn undoubled(value: &[u8], quote: u8) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = 0;
    while at < value.len() {
        out.push(value[at]);
        if value[at] == quote {
            at += 1;
            value.get(at).filter(|byte| **byte == quote)?;
        }
        at += 1;
    }
    (out.len() < value.len()).then_some(out)
}

/// What `value` means if it is base64 of a text, as in a Secret of Kubernetes. A word is not searched for:
/// it stands everywhere.
fn decoded_base64(value: &[u8]) -> Option<Vec<u8>> {
    const MIN_LEN: usize = 8;
    let plain = BASE64.decode(value).ok()?;
    let is_text = plain.iter().all(u8::is_ascii_graphic);
    let is_word =
        !plain.iter().any(u8::is_ascii_digit) || !plain.iter().any(u8::is_ascii_alphabetic);
    (is_text && !is_word && plain.len() >= MIN_LEN).then_some(plain)
}

/// `value` with each apostrophe that a shell writes as `'\''` or `'"'"'` as one.
fn joined_pieces(value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value).ok()?;
    let plain = PIECES.iter().fold(text.to_owned(), |plain, (_, written)| {
        plain.replace(written, "'")
    });
    (plain != text).then(|| plain.into_bytes())
}

/// What `value` means if its backticks are escapes of PowerShell; `None` if it has none, or others.
fn without_backticks(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut bytes = value.iter();
    while let Some(&byte) = bytes.next() {
        out.push(match byte {
            b'`' => *bytes.next().filter(|next| b"`$\"".contains(next))?,
            byte => byte,
        });
    }
    (out.len() < value.len()).then_some(out)
}

/// What `value` means if its backslashes are escapes; `None` if it has none, or others.
fn unescaped(value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value).ok()?;
    if !text.contains('\\') {
        return None;
    }
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        if character != '\\' {
            units.extend(character.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        let mark = rest.chars().next()?;
        rest = &rest[mark.len_utf8()..];
        match mark {
            mark if mark.is_ascii_punctuation() => units.push(mark as u16),
            'x' => {
                let digits = rest.get(..2)?;
                units.push(u16::from(
                    u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)?,
                ));
                rest = &rest[2..];
            }
            'u' if rest.starts_with('{') => {
                let end = rest.find('}')?;
                let number = u32::from_str_radix(rest.get(1..end)?, 16).ok()?;
                let character = char::from_u32(number)?;
                units.extend(character.encode_utf16(&mut [0; 2]).iter());
                rest = &rest[end + 1..];
            }
            '0'..='3' => {
                let digits = u8::from_str_radix(rest.get(..2)?, 8).ok()?;
                let byte = (mark as u8 - b'0') * 64 + digits;
                units.push(u16::from(Some(byte).filter(u8::is_ascii)?));
                rest = &rest[2..];
            }
            'u' => {
                let digits = rest.get(..4)?;
                units.push(u16::from_str_radix(digits, 16).ok()?);
                rest = &rest[4..];
            }
            _ => return None,
        }
    }
    Some(String::from_utf16(&units).ok()?.into_bytes())
}

/// What `value` means if it is text of XML; `None` if it has no entities, or unknown ones.
fn without_entities(value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value).ok()?;
    let plain = quick_xml::escape::unescape(text).ok()?;
    (plain != text).then(|| plain.into_owned().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spellings(value: &str) -> Vec<String> {
        let found = of(value.as_bytes()).into_iter();
        found
            .map(|(_, spelled)| String::from_utf8_lossy(&spelled).into_owned())
            .collect()
    }

    #[test]
    fn a_value_without_special_characters_has_one_spelling() {
        assert_eq!(spellings("v4lue-of_letters.and~digits"), [""; 0]);
    }

    #[test]
    fn special_characters_are_written_as_each_syntax_does() {
        let found = spellings("a\"b'c&d<e>f/g\\h i");
        for spelled in [
            r#"a\"b'c&d<e>f/g\\h i"#,
            r#"a\"b'c&d<e>f\/g\\h i"#,
            r#"a"b\'c&d<e>f/g\\h i"#,
            r#"a\"b'c\u0026d\u003ce\u003ef/g\\h i"#,
            r#"a\\\"b'c&d<e>f/g\\\\h i"#,
            "a&quot;b&#39;c&amp;d&lt;e&gt;f/g\\h i",
            "a\"b'c&amp;d&lt;e>f/g\\h i",
            "a%22b%27c%26d%3Ce%3Ef%2Fg%5Ch%20i",
            "a%22b%27c%26d%3ce%3ef%2fg%5ch%20i",
            "a\"b''c&d<e>f/g\\h i",
            "a\"\"b'c&d<e>f/g\\h i",
            "a\"b'\\''c&d<e>f/g\\h i",
            "a\"b'\"'\"'c&d<e>f/g\\h i",
            "a\\\"b\\'c\\&d\\<e\\>f/g\\\\h\\ i",
            "a\\x22b\\x27c\\x26d\\x3ce\\x3ef/g\\h i",
            "a%2522b%2527c%2526d%253Ce%253Ef%252Fg%255Ch%2520i",
            "a`\"b'c&d<e>f/g\\h i",
        ] {
            assert!(found.iter().any(|known| known == spelled), "{spelled}");
        }
        assert!(spellings("pässwört").contains(&r"p\u00e4ssw\u00f6rt".to_owned()));
        assert!(spellings("pässwört").contains(&r"p\303\244ssw\303\266rt".to_owned()));
        assert!(
            of("pässwört".as_bytes())
                .iter()
                .any(|found| found.1 == b"p\xe4ssw\xf6rt")
        );
        assert!(
            of(b"p\xe4ssw\xf6rt")
                .iter()
                .any(|found| found.1 == "pässwört".as_bytes())
        );
        for (value, spelled) in [
            ("a$b%c", "a$$b%c"),
            ("a$b%c", "a$b%%c"),
            ("a=b:c", "a\\=b\\:c"),
        ] {
            assert!(spellings(value).contains(&spelled.to_owned()), "{spelled}");
        }
    }

    #[test]
    fn the_text_of_base64_is_read_unless_it_is_a_word() {
        let known =
            |text: &str| spellings(&BASE64.encode(text.as_bytes())).contains(&text.to_owned());
        assert!(known("4unt3r-of_value"));
        for word in [
            "password",
            "my-password",
            "1234567890",
            "s3cret",
            "two words 2",
        ] {
            assert!(!known(word), "{word}");
        }
    }

    #[test]
    fn a_value_that_is_a_spelling_is_read() {
        for (spelled, plain) in [
            (r#"a\"b\\c"#, "a\"b\\c"),
            (r"a\u0026b", "a&b"),
            ("a&amp;b", "a&b"),
            ("a''b", "a'b"),
            ("a%22b", "a\"b"),
            ("a%2522b", "a\"b"),
            ("a$$b", "a$b"),
            ("a%%b", "a%b"),
            ("a'\\''b", "a'b"),
            ("a`$b", "a$b"),
            (r"a\=b\:c", "a=b:c"),
            (r"a\x26b", "a&b"),
            (r"a\u{26}b", "a&b"),
            (r"a\046b", "a&b"),
            (r"a\&b", "a&b"),
        ] {
            assert!(spellings(spelled).contains(&plain.to_owned()), "{spelled}");
            assert!(spellings(plain).contains(&spelled.to_owned()), "{plain}");
        }
    }
}
