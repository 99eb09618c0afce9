//! What decisions do: suppressions, the purge plan, the editor. The screen is not known here.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::civil::Date;
use memchr::memmem;
use unleak::error::{Error, Result};
use unleak::finding::{self, Fingerprint};
use unleak::git::repository::Repository;
use unleak::report::Document;
use unleak::report::escape::escape;
use unleak::suppress::{Details, SuppressionStore, Suppressions};

use super::model::{Decision, DecisionChange};
use crate::explain;
use crate::found::RepositoryFindings;
use crate::plan::{self, AcceptedFinding, PlannedFindings, accepted};
use crate::saved;

/// Largest file in which the line of a secret is looked up.
const MAX_FILE: u64 = 64 << 20;

/// Most bytes of a secret that are shown.
const MAX_SHOWN: usize = 4096;

/// Where findings come from.
pub(super) enum Origin {
    /// A scan of a repository.
    Scan(Box<RepositoryFindings>),
    /// A saved report, and the repository that it is about, if there is one.
    Report(Option<Box<Repository>>),
}

/// The findings, and what is written about them.
pub(super) struct Desk {
    pub(super) document: Document,
    origin: Origin,
    /// The suppressions of the worktree, once one is needed.
    store: Option<SuppressionStore>,
    /// The suppression that each finding had while it was open here, such as an expired one. It comes back
    /// when the finding is open again.
    before: HashMap<Fingerprint, Option<Details>>,
    /// Suppressions of a saved report's findings, by fingerprint.
    ignored: HashMap<String, AcceptedFinding>,
    plan: PathBuf,
    /// Findings of the plan: those of the document, and of earlier reports.
    planned: PlannedFindings,
    /// The findings that this session put into the plan or took out of it.
    changed: BTreeSet<String>,
    /// The files of suppressions that were written; some may be gone again.
    pub(super) written: Vec<PathBuf>,
}

impl Desk {
    /// Reads the purge plan, if there is one. Findings of it and of a saved report that `suppressions`
    /// hide are accepted: they are shown as ignored, and are not to be purged.
    ///
    /// # Errors
    /// `Config` if a file is invalid, `Io` if it cannot be read.
    pub(super) fn open(
        document: Document,
        origin: Origin,
        plan: PathBuf,
        suppressions: &Suppressions,
        today: Date,
    ) -> Result<Self> {
        // A scan leaves out suppressed findings.
        let ignored = match &origin {
            Origin::Scan(_) => HashMap::new(),
            Origin::Report(_) => accepted(document.findings.iter(), suppressions, today)?,
        };
        let mut planned = plan::read(&plan)?;
        let dropped = accepted(planned.values(), suppressions, today)?;
        if !dropped.is_empty() {
            planned.retain(|id, _| !dropped.contains_key(id));
            plan::write(&plan, &planned, &document)?;
        }
        Ok(Self {
            document,
            origin,
            store: None,
            before: HashMap::new(),
            ignored,
            plan,
            planned,
            changed: BTreeSet::new(),
            written: Vec::new(),
        })
    }

    /// What was decided about each finding before.
    pub(super) fn decisions(&self) -> Vec<Decision> {
        let findings = self.document.findings.iter();
        let decisions = findings.map(|finding| {
            let id = &finding.fingerprint;
            match (self.ignored.get(id), self.planned.contains_key(id)) {
                (Some(accepted), _) => Decision::Ignored(accepted.details.clone()),
                (None, true) => Decision::Purge,
                (None, false) => Decision::Open,
            }
        });
        decisions.collect()
    }

    /// The plan, if it lists anything.
    pub(super) fn plan(&self) -> Option<&Path> {
        (!self.planned.is_empty()).then_some(&*self.plan)
    }

    /// The repository that suppressions are written to.
    pub(super) fn repository(&self) -> Option<&Repository> {
        match &self.origin {
            Origin::Scan(found) => Some(&found.repository),
            Origin::Report(repository) => repository.as_deref(),
        }
    }

    /// Writes decisions. Returns how many were written, whatever stopped the rest.
    pub(super) fn settle(&mut self, changes: &[DecisionChange]) -> (usize, Result<()>) {
        let mut is_planned = false;
        for (number, change) in changes.iter().enumerate() {
            is_planned |= change.from == Decision::Purge || change.to == Decision::Purge;
            if let Err(error) = self.settle_one(change) {
                let kept = self.write_plan(is_planned);
                return (number, kept.and(Err(error)));
            }
        }
        match self.write_plan(is_planned) {
            Ok(()) => (changes.len(), Ok(())),
            Err(error) => {
                // The plan is one file: none of it was written.
                for change in changes {
                    self.plan_one(change.item, change.from == Decision::Purge);
                }
                (0, Err(error))
            }
        }
    }

