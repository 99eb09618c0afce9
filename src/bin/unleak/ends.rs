//! Exit statuses and related manual pages of each command.

/// An exit status and its meaning.
pub(crate) type EndStatus = (&'static str, &'static str);

const DONE: EndStatus = ("0", "It is done.");
const SHOWN: EndStatus = ("0", "It was printed.");
const UNREAD: EndStatus = (
    "3",
    "Something could not be read. The report has the findings, and lists the unread objects and files.",
);
const DECIDED: EndStatus = (
    "0",
    "What was decided is written, even if findings are still open.",
);

/// The exit statuses of every command.
const ALWAYS: [EndStatus; 4] = [
    (
        "2",
        "The command line or a configuration is invalid, or there is no repository. Nothing was done.",
    ),
    ("4", "A bug in unleak."),
    ("130, 143", "Interrupted by Ctrl-C (SIGINT) or SIGTERM."),
    ("141", "The reader of the output closed the pipe."),
];

const OF_HOOK: &[EndStatus] = &[
    ("0", "It may pass: nothing new holds a secret."),
    ("1", "Blocked: it brings in a secret."),
    ("3", "Blocked: something could not be read."),
];

/// The exit statuses of commands, besides [`ALWAYS`]. A subcommand without an entry has those of the command
/// above it.
const ENDS: [(&str, &[EndStatus]); 33] = [
    (
        "scan",
        &[
            (
                "0",
                "Everything was scanned, and no secret of the minimum confidence was found.",
            ),
            ("1", "Everything was scanned, and secrets were found."),
            UNREAD,
        ],
    ),
    (
        "validate",
        &[
            (
                "0",
                "Everything was scanned, and no finding has a state that was asked for.",
            ),
            (
                "1",
                "Secrets were found: of those states that '--only' or '--fail-on' name, if given.",
            ),
            UNREAD,
        ],
    ),
    (
        "revoke",
        &[
            ("0", "It is revoked."),
            (
                "1",
                "It is not revoked, or its issuer says that it is still active.",
            ),
        ],
    ),
    ("explain", &[SHOWN]),
    ("triage", &[DECIDED]),
    ("ignore", &[DECIDED]),
    ("ignore list", &[SHOWN]),
    (
        "ignore remove",
        &[(
            "0",
            "What was selected is removed; with '--dry-run', it is listed.",
        )],
    ),
    ("baseline", &[("0", "The baseline is written.")]),
    (
        "import",
        &[
            ("0", "Everything was imported."),
            ("1", "Something could not be imported; the output lists it."),
        ],
    ),
    (
        "objects",
        &[
            ("0", "All objects were listed."),
            ("3", "Objects could not be read."),
        ],
    ),
    ("state", &[DONE]),
    (
        "state merge",
        &[
            ("0", "All were merged."),
            ("3", "Some were left out, since they do not fit the others."),
        ],
    ),
    (
        "hook install",
        &[(
            "0",
            "The hooks are installed. If another program manages the hooks, the status is 2 and the output says what to add to its configuration.",
        )],
    ),
    ("hook uninstall", &[("0", "The hooks are gone.")]),
    ("hook status", &[SHOWN]),
    (
        "hook test",
        &[
            (
                "0",
                "Every installed hook blocks a secret and lets other text pass.",
            ),
            ("1", "An installed hook does not work."),
        ],
    ),
    ("hook", OF_HOOK),
    (
        "purge",
        &[
            (
                "0",
                "There is nothing to erase; with '--apply', it is done.",
            ),
            ("1", "The plan would change something, or values are left."),
            UNREAD,
        ],
    ),
    (
        "purge undo",
        &[
            ("0", "History is as it was before the purge."),
            ("3", "Some refs or files could not be put back."),
        ],
    ),
    (
        "purge finish",
        &[
            (
                "0",
                "The old objects are removed, and it is proven that no value is left.",
            ),
            ("1", "A value is left."),
            ("3", "Something could not be searched."),
        ],
    ),
    ("purge forget", &[("0", "The undo snapshot is deleted.")]),
    ("purge status", &[SHOWN]),
    (
        "purge verify",
        &[
            ("0", "No value is left."),
            ("1", "A value, or an old object, is left."),
            ("3", "Something could not be searched or asked."),
        ],
    ),
    (
        "purge push-plan",
        &[SHOWN, ("3", "Some refs of the remote are not known.")],
    ),
    ("purge kit", &[DONE]),
    (
        "purge heal",
        &[
            ("0", "The clone has the new history."),
            ("1", "Something in the clone still holds a value."),
            (
                "3",
                "The clone could not be healed, or not all of it was searched.",
            ),
        ],
    ),
    (
        "purge guard",
        &[
            ("0", "The push brings back nothing that was purged."),
            ("1", "Blocked: the push contains purged objects."),
            ("3", "Blocked: the push could not be read."),
        ],
    ),
    ("report", &[DONE, ("3", "A file could not be written.")]),
    (
        "report diff",
        &[
            ("0", "Nothing is new."),
            ("1", "There are new findings."),
            ("3", "The newer report is not complete."),
        ],
    ),
    (
        "estate",
        &[
            (
                "0",
                "All repositories were scanned, and no secret was found.",
            ),
            (
                "1",
                "All repositories were scanned, and secrets were found.",
            ),
            ("3", "A repository, or a part of one, could not be read."),
        ],
    ),
    (
        "merge",
        &[
            ("0", "No report has a finding."),
            ("1", "There are findings."),
            ("3", "A report is missing or not complete."),
        ],
    ),
    (
        "rules test",
        &[
            ("0", "Every rule finds its examples only."),
            ("1", "A rule is wrong."),
        ],
    ),
];

