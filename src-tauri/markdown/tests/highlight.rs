//! Highlighting: the tokens add up to the code, and the kinds make sense in the languages that models write
//! most.

use conch_markdown::TokenKind::{
    self, Attribute, Comment, Constant, Deleted, Function, Heading, Inserted, Keyword, Number,
    Operator, Plain, Punctuation, String as Text, Tag, Type, Variable,
};
use conch_markdown::{Token, highlight};
use proptest::prelude::*;

fn tokens(language: &str, code: &str) -> Vec<Token> {
    let tokens = highlight(language, code);
    tokens.unwrap_or_else(|| panic!("{language} is known"))
}

fn joined(tokens: &[Token]) -> String {
    tokens.iter().map(|token| &*token.text).collect()
}

/// Returns the kind of the token that equals or contains the piece.
fn kind_of(tokens: &[Token], piece: &str) -> TokenKind {
    let is = tokens.iter().find(|token| token.text.trim() == piece);
    let found = is.or_else(|| tokens.iter().find(|token| token.text.contains(piece)));
    found
        .unwrap_or_else(|| panic!("{piece} is in one token of {tokens:?}"))
        .kind
}

/// A language, code in it, and pieces of the code with their kinds.
type Case = (
    &'static str,
    &'static str,
    &'static [(&'static str, TokenKind)],
);

const CASES: [Case; 14] = [
    (
        "rust",
        "// why\nfn main(x: i32) { let y = \"s\\n\"; call(y, 1.5); Some(true) }\nstruct Shell;\n",
        &[
            ("why", Comment),
            ("fn", Keyword),
            ("main", Function),
            ("x", Variable),
            ("\"s", Text),
            ("\\n", Constant),
            ("call", Function),
            ("1.5", Number),
            ("Some", Type),
            ("true", Constant),
            ("Shell", Type),
            ("{", Punctuation),
            ("=", Operator),
            ("y", Plain),
        ],
    ),
    (
        "python",
        "@wraps\ndef area(r: float) -> float:\n    \"\"\"Doc.\"\"\"\n    return 3.14 * r if r and not None else 0x1F\n",
        &[
            ("@wraps", Attribute),
            ("def", Keyword),
            ("area", Function),
            ("Doc.", Comment),
            ("3.14", Number),
            ("and not", Keyword),
            ("None", Constant),
            ("0x1F", Number),
        ],
    ),
    (
        "js",
        "// why\nclass A extends B { m() { return `a ${1 + x} b`; } }\nconst f = async () => null;\n",
        &[
            ("why", Comment),
            ("class", Keyword),
            ("`a", Text),
            ("1", Number),
            ("b`", Text),
            ("null", Constant),
        ],
    ),
    (
        "tsx",
        "const a: number = 1;\nreturn <div className=\"x\">text</div>;\n",
        &[
            ("const", Keyword),
            ("number", Type),
            ("div", Tag),
            ("className", Attribute),
            ("\"x\"", Text),
            ("text", Plain),
        ],
    ),
    (
        "bash",
        "# why\nfor f in *.txt; do echo \"$f\"; done\ngrep -v x\n",
        &[
            ("why", Comment),
            ("for", Keyword),
            ("echo", Function),
            ("$f", Variable),
            ("grep", Function),
        ],
    ),
    (
        "json",
        "{\"key\": [1.5, true, \"value\"]}\n",
        &[
            ("\"key\"", Attribute),
            ("1.5", Number),
            ("true", Constant),
            ("\"value\"", Text),
        ],
    ),
    (
        "yaml",
        "key: value # why\n",
        &[("key", Tag), ("value", Text), ("why", Comment)],
    ),
    (
        "html",
        "<!-- why --><p class=\"x\">text</p><script>let y = 1;</script>\n",
        &[
            ("why", Comment),
            ("p", Tag),
            ("class", Attribute),
            ("\"x\"", Text),
            ("text", Plain),
            ("let", Keyword),
        ],
    ),
    (
        "css",
        ".a { color: #fff; margin: 10px }\n",
        &[
            (".a", Attribute),
            ("color", Attribute),
            ("#fff", Constant),
            ("10px", Number),
        ],
    ),
    (
        "sql",
        "SELECT count(*) FROM t WHERE a = 'b' AND c > 1; -- why\n",
        &[
            ("SELECT", Keyword),
            ("AND", Keyword),
            ("'b'", Text),
            ("why", Comment),
        ],
    ),
    (
        "diff",
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n same\n",
        &[
            ("a/x", Heading),
            ("-old", Deleted),
            ("+new", Inserted),
            ("same", Plain),
        ],
    ),
    (
        "go",
        "func f(a string) int { return len(a) } // why\n",
        &[
            ("func", Keyword),
            ("f", Function),
            ("string", Type),
            ("why", Comment),
        ],
    ),
    (
        "c",
        "#include <stdio.h>\nint main(void) { printf(\"%d\", 1); return 0; }\n",
        &[
            ("#include", Keyword),
            ("<stdio.h>", Text),
            ("printf", Function),
            ("return", Keyword),
        ],
    ),
    (
        "markdown",
        "# Title\n`code`\n",
        &[("Title", Heading), ("code", Text)],
    ),
];

