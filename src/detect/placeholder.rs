//! Values that say that they are none: placeholders, references, words of configuration.

/// Values that configuration keys of this kind take when they hold no secret.
pub(super) fn is_config_word(text: &[u8]) -> bool {
    const WORDS: [&str; 42] = [
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "yes",
        "no",
        "default",
        "string",
        "str",
        "text",
        "bytes",
        "object",
        "number",
        "integer",
        "int",
        "bool",
        "boolean",
        "char",
        "void",
        "self",
        "this",
        "required",
        "optional",
        "bearer",
        "basic",
        "digest",
        "enabled",
        "disabled",
        "auto",
        "password",
        "secret",
        "token",
        "passwd",
        "pass",
        "passw0rd",
        "passphrase",
        "mypassword",
        "my_password",
        "user",
        "username",
    ];
    WORDS.iter().any(|word| word.as_bytes() == text)
}

/// Values that people take for tests.
pub(super) fn is_test_value(text: &[u8]) -> bool {
    const WORDS: [&str; 8] = [
        "test", "foo", "bar", "demo", "dummy", "fake", "mock", "abc123",
    ];
    WORDS
        .iter()
        .any(|word| memchr::memmem::find(text, word.as_bytes()).is_some())
}

/// Values that stand for another one: `$NAME`, `%NAME%`, `<name>`, `{name}`, `%s`.
pub(super) fn is_reference(value: &[u8]) -> bool {
    let is_variable = matches!(value.first(), Some(b'$' | b'%' | b'<' | b'@' | b'&'))
        && value[1..]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.>%: ".contains(byte));
    let is_format = memchr::memchr(b'%', value).is_some_and(|at| {
        matches!(
            value.get(at + 1),
            Some(b's' | b'd' | b'v' | b'@' | b'q' | b'(')
        ) && value.len() < 12
    });
    let is_template = memchr::memchr(b'{', value).is_some_and(|open| {
        memchr::memchr(b'}', &value[open..]).is_some_and(|close| {
            value[open + 1..open + close]
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.: ".contains(byte))
        })
    });
    is_variable || is_format || is_template
}

/// Values that stand where a secret goes: ellipses, instructions, examples, expressions.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    const PARTS: [&str; 40] = [
        "${",
        "{{",
        "}}",
        "%{",
        "<%",
        "$(",
        "#{",
        "...",
        "…",
        "xxxx",
        "****",
        "____",
        "----",
        "example",
        "changeme",
        "change_me",
        "change-me",
        "placeholder",
        "your-",
        "your_",
        "yourpass",
        "yourtoken",
        "yourkey",
        "yoursecret",
        "redacted",
        "removed",
        "insert",
        "replace",
        "todo",
        "fixme",
        "sample",
        "dummy",
        "process.env",
        "os.environ",
        "[0-9",
        "[a-z",
        "[^",
        "\\w",
        "(?:",
        "]{",
    ];
    let text = value.to_ascii_lowercase();
    PARTS
        .iter()
        .any(|part| memchr::memmem::find(&text, part.as_bytes()).is_some())
}
