//! The values of a Secret in a manifest of Kubernetes: everything below `data:` and `stringData:`,
//! whatever its name.

use crate::span::Span;

/// Values of one manifest that are read.
const MAX_VALUES: usize = 4096;

/// What names end in whose values anyone may see.
const OPEN: [&str; 18] = [
    "crt",
    "ca",
    "cert",
    "pub",
    "public",
    "username",
    "user",
    "login",
    "host",
    "hostname",
    "port",
    "name",
    "namespace",
    "region",
    "bucket",
    "database",
    "endpoint",
    "email",
];

/// Returns the values of the manifest that the line at `at` says the kind of.
pub(super) fn values(window: &[u8], at: usize) -> Vec<Span> {
    let mut found = Vec::new();
    let line_end = |from: usize| {
        let end = memchr::memchr(b'\n', &window[from..]);
        end.map_or(window.len(), |end| from + end)
    };
    let start = memchr::memrchr(b'\n', &window[..at]).map_or(0, |newline| newline + 1);
    let indent = at - start;
    let is_line = window[start..at]
        .iter()
        .all(|byte| matches!(byte, b' ' | b'-'));
    if !is_line
        || !window[at..line_end(at)]
            .trim_ascii_end()
            .ends_with(b"Secret")
    {
        return found;
    }
    let own = start;
    // Another manifest says its kind once, too: each line is read for one of them.
    let kind = [b"\n", &window[start..at], b"kind:"].concat();
    let before = memchr::memmem::rfind(&window[..start], &kind).map_or(0, |mark| mark + kind.len());
    let mark = memchr::memmem::rfind(&window[before..start], b"\n---");
    let mut at = mark.map_or(before, |mark| before + mark + 1);
    let mut block: Option<usize> = None;
    while at < window.len() && found.len() < MAX_VALUES {
        let end = line_end(at);
        let line = &window[at..end];
        let is_next = line.starts_with(b"---") || line.starts_with(&kind[1..]);
        if is_next && at > own {
            break;
        }
        let blanks = line.iter().take_while(|byte| **byte == b' ').count();
        let text = line[blanks..].trim_ascii_end();
        if !text.is_empty() && !text.starts_with(b"#") {
            let is_block = matches!(text, b"data:" | b"stringData:");
            match block {
                _ if is_block && blanks <= indent => block = Some(blanks),
                Some(outer) if blanks > outer => {
                    let value = member(text);
                    found.extend(
                        value.map(|(from, to)| Span::new(at + blanks + from, at + blanks + to)),
                    );
                }
                _ => block = None,
            }
        }
        at = end + 1;
    }
    found
}

/// Returns where the value of `name: value` stands, if the name may be that of a secret.
fn member(text: &[u8]) -> Option<(usize, usize)> {
    let colon = memchr::memmem::find(text, b": ")?;
    let name = text[..colon].trim_ascii_end();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.\"'".contains(byte);
    let last = name.rsplit(|byte| b"_-.".contains(byte)).next()?;
    let last = last.to_ascii_lowercase();
    let is_open = OPEN.iter().any(|word| word.as_bytes() == last);
    let value = text[colon + 1..].trim_ascii_start();
    let start = text.len() - value.len();
    if is_open
        || !name.iter().all(is_name)
        || value.first().is_none_or(|byte| b"|>&*!{[".contains(byte))
    {
        return None;
    }
    let comment = memchr::memmem::find(value, b" #").unwrap_or(value.len());
    let value = value[..comment].trim_ascii_end();
    match value {
        [quote @ (b'"' | b'\''), inner @ .., last] if quote == last => {
            Some((start + 1, start + 1 + inner.len()))
        }
        _ => Some((start, start + value.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let at = text.find("kind: Secret").unwrap();
        let spans = values(text.as_bytes(), at);
        spans
            .iter()
            .map(|span| &text[span.start..span.end])
            .collect()
    }

    #[test]
    fn values_stand_before_and_behind_the_kind() {
        let after = "kind: Secret\nmetadata:\n  name: a\nstringData:\n  orders: Q7x\n  user: b\n# c\n  d.e: \"x y\"\ntype: Opaque\n";
        assert_eq!(found(after), ["Q7x", "x y"]);
        let before = "a: b\n---\ndata:\n  one: Q7x= # c\nkind: Secret\n---\ndata:\n  two: x\n";
        assert_eq!(found(before), ["Q7x="]);
        assert_eq!(found("kind: SecretStore\ndata:\n  one: Q7x\n"), [""; 0]);
    }
}
