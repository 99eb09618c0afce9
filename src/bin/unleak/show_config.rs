//! `unleak config show`: every setting, and where its value comes from.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use unleak::config::FILE;
use unleak::error::Result;
use unleak::git::repository::Repository;
use unleak::report::escape::escape;

use crate::args::ConfigArgs;
use crate::config::{Layers, Sourced};
use crate::exit::Exit;
use crate::{output, settings};

/// Runs `unleak config show`: the settings as a file of them, with the source of each.
pub(crate) fn run(args: &ConfigArgs) -> Result<Exit> {
    let repo = Repository::discover(&args.repository, &settings::overrides_for(&args.repository));
    let repo = match repo {
        Ok(repo) => Some(repo),
        // Without a repository the user's settings are there still.
        Err(_) if args.repository == Path::new(".") => None,
        Err(error) => return Err(error),
    };
    let layers = Layers::load(&args.rules.config, repo.as_ref())?;
    let mut text = String::new();
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let mut line = |name: &str, value: &str, from: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name} = {value} # {}", escape(from.as_bytes()));
    };
    let level = layers.min_confidence(None);
    line("min_confidence", &quoted(level.value.name()), &level.from);
    let public = layers.public_keys(false);
    line("public_keys", &public.value.to_string(), &public.from);
    let inline = layers.inline_allow(false);
    line("inline_allow", &inline.value.to_string(), &inline.from);
    let size = layers.max_object_size(None);
    if let Some(value) = size.value {
        line("max_object_size", &value.to_string(), &size.from);
    }
    let budget = layers.budget(None);
    let (whole, part) = (budget.value / 1000, budget.value % 1000);
    let factor = match part {
        0 => whole.to_string(),
        part => format!("{whole}.{part:03}"),
    };
    line("budget", &factor, &budget.from);
    let shown = |told: Sourced<PathBuf>| (told.value.display().to_string(), told.from);
    let rules = layers.extra_rules(&args.rules).into_iter().map(shown);
    list("extra_rules", rules.collect(), &mut text);
    let off = layers.disable_rules(&args.rules).into_iter();
    let off = off.map(|told| (told.value, told.from)).collect();
    list("disable_rules", off, &mut text);
    for file in layers.files() {
        for pattern in &file.ignore {
            let source = escape(pattern.source.as_bytes());
            let named = escape(pattern.named.as_bytes());
            let _ = writeln!(text, "# [[ignore]] {named} # {source}");
        }
    }
    if !layers.repository.name.is_empty() && layers.is_trusted {
        let _ = writeln!(text, "# '{FILE}' of the repository is trusted");
    }
    if !layers.dropped.is_empty() {
        let what = layers.dropped.join(", ");
        let _ = writeln!(text, "# '{FILE}' is not trusted; not heeded: {what}");
    }
    output::print(text.as_bytes())
}

/// Writes a list, each entry with its source.
fn list(name: &str, entries: Vec<(String, String)>, text: &mut String) {
    if entries.is_empty() {
        let _ = writeln!(text, "{name} = [] # default");
        return;
    }
    let _ = writeln!(text, "{name} = [");
    for (value, from) in entries {
        let value = toml::Value::from(value);
        let _ = writeln!(text, "  {value}, # {}", escape(from.as_bytes()));
    }
    text.push_str("]\n");
}
