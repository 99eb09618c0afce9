//! What is asked before findings are ignored: reason, owner, last day.

use jiff::civil::Date;
use unleak::error::Result;
use unleak::suppress::Details;

use super::keys::Key;
use crate::ignore;

/// Most characters of a field.
const MAX_CHARS: usize = 400;

/// The fields, in order.
pub(super) const FIELDS: [&str; 3] = ["Reason", "Owner", "Expires"];

/// The last field.
const LAST: usize = FIELDS.len() - 1;

/// What was typed so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) values: [String; 3],
    /// The field that is typed into.
    pub(super) at: usize,
    /// Why it cannot be saved.
    pub(super) fault: Option<String>,
}

/// What comes of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More is typed.
    More,
    /// It was given up.
    Cancel,
    /// It is complete.
    Done(Details),
}

impl Form {
    /// Takes a key.
    pub(super) fn press(&mut self, key: Key, today: Date) -> Step {
        self.fault = None;
        match key {
            Key::Esc => return Step::Cancel,
            Key::Enter => match self.details(today) {
                Ok(details) => return Step::Done(details),
                Err(error) => self.fault = Some(error.to_string()),
            },
            Key::Tab | Key::Down => self.at = (self.at + 1).min(LAST),
            Key::BackTab | Key::Up => self.at = self.at.saturating_sub(1),
            key => edit(&mut self.values[self.at], key),
        }
        Step::More
    }

    fn details(&self, today: Date) -> Result<Details> {
        let [reason, owner, expires] = &self.values;
        let some = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Details {
            reason: Some(ignore::reasoned(reason)?),
            owner: some(owner),
            path: None,
            expires: some(expires)
                .map(|text| ignore::future(&text, today))
                .transpose()?,
        })
    }
}

/// Changes a line of text as a key says.
pub(super) fn edit(text: &mut String, key: Key) {
    match key {
        Key::Char(character) if text.chars().count() < MAX_CHARS => text.push(character),
        Key::Backspace => {
            text.pop();
        }
        Key::Ctrl('u') => text.clear(),
        Key::Ctrl('w') => {
            let kept = text.trim_end().rfind(' ').map_or(0, |at| at + 1);
            text.truncate(kept);
        }
        _ => {}
    }
}
