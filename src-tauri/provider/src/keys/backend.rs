//! Persistent storage for keys, called without blocking anything else.
//!
//! A keychain may wait for its user, and while it waits it must block neither an answer nor the application's
//! exit. Hence each call runs on a separate thread: on shutdown, the runtime waits for its blocking tasks
//! only.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use conch_model::KeyName;
use secrecy::SecretString;
use tokio::sync::oneshot;

use super::KeyError;
use crate::sync::{Mutex, thread, within};

/// Persistent storage for keys. Its methods may block.
pub(crate) trait KeyBackend: Send + 'static {
    /// Returns the key of this name, or none.
    fn read(&mut self, name: &KeyName) -> Result<Option<SecretString>, KeyError>;

    /// Stores the key, replacing one of the same name.
    fn write(&mut self, name: &KeyName, key: &SecretString) -> Result<(), KeyError>;

    /// Deletes the key of this name, if there is one.
    fn delete(&mut self, name: &KeyName) -> Result<(), KeyError>;
}

/// A backend behind a mutex, called with a timeout.
pub(super) struct BackendHandle {
    backend: Arc<Mutex<dyn KeyBackend>>,
    timeout: Option<Duration>,
}

impl BackendHandle {
    /// Without `timeout`, calls wait indefinitely.
    pub(super) fn new(backend: impl KeyBackend, timeout: Option<Duration>) -> Self {
        Self {
            backend: Arc::new(Mutex::new(backend)),
            timeout,
        }
    }

    /// Runs `work` on the backend. After a timeout, work that has not started is skipped; work that has
    /// started finishes unobserved.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn KeyBackend) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let (answer, answered) = oneshot::channel();
        let backend = Arc::clone(&self.backend);
        let at_work = move || {
            let mut backend = backend.lock().unwrap_or_else(PoisonError::into_inner);
            if !answer.is_closed() {
                let _ = answer.send(work(&mut *backend));
            }
        };
        thread::Builder::new()
            .name("keys".to_owned())
            .spawn(at_work)
            .map_err(KeyError::NoThread)?;
        let answered = match self.timeout {
            Some(timeout) => within(timeout, answered)
                .await
                .ok_or(KeyError::KeychainTimedOut { after: timeout })?,
            None => answered.await,
        };
        answered.unwrap_or(Err(KeyError::Panicked))
    }
}

impl fmt::Debug for BackendHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendHandle")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
