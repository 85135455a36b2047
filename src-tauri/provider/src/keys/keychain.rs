//! The operating system's keychain: Keychain Services on macOS, the Credential Manager on Windows, elsewhere
//! the Secret Service on the session bus.
//!
//! Every error of the `keyring` crate is translated here and goes no further, because some of them contain
//! the bytes that were found.

use conch_model::KeyName;
use keyring::{Entry, Error};
use secrecy::{ExposeSecret, SecretString};

use super::KeyError;
use super::backend::KeyBackend;

/// The service name of Conch's entries in the keychain.
const SERVICE: &str = "app.conch.desktop";

/// The system's keychain. The first call connects to it, once per run.
#[derive(Debug)]
pub(super) struct OsKeychain;

impl KeyBackend for OsKeychain {
    fn read(&mut self, name: &KeyName) -> Result<Option<SecretString>, KeyError> {
        match entry(name)?.get_password() {
            Ok(key) => Ok(Some(key.into())),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(in_words(&error)),
        }
    }

    fn write(&mut self, name: &KeyName, key: &SecretString) -> Result<(), KeyError> {
        entry(name)?
            .set_password(key.expose_secret())
            .map_err(|error| in_words(&error))
    }

    fn delete(&mut self, name: &KeyName) -> Result<(), KeyError> {
        match entry(name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(in_words(&error)),
        }
    }
}

fn entry(name: &KeyName) -> Result<Entry, KeyError> {
    Entry::new(SERVICE, &name.to_string()).map_err(|error| {
        // Only the first attempt to connect reports why there is no keychain.
        let reason = Entry::store_status().as_ref().err();
        in_words(reason.unwrap_or(&error))
    })
}

fn in_words(error: &Error) -> KeyError {
    let entry = |reason: &str| KeyError::KeychainEntry {
        reason: reason.to_owned(),
    };
    match error {
        Error::NoStorageAccess(reason) => KeyError::KeychainRefused {
            reason: reason.to_string(),
        },
        Error::PlatformFailure(reason) => KeyError::KeychainUnavailable {
            reason: reason.to_string(),
        },
        Error::BadEncoding(_) => entry("it is not text"),
        Error::BadDataFormat(..) => entry("it is damaged"),
        Error::Ambiguous(_) => entry("there are several entries with this name"),
        Error::TooLong(what, limit) => {
            entry(&format!("its {what} is longer than {limit} characters"))
        }
        other => KeyError::KeychainUnavailable {
            reason: other.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_in_the_keychain_is_in_no_error() {
        let key = "sk-0123456789";
        for error in [
            Error::BadEncoding(key.into()),
            Error::BadDataFormat(key.into(), key.into()),
        ] {
            let error = in_words(&error);
            assert!(matches!(error, KeyError::KeychainEntry { .. }));
            assert!(!format!("{error} {error:?}").contains("0123"), "{error}");
        }
    }

    #[test]
    fn a_locked_keychain_and_a_missing_one_are_distinguished() {
        let locked = in_words(&Error::NoStorageAccess("prompt dismissed".into()));
        assert!(matches!(locked, KeyError::KeychainRefused { .. }));
        assert!(locked.to_string().contains("prompt dismissed"));

        let missing = in_words(&Error::PlatformFailure("no bus".into()));
        assert!(matches!(missing, KeyError::KeychainUnavailable { .. }));
        assert!(missing.to_string().contains("no bus"));
    }
}
