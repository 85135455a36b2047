//! Messages as pages show them: Markdown as typed blocks. No page parses Markdown, and no HTML crosses the bridge.
//!
//! The core has the text. Stored messages are parsed whole, on the blocking pool; of an answer that is being written,
//! [`PageRenderer`] parses again only what may still change, and sends what changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use conch_core::live::{Phase, TranscriptEvent};
use conch_core::model::{
    self, AttachmentSummary, Branch, BranchId, ConversationId, FailedVersion, FinishReason,
    LockStatus, MessageError, MessageId, MessageStatus, Parameter, Parameters, PartContent,
    PartDelta, Queue, Role, SendPolicy, Timestamp, ToolCall, ToolResult, Usage, Versions,
};
use conch_core::{App, Error, Result};
use conch_markdown::{Block, IncrementalParser, Patch, parse};
use serde::Serialize;
use specta::Type;
use tauri::async_runtime::spawn_blocking;

/// How much Markdown is parsed in about a millisecond, in bytes.
const READ_AT_ONCE: usize = 16 * 1024;

/// One branch of a conversation: a page of its messages and its lock.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConversationView {
    id: ConversationId,
    /// Null until it is named.
    title: Option<String>,
    /// `provider/model`; null means the default at the time of the next send.
    model_id: Option<String>,
    /// The branch that every conversation starts with.
    main_branch_id: BranchId,
    /// The branch shown here.
    branch_id: BranchId,
    /// All of its branches, `main` first and then the oldest.
    branches: Vec<Branch>,
    /// How many of them may answer at the same time.
    max_parallel: u32,
    /// When it was created, epoch ms.
    created_at: Timestamp,
    /// When its last message was written, epoch ms.
    updated_at: Timestamp,
    /// Its request parameters; the defaults fill in those that are not set.
    parameters: Parameters,
    /// What a send does while an answer is running; null for the default of all conversations.
    send_policy: Option<SendPolicy>,
    /// Of the shown branch.
    queue: Queue,
    /// Text typed but not sent.
    draft: String,
    /// Files attached but not sent.
    attachments: Vec<AttachmentSummary>,
    /// Oldest first.
    messages: Vec<Message>,
    /// Whether the branch has messages before the first of these.
    has_earlier: bool,
    /// Of the shown branch.
    lock: LockStatus,
}

/// A page of the messages of a branch, or of those that selecting a version would show.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessagePage {
    /// Oldest first.
    messages: Vec<Message>,
    /// Whether there are messages before the first of these.
    has_earlier: bool,
    /// Whether there are messages after the last of these.
    has_later: bool,
    /// Whether the branch itself shows these messages; false for those of another version.
    of_branch: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    id: MessageId,
    /// The preceding message; null for the first.
    parent_id: Option<MessageId>,
    /// The branch on which it was written.
    branch_id: BranchId,
    role: Role,
    status: MessageStatus,
    /// The text: the Markdown source of an answer, also of one that is being written.
    content: String,
    /// What an answer consists of, in order; empty for the user's messages, which are shown as plain text.
    parts: Vec<Part>,
    /// The attached files, without their content.
    attachments: Vec<AttachmentSummary>,
    /// `provider/model`, for answers.
    model: Option<String>,
    /// Why it failed or was interrupted.
    error: Option<MessageError>,
    /// Why the model stopped writing, where the provider said.
    finish_reason: Option<FinishReason>,
    /// Tokens, where the provider counted them.
    usage: Option<Usage>,
    /// How many of the oldest messages were omitted from the request, because they exceed the context.
    left_out: u32,
    /// The parameters that were set for this answer and not sent, because the model does not take them.
    not_sent: Vec<Parameter>,
    /// Their tokens, estimated where nothing counted them.
    left_out_tokens: u32,
    /// When it was created, epoch ms.
    created_at: Timestamp,
    /// When an answer ended, epoch ms.
    finished_at: Option<Timestamp>,
    /// Its position among the messages with the same parent.
    versions: Versions,
    /// The newest version's end, if it failed and this one is shown in its place.
    failed_version: Option<FailedVersion>,
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum Part {
    /// Parsed Markdown.
    Text { blocks: Vec<Block> },
    /// The model's reasoning, as plain text.
    Reasoning { text: String },
    /// A call of a tool by the model.
    ToolCall(ToolCall),
    /// The result of a call.
    ToolResult(ToolResult),
}

impl Part {
    /// Returns what a page shows of a part; files are shown with their message.
    fn of(part: model::Part) -> Option<Self> {
        match part.content {
            PartContent::Text(text) => Some(Self::Text {
                blocks: parse(&text),
            }),
            // Where the provider sends reasoning only encrypted, there is nothing to show.
            PartContent::Reasoning(text) if text.is_empty() => None,
            PartContent::Reasoning(text) => Some(Self::Reasoning { text }),
            PartContent::ToolCall(call) => Some(Self::ToolCall(call)),
            PartContent::ToolResult(result) => Some(Self::ToolResult(result)),
            PartContent::Attachment(_) => None,
        }
    }
}

