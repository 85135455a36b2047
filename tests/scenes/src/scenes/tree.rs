//! The tree of a conversation: edited messages and branches.

use conch_fault_server::Script;

use crate::fixture::{DATED, SHORT};
use crate::{Error, Fixture, Page, Scene};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("editing", Fixture::Everyday, async |page| {
            page.open(SHORT[1]).await?;
            page.press(".message .edit-message").await?;
            page.wait_for(".editor").await
        }),
        Scene::new("edited", Fixture::Everyday, async |page| {
            page.open(SHORT[1]).await?;
            page.cluster().push(Script::answer(
                "**Guillemot**, **Petrel** and **Shearwater**.",
            ));
            page.press(".message .edit-message").await?;
            page.fill(
                ".edit-input",
                "Suggest three names for a small sailing boat, all of them birds.",
            )
            .await?;
            page.press(".send-edit").await?;
            page.wait_for_text("Shearwater").await?;
            page.wait_for(".version-count").await
        }),
        Scene::new("reading-version", Fixture::Everyday, async |page| {
            page.open(SHORT[1]).await?;
            page.cluster().push(Script::answer(
                "**Guillemot**, **Petrel** and **Shearwater**.",
            ));
            page.press("[aria-label='Answer again']").await?;
            page.wait_for_text("Shearwater").await?;
            page.wait_for(".version-count").await?;
            let begun = page.unfinished("Shearwater, because it never tires of the open sea.");
            page.cluster().push(begun);
            page.send("Which of them would you choose?").await?;
            page.wait_for_text("never tires").await?;
            page.press(".version-previous").await?;
            page.wait_for("#back-to-answer").await
        }),
        Scene::new("branches", Fixture::Everyday, async |page| {
            answering_on_a_branch(page).await?;
            page.press("#branch-picker").await?;
            page.wait_for("#branch-menu:popover-open .fact").await
        }),
        Scene::new(
            "refused-by-another-branch",
            Fixture::Everyday,
            async |page| {
                answering_on_a_branch(page).await?;
                page.press("#branch-picker").await?;
                page.press("#branch-menu .branch:first-child").await?;
                page.wait_until(
                    "document.querySelector('#branch-picker').innerText.trim() === 'main'",
                    "main is shown",
                )
                .await?;
                page.fill("#next-input", "And for twelve?").await?;
                page.press("#send-button").await?;
                page.wait_for(".toast-action[data-action=queue]").await?;
                page.hold_toast().await
            },
        ),
    ]
}

/// An answer is being written on a branch beside `main`.
async fn answering_on_a_branch(page: &Page<'_>) -> Result<(), Error> {
    page.open(DATED).await?;
    fork(page, "The short way").await?;
    page.cluster()
        .push(page.unfinished("Once more, and shorter:"));
    page.send("Explain it in one sentence.").await?;
    page.wait_for_text("Once more").await
}

/// Begins a branch at the last answer, and names it.
async fn fork(page: &Page<'_>, name: &str) -> Result<(), Error> {
    page.press(".message:last-child .fork-branch").await?;
    page.wait_for("#branch-picker").await?;
    page.press("#branch-picker").await?;
    page.press("#rename-branch").await?;
    page.fill("dialog input", name).await?;
    page.press("dialog [type=submit]").await?;
    page.wait_until(
        &format!("document.querySelector('#branch-picker').innerText.trim() === {name:?}"),
        "the branch has its name",
    )
    .await
}
