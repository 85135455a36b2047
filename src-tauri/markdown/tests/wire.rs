//! The exact JSON that the page receives.

use conch_markdown::{Block, Patch, highlight, parse, patch};
use serde_json::{Value, json};

/// Checks the JSON of each document.
fn check<const COUNT: usize>(cases: [(&str, Value); COUNT]) {
    for (markdown, expected) in cases {
        assert_eq!(json!(parse(markdown)), expected, "{markdown}");
    }
}

#[test]
fn every_inline_is_sent_as_the_page_reads_it() {
    check([
        (
            "a *b* **c** ~~d~~ `e`\nf  \ng <i>",
            json!([{"type": "paragraph", "inlines": [
                {"type": "text", "text": "a "},
                {"type": "emphasis", "inlines": [{"type": "text", "text": "b"}]},
                {"type": "text", "text": " "},
                {"type": "strong", "inlines": [{"type": "text", "text": "c"}]},
                {"type": "text", "text": " "},
                {"type": "strikethrough", "inlines": [{"type": "text", "text": "d"}]},
                {"type": "text", "text": " "},
                {"type": "code", "text": "e"},
                {"type": "softBreak"},
                {"type": "text", "text": "f"},
                {"type": "hardBreak"},
                {"type": "text", "text": "g "},
                {"type": "html", "text": "<i>"},
            ]}]),
        ),
        (
            "[a](https://b.c/d \"e\")![f *g*](h)<i@j.k>",
            json!([{"type": "paragraph", "inlines": [
                {"type": "link", "destination": "https://b.c/d", "title": "e", "host": "b.c",
                    "inlines": [{"type": "text", "text": "a"}]},
                {"type": "image", "destination": "h", "title": "", "host": null, "alt": "f g"},
                {"type": "link", "destination": "mailto:i@j.k", "title": "", "host": "i@j.k",
                    "inlines": [{"type": "text", "text": "i@j.k"}]},
            ]}]),
        ),
    ]);
}

#[test]
fn every_block_is_sent_as_the_page_reads_it() {
    check([
        (
            "### a",
            json!([{"type": "heading", "level": 3, "inlines": [{"type": "text", "text": "a"}]}]),
        ),
        (
            "```rust ignore\na\n```",
            json!([{"type": "code", "language": "rust", "text": "a\n", "closed": true}]),
        ),
        (
            "```\na",
            json!([{"type": "code", "language": null, "text": "a", "closed": false}]),
        ),
        (
            "```rust",
            json!([{"type": "code", "language": "rust", "text": "", "closed": false}]),
        ),
        (
            "    a",
            json!([{"type": "code", "language": null, "text": "a\n", "closed": true}]),
        ),
        (
            "> a",
            json!([{"type": "quote", "blocks": [
                {"type": "paragraph", "inlines": [{"type": "text", "text": "a"}]},
            ]}]),
        ),
        (
            "3. [x] a\n4. b",
            json!([{"type": "list", "start": 3, "tight": true, "items": [
                {"checked": true, "blocks": [
                    {"type": "paragraph", "inlines": [{"type": "text", "text": "a"}]},
                ]},
                {"checked": null, "blocks": [
                    {"type": "paragraph", "inlines": [{"type": "text", "text": "b"}]},
                ]},
            ]}]),
        ),
        (
            "|a|b|c|d|\n|-|:-|:-:|-:|\n|e|",
            json!([{"type": "table", "alignments": ["none", "left", "center", "right"],
                "header": [
                    [{"type": "text", "text": "a"}], [{"type": "text", "text": "b"}],
                    [{"type": "text", "text": "c"}], [{"type": "text", "text": "d"}],
                ],
                "rows": [[[{"type": "text", "text": "e"}]]],
            }]),
        ),
        (
            "---\n\n<p>\n",
            json!([{"type": "rule"}, {"type": "html", "text": "<p>\n"}]),
        ),
        (
            "a[^1]\n\n[^1]: b",
            json!([
                {"type": "paragraph", "inlines": [
                    {"type": "text", "text": "a"},
                    {"type": "footnoteReference", "number": 1},
                ]},
                {"type": "footnotes", "notes": [{"number": 1, "blocks": [
                    {"type": "paragraph", "inlines": [{"type": "text", "text": "b"}]},
                ]}]},
            ]),
        ),
        (
            "$x$\n$$\\frac12$$ $\\nonsense$",
            json!([
                {"type": "paragraph", "inlines": [{"type": "math", "math": {"source": "x", "tree":
                    {"type": "element", "name": "math", "attributes": [], "children": [
                        {"type": "element", "name": "mi", "attributes": [], "children": [
                            {"type": "text", "text": "x"}]}]}}}]},
                {"type": "math", "math": {"source": "\\frac12", "tree":
                    {"type": "element", "name": "math", "attributes": [["display", "block"]],
                    "children": [{"type": "element", "name": "mfrac", "attributes": [], "children": [
                        {"type": "element", "name": "mn", "attributes": [], "children": [
                            {"type": "text", "text": "1"}]},
                        {"type": "element", "name": "mn", "attributes": [], "children": [
                            {"type": "text", "text": "2"}]}]}]}}},
                {"type": "paragraph", "inlines": [
                    {"type": "math", "math": {"source": "\\nonsense", "tree": null}}]},
            ]),
        ),
    ]);
}

#[test]
fn patches_and_tokens_are_sent_as_the_page_reads_them() {
    let sent = |patches: Vec<Patch>| serde_json::to_value(patches).unwrap();
    let blocks = |markdown: &str| -> Vec<Block> { parse(markdown) };
    assert_eq!(
        sent(patch(&blocks("```\na"), &blocks("```\nab\n```\n---"))),
        json!([
            {"type": "grow", "at": 0, "text": "b\n"},
            {"type": "close", "at": 0},
            {"type": "replace", "from": 1, "blocks": [{"type": "rule"}]},
        ])
    );
    assert_eq!(
        sent(patch(&blocks("a\n\n*b* c"), &blocks("a\n\n*b* `c`"))),
        json!([{"type": "inlines", "at": 1, "from": 1, "inlines": [
            {"type": "text", "text": " "}, {"type": "code", "text": "c"}]}])
    );
    assert_eq!(
        sent(patch(&blocks("- a"), &blocks("- a\n- [ ] b"))),
        json!([{"type": "items", "at": 0, "from": 1, "items": [
            {"checked": false, "blocks": [
                {"type": "paragraph", "inlines": [{"type": "text", "text": "b"}]}]}]}])
    );
    assert_eq!(
        sent(patch(
            &blocks("|a|\n|-|\n|b|"),
            &blocks("|a|\n|-|\n|b|\n|c|")
        )),
        json!([{"type": "rows", "at": 0, "from": 1, "rows": [[[{"type": "text", "text": "c"}]]]}])
    );
    assert_eq!(
        sent(patch(&blocks("- a\n- > b"), &blocks("- a\n- > bc"))),
        json!([{"type": "within", "at": 0, "patches": [{"type": "within", "at": 0,
            "patches": [{"type": "grow", "at": 0, "text": "c"}]}]}])
    );
    assert_eq!(
        serde_json::to_value(highlight("rust", "fn\u{202e}")).unwrap(),
        json!([{"kind": "keyword", "text": "fn"}, {"kind": "control", "text": "\u{202e}"}])
    );
}
