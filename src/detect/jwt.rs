//! JSON web tokens beyond their form: whether a secret signed one, and until when it is valid.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

/// Secrets that manuals and web pages sign their tokens with.
pub const KNOWN_SECRETS: [&[u8]; 24] = [
    b"secret",
    b"your-256-bit-secret",
    b"your-384-bit-secret",
    b"your-512-bit-secret",
    b"a-string-secret-at-least-256-bits-long",
    b"a-valid-string-secret-that-is-at-least-384-bits-long",
    b"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    b"your-super-secret-jwt-token-with-at-least-32-characters-long",
    b"super-secret-jwt-token-with-at-least-32-characters-long",
    b"changeme",
    b"key",
    b"test",
    b"password",
    b"jwt-secret",
    b"jwt_secret",
    b"supersecret",
    b"super-secret",
    b"mysecret",
    b"my-secret",
    b"secretkey",
    b"secret_key",
    b"secret-key",
    b"shhhhh",
    b"hmac-secret",
];

/// A token that is signed with a shared secret (RFC 7518, section 3.2).
pub struct Signed<'t> {
    algorithm: Algorithm,
    /// Header and claims, as they are signed.
    input: &'t [u8],
    signature: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl<'t> Signed<'t> {
    /// Parses `token`; `None` if no shared secret signs it.
    pub fn parse(token: &'t [u8]) -> Option<Self> {
        let (input, signature) = token.split_at(memchr::memrchr(b'.', token)?);
        let (header, _) = input.split_at(memchr::memchr(b'.', input)?);
        let algorithm = match object(header)?.get("alg")?.as_str()? {
            "HS256" => Algorithm::Sha256,
            "HS384" => Algorithm::Sha384,
            "HS512" => Algorithm::Sha512,
            _ => return None,
        };
        Some(Self {
            algorithm,
            input,
            signature: BASE64URL_NOPAD.decode(&signature[1..]).ok()?,
        })
    }

    /// The number of bytes that are signed.
    pub fn signed_len(&self) -> usize {
        self.input.len()
    }

    /// Whether `secret` signed it.
    pub fn is_signed_with(&self, secret: &[u8]) -> bool {
        macro_rules! verifies {
            ($digest:ty) => {
                Hmac::<$digest>::new_from_slice(secret).is_ok_and(|mut mac| {
                    mac.update(self.input);
                    mac.verify_slice(&self.signature).is_ok()
                })
            };
        }
        match self.algorithm {
            Algorithm::Sha256 => verifies!(Sha256),
            Algorithm::Sha384 => verifies!(Sha384),
            Algorithm::Sha512 => verifies!(Sha512),
        }
    }
}

/// When a token ceases to be valid, in seconds since 1970.
pub fn expiry(token: &[u8]) -> Option<i64> {
    let mut parts = token.split(|byte| *byte == b'.');
    object(parts.next()?)?;
    let claims = object(parts.next()?)?;
    let seconds = claims.get("exp")?;
    seconds.as_i64().or_else(|| {
        let seconds = seconds.as_f64().filter(|seconds| seconds.abs() < 1e15)?;
        #[expect(clippy::cast_possible_truncation, reason = "checked right before")]
        Some(seconds as i64)
    })
}

fn object(part: &[u8]) -> Option<Value> {
    // No other text is such an object, and most values are no tokens.
    if !part.starts_with(b"ey") {
        return None;
    }
    let json = BASE64URL_NOPAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok().filter(Value::is_object)
}

/// The keys that a text can mean: its bytes, and what it is the base64 of.
pub fn keys_of(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let encodings = [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD];
    let mut decoded = encodings
        .iter()
        .filter_map(|encoding| encoding.decode(text).ok());
    let decoded = decoded.next().filter(|key| !key.is_empty());
    std::iter::once(text.to_vec()).chain(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_verifies_with_its_secret_only() {
        // The example of RFC 7515, appendix A.1, with its key.
        let token = [
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ]
        .join(".");
        let key = [
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T",
            "-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        ]
        .concat();
        let signed = Signed::parse(token.as_bytes()).unwrap();
        assert!(keys_of(key.as_bytes()).any(|key| signed.is_signed_with(&key)));
        assert!(!KNOWN_SECRETS.iter().any(|key| signed.is_signed_with(key)));
        assert_eq!(expiry(token.as_bytes()), Some(1_300_819_380));
        assert_eq!(expiry(b"eyJh.eyJh.x"), None);
        assert!(Signed::parse(b"a.b.c").is_none());
    }
}
