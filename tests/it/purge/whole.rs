//! A value that was read in part: the rest beside the mark is seen, and nothing is called proven.

use std::collections::BTreeMap;

use super::{Purged, assert_same, text};
use crate::support::{Repo, token};

/// A rule that takes only the first twelve characters of a value, in every syntax.
const RULES: &str = r#"
[[rule]]
id = "acme-password"
provider = "Acme"
description = "Acme password"
confidence = "high"
keywords = ["leaky"]
boundary = "none"
regex = '''leaky(?:[^0-9a-zA-Z]{1,9}(?:https|xx)){0,2}[^0-9a-zA-Z]{1,30}(?P<secret>[0-9A-Za-z]{12})'''
examples = ["leaky = {base62:12}"]
near_misses = ["leaky = {base62:8}"]
"#;

fn with_rules() -> (Purged, String) {
    let mut purged = Purged::new(Repo::new());
    purged.value = token("{base62:12}", 21);
    let rules = purged.state.path().join("rules.toml");
    std::fs::write(&rules, RULES).unwrap();
    (purged, rules.to_str().unwrap().to_owned())
}

/// Lines with a value `@` that goes on with `,ijklmnop` or its like.
const CUT: [(&str, &str, usize); 14] = [
    (".env", "A_leaky=@,ijklmnop\n", 9),
    ("prod.env", "a=b\nleaky=@&ijklmnop # why\n", 9),
    ("a.properties", "db.leaky = @;ijklmnop\n", 9),
    ("a.ini", "[a]\nleaky = @)ijk\n", 4),
    ("a.yaml", "a:\n  leaky: @,ijklmnop\n", 9),
    ("b.yaml", "leaky: '@,ijklmnop'\n", 9),
    ("a.json", "{\"leaky\": \"@,ijklmnop\"}\n", 9),
    ("a.xml", "<leaky>@;ijklmnop</leaky>\n", 9),
    ("b.xml", "<a leaky=\"@;ijklmnop\"/>\n", 9),
    ("a.sh", "run --leaky=@,ijklmnop --x\n", 9),
    (".netrc", "machine leaky @,ijklmnop\n", 9),
    ("a.py", "leaky = \"@!ijklmnop\"\n", 9),
    ("Dockerfile", "ENV leaky=@,ijklmnop\n", 9),
    ("notes", "leaky: https://xx:@,ijklmnop{at}host/\n", 9),
];

/// A line with the value, and `@` where it has to stand.
fn cut(line: &str, value: &str) -> String {
    line.replace('@', value).replace("{at}", "@")
}

#[test]
fn a_value_that_goes_on_is_left_out() {
    for (path, line, len) in CUT {
        let (purged, rules) = with_rules();
        let commit = purged.repo.commit_file(path, cut(line, &purged.value));
        let before = purged.state();
        let rules = ["--rules", &rules];
        let plan = purged.purge(&rules, 1);
        let place = format!(
            "{path}:{} in commit {}",
            lines_before(line) + 1,
            &commit[..12]
        );
        let bytes = format!("({len} bytes beside the mark): a part of a longer value");
        for words in [&place[..], &bytes, "--known", "--finding"] {
            assert!(plan.contains(words), "{path}: '{words}' in {plan}");
        }
        let said = purged.purge(&[&rules[..], &["--apply", "--finish"]].concat(), 1);
        assert!(said.contains(&bytes), "{path}: {said}");
        assert_same(&without_lock(purged.state()), &without_lock(before), path);
    }
}

fn lines_before(line: &str) -> usize {
    let at = line.find('@').unwrap();
    line[..at].matches('\n').count()
}

fn without_lock(mut state: BTreeMap<String, String>) -> BTreeMap<String, String> {
    state.remove(".git/unleak/lock");
    state
}

