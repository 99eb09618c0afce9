//! Expressions in a value, which a shell, a template or a language replaces: `${NAME}`, `$(command)`,
//! `{{ name }}`, `#{name}`, `{name}` in a template string.
//!
//! The default of an expression is a value of its own. So is text beside expressions: a colour around it
//! changes nothing, anything else makes it a part of a value that nobody knows.

use crate::span::Span;

/// Bytes of an expression that are looked at.
pub(super) const MAX_LEN: usize = 256;
/// Bytes before a value that say whether a variable in it is replaced.
const MAX_LINE_LEN: usize = 160;
/// Shorter text beside an expression is a prefix, a suffix or a sign between two.
const MIN_TEXT_LEN: usize = 8;

/// What a value with expressions in it says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    /// Where that stands.
    pub(super) span: Span,
    /// How it belongs to the expressions.
    pub(super) kind: Kind,
    /// Whether more belongs to it.
    pub(super) is_partial: bool,
}

/// How a text belongs to the expressions in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The default of one.
    Default,
    /// Between colours.
    Styled,
    /// Beside some.
    Beside,
}

/// Returns what the value at `span` says by itself; `None` if no expression is in it, or nothing else.
/// `is_template` says that braces alone are expressions.
pub(super) fn own(bytes: &[u8], span: Span, is_template: bool) -> Option<Own> {
    let text = &bytes[span.start..span.end];
    if !text.iter().any(|byte| b"{$<%".contains(byte)) {
        return None;
    }
    if let Some(token) = pasted(text) {
        return Some(Own {
            span: moved(token, span.start),
            kind: Kind::Default,
            is_partial: false,
        });
    }
    let Parts {
        texts,
        default,
        is_styled,
    } = Parts::of(bytes, span, is_template)?;
    let is_content = |span: &&Span| {
        let part = &text[span.start..span.end];
        part.iter()
            .any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii())
    };
    let count = texts.iter().filter(is_content).count();
    if let Some(found) = default {
        let kind = Kind::Default;
        let is_partial = count > 0 || texts.len() > 2;
        return Some(Own {
            span: moved(found, span.start),
            kind,
            is_partial,
        });
    }
    let longest = texts
        .iter()
        .filter(is_content)
        .max_by_key(|span| span.len())?;
    let part = &text[longest.start..longest.end];
    let blanks = part.len() - part.trim_ascii_start().len();
    let found = Span::new(
        longest.start + blanks,
        longest.start + blanks + part.trim_ascii().len(),
    );
    let part = &text[found.start..found.end];
    let kind = if is_styled && count == 1 {
        Kind::Styled
    } else {
        Kind::Beside
    };
    // A name, a path or a sentence with something in it is none.
    let is_telling = part.len() >= MIN_TEXT_LEN
        && part
            .split(|byte| !byte.is_ascii_alphanumeric())
            .any(is_mixed)
        && !part.iter().any(u8::is_ascii_whitespace);
    (kind == Kind::Styled || is_telling).then(|| Own {
        span: moved(found, span.start),
        kind,
        is_partial: kind == Kind::Beside,
    })
}

/// A token in the marks of an expression: `${{ 0123… }}` names nothing of a workflow.
pub(super) fn pasted(text: &[u8]) -> Option<Span> {
    const MIN_LEN: usize = 16;
    let inner = text.strip_prefix(b"${{")?.strip_suffix(b"}}")?;
    let token = inner.trim_ascii();
    let start = 3 + inner.len() - inner.trim_ascii_start().len();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let changes = token
        .windows(2)
        .filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit());
    let is_mix = token.len() >= MIN_LEN && token.iter().all(is_token) && changes.count() >= 4;
    is_mix.then(|| Span::new(start, start + token.len()))
}

/// What a value is made of.
struct Parts {
    /// Texts around the expressions.
    texts: Vec<Span>,
    /// The first default.
    default: Option<Span>,
    /// Whether all expressions are colours.
    is_styled: bool,
}

