//! Waiting for a condition that nothing reports.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::Error;

/// The timeout of a condition.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// The interval at which a condition is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Waits until a condition holds; `what` completes "waited in vain until …".
///
/// # Errors
/// The condition's own, and [`Error::TimedOut`] after half a minute.
pub async fn until<E: From<Error>>(
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<bool, E>,
) -> Result<(), E> {
    let deadline = Instant::now() + TIMEOUT;
    while !condition().await? {
        if Instant::now() > deadline {
            let what = what.to_owned();
            return Err(Error::TimedOut { what }.into());
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(())
}
