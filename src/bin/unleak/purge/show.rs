//! Writes plans and proofs, for people and as JSON. Neither holds a value.

use std::fmt::Write as _;

use serde_json::{Value, json};
use unleak::odb::{ObjectId, ObjectKind};
use unleak::path_class::PathClass;
use unleak::purge::apply::guard::Refusal;
use unleak::purge::find::literal::Ambiguity;
use unleak::purge::find::values::{Reach, Target};
use unleak::purge::finish::proof::Proof;
use unleak::purge::make::blobs::Left;
use unleak::purge::make::head::HeadFile;
use unleak::purge::make::objects::Preview;
use unleak::purge::plan::{LeftOutValue, Leftover, PurgePlan, ValueCount};
use unleak::purge::share::manifest::Manifest;
use unleak::purge::share::remote::Served;
use unleak::purge::undo::Undone;
use unleak::report::escape::{escape, escape_line};
use unleak::rule::RuleSet;

use super::veil::Veil;
use super::{Notes, ask};

/// Lines of a plan for people.
const MAX_LINES: usize = 200;
/// Entries of each list that are shown to people: the first of these with which a plan is short enough.
const SHOWN: [usize; 4] = [20, 10, 4, 1];

pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Writes a line; what is written to a string cannot fail.
macro_rules! line {
    ($text:expr, $($part:tt)*) => {
        let _ = writeln!($text, $($part)*);
    };
}

/// A plan for people: of each list as many entries as make at most [`MAX_LINES`] lines.
pub(super) fn plan(plan: &PurgePlan, rules: &RuleSet, notes: &Notes) -> String {
    let pages = SHOWN.iter().map(|&shown| page(plan, rules, notes, shown));
    let mut last = <[String; 3]>::default();
    for page in pages {
        last = page;
        let lines = last.iter().map(|part| part.lines().count());
        if lines.sum::<usize>() <= MAX_LINES {
            break;
        }
    }
    let [before, places, behind] = last;
    before + &notes.veil.lines(&places) + &behind
}

/// A plan with at most `shown` entries of each list: what stands before the lines of files and the names,
/// these, and the rest.
fn page(plan: &PurgePlan, rules: &RuleSet, notes: &Notes, shown: usize) -> [String; 3] {
    let mut text = String::new();
    if plan.is_empty() {
        line!(text, "{}", nothing_to_do(plan));
    }
    active(&notes.active, shown, &mut text);
    line!(
        text,
        "Rotate first: a rewrite does not make a published secret safe."
    );
    for target in plan.targets.iter().take(shown) {
        value(target, rules, &mut text);
    }
    more(plan.targets.len(), shown, "value", &mut text);
    nowhere(plan, shown, &mut text);
    left_out_values(&plan.left_out, shown, &mut text);
    below(notes.below, &mut text);
    absent(notes, &mut text);
    let mut places = String::new();
    changes(plan, shown, &mut places);
    here(plan, shown, &mut places);
    history(plan, shown, &mut places);
    let mut rest = String::new();
    let classes = ask::classes(plan);
    if !classes.is_empty() {
        line!(rest, "\nBy class of path:");
        rest.push_str(&classes);
    }
    problems(plan, shown, &mut rest);
    [text, places, rest]
}

/// Which values are still active, and what to do about them before the rewrite.
fn active(ids: &[String], shown: usize, text: &mut String) {
    if ids.is_empty() {
        return;
    }
    let count = counted(ids.len(), "value is", "values are");
    line!(
        text,
        "{count} still active; before the rewrite, revoke each of them:"
    );
    for id in ids.iter().take(shown) {
        line!(text, "  unleak revoke {}", escape(id.as_bytes()));
    }
    more(ids.len(), shown, "value", text);
}

/// What an empty plan says first.
fn nothing_to_do(plan: &PurgePlan) -> &'static str {
    if plan.targets.is_empty() {
        "Nothing to do: there is nothing to erase here."
    } else if plan.skipped.is_empty() && plan.refusals.is_empty() {
        "Nothing to do: the values stand nowhere in this repository."
    } else {
        "Nothing to do: the values stand nowhere in what could be read."
    }
}

