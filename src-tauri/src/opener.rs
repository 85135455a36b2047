//! Opens a link or a folder outside Conch: in the system's browser, mail program or file manager.
//!
//! That program belongs to the user and outlives Conch: it gets the umask and the limits that Conch was started
//! with, not those that Conch sets for itself.

use std::io;

use crate::process::InheritedLimits;

/// Why an address could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("The link could not be opened: {0}. Copy it instead")]
pub(crate) struct OpenError(#[from] io::Error);

/// Opens an address with the system's default program for it. Must be called within a tokio runtime.
///
/// # Errors
/// When no such program can be started.
#[cfg(unix)]
pub(crate) fn open(inherited: &InheritedLimits, address: &str) -> Result<(), OpenError> {
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for command in open::commands(address) {
        match start(*inherited, command) {
            Ok(()) => return Ok(()),
            Err(error) => failed = error,
        }
    }
    Err(failed.into())
}

#[cfg(unix)]
fn start(inherited: InheritedLimits, command: std::process::Command) -> io::Result<()> {
    use std::process::Stdio;

    let mut command = tokio::process::Command::from(command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let detach = move || {
        inherited.restore();
        // A new session, because closing Conch's terminal must not end a browser.
        rustix::process::setsid().map(drop).map_err(io::Error::from)
    };
    #[expect(
        unsafe_code,
        reason = "between fork and exec it makes system calls, and neither allocates nor locks"
    )]
    unsafe {
        command.pre_exec(detach);
    }
    // The tokio runtime reaps a child whose handle is dropped.
    command.spawn().map(drop)
}

#[cfg(not(unix))]
pub(crate) fn open(_: &InheritedLimits, address: &str) -> Result<(), OpenError> {
    Ok(open::that_detached(address)?)
}
