//! Copies of a value that other syntaxes write otherwise, and places that are allowed.

use super::{Purged, text};
use crate::support::{Repo, github_token, token};

/// A password with characters that most syntaxes escape, in two parts that none does.
fn parts() -> [String; 2] {
    [31, 32].map(|seed| token("{base62:9}", seed))
}

/// Files that show the password as their syntax writes `"`, `&`, `'` and `<`; the first one as it is.
const COPIES: [(&str, &str); 12] = [
    ("prod.env", "DB_PASSWORD=<1>\"&'<<2>\n"),
    ("notes.txt", "it was <1>\"&'<<2> once\n"),
    ("a.json", "{\"note\": \"<1>\\\"&'<<2>\"}\n"),
    ("go.json", "{\"note\": \"<1>\\\"\\u0026'\\u003c<2>\"}\n"),
    (
        "inner.json",
        "{\"note\": \"{\\\"a\\\": \\\"<1>\\\\\\\"&'<<2>\\\"}\"}\n",
    ),
    ("text.xml", "<note><1>\"&amp;'&lt;<2></note>\n"),
    ("attribute.xml", "<note text=\"<1>&quot;&amp;'&lt;<2>\"/>\n"),
    ("page.html", "<b title=\"<1>&#34;&amp;&#39;&lt;<2>\"></b>\n"),
    ("link.md", "https://example.org/?note=<1>%22%26'%3C<2>\n"),
    ("form.txt", "note=<1>%22%26%27%3c<2>\n"),
    ("a.sql", "SELECT '<1>\"&''<<2>';\n"),
    ("a.csv", "1,\"<1>\"\"&'<<2>\"\n"),
];

fn with_copies() -> (Purged, [String; 2]) {
    let mut purged = Purged::new(Repo::new());
    let parts = parts();
    purged.value = format!("{}\"&'<{}", parts[0], parts[1]);
    for (path, line) in COPIES {
        let line = line.replace("<1>", &parts[0]).replace("<2>", &parts[1]);
        purged.repo.write(path, line);
    }
    purged.repo.commit("copies");
    (purged, parts)
}

