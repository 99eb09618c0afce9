//! Which syntax a file is written in, by its name.
//!
//! A guess. It decides how a mark is quoted and which parser checks the result, never whether a value
//! is searched for.

use crate::purge::find::parse::Format;

/// How a file is written, as far as that decides where a value ends and how a mark is quoted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Syntax {
    /// `.env`: a value goes to the end of its line, or to a blank and `#`.
    Env,
    /// Properties: a value goes to the end of its line.
    Properties,
    /// INI and its like: likewise, or to a blank and `;` or `#`.
    Ini,
    /// YAML.
    Yaml,
    /// JSON, with comments or without.
    Json,
    /// TOML.
    Toml,
    /// XML and HTML.
    Xml,
    /// Shell scripts, Dockerfiles, Makefiles.
    Shell,
    /// `.netrc`: words between blanks.
    Words,
    /// `.pgpass`: fields between colons.
    Colons,
    /// Tables with fields between commas, semicolons or tabs.
    Table,
    /// Source code: what stands outside of quotes is no value.
    Code,
    /// Anything else, and text of commits and tags.
    Text,
}

/// Extensions of files that people write text in. What is not known is taken for source code, in which a
/// word without quotes is a name.
const TEXT: [&str; 24] = [
    "txt", "text", "md", "markdown", "mdx", "rst", "adoc", "asciidoc", "org", "tex", "log", "out",
    "eml", "mbox", "patch", "diff", "http", "rest", "ldif", "pem", "key", "asc", "bak", "orig",
];

/// Whether a name without an extension is one of text (`README`, `htpasswd`): `Rakefile` and its like are
/// code.
fn is_text_name(name: &str) -> bool {
    const CODE: [&str; 4] = ["build", "sconstruct", "wscript", "sconscript"];
    let stem = name.trim_start_matches('.');
    !stem.contains('.') && !stem.ends_with("file") && !CODE.contains(&stem)
}

impl Syntax {
    /// The syntax of a file, by its name alone.
    pub fn of(name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        match Format::of(name.as_bytes()) {
            Some(Format::Json | Format::JsonLines) => return Self::Json,
            Some(Format::Toml) => return Self::Toml,
            Some(Format::Yaml | Format::YarnLock) => return Self::Yaml,
            Some(Format::Xml) => return Self::Xml,
            Some(Format::Env) => return Self::Env,
            Some(Format::Ini) => return Self::Ini,
            Some(Format::GoSum) => return Self::Words,
            None => {}
        }
        match (name.as_str(), extension) {
            (".pgpass" | "pgpass.conf", _) => Self::Colons,
            (".netrc" | "_netrc" | "netrc", _) => Self::Words,
            (".bashrc" | ".bash_profile" | ".profile" | ".zshrc" | ".envrc" | "makefile", _)
            | (
                _,
                "sh" | "bash" | "zsh" | "ksh" | "fish" | "csh" | "dockerfile" | "mk" | "bat"
                | "cmd",
            ) => Self::Shell,
            (name, _) if name.starts_with("dockerfile") || name.starts_with("containerfile") => {
                Self::Shell
            }
            (".npmrc" | ".pypirc" | ".gitconfig" | ".my.cnf" | ".s3cfg" | "credentials", _)
            | (_, "cnf" | "desktop" | "service" | "reg" | "editorconfig") => Self::Ini,
            (_, "properties" | "props.txt" | "conf") => Self::Properties,
            (_, "json5" | "jsonc") => Self::Json,
            (_, "htm" | "html" | "jsp" | "erb" | "aspx") => Self::Xml,
            (_, "csv" | "tsv" | "psv") => Self::Table,
            (name, extension) if TEXT.contains(&extension) || is_text_name(name) => Self::Text,
            // What outside of quotes is a name and no value is the safe guess.
            _ => Self::Code,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_syntax() {
        for (name, syntax) in [
            (".env", Syntax::Env),
            (".env.production", Syntax::Env),
            ("app.properties", Syntax::Properties),
            ("values.yaml", Syntax::Yaml),
            ("Cargo.lock", Syntax::Toml),
            ("pom.xml", Syntax::Xml),
            ("Dockerfile.dev", Syntax::Shell),
            (".netrc", Syntax::Words),
            (".pgpass", Syntax::Colons),
            ("main.rs", Syntax::Code),
            ("notes", Syntax::Text),
            ("README.md", Syntax::Text),
            ("Rakefile", Syntax::Code),
            ("BUILD", Syntax::Code),
            ("index.cshtml", Syntax::Code),
            ("a.jsonnet", Syntax::Code),
        ] {
            assert_eq!(Syntax::of(name.as_bytes()), syntax, "{name}");
        }
    }
}
