//! Errors of the provider, the connection and the database are shown, and Retry recovers from them.

use std::time::Duration;

use conch_fault_server::{FaultServer, Script, Step};
use conch_window::Display;
use serde_json::json;
use tokio::time::timeout;

use crate::{Scene, environment, launch, open};

async fn wait_for_failure(scene: &Scene, reason: &str) {
    scene
        .wait_until(
            &format!(
                "document.querySelector('.message[data-status=failed]')?.innerText.includes({})",
                json!(reason)
            ),
            &format!("the failure says {reason}"),
        )
        .await;
    assert_eq!(scene.lock().await["locked"], json!(false));
    assert!(!scene.is_disabled().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_a_login_page_are_distinguished_and_retry_recovers() {
    let scene = Scene::open().await;
    scene.server.push(Script::status(
        401,
        r#"{"error":{"message":"Incorrect API key provided"}}"#,
    ));
    scene.send("hello").await;
    wait_for_failure(&scene, "Incorrect API key provided").await;

    let page = Step::status(200, &[("content-type", "text/html")], "<html>Log in</html>");
    scene.server.push(Script::new([page]));
    scene.window.click(".retry").await.unwrap();
    wait_for_failure(&scene, "text/html").await;

    scene.server.push(Script::answer("at last"));
    scene.window.click(".retry").await.unwrap();
    scene.wait_for_answer("complete", "at last").await;
    let messages = "return document.querySelectorAll('.message').length;";
    assert_eq!(
        scene.run(messages).await,
        json!(2),
        "a retry takes the failed answer's place"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_gone_is_named_and_one_that_came_back_is_used() {
    let mut scene = Scene::open().await;
    scene
        .wait_until(
            "document.querySelector('#model-picker').value",
            "the models are listed",
        )
        .await;
    let port = scene.server.port();
    scene.server = FaultServer::start().await;
    scene.send("hello").await;
    wait_for_failure(&scene, "Nothing is listening").await;

    scene.server = FaultServer::on_port(port).await;
    scene.window.click(".retry").await.unwrap();
    scene.wait_for_answer("complete", "Hello there.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_reported_and_left_alone() {
    let (folder, display) = (tempfile::tempdir().unwrap(), Display::find().unwrap());
    let file = folder.path().join("conch.db");
    std::fs::write(&file, "a shopping list, not a database").unwrap();
    let window = open(&display, folder.path(), None).await;

    let page = window.find("#fatal").await.unwrap().text().await.unwrap();
    assert!(page.contains("not a Conch database"), "{page}");
    assert_eq!(
        std::fs::read(&file).unwrap(),
        b"a shopping list, not a database"
    );
}

/// Takes a screenshot as an external WebDriver client does, without the WebKit variables of `Display`.
#[tokio::test(flavor = "multi_thread")]
async fn a_driver_gets_a_picture_of_a_page_at_rest() {
    let (folder, display) = (tempfile::tempdir().unwrap(), Display::find().unwrap());
    std::fs::write(folder.path().join("conch.db"), "no database").unwrap();
    let mut environment = environment(&display, folder.path());
    environment.retain(|(name, _)| !name.starts_with("WEBKIT_"));
    let window = launch(environment).await;
    window.find("#fatal").await.unwrap();
    for _ in 0..3 {
        let picture = timeout(Duration::from_secs(30), window.client().screenshot()).await;
        let picture = picture.expect("the driver answers").unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
    }
}
