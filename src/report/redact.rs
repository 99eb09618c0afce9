//! Redacts repository text in reports: replaces secrets by marks, and changes nothing else.
//!
//! A value is replaced
//! - at the place of an occurrence: in the name of a file or ref in which it was found, in the
//!   author of a commit, on the line of a finding;
//! - everywhere, if it is recognisable (`recognise`), also in the spelling of other syntaxes; in names
//!   only if no name is made like it.
//!
//! A password that is a common word remains unchanged in all other text. Names are exact except in
//! these two cases, in which the finding says so.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use gix::ObjectId;
use memchr::memmem;

use super::recognise::{is_recognisable, is_recognisable_in_name};
use crate::audit::Audit;
use crate::detect::entropy::Classes;
use crate::detect::{known, spelling};
use crate::finding::{Finding, LineSide, Occurrence, Part, Place, Signature};
use crate::secret::Secret;
use crate::span::Span;

/// Whether secrets are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reveal {
    /// Only as a redacted mark.
    Redacted,
    /// In full, at the user's request.
    Shown,
}

/// The mark for a part of a text whose value is unknown.
const UNKNOWN: &str = "…";

/// Minimum length of a value that is searched for on the line of its finding.
const MIN_LOCAL_LEN: usize = 6;

/// Parts of a text and the marks that replace them.
type Redactions = Vec<(Span, String)>;

/// What is searched for.
struct Searched {
    mark: String,
    /// Whether it is also in names.
    is_in_names: bool,
}

/// The places of secrets, and the recognisable values.
pub struct Redactor {
    /// The recognisable values with their marks; `None` if there are too many to search for.
    values: Option<(AhoCorasick, Vec<Searched>)>,
    /// All values.
    known: HashSet<Arc<Secret>>,
    /// Secrets in names of files and directories, by the name.
    file_names: HashMap<Vec<u8>, Redactions>,
    /// Secrets in staged paths, by the path.
    staged_paths: HashMap<Vec<u8>, Redactions>,
    /// Secrets in refs, by their full names.
    refs: HashMap<Vec<u8>, Redactions>,
    /// Secrets in the authors of commits; `None` for an encoded one.
    authors: HashMap<ObjectId, Vec<Option<Arc<Secret>>>>,
    reveal: Reveal,
}

impl Redactor {
    /// Collects the values of all findings, reported or not.
    pub fn of(audit: &Audit, reveal: Reveal) -> Self {
        Self::with(audit.findings.iter().chain(&audit.hidden), reveal)
    }

    /// Collects the values of `findings`.
    pub fn new(findings: &[Finding], reveal: Reveal) -> Self {
        Self::with(findings.iter(), reveal)
    }

