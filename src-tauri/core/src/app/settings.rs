//! The settings.

use crate::bounds;
use crate::error::{Error, Result};
use crate::model::Settings;
use crate::store::Store;

/// The saved settings.
#[derive(Debug)]
pub struct SavedSettings {
    pub(super) store: Store,
}

impl SavedSettings {
    /// Returns the settings.
    pub async fn get(&self) -> Result<Settings> {
        Ok(self
            .store
            .inspect_damage(self.store.profile().settings().await)?)
    }

    /// Saves all settings, normalized, and returns them.
    ///
    /// # Errors
    /// When a value is invalid; nothing was saved then.
    pub async fn save(&self, settings: Settings) -> Result<Settings> {
        bounds::MODEL.check_any(settings.default_model_id.as_deref())?;
        let settings = settings.validate().map_err(Error::InvalidArgument)?;
        let saved = self.store.profile().save_settings(&settings).await;
        self.store.inspect_damage(saved)?;
        Ok(settings)
    }
}