#[test]
fn copies_that_other_syntaxes_escape_are_erased_and_searched_for() {
    let (purged, parts) = with_copies();
    let found = purged.repo.scan(&[]);
    let id = found.only("generic-password")["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let known = purged.state.path().join("known");
    std::fs::write(&known, format!("{}\n", purged.value)).unwrap();
    let known = known.to_str().unwrap();
    let args = ["--known", known];
    let report = purged.repo.scan(&args);
    let places = &report.only("known-value")["occurrences"];
    assert_eq!(places.as_array().unwrap().len(), COPIES.len(), "{places:#}");

    let said = purged.purge(&["--finding", &id, "--apply", "--finish"], 0);
    assert!(said.contains("Proven"), "{said}");
    for (path, line) in COPIES {
        let now = purged.repo.git(&["show", &format!("HEAD:{path}")]);
        for part in &parts {
            assert!(!now.contains(part), "{path}: {line}");
        }
    }
    assert_eq!(purged.repo.scan(&args).findings().len(), 0);
}

#[test]
fn a_copy_in_another_spelling_is_not_printed() {
    let repo = Repo::new();
    let parts = parts();
    for (number, other) in ["%22", "&quot;", "\\u0022", "\\\"", "\"\""]
        .iter()
        .enumerate()
    {
        let [first, second] = &parts;
        let line = format!("DB_PASSWORD='{first}\"{second}' # was {first}{other}{second}\n");
        repo.write(format!("{number}.sh"), line);
    }
    repo.commit("lines");
    let said = text(
        &repo
            .unleak(&["scan", "--min-confidence", "low"], b"", &[])
            .stdout,
    );
    for part in parts {
        assert!(!said.contains(&part), "{said}");
    }
}

#[test]
fn what_a_comment_allows_stays_unless_it_is_named() {
    let mut purged = Purged::new(Repo::new());
    let (kept, gone) = (github_token(41), github_token(42));
    purged.value.clone_from(&gone);
    purged
        .repo
        .write("kept.env", format!("TOKEN={kept} # unleak:allow\n"));
    purged.repo.write("gone.env", format!("TOKEN={gone}\n"));
    purged.repo.commit("two passwords");
    purged.purge(&["--apply", "--finish", "--yes"], 0);
    let show = |path: &str| purged.repo.git(&["show", &format!("HEAD:{path}")]);
    assert!(show("kept.env").contains(&kept));
    assert!(!show("gone.env").contains(&gone));

    let found = purged
        .repo
        .scan(&["--no-inline-allow", "--path", "kept.env"]);
    let id = found.only("github-pat")["fingerprint"].as_str().unwrap();
    purged.purge(&["--finding", id, "--apply", "--finish"], 0);
    assert!(!show("kept.env").contains(&kept));
}

#[test]
fn the_plain_copy_of_a_value_in_base64_is_erased() {
    let mut purged = Purged::new(Repo::new());
    purged.value = token("{base62:18}", 51);
    let encoded = data_encoding::BASE64.encode(purged.value.as_bytes());
    let secret = format!("kind: Secret\ndata:\n  password: {encoded}\n");
    purged.repo.write("secret.yaml", secret);
    purged
        .repo
        .write("notes.txt", format!("it was {} once\n", purged.value));
    purged.repo.commit("a secret");
    let found = purged.repo.scan(&["--min-confidence", "low"]);
    let ids = found
        .findings()
        .iter()
        .map(|finding| finding["fingerprint"].as_str().unwrap());
    let mut args = vec!["--apply", "--finish"];
    args.extend(ids.flat_map(|id| ["--finding", id]));
    purged.purge(&args, 0);
    for path in ["secret.yaml", "notes.txt"] {
        let now = purged.repo.git(&["show", &format!("HEAD:{path}")]);
        assert!(
            !now.contains(&purged.value) && !now.contains(&encoded),
            "{path}: {now}"
        );
    }
}

#[test]
fn a_plan_shows_no_end_of_another_secret_on_a_long_line() {
    let mut purged = Purged::new(Repo::new());
    let other = token("{base62:400}", 52);
    purged.value = github_token(53);
    let line = format!(
        "x={{secret:\"{other}\",t:\"{}\",after:\"{other}\"}}\n",
        purged.value
    );
    purged.repo.write("a.js", line);
    purged.repo.commit("two secrets");
    let found = purged.repo.scan(&[]);
    let id = found.only("github-pat")["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let plan = purged.purge(&["--finding", &id], 1);
    assert!(plan.contains("a.js"), "{plan}");
    for part in other.as_bytes().windows(12) {
        let part = std::str::from_utf8(part).unwrap();
        assert!(!plan.contains(part), "{plan}");
    }
}

/// Files that show a password with `$%=:'&é` between two parts as their syntax writes it.
const SPELLED: [(&str, &str); 17] = [
    ("prod.env", "DB_PASSWORD=<1>$%=:'&é<2>\n"),
    ("a.properties", "note=<1>$%\\=\\:'&é<2>\n"),
    ("compose.yml", "note: <1>$$%=:'&é<2>\n"),
    ("Makefile", "NOTE := <1>$$%=:'&é<2>\n"),
    ("a.bat", "set NOTE=<1>$%%=:'&é<2>\n"),
    ("a.ps1", "$note = \"<1>`$%=:'&é<2>\"\n"),
    ("a.sh", "echo '<1>$%=:'\\''&é<2>'\n"),
    ("b.sh", "echo '<1>$%=:'\"'\"'&é<2>'\n"),
    ("c.sh", "echo <1>\\$%=:\\'\\&é<2>\n"),
    ("a.js", "note = '<1>$%=:\\x27\\x26é<2>'\n"),
    ("b.js", "note = '<1>\\x24\\x25\\x3D\\x3A\\x27\\x26é<2>'\n"),
    (
        "c.js",
        "note = '<1>\\u{24}\\u{25}\\u{3d}\\u{3a}\\u{27}\\u{26}é<2>'\n",
    ),
    ("a.c", "note = \"<1>\\044\\045\\075\\072\\047\\046é<2>\"\n"),
    ("b.c", "note = \"<1>$%=:'&\\xc3\\xa9<2>\"\n"),
    (
        "link.txt",
        "next=%252Fx%253Fy%253D<1>%2524%2525%253D%253A%2527%2526%25C3%25A9<2>\n",
    ),
    ("log.txt", "got <1>$%=:'&\\303\\251<2>\n"),
    ("latin.txt", "got <1>$%=:'&\u{e9}<2>\n"),
];

/// `text` in Latin-1.
fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|letter| u8::try_from(u32::from(letter)).unwrap())
        .collect()
}

#[test]
fn copies_with_signs_that_other_syntaxes_double_or_escape_are_erased() {
    let parts = parts();
    let fill = |text: &str| text.replace("<1>", &parts[0]).replace("<2>", &parts[1]);
    // Whichever of them is named.
    for named in [0, 1, 2, 4, 5, 6, 8, 9, 11] {
        let purged = Purged::new(Repo::new());
        for (path, line) in SPELLED {
            let line = fill(line);
            match path {
                "latin.txt" => purged.repo.write(path, latin1(&line)),
                _ => purged.repo.write(path, line),
            }
        }
        purged.repo.commit("copies");
        let line = fill(SPELLED[named].1);
        let [start, end] = [line.find(&parts[0]), line.find(&parts[1])].map(Option::unwrap);
        let known = purged.state.path().join("known");
        std::fs::write(&known, format!("{}\n", &line[start..end + parts[1].len()])).unwrap();
        let args = ["--known", known.to_str().unwrap(), "--apply", "--finish"];
        let said = purged.purge(&args, 0);
        assert!(said.contains("Proven"), "{named}: {said}");
        for (path, line) in SPELLED {
            let now = purged.repo.git(&["show", &format!("HEAD:{path}")]);
            for part in &parts {
                assert!(!now.contains(part), "{named}: {path}: {line}");
            }
        }
    }
}
