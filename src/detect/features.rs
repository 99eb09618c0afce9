//! What stands around an assigned value, as named facts: the evidence that the score adds up.
//!
//! No fact looks at which characters a value is made of beyond its shape.

use data_encoding::BASE64;

use super::assignment::{Assignment, Form, Operator};
use super::entropy::{Classes, class_changes, is_monotonous, is_random_mix};
use super::placeholder::{
    is_config_word, is_encrypted, is_placeholder, is_reference, is_test_value,
};

/// The facts about one assignment.
pub struct Features {
    /// Those that have a weight in `weights::FACTS`, or may get one.
    pub facts: Vec<&'static str>,
    /// The words of the name, in lower case.
    pub name_words: Vec<String>,
}

/// Shorter values are flags and enumerations.
const MIN_VALUE_LEN: usize = 4;

/// Bytes before a name that are looked at: in long lines, what is further away tells nothing.
const MAX_BEFORE: usize = 48;

/// Words for a password, of which any may end a name.
const PASSWORD_WORDS: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "pwd",
    "pass",
    "passcode",
    "pw",
];
/// Words for other things that are secret.
const SECRET_WORDS: [&str; 4] = ["secret", "token", "credential", "bearer"];
/// Words that make a key one that is secret.
const KEY_WORDS: [&str; 12] = [
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "authkey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "sharedkey",
    "accountkey",
    "aeskey",
    "nkey",
];
/// Words that say that the value is about a secret.
const OTHER_WORDS: [&str; 36] = [
    "hash",
    "file",
    "path",
    "url",
    "uri",
    "field",
    "label",
    "prompt",
    "placeholder",
    "hint",
    "error",
    "message",
    "type",
    "length",
    "policy",
    "regex",
    "pattern",
    "format",
    "count",
    "expire",
    "expires",
    "timeout",
    "reset",
    "confirm",
    "name",
    "title",
    "text",
    "description",
    "help",
    "page",
    "public",
    "tokens",
    "secrets",
    "keys",
    "passwords",
    "id",
];

/// Returns the facts; `None` if the value stands for another one or is no value at all.
pub fn of(window: &[u8], found: &Assignment) -> Option<Features> {
    let value = &window[found.value.start..found.value.end];
    let is_literal = found.form != Form::Bare;
    let is_mix = is_random_mix(value);
    let is_call = is_call(window, found, value);
    if value.len() < MIN_VALUE_LEN
        || is_reference(value, is_literal)
        || is_monotonous(value)
        || is_version(value)
        || is_card_number(value)
        || (is_call && (!is_mix || is_named_call(value)))
        || is_prose(window, found, value)
        || is_open_slot(window, found)
    {
        return None;
    }
    let name = &window[found.name.start..found.name.end];
    let name_words = name_words(name);
    if !names_secret(&name_words.concat()) {
        return None;
    }
    let mut facts = Vec::with_capacity(24);
    name_facts(name, &name_words, &mut facts);
    syntax_facts(window, found, &mut facts);
    shape_facts(value, is_mix, &mut facts);
    meaning_facts(value, &name_words, &mut facts);
    if is_placeholder(value) {
        facts.push("is a placeholder");
    }
    if is_encrypted(value) {
        facts.push("is encrypted");
    }
    if is_call {
        facts.push("may be a call");
    }
    if found.form == Form::Bare {
        bare_facts(window, found, value, &mut facts);
    }
    Some(Features { facts, name_words })
}

/// `<Value Unspecified>` without quotes: a slot that has blanks.
fn is_open_slot(window: &[u8], found: &Assignment) -> bool {
    let rest = &window[found.value.start..];
    let line = memchr::memchr(b'\n', rest).map_or(rest, |end| &rest[..end]);
    let slot = line.strip_prefix(b"<").and_then(|rest| {
        let end = memchr::memchr(b'>', rest)?;
        Some(&rest[..end])
    });
    let is_word = |byte: &u8| byte.is_ascii_alphabetic() || b" _-".contains(byte);
    found.form == Form::Bare && slot.is_some_and(|slot| slot.len() > 2 && slot.iter().all(is_word))
}

