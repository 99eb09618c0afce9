//! What filters look at: a finding of a scan, or of a saved report.

use std::borrow::Cow;

use jiff::Timestamp;
use unleak::finding::{Finding, Place, Standing};
use unleak::path_class::PathClass;
use unleak::report::document::{PlaceKind, ReportFinding};
use unleak::report::refs::RefKind;
use unleak::rule::RuleSet;
use unleak::severity::Severity;

/// A finding as filters see it.
pub(crate) trait Filtered {
    /// The rule.
    fn rule(&self) -> &str;
    /// The class of its paths.
    fn class(&self) -> PathClass;
    /// The severity.
    fn level(&self, rules: &RuleSet) -> Severity;
    /// All paths at which it ever was.
    fn paths(&self) -> Vec<Cow<'_, [u8]>>;
    /// Whether it is in something that has no path, too.
    fn is_beside_files(&self) -> bool;
    /// Whether the author of the first commit has this text in name or address, in any case.
    fn is_by(&self, text: &str) -> bool;
    /// The time of the first commit, in seconds since 1970. What no commit holds has none.
    fn seconds(&self) -> Option<i64>;
    /// Whether the tree of HEAD holds it.
    fn is_in_head(&self) -> bool;
    /// Whether a remote-tracking branch reaches it.
    fn is_published(&self) -> bool;
    /// Whether the ref of this kind and short name reaches it.
    fn is_reached(&self, kind: RefKind, name: &str) -> bool;

    /// Whether the ref `wanted`, in short or in full, reaches it.
    fn is_on_ref(&self, wanted: &str) -> bool {
        let kinds = [
            (RefKind::Branch, "refs/heads/"),
            (RefKind::Remote, "refs/remotes/"),
            (RefKind::Tag, "refs/tags/"),
            (RefKind::Other, ""),
        ];
        kinds.into_iter().any(|(kind, prefix)| {
            let full = wanted.strip_prefix(prefix);
            self.is_reached(kind, wanted) || full.is_some_and(|full| self.is_reached(kind, full))
        })
    }
}

impl Filtered for Finding {
    fn rule(&self) -> &str {
        &self.rule_id
    }

    fn class(&self) -> PathClass {
        self.path_class()
    }

    fn level(&self, rules: &RuleSet) -> Severity {
        Severity::of(self, rules.get(&self.rule_id))
    }

    fn paths(&self) -> Vec<Cow<'_, [u8]>> {
        let history = self.history.iter().flat_map(|history| &history.paths);
        let named = self.occurrences.iter().filter(|occurrence| {
            matches!(
                occurrence.spot.place,
                Place::TreeEntry | Place::Index | Place::Worktree | Place::GitDir
            )
        });
        let named = named.map(|occurrence| &occurrence.name);
        let all = history.chain(named).filter(|path| !path.is_empty());
        all.map(|path| Cow::Borrowed(&path[..])).collect()
    }

    fn is_beside_files(&self) -> bool {
        let mut places = self.occurrences.iter().map(|found| found.spot.place);
        places.any(|place| {
            matches!(
                place,
                Place::Commit(_) | Place::Tag(_) | Place::Ref | Place::Reflog
            )
        })
    }

    fn is_by(&self, text: &str) -> bool {
        let history = self.history.as_ref();
        let author = history.and_then(|history| history.author.as_ref());
        author.is_some_and(|author| author.holds(text))
    }

    fn seconds(&self) -> Option<i64> {
        Some(self.history.as_ref()?.author.as_ref()?.seconds)
    }

    fn is_in_head(&self) -> bool {
        standing(self).is_some_and(|standing| standing.in_head)
    }

    fn is_published(&self) -> bool {
        standing(self).is_some_and(|standing| !standing.reach.remotes.is_empty())
    }

    fn is_reached(&self, kind: RefKind, name: &str) -> bool {
        standing(self).is_some_and(|standing| {
            let reach = &standing.reach;
            let names = match kind {
                RefKind::Branch => &reach.branches,
                RefKind::Remote => &reach.remotes,
                RefKind::Tag => &reach.tags,
                RefKind::Other => &reach.others,
            };
            names.iter().any(|known| *known == name)
        })
    }
}

fn standing(finding: &Finding) -> Option<&Standing> {
    finding.history.as_ref()?.standing.as_ref()
}

impl Filtered for ReportFinding {
    fn rule(&self) -> &str {
        &self.rule_id
    }

    fn class(&self) -> PathClass {
        self.path_class.unwrap_or(PathClass::Production)
    }

    fn level(&self, _: &RuleSet) -> Severity {
        self.severity()
    }

    fn paths(&self) -> Vec<Cow<'_, [u8]>> {
        let history = self.history.iter().flat_map(|history| &history.paths);
        let named = self.occurrences.iter().filter(|found| {
            matches!(
                found.spot.kind,
                PlaceKind::TreeEntry | PlaceKind::Index | PlaceKind::Worktree | PlaceKind::GitDir
            )
        });
        let named = named.filter_map(|found| found.name.as_ref());
        let all = history.chain(named).map(|path| path.bytes());
        all.filter(|path| !path.is_empty()).collect()
    }

    fn is_beside_files(&self) -> bool {
        let mut kinds = self.occurrences.iter().map(|found| found.spot.kind);
        kinds.any(|kind| {
            matches!(
                kind,
                PlaceKind::Commit | PlaceKind::Tag | PlaceKind::Ref | PlaceKind::Reflog
            )
        })
    }

    fn is_by(&self, text: &str) -> bool {
        self.author().is_some_and(|author| {
            let (name, email) = (author.name.bytes(), author.email.bytes());
            let (name, email) = (
                String::from_utf8_lossy(&name),
                String::from_utf8_lossy(&email),
            );
            let line = format!("{name} <{email}>").to_lowercase();
            line.contains(&text.to_lowercase())
        })
    }

    fn seconds(&self) -> Option<i64> {
        let date: Timestamp = self.author()?.date.parse().ok()?;
        Some(date.as_second())
    }

    fn is_in_head(&self) -> bool {
        self.standing().is_some_and(|standing| standing.in_head)
    }

    fn is_published(&self) -> bool {
        self.standing().is_some_and(|standing| standing.published)
    }

    fn is_reached(&self, kind: RefKind, name: &str) -> bool {
        let refs = self.standing().map(|standing| &standing.refs);
        refs.is_some_and(|refs| refs.has(kind, name))
    }
}
