//! Autolinks: bare addresses in running text become links, as on GitHub.
//!
//! <https://github.github.com/gfm/#autolinks-extension->, for `http://`, `https://` and `www.`. The host after
//! a scheme needs no dot, so that `http://localhost:3000` is a link, too. Text in links, code and formulas is
//! left unchanged. Chinese and Japanese are written without spaces, so their punctuation ends an address, too.

use crate::address::link_host;
use crate::block::{Inline, push_text};

/// Turns bare addresses into links.
pub(crate) fn link_addresses(inlines: Vec<Inline>) -> Vec<Inline> {
    let mut linked = Vec::with_capacity(inlines.len());
    for inline in inlines {
        match inline {
            Inline::Text { text } if next_start(&text, 0).is_some() => {
                link_text(&text, &mut linked);
            }
            Inline::Emphasis { inlines } => linked.push(Inline::Emphasis {
                inlines: link_addresses(inlines),
            }),
            Inline::Strong { inlines } => linked.push(Inline::Strong {
                inlines: link_addresses(inlines),
            }),
            Inline::Strikethrough { inlines } => linked.push(Inline::Strikethrough {
                inlines: link_addresses(inlines),
            }),
            other => linked.push(other),
        }
    }
    linked
}

fn link_text(text: &str, linked: &mut Vec<Inline>) {
    let mut copied = 0;
    let mut searched = 0;
    while let Some((start, prefix)) = next_start(text, searched) {
        let after_prefix = start + prefix.len();
        searched = after_prefix;
        if !may_precede(text[..start].chars().next_back(), prefix) {
            continue;
        }
        let rest = &text[after_prefix..];
        let domain = &rest[..length_while(rest, |c| c.is_alphanumeric() || "-_.".contains(c))];
        // A rejected candidate is not scanned again, or a long word would take quadratic time.
        searched += domain.len();
        if !is_domain(domain, prefix) && !rest.starts_with('[') {
            continue;
        }
        let end = after_prefix + length_while(rest, |c| !ends_address(c));
        let address = trim_punctuation(&text[start..end]);
        let destination = match prefix {
            "www." => format!("http://{address}"),
            _ => address.to_owned(),
        };
        let Some(host) = link_host(&destination) else {
            searched = end;
            continue;
        };
        push_text(linked, &text[copied..start]);
        linked.push(Inline::Link {
            host: Some(host),
            destination,
            title: String::new(),
            inlines: vec![Inline::Text {
                text: address.to_owned(),
            }],
        });
        copied = start + address.len();
        searched = copied;
    }
    push_text(linked, &text[copied..]);
}

fn ends_address(c: char) -> bool {
    c == '<'
        || c.is_whitespace()
        || matches!(
            c,
            '\u{3000}'..='\u{303f}' | '！' | '（' | '）' | '，' | '：' | '；' | '？'
        )
}

fn length_while(text: &str, goes_on: impl Fn(char) -> bool) -> usize {
    text.find(|c| !goes_on(c)).unwrap_or(text.len())
}

/// Returns where the next address may start, and its prefix.
fn next_start(text: &str, from: usize) -> Option<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let starts_with = |at: usize, prefix: &str| {
        bytes
            .get(at..at + prefix.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    (from..bytes.len())
        .filter(|&at| matches!(bytes[at], b'h' | b'H' | b'w' | b'W'))
        .find_map(|at| {
            let prefixes = ["http://", "https://", "www."];
            let prefix = prefixes
                .into_iter()
                .find(|prefix| starts_with(at, prefix))?;
            Some((at, prefix))
        })
}

fn may_precede(before: Option<char>, prefix: &str) -> bool {
    match before {
        None => true,
        Some(c) if prefix == "www." => c.is_whitespace() || "*_~(".contains(c),
        Some(c) => !c.is_ascii_alphanumeric(),
    }
}

/// Whether a name is a valid domain: its last two labels have no underscores.
fn is_domain(name: &str, prefix: &str) -> bool {
    let name = name.trim_end_matches(['.', '_']);
    let mut last_labels = name.rsplit('.').take(2);
    !name.is_empty()
        && !name.split('.').any(str::is_empty)
        && last_labels.all(|label| !label.contains('_'))
        && (prefix != "www." || name.contains('.'))
}

/// Returns the address without trailing punctuation, which belongs to the sentence.
fn trim_punctuation(address: &str) -> &str {
    let mut trimmed = address;
    let count = |c| address.matches(c).count();
    let (mut unopened_round, mut unopened_square) = (
        count(')').saturating_sub(count('(')),
        count(']').saturating_sub(count('[')),
    );
    while let Some(last) = trimmed.chars().next_back() {
        let length = match last {
            '?' | '!' | '.' | ',' | ':' | '*' | '_' | '~' | '\'' | '"' => 1,
            ')' if unopened_round > 0 => {
                unopened_round -= 1;
                1
            }
            ']' if unopened_square > 0 => {
                unopened_square -= 1;
                1
            }
            ';' => {
                // A trailing entity is trimmed as a whole.
                let before = trimmed[..trimmed.len() - 1]
                    .trim_end_matches(|c: char| c.is_ascii_alphanumeric());
                if before.len() < trimmed.len() - 1 && before.ends_with('&') {
                    trimmed.len() + 1 - before.len()
                } else {
                    1
                }
            }
            _ => break,
        };
        trimmed = &trimmed[..trimmed.len() - length];
    }
    trimmed
}
