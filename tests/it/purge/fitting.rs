//! A file that could be parsed before a purge can be parsed after it, or the purge stops.

use super::{Purged, assert_gone, assert_same, text};
use crate::support::{Repo, github_token, token};

/// Parses a file as programs do that read such files.
fn parses(path: &str, contents: &str) -> bool {
    let extension = path.rsplit('.').next().unwrap();
    match extension {
        "json" => serde_json::from_str::<serde_json::Value>(contents).is_ok(),
        "toml" => contents.parse::<toml::Table>().is_ok(),
        "yaml" => yaml_rust2::YamlLoader::load_from_str(contents).is_ok(),
        "xml" => {
            let mut reader = quick_xml::Reader::from_str(contents);
            loop {
                match reader.read_event() {
                    Ok(quick_xml::events::Event::Eof) => return true,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            }
        }
        _ => panic!("{path}"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "most of it is a table")]
fn marks_are_quoted_where_a_syntax_asks_for_it() {
    let word = token("{base62:16}", 7);
    let number = "4815162342108";
    for (path, value, before, after) in [
        (
            "a.json",
            number,
            "{\"pin\": @, \"b\": [@]}",
            "{\"pin\": \"M\", \"b\": [\"M\"]}",
        ),
        (
            "b.json",
            number,
            "{\n  \"l\": [\n    @\n  ]\n}",
            "{\n  \"l\": [\n    \"M\"\n  ]\n}",
        ),
        ("c.json", &word, "{\"a\": \"x @\"}", "{\"a\": \"x M\"}"),
        (
            "d.toml",
            number,
            "pin = @\n[a]\nb = [@]",
            "pin = \"M\"\n[a]\nb = [\"M\"]",
        ),
        (
            "e.yaml",
            &word,
            "a: @\nb: # c\n  - @\n",
            "a: \"M\"\nb: # c\n  - \"M\"\n",
        ),
        (
            "f.yaml",
            &word,
            "a: {b: @, c: [@, d]}\n",
            "a: {b: \"M\", c: [\"M\", d]}\n",
        ),
        (
            "g.yaml",
            &word,
            "a: '@'\nb: x-@\n@: c\n",
            "a: 'M'\nb: x-M\n\"M\": c\n",
        ),
        (
            "h.yaml",
            &word,
            "a: |\n  x @\nb: ${C:-@}\n",
            "a: |\n  x M\nb: ${C:-M}\n",
        ),
        (
            "i.xml",
            &word,
            "<a><b>@</b><c d=\"@\"/></a>",
            "<a><b>M</b><c d=\"M\"/></a>",
        ),
        // Names have letters only, and so has the mark.
        (
            "j.yaml",
            &word,
            "a: &x@ 1\nb: [*x@, c]\n",
            "a: &xW 1\nb: [*xW, c]\n",
        ),
        (
            "k.xml",
            &word,
            "<a><x@>y</x@><?x@ y?><b x@='1'/></a>",
            "<a><xW>y</xW><?xW y?><b xW='1'/></a>",
        ),
    ] {
        let mut purged = Purged::new(Repo::new());
        purged.value = value.to_owned();
        let before = before.replace('@', value);
        assert!(parses(path, &before), "{path}: {before}");
        purged.repo.commit_file(path, &before);
        purged.erase();
        let now = std::fs::read_to_string(purged.repo.path().join(path)).unwrap();
        let after = after.replace('M', "***REMOVED***").replace('W', "REMOVED");
        assert_eq!(now, after, "{path}");
        assert!(parses(path, &now), "{path}: {now}");
        assert_gone(&purged.repo, value);
    }
}

#[test]
fn marks_that_people_choose_are_escaped() {
    for (path, before, after) in [
        ("a.json", "{\"a\": \"@\"}", "{\"a\": \"x\\\"<y\"}"),
        ("b.yaml", "a: @\n", "a: x\"<y\n"),
        ("c.xml", "<a>@</a>", "<a>x&quot;&lt;y</a>"),
    ] {
        let mut purged = Purged::new(Repo::new());
        purged.value = token("{base62:16}", 8);
        purged
            .repo
            .commit_file(path, before.replace('@', &purged.value));
        purged.purge(&["--known", "-", "--apply", "--replace-with", "x\"<y"], 0);
        let now = std::fs::read_to_string(purged.repo.path().join(path)).unwrap();
        assert_eq!(now, after, "{path}");
    }
}

/// A part of a number, a checksum: there is no mark that fits.
#[test]
fn a_file_that_could_not_be_parsed_any_more_stops_the_purge() {
    let number = "48151623421080";
    let sum = format!("h1:{}=", token("{base64:43}", 9));
    let name = token("{alpha:1}{base62:15}", 9);
    for (path, value, contents, line) in [
        ("a.json", number, format!("{{\n\"a\": 1.{number}\n}}\n"), 2),
        ("go.sum", &sum, format!("example.org/a v1.0.0 {sum}\n"), 1),
        // Two attributes of one name.
        (
            "a.xml",
            &name,
            format!("<a>\n<b {name}='1' REMOVED='2'/>\n</a>\n"),
            2,
        ),
    ] {
        let mut purged = Purged::new(Repo::new());
        purged.value = value.to_owned();
        purged.repo.commit_file("clean", "nothing\n");
        let commit = purged.repo.commit_file(&format!("dir/{path}"), &contents);
        purged.repo.commit_file("other", "after\n");
        let before = purged.state();
        let plan = purged.purge(&["--known", "-"], 3);
        let place = format!("dir/{path}:{line} in commit {}", &commit[..12]);
        assert!(plan.contains(&place), "'{place}' in {plan}");
        let output = purged.try_purge(&["--known", "-", "--apply"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for words in [&commit[..], "--replace-with", "--remove-path", path] {
            assert!(said.contains(words), "'{words}' in {said}");
        }
        assert!(!said.contains(value), "{said}");
        assert_same(&purged.state(), &before, "after a refusal");
    }
    // What fits is a way out.
    let mut purged = Purged::new(Repo::new());
    purged.value = sum.clone();
    purged
        .repo
        .commit_file("go.sum", format!("example.org/a v1.0.0 {sum}\n"));
    purged.purge(
        &["--known", "-", "--apply", "--replace-with", "h1:gone="],
        0,
    );
    assert_eq!(
        purged.repo.git(&["show", "main:go.sum"]),
        "example.org/a v1.0.0 h1:gone="
    );
}

/// A template was no YAML before: there is nothing to compare with.
#[test]
fn what_could_not_be_parsed_before_does_not_stop_a_purge() {
    let mut purged = Purged::new(Repo::new());
    purged.value = token("{base62:16}", 10);
    let before = format!("{{{{ if .x }}}}\na: {}\n{{{{ end }}}}\n", purged.value);
    assert!(!parses("a.yaml", &before));
    purged.repo.commit_file("a.yaml", &before);
    purged.erase();
    let now = purged.repo.git(&["show", "main:a.yaml"]);
    assert_eq!(now, "{{ if .x }}\na: \"***REMOVED***\"\n{{ end }}");
}

/// The fault that this is about: a mark that is an alias in YAML which is not a file of YAML by its name.
#[test]
fn front_matter_and_templates_are_written_as_what_they_are() {
    let purged = Purged::new(Repo::new());
    let value = &purged.value;
    let files = [
        (
            "page.md",
            "---\ntitle: @\n---\n\ntext @\n",
            "---\ntitle: \"M\"\n---\n\ntext M\n",
        ),
        (
            "values.yaml.j2",
            "a: @\nb: {{ c }}\n",
            "a: \"M\"\nb: {{ c }}\n",
        ),
        ("compose.yml.example", "- @\n", "- \"M\"\n"),
        (".clang-tidy", "a: @ # b\n", "a: \"M\" # b\n"),
        (".env.example", "A=@\n", "A=M\n"),
        (
            "a.js",
            "x(/@/);\nconst y = { @: 1, b: 2 };\n",
            "x(/REMOVED/);\nconst y = { REMOVED: 1, b: 2 };\n",
        ),
        (
            "blocks.yaml",
            "a: | # text\n  @\n\n  @\nb: >-\n    @\nc:\n  - @\n",
            "a: | # text\n  M\n\n  M\nb: >-\n    M\nc:\n  - \"M\"\n",
        ),
    ];
    for (path, before, _) in files {
        purged.repo.write(path, before.replace('@', value));
    }
    purged.repo.commit("all");
    purged.erase();
    for (path, _, after) in files {
        let now = purged
            .repo
            .git_with_input(&["show", &format!("main:{path}")], b"");
        let after = after.replace("REMOVED", "R").replace('M', "***REMOVED***");
        let after = after
            .replace("/R/", "/REMOVED/")
            .replace("{ R:", "{ REMOVED:");
        assert_eq!(text(&now), after, "{path}");
    }
    assert_gone(&purged.repo, value);
}

/// Two values that are keys of one map become the same mark.
#[test]
fn a_map_that_would_have_a_key_twice_stops_the_purge() {
    let keys = [token("{base62:16}", 11), token("{base62:16}", 12)];
    for (path, before) in [
        ("a.json", "{\n\"@\": 1,\n\"%\": 2\n}\n"),
        ("a.yaml", "a:\n  @: 1\n  %: 2\n"),
    ] {
        let mut purged = Purged::new(Repo::new());
        purged.value = keys.join("\n");
        let contents = before.replace('@', &keys[0]).replace('%', &keys[1]);
        purged.repo.commit_file(path, &contents);
        let state = purged.state();
        let output = purged.try_purge(&["--known", "-", "--apply"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("line 3 of"), "{said}");
        assert!(said.contains("would have the same key twice"), "{said}");
        assert_same(&purged.state(), &state, "after a refusal");
        // What had a key twice before is no worse after it.
        let again = Purged::new(Repo::new());
        let contents = before.replace(['@', '%'], &again.value);
        again.repo.commit_file(path, &contents);
        again.erase();
        assert_gone(&again.repo, &again.value);
    }
}

/// All of the value is a token: nothing of it is left, whatever the padding.
#[test]
fn a_token_in_a_secret_of_kubernetes_is_one_value() {
    let purged = Purged::new(Repo::new());
    let repo = &purged.repo;
    let token = data_encoding::BASE64.encode(github_token(31).as_bytes());
    assert!(token.ends_with("=="), "{token}");
    let text = format!("apiVersion: v1\nkind: Secret\ndata:\n  token: {token}\n");
    repo.commit_file("secret.yaml", text);
    let found = repo.scan(&["--min-confidence", "low"]).json;
    assert_eq!(found["findings"].as_array().unwrap().len(), 1, "{found}");
    let said = purged.purge(&["--apply", "--finish"], 0);
    assert!(said.contains("Proven"), "{said}");
}

#[test]
fn the_data_of_a_secret_of_kubernetes_stays_base64() {
    let purged = Purged::new(Repo::new());
    let value = &purged.value;
    let before = format!(
        "apiVersion: v1\nkind: Secret\ndata:\n  a: {value}\n---\nkind: Secret\nstringData:\n  b: {value}\n"
    );
    purged.repo.commit_file("secret.yaml", &before);
    purged.erase();
    let now = purged.repo.git(&["show", "main:secret.yaml"]);
    let mark = data_encoding::BASE64.encode(b"***REMOVED***");
    assert!(now.contains(&format!("\n  a: {mark}\n")), "{now}");
    assert!(now.ends_with("\n  b: \"***REMOVED***\""), "{now}");
    assert_gone(&purged.repo, value);
}
