//! Liveness of processes: each holds an OS lock on its own file while it runs.
//!
//! The operating system releases the lock when the process ends, for any reason, so whether a holder is dead
//! can be determined without a clock and without waiting for a lease.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::folder;
use crate::model::InstanceId;

/// This process's instance lock. Other processes consider it dead once this is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Instance {
    id: InstanceId,
    path: PathBuf,
    /// Held for its lock, never read.
    _file: File,
}

impl Instance {
    /// Creates and locks the file of a new instance in `instances`.
    pub(crate) fn start(instances: &Path) -> io::Result<Self> {
        folder::make(instances)?;
        let id = InstanceId::fresh();
        let path = path_of(instances, &id);
        let file = folder::private().create_new(true).write(true).open(&path)?;
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

    /// Removes the file: a clean end. The next start treats a remaining file as a crash.
    pub(crate) fn end(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.end();
    }
}

/// The state of an instance according to its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Liveness {
    /// Running. Also assumed when the file cannot be opened; then its lease decides.
    Lives,
    /// Ended without removing its file.
    Left,
    /// Ended cleanly, or never existed.
    Gone,
}

fn liveness(instances: &Path, id: &InstanceId) -> Liveness {
    match OpenOptions::new().write(true).open(path_of(instances, id)) {
        Ok(file) => match file.try_lock() {
            Ok(()) => Liveness::Left,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => Liveness::Lives,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Liveness::Gone,
        Err(_) => Liveness::Lives,
    }
}

/// Returns true if no process runs as `id`.
pub(crate) fn is_dead(instances: &Path, id: &InstanceId) -> bool {
    liveness(instances, id) != Liveness::Lives
}

/// Returns the instances that ended without removing their files. Other files are ignored.
pub(crate) fn find_crashed(instances: &Path) -> io::Result<Vec<InstanceId>> {
    let names = fs::read_dir(instances)?.flatten();
    Ok(names
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| id_in(&entry.file_name()))
        .filter(|id| liveness(instances, id) == Liveness::Left)
        .collect())
}

/// Returns true if an instance other than `own` runs.
pub(crate) fn is_another_alive(instances: &Path, own: Option<&InstanceId>) -> bool {
    let names = fs::read_dir(instances).into_iter().flatten().flatten();
    names
        .filter_map(|entry| id_in(&entry.file_name()))
        .any(|id| Some(&id) != own && liveness(instances, &id) == Liveness::Lives)
}

/// Removes the files of crashed instances. If one cannot be removed, the next start checks the database again.
pub(crate) fn remove_files(instances: &Path, left: &[InstanceId]) {
    for id in left {
        match fs::remove_file(path_of(instances, id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, %id, "the file of a dead instance could not be removed");
            }
            _ => {}
        }
    }
}

fn path_of(instances: &Path, id: &InstanceId) -> PathBuf {
    instances.join(format!("{id}.lock"))
}

/// Parses the id from an instance's file name, which is a UUID.
fn id_in(name: &OsStr) -> Option<InstanceId> {
    let stem = name.to_str()?.strip_suffix(".lock")?;
    Uuid::try_parse(stem).ok()?;
    Some(InstanceId::from(stem.to_owned()))
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
        assert!(is_dead(folder.path(), &id), "its file lock is released");
        let left = find_crashed(folder.path()).unwrap();
        assert!(left.is_empty(), "it ended cleanly");
    }

    #[test]
    fn an_unlocked_file_is_a_crashed_instance_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let living = Instance::start(folder.path()).unwrap();
        let dead = InstanceId::fresh();
        fs::write(path_of(folder.path(), &dead), "").unwrap();

        let left = find_crashed(folder.path()).unwrap();
        assert_eq!(left, std::slice::from_ref(&dead));
        assert_eq!(
            find_crashed(folder.path()).unwrap(),
            left,
            "the proof stays until it is not needed any more"
        );
        remove_files(folder.path(), &left);
        assert!(find_crashed(folder.path()).unwrap().is_empty());
        remove_files(folder.path(), &[dead, InstanceId::fresh()]);
        assert!(!is_dead(folder.path(), living.id()), "the living stays");
        assert!(is_another_alive(folder.path(), None));
        assert!(!is_another_alive(folder.path(), Some(living.id())));
    }

    #[test]
    fn what_is_no_instances_is_left_alone_and_is_no_crash() {
        let folder = tempfile::tempdir().unwrap();
        let id = InstanceId::fresh();
        for name in ["@eaDir", &format!("{}.lock", InstanceId::fresh())] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for name in [
            ".DS_Store",
            "notes.lock",
            "x.txt",
            &format!("{id}.lock.bak"),
            &format!("{id}"),
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            fs::write(folder.path().join(OsStr::from_bytes(b"\xff.lock")), "").unwrap();
            // A dangling symbolic link, as a synchronized folder may contain.
            let link = path_of(folder.path(), &InstanceId::fresh());
            std::os::unix::fs::symlink("nowhere", link).unwrap();
        }
        let before = fs::read_dir(folder.path()).unwrap().count();
        let left = find_crashed(folder.path()).unwrap();
        assert!(left.is_empty(), "{left:?}");
        remove_files(folder.path(), &left);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
    }

    /// An instance that quits while another starts may remove its file at any moment.
    #[test]
    fn a_file_that_goes_meanwhile_is_no_crash_and_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    drop(Instance::start(folder.path()).unwrap());
                }
            });
            for _ in 0..2_000 {
                let left = find_crashed(folder.path()).unwrap();
                remove_files(folder.path(), &left);
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }
}
