//! The most that an assignment can be, whatever its score: what its name, its value or the text around it
//! says against it. What tells code from values is in `code`.

use super::assignment::{Assignment, Operator};
use super::code;
use super::features::{Fact, Features, encoded_text, words};
use super::placeholder::{is_config_word, is_placeholder, is_test_value};
use crate::rule::Confidence;

/// Bytes before a name in which the tag or list that it is in begins.
const MAX_BEFORE: usize = 160;
/// What a name means that ends in a word for a secret: [`Fact::NameKind`].
const ENDS_IN_SECRET: i16 = 3;
/// Bytes of an address before the name of its parameter.
const MAX_LINK: usize = 400;
/// Characters of the salt of bcrypt.
const BCRYPT_SALT_LEN: usize = 22;
/// What a name means that only may be one.
const IS_WEAK: i16 = 1;

/// The most that can be said of an assignment.
pub(super) fn of(window: &[u8], found: &Assignment, features: &Features) -> Confidence {
    const LOW: [Fact; 7] = [
        Fact::IsCoordinate,
        Fact::IsProse,
        Fact::IsVersion,
        Fact::IsPlaceholder,
        Fact::IsEncrypted,
        Fact::IsRegular,
        Fact::ByProse,
    ];
    let value = &window[found.value.start..found.value.end];
    let is_low = LOW.iter().any(|&fact| features.is(fact))
        || is_member(features)
        || (features.is(Fact::RepeatsName) && features.is(Fact::IsConfigWord))
        || is_plain_key(features)
        || is_open(features)
        || is_public_id(features, value)
        || is_salt(window, found, value)
        || is_cache_key(features, value)
        || is_rule(value)
        || denies_itself(value)
        || is_in_form(window, found)
        || is_plain_member(window, found, features)
        || is_in_list(window, found, features)
        || is_told_to_function(window, found, features)
        || is_digest_of_file(window, found, features)
        || is_shared_link(window, found, features)
        || is_search_word(window, found, features)
        || is_translated_word(value)
        || code::is_code(window, found, features);
    if is_low {
        return Confidence::Low;
    }
    match decoded(features, value) {
        Some(most) => most,
        // A UUID names things more often than it opens them.
        None if features.is(Fact::IsUuid) => Confidence::Medium,
        None => Confidence::High,
    }
}

/// `Type.Member` of code.
fn is_member(features: &Features) -> bool {
    features.is(Fact::IsBare)
        && features.is(Fact::IsIdentifier)
        && features.is(Fact::Dots)
        && !features.is(Fact::IsEnvironment)
}

/// A name that is public, or says where or which a secret is.
fn is_open(features: &Features) -> bool {
    (features.is(Fact::NameIsPublic) || features.is(Fact::NameIsPlace))
        && !features.is(Fact::NameIsPassword)
}

/// A key is no number and no word; a password may be.
fn is_plain_key(features: &Features) -> bool {
    let is_number = features.get(Fact::Digits) == 100;
    let is_word = features.get(Fact::Digits) == 0
        && features.get(Fact::Changes) < 25
        && features.get(Fact::Wordness) > 0;
    !features.is(Fact::NameIsPassword) && (is_number || is_word)
}

/// The fingerprint of an OpenPGP key, in capitals, under a name that need not mean a secret.
fn is_public_id(features: &Features, value: &[u8]) -> bool {
    features.is(Fact::IsHex)
        && value.len() == 40
        && features.get(Fact::Lower) == 0
        && features.is(Fact::Upper)
        && features.get(Fact::NameKind) < ENDS_IN_SECRET
}

/// The salt of a key that is derived from a password, or one too short to be kept secret.
fn is_salt(window: &[u8], found: &Assignment, value: &[u8]) -> bool {
    const PARAMETERS: [&[u8]; 3] = [b"kdfparams", b"dklen", b"\"iterations\""];
    const MIN_LEN: usize = 16;
    let name = window[found.name.start..found.name.end].to_ascii_lowercase();
    let before = &window[found.name.start.saturating_sub(MAX_BEFORE)..found.name.start];
    let has_parameter = || {
        let is_in = |word: &&[u8]| memchr::memmem::find(before, word).is_some();
        PARAMETERS.iter().any(is_in)
    };
    // `$` stands between the parameters of a function and the salt.
    let is_bcrypt = name == b"salt" && value.len() == BCRYPT_SALT_LEN;
    name.ends_with(b"salt")
        && (value.len() < MIN_LEN || is_bcrypt || value.contains(&b'$') || has_parameter())
}

