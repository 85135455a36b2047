//! What a GGUF model file is, from its header: whole or cut, for chat or not, one of several parts.
//!
//! llama.cpp checks a file too, but it returns only a null pointer, and aborts with an assertion on some malformed
//! files. This reads the header, a few megabytes at most, and compares the end of the last tensor with the length
//! of the file. The content of the tensors is checked where the file is downloaded, by its sha256.
//!
//! The engine checks a file before it loads it, and the settings before they store its path: both say the same.

mod header;
mod layout;
mod name;
mod parts;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use thiserror::Error;

use header::Header;
pub use header::{Damage, check_content};
pub use name::name_of;

/// A model file that can be loaded for chat or completion, as far as its header shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// The file to load: of a model in parts, the first.
    pub path: PathBuf,
    /// The model's name: the file's, without the quantisation and the number of the part.
    pub name: String,
    /// The size in bytes, of all parts together.
    pub bytes: u64,
    /// The model's kind, as llama.cpp names it: `llama`, `gemma3`.
    pub architecture: String,
    /// It has a chat template. One without is a base model, which continues a text and answers no questions.
    pub has_chat_template: bool,
}

/// Why a file cannot be used as a model.
#[derive(Debug, Error)]
pub enum Fault {
    /// There is no file, or it cannot be opened.
    #[error(
        "The model file {} cannot be opened: {}. Check the path, or choose another file",
        path.display(),
        plain(reason)
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// Why it cannot be opened.
        reason: io::Error,
    },
    /// Some other file.
    #[error(
        "{} is not a GGUF file. Choose a model file that ends in .gguf",
        path.display()
    )]
    NotGguf {
        /// The file.
        path: PathBuf,
    },
    /// A GGUF file that is cut off or malformed.
    #[error("The model file {} is damaged: {damage}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },
    /// A part of a model whose other parts are not beside it.
    #[error(
        "{} is part {part} of {count}, and {} is not beside it. Put all parts into one folder, under the names that they were published with",
        path.display(),
        missing.display()
    )]
    Split {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        part: u32,
        /// How many parts there are.
        count: u32,
        /// The first one that is absent.
        missing: PathBuf,
    },
    /// A file that is no model for text: its header says what it is for.
    #[error(
        "{} is {purpose}, which cannot write an answer. Choose a chat model",
        path.display()
    )]
    NotForChat {
        /// The file.
        path: PathBuf,
        /// What it is, with its article.
        purpose: &'static str,
    },
    /// A model of a kind that llama.cpp in this version of Conch does not have.
    #[error(
        "The model file {} cannot be loaded: this version of Conch does not support its architecture, {architecture:?}, or its layout. Choose another file, or serve it with another program and add that as a provider",
        path.display()
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// As the file names it.
        architecture: String,
    },
}

impl Fault {
    /// Returns the stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "model_missing",
            Self::NotGguf { .. } => "model_not_gguf",
            Self::Damaged { .. } => "model_damaged",
            Self::Split { .. } => "model_incomplete",
            Self::NotForChat { .. } => "model_not_for_chat",
            Self::Unsupported { .. } => "model_unsupported",
        }
    }
}

/// Returns the system's reason without its number.
fn plain(reason: &io::Error) -> String {
    let reason = reason.to_string();
    let (words, _) = reason.split_once(" (os error").unwrap_or((&reason, ""));
    words.to_owned()
}

/// Reads what the file at `path` is. A part of a model stands for all of them. Whether llama.cpp supports its
/// architecture shows only when it loads it.
///
/// # Errors
/// When there is no file that can be opened, it is not GGUF, cut, malformed or incomplete, or is no model for text.
pub fn inspect(path: &Path) -> Result<ModelFile, Fault> {
    let (header, bytes) = read(path)?;
    if let Some(purpose) = header.purpose().unsuited() {
        return Err(Fault::NotForChat {
            path: path.to_owned(),
            purpose,
        });
    }
    let Some(split) = header.split() else {
        return of(path.to_owned(), bytes, header);
    };
    let names = parts::names(path, split.count);
    let missing = |missing: PathBuf| Fault::Split {
        path: path.to_owned(),
        part: split.number.saturating_add(1),
        count: split.count,
        missing,
    };
    let Some(names) = names else {
        // llama.cpp finds the other parts by the name of the first alone.
        return Err(missing(parts::expected(path, split)));
    };
    if let Some(absent) = names.iter().find(|name| !name.is_file()) {
        return Err(missing(absent.clone()));
    }
    let mut all = 0;
    let mut first = None;
    for part in names {
        let (header, bytes) = read(&part)?;
        all += bytes;
        first.get_or_insert((part, header));
    }
    let (path, header) = first.ok_or_else(|| missing(path.to_owned()))?;
    of(path, all, header)
}

fn of(path: PathBuf, bytes: u64, header: Header) -> Result<ModelFile, Fault> {
    let has_chat_template = header.has_chat_template();
    let Some(architecture) = header.into_architecture() else {
        return Err(Fault::Damaged {
            path,
            damage: Damage::NoArchitecture,
        });
    };
    Ok(ModelFile {
        name: name_of(&path),
        path,
        bytes,
        architecture,
        has_chat_template,
    })
}

