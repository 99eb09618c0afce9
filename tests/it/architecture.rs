//! `src/lib.rs` lists the modules in layers: a module uses lower layers only.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

fn rust_files(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            into.push(path);
        }
    }
}

fn layers() -> HashMap<String, usize> {
    let text = std::fs::read_to_string("src/lib.rs").unwrap();
    let mut layer = None;
    let mut found = HashMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("// Layer ") {
            layer = rest
                .split(':')
                .next()
                .and_then(|number| number.parse().ok());
        }
        if let Some(name) = line
            .strip_prefix("pub mod ")
            .and_then(|rest| rest.strip_suffix(';'))
        {
            found.insert(
                name.to_owned(),
                layer.expect("every module stands under a layer"),
            );
        }
    }
    assert!(found.len() > 8, "the list was read: {found:?}");
    found
}

/// The code of a file up to its unit tests, which may use anything.
fn code_of(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn modules_use_lower_layers_only() {
    let layers = layers();
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    for path in files.iter().filter(|path| !path.starts_with("src/bin")) {
        let relative = path.strip_prefix("src").unwrap();
        let own = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .replace(".rs", "");
        let Some(&own_layer) = layers.get(&own) else {
            continue;
        };
        let code = code_of(path);
        for (at, _) in code.match_indices("crate::") {
            let used: String = code[at + 7..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let Some(&layer) = layers.get(&used) else {
                continue;
            };
            assert!(
                used == own || layer < own_layer,
                "{}: uses crate::{used}",
                path.display()
            );
        }
    }
}

/// Packages, and the files that may name them.
const HOMES: [(&str, &[&str]); 28] = [
    ("memmap2", &["odb/map.rs"]),
    ("wide::", &["detect/decode/blocks.rs"]),
    ("bytemuck", &["detect/decode/pass.rs"]),
    ("sirocco", &["odb/inflate.rs"]),
    ("gix_pack", &["odb/pack.rs", "odb/unindexed.rs"]),
    ("sha1::", &["odb/hash.rs"]),
    (
        "aho_corasick",
        &[
            "detect/prefilter.rs",
            "detect/wordlist.rs",
            "report/redact.rs",
        ],
    ),
    (
        "regex_automata",
        &["detect/expression.rs", "suppress/pattern.rs"],
    ),
    (
        "toml::",
        &[
            "bin/unleak/show_config.rs",
            "bin/unleak/import/write.rs",
            "config.rs",
            "hook/tree.rs",
            "purge/find/parse.rs",
            "rule/foreign.rs",
            "rule/parse.rs",
            "suppress/entry.rs",
            "tables.rs",
        ],
    ),
    (
        "flate2::",
        &["odb/inflate.rs", "purge/make/pack.rs", "unpack/stream.rs"],
    ),
    (
        "ratatui",
        &["bin/unleak/triage/terminal.rs", "bin/unleak/triage/view.rs"],
    ),
    ("bzip2::", &["unpack/stream.rs"]),
    ("ruzstd::", &["unpack/stream.rs"]),
    ("brotli_decompressor::", &["unpack/stream.rs"]),
    ("lz4_flex::", &["unpack/stream.rs"]),
    ("lzma_rust2::", &["unpack/stream.rs"]),
    ("tar::Archive", &["unpack/tar.rs"]),
    ("ZipArchive", &["unpack/zip.rs"]),
    ("colored::", &["report/paint.rs", "bin/unleak/settings.rs"]),
    (
        "clap::",
        &[
            "bin/unleak/args.rs",
            "bin/unleak/cli.rs",
            "bin/unleak/options.rs",
            "bin/unleak/complete.rs",
            "bin/unleak/headings.rs",
            "bin/unleak/main.rs",
            "bin/unleak/manual.rs",
            "bin/unleak/purge/args.rs",
            "bin/unleak/report/args.rs",
            "bin/unleak/estate/args.rs",
            "bin/unleak/examples.rs",
            "bin/unleak/ignore/args.rs",
            "bin/unleak/topics/mod.rs",
            "bin/unleak/triage/args.rs",
            "bin/unleak/usage.rs",
            "bin/unleak/validate/args.rs",
        ],
    ),
    (
        "yaml_rust2",
        &[
            "bin/unleak/import/yaml.rs",
            "hook/tree.rs",
            "purge/find/parse.rs",
        ],
    ),
    (
        "quick_xml",
        &[
            "detect/spelling.rs",
            "report/junit.rs",
            "purge/find/parse.rs",
        ],
    ),
    (
        "percent_encoding",
        &["detect/score.rs", "detect/spelling.rs"],
    ),
    ("minijinja", &["report/html.rs"]),
    ("ureq::", &["bin/unleak/validate/transport.rs"]),
    ("rustls::", &["bin/unleak/validate/transport.rs"]),
    ("graviola::", &["bin/unleak/validate/transport.rs"]),
    (
        "rustls_native_certs::",
        &["bin/unleak/validate/transport.rs"],
    ),
];

#[test]
fn packages_are_named_where_they_belong() {
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    for path in &files {
        let relative = path
            .strip_prefix("src")
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let code = code_of(path);
        for (package, allowed) in HOMES {
            let uses = code
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && line.contains(package));
            assert!(
                !uses || allowed.contains(&relative.as_str()),
                "{relative} names {package}"
            );
        }
    }
}

#[test]
fn unsafe_code_has_two_homes() {
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    let lifting = files
        .iter()
        .filter(|path| code_of(path).contains("unsafe_code,"));
    let homes: Vec<_> = lifting
        .map(|path| path.strip_prefix("src").unwrap().to_string_lossy())
        .collect();
    let homes: BTreeSet<_> = homes.iter().map(AsRef::as_ref).collect();
    assert_eq!(
        homes,
        BTreeSet::from(["detect/decode/pass.rs", "odb/map.rs"])
    );
}

/// The paths that `tree`, the text of an import, names.
fn leaves(prefix: &str, tree: &str, into: &mut Vec<String>) {
    let Some((head, rest)) = tree.split_once('{') else {
        into.push(format!("{prefix}{}", tree.trim()));
        return;
    };
    let (prefix, mut depth, mut start) = (format!("{prefix}{}", head.trim()), 0, 0);
    let body = rest.rsplit_once('}').map_or(rest, |(body, _)| body);
    for (at, c) in body.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                leaves(&prefix, &body[start..at], into);
                start = at + 1;
            }
            _ => {}
        }
    }
    leaves(&prefix, &body[start..], into);
}

