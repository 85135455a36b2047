//! `prove [--quick] [KIND …]`: tries to break the generation lock, and reports what it found.
//!
//! Each kind of proof is a module with one `prove` function, which makes its own scratch folder,
//! does its amount of work and returns a [`Finding`](campaign::Finding). Nothing here is part of the
//! product; everything that is proven is the product's own code, on real files.
//!
//! With a worker's name as its first argument the same executable is one of the processes that the
//! campaign races and kills.

mod application;
mod campaign;
mod checks;
mod clocks;
mod contention;
mod disk;
mod kill;
mod ledger;
mod malformed;
mod model;
mod processes;
mod reference;
mod report;
mod schedules;
mod sizes;
mod steps;
mod sync;
mod times;
mod turns;
mod worker;

#[path = "../../../src-tauri/core/src/events.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "schedules need only a part of it"
)]
mod events;
#[path = "../../../src-tauri/core/src/chat/live.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "schedules need only a part of it"
)]
mod live;

/// What the two modules above take from their own crate.
use conch_core::{chat, clock, ids, lock, settings};

use std::process::ExitCode;

use campaign::{KINDS, Scale};

const USAGE: &str = "usage: prove [--quick] [--report FILE] [KIND …]";

#[expect(clippy::print_stderr, reason = "a command line tool")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let worker = arguments
        .split_first()
        .and_then(|(name, rest)| Some((worker::named(name)?, rest)));
    let ran = match worker {
        Some((worker, rest)) => (worker.work)(rest).map(|()| true),
        None => run(arguments),
    };
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("prove: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the campaign; false when something was violated.
fn run(arguments: Vec<String>) -> anyhow::Result<bool> {
    let mut scale = Scale::Full;
    let mut report_to = None;
    let mut kinds = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => scale = Scale::Quick,
            "--report" => report_to = Some(arguments.next().ok_or_else(|| anyhow::anyhow!(USAGE))?),
            name => match KINDS.iter().find(|kind| kind.name == name) {
                Some(kind) => kinds.push(kind),
                None => anyhow::bail!(
                    "there is no kind `{name}`; there are: {}\n{USAGE}",
                    KINDS
                        .iter()
                        .map(|kind| kind.name)
                        .collect::<Vec<_>>()
                        .join(" ")
                ),
            },
        }
    }
    if kinds.is_empty() {
        kinds = KINDS.iter().collect();
    }
    let rows = campaign::run(&kinds, scale)?;
    report::print(&rows);
    if let Some(path) = report_to {
        report::write(path.as_ref(), &rows)?;
    }
    Ok(rows.iter().all(campaign::Row::holds))
}
