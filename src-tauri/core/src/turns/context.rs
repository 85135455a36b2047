//! Which messages are sent to a model: all, or, when they exceed its context, all but the oldest.
//!
//! Their tokens are estimated (see [`tokens`](crate::tokens)). Where the estimate is near the limit, and the provider
//! counts tokens, its count replaces the estimate. If a request passes both and still does not fit, the provider
//! returns an error. An image costs by its size (see [`attachments`](crate::attachments)).

use crate::model::{Omitted, Parameters, Role};
use crate::provider::{ChatMessage, StepPart, ToolStep};
use crate::tokens::{PER_MESSAGE, PER_REQUEST, text_tokens};

/// The share of the context reserved for the answer if no maximum length is set: a quarter.
const ANSWER_SHARE: usize = 4;

/// The cut moves in steps of this share of the context, not with every turn: providers cache prompts by their
/// prefix, so a cut that moves invalidates the cache.
const STEP_SHARE: usize = 4;

/// An estimate is at most a tenth too low, so below nine tenths of the room everything fits for certain.
const CERTAIN_TENTHS: usize = 9;

/// Estimates above this multiple of the room need no count: they are at most twice too high.
const HOPELESS: usize = 3;

/// The messages to send.
#[derive(Debug, PartialEq)]
pub(super) struct Fitted {
    /// Oldest first.
    pub(super) messages: Vec<ChatMessage>,
    /// What was omitted before them.
    pub(super) omitted: Omitted,
}

/// The tokens of a request, and the room that the model has for them.
#[derive(Debug)]
pub(super) struct Budget {
    /// The context window, in tokens.
    context: usize,
    /// The tokens that the prompt may have.
    room: usize,
    /// The estimated tokens of each message.
    costs: Vec<usize>,
    /// The estimated tokens of the whole request.
    estimate: usize,
    /// The tokens of the whole request, as counted, or else estimated.
    total: usize,
}

impl Budget {
    /// Estimates the tokens of `messages`; `None` if the context is unknown.
    pub(super) fn of(
        messages: &[ChatMessage],
        parameters: &Parameters,
        context_tokens: Option<u32>,
    ) -> Option<Self> {
        let context = usize::try_from(context_tokens?).ok()?;
        let answer = parameters
            .max_tokens
            .and_then(|tokens| usize::try_from(tokens).ok())
            .map_or(context / ANSWER_SHARE, |tokens| tokens.min(context / 2));
        let system = parameters.system_prompt.as_deref().map_or(0, tokens_of);
        let costs: Vec<_> = messages.iter().map(tokens_of_message).collect();
        let estimate = costs.iter().sum::<usize>() + system + PER_REQUEST as usize;
        Some(Self {
            context,
            room: context.saturating_sub(answer),
            costs,
            estimate,
            total: estimate,
        })
    }

    /// Whether a count could change which messages are sent.
    pub(super) fn is_close(&self) -> bool {
        let certain = self.room / 10 * CERTAIN_TENTHS;
        let hopeless = self.room.saturating_mul(HOPELESS);
        self.costs.len() > 1 && (certain..hopeless).contains(&self.estimate)
    }

    /// Replaces the estimate of the whole request with a count.
    pub(super) fn count(&mut self, tokens: u32) {
        self.total = usize::try_from(tokens).unwrap_or(usize::MAX);
    }

    /// Drops the oldest of `messages` so that the rest fits. The last message is kept, whatever its length.
    pub(super) fn cut(&self, mut messages: Vec<ChatMessage>) -> Fitted {
        let over = self.total.saturating_sub(self.room);
        let (mut cut, mut freed) = (0, 0);
        if over > 0 {
            let wanted = over.next_multiple_of((self.context / STEP_SHARE).max(1));
            while freed < wanted && cut + 1 < messages.len() {
                freed += self.cost(cut);
                cut += 1;
            }
            // An answer without its question is of little use to a model.
            while cut + 1 < messages.len() && messages[cut].role == Role::Assistant {
                freed += self.cost(cut);
                cut += 1;
            }
            messages.drain(..cut);
        }
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Fitted {
            messages,
            omitted: Omitted {
                messages: number(cut),
                tokens: number(freed),
            },
        }
    }

    /// Returns the tokens of a message: its share of the count.
    fn cost(&self, index: usize) -> usize {
        let estimated = self.costs.get(index).copied().unwrap_or(0);
        estimated.saturating_mul(self.total) / self.estimate.max(1)
    }
}

fn tokens_of_message(message: &ChatMessage) -> usize {
    let images = message.images.iter().map(|image| image.tokens);
    let images = images.fold(0, u32::saturating_add);
    let steps: usize = message.steps.iter().map(tokens_of_step).sum();
    let images = usize::try_from(images).unwrap_or(usize::MAX / 2);
    tokens_of(&message.content) + images + steps
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

    fn fitted(messages: Vec<ChatMessage>, parameters: &Parameters, context: Option<u32>) -> Fitted {
        match Budget::of(&messages, parameters, context) {
            Some(budget) => budget.cut(messages),
            None => Fitted {
                messages,
                omitted: Omitted::default(),
            },
        }
    }

    fn omitted_messages(count: usize, context: Option<u32>) -> u32 {
        let fitted = fitted(turns(count), &Parameters::default(), context);
        let kept = u32::try_from(fitted.messages.len()).unwrap();
        assert_eq!(
            kept + fitted.omitted.messages,
            u32::try_from(count).unwrap()
        );
        fitted.omitted.messages
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
            fitted.omitted.messages, 4,
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
    fn a_count_replaces_the_estimate() {
        let parameters = Parameters::default();
        let budget = |count: usize| Budget::of(&turns(count), &parameters, Some(1000)).unwrap();
        // A quarter is for the answer, so 750 tokens are for the prompt.
        let close: Vec<_> = (1..=30).filter(|count| budget(*count).is_close()).collect();
        assert_eq!((close[0], close[close.len() - 1]), (7, 22));

        let mut counted = budget(9);
        assert!(
            counted.cut(turns(9)).omitted.messages > 0,
            "by the estimate"
        );
        counted.count(750);
        assert_eq!(counted.cut(turns(9)).omitted, Omitted::default());
        // Half of what was estimated, and more than fits.
        let mut counted = budget(15);
        counted.count(766);
        let omitted = counted.cut(turns(15)).omitted;
        assert_eq!(
            omitted,
            Omitted {
                messages: 6,
                tokens: 300
            },
            "a step of a quarter, and the answer that would be first"
        );
    }

    #[test]
    fn what_is_omitted_has_its_tokens() {
        let fitted = fitted(turns(9), &Parameters::default(), Some(1000));
        assert_eq!(fitted.omitted.tokens, 400);
        assert_eq!(fitted.messages.len(), 5);
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
            fitted.omitted.messages, 4,
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
            fitted(turns(5), &parameters, Some(1000)).omitted.messages
        };
        assert_eq!(with(Some(100), 0), 0);
        assert!(with(Some(600), 100) > 0);
        assert!(with(Some(100), 600) > 0);
    }
}
