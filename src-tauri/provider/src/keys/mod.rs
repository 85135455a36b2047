//! Storage of API keys: the system's keychain, a file after consent, or only this run's memory.
//!
//! The caller knows and stores which place holds a key; [`Keys`] uses that place and no other, so a keychain
//! that fails never falls back to a file without consent. A key is named after its provider *and* the origin
//! it is for: a provider whose address changes to another origin finds no key there, so no key is sent to an
//! unknown server.
//!
//! Keys leave this module only as [`SecretString`]s, for the code that sends the request. No error, log line
//! or `Debug` output contains one, and [`redact()`] removes them from providers' responses.

mod backend;
mod error;
mod file;
mod keychain;
mod memory;
mod redact;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use conch_model::{KeyName, KeyPlace};
use secrecy::SecretString;

pub use error::KeyError;
pub use redact::{last_four, redact};

use backend::{BackendHandle, KeyBackend};
use file::KeyFile;
use keychain::OsKeychain;
use memory::Memory;

/// Timeout of the keychain. It may be asking its user for a password, who may be away.
const KEYCHAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The keys of this run, and their storage backends.
///
/// Stored and loaded keys are cached, so that the keychain is read once per run for each key.
#[derive(Debug)]
pub struct Keys {
    memory: Memory,
    keychain: BackendHandle,
    file: BackendHandle,
}

impl Keys {
    /// Uses the system's keychain, and `keys.json` in `data_folder`. Nothing is opened before it is needed.
    pub fn new(data_folder: &Path) -> Self {
        Self::with_keychain(data_folder, OsKeychain, KEYCHAIN_TIMEOUT)
    }

    /// Uses another keychain, with a `timeout` per call.
    pub(crate) fn with_keychain(
        data_folder: &Path,
        keychain: impl KeyBackend,
        timeout: Duration,
    ) -> Self {
        Self {
            memory: Memory::default(),
            keychain: BackendHandle::new(keychain, Some(timeout)),
            file: BackendHandle::new(KeyFile::new(data_folder), None),
        }
    }

    /// Stores `key` in `place`, replacing one of the same name. It is cached only once it is stored.
    ///
    /// After [`KeychainTimedOut`](KeyError::KeychainTimedOut) the keychain may still store the key, when its
    /// user unlocks it.
    pub async fn store(
        &self,
        name: &KeyName,
        key: SecretString,
        place: KeyPlace,
    ) -> Result<(), KeyError> {
        if place == KeyPlace::Environment {
            return Err(KeyError::Environment);
        }
        let memory = self.memory.clone();
        let Some(handle) = self.handle(place) else {
            memory.remember(name, place, key);
            return Ok(());
        };
        let name = name.clone();
        handle
            .call(move |backend| {
                backend.write(&name, &key)?;
                memory.remember(&name, place, key);
                Ok(())
            })
            .await
    }

    /// Returns the key of this name in `place`, or none. Keys from the environment are not here: they come
    /// with the `Config`.
    pub async fn load(
        &self,
        name: &KeyName,
        place: KeyPlace,
    ) -> Result<Option<SecretString>, KeyError> {
        let remembered = self.memory.recall(name, place);
        let Some(handle) = self.handle(place).filter(|_| remembered.is_none()) else {
            return Ok(remembered);
        };
        let (name, memory) = (name.clone(), self.memory.clone());
        handle
            .call(move |backend| {
                // A concurrent load of the same key may have finished while this one waited.
                if let Some(key) = memory.recall(&name, place) {
                    return Ok(Some(key));
                }
                let key = backend.read(&name)?;
                if let Some(key) = &key {
                    memory.remember(&name, place, key.clone());
                }
                Ok(key)
            })
            .await
    }

    /// Deletes the key from the cache and from `place`, if it is there. After an error it is gone from the
    /// cache, but still in its place.
    pub async fn forget(&self, name: &KeyName, place: KeyPlace) -> Result<(), KeyError> {
        self.memory.forget(name, place);
        let Some(handle) = self.handle(place) else {
            return Ok(());
        };
        let (name, memory) = (name.clone(), self.memory.clone());
        handle
            .call(move |backend| {
                // A concurrent load may have cached it again.
                memory.forget(&name, place);
                backend.delete(&name)
            })
            .await
    }

    /// Returns the place's backend. Session keys are in memory only, and environment keys are not stored.
    fn handle(&self, place: KeyPlace) -> Option<&BackendHandle> {
        match place {
            KeyPlace::Keychain => Some(&self.keychain),
            KeyPlace::File => Some(&self.file),
            KeyPlace::Session | KeyPlace::Environment => None,
        }
    }
}
