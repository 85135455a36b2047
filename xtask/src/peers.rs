//! `cargo xtask peers-test`: Conch beside software that others wrote, which pip and npm install into a folder of its
//! own in the target folder. What cannot be installed is skipped, and said.
//!
//! What needs no package runs in `cargo test`, on files that this command checks; and what needs the servers, where they
//! are installed.

use std::path::{Path, PathBuf};

use xshell::{Shell, cmd};

use crate::cargo_test;
use crate::page::{self, NPM};
use crate::python::PYTHON;
use crate::terminal::{heading, say, success};
use crate::workspace::{Workspace, acquire_lock};

/// The folder of the programs and of the files that they check.
const SOURCES: &str = "tests/peers";

/// The folder of the servers, in the target folder.
const SERVERS: &str = "peers/servers";

/// The folders in it, with their lists.
const SERVER_LISTS: [(&str, &str); 2] = [("python", "servers.txt"), ("node", "servers.json")];

/// A part of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The requests that Conch sends and the answers that it reads, against the types of the official packages.
    Types,
    /// Conch's core and its window against servers.
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
    heading("Conch, with servers that others wrote");
    let folder = workspace.target(SERVERS);
    let [python, node] = SERVER_LISTS.map(|(name, _)| folder.join(name));
    let has_node = page::check_node(shell).is_ok();
    if is_there(shell, &python, SERVER_LISTS[0].1, install_servers)
        && has_node
        && is_there(shell, &node, SERVER_LISTS[1].1, install_node)
    {
        for tests in [
            ["--package", "conch-core", "--test", "peers"].as_slice(),
            &["--package", "conch", "--test", "e2e", "peers::"],
        ] {
            cargo_test::run(workspace, tests, Some(&folder))?;
        }
    }
    Ok(())
}

/// Returns the folder of the servers where all are installed, for the tests that need them.
pub(crate) fn installed_servers(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.target(SERVERS);
    let is_installed = |(name, list)| is_installed(workspace.shell(), &folder.join(name), list);
    SERVER_LISTS.into_iter().all(is_installed).then_some(folder)
}

/// Returns whether the packages of a list are in a folder, into which they are installed if they are not.
fn is_there(
    shell: &Shell,
    folder: &Path,
    list: &str,
    install: fn(&Shell, &Path, &Path) -> anyhow::Result<()>,
) -> bool {
    if is_installed(shell, folder, list) {
        return true;
    }
    let wanted = source(list);
    let result = shell
        .remove_path(folder)
        .map_err(Into::into)
        .and_then(|()| install(shell, &wanted, folder))
        .and_then(|()| Ok(shell.copy_file(&wanted, stamp(folder, list))?));
    if let Err(error) = &result {
        say(format!(
            "skipped: the packages of {} cannot be installed here ({error:#})",
            wanted.display()
        ));
    }
    result.is_ok()
}

/// Returns whether the packages of this list, and of no other version of it, are in a folder.
fn is_installed(shell: &Shell, folder: &Path, list: &str) -> bool {
    let stamp = shell.read_binary_file(stamp(folder, list));
    stamp.is_ok_and(|stamp| {
        shell
            .read_binary_file(source(list))
            .is_ok_and(|list| list == stamp)
    })
}

fn source(list: &str) -> PathBuf {
    [SOURCES, list].iter().collect()
}

/// Returns the path of the copy of a list that is written last, so that an installation that was cut off is done again.
fn stamp(folder: &Path, list: &str) -> PathBuf {
    folder.join(format!("installed-{list}"))
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
