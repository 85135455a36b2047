//! The core as the commands see it: running, or the reason why it could not start.

use std::sync::Arc;

use conch_core::clock::Clock;
use conch_core::{App, Config};

use crate::error::IpcError;

/// The core, or why there is none.
#[derive(Debug)]
pub struct Host(Result<Arc<App>, IpcError>);

impl Host {
    /// Starts the core. A failure is kept and answers every command, so that the page can show it.
    pub fn start(config: Config, clock: Arc<dyn Clock>) -> Self {
        Self(tauri::async_runtime::block_on(App::open(config, clock)).map_err(IpcError::from))
    }

    /// The running core.
    ///
    /// # Errors
    /// Why it could not start.
    pub fn app(&self) -> Result<&Arc<App>, IpcError> {
        self.0.as_ref().map_err(Clone::clone)
    }
}
