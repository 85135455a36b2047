//! Opening the data folder: one start at a time, on a drive that can hold a database, with the remains of dead
//! processes recovered before any command is answered.

use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::folder::{self, drive, drive::Drive};
use crate::live::aside::{Aside, SetAside};
use crate::lock::instance::{self, Instance};
use crate::model::{FencedWrite, LockReason, PauseReason};
use crate::start::{Notice, ProgressReporter, Stage};
use crate::store::{self, Store, StoreError, Transient};

/// How often a waiting start polls the start lock.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Delay before opening a database that another program holds is retried.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

/// An open data folder.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) instance: Instance,
    /// Answers of dead processes whose ending could not be stored.
    pub(crate) aside: SetAside,
}

/// Returns the folder of the live instances' files.
pub(crate) fn instances_of(folder: &Path) -> PathBuf {
    folder.join("instances")
}

/// Opens a data folder, waiting while another program holds the database, such as a backup program.
///
/// # Errors
/// As [`open`].
pub(crate) async fn open_when_free(
    folder: &Path,
    clock: &dyn Clock,
    reporter: &ProgressReporter,
) -> Result<Opened> {
    loop {
        match open(folder, clock, reporter).await {
            Err(Error::Store(error)) if error.transient() == Some(Transient::Busy) => {
                tracing::warn!(%error, "another program is using the database; retrying");
                reporter.enter(Stage::Busy);
                tokio::time::sleep(OPEN_AGAIN).await;
            }
            opened => return opened,
        }
    }
}

/// Opens a data folder, creating it if missing.
///
/// # Errors
/// When the folder or its database cannot be used; nothing in it is changed then.
async fn open(folder: &Path, clock: &dyn Clock, reporter: &ProgressReporter) -> Result<Opened> {
    let instances = instances_of(folder);
    let unwritable = |source| StoreError::DataFolderUnwritable {
        path: folder.to_owned(),
        source,
    };
    folder::make_data_folder(folder).map_err(unwritable)?;
    folder::restrict_files(folder);
    let drive = drive::of(folder);
    if drive == Drive::Unsafe {
        return Err(StoreError::UnsafeDrive {
            path: folder.to_owned(),
        }
        .into());
    }
    // One start at a time: two processes must not migrate or recover concurrently.
    let start_lock = start_lock(folder, reporter).await.map_err(unwritable)?;
    let instance = Instance::start(&instances).map_err(unwritable)?;
    if drive == Drive::Shared {
        if instance::is_another_alive(&instances, Some(instance.id())) {
            return Err(StoreError::OpenElsewhere {
                path: folder.to_owned(),
            }
            .into());
        }
        reporter.note(Notice::NetworkDrive);
    }
    let left = instance::find_crashed(&instances).map_err(unwritable)?;
    reporter.enter(Stage::Opening);
    let database = folder.join(store::DATABASE);
    let store =
        Store::open_with_progress(&database, !left.is_empty(), clock.now(), reporter).await?;
    reporter.enter(Stage::Recovering);
    let aside = SetAside::default();
    recover(&store, &instances, &instance, clock, &aside).await?;
    if !instance::is_another_alive(&instances, Some(instance.id())) {
        // What was left waiting goes nowhere until the user says so.
        store.pause_queues(PauseReason::Restarted).await?;
    }
    // Only now: these files are what requires the integrity check, so a start that fails must keep them.
    instance::remove_files(&instances, &left);
    drop(start_lock);
    Ok(Opened {
        store,
        instance,
        aside,
    })
}

/// Waits until no other process is starting. Polls, because a blocking wait for a file lock cannot be
/// cancelled.
async fn start_lock(folder: &Path, reporter: &ProgressReporter) -> io::Result<fs::File> {
    let mut options = folder::private();
    let start_lock = options.create(true).append(true);
    let start_lock = start_lock.open(folder.join("start.lock"))?;
    loop {
        match start_lock.try_lock() {
            Ok(()) => return Ok(start_lock),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        reporter.enter(Stage::Waiting);
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Releases the locks of dead processes, before any command is answered (I7). A lock that cannot be released is
/// set aside: one bad row must not make all others inaccessible.
async fn recover(
    store: &Store,
    instances: &Path,
    own: &Instance,
    clock: &dyn Clock,
    aside: &SetAside,
) -> Result<()> {
    for holder in store.holders().await? {
        if holder.instance_id == *own.id() || !instance::is_dead(instances, &holder.instance_id) {
            continue;
        }
        let branch = &holder.lease.branch_id;
        match store.recover(&holder, clock.now()).await {
            Ok(FencedWrite::Written) => {
                tracing::info!(%branch, "recovered the lock of a dead instance");
            }
            Ok(FencedWrite::Lost) => {}
            Err(error) => {
                tracing::warn!(%error, %branch, "a lock cannot be recovered; its answer is set aside");
                if error.is_damage() {
                    store.mark_damaged(&error.to_string()).await;
                }
                let ending = LockReason::Recovered.ending();
                aside.set(Aside::new(holder.lease, ending, None));
            }
        }
    }
    Ok(())
}
