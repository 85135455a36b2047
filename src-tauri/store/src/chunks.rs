//! The partial text of an answer: pieces, appended under its lock's fence and joined into the message when it
//! ends, or left in pieces if that is not possible. Which bytes belong to which part is in `message_parts`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use conch_model::{FencedWrite, Lease, MessageId, PartDelta, PartKind, ProviderData, ToolCall};
use futures_util::TryStreamExt;
use sqlx::SqliteConnection;
use sqlx::types::Json;

use super::Result;

/// How many bytes of unjoined pieces are read: those left by an earlier version could exhaust memory.
pub(super) const MAX_UNJOINED_BYTES: i64 = 32 * 1024 * 1024;

/// A piece of an answer to append: additions to its last parts, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Piece {
    /// Added text of all text parts, joined.
    text: String,
    /// Added reasoning of all reasoning parts, joined.
    reasoning: String,
    parts: BTreeMap<usize, PartGrowth>,
}

/// How a part grows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartGrowth {
    kind: PartKind,
    /// Added bytes of text or of reasoning.
    bytes: usize,
    call: Option<ToolCall>,
    provider_data: Option<ProviderData>,
}

impl Piece {
    /// Appends an addition to the part at this position.
    pub fn push(&mut self, position: usize, delta: PartDelta) {
        let (kind, bytes) = match &delta {
            PartDelta::Text(text) => (PartKind::Text, text.len()),
            PartDelta::Reasoning(text) => (PartKind::Reasoning, text.len()),
            PartDelta::ToolCall(_) => (PartKind::ToolCall, 0),
            PartDelta::ProviderData(_) => (PartKind::Reasoning, 0),
        };
        let part = self.parts.entry(position).or_insert(PartGrowth {
            kind,
            bytes: 0,
            call: None,
            provider_data: None,
        });
        part.bytes += bytes;
        match delta {
            PartDelta::Text(text) => self.text.push_str(&text),
            PartDelta::Reasoning(text) => self.reasoning.push_str(&text),
            PartDelta::ToolCall(call) => part.call = Some(call),
            PartDelta::ProviderData(data) => part.provider_data = Some(data),
        }
    }

    /// Puts an earlier piece, which could not be stored, before this one.
    pub fn prepend(&mut self, mut earlier: Self) {
        earlier.text.push_str(&self.text);
        earlier.reasoning.push_str(&self.reasoning);
        for (position, later) in std::mem::take(&mut self.parts) {
            match earlier.parts.entry(position) {
                Entry::Vacant(part) => drop(part.insert(later)),
                Entry::Occupied(mut part) => {
                    let part = part.get_mut();
                    part.bytes += later.bytes;
                    part.provider_data = later.provider_data.or(part.provider_data.take());
                }
            }
        }
        *self = earlier;
    }

    /// Returns true if there is nothing to append.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Length in bytes of UTF-8.
    pub fn len(&self) -> usize {
        self.text.len() + self.reasoning.len()
    }
}

/// A text as the first part.
impl From<&str> for Piece {
    fn from(text: &str) -> Self {
        let mut piece = Self::default();
        piece.push(0, PartDelta::Text(text.to_owned()));
        piece
    }
}

/// A piece with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    pub(super) seq: i64,
    pub(super) piece: &'a Piece,
}

/// The joined pieces of an answer.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) text: String,
    pub(super) reasoning: String,
}

impl Joined {
    /// Adds a piece that is not stored.
    pub(super) fn and(mut self, chunk: Option<Chunk<'_>>) -> Self {
        if let Some(Chunk { piece, .. }) = chunk {
            self.text.push_str(&piece.text);
            self.reasoning.push_str(&piece.reasoning);
        }
        self
    }
}

/// Returns the stored pieces of an answer, joined.
pub(super) async fn joined(tx: &mut SqliteConnection, message_id: &MessageId) -> Result<Joined> {
    let mut joined = Joined::default();
    let mut pieces = sqlx::query!(
        "SELECT text, reasoning FROM message_chunks WHERE message_id = ? ORDER BY seq",
        message_id
    )
    .fetch(tx);
    while let Some(piece) = pieces.try_next().await? {
        joined.text.push_str(&piece.text);
        joined.reasoning.push_str(&piece.reasoning);
    }
    Ok(joined)
}

