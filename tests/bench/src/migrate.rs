//! Opens a large database of an earlier version: it is copied, the copy is checked, and its schema is updated.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use conch_core::clock::{Clock, SystemClock};
use conch_core::store::Store;
use conch_support::seed::{Conversations, fill};
use flate2::read::GzDecoder;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::row::{Bench, Side, now};

/// The fixture of the migration's tests: 100 conversations of 100 messages, and some more.
const EARLIER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../src-tauri/store/tests/fixtures/before_parts.db.gz"
);

/// Added to those of the fixture.
const CONVERSATIONS: Conversations = Conversations {
    first: 101,
    count: 9_900,
    messages: 100,
    content: "'Message ' || k || ' of conversation ' || n || ' says something of no great length, and ends here.'",
};

/// Rounds: each copies the database twice.
const ROUNDS: usize = 3;

pub(crate) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let earlier = earlier(bench)?;
    bench.alternate_few(ROUNDS, |bench, side| {
        let folder = tempfile::tempdir_in(bench.scratch())?;
        let file = folder.path().join("conch.db");
        fs::copy(&earlier, &file)?;
        bench.runtime.block_on(async {
            let began = now();
            match side {
                Side::Ours => {
                    let store = Store::open(&file, false, SystemClock::default().now()).await?;
                    let took = began.elapsed().as_secs_f64();
                    store.close().await;
                    Ok(took)
                }
                Side::Theirs => {
                    let mut connection = connect(&file).await?;
                    sqlx::query("VACUUM INTO ?")
                        .bind(folder.path().join("copy.db").to_string_lossy())
                        .execute(&mut connection)
                        .await?;
                    let took = began.elapsed().as_secs_f64();
                    connection.close().await?;
                    Ok(took)
                }
            }
        })
    })
}

/// Returns the earlier version's database, created if it does not exist.
fn earlier(bench: &Bench<'_>) -> anyhow::Result<PathBuf> {
    let file = bench.artifacts.cache()?.join("before-parts-1.db");
    if !file.is_file() {
        bench.bar.set_message("making 1,000,000 messages, once");
        let unfinished = file.with_extension("unfinished");
        let mut content = GzDecoder::new(File::open(EARLIER)?);
        io::copy(&mut content, &mut File::create(&unfinished)?)?;
        bench.runtime.block_on(async {
            fill(&unfinished, &[CONVERSATIONS]).await?;
            index(&unfinished).await
        })?;
        fs::rename(&unfinished, &file)?;
        bench.bar.set_message("");
    }
    Ok(file)
}

/// Adds what was noted to the search index, as that version did.
async fn index(file: &Path) -> anyhow::Result<()> {
    let mut connection = connect(file).await?;
    for statement in [
        "INSERT INTO messages_fts (rowid, content)
         SELECT search_key, content FROM messages JOIN messages_to_index USING (search_key)",
        "DELETE FROM messages_to_index",
    ] {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    Ok(connection.close().await?)
}

async fn connect(file: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnectOptions::new().filename(file).connect().await
}
