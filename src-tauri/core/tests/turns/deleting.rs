//! Deleting: what it stops, what Undo restores, and that the purge leaves nothing behind.

use std::path::{Path, PathBuf};

use conch_core::events::CoreEvent;
use conch_core::model::{Composer, MessageStatus};
use conch_core::{App, ErrorCode};
use conch_fault_server::Script;
use tokio::sync::broadcast::Receiver;

use crate::{Fixture, accepted, open, send};

/// A word that occurs nowhere else, in the form that the search index stores.
const CANARY: &str = "zanzibarfish";

/// Returns the files that contain the canary, in the folder and its subfolders.
fn found_in(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path)
                .unwrap()
                .windows(CANARY.len())
                .any(|window| window == CANARY.as_bytes())
            {
                found.push(path);
            }
        }
    }
    found
}

/// Waits for the event that a conversation is deleted, or that it exists.
async fn event(events: &mut Receiver<CoreEvent>, deleted: bool) {
    loop {
        if let CoreEvent::Conversation(change) = events.recv().await.unwrap()
            && change.deleted == deleted
        {
            return;
        }
    }
}

#[tokio::test]
async fn an_undo_gives_back_all_but_the_answer_that_was_stopped() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::gated("never", "text", "more"));
    accepted(fixture.send("hello").await);
    fixture.wait_for_text("text").await;
    let (app, id) = (&fixture.app, &fixture.conversation.id);
    let mut events = app.subscribe();
    app.conversations.delete(id).await.unwrap();
    event(&mut events, true).await;
    fixture.server.wait_for_disconnects(1).await;
    for refused in [
        fixture.send("more").await.unwrap_err().code(),
        app.conversations.get(id, None).await.unwrap_err().code(),
        app.turns.lock_status(id, None).await.unwrap_err().code(),
        app.conversations.delete(id).await.unwrap_err().code(),
        app.drafts
            .save(&Composer::main(id), "x")
            .await
            .unwrap_err()
            .code(),
    ] {
        assert_eq!(refused, ErrorCode::NotFound);
    }
    assert!(app.conversations.list(None, None).await.unwrap().is_empty());

    app.conversations.restore(id).await.unwrap();
    let answer = fixture.answer().await;
    assert_eq!(
        (answer.status, answer.content().as_str()),
        (MessageStatus::Stopped, "text")
    );
    fixture.server.push(Script::answer("and on"));
    accepted(fixture.send("more").await);
    assert_eq!(fixture.answer().await.content(), "and on");
}

#[tokio::test]
async fn a_quit_leaves_nothing_of_what_was_deleted() {
    let fixture = Fixture::new().await;
    let kept = fixture
        .app
        .conversations
        .create(Some("kept"), None)
        .await
        .unwrap();
    fixture
        .server
        .push(Script::answer(&format!("{CANARY} ").repeat(2_000)));
    accepted(fixture.send(CANARY).await);
    fixture.settled().await;
    let (app, id) = (&fixture.app, &fixture.conversation.id);
    let file = app
        .attachments
        .attach(&Composer::main(id), "notes.txt", CANARY.into())
        .await;
    file.unwrap();
    app.drafts.save(&Composer::main(id), CANARY).await.unwrap();
    assert_ne!(found_in(fixture.folder.path()), Vec::<PathBuf>::new());
    app.conversations.delete(id).await.unwrap();
    app.quit().await;
    assert_eq!(found_in(fixture.folder.path()), Vec::<PathBuf>::new());

    let app = open(fixture.folder.path(), &fixture.server).await;
    let too_late = app.conversations.restore(id).await.unwrap_err();
    assert_eq!(too_late.code(), ErrorCode::NotFound);
    let listed = app.conversations.list(None, None).await.unwrap();
    assert_eq!((listed.len(), &listed[0].id), (1, &kept.id));
}

/// The same for data without Undo, while another process keeps the WAL open.
#[tokio::test]
async fn a_quit_leaves_nothing_of_a_draft_or_a_file_that_was_taken_back() {
    let fixture = Fixture::new().await;
    let beside: std::sync::Arc<App> = open(fixture.folder.path(), &fixture.server).await;
    let app = &fixture.app;
    let file = app
        .attachments
        .attach(&Composer::NewConversation, "notes.txt", CANARY.into())
        .await;
    app.drafts
        .save(&Composer::NewConversation, CANARY)
        .await
        .unwrap();
    app.drafts
        .save(&Composer::NewConversation, "")
        .await
        .unwrap();
    app.attachments.detach(&file.unwrap().id).await.unwrap();
    assert_ne!(found_in(fixture.folder.path()), Vec::<PathBuf>::new());
    app.quit().await;
    assert_eq!(found_in(fixture.folder.path()), Vec::<PathBuf>::new());
    beside.quit().await;
}

/// A branch has no Undo either: what waits in its composer goes with it.
#[tokio::test]
async fn a_quit_leaves_nothing_of_what_waited_on_a_deleted_branch() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::answer("first"));
    accepted(fixture.send("one").await);
    fixture.settled().await;
    let (app, id) = (&fixture.app, &fixture.conversation.id);
    let answer = fixture.answer().await.id;
    let branch = app.conversations.fork(&answer, None).await.unwrap().id;
    let composer = Composer::branch(id, &branch);
    app.drafts.save(&composer, CANARY).await.unwrap();
    let file = app
        .attachments
        .attach(&composer, "notes.txt", CANARY.into())
        .await;
    file.unwrap();
    app.drafts
        .save(&Composer::main(id), "on main")
        .await
        .unwrap();
    assert_ne!(found_in(fixture.folder.path()), Vec::<PathBuf>::new());

    app.conversations.delete_branch(&branch).await.unwrap();
    let late = app.drafts.save(&composer, "late").await.unwrap_err();
    assert_eq!(late.to_string(), "Branch not found");
    let late = app
        .attachments
        .attach(&composer, "late.txt", b"late".to_vec())
        .await;
    assert_eq!(late.unwrap_err().to_string(), "Branch not found");
    app.quit().await;
    assert_eq!(found_in(fixture.folder.path()), Vec::<PathBuf>::new());
    let app = open(fixture.folder.path(), &fixture.server).await;
    let view = app.conversations.get(id, None).await.unwrap();
    assert_eq!(view.draft, "on main");
}

#[tokio::test]
async fn another_process_shows_a_deletion_stops_its_answer_and_leaves_the_undo() {
    let fixture = Fixture::new().await;
    let other = open(fixture.folder.path(), &fixture.server).await;
    let id = &fixture.conversation.id;
    fixture.server.push(Script::gated("never", "text", "more"));
    accepted(send(&other, id, "hello").await);
    fixture.server.wait_for_requests(1).await;
    let mut events = other.subscribe();

    fixture.app.conversations.delete(id).await.unwrap();
    event(&mut events, true).await;
    fixture.server.wait_for_disconnects(1).await;
    fixture.app.conversations.restore(id).await.unwrap();
    event(&mut events, false).await;
    let there = other.conversations.get(id, None).await.unwrap();
    assert_eq!(there.messages.len(), 2);

    fixture.app.conversations.delete(id).await.unwrap();
    other.quit().await;
    fixture.app.conversations.restore(id).await.unwrap();
    assert!(
        fixture.app.conversations.get(id, None).await.is_ok(),
        "it was not theirs to purge"
    );
}
