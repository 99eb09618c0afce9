//! What the name says.

use std::sync::LazyLock;

use super::super::wordlist::WordList;
use super::{Fact, Features};

/// Words for a password, of which any may end a name.
const PASSWORD_WORDS: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "pwd",
    "pass",
    "passcode",
    "rootpw",
    "bindpw",
];
/// Short words for one: they must be a word of their own.
const SHORT_WORDS: [&str; 2] = ["pw", "psk"];
/// Words for other things that are secret.
const SECRET_WORDS: [&str; 8] = [
    "authtok",
    "secret",
    "token",
    "credential",
    "bearer",
    "creds",
    "credentials",
    "pepper",
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
const WEAK_ENDS: [&str; 39] = [
    "hmacshakeyfor",
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
const PUBLIC_WORDS: [&str; 18] = [
    "nonce",
    "cnonce",
    "iv",
    "authenticity",
    "public",
    "perishable",
    "integrity",
    "checksum",
    "fingerprint",
    "digest",
    "sha",
    "etag",
    "challenge",
    "sitekey",
    "idempotency",
    "encrypted",
    "ciphertext",
    "hashed",
];
/// Words of such names, where no word beside them means a secret.
const MAYBE_PUBLIC_WORDS: [&str; 11] = [
    "pub",
    "md",
    "primary",
    "foreign",
    "partition",
    "sort",
    "cache",
    "tag",
    "secure",
    "pgp",
    "gpg",
];
/// Words that outweigh these.
const SECRET_BESIDE: [&str; 10] = [
    "access",
    "secret",
    "api",
    "private",
    "passphrase",
    "password",
    "token",
    "auth",
    "credential",
    "signature",
];
/// Parts of such names, however they are written.
const PUBLIC_PARTS: [&str; 8] = [
    "csrf",
    "xsrf",
    "requestverification",
    "antiforgery",
    "formtoken",
    "publickey",
    "pubkey",
    "websocketkey",
];
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

/// Words for a password in other languages, of one the last letters that a keyword can have.
const FOREIGN_WORDS: [&str; 14] = [
    "密码",
    "密碼",
    "口令",
    "スワード",
    "비밀번호",
    "пароль",
    "Пароль",
    "ПАРОЛЬ",
    "contraseña",
    "senha",
    "wachtwoord",
    "kennwort",
    "hasło",
    "heslo",
];

/// The name as if it were English, if it is or ends in a word for a password in another language.
pub(super) fn translated(name: &[u8]) -> &[u8] {
    let is_one = |word: &&str| {
        let start = name.len().checked_sub(word.len());
        start.is_some_and(|start| {
            let (before, end) = name.split_at(start);
            let is_word = !before.last().is_some_and(u8::is_ascii_alphabetic);
            is_word && end.eq_ignore_ascii_case(word.as_bytes())
        })
    };
    match FOREIGN_WORDS.iter().any(is_one) {
        true => b"password",
        false => name,
    }
}

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

/// Lists of words that names hold or end in.
#[derive(Clone, Copy)]
#[repr(u8)]
enum List {
    Password,
    Short,
    Secret,
    Key,
    Weak,
    NoPassword,
    Public,
}

/// All words of the lists, found at once.
static WORDS: LazyLock<(WordList, Vec<List>)> = LazyLock::new(|| {
    let lists: [(&[&str], List); 7] = [
        (&PASSWORD_WORDS, List::Password),
        (&SHORT_WORDS, List::Short),
        (&SECRET_WORDS, List::Secret),
        (&KEY_WORDS, List::Key),
        (&WEAK_ENDS, List::Weak),
        (&NO_PASSWORDS, List::NoPassword),
        (&PUBLIC_PARTS, List::Public),
    ];
    let words = lists
        .iter()
        .flat_map(|(words, list)| words.iter().map(move |word| (*word, *list)));
    let (words, lists): (Vec<&str>, Vec<List>) = words.unzip();
    (WordList::new(&words), lists)
});

/// What a name's letters hold, in lower case and without what stands between words. Names are short;
/// what goes beyond is left out.
pub(super) struct Joined {
    letters: [u8; Self::MOST],
    len: usize,
    /// Bits of [`List`].
    holds: u8,
    ends: u8,
}

impl Joined {
    const MOST: usize = 128;

    pub(super) fn of(name: &[u8]) -> Self {
        let mut joined = Self {
            letters: [0; Self::MOST],
            len: 0,
            holds: 0,
            ends: 0,
        };
        let letters = name.iter().filter(|byte| byte.is_ascii_alphabetic());
        for (place, byte) in joined.letters.iter_mut().zip(letters) {
            *place = byte.to_ascii_lowercase();
            joined.len += 1;
        }
        let (words, lists) = &*WORDS;
        for (word, end) in words.find(&joined.letters[..joined.len]) {
            let bit = 1 << lists[word] as u8;
            joined.holds |= bit;
            if end == joined.len {
                joined.ends |= bit;
            }
        }
        joined
    }

    fn text(&self) -> &[u8] {
        &self.letters[..self.len]
    }

    fn holds(&self, list: List) -> bool {
        self.holds & (1 << list as u8) != 0
    }

    fn ends(&self, list: List) -> bool {
        self.ends & (1 << list as u8) != 0
    }

    fn is_password(&self) -> bool {
        self.ends(List::Password) || self.ends(List::Short)
    }

    /// `bypass`, `compass`: nothing but words that hold one for a password by chance.
    fn is_other_pass(&self) -> bool {
        if !self.holds(List::NoPassword) {
            return false;
        }
        let mut rest = String::from_utf8_lossy(self.text()).into_owned();
        for word in NO_PASSWORDS {
            rest = rest.replace(word, "");
        }
        !PASSWORD_WORDS.iter().any(|word| rest.contains(word))
    }
}

/// Whether a name is that of a password.
pub fn is_password(name: &[u8]) -> bool {
    Joined::of(name).is_password()
}

/// Whether a name holds a word for a secret, and none that makes its value public or says where a secret is.
pub fn means_secret(name: &[u8]) -> bool {
    let joined = Joined::of(name);
    let words = words(name);
    let is = |word: &String, list: &[&str]| list.contains(&word.as_str());
    kind(name, &joined) >= Kind::Holds
        && !joined.holds(List::Public)
        && !is_public(&words)
        && !words
            .last()
            .is_some_and(|word| is(word, &PLACE_WORDS) || is(word, &OTHER_WORDS))
}

/// Whether words of a name say that its value is meant to be seen, or which it is.
fn is_public(words: &[String]) -> bool {
    let holds = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    holds(&PUBLIC_WORDS) || (holds(&MAYBE_PUBLIC_WORDS) && !holds(&SECRET_BESIDE))
}

/// How much `name` means a secret; `joined` is what its letters hold.
pub(super) fn kind(name: &[u8], joined: &Joined) -> Kind {
    let is_pass = joined.holds(List::Password) && !joined.is_other_pass();
    let is_short = joined.holds(List::Short) && SHORT_WORDS.iter().any(|word| has_word(name, word));
    let ends_in_pass = is_pass && joined.ends(List::Password);
    if ends_in_pass
        || (is_short && joined.ends(List::Short))
        || joined.ends(List::Secret)
        || joined.ends(List::Key)
    {
        Kind::Ends
    } else if is_pass || is_short || joined.holds(List::Secret) || joined.holds(List::Key) {
        Kind::Holds
    } else if joined.ends(List::Weak) {
        Kind::Weak
    } else {
        Kind::None
    }
}

fn has_word(name: &[u8], word: &str) -> bool {
    words(name).iter().any(|known| known == word)
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

pub(super) fn describe(features: &mut Features, name: &[u8], joined: &Joined, kind: Kind) {
    let words = std::mem::take(&mut features.name_words);
    features.set(Fact::NameKind, kind as usize);
    features.note(Fact::NameIsPassword, joined.is_password());
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
    let is_public = is_public(&words) || joined.holds(List::Public);
    features.note(Fact::NameIsPublic, is_public);
    let is_place = words.last().is_some_and(|word| is(word, &PLACE_WORDS));
    features.note(Fact::NameIsPlace, is_place);
    let is_verb = words.len() > 1 && is(&words[0], &VERBS);
    features.note(Fact::NameIsVerb, is_verb);
    let text = joined.text();
    let is_plural =
        text.ends_with(b"s") && !text.ends_with(b"pass") && !text.ends_with(b"credentials");
    features.note(Fact::NameIsPlural, is_plural);
    features.name_words = words;
}
