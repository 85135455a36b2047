//! Copies of the database: before each migration, and daily.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use conch_model::Timestamp;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio_util::sync::CancellationToken;

use super::{Fixture, NOW, open_to_read};
use crate::open::MIGRATOR;
use crate::start::{Notice, ProgressReporter};
use crate::{Store, backups};

const DAY: Duration = Duration::from_hours(24);

/// Inserts valid in every schema version.
const FILL: &str = "
    INSERT INTO users VALUES ('u', 'You', 0);
    INSERT INTO conversations (id, user_id, title, created_at, updated_at) VALUES ('c', 'u', 'Trip', 0, 0);
    INSERT INTO branches (id, conversation_id, name, created_at) VALUES ('b', 'c', 'main', 0);
    INSERT INTO messages (id, conversation_id, branch_id, role, status, content, created_at, finished_at)
      SELECT 'm' || value, 'c', 'b', 'user', 'complete', 'Where to, ' || value, value, value
      FROM json_each('[1,2,3,4,5,6,7,8,9,10]');
    UPDATE branches SET head_message_id = 'm10';
";

/// Creates a database with the first `count` migrations, as an older version of Conch left it.
pub(super) async fn older(path: &Path, count: usize) {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .connect()
        .await
        .unwrap();
    let last = MIGRATOR.iter().nth(count - 1).unwrap().version;
    MIGRATOR.run_to(last, &mut connection).await.unwrap();
    sqlx::raw_sql(FILL).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn texts(connection: &mut SqliteConnection) -> Vec<String> {
    sqlx::query_scalar("SELECT content FROM messages ORDER BY search_key")
        .fetch_all(connection)
        .await
        .unwrap()
}

async fn versions(path: &Path) -> (Vec<String>, i64) {
    let mut connection = open_to_read(path).await;
    let newest = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    (texts(&mut connection).await, newest)
}

#[tokio::test]
async fn a_database_of_each_older_schema_is_copied_before_it_is_updated() {
    let newest = MIGRATOR
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap();
    for count in 1..=MIGRATOR.iter().count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("conch.db");
        older(&path, count).await;
        let (before, version) = versions(&path).await;
        assert_eq!(before.len(), 10);

        Store::open(&path, false, NOW).await.unwrap().close().await;
        assert_eq!(versions(&path).await, (before.clone(), newest));
        let made = backups(folder.path());
        if version == newest {
            assert!(made.is_empty(), "nothing was updated");
            continue;
        }
        assert_eq!(made.len(), 1, "schema {count}");
        assert_eq!(made[0].made_at, NOW);
        assert_eq!(versions(&made[0].path).await, (before, version));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn backups_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    older(&path, 1).await;
    Store::open(&path, false, NOW).await.unwrap().close().await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path().join("backups")), 0o700);
    assert_eq!(mode(&backups(folder.path())[0].path), 0o600);
}

#[tokio::test]
async fn a_migration_without_a_possible_backup_continues_and_reports_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    older(&path, 1).await;
    fs::write(folder.path().join("backups"), "in the way").unwrap();
    let reporter = ProgressReporter::default();
    let store = Store::open_with_progress(&path, false, NOW, &reporter)
        .await
        .unwrap();
    assert_eq!(reporter.progress().notices, [Notice::UpdatedWithoutBackup]);
    store.close().await;
    assert_eq!(versions(&path).await.0.len(), 10);
}

#[tokio::test]
async fn a_damaged_database_is_not_updated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("conch.db");
    older(&path, 1).await;
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end / 2..].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    for _ in 0..2 {
        Store::open(&path, false, NOW).await.unwrap_err();
        assert!(fs::read(&path).unwrap() == bytes);
    }
    assert!(backups(folder.path()).is_empty());
}

/// Sets the modification time of the database's files.
fn written_at(path: &Path, time: Timestamp) {
    let since_epoch = Duration::from_millis(u64::try_from(time.as_millis()).unwrap());
    for name in ["conch.db", "conch.db-wal"] {
        let file = fs::File::options()
            .append(true)
            .open(path.with_file_name(name))
            .unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + since_epoch)
            .unwrap();
    }
}

#[tokio::test]
async fn a_backup_is_made_daily_when_something_was_written_and_seven_are_kept() {
    let fixture = Fixture::new().await;
    fixture.begin("precious", NOW).await;
    let daily = async |now| {
        let made = fixture.store.back_up_daily(now, CancellationToken::new());
        made.await.unwrap()
    };
    assert!(daily(NOW).await.is_some(), "the first");
    written_at(&fixture.path(), NOW + Duration::from_mins(1));
    assert!(daily(NOW + DAY / 2).await.is_none(), "not yet");
    assert!(daily(NOW + DAY).await.is_some());
    assert!(daily(NOW + DAY * 2).await.is_none(), "nothing was written");
    let mut now = NOW + DAY * 2;
    for _ in 0..8 {
        now = now + DAY;
        written_at(&fixture.path(), now);
        assert!(daily(now).await.is_some());
    }
    let made = backups(fixture.folder.path());
    assert_eq!(made.len(), 7);
    assert_eq!(made[0].made_at, now, "newest first");
    assert_eq!(made[6].made_at + DAY * 6, now);
    assert_eq!(versions(&made[0].path).await.0[0], "precious");
    // After the clock is set back, backups from the future do not count, and the new one is kept.
    assert!(daily(NOW).await.is_some());
    assert_eq!(backups(fixture.folder.path())[6].made_at, NOW);
    assert!(daily(NOW).await.is_none());
}

#[tokio::test]
async fn a_backup_that_is_given_up_leaves_nothing() {
    let fixture = Fixture::new().await;
    sqlx::raw_sql(
        "WITH RECURSIVE number(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < 20000)
         INSERT INTO conversations (id, user_id, created_at, updated_at)
         SELECT 'c' || n, (SELECT id FROM users), n, n FROM number",
    )
    .execute(&fixture.store.writer)
    .await
    .unwrap();
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let made = fixture.store.back_up_daily(NOW, cancelled).await;
    assert!(made.is_err(), "{made:?}");
    let left = fs::read_dir(fixture.folder.path().join("backups")).unwrap();
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn what_a_killed_backup_left_goes_with_the_next() {
    let fixture = Fixture::new().await;
    let folder = fixture.folder.path().join("backups");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("conch-2027-01-01T00-00-00Z.db.part"), "half").unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    assert!(backups(fixture.folder.path()).is_empty(), "half is none");
    let made = fixture
        .store
        .back_up_daily(NOW, CancellationToken::new())
        .await;
    assert!(made.unwrap().is_some());
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["conch-2027-01-15T08-00-00Z.db", "notes.txt"]);
}
