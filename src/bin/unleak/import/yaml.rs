//! The configuration of ggshield: ignored paths, values and detectors, in both of its versions.

use std::path::Path;

use unleak::error::{Error, Result, quoted};
use yaml_rust2::parser::Parser;
use yaml_rust2::{Event, ScanError, Yaml, YamlLoader};

use super::lists::{ImportedFinding, ListedDigest};
use super::write::Additions;

/// Whether `path` has the name of such a file.
pub(super) fn is_named(path: &Path) -> bool {
    let is_yaml = |extension: &std::ffi::OsStr| extension == "yaml" || extension == "yml";
    path.extension().is_some_and(is_yaml)
}

/// Reads one; `name` is the file's.
///
/// # Errors
/// `Config` if it is no YAML, or of another kind.
pub(super) fn read(
    text: &str,
    name: &str,
    additions: &mut Additions,
    left: &mut Vec<String>,
) -> Result<Vec<ImportedFinding>> {
    let wrong = |why: String| Error::config(format!("'{name}' cannot be read: {why}"));
    let faulty = |e: ScanError| wrong(format!("line {} is not valid YAML", e.marker().line()));
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_token().map_err(faulty)?.0 {
            // They could stand for more than memory holds.
            Event::Alias(_) => return Err(wrong("it has aliases".to_owned())),
            Event::StreamEnd => break,
            _ => {}
        }
    }
    let documents = YamlLoader::load_from_str(text).map_err(faulty)?;
    let Some(Yaml::Hash(fields)) = documents.into_iter().next() else {
        return Err(wrong("it holds no settings".to_owned()));
    };
    let mut known = Vec::new();
    for (field, value) in fields {
        let field = field.as_str().unwrap_or_default().replace('_', "-");
        match (field.as_str(), value) {
            ("version", _) => {}
            ("secret", Yaml::Hash(inner)) => {
                for (field, value) in inner {
                    let field = field.as_str().unwrap_or_default().replace('_', "-");
                    setting(&field, &value, name, &mut known, additions, left);
                }
            }
            (field, value) => setting(field, &value, name, &mut known, additions, left),
        }
    }
    Ok(known)
}

fn setting(
    field: &str,
    value: &Yaml,
    name: &str,
    known: &mut Vec<ImportedFinding>,
    additions: &mut Additions,
    left: &mut Vec<String>,
) {
    let entries = value.as_vec().map_or(&[][..], Vec::as_slice);
    match field {
        "ignored-paths" | "paths-ignore" => {
            let paths = entries.iter().filter_map(Yaml::as_str);
            paths.for_each(|path| additions.path(name, "path", path));
        }
        "ignored-matches" | "matches-ignore" => {
            for (number, entry) in (1..).zip(entries) {
                let told = entry.as_str().or_else(|| entry["match"].as_str());
                let called = entry["name"].as_str().unwrap_or_default();
                match told {
                    Some(told) => known.push(ImportedFinding::Value(ListedDigest {
                        name: match called {
                            "" => format!("{field} {number}"),
                            _ => format!("{field} {number} {}", quoted(called)),
                        },
                        told: told.to_owned(),
                    })),
                    None => left.push(format!("{field} {number}: it names no value")),
                }
            }
        }
        _ => left.push(format!("field {}: it has no counterpart", quoted(field))),
    }
}
