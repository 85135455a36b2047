//! The events of a response, <https://developers.openai.com/api/docs/guides/streaming-responses>, and a response that
//! is not streamed.
//!
//! An answer is a list of items: messages, reasoning, calls. Each is added, written in pieces, and done; the last event
//! contains them all once more. Servers leave out some of these: what did not come in pieces is taken from the item,
//! and what no item had from the last event. There is no end mark: the last event is the finish reason.

use std::collections::HashSet;

use conch_model::{FinishReason, ProtocolKind, ProviderData, Usage};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{BETWEEN, ITEM, PHASE};
use crate::protocol::calls::{Calls, Fragment};
use crate::protocol::lenient::{arguments, count, lenient, list, read, stated, text, text_in};
use crate::protocol::{Content, Decoder, StreamEvent, Unshown};

/// Maximum size of an item of reasoning that is kept, in bytes of JSON.
const MAX_ITEM_BYTES: usize = 4 * 1024 * 1024;

/// Decodes one answer.
#[derive(Default)]
pub(super) struct Events {
    message: Message,
    reasoning: Reasoning,
    calls: OpenCalls,
    /// The part that was sent last, which data may belong to.
    last: Last,
    refused: bool,
    /// The ids of the items that are done: one that comes again is the same.
    done: HashSet<String>,
}

/// The messages so far.
#[derive(Default)]
struct Message {
    /// Text of the message that is being written came.
    has_text: bool,
    /// Text of any message came.
    has_any: bool,
    /// The message that is being written began after another one.
    is_next: bool,
}

/// The reasoning so far.
#[derive(Default)]
struct Reasoning {
    /// Text of the item that is being written came.
    has_text: bool,
    /// Text of any item came.
    has_any: bool,
    /// Which of the item's parts is being written.
    part: Option<u32>,
    /// Of a summary and the reasoning itself, what came first is shown.
    source: Option<Source>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Summary,
    Text,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Reasoning,
    Text,
}

impl Decoder for Events {
    fn decode(&mut self, event: &Value) -> Option<Vec<StreamEvent>> {
        let mut events = Vec::new();
        let wire: WireEvent = read(event);
        let Some(kind) = wire.kind.as_deref() else {
            let is_whole = event
                .get("object")
                .is_some_and(|object| object == "response")
                || event.get("output").is_some_and(Value::is_array);
            if !is_whole {
                return None;
            }
            self.response(&read(event), None, &mut events);
            return Some(events);
        };
        let kind = kind.strip_prefix("response.")?;
        match kind {
            "output_item.added" => self.added(&wire, &mut events),
            "output_item.done" => self.done(&wire.item, wire.output_index, &mut events),
            "output_text.delta" => self.text(wire.delta, &mut events),
            "refusal.delta" => {
                self.refused |= wire.delta.is_some();
                self.text(wire.delta, &mut events);
            }
            "reasoning_summary_text.delta" => {
                self.reasoning(Source::Summary, wire.summary_index, wire.delta, &mut events);
            }
            "reasoning_text.delta" => {
                self.reasoning(Source::Text, wire.content_index, wire.delta, &mut events);
            }
            "function_call_arguments.delta" | "custom_tool_call_input.delta" => {
                self.calls.extend(wire.output_index, wire.delta);
            }
            "completed" | "incomplete" => {
                self.response(&wire.response.unwrap_or_default(), Some(kind), &mut events);
            }
            _ => events.extend(wire.response.and_then(|response| response.counted())),
        }
        Some(events)
    }

    fn end(&mut self) -> Vec<StreamEvent> {
        self.calls.calls.whole_ones()
    }
}

#[derive(Default, Deserialize)]
struct WireEvent {
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "text")]
    delta: Option<String>,
    #[serde(default)]
    item: Value,
    #[serde(default, deserialize_with = "count")]
    output_index: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    content_index: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    summary_index: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    response: Option<Response>,
}

