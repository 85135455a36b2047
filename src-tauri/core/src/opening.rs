//! Opening the data folder: one start at a time, on a drive that can bear it, with what dead processes left
//! behind tidied up before any command is answered.

use std::fs::{self, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::clock::Clock;
use crate::error::Result;
use crate::folder::{self, drive, drive::Drive};
use crate::lock::Fenced;
use crate::lock::instance::{self, Instance};
use crate::start::{Notice, Stage, Teller};
use crate::store::{self, Store, StoreError};

/// How often a start that waits for another looks whether that one is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A data folder that is open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) instance: Instance,
}

/// Where the files of living instances are.
pub(crate) fn instances_of(folder: &Path) -> PathBuf {
    folder.join("instances")
}

/// Opens a data folder, making what is missing.
///
/// # Errors
/// When the folder or the database in it cannot be used; nothing in it was changed then.
pub(crate) async fn open(folder: &Path, clock: &dyn Clock, teller: &Teller) -> Result<Opened> {
    let instances = instances_of(folder);
    let unwritable = |source| StoreError::DataFolderUnwritable {
        path: folder.to_owned(),
        source,
    };
    folder::make(folder).map_err(unwritable)?;
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
    recover(&store, &instances, &instance, clock).await?;
    // Not before the check found nothing: they are what has it done.
    instance::forget(&instances, &left);
    drop(gate);
    Ok(Opened { store, instance })
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

/// Frees the locks of processes that are dead, before any command is answered (I7).
async fn recover(store: &Store, instances: &Path, own: &Instance, clock: &dyn Clock) -> Result<()> {
    for holder in store.holders().await? {
        if holder.instance_id != *own.id()
            && instance::is_dead(instances, &holder.instance_id)
            && store.recover(&holder, clock.now()).await? == Fenced::Written
        {
            tracing::info!(branch = %holder.lease.branch_id, "recovered the lock of a dead instance");
        }
    }
    Ok(store.index_answers().await?)
}
