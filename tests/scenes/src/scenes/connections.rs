//! Adding providers by what one has of them, and why a connection fails: each message and each question.

use super::settings::add;
use crate::scene::Proxy;
use crate::servers::GUARDED_KEY;
use crate::{Error, Fixture, Page, Scene};

pub(super) fn scenes() -> Vec<Scene> {
    [adding(), tests(), questions()].concat()
}

fn adding() -> Vec<Scene> {
    vec![
        Scene::new("settings-key-of-several", Fixture::Everyday, async |page| {
            choose_preset(page, "sk-0123456789abcdef0123456789abcdef").await?;
            page.wait_for("#other-presets").await
        }),
        Scene::new("settings-connecting", Fixture::Everyday, async |page| {
            choose_preset(page, "sk-ant-api03-0123456789abcdef0123").await?;
            page.wait_for("#connecting").await
        })
        .behind(Proxy::Silent),
        Scene::new("settings-address", Fixture::Everyday, async |page| {
            choose_preset(page, &page.cluster().origin()).await?;
            page.wait_for("#connect-address").await
        }),
        Scene::new("settings-first-model", Fixture::Everyday, async |page| {
            choose_preset(page, &page.cluster().origin()).await?;
            page.press("#connect-address").await?;
            page.wait_for("#first-model .option").await
        }),
        // Its model takes no temperature, and has levels of effort of its own.
        Scene::new("parameters-fewer", Fixture::Everyday, async |page| {
            fill(page, &page.servers().guarded.base_url(), GUARDED_KEY).await?;
            page.press("#save-provider").await?;
            page.press("#keep-for-session").await?;
            page.press("#first-model .option[data-model-id$='gpt-5']")
                .await?;
            page.wait_for(".provider").await?;
            page.new_chat().await?;
            page.press("#open-parameters").await?;
            page.wait_for("dialog[open] #parameters-not-taken").await
        }),
    ]
}

fn tests() -> Vec<Scene> {
    vec![
        Scene::new("settings-found-at", Fixture::Everyday, async |page| {
            fill(page, &page.servers().guarded.origin(), GUARDED_KEY).await?;
            test(page, "worked").await
        }),
        Scene::new("settings-test-wrong-key", Fixture::Everyday, async |page| {
            fill(page, &page.servers().guarded.base_url(), "sk-0123456789").await?;
            test(page, "failed").await
        }),
        Scene::new("settings-test-expired", Fixture::Everyday, async |page| {
            fill(page, &page.servers().expired.base_url(), "").await?;
            test(page, "failed").await
        }),
        Scene::new(
            "settings-test-other-name",
            Fixture::Everyday,
            async |page| {
                fill(page, &page.servers().misnamed.base_url(), "").await?;
                test(page, "failed").await
            },
        ),
        Scene::new("settings-test-no-tls", Fixture::Everyday, async |page| {
            let plain = page.cluster().base_url();
            fill(page, &plain.replace("http:", "https:"), "").await?;
            test(page, "failed").await
        }),
        Scene::new(
            "settings-test-no-such-host",
            Fixture::Everyday,
            async |page| {
                fill(page, "http://harbour.invalid/v1", "").await?;
                test(page, "failed").await
            },
        ),
        Scene::new("settings-test-proxy", Fixture::Everyday, async |page| {
            fill(page, "https://models.example/v1", "").await?;
            test(page, "failed").await
        })
        .behind(Proxy::Refusing),
        Scene::new("settings-last-errors", Fixture::Troubled, async |page| {
            page.open_settings("providers").await?;
            wait_for_errors(page).await?;
            page.run("document.querySelector('.settings-body').scrollTop = 180;")
                .await
                .map(drop)
        }),
    ]
}

fn questions() -> Vec<Scene> {
    vec![
        Scene::new("settings-consent-http", Fixture::Everyday, async |page| {
            fill(page, "http://192.168.1.7:8000/v1", GUARDED_KEY).await?;
            test(page, "failed").await?;
            page.scroll_to("#consent-question").await
        }),
        Scene::new("settings-consent", Fixture::Everyday, async |page| {
            ask_for_certificate(page).await?;
            page.scroll_to("#consent-question").await
        }),
        Scene::new("settings-consent-given", Fixture::Everyday, async |page| {
            ask_for_certificate(page).await?;
            page.press("#give-consent").await?;
            page.wait_for("#test-result[data-state=worked]").await?;
            page.scroll_to("#test-result").await
        }),
        Scene::new(
            "settings-consent-changed",
            Fixture::Troubled,
            async |page| {
                page.open_settings("providers").await?;
                wait_for_errors(page).await?;
                page.press(".remedy[data-remedy=review]").await?;
                page.scroll_to("#consent-question").await
            },
        ),
    ]
}

async fn choose_preset(page: &Page<'_>, query: &str) -> Result<(), Error> {
    page.open_settings("providers").await?;
    page.press("#add-provider").await?;
    page.wait_for(".preset").await?;
    page.paste("#preset-search", query).await
}

async fn fill(page: &Page<'_>, address: &str, key: &str) -> Result<(), Error> {
    add(page, "custom").await?;
    page.fill("#provider-name", "Marine lab, second floor")
        .await?;
    page.fill("#provider-address", address).await?;
    if key.is_empty() {
        return Ok(());
    }
    page.fill("#provider-key", key).await
}

async fn test(page: &Page<'_>, state: &str) -> Result<(), Error> {
    page.press("#test-connection").await?;
    page.wait_for(&format!("#test-result[data-state={state}]"))
        .await
}

async fn ask_for_certificate(page: &Page<'_>) -> Result<(), Error> {
    fill(page, &page.servers().own.base_url(), GUARDED_KEY).await?;
    test(page, "failed").await?;
    page.wait_for("#consent-question").await
}

async fn wait_for_errors(page: &Page<'_>) -> Result<(), Error> {
    page.wait_until(
        "document.querySelectorAll('.last-error p').length === 4",
        "every error is there",
    )
    .await?;
    // The time is that of the run, and pictures are the same every time.
    page.run("for (const time of document.querySelectorAll('.last-error time')) time.textContent = 'Jan 14, 2026, 9:12 AM';")
        .await
        .map(drop)
}
