//! Resolves the language of a code fence to a grammar.

use std::sync::LazyLock;

use syntect::parsing::{Scope, SyntaxReference, SyntaxSet};

/// All available grammars.
pub(super) static GRAMMARS: LazyLock<SyntaxSet> = LazyLock::new(two_face::syntax::extra_newlines);

/// Languages of fences that are neither a grammar's name nor one of its file extensions.
const ALIASES: [(&str, &str); 41] = [
    ("assembly", "asm"),
    ("batch", "bat"),
    ("cjs", "js"),
    ("console", "bash"),
    ("csharp", "cs"),
    ("cuda", "cpp"),
    ("delphi", "pascal"),
    ("docker", "dockerfile"),
    ("elisp", "lisp"),
    ("fortran", "f90"),
    ("fsharp", "f#"),
    ("gdscript", "gd"),
    ("golang", "go"),
    ("h", "c"),
    ("hlsl", "glsl"),
    ("javascriptreact", "tsx"),
    ("json5", "json"),
    ("jsonc", "json"),
    ("jsonl", "json"),
    // The JavaScript grammar has no JSX elements, the TypeScript one does.
    ("jsx", "tsx"),
    ("ksh", "bash"),
    ("lean4", "lean"),
    ("mjs", "js"),
    ("mysql", "sql"),
    ("ndjson", "json"),
    ("node", "js"),
    ("objc", "objective-c"),
    ("objectivec", "objective-c"),
    ("plsql", "sql"),
    ("postgres", "sql"),
    ("postgresql", "sql"),
    ("python3", "py"),
    ("regex", "regular expression"),
    ("scheme", "scm"),
    ("shell", "bash"),
    ("shell-session", "bash"),
    ("sqlite", "sql"),
    ("terminal", "bash"),
    ("tsql", "sql"),
    ("typescriptreact", "tsx"),
    ("wat", "lisp"),
];

/// Returns the grammar of a language; `None` for an unknown one, and for plain text.
pub(super) fn grammar(language: &str) -> Option<&'static SyntaxReference> {
    let name = plain_name(language);
    let alias = ALIASES.into_iter().find(|&(alias, _)| alias == name);
    let name = alias.map_or(&*name, |(_, name)| name);
    let grammar = GRAMMARS.find_syntax_by_token(name)?;
    (grammar.name != GRAMMARS.find_syntax_plain_text().name).then_some(grammar)
}

/// Scope prefixes of the JavaScript grammar, and of the grammars that embed it.
const WITH_JAVASCRIPT: [&str; 8] = [
    "embedding",
    "source.cfml",
    "source.js",
    "source.php",
    "source.qml",
    "text.haml",
    "text.html",
    "text.slim",
];

/// Whether code in this language may be or contain JavaScript.
pub(super) fn may_be_javascript(grammar: &SyntaxReference) -> bool {
    let mut names = WITH_JAVASCRIPT.iter().flat_map(|name| Scope::new(name));
    names.any(|name| name.is_prefix_of(grammar.scope))
}

/// Splits the line before its comments, where the JavaScript grammar may loop forever.
///
/// It does on `x /*`: two contexts alternate without consuming a character, which syntect does not detect
/// ([its issue 460](https://github.com/trishume/syntect/issues/460)).
pub(super) fn cut_at_comments(line: &str) -> Vec<&str> {
    let comments = line.match_indices("/*").map(|(at, _)| at);
    let mut parts = Vec::new();
    let mut start = 0;
    for end in comments.chain([line.len()]) {
        if end > start {
            parts.push(&line[start..end]);
        }
        start = end;
    }
    parts
}

/// Returns the language without attributes, as in `rust,ignore`, `{.python`, `js{1,3}`.
fn plain_name(language: &str) -> String {
    let name = language.trim().trim_start_matches(['{', '.']);
    let name = name.split([',', ':', '{', '}', ' ']).next();
    name.unwrap_or_default().to_ascii_lowercase()
}
