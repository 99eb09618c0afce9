//! What comes behind a value: the next pair, tag or command, or more of the value.

/// Longest value.
pub const MAX_VALUE_LEN: usize = 4096;
/// Bytes behind a value that are looked at, to tell whether it goes on.
pub(super) const MAX_TAIL_LEN: usize = 96;

/// Whether the line behind the first `tail` bytes of `rest` ends in `;` and holds a pair.
pub(super) fn is_before_pair(rest: &[u8], tail: usize) -> bool {
    let next = rest.get(tail..).unwrap_or_default().trim_ascii_start();
    let next = &next[..next.len().min(MAX_TAIL_LEN)];
    let line = memchr::memchr(b'\n', next).map_or(&next[..0], |end| &next[..end]);
    line.trim_ascii_end().ends_with(b";") && line.contains(&b'=')
}

/// Whether letters are glued to the brackets and commas in which a value ends, and are no next pair.
pub(super) fn is_glued_behind(rest: &[u8]) -> bool {
    let is_mark = |byte: &&u8| b",)}]".contains(byte);
    let marks = rest.iter().take(4).take_while(is_mark).count();
    let rest = &rest[marks..];
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.\"'".contains(byte);
    let name = rest.iter().take(48).take_while(is_name).count();
    let is_pair = matches!(rest.get(name), Some(b'=' | b':'));
    marks > 0 && rest.first().is_some_and(u8::is_ascii_alphanumeric) && !is_pair
}

/// The length of a blank at the beginning of `text` that is no ASCII: a no-break space, also a narrow one, and
/// the space of Chinese and Japanese.
pub(in crate::detect) fn wide_blank(text: &[u8]) -> Option<usize> {
    const BLANKS: [&[u8]; 3] = [b"\xc2\xa0", b"\xe2\x80\xaf", b"\xe3\x80\x80"];
    let is_first = matches!(text.first(), Some(0xc2 | 0xe2 | 0xe3));
    let found = BLANKS
        .iter()
        .find(|blank| is_first && text.starts_with(blank));
    found.map(|blank| blank.len())
}

/// `text` without blanks around it, whatever they are.
pub(super) fn trim_blanks(text: &[u8]) -> &[u8] {
    let mut text = text.trim_ascii();
    while let Some(len) = wide_blank(text) {
        text = text[len..].trim_ascii();
    }
    text
}

/// Whether a blank of any kind begins `text`.
pub(super) fn begins_blank(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_whitespace) || wide_blank(text).is_some()
}

/// Whether a tab that JSON escapes and more text follow.
pub(super) fn begins_text(rest: &[u8]) -> bool {
    let text = rest.strip_prefix(b"\\t");
    text.is_some_and(|text| text.first().is_some_and(u8::is_ascii_alphanumeric) && !is_pair(text))
}

