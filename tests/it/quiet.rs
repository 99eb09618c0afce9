//! What looks like a secret by its name or its shape, and is none by what is around it.

use data_encoding::{BASE64, BASE64_NOPAD};

use crate::support::{Repo, private_key, token};
use crate::values::{is_sure_of, made, values};

/// Lines without a secret; `@` stands for a random value, `#` for 40 hexadecimal digits in capitals.
const HARMLESS: [&str; 32] = [
    "<input name=\"__RequestVerificationToken\" type=\"hidden\" value=\"@\">\n",
    "<input type=\"hidden\" name=\"_token\" value=\"@\">\n",
    "antiForgeryToken: \"@\"\n",
    "proxy_username, proxy_password = typeof x\n",
    "const pass = typeof actual === \"number\";\n",
    "func login(password *uint16) (handle Handle) {\n",
    "    _password->heightValue(\n",
    "    _secret->setMaxLength(32);\n    _secret->move(0, 0);\n",
    "'password' => 'required|confirmed|min:6',\n",
    "['password' => 'required|string'],\n",
    "$types = array('file', 'password', 'checkbox', 'radio');\n",
    "testResults.recordPass(\"execSqlSync\");\n",
    "\"js/password-reset.js\": \"5b63d105be75813c9ebaf069d29f9cd9\",\n",
    "Pass the argument --slurp to wrap all pages\n",
    "SignWith: #\n",
    "gpg --recv-keys #\n",
    "- Release GPG key: #\n",
    "kdf: {\"kdfparams\":{\"dklen\":32,\"salt\":\"@\"}}\n",
    "signing_salt: \"Jk7pxAMf\"\n",
    "Authorization: Digest username=\"u\", cnonce=\"@\"\n",
    "  key: go-linux-3c1e8a90b7f24d65a8c0e9d7b6f1a2c3d4e5f607\n",
    "https://u:p%40ssword@h.corp.net/x\n",
    "https://u:p%40ss@h.corp.net/x\n",
    "https://u:new-password@h.corp.net/x\n",
    "https://x:MY_GITHUB_TOKEN@h.corp.net/x\n",
    "Authorization: Basic dXNlcjpwYXNz\n",
    "Authorization: Basic Zm9vOmJhcg==\n",
    "secret: \"password=%5BFILTERED%5D\"\n",
    "Password=$$Prod-ReadOnly-Password$$;\n",
    "login('u', 'wrong_password')\n",
    "password: 'invalid-password'\n",
    "\"secret\": {\"kind\": \"rsa-4096-sha\"}\n",
];

#[test]
fn what_only_looks_like_a_secret_is_low() {
    let value = made(32, 81);
    let hex = token("{hex:40}", 82).to_ascii_uppercase();
    for line in HARMLESS {
        is_low(line, &line.replace('@', &value).replace('#', &hex));
    }
}

/// Asserts that nothing in `text` is more than low. It is `line` with a value for `@`; an address has a sign of
/// its own.
fn is_low(line: &str, text: &str) {
    let is_address = line.starts_with("https:") || line.starts_with("git");
    let found = values(if is_address { line } else { text });
    let sure: Vec<_> = found.iter().filter(|entry| entry.2 != "low").collect();
    assert!(sure.is_empty(), "{line}: {sure:?}");
}

/// Names that have a word for public values and mean a secret all the same, and calls around a value.
const SECRETS: [&str; 14] = [
    "SECURE_API_TOKEN=@\n",
    "AZURE_STORAGE_PRIMARY_ACCESS_KEY=@\n",
    "REDIS_CACHE_ACCESS_KEY=@\n",
    "GPG_PRIVATE_PASSPHRASE=@\n",
    "PUB_API_TOKEN=@\n",
    "TURBO_REMOTE_CACHE_SIGNATURE_KEY=@\n",
    "var apiKey = new SecureString(\"@\");\n",
    "char[] password = new String(\"@\").toCharArray();\n",
    "apiKey: ptr.To(\"@\"),\n",
    "apiKey := strings.TrimSpace(\"@\")\n",
    "login(\"bob\", \"@\")\n",
    "setPassword(\"@\")\n",
    "https://u:@{at}h.corp.net/x\n",
    "\"secret\": {\"prod\": \"@\"}\n",
];

#[test]
fn a_word_for_public_values_or_a_call_hides_no_secret() {
    let value = made(32, 83);
    for line in SECRETS {
        is_sure_of(line, &value);
    }
}

