//! A loaded model: weights, vocabulary, chat template, name. Immutable, so any thread may read it.

use conch_gguf::{Fault, ModelFile};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use llama_cpp_2::{LlamaContextLoadError, LogOptions, send_logs_to_tracing};

use super::prompt::{self, Message, Prompt, PromptError};
use super::template::Template;
use crate::failure::Failure;

/// A loaded model.
pub(crate) struct Model {
    // Fields are dropped in this order, and the weights must be dropped before the backend that holds them.
    llama: LlamaModel,
    backend: LlamaBackend,
    template: Template,
    name: String,
}

impl Model {
    /// Loads a file that has been checked, with its other parts. The weights are mapped into memory, not read.
    ///
    /// # Errors
    /// When llama.cpp cannot be prepared or refuses the file.
    pub(crate) fn load(file: &ModelFile) -> Result<Self, Failure> {
        // Silenced and not traced: the bridge to tracing aborts on llama.cpp's lines without a level.
        send_logs_to_tracing(LogOptions::default().with_logs_enabled(false));
        let backend = LlamaBackend::init()?;
        let llama = LlamaModel::load_from_file(&backend, &file.path, &LlamaModelParams::default());
        let llama = llama.map_err(|error| {
            tracing::error!(%error, "llama.cpp could not load the model");
            // The file is whole, so what llama.cpp lacks is its architecture: it reports no reason.
            Fault::Unsupported {
                path: file.path.clone(),
                architecture: file.architecture.clone(),
            }
        })?;
        let vocabulary = llama.vocab();
        let begin = text_of(&vocabulary, vocabulary.bos());
        let end = text_of(&vocabulary, vocabulary.eos());
        let template = Template::of(&llama, begin, end);
        Ok(Self {
            llama,
            backend,
            template,
            name: file.name.clone(),
        })
    }

    /// The name under which the API lists it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the tokens of as much of a conversation as fits `limit` tokens. May take a second for a megabyte.
    ///
    /// # Errors
    /// When not even the newest turn fits, or the template cannot be applied.
    pub(crate) fn prompt(
        &self,
        messages: &[Message],
        limit: usize,
    ) -> Result<Prompt<LlamaToken>, PromptError> {
        let vocabulary = self.llama.vocab();
        // Only a template writes the marks of special tokens. In the text for a base model they are text.
        let has_marks = self.template.is_chat();
        let tokenise = |messages: &[&Message]| {
            let text = self.template.render(&self.llama, messages)?;
            let mut tokens = vocabulary.tokenize(text.as_bytes(), false, has_marks);
            // Many templates write the beginning-of-sequence token themselves, and a second one does harm.
            let begin = vocabulary.bos();
            if vocabulary.should_add_bos() && tokens.first() != Some(&begin) {
                tokens.insert(0, begin);
            }
            Ok(tokens)
        };
        let measure = |message: &Message| {
            let content = message.content.as_bytes();
            vocabulary.tokenize(content, false, has_marks).len()
        };
        prompt::fit(messages, limit, tokenise, measure)
    }

    /// The context size that the model was trained on, in tokens of prompt and answer together.
    pub(super) fn trained_context(&self) -> u32 {
        self.llama.n_ctx_train()
    }

    pub(super) fn vocabulary(&self) -> LlamaVocab<'_> {
        self.llama.vocab()
    }

    /// Creates a context to compute in.
    ///
    /// # Errors
    /// When there is not enough memory for it.
    pub(super) fn context(
        &self,
        parameters: LlamaContextParams,
    ) -> Result<LlamaContext<'_>, LlamaContextLoadError> {
        self.llama.new_context(&self.backend, parameters)
    }
}

/// Returns a special token as chat templates write it; empty where the model has none.
fn text_of(vocabulary: &LlamaVocab<'_>, token: LlamaToken) -> String {
    if token.0 < 0 {
        return String::new();
    }
    let text = vocabulary.text(token);
    text.map_or_else(String::new, |text| text.to_string_lossy().into_owned())
}
