//! `unleak estate scan`: one repository after the other. A report appears whole or not at all, so a
//! run can be killed at any time and be taken up by another.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use unleak::audit::Scope;
use unleak::audit::repository::{audit, audit_again};
use unleak::detect::Detector;
use unleak::error::{Error, Result};
use unleak::git::repository::{Overrides, Repository};
use unleak::memory;
use unleak::memory::forks::Forks;
use unleak::memory::learn::{Learned, LedgerChange};
use unleak::progress::Progress;
use unleak::report::document::Document;
use unleak::report::estate::Estate;
use unleak::report::paint::Paint;
use unleak::report::redact::Reveal;
use unleak::report::weblink::WebLinks;
use unleak::report::{ReportFormat, ReportSource};
use unleak::unpack;

use super::args::EstateScanArgs;
use super::family;
use super::list::{self, Shard};
use crate::config::{self, Layers};
use crate::exit::Exit;
use crate::filter::FindingFilter;
use crate::ground::Ground;
use crate::interrupt::{self, CaughtSignal};
use crate::options::CommonOptions;
use crate::options::FilterOptions;
use crate::state::{self, How};
use crate::{ignore, output, settings, ui};

/// The filter of an estate.
fn filter<'a>(options: &'a FilterOptions, detector: &Detector) -> Result<FindingFilter<'a>> {
    FindingFilter::resolve(options, detector.rules(), Scope::Repository, Ground::Other)
}

/// What holds for all repositories.
struct EstateRun<'a> {
    /// Rules that are switched off.
    rules_off: Vec<String>,
    args: &'a CommonOptions,
    scan: &'a EstateScanArgs,
    detector: Detector,
    /// Digest of the rules.
    rules: String,
    filter: FilterOptions,
}

/// What the scans of a family hand on to those that come after them.
#[derive(Default)]
struct Handed {
    forks: Forks,
    /// Of members that have not changed: read when it is needed.
    unread: Vec<PathBuf>,
}

/// What the run came to.
#[derive(Default)]
struct EstateTally {
    scanned: usize,
    there: usize,
    holding: usize,
    incomplete: usize,
    failed: usize,
    /// Findings that were left out.
    filtered: usize,
}

/// Runs it.
pub(super) fn run(args: &CommonOptions, scan: &EstateScanArgs) -> Result<Exit> {
    let shard = match &scan.shard {
        Some(text) => Some(Shard::parse(text, &|name| std::env::var(name).ok())?),
        None => None,
    };
    let mut names = list::read(&scan.list)?;
    names.retain(|name| shard.is_none_or(|shard| shard.has(name)));
    let layers = Layers::load(&scan.rules.config, None)?;
    let detector = Detector::compile(settings::rules(&scan.rules, &layers)?)?;
    settings::start_threads(scan.threads)?;
    let dir = &scan.output;
    std::fs::create_dir_all(dir).map_err(|e| Error::io("make", dir, e))?;
    let filter = FilterOptions {
        exclude: scan.exclude.clone(),
        ..FilterOptions::default()
    };
    self::filter(&filter, &detector)?;
    let rules_off = settings::disabled(&scan.rules, &layers);
    let run = EstateRun {
        rules_off: rules_off.into_iter().collect(),
        args,
        scan,
        filter,
        rules: state::digest_of_rules(detector.rules())?,
        detector,
    };
    let stop = interrupt::note(
        "interrupted: the repository at hand is finished first; a second signal stops at once",
    )?;
    let tally = run.all(&names, &stop)?;
    let done = tally.scanned + tally.there + tally.failed;
    let filtered = match tally.filtered {
        0 => String::new(),
        count => format!("; {count} findings were left out by --exclude"),
    };
    let text = format!(
        "{done} of {} repositories: {} scanned, {} were there already, {} hold secrets, {} incomplete, {} failed{filtered}\n",
        names.len(),
        tally.scanned,
        tally.there,
        tally.holding,
        tally.incomplete,
        tally.failed
    );
    if output::print(text.as_bytes())? == Exit::ClosedPipe {
        return Ok(Exit::ClosedPipe);
    }
    if let Some(exit) = stop.exit().filter(|_| done < names.len()) {
        ui::warn("the run was interrupted; '--resume' takes it up again");
        return Ok(exit);
    }
    Ok(if tally.incomplete + tally.failed > 0 {
        Exit::Incomplete
    } else if tally.holding > 0 {
        Exit::Found
    } else {
        Exit::Clean
    })
}

