//! Synchronization primitives: the standard library's locks and threads, tokio's timers.
//!
//! `tests/proof` compiles the modules that import from here a second time, with a scheduler's primitives in
//! place of this module, and tries random schedules: the gate and the keeper of keys.

use std::time::Duration;

pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::thread;
pub(crate) use tokio::time::{Instant, sleep_until};

/// Returns the future's output, or `None` if it times out.
pub(crate) async fn within<T>(timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(timeout, future).await.ok()
}
