//! `cargo xtask bench`: compares Conch with its baselines. The crate `conch-bench` measures; this builds everything
//! that it needs, as it is shipped, and starts it.

use std::ffi::OsString;

use xshell::cmd;

use crate::page::NPM;
use crate::terminal::heading;
use crate::workspace::Workspace;
use crate::{application, model};

/// Measures the rows that are named among the arguments of `bench`, or all of them.
///
/// # Errors
/// When something could not be built or measured. A missed budget is not an error.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> anyhow::Result<()> {
    application::build(workspace)?;
    heading("building the bench");
    let shell = workspace.shell();
    cmd!(shell, "{NPM} --prefix ui run bench").run()?;
    // Separately: built together, they would share features that neither has when it is shipped.
    cmd!(shell, "cargo build --release --package hello-window").run()?;
    cmd!(shell, "cargo build --release --package conch-bench").run()?;
    let report = ["--report", "docs/PERFORMANCE.md"];
    let is_whole = arguments.iter().all(|argument| argument == "--json");
    let report = report.iter().filter(|_| is_whole);
    let bench = workspace.program("release", "bench");
    let script = shell
        .current_dir()
        .join("ui/node_modules/.conch-bench/streaming.js");
    let bench = cmd!(shell, "{bench} {report...} {arguments...}")
        .env("CONCH_BENCH_MODEL", model::path()?)
        .env("CONCH_BENCH_PAGE_SCRIPT", script);
    Ok(bench.run()?)
}
