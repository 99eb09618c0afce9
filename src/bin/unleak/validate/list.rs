//! `unleak validate --list`: what would be sent, to whom, and what it does there.

use std::fmt::Write as _;

use unleak::error::Result;
use unleak::report::escape::escape;
use unleak::rule;
use unleak::rule::request::{Inquiry, Requests};

use super::args::ValidateArgs;
use crate::config::Layers;
use crate::exit::Exit;
use crate::{output, settings};

/// Runs it.
pub(super) fn run(validate: &ValidateArgs) -> Result<Exit> {
    let layers = Layers::load(&validate.rules.config, None)?;
    let rules = settings::rules(&validate.rules, &layers)?;
    let requests = super::requests(&validate.ask, (&validate.rules, &layers), &rules)?;
    output::print(text(&requests).as_bytes())
}

fn text(requests: &Requests) -> String {
    let mut text = String::new();
    let width = requests.rules.keys().map(String::len).max().unwrap_or(0);
    let (mut asked, mut whose, mut revoked) = (0, 0, 0);
    for (id, issuer) in &requests.rules {
        for (what, inquiry) in [("validate", &issuer.validate), ("revoke", &issuer.revoke)] {
            let Some(inquiry) = inquiry else { continue };
            for line in lines(inquiry) {
                let effect = effect(what, inquiry);
                let line = escape(format!("{id:width$}  {what:8}  {line}  [{effect}]").as_bytes());
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{line}");
            }
        }
        let tells = |inquiry: &Inquiry| inquiry.steps.iter().any(|step| !step.whose.is_empty());
        asked += usize::from(issuer.validate.is_some());
        whose += usize::from(issuer.validate.as_ref().is_some_and(tells));
        revoked += usize::from(issuer.revoke.is_some());
    }
    let builtin = rule::builtin().map_or(0, |rules| rules.rules.len());
    let _ = writeln!(
        text,
        "\n{asked} of {builtin} rules can be validated; {whose} tell whose the secret is; {revoked} can be \
         revoked by whoever holds it"
    );
    text
}

/// The requests of an inquiry, one a line.
pub(crate) fn lines(inquiry: &Inquiry) -> Vec<String> {
    if inquiry.steps.is_empty() {
        let what = match inquiry.kind {
            rule::request::Protocol::Jwt => "nothing is sent".to_owned(),
            kind => format!("login {} at the server of its address", kind.name()),
        };
        return vec![what];
    }
    let steps = inquiry.steps.iter().map(|step| {
        let url = match &inquiry.host {
            Some(host) => step.url.text.replace("{host}", host),
            None => step.url.text.clone(),
        };
        format!("{} {url}", step.method)
    });
    steps.collect()
}

/// What a request does at the issuer.
fn effect(what: &str, inquiry: &Inquiry) -> String {
    let mut effect = match (what, &inquiry.effect) {
        ("revoke", _) => "switches it off".to_owned(),
        (_, Some(effect)) => effect.clone(),
        (_, None) if inquiry.steps.is_empty() => "no effect".to_owned(),
        (_, None) => "reads only".to_owned(),
    };
    if inquiry.noisy {
        effect.push_str("; the owner may be told");
    }
    effect
}
