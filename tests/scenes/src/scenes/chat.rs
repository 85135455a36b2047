//! Writing, and the list of conversations.

use conch_fault_server::Script;

use crate::library::{LONG, REASONED, RICH, SHORT};
use crate::{Library, Scene};

#[expect(
    clippy::too_many_lines,
    reason = "a list, and each of its entries is short"
)]
pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("first-start", Library::Fresh, |stage| {
            Box::pin(async move { stage.see(".suggestions").await })
        }),
        Scene::new("new-chat", Library::Everyday, |stage| {
            Box::pin(async move { stage.begin().await })
        }),
        Scene::new("draft", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.begin().await?;
                let lines = "Dear all,\n\nthe boat goes into the water on Saturday. We need four people who can pull, \
                    two who can varnish, and somebody who brings cake.\n\nWho is in?";
                stage.paste("#chat-input", lines).await
            })
        }),
        Scene::new("please-wait", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(REASONED).await?;
                let begun = stage.unfinished("Roughly speaking, the sun does the same as the moon, only from much farther away. What counts");
                stage.cluster().push(begun);
                stage.send("Explain the part of the sun once more.").await?;
                stage.wait_for_text("What counts").await?;
                stage
                    .run("document.querySelector('#send-button').click();")
                    .await?;
                stage.hold_toast().await
            })
        }),
        Scene::new("next-message", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(REASONED).await?;
                stage.paste("#chat-input", "And the wind?").await?;
                let begun = stage.unfinished("The moon is nearer. What counts");
                stage.cluster().push(begun);
                // Sent by another window, so that what was typed stays.
                let send = "const { conversationId } = document.querySelector('.conversation:has([aria-current=page])').dataset;
                    return window.__TAURI_INTERNALS__.invoke('send_message', { conversationId,
                      content: 'Why the moon more than the sun?', clientRequestId: crypto.randomUUID() });";
                stage.run(send).await?;
                stage.wait_for_text("What counts").await?;
                stage.paste("#next-input", "Does a storm raise the water as much as a spring tide does?\nI am asking for a harbour wall.").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("sidebar-states", Library::Everyday, |stage| {
            Box::pin(async move {
                let busy = stage.unfinished("One moment");
                stage.open(SHORT[1]).await?;
                stage.cluster().push(busy);
                stage.send("Three more, please.").await?;
                stage.wait_for_text("One moment").await?;
                let gate = stage.gate("unread");
                stage.cluster().push(Script::held(&gate, "Yes", "."));
                stage.open(SHORT[0]).await?;
                stage.send("Make it more formal.").await?;
                stage.wait_for_text("Yes").await?;
                stage.open(LONG).await?;
                stage.cluster().gate(&gate).open();
                stage.see(".conversation .unread").await
            })
        }),
        Scene::new("conversation-actions", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(LONG).await?;
                let focus = format!(
                    "document.querySelector('.conversation .open[title=\"{RICH}\"]').focus();"
                );
                stage.run(&focus).await.map(drop)
            })
        }),
        Scene::new("sidebar-folded", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(LONG).await?;
                stage
                    .window()
                    .type_text("#chat-input", "\u{e009}b\u{e000}")
                    .await?;
                stage.see("body[data-sidebar-folded]").await
            })
        }),
        Scene::new("shortcuts", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(LONG).await?;
                stage.press("#open-shortcuts").await?;
                stage.see("#shortcuts[open]").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("rename", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(LONG).await?;
                stage.press("#header .title").await?;
                stage.see("dialog[open] input").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("delete", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(LONG).await?;
                let row = format!(".conversation .open[title={LONG:?}]");
                stage
                    .run(&format!("document.querySelector({row:?}).focus();"))
                    .await?;
                stage.window().type_text(&row, "\u{e017}").await?;
                stage.see(".toast-action").await
            })
        }),
        Scene::new("find", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(LONG).await?;
                stage
                    .window()
                    .type_text("#chat-input", "\u{e009}f\u{e000}")
                    .await?;
                stage.fill("#find-text", "tide").await?;
                stage
                    .wait_until("CSS.highlights.get('found')?.size > 1 && / of /.test(document.querySelector('.find-bar [role=status]').textContent)", "it is found")
                    .await
            })
        }),
        Scene::new("find-nothing", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(LONG).await?;
                stage
                    .window()
                    .type_text("#chat-input", "\u{e009}f\u{e000}")
                    .await?;
                stage.fill("#find-text", "desert").await?;
                let none =
                    "document.querySelector('.find-bar [role=status]').textContent === 'Not found'";
                stage.wait_until(none, "it is not found").await
            })
        }),
    ]
}
