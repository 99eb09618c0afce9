//! Values that say that they are none: placeholders, references, words of configuration.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::block;
use super::interpolation::is_code;
use super::wordlist::WordList;

/// See [`is_config_word`].
const CONFIG_WORDS: [&str; 69] = [
    "oauth",
    "oauth2",
    "client-certificate",
    "x-oauth-basic",
    "x-oauth-token",
    "x-token-auth",
    "x-access-token",
    "gitlab-ci-token",
    "kerberos",
    "saml",
    "mtls",
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

/// Values that people take for tests: one of the words in a value that is not random. In one of letters
/// of both cases and digits, where chance writes such words, it must stand apart: `MyTestKey2`.
pub(super) fn is_test_value(value: &[u8]) -> bool {
    const LIST: [&str; 8] = [
        "test", "foo", "bar", "demo", "dummy", "fake", "mock", "abc123",
    ];
    const MIN_RANDOM: usize = 16;
    static WORDS: LazyLock<WordList> = LazyLock::new(|| WordList::new(&LIST));
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    let may_be_random = value.len() >= MIN_RANDOM
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit);
    let is_apart = |(word, end): (usize, usize)| {
        let start = end - LIST[word].len();
        let begins = start == 0 || is_word_edge(value[start - 1], value[start]);
        begins && (end == value.len() || is_word_edge(value[end - 1], value[end]))
    };
    let text = value.to_ascii_lowercase();
    let mut found = WORDS.find(&text);
    found.any(|found| !may_be_random || is_apart(found))
}

/// Whether a word ends between two bytes: at a sign, a digit, or a capital behind a small letter.
fn is_word_edge(before: u8, after: u8) -> bool {
    !before.is_ascii_alphabetic()
        || !after.is_ascii_alphabetic()
        || before.is_ascii_lowercase() && after.is_ascii_uppercase()
}

/// Whether the value refers to another one, in the form that some language has for it. A literal
/// in quotes may begin with any sign: `@`, `&`, `%` or `$` alone make no reference of it.
pub(super) fn is_reference(value: &[u8], is_quoted: bool) -> bool {
    let is_name = |name: &[u8]| {
        let path = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:>".contains(byte);
        let one_case =
            !name.iter().any(u8::is_ascii_uppercase) || !name.iter().any(u8::is_ascii_lowercase);
        name.iter().all(path) && (is_identifier(name) || (one_case && !is_quoted))
    };
    match value {
        // `$Kestrel92` in quotes is a password: names of variables have no such shape.
        [b'$', name @ ..] if is_name(name) && !(is_quoted && is_capitalised(name)) => {
            return true;
        }
        [b'@' | b'&', name @ ..] if !is_quoted && is_name(name) => return true,
        [b'%', name @ .., b'%'] if is_name(name) => return true,
        [b'%', b'5', b'B' | b'b', .., b'%', b'5', b'D' | b'd'] => return true,
        [b'$', b'$', name @ .., b'$', b'$'] if is_name(name) => return true,
        // A variable of a shell in a Makefile.
        [b'$', b'$', name @ ..] if !is_quoted && is_name(name) => return true,
        // Code between two literals.
        [b'+', code @ .., b'+'] if is_code(code) => return true,
        // The output of a command.
        [b'`', command @ .., b'`'] if command.contains(&b' ') => return true,
        [b'%', name @ ..] if !is_quoted && is_name(name) => return true,
        // `<password>`, `{password}`, `[PASSWORD]`: a slot to fill in.
        [b'<', slot @ .., b'>'] | [b'{', slot @ .., b'}'] | [b'[', slot @ .., b']']
            if is_slot(slot) =>
        {
            return true;
        }
        _ => {}
    }
    is_format(value) || holds_expression(value) || holds_slot(value)
}

/// `Bearer {token}`, `{user}:{password}`.
fn holds_slot(value: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b'}', value) else {
        return false;
    };
    memchr::memrchr(b'{', &value[..end]).is_some_and(|open| {
        let inner = &value[open + 1..end];
        // One pair of empty braces may be chance, two are a format.
        let empty = value.windows(2).filter(|pair| pair == b"{}").count();
        let is_number = inner.iter().all(u8::is_ascii_digit) && value.len() < 12;
        let is_number = is_number || empty > 1;
        // Chance writes three letters in braces, too.
        let lower = inner.iter().take_while(|byte| byte.is_ascii_lowercase());
        let upper = inner.iter().take_while(|byte| byte.is_ascii_uppercase());
        let is_named = lower.count() >= 3 || upper.count() >= 5;
        is_number || (is_named && is_slot(inner))
    })
}

