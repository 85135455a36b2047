//! The daily backup, made in the background while Conch runs.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::{Store, is_damage};

/// The delay of the first check after start-up, which has enough to do.
const FIRST: Duration = Duration::from_mins(2);

/// The interval between two checks.
const EVERY: Duration = Duration::from_hours(1);

/// Checks periodically whether a backup is due, until Conch quits. A failed backup is retried at the next
/// check, and blocks nothing.
pub(crate) async fn run(store: Store, clock: Arc<dyn Clock>, quitting: CancellationToken) {
    let mut pause = FIRST;
    while quitting
        .run_until_cancelled(tokio::time::sleep(pause))
        .await
        .is_some()
    {
        pause = EVERY;
        match store.back_up_daily(clock.now(), quitting.clone()).await {
            Ok(None) => {}
            Ok(Some(backup)) => tracing::info!(name = backup.name, "the daily backup was made"),
            Err(_) if quitting.is_cancelled() => return,
            Err(error) if is_damage(&error) => store.mark_damaged(&error.to_string()).await,
            Err(error) => tracing::warn!(%error, "the daily backup failed; retrying later"),
        }
    }
}