/// Bare text that calls, indexes or takes a member is code: `get(x)`, `list[0]`, `a->b`, `A::B`.
fn is_call(window: &[u8], found: &Assignment, value: &[u8]) -> bool {
    if found.form != Form::Bare {
        return false;
    }
    let is_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.$>:-?&*!@".contains(byte);
    let member = |pair: &[u8]| pair == b"->" || pair == b"::" || pair == b"?.";
    let head = value.iter().take_while(|byte| is_path(byte)).count();
    let rest = &value[head..];
    let is_member =
        matches!(rest.first(), None | Some(b'(')) && value[..head].windows(2).any(member);
    let after = &window[found.value.end..];
    is_member
        || is_generic_type(value)
        || window[..found.value.start].ends_with(b"::")
        || begins_call(value)
        || (opens_bracket(value, rest, after) && !is_data(value))
        || matches!(after.first(), Some(b'(' | b'[' | b'{'))
}

/// Whether a mark is in the value that no argument of a call has outside of quotes.
fn is_data(value: &[u8]) -> bool {
    let escapes_quote = |pair: &[u8]| pair[0] == b'\\' && !b"\"'".contains(&pair[1]);
    value
        .iter()
        .any(|byte| b"~#%^|`".contains(byte) || !byte.is_ascii())
        || value.windows(2).any(escapes_quote)
}

/// Whether brackets of code are in the value: one that opens behind the name that `rest` follows and
/// what comes `after` the value goes on with; one at the end; or a pair that ends the value.
fn opens_bracket(value: &[u8], rest: &[u8], after: &[u8]) -> bool {
    let opens = |byte: &u8| matches!(byte, b'(' | b'[' | b'{');
    let goes_on = match after {
        [b')' | b']' | b'}' | b'"' | b'\'' | b',', ..] => true,
        [b'\\', next, ..] => matches!(next, b'"' | b'\''),
        [b' ', next, ..] => *next != b'#',
        _ => false,
    };
    let open = match value.strip_suffix(b",").unwrap_or(value).last() {
        Some(b')') => b'(',
        Some(b']') => b'[',
        Some(b'}') => b'{',
        Some(last) if opens(last) => {
            let is_type =
                |byte: &u8| byte.is_ascii_alphanumeric() || b"_.[](){}*&:<>,\"$@!-".contains(byte);
            return value.iter().all(is_type);
        }
        _ => 0,
    };
    value.contains(&open) || (goes_on && rest.first().is_some_and(opens))
}

/// `Option<String>`, `Vec<&'a`: a type with its parameters.
fn is_generic_type(value: &[u8]) -> bool {
    let Some(open) = memchr::memchr(b'<', value) else {
        return false;
    };
    let (head, rest) = value.split_at(open);
    let is_name = |byte: &u8| byte.is_ascii_alphabetic() || b"_:.".contains(byte);
    let inner = |byte: &u8| is_name(byte) || b"<>&', []()0123456789".contains(byte);
    let is_closed = rest.ends_with(b">") || rest.starts_with(b"<&'");
    head.len() > 2 && head.iter().all(is_name) && is_closed && rest.iter().all(inner)
}

/// `fmt.Sprintf("x`: a name of letters, then a literal as its argument.
fn begins_call(value: &[u8]) -> bool {
    let is_name = |byte: &&u8| byte.is_ascii_alphabetic() || b"_.".contains(byte);
    let head = value.iter().take_while(is_name).count();
    let is_literal = matches!(&value[head..], [b'(', b'"' | b'\'' | b'`', ..]);
    let is_closed = value.ends_with(b"\")") || value.ends_with(b"')");
    let is_named = head >= 4 && class_changes(&value[..head]) <= 4;
    is_literal && (is_named || (head > 0 && is_closed))
}

