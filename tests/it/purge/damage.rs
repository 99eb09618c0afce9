//! A snapshot that was damaged is never taken for whole, and nothing is called taken back that is lost.

use std::path::{Path, PathBuf};

use unleak::rule::template::Random;

use super::torture::build;
use super::{Purged, assert_same, files, text};

/// The directory of the only undo snapshot.
fn snapshot(purged: &Purged) -> PathBuf {
    let only = |dir: &Path| {
        let mut entries = std::fs::read_dir(dir).unwrap();
        entries.next().unwrap().unwrap().path()
    };
    only(&only(&purged.state.path().join("unleak/undo")))
}

/// Puts something damaged, or nothing, in the place of a file, and the file beside it.
fn damage(file: &Path, aside: &Path, random: &mut Random) -> &'static str {
    std::fs::rename(file, aside).unwrap();
    let was = std::fs::read(aside).unwrap();
    let at = random.below(was.len().max(1));
    match random.below(3) {
        _ if was.is_empty() => "deleted",
        0 => {
            let mut bytes = was.to_vec();
            bytes[at] ^= 1 << random.below(8);
            std::fs::write(file, bytes).unwrap();
            "flipped"
        }
        1 => {
            std::fs::write(file, &was[..at]).unwrap();
            "cut"
        }
        _ => "deleted",
    }
}

/// `UNLEAK_DAMAGES` says how many positions are damaged.
#[test]
fn a_damaged_snapshot_changes_nothing_and_is_kept() {
    let said = std::env::var("UNLEAK_DAMAGES").ok();
    let count: usize = said.and_then(|text| text.parse().ok()).unwrap_or(40);
    let purged = build();
    let before = purged.state();
    purged.purge(&["--known", "-", "--apply", "--finish"], 0);
    let after = purged.state();
    let top = snapshot(&purged);
    let aside = purged.state.path().join("aside");
    let all: Vec<String> = files(&top).into_keys().collect();
    let (objects, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|name| name.starts_with("git/objects"));
    let mut random = Random::new(21);
    for round in 0..count {
        // Most files are objects, and least can go wrong with them.
        let list = if round % 3 == 0 { &objects } else { &others };
        let name = &list[random.below(list.len())];
        let file = top.join(name);
        let how = damage(&file, &aside, &mut random);
        let place = format!("round {round}: '{name}' {how}");
        let output = purged.try_purge(&["undo"]);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{place}: {said}");
        assert!(said.contains("undo snapshot"), "{place}: {said}");
        assert!(!said.contains("as it was"), "{place}: {said}");
        assert_same(&purged.state(), &after, &place);
        std::fs::rename(&aside, &file).unwrap();
    }
    let said = purged.purge(&["undo"], 0);
    assert!(said.contains("as it was"), "{said}");
    assert_same(&purged.state(), &before, "after");
    assert!(
        !top.exists(),
        "the snapshot is forgotten when it is not needed"
    );
}

#[test]
fn an_object_that_is_lost_meanwhile_keeps_the_snapshot() {
    let purged = build();
    let repo = &purged.repo;
    purged.purge(&["--known", "-", "--apply", "--finish"], 0);
    // Something clean that no purge touches, and that only this repository has.
    let blob = text(&repo.git_with_input(&["hash-object", "-w", "--stdin"], b"made since\n"));
    let blob = blob.trim();
    repo.write("since", "made since\n");
    repo.git(&["add", "since"]);
    let file = repo
        .git_dir()
        .join("objects")
        .join(&blob[..2])
        .join(&blob[2..]);
    std::fs::remove_file(&file).unwrap();
    let top = snapshot(&purged);
    let said = purged.purge(&["undo"], 3);
    assert!(
        said.contains("an object is missing") && said.contains(blob),
        "{said}"
    );
    assert!(top.exists());
    repo.git_with_input(&["hash-object", "-w", "--stdin"], b"made since\n");
    purged.purge(&["undo"], 0);
    assert!(!top.exists());
}
