//! Nesting deeper than a stack, a tree or a layout can handle.

use crate::{NamedText, named};

/// The nesting depth: far beyond any readable text.
const DEEP: usize = 5_000;

pub(crate) fn all() -> Vec<NamedText> {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}x{}", open.repeat(depth), close.repeat(depth))
    };
    named(&[
        ("deep quotes", ">".repeat(DEEP) + "x"),
        ("deep quotes apart", "> ".repeat(DEEP) + "x"),
        (
            "quotes on every line",
            (">".repeat(200) + "x\n").repeat(100),
        ),
        ("stairs of quotes", stairs(300, ">", "x")),
        ("deep lists", "- ".repeat(DEEP) + "x"),
        ("deep numbers", "1. ".repeat(DEEP) + "x"),
        ("stairs of lists", stairs(300, "  ", "- x")),
        ("lists in quotes", "> - ".repeat(DEEP / 2) + "x"),
        ("tasks in lists", "- [ ] ".repeat(2_000) + "x"),
        ("deep emphasis", nested("*a ", " b*", 2_000)),
        ("deep strong emphasis", nested("**a ", " b**", 2_000)),
        ("deep strikethrough", nested("~~a ", " b~~", 2_000)),
        ("stars", "*".repeat(DEEP * 5)),
        ("underscores", "_a__b___".repeat(DEEP)),
        ("emphasis that crosses", "*a **b _c __d ".repeat(DEEP / 2)),
        ("brackets", "[".repeat(DEEP * 5)),
        ("brackets that close", nested("[", "]", DEEP)),
        (
            "links in links",
            nested("[", "](https://example.com)", 1_000),
        ),
        (
            "images in images",
            nested("![", "](https://example.com/a.png)", 1_000),
        ),
        (
            "images in links",
            nested("[![", "](https://a.b)](https://a.b)", 500),
        ),
        ("links that never close", "[a](".repeat(DEEP)),
        ("links that never close with angles", "[a](<b".repeat(DEEP)),
        (
            "parentheses",
            format!("[a]({}x{})", "(".repeat(DEEP), ")".repeat(DEEP)),
        ),
        ("notes in notes", "[^1]: ".repeat(2_000) + "[^1]"),
        ("notes in a ring", ring(300)),
        ("elements", nested("<div>", "</div>", 2_000)),
        ("elements that never close", "<a b=\"".repeat(DEEP)),
        ("comments that never close", "<!-- ".repeat(DEEP)),
        (
            "formulas in formulas",
            format!("$${}$$", nested("{", "}", 5_000)),
        ),
        (
            "roots in roots",
            format!("$${}$$", nested(r"\sqrt{", "}", 2_000)),
        ),
        (
            "fractions in fractions",
            format!("$${}$$", nested(r"\frac{1}{", "}", 2_000)),
        ),
        (
            "scripts on scripts",
            format!("$${}$$", nested("x^{", "}", 2_000)),
        ),
        (
            "pairs in pairs",
            format!("$${}$$", nested(r"\left(", r"\right)", 2_000)),
        ),
        (
            "a table in a quote in a list",
            "- > | a |\n  > |---|\n".repeat(500),
        ),
        ("fences in quotes", "> ```\n".repeat(500)),
        (
            "grave accents",
            (1..200).map(|n| "`".repeat(n) + " ").collect(),
        ),
    ])
}

/// Returns lines, each indented one step more than the one before.
fn stairs(steps: usize, indent: &str, text: &str) -> String {
    (0..steps)
        .map(|depth| indent.repeat(depth) + text + "\n")
        .collect()
}

/// Returns footnotes that each reference the next, and the last the first.
fn ring(notes: usize) -> String {
    let note = |n: usize| format!("[^{n}]: see[^{}]\n", (n + 1) % notes);
    "see[^0]\n\n".to_owned() + &(0..notes).map(note).collect::<String>()
}
