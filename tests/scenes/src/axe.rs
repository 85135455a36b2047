//! axe-core, which judges what the window shows by the rules for accessible pages.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use crate::{Error, Page};

/// WCAG 2.2, levels A and AA, and what is good practice beside. No rule is left out.
const TAGS: [&str; 6] = [
    "wcag2a",
    "wcag2aa",
    "wcag21a",
    "wcag21aa",
    "wcag22aa",
    "best-practice",
];

/// axe-core's source, which is put into the page for the test and is no part of the application.
#[derive(Debug)]
pub struct Axe {
    source: String,
}

/// A rule that an element breaks.
#[derive(Debug, Deserialize)]
pub struct Violation {
    /// The rule's name.
    pub rule: String,
    /// What it asks for.
    pub help: String,
    /// How bad that is.
    pub impact: Option<String>,
    /// The element, as a CSS selector.
    pub selector: String,
    /// The element's beginning.
    pub html: String,
    /// What would mend it.
    pub remedy: String,
}

impl Axe {
    /// Reads axe-core from the page's npm packages; `ui` is the page's folder.
    ///
    /// # Errors
    /// When it is not there.
    pub fn load(ui: &Path) -> Result<Self, Error> {
        let path = ui.join("node_modules/axe-core/axe.min.js");
        let source = std::fs::read_to_string(&path).map_err(|source| Error::NoAxe {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self { source })
    }

    /// What is wrong with what the window shows now.
    ///
    /// # Errors
    /// When axe-core does not come to an end.
    pub async fn judge(&self, page: &Page<'_>) -> Result<Vec<Violation>, Error> {
        const JUDGE: &str = "return axe.run(document, {
              runOnly: { type: 'tag', values: TAGS },
              rules: { 'target-size': { enabled: true } },
              resultTypes: ['violations'],
            }).then(({ violations }) => violations.flatMap(({ id, help, impact, nodes }) => nodes.map((node) => ({
              rule: id, help, impact, selector: node.target.flat().join(' '), html: node.html.slice(0, 200),
              remedy: node.failureSummary,
            }))));";
        let window = page.window();
        if window.run("return typeof axe;").await? != json!("object") {
            window.run(&self.source).await?;
        }
        let judge = JUDGE.replace("TAGS", &json!(TAGS).to_string());
        Ok(serde_json::from_value(window.run(&judge).await?)?)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let impact = self.impact.as_deref().unwrap_or("unknown");
        writeln!(out, "{} ({impact}): {}", self.rule, self.help)?;
        writeln!(out, "  at {}", self.selector)?;
        writeln!(out, "  {}", self.html.replace('\n', " "))?;
        for line in self.remedy.lines() {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }
}
