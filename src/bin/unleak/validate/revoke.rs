//! `unleak revoke`: switches a secret off at its issuer, and proves it.

use std::io::{BufRead, IsTerminal};

use unleak::error::{Error, Result};
use unleak::finding::Finding;
use unleak::report::escape::escape;
use unleak::report::redact::{Redactor, Reveal};
use unleak::validate::{Question, State};

use super::args::RevokeArgs;
use super::{IssuerClient, list};
use crate::exit::Exit;
use crate::found::{RepositoryFindings, ScanRequest, first_place, mark};
use crate::options::CommonOptions;
use crate::{interrupt, output, ui};

/// Runs it.
pub(crate) fn run(args: &CommonOptions, revoke: &RevokeArgs) -> Result<Exit> {
    let wanted = ScanRequest::all(&revoke.repository, &revoke.rules);
    let found = RepositoryFindings::scan(args, &wanted)?;
    let finding = found.picked(&revoke.fingerprint)?;
    let rules = found.detector.rules();
    let asker = IssuerClient::new(
        &revoke.ask,
        (&revoke.rules, &found.layers),
        rules,
        &revoke.state,
    )?;
    let issuer = asker.requests.rules.get(&finding.rule_id);
    let Some(inquiry) = issuer.and_then(|issuer| issuer.revoke.as_ref()) else {
        let rule = rules.get(&finding.rule_id);
        let page = rule.and_then(|rule| rule.rotate.as_deref().or(rule.docs.as_deref()));
        return Err(Error::usage(format!(
            "a secret of the rule '{}' cannot be switched off by whoever holds it",
            finding.rule_id
        ))
        .hint(match page {
            Some(page) => format!("do it at {page}"),
            None => "ask its issuer".to_owned(),
        }));
    };
    let redactor = Redactor::new(&found.audit.findings, Reveal::Redacted);
    let what = format!(
        "{} ({}) in {}",
        mark(finding, &redactor),
        escape(finding.rule_id.as_bytes()),
        first_place(finding, &redactor)
    );
    let requests = list::lines(inquiry).join("\n  ");
    let requests = escape_lines(&requests);
    ui::write(format!("to revoke {what}, this is sent:\n  {requests}\n").as_bytes());
    confirm(revoke, finding)?;
    switch_off(args, &asker, finding, &what)
}

fn escape_lines(text: &str) -> String {
    let lines = text.split('\n').map(|line| escape(line.as_bytes()));
    lines.collect::<Vec<_>>().join("\n")
}

/// Asks for the fingerprint again.
fn confirm(revoke: &RevokeArgs, finding: &Finding) -> Result<()> {
    if revoke.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Error::usage("there is no terminal to ask")
            .hint("add '--yes' to revoke it without a question; it cannot be taken back"));
    }
    let id = finding.fingerprint.to_string();
    let short = &id[..12];
    ui::write(format!("it cannot be taken back; type {short} to go on: ").as_bytes());
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|e| Error::io("read", "standard input".as_ref(), e))?;
    match line.trim() == short || line.trim() == id {
        true => Ok(()),
        false => Err(Error::usage("another text was typed: nothing was sent")),
    }
}

fn switch_off(
    args: &CommonOptions,
    asker: &IssuerClient,
    finding: &Finding,
    what: &str,
) -> Result<Exit> {
    let mut kept = asker.store.read(asker.network.now());
    let validator = asker.validator();
    let (answer, stopped) =
        interrupt::while_asking(|| validator.revoke(Question::of(finding), &mut kept));
    asker.store.write(&kept)?;
    let answer = match answer {
        Ok(answer) | Err(answer) => answer,
    };
    if let Some(stopped) = stopped {
        return Ok(stopped);
    }
    // The condition of a good answer is called active for both kinds of questions.
    let is_done = answer.state == State::Active;
    if !is_done {
        let why = escape(answer.reason.as_bytes());
        output::print(format!("not revoked: {what}: {why}\n").as_bytes())?;
        return Ok(Exit::Found);
    }
    let (verdicts, stopped) = asker.ask(args, std::slice::from_ref(finding))?;
    if let Some(stopped) = stopped {
        return Ok(stopped);
    }
    let state = super::state_of(&verdicts, finding.fingerprint);
    let reason = verdicts
        .get(&finding.fingerprint)
        .map(|verdict| verdict.reason.clone());
    let reason = escape(reason.unwrap_or_default().as_bytes());
    let (said, exit) = match state {
        State::Active => (
            "the issuer took the request, but it is still active",
            Exit::Found,
        ),
        State::Inactive => ("revoked, and proven inactive", Exit::Clean),
        State::Unknown => (
            "revoked, as the issuer says; its state is unknown now",
            Exit::Clean,
        ),
    };
    let printed = output::print(format!("{said}: {what}: {reason}\n").as_bytes())?;
    Ok(if printed == Exit::Clean {
        exit
    } else {
        printed
    })
}