/// `aws.String("x")`, `get_token(1)`: a name of letters, then its arguments.
fn is_named_call(value: &[u8]) -> bool {
    let is_name = |byte: &&u8| byte.is_ascii_alphabetic() || b"_.".contains(byte);
    let head = value.iter().take_while(is_name).count();
    let rest = &value[head..];
    head >= 4
        && class_changes(&value[..head]) <= 4
        && rest.len() > 1
        && matches!(
            (rest.first(), rest.last()),
            (Some(b'('), Some(b')')) | (Some(b'['), Some(b']'))
        )
}

/// `pass the test`, "Pass `x` to": a blank assigns on command lines and in environments only.
fn is_prose(window: &[u8], found: &Assignment, value: &[u8]) -> bool {
    let is_quoted_code = window[found.value.start - 1] == b'`';
    match found.operator {
        Operator::Argument => is_quoted_code,
        // `a password: listed below`. The value of a setting ends its line, or a comment follows.
        Operator::Colon => {
            let rest = &window[found.value.end..];
            let after_comma = rest.strip_prefix(b",");
            let rest = after_comma.unwrap_or(rest);
            let goes_on = rest.first() == Some(&b' ') && rest.get(1) != Some(&b'#');
            let is_word = value.iter().all(u8::is_ascii_alphabetic)
                && (after_comma.is_none() || class_changes(value) <= 1);
            found.form == Form::Bare && goes_on && is_word
        }
        Operator::Blank => {
            let is_flag = window[found.name.start..].starts_with(b"-");
            let is_environment = window[..found.name.start].ends_with(b"ENV ");
            let is_word = !value.iter().any(u8::is_ascii_digit);
            let is_variable = window[..found.name.start].ends_with(b"$");
            let is_number = !value.iter().any(u8::is_ascii_alphabetic);
            let is_bare = found.form == Form::Bare;
            let is_assigned = is_flag || is_environment || !(is_word || is_number);
            is_quoted_code || is_variable || (is_bare && !is_assigned)
        }
        _ => false,
    }
}

/// Whether a name can be that of a secret: a word for one, or a word that may end its name.
fn names_secret(joined: &str) -> bool {
    const ENDS: [&str; 8] = [
        "key",
        "salt",
        "nonce",
        "auth",
        "ticket",
        "verifier",
        "code",
        "authorization",
    ];
    ENDS.iter().any(|word| joined.ends_with(word))
        || PASSWORD_WORDS
            .iter()
            .chain(&SECRET_WORDS)
            .chain(&KEY_WORDS)
            .any(|word| joined.contains(word))
}

