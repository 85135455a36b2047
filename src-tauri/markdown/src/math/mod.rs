//! Formulas: TeX converted to MathML by `math-core`, and filtered by [`mathml`].
//!
//! Only what [`mathml`] accepts is passed on. A formula that is not valid TeX, or over a limit, has no tree, and
//! its source is shown instead.

mod mathml;

use std::borrow::Cow;

use math_core::{LatexToMathML, MathCoreConfig, MathDisplay};
use serde::Serialize;
use specta::Type;

pub use mathml::MathNode;

/// The maximum length of a formula, in bytes.
const MAX_LENGTH: usize = 10_000;

/// The maximum nesting depth of a formula by an upper bound, see [`levels`].
const MAX_LEVELS: usize = 4096;

/// The stack that `math-core` may need, in bytes: for itself, and for each level of a formula. Measured are
/// 2 kB per level when optimised, and 30 kB otherwise.
const STACK: usize = 128 * 1024;
const STACK_PER_LEVEL: usize = if cfg!(debug_assertions) { 64 } else { 8 } * 1024;

/// A formula.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Math {
    /// The TeX, as written.
    pub source: String,
    /// `None`: the source is not valid TeX or is over a limit, and is shown instead.
    pub tree: Option<MathNode>,
}

/// Where a formula is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Within a line.
    Line,
    /// As a separate block.
    Block,
}

/// Macros for commands that models write and `math-core` does not support.
const MACROS: [(&str, &str); 9] = [
    ("allowbreak", ""),
    (
        "boxed",
        r"\begin{array}{|c|}\hline{\displaystyle #1} \\ \hline\end{array}",
    ),
    ("mathclap", "#1"),
    ("mathllap", "#1"),
    ("mathrlap", "#1"),
    ("smash", "#1"),
    ("substack", r"\begin{subarray}{c}#1\end{subarray}"),
    ("textcolor", r"{\color{#1}#2}"),
    ("widetilde", r"\tilde{#1}"),
];

/// Replacements that cannot be macros: names of environments, and text.
const ALIASES: [(&str, &str); 6] = [
    (r"\begin{smallmatrix}", r"\begin{matrix}"),
    (r"\end{smallmatrix}", r"\end{matrix}"),
    (r"\begin{split}", r"\begin{aligned}"),
    (r"\end{split}", r"\end{aligned}"),
    (r"\hbox{", r"\text{"),
    (r"\mbox{", r"\text{"),
];

/// Commands and environments that number, label or reference an equation.
const COUNTED: [&str; 7] = [
    r"\eqref",
    r"\label",
    r"\tag",
    "{align}",
    "{equation}",
    "{gather}",
    "{multline}",
];

/// The formulas of one document, whose equations are numbered consecutively.
#[derive(Default)]
pub(crate) struct Formulas {
    converter: Option<LatexToMathML>,
    are_counted: bool,
}

impl Formulas {
    /// Whether a formula may depend on those before it.
    pub(crate) fn are_counted(&self) -> bool {
        self.are_counted
    }

    /// Converts the next formula of the document.
    pub(crate) fn read(&mut self, source: &str, place: Place) -> Math {
        Math {
            source: source.to_owned(),
            tree: self.tree(source, place),
        }
    }

    fn tree(&mut self, source: &str, place: Place) -> Option<MathNode> {
        if source.len() > MAX_LENGTH || levels(source) > MAX_LEVELS {
            return None;
        }
        let tex = with_aliases(source);
        self.are_counted |= COUNTED.iter().any(|name| tex.contains(name));
        self.convert(&tex, place).or_else(|| {
            // `\tag` is valid only in an environment, but is also written without one.
            let tagged = place == Place::Block && tex.contains(r"\tag");
            let equation = || format!(r"\begin{{equation}}{tex}\end{{equation}}");
            tagged.then(|| self.convert(&equation(), place))?
        })
    }

    fn convert(&mut self, tex: &str, place: Place) -> Option<MathNode> {
        if self.converter.is_none() {
            self.converter = new_converter();
        }
        let converter = self.converter.as_mut()?;
        let display = match place {
            Place::Line => MathDisplay::Inline,
            Place::Block => MathDisplay::Block,
        };
        let stack = STACK + levels(tex) * STACK_PER_LEVEL;
        let formula = stacker::maybe_grow(stack, stack, || {
            converter.convert_with_global_state(tex, display)
        });
        mathml::read(&formula.ok()?.mathml)
    }
}

fn new_converter() -> Option<LatexToMathML> {
    let macros = MACROS.map(|(name, definition)| (name.to_owned(), definition.to_owned()));
    LatexToMathML::new(MathCoreConfig {
        macros: macros.into(),
        ..MathCoreConfig::default()
    })
    .ok()
}

/// Returns an upper bound of the nesting depth: how many characters begin an argument, a group or a command.
fn levels(tex: &str) -> usize {
    let begins = |byte: &u8| matches!(byte, b'{' | b'[' | b'\\' | b'^' | b'_');
    tex.bytes().filter(begins).count()
}

fn with_aliases(source: &str) -> Cow<'_, str> {
    ALIASES
        .iter()
        .fold(Cow::Borrowed(source), |tex, (alias, name)| {
            if tex.contains(alias) {
                Cow::Owned(tex.replace(alias, name))
            } else {
                tex
            }
        })
}

#[cfg(test)]
mod tests;
