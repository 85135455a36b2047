//! Databases that refuse writes: a transient error is reported and retried, a lasting one ends the answer
//! with its reason and does not affect other conversations. Stop responds whatever the database does.

use std::time::Duration;

use conch_core::live::{Phase, TranscriptEvent};
use conch_core::model::{ConversationId, MessageStatus};
use conch_core::{App, ErrorCode};
use conch_fault_server::{Script, Step};
use sqlx::SqliteConnection;
use tokio::time::timeout;

use crate::endings::open_database;
use crate::{Fixture, accepted, open, send, settled};

/// The deadline for reporting an error that lasts.
const SOON: Duration = Duration::from_secs(5);

pub(crate) async fn execute(database: &mut SqliteConnection, sql: &str) {
    let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
    statement.execute(database).await.unwrap();
}

/// Refuses `what` on the messages or chunks of one conversation, permanently.
async fn refuse(fixture: &Fixture, what: &str, id: &ConversationId) -> SqliteConnection {
    let mut database = open_database(fixture).await;
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

/// Waits until the answer on the fixture's branch is reported as not stored, and returns the reason.
async fn unstored(fixture: &Fixture) -> String {
    let mut said = None;
    let follow = fixture
        .app
        .turns
        .follow(&fixture.conversation.main_branch_id, |event| {
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

async fn stopped_soon(app: &App, id: &conch_core::model::GenerationId) -> bool {
    let stop = timeout(Duration::from_secs(1), app.turns.stop(id));
    stop.await.expect("Stop was not answered").stopped
}

#[tokio::test]
async fn while_another_program_holds_the_database_that_is_said_and_then_all_is_stored() {
    let fixture = Fixture::new().await;
    fixture
        .server
        .push(Script::gated("hold", "the first half", ", the second"));
    accepted(fixture.send("hello").await);
    fixture.wait_for_text("the first half").await;
    let mut database = open_database(&fixture).await;
    execute(&mut database, "BEGIN IMMEDIATE").await;
    fixture.server.gate("hold").open();
    assert_eq!(unstored(&fixture).await, "The database is not responding");
    execute(&mut database, "ROLLBACK").await;

    let answer = fixture.answer().await;
    assert_eq!(
        (answer.status, answer.content().as_str()),
        (MessageStatus::Complete, "the first half, the second")
    );
}

#[tokio::test]
async fn stop_is_answered_while_the_database_does_not_answer() {
    let fixture = Fixture::new().await;
    let steps = [Step::Head, Step::Delta("some text".into())];
    fixture
        .server
        .push(Script::new(steps.into_iter().chain([Step::Hang])));
    let turn = accepted(fixture.send("hello").await);
    fixture.wait_for_saved_text("some text").await;
    let mut database = open_database(&fixture).await;
    execute(&mut database, "BEGIN IMMEDIATE").await;

    assert!(stopped_soon(&fixture.app, &turn.generation_id).await);
    fixture.server.wait_for_disconnects(1).await;
    assert!(
        stopped_soon(&fixture.app, &turn.generation_id).await,
        "again"
    );
    assert_eq!(unstored(&fixture).await, "The database is not responding");
    execute(&mut database, "ROLLBACK").await;
    let answer = fixture.answer().await;
    assert_eq!(
        (answer.status, answer.content().as_str()),
        (MessageStatus::Stopped, "some text")
    );
}

#[tokio::test]
async fn a_permanently_refused_end_is_shown_at_once_and_blocks_nothing_else() {
    let fixture = Fixture::new().await;
    let id = &fixture.conversation.id;
    fixture
        .server
        .push(Script::gated("hold", "the first half", ", the second"));
    let turn = accepted(fixture.send("hello").await);
    fixture.wait_for_text("the first half").await;
    let mut database = refuse(&fixture, "UPDATE OF status ON messages", id).await;
    fixture.server.gate("hold").open();

    let view = timeout(SOON, fixture.settled())
        .await
        .expect("it is locked");
    let answer = &view.messages[1];
    let reason = &answer.error.as_ref().unwrap().message;
    assert_eq!(answer.status, MessageStatus::Failed);
    assert_eq!(answer.content(), "the first half, the second");
    assert!(reason.contains("it is refused"), "{reason}");
    assert!(view.lock.can_send);
    let status = fixture.app.turns.lock_status(id, None).await.unwrap();
    assert!(!status.locked);
    assert!(!fixture.app.conversations.list(None, None).await.unwrap()[0].busy);
    assert!(
        !stopped_soon(&fixture.app, &turn.generation_id).await,
        "it has ended"
    );

    let refused = fixture.send("and now").await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Internal, "{refused}");
    assert!(refused.to_string().contains("it is refused"), "{refused}");
    let other = fixture.app.conversations.create(None, None).await.unwrap();
    fixture.server.push(Script::answer("fine"));
    accepted(send(&fixture.app, &other.id, "hello").await);
    assert_eq!(
        settled(&fixture.app, &other.id).await.messages[1].content(),
        "fine"
    );

    // The next start finds only what was saved, and writes still fail.
    fixture.app.quit().await;
    let app = open(fixture.folder.path(), &fixture.server).await;
    let view = app.conversations.get(id, None).await.unwrap();
    assert_eq!(view.messages[1].status, MessageStatus::Interrupted);
    assert!(!view.lock.locked);
    assert!(send(&app, id, "and now").await.is_err());

    execute(&mut database, "DROP TRIGGER refuse").await;
    fixture.server.push(Script::answer("at last"));
    accepted(send(&app, id, "and now").await);
    let view = settled(&app, id).await;
    assert_eq!(view.messages[1].status, MessageStatus::Interrupted);
    assert_eq!(view.messages[3].content(), "at last");
}

#[tokio::test]
async fn text_that_is_refused_for_good_ends_the_answer_with_the_reason() {
    let fixture = Fixture::new().await;
    let id = &fixture.conversation.id;
    let _database = refuse(&fixture, "INSERT ON message_chunks", id).await;
    let steps = [Step::Head, Step::Delta("some text".into())];
    fixture
        .server
        .push(Script::new(steps.into_iter().chain([Step::Hang])));
    accepted(fixture.send("hello").await);

    let view = timeout(SOON, fixture.settled()).await.expect("it goes on");
    let answer = &view.messages[1];
    let error = answer.error.as_ref().unwrap();
    assert_eq!(answer.status, MessageStatus::Failed);
    assert_eq!(error.code, "not_stored");
    assert!(error.message.contains("it is refused"), "{}", error.message);
    fixture.server.wait_for_disconnects(1).await;
    let mut database = open_database(&fixture).await;
    execute(&mut database, "DROP TRIGGER refuse").await;
    fixture.server.push(Script::answer("at last"));
    accepted(fixture.send("and now").await);
    assert_eq!(fixture.answer().await.content(), "at last");
}

#[tokio::test]
async fn a_conversation_whose_answer_cannot_end_can_be_deleted() {
    let fixture = Fixture::new().await;
    let id = &fixture.conversation.id;
    fixture.server.push(Script::gated("never", "text", ""));
    accepted(fixture.send("hello").await);
    fixture.wait_for_text("text").await;
    let _database = refuse(&fixture, "UPDATE OF status ON messages", id).await;
    let deleting = timeout(SOON, fixture.app.conversations.delete(id));
    deleting.await.expect("it waits").unwrap();
    let listed = fixture.app.conversations.list(None, None).await.unwrap();
    assert!(listed.is_empty());
}

#[tokio::test]
async fn a_quit_takes_a_few_seconds_whatever_the_database_does() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::gated("never", "text", ""));
    accepted(fixture.send("hello").await);
    fixture.wait_for_saved_text("text").await;
    let mut database = open_database(&fixture).await;
    execute(&mut database, "BEGIN IMMEDIATE").await;
    let quit = timeout(Duration::from_secs(10), fixture.app.quit());
    assert!(quit.await.is_ok());
}

#[tokio::test]
async fn an_endless_answer_ends_at_its_longest() {
    let fixture = Fixture::new().await;
    let part = Step::Delta("word ".repeat(100_000));
    let steps = std::iter::repeat_n(part, 40).chain([Step::Hang]);
    fixture
        .server
        .push(Script::new([Step::Head].into_iter().chain(steps)));
    accepted(fixture.send("hello").await);
    fixture.server.wait_for_disconnects(1).await;
    let answer = fixture.answer().await;
    assert_eq!(answer.status, MessageStatus::Interrupted);
    assert_eq!(answer.content().len(), 16 * 1024 * 1024);
    assert!(answer.content().starts_with("word word"));
    assert_eq!(answer.error.unwrap().code, "too_long");
}
