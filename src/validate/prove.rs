//! Tests the requests of rules: makes each for a synthetic secret and checks its form.

use super::network::Endpoint;
use super::render::{self, Cannot, TemplateValues};
use crate::rule::request::{Escape, Inquiry, Issuer, Piece, RequestStep, Template, Term};

/// The value of `{host}` in tests.
const HOST: &str = "issuer.example.com";
/// The value of other rules near the secret, and of values from a previous answer.
const PART: &str = "part-0123456789";

/// Returns the errors in the requests of a rule, for a secret of this rule.
pub fn prove(issuer: &Issuer, secret: &[u8]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, inquiry) in [("validate", &issuer.validate), ("revoke", &issuer.revoke)] {
        let Some(inquiry) = inquiry else { continue };
        for step in &inquiry.steps {
            if let Err(why) = try_step(inquiry, step, secret) {
                faults.push(format!("{name}: {why}"));
            }
        }
    }
    faults
}

/// Makes one request.
fn try_step(inquiry: &Inquiry, step: &RequestStep, secret: &[u8]) -> Result<(), String> {
    let host = Endpoint {
        host: inquiry.host.clone().unwrap_or_else(|| HOST.to_owned()),
        port: 443,
        is_named: false,
    };
    let terms = terms(step);
    let parts = terms.iter().filter_map(|term| match term {
        Term::Part(name) => Some((name.as_str(), PART.as_bytes())),
        _ => None,
    });
    let taken = terms.iter().filter_map(|term| match term {
        Term::Taken(name) => Some((name.clone(), PART.to_owned())),
        _ => None,
    });
    let (parts, taken): (Vec<_>, Vec<_>) = (parts.collect(), taken.collect());
    let values = TemplateValues {
        secret,
        host: Some(&host),
        parts: &parts,
        taken: &taken,
    };
    let request = render::request(step, values).map_err(|cannot| match cannot {
        Cannot::Missing(name) => format!("the value '{name}' is missing"),
        Cannot::Unfit(why) => why.to_owned(),
    })?;
    let says_so = uses_secret(&step.url);
    let text = std::str::from_utf8(secret).unwrap_or_default();
    if !says_so && !text.is_empty() && request.url().contains(text) {
        return Err("the secret is in the address, where the rule does not put it".to_owned());
    }
    let written = step.url.text.trim_start_matches("https://");
    let literal = written.split(['/', '?']).next().unwrap_or_default();
    let wanted = literal.rsplit('}').next().unwrap_or_default();
    let is_host = match literal {
        "{host}" => request.endpoint == host,
        _ => request
            .endpoint
            .host
            .ends_with(&wanted.to_ascii_lowercase()),
    };
    if !is_host {
        return Err("it goes to another host than the rule names".to_owned());
    }
    let Some(body) = request.body else {
        return Ok(());
    };
    match step.escape {
        Escape::Json if serde_json::from_slice::<serde_json::Value>(&body).is_err() => {
            Err("its body is not JSON".to_owned())
        }
        Escape::Url if !is_form(&body) => Err("its body is not a form".to_owned()),
        _ => Ok(()),
    }
}

fn is_form(body: &[u8]) -> bool {
    let is_known = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b'+')
    };
    body.split(|&byte| byte == b'&').all(|pair| {
        let mut sides = pair.splitn(2, |&byte| byte == b'=');
        let (name, value) = (sides.next(), sides.next());
        name.is_some_and(|name| !name.is_empty())
            && value.is_some_and(|value| value.iter().all(is_known))
    })
}

/// Returns all values that a step uses.
fn terms(step: &RequestStep) -> Vec<Term> {
    let headers = step.headers.iter().map(|(_, value)| value);
    let templates = headers.chain([&step.url]).chain(&step.body);
    templates.flat_map(of_template).collect()
}

fn of_template(template: &Template) -> Vec<Term> {
    let pieces = template.pieces.iter();
    let terms = pieces.filter_map(|piece| match piece {
        Piece::Value { terms, .. } => Some(terms),
        Piece::Text(_) => None,
    });
    terms.flatten().cloned().collect()
}

/// Returns whether a template contains the secret.
fn uses_secret(template: &Template) -> bool {
    of_template(template).contains(&Term::Secret)
}
