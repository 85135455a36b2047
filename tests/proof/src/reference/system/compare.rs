//! What is stored, compared with the model, row for row.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use sqlx::Row;

use conch_core::model::{FencedWrite, MAX_QUEUED, MessageStatus, PageQuery};
use conch_core::store::SelectOutcome;

use super::{System, at};
use crate::reference::expected::{Expected, Waits};

impl System<'_> {
    /// Compares the locks, the heads of the branches and the queues.
    pub(super) async fn compare(&mut self, expected: &Expected) -> anyhow::Result<()> {
        self.compare_locks(expected).await?;
        self.compare_heads(expected).await?;
        self.compare_queues(expected).await
    }

    async fn compare_locks(&self, expected: &Expected) -> anyhow::Result<()> {
        let holders = self.store.holders().await?;
        for (number, branch) in self.branches.iter().enumerate() {
            let holder = holders
                .iter()
                .find(|holder| holder.lease.branch_id == *branch);
            let found = holder.map(|holder| {
                (
                    holder.lease.fence,
                    holder.heartbeat_seq,
                    holder.expires_at.as_millis(),
                )
            });
            let must = &expected.branches[number];
            let must = must
                .held
                .map(|held| (must.fence, held.heartbeat, held.expires));
            ensure!(
                found == must,
                "branch {number} is held by {found:?} instead of {must:?}"
            );
        }
        Ok(())
    }

    async fn compare_heads(&mut self, expected: &Expected) -> anyhow::Result<()> {
        let rows: Vec<(String, Option<String>)> = sqlx::query_as(
            "SELECT id, head_message_id FROM branches WHERE deleted_at IS NULL ORDER BY id",
        )
        .fetch_all(&mut self.reader)
        .await?;
        let heads: HashMap<_, _> = rows.into_iter().collect();
        ensure!(
            expected.branches.len() == self.branches.len(),
            "there are {} branches instead of {}",
            self.branches.len(),
            expected.branches.len()
        );
        for (number, branch) in self.branches.iter().enumerate() {
            let must = &expected.branches[number];
            let found = heads.get(branch.as_str());
            ensure!(
                found.is_none() == must.is_deleted,
                "branch {number} is {found:?}, and must be {must:?}"
            );
            let found = found.cloned().flatten();
            let head = must.head.map(|head| self.messages[head].to_string());
            ensure!(
                found == head,
                "branch {number} ends with {found:?} instead of {head:?}, message {:?}",
                must.head
            );
        }
        Ok(())
    }

    /// Compares each queue in its order: no message is merged, moved to another branch or lost.
    async fn compare_queues(&mut self, expected: &Expected) -> anyhow::Result<()> {
        type Row = (String, String, String, Option<i64>, Option<i64>);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, branch_id, content, removed_at, held_until FROM queued_messages ORDER BY position",
        )
        .fetch_all(&mut self.reader)
        .await?;
        for (number, branch) in expected.branches.iter().enumerate() {
            let id = self.branches[number].as_str();
            let found: Vec<_> = rows.iter().filter(|row| row.1 == id).cloned().collect();
            let line = branch.line.iter().map(|&item| {
                let must = &expected.items[item];
                let removed_at = match must.place {
                    Waits::Removed(at) => Some(at),
                    _ => None,
                };
                let item = self.items[item].id.to_string();
                let text = must.text.clone();
                (item, id.to_owned(), text, removed_at, must.held_until)
            });
            let line: Vec<_> = line.collect();
            ensure!(
                found == line,
                "in the queue of branch {number} there is {found:?} instead of {line:?}"
            );
            let waiting = found.iter().filter(|row| row.3.is_none()).count();
            ensure!(
                waiting <= usize::try_from(MAX_QUEUED)?,
                "{waiting} messages wait on branch {number}"
            );
        }
        self.compare_shown_queue(expected).await
    }

    /// Compares what a user sees of one queue, another one after each step.
    async fn compare_shown_queue(&self, expected: &Expected) -> anyhow::Result<()> {
        let number = self.number % self.branches.len();
        let branch = Some(&self.branches[number]);
        let id = &self.template.conversation_id;
        let shown = self.store.queue(id, branch, at(expected.now)).await?;
        let must = &expected.branches[number];
        ensure!(
            shown.is_none() == must.is_deleted,
            "the queue of branch {number} is {shown:?}"
        );
        let Some(shown) = shown else {
            return Ok(());
        };
        let pause = expected.pause(number);
        ensure!(
            (shown.paused, shown.pause_reason) == (pause.is_some(), pause),
            "the queue of branch {number} is paused by {:?} instead of {pause:?}",
            shown.pause_reason
        );
        let found = shown.items.iter();
        let found: Vec<_> = found
            .map(|item| (&item.id, item.position, item.held))
            .collect();
        let waiting = expected.waiting(number);
        let must = (1..).zip(&waiting);
        let must: Vec<_> = must
            .map(|(position, &item)| (&self.items[item].id, position, expected.is_held(item)))
            .collect();
        ensure!(
            found == must,
            "the queue of branch {number} shows {found:?} instead of {must:?}"
        );
        Ok(())
    }

    /// Compares every message, and which queued message it was: each was sent once at most, alone, and on its branch.
    pub(super) async fn compare_messages(&mut self, expected: &Expected) -> anyhow::Result<()> {
        let rows = sqlx::query(
            "SELECT m.id, m.status, m.parent_id, m.branch_id,
               m.content || coalesce((SELECT group_concat(text, '' ORDER BY seq)
                 FROM message_chunks c WHERE c.message_id = m.id), ''),
               (SELECT group_concat(g.queued_message_id) FROM generations g WHERE g.message_id = m.id)
             FROM messages m",
        )
        .fetch_all(&mut self.reader)
        .await?;
        let mut stored = HashMap::new();
        for row in rows {
            let id: String = row.get(0);
            let is: (String, Option<String>, String, String, Option<String>) =
                (row.get(1), row.get(2), row.get(3), row.get(4), row.get(5));
            stored.insert(id, is);
        }
        let mut answered: HashMap<usize, usize> = HashMap::new();
        for (number, item) in expected.items.iter().enumerate() {
            if let Waits::Sent(generation) = item.place {
                answered.insert(expected.generations[generation].message, number);
            }
        }
        for (number, must) in expected.messages.iter().enumerate() {
            let id = self.messages[number].as_str();
            let found = stored.remove(id);
            let must = must.exists.then(|| {
                (
                    name_of(must.status).to_owned(),
                    must.parent.map(|parent| self.messages[parent].to_string()),
                    self.branches[must.branch].to_string(),
                    must.text.clone(),
                    answered
                        .get(&number)
                        .map(|&item| self.items[item].id.to_string()),
                )
            });
            ensure!(
                found == must,
                "message {number}, {id}, is {found:?} instead of {must:?}"
            );
        }
        ensure!(stored.is_empty(), "nobody sent {stored:?}");
        Ok(())
    }

    /// Shows each end of the tree, and goes there by the versions along its path: nothing is unreachable.
    pub(super) async fn reach_everything(&self, expected: &Expected) -> anyhow::Result<()> {
        for holder in self.store.holders().await? {
            let _: FencedWrite = self.store.recover(&holder, at(expected.now)).await?;
        }
        let children = |parent: Option<usize>| {
            let of = expected.messages.iter().enumerate();
            of.filter(move |(_, message)| message.exists && message.parent == parent)
                .map(|(number, _)| number)
        };
        for (number, message) in expected.messages.iter().enumerate() {
            let is_end = message.exists && children(Some(number)).next().is_none();
            if !is_end || expected.branches[message.branch].is_deleted {
                continue;
            }
            let shown = self.store.select_version(&self.messages[number]).await?;
            let must = SelectOutcome::Shown {
                branch_id: self.branches[message.branch].clone(),
                head: self.messages[number].clone(),
            };
            ensure!(
                shown == must,
                "message {number} is selected and {shown:?} instead of {must:?}"
            );
            let id = &self.template.conversation_id;
            let branch = Some(&self.branches[message.branch]);
            let page = self.store.messages(id, branch, &PageQuery::Latest).await?;
            let page = page.context("a branch without messages")?;
            let mut at = Some(number);
            for shown in page.messages.iter().rev() {
                let place = at.context("a branch begins before its first message")?;
                let parent = expected.messages[place].parent;
                let versions = children(parent).map(|number| self.messages[number].clone());
                let versions: Vec<_> = versions.collect();
                ensure!(
                    (&shown.id, &shown.versions.ids) == (&self.messages[place], &versions),
                    "message {number} follows {} of {:?} instead of message {place} of {versions:?}",
                    shown.id,
                    shown.versions.ids
                );
                at = parent;
            }
            ensure!(
                page.has_earlier == at.is_some(),
                "message {number} has a path that ends with {at:?}"
            );
        }
        Ok(())
    }
}

fn name_of(status: MessageStatus) -> &'static str {
    match status {
        MessageStatus::Generating => "generating",
        MessageStatus::Complete => "complete",
        MessageStatus::Stopped => "stopped",
        MessageStatus::Failed => "failed",
        MessageStatus::Interrupted => "interrupted",
    }
}
