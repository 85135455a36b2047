//! The frames of a response as the events of an answer, in any protocol and whatever it really is: what the protocol's
//! decoder knows, an error in any shape, or something else, with words for the user.

use std::collections::VecDeque;

use serde_json::Value;

use crate::failure::{Failure, FailureKind};
use crate::frames::{Frame, FrameKind};
use crate::protocol::{Content, Decoder, Framing, StreamEvent};
use crate::reasons::{failure_in_other, plain, stated_failure};
use crate::surrogates::{Halves, joined, marked};
use crate::think_tags::ThinkTags;

/// The end mark of OpenAI, which gateways send in other protocols, too.
const END_MARK: &str = "[DONE]";

/// Maximum length of a quoted response, in bytes.
const MAX_QUOTE: usize = 200;

/// Decodes one response.
pub(super) struct Decoding {
    framing: Framing,
    decoder: Box<dyn Decoder>,
    /// In lower case; empty if there is none.
    content_type: String,
    tags: ThinkTags,
    halves: Halves,
    /// Halves of characters were marked.
    has_halves: bool,
    found: Found,
    /// Events that were not in server-sent events.
    json_events: usize,
    /// The answer has content or an end.
    is_answer: bool,
    has_ended: bool,
}

/// What was found in a response so far.
#[derive(Debug, PartialEq)]
enum Found {
    Nothing,
    /// JSON of another kind.
    Json,
    /// The first line of something else.
    Text(String),
    /// An event of the protocol.
    Protocol,
}

impl Decoding {
    pub(super) fn new(framing: Framing, decoder: Box<dyn Decoder>, content_type: String) -> Self {
        Self {
            framing,
            decoder,
            content_type,
            tags: ThinkTags::default(),
            halves: Halves::default(),
            has_halves: false,
            found: Found::Nothing,
            json_events: 0,
            is_answer: false,
            has_ended: false,
        }
    }

    /// Returns whether nothing more is to be read.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Decodes a frame.
    pub(super) fn read(&mut self, frame: &Frame, to: &mut VecDeque<StreamEvent>) {
        let text = frame.text.trim();
        let is_error = match frame.kind {
            FrameKind::KeepAlive => return to.push_back(StreamEvent::KeptAlive),
            FrameKind::Stray => return self.stray(text, to),
            FrameKind::Data { .. } if text == END_MARK => return self.done(to),
            FrameKind::Data { is_error } => is_error,
            FrameKind::Json => false,
        };
        let json = marked(text);
        self.has_halves |= json.len() != text.len();
        if !is_error && let Some(text) = self.decoder.decode_text(&json) {
            self.found = Found::Protocol;
            self.json_events += usize::from(frame.kind == FrameKind::Json);
            return self.pass_or_live(Content::Text(text), to);
        }
        match serde_json::from_str(&json) {
            Ok(Value::Array(events)) => {
                self.json_events += usize::from(frame.kind == FrameKind::Json);
                for event in events {
                    self.event(&event, is_error, to);
                }
            }
            Ok(event) => {
                self.json_events += usize::from(frame.kind == FrameKind::Json);
                self.event(&event, is_error, to);
            }
            Err(_) if self.found == Found::Protocol && !frame.whole => {
                let cut = "The connection closed in the middle of the answer";
                self.fail(Failure::new(FailureKind::StreamCut, cut), to);
            }
            Err(error) => {
                tracing::debug!(%error, "an event could not be parsed");
                if frame.kind == FrameKind::Json && frame.whole {
                    return self.stray(text, to);
                }
                self.fail(no_answer(text), to);
            }
        }
    }

    /// Ends the stream with a failure.
    pub(super) fn fail(&mut self, failure: Failure, to: &mut VecDeque<StreamEvent>) {
        self.flush(to);
        let failure = if self.has_halves {
            failure.map_texts(|text| joined(&text))
        } else {
            failure
        };
        self.finish(StreamEvent::Failed(failure), to);
    }

    /// Handles the end of the connection.
    pub(super) fn end(&mut self, to: &mut VecDeque<StreamEvent>) {
        // An answer in one piece is complete whatever its finish reason, even without one.
        let is_whole = self.framing == Framing::Events && self.json_events == 1 && self.is_answer;
        let end = if is_whole {
            StreamEvent::Done
        } else {
            StreamEvent::Closed
        };
        self.end_with(end, to);
    }

    /// Handles the protocol's end mark.
    fn done(&mut self, to: &mut VecDeque<StreamEvent>) {
        self.end_with(StreamEvent::Done, to);
    }

    /// Ends the stream, if it was one, after what was held back.
    fn end_with(&mut self, end: StreamEvent, to: &mut VecDeque<StreamEvent>) {
        if let Some(failure) = self.something_else() {
            return self.fail(failure, to);
        }
        let held = self.decoder.end();
        self.pass_all(held, to);
        self.flush(to);
        self.finish(end, to);
    }

    fn finish(&mut self, end: StreamEvent, to: &mut VecDeque<StreamEvent>) {
        self.has_ended = true;
        to.push_back(end);
    }

