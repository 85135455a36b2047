//! The map of branches in the window.

use conch_fault_server::Script;
use serde_json::json;

use crate::Scene;
use crate::keyboard::press;

const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const UP: &str = "\u{e013}";
const LEFT: &str = "\u{e012}";
const MAP: &str = "\u{e009}\u{e008}B";

impl Scene {
    /// Waits until the focused row of the map begins with these words.
    async fn is_at(&self, words: &str) {
        let at = format!(
            "document.activeElement.role === 'treeitem' && document.activeElement.ariaLabel.startsWith({})",
            json!(words)
        );
        self.wait_until(&at, &format!("the focus is at {words}"))
            .await;
    }

    async fn call(&self, command: &str, mut arguments: serde_json::Value) -> serde_json::Value {
        arguments["conversationId"] = self.run("return location.hash.slice(1);").await;
        self.invoke(command, arguments).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_leads_to_every_end_by_keyboard() {
    let scene = Scene::open().await;
    scene.answered("one", "First").await;
    scene.answered("two", "Second").await;
    let view = scene.call("get_conversation", json!({})).await;
    let id = |at: usize| view["messages"][at]["id"].clone();

    press(&scene, MAP).await;
    let one = "document.activeElement.id === 'fork-last'";
    scene.wait_until(one, "there is one branch").await;
    press(&scene, ESCAPE).await;
    let closed =
        "document.querySelector('#map').hidden && document.activeElement.id === 'chat-input'";
    scene.wait_until(closed, "the composer has the focus").await;

    // An edit hides the end that was there, and another branch begins at the first answer.
    scene.server.push(Script::answer("Another second"));
    let edit = json!({"messageId": id(2), "content": "two and a half", "clientRequestId": "edit"});
    scene.call("edit_message", edit).await;
    scene
        .wait_for_texts("one|First|two and a half|Another second")
        .await;
    scene.wait_for_answer("complete", "Another second").await;
    let fork = json!({"messageId": id(1), "name": "Aside"});
    let branch = scene.call("fork_branch", fork).await;
    scene.server.push(Script::gated("hold", "There", ""));
    let there =
        json!({"branchId": branch["id"], "content": "elsewhere", "clientRequestId": "there"});
    scene.call("send_message", there).await;

    press(&scene, MAP).await;
    scene.is_at("main, two and a half, 2 messages, shown").await;
    press(&scene, UP).await;
    scene.is_at("Aside, elsewhere, 2 messages, answering").await;
    press(&scene, ENTER).await;
    scene.wait_for_texts("one|First|elsewhere|There").await;
    scene
        .is_at("Aside, elsewhere, 2 messages, answering, shown")
        .await;
    scene.server.gate("hold").open();
    scene.is_at("Aside, elsewhere, 2 messages, shown").await;

    press(&scene, UP).await;
    scene.is_at("two, 2 messages, on no branch").await;
    press(&scene, ENTER).await;
    scene.wait_for_texts("one|First|two|Second").await;
    scene.is_at("main, two, 2 messages, shown").await;
    press(&scene, LEFT).await;
    scene.is_at("one, 2 messages, on the shown branch").await;

    press(&scene, ESCAPE).await;
    scene.wait_until(closed, "the composer has the focus").await;

    // While an answer is being written, another end is only read.
    scene.server.push(Script::gated("later", "Third", ""));
    scene.send("three").await;
    scene
        .wait_for_texts("one|First|two|Second|three|Third")
        .await;
    press(&scene, MAP).await;
    scene.is_at("main, two, 4 messages, answering, shown").await;
    let hidden = "#map-tree [aria-label^='two and a half']";
    scene.window.click(hidden).await.unwrap();
    scene
        .wait_for_texts("one|First|two and a half|Another second")
        .await;
    scene.window.click("#back-to-answer").await.unwrap();
    scene
        .wait_for_texts("one|First|two|Second|three|Third")
        .await;
    scene.server.gate("later").open();
    scene.wait_for_answer("complete", "Third").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_are_renamed_and_deleted_by_keyboard_in_their_menu() {
    const F2: &str = "\u{e032}";
    const DELETE: &str = "\u{e017}";
    const TAB: &str = "\u{e004}";
    let scene = Scene::open().await;
    scene.answered("one", "First").await;
    let view = scene.call("get_conversation", json!({})).await;
    for number in 2..=9 {
        let name = format!("Way {number}");
        let fork = json!({"messageId": view["messages"][1]["id"], "name": name});
        scene.call("fork_branch", fork).await;
    }
    let rows = |count: usize| {
        format!("document.querySelectorAll('#branch-menu:popover-open .branch').length === {count}")
    };
    scene
        .wait_until("document.querySelector('#branch-picker')", "it is there")
        .await;
    scene.window.click("#branch-picker").await.unwrap();
    scene.wait_until(&rows(9), "all are listed").await;
    let from = "document.querySelector('#branch-menu .from')?.innerText.trim() === 'from one'";
    scene.wait_until(from, "it is said where each begins").await;
    press(&scene, "way 7").await;
    scene.wait_until(&rows(1), "one is left").await;
    press(&scene, "\u{e015}").await;
    press(&scene, F2).await;
    scene
        .wait_until(
            "document.activeElement.name === 'title'",
            "its name is asked for",
        )
        .await;
    press(&scene, "My way").await;
    press(&scene, ENTER).await;
    let named = async |name: &str| {
        let listed = scene.call("list_branches", json!({})).await;
        let names = listed.as_array().unwrap().iter();
        names.filter(|branch| branch["name"] == name).count()
    };
    let gone = "!document.querySelector('dialog')";
    scene.wait_until(gone, "the dialog is closed").await;
    scene.window.click("#branch-picker").await.unwrap();
    let renamed = "[...document.querySelectorAll('#branch-menu .name')].some((name) => name.textContent === 'My way')";
    scene.wait_until(renamed, "it has its name").await;
    assert_eq!(named("Way 7").await, 0);

    press(&scene, "my way").await;
    scene.wait_until(&rows(1), "it is found").await;
    press(&scene, "\u{e015}").await;
    press(&scene, DELETE).await;
    scene
        .wait_until("document.querySelector('dialog .danger')", "it is asked")
        .await;
    press(&scene, TAB).await;
    press(&scene, ENTER).await;
    scene.wait_until(gone, "the dialog is closed").await;
    scene.window.click("#branch-picker").await.unwrap();
    scene.wait_until(&rows(8), "it is gone").await;
    assert_eq!(named("My way").await, 0);
}