/// Values that were looked for and stand nowhere.
fn nowhere(plan: &PurgePlan, shown: usize, text: &mut String) {
    let values = plan.nowhere.iter().map(|&number| {
        let target = &plan.targets[number].0;
        let id = &target.fingerprint.to_string()[..12];
        let bytes = target.secret.reveal();
        let length = std::str::from_utf8(bytes).map_or(bytes.len(), |text| text.chars().count());
        format!(
            "{id}  {} ({length} characters)",
            escape(target.secret.redacted().as_bytes())
        )
    });
    let count = counted(plan.nowhere.len(), "value stands", "values stand");
    let title = format!("{count} nowhere in this repository (misspelled, or in another one?)");
    list(text, shown, &title, values);
}

/// Findings that were asked for and are not there any more.
fn absent(notes: &Notes, text: &mut String) {
    if notes.absent > 0 {
        let count = counted(notes.absent, "finding", "findings");
        line!(
            text,
            "Not in this repository any more: {count} that you asked for."
        );
    }
    if notes.is_unread {
        line!(
            text,
            "Something could not be read: 'unleak scan' says what."
        );
    }
}

/// What comes after a plan that was not carried out.
pub(super) fn next(plan: &PurgePlan) -> String {
    let mut text = String::new();
    if plan.is_empty() {
        return text;
    }
    line!(text, "\nNext:");
    line!(
        text,
        "  1. 'git fetch --all', then this plan again: it covers what this clone has. Notes and pull requests are"
    );
    line!(
        text,
        "     fetched only if you name them: git fetch REMOTE 'refs/notes/*:refs/notes/*' 'refs/pull/*/head:refs/pull/*/head'"
    );
    line!(
        text,
        "  2. The same command with '--apply --finish' erases, removes the old objects and proves it; 'unleak purge undo'"
    );
    line!(text, "     takes it back.");
    line!(
        text,
        "  3. The server ('unleak purge push-plan', 'unleak purge kit') and all other clones ('unleak purge heal'):"
    );
    line!(
        text,
        "     the end of '--finish' lists the steps, and 'unleak purge status' prints them again."
    );
    text
}

/// Says how many entries of a list are not shown, and where they are.
fn more(count: usize, shown: usize, what: &str, text: &mut String) {
    if count > shown {
        let more = count - shown;
        let what = counted(more, &format!("more {what}"), &format!("more {what}s"));
        line!(text, "  and {what}: '--format json' prints all");
    }
}

/// A value, where it stands, and where to rotate it.
fn value((target, standing): &(Target, ValueCount), rules: &RuleSet, text: &mut String) {
    let rule = rules.get(&target.rule_id);
    let what = rule.map_or("Value that you named", |rule| &rule.description);
    let fingerprint = target.fingerprint.to_string();
    line!(
        text,
        "  {}  {}  {}",
        &fingerprint[..12],
        escape(target.secret.redacted().as_bytes()),
        escape(what.as_bytes())
    );
    let blobs = counted(standing.blobs, "file version", "file versions");
    let texts = counted(
        standing.texts,
        "text of a commit or tag",
        "texts of commits or tags",
    );
    let reach = match target.reach {
        Reach::Everywhere => "",
        Reach::WhereFound => "; only where its rule finds it",
    };
    if standing.blobs + standing.texts > 0 {
        line!(text, "      in {blobs}, {texts}{reach}");
    } else {
        line!(text, "      in no file version, commit or tag{reach}");
    }
    if target.is_partial {
        line!(
            text,
            "      only a part of the value could be read: the result will not be called proven"
        );
    }
    if let Some(rotate) = rule.and_then(|rule| rule.rotate.as_ref()) {
        line!(text, "      rotate: {}", escape(rotate.as_bytes()));
    }
}

/// What is said if nothing is selected.
pub(super) fn nothing(notes: &Notes) -> String {
    let is_empty = notes.left_out.is_empty() && notes.below == (0, 0) && notes.absent == 0;
    let mut text = match notes.absent {
        0 if is_empty && notes.is_unread => {
            "Nothing to purge: no value was found in what could be read.\n".to_owned()
        }
        0 if is_empty => "Nothing to purge: no value was found.\n".to_owned(),
        0 => "Nothing to purge: no value is selected.\n".to_owned(),
        _ => "Nothing to purge: what was asked for is not there.\n".to_owned(),
    };
    absent(notes, &mut text);
    left_out_values(&notes.left_out, SHOWN[0], &mut text);
    below(notes.below, &mut text);
    text
}

