//! Values below `data` in a Secret of Kubernetes, which must be base64.

use serde_json::Value;

use crate::span::Span;

/// Bytes of YAML that are read on either side of a value, and of JSON in all.
const MAX_LEN: usize = 1 << 16;

/// Whether `span` is all of a value below `data:` in a Secret that is written as YAML; its line
/// has `own` before it and `behind` after it.
pub(super) fn is_data_of_yaml(text: &[u8], span: Span, (own, behind): (&[u8], &[u8])) -> bool {
    let is_end = |rest: &[u8]| matches!(rest, [] | [b'"' | b'\'']) || rest.starts_with(b"#");
    let name = own.trim_ascii_end();
    let name = name
        .strip_suffix(b"\"")
        .or(name.strip_suffix(b"'"))
        .unwrap_or(name);
    if !name.trim_ascii_end().ends_with(b":") || !is_end(behind.trim_ascii()) {
        return false;
    }
    let indent = |line: &[u8]| line.iter().take_while(|byte| **byte == b' ').count();
    let lines = &text[span.start.saturating_sub(MAX_LEN)..span.start - own.len()];
    let depth = indent(own);
    let mut above = lines.rsplit(|&byte| byte == b'\n').skip(1);
    let parent = above.find(|line| {
        let text = line.trim_ascii();
        !text.is_empty() && !text.starts_with(b"#") && indent(line) < depth
    });
    let Some(parent) = parent.filter(|parent| parent.trim_ascii() == b"data:") else {
        return false;
    };
    // The document around it, between lines of `---`.
    let first = memchr::memmem::rfind(lines, b"\n---").unwrap_or(0);
    let after = &text[span.end..text.len().min(span.end + MAX_LEN)];
    let after = &after[..memchr::memmem::find(after, b"\n---").unwrap_or(after.len())];
    let is_kind = |line: &[u8]| {
        let text = line.trim_ascii();
        indent(line) == indent(parent)
            && text
                .strip_prefix(b"kind:")
                .is_some_and(|kind| kind.trim_ascii() == b"Secret")
    };
    let mut lines = lines[first..].split(|&byte| byte == b'\n');
    lines.any(is_kind) || after.split(|&byte| byte == b'\n').any(is_kind)
}

/// Whether `span` is all of a value below `data` in a Secret that is written as JSON.
pub(super) fn is_data_of_json(text: &[u8], span: Span) -> bool {
    let is_whole = text[..span.start].ends_with(b"\"") && text[span.end..].starts_with(b"\"");
    if !is_whole || text.len() > MAX_LEN {
        return false;
    }
    let value = std::str::from_utf8(&text[span.start..span.end]);
    let document = serde_json::from_slice::<Value>(text);
    matches!((document, value), (Ok(document), Ok(value)) if has_data(&document, value))
}

/// Whether a Secret in `document` has `value` below `data`.
fn has_data(document: &Value, value: &str) -> bool {
    match document {
        Value::Object(members) => {
            let is_secret = members.get("kind").and_then(Value::as_str) == Some("Secret");
            let data = members.get("data").and_then(Value::as_object);
            let is_here = data.is_some_and(|data| data.values().any(|text| text == value));
            (is_secret && is_here) || members.values().any(|member| has_data(member, value))
        }
        Value::Array(items) => items.iter().any(|item| has_data(item, value)),
        _ => false,
    }
}
