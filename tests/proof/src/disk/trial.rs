//! One application on one disk that fails.

use std::path::PathBuf;
use std::sync::Arc;

use super::shim::{Disk, Mounted};

/// A folder on a disk.
pub(super) struct Trial<D> {
    folder: tempfile::TempDir,
    pub(super) disk: Arc<D>,
    _mounted: Mounted,
}

impl<D: Disk + 'static> Trial<D> {
    /// Puts a new folder on it.
    pub(super) fn on(disk: D) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let disk = Arc::new(disk);
        let mounted = Mounted::under(folder.path(), Arc::clone(&disk) as Arc<dyn Disk>)?;
        Ok(Self {
            folder,
            disk,
            _mounted: mounted,
        })
    }

    /// SQLite names files by their real paths, which a temporary folder's need not be.
    pub(super) fn path(&self) -> anyhow::Result<PathBuf> {
        Ok(self.folder.path().canonicalize()?)
    }
}
