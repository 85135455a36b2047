//! Whether a fenced code block has been closed, which the parser does not say.
//!
//! A block ends at its closing fence, with the container that it is in, or with the text. Only in the
//! last case is it still open: there a line that would close it may yet come.

use std::ops::Range;

/// A fenced code block, while its content comes.
pub(crate) struct Fence {
    /// The block in the source, from its opening fence.
    block: Range<usize>,
    /// Where the last of its content ended.
    content_end: Option<usize>,
}

impl Fence {
    pub(crate) fn new(source: &str, block: Range<usize>) -> Self {
        // Blank lines at the end are content of an open block, and none of its closing fence.
        let end = block.start + source[block.clone()].trim_end().len();
        Self {
            block: block.start..end,
            content_end: None,
        }
    }

    /// Notes where a piece of content ended.
    pub(crate) fn content_to(&mut self, end: usize) {
        self.content_end = Some(end);
    }

    /// Whether no more content may come.
    pub(crate) fn is_closed(&self, source: &str) -> bool {
        if !source[self.block.end..].trim_start().is_empty() {
            return true;
        }
        let block = &source[self.block.clone()];
        let Some(last_line) = block.rfind(['\n', '\r']) else {
            return false;
        };
        let last_line = self.block.start + last_line + 1;
        // What closes the block is the only line after the first that is neither blank nor content.
        self.content_end.is_none_or(|end| end <= last_line)
            && source[last_line..self.block.end].ends_with(['`', '~'])
    }
}
