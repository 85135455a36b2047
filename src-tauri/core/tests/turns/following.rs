//! Following an answer that is being generated.

use std::sync::Arc;

use conch_core::events::CoreEvent;
use conch_core::live::{Phase, TranscriptEvent};
use conch_core::model::{LockReason, MessageId, PartDelta};
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
        app.turns
            .follow(&branch, |event| sender.send(event).is_ok())
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
        .conversations
        .get(&fixture.conversation.id, None)
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

/// Windows show an answer from these alone: they read nothing for it.
#[tokio::test]
async fn an_answer_is_two_events_for_the_windows_and_a_start_and_an_end_for_its_followers() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::answer("an answer"));
    let (mut events, mut followed) = (fixture.app.subscribe(), follow(&fixture));
    let sent = accepted(fixture.send("A question").await);

    let mut published = Vec::new();
    loop {
        match events.recv().await.unwrap() {
            CoreEvent::Lock(change) => {
                let row = change.conversation.expect("it exists");
                assert_eq!(row.title.as_deref(), Some("A question"));
                published.push((change.reason, row.busy, row.model_id.is_some()));
            }
            CoreEvent::AnswerEnded(_) => break,
            other => panic!("{other:?}"),
        }
    }
    let expected = [
        (LockReason::Acquired, true, false),
        (LockReason::Released, false, true),
    ];
    assert_eq!(published, expected);
    assert!(events.try_recv().is_err(), "nothing else");

    let mut ends = Vec::new();
    while ends.len() < 2 {
        match followed.recv().await.unwrap() {
            TranscriptEvent::Started { message_id } => ends.push(("started", message_id)),
            TranscriptEvent::Ended { message_id } => ends.push(("ended", message_id)),
            TranscriptEvent::Missed => panic!("a follower was late"),
            TranscriptEvent::Part { .. } | TranscriptEvent::Phase { .. } => {}
        }
    }
    let id = sent.assistant_message_id;
    assert_eq!(ends, [("started", id.clone()), ("ended", id.clone())]);
    let conversations = &fixture.app.conversations;
    let stored = async |count| {
        let messages = conversations.messages_up_to(&sent.branch_id, &id, count);
        messages.await.unwrap()
    };
    assert_eq!(stored(2).await[0].id, sent.user_message_id);
    assert_eq!(stored(1).await[0].content(), "an answer");

    // A follower may read it when the next answer has begun: after "Stop and send", for example.
    fixture.server.push(Script::answer("another"));
    accepted(fixture.send("Another question").await);
    fixture.app.turns.all_ended().await;
    assert_eq!(stored(2).await[0].id, sent.user_message_id);
    assert_eq!(stored(1).await[0].content(), "an answer");
    let unknown = MessageId::fresh();
    let elsewhere = conversations.messages_up_to(&sent.branch_id, &unknown, 1);
    assert!(elsewhere.await.unwrap().is_empty(), "of no branch");
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
