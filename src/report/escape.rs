//! Escapes repository text for terminals: paths, names and excerpts are untrusted.

use std::fmt::Write as _;

/// Returns `text` on one line, with every control, bidirectional, zero-width and invalid character
/// written as an escape.
pub fn escape(text: &[u8]) -> String {
    let mut safe = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_harmless(character) {
                safe.push(character);
            } else {
                // Writing to a string cannot fail.
                let _ = write!(safe, "{}", character.escape_unicode());
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(safe, "\\x{byte:02x}");
        }
    }
    safe
}

/// Returns `text` on one line like [`escape`], with blanks for tabs.
pub fn escape_line(text: &[u8]) -> String {
    const TAB: &str = "    ";
    let parts: Vec<String> = text.split(|&byte| byte == b'\t').map(escape).collect();
    parts.join(TAB)
}

fn is_harmless(character: char) -> bool {
    let invisible = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !character.is_control() && !invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        assert_eq!(escape(b"\x1b[31mred\x07"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(
            escape("a\u{202e}b\u{200b}".as_bytes()),
            "a\\u{202e}b\\u{200b}"
        );
        assert_eq!(escape(b"\xff\xfeok"), "\\xff\\xfeok");
        assert_eq!(escape("grüße 日本".as_bytes()), "grüße 日本");
    }
}
