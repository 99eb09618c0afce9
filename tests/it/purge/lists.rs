//! Lists of values and saved reports, and what is left behind if they are misread.

use std::path::Path;

use super::{Purged, assert_gone, assert_same, contains, objects, text};
use crate::support::{Repo, github_token, token};

/// A repository with a value in two files, and a list of values beside it.
fn with_value(value: &str) -> Purged {
    let mut purged = Purged::new(Repo::new());
    purged.value = value.to_owned();
    purged.repo.commit_file("clean", "nothing\n");
    purged
        .repo
        .commit_file("app.conf", format!("token = {value}\n"));
    purged
}

fn list(purged: &Purged, bytes: &[u8]) -> String {
    let path = purged.state.path().join("list");
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    [vec![0xff, 0xfe], units.collect()].concat()
}

/// The fault that this is about: a list with a byte order mark found nothing, and the repository was
/// called clean.
#[test]
fn lists_of_every_encoding_find_the_value_in_every_command() {
    let value = token("{base62:20}", 71);
    let purged = with_value(&value);
    let crlf = format!("{value}  \t\r\n");
    let lists = [
        crlf.clone().into_bytes(),
        [b"\xef\xbb\xbf", crlf.as_bytes()].concat(),
        utf16(&crlf),
        format!("{value}\u{a0}\n").into_bytes(),
        format!("{value}==>gone\r\n").into_bytes(),
        format!("literal:{value}\n").into_bytes(),
        format!("export API_TOKEN='{value}'\n").into_bytes(),
    ];
    for bytes in lists {
        let list = list(&purged, &bytes);
        let shown = bytes.escape_ascii();
        let output = purged.try_purge(&["--known", &list]);
        assert_eq!(output.status.code(), Some(1), "{shown}");
        assert!(
            text(&output.stdout).contains("1 of 2 commits change"),
            "{shown}"
        );
        assert!(
            text(&output.stderr).contains("1 value: 20 characters"),
            "{shown}: {}",
            text(&output.stderr)
        );
        let found = purged.purge(&["verify", "--known", &list], 1);
        assert!(found.contains("Not proven"), "{shown}: {found}");
        let scan = purged.repo.unleak(&["scan", "--known", &list], b"", &[]);
        assert_eq!(scan.status.code(), Some(1), "{shown}");
        assert!(text(&scan.stderr).contains("1 value: 20 characters"));
    }
}

#[test]
fn lines_that_other_tools_read_in_another_way_are_refused() {
    let value = token("{base62:20}", 72);
    let purged = with_value(&value);
    for (lines, words) in [
        (
            format!("{value}\nregex:{value}.*==>x\n"),
            "line 2: a regular expression",
        ),
        (format!("glob:{value}*\n"), "line 1: a pattern"),
        (format!("# all\n{value}==>x\n"), "line 1: git-filter-repo"),
        (format!("{value} ==>x\n"), "line 1: git-filter-repo"),
        (
            format!("{value}\nabc\n"),
            "line 2: the value has only 3 bytes",
        ),
        (
            format!("{{\"a\": \"{value}\",\n"),
            "the file begins as JSON",
        ),
    ] {
        let list = list(&purged, lines.as_bytes());
        for args in [&["--known", &list][..], &["verify", "--known", &list]] {
            let output = purged.try_purge(args);
            assert_eq!(output.status.code(), Some(2), "{words}");
            assert!(
                text(&output.stderr).contains(words),
                "{words}: {}",
                text(&output.stderr)
            );
            assert!(!text(&output.stderr).contains(&value), "{words}");
        }
    }
}

#[test]
fn replacements_of_a_list_are_written() {
    let value = token("{base62:20}", 73);
    let purged = with_value(&value);
    let list = list(&purged, format!("{value}==>from-the-vault\n").as_bytes());
    purged.purge(&["--known", &list, "--apply", "--finish"], 0);
    assert_eq!(
        purged.repo.git(&["show", "HEAD:app.conf"]),
        "token = from-the-vault"
    );
    assert_gone(&purged.repo, &value);
}

#[test]
fn a_value_that_stands_nowhere_is_told() {
    let value = token("{base62:20}", 74);
    let purged = with_value(&value);
    let list = list(
        &purged,
        format!("{value}\n{}\n", token("{base62:31}", 75)).as_bytes(),
    );
    let plan = purged.purge(&["--known", &list], 1);
    assert!(
        plan.contains("1 value stands nowhere in this repository")
            && plan.contains("(31 characters)"),
        "{plan}"
    );
    let plan = purged.purge(&["--known", &list, "--format", "json"], 1);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let values = plan["values"].as_array().unwrap();
    let nowhere = values.iter().filter(|value| value["nowhere"] == true);
    assert_eq!(nowhere.count(), 1, "{plan:#}");
}

