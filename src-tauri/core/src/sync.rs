//! Synchronization primitives: the standard library's locks and threads, tokio's timers.
//!
//! `tests/proof` compiles the modules that import from here a second time, with a scheduler's primitives in
//! place of this module, and tries random schedules: [`live`](crate::live) and the sweeper.

use std::time::Duration;

pub(crate) use std::sync::{Mutex, MutexGuard};

/// Returns the future's output, or `None` if it times out.
pub(crate) async fn within<T>(timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(timeout, future).await.ok()
}
