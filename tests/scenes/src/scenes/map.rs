//! The map of branches, and the picker of many.

use conch_fault_server::{Script, Step};
use serde_json::{Value, json};

use crate::fixture::{BRANCHED, LONG, REASONED};
use crate::{Error, Fixture, Page, Scene};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("map", Fixture::Everyday, async |page| {
            page.open(LONG).await?;
            branch_out(page).await?;
            open_map(page).await
        }),
        Scene::new("map-many", Fixture::Branched, async |page| {
            page.open(BRANCHED).await?;
            states(page).await?;
            open_map(page).await?;
            page.run("document.querySelector('.map .graph').scrollTop = 0;")
                .await
                .map(drop)
        }),
        Scene::new("map-filter", Fixture::Branched, async |page| {
            page.open(BRANCHED).await?;
            open_map(page).await?;
            page.fill("#map-filter", "porto").await?;
            let few = "document.querySelectorAll('#map-tree .row').length < 60";
            page.wait_until(few, "few are left").await
        }),
        Scene::new("map-one-path", Fixture::Everyday, async |page| {
            page.open(REASONED).await?;
            page.press("#toggle-map").await?;
            page.wait_for("#fork-last").await
        }),
        Scene::new("branches-many", Fixture::Branched, async |page| {
            page.open(BRANCHED).await?;
            states(page).await?;
            page.press("#branch-picker").await?;
            page.wait_for("#branch-menu:popover-open .from").await
        }),
        Scene::new("branches-filter", Fixture::Branched, async |page| {
            page.open(BRANCHED).await?;
            page.press("#branch-picker").await?;
            page.fill("#branch-filter", "lisbon").await?;
            let few = "document.querySelectorAll('#branch-menu .branch').length < 12";
            page.wait_until(few, "few are left").await
        }),
    ]
}

async fn open_map(page: &Page<'_>) -> Result<(), Error> {
    page.press("#toggle-map").await?;
    page.wait_for("#map-tree .row[aria-selected=true]").await
}

/// Calls a command of the core with the shown conversation.
async fn call(page: &Page<'_>, command: &str, arguments: Value) -> Result<Value, Error> {
    let script = format!(
        "return window.__TAURI_INTERNALS__.invoke({},
           {{ conversationId: location.hash.slice(1), ...{arguments} }});",
        json!(command)
    );
    page.run(&script).await
}

/// Sends a message on a branch. Its answer is the stand-in's next one.
async fn send(page: &Page<'_>, branch: &Value, content: &str, policy: &str) -> Result<(), Error> {
    let message = json!({
        "branchId": branch, "content": content, "clientRequestId": content, "policy": policy,
    });
    call(page, "send_message", message).await.map(drop)
}

/// Waits until what the core says of a branch is so.
async fn wait_for_branch(page: &Page<'_>, branch: &Value, is_so: &str) -> Result<(), Error> {
    let key = json!(format!("{branch} {is_so}"));
    let so = format!(
        "window.__TAURI_INTERNALS__.invoke('get_tree', {{ conversationId: location.hash.slice(1) }})
           .then(({{ branches }}) => branches.find(({{ id }}) => id === {branch}))
           .then(({{ locked, status, queued }}) => {{ (window.known ??= {{}})[{key}] = {is_so}; }})
           && window.known?.[{key}]"
    );
    page.wait_until(&so, is_so).await
}

/// One branch answers and has a queue, one has failed; the rest is as it was.
async fn states(page: &Page<'_>) -> Result<(), Error> {
    call(page, "set_max_parallel", json!({"maxParallel": 4})).await?;
    let branches = call(page, "list_branches", json!({})).await?;
    let id = |at: usize| branches[at]["id"].clone();
    answering(page, &id(10)).await?;
    failed(page, &id(5)).await
}

async fn answering(page: &Page<'_>, branch: &Value) -> Result<(), Error> {
    page.cluster().push(page.unfinished("A moment: "));
    send(page, branch, "And in the evening?", "reject").await?;
    send(page, branch, "And on Sundays?", "queue").await?;
    send(page, branch, "And where do we park?", "queue").await?;
    wait_for_branch(page, branch, "locked && queued === 2").await
}

async fn failed(page: &Page<'_>, branch: &Value) -> Result<(), Error> {
    page.cluster()
        .push(Script::new([Step::refusal(401, &[], "no such key")]));
    send(page, branch, "Is it far from the station?", "reject").await?;
    wait_for_branch(page, branch, "status === 'failed'").await
}

/// Forks, an edited message and a second version of an answer.
async fn branch_out(page: &Page<'_>) -> Result<(), Error> {
    call(page, "set_max_parallel", json!({"maxParallel": 4})).await?;
    let view = call(page, "get_conversation", json!({})).await?;
    let message = |at: usize| view["messages"][at]["id"].clone();
    let main = &view["mainBranchId"];
    let mut forks = Vec::new();
    for (at, name) in [(1, "For children"), (3, "In numbers"), (3, "The short way")] {
        let fork = json!({"messageId": message(at), "name": name});
        let branch = call(page, "fork_branch", fork).await?;
        forks.push(branch["id"].clone());
    }
    page.cluster()
        .push(Script::answer("Like a swing that is pushed twice a day."));
    send(page, &forks[0], "Explain it to a child of six", "reject").await?;
    wait_for_branch(page, &forks[0], "!locked").await?;
    page.cluster()
        .push(Script::answer("Six metres at the most."));
    let edited = json!({
        "messageId": message(4), "content": "How high does it get at new moon?", "clientRequestId": "edit",
    });
    call(page, "edit_message", edited).await?;
    wait_for_branch(page, main, "!locked").await?;
    answering(page, &forks[1]).await?;
    failed(page, &forks[2]).await
}
