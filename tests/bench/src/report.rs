//! The table: printed to stdout, written to `docs/PERFORMANCE.md`, or as JSON for a program.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;

use crate::row::{Budget, Measurement, ROUNDS};
use crate::samples::Samples;

#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
pub(crate) fn print(rows: &[Measurement]) {
    println!("{}", table(rows));
}

#[expect(
    clippy::print_stdout,
    reason = "the figures are what the command is for"
)]
pub(crate) fn print_json(rows: &[Measurement]) -> anyhow::Result<()> {
    let side = |samples: &Samples| {
        let (low, high) = samples.middle_half();
        json!({"median": samples.median(), "low": low, "high": high, "samples": samples.count()})
    };
    let rows: Vec<_> = rows
        .iter()
        .map(|measured| {
            json!({
                "row": measured.row.name,
                "what": measured.row.what,
                "against": measured.row.against,
                "unit": measured.row.unit,
                "ours": side(&measured.ours),
                "theirs": side(&measured.theirs),
                "ratio": measured.ratio(),
                "difference": measured.difference(),
                "budget": budget(measured),
                "kept": measured.is_kept(),
                "note": measured.note,
            })
        })
        .collect();
    println!("{}", serde_json::to_string_pretty(&rows)?);
    Ok(())
}

/// Updates the table in a Markdown page.
pub(crate) fn write(page: &Path, rows: &[Measurement]) -> anyhow::Result<()> {
    conch_support::report::update_section(page, "bench", &table(rows))
}

fn table(rows: &[Measurement]) -> String {
    let mut table = String::from(
        "| row | Conch | against | budget | Conch measured | the other measured | result |\n|---|---|---|---|---|---|---|\n",
    );
    for measured in rows {
        let row = measured.row;
        let result = match row.budget {
            Budget::Max(_) => format!("{:.2} {}", measured.ours.median(), row.unit),
            Budget::MaxDifference(_) => format!("{:+.2} {}", measured.difference(), row.unit),
            Budget::MaxRatio(_) | Budget::MinRatio(_) => {
                format!("{:.2} ×", measured.ratio())
            }
        };
        let verdict = if measured.is_kept() {
            ""
        } else {
            ", **missed**"
        };
        let note = match &*measured.note {
            "" => String::new(),
            note => format!("; {note}"),
        };
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} | {result}{verdict}{note} |",
            row.name,
            row.what,
            row.against,
            budget(measured),
            figure(&measured.ours, row.unit),
            figure(&measured.theirs, row.unit),
        );
    }
    table
}

fn budget(measured: &Measurement) -> String {
    match measured.row.budget {
        Budget::MaxRatio(times) => format!("≤ {times} ×"),
        Budget::MinRatio(times) => format!("≥ {times} ×"),
        Budget::Max(most) => format!("≤ {most} {}", measured.row.unit),
        Budget::MaxDifference(more) => format!("≤ {more} {} more", measured.row.unit),
    }
}

/// Formats the median, the range of the middle half of the samples, and their number if it is not the default.
fn figure(samples: &Samples, unit: &str) -> String {
    let (low, high) = samples.middle_half();
    let median = samples.median();
    let digits = if median < 10.0 {
        2
    } else {
        usize::from(median < 100.0)
    };
    let few = match samples.count() {
        ROUNDS => String::new(),
        count => format!(", of {count}"),
    };
    format!("{median:.digits$} {unit} ({low:.digits$} to {high:.digits$}{few})")
}
