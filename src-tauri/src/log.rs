//! The log, on standard error. A line that cannot be written is dropped: a full disk, a closed terminal or a reader
//! that stopped reading must neither end a task nor block it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

/// Starts the log: warnings and errors, or the filter in `CONCH_LOG`.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("CONCH_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Mutex::new(Stderr))
        // Internal errors would be printed to standard error, with a panic where that fails too.
        .log_internal_errors(false)
        .init();
    // The default hook blocks on a reader that does not read.
    std::panic::set_hook(Box::new(|panic| {
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            tracing::error!("{panic}\n{trace}");
        } else {
            tracing::error!("{panic}");
        }
    }));
}

/// Prints a line to standard error, where there is one.
pub(crate) fn say(line: &str) {
    let _ = writeln!(Stderr, "conch: {line}");
}

/// Standard error, written without blocking.
struct Stderr;

/// The most bytes that a writable pipe accepts without blocking (POSIX's `PIPE_BUF` on Linux).
const PORTION: usize = 4096;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut portions = bytes.chunks(PORTION);
        // Stops at the first portion that is dropped: what follows it would make no sense.
        let _ = portions.all(|portion| is_writable() && io::stderr().write_all(portion).is_ok());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
fn is_writable() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    const AT_ONCE: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let stderr = io::stderr();
    let mut stderr = [PollFd::new(&stderr, PollFlags::OUT)];
    poll(&mut stderr, Some(&AT_ONCE)).is_ok() && stderr[0].revents().contains(PollFlags::OUT)
}

#[cfg(not(unix))]
fn is_writable() -> bool {
    true
}
