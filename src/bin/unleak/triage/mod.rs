//! `unleak triage`: from many findings to decisions, in a full-screen view.
//!
//! ```text
//! args; keys < form < item < rows < model; detail < view < terminal; desk < mod
//! ```
//!
//! A key changes the [`model`] and may ask for an effect; [`desk`] does it, and the model takes what was
//! done. What is decided is written before it is shown as decided.

pub(crate) mod args;
mod desk;
mod detail;
mod form;
mod item;
mod keys;
mod model;
mod rows;
pub(crate) mod terminal;
#[cfg(test)]
mod tests;
mod view;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use unleak::audit::Scope;
use unleak::error::{Error, Result};
use unleak::git::repository::{Overrides, Repository};
use unleak::report::escape::escape;
use unleak::report::redact::Reveal;
use unleak::report::weblink::WebLinks;
use unleak::report::{Document, ReportSource};
use unleak::scan::InlineAllow;
use unleak::suppress::Suppressions;

use crate::config::Layers;
use crate::exit::Exit;
use crate::found::{self, RepositoryFindings, ScanRequest};
use crate::ground::Ground;
use crate::ignore::{self, selection};
use crate::options::CommonOptions;
use crate::{config, output, plan, report, saved, settings, ui};
use args::TriageArgs;
use desk::{Desk, Origin};
use model::{DecisionChange, Effect, Model};
use terminal::Terminal;
use view::Scene;

/// Where the purge plan is if there is no repository.
const PLAN_ELSEWHERE: &str = "unleak-purge-plan.json";

/// Runs it.
pub(crate) fn run(args: &CommonOptions, triage: &TriageArgs) -> Result<Exit> {
    terminal::check()?;
    let mut desk = open(args, triage)?;
    let items = item::list(&desk.document.findings);
    let owner = triage.owner.as_deref();
    let mut model = Model::new(items, desk.decisions(), owner, ignore::today());
    let subject = escape(triage.subject.as_os_str().as_encoded_bytes());
    let paint = settings::paint(args.color, &std::io::stdout());
    let mut terminal = Terminal::take()?;
    let mut is_over = false;
    while !is_over {
        let scene = Scene {
            document: &desk.document,
            subject: &subject,
            paint,
        };
        terminal.draw(&mut model, &scene)?;
        for key in terminal.read()? {
            if let Some(effect) = model.press(key) {
                is_over = perform(effect, &mut model, &mut desk, &mut terminal)?;
            }
            if is_over {
                break;
            }
        }
    }
    drop(terminal);
    output::print(ending(&model, &desk).as_bytes())
}

/// Reads the report, or scans the repository.
fn open(args: &CommonOptions, triage: &TriageArgs) -> Result<Desk> {
    let (document, origin, suppressions) = match is_report(&triage.subject) {
        true => saved(triage)?,
        false => scanned(args, triage)?,
    };
    let repository = match &origin {
        Origin::Scan(found) => Some(&found.repository),
        Origin::Report(repository) => repository.as_deref(),
    };
    let usual = repository.map_or_else(|| PathBuf::from(PLAN_ELSEWHERE), plan::place);
    let plan = triage.plan.clone().unwrap_or(usual);
    Desk::open(document, origin, plan, &suppressions, ignore::today())
}

/// Whether a path is that of a file or pipe, and no repository of any kind.
fn is_report(path: &Path) -> bool {
    path.exists() && !path.is_dir() && path.file_name().is_some_and(|name| name != ".git")
}

fn saved(triage: &TriageArgs) -> Result<(Document, Origin, Suppressions)> {
    let path = &triage.subject;
    let document = report::read(path)?;
    let shown = path.display();
    if !document.head.redacted {
        return Err(
            Error::usage(format!("the report '{shown}' holds secrets in full")).hint(
                "triage the repository itself, or a report that was made without '--show-secrets'",
            ),
        );
    }
    if triage.range.is_some() {
        return Err(
            Error::usage("'--range' selects from a scan, not from a saved report")
                .hint("triage the repository, or a report that was made with '--range'"),
        );
    }
    let overrides = settings::overrides_for(&triage.repository);
    let repository = Repository::find(&triage.repository, &overrides)?;
    if let Some(repository) = &repository {
        check_repository(&document, repository, &overrides)?;
    }
    if repository.is_none() {
        ui::warn(&format!(
            "there is no repository here, so nothing can be ignored; a purge plan goes to \
             '{PLAN_ELSEWHERE}', or to the file of '--plan'"
        ));
    }
    let layers = Layers::load(&triage.rules.config, repository.as_ref())?;
    let all = config::suppressions(repository.as_ref(), &layers, false)?;
    let document = narrowed(document, triage, &layers, repository.as_ref())?;
    Ok((document, Origin::Report(repository.map(Box::new)), all))
}

/// The findings of a saved report that are asked for.
fn narrowed(
    mut document: Document,
    triage: &TriageArgs,
    layers: &Layers,
    repository: Option<&Repository>,
) -> Result<Document> {
    if let Some(least) = triage.min_confidence.map(settings::confidence) {
        let mut findings = document.findings.clone();
        findings.retain(|finding| finding.confidence >= least);
        document = document.with_findings(findings);
    }
    if triage.filter.is_empty() {
        return Ok(document);
    }
    let rules = settings::rules(&triage.rules, layers)?;
    let ground = repository.map_or(Ground::Other, Ground::Repository);
    selection::narrow_report(&document, &triage.filter, &rules, ground)
}