#[test]
fn the_kinds_are_those_of_the_language() {
    for (language, code, expected) in CASES {
        let tokens = tokens(language, code);
        for &(piece, kind) in expected {
            assert_eq!(
                kind_of(&tokens, piece),
                kind,
                "{piece} in {language}: {tokens:?}"
            );
        }
    }
}

#[test]
fn a_language_has_many_names() {
    let groups: [&[&str]; 16] = [
        &[
            "rust",
            "rs",
            "Rust",
            "RUST",
            "rust,ignore",
            "rust:src/main.rs",
            "{.rust}",
        ],
        &["python", "py", "python3", "py3", "{python}"],
        &["javascript", "js", "mjs", "cjs", "node", "js{1,3}"],
        &["typescript", "ts", "mts"],
        &["tsx", "jsx", "typescriptreact", "javascriptreact"],
        &[
            "bash",
            "sh",
            "zsh",
            "shell",
            "console",
            "shell-session",
            "terminal",
        ],
        &["c++", "cpp", "cc", "cxx", "cuda"],
        &["c", "h"],
        &["c#", "csharp", "cs"],
        &["f#", "fsharp"],
        &["json", "jsonc", "json5", "jsonl"],
        &["yaml", "yml"],
        &["go", "golang"],
        &["dockerfile", "docker"],
        &["objective-c", "objc", "objectivec"],
        &["sql", "postgres", "postgresql", "mysql", "sqlite", "plsql"],
    ];
    let code = "/* a */ b = \"c\" # d\nclass e: 1\n";
    for group in groups {
        let first = tokens(group[0], code);
        for name in group {
            assert_eq!(tokens(name, code), first, "{name} is {}", group[0]);
        }
    }
}

#[test]
fn every_alias_leads_somewhere() {
    let names = "assembly batch cjs console csharp cuda delphi docker elisp fortran fsharp gdscript \
        golang h hlsl javascriptreact json5 jsonc jsonl jsx ksh lean4 mjs mysql ndjson node objc \
        objectivec plsql postgres postgresql python3 regex scheme shell shell-session sqlite terminal \
        tsql typescriptreact wat";
    for name in names.split_whitespace() {
        assert!(highlight(name, "x\n").is_some(), "{name} is known");
    }
}

#[test]
fn what_is_no_known_code_has_no_tokens() {
    for language in [
        "",
        "text",
        "txt",
        "plaintext",
        "nonsense",
        "{",
        ",",
        "Plain Text",
        "\u{0}",
    ] {
        assert_eq!(highlight(language, "let x = 1;\n"), None, "{language:?}");
    }
}

#[test]
fn code_that_is_too_long_is_not_coloured() {
    let long = "let x = 1;\n".repeat(20_000);
    assert_eq!(highlight("rust", &long), None, "more than 200 kB");
    assert_eq!(
        highlight("rust", &"x".repeat(6_000)),
        None,
        "a line of more than 5,000 bytes"
    );
    assert!(highlight("rust", &"x".repeat(4_000)).is_some());
    let minified = format!("{}\n", "x".repeat(4_000)).repeat(4);
    assert_eq!(highlight("rust", &minified), None, "many long lines");
}

#[test]
fn control_characters_are_marked_in_any_language() {
    let code = "a\u{202e}b /*\u{2066}\u{2069}*/ \u{200b}\n";
    for language in ["rust", "nonsense", ""] {
        let tokens = tokens(language, code);
        assert_eq!(joined(&tokens), code, "{language}");
        let controls = tokens
            .iter()
            .filter(|token| token.kind == TokenKind::Control);
        let controls: Vec<_> = controls.map(|token| &*token.text).collect();
        assert_eq!(
            controls,
            ["\u{202e}", "\u{2066}\u{2069}", "\u{200b}"],
            "{language}"
        );
    }
    let long = format!("{}\u{202e}\n", "x".repeat(300_000));
    assert_eq!(joined(&tokens("rust", &long)), long, "however long it is");
}

