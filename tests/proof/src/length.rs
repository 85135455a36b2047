//! Answers of any length, up to endless ones, and chunks stored by an older Conch whose total exceeds what SQLite can
//! concatenate.

use std::iter::repeat_n;
use std::time::Duration;

use conch_core::model::{InstanceId, Message, MessageStatus};
use conch_core::store::Store;
use conch_fault_server::{FaultServer, Script, Step};
use conch_support::application::{self, NO_PROVIDER, send};
use tokio::time::timeout;

use crate::campaign::{Finding, Run, now, runtime};
use crate::checks::{self, DatabaseState};
use crate::report::grouped;
use crate::turns::{QUESTION, connect, new_turn, started};

/// The longest answer that is kept, in bytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Bytes that the provider sends at a time.
const PART: usize = 250_000;

/// Every answer must end within this time.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(3);

/// Limit for reading another conversation's list and lock while an answer streams.
const MAX_READ_TIME: Duration = Duration::from_secs(2);

/// Streams an answer of each size; the full campaign has longer ones, and one already in the database.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let sizes = run.choose(
        vec![
            1_000_000,
            MAX_ANSWER_BYTES,
            20_000_000,
            150_000_000,
            usize::MAX,
        ],
        vec![1_000_000, 20_000_000, usize::MAX],
    );
    let with_old = run.choose(true, false);
    run.expect(sizes.len() as u64 + u64::from(with_old));
    runtime()?.block_on(async {
        let mut violations = Vec::new();
        let mut slowest = Duration::ZERO;
        let amount = format!("{} answers", sizes.len() + usize::from(with_old));
        for size in sizes {
            let (broken, read) = answer_of(size).await?;
            let name = match size {
                usize::MAX => "an endless answer".to_owned(),
                size => format!("an answer of {} bytes", grouped(size as u64)),
            };
            violations.extend(broken.into_iter().map(|what| format!("{name}: {what}")));
            slowest = slowest.max(read);
            run.advance(1);
        }
        if with_old {
            violations.extend(too_big_to_join().await?);
            run.advance(1);
        }
        Ok(Finding {
            amount,
            violations,
            figures: format!(
                "meanwhile another read took {} ms at most",
                slowest.as_millis()
            ),
        })
    })
}

/// Streams an answer of so many bytes; returns what is broken, and the longest concurrent read.
async fn answer_of(size: usize) -> anyhow::Result<(Vec<String>, Duration)> {
    let server = FaultServer::start().await;
    let part = || Step::Delta("word ".repeat(PART / 5));
    let head = [Step::Head].into_iter();
    server.push(if size == usize::MAX {
        // More than the client reads, and then silence.
        Script::new(
            head.chain(repeat_n(part(), 2 * MAX_ANSWER_BYTES / PART))
                .chain([Step::Hang]),
        )
    } else {
        let rest = Step::Delta("x".repeat(size % PART));
        let end = [rest, Step::Finish("stop".to_owned()), Step::Done];
        Script::new(head.chain(repeat_n(part(), size / PART)).chain(end))
    });
    let folder = tempfile::tempdir()?;
    let app = application::open(folder.path(), &server.base_url()).await?;
    let (long, other) = (
        app.conversations.create(None, None).await?,
        app.conversations.create(None, None).await?,
    );
    send(&app, &long.id, QUESTION).await?;
    let mut broken = Vec::new();
    let mut slowest = Duration::ZERO;
    let ended = timeout(ANSWER_TIMEOUT, async {
        while app.turns.lock_status(&long.id, None).await?.locked {
            let begun = now();
            app.conversations.get(&other.id, None).await?;
            slowest = slowest.max(begun.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        anyhow::Ok(())
    });
    match ended.await {
        Ok(ended) => ended?,
        Err(_) => broken.push("it does not end".to_owned()),
    }
    if slowest > MAX_READ_TIME {
        broken.push(format!("another read took {} ms", slowest.as_millis()));
    }
    let answer = app.conversations.get(&long.id, None).await?.messages.pop();
    broken.extend(mismatch(answer, size));
    app.quit().await;
    broken.extend(checks::violations(&folder.path().join("conch.db"), DatabaseState::Idle).await?);
    Ok((broken, slowest))
}

/// Describes what is wrong with the stored answer.
fn mismatch(answer: Option<Message>, size: usize) -> Option<String> {
    let answer = answer?;
    let code = answer.error.as_ref().map(|error| error.code.as_str());
    let expected = if size > MAX_ANSWER_BYTES {
        (
            MessageStatus::Interrupted,
            MAX_ANSWER_BYTES,
            Some("too_long"),
        )
    } else {
        (MessageStatus::Complete, size, None)
    };
    let found = (answer.status, answer.content().len(), code);
    (found != expected).then(|| format!("it ended as {found:?}"))
}

/// A start finds chunks of an answer whose total exceeds SQLite's limit for one value.
async fn too_big_to_join() -> anyhow::Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("conch.db");
    let begin = conch_core::model::Timestamp::from_millis(1_800_000_000_000);
    let store = Store::open(&path, false, begin).await?;
    let made = store.create_conversation(None, None, begin).await?;
    let dead = InstanceId::from("dead".to_owned());
    let turn = new_turn(&made.id, &made.main_branch_id, &dead);
    let lease = started(store.begin(&turn, begin).await?)?.lease;
    store.close().await;
    let mut database = connect(&path).await?;
    sqlx::query(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 520)
         INSERT INTO message_chunks (message_id, seq, text) SELECT ?, i, replace(hex(zeroblob(1000000)), '0', 'x') FROM n",
    )
    .bind(lease.message_id.as_str())
    .execute(&mut database)
    .await?;

    let mut broken = Vec::new();
    let app = application::open(folder.path(), NO_PROVIDER).await?;
    let view = app.conversations.get(&made.id, None).await?;
    let answer = view.messages.last();
    let status = answer.map(|answer| answer.status);
    if status != Some(MessageStatus::Interrupted) || view.lock.locked {
        broken.push(format!("an answer too big to join ended as {status:?}"));
    }
    if answer.is_none_or(|answer| answer.content().is_empty()) {
        broken.push("nothing is shown of an answer too big to join".to_owned());
    }
    if let Err(error) = send(&app, &made.id, QUESTION).await {
        broken.push(format!("a send after an answer too big to join: {error}"));
    }
    app.quit().await;
    Ok(broken)
}
