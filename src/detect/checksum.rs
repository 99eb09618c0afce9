//! Checks that need no network: structure that only real tokens have.
//!
//! A wrong checksum means that the issuer never made this token: it lowers confidence, with that
//! reason. A right one is proof. A form is none: what has it may be real, what has it not is not.

use bech32::primitives::decode::CheckedHrpstring;
use crc::{CRC_16_XMODEM, Crc};
use data_encoding::{BASE32_NOPAD, BASE64, BASE64_NOPAD, BASE64URL_NOPAD};

use super::block::key_characters;
use super::entropy::{Classes, is_regular, is_token};
use super::placeholder::{is_config_word, is_test_value};
use crate::rule::Check;

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Only the issuer makes such a value.
    Verified,
    /// It has the form it should have, which proves little.
    Plausible,
    /// No issuer makes such a value.
    Failed,
    /// It does not have the form that it should have.
    Malformed,
    /// It is too short or too plain to be sure.
    Weak,
}

/// Runs `check` on the bytes of a secret.
pub fn run(check: Check, secret: &[u8]) -> Outcome {
    match check {
        Check::Crc32Base62 => verified(crc32_base62(secret)),
        Check::Crc32Hex => verified(crc32_hex(secret)),
        Check::Crc32Base64 => verified(crc32_base64(secret)),
        Check::Crc32Tail => crc32_tail(secret),
        Check::GitlabRoutable => verified(gitlab_routable(secret)),
        Check::Bech32 => verified(has_bech32_checksum(secret)),
        Check::Nkey => verified(nkey(secret)),
        Check::DiscordId => plausible(discord_id(secret)),
        Check::Jwt => plausible(jwt(secret)),
        Check::AwsKeyId => plausible(aws_account(secret).is_some()),
        Check::Base64Json => plausible(base64_json(secret)),
        Check::BasicAuth => plausible(basic_auth(secret)),
        Check::PypiMacaroon => plausible(pypi_macaroon(secret)),
        Check::PrivateKey => plausible(private_key(secret)),
        Check::DerKey => plausible(der_key(secret)),
        Check::Token => strong(is_token(secret)),
        Check::Password => strong(password(secret)),
        Check::UuidNotNil => plausible(secret.iter().any(|byte| !matches!(byte, b'0' | b'-'))),
    }
}

fn verified(ok: bool) -> Outcome {
    if ok {
        Outcome::Verified
    } else {
        Outcome::Failed
    }
}

fn plausible(ok: bool) -> Outcome {
    if ok {
        Outcome::Plausible
    } else {
        Outcome::Malformed
    }
}

fn strong(ok: bool) -> Outcome {
    if ok {
        Outcome::Plausible
    } else {
        Outcome::Weak
    }
}

/// A password that somebody chose or made: of six characters or more, with a digit, a mark or several
/// cases; of letters alone it has eight and is no word of configuration.
fn password(secret: &[u8]) -> bool {
    let classes = Classes::of(secret);
    let lower = secret.to_ascii_lowercase();
    let is_plain = classes.kinds() == 1 && classes.digits == 0;
    let is_word = is_config_word(&lower) || is_test_value(&lower);
    secret.len() >= 6 && !is_regular(secret) && !(is_plain && (secret.len() < 8 || is_word))
}

/// The last six characters are the CRC-32, in base 62, of the thirty before them.
fn crc32_base62(secret: &[u8]) -> bool {
    let Some((rest, sum)) = secret.split_last_chunk::<6>() else {
        return false;
    };
    let Some((_, body)) = rest.split_last_chunk::<30>() else {
        return false;
    };
    let mut value = 0u64;
    for &byte in sum {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return false,
        };
        value = value * 62 + u64::from(digit);
    }
    value == u64::from(crc32fast::hash(body))
}

/// The last eight hex digits are the CRC-32 of all before the separator.
fn crc32_hex(secret: &[u8]) -> bool {
    let Some((body, sum)) = secret.split_last_chunk::<8>() else {
        return false;
    };
    let body = body.strip_suffix(b"_").unwrap_or(body);
    let sum = std::str::from_utf8(sum)
        .ok()
        .and_then(|sum| u32::from_str_radix(sum, 16).ok());
    sum == Some(crc32fast::hash(body))
}

