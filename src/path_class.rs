//! What the path of a file says about it.
//!
//! A guess from names. It decides what plans show, and how sure a value without a shape is in files
//! that hold nothing but digests or words; never whether a value is searched for.

/// How important a file is, in the order in which plans list the classes.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum PathClass {
    /// Whatever is none of the others.
    Production,
    /// Tests and their data.
    Test,
    /// Documentation and examples.
    Documentation,
    /// Copies of other projects.
    Vendored,
    /// Files that a program wrote: bundles, minified code, code made from definitions.
    Generated,
    /// Lock files of package managers.
    LockFile,
    /// Texts of a user interface in some language.
    Translation,
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
const VENDORED: [&str; 13] = [
    ".venv",
    ".yarn",
    "bower_components",
    "node_modules",
    "pods",
    "site-packages",
    "third-party",
    "third_party",
    "thirdparty",
    "vendor",
    "vendors",
    "venv",
    "virtualenv",
];

/// Directories of what a program wrote.
const GENERATED: [&str; 4] = ["__generated__", "dist", "gen", "generated"];

/// Ends of the names of such files, without the extension or with it.
const GENERATED_ENDS: [&str; 8] = [
    ".bundle.js",
    ".css.map",
    ".g.dart",
    ".js.map",
    ".pb.cc",
    ".pb.go",
    "_pb2.py",
    "_pb2_grpc.py",
];

/// Directories of tests.
const TESTS: [&str; 24] = [
    "__mocks__",
    "__snapshots__",
    "__tests__",
    "androidtest",
    "cypress",
    "e2e",
    "fixture",
    "fixtures",
    "functionaltest",
    "integrationtest",
    "mock",
    "mocks",
    "spec",
    "specs",
    "test",
    "test-data",
    "test_data",
    "testdata",
    "testfixtures",
    "testing",
    "tests",
    "testutil",
    "unittest",
    "unittests",
];

/// Languages that name classes of tests `FooTest` and `TestFoo`.
const CAMEL_CASE: [&str; 11] = [
    "cs", "dart", "fs", "groovy", "java", "kt", "m", "php", "scala", "swift", "vb",
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

/// Directories of translations.
const TRANSLATIONS: [&str; 11] = [
    "_locales",
    "i18n",
    "intl",
    "l10n",
    "lang",
    "langs",
    "locale",
    "locales",
    "nls",
    "translation",
    "translations",
];

/// Extensions that only translations have.
const TRANSLATION_EXTENSIONS: [&str; 8] =
    ["arb", "ftl", "mo", "po", "pot", "strings", "xlf", "xliff"];

/// Names before the language of a translation: `messages_de`.
const TRANSLATION_NAMES: [&str; 5] = ["labels", "messages", "strings", "texts", "translations"];

/// Extensions of data in which translations are written.
const DATA_EXTENSIONS: [&str; 11] = [
    "ini",
    "js",
    "json",
    "json5",
    "php",
    "properties",
    "resx",
    "toml",
    "ts",
    "xml",
    "yml",
];

/// Recipes by name, and by extension.
const RECIPES: [&str; 4] = ["APKBUILD", "PKGBUILD", "Portfile", "SRCINFO"];
const RECIPE_EXTENSIONS: [&str; 6] = ["bb", "bbappend", "ebuild", "nix", "podspec", "spec"];

/// Extensions of documents.
const DOCUMENTS: [&str; 7] = ["adoc", "asciidoc", "markdown", "md", "org", "rst", "tex"];

impl PathClass {
    /// All classes, in order.
    pub const ALL: [Self; 7] = [
        Self::Production,
        Self::Test,
        Self::Documentation,
        Self::Vendored,
        Self::Generated,
        Self::LockFile,
        Self::Translation,
    ];

    /// The class of the file at `path`. A lock file or a translation is one wherever it stands; a
    /// directory of copies counts before one of tests, and that before one of documentation.
    pub fn of(path: &[u8]) -> Self {
        let exact = String::from_utf8_lossy(path);
        let path = exact.to_ascii_lowercase();
        let (dirs, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let has_dir = |list: &[&str]| dirs.split('/').any(|dir| list.contains(&dir));
        if LOCK_FILES.contains(&name) || matches!(extension, "lock" | "lockfile") {
            Self::LockFile
        } else if is_translation(dirs, name, extension) {
            Self::Translation
        } else if has_dir(&VENDORED) {
            Self::Vendored
        } else if has_dir(&GENERATED) || is_generated_name(name) {
            Self::Generated
        } else if has_dir(&TESTS)
            || is_test_name(name)
            || names_tests(&exact, CAMEL_CASE.contains(&extension))
        {
            Self::Test
        } else if has_dir(&DOCUMENTATION) || DOCUMENTS.contains(&extension) {
            Self::Documentation
        } else {
            Self::Production
        }
    }

    /// The word for programs.
    pub fn slug(self) -> &'static str {
        match self {
            Self::LockFile => "lock-file",
            _ => self.name(),
        }
    }

    /// The class with this word for programs.
    pub fn of_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.slug() == slug)
    }

    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Test => "test",
            Self::Documentation => "documentation",
            Self::Vendored => "vendored",
            Self::Generated => "generated",
            Self::LockFile => "lock file",
            Self::Translation => "translation",
        }
    }
}

