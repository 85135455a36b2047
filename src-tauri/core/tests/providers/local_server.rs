//! End to end against a third-party model server: llama.cpp's, from `llama-cpp-python[server]` on PyPI,
//! with the embedded model's file. Skipped, with a message, where it is not installed.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use conch_core::model::{FinishReason, MessageStatus, Parameters};
use conch_core::provider::{KeyChange, ProviderForm};

use crate::Fixture;

/// The interval at which the server's start is polled.
const LOOK_EVERY: Duration = Duration::from_millis(50);

struct Server {
    process: Child,
    base_url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts the server, or returns which prerequisite is missing.
    fn start() -> Result<Self, &'static str> {
        let model = std::env::var_os("CONCH_MODEL_FILE").map(PathBuf::from);
        let model = model.filter(|file| file.is_file());
        let model = model.ok_or("CONCH_MODEL_FILE names no model")?;
        let installed = Command::new("python3")
            .args(["-c", "import llama_cpp.server, uvicorn"])
            .stderr(Stdio::null())
            .status();
        if !installed.is_ok_and(|status| status.success()) {
            return Err("`python3 -m pip install 'llama-cpp-python[server]'` was not done");
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new("python3")
            .args([
                "-m",
                "llama_cpp.server",
                "--host",
                "127.0.0.1",
                "--n_ctx",
                "512",
            ])
            .args(["--port", &port.to_string(), "--model"])
            .arg(model)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Ok(Self {
            process,
            base_url: format!("http://127.0.0.1:{port}/v1"),
        })
    }
}

#[tokio::test]
async fn a_real_model_server_is_found_out_about_and_answers() {
    let server = match Server::start() {
        Ok(server) => server,
        Err(missing) => {
            use std::io::Write;
            // Bypasses the harness, which captures the output of a passing test.
            let _ = writeln!(std::io::stderr(), "local_server was skipped: {missing}");
            return;
        }
    };
    let fixture = Fixture::new().await;
    let form = ProviderForm {
        id: None,
        preset: "llamacpp".to_owned(),
        name: String::new(),
        base_url: server.base_url.clone(),
        max_parallel: 1,
        key: KeyChange::Keep,
        consent: None,
    };
    // The server loads its model first.
    let begun = tokio::time::Instant::now();
    let tested = loop {
        let tested = fixture.app.providers.test(&form).await.unwrap();
        if tested.models.is_some() || begun.elapsed().as_secs() > 60 {
            break tested;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    assert_eq!(tested.models, Some(1), "{tested:?}");
    fixture.app.providers.save(&form).await.unwrap();

    let id = fixture.conversation().await;
    let brief = Parameters {
        max_tokens: Some(8),
        temperature: Some(0.0),
        ..Parameters::default()
    };
    fixture
        .app
        .conversations
        .set_parameters(&id, brief)
        .await
        .unwrap();
    let answer = fixture.answer(&id, "Count from one to fifty.").await;
    assert_eq!(answer.status, MessageStatus::Complete, "{answer:?}");
    assert_eq!(answer.finish_reason, Some(FinishReason::Length));
    assert!(!answer.content().is_empty());
}
