//! What the name says.

use super::{Fact, Features};

/// Words for a password, of which any may end a name.
const PASSWORD_WORDS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "pwd",
    "pass",
    "passcode",
    "passw",
    "pw",
    "psk",
    "requirepass",
];
/// Words for other things that are secret.
const SECRET_WORDS: [&str; 6] = [
    "secret",
    "token",
    "credential",
    "bearer",
    "creds",
    "credentials",
];
/// Words that make a key one that is secret.
const KEY_WORDS: [&str; 20] = [
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "authkey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "sharedkey",
    "accountkey",
    "aeskey",
    "nkey",
    "licensekey",
    "consumerkey",
    "subscriptionkey",
    "presharedkey",
    "appkey",
    "storagekey",
    "serverkey",
    "hmackey",
];
/// Words that end names which may be those of secrets.
const WEAK_ENDS: [&str; 38] = [
    "key",
    "keys",
    "tokens",
    "secrets",
    "passwords",
    "salt",
    "nonce",
    "auth",
    "ticket",
    "verifier",
    "code",
    "authorization",
    "login",
    "totp",
    "totpnew",
    "keydata",
    "signwith",
    "hmac",
    "hmacnew",
    "jwtsign",
    "jwtencode",
    "createcipher",
    "createcipheriv",
    "opensslencrypt",
    "openssldecrypt",
    "pgpsymdecrypt",
    "pgpsymencrypt",
    "fernet",
    "cookieparser",
    "oauthhandler",
    "sequelize",
    "pdo",
    "mysqli",
    "connect",
    "getconnection",
    "signin",
    "authenticate",
    "unseal",
];
/// Words that hold a word for a password and mean none.
const NO_PASSWORDS: [&str; 8] = [
    "bypass",
    "compass",
    "passive",
    "passenger",
    "passage",
    "passport",
    "passing",
    "passed",
];
/// Words that say that the value is about a secret.
const OTHER_WORDS: [&str; 48] = [
    "hash",
    "file",
    "path",
    "url",
    "uri",
    "field",
    "label",
    "prompt",
    "placeholder",
    "hint",
    "error",
    "message",
    "type",
    "length",
    "policy",
    "regex",
    "pattern",
    "format",
    "count",
    "expire",
    "expires",
    "timeout",
    "reset",
    "confirm",
    "name",
    "title",
    "text",
    "description",
    "help",
    "page",
    "public",
    "tokens",
    "secrets",
    "keys",
    "passwords",
    "id",
    "arn",
    "ref",
    "version",
    "endpoint",
    "host",
    "algorithm",
    "scope",
    "prefix",
    "suffix",
    "size",
    "env",
    "class",
];
/// Words of names whose values are meant to be seen, or say which and not what.
const PUBLIC_WORDS: [&str; 28] = [
    "nonce",
    "iv",
    "authenticity",
    "public",
    "pub",
    "perishable",
    "integrity",
    "checksum",
    "fingerprint",
    "digest",
    "sha",
    "md",
    "etag",
    "challenge",
    "primary",
    "foreign",
    "partition",
    "sort",
    "cache",
    "sitekey",
    "idempotency",
    "encrypted",
    "ciphertext",
    "tag",
    "hashed",
    "secure",
    "pgp",
    "gpg",
];
/// Parts of such names, however they are written.
const PUBLIC_PARTS: [&str; 5] = ["csrf", "xsrf", "publickey", "pubkey", "websocketkey"];
/// Words that end names whose values say where or which a secret is.
const PLACE_WORDS: [&str; 26] = [
    "id",
    "ids",
    "arn",
    "ref",
    "name",
    "names",
    "path",
    "file",
    "filename",
    "url",
    "uri",
    "version",
    "endpoint",
    "host",
    "algorithm",
    "alg",
    "scope",
    "prefix",
    "type",
    "label",
    "title",
    "dir",
    "address",
    "identifier",
    "guid",
    "uuid",
];
/// Words that begin the names of functions.
const VERBS: [&str; 28] = [
    "get", "set", "is", "has", "check", "validate", "verify", "generate", "create", "make", "hash",
    "encode", "decode", "parse", "find", "fetch", "update", "read", "write", "test", "assert",
    "expect", "should", "add", "remove", "delete", "reset", "with",
];

/// How much a name means a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    None,
    /// Its last word may be that of a secret.
    Weak,
    /// It holds a word for a secret.
    Holds,
    /// It ends in one.
    Ends,
}

/// The letters of a name in lower case, without what stands between words. Names are short; what
/// goes beyond is left out.
struct Joined {
    letters: [u8; Self::MOST],
    len: usize,
}

impl Joined {
    const MOST: usize = 128;

