//! Parses the configuration files of hook frameworks (YAML, TOML or JSON) into one kind of tree.

use std::path::Path;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value};
use yaml_rust2::parser::Parser;
use yaml_rust2::{Event, ScanError, Yaml, YamlLoader};

/// Maximum number of nodes of a tree after the expansion of aliases. A few lines of YAML can expand
/// to billions.
const MAX_NODES: usize = 100_000;

/// The YAML key that merges other mappings.
const MERGE_KEY: &str = "<<";

/// Parses `file`; the error is the reason, for messages.
pub(super) fn read(file: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match file.extension().and_then(|name| name.to_str()) {
        Some("toml") => toml::from_str(text).map_err(|e: toml::de::Error| {
            let at = e.span().map_or(0, |span| span.start);
            let before = text.bytes().take(at);
            faulty("TOML", before.filter(|&byte| byte == b'\n').count() + 1)
        }),
        Some("json") => serde_json::from_str(text).map_err(|e| faulty("JSON", e.line())),
        _ => yaml(text),
    }
}

fn faulty(format: &str, line: usize) -> String {
    format!("line {line} is not valid {format}")
}

/// Parses YAML: block or flow style, quoted or not, with anchors, aliases and merge keys.
fn yaml(text: &str) -> Result<Value, String> {
    // An unclosed construct is an error after the last line.
    let last = text.lines().count().max(1);
    let faulty = |e: ScanError| faulty("YAML", e.marker().line().min(last));
    let size = written_out(text).map_err(faulty)?;
    if size > MAX_NODES {
        return Err("its aliases stand for too much".to_owned());
    }
    let documents = YamlLoader::load_from_str(text).map_err(faulty)?;
    let first = documents.first().map(value);
    first.ok_or_else(|| "it is empty".to_owned())
}

/// Counts the nodes of a YAML text after the expansion of aliases.
fn written_out(text: &str) -> Result<usize, ScanError> {
    let mut parser = Parser::new_from_str(text);
    let mut anchors: FxHashMap<usize, usize> = FxHashMap::default();
    // Anchor and size of incomplete nodes, outermost first.
    let mut open: Vec<(usize, usize)> = vec![(0, 0)];
    loop {
        let (anchor, size) = match parser.next_token()?.0 {
            Event::StreamEnd => return Ok(open.first().map_or(0, |whole| whole.1)),
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, 1));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().unwrap_or_default(),
            Event::Scalar(_, _, anchor, _) => (anchor, 1),
            Event::Alias(anchor) => (0, anchors.get(&anchor).copied().unwrap_or(1)),
            _ => continue,
        };
        anchors.insert(anchor, size);
        if let Some(parent) = open.last_mut() {
            parent.1 = parent.1.saturating_add(size);
        }
    }
}

fn value(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => Value::String(text.clone()),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Boolean(is_true) => Value::Bool(*is_true),
        Yaml::Array(items) => items.iter().map(value).collect(),
        Yaml::Hash(entries) => {
            let mut map = Map::new();
            let named = entries
                .iter()
                .filter_map(|(key, entry)| Some((key.as_str()?, entry)));
            let (merged, own): (Vec<_>, Vec<_>) = named.partition(|(key, _)| *key == MERGE_KEY);
            for (_, entry) in merged {
                merge(&value(entry), &mut map);
            }
            map.extend(
                own.into_iter()
                    .map(|(key, entry)| (key.to_owned(), value(entry))),
            );
            Value::Object(map)
        }
        Yaml::Alias(_) | Yaml::Null | Yaml::BadValue => Value::Null,
    }
}

/// Adds the missing entries of a mapping, or of a list of mappings.
fn merge(from: &Value, map: &mut Map<String, Value>) {
    match from {
        Value::Object(entries) => {
            for (key, entry) in entries {
                map.entry(key).or_insert_with(|| entry.clone());
            }
        }
        Value::Array(list) => list.iter().for_each(|from| merge(from, map)),
        _ => {}
    }
}

/// Calls `see` for every string of the tree.
pub(super) fn strings(tree: &Value, see: &mut dyn FnMut(&str)) {
    match tree {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, see)),
        Value::Object(entries) => entries.values().for_each(|entry| strings(entry, see)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_styles_of_yaml_are_the_same_tree() {
        let expected = json!({"a": [{"id": "x", "on": ["p", "q"]}]});
        for text in [
            "a:\n- id: x\n  on: [p, q]\n",
            "a:\n    -   id: x   # why\n        on:\n        - p\n        - q\n",
            "{\"a\": [{'id': \"x\", on: [p, \"q\"]}]}",
            "? a\n: - {id: x, on: &on [p, q]}\n",
            "---\n# first\n\"a\": [ { id: x,\n  on: [ p,\n q ] } ]\n...\n",
        ] {
            assert_eq!(yaml(text), Ok(expected.clone()), "{text}");
        }
    }

    #[test]
    fn aliases_and_merge_keys_are_followed() {
        let text = "base: &base {on: [p], id: y}\na: [{<<: *base, id: x}, *base]\nb: {<<: [*base, {z: 1}]}\n";
        let tree = yaml(text).unwrap();
        assert_eq!(
            tree["a"],
            json!([{"on": ["p"], "id": "x"}, {"on": ["p"], "id": "y"}])
        );
        assert_eq!(tree["b"], json!({"on": ["p"], "id": "y", "z": 1}));
    }

    #[test]
    fn a_text_that_stands_for_too_much_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..20 {
            let last = format!("*a{},", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{last}]\n"));
        }
        assert!(yaml(&text).unwrap_err().contains("too much"));
        assert_eq!(
            yaml("a:\n  - [b"),
            Err("line 2 is not valid YAML".to_owned())
        );
    }
}
