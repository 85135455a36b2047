//! Reasoning that a server leaves in the text: `<think>…</think>` at its beginning, as servers without a parser for the
//! model's reasoning send it.
//!
//! Only at the beginning: a tag later in an answer is text about tags, or code.

use super::protocol::Content;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// How much white space is held back, in bytes; more than that is text.
const MAX_SPACE: usize = 1024;

/// Divides the text of one answer.
#[derive(Debug)]
pub(super) struct ThinkTags {
    place: Place,
    /// What may belong to a tag, or is space before or after one.
    held: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first word of the text.
    Start,
    Reasoning {
        /// A word of it was passed on.
        has_words: bool,
    },
    /// After reasoning in tags: before the first word of the answer, or more reasoning.
    AfterReasoning,
    Text,
}

impl Default for ThinkTags {
    fn default() -> Self {
        Self {
            place: Place::Start,
            held: String::new(),
        }
    }
}

impl ThinkTags {
    /// Passes on a piece of the answer.
    pub(super) fn pass(&mut self, content: Content, mut to: impl FnMut(Content)) {
        match content {
            Content::Text(text) if self.place == Place::Text => to(Content::Text(text)),
            Content::Text(text) => {
                self.held.push_str(&text);
                while let Some(content) = self.next() {
                    to(content);
                }
            }
            // The server parses reasoning itself, so a tag in the text is text.
            Content::Reasoning(_) | Content::HiddenReasoning(_) if self.place == Place::Start => {
                self.end().into_iter().for_each(&mut to);
                self.place = Place::Text;
                to(content);
            }
            Content::Reasoning(_)
            | Content::HiddenReasoning(_)
            | Content::ProviderData(_)
            | Content::ToolCall(_) => {
                self.end().into_iter().for_each(&mut to);
                to(content);
            }
        }
    }

    /// Returns what was held back, when nothing continues it. Space alone is nothing.
    pub(super) fn end(&mut self) -> Option<Content> {
        let held = std::mem::take(&mut self.held);
        match self.place {
            _ if held.trim().is_empty() => None,
            Place::Reasoning { .. } => Some(Content::Reasoning(held.trim_end().to_owned())),
            Place::Start | Place::AfterReasoning | Place::Text => {
                self.place = Place::Text;
                Some(Content::Text(held))
            }
        }
    }

    /// Returns the next content of what is held, if it is decided.
    fn next(&mut self) -> Option<Content> {
        loop {
            match self.place {
                Place::Start | Place::AfterReasoning => {
                    let words = self.held.trim_start();
                    let is_undecided = OPEN.starts_with(words) && self.held.len() <= MAX_SPACE;
                    if is_undecided {
                        return None;
                    }
                    if let Some(reasoning) = words.strip_prefix(OPEN) {
                        self.held = reasoning.to_owned();
                        self.place = Place::Reasoning { has_words: false };
                        continue;
                    }
                    let is_after = self.place == Place::AfterReasoning;
                    self.place = Place::Text;
                    let held = std::mem::take(&mut self.held);
                    let text = if is_after { held.trim_start() } else { &held };
                    return (!text.is_empty()).then(|| Content::Text(text.to_owned()));
                }
                Place::Reasoning { has_words } => {
                    if !has_words {
                        self.held
                            .drain(..self.held.len() - self.held.trim_start().len());
                    }
                    let (end, next) = match self.held.find(CLOSE) {
                        Some(end) => (end, Some(end + CLOSE.len())),
                        None => (self.held.len() - begun_tag(&self.held), None),
                    };
                    let words = self.held[..end].trim_end();
                    let is_space = end - words.len() > MAX_SPACE;
                    let words = if is_space { &self.held[..end] } else { words };
                    let (words, length) = (words.to_owned(), words.len());
                    self.held.drain(..next.unwrap_or(length));
                    self.place = match next {
                        Some(_) => Place::AfterReasoning,
                        None => Place::Reasoning {
                            has_words: has_words || !words.is_empty(),
                        },
                    };
                    if !words.is_empty() {
                        return Some(Content::Reasoning(words));
                    }
                    next?;
                }
                Place::Text => {
                    let text = std::mem::take(&mut self.held);
                    return (!text.is_empty()).then_some(Content::Text(text));
                }
            }
        }
    }
}

