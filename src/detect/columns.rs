//! Reads tables: the values of a column whose header names a secret, and rows of a name and its
//! value. CSV with `,`, `;` or tabs (RFC 4180), pipe tables (GitHub Flavored Markdown, psql, mysql) and
//! the `COPY … FROM stdin` of a PostgreSQL dump.
//!
//! A header is the first line of its table, and a table ends at an empty line or at the next header:
//! no row is read for two headers, and the cost is linear in the text.

use super::assignment::{Assignment, Form, MAX_VALUE_LEN, Operator};
use super::features;
use super::syntax;
use crate::span::Span;

/// Bytes before a keyword in which its line must begin.
pub(super) const MAX_BEFORE: usize = 512;
/// Bytes after a keyword that are read of its table.
pub(super) const MAX_TABLE_LEN: usize = 256 << 10;

/// Longest name in a header.
const MAX_NAME_LEN: usize = 64;
const MAX_COLUMNS: usize = 128;
/// Columns of one header that hold the same keyword and are read.
const MAX_SAME: usize = 4;
/// Rows with another number of cells, after which the text is no table.
const MAX_RAGGED: usize = 16;

/// What a keyword stands in.
pub(super) enum Found {
    /// The header of a column: its values are in [`fn@column`].
    Header,
    /// The name of a row.
    Row(Assignment),
}

/// How the cells of a table are set apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// By this byte; a cell may be quoted.
    Delimited(u8),
    /// By `|`, perhaps with one at either end.
    Pipes,
    /// The columns of `COPY`, whose rows have tabs.
    Copy,
}

/// A line and where the next one begins.
#[derive(Clone, Copy)]
struct Line {
    span: Span,
    next: usize,
}

/// Looks at the cell that holds the `len` bytes of the keyword at `at`. `is_start` says whether the
/// window begins where the text does.
pub(super) fn look(window: &[u8], at: usize, len: usize, is_start: bool) -> Option<Found> {
    let (cell, style) = cell_around(window, at, len)?;
    let line = line_around(window, at, is_start)?;
    if features::means_secret(&window[cell.start..cell.end]) {
        let header = Header::read(window, line, style, cell, is_start);
        if let Some(header) = header {
            let keyword = &window[at..at + len];
            return header.is_first(window, keyword).then_some(Found::Header);
        }
    }
    row(window, line, style, cell).map(Found::Row)
}

/// Returns the values below the header that holds the keyword at `at`. `is_end` says whether the window
/// ends where the text does.
pub(super) fn column(
    window: &[u8],
    at: usize,
    len: usize,
    (is_start, is_end): (bool, bool),
    found: &mut Vec<Assignment>,
) {
    let header = cell_around(window, at, len).and_then(|(cell, style)| {
        let line = line_around(window, at, is_start)?;
        Header::read(window, line, style, cell, is_start)
    });
    let Some(header) = header else { return };
    let (mut next, mut ragged, mut is_first) = (header.rows, 0, true);
    let mut cells = Vec::new();
    while next < window.len() && ragged < MAX_RAGGED {
        let line = line_at(window, next);
        let is_cut = line.next == window.len() && !window.ends_with(b"\n") && !is_end;
        let text = &window[line.span.start..line.span.end];
        if is_cut || text.is_empty() || text == b"\\." || text.starts_with(b"```") {
            break;
        }
        let is_pipes = header.style == Style::Pipes;
        if is_pipes && (is_rule(text) || rows_below(window, line.next).is_some()) {
            break;
        }
        next = line.next;
        let is_delimited =
            matches!(header.style, Style::Delimited(delimiter) if delimiter != b'\t');
        let style = match header.style {
            Style::Copy => Style::Delimited(b'\t'),
            style => style,
        };
        split(window, line.span, style, &mut cells);
        if cells.len() != header.cells {
            if is_first {
                break;
            }
            ragged += 1;
            continue;
        }
        is_first = false;
        let value = cells[header.index];
        if !value.is_empty() && &window[value.start..value.end] != b"\\N" {
            let mut row = assignment(header.name, value, Operator::Listed);
            // A quoted cell that goes on on the next line.
            row.is_partial |= is_delimited && window[value.start] == b'"';
            found.push(row);
        }
    }
}

