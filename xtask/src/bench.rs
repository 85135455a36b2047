//! `cargo xtask bench`: compares Conch with its baselines. The crate `conch-bench` measures; this builds everything
//! that it needs, as it is shipped, and starts it.

use std::ffi::OsString;

use crate::application;
use crate::error::Error;
use crate::model::Model;
use crate::terminal::heading;
use crate::tool::Tool;
use crate::workspace::Workspace;

/// Measures the rows that are named among the arguments of `bench`, or all of them.
///
/// # Errors
/// When something could not be built or measured. A missed budget is not an error.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<(), Error> {
    application::build(workspace)?;
    heading("building the bench");
    let ui = workspace.ui();
    Tool::npm(&ui, "its messages stand above")
        .args(["run", "bench"])
        .run()?;
    // Separately: built together, they would share features that neither has when it is shipped.
    for package in ["hello-window", "conch-bench"] {
        Tool::cargo(workspace.root())
            .args(["build", "--release", "--package", package])
            .run()?;
    }
    let mut bench = Tool::cargo(workspace.root())
        .args(["run", "--release", "--quiet"])
        .args(["--package", "conch-bench", "--bin", "bench", "--"])
        .env("CONCH_BENCH_MODEL", Model::in_data_folder()?.path())
        .env(
            "CONCH_BENCH_PAGE_SCRIPT",
            ui.join("node_modules/.conch-bench/streaming.js"),
        );
    if arguments.iter().all(|argument| argument == "--json") {
        bench = bench.args(["--report", "docs/PERFORMANCE.md"]);
    }
    bench.args(arguments).run()
}