impl Parts {
    /// Takes the value at `span` apart; `None` if no expression is in it.
    fn of(bytes: &[u8], span: Span, is_template: bool) -> Option<Self> {
        let text = &bytes[span.start..span.end];
        let mut texts: Vec<Span> = Vec::new();
        let (mut start, mut at) = (0, 0);
        let (mut default, mut is_styled) = (None, true);
        while at < text.len() {
            let begins = matches!(text[at], b'$' | b'{' | b'<' | b'#' | b'%');
            let len = begins.then(|| {
                let last = || last_variable(bytes, span, span.start + at);
                len_in(&text[at..], is_template).or_else(last)
            });
            let Some(len) = len.flatten() else {
                at += 1;
                continue;
            };
            let expression = &text[at..at + len];
            texts.push(Span::new(start, at));
            let is_named = matches!(expression, [b'$', next, ..] if is_name(next));
            is_styled &= is_style(expression)
                && !(is_named && assigns_variable(line_before(bytes, span.start)));
            default = default.or_else(|| default_of(expression).map(|found| moved(found, at)));
            at += len;
            start = at;
        }
        // `"…%s" % x`
        if text.ends_with(b"%s") && is_formatted(&bytes[span.end..]) {
            texts.push(Span::new(start, text.len() - 2));
            (start, is_styled) = (text.len(), false);
        }
        texts.push(Span::new(start, text.len()));
        (start > 0).then_some(Self {
            texts,
            default,
            is_styled,
        })
    }
}

fn is_mixed(word: &[u8]) -> bool {
    word.iter().any(u8::is_ascii_digit) && word.iter().any(u8::is_ascii_alphabetic)
}

/// Whether a quote and the sign of a format follow.
fn is_formatted(after: &[u8]) -> bool {
    matches!(after, [b'"' | b'\'', b' ', b'%', b' ', ..])
}

fn moved(span: Span, by: usize) -> Span {
    Span::new(span.start + by, span.end + by)
}

/// The length of the expression that `text` begins with, also of a colour that is written as a word.
fn len_in(text: &[u8], is_template: bool) -> Option<usize> {
    if let Some(len) = expression(text) {
        return Some(len);
    }
    let name = |text: &[u8]| text.iter().take_while(|byte| is_name(byte)).count();
    match text {
        [b'{', rest @ ..] if is_template => {
            let len = 1 + balanced(rest, b'{', b'}')?;
            let inner = &text[1..len];
            (is_code(inner) || is_style(inner)).then_some(len + 1)
        }
        [b'{', rest @ ..] => {
            let len = name(rest);
            (rest.get(len) == Some(&b'}') && is_style(&rest[..len])).then_some(len + 2)
        }
        _ => None,
    }
}

/// The length of a variable without braces at `at`, if it ends the value at `span` and a shell replaces it
/// there: a colour in a text that is printed (`echo "password: v$NC"`), or a name in the assignment of a
/// variable (`NAME=v$SUFFIX`, `NAME="v$SUFFIX"`). Anywhere else the sign is one of the value.
fn last_variable(bytes: &[u8], span: Span, at: usize) -> Option<usize> {
    const MIN_NAME_LEN: usize = 3;
    let name = bytes[at..span.end].strip_prefix(b"$")?;
    if name.is_empty() || at == span.start || !name.iter().all(is_name) {
        return None;
    }
    let line = line_before(bytes, span.start);
    let is_colour = || {
        let is_open = memchr::memchr_iter(b'"', line).count() % 2 == 1;
        let is_printed = [&b"echo "[..], b"printf "]
            .iter()
            .any(|command| memchr::memmem::find(line, command).is_some());
        is_open && (line.ends_with(b" ") || is_printed) && is_style(name)
    };
    // Chance hardly writes a name of one case.
    let is_one = |is_other: fn(&u8) -> bool| !name.iter().any(is_other);
    let is_word = name.len() >= MIN_NAME_LEN
        && !name.iter().any(u8::is_ascii_digit)
        && (is_one(u8::is_ascii_uppercase) || is_one(u8::is_ascii_lowercase));
    let is_variable = || is_word && assigns_variable(line);
    (is_colour() || is_variable()).then_some(name.len() + 1)
}

