//! Tables: the header of a column says what its values are.

use std::collections::BTreeSet;

use crate::support::{Repo, Report, token};

/// The secrets of a report.
fn secrets(report: &Report) -> BTreeSet<String> {
    let found = report.findings().iter();
    found
        .map(|finding| finding["secret"].as_str().unwrap().to_owned())
        .collect()
}

/// Two passwords as people choose them, and two random values.
fn values() -> [String; 4] {
    [
        ["Winter", "!2031x"].concat(),
        ["s3a-", "Horse#9"].concat(),
        token("{base62:24}", 3),
        token("{base62:20}", 4),
    ]
}

/// Names and texts of files: `{a}` to `{d}` stand for the values.
const TABLES: [(&str, &str); 10] = [
    (
        "users.csv",
        "user,password,age\nann,{a},3\nbob,{b},4\ncid,{c},5\ndan,{d},6\n",
    ),
    (
        "bom.csv",
        "\u{feff}user;password\r\nann;{a}\r\nbob;{b}\r\ncid;{c}\r\ndan;{d}\r\n",
    ),
    (
        "users.tsv",
        "password\tuser\n{a}\tann\n{b}\tbob\n{c}\tcid\n{d}\tdan\n",
    ),
    (
        "quoted.csv",
        "\"name\",\"url\",\"Password\"\n\"x, y\",\"h\",\"{a}\"\n\"x\",\"h\",\"{b}\"\n\"x\",\"h\",\"{c}\"\n\"x\",\"h\",\"{d}\"\n",
    ),
    (
        "README.md",
        "Users:\n\n| user | password |\n|------|:--------:|\n| ann | `{a}` |\n| bob | {b} |\n| cid | **{c}** |\n| dan | {d} |\n\nEnd.\n",
    ),
    (
        "psql.txt",
        " id | password \n----+----------\n  1 | {a}\n  2 | {b}\n  3 | {c}\n  4 | {d}\n(4 rows)\n",
    ),
    (
        "mysql.txt",
        "+----+----------+\n| id | password |\n+----+----------+\n| 1 | {a} |\n| 2 | {b} |\n| 3 | {c} |\n| 4 | {d} |\n+----+----------+\n",
    ),
    (
        "dump.sql",
        "COPY public.users (id, name, password) FROM stdin;\n1\tann\t{a}\n2\tbob\t{b}\n3\tcid\t{c}\n4\tdan\t{d}\n\\.\n",
    ),
    (
        "rows.csv",
        "key,value\ndb_password,{a}\nmail_password,{b}\napi_secret,{c}\nclient_secret,{d}\n",
    ),
    (
        "rows.md",
        "| Setting | Value | Note |\n|---|---|---|\n| `DB_PASSWORD` | `{a}` | db |\n| MAIL_PASSWORD | {b} | mail |\n| API_SECRET | {c} | x |\n| CLIENT_SECRET | {d} | y |\n",
    ),
];

#[test]
fn columns_of_passwords_are_read_in_every_kind_of_table() {
    let values = values();
    let expected: BTreeSet<String> = values.clone().into();
    for (path, text) in TABLES {
        let names = ["{a}", "{b}", "{c}", "{d}"].into_iter().zip(&values);
        let fill = |text: String, (name, value): (&str, &String)| text.replace(name, value);
        let text = names.fold(text.to_owned(), fill);
        let repo = Repo::new();
        repo.commit_file(path, &text);
        let report = repo.scan(&["--show-secrets"]);
        assert_eq!(secrets(&report), expected, "{path}: {text}");
    }
}

#[test]
fn columns_of_other_things_are_not_reported() {
    let repo = Repo::new();
    let digest = token("{hex:40}", 1);
    repo.write("a.csv", format!("file,sha1\nx,{digest}\n"));
    repo.write("b.csv", "token,count\nidentifier,3\nkeyword,4\n");
    repo.write(
        "c.md",
        "| Token | Meaning |\n|---|---|\n| IDENT | a name |\n| NUMBER | a number |\n",
    );
    repo.write(
        "d.md",
        "| Option | Type |\n|---|---|\n| password | string |\n| token | string |\n",
    );
    repo.write(
        "e.csv",
        "user,password_hash,password_policy\nann,none,strict\n",
    );
    repo.commit("tables");
    let report = repo.scan(&["--show-secrets"]);
    assert_eq!(secrets(&report), BTreeSet::new());
}