/// Findings of lower confidence.
fn below((medium, low): (usize, usize), text: &mut String) {
    if medium > 0 {
        let count = counted(medium, "finding", "findings");
        line!(
            text,
            "Not selected: {count} of medium confidence; '--min-confidence medium' selects them."
        );
    }
    if low > 0 {
        let count = counted(low, "finding", "findings");
        line!(
            text,
            "Not selected: {count} of low confidence; '--all' selects them."
        );
    }
}

/// Values that must be named.
fn left_out_values(left_out: &[LeftOutValue], shown: usize, text: &mut String) {
    if left_out.is_empty() {
        return;
    }
    let kinds = Ambiguity::ALL.into_iter().filter_map(|why| {
        let count = left_out.iter().filter(|left| left.why == why).count();
        let (one, many) = why.names();
        match count {
            0 => None,
            1 => Some(format!("1 is {one}")),
            _ => Some(format!("{count} are {many}")),
        }
    });
    let kinds: Vec<String> = kinds.collect();
    let title = format!(
        "{} left out: {}. To erase one of them wherever it stands, name it with '--finding ID'; of a longer value, name the whole with '--known FILE'",
        counted(left_out.len(), "value is", "values are"),
        kinds.join(", ")
    );
    list(text, shown, &title, left_out.iter().map(left_out_line));
}

fn left_out_line(left: &LeftOutValue) -> String {
    let fingerprint = left.target.fingerprint.to_string();
    let rule = escape(left.target.rule_id.as_bytes());
    let why = left.why.names().0;
    let place = match (&left.rest, &left.path) {
        (Some(rest), _) => format!(" in {}", rest_place(rest)),
        (None, Some(path)) => format!(" in {}", escape(path)),
        (None, None) => String::new(),
    };
    format!("{}  {rule}{place}: {why}", &fingerprint[..12])
}

/// Where something is left beside a mark, and how much.
fn rest_place(rest: &Left) -> String {
    let path = escape(&rest.path);
    let bytes = counted(rest.len, "byte", "bytes");
    let commit = in_commit(rest.commit);
    format!("{path}:{}{commit} ({bytes} beside the mark)", rest.line)
}

fn in_commit(commit: Option<ObjectId>) -> String {
    commit.map_or_else(String::new, |id| {
        format!(" in commit {}", id.to_hex_with_len(12))
    })
}

fn changes(plan: &PurgePlan, shown: usize, text: &mut String) {
    let rewritten = &plan.rewritten;
    let commits = rewritten.count(ObjectKind::Commit) + rewritten.pruned.len();
    let branches = plan
        .moves
        .updates
        .iter()
        .filter(|update| update.name.starts_with(b"refs/heads/"));
    let tags = plan
        .moves
        .updates
        .iter()
        .filter(|update| update.name.starts_with(b"refs/tags/"));
    let (branches, tags) = (branches.count(), tags.count());
    line!(
        text,
        "\n{commits} of {} change, {} lost, {} and {} move, {} in all.",
        counted(rewritten.reachable, "commit", "commits"),
        counted(rewritten.unsigned.len(), "signature", "signatures"),
        counted(branches, "branch", "branches"),
        counted(tags, "tag", "tags"),
        counted(plan.moves.updates.len(), "ref", "refs")
    );
    let kinds = [ObjectKind::Blob, ObjectKind::Tree, ObjectKind::Tag];
    let counts: Vec<String> = kinds
        .iter()
        .map(|&kind| {
            counted(
                rewritten.count(kind),
                kind.name(),
                &format!("{}s", kind.name()),
            )
        })
        .collect();
    line!(
        text,
        "Also new: {}. {} go in the end.",
        counts.join(", "),
        counted(plan.doomed, "old object", "old objects")
    );
    if plan.names > 0 {
        line!(
            text,
            "Names: {} in history.",
            counted(
                plan.names,
                "file or directory name with a value changes",
                "file and directory names with values change"
            )
        );
    }
    if plan.moves.log_entries > 0 {
        line!(
            text,
            "Reflogs: {} rewritten.",
            counted(plan.moves.log_entries, "entry", "entries")
        );
    }
    lists(plan, shown, text);
}

