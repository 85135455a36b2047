//! The whole application by keyboard alone: the focused element is always visible and shows its focus.

use conch_fault_server::Script;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use serde::Deserialize;
use serde_json::json;

use crate::Scene;
use crate::links::Opener;

const TAB: &str = "\u{e004}";
const BACK_TAB: &str = "\u{e008}\u{e004}\u{e000}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const DOWN: &str = "\u{e015}";
const UP: &str = "\u{e013}";
const DELETE: &str = "\u{e017}";
const F2: &str = "\u{e032}";

/// Modifier keys, held down while other keys are pressed.
const MODIFIERS: [char; 3] = ['\u{e008}', '\u{e009}', '\u{e00a}'];

/// WebDriver's NULL key, which releases the modifiers.
const RELEASE: char = '\u{e000}';

/// Presses keys in the focused element; modifiers are held until the end or the release.
pub(crate) async fn press(scene: &Scene, keys: &str) {
    let mut actions = KeyActions::new("keyboard".to_owned());
    let mut held = Vec::new();
    for value in keys.chars() {
        if value == RELEASE {
            for value in held.drain(..) {
                actions = actions.then(KeyAction::Up { value });
            }
        } else {
            actions = actions.then(KeyAction::Down { value });
            if MODIFIERS.contains(&value) {
                held.push(value);
            } else {
                actions = actions.then(KeyAction::Up { value });
            }
        }
    }
    for value in held {
        actions = actions.then(KeyAction::Up { value });
    }
    scene
        .window
        .client()
        .perform_actions(actions)
        .await
        .unwrap();
}

/// The focused element.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Focused {
    /// Its id, or its kind and name.
    pub(crate) name: String,
    /// The destination of a link, as it is shown.
    pub(crate) host: serde_json::Value,
    is_body: bool,
    in_sight: bool,
    is_marked: bool,
}

/// Returns the focused element, which must exist, be visible and show its focus.
pub(crate) async fn focused(scene: &Scene, after: &str) -> Focused {
    const LOOK: &str = "const e = document.activeElement;
        const outlined = (one) => {
          const { outlineStyle, outlineWidth } = getComputedStyle(one);
          return outlineStyle !== 'none' && parseFloat(outlineWidth) > 0;
        };
        const { top, bottom, left, right, width, height } = e.getBoundingClientRect();
        const host = getComputedStyle(e, '::after').content;
        const field = e.closest('.box, .search, .find-bar');
        return {
          name: e.id || `${e.localName} ${e.ariaLabel ?? e.textContent.trim().slice(0, 40)}`,
          host: host === 'none' ? null : host.replaceAll('\"', ''),
          isBody: e === document.body || e === document.documentElement,
          inSight: e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && width > 0 && height > 0
            && bottom > 0 && right > 0 && top < innerHeight && left < innerWidth,
          // A heading that is gone to is read, not used.
          isMarked: outlined(e) || (field !== null && outlined(field)) || /^h[12]$/.test(e.localName),
        };";
    let focused: Focused = serde_json::from_value(scene.run(LOOK).await).unwrap();
    assert!(!focused.is_body, "after {after}, nothing has the focus");
    assert!(
        focused.in_sight,
        "after {after}, {} is out of sight",
        focused.name
    );
    assert!(
        focused.is_marked,
        "after {after}, {} does not show that it has the focus",
        focused.name
    );
    focused
}

/// Presses Tab until an element has the focus; every element on the way is visible and shows its focus.
pub(crate) async fn tab_to(scene: &Scene, css: &str) {
    walk(scene, TAB, css).await;
}

/// Does the same with Shift+Tab.
async fn tab_back_to(scene: &Scene, css: &str) {
    walk(scene, BACK_TAB, css).await;
}

async fn walk(scene: &Scene, key: &str, css: &str) {
    let is_there = format!("return document.activeElement.matches({});", json!(css));
    let mut way = Vec::new();
    for _ in 0..80 {
        if scene.run(&is_there).await == json!(true) {
            return;
        }
        press(scene, key).await;
        // From the last element the focus wraps around through the window itself.
        let at_end = scene
            .run("return document.activeElement === document.body;")
            .await
            == json!(true);
        let name = if at_end {
            String::from("the window")
        } else {
            focused(scene, &format!("{way:?}")).await.name
        };
        way.push(name);
    }
    panic!("the focus never comes to {css}: {way:?}");
}

/// Waits until an element has the focus, is visible and shows it.
async fn wait_for_focus(scene: &Scene, css: &str, after: &str) {
    let expression = format!("document.activeElement.matches({})", json!(css));
    scene
        .wait_until(&expression, &format!("after {after}, {css} has the focus"))
        .await;
    focused(scene, after).await;
}

const ANSWER: &str = "Some code:\n\n```rust\nfn main() { println!(\"a line\"); }\n```\n\nand a \
    [link](https://example.com/somewhere), a needle, and an end.";

