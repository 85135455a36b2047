//! The composer, and the list of conversations.

use conch_fault_server::Script;

use crate::fixture::{LONG, REASONED, RICH, SHORT};
use crate::{Fixture, Scene};

#[expect(
    clippy::too_many_lines,
    reason = "a list, and each of its entries is short"
)]
pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("first-start", Fixture::Fresh, async |page| {
            page.wait_for(".suggestions").await
        }),
        Scene::new("new-chat", Fixture::Everyday, async |page| {
            page.new_chat().await
        }),
        Scene::new("draft", Fixture::Everyday, async |page| {
            page.new_chat().await?;
            let lines = "Dear all,\n\nthe boat goes into the water on Saturday. We need four people who can pull, \
                    two who can varnish, and somebody who brings cake.\n\nWho is in?";
            page.paste("#chat-input", lines).await
        }),
        Scene::new("please-wait", Fixture::Everyday, async |page| {
            page.open(REASONED).await?;
            let begun = page.unfinished("Roughly speaking, the sun does the same as the moon, only from much farther away. What counts");
            page.cluster().push(begun);
            page.send("Explain the part of the sun once more.").await?;
            page.wait_for_text("What counts").await?;
            page.run("document.querySelector('#send-button').click();")
                .await?;
            page.hold_toast().await
        }),
        Scene::new("next-message", Fixture::Everyday, async |page| {
            page.open(REASONED).await?;
            page.paste("#chat-input", "And the wind?").await?;
            let begun = page.unfinished("The moon is nearer. What counts");
            page.cluster().push(begun);
            // Sent as another window would, so that the draft stays.
            let send = "const { conversationId } = document.querySelector('.conversation:has([aria-current=page])').dataset;
                    return window.__TAURI_INTERNALS__.invoke('send_message', { conversationId,
                      content: 'Why the moon more than the sun?', clientRequestId: crypto.randomUUID() });";
            page.run(send).await?;
            page.wait_for_text("What counts").await?;
            page.paste("#next-input", "Does a storm raise the water as much as a spring tide does?\nI am asking for a harbour wall.").await
        }),
        Scene::new("sidebar-states", Fixture::Everyday, async |page| {
            let busy = page.unfinished("One moment");
            page.open(SHORT[1]).await?;
            page.cluster().push(busy);
            page.send("Three more, please.").await?;
            page.wait_for_text("One moment").await?;
            let gate = page.gate("unread");
            page.cluster().push(Script::gated(&gate, "Yes", "."));
            page.open(SHORT[0]).await?;
            page.send("Make it more formal.").await?;
            page.wait_for_text("Yes").await?;
            page.open(LONG).await?;
            page.cluster().gate(&gate).open();
            page.wait_for(".conversation .unread").await
        }),
        Scene::new("conversation-actions", Fixture::Everyday, async |page| {
            page.open(LONG).await?;
            let focus =
                format!("document.querySelector('.conversation .open[title=\"{RICH}\"]').focus();");
            page.run(&focus).await.map(drop)
        }),
        Scene::new("sidebar-folded", Fixture::Everyday, async |page| {
            page.open(LONG).await?;
            page.window()
                .type_text("#chat-input", "\u{e009}b\u{e000}")
                .await?;
            page.wait_for("body[data-sidebar-folded]").await
        }),
        Scene::new("shortcuts", Fixture::Everyday, async |page| {
            page.open(LONG).await?;
            page.press("#open-shortcuts").await?;
            page.wait_for("#shortcuts[open]").await
        }),
        Scene::new("rename", Fixture::Everyday, async |page| {
            page.open(LONG).await?;
            page.press("#header .title").await?;
            page.wait_for("dialog[open] input").await
        }),
        Scene::new("delete", Fixture::Everyday, async |page| {
            page.open(LONG).await?;
            let row = format!(".conversation .open[title={LONG:?}]");
            page.run(&format!("document.querySelector({row:?}).focus();"))
                .await?;
            page.window().type_text(&row, "\u{e017}").await?;
            page.wait_for(".toast-action").await
        }),
        Scene::new("find", Fixture::Everyday, async |page| {
            page.open(LONG).await?;
            page.window()
                .type_text("#chat-input", "\u{e009}f\u{e000}")
                .await?;
            page.fill("#find-text", "tide").await?;
            page
                    .wait_until("CSS.highlights.get('found')?.size > 1 && / of /.test(document.querySelector('.find-bar [role=status]').textContent)", "it is found")
                    .await
        }),
        Scene::new("find-nothing", Fixture::Everyday, async |page| {
            page.open(LONG).await?;
            page.window()
                .type_text("#chat-input", "\u{e009}f\u{e000}")
                .await?;
            page.fill("#find-text", "desert").await?;
            let none =
                "document.querySelector('.find-bar [role=status]').innerText === 'No matches'";
            page.wait_until(none, "it is not found").await
        }),
    ]
}
