//! Patterns for paths, with which filters and exclusions select files.
//!
//! A pattern is a glob in which `*` stays within one directory and `**` spans any number of them. It
//! selects the paths that it matches and, as in `.gitignore`, everything below a directory that it
//! matches: `src` and `src/**` select the same files.

use std::borrow::Cow;

use globset::{Candidate, Glob, GlobBuilder, GlobMatcher};

use crate::error::{Error, Result};

/// A pattern that a user typed.
#[derive(Clone, Debug)]
pub struct PathPattern {
    text: String,
    /// The path that has the pattern for its name, whatever signs of a glob are in it.
    literal: Vec<u8>,
    /// None if only that path is meant.
    glob: Option<GlobMatcher>,
    parts: Option<Vec<PathComponent>>,
}

/// What a pattern asks of one component of a path.
#[derive(Clone, Debug)]
pub enum PathComponent {
    /// `**`: any number of components.
    AnyDepth,
    /// One component that has this name, or that the glob matches.
    Name(String, Option<GlobMatcher>),
}

impl PathPattern {
    /// Reads a pattern. A leading `./` and a trailing `/` have no meaning; `.` selects all paths.
    ///
    /// # Errors
    /// `Config` if it is empty or is not a glob.
    pub fn parse(text: &str) -> Result<Self> {
        let plain = Self::plain(text)?;
        Ok(Self {
            text: text.to_owned(),
            literal: plain.as_bytes().to_vec(),
            glob: Some(glob(plain)?),
            parts: parts(plain),
        })
    }

    /// Makes a pattern of a path: `app/[id]` is that directory, not `app/i` and `app/d`.
    ///
    /// # Errors
    /// `Config` if it is empty.
    pub fn exact(text: &str) -> Result<Self> {
        let plain = Self::plain(text)?;
        let name = |part: &str| PathComponent::Name(part.to_owned(), None);
        Ok(Self {
            text: text.to_owned(),
            literal: plain.as_bytes().to_vec(),
            glob: None,
            parts: Some(plain.split('/').map(name).collect()),
        })
    }

    /// Whether a text has signs of a glob.
    pub fn has_signs(text: &str) -> bool {
        text.contains(['*', '?', '[', '{', '\\'])
    }

    /// The same pattern, which the user typed as `text`.
    #[must_use]
    pub fn typed(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    /// The pattern without what has no meaning.
    fn plain(text: &str) -> Result<&str> {
        let mut plain = text;
        while let Some(rest) = plain.strip_prefix("./") {
            plain = rest.trim_start_matches('/');
        }
        match plain.trim_end_matches('/') {
            "." => Ok("**"),
            "" if text.starts_with("./") => Ok("**"),
            "" => Err(Error::config("the pattern for paths is empty")
                .hint("name a file or directory, or a pattern as in 'docs/**'")),
            plain => Ok(plain),
        }
    }

    /// Returns the pattern as the user typed it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the pattern without what has no meaning, for files that keep it.
    pub fn plain_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.literal)
    }

    /// Returns a glob that selects the same files; signs of a path that is meant exactly are escaped.
    pub fn to_glob(&self) -> String {
        match &self.glob {
            Some(_) => self.plain_text().into_owned(),
            None => globset::escape(&self.plain_text()),
        }
    }

    /// Returns what the pattern asks of each component of a path; `None` if it cannot be split, as
    /// in `{a,b/c}`.
    pub fn parts(&self) -> Option<&[PathComponent]> {
        self.parts.as_deref()
    }

    /// Returns whether the pattern matches `path` or a directory above it.
    pub fn matches(&self, path: &[u8]) -> bool {
        let mut ends = memchr::memchr_iter(b'/', path)
            .chain([path.len()])
            .filter(|&end| end > 0);
        let Some(glob) = &self.glob else {
            return ends.any(|end| path[..end] == self.literal);
        };
        ends.any(|end| {
            let above = &path[..end];
            above == self.literal || glob.is_match_candidate(&Candidate::from_bytes(above))
        })
    }
}

impl PathComponent {
    /// Returns whether the component may be called `name`.
    pub fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::AnyDepth => true,
            Self::Name(text, glob) => {
                let is_match =
                    |glob: &GlobMatcher| glob.is_match_candidate(&Candidate::from_bytes(name));
                name == text.as_bytes() || glob.as_ref().is_some_and(is_match)
            }
        }
    }

    /// Returns the glob as it was typed.
    pub fn text(&self) -> &str {
        match self {
            Self::AnyDepth => "**",
            Self::Name(text, _) => text,
        }
    }
}

/// Compiles a pattern in which `*` stays within one directory.
///
/// # Errors
/// `Config` if it is not a glob.
pub fn glob(pattern: &str) -> Result<GlobMatcher> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob: Glob = glob.map_err(|e| {
        Error::config(format!("'{pattern}' is not a pattern for paths"))
            .because(e.kind().to_string())
            .hint("write it as in 'docs/**'; a backslash makes '[', '{', '*' and '?' literal")
    })?;
    Ok(glob.compile_matcher())
}

/// Splits a pattern at its slashes. A slash inside of brackets leaves an unclosed one on either side,
/// which is not a glob.
fn parts(pattern: &str) -> Option<Vec<PathComponent>> {
    let part = |text| match text {
        "**" => Some(PathComponent::AnyDepth),
        text => {
            let glob = glob(text).ok()?;
            Some(PathComponent::Name(text.to_owned(), Some(glob)))
        }
    };
    pattern.split('/').map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::parse(pattern)
            .unwrap()
            .matches(path.as_bytes())
    }

    #[test]
    fn a_directory_selects_what_is_below_it() {
        for pattern in ["src", "src/", "./src", "src/**", "**/src", "s*"] {
            assert!(matches(pattern, "src/bin/a.rs"), "{pattern}");
            assert!(!matches(pattern, "lib/sra.rs"), "{pattern}");
        }
        assert!(matches("src/*.rs", "src/a.rs"));
        assert!(!matches("src/*.rs", "src/bin/a.rs"));
        assert!(!matches("src", "source/a"));
        assert!(matches(".", "a/b"));
    }

    #[test]
    fn a_path_with_signs_of_a_glob_is_matched_by_its_own_name() {
        for pattern in ["app/[id]", "app/[...slug]", "a/{x}"] {
            let inside = format!("{pattern}/page.tsx");
            assert!(matches(pattern, &inside), "{pattern}");
            let exact = PathPattern::exact(pattern).unwrap();
            assert!(exact.matches(inside.as_bytes()), "{pattern}");
            assert!(!exact.matches(b"app/i/page.tsx"));
        }
        assert!(matches("app/[id]", "app/i/page.tsx"));
    }

    #[test]
    fn patterns_split_into_components_unless_a_group_spans_them() {
        let parts = |pattern: &str| {
            let pattern = PathPattern::parse(pattern).unwrap();
            let texts =
                |parts: &[PathComponent]| parts.iter().map(|part| part.text().to_owned()).collect();
            pattern.parts().map(texts)
        };
        let expected: Vec<String> = ["a", "**", "*.rs"].map(str::to_owned).to_vec();
        assert_eq!(parts("a/**/*.rs"), Some(expected));
        assert_eq!(parts("{a,b/c}/d"), None::<Vec<String>>);
        assert!(PathPattern::parse("").is_err());
        assert!(PathPattern::parse("a[").is_err());
    }
}
