//! Requests with signatures, and validation without network: what templates cannot express.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::network::Request;
use super::{State, Verdict};

/// The signer and the scope of an AWS request.
#[derive(Clone, Copy)]
pub struct AwsScope<'a> {
    /// The id of the key.
    pub key_id: &'a str,
    /// The secret of the key.
    pub secret: &'a [u8],
    /// The region.
    pub region: &'a str,
    /// The service.
    pub service: &'a str,
    /// Seconds since 1970.
    pub now: i64,
}

/// Adds the headers of AWS Signature Version 4 ("Signature Version 4 signing process" in the IAM
/// user guide). The request does not contain the secret.
pub fn sign_aws(request: &mut Request, scope: AwsScope<'_>) {
    let time = jiff::Timestamp::from_second(scope.now).unwrap_or_default();
    let time = time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = &time[..8];
    request
        .headers
        .push(("X-Amz-Date".to_owned(), time.clone()));
    let (path, query) = match request.target.split_once('?') {
        Some((path, query)) => (path, query),
        None => (request.target.as_str(), ""),
    };
    let mut query: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let mut headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|(name, value)| {
            let words: Vec<&str> = value.split_whitespace().collect();
            (name.to_ascii_lowercase(), words.join(" "))
        })
        .collect();
    headers.push(("host".to_owned(), request.endpoint.authority(443)));
    headers.sort();
    let signed: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let signed = signed.join(";");
    let lines = headers
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"));
    let body = request.body.as_deref().unwrap_or_default();
    let canonical = format!(
        "{}\n{path}\n{}\n{}\n{signed}\n{}",
        request.method,
        query.join("&"),
        lines.collect::<String>(),
        HEXLOWER.encode(&Sha256::digest(body))
    );
    let place = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let digest = HEXLOWER.encode(&Sha256::digest(canonical));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{place}\n{digest}");
    let mut key = [b"AWS4", scope.secret].concat();
    for part in [date, scope.region, scope.service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    let signature = HEXLOWER.encode(&hmac(&key, text.as_bytes()));
    let header = format!(
        "AWS4-HMAC-SHA256 Credential={}/{place}, SignedHeaders={signed}, Signature={signature}",
        scope.key_id
    );
    request.headers.push(("Authorization".to_owned(), header));
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length will do");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Returns the text that a Google service account signs to get a token: the header and claims of a
/// JWT ("Using OAuth 2.0 for Server to Server Applications").
pub(super) fn google_claims(email: &str, now: i64) -> String {
    let claims = serde_json::json!({
        "iss": email,
        "scope": "openid email",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": now,
        "exp": now + 300,
    });
    let header = BASE64URL_NOPAD.encode(br#"{"alg":"RS256","typ":"JWT"}"#);
    format!(
        "{header}.{}",
        BASE64URL_NOPAD.encode(claims.to_string().as_bytes())
    )
}

/// Returns the bytes of a key in PKCS #8 form from the base64 in a PEM block.
pub(super) fn pkcs8(base64: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(base64).ok()?.replace("\\n", "");
    let body: String = text.split_whitespace().collect();
    data_encoding::BASE64.decode(body.as_bytes()).ok()
}

/// Evaluates the claims of a JSON web token: only an expired token is certainly inactive. Sends
/// nothing.
pub(super) fn jwt(token: &[u8], now: i64) -> Verdict {
    let expiry = || {
        let payload = token.split(|&byte| byte == b'.').nth(1)?;
        let end = payload.iter().rposition(|&byte| byte != b'=')? + 1;
        let bytes = BASE64URL_NOPAD.decode(&payload[..end]).ok()?;
        let claims: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        let expiry = claims.get("exp")?;
        // Some issuers use fractions.
        let text = expiry.as_number()?.to_string();
        let seconds = text.split('.').next()?.parse().ok()?;
        jiff::Timestamp::from_second(seconds).ok()
    };
    match expiry() {
        Some(time) if time.as_second() <= now => Verdict {
            state: State::Inactive,
            checked: Some(now),
            ..Verdict::unknown(format!("it expired at {time}"))
        },
        Some(time) => Verdict {
            can: vec![format!("expires: {time}")],
            ..Verdict::unknown("it has not expired, and who issued it cannot be asked")
        },
        None => Verdict::unknown("it has no expiry, and who issued it cannot be asked"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::network::Endpoint;

    /// 2015-08-30T12:36:00Z.
    const TIME: i64 = 1_440_938_160;

    fn signature(
        method: &str,
        host: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        service: &str,
    ) -> String {
        let headers = headers.iter();
        let mut request = Request {
            method: method.to_owned(),
            endpoint: Endpoint {
                host: host.to_owned(),
                port: 443,
                is_named: false,
            },
            target: target.to_owned(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: Some(body.to_vec()),
        };
        let value = ["wJalrXUtn", "FEMI/K7MD", "ENG+bPxRf", "iCYEXAMPLEKEY"].concat();
        let scope = AwsScope {
            key_id: "AKIDEXAMPLE",
            secret: value.as_bytes(),
            region: "us-east-1",
            service,
            now: TIME,
        };
        sign_aws(&mut request, scope);
        let (name, sent) = request.headers.last().unwrap();
        assert_eq!(name, "Authorization");
        assert!(!sent.contains(&value), "the secret is not sent");
        sent.rsplit('=').next().unwrap().to_owned()
    }

    #[test]
    fn signatures_are_those_of_the_published_test_vectors() {
        let host = "example.amazonaws.com";
        for (method, target, headers, body, wanted) in [
            (
                "GET",
                "/",
                &[][..],
                &b""[..],
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                "/",
                &[],
                b"",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "GET",
                "/?Param2=value2&Param1=value1",
                &[],
                b"",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "POST",
                "/",
                &[("Content-Type", "application/x-www-form-urlencoded")],
                b"Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            let made = signature(method, host, target, headers, body, "service");
            assert_eq!(made, wanted, "{method} {target}");
        }
    }

    #[test]
    fn the_signature_is_that_of_the_documented_example() {
        let target = "/?Action=ListUsers&Version=2010-05-08";
        let headers = [(
            "Content-Type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )];
        assert_eq!(
            signature("GET", "iam.amazonaws.com", target, &headers, b"", "iam"),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn only_an_expired_token_is_known_to_be_inactive() {
        let token = |claims: &str| {
            let parts = [r#"{"alg":"HS256"}"#, claims, "signature"];
            parts
                .map(|part| BASE64URL_NOPAD.encode(part.as_bytes()))
                .join(".")
        };
        let state = |claims: &str| jwt(token(claims).as_bytes(), 1_000).state;
        assert_eq!(state(r#"{"exp":999}"#), State::Inactive);
        assert_eq!(state(r#"{"exp":1001}"#), State::Unknown);
        assert_eq!(state(r#"{"exp":"soon"}"#), State::Unknown);
        assert_eq!(state(r#"{"exp":1e300}"#), State::Unknown);
        assert_eq!(state("{}"), State::Unknown);
        assert_eq!(jwt(b"a.b", 1_000).state, State::Unknown);
    }
}
