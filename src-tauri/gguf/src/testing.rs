//! Small model files for tests: a valid header and one tensor, which no model can be loaded from.

use super::layout;

/// A value in a header.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "variant names say it")]
pub enum Value {
    Text(&'static str),
    U16(u16),
    U32(u32),
    Bool(bool),
}

/// The content of a model file.
#[derive(Debug, Clone)]
pub struct Sample {
    pairs: Vec<(String, Value)>,
}

/// A base model of the architecture `llama`.
impl Default for Sample {
    fn default() -> Self {
        Self::of("llama")
    }
}

impl Sample {
    /// A file without any metadata.
    pub fn empty() -> Self {
        Self { pairs: Vec::new() }
    }

    /// A base model of an architecture.
    pub fn of(architecture: &'static str) -> Self {
        Self::empty().with("general.architecture", Value::Text(architecture))
    }

    /// A part of a model, `number` from 0. Only the first has metadata about the model.
    pub fn part(number: u16, count: u16) -> Self {
        let part = if number == 0 {
            Self::default()
        } else {
            Self::empty()
        };
        part.with("split.no", Value::U16(number))
            .with("split.count", Value::U16(count))
    }

    /// Adds a value.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.pairs.push((key.to_owned(), value));
        self
    }

    /// Returns the file: a header with these values and an alignment of 64, and one `Q4_1` tensor of 64 elements,
    /// which are 40 bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend((self.pairs.len() as u64 + 2).to_le_bytes());
        for (key, value) in &self.pairs {
            bytes.extend(string(key));
            match value {
                Value::Text(text) => {
                    bytes.extend(layout::STRING.to_le_bytes());
                    bytes.extend(string(text));
                }
                Value::U16(number) => {
                    bytes.extend(layout::U16.to_le_bytes());
                    bytes.extend(number.to_le_bytes());
                }
                Value::U32(number) => {
                    bytes.extend(layout::U32.to_le_bytes());
                    bytes.extend(number.to_le_bytes());
                }
                Value::Bool(is_so) => {
                    bytes.extend(layout::BOOL.to_le_bytes());
                    bytes.push(u8::from(*is_so));
                }
            }
        }
        bytes.extend(string("tokenizer.ggml.tokens"));
        bytes.extend(layout::ARRAY.to_le_bytes());
        bytes.extend(layout::STRING.to_le_bytes());
        bytes.extend(2_u64.to_le_bytes());
        bytes.extend(string("a"));
        bytes.extend(string("bc"));
        bytes.extend(string("general.alignment"));
        bytes.extend(layout::U32.to_le_bytes());
        bytes.extend(64_u32.to_le_bytes());
        bytes.extend(string("token_embd.weight"));
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend(32_u64.to_le_bytes());
        bytes.extend(2_u64.to_le_bytes());
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(64) + 40, 7);
        bytes
    }
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
