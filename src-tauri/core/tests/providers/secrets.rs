//! A key leaves the core only for its provider.

use std::fmt::Write as _;
use std::io;
use std::process::Command;
use std::sync::{Arc, Mutex};

use conch_core::model::{KeyPlace, MessageStatus};
use conch_core::provider::KeyChange;
use conch_fault_server::Script;

use crate::{Fixture, send};

const CANARY: &str = "sk-canary-5f0e7d9c1b3a";

/// The captured log, at every level.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_key_is_in_no_log_no_database_no_answer_and_no_debug_output() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let fixture = Fixture::new().await;
    let mut output = String::new();

    let form = fixture.form(CANARY);
    write!(output, "{form:?}").unwrap();
    let test = fixture.app.providers.test(&form).await.unwrap();
    let saved = fixture.app.providers.save(&form).await.unwrap();
    let quotes_the_key =
        format!(r#"{{"error":{{"message":"Incorrect API key provided: {CANARY}"}}}}"#);
    for status in [401, 403, 400, 500, 503] {
        fixture
            .server
            .set_default_script(Script::status(status, &quotes_the_key));
        let id = fixture.conversation().await;
        let answer = fixture.answer(&id, "hello").await;
        assert_eq!(answer.status, MessageStatus::Failed);
        let told_why = &answer.error.as_ref().unwrap().message;
        assert!(
            told_why.contains("Incorrect API key provided: …1b3a"),
            "{told_why}"
        );
        write!(output, "{answer:?}").unwrap();
    }
    fixture.server.set_default_script(Script::new([
        conch_fault_server::Step::Head,
        conch_fault_server::Step::Error(serde_json::from_str(&quotes_the_key).unwrap()),
    ]));
    let id = fixture.conversation().await;
    let answer = fixture.answer(&id, "hello").await;
    write!(output, "{answer:?}").unwrap();
    let (app, models) = (
        &fixture.app,
        fixture.app.providers.models(true).await.unwrap(),
    );
    write!(output, "{app:?}{test:?}{saved:?}{models:?}").unwrap();
    write!(output, "{:?}", fixture.app.providers.list().await.unwrap()).unwrap();
    assert!(!output.contains(CANARY), "it was shown");

    // Instead of the keychain a file may hold it, after consent; no other file may.
    let mut in_file = fixture.form("");
    in_file.id = Some(saved.id);
    in_file.key = KeyChange::Set {
        key: CANARY.into(),
        place: KeyPlace::File,
    };
    fixture.app.providers.save(&in_file).await.unwrap();
    fixture.app.quit().await;
    let mut pending = vec![fixture.folder.path().to_owned()];
    let mut files = 0;
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        files += 1;
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes
            .windows(CANARY.len())
            .any(|window| window == CANARY.as_bytes());
        assert_eq!(found, path.ends_with("keys.json"), "{}", path.display());
    }
    assert!(files >= 2, "the database and the file of keys were read");
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(!logged.contains(CANARY), "it was logged");
    assert!(!logged.is_empty(), "something was logged");
}

/// The environment variable that makes the test below crash.
const CRASH: &str = "CONCH_TEST_CRASH";

#[tokio::test]
async fn a_key_is_in_no_crashs_output() {
    if std::env::var_os(CRASH).is_some() {
        crash().await;
    }
    let crashed = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "secrets::a_key_is_in_no_crashs_output"])
        .arg("--nocapture")
        .env(CRASH, "1")
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap();
    assert!(!crashed.status.success());
    let said = [crashed.stdout, crashed.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("the panic of an answer"), "{said}");
    assert!(said.contains("stack backtrace"), "{said}");
    assert!(!said.contains(CANARY), "the crash's output has the key");
}

/// Panics with everything that holds a key in the message, while an answer to a request with the key is
/// streaming.
async fn crash() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .init();
    let fixture = Fixture::new().await;
    let form = fixture.form(CANARY);
    fixture.app.providers.save(&form).await.unwrap();
    fixture
        .server
        .set_default_script(Script::gated("middle", "Hello", " there"));
    let id = fixture.conversation().await;
    send(&fixture.app, &id, "hello").await;
    fixture.server.wait_for_requests(1).await;
    let asked = fixture.server.completions();
    let key = asked[0].headers.get("authorization");
    assert!(key.unwrap().ends_with(CANARY), "the key is in use");
    panic!("the panic of an answer: {form:?} {:?}", fixture.app);
}