fn lists(plan: &PurgePlan, shown: usize, text: &mut String) {
    let rewritten = &plan.rewritten;
    if !rewritten.pruned.is_empty() {
        line!(
            text,
            "{} go because they change nothing any more.",
            counted(rewritten.pruned.len(), "commit", "commits")
        );
    }
    if !rewritten.signed.is_empty() {
        let signed = counted(rewritten.signed.len(), "signature", "signatures");
        line!(text, "{signed} made anew.");
    }
    if rewritten.quotes_mapped > 0 {
        line!(
            text,
            "{} in messages mapped.",
            counted(rewritten.quotes_mapped, "id", "ids")
        );
    }
    list(
        text,
        shown,
        "First changed commits",
        rewritten.first_changed.iter().map(ToString::to_string),
    );
    let moved = plan.moves.updates.iter().map(|update| {
        let name = escape(&update.name);
        match &update.new_name {
            Some(new_name) => format!("(named by a value or an old id) -> {}", escape(new_name)),
            None => name,
        }
    });
    list(text, shown, "Refs that move", moved);
    let unsigned = rewritten.unsigned.iter().map(ToString::to_string);
    list(
        text,
        shown,
        "Commits and tags that lose their signature ('--resign' signs them with your key)",
        unsigned,
    );
    list(
        text,
        shown,
        "Authors concerned",
        rewritten.authors.iter().map(|author| escape(author)),
    );
    list(
        text,
        shown,
        "Commits that stay and quote old ids",
        rewritten.quoting.iter().map(ToString::to_string),
    );
    let files = plan.files.iter().map(|path| escape(path));
    list(
        text,
        shown,
        "Files beside the objects that hold a value (those of worktrees stay as you edited them)",
        files,
    );
}

fn list(text: &mut String, shown: usize, title: &str, entries: impl Iterator<Item = String>) {
    let entries: Vec<String> = entries.collect();
    if entries.is_empty() {
        return;
    }
    line!(text, "\n{title}:");
    for entry in entries.iter().take(shown) {
        line!(text, "  {entry}");
    }
    if entries.len() > shown {
        line!(text, "  and {} more", entries.len() - shown);
    }
}

/// What changes in HEAD and in worktrees.
fn here(plan: &PurgePlan, shown: usize, text: &mut String) {
    let files = &plan.head.files;
    let renamed = plan.head.renamed.iter();
    let renamed = renamed.map(|path| format!("(named by a value) -> {}", escape(path)));
    if files.is_empty() {
        let changes = match plan.head.renamed.len() {
            0 => "no file changes",
            _ => "no contents change",
        };
        line!(text, "\nHEAD and the worktree: {changes}.");
        list(text, shown, "Files that get new names", renamed);
        return;
    }
    let more = if plan.head.has_more { "at least " } else { "" };
    let count = counted(files.len(), "file changes", "files change");
    line!(text, "\nHEAD and the worktree: {more}{count}.");
    for file in files.iter().take(shown) {
        line!(text, "  {}", head_file(file));
        let previews = plan.rewritten.previews.iter();
        let preview = previews.filter(|preview| preview.id == file.id).take(1);
        preview.for_each(|preview| preview_lines(preview, text));
    }
    if files.len() > shown {
        line!(text, "  and {} more", files.len() - shown);
    }
    list(text, shown, "Files that get new names", renamed);
}

fn head_file(file: &HeadFile) -> String {
    let class = PathClass::of(&file.path).name();
    let staged = if file.in_head { "" } else { ", staged" };
    let worktree = file
        .worktree
        .as_ref()
        .map(|name| format!(", worktree '{}'", escape(name)));
    format!(
        "{} ({class}{staged}{})",
        escape(&file.path),
        worktree.unwrap_or_default()
    )
}

