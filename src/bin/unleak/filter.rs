//! Which of the findings are wanted. What filters leave out is counted, and a filter that can match
//! nothing is an error: neither may look like a clean result.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use unleak::audit::presence::{Existence, Presence, UnreadPath};
use unleak::audit::{Audit, Scope};
use unleak::error::{Error, Result, nearest};
use unleak::git::revision;
use unleak::paths::PathPattern;
use unleak::rule::RuleSet;

use crate::filtered::Filtered;
use crate::ground::Ground;
use crate::options::FilterOptions;
use crate::ui;

/// What a finding must be.
pub(crate) struct FindingFilter<'a> {
    options: &'a FilterOptions,
    paths: Vec<PathPattern>,
    excluded: Vec<PathPattern>,
    /// Seconds since 1970.
    before: Option<i64>,
    ground: Ground<'a>,
}

/// The filters that no finding matches.
#[derive(Default)]
pub(crate) struct Unmatched<'f> {
    paths: Vec<&'f PathPattern>,
    excluded: Vec<&'f PathPattern>,
    refs: Vec<&'f str>,
    author: Option<&'f str>,
    in_head: bool,
    published: bool,
}

impl<'a> FindingFilter<'a> {
    /// Checks the options for a scan of `scope`, whose paths are those of `ground`.
    ///
    /// # Errors
    /// `Config` if there is no such rule, issuer or pattern; the nearest name is in the hint. `Usage`
    /// if what is scanned does not have what a filter asks for.
    pub(crate) fn resolve(
        options: &'a FilterOptions,
        rules: &RuleSet,
        scope: Scope,
        ground: Ground<'a>,
    ) -> Result<Self> {
        if let Some(id) = options.rule.iter().find(|id| rules.get(id).is_none()) {
            return Err(rules.unknown(id));
        }
        let providers: BTreeSet<&str> = rules.rules.iter().map(|r| r.provider.as_str()).collect();
        for name in &options.provider {
            if !providers
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
            {
                let hint = match nearest(name, providers.iter().copied()) {
                    Some(known) => format!("did you mean '{known}'?"),
                    None => "'unleak rules show ID' prints the issuer of a rule".to_owned(),
                };
                return Err(Error::config(format!("no rule is for '{name}'")).hint(hint));
            }
        }
        applies(options, scope)?;
        if options.author.as_deref() == Some("") {
            return Err(Error::usage("the text of '--author' is empty")
                .hint("it is a part of a name or address, as in '--author ada'"));
        }
        Ok(Self {
            options,
            paths: ground.patterns("--path", &options.path)?,
            excluded: ground.patterns("--exclude", &options.exclude)?,
            before: options.before.as_deref().map(revision::date).transpose()?,
            ground,
        })
    }

    /// What is left out by name.
    pub(crate) fn excluded(&self) -> &[PathPattern] {
        &self.excluded
    }

