//! Attachments: attach, list, load, adopt and detach.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::composers;
use super::purger::Purger;
use crate::attachments::{AttachmentError, Copied, plain_name, read};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::model::{
    AttachmentContent, AttachmentId, AttachmentSummary, Composer, ConversationId, Entity,
    NewAttachment,
};
use crate::store::{AttachOutcome, Store};

/// The files of drafts and messages.
#[derive(Debug)]
pub struct Attachments {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    /// This executable, started as a child process to read PDFs.
    pub(super) reader: PathBuf,
    pub(super) purger: Arc<Purger>,
}

impl Attachments {
    /// Reads a file and attaches it in a composer.
    ///
    /// # Errors
    /// When the file cannot be read, or the composer has too many. Nothing is stored then.
    pub async fn attach(
        &self,
        composer: &Composer,
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
            composer: composer.clone(),
            content,
        };
        let now = self.clock.now();
        let attached = self.store.attach(&attachment, now).await;
        match self.store.inspect_damage(attached)? {
            AttachOutcome::Attached => Ok(attachment.summary),
            AttachOutcome::Full => Err(AttachmentError::TooMany { name }.into()),
            AttachOutcome::NoBranch => Err(composers::missing(&self.store, composer).await),
        }
    }

    /// Attaches a pasted file, as [`attach`](Self::attach) does. `uri` is its `file:` URI, `clipboard` the URIs now
    /// on the system's clipboard: no other file is read, so the page gets only what the user copied.
    ///
    /// # Errors
    /// When the clipboard does not contain the URI, the file is not regular or cannot be read, or as for
    /// `attach`.
    pub async fn attach_copied(
        &self,
        composer: &Composer,
        uri: &str,
        clipboard: &[String],
    ) -> Result<AttachmentSummary> {
        let copied = Copied::find(uri, clipboard)?;
        let bytes = copied.read().await?;
        self.attach(composer, &copied.name, bytes).await
    }

    /// Returns the files that wait in a composer.
    pub async fn of_draft(&self, composer: &Composer) -> Result<Vec<AttachmentSummary>> {
        let attached = self.store.draft_attachments(composer).await;
        Ok(self.store.inspect_damage(attached)?)
    }

    /// Moves files from the composer without a conversation to that of a new conversation, all or none.
    pub async fn adopt(
        &self,
        conversation_id: &ConversationId,
        ids: &[AttachmentId],
    ) -> Result<()> {
        let store = &self.store;
        if store.adopt_attachments(conversation_id, ids).await? {
            Ok(())
        } else {
            Err(AttachmentError::Gone.into())
        }
    }

    /// Returns the stored content of a file: an image as a `data:` URL, anything else as text.
    pub async fn load(&self, id: &AttachmentId) -> Result<String> {
        let content = self.store.attachment(id).await;
        let content = self.store.inspect_damage(content)?;
        match content.ok_or(Error::NotFound(Entity::Attachment))? {
            AttachmentContent::Text(text) => Ok(text),
            AttachmentContent::Image { media_type, data } => Ok(format!(
                "data:{media_type};base64,{}",
                STANDARD.encode(data)
            )),
        }
    }

    /// Deletes an attached file that was not sent. Does nothing if it was sent or is gone.
    pub async fn detach(&self, id: &AttachmentId) -> Result<()> {
        self.store.inspect_damage(self.store.detach(id).await)?;
        self.purger.schedule_wal_truncation();
        Ok(())
    }
}
