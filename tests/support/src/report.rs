//! Documentation pages with a generated section between two marks; the rest is written by hand.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use sysinfo::System;

/// Replaces the part of a page between `<!-- NAME: begin -->` and `<!-- NAME: end -->` by the date, the
/// commit and the machine's class, and `text`.
///
/// # Errors
/// Returns an error if the page cannot be read or written, or has no such marks.
pub fn update_section(page: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let begin = format!("<!-- {name}: begin -->\n");
    let end = format!("<!-- {name}: end -->");
    let content = std::fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let (before, rest) = content
        .split_once(&begin)
        .context("the page has no begin mark")?;
    let (_, after) = rest.split_once(&end).context("the page has no end mark")?;
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let (commit, machine) = (commit(), machine());
    let renewed =
        format!("{before}{begin}{date} on commit {commit}: {machine}\n\n{text}{end}{after}");
    std::fs::write(page, renewed)?;
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

/// Returns the class of machine, not its name: cores, processor, memory, system.
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