/// Whether `line` ends in the assignment of a variable of a shell, or of a file that one reads.
fn assigns_variable(line: &[u8]) -> bool {
    const EXPORTS: [&[u8]; 5] = [b"export", b"declare", b"local", b"readonly", b"typeset"];
    let line = line.strip_suffix(b"\"").unwrap_or(line);
    let Some(line) = line.strip_suffix(b"=") else {
        return false;
    };
    let len = line.iter().rev().take_while(|byte| is_name(byte)).count();
    let (before, name) = line.split_at(line.len() - len);
    let word = before.trim_ascii();
    let is_exported = EXPORTS.contains(&word);
    let is_constant = !name.iter().any(u8::is_ascii_lowercase);
    !name.is_empty() && (is_exported || is_constant && word.is_empty())
}

/// The line before `at`, as far as it is looked at.
fn line_before(bytes: &[u8], at: usize) -> &[u8] {
    let before = &bytes[at.saturating_sub(MAX_LINE_LEN)..at];
    memchr::memrchr(b'\n', before).map_or(before, |end| &before[end + 1..])
}

/// The length of the expression that `text` begins with, if its marks say that it is one.
#[inline]
pub(super) fn expression(text: &[u8]) -> Option<usize> {
    let begins = matches!(text.first(), Some(b'$' | b'{' | b'<' | b'#' | b'%'));
    begins.then(|| marked(text)).flatten()
}

/// The same for a text that begins with one of the marks.
fn marked(text: &[u8]) -> Option<usize> {
    let text = &text[..text.len().min(MAX_LEN)];
    let (open, close): (usize, &[u8]) = match text {
        [b'$', b'{', b'{', ..] => (3, b"}}"),
        [b'{', b'{', ..] => (2, b"}}"),
        [b'<', b'%', ..] => (2, b"%>"),
        [b'$' | b'#' | b'%', b'{', ..] => (2, b"}"),
        [b'$', b'(', ..] => (2, b")"),
        _ => return None,
    };
    let inner = &text[open..];
    let inner = &inner[..memchr::memchr(b'\n', inner).unwrap_or(inner.len())];
    let len = match close {
        b"}" => balanced(inner, b'{', b'}')?,
        b")" => balanced(inner, b'(', b')')?,
        _ => memchr::memmem::find(inner, close)?,
    };
    let inner = &inner[..len];
    let is_one = is_code(inner) || default_at(inner).is_some() || default_literal(inner).is_some();
    is_one.then_some(open + len + close.len())
}

/// The length of the text up to the bracket that closes it: neither one in quotes nor one behind a
/// backslash.
fn balanced(text: &[u8], open: u8, close: u8) -> Option<usize> {
    let mut depth = 1;
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'\n' => return None,
            b'\\' => at += 1,
            byte if byte == open => depth += 1,
            byte if byte == close => depth -= 1,
            quote @ (b'"' | b'\'') => at += quoted_len(&text[at + 1..], quote, close),
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
        at += 1;
    }
}

/// The length of what `quote` quotes before `rest`, with the closing one; 0 if that is no bracket, or
/// nothing closes it: then the quote is a character of the value.
fn quoted_len(rest: &[u8], quote: u8, close: u8) -> usize {
    let Some(len) = memchr::memchr(quote, rest) else {
        return 0;
    };
    let closes_later = memchr::memchr(close, &rest[len..]).is_some();
    if closes_later && rest[..len].contains(&close) {
        len + 1
    } else {
        0
    }
}