/// The header of a table.
struct Header {
    style: Style,
    /// The name of the column, and which it is of how many.
    name: Span,
    index: usize,
    cells: usize,
    /// The cells before it.
    before: Vec<Span>,
    /// Where the rows begin.
    rows: usize,
}

impl Header {
    /// Reads `line` as one, if it is; `cell` is the name in question.
    fn read(window: &[u8], line: Line, style: Style, cell: Span, is_start: bool) -> Option<Self> {
        let text = &window[line.span.start..line.span.end];
        let (mut span, mut style) = (line.span, style);
        if style == Style::Delimited(b',') && begins_copy(text) {
            let open = memchr::memchr(b'(', text)?;
            let close = memchr::memchr(b')', text)?;
            if close < open || !is_from_input(&text[close + 1..]) {
                return None;
            }
            span = Span::new(line.span.start + open + 1, line.span.start + close);
            style = Style::Copy;
        }
        let mut cells = Vec::new();
        let of = if style == Style::Copy {
            Style::Delimited(b',')
        } else {
            style
        };
        split(window, span, of, &mut cells);
        let are_names = cells
            .iter()
            .all(|cell| is_name(&window[cell.start..cell.end]));
        let index = cells.iter().position(|other| *other == cell)?;
        if !(2..=MAX_COLUMNS).contains(&cells.len()) || !are_names {
            return None;
        }
        let mut rows = line.next;
        match style {
            Style::Pipes => {
                rows = rows_below(window, rows)?;
            }
            Style::Delimited(_) if !is_first_line(window, line.span.start, is_start) => {
                return None;
            }
            _ => {}
        }
        (rows < window.len()).then(|| Self {
            style,
            name: cell,
            index,
            cells: cells.len(),
            before: cells[..index].to_vec(),
            rows,
        })
    }

    /// Whether the column is one of the first that hold the keyword: a header of nothing else is no
    /// reason to read its table for each.
    fn is_first(&self, window: &[u8], keyword: &[u8]) -> bool {
        let holds = |cell: &&Span| {
            let mut parts = window[cell.start..cell.end].windows(keyword.len());
            parts.any(|part| part.eq_ignore_ascii_case(keyword))
        };
        self.before.iter().filter(holds).count() < MAX_SAME
    }
}

/// Whether a line is the beginning of a statement that copies rows into a table.
fn begins_copy(line: &[u8]) -> bool {
    line.get(..5)
        .is_some_and(|word| word.eq_ignore_ascii_case(b"COPY "))
}

/// Whether the rows follow the statement that ends in `rest`, in the format of text: `FROM stdin;`,
/// `FROM STDIN WITH (FORMAT text);`.
fn is_from_input(rest: &[u8]) -> bool {
    let text = rest.to_ascii_lowercase();
    let mut words = text
        .split(|byte| byte.is_ascii_whitespace() || b"();,".contains(byte))
        .filter(|word| !word.is_empty());
    let is_input = words.next() == Some(b"from") && words.next() == Some(b"stdin");
    is_input && words.all(|word| matches!(word, b"with" | b"format" | b"text"))
}

/// `| NAME | value |` or `NAME,value`: a row whose first cell is the name.
fn row(window: &[u8], line: Line, style: Style, cell: Span) -> Option<Assignment> {
    let mut cells = Vec::new();
    split(window, line.span, style, &mut cells);
    let is_pair = match style {
        Style::Pipes => cells.len() >= 2,
        Style::Delimited(_) => cells.len() == 2,
        Style::Copy => false,
    };
    if !is_pair || cells[0] != cell {
        return None;
    }
    let is_word = |span: Span| !window[span.start..span.end].contains(&b' ');
    let value = cells[1];
    let is_plain = style == Style::Pipes || is_word(cell);
    (is_plain && !value.is_empty() && is_word(value))
        .then(|| assignment(cell, value, Operator::Field))
}

