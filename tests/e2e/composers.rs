//! The composers of branches in the window: each keeps what waits in it, through a switch and a restart.

use conch_fault_server::Script;
use serde_json::json;

use crate::{Scene, until};

impl Scene {
    async fn wait_for_branch(&self, name: &str) {
        let shown =
            format!("document.querySelector('#branch-picker')?.innerText.trim() === '{name}'");
        self.wait_until(&shown, name).await;
    }

    /// Shows the branch at this place of the menu, counted from 1.
    async fn switch_to(&self, place: u32, name: &str) {
        self.window.click("#branch-picker").await.unwrap();
        let row = format!("#branch-menu li:nth-child({place}) .branch");
        self.window.click(&row).await.unwrap();
        self.wait_for_branch(name).await;
    }

    async fn wait_for_draft(&self, text: &str) {
        let typed = format!("document.querySelector('#chat-input').value === {text:?}");
        self.wait_until(&typed, "the draft of the branch").await;
    }

    async fn type_and_wait_until_saved(&self, text: &str, branch: serde_json::Value) {
        self.window.type_text("#chat-input", text).await.unwrap();
        let arguments = json!({"conversationId": self.conversation().await, "branchId": branch});
        until("the draft is saved", async || {
            let view = self.invoke("get_conversation", arguments.clone()).await;
            view["draft"] == json!(text)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_on_a_branch_stays_there() {
    let scene = Scene::open().await;
    scene.server.push(Script::answer("First"));
    scene.send("one").await;
    scene.wait_for_answer("complete", "First").await;
    scene
        .type_and_wait_until_saved("for main", json!(null))
        .await;
    scene.window.click(".fork-branch").await.unwrap();
    scene.wait_for_branch("Branch 2").await;
    scene.wait_for_draft("").await;
    let id = json!({"conversationId": scene.conversation().await});
    let branches = scene.invoke("list_branches", id).await;
    let fork = branches[1]["id"].clone();
    scene
        .type_and_wait_until_saved("for the fork", fork.clone())
        .await;
    scene.switch_to(1, "main").await;
    scene.wait_for_draft("for main").await;

    let scene = scene.kill_and_reopen().await;
    scene.wait_for_branch("main").await;
    scene.wait_for_draft("for main").await;
    scene.switch_to(2, "Branch 2").await;
    scene.wait_for_draft("for the fork").await;

    // A send takes the draft of its branch alone.
    scene.server.push(Script::answer("Second"));
    scene
        .window
        .type_text("#chat-input", "\u{e007}")
        .await
        .unwrap();
    scene.wait_for_answer("complete", "Second").await;
    scene.wait_for_draft("").await;
    scene.switch_to(1, "main").await;
    scene.wait_for_draft("for main").await;
}
