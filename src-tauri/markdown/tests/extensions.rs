//! Extensions of the specification: tables, strikethrough, task lists, bare addresses and footnotes as GitHub
//! reads them, and formulas.

mod html;

use conch_markdown::{Block, Inline, parse};
use html::html;

/// Checks the HTML of each document.
fn check(cases: &[(&str, &str)]) {
    for (markdown, expected) in cases {
        assert_eq!(html(&parse(markdown)), *expected, "{markdown}");
    }
}

/// Checks the HTML inside a single paragraph.
fn check_inline(cases: &[(&str, &str)]) {
    for (markdown, expected) in cases {
        assert_eq!(
            html(&parse(markdown)),
            format!("<p>{expected}</p>\n"),
            "{markdown}"
        );
    }
}

#[test]
fn a_cell_is_broken_into_lines_by_a_tag_and_nothing_else_is() {
    let row = |cell: &str| format!("|a|\n|-|\n|{cell}|\n");
    let cell = |cell: &str| {
        let [Block::Table { rows, .. }] = &*parse(&row(cell)) else {
            panic!("a table");
        };
        rows[0][0].clone()
    };
    let text = |text: &str| Inline::Text {
        text: text.to_owned(),
    };
    for tag in ["<br>", "<br/>", "<br />", "<BR>", "<Br\t/>"] {
        let broken = [text("b"), Inline::HardBreak, text("c")];
        assert_eq!(cell(&format!("b{tag}c")), broken, "{tag}");
        let within = Inline::Strong {
            inlines: broken.to_vec(),
        };
        assert_eq!(cell(&format!("**b{tag}c**")), [within], "{tag}");
        let outside = parse(&format!("b{tag}c\n\n{tag}"));
        let json = serde_json::to_string(&outside).unwrap();
        assert!(!json.contains("hardBreak"), "{json}");
        let code = Inline::Code {
            text: tag.to_owned(),
        };
        assert_eq!(cell(&format!("`{tag}`")), [code]);
    }
    for tag in ["<b>", "</br>", "<br onclick=\"x\">", "<brr>", "<br//>"] {
        let json = serde_json::to_string(&cell(&format!("b{tag}c"))).unwrap();
        assert!(!json.contains("hardBreak"), "{json}");
    }
}

#[test]
fn tables() {
    check(&[
        (
            "| foo | bar |\n| --- | --- |\n| baz | bim |\n",
            "<table>\n<thead>\n<tr>\n<th>foo</th>\n<th>bar</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>baz</td>\n<td>bim</td>\n</tr>\n</tbody>\n</table>\n",
        ),
        (
            "a | b | c | d\n:-: | --: | :-- | -\n1 | 2 | 3 | 4",
            "<table>\n<thead>\n<tr>\n<th align=\"center\">a</th>\n<th align=\"right\">b</th>\n<th align=\"left\">c</th>\n<th>d</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"center\">1</td>\n<td align=\"right\">2</td>\n<td align=\"left\">3</td>\n<td>4</td>\n</tr>\n</tbody>\n</table>\n",
        ),
        // A pipe in a cell is escaped, in code as well.
        (
            "| f\\|oo |\n| ------ |\n| b `\\|` az |\n| b **\\|** im |\n",
            "<table>\n<thead>\n<tr>\n<th>f|oo</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b <code>|</code> az</td>\n</tr>\n<tr>\n<td>b <strong>|</strong> im</td>\n</tr>\n</tbody>\n</table>\n",
        ),
        // A table ends at another block, or at a blank line.
        (
            "| a | b |\n| --- | --- |\n| c | d |\n> e\n",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>c</td>\n<td>d</td>\n</tr>\n</tbody>\n</table>\n<blockquote>\n<p>e</p>\n</blockquote>\n",
        ),
        (
            "| a | b |\n| --- | --- |\n| c | d |\ne\n\nf\n",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>c</td>\n<td>d</td>\n</tr>\n<tr>\n<td>e</td>\n<td></td>\n</tr>\n</tbody>\n</table>\n<p>f</p>\n",
        ),
        // A header that is not as wide as the delimiter row makes no table.
        (
            "| a | b |\n| --- |\n| c |\n",
            "<p>| a | b |\n| --- |\n| c |</p>\n",
        ),
        // Rows are as wide as the header.
        (
            "| a | b |\n| --- | --- |\n| c |\n| d | e | f |\n",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n<th>b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>c</td>\n<td></td>\n</tr>\n<tr>\n<td>d</td>\n<td>e</td>\n</tr>\n</tbody>\n</table>\n",
        ),
        (
            "| a |\n| - |\n",
            "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n</table>\n",
        ),
        // In a list.
        (
            "- | a |\n  |---|\n  | b |\n",
            "<ul>\n<li>\n<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>\n</li>\n</ul>\n",
        ),
    ]);
}