fn assignment(name: Span, value: Span, operator: Operator) -> Assignment {
    let end = value.end.min(value.start + MAX_VALUE_LEN);
    Assignment {
        name,
        parent: None,
        value: Span::new(value.start, end),
        form: Form::Quoted,
        operator,
        is_partial: end < value.end,
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte)
}

/// Whether a cell of a header is a name.
fn is_name(cell: &[u8]) -> bool {
    (1..=MAX_NAME_LEN).contains(&cell.len())
        && cell
            .iter()
            .all(|byte| is_name_byte(*byte) || b"/#%()".contains(byte))
        && cell.iter().any(u8::is_ascii_alphabetic)
}

/// The cell around the keyword, without blanks and quotes, and what sets it apart from the next one.
fn cell_around(window: &[u8], at: usize, len: usize) -> Option<(Span, Style)> {
    let is_cell = |byte: &u8| is_name_byte(*byte) || b"\"'`*".contains(byte);
    let before = window[..at].iter().rev().take(MAX_NAME_LEN);
    let start = at - before.take_while(|byte| is_cell(byte)).count();
    let after = window[at + len..].iter().take(MAX_NAME_LEN);
    let end = at + len + after.take_while(|byte| is_cell(byte)).count();
    let left = start.checked_sub(1).map_or(b'\n', |at| window[at]);
    let right = window.get(end).copied().unwrap_or(b'\n');
    let is_edge = |byte: u8| matches!(byte, b'\n' | b'\r');
    // A mark of another encoding, or the bracket of a list of columns.
    let is_open = matches!(left, b'(' | 0xbf);
    let delimiter = match (left, right) {
        (left, right) if is_edge(left) || is_open => right,
        (left, b')') => left,
        (left, right) if is_edge(right) || left == right => left,
        _ => return None,
    };
    let style = match delimiter {
        b',' | b';' | b'\t' => Style::Delimited(delimiter),
        b'|' => Style::Pipes,
        _ => return None,
    };
    let span = bare(window, Span::new(start, end), style);
    (span.start <= at && span.end >= at + len).then_some((span, style))
}

/// The line that holds `at`; `None` if it begins before the window.
fn line_around(window: &[u8], at: usize, is_start: bool) -> Option<Line> {
    let newline = memchr::memrchr(b'\n', &window[..at]);
    let start = match newline {
        Some(newline) => newline + 1,
        None if is_start => 0,
        None => return None,
    };
    let is_marked = start == 0 && window.starts_with(b"\xef\xbb\xbf");
    Some(line_at(window, start + if is_marked { 3 } else { 0 }))
}

/// The line that begins at `start`, without its end.
fn line_at(window: &[u8], start: usize) -> Line {
    let start = start.min(window.len());
    let newline = memchr::memchr(b'\n', &window[start..]);
    let (end, next) = newline.map_or((window.len(), window.len()), |len| {
        (start + len, start + len + 1)
    });
    let len = window[start..end].trim_ascii_end().len();
    // A tab may be an empty cell.
    let tabs = window[start + len..end]
        .iter()
        .take_while(|byte| **byte == b'\t')
        .count();
    Line {
        span: Span::new(start, start + len + tabs),
        next,
    }
}

/// Whether nothing of the same table stands above the line at `start`.
fn is_first_line(window: &[u8], start: usize, is_start: bool) -> bool {
    let Some(newline) = window[..start].len().checked_sub(1) else {
        return is_start;
    };
    if window[..start] == *b"\xef\xbb\xbf" {
        return is_start;
    }
    let above = match memchr::memrchr(b'\n', &window[..newline]) {
        Some(before) => &window[before + 1..newline],
        None if is_start => &window[..newline],
        None => return false,
    };
    let above = above.trim_ascii();
    above.is_empty()
        || [&b"#"[..], b"```", b"sep="]
            .iter()
            .any(|start| above.starts_with(start))
}

