//! Where formulas begin and end: what is put right in the source before it is read.
//!
//! The parser takes any two dollar signs for a formula that have no space inside of them, the prices in
//! `from $5-$10` included. A dollar sign before a digit ends none, as in Pandoc. And many models write
//! `\(…\)` and `\[…\]`, which to Markdown are escaped brackets. Both depend on what is code and what is
//! text, so that the parser is asked first, and then given a source that it cannot misread.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// How often prices are looked for, each time among what the last time left. Rarely is it twice.
const MAX_ROUNDS: usize = 8;

/// The source with its formulas between dollar signs, and with no other dollar signs that look so.
pub(crate) fn normalized(source: &str, options: Options) -> Cow<'_, str> {
    let mut normalized = Cow::Borrowed(source);
    if source.contains(r"\(") || source.contains(r"\[") {
        normalized = with_dollars(normalized, options);
    }
    for _ in 0..MAX_ROUNDS {
        let prices = prices(&normalized, options);
        if prices.is_empty() {
            break;
        }
        normalized = Cow::Owned(replaced(&normalized, prices));
    }
    normalized
}

/// A place in the source, and what is put there.
type Edit = (Range<usize>, &'static str);

fn replaced(source: &str, edits: Vec<Edit>) -> String {
    let mut out = String::with_capacity(source.len() + edits.len());
    let mut copied = 0;
    for (range, text) in edits {
        out.push_str(&source[copied..range.start]);
        out.push_str(text);
        copied = range.end;
    }
    out.push_str(&source[copied..]);
    out
}

/// The dollar signs that would begin a formula which a price ends, to be escaped.
fn prices(source: &str, options: Options) -> Vec<Edit> {
    let before_digit = |at: usize| source[at..].starts_with(|c: char| c.is_ascii_digit());
    if !source
        .match_indices('$')
        .any(|(at, _)| before_digit(at + 1))
    {
        return Vec::new();
    }
    Parser::new_ext(source, options)
        .into_offset_iter()
        .filter(|(event, range)| matches!(event, Event::InlineMath(_)) && before_digit(range.end))
        .map(|(_, range)| (range.start..range.start, "\\"))
        .collect()
}

/// The source with dollar signs for TeX's own delimiters.
fn with_dollars(source: Cow<'_, str>, options: Options) -> Cow<'_, str> {
    let mut edits = Vec::new();
    let mut opened: Option<usize> = None;
    for (event, range) in Parser::new_ext(&source, options).into_offset_iter() {
        match event {
            Event::Start(Tag::Emphasis | Tag::Strong | Tag::Strikethrough)
            | Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough) => {}
            Event::Start(_) | Event::End(_) => opened = None,
            Event::Text(_) if source[..range.start].ends_with('\\') => {
                let escape = range.start - 1;
                // After a letter it is an index or a call, with brackets escaped that need not be.
                let indexes = source[..escape].ends_with(char::is_alphanumeric);
                match source.as_bytes().get(range.start) {
                    Some(b'(' | b'[') => opened = Some(escape).filter(|_| !indexes),
                    Some(b')' | b']') => {
                        let formula = opened.take().map(|start| start..range.start + 1);
                        edits.extend(
                            formula
                                .and_then(|formula| formula_edits(&source, formula))
                                .into_iter()
                                .flatten(),
                        );
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    if edits.is_empty() {
        return source;
    }
    Cow::Owned(replaced(&source, edits))
}

/// What makes a formula of `\(…\)` or `\[…\]`, which stand at the ends of the range.
fn formula_edits(source: &str, range: Range<usize>) -> Option<[Edit; 2]> {
    let (start, end) = (range.start + 2, range.end - 2);
    let tex = source.get(start..end)?;
    if !tex.contains(char::is_alphanumeric) || tex.contains(['$', '`']) {
        return None;
    }
    match (&source[range.start..start], &source[end..range.end]) {
        (r"\[", r"\]") => Some([(range.start..start, "$$"), (end..range.end, "$$")]),
        (r"\(", r"\)") => {
            let followed_by_digit = source[range.end..].starts_with(|c: char| c.is_ascii_digit());
            let left = tex.len() - tex.trim_start_matches([' ', '\t']).len();
            let right = tex.len() - tex.trim_end_matches([' ', '\t']).len();
            (!followed_by_digit).then(|| {
                [
                    (range.start..start + left, "$"),
                    (end - right..range.end, "$"),
                ]
            })
        }
        _ => None,
    }
}