    fn event(&mut self, event: &Value, is_error: bool, to: &mut VecDeque<StreamEvent>) {
        if self.has_ended {
            return;
        }
        let named = is_error.then(|| failure_in_other(event, true)).flatten();
        if let Some(failure) = stated_failure(event).or(named) {
            return self.fail(failure, to);
        }
        if let Some(events) = self.decoder.decode(event) {
            self.found = Found::Protocol;
            if events.is_empty() {
                to.push_back(StreamEvent::Alive);
            }
            return self.pass_all(events, to);
        }
        if let Some(failure) = failure_in_other(event, false) {
            return self.fail(failure, to);
        }
        match event {
            Value::Null | Value::Object(_) => {
                if self.found == Found::Nothing {
                    self.found = Found::Json;
                }
                to.push_back(StreamEvent::Alive);
            }
            Value::String(text) => self.fail(no_answer(text), to),
            other => self.fail(no_answer(&other.to_string()), to),
        }
    }

    /// Handles a line that belongs to no event: a page, or words of a proxy.
    fn stray(&mut self, line: &str, to: &mut VecDeque<StreamEvent>) {
        match self.found {
            // Clients of server-sent events ignore what is none.
            Found::Protocol if self.framing == Framing::Events => {}
            Found::Protocol => return self.fail(no_answer(line), to),
            Found::Nothing => {
                self.found = Found::Text(line.to_owned());
                if line.starts_with('<') {
                    return self.end_with(StreamEvent::Closed, to);
                }
            }
            Found::Json | Found::Text(_) => {}
        }
        to.push_back(StreamEvent::KeptAlive);
    }

    fn pass_all(&mut self, events: Vec<StreamEvent>, to: &mut VecDeque<StreamEvent>) {
        for event in events {
            match event {
                StreamEvent::Content(content) => self.pass_or_live(content, to),
                StreamEvent::Done => return self.done(to),
                StreamEvent::Finish(_) => {
                    self.is_answer = true;
                    self.flush(to);
                    to.push_back(event);
                }
                StreamEvent::Usage(_)
                | StreamEvent::Omitted(_)
                | StreamEvent::Unshown(_)
                | StreamEvent::Failed(_)
                | StreamEvent::Closed
                | StreamEvent::Alive
                | StreamEvent::KeptAlive => to.push_back(event),
            }
        }
    }

    /// Passes on content. What is held back of it shows that the provider is alive.
    fn pass_or_live(&mut self, content: Content, to: &mut VecDeque<StreamEvent>) {
        let before = to.len();
        self.pass(content, to);
        if to.len() == before {
            to.push_back(StreamEvent::Alive);
        }
    }

    fn pass(&mut self, content: Content, to: &mut VecDeque<StreamEvent>) {
        self.is_answer = true;
        let is_text = matches!(content, Content::Text(_) | Content::Reasoning(_));
        if !is_text && let Some(replacement) = self.halves.end() {
            // It belongs to the part that ends here.
            let pass = |content| to.push_back(StreamEvent::Content(content));
            self.tags.pass(Content::Text(replacement.into()), pass);
        }
        let content = if self.has_halves || self.halves.is_open() {
            self.without_halves(content)
        } else {
            content
        };
        let mut pass = |content| to.push_back(StreamEvent::Content(content));
        self.tags.pass(content, &mut pass);
    }

    fn without_halves(&mut self, content: Content) -> Content {
        match content {
            Content::Text(text) => Content::Text(self.halves.join(&text)),
            Content::Reasoning(text) => Content::Reasoning(self.halves.join(&text)),
            Content::ToolCall(mut call) => {
                call.name = joined(&call.name);
                call.input = joined(&call.input);
                Content::ToolCall(call)
            }
            Content::HiddenReasoning(_) | Content::ProviderData(_) => content,
        }
    }

    /// Passes on what was held back.
    fn flush(&mut self, to: &mut VecDeque<StreamEvent>) {
        let mut pass = |content| to.push_back(StreamEvent::Content(content));
        if let Some(replacement) = self.halves.end() {
            self.tags.pass(Content::Text(replacement.into()), &mut pass);
        }
        self.tags.end().into_iter().for_each(pass);
    }

    /// Returns the failure for a response in which nothing of the protocol was found, but something else.
    fn something_else(&self) -> Option<Failure> {
        let message = match &self.found {
            Found::Nothing | Found::Protocol => return None,
            Found::Json => {
                "The provider sent JSON that is not an answer. Check its base URL, and that it supports this protocol"
                    .to_owned()
            }
            Found::Text(text) => match plain(text) {
                Some(words) => format!(
                    "The provider sent text that is not an answer: “{}”. Check its base URL, and that it supports this protocol",
                    quote(&words)
                ),
                None => format!(
                    "The provider sent {} instead of an answer. Check its base URL, or log in to the network",
                    self.kind_of_response(text)
                ),
            },
        };
        Some(Failure::new(FailureKind::UnexpectedResponse, message))
    }

    fn kind_of_response(&self, text: &str) -> &str {
        let forms = ["event-stream", "json"];
        let is_announced = forms.iter().any(|form| self.content_type.contains(form));
        if !is_announced && !self.content_type.is_empty() {
            &self.content_type
        } else if text.starts_with('<') {
            "a web page"
        } else {
            "something else"
        }
    }
}

/// The failure for an event that is not an object.
fn no_answer(text: &str) -> Failure {
    let words = plain(text).map(|words| format!(": “{}”", quote(&words)));
    Failure::new(
        FailureKind::UnexpectedResponse,
        format!(
            "The provider sent something that is not an answer{}. Check its base URL, and that it supports this protocol",
            words.unwrap_or_default()
        ),
    )
}

fn quote(text: &str) -> String {
    if text.len() <= MAX_QUOTE {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(MAX_QUOTE)])
}
