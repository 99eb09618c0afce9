//! `unleak purge`.

mod after;
pub(crate) mod args;
mod ask;
mod checklist;
mod kit;
mod saved;
mod show;
mod targets;
mod veil;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use args::{BinaryChoice, PlanArgs, PurgeArgs, PurgeCommand, PurgeFormat};
use rustc_hash::FxHashMap;
use serde_json::Value;
use targets::PickedTargets;
use unleak::audit::AuditOptions;
use unleak::error::{Error, ErrorKind, Result};
use unleak::finding::Fingerprint;
use unleak::git::repository::{Overrides, Repository};
use unleak::hook::input::{self, RefUpdate};
use unleak::odb::{ObjectId, ObjectStore, ReadLimits};
use unleak::progress::Progress;
use unleak::purge::apply::record::Record;
use unleak::purge::apply::snapshot::Snapshot;
use unleak::purge::apply::{guard, record, snapshot};
use unleak::purge::find::values::{Needles, Target};
use unleak::purge::finish::proof;
use unleak::purge::finish::proof::Proof;
use unleak::purge::git::Git;
use unleak::purge::journal::{Journal, Phase};
use unleak::purge::make::objects::{Binary, Options};
use unleak::purge::make::sign::Signer;
use unleak::purge::plan::{Force, Job, LeftOutValue, PurgePlan};
use unleak::purge::share::manifest::Manifest;
use unleak::purge::share::{heal, manifest, push_guard, remote};
use unleak::purge::{finish, journal, stages};
use unleak::rule::RuleSet;
use unleak::scan::InlineAllow;
use unleak::scan::changes::commits::Range;
use unleak::suppress::Suppressions;
use veil::Veil;

use crate::config::{self, Layers};
use crate::exit::Exit;
use crate::options::{CommonOptions, ConfidenceChoice, RuleOptions};
use crate::progress::ProgressLine;
use crate::{output, settings, ui};

/// What a selection left out.
#[derive(Default)]
struct Notes {
    /// Values that are erased only if they are named.
    left_out: Vec<LeftOutValue>,
    /// The selected values that are neither of high confidence nor named.
    unsure: BTreeSet<Fingerprint>,
    /// Findings below the asked confidence: of medium confidence, and of low.
    below: (usize, usize),
    /// How many findings were asked for that are not in the repository any more.
    absent: usize,
    /// Whether something could not be read while they were searched for.
    is_unread: bool,
    /// What no text of the plan may show.
    veil: Veil,
    /// The ids of values that are still active, as a report says.
    active: Vec<String>,
}

impl Notes {
    /// Nothing but what hides the secrets that `rules` find.
    fn hiding(rules: &RuleSet) -> Result<Self> {
        Ok(Self {
            veil: Veil::new(rules)?,
            ..Self::default()
        })
    }

    /// Whether likely secrets were found that are not erased.
    fn has_values(&self) -> bool {
        !self.left_out.is_empty() || self.below.0 > 0
    }
}

/// Runs it.
pub(crate) fn run(args: &CommonOptions, purge: &PurgeArgs) -> Result<Exit> {
    match &purge.command {
        None => rewrite(args, &purge.plan),
        Some(PurgeCommand::Undo { repository, force }) => undo(&repository.repository, *force),
        Some(PurgeCommand::Finish {
            repository,
            fsck,
            format,
        }) => {
            let bench = PurgeSetup::new(args, &repository.repository, &RuleOptions::default())?;
            let mut job = bench.job(Vec::new(), Options::default())?;
            job.fsck = *fsck;
            let proof = finish::finish(&job)?;
            end(&bench.repo, &proof, *format)
        }
        Some(PurgeCommand::Forget { repository, all }) => forget(&repository.repository, *all),
        Some(PurgeCommand::Status {
            repository,
            offline,
        }) => status(&repository.repository, !offline),
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
        Some(PurgeCommand::PushPlan { repository, refs }) => {
            let (text, is_whole) = after::push_plan(&discover(&repository.repository)?, refs)?;
            let printed = print(&text)?;
            Ok(match printed {
                Exit::Clean if !is_whole => Exit::Incomplete,
                exit => exit,
            })
        }
        Some(PurgeCommand::Kit { repository, forge }) => {
            print(&kit::kit(&discover(&repository.repository)?, *forge)?)
        }
        Some(PurgeCommand::Heal {
            manifest,
            repository,
            finish,
        }) => heal(args, manifest, &repository.repository, *finish),
        Some(PurgeCommand::Guard { manifest }) => guard(manifest),
    }
}

