//! Recovery from a database that cannot be opened.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{Recovery, Replacement};
use crate::clock::ManualClock;
use crate::error::Error;
use crate::lock::instance::Instance;
use crate::model::{
    Conversation, Ending, ErrorCode, FencedWrite, InstanceId, MessageStatus, NewMessage, PageQuery,
    Part, PartDelta, Timestamp,
};
use crate::store::{BeginOutcome, BeginTurn, Piece, StartedTurn, Store, backups, mark_as_damaged};

/// The start time of every test.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Fixture {
    folder: TempDir,
    store: Store,
    conversation: Conversation,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("conch.db");
        let store = Store::open(&path, false, NOW).await.unwrap();
        let conversation = store.create_conversation(None, None, NOW).await.unwrap();
        Self {
            folder,
            store,
            conversation,
        }
    }

    async fn begin(&self, content: &str) -> StartedTurn {
        let message = NewMessage::new(&self.conversation.id, content);
        let turn = BeginTurn::new(message.into(), InstanceId::from("instance".to_owned()));
        match self.store.begin(&turn, NOW).await.unwrap() {
            BeginOutcome::Started(started) => *started,
            other => panic!("expected the lock, got {other:?}"),
        }
    }

    /// Adds a complete turn with this answer.
    async fn talk(&self, question: &str, answer: &str) {
        let started = self.begin(question).await;
        let rest = Piece::from(answer);
        let ended = self
            .store
            .finish(&started.lease, Some((0, &rest)), &complete(), NOW)
            .await;
        assert_eq!(ended.unwrap(), FencedWrite::Written);
    }
}

fn complete() -> Ending {
    Ending::new(MessageStatus::Complete, None)
}

/// Opens a read-only connection.
async fn open_to_read(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    options.connect().await.unwrap()
}

const TURNS: usize = 60;

/// Conversations with messages of some length, one with an unfinished answer, and a backup.
async fn filled() -> TempDir {
    let fixture = Fixture::new().await;
    for number in 0..TURNS {
        let answer = format!("answer {number} ").repeat(100);
        fixture.talk(&format!("question {number}"), &answer).await;
    }
    let made = fixture
        .store
        .back_up_daily(NOW, CancellationToken::new())
        .await;
    made.unwrap().unwrap();
    let started = fixture.begin("the last one").await;
    let piece = Piece::from("so far");
    let saved = fixture.store.append(&started.lease, 0, &piece).await;
    assert_eq!(saved.unwrap(), FencedWrite::Written);
    fixture.store.close().await;
    fixture.folder
}

fn recovery(folder: &TempDir) -> Recovery {
    Recovery::new(folder.path().to_owned(), Arc::new(ManualClock::at(NOW)))
}

/// Damages pages in the middle of the file that contain messages.
fn damage(folder: &TempDir, pages: std::ops::Range<usize>) {
    let path = folder.path().join("conch.db");
    let mut bytes = fs::read(&path).unwrap();
    for page in pages {
        bytes[page * 4096..(page + 1) * 4096].fill(0x5a);
    }
    fs::write(&path, bytes).unwrap();
}

async fn messages(path: &Path) -> Vec<(String, String, String)> {
    let mut connection = open_to_read(path).await;
    let found = sqlx::query_as("SELECT id, status, content FROM messages ORDER BY search_key")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    found
}

#[tokio::test]
async fn a_backup_takes_the_place_of_a_damaged_database_which_is_kept() {
    let folder = filled().await;
    let path = folder.path().join("conch.db");
    damage(&folder, 10..20);
    fs::write(folder.path().join("conch.db-wal"), "what was its log").unwrap();
    let damaged = fs::read(&path).unwrap();
    Store::open(&path, true, NOW).await.unwrap_err();

    let recovery = recovery(&folder);
    let ways = recovery.ways_on();
    assert!(ways.has_database);
    let backup = Replacement::Backup(ways.backups[0].name.clone());
    let aside = recovery.replace(&backup).await.unwrap();

    assert!(fs::read(aside.join("conch.db")).unwrap() == damaged);
    assert_eq!(
        fs::read(aside.join("conch.db-wal")).unwrap(),
        b"what was its log"
    );
    let store = Store::open(&path, false, NOW).await.unwrap();
    store.create_conversation(None, None, NOW).await.unwrap();
    store.close().await;
    assert_eq!(messages(&path).await.len(), TURNS * 2);
    assert_eq!(backups(folder.path()).len(), 1, "the backup stays");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
}

