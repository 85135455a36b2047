//! Whether a fenced code block has been closed, which the parser does not report.
//!
//! A block ends at its closing fence, at the end of its container, or at the end of the text. Only in the last
//! case is it still open: the line that closes it may yet arrive.

use std::ops::Range;

/// A fenced code block while its content is read.
pub(crate) struct Fence {
    /// The range of the block in the source, from its opening fence.
    block: Range<usize>,
    /// End offset of the last content.
    content_end: Option<usize>,
}

impl Fence {
    pub(crate) fn new(source: &str, block: Range<usize>) -> Self {
        // Trailing blank lines are content of an open block, not part of a closing fence.
        let end = block.start + source[block.clone()].trim_end().len();
        Self {
            block: block.start..end,
            content_end: None,
        }
    }

    /// Records the end offset of a piece of content.
    pub(crate) fn content_to(&mut self, end: usize) {
        self.content_end = Some(end);
    }

    /// Whether no more content can follow.
    pub(crate) fn is_closed(&self, source: &str) -> bool {
        if !source[self.block.end..].trim_start().is_empty() {
            return true;
        }
        let block = &source[self.block.clone()];
        let Some(last_line) = block.rfind(['\n', '\r']) else {
            return false;
        };
        let last_line = self.block.start + last_line + 1;
        // The closing fence is the only line after the first that is neither blank nor content.
        self.content_end.is_none_or(|end| end <= last_line)
            && source[last_line..self.block.end].ends_with(['`', '~'])
    }
}
