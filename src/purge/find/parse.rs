//! Whether a file can still be parsed after marks were put into it.
//!
//! A file is parsed as its name says, or as it begins, by the crates that others read such files with. A file that did
//! not parse before (a template, JSON with comments) is not checked. The cost is linear in the size.

use std::collections::BTreeSet;

use memchr::memchr_iter;
use rustc_hash::FxHashSet;

/// A format that can be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// A JSON value on each line.
    JsonLines,
    /// TOML 1.0.
    Toml,
    /// YAML 1.2.
    Yaml,
    /// XML 1.0.
    Xml,
    /// `NAME=VALUE` on each line.
    Env,
    /// `NAME = VALUE` below `[SECTION]`.
    Ini,
    /// The lock file of Yarn 1.
    YarnLock,
    /// The checksums of Go modules.
    GoSum,
}

/// Extensions of XML documents.
const XML: [&str; 28] = [
    "atom",
    "axml",
    "config",
    "csproj",
    "dtd",
    "fsproj",
    "gpx",
    "iml",
    "kml",
    "nuspec",
    "plist",
    "pom",
    "props",
    "resx",
    "rss",
    "storyboard",
    "svg",
    "targets",
    "vbproj",
    "wsdl",
    "xaml",
    "xhtml",
    "xib",
    "xlf",
    "xml",
    "xsd",
    "xsl",
    "xslt",
];

/// Extensions behind that of the file that they are a template, an example or a copy of.
const TEMPLATES: [&str; 16] = [
    "j2", "jinja", "jinja2", "tpl", "tmpl", "gotmpl", "template", "example", "sample", "dist",
    "default", "in", "bak", "orig", "old", "local",
];

impl Format {
    /// The format of a file, by its name alone.
    pub fn of(name: &[u8]) -> Option<Self> {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
        // A template or an example of another file is written as that one.
        if TEMPLATES.contains(&extension) && !is_env(&name) {
            return Self::of(stem.as_bytes());
        }
        Some(match (name.as_str(), extension) {
            ("yarn.lock", _) => Self::YarnLock,
            ("go.sum" | "go.work.sum", _) => Self::GoSum,
            (
                "composer.lock" | "pipfile.lock" | "flake.lock" | "deno.lock" | "package.resolved",
                _,
            )
            | (".babelrc" | ".eslintrc" | ".prettierrc" | ".bowerrc" | ".jshintrc", _)
            | (_, "json" | "ipynb" | "geojson" | "har" | "tfstate" | "webmanifest" | "sarif") => {
                Self::Json
            }
            (_, "jsonl" | "ndjson") => Self::JsonLines,
            (
                "cargo.lock" | "poetry.lock" | "uv.lock" | "pdm.lock" | "pipfile" | "gopkg.lock",
                _,
            )
            | (_, "toml") => Self::Toml,
            ("pubspec.lock" | "podfile.lock" | "chart.lock" | "kubeconfig", _)
            | (".clang-format" | ".clang-tidy" | ".clangd" | ".yamllint" | ".ansible-lint", _)
            | (_, "yaml" | "yml" | "eyaml" | "sls" | "cff" | "raml" | "kubeconfig") => Self::Yaml,
            (_, extension) if XML.contains(&extension) => Self::Xml,
            (name, extension) if extension == "env" || is_env(name) => Self::Env,
            (_, "ini" | "cfg") => Self::Ini,
            _ => return None,
        })
    }

