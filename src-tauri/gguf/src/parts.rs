//! The names of a model's parts: `NAME-00001-of-00003.gguf`, as `gguf-split` writes them.

use std::path::{Path, PathBuf};

/// The most parts of a model: none was seen with more than a few dozen, and their files are all looked for.
const MAX_PARTS: u32 = 1000;

/// One of several parts of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Split {
    /// From 0.
    pub(crate) number: u32,
    /// At least 2.
    pub(crate) count: u32,
}

/// Returns the name of a file without its extension and without the number of its part.
pub(crate) fn stem(stem: &str) -> &str {
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let without = || {
        let (rest, count) = stem.rsplit_once("-of-")?;
        let (name, number) = rest.rsplit_once('-')?;
        (digits(count) && digits(number) && !name.is_empty()).then_some(name)
    };
    without().unwrap_or(stem)
}

/// Returns the paths of all parts, in their order; `None` if `path` is not named as one of `count` parts.
pub(crate) fn names(path: &Path, count: u32) -> Option<Vec<PathBuf>> {
    let own = path.file_stem()?.to_str()?;
    let name = stem(own);
    let is_part = own.ends_with(&format!("-of-{count:05}")) && name != own;
    let parts = (1..=count.min(MAX_PARTS)).map(|part| part_of(path, name, part, count));
    (is_part && count <= MAX_PARTS).then(|| parts.collect())
}

/// Returns the path that this part should have.
pub(crate) fn expected(path: &Path, split: Split) -> PathBuf {
    let own = path.file_stem().map(|own| own.to_string_lossy());
    let name = stem(own.as_deref().unwrap_or("model"));
    part_of(path, name, split.number.saturating_add(1), split.count)
}

fn part_of(path: &Path, name: &str, part: u32, count: u32) -> PathBuf {
    path.with_file_name(format!("{name}-{part:05}-of-{count:05}.gguf"))
}
