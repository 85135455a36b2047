//! Every example of the specification, through the typed blocks: they lose nothing that it requires.

mod html;

use conch_markdown::{Syntax, parse_as};
use html::html;

const SPECIFICATION: &str = include_str!("data/commonmark-0.31.2.txt");

/// Returns the examples of a specification: Markdown, and the expected HTML.
fn examples(specification: &str) -> Vec<(String, String)> {
    const FENCE: &str = "````````````````````````````````";
    let mut examples = Vec::new();
    let mut lines = specification.lines();
    while let Some(line) = lines.next() {
        if line != format!("{FENCE} example") {
            continue;
        }
        let text = |lines: &mut std::str::Lines<'_>, end: &str| {
            let lines = lines.take_while(|line| *line != end);
            lines
                .map(|line| format!("{line}\n").replace('→', "\t"))
                .collect::<String>()
        };
        let markdown = text(&mut lines, ".");
        examples.push((markdown, text(&mut lines, FENCE)));
    }
    examples
}

/// Returns the examples whose result differs from the specification, with their numbers.
fn differing(syntax: Syntax) -> Vec<(usize, String)> {
    let examples = examples(SPECIFICATION);
    assert_eq!(examples.len(), 652, "the examples of version 0.31.2");
    let numbered = (1..).zip(examples);
    let compared = numbered.filter_map(|(number, (markdown, expected))| {
        let written = html(&parse_as(&markdown, syntax));
        let report =
            format!("example {number}:\n{markdown}\nexpected:\n{expected}\nwritten:\n{written}");
        (written != expected).then_some((number, report))
    });
    compared.collect()
}

#[test]
fn every_example_of_the_specification_is_read_as_it_says() {
    let differing = differing(Syntax::CommonMark);
    let reports: Vec<_> = differing.iter().map(|(_, report)| &**report).collect();
    assert!(
        reports.is_empty(),
        "{} differ\n{}",
        reports.len(),
        reports.join("\n---\n")
    );
}

#[test]
fn the_extensions_change_nothing_but_bare_addresses() {
    let numbers: Vec<_> = differing(Syntax::Chat)
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    assert_eq!(numbers, [602, 608, 611], "GitHub makes links of them, too");
}