/// The fault that this is about: four characters of a third value stayed.
#[test]
fn of_overlapping_values_the_union_goes() {
    let whole = token("{base62:40}", 76);
    let parts = [&whole[0..16], &whole[10..26], &whole[22..40]];
    let mut purged = Purged::new(Repo::new());
    purged.value = parts[1].to_owned();
    purged.repo.commit_file("a.conf", format!("x = {whole}\n"));
    let wide: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    purged.repo.commit_file("wide.bin", wide);
    let encoded = data_encoding::BASE64.encode(format!("user:{whole}:end").as_bytes());
    purged.repo.commit_file("encoded", format!("{encoded}\n"));
    purged.repo.write(format!("dir/{whole}.txt"), "named\n");
    purged.repo.commit(&format!("about {whole}!"));
    let list = list(&purged, parts.join("\n").as_bytes());
    purged.purge(&["--known", &list, "--apply", "--finish"], 0);
    assert_eq!(
        purged.repo.git(&["show", "HEAD:a.conf"]),
        "x = ***REMOVED***"
    );
    assert_eq!(
        purged.repo.git(&["log", "-1", "--format=%s"]),
        "about ***REMOVED***!"
    );
    let decoded = data_encoding::BASE64
        .decode(purged.repo.git(&["show", "HEAD:encoded"]).as_bytes())
        .unwrap();
    assert_eq!(text(&decoded), format!("user:{}:end", "*".repeat(40)));
    // No run of five characters of the whole is left in any object.
    for (id, (kind, bytes)) in objects(&purged.repo) {
        let open: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
        for start in 0..=35 {
            let part = &whole.as_bytes()[start..start + 5];
            assert!(
                !contains(&open, part),
                "{kind} {id} holds a part from {start}"
            );
        }
    }
}

#[test]
fn reports_in_json_lines_select_the_same_values() {
    let purged = Purged::new(Repo::new());
    let (a, b) = (github_token(81), github_token(82));
    purged
        .repo
        .commit_file("a", format!("one = {a}\ntwo = {b}\n"));
    for format in ["json", "jsonl"] {
        let output = purged.repo.unleak(&["scan", "--format", format], b"", &[]);
        let path = purged.state.path().join(format);
        std::fs::write(&path, &output.stdout).unwrap();
        let plan = purged.purge(&["--from", path.to_str().unwrap(), "--format", "json"], 1);
        let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
        assert_eq!(
            plan["values"].as_array().unwrap().len(),
            2,
            "{format}: {plan:#}"
        );
        // As PowerShell saves it.
        let wide = utf16(&text(&output.stdout));
        std::fs::write(&path, wide).unwrap();
        purged.purge(&["--from", path.to_str().unwrap()], 1);
    }
    let cut = purged.state.path().join("cut");
    let output = purged.repo.unleak(&["scan", "--format", "jsonl"], b"", &[]);
    let lines = text(&output.stdout);
    let lines: Vec<&str> = lines.lines().collect();
    std::fs::write(&cut, lines[..lines.len() - 1].join("\n")).unwrap();
    let output = purged.try_purge(&["--from", cut.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("cut off"),
        "{}",
        text(&output.stderr)
    );
}

/// The fault that this is about: each finding of a report read its whole file again.
#[test]
fn a_report_costs_as_much_as_it_is_long() {
    let purged = Purged::new(Repo::new());
    let lines = |from: u64| -> String {
        (from..from + 1500)
            .map(|seed| format!("key{seed} = {}\n", github_token(seed)))
            .collect()
    };
    purged.repo.commit_file("a", lines(10_000));
    purged.repo.commit_file("b", lines(20_000));
    let report = purged.repo.scan(&[]);
    assert_eq!(report.findings().len(), 3000);
    let path = purged.state.path().join("report");
    std::fs::write(&path, &report.bytes).unwrap();
    let begun = std::time::Instant::now();
    purged.repo.scan(&[]);
    let scan = begun.elapsed();
    let begun = std::time::Instant::now();
    let plan = purged.purge(&["--from", path.to_str().unwrap(), "--format", "json"], 1);
    let from = begun.elapsed();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["values"].as_array().unwrap().len(), 3000);
    // A plan scans once, makes all objects, and reads beside all marks.
    assert!(
        from < scan * 30 + std::time::Duration::from_secs(5),
        "the scan took {scan:?}, the plan of its report {from:?}"
    );
}

