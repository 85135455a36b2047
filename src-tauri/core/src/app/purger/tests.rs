use super::*;
use crate::clock::ManualClock;
use crate::model::{AttemptSource, Composer, Timestamp};
use crate::store::AttemptOutcome;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Fixture {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    purger: Purger,
    seen: HashMap<ConversationId, Duration>,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("conch.db");
        let store = Store::open(&path, false, NOW);
        let clock = Arc::new(ManualClock::at(NOW));
        let timed = Arc::clone(&clock) as Arc<dyn Clock>;
        let purger = Purger::new(store.await.unwrap(), timed);
        Self {
            folder,
            clock,
            purger,
            seen: HashMap::new(),
        }
    }

    /// Creates a conversation that another process deleted.
    async fn deleted(&self) -> ConversationId {
        let store = &self.purger.store;
        let id = store.create_conversation(None, None, NOW).await.unwrap().id;
        let now = self.clock.now();
        assert!(store.delete_conversation(&id, now).await.unwrap());
        id
    }

    async fn pass(&mut self) -> Duration {
        self.purger.pass(&mut self.seen).await.unwrap()
    }

    async fn left(&self) -> usize {
        self.purger
            .store
            .deleted_conversations()
            .await
            .unwrap()
            .len()
    }
}

/// A quit, a kill or a full disk may come between; then the next pass of any process continues.
#[tokio::test]
async fn a_conversation_is_not_gone_before_its_words_are() {
    let mut fixture = Fixture::new().await;
    let id = fixture.deleted().await;
    let store = fixture.purger.store.clone();
    store
        .execute(&format!(
            "INSERT INTO messages (id, conversation_id, branch_id, role, status, content, created_at, finished_at)
             SELECT 'm' || value, '{id}', (SELECT id FROM branches), 'user', 'complete',
               'canarybird ' || value, 0, 0 FROM json_each('[1,2,3,4,5,6,7,8,9]')"
        ))
        .await;
    store.index_answers().await.unwrap();
    fixture.clock.advance(UNDO);
    store
        .execute("ALTER TABLE search_index RENAME TO moved")
        .await;
    for _ in 0..2 {
        assert!(fixture.purger.pass(&mut fixture.seen).await.is_err());
        assert_eq!(fixture.left().await, 1);
    }
    store
        .execute("ALTER TABLE moved RENAME TO search_index")
        .await;
    assert_eq!(
        (fixture.pass().await, fixture.left().await),
        (POLL_INTERVAL, 0)
    );
    fixture.purger.finish().await.unwrap();
    store.close().await;
    let bytes = std::fs::read(fixture.folder.path().join("conch.db")).unwrap();
    assert!(!bytes.windows(8).any(|word| word == b"narybird"));
}

#[tokio::test]
async fn what_was_deleted_is_purged_when_the_time_for_undo_is_over() {
    let mut fixture = Fixture::new().await;
    assert_eq!(fixture.pass().await, POLL_INTERVAL);
    fixture.deleted().await;
    assert_eq!(fixture.pass().await, UNDO, "that is when it is due");
    fixture.clock.advance(Duration::from_secs(6));
    fixture.deleted().await;
    assert_eq!(fixture.pass().await, Duration::from_secs(4));
    fixture.clock.advance(Duration::from_secs(4));
    assert_eq!(
        (fixture.pass().await, fixture.left().await),
        (Duration::from_secs(6), 1)
    );
    fixture.clock.advance(Duration::from_secs(6));
    assert_eq!(
        (fixture.pass().await, fixture.left().await),
        (POLL_INTERVAL, 0)
    );
}

#[tokio::test]
async fn what_a_killed_process_left_is_purged_by_the_next() {
    let mut fixture = Fixture::new().await;
    let id = fixture.deleted().await;
    // As if killed after the first batch.
    assert!(fixture.purger.store.begin_purge(&id).await.unwrap());
    fixture.deleted().await;
    fixture.pass().await;
    assert_eq!(
        fixture.left().await,
        1,
        "there is no way back from the first"
    );
    // A new process has seen no deletions yet.
    fixture.clock.advance(UNDO);
    fixture.seen.clear();
    fixture.pass().await;
    assert_eq!(fixture.left().await, 0);
}