/// Deletes the pieces of an answer.
pub(super) async fn delete(tx: &mut SqliteConnection, message_id: &MessageId) -> Result<()> {
    sqlx::query!(
        "DELETE FROM message_chunks WHERE message_id = ?",
        message_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores a piece and the growth of its parts; [`FencedWrite::Lost`] if `lease` is not the current one.
pub(super) async fn append(
    tx: &mut SqliteConnection,
    lease: &Lease,
    chunk: Chunk<'_>,
) -> Result<FencedWrite> {
    let done = sqlx::query!(
        "INSERT INTO message_chunks (message_id, seq, text, reasoning)
         SELECT ?1, ?2, ?3, ?4 FROM generation_locks WHERE branch_id = ?5 AND generation_id = ?6 AND fence = ?7",
        lease.message_id,
        chunk.seq,
        chunk.piece.text,
        chunk.piece.reasoning,
        lease.branch_id,
        lease.generation_id,
        lease.fence
    )
    .execute(&mut *tx)
    .await?;
    let written = FencedWrite::from_rows(done.rows_affected());
    if written == FencedWrite::Written {
        grow_parts(tx, &lease.message_id, chunk.piece).await?;
    }
    Ok(written)
}

/// Stores a piece whose parts have grown already, without a lock.
pub(super) async fn insert(
    tx: &mut SqliteConnection,
    message_id: &MessageId,
    chunk: Chunk<'_>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO message_chunks (message_id, seq, text, reasoning) VALUES (?, ?, ?, ?)",
        message_id,
        chunk.seq,
        chunk.piece.text,
        chunk.piece.reasoning
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores how the parts of an answer grow by a piece.
pub(super) async fn grow_parts(
    tx: &mut SqliteConnection,
    message_id: &MessageId,
    piece: &Piece,
) -> Result<()> {
    for (position, part) in &piece.parts {
        let (position, bytes) = (number(*position), number(part.bytes));
        let call = part.call.as_ref().map(Json);
        let provider_data = part.provider_data.as_ref().map(Json);
        sqlx::query!(
            "INSERT INTO message_parts (message_id, position, kind, bytes, content, provider_data)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (message_id, position) DO UPDATE SET bytes = bytes + excluded.bytes,
               provider_data = coalesce(excluded.provider_data, provider_data)",
            message_id,
            position,
            part.kind,
            bytes,
            call,
            provider_data
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

fn number(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use conch_model::ProtocolKind;

    fn text(text: &str) -> PartDelta {
        PartDelta::Text(text.to_owned())
    }

    fn reasoning(text: &str) -> PartDelta {
        PartDelta::Reasoning(text.to_owned())
    }

    #[test]
    fn a_piece_is_as_long_as_its_text_and_its_reasoning_together() {
        let mut piece = Piece::default();
        assert_eq!((piece.len(), piece.is_empty()), (0, true));
        piece.push(0, reasoning("hm"));
        piece.push(1, text("é"));
        assert_eq!((piece.len(), piece.is_empty()), (4, false));
    }

    #[test]
    fn a_piece_that_was_not_stored_precedes_the_next() {
        let data = PartDelta::ProviderData(ProviderData {
            protocol: ProtocolKind::Anthropic,
            data: json!({"signature": "s"}),
        });
        let all = [
            (0, reasoning("Let ")),
            (0, reasoning("me see")),
            (0, data),
            (1, text("One")),
            (2, reasoning("hm")),
            (3, text(", two")),
        ];
        let joined = |deltas: &[(usize, PartDelta)]| {
            let mut piece = Piece::default();
            for (position, delta) in deltas {
                piece.push(*position, delta.clone());
            }
            piece
        };
        for cut in 0..=all.len() {
            let mut later = joined(&all[cut..]);
            later.prepend(joined(&all[..cut]));
            assert_eq!(later, joined(&all), "cut at {cut}");
        }
    }
}
