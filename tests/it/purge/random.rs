//! Random passwords in many syntaxes: whatever the rules make of them, what is called proven is gone
//! as a whole, and what could be parsed still can be.

use unleak::rule::template::Random;

use super::{Purged, contains};
use crate::support::Repo;
use crate::support::syntaxes::SYNTAXES;

const LETTERS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A password of a random length that begins and ends with a letter; every other one has marks.
fn password(random: &mut Random, marks: &str, number: u64) -> String {
    let mut pick = |from: &[u8]| char::from(*random.pick(from));
    let len = 12 + number * 5 % 17;
    let inner = (2..len).map(|at| {
        let has_marks = number % 2 == 1 && at % 4 == 3;
        pick(if has_marks { marks.as_bytes() } else { LETTERS })
    });
    let inner: String = inner.collect();
    // A digit and both cases, so that nobody takes it for a word.
    format!("q7{inner}Z4")
}

fn parses(path: &str, text: &str) -> bool {
    match path.rsplit('.').next().unwrap() {
        "json" => serde_json::from_str::<serde_json::Value>(text).is_ok(),
        "toml" => text.parse::<toml::Table>().is_ok(),
        "yaml" | "yml" => yaml_rust2::YamlLoader::load_from_str(text).is_ok(),
        "xml" => {
            let mut reader = quick_xml::Reader::from_str(text);
            loop {
                match reader.read_event() {
                    Ok(quick_xml::events::Event::Eof) => return true,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            }
        }
        _ => true,
    }
}

/// No four bytes of `value` that the file had only because of it stand in `now`.
fn assert_no_part(now: &[u8], frame: &str, value: &str, place: &str) {
    for part in value.as_bytes().windows(4) {
        assert!(
            contains(frame.as_bytes(), part) || !contains(now, part),
            "{place}: a part of the value is left in {}",
            now.escape_ascii()
        );
    }
}

/// Passwords for each syntax: without marks and with them.
const EACH: u64 = 2;

#[test]
fn random_passwords_go_whole_or_are_not_called_proven() {
    let seed = 20_261_127;
    let mut random = Random::new(seed);
    let mut proven = 0;
    for syntax in &SYNTAXES {
        let marks = syntax.marks();
        for number in 0..EACH {
            let mut purged = Purged::new(Repo::new());
            purged.value = password(&mut random, &marks, number);
            let (path, before, _) = syntax.file(0, &purged.value);
            let (path, frame) = (path.as_str(), syntax.text);
            let place = format!("seed {seed}, {path}, password {}", purged.value);
            purged.repo.commit_file(path, &before);
            purged.repo.commit_file("other", "after\n");
            let output = purged.try_purge(&["--all", "--yes", "--apply", "--finish"]);
            let now = std::fs::read(purged.repo.path().join(path)).unwrap();
            let text = String::from_utf8(now.clone()).unwrap();
            assert!(
                !parses(path, &before) || parses(path, &text),
                "{place}: {text}"
            );
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(
                output.status.code() == Some(0) && !said.contains("Nothing to purge"),
                said.contains("Proven: "),
                "{place}: {said}"
            );
            if said.contains("Proven: ") {
                assert_no_part(&now, frame, &purged.value, &place);
                proven += 1;
                continue;
            }
            // Refused, or nothing was selected: then it is as it was. Named, it goes.
            assert_eq!(text, before, "{place}");
            purged.erase();
            let now = std::fs::read(purged.repo.path().join(path)).unwrap();
            assert_no_part(&now, frame, &purged.value, &place);
            let text = String::from_utf8(now).unwrap();
            assert!(
                !parses(path, &before) || parses(path, &text),
                "{place}: {text}"
            );
        }
    }
    // Passwords without marks are whole for any rule.
    assert!(
        proven >= SYNTAXES.len(),
        "only {proven} of {} are proven: the test tests nothing",
        SYNTAXES.len() as u64 * EACH
    );
}
