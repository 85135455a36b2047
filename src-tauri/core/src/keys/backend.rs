//! A place that keeps keys beyond this run, asked without holding up anything else.
//!
//! A keychain may wait for its user, and one that waits must hold up neither an answer nor the
//! application's end. Hence each call has a thread of its own: the runtime waits for its blocking
//! tasks before it ends, and for nothing else.

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::oneshot;

use super::{KeyError, KeyName};
use crate::sync::{Mutex, thread, within};

/// A place that keeps keys beyond this run. It may block.
pub(crate) trait KeyBackend: Send + 'static {
    /// The key of this name, or none.
    fn read(&mut self, name: &KeyName) -> Result<Option<SecretString>, KeyError>;

    /// Keeps the key, over one of the same name.
    fn write(&mut self, name: &KeyName, key: &SecretString) -> Result<(), KeyError>;

    /// Removes the key of this name; one that is not there is removed already.
    fn delete(&mut self, name: &KeyName) -> Result<(), KeyError>;
}

/// A keeper, asked one thing at a time.
pub(super) struct BackendHandle {
    backend: Arc<Mutex<dyn KeyBackend>>,
    timeout: Option<Duration>,
}

impl BackendHandle {
    /// Without `timeout` it is waited for as long as it takes.
    pub(super) fn new(backend: impl KeyBackend, timeout: Option<Duration>) -> Self {
        Self {
            backend: Arc::new(Mutex::new(backend)),
            timeout,
        }
    }

    /// Has the keeper do `work`. Work that is given up on before its turn came is not done; work that
    /// had begun goes on unseen.
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
