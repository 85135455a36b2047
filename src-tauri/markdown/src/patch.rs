//! Patches: the difference between the blocks sent so far and the current ones.
//!
//! Streamed text changes its last block, rarely an earlier one. So a patch has what follows the unchanged
//! blocks; where the last block grows, it has only what changed at its end, however deeply that is nested and
//! however long the block has become.

use serde::Serialize;
use specta::Type;

use crate::block::{Block, Inline, ListItem};

/// A change to the blocks sent so far, or to those nested in one of them. `at` is the index of the changed block,
/// `from` how many of its parts are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[expect(missing_docs, reason = "field names say it")]
pub enum Patch {
    /// Keeps the first blocks and replaces the rest.
    Replace { from: u32, blocks: Vec<Block> },
    /// Appends to the text of an open code block, or to the text at the end of a paragraph.
    Grow { at: u32, text: String },
    /// Marks a code block as closed.
    Close { at: u32 },
    /// Keeps the first inlines of a paragraph and replaces the rest.
    Inlines {
        at: u32,
        from: u32,
        inlines: Vec<Inline>,
    },
    /// Keeps the first items of a list and replaces the rest.
    Items {
        at: u32,
        from: u32,
        items: Vec<ListItem>,
    },
    /// Keeps the first rows of a table and replaces the rest.
    Rows {
        at: u32,
        from: u32,
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// Changes the blocks of a quotation, or of the last item of a list.
    Within {
        at: u32,
        /// To be applied in order.
        patches: Vec<Patch>,
    },
}

/// Returns the patches that turn `old` into `new`, in order; none if nothing changed.
pub fn patch(old: &[Block], new: &[Block]) -> Vec<Patch> {
    patch_after(0, old, new)
}

/// Like [`patch()`], for blocks that follow `before` others.
pub(crate) fn patch_after(before: usize, old: &[Block], new: &[Block]) -> Vec<Patch> {
    let from = kept(old, new);
    let (old, new) = (&old[from..], &new[from..]);
    let replace = |after: usize| Patch::Replace {
        from: index(before + from + after),
        blocks: new[after..].to_vec(),
    };
    if old.is_empty() && new.is_empty() {
        return Vec::new();
    }
    let first = old.first().zip(new.first());
    match first.and_then(|(old, new)| within(index(before + from), old, new)) {
        None => vec![replace(0)],
        Some(patches) if old.len() == 1 && new.len() == 1 => patches,
        Some(mut patches) => {
            patches.push(replace(1));
            patches
        }
    }
}

/// Returns the length of the common prefix.
fn kept<T: PartialEq>(old: &[T], new: &[T]) -> usize {
    let pairs = old.iter().zip(new);
    pairs.take_while(|(old, new)| old == new).count()
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Returns the patches that turn one block into another with the same beginning; `None` if there are none.
fn within(at: u32, old: &Block, new: &Block) -> Option<Vec<Patch>> {
    match (old, new) {
        (
            Block::Code {
                language: old_language,
                text: old_text,
                closed: false,
            },
            Block::Code {
                language,
                text,
                closed,
            },
        ) if language == old_language => {
            let more = text.strip_prefix(old_text.as_str())?;
            let grow = (!more.is_empty()).then(|| grow(at, more));
            let close = closed.then_some(Patch::Close { at });
            Some(grow.into_iter().chain(close).collect())
        }
        (Block::Paragraph { inlines: old }, Block::Paragraph { inlines: new }) => {
            let from = kept(old, new);
            if let ([Inline::Text { text: old }], [Inline::Text { text }]) =
                (&old[from..], &new[from..])
                && let Some(more) = text.strip_prefix(old.as_str())
            {
                return Some(vec![grow(at, more)]);
            }
            (from > 0).then(|| {
                vec![Patch::Inlines {
                    at,
                    from: index(from),
                    inlines: new[from..].to_vec(),
                }]
            })
        }
        (Block::Quote { blocks: old }, Block::Quote { blocks: new }) => Some(vec![Patch::Within {
            at,
            patches: patch(old, new),
        }]),
        (
            Block::List {
                start: old_start,
                tight: old_tight,
                items: old,
            },
            Block::List {
                start,
                tight,
                items: new,
            },
        ) if (start, tight) == (old_start, old_tight) => Some(items(at, old, new)),
        (
            Block::Table {
                alignments: old_alignments,
                header: old_header,
                rows: old,
            },
            Block::Table {
                alignments,
                header,
                rows: new,
            },
        ) if (alignments, header) == (old_alignments, old_header) => {
            let from = kept(old, new);
            Some(vec![Patch::Rows {
                at,
                from: index(from),
                rows: new[from..].to_vec(),
            }])
        }
        _ => None,
    }
}

fn items(at: u32, old: &[ListItem], new: &[ListItem]) -> Vec<Patch> {
    let mut patches = Vec::new();
    let mut from = kept(old, new);
    if let ([was], [is, ..]) = (&old[from..], &new[from..])
        && was.checked == is.checked
    {
        patches.push(Patch::Within {
            at,
            patches: patch(&was.blocks, &is.blocks),
        });
        from += 1;
    }
    if from < old.len() || from < new.len() {
        patches.push(Patch::Items {
            at,
            from: index(from),
            items: new[from..].to_vec(),
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

/// Applies patches, as the page does.
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
