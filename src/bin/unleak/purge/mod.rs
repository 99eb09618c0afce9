//! `unleak purge`.

mod after;
pub(crate) mod args;
mod ask;
mod show;
mod targets;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use unleak::audit::AuditOptions;
use unleak::error::{Error, Result};
use unleak::hook::input::{self, RefUpdate};
use unleak::odb::repository::{Overrides, Repository};
use unleak::odb::{Limits, ObjectId};
use unleak::progress::Progress;
use unleak::report::escape::escape;
use unleak::rewrite::finish;
use unleak::rewrite::gate;
use unleak::rewrite::git::Git;
use unleak::rewrite::journal::{Journal, Phase};
use unleak::rewrite::needles::{Needles, Target};
use unleak::rewrite::objects::{Binary, Options};
use unleak::rewrite::proof::{self, Proof};
use unleak::rewrite::publish::{self, Manifest, Record};
use unleak::rewrite::purge::{self, Force, Job, LeftOut, Plan};
use unleak::rewrite::sign::Signer;
use unleak::rewrite::snapshot::Snapshot;
use unleak::rule::RuleSet;
use unleak::scan::commits::Range;
use unleak::suppress::Suppressions;

use crate::args::{Args, ConfidenceChoice, RuleOptions};
use crate::config::{self, Layers};
use crate::exit::Exit;
use crate::output;
use crate::progress::ProgressLine;
use crate::settings;
use crate::ui;
use args::{BinaryChoice, PlanArgs, PurgeArgs, PurgeCommand, PurgeFormat};
use targets::Picked;

/// What a selection left out.
#[derive(Default)]
struct Notes {
    /// Values that are erased only if they are named.
    left_out: Vec<LeftOut>,
    /// How many of the selected values are neither of high confidence nor named.
    unsure: usize,
    /// Findings below the asked confidence: of medium confidence, and of low.
    below: (usize, usize),
}

impl Notes {
    /// Whether likely secrets were found that are not erased.
    fn has_values(&self) -> bool {
        !self.left_out.is_empty() || self.below.0 > 0
    }
}

/// Runs it.
pub(crate) fn run(args: &Args, purge: &PurgeArgs) -> Result<Exit> {
    match &purge.command {
        None => rewrite(args, &purge.plan),
        Some(PurgeCommand::Undo { repository, force }) => undo(&repository.repository, *force),
        Some(PurgeCommand::Finish { repository, format }) => {
            let bench = Bench::new(args, &repository.repository, &RuleOptions::default())?;
            show_proof(
                &finish::finish(&bench.job(Vec::new(), Options::default())?)?,
                *format,
            )
        }
        Some(PurgeCommand::Forget(repository)) => {
            let dir = purge::forget(&discover(&repository.repository)?)?;
            print(&format!(
                "Deleted '{}': the purge cannot be undone any more.\n",
                dir.display()
            ))
        }
        Some(PurgeCommand::Status(repository)) => status(&repository.repository),
        Some(PurgeCommand::Verify {
            repository,
            known,
            remote,
            format,
        }) => verify(
            args,
            &repository.repository,
            known.as_deref(),
            remote.as_deref(),
            *format,
        ),
        Some(PurgeCommand::PushPlan(repository)) => {
            print(&after::push_plan(&discover(&repository.repository)?)?)
        }
        Some(PurgeCommand::Kit { repository, forge }) => {
            print(&after::kit(&discover(&repository.repository)?, *forge)?)
        }
        Some(PurgeCommand::Heal {
            manifest,
            repository,
            finish,
        }) => heal(args, manifest, &repository.repository, *finish),
        Some(PurgeCommand::Guard { manifest }) => guard(manifest),
    }
}

fn discover(path: &Path) -> Result<Repository> {
    Repository::discover(path, &Overrides::default())
}

fn print(text: &str) -> Result<Exit> {
    output::print(text.as_bytes())
}

/// What every subcommand that rewrites needs.
struct Bench {
    repo: Repository,
    rules: RuleSet,
    audit: AuditOptions,
    suppressions: Suppressions,
    progress: Arc<Progress>,
    /// Until there is something to print.
    line: RefCell<Option<ProgressLine>>,
}

impl Bench {
    fn new(args: &Args, path: &Path, rules: &RuleOptions) -> Result<Self> {
        let progress = Arc::new(Progress::default());
        let line = ProgressLine::start(&progress, !args.quiet);
        let repo = discover(path)?;
        let layers = Layers::load(&rules.config, Some(&repo))?;
        Ok(Self {
            rules: settings::rules(rules, &layers)?,
            audit: settings::audit_options(&layers, Some(ConfidenceChoice::Medium), true),
            suppressions: config::suppressions(Some(&repo), &layers, false)?,
            repo,
            progress,
            line: RefCell::new(Some(line)),
        })
    }

