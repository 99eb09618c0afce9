//! The secret among the parts of a value: a user and a password, a scheme and a token.

use super::fields::{PAIRS, ends_with};
use super::{Form, Reader, Value};
use crate::span::Span;

/// What comes before the name of a password in the name of a pair: `user/password: bob/…`.
const USERS: [&[u8]; 6] = [b"user", b"username", b"login", b"account", b"email", b"id"];
/// Names of pairs in one word.
const JOINED_PAIRS: [&[u8]; 4] = [b"userpass", b"userpwd", b"userpassword", b"user_pass"];
/// Schemes of authentication, before a token.
const SCHEMES: [&[u8]; 9] = [
    b"bearer",
    b"token",
    b"key",
    b"apikey",
    b"api-key",
    b"bot",
    b"basic",
    b"geniekey",
    b"ssws",
];

/// The length of `Key ` in a header: `"X-Api-Key": "Key …"`.
fn scheme(text: &[u8], form: Form) -> Option<usize> {
    const MIN_LEN: usize = 8;
    let at = memchr::memchr(b' ', text).filter(|_| form != Form::Bare)?;
    let token = &text[at + 1..];
    let is_word = token.len() >= MIN_LEN && token.iter().all(u8::is_ascii_graphic);
    let is_known = SCHEMES
        .iter()
        .any(|scheme| text[..at].eq_ignore_ascii_case(scheme));
    (is_word && is_known).then_some(at + 1)
}

impl Reader<'_> {
    /// The secret of a value that begins with what its name or a scheme says: a user, the name again, or
    /// the scheme of a header.
    pub(super) fn secret_part(&self, name: Span, value: Value) -> Value {
        let value = self.without_user(name, value);
        let (span, form, is_partial) = value;
        let text = &self.bytes[span.start..span.end];
        let skipped = self
            .user_of_pair(name, text)
            .or_else(|| self.repeated_name(name, text))
            .or_else(|| scheme(text, form));
        let start = span.start + skipped.unwrap_or(0);
        (Span::new(start, span.end), form, is_partial)
    }

    /// The length of `bob/` in the value of `user/password`, or of `bob:` in that of `userpass`.
    fn user_of_pair(&self, name: Span, text: &[u8]) -> Option<usize> {
        let before = &self.bytes[..name.start];
        let separator = match before.last() {
            Some(separator @ (b'/' | b':')) if ends_with(&before[..before.len() - 1], &USERS) => {
                *separator
            }
            _ if ends_with(self.name_of(name), &JOINED_PAIRS) => b':',
            _ => return None,
        };
        let at = memchr::memchr(separator, text)?;
        let is_user = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.@- ".contains(byte);
        let password = text[at + 1..].trim_ascii_start();
        let is_pair = at > 0 && text[..at].iter().all(is_user) && !password.starts_with(b"/");
        (is_pair && !password.is_empty()).then(|| text.len() - password.len())
    }

    /// Whether a literal is not the first of a list or of arguments: the user has one of its own.
    fn is_second(&self, span: Span) -> bool {
        let before = self.bytes[..span.start].strip_suffix(b"\"");
        let before = before.or_else(|| self.bytes[..span.start].strip_suffix(b"'"));
        before.is_some_and(|before| before.trim_ascii_end().ends_with(b","))
    }

    /// The length of `token=` in `token = "token=…"`.
    fn repeated_name(&self, name: Span, text: &[u8]) -> Option<usize> {
        const MIN_LEN: usize = 8;
        let at = memchr::memchr(b'=', text)?;
        let (again, rest) = (&text[..at], &text[at + 1..]);
        let is_one = again.len() > 2 && rest.len() >= MIN_LEN && !rest.starts_with(b"=");
        (is_one && ends_with(self.name_of(name), &[again])).then_some(at + 1)
    }

    /// The password of a value that begins with a user, as its name says: `auth admin:…`, `login=bob:…`,
    /// `password_maps = static:bob:…`.
    fn without_user(&self, name: Span, value: Value) -> Value {
        const MIN_LEN: usize = 4;
        let (span, form, is_partial) = value;
        let text = &self.bytes[span.start..span.end];
        let of_map = text.strip_prefix(b"static:");
        let of_map = of_map.filter(|_| ends_with(self.name_of(name), &[b"password_maps"]));
        let pair = match of_map {
            Some(pair) => pair,
            None if self.is_second(span) => return value,
            None if ends_with(self.name_of(name), &PAIRS) => text,
            None => return value,
        };
        let is_user = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.@-".contains(byte);
        let is_named = pair.first().is_some_and(u8::is_ascii_alphabetic);
        let colon = memchr::memchr(b':', pair).filter(|_| is_named);
        let colon = colon.filter(|&at| pair[..at].iter().all(is_user));
        let password = colon.map_or(&pair[..0], |at| &pair[at + 1..]);
        let is_one = password.len() >= MIN_LEN
            && !password.starts_with(b"/")
            && !password.iter().any(u8::is_ascii_whitespace);
        match is_one {
            true => (
                Span::new(span.end - password.len(), span.end),
                form,
                is_partial,
            ),
            false => value,
        }
    }
}
