//! Text crafted to exhaust a parser. Whatever is nested, repeated or left open: the blocks stay about as large
//! as the text, their depth is limited, and they can be serialised and dropped.
//!
//! No time is measured. The input is so large that a parser with quadratic time would not finish.

use std::fmt::Write;

use conch_markdown::{Block, Inline, MathNode, highlight, parse, patch};

/// The maximum nesting depth of blocks, including everything in them.
const MAX_DEPTH: usize = 64;

/// The size and the depth of a document.
#[derive(Default, Debug)]
struct Measure {
    /// Blocks, items, cells and inlines.
    nodes: usize,
    /// Bytes of text, of any kind.
    text: usize,
    depth: usize,
}

impl Measure {
    fn of(blocks: &[Block]) -> Self {
        let mut measure = Self::default();
        measure.blocks(blocks, 1);
        measure
    }

    fn node(&mut self, depth: usize, text: usize) {
        self.nodes += 1;
        self.text += text;
        self.depth = self.depth.max(depth);
    }

    fn blocks(&mut self, blocks: &[Block], depth: usize) {
        for block in blocks {
            match block {
                Block::Paragraph { inlines } | Block::Heading { inlines, .. } => {
                    self.node(depth, 0);
                    self.inlines(inlines, depth + 1);
                }
                Block::Code { text, .. } | Block::Html { text } => self.node(depth, text.len()),
                Block::Math { math } => self.node(depth, math.source.len()),
                Block::Quote { blocks } => {
                    self.node(depth, 0);
                    self.blocks(blocks, depth + 1);
                }
                Block::List { items, .. } => {
                    self.node(depth, 0);
                    for item in items {
                        self.node(depth + 1, 0);
                        self.blocks(&item.blocks, depth + 2);
                    }
                }
                Block::Table { header, rows, .. } => {
                    self.node(depth, 0);
                    for cell in header.iter().chain(rows.iter().flatten()) {
                        self.node(depth + 2, 0);
                        self.inlines(cell, depth + 3);
                    }
                }
                Block::Rule => self.node(depth, 0),
                Block::Footnotes { notes } => {
                    self.node(depth, 0);
                    for note in notes {
                        self.node(depth + 1, 0);
                        self.blocks(&note.blocks, depth + 2);
                    }
                }
            }
        }
    }

    fn inlines(&mut self, inlines: &[Inline], depth: usize) {
        for inline in inlines {
            match inline {
                Inline::Text { text } | Inline::Code { text } | Inline::Html { text } => {
                    self.node(depth, text.len());
                }
                Inline::Emphasis { inlines }
                | Inline::Strong { inlines }
                | Inline::Strikethrough { inlines } => {
                    self.node(depth, 0);
                    self.inlines(inlines, depth + 1);
                }
                Inline::Link {
                    destination,
                    title,
                    inlines,
                    ..
                } => {
                    self.node(depth, destination.len() + title.len());
                    self.inlines(inlines, depth + 1);
                }
                Inline::Image {
                    destination,
                    title,
                    alt,
                    ..
                } => self.node(depth, destination.len() + title.len() + alt.len()),
                Inline::Math { math } => self.node(depth, math.source.len()),
                Inline::FootnoteReference { .. } | Inline::SoftBreak | Inline::HardBreak => {
                    self.node(depth, 0);
                }
            }
        }
    }
}

/// A function that returns about `size` bytes of a bomb.
type Bomb = fn(usize) -> String;

