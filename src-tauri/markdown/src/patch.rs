//! What a stream tells: the difference between the blocks that were told and those of now.
//!
//! Text that is being written changes its last block, rarely one before. So a difference is what
//! comes after the blocks that stayed; and where the last block goes on growing, only what changed at
//! its end, however deep that lies and however long the block has become.

use serde::Serialize;
use specta::Type;

use crate::block::{Block, Inline, ListItem};

/// A change of the blocks that were told so far, or of those within one of them.
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
    /// Append to the text of a code block whose fence is open, or to the text that a paragraph ends with.
    Grow {
        /// The index of the block.
        at: u32,
        /// What is appended.
        text: String,
    },
    /// The fence of a code block is closed.
    Close {
        /// The index of the block.
        at: u32,
    },
    /// Keep what a paragraph begins with, and put these after it.
    Inlines {
        /// The index of the block.
        at: u32,
        /// How many inlines are kept.
        from: u32,
        /// What comes after those.
        inlines: Vec<Inline>,
    },
    /// Keep the first items of a list, and put these after them.
    Items {
        /// The index of the block.
        at: u32,
        /// How many items are kept.
        from: u32,
        /// What comes after those.
        items: Vec<ListItem>,
    },
    /// Keep the first rows of a table, and put these after them.
    Rows {
        /// The index of the block.
        at: u32,
        /// How many rows are kept.
        from: u32,
        /// What comes after those.
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// Change the blocks of a quotation, or of the last item of a list.
    Within {
        /// The index of the block.
        at: u32,
        /// The changes, in this order.
        patches: Vec<Patch>,
    },
}

/// What turns `told` into `now`, in this order; none when nothing changed.
pub fn patch(told: &[Block], now: &[Block]) -> Vec<Patch> {
    patch_after(0, told, now)
}

/// The same of blocks that come after so many others.
pub(crate) fn patch_after(before: usize, told: &[Block], now: &[Block]) -> Vec<Patch> {
    let from = kept(told, now);
    let (told, now) = (&told[from..], &now[from..]);
    let replace = |after: usize| Patch::Replace {
        from: index(before + from + after),
        blocks: now[after..].to_vec(),
    };
    if told.is_empty() && now.is_empty() {
        return Vec::new();
    }
    let first = told.first().zip(now.first());
    match first.and_then(|(told, now)| within(index(before + from), told, now)) {
        None => vec![replace(0)],
        Some(patches) if told.len() == 1 && now.len() == 1 => patches,
        Some(mut patches) => {
            patches.push(replace(1));
            patches
        }
    }
}

/// How many are the same from the first on.
fn kept<T: PartialEq>(told: &[T], now: &[T]) -> usize {
    let pairs = told.iter().zip(now);
    pairs.take_while(|(told, now)| told == now).count()
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// What turns one block into another that begins like it; `None` when none does.
fn within(at: u32, told: &Block, now: &Block) -> Option<Vec<Patch>> {
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
                closed,
            },
        ) if language == language_told => {
            let more = text.strip_prefix(text_told.as_str())?;
            let grow = (!more.is_empty()).then(|| grow(at, more));
            let close = closed.then_some(Patch::Close { at });
            Some(grow.into_iter().chain(close).collect())
        }
        (Block::Paragraph { inlines: told }, Block::Paragraph { inlines: now }) => {
            let from = kept(told, now);
            if let ([Inline::Text { text: told }], [Inline::Text { text }]) =
                (&told[from..], &now[from..])
                && let Some(more) = text.strip_prefix(told.as_str())
            {
                return Some(vec![grow(at, more)]);
            }
            (from > 0).then(|| {
                vec![Patch::Inlines {
                    at,
                    from: index(from),
                    inlines: now[from..].to_vec(),
                }]
            })
        }
        (Block::Quote { blocks: told }, Block::Quote { blocks: now }) => {
            Some(vec![Patch::Within {
                at,
                patches: patch(told, now),
            }])
        }
        (
            Block::List {
                start: start_told,
                tight: tight_told,
                items: told,
            },
            Block::List {
                start,
                tight,
                items: now,
            },
        ) if (start, tight) == (start_told, tight_told) => Some(items(at, told, now)),
        (
            Block::Table {
                alignments: alignments_told,
                header: header_told,
                rows: told,
            },
            Block::Table {
                alignments,
                header,
                rows: now,
            },
        ) if (alignments, header) == (alignments_told, header_told) => {
            let from = kept(told, now);
            Some(vec![Patch::Rows {
                at,
                from: index(from),
                rows: now[from..].to_vec(),
            }])
        }
        _ => None,
    }
}

fn items(at: u32, told: &[ListItem], now: &[ListItem]) -> Vec<Patch> {
    let mut patches = Vec::new();
    let mut from = kept(told, now);
    if let ([was], [is, ..]) = (&told[from..], &now[from..])
        && was.checked == is.checked
    {
        patches.push(Patch::Within {
            at,
            patches: patch(&was.blocks, &is.blocks),
        });
        from += 1;
    }
    if from < told.len() || from < now.len() {
        patches.push(Patch::Items {
            at,
            from: index(from),
            items: now[from..].to_vec(),
        });
    }
    patches
}

fn grow(at: u32, text: &str) -> Patch {
    Patch::Grow {
        at,
        text: text.to_owned(),
    }
}

/// Carries out patches, as the page does.
pub fn apply(blocks: &mut Vec<Block>, patches: Vec<Patch>) {
    for patch in patches {
        apply_one(blocks, patch);
    }
}

fn apply_one(blocks: &mut Vec<Block>, patch: Patch) {
    match patch {
        Patch::Replace { from, blocks: new } => put(blocks, from, new),
        Patch::Grow { at, text: more } => match blocks.get_mut(at as usize) {
            Some(Block::Code { text, .. }) => text.push_str(&more),
            Some(Block::Paragraph { inlines }) => {
                if let Some(Inline::Text { text }) = inlines.last_mut() {
                    text.push_str(&more);
                }
            }
            _ => {}
        },
        Patch::Close { at } => {
            if let Some(Block::Code { closed, .. }) = blocks.get_mut(at as usize) {
                *closed = true;
            }
        }
        Patch::Inlines {
            at,
            from,
            inlines: new,
        } => {
            if let Some(Block::Paragraph { inlines }) = blocks.get_mut(at as usize) {
                put(inlines, from, new);
            }
        }
        Patch::Items {
            at,
            from,
            items: new,
        } => {
            if let Some(Block::List { items, .. }) = blocks.get_mut(at as usize) {
                put(items, from, new);
            }
        }
        Patch::Rows {
            at,
            from,
            rows: new,
        } => {
            if let Some(Block::Table { rows, .. }) = blocks.get_mut(at as usize) {
                put(rows, from, new);
            }
        }
        Patch::Within { at, patches } => match blocks.get_mut(at as usize) {
            Some(Block::Quote { blocks }) => apply(blocks, patches),
            Some(Block::List { items, .. }) => {
                if let Some(item) = items.last_mut() {
                    apply(&mut item.blocks, patches);
                }
            }
            _ => {}
        },
    }
}

fn put<T>(list: &mut Vec<T>, from: u32, new: Vec<T>) {
    list.truncate(from as usize);
    list.extend(new);
}
