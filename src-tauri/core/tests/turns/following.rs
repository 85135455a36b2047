//! Following an answer that is being generated.

use std::sync::Arc;

use conch_core::live::{Phase, TranscriptEvent};
use conch_core::model::PartDelta;
use conch_fault_server::{Script, Step};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::{Fixture, accepted};

fn follow(fixture: &Fixture) -> UnboundedReceiver<TranscriptEvent> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (app, branch) = (
        Arc::clone(&fixture.app),
        fixture.conversation.main_branch_id.clone(),
    );
    tokio::spawn(async move {
        app.follow(&branch, |event| sender.send(event).is_ok())
            .await;
    });
    receiver
}

/// Reads text until it ends with `end`.
async fn read_until(events: &mut UnboundedReceiver<TranscriptEvent>, end: &str) -> String {
    let mut read = String::new();
    while !read.ends_with(end) {
        if let TranscriptEvent::Part {
            delta: PartDelta::Text(text),
            ..
        } = events.recv().await.unwrap()
        {
            read.push_str(&text);
        }
    }
    read
}

#[tokio::test]
async fn a_reload_during_an_answer_continues_from_the_text_so_far() {
    let fixture = Fixture::new().await;
    fixture
        .server
        .push(Script::gated("hold", "Grüße, ", "Welt 🐚"));
    let mut first = follow(&fixture);
    accepted(fixture.send("hello").await);
    assert_eq!(read_until(&mut first, "Grüße, ").await, "Grüße, ");
    let view = fixture
        .app
        .get_conversation(&fixture.conversation.id, None)
        .await
        .unwrap();
    assert_eq!(
        view.messages[1].content(),
        "Grüße, ",
        "a snapshot has the text too"
    );

    drop(first);
    let mut second = follow(&fixture);
    fixture.server.gate("hold").open();
    assert_eq!(read_until(&mut second, "🐚").await, "Grüße, Welt 🐚");
}

#[tokio::test]
async fn a_retry_is_announced_with_its_time_and_reason() {
    let fixture = Fixture::new().await;
    let busy = Step::status(
        429,
        &[("retry-after-ms", "20")],
        r#"{"error":{"message":"too fast"}}"#,
    );
    fixture.server.push(Script::new([busy]));
    fixture.server.push(Script::answer("done"));
    let mut events = follow(&fixture);
    accepted(fixture.send("hello").await);
    let reason = loop {
        if let TranscriptEvent::Phase {
            phase: Phase::Retrying {
                attempt, reason, ..
            },
            ..
        } = events.recv().await.unwrap()
        {
            assert_eq!(attempt, 2);
            break reason;
        }
    };
    assert!(reason.contains("too fast"), "{reason}");
}