/// Splits a name into lower-case words: at case changes and punctuation.
fn name_words(name: &[u8]) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut previous = b'_';
    for &byte in name {
        let starts = !byte.is_ascii_alphabetic()
            || (byte.is_ascii_uppercase() && previous.is_ascii_lowercase());
        if starts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if byte.is_ascii_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
        previous = byte;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn name_facts(name: &[u8], words: &[String], facts: &mut Vec<&'static str>) {
    let joined = words.concat();
    let ends = |list: &[&str]| list.iter().any(|word| joined.ends_with(word));
    let has = |list: &[&str]| list.iter().any(|word| joined.contains(word));
    facts.push(if ends(&PASSWORD_WORDS) {
        "name ends in a word for a password"
    } else if ends(&KEY_WORDS) {
        "name ends in a word for a secret key"
    } else if ends(&SECRET_WORDS) {
        "name ends in a word for a secret"
    } else if joined.ends_with("key") {
        "name ends in 'key'"
    } else if has(&PASSWORD_WORDS) {
        "name has a word for a password"
    } else if has(&KEY_WORDS) || has(&SECRET_WORDS) {
        "name has a word for a secret"
    } else {
        "name has no word for a secret"
    });
    let mut last_two = words.iter().rev().take(2);
    if last_two.any(|word| OTHER_WORDS.contains(&word.as_str())) {
        facts.push("name means something about a secret");
    }
    facts.push(match words.len() {
        0 | 1 => "name is one word",
        2 => "name is two words",
        3 => "name is three words",
        _ => "name is a phrase",
    });
    if name.contains(&b'.') {
        facts.push("name has dots");
    }
    let lower = name.iter().any(u8::is_ascii_lowercase);
    let upper = name.iter().any(u8::is_ascii_uppercase);
    facts.push(match (lower, upper) {
        (true, true) => "name is in mixed case",
        (false, true) => "name is in capitals",
        _ => "name is in lower case",
    });
    if name.contains(&b'-') {
        facts.push("name has hyphens");
    }
}

fn syntax_facts(window: &[u8], found: &Assignment, facts: &mut Vec<&'static str>) {
    facts.push(match (found.form, found.operator) {
        (Form::Quoted | Form::Default, Operator::Assign) => "a quoted value is assigned",
        (Form::Quoted, Operator::Colon) | (Form::Default, _) => "a quoted value follows a colon",
        (Form::Quoted, Operator::Compare) => "a quoted value is compared",
        (Form::Quoted, Operator::Argument) => "a quoted value is an argument",
        (Form::Quoted, Operator::Item) => "a quoted value is the next item",
        (Form::Quoted, Operator::Blank) => "a quoted value follows a blank",
        (Form::Quoted | Form::Element, Operator::Markup) => "an element or attribute holds it",
        (Form::Bare, Operator::Assign) => "a bare word is assigned",
        (Form::Bare, Operator::Colon) => "a bare word follows a colon",
        (Form::Bare, Operator::Blank) => "a bare word follows a blank",
        (Form::Bare, _) => "a bare word stands otherwise",
        (Form::Template, _) => "a template string",
        (Form::Element, _) => "an element holds it",
    });
    facts.push(match found.name.start.checked_sub(1).map(|at| window[at]) {
        None | Some(b'\n' | b'\r') => "name begins the line",
        Some(b'"' | b'\'' | b'`') => "name is quoted",
        Some(b'$' | b'@' | b':') => "name has a sigil",
        Some(b'<' | b'>') => "name stands in markup",
        Some(b'(' | b'[' | b'{' | b',') => "name follows a bracket",
        Some(b'&' | b'?') => "name is a parameter of an address",
        Some(b'/' | b'*' | b'#' | b';') => "name follows a comment sign",
        Some(b' ' | b'\t') => "name follows a blank",
        Some(_) => "name follows something else",
    });
    let quote = usize::from(found.form == Form::Quoted);
    facts.push(match window.get(found.value.end + quote) {
        None | Some(b'\n' | b'\r') => "the value ends the line",
        Some(b';') => "the value ends a statement",
        Some(b',') => "a comma follows",
        Some(b')' | b']' | b'}') => "a closing bracket follows",
        Some(b' ' | b'\t') => "a blank follows",
        Some(b'+' | b'.' | b'%') => "an operator follows",
        Some(b'"' | b'\'' | b'`' | b'\\') => "a quote follows",
        Some(b'<' | b'/' | b'>') => "markup follows",
        Some(_) => "something else follows",
    });
    let start = found.name.start;
    let before = &window[start.saturating_sub(MAX_BEFORE)..start];
    let line = memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..]);
    let line = line.trim_ascii_start();
    if line.starts_with(b"//") || line.starts_with(b"#") || line.starts_with(b"*") {
        facts.push("the line is a comment");
    }
    if line
        .windows(4)
        .any(|part| part.eq_ignore_ascii_case(b"user"))
    {
        facts.push("a user stands before it");
    }
}

/// A bare word is a value in configuration and an expression in code.
fn bare_facts(window: &[u8], found: &Assignment, value: &[u8], facts: &mut Vec<&'static str>) {
    let name = &window[found.name.start..found.name.end];
    let is_tight = window[found.value.start - 1] == b'=';
    let ends_statement = window.get(found.value.end) == Some(&b';');
    if is_tight && !name.iter().any(u8::is_ascii_lowercase) && !ends_statement {
        facts.push("bare in an environment");
    } else if is_tight {
        facts.push("bare right after the equals sign");
    }
    let is_identifier = (value[0].is_ascii_alphabetic() || value[0] == b'_')
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte));
    if is_identifier {
        facts.push(if value.contains(&b'.') {
            "bare, with a member"
        } else if Classes::of(value).digits == 0 {
            "bare, an identifier without digits"
        } else {
            "bare, an identifier with digits"
        });
    }
}

