//! What can go wrong between us and the window.

use std::io;

/// Why the window could not be driven.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program that is needed could not be started.
    #[error("{program} could not be started: {source}. `cargo xtask setup` installs it")]
    Start {
        /// Which.
        program: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The display did not come up.
    #[error("Xvfb gave no display")]
    NoDisplay,
    /// No session: the driver did not answer, or the application did not open a window.
    #[error("the window did not open: {0}")]
    Session(#[from] fantoccini::error::NewSessionError),
    /// A command of the driver failed.
    #[error("the window did not do as told: {0}")]
    Command(#[from] fantoccini::error::CmdError),
    /// What was waited for did not come.
    #[error("waited in vain until {what}; the page says: {page}")]
    TimedOut {
        /// For what.
        what: String,
        /// The text of the page then.
        page: String,
    },
    /// The driver did not answer: the application hangs, or opened no window.
    #[error("waited in vain until {what}: the driver does not answer")]
    NoAnswer {
        /// For what.
        what: String,
    },
    /// The window system did not do as asked.
    #[error("the window system refused: {0}")]
    Desktop(String),
    /// A picture could not be written.
    #[error("a picture cannot be written: {0}")]
    Unwritable(#[from] png::EncodingError),
    /// A file could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}