/// Reads the header of one file, and returns it with the file's length in bytes.
fn read(path: &Path) -> Result<(Header, u64), Fault> {
    let missing = |reason| Fault::Missing {
        path: path.to_owned(),
        reason,
    };
    let file = File::open(path).map_err(missing)?;
    let metadata = file.metadata().map_err(missing)?;
    if !metadata.is_file() {
        return Err(missing(ErrorKind::IsADirectory.into()));
    }
    let length = metadata.len();
    match check_content(file, length) {
        Ok(header) => Ok((header, length)),
        Err(Damage::NotGguf) => Err(Fault::NotGguf {
            path: path.to_owned(),
        }),
        Err(damage) => Err(Fault::Damaged {
            path: path.to_owned(),
            damage,
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::testing::{Sample, Value};
    use super::*;

    fn inspected(name: &str, sample: &Sample) -> Result<ModelFile, Fault> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, sample.bytes()).unwrap();
        inspect(&path)
    }

    #[test]
    fn a_model_without_a_template_is_a_base_model() {
        let base = inspected("Tiny-Q4_1.gguf", &Sample::default()).unwrap();
        assert_eq!((&*base.name, &*base.architecture), ("Tiny", "llama"));
        assert!(!base.has_chat_template);
        assert_eq!(base.bytes, Sample::default().bytes().len() as u64);
        for (template, has_one) in [("{{ messages }}", true), (" \n", false)] {
            let key = "tokenizer.chat_template";
            let chat = Sample::default().with(key, Value::Text(template));
            let chat = inspected("tiny.gguf", &chat).unwrap();
            assert_eq!(chat.has_chat_template, has_one, "{template:?}");
        }
    }

    #[test]
    fn what_is_no_model_for_text_says_what_it_is() {
        let of = |architecture| Sample::of(architecture);
        for (sample, what) in [
            (of("nomic-bert"), "an embedding model"),
            (of("gemma-embedding"), "an embedding model"),
            (
                of("qwen3").with("qwen3.pooling_type", Value::U32(3)),
                "an embedding model",
            ),
            (
                of("llama").with("llama.attention.causal", Value::Bool(false)),
                "an embedding model",
            ),
            (
                of("qwen3").with("qwen3.pooling_type", Value::U32(4)),
                "a reranking model",
            ),
            (of("clip"), "the image part of a model"),
            (
                of("llama").with("general.type", Value::Text("mmproj")),
                "the image part of a model",
            ),
            (
                of("llama").with("general.type", Value::Text("adapter")),
                "an adapter for another model",
            ),
            (of("t5"), "a translation model of the T5 family"),
        ] {
            let fault = inspected("x.gguf", &sample).unwrap_err();
            assert_eq!(fault.code(), "model_not_for_chat", "{fault}");
            assert!(fault.to_string().contains(what), "{fault}");
        }
        // No pooling at all, as converters also write it.
        let plain = of("qwen3").with("qwen3.pooling_type", Value::U32(0));
        inspected("x.gguf", &plain).unwrap();
    }

    #[test]
    fn any_part_stands_for_the_whole_model() {
        let folder = tempfile::tempdir().unwrap();
        let path = |part: u16| {
            folder
                .path()
                .join(format!("big-Q8_0-0000{part}-of-00003.gguf"))
        };
        let mut bytes = 0;
        for part in 1..=3 {
            let sample = Sample::part(part - 1, 3).bytes();
            bytes += sample.len() as u64;
            fs::write(path(part), sample).unwrap();
        }
        for part in 1..=3 {
            let model = inspect(&path(part)).unwrap();
            assert_eq!(model.path, path(1));
            assert_eq!((&*model.name, model.bytes), ("big", bytes));
        }

        fs::remove_file(path(2)).unwrap();
        let fault = inspect(&path(3)).unwrap_err();
        assert_eq!(fault.code(), "model_incomplete");
        let words = fault.to_string();
        assert!(words.contains("part 3 of 3"), "{words}");
        assert!(
            words.contains("big-Q8_0-00002-of-00003.gguf is not beside it"),
            "{words}"
        );

        let cut = Sample::part(1, 3).bytes();
        fs::write(path(2), &cut[..cut.len() - 1]).unwrap();
        let fault = inspect(&path(1)).unwrap_err();
        assert_eq!(fault.code(), "model_damaged", "{fault}");
        assert!(fault.to_string().contains("00002-of-00003"), "{fault}");
    }

    #[test]
    fn a_part_under_another_name_says_which_name_it_needs() {
        let fault = inspected("renamed.gguf", &Sample::part(1, 4)).unwrap_err();
        assert_eq!(fault.code(), "model_incomplete");
        let words = fault.to_string();
        assert!(words.contains("renamed-00002-of-00004.gguf"), "{words}");
    }

    #[test]
    fn what_is_no_file_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_owned(), folder.path().join("absent.gguf")] {
            let fault = inspect(&path).unwrap_err();
            assert_eq!(fault.code(), "model_missing", "{fault}");
            assert!(!fault.to_string().contains("os error"), "{fault}");
        }
        let other = folder.path().join("page.gguf");
        for content in ["", "<!DOCTYPE html>"] {
            fs::write(&other, content).unwrap();
            assert_eq!(inspect(&other).unwrap_err().code(), "model_not_gguf");
        }
    }

    #[test]
    fn a_file_without_an_architecture_is_damaged() {
        let fault = inspected("x.gguf", &Sample::empty()).unwrap_err();
        assert_eq!(fault.code(), "model_damaged", "{fault}");
    }
}
