//! Which part of an answer each addition belongs to.

use crate::model::PartKind;

/// Maximum number of parts of an answer, for a stream that alternates between text and reasoning.
pub(super) const MAX_PARTS: usize = 256;

/// The parts of an answer so far: each addition belongs to the last one, or begins the next.
#[derive(Debug, Default)]
pub(super) struct PartPositions {
    kinds: Vec<PartKind>,
    /// The provider ended the last part.
    is_closed: bool,
}

impl PartPositions {
    /// Returns the position of text or reasoning.
    pub(super) fn position_of(&mut self, kind: PartKind) -> usize {
        let last = self.kinds.len().saturating_sub(1);
        let continues = !self.is_closed && self.kinds.last() == Some(&kind);
        if continues {
            return last;
        }
        if let Some(next) = self.begin(kind) {
            return next;
        }
        // Beyond the limit it belongs to the latest part of its kind.
        let earlier = self.kinds.iter().rposition(|known| *known == kind);
        earlier.unwrap_or_else(|| {
            self.kinds.push(kind);
            self.is_closed = false;
            self.kinds.len() - 1
        })
    }

    /// Ends the last part and returns its position; none if it was ended before, or there is none.
    pub(super) fn close(&mut self) -> Option<usize> {
        let last = self.kinds.len().checked_sub(1)?;
        if std::mem::replace(&mut self.is_closed, true) {
            return None;
        }
        Some(last)
    }

    /// Begins a part and returns its position; none beyond the maximum number of parts.
    pub(super) fn begin(&mut self, kind: PartKind) -> Option<usize> {
        if self.kinds.len() >= MAX_PARTS {
            // What comes with it belongs to no other part.
            self.is_closed = true;
            return None;
        }
        self.kinds.push(kind);
        // A call is complete, but its data may follow.
        self.is_closed = false;
        Some(self.kinds.len() - 1)
    }
}
