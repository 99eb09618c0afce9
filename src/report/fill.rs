//! Makes the report of an audit. This is the only place that applies the redactor.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use gix::ObjectId;
use gix::bstr::BString;
use rustc_hash::FxHashMap;

use super::document::{
    Document, KindCount, PlaceKind, ReportAppearance, ReportCompanion, ReportCoverage,
    ReportExcerpt, ReportFinding, ReportHeader, ReportHistory, ReportLayer, ReportMilestone,
    ReportOccurrence, ReportSignature, ReportSkipped, ReportSpot, ReportStanding, ReportSuppressed,
    SCHEMA, SCHEMA_VERSION, Text, refs_of,
};
use super::location::first_place;
use super::redact::{Redactor, Reveal};
use super::refs::{RefGroup, RefTable, ReportRefs};
use super::timestamp;
use super::weblink::WebLinks;
use crate::audit::{Audit, CoverageBlock};
use crate::detect::decode;
use crate::detect::score::Reason;
use crate::finding::{self, Part, Place};
use crate::odb::{self, ObjectKind};
use crate::rule::{Confidence, RuleSet};
use crate::severity::Severity;

/// The input of a report.
pub struct ReportSource<'a> {
    /// The findings and the coverage.
    pub audit: &'a Audit,
    /// The rules of the scan.
    pub rules: &'a RuleSet,
    /// The scanned repository, as named by the user.
    pub subject: &'a str,
    /// The web pages of its commits.
    pub web: Option<&'a WebLinks>,
    /// Whether secrets are shown.
    pub reveal: Reveal,
}

impl ReportSource<'_> {
    /// Makes the report. The same repository and rules give the same report.
    pub fn document(&self) -> Document {
        let redactor = Redactor::of(self.audit, self.reveal);
        let lists = RefLists::default();
        let findings = self.audit.findings.iter();
        let mut findings: Vec<ReportFinding> = findings
            .map(|found| self.finding(&redactor, &lists, found))
            .collect();
        Document {
            head: ReportHeader {
                schema: SCHEMA.to_owned(),
                schema_version: SCHEMA_VERSION,
                unleak_version: env!("CARGO_PKG_VERSION").to_owned(),
                repository: self.subject.to_owned(),
                scope: self.audit.scope,
                complete: self.audit.coverage.is_complete(),
                redacted: self.reveal == Reveal::Redacted,
            },
            refs: RefTable::collect(refs_of(&mut findings)),
            findings,
            coverage: self.coverage(&redactor),
        }
    }

    fn finding<'a>(
        &self,
        redactor: &Redactor,
        lists: &RefLists<'a>,
        found: &'a finding::Finding,
    ) -> ReportFinding {
        let rule = self.rules.get(&found.rule_id);
        let reasons = found.reasons.iter();
        let names = NameRedactor::of(redactor);
        let history = found.history.as_ref();
        let history = history.map(|told| self.history(&names, lists, told));
        let places = occurrences(&names, &found.occurrences);
        let with = found.with.iter().map(|part| companion(&names, part));
        let with = with.collect();
        ReportFinding {
            fingerprint: found.fingerprint.to_string(),
            rule_id: found.rule_id.clone(),
            provider: rule.map_or_else(String::new, |rule| rule.provider.clone()),
            description: rule.map_or_else(String::new, |rule| rule.description.clone()),
            confidence: found.confidence,
            severity: Some(Severity::of(found, rule)),
            path_class: Some(found.path_class()),
            rule_confidence: rule.map_or(Confidence::Medium, |rule| rule.confidence),
            reasons: reasons.map(|reason| reason.text().to_owned()).collect(),
            secret: Text::of(redactor.secret(&found.secret)),
            redacted_paths: names.redacted_paths.get(),
            redacted_refs: names.redacted_refs.get(),
            rotate: rule.and_then(|rule| rule.rotate.clone()),
            docs: rule.and_then(|rule| rule.docs.clone()),
            advice: rule.and_then(|rule| rule.advice.clone()),
            first_seen: None,
            excerpt: excerpt(redactor, found),
            history,
            occurrences: places,
            with,
            validation: None,
        }
    }

    fn history<'a>(
        &self,
        names: &NameRedactor<'_>,
        lists: &RefLists<'a>,
        history: &'a finding::History,
    ) -> ReportHistory {
        let appearances = history.appearances.iter();
        let standing = history.standing.as_ref();
        let first = history.first.as_ref();
        let author = history.author.as_ref();
        let commit = first.and_then(|first| first.commit_id);
        ReportHistory {
            first: first.map(|first| appearance(names, first)),
            author: author.map(|author| signature(names.redactor, commit, author)),
            first_is_boundary: history.first_is_boundary,
            web: self.page(history),
            objects: history.objects,
            paths: history.paths.iter().map(|path| names.path(path)).collect(),
            appearances: appearances.map(|found| appearance(names, found)).collect(),
            standing: standing.map(|told| self::standing(names, lists, told)),
        }
    }

    fn coverage(&self, redactor: &Redactor) -> ReportCoverage {
        let hidden = self.audit.hidden.iter();
        let hidden: FxHashMap<_, _> = hidden.map(|found| (found.fingerprint, found)).collect();
        let block = &self.audit.coverage;
        let suppressed = block.suppressed.iter().map(|entry| {
            let found = hidden.get(&entry.fingerprint).copied();
            self.suppressed(redactor, entry, found)
        });
        let suppressed = suppressed.collect();
        coverage(redactor, block, suppressed)
    }

    /// Makes the entry of a suppressed finding; its value is omitted.
    fn suppressed(
        &self,
        redactor: &Redactor,
        entry: &finding::Suppressed,
        found: Option<&finding::Finding>,
    ) -> ReportSuppressed {
        let said = |words: &Option<String>| {
            let words = words.as_ref();
            words.map(|words| text(redactor, words.as_bytes()))
        };
        let found = found.map(|found| self.finding(redactor, &RefLists::default(), found));
        ReportSuppressed {
            fingerprint: entry.fingerprint.to_string(),
            rule_id: entry.rule_id.clone(),
            reason: said(&entry.reason),
            owner: said(&entry.owner),
            source: entry.source.to_owned(),
            description: found
                .as_ref()
                .map_or_else(String::new, |found| found.description.clone()),
            severity: found.as_ref().and_then(|found| found.severity),
            path_class: found.as_ref().and_then(|found| found.path_class),
            place: found.as_ref().and_then(first_place),
        }
    }

    /// Returns the page of the commit that introduced a finding, if it was published.
    fn page(&self, history: &finding::History) -> Option<String> {
        let standing = history.standing.as_ref()?;
        let is_published = !standing.reach.remotes.is_empty();
        let commit = history.first.as_ref()?.commit_id.filter(|_| is_published)?;
        Some(self.web?.commit(commit))
    }
}