impl EstateRun<'_> {
    /// Scans the families one after the other, until a signal comes.
    fn all(&self, names: &[String], stop: &CaughtSignal) -> Result<EstateTally> {
        let mut tally = EstateTally::default();
        let mut numbers = 1..;
        let families = match self.scan.alone {
            true => (0..names.len()).map(|at| vec![at]).collect(),
            false => family::of(names),
        };
        for family in families {
            let mut left = family.len();
            let mut forks = Handed::default();
            for (at, number) in family.into_iter().zip(&mut numbers) {
                if stop.exit().is_some() {
                    break;
                }
                let name = &names[at];
                ui::say(
                    self.args,
                    1,
                    &format!("{number} of {}: {name}", names.len()),
                );
                left -= 1;
                self.one(name, &mut forks, left > 0, &mut tally)?;
            }
        }
        Ok(tally)
    }

    fn one(
        &self,
        name: &str,
        handed: &mut Handed,
        has_more: bool,
        tally: &mut EstateTally,
    ) -> Result<()> {
        let scan = self.scan;
        let stem = list::file_name(name);
        let report = scan.output.join(format!("{stem}.jsonl"));
        let failure = scan.output.join(format!("{stem}.failed.json"));
        if scan.resume
            && let Ok(bytes) = std::fs::read(&report)
            && let Ok(document) = Document::parse(&bytes, &stem)
        {
            tally.there += 1;
            count(&document, tally);
            return Ok(());
        }
        let path = Path::new(name);
        // One repository that brings out a bug must not hide all others.
        let scanned = catch_unwind(AssertUnwindSafe(|| self.document(path, handed, has_more)));
        let scanned = scanned.unwrap_or_else(|_| Err(Error::internal("the scan ended with a bug")));
        let document = match scanned {
            Ok(document) => document,
            Err(error) => {
                ui::warn(&format!("'{name}': {error}"));
                let bytes = Estate::failed(name, &error.to_string()).to_json(None);
                tally.failed += 1;
                // An older report must not stand for what cannot be read now.
                output::remove_file(&report)?;
                return output::write_file(&failure, &bytes, true);
            }
        };
        tally.scanned += 1;
        count(&document, tally);
        let bytes = document.render(ReportFormat::JsonLines, Paint::Off);
        output::write_file(&report, &bytes, true)?;
        output::remove_file(&failure)
    }

    /// Scans one repository. Its own configuration may suppress single findings, no more.
    fn document(&self, path: &Path, handed: &mut Handed, has_more: bool) -> Result<Document> {
        let (scan, detector) = (self.scan, &self.detector);
        let overrides = Overrides::default();
        let repo = Repository::discover(path, &overrides)?;
        let layers = Layers::load(&scan.rules.config, Some(&repo))?;
        let suppressions = config::suppressions(Some(&repo), &layers, scan.no_ignore)?;
        let mut options =
            settings::audit_options(&layers, scan.min_confidence, scan.no_inline_allow);
        settings::what_is_read(&mut options, &layers, false, None);
        let remote = repo.git().config_snapshot().string("remote.origin.url");
        let subject = path.display().to_string();
        let how = How {
            rules: &self.rules,
            audit: &options,
            unpack: &unpack::Limits::default(),
            more: state::more(
                &subject,
                remote.as_deref().map(Vec::as_slice),
                &suppressions,
                scan.no_ignore,
                &scan.exclude,
            ),
        };
        let mut opened = state::open(&scan.state, &repo, &how)?;
        if let Some(document) = opened.kept {
            handed
                .unread
                .extend(opened.state.map(|state| state.ledger()));
            return Ok(document);
        }
        if opened.memory.is_none() && (has_more || !handed.is_empty()) {
            opened.memory = Some(state::memory(how.audit, how.unpack));
        }
        let progress = Progress::default();
        let (mut audit, learned) = match opened.memory {
            Some(mut memory) => {
                memory.forks = handed.forks(memory.before.is_some());
                audit_again(&repo, detector, &options, &progress, memory)?
            }
            None => {
                let audit = audit(&repo, &overrides, detector, &options, &progress)?;
                (audit, Learned::default())
            }
        };
        ignore::apply(&suppressions, &mut audit)?;
        audit.coverage.rules_off.clone_from(&self.rules_off);
        // A pattern is for all repositories: it need not match in each.
        filter(&self.filter, detector)?.apply(&mut audit, detector.rules());
        let web = remote.and_then(|remote| WebLinks::of(&remote));
        let source = ReportSource {
            audit: &audit,
            rules: detector.rules(),
            subject: &subject,
            web: web.as_ref(),
            reveal: Reveal::Redacted,
        };
        let mut document = source.document();
        if let Some(state) = opened.state {
            state.keep(&repo, &mut document, &learned)?;
        }
        self.hand_on(learned, handed, has_more);
        Ok(document)
    }

    /// Tells what was read, and keeps what was learned if more of the family come.
    fn hand_on(&self, learned: Learned, handed: &mut Handed, has_more: bool) {
        let (read, all) = (learned.read, learned.read + learned.known);
        if all > 0 {
            ui::say(self.args, 1, &format!("{read} of {all} objects were read"));
        }
        if let LedgerChange::New(ledger) = learned.ledger
            && has_more
        {
            handed.forks.add(*ledger);
        }
    }
}

impl Handed {
    fn is_empty(&self) -> bool {
        self.forks.is_empty() && self.unread.is_empty()
    }

    /// All of it. What must be read first is only worth it for a repository that nothing is known of.
    fn forks(&mut self, is_known: bool) -> Forks {
        if !is_known {
            let unread = self.unread.drain(..);
            for ledger in unread.filter_map(|path| memory::file::read(&path)) {
                self.forks.add(ledger);
            }
        }
        self.forks.clone()
    }
}

fn count(document: &Document, tally: &mut EstateTally) {
    tally.holding += usize::from(!document.findings.is_empty());
    tally.incomplete += usize::from(!document.head.complete);
    tally.filtered += document.coverage.filtered;
}