    /// Ends the line of progress: there is something to print.
    fn ready(&self) {
        self.line.take();
    }

    fn job(&self, targets: Vec<Target>, options: Options) -> Result<Job<'_>> {
        Ok(Job {
            repo: &self.repo,
            rules: &self.rules,
            targets,
            options,
            limits: Limits::default(),
            state_home: state_home()?,
            progress: &self.progress,
            fingerprint_key: self.audit.fingerprint_key.clone(),
            places: None,
            signer: None,
            left_out: Vec::new(),
            expected: Vec::new(),
        })
    }
}

/// Where the user's programs keep their state (XDG Base Directory Specification).
fn state_home() -> Result<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .ok_or_else(|| {
            Error::usage("there is no place for the undo snapshot")
                .hint("set XDG_STATE_HOME or HOME")
        })
}

fn rewrite(args: &Args, plan: &PlanArgs) -> Result<Exit> {
    if plan.abort {
        return undo(&plan.repository, plan.force);
    }
    settings::start_threads(plan.threads)?;
    let bench = Bench::new(args, &plan.repository, &plan.rules)?;
    if plan.go_on {
        return go_on(&bench);
    }
    // Removing a path needs no value.
    let only_paths = !(plan.remove_path.is_empty() && plan.submodule_map.is_empty())
        && plan.finding.is_empty()
        && plan.from.is_none()
        && plan.known.is_none();
    let picked = if only_paths {
        Picked::default()
    } else {
        targets::select(plan, &bench)?
    };
    let notes = Notes {
        left_out: picked.left_out,
        unsure: picked.unsure,
        below: picked.below,
    };
    if picked.targets.is_empty() && !only_paths {
        bench.ready();
        return nothing(&notes, plan.format);
    }
    let options = options(plan)?;
    let mut job = bench.job(picked.targets, options)?;
    job.places = picked.places;
    job.left_out.clone_from(&notes.left_out);
    if plan.resign && plan.apply {
        let repo = &bench.repo;
        let git = Git::new(repo.common_dir(), repo.git().workdir(), repo.hash());
        job.signer = Some(Signer::configured(&git)?);
    }
    if !plan.apply {
        let found = purge::plan(&job)?;
        bench.ready();
        let printed = print(&shown(&found, &bench.rules, &notes, plan.format)?)?;
        return Ok(match (printed, found.check()) {
            (Exit::Clean, Err(_)) => Exit::Incomplete,
            (Exit::Clean, Ok(())) if !found.is_empty() || has_more(&found, &notes) => Exit::Found,
            (exit, _) => exit,
        });
    }
    apply(&bench, &job, plan, &notes)
}

/// What is said if there is nothing to erase. Values that were found and are not erased are named, and
/// the status is not that of a clean repository.
fn nothing(notes: &Notes, format: PurgeFormat) -> Result<Exit> {
    let text = match format {
        PurgeFormat::Human => show::nothing(notes),
        PurgeFormat::Json => pretty(&show::nothing_json(notes))?,
    };
    Ok(match print(&text)? {
        Exit::Clean if notes.has_values() => Exit::Found,
        exit => exit,
    })
}

/// Whether likely secrets were found that a plan does not erase.
fn has_more(plan: &Plan, notes: &Notes) -> bool {
    notes.has_values() || !plan.left_out.is_empty()
}

fn shown(plan: &Plan, rules: &RuleSet, notes: &Notes, format: PurgeFormat) -> Result<String> {
    match format {
        PurgeFormat::Human => Ok(show::plan(plan, rules, notes)),
        PurgeFormat::Json => pretty(&show::plan_json(plan, rules, notes)),
    }
}

fn options(plan: &PlanArgs) -> Result<Options> {
    Ok(Options {
        mark: plan.replace_with.as_bytes().to_vec(),
        binary: match plan.binary {
            BinaryChoice::Fill => Binary::Fill,
            BinaryChoice::Drop => Binary::Drop,
            BinaryChoice::Refuse => Binary::Refuse,
        },
        remove_paths: plan.remove_path.clone(),
        prune_empty: plan.prune_empty,
        submodules: submodules(&plan.submodule_map)?,
    })
}

/// Reads maps of commits: a line each, old id and new.
fn submodules(files: &[PathBuf]) -> Result<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for path in files {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        for line in text.lines() {
            let mut ids = line.split_whitespace();
            if let (Some(old), Some(new)) = (ids.next(), ids.next())
                && ObjectId::from_hex(old.as_bytes()).is_ok()
                && ObjectId::from_hex(new.as_bytes()).is_ok()
            {
                map.insert(old.to_owned(), new.to_owned());
            }
        }
    }
    if map.is_empty() && !files.is_empty() {
        return Err(Error::usage("the map of submodules names no commits")
            .hint("a line is an old id, a blank and a new one, as in '.git/unleak/commit-map'"));
    }
    Ok(map)
}

