//! Very many secrets or keywords in one file: read once, and to the end.

use std::fmt::Write as _;
use std::io::Write as _;

use unleak::detect::{Detector, HitLimits, Hits, Scratch};
use unleak::rule;
use unleak::rule::template::{Random, expand};

use crate::support::{Repo, github_token, unleak};

/// More keywords than are kept of one file for its deltas.
const KEYWORDS: usize = (1 << 20) + 1000;

/// A text of very many keywords, with a token on its first and on its last line.
fn export(first: u64, last: u64) -> String {
    let mut text = format!("key {}\n", github_token(first));
    text.push_str(&"password=\n".repeat(KEYWORDS));
    let _ = writeln!(text, "key {}", github_token(last));
    text
}

#[test]
fn each_of_many_secrets_in_a_file_has_its_own_line() {
    let repo = Repo::new();
    let mut text = String::new();
    for number in 0..300 {
        let (one, two) = (github_token(1000 + number), github_token(5000 + number));
        let _ = writeln!(text, "first{number} {one} second{number} {two} end{number}");
    }
    repo.write("many", &text);
    repo.git(&["add", "many"]);
    for options in [&["--staged"][..], &[]] {
        if options.is_empty() {
            repo.commit("many");
        }
        let report = repo.scan(options);
        assert_eq!(report.findings().len(), 600);
        for finding in report.findings() {
            let line = finding["history"]["first"]["line"].as_u64().unwrap();
            let number = line - 1;
            let side = |side: &str| finding["excerpt"][side].as_str().unwrap().to_owned();
            let (before, after) = (side("before"), side("after"));
            let mark = |seed: u64| {
                let token = github_token(seed + number);
                format!("{}…{}", &token[..4], &token[token.len() - 4..])
            };
            if after.starts_with(" second") {
                assert_eq!(before, format!("first{number} "));
                let expected = format!(" second{number} {} end{number}", mark(5000));
                assert_eq!(after, expected);
            } else {
                let expected = format!("first{number} {} second{number} ", mark(1000));
                assert_eq!(before, expected);
                assert_eq!(after, format!(" end{number}"));
            }
        }
    }
}

#[test]
fn a_file_of_a_million_keywords_is_scanned_to_its_end() {
    let repo = Repo::new();
    repo.write("export", export(301, 302));
    repo.git(&["add", "."]);
    let staged = repo.unleak(&["hook", "pre-commit"], b"", &[]);
    let text = String::from_utf8_lossy(&staged.stderr).into_owned();
    assert_eq!(staged.status.code(), Some(1), "{text}");
    let is_whole = !text.contains("could be read");
    assert!(text.contains("2 secrets") && is_whole, "{text}");
    repo.commit("one");
    let mut packed = Vec::new();
    let mut gzip = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast());
    gzip.write_all(export(303, 304).as_bytes()).unwrap();
    gzip.finish().unwrap();
    repo.commit_file("export.gz", packed);
    // A delta of the first, in which more was put at its beginning and its end.
    let more = format!("{}{}key {}\n", "new\n", export(301, 302), github_token(305));
    repo.commit_file("export", more);
    repo.git(&["repack", "-adfq"]);
    let expected = 5;
    let report = repo.scan(&[]);
    assert_eq!(report.skipped().len(), 0, "{:?}", report.skipped());
    assert_eq!((report.code, report.findings().len()), (1, expected));
    let line = |seed: u64| {
        let mark = &github_token(seed)[36..];
        let found = report.findings().iter();
        let mut found = found.filter(|f| f["secret"].as_str().unwrap().ends_with(mark));
        found.next().unwrap()["history"]["first"]["line"].as_u64()
    };
    assert_eq!(line(302), Some(KEYWORDS as u64 + 2));
    assert_eq!(line(304), Some(KEYWORDS as u64 + 2));
    let files = unleak(
        &["scan", "--files", "export", "export.gz", "--format", "json"],
        repo.path(),
    );
    let files: serde_json::Value = serde_json::from_slice(&files.stdout).unwrap();
    assert_eq!(files["findings"].as_array().unwrap().len(), expected);
    assert_eq!(files["complete"], true);
}

#[test]
fn what_is_kept_of_a_text_does_not_change_what_is_found_in_it() {
    let rules = rule::builtin_with_proofs().unwrap();
    let plain = Detector::compile(rules.clone()).unwrap();
    let sparing = [0, 1, 7, 40].map(|most| {
        let detector = Detector::compile(rules.clone()).unwrap();
        detector.with_hit_limits(HitLimits {
            most_kept: most,
            most_found: usize::MAX,
        })
    });
    let mut random = Random::new(77);
    let mut found = 0;
    for round in 0..60 {
        let mut text = String::new();
        for _ in 0..random.below(40) {
            let rule = random.pick(&rules.rules).clone();
            let Ok(token) = expand(&rule.examples[0], &mut random) else {
                continue;
            };
            let _ = match random.below(4) {
                0 => writeln!(
                    text,
                    "data: {}",
                    data_encoding::BASE64.encode(format!("a: {token}\nb: {token}\n").as_bytes())
                ),
                1 => writeln!(text, "password= token: secret key {:x}", random.bits()),
                _ => writeln!(text, "x {token}"),
            };
        }
        let mut bytes = text.into_bytes();
        if round % 4 == 0 {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&bytes).unwrap();
            bytes = gzip.finish().unwrap();
        }
        let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
        plain.scan(&bytes, &mut scratch, &mut hits);
        let expected = plain.matches(&bytes, &hits);
        found += expected.len();
        for detector in &sparing {
            detector.scan(&bytes, &mut scratch, &mut hits);
            assert_eq!(detector.matches(&bytes, &hits), expected, "round {round}");
        }
    }
    assert!(found > 500, "{found} secrets to lose");
}

#[test]
fn more_secrets_than_are_reported_of_one_text_are_a_problem_that_is_told() {
    let rules = rule::builtin_with_proofs().unwrap();
    let limits = HitLimits {
        most_kept: 1000,
        most_found: 5,
    };
    let detector = Detector::compile(rules).unwrap().with_hit_limits(limits);
    let (mut scratch, mut hits) = (Scratch::default(), Hits::default());
    let lines = |count: u64| -> String {
        let lines = (0..count).map(|seed| format!("see {}\n", github_token(seed)));
        lines.collect()
    };
    for (count, expected, problems) in [(5, 5, 0), (6, 5, 1), (9, 5, 1)] {
        let text = lines(count);
        detector.scan(text.as_bytes(), &mut scratch, &mut hits);
        let found = detector.matches(text.as_bytes(), &hits);
        assert_eq!(found.len(), expected, "of {count}");
        let last = found.last().unwrap();
        assert_eq!(last.position.line, 5, "the first ones are reported");
        let said: Vec<&str> = hits.problems().map(|p| p.detail.as_str()).collect();
        assert_eq!(said.len(), problems, "{said:?}");
        let encoded = format!("data: {}\n", data_encoding::BASE64.encode(text.as_bytes()));
        detector.scan(encoded.as_bytes(), &mut scratch, &mut hits);
        assert_eq!(hits.problems().count(), problems, "{count} inside");
    }
}