/// `|---|:--:|`, `-----+-----`, `+----+----+`: the line between a header and its rows.
fn is_rule(line: &[u8]) -> bool {
    line.contains(&b'-')
        && line.iter().any(|byte| b"|+".contains(byte))
        && line.iter().all(|byte| b"-|+:= \t".contains(byte))
}

/// Where the rows begin below a header that ends at `at`: behind a rule, if a row stands there.
fn rows_below(window: &[u8], at: usize) -> Option<usize> {
    let rule = line_at(window, at);
    let row = line_at(window, rule.next);
    let is_row = window[row.span.start..row.span.end].contains(&b'|');
    (is_row && is_rule(&window[rule.span.start..rule.span.end])).then_some(rule.next)
}

/// Puts the cells of a line into `cells`, without blanks and quotes.
fn split(window: &[u8], line: Span, style: Style, cells: &mut Vec<Span>) {
    cells.clear();
    let Style::Delimited(delimiter) = style else {
        return split_pipes(window, line, cells);
    };
    let mut at = line.start;
    while cells.len() <= MAX_COLUMNS {
        let start = at;
        let quoted = window[at..line.end]
            .iter()
            .take_while(|byte| **byte == b' ')
            .count();
        at += quoted;
        if delimiter != b'\t' && window[at..line.end].starts_with(b"\"") {
            at = behind_quote(window, at + 1, line.end);
        }
        let len = memchr::memchr(delimiter, &window[at..line.end]);
        let end = len.map_or(line.end, |len| at + len);
        cells.push(bare(window, Span::new(start, end), style));
        if len.is_none() {
            break;
        }
        at = end + 1;
    }
}

/// Where the quoted cell that begins at `at` is closed: a doubled quote stands for one.
fn behind_quote(window: &[u8], mut at: usize, end: usize) -> usize {
    while let Some(len) = memchr::memchr(b'"', &window[at..end]) {
        at += len + 1;
        if at >= end || window[at] != b'"' {
            return at;
        }
        at += 1;
    }
    end
}

fn split_pipes(window: &[u8], line: Span, cells: &mut Vec<Span>) {
    let text = window[line.start..line.end].trim_ascii();
    let mut start = line.start
        + memchr::memchr(*text.first().unwrap_or(&0), &window[line.start..line.end]).unwrap_or(0);
    let mut end = start + text.len();
    if text.starts_with(b"|") {
        start += 1;
    }
    if end > start && text.ends_with(b"|") && !text.ends_with(b"\\|") {
        end -= 1;
    }
    let mut from = start;
    for at in memchr::memchr_iter(b'|', &window[start..end]).map(|at| start + at) {
        if window[at - 1] != b'\\' && cells.len() < MAX_COLUMNS {
            cells.push(bare(window, Span::new(from, at), Style::Pipes));
            from = at + 1;
        }
    }
    cells.push(bare(window, Span::new(from, end), Style::Pipes));
}

