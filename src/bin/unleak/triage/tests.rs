//! The model: keys in, states and effects out.

use jiff::civil::{Date, date};
use unleak::report::document::ReportFinding;

use super::item::ListItem;
use super::keys::KeyPress;
use super::model::{Decision, DecisionChange, Effect, InputMode, Model};
use super::rows::ListRow;

const TODAY: Date = date(2030, 5, 6);

/// Findings of the rules 'a' and 'b', by turns, each in a file of its own.
fn model(count: usize) -> Model {
    let items = (0..count).map(|number| {
        let rule = if number % 2 == 0 { "a-rule" } else { "b-rule" };
        let path = format!("dir{}/f{number}.txt", number % 3);
        let finding = serde_json::json!({
            "fingerprint": format!("{number:032x}"),
            "rule_id": rule,
            "provider": "",
            "description": "a thing",
            "confidence": "high",
            "reasons": [],
            "secret": format!("mark{number}"),
            "rotate": null,
            "docs": null,
            "history": null,
            "occurrences": [{
                "object": "0", "name": path, "start": 0, "end": 1, "kind": "worktree",
                "part": null, "line": 7, "column": 1, "wrapping": []
            }]
        });
        let finding: ReportFinding = serde_json::from_value(finding).unwrap();
        ListItem::of(&finding)
    });
    let items: Vec<ListItem> = items.collect();
    let decisions = vec![Decision::Open; count];
    Model::new(items, decisions, None, TODAY)
}

/// Presses keys, and does what they ask for. Returns the other effects.
fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let keys = keys.chars().map(|key| match key {
        '\n' => KeyPress::Enter,
        '\t' => KeyPress::Tab,
        '\x1b' => KeyPress::Esc,
        key => KeyPress::Char(key),
    });
    let mut others = Vec::new();
    for key in keys {
        match model.press(key) {
            Some(Effect::Settle(changes)) => model.settled(changes, false),
            Some(Effect::Undo(changes)) => model.settled(changes, true),
            effect => others.extend(effect),
        }
    }
    others
}

fn reason(model: &Model, item: usize) -> Option<&str> {
    match &model.decisions[item] {
        Decision::Ignored(details) => details.reason.as_deref(),
        _ => None,
    }
}

#[test]
fn findings_are_listed_under_their_groups() {
    let mut model = model(5);
    let listed = |model: &Model| -> Vec<String> {
        let rows = model.rows.iter();
        let rows = rows.map(|row| match row {
            ListRow::Group(group) => model.groups[*group].name.clone(),
            ListRow::Item(item) => item.to_string(),
        });
        rows.collect()
    };
    assert_eq!(
        listed(&model),
        ["a-rule", "0", "2", "4", "b-rule", "1", "3"]
    );
    press(&mut model, "j\x1bg");
    let by_directory = ["dir0/", "0", "3", "dir1/", "1", "4", "dir2/", "2"];
    assert_eq!(listed(&model), by_directory);
    assert_eq!(model.current(), Some(0), "the cursor stays on its finding");
    press(&mut model, "/F4.\n");
    assert_eq!(listed(&model), ["dir1/", "4"]);
    press(&mut model, "\x1b");
    assert_eq!(listed(&model).len(), by_directory.len());
    press(&mut model, "z");
    assert_eq!(listed(&model), ["dir0/", "dir1/", "dir2/"]);
}

#[test]
fn a_form_asks_for_a_reason_and_a_day_to_come() {
    let mut model = model(3);
    press(&mut model, "ji\n");
    assert!(matches!(&model.mode, InputMode::Ignore(form) if form.fault.is_some()));
    press(&mut model, "made up\tada\t2030-05-05\n");
    assert!(matches!(&model.mode, InputMode::Ignore(form) if form.fault.is_some()));
    assert_eq!(model.counts(), [3, 0, 0]);
    model.press(KeyPress::Backspace);
    press(&mut model, "6\n");
    assert_eq!(model.counts(), [2, 1, 0]);
    let Decision::Ignored(details) = &model.decisions[0] else {
        panic!("{:?}", model.decisions[0]);
    };
    assert_eq!(details.reason.as_deref(), Some("made up"));
    assert_eq!(details.owner.as_deref(), Some("ada"));
    assert_eq!(details.expires, Some(TODAY));
    // The next one needs no typing, and the cursor is on it.
    assert_eq!(model.current(), Some(2));
    press(&mut model, "i\n");
    assert_eq!(reason(&model, 2), Some("made up"));
    // Typing replaces the offered text; Backspace edits it.
    press(&mut model, "iother\n");
    assert_eq!(reason(&model, 1), Some("other"));
    press(&mut model, "i");
    model.press(KeyPress::Backspace);
    press(&mut model, "wise\n");
    assert_eq!(reason(&model, 1), Some("othewise"));
    assert_eq!(reason(&model, 2), Some("made up"));
}

#[test]
fn many_findings_are_folded_however_they_are_grouped() {
    let mut model = model(101);
    let groups = |model: &Model| model.rows.len() == model.groups.len();
    assert!(groups(&model));
    // By directory, secret, severity, class, and by rule again.
    for name in ["directory", "secret", "severity", "class of files", "rule"] {
        press(&mut model, "g");
        assert!(groups(&model), "{name}");
    }
    // What was unfolded stays so.
    press(&mut model, "\nggggg");
    assert!(!groups(&model));
    assert_eq!(model.by.name(), "rule");
}

