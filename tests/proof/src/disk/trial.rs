//! One application on one failing disk.

use std::path::PathBuf;
use std::sync::Arc;

use super::shim::{Disk, Mounted};

/// A folder on a disk.
pub(super) struct Trial<D> {
    folder: tempfile::TempDir,
    pub(super) disk: Arc<D>,
    mounted: Vec<Mounted>,
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
            mounted: vec![mounted],
        })
    }

    /// Mounts the disk on a new folder in this one too.
    pub(super) fn and_on(mut self, name: &str) -> anyhow::Result<Self> {
        let inner = self.folder.path().join(name);
        std::fs::create_dir(&inner)?;
        let disk = Arc::clone(&self.disk) as Arc<dyn Disk>;
        self.mounted.push(Mounted::under(&inner, disk)?);
        Ok(self)
    }

    /// Returns the canonical path, which SQLite uses; the path of a temporary folder may not be
    /// one.
    pub(super) fn path(&self) -> anyhow::Result<PathBuf> {
        Ok(self.folder.path().canonicalize()?)
    }
}
