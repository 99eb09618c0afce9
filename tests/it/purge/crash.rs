//! Killed at any moment, refused by git, out of space: nothing half done.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use unleak::rule::template::Random;

use super::torture::build;
use super::{Purged, assert_gone, assert_same, text};

pub(super) fn start(purged: &Purged, args: &[&str]) -> std::process::Child {
    let known = purged.state.path().join("known");
    std::fs::write(&known, format!("{}\n", purged.value)).unwrap();
    let is_command = args.iter().all(|arg| *arg != "--apply");
    let known = ["--known", known.to_str().unwrap()];
    Command::new(env!("CARGO_BIN_EXE_unleak"))
        .arg("purge")
        .args(if is_command { &[] } else { &known[..] })
        .args(args)
        .current_dir(purged.repo.path())
        .env("XDG_STATE_HOME", purged.state.path())
        .env("HOME", purged.state.path())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Ends or takes back what was killed; returns whether it was ended.
fn recover(purged: &Purged, round: u32, before: &BTreeMap<String, String>, after: &str) -> bool {
    let status = purged.purge(&["status"], 0);
    if status.contains("No purge") {
        assert_same(
            &purged.state(),
            before,
            &format!("round {round}: not begun"),
        );
        return false;
    }
    if status.contains("preparing") {
        assert_eq!(purged.try_purge(&["--continue"]).status.code(), Some(2));
        assert_same(&purged.state(), before, &format!("round {round}: prepared"));
        return false;
    }
    if round.is_multiple_of(2) {
        purged.purge(&["--abort"], 0);
    } else {
        purged.purge(&["--continue"], 0);
        if purged.purge(&["status"], 0).contains("applied") {
            purged.purge(&["finish"], 0);
        }
        assert_eq!(purged.repo.git(&["for-each-ref"]), *after, "round {round}");
        assert_gone(&purged.repo, &purged.value);
        purged.purge(&["undo"], 0);
    }
    assert_same(&purged.state(), before, &format!("round {round}: {status}"));
    round % 2 == 1
}

#[test]
fn killed_anywhere_it_goes_on_or_back() {
    let purged = build();
    let before = purged.state();
    let began = Instant::now();
    assert!(
        start(&purged, &["--apply", "--finish"])
            .wait()
            .unwrap()
            .success()
    );
    let whole = began.elapsed();
    let after = purged.repo.git(&["for-each-ref"]);
    purged.purge(&["undo"], 0);
    let mut random = Random::new(5);
    let (mut killed, mut continued) = (0, 0);
    for round in 0..90u32 {
        if killed >= 30 && continued >= 10 {
            break;
        }
        // Every stage takes its turn; a run that is faster than the first one ends by itself.
        let point = whole.mul_f64(f64::from(round % 30) / 24.0);
        let jitter = Duration::from_micros(random.below(3000) as u64);
        let mut child = start(&purged, &["--apply", "--finish"]);
        std::thread::sleep(point + jitter);
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        // What git was doing for it ends by itself.
        std::thread::sleep(Duration::from_millis(100));
        continued += u32::from(recover(&purged, round, &before, &after));
    }
    assert!(
        killed >= 30 && continued >= 10,
        "{killed} killed, {continued} continued"
    );
}

#[test]
fn a_hook_that_refuses_leaves_everything_as_it_was() {
    let purged = build();
    let before = purged.state();
    let hook = purged.repo.git_dir().join("hooks/reference-transaction");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\ncat >/dev/null\n[ \"$1\" = prepared ] && { echo 'not today' >&2; exit 1; }\nexit 0\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let output = purged.try_purge(&["--known", "-", "--apply"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("not today") && said.contains("reference-transaction"),
        "{said}"
    );
    std::fs::remove_file(&hook).unwrap();
    assert_same(&purged.state(), &before, "after");
    assert!(purged.purge(&["status"], 0).contains("No purge"));
}

#[test]
fn a_ref_that_somebody_holds_leaves_everything_as_it_was() {
    let purged = build();
    let before = purged.state();
    let lock = purged.repo.git_dir().join("refs/heads/main.lock");
    std::fs::write(&lock, "").unwrap();
    let output = purged.try_purge(&["--known", "-", "--apply"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("main.lock"),
        "{}",
        text(&output.stderr)
    );
    std::fs::remove_file(&lock).unwrap();
    assert_same(&purged.state(), &before, "after");
}

#[test]
fn a_full_disk_leaves_everything_as_it_was() {
    let purged = build();
    let mut noise = format!("token = {}\n", purged.value);
    let mut random = Random::new(9);
    for _ in 0..60_000 {
        noise += &format!("{:016x}\n", random.bits());
    }
    purged.repo.commit_file("large", noise);
    let before = purged.state();
    let state = purged.state.path().to_str().unwrap();
    let known = purged.state.path().join("known");
    std::fs::write(&known, format!("{}\n", purged.value)).unwrap();
    // No file may grow over 256 KiB: the pack is larger.
    let script = format!(
        "ulimit -f 256; exec \"$0\" purge --apply --known {}",
        known.display()
    );
    let output = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_unleak")])
        .current_dir(purged.repo.path())
        .env("XDG_STATE_HOME", state)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("index-pack"),
        "{}",
        text(&output.stderr)
    );
    assert_same(&purged.state(), &before, "after");
    assert!(purged.purge(&["status"], 0).contains("No purge"));
}

#[test]
fn without_a_place_for_the_snapshot_nothing_is_done() {
    let purged = build();
    let before = purged.state();
    let file = purged.state.path().join("file");
    std::fs::write(&file, "").unwrap();
    let known = format!("{}\n", purged.value);
    let args = ["purge", "--known", "-", "--apply"];
    let output = purged.repo.unleak(
        &args,
        known.as_bytes(),
        &[("XDG_STATE_HOME", file.to_str().unwrap())],
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("XDG_STATE_HOME"));
    assert_same(&purged.state(), &before, "after");
}

/// Kills `args` after a random part of the time that it needs; returns whether it was killed.
fn kill(purged: &Purged, args: &[&str], whole: Duration, random: &mut Random) -> bool {
    let part = random.below(1000) as f64 / 1000.0;
    let mut child = start(purged, args);
    std::thread::sleep(whole.mul_f64(part));
    // As a session that ends: git that works for it goes, too, every other time.
    if random.below(2) == 0 {
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        for child in std::fs::read_to_string(children)
            .unwrap_or_default()
            .split_whitespace()
        {
            let _ = Command::new("kill").args(["-9", child]).output();
        }
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// Goes on with what was killed: either it is ended, or taken back.
fn go_on(purged: &Purged, after: &str, place: &str) {
    let output = purged.try_purge(&["--continue"]);
    let said = text(&output.stderr);
    let is_back = said.contains("that is done") || said.contains("changed anything");
    let has_ended = output.status.code() == Some(0);
    assert!(has_ended || is_back, "{place}: {said}");
    if purged.purge(&["status"], 0).contains("applied") {
        purged.purge(&["finish"], 0);
    }
    if has_ended {
        assert_eq!(purged.repo.git(&["for-each-ref"]), after, "{place}");
        assert_gone(&purged.repo, &purged.value);
    }
}

/// `UNLEAK_KILLS` says how many runs are killed.
fn kills() -> u32 {
    let said = std::env::var("UNLEAK_KILLS").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(12)
}

#[test]
fn killed_in_any_command_it_goes_on_or_back() {
    assert_survives(&build(), kills());
}

/// Refs that stay where they are by name, and refs that get new names: more than are moved one by one.
#[test]
fn killed_while_it_moves_and_renames_hundreds_of_refs_it_goes_on_or_back() {
    let purged = build();
    let tip = purged.repo.git(&["rev-parse", "HEAD"]);
    let mut commands = String::new();
    for number in 0..150 {
        commands += &format!("create refs/heads/many/{number} {tip}\n");
        commands += &format!("create refs/heads/{}/{number} {tip}\n", purged.value);
    }
    let input = commands.as_bytes();
    purged
        .repo
        .git_with_input(&["update-ref", "--stdin"], input);
    purged.repo.git(&["pack-refs", "--all"]);
    for number in 0..20 {
        let name = format!("refs/heads/many/{number}");
        purged
            .repo
            .git(&["update-ref", "-m", "moved", &name, "HEAD~1"]);
    }
    assert_survives(&purged, kills().div_ceil(3));
}

/// Kills runs of all commands; each time everything is as it was in the end.
fn assert_survives(purged: &Purged, kills: u32) {
    let before = purged.state();
    let whole = |args: &[&str]| {
        let began = Instant::now();
        assert!(start(purged, args).wait().unwrap().success(), "{args:?}");
        began.elapsed()
    };
    let apply = whole(&["--apply"]);
    let after = purged.repo.git(&["for-each-ref"]);
    let finish = whole(&["finish"]);
    let undo = whole(&["undo"]);
    let mut random = Random::new(11);
    let mut killed = 0;
    for round in 0..3 * kills {
        if killed >= kills {
            break;
        }
        let (first, args, time): (&[&[&str]], &[&str], Duration) = match round % 6 {
            0 => (&[], &["--apply", "--finish"], apply + finish),
            1 => (&[&["--apply"]], &["finish"], finish),
            2 => (&[&["--apply"]], &["undo"], undo),
            3 => (&[&["--apply"], &["finish"]], &["undo"], undo),
            4 => (&[], &["--continue"], apply + finish + undo),
            _ => (&[], &["--abort"], undo),
        };
        for args in first {
            whole(args);
        }
        if round % 6 > 3 {
            kill(
                purged,
                &["--apply", "--finish"],
                apply + finish,
                &mut random,
            );
        }
        killed += u32::from(kill(purged, args, time, &mut random));
        let place = format!("round {round}, {args:?}");
        let has_begun = !purged.purge(&["status"], 0).contains("No purge");
        if random.below(2) == 0 && has_begun {
            go_on(purged, &after, &place);
        }
        if !purged.purge(&["status"], 0).contains("No purge") {
            purged.purge(&["--abort"], 0);
        }
        assert_same(&purged.state(), &before, &place);
        let left = super::files(purged.repo.path()).into_keys();
        let left: Vec<String> = left.filter(|name| name.ends_with(".lock")).collect();
        assert!(left.is_empty(), "{place}: {left:?}");
    }
    assert!(killed >= kills.min(5), "only {killed} were killed");
}
