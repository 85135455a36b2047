//! Opening the data folder: one start at a time, on a drive that can bear it, with what dead processes left
//! behind tidied up before any command is answered.

use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::chat::aside::{Aside, SetAside};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::folder::{self, drive, drive::Drive};
use crate::lock::instance::{self, Instance};
use crate::lock::{Fenced, LockReason};
use crate::start::{Notice, Stage, Teller};
use crate::store::{self, Passing, Store, StoreError};

/// How often a start that waits for another looks whether that one is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How soon a database that another program holds is tried again.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

/// A data folder that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) instance: Instance,
    /// Answers of dead processes whose end could not be stored.
    pub(crate) aside: SetAside,
}

/// Where the files of living instances are.
pub(crate) fn instances_of(folder: &Path) -> PathBuf {
    folder.join("instances")
}

/// Opens a data folder, and waits for other programs that hold the database in it: a backup's, say.
///
/// # Errors
/// As [`open`].
pub(crate) async fn open_when_free(
    folder: &Path,
    clock: &dyn Clock,
    teller: &Teller,
) -> Result<Opened> {
    loop {
        match open(folder, clock, teller).await {
            Err(Error::Store(error)) if error.passing() == Some(Passing::Busy) => {
                tracing::warn!(%error, "the database is held by another program; it is tried again");
                teller.enter(Stage::Busy);
                tokio::time::sleep(OPEN_AGAIN).await;
            }
            opened => return opened,
        }
    }
}

/// Opens a data folder, making what is missing.
///
/// # Errors
/// When the folder or the database in it cannot be used; nothing in it was changed then.
async fn open(folder: &Path, clock: &dyn Clock, teller: &Teller) -> Result<Opened> {
    let instances = instances_of(folder);
    let unwritable = |source| StoreError::DataFolderUnwritable {
        path: folder.to_owned(),
        source,
    };
    folder::make_data_folder(folder).map_err(unwritable)?;
    folder::close_files(folder);
    let drive = drive::of(folder);
    if drive == Drive::Unsafe {
        return Err(StoreError::UnsafeDrive {
            path: folder.to_owned(),
        }
        .into());
    }
    // One start at a time: migrations and recovery must not meet themselves in another process.
    let gate = gate(folder, teller).await.map_err(unwritable)?;
    let instance = Instance::start(&instances).map_err(unwritable)?;
    if drive == Drive::Shared {
        if instance::another_lives(&instances, Some(instance.id())) {
            return Err(StoreError::OpenElsewhere {
                path: folder.to_owned(),
            }
            .into());
        }
        teller.note(Notice::NetworkDrive);
    }
    let left = instance::left_behind(&instances).map_err(unwritable)?;
    teller.enter(Stage::Opening);
    let database = folder.join(store::DATABASE);
    let store = Store::open_telling(&database, !left.is_empty(), clock.now(), teller).await?;
    teller.enter(Stage::Recovering);
    let aside = SetAside::default();
    recover(&store, &instances, &instance, clock, &aside).await?;
    // Not before the check found nothing: they are what has it done.
    instance::forget(&instances, &left);
    drop(gate);
    Ok(Opened {
        store,
        instance,
        aside,
    })
}

/// Waits until no other process is starting. Asked again and again, because a lock that is waited for
/// cannot be given up.
async fn gate(folder: &Path, teller: &Teller) -> io::Result<fs::File> {
    let mut options = folder::private();
    let gate = options.create(true).append(true);
    let gate = gate.open(folder.join("start.lock"))?;
    loop {
        match gate.try_lock() {
            Ok(()) => return Ok(gate),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        teller.enter(Stage::Waiting);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Frees the locks of processes that are dead, before any command is answered (I7). What cannot be freed is
/// set aside: one bad row must not keep all others from the user.
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
            Ok(Fenced::Written) => tracing::info!(%branch, "recovered the lock of a dead instance"),
            Ok(Fenced::Lost) => {}
            Err(error) => {
                tracing::warn!(%error, %branch, "a lock cannot be recovered; its answer is set aside");
                if error.is_damage() {
                    store.found_damage(&error.to_string()).await;
                }
                let ending = LockReason::Recovered.ending();
                aside.set(Aside::new(holder.lease, ending, None));
            }
        }
    }
    Ok(())
}