/// The last six characters are the CRC-32, low byte first, of the characters between them and the
/// prefix of four.
fn crc32_base64(secret: &[u8]) -> bool {
    let Some((rest, sum)) = secret.split_last_chunk::<6>() else {
        return false;
    };
    let Some((_, body)) = rest.split_at_checked(4) else {
        return false;
    };
    BASE64_NOPAD
        .encode(&crc32fast::hash(body).to_le_bytes())
        .as_bytes()
        == sum
}

/// Older tokens have no sum. Whether it covers the `=` before it is not told: both are accepted.
fn crc32_tail(secret: &[u8]) -> Outcome {
    let Some((body, sum)) = secret.split_last_chunk::<8>() else {
        return Outcome::Plausible;
    };
    let Some(bare) = body.strip_suffix(b"=") else {
        return Outcome::Plausible;
    };
    let sum = std::str::from_utf8(sum)
        .ok()
        .and_then(|sum| u32::from_str_radix(sum, 16).ok());
    verified([body, bare].map(crc32fast::hash).map(Some).contains(&sum))
}

fn has_bech32_checksum(secret: &[u8]) -> bool {
    let text = std::str::from_utf8(secret).ok();
    text.is_some_and(|text| CheckedHrpstring::new::<bech32::Bech32>(text).is_ok())
}

/// Base32 of bytes that end in their CRC-16, low byte first.
fn nkey(secret: &[u8]) -> bool {
    let Ok(bytes) = BASE32_NOPAD.decode(secret) else {
        return false;
    };
    let Some((body, sum)) = bytes.split_last_chunk::<2>() else {
        return false;
    };
    Crc::<u16>::new(&CRC_16_XMODEM).checksum(body) == u16::from_le_bytes(*sum)
}

/// A bot's token begins with its account's number, which has 17 to 20 digits.
fn discord_id(secret: &[u8]) -> bool {
    let first = secret.split(|&byte| byte == b'.').next();
    let number = BASE64_NOPAD.decode(first.unwrap_or_default());
    number.is_ok_and(|number| {
        (17..=20).contains(&number.len()) && number.iter().all(u8::is_ascii_digit)
    })
}

/// The last seven characters are the CRC-32, in base 36, of all before them.
fn gitlab_routable(secret: &[u8]) -> bool {
    let Some((body, sum)) = secret.split_last_chunk::<7>() else {
        return false;
    };
    let sum = std::str::from_utf8(sum)
        .ok()
        .and_then(|sum| u64::from_str_radix(sum, 36).ok());
    sum == Some(u64::from(crc32fast::hash(body)))
}

/// The first part is a JSON object with one of the members that headers have (RFC 7515, section 4.1);
/// the second is an object too, unless the header says that it is encrypted, compressed or no JSON.
fn jwt(secret: &[u8]) -> bool {
    let mut parts = secret.split(|&byte| byte == b'.');
    let json = |part: Option<&[u8]>| -> Option<serde_json::Value> {
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part?).ok()?).ok()
    };
    let Some(header) = json(parts.next()) else {
        return false;
    };
    let has_one = |names: &[&str]| names.iter().any(|name| header.get(name).is_some());
    let is_opaque = has_one(&["enc", "zip", "b64", "cty"]);
    has_one(&["alg", "typ", "enc", "kid"])
        && (is_opaque || json(parts.next()).is_some_and(|claims| claims.is_object()))
}

/// Decodes the account id that AWS key ids carry: 40 bits, one bit into the base32 digits after
/// the four-letter prefix. Keys made before 2019 hold another number there.
fn aws_account(secret: &[u8]) -> Option<u64> {
    let digits = secret.get(4..20).filter(|_| secret.len() == 20)?;
    let mut value = 0u128;
    for &byte in digits {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        value = value << 5 | u128::from(digit);
    }
    u64::try_from((value >> 39) & ((1 << 40) - 1)).ok()
}

