//! Model output: streamed Markdown, and highlighted code.

use conch_markdown::{IncrementalParser, Token, apply, highlight, parse};

/// The maximum number of steps in which a draft is streamed.
const MAX_STEPS: usize = 32;

/// Some grammars that embed each other. Each caches the expressions it has run, some of them 80 MB.
const LANGUAGES: [&str; 12] = [
    "rust", "python", "js", "html", "css", "json", "bash", "c", "md", "diff", "sql", "latex",
];

/// The first byte selects the step size in which the rest is streamed. After each step, the draft equals a parse
/// of the whole text, and so does the page after applying the patches.
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

/// The first byte selects the language of the rest. The tokens add up to the code, none is empty, and no two
/// adjacent ones have the same kind.
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