fn apply(bench: &Bench, job: &Job<'_>, args: &PlanArgs, notes: &Notes) -> Result<Exit> {
    let applied = purge::apply(job, &mut |plan| {
        bench.ready();
        if args.format == PurgeFormat::Human {
            print(&show::plan(plan, &bench.rules, notes))?;
        }
        ask::approve(plan, args, notes)
    })?;
    bench.ready();
    if applied.plan.is_empty() {
        let printed = print(&shown(&applied.plan, &bench.rules, notes, args.format)?)?;
        return Ok(match printed {
            Exit::Clean if has_more(&applied.plan, notes) => Exit::Found,
            exit => exit,
        });
    }
    if args.format == PurgeFormat::Human {
        let dir = applied.snapshot.display();
        print(&format!(
            "\nApplied. 'unleak purge undo' takes it back; for that, '{dir}' holds everything as it was, with the secrets.\n"
        ))?;
    }
    if args.finish {
        return show_proof(&finish::finish(job)?, args.format);
    }
    match args.format {
        PurgeFormat::Human => print(
            "Next: 'unleak purge finish' removes the old objects and proves it; 'unleak purge push-plan' lists the pushes.\n",
        ),
        PurgeFormat::Json => print(&shown(&applied.plan, &bench.rules, notes, args.format)?),
    }
}

fn pretty(value: &Value) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n")
        .map_err(|e| Error::internal("cannot be written as JSON").because(e))
}

fn show_proof(proof: &Proof, format: PurgeFormat) -> Result<Exit> {
    let text = match format {
        PurgeFormat::Human => show::proof(proof),
        PurgeFormat::Json => pretty(&show::proof_json(proof))?,
    };
    let printed = print(&text)?;
    Ok(match printed {
        Exit::Clean if proof.is_left() => Exit::Found,
        Exit::Clean if !proof.holds() => Exit::Incomplete,
        exit => exit,
    })
}

fn go_on(bench: &Bench) -> Result<Exit> {
    let phase = purge::go_on(bench.job(Vec::new(), Options::default())?)?;
    print(match phase {
        Phase::Applied => "Applied. Next: 'unleak purge finish', or 'unleak purge undo'.\n",
        _ => "Finished. 'unleak purge verify' prints the proof.\n",
    })
}

fn undo(path: &Path, force: bool) -> Result<Exit> {
    let force = if force { Force::Yes } else { Force::No };
    let kept = purge::undo(&discover(path)?, force)?;
    let mut text = "Everything is as it was before the purge.\n".to_owned();
    for path in kept {
        text += &format!(
            "Left as you edited it: {}\n",
            escape(path.as_os_str().as_encoded_bytes())
        );
    }
    print(&text)
}

fn status(path: &Path) -> Result<Exit> {
    let repo = discover(path)?;
    let Some(journal) = Journal::read(repo.common_dir())? else {
        return print("No purge is under way.\n");
    };
    let next = match journal.phase {
        Phase::Preparing | Phase::Applying | Phase::Finishing => {
            "It was interrupted: 'unleak purge --continue' goes on, 'unleak purge --abort' takes it back."
        }
        Phase::Applied => "Next: 'unleak purge finish', or 'unleak purge undo'.",
        Phase::Finished => {
            "'unleak purge undo' takes it back; 'unleak purge forget' deletes the undo snapshot, which holds the secrets."
        }
    };
    let (run, phase, dir) = (
        &journal.run,
        journal.phase.name(),
        journal.snapshot.display(),
    );
    print(&format!(
        "Purge {run}: {phase}.\nUndo snapshot: '{dir}'\n{next}\n"
    ))
}

fn verify(
    args: &Args,
    path: &Path,
    known: Option<&Path>,
    remote: Option<&str>,
    format: PurgeFormat,
) -> Result<Exit> {
    let bench = Bench::new(args, path, &RuleOptions::default())?;
    if let Some(remote) = remote {
        return ask_remote(&bench.repo, remote);
    }
    let mut record = Record::default();
    let targets = if let Some(file) = known {
        targets::of_file(file, &bench.audit)?
    } else {
        let journal =
            purge::begun(&bench.repo).map_err(|e| e.hint("name the values with '--known FILE'"))?;
        let inputs = purge::inputs(&Snapshot::at(&journal.snapshot))
            .map_err(|e| e.hint("name the values with '--known FILE'"))?;
        if journal.phase >= Phase::Applied {
            record = publish::read(bench.repo.common_dir())?;
        }
        if journal.phase != Phase::Finished {
            record.forget_old();
        }
        inputs.targets(&bench.audit.fingerprint_key)?
    };
    let needles = Needles::new(targets, &bench.rules)?;
    let job = bench.job(Vec::new(), Options::default())?;
    show_proof(&proof::verify(&job, &needles, &record)?, format)
}

