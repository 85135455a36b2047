//! Syntax highlighting: splits code into tokens by kind.
//!
//! The grammars are Sublime Text's, run by syntect. [`scopes`] maps their scopes to kinds, [`language`] resolves
//! the language of a fence to a grammar, and [`control`] finds invisible characters. The grammars are loaded on
//! first use, which takes 2 ms. Each one caches the regular expressions that it has run: they cost 40 ms and
//! 10 MB in most languages, 340 ms and 80 MB in TypeScript.

mod control;
mod language;
mod scopes;

use serde::Serialize;
use specta::Type;
use syntect::parsing::{ParseState, SyntaxReference};

use language::GRAMMARS;
use scopes::Kinds;

/// The maximum length of highlighted code, in bytes: it costs some milliseconds per kilobyte.
const MAX_LENGTH: usize = 200_000;

/// The maximum length of a line, in bytes: longer ones are not written by hand.
const MAX_LINE: usize = 5_000;

/// The maximum sum of squared line lengths: a line may take quadratic time, and the worst ones take 20 ns per
/// unit of this.
const MAX_SQUARES: usize = 2 * MAX_LINE * MAX_LINE;

/// A token of code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "field names say it")]
pub struct Token {
    pub kind: TokenKind,
    /// Never empty. The texts of all tokens in order are the code.
    pub text: String,
}

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "variant names say it")]
pub enum TokenKind {
    Plain,
    Comment,
    Keyword,
    String,
    Number,
    Constant,
    Function,
    Type,
    Variable,
    Operator,
    Punctuation,
    Tag,
    Attribute,
    Inserted,
    Deleted,
    Heading,
    /// An invisible character, which may change how others are shown.
    Control,
}

/// Splits code into tokens; `None` for an unknown language, or code over the limits.
///
/// Code with control characters is always split, so that they can be shown.
pub fn highlight(language: &str, text: &str) -> Option<Vec<Token>> {
    let mut tokens = Tokens::default();
    match language::grammar(language).filter(|_| is_worth_it(text)) {
        Some(grammar) => colour(grammar, text, &mut tokens),
        None if control::is_in(text) => tokens.push(TokenKind::Plain, text),
        None => return None,
    }
    Some(tokens.0)
}

fn is_worth_it(text: &str) -> bool {
    let lengths = || text.lines().map(str::len);
    text.len() <= MAX_LENGTH
        && lengths().all(|length| length <= MAX_LINE)
        && lengths().map(|length| length * length).sum::<usize>() <= MAX_SQUARES
}

fn colour(grammar: &SyntaxReference, text: &str, tokens: &mut Tokens) {
    let mut state = ParseState::new(grammar);
    let mut kinds = Kinds::default();
    let may_loop = language::may_be_javascript(grammar);
    let parts = |line| {
        if may_loop {
            language::cut_at_comments(line)
        } else {
            vec![line]
        }
    };
    for line in text.split_inclusive('\n').flat_map(parts) {
        // A line on which the grammar fails is not split.
        let changes = state.parse_line(line, &GRAMMARS).unwrap_or_default();
        let mut emitted = 0;
        for (at, change) in changes {
            if let Some(piece) = line.get(emitted..at) {
                tokens.push(kinds.current(), piece);
                emitted = at;
            }
            kinds.change(&change);
        }
        tokens.push(kinds.current(), &line[emitted..]);
    }
}

/// Tokens, of which no two adjacent ones have the same kind.
#[derive(Default)]
struct Tokens(Vec<Token>);

impl Tokens {
    /// Appends text of a kind; control characters in it become separate tokens. Whitespace has no kind: it joins
    /// the token before it, which saves every second token.
    fn push(&mut self, kind: TokenKind, text: &str) {
        for (is_control, text) in control::pieces(text) {
            let kind = if is_control { TokenKind::Control } else { kind };
            let is_space = text.trim().is_empty();
            match self.0.last_mut() {
                Some(last)
                    if last.kind == kind
                        || (is_space && !is_control && last.kind != TokenKind::Control) =>
                {
                    last.text.push_str(text);
                }
                _ => self.0.push(Token {
                    kind,
                    text: text.to_owned(),
                }),
            }
        }
    }
}