#[tokio::test]
async fn an_empty_database_may_take_the_place_of_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    fs::write(&path, "my shopping list").unwrap();
    Store::open(&path, false, NOW).await.unwrap_err();
    let aside = recovery(&folder)
        .replace(&Replacement::Empty)
        .await
        .unwrap();
    assert_eq!(
        fs::read(aside.join("conch.db")).unwrap(),
        b"my shopping list"
    );
    Store::open(&path, false, NOW).await.unwrap().close().await;
}

#[tokio::test]
async fn a_backup_that_is_damaged_or_gone_replaces_nothing() {
    let folder = filled().await;
    let path = folder.path().join("conch.db");
    damage(&folder, 10..20);
    let before = fs::read(&path).unwrap();
    let recovery = recovery(&folder);
    let backup = recovery.ways_on().backups.remove(0);
    let bytes = fs::read(&backup.path).unwrap();
    for bad in [&bytes[..bytes.len() / 2], b"", b"no database"] {
        fs::write(&backup.path, bad).unwrap();
        let error = recovery
            .replace(&Replacement::Backup(backup.name.clone()))
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Recovery(_)), "{error:?}");
        assert!(fs::read(&path).unwrap() == before);
        assert!(!folder.path().join("conch.db.new").exists());
    }
    for name in [
        "conch-2020-01-01T00-00-00Z.db",
        "../conch.db",
        "/etc/passwd",
    ] {
        let error = recovery
            .replace(&Replacement::Backup(name.to_owned()))
            .await;
        assert_eq!(error.unwrap_err().code(), ErrorCode::NotFound);
    }
    assert!(fs::read(&path).unwrap() == before);
}

#[tokio::test]
async fn a_database_that_another_process_has_open_is_not_replaced() {
    let folder = filled().await;
    let other = Instance::start(&folder.path().join("instances")).unwrap();
    let recovery = recovery(&folder);
    let refused = recovery.replace(&Replacement::Empty).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::RecoveryFailed);
    assert!(folder.path().join("conch.db").exists());
    drop(other);
    recovery.replace(&Replacement::Empty).await.unwrap();
}

/// A kill between two steps of the replacement.
#[tokio::test]
async fn a_replacement_that_was_cut_off_is_offered_again() {
    let folder = filled().await;
    let path = folder.path().join("conch.db");
    damage(&folder, 10..20);
    mark_as_damaged(&path, "it is being replaced");
    let aside = folder.path().join("aside").join("x");
    fs::create_dir_all(&aside).unwrap();
    fs::hard_link(&path, aside.join("conch.db")).unwrap();
    Store::open(&path, false, NOW).await.unwrap_err();
    let backup = backups(folder.path()).remove(0);
    let recovery = recovery(&folder);
    let backup = Replacement::Backup(backup.name);
    recovery.replace(&backup).await.unwrap();
    Store::open(&path, false, NOW).await.unwrap().close().await;
}

