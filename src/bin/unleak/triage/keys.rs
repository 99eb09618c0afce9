//! The keys that the model knows.

/// A key, whatever the terminal sends for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyPress {
    /// A character as it was typed.
    Char(char),
    /// A character that was pasted: text, never a command.
    Pasted(char),
    /// A letter with Ctrl.
    Ctrl(char),
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
}

/// What the help screen lists: keys, and what they do.
/// All fit on 24 rows, below the two lines above them and above the last one.
pub(super) const HELP: [(&str, &str); 21] = [
    ("j k  arrows", "move; PgUp PgDn Home End as usual"),
    ("n N", "next, previous open finding"),
    ("Enter", "details of a finding; fold a group"),
    ("Left Right", "fold, unfold a group; z: all groups"),
    (
        "g",
        "group by rule, directory, secret, severity, class of files",
    ),
    (
        "/",
        "search path, rule, author, id, severity, class of files",
    ),
    ("h", "hide or show what is decided"),
    (
        "Space  a",
        "mark a finding or a group; mark all that is listed",
    ),
    ("Esc", "clear marks and search"),
    ("C H M L I", "severity: critical, high, medium, low, info"),
    ("", "i t p r act on marks, a group or a finding:"),
    ("i", "ignore: asks for reason, owner and expiry date"),
    ("t", "ignore as a test value"),
    ("p", "add to the purge plan, or take out"),
    ("r", "reopen: take decisions back"),
    ("u", "undo the last decision, whatever it was about"),
    ("e", "explain the confidence"),
    ("v", "show the secret of this finding, or hide it"),
    ("o", "open the file in $VISUAL or $EDITOR"),
    ("c", "copy the id to the clipboard (OSC 52)"),
    ("q", "quit; decisions are saved already"),
];
