//! Databases that refuse: what passes is said and waited for, what lasts ends the answer with its reason and
//! is in nobody else's way. Stop is answered whatever the database does.

use std::time::Duration;

use conch_core::chat::{MessageStatus, Phase, TranscriptEvent};
use conch_core::ids::ConversationId;
use conch_core::{App, ErrorCode};
use conch_fault_server::{Script, Step};
use sqlx::SqliteConnection;
use tokio::time::timeout;

use crate::endings::beside;
use crate::{Scene, accepted, open, send, settled};

/// What is said of an error while it lasts must be said by then.
const SOON: Duration = Duration::from_secs(5);

pub(crate) async fn execute(database: &mut SqliteConnection, sql: &str) {
    let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
    statement.execute(database).await.unwrap();
}

/// Refuses `what` of the messages or chunks of one conversation, for good.
async fn refuse(scene: &Scene, what: &str, id: &ConversationId) -> SqliteConnection {
    let mut database = beside(scene).await;
    let conversation = match what {
        "INSERT ON message_chunks" => {
            "(SELECT conversation_id FROM messages WHERE id = NEW.message_id)"
        }
        _ => "OLD.conversation_id",
    };
    let refuse = format!(
        "CREATE TRIGGER refuse BEFORE {what} WHEN {conversation} = '{id}'
         BEGIN SELECT RAISE(ABORT, 'it is refused'); END"
    );
    execute(&mut database, &refuse).await;
    database
}

/// Waits until the answer of the scene's branch is said not to be stored.
async fn unstored(scene: &Scene) -> String {
    let mut said = None;
    let follow = scene
        .app
        .follow(&scene.conversation.main_branch_id, |event| {
            if let TranscriptEvent::Phase {
                phase: Phase::Unstored { reason },
                ..
            } = event
            {
                said = Some(reason);
            }
            said.is_none()
        });
    timeout(SOON, follow).await.expect("nothing was said");
    said.unwrap()
}

async fn stopped_soon(app: &App, id: &conch_core::ids::GenerationId) -> bool {
    let stop = timeout(Duration::from_secs(1), app.stop_generation(id));
    stop.await.expect("Stop was not answered").stopped
}

#[tokio::test]
async fn while_another_program_holds_the_database_that_is_said_and_then_all_is_stored() {
    let scene = Scene::new().await;
    scene
        .server
        .push(Script::held("hold", "the first half", ", the second"));
    accepted(scene.send("hello").await);
    scene.wait_for_text("the first half").await;
    let mut database = beside(&scene).await;
    execute(&mut database, "BEGIN IMMEDIATE").await;
    scene.server.gate("hold").open();
    assert_eq!(unstored(&scene).await, "The database does not answer");
    execute(&mut database, "ROLLBACK").await;

    let answer = scene.answer().await;
    assert_eq!(
        (answer.status, answer.content.as_str()),
        (MessageStatus::Complete, "the first half, the second")
    );
}

#[tokio::test]
async fn stop_is_answered_while_the_database_does_not_answer() {
    let scene = Scene::new().await;
    let steps = [Step::Head, Step::Delta("some text".into())];
    scene
        .server
        .push(Script::new(steps.into_iter().chain([Step::Hang])));
    let turn = accepted(scene.send("hello").await);
    scene.wait_for_saved_text("some text").await;
    let mut database = beside(&scene).await;
    execute(&mut database, "BEGIN IMMEDIATE").await;

    assert!(stopped_soon(&scene.app, &turn.generation_id).await);
    scene.server.wait_for_disconnects(1).await;
    assert!(stopped_soon(&scene.app, &turn.generation_id).await, "again");
    assert_eq!(unstored(&scene).await, "The database does not answer");
    execute(&mut database, "ROLLBACK").await;
    let answer = scene.answer().await;
    assert_eq!(
        (answer.status, answer.content.as_str()),
        (MessageStatus::Stopped, "some text")
    );
}

