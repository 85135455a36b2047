//! Builds the prompt, as tokens, from the messages of a conversation.

use thiserror::Error;

use super::history;
use super::template::TemplateError;

/// The author of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    /// The role's name in the protocol and in chat templates.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) role: Role,
    pub(crate) content: String,
}

/// Why a prompt could not be built.
#[derive(Debug, Error)]
pub(crate) enum PromptError {
    /// The newest turn alone is too long.
    #[error(
        "The newest message needs {tokens} tokens, and this model's context has room for {limit}"
    )]
    TooLong { tokens: usize, limit: usize },
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// The part of a conversation that the model reads.
#[derive(Debug)]
pub(crate) struct Prompt<T> {
    pub(crate) tokens: Vec<T>,
    pub(crate) omitted: Omitted,
}

/// What a prompt leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Omitted {
    /// How many of the oldest messages.
    pub(crate) messages: usize,
    /// Their tokens, with what the template adds to them.
    pub(crate) tokens: usize,
}

/// Returns the tokens of as much of a conversation as fits `limit` tokens.
///
/// System messages and the newest turn always stay, and the oldest turns are left out first. `tokenise` returns the
/// tokens of a whole conversation, `measure` estimates those of one message.
///
/// # Errors
/// [`PromptError::TooLong`] when not even the newest turn fits, and the errors of `tokenise`.
pub(super) fn fit<T>(
    messages: &[Message],
    limit: usize,
    tokenise: impl Fn(&[&Message]) -> Result<Vec<T>, TemplateError>,
    measure: impl Fn(&Message) -> usize,
) -> Result<Prompt<T>, PromptError> {
    let whole = tokenise(&messages.iter().collect::<Vec<_>>())?;
    if whole.len() <= limit {
        return Ok(Prompt {
            tokens: whole,
            omitted: Omitted::default(),
        });
    }
    let turns = turns(messages);
    let ends = ends(messages, &turns, whole.len(), measure);
    let mut omitted_turns = history::turns_to_omit(&ends, whole.len() - limit, limit / 4);
    loop {
        let stays = |turn: Option<usize>| turn.is_none_or(|turn| turn >= omitted_turns);
        let pairs = messages.iter().zip(&turns);
        let kept = pairs.filter(|(_, turn)| stays(**turn));
        let kept: Vec<_> = kept.map(|(message, _)| message).collect();
        let tokens = tokenise(&kept)?;
        if tokens.len() <= limit {
            let omitted = Omitted {
                messages: messages.len() - kept.len(),
                tokens: whole.len().saturating_sub(tokens.len()),
            };
            return Ok(Prompt { tokens, omitted });
        }
        if omitted_turns + 1 >= ends.len() {
            return Err(PromptError::TooLong {
                tokens: tokens.len(),
                limit,
            });
        }
        // The ends were estimates.
        omitted_turns += 1;
    }
}

/// Estimates how many tokens there are up to the end of each turn. The template's overhead is known only for the
/// `whole`, and is distributed evenly.
fn ends(
    messages: &[Message],
    turns: &[Option<usize>],
    whole: usize,
    measure: impl Fn(&Message) -> usize,
) -> Vec<usize> {
    let lengths: Vec<_> = messages.iter().map(measure).collect();
    let added = whole.saturating_sub(lengths.iter().sum());
    let mut ends = Vec::new();
    let mut tokens = 0;
    let mut counted = 0;
    for (turn, length) in turns.iter().zip(lengths) {
        let Some(turn) = *turn else { continue };
        tokens += length;
        counted += 1;
        ends.resize(turn + 1, 0);
        ends[turn] = tokens + added * counted / messages.len();
    }
    ends
}

/// Returns the turn of each message, from 0: a user's message and what follows it. System messages belong to none.
fn turns(messages: &[Message]) -> Vec<Option<usize>> {
    let mut current: Option<usize> = None;
    let numbered = messages.iter().map(|message| {
        match message.role {
            Role::System => return None,
            Role::User => current = Some(current.map_or(0, |turn| turn + 1)),
            Role::Assistant => current = Some(current.unwrap_or(0)),
        }
        current
    });
    numbered.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, content: &str) -> Message {
        Message {
            role,
            content: content.into(),
        }
    }

    /// A token is a character, and a template adds two to each message.
    fn fitted(messages: &[Message], limit: usize) -> Result<String, PromptError> {
        let tokenise = |messages: &[&Message]| {
            let texts = messages
                .iter()
                .map(|message| format!("[{}]", message.content));
            Ok(texts.collect::<String>().chars().collect())
        };
        let measure = |message: &Message| message.content.chars().count();
        let prompt = fit(messages, limit, tokenise, measure)?;
        let text = String::from_iter(&prompt.tokens);
        let kept = text.chars().filter(|token| *token == '[').count();
        assert_eq!(prompt.omitted.messages, messages.len() - kept);
        let all = messages.iter().map(|message| measure(message) + 2);
        assert_eq!(
            prompt.omitted.tokens,
            all.sum::<usize>() - text.chars().count()
        );
        Ok(text)
    }

    fn conversation() -> Vec<Message> {
        vec![
            message(Role::System, "sys"),
            message(Role::User, "one?"),
            message(Role::Assistant, "one."),
            message(Role::User, "two?"),
            message(Role::Assistant, "two."),
            message(Role::User, "now?"),
        ]
    }

    #[test]
    fn a_short_conversation_is_whole() {
        let whole = "[sys][one?][one.][two?][two.][now?]";
        assert_eq!(fitted(&conversation(), whole.len()).unwrap(), whole);
    }

    #[test]
    fn whole_turns_are_left_out_from_the_oldest_on() {
        assert_eq!(
            fitted(&conversation(), 34).unwrap(),
            "[sys][two?][two.][now?]"
        );
        assert_eq!(fitted(&conversation(), 12).unwrap(), "[sys][now?]");
    }

    #[test]
    fn a_newest_message_that_is_too_long_is_refused() {
        let error = fitted(&conversation(), 10).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The newest message needs 11 tokens, and this model's context has room for 10"
        );
        let error = fitted(&[message(Role::System, "much")], 3).unwrap_err();
        assert!(matches!(
            error,
            PromptError::TooLong {
                tokens: 6,
                limit: 3
            }
        ));
    }

    #[test]
    fn a_very_long_conversation_keeps_as_much_as_fits() {
        let mut messages = Vec::new();
        for turn in 0..4000 {
            messages.push(message(Role::User, &format!("{turn}?")));
            messages.push(message(Role::Assistant, "."));
        }
        let kept = fitted(&messages, 400).unwrap();
        assert!((200..=400).contains(&kept.len()), "{} are kept", kept.len());
        assert!(kept.ends_with("[3998?][.][3999?][.]"), "{kept}");
    }

    #[test]
    fn turns_begin_with_the_user() {
        let messages = [
            message(Role::Assistant, "greeting"),
            message(Role::User, "a"),
            message(Role::System, "note"),
            message(Role::Assistant, "b"),
            message(Role::User, "c"),
        ];
        assert_eq!(turns(&messages), [Some(0), Some(1), None, Some(1), Some(2)]);
    }
}
