//! Validation: `unleak validate`, `scan --validate` and `unleak revoke`. The library decides what is asked and
//! what an answer means; here are the options, the network, and what is kept.

pub(crate) mod args;
pub(crate) mod list;
mod revoke;
#[cfg(feature = "validate")]
mod transport;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use unleak::audit::Audit;
use unleak::error::{Error, Result};
use unleak::finding::{Finding, Fingerprint};
use unleak::odb::file;
use unleak::report::Document;
use unleak::report::redact::Redactor;
use unleak::rule::request::Requests;
use unleak::rule::{self, RuleSet};
use unleak::validate::kept::AnswerCache;
use unleak::validate::{Hosts, Network, Question, RequestLimits, State, Validator, Verdict};

use crate::args::ScanArgs;
use crate::config::Layers;
use crate::exit::Exit;
use crate::options::CommonOptions;
use crate::options::{AskOptions, StateChoice, StateFilter};
use crate::options::{RuleOptions, StateOptions};
use crate::settings::ScanSettings;
use crate::{interrupt, known, output, settings, state, ui};
use args::ValidateArgs;
pub(crate) use revoke::run as revoke;

/// What `unleak validate` comes to.
pub(crate) enum ValidateStart {
    /// The scan that finds the values, and then asks about them.
    Scan(Box<ScanArgs>),
    /// No scan is needed.
    Done(Exit),
}

/// Begins `unleak validate`.
///
/// # Errors
/// `Usage` if the report of `--from` cannot be read.
pub(crate) fn begin(validate: &ValidateArgs) -> Result<ValidateStart> {
    if validate.list {
        return list::run(validate).map(ValidateStart::Done);
    }
    let mut wanted = validate.scan();
    if let Some(path) = &validate.from {
        let document = Document::parse(&known::read(path)?, &path.display().to_string())?;
        let findings = document.findings.into_iter();
        wanted
            .validation
            .fingerprints
            .extend(findings.map(|finding| finding.fingerprint));
        if wanted.validation.fingerprints.is_empty() {
            return output::print(b"the report has no findings\n").map(ValidateStart::Done);
        }
    }
    Ok(ValidateStart::Scan(Box::new(wanted)))
}

/// Asks about the findings of a scan, and adds the answers to its report, which was kept as it is before. Says
/// how the program ends if it was interrupted.
///
/// # Errors
/// `Usage` if a fingerprint is that of no finding, `Io` if what is kept cannot be written.
pub(crate) fn add(
    args: &CommonOptions,
    scan: &ScanArgs,
    asker: Option<IssuerClient>,
    (audit, settings): (&mut Audit, &ScanSettings),
    document: &mut Document,
) -> Result<Option<Exit>> {
    let Some(asker) = asker else {
        return Ok(None);
    };
    let redactor = Redactor::of(audit, settings.reveal);
    pick(&scan.validation.fingerprints, &mut audit.findings)?;
    let picked: HashSet<String> = audit
        .findings
        .iter()
        .map(|finding| finding.fingerprint.to_string())
        .collect();
    document
        .findings
        .retain(|finding| picked.contains(&finding.fingerprint));
    let (verdicts, stopped) = asker.ask(args, &audit.findings)?;
    document.add_verdicts(&verdicts, &redactor);
    keep_wanted(&scan.validation.states, document);
    Ok(stopped)
}

/// Leaves the findings whose fingerprints begin with one of `prefixes`; all, if there are none.
///
/// # Errors
/// `Usage` if one of them is that of no finding.
fn pick(prefixes: &[String], findings: &mut Vec<Finding>) -> Result<()> {
    if prefixes.is_empty() {
        return Ok(());
    }
    let prefixes: Vec<String> = prefixes
        .iter()
        .map(|text| text.to_ascii_lowercase())
        .collect();
    let mut unmatched: HashSet<&str> = prefixes.iter().map(String::as_str).collect();
    findings.retain(|finding| {
        let id = finding.fingerprint.to_string();
        let matched = prefixes
            .iter()
            .filter(|prefix| id.starts_with(prefix.as_str()));
        let matched: Vec<&String> = matched.collect();
        for prefix in &matched {
            unmatched.remove(prefix.as_str());
        }
        !matched.is_empty()
    });
    match unmatched.into_iter().min() {
        None => Ok(()),
        Some(prefix) => Err(
            Error::usage(format!("no finding has the fingerprint '{prefix}'"))
                .hint("'unleak scan' lists the findings; '--min-confidence low' adds unsure ones"),
        ),
    }
}

