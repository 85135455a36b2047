//! The store on a real file, with the pragmas and pools of production.

mod attachments;
mod backups;
mod branch_deleting;
mod changes;
mod checkpoint;
mod composers;
mod configuring;
mod damage;
mod deleting;
mod locks;
mod migrating;
mod naming;
mod opening;
mod permanent_errors;
mod plans;
mod policies;
mod queue;
mod queue_model;
mod reading;
mod remains;
mod searching;
mod tree;
mod tree_shape;
mod versions;

use std::path::{Path, PathBuf};

use conch_model::{
    BranchId, Conversation, Ending, FencedWrite, InstanceId, Message, MessageId, MessageStatus,
    NewMessage, Timestamp, TurnRequest,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use tempfile::TempDir;

use super::{BeginOutcome, BeginTurn, Piece, PurgeProgress, StartedTurn, Store};

/// The start time of every test.
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Opens another read-only connection to the open database.
async fn open_to_read(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    options.connect().await.unwrap()
}

struct Fixture {
    folder: TempDir,
    store: Store,
    conversation: Conversation,
}

fn instance() -> InstanceId {
    InstanceId::from("instance".to_owned())
}

/// Sends a message, whose text is also its title.
fn turn_with(message: NewMessage) -> BeginTurn {
    BeginTurn {
        title: Some(message.content.clone()),
        ..BeginTurn::new(message.into(), instance())
    }
}

/// Another answer to a message, or another version of an answer.
fn answering(message_id: &MessageId) -> BeginTurn {
    BeginTurn::new(TurnRequest::answer(message_id), instance())
}

fn started(begun: BeginOutcome) -> StartedTurn {
    match begun {
        BeginOutcome::Started(started) => *started,
        other => panic!("expected the lock, got {other:?}"),
    }
}

fn contents(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::content).collect()
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("conch.db"), false, NOW)
            .await
            .unwrap();
        let conversation = store.create_conversation(None, None, NOW).await.unwrap();
        Self {
            folder,
            store,
            conversation,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("conch.db")
    }

    async fn reopen(self) -> Self {
        self.store.close().await;
        let store = Store::open(&self.path(), false, NOW).await.unwrap();
        Self { store, ..self }
    }

    fn turn(&self, content: &str) -> BeginTurn {
        turn_with(self.message(content))
    }

    fn message(&self, content: &str) -> NewMessage {
        NewMessage::new(&self.conversation.id, content)
    }

    async fn begin(&self, content: &str, now: Timestamp) -> StartedTurn {
        started(self.store.begin(&self.turn(content), now).await.unwrap())
    }

    /// Deletes and purges the conversation completely.
    async fn purge(&self) {
        let id = &self.conversation.id;
        assert!(self.store.delete_conversation(id, NOW).await.unwrap());
        assert!(self.store.begin_purge(id).await.unwrap());
        while self.purge_some(16).await == PurgeProgress::Remaining {}
        self.store.end_purge(id).await.unwrap();
    }

    async fn purge_some(&self, limit: u32) -> PurgeProgress {
        let portion = self.store.portion().await.unwrap();
        portion.purge(&self.conversation.id, limit).await.unwrap()
    }

    /// Adds a complete turn with this answer.
    async fn talk(&self, question: &str, answer: &str) {
        let started = self.begin(question, NOW).await;
        let rest = Piece::from(answer);
        let ended = self
            .store
            .finish(&started.lease, Some((0, &rest)), &complete(), NOW)
            .await;
        assert_eq!(ended.unwrap(), FencedWrite::Written);
    }

    /// Creates a second branch of the conversation, as a comparison or a fork does.
    async fn second_branch(&self) -> BranchId {
        let id = BranchId::fresh();
        sqlx::query(
            "INSERT INTO branches (id, conversation_id, name, created_at) VALUES (?, ?, 'lane', 0)",
        )
        .bind(id.as_str())
        .bind(self.conversation.id.as_str())
        .execute(&self.store.writer)
        .await
        .unwrap();
        id
    }
}

fn complete() -> Ending {
    Ending::new(MessageStatus::Complete, None)
}