impl PathClass {
    /// The files of the class, for people.
    pub fn places(self) -> &'static str {
        match self {
            Self::Production => "production files",
            Self::Test => "tests",
            Self::Documentation => "documentation and examples",
            Self::Vendored => "copies of other projects",
            Self::Generated => "generated files",
            Self::LockFile => "lock files",
            Self::Translation => "translations",
        }
    }
}

/// `locales/de.yml`, `messages_de.properties`, `res/values-de/strings.xml`, `de.lproj/Main.strings`.
fn is_translation(dirs: &str, name: &str, extension: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    let mut dirs = dirs.split('/');
    let base = stem.split(['_', '-']).next().unwrap_or(stem);
    let is_data = DATA_EXTENSIONS.contains(&extension);
    let in_dir = dirs.any(|dir| {
        TRANSLATIONS.contains(&dir) || dir.ends_with(".lproj") || dir.starts_with("values-")
    });
    TRANSLATION_EXTENSIONS.contains(&extension)
        || (is_data && (in_dir || (TRANSLATION_NAMES.contains(&base) && base != stem)))
}

/// Whether the file lists digests of what is built or installed: a recipe of a packager.
pub fn is_recipe(path: &[u8]) -> bool {
    let path = String::from_utf8_lossy(path);
    let name = path.rsplit('/').next().unwrap_or(&path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    RECIPES.contains(&name) || RECIPE_EXTENSIONS.contains(&extension)
}

/// `x.min.js`, `x.generated.ts`, `x_generated.go`, `x.pb.go`.
fn is_generated_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    name.contains(".min.")
        || name.contains(".generated.")
        || stem.ends_with("_generated")
        || GENERATED_ENDS.iter().any(|end| name.ends_with(end))
}

/// `test_x.py`, `x_test.go`, `x.test.ts`, `x.spec.js`, `conftest.py`.
fn is_test_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    stem.starts_with("test_")
        || ["_test", "_tests", "_spec", "-test", "-spec"]
            .iter()
            .any(|end| stem.ends_with(end))
        || [".test.", ".tests.", ".spec."]
            .iter()
            .any(|part| name.contains(part))
        || matches!(name, "conftest.py" | "tests.py")
        || name.ends_with(".snap")
}

/// Whether a directory of `path` is called `Foo.Tests`, `FooTests` or `unit-tests`, or if `is_camel_case`, its
/// file `FooTest` or `TestFoo`.
fn names_tests(path: &str, is_camel_case: bool) -> bool {
    let is_end = |part: &str| {
        let stem = ["Tests", "Test", "TestCase", "Specs"]
            .iter()
            .find_map(|end| part.strip_suffix(end));
        stem.is_some_and(|stem| stem.ends_with(|c: char| c.is_ascii_lowercase() || c == '.'))
    };
    let is_dir = |dir: &str| {
        let lower = dir.to_ascii_lowercase();
        let is_kind = ["-tests", "_tests", ".tests", "-test", "_test", ".test"];
        is_end(dir) || is_kind.iter().any(|end| lower.ends_with(end))
    };
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next().unwrap_or(name);
    let after = stem.strip_prefix("Test");
    let begins = after.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()));
    dirs.split('/').any(is_dir) || (is_camel_case && (begins || is_end(stem)))
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
            (".yarn/releases/yarn-4.0.2.cjs", PathClass::Vendored),
            ("assets/jquery.min.js", PathClass::Generated),
            ("dist/app.js", PathClass::Generated),
            ("api/v1/types.pb.go", PathClass::Generated),
            ("vendor/x/dist/a.js", PathClass::Vendored),
            ("tests/it/main.rs", PathClass::Test),
            ("pkg/client_test.go", PathClass::Test),
            ("app/login.spec.ts", PathClass::Test),
            ("src/Foo.Tests/Bar.cs", PathClass::Test),
            ("MyApp.UnitTests/Bar.vb", PathClass::Test),
            ("MyAppTests/x.swift", PathClass::Test),
            ("src/com/TestFoo.java", PathClass::Test),
            ("src/FooTests.cs", PathClass::Test),
            ("app/src/androidTest/a.xml", PathClass::Test),
            ("integration_tests/run.sh", PathClass::Test),
            ("foo/tests.py", PathClass::Test),
            ("ui/__snapshots__/a.snap", PathClass::Test),
            ("src/Testimony.java", PathClass::Production),
            ("src/Latest.java", PathClass::Production),
            ("contest/a.java", PathClass::Production),
            ("docs/setup/index.html", PathClass::Documentation),
            ("README.md", PathClass::Documentation),
            ("config/locales/de.yml", PathClass::Translation),
            ("src/messages_de.properties", PathClass::Translation),
            ("res/values-de/strings.xml", PathClass::Translation),
            ("de.lproj/Main.strings", PathClass::Translation),
            ("src/lang/lexer.rs", PathClass::Production),
            ("src/messages.properties", PathClass::Production),
        ] {
            assert_eq!(PathClass::of(path.as_bytes()), class, "{path}");
        }
    }
}
