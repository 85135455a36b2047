//! Which messages are sent to a model: all, or, when they exceed its context, all but the oldest.
//!
//! Only the provider can count tokens, so they are estimated (see [`tokens`](crate::tokens)). If a request passes
//! the estimate and still does not fit, the provider returns an error. An image costs by its size (see
//! [`attachments`](crate::attachments)).

use crate::model::Parameters;
use crate::provider::{ChatMessage, StepPart, ToolStep};
use crate::tokens::{PER_MESSAGE, PER_REQUEST, text_tokens};

/// The share of the context reserved for the answer if no maximum length is set: a quarter.
const ANSWER_SHARE: usize = 4;

/// The cut moves in steps of this share of the context, not with every turn: providers cache prompts by their
/// prefix, so a cut that moves invalidates the cache.
const STEP_SHARE: usize = 4;

/// The messages to send.
#[derive(Debug, PartialEq)]
pub(super) struct Fitted {
    /// Oldest first.
    pub(super) messages: Vec<ChatMessage>,
    /// How many messages before them were omitted.
    pub(super) omitted_messages: u32,
}

/// Drops the oldest of `messages` so that the rest fits `context_tokens`, if that is known. The last message
/// is kept, whatever its length.
pub(super) fn fitted(
    mut messages: Vec<ChatMessage>,
    parameters: &Parameters,
    context_tokens: Option<u32>,
) -> Fitted {
    let Some(context) = context_tokens.and_then(|tokens| usize::try_from(tokens).ok()) else {
        return Fitted {
            messages,
            omitted_messages: 0,
        };
    };
    let answer = parameters
        .max_tokens
        .and_then(|tokens| usize::try_from(tokens).ok())
        .map_or(context / ANSWER_SHARE, |tokens| tokens.min(context / 2));
    let system = parameters.system_prompt.as_deref().map_or(0, tokens_of);
    let room = context.saturating_sub(answer + system + PER_REQUEST as usize);
    let costs: Vec<_> = messages
        .iter()
        .map(|message| {
            let images = message.images.iter().map(|image| image.tokens);
            let images = images.fold(0, u32::saturating_add);
            let steps: usize = message.steps.iter().map(tokens_of_step).sum();
            let images = usize::try_from(images).unwrap_or(usize::MAX / 2);
            tokens_of(&message.content) + images + steps
        })
        .collect();
    let total: usize = costs.iter().sum();
    let over = total.saturating_sub(room);
    let mut omitted_messages = 0;
    if over > 0 {
        let wanted = over.next_multiple_of((context / STEP_SHARE).max(1));
        let mut freed = 0;
        while freed < wanted && omitted_messages + 1 < messages.len() {
            freed += costs[omitted_messages];
            omitted_messages += 1;
        }
        // An answer without its question is of little use to a model.
        while omitted_messages + 1 < messages.len()
            && messages[omitted_messages].role == crate::model::Role::Assistant
        {
            omitted_messages += 1;
        }
        messages.drain(..omitted_messages);
    }
    Fitted {
        messages,
        omitted_messages: u32::try_from(omitted_messages).unwrap_or(u32::MAX),
    }
}

fn tokens_of_step(step: &ToolStep) -> usize {
    let before = step.before.iter().map(|part| match part {
        StepPart::Text { text, .. } | StepPart::Reasoning { text, .. } => tokens_of(text),
    });
    let calls = step
        .calls
        .iter()
        .map(|called| tokens_of(&called.call.input) + tokens_of(&called.result));
    before.chain(calls).sum()
}

fn tokens_of(text: &str) -> usize {
    (text_tokens(text).saturating_add(PER_MESSAGE)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;
    use crate::provider::ImagePart;

    /// Turns of 100 estimated tokens each.
    fn turns(count: usize) -> Vec<ChatMessage> {
        let text = "7".repeat(100 - PER_MESSAGE as usize);
        let roles = [Role::User, Role::Assistant].into_iter().cycle();
        roles
            .take(count)
            .map(|role| ChatMessage {
                role,
                content: text.clone(),
                images: Vec::new(),
                steps: Vec::new(),
                parts: Vec::new(),
            })
            .collect()
    }

    fn omitted_messages(count: usize, context: Option<u32>) -> u32 {
        let fitted = fitted(turns(count), &Parameters::default(), context);
        let kept = u32::try_from(fitted.messages.len()).unwrap();
        assert_eq!(
            kept + fitted.omitted_messages,
            u32::try_from(count).unwrap()
        );
        fitted.omitted_messages
    }

    #[test]
    fn what_fits_or_may_fit_is_whole() {
        assert_eq!(omitted_messages(99, None), 0, "unknown");
        assert_eq!(omitted_messages(7, Some(1000)), 0);
    }

    #[test]
    fn the_oldest_go_first_and_what_is_kept_begins_with_a_question() {
        let fitted = fitted(turns(9), &Parameters::default(), Some(1000));
        assert_eq!(
            fitted.omitted_messages, 4,
            "three, and the answer that would be first"
        );
        assert_eq!(fitted.messages[0].role, Role::User);
    }

    #[test]
    fn the_cut_stays_while_the_conversation_grows() {
        let cuts: Vec<_> = [9, 11, 13]
            .map(|count| omitted_messages(count, Some(2000)))
            .into();
        assert_eq!(cuts, [0, 0, 0]);
        let cuts: Vec<_> = [15, 17, 19, 21]
            .map(|count| omitted_messages(count, Some(2000)))
            .into();
        assert_eq!(cuts, [6, 6, 6, 10]);
    }

    #[test]
    fn the_last_message_stays_whatever_its_length() {
        assert_eq!(omitted_messages(1, Some(10)), 0);
        assert_eq!(omitted_messages(3, Some(10)), 2);
    }

    #[test]
    fn the_fixed_part_of_a_request_takes_its_room() {
        // A quarter is for the answer, and 720 tokens are left.
        assert!(omitted_messages(7, Some(960)) > 0);
    }

    #[test]
    fn an_image_takes_its_room() {
        let mut messages = turns(7);
        messages[6].images.push(ImagePart {
            media_type: "image/png".to_owned(),
            base64: String::new(),
            tokens: 60,
        });
        let fitted = fitted(messages, &Parameters::default(), Some(1000));
        assert_eq!(
            fitted.omitted_messages, 4,
            "three, and the answer that would be first"
        );
    }

    #[test]
    fn a_long_answer_and_a_system_prompt_take_their_room() {
        let with = |max_tokens, system: usize| {
            let parameters = Parameters {
                max_tokens,
                system_prompt: Some("7".repeat(system)),
                ..Parameters::default()
            };
            fitted(turns(5), &parameters, Some(1000)).omitted_messages
        };
        assert_eq!(with(Some(100), 0), 0);
        assert!(with(Some(600), 100) > 0);
        assert!(with(Some(100), 600) > 0);
    }
}
