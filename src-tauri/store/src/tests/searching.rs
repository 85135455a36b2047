//! The full-text index: blocks no write, removes what is deleted, and is rebuilt when it fails.

use conch_model::{Composer, ConversationId, FencedWrite, NewMessage};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::backups::older;
use super::turn_with;
use super::*;
use crate::PurgeProgress;

impl Fixture {
    /// Returns how many index entries contain a word.
    async fn found(&self, word: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH ?")
            .bind(word)
            .fetch_one(&self.store.writer)
            .await
            .unwrap()
    }

    async fn count(&self, of: &str) -> i64 {
        sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {of}")))
            .fetch_one(&self.store.writer)
            .await
            .unwrap()
    }

    async fn say(&self, question: &str, answer: &str) {
        let lease = self.begin(question, NOW).await.lease;
        let rest = Some((0, &answer.into()));
        let ended = self.store.finish(&lease, rest, &complete(), NOW).await;
        assert_eq!(ended.unwrap(), FencedWrite::Written);
    }

    async fn index(&self) {
        self.store.index_answers().await.unwrap();
    }

    async fn purge_other(&self, id: &ConversationId) {
        assert!(self.store.delete_conversation(id, NOW).await.unwrap());
        assert!(self.store.begin_purge(id).await.unwrap());
        loop {
            let portion = self.store.portion().await.unwrap();
            if portion.purge(id, 16).await.unwrap() == PurgeProgress::Done {
                break;
            }
        }
        self.store.end_purge(id).await.unwrap();
    }

    async fn assert_sound(&self) {
        let check = "INSERT INTO messages_fts(messages_fts) VALUES ('integrity-check')";
        self.store.execute(check).await;
    }
}

#[tokio::test]
async fn text_is_indexed_when_it_is_final_and_leaves_with_its_conversation() {
    let fixture = Fixture::new().await;
    let started = fixture.begin("Ünïcode question", NOW).await;
    let text = "a conch".into();
    let appended = fixture.store.append(&started.lease, 0, &text).await;
    assert_eq!(appended.unwrap(), FencedWrite::Written);
    fixture.index().await;
    assert_eq!(fixture.found("unicode").await, 1);
    assert_eq!(fixture.found("conch").await, 0, "it is being written");

    let end = complete();
    let ended = fixture.store.finish(&started.lease, None, &end, NOW).await;
    assert_eq!(ended.unwrap(), FencedWrite::Written);
    assert_eq!(
        fixture.found("conch").await,
        0,
        "its lock is free before that"
    );
    for _ in 0..2 {
        fixture.index().await;
        assert_eq!(fixture.found("conch").await, 1);
    }
    fixture.say("another question", "not indexed").await;
    fixture.purge().await;
    fixture.index().await;
    for word in ["unicode", "conch", "another", "indexed"] {
        assert_eq!(fixture.found(word).await, 0, "{word}");
    }
    fixture.assert_sound().await;
}

/// SQLite keeps the words of deleted index entries in its pages, where anyone with the file can read them.
#[tokio::test]
async fn no_word_of_what_was_deleted_stays_in_the_index() {
    let fixture = Fixture::new().await;
    for number in 0..30 {
        fixture.say("what is it", &format!("filler {number}")).await;
        fixture.index().await;
    }
    let gone = fixture
        .store
        .create_conversation(None, None, NOW)
        .await
        .unwrap();
    let turn = turn_with(NewMessage {
        conversation_id: gone.id.clone(),
        ..fixture.message("the canarybird sings")
    });
    fixture.store.begin(&turn, NOW).await.unwrap();
    fixture.index().await;
    let pages = "messages_fts_data WHERE instr(block, CAST('narybird' AS BLOB)) > 0";
    assert_eq!(
        (
            fixture.found("canarybird").await,
            fixture.count(pages).await
        ),
        (1, 1)
    );

    fixture.purge_other(&gone.id).await;
    fixture.index().await;
    assert_eq!(
        (
            fixture.found("canarybird").await,
            fixture.count(pages).await
        ),
        (0, 0)
    );
    assert_eq!(fixture.found("filler").await, 30);
    fixture.assert_sound().await;
}

