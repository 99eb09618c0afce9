//! What is asked before findings are ignored: reason, owner, last day.

use jiff::civil::Date;
use unleak::error::Result;
use unleak::suppress::Details;

use super::keys::KeyPress;
use crate::ignore;

/// Most characters of a field.
const MAX_CHARS: usize = 400;

/// The fields, in order.
pub(super) const FIELDS: [&str; 3] = ["Reason", "Owner", "Expires"];

/// The last field.
const LAST: usize = FIELDS.len() - 1;

/// What was typed so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IgnoreForm {
    pub(super) values: [String; 3],
    /// Whether a value is that of the last form: a character replaces it, any other change edits it.
    pub(super) offered: [bool; 3],
    /// The field that is typed into.
    pub(super) at: usize,
    /// Why it cannot be saved.
    pub(super) fault: Option<String>,
}

/// What comes of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FormStep {
    /// More is typed.
    More,
    /// It was given up.
    Cancel,
    /// It is complete.
    Done(Details),
}

impl IgnoreForm {
    /// Begins with the values of the last form.
    pub(super) fn offering(values: [String; 3]) -> Self {
        Self {
            offered: std::array::from_fn(|at| !values[at].is_empty()),
            values,
            ..Self::default()
        }
    }

    /// Takes a key.
    pub(super) fn press(&mut self, key: KeyPress, today: Date) -> FormStep {
        self.fault = None;
        match key {
            KeyPress::Esc => return FormStep::Cancel,
            KeyPress::Enter => match self.details(today) {
                Ok(details) => return FormStep::Done(details),
                Err(error) => self.fault = Some(error.to_string()),
            },
            KeyPress::Tab | KeyPress::Down => self.at = (self.at + 1).min(LAST),
            KeyPress::BackTab | KeyPress::Up => self.at = self.at.saturating_sub(1),
            key => {
                let is_offered = std::mem::take(&mut self.offered[self.at]);
                if is_offered && matches!(key, KeyPress::Char(_) | KeyPress::Pasted(_)) {
                    self.values[self.at].clear();
                }
                edit(&mut self.values[self.at], key);
            }
        }
        FormStep::More
    }

    fn details(&self, today: Date) -> Result<Details> {
        let [reason, owner, expires] = &self.values;
        let some = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Details {
            reason: Some(ignore::reasoned(reason)?),
            owner: some(owner),
            expires: some(expires)
                .map(|text| ignore::future(&text, today))
                .transpose()?,
            ..Details::default()
        })
    }
}

/// Changes a line of text as a key says.
pub(super) fn edit(text: &mut String, key: KeyPress) {
    match key {
        KeyPress::Char(character) if text.chars().count() < MAX_CHARS => text.push(character),
        KeyPress::Pasted(character) if text.chars().count() < MAX_CHARS => {
            // A line of text has no others.
            text.push(if character.is_control() {
                ' '
            } else {
                character
            });
        }
        KeyPress::Backspace => {
            text.pop();
        }
        KeyPress::Ctrl('u') => text.clear(),
        KeyPress::Ctrl('w') => {
            let kept = text.trim_end().rfind(' ').map_or(0, |at| at + 1);
            text.truncate(kept);
        }
        _ => {}
    }
}
