//! A long answer as models write them: prose, lists, code in several languages and within lists, tables, quotations,
//! formulas, and one very long block of code.
//!
//! It is the same on every run, and no section equals an earlier one, so that no cache can help.

use std::fmt::Write;

/// Share of the one long code block in the whole, in percent.
const LONG_BLOCK: usize = 15;

/// Returns an answer of about so many bytes.
pub(crate) fn markdown(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 4000);
    let mut number = 1;
    let mut has_long_block = false;
    while text.len() < bytes {
        if !has_long_block && text.len() > bytes / 2 {
            has_long_block = true;
            push_long_block(&mut text, bytes * LONG_BLOCK / 100);
        }
        push_section(&mut text, number);
        number += 1;
    }
    text
}

fn push_section(text: &mut String, n: usize) {
    let _ = writeln!(text, "## {n}. {}\n", pick(TOPICS, n));
    push_prose(text, n, 4);
    match n % 6 {
        0 => push_table(text, n),
        1 => push_list(text, n),
        2 => push_formulas(text, n),
        3 => push_steps(text, n),
        4 => push_quote(text, n),
        _ => push_tasks(text, n),
    }
    push_prose(text, n + 7, 2);
    push_code(text, n);
    push_prose(text, n + 13, 3);
}

fn push_prose(text: &mut String, n: usize, sentences: usize) {
    for sentence in 0..sentences {
        let words = pick(SENTENCES, n * 5 + sentence * 3);
        let _ = write!(text, "{} ", words.replace('#', &(n * 17 % 91).to_string()));
    }
    text.truncate(text.trim_end().len());
    text.push_str("\n\n");
}

fn push_list(text: &mut String, n: usize) {
    for item in 0..7 {
        let (name, why) = (pick(TOPICS, n + item), pick(SENTENCES, n * 3 + item));
        let _ = writeln!(text, "- **{name}**: {}", why.replace('#', "12"));
        if item % 3 == 1 {
            let _ = writeln!(
                text,
                "  - see `step_{item}` and [the notes](https://example.org/{n}/{item})"
            );
        }
    }
    text.push('\n');
}

fn push_steps(text: &mut String, n: usize) {
    for step in 1..=4 {
        let _ = writeln!(text, "{step}. {}\n", pick(TOPICS, n * 2 + step));
        let _ = writeln!(text, "   {}\n", pick(SENTENCES, n + step).replace('#', "3"));
        let _ = writeln!(
            text,
            "   ```bash\n   conch --step {step} --of {n}\n   echo \"done with $STEP_{step}\"\n   ```\n"
        );
    }
}

fn push_tasks(text: &mut String, n: usize) {
    for task in 0..6 {
        let mark = if (n + task).is_multiple_of(2) {
            'x'
        } else {
            ' '
        };
        let _ = writeln!(text, "- [{mark}] {}", pick(TOPICS, n + task * 2));
    }
    text.push('\n');
}

fn push_table(text: &mut String, n: usize) {
    text.push_str("| Option | Time (ms) | Memory | Note |\n|:--|--:|--:|---|\n");
    for row in 0..12 {
        let _ = writeln!(
            text,
            "| `option_{row}` | {}.{} | {} MiB | {} |",
            n * row % 97,
            row,
            n + row * 3,
            pick(TOPICS, n + row)
        );
    }
    text.push('\n');
}

fn push_quote(text: &mut String, n: usize) {
    for line in 0..4 {
        let _ = writeln!(
            text,
            "> {}",
            pick(SENTENCES, n * 2 + line).replace('#', "8")
        );
    }
    text.push('\n');
}

fn push_formulas(text: &mut String, n: usize) {
    let _ = writeln!(
        text,
        "With $x_{n} = \\sqrt{{a^2 + {n}}}$ and $\\alpha \\le \\beta_{n}$ this becomes\n\n\
         $$\n\\sum_{{i=1}}^{{{n}}} \\frac{{x_i^2}}{{1 + \\lambda_i}} = \\int_0^\\infty e^{{-{n}t}} \\, dt\n$$\n"
    );
}