/// A name as people write it: letters and underscores, with a number at the end at most; or
/// capitals with underscores.
fn is_identifier(name: &[u8]) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || b"_-.:>".contains(byte);
    let letters = name.iter().take_while(|byte| is_letter(byte)).count();
    let digits = name.len() - letters;
    let ends_in_number = digits <= 2 && name[letters..].iter().all(u8::is_ascii_digit);
    let is_constant = name.contains(&b'_') && !name.iter().any(u8::is_ascii_lowercase);
    !name.is_empty() && (ends_in_number || is_constant)
}

/// A word with one capital, its first letter, and a number at its end.
fn is_capitalised(name: &[u8]) -> bool {
    let letters = name
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let capitals = name.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let is_word = name.first().is_some_and(u8::is_ascii_uppercase) && capitals == 1;
    is_word && letters > 2 && letters < name.len() && name[letters..].iter().all(u8::is_ascii_digit)
}

/// What the brackets of a slot hold: a name, which begins with three letters of one case, or words.
fn is_slot(text: &[u8]) -> bool {
    let letters = text
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let is_named = text.get(..3).is_some_and(|start| {
        start.iter().all(u8::is_ascii_lowercase) || start.iter().all(u8::is_ascii_uppercase)
    });
    let others = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.: ".contains(byte);
    text.iter().all(others) && (is_named || letters * 10 >= text.len() * 8) && !text.is_empty()
}

/// `%s`, `%(name)s`, `%s:%d`: verbs of a format string with little else.
fn is_format(value: &[u8]) -> bool {
    let mut rest = value;
    let mut verbs = 0;
    let mut others = 0;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [b's' | b'd' | b'v' | b'@' | b'q', after @ ..]) => {
                verbs += 1;
                after
            }
            (b'%', [b'(', after @ ..]) => {
                let name = after.iter().position(|&byte| byte == b')');
                let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.".contains(byte);
                let named =
                    |end: &usize| after.len() > end + 1 && after[..*end].iter().all(is_name);
                let Some(end) = name.filter(named) else {
                    return false;
                };
                verbs += 1;
                &after[end + 2..]
            }
            (byte, _) => {
                others += if byte.is_ascii_digit() { 4 } else { 1 };
                tail
            }
        };
    }
    verbs > 0 && others < 4 * (verbs + 1)
}

/// Whether a well-formed expression of a template or shell is in the value: `${NAME}`, `{{ x }}`,
/// `$(command)`, `<%= x %>`, `#{x}`, `%{x}`.
fn holds_expression(value: &[u8]) -> bool {
    const FORMS: [(&[u8], &[u8]); 6] = [
        (b"${", b"}"),
        (b"{{", b"}}"),
        (b"$(", b")"),
        (b"<%", b"%>"),
        (b"#{", b"}"),
        (b"%{", b"}"),
    ];
    if !value.iter().any(|byte| b"${<#%".contains(byte)) {
        return false;
    }
    FORMS.iter().any(|&(open, close)| {
        memchr::memmem::find(value, open).is_some_and(|at| {
            let inner = &value[at + open.len()..];
            memchr::memmem::find(inner, close).is_some_and(|end| {
                is_code(&inner[..end]) || (open == b"{{" && is_number(&inner[..end]))
            })
        })
    })
}

fn is_number(text: &[u8]) -> bool {
    text.len() < 3 && text.iter().all(u8::is_ascii_digit)
}

/// Words that say that a value is none.
const PLACEHOLDERS: [&str; 27] = [
    "example",
    "examples",
    "changeme",
    "changeit",
    "placeholder",
    "redacted",
    "removed",
    "insert",
    "replace",
    "replaceme",
    "todo",
    "fixme",
    "tbd",
    "sample",
    "dummy",
    "your",
    "yourpass",
    "yourpassword",
    "yourtoken",
    "yourkey",
    "yoursecret",
    "mypassword",
    "here",
    "goes",
    "enter",
    "fill",
    "change",
];

/// Whether the value says that a secret goes in its place: one of the words stands in it as a
/// whole word, and all the rest are words too; or one sign fills most of it.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    is_filled(value) || is_worded(value) || is_expression_of_characters(value)
}

