//! The settings: each section, and a provider's way into the list.

use crate::{Error, Library, Scene, Stage};

#[expect(
    clippy::too_many_lines,
    reason = "a list, and each of its entries is short"
)]
pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("settings-providers", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open_settings("providers").await?;
                stage.see(".provider").await?;
                looked(stage).await
            })
        }),
        Scene::new("settings-no-provider", Library::Fresh, |stage| {
            Box::pin(async move {
                stage.open_settings("providers").await?;
                looked(stage).await
            })
        }),
        Scene::new("settings-presets", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open_settings("providers").await?;
                stage.press("#add-provider").await?;
                stage.see(".preset").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("settings-no-preset", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open_settings("providers").await?;
                stage.press("#add-provider").await?;
                stage.fill("#preset-search", "lighthouse").await?;
                stage.see(".none").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("settings-provider", Library::Everyday, |stage| {
            Box::pin(async move {
                add(stage, "anthropic").await?;
                stage.fill("#provider-key", "sk-ant-0123456789").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("settings-provider-edit", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open_settings("providers").await?;
                stage
                    .press(".provider[data-provider-id=custom] .edit")
                    .await?;
                stage.see("#provider-form").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("settings-test-worked", Library::Everyday, |stage| {
            Box::pin(async move {
                add(stage, "custom").await?;
                stage
                    .fill("#provider-name", "Marine lab, second floor")
                    .await?;
                stage
                    .fill("#provider-address", &stage.cluster().base_url())
                    .await?;
                stage.press("#test-connection").await?;
                stage.see("#test-result[data-state=worked]").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("settings-test-failed", Library::Everyday, |stage| {
            Box::pin(async move {
                add(stage, "custom").await?;
                stage
                    .fill("#provider-name", "Marine lab, second floor")
                    .await?;
                stage
                    .fill("#provider-address", "http://127.0.0.1:1/v1")
                    .await?;
                stage.press("#test-connection").await?;
                stage.see("#test-result[data-state=failed]").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("settings-wrong", Library::Everyday, |stage| {
            Box::pin(async move {
                add(stage, "custom").await?;
                stage.fill("#provider-address", "models.example").await?;
                stage.press("#save-provider").await?;
                stage.see("#provider-address[aria-invalid=true]").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("settings-no-keychain", Library::Everyday, |stage| {
            Box::pin(async move {
                add(stage, "anthropic").await?;
                stage.fill("#provider-key", "sk-ant-0123456789").await?;
                stage.press("#save-provider").await?;
                stage.see("#keychain-problem").await?;
                stage.run("document.querySelector('#keychain-problem').scrollIntoView({ block: 'end' });").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("settings-remove", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open_settings("providers").await?;
                stage
                    .press(".provider[data-provider-id=custom] .remove")
                    .await?;
                stage.see("dialog[open] .danger").await?;
                stage.leave_pointer().await
            })
        }),
        Scene::new("settings-answers", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open_settings("answers").await?;
                stage.see("#settings-temperature").await
            })
        }),
        Scene::new("settings-answers-end", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open_settings("answers").await?;
                stage.see("#settings-temperature").await?;
                stage
                    .run("document.querySelector('.settings-body').scrollTop = 9999;")
                    .await
                    .map(drop)
            })
        }),
        Scene::new("settings-writing", Library::Everyday, |stage| {
            Box::pin(async move { stage.open_settings("writing").await })
        }),
        Scene::new("settings-notifications", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open_settings("notifications").await?;
                stage.see("#settings-notifications").await
            })
        }),
        Scene::new("settings-appearance", Library::Everyday, |stage| {
            Box::pin(async move {
                stage.open_settings("appearance").await?;
                stage.see("[name=settings-appearance]").await
            })
        }),
    ]
}

async fn looked(stage: &Stage<'_>) -> Result<(), Error> {
    stage.see("#look-for-servers[aria-disabled=false]").await
}

async fn add(stage: &Stage<'_>, preset: &str) -> Result<(), Error> {
    stage.open_settings("providers").await?;
    stage.press("#add-provider").await?;
    stage
        .press(&format!(".preset[data-preset={preset}]"))
        .await?;
    stage.see("#provider-form").await
}
