//! The key keeper: every call returns, and a keychain that hangs blocks only its own callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use shuttle::future;
use shuttle::sync::{Condvar, Mutex};

use crate::KeyError;
use crate::backend::{BackendHandle, KeyBackend};
use crate::model::KeyName;
use crate::sync;

const TIMEOUT: Duration = Duration::from_secs(5);

/// The key whose read blocks on its user.
const HANGING: &str = "hanging";

/// A backend that has a key for every name, and hangs for one until its user comes.
#[derive(Clone, Default)]
struct FakeKeyStore(Arc<(Mutex<bool>, Condvar)>);

impl FakeKeyStore {
    fn user_comes(&self) {
        let mut came = self.0.0.lock().expect("no holder panics");
        *came = true;
        self.0.1.notify_all();
    }
}

impl KeyBackend for FakeKeyStore {
    fn read(&mut self, name: &KeyName) -> Result<Option<SecretString>, KeyError> {
        if name.provider_id() == HANGING {
            let mut came = self.0.0.lock().expect("no holder panics");
            while !*came {
                came = self.0.1.wait(came).expect("no holder panics");
            }
        }
        Ok(Some(SecretString::from(name.provider_id())))
    }

    fn write(&mut self, _name: &KeyName, _key: &SecretString) -> Result<(), KeyError> {
        Ok(())
    }

    fn delete(&mut self, _name: &KeyName) -> Result<(), KeyError> {
        Ok(())
    }
}

/// Two calls go to a keychain that hangs on one of them, and one goes to a file. The keychain's user comes only after
/// all calls have returned, so that none returns because of it.
pub(super) fn a_hanging_keychain_blocks_only_its_own_callers() {
    sync::begin(true);
    let user = FakeKeyStore::default();
    let keychain = Arc::new(BackendHandle::new(user.clone(), Some(TIMEOUT)));
    let file = BackendHandle::new(FakeKeyStore::default(), None);
    let given_up = Arc::new(AtomicBool::new(false));
    let hanging = future::spawn(call(Arc::clone(&keychain), HANGING, None));
    let behind = future::spawn({
        let given_up = Arc::clone(&given_up);
        async move {
            let answer = call(keychain, "behind", Some(Arc::clone(&given_up))).await;
            if answer.is_err() {
                given_up.store(true, Ordering::SeqCst);
            }
            answer
        }
    });
    let beside = future::spawn(call(Arc::new(file), "beside", None));
    future::block_on(async move {
        let key = beside.await.expect("it is answered");
        assert_eq!(key.ok().as_deref(), Some("beside"));
        let timed_out = Err(KeyError::KeychainTimedOut { after: TIMEOUT }.to_string());
        let hung = hanging.await.expect("it is answered");
        assert_eq!(hung.map_err(|error| error.to_string()), timed_out);
        let key = behind.await.expect("it is answered");
        let key = key.map_err(|error| error.to_string());
        assert!(
            key == Ok("behind".to_owned()) || key == timed_out,
            "{key:?}"
        );
        user.user_comes();
    });
}

/// Reads the key of that name, and asserts that the call is not executed after its caller gave up on it.
async fn call(
    handle: Arc<BackendHandle>,
    name: &'static str,
    given_up: Option<Arc<AtomicBool>>,
) -> Result<String, KeyError> {
    use secrecy::ExposeSecret;

    let key = handle
        .call(move |backend| {
            let late = given_up.is_some_and(|given_up| given_up.load(Ordering::SeqCst));
            assert!(!late, "an abandoned operation was executed");
            let name = KeyName::new(name, "https://api.example.com").expect("an origin");
            backend.read(&name)
        })
        .await?;
    Ok(key.map_or_else(String::new, |key| key.expose_secret().to_owned()))
}
