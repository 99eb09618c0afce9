//! The command line with an example for every command. A test parses them all.

use clap::{Command, CommandFactory};

use crate::cli::Args;
use crate::{complete, headings};

/// A command, and lines that show it.
const EXAMPLES: [(&str, &[&str]); 53] = [
    (
        "scan",
        &[
            "unleak scan",
            "unleak scan --in-head --path 'src/**' path/to/repository",
            "unleak scan --range main..topic -o sarif:scan.sarif -o html:scan.html",
            "unleak scan --files notes.zip logs",
            "unleak scan --shard 2/8 --state-dir part-2 huge.git",
        ],
    ),
    ("explain", &["unleak explain 1f3c9a20"]),
    (
        "validate",
        &[
            "unleak validate",
            "unleak validate 1f3c9a20 -C path/to/repository",
            "unleak validate --validate-host gitlab=git.example.com --only active",
            "unleak validate --known leaked.txt --format json",
            "unleak validate --list",
        ],
    ),
    ("revoke", &["unleak revoke 1f3c9a20"]),
    (
        "objects",
        &["unleak objects --kind blob path/to/repository"],
    ),
    ("state show", &["unleak state show"]),
    ("state clear", &["unleak state clear"]),
    (
        "state merge",
        &["unleak state merge part-1 part-2 --state-dir all"],
    ),
    (
        "ignore",
        &[
            "unleak ignore 1f3c9a20 --reason 'key of a deleted account' --expires 2030-12-31",
            "unleak ignore --path tests/fixtures --reason 'made up for tests' --dry-run",
            "unleak ignore --range main..topic --all --reason 'reviewed in the pull request'",
            "unleak ignore --from scan.json --rule json-web-token --reason 'expired tokens'",
        ],
    ),
    ("ignore list", &["unleak ignore list"]),
    (
        "ignore remove",
        &[
            "unleak ignore remove 00112233",
            "unleak ignore remove --path src --dry-run",
        ],
    ),
    (
        "triage",
        &[
            "unleak triage",
            "unleak triage --in-head --owner ada path/to/repository",
            "unleak triage scan.json -C path/to/repository",
        ],
    ),
    ("baseline create", &["unleak baseline create"]),
    ("baseline update", &["unleak baseline update"]),
    ("baseline prune", &["unleak baseline prune"]),
    (
        "import",
        &["unleak import .gitleaks.toml .gitleaksignore baseline.json"],
    ),
    (
        "hook install",
        &["unleak hook install --pre-commit --pre-push"],
    ),
    ("hook uninstall", &["unleak hook uninstall"]),
    ("hook status", &["unleak hook status"]),
    ("hook test", &["unleak hook test"]),
    (
        "hook commit-msg",
        &["unleak hook commit-msg .git/COMMIT_EDITMSG"],
    ),
    ("hook pre-commit", &["unleak hook pre-commit"]),
    ("hook pre-merge-commit", &["unleak hook pre-merge-commit"]),
    ("hook pre-applypatch", &["unleak hook pre-applypatch"]),
    (
        "hook applypatch-msg",
        &["unleak hook applypatch-msg .git/rebase-apply/final-commit"],
    ),
    (
        "hook pre-push",
        &["unleak hook pre-push origin https://example.com/r.git"],
    ),
    ("hook pre-receive", &["unleak hook pre-receive"]),
    (
        "hook update",
        &["unleak hook update refs/heads/main OLD NEW"],
    ),
    (
        "purge",
        &[
            "unleak purge",
            "unleak purge --finding 1f3c9a20 --apply --finish",
            "unleak purge --min-confidence medium --apply --yes",
        ],
    ),
    ("purge undo", &["unleak purge undo"]),
    ("purge finish", &["unleak purge finish"]),
    ("purge forget", &["unleak purge forget"]),
    ("purge status", &["unleak purge status"]),
    ("purge verify", &["unleak purge verify --known values.txt"]),
    ("purge push-plan", &["unleak purge push-plan"]),
    ("purge kit", &["unleak purge kit --forge github"]),
    ("purge heal", &["unleak purge heal manifest.json"]),
    ("purge guard", &["unleak purge guard manifest.json"]),
    (
        "report convert",
        &["unleak report convert scan.json -o sarif:scan.sarif -o html:scan.html"],
    ),
    ("report show", &["unleak report show scan.json 1f3c9a20"]),
    ("report diff", &["unleak report diff before.json scan.json"]),
    (
        "estate scan",
        &["unleak estate scan list --shard 3/8 --resume --state -o reports"],
    ),
    ("estate plan", &["unleak estate plan list --shards 8"]),
    (
        "merge",
        &["unleak merge reports --before old.json -o html:estate.html -o json:new.json"],
    ),
    ("rules list", &["unleak rules list"]),
    ("rules show", &["unleak rules show github-pat"]),
    ("rules check", &["unleak rules check own.toml"]),
    (
        "rules test",
        &["unleak rules test own.toml --rule own-token"],
    ),
    (
        "rules bench",
        &["unleak rules bench labelled.jsonl --list missed --list false"],
    ),
    ("config show", &["unleak config show"]),
    ("completions", &["unleak completions bash"]),
    ("man", &["unleak man share/man/man1"]),
    (
        "help",
        &["unleak help exit-codes", "unleak help ignore remove"],
    ),
];

