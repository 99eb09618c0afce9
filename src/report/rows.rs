//! The findings of an HTML page as data for its script.
//!
//! The data are small, since a page may have ten thousand findings: each text is stored once, sorted,
//! without the beginning that it shares with the text before it; and each field of the findings is one
//! list, whose positions are the findings.

use std::collections::HashMap;

use serde::Serialize;

use super::escape::escape;
use crate::path_class::PathClass;
use crate::rule::Confidence;
use crate::severity::Severity;

/// The findings of a page, while they are collected. Rows refer to texts and rules by number.
#[derive(Default)]
pub(super) struct Data {
    /// Whether the findings are from several repositories.
    pub(super) is_estate: bool,
    /// Whether the page offers commands that change the repository.
    pub(super) has_commands: bool,
    rules: Vec<HtmlRule>,
    texts: Vec<String>,
    rows: Vec<HtmlRow>,
    numbers: HashMap<String, usize>,
    rule_numbers: HashMap<[String; 5], usize>,
}

/// The data that the findings of a rule share.
#[derive(Serialize)]
struct HtmlRule {
    id: String,
    provider: String,
    description: String,
    rotate: String,
    docs: String,
}

/// A finding.
#[derive(Default)]
pub(super) struct HtmlRow {
    pub(super) id: String,
    pub(super) rule: usize,
    pub(super) severity: usize,
    pub(super) confidence: usize,
    pub(super) class: Option<usize>,
    pub(super) secret: String,
    pub(super) line: Option<[String; 2]>,
    pub(super) author: Option<usize>,
    pub(super) date: Option<usize>,
    pub(super) places: Vec<HtmlPlace>,
    /// The file of the first place, if it is inside of an archive or an encoding there.
    pub(super) file: Option<usize>,
    /// The number of places that are not listed.
    pub(super) more: usize,
    /// Where it is now: see [`now`]; `None` if unknown.
    pub(super) now: Option<u8>,
    /// Additional texts, each with a label.
    pub(super) notes: Vec<(usize, usize)>,
    /// The repositories that contain it, in an estate.
    pub(super) repositories: Vec<usize>,
    /// Whether it was not in an earlier estate.
    pub(super) is_new: bool,
    /// The URL of its first commit: prefix and id.
    pub(super) web: Option<(usize, String)>,
}

/// A place of a finding; the numbers are those of texts.
#[derive(Clone, Copy, Default)]
pub(super) struct HtmlPlace {
    /// The path, or the text of a place that has no line.
    pub(super) text: usize,
    /// The line and the column; 0 if the text contains them.
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) commit: Option<usize>,
    pub(super) remark: Option<usize>,
}

/// The current places of a finding are flags: the places are known,
const KNOWN: u8 = 1;
/// it is in HEAD,
const IN_HEAD: u8 = 2;
/// it is reachable from a remote-tracking ref,
const PUBLISHED: u8 = 4;
/// and it is reachable from any ref.
const REACHABLE: u8 = 8;

/// Returns the flags for the current places of a finding.
pub(super) fn now(in_head: bool, published: bool, reachable: bool) -> u8 {
    let facts = [
        (in_head, IN_HEAD),
        (published, PUBLISHED),
        (reachable, REACHABLE),
    ];
    let facts = facts.iter().filter(|(is_so, _)| *is_so);
    KNOWN + facts.map(|(_, bit)| bit).sum::<u8>()
}

