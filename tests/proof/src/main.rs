//! `prove [--quick] [KIND …]`: tries to break the generation lock, and reports what it found.
//!
//! Each kind of proof is a module with one `prove` function, which creates its own scratch folder, does its amount of
//! work and returns a [`Finding`](campaign::Finding). Nothing here is part of the product; everything under test is
//! the product's own code, on real files.
//!
//! With a worker's name as its first argument the same executable is one of the processes that the campaign races and
//! kills.

// The modules of the core that are compiled in here bring their unit tests, which need the rest of the core.
#![cfg(not(test))]

mod campaign;
mod checks;
mod clocks;
mod contention;
mod disk;
mod kill;
mod ledger;
mod length;
mod malformed;
mod processes;
mod reference;
mod report;
mod schedules;
mod sizes;
mod state_machine;
mod steps;
mod sync;
mod times;
mod turns;
mod web_process;
mod worker;

#[path = "../../../src-tauri/provider/src/keys/backend.rs"]
#[expect(dead_code, reason = "schedules need only a part of it")]
mod backend;
#[path = "../../../src-tauri/store/src/events.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "schedules need only a part of it"
)]
mod events;
#[path = "../../../src-tauri/provider/src/gate.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "schedules need only a part of it"
)]
mod gate;
#[path = "../../../src-tauri/core/src/live/mod.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "schedules need only a part of it"
)]
mod live;
#[path = "../../../src-tauri/core/src/lock/sweeper.rs"]
#[expect(dead_code, reason = "schedules need only a part of it")]
mod sweeper;

#[path = "../../../src-tauri/core/src/lock/due.rs"]
mod due;

/// What the modules above import from their own crate and from their sibling modules.
mod failure {
    pub(crate) use conch_core::provider::{Failure, FailureKind, Retry};
}
mod limits {
    use std::time::Duration;

    #[derive(Debug, Clone, Copy)]
    pub(crate) struct RequestBudget {
        pub(crate) remaining: u32,
        pub(crate) resets_in: Duration,
    }
}
use conch_core::keys::KeyError;
use conch_core::{clock, model};
use schedules::{instance, store};

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

/// Runs the campaign; returns false when something was violated.
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
    report::begin();
    let rows = campaign::run(&kinds, scale, report::print)?;
    if let Some(path) = report_to {
        report::write(path.as_ref(), &rows)?;
    }
    Ok(rows.iter().all(campaign::Row::holds))
}
