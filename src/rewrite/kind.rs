//! What the path of a file says about it: how important it is, and which syntax it is written in.
//!
//! Both are guesses from names. They decide what a plan shows, how a mark is quoted and which parser
//! checks the result, never whether a value is searched for.

use super::parse::Format;

/// How important a file is, in the order in which plans list the classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathClass {
    /// Whatever is none of the others.
    Production,
    /// Tests and their data.
    Test,
    /// Documentation and examples.
    Documentation,
    /// Copies of other projects.
    Vendored,
    /// Lock files of package managers.
    LockFile,
}

/// Files that package managers write; `*.lock` and `*.lockfile` count, too.
const LOCK_FILES: [&str; 11] = [
    ".terraform.lock.hcl",
    "bun.lockb",
    "go.sum",
    "go.work.sum",
    "module.bazel.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "package.resolved",
    "packages.lock.json",
    "pnpm-lock.yaml",
    "gradle.lockfile",
];

/// Directories of copies of other projects.
const VENDORED: [&str; 8] = [
    "bower_components",
    "node_modules",
    "pods",
    "third-party",
    "third_party",
    "thirdparty",
    "vendor",
    "vendors",
];

/// Directories of tests.
const TESTS: [&str; 14] = [
    "__mocks__",
    "__tests__",
    "e2e",
    "fixture",
    "fixtures",
    "mock",
    "mocks",
    "spec",
    "specs",
    "test",
    "test-data",
    "testdata",
    "testing",
    "tests",
];

/// Directories of documentation.
const DOCUMENTATION: [&str; 8] = [
    "doc",
    "docs",
    "documentation",
    "example",
    "examples",
    "man",
    "sample",
    "samples",
];

/// Extensions of documents.
const DOCUMENTS: [&str; 7] = ["adoc", "asciidoc", "markdown", "md", "org", "rst", "tex"];

impl PathClass {
    /// All classes, in order.
    pub const ALL: [Self; 5] = [
        Self::Production,
        Self::Test,
        Self::Documentation,
        Self::Vendored,
        Self::LockFile,
    ];

    /// The class of the file at `path`. A lock file is one wherever it stands; a directory of
    /// copies counts before one of tests, and that before one of documentation.
    pub fn of(path: &[u8]) -> Self {
        let path = String::from_utf8_lossy(path).to_ascii_lowercase();
        let (dirs, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let has_dir = |list: &[&str]| dirs.split('/').any(|dir| list.contains(&dir));
        if LOCK_FILES.contains(&name) || matches!(extension, "lock" | "lockfile") {
            Self::LockFile
        } else if has_dir(&VENDORED) || name.contains(".min.") {
            Self::Vendored
        } else if has_dir(&TESTS) || is_test_name(name) {
            Self::Test
        } else if has_dir(&DOCUMENTATION) || DOCUMENTS.contains(&extension) {
            Self::Documentation
        } else {
            Self::Production
        }
    }

    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Test => "test",
            Self::Documentation => "documentation",
            Self::Vendored => "vendored",
            Self::LockFile => "lock file",
        }
    }
}

/// `test_x.py`, `x_test.go`, `x.test.ts`, `x.spec.js`, `conftest.py`.
fn is_test_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    stem.starts_with("test_")
        || ["_test", "_tests", "_spec", "-test", "-spec"]
            .iter()
            .any(|end| stem.ends_with(end))
        || name.contains(".test.")
        || name.contains(".spec.")
        || name == "conftest.py"
}

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

/// Extensions of source code.
const CODE: [&str; 64] = [
    "c", "cc", "cjs", "clj", "cljs", "coffee", "cpp", "cs", "cxx", "d", "dart", "el", "erl", "ex",
    "exs", "fs", "go", "gradle", "graphql", "groovy", "h", "hcl", "hh", "hpp", "hs", "hxx", "java",
    "jl", "js", "jsx", "kt", "kts", "lisp", "lua", "m", "mjs", "ml", "mm", "nim", "nix", "php",
    "pl", "pm", "proto", "ps1", "psm1", "py", "pyi", "r", "rb", "rs", "scala", "sol", "sql",
    "svelte", "swift", "tf", "tfvars", "ts", "tsx", "v", "vb", "vue", "zig",
];

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
            Some(Format::GoSum) => return Self::Words,
            None => {}
        }
        match (name.as_str(), extension) {
            (".pgpass" | "pgpass.conf", _) => Self::Colons,
            (".netrc" | "_netrc" | "netrc", _) => Self::Words,
            (".bashrc" | ".bash_profile" | ".profile" | ".zshrc" | ".envrc" | "makefile", _)
            | (_, "sh" | "bash" | "zsh" | "ksh" | "fish" | "dockerfile" | "mk" | "bat" | "cmd") => {
                Self::Shell
            }
            (name, _) if name.starts_with("dockerfile") || name.starts_with("containerfile") => {
                Self::Shell
            }
            (".npmrc" | ".pypirc" | ".gitconfig" | ".my.cnf" | ".s3cfg" | "credentials", _)
            | (_, "ini" | "cfg" | "cnf" | "desktop" | "service" | "reg" | "editorconfig") => {
                Self::Ini
            }
            (_, "properties" | "props.txt" | "conf") => Self::Properties,
            (_, "json5" | "jsonc") => Self::Json,
            (_, "htm" | "html" | "jsp" | "erb" | "aspx") => Self::Xml,
            (_, "csv" | "tsv" | "psv") => Self::Table,
            (_, extension) if CODE.contains(&extension) => Self::Code,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_the_class_that_people_expect() {
        for (path, class) in [
            ("src/main.rs", PathClass::Production),
            ("config/prod.env", PathClass::Production),
            ("src/latest/app.py", PathClass::Production),
            ("web/package-lock.json", PathClass::LockFile),
            ("vendor/x/Cargo.lock", PathClass::LockFile),
            ("vendor/x/tests/a.go", PathClass::Vendored),
            ("assets/jquery.min.js", PathClass::Vendored),
            ("tests/it/main.rs", PathClass::Test),
            ("pkg/client_test.go", PathClass::Test),
            ("app/login.spec.ts", PathClass::Test),
            ("docs/setup/index.html", PathClass::Documentation),
            ("README.md", PathClass::Documentation),
        ] {
            assert_eq!(PathClass::of(path.as_bytes()), class, "{path}");
        }
    }

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
        ] {
            assert_eq!(Syntax::of(name.as_bytes()), syntax, "{name}");
        }
    }
}