#[tokio::test]
async fn what_can_be_read_is_saved_and_conch_can_start_with_it() {
    let folder = filled().await;
    let path = folder.path().join("conch.db");
    let all = messages(&path).await;
    assert_eq!(all.len(), TURNS * 2 + 2);
    let recovery = recovery(&folder);

    let whole = recovery.save_readable().await.unwrap();
    assert_eq!(whole.unreadable, 0);
    assert_eq!(whole.messages, i64::try_from(all.len()).unwrap());
    let saved = messages(&whole.folder.join("conch.db")).await;
    assert_eq!(saved[..TURNS * 2], all[..TURNS * 2]);
    let (_, status, text) = saved.last().unwrap();
    assert_eq!((status.as_str(), text.as_str()), ("interrupted", "so far"));

    let bytes = fs::read(&path).unwrap();
    let text = b"answer 30 answer 30 ";
    let at = bytes.windows(text.len()).position(|part| part == text);
    let page = at.unwrap() / 4096;
    damage(&folder, page..page + 1);
    let before = fs::read(&path).unwrap();
    let part = recovery.save_readable().await.unwrap();
    assert!(before == fs::read(&path).unwrap(), "it is only read");
    assert!(part.unreadable > 0);
    let saved = messages(&part.folder.join("conch.db")).await;
    assert!(saved.len() > TURNS, "{} were saved", saved.len());
    assert!(saved.len() < all.len());
    assert!(
        saved
            .iter()
            .all(|(id, ..)| all.iter().any(|(known, ..)| known == id))
    );
    let text = fs::read_dir(part.folder.join("conversations"))
        .unwrap()
        .next();
    let text = fs::read_to_string(text.unwrap().unwrap().path()).unwrap();
    assert!(text.contains("question 0"), "{text}");

    recovery.replace(&Replacement::Saved).await.unwrap();
    let store = Store::open(&path, false, NOW).await.unwrap();
    let conversation = store.list_conversations(None, 10, NOW).await;
    assert!(conversation.is_ok());
    store.close().await;
    assert_eq!(messages(&path).await.len(), saved.len());
}

/// The first page contains the schema, without which SQLite reads nothing.
#[tokio::test]
async fn a_first_page_that_is_lost_costs_no_message() {
    for fill in [0, 0x5a] {
        let folder = filled().await;
        let path = folder.path().join("conch.db");
        let all = messages(&path).await;
        let mut bytes = fs::read(&path).unwrap();
        bytes[..4096].fill(fill);
        fs::write(&path, bytes).unwrap();
        let saved = recovery(&folder).save_readable().await.unwrap();
        let found = messages(&saved.folder.join("conch.db")).await;
        assert_eq!(found[..TURNS * 2], all[..TURNS * 2]);
        assert_eq!(found.len(), all.len());
        assert_eq!(saved.conversations, 1);
        assert!(saved.unreadable > 0, "what it cost is said");
    }
}

/// Gives a message the rowid of a later one, and an invalid length. Returns its original rowid.
fn give_anothers_number(path: &Path) -> u8 {
    let mut bytes = fs::read(path).unwrap();
    let rows_of = |page: &[u8]| {
        let count = usize::from(page[4]);
        let cell = |n: usize| usize::from(u16::from_be_bytes([page[8 + 2 * n], page[9 + 2 * n]]));
        (0..count).map(cell).collect::<Vec<_>>()
    };
    // A table leaf, <https://sqlite.org/fileformat2.html#b_tree_pages>. A cell starts with its length, two
    // bytes here, and its rowid, one byte.
    let (page, cell) = (bytes.chunks(4096).enumerate().skip(1))
        .filter(|(_, page)| page[0] == 13 && page[3] == 0)
        .find_map(|(number, page)| {
            let last = *rows_of(page).last()?;
            let row = page.get(last..last + 600)?;
            let is_answer = row.windows(7).any(|words| words == b"answer ");
            (is_answer && (20..70).contains(&row[2])).then_some((number, last))
        })
        .unwrap();
    let at = page * 4096 + cell;
    let number = bytes[at + 2];
    bytes[at..at + 3].copy_from_slice(&[0xff, 0x7f, number + 40]);
    fs::write(path, bytes).unwrap();
    number
}

#[tokio::test]
async fn a_row_with_the_number_of_a_later_one_costs_none_of_those_between() {
    let folder = filled().await;
    let path = folder.path().join("conch.db");
    let all = messages(&path).await;
    let number = usize::from(give_anothers_number(&path));
    let saved = recovery(&folder).save_readable().await.unwrap();
    assert!(saved.unreadable > 0, "what it cost is said");
    let found = messages(&saved.folder.join("conch.db")).await;
    // The last one was being written.
    let missing: Vec<_> = (1..TURNS * 2)
        .filter(|row| !found.contains(&all[row - 1]))
        .collect();
    assert_eq!(missing, [number]);
}

