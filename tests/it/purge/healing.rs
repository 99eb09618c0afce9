//! Other clones come to the new history, whatever the purge did; those that cannot say so.

use super::{Purged, assert_gone, text};
use crate::support::{Repo, github_token};

/// A server, the clone in which history is purged, and a colleague's.
struct Team {
    server: Repo,
    me: Purged,
    colleague: Purged,
}

/// A team whose history is what `commits` makes, one after the other.
fn team(commits: &dyn Fn(&Repo, &str)) -> Team {
    let seed = Repo::new();
    seed.commit_file("clean", "nothing\n");
    commits(&seed, &github_token(1));
    seed.commit_file("after", "later\n");
    let server = seed.cloned(&["--bare"]);
    Team {
        me: Purged::new(server.cloned(&[])),
        colleague: Purged::new(server.cloned(&[])),
        server,
    }
}

impl Team {
    fn manifest(&self) -> String {
        let path = self.me.repo.git_dir().join("unleak/manifest.json");
        path.to_str().unwrap().to_owned()
    }

    /// Does what the push plan says.
    fn push(&self) {
        run(&self.me, &self.me.purge(&["push-plan"], 0));
    }

    fn tip(repo: &Repo) -> String {
        repo.git(&["rev-parse", "refs/heads/main"])
    }
}

/// Runs commands as a shell does.
pub(super) fn run(purged: &Purged, commands: &str) {
    let output = std::process::Command::new("sh")
        .args(["-e", "-c", commands])
        .current_dir(purged.repo.path())
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "protocol.file.allow")
        .env("GIT_CONFIG_VALUE_0", "always")
        .env("XDG_STATE_HOME", purged.state.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{commands}\n{}",
        text(&output.stderr)
    );
}

fn base64(repo: &Repo, value: &str) {
    let encoded = data_encoding::BASE64.encode(format!("user:{value}").as_bytes());
    repo.commit_file("encoded", format!("auth: {encoded}\n"));
}

fn utf16(repo: &Repo, value: &str) {
    let text = format!("key={value};");
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    repo.commit_file("wide", wide);
}

fn named(repo: &Repo, value: &str) {
    repo.commit_file(&format!("dir/k-{value}"), "contents\n");
}

fn message(repo: &Repo, value: &str) {
    repo.write("file", "contents\n");
    repo.commit(&format!("with {value}"));
}

fn packed(repo: &Repo, value: &str) {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder
        .write_all(format!("token = {value}\n").as_bytes())
        .unwrap();
    repo.commit_file("log.gz", encoder.finish().unwrap());
}

fn removed(repo: &Repo, value: &str) {
    repo.write("dir/file", "goes\n");
    repo.commit_file("leak", format!("key {value}\n"));
    repo.git(&["rm", "-q", "-r", "dir"]);
    repo.commit("without the directory");
}

#[test]
fn clones_heal_whatever_the_purge_did() {
    type Commits = fn(&Repo, &str);
    let cases: [(&str, Commits, &[&str]); 6] = [
        ("base64", base64, &[]),
        ("utf-16", utf16, &[]),
        ("names", named, &[]),
        ("messages", message, &[]),
        ("archives", packed, &["--binary", "drop"]),
        ("paths", removed, &["--remove-path", "dir"]),
    ];
    for (what, commits, options) in cases {
        let team = team(&commits);
        team.colleague.repo.commit_file("mine", "local work\n");
        let single =
            Purged::new(
                team.server
                    .cloned(&["--single-branch", "--branch", "main", "--no-tags"]),
            );
        let args = [&["--known", "-", "--apply", "--finish"], options].concat();
        team.me.purge(&args, 0);
        team.push();
        let tip = Team::tip(&team.me.repo);
        assert_eq!(Team::tip(&team.server), tip, "{what}");
        for clone in [&team.colleague, &single] {
            clone.repo.git(&["fetch", "--quiet", "--all"]);
        }
        // An archive cannot be read again from the manifest: what is one's own was not searched.
        let code = if what == "archives" { 3 } else { 0 };
        team.colleague
            .purge(&["heal", &team.manifest(), "--finish"], code);
        assert_eq!(
            team.colleague.repo.git(&["rev-parse", "main~1"]),
            tip,
            "{what}"
        );
        assert_eq!(
            team.colleague.repo.git(&["show", "main:mine"]),
            "local work"
        );
        single.purge(&["heal", &team.manifest(), "--finish"], 0);
        assert_eq!(Team::tip(&single.repo), tip, "{what}");
        for clone in [&team.colleague, &single] {
            assert_gone(&clone.repo, &clone.value);
        }
        team.colleague
            .repo
            .git(&["push", "--quiet", "origin", "main"]);
    }
}

