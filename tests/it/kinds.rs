//! The kinds of lines that everyday repositories have: how many of their secrets are found whole, and how many
//! harmless lines are flagged. `kinds/*.tsv` has a file name and a text a line: `@@` is a random value,
//! `<<hex:40>>` random text of that template, and `\n`, `\t`, `\r` and `\\` are what they are in most languages.

use rayon::prelude::*;
use serde_json::Value;

use crate::support::{Repo, token, unleak};
use crate::values::{made, values};

const EVERYDAY: &str = include_str!("kinds/everyday.tsv");
const HARMLESS: &str = include_str!("kinds/harmless.tsv");

/// A kind with its values filled in.
struct Kind {
    name: &'static str,
    text: String,
    value: String,
}

fn kinds(list: &'static str, seed: u64) -> Vec<Kind> {
    let numbered = (seed..).zip(list.lines());
    let kinds = numbered.map(|(seed, line)| {
        let (name, text) = line.split_once('\t').expect("a name and a text");
        let value = made(20, seed);
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('\\') {
            plain += &rest[..at];
            let (escape, after) = rest[at + 1..].split_at(1);
            plain += match escape {
                "n" => "\n",
                "t" => "\t",
                "r" => "\r",
                other => other,
            };
            rest = after;
        }
        plain += rest;
        Kind {
            name,
            text: filled(&plain, seed).replace("@@", &value),
            value,
        }
    });
    kinds.collect()
}

/// Replaces templates.
fn filled(text: &str, seed: u64) -> String {
    let mut parts = text.split("<<");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for (seed, part) in (seed * 100..).zip(parts) {
        let template = part.split_once(">>").filter(|(template, _)| {
            *template == "uuid" || template.contains(':') && !template.contains(['"', ' '])
        });
        match template {
            Some((template, rest)) => {
                let upper = template.strip_prefix("upper");
                let made = token(&format!("{{{}}}", upper.unwrap_or(template)), seed);
                filled += &upper.map_or(made.clone(), |_| made.to_ascii_uppercase());
                filled += rest;
            }
            None => {
                filled += "<<";
                filled += part;
            }
        }
    }
    filled
}

/// What is found in a kind with more than low confidence.
fn found(kind: &Kind) -> Vec<String> {
    let dir = Repo::bare_directory();
    dir.write(kind.name, &kind.text);
    let options = ["scan", "--files", ".", "--format", "json", "--show-secrets"];
    let output = unleak(&options, dir.path());
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let findings = report["findings"].as_array().unwrap().iter();
    let sure = findings.filter(|finding| finding["confidence"] != "low");
    sure.map(|finding| finding["secret"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn nineteen_of_twenty_everyday_secrets_are_found_whole() {
    for seed in [1_000, 5_000] {
        let kinds = kinds(EVERYDAY, seed);
        assert!(kinds.len() >= 250);
        let missed: Vec<&str> = kinds
            .par_iter()
            .filter(|kind| !found(kind).contains(&kind.value))
            .map(|kind| kind.text.as_str())
            .collect();
        assert!(missed.len() * 20 <= kinds.len(), "{missed:#?}");
    }
}

#[test]
fn one_of_two_hundred_harmless_kinds_is_flagged_at_most() {
    let kinds = kinds(HARMLESS, 9_000);
    assert!(kinds.len() >= 300);
    let flagged: Vec<(&str, Vec<String>)> = kinds
        .par_iter()
        .map(|kind| (kind.text.as_str(), found(kind)))
        .filter(|(_, found)| !found.is_empty())
        .collect();
    assert!(flagged.len() * 200 <= kinds.len(), "{flagged:#?}");
}

/// Places of a secret that each stand for a kind; `@` stands for a random value.
const PLACES: [&str; 36] = [
    "Log in with user `admin` and password `@`.\n",
    "密码：@\n",
    "用户名：admin 密码：@，谢谢\n",
    "口令: @\n",
    "パスワード：@\n",
    "비밀번호: @\n",
    "Пароль: @\n",
    "password：@\n",
    "Contraseña: @\n",
    "openssl passwd -6 @\n",
    "openssl passwd -1 -salt xy '@'\n",
    "h=$(openssl passwd -apr1 @)\n",
    "password = \"@\" if debug else ask()\n",
    "password = ask() if not debug else \"@\"\n",
    "Password: +@+\n",
    "cmd = ['sshpass', '-p', '@', 'ssh', 'u@h']\n",
    "run(['mysql', '-uroot', '-p@'])\n",
    "{\"cmd\": [\"redis-cli\", \"-a\", \"@\"]}\n",
    "chpasswd:\n  expire: false\n  list: |\n    root:@\n",
    "chpasswd:\n  list:\n    - root:@\nusers: []\n",
    "schtasks /create /tn x /tr y /ru u /rp @\n",
    "osql -S h -U sa -P @ -Q \"x\"\n",
    "sqlcmd -S h -U sa -P@\n",
    "expect \"assword:\"\nsend \"@\\r\"\n",
    "expect {\n  \"*?assword:*\" { send -- \"@\\r\" }\n}\n",
    "password: ${opt:pw,\"@\"}\n",
    "password: ${self:custom.pw, '@'}\n",
    "password(name: 'X', defaultValue: '@', description: 'd')\n",
    "COPY t(id, api_key) FROM stdin;\n1\t@\n\\.\n",
    "copy t (id, api_key) from stdin with (format text);\n1\t@\n\\.\n",
    "user;pwd\nbob;@\n",
    "declare -A x=([user]=bob [password]=@)\n",
    "set \"DB_PASSWORD=@\"\n",
    "set \"PW=@\"\n",
    "set PW=@\n",
    "A=1\nPW=@\n",
];

#[test]
fn a_secret_is_found_in_each_of_these_places() {
    let mut wrong = Vec::new();
    for text in PLACES {
        let value = made(20, 301);
        let filled = text
            .replace("u@h", "u&h")
            .replace('@', &value)
            .replace('&', "@");
        let found = values(&filled);
        let is_found =
            matches!(&found[..], [(_, found, level)] if *found == value && level != "low");
        if !is_found {
            wrong.push(format!("{text:?}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Texts that are written alike and hold no secret.
const NO_PLACES: [&str; 16] = [
    "the password `sha256` and the password `getPassword`\n",
    "pass the `k7Q9xT3wu5` option\n",
    "密码：请输入密码\n",
    "密码：password\n",
    "\"密码\": \"Password\"\n",
    "Пароль: введите\n",
    "openssl passwd -6 -stdin\n",
    "openssl passwd -1 \"$PW\"\n",
    "openssl passwd -in file1.txt\n",
    "chpasswd:\n  list: |\n    root:RANDOM\n",
    "expect \"assword:\"\nsend \"$pw\\r\"\n",
    "expect \"login:\"\nsend \"k7Q9xT3wu5Rk\\r\"\n",
    "password(name: 'X', defaultValue: '', description: 'd')\n",
    "['sshpass', '-p', password, 'ssh']\n",
    "schtasks /query /tn k7Q9xT3wu5Rk\n",
    "password = ask() if debug else getpass()\n",
];

#[test]
fn texts_that_are_written_alike_have_no_secret() {
    for text in NO_PLACES {
        let found = values(text);
        assert!(
            found.iter().all(|found| found.2 == "low"),
            "{text}: {found:?}"
        );
    }
}