    fn settle_one(&mut self, change: &DecisionChange) -> Result<()> {
        match (&change.from, &change.to) {
            (from, Decision::Ignored(details)) => {
                if *from == Decision::Open {
                    self.keep_before(change.item)?;
                }
                self.ignore(change.item, details.clone())?;
            }
            (Decision::Ignored(_), _) => self.unignore(change.item)?,
            _ => {}
        }
        self.plan_one(change.item, change.to == Decision::Purge);
        Ok(())
    }

    fn plan_one(&mut self, item: usize, is_in: bool) {
        let finding = &self.document.findings[item];
        self.changed.insert(finding.fingerprint.clone());
        match is_in {
            true => self
                .planned
                .insert(finding.fingerprint.clone(), finding.clone()),
            false => self.planned.remove(&finding.fingerprint),
        };
    }

    fn ignore(&mut self, item: usize, details: Details) -> Result<()> {
        let fingerprint = self.fingerprint(item)?;
        let rule = self.document.findings[item].rule_id.clone();
        let path = self.store()?.add(fingerprint, &rule, details)?;
        self.written.push(path);
        Ok(())
    }

    /// Saves the suppression that an open finding had before this session. Only the first call for a finding
    /// saves one: later, the file holds the suppression of this session.
    fn keep_before(&mut self, item: usize) -> Result<()> {
        let fingerprint = self.fingerprint(item)?;
        let store = self.store()?;
        let known = store.all.find(fingerprint);
        let known = known.and_then(|digest| store.all.details(digest)).cloned();
        self.before.entry(fingerprint).or_insert(known);
        Ok(())
    }

    /// Puts the suppression back as it was while the finding was open, which is none in most cases.
    fn unignore(&mut self, item: usize) -> Result<()> {
        let fingerprint = self.fingerprint(item)?;
        if let Some(details) = self.before.get(&fingerprint).cloned().flatten() {
            return self.ignore(item, details);
        }
        let store = self.store()?;
        match store.all.find(fingerprint) {
            Some(digest) if !store.remove(digest)? => {
                Err(Error::usage("its suppression is in the baseline")
                    .hint("'unleak baseline update' removes findings that are gone"))
            }
            Some(_) => Ok(()),
            None => self.is_not_configured(item),
        }
    }

    /// Refuses to open what a configuration suppresses, which only its author can change.
    fn is_not_configured(&self, item: usize) -> Result<()> {
        let id = &self.document.findings[item].fingerprint;
        let file = self.ignored.get(id).and_then(|found| found.file.as_ref());
        match file {
            None => Ok(()),
            Some(file) => Err(
                Error::usage(format!("[[ignore]] in '{file}' suppresses it"))
                    .hint("change that entry, and triage again"),
            ),
        }
    }

    fn fingerprint(&self, item: usize) -> Result<Fingerprint> {
        let id = &self.document.findings[item].fingerprint;
        Fingerprint::from_hex(id).ok_or_else(|| Error::config("the finding has no fingerprint"))
    }

    fn store(&mut self) -> Result<&mut SuppressionStore> {
        if self.store.is_none() {
            let repository = self.repository().ok_or_else(no_repository)?;
            self.store = Some(SuppressionStore::open(repository)?);
        }
        self.store.as_mut().ok_or_else(no_repository)
    }

    /// Writes the plan: a report of the findings in it. An empty one is removed. Other sessions may have changed
    /// the file: only the changes of this one are made to it.
    fn write_plan(&mut self, is_changed: bool) -> Result<()> {
        if !is_changed {
            return Ok(());
        }
        let mut planned = plan::read(&self.plan)?;
        for id in &self.changed {
            match self.planned.get(id) {
                Some(finding) => planned.insert(id.clone(), finding.clone()),
                None => planned.remove(id),
            };
        }
        self.planned = planned;
        plan::write(&self.plan, &self.planned, &self.document)
    }

    /// Why a finding has its confidence.
    ///
    /// # Errors
    /// As [`explain::text_of`].
    pub(super) fn explain(&self, item: usize) -> Result<String> {
        let finding = &self.document.findings[item];
        match (&self.origin, self.scanned(item)) {
            (Origin::Scan(found), Some(scanned)) => explain::text_of(found, scanned),
            _ => Ok(format!(
                "{} confidence: {}\n\nA saved report keeps the reasons only. 'unleak explain {}' in the \
                 repository lists the evidence.\n",
                finding.confidence.name(),
                finding.why(),
                escape(finding.short_id().as_bytes())
            )),
        }
    }