/// Whether a control word of RTF follows a backslash: `\par`, `\b0`.
pub(super) fn is_control_word(after: &[u8]) -> bool {
    const WORDS: [&[u8]; 12] = [
        b"par", b"pard", b"b", b"i", b"ul", b"ulnone", b"line", b"tab", b"cell", b"row", b"plain",
        b"cf",
    ];
    let letters = after
        .iter()
        .take(8)
        .take_while(|byte| byte.is_ascii_lowercase());
    let letters = letters.count();
    let digits = after[letters..]
        .iter()
        .take(4)
        .take_while(|byte| byte.is_ascii_digit());
    let next = after.get(letters + digits.count());
    WORDS.contains(&&after[..letters]) && !next.is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a plain scalar that ends before `rest` goes on: the next line that is not empty is indented by
/// at least `least` blanks and holds text alone.
pub(in crate::detect) fn folds(rest: &[u8], least: usize) -> bool {
    let rest = &rest[..rest.len().min(MAX_TAIL_LEN)];
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r');
    let blanks = |text: &[u8]| text.iter().take_while(is_blank).count();
    let mut line = rest;
    let mut next = 0;
    let mut lines = 0;
    loop {
        let indent = blanks(line);
        match line[indent..].strip_prefix(b"\n") {
            Some(below) => line = below,
            None if lines == 0 => return false,
            None => {
                line = &line[indent..];
                next = next.max(indent);
                break;
            }
        }
        lines += 1;
    }
    let line = &line[..memchr::memchr(b'\n', line).unwrap_or(line.len())];
    let is_text = |byte: &u8| byte.is_ascii_graphic() && !FOLD_ENDS.contains(byte);
    next >= least
        && line.first().is_some_and(is_text)
        && !line.iter().any(|byte| b"=({".contains(byte))
        && !line.windows(2).any(|pair| pair == b": ")
        && !line.trim_ascii_end().ends_with(b":")
}

/// Whether `rest` ends an edit of `sed` with that delimiter and its flags.
pub fn ends_edit(rest: &[u8], delimiter: u8, quote: Option<u8>) -> bool {
    rest.first() == Some(&delimiter) && {
        let flags = rest[1..].iter().take(5);
        let flags = flags
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        match rest.get(1 + flags) {
            Some(byte) if b";\\}".contains(byte) => true,
            Some(byte) if quote.is_none() => byte.is_ascii_whitespace(),
            next => next.copied() == quote,
        }
    }
}

/// What a line begins with that goes on no text of the line before.
pub(super) const FOLD_ENDS: &[u8] = b"#;-/*.?:+&|<>{}[]()\"'`$@";

/// Whether `quote` stands on the rest of the line, which closes the text around the value.
pub(super) fn closes(quote: u8, after: &[u8]) -> bool {
    let rest = &after[..after.len().min(MAX_TAIL_LEN)];
    memchr::memchr2(quote, b'\n', rest).is_some_and(|at| rest[at] == quote)
}

/// Whether the quote before `after` is doubled, which escapes it in YAML, SQL and others: the text
/// goes on behind it and is closed on its line.
pub(super) fn is_doubled(quote: u8, after: &[u8]) -> bool {
    // An apostrophe has no other use there.
    let ends = |byte: &u8| quote == b'"' && b",;)]}".contains(byte);
    let goes_on = |byte: &u8| byte.is_ascii_graphic() && *byte != b',' && !ends(byte);
    after.first() == Some(&quote) && after.get(1).is_some_and(goes_on) && closes(quote, &after[1..])
}

/// Whether HTML writes a blank like that: `&nbsp;`.
pub(super) fn is_blank_entity(after: &[u8]) -> bool {
    const BLANKS: [&[u8]; 6] = [b"nbsp;", b"#160;", b"#xa0;", b"#xA0;", b"ensp;", b"emsp;"];
    BLANKS.iter().any(|blank| after.starts_with(blank))
}

/// Whether `%26` or another mark follows that ends a value in an encoded query.
pub(super) fn ends_encoded(rest: &[u8]) -> bool {
    const MARKS: [&[u8]; 6] = [b"%26", b"%23", b"%22", b"%27", b"%20", b"%0A"];
    let mark = rest.get(..3).map(<[u8]>::to_ascii_uppercase);
    mark.is_some_and(|mark| MARKS.contains(&&mark[..]))
}

/// Whether a tag in brackets ends here: `[/green]`, `[/]`.
pub(super) fn is_end_of_style(rest: &[u8]) -> bool {
    let Some(name) = rest.strip_prefix(b"[/") else {
        return false;
    };
    let is_letter = |byte: &&u8| byte.is_ascii_lowercase() || **byte == b' ';
    let len = name.iter().take(24).take_while(is_letter).count();
    name.get(len) == Some(&b']')
}

/// Whether `name:` follows, of small letters: another pair of a list without blanks.
pub(super) fn begins_colon_pair(after: &[u8]) -> bool {
    let is_name = |byte: &&u8| byte.is_ascii_lowercase() || **byte == b'_';
    let len = after.iter().take(40).take_while(is_name).count();
    len > 1 && after.get(len) == Some(&b':')
}

/// Whether the name of a user or of a place to log in to follows, before its value: `user:bob`.
pub(super) fn begins_account(after: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"user",
        b"username",
        b"login",
        b"account",
        b"email",
        b"host",
        b"server",
        b"port",
    ];
    let len = after.iter().take(10).position(|byte| *byte == b':');
    len.is_some_and(|len| NAMES.contains(&&after[..len]))
}

/// Whether the rest of an end tag or of a line break follows: `/p>`, `br>`.
pub(super) fn begins_tag(after: &[u8]) -> bool {
    let (name, is_end) = match after.strip_prefix(b"/") {
        Some(name) => (name, true),
        None => (after, false),
    };
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric();
    let len = name.iter().take(40).take_while(is_letter).count();
    let is_tag = (is_end && len > 0) || name[..len].eq_ignore_ascii_case(b"br");
    is_tag && matches!(name.get(len), Some(b'>' | b'/'))
}

/// Whether a command ends at this `&` or `|`: a blank, the line's end or a second one follows. In the
/// middle of a word both are more often a part of a value than an operator.
pub(super) fn ends_command(byte: u8, after: &[u8]) -> bool {
    after
        .first()
        .is_none_or(|next| next.is_ascii_whitespace() || *next == byte)
}

/// Whether `name=` follows, whatever the name.
pub(super) fn is_pair(after: &[u8]) -> bool {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let len = after.iter().take(40).take_while(is_name).count();
    len > 0 && after.get(len) == Some(&b'=')
}