const BOMBS: &[(&str, Bomb)] = &[
    ("one word", |size| "a".repeat(size)),
    ("one line", |size| "a ".repeat(size / 2)),
    ("quotes", |size| ">".repeat(size) + "a"),
    ("quotes on each line", |size| {
        (">".repeat(100) + "a\n").repeat(size / 100)
    }),
    ("quotes and lists", |size| "> - ".repeat(size / 4) + "a"),
    ("lists", |size| "- ".repeat(size / 2) + "a"),
    ("numbered lists", |size| "1. ".repeat(size / 3) + "a"),
    ("lists and blank lines", |size| {
        "- ".repeat(size / 4) + "a" + &"\n".repeat(size / 2)
    }),
    ("lists by indentation", |size| {
        let mut text = String::new();
        let mut depth = 0;
        while text.len() < size {
            text.push_str(&"  ".repeat(depth));
            text.push_str("- a\n");
            depth += 1;
        }
        text
    }),
    ("brackets", |size| "[".repeat(size)),
    ("pairs of brackets", |size| {
        "[".repeat(size / 2) + &"]".repeat(size / 2)
    }),
    ("open links", |size| "[a](".repeat(size / 4)),
    ("open links with <", |size| "[a](<b".repeat(size / 6)),
    ("links within links", |size| {
        "[".repeat(size / 8) + "a" + &"](b)".repeat(size / 8)
    }),
    ("images within images", |size| {
        "![".repeat(size / 8) + "a" + &"](b)".repeat(size / 8)
    }),
    ("images beside links", |size| "![[]()".repeat(size / 6)),
    ("links", |size| "[a](http://b.c) ".repeat(size / 16)),
    ("one definition for many links", |size| {
        format!(
            "[x]: {}\n\n{}",
            "y".repeat(size / 2),
            "[x] ".repeat(size / 8)
        )
    }),
    ("definitions", |size| {
        let mut text = String::new();
        for number in 0..size / 30 {
            let _ = writeln!(text, "[a{number}]: /x");
        }
        for number in 0..size / 30 {
            let _ = write!(text, "[a{number}] ");
        }
        text
    }),
    ("one definition many times", |size| {
        "[x]: a\n".repeat(size / 7)
    }),
    ("stars", |size| "*".repeat(size)),
    ("open emphasis", |size| "*a ".repeat(size / 3)),
    ("emphasis", |size| {
        "*a ".repeat(size / 6) + &"b* ".repeat(size / 6)
    }),
    ("strong within strong", |size| {
        "**a ".repeat(size / 8) + &"b** ".repeat(size / 8)
    }),
    ("emphasis that crosses", |size| "**a _b ".repeat(size / 7)),
    ("strikethrough", |size| "~a ~~b ".repeat(size / 7)),
    ("underscores", |size| "_a__b___".repeat(size / 8)),
    ("backquotes", |size| {
        let mut text = String::new();
        let mut length = 1;
        while text.len() < size {
            text.push_str(&"`".repeat(length));
            text.push('a');
            length += 1;
        }
        text
    }),
    ("dollars", |size| "$".repeat(size)),
    ("open formulas", |size| "$a ".repeat(size / 3)),
    ("open displays", |size| "$$a ".repeat(size / 4)),
    ("prices", |size| "$5-".repeat(size / 3)),
    ("formulas", |size| r"$\frac{a}{b}$ ".repeat(size / 200)),
    ("braces in formulas", |size| {
        "${".repeat(size / 4) + &"}$".repeat(size / 4)
    }),
    ("TeX brackets", |size| {
        r"\(".repeat(size / 4) + &r"\)".repeat(size / 4)
    }),
    ("TeX formulas", |size| r"\(a\) ".repeat(size / 60)),
    ("open tags", |size| "<a ".repeat(size / 3)),
    ("angles", |size| "<".repeat(size)),
    ("open comments", |size| "a <!-- ".repeat(size / 7)),
    ("open instructions", |size| "a <? ".repeat(size / 5)),
    ("open CDATA", |size| "a <![CDATA[ ".repeat(size / 12)),
    ("open declarations", |size| "a <!A ".repeat(size / 6)),
    ("HTML blocks", |size| "<div>\n".repeat(size / 6)),
    ("rows", |size| {
        format!("|a|b|\n|-|-|\n{}", "|c|d|\n".repeat(size / 6))
    }),
    ("columns", |size| {
        format!("{}|\n{}|\n", "|a".repeat(size / 4), "|-".repeat(size / 4))
    }),
    ("almost a table", |size| "a|b\n".repeat(size / 4)),
    ("footnotes", |size| {
        let mut text = String::new();
        for number in 0..size / 30 {
            let _ = write!(text, "a[^{number}]\n\n[^{number}]: b\n\n");
        }
        text
    }),
    ("footnotes that refer on", |size| {
        let mut text = String::from("a[^0]\n\n");
        for number in 0..size / 30 {
            let _ = write!(text, "[^{number}]: b[^{}]\n\n", number + 1);
        }
        text
    }),
    ("references to one footnote", |size| {
        "[^1] ".repeat(size / 5) + "\n\n[^1]: x\n"
    }),
    ("footnotes within footnotes", |size| {
        "[^1]: ".repeat(size / 6) + "[^1]"
    }),
    ("fences", |size| "```\n".repeat(size / 4)),
    ("an open fence", |size| {
        "~~~\n".to_owned() + &"a\n".repeat(size / 2)
    }),
    ("a long heading", |size| "a\n".repeat(size / 2) + "==="),
    ("entities", |size| "&amp;&a".repeat(size / 7)),
    ("backslashes", |size| "\\".repeat(size)),
    ("line ends", |size| "a\r\n".repeat(size / 3)),
    ("nulls", |size| "\0".repeat(size)),
    ("tasks", |size| "- [ ] a\n".repeat(size / 8)),
    ("addresses", |size| "https://a.b ".repeat(size / 12)),
    ("addresses in each other", |size| {
        "https://".repeat(size / 8)
    }),
    ("a long address", |size| {
        "https://a.b/".to_owned() + &"c".repeat(size)
    }),
    ("almost addresses", |size| "www.a_".repeat(size / 6)),
    ("almost addresses after brackets", |size| {
        "http://[".repeat(size / 8)
    }),
    ("brackets after an address", |size| {
        "https://a.b/".to_owned() + &")".repeat(size)
    }),
    ("entities after an address", |size| {
        "https://a.b/".to_owned() + &"&a;".repeat(size / 3)
    }),
];

