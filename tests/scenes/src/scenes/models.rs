//! The model picker, and the model parameters.

use crate::fixture::{CLUSTER_MODEL, REASONED};
use crate::{Error, Fixture, Page, Scene};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("models", Fixture::Everyday, async |page| {
            open_menu(page).await
        }),
        Scene::new("models-search", Fixture::Everyday, async |page| {
            open_menu(page).await?;
            page.fill("#model-search", "coder").await?;
            let few = "document.querySelectorAll('.option').length < 4";
            page.wait_until(few, "few are left").await
        }),
        Scene::new("models-none", Fixture::Everyday, async |page| {
            open_menu(page).await?;
            // Two words are no id that a provider may answer for.
            page.fill("#model-search", "white whale").await?;
            let none = "!document.querySelector('.option')";
            page.wait_until(none, "none is left").await
        }),
        Scene::new("models-typed", Fixture::Everyday, async |page| {
            open_menu(page).await?;
            page.fill("#model-search", "whale-2").await?;
            page.wait_for(".option .note").await
        }),
        Scene::new("parameters", Fixture::Everyday, async |page| {
            page.open(REASONED).await?;
            page.press("#open-parameters").await?;
            page.wait_for("dialog[open] #parameters-temperature").await
        }),
        Scene::new("parameters-wrong", Fixture::Everyday, async |page| {
            page.open(REASONED).await?;
            page.press("#open-parameters").await?;
            page.fill("#parameters-temperature", "3").await?;
            page.press("#parameters-done").await?;
            page.wait_for("#parameters-temperature[aria-invalid=true]")
                .await
        }),
    ]
}

async fn open_menu(page: &Page<'_>) -> Result<(), Error> {
    page.open(REASONED).await?;
    page.press("#model-picker").await?;
    page.wait_for(&format!(".option[data-model-id={CLUSTER_MODEL:?}]"))
        .await?;
    page.wait_for(".option[data-model-id^=ollama]").await
}
