//! Ends of the application in mid-answer. The kill -9 of the real process is in `tests/e2e`.

use std::sync::Arc;

use conch_core::App;
use conch_core::chat::MessageStatus;
use conch_core::clock::SystemClock;
use conch_core::events::CoreEvent;
use conch_core::lock::LockReason;
use conch_core::start::{Stage, Teller};
use conch_fault_server::Script;

use crate::endings::beside;
use crate::lasting::execute;
use crate::{Scene, accepted, config, next_lock_change, open, send, settled, try_open};

#[tokio::test]
async fn a_start_that_has_nothing_to_write_waits_for_nobody() {
    let scene = Scene::new().await;
    scene.app.quit().await;
    let mut other = beside(&scene).await;
    execute(&mut other, "BEGIN IMMEDIATE").await;
    let app = open(scene.folder.path(), &scene.server).await;
    assert_eq!(app.list_conversations(None, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_start_waits_for_a_program_that_holds_the_database_and_says_so() {
    let scene = Scene::new().await;
    scene.app.quit().await;
    let mut other = beside(&scene).await;
    // A start has to make the profile then.
    for table in ["branches", "conversations", "users"] {
        execute(&mut other, &format!("DELETE FROM {table}")).await;
    }
    execute(&mut other, "BEGIN IMMEDIATE").await;
    let teller = Teller::default();
    let mut told = teller.subscribe();
    let config = config(scene.folder.path(), &scene.server);
    let clock = Arc::new(SystemClock::default());
    let opening = tokio::spawn(async move { App::open_telling(config, clock, &teller).await });
    let said = told.wait_for(|progress| progress.stage == Stage::Busy);
    said.await.unwrap();
    execute(&mut other, "ROLLBACK").await;
    let app = opening.await.unwrap().unwrap();
    app.create_conversation(None, None).await.unwrap();
}

#[tokio::test]
async fn a_quit_keeps_the_text_and_frees_the_lock() {
    let scene = Scene::new().await;
    scene.server.push(Script::held("never", "so far", "lost"));
    accepted(scene.send("hello").await);
    scene.wait_for_text("so far").await;
    scene.app.quit().await;
    let instances = std::fs::read_dir(scene.folder.path().join("instances")).unwrap();
    assert_eq!(
        instances.count(),
        0,
        "it ended cleanly, so the next start checks nothing"
    );

    let app = open(scene.folder.path(), &scene.server).await;
    let view = settled(&app, &scene.conversation.id).await;
    let answer = &view.messages[1];
    assert_eq!(
        (answer.status, answer.content.as_str()),
        (MessageStatus::Interrupted, "so far")
    );
    assert!(view.lock.can_send);
}

/// A runtime that is shut down takes its tasks with it in mid-air, as a crash does.
#[test]
fn i7_a_crash_leaves_nothing_locked_after_the_next_start() {
    let first_life = tokio::runtime::Runtime::new().unwrap();
    let scene = first_life.block_on(async {
        let scene = Scene::new().await;
        scene.server.push(Script::held("never", "so far", "lost"));
        accepted(scene.send("hello").await);
        scene.wait_for_saved_text("so far").await;
        scene
    });
    first_life.shutdown_background();
    let Scene {
        app,
        conversation,
        folder,
        ..
    } = scene;
    drop(app);

    let second_life = tokio::runtime::Runtime::new().unwrap();
    second_life.block_on(async {
        let server = conch_fault_server::FaultServer::start().await;
        let app = open(folder.path(), &server).await;
        let view = app.get_conversation(&conversation.id, None).await.unwrap();
        assert!(
            !view.lock.locked,
            "free before the first command is answered"
        );
        let answer = &view.messages[1];
        assert_eq!(
            (answer.status, answer.content.as_str()),
            (MessageStatus::Interrupted, "so far")
        );

        server.push(Script::answer("again"));
        accepted(send(&app, &conversation.id, "hello again").await);
        assert_eq!(
            settled(&app, &conversation.id).await.messages[3].content,
            "again"
        );
    });
}

#[tokio::test]
async fn a_second_process_respects_the_lock_of_a_living_one() {
    let scene = Scene::new().await;
    scene.server.push(Script::held("hold", "first", ""));
    accepted(scene.send("hello").await);
    scene.wait_for_text("first").await;

    let second = open(scene.folder.path(), &scene.server).await;
    let mut told = second.subscribe();
    let status = second
        .is_locked(&scene.conversation.id, None)
        .await
        .unwrap();
    assert!(
        status.locked,
        "its holder lives, so its start recovers nothing"
    );
    assert!(
        send(&second, &scene.conversation.id, "me too")
            .await
            .is_err()
    );
    scene.server.gate("hold").open();
    assert_eq!(scene.answer().await.status, MessageStatus::Complete);
    loop {
        let change = next_lock_change(&mut told).await;
        if !change.locked {
            break assert_eq!(change.reason, LockReason::Released);
        }
    }
}

#[tokio::test]
async fn a_lock_that_another_process_takes_is_told_and_its_text_shown() {
    let scene = Scene::new().await;
    let second = open(scene.folder.path(), &scene.server).await;
    let mut told = second.subscribe();
    scene.server.push(Script::held("hold", "first", ""));
    let sent = accepted(scene.send("hello").await);

    let change = next_lock_change(&mut told).await;
    assert_eq!(
        (change.reason, change.generation_id, change.fence),
        (LockReason::Acquired, Some(sent.generation_id), sent.fence)
    );
    loop {
        let view = second
            .get_conversation(&scene.conversation.id, None)
            .await
            .unwrap();
        assert!(view.lock.locked);
        if view.messages[1].content == "first" {
            break;
        }
        while !matches!(told.recv().await.unwrap(), CoreEvent::Conversation(_)) {}
    }
    scene.app.quit().await;
    let change = next_lock_change(&mut told).await;
    assert!(!change.locked);
}

/// The proof of the crash must outlive a start that was refused, or the second one would not look.
#[tokio::test]
async fn a_damaged_database_is_told_at_every_start_and_never_written_to() {
    let scene = Scene::new().await;
    for number in 0..20 {
        scene.server.push(Script::answer("Hello."));
        accepted(scene.send(&format!("hello {number}")).await);
        scene.settled().await;
    }
    scene.app.quit().await;
    let folder = scene.folder.path();
    let path = folder.join("conch.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 8192].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let dead = conch_core::ids::InstanceId::fresh();
    std::fs::write(folder.join("instances").join(format!("{dead}.lock")), "").unwrap();

    for start in 0..3 {
        let error = try_open(folder, &scene.server).await.unwrap_err();
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

/// What lies in `instances/` and is no instance's is not Conch's business.
#[tokio::test]
async fn a_start_minds_nothing_else_in_the_folder_of_instances() {
    let scene = Scene::new().await;
    scene.app.quit().await;
    let instances = scene.folder.path().join("instances");
    std::fs::create_dir(instances.join("@eaDir")).unwrap();
    std::fs::write(instances.join(".DS_Store"), "").unwrap();
    open(scene.folder.path(), &scene.server).await.quit().await;
    assert!(instances.join("@eaDir").exists());
    assert!(instances.join(".DS_Store").exists());
}
