//! The table: on standard output for whoever ran it, in `docs/RELIABILITY.md` for everybody else.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use sysinfo::System;

use crate::campaign::Row;

/// Prints the table, and every violation with what reproduces it.
#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
pub(crate) fn print(rows: &[Row]) {
    println!("{}", table(rows));
    for row in rows {
        for violation in &row.finding.violations {
            println!("{}: {violation}", row.kind.name);
        }
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| kind | what it shows | amount | violations | time | measured |\n|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} s | {} |",
            row.kind.name,
            row.kind.shows,
            row.finding.amount,
            row.finding.violations.len(),
            row.time.as_secs(),
            row.finding.figures
        );
    }
    table
}

/// Replaces the part of the file between its marks by the table, the date, the commit and the
/// machine's class.
pub(crate) fn write(path: &Path, rows: &[Row]) -> anyhow::Result<()> {
    const BEGIN: &str = "<!-- prove: begin -->\n";
    const END: &str = "<!-- prove: end -->";
    let page = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let (before, rest) = page
        .split_once(BEGIN)
        .context("the report has no begin mark")?;
    let (_, after) = rest.split_once(END).context("the report has no end mark")?;
    let report = format!(
        "{before}{BEGIN}{} on commit {}: {}\n\n{}{END}{after}",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        commit(),
        machine(),
        table(rows)
    );
    std::fs::write(path, report)?;
    Ok(())
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=10", "HEAD"]).unwrap_or_default();
    match git(&["status", "--porcelain"]) {
        Some(changes) if changes.is_empty() => commit,
        _ => format!("{commit} with changes"),
    }
}

/// The class of machine, not its name: cores, processor, memory, system.
fn machine() -> String {
    let Ok(system) = System::new_all() else {
        return "an unknown machine".to_owned();
    };
    format!(
        "{} cores of {}, {} GiB of memory, {}",
        system.cpus().len(),
        system
            .cpus()
            .first()
            .map_or("an unknown processor", |cpu| cpu.brand().trim()),
        system.total_memory() >> 30,
        System::long_os_version().unwrap_or_default()
    )
}

/// A number with its thousands apart: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}
