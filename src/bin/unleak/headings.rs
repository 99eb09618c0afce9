//! The headings under which help lists options. One name means the same in every command, so one table
//! serves all; a test finds options of long lists that have no heading.

use clap::{Arg, Command};

use crate::ignore::args::{EXCLUDE_HELP, PATH_HELP};

/// A heading, and the options below it.
const HEADINGS: [(&str, &[&str]); 9] = [
    (
        "What to scan",
        &[
            "staged",
            "range",
            "since",
            "shard",
            "oids_from",
            "files",
            "worktree",
            "git_dir",
            "ignored",
            "stdin_name",
            "known",
            "known_env",
            "known_credentials",
            "state",
            "state_dir",
        ],
    ),
    (
        "What to report",
        &[
            "format",
            "output",
            "min_confidence",
            "public_keys",
            "show_secrets",
            "limit",
            "no_inline_allow",
            "no_ignore",
        ],
    ),
    (
        "Filters",
        &[
            "rule",
            "provider",
            "path",
            "exclude",
            "path_class",
            "author",
            "before",
            "refs",
            "in_head",
            "published",
        ],
    ),
    (
        "Validation",
        &[
            "validate",
            "only",
            "fail_on",
            "validate_host",
            "validate_resolve",
            "ca",
            "validate_proxy",
            "validate_rate",
            "validate_limit",
            "validate_keep",
            "trust_rules_validate",
        ],
    ),
    ("Selection", &["from", "dry_run"]),
    ("Rules", &["rules", "extra_rules", "disable_rule"]),
    (
        "Configuration",
        &["config", "no_config", "trust_repo_config"],
    ),
    (
        "Limits",
        &[
            "max_object_size",
            "budget",
            "max_depth",
            "max_unpacked",
            "max_ratio",
            "threads",
            "no_delta",
        ],
    ),
    (
        "Global options",
        &["color", "quiet", "verbose", "no_pager", "help", "version"],
    ),
];

/// Commands with so many options that all have headings; '--all' belongs to the given one.
const LONG: [(&str, &str); 4] = [
    ("scan", "What to report"),
    ("ignore", "Selection"),
    ("remove", "Selection"),
    ("triage", "What to report"),
];

/// Commands whose '--quiet' changes their report; in others, it hides progress and notes only.
const WITH_REPORTS: [&str; 3] = ["scan", "validate", "report"];

/// Puts the options of all commands under headings.
pub(crate) fn grouped(command: Command) -> Command {
    let mut command = under_headings(command);
    let quiet = command.get_arguments().find(|arg| arg.get_id() == "quiet");
    let Some(quiet) = quiet.cloned() else {
        return command;
    };
    // An option of all commands has one help, unless a command has its own option of that name.
    let quiet = quiet.help("Show no progress and no notes");
    let names: Vec<String> = command
        .get_subcommands()
        .map(|inner| inner.get_name().to_owned())
        .filter(|name| !WITH_REPORTS.contains(&name.as_str()))
        .collect();
    for name in names {
        let quiet = quiet.clone();
        command = command.mut_subcommand(name, |inner| inner.arg(quiet));
    }
    command
}

fn under_headings(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let of_all = LONG.iter().find(|(long, _)| *long == name);
    let command = command.mut_args(|arg| {
        let arg = match (name.as_str(), arg.get_id().as_str()) {
            ("ignore", "path") => arg.help(PATH_HELP),
            // These read no files that could be left unread.
            ("ignore" | "remove" | "triage", "exclude") => arg.help(EXCLUDE_HELP),
            _ => arg,
        };
        let heading = match of_all.filter(|_| arg.get_id() == "all") {
            Some((_, heading)) => Some(*heading),
            None => heading(&arg),
        };
        match heading {
            Some(heading) => arg.help_heading(heading),
            None => arg,
        }
    });
    command.mut_subcommands(under_headings)
}

fn heading(arg: &Arg) -> Option<&'static str> {
    // The same name may be an argument elsewhere.
    arg.get_long()?;
    let id = arg.get_id().as_str();
    let found = HEADINGS.iter().find(|(_, ids)| ids.contains(&id));
    found.map(|(heading, _)| *heading)
}

#[cfg(test)]
mod tests {
    use crate::examples;

    use super::*;

    #[test]
    fn options_of_scan_all_have_headings_and_each_heading_is_in_one_piece() {
        let mut command = examples::command();
        command.build();
        let scan = command.find_subcommand("scan").unwrap();
        for arg in scan.get_opts().filter(|arg| !arg.is_hide_set()) {
            assert!(arg.get_help_heading().is_some(), "{}", arg.get_id());
        }
        let help = scan.clone().render_long_help().to_string();
        let mut at = 0;
        for heading in [
            "What to scan:",
            "What to report:",
            "Rules:",
            "Filters:",
            "Limits:",
        ] {
            let found: Vec<_> = help.match_indices(&format!("\n{heading}\n")).collect();
            assert_eq!(found.len(), 1, "{heading} in {help}");
            at = at.max(found[0].0);
        }
        assert!(at > 0);
    }

    #[test]
    fn every_option_with_a_heading_is_one() {
        fn all(command: &Command, ids: &mut Vec<String>) {
            ids.extend(command.get_arguments().map(|arg| arg.get_id().to_string()));
            command.get_subcommands().for_each(|inner| all(inner, ids));
        }
        let mut command = examples::command();
        command.build();
        let mut known = Vec::new();
        all(&command, &mut known);
        for id in HEADINGS.iter().flat_map(|(_, ids)| *ids) {
            assert!(known.iter().any(|known| known == id), "{id}");
        }
    }
}
