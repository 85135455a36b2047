//! The user's settings: what counts for all conversations.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::chat::Parameters;

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// `provider/model` of new conversations; null for the first that is configured.
    pub default_model_id: Option<String>,
    /// What every conversation asks of its model, unless it says otherwise.
    pub parameters: Parameters,
    /// Tell when an answer ends while no window of Conch is in front.
    pub notifications: bool,
    /// Light or dark.
    pub appearance: Appearance,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Appearance {
    /// As the system has it.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_model_id: None,
            parameters: Parameters::default(),
            notifications: true,
            appearance: Appearance::default(),
        }
    }
}
