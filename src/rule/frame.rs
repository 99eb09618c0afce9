//! The regular expression that all rules with context words share: the word of the provider, the
//! rest of the name, an assignment in any syntax, and the value.

/// Characters between the context word and the assignment.
const NAME: &str = r"[0-9A-Za-z_.\- ]";

/// Characters between the provider's word and a separate second word: quotes and brackets of nested
/// configuration, and line ends.
const BETWEEN_WORDS: &str = r#"[0-9A-Za-z_.\- \t\r\n"'\[\]{}:=]"#;

/// Closing quotes and brackets, the assignment, then opening ones. In order: JSON, YAML, ini,
/// environment, Go, PHP and Ruby, XML elements, calls, tables, and a blank alone as in a Dockerfile.
/// A colon may be followed by a type, as in `key: &str = `.
const ASSIGNMENT: &str = concat!(
    r#"["'\]\)\}*`\\]{0,4}[ \t]{0,8}"#,
    r"(?:=>|:=|==|=|:(?:[ \t]?[&']{0,2}[A-Za-z][0-9A-Za-z_<>?.' ]{0,24}=)?|->|,|\||>|%3[Dd]|[ \t])",
    r#"(?:[ \t]{0,8}[|>][-+]?)?[\s"'`=(\[{<>|*\\]{0,16}"#,
);

/// An XML attribute that follows its key, and the scheme of an HTTP header.
const LEAD_IN: &str =
    r#"(?:(?i:value|default)["']?[ \t]{0,3}[=:][ \t]{0,3}["']?|(?i:bearer|basic|token)[ \t])?"#;

/// Returns the regular expression for `value` assigned to a name with one of `keywords` in it,
/// followed by one of `words` if there are any.
pub(super) fn context(keywords: &[String], words: &[String], value: &str) -> String {
    let any = |list: &[String]| {
        list.iter()
            .map(|word| regex_syntax::escape(word))
            .collect::<Vec<_>>()
            .join("|")
    };
    let words = if words.is_empty() {
        String::new()
    } else {
        format!("{BETWEEN_WORDS}{{0,40}}?(?i:{})", any(words))
    };
    format!(
        "(?i:{}){words}{NAME}{{0,40}}?{ASSIGNMENT}{LEAD_IN}(?P<secret>{value})",
        any(keywords)
    )
}
