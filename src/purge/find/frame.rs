//! Reads what stands beside a mark, to find what is left of a value that was taken in part.
//!
//! This reader is independent of the one that found the value: it knows nothing of names and rules,
//! only where a value can begin and end in the syntax of the file. Whatever touches a mark and is no
//! delimiter there is a remainder. It looks at one line, and at a bounded part of it, so the cost is
//! linear in the number of marks.
//!
//! | syntax | a value begins after | and ends before |
//! |---|---|---|
//! | `.env` | `=` | the end of the line, ` #` |
//! | properties, INI | `=`, `:` | the end of the line; in INI also ` ;`, ` #` |
//! | YAML, plain | `: `, `- `, in flow `[`, `{`, `,` | the end of the line, ` #`, in flow `,`, `]`, `}` |
//! | JSON, TOML, code, bare | any delimiter | any delimiter |
//! | XML text | `>` | `<` |
//! | shell, command lines | a blank, `=`, `;`, `&`, `\|`, `(`, `<` | a blank, `;`, `&`, `\|`, `)`, `>` |
//! | `.netrc` | a blank | a blank |
//! | `.pgpass`, tables | their separator | their separator |
//! | between quotes | the quote | the quote |
//! | in a URL | `://`, `:`, `=`, `/` | `@`; in a path or query also `/`, `?`, `#`, `&`, `;` |
//! | `${NAME:-` | that | `}` |
//! | text | a blank, a quote, a bracket, `=`, `:` | a blank, a quote, a bracket, the end of a sentence |

use serde::{Deserialize, Serialize};

use crate::detect::interpolation::{ends_in_style, style};
use crate::detect::syntax::{
    closing_mark, ends_edit, is_closing, literal_delimiter, sed_delimiter,
};
use crate::purge::find::kind::Syntax;
use crate::span::Span;

/// Bytes of a line that are read before a mark: enough for a name, or the begin of a URL.
const BEFORE: usize = 1024;

/// Bytes of a line that are read behind a mark. Longer values are not searched for.
const BEHIND: usize = 8192;

/// What decides where the value that a mark took the place of begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Edges {
    /// The shape of the value itself, as its issuer defines it: it ends where its characters do.
    Shape,
    /// The syntax around it: anything up to the next delimiter may belong to it.
    Syntax,
}

/// What stands right before a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opener {
    /// The begin of the value.
    Start,
    /// A blank: a word in a longer text.
    Word,
    /// `name=` or `name:` inside of a longer value.
    Pair,
    /// `://user:` or `://`.
    UserInfo,
    /// The path or the query of a URL.
    Address,
    /// `${NAME:-`.
    Default,
    /// A separator of the syntax, or a bracket.
    Delimiter,
    /// That many bytes that may belong to the value.
    Rest(usize),
}

/// A line, cut at a mark, and what the syntax makes of it.
struct Frame<'t> {
    /// From the begin of the value, or of the text that holds it, to the mark.
    before: &'t [u8],
    /// From the mark to the end of the value or text.
    after: &'t [u8],
    /// From the quote that closes it to the end of the line; empty if it is not quoted.
    behind: &'t [u8],
    syntax: Syntax,
    is_quoted: bool,
    /// Whether the value takes all of the frame: then a blank does not end it.
    is_line: bool,
    /// Whether it stands in a flow collection of YAML.
    is_flow: bool,
}

/// What touches the mark number `number` of `marks` in `text` and may be a part of the value. `marks`
/// are sorted and do not overlap; other marks are no remainder.
pub fn remainders(
    text: &[u8],
    marks: &[Span],
    number: usize,
    syntax: Syntax,
    edges: Edges,
) -> Vec<Span> {
    let mark = marks[number];
    let frame = Frame::around(text, mark, syntax);
    let opener = frame.opener(edges);
    let mut found = Vec::new();
    if let Opener::Rest(len) = opener
        && !follows_user(&text[..mark.start])
    {
        let previous = number.checked_sub(1).map_or(0, |at| marks[at].end);
        let begin = (mark.start - len).max(previous);
        let is_between = begin == previous && previous > 0;
        found.extend(remainder(text, Span::new(begin, mark.start), is_between));
    }
    let len = frame.rest(opener, edges);
    if len > 0 {
        let next = marks.get(number + 1).map_or(text.len(), |mark| mark.start);
        let stop = (mark.end + len).min(next);
        let is_between = stop == next && next < text.len();
        found.extend(remainder(text, Span::new(mark.end, stop), is_between));
    } else if edges == Edges::Syntax
        && opener == Opener::Start
        && let Some(piece) = frame.next_piece()
    {
        let start = mark.end + frame.after.len();
        let piece = Span::new(start + piece.start, start + piece.end);
        let is_mark = marks
            .iter()
            .skip(number + 1)
            .take(1)
            .any(|mark| mark.overlaps(piece));
        found.extend((!is_mark).then_some(piece));
    }
    found
}