    /// The word for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::JsonLines => "JSON lines",
            Self::Toml => "TOML",
            Self::Yaml => "YAML",
            Self::Xml => "XML",
            Self::Env => "a .env file",
            Self::Ini => "an INI file",
            Self::YarnLock => "a lock file of Yarn",
            Self::GoSum => "a file of Go checksums",
        }
    }

    /// Parses `bytes`.
    ///
    /// # Errors
    /// The line, from 1, at which the parser stops.
    pub fn parse(self, bytes: &[u8]) -> Result<(), usize> {
        // YAML's own scanner takes a byte order mark; the others do not.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match self {
            Self::Json => json(bytes),
            Self::JsonLines => each_line(bytes, |line| json(line).is_ok()),
            Self::Toml => toml(bytes),
            Self::Yaml => yaml(bytes),
            Self::Xml => xml(bytes),
            Self::Env => env(bytes),
            // Readers differ in what a line without `=` is; none of them refuses a mark.
            Self::Ini => Ok(()),
            Self::YarnLock => each_line(bytes, is_yarn_line),
            Self::GoSum => each_line(bytes, is_sum_line),
        }
    }

    /// The line of a key that its map has already: most readers keep the last of the two, and some none.
    pub fn repeated_key(self, bytes: &[u8]) -> Option<usize> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match self {
            Self::Json => repeated_in_json(bytes),
            Self::JsonLines => {
                let mut lines = (1..).zip(bytes.split(|&byte| byte == b'\n'));
                lines.find_map(|(number, line)| repeated_in_json(line).map(|_| number))
            }
            Self::Yaml => repeated_in_yaml(bytes),
            Self::Ini => repeated_in_ini(bytes),
            // A table of TOML cannot be parsed then; the others have no marks for keys.
            Self::Toml | Self::Xml | Self::Env | Self::YarnLock | Self::GoSum => None,
        }
    }
}

/// `.env`, `.env.local`, `prod.env` without the extension's case.
fn is_env(name: &str) -> bool {
    name == ".env" || name.starts_with(".env.") || name == "env"
}

/// The formats in which `bytes` can be parsed: those of `names`, or, where the name says none, that which
/// the text begins like.
pub fn formats(names: &BTreeSet<Format>, bytes: &[u8]) -> Vec<Format> {
    let parses = |format: &Format| format.parse(bytes).is_ok();
    if names.is_empty() {
        return by_beginning(bytes).into_iter().filter(parses).collect();
    }
    names.iter().copied().filter(parses).collect()
}

fn by_beginning(bytes: &[u8]) -> Option<Format> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = text.trim_ascii_start();
    match text.first() {
        Some(b'{' | b'[') => Some(Format::Json),
        Some(b'<') if text.starts_with(b"<?xml") => Some(Format::Xml),
        _ => None,
    }
}

fn line_of(bytes: &[u8], offset: usize) -> usize {
    memchr_iter(b'\n', &bytes[..offset.min(bytes.len())]).count() + 1
}

fn each_line(bytes: &[u8], is_good: impl Fn(&[u8]) -> bool) -> Result<(), usize> {
    let lines = (1..).zip(bytes.split(|&byte| byte == b'\n'));
    for (number, line) in lines {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.trim_ascii().is_empty() && !is_good(line) {
            return Err(number);
        }
    }
    Ok(())
}

fn json(bytes: &[u8]) -> Result<(), usize> {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes)
        .map(drop)
        .map_err(|error| error.line())
}

/// A JSON value whose maps have each key once.
struct Unique;

/// What the error of a repeated key says.
const REPEATED: &str = "repeated key";

impl<'de> serde::Deserialize<'de> for Unique {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> serde::de::Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut keys = FxHashSet::default();
        while let Some(key) = members.next_key::<String>()? {
            if !keys.insert(key) {
                return Err(serde::de::Error::custom(REPEATED));
            }
            members.next_value::<Self>()?;
        }
        Ok(self)
    }
}

fn repeated_in_json(bytes: &[u8]) -> Option<usize> {
    let error = serde_json::from_slice::<Unique>(bytes).err()?;
    (error.is_data() && error.to_string().starts_with(REPEATED)).then(|| error.line())
}

