//! The settings, the model picker and the parameters, as a user fills them in.

use conch_fault_server::{Script, Step};
use serde_json::json;

use crate::Scene;

impl Scene {
    /// Scrolls an element into view, which WebDriver does not do within a scrolled region, and clicks it
    /// once it is stable and hit-testable: a window that has just opened may not have its size yet, and
    /// WebKit scrolls to a newly focused element only one event-loop turn later.
    pub(crate) async fn press(&self, css: &str) {
        self.window.find(css).await.unwrap();
        let is_met = format!(
            "(() => {{
               const wanted = document.querySelector({});
               const stood = wanted.getBoundingClientRect();
               wanted.scrollIntoView({{block: 'center'}});
               const {{ left, top, width, height }} = wanted.getBoundingClientRect();
               return left === stood.left && top === stood.top
                 && wanted.contains(document.elementFromPoint(left + width / 2, top + height / 2));
             }})()",
            json!(css)
        );
        self.wait_until(&is_met, &format!("{css} can be clicked"))
            .await;
        self.window.click(css).await.unwrap();
    }

    /// Replaces a field's content by typing.
    async fn fill(&self, css: &str, text: &str) {
        self.press(css).await;
        let script = format!("document.querySelector({}).select();", json!(css));
        self.run(&script).await;
        self.window.type_text(css, text).await.unwrap();
    }

    async fn add_stand_in(&self) {
        self.press("#open-settings").await;
        // Servers found on this machine shift what is below them.
        let is_looked = "document.querySelector('#look-for-servers[aria-disabled=false]')";
        self.wait_until(is_looked, "the machine was looked through")
            .await;
        self.press("#add-provider").await;
        self.press(".preset[data-preset=custom]").await;
        self.fill("#provider-name", "Stand-in").await;
        self.fill("#provider-address", &self.server.base_url())
            .await;
        self.fill("#provider-key", "sk-window-abcd1234").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_added_and_answers_with_its_key() {
    let scene = Scene::open_unconfigured().await;
    scene.add_stand_in().await;
    scene.press("#test-connection").await;
    scene
        .wait_until(
            "document.querySelector('#test-result[data-state=worked]')",
            "the test succeeds",
        )
        .await;
    scene.press("#save-provider").await;
    scene
        .wait_until(
            "document.querySelector('#keychain-problem')",
            "there is no keychain",
        )
        .await;
    scene.press("#keep-for-session").await;
    scene.press("#skip-first-model").await;
    let listed = "document.querySelector('.provider[data-provider-id=custom]')?.textContent.includes('1234')";
    scene
        .wait_until(listed, "the provider is listed with its key's end")
        .await;
    let leaked = "return document.documentElement.outerHTML.includes('sk-window-abcd');";
    assert_eq!(
        scene.run(leaked).await,
        json!(false),
        "the page keeps no key"
    );

    scene.press("#close-settings").await;
    scene.server.push(Script::answer("With your key."));
    scene.send("hello").await;
    scene.wait_for_answer("complete", "With your key.").await;
    let asked = scene.server.completions();
    assert_eq!(
        asked[0].headers["authorization"],
        "Bearer sk-window-abcd1234"
    );
    let value = scene
        .run("return document.querySelector('#model-picker').value;")
        .await;
    assert_eq!(value, json!("custom/stand-in-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_error_is_shown_and_the_form_keeps_its_input() {
    let scene = Scene::open_unconfigured().await;
    scene.add_stand_in().await;
    scene
        .fill("#provider-address", "http://127.0.0.1:1/v1")
        .await;
    scene.press("#test-connection").await;
    let said = "document.querySelector('#test-result[data-state=failed]')?.textContent.includes('Nothing is listening at')";
    scene.wait_until(said, "the test says what is wrong").await;
    scene.fill("#provider-address", "models example").await;
    scene.press("#save-provider").await;
    scene
        .wait_until(
            "document.querySelector('#provider-address[aria-invalid=true]')",
            "the address is marked",
        )
        .await;
    let typed = "return [...document.querySelectorAll('#provider-name, #provider-key')].map((field) => field.value);";
    assert_eq!(
        scene.run(typed).await,
        json!(["Stand-in", "sk-window-abcd1234"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_found_by_its_name_and_asked_with_the_parameters() {
    let scene = Scene::open().await;
    scene.server.set_models(&["alpha", "beta", "gamma-mini"]);
    scene.press("#model-picker").await;
    scene.press("#refresh-models").await;
    scene
        .wait_until(
            "document.querySelector('.option[data-model-id=\"openai/gamma-mini\"]')",
            "the models are listed",
        )
        .await;
    scene
        .window
        .type_text("#model-search", "mini\u{e007}")
        .await
        .unwrap();
    let chosen = "document.querySelector('#model-picker').value === 'openai/gamma-mini'";
    scene
        .wait_until(chosen, "the only match is chosen by Enter")
        .await;

    scene.press("#open-parameters").await;
    scene.fill("#parameters-temperature", "3").await;
    scene.press("#parameters-done").await;
    scene
        .wait_until(
            "document.querySelector('#parameters-temperature[aria-invalid=true]')",
            "3 is too much",
        )
        .await;
    scene.fill("#parameters-temperature", "0.5").await;
    scene.press("#parameters-done").await;
    scene
        .wait_until(
            "document.querySelector('#open-parameters[data-set]')",
            "something is set",
        )
        .await;
    scene.send("hello").await;
    scene.server.wait_for_requests(1).await;
    let body = &scene.server.completions()[0].body;
    assert_eq!(body["model"], json!("gamma-mini"));
    assert_eq!(body["temperature"], json!(0.5));
}

#[tokio::test(flavor = "multi_thread")]
async fn dark_is_dark_at_once_and_after_a_restart() {
    let scene = Scene::open().await;
    scene.press("#open-settings").await;
    scene.press(".sections [data-section=appearance]").await;
    scene.press("[name=settings-appearance][value=dark]").await;
    let is_dark = "getComputedStyle(document.documentElement).colorScheme === 'dark'";
    scene.wait_until(is_dark, "it is dark").await;
    crate::until("it is saved", async || {
        scene.invoke("get_settings", json!({})).await["appearance"] == json!("dark")
    })
    .await;

    let scene = scene.kill_and_reopen().await;
    scene.wait_until(is_dark, "it is dark again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_counted_down_and_waited_for() {
    let scene = Scene::open().await;
    let refusal = Step::status(429, &[("retry-after", "2")], r#"{"error":"slow down"}"#);
    scene.server.push(Script::new([refusal]));
    scene.server.push(Script::answer("Now."));
    scene.send("hello").await;
    let counts = "/(Retrying in|Rate limited by)/.test(document.querySelector('.message .state')?.textContent)";
    scene.wait_until(counts, "the pause is counted down").await;
    assert_eq!(
        scene.lock().await["locked"],
        json!(true),
        "the lock is held meanwhile"
    );
    scene.wait_for_answer("complete", "Now.").await;
}

/// Sends keys to the focused element.
pub(crate) async fn keys(scene: &Scene, keys: &str) {
    let focused = scene.window.client().active_element().await.unwrap();
    focused.send_keys(keys).await.unwrap();
}

/// Presses Tab until the element has the focus.
async fn tab_to(scene: &Scene, css: &str) {
    let has_focus = format!("return document.activeElement.matches({});", json!(css));
    for _ in 0..80 {
        if scene.run(&has_focus).await == json!(true) {
            return;
        }
        keys(scene, "\u{e004}").await;
    }
    panic!("Tab never comes to {css}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_are_done_by_keyboard_alone() {
    let scene = Scene::open_unconfigured().await;
    keys(&scene, "\u{e009},\u{e000}").await;
    scene
        .wait_until(
            "document.querySelector('#add-provider')",
            "Ctrl+, opens the settings",
        )
        .await;
    tab_to(&scene, "#add-provider").await;
    keys(&scene, "\u{e007}").await;
    scene.window.find("#preset-search").await.unwrap();
    tab_to(&scene, "#preset-search").await;
    keys(&scene, "another").await;
    tab_to(&scene, ".preset[data-preset=custom]").await;
    keys(&scene, "\u{e007}").await;
    scene.window.find("#provider-name").await.unwrap();
    tab_to(&scene, "#provider-name").await;
    keys(&scene, "Mine").await;
    tab_to(&scene, "#provider-address").await;
    keys(&scene, &scene.server.base_url()).await;
    tab_to(&scene, "#save-provider").await;
    keys(&scene, "\u{e007}").await;
    scene.window.find("#choose-first-model").await.unwrap();
    // The search has the focus: Down marks the first model, and Enter takes it.
    keys(&scene, "\u{e015}\u{e007}").await;
    let listed = "document.querySelector('.provider[data-provider-id=custom]')";
    scene.wait_until(listed, "the provider is listed").await;
    keys(&scene, "\u{e00c}").await;
    let back = "document.activeElement.id === 'chat-input'";
    scene
        .wait_until(back, "Escape leads back to the input")
        .await;
    keys(&scene, "hello\u{e007}").await;
    scene.wait_for_answer("complete", "Hello there.").await;
}