/// What changes in history only.
fn history(plan: &PurgePlan, shown: usize, text: &mut String) {
    let old = plan.rewritten.files.iter().filter(|file| !file.in_head);
    let versions = old.clone().count();
    let previews = plan.rewritten.previews.iter();
    let previews: Vec<&Preview> = previews.filter(|preview| !preview.in_head).collect();
    if versions == 0 && previews.is_empty() {
        line!(text, "\nHistory only: no file version changes.");
        return;
    }
    let paths: std::collections::BTreeSet<&[u8]> = old.map(|file| &file.path[..]).collect();
    let count = counted(versions, "file version changes", "file versions change");
    line!(
        text,
        "\nHistory only: {count}, of {}.",
        counted(paths.len(), "file", "files")
    );
    for preview in previews.iter().take(shown) {
        let short = preview.id.to_hex_with_len(12);
        line!(
            text,
            "  {} {short} {}",
            preview.kind.name(),
            escape(&preview.place)
        );
        preview_lines(preview, text);
    }
    if previews.len() > shown {
        line!(text, "  and {} more", previews.len() - shown);
    }
}

fn preview_lines(preview: &Preview, text: &mut String) {
    let is_paired = preview.before.len() == preview.lines.len();
    for (number, shown) in preview.lines.iter().enumerate() {
        if let Some(before) = preview.before.get(number).filter(|_| is_paired) {
            line!(text, "    - {}", escape_line(before));
            line!(text, "    + {}", escape_line(shown));
        } else {
            line!(text, "    {}", escape_line(shown));
        }
    }
}

fn problems(plan: &PurgePlan, shown: usize, text: &mut String) {
    let refusals = plan.refusals.iter();
    list(
        text,
        shown,
        "Nothing can be done until",
        refusals.map(|refusal| {
            format!(
                "{}\n    {}",
                escape(refusal.what.as_bytes()),
                escape(refusal.way_out.as_bytes())
            )
        }),
    );
    let stuck = plan.rewritten.stuck.iter();
    list(
        text,
        shown,
        "Cannot be purged as it is (see '--binary' and '--remove-path')",
        stuck.map(|stuck| {
            format!(
                "{} {}: {}",
                stuck.id.to_hex_with_len(12),
                escape(&stuck.path),
                stuck.why.text()
            )
        }),
    );
    let nested = plan.nested.iter();
    list(
        text,
        shown,
        "In other repositories, bundles and packs, which this purge does not change: purge repositories by themselves ('unleak purge ... DIRECTORY', of submodules then '--submodule-map'), and delete the files",
        nested.map(|left| escape(left.name.as_bytes())),
    );
    beside(plan, shown, text);
    let skipped = plan.skipped.iter();
    list(
        text,
        shown,
        "Could not be read",
        skipped.map(|skipped| escape(skipped.detail.as_bytes())),
    );
    let unopened = plan.unopened.iter();
    list(
        text,
        shown,
        "Not opened (damaged, encrypted, or of a format that unleak does not open): search these yourself",
        unopened.map(|skipped| escape(skipped.detail.as_bytes())),
    );
}

/// Files that could not be parsed any more, and what may be left of values.
fn beside(plan: &PurgePlan, shown: usize, text: &mut String) {
    let broken = plan.rewritten.broken.iter();
    list(
        text,
        shown,
        "Could not be parsed any more: choose another replacement ('--replace-with', '--replace')",
        broken.map(|broken| {
            let (path, format) = (escape(&broken.path), broken.format.name());
            let commit = in_commit(broken.commit);
            let fault = if broken.is_repeated {
                ", a key twice"
            } else {
                ""
            };
            format!("{path}:{}{commit}: {format}{fault}", broken.line)
        }),
    );
    let left = plan.rewritten.left.iter();
    list(
        text,
        shown,
        "Left beside the mark: the result will not be called proven ('--known FILE' names whole values)",
        left.map(|left| {
            let id = &plan.targets[left.target].0.fingerprint.to_string()[..12];
            format!("{id}  {}", rest_place(left))
        }),
    );
}

/// A selection without values as JSON.
pub(super) fn nothing_json(notes: &Notes) -> Value {
    json!({
        "values": [],
        "absent": notes.absent,
        "left_out": notes.left_out.iter().map(left_out_json).collect::<Vec<_>>(),
        "not_selected": {"medium": notes.below.0, "low": notes.below.1},
    })
}