fn repeated_in_yaml(bytes: &[u8]) -> Option<usize> {
    use yaml_rust2::Event;
    use yaml_rust2::parser::Parser;
    /// A map with its keys and whether one comes next; nothing for a list.
    type Level = Option<(FxHashSet<String>, bool)>;
    let mut parser = Parser::new_from_str(std::str::from_utf8(bytes).ok()?);
    let mut levels: Vec<Level> = Vec::new();
    loop {
        let (event, marker) = parser.next_token().ok()?;
        // Whatever stands in the place of a key or of its value.
        let is_node = matches!(
            event,
            Event::Scalar(..)
                | Event::Alias(_)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
        );
        if is_node && let Some(Some((keys, is_key))) = levels.last_mut() {
            if *is_key
                && let Event::Scalar(key, ..) = &event
                && key != "<<"
                && !keys.insert(key.clone())
            {
                return Some(marker.line());
            }
            *is_key = !*is_key;
        }
        match event {
            Event::MappingStart(..) => levels.push(Some((FxHashSet::default(), true))),
            Event::SequenceStart(..) => levels.push(None),
            Event::MappingEnd | Event::SequenceEnd => {
                levels.pop();
            }
            Event::StreamEnd => return None,
            _ => {}
        }
    }
}

/// A line that is indented goes on with the value before it.
fn repeated_in_ini(bytes: &[u8]) -> Option<usize> {
    let mut keys: FxHashSet<&[u8]> = FxHashSet::default();
    let mut lines = (1..).zip(bytes.split(|&byte| byte == b'\n'));
    lines.find_map(|(number, line)| {
        let is_other = matches!(line.first(), None | Some(b' ' | b'\t' | b'#' | b';'));
        if line.starts_with(b"[") {
            keys.clear();
        }
        let end = line.iter().position(|byte| matches!(byte, b'=' | b':'));
        let key = line[..end.filter(|_| !is_other)?].trim_ascii();
        (!keys.insert(key)).then_some(number)
    })
}

fn toml(bytes: &[u8]) -> Result<(), usize> {
    let text = std::str::from_utf8(bytes).map_err(|error| line_of(bytes, error.valid_up_to()))?;
    text.parse::<toml::Table>()
        .map(drop)
        .map_err(|error| line_of(bytes, error.span().map_or(0, |span| span.start)))
}

/// Reads events only: an alias, which could stand for more than memory holds, is not followed.
fn yaml(bytes: &[u8]) -> Result<(), usize> {
    use yaml_rust2::Event;
    use yaml_rust2::parser::Parser;
    use yaml_rust2::scanner::{Scanner, TokenType};
    let text = std::str::from_utf8(bytes).map_err(|error| line_of(bytes, error.valid_up_to()))?;
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_token() {
            Ok((Event::StreamEnd, _)) => break,
            Ok(_) => {}
            Err(error) => return Err(error.marker().line()),
        }
    }
    // YAML 1.2 takes nearly everything for a name; what most programs read YAML with does not.
    for token in Scanner::new(text.chars()) {
        let (TokenType::Anchor(name) | TokenType::Alias(name)) = &token.1 else {
            continue;
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !name.bytes().all(is_plain) {
            return Err(token.0.line());
        }
    }
    Ok(())
}

fn xml(bytes: &[u8]) -> Result<(), usize> {
    use quick_xml::Reader;
    use quick_xml::events::Event;
    let text = std::str::from_utf8(bytes).map_err(|error| line_of(bytes, error.valid_up_to()))?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let (mut depth, mut has_root) = (0usize, false);
    loop {
        let event = reader.read_event();
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let is_good = match event {
            Ok(Event::Eof) if depth == 0 && has_root => return Ok(()),
            Ok(Event::Start(element)) => {
                (depth, has_root) = (depth + 1, true);
                is_element(&element)
            }
            Ok(Event::Empty(element)) => {
                has_root = true;
                is_element(&element)
            }
            Ok(Event::End(_)) => {
                depth = depth.saturating_sub(1);
                true
            }
            Ok(Event::PI(instruction)) => is_xml_name(instruction.target().as_bytes()),
            Ok(Event::GeneralRef(reference)) => is_reference(reference.as_bytes()),
            Ok(Event::DocType(declaration)) => {
                let declaration = declaration.trim_ascii_start().as_bytes();
                let is_end = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'[';
                let end = declaration.iter().position(is_end);
                is_xml_name(&declaration[..end.unwrap_or(declaration.len())])
            }
            Ok(Event::Eof) | Err(_) => false,
            Ok(_) => true,
        };
        if !is_good {
            return Err(line_of(bytes, at));
        }
    }
}

