//! A model's chat template, which turns messages into the text format that it was trained on.
//!
//! llama.cpp recognises the templates of the well-known families by their text, and applies a plain equivalent.
//! That is preferred even where a template would add its own system prompt: SmolLM2 of 135 million parameters
//! answers better without the one that its template adds (asked for the capital of France, it says Paris instead of
//! rambling in French). Any other template is executed as a Jinja program, in an interpreter that can reach nothing
//! but the messages.
//!
//! A template that has no system role refuses such a message, or leaves it out: then the first question begins with
//! it. A model without a template is a base model. It gets no template of another model, whose marks it would only
//! continue as text.

use llama_cpp_2::model::{LlamaChatMessage, LlamaChatTemplate, LlamaModel};
use llama_cpp_2::{ApplyChatTemplateError, NewLlamaChatMessageError};
use minijinja::{Environment, ErrorKind, context};
use thiserror::Error;

use super::prompt::{Message, Role};

const NAME: &str = "chat";
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

/// How messages become the text that the model continues.
pub(super) enum Template {
    /// Of a base model: their text.
    Base,
    /// The model's own.
    Chat(Box<ChatTemplate>),
}

impl Template {
    /// Returns the template of a model.
    pub(super) fn of(
        llama: &LlamaModel,
        begin_of_sequence: String,
        end_of_sequence: String,
    ) -> Self {
        let Ok(own) = llama.chat_template(None) else {
            return Self::Base;
        };
        let source = own.to_str().unwrap_or_default();
        if source.trim().is_empty() {
            return Self::Base;
        }
        Self::Chat(Box::new(ChatTemplate {
            jinja: interpreter(source),
            recognised: own,
            begin_of_sequence,
            end_of_sequence,
        }))
    }

    /// Returns whether the model was trained on conversations.
    pub(super) fn is_chat(&self) -> bool {
        matches!(self, Self::Chat(_))
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
        match self {
            Self::Base => Ok(continued(messages)),
            Self::Chat(template) => {
                with_system(messages, |messages| template.apply(llama, messages))
            }
        }
    }
}

/// Returns the text for a base model: an answer continues its question, and a new text begins on a new line.
fn continued(messages: &[&Message]) -> String {
    let mut text = String::new();
    for (index, message) in messages.iter().enumerate() {
        text.push_str(&message.content);
        let continues = messages
            .get(index + 1)
            .is_none_or(|next| next.role == Role::Assistant);
        if !continues {
            text.push('\n');
        }
    }
    text
}

/// Applies a template. One without a system role gets the system messages in the first question.
///
/// # Errors
/// The template's own error for the messages as they are, if it rejects them in that form, too.
fn with_system(
    messages: &[&Message],
    apply: impl Fn(&[&Message]) -> Result<String, TemplateError>,
) -> Result<String, TemplateError> {
    let probed = probed(messages);
    let takes_system = |text: String| probed.probes.iter().all(|probe| text.contains(probe));
    if probed.probes.is_empty()
        || apply(&probed.messages.iter().collect::<Vec<_>>()).is_ok_and(takes_system)
    {
        return apply(messages);
    }
    let folded = folded(messages);
    apply(&folded.iter().collect::<Vec<_>>()).or_else(|_| apply(messages))
}

/// A conversation whose system messages can be found in what a template makes of it.
struct Probed {
    messages: Vec<Message>,
    /// What stands in the place of each system message.
    probes: Vec<String>,
}

/// Replaces the system messages by words that occur nowhere else: what they say may occur in a question, too.
fn probed(messages: &[&Message]) -> Probed {
    let mut word = "probe".to_owned();
    while messages
        .iter()
        .any(|message| message.content.contains(&word))
    {
        word.push('x');
    }
    let mut probes = Vec::new();
    let replaced = messages.iter().map(|&message| {
        if message.role != Role::System {
            return message.clone();
        }
        // Ends with another letter, so that none is the beginning of another.
        let probe = format!("{word}{}z", probes.len());
        probes.push(probe.clone());
        Message {
            content: probe,
            ..message.clone()
        }
    });
    Probed {
        messages: replaced.collect(),
        probes,
    }
}

/// Returns the messages without a system role: the first question begins with what the system messages say.
fn folded(messages: &[&Message]) -> Vec<Message> {
    let (system, rest): (Vec<&Message>, Vec<_>) = messages
        .iter()
        .partition(|message| message.role == Role::System);
    let mut said: Vec<_> = system
        .iter()
        .map(|message| message.content.as_str())
        .collect();
    let mut rest: Vec<Message> = rest.into_iter().cloned().collect();
    if let Some(first) = rest.iter_mut().find(|message| message.role == Role::User) {
        said.push(&first.content);
        first.content = said.join("\n\n");
    } else {
        let question = Message {
            role: Role::User,
            content: said.join("\n\n"),
        };
        rest.insert(0, question);
    }
    rest
}

/// A model's own template.
pub(super) struct ChatTemplate {
    recognised: LlamaChatTemplate,
    jinja: Environment<'static>,
    begin_of_sequence: String,
    end_of_sequence: String,
}

