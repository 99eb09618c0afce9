//! The keys that the model knows.

/// A key, whatever the terminal sends for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyPress {
    /// A character as it was typed.
    Char(char),
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
pub(super) const HELP: [(&str, &str); 22] = [
    ("j k  arrows", "move; PgUp PgDn Home End as usual"),
    ("n N", "next, previous open finding"),
    ("Enter", "details of a finding; fold a group"),
    ("Left Right", "fold, unfold a group"),
    ("z", "fold or unfold all groups"),
    ("g", "group by rule, directory, secret"),
    ("/", "search; an empty search shows all"),
    ("h", "hide or show what is decided"),
    ("Space", "mark a finding or a group"),
    ("a", "mark all that is listed"),
    ("Esc", "clear marks and search"),
    ("", ""),
    ("i", "ignore: asks for reason, owner, expiry"),
    ("t", "ignore as a test value"),
    ("p", "add to the purge plan, or take out"),
    ("u", "undo the last decision"),
    ("", "i t p act on marks, a group or a finding"),
    ("e", "explain the confidence"),
    ("v", "show the secret of this finding"),
    ("o", "open the file in $VISUAL or $EDITOR"),
    ("c", "copy the id to the clipboard (OSC 52)"),
    ("q", "quit; decisions are saved already"),
];