    /// Leaves out what is not wanted. Returns the filters that match none of the
    /// findings.
    pub(crate) fn apply(&self, audit: &mut Audit, rules: &RuleSet) -> Unmatched<'_> {
        let findings = std::mem::take(&mut audit.findings);
        let (wanted, others, unmatched) = self.split(findings, rules);
        audit.findings = wanted;
        audit.coverage.filtered = others.len();
        audit.hidden.extend(others);
        audit.coverage.filters = self.typed();
        unmatched
    }

    /// Splits findings into those that are wanted and the others. Returns the filters that match none, too.
    pub(crate) fn split<F: Filtered>(
        &self,
        findings: Vec<F>,
        rules: &RuleSet,
    ) -> (Vec<F>, Vec<F>, Unmatched<'_>) {
        let unmatched = self.unmatched(&findings);
        let findings = findings.into_iter();
        let (wanted, others) = findings.partition(|finding| self.wants(finding, rules));
        (wanted, others, unmatched)
    }

    /// The filters as they were typed.
    fn typed(&self) -> Vec<String> {
        let options = self.options;
        let lists = [
            ("--rule", &options.rule),
            ("--provider", &options.provider),
            ("--path", &options.path),
            ("--exclude", &options.exclude),
            ("--ref", &options.refs),
        ];
        let lists = lists.into_iter();
        let values = lists.flat_map(|(flag, values)| values.iter().map(move |v| (flag, v)));
        let author = options.author.iter().map(|text| ("--author", text));
        let before = options.before.iter().map(|date| ("--before", date));
        let values = values.chain(author).chain(before);
        let mut typed: Vec<String> = values.map(|(f, v)| format!("{f} '{v}'")).collect();
        let classes = options.path_class.iter();
        typed.extend(classes.map(|class| format!("--path-class {}", class.slug())));
        let levels = options.severity.iter();
        typed.extend(levels.map(|level| format!("--severity {}", level.name())));
        for (flag, is_on) in [
            ("--in-head", options.in_head),
            ("--published", options.published),
        ] {
            if is_on {
                typed.push(flag.to_owned());
            }
        }
        typed
    }

    fn unmatched<F: Filtered>(&self, findings: &[F]) -> Unmatched<'_> {
        let none = |matches: &dyn Fn(&F) -> bool| !findings.iter().any(matches);
        let is_missing = |pattern: &&PathPattern| {
            none(&|finding| self.is_at(finding, std::slice::from_ref(*pattern)))
        };
        let options = self.options;
        let refs = options.refs.iter().map(String::as_str);
        let author = options.author.as_deref();
        Unmatched {
            paths: self.paths.iter().filter(is_missing).collect(),
            excluded: self.excluded.iter().filter(is_missing).collect(),
            refs: refs
                .filter(|name| none(&|finding| finding.is_on_ref(name)))
                .collect(),
            author: author.filter(|text| none(&|finding| finding.is_by(text))),
            in_head: options.in_head && none(&F::is_in_head),
            published: options.published && none(&F::is_published),
        }
    }

    /// Whether the filters select a finding.
    fn wants<F: Filtered>(&self, finding: &F, rules: &RuleSet) -> bool {
        let options = self.options;
        let is_listed = |rule: &String| rule == finding.rule();
        let is_rule = options.rule.is_empty() || options.rule.iter().any(is_listed);
        let provider = rules.get(finding.rule()).map(|rule| &*rule.provider);
        let is_provider = options.provider.is_empty()
            || provider
                .is_some_and(|of| options.provider.iter().any(|p| p.eq_ignore_ascii_case(of)));
        is_rule
            && is_provider
            && (self.paths.is_empty() || self.is_at(finding, &self.paths))
            && !self.is_excluded(finding)
            && (options.path_class.is_empty() || options.path_class.contains(&finding.class()))
            && (options.severity.is_empty() || options.severity.contains(&finding.level(rules)))
            && options
                .author
                .as_ref()
                .is_none_or(|text| finding.is_by(text))
            && self
                .before
                .is_none_or(|before| finding.seconds().is_some_and(|seconds| seconds < before))
            && (options.refs.is_empty() || options.refs.iter().any(|name| finding.is_on_ref(name)))
            && (!options.in_head || finding.is_in_head())
            && (!options.published || finding.is_published())
    }

    /// Whether one of the patterns matches any path at which the finding ever was.
    fn is_at<F: Filtered>(&self, finding: &F, patterns: &[PathPattern]) -> bool {
        let mut paths = finding.paths().into_iter();
        paths.any(|path| self.matches(&path, patterns))
    }

    /// Whether all paths at which the finding ever was are left out, and it was nowhere else.
    fn is_excluded<F: Filtered>(&self, finding: &F) -> bool {
        let paths = finding.paths();
        !self.excluded.is_empty()
            && !paths.is_empty()
            && !finding.is_beside_files()
            && paths.iter().all(|path| self.matches(path, &self.excluded))
    }

    fn matches(&self, path: &[u8], patterns: &[PathPattern]) -> bool {
        let roots = self.ground.roots().iter();
        let below = roots.filter_map(|root| below(path, root));
        let names: Vec<&[u8]> = std::iter::once(plain(path)).chain(below).collect();
        let is_match = |pattern: &PathPattern| names.iter().any(|name| pattern.matches(name));
        patterns.iter().any(is_match)
    }
}

