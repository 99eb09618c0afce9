//! Links to the web pages of commits at common forges.

use gix::ObjectId;

/// The web pages of the commits of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebLinks {
    /// The URL up to the id of a commit.
    base: String,
}

impl WebLinks {
    /// Derives the web page from the URL of a remote; `None` if the forge is unknown. Omits user
    /// names and passwords in the URL.
    pub fn of(remote: &[u8]) -> Option<Self> {
        let url = gix::url::parse(gix::bstr::BStr::new(remote)).ok()?;
        let host = url.host()?.to_ascii_lowercase();
        let path = std::str::from_utf8(&url.path).ok()?;
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        // Names at these forges contain no characters that need escaping.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~/".contains(c);
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        if path.is_empty() || !path.chars().all(is_plain) || !host.chars().all(is_host) {
            return None;
        }
        if host == "ssh.dev.azure.com" {
            let mut parts = path.strip_prefix("v3/")?.split('/');
            let (organisation, project, name) = (parts.next()?, parts.next()?, parts.next()?);
            let base =
                format!("https://dev.azure.com/{organisation}/{project}/_git/{name}/commit/");
            return Some(Self { base });
        }
        let is_at = |forge: &str| host.split('.').any(|part| part == forge);
        let between = if is_at("gitlab") {
            "/-/commit/"
        } else if host == "bitbucket.org" {
            "/commits/"
        } else if ["github", "gitea", "forgejo", "codeberg"]
            .iter()
            .any(|forge| is_at(forge))
            || host == "dev.azure.com"
        {
            "/commit/"
        } else {
            return None;
        };
        Some(Self {
            base: format!("https://{host}/{path}{between}"),
        })
    }

    /// Returns the page of a commit.
    pub fn commit(&self, id: ObjectId) -> String {
        format!("{}{id}", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forges_are_known_by_their_host() {
        for (remote, base) in [
            (
                "https://github.com/o/r.git",
                Some("https://github.com/o/r/commit/"),
            ),
            (
                "git@github.com:o/r.git",
                Some("https://github.com/o/r/commit/"),
            ),
            (
                "ssh://git@github.example.com:2222/o/r",
                Some("https://github.example.com/o/r/commit/"),
            ),
            (
                "https://u:p@gitlab.com/g/s/r.git",
                Some("https://gitlab.com/g/s/r/-/commit/"),
            ),
            (
                "git@bitbucket.org:o/r.git",
                Some("https://bitbucket.org/o/r/commits/"),
            ),
            (
                "https://codeberg.org/o/r",
                Some("https://codeberg.org/o/r/commit/"),
            ),
            (
                "https://dev.azure.com/o/p/_git/r",
                Some("https://dev.azure.com/o/p/_git/r/commit/"),
            ),
            (
                "git@ssh.dev.azure.com:v3/o/p/r",
                Some("https://dev.azure.com/o/p/_git/r/commit/"),
            ),
            ("https://example.com/o/r", None),
            ("https://github.com/o/r\"onload=x", None),
            ("/srv/git/r.git", None),
            ("", None),
        ] {
            let links = WebLinks::of(remote.as_bytes());
            assert_eq!(
                links.as_ref().map(|links| links.base.as_str()),
                base,
                "{remote}"
            );
        }
    }
}