fn left_out_json(left: &LeftOutValue) -> Value {
    json!({
        "fingerprint": left.target.fingerprint.to_string(),
        "rule_id": left.target.rule_id,
        "why": left.why.names().0,
        "path": left.path.as_ref().map(|path| String::from_utf8_lossy(path)),
        "beside_mark": left.rest.as_ref().map(rest_json),
    })
}

fn rest_json(rest: &Left) -> Value {
    json!({
        "path": String::from_utf8_lossy(&rest.path),
        "line": rest.line,
        "commit": rest.commit.map(|id| id.to_string()),
        "bytes": rest.len,
    })
}

/// What of a plan is about files, as JSON.
fn files_json(plan: &PurgePlan, veil: &Veil) -> Value {
    let text = |bytes: &[u8]| veil.name(bytes);
    let head = plan.head.files.iter().map(|file| {
        json!({
            "path": text(&file.path),
            "class": PathClass::of(&file.path).name(),
            "blob": file.id.to_string(),
            "in_head": file.in_head,
            "worktree": file.worktree.as_ref().map(|name| text(name)),
        })
    });
    let history = plan.rewritten.files.iter().filter(|file| !file.in_head);
    let history = history.map(|file| {
        let class = PathClass::of(&file.path).name();
        json!({"path": text(&file.path), "class": class, "blob": file.id.to_string()})
    });
    let classes = ask::by_class(plan).into_iter().map(|(class, versions, files, head)| {
        json!({"class": class.name(), "versions": versions, "files": files, "head": head})
    });
    let commit = |commit: Option<ObjectId>| commit.map(|id| id.to_string());
    let broken = plan.rewritten.broken.iter().map(|broken| {
        json!({
            "path": text(&broken.path), "line": broken.line, "commit": commit(broken.commit),
            "format": broken.format.name(),
        })
    });
    let left = plan.rewritten.left.iter().map(rest_json);
    json!({
        "head": head.collect::<Vec<_>>(),
        "history_only": history.collect::<Vec<_>>(),
        "classes": classes.collect::<Vec<_>>(),
        "unparsable": broken.collect::<Vec<_>>(),
        "beside_marks": left.collect::<Vec<_>>(),
    })
}

fn stuck_json(plan: &PurgePlan, veil: &Veil) -> Value {
    let stuck = plan.rewritten.stuck.iter().map(|stuck| {
        json!({"object": stuck.id.to_string(), "path": veil.name(&stuck.path), "why": stuck.why.text()})
    });
    stuck.collect()
}

/// A plan as JSON.
pub(super) fn plan_json(plan: &PurgePlan, rules: &RuleSet, notes: &Notes) -> Value {
    let rewritten = &plan.rewritten;
    let text = |bytes: &[u8]| notes.veil.name(bytes);
    let values = plan
        .targets
        .iter()
        .enumerate()
        .map(|(number, (target, standing))| {
            json!({
                "nowhere": plan.nowhere.contains(&number),
                "fingerprint": target.fingerprint.to_string(),
                "rule_id": target.rule_id,
                "secret": target.secret.redacted(),
                "named": target.is_named,
                "partial": target.is_partial,
                "everywhere": target.reach == Reach::Everywhere,
                "file_versions": standing.blobs,
                "texts": standing.texts,
                "rotate": rules.get(&target.rule_id).and_then(|rule| rule.rotate.clone()),
            })
        });
    let refs = plan.moves.updates.iter().map(|update| {
        let renamed = update.new_name.as_ref();
        json!({
            "name": text(renamed.unwrap_or(&update.name)),
            "renamed": renamed.is_some(),
            "old": update.old.to_string(),
            "new": update.new.to_string(),
        })
    });
    let ids = |list: &[ObjectId]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "values": values.collect::<Vec<_>>(),
        "commits": {
            "reachable": rewritten.reachable,
            "changed": rewritten.count(ObjectKind::Commit),
            "pruned": ids(&rewritten.pruned),
            "first_changed": ids(&rewritten.first_changed),
            "unsigned": ids(&rewritten.unsigned),
            "quoting_old_ids": ids(&rewritten.quoting),
        },
        "trees": rewritten.count(ObjectKind::Tree),
        "blobs": rewritten.count(ObjectKind::Blob),
        "tags": rewritten.count(ObjectKind::Tag),
        "quotes_mapped": rewritten.quotes_mapped,
        "reflog_entries": plan.moves.log_entries,
        "removed_objects": plan.doomed,
        "refs": refs.collect::<Vec<_>>(),
        "authors": rewritten.authors.iter().map(|author| text(author)).collect::<Vec<_>>(),
        "refusals": plan.refusals.iter().map(|refusal| json!({"what": refusal.what, "way_out": refusal.way_out})).collect::<Vec<_>>(),
        "stuck": stuck_json(plan, &notes.veil),
        "unread": plan.skipped.iter().map(|skipped| skipped.detail.clone()).collect::<Vec<_>>(),
        "names": plan.names,
        "renamed": plan.head.renamed.iter().map(|path| text(path)).collect::<Vec<_>>(),
        "files": plan.files.iter().map(|path| text(path)).collect::<Vec<_>>(),
        "submodules": plan.nested.iter().map(|left| left.name.clone()).collect::<Vec<_>>(),
        "absent": notes.absent,
        "changes": files_json(plan, &notes.veil),
        "left_out": plan.left_out.iter().map(left_out_json).collect::<Vec<_>>(),
        "not_selected": {"medium": notes.below.0, "low": notes.below.1},
    })
}

