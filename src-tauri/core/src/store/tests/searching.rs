//! The full-text index: nothing waits for it, it forgets what is deleted, and it is made again when it fails.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::backups::older;
use super::*;
use crate::ids::ConversationId;
use crate::lock::Fenced;
use crate::store::Purge;

impl Place {
    /// How many entries of the index hold a word.
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
        assert_eq!(ended.unwrap(), Fenced::Written);
    }

    async fn index(&self) {
        self.store.index_answers().await.unwrap();
    }

    async fn purge_other(&self, id: &ConversationId) {
        assert!(self.store.delete_conversation(id, NOW).await.unwrap());
        assert!(self.store.begin_purge(id).await.unwrap());
        loop {
            let portion = self.store.portion().await.unwrap();
            if portion.purge(id, 16).await.unwrap() == Purge::Done {
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
    let place = Place::new().await;
    let started = place.begin("Ünïcode question", NOW).await;
    let text = "a conch".into();
    let appended = place.store.append(&started.lease, 0, &text).await;
    assert_eq!(appended.unwrap(), Fenced::Written);
    place.index().await;
    assert_eq!(place.found("unicode").await, 1);
    assert_eq!(place.found("conch").await, 0, "it is being written");

    let end = complete();
    let ended = place.store.finish(&started.lease, None, &end, NOW).await;
    assert_eq!(ended.unwrap(), Fenced::Written);
    assert_eq!(
        place.found("conch").await,
        0,
        "its lock is free before that"
    );
    for _ in 0..2 {
        place.index().await;
        assert_eq!(place.found("conch").await, 1);
    }
    place.say("another question", "not indexed").await;
    place.purge().await;
    place.index().await;
    for word in ["unicode", "conch", "another", "indexed"] {
        assert_eq!(place.found(word).await, 0, "{word}");
    }
    place.assert_sound().await;
}

/// SQLite keeps the words of what an index forgot in its pages; whoever reads the file reads them.
#[tokio::test]
async fn no_word_of_what_was_deleted_stays_in_the_index() {
    let place = Place::new().await;
    for number in 0..30 {
        place.say("what is it", &format!("filler {number}")).await;
        place.index().await;
    }
    let gone = place
        .store
        .create_conversation(None, None, NOW)
        .await
        .unwrap();
    let turn = NewTurn {
        conversation_id: gone.id.clone(),
        ..place.turn("the canarybird sings")
    };
    place.store.begin_turn(&turn, NOW).await.unwrap();
    place.index().await;
    let pages = "messages_fts_data WHERE instr(block, CAST('narybird' AS BLOB)) > 0";
    assert_eq!(
        (place.found("canarybird").await, place.count(pages).await),
        (1, 1)
    );

    place.purge_other(&gone.id).await;
    place.index().await;
    assert_eq!(
        (place.found("canarybird").await, place.count(pages).await),
        (0, 0)
    );
    assert_eq!(place.found("filler").await, 30);
    place.assert_sound().await;
}

/// An older Conch may have learned messages twice.
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

/// FTS5 takes a number that it has for a second entry, and a delete takes the later one only away. Each time
/// that words are learned they are in a page of their own, until pages are merged.
#[tokio::test]
async fn what_ends_while_the_index_is_filled_is_learned_once() {
    let place = Place::new().await;
    let pages = "messages_fts_data WHERE instr(block, CAST('canarybird' AS BLOB)) > 0";
    // A new database's index is filled, too.
    place.say("the canarybird sings", "and sleeps").await;
    place.index().await;
    assert_eq!(place.count(pages).await, 1);

    let clear = "UPDATE search_index SET state = 'clearing'";
    place.store.execute(clear).await;
    place.say("another canarybird", "and another answer").await;
    place.index().await;
    assert_eq!(place.count(pages).await, 1);

    place.say("a third canarybird", "when it is filled").await;
    place.index().await;
    assert_eq!(place.count(pages).await, 2);
    assert_eq!(place.found("canarybird").await, 3);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_long_message_is_learned_in_pieces_and_forgotten_whole() {
    let place = Place::new().await;
    let answer = format!(
        "{} needle {}",
        "word ".repeat(60_000),
        "émoji ".repeat(40_000)
    );
    place.say("long", &answer).await;
    place.say("endless", &"x".repeat(200_000)).await;
    place.index().await;
    assert_eq!(place.found("needle").await, 1);
    assert_eq!(place.count("messages_to_index").await, 0);
    let whole_words = ["word", "emoji"].map(|word| format!("temp.words WHERE term = '{word}'"));
    let vocabulary =
        "CREATE VIRTUAL TABLE temp.words USING fts5vocab('main', 'messages_fts', 'instance')";
    place.store.execute(vocabulary).await;
    for (words, number) in whole_words.iter().zip([60_000, 40_000]) {
        assert_eq!(place.count(words).await, number, "a word is cut in two");
    }
    place.store.execute("DROP TABLE temp.words").await;

    place.purge().await;
    place.index().await;
    assert_eq!(place.count("messages_fts_docsize").await, 0);
    place.assert_sound().await;
}

#[tokio::test]
async fn a_message_that_is_deleted_while_it_is_learned_is_forgotten() {
    let place = Place::new().await;
    place.say("long", &"needle ".repeat(30_000)).await;
    let indexing = place.store.index_answers();
    let half = async {
        loop {
            let learned = place.count("messages_to_index WHERE pieces > 0");
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
    place.purge().await;
    place.index().await;
    assert_eq!(place.found("needle").await, 0);
    assert_eq!(place.count("messages_fts_docsize").await, 0);
}

#[tokio::test]
async fn a_number_that_is_used_again_names_the_new_message_alone() {
    let place = Place::new().await;
    place.say("old question", "old answer").await;
    place.index().await;
    place.purge().await;
    let other = place
        .store
        .create_conversation(None, None, NOW)
        .await
        .unwrap();
    let place = Place {
        conversation: other,
        ..place
    };
    place.say("new question", "new answer").await;
    let keys = place.count("messages WHERE search_key IN (1, 2)").await;
    assert_eq!(keys, 2, "SQLite gives the numbers out again");
    place.index().await;
    assert_eq!((place.found("old").await, place.found("new").await), (0, 2));
}

#[tokio::test]
async fn an_index_that_is_broken_in_any_way_is_in_nobodys_way_and_is_made_again() {
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
        let place = Place::new().await;
        place.say("first question", "first answer").await;
        place.index().await;
        place.store.execute(way).await;
        // As after a crash, which checks the whole file: this is no damage of it.
        place.store.close().await;
        let store = Store::open(&place.path(), true, NOW).await;
        let store = store.unwrap_or_else(|error| panic!("{error} after {way}"));
        let place = Place { store, ..place };

        place.say("second question", "second answer").await;
        let doomed = place
            .store
            .create_conversation(None, None, NOW)
            .await
            .unwrap();
        let turn = NewTurn {
            conversation_id: doomed.id.clone(),
            ..place.turn("a third question")
        };
        place.store.begin_turn(&turn, NOW).await.unwrap();
        place.purge_other(&doomed.id).await;

        place.index().await;
        // What is wrong may show only when something is forgotten, or learned.
        place.say("fourth question", "fourth answer").await;
        place.index().await;
        for (word, number) in [("second", 2), ("third", 0), ("fourth", 2)] {
            assert_eq!(place.found(word).await, number, "{word} after {way}");
        }
        place.assert_sound().await;
    }
}

#[tokio::test]
async fn the_index_of_an_older_version_is_replaced() {
    let place = Place::new().await;
    for number in 0..5 {
        place.say(&format!("question {number}"), "an answer").await;
    }
    place.store.execute("
        DROP TABLE messages_fts;
        CREATE VIRTUAL TABLE messages_fts USING fts5(content, content = 'messages', content_rowid = 'search_key');
        INSERT INTO messages_fts(messages_fts) VALUES ('rebuild');
        DELETE FROM messages_to_index;
        UPDATE search_index SET state = 'clearing'").await;
    let place = place.reopen().await;
    place.index().await;
    assert_eq!(
        (place.found("question").await, place.found("answer").await),
        (5, 5)
    );
    let numbers = place.count("messages_fts_docsize WHERE id < 65536").await;
    assert_eq!(numbers, 0, "the numbers of the old one");
    place.assert_sound().await;
}

/// What takes longest must not hold the one writer.
#[tokio::test]
async fn others_write_while_much_is_indexed() {
    let place = Place::new().await;
    place.say("much", &"several words ".repeat(150_000)).await;
    let (store, id) = (place.store.clone(), place.conversation.id.clone());
    let indexing = tokio::spawn({
        let store = store.clone();
        async move { store.index_answers().await }
    });
    let mut writes = 0;
    while !indexing.is_finished() {
        store.save_draft(&id, "typed", NOW).await.unwrap();
        writes += 1;
        tokio::task::yield_now().await;
    }
    indexing.await.unwrap().unwrap();
    assert!(writes > 30, "only {writes} writes between portions");
}