#[tokio::test]
async fn what_was_deleted_is_purged_from_the_backups_too() {
    let mut fixture = Fixture::new().await;
    let kept = fixture
        .purger
        .store
        .create_conversation(Some("kept"), None, NOW);
    let kept = kept.await.unwrap().id;
    let id = fixture.deleted().await;
    let store = &fixture.purger.store;
    let made = store.back_up_daily(NOW, CancellationToken::new()).await;
    let made = made.unwrap().expect("the first one is due");
    assert_eq!(ids_in(&made.path).await.len(), 2);
    assert!(ids_in(&made.path).await.contains(&id));
    fixture.clock.advance(UNDO);
    fixture.pass().await;
    assert_eq!(fixture.left().await, 0);
    assert_eq!(ids_in(&made.path).await, [kept]);
}

#[tokio::test]
async fn a_damaged_backup_keeps_nothing_from_being_purged() {
    let mut fixture = Fixture::new().await;
    fixture.deleted().await;
    let folder = fixture.folder.path().join("backups");
    std::fs::create_dir(&folder).unwrap();
    let name = format!("conch-{}.db", NOW.to_name());
    std::fs::write(folder.join(name), "no database").unwrap();
    assert_eq!(crate::store::backups(fixture.folder.path()).len(), 1);
    fixture.clock.advance(UNDO);
    fixture.pass().await;
    assert_eq!(fixture.left().await, 0);
}

const CANARY: &str = "zanzibarfish";

fn holds_it(path: &std::path::Path) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut words = bytes.windows(CANARY.len());
    words.any(|word| word == CANARY.as_bytes())
}

#[tokio::test]
async fn a_backup_that_cannot_be_written_keeps_nothing_in_the_database() {
    let mut fixture = Fixture::new().await;
    let store = fixture.purger.store.clone();
    let made = store.create_conversation(Some(CANARY), None, NOW);
    let id = made.await.unwrap().id;
    let backup = store.back_up_daily(NOW, CancellationToken::new()).await;
    let backup = backup.unwrap().expect("the first one is due");
    assert!(holds_it(&backup.path));
    assert!(store.delete_conversation(&id, NOW).await.unwrap());
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&backup.path);
    let mut other = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let hold = sqlx::query("BEGIN EXCLUSIVE").execute(&mut other);
    hold.await.unwrap();
    fixture.clock.advance(UNDO);
    fixture.pass().await;
    let files = ["conch.db", "conch.db-wal"].map(|name| fixture.folder.path().join(name));
    assert!(files.iter().all(|file| !holds_it(file)));
    assert_eq!(fixture.left().await, 1, "the backup is tried again");
    sqlx::Connection::close(other).await.unwrap();
    fixture.pass().await;
    assert_eq!((fixture.left().await, holds_it(&backup.path)), (0, false));
}

#[tokio::test]
async fn what_was_typed_and_is_gone_leaves_the_backups() {
    let mut fixture = Fixture::new().await;
    let store = fixture.purger.store.clone();
    store
        .profile()
        .save_draft(&Composer::NewConversation, CANARY, NOW)
        .await
        .unwrap();
    let backup = store.back_up_daily(NOW, CancellationToken::new()).await;
    let backup = backup.unwrap().expect("the first one is due").path;
    let mut forget = async |draft: &str| {
        store
            .profile()
            .save_draft(&Composer::NewConversation, draft, NOW)
            .await
            .unwrap();
        fixture.purger.schedule_wal_truncation();
        fixture.clock.advance(UNDO);
        fixture.pass().await;
    };
    forget(&format!("{CANARY} and more")).await;
    assert!(holds_it(&backup), "it is still being typed");
    forget("").await;
    assert!(!holds_it(&backup));
}

