//! The user's settings: what counts for all conversations.

use std::ops::RangeInclusive;

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
    /// How large everything is drawn, in percent, within [`ZOOM`].
    pub zoom: u16,
    /// Which key sends a message.
    pub send_key: SendKey,
    /// What becomes of the answers being written when the last window is closed.
    #[serde(default)]
    pub on_close: OnClose,
}

/// How large everything may be drawn, in percent.
pub const ZOOM: RangeInclusive<u16> = 50..=200;

impl Settings {
    /// The settings tidied, or what is wrong with them.
    pub fn validate(self) -> Result<Self, &'static str> {
        if !ZOOM.contains(&self.zoom) {
            return Err("The zoom is a percentage from 50 to 200: choose one of these");
        }
        let parameters = self.parameters.validate()?;
        Ok(Self { parameters, ..self })
    }
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

/// Which key sends a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum SendKey {
    /// Enter sends, and with Shift it breaks the line.
    #[default]
    Enter,
    /// Enter breaks the line, and with Ctrl (or the Command key) it sends.
    ModEnter,
}

/// What becomes of the answers being written when the last window is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum OnClose {
    /// They end first, and then Conch.
    #[default]
    FinishAnswers,
    /// They end at once, with their text kept.
    QuitAtOnce,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_model_id: None,
            parameters: Parameters::default(),
            notifications: true,
            appearance: Appearance::default(),
            zoom: 100,
            send_key: SendKey::default(),
            on_close: OnClose::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_knows_no_closing_lets_answers_end() {
        let mut wire = serde_json::to_value(Settings::default()).unwrap();
        wire.as_object_mut().unwrap().remove("onClose").unwrap();
        let read: Settings = serde_json::from_value(wire).unwrap();
        assert_eq!(read.on_close, OnClose::FinishAnswers);
    }

    #[test]
    fn a_zoom_is_from_50_to_200_percent() {
        let checked = |zoom| {
            let settings = Settings {
                zoom,
                ..Settings::default()
            };
            settings.validate().map(|settings| settings.zoom)
        };
        assert_eq!((checked(50), checked(200)), (Ok(50), Ok(200)));
        for zoom in [0, 49, 201, u16::MAX] {
            let refused = checked(zoom).unwrap_err();
            assert!(refused.contains("from 50 to 200"), "{zoom}: {refused}");
        }
    }
}