/// What a remote still has of the old history.
pub(super) fn served(remote: &str, served: &Served, manifest: &Manifest) -> String {
    let mut text = String::new();
    let name = escape(remote.as_bytes());
    for id in &served.ids {
        line!(text, "still served: {id}");
    }
    for (found, id) in &served.refs {
        line!(text, "still named by {}: {id}", escape(found.as_bytes()));
    }
    let commits = manifest.first_changed.len();
    let old = served
        .ids
        .iter()
        .filter(|id| manifest.first_changed.contains(&id.to_string()));
    line!(
        text,
        "{} of {} old commits are still served by '{name}'; it was asked for {} by their ids, and {} of its {} lead to old commits.",
        old.count(),
        commits,
        counted(served.asked, "object", "objects"),
        served.refs.len(),
        counted(served.ref_count, "ref", "refs"),
    );
    for unasked in &served.unasked {
        line!(
            text,
            "It could not be asked for {}.",
            escape(unasked.as_bytes())
        );
    }
    if !served.unknown.is_empty() {
        line!(
            text,
            "{} of its refs name what this clone does not have, and may hold a value: {}. Fetch them ('git fetch {name} REF'), and run 'unleak purge verify'.",
            served.unknown.len(),
            escape(served.unknown.join(", ").as_bytes())
        );
    }
    line!(
        text,
        "Nobody can ask for refs that the server hides, forks and cached pages."
    );
    if !served.is_clean() {
        line!(text, "'unleak purge kit' says what to do there.");
    }
    text
}

/// Why a clone cannot be healed.
pub(super) fn not_healed(old: usize, refusal: &Refusal) -> String {
    let mut text = String::new();
    line!(
        text,
        "Not healed: this clone has {} of the purged history, and {}.",
        counted(old, "object", "objects"),
        escape(refusal.what.as_bytes())
    );
    line!(
        text,
        "Clone it again (push nothing from it); or, to keep work of your own: {}, then heal again.",
        escape(refusal.way_out.as_bytes())
    );
    text
}

/// What came of taking a purge back, for people.
pub(super) fn undone(undone: &Undone) -> String {
    if undone.is_whole() {
        return "Everything is as it was before the purge.\n".to_owned();
    }
    let mut text = String::new();
    if undone.failed.is_empty() {
        line!(text, "The purge was taken back.");
    } else {
        line!(text, "The purge was taken back in part.");
    }
    let carried = undone
        .carried
        .iter()
        .map(|carried| escape(carried.as_bytes()));
    list(
        &mut text,
        usize::MAX,
        "Brought over to the restored history",
        carried,
    );
    let kept = undone.kept.iter().map(|note| {
        let what = escape(note.what.as_bytes());
        match &note.way_out[..] {
            "" => what,
            way_out => format!("{what}: {}", escape(way_out.as_bytes())),
        }
    });
    list(&mut text, usize::MAX, "Changed since, and left so", kept);
    let failed = undone.failed.iter().map(|failed| escape(failed.as_bytes()));
    list(&mut text, usize::MAX, "Not taken back yet", failed);
    if !undone.failed.is_empty() {
        line!(
            text,
            "When that is mended, run 'unleak purge undo' again: the snapshot is still there."
        );
    }
    text
}

