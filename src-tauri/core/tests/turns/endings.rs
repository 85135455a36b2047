//! Every way in which an answer ends: the right status, the text kept, a reason that the user
//! understands, and the lock released.

use conch_core::model::{GenerationId, MessageStatus};
use conch_fault_server::{Script, Step};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

use crate::{Fixture, accepted};

/// Returns the outcome of a send that the provider answers with `script`; the lock is free after it.
async fn end_of(script: Script) -> (MessageStatus, String, String) {
    let fixture = Fixture::new().await;
    fixture.server.push(script);
    accepted(fixture.send("hello").await);
    let answer = fixture.answer().await;
    let (status, content, error) = (answer.status, answer.content(), answer.error);

    fixture.server.push(Script::answer("next"));
    accepted(fixture.send("and again").await);
    assert_eq!(
        fixture.answer().await.content(),
        "next",
        "the conversation goes on"
    );
    (
        status,
        content,
        error.map(|error| error.message).unwrap_or_default(),
    )
}

#[tokio::test]
async fn an_answer_in_one_piece_needs_no_reason() {
    for reason in [r#""""#, "null", r#""stop""#] {
        let body = format!(
            r#"{{"choices":[{{"message":{{"role":"assistant","content":"Hello"}},"finish_reason":{reason}}}]}}"#
        );
        let (status, content, error) = end_of(Script::status(200, &body)).await;
        assert_eq!(
            (status, content.as_str()),
            (MessageStatus::Complete, "Hello"),
            "{reason}: {error}"
        );
    }
}

#[tokio::test]
async fn an_answer_in_one_piece_that_is_too_long_keeps_its_beginning() {
    let text = "word ".repeat(17 * 1024 * 1024 / 5);
    let body = format!(
        r#"{{"choices":[{{"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}]}}"#
    );
    let (_, content, error) = end_of(Script::status(200, &body)).await;
    assert_eq!(content.len(), 16 * 1024 * 1024, "{error}");
}

#[tokio::test]
async fn a_stream_that_ends_without_an_end_mark_is_interrupted() {
    let script = Script::new([Step::Head, Step::Delta("half".into()), Step::Close]);
    let (status, content, reason) = end_of(script).await;
    assert_eq!(
        (status, content.as_str()),
        (MessageStatus::Interrupted, "half")
    );
    assert!(reason.contains("closed before"), "{reason}");
}

#[tokio::test]
async fn a_connection_that_is_reset_is_interrupted() {
    let script = Script::new([Step::Head, Step::Delta("half".into()), Step::Reset]);
    let (status, _, reason) = end_of(script).await;
    assert_eq!(status, MessageStatus::Interrupted, "{reason}");
}

#[tokio::test]
async fn an_error_inside_a_stream_keeps_the_text_before_it() {
    let error = serde_json::json!({"error": {"message": "the model is overloaded"}});
    let script = Script::new([Step::Head, Step::Delta("half".into()), Step::Error(error)]);
    let (status, content, reason) = end_of(script).await;
    assert_eq!((status, content.as_str()), (MessageStatus::Failed, "half"));
    assert!(reason.contains("the model is overloaded"), "{reason}");
}

#[tokio::test]
async fn a_finish_reason_without_an_end_mark_is_an_end() {
    let script = Script::new([
        Step::Head,
        Step::Delta("whole".into()),
        Step::Finish("stop".into()),
        Step::Close,
    ]);
    let (status, content, _) = end_of(script).await;
    assert_eq!(
        (status, content.as_str()),
        (MessageStatus::Complete, "whole")
    );
}

#[tokio::test]
async fn refusals_tell_the_providers_reason() {
    for (status, said) in [
        (401, "Incorrect API key provided"),
        (404, "The model `nope` does not exist"),
        (400, "messages is required"),
    ] {
        let body = serde_json::json!({"error": {"message": said}}).to_string();
        let (end, _, reason) = end_of(Script::status(status, &body)).await;
        assert_eq!(end, MessageStatus::Failed);
        assert!(reason.contains(said), "{reason}");
    }
}

#[tokio::test]
async fn a_web_page_instead_of_an_answer_is_named_as_such() {
    let page = Step::status(200, &[("content-type", "text/html")], "<html>Log in</html>");
    let (status, _, reason) = end_of(Script::new([page])).await;
    assert_eq!(status, MessageStatus::Failed);
    assert!(reason.contains("text/html"), "{reason}");
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_as_asked_and_the_lock_stays_held() {
    let fixture = Fixture::new().await;
    let busy = Step::status(
        429,
        &[("retry-after-ms", "30")],
        r#"{"error":{"message":"slow"}}"#,
    );
    fixture.server.push(Script::new([busy.clone()]));
    fixture.server.push(Script::new([busy]));
    fixture.server.push(Script::answer("at last"));
    accepted(fixture.send("hello").await);
    fixture.server.wait_for_requests(2).await;
    assert!(
        fixture.send("meanwhile").await.is_err(),
        "the lock is held between tries"
    );

    let answer = fixture.answer().await;
    assert_eq!(
        (answer.status, answer.content().as_str()),
        (MessageStatus::Complete, "at last")
    );
    assert_eq!(fixture.server.completions().len(), 3);
    let (first_token_at, retries) = fixture.timing().await;
    assert!(first_token_at.is_some(), "its first token was not timed");
    assert_eq!(retries, 2);
}

#[tokio::test]
async fn stop_before_the_first_token_stops() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::gated("never", "", "too late"));
    let turn = accepted(fixture.send("hello").await);

    assert!(fixture.app.turns.stop(&turn.generation_id).await.stopped);
    let answer = fixture.answer().await;
    assert_eq!(
        (answer.status, answer.content().as_str()),
        (MessageStatus::Stopped, "")
    );
}

