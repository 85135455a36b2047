//! Answers: complete, while they are generated, and in every way they end.

use conch_fault_server::{Script, Step};

use crate::fixture::{DATED, LOCAL_MODEL, REASONED, RICH, SHORT};
use crate::{Error, Fixture, Page, Scene};

/// Sets the page's clock to twelve seconds before the next retry; true once that is displayed.
const TO_TWELVE: &str = "(() => {
    const words = document.querySelector('.message:last-child .state')?.textContent ?? '';
    const left = Number(/(\\d+) s/.exec(words)?.[1] ?? 0);
    if (left === 12) return true;
    const frozen = Date.now() + (left - 12) * 1000;
    if (left > 12 && !window.clockStands) {
      window.clockStands = true;
      Date.now = () => frozen;
    }
    return false;
  })()";

#[expect(
    clippy::too_many_lines,
    reason = "a list, and each of its entries is short"
)]
pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("markdown", Fixture::Everyday, async |page| {
            page.open(RICH).await?;
            coloured(page).await?;
            page.run("document.querySelector('#transcript').scrollTop = 0;")
                .await
                .map(drop)
        }),
        Scene::new("markdown-end", Fixture::Everyday, async |page| {
            page.open(RICH).await?;
            coloured(page).await
        }),
        Scene::new("reasoning-folded", Fixture::Everyday, async |page| {
            page.open(REASONED).await
        }),
        Scene::new("reasoning", Fixture::Everyday, async |page| {
            page.open(REASONED).await?;
            page.press(".reasoning summary").await?;
            page.wait_for(".reasoning[open]").await
        }),
        Scene::new("details", Fixture::Everyday, async |page| {
            page.open(DATED).await?;
            page.press(".message:last-child [popovertarget]").await?;
            page.wait_for(".facts:popover-open dl").await
        }),
        Scene::new("first-word", Fixture::Everyday, async |page| {
            page.open(SHORT[1]).await?;
            page.cluster().push(page.unfinished(""));
            page.send("Three more, please.").await?;
            page.wait_for_text("Waiting for a response").await
        }),
        Scene::new("thinking", Fixture::Everyday, async |page| {
            page.open(SHORT[1]).await?;
            let thoughts = "The user wants three more names. Birds are taken.";
            page.cluster().push(Script::new([
                Step::Head,
                Step::Reasoning(thoughts.to_owned()),
                Step::Wait(page.gate("never")),
            ]));
            page.send("Three more, please.").await?;
            page.press(".message:last-child .reasoning summary").await
        }),
        Scene::new("writing", Fixture::Everyday, async |page| {
            page.open(SHORT[2]).await?;
            page.cluster().push(page.unfinished(
                    "Gladly, with the tide in mind:\n\n1. **Cancale** before noon, when the beds are dry.\n2. \
                     **Saint-Malo** at high water, about six",
                ));
            page.send("Plan the Saturday hour by hour.").await?;
            page.wait_for_text("about six").await
        }),
        Scene::new("stopped", Fixture::Everyday, async |page| {
            page.open(SHORT[2]).await?;
            let words = "Gladly. Before noon you walk out to the oyster beds of Cancale, and";
            page.cluster().push(page.unfinished(words));
            page.send("Plan the Saturday hour by hour.").await?;
            page.wait_for_text("Cancale, and").await?;
            page.press("#stop-button").await?;
            page.wait_for_status("stopped").await
        }),
        Scene::new("failed", Fixture::Everyday, async |page| {
            page.open(SHORT[2]).await?;
            page.cluster()
                .push(Script::new([Step::refusal(401, &[], "no such key")]));
            page.send("Plan the Saturday hour by hour.").await?;
            page.wait_for_status("failed").await
        }),
        Scene::new("tried-again", Fixture::Everyday, async |page| {
            page.open(SHORT[2]).await?;
            page.cluster()
                .push(Script::new([Step::refusal(401, &[], "no such key")]));
            page.press(".message:last-child [aria-label='Answer again']")
                .await?;
            page.wait_for(".tried .retry").await
        }),
        Scene::new("interrupted", Fixture::Everyday, async |page| {
            page.open(SHORT[2]).await?;
            let words = "Gladly. Before noon you walk out to the oyster beds of Cancale, and";
            page.cluster().push(Script::new([
                Step::Head,
                Step::Delta(words.to_owned()),
                Step::Close,
            ]));
            page.send("Plan the Saturday hour by hour.").await?;
            page.wait_for_status("interrupted").await
        }),
        Scene::new("cut-off", Fixture::Everyday, async |page| {
            page.open(SHORT[2]).await?;
            page.cluster().push(Script::new([
                Step::Head,
                Step::Delta(
                    "Gladly. Before noon you walk out to the oyster beds of Cancale, and"
                        .to_owned(),
                ),
                Step::Finish("length".to_owned()),
                Step::Done,
            ]));
            page.send("Plan the Saturday hour by hour.").await?;
            page.wait_for(".message:last-child .continue").await
        }),
        Scene::new("countdown", Fixture::Everyday, async |page| {
            page.open(SHORT[1]).await?;
            let pause = Step::refusal(429, &[("retry-after", "45")], "too many requests");
            page.cluster().push(Script::new([pause]));
            page.send("Three more, please.").await?;
            page.wait_until(TO_TWELVE, "twelve seconds are left").await
        }),
        Scene::new("waiting-for-slot", Fixture::Everyday, async |page| {
            for (title, question) in [
                (SHORT[1], "Three more, please."),
                (SHORT[0], "Make it more formal."),
            ] {
                page.open(title).await?;
                page.choose_model(LOCAL_MODEL).await?;
                page.local().push(page.unfinished("One moment"));
                page.send(question).await?;
            }
            page.wait_for_text("Waiting for other answers from").await
        }),
    ]
}

async fn coloured(page: &Page<'_>) -> Result<(), Error> {
    // A code block is highlighted when it is near the viewport.
    let near = "(() => { document.querySelector('.code').scrollIntoView(); return document.querySelector('.tok-keyword'); })()";
    page.wait_until(near, "the code has its colours").await?;
    let end =
        "const all = document.querySelector('#transcript'); all.scrollTop = all.scrollHeight;";
    page.run(end).await.map(drop)
}
