//! Why the engine did not start, or ended, with the codes that its parent relies on.

use std::io;

use conch_gguf::Fault;
use thiserror::Error;

use crate::arguments::ArgumentError;

/// Why the engine did not start, or ended. The message is for people, [`Failure::code`] for the
/// parent.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("This processor cannot run the built-in model: it lacks {0}")]
    CpuUnsupported(String),
    #[error(transparent)]
    Model(#[from] Fault),
    #[error(
        "There is not enough memory for the model and a context of {0} tokens. Close other programs, or choose a smaller model"
    )]
    OutOfMemory(u32),
    #[error("{0}")]
    Arguments(#[from] ArgumentError),
    #[error("The first line of standard input must be the bearer token")]
    NoToken,
    #[error("llama.cpp could not be initialized: {0}")]
    Backend(#[from] llama_cpp_2::LlamaCppError),
    #[error("A thread could not be started: {0}")]
    Thread(io::Error),
    #[error("The server could not start: {0}")]
    Runtime(io::Error),
    #[error("No loopback port could be opened: {0}")]
    Listen(io::Error),
    #[error("The server failed: {0}")]
    Serve(io::Error),
    #[error("The model's thread panicked")]
    ModelThread,
}

impl Failure {
    /// The stable code of the handshake.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::CpuUnsupported(_) => "cpu_unsupported",
            Self::Model(fault) => fault.code(),
            Self::OutOfMemory(_) => "out_of_memory",
            Self::Arguments(_)
            | Self::NoToken
            | Self::Backend(_)
            | Self::Thread(_)
            | Self::Runtime(_)
            | Self::Listen(_)
            | Self::Serve(_)
            | Self::ModelThread => "internal",
        }
    }

    /// Returns whether the ready line was sent before: then only the exit code reports the failure.
    pub(crate) fn is_after_handshake(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::ModelThread)
    }
}