    fn with<'a>(findings: impl Iterator<Item = &'a Finding> + Clone, reveal: Reveal) -> Self {
        let with = findings.clone().flat_map(|finding| &finding.with);
        let secrets = findings.clone().map(|finding| &finding.secret);
        let secrets = secrets.chain(with.map(|part| &part.secret));
        let known: HashSet<Arc<Secret>> = secrets.map(Arc::clone).collect();
        let mut redactor = Self {
            values: searched(&known),
            known,
            file_names: HashMap::new(),
            staged_paths: HashMap::new(),
            refs: HashMap::new(),
            authors: HashMap::new(),
            reveal,
        };
        for finding in findings {
            redactor.add_places(&finding.secret, &finding.occurrences);
            for part in &finding.with {
                redactor.add_places(&part.secret, &part.occurrences);
            }
        }
        redactor
    }

    /// Adds the names and authors that contain a secret.
    fn add_places(&mut self, secret: &Arc<Secret>, occurrences: &[Occurrence]) {
        for found in occurrences {
            let name = found.name.to_vec();
            let names = match found.spot.place {
                Place::TreeEntry => &mut self.file_names,
                Place::Index => &mut self.staged_paths,
                Place::Ref => &mut self.refs,
                Place::Commit(Part::Author) => {
                    let wrapping = found.spot.wrapping.as_deref().unwrap_or_default();
                    let plain = wrapping.is_empty().then(|| Arc::clone(secret));
                    self.authors.entry(found.object_id).or_default().push(plain);
                    continue;
                }
                _ => continue,
            };
            // The name may be after a path; positions are relative to the name.
            let name = match found.spot.place {
                Place::TreeEntry => last_name(&name).to_vec(),
                _ => name,
            };
            let marks = names.entry(name).or_default();
            marks.push((found.span, secret.redacted()));
        }
    }

    /// Returns whether secrets are hidden.
    pub fn hides(&self) -> bool {
        self.reveal == Reveal::Redacted
    }

    /// Returns `text` with every recognisable value replaced by its mark.
    pub fn text<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        self.masked(text, Vec::new(), false)
    }

    /// Returns a path with marks in the place of secrets.
    pub fn path<'t>(&self, path: &'t [u8]) -> Cow<'t, [u8]> {
        let mut marks = self.staged_paths.get(path).cloned().unwrap_or_default();
        let mut start = 0;
        for name in path.split(|&byte| byte == b'/') {
            let in_name = self.file_names.get(name).into_iter().flatten();
            marks.extend(in_name.map(|(span, mark)| {
                let span = Span::new(span.start + start, span.end + start);
                (span, mark.clone())
            }));
            start += name.len() + 1;
        }
        self.masked(path, marks, true)
    }

    /// Returns the name of the ref `prefix` + `name`, without the prefix.
    pub fn reference<'t>(&self, prefix: &str, name: &'t [u8]) -> Cow<'t, [u8]> {
        // A ref of another worktree has this name there.
        let inner = match name.strip_prefix(b"worktrees/") {
            Some(_) => memmem::find(name, b"/refs/").map_or(0, |at| at + 1),
            None => 0,
        };
        let full = [prefix.as_bytes(), &name[inner..]].concat();
        let marks = self.refs.get(&full).into_iter().flatten();
        let marks = marks.filter_map(|(span, mark)| {
            let place = |at: usize| at.saturating_sub(prefix.len()) + inner;
            let span = Span::new(place(span.start), place(span.end));
            (!span.is_empty()).then(|| (span, mark.clone()))
        });
        self.masked(name, marks.collect(), true)
    }

    /// Returns name and email address of the author of `commit`.
    pub fn author(&self, commit: Option<ObjectId>, author: &Signature) -> [Vec<u8>; 2] {
        let found = commit.and_then(|commit| self.authors.get(&commit));
        let found = found.map_or(&[][..], Vec::as_slice);
        [&author.name, &author.email].map(|text| {
            let mut marks = Vec::new();
            for secret in found {
                match secret {
                    Some(secret) => add_copies(text, secret.reveal(), secret, &mut marks),
                    // The encoded part is not known here.
                    None => marks.push((Span::new(0, text.len()), UNKNOWN.to_owned())),
                }
            }
            self.masked(text, marks, false).into_owned()
        })
    }

    /// Returns the text on one side of `secret` on its line. Never contains another secret in its
    /// place, even if that one is below the minimum confidence, encoded or truncated; nor another
    /// copy of these secrets, unless they are words or numbers.
    pub fn side(&self, side: &LineSide, secret: &Secret) -> Vec<u8> {
        let mut marks = Vec::new();
        for &hidden in &side.hidden {
            let covered = Secret::new(&side.bytes[hidden.start..hidden.end]);
            let mark = match self.known.contains(&covered) {
                true => covered.redacted(),
                false => UNKNOWN.to_owned(),
            };
            marks.push((hidden, mark));
            add_tokens(&side.bytes, &covered, &mut marks);
        }
        add_tokens(&side.bytes, secret, &mut marks);
        self.masked(&side.bytes, marks, false).into_owned()
    }

    /// Returns a secret in the form of the report.
    pub fn secret(&self, secret: &Secret) -> Vec<u8> {
        match self.reveal {
            Reveal::Redacted => secret.redacted().into_bytes(),
            Reveal::Shown => secret.reveal().to_vec(),
        }
    }

    /// Replaces the parts of `text` in `marks`, and every recognisable value; `is_name` says that the text is
    /// the name of a file or ref.
    fn masked<'t>(&self, text: &'t [u8], mut marks: Redactions, is_name: bool) -> Cow<'t, [u8]> {
        if self.reveal == Reveal::Shown {
            return Cow::Borrowed(text);
        }
        let Some((automaton, of_values)) = &self.values else {
            // There are too many values to search for: hide the whole text.
            return Cow::Owned(UNKNOWN.into());
        };
        let found = automaton.find_overlapping_iter(text).map(|found| {
            let span = Span::new(found.start(), found.end());
            (span, &of_values[found.pattern().as_usize()])
        });
        let found = found.filter(|(_, searched)| searched.is_in_names || !is_name);
        marks.extend(found.map(|(span, searched)| (span, searched.mark.clone())));
        if marks.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(replaced(text, marks))
    }
}