#[test]
fn a_group_and_marks_are_decided_at_once_and_undone_at_once() {
    let mut model = model(6);
    press(&mut model, "t");
    assert_eq!(model.counts(), [3, 3, 0]);
    assert_eq!(reason(&model, 4), Some("test value"));
    assert_eq!(model.current_group().unwrap().name, "b-rule");
    press(&mut model, "j j p");
    assert_eq!(model.counts(), [1, 3, 2]);
    assert!(model.marked.iter().all(|mark| !mark));
    press(&mut model, "u");
    assert_eq!(model.counts(), [3, 3, 0]);
    press(&mut model, "u");
    assert_eq!(model.counts(), [6, 0, 0]);
    press(&mut model, "u");
    assert!(model.message.as_ref().unwrap().contains("nothing to undo"));
}

#[test]
fn a_group_leaves_alone_what_is_decided() {
    let mut model = model(4);
    press(&mut model, "jifirst\n");
    model.press(KeyPress::Home);
    press(&mut model, "t");
    assert_eq!(reason(&model, 0), Some("first"));
    assert_eq!(reason(&model, 2), Some("test value"));
    // One finding by itself may get another reason.
    model.press(KeyPress::Home);
    press(&mut model, "jt");
    assert_eq!(reason(&model, 0), Some("test value"));
    press(&mut model, "u");
    assert_eq!(reason(&model, 0), Some("first"));
}

#[test]
fn what_could_not_be_undone_stays_to_be_undone() {
    let mut model = model(4);
    press(&mut model, "t");
    let Some(Effect::Undo(mut changes)) = model.press(KeyPress::Char('u')) else {
        panic!("there is something to undo");
    };
    assert_eq!(changes.len(), 2);
    changes.truncate(1);
    model.settled(changes, true);
    assert_eq!(model.counts(), [3, 1, 0]);
    let Some(Effect::Undo(changes)) = model.press(KeyPress::Char('u')) else {
        panic!("the rest is there");
    };
    let ignored = model.decisions[0].clone();
    let rest = DecisionChange {
        item: 0,
        from: ignored,
        to: Decision::Open,
    };
    assert_eq!(changes, [rest]);
}

#[test]
fn next_finds_open_findings_in_folded_groups() {
    let mut model = model(6);
    press(&mut model, "zjn");
    assert_eq!(model.current(), Some(1));
    press(&mut model, "nn");
    assert_eq!(model.current(), Some(5));
    press(&mut model, "n");
    assert!(model.message.as_ref().unwrap().contains("no more open"));
    press(&mut model, "N");
    assert_eq!(model.current(), Some(3));
}

#[test]
fn a_secret_is_hidden_when_the_cursor_moves() {
    let mut model = model(3);
    assert_eq!(press(&mut model, "v"), [], "a group has no secret");
    assert_eq!(press(&mut model, "jv"), [Effect::Reveal(0)]);
    model.revealed = Some((0, "x".to_owned()));
    press(&mut model, "j");
    assert_eq!(model.revealed, None);
    press(&mut model, "k");
    model.revealed = Some((0, "x".to_owned()));
    assert_eq!(press(&mut model, "v"), []);
    assert_eq!(model.revealed, None);
}

#[test]
fn hidden_decisions_leave_the_cursor_where_work_goes_on() {
    let mut model = model(6);
    press(&mut model, "hjt");
    assert_eq!(model.current(), Some(2));
    press(&mut model, "tt");
    assert_eq!(model.groups.len(), 1);
    press(&mut model, "h");
    assert_eq!(model.groups.len(), 2);
}

#[test]
fn the_cursor_is_always_in_view() {
    let mut model = model(90);
    for page in [1, 2, 7, 200] {
        for key in [
            KeyPress::End,
            KeyPress::PageUp,
            KeyPress::Home,
            KeyPress::PageDown,
            KeyPress::Down,
        ] {
            model.press(key);
            model.fit(page);
            let visible = model.top..model.top + page;
            assert!(visible.contains(&model.cursor), "{page} {key:?}");
        }
    }
    // Many findings begin as groups.
    let model = self::model(200);
    assert_eq!(model.rows.len(), 2);
}

#[test]
fn no_key_breaks_an_empty_list() {
    let mut model = model(0);
    for key in " jknNgzhaiptuevoc/x\n\x1b?\x1b\n\t".chars() {
        press(&mut model, &key.to_string());
    }
    for key in [
        KeyPress::Left,
        KeyPress::Right,
        KeyPress::End,
        KeyPress::PageUp,
        KeyPress::Backspace,
    ] {
        assert_eq!(model.press(key), None);
    }
}

#[test]
fn any_decision_can_be_taken_back_and_that_can_be_undone() {
    let mut model = model(6);
    press(&mut model, "t");
    press(&mut model, "jp");
    assert_eq!(model.counts(), [2, 3, 1]);
    model.press(KeyPress::Home);
    press(&mut model, "jr");
    assert_eq!(model.counts(), [3, 2, 1]);
    assert_eq!(model.current(), Some(0), "the cursor stays");
    press(&mut model, "ar");
    assert_eq!(model.counts(), [6, 0, 0]);
    press(&mut model, "r");
    assert_eq!(model.message.as_deref(), Some("nothing here is decided"));
    press(&mut model, "u");
    assert_eq!(model.counts(), [3, 2, 1]);
    assert_eq!(reason(&model, 2), Some("test value"));
}

#[test]
fn the_details_of_a_finding_take_only_keys_that_are_about_it() {
    let mut model = model(6);
    press(&mut model, "j\nzgha/");
    assert_eq!(model.mode, InputMode::Detail);
    assert_eq!(model.current(), Some(0));
    assert!(model.search.is_empty() && !model.marked.contains(&true));
    press(&mut model, "n");
    assert_eq!(
        (model.current(), &model.mode),
        (Some(2), &InputMode::Detail)
    );
    press(&mut model, "\x1b");
    assert_eq!(model.mode, InputMode::List);
}
