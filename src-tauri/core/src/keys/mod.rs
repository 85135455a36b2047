//! Where API keys are kept: the system's keychain, a file after consent, or only this run's memory.
//!
//! Which place a key is in is the caller's to know and to store; [`Keys`] goes to that place and to
//! no other, so a keychain that fails never turns into a file that nobody agreed to. A key has the
//! name of its provider *and* of the address it is for: a provider that is sent to another address
//! finds no key there, and none is told to a stranger.
//!
//! Keys leave this module only as [`SecretString`]s, for the one who sends the request. No error, log
//! line or `Debug` output has one in it, and [`redact()`] takes them out of what providers answer.

mod backend;
mod error;
mod file;
mod keychain;
mod memory;
mod name;
mod redact;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

pub use error::KeyError;
pub use name::{KeyName, KeyPlace};
pub use redact::{last_four, redact};

use backend::{BackendHandle, KeyBackend};
use file::KeyFile;
use keychain::OsKeychain;
use memory::Memory;

/// How long the keychain may take. It may be asking its user for a password, who may be away.
const KEYCHAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The keys of this run, and the ways to where they are kept.
///
/// What was stored or loaded is remembered, so that the keychain is asked once a run for each key.
#[derive(Debug)]
pub struct Keys {
    memory: Memory,
    keychain: BackendHandle,
    file: BackendHandle,
}

impl Keys {
    /// With the system's keychain, and `keys.json` in `data_folder`. Nothing is opened before it is
    /// needed.
    pub fn new(data_folder: &Path) -> Self {
        Self::with_keychain(data_folder, OsKeychain, KEYCHAIN_TIMEOUT)
    }

    /// With another keychain, which is given up on after `timeout`.
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

    /// Keeps `key` in `place`, over one of the same name that is there. It is remembered once it is
    /// kept, and not before.
    ///
    /// After [`KeychainTimedOut`](KeyError::KeychainTimedOut) the keychain may still take the key, when
    /// its user unlocks it.
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

    /// The key of this name in `place`, or none. Keys in the environment are not known here: they
    /// come with the [`Config`](crate::Config).
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
                // Another load of the same key may have had its answer while this one waited.
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

    /// Removes the key from memory, and from `place`, where it may be missing already. After an error
    /// it is forgotten for this run, but still in its place.
    pub async fn forget(&self, name: &KeyName, place: KeyPlace) -> Result<(), KeyError> {
        self.memory.forget(name, place);
        let Some(handle) = self.handle(place) else {
            return Ok(());
        };
        let (name, memory) = (name.clone(), self.memory.clone());
        handle
            .call(move |backend| {
                // A load that was on its way may have remembered it anew.
                memory.forget(&name, place);
                backend.delete(&name)
            })
            .await
    }

    /// The place's keeper. The session's keys are in memory only, the environment's are not ours.
    fn handle(&self, place: KeyPlace) -> Option<&BackendHandle> {
        match place {
            KeyPlace::Keychain => Some(&self.keychain),
            KeyPlace::File => Some(&self.file),
            KeyPlace::Session | KeyPlace::Environment => None,
        }
    }
}