/// The command line.
pub(crate) fn command() -> Command {
    let mut command = Args::command();
    for (path, lines) in EXAMPLES {
        let names: Vec<&str> = path.split(' ').collect();
        let word = if lines.len() == 1 {
            "Example"
        } else {
            "Examples"
        };
        let text = format!("{word}:\n  {}", lines.join("\n  "));
        command = with(command, &names, &text);
    }
    complete::with_values(headings::grouped(command))
}

/// The examples of a command, as in `ignore list`; the program itself has those of the first steps, and
/// a command that does nothing by itself has one of each below it.
pub(crate) fn of(path: &str) -> Vec<&'static str> {
    let path = if path.is_empty() { "scan" } else { path };
    let own = EXAMPLES.iter().find(|(known, _)| *known == path);
    if let Some((_, lines)) = own {
        return lines.to_vec();
    }
    let is_below = |known: &str| {
        let rest = known.strip_prefix(path);
        rest.is_some_and(|rest| rest.starts_with(' '))
    };
    let below = EXAMPLES.iter().filter(|(known, _)| is_below(known));
    below
        .filter_map(|(_, lines)| lines.first().copied())
        .collect()
}

/// Adds text after the help of a command.
fn with(command: Command, names: &[&str], text: &str) -> Command {
    match names.split_first() {
        None => command.after_help(text.to_owned()),
        Some((first, rest)) if command.find_subcommand(first).is_some() => {
            command.mut_subcommand(first, |inner| with(inner, rest, text))
        }
        Some(_) => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of all commands that do something and are shown.
    fn leaves(command: &Command, path: &str, all: &mut Vec<String>) {
        let shown = command
            .get_subcommands()
            .filter(|inner| !inner.is_hide_set());
        let shown: Vec<&Command> = shown.collect();
        if shown.is_empty() || !command.is_subcommand_required_set() {
            all.push(path.to_owned());
        }
        for inner in shown {
            let path = format!("{path} {}", inner.get_name());
            leaves(inner, path.trim(), all);
        }
    }

    /// Splits as a shell does; the examples have single quotes only.
    fn words(line: &str) -> Vec<String> {
        let parts = line.split('\'').enumerate().flat_map(|(number, part)| {
            if number % 2 == 1 {
                vec![part]
            } else {
                part.split(' ').filter(|word| !word.is_empty()).collect()
            }
        });
        parts.map(str::to_owned).collect()
    }

    #[test]
    fn every_example_is_understood() {
        for (path, lines) in EXAMPLES {
            for line in lines {
                assert!(line.starts_with(&format!("unleak {path}")), "{line}");
                let parsed = command().try_get_matches_from(words(line));
                assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
            }
        }
    }

    #[test]
    fn every_command_that_takes_anything_has_an_example() {
        let mut all = Vec::new();
        leaves(&command(), "", &mut all);
        let plain = ["", "hook"];
        for path in all.iter().filter(|path| !plain.contains(&path.as_str())) {
            assert!(EXAMPLES.iter().any(|(known, _)| known == path), "{path}");
        }
        for (path, _) in EXAMPLES {
            assert!(
                all.iter().any(|known| known == path),
                "{path} is no command"
            );
        }
    }
}
