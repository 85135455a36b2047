//! What a page receives of an answer being generated: typed blocks, and of these only what changed.
//!
//! [`live`](crate::live) publishes text as it arrives. Here it is parsed as Markdown; [`IncrementalParser`]
//! parses again only what may still change. No page parses Markdown, and no HTML crosses the bridge.

use conch_markdown::{IncrementalParser, Patch};
use serde::Serialize;
use specta::Type;

use crate::live::{Phase, TranscriptEvent};
use crate::model::MessageId;

/// How much Markdown is parsed in about a millisecond, in bytes.
const READ_AT_ONCE: usize = 16 * 1024;

/// An event of the answer on a followed branch, for a page; `message_id` is the answer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[expect(missing_docs, reason = "field names say it")]
pub enum PageEvent {
    /// The answer's content, as a patch of the blocks sent before; initially of none.
    Blocks {
        message_id: MessageId,
        /// To be applied in order.
        patches: Vec<Patch>,
    },
    /// Reasoning that follows the reasoning sent before.
    Reasoning { message_id: MessageId, text: String },
    /// What the answer waits for.
    Phase { message_id: MessageId, phase: Phase },
}

/// What one page has received of the answers that it follows.
#[derive(Debug, Default)]
pub struct PageRenderer {
    message_id: Option<MessageId>,
    draft: IncrementalParser,
}

impl PageRenderer {
    /// Returns the page's event for an event of the answer; `None` when nothing visible changed.
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

    /// Whether parsing an event takes milliseconds.
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
