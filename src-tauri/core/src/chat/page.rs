//! What a page is told of an answer that is being written: typed blocks, and of these only what changed.
//!
//! [`live`](super::live) tells text as it comes. Here it is read as Markdown, of which a [`IncrementalParser`] reads again
//! only what may still change. No page reads Markdown itself, and no HTML crosses the bridge.

use conch_markdown::{IncrementalParser, Patch};
use serde::Serialize;
use specta::Type;

use super::live::{Phase, TranscriptEvent};
use crate::ids::MessageId;

/// How much Markdown is read in about a millisecond, in bytes.
const READ_AT_ONCE: usize = 16 * 1024;

/// What happens to the answer on a followed branch, for a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum PageEvent {
    /// What the answer says, as a change of what was told before; from nothing at first.
    Blocks {
        /// The answer.
        message_id: MessageId,
        /// What changed, in this order.
        patches: Vec<Patch>,
    },
    /// More of what the model thinks.
    Reasoning {
        /// The answer.
        message_id: MessageId,
        /// What comes after what was told before.
        text: String,
    },
    /// What the answer waits for.
    Phase {
        /// The answer.
        message_id: MessageId,
        /// What it waits for.
        phase: Phase,
    },
}

/// What one page has been told of the answers that it follows.
#[derive(Debug, Default)]
pub struct PageRenderer {
    message_id: Option<MessageId>,
    draft: IncrementalParser,
}

impl PageRenderer {
    /// What the page is told of an event; `None` where it sees no change.
    pub fn take(&mut self, event: TranscriptEvent) -> Option<PageEvent> {
        match event {
            TranscriptEvent::Text { message_id, text } => self.text(message_id, &text),
            TranscriptEvent::Reasoning { message_id, text } => {
                Some(PageEvent::Reasoning { message_id, text })
            }
            TranscriptEvent::Phase { message_id, phase } => {
                Some(PageEvent::Phase { message_id, phase })
            }
        }
    }

    /// Whether an event takes milliseconds to read.
    pub fn takes_long(&self, event: &TranscriptEvent) -> bool {
        match event {
            TranscriptEvent::Text { text, .. } => {
                text.len() + self.draft.unstable_len() > READ_AT_ONCE
            }
            _ => false,
        }
    }

    fn text(&mut self, message_id: MessageId, text: &str) -> Option<PageEvent> {
        if self.message_id.as_ref() != Some(&message_id) {
            *self = Self {
                message_id: Some(message_id.clone()),
                ..Self::default()
            };
        }
        let patches = self.draft.push(text);
        (!patches.is_empty()).then_some(PageEvent::Blocks {
            message_id,
            patches,
        })
    }
}

#[cfg(test)]
mod tests {
    use conch_markdown::parse;

    use super::*;

    fn text(message_id: &MessageId, text: &str) -> TranscriptEvent {
        TranscriptEvent::Text {
            message_id: message_id.clone(),
            text: text.to_owned(),
        }
    }

    fn patches_of(event: Option<PageEvent>) -> Vec<Patch> {
        match event {
            Some(PageEvent::Blocks { patches, .. }) => patches,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_changed_blocks_are_sent() {
        let (mut page, id) = (PageRenderer::default(), MessageId::fresh());
        let first = patches_of(page.take(text(&id, "# Title\n\nSome **bo")));
        assert!(
            matches!(&first[..], [Patch::Replace { from: 0, .. }]),
            "{first:?}"
        );
        let second = patches_of(page.take(text(&id, "ld** text\n\n")));
        assert!(
            matches!(&second[..], [Patch::Replace { from: 1, .. }]),
            "{second:?}"
        );
        assert_eq!(page.take(text(&id, "\n")), None, "nothing to be seen");
    }

    #[test]
    fn another_answer_begins_with_nothing() {
        let mut page = PageRenderer::default();
        page.take(text(&MessageId::fresh(), "One\n\nTwo"));
        let patches = patches_of(page.take(text(&MessageId::fresh(), "Three")));
        assert_eq!(
            patches,
            [Patch::Replace {
                from: 0,
                blocks: parse("Three")
            }]
        );
    }
}
