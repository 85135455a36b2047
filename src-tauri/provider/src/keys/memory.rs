//! A cache of the keys that this run has used. They are zeroized on drop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use conch_model::{KeyName, KeyPlace};
use secrecy::SecretString;

type Remembered = HashMap<(KeyName, KeyPlace), SecretString>;

/// Clones share the same cache.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Remembered>>);

impl Memory {
    pub(super) fn recall(&self, name: &KeyName, place: KeyPlace) -> Option<SecretString> {
        self.lock().get(&(name.clone(), place)).cloned()
    }

    pub(super) fn remember(&self, name: &KeyName, place: KeyPlace, key: SecretString) {
        self.lock().insert((name.clone(), place), key);
    }

    pub(super) fn forget(&self, name: &KeyName, place: KeyPlace) {
        self.lock().remove(&(name.clone(), place));
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        // No critical section can leave a partial change, so a poisoned lock is safe to use.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