impl Data {
    /// Creates the data for several repositories.
    pub(super) fn of_estate() -> Self {
        Self {
            is_estate: true,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, row: HtmlRow) {
        self.rows.push(row);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the number of a text, escaped on one line.
    pub(super) fn text(&mut self, text: &str) -> usize {
        let text = escape(text.as_bytes());
        if let Some(&number) = self.numbers.get(&text) {
            return number;
        }
        let number = self.texts.len();
        self.numbers.insert(text.clone(), number);
        self.texts.push(text);
        number
    }

    /// Returns the number of a rule with this id, issuer, description and pages.
    pub(super) fn rule(&mut self, fields: [&str; 5]) -> usize {
        let fields = fields.map(|field| escape(field.as_bytes()));
        if let Some(&number) = self.rule_numbers.get(&fields) {
            return number;
        }
        let number = self.rules.len();
        self.rule_numbers.insert(fields.clone(), number);
        let [id, provider, description, rotate, docs] = fields;
        self.rules.push(HtmlRule {
            id,
            provider,
            description,
            rotate,
            docs,
        });
        number
    }

    /// Returns the position of a value in the list of all values.
    pub(super) fn position<T: PartialEq>(all: &[T], one: &T) -> usize {
        let found = all.iter().position(|other| other == one);
        found.unwrap_or_default()
    }

    pub(super) fn note(&mut self, label: &str, text: &str, row: &mut HtmlRow) {
        row.notes.push((self.text(label), self.text(text)));
    }

    /// Returns the data as JSON.
    pub(super) fn to_json(&self) -> String {
        let mut order: Vec<usize> = (0..self.texts.len()).collect();
        order.sort_unstable_by_key(|&number| &self.texts[number]);
        let mut places = vec![0; order.len()];
        for (place, &number) in order.iter().enumerate() {
            places[number] = place;
        }
        let packed = PackedData {
            is_estate: self.is_estate,
            has_commands: self.has_commands,
            severities: Severity::ALL.map(Severity::name),
            confidences: Confidence::ALL.map(Confidence::name),
            classes: PathClass::ALL.map(PathClass::name),
            rules: &self.rules,
            texts: PackedTexts::of(order.iter().map(|&number| &*self.texts[number])),
            columns: Columns::of(&self.rows, &places),
        };
        serde_json::to_string(&packed).expect("strings and numbers become JSON")
    }
}

/// What the script reads.
#[derive(Serialize)]
struct PackedData<'d> {
    is_estate: bool,
    has_commands: bool,
    severities: [&'static str; Severity::ALL.len()],
    confidences: [&'static str; Confidence::ALL.len()],
    classes: [&'static str; PathClass::ALL.len()],
    rules: &'d [HtmlRule],
    texts: PackedTexts<'d>,
    columns: Columns<'d>,
}

/// Sorted texts. Each begins with `shared` UTF-16 units of the text before it, which scripts count,
/// and ends with `rest`.
#[derive(Default, Serialize)]
struct PackedTexts<'d> {
    shared: Vec<usize>,
    rest: Vec<&'d str>,
}

impl<'d> PackedTexts<'d> {
    fn of(texts: impl Iterator<Item = &'d str>) -> Self {
        let mut packed = Self::default();
        let mut before = "";
        for text in texts {
            let both = text.chars().zip(before.chars());
            let shared = both.take_while(|(one, other)| one == other);
            let (units, bytes) = shared.fold((0, 0), |(units, bytes), (shared, _)| {
                (units + shared.len_utf16(), bytes + shared.len_utf8())
            });
            packed.shared.push(units);
            packed.rest.push(&text[bytes..]);
            before = text;
        }
        packed
    }
}

/// The fields of all findings: one list each, in the order of the findings. Numbers that may be
/// missing begin with 1, and 0 means none. A field that no finding has is omitted.
#[derive(Serialize)]
struct Columns<'d> {
    id: Vec<&'d str>,
    rule: Vec<usize>,
    severity: Vec<usize>,
    confidence: Vec<usize>,
    class: Vec<usize>,
    secret: Vec<&'d str>,
    before: Vec<&'d str>,
    after: Vec<&'d str>,
    author: Vec<usize>,
    date: Vec<usize>,
    /// Text, line, column and commit of each place.
    places: Vec<Vec<usize>>,
    /// A text for each place.
    #[serde(skip_serializing_if = "is_unused")]
    remarks: Vec<Vec<usize>>,
    #[serde(skip_serializing_if = "is_unused")]
    file: Vec<usize>,
    more: Vec<usize>,
    now: Vec<u8>,
    /// Label and text of each note.
    notes: Vec<Vec<usize>>,
    #[serde(skip_serializing_if = "is_unused")]
    repositories: Vec<Vec<usize>>,
    #[serde(skip_serializing_if = "is_unused")]
    is_new: Vec<u8>,
    /// The beginning of the URL of the first commit.
    #[serde(skip_serializing_if = "is_unused")]
    web: Vec<usize>,
    /// The id of that commit.
    #[serde(skip_serializing_if = "is_unused")]
    commit: Vec<&'d str>,
}

/// Returns whether all values are the same as without a value.
fn is_unused<T: Default + PartialEq>(column: &[T]) -> bool {
    column.iter().all(|value| *value == T::default())
}

impl<'d> Columns<'d> {
    /// Makes the lists; `at` contains the new number of each text.
    fn of(rows: &'d [HtmlRow], at: &[usize]) -> Self {
        fn column<'d, T>(rows: &'d [HtmlRow], of: impl Fn(&'d HtmlRow) -> T) -> Vec<T> {
            rows.iter().map(of).collect()
        }
        let or_none = |number: Option<usize>| number.map_or(0, |number| at[number] + 1);
        let side = |row: &'d HtmlRow, side: usize| row.line.as_ref().map_or("", |line| &line[side]);
        let place = |place: &HtmlPlace| {
            let commit = or_none(place.commit);
            [at[place.text], place.line, place.column, commit]
        };
        let remarks = |row: &HtmlRow| {
            let remarks = row.places.iter().map(|place| or_none(place.remark));
            let remarks: Vec<usize> = remarks.collect();
            if is_unused(&remarks) {
                Vec::new()
            } else {
                remarks
            }
        };
        let notes = |row: &HtmlRow| {
            let notes = row.notes.iter();
            notes.flat_map(|&(a, b)| [at[a], at[b]]).collect()
        };
        let repositories = |row: &HtmlRow| row.repositories.iter().map(|&text| at[text]).collect();
        Self {
            id: column(rows, |row| &*row.id),
            rule: column(rows, |row| row.rule),
            severity: column(rows, |row| row.severity),
            confidence: column(rows, |row| row.confidence),
            class: column(rows, |row| row.class.map_or(0, |class| class + 1)),
            secret: column(rows, |row| &*row.secret),
            before: column(rows, |row| side(row, 0)),
            after: column(rows, |row| side(row, 1)),
            author: column(rows, |row| or_none(row.author)),
            date: column(rows, |row| or_none(row.date)),
            places: column(rows, |row| row.places.iter().flat_map(place).collect()),
            remarks: column(rows, remarks),
            file: column(rows, |row| or_none(row.file)),
            more: column(rows, |row| row.more),
            now: column(rows, |row| row.now.unwrap_or_default()),
            notes: column(rows, notes),
            repositories: column(rows, repositories),
            is_new: column(rows, |row| u8::from(row.is_new)),
            web: column(rows, |row| {
                or_none(row.web.as_ref().map(|(begin, _)| *begin))
            }),
            commit: column(rows, |row| row.web.as_ref().map_or("", |(_, id)| id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_texts_are_the_same_as_those_that_were_packed() {
        let mut texts = [
            "",
            "a",
            "a/b",
            "a/bc",
            "a/\u{1d11e}x",
            "a/\u{1d11e}y",
            "\u{e9}",
        ];
        texts.sort_unstable();
        let packed = PackedTexts::of(texts.iter().copied());
        let mut before: Vec<u16> = Vec::new();
        for ((text, shared), rest) in texts.iter().zip(packed.shared).zip(packed.rest) {
            before.truncate(shared);
            before.extend(rest.encode_utf16());
            assert_eq!(String::from_utf16(&before).unwrap(), *text);
        }
    }
}
