//! The queue, and the ways out of a refusal.

use conch_fault_server::Script;
use serde_json::json;

use crate::fixture::SHORT;
use crate::{Error, Fixture, Page, Scene};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("refused-with-text", Fixture::Everyday, async |page| {
            answering(page).await?;
            page.fill("#next-input", "And which of them is the fastest?")
                .await?;
            page.press("#send-button").await?;
            page.wait_for(".toast-action[data-action=queue]").await?;
            page.hold_toast().await
        }),
        Scene::new("queue", Fixture::Everyday, async |page| {
            queued(page).await?;
            page.paste("#chat-input", "").await
        }),
        Scene::new("queue-edit", Fixture::Everyday, async |page| {
            queued(page).await?;
            page.press(".queued-message:nth-child(2) .edit-queued")
                .await?;
            page.wait_for(".queued-input").await
        }),
        Scene::new("queue-paused", Fixture::Everyday, async |page| {
            queued(page).await?;
            page.press("#stop-button").await?;
            page.wait_for("#queue[data-paused]").await
        }),
        Scene::new("send-policy", Fixture::Everyday, async |page| {
            page.open(SHORT[1]).await?;
            page.press("#open-parameters").await?;
            page.press("#send-policy").await
        }),
        Scene::new("queue-removed", Fixture::Everyday, async |page| {
            queued(page).await?;
            page.press(".queued-message:nth-child(2) .remove-queued")
                .await?;
            page.hold_toast().await
        }),
        Scene::new("queue-full", Fixture::Everyday, async |page| {
            answering(page).await?;
            set_policy(page, "queue").await?;
            for number in 1..=10 {
                page.send(&format!("Then one that has {number} letters"))
                    .await?;
                page.wait_for(&format!(".queued-message:nth-child({number})"))
                    .await?;
            }
            page.send("And one that a child would choose").await?;
            page.hold_toast().await
        }),
        Scene::new("interrupted-by-send", Fixture::Everyday, async |page| {
            send_by(page, "interrupt").await
        }),
        Scene::new("rolled-back", Fixture::Everyday, async |page| {
            send_by(page, "rollback").await?;
            page.wait_for(".version-count").await
        }),
    ]
}

/// A message is sent by a policy while an answer is being written, and answered.
async fn send_by(page: &Page<'_>, policy: &str) -> Result<(), Error> {
    answering(page).await?;
    set_policy(page, policy).await?;
    page.cluster().push(Script::answer(
        "**Skua**: short, and quick to say over the radio.",
    ));
    page.send("One syllable or two at the most, please.")
        .await?;
    page.wait_for_text("Skua").await?;
    page.wait_for_status("complete").await
}

/// Sets what a send to the shown conversation does while an answer is being written.
async fn set_policy(page: &Page<'_>, policy: &str) -> Result<(), Error> {
    let set = format!(
        "return window.__TAURI_INTERNALS__.invoke('set_send_policy',
           {{ conversationId: location.hash.slice(1), policy: {} }});",
        json!(policy)
    );
    page.run(&set).await?;
    page.wait_until(
        "!document.querySelector('#chat-input').disabled",
        "the input is open",
    )
    .await
}

/// An answer is being written.
async fn answering(page: &Page<'_>) -> Result<(), Error> {
    page.open(SHORT[1]).await?;
    page.cluster()
        .push(page.unfinished("A **gannet** is fast in the air, but as a name"));
    page.send("Would Gannet be a good name, too?").await?;
    page.wait_for_text("but as a name").await
}

/// An answer is being written, and three messages wait for it.
async fn queued(page: &Page<'_>) -> Result<(), Error> {
    answering(page).await?;
    set_policy(page, "queue").await?;
    for (at, text) in [
        "And which of them is the fastest?",
        "Then write a short dedication for the boat’s first logbook: who she was built for, where she is kept, and that she is never to be raced.",
        "Translate it into Swedish.",
    ]
    .iter()
    .enumerate()
    {
        page.send(text).await?;
        page.wait_for(&format!(".queued-message:nth-child({})", at + 1))
            .await?;
    }
    Ok(())
}