/// Whether the text between the marks of an expression can be one: it begins with a name.
pub(super) fn is_code(text: &[u8]) -> bool {
    let text = text
        .strip_prefix(b"=")
        .or_else(|| text.strip_prefix(b"-"))
        .unwrap_or(text);
    let text = text.trim_ascii();
    let len = text.iter().take_while(|byte| is_part(byte)).count();
    let is_named = text
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || b"_.$@".contains(byte));
    let rest = &text[len..];
    let goes_on = |byte: &u8| b" |:([-".contains(byte);
    is_named && len >= 2 && rest.first().is_none_or(goes_on)
}

fn is_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

fn is_part(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.$@".contains(byte)
}

/// Whether an expression is a colour or a style of text: `${NC}`, `{Fore.RESET}`, `$(tput sgr0)`.
pub(super) fn is_style(expression: &[u8]) -> bool {
    const WORDS: [&str; 33] = [
        "nc",
        "reset",
        "normal",
        "bold",
        "dim",
        "red",
        "green",
        "yellow",
        "blue",
        "cyan",
        "magenta",
        "purple",
        "white",
        "black",
        "gray",
        "grey",
        "endc",
        "clear",
        "off",
        "color",
        "colour",
        "nocolor",
        "underline",
        "italic",
        "bright",
        "style",
        "tput",
        "rst",
        "fg",
        "orange",
        "plain",
        "txtrst",
        "txtreset",
    ];
    let is_code = |byte: &u8| is_part(byte) || b"{}() $#%".contains(byte);
    expression.iter().all(is_code)
        && expression
            .split(|byte| !byte.is_ascii_alphabetic())
            .filter(|word| !word.is_empty())
            .any(|word| {
                WORDS
                    .iter()
                    .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
            })
}

/// The length of a colour that `text` begins with: an expression, or an escape of a terminal, raw or
/// written `\e[0m`, `\033[0m`, `\x1b[0m`, `\u001b[0m`.
pub fn style(text: &[u8]) -> Option<usize> {
    const ESCAPES: [&[u8]; 5] = [b"\x1b[", b"\\e[", b"\\033[", b"\\x1b[", b"\\u001b["];
    const MAX_CODES: usize = 16;
    let escape = ESCAPES.iter().find(|escape| {
        let start = text.get(..escape.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(escape))
    });
    if let Some(escape) = escape {
        let codes = text[escape.len()..].iter().take(MAX_CODES);
        let codes = codes
            .take_while(|byte| byte.is_ascii_digit() || **byte == b';')
            .count();
        let len = escape.len() + codes;
        return (text.get(len) == Some(&b'm')).then_some(len + 1);
    }
    let text = &text[..text.len().min(MAX_LEN)];
    let len = len_in(text, false).filter(|len| is_style(&text[..*len]));
    len.or_else(|| match text {
        // A name alone.
        [b'$', name @ ..] if !name.is_empty() && name.iter().all(is_name) => {
            is_style(name).then_some(text.len())
        }
        _ => None,
    })
}

/// Whether a colour stands at the end of `text`.
pub fn ends_in_style(text: &[u8]) -> bool {
    const REACH: usize = 40;
    let from = text.len().saturating_sub(REACH);
    let is_end = matches!(text.last(), Some(b'}' | b')' | b'm'));
    let mut starts = (from..text.len()).rev();
    is_end
        && starts.any(|at| {
            b"$#{\\\x1b".contains(&text[at]) && style(&text[at..]) == Some(text.len() - at)
        })
}

/// The default of an expression with its marks, without its quotes.
fn default_of(expression: &[u8]) -> Option<Span> {
    let (open, close) = match expression {
        [b'$', b'{', b'{', ..] => (3, 2),
        [b'{', b'{', ..] | [b'<', b'%', ..] => (2, 2),
        [b'$' | b'#' | b'%', ..] => (2, 1),
        _ => (1, 1),
    };
    let inner = expression.get(open..expression.len() - close)?;
    let found = if expression.starts_with(b"${") && open == 2 {
        default_at(inner).map(|from| unquoted(inner, from))
    } else {
        None
    };
    let found = found.or_else(|| default_literal(inner))?;
    (!found.is_empty()).then(|| moved(found, open))
}