#[test]
fn no_bomb_makes_blocks_that_are_much_larger_than_its_text() {
    for (name, bomb) in BOMBS {
        let text = bomb(400_000);
        let blocks = parse(&text);
        let measure = Measure::of(&blocks);
        assert!(measure.depth <= MAX_DEPTH, "{name}: {measure:?}");
        assert!(measure.nodes <= text.len() + 300_000, "{name}: {measure:?}");
        assert!(
            measure.text <= 4 * text.len() + 300_000,
            "{name}: {measure:?}"
        );
        drop(blocks);
    }
}

#[test]
fn a_line_of_a_megabyte_is_one_paragraph() {
    for line in ["a".repeat(1_000_000), "a *b* `c` [d](e) ".repeat(60_000)] {
        let [Block::Paragraph { inlines }] = &*parse(&line) else {
            panic!("one paragraph");
        };
        assert!(inlines.len() <= line.len());
    }
}

#[test]
fn a_table_has_no_cells_but_those_that_are_written() {
    let wide = format!("{}|\n{}|\n", "|a".repeat(500), "|-".repeat(500));
    let text = wide + "|x\n" + "||y\n" + &"|z\n".repeat(5_000);
    let [Block::Table { header, rows, .. }] = &*parse(&text) else {
        panic!("one table");
    };
    let widths: Vec<_> = rows.iter().take(3).map(Vec::len).collect();
    assert_eq!((header.len(), &*widths), (500, &[1, 2, 1][..]));
    assert!(rows.iter().flatten().count() < 6_000);
}

#[test]
fn twice_the_bomb_makes_twice_the_blocks() {
    for (name, bomb) in BOMBS {
        let [small, large] = [100_000, 200_000].map(|size| Measure::of(&parse(&bomb(size))));
        assert!(
            large.nodes <= 3 * small.nodes + 300_000,
            "{name}: {small:?}, {large:?}"
        );
        assert!(
            large.text <= 3 * small.text + 300_000,
            "{name}: {small:?}, {large:?}"
        );
    }
}

