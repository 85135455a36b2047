//! Attachments: attach, list, load and adopt.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::App;
use crate::attachments::{AttachmentError, Copied, plain_name, read};
use crate::error::{Error, Result};
use crate::model::{
    AttachmentContent, AttachmentId, AttachmentKind, AttachmentSummary, ConversationId, Entity,
    MAX_ATTACHMENTS, NewAttachment,
};
use crate::store::AttachOutcome;

impl App {
    /// Reads a file and attaches it to the draft of a conversation, or of the one that does not exist yet.
    ///
    /// # Errors
    /// When the file cannot be read, or the draft has too many. Nothing is stored then.
    pub async fn attach_file(
        &self,
        conversation_id: Option<&ConversationId>,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<AttachmentSummary> {
        let name = plain_name(name);
        let read = read(&self.reader, name.clone(), bytes).await;
        let (summary, content) = read.map_err(|refusal| AttachmentError::Refused {
            name: name.clone(),
            refusal,
        })?;
        let attachment = NewAttachment {
            summary,
            conversation_id: conversation_id.cloned(),
            content,
        };
        let now = self.ctx.clock.now();
        let attached = self.ctx.store.attach(&attachment, now).await;
        match self.ctx.inspect_damage(attached)? {
            AttachOutcome::Attached => Ok(attachment.summary),
            AttachOutcome::Full => Err(AttachmentError::TooMany { name }.into()),
            AttachOutcome::NoConversation => Err(Error::NotFound(Entity::Conversation)),
        }
    }

    /// Attaches a pasted file, as [`App::attach_file`] does. `uri` is its `file:` URI, `clipboard` the URIs now
    /// on the system's clipboard: no other file is read, so the page gets only what the user copied.
    ///
    /// # Errors
    /// When the clipboard does not contain the URI, the file is not regular or cannot be read, or as for
    /// `attach_file`.
    pub async fn attach_copied_file(
        &self,
        conversation_id: Option<&ConversationId>,
        uri: &str,
        clipboard: &[String],
    ) -> Result<AttachmentSummary> {
        let copied = Copied::find(uri, clipboard)?;
        let bytes = copied.read().await?;
        self.attach_file(conversation_id, &copied.name, bytes).await
    }

    /// Returns the files attached to the draft of a conversation, or of the one that does not exist yet.
    pub async fn draft_attachments(
        &self,
        conversation_id: Option<&ConversationId>,
    ) -> Result<Vec<AttachmentSummary>> {
        let attached = self.ctx.store.draft_attachments(conversation_id).await;
        Ok(self.ctx.inspect_damage(attached)?)
    }

    /// Moves files from the draft without a conversation to a new conversation, all or none.
    pub async fn adopt_attachments(
        &self,
        conversation_id: &ConversationId,
        ids: &[AttachmentId],
    ) -> Result<()> {
        let store = &self.ctx.store;
        if store.adopt_attachments(conversation_id, ids).await? {
            Ok(())
        } else {
            Err(AttachmentError::Gone.into())
        }
    }

    /// Returns the stored content of a file: an image as a `data:` URL, anything else as text.
    pub async fn load_attachment(&self, id: &AttachmentId) -> Result<String> {
        let content = self
            .ctx
            .inspect_damage(self.ctx.store.attachment(id).await)?;
        match content.ok_or(Error::NotFound(Entity::Attachment))? {
            AttachmentContent::Text(text) => Ok(text),
            AttachmentContent::Image { media_type, data } => Ok(format!(
                "data:{media_type};base64,{}",
                STANDARD.encode(data)
            )),
        }
    }

    /// Checks that these files can be sent; returns the name of the first, the title of a message without text.
    pub(crate) async fn check_attachments(
        &self,
        conversation_id: &ConversationId,
        ids: &[AttachmentId],
    ) -> Result<Option<String>> {
        if ids.is_empty() {
            return Ok(None);
        }
        let store = &self.ctx.store;
        let attached = store.attachments(ids).await?;
        if let Some(one_too_many) = attached.get(MAX_ATTACHMENTS) {
            let name = one_too_many.name.clone();
            return Err(AttachmentError::TooMany { name }.into());
        }
        let is_image = |file: &&AttachmentSummary| file.kind == AttachmentKind::Image;
        if let Some(image) = attached.iter().find(is_image) {
            let model = store.model_of(conversation_id).await?;
            let name = image.name.clone();
            if self.ctx.providers.vision(model.as_deref()).await == Some(false) {
                return Err(AttachmentError::NoVision { name }.into());
            }
        }
        Ok(attached.into_iter().next().map(|first| first.name))
    }
}