#[test]
fn nothing_to_do_is_a_clean_end_also_the_second_time() {
    let purged = Purged::new(Repo::new());
    purged.repo.commit_file("clean", "nothing\n");
    purged
        .repo
        .commit_file("dir/leak", format!("token = {}\n", purged.value));
    let report = purged.repo.scan(&[]);
    let id = report.findings()[0]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = purged.state.path().join("report");
    std::fs::write(&path, &report.bytes).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let end = ["--apply", "--finish"];
    let with = |args: &[&str]| {
        [args, &end]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    for args in [
        with(&["--known", "-"]),
        with(&["--from", &path, "--yes"]),
        with(&["--finding", &id]),
        with(&["--remove-path", "dir"]),
        with(&[]),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        purged.purge(&args, 0);
        let before = purged.state();
        let said = purged.purge(&args, 0);
        assert!(said.contains("Nothing to"), "{args:?}: {said}");
        assert_same(&purged.state(), &before, "the second time");
        // The first purge can still be taken back.
        if args.len() > 2 {
            purged.purge(&["undo"], 0);
        }
    }
    let output = purged.try_purge(&["--finding", "0123456789"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn paths_to_be_removed_are_normalised_or_refused() {
    let purged = Purged::new(Repo::new());
    purged.repo.commit_file("keep", "kept\n");
    purged.repo.commit_file("a/b/file", "goes\n");
    let absolute = purged.repo.path().canonicalize().unwrap().join("a/b");
    for path in [
        "./a/b",
        "a/b/",
        "a//b",
        "a/./b/",
        absolute.to_str().unwrap(),
    ] {
        purged.purge(&["--remove-path", path, "--apply"], 0);
        assert_eq!(
            purged.repo.git(&["ls-tree", "-r", "--name-only", "HEAD"]),
            "keep",
            "{path}"
        );
        purged.purge(&["undo"], 0);
    }
    for (path, words) in [
        ("unknown/file", "no commit has a file"),
        ("a/c", "no commit has a file"),
        ("../x", "leads out of the repository"),
        ("/etc/passwd", "is not below the worktree"),
        (".", "names the whole repository"),
        (".git/config", "git's own directory"),
    ] {
        for more in [&[][..], &["--apply"]] {
            let output = purged.try_purge(&[&["--remove-path", path], more].concat());
            assert_eq!(output.status.code(), Some(2), "{path}");
            assert!(
                text(&output.stderr).contains(words),
                "{path}: {}",
                text(&output.stderr)
            );
        }
    }
}

#[test]
fn files_of_submodules_below_git_are_searched() {
    let purged = Purged::new(Repo::new());
    let other = Repo::new();
    other.commit_file("lib", "code\n");
    let url = format!("file://{}", other.path().display());
    purged
        .repo
        .git(&["submodule", "--quiet", "add", &url, "lib"]);
    purged.repo.commit("submodule");
    let config = purged.repo.git_dir().join("modules/lib/config");
    let clean = std::fs::read_to_string(&config).unwrap();
    let address = format!("https://x:{}@host/lib", purged.value);
    std::fs::write(&config, clean.replace(&url, &address)).unwrap();
    let plan = purged.purge(&["--known", "-"], 1);
    assert!(plan.contains("modules/lib/config"), "{plan}");
    purged.erase();
    assert_gone(&purged.repo, &purged.value);
    let now = std::fs::read_to_string(&config).unwrap();
    assert_eq!(
        now,
        clean.replace(&url, &address.replace(&purged.value, "***REMOVED***"))
    );
    // What the submodule's own history holds is told, and not proven.
    let nested = purged.repo.path().join("lib");
    std::fs::write(nested.join("leak"), &purged.value).unwrap();
    for args in [&["add", "leak"][..], &["commit", "--quiet", "-m", "leak"]] {
        purged.repo.git(&[&["-C", "lib"], args].concat());
    }
    let said = purged.purge(&["verify", "--known", "-"], 1);
    assert!(said.contains("in a submodule: blob"), "{said}");
    let plan = purged.purge(&["--known", "-"], 1);
    assert!(plan.contains("purge repositories by themselves"), "{plan}");
}

#[test]
fn grafts_are_refused_with_the_way_out() {
    let purged = with_value(&token("{base62:20}", 90));
    let head = purged.repo.git(&["rev-parse", "HEAD"]);
    purged.repo.write(".git/info/grafts", format!("{head}\n"));
    let output = purged.try_purge(&["--known", "-", "--apply"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("--convert-graft-file"),
        "{}",
        text(&output.stderr)
    );
    purged.repo.git(&["replace", "--convert-graft-file"]);
    purged.erase();
    assert_gone(&purged.repo, &purged.value);
}

#[test]
fn files_of_lfs_that_nothing_names_any_more_go_with_their_paths() {
    let purged = Purged::new(Repo::new());
    purged.repo.commit_file("keep", "kept\n");
    let pointer = |oid: &str| {
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 5\n")
    };
    let (gone, kept) = ("4d7a".repeat(16), "5e8b".repeat(16));
    let path = |oid: &str| format!(".git/lfs/objects/{}/{}/{oid}", &oid[..2], &oid[2..4]);
    for oid in [&gone, &kept] {
        purged.repo.write(path(oid), "large");
    }
    purged.repo.commit_file("big/file", pointer(&gone));
    purged.repo.commit_file("big/both", pointer(&kept));
    purged.repo.commit_file("copy", pointer(&kept));
    purged.purge(&["--remove-path", "big", "--apply", "--finish"], 0);
    let is_there = |oid: &str| purged.repo.path().join(path(oid)).exists();
    assert!(!is_there(&gone) && is_there(&kept));
    let kit = purged.purge(&["kit", "--forge", "github"], 0);
    assert!(
        kit.contains(&format!("Orphaned LFS objects: 1\n  {gone}")),
        "{kit}"
    );
    purged.purge(&["undo"], 0);
    assert!(is_there(&gone));
}

#[test]
fn snapshots_of_earlier_purges_are_listed_and_forgotten() {
    let purged = Purged::new(Repo::new());
    purged
        .repo
        .commit_file("a", format!("one {}\n", purged.value));
    purged.erase();
    purged
        .repo
        .commit_file("b", format!("two {}\n", purged.value));
    purged.erase();
    let root = purged.state.path().join("unleak/undo");
    let count = || {
        let dirs = std::fs::read_dir(&root)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        dirs.map(|dir: std::path::PathBuf| runs(&dir))
            .sum::<usize>()
    };
    assert_eq!(count(), 2);
    let status = purged.purge(&["status", "--offline"], 0);
    assert!(status.contains("Delete 2 undo snapshots"), "{status}");
    let said = purged.purge(&["forget"], 0);
    assert!(said.contains("1 undo snapshot of earlier purges"), "{said}");
    assert_eq!(count(), 1);
    let said = purged.purge(&["forget", "--all"], 0);
    assert!(said.contains("of an earlier purge"), "{said}");
    assert_eq!(count(), 0);
    let status = purged.purge(&["status", "--offline"], 0);
    assert!(
        status.contains("[x] 7. Delete the undo snapshot"),
        "{status}"
    );
}

fn runs(dir: &Path) -> usize {
    std::fs::read_dir(dir).map_or(0, Iterator::count)
}

#[test]
fn a_plan_that_changes_names_only_says_which() {
    let purged = Purged::new(Repo::new());
    let (repo, value) = (&purged.repo, &purged.value);
    repo.write(format!("dir-{value}/a.txt"), "clean\n");
    repo.commit("first");
    repo.git(&["branch", &format!("br-{value}")]);
    let plan = purged.purge(&["--known", "-"], 1);
    for words in [
        "in no file version, commit or tag",
        "Names: 1 file or directory name with a value changes in history.",
        "HEAD and the worktree: no contents change.",
        "(named by a value) -> dir-REMOVED/a.txt",
        "-> refs/heads/br-REMOVED",
    ] {
        assert!(plan.contains(words), "{words}: {plan}");
    }
}

#[test]
fn lines_of_env_files_give_the_value_alone() {
    let value = token("{base62:20}", 75);
    let purged = with_value(&value);
    for line in [
        format!("T=\"{value}\" # note"),
        format!("export T='{value}'"),
        format!("export T='{value}'; # note"),
        format!("T={value} # note"),
    ] {
        let list = list(&purged, line.as_bytes());
        let found = purged.try_purge(&["--known", &list]);
        assert_eq!(found.status.code(), Some(1), "{line}");
        assert!(!text(&found.stdout).contains("nowhere"), "{line}");
    }
}
