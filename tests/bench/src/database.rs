//! A database like that of a user who has chatted for years: 10,000 conversations, 1,000,000 messages. It is created
//! once, and kept next to the binaries.

use std::path::PathBuf;

use conch_core::model::ConversationId;
use conch_support::seed::{Conversations, branch_out, conversation_id, make};

use crate::row::Bench;

const CONVERSATIONS: i64 = 10_000;
const MESSAGES: i64 = 100;

/// Messages in extra conversations, newer than all others; one of the long ones is a tree.
const LONG: i64 = 10_000;
const SHORT: i64 = 10;

/// Messages from one fork of that tree to an end: it has 200 branches.
const RUN: i64 = 50;

const CONTENT: &str = "'Message ' || k || ' of conversation ' || n || ' says something of no great length, and ends here.'";

/// Incremented when the content changes, so that an older file is not used.
const VERSION: u32 = 3;

/// The data folder with the database, and three conversations in it.
pub(crate) struct BigDatabase {
    pub(crate) folder: PathBuf,
    pub(crate) long: ConversationId,
    pub(crate) short: ConversationId,
    pub(crate) tree: ConversationId,
}

impl BigDatabase {
    /// Returns the database, created if it does not exist.
    pub(crate) fn get(bench: &Bench<'_>) -> anyhow::Result<Self> {
        let folder = bench
            .artifacts
            .cache()?
            .join(format!("conversations-{VERSION}"));
        if !folder.is_dir() {
            bench.bar.set_message("making 1,000,000 messages, once");
            let unfinished = folder.with_extension("unfinished");
            if unfinished.is_dir() {
                std::fs::remove_dir_all(&unfinished)?;
            }
            std::fs::create_dir_all(&unfinished)?;
            let kinds = [
                (1, CONVERSATIONS, MESSAGES),
                (CONVERSATIONS + 1, 1, LONG),
                (CONVERSATIONS + 2, 1, SHORT),
                (CONVERSATIONS + 3, 1, LONG),
            ];
            let kinds = kinds.map(|(first, count, messages)| Conversations {
                first,
                count,
                messages,
                content: CONTENT,
            });
            let path = unfinished.join("conch.db");
            bench.runtime.block_on(make(&path, &kinds))?;
            let tree = branch_out(&path, CONVERSATIONS + 3, RUN);
            bench.runtime.block_on(tree)?;
            std::fs::rename(&unfinished, &folder)?;
            bench.bar.set_message("");
        }
        Ok(Self {
            folder,
            long: conversation_id(CONVERSATIONS + 1),
            short: conversation_id(CONVERSATIONS + 2),
            tree: conversation_id(CONVERSATIONS + 3),
        })
    }
}