/// Values that a tool encrypted: dotenvx, SOPS, Jasypt, Ansible, Vault's transit engine, Maven's
/// base64 in braces.
pub(super) fn is_encrypted(value: &[u8]) -> bool {
    const MARKS: [&[u8]; 6] = [
        b"encrypted:",
        b"ENC[",
        b"ENC(",
        b"$ANSIBLE_VAULT;",
        b"vault:v",
        b"{cipher}",
    ];
    let in_braces = match value {
        [b'{', inner @ .., b'}'] => {
            let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
            inner.len() >= 16 && inner.iter().all(is_base64)
        }
        _ => false,
    };
    // A sealed secret: RSA, then the sealed text.
    let is_sealed = value.len() >= 400
        && value.starts_with(b"Ag")
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
    in_braces || is_sealed || MARKS.iter().any(|mark| value.starts_with(mark))
}

/// `xxxxxxxx`, `sk_live_****`, `...`: half of the value is a run of one sign that fills.
fn is_filled(value: &[u8]) -> bool {
    let mut rest = value;
    let mut longest = 0;
    while let Some(&first) = rest.first() {
        let run = rest.iter().take_while(|byte| **byte == first).count();
        if b"xX*._-#?".contains(&first) && run >= 3 {
            longest = longest.max(run);
        }
        rest = &rest[run..];
    }
    let is_cut = value.len() <= 24 && value.ends_with(b"...");
    longest * 2 >= value.len() || is_cut || value.ends_with("…".as_bytes())
}

/// `your-api-key`, `CHANGE_ME`, `INSERT TOKEN HERE`, `AKIA0123EXAMPLE`.
fn is_worded(value: &[u8]) -> bool {
    let mut has_word = false;
    let mut others = 0;
    for word in value.split(|byte| !byte.is_ascii_alphabetic()) {
        let lower = word.to_ascii_lowercase();
        let is_one = PLACEHOLDERS.iter().any(|known| known.as_bytes() == lower);
        has_word |= is_one;
        others += if is_one { 0 } else { mixed(word) };
    }
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let ends = b"EXAMPLE";
    let is_sample = value.ends_with(ends) || value.ends_with(b"EXAMPLEKEY");
    is_sample || (has_word && others == 0 && digits <= 3)
}

/// Letters of a word that no one word has: those in mixed case.
fn mixed(word: &[u8]) -> usize {
    let upper = word.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let is_word = upper == 0
        || upper == word.len()
        || (upper == 1 && word.first().is_some_and(u8::is_ascii_uppercase));
    if is_word { 0 } else { word.len() }
}

/// `[0-9a-f]{32}`, `\w+`: a regular expression for a secret.
fn is_expression_of_characters(value: &[u8]) -> bool {
    const PARTS: [&[u8]; 6] = [b"[0-9", b"[a-z", b"[A-Z", b"[^", b"\\w", b"(?:"];
    let repeats = value
        .windows(2)
        .any(|pair| matches!(pair, [b']' | b')', b'{' | b'+' | b'*']))
        || value
            .windows(3)
            .any(|part| part == b"\\w+" || part == b"\\w{");
    repeats
        && PARTS
            .iter()
            .any(|part| memchr::memmem::find(value, part).is_some())
}

/// Shorter values are no private keys.
const MIN_KEY_LEN: usize = 60;

/// Whether an issuer publishes this very value, for tests or as an example: the keys of storage
/// emulators, the samples of manuals and standards, the
/// keys of the tests of Go's x/crypto, which many projects copy. Some are repeated with another end, so the first
/// 30 characters count, too; of a JSON web token its claims do, whoever signs them.
pub(super) fn is_published(value: &[u8]) -> bool {
    // The lines of a key are one text.
    let key: Vec<u8> = match value.len() {
        MIN_KEY_LEN.. => block::key_characters(value).collect(),
        _ => Vec::new(),
    };
    let claims = value.split(|&byte| byte == b'.').nth(1);
    let claims = claims.filter(|_| value.starts_with(b"eyJ"));
    let is_key = (30..=48).contains(&value.len());
    let start = value.get(..30).filter(|_| is_key);
    [Some(value), Some(&key[..]), start, claims]
        .into_iter()
        .flatten()
        .any(|part| PUBLISHED.binary_search(&digest_start(part)).is_ok())
}

