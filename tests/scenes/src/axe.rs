//! axe-core, which checks what the window shows against the rules for accessible pages.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Error, Page};

/// WCAG 2.2, levels A and AA, and best practices. No rule is left out.
const TAGS: [&str; 6] = [
    "wcag2a",
    "wcag2aa",
    "wcag21a",
    "wcag21aa",
    "wcag22aa",
    "best-practice",
];

/// The rules among these that look at colours.
const COLORS: [&str; 2] = ["color-contrast", "link-in-text-block"];

/// The source of axe-core, injected into the page by the test; it is not part of the application.
#[derive(Debug)]
pub struct Axe {
    source: String,
}

/// A rule that an element breaks.
#[derive(Debug, Deserialize)]
pub struct Violation {
    /// The rule's name.
    pub rule: String,
    /// The rule's requirement.
    pub help: String,
    /// The severity.
    pub impact: Option<String>,
    /// The element, as a CSS selector.
    pub selector: String,
    /// The beginning of the element's HTML.
    pub html: String,
    /// How to fix it.
    pub remedy: String,
}

impl Axe {
    /// Reads axe-core from the page's npm packages; `ui` is the page's folder.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(ui: &Path) -> Result<Self, Error> {
        let path = ui.join("node_modules/axe-core/axe.min.js");
        let source = std::fs::read_to_string(&path).map_err(|source| Error::NoAxe {
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self { source })
    }

    /// Returns the violations in what the window shows now.
    ///
    /// # Errors
    /// When axe-core does not finish.
    pub async fn judge(&self, page: &Page<'_>) -> Result<Vec<Violation>, Error> {
        let rules = json!({
            "runOnly": { "type": "tag", "values": TAGS },
            "rules": { "target-size": { "enabled": true } },
        });
        self.run(page, &rules).await
    }

    /// Returns the violations of the rules for colours, which are all that another theme changes.
    ///
    /// # Errors
    /// When axe-core does not finish.
    pub async fn judge_colors(&self, page: &Page<'_>) -> Result<Vec<Violation>, Error> {
        let rules = json!({"runOnly": { "type": "rule", "values": COLORS }});
        self.run(page, &rules).await
    }

    async fn run(&self, page: &Page<'_>, rules: &Value) -> Result<Vec<Violation>, Error> {
        const JUDGE: &str = "return axe.run(document, {
              ...RULES,
              resultTypes: ['violations'],
            }).then(({ violations }) => violations.flatMap(({ id, help, impact, nodes }) => nodes.map((node) => ({
              rule: id, help, impact, selector: node.target.flat().join(' '), html: node.html.slice(0, 200),
              remedy: node.failureSummary,
            }))));";
        let window = page.window();
        if window.run("return typeof axe;").await? != json!("object") {
            window.run(&self.source).await?;
        }
        let judge = JUDGE.replace("RULES", &rules.to_string());
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
