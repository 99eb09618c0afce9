//! Quotes, command substitutions and brackets that are open where a value begins.

/// How many backslashes escape the quote right before `at`; none if there is no quote.
pub(in crate::detect) fn escapes_before(window: &[u8], at: usize) -> usize {
    match &window[..at] {
        [before @ .., b'"' | b'\'' | b'`'] => {
            let before = before.iter().rev().take(8);
            before.take_while(|&&byte| byte == b'\\').count()
        }
        _ => 0,
    }
}

/// Quotes and substitutions that are open in each other, at most.
const MAX_LEVELS: usize = 4;

/// A quote, and how many of it open and close a text: three in Python, two backticks in Markdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) byte: u8,
    pub(super) run: usize,
}

impl Quote {
    /// Whether `rest` begins with what closes the text.
    pub(super) fn closes_at(self, rest: &[u8]) -> bool {
        rest.len() >= self.run && rest[..self.run].iter().all(|byte| *byte == self.byte)
    }
}

/// What is open where a value begins.
pub(super) struct Open {
    /// The innermost quote that is closed on the rest of the line, or the only one; none in a command
    /// substitution, which is read as if no quote were open around it.
    pub(super) quote: Option<Quote>,
    /// Open `(`, `[`, `{`, `<` in that quote.
    pub(super) brackets: [u32; 4],
}

/// A quote or a command substitution, `None`, with the brackets that were open before it.
struct Level {
    quote: Option<Quote>,
    outside: [u32; 4],
}

/// What is open while a line is read, outermost first.
#[derive(Default)]
struct Marks {
    levels: Vec<Level>,
    /// Brackets that are open in the innermost level.
    brackets: [u32; 4],
}

impl Marks {
    fn push(&mut self, quote: Option<Quote>) {
        let outside = std::mem::take(&mut self.brackets);
        self.levels.push(Level { quote, outside });
    }

    /// Closes the level at `index` and what is open in it: quotes that nothing closes are characters.
    fn close_level(&mut self, index: usize) {
        self.brackets = self.levels[index].outside;
        self.levels.truncate(index);
    }

    /// Takes the quote at `at`; returns how many bytes it has.
    fn take_quote(&mut self, line: &[u8], at: usize) -> usize {
        let byte = line[at];
        let run = line[at..].iter().take_while(|next| **next == byte).count();
        let inner = self.levels.iter().rposition(|level| level.quote.is_none());
        let inner = inner.map_or(0, |substitution| substitution + 1);
        let is_same = |level: &Level| level.quote.is_some_and(|quote| quote.byte == byte);
        let found = self.levels[inner..].iter().rposition(is_same);
        if let Some(found) = found {
            let open = self.levels[inner + found].quote;
            let open = open.map_or(1, |quote| quote.run);
            // Fewer of them are characters of the text.
            if run < open {
                return run;
            }
            self.close_level(inner + found);
            return open;
        }
        let run = match run {
            3 => 3,
            2 if byte == b'`' => 2,
            _ => 1,
        };
        // An apostrophe opens nothing, nor does a sign of inches.
        let is_behind_word = at > 0 && line[at - 1].is_ascii_alphanumeric();
        let is_sign = byte == b'\'' || self.levels.len() > inner;
        let is_apostrophe = is_sign && is_behind_word && !begins_literal(&line[..at]);
        if self.levels.len() < MAX_LEVELS && !is_apostrophe {
            self.push(Some(Quote { byte, run }));
        }
        run
    }

    fn take_bracket(&mut self, byte: u8) {
        let open = &mut self.brackets[bracket(byte)];
        let is_substitution = self.levels.last().is_some_and(|last| last.quote.is_none());
        match byte {
            b'(' | b'[' | b'{' | b'<' => *open += 1,
            b')' if *open == 1 && is_substitution => self.close_level(self.levels.len() - 1),
            _ => *open = open.saturating_sub(1),
        }
    }

    /// Drops the inner quotes that `rest` of the line does not close.
    fn close(mut self, rest: &[u8]) -> Open {
        while let [.., outer, inner] = &self.levels[..]
            && let Some(quote) = inner.quote
        {
            let outer = outer.quote.map_or(b'\n', |quote| quote.byte);
            let end = memchr::memchr3(quote.byte, outer, b'\n', rest);
            if end.is_some_and(|end| rest[end] == quote.byte) {
                break;
            }
            self.close_level(self.levels.len() - 1);
        }
        Open {
            quote: self.levels.last().and_then(|level| level.quote),
            brackets: self.brackets,
        }
    }
}

/// The escaped quote that is open at the end of `line` and closed on the `rest` of it: the literal around it
/// began on an earlier line.
pub(super) fn escaped_quote(line: &[u8], rest: &[u8]) -> Option<Quote> {
    let mut open = None;
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &line[at..]) {
        let run = at + found;
        let escapes = line[run..].iter().take_while(|byte| **byte == b'\\');
        let mark = run + escapes.count();
        at = mark;
        let Some(&byte) = line.get(mark).filter(|byte| b"\"'`".contains(byte)) else {
            continue;
        };
        let is_behind_word = run > 0 && line[run - 1].is_ascii_alphanumeric();
        open = match open {
            Some(quote) if quote == byte => None,
            None if !is_behind_word => Some(byte),
            _ => open,
        };
    }
    let byte = open?;
    let rest = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
    let closes = memchr::memmem::find(rest, &[b'\\', byte]).is_some();
    closes.then_some(Quote { byte, run: 1 })
}

/// Whether `line` ends in a word that marks the literal behind it: `f'…'`, `N'…'`, `rb'…'`.
fn begins_literal(line: &[u8]) -> bool {
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let len = line.iter().rev().take(3).take_while(is_letter).count();
    let word = line[line.len() - len..].to_ascii_lowercase();
    match &word[..] {
        [first] => b"fbrunexlsq".contains(first),
        [first, second] => b"fbr".contains(first) && b"fbr".contains(second),
        _ => false,
    }
}

/// What is open at the end of `line`; `rest` is what follows.
pub(super) fn open_marks(line: &[u8], rest: &[u8]) -> Open {
    let mut marks = Marks::default();
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        at += match byte {
            b'$' if !marks.levels.is_empty() && line.get(at + 1) == Some(&b'(') => {
                if marks.levels.len() < MAX_LEVELS {
                    marks.push(None);
                }
                marks.take_bracket(b'(');
                2
            }
            // A shell in a literal of another language: `"\$(…)"`.
            b'\\' if line.get(at + 1) == Some(&b'$') => 1,
            b'\\' => 2,
            b'"' | b'`' | b'\'' => marks.take_quote(line, at),
            b'(' | b'[' | b'{' | b'<' | b')' | b']' | b'}' | b'>' => {
                marks.take_bracket(byte);
                1
            }
            _ => 1,
        };
    }
    marks.close(rest)
}

pub(super) fn bracket(byte: u8) -> usize {
    match byte {
        b'(' | b')' => 0,
        b'[' | b']' => 1,
        b'{' | b'}' => 2,
        _ => 3,
    }
}