impl From<model::Message> for Message {
    fn from(message: model::Message) -> Self {
        let content = message.content();
        let parts = match message.role {
            Role::Assistant => message.parts.into_iter().filter_map(Part::of).collect(),
            _ => Vec::new(),
        };
        Self {
            id: message.id,
            parent_id: message.parent_id,
            branch_id: message.branch_id,
            role: message.role,
            status: message.status,
            content,
            parts,
            attachments: message.attachments,
            model: message.model,
            error: message.error,
            finish_reason: message.finish_reason,
            usage: message.usage,
            left_out: message.left_out,
            not_sent: message.not_sent,
            left_out_tokens: message.left_out_tokens,
            created_at: message.created_at,
            finished_at: message.finished_at,
            versions: message.versions,
            failed_version: message.failed_version,
        }
    }
}

/// Parses messages; the longest take a second, so it runs on the blocking pool.
async fn messages(messages: Vec<model::Message>) -> Result<Vec<Message>> {
    let parsing = spawn_blocking(|| messages.into_iter().map(Message::from).collect());
    parsing.await.map_err(|_| Error::Unreadable)
}

/// Renders a conversation.
///
/// # Errors
/// When the parser panics.
pub(crate) async fn conversation(view: model::ConversationView) -> Result<ConversationView> {
    Ok(ConversationView {
        id: view.id,
        title: view.title,
        model_id: view.model_id,
        main_branch_id: view.main_branch_id,
        branch_id: view.branch_id,
        branches: view.branches,
        max_parallel: view.max_parallel,
        created_at: view.created_at,
        updated_at: view.updated_at,
        parameters: view.parameters,
        send_policy: view.send_policy,
        queue: view.queue,
        draft: view.draft,
        attachments: view.attachments,
        messages: messages(view.messages).await?,
        has_earlier: view.has_earlier,
        lock: view.lock,
    })
}

/// Renders a page of messages.
///
/// # Errors
/// When the parser panics.
pub(crate) async fn page(page: model::MessagePage) -> Result<MessagePage> {
    Ok(MessagePage {
        messages: messages(page.messages).await?,
        has_earlier: page.has_earlier,
        has_later: page.has_later,
        of_branch: page.of_branch,
    })
}

/// An event of the answer on a followed branch, for a page; `message_id` is the answer's.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(crate) enum PageEvent {
    /// A change of a text part, as a patch of the blocks sent before; initially of none.
    Blocks {
        message_id: MessageId,
        /// The part's position.
        part: usize,
        /// The changes, in order.
        patches: Vec<Patch>,
    },
    /// Reasoning that follows what was sent of its part before.
    Reasoning {
        message_id: MessageId,
        /// The part's position.
        part: usize,
        /// What to append.
        text: String,
    },
    /// A call of a tool, which is a part by itself.
    ToolCall {
        message_id: MessageId,
        /// The part's position.
        part: usize,
        call: ToolCall,
    },
    /// What the answer waits for.
    Phase { message_id: MessageId, phase: Phase },
    /// An answer began.
    Started {
        /// The message that it answers, and the answer; empty if the branch shows another one.
        messages: Vec<Message>,
    },
    /// The answer ended.
    Ended {
        /// As it is stored; null if the branch shows another one.
        message: Option<Box<Message>>,
    },
    /// The events before this one are incomplete: read the branch again.
    Missed,
}

/// What one page has received of the answers that it follows.
#[derive(Debug, Default)]
struct PageRenderer {
    message_id: Option<MessageId>,
    /// One parser for each part; those of parts without text stay empty.
    parsers: Vec<IncrementalParser>,
}

impl PageRenderer {
    /// Returns the page's event for an event of the answer; `None` when nothing visible changed.
    fn take(&mut self, event: TranscriptEvent) -> Option<PageEvent> {
        match event {
            TranscriptEvent::Part {
                message_id,
                part,
                delta,
            } => match delta {
                PartDelta::Text(text) => {
                    let patches = self.parser(&message_id, part).push(&text);
                    (!patches.is_empty()).then_some(PageEvent::Blocks {
                        message_id,
                        part,
                        patches,
                    })
                }
                PartDelta::Reasoning(text) => Some(PageEvent::Reasoning {
                    message_id,
                    part,
                    text,
                }),
                PartDelta::ToolCall(call) => Some(PageEvent::ToolCall {
                    message_id,
                    part,
                    call,
                }),
                PartDelta::ProviderData(_) => None,
            },
            TranscriptEvent::Phase { message_id, phase } => {
                Some(PageEvent::Phase { message_id, phase })
            }
            // Read from the database instead.
            TranscriptEvent::Started { .. } | TranscriptEvent::Ended { .. } => None,
            TranscriptEvent::Missed => Some(PageEvent::Missed),
        }
    }