/// Asks a remote for the first changed commits: most forges serve commits that no ref reaches.
fn ask_remote(repo: &Repository, remote: &str) -> Result<Exit> {
    let manifest = Manifest::read(&publish::manifest_path(repo.common_dir()))?;
    let scratch = tempfile::tempdir().map_err(|e| Error::io("make", &std::env::temp_dir(), e))?;
    let url = repo
        .git()
        .try_find_remote(remote)
        .and_then(std::result::Result::ok);
    let url = url.and_then(|found| {
        found
            .url(gix::remote::Direction::Fetch)
            .map(|url| url.to_bstring().to_string())
    });
    let url = url.unwrap_or_else(|| remote.to_owned());
    let git = Git::new(scratch.path(), None, repo.hash());
    git.run(&["init", "-q", "--bare", "."], b"")?;
    let mut served = Vec::new();
    let mut text = String::new();
    for id in &manifest.first_changed {
        let words =
            ["fetch", "-q", "--depth=1", "--no-tags", "--", &url, id].map(std::ffi::OsStr::new);
        let (is_served, said) = git.ask(&words)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let is_refusal = [
            "not our ref",
            "unadvertised object",
            "no such remote ref",
            "couldn't find remote ref",
        ];
        if is_served {
            served.push(id.clone());
        } else if !is_refusal.iter().any(|words| said.contains(words)) {
            return Err(Error::repository(format!("cannot ask '{remote}' for {id}"))
                .because(said.trim().to_owned()));
        }
    }
    for id in &served {
        text += &format!("still served: {id}\n");
    }
    text += &format!(
        "{} of {} old commits are still served by '{remote}'.\n",
        served.len(),
        manifest.first_changed.len()
    );
    let printed = print(&text)?;
    Ok(if printed == Exit::Clean && !served.is_empty() {
        Exit::Found
    } else {
        printed
    })
}

fn heal(args: &Args, manifest: &Path, path: &Path, finish: bool) -> Result<Exit> {
    let bench = Bench::new(args, path, &RuleOptions::default())?;
    let manifest = Manifest::read(manifest)?;
    let store = bench
        .repo
        .open_store(&Overrides::default(), Limits::default())?;
    let (targets, missing) =
        manifest.targets(&store, &bench.rules, &bench.audit.fingerprint_key)?;
    drop(store);
    if targets.is_empty() && manifest.options.remove_paths.is_empty() {
        return print("Nothing to heal: this clone holds none of the old objects.\n");
    }
    if missing > 0 {
        ui::warn(&format!(
            "{missing} values stand in no object of this clone: they are not searched for"
        ));
    }
    let mut job = bench.job(targets, manifest.options.clone())?;
    job.expected = manifest.expected();
    let applied = purge::apply(&job, &mut |_| Ok(()))?;
    bench.ready();
    print(&show::plan(&applied.plan, &bench.rules, &Notes::default()))?;
    if finish {
        return show_proof(&finish::finish(&job)?, PurgeFormat::Human);
    }
    print(
        "\nHealed: the new ids are those of the manifest. Next: 'unleak purge finish', or 'unleak purge undo'.\n",
    )
}

/// Looks at what a push brings, as git tells a pre-receive hook.
fn guard(manifest: &Path) -> Result<Exit> {
    let manifest = Manifest::read(manifest)?;
    let overrides = settings::overrides();
    let repo = Repository::discover(Path::new("."), &overrides)?;
    let mut text = Vec::new();
    let read = std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut text);
    read.map_err(|e| Error::io("read", "standard input".as_ref(), e))?;
    let updates = input::pre_receive(&text)?;
    let ids =
        |of: fn(&RefUpdate) -> Option<ObjectId>| updates.iter().filter_map(of).collect::<Vec<_>>();
    let mut hidden = ids(|update| update.old);
    hidden.extend(repo.refs_below("")?.0);
    let range = Range {
        tips: ids(|update| update.new),
        hidden,
        since: None,
    };
    let returned = gate::look(&repo, &overrides, &range, &manifest)?;
    for id in returned.ids.iter().take(10) {
        ui::warn(&format!("this push brings back {id}, which was purged"));
    }
    if let Some(skipped) = returned.skipped.first() {
        ui::warn(&format!("this push could not be read: {}", skipped.detail));
        return Ok(Exit::Incomplete);
    }
    if returned.ids.is_empty() {
        return Ok(Exit::Clean);
    }
    ui::warn(
        "fetch the new history, and run 'unleak purge heal MANIFEST' to bring your commits along",
    );
    Ok(Exit::Found)
}
