//! Fills in the templates of a rule. A value can change nothing else in a request: it cannot end a
//! header, leave its place in a URL, or change the host.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::network::{Endpoint, Request};
use crate::rule::request::{Escape, Piece, RequestStep, Template, Term, ValueFilter};

/// The values for templates.
#[derive(Clone, Copy)]
pub(super) struct TemplateValues<'a> {
    /// The secret.
    pub(super) secret: &'a [u8],
    /// The value of `{host}`.
    pub(super) host: Option<&'a Endpoint>,
    /// The values near the secret, by rule id.
    pub(super) parts: &'a [(&'a str, &'a [u8])],
    /// The values from the previous step.
    pub(super) taken: &'a [(String, String)],
}

/// The reason why a request cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cannot {
    /// A value with this name is missing.
    Missing(String),
    /// A value cannot be used in this place.
    Unfit(&'static str),
}

/// The place of a template in a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Url,
    Header,
    Body(Escape),
}

/// Makes the request of a step.
pub(super) fn request(step: &RequestStep, values: TemplateValues<'_>) -> Result<Request, Cannot> {
    let url = text(&step.url, values, Within::Url)?;
    let rest = url.strip_prefix("https://").unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    let endpoint = match values.host {
        Some(named) if step.url.text.starts_with("https://{host}") => named.clone(),
        _ => Endpoint {
            host: host.to_ascii_lowercase(),
            port: 443,
            is_named: false,
        },
    };
    if !is_host(&endpoint.host) {
        return Err(Cannot::Unfit("the name of its host cannot be one"));
    }
    let headers = step.headers.iter().map(|(name, value)| {
        let value = text(value, values, Within::Header)?;
        let is_fit = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        match is_fit {
            true => Ok((name.clone(), value)),
            false => Err(Cannot::Unfit("the value cannot stand in a header")),
        }
    });
    let headers = headers.collect::<Result<_, _>>()?;
    let body = step.body.as_ref();
    let body = body.map(|body| text(body, values, Within::Body(step.escape)));
    Ok(Request {
        method: step.method.clone(),
        endpoint,
        target: match target.strip_prefix('?') {
            Some(query) => format!("/?{query}"),
            None if target.is_empty() => "/".to_owned(),
            None => target.to_owned(),
        },
        headers,
        body: body.transpose()?.map(String::into_bytes),
    })
}

fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() <= 63 && label.bytes().all(is_known)
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

fn text(template: &Template, values: TemplateValues<'_>, within: Within) -> Result<String, Cannot> {
    let mut text = String::new();
    for piece in &template.pieces {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Value { terms, filters } => {
                let value = value(terms, filters, values)?;
                text.push_str(&escaped(&value, filters.last(), within, &text)?);
            }
        }
    }
    Ok(text)
}

/// Returns a value with the escapes of its place, unless its last filter already added them.
fn escaped(
    value: &[u8],
    last: Option<&ValueFilter>,
    within: Within,
    before: &str,
) -> Result<String, Cannot> {
    let is_done = matches!(
        last,
        Some(ValueFilter::Url | ValueFilter::Path | ValueFilter::Json)
    );
    let plain = || {
        let text = std::str::from_utf8(value);
        text.map_err(|_| Cannot::Unfit("the value is not text"))
    };
    if is_done {
        return plain().map(str::to_owned);
    }
    match within {
        // In the host, a value is a part of a label and cannot be escaped.
        Within::Url if !before.trim_start_matches("https://").contains(['/', '?']) => {
            let text = plain()?;
            let is_label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            match text.bytes().all(is_label) {
                true => Ok(text.to_owned()),
                false => Err(Cannot::Unfit("the name of its host cannot be one")),
            }
        }
        Within::Url | Within::Body(Escape::Url) => Ok(percent(value, false)),
        Within::Body(Escape::Json) => plain().map(json),
        Within::Header | Within::Body(Escape::Plain) => plain().map(str::to_owned),
    }
}

fn value(
    terms: &[Term],
    filters: &[ValueFilter],
    values: TemplateValues<'_>,
) -> Result<Vec<u8>, Cannot> {
    let mut bytes = Vec::new();
    for term in terms {
        bytes.extend_from_slice(&term_value(term, values)?);
    }
    for filter in filters {
        bytes = filtered(&bytes, filter, values)?;
    }
    Ok(bytes)
}

fn term_value(term: &Term, values: TemplateValues<'_>) -> Result<Vec<u8>, Cannot> {
    let missing = |name: &str| Cannot::Missing(name.to_owned());
    Ok(match term {
        Term::Text(text) => text.clone().into_bytes(),
        Term::Secret => values.secret.to_vec(),
        Term::Host => {
            let host = values.host.ok_or_else(|| missing("host"))?;
            host.host.clone().into_bytes()
        }
        Term::Part(rule) => {
            let found = values.parts.iter().find(|(known, _)| known == rule);
            found.ok_or_else(|| missing(rule))?.1.to_vec()
        }
        Term::Taken(name) => {
            let found = values.taken.iter().find(|(known, _)| known == name);
            found.ok_or_else(|| missing(name))?.1.clone().into_bytes()
        }
    })
}

fn filtered(
    bytes: &[u8],
    filter: &ValueFilter,
    values: TemplateValues<'_>,
) -> Result<Vec<u8>, Cannot> {
    Ok(match filter {
        ValueFilter::Base64 => BASE64.encode(bytes).into_bytes(),
        ValueFilter::Base64Url => BASE64URL_NOPAD.encode(bytes).into_bytes(),
        ValueFilter::Url => percent(bytes, false).into_bytes(),
        ValueFilter::Path => {
            let text = percent(bytes, true);
            match text.split('/').any(|part| matches!(part, "." | "..")) {
                true => return Err(Cannot::Unfit("the value cannot stand in a path")),
                false => text.into_bytes(),
            }
        }
        ValueFilter::Json => {
            let text = std::str::from_utf8(bytes);
            let text = text.map_err(|_| Cannot::Unfit("the value is not text"))?;
            json(text).into_bytes()
        }
        ValueFilter::Sha256 => HEXLOWER.encode(&Sha256::digest(bytes)).into_bytes(),
        ValueFilter::HmacSha256(key) => {
            let key = term_value(key, values)?;
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key length will do");
            mac.update(bytes);
            HEXLOWER.encode(&mac.finalize().into_bytes()).into_bytes()
        }
        ValueFilter::Before(text) => {
            let end = memchr::memmem::find(bytes, text.as_bytes());
            bytes[..end.unwrap_or(bytes.len())].to_vec()
        }
        ValueFilter::After(text) => {
            let found = memchr::memmem::rfind(bytes, text.as_bytes());
            let start = found.ok_or(Cannot::Unfit("the value does not have the expected parts"))?;
            bytes[start + text.len()..].to_vec()
        }
    })
}

/// Percent-encodes all but unreserved characters.
fn percent(bytes: &[u8], keeps_slash: bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        let is_kept = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'_' | b'~')
            || (keeps_slash && matches!(byte, b'/' | b':'));
        match is_kept {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// Escapes the content of a JSON string.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
