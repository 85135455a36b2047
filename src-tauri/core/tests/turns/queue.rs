//! The queue and the send policies through the core's public API, up to the requests that the provider gets.

use std::time::Duration;

use conch_core::events::CoreEvent;
use conch_core::model::{
    Accepted, Composer, Message, MessageStatus, NewMessage, PauseReason, Queue, Queued,
    SendOutcome, SendPolicy, TurnRequest,
};
use conch_core::{App, ErrorCode, Result};
use conch_fault_server::{Script, Step};
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use crate::{Fixture, accepted, open, settled};

impl Fixture {
    async fn send_as(&self, content: &str, policy: SendPolicy) -> Result<SendOutcome> {
        send_as(&self.app, self, content, policy).await
    }

    async fn enqueue(&self, content: &str) -> Queued {
        match self.send_as(content, SendPolicy::Queue).await.unwrap() {
            SendOutcome::Queued(queued) => queued,
            SendOutcome::Accepted(_) => panic!("it was sent at once"),
        }
    }

    async fn queue(&self) -> Queue {
        queue_of(&self.app, self).await
    }

    /// Starts an answer that waits for the gate `hold`, with this text so far.
    async fn hold(&self, text: &str) -> Accepted {
        self.server.push(Script::gated("hold", text, ""));
        let accepted = accepted(self.send("first").await);
        self.wait_for_text(text).await;
        accepted
    }

    async fn contents(&self) -> Vec<String> {
        let view = self.settled().await;
        let contents = view.messages.iter().map(Message::content);
        contents.collect()
    }
}

async fn send_as(
    app: &App,
    fixture: &Fixture,
    content: &str,
    policy: SendPolicy,
) -> Result<SendOutcome> {
    let request = TurnRequest {
        policy: Some(policy),
        ..TurnRequest::message(&fixture.conversation.id, content)
    };
    app.turns.start(request).await
}

async fn queue_of(app: &App, fixture: &Fixture) -> Queue {
    app.queues
        .list(&fixture.conversation.id, None)
        .await
        .unwrap()
}

/// Waits until this many messages wait and the branch is free: not for the drainer's timer, which fires later.
async fn drained(app: &App, fixture: &Fixture, count: usize) {
    let draining = timeout(Duration::from_secs(10), until_drained(app, fixture, count));
    draining.await.unwrap();
}

async fn until_drained(app: &App, fixture: &Fixture, count: usize) {
    let mut events = app.subscribe();
    loop {
        let view = app.conversations.get(&fixture.conversation.id, None).await;
        let view = view.unwrap();
        if !view.lock.locked && view.queue.items.len() == count {
            return;
        }
        changed(&mut events).await;
    }
}

async fn changed(events: &mut Receiver<CoreEvent>) {
    while !matches!(
        events.recv().await.unwrap(),
        CoreEvent::Lock(_) | CoreEvent::Queue(_)
    ) {}
}