/// Others go, and the end says that not everything did.
#[test]
fn values_that_are_left_out_keep_the_rest_from_being_called_proven() {
    let (purged, rules) = with_rules();
    let other = token("{base62:12}", 22);
    purged.repo.commit_file(
        ".env",
        format!("a_leaky={other}\nb_leaky={},ijkl\n", purged.value),
    );
    let output = purged.try_purge(&["--rules", &rules, "--apply", "--finish"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("value that was left out, since it was read in part:"),
        "{said}"
    );
    assert!(
        said.contains("Not proven: parts of values may be left."),
        "{said}"
    );
    let now = purged.repo.git(&["show", "main:.env"]);
    assert_eq!(
        now,
        format!("a_leaky=***REMOVED***\nb_leaky={},ijkl", purged.value)
    );
    let said = purged.purge(&["verify"], 1);
    assert!(said.contains("left out"), "{said}");
}

#[test]
fn what_was_read_in_part_is_never_called_proven() {
    for (path, line, _) in [CUT[0], CUT[4], CUT[6], CUT[13]] {
        let (purged, rules) = with_rules();
        purged.repo.commit_file(path, cut(line, &purged.value));
        let found = purged.repo.scan(&["--rules", &rules]);
        let id = found.only("acme-password")["fingerprint"]
            .as_str()
            .unwrap()
            .to_owned();
        let args = ["--rules", &rules, "--finding", &id, "--apply"];
        let said = purged.purge(&args, 0);
        assert!(said.contains("Left beside the mark"), "{path}: {said}");
        for command in ["finish", "verify"] {
            let said = purged.purge(&[command], 1);
            assert!(said.contains("beside a mark:"), "{path}: {said}");
            assert!(said.contains("in line "), "{path}: {said}");
            assert!(
                said.contains("Not proven: parts of values may be left."),
                "{path}: {said}"
            );
            assert!(!said.contains("Proven: "), "{path}: {said}");
        }
        let proof = purged.purge(&["verify", "--format", "json"], 1);
        let proof: serde_json::Value = serde_json::from_str(&proof).unwrap();
        assert_eq!(proof["proven"], false);
        assert_eq!(
            proof["remainders"].as_array().unwrap().len(),
            1,
            "{path}: {proof:#}"
        );
    }
}

#[test]
fn a_remainder_in_history_alone_and_in_messages_counts() {
    let (purged, rules) = with_rules();
    let commit = purged
        .repo
        .commit_file(".env", format!("leaky={},ijkl\n", purged.value));
    purged.repo.commit_file(".env", "clean\n");
    let message = format!("leaky: {},mnop", purged.value);
    let said = purged.repo.commit(&message);
    let found = purged.repo.scan(&["--rules", &rules]);
    let id = found.only("acme-password")["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let args = ["--rules", &rules, "--finding", &id, "--format", "json"];
    let plan: serde_json::Value = serde_json::from_str(&purged.purge(&args, 1)).unwrap();
    let left = plan["changes"]["beside_marks"].as_array().unwrap();
    let of = |commit: &str| left.iter().filter(|left| left["commit"] == commit).count();
    assert_eq!((of(&commit), of(&said)), (1, 1), "{plan:#}");
}

/// The rest of a value in text of UTF-16, and in base64.
#[test]
fn a_remainder_in_an_encoded_text_counts() {
    for encode in [
        |text: &str| -> Vec<u8> {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            [0xff, 0xfe].into_iter().chain(units).collect()
        },
        |text: &str| -> Vec<u8> {
            let encoded = data_encoding::BASE64.encode(text.as_bytes());
            format!("data: {encoded}\n").into_bytes()
        },
    ] {
        let (purged, rules) = with_rules();
        for (path, rest) in [("cut", ",ijklmnop"), ("whole", "")] {
            let text = format!("first=1\nleaky={}{rest}\nlast=2\n", purged.value);
            purged.repo.commit_file(path, encode(&text));
        }
        let found = purged.repo.scan(&["--rules", &rules]);
        let id = found.only("acme-password")["fingerprint"]
            .as_str()
            .unwrap()
            .to_owned();
        let args = ["--rules", &rules, "--finding", &id, "--format", "json"];
        let plan: serde_json::Value = serde_json::from_str(&purged.purge(&args, 1)).unwrap();
        let left = plan["changes"]["beside_marks"].as_array().unwrap();
        let paths: Vec<&serde_json::Value> = left.iter().map(|left| &left["path"]).collect();
        assert_eq!(paths, ["cut"], "{plan:#}");
    }
}

/// Delimiters of each syntax, which must not stop anybody.
#[test]
fn delimiters_beside_the_mark_are_no_remainder() {
    let (purged, rules) = with_rules();
    for (path, line) in [
        (
            ".env",
            "leaky=@ # why\nB_leaky='@'\nURL_leaky=https://xx:@{at}host/db?x=1\n",
        ),
        ("a.properties", "leaky = @\r\n"),
        ("a.ini", "leaky = @ ; why\n"),
        (
            "a.yaml",
            "leaky: @ # why\nb: {leaky: @, c: d}\nc: \"leaky=@\"\nd: ${leaky:-@}\n",
        ),
        (
            "a.json",
            "{\"leaky\": \"@\", \"b\": \"{\\\"leaky\\\": \\\"@\\\"}\", \"c\": \"x;leaky=@;y=1\"}\n",
        ),
        ("a.xml", "<a leaky='@'><leaky>@</leaky></a>\n"),
        ("a.sh", "leaky=@; run --leaky=@ && (leaky -p @)\n"),
        ("a.py", "f(leaky=\"@\", b='@')\n"),
        ("notes.md", "the leaky `@`, (leaky: @). leaky: @.\n"),
    ] {
        purged.repo.commit_file(path, cut(line, &purged.value));
    }
    let said = purged.purge(&["--rules", &rules, "--apply", "--finish"], 0);
    assert!(said.contains("Proven"), "{said}");
}

/// A password of marks and letters, as it stands in a setting.
fn password() -> String {
    token("{upper:2}7,{alpha:2}2;{base62:9}q", 31)
}

/// What base64 pads a value with is a part of the encoded form, and so are the bits of its last byte.
#[test]
fn padding_of_base64_is_no_remainder() {
    for (before, after) in [("", ""), ("", "x"), ("", "xy"), ("u:", ""), ("me:", "")] {
        let (value, purged) = (password() + after, Purged::new(Repo::new()));
        let encode =
            |value: &str| data_encoding::BASE64.encode(format!("{before}{value}").as_bytes());
        let setting = format!("DB_PASSWORD={value}\n");
        purged.repo.commit_file("a.env", &setting);
        let log = format!("got {}\n", encode(&value));
        purged.repo.commit_file("l.log", log);
        let args = ["--min-confidence", "medium", "--apply", "--finish", "--yes"];
        let said = purged.purge(&args, 0);
        assert!(said.contains("Proven"), "{before}{after}: {said}");
        let fill = encode(&"*".repeat(value.len()));
        assert_eq!(
            purged.repo.git(&["show", "main:l.log"]),
            format!("got {fill}")
        );
    }
}

/// What base64 shows behind the value is left out as before.
#[test]
fn more_in_short_base64_is_a_remainder() {
    let (value, purged) = (password(), Purged::new(Repo::new()));
    purged
        .repo
        .commit_file("a.env", format!("DB_PASSWORD={value}\n"));
    let encoded = data_encoding::BASE64.encode(format!("{value},x").as_bytes());
    purged.repo.commit_file("l.log", format!("got {encoded}\n"));
    let said = purged.purge(&["--min-confidence", "medium"], 1);
    assert!(
        said.contains("beside the mark): a part of a longer value"),
        "{said}"
    );
}

#[test]
fn marks_of_a_sentence_are_no_remainder() {
    let (value, purged) = (password(), Purged::new(Repo::new()));
    purged
        .repo
        .commit_file("a.env", format!("DB_PASSWORD={value}\n"));
    let prose = "so @! Was it @?\n@!! \"@!\" (@). **@!** <b>@!</b>\nat @!";
    purged.repo.commit_file("l.md", prose.replace('@', &value));
    let args = ["--min-confidence", "medium", "--apply", "--finish", "--yes"];
    let said = purged.purge(&args, 0);
    assert!(said.contains("Proven"), "{said}");
    let now = purged.repo.git(&["show", "main:l.md"]);
    assert_eq!(now, prose.replace('@', "***REMOVED***"));
}

/// The name says that two values follow.
#[test]
fn the_user_before_a_password_is_no_remainder() {
    let (value, purged) = (token("{base62:18}7q", 33), Purged::new(Repo::new()));
    let text = "user/password: bob/@\nLogin:Password = ann:@\n";
    purged
        .repo
        .commit_file("README.md", text.replace('@', &value));
    let args = ["--min-confidence", "medium", "--apply", "--finish", "--yes"];
    let said = purged.purge(&args, 0);
    assert!(said.contains("Proven"), "{said}");
    let now = purged.repo.git(&["show", "main:README.md"]);
    assert_eq!(now, text.trim_end().replace('@', "***REMOVED***"));
}

/// Lines with a value of two pieces, `<1>` and `<2>`, as shells, languages and formats join them.
const PIECES: [(&str, &str); 118] = [
    ("a.sh", r"export X_PASS@='<1>'\''<2>'"),
    ("a.sh", r#"export X_PASS@="<1>"<2>"#),
    ("a.sh", r#"export X_PASS@="<1>"'<2>'"#),
    ("a.sh", r"PGPASS@=<1>\ <2> psql -h db"),
    ("a.sh", r"docker run -e X_PASS@=<1>\ <2> img"),
    ("a.sh", r#"docker run -e X_PASS@=<1>"'"<2> img"#),
    ("a.sh", r#"docker run -e "X_PASS@=<1>"<2> img"#),
    ("a.sh", r"docker run -e 'X_PASS@=<1>'\''<2>' img"),
    ("a.sh", r"curl -u bob:<1>\ <2> https://example.org"),
    ("a.sh", r#"curl -u bob:"<1> <2>" https://example.org"#),
    ("a.sh", r"curl -u 'bob:<1>'\''<2>' https://example.org"),
    ("a.sh", r"mysql -h x -p'<1>'\''<2>' db"),
    ("a.sh", r"mysql -h x -p<1>\ <2> db"),
    ("a.sh", r"docker login -u bob -p <1>\ <2> example.org"),
    ("a.sh", r"psql 'host=h pass@=<1>\ <2> dbname=x'"),
    ("Dockerfile", "ENV X_PASS@ <1> <2>"),
    ("a.bat", r#"set "X_PASS@=<1>"<2>""#),
    ("a.ps1", "$env:X_PASS@ = \"<1>`\"<2>\""),
    ("a.ps1", "Connect -Pass@ \"<1>`\"<2>\" -X"),
    ("a.ps1", "ConvertTo-SecureString \"<1>`\"<2>\" -AsPlainText"),
    ("a.yml", "x: {pass@: <1> <2>, y: z}"),
    ("a.yml", "pass@: <1>\n  <2>"),
    ("a.yml", "pass@: |\n  <1> <2>\nuser: x"),
    ("a.yml", "pass@: |\n  <1>\n  <2>\nuser: x"),
    ("a.yml", "pass@: &anchor <1>,<2>"),
    ("a.yml", "pass@: !tag '<1>,<2>'"),
    ("a.yml", "args:\n  - --pass@=<1> <2>"),
    ("a.yml", "args:\n  - --pass@\n  - '<1>,<2>'"),
    ("a.yml", "- value: '<1>,<2>'\n  name: X_PASS@"),
    ("a.cfg", "pass@ = <1>\n  <2>"),
    ("a.py", "pass@ = '<1>' '<2>'"),
    ("a.py", "pass@ = ('<1>'\n    '<2>')"),
    ("a.py", r#"dsn = "host=db pass@=<1>\"<2> dbname=x""#),
    ("a.js", "const pass@ = '<1>' + '<2>';"),
    ("a.php", "$pass@ = '<1>' . '<2>';"),
    ("a.vb", "Dim pass@ As String = \"<1>\" & \"<2>\""),
    ("a.rs", "let pass@ = r#\"<1>\"<2>\"#;"),
    ("a.cs", "c = \"Server=db;User Id=bob;Pass@=<1> <2>;\";"),
    ("a.cs", "c = @\"Server=db;User Id=bob;Pass@=<1>\"\"<2>;\";"),
    (
        "a.json",
        r#"{"C":"Server=db;User Id=bob;Pass@=<1>\u0026<2>;X=y"}"#,
    ),
    (
        "a.config",
        "<a c=\"Server=db;User Id=bob;Pass@=<1>&amp;<2>;\" />",
    ),
    ("a.xml", "<env>X_PASS@=<1> <2></env>"),
    ("a.xml", "<a><pass@><![CDATA[<1><<2>]]></pass@></a>"),
    (
        "a.properties",
        "u=jdbc:sqlserver://h;user=bob;pass@={<1>;<2>};x=y",
    ),
    ("a.properties", "db.pass@:<1>=<2>"),
    ("a.ini", "pass@:<1> = <2>"),
    ("a.sh", "curl -H 'X-Api-Key:<1>=<2>' u"),
    ("a.bat", "SET X_PASS@=<1> <2>\r"),
    ("a.json", r#"["X_PASS@=<1>,<2>"]"#),
    ("a.json", r#"{"env":"A=1\nX_PASS@=<1> <2>\nX=1"}"#),
    ("a.sh", r"P=${X_PASS@:-<1>\}<2>}"),
    (
        "a.properties",
        "url=jdbc:sqlserver://db:1433;user=sa;pass@=<1>(at)<2>;encrypt=true",
    ),
    (
        "a.properties",
        "url=jdbc:sqlserver://db;user=sa;pass@=<1>&<2>;encrypt=true",
    ),
    (
        "a.properties",
        "url=jdbc:mysql://db/x?user=root&pass@=<1>'<2>&useSSL=false",
    ),
    (
        "a.properties",
        "url=jdbc:sqlserver://db;user=sa;pass@=<1> <2>;encrypt=true",
    ),
    (
        "a.json",
        "{\"u\": \"jdbc:mysql://db/x?user=a&pass@=<1>;<2>&z=1\"}",
    ),
    (
        "a.txt",
        "https://example.com/cb?user=a&access_token=<1>'%3B<2>&x=1",
    ),
    ("a.js", "const pass@ = \"<1>\" + // c\n  \"<2>\";"),
    ("a.js", "const pass@ = \"<1>\" +\n\n  /* c */ \"<2>\";"),
    ("a.js", "const pass@ = \"<1>\"\n  // c\n  + \"<2>\";"),
    ("a.js", "const pass@ = \"<1>\".concat(\"<2>\");"),
    ("a.js", "const pass@ = [\"<1>\", \"<2>\"].join(\"\");"),
    ("a.js", "pass@ = \"<1>\";\npass@ += \"<2>\";"),
    ("a.py", "pass@ = (\"<1>\"  # c\n  \"<2>\")"),
    ("a.vb", "pass@ = \"<1>\" & _\n  \"<2>\""),
    ("a.cs", "var pass@ = (at)\"<1>\"\":<2>\";"),
    ("a.sh", "PASS@=\"<1>\"$X\"<2>\""),
    (
        "a.sh",
        "curl -d 'user=bob&pass@=<1>\\\"<2>' http://example.org",
    ),
    ("a.yml", "pass@:\n  <1>\n  <2>\nx: 1"),
    ("a.yml", "db_pass@: <1>\n\n  <2>\nx: 1"),
    ("a.env", "DB_PASS@=\"<1>\"%<2>"),
    ("a.json", "{\"a\":\"DB_PASS@=\\\"<1>\\\"!<2>\"}"),
    (
        "hosts",
        "h1 ansible_user=bob ansible_pass@=<1>>:(<2> ansible_port=22",
    ),
    ("a.patch", "-DB_PASS@=<1> <2>"),
    ("a.patch", "-DB_PASS@=<1>>*<2>"),
    (
        "a.json",
        "{\"Default\":\"Server=db;User Id=sa;Pass@=<1> <2>;Timeout=3\"}",
    ),
    (
        "web.config",
        "<c s=\"Server=db;User Id=sa;Pass@=<1>&lt;<2>;Timeout=3\"/>",
    ),
    ("a.c", "#define X_PASS@ \"<1>\" \\\n  \"<2>\""),
    ("a.c", "const char *pass@ = \"<1>\" PART \"<2>\";"),
    ("a.cs", "var pass@ = \"<1>\" + @\"<2>\";"),
    (
        "a.cs",
        "c = \"Server=db;User Id=bob;Pass@=<1>\" + \"<2>;Database=x\";",
    ),
    ("a.swift", "let pass@ = \"<1>\" + #\"<2>\"#"),
    (
        "a.adb",
        "Pass@ : String := \"<1>\" & Character'Val(34) & \"<2>\";",
    ),
    ("a.pas", "Pass@ := '<1>'#39'<2>';"),
    ("a.rb", "pass@ = '<1>' << '<2>'"),
    ("a.rb", "pass@ = +'<1>' << '<2>'"),
    ("a.kt", "val pass@ = \"<1>\".plus(\"<2>\")"),
    ("a.ts", "const pass@ = ('<1>' as string) + '<2>';"),
    ("a.sql", "ALTER USER bob PASS@ '<1>'\n  '<2>';"),
    ("a.py", "pass@ = \"<1>\" if x else \"<2>\""),
    (
        "a.ipynb",
        "{\"source\": [\"pass@ = \\\"<1>\\\" + \\\"<2>\\\"\\n\"]}",
    ),
    (
        "a.ipynb",
        "{\"source\": [\"pass@ = (\\\"<1>\\\"\\n\",\n \"  \\\"<2>\\\")\\n\"]}",
    ),
    ("a.json", "{\"x\": \"X_PASS@=<1>\\u0026<2>\"}"),
    ("a.json", "{\"x\": \"X_PASS@=<1>\\u0027<2>\\nB=c\"}"),
    ("a.json", "{\"x\": \"X_PASS@=<1>\\u003c<2>\"}"),
    (
        "a.json",
        "{\"x\": \"curl -u bob:<1>\\u0027<2> https://example.org\"}",
    ),
    ("a.yml", "- 'X_PASS@=<1>;''}<2>'"),
    ("a.yml", "pass@: ${X_PASS@:-<1>'}'<2>}"),
    ("a.yml", "pass@: ${X_PASS@:-<1>}<2>}"),
    ("a.log", "x Connection{user=bob, pass@=<1>}<2>}"),
    ("a.log", "x Connection[user=bob, pass@=<1>,<2>, host=h]"),
    ("a.log", "x Connection(user=bob, pass@=<1>)<2>)"),
    ("a.csv", "name,pass@\nada,\"<1>\n<2>\""),
    ("wpa.conf", "pass@=\"<1>\"(<2>\""),
    (".netrc", "machine a.example.org login bob pass@ <1>\\ <2>"),
    ("a.py", "pass@ = \"<1>\".replace(\"x\", \"<2>\")"),
    ("a.sh", "X_PASS@=\"<1>${SUFFIX}<2>\""),
    ("a.sh", "echo \"pass@: ${PREFIX}<1><2>\""),
    ("a.yml", "pass@: \"{{ x | default('<1><2>') }}\""),
    ("a.sh", "X_PASS@=\"${PW:-\"<1> <2>\"}\""),
    ("a.yml", "url: postgres://u:${PW:-<1><2>}(at)h/d"),
    ("a.sh", "echo -e \"${GREEN}pass@: <1><2>${NC}\""),
    ("a.ini", "pass@ = \"<1>\" <2>"),
    ("a.txt", "pass@=<1>*/<2>*/"),
    ("a.rb", "pass@ = %q(<1>'<2>)"),
    ("a.groovy", "def pass@ = $/<1>'<2>/$"),
    ("a.html", "<p>pass@: <1>&nbsp;<2></p>"),
    ("a.cfg", "auth = bob:<1>:<2>"),
];

/// Both pieces go, or both stay; and a report that shows one of them says that it read a part.
#[test]
fn pieces_of_a_value_go_together_or_stay_together() {
    let purged = Purged::new(Repo::new());
    let mut files = Vec::new();
    for (number, (path, line)) in (0..).zip(&PIECES) {
        let pieces = [100, 200].map(|seed| token("{base62:10}", seed + number));
        let line = line.replace('@', "word").replace("(at)", "@");
        let line = line.replace("<1>", &pieces[0]).replace("<2>", &pieces[1]);
        let path = format!("{number}/{path}");
        purged.repo.write(&path, format!("{line}\n"));
        files.push((path, pieces));
    }
    purged.repo.commit("pieces");
    let report = purged.repo.scan(&["--min-confidence", "low"]);
    for (path, pieces) in &files {
        let here = |finding: &&serde_json::Value| finding["history"]["first"]["path"] == **path;
        let found: Vec<_> = report.findings().iter().filter(here).collect();
        assert!(!found.is_empty(), "{path}: nothing was found");
        let is_partial = found.iter().any(|finding| {
            let reasons = finding["reasons"].to_string();
            reasons.contains("only a part")
        });
        let shown = found.iter().any(|finding| {
            let text = finding["excerpt"].to_string();
            pieces.iter().any(|piece| text.contains(piece))
        });
        assert!(is_partial || !shown, "{path}: {found:?}");
    }
    purged.try_purge(&["--min-confidence", "low", "--apply", "--finish", "--yes"]);
    for (path, pieces) in &files {
        let now = purged.repo.git(&["show", &format!("HEAD:{path}")]);
        let left = pieces.iter().filter(|piece| now.contains(*piece));
        assert_ne!(left.count(), 1, "{path}: {now}");
    }
}

/// Lines with a whole value `@`, in syntaxes that end it otherwise than by a quote or a line end.
const EXACT: [(&str, &str); 22] = [
    (
        "a.json",
        "{\"key\":\"apiPassword\",\"value\":\"@\",\"type\":\"text\"}",
    ),
    (
        "b.json",
        "{\"ParameterKey\":\"DbPassword\",\"ParameterValue\":\"@\"}",
    ),
    (
        "c.json",
        "{\"value\":\"@\",\"key\":\"apiPassword\",\"type\":\"text\"}",
    ),
    (
        "a.xml",
        "<AdministratorPassword><Value>@</Value><PlainText>true</PlainText></AdministratorPassword>",
    ),
    ("b.xml", "<password><string>@</string></password>"),
    ("c.xml", "<arg line=\"-c &quot;DB_PASSWORD=@ run&quot;\"/>"),
    ("a.sh", "sed -i 's|password=.*|password=@|g' x"),
    (
        "b.sh",
        "sed -i \"s/a/b/;s#^DB_PASSWORD=.*#DB_PASSWORD=@#\" x",
    ),
    ("c.sh", "sed -e s/PASSWORD=.*/PASSWORD=@/g x"),
    ("a.yml", "- run: sed -i 's|password=.*|password=@|g' x"),
    (
        "a.txt",
        "Server=db;\nUser Id=u;\nPasspassword=@;\nDatabase=x",
    ),
    ("b.txt", "Passpassword=@;\nServer=db;"),
    (
        "a.cs",
        "c = \"Server=db;\" +\n  \"User Id=u;\" +\n  \"Passpassword=@;\" +\n  \"Database=x\";",
    ),
    (
        "web.config",
        "<add c=\"Server=db;\n  User Id=u;\n  Passpassword=@;\n  Database=x\" />",
    ),
    ("a.md", "‘password: @’"),
    ("b.md", "The “password: @” is set."),
    ("c.md", "„password: @“ and «so»"),
    ("a.log", "\x1b[32mPasspassword:\x1b[0m @"),
    ("d.sh", "echo -e \"${GREEN}Passpassword: @${NC}\""),
    ("e.sh", "echo \"password=@$NC\""),
    ("a.py", "print(f\"{GREEN}password: @{RESET}\")"),
    ("b.yml", "password: \"{{ x | default('@') }}\""),
];

#[test]
fn values_that_end_where_their_syntax_does_are_no_parts() {
    let purged = Purged::new(Repo::new());
    let mut files = Vec::new();
    for (number, (path, line)) in (0..).zip(EXACT) {
        let value = token("{base62:14}7q", 300 + number);
        let line = line.replace('@', &value);
        purged.repo.write(path, format!("{line}\n"));
        purged
            .repo
            .write(format!("{path}.txt"), format!("so {value} it was\n"));
        files.push((path, line, value));
    }
    purged.repo.commit("whole values");
    let args = ["--min-confidence", "medium", "--apply", "--finish", "--yes"];
    let said = purged.purge(&args, 0);
    assert!(said.contains("Proven"), "{said}");
    for (path, line, value) in files {
        let now = purged.repo.git(&["show", &format!("HEAD:{path}")]);
        assert_eq!(now, line.replace(&value, "***REMOVED***"), "{path}");
        let copy = purged.repo.git(&["show", &format!("HEAD:{path}.txt")]);
        assert!(!copy.contains(&value), "{path}");
    }
}
