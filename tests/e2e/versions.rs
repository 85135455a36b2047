//! Generating another version in the window: a good answer stays visible, and nothing after it is hidden.

use conch_fault_server::{Script, Step};
use serde_json::json;

use crate::Scene;

const AGAIN: &str = "[aria-label='Answer again']";

#[tokio::test(flavor = "multi_thread")]
async fn answering_again_that_fails_leaves_the_good_answer() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer("A good answer"));
    scene.send("hello").await;
    scene.wait_for_answer("complete", "A good answer").await;

    let refusal = r#"{"error":{"message":"Incorrect API key provided"}}"#;
    scene.server.push(Script::status(401, refusal));
    scene.window.click(AGAIN).await.unwrap();
    let said = "document.querySelector('.tried')?.innerText.includes('Incorrect API key provided')";
    scene.wait_until(said, "it is said why").await;
    scene.wait_for_answer("complete", "A good answer").await;
    assert!(!scene.is_disabled().await);

    let half = Script::new([Step::Head, Step::Delta("Half of".into()), Step::Close]);
    scene.server.push(half);
    scene.window.click(".tried .retry").await.unwrap();
    scene.window.find(".show-version").await.unwrap();
    scene.wait_for_answer("complete", "A good answer").await;
    scene.window.click(".show-version").await.unwrap();
    scene.wait_for_answer("interrupted", "Half of").await;
    let count = "return document.querySelector('.version-count').textContent;";
    assert_eq!(scene.run(count).await, json!("3/3"));

    scene.window.click(".version-previous").await.unwrap();
    scene.wait_for_answer("failed", "").await;
    scene
        .wait_until(
            "document.activeElement.className.includes('version-')",
            "the pager has the focus",
        )
        .await;
    scene.window.click(".version-previous").await.unwrap();
    scene.wait_for_answer("complete", "A good answer").await;

    scene.server.push(Script::answer("A better one"));
    scene.window.click(AGAIN).await.unwrap();
    scene.wait_for_answer("complete", "A better one").await;
    let none = "return document.querySelector('.tried');";
    assert_eq!(scene.run(none).await, json!(null));
    let messages = "return document.querySelectorAll('.message').length;";
    assert_eq!(scene.run(messages).await, json!(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_an_earlier_turn_hides_nothing() {
    let scene = Scene::open().await;
    let refusal = r#"{"error":{"message":"not now"}}"#;
    scene.server.push(Script::status(401, refusal));
    scene.send("one").await;
    scene.window.find(".retry").await.unwrap();
    scene.server.push(Script::answer("Second"));
    scene.send("two").await;
    scene.wait_for_answer("complete", "Second").await;
    let offered = "return document.querySelectorAll('.retry').length;";
    assert_eq!(scene.run(offered).await, json!(0), "something follows");

    // A program may still request it: the version gets its own branch, and the page only waits.
    let first = scene
        .run("return document.querySelectorAll('.message')[1].dataset.messageId;")
        .await;
    scene.server.push(Script::gated("hold", "", "At last"));
    let retried = json!({"messageId": first, "clientRequestId": "r1"});
    let retried = scene.invoke("generate_response", retried).await;
    scene
        .wait_until(
            "document.querySelector('#chat-input').disabled",
            "one answer at a time",
        )
        .await;
    scene.window.click("#send-button").await.unwrap();
    scene.window.find(".toast-error").await.unwrap();
    scene.server.gate("hold").open();
    scene
        .wait_until(
            "!document.querySelector('#chat-input').disabled",
            "it is free",
        )
        .await;
    scene.wait_for_answer("complete", "Second").await;
    let messages = "return document.querySelectorAll('.message').length;";
    assert_eq!(scene.run(messages).await, json!(4));
    let pager = "document.querySelector('.version-next')";
    scene
        .wait_until(pager, "the other version is within reach")
        .await;
    scene.run(&format!("{pager}.click();")).await;
    scene.wait_for_answer("complete", "At last").await;
    assert_eq!(scene.run(messages).await, json!(2));
    let there =
        json!({"conversationId": scene.conversation().await, "branchId": retried["branchId"]});
    let there = scene.invoke("get_conversation", there).await;
    assert_eq!(there["messages"][1]["content"], "At last");
    scene
        .run("document.querySelector('.version-previous').click();")
        .await;
    scene.wait_for_answer("complete", "Second").await;
    assert_eq!(scene.run(messages).await, json!(4));
}
