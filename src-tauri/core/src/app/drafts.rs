//! Drafts: text that was typed and not sent.

use std::sync::Arc;

use super::composers;
use super::purger::Purger;
use crate::bounds;
use crate::clock::Clock;
use crate::error::Result;
use crate::model::Composer;
use crate::store::Store;

/// The draft of each branch, and of the one that does not exist yet.
#[derive(Debug)]
pub struct Drafts {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) purger: Arc<Purger>,
}

impl Drafts {
    /// Saves the draft of a composer.
    pub async fn save(&self, composer: &Composer, content: &str) -> Result<()> {
        bounds::check_message(content)?;
        if content.is_empty() {
            self.purger.schedule_wal_truncation();
        }
        let (now, store) = (self.clock.now(), &self.store);
        let saved = store.profile().save_draft(composer, content, now).await;
        if store.inspect_damage(saved)? {
            Ok(())
        } else {
            Err(composers::missing(store, composer).await)
        }
    }

    /// Returns the draft of a conversation that does not exist yet; empty if there is none.
    pub async fn of_new_conversation(&self) -> Result<String> {
        Ok(self
            .store
            .inspect_damage(self.store.profile().new_draft().await)?)
    }
}
