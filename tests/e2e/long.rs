//! A conversation of ten thousand messages: scrolled from its end far back, searched, and continued, with
//! a bounded number of messages on the page and a stable scroll position.

use conch_fault_server::{Script, Step};
use conch_support::seed::{Conversations, make, message_id};
use serde::Deserialize;
use serde_json::json;

use crate::Scene;
use crate::keyboard::press;

const MESSAGES: i64 = 10_000;

/// The most messages that may be on the page.
const MAX_MESSAGES: usize = 300;

/// The most that the message in view may move when messages are loaded, in px.
const STILL: f64 = 2.0;

/// Messages of many heights, some with code that is highlighted late.
const CONTENT: &str = "CASE
    WHEN k = 1 THEN 'the very first of all'
    WHEN k % 10 = 0 THEN '```rust' || char(10) || 'fn main() { let k = ' || k || '; }' || char(10) || '```'
    ELSE 'Message ' || k || ' says: ' || substr(replace(hex(zeroblob(600)), '00', 'words '), 1, 1 + (k * 7919) % 1500)
  END";

async fn open() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let long = Conversations {
        first: 1,
        count: 1,
        messages: MESSAGES,
        content: CONTENT,
    };
    make(&folder.path().join("conch.db"), &[long])
        .await
        .unwrap();
    let scene = Scene::open_on(folder, &[]).await;
    scene
        .wait_until(&is_shown(MESSAGES), "the end of the conversation is shown")
        .await;
    scene.run(include_str!("long.js")).await;
    scene
}

/// Returns an expression for whether a message is visible.
fn is_shown(number: i64) -> String {
    let id = message_id(1, number);
    format!(
        "(() => {{ const m = document.querySelector('[data-message-id=\"{id}\"]')?.getBoundingClientRect();
           const t = document.querySelector('#transcript').getBoundingClientRect();
           return m !== undefined && m.bottom > t.top && m.top < t.bottom; }})()"
    )
}

#[derive(Debug, Deserialize)]
struct Loaded {
    moved: Option<f64>,
    most: usize,
    count: usize,
    first: i64,
    last: i64,
}