/// Returns the automaton of all recognisable values and their spellings, with their marks.
fn searched(secrets: &HashSet<Arc<Secret>>) -> Option<(AhoCorasick, Vec<Searched>)> {
    let mut forms: Vec<(Vec<u8>, String)> = Vec::new();
    for secret in secrets.iter().filter(|s| is_recognisable(s.reveal())) {
        let (value, mark) = (secret.reveal(), secret.redacted());
        forms.push((value.to_vec(), mark.clone()));
        let spellings = spelling::of(value).into_iter();
        let spellings = spellings.filter(|(_, spelled)| is_recognisable(spelled));
        forms.extend(spellings.map(|(_, spelled)| (spelled, mark.clone())));
    }
    forms.sort_unstable();
    forms.dedup();
    let of_form = |(form, mark): (Vec<u8>, String)| {
        let is_in_names = is_recognisable_in_name(&form);
        (form, Searched { mark, is_in_names })
    };
    let (values, marks): (Vec<_>, Vec<_>) = forms.into_iter().map(of_form).unzip();
    Some((AhoCorasick::new(&values).ok()?, marks))
}

/// Returns the last component of a path.
fn last_name(path: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', path).map_or(path, |at| &path[at + 1..])
}

/// Adds every place of `value` in `text`, with the mark of `secret`.
fn add_copies(text: &[u8], value: &[u8], secret: &Secret, marks: &mut Redactions) {
    let copies = memmem::find_iter(text, value).filter(|_| !value.is_empty());
    marks.extend(copies.map(|at| (Span::new(at, at + value.len()), secret.redacted())));
}

/// Adds every separate occurrence of `secret` in `line`, unless it is a word or number.
fn add_tokens(line: &[u8], secret: &Secret, marks: &mut Redactions) {
    let value = secret.reveal();
    let classes = Classes::of(value);
    let is_specific = classes.lower + classes.upper > 0 && classes.digits + classes.other > 0;
    if value.len() < MIN_LOCAL_LEN || !is_specific {
        return;
    }
    let is_part = |at: Option<usize>| {
        let byte = at.and_then(|at| line.get(at));
        byte.is_some_and(u8::is_ascii_alphanumeric)
    };
    let mut copies = Vec::new();
    add_copies(line, value, secret, &mut copies);
    for (_, spelled) in spelling::of(value) {
        add_copies(line, &spelled, secret, &mut copies);
    }
    copies.retain(|(span, _)| !is_part(span.start.checked_sub(1)) && !is_part(Some(span.end)));
    marks.append(&mut copies);
    for form in known::inner_base64(value) {
        add_copies(line, &form, secret, marks);
    }
}

/// Replaces parts of `text` that may overlap: nothing of any of them is left.
fn replaced(text: &[u8], mut marks: Redactions) -> Vec<u8> {
    marks.sort_by_key(|(span, _)| (span.start, Reverse(span.end)));
    let mut masked = Vec::with_capacity(text.len());
    let mut done = 0;
    for (span, mark) in marks {
        let (start, end) = (span.start.min(text.len()), span.end.min(text.len()));
        if start >= done && end > start {
            masked.extend_from_slice(&text[done..start]);
            masked.extend_from_slice(mark.as_bytes());
        }
        done = done.max(end);
    }
    masked.extend_from_slice(&text[done..]);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_overlap_leave_nothing() {
        let mark = |start, end, mark: &str| (Span::new(start, end), mark.to_owned());
        let marks = vec![
            mark(4, 6, "b"),
            mark(2, 5, "a"),
            mark(2, 3, "c"),
            mark(8, 99, "d"),
        ];
        assert_eq!(replaced(b"0123456789", marks), b"01a67d");
    }

    #[test]
    fn a_word_is_not_searched_for_on_its_line() {
        let on = |line: &str, value: &str| {
            let mut marks = Vec::new();
            add_tokens(line.as_bytes(), &Secret::new(value.as_bytes()), &mut marks);
            marks.len()
        };
        assert_eq!(on("postgres://postgres", "postgres"), 0);
        assert_eq!(on("id 12345678", "12345678"), 0);
        // Put together here, so that this file passes a scan.
        let value = ["hunter", "22"].concat();
        assert_eq!(on(&format!("echo {value} | x{value} {value}"), &value), 2);
    }
}