/// The first bytes of what [`is_published`] compares, in order: the values themselves would look like
/// leaks. `printf %s VALUE | sha256sum | cut -c 1-16` makes one.
const PUBLISHED: [u64; 82] = [
    0x0011_cc25_eb43_2071,
    0x039a_7fb5_7df3_6ee6,
    0x0a3f_278f_dd84_c059,
    0x0ef9_2597_01f6_faa1,
    0x143c_7072_b3b4_930e,
    0x19b2_16d5_4089_24f6,
    0x1a5d_44a2_dca1_9669,
    0x208d_a10c_64bb_62c4,
    0x244d_f178_0ed0_8cf9,
    0x25be_1edd_45a3_a982,
    0x2767_7ac9_889a_5cb9,
    0x290b_cc04_1c03_5b33,
    0x2951_4cd2_7cb2_edb1,
    0x2caf_c097_0149_a84f,
    0x2d1f_7723_aabc_5c7a,
    0x2f3c_7022_5199_cc4e,
    0x32cd_61d7_a4d1_ae9f,
    0x3373_cfa8_cfd3_d256,
    0x33bc_41c7_eb3e_1763,
    0x348d_46af_cb2d_9ec2,
    0x3543_c50b_0cb9_cea8,
    0x376e_bcc3_b5c4_f59c,
    0x3802_4ef0_e3c2_dc59,
    0x381f_d4f0_8559_4db1,
    0x3844_2e2b_42de_771f,
    0x3dbd_d8cb_75b6_4c4a,
    0x3e7f_276f_7915_ffc9,
    0x42b6_321e_96c1_8083,
    0x512a_8ad3_2d11_6e37,
    0x5535_e3bf_1108_45bf,
    0x5895_b89c_8fb3_3402,
    0x5976_2139_900d_1e11,
    0x60ad_6ece_346d_16fe,
    0x65a2_0001_7d3b_9b73,
    0x6601_1234_0162_098b,
    0x689b_7519_ed3b_9a54,
    0x6ca6_473b_42d9_c17e,
    0x6d7f_a4e6_4d4b_1f3e,
    0x6ed3_064f_4e18_ea49,
    0x7090_e539_2f71_7d04,
    0x733b_f487_7d98_a72b,
    0x790c_33ac_bc2c_b4c5,
    0x7b68_4e78_54e8_bc5f,
    0x7da0_fdac_77bd_a653,
    0x7e8d_e44e_a9ec_f6d5,
    0x7f75_367e_7881_2551,
    0x80c9_1bc5_b30c_929e,
    0x82e7_4299_544e_0073,
    0x8662_fc2a_b7d6_d062,
    0x87b1_3eec_d46e_d179,
    0x8a50_1695_8a9a_c4c0,
    0x8a55_57de_7654_458b,
    0x9158_c018_6a0c_460f,
    0x91c7_8541_6c3e_e02c,
    0x982d_a365_0ba8_3380,
    0x9a5f_1a36_09af_873b,
    0x9cad_2144_6b79_d6b1,
    0xa2b6_dc00_691b_a3f2,
    0xa83e_214e_2fc8_d5f2,
    0xa949_8c91_16f5_099b,
    0xaa65_4743_9583_c3a2,
    0xac92_65e5_6c79_b234,
    0xb06d_9784_3f06_7d59,
    0xb13d_87c5_9393_9dca,
    0xb147_1f54_4cee_ea31,
    0xbc3a_e723_f57c_6b9e,
    0xbc52_f38c_d9ef_61b8,
    0xc3b6_4546_fb1b_0a65,
    0xc6ea_27c5_34f9_93d3,
    0xc820_52dc_b98c_3200,
    0xc915_f18c_5622_8e8b,
    0xcdd1_3b4d_0926_25f8,
    0xd082_4cdf_9e19_ad4b,
    0xd2c2_05c3_5d71_cc19,
    0xd778_eeef_7328_b105,
    0xdbec_dbff_61bd_b1ea,
    0xeaef_ada4_2043_9118,
    0xef65_f796_c761_9a05,
    0xf011_99b6_9e40_b161,
    0xf2d6_ca16_5150_33e5,
    0xf731_9079_cfe4_4742,
    0xfdad_bea1_4eb9_beab,
];

fn digest_start(value: &[u8]) -> u64 {
    let digest = Sha256::digest(value);
    digest
        .first_chunk()
        .map_or(0, |start| u64::from_be_bytes(*start))
}
