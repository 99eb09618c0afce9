//! The progress line: on standard error, only on a terminal, erased at the end.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unleak::progress::Progress;

/// Shorter runs show nothing.
const DELAY: Duration = Duration::from_millis(250);
/// Redraws a second, at most.
const DRAWS_PER_SECOND: u8 = 10;

/// Held by who writes to the terminal: see [`hold`].
static TERMINAL: Mutex<()> = Mutex::new(());

/// Keeps progress lines from being drawn as long as the result lives.
pub(crate) fn hold() -> MutexGuard<'static, ()> {
    TERMINAL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws until it is dropped.
pub(crate) struct ProgressLine {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ProgressLine {
    /// Starts to draw `progress`, if `wanted` and standard error is a terminal.
    pub(crate) fn start(progress: &Arc<Progress>, wanted: bool) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let draws = wanted && std::io::stderr().is_terminal();
        let thread = draws.then(|| {
            let (progress, done) = (Arc::clone(progress), Arc::clone(&done));
            std::thread::spawn(move || draw(&progress, &done))
        });
        Self { done, thread }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A progress line that failed is no reason to fail.
            let _ = thread.join();
        }
    }
}

fn draw(progress: &Progress, done: &AtomicBool) {
    std::thread::park_timeout(DELAY);
    let bar = ProgressBar::with_draw_target(
        Some(0),
        ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND),
    );
    let style = ProgressStyle::with_template(
        "{msg} objects  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
    );
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    while !done.load(Ordering::Relaxed) {
        let held = hold();
        let now = progress.snapshot();
        bar.set_length(now.total_bytes);
        bar.set_position(now.bytes);
        bar.set_message(format!("{}/{}", now.objects, now.total_objects));
        drop(held);
        std::thread::park_timeout(Duration::from_millis(1000 / u64::from(DRAWS_PER_SECOND)));
    }
    let _held = hold();
    bar.finish_and_clear();
}
