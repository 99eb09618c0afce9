//! Values that say that they are none: placeholders, references, words of configuration.

use sha2::{Digest, Sha256};

/// See [`is_config_word`].
const CONFIG_WORDS: [&str; 58] = [
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
    "plain",
    "ntlm",
    "negotiate",
    "gss-negotiate",
    "gssapi",
    "cram-md5",
    "digest-md5",
    "xoauth2",
    "oauthbearer",
    "scram-sha-1",
    "scram-sha-256",
    "external",
    "anonymous",
    "hmac-sha1",
    "hmac-sha256",
    "aws4-hmac-sha256",
];

/// Values that configuration keys of this kind take when they hold no secret.
pub(super) fn is_config_word(text: &[u8]) -> bool {
    CONFIG_WORDS.iter().any(|word| word.as_bytes() == text)
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
/// Whether an issuer publishes this very value, for tests or as an example: the keys of storage
/// emulators, the samples of manuals.
pub(super) fn is_published(value: &[u8]) -> bool {
    // The first bytes of their SHA-256: the values themselves would look like leaks.
    const DIGESTS: [u64; 5] = [
        0x0011_cc25_eb43_2071,
        0x2caf_c097_0149_a84f,
        0x5976_2139_900d_1e11,
        0x7f75_367e_7881_2551,
        0xaa65_4743_9583_c3a2,
    ];
    let digest = Sha256::digest(value);
    let start = digest.first_chunk().map(|start| u64::from_be_bytes(*start));
    start.is_some_and(|start| DIGESTS.contains(&start))
}
