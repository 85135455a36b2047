//! The text of a notification about an answer that ended.

use conch_core::model::{AnswerEnd, MessageStatus};

/// Maximum length of the answer's excerpt, in characters.
const EXCERPT: usize = 120;

/// A notification. Both fields are plain text: a notification service that renders markup gets them escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The conversation's title.
    pub(crate) title: String,
    /// The beginning of the answer, or its outcome.
    pub(crate) body: String,
}

impl Notice {
    /// Returns the notification for an answer's end, given the conversation's title; none if the user stopped
    /// it.
    pub(crate) fn of(end: &AnswerEnd, title: Option<String>) -> Option<Self> {
        let body = match end.status {
            MessageStatus::Complete => beginning(&end.excerpt),
            MessageStatus::Failed => format!("Could not answer: {}", one_line(&end.excerpt)),
            MessageStatus::Interrupted => format!("Interrupted: {}", one_line(&end.excerpt)),
            MessageStatus::Generating | MessageStatus::Stopped => return None,
        };
        let title = title.map(|title| one_line(&title));
        Some(Self {
            title: title
                .filter(|title| !title.is_empty())
                .unwrap_or_else(|| "Conch".to_owned()),
            body,
        })
    }
}

/// Returns the beginning of the answer as plain text, cut between words.
fn beginning(markdown: &str) -> String {
    let text = one_line(&conch_markdown::text_of(&conch_markdown::parse(markdown)));
    if text.chars().count() <= EXCERPT {
        return text;
    }
    let cut: String = text.chars().take(EXCERPT).collect();
    let words = cut.rsplit_once(' ').map_or(&*cut, |(words, _)| words);
    format!("{}…", words.trim_end_matches([',', '.', ';', ':']))
}

fn one_line(text: &str) -> String {
    let words: Vec<_> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .collect();
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use conch_core::model::ConversationId;

    fn notice(status: MessageStatus, excerpt: &str, title: Option<&str>) -> Option<Notice> {
        let end = AnswerEnd {
            conversation_id: ConversationId::fresh(),
            status,
            excerpt: excerpt.to_owned(),
        };
        Notice::of(&end, title.map(str::to_owned))
    }

    #[test]
    fn a_notification_has_the_answers_text_and_the_conversations_title() {
        let markdown = "## Plan\n\n1. **mornings** for `Vec<String>`\n2. a < b && c > d";
        let said = notice(MessageStatus::Complete, markdown, Some("Trip\nplan")).unwrap();
        assert_eq!(said.title, "Trip plan");
        assert_eq!(said.body, "Plan mornings for Vec<String> a < b && c > d");
        let untitled = notice(MessageStatus::Complete, "x", Some(" ")).unwrap();
        assert_eq!(untitled.title, "Conch");
    }

    #[test]
    fn a_long_answer_is_cut_between_words() {
        let said = notice(MessageStatus::Complete, &"word, ".repeat(99), None).unwrap();
        assert!(said.body.ends_with("word…"), "{}", said.body);
        assert!(said.body.chars().count() <= EXCERPT + 1);
        let one_word = notice(MessageStatus::Complete, &"é".repeat(999), None).unwrap();
        assert_eq!(one_word.body.chars().count(), EXCERPT + 1);
    }

    #[test]
    fn a_failure_gives_its_reason_and_a_stopped_answer_no_notification() {
        let failed = notice(MessageStatus::Failed, "the key was\nrefused", None).unwrap();
        assert_eq!(failed.body, "Could not answer: the key was refused");
        let cut = notice(MessageStatus::Interrupted, "the network went", None).unwrap();
        assert_eq!(cut.body, "Interrupted: the network went");
        assert_eq!(notice(MessageStatus::Stopped, "text", None), None);
    }
}