    /// Whether parsing an event takes milliseconds.
    fn takes_long(&self, event: &TranscriptEvent) -> bool {
        match event {
            TranscriptEvent::Part {
                part,
                delta: PartDelta::Text(text),
                ..
            } => {
                let unstable = self
                    .parsers
                    .get(*part)
                    .map_or(0, IncrementalParser::unstable_len);
                text.len() + unstable > READ_AT_ONCE
            }
            _ => false,
        }
    }

    fn parser(&mut self, message_id: &MessageId, part: usize) -> &mut IncrementalParser {
        if self.message_id.as_ref() != Some(message_id) {
            *self = Self {
                message_id: Some(message_id.clone()),
                ..Self::default()
            };
        }
        if self.parsers.len() <= part {
            self.parsers
                .resize_with(part + 1, IncrementalParser::default);
        }
        &mut self.parsers[part]
    }
}

/// Calls `notify` with the events of the answers on a branch, until it returns false or the application quits. Slow
/// parses run on the blocking pool; text that arrives meanwhile is parsed together.
pub(crate) async fn follow(
    app: &App,
    branch_id: &BranchId,
    notify: impl FnMut(PageEvent) -> bool + Send + 'static,
) {
    let reader = Arc::new(Mutex::new((PageRenderer::default(), notify)));
    let emit = |event| {
        let reader = Arc::clone(&reader);
        async move {
            let stored = match &event {
                TranscriptEvent::Started { message_id } => {
                    let messages = stored(app, branch_id, message_id, 2).await;
                    Some(messages.map(|messages| PageEvent::Started { messages }))
                }
                TranscriptEvent::Ended { message_id } => {
                    let messages = stored(app, branch_id, message_id, 1).await;
                    Some(messages.map(|mut messages| PageEvent::Ended {
                        message: messages.pop().map(Box::new),
                    }))
                }
                _ => None,
            };
            if let Some(event) = stored {
                return (lock(&reader).1)(event.unwrap_or(PageEvent::Missed));
            }
            let takes_long = lock(&reader).0.takes_long(&event);
            let read = move || {
                let (page, notify) = &mut *lock(&reader);
                page.take(event).is_none_or(notify)
            };
            if takes_long {
                spawn_blocking(read).await.unwrap_or(false)
            } else {
                read()
            }
        }
    };
    app.turns.follow_async(branch_id, emit).await;
}

/// Reads the messages of a branch up to this one, which others may follow by now; none if the branch shows another
/// version.
async fn stored(
    app: &App,
    branch_id: &BranchId,
    last: &MessageId,
    count: u32,
) -> Option<Vec<Message>> {
    let read = app
        .conversations
        .messages_up_to(branch_id, last, count)
        .await;
    let read = read.inspect_err(|error| tracing::warn!(%error, "an answer could not be read"));
    messages(read.ok()?).await.ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(message_id: &MessageId, part: usize, text: &str) -> TranscriptEvent {
        TranscriptEvent::Part {
            message_id: message_id.clone(),
            part,
            delta: PartDelta::Text(text.to_owned()),
        }
    }

    fn patches_of(event: Option<PageEvent>) -> Vec<Patch> {
        match event {
            Some(PageEvent::Blocks { patches, .. }) => patches,
            other => panic!("{other:?}"),
        }
    }

    fn beginning(text: &str) -> [Patch; 1] {
        [Patch::Replace {
            from: 0,
            blocks: parse(text),
        }]
    }

    #[test]
    fn only_changed_blocks_are_sent() {
        let (mut page, id) = (PageRenderer::default(), MessageId::fresh());
        let first = patches_of(page.take(text(&id, 0, "# Title\n\nSome **bo")));
        assert!(
            matches!(&first[..], [Patch::Replace { from: 0, .. }]),
            "{first:?}"
        );
        let second = patches_of(page.take(text(&id, 0, "ld** text\n\n")));
        assert!(
            matches!(&second[..], [Patch::Replace { from: 1, .. }]),
            "{second:?}"
        );
        assert_eq!(page.take(text(&id, 0, "\n")), None, "nothing to be seen");
    }

    #[test]
    fn another_answer_begins_with_nothing() {
        let mut page = PageRenderer::default();
        page.take(text(&MessageId::fresh(), 0, "One\n\nTwo"));
        let patches = patches_of(page.take(text(&MessageId::fresh(), 0, "Three")));
        assert_eq!(patches, beginning("Three"));
    }

    #[test]
    fn each_text_part_has_its_own_blocks() {
        let (mut page, id) = (PageRenderer::default(), MessageId::fresh());
        page.take(text(&id, 0, "- one\n- two"));
        let patches = patches_of(page.take(text(&id, 2, "Three")));
        assert_eq!(patches, beginning("Three"));
    }
}
