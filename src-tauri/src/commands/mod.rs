//! The commands: each unpacks its arguments and calls the core. An `if` or SQL here is in the wrong crate.

pub(crate) mod attachments;
pub(crate) mod branches;
pub(crate) mod content;
pub(crate) mod conversations;
pub(crate) mod locks;
pub(crate) mod models;
pub(crate) mod queue;
pub(crate) mod settings;
pub(crate) mod starting;
pub(crate) mod turns;
pub(crate) mod windows;

type CommandResult<T> = Result<T, crate::error::IpcError>;