/// Returns the last user message of each request, in the order in which the provider got them.
fn asked(fixture: &Fixture) -> Vec<String> {
    let last = |body: &serde_json::Value| {
        let messages = body["messages"].as_array().unwrap();
        messages.last().unwrap()["content"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let requests = fixture.server.completions();
    requests
        .iter()
        .map(|request| last(&request.body.clone()))
        .collect()
}

#[tokio::test]
async fn what_waits_is_sent_in_order_one_by_one() {
    let fixture = Fixture::new().await;
    fixture.hold("a").await;
    for text in ["second", "third", "fourth"] {
        fixture.enqueue(text).await;
        fixture.server.push(Script::answer(&format!("to {text}")));
    }
    fixture.server.gate("hold").open();
    drained(&fixture.app, &fixture, 0).await;
    assert_eq!(asked(&fixture), ["first", "second", "third", "fourth"]);
    assert_eq!(
        fixture.contents().await,
        [
            "first",
            "a",
            "second",
            "to second",
            "third",
            "to third",
            "fourth",
            "to fourth"
        ]
    );
    assert_eq!(fixture.server.peak_completions(), 1);
}

/// F7, F13: Stop works from the first millisecond, and what waits does not begin in its place.
#[tokio::test]
async fn f13_stop_pauses_what_waits_until_it_is_resumed() {
    let fixture = Fixture::new().await;
    let running = fixture.hold("half").await;
    fixture.enqueue("second").await;
    let stopped = fixture.app.turns.stop(&running.generation_id).await;
    assert!(stopped.stopped);
    assert_eq!(fixture.contents().await, ["first", "half"]);
    let queue = fixture.queue().await;
    assert_eq!(queue.pause_reason, Some(PauseReason::Stopped));
    fixture.server.push(Script::answer("to second"));
    let id = &fixture.conversation.id;
    for _ in 0..2 {
        fixture.app.queues.resume(id, None).await.unwrap();
    }
    drained(&fixture.app, &fixture, 0).await;
    assert_eq!(asked(&fixture), ["first", "second"]);
}

#[tokio::test]
async fn stop_all_lets_no_queue_begin() {
    let fixture = Fixture::new().await;
    fixture.hold("half").await;
    let app = &fixture.app;
    let view = app.conversations.get(&fixture.conversation.id, None).await;
    let question = view.unwrap().messages.remove(0).id;
    let branch = app.conversations.fork(&question, None).await.unwrap();
    let request = TurnRequest {
        policy: Some(SendPolicy::Queue),
        ..NewMessage {
            branch_id: Some(branch.id.clone()),
            ..NewMessage::new(&fixture.conversation.id, "elsewhere")
        }
        .into()
    };
    let waits = fixture.app.turns.start(request).await.unwrap();
    assert!(matches!(waits, SendOutcome::Queued(_)));
    assert_eq!(fixture.app.turns.stop_all().await.stopped, 1);
    let id = &fixture.conversation.id;
    let queue = fixture.app.queues.list(id, Some(&branch.id)).await.unwrap();
    assert_eq!(queue.pause_reason, Some(PauseReason::Stopped));
    assert_eq!(queue.items.len(), 1);
    assert_eq!(asked(&fixture), ["first"]);
}

/// F17: an error pauses what waits, and its answer is in no later request.
#[tokio::test]
async fn f17_an_error_pauses_what_waits_and_does_not_poison_it() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::answer("fine"));
    accepted(fixture.send("zeroth").await);
    fixture.settled().await;
    fixture.server.push(Script::gated("hold", "", ""));
    accepted(fixture.send("first").await);
    fixture.server.wait_for_requests(2).await;
    fixture.enqueue("second").await;
    fixture.app.quit().await;
    // The same state, reached by an answer that fails.
    let app = open(fixture.folder.path(), &fixture.server).await;
    let queue = queue_of(&app, &fixture).await;
    assert_eq!(queue.pause_reason, Some(PauseReason::Restarted));
    fixture
        .server
        .push(Script::status(400, r#"{"error":{"message":"no"}}"#));
    let id = &fixture.conversation.id;
    send_as(&app, &fixture, "fails", SendPolicy::Reject)
        .await
        .unwrap();
    settled(&app, id).await;
    app.queues.resume(id, None).await.unwrap();
    fixture
        .server
        .push(Script::status(400, r#"{"error":{"message":"no"}}"#));
    drained(&app, &fixture, 0).await;
    let view = settled(&app, id).await;
    let last = view.messages.last().unwrap();
    assert_eq!(last.status, MessageStatus::Failed);
    let requests = fixture.server.completions();
    let text = requests.last().unwrap().body.to_string();
    assert!(text.contains("fine") && !text.contains("\"no\""), "{text}");
}

#[tokio::test]
async fn an_answer_that_fails_pauses_what_waits() {
    let fixture = Fixture::new().await;
    let error = serde_json::json!({"error": {"message": "overloaded"}});
    fixture.server.push(Script::new([
        Step::Head,
        Step::Delta("half".into()),
        Step::Wait("hold".into()),
        Step::Error(error),
    ]));
    accepted(fixture.send("first").await);
    fixture.wait_for_text("half").await;
    fixture.enqueue("second").await;
    fixture.server.gate("hold").open();
    let view = fixture.settled().await;
    assert_eq!(view.messages[1].status, MessageStatus::Failed);
    assert_eq!(view.queue.pause_reason, Some(PauseReason::Failed));
    assert_eq!(view.queue.items.len(), 1);
}

#[tokio::test]
async fn a_restart_keeps_what_waits_paused_and_sends_it_once() {
    let fixture = Fixture::new().await;
    fixture.hold("half").await;
    fixture.enqueue("second").await;
    fixture.app.quit().await;
    let app = open(fixture.folder.path(), &fixture.server).await;
    let queue = queue_of(&app, &fixture).await;
    assert_eq!(queue.pause_reason, Some(PauseReason::Restarted));
    assert_eq!(queue.items[0].content, "second");
    fixture.server.push(Script::answer("to second"));
    let id = &fixture.conversation.id;
    app.queues.resume(id, None).await.unwrap();
    drained(&app, &fixture, 0).await;
    assert_eq!(asked(&fixture), ["first", "second"]);
}

/// F4, F14: a branch that another process frees is drained, by whichever process looks first, once.
#[tokio::test]
async fn f4_two_processes_drain_one_queue_once() {
    let fixture = Fixture::new().await;
    fixture.hold("a").await;
    let second = open(fixture.folder.path(), &fixture.server).await;
    let mut events = second.subscribe();
    for text in ["second", "third"] {
        fixture.server.push(Script::answer(text));
        let sent = send_as(&second, &fixture, text, SendPolicy::Queue).await;
        assert!(matches!(sent, Ok(SendOutcome::Queued(_))));
    }
    changed(&mut events).await;
    assert!(!fixture.queue().await.paused, "one of them was running");
    fixture.server.gate("hold").open();
    drained(&fixture.app, &fixture, 0).await;
    drained(&second, &fixture, 0).await;
    assert_eq!(asked(&fixture), ["first", "second", "third"]);
}

/// F5, F9: the part is kept, and no other send gets between the stop and the start.
#[tokio::test]
async fn f5_f9_interrupt_keeps_the_part_and_sends_at_once() {
    let fixture = Fixture::new().await;
    let running = fixture.hold("half").await;
    fixture.enqueue("waits").await;
    fixture.server.push(Script::gated("next", "to second", ""));
    let sent = fixture.send_as("second", SendPolicy::Interrupt).await;
    let sent = accepted(sent);
    assert_eq!(sent.fence, running.fence + 1, "nothing was between them");
    fixture.server.wait_for_disconnects(1).await;
    assert_eq!(fixture.queue().await.pause_reason, None);
    assert_eq!(fixture.queue().await.items.len(), 1);
    fixture.server.push(Script::answer("to waits"));
    fixture.server.gate("next").open();
    drained(&fixture.app, &fixture, 0).await;
    assert_eq!(
        fixture.contents().await,
        ["first", "half", "second", "to second", "waits", "to waits"]
    );
    let view = fixture.settled().await;
    assert_eq!(view.messages[1].status, MessageStatus::Stopped);
}

#[tokio::test]
async fn rollback_takes_the_running_turn_out_of_what_the_model_sees() {
    let fixture = Fixture::new().await;
    fixture.hold("half").await;
    fixture.server.push(Script::answer("right answer"));
    accepted(fixture.send_as("right", SendPolicy::Rollback).await);
    assert_eq!(fixture.contents().await, ["right", "right answer"]);
    let requests = fixture.server.completions();
    let text = requests.last().unwrap().body.to_string();
    assert!(text.contains("right") && !text.contains("half"), "{text}");
    let view = fixture.settled().await;
    assert_eq!(view.messages[0].versions.count, 2);
}

#[tokio::test]
async fn send_now_stops_what_runs_and_pauses_nothing() {
    let fixture = Fixture::new().await;
    fixture.hold("half").await;
    fixture.enqueue("second").await;
    let third = fixture.enqueue("third").await.queued_message_id;
    fixture.server.push(Script::answer("to third"));
    fixture.server.push(Script::answer("to second"));
    let sent = fixture.app.turns.send_now(third.clone()).await;
    let sent = accepted(sent);
    drained(&fixture.app, &fixture, 0).await;
    assert_eq!(asked(&fixture), ["first", "third", "second"]);
    let again = fixture.app.turns.send_now(third).await;
    assert_eq!(accepted(again), sent, "a repeated call sends nothing");
    let nowhere = fixture.app.turns.send_now("nowhere".to_owned().into());
    assert_eq!(nowhere.await.unwrap_err().code(), ErrorCode::NotFound);
}

/// Of many sends that interrupt each other, each takes over from the one before, or is refused; none is lost or doubled.
#[tokio::test(flavor = "multi_thread")]
async fn many_interrupts_at_once_leave_one_answer_and_every_accepted_message() {
    let fixture = Fixture::new().await;
    for _ in 0..12 {
        fixture.server.push(Script::gated("never", "x", ""));
    }
    accepted(fixture.send("first").await);
    let texts: Vec<_> = (0..8).map(|n| format!("message {n}")).collect();
    let sends = texts
        .iter()
        .map(|text| fixture.send_as(text, SendPolicy::Interrupt));
    let sent = futures_util::future::join_all(sends).await;
    let view = fixture
        .app
        .conversations
        .get(&fixture.conversation.id, None)
        .await
        .unwrap();
    let stored: Vec<_> = view.messages.iter().map(Message::content).collect();
    for (text, outcome) in texts.iter().zip(&sent) {
        let times = stored.iter().filter(|one| *one == text).count();
        assert_eq!(times, usize::from(outcome.is_ok()), "{text}: {outcome:?}");
        if let Err(error) = outcome {
            assert_eq!(error.code(), ErrorCode::GenerationInProgress);
        }
    }
    let generating = view
        .messages
        .iter()
        .filter(|one| one.status == MessageStatus::Generating);
    assert_eq!(generating.count(), 1);
}

#[tokio::test]
async fn an_answer_of_another_process_is_not_stopped_and_the_send_is_refused() {
    let fixture = Fixture::new().await;
    fixture.hold("half").await;
    let second = open(fixture.folder.path(), &fixture.server).await;
    for policy in [SendPolicy::Interrupt, SendPolicy::Rollback] {
        let refused = send_as(&second, &fixture, "second", policy).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::GenerationInProgress);
        let branch = &fixture.conversation.main_branch_id;
        assert_eq!(refused.branch_id(), Some(branch));
    }
    fixture.server.gate("hold").open();
    assert_eq!(fixture.contents().await, ["first", "half"]);
}

#[tokio::test]
async fn a_model_that_is_gone_pauses_the_queue_at_its_message() {
    let fixture = Fixture::new().await;
    fixture.hold("half").await;
    let id = fixture.enqueue("second").await.queued_message_id;
    fixture
        .app
        .queues
        .edit(&id, "second", Some("gone/model"))
        .await
        .unwrap();
    let mut events = fixture.app.subscribe();
    fixture.server.gate("hold").open();
    while !fixture.queue().await.paused {
        changed(&mut events).await;
    }
    let queue = fixture.queue().await;
    assert_eq!(queue.pause_reason, Some(PauseReason::Failed));
    assert!(queue.pause_message.unwrap().contains("gone/model"));
    assert_eq!(queue.items.len(), 1, "it is kept");
    let now = fixture.app.turns.send_now(id.clone()).await.unwrap_err();
    assert_eq!(now.code(), ErrorCode::InvalidArgument);
    let (queues, conversation) = (&fixture.app.queues, &fixture.conversation.id);
    queues
        .edit(&id, "second", Some("openai/there"))
        .await
        .unwrap();
    fixture.server.push(Script::answer("to second"));
    queues.resume(conversation, None).await.unwrap();
    drained(&fixture.app, &fixture, 0).await;
    assert_eq!(asked(&fixture), ["first", "second"]);
}

#[tokio::test]
async fn bad_input_changes_nothing_and_says_why() {
    let fixture = Fixture::new().await;
    fixture.hold("half").await;
    for n in 0..10 {
        fixture.enqueue(&format!("message {n}")).await;
    }
    let full = fixture.send_as("one more", SendPolicy::Queue).await;
    assert_eq!(full.unwrap_err().code(), ErrorCode::QueueFull);
    let first = fixture.queue().await.items.remove(0).id;
    let queues = &fixture.app.queues;
    let code = async |done: Result<()>| done.unwrap_err().code();
    let long = "x".repeat(1024 * 1024 + 1);
    assert_eq!(
        code(queues.edit(&first, " ", None).await).await,
        ErrorCode::EmptyMessage
    );
    assert_eq!(
        code(queues.edit(&first, &long, None).await).await,
        ErrorCode::MessageTooLong
    );
    assert_eq!(
        code(queues.move_to(&first, 0).await).await,
        ErrorCode::InvalidArgument
    );
    let gone = "gone".to_owned().into();
    for done in [
        queues.edit(&gone, "x", None).await,
        queues.move_to(&gone, 1).await,
        queues.remove(&gone).await,
        queues.restore(&gone).await,
        queues.hold(&gone, true).await,
        queues.clear(&"gone".to_owned().into(), None).await,
        queues.pause(&"gone".to_owned().into(), None).await,
        queues
            .resume(&fixture.conversation.id, Some(&"gone".to_owned().into()))
            .await,
        queues
            .set_policy(Some(&"gone".to_owned().into()), None)
            .await,
    ] {
        assert_eq!(code(done).await, ErrorCode::NotFound);
    }
    assert_eq!(
        code(queues.set_policy(None, None).await).await,
        ErrorCode::InvalidArgument
    );
    assert_eq!(fixture.queue().await.items.len(), 10);
}

/// F6, F7, F8: Stop works before the provider has answered, closes the connection, and stops only the answer that it
/// names.
#[tokio::test]
async fn f6_f7_f8_stop_is_never_too_early_and_a_late_one_stops_nothing_else() {
    let fixture = Fixture::new().await;
    fixture
        .server
        .push(Script::new([Step::Wait("never".into()), Step::Head]));
    let first = accepted(fixture.send("first").await);
    fixture.server.wait_for_requests(1).await;
    fixture.server.push(Script::gated("next", "half", ""));
    let second = accepted(fixture.send_as("second", SendPolicy::Interrupt).await);
    fixture.server.wait_for_disconnects(1).await;
    fixture.wait_for_text("half").await;
    let late = fixture.app.turns.stop(&first.generation_id).await;
    assert!(!late.stopped);
    let id = &fixture.conversation.id;
    let lock = fixture.app.turns.lock_status(id, None).await.unwrap();
    assert_eq!(lock.generation_id.as_ref(), Some(&second.generation_id));
    fixture.server.gate("next").open();
    let view = fixture.settled().await;
    let ends: Vec<_> = view.messages.iter().map(|one| one.status).collect();
    let complete = MessageStatus::Complete;
    assert_eq!(ends, [complete, MessageStatus::Stopped, complete, complete]);
}

/// F7: an answer that has not sent its request yet can be stopped, also one from the queue.
#[tokio::test]
async fn f7_an_answer_from_the_queue_is_stopped_from_its_first_moment() {
    let fixture = Fixture::new().await;
    fixture.hold("a").await;
    fixture.enqueue("second").await;
    fixture.enqueue("third").await;
    fixture.server.push(Script::gated("never", "", ""));
    let mut events = fixture.app.subscribe();
    fixture.server.gate("hold").open();
    let generation_id = loop {
        let CoreEvent::Lock(change) = events.recv().await.unwrap() else {
            continue;
        };
        if change.locked {
            break change.generation_id.unwrap();
        }
    };
    assert!(fixture.app.turns.stop(&generation_id).await.stopped);
    let queue = fixture.queue().await;
    assert_eq!(queue.pause_reason, Some(PauseReason::Stopped));
    assert_eq!(queue.items.len(), 1);
}

/// F10: whatever refuses a send leaves the typed text and its files in the composer.
#[tokio::test]
async fn f10_a_send_that_is_refused_leaves_what_was_typed() {
    let fixture = Fixture::new().await;
    fixture.hold("half").await;
    let (app, id) = (&fixture.app, &fixture.conversation.id);
    let composer = Composer::main(id);
    app.drafts.save(&composer, "typed").await.unwrap();
    let file = app.attachments.attach(&composer, "a.txt", b"text".to_vec());
    let file = file.await.unwrap().id;
    for n in 0..10 {
        fixture.enqueue(&format!("message {n}")).await;
    }
    for policy in [SendPolicy::Reject, SendPolicy::Queue] {
        let message = NewMessage {
            attachments: vec![file.clone()],
            ..NewMessage::new(id, "typed")
        };
        let request = TurnRequest {
            policy: Some(policy),
            ..message.into()
        };
        app.turns.start(request).await.unwrap_err();
        let view = app.conversations.get(id, None).await.unwrap();
        assert_eq!(view.draft, "typed", "{policy:?}");
        assert_eq!(view.attachments[0].id, file, "{policy:?}");
    }
}

/// F14: what one process queues, the windows of another show, and either changes it.
#[tokio::test]
async fn f14_two_processes_show_and_change_one_queue() {
    let fixture = Fixture::new().await;
    fixture.hold("half").await;
    let second = open(fixture.folder.path(), &fixture.server).await;
    let mut events = second.subscribe();
    let id = fixture.enqueue("waits").await.queued_message_id;
    let change = loop {
        if let CoreEvent::Queue(change) = events.recv().await.unwrap() {
            break change;
        }
    };
    assert_eq!((change.count, change.paused, change.cleared), (1, false, 0));
    second.queues.edit(&id, "better", None).await.unwrap();
    assert_eq!(fixture.queue().await.items[0].content, "better");
    fixture.app.queues.remove(&id).await.unwrap();
    while !matches!(events.recv().await.unwrap(), CoreEvent::Queue(change) if change.count == 0) {}
}
