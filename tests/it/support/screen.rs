//! The binary on a pseudo-terminal that shows whole screens.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// How long something may take to appear, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was drawn so far.
struct Drawn {
    screen: vt100::Parser,
    /// Every byte of it.
    bytes: Vec<u8>,
    is_over: bool,
}

/// A program on a terminal.
pub(crate) struct Screen {
    child: Child,
    keyboard: File,
    drawn: Arc<Mutex<Drawn>>,
    reader: Option<JoinHandle<()>>,
}

fn size(rows: u16, columns: u16) -> (NonZeroU16, NonZeroU16) {
    let some = |size| NonZeroU16::new(size).expect("a terminal has a size");
    (some(rows), some(columns))
}

fn resize(terminal: &File, rows: u16, columns: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).expect("a terminal has a size");
}

impl Screen {
    /// Starts the binary in `dir`, with more environment, on a terminal of that size.
    pub(crate) fn start(
        dir: &Path,
        args: &[&str],
        env: &[(&str, &str)],
        (rows, columns): (u16, u16),
    ) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&terminal).expect("it is ours");
        unlockpt(&terminal).expect("it can be opened");
        let name = ptsname(&terminal, Vec::new()).expect("it has a name");
        let terminal = File::from(terminal);
        resize(&terminal, rows, columns);
        let open = || {
            let flags = OFlags::RDWR | OFlags::NOCTTY;
            let mode = rustix::fs::Mode::empty();
            Stdio::from(rustix::fs::open(&name, flags, mode).expect("it can be opened"))
        };
        // In a session of its own, with this terminal and not that of whoever runs the tests.
        let child = Command::new("setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_unleak")])
            .args(args)
            .current_dir(dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", dir)
            .env("TERM", "xterm-256color")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs(env.iter().copied())
            .stdin(open())
            .stdout(open())
            .stderr(open())
            .spawn()
            .expect("setsid is installed");
        let (rows, columns) = size(rows, columns);
        let drawn = Arc::new(Mutex::new(Drawn {
            screen: vt100::Parser::new(rows, columns, 0),
            bytes: Vec::new(),
            is_over: false,
        }));
        let mut output = terminal.try_clone().expect("it can be shared");
        let shown = Arc::clone(&drawn);
        let reader = std::thread::spawn(move || {
            let mut part = [0; 4096];
            // When nobody has the other side open any more, reading fails.
            while let Ok(len @ 1..) = output.read(&mut part) {
                let mut drawn = shown.lock().expect("no test fails while it holds this");
                drawn.screen.process(&part[..len]);
                drawn.bytes.extend_from_slice(&part[..len]);
            }
            shown.lock().expect("as above").is_over = true;
        });
        Self {
            child,
            keyboard: terminal,
            drawn,
            reader: Some(reader),
        }
    }

    fn drawn(&self) -> std::sync::MutexGuard<'_, Drawn> {
        self.drawn.lock().expect("the reader does not fail")
    }

    /// Types.
    pub(crate) fn press(&mut self, keys: &str) {
        let written = self.keyboard.write_all(keys.as_bytes());
        written.expect("the terminal takes keys");
    }

    /// Every byte that was drawn so far.
    pub(crate) fn bytes(&self) -> String {
        String::from_utf8_lossy(&self.drawn().bytes).into_owned()
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        self.drawn().screen.screen().contents()
    }

    /// Waits until the screen is as wanted, and returns it.
    pub(crate) fn wait(&self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if is_wanted(&text) {
                return text;
            }
            let is_over = self.drawn().is_over;
            assert!(!is_over && Instant::now() < until, "{what}:\n{text}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the screen has a text.
    pub(crate) fn wait_for(&self, part: &str) -> String {
        self.wait(part, |text| text.contains(part))
    }

    /// Changes the size, as a window does.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        {
            let mut drawn = self.drawn();
            let (rows, columns) = size(rows, columns);
            drawn.screen.screen_mut().set_size(rows, columns);
        }
        resize(&self.keyboard, rows, columns);
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("ids are small");
        let id = Pid::from_raw(id).expect("it runs");
        kill_process(id, signal).expect("it runs");
    }

    /// Whether the terminal is as shells expect it: it echoes, and shows no screen of a program.
    pub(crate) fn is_restored(&self) -> bool {
        let modes = tcgetattr(&self.keyboard).expect("it has modes").local_modes;
        let drawn = self.drawn();
        let screen = drawn.screen.screen();
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
            && !screen.alternate_screen()
            && !screen.hide_cursor()
    }

    /// Waits for the end; returns the status, and what is on the screen then.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it was started") {
                break status;
            }
            if Instant::now() > until {
                let text = self.text();
                self.child.kill().expect("it runs");
                panic!("it does not end:\n{text}");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader ends with the program");
        }
        assert!(self.is_restored(), "the terminal is given back");
        (status.code(), self.text())
    }
}

/// A test that fails leaves no program behind.
impl Drop for Screen {
    fn drop(&mut self) {
        // Most have ended by now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