/// Leaves out the states that are not wanted.
fn keep_wanted(filter: &StateFilter, document: &mut Document) {
    if filter.only.is_empty() {
        return;
    }
    let states: Vec<State> = filter.only.iter().map(|choice| word(*choice)).collect();
    let said: Vec<String> = states
        .iter()
        .map(|state| format!("--only {}", state.name()))
        .collect();
    document.keep_states(&states, &said);
}

/// How a run ends, if only some states count.
pub(crate) fn judged(
    args: &CommonOptions,
    scan: &ScanArgs,
    document: &Document,
    exit: Exit,
) -> Exit {
    let filter = &scan.validation.states;
    if filter.fail_on.is_empty() || exit != Exit::Found {
        return exit;
    }
    let states: Vec<State> = filter.fail_on.iter().map(|choice| word(*choice)).collect();
    let of = |finding: &unleak::report::document::ReportFinding| {
        let validation = finding.validation.as_ref();
        validation.map_or(State::Unknown, |validation| validation.state)
    };
    if document
        .findings
        .iter()
        .any(|finding| states.contains(&of(finding)))
    {
        return Exit::Found;
    }
    let unknown = document.findings.iter();
    let unknown = unknown
        .filter(|finding| of(finding) == State::Unknown)
        .count();
    if unknown > 0 {
        ui::note(args, &format!("the state of {unknown} findings is unknown"));
    }
    Exit::Clean
}

fn word(choice: StateChoice) -> State {
    match choice {
        StateChoice::Active => State::Active,
        StateChoice::Inactive => State::Inactive,
        StateChoice::Unknown => State::Unknown,
    }
}

/// What asks issuers, with all that was typed about it.
pub(crate) struct IssuerClient {
    requests: Requests,
    hosts: Hosts,
    limits: RequestLimits,
    network: Box<dyn Network>,
    store: AnswerStore,
}

impl IssuerClient {
    /// For a scan, if it is to ask.
    ///
    /// # Errors
    /// As [`IssuerClient::new`]; `Usage` if an option needs '--validate'.
    pub(crate) fn of_scan(
        scan: &ScanArgs,
        layers: &Layers,
        rules: &RuleSet,
    ) -> Result<Option<Self>> {
        let validation = &scan.validation;
        if validation.validate {
            return Self::new(&validation.ask, (&scan.rules, layers), rules, &scan.state).map(Some);
        }
        let StateFilter { only, fail_on } = &validation.states;
        match only.is_empty() && fail_on.is_empty() {
            true => Ok(None),
            false => Err(Error::usage("'--only' and '--fail-on' are about states")
                .hint("add '--validate': it asks issuers for them")),
        }
    }

    /// Makes it ready.
    ///
    /// # Errors
    /// `Usage` if an option cannot be followed, `Config` if a rule file cannot be read.
    pub(crate) fn new(
        options: &AskOptions,
        (typed, layers): (&RuleOptions, &Layers),
        rules: &RuleSet,
        kept: &StateOptions,
    ) -> Result<Self> {
        let hosts = Hosts::parse(&options.validate_host)?;
        Ok(Self {
            requests: requests(options, (typed, layers), rules)?,
            limits: RequestLimits {
                pause: Duration::from_secs(1) / options.validate_rate,
                requests: options.validate_limit,
                ..RequestLimits::default()
            },
            network: network(options, &hosts)?,
            hosts,
            store: AnswerStore::open(kept, options.validate_keep)?,
        })
    }

    /// Asks about findings; also says how the program ends if it was interrupted.
    ///
    /// # Errors
    /// `Io` if what is kept cannot be written.
    pub(crate) fn ask(
        &self,
        args: &CommonOptions,
        findings: &[Finding],
    ) -> Result<(HashMap<Fingerprint, Verdict>, Option<Exit>)> {
        let mut kept = self.store.read(self.network.now());
        let validator = self.validator();
        let questions = findings.iter().map(Question::of);
        let (verdicts, stopped) = interrupt::while_asking(|| validator.ask(questions, &mut kept));
        ui::say(args, 1, &format!("{} requests were sent", validator.sent()));
        self.store.write(&kept)?;
        Ok((verdicts, stopped))
    }

