//! Reads the header of a GGUF file: the few values that say what it is, and how long it must be.

use std::io::{self, BufReader, ErrorKind, Read, Seek};

use thiserror::Error;

use crate::layout;
use crate::parts::Split;

const MAGIC: [u8; 4] = *b"GGUF";
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_DIMENSIONS: u32 = 4;
/// The most bytes that are kept of a text: only the beginning of a chat template is needed.
const MAX_TEXT: u64 = 4096;

/// What is wrong with a model file.
#[derive(Debug, Error)]
pub enum Damage {
    /// It begins with other bytes.
    #[error("it is not a GGUF file")]
    NotGguf,
    /// A version of the format that is older than models, or newer than Conch.
    #[error("it has GGUF version {0}, and only versions 2 and 3 are supported")]
    Version(u32),
    /// It ends within its header.
    #[error("its header is incomplete. Download it again")]
    HeaderCut,
    /// A length or a type that cannot be.
    #[error("its header is invalid. Download it again")]
    Malformed,
    /// It ends before its last tensor.
    #[error(
        "it has {actual} of {expected} bytes. Download it again, or join its pieces if it was published in several"
    )]
    Cut {
        /// How many bytes its header announces.
        expected: u64,
        /// How many there are.
        actual: u64,
    },
    /// It does not say which kind of model it is.
    #[error("it names no architecture. Choose another file")]
    NoArchitecture,
    /// The drive failed.
    #[error("it cannot be read: {0}")]
    Read(io::Error),
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::UnexpectedEof {
            Self::HeaderCut
        } else {
            Self::Read(error)
        }
    }
}

/// What a model is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Text,
    Embedding,
    Reranking,
    Images,
    Adapter,
    Translation,
}

impl Purpose {
    /// Returns what the file is, with its article, if it writes no text.
    pub(crate) fn unsuited(self) -> Option<&'static str> {
        match self {
            Self::Text => None,
            Self::Embedding => Some("an embedding model"),
            Self::Reranking => Some("a reranking model"),
            Self::Images => Some("the image part of a model"),
            Self::Adapter => Some("an adapter for another model"),
            Self::Translation => Some("a translation model of the T5 family"),
        }
    }
}

/// What a header says about its model. Other values are not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    architecture: Option<String>,
    /// `general.type`: `model`, `adapter`, `mmproj`.
    kind: Option<String>,
    has_chat_template: bool,
    /// llama.cpp's `llama_pooling_type`; 0 is none.
    pooling: Option<u64>,
    is_causal: Option<bool>,
    part: u64,
    parts: u64,
}

/// The models that return a vector: they have no next token. Others say so by their pooling or attention.
const EMBEDDING: [&str; 9] = [
    "bert",
    "nomic-bert",
    "nomic-bert-moe",
    "neo-bert",
    "jina-bert-v2",
    "jina-bert-v3",
    "modern-bert",
    "gemma-embedding",
    "t5encoder",
];

impl Header {
    pub(crate) fn has_chat_template(&self) -> bool {
        self.has_chat_template
    }

    pub(crate) fn into_architecture(self) -> Option<String> {
        self.architecture
    }

    pub(crate) fn split(&self) -> Option<Split> {
        let number = u32::try_from(self.part).ok()?;
        let count = u32::try_from(self.parts).ok()?;
        (count > 1).then_some(Split { number, count })
    }

    pub(crate) fn purpose(&self) -> Purpose {
        let architecture = self.architecture.as_deref().unwrap_or_default();
        match (self.kind.as_deref(), architecture) {
            (Some("adapter"), _) => Purpose::Adapter,
            (Some("mmproj"), _) | (_, "clip") => Purpose::Images,
            (_, "t5") => Purpose::Translation,
            _ if self.pooling == Some(4) => Purpose::Reranking,
            _ if self.pooling.is_some_and(|kind| kind > 0)
                || self.is_causal == Some(false)
                || EMBEDDING.contains(&architecture) =>
            {
                Purpose::Embedding
            }
            _ => Purpose::Text,
        }
    }

