//! A model's chat template, which turns messages into the text format that it was trained on.
//!
//! llama.cpp recognises the templates of the well-known families by their text, and applies a plain equivalent.
//! That is preferred even where a template would add its own system prompt: SmolLM2 of 135 million parameters
//! answers better without the one that its template adds (asked for the capital of France, it says Paris instead of
//! rambling in French). Any other template is executed as a Jinja program, in an interpreter that can reach nothing
//! but the messages.

use llama_cpp_2::model::{LlamaChatMessage, LlamaChatTemplate, LlamaModel};
use llama_cpp_2::{ApplyChatTemplateError, NewLlamaChatMessageError};
use minijinja::{Environment, ErrorKind, context};
use thiserror::Error;

use super::prompt::Message;

const NAME: &str = "chat";
/// The template for a model that brings none; most small models know it.
const COMMON: &str = "chatml";
/// The step limit of the interpreter, so that no template runs for ever. A message costs some dozens.
const FUEL: u64 = 10_000_000;

/// Why the chat template could not be applied to a conversation.
#[derive(Debug, Error)]
pub(crate) enum TemplateError {
    #[error("A message contains a NUL character: {0}")]
    Nul(#[from] NewLlamaChatMessageError),
    #[error("llama.cpp could not apply the chat template: {0}")]
    Apply(#[from] ApplyChatTemplateError),
    #[error("The model's chat template rejects this conversation: {0}")]
    Jinja(#[from] minijinja::Error),
}

/// A chat template.
pub(super) struct Template {
    recognised: Option<LlamaChatTemplate>,
    jinja: Environment<'static>,
    begin_of_sequence: String,
    end_of_sequence: String,
}

impl Template {
    /// Returns the template of a model; a common one where it has none.
    pub(super) fn of(
        llama: &LlamaModel,
        begin_of_sequence: String,
        end_of_sequence: String,
    ) -> Self {
        let own = llama.chat_template(None).ok();
        let source = own.as_ref().and_then(|template| template.to_str().ok());
        let jinja = interpreter(source);
        Self {
            recognised: own.or_else(|| LlamaChatTemplate::new(COMMON).ok()),
            jinja,
            begin_of_sequence,
            end_of_sequence,
        }
    }

    /// Returns the prompt's text, which ends where the model's answer begins.
    ///
    /// # Errors
    /// When neither way of applying the template works.
    pub(super) fn render(
        &self,
        llama: &LlamaModel,
        messages: &[&Message],
    ) -> Result<String, TemplateError> {
        let chat = messages.iter().map(|message| {
            LlamaChatMessage::new(message.role.name().to_owned(), message.content.clone())
        });
        let chat = chat.collect::<Result<Vec<_>, _>>()?;
        let recognised = self.recognised.as_ref();
        match recognised.map(|template| llama.apply_chat_template(template, &chat, true)) {
            // What llama.cpp returns for a template that it does not recognise.
            None | Some(Err(ApplyChatTemplateError::FfiError(_))) => Ok(self.interpret(messages)?),
            Some(applied) => Ok(applied?),
        }
    }

    fn interpret(&self, messages: &[&Message]) -> Result<String, minijinja::Error> {
        let values = messages.iter().map(|message| {
            context! { role => message.role.name(), content => message.content.as_str() }
        });
        self.jinja.get_template(NAME)?.render(context! {
            messages => values.collect::<Vec<_>>(),
            add_generation_prompt => true,
            bos_token => self.begin_of_sequence.as_str(),
            eos_token => self.end_of_sequence.as_str(),
        })
    }
}

/// Creates an interpreter with the settings that chat templates are written for. Without a template, or with one
/// that does not parse, it has nothing to render.
fn interpreter(source: Option<&str>) -> Environment<'static> {
    let mut jinja = Environment::new();
    let mut syntax = minijinja::syntax::SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    if let Ok(syntax) = syntax.build() {
        jinja.set_syntax(syntax);
    }
    jinja.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    jinja.add_function("raise_exception", |reason: String| {
        Err::<String, _>(minijinja::Error::new(ErrorKind::InvalidOperation, reason))
    });
    jinja.set_fuel(Some(FUEL));
    if let Some(source) = source
        && let Err(error) = jinja.add_template_owned(NAME, source.to_owned())
    {
        tracing::warn!(%error, "the model's chat template cannot be parsed");
    }
    jinja
}

#[cfg(test)]
mod tests {
    use super::super::prompt::Role;
    use super::*;

    const SMOLLM2: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}\
        {{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}\
        {% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
        {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    fn interpret(source: &str, messages: &[(Role, &str)]) -> Result<String, minijinja::Error> {
        let template = Template {
            recognised: None,
            jinja: interpreter(Some(source)),
            begin_of_sequence: "<s>".into(),
            end_of_sequence: "</s>".into(),
        };
        let messages = messages.iter().map(|&(role, content)| Message {
            role,
            content: content.into(),
        });
        let messages: Vec<_> = messages.collect();
        template.interpret(&messages.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_template_may_add_what_it_likes() {
        let text = interpret(SMOLLM2, &[(Role::User, "Hello <b>")]).unwrap();
        assert_eq!(
            text,
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n\
             <|im_start|>user\nHello <b><|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn a_system_message_takes_its_place() {
        let messages = [(Role::System, "Be brief."), (Role::User, "Hello")];
        assert_eq!(
            interpret(SMOLLM2, &messages).unwrap(),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn templates_may_use_python_and_raise() {
        let source = "{{ bos_token }}\n{% for message in messages %}\n  {% if message.role == 'system' %}\n\
            {{ raise_exception('no system role') }}\n{% endif %}\n{{ message.content.strip() }}\n{% endfor %}";
        assert_eq!(
            interpret(source, &[(Role::User, " hi ")]).unwrap(),
            "<s>\nhi\n"
        );
        let error = interpret(source, &[(Role::System, "x")]).unwrap_err();
        assert!(error.to_string().contains("no system role"), "{error}");
    }

    #[test]
    fn an_endless_template_ends() {
        let source =
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
        let error = interpret(source, &[(Role::User, "hi")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfFuel);
    }
}