impl ChatTemplate {
    fn apply(&self, llama: &LlamaModel, messages: &[&Message]) -> Result<String, TemplateError> {
        let chat = messages.iter().map(|message| {
            LlamaChatMessage::new(message.role.name().to_owned(), message.content.clone())
        });
        let chat = chat.collect::<Result<Vec<_>, _>>()?;
        match llama.apply_chat_template(&self.recognised, &chat, true) {
            // What llama.cpp returns for a template that it does not recognise.
            Err(ApplyChatTemplateError::FfiError(_)) => Ok(self.interpret(messages)?),
            applied => Ok(applied?),
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

/// Creates an interpreter with the settings that chat templates are written for. With a template that does not parse,
/// it has nothing to render.
fn interpreter(source: &str) -> Environment<'static> {
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
    if let Err(error) = jinja.add_template_owned(NAME, source.to_owned()) {
        tracing::warn!(%error, "the model's chat template cannot be parsed");
    }
    jinja
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMOLLM2: &str = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}\
        {{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}\
        {% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}\
        {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    fn interpret(source: &str, messages: &[(Role, &str)]) -> Result<String, minijinja::Error> {
        let template = ChatTemplate {
            recognised: LlamaChatTemplate::new("not recognised").unwrap(),
            jinja: interpreter(source),
            begin_of_sequence: "<s>".into(),
            end_of_sequence: "</s>".into(),
        };
        template.interpret(&of(messages).iter().collect::<Vec<_>>())
    }

    fn of(messages: &[(Role, &str)]) -> Vec<Message> {
        let messages = messages.iter().map(|&(role, content)| Message {
            role,
            content: content.into(),
        });
        messages.collect()
    }

    /// A template that writes all but the system messages, and one that refuses them.
    fn without_system(refuses: bool, messages: &[(Role, &str)]) -> Result<String, TemplateError> {
        with_system(&of(messages).iter().collect::<Vec<_>>(), |messages| {
            let mut text = String::new();
            for message in messages {
                match message.role {
                    Role::System if refuses => {
                        let reason = minijinja::Error::new(ErrorKind::InvalidOperation, "no");
                        return Err(reason.into());
                    }
                    Role::System => {}
                    role => text.extend(["[", role.name(), ": ", &message.content, "]"]),
                }
            }
            Ok(text)
        })
    }

    #[test]
    fn a_template_without_a_system_role_has_it_in_the_first_question() {
        use Role::{Assistant, System, User};
        for refuses in [false, true] {
            let rendered = |messages| without_system(refuses, messages).unwrap();
            assert_eq!(
                rendered(&[
                    (System, "Be brief."),
                    (User, "Hello"),
                    (Assistant, "Hi"),
                    (User, "Why?")
                ]),
                "[user: Be brief.\n\nHello][assistant: Hi][user: Why?]"
            );
            assert_eq!(rendered(&[(System, "Begin.")]), "[user: Begin.]");
            assert_eq!(rendered(&[(User, "Hello")]), "[user: Hello]");
        }
    }

    #[test]
    fn a_system_message_that_is_in_a_question_is_not_lost() {
        use Role::{Assistant, System, User};
        let messages = [
            (System, "Hello"),
            (User, "Hello"),
            (Assistant, "Hello"),
            (User, "probe0z"),
        ];
        for refuses in [false, true] {
            assert_eq!(
                without_system(refuses, &messages).unwrap(),
                "[user: Hello\n\nHello][assistant: Hello][user: probe0z]"
            );
        }
        // A template that has the role keeps it, and one that leaves out the second system message does not.
        let only_first = |messages: &[&Message]| {
            let later = messages.iter().skip(1);
            let later = later.filter(|message| message.role != System);
            let kept = messages.first().into_iter().chain(later);
            let texts =
                kept.map(|message| format!("[{}: {}]", message.role.name(), message.content));
            Ok(texts.collect())
        };
        let render = |messages: &[(Role, &str)]| {
            with_system(&of(messages).iter().collect::<Vec<_>>(), only_first).unwrap()
        };
        assert_eq!(
            render(&[(System, "A"), (User, "A")]),
            "[system: A][user: A]"
        );
        assert_eq!(
            render(&[(System, "A"), (System, "B"), (User, "A B")]),
            "[user: A\n\nB\n\nA B]"
        );
    }

    #[test]
    fn a_refusal_for_another_reason_stays_one() {
        let messages = of(&[(Role::User, "Hello")]);
        let refused = with_system(&[&messages[0]], |_| {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, "no tools").into())
        });
        assert!(refused.unwrap_err().to_string().contains("no tools"));
    }

    #[test]
    fn the_error_is_the_one_for_the_messages_as_they_are() {
        let messages = of(&[(Role::System, "Be brief."), (Role::User, "Hello")]);
        let refused = with_system(&messages.iter().collect::<Vec<_>>(), |messages| {
            let reason = format!("{} messages", messages.len());
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, reason).into())
        });
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("2 messages"), "{refused}");
    }

    #[test]
    fn a_base_model_continues_the_text() {
        use Role::{Assistant, System, User};
        let text = |messages| continued(&of(messages).iter().collect::<Vec<_>>());
        assert_eq!(text(&[(User, "Once upon")]), "Once upon");
        assert_eq!(
            text(&[
                (System, "A story."),
                (User, "Once upon"),
                (Assistant, " a time."),
                (User, "Then")
            ]),
            "A story.\nOnce upon a time.\nThen"
        );
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
