//! What a stream tells: the difference between the blocks that were told and those of now.
//!
//! Text that is being written changes its last block, rarely one before. So a difference is what
//! comes after the blocks that stayed; and for a long piece of code, whose block may be all there is,
//! only the text that was added.

use serde::Serialize;
use specta::Type;

use crate::block::Block;

/// A change of the blocks that were told so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Patch {
    /// Keep the first blocks, and put these after them.
    Replace {
        /// How many are kept.
        from: u32,
        /// What comes after those.
        blocks: Vec<Block>,
    },
    /// Append to the text of a code block whose fence is open.
    Grow {
        /// The index of the block, which is the last.
        at: u32,
        /// What is appended.
        text: String,
    },
}

/// What turns `told` into `now`; `None` when nothing changed.
pub fn patch(told: &[Block], now: &[Block]) -> Option<Patch> {
    let pairs = told.iter().zip(now);
    let kept = pairs.take_while(|(told, now)| told == now).count();
    if kept == told.len() && kept == now.len() {
        return None;
    }
    let from = u32::try_from(kept).unwrap_or(u32::MAX);
    if let ([told], [now]) = (&told[kept..], &now[kept..])
        && let Some(text) = growth(told, now)
    {
        return Some(Patch::Grow {
            at: from,
            text: text.to_owned(),
        });
    }
    Some(Patch::Replace {
        from,
        blocks: now[kept..].to_vec(),
    })
}

/// What was added to code whose fence is open.
fn growth<'a>(told: &Block, now: &'a Block) -> Option<&'a str> {
    match (told, now) {
        (
            Block::Code {
                language: language_told,
                text: text_told,
                closed: false,
            },
            Block::Code {
                language,
                text,
                closed: false,
            },
        ) if language == language_told => text.strip_prefix(text_told.as_str()),
        _ => None,
    }
}

/// Carries out a patch, as the page does.
pub fn apply(blocks: &mut Vec<Block>, patch: Patch) {
    match patch {
        Patch::Replace { from, blocks: new } => {
            blocks.truncate(from as usize);
            blocks.extend(new);
        }
        Patch::Grow { at, text: more } => {
            if let Some(Block::Code { text, .. }) = blocks.get_mut(at as usize) {
                text.push_str(&more);
            }
        }
    }
}
