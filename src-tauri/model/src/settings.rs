//! The user's settings, which apply to all conversations.

use std::ops::RangeInclusive;
use std::path::Path;

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{Parameters, SendPolicy};

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct Settings {
    /// `provider/model` of new conversations; null for the first configured model.
    pub default_model_id: Option<String>,
    /// The default parameters of every conversation.
    pub parameters: Parameters,
    /// Notify the user when an answer ends while no Conch window is focused.
    pub notifications: bool,
    pub appearance: Appearance,
    /// The zoom level in percent, within [`ZOOM`].
    pub zoom: u16,
    pub send_key: SendKey,
    #[serde(default)]
    pub on_close: OnClose,
    /// The GGUF file of the built-in model, as a full path; null for the one that is installed with Conch.
    #[serde(default)]
    pub model_file: Option<String>,
    /// What a send does while an answer is running, in conversations that do not say otherwise.
    #[serde(default)]
    pub send_policy: SendPolicy,
}

/// Maximum length of a path, in bytes: Linux's own.
const PATH_LIMIT: usize = 4096;

/// The allowed zoom levels, in percent.
pub const ZOOM: RangeInclusive<u16> = 50..=200;

impl Settings {
    /// Returns the settings normalized, or what is wrong with them.
    pub fn validate(self) -> Result<Self, &'static str> {
        if !ZOOM.contains(&self.zoom) {
            return Err("The zoom must be a percentage from 50 to 200");
        }
        let parameters = self.parameters.validate()?;
        let model_file = self.model_file.as_deref().map(unquoted);
        let model_file = model_file.filter(|path| !path.is_empty());
        if model_file.is_some_and(|path| path.len() > PATH_LIMIT) {
            return Err("The path of the model file is longer than 4,096 bytes. Move the file");
        }
        if model_file.is_some_and(|path| !Path::new(path).is_absolute()) {
            return Err(
                "Enter the full path of the model file, from the root of the file system on",
            );
        }
        Ok(Self {
            parameters,
            model_file: model_file.map(str::to_owned),
            ..self
        })
    }
}

/// Returns a path without the spaces and quotation marks that file managers copy with it.
fn unquoted(path: &str) -> &str {
    let path = path.trim();
    let within = |mark: char| path.strip_prefix(mark)?.strip_suffix(mark);
    within('"').or_else(|| within('\'')).unwrap_or(path)
}

/// The color scheme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum Appearance {
    /// Follows the system.
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
    /// Enter sends, and Shift+Enter inserts a line break.
    #[default]
    Enter,
    /// Enter inserts a line break, and Ctrl+Enter (or Command+Enter) sends.
    ModEnter,
}

/// What happens to running answers when the last window is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum OnClose {
    /// They finish first, and then Conch quits.
    #[default]
    FinishAnswers,
    /// They are stopped, with their text kept, and Conch quits.
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
            model_file: None,
            send_policy: SendPolicy::default(),
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
    fn a_model_file_is_a_full_path_or_none() {
        let checked = |path: &str| {
            let settings = Settings {
                model_file: Some(path.to_owned()),
                ..Settings::default()
            };
            settings.validate().map(|settings| settings.model_file)
        };
        let root = if cfg!(windows) {
            "C:\\m.gguf"
        } else {
            "/m.gguf"
        };
        for path in [
            root.to_owned(),
            format!(" \"{root}\"\n"),
            format!("'{root}'"),
        ] {
            assert_eq!(checked(&path), Ok(Some(root.to_owned())), "{path:?}");
        }
        for none in ["", "  ", "\"\""] {
            assert_eq!(checked(none), Ok(None));
        }
        assert!(checked("m.gguf").unwrap_err().contains("full path"));
        let long = format!("{root}{}", "x".repeat(PATH_LIMIT));
        assert!(checked(&long).unwrap_err().contains("4,096"));
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