/// Whether `rest` begins with the name of a program.
pub(super) fn begins_program(rest: &[u8]) -> bool {
    let is_name =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-./".contains(byte);
    let word = rest.split(u8::is_ascii_whitespace).next();
    word.is_some_and(|word| {
        word.first()
            .is_some_and(|first| first.is_ascii_lowercase() || b"./".contains(first))
            && word.iter().all(is_name)
    })
}

/// Whether a blank and another command follow, and no comment.
pub(super) fn begins_command(after: &[u8]) -> bool {
    let line = memchr::memchr(b'\n', after).map_or(after, |end| &after[..end]);
    let rest = line.trim_ascii_start();
    rest.len() < line.len() && !rest.is_empty() && !rest.starts_with(b"#")
}

/// Whether `name=` follows: another pair of the same list. A name has letters of one case or a
/// capital first, and digits at its end only; random text hardly ever begins like that.
pub(super) fn begins_pair(after: &[u8]) -> bool {
    let after = after.strip_prefix(b"amp;").unwrap_or(after);
    let Some(end) = after.iter().take(40).position(|&byte| byte == b'=') else {
        return false;
    };
    let name = &after[..end];
    let letters = name
        .iter()
        .take_while(|byte| !byte.is_ascii_digit())
        .count();
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || b"_-. ".contains(byte);
    let is_word = |word: &[u8]| {
        let lower = |at: usize| word.get(at).is_some_and(u8::is_ascii_lowercase);
        let mut capitals = (0..word.len()).filter(|&at| word[at].is_ascii_uppercase());
        !word.iter().any(u8::is_ascii_lowercase) || capitals.all(|at| lower(at + 1))
    };
    let is_name = name.len() >= 3 && name[name.len() - 1].is_ascii_alphanumeric();
    is_name
        && letters >= 3
        && name[0].is_ascii_alphabetic()
        && name[..letters].iter().all(is_letter)
        && name[letters..].iter().all(u8::is_ascii_digit)
        && name.split(|byte| b"_-. ".contains(byte)).all(is_word)
}

/// Whether PowerShell's backtick escapes the quote behind it: the literal goes on.
pub(in crate::detect) fn is_backtick_escape(text: &[u8], quote: u8) -> bool {
    let goes_on = |byte: &u8| byte.is_ascii_graphic() && !b",;:)]}>\"'`".contains(byte);
    quote == b'"'
        && text.first() == Some(&b'`')
        && text.get(1) == Some(&quote)
        && text.get(2).is_some_and(goes_on)
        && closes(quote, &text[2..])
}

/// The length of the rest of an entity that stands for a character of a value: `amp;`, `#38;`.
pub(super) fn entity(after: &[u8]) -> Option<usize> {
    const NAMES: [&[u8]; 5] = [b"amp", b"lt", b"gt", b"apos", b"quot"];
    let len = after.iter().take(8).position(|byte| *byte == b';')?;
    let is_known = match &after[..len] {
        [b'#', b'x' | b'X', digits @ ..] => {
            !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)
        }
        [b'#', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        name => NAMES.contains(&name),
    };
    is_known.then_some(len + 1)
}

/// Whether a word that ends at a mark may go on behind it: neither a blank nor a pair nor a tag
/// follows.
pub(super) fn goes_on_behind(rest: &[u8]) -> bool {
    match rest {
        // The end of a case of a shell.
        [b';', b';', ..] => false,
        [b';', after @ ..] => after.first().is_some_and(u8::is_ascii_graphic) && !is_pair(after),
        [b'<', after @ ..] => {
            let is_markup = matches!(after.first(), Some(b'/' | b'!' | b'?'));
            !is_markup && !begins_tag(after)
        }
        // A redirection names a file; `>text` behind an attribute is markup.
        [b'>', after @ ..] => {
            after.first().is_some_and(u8::is_ascii_graphic) && !after.contains(&b'<')
        }
        _ => false,
    }
}

/// Whether a word that ends at `|` or `&` may go on there: neither a blank nor another such mark nor a pair
/// follows.
pub(super) fn goes_on_at_operator(rest: &[u8]) -> bool {
    match rest {
        [mark @ (b'|' | b'&'), after @ ..] => !ends_command(*mark, after) && !is_pair(after),
        _ => false,
    }
}

/// A name, a number, a type or a chain of members: what code may have where data has a value.
pub(super) fn is_operand(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.()[]$@&*!<>:'?".contains(byte))
}

/// Whether `rest` is more of a command line, of a list of pairs or of an expression.
pub(super) fn is_command(rest: &[u8]) -> bool {
    rest.iter()
        .next()
        .is_some_and(|byte| b"-|&><\\)]}+*/=?!:,.\"'`$([{".contains(byte))
        || begins_pair(rest)
        || rest
            .windows(2)
            .any(|pair| pair == b" -" || pair == b" $" || pair == b" |")
        || rest.split(u8::is_ascii_whitespace).any(begins_pair)
}
