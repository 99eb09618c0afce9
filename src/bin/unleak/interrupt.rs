//! Ctrl-C (SIGINT) and SIGTERM: the progress line is erased, a file that is half written is
//! removed, and one line says how things are.
//!
//! Nothing is taken back here: `purge` can be interrupted anywhere, and has its own commands for what
//! follows. Hooks are ended with git and are left to the system's defaults; so is SIGHUP, which `nohup`
//! switches off, but for `triage`, which must give the terminal back.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use unleak::error::{Error, Result};

use crate::exit::Exit;
use crate::{progress, ui};
/// What must be done before a signal ends the process.
static AT_END: Mutex<Option<fn()>> = Mutex::new(None);

/// The file that is being written, if one is.
static HALF_WRITTEN: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Whether the signals of the keyboard are for another program.
static IS_ANOTHERS: AtomicBool = AtomicBool::new(false);

/// Whether issuers are being asked: the first signal then only ends that.
static IS_ASKING: AtomicBool = AtomicBool::new(false);
/// The signal that came meanwhile.
static STOPPED_ASKING: AtomicI32 = AtomicI32::new(0);

/// Runs something that asks issuers. The first signal ends the asking, and what is known is kept: the result
/// comes with how the program then ends.
pub(crate) fn while_asking<T>(ask: impl FnOnce() -> T) -> (T, Option<Exit>) {
    IS_ASKING.store(true, Ordering::SeqCst);
    let done = ask();
    IS_ASKING.store(false, Ordering::SeqCst);
    let stopped = match STOPPED_ASKING.load(Ordering::SeqCst) {
        0 => None,
        signal => Some(exit(signal)),
    };
    (done, stopped)
}

/// Whether nobody shall be asked any more.
#[cfg(feature = "validate")]
pub(crate) fn was_asked_to_stop() -> bool {
    STOPPED_ASKING.load(Ordering::SeqCst) != 0
}

/// Ends the process at one of `signals`, with `said` as its last line.
///
/// # Errors
/// `Internal` if the system refuses.
pub(crate) fn end_at(signals: &[i32], said: &'static str) -> Result<()> {
    listen(signals, move |signal| stop(signal, said))
}

/// Has `give_back` called before a signal ends the process: for a command that takes the terminal.
pub(crate) fn before_end(give_back: fn()) {
    *AT_END.lock().unwrap_or_else(PoisonError::into_inner) = Some(give_back);
}

/// Runs something during which Ctrl-C is for another program, such as an editor.
pub(crate) fn while_another_runs<T>(run: impl FnOnce() -> T) -> T {
    IS_ANOTHERS.store(true, Ordering::SeqCst);
    let done = run();
    IS_ANOTHERS.store(false, Ordering::SeqCst);
    done
}

/// For a command that can stop at a good moment: the first signal is only noted, with `said`; the
/// second ends the process.
///
/// # Errors
/// `Internal` if the system refuses.
pub(crate) fn note(said: &'static str) -> Result<CaughtSignal> {
    let noted = CaughtSignal::default();
    let first = Arc::clone(&noted.signal);
    listen(&[SIGINT, SIGTERM], move |signal| {
        if first.swap(signal, Ordering::Relaxed) == 0 {
            ui::warn(said);
        } else {
            stop(signal, "interrupted: '--resume' takes the run up again");
        }
    })?;
    Ok(noted)
}

/// Whether a signal has come.
#[derive(Clone, Default)]
pub(crate) struct CaughtSignal {
    signal: Arc<AtomicI32>,
}

impl CaughtSignal {
    /// How the run ends because of it, if one has.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(exit(signal)),
        }
    }
}

/// Writes a file that is removed if the process is interrupted meanwhile.
pub(crate) fn while_writing<T>(path: &Path, write: impl FnOnce() -> T) -> T {
    let half = |path: Option<PathBuf>| {
        *HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner) = path;
    };
    half(Some(path.to_owned()));
    let result = write();
    half(None);
    result
}

fn listen(signals: &[i32], hear: impl FnMut(i32) + Send + 'static) -> Result<()> {
    let signals = Signals::new(signals);
    let mut signals =
        signals.map_err(|e| Error::internal("cannot listen for signals").because(e))?;
    std::thread::spawn(move || signals.forever().for_each(hear));
    Ok(())
}

fn stop(signal: i32, said: &str) {
    if matches!(signal, SIGINT | SIGQUIT) && IS_ANOTHERS.load(Ordering::SeqCst) {
        return;
    }
    if IS_ASKING.load(Ordering::SeqCst) && STOPPED_ASKING.swap(signal, Ordering::SeqCst) == 0 {
        ui::warn("interrupted: nobody else is asked; once more ends at once");
        return;
    }
    if let Some(give_back) = *AT_END.lock().unwrap_or_else(PoisonError::into_inner) {
        give_back();
    }
    // Held to the end: no other thread draws over the last line, or starts another file.
    let _drawing = progress::hold();
    let half = HALF_WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = &*half {
        // Whatever hinders that is no news now.
        let _ = std::fs::remove_file(path);
    }
    ui::last_line(said);
    std::process::exit(i32::from(exit(signal) as u8));
}

fn exit(signal: i32) -> Exit {
    match signal {
        SIGTERM => Exit::Terminated,
        _ => Exit::Interrupted,
    }
}
