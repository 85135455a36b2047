//! A conversation in the form that each family of protocols requires.
//!
//! Some take the system prompt as the first message, and others in a separate field and require that the user begins.
//! Most require that the roles alternate; a conversation may not, since an answer that failed before its first word is
//! not a message.

use std::borrow::Cow;

use conch_model::Role;
use serde_json::{Value, json};

use super::{ChatMessage, ChatRequest, ImagePart, StepCall, StepPart, ToolStep};

/// The user turn before an answer without a question. It only keeps the order of roles, so it has no meaning
/// in any language.
const OPENING: &str = "…";

/// A conversation with a separate system prompt, in which the user begins and the roles alternate.
#[derive(Debug, PartialEq)]
pub(super) struct Turns<'a> {
    /// The system prompt and every other instruction, in order.
    pub(super) system: Option<String>,
    /// [`Role::User`] and [`Role::Assistant`] alternating.
    pub(super) turns: Vec<Turn<'a>>,
}

/// Consecutive messages of one role.
#[derive(Debug, PartialEq)]
pub(super) struct Turn<'a> {
    /// Never [`Role::System`].
    pub(super) role: Role,
    /// Never empty.
    pub(super) parts: Vec<ContentPart<'a>>,
}

/// A part of a turn.
#[derive(Debug, PartialEq)]
pub(super) enum ContentPart<'a> {
    /// Text.
    Text {
        /// Never blank, which Anthropic rejects.
        text: Cow<'a, str>,
        /// What the provider requires back with it.
        data: Option<&'a Value>,
    },
    /// An image.
    Image(&'a ImagePart),
    /// Reasoning.
    Reasoning {
        /// Empty where the provider sends it only encrypted.
        text: &'a str,
        /// What the provider requires back with it.
        data: Option<&'a Value>,
    },
    /// A call of a tool.
    Call(&'a StepCall),
    /// The result of a call, at the beginning of the user's turn after it.
    Result(&'a StepCall),
}

impl<'a> Turns<'a> {
    /// Converts the conversation of `request`. Nothing visible to the user is dropped: an answer without its
    /// question is a greeting, or its question was omitted with the older messages, and later messages may
    /// refer to it. Consecutive messages of one role become one turn, separated by a blank line. Images
    /// precede the text about them, which is the order that models handle best.
    pub(super) fn of(request: &ChatRequest<'a>) -> Self {
        let mut system = request.parameters.system_prompt.clone().unwrap_or_default();
        let mut turns: Vec<Turn<'_>> = Vec::new();
        let keeps_data = request.record.takes_data();
        for message in request.messages {
            let (role, text) = (message.role, message.content.as_str());
            let is_empty = text.trim().is_empty() && message.images.is_empty();
            if is_empty && message.steps.is_empty() {
                continue;
            }
            if role == Role::System {
                add(&mut system, text);
                continue;
            }
            if turns.is_empty() && role == Role::Assistant {
                turns.push(Turn {
                    role: Role::User,
                    parts: vec![plain(OPENING)],
                });
            }
            for step in &message.steps {
                turn_of(&mut turns, role).add_calls(step, keeps_data);
                let results = step.calls.iter().map(ContentPart::Result);
                turn_of(&mut turns, Role::User).parts.extend(results);
            }
            if !is_empty {
                turn_of(&mut turns, role).add(message, keeps_data);
            }
        }
        Self {
            system: Some(system).filter(|system| !system.is_empty()),
            turns,
        }
    }
}

/// Returns the last turn if it has this role, else a new one.
fn turn_of<'t, 'a>(turns: &'t mut Vec<Turn<'a>>, role: Role) -> &'t mut Turn<'a> {
    if turns.last().is_none_or(|turn| turn.role != role) {
        turns.push(Turn {
            role,
            parts: Vec::new(),
        });
    }
    let last = turns.len() - 1;
    &mut turns[last]
}

impl<'a> Turn<'a> {
    fn add_calls(&mut self, step: &'a ToolStep, keeps_data: bool) {
        self.add_parts(&step.before, keeps_data);
        self.parts.extend(step.calls.iter().map(ContentPart::Call));
    }

    fn add(&mut self, message: &'a ChatMessage, keeps_data: bool) {
        self.parts
            .extend(message.images.iter().map(ContentPart::Image));
        if keeps_data && !message.parts.is_empty() {
            return self.add_parts(&message.parts, keeps_data);
        }
        match self.parts.last_mut() {
            _ if message.content.trim().is_empty() => {}
            Some(ContentPart::Text { text, data: None }) => add(text.to_mut(), &message.content),
            _ => self.parts.push(plain(&message.content)),
        }
    }

    fn add_parts(&mut self, parts: &'a [StepPart], keeps_data: bool) {
        let kept = |data: &'a Option<Value>| data.as_ref().filter(|_| keeps_data);
        self.parts
            .extend(parts.iter().filter_map(|part| match part {
                StepPart::Text { text, .. } if text.trim().is_empty() => None,
                StepPart::Text { text, data } => Some(ContentPart::Text {
                    text: Cow::Borrowed(text),
                    data: kept(data),
                }),
                StepPart::Reasoning { text, data } => Some(ContentPart::Reasoning {
                    text,
                    data: kept(data),
                }),
            }));
    }
}

/// Returns a part of text without data.
fn plain(text: &str) -> ContentPart<'_> {
    ContentPart::Text {
        text: Cow::Borrowed(text),
        data: None,
    }
}

fn add(to: &mut String, text: &str) {
    if !to.is_empty() {
        to.push_str("\n\n");
    }
    to.push_str(text);
}

/// Returns the conversation as a list of `{role, content}`, the system prompt first. `with_images` converts a
/// message with images, and `with_calls` a step with calls of tools, into the messages of the calls and of their
/// results. Messages of one role in a row become one, because the templates of many models require that the roles
/// alternate; blank ones are left out.
pub(super) fn role_messages(
    request: &ChatRequest<'_>,
    with_images: fn(&ChatMessage) -> Value,
    with_calls: fn(&ToolStep) -> Vec<Value>,
) -> Value {
    let system = request
        .parameters
        .system_prompt
        .iter()
        .map(|text| json!({"role": Role::System, "content": text}));
    let messages = joined(request.messages);
    let messages = messages.iter().flat_map(|message| {
        let own = if message.images.is_empty() {
            json!({"role": message.role, "content": message.content})
        } else {
            with_images(message)
        };
        // An answer that was cut off after its last call has no text.
        let is_sent = message.steps.is_empty() || !message.content.trim().is_empty();
        let steps = message.steps.iter().flat_map(with_calls);
        steps.chain(is_sent.then_some(own))
    });
    system.chain(messages).collect()
}

/// Joins messages of one role in a row, separated by a blank line, and leaves blank ones out.
fn joined(messages: &[ChatMessage]) -> Vec<Cow<'_, ChatMessage>> {
    let mut joined: Vec<Cow<'_, ChatMessage>> = Vec::new();
    for message in messages {
        let is_blank = message.content.trim().is_empty() && message.images.is_empty();
        if is_blank && message.steps.is_empty() {
            continue;
        }
        match joined.last_mut() {
            Some(last) if last.role == message.role && message.steps.is_empty() => {
                let last = last.to_mut();
                if last.content.trim().is_empty() {
                    last.content.clone_from(&message.content);
                } else if !message.content.trim().is_empty() {
                    add(&mut last.content, &message.content);
                }
                last.images.extend_from_slice(&message.images);
            }
            _ => joined.push(Cow::Borrowed(message)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::testing::{said, shown};
    use crate::record::ModelRecord;
    use conch_model::Parameters;

    fn turns<'a>(system: Option<&str>, messages: &'a [ChatMessage]) -> Turns<'a> {
        Turns::of(&ChatRequest {
            model: "m",
            messages,
            // Leaked: they have to outlive the returned value.
            parameters: Box::leak(Box::new(Parameters {
                system_prompt: system.map(str::to_owned),
                ..Parameters::default()
            })),
            record: Box::leak(Box::new(ModelRecord::default())),
        })
    }

    fn turn(role: Role, text: &str) -> Turn<'_> {
        Turn {
            role,
            parts: vec![plain(text)],
        }
    }

    #[test]
    fn images_stand_before_what_is_said_of_them() {
        let messages = [
            shown("one", &["a", "b"]),
            said(Role::User, "two"),
            shown("", &["c"]),
            shown("three", &["d"]),
        ];
        let of = turns(None, &messages);
        let parts = of.turns[0].parts.iter().map(|part| match part {
            ContentPart::Text { text, .. } => text.as_ref(),
            ContentPart::Image(image) => &image.base64,
            other => panic!("{other:?}"),
        });
        assert_eq!(
            parts.collect::<Vec<_>>(),
            ["a", "b", "one\n\ntwo", "c", "d", "three"]
        );
    }

    #[test]
    fn messages_of_one_role_in_a_row_are_one_turn() {
        let messages = [
            said(Role::User, "one"),
            said(Role::User, "two"),
            said(Role::Assistant, "three"),
            said(Role::Assistant, " \n"),
            said(Role::User, "four"),
        ];
        assert_eq!(
            turns(None, &messages),
            Turns {
                system: None,
                turns: vec![
                    turn(Role::User, "one\n\ntwo"),
                    turn(Role::Assistant, "three"),
                    turn(Role::User, "four"),
                ],
            }
        );
    }

    #[test]
    fn every_instruction_is_part_of_the_system_prompt() {
        let messages = [
            said(Role::System, "Be kind"),
            said(Role::User, "hi"),
            said(Role::System, "Be quick"),
            said(Role::User, "there"),
        ];
        let of = turns(Some("Be brief"), &messages);
        assert_eq!(
            of.system.as_deref(),
            Some("Be brief\n\nBe kind\n\nBe quick")
        );
        assert_eq!(of.turns, [turn(Role::User, "hi\n\nthere")]);
    }

    #[test]
    fn an_answer_without_its_question_is_kept() {
        let messages = [said(Role::Assistant, "Hello"), said(Role::User, "hi")];
        assert_eq!(
            turns(None, &messages).turns,
            [
                turn(Role::User, OPENING),
                turn(Role::Assistant, "Hello"),
                turn(Role::User, "hi")
            ]
        );
        assert_eq!(turns(None, &[]).turns, []);
    }

    #[test]
    fn the_roles_alternate_where_the_system_prompt_is_a_message_too() {
        let messages = [
            said(Role::User, "one"),
            shown("two", &["a"]),
            said(Role::Assistant, "\n"),
            shown("", &["b"]),
            said(Role::Assistant, "three"),
            said(Role::User, " "),
            said(Role::User, "four"),
        ];
        let request = ChatRequest {
            model: "m",
            messages: &messages,
            parameters: &Parameters::default(),
            record: &ModelRecord::default(),
        };
        let with_images = |message: &ChatMessage| {
            let images: Vec<_> = message.images.iter().map(|image| &image.base64).collect();
            json!([message.role, message.content, images])
        };
        assert_eq!(
            role_messages(&request, with_images, |_| Vec::new()),
            json!([
                ["user", "one\n\ntwo", ["a", "b"]],
                {"role": "assistant", "content": "three"},
                {"role": "user", "content": "four"},
            ])
        );
    }
}
