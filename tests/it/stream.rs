//! Files that are too large to be held are read window by window, and nothing is found or lost by it.

use std::fmt::Write as _;

use unleak::detect::{Detector, Hits, Match, Scratch};
use unleak::odb::window::{self, WindowSizes};
use unleak::rule;
use unleak::rule::template::{Random, expand};

use crate::support::{Repo, github_token};

/// What must be the same: rule, place and value.
fn essence(found: &[Match], at: usize) -> Vec<(u16, usize, usize, String)> {
    let one = |found: &Match| {
        let secret = String::from_utf8_lossy(found.secret.reveal()).into_owned();
        (
            found.rule,
            at + found.secret_span.start,
            at + found.secret_span.end,
            secret,
        )
    };
    found.iter().map(one).collect()
}

#[test]
fn windows_find_what_a_whole_scan_finds() {
    let rules = rule::builtin_with_proofs().unwrap();
    let mut random = Random::new(31);
    let mut text = String::new();
    while text.len() < 400_000 {
        for _ in 0..random.below(60) {
            let _ = writeln!(text, "line {:x} of {}", random.bits(), random.below(100));
        }
        let rule = random.pick(&rules.rules).clone();
        let Ok(token) = expand(&rule.examples[0], &mut random) else {
            continue;
        };
        if random.below(3) == 0 {
            let encoded = data_encoding::BASE64.encode(format!("a: {token}\n").as_bytes());
            let _ = writeln!(text, "data: {encoded}");
        } else {
            let _ = writeln!(text, "x {token}");
        }
    }
    let detector = Detector::compile(rules).unwrap();
    let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
    let bytes = text.as_bytes();
    detector.scan(bytes, &mut scratch, &mut hits);
    let whole = essence(&detector.matches(bytes, &hits), 0);
    assert!(whole.len() > 200, "{} secrets", whole.len());
    for own in [3_000, 17_001, 60_000] {
        let sizes = WindowSizes {
            own,
            overlap: 40_000,
        };
        let mut found = Vec::new();
        window::read(bytes, bytes.len() as u64, sizes, &mut |window| {
            let (in_window, _) = detector.scan_window(window, &mut scratch, &mut hits);
            let at = usize::try_from(window.at).unwrap();
            found.extend(essence(&in_window, at));
        })
        .unwrap();
        let other = found
            .iter()
            .zip(&whole)
            .find(|(found, whole)| found != whole);
        assert!(other.is_none(), "windows of {own} bytes: {other:?}");
        assert_eq!(found.len(), whole.len(), "windows of {own} bytes");
    }
}

#[test]
fn a_huge_file_is_read_and_its_secrets_have_their_lines() {
    let repo = Repo::new();
    let (early, late) = (github_token(51), github_token(52));
    let mut text = format!("first line\ntoken {early}\n");
    let filler = "a line of text that fills the file, 64 characters of it, or so\n";
    text.push_str(&filler.repeat(2_200_000));
    let _ = write!(text, "end; token={late}\n\0binary\n");
    assert!(text.len() > 130_000_000);
    repo.commit_file("huge.log", &text);
    drop(text);
    for how in ["loose", "packed"] {
        let report = repo.scan(&["--show-secrets"]);
        assert_eq!((report.code, report.findings().len()), (1, 2), "{how}");
        for (token, line, column) in [(&early, 2, 7), (&late, 2_200_003, 12)] {
            let found = report
                .findings()
                .iter()
                .find(|f| f["secret"] == token.as_str());
            let first = &found.expect("it is found")["history"]["first"];
            assert_eq!(
                (&first["line"], &first["column"]),
                (&line.into(), &column.into()),
                "{how}"
            );
        }
        assert!(report.json["coverage"]["objects"][0]["bytes"].as_u64() > Some(130_000_000));
        repo.git(&["repack", "-adfq"]);
    }
    let report = repo.scan(&["--max-object-size", "100"]);
    assert_eq!(report.code, 3);
    assert_eq!(report.skipped()[0]["reason"], "too-large");
}
