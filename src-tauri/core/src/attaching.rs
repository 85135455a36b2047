//! What may be done with files: attached to what is typed, looked at, taken away.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::app::App;
use crate::attachments::{
    AttachmentContent, AttachmentError, AttachmentKind, AttachmentSummary, Copied, MAX_ATTACHMENTS,
    NewAttachment, plain_name, read,
};
use crate::error::{Entity, Error, Result};
use crate::ids::{AttachmentId, ConversationId};
use crate::store::AttachOutcome;

impl App {
    /// Reads a file and keeps it with what is typed in a conversation, or in the one that does not exist
    /// yet.
    ///
    /// # Errors
    /// When it is not read, or one too many. Nothing is kept then.
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

    /// Reads a file that was copied elsewhere and is pasted here, as [`App::attach_file`] does. `uri` is its
    /// `file:` address, `clipboard` those that the system's clipboard holds now: no other file is read, so a
    /// page has only what the user copied.
    ///
    /// # Errors
    /// When the clipboard does not name it, it is no regular file or cannot be read, and as `attach_file`.
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

    /// The files with what is typed in a conversation, or in the one that does not exist yet.
    pub async fn draft_attachments(
        &self,
        conversation_id: Option<&ConversationId>,
    ) -> Result<Vec<AttachmentSummary>> {
        let attached = self.ctx.store.draft_attachments(conversation_id).await;
        Ok(self.ctx.inspect_damage(attached)?)
    }

    /// Moves files from the conversation that did not exist to the one that now does, all or none.
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

    /// What is kept of a file: an image as a `data:` address, else its text.
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

    /// Refuses what must not be sent with these files, and says what a message without a word is called.
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