    /// The secret of a finding, harmless for a terminal.
    ///
    /// # Errors
    /// `Usage` if it is not known.
    pub(super) fn reveal(&self, item: usize) -> Result<String> {
        let scanned = self.scanned(item).ok_or_else(|| {
            Error::usage("a saved report holds no secrets: 'unleak triage REPO' can show them")
        })?;
        let secret = scanned.secret.reveal();
        Ok(escape(secret.get(..MAX_SHOWN).unwrap_or(secret)))
    }

    fn scanned(&self, item: usize) -> Option<&finding::Finding> {
        let Origin::Scan(found) = &self.origin else {
            return None;
        };
        let wanted = self.fingerprint(item).ok()?;
        let mut all = found.audit.findings.iter();
        // Documents list findings in the order of the audit.
        let same = found.audit.findings.get(item);
        let same = same.filter(|finding| finding.fingerprint == wanted);
        same.or_else(|| all.find(|finding| finding.fingerprint == wanted))
    }

    /// The command that opens a finding's file at its line.
    ///
    /// # Errors
    /// `Usage` if the file is not in the worktree.
    pub(super) fn editor(&self, item: usize) -> Result<Command> {
        let finding = &self.document.findings[item];
        let path = saved::path(finding).ok_or_else(|| Error::usage("it is in no file"))?;
        let root = self.repository().ok_or_else(no_repository)?.git().workdir();
        let root = root.ok_or_else(|| Error::usage("a bare repository has no files to open"))?;
        let shown = path.shown();
        let gone = || {
            let commit = escape(
                saved::commit(finding)
                    .unwrap_or("COMMIT")
                    .get(..10)
                    .unwrap_or("COMMIT")
                    .as_bytes(),
            );
            Error::usage(format!(
                "'{shown}' is not in the worktree; this prints it: git show {}",
                shlex::try_quote(&format!("{commit}:{shown}")).unwrap_or_default()
            ))
        };
        let file = root.join(std::ffi::OsStr::from_bytes(&path.bytes()));
        let (file, root) = (file.canonicalize(), root.canonicalize());
        let (Ok(file), Ok(root)) = (file, root) else {
            return Err(gone());
        };
        if !file.starts_with(&root) || !file.is_file() {
            return Err(gone());
        }
        let line = self
            .line_now(item, &file)
            .unwrap_or_else(|| saved::line(finding));
        Ok(opened(&chosen(), &file, line))
    }

    /// The line of the file as it is now on which the secret is.
    fn line_now(&self, item: usize, file: &Path) -> Option<u32> {
        let secret = self.scanned(item)?.secret.reveal();
        let is_small = std::fs::metadata(file).ok()?.len() <= MAX_FILE;
        let text = is_small.then(|| std::fs::read(file).ok()).flatten()?;
        let at = memmem::find(&text, secret)?;
        let before = memchr::memchr_iter(b'\n', &text[..at]).count();
        u32::try_from(before + 1).ok()
    }
}

fn no_repository() -> Error {
    Error::usage("there is no repository here: '-C REPO' names the one that the report is about")
}

/// The user's editor. That of git's configuration is not asked for: a repository could name any program.
fn chosen() -> OsString {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let named = set("VISUAL").or_else(|| set("EDITOR"));
    named.unwrap_or_else(|| "vi".into())
}

/// The command line of an editor, which may have arguments of its own.
fn opened(editor: &OsString, file: &Path, line: u32) -> Command {
    let words = editor.to_string_lossy();
    let program = words.split_whitespace().next().unwrap_or_default();
    let name = Path::new(program).file_name().unwrap_or_default();
    let mut place = file.as_os_str().to_owned();
    place.push(format!(":{line}"));
    let arguments: Vec<OsString> = match name.to_str() {
        Some("code" | "codium" | "code-insiders" | "cursor") => vec!["--goto".into(), place],
        Some("hx" | "helix" | "subl" | "zed") => vec![place],
        _ => vec![format!("+{line}").into(), file.into()],
    };
    // As git does: the value may hold options, and quotes.
    let mut script = editor.clone();
    script.push(" \"$@\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg("unleak").args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> Vec<String> {
        let words = command.get_args().map(|word| word.to_string_lossy());
        words.map(std::borrow::Cow::into_owned).collect()
    }

    #[test]
    fn editors_are_given_the_line_as_they_expect_it() {
        let file = Path::new("/r/-x y");
        for (editor, expected) in [
            ("vim", &["-c", "vim \"$@\"", "unleak", "+7", "/r/-x y"][..]),
            (
                "code --wait",
                &["-c", "code --wait \"$@\"", "unleak", "--goto", "/r/-x y:7"],
            ),
            (
                "/usr/bin/hx",
                &["-c", "/usr/bin/hx \"$@\"", "unleak", "/r/-x y:7"],
            ),
        ] {
            assert_eq!(
                words(&opened(&editor.into(), file, 7)),
                expected,
                "{editor}"
            );
        }
    }
}
