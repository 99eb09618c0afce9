//! `unleak man`: manual pages, made from the same definition as the help.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use unleak::error::{Error, Result};

use crate::exit::Exit;
use crate::{ends, examples, topics};

/// Variables, and what they do.
const ENVIRONMENT: [(&str, &str); 17] = [
    ("UNLEAK_MIN_CONFIDENCE", "Default of --min-confidence."),
    (
        "UNLEAK_PUBLIC_KEYS",
        "1 reports keys that are meant to be public, as --public-keys does.",
    ),
    (
        "UNLEAK_INLINE_ALLOW",
        "0 reports lines with an inline allow marker, as --no-inline-allow does.",
    ),
    (
        "UNLEAK_MAX_OBJECT_SIZE",
        "Default of --max-object-size, in MiB.",
    ),
    ("UNLEAK_BUDGET", "Default of --budget."),
    (
        "UNLEAK_EXTRA_RULES",
        "Rule files, separated like the directories of PATH.",
    ),
    (
        "UNLEAK_DISABLE_RULES",
        "Rules that are switched off, separated by commas.",
    ),
    (
        "UNLEAK_TRUST_REPO_CONFIG",
        "1 trusts the configuration file of the repository.",
    ),
    ("UNLEAK_CONFIG", "The user's configuration file."),
    (
        "XDG_CONFIG_HOME, XDG_CACHE_HOME, XDG_STATE_HOME",
        "Directories of the user's configuration, of kept scans, and of what undoes a purge.",
    ),
    (
        "GIT_DIR, GIT_WORK_TREE, GIT_OBJECT_DIRECTORY, GIT_INDEX_FILE, GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "As for git, if no repository is named.",
    ),
    (
        "NO_COLOR, CLICOLOR_FORCE, TERM",
        "Whether output has colours; --color decides first.",
    ),
    (
        "UNLEAK_PAGER, PAGER, LESS",
        "The pager that shows a long text on a terminal: the first that is set, or less, with these \
         options; 'cat' is none.",
    ),
    ("VISUAL, EDITOR", "The editor that 'unleak triage' opens."),
    (
        "UNLEAK_SKIP",
        "Why a hook lets this commit or push pass without a scan; the hook prints it.",
    ),
    (
        "UNLEAK_SHARDS, JOB_COMPLETION_INDEX",
        "Number of parts, and which part this is, for '--shard auto' in Kubernetes.",
    ),
    (
        "RUST_BACKTRACE",
        "1 adds a backtrace to the report of an internal error.",
    ),
];

/// Files, and what they hold.
const FILES: [(&str, &str); 7] = [
    (
        ".unleak.toml",
        "Configuration of the repository, at its top.",
    ),
    (
        "$XDG_CONFIG_HOME/unleak/config.toml",
        "Configuration of the user; without XDG_CONFIG_HOME, in ~/.config.",
    ),
    (".unleak/ignore/", "Suppressions, a file each; commit them."),
    (".unleak/baseline", "Findings that were accepted at once."),
    (".unleak/keys/", "Keys under which suppressions are filed."),
    (
        "$GIT_COMMON_DIR/unleak/purge-plan.json",
        "Findings that 'unleak triage' chose for a purge.",
    ),
    (
        "$XDG_CACHE_HOME/unleak/",
        "What 'unleak scan --state' keeps.",
    ),
];

/// Writes a manual page for every command into `dir`.
///
/// # Errors
/// `Io` if a page cannot be written.
pub(crate) fn man(dir: &Path) -> Result<Exit> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("make", dir, e))?;
    let mut command = examples::command();
    command.build();
    pages(&command, "", dir)?;
    Ok(Exit::Clean)
}

/// Writes the pages of a command and of those below it; `path` is its name without the program's.
fn pages(command: &Command, path: &str, dir: &Path) -> Result<()> {
    for inner in command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
    {
        pages(inner, format!("{path} {}", inner.get_name()).trim(), dir)?;
    }
    let source = format!("unleak {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone())
        .manual("unleak manual")
        .source(source);
    let file = dir.join(man.get_filename());
    let mut page = Vec::new();
    // Writing to memory does not fail.
    render(&man, command, path, &mut page).map_err(|e| Error::io("write", &file, e))?;
    std::fs::write(&file, page).map_err(|e| Error::io("write", &file, e))
}

fn render(man: &Man, command: &Command, path: &str, page: &mut dyn Write) -> std::io::Result<()> {
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    if command.get_arguments().any(|arg| !arg.is_hide_set()) {
        man.render_options_section(page)?;
    }
    if command.get_subcommands().any(|inner| !inner.is_hide_set()) {
        man.render_subcommands_section(page)?;
    }
    let mut roff = Roff::new();
    if path.is_empty() {
        verbatim(&mut roff, "EXIT STATUS", &exit_status());
    } else {
        listed(&mut roff, "EXIT STATUS", &ends::of(path));
    }
    listed(&mut roff, "ENVIRONMENT", &ENVIRONMENT);
    listed(&mut roff, "FILES", &FILES);
    verbatim(&mut roff, "EXAMPLES", &examples::of(path).join("\n"));
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(see_also(command, path).join(", "))]);
    roff.to_writer(page)
}

/// The topic without its title.
fn exit_status() -> String {
    let text = topics::topic("exit-codes").unwrap_or_default();
    let text = text.split_once("\n\n").map_or(text, |(_, text)| text);
    text.trim_end().to_owned()
}

fn listed(roff: &mut Roff, title: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [title]);
    for (name, what) in entries {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text([roman(*what)]);
    }
}

/// Lines as they are.
fn verbatim(roff: &mut Roff, title: &str, text: &str) {
    roff.control("SH", [title]);
    roff.control("nf", []);
    for line in text.lines() {
        // An empty line ends no paragraph here.
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

/// The pages of the command above, of those below, and of others that belong to it.
fn see_also(command: &Command, path: &str) -> Vec<String> {
    let page = |path: &str| format!("unleak {path}").trim().replace(' ', "-") + "(1)";
    let above = path.rsplit_once(' ').map_or("", |(above, _)| above);
    let above = (!path.is_empty()).then(|| page(above));
    let below = command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set());
    let below = below.map(|inner| page(format!("{path} {}", inner.get_name()).trim()));
    let related = ends::related(path).iter();
    let related = related.map(|name| match name.ends_with(')') {
        true => (*name).to_owned(),
        false => page(name),
    });
    let own = page(path);
    let all = above.into_iter().chain(below).chain(related);
    let mut seen = HashSet::from([own]);
    all.filter(|page| seen.insert(page.clone())).collect()
}
