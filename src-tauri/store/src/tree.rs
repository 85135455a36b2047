//! The shape of a conversation's tree, for the map: its forks and ends, with a few words of each, and the state of
//! every branch. The texts are read only where words of them are shown.

mod label;
mod shape;

use std::collections::{HashMap, HashSet};

use conch_model::{
    BranchId, ConversationId, Entity, MessageId, MessageStatus, PauseReason, Role, Timestamp, Tree,
    TreeBranch, TreeNode,
};
use sqlx::SqliteConnection;
use sqlx::types::Json;

use self::label::label;
use self::shape::{Link, Run};
use super::branches::missing;
use super::busy::live_locks;
use super::{Result, Store, StoreError, versions};

/// How many characters of a message are read for its words.
const EXCERPT: u32 = 240;

impl Store {
    /// Returns the shape of a conversation's tree; the error is what does not exist.
    pub async fn tree(
        &self,
        conversation_id: &ConversationId,
        now: Timestamp,
    ) -> Result<std::result::Result<Tree, Entity>> {
        let mut reader = self.readers.begin().await?;
        let listed = branches(&mut reader, conversation_id).await?;
        if listed.is_empty() {
            return Ok(Err(missing(&mut reader, conversation_id).await?));
        }
        let links = links(&mut reader, conversation_id).await?;
        let parents = shape::parents(&links).map_err(StoreError::BrokenPath)?;
        let heads = listed.iter().filter_map(|branch| branch.head.as_ref());
        let heads: HashSet<_> = heads.collect();
        let runs = shape::runs(&links, &parents, &heads);
        let forks = fork_messages(&links, &parents, &listed);
        let shown = runs.iter().flat_map(|run| [run.last, shown(run)]);
        let shown: HashSet<_> = shown.chain(forks.values().copied()).collect();
        let facts = facts(&mut reader, shown.iter().map(|&at| &links[at].id)).await?;
        let nodes = nodes(&links, &runs, &listed, &facts)?;
        let locks = live_locks(&mut reader, Some(conversation_id), now).await?;
        let branches = listed
            .into_iter()
            .map(|branch| TreeBranch {
                fork_label: forks
                    .get(&branch.id)
                    .and_then(|&at| facts.get(&links[at].id))
                    .map(|facts| facts.label.clone())
                    .unwrap_or_default(),
                locked: locks.iter().any(|lock| lock.branch_id == branch.id),
                status: branch.head.as_ref().and_then(|head| {
                    let end = nodes.iter().position(|node| node.id == *head)?;
                    Some(latest_status(&nodes, end))
                }),
                id: branch.id,
                name: branch.name,
                head_message_id: branch.head,
                queued: branch.queued,
                queue_paused: branch.queue_paused,
            })
            .collect();
        Ok(Ok(Tree {
            conversation_id: conversation_id.clone(),
            nodes,
            branches,
        }))
    }
}

/// A branch as it is stored, with its queue.
struct Listed {
    id: BranchId,
    name: String,
    head: Option<MessageId>,
    forked_from: Option<MessageId>,
    queue_paused: Option<PauseReason>,
    queued: u32,
}

async fn branches(
    reader: &mut SqliteConnection,
    conversation_id: &ConversationId,
) -> Result<Vec<Listed>> {
    Ok(sqlx::query_as!(
        Listed,
        r#"SELECT b.id AS "id: _", b.name, b.head_message_id AS "head: _", b.forked_from AS "forked_from: _",
             b.queue_paused AS "queue_paused: _", (SELECT count(*) FROM queued_messages q
               WHERE q.branch_id = b.id AND q.removed_at IS NULL) AS "queued!: u32"
           FROM branches b JOIN conversations c ON c.id = b.conversation_id
           WHERE b.conversation_id = ? AND b.deleted_at IS NULL AND c.deleted_at IS NULL
           ORDER BY b.name <> 'main', b.created_at, b.id"#,
        conversation_id
    )
    .fetch_all(reader)
    .await?)
}

/// Returns all messages in the order in which they were stored; as one row, because each row is sent between threads.
/// Only columns before the text are read: with those behind it, SQLite would read the text, too.
async fn links(
    reader: &mut SqliteConnection,
    conversation_id: &ConversationId,
) -> Result<Vec<Link>> {
    let links = sqlx::query_scalar!(
        r#"SELECT json_group_array(json_array(m.id, m.parent_id, json(iif(m.role = 'user', 'true', 'false')),
               json(iif(m.branch_id IN (SELECT id FROM branches WHERE conversation_id = ?1
                 AND deleted_at IS NOT NULL), 'true', 'false'))) ORDER BY m.search_key)
             AS "links!: Json<Vec<Link>>"
           FROM messages m WHERE m.conversation_id = ?1"#,
        conversation_id
    )
    .fetch_one(reader)
    .await?;
    Ok(links.0)
}

