//! What a model writes: Markdown as it comes, and code in colours.

use conch_markdown::{IncrementalParser, Token, apply, highlight, parse};

/// In how many steps a draft is written, at most.
const MAX_STEPS: usize = 32;

/// Some grammars with much in each other. Each keeps what it has run, some of them 80 MB.
const LANGUAGES: [&str; 12] = [
    "rust", "python", "js", "html", "css", "json", "bash", "c", "md", "diff", "sql", "latex",
];

/// The first byte says in which steps the rest is written. After each, the draft is what a reading of the
/// whole gives, and what was told makes it of what was told before.
pub fn drafts(data: &[u8]) {
    let Some((&seed, text)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(text);
    let length = usize::from(seed) % 13 + 1;
    let length = length.max(text.chars().count().div_ceil(MAX_STEPS));
    let (mut draft, mut page, mut end) = (IncrementalParser::default(), Vec::new(), 0);
    while end < text.len() {
        let start = end;
        let rest = text[start..].char_indices();
        end = rest
            .map(|(at, _)| start + at)
            .nth(length)
            .unwrap_or(text.len());
        let patches = draft.push(&text[start..end]);
        apply(&mut page, patches);
        let whole = parse(&text[..end]);
        assert_eq!(draft.blocks(), whole, "after {:?}", &text[..end]);
        assert_eq!(page, whole, "told after {:?}", &text[..end]);
    }
    assert!(serde_json::to_vec(&page).is_ok(), "it crosses to the page");
}

/// The first byte says in which language the rest is written. The pieces are the code, none is empty, and no
/// two beside each other are of one kind.
pub fn code(data: &[u8]) {
    let Some((&language, code)) = data.split_first() else {
        return;
    };
    let language = LANGUAGES[usize::from(language) % LANGUAGES.len()];
    let code = String::from_utf8_lossy(code);
    let Some(tokens) = highlight(language, &code) else {
        return;
    };
    let joined: String = tokens.iter().map(|token| &*token.text).collect();
    assert_eq!(joined, code, "in {language}");
    assert!(tokens.iter().all(|token| !token.text.is_empty()));
    let of_one_kind = |pair: &[Token]| pair[0].kind == pair[1].kind;
    assert!(
        !tokens.windows(2).any(of_one_kind),
        "in {language}: {tokens:?}"
    );
}
