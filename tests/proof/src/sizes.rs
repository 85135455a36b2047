//! Every command in a conversation of 1,000, 10,000 and 100,000 messages: it does what it does in a short one,
//! returns at most one page, and the conversation can be deleted, to the last byte.
//!
//! No call is judged by its duration: growth with the conversation shows in what is read or returned, or in one of
//! SQLite's limits. The longest call is a figure of the report.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use conch_core::App;
use conch_core::clock::{Clock, SystemClock};
use conch_core::model::{
    Accepted, AttemptSource, Composer, ConversationId, MessageId, PageQuery, Parameters,
    TurnRequest,
};
use conch_core::store::Store;
use conch_fault_server::{FaultServer, Script};
use conch_support::application::{accepted, open, send, wait_for_end};
use conch_support::seed::{Conversations, conversation_id, make, message_id};

use crate::campaign::{Finding, Run, now, runtime};

/// A word in every message.
const CANARY: &str = "zanzibarfish";
const CONTENT: &str =
    "'zanzibarfish ' || k || ' says something of no great length, and ends here.'";

/// Maximum number of messages per page.
const PAGE: usize = 50;

/// The first message that is not on the first page.
const AFTER_A_PAGE: i64 = 51;

/// Up to this many messages are purged on quit; of more, some would be left to the next start.
const LEFT_TO_THE_QUIT: i64 = 1_000;

/// How often the end of a purge is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Uses conversations of every size.
pub(crate) fn prove(run: &Run) -> anyhow::Result<Finding> {
    let sizes: &[i64] = run.choose(&[1_000, 10_000, 100_000], &[1_000]);
    run.expect(sizes.len() as u64);
    let (mut violations, mut figures, mut calls) = (Vec::new(), Vec::new(), 0);
    for &size in sizes {
        let used = runtime()?.block_on(async {
            let folder = tempfile::tempdir()?;
            let mut size = Size::fill(folder.path(), size).await?;
            let ended = size.use_all().await;
            size.app.quit().await;
            ended.and_then(|()| ensure_purged(folder.path()))?;
            anyhow::Ok((size.calls, size.longest))
        });
        match used {
            Ok((made, (name, took))) => {
                calls += made;
                figures.push(format!("{size}: longest {name}, {} ms", took.as_millis()));
            }
            Err(error) => violations.push(format!("{size} messages: {error:#}")),
        }
        run.advance(1);
    }
    Ok(Finding {
        amount: format!("{} sizes, {calls} calls", sizes.len()),
        violations,
        figures: figures.join("; "),
    })
}

struct Size {
    database: PathBuf,
    app: Arc<App>,
    server: FaultServer,
    id: ConversationId,
    messages: i64,
    calls: u32,
    longest: (&'static str, Duration),
}

impl Size {
    async fn fill(folder: &Path, messages: i64) -> anyhow::Result<Self> {
        let kind = Conversations {
            first: 1,
            count: 1,
            messages,
            content: CONTENT,
        };
        let database = folder.join("conch.db");
        make(&database, &[kind]).await?;
        let server = FaultServer::start().await;
        server.set_default_script(Script::answer("an answer"));
        Ok(Self {
            database,
            app: open(folder, &server.base_url()).await?,
            server,
            id: conversation_id(1),
            messages,
            calls: 0,
            longest: ("", Duration::ZERO),
        })
    }

    /// Runs and times a call; its name is the context of an error.
    async fn call<T>(
        &mut self,
        name: &'static str,
        call: impl Future<Output = conch_core::Result<T>>,
    ) -> anyhow::Result<T> {
        let began = now();
        let answer = call.await.context(name)?;
        self.calls += 1;
        if began.elapsed() > self.longest.1 {
            self.longest = (name, began.elapsed());
        }
        Ok(answer)
    }