#[test]
fn what_belongs_to_writing_is_no_control_character() {
    let family = "👩\u{200d}👩\u{200d}👧";
    let code = format!("می\u{200c}خواهم {family} ❤\u{fe0f} \t x\r\n");
    assert_eq!(highlight("nonsense", &code), None);
}

#[test]
fn every_control_character_is_found() {
    let controls = "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\
        \u{200f}\u{61c}\u{200b}\u{feff}\u{0}\u{7}\u{8}\u{1b}\u{7f}\u{85}\u{9b}\u{ad}\u{2060}\u{2028}\
        \u{2029}\u{180e}\u{3164}\u{e0001}\u{e0041}\u{e0101}";
    for control in controls.chars() {
        let code = format!("a{control}b");
        let tokens = highlight("nonsense", &code);
        let kinds = tokens.map(|tokens| tokens.iter().map(|token| token.kind).collect::<Vec<_>>());
        let expected = [TokenKind::Plain, TokenKind::Control, TokenKind::Plain];
        assert_eq!(kinds.as_deref(), Some(&expected[..]), "{control:?}");
    }
}

fn languages() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "rust", "python", "js", "tsx", "json", "yaml", "bash", "c", "html", "css", "sql", "diff",
        "go", "java", "toml", "xml", "markdown", "php", "ruby", "nonsense",
    ])
}

fn code() -> impl Strategy<Value = String> {
    let pieces = vec![
        "fn ",
        "def ",
        "class ",
        "\"",
        "'",
        "`",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        "</",
        "/*",
        "*/",
        "//",
        "#",
        "\n",
        "\r\n",
        "  ",
        "\t",
        "=",
        ":",
        ";",
        ",",
        "1",
        "0x1",
        "é",
        "中",
        "😀",
        "\u{202e}",
        "\u{200b}",
        "\\",
        "$",
        "${",
        "@",
        "-",
        "+",
        "%",
        "&",
        "|",
        "if ",
        "x",
        "<?php ",
        "<script>",
        "</script>",
        "<<EOF\n",
        "EOF\n",
        "---\n",
        "\"\"\"",
        "r#\"",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..60).prop_map(|pieces| pieces.concat())
}

/// The grammar looped forever on each of these (<https://github.com/trishume/syntect/issues/460>).
#[test]
fn a_comment_behind_an_expression_comes_to_an_end() {
    let code = "if (a) x /* c */\nlet b = 1 /* two\nlines */\nx /*";
    let script = format!("<script>\n{code}\n</script>\n<p onclick='x /* c */'>\n");
    let fence = format!("```js\n{code}\n```\n");
    let cases = [
        ("js", code),
        ("qml", code),
        ("html", &script),
        ("php", &script),
        ("svelte", &script),
        ("vue", &script),
        ("markdown", &fence),
        ("slim", "javascript:\n  x /* c */\n"),
    ];
    for (language, code) in cases {
        let (done, is_done) = std::sync::mpsc::channel();
        let (name, text) = (language.to_owned(), code.to_owned());
        std::thread::spawn(move || done.send(highlight(&name, &text)));
        let tokens = is_done
            .recv_timeout(std::time::Duration::from_mins(1))
            .unwrap_or_else(|_| panic!("{language} goes on for ever"))
            .unwrap();
        assert_eq!(joined(&tokens), code);
    }
    let tokens = tokens("js", "x /* c */ + 'a'\n");
    assert_eq!(kind_of(&tokens, "/* c */ "), TokenKind::Comment);
}

proptest! {
    #[test]
    fn the_texts_in_order_are_the_code(language in languages(), code in code()) {
        if let Some(tokens) = highlight(language, &code) {
            prop_assert_eq!(joined(&tokens), code);
            prop_assert!(tokens.iter().all(|token| !token.text.is_empty()));
            prop_assert!(tokens.windows(2).all(|pair| pair[0].kind != pair[1].kind));
        }
    }

    #[test]
    fn any_text_at_all_may_be_code(language in languages(), code in any::<String>()) {
        if let Some(tokens) = highlight(language, &code) {
            prop_assert_eq!(joined(&tokens), code);
        }
    }
}