/// Redacts the names of one finding, and records whether any name changed.
struct NameRedactor<'a> {
    redactor: &'a Redactor,
    redacted_paths: Cell<bool>,
    redacted_refs: Cell<bool>,
}

impl<'a> NameRedactor<'a> {
    fn of(redactor: &'a Redactor) -> Self {
        Self {
            redactor,
            redacted_paths: Cell::new(false),
            redacted_refs: Cell::new(false),
        }
    }

    fn path(&self, path: &[u8]) -> Text {
        noted(path, self.redactor.path(path), &self.redacted_paths)
    }

    /// Returns the redacted name of the ref `prefix` + `name`.
    fn reference(&self, prefix: &str, name: &[u8]) -> Text {
        let shown = self.redactor.reference(prefix, name);
        noted(name, shown, &self.redacted_refs)
    }

    fn references(&self, prefix: &str, list: &[BString]) -> Vec<Text> {
        let names = list.iter();
        names.map(|name| self.reference(prefix, name)).collect()
    }
}

/// Records whether `shown` differs from `name`.
fn noted(name: &[u8], shown: Cow<'_, [u8]>, is_redacted: &Cell<bool>) -> Text {
    if *shown != *name {
        is_redacted.set(true);
    }
    Text::of(shown.into_owned())
}

fn text(redactor: &Redactor, bytes: &[u8]) -> Text {
    Text::of(redactor.text(bytes).into_owned())
}