/// An older version of Conch may have indexed messages twice.
#[tokio::test]
async fn the_index_of_an_older_schema_is_filled_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    older(&path, 8).await;
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    for _ in 0..2 {
        let learn = "INSERT INTO messages_fts (rowid, content) VALUES (65536, 'canarybird')";
        sqlx::query(learn).execute(&mut connection).await.unwrap();
    }
    let kept = "DELETE FROM messages_to_index; UPDATE search_index SET state = 'kept'";
    sqlx::raw_sql(kept).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();

    let store = Store::open(&path, false, NOW).await.unwrap();
    store.index_answers().await.unwrap();
    for (word, found) in [("where", 10), ("canarybird", 0)] {
        let entries: i64 =
            sqlx::query_scalar("SELECT count(*) FROM messages_fts WHERE messages_fts MATCH ?")
                .bind(word)
                .fetch_one(&store.readers)
                .await
                .unwrap();
        assert_eq!(entries, found, "{word}");
    }
}

/// FTS5 accepts a duplicate rowid as a second entry, and a delete removes only the later one. Each insert puts
/// words on a new page, until pages are merged.
#[tokio::test]
async fn what_ends_while_the_index_is_filled_is_learned_once() {
    let fixture = Fixture::new().await;
    let pages = "messages_fts_data WHERE instr(block, CAST('canarybird' AS BLOB)) > 0";
    // A new database's index is filled by the same steps.
    fixture.say("the canarybird sings", "and sleeps").await;
    fixture.index().await;
    assert_eq!(fixture.count(pages).await, 1);

    let clear = "UPDATE search_index SET state = 'clearing'";
    fixture.store.execute(clear).await;
    fixture
        .say("another canarybird", "and another answer")
        .await;
    fixture.index().await;
    assert_eq!(fixture.count(pages).await, 1);

    fixture.say("a third canarybird", "when it is filled").await;
    fixture.index().await;
    assert_eq!(fixture.count(pages).await, 2);
    assert_eq!(fixture.found("canarybird").await, 3);
    fixture.assert_sound().await;
}

#[tokio::test]
async fn a_long_message_is_learned_in_pieces_and_forgotten_whole() {
    let fixture = Fixture::new().await;
    let answer = format!(
        "{} needle {}",
        "word ".repeat(60_000),
        "émoji ".repeat(40_000)
    );
    fixture.say("long", &answer).await;
    fixture.say("endless", &"x".repeat(200_000)).await;
    fixture.index().await;
    assert_eq!(fixture.found("needle").await, 1);
    assert_eq!(fixture.count("messages_to_index").await, 0);
    let whole_words = ["word", "emoji"].map(|word| format!("temp.words WHERE term = '{word}'"));
    let vocabulary =
        "CREATE VIRTUAL TABLE temp.words USING fts5vocab('main', 'messages_fts', 'instance')";
    fixture.store.execute(vocabulary).await;
    for (words, number) in whole_words.iter().zip([60_000, 40_000]) {
        assert_eq!(fixture.count(words).await, number, "a word is cut in two");
    }
    fixture.store.execute("DROP TABLE temp.words").await;

    fixture.purge().await;
    fixture.index().await;
    assert_eq!(fixture.count("messages_fts_docsize").await, 0);
    fixture.assert_sound().await;
}