/// The key of a document that anybody with its address may read: `https://docs.google.com/…?key=…`.
fn is_shared_link(window: &[u8], found: &Assignment, features: &Features) -> bool {
    const HOSTS: [&[u8]; 3] = [
        b"docs.google.com/",
        b"drive.google.com/",
        b"googleusercontent.com/",
    ];
    let is_key = &window[found.name.start..found.name.end] == b"key";
    let before = &window[found.name.start.saturating_sub(MAX_LINK)..found.name.start];
    let before = &before[before
        .iter()
        .rposition(u8::is_ascii_whitespace)
        .map_or(0, |at| at + 1)..];
    let is_in = |host: &&[u8]| memchr::memmem::find(before, host).is_some();
    is_key && features.is(Fact::IsParameter) && HOSTS.iter().any(is_in)
}

/// An identifier in a list of words to search for: `"searchKeys": ["Slf4jLogger"]`.
fn is_search_word(window: &[u8], found: &Assignment, features: &Features) -> bool {
    let begins_list = window[..found.value.start].ends_with(b"[\"");
    (begins_list || matches!(found.operator, Operator::Listed | Operator::Member))
        && features.get(Fact::NameKind) == IS_WEAK
        && features.is(Fact::IsIdentifier)
        && features.get(Fact::Wordness) > 0
        && features.get(Fact::Digits) < 15
}

/// The word for a password in another language.
fn is_translated_word(value: &[u8]) -> bool {
    const WORDS: [&str; 30] = [
        "contraseña",
        "contrasena",
        "contrasinal",
        "contrasenya",
        "clave",
        "senha",
        "motdepasse",
        "mot de passe",
        "passwort",
        "kennwort",
        "wachtwoord",
        "adgangskode",
        "lösenord",
        "losenord",
        "passord",
        "salasana",
        "hasło",
        "haslo",
        "heslo",
        "jelszó",
        "jelszo",
        "parola",
        "şifre",
        "sifre",
        "пароль",
        "密码",
        "密碼",
        "パスワード",
        "비밀번호",
        "kata sandi",
    ];
    let text = String::from_utf8_lossy(value).to_lowercase();
    WORDS.contains(&text.trim_end_matches(':'))
}

/// The key of a cache: words, then a digest of what is kept.
fn is_cache_key(features: &Features, value: &[u8]) -> bool {
    let last = value.rsplit(|byte| *byte == b'-').next();
    let last = last.unwrap_or_default();
    let is_digest = matches!(last.len(), 40 | 64) && last.iter().all(u8::is_ascii_hexdigit);
    let words = &value[..value.len() - last.len()];
    let is_words = words.len() > 3
        && words
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte == b'-');
    features.get(Fact::NameKind) == IS_WEAK && is_digest && is_words
}

/// Rules for a value of a form: `required|confirmed|min:6`.
fn is_rule(value: &[u8]) -> bool {
    let is_word = |word: &[u8]| {
        let name = word
            .iter()
            .take_while(|byte| byte.is_ascii_lowercase() || **byte == b'_');
        let (name, rest) = word.split_at(name.count());
        let is_argument = |byte: &u8| byte.is_ascii_alphanumeric() || b"_,.".contains(byte);
        name.len() > 1
            && match rest {
                [] => true,
                [b':', argument @ ..] => argument.iter().all(is_argument),
                _ => false,
            }
    };
    memchr::memchr(b'|', value).is_some() && value.split(|byte| *byte == b'|').all(is_word)
}

/// Whether the value says that it is not the right one: `wrong-password`, `invalidToken`.
fn denies_itself(value: &[u8]) -> bool {
    const DENIALS: [&[u8]; 8] = [
        b"wrong",
        b"invalid",
        b"incorrect",
        b"nogood",
        b"not_",
        b"not-",
        b"should_not",
        b"bad_",
    ];
    let is_text = |byte: &u8| byte.is_ascii_alphabetic() || b"_- .!".contains(byte);
    let text = value.to_ascii_lowercase();
    value.iter().all(is_text) && DENIALS.iter().any(|denial| text.starts_with(denial))
}