#[test]
fn strikethrough() {
    check_inline(&[
        (
            "~~Hi~~ Hello, ~there~ world!",
            "<del>Hi</del> Hello, <del>there</del> world!",
        ),
        ("This will ~~~not~~~ strike.", "This will ~~~not~~~ strike."),
        ("a ~~*b*~~ c", "a <del><em>b</em></del> c"),
        ("a~~b", "a~~b"),
        ("~~a~", "~~a~"),
    ]);
    check(&[(
        "This ~~has a\n\nnew paragraph~~.",
        "<p>This ~~has a</p>\n<p>new paragraph~~.</p>\n",
    )]);
}

#[test]
fn task_lists() {
    let open = "<input disabled=\"\" type=\"checkbox\">";
    let done = "<input checked=\"\" disabled=\"\" type=\"checkbox\">";
    check(&[
        (
            "- [ ] foo\n- [x] bar\n- [X] baz\n",
            &format!(
                "<ul>\n<li>{open} foo</li>\n<li>{done} bar</li>\n<li>{done} baz</li>\n</ul>\n"
            ),
        ),
        (
            "- [x] foo\n  - [ ] bar\n- baz\n",
            &format!(
                "<ul>\n<li>{done} foo\n<ul>\n<li>{open} bar</li>\n</ul>\n</li>\n<li>baz</li>\n</ul>\n"
            ),
        ),
        (
            "1. [ ] foo\n\n2. [x] bar\n",
            &format!(
                "<ol>\n<li>{open} \n<p>foo</p>\n</li>\n<li>{done} \n<p>bar</p>\n</li>\n</ol>\n"
            ),
        ),
        (
            "- [] foo\n- [y] bar\n- [ ]baz\n",
            "<ul>\n<li>[] foo</li>\n<li>[y] bar</li>\n<li>[ ]baz</li>\n</ul>\n",
        ),
        ("[ ] foo\n", "<p>[ ] foo</p>\n"),
    ]);
}

