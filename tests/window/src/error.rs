//! Errors while the window is driven.

use std::io;

/// Why the window could not be driven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A required program could not be started.
    #[error("{program} could not be started: {source}. `cargo xtask setup` installs it")]
    Start {
        /// The program.
        program: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The display did not start.
    #[error("Xvfb gave no display")]
    NoDisplay,
    /// No session: the driver did not respond, or the application did not open a window.
    #[error("the window did not open: {0}")]
    Session(#[from] fantoccini::error::NewSessionError),
    /// A command of the driver failed.
    #[error("the window did not do as told: {0}")]
    Command(#[from] fantoccini::error::CmdError),
    /// A wait timed out.
    #[error("waited in vain until {what}")]
    TimedOut {
        /// The condition, and what the page says if it is one of the page.
        what: String,
    },
    /// The driver did not respond: the application hangs, or opened no window.
    #[error("waited in vain until {what}: the driver does not answer")]
    NoAnswer {
        /// The action.
        what: String,
    },
    /// A request to the window system failed.
    #[error("the window system refused: {0}")]
    Desktop(String),
    /// A picture could not be written.
    #[error("a picture cannot be written: {0}")]
    Unwritable(#[from] png::EncodingError),
    /// A file could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}