#[derive(Default, Deserialize)]
struct Response {
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(default, deserialize_with = "list")]
    output: Vec<Value>,
    #[serde(default, deserialize_with = "lenient")]
    incomplete_details: Option<IncompleteDetails>,
    #[serde(default, deserialize_with = "lenient")]
    usage: Option<WireUsage>,
}

#[derive(Default, Deserialize)]
struct IncompleteDetails {
    #[serde(default, deserialize_with = "lenient")]
    reason: Option<String>,
}

/// An item.
#[derive(Default, Deserialize)]
struct Item {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    kind: Option<String>,
    /// Of a message its parts, and of reasoning its text.
    #[serde(default)]
    content: Value,
    #[serde(default, deserialize_with = "lenient")]
    phase: Option<String>,
    #[serde(default)]
    summary: Value,
    #[serde(default, deserialize_with = "lenient")]
    encrypted_content: Option<String>,
    /// Its result names this, and not the item's own id.
    #[serde(default, deserialize_with = "lenient")]
    call_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(default, deserialize_with = "arguments")]
    arguments: Option<String>,
    /// The arguments of a custom tool.
    #[serde(default, deserialize_with = "arguments")]
    input: Option<String>,
}

/// What an item is.
enum ItemKind {
    Message,
    Reasoning,
    /// A call of a tool that the client runs.
    Call,
    /// Content that is not shown.
    Unshown(Unshown),
    Other,
}

impl Item {
    fn kind(&self) -> ItemKind {
        match self.kind.as_deref().unwrap_or_default() {
            "message" => ItemKind::Message,
            "reasoning" => ItemKind::Reasoning,
            "function_call" | "custom_tool_call" => ItemKind::Call,
            "image_generation_call" => ItemKind::Unshown(Unshown::Media),
            // A tool that the provider runs.
            call if call.ends_with("_call") => ItemKind::Unshown(Unshown::ToolCall),
            _ => ItemKind::Other,
        }
    }

    fn call(self) -> Fragment {
        Fragment {
            index: None,
            id: self.call_id,
            name: self.name,
            input: self.arguments.or(self.input),
        }
    }
}

impl Events {
    /// Begins an item.
    fn added(&mut self, wire: &WireEvent, events: &mut Vec<StreamEvent>) {
        let item: Item = read(&wire.item);
        let kind = item.kind();
        if !matches!(kind, ItemKind::Call) {
            self.end_calls(events);
        }
        match kind {
            ItemKind::Message => self.message.begin(),
            ItemKind::Reasoning => {
                self.reasoning.source = None;
                self.reasoning.part = None;
            }
            // The arguments are empty yet.
            ItemKind::Call => self.calls.begin(wire.output_index, item.call()),
            ItemKind::Unshown(unshown) => events.push(StreamEvent::Unshown(unshown)),
            ItemKind::Other => {}
        }
    }

    /// Ends an item, which is complete.
    fn done(&mut self, whole: &Value, index: Option<u32>, events: &mut Vec<StreamEvent>) {
        let item: Item = read(whole);
        let id = item.id.as_ref().filter(|id| !id.is_empty());
        if id.is_some_and(|id| !self.done.insert(id.clone())) {
            return;
        }
        match item.kind() {
            ItemKind::Message => {
                if !self.message.has_text {
                    self.message.begin();
                    self.content(&item.content, events);
                }
                // What the provider requires back with the text, if it is the part that was sent last.
                let phase = stated(item.phase.as_deref()).filter(|_| self.last == Last::Text);
                if let Some(phase) = phase.filter(|_| self.message.has_text) {
                    let data = provider_data(PHASE, phase.into());
                    events.push(Content::ProviderData(data).into());
                    self.last = Last::Other;
                }
                self.message.has_text = false;
            }
            ItemKind::Reasoning => self.end_reasoning(whole, &item, events),
            ItemKind::Call => self.calls.end(index, item.call()),
            ItemKind::Unshown(_) | ItemKind::Other => {}
        }
    }

