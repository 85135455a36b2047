//! Streamed text as patches: applying them all gives the same blocks as a parse of the whole text, wherever the
//! text was cut.

use conch_markdown::{Block, IncrementalParser, Patch, apply, parse, patch};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Pieces that documents are composed of, so that every construct is opened, nested, left open and interrupted.
const PIECES: &[&str] = &[
    "# Heading\n",
    "text ",
    "more text\n",
    "\n",
    "\n\n",
    "- item\n",
    "  - nested\n",
    "1. one\n",
    "- [ ] task\n",
    "- [x] done\n",
    "> quote\n",
    "> > deep\n",
    "```\n",
    "```rust\n",
    "~~~\n",
    "````md\n",
    "fn main() {}\n",
    "    indented\n",
    "\tindented\n",
    "---\n",
    "===\n",
    "***\n",
    "*em*",
    "**strong**",
    "_",
    "*",
    "**",
    "`code`",
    "`",
    "``",
    "~~gone~~",
    "[link](https://a.b)",
    "[",
    "](x)",
    "![image](https://a.b/c.png)",
    "<https://a.b>",
    "https://a.b/c ",
    "www.a.b ",
    "<b>",
    "<div>\n",
    "<!-- ",
    "-->",
    "&amp;",
    "\\",
    "\\*",
    "| a | b |\n",
    "|---|:-:|\n",
    "| c |\n",
    "$x^2$",
    "$$\n",
    "$$x$$",
    "$$\\begin{equation}x\\end{equation}$$\n",
    "$\\eqref{a}$",
    "next\n\n",
    "\n\nfirst line\n",
    "1. one\n\n",
    "2",
    ". two\n",
    "\r\n\r\n",
    "$5 ",
    "$",
    "\\(x\\)",
    "\\[",
    "\\]",
    "[^1]",
    "[^1]: note\n",
    "[^2]",
    "[^2]: b\n",
    "[ref]",
    "[ref]: /x\n",
    "  \n",
    "\\\n",
    "é",
    "中文",
    "😀",
    "\u{200b}",
    "\r\n",
    "\t",
    "  ",
    "    ",
    "+ ",
    "0. ",
    "12) ",
    ":",
    "|",
    "~",
    "\0",
];

fn document() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..60).prop_map(|pieces| pieces.concat())
}

/// Generates a document, and the offsets where it is cut.
fn chunked() -> impl Strategy<Value = (String, Vec<usize>)> {
    document().prop_flat_map(|document| {
        let cuts = prop::collection::vec(0..=document.len(), 0..20);
        (Just(document), cuts)
    })
}

/// Returns the prefixes of the text that end at the cuts, and the whole text.
fn prefixes<'a>(text: &'a str, cuts: &[usize]) -> Vec<&'a str> {
    let mut cuts: Vec<_> = cuts
        .iter()
        .copied()
        .filter(|&cut| text.is_char_boundary(cut))
        .collect();
    cuts.push(text.len());
    cuts.sort_unstable();
    cuts.into_iter().map(|cut| &text[..cut]).collect()
}

/// Returns the final blocks of the page, and the patches it received.
fn replay(prefixes: &[&str]) -> (Vec<Block>, Vec<Patch>) {
    let mut page = Vec::new();
    let mut draft = IncrementalParser::default();
    let mut patches = Vec::new();
    let mut length = 0;
    for prefix in prefixes {
        let before = page.clone();
        let step = draft.push(&prefix[length..]);
        length = prefix.len();
        apply(&mut page, step.clone());
        assert_eq!(page, parse(prefix), "after {prefix:?}");
        assert_eq!(draft.blocks(), page, "after {prefix:?}");
        assert_eq!(step.is_empty(), before == page, "after {prefix:?}");
        patches.extend(step);
    }
    (page, patches)
}