/// Returns the length of the beginning of the closing tag at the end of a text.
fn begun_tag(text: &str) -> usize {
    let lengths = (1..CLOSE.len()).rev();
    lengths
        .into_iter()
        .find(|length| text.ends_with(&CLOSE[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use conch_model::ToolCall;

    use super::*;

    fn call() -> Content {
        Content::ToolCall(ToolCall {
            id: "c".to_owned(),
            name: "x".to_owned(),
            input: String::new(),
        })
    }

    /// Returns the reasoning and the text of an answer that comes in these pieces.
    fn divided(pieces: impl IntoIterator<Item = Content>) -> (String, String) {
        let mut tags = ThinkTags::default();
        let (mut reasoning, mut text) = (String::new(), String::new());
        let mut take = |content| match content {
            Content::Reasoning(more) => reasoning.push_str(&more),
            Content::Text(more) => text.push_str(&more),
            _ => {}
        };
        for piece in pieces {
            tags.pass(piece, &mut take);
        }
        tags.end().into_iter().for_each(take);
        (reasoning, text)
    }

    #[track_caller]
    fn assert_divided(answer: &str, reasoning: &str, text: &str) {
        let expected = (reasoning.to_owned(), text.to_owned());
        let letters = answer.chars().map(|letter| Content::Text(letter.into()));
        assert_eq!(divided(letters), expected, "by the letter");
        for (at, _) in answer.char_indices() {
            let (before, after) = answer.split_at(at);
            let halves = [before, after].map(|half| Content::Text(half.to_owned()));
            assert_eq!(divided(halves), expected, "split at {at}");
        }
    }

    #[test]
    fn tags_at_the_beginning_are_reasoning_however_the_text_is_cut() {
        assert_divided(
            "<think>\nOkay, the user\n\nwants é < 4.\n</think>\n\nThe answer is **4**.",
            "Okay, the user\n\nwants é < 4.",
            "The answer is **4**.",
        );
        assert_divided("\n <think>a</think>b", "a", "b");
        assert_divided("<think>\n\n</think>\n\nHi", "", "Hi");
        assert_divided("<think>a</b></think ></think>  b", "a</b></think >", "b");
        assert_divided("<think>a</think>\n<think>b</think>\nc", "ab", "c");
    }

    #[test]
    fn reasoning_without_an_end_is_reasoning() {
        assert_divided("<think>Hm, so", "Hm, so", "");
        assert_divided("<think>Hm </thi", "Hm </thi", "");
        assert_divided("<think>Hm\n", "Hm", "");
        assert_divided("<think>Hm</think>\n\n", "Hm", "");
    }

    #[test]
    fn a_tag_elsewhere_is_text() {
        for text in [
            "R1 writes <think>so</think> first.",
            "```\n<think>so</think>\n```",
            "`<think>`",
            "\n  Hi",
            "<thinker>",
            "<thi",
            "</think>",
            "<b>Hi</b> <think>",
        ] {
            assert_divided(text, "", text);
        }
        assert_divided(
            "<think>a</think>b <think>c</think>",
            "a",
            "b <think>c</think>",
        );
        assert_divided(" \n", "", "");
    }

    #[test]
    fn a_server_that_parses_reasoning_itself_sends_no_tags() {
        let pieces = [
            Content::Reasoning("Hm".to_owned()),
            Content::Text("<think>".to_owned()),
            Content::Text(" is a tag".to_owned()),
        ];
        let expected = ("Hm".to_owned(), "<think> is a tag".to_owned());
        assert_eq!(divided(pieces), expected);
    }

    #[test]
    fn other_content_comes_after_what_was_held_back() {
        let mut tags = ThinkTags::default();
        let mut order = Vec::new();
        for content in [Content::Text("<thi".to_owned()), call()] {
            tags.pass(content, |content| order.push(content));
        }
        assert_eq!(order, [Content::Text("<thi".to_owned()), call()]);
    }

    #[test]
    fn space_that_never_ends_is_not_held_back_for_ever() {
        let mut tags = ThinkTags::default();
        let mut passed = 0;
        for text in ["\n".repeat(MAX_SPACE + 1), "<think>".to_owned()] {
            tags.pass(Content::Text(text), |_| passed += 1);
        }
        assert_eq!(passed, 2);
    }
}
