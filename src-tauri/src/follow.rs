//! Which branch each window follows. A window follows one at a time: a new subscription replaces the old one, and a
//! page that reloads subscribes again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::{CancellationToken, DropGuard};

/// The cancellation guard of each window's subscription, by window label.
#[derive(Debug, Default)]
pub struct Followers(Mutex<HashMap<String, DropGuard>>);

impl Followers {
    /// Cancels the current subscription of `window` and returns the token that cancels the next one.
    pub(crate) fn replace(&self, window: &str) -> CancellationToken {
        let token = CancellationToken::new();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(window.to_owned(), token.clone().drop_guard());
        token
    }
}