#[test]
fn bare_addresses() {
    let link = |address: &str| format!("<a href=\"{address}\">{address}</a>");
    let www = |address: &str| format!("<a href=\"http://{address}\">{address}</a>");
    let cases = [
        ("www.commonmark.org", www("www.commonmark.org")),
        (
            "Visit www.commonmark.org/help for more.",
            format!("Visit {} for more.", www("www.commonmark.org/help")),
        ),
        ("Visit www.commonmark.org.", format!("Visit {}.", www("www.commonmark.org"))),
        ("Visit www.commonmark.org/a.b.", format!("Visit {}.", www("www.commonmark.org/a.b"))),
        (
            "www.google.com/search?q=Markup+(business)",
            www("www.google.com/search?q=Markup+(business)"),
        ),
        (
            "(www.google.com/search?q=Markup+(business))",
            format!("({})", www("www.google.com/search?q=Markup+(business)")),
        ),
        (
            "www.google.com/search?q=Markup+(business)))",
            format!("{}))", www("www.google.com/search?q=Markup+(business)")),
        ),
        (
            "www.google.com/search?q=(business))+ok",
            www("www.google.com/search?q=(business))+ok"),
        ),
        (
            "www.google.com/search?q=commonmark&amp;hl=en",
            "<a href=\"http://www.google.com/search?q=commonmark&amp;hl=en\">www.google.com/search?q=commonmark&amp;hl=en</a>".to_owned(),
        ),
        ("www.commonmark.org/he<lp", format!("{}&lt;lp", www("www.commonmark.org/he"))),
        ("http://commonmark.org", link("http://commonmark.org")),
        ("HTTPS://commonmark.org/A", link("HTTPS://commonmark.org/A")),
        ("(Visit https://a.org/x?y=z)", format!("(Visit {})", link("https://a.org/x?y=z"))),
        ("https://a.org/x_y_z_", format!("{}_", link("https://a.org/x_y_z"))),
        ("**https://a.org**", format!("<strong>{}</strong>", link("https://a.org"))),
        ("*see https://a.org*", format!("<em>see {}</em>", link("https://a.org"))),
        ("\"https://a.org\"", format!("&quot;{}&quot;", link("https://a.org"))),
        ("[https://a.org]", format!("[{}]", link("https://a.org"))),
        ("https://a.org: yes", format!("{}: yes", link("https://a.org"))),
        ("http://localhost:3000/x", link("http://localhost:3000/x")),
        ("http://127.0.0.1:80/", link("http://127.0.0.1:80/")),
        ("http://[::1]:80/", "<a href=\"http://%5B::1%5D:80/\">http://[::1]:80/</a>".to_owned()),
        ("请看https://a.org。谢谢", format!("请看{}。谢谢", link("https://a.org"))),
        ("（https://a.org/b）", format!("（{}）", link("https://a.org/b"))),
        // Not links.
        ("xhttps://a.org", "xhttps://a.org".to_owned()),
        ("awww.a.org", "awww.a.org".to_owned()),
        ("https://", "https://".to_owned()),
        ("https://.", "https://.".to_owned()),
        ("https://a..b", "https://a..b".to_owned()),
        ("https://a_b.c", "https://a_b.c".to_owned()),
        ("www.a", "www.a".to_owned()),
        ("www.", "www.".to_owned()),
        ("ftp://a.org", "ftp://a.org".to_owned()),
        ("javascript://a.org", "javascript://a.org".to_owned()),
        ("https://user@evil.com", "https://user@evil.com".to_owned()),
        ("`https://a.org`", "<code>https://a.org</code>".to_owned()),
        ("[https://a.org](x)", "<a href=\"x\">https://a.org</a>".to_owned()),
        ("[*https://a.org*](x)", "<a href=\"x\"><em>https://a.org</em></a>".to_owned()),
        ("![https://a.org](x)", "<img src=\"x\" alt=\"https://a.org\" />".to_owned()),
    ];
    for (markdown, expected) in cases {
        check_inline(&[(markdown, &expected)]);
    }
    check(&[
        (
            "# https://a.org\n",
            &format!("<h1>{}</h1>\n", link("https://a.org")),
        ),
        (
            "- https://a.org\n",
            &format!("<ul>\n<li>{}</li>\n</ul>\n", link("https://a.org")),
        ),
        (
            "    https://a.org\n",
            "<pre><code>https://a.org\n</code></pre>\n",
        ),
    ]);
}

#[test]
fn footnotes_are_numbered_as_they_are_referred_to() {
    check(&[
        (
            "One[^b], two[^a], one again[^b].\n\n[^a]: A\n[^b]: B\n",
            "<p>One<sup>1</sup>, two<sup>2</sup>, one again<sup>1</sup>.</p>\n<footnote id=\"1\">\n<p>B</p>\n</footnote>\n<footnote id=\"2\">\n<p>A</p>\n</footnote>\n",
        ),
        // Unreferenced footnotes are omitted, and so are those that only such footnotes reference.
        ("Text.\n\n[^a]: A[^b]\n\n[^b]: B\n", "<p>Text.</p>\n"),
        // A footnote may be referenced by another one, or by itself.
        (
            "One[^a].\n\n[^b]: B[^b]\n\n[^a]: A[^b]\n",
            "<p>One<sup>1</sup>.</p>\n<footnote id=\"1\">\n<p>A<sup>2</sup></p>\n</footnote>\n<footnote id=\"2\">\n<p>B<sup>2</sup></p>\n</footnote>\n",
        ),
        ("No definition[^a].\n", "<p>No definition[^a].</p>\n"),
        (
            "Case[^Ab].\n\n[^aB]: Note\n",
            "<p>Case<sup>1</sup>.</p>\n<footnote id=\"1\">\n<p>Note</p>\n</footnote>\n",
        ),
        // The first definition wins.
        (
            "One[^a].\n\n[^a]: first\n\n[^a]: second\n",
            "<p>One<sup>1</sup>.</p>\n<footnote id=\"1\">\n<p>first</p>\n</footnote>\n",
        ),
        // A definition may be anywhere, and contain any blocks.
        (
            "- One[^a]\n- Two\n\n  [^a]: First\n\n      - item\n\n> | a[^a] |\n> |---|\n",
            "<ul>\n<li>\n<p>One<sup>1</sup></p>\n</li>\n<li>\n<p>Two</p>\n</li>\n</ul>\n<blockquote>\n<table>\n<thead>\n<tr>\n<th>a<sup>1</sup></th>\n</tr>\n</thead>\n</table>\n</blockquote>\n<footnote id=\"1\">\n<p>First</p>\n<ul>\n<li>item</li>\n</ul>\n</footnote>\n",
        ),
    ]);
}

