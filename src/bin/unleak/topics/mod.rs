//! `unleak help`: of a command, or about a topic.

use unleak::error::{Error, Result, nearest};

use crate::examples;
use crate::exit::Exit;
use crate::output;

/// Name, what it is about, text.
const TOPICS: [(&str, &str, &str); 6] = [
    (
        "exit-codes",
        "what the status of a command says",
        include_str!("exit-codes.txt"),
    ),
    (
        "filters",
        "which findings are reported; leaving out files",
        include_str!("filters.txt"),
    ),
    (
        "config",
        "files, environment, flags; trust",
        include_str!("config.txt"),
    ),
    (
        "suppressions",
        "how to accept a finding",
        include_str!("suppressions.txt"),
    ),
    (
        "formats",
        "reports, and saved reports",
        include_str!("formats.txt"),
    ),
    ("moving", "from other scanners", include_str!("moving.txt")),
];

/// Runs it.
pub(crate) fn run(words: &[String]) -> Result<Exit> {
    let mut command = examples::command();
    command.build();
    let text = match words {
        [] => command.render_help().to_string(),
        [word] if word == "topics" => list(),
        [word] if topic(word).is_some() => topic(word).unwrap_or_default().to_owned(),
        words => {
            let mut at = &mut command;
            for word in words {
                at = at.find_subcommand_mut(word).ok_or_else(|| unknown(word))?;
            }
            at.render_long_help().to_string()
        }
    };
    output::print(text.as_bytes())
}

/// The names of all topics, and what each is about.
pub(crate) fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    TOPICS.iter().map(|(name, about, _)| (*name, *about))
}

/// The text of a topic.
pub(crate) fn topic(name: &str) -> Option<&'static str> {
    let topic = TOPICS.iter().find(|(known, ..)| *known == name)?;
    Some(topic.2)
}

fn list() -> String {
    let lines = TOPICS.iter();
    let lines = lines.map(|(name, about, _)| format!("  {name:13} {about}\n"));
    let lines = lines.collect::<String>();
    format!("Topics:\n{lines}\n'unleak help TOPIC' shows one, 'unleak help COMMAND' a command.\n")
}

fn unknown(word: &str) -> Error {
    let command = examples::command();
    let commands = command.get_subcommands().map(clap::Command::get_name);
    let topics = TOPICS.iter().map(|(name, ..)| *name);
    let hint = match nearest(word, commands.chain(topics)) {
        Some(known) => format!("did you mean '{known}'?"),
        None => "'unleak help topics' lists the topics, 'unleak --help' the commands".to_owned(),
    };
    Error::usage(format!("there is no help about '{word}'")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands after two blanks is a remark.
    #[test]
    fn every_command_in_a_topic_is_understood() {
        let mut count = 0;
        for (name, _, text) in TOPICS {
            let lines = text.lines().filter(|line| line.starts_with("  unleak "));
            for line in lines {
                let command = line.trim().split("  ").next().unwrap_or_default();
                let parsed = examples::command().try_get_matches_from(command.split(' '));
                assert!(parsed.is_ok(), "{name}: {command}: {:?}", parsed.err());
                count += 1;
            }
        }
        assert!(count >= 10, "only {count} commands were seen");
    }
}