#[test]
fn every_bomb_can_be_serialised_and_compared_on_a_small_stack() {
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let thread = small.spawn(|| {
        for (name, bomb) in BOMBS {
            let blocks = parse(&bomb(50_000));
            let json = serde_json::to_string(&blocks).unwrap();
            assert!(json.starts_with('['), "{name}");
            let copy = blocks.clone();
            assert!(patch(&blocks, &copy).is_empty(), "{name}");
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn what_is_nested_too_deep_is_kept_as_text() {
    let deep = [
        (">".repeat(10_000) + " the end", "the end"),
        ("- ".repeat(10_000) + "the end", "the end"),
        ("> - ".repeat(10_000) + "`the end`", "`the end`"),
        (
            "*a **b ".repeat(60) + "the end" + &" b** a*".repeat(60),
            "the end",
        ),
        (
            "![".repeat(200) + "the end" + &"](b)".repeat(200),
            "the end",
        ),
    ];
    for (markdown, end) in deep {
        let blocks = parse(&markdown);
        let json = serde_json::to_string(&blocks).unwrap();
        assert!(json.contains(end), "{} … {json}", &markdown[..20]);
        // Marks that made no block are kept as text.
        let marks = |text: &str| text.matches(['>', '-', '*']).count();
        let lost = marks(&markdown) - marks(&json);
        assert!(
            lost <= 2 * MAX_DEPTH * 2,
            "{lost} marks lost of {}",
            marks(&markdown)
        );
    }
}

#[test]
fn a_footnote_that_is_defined_too_deep_is_text_like_its_references() {
    let markdown = format!("see[^a] there\n\n{}[^a]: note\n", "> ".repeat(100));
    let [Block::Paragraph { inlines }, Block::Quote { .. }] = &*parse(&markdown) else {
        panic!("a paragraph and a quotation");
    };
    let expected = Inline::Text {
        text: "see[^a] there".to_owned(),
    };
    assert_eq!(*inlines, [expected]);
}

/// Returns the depth of a formula's tree.
fn depth(node: &MathNode) -> usize {
    match node {
        MathNode::Element { children, .. } => 1 + children.iter().map(depth).max().unwrap_or(0),
        MathNode::Text { .. } => 1,
    }
}

fn trees(blocks: &[Block]) -> Vec<&MathNode> {
    let mut trees = Vec::new();
    for block in blocks {
        match block {
            Block::Math { math } => trees.extend(math.tree.as_ref()),
            Block::Paragraph { inlines } => {
                for inline in inlines {
                    if let Inline::Math { math } = inline {
                        trees.extend(math.tree.as_ref());
                    }
                }
            }
            _ => {}
        }
    }
    trees
}

#[test]
fn a_formula_is_no_deeper_than_people_can_read() {
    let nest = |open: &str, count: usize, close: &str| {
        format!("$${}x{}$$", open.repeat(count), close.repeat(count))
    };
    let small = std::thread::Builder::new().stack_size(512 * 1024);
    let thread = small.spawn(move || {
        for count in [10, 50, 400, 1000, 4000] {
            for (open, close) in [
                ("{", "}"),
                (r"\sqrt{", "}"),
                (r"\sqrt", ""),
                (r"\frac1", ""),
                (r"\frac{", "}1"),
                ("x^{", "}"),
                ("x_{", "}"),
                (r"\left(", r"\right)"),
                (r"\hat{", "}"),
                (r"\boxed{", "}"),
                (r"\text{", "}"),
                (r"\textcolor{red}{", "}"),
                (r"\substack{", "}"),
                (r"\begin{matrix}", r"\end{matrix}"),
                (r"\color{red}", ""),
                (r"\displaystyle ", ""),
                (r"\mathbb ", ""),
                (r"{a\over ", "}"),
                (r"\overset{a}", ""),
                ("[", "]"),
                ("{", ""),
                (r"\left(", ""),
                ("x'", ""),
            ] {
                let blocks = parse(&nest(open, count, close));
                for tree in trees(&blocks) {
                    assert!(depth(tree) <= 110, "{count} of {open}");
                }
                serde_json::to_string(&blocks).unwrap();
            }
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn a_formula_of_any_length_is_read_or_shown() {
    let long = format!("$${}x$$", "x + ".repeat(100_000));
    let [Block::Math { math }] = &*parse(&long) else {
        panic!("a formula");
    };
    assert_eq!(math.tree, None, "it is longer than anybody writes");
    assert_eq!(math.source.len(), long.len() - 4);
}

#[test]
fn long_code_has_as_much_text_in_its_tokens() {
    for line in [
        "((((((((((",
        "\"\\\"\\\"",
        "/* /* /*",
        "<a <b <c",
        "{{{{ ${",
        "a.b.c.d().e()",
        "        ",
    ] {
        let code = format!("{}\n", line.repeat(60)).repeat(10);
        for language in ["rust", "js", "python", "html", "json", "c++", "bash"] {
            let tokens = highlight(language, &code).unwrap_or_default();
            let length: usize = tokens.iter().map(|token| token.text.len()).sum();
            assert!(length == code.len() || length == 0, "{language}: {line}");
        }
    }
}
