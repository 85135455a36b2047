//! The generation lock: the right to write an answer on a branch.
//!
//! The lock is a row in the database (see `migrations/`), next to the data it protects. The lease of its holder and
//! its durations are in [`model`](crate::model). This module owns the background work: the [`sweeper`] that releases
//! locks whose holder stopped renewing, the [`instance`] files that prove a process alive without a clock, and the
//! [`watch`] that polls the changes of other processes. The statements are in [`store`](crate::store), because a lock
//! and the data it protects change in one transaction.
//!
//! Sources: fencing tokens after
//! [Kleppmann](https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html); liveness
//! (heartbeat) separate from the run time limit after pg-boss; unchanged-record expiry after the `DynamoDB`
//! lock client.

pub(crate) mod due;
pub(crate) mod instance;
pub(crate) mod sweeper;
pub(crate) mod watch;
