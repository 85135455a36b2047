//! The outcomes of the scenarios, in readable form.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use conch_fault_server::Protocol;

use crate::run::{End, short};
use crate::scenario::Scenario;

/// Prints a row for each scenario and a column for each protocol: the end state, the number of requests,
/// and the milliseconds from the send to the end.
pub(crate) fn print(scenarios: &[Scenario], ends: &[End], took: Duration) {
    let mut table = String::from("\n");
    line(&mut table, "scenario", Protocol::ALL.map(Protocol::name));
    line(&mut table, &"-".repeat(WIDTH), ["---"; Protocol::ALL.len()]);
    for scenario in scenarios {
        let cells = Protocol::ALL.map(|protocol| {
            let of = |end: &&End| end.scenario == scenario.name && end.protocol == protocol;
            ends.iter().find(of).map(cell).unwrap_or_default()
        });
        line(
            &mut table,
            &scenario.name,
            cells.each_ref().map(String::as_str),
        );
    }
    let wrong = ends.iter().filter(|end| !end.wrong.is_empty()).count();
    let _ = writeln!(
        table,
        "\n{} scenarios, {} runs, {wrong} wrong, {:.1} s\n",
        scenarios.len(),
        ends.len(),
        took.as_secs_f64()
    );
    // Not with `print!`, whose output the harness captures when a test passes.
    std::io::stdout().write_all(table.as_bytes()).unwrap();
}

const WIDTH: usize = 58;

fn line(table: &mut String, name: &str, cells: [&str; Protocol::ALL.len()]) {
    let _ = write!(table, "| {name:WIDTH$} |");
    for cell in cells {
        let _ = write!(table, " {cell:22} |");
    }
    table.push('\n');
}

fn cell(end: &End) -> String {
    let status = end.status.map_or("no end", |status| status.name());
    let mark = if end.wrong.is_empty() { "" } else { "!" };
    format!("{mark}{status} {} {} ms", end.requests, end.millis)
}

/// Returns the deviations in one line.
pub(crate) fn complaint(end: &End) -> Option<String> {
    (!end.wrong.is_empty()).then(|| {
        let (name, protocol) = (&end.scenario, end.protocol.name());
        let (wrong, message) = (end.wrong.join("; "), short(&end.message));
        format!("- {name} ({protocol}): {wrong}; the user reads {message:?}")
    })
}