#[expect(clippy::too_many_lines, reason = "it is one walk")]
#[tokio::test(flavor = "multi_thread")]
async fn everything_is_done_by_keyboard_alone() {
    let opener = Opener::default();
    let mut environment = opener.environment().to_vec();
    // Tests must not use the developer's own keychain; without a bus there is none.
    environment.push((
        "DBUS_SESSION_BUS_ADDRESS".to_owned(),
        "unix:path=/nonexistent".to_owned(),
    ));
    let scene = Scene::open_with(&environment).await;
    scene.server.set_models(&["alpha", "beta", "gamma-mini"]);
    wait_for_focus(&scene, "#chat-input", "the start").await;

    // A new chat, a message, Stop and Retry.
    tab_back_to(&scene, "#new-conversation").await;
    press(&scene, ENTER).await;
    wait_for_focus(&scene, "#chat-input", "a new chat").await;
    scene
        .server
        .push(Script::gated("never", "The beginning", ""));
    press(&scene, "Tell me").await;
    press(&scene, ENTER).await;
    scene.wait_for_answer("generating", "The beginning").await;
    wait_for_focus(&scene, "#next-input", "a send").await;
    tab_to(&scene, "#stop-button").await;
    press(&scene, ENTER).await;
    scene.wait_for_answer("stopped", "The beginning").await;
    wait_for_focus(&scene, "#chat-input", "a stop").await;
    scene.server.push(Script::gated(
        "code",
        "Some code:",
        ANSWER.strip_prefix("Some code:").unwrap(),
    ));
    tab_back_to(&scene, ".retry").await;
    press(&scene, " ").await;
    scene.wait_for_answer("generating", "Some code:").await;
    focused(&scene, "a retry").await;
    scene.server.gate("code").open();
    scene
        .wait_until(
            "document.querySelector('.message[data-status=complete] .code')",
            "the answer is there",
        )
        .await;
    focused(&scene, "an answer's end").await;

    // In the answer.
    press(&scene, "\u{e009}f\u{e000}").await;
    press(&scene, ESCAPE).await;
    wait_for_focus(&scene, "#chat-input", "a look into the find bar").await;
    tab_back_to(&scene, "[data-role=assistant] [aria-label=Copy]").await;
    press(&scene, ENTER).await;
    scene
        .wait_until(
            "document.querySelector('.toast')?.textContent.includes('opied')",
            "the message is copied",
        )
        .await;
    focused(&scene, "a copy").await;
    tab_back_to(&scene, "a.link").await;
    assert_eq!(focused(&scene, "a link").await.host, json!("example.com"));
    press(&scene, ENTER).await;
    crate::until("the browser opens it", async || !opener.opened().is_empty()).await;
    assert_eq!(opener.opened(), ["1 https://example.com/somewhere"]);
    focused(&scene, "a link that was opened").await;
    tab_back_to(&scene, ".code pre").await;
    tab_back_to(&scene, ".code figcaption button:nth-of-type(2)").await;
    press(&scene, " ").await;
    scene
        .wait_until(
            "/opied/.test(document.activeElement.textContent)",
            "the code is copied",
        )
        .await;
    tab_back_to(&scene, ".code [aria-pressed]").await;
    press(&scene, ENTER).await;
    scene
        .wait_until("document.querySelector('.code.wrap')", "the code wraps")
        .await;
    focused(&scene, "a wrap").await;

    // Find.
    press(&scene, "\u{e009}f\u{e000}").await;
    wait_for_focus(&scene, "#find-text", "Ctrl+F").await;
    press(&scene, "needle").await;
    press(&scene, ENTER).await;
    scene
        .wait_until(
            "document.querySelector('.find-bar [role=status]').textContent === '1 of 1'",
            "it is found",
        )
        .await;
    tab_to(&scene, ".find-bar [aria-label^=Close]").await;
    press(&scene, ENTER).await;
    wait_for_focus(&scene, "#chat-input", "the find bar").await;

    // The model and the parameters.
    tab_back_to(&scene, "#model-picker").await;
    press(&scene, ENTER).await;
    wait_for_focus(&scene, "#model-search", "the model picker").await;
    tab_to(&scene, "#refresh-models").await;
    press(&scene, ENTER).await;
    scene
        .wait_until(
            "document.querySelector('[data-model-id=\"openai/gamma-mini\"]')",
            "the models are listed",
        )
        .await;
    tab_back_to(&scene, "#model-search").await;
    press(&scene, DOWN).await;
    press(&scene, UP).await;
    press(&scene, "mini").await;
    press(&scene, ENTER).await;
    wait_for_focus(&scene, "#model-picker", "a choice").await;
    scene
        .wait_until(
            "document.querySelector('#model-picker').value === 'openai/gamma-mini'",
            "it is chosen",
        )
        .await;
    tab_to(&scene, "#open-parameters").await;
    press(&scene, ENTER).await;
    scene
        .wait_until(
            "document.querySelector('#parameters[open]')",
            "the dialog is open",
        )
        .await;
    focused(&scene, "the parameters").await;
    tab_to(&scene, "#parameters-temperature").await;
    press(&scene, "0.5").await;
    tab_to(&scene, "#parameters-done").await;
    press(&scene, ENTER).await;
    scene
        .wait_until(
            "document.querySelector('#open-parameters[data-set]')",
            "something is set",
        )
        .await;
    wait_for_focus(&scene, "#open-parameters", "the parameters").await;

    rename_and_settings(&scene).await;
    switch_and_delete(&scene).await;
}

