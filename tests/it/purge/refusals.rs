//! Repositories that cannot be purged are refused, with the way out, and stay as they are.

use std::fs;

use super::{Purged, assert_same, files, text};
use crate::support::Repo;

fn refused(purged: &Purged, words: &[&str]) {
    let mut before = files(&purged.repo.git_dir());
    before.remove("unleak/lock");
    let output = purged.try_purge(&["--known", "-", "--apply"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for word in words {
        assert!(said.contains(word), "'{word}' in {said}");
    }
    let mut after = files(&purged.repo.git_dir());
    after.remove("unleak/lock");
    assert_same(&after, &before, "after");
    // The plan says the same, and its status too.
    let plan = purged.try_purge(&["--known", "-"]);
    assert_eq!(plan.status.code(), Some(3), "{}", text(&plan.stdout));
}

fn dirty() -> Purged {
    let purged = Purged::new(Repo::new());
    purged.repo.commit_file("a", "clean\n");
    purged.repo.commit_file("b", format!("{}\n", purged.value));
    purged
}

#[test]
fn shallow_and_partial_clones() {
    let origin = dirty();
    origin
        .repo
        .git(&["config", "uploadpack.allowFilter", "true"]);
    let shallow = Purged::new(origin.repo.cloned(&["--depth", "1"]));
    refused(&shallow, &["shallow", "git fetch --unshallow"]);
    let partial = Purged::new(origin.repo.cloned(&["--filter=blob:limit=1k"]));
    refused(&partial, &["partial clone", "--filter"]);
    for clone in [shallow, partial] {
        let plan = clone.purge(&["--known", "-"], 3);
        assert!(!plan.contains("in this repository."), "{plan}");
    }
    let empty = Purged::new(origin.repo.cloned(&["--filter=blob:none", "--no-checkout"]));
    let said = empty.purge(&[], 3);
    assert!(said.contains("in what could be read"), "{said}");
    assert!(said.contains("'unleak scan' says what"), "{said}");
}

/// Only root can make a repository that is another user's.
#[test]
fn root_does_not_write_into_the_repository_of_another_user() {
    let purged = dirty();
    let git_dir = purged.repo.git_dir();
    if std::os::unix::fs::chown(&git_dir, Some(1234), Some(1234)).is_err() {
        return;
    }
    refused(
        &purged,
        &["belongs to another user (1234)", "sudo -u \\#1234"],
    );
}

#[test]
fn borrowed_and_kept_objects() {
    let origin = dirty();
    let borrowed = Purged::new(Repo::bare_directory());
    let path = origin.repo.path().to_str().unwrap();
    borrowed
        .repo
        .git(&["clone", "--quiet", "--shared", path, "."]);
    refused(&borrowed, &["borrowed", "git repack -a -d"]);
    origin.repo.git(&["repack", "-q", "-a", "-d"]);
    let packs = origin.repo.git_dir().join("objects/pack");
    let pack = files(&packs)
        .into_keys()
        .find(|name| name.ends_with(".pack"))
        .unwrap();
    fs::write(packs.join(pack.replace(".pack", ".keep")), "").unwrap();
    refused(&origin, &["is kept", ".keep"]);
}

#[test]
fn operations_in_progress() {
    let purged = dirty();
    purged.repo.git(&["checkout", "-q", "-b", "side", "HEAD~1"]);
    purged.repo.commit_file("b", "other\n");
    let merged = purged.repo.try_git(&["merge", "main"], &[]);
    assert!(!merged.status.success());
    refused(&purged, &["a merge is in progress", "git merge --abort"]);
    purged.repo.git(&["merge", "--abort"]);
    let rebased = purged.repo.try_git(&["rebase", "main"], &[]);
    assert!(!rebased.status.success());
    refused(&purged, &["a rebase is in progress", "git rebase --abort"]);
}

#[test]
fn extensions_that_are_not_known() {
    let purged = dirty();
    purged
        .repo
        .git(&["config", "core.repositoryFormatVersion", "1"]);
    purged
        .repo
        .git(&["config", "extensions.preciousObjects", "true"]);
    refused(&purged, &["preciousObjects"]);
    purged
        .repo
        .git(&["config", "--unset", "extensions.preciousObjects"]);
    fs::write(
        purged.repo.git_dir().join("config"),
        "[core]\n\trepositoryFormatVersion = 1\n[extensions]\n\tfromTheFuture = true\n",
    )
    .unwrap();
    refused(&purged, &["fromTheFuture"]);
}

#[test]
fn a_purge_that_is_not_finished_comes_first() {
    let purged = dirty();
    purged.purge(&["--known", "-", "--apply"], 0);
    purged
        .repo
        .commit_file("c", format!("again {}\n", purged.value));
    let output = purged.try_purge(&["--known", "-", "--apply"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("unleak purge finish"));
    let output = purged.try_purge(&["finish"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("leads to the old history"),
        "{}",
        text(&output.stderr)
    );
    // What was committed since is brought over.
    assert!(purged.purge(&["undo"], 0).contains("Brought over"));
    assert!(purged.repo.git(&["show", "main:c"]).contains("again"));
    assert!(
        purged
            .repo
            .git(&["show", "main~1:b"])
            .contains(&purged.value)
    );
}

#[test]
fn a_plain_binary_file_is_refused_in_true_words() {
    let purged = dirty();
    let binary = [b"\0\x01", purged.value.as_bytes(), b"\0"].concat();
    purged.repo.commit_file("tool.bin", binary);
    let output = purged.try_purge(&["--known", "-", "--apply", "--binary", "refuse"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("the file is binary") && said.contains("--binary fill"),
        "{said}"
    );
    assert!(!said.contains("compressed"), "{said}");
    purged.purge(
        &["--known", "-", "--apply", "--finish", "--binary", "fill"],
        0,
    );
}

#[test]
fn archives_are_refused_unless_they_may_go() {
    let purged = dirty();
    let packed = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder
            .write_all(format!("token = {}\n", purged.value).as_bytes())
            .unwrap();
        encoder.finish().unwrap()
    };
    purged.repo.commit_file("logs.gz", packed);
    refused(&purged, &["--binary drop", "--remove-path", "compressed"]);
    purged.purge(
        &["--known", "-", "--apply", "--finish", "--binary", "drop"],
        0,
    );
    assert_eq!(purged.repo.git(&["show", "main:logs.gz"]), "***REMOVED***");
    let found = purged.repo.scan(&[]);
    assert_eq!(found.code, 0, "{:#}", found.json);
}