impl Unmatched<'_> {
    /// Whether every filter matches a finding.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            paths,
            excluded,
            refs,
            author,
            in_head,
            published,
        } = self;
        paths.is_empty()
            && excluded.is_empty()
            && refs.is_empty()
            && author.is_none()
            && !in_head
            && !published
    }

    /// Refuses a filter that can match nothing in the repository.
    ///
    /// # Errors
    /// `Usage` if there is one; the nearest name is in the hint.
    pub(crate) fn check(&self, presence: &Presence) -> Result<()> {
        for name in &self.refs {
            if let Existence::Missing(likely) = presence.reference(name) {
                let hint = match (*name, likely) {
                    ("HEAD", _) => "'--in-head' selects what HEAD still holds".to_owned(),
                    (_, Some(likely)) => format!("did you mean '{likely}'?"),
                    (_, None) => "'git for-each-ref' lists all refs".to_owned(),
                };
                return Err(nothing(&format!("no ref is called '{name}'")).hint(hint));
            }
        }
        for pattern in &self.paths {
            if let Existence::Missing(likely) = presence.path(pattern) {
                return Err(no_such_path("--path", pattern, likely, presence));
            }
        }
        for pattern in &self.excluded {
            if let Existence::Missing(likely) = presence.path(pattern) {
                warn(&no_such_path("--exclude", pattern, likely, presence));
            }
        }
        if let Some(text) = self.author
            && let Existence::Missing(likely) = presence.author(text)
        {
            let hint = match likely {
                Some(likely) => format!("did you mean '{likely}'?"),
                None => "'git shortlog --summary --email --all' lists all authors".to_owned(),
            };
            let what = format!("no commit has an author whose name or address holds '{text}'");
            return Err(nothing(&what).hint(hint));
        }
        if self.in_head && !presence.has_head() {
            return Err(nothing("'--in-head': HEAD names no commit"));
        }
        if self.published && !presence.has_remotes() {
            return Err(
                nothing("'--published': there are no remote-tracking branches")
                    .hint("run 'git fetch' first; in a mirror, all branches are published"),
            );
        }
        Ok(())
    }

    /// Refuses a pattern that matches none of the files that were scanned, `files`; warns of one that
    /// leaves out none.
    ///
    /// # Errors
    /// `Usage` if there is one.
    pub(crate) fn check_files(&self, filter: &FindingFilter<'_>, files: &[PathBuf]) -> Result<()> {
        let is_there = |pattern: &PathPattern| {
            let patterns = std::slice::from_ref(pattern);
            let mut files = files.iter();
            files.any(|path| filter.matches(path.as_os_str().as_encoded_bytes(), patterns))
        };
        let none = |flag: &str, pattern: &PathPattern| {
            Error::usage(format!(
                "'{flag} {}' matches none of the files",
                pattern.text()
            ))
            .hint("patterns match paths as they are below the directories that are scanned")
        };
        for pattern in self.excluded.iter().filter(|pattern| !is_there(pattern)) {
            warn(&none("--exclude", pattern));
        }
        match self.paths.iter().find(|pattern| !is_there(pattern)) {
            None => Ok(()),
            Some(pattern) => Err(none("--path", pattern)),
        }
    }
}

fn nothing(what: &str) -> Error {
    Error::usage(format!("the filter can match nothing: {what}"))
}

