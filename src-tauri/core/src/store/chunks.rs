//! The partial text of an answer: pieces, appended under its lock's fence and joined into the message when it
//! ends, or left in pieces if that is not possible.

use sqlx::SqliteConnection;

use super::Result;
use crate::model::{FencedWrite, Lease};

/// How many bytes of unjoined pieces are read: those left by an earlier version could exhaust memory.
pub(super) const MAX_UNJOINED_BYTES: i64 = 32 * 1024 * 1024;

/// A piece of an answer to append.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "field names say it")]
pub struct Piece {
    pub text: String,
    pub reasoning: String,
}

impl Piece {
    /// Returns true if there is nothing to append.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.reasoning.is_empty()
    }

    /// Length in bytes of UTF-8.
    pub fn len(&self) -> usize {
        self.text.len() + self.reasoning.len()
    }
}

impl From<&str> for Piece {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            reasoning: String::new(),
        }
    }
}

pub(super) async fn append(
    connection: &mut SqliteConnection,
    lease: &Lease,
    seq: i64,
    piece: &Piece,
) -> Result<FencedWrite> {
    let done = sqlx::query!(
        "INSERT INTO message_chunks (message_id, seq, text, reasoning)
         SELECT ?1, ?2, ?3, ?4 FROM generation_locks WHERE branch_id = ?5 AND generation_id = ?6 AND fence = ?7",
        lease.message_id,
        seq,
        piece.text,
        piece.reasoning,
        lease.branch_id,
        lease.generation_id,
        lease.fence
    )
    .execute(connection)
    .await?;
    Ok(FencedWrite::from_rows(done.rows_affected()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_as_long_as_its_text_and_its_reasoning_together() {
        let piece = |text: &str, reasoning: &str| Piece {
            text: text.to_owned(),
            reasoning: reasoning.to_owned(),
        };
        for (piece, len) in [
            (piece("", ""), 0),
            (piece("é", ""), 2),
            (piece("", "hm"), 2),
            (piece("abc", "hm"), 5),
        ] {
            assert_eq!(
                (piece.len(), piece.is_empty()),
                (len, len == 0),
                "{piece:?}"
            );
        }
    }
}