/// Finds the repository as git does: GIT_DIR and GIT_WORK_TREE count, if no other was named. Other
/// object directories and indexes do not: all must be rewritten that belongs to the repository.
fn discover(path: &Path) -> Result<Repository> {
    let told = settings::overrides_for(path);
    let overrides = Overrides {
        git_dir: told.git_dir,
        work_tree: told.work_tree,
        ..Overrides::default()
    };
    Repository::discover(path, &overrides)
}

fn print(text: &str) -> Result<Exit> {
    output::print(text.as_bytes())
}

/// What every subcommand that rewrites needs.
struct PurgeSetup {
    repo: Repository,
    rules: RuleSet,
    audit: AuditOptions,
    /// Whether markers allow what no one names.
    inline_allow: InlineAllow,
    suppressions: Suppressions,
    progress: Arc<Progress>,
    /// Until there is something to print.
    line: RefCell<Option<ProgressLine>>,
}

impl PurgeSetup {
    fn new(args: &CommonOptions, path: &Path, rules: &RuleOptions) -> Result<Self> {
        let progress = Arc::new(Progress::default());
        let line = ProgressLine::start(&progress, !args.quiet);
        let repo = discover(path)?;
        let layers = Layers::load(&rules.config, Some(&repo))?;
        Ok(Self {
            rules: settings::rules(rules, &layers)?,
            audit: settings::audit_options(&layers, Some(ConfidenceChoice::Medium), true),
            inline_allow: settings::inline_allow(&layers, false),
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
            limits: ReadLimits::default(),
            state_home: state_home()?,
            progress: &self.progress,
            fingerprint_key: self.audit.fingerprint_key.clone(),
            places: None,
            signer: None,
            left_out: Vec::new(),
            expected: Vec::new(),
            known: FxHashMap::default(),
            fsck: false,
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

fn rewrite(args: &CommonOptions, plan: &PlanArgs) -> Result<Exit> {
    if plan.abort {
        return undo(&plan.repository, plan.force);
    }
    settings::start_threads(plan.threads)?;
    let bench = PurgeSetup::new(args, &plan.repository, &plan.rules)?;
    if plan.go_on {
        return go_on(&bench);
    }
    // Removing a path needs no value.
    let only_paths = !(plan.remove_path.is_empty() && plan.submodule_map.is_empty())
        && plan.finding.is_empty()
        && plan.from.is_none()
        && plan.known.is_none();
    let picked = if only_paths {
        PickedTargets::default()
    } else {
        targets::select(args, plan, &bench)?
    };
    let notes = Notes {
        left_out: picked.left_out,
        unsure: picked.unsure,
        below: picked.below,
        absent: picked.absent,
        is_unread: picked.is_unread,
        veil: picked.veil,
        active: picked.active,
    };
    if picked.targets.is_empty() && !only_paths {
        bench.ready();
        return nothing(&notes, plan.format);
    }
    let options = options(plan, &bench.repo)?;
    let mut job = bench.job(picked.targets, options)?;
    job.fsck = plan.fsck;
    job.places = picked.places;
    job.left_out.clone_from(&notes.left_out);
    if plan.resign && plan.apply {
        let repo = &bench.repo;
        let git = Git::new(repo.common_dir(), repo.git().workdir(), repo.hash());
        job.signer = Some(Signer::configured(&git)?);
    }
    if !plan.apply {
        let found = stages::plan(&job)?;
        bench.ready();
        if !found.unknown_paths.is_empty() {
            found.check()?;
        }
        let mut text = shown(&found, &bench.rules, &notes, plan.format)?;
        if plan.format == PurgeFormat::Human {
            text += &show::next(&found);
        }
        return Ok(match (print(&text)?, found.check()) {
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
        Exit::Clean if notes.is_unread => Exit::Incomplete,
        Exit::Clean if notes.has_values() => Exit::Found,
        exit => exit,
    })
}

/// Whether likely secrets were found that a plan does not erase.
fn has_more(plan: &PurgePlan, notes: &Notes) -> bool {
    notes.has_values() || !plan.left_out.is_empty()
}

fn shown(plan: &PurgePlan, rules: &RuleSet, notes: &Notes, format: PurgeFormat) -> Result<String> {
    match format {
        PurgeFormat::Human => Ok(show::plan(plan, rules, notes)),
        PurgeFormat::Json => pretty(&show::plan_json(plan, rules, notes)),
    }
}

/// A path to be removed, from the top of the repository.
fn removed_path(path: &str, repo: &Repository) -> Result<String> {
    let refused = |what: &str| {
        Err(Error::usage(format!("'--remove-path {path}' {what}"))
            .hint("name a file or directory by its path from the top of the repository"))
    };
    let mut relative = Path::new(path);
    if relative.is_absolute() {
        let root = repo
            .git()
            .workdir()
            .and_then(|root| root.canonicalize().ok());
        let given = relative
            .canonicalize()
            .unwrap_or_else(|_| relative.to_owned());
        let below = root.and_then(|root| Some(given.strip_prefix(root).ok()?.to_owned()));
        return match below {
            Some(below) => removed_path(&below.to_string_lossy(), repo),
            None => refused("is not below the worktree"),
        };
    }
    if path.is_empty() {
        relative = Path::new(".");
    }
    let mut parts = Vec::new();
    for part in relative.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            _ => return refused("leads out of the repository"),
        }
    }
    match parts.first().map(String::as_str) {
        None => refused("names the whole repository"),
        Some(".git") => refused("is git's own directory, which history never has"),
        Some(_) => Ok(parts.join("/")),
    }
}

fn options(plan: &PlanArgs, repo: &Repository) -> Result<Options> {
    let paths = plan.remove_path.iter().map(|path| removed_path(path, repo));
    let mut remove_paths: Vec<String> = paths.collect::<Result<_>>()?;
    remove_paths.sort_unstable();
    remove_paths.dedup();
    Ok(Options {
        mark: plan.replace_with.as_bytes().to_vec(),
        binary: match plan.binary {
            BinaryChoice::Fill => Binary::Fill,
            BinaryChoice::Drop => Binary::Drop,
            BinaryChoice::Refuse => Binary::Refuse,
        },
        remove_paths,
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

fn apply(bench: &PurgeSetup, job: &Job<'_>, args: &PlanArgs, notes: &Notes) -> Result<Exit> {
    let applied = stages::apply(job, &mut |plan| {
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
        return end(
            &bench.repo,
            &finish::finish_applied(job, &applied)?,
            args.format,
        );
    }
    match args.format {
        PurgeFormat::Human => print(
            "Next: 'unleak purge finish' removes the old objects, proves it, and lists what is left to do elsewhere.\n",
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

/// The end of a purge: its proof, and for people what is left to do.
fn end(repo: &Repository, proof: &Proof, format: PurgeFormat) -> Result<Exit> {
    let exit = show_proof(proof, format)?;
    if format == PurgeFormat::Human {
        let list = checklist::checklist(repo, &state_home()?, false)?;
        print(&format!("\n{list}"))?;
    }
    Ok(exit)
}

/// Deletes the undo snapshot of the last purge, or those of all purges of a repository.
fn forget(path: &Path, all: bool) -> Result<Exit> {
    let repo = discover(path)?;
    let root = Snapshot::root(&state_home()?, repo.common_dir());
    let has_journal = Journal::read(repo.common_dir())?.is_some();
    let mut text = String::new();
    if has_journal || !all {
        let dir = stages::forget(&repo)?;
        text += &format!(
            "Deleted '{}': the purge cannot be undone any more.\n",
            dir.display()
        );
    }
    let left = Snapshot::all(&root);
    if all {
        for dir in left {
            Snapshot::at(&dir).forget()?;
            text += &format!("Deleted '{}', of an earlier purge.\n", dir.display());
        }
        if text.is_empty() {
            text.push_str("There is no undo snapshot of this repository.\n");
        }
    } else if !left.is_empty() {
        let snapshots = show::counted(left.len(), "undo snapshot", "undo snapshots");
        text += &format!(
            "{snapshots} of earlier purges hold secrets still: 'unleak purge forget --all' deletes them.\n"
        );
    }
    print(&text)
}

fn go_on(bench: &PurgeSetup) -> Result<Exit> {
    let (phase, said) = stages::go_on(bench.job(Vec::new(), Options::default())?)?;
    if !said.is_whole() {
        print(&show::undone(&said))?;
    }
    print(match phase {
        Phase::Applied => "Applied. Next: 'unleak purge finish', or 'unleak purge undo'.\n",
        _ => "Finished. 'unleak purge verify' prints the proof.\n",
    })
}

fn undo(path: &Path, force: bool) -> Result<Exit> {
    let force = if force { Force::Yes } else { Force::No };
    let repo = discover(path)?;
    let undone = stages::undo(&repo, force)?;
    let mut shown = show::undone(&undone);
    if undone.failed.is_empty() && Journal::read(repo.common_dir())?.is_some() {
        shown.push_str("There was a purge before it: 'unleak purge undo' takes that back, too.\n");
    }
    let printed = print(&shown)?;
    Ok(match printed {
        Exit::Clean if !undone.failed.is_empty() => Exit::Incomplete,
        exit => exit,
    })
}

fn status(path: &Path, ask: bool) -> Result<Exit> {
    let repo = discover(path)?;
    let list = || -> Result<String> {
        let list = checklist::checklist(&repo, &state_home()?, ask)?;
        Ok(format!("\n{list}"))
    };
    let Some(journal) = Journal::read(repo.common_dir())? else {
        let list = match record::manifest_path(repo.common_dir()).exists() {
            true => list()?,
            false => checklist::snapshots(&repo, &state_home()?),
        };
        return print(&format!("No purge is under way.\n{list}"));
    };
    let next = match journal.phase {
        _ if journal.is_undone => "That was interrupted: 'unleak purge undo' goes on.",
        Phase::Preparing | Phase::Applying | Phase::Finishing => {
            "It was interrupted: 'unleak purge --continue' goes on, 'unleak purge --abort' takes it back."
        }
        Phase::Applied => "Next: 'unleak purge finish', or 'unleak purge undo'.",
        Phase::Finished => {
            "'unleak purge undo' takes it back; 'unleak purge forget' deletes the undo snapshot, which holds the secrets."
        }
    };
    let phase = match journal.is_undone {
        true => "being taken back",
        false => journal.phase.name(),
    };
    let (run, dir) = (&journal.run, journal.snapshot.display());
    print(&format!(
        "Purge {run}: {phase}.\nUndo snapshot: '{dir}'\n{next}\n{}",
        match journal.phase {
            Phase::Finished => list()?,
            _ => String::new(),
        }
    ))
}

fn verify(
    args: &CommonOptions,
    path: &Path,
    known: Option<&Path>,
    remote: Option<&str>,
    format: PurgeFormat,
) -> Result<Exit> {
    let bench = PurgeSetup::new(args, path, &RuleOptions::default())?;
    if let Some(remote) = remote {
        return ask_remote(&bench.repo, remote);
    }
    let mut record = Record::default();
    let targets = if let Some(file) = known {
        targets::of_file(args, file, &bench.audit)?
    } else {
        let journal = journal::begun(&bench.repo)
            .map_err(|e| e.hint("name the values with '--known FILE'"))?;
        let inputs = snapshot::inputs(&Snapshot::at(&journal.snapshot))
            .map_err(|e| e.hint("name the values with '--known FILE'"))?;
        if journal.phase >= Phase::Applied {
            record = record::read(bench.repo.common_dir())?;
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

/// Asks a remote for its refs and for old objects: most forges hand out objects that no ref reaches.
fn ask_remote(repo: &Repository, remote: &str) -> Result<Exit> {
    let manifest = Manifest::read(&record::manifest_path(repo.common_dir()))?;
    let dir = tempfile::tempdir().map_err(|e| Error::io("make", &std::env::temp_dir(), e))?;
    let url = repo
        .git()
        .try_find_remote(remote)
        .and_then(std::result::Result::ok);
    let url = url.and_then(|found| {
        found
            .url(gix::remote::Direction::Fetch)
            .map(|url| url.to_bstring().to_string())
    });
    let url = url.map_or_else(|| remote.to_owned(), |url| absolute(repo, &url));
    let git = remote::scratch(dir.path(), repo.hash())?;
    let store = repo.open_store(&Overrides::default(), ReadLimits::default())?;
    let is_here = |id: &ObjectId| store.node_of(id).is_some();
    let served = remote::ask(&git, &url, &manifest, &is_here)?;
    let is_clean = served.is_clean();
    let is_whole = served.unasked.is_empty() && served.unknown.is_empty();
    remote::keep_asked(repo.common_dir(), remote, is_clean && is_whole)?;
    let printed = print(&show::served(remote, &served, &manifest))?;
    Ok(match printed {
        Exit::Clean if !is_clean => Exit::Found,
        Exit::Clean if !is_whole => Exit::Incomplete,
        exit => exit,
    })
}

/// An address as it is seen from everywhere: paths of remotes begin at the repository.
fn absolute(repo: &Repository, url: &str) -> String {
    let is_path = !url.contains("://") && !url.split('/').next().unwrap_or_default().contains(':');
    if !is_path || Path::new(url).is_absolute() {
        return url.to_owned();
    }
    let base = repo.git().workdir().unwrap_or_else(|| repo.common_dir());
    let path = base.join(url);
    path.canonicalize()
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

/// The values of a manifest, as far as old objects show them, and those of the last purge of this very
/// clone; and how many are not known.
fn values_to_heal(
    bench: &PurgeSetup,
    manifest: &Manifest,
    store: &ObjectStore,
) -> Result<(Vec<Target>, usize)> {
    let key = &bench.audit.fingerprint_key;
    let (mut targets, mut missing) = manifest.targets(store, &bench.rules, key)?;
    let journal = Journal::read(bench.repo.common_dir())?;
    let inputs =
        journal.and_then(|journal| snapshot::inputs(&Snapshot::at(&journal.snapshot)).ok());
    if let Some(inputs) = inputs {
        let own = inputs.targets(key)?;
        missing = missing.saturating_sub(own.len());
        targets.extend(own);
        targets.sort_by_key(|target| target.fingerprint);
        targets.dedup_by_key(|target| target.fingerprint);
    }
    Ok((targets, missing))
}

fn heal(args: &CommonOptions, manifest: &Path, path: &Path, finish: bool) -> Result<Exit> {
    let bench = PurgeSetup::new(args, path, &RuleOptions::default())?;
    let manifest = Manifest::read(manifest)?;
    let store = bench
        .repo
        .open_store(&Overrides::default(), ReadLimits::default())?;
    let here = heal::look(&store, &manifest);
    let (targets, missing) = values_to_heal(&bench, &manifest, &store)?;
    let refusals = guard::refusals(&bench.repo, &store);
    drop(store);
    let nothing = "Nothing to heal: this clone holds none of the old objects.\n";
    // Notes name commits by their paths only.
    let has_notes = !bench.repo.refs_below("refs/notes/")?.0.is_empty();
    if here.old == 0 && targets.is_empty() && !has_notes {
        bench.ready();
        return print(nothing);
    }
    if let Some(refusal) = refusals.first() {
        bench.ready();
        return print(&show::not_healed(here.old, refusal)).map(|_| Exit::Incomplete);
    }
    let mut job = bench.job(targets, manifest.options.clone())?;
    job.known = here.known;
    job.expected = manifest.expected();
    let applied = match stages::apply(&job, &mut |_| Ok(())) {
        Ok(applied) => applied,
        Err(error) if error.kind() == ErrorKind::Repository => {
            bench.ready();
            ui::error(&error);
            return Ok(Exit::Incomplete);
        }
        Err(error) => return Err(error),
    };
    bench.ready();
    if applied.plan.is_empty() {
        return print(nothing);
    }
    let own = heal::own_work(&applied.plan, &manifest);
    let notes = Notes::hiding(&bench.rules)?;
    print(&show::plan(&applied.plan, &bench.rules, &notes))?;
    manifest::merge(bench.repo.common_dir(), manifest)?;
    let exit = if finish {
        show_proof(&finish::finish(&job)?, PurgeFormat::Human)?
    } else {
        print(
            "\nHealed: the new ids are those of the manifest. Next: 'unleak purge finish', or 'unleak purge undo'.\n",
        )?
    };
    if missing == 0 || own == 0 {
        return Ok(exit);
    }
    warn_unsearched(missing, own);
    Ok(match exit {
        Exit::Clean => Exit::Incomplete,
        exit => exit,
    })
}

/// Warns that `own` commits and tags of a clone were not searched for `missing` values.
fn warn_unsearched(missing: usize, own: usize) {
    let (values, commits) = (
        show::counted(missing, "value", "values"),
        show::counted(own, "commit or tag", "commits and tags"),
    );
    ui::warn(&format!(
        "{values} could not be read from the old objects of this clone: {commits} of your own moved to the new history, and were not searched for them; run 'unleak scan' before you push"
    ));
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
    let returned = push_guard::look(&repo, &overrides, &range, &manifest)?;
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
