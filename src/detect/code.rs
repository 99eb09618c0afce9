//! Values that are code: variables, expressions, format strings, and arguments of functions that take no
//! secrets.

use super::assignment::{Assignment, Form, Operator};
use super::features::{Fact, Features, words};

/// Bytes before a name in which a call or a list begins.
const MAX_BEFORE: usize = 120;
/// What a name means that ends in a word for a secret: [`Fact::NameKind`].
const ENDS_IN_SECRET: i16 = 3;

/// Whether a value is code, judged by its own text and by the line around it.
pub(super) fn is_code(window: &[u8], found: &Assignment, features: &Features) -> bool {
    let value = &window[found.value.start..found.value.end];
    is_pattern(value)
        || is_format(value)
        || is_variable(window, found, features)
        || is_unpacked(window, found, features)
        || is_chain(window, found, value)
        || (found.operator == Operator::Compare && features.is(Fact::IsConfigWord))
        || (found.form == Form::Bare
            && found.operator == Operator::Colon
            && features.is(Fact::IsType))
        || is_constructed(window, found, features)
        || is_reference_to_credentials(window, found)
        || is_in_public_key(window, found)
        || is_digest_or_number(window, found, features)
        || is_salt_argument(window, found)
}

/// A regular expression: it holds a class of characters and a mark of such.
fn is_pattern(value: &[u8]) -> bool {
    const CLASSES: [&[u8]; 4] = [b"[a-z", b"[A-Z", b"[0-9", b"[^"];
    let has = |part: &&[u8]| memchr::memmem::find(value, part).is_some();
    matches!(value.first(), Some(b'/' | b'^' | b'(' | b'\\' | b'[')) && CLASSES.iter().any(has)
}

/// A verb of a format among words: `%[1]s--flag%[1]s`, `user-%s`.
fn is_format(value: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphabetic() || b"%[]1-_ .:/".contains(byte);
    let is_verb = |part: &[u8]| matches!(part, [b'%', b's' | b'd' | b'v' | b'q', ..]);
    let has_number = value
        .windows(5)
        .any(|part| matches!(part, [b'%', b'[', digit, b']', _] if digit.is_ascii_digit()));
    has_number || (value.iter().all(is_word) && value.windows(2).any(is_verb))
}

/// An identifier of several words without quotes, apart from its `=`, in a statement, or named as what it
/// is assigned to: `url.password = fixedValue;`, `password = publishingPassword`.
fn is_variable(window: &[u8], found: &Assignment, features: &Features) -> bool {
    let value = &window[found.value.start..found.value.end];
    let is_camel = value.first().is_some_and(u8::is_ascii_lowercase)
        && value.iter().all(u8::is_ascii_alphabetic)
        && value.iter().any(u8::is_ascii_uppercase);
    let is_apart = found.form == Form::Bare
        && found.operator == Operator::Assign
        && !features.is(Fact::IsTight);
    let repeats = || {
        const MIN_LEN: usize = 4;
        let parts = words(value);
        let name = words(&window[found.name.start..found.name.end]);
        parts[0].len() >= MIN_LEN && parts.last() == name.last()
    };
    is_apart && is_camel && (features.is(Fact::EndsStatement) || repeats())
}

/// One of several names that a tuple is assigned to: `user, password = decoded`.
fn is_unpacked(window: &[u8], found: &Assignment, features: &Features) -> bool {
    let before = line_before(window, found.name.start).trim_ascii();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.,* ".contains(byte);
    found.operator == Operator::Assign
        && found.form == Form::Bare
        && !features.is(Fact::IsTight)
        && features.is(Fact::IsIdentifier)
        && !features.is(Fact::Digits)
        && before.len() > 1
        && before.ends_with(b",")
        && before.iter().all(is_name)
}

/// Steps, not values: `password -> challenge -> code`.
fn is_chain(window: &[u8], found: &Assignment, value: &[u8]) -> bool {
    let is_word = |text: &[u8]| text.iter().all(u8::is_ascii_alphabetic);
    let between = window.get(found.name.end..found.value.start);
    let between = between.unwrap_or_default();
    let after = &window[found.value.end..];
    found.form == Form::Bare
        && is_word(value)
        && (between.ends_with(b"-> ") || after.starts_with(b" ->"))
}

