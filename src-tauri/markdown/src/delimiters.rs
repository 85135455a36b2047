//! Delimiters of formulas, normalized in the source before it is parsed.
//!
//! The parser reads any two dollar signs with no space just inside them as a formula, the prices in
//! `from $5-$10` included. Here, as in Pandoc, a dollar sign before a digit does not close one. And many models
//! write `\(…\)` and `\[…\]`, which are escaped brackets in Markdown. Both depend on what is code and what is
//! text, so a first parse finds them, and the source is rewritten so that the parser cannot misread it.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The maximum number of passes that escape prices, each on the result of the last. Two are rarely needed.
const MAX_ROUNDS: usize = 8;

/// Returns the source with all formulas between dollar signs, and the dollar signs of prices escaped.
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

/// A range of the source and its replacement.
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

/// Returns the edits that escape a dollar sign which would open a formula that a price closes.
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

/// Returns the source with TeX's delimiters replaced by dollar signs.
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
                // After a letter or a digit it is an index or a call, with needlessly escaped brackets.
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

/// Returns the edits that replace `\(…\)` or `\[…\]` at the ends of the range by dollar signs.
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
