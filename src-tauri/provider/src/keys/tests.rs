//! Tests of the keys with a keychain that answers, one that fails, and one that hangs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;

const KEY: &str = "sk-0123456789";

/// Answers, and counts the calls.
#[derive(Default)]
struct Answering {
    entries: HashMap<KeyName, SecretString>,
    asked: Arc<AtomicUsize>,
}

impl KeyBackend for Answering {
    fn read(&mut self, name: &KeyName) -> Result<Option<SecretString>, KeyError> {
        self.asked.fetch_add(1, SeqCst);
        Ok(self.entries.get(name).cloned())
    }

    fn write(&mut self, name: &KeyName, key: &SecretString) -> Result<(), KeyError> {
        self.entries.insert(name.clone(), key.clone());
        Ok(())
    }

    fn delete(&mut self, name: &KeyName) -> Result<(), KeyError> {
        self.entries.remove(name);
        Ok(())
    }
}

struct Failing;

impl Failing {
    fn error<T>() -> Result<T, KeyError> {
        Err(KeyError::KeychainUnavailable {
            reason: "no bus".to_owned(),
        })
    }
}

impl KeyBackend for Failing {
    fn read(&mut self, _: &KeyName) -> Result<Option<SecretString>, KeyError> {
        Self::error()
    }

    fn write(&mut self, _: &KeyName, _: &SecretString) -> Result<(), KeyError> {
        Self::error()
    }

    fn delete(&mut self, _: &KeyName) -> Result<(), KeyError> {
        Self::error()
    }
}

/// Blocks, as a locked keychain does, until the other end of its channel is dropped.
struct Hanging {
    begun: Option<oneshot::Sender<()>>,
    gate: mpsc::Receiver<()>,
    keychain: Answering,
}

impl Hanging {
    fn wait(&mut self) {
        if let Some(begun) = self.begun.take() {
            let _ = begun.send(());
        }
        let _ = self.gate.recv();
    }
}

impl KeyBackend for Hanging {
    fn read(&mut self, name: &KeyName) -> Result<Option<SecretString>, KeyError> {
        self.wait();
        self.keychain.read(name)
    }

    fn write(&mut self, name: &KeyName, key: &SecretString) -> Result<(), KeyError> {
        self.wait();
        self.keychain.write(name, key)
    }

    fn delete(&mut self, name: &KeyName) -> Result<(), KeyError> {
        self.wait();
        self.keychain.delete(name)
    }
}

struct Panicking;

impl KeyBackend for Panicking {
    fn read(&mut self, _: &KeyName) -> Result<Option<SecretString>, KeyError> {
        panic!("a fault of the library")
    }

    fn write(&mut self, _: &KeyName, _: &SecretString) -> Result<(), KeyError> {
        panic!("a fault of the library")
    }

    fn delete(&mut self, _: &KeyName) -> Result<(), KeyError> {
        Ok(())
    }
}

fn keys(keychain: impl KeyBackend) -> (TempDir, Keys) {
    let folder = tempfile::tempdir().unwrap();
    let keys = Keys::with_keychain(folder.path(), keychain, KEYCHAIN_TIMEOUT);
    (folder, keys)
}

fn name() -> KeyName {
    KeyName::new("openai", "https://api.openai.com/v1").unwrap()
}

async fn load(keys: &Keys, place: KeyPlace) -> Option<String> {
    let key = keys.load(&name(), place).await.unwrap()?;
    Some(key.expose_secret().to_owned())
}

#[tokio::test]
async fn a_key_is_found_where_it_was_stored_and_nowhere_else() {
    for place in [KeyPlace::Keychain, KeyPlace::File, KeyPlace::Session] {
        let (_folder, keys) = keys(Answering::default());
        keys.store(&name(), KEY.into(), place).await.unwrap();
        for other in [KeyPlace::Keychain, KeyPlace::File, KeyPlace::Session] {
            let expected = (other == place).then_some(KEY);
            assert_eq!(load(&keys, other).await.as_deref(), expected, "{other:?}");
        }
        keys.forget(&name(), place).await.unwrap();
        assert_eq!(load(&keys, place).await, None);
    }
}

#[tokio::test]
async fn another_address_or_provider_gets_another_key() {
    let (_folder, keys) = keys(Answering::default());
    keys.store(&name(), KEY.into(), KeyPlace::Keychain)
        .await
        .unwrap();
    for (id, base_url) in [
        ("openai", "https://api.openai.com.example.com/v1"),
        ("openai", "http://api.openai.com/v1"),
        ("other", "https://api.openai.com/v1"),
    ] {
        let stranger = KeyName::new(id, base_url).unwrap();
        let key = keys.load(&stranger, KeyPlace::Keychain).await.unwrap();
        assert!(key.is_none(), "{stranger}");
    }
}