    async fn use_all(&mut self) -> anyhow::Result<()> {
        self.read().await?;
        self.change().await?;
        self.write().await?;
        self.delete().await
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        let (app, id, all) = (Arc::clone(&self.app), self.id.clone(), self.messages);
        let list = app.conversations.list(None, None);
        let list = self.call("list_conversations", list).await?;
        ensure!(list.len() == 1, "it is not listed");
        let view = app.conversations.get(&id, None);
        let view = self.call("get_conversation", view).await?;
        let newest = view.messages.last().map(|message| message.id.clone());
        ensure!(
            view.messages.len() == PAGE && view.has_earlier,
            "it is no page"
        );
        ensure!(newest == Some(message_in_it(all)), "it is not the end");
        let (first, middle) = (message_in_it(1), message_in_it(all / 2));
        for (part, has_earlier, has_later) in [
            (PageQuery::Latest, true, false),
            (PageQuery::Before(middle.clone()), true, true),
            (PageQuery::After(middle.clone()), true, true),
            (PageQuery::After(first.clone()), true, true),
            (PageQuery::Around(middle.clone()), true, true),
            (PageQuery::Before(message_in_it(AFTER_A_PAGE)), false, true),
        ] {
            let page = self
                .call(
                    "get_messages",
                    app.conversations.messages(&id, None, &part, None),
                )
                .await?;
            let shape = (page.messages.len(), page.has_earlier, page.has_later);
            ensure!(
                shape == (PAGE, has_earlier, has_later),
                "{part:?}: {shape:?}"
            );
        }
        let one = format!("{CANARY} {} ", all / 2);
        let found = app.conversations.find(&id, None, &one);
        let found = self.call("find_in_conversation", found).await?;
        ensure!(found == [middle], "one is found: {}", found.len());
        let found = app.conversations.find(&id, None, CANARY);
        let found = self.call("find_in_conversation", found).await?;
        ensure!(i64::try_from(found.len())? == all, "all are found");
        let lock = self
            .call("is_locked", app.turns.lock_status(&id, None))
            .await?;
        ensure!(lock.can_send, "it is locked");
        Ok(())
    }

    async fn change(&mut self) -> anyhow::Result<()> {
        let (app, id) = (Arc::clone(&self.app), self.id.clone());
        let renamed = app.conversations.rename(&id, CANARY);
        self.call("rename_conversation", renamed).await?;
        let model = app.conversations.set_model(&id, "openai/stand-in-1");
        self.call("set_conversation_model", model).await?;
        let parameters = Parameters::default();
        let set = app.conversations.set_parameters(&id, parameters);
        self.call("set_conversation_parameters", set).await?;
        let composer = Composer::main(&id);
        let draft = app.drafts.save(&composer, CANARY);
        self.call("save_draft", draft).await?;
        let file = app
            .attachments
            .attach(&composer, "notes.txt", CANARY.into());
        self.call("attach_file", file).await?;
        let files = app.attachments.of_draft(&composer);
        let files = self.call("draft_attachments", files).await?;
        let loaded = app.attachments.load(&files[0].id);
        self.call("load_attachment", loaded).await?;
        self.call("detach_file", app.attachments.detach(&files[0].id))
            .await?;
        let source = AttemptSource::Enter;
        let refused = app.turns.record_refused(&id, None, source);
        self.call("record_refused_attempt", refused).await
    }

