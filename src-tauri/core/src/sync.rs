//! The locks of what several tasks share: the standard library's, and how long is waited for another task.
//!
//! `tests/proof` compiles [`events`](crate::events) and [`chat::live`](crate::chat) a second time with a
//! scheduler's locks in this module's place, and tries random schedules.

use std::time::Duration;

pub(crate) use std::sync::{Mutex, MutexGuard};

/// What a future comes to; `None` when it takes longer.
pub(crate) async fn within<T>(patience: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(patience, future).await.ok()
}
