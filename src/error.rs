//! The one error type: what went wrong, whose problem it is, and the way out.
//!
//! Messages follow git: lower case, no full stop, subjects in single quotes. They never hold a
//! secret, nor a part of one.

use std::path::Path;

/// Names that are less alike than this are not suggested.
const LEAST_LIKENESS: f64 = 0.75;
/// Parts of names that are shorter than this are not suggested for.
const LEAST_PART: usize = 3;

/// Returns the one of `names` that `name` was most likely meant to be, in any case: the one most alike,
/// or else the shortest that holds it or whose words begin with its letters.
pub fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let mut best: Option<(f64, &str)> = None;
    let mut longer: Option<&str> = None;
    for other in names {
        let lower = other.to_lowercase();
        let likeness = strsim::jaro_winkler(&name, &lower);
        if best.is_none_or(|(most, _)| likeness >= most) {
            best = Some((likeness, other));
        }
        let is_longer =
            name.len() >= LEAST_PART && (lower.contains(&name) || initials(&lower) == name);
        if is_longer && longer.is_none_or(|known| other.len() < known.len()) {
            longer = Some(other);
        }
    }
    let best = best.filter(|(likeness, _)| *likeness >= LEAST_LIKENESS);
    best.map(|(_, other)| other).or(longer)
}

/// The first letter of each word.
fn initials(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric());
    words.filter_map(|word| word.chars().next()).collect()
}

/// Longest part of a name between dots, dashes and underscores.
const MAX_WORD: usize = 16;
/// Most digits in such a part.
const MAX_DIGITS: usize = 4;

/// Returns `name` in quotes if it looks like one that people give to settings and rules. In a damaged
/// file a value can stand where a name should, and values are not repeated.
pub fn quoted(name: &str) -> String {
    let is_word = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let has = |is: fn(&u8) -> bool| word.bytes().any(|byte| is(&byte));
        let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && digits > 0;
        let most = if digits == 0 { 2 * MAX_WORD } else { MAX_WORD };
        word.len() <= most && digits <= MAX_DIGITS && !is_mixed
    };
    let is_known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    let mut words = name.split(['-', '_', '.', ' ']);
    match name.chars().all(is_known) && name.len() <= 4 * MAX_WORD && words.all(is_word) {
        true => format!("'{name}'"),
        false => "(not shown: it does not look like a name)".to_owned(),
    }
}

/// A result whose error is [`struct@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whose problem an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line asks for something that cannot be done.
    Usage,
    /// A configuration or rule file is wrong.
    Config,
    /// There is no repository where one was named, or it cannot be opened.
    Repository,
    /// The repository breaks its own format.
    Corrupt,
    /// Something is larger than a limit.
    TooLarge,
    /// The operating system refused a read or a write.
    Io,
    /// A bug in unleak.
    Internal,
}

/// What went wrong, with the cause and a hint about what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Returns an error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// Returns an [`ErrorKind::Usage`] error.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Returns an [`ErrorKind::Config`] error.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// Returns an [`ErrorKind::Repository`] error.
    pub fn repository(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Repository, message)
    }

    /// Returns an [`ErrorKind::Corrupt`] error.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Returns an [`ErrorKind::TooLarge`] error.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::TooLarge, message)
    }

    /// Returns an [`ErrorKind::Internal`] error: a bug in unleak.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Returns an [`ErrorKind::Io`] error about `path`.
    pub fn io(action: &str, path: &Path, source: std::io::Error) -> Self {
        Self::new(
            ErrorKind::Io,
            format!("cannot {action} '{}'", path.display()),
        )
        .because(source)
    }

    /// Adds the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the underlying cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns whose problem this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns what to do next, if something can be said.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the message followed by those of all causes, joined by colons, on one line.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let part = error.to_string();
            if !text.contains(&part) {
                text.push_str(": ");
                text.push_str(&part);
            }
            cause = error.source();
        }
        text
    }
}
