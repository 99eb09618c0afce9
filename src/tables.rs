//! TOML that people write by hand: which fields a table may have, and on which line a fault is. The
//! messages of the parser and of serde are for programmers; these are for the author of the file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a field must hold.
#[derive(Clone, Copy, Debug)]
pub enum FieldKind {
    /// A string.
    Text,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number that is not negative.
    Count,
    /// A number.
    Number,
    /// A list of strings.
    Texts,
    /// A list of tables, as `[[name]]` begins each.
    Tables(&'static [Field]),
    /// A table, as `[name]` begins it.
    Table(&'static [Field]),
}

/// A field of a table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it must hold.
    pub kind: FieldKind,
    /// Whether it must be there.
    pub needed: bool,
}

impl Field {
    /// A field that may be left out.
    pub const fn free(name: &'static str, kind: FieldKind) -> Self {
        let needed = false;
        Self { name, kind, needed }
    }

    /// A field that must be there.
    pub const fn needed(name: &'static str, kind: FieldKind) -> Self {
        let needed = true;
        Self { name, kind, needed }
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The place of the table in its list of tables, from 0.
    pub entry: Option<usize>,
    /// The field; `None` if the file is not TOML.
    pub field: Option<String>,
    /// What is wrong, without the field's name.
    pub why: String,
    /// If there is no such field: those that there are.
    pub known: Vec<&'static str>,
}

/// Checks that `text` is TOML, and that its top table has these `fields` and no others.
///
/// # Errors
/// The first fault in the order of the file; a field that is missing, which may be there under a wrong
/// name, only if there is no other.
pub fn check(text: &str, fields: &[Field]) -> Result<(), Fault> {
    let table = parse(text)?;
    let mut faults = Vec::new();
    check_table(text, &table, fields, None, &mut faults);
    faults.sort_by_key(|fault| (fault.why == MISSING, fault.line));
    faults.into_iter().next().map_or(Ok(()), Err)
}

/// Returns the line of `field` in table number `entry` of the list of tables `list`, or of that table;
/// 1 if there is none.
pub fn line_of(text: &str, list: &str, entry: usize, field: &str) -> usize {
    let Ok(table) = parse(text) else {
        return 1;
    };
    let tables = table
        .get_ref()
        .get(list)
        .and_then(|v| v.get_ref().as_array());
    let Some(found) = tables.and_then(|tables| tables.get(entry)) else {
        return 1;
    };
    let keys = found.get_ref().as_table();
    let key = keys.and_then(|table| table.keys().find(|key| key.get_ref() == field));
    line(text, key.map_or(found.span().start, |key| key.span().start))
}

/// Returns the line of `field` in the top table; 1 if there is none.
pub fn line_of_field(text: &str, field: &str) -> usize {
    let Ok(table) = parse(text) else {
        return 1;
    };
    let key = table.get_ref().keys().find(|key| key.get_ref() == field);
    line(text, key.map_or(0, |key| key.span().start))
}

fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, Fault> {
    DeTable::parse(text).map_err(|e| Fault {
        line: line(text, e.span().map_or(0, |span| span.start)),
        entry: None,
        field: None,
        why: e.message().replace('`', "'"),
        known: Vec::new(),
    })
}

/// The line of the byte at `offset`.
fn line(text: &str, offset: usize) -> usize {
    let before = text.bytes().take(offset);
    before.filter(|&byte| byte == b'\n').count() + 1
}

fn check_table(
    text: &str,
    table: &Spanned<DeTable<'_>>,
    fields: &[Field],
    entry: Option<usize>,
    faults: &mut Vec<Fault>,
) {
    let mut fault = |at: usize, field: &str, why: String, known: Vec<&'static str>| {
        faults.push(Fault {
            line: line(text, at),
            entry,
            field: Some(field.to_owned()),
            why,
            known,
        });
    };
    let mut nested = Vec::new();
    for (key, value) in table.get_ref() {
        let (name, at) = (key.get_ref().as_ref(), key.span().start);
        match fields.iter().find(|field| field.name == name) {
            None => {
                let known = fields.iter().map(|field| field.name).collect();
                fault(at, name, "there is no such field".to_owned(), known);
            }
            Some(field) => match (field.kind, value.get_ref().as_array()) {
                (FieldKind::Tables(fields), Some(tables)) if tables.iter().all(is_table) => {
                    let tables = tables.iter().enumerate();
                    nested.extend(tables.map(|(number, table)| (fields, Some(number), table)));
                }
                (FieldKind::Table(fields), None) if is_table(value) => {
                    nested.push((fields, entry, value));
                }
                (kind, _) => {
                    if let Err(wanted) = fits(value.get_ref(), kind) {
                        fault(at, name, wanted, Vec::new());
                    }
                }
            },
        }
    }
    let has = |name: &str| table.get_ref().keys().any(|key| key.get_ref() == name);
    for field in fields
        .iter()
        .filter(|field| field.needed && !has(field.name))
    {
        let why = MISSING.to_owned();
        fault(table.span().start, field.name, why, Vec::new());
    }
    for (fields, entry, value) in nested {
        let span = value.span();
        if let DeValue::Table(table) = value.get_ref() {
            let table = Spanned::new(span, table.clone());
            check_table(text, &table, fields, entry, faults);
        }
    }
}

/// What is wrong if a field is not there.
const MISSING: &str = "it is missing";

fn is_table(value: &Spanned<DeValue<'_>>) -> bool {
    value.get_ref().is_table()
}

/// Whether a value is of a kind; else what is wanted.
fn fits(value: &DeValue<'_>, kind: FieldKind) -> Result<(), String> {
    let is_text = |value: &Spanned<DeValue<'_>>| value.get_ref().is_str();
    let (is_good, wanted) = match kind {
        FieldKind::Text => (value.is_str(), "it must be a string".to_owned()),
        FieldKind::Choice(words) => (
            value.as_str().is_some_and(|text| words.contains(&text)),
            format!("it must be one of '{}'", words.join("', '")),
        ),
        FieldKind::Flag => (value.is_bool(), "it must be true or false".to_owned()),
        FieldKind::Count => {
            let number = value.as_integer();
            let is_count = number
                .is_some_and(|number| u64::from_str_radix(number.as_str(), number.radix()).is_ok());
            let wanted = "it must be a whole number that is not negative";
            (is_count, wanted.to_owned())
        }
        FieldKind::Number => {
            let is_number = value.is_integer() || value.is_float();
            (is_number, "it must be a number".to_owned())
        }
        FieldKind::Texts => {
            let is_list = value
                .as_array()
                .is_some_and(|list| list.iter().all(is_text));
            (is_list, "it must be a list of strings".to_owned())
        }
        FieldKind::Tables(_) => {
            let wanted = "it must be a list of tables, each below its own line '[[name]]'";
            (false, wanted.to_owned())
        }
        FieldKind::Table(_) => {
            let wanted = "it must be a table, below its own line '[name]'";
            (false, wanted.to_owned())
        }
    };
    if is_good { Ok(()) } else { Err(wanted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [Field; 4] = [
        Field::free("size", FieldKind::Count),
        Field::free("level", FieldKind::Choice(&["low", "high"])),
        Field::free("names", FieldKind::Texts),
        Field::free(
            "rule",
            FieldKind::Tables(&[Field::needed("id", FieldKind::Text)]),
        ),
    ];

    fn fault(text: &str) -> (usize, Option<usize>, Option<String>, String) {
        let fault = check(text, &FIELDS).unwrap_err();
        (fault.line, fault.entry, fault.field, fault.why)
    }

    #[test]
    fn a_fault_has_its_line_field_and_what_is_wanted() {
        for (text, line, entry, field, why) in [
            ("\nsize = -1", 2, None, "size", "whole number"),
            ("size = 'x'", 1, None, "size", "whole number"),
            ("# a\nlevel = 'mid'", 2, None, "level", "'low', 'high'"),
            ("names = [1]", 1, None, "names", "list of strings"),
            ("siz = 1", 1, None, "siz", "no such field"),
            ("rule = 3", 1, None, "rule", "[[name]]"),
            (
                "[[rule]]\nid = 'a'\n[[rule]]\nid = 3",
                4,
                Some(1),
                "id",
                "string",
            ),
            (
                "[[rule]]\nid = 'a'\n\n[[rule]]\n",
                4,
                Some(1),
                "id",
                "missing",
            ),
            ("size = 1\nlevel = 2\nnames = 3", 2, None, "level", "one of"),
        ] {
            let found = fault(text);
            let place = (found.0, found.1, found.2.as_deref());
            assert_eq!(place, (line, entry, Some(field)), "{text}: {found:?}");
            assert!(found.3.contains(why), "{text}: {found:?}");
        }
        let (line, _, field, why) = fault("size = 1\nnot toml");
        assert_eq!((line, field), (2, None), "{why}");
        assert!(!why.contains('`') && !why.contains('\n'), "{why}");
        assert_eq!(
            check("size = 0x10\nlevel = 'low'\nnames = ['a']", &FIELDS),
            Ok(())
        );
    }

    #[test]
    fn the_line_of_a_field_is_found_again() {
        let text = "[[rule]]\nid = 'a'\n[[rule]]\n\nid = 'b'\n";
        assert_eq!(line_of(text, "rule", 1, "id"), 5);
        assert_eq!(line_of(text, "rule", 1, "other"), 3);
        assert_eq!(line_of(text, "rule", 7, "id"), 1);
    }
}