/// The modules that a file of the library uses, from the crate's root on. `own` is the file's.
fn modules_used(path: &Path, own: &[String]) -> Vec<Vec<String>> {
    let code = code_of(path);
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut named = Vec::new();
    for part in code.split("use ").skip(1) {
        leaves("", part.split(';').next().unwrap_or_default(), &mut named);
    }
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let is_path = |c: &char| c.is_alphanumeric() || matches!(c, '_' | ':');
            named.push(code[at..].chars().take_while(is_path).collect());
        }
    }
    let absolute = |path: String| {
        let parts: Vec<String> = path.split("::").map(str::to_owned).collect();
        let ups = parts.iter().take_while(|part| *part == "super").count();
        match parts[0].as_str() {
            "crate" => parts[1..].to_vec(),
            "super" => [&own[..own.len() - ups], &parts[ups..]].concat(),
            _ => Vec::new(),
        }
    };
    named.into_iter().map(absolute).collect()
}

/// Files and folders that still use what is drawn behind them, by folder.
const CIRCLES: [(&str, &[&str]); 5] = [
    ("detect", &["features", "trees"]),
    ("purge/apply", &["changes", "files", "settings", "snapshot"]),
    ("purge/find", &["values"]),
    ("purge/make", &["commits", "objects", "trees"]),
    ("purge/share", &["remote"]),
];

