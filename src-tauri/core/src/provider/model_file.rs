//! The file of the built-in model, as the settings show it.

use conch_gguf::ModelFile;
use conch_provider::Failure;
use serde::Serialize;
use specta::Type;

use crate::model::MessageError;

/// The file of the built-in model, as its header describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum ModelFileInfo {
    /// It can be loaded, as far as its header shows.
    Usable {
        /// The full path; of a model in parts, of the first.
        path: String,
        /// The model's name.
        name: String,
        /// The size in bytes, of all parts together.
        bytes: u64,
        /// llama.cpp's name for the kind of model: `llama`, `gemma3`.
        architecture: String,
        /// It has no chat template: it continues a text, and answers no questions.
        is_base: bool,
    },
    /// Why it cannot be used, with a code of the engine.
    Unusable(MessageError),
}

impl ModelFileInfo {
    pub(super) fn of(file: Result<ModelFile, Failure>) -> Self {
        match file {
            Ok(file) => Self::Usable {
                path: file.path.display().to_string(),
                name: file.name,
                bytes: file.bytes,
                architecture: file.architecture,
                is_base: !file.has_chat_template,
            },
            Err(failure) => Self::Unusable(failure.to_error()),
        }
    }
}
