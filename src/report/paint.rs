//! Maps roles to colours. The caller decides whether colours are used. Colour alone never carries
//! meaning.

use colored::Colorize;

/// Whether colours are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// With escape sequences.
    On,
    /// Plain text.
    Off,
}

/// The role of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A rule id.
    Rule,
    /// A path and line.
    Path,
    /// A redacted secret, and the carets below it.
    Secret,
    /// Something bad: high confidence, incomplete coverage.
    Alarm,
    /// A warning.
    Warning,
    /// A good result.
    Good,
    /// Frames and remarks.
    Dim,
}

impl Paint {
    /// Returns `text` in the colour of its role.
    pub fn role(self, role: Role, text: &str) -> String {
        if self == Self::Off {
            return text.to_owned();
        }
        let painted = match role {
            Role::Rule => text.bold(),
            Role::Path => text.cyan(),
            Role::Secret => text.red(),
            Role::Alarm => text.red().bold(),
            Role::Warning => text.yellow().bold(),
            Role::Good => text.green().bold(),
            Role::Dim => text.dimmed(),
        };
        painted.to_string()
    }
}