/// The argument of a constructor that is no secret by its last word: `JwtTokenInvalid "NotYetValid"`.
fn is_constructed(window: &[u8], found: &Assignment, features: &Features) -> bool {
    let name = &window[found.name.start..found.name.end];
    let value = &window[found.value.start..found.value.end];
    found.operator == Operator::Blank
        && found.form == Form::Quoted
        && name.first().is_some_and(u8::is_ascii_uppercase)
        && name.iter().all(u8::is_ascii_alphabetic)
        && name.iter().any(u8::is_ascii_lowercase)
        && features.get(Fact::NameKind) < ENDS_IN_SECRET
        && value.iter().all(u8::is_ascii_alphabetic)
}

/// `PASSWORD=credentials('id')`: what a build server keeps under an id.
fn is_reference_to_credentials(window: &[u8], found: &Assignment) -> bool {
    let before = &window[..found.value.start.saturating_sub(1)];
    before.ends_with(b"credentials(")
        && matches!(
            found.operator,
            Operator::Assign | Operator::Colon | Operator::Argument
        )
}

/// A digest that is compared with or follows a word, a port, or the UUID of a thing.
fn is_digest_or_number(window: &[u8], found: &Assignment, features: &Features) -> bool {
    let value = &window[found.value.start..found.value.end];
    let is_weak = features.get(Fact::NameKind) < ENDS_IN_SECRET;
    let is_flag = features.is(Fact::IsFlag);
    let is_port = value.ends_with(b"/tcp") || value.ends_with(b"/udp");
    match found.operator {
        _ if is_port => true,
        Operator::Compare => is_weak && features.is(Fact::IsDigest),
        Operator::Blank => {
            let is_other = is_weak || features.is(Fact::NameIsPassword);
            features.is(Fact::IsDigest) && !is_flag && found.form == Form::Bare && is_other
        }
        // An attribute of an element.
        Operator::Assign => {
            let line = line_before(window, found.name.start).trim_ascii_start();
            let is_name = features.get(Fact::NameWords) == 1;
            is_weak && is_name && features.is(Fact::IsUuid) && line.starts_with(b"<")
        }
        _ => false,
    }
}

/// A member of a public key: `PubKey{ID: "1", Key: "…"}`.
fn is_in_public_key(window: &[u8], found: &Assignment) -> bool {
    const NAMES: [&[u8]; 3] = [b"pubkey", b"publickey", b"public_key"];
    let callee = opened_by(window, found.name.start).to_ascii_lowercase();
    NAMES.iter().any(|name| callee.ends_with(name))
}

/// The second argument of a cipher that takes a password and a salt: `aes_cbc("password", "…")`.
fn is_salt_argument(window: &[u8], found: &Assignment) -> bool {
    const CIPHERS: [&[u8]; 5] = [b"aes", b"cipher", b"encrypt", b"pbe", b"pbkdf"];
    let callee = opened_by(window, found.name.start).to_ascii_lowercase();
    let is_in = |cipher: &&[u8]| memchr::memmem::find(&callee, cipher).is_some();
    found.operator == Operator::Item && CIPHERS.iter().any(is_in)
}

/// The word before the bracket that is open at `at`, on the same line.
fn opened_by(window: &[u8], at: usize) -> &[u8] {
    let line = line_before(window, at);
    let mut depth = 0usize;
    for (place, byte) in line.iter().enumerate().rev() {
        match byte {
            b')' | b'}' | b']' => depth += 1,
            b'(' | b'{' | b'[' if depth > 0 => depth -= 1,
            b'(' | b'{' | b'[' => {
                let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
                let before = line[..place].trim_ascii_end();
                let len = before.iter().rev().take_while(is_name).count();
                return &before[before.len() - len..];
            }
            _ => {}
        }
    }
    b""
}

fn line_before(window: &[u8], at: usize) -> &[u8] {
    let before = &window[at.saturating_sub(MAX_BEFORE)..at];
    memchr::memrchr(b'\n', before).map_or(before, |end| &before[end + 1..])
}
