//! The choice of a model, and what is asked of it.

use crate::library::{CLUSTER_MODEL, REASONED};
use crate::{Error, Library, Scene, Stage};

pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("models", Library::Everyday, |stage| {
            Box::pin(async move { open_menu(stage).await })
        }),
        Scene::new("models-search", Library::Everyday, |stage| {
            Box::pin(async move {
                open_menu(stage).await?;
                stage.fill("#model-search", "coder").await?;
                let few = "document.querySelectorAll('.option').length < 4";
                stage.wait_until(few, "few are left").await
            })
        }),
        Scene::new("models-none", Library::Everyday, |stage| {
            Box::pin(async move {
                open_menu(stage).await?;
                stage.fill("#model-search", "whale").await?;
                let none = "!document.querySelector('.option')";
                stage.wait_until(none, "none is left").await
            })
        }),
        Scene::new("parameters", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(REASONED).await?;
                stage.press("#open-parameters").await?;
                stage.see("dialog[open] #parameters-temperature").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("parameters-wrong", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open(REASONED).await?;
                stage.press("#open-parameters").await?;
                stage.fill("#parameters-temperature", "3").await?;
                stage.press("#parameters-done").await?;
                stage
                    .see("#parameters-temperature[aria-invalid=true]")
                    .await?;
                stage.leave_pointer().await
            })
        }),
    ]
}

async fn open_menu(stage: &Stage<'_>) -> Result<(), Error> {
    stage.open(REASONED).await?;
    stage.press("#model-picker").await?;
    stage
        .see(&format!(".option[data-model-id={CLUSTER_MODEL:?}]"))
        .await?;
    stage.see(".option[data-model-id^=ollama]").await?;
    stage.leave_pointer().await
}
