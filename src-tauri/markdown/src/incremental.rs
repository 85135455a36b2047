//! Incremental parsing of a streamed text: only the part that may still change is parsed again.
//!
//! A block that others follow is final in all but a few texts: a definition at the end may make a link at the
//! beginning, and equations are numbered consecutively. Such a text is parsed as a whole each time. So the
//! blocks always equal a parse of the whole text; the tests compare the two.

use crate::block::Block;
use crate::parse::{Start, Syntax, read};
use crate::patch::{Patch, patch_after};

/// The text received so far, and its blocks.
#[derive(Debug, Default)]
pub struct IncrementalParser {
    text: String,
    blocks: Vec<Block>,
    /// Everything before it is final.
    stable: Start,
    has_cross_references: bool,
}

impl IncrementalParser {
    /// Appends text and returns the resulting patches, in the order to apply them.
    pub fn push(&mut self, more: &str) -> Vec<Patch> {
        self.text.push_str(more);
        let mut reading = read(&self.text[self.stable.bytes..], Syntax::Chat);
        if reading.has_cross_references && !self.has_cross_references {
            self.has_cross_references = true;
            self.stable = Start::default();
            reading = read(&self.text, Syntax::Chat);
        }
        let stable = self.stable;
        let patches = patch_after(
            stable.blocks,
            &self.blocks[stable.blocks..],
            &reading.blocks,
        );
        self.blocks.truncate(stable.blocks);
        self.blocks.extend(reading.blocks);
        if let Some(start) = reading.start.filter(|_| !self.has_cross_references) {
            self.stable.blocks += start.blocks;
            self.stable.bytes += start.bytes;
        }
        patches
    }

    /// Returns the blocks, equal to [`parse`](crate::parse()) of the text so far.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Returns how many bytes at the end of the text are parsed again when more arrive.
    pub fn unstable_len(&self) -> usize {
        self.text.len() - self.stable.bytes
    }
}
