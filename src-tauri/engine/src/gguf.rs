//! Checks from its header alone whether a file is a complete GGUF model.
//!
//! llama.cpp checks a file too, but it returns only a null pointer, and aborts with an assertion on some malformed
//! files. This reads the header, a few megabytes at most, and compares the end of the last tensor with the length
//! of the file. The content of the tensors is checked where the file is downloaded, by its sha256.

// By its path, because tests/fuzz compiles this module a second time, without llama.cpp.
#[path = "gguf/layout.rs"]
mod layout;

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek};
use std::path::Path;

use thiserror::Error;

use crate::failure::Failure;

const MAGIC: [u8; 4] = *b"GGUF";
const VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
const DEFAULT_ALIGNMENT: u64 = 32;
const MAX_DIMENSIONS: u32 = 4;

/// What is wrong with a model file.
#[derive(Debug, Error)]
pub(crate) enum Damage {
    #[error("it is not a GGUF file")]
    NotGguf,
    #[error("it has GGUF version {0}, and only versions 2 and 3 are supported")]
    Version(u32),
    #[error("its header is incomplete")]
    HeaderCut,
    #[error("its header is invalid")]
    Malformed,
    #[error("it has {actual} of {expected} bytes. The download was interrupted")]
    Cut { expected: u64, actual: u64 },
    #[error("llama.cpp cannot load it, or does not support its architecture")]
    Refused,
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

/// Checks the file at `path`.
///
/// # Errors
/// [`Failure::ModelMissing`] when there is no file that can be opened, [`Failure::ModelDamaged`] when it is not a
/// GGUF file, or incomplete.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    let missing = |reason| Failure::ModelMissing {
        path: path.to_owned(),
        reason,
    };
    let file = File::open(path).map_err(missing)?;
    let metadata = file.metadata().map_err(missing)?;
    if !metadata.is_file() {
        return Err(missing(ErrorKind::IsADirectory.into()));
    }
    check_content(file, metadata.len()).map_err(|damage| Failure::ModelDamaged {
        path: path.to_owned(),
        damage,
    })
}

/// Checks a file of `length` bytes.
///
/// # Errors
/// When the file is damaged.
pub(crate) fn check_content(content: impl Read + Seek, length: u64) -> Result<(), Damage> {
    let mut header = Header {
        source: BufReader::new(content),
        position: 0,
        length,
    };
    let expected = header.expected_length()?;
    if length < expected {
        return Err(Damage::Cut {
            expected,
            actual: length,
        });
    }
    Ok(())
}

struct Header<R> {
    source: BufReader<R>,
    position: u64,
    length: u64,
}

impl<R: Read + Seek> Header<R> {
    /// Returns where the last tensor ends.
    fn expected_length(&mut self) -> Result<u64, Damage> {
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
        for _ in 0..pairs {
            let key = self.string()?;
            let kind = self.u32()?;
            if key == b"general.alignment" && kind == layout::U32 {
                alignment = u64::from(self.u32()?);
            } else {
                self.skip_value(kind)?;
            }
        }
        let mut end = 0;
        for _ in 0..tensors {
            end = self.tensor()?.max(end);
        }
        let data = self.position.checked_next_multiple_of(alignment);
        data.and_then(|data| data.checked_add(end))
            .ok_or(Damage::Malformed)
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

    use super::*;

    fn string(text: &str) -> Vec<u8> {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        bytes
    }

    /// A header with one string, one list of strings, an alignment of 64, and one `Q4_1` tensor of
    /// 64 elements, which are 40 bytes; then the tensor.
    fn model() -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend(3_u64.to_le_bytes());
        bytes.extend(string("general.name"));
        bytes.extend(layout::STRING.to_le_bytes());
        bytes.extend(string("tiny"));
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

    fn check_bytes(bytes: &[u8]) -> Result<(), Damage> {
        check_content(Cursor::new(bytes), bytes.len() as u64)
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

    #[test]
    fn what_is_no_file_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("absent.gguf")] {
            let failure = check(&path).unwrap_err();
            assert_eq!(failure.code(), "model_missing", "{failure}");
        }
        let empty = folder.path().join("empty.gguf");
        File::create(&empty).unwrap();
        assert_eq!(check(&empty).unwrap_err().code(), "model_damaged");
    }
}