#[tokio::test]
async fn the_keychain_is_asked_once_a_run_for_each_key() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (_folder, keys) = keys(Answering {
        entries: HashMap::from([(name(), KEY.into())]),
        asked: Arc::clone(&asked),
    });
    let (first, second) = tokio::join!(
        load(&keys, KeyPlace::Keychain),
        load(&keys, KeyPlace::Keychain)
    );
    assert_eq!(
        (first.as_deref(), second.as_deref()),
        (Some(KEY), Some(KEY))
    );
    assert_eq!(load(&keys, KeyPlace::Keychain).await.as_deref(), Some(KEY));
    assert_eq!(asked.load(SeqCst), 1);
}

#[tokio::test]
async fn a_session_key_ends_with_the_run_and_a_key_in_the_file_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = || Keys::with_keychain(folder.path(), Failing, KEYCHAIN_TIMEOUT);
    let first = run();
    for place in [KeyPlace::File, KeyPlace::Session] {
        first.store(&name(), KEY.into(), place).await.unwrap();
    }
    let second = run();
    assert_eq!(load(&second, KeyPlace::File).await.as_deref(), Some(KEY));
    assert_eq!(load(&second, KeyPlace::Session).await, None);
}

#[tokio::test]
async fn a_key_in_the_environment_is_never_stored() {
    let (folder, keys) = keys(Answering::default());
    let refused = keys.store(&name(), KEY.into(), KeyPlace::Environment).await;
    assert!(matches!(refused, Err(KeyError::Environment)));
    assert_eq!(load(&keys, KeyPlace::Environment).await, None);
    keys.forget(&name(), KeyPlace::Environment).await.unwrap();
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[tokio::test]
async fn a_keychain_that_fails_says_why_and_the_key_goes_nowhere_else() {
    let (folder, keys) = keys(Failing);
    let refused = keys.store(&name(), KEY.into(), KeyPlace::Keychain).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("no bus"), "{message}");
    assert!(message.contains("until Conch quits"), "{message}");
    assert!(keys.load(&name(), KeyPlace::Keychain).await.is_err());
    assert_eq!(load(&keys, KeyPlace::Session).await, None);
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "no file");
}

#[tokio::test]
async fn a_key_that_the_keychain_keeps_after_all_is_forgotten_for_this_run() {
    let (_folder, keys) = keys(Failing);
    keys.memory
        .remember(&name(), KeyPlace::Keychain, KEY.into());
    assert!(keys.forget(&name(), KeyPlace::Keychain).await.is_err());
    assert!(keys.memory.recall(&name(), KeyPlace::Keychain).is_none());
}

#[tokio::test]
async fn a_keychain_that_hangs_is_given_up_on_and_holds_up_nothing() {
    let (closed, gate) = mpsc::channel();
    let (begun, has_begun) = oneshot::channel();
    let asked = Arc::new(AtomicUsize::new(0));
    let (_folder, keys) = keys(Hanging {
        begun: Some(begun),
        gate,
        keychain: Answering {
            entries: HashMap::from([(name(), KEY.into())]),
            asked: Arc::clone(&asked),
        },
    });
    let place = KeyPlace::Keychain;
    let name = name();
    let loading = keys.load(&name, place);
    // Paused time would run ahead of a thread that has not started yet.
    let passing = async {
        has_begun.await.unwrap();
        tokio::time::pause();
    };
    let (loaded, ()) = tokio::join!(loading, passing);
    let error = loaded.unwrap_err();
    assert!(
        matches!(error, KeyError::KeychainTimedOut { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("within 5 seconds"), "{error}");

    let waiting = keys.store(&name, "sk-never-kept".into(), place).await;
    assert!(matches!(waiting, Err(KeyError::KeychainTimedOut { .. })));
    keys.store(&name, KEY.into(), KeyPlace::File).await.unwrap();

    // Unlocked: use real time, because a real thread does the work.
    tokio::time::resume();
    drop(closed);
    assert_eq!(
        load(&keys, place).await.as_deref(),
        Some(KEY),
        "the abandoned store was executed"
    );
    assert_eq!(asked.load(SeqCst), 1, "the late answer was remembered");
}

#[tokio::test]
async fn a_keychain_that_panics_is_an_error_and_can_be_asked_again() {
    let (_folder, keys) = keys(Panicking);
    let error = keys.load(&name(), KeyPlace::Keychain).await.unwrap_err();
    assert!(matches!(error, KeyError::Panicked), "{error}");
    keys.forget(&name(), KeyPlace::Keychain).await.unwrap();
}

#[tokio::test]
async fn no_debug_output_shows_a_key() {
    let (_folder, keys) = keys(Answering::default());
    for place in [KeyPlace::Keychain, KeyPlace::File, KeyPlace::Session] {
        keys.store(&name(), KEY.into(), place).await.unwrap();
    }
    let shown = format!("{keys:#?}");
    assert!(shown.contains("api.openai.com"), "{shown}");
    assert!(!shown.contains("0123"), "{shown}");
}

#[test]
fn keys_can_be_shared_between_tasks() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Keys>();
}
