//! The settings: each section, and the steps of adding a provider.

use crate::{Error, Fixture, Page, Scene};

#[expect(
    clippy::too_many_lines,
    reason = "a list of scenes, each of a few lines"
)]
pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene::new("settings-providers", Fixture::Everyday, async |page| {
            page.open_settings("providers").await?;
            page.wait_for(".provider").await?;
            wait_for_discovery(page).await
        }),
        Scene::new("settings-no-provider", Fixture::Fresh, async |page| {
            page.open_settings("providers").await?;
            wait_for_discovery(page).await
        }),
        Scene::new("settings-presets", Fixture::Everyday, async |page| {
            page.open_settings("providers").await?;
            page.press("#add-provider").await?;
            page.wait_for(".preset").await
        }),
        Scene::new("settings-no-preset", Fixture::Everyday, async |page| {
            page.open_settings("providers").await?;
            page.press("#add-provider").await?;
            page.fill("#preset-search", "lighthouse").await?;
            page.wait_for(".none").await
        }),
        Scene::new("settings-provider", Fixture::Everyday, async |page| {
            add(page, "anthropic").await?;
            page.fill("#provider-key", "sk-ant-0123456789").await
        }),
        Scene::new("settings-provider-edit", Fixture::Everyday, async |page| {
            page.open_settings("providers").await?;
            page.press(".provider[data-provider-id=custom] .edit")
                .await?;
            page.wait_for("#provider-form").await
        }),
        Scene::new("settings-test-worked", Fixture::Everyday, async |page| {
            add(page, "custom").await?;
            page.fill("#provider-name", "Marine lab, second floor")
                .await?;
            page.fill("#provider-address", &page.cluster().base_url())
                .await?;
            page.press("#test-connection").await?;
            page.wait_for("#test-result[data-state=worked]").await
        }),
        Scene::new("settings-test-failed", Fixture::Everyday, async |page| {
            add(page, "custom").await?;
            page.fill("#provider-name", "Marine lab, second floor")
                .await?;
            page.fill("#provider-address", "http://127.0.0.1:1/v1")
                .await?;
            page.press("#test-connection").await?;
            page.wait_for("#test-result[data-state=failed]").await
        }),
        Scene::new("settings-wrong", Fixture::Everyday, async |page| {
            add(page, "custom").await?;
            page.fill("#provider-address", "models example").await?;
            page.press("#save-provider").await?;
            page.wait_for("#provider-address[aria-invalid=true]").await
        }),
        Scene::new("settings-no-keychain", Fixture::Everyday, async |page| {
            add(page, "anthropic").await?;
            page.fill("#provider-key", "sk-ant-0123456789").await?;
            page.press("#save-provider").await?;
            page.scroll_to("#keychain-problem").await
        }),
        Scene::new("settings-remove", Fixture::Everyday, async |page| {
            page.open_settings("providers").await?;
            page.press(".provider[data-provider-id=custom] .remove")
                .await?;
            page.wait_for("dialog[open] .danger").await
        }),
        Scene::new("settings-answers", Fixture::Everyday, async |page| {
            page.open_settings("answers").await?;
            page.wait_for("#settings-temperature").await
        }),
        Scene::new("settings-answers-end", Fixture::Everyday, async |page| {
            page.open_settings("answers").await?;
            page.wait_for("#settings-temperature").await?;
            page.run("document.querySelector('.settings-body').scrollTop = 9999;")
                .await
                .map(drop)
        }),
        Scene::new("settings-model-file", Fixture::Everyday, async |page| {
            let file = page.base_model().display().to_string();
            choose_model_file(page, &file).await?;
            page.wait_until(
                "document.querySelector('#model-file-facts').textContent.includes('base model')",
                "the file is read",
            )
            .await
        }),
        Scene::new("settings-no-model-file", Fixture::Everyday, async |page| {
            choose_model_file(page, "/media/usb/models/pier-7b-instruct.Q4_K_M.gguf").await?;
            page.wait_for("#settings-model-file[aria-invalid=true]")
                .await
        }),
        Scene::new("settings-writing", Fixture::Everyday, async |page| {
            page.open_settings("writing").await
        }),
        Scene::new("settings-notifications", Fixture::Everyday, async |page| {
            page.open_settings("notifications").await?;
            page.wait_for("#settings-notifications").await
        }),
        Scene::new("settings-appearance", Fixture::Everyday, async |page| {
            page.open_settings("appearance").await?;
            page.wait_for("[name=settings-appearance]").await
        }),
    ]
}

async fn wait_for_discovery(page: &Page<'_>) -> Result<(), Error> {
    page.wait_for("#look-for-servers[aria-disabled=false]")
        .await
}

async fn choose_model_file(page: &Page<'_>, path: &str) -> Result<(), Error> {
    page.open_settings("answers").await?;
    page.fill("#settings-model-file", path).await?;
    page.leave_field().await
}

pub(super) async fn add(page: &Page<'_>, preset: &str) -> Result<(), Error> {
    page.open_settings("providers").await?;
    page.press("#add-provider").await?;
    page.press(&format!(".preset[data-preset={preset}]"))
        .await?;
    page.wait_for("#provider-form").await
}