    /// Keeps a value, if it says what the model is.
    fn note(&mut self, key: &[u8], value: Value) {
        let ends = |end: &[u8]| key.ends_with(end);
        match (key, value) {
            (b"general.architecture", Value::Text(text)) => self.architecture = Some(text),
            (b"general.type", Value::Text(text)) => self.kind = Some(text),
            (b"tokenizer.chat_template", Value::Text(text)) => {
                self.has_chat_template = !text.trim().is_empty();
            }
            (b"split.no", Value::Number(number)) => self.part = number,
            (b"split.count", Value::Number(number)) => self.parts = number,
            (_, Value::Number(number)) if ends(b".pooling_type") => self.pooling = Some(number),
            (_, Value::Bool(is_so)) if ends(b".attention.causal") => self.is_causal = Some(is_so),
            _ => {}
        }
    }
}

/// A value that may be kept.
enum Value {
    Text(String),
    Number(u64),
    Bool(bool),
    Other,
}

/// Reads the header of a file of `length` bytes, and checks that the file is whole.
///
/// # Errors
/// When the file is damaged.
pub fn check_content(content: impl Read + Seek, length: u64) -> Result<Header, Damage> {
    let mut reader = Reader {
        source: BufReader::new(content),
        position: 0,
        length,
    };
    let (header, expected) = reader.read()?;
    if length < expected {
        return Err(Damage::Cut {
            expected,
            actual: length,
        });
    }
    Ok(header)
}

struct Reader<R> {
    source: BufReader<R>,
    position: u64,
    length: u64,
}

impl<R: Read + Seek> Reader<R> {
    /// Returns the values that are kept, and where the last tensor ends.
    fn read(&mut self) -> Result<(Header, u64), Damage> {
        if self.length < MAGIC.len() as u64 || self.bytes()? != MAGIC {
            return Err(Damage::NotGguf);
        }
        let version = self.u32()?;
        if !VERSIONS.contains(&version) {
            return Err(Damage::Version(version));
        }
        let tensors = self.u64()?;
        let pairs = self.u64()?;
        let mut alignment = DEFAULT_ALIGNMENT;
        let mut header = Header::default();
        for _ in 0..pairs {
            let key = self.string()?;
            let kind = self.u32()?;
            if key == b"general.alignment" && kind == layout::U32 {
                alignment = u64::from(self.u32()?);
            } else {
                let value = self.value(kind)?;
                header.note(&key, value);
            }
        }
        let mut end = 0;
        for _ in 0..tensors {
            end = self.tensor()?.max(end);
        }
        let data = self.position.checked_next_multiple_of(alignment);
        let expected = data.and_then(|data| data.checked_add(end));
        Ok((header, expected.ok_or(Damage::Malformed)?))
    }

    fn value(&mut self, kind: u32) -> Result<Value, Damage> {
        Ok(match kind {
            layout::STRING => Value::Text(self.beginning()?),
            layout::U16 => Value::Number(u16::from_le_bytes(self.bytes()?).into()),
            layout::U32 => Value::Number(self.u32()?.into()),
            layout::BOOL => Value::Bool(self.bytes::<1>()? != [0]),
            _ => {
                self.skip_value(kind)?;
                Value::Other
            }
        })
    }

    /// Returns the beginning of a string, and skips the rest.
    fn beginning(&mut self) -> Result<String, Damage> {
        let length = self.u64()?;
        let kept = self.take(length.min(MAX_TEXT))?;
        self.skip(length - length.min(MAX_TEXT))?;
        Ok(String::from_utf8_lossy(&kept).into_owned())
    }

    /// Returns where this tensor ends, counted from the start of the first one.
    fn tensor(&mut self) -> Result<u64, Damage> {
        self.string()?;
        let dimensions = self.u32()?;
        if dimensions > MAX_DIMENSIONS {
            return Err(Damage::Malformed);
        }
        let mut elements = 1_u64;
        for _ in 0..dimensions {
            let extent = self.u64()?;
            elements = elements.checked_mul(extent).ok_or(Damage::Malformed)?;
        }
        let kind = self.u32()?;
        let offset = self.u64()?;
        // Types that are newer than this table are left to llama.cpp.
        let size = layout::tensor_bytes(kind, elements).unwrap_or(0);
        offset.checked_add(size).ok_or(Damage::Malformed)
    }

