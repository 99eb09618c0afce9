//! The exit codes. They are part of the interface: docs/scan.md and the tests list them.

use unleak::audit::Audit;
use unleak::report::Document;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was scanned, and nothing was found at or above the asked confidence.
    Clean = 0,
    /// Secrets were found, and everything was scanned.
    Found = 1,
    /// The command line or a configuration is wrong, or there is no repository: nothing was scanned.
    Usage = 2,
    /// Something could not be read; whatever was found is in the report.
    Incomplete = 3,
    /// A bug in unleak.
    Internal = 4,
    /// Ended by SIGINT, as Ctrl-C sends it.
    Interrupted = 130,
    /// Whoever read the report went away: as if by SIGPIPE.
    ClosedPipe = 141,
    /// Ended by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// How a run ends that found this.
    pub(crate) fn of(audit: &Audit) -> Self {
        Self::from_what(audit.coverage.is_complete(), audit.findings.is_empty())
    }

    /// How a run ends whose report is this.
    pub(crate) fn of_report(document: &Document) -> Self {
        Self::from_what(document.head.complete, document.findings.is_empty())
    }

    fn from_what(is_complete: bool, is_clean: bool) -> Self {
        match (is_complete, is_clean) {
            (false, _) => Self::Incomplete,
            (true, true) => Self::Clean,
            (true, false) => Self::Found,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