/// The default that begins at `from` of `inner`, without its quotes: `${NAME:-"default"}`.
fn unquoted(inner: &[u8], from: usize) -> Span {
    match &inner[from..] {
        [first @ (b'"' | b'\''), .., last] if first == last && inner.len() - from > 2 => {
            Span::new(from + 1, inner.len() - 1)
        }
        _ => Span::new(from, inner.len()),
    }
}

/// Where the default of a variable begins in what its braces hold: `NAME:-default`, `NAME-…`, `NAME:=…`,
/// `NAME=…` (POSIX XCU 2.6.2; Compose, "Interpolation"); `db.password:default`, `DB_PASSWORD:default`
/// (Spring). A shell has a number there.
fn default_at(inner: &[u8]) -> Option<usize> {
    // Serverless, Log4j, Hydra: `env:NAME:-default`, `oc.env:NAME,default`.
    const SOURCES: [&[u8]; 3] = [b"env:", b"sys:", b"oc.env:"];
    if let Some(source) = SOURCES.iter().find(|source| inner.starts_with(source)) {
        let rest = &inner[source.len()..];
        let name = rest.iter().take_while(|byte| is_name(byte)).count();
        let sign = match &rest[name..] {
            [b':', b'-', ..] | [b',', b' ', ..] => 2,
            [b',', ..] => 1,
            _ => return None,
        };
        return Some(source.len() + name + sign);
    }
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
    let name = inner.iter().take_while(is_letter).count();
    let rest = &inner[name..];
    let sign = rest.strip_prefix(b":").unwrap_or(rest);
    let is_constant = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_';
    let is_text = sign.first().is_some_and(u8::is_ascii_alphanumeric)
        && (is_mixed(sign) || sign[0].is_ascii_alphabetic());
    let is_variable = is_text && inner[..name].iter().all(is_constant);
    let is_property = sign.len() < rest.len() && (inner[..name].contains(&b'.') || is_variable);
    match sign.first() {
        // Logback writes `:-`, as shells do.
        Some(byte) if is_property && *byte != b'-' && byte.is_ascii_graphic() => {
            Some(inner.len() - sign.len())
        }
        Some(b'-' | b'=') if name > 0 => Some(inner.len() - sign.len() + 1),
        _ => None,
    }
}

/// The literal that an expression takes if it has no value: `x | default('…')`, `default "…" x`,
/// `x or '…'`, `x || '…'`, `getenv('X', '…')`.
fn default_literal(inner: &[u8]) -> Option<Span> {
    const SIGNS: [&[u8]; 10] = [
        b"default(",
        b"default ",
        b"d(",
        b"or ",
        b"||",
        b"??",
        b"?:",
        b"coalesce ",
        b"coalesce(",
        b",",
    ];
    let is_env = inner
        .windows(3)
        .any(|part| part.eq_ignore_ascii_case(b"env"));
    // `opt:name, "…"` of Serverless and Hydra.
    let source = inner
        .iter()
        .take_while(|byte| byte.is_ascii_lowercase() || **byte == b'.');
    let source = source.count();
    let is_source = source > 1 && matches!(&inner[source..], [b':', next, ..] if is_part(next));
    SIGNS.iter().find_map(|sign| {
        if *sign == b"," && !(is_env || is_source) {
            return None;
        }
        let at = memchr::memmem::find_iter(inner, sign).find(|&at| {
            let before = at.checked_sub(1).map(|at| inner[at]);
            !sign[0].is_ascii_alphabetic() || !before.is_some_and(|byte| is_name(&byte))
        })?;
        let from = at + sign.len();
        let rest = &inner[from..];
        let quote = match sign.starts_with(b"coalesce") {
            // The last of its arguments.
            true => rest.iter().position(|byte| b"\"'`".contains(byte))?,
            false => rest.iter().position(|byte| !b" \\".contains(byte))?,
        };
        let literal = &rest[quote + 1..];
        let closing = Some(rest[quote]).filter(|byte| b"\"'`".contains(byte))?;
        let end = memchr::memchr(closing, literal)?;
        let escapes = literal[..end]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count();
        let start = from + quote + 1;
        Some(Span::new(start, start + end - escapes))
    })
}