#[tokio::test]
async fn damage_found_by_a_purge_is_published() {
    let mut fixture = Fixture::new().await;
    fixture.deleted().await;
    fixture
        .purger
        .store
        .mark_damaged("a page that is none")
        .await;
    let mut events = fixture.purger.store.events().subscribe();
    fixture.clock.advance(UNDO);
    fixture.pass().await;
    assert_eq!(
        events.try_recv(),
        Ok(crate::events::CoreEvent::DamageDetected)
    );
}

async fn ids_in(database: &std::path::Path) -> Vec<ConversationId> {
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("conch.db");
    std::fs::copy(database, &path).unwrap();
    let store = Store::open(&path, false, NOW).await.unwrap();
    let deleted = store.deleted_conversations().await.unwrap();
    let listed = store.list_conversations(None, 9, NOW).await.unwrap();
    let deleted = deleted.into_iter().map(|deleted| deleted.id);
    deleted
        .chain(listed.into_iter().map(|listed| listed.id))
        .collect()
}

#[tokio::test]
async fn a_clock_that_was_set_back_keeps_nothing_for_ever() {
    let mut fixture = Fixture::new().await;
    fixture.deleted().await;
    fixture.clock.step_to(Timestamp::from_millis(0));
    assert_eq!(fixture.pass().await, UNDO);
    fixture.clock.advance(UNDO);
    assert_eq!(
        (fixture.pass().await, fixture.left().await),
        (POLL_INTERVAL, 0)
    );
}

#[tokio::test]
async fn a_quit_purges_what_this_process_deleted_and_nothing_of_others() {
    let fixture = Fixture::new().await;
    let own = fixture.deleted().await;
    let undone = fixture.deleted().await;
    let theirs = fixture.deleted().await;
    fixture.purger.deleted(&own);
    fixture.purger.deleted(&undone);
    assert!(
        fixture
            .purger
            .store
            .restore_conversation(&undone)
            .await
            .unwrap()
    );
    fixture.purger.finish().await.unwrap();
    let left = fixture.purger.store.deleted_conversations().await.unwrap();
    assert_eq!((left.len(), &left[0].id), (1, &theirs));
    assert!(
        fixture
            .purger
            .store
            .branch(&undone, None)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn the_log_is_emptied_of_what_had_no_undo() {
    let mut fixture = Fixture::new().await;
    fixture.deleted().await;
    fixture.purger.schedule_wal_truncation();
    fixture.clock.advance(Duration::from_secs(4));
    fixture.purger.schedule_wal_truncation();
    assert_eq!(fixture.pass().await, Duration::from_secs(6), "by the first");
    fixture.clock.advance(Duration::from_secs(6));
    fixture.pass().await;
    let wal = fixture.folder.path().join("conch.db-wal");
    assert_eq!(wal.metadata().unwrap().len(), 0);
    assert!(fixture.purger.wal_truncation_due().is_none());
}

#[tokio::test]
async fn attempts_are_remembered_up_to_a_number_the_newest_ones() {
    let fixture = Fixture::new().await;
    let store = &fixture.purger.store;
    let id = store.create_conversation(None, None, NOW).await.unwrap().id;
    for n in 0..40 {
        let source = AttemptSource::Program;
        let at = NOW + Duration::from_secs(n);
        let counted = store.record_refused_by_page(&id, None, source, at).await;
        assert!(counted.unwrap());
    }
    let left = async || store.count_attempts(AttemptOutcome::RefusedByPage).await;
    fixture.purger.cut_attempts(40).await.unwrap();
    assert_eq!(left().await.unwrap(), 40);
    fixture.purger.cut_attempts(7).await.unwrap();
    assert_eq!(left().await.unwrap(), 7);
}

#[test]
fn portions_grow_while_they_are_quick_and_shrink_when_they_are_slow() {
    let ms = Duration::from_millis;
    assert_eq!(next_portion(16, ms(1), ms(10)), 32);
    assert_eq!(next_portion(16, ms(7), ms(10)), 16);
    assert_eq!(next_portion(16, ms(11), ms(10)), 8);
    assert_eq!(next_portion(1, ms(500), ms(10)), 1);
    assert_eq!(next_portion(LARGEST, ms(0), ms(10)), LARGEST);
}