/// Checks invariants that the types do not express.
fn check(json: &Value) -> Result<(), TestCaseError> {
    match json {
        Value::Array(values) => {
            let of_type = |value: &Value, kind: &str| value["type"] == kind;
            let texts = |pair: &[Value]| pair.iter().all(|value| of_type(value, "text"));
            prop_assert!(
                !values.windows(2).any(texts),
                "texts beside each other: {json}"
            );
            for (index, value) in values.iter().enumerate() {
                let last = index + 1 == values.len();
                prop_assert!(
                    last || !of_type(value, "footnotes"),
                    "footnotes come last: {json}"
                );
                check(value)?;
            }
        }
        Value::Object(fields) => {
            match json["type"].as_str() {
                Some("text") => prop_assert_ne!(&json["text"], "", "a text is not empty"),
                Some("paragraph") => prop_assert_ne!(&json["inlines"], &json!([])),
                Some("table") => {
                    let width = json["alignments"].as_array().map(Vec::len);
                    prop_assert_eq!(json["header"].as_array().map(Vec::len), width);
                    for row in json["rows"].as_array().into_iter().flatten() {
                        // Rows are not padded with cells.
                        prop_assert!(row.as_array().map(Vec::len) <= width);
                    }
                }
                _ => {}
            }
            for value in fields.values() {
                check(value)?;
            }
        }
        _ => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_patches_of_the_prefixes_make_the_whole((text, cuts) in chunked()) {
        let (page, _) = replay(&prefixes(&text, &cuts));
        prop_assert_eq!(page, parse(&text));
    }

    #[test]
    fn any_document_is_patched_to_any_other(old in document(), new in document()) {
        let (old, new) = (parse(&old), parse(&new));
        let mut page = old.clone();
        apply(&mut page, patch(&old, &new));
        prop_assert_eq!(page, new);
    }

    #[test]
    fn a_fence_is_open_while_a_next_line_would_be_code(text in document()) {
        let next = format!("{text}\nthe next line");
        let last = |text: &str| parse(text).pop();
        if let Some(Block::Code { closed: false, text: before, .. }) = last(&text) {
            let Some(Block::Code { text: after, closed: false, .. }) = last(&next) else {
                return Err(TestCaseError::fail("the block went on"));
            };
            prop_assert!(after.starts_with(&before) && after.ends_with("the next line"));
        } else if let Some(Block::Code { text: after, closed: false, .. }) = last(&next) {
            prop_assert!(!after.ends_with("the next line"), "the block had not begun");
        }
    }

    #[test]
    fn blocks_are_as_they_are_described(text in document()) {
        let json = serde_json::to_value(parse(&text)).unwrap();
        check(&json)?;
    }

    #[test]
    fn closed_code_ends_with_a_line(text in document()) {
        for block in parse(&text) {
            if let Block::Code { text, closed: true, .. } = block {
                prop_assert!(text.is_empty() || text.ends_with('\n'));
            }
        }
    }
}

#[test]
fn byte_by_byte_streaming_yields_the_whole_document() {
    let text = "# Title\n\nText with `code`, **bold** and $x^2$.\n\n```rust\nfn main() {\n    1;\n}\n```\n\n\
        - a\n- b\n  1. c\n\n| a | b |\n|---|---|\n| c | d |\n\nA note[^1].\n\n[^1]: The note.\n";
    let cuts: Vec<_> = (0..text.len()).collect();
    let (page, _) = replay(&prefixes(text, &cuts));
    assert_eq!(page, parse(text));
}

#[test]
fn only_the_end_of_a_text_is_read_again() {
    let section = "## Title\n\nSome prose with $5-$10 and \\(x\\).\n\n- a\n- b\n\n  c\n\n```rust\n\n\nlet x;\n```\n\n\
        | a |\n|---|\n| b |\n\n> quoted\n\n1. one\n\n2. two\n\nThat was it.\n\n";
    let text = section.repeat(50);
    let mut draft = IncrementalParser::default();
    for (at, byte) in text.char_indices() {
        draft.push(byte.encode_utf8(&mut [0; 4]));
        let most = section.len();
        assert!(
            draft.unstable_len() <= most,
            "{} at {at}",
            draft.unstable_len()
        );
    }
    assert_eq!(draft.blocks(), parse(&text));
    draft.push("[one]: /somewhere\n");
    assert!(
        draft.unstable_len() > text.len(),
        "a definition concerns all"
    );
}

#[test]
fn definitions_and_counters_patch_earlier_blocks() {
    let mut draft = IncrementalParser::default();
    draft.push("See [one] and[^note].\n\nNext.\n\nLast.\n\n");
    assert!(draft.unstable_len() < 10);
    for more in ["[one]: https://a.b\n\n", "[^note]: so\n\n", "[^note]\n"] {
        let patches = draft.push(more);
        assert!(!patches.is_empty(), "{more}");
    }
    let text =
        "See [one] and[^note].\n\nNext.\n\nLast.\n\n[one]: https://a.b\n\n[^note]: so\n\n[^note]\n";
    assert_eq!(draft.blocks(), parse(text));
    let equation = "$$\\begin{equation}x\\end{equation}$$\n\nThen.\n\n";
    let mut draft = IncrementalParser::default();
    for count in 1..4 {
        draft.push(equation);
        assert_eq!(draft.blocks(), parse(&equation.repeat(count)));
    }
}

#[test]
fn an_open_code_block_costs_what_is_added_to_it() {
    let code = "let x = 1;\n".repeat(1000);
    let text = format!("Look:\n\n```rust\n{code}```\n");
    let cuts: Vec<_> = (0..text.len()).step_by(7).collect();
    let (page, patches) = replay(&prefixes(&text, &cuts));
    assert_eq!(page.len(), 2);
    let (mut grown, mut closed) = (0, 0);
    for patch in &patches {
        match patch {
            Patch::Grow { at: 1, text } => grown += text.len(),
            Patch::Close { at: 1 } => closed += 1,
            Patch::Grow { at: 0, .. } => {}
            Patch::Replace { blocks, .. } => {
                let json = serde_json::to_string(blocks).unwrap();
                assert!(json.len() < 200, "sent again: {json}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(grown >= code.len() - 7, "{grown} bytes were appended");
    assert!(grown <= code.len() + 7, "{grown} bytes were appended");
    assert_eq!(closed, 1);
}

/// Returns the number of bytes sent for a text that is streamed seven bytes at a time.
fn sent(text: &str) -> usize {
    let cuts: Vec<_> = (0..text.len()).step_by(7).collect();
    let (page, patches) = replay(&prefixes(text, &cuts));
    assert_eq!(page, parse(text));
    let sizes = patches.iter().map(serde_json::to_vec);
    sizes.flatten().map(|json| json.len()).sum()
}

/// A function that returns a text with the given number of pieces.
type Text = fn(usize) -> String;

#[test]
fn patches_are_proportional_to_the_growth() {
    let growing: [(&str, Text); 10] = [
        ("code", |n| format!("```rust\n{}", "let x = 1;\n".repeat(n))),
        ("code in an item of a list", |n| {
            format!("- a\n- b\n\n  ```rust\n{}", "  let x = 1;\n".repeat(n))
        }),
        ("code in a quotation in a list", |n| {
            format!("1. a\n2. > b\n   > ```\n{}", "   > let x = 1;\n".repeat(n))
        }),
        ("a list", |n| "- some item\n".repeat(n)),
        ("a loose list", |n| "1. some item\n\n".repeat(n)),
        ("a list of tasks in a list", |n| {
            "- all\n".to_owned() + &"  - [x] this\n".repeat(n)
        }),
        ("a table", |n| {
            "|a|b|\n|-|-|\n".to_owned() + &"|c|d|\n".repeat(n)
        }),
        ("a line", |n| "some words ".repeat(n)),
        ("a paragraph", |n| "some *words*\n".repeat(n)),
        ("code and what follows it", |n| {
            format!("```\n{}```\n\nSo be it.", "let x = 1;\n".repeat(n))
        }),
    ];
    for (name, text) in growing {
        let [short, long] = [40, 400].map(|count| sent(&text(count)));
        assert!(
            long <= 12 * short,
            "{name}: {short} bytes for a short one, {long} for ten times as much"
        );
    }
}

#[test]
fn unchanged_leading_blocks_are_not_patched() {
    let old = parse("one\n\ntwo\n\nthree");
    let new = parse("one\n\ntwo\n\nthree and more\n\nfour");
    let expected = [
        Patch::Grow {
            at: 2,
            text: " and more".to_owned(),
        },
        Patch::Replace {
            from: 3,
            blocks: new[3..].to_vec(),
        },
    ];
    assert_eq!(patch(&old, &new), expected);
    assert_eq!(patch(&new, &new), []);
    let shorter = Patch::Replace {
        from: 2,
        blocks: Vec::new(),
    };
    assert_eq!(patch(&old, &old[..2]), [shorter]);
}

#[test]
fn a_fence_is_open_at_the_end_of_the_text_only() {
    fn closed(blocks: &[Block]) -> Option<bool> {
        blocks.iter().rev().find_map(|block| match block {
            Block::Code { closed, .. } => Some(*closed),
            Block::Quote { blocks } => closed(blocks),
            Block::List { items, .. } => items.iter().rev().find_map(|item| closed(&item.blocks)),
            _ => None,
        })
    }
    let cases = [
        ("```", false),
        ("```\n", false),
        ("```\n\n\n", false),
        ("```\na", false),
        ("```\na\n``", false),
        ("```\n~~~", false),
        ("````\n```", false),
        ("```\n> ```", false),
        ("```\n    ```", false),
        ("```\na ```", false),
        ("```\r\na\r\n", false),
        ("- ```\n  a", false),
        ("- ```\n  a\n\n", false),
        ("> ```\n> a", false),
        ("> ```\n> a\n>", false),
        ("> - ```\n>   a\n> ", false),
        // Until more text arrives, a blank line in the block looks the same as one after it.
        ("> ```\n> a\n\n", false),
        ("```\n```", true),
        ("```\n```  \n\n", true),
        ("```\na\n`````", true),
        ("```\r\na\r\n```\r\n", true),
        ("~~~\na\n~~~", true),
        ("  ```\na\n   ```", true),
        ("- ```\n  a\n  ```", true),
        ("> ```\n> a\n> ```", true),
        ("> ```\n> a\n> ```\n>", true),
        // The container ended.
        ("> ```\n> a\nb", true),
        ("- ```\n  a\nb", true),
        ("- ```\n  a\n- b", true),
        ("    ```\n    a", true),
    ];
    for (markdown, expected) in cases {
        assert_eq!(closed(&parse(markdown)), Some(expected), "{markdown:?}");
    }
}

#[test]
fn code_grows_only_while_it_is_open_and_its_text_continues() {
    let grows = |old: &str, new: &str| match &*patch(&parse(old), &parse(new)) {
        [] => panic!("{old:?} and {new:?} differ"),
        patches => matches!(patches, [Patch::Grow { .. }]),
    };
    assert!(grows("```\na", "```\nab"));
    assert!(grows("x\n\n```rust\n", "x\n\n```rust\na\n"));
    assert!(!grows("```ru\n", "```rust\n"), "another language");
    assert!(!grows("```\na\n", "```\na\n```"), "it is closed now");
    assert!(
        !grows("```\na\n``", "```\na\n```\n"),
        "a part of the fence was taken for code"
    );
    assert!(!grows("```\na", "```\nb"), "another text");
    assert!(
        !grows("    a", "    a\n    b"),
        "indented code is never open"
    );
    assert!(!grows("```\na", "```\nab\n```\n\ntext"), "more blocks");
    assert!(grows("a *b* c", "a *b* c d"), "the end of a paragraph");
    assert!(!grows("a *b", "a *b*"), "it was no text");
}
