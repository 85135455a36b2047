//! The messages of xtask itself: plain text on stderr, in colour only on a terminal.
//!
//! The output of the tools that it starts passes through unchanged; standard output is left to them, so that a
//! program can parse `bench --json`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is this module's job"
)]

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

const BOLD: &str = "1";
const GREEN: &str = "32";
const RED: &str = "31";

/// Prints a command's result on stdout.
pub(crate) fn answer(text: impl Display) {
    println!("{text}");
}

/// Prints one line on stderr.
pub(crate) fn say(line: impl Display) {
    eprintln!("{line}");
}

/// Prints the heading of a step.
pub(crate) fn heading(text: impl Display) {
    eprintln!("\n{}", paint(BOLD, &format!("==> {text}"), &io::stderr()));
}

/// Prints a line on stderr about what succeeded.
pub(crate) fn success(text: impl Display) {
    eprintln!("{}", paint(GREEN, &text.to_string(), &io::stderr()));
}

/// Prints one line on stderr about why the command stopped.
pub(crate) fn failure(text: impl Display) {
    let mark = paint(RED, "cargo xtask:", &io::stderr());
    eprintln!("{mark} {text}");
}

fn paint(colour: &str, text: &str, stream: &impl IsTerminal) -> String {
    if stream.is_terminal() && env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{colour}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// A running stop watch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts at zero.
    #[expect(
        clippy::disallowed_methods,
        reason = "xtask measures its own stages and holds no state of the application"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Formats a time for display: `0.4 s`, `12 s`, `3 min 05 s`.
pub(crate) fn human_time(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 60 {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    } else if seconds >= 10 {
        format!("{seconds} s")
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// Formats a size for display in decimal megabytes: `98.4 MB`.
pub(crate) fn human_size(bytes: u64) -> String {
    let tenths = bytes.saturating_add(50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_naturally() {
        assert_eq!(human_time(Duration::from_millis(420)), "0.4 s");
        assert_eq!(human_time(Duration::from_millis(12_900)), "12 s");
        assert_eq!(human_time(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn sizes_are_decimal_megabytes() {
        assert_eq!(human_size(98_362_432), "98.4 MB");
        assert_eq!(human_size(0), "0.0 MB");
    }
}