#[tokio::test]
async fn stop_in_mid_answer_keeps_the_text_and_closes_the_connection() {
    let fixture = Fixture::new().await;
    fixture
        .server
        .push(Script::gated("never", "the first half", "too late"));
    let turn = accepted(fixture.send("hello").await);
    fixture.wait_for_text("the first half").await;

    assert!(fixture.app.turns.stop(&turn.generation_id).await.stopped);
    let answer = fixture.answer().await;
    assert_eq!(
        (answer.status, answer.content().as_str()),
        (MessageStatus::Stopped, "the first half")
    );
    fixture.server.wait_for_disconnects(1).await;
}

#[tokio::test]
async fn a_stale_stop_stops_nothing() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::answer("first"));
    let first = accepted(fixture.send("one").await);
    fixture.settled().await;
    fixture.server.push(Script::gated("hold", "sec", "ond"));
    accepted(fixture.send("two").await);
    fixture.wait_for_text("sec").await;

    assert!(!fixture.app.turns.stop(&first.generation_id).await.stopped);
    assert!(!fixture.app.turns.stop(&GenerationId::fresh()).await.stopped);
    fixture.server.gate("hold").open();
    let answer = fixture.answer().await;
    assert_eq!(
        (answer.status, answer.content().as_str()),
        (MessageStatus::Complete, "second")
    );
}

#[tokio::test]
async fn deleting_a_conversation_stops_its_answer() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::gated("never", "text", "more"));
    accepted(fixture.send("hello").await);
    fixture.wait_for_text("text").await;

    fixture
        .app
        .conversations
        .delete(&fixture.conversation.id)
        .await
        .unwrap();
    fixture.server.wait_for_disconnects(1).await;
    assert!(
        fixture
            .app
            .conversations
            .list(None, None)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_server_without_a_list_of_models_is_asked_all_the_same() {
    let fixture = Fixture::new().await;
    fixture.server.refuse_lists();
    accepted(fixture.send("hello").await);

    assert_eq!(fixture.answer().await.status, MessageStatus::Complete);
    assert_eq!(fixture.server.completions()[0].body["model"], "default");
}

#[tokio::test]
async fn a_new_conversation_asks_the_first_listed_model_with_the_key() {
    let fixture = Fixture::new().await;
    fixture
        .server
        .set_models(&["text-embedding-3-small", "first", "second"]);
    accepted(fixture.send("hello").await);
    assert_eq!(
        fixture.answer().await.model.as_deref(),
        Some("openai/first")
    );

    let asked = &fixture.server.completions()[0];
    assert_eq!(asked.body["model"], "first");
    assert_eq!(asked.headers["authorization"], "Bearer test-key");
    let messages = serde_json::json!([{"role": "user", "content": "hello"}]);
    assert_eq!(asked.body["messages"], messages);
}

/// Opens a connection as another process would.
pub(crate) async fn open_database(fixture: &Fixture) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(fixture.folder.path().join("conch.db"))
        .connect()
        .await
        .unwrap()
}

#[tokio::test]
async fn an_answer_that_has_ended_is_indexed() {
    let fixture = Fixture::new().await;
    fixture.server.push(Script::answer("a conch"));
    accepted(fixture.send("hello").await);
    fixture.settled().await;
    fixture.app.quit().await;

    let mut database = open_database(&fixture).await;
    let found =
        sqlx::query_scalar("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH 'conch'");
    let found: i64 = found.fetch_one(&mut database).await.unwrap();
    assert_eq!(found, 1);
}

/// The checkpoint comes neither from the final commit nor from the quit: only the last connection to close
/// checkpoints, and here that is the one of the test.
#[tokio::test]
async fn a_long_answer_that_has_ended_leaves_no_long_log() {
    let fixture = Fixture::new().await;
    let mut database = open_database(&fixture).await;
    let log = "PRAGMA wal_checkpoint(NOOP)";
    sqlx::query(log).execute(&mut database).await.unwrap();
    let answer = "word ".repeat(400_000);
    fixture.server.push(Script::answer(&answer));
    accepted(fixture.send("hello").await);
    fixture.settled().await;
    assert_eq!(fixture.answer().await.content(), answer);
    fixture.app.quit().await;

    let (_, logged, folded): (i64, i64, i64) =
        sqlx::query_as(log).fetch_one(&mut database).await.unwrap();
    let log = std::fs::metadata(fixture.folder.path().join("conch.db-wal")).unwrap();
    assert!(log.len() > 1_000 * 4_096, "it was never long");
    assert!(logged - folded < 1_000, "{} pages", logged - folded);
}
