//! Completions of the command line: the shell asks the program itself, which knows the rules, the
//! findings of the repository and the suppressions.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::{Arg, Command, Parser};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, EnvCompleter, Shells};
use unleak::error::{Error, Result};
use unleak::git::repository::Repository;
use unleak::report::escape::escape;
use unleak::report::redact::{Redactor, Reveal};
use unleak::rule::{self, RuleSet};
use unleak::suppress::SuppressionStore;

use crate::cli::Args;
use crate::exit::Exit;
use crate::found::{RepositoryFindings, ScanRequest, first_place};
use crate::options::RuleOptions;
use crate::{examples, output, report, settings, topics, ui};

/// Set by the scripts of shells.
const VARIABLE: &str = "UNLEAK_COMPLETE";

/// How long a scan may take before nothing is offered.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a shell asks for completions.
pub(crate) fn is_asked() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty() && value != "0")
}

/// Prints what the shell asks for.
pub(crate) fn answer() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let dir = std::env::current_dir().ok();
    let answer = CompleteEnv::with_factory(examples::command).var(VARIABLE);
    match answer.try_complete(args, dir.as_deref()) {
        Ok(_) => Exit::Clean.into(),
        Err(e) => {
            let what = Error::usage("cannot complete the command line").because(e.to_string());
            ui::error(&what);
            Exit::Usage.into()
        }
    }
}

/// Prints the script that makes a shell ask.
///
/// # Errors
/// `Io` if it cannot be written.
pub(crate) fn script(shell: Shell) -> Result<Exit> {
    let name = shell.to_string();
    let shells = Shells::builtins();
    let completer: Option<&dyn EnvCompleter> = shells.completer(&name);
    let completer =
        completer.ok_or_else(|| Error::usage(format!("no completions for '{name}'")))?;
    let mut script = Vec::new();
    let written = completer.write_registration(VARIABLE, "unleak", "unleak", "unleak", &mut script);
    written.map_err(|e| Error::io("write", "the script".as_ref(), e))?;
    output::print(&script)
}

/// A function that lists values, with a remark on each.
type ValueLister = fn() -> Vec<(String, String)>;

/// Tells the options and arguments of all commands which values they can have.
pub(crate) fn with_values(command: Command) -> Command {
    let name = command.get_name().to_owned();
    command
        .mut_args(|arg| match values(&name, &arg) {
            None => arg,
            Some(values) => arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
                candidates(&values(), typed)
            })),
        })
        .mut_subcommands(with_values)
}

/// The values of an argument of a command, if they can be listed.
fn values(command: &str, arg: &Arg) -> Option<ValueLister> {
    Some(match (command, arg.get_id().as_str()) {
        (_, "rule" | "disable_rule") | ("show", "id") => rules,
        (_, "provider") => providers,
        ("help", "words") => words,
        ("explain" | "ignore" | "revoke", "fingerprint") => findings,
        ("validate", "fingerprints") | ("purge", "finding") => findings,
        ("show", "fingerprint") => reported,
        ("remove", "digest") => suppressions,
        _ => return None,
    })
}

/// Those that begin with what was typed.
fn candidates(values: &[(String, String)], typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let fitting = values
        .iter()
        .filter(|(value, _)| value.starts_with(&*typed));
    let candidates = fitting.map(|(value, remark)| {
        let remark = Some(remark).filter(|remark| !remark.is_empty());
        CompletionCandidate::new(value).help(remark.map(Into::into))
    });
    candidates.collect()
}

fn builtin() -> RuleSet {
    rule::builtin().unwrap_or_default()
}

fn rules() -> Vec<(String, String)> {
    let rules = builtin().rules.into_iter();
    rules.map(|rule| (rule.id, rule.description)).collect()
}

fn providers() -> Vec<(String, String)> {
    let rules = builtin().rules.into_iter();
    let mut names: Vec<String> = rules.map(|rule| rule.provider).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| (name, String::new()))
        .collect()
}

fn words() -> Vec<(String, String)> {
    let command = examples::command();
    let commands = command.get_subcommands().map(|command| {
        let about = command.get_about().map(ToString::to_string);
        (command.get_name().to_owned(), about.unwrap_or_default())
    });
    let named = |(name, about): (&str, &str)| (name.to_owned(), about.to_owned());
    let topics = topics::names().map(named);
    let list = named(("topics", "all topics"));
    topics.chain([list]).chain(commands).collect()
}

/// The findings of the saved report that was typed: the file after `word`.
fn listed_after(word: &str) -> Option<Vec<(String, String)>> {
    let typed = std::env::args_os().skip_while(|typed| typed != word);
    let file = typed.skip(1).map(PathBuf::from).find(|path| path.is_file());
    let document = report::read(&file?).ok()?;
    let findings = document.findings.iter();
    let ids = findings.map(|finding| {
        let rule = escape(finding.rule_id.as_bytes());
        let remark = format!("{rule} {}", finding.secret.shown());
        (escape(finding.short_id().as_bytes()), remark)
    });
    Some(ids.collect())
}

fn reported() -> Vec<(String, String)> {
    listed_after("show").unwrap_or_default()
}

/// The findings of the report that `--from` names, or else of the repository here, if a scan of it does
/// not take long.
fn findings() -> Vec<(String, String)> {
    if let Some(listed) = listed_after("--from") {
        return listed;
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(scanned().unwrap_or_default()));
    // The process ends, and with it a scan that takes too long.
    receiver.recv_timeout(PATIENCE).unwrap_or_default()
}

fn scanned() -> Option<Vec<(String, String)>> {
    let args = Args::try_parse_from(["unleak", "--quiet", "rules", "list"]).ok()?;
    let rules = RuleOptions::default();
    let found =
        RepositoryFindings::scan(&args.common, &ScanRequest::all(Path::new("."), &rules)).ok()?;
    let findings = &found.audit.findings;
    let redactor = Redactor::new(findings, Reveal::Redacted);
    let ids = findings.iter().map(|finding| {
        let mut id = finding.fingerprint.to_string();
        id.truncate(12);
        let place = first_place(finding, &redactor);
        (id, format!("{} {place}", finding.rule_id))
    });
    Some(ids.collect())
}

fn suppressions() -> Vec<(String, String)> {
    let listed = || {
        let path = Path::new(".");
        let repository = Repository::discover(path, &settings::overrides_for(path)).ok()?;
        let store = SuppressionStore::open(&repository).ok()?;
        let single = store.all.list().filter(|(.., source)| *source == "ignore");
        let named = single.map(|(digest, rule, details, _)| {
            let reason = details.reason.as_deref().unwrap_or_default();
            (digest.to_string(), format!("{rule}: {reason}"))
        });
        Some(named.collect::<Vec<_>>())
    };
    listed().unwrap_or_default()
}