async fn rename_and_settings(scene: &Scene) {
    tab_back_to(scene, "button.title").await;
    press(scene, ENTER).await;
    wait_for_focus(scene, "dialog [name=title]", "a wish to rename").await;
    press(scene, "By keyboard").await;
    press(scene, ENTER).await;
    scene
        .wait_until(
            "document.querySelector('button.title').textContent === 'By keyboard'",
            "it is renamed",
        )
        .await;
    wait_for_focus(scene, "button.title", "a rename").await;
    press(scene, F2).await;
    wait_for_focus(scene, "dialog [name=title]", "F2").await;
    press(scene, ESCAPE).await;
    wait_for_focus(scene, "button.title", "no rename").await;

    tab_back_to(scene, "#open-settings").await;
    press(scene, ENTER).await;
    wait_for_focus(scene, "#settings-title", "the settings").await;
    for section in ["answers", "notifications", "appearance", "providers"] {
        tab_to(scene, &format!(".sections [data-section={section}]")).await;
        press(scene, ENTER).await;
        let shown = format!("document.querySelector('.section[data-section={section}]')");
        scene.wait_until(&shown, "the section is shown").await;
        focused(scene, section).await;
        tab_back_to(scene, "#close-settings").await;
    }
    tab_to(scene, "#add-provider").await;
    press(scene, ENTER).await;
    scene
        .wait_until(
            "document.querySelector('#preset-search')",
            "the presets are shown",
        )
        .await;
    focused(scene, "a wish to add").await;
    tab_to(scene, "#preset-search").await;
    press(scene, "another").await;
    tab_to(scene, ".preset[data-preset=custom]").await;
    press(scene, ENTER).await;
    scene
        .wait_until(
            "document.querySelector('#provider-name')",
            "the form is shown",
        )
        .await;
    focused(scene, "a preset").await;
    tab_to(scene, "#provider-name").await;
    press(scene, "Mine").await;
    tab_to(scene, "#provider-address").await;
    press(scene, &scene.server.base_url()).await;
    tab_to(scene, "#test-connection").await;
    press(scene, ENTER).await;
    scene
        .wait_until(
            "document.querySelector('#test-result[data-state=worked]')",
            "the test succeeds",
        )
        .await;
    focused(scene, "a test").await;
    tab_to(scene, "#save-provider").await;
    press(scene, ENTER).await;
    scene.window.find("#skip-first-model").await.unwrap();
    focused(scene, "the question for a model").await;
    tab_to(scene, "#skip-first-model").await;
    press(scene, ENTER).await;
    let listed = "document.querySelector('.provider[data-provider-id=custom]')";
    scene.wait_until(listed, "the provider is listed").await;
    focused(scene, "a save").await;
    press(scene, ESCAPE).await;
    scene
        .wait_until(
            "document.querySelector('#settings').hidden",
            "the conversation is back",
        )
        .await;
    wait_for_focus(scene, "#open-settings", "the settings").await;
}

async fn switch_and_delete(scene: &Scene) {
    press(scene, "\u{e009}n\u{e000}").await;
    wait_for_focus(scene, "#chat-input", "Ctrl+N").await;
    scene.server.push(Script::answer("Another one."));
    press(scene, "second").await;
    press(scene, ENTER).await;
    scene.wait_for_answer("complete", "Another one.").await;
    wait_for_focus(scene, "#chat-input", "an answer").await;
    tab_back_to(scene, "#conversation-list .open").await;
    tab_back_to(scene, "#conversation-list li:first-child .open").await;
    press(scene, DOWN).await;
    wait_for_focus(
        scene,
        "#conversation-list li:nth-child(2) .open",
        "an arrow",
    )
    .await;
    press(scene, UP).await;
    press(scene, DOWN).await;
    press(scene, ENTER).await;
    scene
        .wait_until(
            "document.querySelector('button.title').textContent === 'By keyboard'",
            "it is opened",
        )
        .await;
    wait_for_focus(scene, "#chat-input", "a switch").await;

    tab_back_to(scene, ".conversation .open[aria-current=page]").await;
    let listed = async |count: u32, what: &str| {
        let listed = format!(
            "document.querySelectorAll('.conversation').length === {count} && document.activeElement !== document.body"
        );
        scene.wait_until(&listed, what).await;
    };
    press(scene, DELETE).await;
    listed(1, "it is deleted, and something has the focus").await;
    focused(scene, "a deletion").await;
    press(scene, "\u{e009}z\u{e000}").await;
    listed(2, "it is there again").await;
    tab_back_to(scene, ".conversation .open[aria-current=page]").await;
    press(scene, DELETE).await;
    listed(1, "it is deleted again").await;
    focused(scene, "a second deletion").await;
    scene.server.push(Script::answer("Still here."));
    tab_to(scene, "#chat-input").await;
    press(scene, "hello").await;
    press(scene, ENTER).await;
    scene.wait_for_answer("complete", "Still here.").await;
}
