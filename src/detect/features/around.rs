//! What the syntax around name and value says.

use super::super::assignment::{Assignment, Form, Operator};
use super::super::entropy::class_changes;
use super::super::{interpolation, syntax};
use super::{Fact, Features};

/// Bytes before a name that are looked at: in long lines, what is further away tells nothing.
const MAX_BEFORE: usize = 48;

pub(super) fn describe(features: &mut Features, window: &[u8], found: &Assignment) {
    let form = match found.form {
        Form::Quoted | Form::Default => Fact::IsQuoted,
        Form::Bare => Fact::IsBare,
        Form::Template => Fact::IsTemplate,
        Form::Element => Fact::IsElement,
    };
    features.note(form, true);
    let by = match found.operator {
        Operator::Assign => Fact::ByEquals,
        Operator::Colon => Fact::ByColon,
        Operator::Compare => Fact::ByComparison,
        Operator::Argument => Fact::ByCall,
        Operator::Item => Fact::ByComma,
        Operator::Markup => Fact::ByMarkup,
        Operator::Blank => Fact::ByBlank,
        Operator::Field => Fact::ByField,
        Operator::Listed => Fact::ByList,
        Operator::Member => Fact::ByMember,
        Operator::Prose => Fact::ByProse,
    };
    features.note(by, true);
    for fact in sides(window, found).into_iter().flatten() {
        features.note(fact, true);
    }
    let start = found.name.start;
    let before = &window[start.saturating_sub(MAX_BEFORE)..start];
    let line = memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..]);
    let line = line.trim_ascii_start();
    let is_comment = line.starts_with(b"//") || line.starts_with(b"#") || line.starts_with(b"*");
    features.note(Fact::IsComment, is_comment);
    let mut parts = line.windows(4);
    let has_user = parts.any(|part| part.eq_ignore_ascii_case(b"user"));
    features.note(Fact::HasUser, has_user);
    let name = &window[found.name.start..found.name.end];
    let is_tight = matches!(window[found.value.start - 1], b'=' | b':');
    features.note(Fact::IsTight, is_tight);
    let is_environment = found.form == Form::Bare
        && window[found.value.start - 1] == b'='
        && !name.iter().any(u8::is_ascii_lowercase)
        && window.get(found.value.end) != Some(&b';');
    features.note(Fact::IsEnvironment, is_environment);
    features.note(Fact::IsFlag, name.starts_with(b"-"));
    let is_coordinate = features.is(Fact::HasSigil) && features.is(Fact::ByColon) && is_tight;
    features.note(Fact::IsCoordinate, is_coordinate);
    let is_public = line.to_ascii_lowercase().ends_with(b"public ");
    if is_public {
        features.note(Fact::NameIsPublic, true);
    }
}

/// What stands right before the name and right behind the value.
fn sides(window: &[u8], found: &Assignment) -> [Option<Fact>; 2] {
    let before = found.name.start.checked_sub(1).map(|at| window[at]);
    let before = match before {
        None | Some(b'\n' | b'\r') => Some(Fact::BeginsLine),
        Some(b'"' | b'\'' | b'`') => Some(Fact::IsNameQuoted),
        Some(b'$' | b'@' | b':') => Some(Fact::HasSigil),
        Some(b'<' | b'>') => Some(Fact::AfterMarkup),
        Some(b'(' | b'[' | b'{' | b',') => Some(Fact::AfterBracket),
        Some(b'&' | b'?') => Some(Fact::IsParameter),
        Some(b' ' | b'\t') => Some(Fact::AfterBlank),
        Some(_) => None,
    };
    let quote = usize::from(found.form == Form::Quoted);
    let after = match window.get(found.value.end + quote) {
        None | Some(b'\n' | b'\r') => Some(Fact::EndsLine),
        Some(b';') => Some(Fact::EndsStatement),
        Some(b',') => Some(Fact::BeforeComma),
        Some(b')' | b']' | b'}') => Some(Fact::BeforeBracket),
        Some(b' ' | b'\t') => Some(Fact::BeforeBlank),
        Some(b'+' | b'.' | b'%') => Some(Fact::BeforeOperator),
        Some(b'"' | b'\'' | b'`' | b'\\') => Some(Fact::BeforeQuote),
        Some(b'<' | b'/' | b'>') => Some(Fact::BeforeMarkup),
        Some(_) => None,
    };
    [before, after]
}

/// Whether a value without quotes is a word of a language or a type, and no value.
pub(super) fn is_code_word(found: &Assignment, value: &[u8]) -> bool {
    const WORDS: [&[u8]; 20] = [
        b"typeof",
        b"nullptr",
        b"null",
        b"undefined",
        b"none",
        b"await",
        b"include",
        b"require",
        b"function",
        b"return",
        b"true",
        b"false",
        b"void",
        b"this",
        b"self",
        b"const",
        b"static",
        b"async",
        b"lambda",
        b"yield",
    ];
    let text = value.to_ascii_lowercase();
    let is_pointer = matches!(value, [b'*' | b'&', kind @ ..] if super::value::is_type(kind));
    found.form == Form::Bare && (WORDS.contains(&&text[..]) || is_pointer)
}

/// `<Value Unspecified>` without quotes: a slot that has blanks.
pub(super) fn is_open_slot(window: &[u8], found: &Assignment) -> bool {
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
pub(super) fn is_call(window: &[u8], found: &Assignment, value: &[u8]) -> bool {
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
        || (matches!(after.first(), Some(b'(' | b'[')) && !after.starts_with(b"[/"))
        || (after.first() == Some(&b'{') && !is_filled_in(window, found))
}

/// Whether the braces behind the value are an expression in a text, such as a colour.
fn is_filled_in(window: &[u8], found: &Assignment) -> bool {
    interpolation::style(&window[found.value.end..]).is_some()
        || syntax::is_in_template(window, found.name.start)
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
pub(super) fn is_named_call(value: &[u8]) -> bool {
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

/// `` user `admin` and password `value` ``: a word for a password, then a mix of letters and digits.
fn is_told_password(window: &[u8], found: &Assignment, value: &[u8]) -> bool {
    const NAMES: [&[u8]; 4] = [b"password", b"passphrase", b"passwd", b"passwort"];
    const MIN_LEN: usize = 8;
    let name = &window[found.name.start..found.name.end];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
        && value.len() >= MIN_LEN
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && !value.iter().any(u8::is_ascii_whitespace)
        && class_changes(value) * 3 >= value.len()
}

/// `pass the test`, "Pass `x` to": a blank assigns on command lines and in environments only.
pub(super) fn is_prose(window: &[u8], found: &Assignment, value: &[u8]) -> bool {
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
            let before = &window[..found.name.start];
            let is_variable = before.ends_with(b"$") && !before.ends_with(b"set $");
            let is_number = !value.iter().any(u8::is_ascii_alphabetic);
            let is_bare = found.form == Form::Bare;
            // `proxy_pass http://…` hands requests on.
            let is_proxy = window[..found.name.end].ends_with(b"_pass") && value.contains(&b':');
            if is_proxy {
                return true;
            }
            let is_pair = value.iter().skip(2).any(|byte| *byte == b'=') && !value.ends_with(b"=");
            let is_assigned = is_flag || is_environment || !(is_word || is_number || is_pair);
            let is_code = is_quoted_code && !is_told_password(window, found, value);
            is_code || is_variable || (is_bare && !is_assigned)
        }
        _ => false,
    }
}
