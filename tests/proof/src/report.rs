//! The table: on standard output for whoever ran it, in `docs/RELIABILITY.md` for everybody else.

use std::fmt::Write;
use std::path::Path;

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

/// Renews the table in a page.
pub(crate) fn write(page: &Path, rows: &[Row]) -> anyhow::Result<()> {
    conch_report::renew(page, "prove", &table(rows))
}

/// A number with its thousands apart: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}
