//! What several tasks wait with: the standard library's locks and threads, tokio's times.
//!
//! `tests/proof` compiles what takes it from here a second time with a scheduler's in this module's place, and
//! tries random schedules: [`events`](crate::events), [`chat::live`](crate::chat), the provider's gate, the
//! keeper of keys and the sweeper.

use std::time::Duration;

pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::thread;
pub(crate) use tokio::time::{Instant, sleep_until};

/// What a future comes to; `None` when it takes longer.
pub(crate) async fn within<T>(patience: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(patience, future).await.ok()
}
