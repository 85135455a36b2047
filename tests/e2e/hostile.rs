//! Hundreds of hostile answers, each streamed into the real window: none runs a script, makes a request,
//! opens anything but a web address, replaces an element of the page or stops the application.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use conch_fault_server::{Script, Step};
use conch_hostile::{CANARY, Kind, Payload, payloads};
use fantoccini::wd::TimeoutConfiguration;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

use crate::Scene;
use crate::links::Opener;

/// A text of up to this many bytes is also sent as the user's message and as the model's reasoning.
const SHORT: usize = 2_000;

/// The time that one answer may take on a busy machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(100);

/// The number of answers in one conversation, so that each is drawn alongside others.
const ANSWERS_PER_CONVERSATION: usize = 20;

/// A server that never responds, and records the requests.
struct Listener {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut line = String::new();
                // A connection already counts as a request, whatever it sends.
                let _ = BufReader::new(stream).read_line(&mut line).await;
                seen.lock().unwrap().push(line);
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Calls the watch in the page and returns what it found wrong.
async fn watch(scene: &Scene, call: &str, arguments: &[Value]) -> Vec<String> {
    let script = format!(
        "const done = arguments[arguments.length - 1];
         window.conchWatch.{call}(...arguments[0]).then(done, (error) => done([String(error)]));"
    );
    let found = scene.window.client();
    let found = found.execute_async(&script, vec![json!(arguments)]).await;
    serde_json::from_value(found.unwrap()).unwrap()
}

/// Streams the answer in two pieces, so that it is shown incomplete, split at a different place each time.
fn streamed(number: usize, payload: &Payload) -> Script {
    let wanted = payload.text.len() * (1 + number % 4) / 5;
    let cut = payload.text.ceil_char_boundary(wanted);
    let (begun, rest) = payload.text.split_at(cut);
    let mut steps = vec![Step::Head];
    if payload.text.len() <= SHORT {
        steps.push(Step::Reasoning(payload.text.clone()));
    }
    steps.extend([
        Step::Delta(format!("Begin {number}.\n\n{begun}")),
        Step::Wait(number.to_string()),
        Step::Delta(rest.to_owned()),
        // Closes what the payload left open; at worst this is inside code.
        Step::Delta(format!("\n\nEnd {number}.")),
        Step::Finish("stop".to_owned()),
        Step::Done,
    ]);
    Script::new(steps)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hostile_answer_has_an_effect() {
    let (listener, opener) = (Listener::start().await, Opener::default());
    let scene = Scene::open_with(&opener.environment()).await;
    let client = scene.window.client();
    let patience = TimeoutConfiguration::new(Some(ANSWER_TIMEOUT), None, None);
    client.update_timeouts(patience).await.unwrap();
    scene.run(include_str!("hostile.js")).await;
    let seen = watch(&scene, "provoke", &[json!(listener.address)]).await;
    let canary = format!("a global {CANARY}");
    for trick in [
        "alert(a dialog)",
        "img-src forbids",
        &canary,
        "#chat-input is not what it was",
    ] {
        let is_seen = seen.iter().any(|one| one.starts_with(trick));
        assert!(is_seen, "the watch sees {trick}: {seen:?}");
    }

    let mut wrong = Vec::new();
    let payloads = payloads(&listener.address);
    for (number, payload) in payloads.iter().enumerate() {
        let is_heavy = matches!(payload.kind, Kind::Nesting | Kind::Size);
        let is_new = is_heavy || number % ANSWERS_PER_CONVERSATION == 0;
        let is_short = payload.text.len() <= SHORT && !payload.text.trim().is_empty();
        let said = if is_short {
            &payload.text
        } else {
            &payload.name
        };
        scene.server.push(streamed(number, payload));
        let begun = [
            json!(said),
            json!(format!("Begin {number}.")),
            json!(is_new),
        ];
        let mut found = watch(&scene, "begin", &begun).await;
        scene.server.gate(&number.to_string()).open();
        found.extend(watch(&scene, "end", &[json!(format!("End {number}."))]).await);
        if !is_heavy {
            found.extend(watch(&scene, "touch", &[]).await);
        }
        if !found.is_empty() {
            found.truncate(10);
            wrong.push(format!("{}: {found:?}", payload.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        payloads.len(),
        wrong.join("\n")
    );

    for opened in opener.opened() {
        let is_web = ["1 http://", "1 https://", "1 mailto:"]
            .iter()
            .any(|web| opened.starts_with(web));
        assert!(
            is_web && !opened.contains(['"', '`', '\\']),
            "the opener was given {opened:?}"
        );
    }
    assert_eq!(
        listener.requests(),
        Vec::<String>::new(),
        "a request was sent"
    );
    scene.server.push(Script::answer("Still here."));
    scene.window.click("#new-conversation").await.unwrap();
    scene.send("hello").await;
    scene.wait_for_answer("complete", "Still here.").await;
}