/// A cell without the blanks, the quotes and, in Markdown, the marks around it.
fn bare(window: &[u8], cell: Span, style: Style) -> Span {
    let mut span = cell;
    let blank = |byte: u8| byte == b' ' || (byte == b'\t' && style != Style::Delimited(b'\t'));
    while span.start < span.end && blank(window[span.start]) {
        span.start += 1;
    }
    while span.start < span.end && blank(window[span.end - 1]) {
        span.end -= 1;
    }
    let marks: &[u8] = match style {
        Style::Pipes => b"`*\"'",
        _ => b"\"'",
    };
    // Excel writes `="…"` so that a text of digits stays one.
    if let [b'=', b'"', _, .., b'"'] = window[span.start..span.end]
        && style != Style::Pipes
    {
        span.start += 1;
    }
    for _ in 0..3 {
        match window[span.start..span.end] {
            [first, _, .., last] if first == last && marks.contains(&first) => {
                span = Span::new(span.start + 1, span.end - 1);
            }
            // `"=""…"""`
            [b'=', b'"', b'"', _, .., b'"', b'"'] if style != Style::Pipes => {
                span = Span::new(span.start + 3, span.end - 2);
            }
            _ => break,
        }
    }
    if style == Style::Pipes {
        let around = syntax::emphasis(&window[span.start..span.end], true);
        span = Span::new(span.start + around.0, span.end - around.1);
    }
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values that the first `keyword` in `text` leads to.
    fn read<'t>(text: &'t str, keyword: &str) -> Vec<&'t str> {
        let at = text.find(keyword).unwrap();
        let (bytes, len) = (text.as_bytes(), keyword.len());
        let mut found = Vec::new();
        match look(bytes, at, len, true) {
            Some(Found::Header) => column(bytes, at, len, (true, true), &mut found),
            Some(Found::Row(row)) => found.push(row),
            None => {}
        }
        let values = found.iter().map(|found| found.value);
        values.map(|value| &text[value.start..value.end]).collect()
    }

    #[test]
    fn a_header_names_its_column() {
        for (text, values) in [
            ("user,password,x\na,p-1,b\nc,p-2,d\n", &["p-1", "p-2"][..]),
            ("\u{feff}user;password\r\na;p-1\r\n", &["p-1"]),
            ("user\tpassword\na\tp-1\nb\t\n", &["p-1"]),
            ("\"user\",\"password\"\n\"a, b\",\"p\"\"1\"\n", &["p\"\"1"]),
            ("# c\npassword, user\np-1, b\n", &["p-1"]),
            (
                "| user | password |\n|---|:-:|\n| a | `p-1` |\n| b | p-2 |\n\nx\n",
                &["p-1", "p-2"],
            ),
            (" user | password \n---+---\n a | p-1\n", &["p-1"]),
            (
                "+--+--+\n|a|password|\n+--+--+\n|b|p-1|\n|c|p-2|\n+--+--+\n",
                &["p-1", "p-2"],
            ),
            (
                "COPY a.b (id, password) FROM stdin;\n1\tp-1\n2\t\\N\n\\.\n",
                &["p-1"],
            ),
            ("user,password\na,p-1\nragged\nb,p-2\n", &["p-1", "p-2"]),
        ] {
            assert_eq!(read(text, "password"), values, "{text}");
        }
    }

    #[test]
    fn a_row_has_a_name_and_its_value() {
        assert_eq!(read("key,value\ndb_password,p-1\n", "password"), ["p-1"]);
        assert_eq!(
            read(
                "| a | b |\n|--|--|\n| DB password | p-1 | x |\n",
                "password"
            ),
            ["p-1"]
        );
        assert_eq!(read("db_password;p-1", "password"), ["p-1"]);
    }

    #[test]
    fn code_and_prose_are_no_tables() {
        for text in [
            "f(user, password)\nf(a, p-1)\n",
            "x\nuser,password,x\na,p-1,b\n",
            "user, password, and others\nare here\n",
            "user = a, password\nb, c\n",
            "| user | password |\n| a | p-1 |\n",
            "the user, the password\n",
            "user,password\n",
        ] {
            assert_eq!(read(text, "password"), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_header_below_a_header_ends_the_table() {
        let text = "|password|b|\n|-|-|\n|p-1|x|\n|password|b|\n|-|-|\n|p-2|x|\n";
        assert_eq!(read(text, "password"), ["p-1"]);
    }

    #[test]
    fn any_text_can_be_read() {
        let pieces = [
            "password",
            ",",
            ";",
            "\t",
            "|",
            "|-|-|",
            "\n",
            "\r\n",
            "\"",
            "'",
            "`",
            " ",
            "\\|",
            "COPY ",
            "(",
            ")",
            " FROM stdin;",
            "\u{feff}",
            "a",
            "ü",
        ];
        let mut seed = 5u64;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap() % below
        };
        for _ in 0..40_000 {
            let text: String = (0..next(20)).map(|_| pieces[next(pieces.len())]).collect();
            if text.contains("password") {
                read(&text, "password");
            }
        }
    }
}
