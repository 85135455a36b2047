//! Maps the scopes of grammars, whose names are mostly shared between them, to [`TokenKind`].

use std::collections::HashMap;
use std::sync::LazyLock;

use syntect::parsing::{Scope, ScopeStack, ScopeStackOp};

use super::TokenKind::{
    self, Attribute, Comment, Constant, Deleted, Function, Heading, Inserted, Keyword, Number,
    Operator, Plain, Punctuation, String, Tag, Type, Variable,
};

/// Scope prefixes and their kinds. The longest prefix that matches wins.
const NAMES: [(&str, TokenKind); 75] = [
    ("comment", Comment),
    ("constant", Constant),
    ("constant.numeric", Number),
    ("entity.name", Type),
    ("entity.name.constant", Constant),
    ("entity.name.function", Function),
    ("entity.name.label", Constant),
    ("entity.name.macro", Function),
    ("entity.name.method", Function),
    ("entity.name.section", Heading),
    ("entity.name.table", Heading),
    ("entity.name.tag", Tag),
    ("entity.name.variable", Variable),
    ("entity.other", Attribute),
    ("entity.other.inherited-class", Type),
    ("keyword", Keyword),
    ("keyword.operator", Operator),
    ("keyword.operator.alphanumeric", Keyword),
    ("keyword.operator.expression", Keyword),
    ("keyword.operator.logical.python", Keyword),
    ("keyword.operator.logical.sql", Keyword),
    ("keyword.operator.new", Keyword),
    ("keyword.operator.word", Keyword),
    ("keyword.other.unit", Number),
    ("markup.deleted", Deleted),
    ("markup.heading", Heading),
    ("markup.inserted", Inserted),
    ("markup.raw", String),
    ("markup.underline.link", String),
    ("meta.annotation", Attribute),
    ("meta.attribute", Attribute),
    ("meta.brace", Punctuation),
    ("meta.diff.header", Heading),
    ("meta.diff.range", Heading),
    // Code embedded in a string is not a string.
    ("meta.embedded", Plain),
    ("meta.group.expansion", Plain),
    ("meta.interpolation", Plain),
    ("meta.property-name", Attribute),
    ("meta.template.expression", Plain),
    ("punctuation", Punctuation),
    // Delimiters are coloured like what they enclose.
    ("punctuation.definition.annotation", Attribute),
    ("punctuation.definition.attribute", Attribute),
    ("punctuation.definition.comment", Comment),
    ("punctuation.definition.constant", Constant),
    ("punctuation.definition.custom-property", Variable),
    ("punctuation.definition.deleted", Deleted),
    ("punctuation.definition.entity", Attribute),
    ("punctuation.definition.from-file", Heading),
    ("punctuation.definition.heading", Heading),
    ("punctuation.definition.inserted", Inserted),
    ("punctuation.definition.keyword", Keyword),
    ("punctuation.definition.numeric", Number),
    ("punctuation.definition.parameter", Variable),
    ("punctuation.definition.raw", String),
    ("punctuation.definition.string", String),
    ("punctuation.definition.to-file", Heading),
    ("punctuation.definition.variable", Variable),
    ("punctuation.separator.decimal", Number),
    ("source", Plain),
    ("storage", Keyword),
    ("storage.type.numeric", Number),
    ("string", String),
    ("support.class", Type),
    ("support.constant", Constant),
    ("support.function", Function),
    ("support.macro", Function),
    ("support.type", Type),
    ("support.type.custom-property", Variable),
    ("support.type.property-name", Attribute),
    ("support.variable", Variable),
    ("text", Plain),
    ("variable", Variable),
    ("variable.annotation", Attribute),
    ("variable.function", Function),
    ("variable.language", Keyword),
];

/// The scope of mapping keys, which only data formats have.
const KEY: &str = "meta.mapping.key";

struct Names {
    /// The longest first.
    kinds: Vec<(Scope, TokenKind)>,
    key: Option<Scope>,
}

static KNOWN: LazyLock<Names> = LazyLock::new(|| {
    let known = |(name, kind)| Some((Scope::new(name).ok()?, kind));
    let mut kinds: Vec<_> = NAMES.into_iter().filter_map(known).collect();
    kinds.sort_by_key(|(scope, _)| std::cmp::Reverse(scope.len()));
    Names {
        kinds,
        key: Scope::new(KEY).ok(),
    }
});

/// Tracks the open scopes, and with them the kind of the next token.
#[derive(Default)]
pub(super) struct Kinds {
    open: ScopeStack,
    known: HashMap<Scope, Option<TokenKind>>,
}

impl Kinds {
    /// Applies a scope that begins or ends.
    pub(super) fn change(&mut self, change: &ScopeStackOp) {
        // It fails if more scopes are closed than were opened. Then none is open.
        if self.open.apply(change).is_err() {
            self.open = ScopeStack::new();
        }
    }

    /// Returns the kind of the innermost scope that has one.
    pub(super) fn current(&mut self) -> TokenKind {
        let open = self.open.as_slice();
        let known = &mut self.known;
        let kind = open
            .iter()
            .rev()
            .find_map(|&name| *known.entry(name).or_insert_with(|| kind_of(name)))
            .unwrap_or(Plain);
        if kind == String && open.iter().rev().take(3).any(|&name| is_key(name)) {
            return Attribute;
        }
        kind
    }
}

fn kind_of(name: Scope) -> Option<TokenKind> {
    let fits = |(beginning, _): &&(Scope, TokenKind)| beginning.is_prefix_of(name);
    KNOWN.kinds.iter().find(fits).map(|&(_, kind)| kind)
}

fn is_key(name: Scope) -> bool {
    KNOWN.key.is_some_and(|key| key.is_prefix_of(name))
}
