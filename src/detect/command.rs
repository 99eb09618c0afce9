//! Passwords among the arguments of commands: `curl -u user:password`, `mysql -ppassword`.
//!
//! A command is read as a shell does: words are split at blanks outside of quotes, over escaped line
//! ends, up to the end of the command. Where the command itself is an item of a list, as in a
//! Dockerfile, its items are the words.

use super::interpolation;
use super::syntax::opening_entity;
use crate::span::Span;

/// Bytes of a command that are read.
pub(super) const MAX_COMMAND_LEN: usize = super::syntax::MAX_VALUE_LEN + 512;
/// Words of a command that are read.
const MAX_WORDS: usize = 64;
/// Bytes before a command in which what is piped into it stands.
pub(super) const MAX_PIPED_LEN: usize = 160;

/// Shorter names of users without a password are no keys.
const MIN_KEY_LEN: usize = 16;

/// Where a secret stands in a command.
#[derive(Clone, Copy)]
enum At {
    /// In the word behind the option, or glued to it.
    Option(&'static str),
    /// The same, but only glued: alone, the option asks for the password.
    Glued(&'static str),
    /// Behind the mark in the option's word: `user:password`.
    Behind(&'static str, u8),
    /// In the option's word behind `pass:`; behind other words a file or a variable is named.
    Source(&'static str),
    /// Behind `token=`, or the first argument that is no pair.
    Token,
    /// The argument of that number behind the words that name the command; options do not count.
    Argument(usize),
    /// The same, if one of the options has a `b`, as in `-nbB`.
    BatchArgument(usize),
    /// The first argument; these options take the word behind them.
    First(&'static [&'static str]),
    /// In the word that `echo` pipes into it, if the option is there.
    Piped(&'static str),
    /// The same, behind the mark: `user:password`.
    PipedBehind(u8),
}

/// Commands with the words that must follow, and where their secrets stand.
const COMMANDS: [(&[&str], &[At]); 39] = [
    (
        &["curl"],
        &[
            At::Behind("-u", b':'),
            At::Behind("--user", b':'),
            At::Behind("--proxy-user", b':'),
        ],
    ),
    (&["mysql"], &[At::Glued("-p")]),
    (&["mysqldump"], &[At::Glued("-p")]),
    (&["mysqladmin"], &[At::Glued("-p")]),
    (&["mysqlimport"], &[At::Glued("-p")]),
    (&["mariadb"], &[At::Glued("-p")]),
    (&["redis-cli"], &[At::Option("-a"), At::Option("--pass")]),
    (
        &["docker", "login"],
        &[
            At::Option("-p"),
            At::Option("--password"),
            At::Piped("--password-stdin"),
        ],
    ),
    (
        &["podman", "login"],
        &[
            At::Option("-p"),
            At::Option("--password"),
            At::Piped("--password-stdin"),
        ],
    ),
    (
        &["helm", "registry", "login"],
        &[At::Option("-p"), At::Option("--password")],
    ),
    (&["net", "use"], &[At::Argument(2)]),
    (&["net", "user"], &[At::Argument(1)]),
    (&["htpasswd"], &[At::BatchArgument(2)]),
    (
        &["openssl"],
        &[
            At::Option("-k"),
            At::Source("-passin"),
            At::Source("-passout"),
            At::Source("-pass"),
        ],
    ),
    (
        &["az", "login"],
        &[At::Option("-p"), At::Option("--password")],
    ),
    (&["smbclient"], &[At::Behind("-U", b'%')]),
    (&["rpcclient"], &[At::Behind("-U", b'%')]),
    (&["mongo"], &[At::Option("-p")]),
    (&["mongosh"], &[At::Option("-p")]),
    (&["mongodump"], &[At::Option("-p")]),
    (&["mongorestore"], &[At::Option("-p")]),
    (&["sqlcmd"], &[At::Option("-P"), At::Glued("-P")]),
    (&["osql"], &[At::Option("-P"), At::Glued("-P")]),
    (&["openssl", "passwd"], &[At::First(&["-salt", "-in"])]),
    (&["schtasks"], &[At::Option("/rp"), At::Option("/RP")]),
    (&["sshpass"], &[At::Option("-p")]),
    (&["lftp"], &[At::Behind("-u", b',')]),
    (&["chpasswd"], &[At::PipedBehind(b':')]),
    (&["passwd"], &[At::Piped("--stdin")]),
    (&["sudo"], &[At::Piped("-S")]),
    (&["vault", "operator", "unseal"], &[At::Argument(0)]),
    (&["vault", "login"], &[At::Token]),
    (&["aws", "ssm", "put-parameter"], &[At::Option("--value")]),
    (&["rabbitmqctl", "add_user"], &[At::Argument(1)]),
    (&["rabbitmqctl", "change_password"], &[At::Argument(1)]),
    (&["ipmitool"], &[At::Option("-P")]),
    (&["zip"], &[At::Option("-P")]),
    (&["unzip"], &[At::Option("-P")]),
    (&["7z"], &[At::Glued("-p")]),
];

/// Returns the secrets of the command whose first word stands at `at`.
pub(super) fn passwords(window: &[u8], at: usize) -> Vec<Span> {
    let before = at.checked_sub(1).map(|at| window[at]);
    let begins =
        before.is_none_or(|byte| byte.is_ascii_whitespace() || b"/\"'`($;|&".contains(&byte));
    if !begins {
        return Vec::new();
    }
    if window[at..].starts_with(b"chpasswd:") {
        return accounts(window, at);
    }
    if window[at..].starts_with(b"send ") {
        return sent(window, at).into_iter().collect();
    }
    let words = words(window, at, before);
    let text = |span: &Span| &window[span.start..span.end];
    let mut found = Vec::new();
    for (names, places) in COMMANDS {
        let mut pairs = names.iter().zip(&words);
        let is_named =
            words.len() >= names.len() && pairs.all(|(name, word)| text(word) == name.as_bytes());
        if is_named {
            let arguments = &words[names.len()..];
            found.extend(
                places
                    .iter()
                    .filter_map(|place| place.find(window, at, arguments)),
            );
        }
    }
    found
}

impl At {
    fn find(self, window: &[u8], at: usize, words: &[Span]) -> Option<Span> {
        let text = |span: &Span| &window[span.start..span.end];
        let may_be_glued = matches!(self, Self::Glued(_) | Self::Behind(..));
        let option =
            |name: &str, may_follow| option(window, words, name, (may_follow, may_be_glued));
        let behind = |span: Span, mark: u8| {
            let mark = memchr::memchr(mark, text(&span))?;
            // `-u user:'…'`
            let next = window.get(span.end).copied();
            let is_own = next == span.start.checked_sub(1).map(|at| window[at]);
            let is_glued = mark + 1 == span.len() && !is_own && matches!(next, Some(b'"' | b'\''));
            if is_glued {
                return words
                    .iter()
                    .find(|word| word.start == span.end + 1)
                    .copied();
            }
            // `-u KEY:`: a key in the place of the user.
            let is_key = mark + 1 == span.len() && mark >= MIN_KEY_LEN;
            Some(if is_key {
                Span::new(span.start, span.start + mark)
            } else {
                Span::new(span.start + mark + 1, span.end)
            })
        };
        let has = |name: &str| words.iter().any(|word| text(word) == name.as_bytes());
        match self {
            Self::Option(name) => option(name, true),
            Self::Glued(name) => option(name, false),
            Self::Behind(name, mark) => behind(option(name, true)?, mark),
            Self::Source(name) => {
                let source = option(name, true)?;
                text(&source).starts_with(b"pass:").then_some(())?;
                behind(source, b':')
            }
            Self::Token => token(window, words),
            Self::Argument(number) => argument(window, words, number),
            Self::BatchArgument(number) => {
                let is_batch =
                    |word: &Span| matches!(text(word), [b'-', rest @ ..] if rest.contains(&b'b'));
                let is_batch = words.iter().any(is_batch);
                is_batch.then(|| argument(window, words, number)).flatten()
            }
            Self::First(options) => first(window, words, options),
            Self::Piped(name) => has(name).then(|| piped(window, at)).flatten(),
            Self::PipedBehind(mark) => behind(piped(window, at)?, mark),
        }
    }
}

/// The argument of the option `name`, if it `may_follow` in the next word or `may_be_glued` to the option.
fn option(
    window: &[u8],
    words: &[Span],
    name: &str,
    (may_follow, may_be_glued): (bool, bool),
) -> Option<Span> {
    let is_long = name.len() > 2;
    words.iter().enumerate().find_map(|(number, word)| {
        let rest = window[word.start..word.end].strip_prefix(name.as_bytes())?;
        // `-p'…'`
        let next = words.get(number + 1).copied();
        let after = window.get(word.end);
        // Quotes around the option are its own: `["-p", "…"]`.
        let is_own = word.start > 0 && window.get(word.start - 1) == after;
        let is_glued = !is_own && matches!(after, Some(b'"' | b'\''));
        match rest {
            [] | [b'='] if is_glued => next.filter(|next| next.start == word.end + 1),
            [] if may_follow => next,
            [] => None,
            [b'=', ..] => Some(Span::new(word.start + name.len() + 1, word.end)),
            _ if is_long || !may_be_glued => None,
            _ => Some(Span::new(word.start + name.len(), word.end)),
        }
    })
}

/// The first argument that is no option; `options` take the word behind them.
fn first(window: &[u8], words: &[Span], options: &[&str]) -> Option<Span> {
    let text = |word: &Span| &window[word.start..word.end];
    let takes = |word: &Span| options.iter().any(|known| text(word) == known.as_bytes());
    let mut found = words.iter().enumerate().filter(|(at, word)| {
        !text(word).starts_with(b"-") && !at.checked_sub(1).is_some_and(|at| takes(&words[at]))
    });
    found.next().map(|(_, word)| *word)
}

/// Passwords of the lines `user:password` below `list:` in `chpasswd:` at `at`, a module of cloud-init.
fn accounts(window: &[u8], at: usize) -> Vec<Span> {
    const MAX_LINES: usize = 64;
    let indent = |line: &[u8]| line.iter().take_while(|byte| **byte == b' ').count();
    let end = window.len().min(at + MAX_COMMAND_LEN);
    let line = memchr::memrchr(b'\n', &window[..at]).map_or(0, |newline| newline + 1);
    let outer = indent(&window[line..at]);
    let (mut found, mut list, mut next) = (Vec::new(), None, at);
    for _ in 0..MAX_LINES {
        let Some(newline) = memchr::memchr(b'\n', &window[next..end]) else {
            break;
        };
        let start = next + newline + 1;
        let len = memchr::memchr(b'\n', &window[start..end]);
        let text = &window[start..len.map_or(end, |len| start + len)];
        let (depth, content) = (indent(text), text.trim_ascii());
        next = start;
        if content.is_empty() {
            continue;
        }
        if depth <= outer {
            break;
        }
        match list {
            None if content.starts_with(b"list:") => list = Some(depth),
            Some(list) if depth < list || depth == list && !content.starts_with(b"- ") => break,
            Some(_) => found
                .extend(account(text).map(|span| Span::new(start + span.start, start + span.end))),
            None => {}
        }
    }
    found
}

/// The password of `user:password`, an item of a list or a line of a text; none if it is made, or a digest.
fn account(line: &[u8]) -> Option<Span> {
    const MADE: [&[u8]; 2] = [b"RANDOM", b"R"];
    let is_before = |byte: &&u8| byte.is_ascii_whitespace() || b"-\"'".contains(byte);
    let start = line.iter().take_while(is_before).count();
    let is_user = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.-{} ".contains(byte);
    let user = line[start..].iter().take_while(is_user).count();
    let value = line[start + user..].strip_prefix(b":")?;
    let value = value.trim_ascii_end();
    let quote = line[..start].last().filter(|byte| b"\"'".contains(byte));
    let value = quote.map_or(value, |quote| {
        value.strip_suffix(&[*quote]).unwrap_or(value)
    });
    let is_value = user > 0
        && !MADE.contains(&value)
        && !value.starts_with(b"$")
        && !value.iter().any(u8::is_ascii_whitespace);
    let from = start + user + 1;
    is_value.then(|| Span::new(from, from + value.len()))
}

/// What a script of expect sends at `at` when it is asked for a password: `send "…\r"`.
fn sent(window: &[u8], at: usize) -> Option<Span> {
    const PROMPTS: [&[u8]; 3] = [b"assword", b"assphrase", b"asscode"];
    const ENDS: [&[u8]; 2] = [b"\\r", b"\\n"];
    let before = &window[at.saturating_sub(MAX_PIPED_LEN)..at];
    let last = memchr::memmem::rfind(before, b"send ").map_or(before, |last| &before[last..]);
    let prompt = PROMPTS
        .iter()
        .find_map(|prompt| memchr::memmem::rfind(last, prompt))?;
    // The prompt is that of the same answer, or of the line before it.
    if memchr::memchr_iter(b'\n', &last[prompt..]).count() > 1
        || memchr::memmem::find(before, b"expect").is_none()
    {
        return None;
    }
    let rest = window[at + 5..]
        .strip_prefix(b"-- ")
        .unwrap_or(&window[at + 5..]);
    let start = window.len() - rest.len() + 1;
    let (&quote, text) = rest.split_first()?;
    let close = match quote {
        b'"' => b'"',
        b'{' => b'}',
        _ => return None,
    };
    let end = memchr::memchr2(close, b'\n', &text[..text.len().min(MAX_COMMAND_LEN)])?;
    let mut value = &text[..end];
    while let Some(rest) = ENDS.iter().find_map(|end| value.strip_suffix(*end)) {
        value = rest;
    }
    let is_value = text[end] == close && !value.iter().any(|byte| b"$[ \\".contains(byte));
    is_value.then(|| Span::new(start, start + value.len()))
}

/// Returns the value of the argument `token=`, or the first argument that is no pair.
fn token(window: &[u8], words: &[Span]) -> Option<Span> {
    const PAIR: &[u8] = b"token=";
    let text = |word: &Span| &window[word.start..word.end];
    let pair = words.iter().find(|word| text(word).starts_with(PAIR));
    let value = |word: &Span| Span::new(word.start + PAIR.len(), word.end);
    let first = || argument(window, words, 0).filter(|word| !text(word).contains(&b'='));
    pair.map(value).or_else(first)
}

/// Returns the argument of that number; options do not count.
fn argument(window: &[u8], words: &[Span], number: usize) -> Option<Span> {
    // `-b`, `/user:name`
    let is_option = |word: &&Span| match &window[word.start..word.end] {
        [b'-', ..] => true,
        [b'/', rest @ ..] => rest.contains(&b':') || !rest.contains(&b'/'),
        _ => false,
    };
    words
        .iter()
        .filter(|word| !is_option(word))
        .nth(number)
        .copied()
}

/// Returns the word that `echo` or `printf` pipes into the command at `at`.
fn piped(window: &[u8], at: usize) -> Option<Span> {
    let from = at.saturating_sub(MAX_PIPED_LEN);
    let before = &window[from..at];
    let line = memchr::memrchr(b'\n', before).map_or(0, |end| end + 1);
    let pipe = memchr::memrchr(b'|', &before[line..])? + line;
    let text = before[line..pipe].trim_ascii_end();
    let echo = memchr::memmem::rfind(text, b"echo ").map(|at| at + 5);
    let start = echo.or_else(|| memchr::memmem::rfind(text, b"printf ").map(|at| at + 7))?;
    let from = from + line;
    // In a literal that holds the command, the quotes are escaped.
    let outer = match &window[from + start..] {
        [b'\\', quote @ (b'"' | b'\''), ..] => Some(*quote),
        _ => None,
    };
    let words = words(&window[..from + text.len()], from + start, outer);
    words.into_iter().find(|word| window[word.start] != b'-')
}

/// Splits the command at `at` into words, without their quotes.
fn words(window: &[u8], at: usize, before: Option<u8>) -> Vec<Span> {
    let end = window.len().min(at + MAX_COMMAND_LEN);
    let bytes = &window[..end];
    let is_flow = before == Some(b'[');
    let closing = closing(before);
    let outer = before.filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let mut words = Vec::new();
    let mut at = at;
    let is_list = outer.is_some_and(|outer| is_item(&bytes[at..], outer));
    while at < end && words.len() < MAX_WORDS {
        match bytes[at] {
            byte if Some(byte) == outer && !is_list => break,
            b' ' | b'\t' => at += 1,
            b'\\' if matches!(bytes.get(at + 1), Some(b'\n' | b'\r')) => at += 2,
            _ if mark_len(&bytes[at..], outer) > 0 => {
                let mark = mark_len(&bytes[at..], outer);
                let Some(word) = marked(bytes, at, mark) else {
                    break;
                };
                words.push(word);
                at = word.end + mark;
            }
            b',' | b'\n' if is_list || is_flow => at += 1,
            b']' if is_list || is_flow => break,
            // Code among the literals of a list.
            byte if is_list && !words.is_empty() && is_code(byte) => {
                words.push(Span::new(at, at));
                at = end_of_code(bytes, at);
            }
            b'\n' | b'\r' | b';' | b'|' | b'&' | b')' | b'<' | b'>' | b'#' => break,
            quote @ (b'"' | b'\'') => {
                let Some(len) = quoted(&bytes[at + 1..], quote) else {
                    break;
                };
                words.push(Span::new(at + 1, at + 1 + len));
                at += len + 2;
            }
            _ => {
                let start = at;
                at = bare(bytes, at, outer, closing);
                let word = Span::new(start, at);
                // `-p'…'`: the quotes are not part of it.
                match bytes.get(at) {
                    Some(&quote @ (b'"' | b'\'')) if Some(quote) != outer => {
                        words.push(word);
                        let Some(len) = quoted(&bytes[at + 1..], quote) else {
                            break;
                        };
                        words.push(Span::new(at + 1, at + 1 + len));
                        at += len + 2;
                    }
                    Some(&quote) if Some(quote) == outer && is_list => {
                        words.push(word);
                        at += 1;
                    }
                    _ => words.push(word),
                }
            }
        }
    }
    words
}

/// Whether the word that `text` begins with is an item of a list, in quotes: `["mysql", "-pX"]`.
fn is_item(text: &[u8], quote: u8) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    text.iter().find(|byte| !is_word(byte)) == Some(&quote)
}

/// Whether `byte` begins an item of a list that is no literal.
fn is_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_$*.".contains(&byte)
}

/// Where the item of a list at `at` that is no literal ends.
fn end_of_code(bytes: &[u8], at: usize) -> usize {
    let len = memchr::memchr3(b',', b']', b'\n', &bytes[at..]);
    len.map_or(bytes.len(), |len| at + len)
}

/// What ends a word of a command that stands behind `before`, beside blanks.
fn closing(before: Option<u8>) -> Option<u8> {
    match before {
        Some(b'(') => Some(b')'),
        Some(b'[') => Some(b','),
        _ => None,
    }
}

/// The length of a quote that is written as several bytes: escaped in a string of JSON that holds the
/// command, or as an entity.
fn mark_len(text: &[u8], outer: Option<u8>) -> usize {
    match text {
        [b'\\', quote, ..] if outer == Some(*quote) => 2,
        [b'&', ..] => opening_entity(text),
        _ => 0,
    }
}

/// The word between two marks of `len` bytes, of which the first is at `at`.
fn marked(bytes: &[u8], at: usize, len: usize) -> Option<Span> {
    let (mark, text) = bytes[at..].split_at(len);
    let end = memchr::memmem::find(text, mark)?;
    Some(Span::new(at + len, at + len + end))
}

/// The length of what stands between quotes, up to the closing one on the same line.
fn quoted(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        match *bytes.get(at)? {
            b'\n' => return None,
            b'\\' if quote == b'"' => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// Where a word without quotes ends: `closing` closes what the command stands in.
fn bare(bytes: &[u8], mut at: usize, outer: Option<u8>, closing: Option<u8>) -> usize {
    let mut own = 0usize;
    while let Some(&byte) = bytes.get(at) {
        if let Some(len) = interpolation::expression(&bytes[at..]) {
            at += len;
            continue;
        }
        match byte {
            b',' if closing == Some(b',') => break,
            b']' if closing == Some(b',') => break,
            b'(' => own += 1,
            b')' if own == 0 && closing == Some(b')') => break,
            b')' => own = own.saturating_sub(1),
            b'\\' if outer.is_none() && is_escape(&bytes[at + 1..]) => at += 1,
            // A backtick ends a literal of several lines that holds the command.
            b'"' | b'\'' | b'`' => break,
            b';' | b'|' | b'&' | b'<' | b'>' => break,
            b'\\' if outer == Some(b'"') && is_inner_mark(&bytes[at + 1..]) => at += 1,
            byte if byte.is_ascii_whitespace() || Some(byte) == outer || byte == b'\\' => break,
            _ => {}
        }
        at += 1;
    }
    at.min(bytes.len())
}

/// Whether JSON writes a mark of the word behind this backslash: `\u0026` and more of the word. A quote
/// ends it if a blank follows.
fn is_inner_mark(after: &[u8]) -> bool {
    let is_mark =
        after.len() > 5 && after[..3] == *b"u00" && after[3..5].iter().all(u8::is_ascii_hexdigit);
    is_mark && after[5].is_ascii_alphanumeric()
}

/// Whether a backslash before `after` escapes a mark, or a blank with more of the word behind it.
fn is_escape(after: &[u8]) -> bool {
    match after {
        [b' ', next, ..] => next.is_ascii_graphic(),
        [next, ..] => next.is_ascii_graphic(),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, command: &str) -> Vec<String> {
        let at = text.find(command).unwrap();
        let spans = passwords(text.as_bytes(), at);
        spans
            .iter()
            .map(|span| text[span.start..span.end].to_owned())
            .collect()
    }

    #[test]
    fn arguments_are_read_as_a_shell_reads_them() {
        for (text, command, value) in [
            ("mysql -h db -u root -pQ7x_v shop\n", "mysql", "Q7x_v"),
            ("mysql -u root -p'Q7 x;v' shop\n", "mysql", "Q7 x;v"),
            (
                "test: [\"CMD\", \"mysqladmin\", \"ping\", \"-pQ7x_v\"]\n",
                "mysqladmin",
                "Q7x_v",
            ),
            (
                "curl -H 'A: b' \\\n  -X POST \\\n  -u \"ann:Q7$v\" \\\n  https://x\n",
                "curl",
                "Q7$v",
            ),
            ("curl --fail --user 'ann:Q7@x' -T a\n", "curl", "Q7@x"),
            ("curl -u ann:'Q7 x' https://x\n", "curl", "Q7 x"),
            (
                "curl -u \"0123456789abcdef:\" https://x\n",
                "curl",
                "0123456789abcdef",
            ),
            ("redis-cli -h a -a Q7x_v ping\n", "redis-cli", "Q7x_v"),
            (
                "sh 'docker login -u ann -p Q7x_v host'\n",
                "docker",
                "Q7x_v",
            ),
            (
                "echo \"Q7|x\" | docker login -u a --password-stdin\n",
                "docker",
                "Q7|x",
            ),
            ("echo 'root:Q7x_v' | chpasswd\n", "chpasswd", "Q7x_v"),
            ("net use Z: \\\\fs\\share Q7x_v /user:ann\n", "net", "Q7x_v"),
            ("htpasswd -b -c .htpasswd ann Q7x_v\n", "htpasswd", "Q7x_v"),
            (
                "openssl enc -aes-256-cbc -pass pass:Q7x_v -in a\n",
                "openssl",
                "Q7x_v",
            ),
            ("smbclient //h/s -U ann%Q7x_v -c ls\n", "smbclient", "Q7x_v"),
            (
                "aws ssm put-parameter --name /a --value 'Q7x_v'\n",
                "aws",
                "Q7x_v",
            ),
        ] {
            assert_eq!(found(text, command), [value], "{text}");
        }
    }

    #[test]
    fn a_command_that_asks_has_none() {
        for (text, command) in [
            ("mysql -u root -p shop\n", "mysql"),
            ("mysql -u root -p\n", "mysql"),
            ("curl -u ann https://x\n", "curl"),
            ("the mysql -pQ7x_v".trim_start_matches("the "), "sql"),
            ("docker login\n", "docker"),
            ("net use\n", "net"),
        ] {
            assert_eq!(found(text, command), [""; 0], "{text}");
        }
    }
}