    /// Ends an item of reasoning. Servers send it after the message that follows it, too: then its data is a part by
    /// itself.
    fn end_reasoning(&mut self, whole: &Value, item: &Item, events: &mut Vec<StreamEvent>) {
        if !self.reasoning.has_text {
            let text = paragraphs(&item.summary).or_else(|| paragraphs(&item.content));
            self.reasoning(Source::Summary, None, text, events);
        }
        if let Some(data) = kept(whole, item) {
            let is_last = self.reasoning.has_text && self.last == Last::Reasoning;
            events.push(if is_last {
                Content::ProviderData(data).into()
            } else {
                Content::HiddenReasoning(data).into()
            });
            self.last = Last::Other;
        }
        self.reasoning.has_text = false;
        self.reasoning.has_any = true;
    }

    fn text(&mut self, text: Option<String>, events: &mut Vec<StreamEvent>) {
        let Some(text) = text else { return };
        if std::mem::take(&mut self.message.is_next) {
            events.push(StreamEvent::text(BETWEEN));
        }
        self.message.has_text = true;
        self.message.has_any = true;
        self.last = Last::Text;
        events.push(StreamEvent::text(text));
    }

    fn reasoning(
        &mut self,
        source: Source,
        part: Option<u32>,
        text: Option<String>,
        events: &mut Vec<StreamEvent>,
    ) {
        let Some(text) = text else { return };
        if *self.reasoning.source.get_or_insert(source) != source {
            return;
        }
        // Another part, or another item without data between them.
        let is_next = !self.reasoning.has_text || self.reasoning.part != part;
        if is_next && self.last == Last::Reasoning {
            events.push(StreamEvent::reasoning(BETWEEN));
        }
        self.reasoning.part = part;
        self.reasoning.has_text = true;
        self.reasoning.has_any = true;
        self.last = Last::Reasoning;
        events.push(StreamEvent::reasoning(text));
    }

    /// Decodes the content of a message that came whole.
    fn content(&mut self, content: &Value, events: &mut Vec<StreamEvent>) {
        let Value::Array(parts) = content else {
            return self.text(text_in(content), events);
        };
        for part in parts {
            let refusal = part.get("refusal").and_then(text_in);
            self.refused |= refusal.is_some();
            self.text(refusal.or_else(|| text_in(part)), events);
        }
    }

    fn end_calls(&mut self, events: &mut Vec<StreamEvent>) {
        let calls = self.calls.calls.finish();
        if !calls.is_empty() {
            self.last = Last::Other;
        }
        events.extend(calls);
    }

    /// Decodes the complete response; `event` is the kind of the event around it, if it came in a stream.
    fn response(
        &mut self,
        response: &Response,
        event: Option<&str>,
        events: &mut Vec<StreamEvent>,
    ) {
        let has_text = self.message.has_any;
        let (has_reasoning, has_call) = (self.reasoning.has_any, self.calls.begun > 0);
        for whole in &response.output {
            let came = match read::<Item>(whole).kind() {
                ItemKind::Message => has_text,
                ItemKind::Reasoning => has_reasoning,
                ItemKind::Call => has_call,
                ItemKind::Unshown(unshown) => {
                    events.push(StreamEvent::Unshown(unshown));
                    true
                }
                ItemKind::Other => true,
            };
            if !came {
                self.done(whole, None, events);
            }
        }
        self.end_calls(events);
        let status = stated(response.status.as_deref());
        let is_cut = event == Some("incomplete") || status == Some("incomplete");
        if is_cut || event.is_some() || status == Some("completed") {
            let details = response.incomplete_details.as_ref();
            let reason = details.and_then(|details| stated(details.reason.as_deref()));
            events.push(StreamEvent::Finish(match reason {
                Some("content_filter") => FinishReason::ContentFilter,
                _ if is_cut => FinishReason::Length,
                _ if self.refused => FinishReason::Refusal,
                _ => FinishReason::Stop,
            }));
        }
        events.extend(response.counted());
    }
}