/// What is shown of a message.
struct Facts {
    branch_id: BranchId,
    role: Role,
    status: MessageStatus,
    model: Option<String>,
    created_at: Timestamp,
    label: String,
}

async fn facts(
    reader: &mut SqliteConnection,
    ids: impl Iterator<Item = &MessageId>,
) -> Result<HashMap<MessageId, Facts>> {
    let ids = versions::list(ids);
    let rows = sqlx::query!(
        r#"SELECT m.id AS "id!: MessageId", m.branch_id AS "branch_id!: BranchId", m.role AS "role!: Role",
             m.status AS "status!: MessageStatus", m.model, m.created_at AS "created_at!: Timestamp",
             substr(m.content, 1, ?2) AS "excerpt!: String"
           FROM json_each(?1) AS listed CROSS JOIN messages m ON m.id = listed.value"#,
        ids,
        EXCERPT
    )
    .map(|row| {
        let facts = Facts {
            branch_id: row.branch_id,
            role: row.role,
            status: row.status,
            model: row.model,
            created_at: row.created_at,
            label: label(&row.excerpt),
        };
        (row.id, facts)
    })
    .fetch_all(reader)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Returns the message of a run whose words are shown.
fn shown(run: &Run) -> usize {
    run.user.unwrap_or(run.first)
}

/// Returns the user's message at the fork of each branch, or the fork itself if none precedes it.
fn fork_messages(
    links: &[Link],
    parents: &[Option<usize>],
    branches: &[Listed],
) -> HashMap<BranchId, usize> {
    let forks = branches.iter().filter_map(|branch| {
        let fork = branch.forked_from.as_ref()?;
        Some((fork, branch))
    });
    let mut wanted: HashMap<_, Vec<_>> = HashMap::new();
    for (fork, branch) in forks {
        wanted.entry(fork).or_default().push(branch);
    }
    let mut found = HashMap::new();
    for (at, link) in links.iter().enumerate() {
        let Some(branches) = wanted.get(&link.id) else {
            continue;
        };
        let path = std::iter::successors(Some(at), |&at| parents[at]);
        let user = path.into_iter().find(|&at| links[at].is_user).unwrap_or(at);
        for branch in branches {
            found.insert(branch.id.clone(), user);
        }
    }
    found
}

fn nodes(
    links: &[Link],
    runs: &[Run],
    branches: &[Listed],
    facts: &HashMap<MessageId, Facts>,
) -> Result<Vec<TreeNode>> {
    let mut ends: HashMap<_, Vec<_>> = HashMap::new();
    for branch in branches {
        if let Some(head) = &branch.head {
            ends.entry(head).or_default().push(branch.id.clone());
        }
    }
    let facts_of = |at: usize| facts.get(&links[at].id).ok_or(sqlx::Error::RowNotFound);
    let nodes = runs.iter().map(|run| {
        let (last, named) = (facts_of(run.last)?, facts_of(shown(run))?);
        let id = links[run.last].id.clone();
        let branch_ids = ends.remove(&id).unwrap_or_default();
        Ok(TreeNode {
            parent_id: run.parent.map(|parent| links[runs[parent].last].id.clone()),
            message_id: links[shown(run)].id.clone(),
            role: named.role,
            label: named.label.clone(),
            model: named.model.clone(),
            branch_id: last.branch_id.clone(),
            count: run.count,
            status: last.status,
            created_at: last.created_at,
            hidden: run.children == 0 && branch_ids.is_empty(),
            branch_ids,
            id,
        })
    });
    nodes.collect()
}

/// Returns how the latest answer of a branch ended: the one at its end, or a newer version of it on the same branch
/// that failed.
fn latest_status(nodes: &[TreeNode], end: usize) -> MessageStatus {
    let head = &nodes[end];
    let newer = nodes[end + 1..].iter().rev().find(|node| {
        let are_versions = node.count == 1 && head.count == 1 && node.parent_id == head.parent_id;
        are_versions && node.hidden && node.branch_id == head.branch_id
    });
    newer
        .map(|node| node.status)
        .filter(|status| matches!(status, MessageStatus::Failed | MessageStatus::Interrupted))
        .unwrap_or(head.status)
}
