//! `cargo xtask peers-test`: Conch against servers that nobody of this project wrote.
//!
//! Installs them into a folder of their own below `target/`, pinned, and runs `src-tauri/core/tests/peers` with it. A
//! machine that cannot have them skips them with a line; `cargo xtask test` runs them where they are installed.

use std::path::PathBuf;

use anyhow::Context;
use xshell::{Shell, cmd};

use crate::page::NPM;
use crate::python::{PYTHON, requirements};
use crate::terminal::{heading, say, success};
use crate::workspace::Workspace;
use crate::{model, setup};

/// Names the folder for the tests.
pub(crate) const VARIABLE: &str = "CONCH_PEERS";

/// The npm package, which has no dependencies.
const NPM_PACKAGE: &str = "@copilotkit/aimock@1.43.0";

/// What is installed, in the folder itself: another version is installed anew.
const STAMP: &str = "installed.txt";

/// Installs the servers and runs the tests against them.
///
/// # Errors
/// When the set-up or a test fails.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    setup::run(workspace)?;
    let shell = workspace.shell();
    let folder = match installed(workspace)? {
        Some(folder) => folder,
        None => match install(workspace) {
            Ok(folder) => folder,
            Err(error) => {
                say(format!("peers-test was skipped: {error:#}"));
                return Ok(());
            }
        },
    };
    heading("servers that others wrote");
    cmd!(shell, "cargo test -p conch-core --test peers")
        .env(VARIABLE, folder)
        .env("CONCH_MODEL_FILE", model::path()?)
        .run()?;
    success("every peer was answered");
    Ok(())
}

/// Returns the folder of the installed servers; `None` if there is none, or it has other versions.
///
/// # Errors
/// When there is no scratch folder.
pub(crate) fn installed(workspace: &Workspace) -> anyhow::Result<Option<PathBuf>> {
    let folder = folder(workspace)?;
    let stamp = workspace.shell().read_file(folder.join(STAMP)).ok();
    let wanted = wanted(workspace.shell())?;
    Ok((stamp.as_ref() == Some(&wanted)).then_some(folder))
}

fn folder(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    Ok(workspace.scratch()?.join("peers-servers"))
}

fn wanted(shell: &Shell) -> anyhow::Result<String> {
    let python = shell.read_file(requirements("peers"))?;
    Ok(format!("{python}{NPM_PACKAGE}\n"))
}

fn install(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let (shell, folder) = (workspace.shell(), folder(workspace)?);
    let requirements = requirements("peers");
    let (python, node) = (folder.join("python"), folder.join("node"));
    shell.remove_path(&folder)?;
    shell.create_dir(&node)?;
    heading("installing the servers");
    cmd!(
        shell,
        "{PYTHON} -m pip install --quiet --disable-pip-version-check --root-user-action ignore
         --no-deps --only-binary :all: --target {python} --requirement {requirements}"
    )
    .run()
    .context("pip cannot install llmock and xllamacpp here")?;
    cmd!(
        shell,
        "{NPM} install --prefix {node} --silent --no-audit --no-fund --ignore-scripts {NPM_PACKAGE}"
    )
    .run()
    .context("npm cannot install aimock here")?;
    shell.write_file(folder.join(STAMP), wanted(shell)?)?;
    Ok(folder)
}
