//! Reads the map of a conversation, as the page requests it.

use anyhow::ensure;
use conch_support::application::open;

use crate::database::BigDatabase;
use crate::row::{Bench, Side, millis, now};

/// No request is sent.
const NO_PROVIDER: &str = "http://127.0.0.1:9/v1";

/// How often it is read in a sample.
const READS: u32 = 10;

pub(crate) fn measure(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let database = BigDatabase::get(bench)?;
    let app = bench
        .runtime
        .block_on(open(&database.folder, NO_PROVIDER))?;
    bench.alternate(|bench, side| {
        let (id, branches) = match side {
            Side::Ours => (&database.tree, 200),
            Side::Theirs => (&database.short, 1),
        };
        bench.runtime.block_on(async {
            let started = now();
            for _ in 0..READS {
                let tree = app.conversations.tree(id).await?;
                ensure!(tree.branches.len() == branches, "branches are missing");
                ensure!(tree.nodes.len() >= branches, "ends are missing");
            }
            Ok(millis(started.elapsed()) / f64::from(READS))
        })
    })?;
    bench.runtime.block_on(app.quit());
    Ok(())
}