impl Message {
    fn begin(&mut self) {
        self.is_next = self.has_any;
        self.has_text = false;
    }
}

/// Calls, each by the index of its item, or in order where servers send none.
#[derive(Default)]
struct OpenCalls {
    calls: Calls,
    begun: u64,
    /// The one that is being written.
    open: Option<u64>,
    /// Those whose arguments came in pieces.
    in_pieces: HashSet<u64>,
}

impl OpenCalls {
    fn begin(&mut self, index: Option<u32>, call: Fragment) {
        self.begun += 1;
        let index = index.map_or(self.begun, u64::from);
        self.open = Some(index);
        self.add(index, call);
    }

    fn extend(&mut self, index: Option<u32>, input: Option<String>) {
        let Some(index) = index.map(u64::from).or(self.open) else {
            return;
        };
        self.in_pieces.insert(index);
        self.add(
            index,
            Fragment {
                input,
                ..Fragment::default()
            },
        );
    }

    fn end(&mut self, index: Option<u32>, call: Fragment) {
        match index.map(u64::from).or(self.open) {
            Some(at) if self.in_pieces.contains(&at) => {}
            Some(at) if self.open.is_some() => self.add(at, call),
            _ => self.begin(index, call),
        }
        self.open = None;
    }

    fn add(&mut self, index: u64, call: Fragment) {
        let index = Some(index);
        self.calls.add(Fragment { index, ..call });
    }
}

/// Returns the parts of a summary as paragraphs; none if there is no text.
fn paragraphs(parts: &Value) -> Option<String> {
    let Value::Array(parts) = parts else {
        return text_in(parts);
    };
    let parts: Vec<_> = parts.iter().filter_map(text_in).collect();
    (!parts.is_empty()).then(|| parts.join(BETWEEN))
}

/// Returns an item of reasoning as the provider requires it back: without its encrypted content, the provider could
/// not find it.
fn kept(whole: &Value, item: &Item) -> Option<ProviderData> {
    let encrypted = item.encrypted_content.as_ref();
    encrypted.filter(|content| !content.is_empty())?;
    let fields = whole.as_object()?.clone();
    let is_sent = |(name, value): &(String, Value)| name != "status" && !value.is_null();
    let fields: Map<_, _> = fields.into_iter().filter(is_sent).collect();
    let item = Value::Object(fields);
    (item.to_string().len() <= MAX_ITEM_BYTES).then(|| provider_data(ITEM, item))
}

fn provider_data(name: &str, value: Value) -> ProviderData {
    let fields = Map::from_iter([(name.to_owned(), value)]);
    ProviderData {
        protocol: ProtocolKind::Responses,
        data: fields.into(),
    }
}

impl Response {
    fn counted(&self) -> Option<StreamEvent> {
        self.usage.map(|usage| StreamEvent::Usage(usage.into()))
    }
}

#[derive(Clone, Copy, Deserialize)]
struct WireUsage {
    /// Cached tokens included.
    #[serde(default, deserialize_with = "count")]
    input_tokens: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    input_tokens_details: Option<InputDetails>,
    /// Reasoning included.
    #[serde(default, deserialize_with = "count")]
    output_tokens: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Clone, Copy, Deserialize)]
struct InputDetails {
    #[serde(default, deserialize_with = "count")]
    cached_tokens: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    cache_write_tokens: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
struct OutputDetails {
    #[serde(default, deserialize_with = "count")]
    reasoning_tokens: Option<u32>,
}

impl From<WireUsage> for Usage {
    fn from(usage: WireUsage) -> Self {
        let (input, output) = (usage.input_tokens_details, usage.output_tokens_details);
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            cached_tokens: input.and_then(|details| details.cached_tokens),
            cache_written_tokens: input.and_then(|details| details.cache_write_tokens),
            reasoning_tokens: output.and_then(|details| details.reasoning_tokens),
        }
    }
}

#[cfg(test)]
mod tests;
