//! Answers: as they are read, while they are written, and in whatever way they end.

use conch_fault_server::{Script, Step};

use crate::library::{DATED, LOCAL_MODEL, REASONED, RICH, SHORT};
use crate::{Error, Library, Scene, Stage};

/// Sets the page's own clock to twelve seconds before the next try, and tells whether they are shown.
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
        Scene::new("markdown", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(RICH).await?;
                coloured(stage).await?;
                stage
                    .run("document.querySelector('#transcript').scrollTop = 0;")
                    .await
                    .map(drop)
            })
        }),
        Scene::new("markdown-end", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(RICH).await?;
                coloured(stage).await
            })
        }),
        Scene::new("reasoning-folded", Library::Everyday, |stage| {
            Box::pin(async move { stage.open(REASONED).await })
        }),
        Scene::new("reasoning", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(REASONED).await?;
                stage.press(".reasoning summary").await?;
                stage.see(".reasoning[open]").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("details", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(DATED).await?;
                stage.press(".message:last-child [popovertarget]").await?;
                stage.see(".facts:popover-open dl").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("first-word", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(SHORT[1]).await?;
                stage.cluster().push(stage.unfinished(""));
                stage.send("Three more, please.").await?;
                stage.wait_for_text("Waiting for the first word").await
            })
        }),
        Scene::new("thinking", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(SHORT[1]).await?;
                let thoughts = "The user wants three more names. Birds are taken.";
                stage.cluster().push(Script::new([
                    Step::Head,
                    Step::Reasoning(thoughts.to_owned()),
                    Step::Wait(stage.gate("never")),
                ]));
                stage.send("Three more, please.").await?;
                stage
                    .press(".message:last-child .reasoning summary")
                    .await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("writing", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(SHORT[2]).await?;
                stage.cluster().push(stage.unfinished(
                    "Gladly, with the tide in mind:\n\n1. **Cancale** before noon, when the beds are dry.\n2. \
                     **Saint-Malo** at high water, about six",
                ));
                stage.send("Plan the Saturday hour by hour.").await?;
                stage.wait_for_text("about six").await
            })
        }),
        Scene::new("stopped", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(SHORT[2]).await?;
                let words = "Gladly. Before noon you walk out to the oyster beds of Cancale, and";
                stage.cluster().push(stage.unfinished(words));
                stage.send("Plan the Saturday hour by hour.").await?;
                stage.wait_for_text("Cancale, and").await?;
                stage.press("#stop-button").await?;
                stage.wait_for_status("stopped").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("failed", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(SHORT[2]).await?;
                stage
                    .cluster()
                    .push(Script::new([Step::refusal(401, &[], "no such key")]));
                stage.send("Plan the Saturday hour by hour.").await?;
                stage.wait_for_status("failed").await
            })
        }),
        Scene::new("tried-again", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(SHORT[2]).await?;
                stage
                    .cluster()
                    .push(Script::new([Step::refusal(401, &[], "no such key")]));
                stage
                    .press(".message:last-child [aria-label='Answer again']")
                    .await?;
                stage.see(".tried .retry").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("interrupted", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(SHORT[2]).await?;
                let words = "Gladly. Before noon you walk out to the oyster beds of Cancale, and";
                stage.cluster().push(Script::new([
                    Step::Head,
                    Step::Delta(words.to_owned()),
                    Step::Close,
                ]));
                stage.send("Plan the Saturday hour by hour.").await?;
                stage.wait_for_status("interrupted").await
            })
        }),
        Scene::new("cut-off", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(SHORT[2]).await?;
                stage.cluster().push(Script::new([
                    Step::Head,
                    Step::Delta(
                        "Gladly. Before noon you walk out to the oyster beds of Cancale, and"
                            .to_owned(),
                    ),
                    Step::Finish("length".to_owned()),
                    Step::Done,
                ]));
                stage.send("Plan the Saturday hour by hour.").await?;
                stage.see(".message:last-child .continue").await
            })
        }),
        Scene::new("countdown", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(SHORT[1]).await?;
                let pause = Step::refusal(429, &[("retry-after", "45")], "too many requests");
                stage.cluster().push(Script::new([pause]));
                stage.send("Three more, please.").await?;
                stage.wait_until(TO_TWELVE, "twelve seconds are left").await
            })
        }),
        Scene::new("waiting-for-slot", Library::Everyday, |stage| {
            Box::pin(async move {
                for (title, question) in [
                    (SHORT[1], "Three more, please."),
                    (SHORT[0], "Make it more formal."),
                ] {
                    stage.open(title).await?;
                    stage.choose_model(LOCAL_MODEL).await?;
                    stage.local().push(stage.unfinished("One moment"));
                    stage.send(question).await?;
                }
                stage.wait_for_text("Waiting for a free slot").await
            })
        }),
    ]
}

async fn coloured(stage: &Stage<'_>) -> Result<(), Error> {
    // Colours come when the block comes near.
    let near = "(() => { document.querySelector('.code').scrollIntoView(); return document.querySelector('.tok-keyword'); })()";
    stage.wait_until(near, "the code has its colours").await?;
    let end =
        "const all = document.querySelector('#transcript'); all.scrollTop = all.scrollHeight;";
    stage.run(end).await.map(drop)
}
