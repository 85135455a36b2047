//! The settings.

use std::io;
use std::path::PathBuf;

use conch_gguf::Fault;
use tokio::task::spawn_blocking;

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
    /// When a value is invalid, or a newly chosen model file cannot be used; nothing was saved then.
    pub async fn save(&self, settings: Settings) -> Result<Settings> {
        bounds::MODEL.check_any(settings.default_model_id.as_deref())?;
        let settings = settings.validate().map_err(Error::InvalidArgument)?;
        if let Some(path) = &settings.model_file {
            // Saved before, it may be on a drive that is not connected, which is no reason to refuse another setting.
            let before = self.store.profile().settings().await?.model_file;
            if before.as_ref() != Some(path) {
                check_model_file(path.into()).await?;
            }
        }
        let saved = self.store.profile().save_settings(&settings).await;
        self.store.inspect_damage(saved)?;
        Ok(settings)
    }
}

/// Reads the file's header, on a thread that may wait for a slow drive.
async fn check_model_file(path: PathBuf) -> Result<(), Fault> {
    let reading = spawn_blocking({
        let path = path.clone();
        move || conch_gguf::inspect(&path).map(drop)
    });
    reading.await.unwrap_or_else(|error| {
        Err(Fault::Missing {
            path,
            reason: io::Error::other(error),
        })
    })
}
