//! The check of a turn's request, before anything is stored.

use super::Turns;
use crate::attachments::AttachmentError;
use crate::bounds;
use crate::error::{Error, Result};
use crate::model::{
    AttachmentId, AttachmentKind, AttachmentSummary, ConversationId, Entity, MAX_ATTACHMENTS,
    TurnRequest, TurnTarget,
};
use crate::provider::Failure;
use crate::store::NextQueued;

/// Maximum number of characters of the title derived from a conversation's first message.
const TITLE: usize = 60;

/// A valid request.
pub(super) struct CheckedRequest {
    pub(super) conversation_id: ConversationId,
    /// The title that the message gives to a conversation without one.
    pub(super) title: Option<String>,
}

impl Turns {
    pub(super) async fn check(&self, request: &TurnRequest) -> Result<CheckedRequest> {
        bounds::MODEL.check_any(request.model_id.as_deref())?;
        bounds::REQUEST.check(request.request_id.as_str())?;
        match &request.target {
            TurnTarget::Message(message) => {
                if message.content.trim().is_empty() && message.attachments.is_empty() {
                    return Err(Error::EmptyMessage);
                }
                bounds::check_message(&message.content)?;
                let model_id = request.model_id.as_deref();
                let (id, files) = (&message.conversation_id, &message.attachments);
                let file_name = self.check_attachments(id, model_id, files).await?;
                Ok(CheckedRequest {
                    conversation_id: message.conversation_id.clone(),
                    title: Some(title_of(&message.content, file_name.as_deref())),
                })
            }
            TurnTarget::Edit(edited) => {
                let store = &self.ctx.store;
                let known = store.conversation_of(&edited.message_id).await;
                let conversation_id = store
                    .inspect_damage(known)?
                    .ok_or(Error::NotFound(Entity::Message))?;
                bounds::check_message(&edited.content)?;
                let files = edited.attachments.as_deref();
                if edited.content.trim().is_empty() && files.is_none_or(<[_]>::is_empty) {
                    return Err(Error::EmptyMessage);
                }
                let model_id = request.model_id.as_deref();
                self.check_attachments(&conversation_id, model_id, files.unwrap_or_default())
                    .await?;
                Ok(CheckedRequest {
                    conversation_id,
                    title: None,
                })
            }
            TurnTarget::Queued(turn) => {
                let store = &self.ctx.store;
                let queued = store.inspect_damage(store.queued_message(turn.id()).await)?;
                let queued = queued.ok_or(Error::NotFound(Entity::QueuedMessage))?;
                Ok(CheckedRequest {
                    conversation_id: queued.conversation_id,
                    title: None,
                })
            }
            TurnTarget::Answer(message_id) => {
                let store = &self.ctx.store;
                let known = store.inspect_damage(store.conversation_of(message_id).await)?;
                Ok(CheckedRequest {
                    conversation_id: known.ok_or(Error::NotFound(Entity::Message))?,
                    title: None,
                })
            }
        }
    }

    /// Checks that a queued message can still be sent to its model.
    pub(super) async fn check_queued(&self, queued: &NextQueued) -> Result<()> {
        let (store, providers) = (&self.ctx.store, &self.ctx.providers);
        let model_id = queued.model_id.as_deref();
        let resolved = store.inspect_damage(providers.resolve_model(model_id).await)?;
        let is_there: Result<(), Failure> = resolved.map(drop);
        is_there.map_err(|failure| Error::ModelGone(failure.message))?;
        let Some(image) = first_image(&queued.attachments) else {
            return Ok(());
        };
        if providers.vision(model_id).await == Some(false) {
            let name = image.name.clone();
            return Err(AttachmentError::NoVision { name }.into());
        }
        Ok(())
    }

    /// Checks that the message's files can be sent; returns the name of the first, the title of a message without
    /// text.
    async fn check_attachments(
        &self,
        conversation_id: &ConversationId,
        model_id: Option<&str>,
        files: &[AttachmentId],
    ) -> Result<Option<String>> {
        if files.is_empty() {
            return Ok(None);
        }
        let store = &self.ctx.store;
        let attached = store.attachments(files).await?;
        if let Some(one_too_many) = attached.get(MAX_ATTACHMENTS) {
            let name = one_too_many.name.clone();
            return Err(AttachmentError::TooMany { name }.into());
        }
        if let Some(image) = first_image(&attached) {
            let model_id = match model_id {
                Some(model_id) => Some(model_id.to_owned()),
                None => store.model_of(conversation_id).await?,
            };
            let name = image.name.clone();
            if self.ctx.providers.vision(model_id.as_deref()).await == Some(false) {
                return Err(AttachmentError::NoVision { name }.into());
            }
        }
        Ok(attached.into_iter().next().map(|first| first.name))
    }
}

fn first_image(files: &[AttachmentSummary]) -> Option<&AttachmentSummary> {
    files.iter().find(|file| file.kind == AttachmentKind::Image)
}

/// Returns the title of a conversation that starts with this message: its first line, or the name of its first
/// file if it has no text, cut between words.
pub(super) fn title_of(content: &str, file_name: Option<&str>) -> String {
    let first_line = content.trim().lines().next();
    let line = first_line.or(file_name).unwrap_or_default().trim();
    if line.chars().count() <= TITLE {
        return line.to_owned();
    }
    let cut: String = line.chars().take(TITLE).collect();
    let cut = cut
        .rsplit_once(' ')
        .map_or(cut.as_str(), |(words, _)| words);
    format!("{}…", cut.trim_end_matches([',', '.', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_line_cut_between_words() {
        assert_eq!(title_of("  Hello\nthere ", Some("a.txt")), "Hello");
        assert_eq!(title_of(" ", Some("a.txt")), "a.txt");
        let long = title_of(
            "Write me a very long story about a conch, a crab and the deep blue sea",
            None,
        );
        assert_eq!(
            long,
            "Write me a very long story about a conch, a crab and the…"
        );
        assert_eq!(title_of(&"x".repeat(100), None).chars().count(), TITLE + 1);
    }
}
