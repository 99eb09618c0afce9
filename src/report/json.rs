//! Writes and parses reports in JSON and JSON Lines.

use std::borrow::Cow;
use std::io::{Result as IoResult, Write};

use serde::{Deserialize, Serialize};
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::document::{
    Document, ReportCoverage, ReportFinding, ReportHeader, SCHEMA, SCHEMA_VERSION,
};
use super::refs::RefTable;
use crate::error::{Error, Result};
use crate::fault::json_fault;

/// A line of JSON Lines.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum JsonLine<'a> {
    /// The first line: the header.
    Header(Box<Cow<'a, ReportHeader>>),
    /// The second line.
    Refs(Box<Cow<'a, RefTable>>),
    Finding(Box<Cow<'a, ReportFinding>>),
    /// The last line: without it, the report is truncated.
    Summary(Box<Summary<'a>>),
}

#[derive(Serialize, Deserialize)]
struct Summary<'a> {
    #[serde(flatten)]
    head: Cow<'a, ReportHeader>,
    findings: usize,
    coverage: Cow<'a, ReportCoverage>,
}

/// Returns the error in a JSON file, for people.
pub(super) fn fault_of(error: &serde_json::Error) -> String {
    match error.is_data() {
        // Such an error applies to the whole file.
        true if error.line() == 0 => "its parts do not fit together".to_owned(),
        _ => json_fault(error),
    }
}

impl Document {
    /// Parses a report in JSON or JSON Lines; `name` is the file name in errors.
    ///
    /// # Errors
    /// `Config` if it is no report, has another version, or is truncated.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self> {
        let broken = |e: serde_json::Error| {
            let why = fault_of(&e);
            Error::config(format!("'{name}' is not a report of unleak in JSON: {why}"))
                .hint("reports that can be read again are made by 'unleak scan --format json'")
        };
        let document = if is_lines(bytes) {
            Self::parse_lines(bytes, name, &broken)?
        } else {
            serde_json::from_slice(bytes).map_err(broken)?
        };
        document.check(name)?;
        Ok(document)
    }

    fn parse_lines(
        bytes: &[u8],
        name: &str,
        broken: &dyn Fn(serde_json::Error) -> Error,
    ) -> Result<Self> {
        let mut findings = Vec::new();
        let mut summary = None;
        let mut header = None;
        let mut refs = RefTable::default();
        for line in serde_json::Deserializer::from_slice(bytes).into_iter::<JsonLine<'static>>() {
            match line.map_err(broken)? {
                JsonLine::Header(head) => header = Some((*head).into_owned()),
                JsonLine::Refs(table) => refs = (*table).into_owned(),
                JsonLine::Finding(finding) => findings.push((*finding).into_owned()),
                JsonLine::Summary(last) => summary = Some(last),
            }
        }
        let cut = || {
            Error::config(format!("the report '{name}' was cut off"))
                .hint("its last line, the summary, is missing or counts more: scan again")
        };
        let summary = summary.ok_or_else(cut)?;
        // The lines may be from two different reports.
        let is_other = header.is_some_and(|head| head != *summary.head);
        if summary.findings != findings.len() || is_other {
            return Err(cut());
        }
        let (head, coverage) = (summary.head.into_owned(), summary.coverage.into_owned());
        Self::of_parts(head, refs, findings, coverage)
            .map_err(|why| Error::config(format!("'{name}' is not a report of unleak: {why}")))
    }

    /// Checks what the other formats rely on.
    fn check(&self, name: &str) -> Result<()> {
        let head = &self.head;
        if head.schema != SCHEMA || head.schema_version != SCHEMA_VERSION {
            return Err(Error::config(format!(
                "'{name}' is no report of version 1 or {SCHEMA_VERSION}, which this unleak reads"
            ))
            .hint(
                "scan again with this version of unleak, or read it with the version that wrote it",
            ));
        }
        let is_digest = |id: &str| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
        let ids = self.findings.iter().map(|finding| &finding.fingerprint);
        if ids.clone().any(|id| !is_digest(id)) {
            return Err(Error::config(format!(
                "'{name}' has a finding whose fingerprint is not 32 hexadecimal digits"
            )));
        }
        Ok(())
    }

    /// Returns one JSON document, with one finding per line.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Serializer::with_formatter(&mut bytes, LineBreaks::default());
        self.serialize(&mut writer)
            .expect("strings and numbers become JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Returns a line with the header, a line with all refs, one line per finding, and a line with
    /// the summary.
    pub(super) fn to_json_lines(&self) -> Vec<u8> {
        let findings = self.findings.iter();
        let lines = findings.map(|finding| JsonLine::Finding(Box::new(Cow::Borrowed(finding))));
        let summary = JsonLine::Summary(Box::new(Summary {
            head: Cow::Borrowed(&self.head),
            findings: self.findings.len(),
            coverage: Cow::Borrowed(&self.coverage),
        }));
        let header = JsonLine::Header(Box::new(Cow::Borrowed(&self.head)));
        let refs = JsonLine::Refs(Box::new(Cow::Borrowed(&self.refs)));
        let mut bytes = Vec::new();
        for line in [header, refs].into_iter().chain(lines).chain([summary]) {
            serde_json::to_writer(&mut bytes, &line).expect("strings and numbers become JSON");
            bytes.push(b'\n');
        }
        bytes
    }
}

/// Returns whether the first value has a kind of line.
fn is_lines(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct First {
        #[serde(rename = "type")]
        kind: Option<serde::de::IgnoredAny>,
    }
    let first = serde_json::Deserializer::from_slice(bytes)
        .into_iter::<First>()
        .next();
    matches!(first, Some(Ok(First { kind: Some(_) })))
}

/// The number of nesting levels with separate lines; deeper values are on one line.
const LINED_LEVELS: usize = 2;

/// Formats the outer levels on separate lines, and the inner levels without any space: reports are less
/// than half as large as with a line for each value, can be compared line by line, and each finding is
/// one line.
#[derive(Default)]
struct LineBreaks {
    level: usize,
    is_filled: bool,
}

impl LineBreaks {
    fn begin<W: Write + ?Sized>(&mut self, bracket: &[u8], to: &mut W) -> IoResult<()> {
        self.level += 1;
        self.is_filled = false;
        to.write_all(bracket)
    }

    fn end<W: Write + ?Sized>(&mut self, bracket: &[u8], to: &mut W) -> IoResult<()> {
        self.level -= 1;
        if self.is_filled && self.level < LINED_LEVELS {
            self.new_line(to)?;
        }
        to.write_all(bracket)
    }

    fn item<W: Write + ?Sized>(&self, is_first: bool, to: &mut W) -> IoResult<()> {
        let is_lined = self.level <= LINED_LEVELS;
        if !is_first {
            to.write_all(b",")?;
        }
        if is_lined {
            self.new_line(to)?;
        }
        Ok(())
    }

    fn new_line<W: Write + ?Sized>(&self, to: &mut W) -> IoResult<()> {
        to.write_all(b"\n")?;
        (0..self.level).try_for_each(|_| to.write_all(b"  "))
    }
}

impl Formatter for LineBreaks {
    fn begin_array<W: Write + ?Sized>(&mut self, to: &mut W) -> IoResult<()> {
        self.begin(b"[", to)
    }

    fn end_array<W: Write + ?Sized>(&mut self, to: &mut W) -> IoResult<()> {
        self.end(b"]", to)
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, to: &mut W, first: bool) -> IoResult<()> {
        self.item(first, to)
    }

    fn end_array_value<W: Write + ?Sized>(&mut self, _: &mut W) -> IoResult<()> {
        self.is_filled = true;
        Ok(())
    }

    fn begin_object<W: Write + ?Sized>(&mut self, to: &mut W) -> IoResult<()> {
        self.begin(b"{", to)
    }

    fn end_object<W: Write + ?Sized>(&mut self, to: &mut W) -> IoResult<()> {
        self.end(b"}", to)
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, to: &mut W, first: bool) -> IoResult<()> {
        self.item(first, to)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, to: &mut W) -> IoResult<()> {
        match self.level <= LINED_LEVELS {
            true => to.write_all(b": "),
            false => to.write_all(b":"),
        }
    }

    fn end_object_value<W: Write + ?Sized>(&mut self, _: &mut W) -> IoResult<()> {
        self.is_filled = true;
        Ok(())
    }
}
