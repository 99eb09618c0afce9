//! Values over several lines: here-documents, and literals that have line ends in them.

use super::super::syntax::MAX_VALUE_LEN;
use super::{Form, MAX_LOOKAHEAD, Reader, Value};
use crate::span::Span;

/// Letters of the word that ends a here-document.
const MAX_DELIMITER_LEN: usize = 32;

impl Reader<'_> {
    /// Reads on in a literal that begins at `start` and has a line end before its closing quote.
    pub(super) fn quoted_lines(
        &mut self,
        start: usize,
        quote: u8,
        is_triple: bool,
    ) -> Option<Span> {
        let triple = [quote; 3];
        let here_string = [quote, b'@'];
        let begins_line = matches!(self.bytes.get(start), Some(b'\r' | b'\n'));
        let is_here_string = self.is_verbatim && begins_line;
        let closing = match (is_triple, is_here_string) {
            (true, _) => &triple[..],
            // Quotes in it are text.
            (_, true) => &here_string,
            _ => &triple[..1],
        };
        let is_free = is_triple || is_here_string;
        let (value, end) =
            self.lines(start, is_free, |line| memchr::memmem::find(line, closing))?;
        // A lone quote opens nothing: what looks like its end begins the next literal.
        let is_end = |byte: &u8| !byte.is_ascii_alphanumeric();
        let is_closed = is_free || self.bytes.get(end + 1).is_none_or(is_end);
        is_closed.then_some(value)
    }

    /// Reads `<<WORD`, `<<-WORD`, `<<~WORD`, `<<'WORD'`, `<<<WORD` and the lines up to `WORD`; also
    /// in `$(cat <<WORD`.
    pub(super) fn here_document(&mut self) -> Option<Value> {
        let rest = self.bytes.get(self.at..)?;
        let text = rest.strip_prefix(b"\"").unwrap_or(rest);
        let text = text.strip_prefix(b"$(cat ").unwrap_or(text);
        let text = text.strip_prefix(b"<<")?;
        let text = text.strip_prefix(b"<").unwrap_or(text);
        let text = match text {
            [b'-' | b'~', rest @ ..] => rest,
            _ => text,
        };
        let (quote, text) = match text {
            [quote @ (b'\'' | b'"'), rest @ ..] => (Some(*quote), rest),
            _ => (None, text),
        };
        let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let len = text.iter().take(MAX_DELIMITER_LEN).take_while(is_letter);
        let (word, text) = text.split_at(len.count());
        let text = match quote {
            Some(quote) => text.strip_prefix(&[quote])?,
            None => text,
        };
        let text = text.strip_prefix(b"\r").unwrap_or(text);
        let text = text.strip_prefix(b"\n")?;
        if word.is_empty() {
            return None;
        }
        let start = self.bytes.len() - text.len();
        let (value, _) = self.lines(start, true, |line| {
            line.trim_ascii_start().starts_with(word).then_some(0)
        })?;
        Some((value, Form::Quoted, false))
    }

    /// Reads lines from `start` on to the one in which `closing` finds an end; returns the value and
    /// where that end is. Each line must be one word: lines of prose and code are none. `is_free`
    /// says that a line may hold any sign.
    fn lines(
        &mut self,
        start: usize,
        is_free: bool,
        closing: impl Fn(&[u8]) -> Option<usize>,
    ) -> Option<(Span, usize)> {
        let limit = self.bytes.len().min(start + MAX_VALUE_LEN);
        let mut value: Option<Span> = None;
        let mut at = start;
        while at < limit {
            let text = &self.bytes[at..limit];
            let line = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
            self.seen = self.seen.max(at + line.len() + MAX_LOOKAHEAD);
            let end = closing(line);
            let body = &line[..end.unwrap_or(line.len())];
            let word = body.trim_ascii();
            if !word.iter().all(|byte| is_content(*byte)) || !(is_free || is_plain(word)) {
                return None;
            }
            // An escaped line end right behind the opening quote.
            if !word.is_empty() && word != b"\\" {
                let from = at + body.len() - body.trim_ascii_start().len();
                let first = value.map_or(from, |value| value.start);
                value = Some(Span::new(first, from + word.len()));
            }
            if let Some(end) = end {
                return value.map(|value| (value, at + end));
            }
            at += line.len() + 1;
        }
        None
    }
}

/// Whether a byte can be part of a word.
pub(super) fn is_content(byte: u8) -> bool {
    byte.is_ascii_graphic() || !byte.is_ascii()
}

/// Whether a line cannot be another setting, behind a quote that nothing closes.
fn is_plain(word: &[u8]) -> bool {
    let is_padding = |at: usize| word[at..].iter().all(|byte| *byte == b'=');
    let has_quote = word.iter().any(|byte| b"\"'`".contains(byte));
    !has_quote && memchr::memchr(b'=', word).is_none_or(is_padding)
}
