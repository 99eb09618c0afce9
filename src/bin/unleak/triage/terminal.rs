//! The terminal: taken over, drawn on, read from, and given back whatever happens.

use std::io::{IsTerminal, Stdout, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::Terminal as Screen;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyCode, KeyEvent, KeyEventKind,
    KeyModifiers,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use signal_hook::consts::SIGTSTP;
use unleak::error::{Error, Result};

use super::keys::KeyPress;
use super::model::Model;
use super::view;
use crate::interrupt;

/// Whether the terminal is ours, and must be given back.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// Held while something is drawn: a signal waits for it, so that nothing is drawn afterwards.
static DRAWING: Mutex<()> = Mutex::new(());

/// How long a signal waits for the end of a drawing.
const PATIENCE: Duration = Duration::from_millis(200);

/// Gives the terminal back. Does nothing if it is not ours.
pub(crate) fn leave() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        let mut stdout = std::io::stdout();
        // There is no other way to say so.
        let _ = execute!(stdout, DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Gives the terminal back before a signal ends the process: nothing is drawn afterwards.
fn leave_for_good() {
    if !IS_TAKEN.load(Ordering::SeqCst) {
        return;
    }
    let until = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < until {
        if let Ok(drawing) = DRAWING.try_lock() {
            std::mem::forget(drawing);
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    leave();
}

/// The terminal while it is ours.
pub(super) struct Terminal {
    screen: Screen<CrosstermBackend<Stdout>>,
}

impl Terminal {
    /// Takes the terminal. Discards keys typed before: the findings were not on the screen yet.
    ///
    /// # Errors
    /// `Io` if it refuses.
    pub(super) fn take() -> Result<Self> {
        enter()?;
        let screen = drop_keys().and_then(|()| blank());
        let screen = screen.inspect_err(|_| leave())?;
        Ok(Self { screen })
    }

    /// Draws the state.
    ///
    /// # Errors
    /// `Io` if the terminal is gone.
    pub(super) fn draw(&mut self, model: &mut Model, scene: &view::Scene<'_>) -> Result<()> {
        let Ok(_drawing) = DRAWING.lock() else {
            return Ok(());
        };
        let drawn = self.screen.draw(|frame| view::draw(frame, model, scene));
        drawn.map(|_| ()).map_err(broken)
    }

    /// Waits for a key or a new size, and takes all that came meanwhile.
    ///
    /// # Errors
    /// `Io` if the terminal is gone.
    pub(super) fn read(&mut self) -> Result<Vec<KeyPress>> {
        let mut read = Vec::new();
        loop {
            match event::read().map_err(broken)? {
                Event::Key(event) => read.extend(keys(event)),
                Event::Paste(text) => read.extend(text.chars().map(KeyPress::Pasted)),
                _ => {}
            }
            if !event::poll(Duration::ZERO).map_err(broken)? {
                return Ok(read);
            }
        }
    }

    /// Runs something that uses the terminal as it was before.
    ///
    /// # Errors
    /// `Io` if the terminal cannot be taken again; as `run`.
    pub(super) fn lend<T>(&mut self, run: impl FnOnce() -> Result<T>) -> Result<T> {
        leave();
        let done = interrupt::while_another_runs(run);
        enter()?;
        // What is on the screen is drawn anew. To clear it, ratatui would ask the terminal for its cursor,
        // and some do not answer.
        self.screen = blank()?;
        done
    }

    /// Stops the process, as Ctrl-Z does elsewhere, until it is continued.
    ///
    /// # Errors
    /// `Io` if the terminal cannot be taken again.
    pub(super) fn suspend(&mut self) -> Result<()> {
        self.lend(|| {
            signal_hook::low_level::emulate_default_handler(SIGTSTP)
                .map_err(|e| Error::internal("the process cannot be stopped").because(e))
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        leave();
    }
}

/// Writes to the clipboard of the terminal, wherever that is (OSC 52).
///
/// # Errors
/// `Io` if the terminal is gone.
pub(super) fn copy(text: &str) -> Result<()> {
    let text = data_encoding::BASE64.encode(text.as_bytes());
    let mut stdout = std::io::stdout().lock();
    let written = write!(stdout, "\x1b]52;c;{text}\x07").and_then(|()| stdout.flush());
    written.map_err(broken)
}

/// Checks that there is a terminal that can show a screen.
pub(super) fn check() -> Result<()> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    let what = match (is_terminal, is_dumb) {
        (true, false) => return Ok(()),
        (false, _) => "standard input and output are not a terminal",
        (true, true) => "the terminal cannot show a screen: TERM is 'dumb' or not set",
    };
    Err(Error::usage(format!("cannot triage: {what}")).hint(
        "'unleak scan' lists findings, and 'unleak ignore' suppresses those that filters select",
    ))
}

fn enter() -> Result<()> {
    interrupt::before_end(leave_for_good);
    enable_raw_mode().map_err(broken)?;
    IS_TAKEN.store(true, Ordering::SeqCst);
    let all = Clear(ClearType::All);
    let mut stdout = std::io::stdout();
    // A newline in what is pasted must not save a form.
    execute!(stdout, EnterAlternateScreen, EnableBracketedPaste, all).map_err(broken)
}

/// Reads the keys that were typed so far, and forgets them.
fn drop_keys() -> Result<()> {
    while event::poll(Duration::ZERO).map_err(broken)? {
        event::read().map_err(broken)?;
    }
    Ok(())
}

/// A screen that has nothing on it yet.
fn blank() -> Result<Screen<CrosstermBackend<Stdout>>> {
    Screen::new(CrosstermBackend::new(std::io::stdout())).map_err(broken)
}

fn broken(error: std::io::Error) -> Error {
    Error::io("use", "the terminal".as_ref(), error)
}

/// The keys that an event is about, as far as the model knows them.
fn keys(event: KeyEvent) -> Vec<KeyPress> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let has = |modifier| event.modifiers.contains(modifier);
    let key = match event.code {
        KeyCode::Char(letter) if has(KeyModifiers::CONTROL) => KeyPress::Ctrl(letter),
        // A terminal sends the same bytes for Esc and then the key.
        KeyCode::Char(character) if has(KeyModifiers::ALT) => {
            return vec![KeyPress::Esc, KeyPress::Char(character)];
        }
        KeyCode::Char(character) => KeyPress::Char(character),
        KeyCode::Up => KeyPress::Up,
        KeyCode::Down => KeyPress::Down,
        KeyCode::Left => KeyPress::Left,
        KeyCode::Right => KeyPress::Right,
        KeyCode::PageUp => KeyPress::PageUp,
        KeyCode::PageDown => KeyPress::PageDown,
        KeyCode::Home => KeyPress::Home,
        KeyCode::End => KeyPress::End,
        KeyCode::Enter => KeyPress::Enter,
        KeyCode::Esc => KeyPress::Esc,
        KeyCode::Tab => KeyPress::Tab,
        KeyCode::BackTab => KeyPress::BackTab,
        KeyCode::Backspace => KeyPress::Backspace,
        _ => return Vec::new(),
    };
    vec![key]
}
