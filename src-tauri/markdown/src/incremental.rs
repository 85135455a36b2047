//! A text that is being written: read again is only what may still change.
//!
//! A block that stands between others is done with, in all but a few texts: a definition at the end may make
//! a link at the beginning, and equations are counted through. Such a text is read as a whole each time. So
//! what a draft says is always what a reading of the whole says; the tests compare the two.

use crate::block::Block;
use crate::parse::{Start, Syntax, read};
use crate::patch::{Patch, patch_after};

/// A text as far as it has come, and its blocks.
#[derive(Debug, Default)]
pub struct IncrementalParser {
    text: String,
    blocks: Vec<Block>,
    /// What comes before it will not change.
    stable: Start,
    has_cross_references: bool,
}

impl IncrementalParser {
    /// Appends text. Returns what that changes in the blocks, in this order.
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

    /// The blocks: those of [`parse`](crate::parse()) of the text so far.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// How many bytes at the end of the text are read again when more comes.
    pub fn unstable_len(&self) -> usize {
        self.text.len() - self.stable.bytes
    }
}
