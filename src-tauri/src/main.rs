//! The executable: the application, or with `engine` as its first argument the embedded model's
//! server, which the application runs as a child of its own.

#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "engine") {
        return conch_engine::run(arguments);
    }
    conch_desktop::run()
}