fn base64_json(secret: &[u8]) -> bool {
    let secret = secret.strip_prefix(b"glc_").unwrap_or(secret);
    let trimmed = secret.strip_suffix(b"=").unwrap_or(secret);
    let trimmed = trimmed.strip_suffix(b"=").unwrap_or(trimmed);
    let decoded = BASE64_NOPAD
        .decode(trimmed)
        .or_else(|_| BASE64URL_NOPAD.decode(trimmed));
    decoded.is_ok_and(|json| {
        serde_json::from_slice::<serde_json::Value>(&json).is_ok_and(|v| v.is_object())
    })
}

/// The decoded text is `user:password`, in printable characters.
fn basic_auth(secret: &[u8]) -> bool {
    basic_password(secret).is_some()
}

/// The password in the credentials of HTTP Basic: base64 of `user:password` (RFC 7617).
pub(super) fn basic_password(secret: &[u8]) -> Option<Vec<u8>> {
    let decoded = BASE64
        .decode(secret)
        .or_else(|_| BASE64_NOPAD.decode(secret));
    let text = decoded.ok()?;
    let colon = memchr::memchr(b':', &text)?;
    let is_text = |byte: &u8| byte.is_ascii_graphic() || *byte == b' ';
    let is_pair = colon > 0 && colon + 1 < text.len() && text.iter().all(is_text);
    is_pair.then(|| text[colon + 1..].to_vec())
}

/// A version 2 macaroon whose location is a package index.
fn pypi_macaroon(secret: &[u8]) -> bool {
    let body = secret.strip_prefix(b"pypi-").unwrap_or(secret);
    let whole = &body[..body.len() - usize::from(body.len() % 4 == 1)];
    BASE64URL_NOPAD
        .decode(&whole[..whole.len() / 4 * 4])
        .is_ok_and(|bytes| bytes.starts_with(&[2, 1, 8]) && bytes[3..].starts_with(b"pypi.org"))
}

