//! One application on one failing disk.

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
    /// Mounts `disk` on a new folder.
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

    /// Returns the canonical path, which SQLite uses; the path of a temporary folder may not be
    /// one.
    pub(super) fn path(&self) -> anyhow::Result<PathBuf> {
        Ok(self.folder.path().canonicalize()?)
    }
}
