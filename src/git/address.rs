//! Addresses of remote repositories, given where a path is wanted.

use std::path::Path;

use crate::error::Error;

/// Schemes that git can clone from.
const SCHEMES: [&str; 9] = [
    "http", "https", "ssh", "git", "git+ssh", "ssh+git", "ftp", "ftps", "rsync",
];

/// The error for an address; `None` if `path` does not look like one. Nothing is fetched here.
pub(super) fn refused(path: &Path) -> Option<Error> {
    let text = path.to_str()?;
    if let Some(path) = text.strip_prefix("file://") {
        let error = Error::usage("an address that begins with 'file://' is not a path");
        return Some(error.hint(format!("name the directory itself: '{path}'")));
    }
    let (shown, is_whole) = match text.split_once("://") {
        Some((scheme, rest)) if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => {
            // A user's part can hold a password.
            let host = rest.split('/').next().unwrap_or_default().len();
            let start = rest[..host].rfind('@').map_or(0, |at| at + 1);
            (format!("{scheme}://{}", &rest[start..]), start == 0)
        }
        Some(_) => return None,
        // As git reads it: a colon before the first slash.
        None => {
            let (host, path) = text.split_once(':')?;
            let is_host = !host.contains('/') && host.contains(['@', '.']) && !path.is_empty();
            (is_host.then(|| text.to_owned())?, true)
        }
    };
    let url = if is_whole { shown.as_str() } else { "URL" };
    let error = Error::usage(format!(
        "'{shown}' is the address of a repository: only repositories on this machine are scanned"
    ));
    Some(error.hint(format!(
        "run 'git clone --mirror {url} DIR', then 'unleak scan DIR'"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        refused(Path::new(text)).map(|error| error.to_string())
    }

    #[test]
    fn addresses_are_told_from_paths_and_their_passwords_are_not_shown() {
        for text in [
            "https://example.org/x/y",
            "git@example.org:x/y.git",
            "ssh://git@example.org:22/x",
            "example.org:x",
        ] {
            assert!(shown(text).is_some(), "{text}");
        }
        for text in ["dir", "dir/a:b", "C:x", "name:x", "odd://x"] {
            assert_eq!(shown(text), None, "{text}");
        }
        let said = shown("https://ada:pass@word@example.org/x").unwrap();
        assert!(said.contains("'https://example.org/x'"), "{said}");
    }
}
