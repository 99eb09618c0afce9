//! Passwords in SQL dumps: `INSERT INTO users (name, password) VALUES ('a', '…'), …`.

use crate::span::Span;

/// Names of columns that hold passwords and keys end in one of these.
const COLUMNS: [&[u8]; 10] = [
    b"password",
    b"passwd",
    b"pwd",
    b"pass",
    b"passphrase",
    b"secret",
    b"token",
    b"api_key",
    b"apikey",
    b"secret_key",
];
/// Bytes of a statement that are read: servers take no longer ones, unless they are told to.
pub(super) const MAX_STATEMENT_LEN: usize = 16 << 20;
/// Bytes of a value that is no literal, and of one that is.
const MAX_CALL_LEN: usize = 8 << 10;
const MAX_LITERAL_LEN: usize = 1 << 20;
/// Longest name of a table, and most columns.
const MAX_NAME: usize = 130;
const MAX_COLUMNS: usize = 100;

/// Returns the string literals in such columns of the statement whose keywords end at `at`, as far
/// as it stands in the window; and whether the window ends before the statement.
pub(super) fn passwords(window: &[u8], at: usize) -> (Vec<Span>, bool) {
    let mut reader = Reader { bytes: window, at };
    let found = reader.rows();
    (found, reader.at >= window.len())
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Reader<'_> {
    /// Reads the rows of the statement.
    fn rows(&mut self) -> Vec<Span> {
        let mut found = Vec::new();
        let Some(columns) = self.columns() else {
            return found;
        };
        if !columns.contains(&true) || !self.word(b"values") {
            return found;
        }
        while self.mark(b'(') {
            for &is_wanted in &columns {
                let Some(value) = self.value() else {
                    return found;
                };
                if is_wanted && let Some(span) = value {
                    found.push(span);
                }
                if !self.mark(b',') {
                    break;
                }
            }
            if !self.mark(b')') || !self.mark(b',') {
                break;
            }
        }
        found
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn mark(&mut self, mark: u8) -> bool {
        self.blanks();
        let stands = self.peek() == Some(mark);
        self.at += usize::from(stands);
        stands
    }

    fn word(&mut self, word: &[u8]) -> bool {
        self.blanks();
        let rest = &self.bytes[self.at..];
        let stands = rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word);
        if stands {
            self.at += word.len();
        }
        stands
    }

    /// Reads the table's name and the list of columns: which of them are wanted.
    fn columns(&mut self) -> Option<Vec<bool>> {
        let rest = &self.bytes[self.at..];
        let open = rest.iter().take(MAX_NAME).position(|&byte| byte == b'(')?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b" \t\r\n_.`\"[]-".contains(byte);
        if !rest[..open].iter().all(is_name) {
            return None;
        }
        self.at += open + 1;
        let mut columns = Vec::new();
        while columns.len() < MAX_COLUMNS {
            let start = self.at;
            while !matches!(self.peek()?, b',' | b')') {
                self.at += 1;
            }
            let name = &self.bytes[start..self.at];
            if name.len() > MAX_NAME {
                return None;
            }
            let name: Vec<u8> = name
                .iter()
                .filter(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
                .map(u8::to_ascii_lowercase)
                .collect();
            columns.push(COLUMNS.iter().any(|column| name.ends_with(column)));
            self.at += 1;
            if self.bytes[self.at - 1] == b')' {
                return Some(columns);
            }
        }
        None
    }

    /// Reads one value: the inside of a string literal or of one that a call begins with,
    /// `crypt('…', x)`; `None` for numbers, NULL and other calls. The
    /// outer `None`: the window ends, or this is no list of values.
    #[expect(
        clippy::option_option,
        reason = "no value and no string are two things"
    )]
    fn value(&mut self) -> Option<Option<Span>> {
        self.blanks();
        let start = self.at;
        if self.peek()? != b'\'' {
            while !matches!(self.peek()?, b',' | b')' | b'\'' | b'(') {
                self.at += 1;
                if self.at - start > MAX_CALL_LEN {
                    return None;
                }
            }
            if self.mark(b'(') {
                self.blanks();
                let first = (self.peek()? == b'\'').then(|| self.literal());
                self.close()?;
                return Some(first.flatten());
            }
            if self.peek()? != b'\'' {
                return Some(None);
            }
            // A prefix, as in N'…'.
            let is_prefix = |byte: &u8| byte.is_ascii_alphanumeric() || b"_ ".contains(byte);
            if !self.bytes[start..self.at].iter().all(is_prefix) {
                return None;
            }
        }
        self.literal().map(Some)
    }

    /// Goes behind the bracket that closes a call.
    fn close(&mut self) -> Option<()> {
        let mut depth = 1u32;
        let start = self.at;
        while depth > 0 {
            if self.at - start > MAX_CALL_LEN {
                return None;
            }
            match self.peek()? {
                b'\'' => {
                    self.literal()?;
                    continue;
                }
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        while !matches!(self.peek()?, b',' | b')') {
            self.at += 1;
        }
        Some(())
    }

    /// Reads a literal, which begins here.
    fn literal(&mut self) -> Option<Span> {
        let start = self.at + 1;
        self.at = start;
        loop {
            if self.at - start > MAX_LITERAL_LEN {
                return None;
            }
            match self.peek()? {
                b'\\' => self.at += 2,
                b'\'' if self.bytes.get(self.at + 1) == Some(&b'\'') => self.at += 2,
                b'\'' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(Span::new(start, self.at - 1))
    }
}

/// Whether the value is a digest of a password rather than one.
pub(super) fn is_digest(value: &[u8]) -> bool {
    matches!(value.len(), 32 | 40 | 56 | 64 | 96 | 128) && value.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<&str> {
        let at = text.to_lowercase().find("insert into").unwrap() + 11;
        let (spans, _) = passwords(text.as_bytes(), at);
        spans
            .iter()
            .map(|span| &text[span.start..span.end])
            .collect()
    }

    #[test]
    fn columns_say_which_values_count() {
        let text = "INSERT INTO `app`.`users` (`id`, `name`, `password`)\nVALUES (1,'it''s','a\\'b'), \
                    (2, NULL, N'second'),(3,'x',NULL);";
        assert_eq!(read(text), ["a\\'b", "second"]);
        let text = "insert into t (role, pwd) values (coalesce(new.role, 'author'), new.pwd), \
                    ('x', crypt('a(b', gen_salt('bf')));";
        assert_eq!(read(text), ["a(b"]);
        assert_eq!(read("insert into t (a, b) values ('x', 'y')"), [""; 0]);
        assert_eq!(read("insert into t values ('x', 'y')"), [""; 0]);
        assert_eq!(read("insert into t (pwd) values ('cut"), [""; 0]);
        assert_eq!(read("insert into t (pwd"), [""; 0]);
        assert_eq!(read("insert into t (pwd) select x from y"), [""; 0]);
    }
}