/// Returns each formula of a document: whether it is a display formula, and its source.
fn formulas(blocks: &[Block]) -> Vec<(bool, String)> {
    let mut formulas = Vec::new();
    for block in blocks {
        match block {
            Block::Math { math } => formulas.push((true, math.source.clone())),
            Block::Paragraph { inlines } => {
                for inline in inlines {
                    if let Inline::Math { math } = inline {
                        formulas.push((false, math.source.clone()));
                    }
                }
            }
            _ => {}
        }
    }
    formulas
}

#[test]
fn formulas_stand_in_lines_or_on_their_own() {
    let line = |source: &str| (false, source.to_owned());
    let own = |source: &str| (true, source.to_owned());
    let cases = [
        ("Let $x^2$ be.", vec![line("x^2")]),
        ("$a$ and $b$", vec![line("a"), line("b")]),
        ("the $i$th and the $k$-means", vec![line("i"), line("k")]),
        ("$$x$$", vec![own("x")]),
        ("$$\nx\n$$", vec![own("\nx\n")]),
        ("Before\n$$x$$\nafter $y$", vec![own("x"), line("y")]),
        (r"\(x\) and \( y_1*z* \)", vec![line("x"), line("y_1*z*")]),
        (r"\[x\]", vec![own("x")]),
        ("\\[\nx \\\\\ny\n\\]", vec![own("\nx \\\\\ny\n")]),
        // Not formulas.
        ("$5 and $10", vec![]),
        ("from $5-$10 to $20-$30", vec![]),
        ("**$5** and **$10** for $x$", vec![line("x")]),
        ("$ x $", vec![]),
        (r"\$x\$", vec![]),
        ("`$x$`", vec![]),
        ("```\n$x$\n\\(x\\)\n```", vec![]),
        (r"`\(x\)`", vec![]),
        (r"\\(x\\)", vec![]),
        (r"f\(x\) and a\[1\]", vec![]),
        (r"\(x\] and \[y\)", vec![]),
        (r"\(\) and \[ \]", vec![]),
        ("\\(x\n\ny\\)", vec![]),
        (r"[a \( b](c) \)", vec![]),
    ];
    for (markdown, expected) in cases {
        assert_eq!(formulas(&parse(markdown)), expected, "{markdown}");
    }
}

#[test]
fn a_formula_on_its_own_divides_its_paragraph() {
    let kinds = |markdown: &str| {
        let kind = |block: &Block| match block {
            Block::Paragraph { inlines } => format!("{inlines:?}"),
            Block::Math { math } => math.source.clone(),
            other => format!("{other:?}"),
        };
        parse(markdown).iter().map(kind).collect::<Vec<_>>()
    };
    let text = |text: &str| format!("[Text {{ text: {text:?} }}]");
    assert_eq!(kinds("a $$x$$ b"), [text("a"), "x".to_owned(), text("b")]);
    assert_eq!(kinds("a\n$$x$$\nb"), [text("a"), "x".to_owned(), text("b")]);
    assert_eq!(kinds("$$x$$ $$y$$"), ["x", "y"]);
    assert_eq!(
        kinds("$$x$$.  \n$$y$$"),
        ["x".to_owned(), text("."), "y".to_owned()]
    );

    let [
        Block::List {
            tight: true, items, ..
        },
    ] = &*parse("- a $$x$$ b\n- c")
    else {
        panic!("a tight list");
    };
    assert_eq!(items[0].blocks.len(), 3, "{items:?}");

    let [Block::Paragraph { inlines }] = &*parse("**$$x$$**") else {
        panic!("no paragraph is divided within emphasis");
    };
    assert!(matches!(&**inlines, [Inline::Strong { .. }]));
}

#[test]
fn what_was_escaped_for_the_parser_is_not_seen() {
    check_inline(&[
        ("from $5-$10", "from $5-$10"),
        (
            "**$5** and **$10**",
            "<strong>$5</strong> and <strong>$10</strong>",
        ),
        ("$1-$2-$3-$4-$5-$6", "$1-$2-$3-$4-$5-$6"),
        ("$5 `a-$6` $7", "$5 <code>a-$6</code> $7"),
        ("[$5-$6](x$7-$8)", "<a href=\"x$7-$8\">$5-$6</a>"),
        ("\\\\$5-$6", "\\$5-$6"),
    ]);
}