/// The fault that this is about: "Nothing to heal", status 0, and the bot's next push brought it back.
#[test]
fn a_shallow_clone_says_that_it_cannot_be_healed() {
    let team = team(&base64);
    let bot = Purged::new(team.server.cloned(&["--depth", "1"]));
    bot.repo.commit_file("bot", "a build number\n");
    team.me.erase();
    let said = bot.purge(&["heal", &team.manifest()], 3);
    assert!(
        said.contains("Not healed") && said.contains("shallow"),
        "{said}"
    );
    assert!(said.contains("Clone it again"), "{said}");
    // Before the new history is fetched, a clone cannot follow what it cannot read.
    let late = Purged::new(team.server.cloned(&[]));
    std::fs::remove_file(late.repo.git_dir().join("packed-refs")).ok();
    team.push();
    let fresh = Purged::new(team.server.cloned(&["--depth", "1"]));
    let said = fresh.purge(&["heal", &team.manifest()], 0);
    assert!(said.contains("Nothing to heal"), "{said}");
}

#[test]
fn a_clone_without_the_new_history_is_told_to_fetch_it() {
    let team = team(&packed);
    let args = ["--known", "-", "--apply", "--finish", "--binary", "drop"];
    team.me.purge(&args, 0);
    let output = team.colleague.try_purge(&["heal", &team.manifest()]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stdout));
    assert!(
        text(&output.stderr).contains("git fetch --all"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_manifest_after_a_second_purge_leads_to_the_end_of_both() {
    let team = team(&base64);
    let second = Purged::new(team.server.cloned(&[]));
    team.me.erase();
    let first: std::collections::BTreeMap<String, String> = team.me.commit_map();
    let once = Purged::new(team.me.repo.cloned(&[]));
    let list = team.me.state.path().join("second");
    std::fs::write(&list, "later and more\n").unwrap();
    team.me.repo.commit_file("more", "later and more\n");
    team.me.purge(
        &[
            "--known",
            list.to_str().unwrap(),
            "--remove-path",
            "after",
            "--apply",
            "--finish",
        ],
        0,
    );
    let text = std::fs::read_to_string(team.manifest()).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let pairs: std::collections::BTreeMap<&str, &str> = manifest["commits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .collect();
    let last = team.me.commit_map();
    for (old, between) in &first {
        let end = last.get(between).unwrap_or(between);
        assert_eq!(pairs.get(&**old), Some(&&**end), "{old}");
    }
    // The server never saw the first step, nor the commit of one's own.
    team.push();
    let end = team.me.repo.git(&["rev-parse", "main~1"]);
    assert_eq!(Team::tip(&team.server), end);
    for clone in [&second, &once] {
        let url = format!("file://{}", team.server.path().display());
        clone.repo.git(&["fetch", "--quiet", &url, "main"]);
        clone.purge(&["heal", &team.manifest(), "--finish"], 0);
        assert_gone(&clone.repo, &clone.value);
    }
    assert_eq!(Team::tip(&second.repo), end);
    // Taking the second purge back leaves the manifest of the first.
    team.me.purge(&["undo"], 0);
    let text = std::fs::read_to_string(team.manifest()).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["commits"].as_array().unwrap().len(), first.len());
}

#[test]
fn a_push_that_came_meanwhile_is_taken_along() {
    let team = team(&base64);
    team.colleague
        .repo
        .commit_file("theirs", "pushed meanwhile\n");
    team.me.erase();
    team.colleague
        .repo
        .git(&["push", "--quiet", "origin", "main"]);
    let plan = team.me.purge(&["push-plan"], 0);
    assert!(
        plan.contains("somebody pushed") && plan.contains("refs/heads/main"),
        "{plan}"
    );
    let steps = plan.lines().filter_map(|line| line.strip_prefix("#   "));
    let steps: Vec<&str> = steps.filter(|step| step.starts_with("git fetch")).collect();
    assert_eq!(steps.len(), 1, "{plan}");
    run(&team.me, steps[0]);
    team.me
        .purge(&["heal", ".git/unleak/manifest.json", "--finish"], 0);
    team.push();
    let left = team.me.purge(&["push-plan"], 0);
    assert!(left.contains("no ref is left to push"), "{left}");
    assert_eq!(
        team.server.git(&["show", "main:theirs"]),
        "pushed meanwhile"
    );
    assert_gone(&team.me.repo, &team.me.value);
    let log = team.server.git(&["log", "-p", "main"]);
    assert!(
        !log.contains(&data_encoding::BASE64.encode(format!("user:{}", team.me.value).as_bytes()))
    );
}

#[test]
fn refs_whose_names_hold_a_value_get_new_ones_on_the_server() {
    let team = team(&|repo, value| {
        repo.commit_file("leak", format!("{value}\n"));
        repo.git(&["branch", &format!("br-{value}-x")]);
        repo.git(&["branch", &format!("clean-{value}"), "HEAD~1"]);
    });
    team.me.repo.git(&["tag", "local-only"]);
    team.me.erase();
    let plan = team.me.purge(&["push-plan"], 0);
    assert!(
        plan.contains("Only here, and not on 'origin'")
            && plan.contains("#   refs/tags/local-only"),
        "{plan}"
    );
    run(&team.me, &plan);
    let names = team.server.git(&["for-each-ref", "--format=%(refname)"]);
    let expected = "refs/heads/br-REMOVED-x\nrefs/heads/clean-REMOVED\nrefs/heads/main";
    assert_eq!(names, expected);
    run(
        &team.me,
        &team.me.purge(&["push-plan", "--ref", "local-only"], 0),
    );
    assert_eq!(
        team.server.git(&["rev-parse", "local-only"]),
        team.me.repo.git(&["rev-parse", "local-only"])
    );
}

#[test]
fn a_mirror_clone_pushes_what_moved() {
    let seed = Repo::new();
    seed.commit_file("leak", format!("{}\n", github_token(1)));
    seed.git(&["notes", "add", "-m", "a note"]);
    let server = seed.cloned(&["--mirror"]);
    server.git(&["config", "--unset-all", "remote.origin.mirror"]);
    let mirror = Purged::new(server.cloned(&["--mirror"]));
    mirror.erase();
    run(&mirror, &mirror.purge(&["push-plan"], 0));
    for name in ["refs/heads/main", "refs/notes/commits"] {
        assert_eq!(
            server.git(&["rev-parse", name]),
            mirror.repo.git(&["rev-parse", name]),
            "{name}"
        );
    }
}

#[test]
fn a_renamed_ref_is_found_by_its_name_and_by_nothing_else() {
    let team = team(&|repo, value| {
        repo.commit_file("leak", format!("{value}\n"));
        repo.git(&["branch", &format!("br-{value}-x")]);
    });
    // Another branch that begins, ends and is as long, at the same commit.
    let twin = format!("br-{}-x", "z".repeat(team.me.value.len()));
    let old = format!("br-{}-x", team.me.value);
    team.server.git(&["branch", &twin, &old]);
    team.me.repo.git(&["fetch", "--quiet"]);
    team.me.erase();
    team.push();
    let names = team
        .server
        .git(&["for-each-ref", "--format=%(refname:short)"]);
    let names: Vec<&str> = names.lines().collect();
    assert_eq!(names, ["br-REMOVED-x", &twin, "main"]);
    assert_eq!(
        team.server.git(&["rev-parse", &twin]),
        team.server.git(&["rev-parse", "br-REMOVED-x"]),
        "both are on the new history"
    );
    let manifest = std::fs::read_to_string(team.manifest()).unwrap();
    assert!(!manifest.contains("\"br-\""), "{manifest}");
}

#[test]
fn a_default_branch_gets_its_new_name_by_the_steps_that_are_printed() {
    let team = team(&|repo, value| {
        repo.commit_file("leak", format!("{value}\n"));
        repo.git(&["branch", &format!("br-{value}")]);
    });
    let old = format!("refs/heads/br-{}", team.me.value);
    team.server.git(&["symbolic-ref", "HEAD", &old]);
    team.me.erase();
    let plan = team.me.purge(&["push-plan"], 0);
    let output = std::process::Command::new("sh")
        .args(["-c", &plan])
        .current_dir(team.me.repo.path())
        .output()
        .unwrap();
    assert!(
        text(&output.stderr).contains("deletion of the current branch prohibited"),
        "{}",
        text(&output.stderr)
    );
    let lines = plan
        .lines()
        .skip_while(|line| !line.contains("deletion of the current branch"));
    let steps = lines
        .filter_map(|line| line.strip_prefix("#     "))
        .map(str::trim);
    let steps: Vec<&str> = steps.collect();
    let step = |start: &str| *steps.iter().find(|step| step.starts_with(start)).unwrap();
    run(&team.me, step("git push"));
    let server = step("git symbolic-ref").split('#').next().unwrap().trim();
    let words: Vec<&str> = server.split(' ').skip(1).collect();
    team.server.git(&words);
    assert!(step("unleak purge push-plan").len() > 3);
    run(&team.me, &team.me.purge(&["push-plan"], 0));
    let names = team
        .server
        .git(&["for-each-ref", "--format=%(refname:short)"]);
    assert_eq!(names, "br-REMOVED\nmain");
    assert!(
        team.me
            .purge(&["push-plan"], 0)
            .contains("no ref is left to push")
    );
}

#[test]
fn a_colleague_with_stale_refs_and_moved_tags_heals_without_duplicates() {
    let team = team(&|repo, value| {
        repo.commit_file("leak", format!("{value}\n"));
        repo.git(&["branch", &format!("br-{value}")]);
        repo.git(&["tag", "-a", "-m", "first", "v1"]);
    });
    let colleague = &team.colleague;
    // Tags are fetched with the branches, as some people set it up.
    let fetch = [
        "config",
        "--add",
        "remote.origin.fetch",
        "refs/tags/*:refs/tags/*",
    ];
    colleague.repo.git(&fetch);
    colleague.repo.commit_file("mine", "work of the day\n");
    team.me.erase();
    team.push();
    let list = team.me.purge(&["status"], 0);
    let lines = list
        .lines()
        .skip_while(|line| !line.contains("Bring each other clone"));
    let command = lines.into_iter().nth(1).unwrap().trim().to_owned();
    let command = command.replace("unleak ", &format!("{} ", env!("CARGO_BIN_EXE_unleak")));
    run(colleague, &command);
    let refs = colleague.repo.git(&["for-each-ref", "--format=%(refname)"]);
    assert!(!refs.contains("-2"), "{refs}");
    assert_eq!(
        colleague.repo.git(&["rev-parse", "v1"]),
        team.me.repo.git(&["rev-parse", "v1"])
    );
    assert_gone(&colleague.repo, &colleague.value);
}

#[test]
fn a_server_that_still_has_commit_and_blob_is_asked_to_the_end() {
    let team = team(&|repo, value| {
        repo.commit_file("leak", format!("{value}\n"));
    });
    let old = team.me.repo.git(&["rev-parse", "HEAD~1"]);
    let blob = team.me.repo.git(&["rev-parse", "HEAD:leak"]);
    team.server.git(&["update-ref", "refs/pull/7/head", &old]);
    for (name, value) in [("allowAnySHA1InWant", "true"), ("allowFilter", "true")] {
        let name = format!("uploadpack.{name}");
        team.server.git(&["config", &name, value]);
    }
    team.me.erase();
    team.push();
    let said = team.me.purge(&["verify", "--remote", "origin"], 1);
    for words in [&old[..], &blob[..], "refs/pull/7/head"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn old_history_that_a_fetch_brings_back_is_told_and_erased_by_the_printed_command() {
    let team = team(&|repo, value| {
        repo.commit_file("leak", format!("{value}\n"));
        repo.git(&["branch", &format!("br-{value}")]);
        repo.commit_file("more", "x\n");
    });
    team.me.erase();
    let told = "Erase what came back";
    assert!(!team.me.purge(&["status"], 0).contains(told));
    // The server has the old history until the push.
    team.me.repo.git(&["fetch", "--quiet", "origin"]);
    let said = team.me.purge(&["status"], 0);
    assert!(
        said.contains(told) && said.contains("'refs/remotes/origin/main'"),
        "{said}"
    );
    let lines = said.lines().skip_while(|line| !line.contains(told));
    let command = lines.into_iter().nth(1).unwrap().trim().to_owned();
    let command = command.replace("unleak ", &format!("{} ", env!("CARGO_BIN_EXE_unleak")));
    team.push();
    run(&team.me, &command);
    let said = team.me.purge(&["status"], 0);
    assert!(!said.contains(told), "{said}");
    assert_gone(&team.me.repo, &team.me.value);
}

#[test]
fn a_ref_of_a_remote_that_a_plain_fetch_leaves_is_healed_too() {
    let team = team(&|repo, value| {
        repo.commit_file("leak", format!("{value}\n"));
        repo.git(&["branch", "gone"]);
    });
    let colleague = &team.colleague;
    colleague.repo.git(&["fetch", "--quiet", "origin"]);
    let stale = "refs/remotes/origin/gone";
    assert!(
        colleague
            .repo
            .git(&["for-each-ref", "--format=%(refname)"])
            .contains(stale)
    );
    team.me.erase();
    team.push();
    team.server.git(&["update-ref", "-d", "refs/heads/gone"]);
    // Neither pruned nor forced: the ref stays at the old commit.
    colleague.repo.git(&["fetch", "--quiet", "origin"]);
    colleague.purge(&["heal", &team.manifest(), "--finish"], 0);
    assert_gone(&colleague.repo, &colleague.value);
    let said = colleague.purge(&["status"], 0);
    assert!(!said.contains("Erase what came back"), "{said}");
}