fn shape_facts(value: &[u8], is_mix: bool, facts: &mut Vec<&'static str>) {
    facts.push(match value.len() {
        0..=5 => "up to 5 characters",
        6..=7 => "6 or 7 characters",
        8..=9 => "8 or 9 characters",
        10..=15 => "10 to 15 characters",
        16..=23 => "16 to 23 characters",
        24..=31 => "24 to 31 characters",
        32..=47 => "32 to 47 characters",
        48..=63 => "48 to 63 characters",
        64 => "64 characters",
        _ => "more than 64 characters",
    });
    let classes = Classes::of(value);
    let mark = classes.other > 0;
    let kinds = (classes.lower > 0, classes.upper > 0, classes.digits > 0);
    facts.push(match (kinds, mark) {
        ((true, false, false), false) => "small letters",
        ((false, true, false), false) => "capitals",
        ((false, false, true), _) => "digits",
        ((true, true, false), false) => "letters",
        ((true, false, true), false) => "small letters and digits",
        ((false, true, true), false) => "capitals and digits",
        ((true, true, true), false) => "letters and digits",
        ((true, false, false), true) => "small letters and marks",
        ((false, true, false), true) => "capitals and marks",
        ((true, true, false), true) => "letters and marks",
        ((true, false, true), true) => "small letters, digits and marks",
        ((false, true, true), true) => "capitals, digits and marks",
        ((true, true, true), true) => "letters, digits and marks",
        ((false, false, false), _) => "marks",
    });
    // In a random mix, single marks mean nothing.
    if is_mix && mark && !is_address(value) {
        facts.push("is a random mix");
    } else if mark {
        mark_facts(value, facts);
    }
    let changes = class_changes(value);
    facts.push(match changes * 8 / value.len() {
        0 => "kinds of characters hardly change",
        1 => "kinds of characters change seldom",
        2 | 3 => "kinds of characters change often",
        _ => "kinds of characters change all the time",
    });
    if value.len() >= 16 && value.iter().all(|byte| byte.is_ascii_hexdigit()) {
        facts.push(match value.len() {
            32 | 40 | 64 => "hexadecimal as long as a digest",
            _ => "hexadecimal",
        });
    }
    let rest = Classes::of(&value[1..]);
    if value[0].is_ascii_uppercase() && rest.upper == 0 && rest.lower > 0 {
        facts.push("a capital, then small letters");
    }
}

fn mark_facts(value: &[u8], facts: &mut Vec<&'static str>) {
    let mut has = |marks: &[u8], fact| {
        if value.iter().any(|byte| marks.contains(byte)) {
            facts.push(fact);
        }
    };
    has(b"_", "has an underscore");
    has(b"-", "has a hyphen");
    has(b".", "has a dot");
    has(b"/", "has a slash");
    has(b":", "has a colon");
    has(b"@", "has an at sign");
    has(b"\\", "has a backslash");
    has(b"()[]{}<>", "has brackets");
    has(b"=+", "has an equals or plus sign");
    has(b"!?*#^&~|", "has marks that people put into passwords");
    has(b"$%", "has a sign of templates");
    has(b",;", "has a comma or semicolon");
    has(b"'\"`", "has a quote");
    match value
        .iter()
        .filter(|byte| byte.is_ascii_whitespace())
        .count()
    {
        0 => {}
        1 => facts.push("has a blank"),
        2 | 3 => facts.push("has some blanks"),
        _ => facts.push("has many blanks"),
    }
    if value.iter().any(|byte| !byte.is_ascii()) {
        facts.push("has other letters than ASCII");
    }
    if value.iter().any(|byte| byte.is_ascii_control()) {
        facts.push("has control characters");
    }
    if !value[0].is_ascii_alphanumeric() {
        facts.push("begins with a mark");
    }
    if is_path_or_address(value) {
        facts.push("looks like a path or address");
    }
    if is_identifier_like(value) {
        facts.push("looks like an identifier of several words");
    }
    if is_uuid(value) {
        facts.push("is a UUID");
    }
}

