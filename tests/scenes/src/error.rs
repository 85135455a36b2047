//! Errors while a scene is set up.

use std::io;

/// Why a scene could not be set up or checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A command of the window failed.
    #[error(transparent)]
    Window(#[from] conch_window::Error),
    /// The data could not be created.
    #[error("the data of the scenes could not be made: {0}")]
    Core(#[from] conch_core::Error),
    /// The core's events ended while the data was created.
    #[error("the data of the scenes could not be made: the application said nothing more")]
    Silent,
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A picture could not be written.
    #[error("a picture cannot be written: {0}")]
    Unwritable(#[from] png::EncodingError),
    /// Another process listens on a port that a stand-in needs, because its address is in the pictures.
    #[error("port {port} of this machine cannot be had ({source}): end what listens there")]
    PortTaken {
        /// The port.
        port: u16,
        /// The error of the system.
        source: io::Error,
    },
    /// The result of axe-core could not be parsed.
    #[error("axe-core's answer cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
    /// axe-core is not installed.
    #[error("{path} cannot be read ({source}): run `npm ci` in ui/")]
    NoAxe {
        /// The expected path.
        path: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A scene could not be set up.
    #[error("the scene `{scene}`: {source}")]
    Scene {
        /// The scene's name.
        scene: &'static str,
        /// The cause.
        source: Box<Error>,
    },
}

impl From<fantoccini::error::CmdError> for Error {
    fn from(error: fantoccini::error::CmdError) -> Self {
        Self::Window(error.into())
    }
}