#[test]
fn files_use_each_other_in_the_order_that_their_folder_draws() {
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    let faces = files.iter().filter(|path| path.ends_with("mod.rs"));
    let mut checked = 0;
    for face in faces.filter(|path| !path.starts_with("src/bin")) {
        let text = std::fs::read_to_string(face).unwrap();
        let drawn = text.split("//! ```text").nth(1).unwrap_or_default();
        let drawn = drawn.split("//! ```").next().unwrap_or_default();
        if !drawn.contains(" < ") {
            continue;
        }
        let word = |c: char| !(c.is_alphanumeric() || c == '_');
        let order: Vec<&str> = drawn.split(word).filter(|word| !word.is_empty()).collect();
        let place = |name: &str| order.iter().position(|word| *word == name);
        let dir = face.parent().unwrap();
        let folder: Vec<String> = dir
            .strip_prefix("src")
            .unwrap()
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let in_circle = CIRCLES.iter().find(|(name, _)| *name == folder.join("/"));
        let in_circle = in_circle.map_or(&[][..], |(_, files)| files);
        for path in files.iter().filter(|path| path.starts_with(dir)) {
            let below: Vec<String> = path
                .with_extension("")
                .strip_prefix("src")
                .unwrap()
                .iter()
                .map(|part| part.to_string_lossy().into_owned())
                .filter(|part| part != "mod")
                .collect();
            let Some(unit) = below.get(folder.len()) else {
                continue;
            };
            if in_circle.contains(&unit.as_str()) || unit == "tests" {
                continue;
            }
            for used in modules_used(path, &below) {
                let Some(other) = used.strip_prefix(&folder[..]).and_then(<[_]>::first) else {
                    continue;
                };
                let (Some(own), Some(others)) = (place(unit), place(other)) else {
                    continue;
                };
                checked += 1;
                assert!(
                    other == unit || others < own,
                    "{}: '{unit}' uses '{other}', which is not drawn before it",
                    path.display()
                );
            }
        }
    }
    assert!(checked > 300, "{checked} uses were checked");
}

/// The names of the types that a file defines.
fn types_of(path: &Path) -> Vec<String> {
    let code = code_of(path);
    let lines = code.lines().filter(|line| !line.starts_with(' '));
    let named = lines.filter_map(|line| {
        let mut words = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let is_kind = |word: &&str| ["struct", "enum", "trait", "type", "union"].contains(word);
        let is_definition =
            line.starts_with("pub") || line.split(' ').next().is_some_and(|w| is_kind(&w));
        words.find(is_kind).filter(|_| is_definition)?;
        words
            .next()
            .filter(|name| name.starts_with(char::is_uppercase))
    });
    named.map(str::to_owned).collect()
}

#[test]
fn at_most_a_tenth_of_the_types_share_their_name_with_another() {
    let mut files = Vec::new();
    rust_files(Path::new("src"), &mut files);
    let mut homes: HashMap<String, Vec<String>> = HashMap::new();
    for path in &files {
        for name in types_of(path) {
            homes
                .entry(name)
                .or_default()
                .push(path.display().to_string());
        }
    }
    let all: usize = homes.values().map(Vec::len).sum();
    assert!(all > 700, "{all} types were found");
    homes.retain(|_, homes| homes.len() > 1);
    let shared: usize = homes.values().map(Vec::len).sum();
    assert!(
        shared * 10 <= all,
        "{shared} of {all} types share their names: {homes:#?}"
    );
}

/// What pages for people who build unleak say stands where.
#[test]
fn pages_name_files_that_exist() {
    let pages = [
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/rules.md",
        "docs/coverage.md",
    ];
    let mut count = 0;
    for page in pages {
        let text = std::fs::read_to_string(page).unwrap();
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_path =
                quoted.contains('/') && quoted.ends_with(".rs") && !quoted.contains("NAME");
            if !is_path || quoted.contains([' ', '*', '{']) {
                continue;
            }
            let exists = Path::new(quoted).exists() || Path::new("src").join(quoted).exists();
            assert!(exists, "{page} names {quoted}");
            count += 1;
        }
    }
    assert!(count > 20, "{count} files are named");
}