    async fn write(&mut self) -> anyhow::Result<()> {
        let (app, id, all) = (Arc::clone(&self.app), self.id.clone(), self.messages);
        let mut events = app.subscribe();
        let sent = self.call("send_message", send(&app, &id, CANARY)).await?;
        wait_for_end(&mut events, &sent).await?;
        let again = self.again(&sent.assistant_message_id).await?;
        ensure!(again.branch_id == sent.branch_id, "it is the last turn");
        let earlier = self.again(&message_in_it(all / 2)).await?;
        ensure!(
            earlier.branch_id == sent.branch_id,
            "it is on another branch"
        );
        let edit = TurnRequest::edit(&message_in_it(all / 2 - 1), CANARY);
        let edited = app.turns.start(edit);
        let edited = accepted(self.call("edit_message", edited).await?);
        wait_for_end(&mut events, &edited).await?;
        ensure!(
            edited.branch_id == sent.branch_id,
            "it is on another branch"
        );
        let second = message_in_it(2);
        let chosen = app.conversations.select_version(&second);
        let chosen = self.call("select_version", chosen).await?;
        ensure!(chosen.branch_id == sent.branch_id, "of another branch");
        let view = app.conversations.get(&id, None);
        let view = self.call("get_conversation", view).await?;
        let newest = view.messages.last().map(|message| message.id.clone());
        ensure!(newest == Some(chosen.head_message_id), "it is not shown");

        let middle = message_in_it(all / 2);
        let fork = app.conversations.fork(&middle, None);
        let branch = self.call("fork_branch", fork).await?;
        let rename = app.conversations.rename_branch(&branch.id, CANARY);
        self.call("rename_branch", rename).await?;
        let parallel = app.conversations.set_max_parallel(&id, 2);
        self.call("set_max_parallel", parallel).await?;
        let branches = app.conversations.branches(&id);
        let branches = self.call("list_branches", branches).await?;
        ensure!(branches.len() == 2, "not both branches are listed");
        let tree = app.conversations.tree(&id);
        let tree = self.call("get_tree", tree).await?;
        let counted: u32 = tree.nodes.iter().map(|node| node.count).sum();
        // Two turns, a version of an answer, and an edited message with its answer.
        ensure!(i64::from(counted) > all, "messages are missing in the tree");
        ensure!(tree.nodes.len() < 20, "it is not collapsed");

        self.server.push(Script::gated("never", "half", "more"));
        let held = self.call("send_message", send(&app, &id, CANARY)).await?;
        let stopped = async { Ok(app.turns.stop(&held.generation_id).await) };
        let stopped = self.call("stop_generation", stopped).await?;
        ensure!(stopped.stopped, "it is not stopped");
        let cleaned = app.turns.cleanup_expired_locks();
        self.call("cleanup_expired_locks", cleaned).await?;
        Ok(())
    }

    async fn again(&mut self, id: &MessageId) -> anyhow::Result<Accepted> {
        let app = Arc::clone(&self.app);
        let mut events = app.subscribe();
        let asked = app.turns.start(TurnRequest::answer(id));
        let again = accepted(self.call("generate_response", asked).await?);
        wait_for_end(&mut events, &again).await?;
        Ok(again)
    }

    async fn delete(&mut self) -> anyhow::Result<()> {
        let (app, id) = (Arc::clone(&self.app), self.id.clone());
        for _ in 0..2 {
            let deleted = app.conversations.delete(&id);
            self.call("delete_conversation", deleted).await?;
            ensure!(
                app.conversations.get(&id, None).await.is_err(),
                "it is there"
            );
            let restored = app.conversations.restore(&id);
            self.call("restore_conversation", restored).await?;
            ensure!(app.conversations.get(&id, None).await.is_ok(), "it is gone");
        }
        self.call("delete_conversation", app.conversations.delete(&id))
            .await?;
        if self.messages > LEFT_TO_THE_QUIT {
            let beside = Store::open(&self.database, false, SystemClock::default().now()).await?;
            while !beside.deleted_conversations().await?.is_empty() {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            beside.close().await;
        }
        Ok(())
    }
}

/// Returns the id of a message of the one conversation, counted from 1.
fn message_in_it(number: i64) -> MessageId {
    message_id(1, number)
}

/// Checks, after the quit that purged the conversation, that no file contains its text.
fn ensure_purged(folder: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            let bytes = std::fs::read(&path)?;
            let mut words = bytes.windows(CANARY.len());
            let is_there = words.any(|word| word == CANARY.as_bytes());
            ensure!(!is_there, "{} still holds it", path.display());
        }
    }
    Ok(())
}
