//! Quotes and brackets that are open where a value begins.

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

/// Quotes that are open in each other, at most.
pub(super) const MAX_QUOTES: usize = 3;

/// The quotes that are open at the end of a line, outermost first, and the brackets that are open in
/// the innermost.
pub(super) struct Marks {
    /// Each with the brackets that were open before it.
    quotes: Vec<(u8, [u32; 4])>,
    open: [u32; 4],
}

impl Marks {
    /// Takes `byte`, which comes behind `before`, as a quote.
    fn take_quote(&mut self, byte: u8, before: Option<u8>) {
        if let Some(level) = self.quotes.iter().rposition(|(quote, _)| *quote == byte) {
            // Quotes within it that nothing closes are characters.
            self.open = self.quotes[level].1;
            self.quotes.truncate(level);
            return;
        }
        // An apostrophe opens nothing, nor does a sign of inches.
        let is_behind_word = before.is_some_and(|before| before.is_ascii_alphanumeric());
        let is_sign = byte == b'\'' || !self.quotes.is_empty();
        if self.quotes.len() < MAX_QUOTES && !(is_sign && is_behind_word) {
            self.quotes.push((byte, std::mem::take(&mut self.open)));
        }
    }

    /// Drops the inner quotes that `rest` of the line does not close.
    fn close(mut self, rest: &[u8]) -> (Option<u8>, [u32; 4]) {
        while self.quotes.len() > 1 {
            let (quote, outside) = self.quotes[self.quotes.len() - 1];
            let outer = self.quotes[self.quotes.len() - 2].0;
            let end = memchr::memchr3(quote, outer, b'\n', rest);
            if end.is_some_and(|end| rest[end] == quote) {
                break;
            }
            self.open = outside;
            self.quotes.pop();
        }
        (self.quotes.last().map(|(quote, _)| *quote), self.open)
    }
}

/// Returns the innermost quote that is open at the end of `line` and closed in `rest`, or the only one;
/// and the brackets that are open in it.
pub(super) fn open_marks(line: &[u8], rest: &[u8]) -> (Option<u8>, [u32; 4]) {
    let mut marks = Marks {
        quotes: Vec::new(),
        open: [0; 4],
    };
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        let open = &mut marks.open;
        match byte {
            b'\\' => at += 1,
            b'"' | b'`' | b'\'' => {
                let before = at.checked_sub(1).map(|at| line[at]);
                marks.take_quote(byte, before);
            }
            b'(' => open[0] += 1,
            b'[' => open[1] += 1,
            b'{' => open[2] += 1,
            b'<' => open[3] += 1,
            b')' => open[0] = open[0].saturating_sub(1),
            b']' => open[1] = open[1].saturating_sub(1),
            b'}' => open[2] = open[2].saturating_sub(1),
            b'>' => open[3] = open[3].saturating_sub(1),
            _ => {}
        }
        at += 1;
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