#[test]
fn a_token_with_a_wrong_checksum_is_low_whatever_its_name() {
    let right = token("ghp_{base62:30}{crc32_base62}", 84);
    let last = right.chars().last().unwrap();
    let other = if last == 'x' { 'y' } else { 'x' };
    let wrong = format!("{}{other}", &right[..right.len() - 1]);
    let found = values(&format!("token = '{wrong}'\n"));
    let found: Vec<(&str, &str)> = found
        .iter()
        .map(|entry| (entry.1.as_str(), entry.2.as_str()))
        .collect();
    assert_eq!(found, [(wrong.as_str(), "low")]);
    let found = values(&format!("token = '{right}'\n"));
    assert_eq!(found[0].2, "high");
}

/// Code, formats, references and things that have a name like a secret; `@` and `#` as above.
const CODE: [&str; 22] = [
    "user, password = decoded\n",
    "url.password = fixedValue;\n",
    "password = publishingPassword\n",
    "Left $ JwtTokenInvalid \"NotYetValid\"\n",
    "if ($auth['password'] === 'oauth2') {\n",
    "password -> challenge -> code\n",
    "Pass %[1]s--slurp%[1]s to wrap\n",
    "ssh.PubKey{ID: \"123\", Key: \"@=\"}\n",
    "AES_256_PBE_CBC(\"password\", \"5c0744940b5c369b\")\n",
    "salt := []byte(\"XajjQvNhvvRt5GSeFk1xFe\")\n",
    "password_salt = '400$8$5$14a79bbc91b70a1f'\n",
    "\"searchKeys\":[\"Slf4jSqlDebugLogger\",\"x\"]\n",
    "route(:password => 'senha')\n",
    "DOCKER_PASSWORD=credentials('7c1a50cd-57d0-4b7e-b4d7-ef87af0b3a77')\n",
    "see https://lh7.googleusercontent.com/docsz/AD_4nXa?key=@\n",
    "oldKey = 0xD83CDDF0D83CDDF7LLU;\n",
    "<Op Name=\"Rename\" Key=\"d718d57e-0241-4b7e-b4d7-ef87af0b3a77\" />\n",
    "- IsFirstPass 615c19d9e03d4a5ab6a8c0e9d7b6f1a2c3d4e5f6\n",
    "kpasswd\t\t464/tcp\n",
    "token = /^[a-zA-Z0-9_@(]+/\n",
    "array{username: string, password: mixed}\n",
    "git clone http://u:x-oauth-token@h.corp.net/x\n",
];

#[test]
fn code_and_references_are_low() {
    let value = made(32, 86);
    for line in CODE {
        is_low(line, &line.replace('@', &value));
    }
}

/// Like [`CODE`], but secrets.
const NO_CODE: [&str; 9] = [
    "url.password = @;\n",
    "user = x, password = @\n",
    "if ($auth['password'] === '@') {\n",
    "PrivKey{ID: \"123\", Secret: \"@\"}\n",
    "login(\"password\", \"@\")\n",
    "secret := []byte(\"@\")\n",
    "apiKeys: [\"@\", \"x\"]\n",
    "see https://api.corp.net/docs/a?api_key=@\n",
    "<Op Name=\"Rename\" Password=\"@\" />\n",
];

#[test]
fn secrets_beside_code_are_found() {
    let value = made(32, 87);
    for line in NO_CODE {
        is_sure_of(line, &value);
    }
}

/// What people choose: found, but never more than low by its look alone.
const CHOSEN: [&str; 9] = [
    "secret: 'keyboard cat'\n",
    "var secret = 'super secret key';\n",
    "uPass = \"nobody can ever know\"\n",
    "PASSWORD=\"correct horse battery staple\"\n",
    "{ \"secret\": \"nyancat\" }\n",
    "const SECRET = \"it-is-a-secret-to-everybody\"\n",
    "set(\"MY_PASSWORD\", \"123456\")\n",
    "otp_secret: '123456'\n",
    "JWT_SECRET=nyancat\n",
];

#[test]
fn words_and_phrases_under_a_plain_name_are_low_and_not_nothing() {
    for line in CHOSEN {
        assert!(!values(line).is_empty(), "{line}");
    }
    for line in [
        "secret: string\n",
        "\"password\": \"Enter your password\"\n",
        "password_hint: 'use eight characters or more'\n",
        "token: 'identifier'\n",
    ] {
        assert!(values(line).iter().all(|entry| entry.2 == "low"), "{line}");
    }
}

#[test]
fn a_shape_in_the_middle_of_base64_is_none() {
    let key = token("YCM{base62:37}", 88);
    let around = token("{base62:23}", 89);
    assert!(values(&format!(" {around}/{key}+\n")).is_empty());
    assert_eq!(values(&format!(" {key}\n"))[0].1, key);
}

