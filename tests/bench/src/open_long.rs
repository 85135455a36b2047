//! Opens a conversation: its latest page, its draft and its lock, as the page requests them.

use anyhow::ensure;
use conch_support::application::open;

use crate::database::BigDatabase;
use crate::row::{Bench, Side, millis, now};

/// No request is sent.
const NO_PROVIDER: &str = "http://127.0.0.1:9/v1";

/// How often it is opened in a sample.
const OPENINGS: u32 = 50;

pub(crate) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let database = BigDatabase::get(bench)?;
    let app = bench
        .runtime
        .block_on(open(&database.folder, NO_PROVIDER))?;
    bench.alternate(|bench, side| {
        let id = match side {
            Side::Ours => &database.long,
            Side::Theirs => &database.short,
        };
        bench.runtime.block_on(async {
            let started = now();
            for _ in 0..OPENINGS {
                let view = app.conversations.get(id, None).await?;
                ensure!(view.messages.len() >= 10, "there is nothing in it");
            }
            Ok(millis(started.elapsed()) / f64::from(OPENINGS))
        })
    })?;
    bench.runtime.block_on(app.quit());
    Ok(())
}