/// The number of a payment card: its digits stand Luhn's test. Private, but no secret that opens
/// something.
fn is_card_number(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit());
    let is_grouped = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-');
    if !(13..=19).contains(&digits.clone().count()) || !value.iter().all(is_grouped) {
        return false;
    }
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(place, byte)| match (u32::from(byte - b'0'), place % 2) {
            (digit, 0) => digit,
            (digit, _) if digit > 4 => digit * 2 - 9,
            (digit, _) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// As in a Secret of Kubernetes. Random letters hardly ever decode to a text.
fn is_encoded_text(value: &[u8]) -> bool {
    value.len() >= 8
        && BASE64.decode(value).is_ok_and(|text| {
            text.iter()
                .all(|byte| byte.is_ascii_graphic() || *byte == b' ' || *byte == b'\n')
        })
}

/// `7.52.0`, or an address in a network.
fn is_version(value: &[u8]) -> bool {
    let is_digit_or_dot = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    value.iter().all(is_digit_or_dot) && value.iter().filter(|byte| **byte == b'.').count() > 1
}

fn meaning_facts(value: &[u8], name: &[String], facts: &mut Vec<&'static str>) {
    let text = value.to_ascii_lowercase();
    let joined = name.concat();
    let same = |word: &String| word.len() >= 4 && text == word.as_bytes();
    if name.iter().any(same) || text == joined.as_bytes() {
        facts.push("repeats its name");
    }
    let names_password = PASSWORD_WORDS.iter().any(|word| joined.ends_with(word));
    if !names_password && value.len() < 16 && value.iter().all(u8::is_ascii_alphabetic) {
        facts.push("is a word, and not for a password");
    }
    if !names_password && value.len() < 16 && value.iter().all(u8::is_ascii_digit) {
        facts.push("is a number, and not for a password");
    }
    if is_encoded_text(value) {
        facts.push("is base64 of a text");
    }
    if is_config_word(&text) {
        facts.push("is a word of configuration");
    }
    // Chance writes such words, too.
    let is_random = is_random_mix(value);
    if is_test_value(&text) && !is_random {
        facts.push("holds a common test value");
    }
    let words = [
        "password", "passwd", "secret", "token", "_key", "apikey", "user",
    ];
    let holds = |word: &&str| memchr::memmem::find(&text, word.as_bytes()).is_some();
    if words.iter().any(holds) && !is_random {
        facts.push("holds a word for a secret");
    }
}

/// Snake, kebab or camel case with several words: a key in some table, not a password.
fn is_identifier_like(value: &[u8]) -> bool {
    value.len() > 10
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || b"_-.: /".contains(byte))
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_address(value: &[u8]) -> bool {
    value.windows(3).any(|part| part == b"://")
}

fn is_path_or_address(value: &[u8]) -> bool {
    let is_url = is_address(value);
    let starts = [&b"/"[..], b"./", b"../", b"~/"]
        .iter()
        .any(|start| value.starts_with(start));
    let has_extension = value
        .rsplit(|&byte| byte == b'.')
        .next()
        .is_some_and(|tail| {
            tail.len() < value.len()
                && (2..=4).contains(&tail.len())
                && tail.iter().all(u8::is_ascii_lowercase)
        });
    // One of 64 random values in base64 begins with a slash.
    let is_base64 = value.len() >= 20
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
        && class_changes(value) * 3 >= value.len();
    let is_path = value
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"/._-~+@:$*\\ ".contains(byte));
    // `/usr`, `/usr/Bin`; but not a slash before a mix.
    let is_deep = value[1..].contains(&b'/') || !value.iter().any(u8::is_ascii_uppercase);
    let is_place =
        (starts && is_deep && !is_base64) || (has_extension && Classes::of(value).digits < 4);
    is_url || (is_place && is_path)
}