fn push_code(text: &mut String, n: usize) {
    let (language, lines) = CODE[n % CODE.len()];
    let _ = writeln!(text, "```{language}");
    for part in 0..3 {
        text.push_str(&lines.replace('#', &(n * 3 + part).to_string()));
    }
    text.push_str("```\n\n");
}

fn push_long_block(text: &mut String, bytes: usize) {
    let end = text.len() + bytes;
    text.push_str("Here is the whole file:\n\n```rust\n");
    let mut part = 0;
    while text.len() < end {
        text.push_str(&CODE[0].1.replace('#', &part.to_string()));
        part += 1;
    }
    text.push_str("```\n\n");
}

fn pick<'a>(from: &[&'a str], at: usize) -> &'a str {
    from[at % from.len()]
}

const TOPICS: &[&str] = &[
    "Reading the input once",
    "Where the time goes",
    "A smaller interface",
    "Errors that say what to do",
    "Waiting without polling",
    "What the cache may forget",
    "Order of writes",
    "Names for the parts",
    "Tests that can fail",
    "Growing without copying",
    "Two clocks",
];

const SENTENCES: &[&str] = &[
    "The first pass reads # records and keeps **none** of them, which is why its memory stays flat.",
    "If the queue is longer than # entries, the oldest one is written out before a new one is taken.",
    "Note that `flush()` may return early; a caller that needs *durability* has to wait for the commit.",
    "That is about # times as fast as before, and the code became shorter.",
    "A reader of the log sees either all of a change or nothing of it, never a part.",
    "Most of the # cases are handled by one rule, and the others are errors with a name of their own.",
    "See [the manual](https://example.org/manual#part) for the *exact* wording of this promise.",
    "It costs $# a month, or $5-$10 when it is shared, so it hardly matters here.",
    "We could also sort first, but then the worst case would be the common one.",
    "Both ends agree on the version, so an older peer is refused with a clear message.",
    "In practice the difference is below #%, which nobody has ever noticed.",
    "Whatever happens in between, the last write wins and the number only grows.",
    "This keeps the lock for as short a time as possible; everything slow happens after it.",
];

const CODE: &[(&str, &str)] = &[
    (
        "rust",
        "/// Takes what is left of part #, and says how much that was.\npub fn drain_#(queue: &mut Queue<Item>) -> Result<usize, Error> {\n    let mut taken = 0;\n    while let Some(item) = queue.pop() {\n        if item.size > LIMIT_# {\n            return Err(Error::TooLarge { at: taken });\n        }\n        taken += item.size; // it is counted once\n    }\n    Ok(taken)\n}\n\n",
    ),
    (
        "python",
        "def part_#(rows: list[dict]) -> float:\n    \"\"\"The mean of what is there.\"\"\"\n    values = [row[\"value\"] for row in rows if row.get(\"kind\") == #]\n    if not values:\n        raise ValueError(f\"nothing of kind {#}\")\n    return sum(values) / len(values)\n\n\n",
    ),
    (
        "json",
        "{\"part\": #, \"name\": \"step #\", \"flags\": [true, false, null], \"limits\": {\"low\": 0.5, \"high\": 1e3}}\n",
    ),
    (
        "sql",
        "SELECT id, count(*) AS entries\n  FROM journal\n WHERE part = # AND written_at > '2026-01-01'\n GROUP BY id HAVING count(*) > #;\n\n",
    ),
    (
        "javascript",
        "export async function load#(url) {\n\tconst response = await fetch(`${url}/part/#`);\n\tif (!response.ok) throw new Error(`part # is missing: ${response.status}`);\n\treturn (await response.json()).items.map(({ id }) => id);\n}\n\n",
    ),
    (
        "html",
        "<section id=\"part-#\" class=\"part\">\n  <h2>Part #</h2>\n  <p>It is <em>not</em> shown before <code>#</code> is there.</p>\n</section>\n",
    ),
    (
        "bash",
        "for file in part-#/*.log; do\n  grep -c \"error\" \"$file\" || echo \"none in ${file##*/}\"\ndone\n",
    ),
    ("", "plain text, as a program prints it: # of # done\n"),
];
