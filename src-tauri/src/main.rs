//! The executable: the application, or one of its child processes: with `engine` as its first argument the embedded
//! model's server, with `read-pdf` the reader of one PDF.

#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let inherited = conch_desktop::InheritedLimits::save_and_harden();
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        Some(first) if first == "engine" => conch_engine::run(arguments),
        Some(first) if first == "read-pdf" => conch_attachments::serve_pdf(),
        _ => conch_desktop::run(inherited),
    }
}