#[tokio::test]
async fn an_end_that_is_refused_for_good_is_shown_at_once_and_in_nobodys_way() {
    let scene = Scene::new().await;
    let id = &scene.conversation.id;
    scene
        .server
        .push(Script::held("hold", "the first half", ", the second"));
    let turn = accepted(scene.send("hello").await);
    scene.wait_for_text("the first half").await;
    let mut database = refuse(&scene, "UPDATE OF status ON messages", id).await;
    scene.server.gate("hold").open();

    let view = timeout(SOON, scene.settled()).await.expect("it is locked");
    let answer = &view.messages[1];
    let reason = &answer.error.as_ref().unwrap().message;
    assert_eq!(answer.status, MessageStatus::Failed);
    assert_eq!(answer.content, "the first half, the second");
    assert!(reason.contains("it is refused"), "{reason}");
    assert!(view.lock.can_send);
    let status = scene.app.is_locked(id, None).await.unwrap();
    assert!(!status.locked);
    assert!(!scene.app.list_conversations(None, None).await.unwrap()[0].busy);
    assert!(
        !stopped_soon(&scene.app, &turn.generation_id).await,
        "it has ended"
    );

    let refused = scene.send("and now").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Internal, "{refused}");
    assert!(refused.to_string().contains("it is refused"), "{refused}");
    let other = scene.app.create_conversation(None, None).await.unwrap();
    scene.server.push(Script::answer("fine"));
    accepted(send(&scene.app, &other.id, "hello").await);
    assert_eq!(
        settled(&scene.app, &other.id).await.messages[1].content,
        "fine"
    );

    // The next start has only what was saved, and the same refusal.
    scene.app.quit().await;
    let app = open(scene.folder.path(), &scene.server).await;
    let view = app.get_conversation(id, None).await.unwrap();
    assert_eq!(view.messages[1].status, MessageStatus::Interrupted);
    assert!(!view.lock.locked);
    assert!(send(&app, id, "and now").await.is_err());

    execute(&mut database, "DROP TRIGGER refuse").await;
    scene.server.push(Script::answer("at last"));
    accepted(send(&app, id, "and now").await);
    let view = settled(&app, id).await;
    assert_eq!(view.messages[1].status, MessageStatus::Interrupted);
    assert_eq!(view.messages[3].content, "at last");
}

#[tokio::test]
async fn text_that_is_refused_for_good_ends_the_answer_with_the_reason() {
    let scene = Scene::new().await;
    let id = &scene.conversation.id;
    let _database = refuse(&scene, "INSERT ON message_chunks", id).await;
    let steps = [Step::Head, Step::Delta("some text".into())];
    scene
        .server
        .push(Script::new(steps.into_iter().chain([Step::Hang])));
    accepted(scene.send("hello").await);

    let view = timeout(SOON, scene.settled()).await.expect("it goes on");
    let answer = &view.messages[1];
    let error = answer.error.as_ref().unwrap();
    assert_eq!(answer.status, MessageStatus::Failed);
    assert_eq!(error.code, "not_stored");
    assert!(error.message.contains("it is refused"), "{}", error.message);
    scene.server.wait_for_disconnects(1).await;
    let mut database = beside(&scene).await;
    execute(&mut database, "DROP TRIGGER refuse").await;
    scene.server.push(Script::answer("at last"));
    accepted(scene.send("and now").await);
    assert_eq!(scene.answer().await.content, "at last");
}

#[tokio::test]
async fn a_conversation_whose_answer_cannot_end_can_be_deleted() {
    let scene = Scene::new().await;
    let id = &scene.conversation.id;
    scene.server.push(Script::held("never", "text", ""));
    accepted(scene.send("hello").await);
    scene.wait_for_text("text").await;
    let _database = refuse(&scene, "UPDATE OF status ON messages", id).await;
    let deleting = timeout(SOON, scene.app.delete_conversation(id));
    deleting.await.expect("it waits").unwrap();
    let listed = scene.app.list_conversations(None, None).await.unwrap();
    assert!(listed.is_empty());
}

#[tokio::test]
async fn a_quit_takes_a_few_seconds_whatever_the_database_does() {
    let scene = Scene::new().await;
    scene.server.push(Script::held("never", "text", ""));
    accepted(scene.send("hello").await);
    scene.wait_for_saved_text("text").await;
    let mut database = beside(&scene).await;
    execute(&mut database, "BEGIN IMMEDIATE").await;
    let quit = timeout(Duration::from_secs(10), scene.app.quit());
    assert!(quit.await.is_ok());
}

#[tokio::test]
async fn an_endless_answer_ends_at_its_longest() {
    let scene = Scene::new().await;
    let part = Step::Delta("word ".repeat(100_000));
    let steps = std::iter::repeat_n(part, 40).chain([Step::Hang]);
    scene
        .server
        .push(Script::new([Step::Head].into_iter().chain(steps)));
    accepted(scene.send("hello").await);
    scene.server.wait_for_disconnects(1).await;
    let answer = scene.answer().await;
    assert_eq!(answer.status, MessageStatus::Interrupted);
    assert_eq!(answer.error.unwrap().code, "too_long");
    assert_eq!(answer.content.len(), 16 * 1024 * 1024);
    assert!(answer.content.starts_with("word word"));
}