/// Lists what is left of values.
fn names(text: &mut String, title: &str, left: &[Leftover]) {
    let lines = left
        .iter()
        .map(|left| format!("{} {}", left.what, escape(left.name.as_bytes())));
    list(text, SHOWN[0], title, lines);
}

/// A proof for people.
pub(super) fn proof(proof: &Proof) -> String {
    let mut text = String::new();
    let objects: u64 = proof.tallies.iter().map(|(_, tally)| tally.objects).sum();
    let bytes: u64 = proof.tallies.iter().map(|(_, tally)| tally.bytes).sum();
    line!(
        text,
        "Searched for {} and their encoded forms in {objects} objects ({bytes} bytes), reachable or not, and {} refs, reflog entries, staged paths and files.",
        counted(proof.values, "value", "values"),
        proof.others
    );
    line!(
        text,
        "{} that were replaced are not there any more.",
        counted(proof.gone, "object", "objects")
    );
    match &proof.fsck {
        Some(lines) if lines.is_empty() => {
            line!(text, "git fsck says nothing that it did not say before.");
        }
        Some(lines) => list(
            &mut text,
            SHOWN[0],
            "git fsck says now",
            lines.iter().map(|said| escape(said.as_bytes())),
        ),
        None if proof.is_connected => {
            line!(
                text,
                "Every object that refs, reflogs, indexes and other objects name is here."
            );
        }
        None => {}
    }
    names(&mut text, "Still there", &proof.leftovers);
    names(&mut text, "Not proven to be whole", &proof.remainders);
    let skipped = proof.skipped.iter();
    list(
        &mut text,
        SHOWN[0],
        "Could not be read: nothing is proven there",
        skipped.map(|skipped| escape(skipped.detail.as_bytes())),
    );
    let unopened = proof.unopened.iter();
    list(
        &mut text,
        SHOWN[0],
        "Not opened (damaged, encrypted, or of a format that unleak does not open): nothing is proven in these",
        unopened.map(|skipped| escape(skipped.detail.as_bytes())),
    );
    verdict(proof, &mut text);
    text
}

/// What a proof comes to.
fn verdict(proof: &Proof, text: &mut String) {
    let verdict = if proof.holds() && !proof.unopened.is_empty() {
        "Proven: the values are gone from this repository, but for the files above that were not opened."
    } else if proof.holds() {
        "Proven: the values are gone from this repository."
    } else if proof.leftovers.is_empty() && !proof.remainders.is_empty() {
        "Not proven: parts of values may be left."
    } else {
        "Not proven."
    };
    line!(text, "{verdict}");
    if proof.holds() && proof.left_out > 0 {
        line!(
            text,
            "{} left out of the purge: 'unleak scan' shows what is still there, '--finding ID' erases it.",
            counted(proof.left_out, "value was", "values were")
        );
    }
}

/// A proof as JSON.
pub(super) fn proof_json(proof: &Proof) -> Value {
    let objects = proof.tallies.iter().map(|(kind, tally)| {
        json!({"kind": kind.name(), "objects": tally.objects, "bytes": tally.bytes})
    });
    json!({
        "proven": proof.holds(),
        "values": proof.values,
        "objects": objects.collect::<Vec<_>>(),
        "others": proof.others,
        "gone": proof.gone,
        "left_out": proof.left_out,
        "connected": proof.is_connected,
        "fsck": proof.fsck,
        "leftovers": proof.leftovers.iter().map(|left| json!({"what": left.what, "name": left.name})).collect::<Vec<_>>(),
        "remainders": proof.remainders.iter().map(|left| json!({"what": left.what, "name": left.name})).collect::<Vec<_>>(),
        "unread": proof.skipped.iter().map(|skipped| skipped.detail.clone()).collect::<Vec<_>>(),
        "unopened": proof.unopened.iter().map(|skipped| skipped.detail.clone()).collect::<Vec<_>>(),
    })
}