/// Says of a filter that leaves out nothing what would refuse one that selects nothing.
fn warn(error: &Error) {
    let hint = error.hint_text().unwrap_or_default();
    ui::warn(&format!("{error}; {hint}"));
}

fn no_such_path(
    flag: &str,
    pattern: &PathPattern,
    likely: Option<String>,
    presence: &Presence,
) -> Error {
    let text = pattern.text();
    let deeper = PathPattern::parse(&format!("**/{}", text.trim_start_matches('/')));
    let is_deeper = deeper
        .as_ref()
        .is_ok_and(|deeper| presence.path(deeper) == Existence::There);
    let hint = match (likely, deeper, beside(pattern, presence)) {
        (_, _, Some(beside)) => beside,
        (_, Ok(deeper), None) if is_deeper => {
            let text = deeper.text();
            format!("paths begin at the top of the repository; '{text}' matches at any depth")
        }
        (Some(likely), ..) => format!("did you mean '{likely}'?"),
        (None, ..) => "paths begin at the top of the repository, as in 'src/**'".to_owned(),
    };
    let places = presence.places();
    let what = match flag {
        "--path" => format!("no path in {places} matches '{text}'"),
        _ => format!("'{flag}': no path in {places} matches '{text}'"),
    };
    nothing(&what).hint(hint)
}

/// Where something of that name is, if it is only where nothing is read.
fn beside(pattern: &PathPattern, presence: &Presence) -> Option<String> {
    let said = match presence.beside(pattern) {
        UnreadPath::GitDir => "it is in the git directory: '--git-dir' scans that, too",
        UnreadPath::Untracked => {
            "it is in the worktree and not tracked: '--worktree' scans it, too"
        }
        UnreadPath::Ignored => {
            "it is in the worktree and git ignores it: '--worktree --ignored' scans it, too"
        }
        UnreadPath::History => "it is not in the index: leave out '--staged' to scan the history",
        UnreadPath::Nowhere => return None,
    };
    Some(said.to_owned())
}

/// Checks that what is scanned has what the filters ask for.
fn applies(options: &FilterOptions, scope: Scope) -> Result<()> {
    let has_author = matches!(scope, Scope::Repository | Scope::Bundle | Scope::Range);
    let has_refs = matches!(scope, Scope::Repository | Scope::Bundle);
    let has_paths = scope != Scope::Objects;
    let asked = [
        ("--path", !options.path.is_empty(), has_paths, "paths"),
        ("--exclude", !options.exclude.is_empty(), has_paths, "paths"),
        ("--author", options.author.is_some(), has_author, "authors"),
        ("--before", options.before.is_some(), has_author, "dates"),
        ("--ref", !options.refs.is_empty(), has_refs, "refs"),
        ("--in-head", options.in_head, has_refs, "refs"),
        ("--published", options.published, has_refs, "refs"),
    ];
    let wrong = asked.iter().find(|(_, is_set, has, _)| *is_set && !has);
    let Some((flag, _, _, what)) = wrong else {
        return Ok(());
    };
    let mode = match scope {
        Scope::Staged => "--staged",
        Scope::Range => "--range' and '--since",
        Scope::Files => "--files",
        Scope::Objects => "--shard' and '--oids-from",
        _ => "-",
    };
    Err(
        Error::usage(format!("'{flag}' cannot be used with '{mode}'")).hint(format!(
            "only a scan of the whole history relates findings to {what}"
        )),
    )
}

/// A path without a leading `./`.
fn plain(path: &[u8]) -> &[u8] {
    path.strip_prefix(b"./").unwrap_or(path)
}

/// What `path` is called below `root`.
fn below<'p>(path: &'p [u8], root: &Path) -> Option<&'p [u8]> {
    let root = root.as_os_str().as_encoded_bytes();
    let rest = path.strip_prefix(root.strip_suffix(b"/").unwrap_or(root))?;
    rest.strip_prefix(b"/").filter(|rest| !rest.is_empty())
}
