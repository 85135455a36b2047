//! Which processes live: each holds an OS lock on a file of its own for as long as it runs.
//!
//! The operating system drops the lock when the process ends, however it ends, so "is the holder
//! dead?" has an answer without a clock and without waiting for a lease.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::ids::InstanceId;

/// This process's proof of life. Dropping it, or the process's end, makes it dead to others.
#[derive(Debug)]
pub(crate) struct Instance {
    id: InstanceId,
    path: PathBuf,
    /// Held, never read: the lock on it is the proof.
    _file: File,
}

impl Instance {
    /// Starts to live in `folder`, under a new id.
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let id = InstanceId::fresh();
        let path = path_of(folder, &id);
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(&path)?;
        file.lock()?;
        Ok(Self {
            id,
            path,
            _file: file,
        })
    }

    pub(crate) fn id(&self) -> &InstanceId {
        &self.id
    }

    /// Ends cleanly: the file goes. One that stays behind says "ended uncleanly" to the next start.
    pub(crate) fn end(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.end();
    }
}

/// True when no process runs as `id`. When in doubt (the file cannot be opened) it is said to live,
/// and its lease decides.
pub(crate) fn is_dead(folder: &Path, id: &InstanceId) -> bool {
    match OpenOptions::new().write(true).open(path_of(folder, id)) {
        Ok(file) => match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        },
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Removes the files of instances that ended without removing them, and counts those.
pub(crate) fn clear_dead(folder: &Path) -> io::Result<usize> {
    let mut cleared = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        if is_dead(folder, &InstanceId::from(stem.to_owned())) {
            fs::remove_file(&path)?;
            cleared += 1;
        }
    }
    Ok(cleared)
}

fn path_of(folder: &Path, id: &InstanceId) -> PathBuf {
    folder.join(format!("{id}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_lives_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let instance = Instance::start(folder.path()).unwrap();
        let id = instance.id().clone();

        assert!(!is_dead(folder.path(), &id), "it holds its file lock");
        drop(instance);
        assert!(is_dead(folder.path(), &id), "nobody holds it any more");
        assert_eq!(clear_dead(folder.path()).unwrap(), 0, "it ended cleanly");
    }

    #[test]
    fn a_file_that_nobody_locks_is_a_dead_instance_and_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let living = Instance::start(folder.path()).unwrap();
        fs::write(path_of(folder.path(), &InstanceId::fresh()), "").unwrap();

        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            // What no instance is named stays, whoever put it there.
            let strange = std::ffi::OsStr::from_bytes(b"\xff.lock");
            fs::write(folder.path().join(strange), "").unwrap();
        }
        assert_eq!(clear_dead(folder.path()).unwrap(), 1);
        assert!(!is_dead(folder.path(), living.id()), "the living stays");
    }
}