#[test]
fn the_encrypted_key_of_a_wallet_is_told_and_not_its_salt() {
    let (key, salt) = (token("{hex:64}", 90), token("{hex:64}", 91));
    let text = format!(
        "{{\"crypto\":{{\"cipher\":\"aes-128-ctr\",\"ciphertext\":\"{key}\",\"cipherparams\":{{\"iv\":\"x\"}},\
         \"kdf\":\"scrypt\",\"kdfparams\":{{\"dklen\":32,\"salt\":\"{salt}\"}}}}}}\n"
    );
    let found = values(&text);
    let sure: Vec<&str> = found
        .iter()
        .filter(|entry| entry.2 != "low")
        .map(|entry| entry.1.as_str())
        .collect();
    assert_eq!(sure, [key.as_str()]);
}

#[test]
fn a_private_key_that_its_passphrase_opens_is_not_of_high_confidence() {
    // Real keys: their DER or OpenSSH form begins like this, and the rest is random.
    let body = token("{base64:300}", 92);
    let key = |label: &str, head: &str| {
        let (begin, end) = (
            ["-----BEGIN", label].join(" "),
            ["-----END", label].join(" "),
        );
        format!("{begin} PRIVATE KEY-----\n{head}{body}\n{end} PRIVATE KEY-----\n")
    };
    let openssh = |cipher: &[u8]| {
        let length = u32::try_from(cipher.len()).unwrap().to_be_bytes();
        let head = [&b"openssh-key-v1\0"[..], &length, cipher, &length, cipher].concat();
        BASE64_NOPAD.encode(&head)
    };
    let headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n";
    for (text, confidence) in [
        (key("RSA", headers), "medium"),
        (
            key("ENCRYPTED", "MIIFLTBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQww"),
            "medium",
        ),
        (key("OPENSSH", &openssh(b"aes256-ctr")), "medium"),
        (key("OPENSSH", &openssh(b"none")), "high"),
    ] {
        let found = values(&text);
        let levels: Vec<&str> = found.iter().map(|entry| entry.2.as_str()).collect();
        assert_eq!(levels, [confidence], "{text}");
    }
}

#[test]
fn base64_is_judged_by_its_text() {
    for (text, most) in [
        ("my-password", "medium"),
        ("password", "low"),
        ("security-through-words", "medium"),
    ] {
        let line = format!("password: \"{}\"\n", BASE64.encode(text.as_bytes()));
        let found = values(&line);
        let is_at_most = |found: &str| found == "low" || found == most;
        assert!(found.iter().all(|entry| is_at_most(&entry.2)), "{found:?}");
    }
    let value = made(24, 85);
    let line = format!("password: \"{}\"\n", BASE64.encode(value.as_bytes()));
    assert!(values(&line).iter().any(|entry| entry.2 != "low"));
}

#[test]
fn tokens_of_a_test_suite_are_low() {
    let line = |seed: u64| format!("token {}\n", token("{jwt}", seed));
    let few: String = (0..3).map(line).collect();
    assert!(values(&few).iter().any(|entry| entry.2 != "low"));
    let many: String = (0..6).map(line).collect();
    let found = values(&many);
    assert_eq!(found.len(), 6);
    assert!(found.iter().all(|entry| entry.2 == "low"), "{found:?}");
}

#[test]
fn a_prefix_inside_base64_is_none() {
    let run = made(40, 86);
    let body = token("{base62:36}", 87);
    let inside = format!("{run}/sk_live_{body}\n").replace("sk_live_", concat!("sk_", "live_"));
    assert!(values(&inside).is_empty(), "{inside}");
    let path = format!("https://h.corp.net/x/{}{body}\n", concat!("sk_", "live_"));
    assert_eq!(values(&path).len(), 1, "{path}");
}

/// A key that spells a test somewhere is a key, in a literal on one line, too.
#[test]
fn a_private_key_may_spell_any_word() {
    let key = private_key().replacen("\nMIIE", "\nMIIEFOOoBARtestDeMo", 1);
    let line = key.replace('\n', "\\n");
    for text in [
        format!("{{\"private_key\": \"{line}\"}}\n"),
        format!("password = \"{line}\"\n"),
        format!("SECRET=\"{line}\"\n"),
        format!("secret: \"{line}\"\n"),
    ] {
        let repo = Repo::new();
        repo.commit_file("file", &text);
        let report = repo.scan(&["--min-confidence", "low"]).json;
        let rules: Vec<_> = report["findings"].as_array().unwrap().iter().collect();
        assert_eq!(rules.len(), 1, "{report}");
        assert_eq!(rules[0]["rule_id"], "private-key", "{report}");
        assert_eq!(rules[0]["confidence"], "high", "{report}");
    }
}
