//! The application ends while an answer is generated. The kill -9 of the real process is in `tests/e2e`.

use std::sync::Arc;

use conch_core::App;
use conch_core::clock::SystemClock;
use conch_core::events::CoreEvent;
use conch_core::model::{LockReason, MessageStatus};
use conch_core::start::{ProgressReporter, Stage};
use conch_fault_server::Script;

use crate::endings::open_database;
use crate::store_errors::execute;
use crate::{Fixture, accepted, config, next_lock_change, open, send, settled, try_open};

#[tokio::test]
async fn a_start_without_writes_does_not_wait() {
    let fixture = Fixture::new().await;
    fixture.app.quit().await;
    let mut other = open_database(&fixture).await;
    execute(&mut other, "BEGIN IMMEDIATE").await;
    let app = open(fixture.folder.path(), &fixture.server).await;
    assert_eq!(app.conversations.list(None, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_start_waits_for_a_program_that_holds_the_database_and_says_so() {
    let fixture = Fixture::new().await;
    fixture.app.quit().await;
    let mut other = open_database(&fixture).await;
    // The next start then has to create the profile.
    for table in ["branches", "conversations", "users"] {
        execute(&mut other, &format!("DELETE FROM {table}")).await;
    }
    execute(&mut other, "BEGIN IMMEDIATE").await;
    let reporter = ProgressReporter::default();
    let mut events = reporter.subscribe();
    let config = config(fixture.folder.path(), &fixture.server);
    let clock = Arc::new(SystemClock::default());
    let opening =
        tokio::spawn(async move { App::open_with_progress(config, clock, &reporter).await });
    let said = events.wait_for(|progress| progress.stage == Stage::Busy);
    said.await.unwrap();
    execute(&mut other, "ROLLBACK").await;
    let app = opening.await.unwrap().unwrap();
    app.conversations.create(None, None).await.unwrap();
}

#[tokio::test]
async fn a_quit_keeps_the_text_and_frees_the_lock() {
    let fixture = Fixture::new().await;
    fixture
        .server
        .push(Script::gated("never", "so far", "lost"));
    accepted(fixture.send("hello").await);
    fixture.wait_for_text("so far").await;
    fixture.app.quit().await;
    let instances = std::fs::read_dir(fixture.folder.path().join("instances")).unwrap();
    assert_eq!(
        instances.count(),
        0,
        "it ended cleanly, so the next start checks nothing"
    );

    let app = open(fixture.folder.path(), &fixture.server).await;
    let view = settled(&app, &fixture.conversation.id).await;
    let answer = &view.messages[1];
    assert_eq!(
        (answer.status, answer.content().as_str()),
        (MessageStatus::Interrupted, "so far")
    );
    assert!(view.lock.can_send);
}

/// Shutting down a runtime drops its tasks midway, as a crash does.
#[test]
fn i7_a_crash_leaves_nothing_locked_after_the_next_start() {
    let first_life = tokio::runtime::Runtime::new().unwrap();
    let fixture = first_life.block_on(async {
        let fixture = Fixture::new().await;
        fixture
            .server
            .push(Script::gated("never", "so far", "lost"));
        accepted(fixture.send("hello").await);
        fixture.wait_for_saved_text("so far").await;
        fixture
    });
    first_life.shutdown_background();
    let Fixture {
        app,
        conversation,
        folder,
        ..
    } = fixture;
    drop(app);

    let second_life = tokio::runtime::Runtime::new().unwrap();
    second_life.block_on(async {
        let server = conch_fault_server::FaultServer::start().await;
        let app = open(folder.path(), &server).await;
        let view = app.conversations.get(&conversation.id, None).await.unwrap();
        assert!(
            !view.lock.locked,
            "free before the first command is answered"
        );
        let answer = &view.messages[1];
        assert_eq!(
            (answer.status, answer.content().as_str()),
            (MessageStatus::Interrupted, "so far")
        );

        server.push(Script::answer("again"));
        accepted(send(&app, &conversation.id, "hello again").await);
        assert_eq!(
            settled(&app, &conversation.id).await.messages[3].content(),
            "again"
        );
    });
}

#[tokio::test]
async fn a_second_process_respects_the_lock_of_a_living_one() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::gated("hold", "first", ""));
    accepted(fixture.send("hello").await);
    fixture.wait_for_text("first").await;

    let second = open(fixture.folder.path(), &fixture.server).await;
    let mut events = second.subscribe();
    let status = second
        .turns
        .lock_status(&fixture.conversation.id, None)
        .await
        .unwrap();
    assert!(
        status.locked,
        "its holder lives, so its start recovers nothing"
    );
    assert!(
        send(&second, &fixture.conversation.id, "me too")
            .await
            .is_err()
    );
    fixture.server.gate("hold").open();
    assert_eq!(fixture.answer().await.status, MessageStatus::Complete);
    loop {
        let change = next_lock_change(&mut events).await;
        if !change.locked {
            break assert_eq!(change.reason, LockReason::Released);
        }
    }
}

#[tokio::test]
async fn a_lock_acquired_elsewhere_is_published_and_its_text_shown() {
    let fixture = Fixture::new().await;
    let second = open(fixture.folder.path(), &fixture.server).await;
    let mut events = second.subscribe();
    fixture.server.push(Script::gated("hold", "first", ""));
    let sent = accepted(fixture.send("hello").await);

    let change = next_lock_change(&mut events).await;
    assert_eq!(
        (change.reason, change.generation_id, change.fence),
        (LockReason::Acquired, Some(sent.generation_id), sent.fence)
    );
    loop {
        let view = second
            .conversations
            .get(&fixture.conversation.id, None)
            .await
            .unwrap();
        assert!(view.lock.locked);
        if view.messages[1].content() == "first" {
            break;
        }
        while !matches!(events.recv().await.unwrap(), CoreEvent::Conversation(_)) {}
    }
    fixture.app.quit().await;
    let change = next_lock_change(&mut events).await;
    assert!(!change.locked);
}

/// The evidence of the crash must survive a failed start, or the next one would skip the check.
#[tokio::test]
async fn a_damaged_database_is_reported_at_every_start_and_never_written() {
    let fixture = Fixture::new().await;
    for number in 0..20 {
        fixture.server.push(Script::answer("Hello."));
        accepted(fixture.send(&format!("hello {number}")).await);
        fixture.settled().await;
    }
    fixture.app.quit().await;
    let folder = fixture.folder.path();
    let path = folder.join("conch.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8192].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let dead = conch_core::model::InstanceId::fresh();
    std::fs::write(folder.join("instances").join(format!("{dead}.lock")), "").unwrap();

    for start in 0..3 {
        let error = try_open(folder, &fixture.server).await.unwrap_err();
        assert_eq!(
            error.code(),
            conch_core::ErrorCode::DatabaseCorrupt,
            "start {start}"
        );
        assert!(
            std::fs::read(&path).unwrap() == bytes,
            "start {start} wrote"
        );
    }
}

/// Foreign files in `instances/` are ignored.
#[tokio::test]
async fn a_start_minds_nothing_else_in_the_folder_of_instances() {
    let fixture = Fixture::new().await;
    fixture.app.quit().await;
    let instances = fixture.folder.path().join("instances");
    std::fs::create_dir(instances.join("@eaDir")).unwrap();
    std::fs::write(instances.join(".DS_Store"), "").unwrap();
    open(fixture.folder.path(), &fixture.server)
        .await
        .quit()
        .await;
    assert!(instances.join("@eaDir").exists());
    assert!(instances.join(".DS_Store").exists());
}