    fn of(name: &[u8]) -> Self {
        let mut joined = Self {
            letters: [0; Self::MOST],
            len: 0,
        };
        let letters = name.iter().filter(|byte| byte.is_ascii_alphabetic());
        for (place, byte) in joined.letters.iter_mut().zip(letters) {
            *place = byte.to_ascii_lowercase();
            joined.len += 1;
        }
        joined
    }

    fn text(&self) -> &[u8] {
        &self.letters[..self.len]
    }

    fn ends(&self, list: &[&str]) -> bool {
        list.iter()
            .any(|word| self.text().ends_with(word.as_bytes()))
    }

    fn holds(&self, list: &[&str]) -> bool {
        let holds = |word: &&str| memchr::memmem::find(self.text(), word.as_bytes()).is_some();
        list.iter().any(|word| holds(&word))
    }
}

/// Whether a name is that of a password.
pub fn is_password(name: &[u8]) -> bool {
    Joined::of(name).ends(&PASSWORD_WORDS)
}

pub(super) fn kind(name: &[u8]) -> Kind {
    if name.is_empty() {
        return Kind::None;
    }
    let joined = Joined::of(name);
    let is_pass = joined.holds(&["pass", "pwd"]) && !is_other_pass(&joined);
    let is_short = joined.holds(&["pw", "psk"]) && (has_word(name, "pw") || has_word(name, "psk"))
        || joined.ends(&["rootpw", "bindpw"]);
    if (joined.ends(&PASSWORD_WORDS) && (is_pass || is_short))
        || joined.ends(&SECRET_WORDS)
        || joined.ends(&KEY_WORDS)
    {
        Kind::Ends
    } else if is_pass || is_short || joined.holds(&SECRET_WORDS) || joined.holds(&KEY_WORDS) {
        Kind::Holds
    } else if joined.ends(&WEAK_ENDS) {
        Kind::Weak
    } else {
        Kind::None
    }
}

fn has_word(name: &[u8], word: &str) -> bool {
    words(name).iter().any(|known| known == word)
}

/// `bypass`, `compass`: nothing but words that hold one for a password by chance.
fn is_other_pass(joined: &Joined) -> bool {
    if !joined.holds(&NO_PASSWORDS) {
        return false;
    }
    let mut rest = String::from_utf8_lossy(joined.text()).into_owned();
    for word in NO_PASSWORDS {
        rest = rest.replace(word, "");
    }
    !rest.contains("pass") && !rest.contains("pwd")
}

/// Splits a name into lower-case words: at case changes and punctuation.
pub fn words(name: &[u8]) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut previous = b'_';
    for &byte in name {
        let starts = !byte.is_ascii_alphabetic()
            || (byte.is_ascii_uppercase() && previous.is_ascii_lowercase());
        if starts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if byte.is_ascii_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
        previous = byte;
    }
    words.retain(|word| !word.is_empty());
    words
}

pub(super) fn describe(features: &mut Features, name: &[u8], kind: Kind) {
    let joined = Joined::of(name);
    let words = std::mem::take(&mut features.name_words);
    features.set(Fact::NameKind, kind as usize);
    features.note(Fact::NameIsPassword, joined.ends(&PASSWORD_WORDS));
    features.set(Fact::NameWords, words.len());
    features.set(Fact::NameLen, name.len());
    let lower = name.iter().any(u8::is_ascii_lowercase);
    let upper = name.iter().any(u8::is_ascii_uppercase);
    features.set(Fact::NameCase, usize::from(lower) + 2 * usize::from(upper));
    features.note(Fact::NameHasDot, name.contains(&b'.'));
    features.note(Fact::NameHasHyphen, name.contains(&b'-'));
    features.note(Fact::NameHasUnderscore, name.contains(&b'_'));
    let is = |word: &String, list: &[&str]| list.contains(&word.as_str());
    let mut last_two = words.iter().rev().take(2);
    features.note(
        Fact::NameMeansOther,
        last_two.any(|word| is(word, &OTHER_WORDS)),
    );
    let is_public = words.iter().any(|word| is(word, &PUBLIC_WORDS)) || joined.holds(&PUBLIC_PARTS);
    features.note(Fact::NameIsPublic, is_public);
    let is_place = words.last().is_some_and(|word| is(word, &PLACE_WORDS));
    features.note(Fact::NameIsPlace, is_place);
    let is_verb = words.len() > 1 && is(&words[0], &VERBS);
    features.note(Fact::NameIsVerb, is_verb);
    let is_plural = joined.text().ends_with(b"s") && !joined.ends(&["pass", "credentials"]);
    features.note(Fact::NameIsPlural, is_plural);
    features.name_words = words;
}