    fn validator(&self) -> Validator<'_> {
        let (requests, hosts, network) = (&self.requests, &self.hosts, &*self.network);
        Validator::new(requests, hosts, network, self.limits, &self.store.key)
    }
}

/// The requests of the rules: those of the built-in ones, and of rule files that are trusted.
fn requests(
    options: &AskOptions,
    (typed, layers): (&RuleOptions, &Layers),
    rules: &RuleSet,
) -> Result<Requests> {
    let builtin = rule::builtin()?;
    let mut requests = rule::builtin_requests()?;
    // A rule of the same name that finds something else must not send that.
    requests
        .rules
        .retain(|id, _| rules.get(id) == builtin.get(id));
    let extra = layers.extra_rules(typed);
    let paths = typed
        .rules
        .iter()
        .chain(extra.iter().map(|told| &told.value));
    for path in paths {
        let more = settings::rule_file(path)?.requests;
        if more.rules.is_empty() {
            continue;
        }
        if options.trust_rules_validate {
            requests.rules.extend(more.rules);
        } else {
            ui::warn(&format!(
                "the requests of {} rules in '{}' are not sent: '--trust-rules-validate' allows that",
                more.rules.len(),
                path.display()
            ));
        }
    }
    Ok(requests)
}

#[cfg(feature = "validate")]
fn network(options: &AskOptions, hosts: &Hosts) -> Result<Box<dyn Network>> {
    Ok(Box::new(transport::Transport::open(options, hosts)?))
}

#[cfg(not(feature = "validate"))]
fn network(options: &AskOptions, hosts: &Hosts) -> Result<Box<dyn Network>> {
    // What they ask for is of no use here.
    let _ = (
        &options.validate_resolve,
        &options.ca,
        &options.validate_proxy,
        hosts,
    );
    Err(
        Error::usage("this unleak was built without validation: it opens no connection")
            .hint("build it with the feature 'validate'"),
    )
}

/// Where answers are kept.
struct AnswerStore {
    /// The directory; `None` if nothing is kept.
    dir: Option<PathBuf>,
    /// The key of the digests.
    key: Vec<u8>,
    /// Hours for which an answer is used again.
    hours: u32,
}

impl AnswerStore {
    fn open(options: &StateOptions, hours: u32) -> Result<Self> {
        if !options.is_on() || hours == 0 {
            return Ok(Self {
                dir: None,
                key: Vec::new(),
                hours,
            });
        }
        let dir = state::directory(options.state_dir.as_deref())?;
        std::fs::create_dir_all(&dir).map_err(|e| Error::io("make", &dir, e))?;
        let path = dir.join(state::ANSWER_FILES[1]);
        let key = match file::read_whole(&path) {
            Ok(key) if key.len() == 32 => key,
            _ => {
                let mut key = vec![0; 32];
                getrandom::fill(&mut key)
                    .map_err(|_| Error::internal("the system gives no random numbers"))?;
                state::write(&path, &key)?;
                key
            }
        };
        let dir = Some(dir);
        Ok(Self { dir, key, hours })
    }

    fn read(&self, now: i64) -> AnswerCache {
        let bytes = self
            .dir
            .as_ref()
            .map(|dir| file::read_whole(&dir.join(state::ANSWER_FILES[0])));
        let mut kept = match bytes {
            Some(Ok(bytes)) => AnswerCache::read(&bytes),
            _ => AnswerCache::default(),
        };
        kept.expire(now - i64::from(self.hours) * 3600, now);
        kept
    }

    fn write(&self, kept: &AnswerCache) -> Result<()> {
        match &self.dir {
            Some(dir) => state::write(&dir.join(state::ANSWER_FILES[0]), &kept.write()),
            None => Ok(()),
        }
    }
}

/// The state of one finding.
fn state_of(verdicts: &HashMap<Fingerprint, Verdict>, id: Fingerprint) -> State {
    verdicts
        .get(&id)
        .map_or(State::Unknown, |verdict| verdict.state)
}
