//! Writes plans and proofs, for people and as JSON. Neither holds a value.

use std::fmt::Write as _;

use serde_json::{Value, json};
use unleak::odb::ObjectKind;
use unleak::report::escape::escape;
use unleak::rewrite::needles::Reach;
use unleak::rewrite::proof::Proof;
use unleak::rewrite::purge::Plan;
use unleak::rule::RuleSet;

/// Entries of a list that are shown to people.
const SHOWN: usize = 20;

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Writes a line; what is written to a string cannot fail.
macro_rules! line {
    ($text:expr, $($part:tt)*) => {
        let _ = writeln!($text, $($part)*);
    };
}

/// A plan for people.
pub(super) fn plan(plan: &Plan, rules: &RuleSet) -> String {
    let mut text = String::new();
    line!(
        text,
        "Rotate first: a rewrite does not make a published secret safe."
    );
    for (target, standing) in &plan.targets {
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
        line!(text, "      in {blobs}, {texts}{reach}");
        if let Some(rotate) = rule.and_then(|rule| rule.rotate.as_ref()) {
            line!(text, "      rotate: {}", escape(rotate.as_bytes()));
        }
    }
    changes(plan, &mut text);
    previews(plan, &mut text);
    problems(plan, &mut text);
    text
}

fn changes(plan: &Plan, text: &mut String) {
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
    if plan.moves.log_entries > 0 {
        line!(
            text,
            "Reflogs: {} rewritten.",
            counted(plan.moves.log_entries, "entry", "entries")
        );
    }
    lists(plan, text);
}

fn lists(plan: &Plan, text: &mut String) {
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
    list(text, "Refs that move", moved);
    list(
        text,
        "Authors concerned",
        rewritten.authors.iter().map(|author| escape(author)),
    );
    list(
        text,
        "Commits that stay and quote old ids",
        rewritten.quoting.iter().map(ToString::to_string),
    );
    let files = plan.files.iter().map(|path| escape(path));
    list(
        text,
        "Files beside the objects that hold a value (those of worktrees stay as you edited them)",
        files,
    );
}

fn list(text: &mut String, title: &str, entries: impl Iterator<Item = String>) {
    let entries: Vec<String> = entries.collect();
    if entries.is_empty() {
        return;
    }
    line!(text, "\n{title}:");
    for entry in entries.iter().take(SHOWN) {
        line!(text, "  {entry}");
    }
    if entries.len() > SHOWN {
        line!(text, "  and {} more", entries.len() - SHOWN);
    }
}

fn previews(plan: &Plan, text: &mut String) {
    let previews = &plan.rewritten.previews;
    if previews.is_empty() {
        return;
    }
    line!(text, "\nAs it will be:");
    for preview in previews.iter().take(SHOWN) {
        let short = preview.id.to_hex_with_len(12);
        line!(
            text,
            "  {} {short} {}",
            preview.kind.name(),
            escape(&preview.place)
        );
        for shown in &preview.lines {
            line!(text, "    {}", escape(shown));
        }
    }
    if previews.len() > SHOWN {
        line!(text, "  and {} more", previews.len() - SHOWN);
    }
}

fn problems(plan: &Plan, text: &mut String) {
    let refusals = plan.refusals.iter();
    list(
        text,
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
    let skipped = plan.skipped.iter();
    list(
        text,
        "Could not be read",
        skipped.map(|skipped| escape(skipped.detail.as_bytes())),
    );
    let unopened = plan.unopened.iter();
    list(
        text,
        "Archives that nobody can open",
        unopened.map(|skipped| escape(skipped.detail.as_bytes())),
    );
}

/// A plan as JSON.
pub(super) fn plan_json(plan: &Plan, rules: &RuleSet) -> Value {
    let rewritten = &plan.rewritten;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let values = plan.targets.iter().map(|(target, standing)| {
        json!({
            "fingerprint": target.fingerprint.to_string(),
            "rule_id": target.rule_id,
            "secret": target.secret.redacted(),
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
    let ids =
        |list: &[unleak::odb::ObjectId]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
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
        "stuck": rewritten.stuck.iter().map(|stuck| json!({
            "object": stuck.id.to_string(), "path": text(&stuck.path), "why": stuck.why.text(),
        })).collect::<Vec<_>>(),
        "unread": plan.skipped.iter().map(|skipped| skipped.detail.clone()).collect::<Vec<_>>(),
        "files": plan.files.iter().map(|path| text(path)).collect::<Vec<_>>(),
    })
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
            "git fsck says now",
            lines.iter().map(|said| escape(said.as_bytes())),
        ),
        None => {}
    }
    let leftovers = proof.leftovers.iter();
    list(
        &mut text,
        "Still there",
        leftovers.map(|left| format!("{} {}", left.what, escape(left.name.as_bytes()))),
    );
    let skipped = proof.skipped.iter();
    list(
        &mut text,
        "Could not be read: nothing is proven there",
        skipped.map(|skipped| escape(skipped.detail.as_bytes())),
    );
    let unopened = proof.unopened.iter();
    list(
        &mut text,
        "Archives that nobody can open",
        unopened.map(|skipped| escape(skipped.detail.as_bytes())),
    );
    let verdict = if proof.holds() {
        "Proven: the values are gone from this repository."
    } else {
        "Not proven."
    };
    line!(text, "{verdict}");
    text
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
        "fsck": proof.fsck,
        "leftovers": proof.leftovers.iter().map(|left| json!({"what": left.what, "name": left.name})).collect::<Vec<_>>(),
        "unread": proof.skipped.iter().map(|skipped| skipped.detail.clone()).collect::<Vec<_>>(),
        "unopened": proof.unopened.iter().map(|skipped| skipped.detail.clone()).collect::<Vec<_>>(),
    })
}