#[tokio::test]
async fn a_message_that_is_deleted_while_it_is_learned_is_forgotten() {
    let fixture = Fixture::new().await;
    fixture.say("long", &"needle ".repeat(30_000)).await;
    let indexing = fixture.store.index_answers();
    let half = async {
        loop {
            let learned = fixture.count("messages_to_index WHERE pieces > 0");
            if learned.await > 0 {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        done = indexing => done.unwrap(),
        () = half => {}
    }
    fixture.purge().await;
    fixture.index().await;
    assert_eq!(fixture.found("needle").await, 0);
    assert_eq!(fixture.count("messages_fts_docsize").await, 0);
}

#[tokio::test]
async fn a_number_that_is_used_again_names_the_new_message_alone() {
    let fixture = Fixture::new().await;
    fixture.say("old question", "old answer").await;
    fixture.index().await;
    fixture.purge().await;
    let other = fixture
        .store
        .create_conversation(None, None, NOW)
        .await
        .unwrap();
    let fixture = Fixture {
        conversation: other,
        ..fixture
    };
    fixture.say("new question", "new answer").await;
    let keys = fixture.count("messages WHERE search_key IN (1, 2)").await;
    assert_eq!(keys, 2, "SQLite gives the numbers out again");
    fixture.index().await;
    assert_eq!(
        (fixture.found("old").await, fixture.found("new").await),
        (0, 2)
    );
}

#[tokio::test]
async fn a_damaged_index_blocks_nothing_and_is_rebuilt() {
    let ways = [
        "UPDATE messages_fts_data SET block = CAST('rubbish' AS BLOB)",
        "DELETE FROM messages_fts_data",
        "DELETE FROM messages_fts_idx; DELETE FROM messages_fts_docsize",
        "INSERT INTO messages_fts_docsize SELECT id + 65536 * 2, sz, origin FROM messages_fts_docsize",
        "UPDATE messages_fts_config SET v = 99",
        "DROP TABLE messages_fts_config",
        "DROP TABLE messages_fts_data",
        "DROP TABLE messages_fts",
    ];
    for way in ways {
        let fixture = Fixture::new().await;
        fixture.say("first question", "first answer").await;
        fixture.index().await;
        fixture.store.execute(way).await;
        // As after a crash, with a check of the whole file: a damaged index is not damage of the file.
        fixture.store.close().await;
        let store = Store::open(&fixture.path(), true, NOW).await;
        let store = store.unwrap_or_else(|error| panic!("{error} after {way}"));
        let fixture = Fixture { store, ..fixture };

        fixture.say("second question", "second answer").await;
        let doomed = fixture
            .store
            .create_conversation(None, None, NOW)
            .await
            .unwrap();
        let turn = turn_with(NewMessage {
            conversation_id: doomed.id.clone(),
            ..fixture.message("a third question")
        });
        fixture.store.begin(&turn, NOW).await.unwrap();
        fixture.purge_other(&doomed.id).await;

        fixture.index().await;
        // The error may appear only on a delete or an insert.
        fixture.say("fourth question", "fourth answer").await;
        fixture.index().await;
        for (word, number) in [("second", 2), ("third", 0), ("fourth", 2)] {
            assert_eq!(fixture.found(word).await, number, "{word} after {way}");
        }
        fixture.assert_sound().await;
    }
}

#[tokio::test]
async fn the_index_of_an_older_version_is_replaced() {
    let fixture = Fixture::new().await;
    for number in 0..5 {
        fixture
            .say(&format!("question {number}"), "an answer")
            .await;
    }
    fixture.store.execute("
        DROP TABLE messages_fts;
        CREATE VIRTUAL TABLE messages_fts USING fts5(content, content = 'messages', content_rowid = 'search_key');
        INSERT INTO messages_fts(messages_fts) VALUES ('rebuild');
        DELETE FROM messages_to_index;
        UPDATE search_index SET state = 'clearing'").await;
    let fixture = fixture.reopen().await;
    fixture.index().await;
    assert_eq!(
        (
            fixture.found("question").await,
            fixture.found("answer").await
        ),
        (5, 5)
    );
    let numbers = fixture.count("messages_fts_docsize WHERE id < 65536").await;
    assert_eq!(numbers, 0, "the numbers of the old one");
    fixture.assert_sound().await;
}

/// The slowest steps must not hold the writer.
#[tokio::test]
async fn others_write_while_much_is_indexed() {
    let fixture = Fixture::new().await;
    fixture.say("much", &"several words ".repeat(150_000)).await;
    let (store, id) = (fixture.store.clone(), fixture.conversation.id.clone());
    let indexing = tokio::spawn({
        let store = store.clone();
        async move { store.index_answers().await }
    });
    let mut writes = 0;
    while !indexing.is_finished() {
        store
            .profile()
            .save_draft(&Composer::main(&id), "typed", NOW)
            .await
            .unwrap();
        writes += 1;
        tokio::task::yield_now().await;
    }
    indexing.await.unwrap().unwrap();
    assert!(writes > 30, "only {writes} writes between portions");
}

/// By itself, FTS5 merges as much within one commit as holds up every other write for a second.
#[tokio::test]
async fn the_index_is_merged_by_its_batches_alone_and_has_few_segments() {
    let fixture = Fixture::new().await;
    let defaults = "INSERT INTO messages_fts (messages_fts, rank) VALUES ('automerge', 4), ('crisismerge', 16)";
    fixture.store.execute(defaults).await;
    for number in 1..=40 {
        fixture.say("what is it", &format!("number {number}")).await;
        fixture.index().await;
        let segments = fixture
            .count("(SELECT DISTINCT segid FROM messages_fts_idx)")
            .await;
        assert!(segments <= number.min(9), "{segments} after {number}");
    }
    let bounded =
        "messages_fts_config WHERE (k, v) IN (VALUES ('automerge', 0), ('crisismerge', 1999))";
    assert_eq!(fixture.count(bounded).await, 2);
    assert_eq!(fixture.found("number").await, 40);
    fixture.assert_sound().await;
}
