//! Text that is being written, told in patches: whoever carries them all out holds what a parse of the
//! whole text gives, wherever the text was cut.

use conch_markdown::{Block, Patch, apply, parse, patch};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Pieces that documents are put together from, so that every construct is begun, nested, left open
/// and interrupted.
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
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

/// A document, and the places where it is cut.
fn chunked() -> impl Strategy<Value = (String, Vec<usize>)> {
    document().prop_flat_map(|document| {
        let cuts = prop::collection::vec(0..=document.len(), 0..20);
        (Just(document), cuts)
    })
}

/// The prefixes of the text that end at the cuts, and the whole text.
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

/// What the page holds in the end, and what it was told.
fn told(prefixes: &[&str]) -> (Vec<Block>, Vec<Patch>) {
    let mut page = Vec::new();
    let mut before = Vec::new();
    let mut patches = Vec::new();
    for prefix in prefixes {
        let now = parse(prefix);
        if let Some(patch) = patch(&before, &now) {
            apply(&mut page, patch.clone());
            patches.push(patch);
        }
        assert_eq!(page, now, "after {prefix:?}");
        before = now;
    }
    (page, patches)
}

/// Checks what the types promise beyond their form.
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
                        prop_assert_eq!(row.as_array().map(Vec::len), width);
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
        let (page, _) = told(&prefixes(&text, &cuts));
        prop_assert_eq!(page, parse(&text));
    }

    #[test]
    fn any_two_documents_differ_by_one_patch(told in document(), now in document()) {
        let (told, now) = (parse(&told), parse(&now));
        let mut page = told.clone();
        if let Some(patch) = patch(&told, &now) {
            apply(&mut page, patch);
        }
        prop_assert_eq!(page, now);
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
fn a_document_told_byte_by_byte_is_the_document() {
    let text = "# Title\n\nText with `code`, **bold** and $x^2$.\n\n```rust\nfn main() {\n    1;\n}\n```\n\n\
        - a\n- b\n  1. c\n\n| a | b |\n|---|---|\n| c | d |\n\nA note[^1].\n\n[^1]: The note.\n";
    let cuts: Vec<_> = (0..text.len()).collect();
    let (page, _) = told(&prefixes(text, &cuts));
    assert_eq!(page, parse(text));
}

#[test]
fn an_open_code_block_costs_what_is_added_to_it() {
    let code = "let x = 1;\n".repeat(1000);
    let text = format!("Look:\n\n```rust\n{code}```\n");
    let cuts: Vec<_> = (0..text.len()).step_by(7).collect();
    let (page, patches) = told(&prefixes(&text, &cuts));
    assert_eq!(page.len(), 2);
    let (mut grown, mut replaced) = (0, 0);
    for patch in &patches {
        match patch {
            Patch::Grow { at, text } => {
                assert_eq!(*at, 1, "the last block");
                grown += text.len();
            }
            Patch::Replace { blocks, .. } => {
                replaced += serde_json::to_string(blocks).unwrap().len();
            }
        }
    }
    assert!(grown >= code.len() - 7, "{grown} bytes were appended");
    assert!(grown <= code.len() + 7, "{grown} bytes were appended");
    assert!(
        replaced <= 2 * code.len(),
        "{replaced} bytes were told anew, when the block was closed"
    );
}

#[test]
fn only_what_comes_after_the_unchanged_blocks_is_told() {
    let told = parse("one\n\ntwo\n\nthree");
    let now = parse("one\n\ntwo\n\nthree and more\n\nfour");
    let expected = Patch::Replace {
        from: 2,
        blocks: now[2..].to_vec(),
    };
    assert_eq!(patch(&told, &now), Some(expected));
    assert_eq!(patch(&now, &now), None);
    let shorter = Patch::Replace {
        from: 2,
        blocks: Vec::new(),
    };
    assert_eq!(patch(&told, &told[..2]), Some(shorter));
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
        // Until more text comes, nobody can tell a blank line in it from one after it.
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
        // Its container ended.
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
fn code_grows_only_while_it_is_open_and_its_text_goes_on() {
    let grows = |told: &str, now: &str| match patch(&parse(told), &parse(now)) {
        Some(Patch::Grow { .. }) => true,
        Some(Patch::Replace { .. }) => false,
        None => panic!("{told:?} and {now:?} differ"),
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
}