/// Checks that the findings of a saved report are from the repository that decisions are written to.
fn check_repository(
    document: &Document,
    repository: &Repository,
    overrides: &Overrides,
) -> Result<()> {
    let is_of_files = matches!(
        document.head.scope,
        Scope::Files | Scope::Text | Scope::Bundle
    );
    if is_of_files || document.findings.is_empty() {
        return Ok(());
    }
    let all = document.findings.len();
    let here = saved::are_here(document, repository, overrides)?;
    let here = here.iter().filter(|is_here| **is_here).count();
    if here == 0 {
        let place = repository.git_dir().display();
        return Err(Error::usage(format!(
            "no finding of the report is in the repository '{place}'"
        ))
        .hint("'-C DIRECTORY' names the repository that the report is of"));
    }
    if here < all {
        ui::warn(&format!(
            "{} of {all} findings of the report are not in this repository",
            all - here
        ));
    }
    Ok(())
}

fn scanned(args: &CommonOptions, triage: &TriageArgs) -> Result<(Document, Origin, Suppressions)> {
    let wanted = ScanRequest {
        least: triage.min_confidence,
        inline: InlineAllow::Honoured,
        range: triage.range.as_deref(),
        ..ScanRequest::all(&triage.subject, &triage.rules)
    };
    let mut found = RepositoryFindings::scan(args, &wanted)?;
    let all = config::suppressions(Some(&found.repository), &found.layers, false)?;
    ignore::apply(&all, &mut found.audit)?;
    selection::narrow(&mut found, &triage.filter, None)?;
    let remote = found.repository.git().config_snapshot();
    let web = remote.string("remote.origin.url");
    let web = web.and_then(|remote| WebLinks::of(&remote));
    let subject = found::subject(&triage.subject);
    let source = ReportSource {
        audit: &found.audit,
        rules: found.detector.rules(),
        subject: &subject,
        web: web.as_ref(),
        reveal: Reveal::Redacted,
    };
    let document = source.document();
    Ok((document, Origin::Scan(Box::new(found)), all))
}

/// Does what a key asks for. Returns whether it was to end. What fails is a message.
fn perform(
    effect: Effect,
    model: &mut Model,
    desk: &mut Desk,
    terminal: &mut Terminal,
) -> Result<bool> {
    let done = match effect {
        Effect::Quit => return Ok(true),
        Effect::Suspend => {
            terminal.suspend()?;
            Ok(())
        }
        Effect::Settle(changes) => settle(changes, false, model, desk),
        Effect::Undo(changes) => settle(changes, true, model, desk),
        Effect::Explain(item) => desk.explain(item).map(|text| {
            let text: Vec<String> = text.lines().map(|line| escape(line.as_bytes())).collect();
            model.show("Why it has its confidence".to_owned(), text.join("\n"));
        }),
        Effect::Reveal(item) => desk.reveal(item).map(|secret| {
            model.revealed = Some((item, secret));
        }),
        Effect::Copy(item) => {
            let id = &desk.document.findings[item].fingerprint;
            terminal::copy(id).map(|()| {
                let text = "the id is copied, if the terminal allows it (OSC 52)";
                model.message = Some(text.to_owned());
            })
        }
        Effect::Edit(item) => edit(item, desk, terminal)?,
    };
    if let Err(error) = done {
        let mut text = escape(error.chain().as_bytes());
        if let Some(hint) = error.hint_text() {
            // A string takes all that is written.
            let _ = write!(text, " ({})", escape(hint.as_bytes()));
        }
        model.message = Some(text);
    }
    Ok(false)
}

fn settle(
    mut changes: Vec<DecisionChange>,
    is_undo: bool,
    model: &mut Model,
    desk: &mut Desk,
) -> Result<()> {
    let (count, done) = desk.settle(&changes);
    changes.truncate(count);
    model.settled(changes, is_undo);
    done
}

/// Opens the editor. The outer error is that of the terminal, the inner one of the editor.
fn edit(item: usize, desk: &Desk, terminal: &mut Terminal) -> Result<Result<()>> {
    let mut command = match desk.editor(item) {
        Ok(command) => command,
        Err(error) => return Ok(Err(error)),
    };
    let mut ended = Ok(());
    terminal.lend(|| {
        let status = command.status();
        ended = match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Error::usage(format!("the editor failed: {status}"))),
            Err(e) => Err(Error::io("run", "sh".as_ref(), e)),
        };
        Ok(())
    })?;
    Ok(ended)
}

/// What is said when the screen is gone.
fn ending(model: &Model, desk: &Desk) -> String {
    let [open, ignored, purge] = model.counts();
    let mut text = format!("{open} open, {ignored} ignored, {purge} to purge\n");
    // Undo removes the file of a suppression.
    let written = desk.written.iter().rev().find(|path| path.exists());
    if let (Some(path), Some(repository)) = (written, desk.repository()) {
        text.push_str(ignore::how_to_share(repository, Some(path)));
    }
    if let Some(plan) = desk.plan() {
        let plan = escape(plan.as_os_str().as_encoded_bytes());
        // A string takes all that is written.
        let _ = writeln!(
            text,
            "To see what a purge would do: unleak purge --from '{plan}'"
        );
    }
    text
}