/// Pages that belong to a command, beside those above and below it. Names without a section are commands.
const RELATED: [(&str, &[&str]); 26] = [
    ("", &["git(1)"]),
    (
        "scan",
        &[
            "explain",
            "triage",
            "ignore",
            "validate",
            "purge",
            "report convert",
            "gitrevisions(7)",
        ],
    ),
    ("explain", &["scan", "ignore", "purge", "rules show"]),
    ("triage", &["scan", "ignore", "purge", "explain"]),
    ("ignore", &["triage", "baseline", "scan", "gitrevisions(7)"]),
    ("ignore list", &["ignore remove", "scan"]),
    ("ignore remove", &["ignore list"]),
    ("baseline", &["ignore", "scan"]),
    ("import", &["ignore", "baseline", "rules check"]),
    ("validate", &["revoke", "scan"]),
    ("revoke", &["validate", "purge"]),
    ("objects", &["scan", "git-cat-file(1)"]),
    ("state", &["scan"]),
    ("hook", &["scan", "ignore", "githooks(5)"]),
    (
        "hook install",
        &["hook test", "hook status", "hook uninstall", "githooks(5)"],
    ),
    ("hook uninstall", &["hook install"]),
    ("hook status", &["hook install", "hook test"]),
    ("hook test", &["hook install", "hook status"]),
    (
        "purge",
        &["triage", "scan", "revoke", "git-gc(1)", "git-reflog(1)"],
    ),
    ("report", &["scan", "triage"]),
    ("report diff", &["report show", "scan"]),
    ("estate", &["merge", "state merge"]),
    ("merge", &["estate scan", "report diff"]),
    ("rules", &["scan", "explain"]),
    ("config", &["scan"]),
    ("completions", &["man"]),
];

/// The exit statuses of the command `path`, in increasing order.
pub(crate) fn of(path: &str) -> Vec<EndStatus> {
    let own = nearest(&ENDS, path).unwrap_or(&[DONE]);
    let mut all: Vec<EndStatus> = own.iter().chain(&ALWAYS).copied().collect();
    let number = |(status, _): &EndStatus| status.split(',').next().and_then(|s| s.parse().ok());
    all.sort_by_key(|end| number(end).unwrap_or(u32::MAX));
    all
}

/// The pages that belong to the command called `path`: commands, and pages with their section.
pub(crate) fn related(path: &str) -> &'static [&'static str] {
    nearest(&RELATED, path).unwrap_or_default()
}

/// The entry of `path`, or that of the command above it.
fn nearest<T: ?Sized>(table: &[(&str, &'static T)], path: &str) -> Option<&'static T> {
    let entry = |path: &str| {
        let found = table.iter().find(|(known, _)| *known == path);
        found.map(|(_, entry)| *entry)
    };
    let above = path.rsplit_once(' ').map(|(above, _)| above);
    entry(path).or_else(|| entry(above?))
}

#[cfg(test)]
mod tests {
    use crate::examples;

    use super::*;

    #[test]
    fn every_name_is_that_of_a_command() {
        let command = examples::command();
        let is_command = |path: &str| {
            let mut names = path.split(' ').filter(|name| !name.is_empty());
            names
                .try_fold(&command, |at, name| at.find_subcommand(name))
                .is_some()
        };
        let pages = RELATED.iter().flat_map(|(_, pages)| *pages);
        let commands = pages.filter(|page| !page.ends_with(')'));
        let paths = ENDS.iter().map(|(path, _)| path);
        let of_pages = RELATED.iter().map(|(path, _)| path);
        for path in paths.chain(of_pages).chain(commands) {
            assert!(is_command(path), "{path}");
        }
    }
}
