//! Stop: early, late and stale.

use conch_fault_server::Script;
use serde_json::json;

use crate::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn stop_before_the_first_token_stops() {
    let scene = Scene::open().await;
    scene.server.push(Script::gated("never", "", "too late"));
    scene.send("hello").await;
    scene.window.click("#stop-button").await.unwrap();
    scene.wait_for_answer("stopped", "").await;
    scene
        .wait_until(
            "!document.querySelector('#stop-button')",
            "Stop is gone with the answer",
        )
        .await;
    assert_eq!(scene.lock().await["locked"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_in_mid_answer_keeps_the_text_and_ends_the_request() {
    let scene = Scene::open().await;
    scene
        .server
        .push(Script::gated("never", "the first half", "too late"));
    scene.send("hello").await;
    scene.wait_for_answer("generating", "the first half").await;
    scene.window.click("#stop-button").await.unwrap();
    scene.wait_for_answer("stopped", "the first half").await;
    scene.server.wait_for_disconnects(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_stop_leaves_the_next_answer_alone() {
    let scene = Scene::open().await;
    scene.server.push(Script::gated("one", "", "first"));
    scene.send("one").await;
    scene.server.wait_for_requests(1).await;
    let stale = scene.lock().await["generationId"].clone();
    scene.server.gate("one").open();
    scene.wait_for_answer("complete", "first").await;
    scene.server.push(Script::gated("two", "sec", "ond"));
    scene.send("two").await;
    scene.wait_for_answer("generating", "sec").await;

    let stopped = scene
        .invoke("stop_generation", json!({"generationId": stale}))
        .await;
    assert_eq!(stopped, json!({"stopped": false}));
    scene.server.gate("two").open();
    scene.wait_for_answer("complete", "second").await;
}
