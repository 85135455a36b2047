//! `bench [--json] [--rounds COUNT] [--report FILE] [ROW …]`: measures Conch against baselines.
//!
//! A row is a module with one `measure` function. It alternates between both sides, so that background load affects
//! both alike, and returns the samples; [`row`] computes medians, a ratio and a verdict from them. A missed budget is
//! reported and fails nothing: a figure means something only together with the machine.

mod answer;
mod bare_client;
mod database;
mod delete;
mod engine;
mod first_token;
mod hostile;
mod lock;
mod map;
mod migrate;
mod open_long;
mod page;
mod prefill;
mod processes;
mod rate_limit;
mod relay;
mod report;
mod row;
mod samples;
mod streaming;
mod turns;
mod windows;

use std::path::PathBuf;
use std::process::ExitCode;

use row::{Artifacts, ROWS, Row};

const USAGE: &str = "usage: bench [--json] [--rounds COUNT] [--report FILE] [ROW …]";

#[expect(clippy::print_stderr, reason = "a command line tool")]
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let (mut json, mut rounds, mut report_to, mut rows) = (false, None, None, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            "--rounds" => {
                let count = arguments.next().and_then(|count| count.parse().ok());
                rounds = Some(count.ok_or_else(|| anyhow::anyhow!(USAGE))?);
            }
            "--report" => {
                let path = arguments.next().ok_or_else(|| anyhow::anyhow!(USAGE))?;
                report_to = Some(PathBuf::from(path));
            }
            name => rows.push(Row::named(name)?),
        }
    }
    if rows.is_empty() {
        rows = ROWS.iter().collect();
    }
    let artifacts = Artifacts::find()?;
    let measured = row::measure(&rows, rounds, &artifacts)?;
    if json {
        report::print_json(&measured)?;
    } else {
        report::print(&measured);
    }
    if let Some(page) = report_to {
        report::write(&page, &measured)?;
    }
    Ok(())
}