    fn skip_value(&mut self, kind: u32) -> Result<(), Damage> {
        match kind {
            layout::STRING => self.skip_string(),
            layout::ARRAY => {
                let kind = self.u32()?;
                let count = self.u64()?;
                if kind == layout::STRING {
                    return (0..count).try_for_each(|_| self.skip_string());
                }
                let size = layout::scalar_bytes(kind).ok_or(Damage::Malformed)?;
                self.skip(count.checked_mul(size).ok_or(Damage::Malformed)?)
            }
            _ => self.skip(layout::scalar_bytes(kind).ok_or(Damage::Malformed)?),
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, Damage> {
        let length = self.u64()?;
        self.take(length)
    }

    fn take(&mut self, length: u64) -> Result<Vec<u8>, Damage> {
        // A length is accepted only when the file is long enough for it, so that none can exhaust memory.
        if length > self.length.saturating_sub(self.position) {
            return Err(Damage::HeaderCut);
        }
        let mut string = Vec::new();
        self.position += length;
        let read = self.source.by_ref().take(length).read_to_end(&mut string)?;
        if (read as u64) < length {
            return Err(Damage::HeaderCut);
        }
        Ok(string)
    }

    fn skip_string(&mut self) -> Result<(), Damage> {
        let length = self.u64()?;
        self.skip(length)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Damage> {
        if bytes > self.length.saturating_sub(self.position) {
            return Err(Damage::HeaderCut);
        }
        self.position += bytes;
        let distance = i64::try_from(bytes).map_err(|_| Damage::Malformed)?;
        Ok(self.source.seek_relative(distance)?)
    }

    fn u32(&mut self) -> Result<u32, Damage> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, Damage> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        self.position += N as u64;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{Damage, check_content};
    use crate::testing::{Sample, Value};

    /// A header with some values, and one tensor; then the tensor.
    fn model() -> Vec<u8> {
        Sample::default()
            .with("split.count", Value::U16(1))
            .with("llama.attention.causal", Value::Bool(true))
            .bytes()
    }

    fn check_bytes(bytes: &[u8]) -> Result<(), Damage> {
        check_content(Cursor::new(bytes), bytes.len() as u64).map(drop)
    }

    #[test]
    fn a_whole_file_passes() {
        check_bytes(&model()).unwrap();
        let mut padded = model();
        padded.extend([0; 24]);
        check_bytes(&padded).unwrap();
    }

    #[test]
    fn a_file_cut_anywhere_is_damaged() {
        let whole = model();
        for length in 0..whole.len() {
            let damage = check_bytes(&whole[..length]).unwrap_err();
            match damage {
                Damage::NotGguf => assert!(length < 4),
                Damage::Cut { expected, actual } => {
                    assert_eq!(expected, whole.len() as u64);
                    assert_eq!(actual, length as u64);
                }
                Damage::HeaderCut => {}
                other => panic!("{length} bytes: {other}"),
            }
        }
    }

    #[test]
    fn other_files_are_not_gguf() {
        assert!(matches!(check_bytes(b""), Err(Damage::NotGguf)));
        let page = b"<!DOCTYPE html><title>404</title>";
        assert!(matches!(check_bytes(page), Err(Damage::NotGguf)));
    }

    #[test]
    fn other_versions_are_refused() {
        let mut old = model();
        old[4] = 1;
        assert!(matches!(check_bytes(&old), Err(Damage::Version(1))));
    }

    #[test]
    fn absurd_lengths_neither_pass_nor_allocate() {
        for at in [8, 16, 24] {
            let mut absurd = model();
            absurd[at..at + 8].copy_from_slice(&(u64::MAX / 3).to_le_bytes());
            check_bytes(&absurd).unwrap_err();
        }
    }

    #[test]
    fn a_zero_alignment_is_refused() {
        let mut odd = model();
        let key = b"general.alignment";
        let at = odd.windows(key.len()).position(|window| window == key);
        odd[at.unwrap() + key.len() + 4] = 0;
        assert!(matches!(check_bytes(&odd), Err(Damage::Malformed)));
    }
}