/// A password far below its header is found, too, and once.
#[test]
fn long_tables_are_read_to_their_end() {
    let repo = Repo::new();
    let last = token("{base62:24}", 77);
    let mut text = "user,password\n".to_owned();
    for row in 0..3000 {
        text += &format!("user{row},x\n");
    }
    text += &format!("ann,{last}\n");
    repo.commit_file("users.csv", &text);
    let report = repo.scan(&["--show-secrets"]);
    assert_eq!(secrets(&report), BTreeSet::from([last.clone()]));
    // The row moves, the header stays: what a delta inherits is the same.
    for version in 0..6 {
        let row = format!("user{version}");
        text = text.replacen(
            &format!("{row},x\n"),
            &format!("{row},y\nnew{version},x\n"),
            1,
        );
        repo.commit_file("users.csv", &text);
    }
    repo.git(&["repack", "-adfq", "--depth=50"]);
    let aware = repo.scan(&["--show-secrets"]);
    let whole = repo.scan(&["--show-secrets", "--no-delta"]);
    assert_eq!(aware.findings(), whole.findings());
    assert_eq!(
        aware.findings()[0]["occurrences"].as_array().unwrap().len(),
        7
    );
}

/// Headers of nothing but passwords, and tables of nothing but headers, take no longer than others.
#[test]
fn hostile_tables_are_read_in_linear_time() {
    let repo = Repo::new();
    let header = ["password"; 60].join(",");
    let row = ["x"; 60].join(",");
    repo.write(
        "wide.csv",
        format!("{header}\n{}", format!("{row}\n").repeat(8000)),
    );
    repo.write("tall.md", "|password|b|\n|-|-|\n".repeat(50_000));
    repo.write("gaps.csv", "\npassword,b\n".repeat(50_000));
    for (name, part) in [
        ("calls.sql", "insert into t(pwd) values ("),
        ("marks.sql", "insert into t(pwd) values (\\'"),
        ("rows.sql", "insert into t(pwd) values ('x'),('y'),"),
        ("kinds.yaml", "kind: Secret\n"),
        ("lists.yaml", "- kind: Secret\n  kind: Secret\n"),
    ] {
        repo.write(name, part.repeat(40_000));
    }
    repo.commit("hostile");
    let start = std::time::Instant::now();
    assert_eq!(repo.scan(&[]).code, 0);
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

/// A dump writes one statement of very many rows.
#[test]
fn statements_and_manifests_are_read_to_their_end() {
    let count = 1200usize;
    let value = |number: usize| token("{base62:14}", 40_000 + number as u64);
    let rows: Vec<String> = (0..count)
        .map(|number| format!("({number},'user{number}','{}')", value(number)))
        .collect();
    let dump = format!(
        "INSERT INTO `users` (`id`, `name`, `password`) VALUES\n{};\n",
        rows.join(",\n")
    );
    let members: String = (0..count)
        .map(|number| format!("  key{number}: {}\n", value(number)))
        .collect();
    let manifest = format!("apiVersion: v1\nkind: Secret\nstringData:\n{members}");
    for (name, text) in [("dump.sql", dump), ("secret.yaml", manifest)] {
        let repo = Repo::new();
        repo.commit_file(name, &text);
        // A delta of it is read like the whole.
        repo.commit_file(name, text.replacen("user5'", "user5x'", 1) + "# end\n");
        repo.git(&["gc", "--quiet"]);
        let report = repo.scan(&["--min-confidence", "low", "--show-secrets"]);
        let plain = repo.scan(&["--min-confidence", "low", "--show-secrets", "--no-delta"]);
        assert_eq!(report.json["findings"], plain.json["findings"], "{name}");
        let found = secrets(&report);
        let missing = (0..count).filter(|number| !found.contains(&value(*number)));
        let missing: Vec<usize> = missing.collect();
        // Few random values are words, or look like a date.
        assert!(missing.len() < 3, "{name}: {missing:?}");
    }
}
