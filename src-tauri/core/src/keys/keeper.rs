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
pub(crate) trait Keeper: Send + 'static {
    /// The key of this name, or none.
    fn read(&mut self, name: &KeyName) -> Result<Option<SecretString>, KeyError>;

    /// Keeps the key, over one of the same name.
    fn write(&mut self, name: &KeyName, key: &SecretString) -> Result<(), KeyError>;

    /// Removes the key of this name; one that is not there is removed already.
    fn delete(&mut self, name: &KeyName) -> Result<(), KeyError>;
}

/// A keeper, asked one thing at a time.
pub(super) struct Kept {
    keeper: Arc<Mutex<dyn Keeper>>,
    patience: Option<Duration>,
}

impl Kept {
    /// Without `patience` it is waited for as long as it takes.
    pub(super) fn new(keeper: impl Keeper, patience: Option<Duration>) -> Self {
        Self {
            keeper: Arc::new(Mutex::new(keeper)),
            patience,
        }
    }

    /// Has the keeper do `work`. Work that is given up on before its turn came is not done; work that
    /// had begun goes on unseen.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Keeper) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let (answer, answered) = oneshot::channel();
        let keeper = Arc::clone(&self.keeper);
        let at_work = move || {
            let mut keeper = keeper.lock().unwrap_or_else(PoisonError::into_inner);
            if !answer.is_closed() {
                let _ = answer.send(work(&mut *keeper));
            }
        };
        thread::Builder::new()
            .name("keys".to_owned())
            .spawn(at_work)
            .map_err(KeyError::NoThread)?;
        let answered = match self.patience {
            Some(patience) => within(patience, answered)
                .await
                .ok_or(KeyError::KeychainTimedOut { after: patience })?,
            None => answered.await,
        };
        answered.unwrap_or(Err(KeyError::Panicked))
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}