/// The token of a form against forgery: a hidden field of a page.
fn is_in_form(window: &[u8], found: &Assignment) -> bool {
    let name = window[found.name.start..found.name.end].to_ascii_lowercase();
    let from = found.name.start.saturating_sub(MAX_BEFORE);
    let before = &window[from..found.name.start];
    let Some(tag) = memchr::memrchr(b'<', before).filter(|_| name.ends_with(b"token")) else {
        return false;
    };
    let rest = &window[from + tag..window.len().min(found.value.end + MAX_BEFORE)];
    let tag = &rest[..memchr::memchr(b'>', rest).unwrap_or(rest.len())];
    tag.starts_with(b"<input") && memchr::memmem::find(tag, b"hidden").is_some()
}

/// A member of a map of one secret, `"secret": {"kind": "rsa-4096"}`, that is no random text.
fn is_plain_member(window: &[u8], found: &Assignment, features: &Features) -> bool {
    let parent = found.parent.map(|span| &window[span.start..span.end]);
    let is_one = parent.is_some_and(|name| !name.to_ascii_lowercase().ends_with(b"s"));
    let is_random = features.is(Fact::LooksRandom) || features.is(Fact::IsRandomMix);
    let is_mixed = features.get(Fact::Len) >= 16
        && features.get(Fact::Digits) >= 15
        && features.get(Fact::Changes) >= 30;
    found.operator == Operator::Member && is_one && !is_random && !is_mixed
}

/// A word that follows another one in a list of words: `["file", "password", "checkbox"]`.
fn is_in_list(window: &[u8], found: &Assignment, features: &Features) -> bool {
    if found.operator != Operator::Item || features.is(Fact::Digits) {
        return false;
    }
    let from = found.name.start.saturating_sub(MAX_BEFORE);
    let before = window[from..found.name.start].trim_ascii_end();
    let before = before
        .strip_suffix(b"\"")
        .or_else(|| before.strip_suffix(b"'"))
        .unwrap_or(before);
    before.trim_ascii_end().ends_with(b",")
}

/// A word that is handed to a function which does not set a secret: `recordPass("insert")`.
fn is_told_to_function(window: &[u8], found: &Assignment, features: &Features) -> bool {
    const SETTERS: [&str; 12] = [
        "set",
        "with",
        "use",
        "login",
        "auth",
        "authenticate",
        "basic",
        "sign",
        "connect",
        "change",
        "update",
        "reset",
    ];
    let name = &window[found.name.start..found.name.end];
    let is_joined = name.iter().any(u8::is_ascii_uppercase) || name.contains(&b'_');
    // `config.setSecret(…)`
    let method = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    let words = words(method);
    let first = words.first();
    found.operator == Operator::Argument
        && is_joined
        && words.len() > 1
        && !first.is_some_and(|word| SETTERS.contains(&word.as_str()))
        && features.is(Fact::IsIdentifier)
        && !features.is(Fact::Digits)
        && method.first().is_some_and(u8::is_ascii_lowercase)
}

/// A digest beside the name of a file: `"src/Secret.php": "<md5>"`.
fn is_digest_of_file(window: &[u8], found: &Assignment, features: &Features) -> bool {
    const CODE: [&[u8]; 24] = [
        b"js", b"mjs", b"ts", b"jsx", b"tsx", b"vue", b"php", b"py", b"rb", b"go", b"java", b"kt",
        b"cs", b"c", b"h", b"cpp", b"rs", b"css", b"html", b"json", b"md", b"svg", b"png", b"map",
    ];
    let name = &window[found.name.start..found.name.end];
    let end = memchr::memrchr(b'.', name).map(|at| &name[at + 1..]);
    let value = &window[found.value.start..found.value.end];
    let is_digest = features.is(Fact::IsDigest) || value.starts_with(b"sha");
    is_digest && end.is_some_and(|end| CODE.contains(&end))
}

/// The most that can be said of base64 of a text, by that text.
fn decoded(features: &Features, value: &[u8]) -> Option<Confidence> {
    if !features.is(Fact::IsBase64Text) || features.is(Fact::IsUuid) {
        return None;
    }
    let text = encoded_text(value)?.to_ascii_lowercase();
    let text = text.trim_ascii();
    let is_known = is_config_word(text) || is_placeholder(text) || is_test_value(text);
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(byte);
    let is_words = digits <= 2 && text.iter().all(is_word);
    match (is_known, is_words) {
        (true, _) => Some(Confidence::Low),
        (_, true) => Some(Confidence::Medium),
        _ => None,
    }
}
