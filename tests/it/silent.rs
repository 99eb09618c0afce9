//! Errors say where a file is wrong and never repeat what stands there: a token in a damaged file is
//! still a token.

use std::path::Path;

use unleak::rule::template::Random;

use crate::support::{Repo, github_token};

/// Ways in which each file is broken.
const WAYS: usize = 50;

/// Breaks `text` in way number `way`.
fn broken(text: &str, way: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let mut random = Random::new(way as u64);
    let at = random.below(bytes.len());
    let len = (1 + random.below(30)).min(bytes.len() - at);
    match way % 10 {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..at + len)),
        2 => drop(bytes.drain(..at)),
        3 => bytes[at] = b'\n',
        4 => bytes[at] = b'"',
        5 => bytes[at] = b'=',
        6 => bytes.insert(at, 0xff),
        7 => drop(bytes.splice(at..at, *b"]\n[")),
        8 => bytes.retain(|&byte| byte != b'"' && byte != b'\''),
        _ => bytes[at] ^= 1 << random.below(8),
    }
    bytes
}

struct Case {
    file: &'static str,
    text: String,
    args: Vec<&'static str>,
}

fn case(file: &'static str, args: &[&'static str], text: String) -> Case {
    Case {
        file,
        text,
        args: args.to_vec(),
    }
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn cases(token: &str) -> Vec<Case> {
    let id = "0123456789abcdef".repeat(4);
    let report = |key: &str| {
        format!(
            "{{\"schema\": \"unleak-report\", \"{key}\": \"{token}\", \"findings\": [\"{token}\"]}}"
        )
    };
    vec![
        case(
            ".git/config",
            &["scan", "."],
            format!(
                "[core]\n\trepositoryformatversion = 0\n\tbare = false\n[remote \"origin\"]\n\turl = https://u:{token}@example.org/x\n[http \"https://{token}@h/\"]\n\textraheader = \"{token}\"\n"
            ),
        ),
        case(
            ".unleak.toml",
            &["scan", "--trust-repo-config", "."],
            format!(
                "min_confidence = \"{token}\"\ndisable_rules = [\"{token}\"]\n[[ignore]]\npath = \"{token}[\"\nreason = \"{token}\"\nexpires = \"{token}\"\n"
            ),
        ),
        case(
            "user.toml",
            &["scan", "--config", "user.toml", "."],
            format!(
                "extra_rules = []\n{token} = \"{token}\"\n[[ignore]]\npath_regex = \"({token}\"\n"
            ),
        ),
        case(
            "rules.toml",
            &["scan", "--rules", "rules.toml", "."],
            format!(
                "[[rule]]\nid = \"{token}\"\nconfidence = \"{token}\"\nkeywords = [\"{token}\", \"x\"]\nregex = '''({token}'''\nchecks = [\"{token}\"]\nexamples = [\"{{{token}}}\"]\n"
            ),
        ),
        case(
            "leaks.toml",
            &["rules", "check", "leaks.toml"],
            format!(
                "title = \"{token}\"\n[[rules]]\nid = \"{token}\"\nregex = '''({token}'''\n{token} = 1\n[extend]\n{token} = \"{token}\"\n"
            ),
        ),
        case(
            "report.json",
            &["report", "convert", "report.json"],
            report("schema_version"),
        ),
        case(
            "report.jsonl",
            &["report", "show", "report.jsonl"],
            format!("{{\"type\": \"{token}\"}}\n{}\n", report("type")),
        ),
        case(
            "ids",
            &["scan", "--oids-from", "ids", "."],
            format!("{token}\n{id} {token}\n"),
        ),
        case(
            "list.json",
            &["import", "list.json"],
            format!("[{{\"RuleID\": \"{token}\", \"File\": 7, \"Secret\": \"{token}\"}}]"),
        ),
        case(
            ".gitleaksignore",
            &["import", ".gitleaksignore"],
            format!("{token}\n{token}:{token}\n"),
        ),
        case(
            "manifest.json",
            &["purge", "heal", "manifest.json"],
            format!(
                "{{\"version\": \"{token}\", \"commits\": [\"{token}\"], \"options\": \"{token}\"}}"
            ),
        ),
        case(
            ".git/unleak/journal.json",
            &["purge", "--abort"],
            format!("{{\"run\": [\"{token}\"], \"step\": \"{token}\", \"{token}\": 1}}"),
        ),
        case(
            "shield.yaml",
            &["import", "shield.yaml"],
            format!(
                "version: 2\n{token}: 1\nsecret:\n  ignored-matches:\n    - name: {token}\n      match: {token}\n    - *{token}\n"
            ),
        ),
        case(
            "secrets.cfg",
            &["import", "secrets.cfg"],
            format!(
                "[secrets]\n\tproviders = echo {token}\n\tpatterns = ({token}\n\tallowed = \"{token}\"\n"
            ),
        ),
        case(
            "leaks2.toml",
            &["import", "leaks2.toml"],
            format!(
                "[[rules]]\nid = \"{token}\"\nregex = '''({token}'''\n[allowlist]\npaths = [\"({token}\"]\n"
            ),
        ),
        case(
            ".unleak/baseline",
            &["scan", "."],
            format!("{token} x\n{id} {token}\n"),
        ),
        case(
            ".unleak/ignore/0123456789abcdef0123456789abcdef.toml",
            &["scan", "."],
            format!(
                "rule = \"{token}\"\nreason = \"{token}\"\nexpires = \"{token}\"\n{token} = 1\n"
            ),
        ),
        case(
            ".git/HEAD",
            &["scan", "."],
            format!("ref: refs/../{token}\n{token}\n"),
        ),
        case(
            ".git/objects/info/alternates",
            &["scan", "."],
            format!("/{token}\n../{token}\n"),
        ),
        case(
            ".git/shallow",
            &["scan", "."],
            format!("{token}\n{id}{token}\n"),
        ),
        case(
            ".git/FETCH_HEAD",
            &["scan", "."],
            format!("{token}\tnot-for-merge\thttps://{token}@h/\n"),
        ),
        case(
            ".git/MERGE_HEAD",
            &["scan", "--staged", "."],
            format!("{token}\n"),
        ),
        case(
            ".git/packed-refs",
            &["scan", "--staged", "."],
            format!("# pack-refs {token}\n{token} {token}\n"),
        ),
    ]
}

/// Pieces of a token that no output may hold: a part says too much already.
fn holds(output: &[u8], token: &str) -> bool {
    let text = String::from_utf8_lossy(output);
    let middle = &token[8..];
    (0..=middle.len() - 12).any(|at| text.contains(&middle[at..at + 12]))
}

fn check(case: &Case, token: &str) {
    for way in 0..=WAYS {
        let repo = Repo::new();
        repo.commit_file("a", "text\n");
        let path = repo.path().join(case.file);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        let bytes = match way {
            WAYS => case.text.clone().into_bytes(),
            _ => broken(&case.text, way),
        };
        std::fs::write(&path, bytes).unwrap();
        let output = repo.unleak(&case.args, b"", &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        let told = String::from_utf8_lossy(&output.stdout);
        for stream in [&output.stdout, &output.stderr] {
            assert!(
                !holds(stream, token),
                "{:?}, way {way}:\n{told}\n{said}",
                case.args
            );
        }
        assert!(
            matches!(output.status.code(), Some(0..=3)),
            "{:?}, way {way}: {said}",
            case.args
        );
    }
}

#[test]
fn no_output_repeats_what_stands_in_a_damaged_file() {
    let token = github_token(4242);
    let cases = cases(&token);
    // Two at a time: each run of the program has a thread for each core.
    for two in cases.chunks(2) {
        std::thread::scope(|scope| {
            for case in two {
                scope.spawn(|| check(case, &token));
            }
        });
    }
}

#[test]
fn an_error_names_file_and_line() {
    let repo = Repo::new();
    let token = github_token(1);
    repo.write("ids", format!("\n\n{token}\n"));
    let output = repo.unleak(&["scan", "--oids-from", "ids", "."], b"", &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("'ids', line 3"), "{said}");
    repo.write("x.yaml", format!("version: 2\nsecret: [\n  {token}: }}\n"));
    let output = repo.unleak(&["import", "x.yaml"], b"", &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("line 3 is not valid YAML"), "{said}");
}