fn excerpt(redactor: &Redactor, found: &finding::Finding) -> Option<ReportExcerpt> {
    let line = found.excerpt.as_ref()?;
    let first = found
        .history
        .as_ref()
        .and_then(|history| history.first.as_ref());
    let spot = match first {
        Some(first) => Some(&first.spot),
        None => found.occurrences.first().map(|first| &first.spot),
    };
    // Positions are in bytes. A column in characters needs the whole line.
    let is_whole = spot.is_some_and(|spot| {
        spot.wrapping
            .as_ref()
            .is_none_or(|around| around.is_empty())
            && usize::try_from(spot.position.column) == Ok(line.before.bytes.len() + 1)
    });
    let characters = std::str::from_utf8(&line.before.bytes).map(|before| before.chars().count());
    let column = characters
        .ok()
        .and_then(|count| u32::try_from(count + 1).ok());
    // The text after a partial value may be the rest of it.
    let hides_rest = redactor.hides() && found.reasons.contains(Reason::Partial);
    let after = if hides_rest {
        "…".as_bytes().to_vec()
    } else {
        redactor.side(&line.after, &found.secret)
    };
    let column = column.filter(|_| is_whole);
    Some(ReportExcerpt {
        before: Text::of(redactor.side(&line.before, &found.secret)),
        after: Text::of(after),
        end_column: column.and_then(|column| end_column(column, found)),
        column,
    })
}

/// Returns the column after the last character of a secret that begins at `column`; `None` if it
/// contains line breaks in the text.
fn end_column(column: u32, found: &finding::Finding) -> Option<u32> {
    let value = std::str::from_utf8(found.secret.reveal()).ok()?;
    // The value of a key has no line breaks: its lines are joined.
    let mut places = found.occurrences.iter();
    let is_one_line =
        !value.contains(['\n', '\r']) && places.any(|place| place.span.len() == value.len());
    let count = u32::try_from(value.chars().count()).ok()?;
    column.checked_add(count).filter(|_| is_one_line)
}

fn companion(names: &NameRedactor<'_>, part: &finding::Companion) -> ReportCompanion {
    ReportCompanion {
        fingerprint: part.fingerprint.to_string(),
        rule_id: part.rule_id.clone(),
        secret: Text::of(names.redactor.secret(&part.secret)),
        occurrences: occurrences(names, &part.occurrences),
    }
}

/// The names of all refs of a finding, by kind.
type RefNamesByKind<'a> = [&'a [BString]; 4];

/// The redacted refs of findings, shared by findings with the same refs; and whether any name
/// changed.
#[derive(Default)]
struct RefLists<'a> {
    known: RefCell<FxHashMap<RefNamesByKind<'a>, (ReportRefs, bool)>>,
}

impl<'a> RefLists<'a> {
    fn refs(&self, names: &NameRedactor<'_>, reach: &'a finding::RefReach) -> ReportRefs {
        let mut known = self.known.borrow_mut();
        let key = [&reach.branches, &reach.remotes, &reach.tags, &reach.others];
        let (refs, is_redacted) = known.entry(key.map(Vec::as_slice)).or_insert_with(|| {
            let names = NameRedactor::of(names.redactor);
            let refs = ReportRefs::of(RefGroup {
                branches: names.references("refs/heads/", &reach.branches),
                remotes: names.references("refs/remotes/", &reach.remotes),
                tags: names.references("refs/tags/", &reach.tags),
                other_refs: names.references("", &reach.others),
            });
            (refs, names.redacted_refs.get())
        });
        if *is_redacted {
            names.redacted_refs.set(true);
        }
        refs.clone()
    }
}

fn standing<'a>(
    names: &NameRedactor<'_>,
    lists: &RefLists<'a>,
    standing: &'a finding::Standing,
) -> ReportStanding {
    let reach = &standing.reach;
    let milestone = |told: &finding::Milestone| ReportMilestone {
        commit: told.commit_id.to_string(),
        author: told
            .author
            .as_ref()
            .map(|author| signature(names.redactor, Some(told.commit_id), author)),
    };
    ReportStanding {
        in_head: standing.in_head,
        published: !reach.remotes.is_empty(),
        reachable: reach.by_ref(),
        commits: standing.commits,
        last: standing.last.as_ref().map(milestone),
        removed: standing.removed.as_ref().map(milestone),
        refs: lists.refs(names, reach),
        detached_head: reach.detached_head,
        stash: reach.stash,
        reflog: reach.reflog,
        index: reach.index,
        worktree: reach.worktree,
        git_dir: reach.git_dir,
    }
}

fn signature(
    redactor: &Redactor,
    commit: Option<ObjectId>,
    author: &finding::Signature,
) -> ReportSignature {
    let [name, email] = redactor.author(commit, author);
    ReportSignature {
        name: Text::of(name),
        email: Text::of(email),
        date: timestamp(author.seconds),
    }
}

