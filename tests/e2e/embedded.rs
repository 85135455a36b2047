//! The bundled model, from the first start, without a provider.

use std::path::Path;

use conch_window::{Display, has_ended};
use serde_json::json;

use crate::process::environment_of;
use crate::{open, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_model_answers_and_ends_with_its_parent() {
    let (folder, display) = (tempfile::tempdir().unwrap(), Display::find().unwrap());
    if let Some(model) = std::env::var_os("CONCH_MODEL_FILE") {
        let models = folder.path().join("models");
        std::fs::create_dir(&models).unwrap();
        let name = Path::new(&model).file_name().unwrap();
        std::os::unix::fs::symlink(&model, models.join(name)).unwrap();
    }
    let window = open(&display, folder.path(), None).await;
    window
        .wait_until(
            "document.querySelector('#composer-note').innerText.includes('often wrong')",
            "it is labelled",
        )
        .await
        .unwrap();
    window
        .type_text("#chat-input", "What is the capital of France?")
        .await
        .unwrap();
    window.click("#send-button").await.unwrap();
    window
        .wait_until(
            "document.querySelector('.message[data-role=assistant][data-status=complete]')",
            "it answered",
        )
        .await
        .unwrap();
    let answer = window
        .run("return document.querySelector('[data-role=assistant] .text').textContent;")
        .await
        .unwrap();
    assert!(answer.as_str().unwrap().contains("Paris"), "{answer}");
    let stored = window
        .invoke("list_conversations", json!({}))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored[0]["busy"], json!(false));

    let engine = engine_of(window.application().unwrap()).expect("the engine runs as a child");
    // Where only root may read the process's environment, there is nothing to check.
    if let Some(shown) = environment_of(engine) {
        let needed = shown.contains("PATH=") && !shown.contains("CONCH_DATA_DIR=");
        assert!(needed, "it is given only what it needs: {shown}");
    }
    window.kill().await.unwrap();
    until("the engine has ended", async || has_ended(engine)).await;
}

/// Returns the process id of the embedded engine, a child of the application.
fn engine_of(application: u32) -> Option<u32> {
    let threads = std::fs::read_dir(format!("/proc/{application}/task")).ok()?;
    let children = threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let children: String = children.collect::<Vec<_>>().join(" ");
    children
        .split_whitespace()
        .filter_map(|id| id.parse().ok())
        .find(|id: &u32| {
            let command = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            command
                .split(|byte| *byte == 0)
                .any(|argument| argument == b"engine")
        })
}
