//! What can go wrong on the way to a scene.

use std::io;

/// Why a scene could not be shown or looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The window did not do as told.
    #[error(transparent)]
    Window(#[from] conch_window::Error),
    /// The data could not be made.
    #[error("the data of the scenes could not be made: {0}")]
    Core(#[from] conch_core::Error),
    /// The core stopped telling what happens while the data was made.
    #[error("the data of the scenes could not be made: the application said nothing more")]
    Silent,
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A picture could not be written.
    #[error("a picture cannot be written: {0}")]
    Unwritable(#[from] png::EncodingError),
    /// Somebody else listens where a stand-in has to, because its address is in the pictures.
    #[error("port {port} of this machine cannot be had ({source}): end what listens there")]
    PortTaken {
        /// Which.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// axe-core did not answer as it should.
    #[error("axe-core's answer cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
    /// axe-core is not installed.
    #[error("{path} cannot be read ({source}): run `npm ci` in ui/")]
    NoAxe {
        /// Where it should be.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A scene could not be set up.
    #[error("the scene `{scene}`: {source}")]
    Scene {
        /// Which.
        scene: &'static str,
        /// Why.
        source: Box<Error>,
    },
}

impl From<fantoccini::error::CmdError> for Error {
    fn from(error: fantoccini::error::CmdError) -> Self {
        Self::Window(error.into())
    }
}
