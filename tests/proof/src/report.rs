//! The table, printed to stdout and written to `docs/RELIABILITY.md`.

use std::fmt::Write;
use std::path::Path;

use crate::campaign::Row;

const HEAD: &str =
    "| kind | what it shows | amount | violations | time | measured |\n|---|---|---|---|---|---|\n";

/// Prints the table's head.
#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
pub(crate) fn begin() {
    print!("{HEAD}");
}

/// Prints a row as soon as its kind has ended, and every violation with what reproduces it.
#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
pub(crate) fn print(row: &Row) {
    println!("{}", line(row));
    for violation in &row.finding.violations {
        println!("{}: {violation}", row.kind.name);
    }
}

fn table(rows: &[Row]) -> String {
    let mut table = HEAD.to_owned();
    for row in rows {
        let _ = writeln!(table, "{}", line(row));
    }
    table
}

fn line(row: &Row) -> String {
    format!(
        "| {} | {} | {} | {} | {} s | {} |",
        row.kind.name,
        row.kind.shows,
        row.finding.amount,
        row.finding.violations.len(),
        row.time.as_secs(),
        row.finding.figures
    )
}

/// Updates the table in a Markdown page.
pub(crate) fn write(page: &Path, rows: &[Row]) -> anyhow::Result<()> {
    conch_support::report::update_section(page, "prove", &table(rows))
}

/// Formats a number with thousands separators: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}
