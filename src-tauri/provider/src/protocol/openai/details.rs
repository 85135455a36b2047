//! The `reasoning_details` of OpenRouter: reasoning in the form of the model's own provider, with its signatures or
//! encrypted, which has to be sent back unchanged with calls of tools.
//! <https://openrouter.ai/docs/use-cases/reasoning-tokens>

use conch_model::{ProtocolKind, ProviderData};
use serde_json::{Value, json};

use crate::protocol::lenient::text_in;
use crate::protocol::{Content, StepPart, StreamEvent};

/// The name of the field, in responses, in requests, and in what is stored.
const FIELD: &str = "reasoning_details";

/// Maximum size of the details of one part, in bytes of JSON; larger ones are not kept.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The details of the reasoning that is being written.
#[derive(Debug, Default)]
pub(super) struct Details {
    entries: Vec<Value>,
    bytes: usize,
    /// Reasoning that is shown came with them, or before them.
    has_text: bool,
}

impl Details {
    /// Returns the readable text of the entries of a chunk, for a server that sends it only there.
    pub(super) fn text(entries: &[Value]) -> Option<String> {
        let entries = entries.iter().filter(|entry| entry.is_object());
        let texts = entries.filter_map(text_in);
        Some(texts.collect()).filter(|text: &String| !text.is_empty())
    }

    /// Returns whether reasoning has begun that the next text ends.
    pub(super) fn has_begun(&self) -> bool {
        self.has_text || self.bytes > 0
    }

    /// Notes that the reasoning is shown, too.
    pub(super) fn goes_with_text(&mut self) {
        self.has_text = true;
    }

    /// Adds the entries of a chunk. An entry comes in fragments with the same index.
    pub(super) fn add(&mut self, entries: Vec<Value>) {
        for entry in entries.into_iter().filter(Value::is_object) {
            self.bytes += entry.to_string().len();
            if self.bytes > MAX_BYTES {
                self.entries.clear();
                continue;
            }
            match self
                .entries
                .iter_mut()
                .rev()
                .find(|known| continues(known, &entry))
            {
                Some(known) => join(known, entry),
                None => self.entries.push(entry),
            }
        }
    }

    /// Returns the details of the reasoning that ends here, if it has any.
    pub(super) fn end(&mut self) -> Option<StreamEvent> {
        let Self {
            entries, has_text, ..
        } = std::mem::take(self);
        if entries.is_empty() {
            return None;
        }
        let data = ProviderData {
            protocol: ProtocolKind::OpenAi,
            data: json!({FIELD: entries}),
        };
        let content = if has_text {
            Content::ProviderData(data)
        } else {
            Content::HiddenReasoning(data)
        };
        Some(content.into())
    }
}

fn continues(known: &Value, entry: &Value) -> bool {
    let index = |entry: &Value| entry.get("index").and_then(Value::as_u64);
    let is_same = |name: &str| known.get(name) == entry.get(name);
    index(entry).is_some() && index(known) == index(entry) && is_same("type")
}

/// Appends the texts of a fragment, and takes over its other fields.
fn join(known: &mut Value, fragment: Value) {
    let (Value::Object(known), Value::Object(fragment)) = (known, fragment) else {
        return;
    };
    for (name, value) in fragment {
        match (known.get_mut(&name), value) {
            (Some(Value::String(text)), Value::String(more))
                if matches!(&*name, "text" | "summary" | "data") =>
            {
                text.push_str(&more);
            }
            (Some(_), Value::Null) => {}
            (_, value) => {
                known.insert(name, value);
            }
        }
    }
}

/// Returns the details of all reasoning before a call, to send them back; none if there are none.
pub(super) fn sent_back(parts: &[StepPart]) -> Option<Value> {
    let entries = parts.iter().filter_map(|part| match part {
        StepPart::Reasoning { data, .. } => data.as_ref()?.get(FIELD)?.as_array(),
        StepPart::Text { .. } => None,
    });
    let entries: Vec<_> = entries.flatten().cloned().collect();
    (!entries.is_empty()).then(|| entries.into())
}