fn appearance(names: &NameRedactor<'_>, found: &finding::Appearance) -> ReportAppearance {
    ReportAppearance {
        commit: found.commit_id.map(|id| id.to_string()),
        path: found.path.as_ref().map(|path| names.path(path)),
        object: found.object_id.to_string(),
        spot: spot(names, &found.spot),
        reachable: found.reachable,
    }
}

fn spot(names: &NameRedactor<'_>, spot: &finding::Spot) -> ReportSpot {
    let layers = spot.wrapping.iter().flat_map(|layers| layers.iter());
    let wrapping = layers.map(|layer| match layer {
        decode::Layer::Encoded(encoding) => ReportLayer::Encoding(encoding.name().to_owned()),
        decode::Layer::Packed(format) => ReportLayer::Format(format.name().to_owned()),
        decode::Layer::Lfs => ReportLayer::Format("git-lfs".to_owned()),
        decode::Layer::Member(path) => ReportLayer::Member(names.path(path)),
    });
    ReportSpot {
        kind: match spot.place {
            Place::Blob => PlaceKind::Blob,
            Place::Commit(_) => PlaceKind::Commit,
            Place::Tag(_) => PlaceKind::Tag,
            Place::TreeEntry => PlaceKind::TreeEntry,
            Place::Ref => PlaceKind::Ref,
            Place::Reflog => PlaceKind::Reflog,
            Place::Index => PlaceKind::Index,
            Place::Worktree => PlaceKind::Worktree,
            Place::GitDir => PlaceKind::GitDir,
        },
        part: spot.place.part().map(Part::name).map(str::to_owned),
        line: spot.position.line,
        column: spot.position.column,
        wrapping: wrapping.collect(),
    }
}

fn occurrences(names: &NameRedactor<'_>, all: &[finding::Occurrence]) -> Vec<ReportOccurrence> {
    let told = all.iter().map(|found| ReportOccurrence {
        object: found.object_id.to_string(),
        name: match found.spot.place {
            _ if found.name.is_empty() => None,
            Place::Ref | Place::Reflog => Some(names.reference("", &found.name)),
            _ => Some(names.path(&found.name)),
        },
        start: found.span.start,
        end: found.span.end,
        spot: spot(names, &found.spot),
    });
    told.collect()
}

fn coverage(
    redactor: &Redactor,
    block: &CoverageBlock,
    suppressed: Vec<ReportSuppressed>,
) -> ReportCoverage {
    let paths = |list: &[BString]| {
        let told = list.iter().map(|path| redactor.path(path).into_owned());
        told.map(Text::of).collect()
    };
    let kinds = ObjectKind::ALL.into_iter().chain([ObjectKind::Unknown]);
    let objects = kinds.map(|kind| {
        let found = block.kinds.get(&kind).copied().unwrap_or_default();
        KindCount {
            kind: kind.name().to_owned(),
            total: found.scanned + found.skipped,
            scanned: found.scanned,
            skipped: found.skipped,
            bytes: found.bytes,
        }
    });
    let filters = block.filters.iter();
    let filters = filters.map(|filter| text(redactor, filter.as_bytes()));
    ReportCoverage {
        objects: objects.collect(),
        packs: block.packs,
        loose: block.loose,
        alternates: block.alternates,
        shallow_commits: block.shallow,
        submodule_commits: block.submodules,
        worktree_files: block.worktree,
        git_dir_files: block.git_dir,
        git_dir_unread: paths(&block.git_dir_unread),
        prerequisites: block.prerequisites,
        lfs_files: block.lfs_read,
        lfs_missing: block.lfs_missing,
        allowed_inline: block.allowed_inline,
        below_confidence: block.below_confidence,
        filtered: block.filtered,
        filters: filters.collect(),
        excluded: block.excluded,
        rules_off: block.rules_off.clone(),
        special_files: paths(&block.special),
        suppressed,
        skipped: skipped(redactor, &block.skipped),
        unopened: skipped(redactor, &block.unopened),
    }
}

fn skipped(redactor: &Redactor, list: &[odb::Skipped]) -> Vec<ReportSkipped> {
    let told = list.iter().map(|skipped| ReportSkipped {
        reason: skipped.reason.name().to_owned(),
        kind: skipped.kind.name().to_owned(),
        object: skipped.object_id.map(|id| id.to_string()),
        detail: text(redactor, skipped.detail.as_bytes()),
    });
    told.collect()
}