/// Whether the names of a tag are names and the values of its attributes are quoted: what reads the
/// file takes both for text.
fn is_element(element: &quick_xml::events::BytesStart<'_>) -> bool {
    is_xml_name(element.name().0.as_bytes())
        && element.attributes().all(|attribute| {
            attribute.is_ok_and(|attribute| {
                is_xml_name(attribute.key.0.as_bytes()) && is_xml_value(attribute.value.as_bytes())
            })
        })
}

/// A name (XML 1.0, section 2.3), of which all letters beyond ASCII can be a part.
fn is_xml_name(name: &[u8]) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || b":_".contains(&byte) || byte >= 0x80;
    let is_other = |byte: u8| byte.is_ascii_digit() || b"-.".contains(&byte);
    name.first().is_some_and(|&first| is_letter(first))
        && name.iter().all(|&byte| is_letter(byte) || is_other(byte))
}

/// What stands between `&` and `;`.
fn is_reference(name: &[u8]) -> bool {
    match name {
        [b'#', b'x', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit),
        [b'#', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => is_xml_name(name),
    }
}

/// Whether an attribute's value has no tag in it and only whole references.
fn is_xml_value(value: &[u8]) -> bool {
    let mut references = value.split(|&byte| byte == b'&').skip(1).map(|part| {
        let end = memchr::memchr(b';', part)?;
        Some(&part[..end])
    });
    !value.contains(&b'<') && references.all(|name| name.is_some_and(is_reference))
}

/// Lines are empty, comments or `[export ]NAME=VALUE`; a quoted value may have several lines.
fn env(bytes: &[u8]) -> Result<(), usize> {
    let mut open: Option<(u8, usize)> = None;
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let rest = if open.is_some() {
            line
        } else {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let line = line.strip_prefix(b"export ").unwrap_or(line).trim_ascii();
            let equals = memchr::memchr(b'=', line).ok_or(number)?;
            let name = line[..equals].trim_ascii();
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
            if name.is_empty() || !name.iter().all(is_name) {
                return Err(number);
            }
            let value = line[equals + 1..].trim_ascii();
            match value.first() {
                Some(&quote @ (b'"' | b'\'' | b'`')) => open = Some((quote, number)),
                _ => continue,
            }
            &value[1..]
        };
        let Some((quote, _)) = open else { continue };
        if let Some(end) = closing(rest, quote) {
            let after = rest[end + 1..].trim_ascii();
            if !after.is_empty() && !after.starts_with(b"#") {
                return Err(number);
            }
            open = None;
        }
    }
    open.map_or(Ok(()), |(_, number)| Err(number))
}