/// Whether a mark is only the value of a part of a longer text: of a URL, of `name=` in a string.
pub fn is_inner(text: &[u8], mark: Span, syntax: Syntax) -> bool {
    let opener = Frame::around(text, mark, syntax).opener(Edges::Syntax);
    !matches!(opener, Opener::Start | Opener::Rest(_))
}

/// Whether `text` ends in the first value of a pair, as its name says: `user/password: bob/`.
fn follows_user(text: &[u8]) -> bool {
    let line = tail(&text[text.len().saturating_sub(BEFORE)..], |byte| {
        byte != b'\n'
    });
    let Some((&separator, line)) = line.split_last() else {
        return false;
    };
    let user = tail(line, |byte| is_name(byte) || byte == b'@');
    let names = line[..line.len() - user.len()].trim_ascii_end();
    let names = names
        .strip_suffix(b":")
        .or_else(|| names.strip_suffix(b"="));
    let names = names.map(|names| tail(names.trim_ascii_end(), |byte| !is_blank(byte)));
    let holds_both = |names: &[u8]| memchr::memchr(separator, names).is_some_and(|at| at > 0);
    b"/:".contains(&separator) && !user.is_empty() && names.is_some_and(holds_both)
}

/// Punctuation between two marks separates them.
fn remainder(text: &[u8], span: Span, is_between: bool) -> Option<Span> {
    let bytes = &text[span.start..span.end];
    let is_text = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    (!bytes.is_empty() && (!is_between || bytes.iter().any(is_text))).then_some(span)
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn is_name(byte: u8) -> bool {
    is_word(byte) || byte == b'-' || byte == b'.'
}

fn trim_start(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

impl<'t> Frame<'t> {
    /// Reads the line of `mark`, as far as it is read.
    fn around(text: &'t [u8], mark: Span, syntax: Syntax) -> Self {
        let before = &text[mark.start.saturating_sub(BEFORE)..mark.start];
        let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let after = &text[mark.end..text.len().min(mark.end + BEHIND)];
        let end = memchr::memchr(b'\n', after).unwrap_or(after.len());
        let after = &after[..end];
        let after = after.strip_suffix(b"\r").unwrap_or(after);
        Self::of(&before[start..], after, syntax)
    }

    /// Reads a line that a mark cuts into two.
    fn of(before: &'t [u8], after: &'t [u8], syntax: Syntax) -> Self {
        match syntax {
            Syntax::Env | Syntax::Properties | Syntax::Ini => Self::setting(before, after, syntax),
            Syntax::Yaml => Self::yaml(before, after),
            Syntax::Xml => Self::element(before, after),
            _ => Self::plain(before, after, syntax),
        }
    }

    /// Between quotes, or a part of a line.
    fn plain(before: &'t [u8], after: &'t [u8], syntax: Syntax) -> Self {
        if let Some((before, inner)) = quoted(before, after) {
            return Self::between(before, after, inner.len(), syntax);
        }
        Self {
            before,
            after,
            behind: &[],
            syntax,
            is_quoted: false,
            is_line: false,
            is_flow: false,
        }
    }

    /// Between quotes, of which the closing one stands at `end` of `after`.
    fn between(before: &'t [u8], after: &'t [u8], end: usize, syntax: Syntax) -> Self {
        Self {
            before,
            after: &after[..end],
            behind: &after[end..],
            syntax,
            is_quoted: true,
            is_line: false,
            is_flow: false,
        }
    }

    /// `NAME=VALUE`; comments are text.
    fn setting(before: &'t [u8], after: &'t [u8], syntax: Syntax) -> Self {
        let line = trim_start(before);
        let is_comment = matches!(line.first(), Some(b'#' | b';' | b'!'));
        let is_operator =
            |byte: &u8| *byte == b'=' || (syntax != Syntax::Env && matches!(byte, b':' | b' '));
        let operator = line.iter().position(is_operator);
        let Some(operator) = operator.filter(|_| !is_comment) else {
            return Self::plain(before, after, Syntax::Text);
        };
        // `SetEnv NAME "value";`: a literal that begins right before the mark.
        if let Some(&quote @ (b'"' | b'\'')) = before.last()
            && let Some(end) = closing(after, quote, false)
        {
            return Self::between(&[], after, end, syntax);
        }
        let mut value = trim_start(&line[operator..]);
        // ` = ` after a name.
        if matches!(value.first(), Some(b'=' | b':')) {
            value = trim_start(&value[1..]);
        }
        if let Some(&quote @ (b'"' | b'\'')) = value.first()
            && let Some(end) = closing(after, quote, false)
            && closing(&value[1..], quote, false).is_none()
        {
            return Self::between(&value[1..], after, end, syntax);
        }
        let comments: &[u8] = match syntax {
            Syntax::Env => b"#",
            Syntax::Ini => b"#;",
            _ => b"",
        };
        Self {
            before: value,
            after: without_comment(after, comments),
            behind: &[],
            syntax,
            is_quoted: false,
            is_line: true,
            is_flow: false,
        }
    }

    /// A plain scalar takes the rest of its line, unless it stands in a flow collection.
    fn yaml(before: &'t [u8], after: &'t [u8]) -> Self {
        let mut frame = Self::plain(before, after, Syntax::Yaml);
        frame.is_flow = in_flow(before);
        if frame.is_quoted || frame.is_flow {
            return frame;
        }
        frame.after = without_comment(after, b"#");
        if let Some(start) = scalar_start(before) {
            frame.before = &before[start..];
            frame.is_line = frame.before.is_empty();
        }
        frame
    }

    /// The text of an element; in a tag, the value of an attribute.
    fn element(before: &'t [u8], after: &'t [u8]) -> Self {
        let close = before.iter().rposition(|&byte| byte == b'>');
        let open = before.iter().rposition(|&byte| byte == b'<');
        let in_tag = open > close;
        let Some(close) = close.filter(|_| !in_tag) else {
            return Self::plain(before, after, Syntax::Xml);
        };
        let end = memchr::memchr(b'<', after).unwrap_or(after.len());
        let text = trim_start(&before[close + 1..]);
        if !text.is_empty() {
            return Self::plain(text, &after[..end], Syntax::Text);
        }
        Self {
            before: text,
            after: after[..end].trim_ascii_end(),
            behind: &[],
            syntax: Syntax::Xml,
            is_quoted: false,
            is_line: true,
            is_flow: false,
        }
    }

    /// What stands before the mark.
    fn opener(&self, edges: Edges) -> Opener {
        let text = self.before;
        let Some(&last) = text.last() else {
            return Opener::Start;
        };
        if is_blank(last) || ends_in_style(text) {
            return Opener::Word;
        }
        if is_quote(last) && !self.is_line {
            return Opener::Start;
        }
        if ends_in_escape(text) {
            return Opener::Word;
        }
        if opens_default(text) {
            return Opener::Default;
        }
        let word = tail(text, |byte| !is_blank(byte) && !is_quote(byte));
        if let Some(scheme) = memchr::memmem::find(word, b"://") {
            let rest = &word[scheme + 3..];
            let is_authority = !rest.iter().any(|byte| b"/?#@".contains(byte));
            return match last {
                b':' | b'/' if is_authority => Opener::UserInfo,
                b'/' | b'=' | b'?' | b'#' | b'&' | b':' | b'@' | b',' | b';' => Opener::Address,
                _ => self.rest_before(word, edges),
            };
        }
        let has_name = |text: &[u8]| text.iter().rev().nth(1).is_some_and(|&byte| is_name(byte));
        match last {
            b'=' => Opener::Pair,
            b':' if has_name(text) || !self.is_line => Opener::Pair,
            b'(' | b'[' | b'{' | b'<' => Opener::Delimiter,
            byte if self.separates(byte) => Opener::Delimiter,
            _ if is_flag(word) => Opener::Start,
            _ => self.rest_before(word, edges),
        }
    }

    fn rest_before(&self, word: &[u8], edges: Edges) -> Opener {
        match word.last() {
            // What stands before a value of known shape is no part of it, unless it is a word.
            Some(&last) if edges == Edges::Shape && !is_word(last) => Opener::Delimiter,
            Some(_) if edges == Edges::Shape => Opener::Rest(tail(word, is_word).len()),
            _ => {
                let rest = tail(word, |byte| byte != b'=' && !self.separates(byte));
                Opener::Rest(rest.len())
            }
        }
    }

    /// Whether `byte` separates values in this syntax.
    fn separates(&self, byte: u8) -> bool {
        if self.is_quoted || self.is_line {
            return false;
        }
        match self.syntax {
            Syntax::Json | Syntax::Toml | Syntax::Code => byte.is_ascii() && !is_word(byte),
            Syntax::Shell => b";&|()<>".contains(&byte),
            Syntax::Table => b",;|".contains(&byte),
            Syntax::Colons => byte == b':',
            Syntax::Yaml => self.is_flow && b"[]{},".contains(&byte),
            Syntax::Text | Syntax::Xml => b"|*<>".contains(&byte),
            Syntax::Env | Syntax::Properties | Syntax::Ini | Syntax::Words => false,
        }
    }

    /// How many bytes right behind the mark may belong to the value.
    fn rest(&self, opener: Opener, edges: Edges) -> usize {
        let text = self.after;
        let Some(&first) = text.first() else {
            return 0;
        };
        let is_all = self.is_line && matches!(opener, Opener::Start | Opener::Rest(_));
        if edges == Edges::Shape {
            // `-` and a letter go on with a word, as for the rules.
            let goes_on =
                is_word(first) || (first == b'-' && text.get(1).is_some_and(|&b| is_word(b)));
            return if goes_on && !starts_with_escape(text) {
                head(text, |byte| is_word(byte) || byte == b'-').len()
            } else {
                0
            };
        }
        // A colour is no part of the text that it colours.
        if style(text).is_some() {
            return 0;
        }
        if is_all {
            return self.rest_of_line();
        }
        if opener == Opener::Default && first == b'}' {
            return 0;
        }
        if opener == Opener::UserInfo
            && let Some(len) = rest_of_userinfo(text)
        {
            return len;
        }
        if is_blank(first) && (self.is_flow_scalar() || self.is_field()) {
            return self.rest_of_words();
        }
        let is_end = is_blank(first)
            || is_quote(first)
            || starts_with_escape(text)
            || self.separates(first)
            || self.closes(first)
            || self.ends_sentence(text)
            || is_next_pair(text)
            || self.ends_edit(text)
            || self.closes_quote(text)
            || (matches!(opener, Opener::UserInfo | Opener::Address)
                && b"/?#&:@".contains(&first))
            || (opener == Opener::UserInfo && b";,".contains(&first))
            || (opener == Opener::Address && b";,".contains(&first) && is_next_pair_or_end(text))
            || (opener == Opener::Pair && b"&;".contains(&first) && is_next_pair_or_end(text))
            // `user:password@host` without a scheme.
            || (opener == Opener::Pair && first == b'@' && self.before.ends_with(b":"));
        // Outside of prose, a string holds its value and nothing else.
        let is_whole = self.is_quoted && opener == Opener::Start && self.syntax != Syntax::Text;
        if is_end && !(is_whole && self.ends_sentence(text)) {
            return 0;
        }
        if self.is_quoted && opener == Opener::Start {
            return text.len();
        }
        head(text, |byte| {
            !is_blank(byte) && !is_quote(byte) && !self.separates(byte)
        })
        .len()
    }

    /// A plain scalar in a flow collection may have blanks.
    fn is_flow_scalar(&self) -> bool {
        let before = self.before.trim_ascii_end();
        let opens = before.last().is_some_and(|byte| b":[{,".contains(byte));
        self.syntax == Syntax::Yaml && self.is_flow && !self.is_quoted && opens
    }

    /// So may the field of a connection string.
    fn is_field(&self) -> bool {
        let mut fields = self.before.split(|&byte| byte == b';');
        fields.next_back();
        // `&quot;` ends in one, too.
        let has_field = fields.any(|field| !tail(field, |byte| byte != b' ').contains(&b'&'));
        self.is_quoted && has_field && self.before.ends_with(b"=")
    }

    /// Words up to the next mark of a list; nothing if they are a pair, or if other text begins.
    fn rest_of_words(&self) -> usize {
        let text = head(self.after, |byte| !b",;}]".contains(&byte));
        let words = text.trim_ascii();
        let is_text = words.first().is_some_and(|&byte| is_word(byte));
        if is_text && !words.contains(&b'=') {
            text.trim_ascii_end().len()
        } else {
            0
        }
    }

    /// What a shell or a language joins to the literal behind its closing quote, from there.
    fn next_piece(&self) -> Option<Span> {
        let (&quote, rest) = self.behind.split_first()?;
        let word = |text: &[u8]| {
            head(text, |byte| {
                !is_blank(byte) && !is_quote(byte) && byte != b';'
            })
            .len()
        };
        let at = |text: &[u8]| self.behind.len() - text.len();
        match rest {
            [first, ..] if is_word(*first) => Some(Span::new(1, 1 + word(rest))),
            [b'\\', next, piece @ ..] if quote == b'\'' && *next == quote => {
                let piece = piece.strip_prefix(b"'").unwrap_or(piece);
                Some(Span::new(at(piece), at(piece) + word(piece)))
            }
            [next, piece @ ..] if is_quote(*next) && piece.first().is_some_and(|&b| is_word(b)) => {
                Some(Span::new(at(piece), at(piece) + word(piece)))
            }
            _ if self.syntax == Syntax::Code => {
                let text = trim_start(rest);
                let signs = head(text, |byte| b"+.&~^<>|".contains(&byte));
                let is_apart = text.len() < rest.len() || !signs.is_empty();
                match trim_start(&text[signs.len()..]) {
                    [next, piece @ ..] if is_apart && is_quote(*next) && signs != b"&&" => {
                        let len = word(piece);
                        (len > 0).then(|| Span::new(at(piece), at(piece) + len))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The value goes to the end: only the next `NAME=` and what a shell takes for an end do not
    /// belong to it.
    fn rest_of_line(&self) -> usize {
        let text = self.after.trim_ascii_end();
        let is_next = is_blank(self.after[0]) && is_next_pair(self.after);
        if is_next || text == b";" {
            0
        } else {
            text.len()
        }
    }

    /// Marks that end a sentence or a part of it, and nothing behind them that goes on: in prose, markup
    /// does not.
    fn ends_sentence(&self, text: &[u8]) -> bool {
        let marks = head(text, |byte| b".,;:!?)]}".contains(&byte)).len();
        let is_prose = matches!(self.syntax, Syntax::Text | Syntax::Xml);
        let is_markup = |byte: u8| is_prose && self.separates(byte);
        marks > 0
            && text
                .get(marks)
                .is_none_or(|&byte| is_blank(byte) || is_quote(byte) || is_markup(byte))
    }

    /// Whether the mark ends an edit of `sed`: `s|…|name=MARK|g`.
    fn ends_edit(&self, text: &[u8]) -> bool {
        if !text.iter().take(1).all(u8::is_ascii_punctuation) || !self.before.contains(&b's') {
            return false;
        }
        let (line, text, quote) = match self.is_quoted {
            // The frame ends before the quote.
            true => {
                let [line, text] = [[b"'", self.before].concat(), [text, b"'"].concat()];
                (line, text, Some(b'\''))
            }
            false => (self.before.to_vec(), [text, b"\n"].concat(), None),
        };
        sed_delimiter(&line, quote).is_some_and(|delimiter| ends_edit(&text, delimiter, quote))
    }

    /// Whether `text` begins with a typographic quote or a mark of bold text and the like, which closes
    /// what stands before the mark.
    fn closes_quote(&self, text: &[u8]) -> bool {
        // What begins the frame is no mark of a patch.
        let line = [b" ", self.before].concat();
        closing_mark(&line).is_some_and(|mark| is_closing(text, mark))
            || literal_delimiter(self.before).is_some_and(|mark| is_closing(text, &[mark]))
    }

    /// Whether `byte` closes a bracket that was opened before the mark.
    fn closes(&self, byte: u8) -> bool {
        match byte {
            b')' => is_open(self.before, b'(', b')'),
            b']' => is_open(self.before, b'[', b']'),
            b'}' => is_open(self.before, b'{', b'}'),
            b'>' => is_open(self.before, b'<', b'>'),
            _ => false,
        }
    }
}

/// The last bytes of `text` that `accept` takes.
fn tail(text: &[u8], accept: impl Fn(u8) -> bool) -> &[u8] {
    let start = text.iter().rposition(|&byte| !accept(byte));
    &text[start.map_or(0, |at| at + 1)..]
}

/// The first bytes of `text` that `accept` takes.
fn head(text: &[u8], accept: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().position(|&byte| !accept(byte));
    &text[..end.unwrap_or(text.len())]
}

/// Cuts at the quotes around a mark, if there are any on its line: the last quote that can open a
/// string, of which the same kind closes it behind the mark.
pub(crate) fn quoted<'t>(before: &'t [u8], after: &'t [u8]) -> Option<(&'t [u8], &'t [u8])> {
    // Inside of three quotes, one of them is text.
    for mark in [b"\"\"\"", b"'''"] {
        let count = memchr::memmem::find_iter(before, mark).count();
        if count % 2 == 1
            && let Some(at) = memchr::memmem::rfind(before, mark)
            && let Some(end) = memchr::memmem::find(after, mark)
        {
            return Some((&before[at + mark.len()..], &after[..end]));
        }
    }
    let mut seen = [false; 256];
    for (at, &quote) in before
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| is_quote(**byte))
    {
        if std::mem::replace(&mut seen[usize::from(quote)], true) {
            continue;
        }
        let escapes = tail(&before[..at], |byte| byte == b'\\').len();
        let mut outside = &before[..at - escapes];
        let letters = tail(outside, |byte| b"bBrRuUfFLNE@$".contains(&byte));
        if letters.len() <= 2 {
            outside = &outside[..outside.len() - letters.len()];
        }
        let can_open = outside
            .last()
            .is_none_or(|&byte| !is_word(byte) && byte != quote);
        if can_open && let Some(end) = closing(after, quote, escapes > 0) {
            return Some((&before[at + 1..], &after[..end]));
        }
    }
    None
}

/// Where `quote` closes a string in `text`; if it is escaped itself, before its backslashes.
fn closing(text: &[u8], quote: u8, is_escaped: bool) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'\\' {
            let escapes = head(&text[at..], |byte| byte == b'\\').len();
            if is_escaped && text.get(at + escapes) == Some(&quote) {
                return Some(at);
            }
            at += escapes.next_multiple_of(2);
            continue;
        }
        if text[at] == quote {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Up to a blank and one of `marks`, without blanks at the end.
pub(crate) fn without_comment<'t>(text: &'t [u8], marks: &[u8]) -> &'t [u8] {
    let is_comment = |pair: &[u8]| is_blank(pair[0]) && marks.contains(&pair[1]);
    let end = text.windows(2).position(is_comment).unwrap_or(text.len());
    text[..end].trim_ascii_end()
}

/// Whether more `open` than `close` stand in `text`.
fn is_open(text: &[u8], open: u8, close: u8) -> bool {
    let count = |wanted: u8| text.iter().filter(|&&byte| byte == wanted).count();
    count(open) > count(close)
}

/// Whether a flow collection of YAML is open behind `text`.
pub(crate) fn in_flow(text: &[u8]) -> bool {
    let is_template = memchr::memmem::find(text, b"${").is_some();
    is_open(text, b'[', b']') || (!is_template && is_open(text, b'{', b'}'))
}

/// Where the value of `key: ` or `- ` begins, if nothing but these stands before it.
pub(crate) fn scalar_start(line: &[u8]) -> Option<usize> {
    let mut at = line.len() - trim_start(line).len();
    while line[at..].starts_with(b"- ") || line[at..].starts_with(b"? ") {
        at += 2;
        at += line[at..].len() - trim_start(&line[at..]).len();
    }
    let colon = line[at..]
        .windows(2)
        .position(|pair| pair[0] == b':' && is_blank(pair[1]));
    if let Some(colon) = colon {
        at += colon + 1;
        at += line[at..].len() - trim_start(&line[at..]).len();
    }
    Some(at)
}

/// `\n`, `%3D`, `&quot;`: what stands for a delimiter in an encoded text.
fn ends_in_escape(text: &[u8]) -> bool {
    match text {
        [
            ..,
            b'\\',
            b'n' | b'r' | b't' | b'f' | b'b' | b'0' | b'"' | b'\'',
        ] => true,
        [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => !is_word(hex(*a, *b)),
        [.., b'\\', b'u', b'0', b'0', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
            !is_word(hex(*a, *b))
        }
        [.., b';'] => {
            let name = tail(&text[..text.len() - 1], |byte| {
                byte.is_ascii_alphanumeric() || byte == b'#'
            });
            !name.is_empty() && text[..text.len() - 1 - name.len()].ends_with(b"&")
        }
        _ => false,
    }
}

fn starts_with_escape(text: &[u8]) -> bool {
    match text {
        [b'\\', rest @ ..] => {
            let rest = &rest[head(rest, |byte| byte == b'\\').len()..];
            matches!(
                rest.first(),
                None | Some(b'n' | b'r' | b't' | b'0' | b'"' | b'\'' | b'`')
            ) || matches!(rest, [b'u', b'0', b'0', a, b, ..] if !is_word(hex(*a, *b)))
        }
        [b'%', a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => !is_word(hex(*a, *b)),
        [b'&', rest @ ..] => [
            &b"quot;"[..],
            b"apos;",
            b"lt;",
            b"gt;",
            b"amp;",
            b"nbsp;",
            b"#39;",
            b"#34;",
            b"#10;",
        ]
        .iter()
        .any(|name| rest.starts_with(name)),
        _ => false,
    }
}

fn hex(a: u8, b: u8) -> u8 {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0);
    u8::try_from(digit(a) * 16 + digit(b)).unwrap_or(0)
}

/// `${NAME:-`, `${NAME-`, and with `=`, `?` or `+`.
fn opens_default(text: &[u8]) -> bool {
    let Some(open) = memchr::memmem::rfind(text, b"${") else {
        return false;
    };
    let name = head(&text[open + 2..], is_word);
    let rest = &text[open + 2 + name.len()..];
    let operator = rest.strip_prefix(b":").unwrap_or(rest);
    !name.is_empty() && matches!(operator, [b'-' | b'=' | b'?' | b'+'])
}

/// `-p`, which a password follows without a blank.
fn is_flag(word: &[u8]) -> bool {
    matches!(word, [b'-', letter] if letter.is_ascii_alphabetic())
}

/// A password ends at `@`, whatever stands before that; `None` if there is none.
fn rest_of_userinfo(text: &[u8]) -> Option<usize> {
    let word = head(text, |byte| {
        !is_blank(byte) && !is_quote(byte) && byte != b'<'
    });
    let at = memchr::memchr(b'@', word)?;
    // `user:password@host`, or the next URL of a list.
    let is_other =
        word[..at].starts_with(b":") || memchr::memmem::find(&word[..at], b"//").is_some();
    (!is_other).then_some(at)
}

/// `, name=`, `&name=`, ` name: `.
fn is_next_pair(text: &[u8]) -> bool {
    let rest = match text.first() {
        Some(b',' | b';' | b'&' | b' ' | b'\t') => trim_start(&text[1..]),
        _ => return false,
    };
    let name = head(rest, is_name).len();
    // `;Initial Catalog=…` of a connection string.
    let words = head(rest, |byte| is_name(byte) || byte == b' ').len();
    let is_field = text[0] == b';' && rest.get(words) == Some(&b'=');
    name > 0 && (is_field || matches!(rest.get(name), Some(b'=' | b':')))
}

fn is_next_pair_or_end(text: &[u8]) -> bool {
    text.len() == 1 || is_next_pair(text) || text.get(1).is_some_and(|&byte| is_blank(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left beside the marks `@@` of `line`.
    fn left(line: &str, syntax: Syntax, edges: Edges) -> Vec<&str> {
        let starts = line
            .match_indices("@@")
            .map(|(at, _)| Span::new(at, at + 2));
        let marks: Vec<Span> = starts.collect();
        let found = (0..marks.len())
            .flat_map(|number| remainders(line.as_bytes(), &marks, number, syntax, edges));
        found.map(|span| &line[span.start..span.end]).collect()
    }

    #[test]
    fn what_goes_on_is_a_remainder() {
        for (line, syntax, rest) in [
            ("A=@@,ijklmnop", Syntax::Env, ",ijklmnop"),
            ("A=@@&Qm7L", Syntax::Env, "&Qm7L"),
            ("A=@@ and more", Syntax::Env, " and more"),
            ("A=ab;@@", Syntax::Env, "ab;"),
            ("export A=@@\"x", Syntax::Env, "\"x"),
            ("A='@@;x'", Syntax::Env, ";x"),
            ("a.b = @@;x", Syntax::Properties, ";x"),
            ("a.b: @@,x", Syntax::Properties, ",x"),
            ("a = @@)x ; c", Syntax::Ini, ")x"),
            ("a: @@,ijk", Syntax::Yaml, ",ijk"),
            ("- a: @@ b # c", Syntax::Yaml, " b"),
            ("  - '@@x'", Syntax::Yaml, "x"),
            ("{a: @@;x, b: c}", Syntax::Yaml, ";x"),
            ("{\"a\": \"@@,x\"}", Syntax::Json, ",x"),
            ("{\"a\": \"x,@@\"}", Syntax::Json, "x,"),
            ("{\\\"a\\\": \\\"@@&x\\\"}", Syntax::Json, "&x"),
            ("<a>@@;x</a>", Syntax::Xml, ";x"),
            ("<a b=\"@@,x\"/>", Syntax::Xml, ",x"),
            ("mysql -p@@,x -u y", Syntax::Shell, ",x"),
            (
                concat!("machine a login b pass", "word @@,x"),
                Syntax::Words,
                ",x",
            ),
            (concat!("h:54", "32:d:u:@@,x"), Syntax::Colons, ",x"),
            ("u://n:@@/x@h/d", Syntax::Text, "/x"),
            ("A=u://n:@@,x@h/d", Syntax::Env, ",x"),
            ("a: ${B:-@@,x}", Syntax::Yaml, ",x}"),
            ("let a = \"@@!!\";", Syntax::Code, "!!"),
            ("the password is x@@", Syntax::Text, "x"),
            ("the password is @@,x", Syntax::Text, ",x"),
            ("export A='@@'\\''xyz'", Syntax::Shell, "xyz"),
            ("u=jdbc:x://h/d?a=@@;xyz", Syntax::Properties, ";xyz"),
            ("run --a \"@@\"'xyz' b", Syntax::Shell, "xyz"),
            ("A=\"@@\"xyz", Syntax::Env, "xyz"),
            ("a = '@@' 'xyz'", Syntax::Code, "xyz"),
            ("a = \"@@\" + \"xyz\";", Syntax::Code, "xyz"),
            ("$a = '@@' . 'xyz';", Syntax::Code, "xyz"),
            ("{a: @@ xyz, b: c}", Syntax::Yaml, " xyz"),
            ("{\"a\": \"b=c;d=@@ xyz;e=f\"}", Syntax::Json, " xyz"),
        ] {
            assert_eq!(left(line, syntax, Edges::Syntax), [rest], "{line}");
        }
    }

    #[test]
    fn delimiters_are_no_remainder() {
        for (line, syntax) in [
            ("A=@@", Syntax::Env),
            ("A=@@ # why", Syntax::Env),
            ("export A=\"@@\" # why", Syntax::Env),
            ("A=@@;", Syntax::Env),
            ("A=@@ B=@@", Syntax::Env),
            ("# was @@, now gone", Syntax::Env),
            ("A=u://n:@@@h/d?x=@@&y=1", Syntax::Env),
            ("a = @@ ; why", Syntax::Ini),
            (
                "<a c=\"Source=h;Id=u;Pwd=@@;Initial Catalog=d\"/>",
                Syntax::Xml,
            ),
            ("a: @@", Syntax::Yaml),
            ("a: \"@@\" # why", Syntax::Yaml),
            ("a: [@@, '@@']", Syntax::Yaml),
            ("a: ${B:-@@}", Syntax::Yaml),
            ("- --password=@@", Syntax::Yaml),
            ("- A=@@", Syntax::Yaml),
            ("a: Bearer @@", Syntax::Yaml),
            ("{\"a\": \"@@\", \"b\": @@}", Syntax::Json),
            ("{\"a\":@@,\"b\":[@@]}", Syntax::Json),
            ("{\\\"a\\\": \\\"@@\\\"}", Syntax::Json),
            ("{\"a\": \"x=1;pwd=@@;y=2\"}", Syntax::Json),
            ("{\"a\": \"@@\\nb\"}", Syntax::Json),
            ("<a>@@</a>", Syntax::Xml),
            ("<a b='@@'/>", Syntax::Xml),
            ("curl -u name:@@ https://h", Syntax::Shell),
            ("A=@@; echo $A", Syntax::Shell),
            ("echo $(f @@)", Syntax::Shell),
            ("mysql -p@@", Syntax::Shell),
            ("ENV A=@@ B=c", Syntax::Shell),
            ("h:5432:d:u:@@", Syntax::Colons),
            ("a,@@,b", Syntax::Table),
            ("f(a, \"@@\", b)", Syntax::Code),
            ("let a = b'@@';", Syntax::Code),
            ("git clone https://@@:x-oauth-basic@h/r", Syntax::Text),
            ("the password is @@.", Syntax::Text),
            ("the password is `@@`, or (@@)", Syntax::Text),
            ("so \"@@!\", **@@?** and <b>@@.</b>", Syntax::Text),
            ("@@@@", Syntax::Text),
            ("@@:@@", Syntax::Text),
            ("f('@@', 'xyz')", Syntax::Code),
            ("a = '@@'.strip()", Syntax::Code),
            ("A=\"@@\" \"$B\"", Syntax::Shell),
            ("proxy_set_header X-Key \"@@\";", Syntax::Properties),
            ("environment=A=\"@@\",B=c", Syntax::Ini),
            ("u=jdbc:x://h/d?a=@@;b=c", Syntax::Properties),
            ("{a: @@, b: c d}", Syntax::Yaml),
            ("\"b=c;d=@@;e=f g\"", Syntax::Code),
            ("&quot;@@&quot;", Syntax::Xml),
            ("q=%22@@%22", Syntax::Text),
        ] {
            let none: [&str; 0] = [];
            assert_eq!(left(line, syntax, Edges::Syntax), none, "{line}");
        }
    }

    #[test]
    fn ends_of_edits_quotes_and_colours_are_no_remainder() {
        for (line, syntax) in [
            ("sed -i 's|a=.*|a=@@|g' x", Syntax::Shell),
            ("sed -i \"s/b/c/;s#a=.*#a=@@#\" x", Syntax::Shell),
            ("so “a: @@” is", Syntax::Text),
            ("<x y=\"-c &quot;a=@@ b&quot;\"/>", Syntax::Xml),
            ("echo \"${GREEN}x: @@${NC}\"", Syntax::Shell),
            ("echo \"x: ${GREEN}@@$NC\"", Syntax::Shell),
            ("f\"{GREEN}x: {RED}@@{RESET}\"", Syntax::Code),
            ("x\\e[0m: \\e[32m@@\\e[0m", Syntax::Text),
        ] {
            let none: [&str; 0] = [];
            assert_eq!(left(line, syntax, Edges::Syntax), none, "{line}");
        }
    }

    #[test]
    fn a_shape_ends_where_its_characters_do() {
        let left = |line| left(line, Syntax::Env, Edges::Shape);
        assert_eq!(left("A=@@abc"), ["abc"]);
        assert_eq!(left("A=x@@-abc"), ["x", "-abc"]);
        for line in ["A=@@,x", "A=u:@@@h", "A=-@@/x"] {
            assert!(left(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn long_lines_cost_no_more_than_their_marks() {
        let line = "\"@@\",".repeat(50_000);
        let none: [&str; 0] = [];
        assert_eq!(left(&line, Syntax::Json, Edges::Syntax), none);
    }
}