/// Whether braces alone are expressions in the text that `line` ends in: an f-string, or a format of Rust.
pub(super) fn is_template(line: &[u8]) -> bool {
    memchr::memchr2_iter(b'"', b'\'', line).any(|at| match line[..at] {
        [.., b'f' | b'F'] => true,
        [.., b'$'] | [.., b'!', b'('] => line[at] == b'"',
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_of(text: &str, is_template: bool) -> Option<(&str, Kind, bool)> {
        let found = own(text.as_bytes(), Span::new(0, text.len()), is_template)?;
        Some((
            &text[found.span.start..found.span.end],
            found.kind,
            found.is_partial,
        ))
    }

    #[test]
    fn a_default_is_found_in_every_language() {
        for text in [
            "${PW:-v-1}",
            "${PW-v-1}",
            "${PW:=v-1}",
            "${PW:-\"v-1\"}",
            "${db.password:v-1}",
            "{{ x | default('v-1') }}",
            "{{ x|d(\"v-1\", true) }}",
            "{{ .Values.x | default \"v-1\" | quote }}",
            "{{ default \"v-1\" .Values.x }}",
            "{{ coalesce .Values.x \"v-1\" }}",
            "${{ secrets.X || 'v-1' }}",
            "${process.env.X ?? 'v-1'}",
            "{{ x | default(\\\"v-1\\\") }}",
        ] {
            assert_eq!(
                own_of(text, false),
                Some(("v-1", Kind::Default, false)),
                "{text}"
            );
        }
        let text = "{os.getenv('PW', 'v-1')}";
        assert_eq!(own_of(text, true), Some(("v-1", Kind::Default, false)));
        assert_eq!(
            own_of("${A}x${PW:-v-1}", false),
            Some(("v-1", Kind::Default, true))
        );
    }

    #[test]
    fn text_between_colours_is_whole_and_beside_others_a_part() {
        for text in [
            "v-1${NC}",
            "${GREEN}v-1${NC}",
            "v-1{RESET}",
            "v-1$(tput sgr0)",
        ] {
            assert_eq!(
                own_of(text, false),
                Some(("v-1", Kind::Styled, false)),
                "{text}"
            );
        }
        // A shell replaces a variable without braces where it reads the text.
        for (before, after, is_one) in [
            ("echo \"password: ", "\"", true),
            ("echo 'password: ", "'", false),
            ("password: ", "", false),
            ("password = \"", "\"", false),
        ] {
            let text = format!("{before}v-1$NC{after}");
            let span = Span::new(before.len(), text.len() - after.len());
            let found = own(text.as_bytes(), span, false);
            let is_styled = found.is_some_and(|found| found.kind == Kind::Styled);
            assert_eq!(is_styled, is_one, "{text}");
        }
        for text in ["v-1w2x3y4${AB}", "${AB}v-1w2x3y4", "#{ab}-v-1w2x3y4"] {
            let found = own_of(text, false).unwrap();
            assert!(found.1 == Kind::Beside && found.2, "{text}");
        }
        for text in [
            "${AB}",
            "a-${BC}-d",
            "{{ x }}",
            "v-1",
            "v-1${x",
            "Bearer ${TOKEN}",
            "v-1$x",
        ] {
            assert_eq!(own_of(text, false), None, "{text}");
        }
    }

    #[test]
    fn colours_have_a_length() {
        for text in [
            "\x1b[32m", "\\e[0;1m", "\\033[0m", "\\x1B[0m", "${NC}", "{RESET}",
        ] {
            assert_eq!(
                style(format!("{text} x").as_bytes()),
                Some(text.len()),
                "{text}"
            );
        }
        for text in ["\x1b[2J", "${NAME}", "{x}", "red"] {
            assert_eq!(style(text.as_bytes()), None, "{text}");
        }
    }
}
