//! What goes to `.unleak.toml`, and the file of rules beside it.

use std::fs;
use std::path::{Path, PathBuf};

use unleak::config::{Config, FILE};
use unleak::error::{Error, Result};
use unleak::git::repository::Repository;
use unleak::rule::foreign;

use crate::output;

/// The file for rules made from patterns.
const RULES: &str = ".unleak/imported-rules.toml";

/// What is to be added to the configuration.
#[derive(Default)]
pub(super) struct Additions {
    /// Rule files of other scanners, which can be used as they are.
    pub(super) rule_files: Vec<PathBuf>,
    /// Expressions that find secrets.
    pub(super) patterns: Vec<String>,
    /// Expressions for values that are none.
    pub(super) allowed: Vec<String>,
    paths: Vec<(String, &'static str, String)>,
}

impl Additions {
    /// Adds a path in which everything is allowed; `field` says whether it is a `path` or a
    /// `path_regex`.
    pub(super) fn path(&mut self, file: &str, field: &'static str, path: &str) {
        self.paths.push((file.to_owned(), field, path.to_owned()));
    }

    /// Writes them; returns what was written, one line each. What is there already stays.
    ///
    /// # Errors
    /// `Usage` if the repository is bare; `Io` if a file cannot be written.
    pub(super) fn write(
        mut self,
        repo: &Repository,
        left: &mut Vec<String>,
    ) -> Result<Vec<String>> {
        let mut written = Vec::new();
        if self.patterns.is_empty() {
            let lonely = (1..).zip(&self.allowed);
            left.extend(lonely.map(|(number, _)| {
                format!("allowed expression {number}: there are no patterns beside it")
            }));
        }
        let is_empty = self.rule_files.is_empty() && self.patterns.is_empty();
        if is_empty && self.paths.is_empty() {
            return Ok(written);
        }
        let root = repo.git().workdir().ok_or_else(|| {
            Error::usage("a bare repository has no files to change")
                .hint("import in a clone, and push the commit")
        })?;
        if !self.patterns.is_empty() {
            written.push(self.write_rules(root, left)?);
            self.rule_files.push(root.join(RULES));
        }
        // It refuses links, which could lead anywhere.
        let before = Config::of_repository(repo)?;
        let config = root.join(FILE);
        let old = match fs::read_to_string(&config) {
            Ok(old) => old,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(Error::io("read", &config, e)),
        };
        let mut head = String::new();
        let files: Vec<String> = self
            .rule_files
            .iter()
            .map(|file| inside(root, file))
            .collect();
        if !files.is_empty() && before.extra_rules.is_empty() {
            let list = toml::Value::from(files.clone());
            head = format!("extra_rules = {list}\n");
            written.push(format!("'{FILE}': extra_rules = {list}"));
        } else if !files.is_empty() {
            let has = |file: &String| before.extra_rules.contains(&root.join(file));
            let missing = files.iter().filter(|file| !has(file));
            left.extend(missing.map(|file| format!("add '{file}' to extra_rules of '{FILE}'")));
        }
        let (tail, count) = self.entries(&old, root, left);
        if count > 0 {
            written.push(format!("'{FILE}': {count} paths are ignored"));
        }
        if !head.is_empty() || !tail.is_empty() {
            let text = format!("{head}{old}{tail}");
            // What could not be read again is not written.
            Config::parse(&text, FILE, root)?;
            output::write_file(&config, text.as_bytes(), true)?;
        }
        Ok(written)
    }

    /// The entries for paths that are not in `old`, and how many they are.
    fn entries(&self, old: &str, root: &Path, left: &mut Vec<String>) -> (String, usize) {
        let mut tail = String::new();
        let mut count = 0;
        for (file, field, path) in &self.paths {
            let quoted = toml::Value::from(path.as_str());
            let reason = toml::Value::from(format!("imported from {file}"));
            let entry = format!("\n[[ignore]]\n{field} = {quoted}\nreason = {reason}\n");
            if old.contains(&entry) || tail.contains(&entry) {
                continue;
            }
            match Config::parse(&entry, file, root) {
                Ok(_) => {
                    tail.push_str(&entry);
                    count += 1;
                }
                Err(e) => left.push(format!("'{file}': {e}")),
            }
        }
        (tail, count)
    }

    /// Writes the rules made from patterns.
    fn write_rules(&self, root: &Path, left: &mut Vec<String>) -> Result<String> {
        let mut table = toml::Table::new();
        let rules = self.patterns.iter().zip(1..).map(|(pattern, number)| {
            let mut rule = toml::Table::new();
            rule.insert("id".to_owned(), format!("imported-{number}").into());
            rule.insert("description".to_owned(), "Imported pattern".into());
            rule.insert("regex".to_owned(), pattern.as_str().into());
            toml::Value::Table(rule)
        });
        table.insert("rules".to_owned(), rules.collect::<Vec<_>>().into());
        let mut allowed = toml::Table::new();
        allowed.insert("regexes".to_owned(), self.allowed.clone().into());
        table.insert("allowlist".to_owned(), allowed.into());
        let text = table.to_string();
        let carried = foreign::parse(&text, RULES)?;
        left.extend(carried.left);
        let path = root.join(RULES);
        let dir = root.join(".unleak");
        if let Some(link) = [&dir, &path].into_iter().find(|path| path.is_symlink()) {
            let link = link.display();
            return Err(Error::usage(format!("'{link}' is a link"))
                .hint("remove it: a stranger's could lead anywhere"));
        }
        fs::create_dir_all(&dir).map_err(|e| Error::io("make", &dir, e))?;
        output::write_file(&path, text.as_bytes(), true)?;
        Ok(format!("'{RULES}': {} rules", carried.rules.rules.len()))
    }
}

/// A path as the configuration names it: relative to the worktree if it is in it.
fn inside(root: &Path, file: &Path) -> String {
    let absolute = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    absolute
        .strip_prefix(&root)
        .unwrap_or(&absolute)
        .display()
        .to_string()
}