/// Scrolls there, as far as messages are loaded, and asserts that the scroll position is stable.
async fn load(scene: &Scene, top: i64) -> Loaded {
    let script = "const [top, done] = arguments;
        window.conchScroll.load(top).then(done, (error) => done(String(error)));";
    let loaded = scene
        .window
        .client()
        .execute_async(script, vec![json!(top)]);
    let loaded = loaded.await.unwrap();
    let loaded: Loaded =
        serde_json::from_value(loaded.clone()).unwrap_or_else(|_| panic!("{loaded}"));
    assert!(
        loaded.most <= MAX_MESSAGES,
        "never more on the page: {loaded:?}"
    );
    let moved = loaded.moved.expect("what is looked at stays on the page");
    assert!(
        moved < STILL,
        "what is looked at stays in its place: {loaded:?}"
    );
    loaded
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_are_scrolled_and_found_in_with_few_on_the_page() {
    let scene = open().await;
    // By keyboard first, so that the page handles a real key event.
    let count = "document.querySelectorAll('.message').length";
    scene
        .run("document.querySelector('#transcript').focus();")
        .await;
    press(&scene, "\u{e011}").await;
    scene
        .wait_until(&format!("{count} > 50"), "Home loads what is before")
        .await;

    let mut at = load(&scene, 0).await;
    for top in [250, 0, 600, 1].into_iter().cycle() {
        if at.first <= MESSAGES - 700 {
            break;
        }
        at = load(&scene, top).await;
    }
    assert_eq!(at.count, MAX_MESSAGES, "the page is full");
    assert!(at.last < MESSAGES, "the end is not on it any more");
    assert!(
        scene
            .run("return Boolean(document.querySelector('.to-bottom'));")
            .await
            == json!(true)
    );

    for top in [-250, -1, -600].into_iter().cycle() {
        if at.last == MESSAGES {
            break;
        }
        at = load(&scene, top).await;
    }
    assert!(
        at.count <= MAX_MESSAGES && at.first > MESSAGES - 400,
        "{at:?}"
    );

    press(&scene, "\u{e009}f\u{e000}").await;
    press(&scene, "the very first of all").await;
    scene
        .wait_until(
            "document.querySelector('.find-bar [role=status]').textContent === '1 of 1'",
            "it is found",
        )
        .await;
    scene
        .wait_until(&is_shown(1), "the first message is shown")
        .await;
    press(&scene, "\u{e00c}").await;
    scene.window.click(".to-bottom").await.unwrap();
    scene
        .wait_until(&is_shown(MESSAGES), "the end is shown again")
        .await;
    assert!(
        scene
            .run(&format!("return {count};"))
            .await
            .as_u64()
            .unwrap()
            <= MAX_MESSAGES as u64
    );
}

fn lines(from: u32, to: u32) -> String {
    let lines: Vec<_> = (from..to)
        .map(|line| format!("Line {line} of the answer.\n\n"))
        .collect();
    lines.concat()
}

/// Returns an expression for whether the answer contains this text.
fn says(text: &str) -> String {
    format!(
        "[...document.querySelectorAll('.message')].at(-1).textContent.includes({})",
        json!(text)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_streams_is_followed_until_the_user_scrolls_up() {
    let scene = open().await;
    let part = |from, to| Step::Delta(lines(from, to));
    scene.server.push(Script::new([
        Step::Head,
        part(0, 40),
        Step::Wait("scrolled".to_owned()),
        part(40, 80),
        Step::Wait("followed".to_owned()),
        part(80, 120),
        Step::Delta("```rust\nfn main() {}\n```\n".to_owned()),
        Step::Finish("stop".to_owned()),
        Step::Done,
    ]));
    scene.send("go on").await;
    scene
        .wait_until(&says("Line 39 of"), "the answer begins")
        .await;
    let at_end = "window.conchScroll.distance() < 2";
    scene.wait_until(at_end, "it is followed").await;

    scene.run("return window.conchScroll.to(-900);").await;
    let line = scene.run("return window.conchScroll.read();").await;
    for width in [640, 1100] {
        let client = scene.window.client();
        client.set_window_size(width, 760).await.unwrap();
        let is_read = format!("innerWidth === {width} && window.conchScroll.read() === {line}");
        scene
            .wait_until(&is_read, "what is read stays in another width")
            .await;
    }
    let looked_at = message_id(1, MESSAGES);
    let top = "const scroller = document.querySelector('#transcript');
        return scroller.scrollTop;";
    let before = scene.run(top).await;
    scene.server.gate("scrolled").open();
    scene.wait_until(&says("Line 79 of"), "it goes on").await;
    let button = "document.querySelector('.to-bottom')";
    scene
        .wait_until(button, "the page says that there is more")
        .await;
    assert_eq!(
        scene.run(top).await,
        before,
        "what is read stays ({looked_at})"
    );

    scene.window.click(".to-bottom").await.unwrap();
    scene.wait_until(at_end, "the end is shown").await;
    scene
        .wait_until(&format!("!{button}"), "nothing is hidden")
        .await;
    scene.server.gate("followed").open();
    scene
        .wait_until(
            &format!(
                "{} && document.querySelector('.message:last-child .tok-keyword')",
                says("Line 119 of")
            ),
            "it ends, with colours",
        )
        .await;
    scene.wait_until(at_end, "it was followed to its end").await;

    // Growth without new text: an image that was loaded, here simulated by a larger height.
    scene
        .run("document.querySelector('.message:last-child .code').style.minHeight = '700px';")
        .await;
    scene
        .wait_until(at_end, "what grows later is followed, too")
        .await;
}