/// A foreign page within a long text leaves text that is not valid UTF-8.
#[tokio::test]
async fn a_text_that_is_damaged_within_is_saved_as_far_as_it_is_text() {
    let folder = filled().await;
    let path = folder.path().join("conch.db");
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(
        "UPDATE messages SET content = CAST(x'41ff42' AS TEXT) WHERE search_key = 3;
         UPDATE conversations SET title = CAST(x'ff' AS TEXT)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let saved = recovery(&folder).save_readable().await.unwrap();
    let found = messages(&saved.folder.join("conch.db")).await;
    assert_eq!(found.len(), TURNS * 2 + 2);
    assert_eq!(found[2].2, "A\u{fffd}B");
}

#[tokio::test]
async fn where_nothing_can_be_read_that_is_said() {
    let folder = filled().await;
    let path = folder.path().join("conch.db");
    let length = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0x5a; usize::try_from(length).unwrap()]).unwrap();
    let error = recovery(&folder).save_readable().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::RecoveryFailed);
    let left = fs::read_dir(folder.path().join("saved")).unwrap();
    assert_eq!(left.count(), 0, "half of it is not offered");
}

/// References to lost rows are repaired.
#[tokio::test]
async fn messages_are_saved_without_their_conversation_branch_or_parent() {
    let folder = filled().await;
    let path = folder.path().join("conch.db");
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .foreign_keys(false)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(
        "DELETE FROM messages WHERE search_key BETWEEN 11 AND 20;
         DELETE FROM branches; DELETE FROM conversations; DELETE FROM users;",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    connection.close().await.unwrap();
    let all = messages(&path).await;
    let recovery = recovery(&folder);
    let saved = recovery.save_readable().await.unwrap();
    assert_eq!(saved.conversations, 1);
    assert_eq!(saved.messages, i64::try_from(all.len()).unwrap());
    recovery.replace(&Replacement::Saved).await.unwrap();

    let store = Store::open(&path, true, NOW).await.unwrap();
    store.close().await;
    let count: i64 = sqlx::query_scalar(
        "WITH RECURSIVE path(id) AS (
           SELECT head_message_id FROM branches WHERE name = 'main'
           UNION ALL SELECT parent_id FROM messages JOIN path USING (id) WHERE parent_id IS NOT NULL)
         SELECT count(*) FROM path",
    )
    .fetch_one(&mut open_to_read(&path).await)
    .await
    .unwrap();
    assert_eq!(count, saved.messages, "all are on the branch that is shown");
}

#[tokio::test]
async fn what_is_saved_keeps_its_parts() {
    let fixture = Fixture::new().await;
    let started = fixture.begin("question").await;
    let mut piece = Piece::default();
    piece.push(0, PartDelta::Text("One".to_owned()));
    piece.push(1, PartDelta::Reasoning("Hm".to_owned()));
    piece.push(2, PartDelta::Text("Two".to_owned()));
    let ending = complete();
    let done = fixture
        .store
        .finish(&started.lease, Some((0, &piece)), &ending, NOW);
    assert_eq!(done.await.unwrap(), FencedWrite::Written);
    let id = fixture.conversation.id.clone();
    fixture.store.close().await;
    let recovery = recovery(&fixture.folder);
    let saved = recovery.save_readable().await.unwrap();
    let store = Store::open(&saved.folder.join("conch.db"), false, NOW)
        .await
        .unwrap();
    let page = store.messages(&id, None, &PageQuery::Latest).await;
    let answer = page.unwrap().unwrap().messages.pop().unwrap();
    assert_eq!(
        answer.parts,
        [Part::text("One"), Part::reasoning("Hm"), Part::text("Two")]
    );
}
