//! The log, on standard error. A line that cannot be written is dropped: a disk that is full, a terminal that
//! was closed or a reader that reads no more must neither end a task nor hold it up.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

/// Starts the log: warnings and errors, or what `CONCH_LOG` asks for.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("CONCH_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Mutex::new(Stderr))
        // It would say so on standard error, and panic where that fails, too.
        .log_internal_errors(false)
        .init();
    // The standard hook waits for a reader that does not read.
    std::panic::set_hook(Box::new(|panic| {
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            tracing::error!("{panic}\n{trace}");
        } else {
            tracing::error!("{panic}");
        }
    }));
}

/// Says a line on standard error, where there is one.
pub(crate) fn say(line: &str) {
    let _ = writeln!(Stderr, "conch: {line}");
}

/// Standard error, as far as it takes what is written at once.
struct Stderr;

/// The most bytes that a pipe with room takes at once (POSIX's `PIPE_BUF` on Linux).
const PORTION: usize = 4096;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut portions = bytes.chunks(PORTION);
        // What follows a part that was dropped would make no sense.
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
