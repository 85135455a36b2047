//! Text that is long, wide or has many elements.

use std::fmt::Write;

use crate::{NamedText, named};

const MEGABYTE: usize = 1_000_000;

pub(crate) fn all() -> Vec<NamedText> {
    [long(), many_blocks(), many_inlines()].concat()
}

/// Single elements of extreme length.
fn long() -> Vec<NamedText> {
    named(&[
        ("a megabyte in one line", "word ".repeat(MEGABYTE / 5)),
        ("a word of two hundred kilobytes", "w".repeat(MEGABYTE / 5)),
        (
            "a wide word of two hundred kilobytes",
            "\u{6f22}".repeat(MEGABYTE / 15),
        ),
        ("two hundred thousand line ends", "\n".repeat(MEGABYTE / 5)),
        (
            "as many line ends with text",
            "a".to_owned() + &"\n".repeat(MEGABYTE / 5) + "b",
        ),
        (
            "a cell of a hundred kilobytes",
            format!("|a|\n|-|\n|{}|\n", "c".repeat(MEGABYTE / 10)),
        ),
        (
            "a long line of code",
            format!("```json\n[{}0]\n```\n", "1,".repeat(MEGABYTE / 10)),
        ),
        (
            "code that never closes",
            format!("```python\n{}", "x = 1\n".repeat(20_000)),
        ),
        (
            "a language of a hundred kilobytes",
            format!("```{}\nx\n```\n", "l".repeat(100_000)),
        ),
        (
            "a hundred kilobytes within a line of code",
            format!("`{}`", "c".repeat(MEGABYTE / 10)),
        ),
        (
            "an address of a hundred kilobytes",
            format!("[x](https://example.com/{})", "a".repeat(100_000)),
        ),
        (
            "a host of a hundred kilobytes",
            format!("[x](https://{}.com/)", "a".repeat(100_000)),
        ),
        (
            "a title of a hundred kilobytes",
            format!("[x](https://example.com \"{}\")", "t".repeat(100_000)),
        ),
        ("a long formula", format!("$${}x$$", "x + ".repeat(10_000))),
        (
            "many accents on one letter",
            "e".to_owned() + &"\u{301}".repeat(20_000),
        ),
    ])
}

fn many_blocks() -> Vec<NamedText> {
    named(&[
        ("many short paragraphs", "a\n\n".repeat(2_000)),
        ("many hard breaks", "a  \n".repeat(2_000)),
        ("many rules", "---\n\n".repeat(1_000)),
        ("many headings", "# a\n".repeat(1_000)),
        (
            "a table of many rows",
            format!("|a|b|c|\n|-|-|-|\n{}", "|1|2|3|\n".repeat(1_000)),
        ),
        (
            "a table of many columns",
            format!("{}|\n{}|\n", "|a".repeat(2_000), "|-".repeat(2_000)),
        ),
        (
            "a table that fills itself",
            format!(
                "{}|\n{}|\n{}",
                "|a".repeat(500),
                "|-".repeat(500),
                "|x\n".repeat(500)
            ),
        ),
        (
            "much code",
            format!(
                "```rust\n{}```\n",
                "fn a() { b(1, \"c\"); }\n".repeat(5_000)
            ),
        ),
        ("many blocks of code", "```js\nx\n```\n".repeat(300)),
        ("many tasks", "- [x] a\n".repeat(1_000)),
        (
            "a list that begins high",
            "999999999. a\n1000000000. b\n".to_owned(),
        ),
    ])
}

fn many_inlines() -> Vec<NamedText> {
    named(&[
        (
            "many references",
            many(5_000, |text, n| {
                writeln!(text, "[r{n}]: https://example.com/{n}")
            }),
        ),
        (
            "many references to one",
            format!(
                "[x]: https://example.com/{}\n\n{}",
                "y".repeat(5_000),
                "[x] ".repeat(1_000)
            ),
        ),
        (
            "many notes",
            many(500, |text, n| write!(text, "[^{n}] "))
                + "\n\n"
                + &many(500, |text, n| writeln!(text, "[^{n}]: note {n}")),
        ),
        (
            "many references to a note",
            "[^1] ".repeat(1_000) + "\n\n[^1]: x\n",
        ),
        (
            "many links",
            many(1_000, |text, n| {
                write!(text, "[a](https://example.com/{n}) ")
            }),
        ),
        (
            "many images",
            many(500, |text, n| write!(text, "![a](https://SERVER/{n}.png) ")),
        ),
        (
            "many bare addresses",
            many(1_000, |text, n| write!(text, "https://example.com/{n} ")),
        ),
        ("many formulas", r"$\frac{a}{b}$ ".repeat(1_000)),
        ("many entities", "&amp;&lt;&#0;".repeat(50_000)),
        (
            "many emoji that join",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} ".repeat(5_000),
        ),
    ])
}

/// Returns a text of `count` parts, each written from its number.
fn many(count: usize, line: impl Fn(&mut String, usize) -> std::fmt::Result) -> String {
    let mut text = String::new();
    for number in 0..count {
        // Writing to a string does not fail.
        let _ = line(&mut text, number);
    }
    text
}
