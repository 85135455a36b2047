//! Which branch each window follows. One per window: a new one replaces the old, and a page that
//! reloads asks again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::{CancellationToken, DropGuard};

/// What each window follows, by its label.
#[derive(Debug, Default)]
pub struct Followers(Mutex<HashMap<String, DropGuard>>);

impl Followers {
    /// Ends what `window` followed so far, and returns what will end what it follows now.
    pub(crate) fn replace(&self, window: &str) -> CancellationToken {
        let token = CancellationToken::new();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(window.to_owned(), token.clone().drop_guard());
        token
    }
}