/// Where `quote` stands in `text` without a backslash before it.
fn closing(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'\\' if quote != b'\'' => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Words of a line are quoted, or begin with a letter, a digit, `/`, `.` or `-`.
fn is_yarn_line(line: &[u8]) -> bool {
    let mut rest = line.trim_ascii();
    if rest.starts_with(b"#") {
        return true;
    }
    while let Some(&first) = rest.first() {
        rest = match first {
            b' ' | b',' | b':' => &rest[1..],
            b'"' => match closing(&rest[1..], b'"') {
                Some(end) => &rest[end + 2..],
                None => return false,
            },
            byte if byte.is_ascii_alphanumeric() || b"/.-".contains(&byte) => {
                let is_end = |byte: &u8| b" ,:\"".contains(byte);
                &rest[rest.iter().position(is_end).unwrap_or(rest.len())..]
            }
            _ => return false,
        };
    }
    true
}

/// Module, version and checksum.
fn is_sum_line(line: &[u8]) -> bool {
    let mut words = line.split(|&byte| byte == b' ');
    let is_sum = |word: &[u8]| word.starts_with(b"h1:");
    words.clone().count() == 3 && words.nth(2).is_some_and(is_sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_takes_what_is_right_and_names_the_line_that_is_not() {
        for (format, good, bad, line) in [
            (Format::Json, "{\n\"a\": 1}", "{\n\"a\": ***}", 2),
            (Format::JsonLines, "{}\n\n[1]\n", "{}\n[1]\n*\n", 3),
            (Format::Toml, "[a]\nb = 1\n", "[a]\nb = ***\n", 2),
            (Format::Yaml, "a: b\nc: x***\n", "a: b\nc: ***x***\n", 2),
            (Format::Yaml, "a: &x-1\nb: *x-1\n", "a: &x\nb: *** \n", 2),
            (Format::Xml, "<a b='c'>\n<d/></a>", "<a>\n<b></a>", 2),
            (
                Format::Xml,
                "<a:b é='&#xe9;'>\n&b;</a:b>",
                "<a>\n<*/></a>",
                2,
            ),
            (
                Format::Xml,
                "<!DOCTYPE a>\n<?b c?><a/>",
                "<a>\n<?* b?></a>",
                2,
            ),
            (
                Format::Xml,
                "<a><!-- * -->\n*</a>",
                "<a>\n<b *='c'/></a>",
                2,
            ),
            (Format::Xml, "<a b='&c;'/>", "<a>\n<b c='&*;'/></a>", 2),
            (Format::Xml, "<a>&#42;</a>", "<a>\n&*;</a>", 2),
            (
                Format::Env,
                "# c\nexport A=b,c\nD='e\nf' # g\n",
                "A=b\nD='e\n",
                2,
            ),
            (
                Format::YarnLock,
                "# x\n\"@a/b@^1\", c@2:\n  version \"1.0\"\n  integrity sha512-x\n",
                "a@1:\n  integrity ***\n",
                2,
            ),
            (Format::GoSum, "a v1.0.0 h1:x=\n", "a v1.0.0 ***\n", 1),
        ] {
            assert_eq!(format.parse(good.as_bytes()), Ok(()), "{format:?}");
            assert_eq!(format.parse(bad.as_bytes()), Err(line), "{format:?}");
        }
    }

    #[test]
    fn a_repeated_key_is_one_of_the_same_map() {
        for (format, text, line) in [
            (Format::Json, "{\"a\": 1,\n\"a\": 2}", Some(2)),
            (
                Format::Json,
                "[{\"a\": {\"a\": [1.5, -1, null, true]}}, {\"a\": \"b\"}]",
                None,
            ),
            (
                Format::JsonLines,
                "{\"a\": 1}\n{\"a\": 1, \"a\": 1}\n",
                Some(2),
            ),
            (Format::Yaml, "a: 1\nb:\n  a: 2\n  'a': 3\n", Some(4)),
            (
                Format::Yaml,
                "a: &x {b: a}\nc: [*x, *x]\nd: {<<: *x, <<: *x}\n---\na: 1\n",
                None,
            ),
            (Format::Env, "A=1\nA=2\n", None),
            (Format::Ini, "a = 1\n a = 2\n; a = 3\n[b]\na = 1\n", None),
            (Format::Ini, "a = 1\n[b]\nc = 1\nc: 2\n", Some(4)),
        ] {
            assert_eq!(format.repeated_key(text.as_bytes()), line, "{text}");
        }
    }

    #[test]
    fn deep_nesting_ends() {
        let deep = "[".repeat(200_000);
        for format in [Format::Json, Format::Yaml, Format::Toml] {
            assert!(format.parse(deep.as_bytes()).is_err(), "{format:?}");
        }
        let deep = "<a>".repeat(200_000);
        assert!(Format::Xml.parse(deep.as_bytes()).is_err());
    }
}
