//! Notifications, as a desktop's notification service receives them over D-Bus.

#![allow(
    clippy::unused_self,
    clippy::used_underscore_binding,
    reason = "the specification's arguments, which the macro repeats"
)]

use std::collections::HashMap;

use conch_fault_server::{Script, Step};
use conch_window::Display;
use serde_json::json;
use tokio::sync::mpsc;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::OwnedValue;

use crate::process::CANARY;
use crate::{Scene, until};

const PATH: &str = "/org/freedesktop/Notifications";

/// A stand-in for the desktop's notification service, with markup support like most.
struct Service(mpsc::UnboundedSender<[String; 2]>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Service {
    fn get_capabilities(&self) -> Vec<String> {
        ["actions", "body", "body-markup"]
            .map(str::to_owned)
            .to_vec()
    }

    #[allow(clippy::too_many_arguments, reason = "the specification's")]
    fn notify(
        &self,
        _app_name: String,
        _replaces_id: u32,
        _app_icon: String,
        summary: String,
        body: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expire_timeout: i32,
    ) -> u32 {
        self.0.send([summary, body]).unwrap();
        7
    }

    #[zbus(signal)]
    async fn action_invoked(
        emitter: &SignalEmitter<'_>,
        id: u32,
        action_key: &str,
    ) -> zbus::Result<()>;
}

/// Returns a display with that service on its own bus, and the notifications that it receives.
async fn desktop() -> (
    Display,
    zbus::Connection,
    mpsc::UnboundedReceiver<[String; 2]>,
) {
    let display = Display::find().unwrap().with_own_bus().unwrap();
    let mut bus = display.environment().iter();
    let bus = bus.find(|(name, _)| name == "DBUS_SESSION_BUS_ADDRESS");
    let (notify, shown) = mpsc::unbounded_channel();
    let service = zbus::connection::Builder::address(bus.unwrap().1.as_str())
        .unwrap()
        .name("org.freedesktop.Notifications")
        .unwrap()
        .serve_at(PATH, Service(notify))
        .unwrap()
        .build()
        .await
        .unwrap();
    (display, service, shown)
}

/// Sends while the window is visible, and lets the server continue once it is hidden.
async fn send_and_hide(scene: &Scene, text: &str) {
    scene.send(text).await;
    scene.server.wait_for_requests(1).await;
    scene.press_close();
    until("the window is hidden", async || {
        scene.visible_windows().is_empty()
    })
    .await;
    scene.server.gate("hold").open();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_repeats_the_key_is_notified_without_it() {
    let (display, _service, mut shown) = desktop().await;
    let key = [("OPENAI_API_KEY".to_owned(), CANARY.to_owned())];
    let scene = Scene::open_at(display, tempfile::tempdir().unwrap(), &key).await;
    let repeated = format!("Incorrect API key provided: {CANARY}");
    scene.server.push(Script::new([
        Step::Wait("hold".to_owned()),
        Step::refusal(401, &[], &repeated),
    ]));
    send_and_hide(&scene, "hello").await;
    let [title, body] = shown.recv().await.unwrap();
    assert!(body.contains("Incorrect API key provided"), "{body}");
    assert!(!title.contains(CANARY) && !body.contains(CANARY), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_ends_out_of_sight_is_notified_as_text_and_a_click_shows_it() {
    let (display, service, mut shown) = desktop().await;
    let scene = Scene::open_at(display, tempfile::tempdir().unwrap(), &[]).await;
    let markup = "**Log in** with `Vec<String>` & <a href=\"https://evil.example/\">here</a>";
    scene.server.push(Script::gated("hold", "", markup));
    send_and_hide(&scene, "Which <b>type</b>?").await;
    assert_eq!(
        shown.recv().await.unwrap(),
        [
            "Which <b>type</b>?",
            "Log in with Vec&lt;String&gt; &amp; &lt;a href=\"https://evil.example/\"&gt;here&lt;/a&gt;"
        ]
    );

    let emitter = SignalEmitter::new(&service, PATH).unwrap();
    Service::action_invoked(&emitter, 7, "default")
        .await
        .unwrap();
    until("the window is shown", async || {
        scene.visible_windows().len() == 1
    })
    .await;
    scene
        .wait_for_answer(
            "complete",
            "Log in with Vec<String> & <a href=\"https://evil.example/\">here</a>",
        )
        .await;
    assert_eq!(scene.lock().await["canSend"], json!(true), "and it goes on");
}