/// The base64 decodes to a DER sequence of the length that it tells, which begins with a version: a
/// private key of PKCS#1, PKCS#8 or SEC1 (RFC 8017, RFC 5958, RFC 5915).
fn der_key(secret: &[u8]) -> bool {
    let encoded: Vec<u8> = key_characters(secret)
        .take_while(|&byte| byte != b'=')
        .collect();
    let Ok(bytes) = BASE64_NOPAD.decode(&encoded) else {
        return false;
    };
    let (told, rest) = match &bytes[..] {
        [0x30, len @ 0..=0x7f, rest @ ..] => (usize::from(*len), rest),
        [0x30, 0x81, len, rest @ ..] => (usize::from(*len), rest),
        [0x30, 0x82, high, low, rest @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        _ => return false,
    };
    told == rest.len() && matches!(rest, [2, 1, 0 | 1, ..])
}

/// The body decodes to a DER sequence, an OpenSSH key or an OpenPGP packet.
fn private_key(body: &[u8]) -> bool {
    let encoded: Vec<u8> = key_characters(body)
        .take_while(|&byte| byte != b'=')
        .collect();
    let whole = encoded.len() / 4 * 4;
    BASE64_NOPAD
        .decode(&encoded[..whole])
        .is_ok_and(|bytes| match bytes.first() {
            Some(0x30) => bytes.len() > 2,
            Some(b'o') => bytes.starts_with(b"openssh-key-v1\0"),
            // An OpenPGP packet sets the high bit.
            Some(first) => first & 0x80 != 0,
            None => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::template::{Random, expand};

    fn made(template: &str) -> Vec<u8> {
        expand(template, &mut Random::new(3)).unwrap().into_bytes()
    }

    #[test]
    fn a_changed_character_breaks_a_checksum() {
        for (template, check) in [
            ("ghp_{base62:30}{crc32_base62}", Check::Crc32Base62),
            ("glsa_{base62:32}_{crc32_hex}", Check::Crc32Hex),
            ("cflt{base64:54}{crc32_base64}", Check::Crc32Base64),
            ("ATATT3{base62:80}={crc32_upperhex}", Check::Crc32Tail),
            (
                "glpat-{base62:27}.01.{lower36:2}{crc32_base36}",
                Check::GitlabRoutable,
            ),
            ("{age}", Check::Bech32),
            ("{nkey}", Check::Nkey),
        ] {
            let mut token = made(template);
            assert_eq!(run(check, &token), Outcome::Verified, "{template}");
            // One bit of the digit, so that it stays one of the alphabet.
            token[18] = if token[18] == b'A' { b'C' } else { b'A' };
            assert_eq!(run(check, &token), Outcome::Failed, "{template}");
        }
    }

    #[test]
    fn the_sample_that_an_issuer_shows_is_right() {
        // From https://docs.confluent.io/cloud/current/client-apps/api-keys.html, put together here.
        let token = [
            "cflt",
            "T8d8RzkNseTMEDKcjNM1BZTFPHqRn/",
            "dQm9q7w6SjzZ12wZfwjaJdip",
            "HZtDjw",
        ];
        let outcome = run(Check::Crc32Base64, token.concat().as_bytes());
        assert_eq!(outcome, Outcome::Verified);
    }

    #[test]
    fn structured_values_are_told_from_noise() {
        assert_eq!(run(Check::Jwt, &made("{jwt}")), Outcome::Plausible);
        assert_eq!(
            run(Check::Jwt, "eyJhbGciOi.".repeat(3).as_bytes()),
            Outcome::Malformed
        );
        let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        for (header, expected) in [
            (
                r#"{"ver":"2","typ":"JWT","alg":"RS256"}"#,
                Outcome::Plausible,
            ),
            ("{ \"kid\": \"a\" }", Outcome::Plausible),
            ("{\n  \"alg\": \"ES256\"\n}", Outcome::Plausible),
            (r#"{"version":3,"sources":[]}"#, Outcome::Malformed),
        ] {
            let token = format!(
                "{}.{}.abcdefghijkl",
                encode(header),
                encode("{\"sub\":\"b\"}")
            );
            assert_eq!(run(Check::Jwt, token.as_bytes()), expected, "{header}");
        }
        assert_eq!(run(Check::BasicAuth, &made("{basic}")), Outcome::Plausible);
        assert_eq!(run(Check::BasicAuth, b"bm8gY29sb24="), Outcome::Malformed);
        assert_eq!(run(Check::UuidNotNil, b"00000000-0000"), Outcome::Malformed);
        assert_eq!(
            run(Check::DiscordId, &made("{discord_id}.x")),
            Outcome::Plausible
        );
        assert_eq!(run(Check::DiscordId, b"TVRBeA.x"), Outcome::Malformed);
        assert_eq!(
            run(Check::Base64Json, &made("glc_{json:20}")),
            Outcome::Plausible
        );
        assert_eq!(run(Check::Crc32Tail, b"ATATT3xx"), Outcome::Plausible);
    }

    #[test]
    fn a_key_in_der_form_has_the_length_that_it_tells() {
        let body = [&[2u8, 1, 1, 4, 32][..], &[7; 32]].concat();
        let key = |told: u8| BASE64.encode(&[&[0x30, told], &body[..]].concat());
        let right = u8::try_from(body.len()).unwrap();
        assert_eq!(
            run(Check::DerKey, key(right).as_bytes()),
            Outcome::Plausible
        );
        for told in [right - 1, right + 1, 0x81, 0x82, 0] {
            assert_eq!(run(Check::DerKey, key(told).as_bytes()), Outcome::Malformed);
        }
        assert_eq!(run(Check::DerKey, b"MI"), Outcome::Malformed);
    }

    #[test]
    fn words_are_weak_passwords() {
        for text in [
            "password", "pass", "user", "secret", "abc12", "barbaz", "12345678",
        ] {
            assert_eq!(
                run(Check::Password, text.as_bytes()),
                Outcome::Weak,
                "{text}"
            );
        }
        for text in ["s3cret", "Sesame", "open-sesame", "%24%7Bab", "sunshines"] {
            assert_eq!(
                run(Check::Password, text.as_bytes()),
                Outcome::Plausible,
                "{text}"
            );
        }
    }

    #[test]
    fn key_ids_carry_an_account() {
        assert!(aws_account(&made("AKIA{base32:16}")).is_some());
        assert!(aws_account(b"AKIA0000000000000000").is_none());
    }
}
