import assert from "node:assert/strict";
import { test } from "node:test";
import type { Block, Inline, MathNode } from "../src/ipc/bindings";
import { languageName } from "../src/markdown/language";
import { bullets, code, find, mathElement, paragraph, shownAtOnce, text } from "./markdown-dom";

const MATHML = "http://www.w3.org/1998/Math/MathML";

const shown = (...blocks: Block[]) => shownAtOnce(blocks);
const inline = (...inlines: Inline[]) => find(shown(paragraph(...inlines)), "p").innerHTML;

test("text, emphasis and breaks", () => {
	assert.equal(inline(text("plain")), "plain");
	assert.equal(inline({ type: "emphasis", inlines: [text("a")] }), "<em>a</em>");
	const strong: Inline = { type: "strong", inlines: [{ type: "emphasis", inlines: [text("a")] }] };
	assert.equal(inline(strong), "<strong><em>a</em></strong>");
	assert.equal(inline({ type: "strikethrough", inlines: [text("a")] }), "<s>a</s>");
	assert.equal(inline({ type: "code", text: "a < b" }), "<code>a &lt; b</code>");
	assert.equal(inline({ type: "html", text: "<br>" }), '<span class="html">&lt;br&gt;</span>');
	assert.equal(inline(text("a"), { type: "softBreak" }, text("b")), "a\nb");
	assert.equal(inline(text("a"), { type: "hardBreak" }, text("b")), "a<br>b");
});

test("paragraphs, headings, quotes and rules", () => {
	assert.equal(shown(paragraph("a")).innerHTML, '<p dir="auto">a</p>');
	for (const level of [1, 2, 3, 4, 5, 6]) {
		const heading = shown({ type: "heading", level, inlines: [text("a")] });
		assert.equal(heading.innerHTML, `<h${level} dir="auto">a</h${level}>`);
	}
	const quote = shown({ type: "quote", blocks: [paragraph("a"), paragraph("b")] });
	assert.equal(quote.innerHTML, '<blockquote dir="auto"><p>a</p><p>b</p></blockquote>');
	assert.equal(find(shown({ type: "rule" }), "hr").tagName, "HR");
	assert.equal(find(shown({ type: "html", text: "<b>\n" }), "pre.html").textContent, "<b>\n");
});

test("lists: bullets, numbers from where they start, loose and tight", () => {
	const list = find(shown(bullets([paragraph("a")], [paragraph("b"), bullets([])])), "ul");
	assert.ok(list.hasAttribute("data-tight"));
	assert.equal(
		list.innerHTML,
		'<li><p>a</p></li><li><p>b</p><ul data-tight=""><li></li></ul></li>',
	);
	const items = [{ checked: null, blocks: [paragraph("a")] }];
	const numbered = (start: number) => shown({ type: "list", start, tight: false, items });
	assert.equal(find(numbered(1), "ol").getAttribute("start"), null);
	assert.equal(find(numbered(0), "ol").getAttribute("start"), "0");
	assert.equal(find(numbered(7), "ol").getAttribute("start"), "7");
	assert.equal(find(numbered(7), "ol").hasAttribute("data-tight"), false);
});

test("a task's box cannot be changed, and says what it is about", () => {
	const items = [true, false].map((checked) => ({ checked, blocks: [paragraph("a")] }));
	const host = shown({ type: "list", start: null, tight: true, items });
	const boxes = [...host.querySelectorAll<HTMLInputElement>("li.task > input:first-child")];
	assert.deepEqual(
		boxes.map(({ type, disabled, checked }) => ({ type, disabled, checked })),
		[true, false].map((checked) => ({ type: "checkbox", disabled: true, checked })),
	);
	assert.equal(boxes[0]?.getAttribute("aria-label"), "Done");
});

test("a table scrolls by itself, by keyboard too, and its cells are aligned", () => {
	const host = shown({
		type: "table",
		alignments: ["none", "left", "center", "right"],
		header: ["a", "b", "c", "d"].map((name) => [text(name)]),
		rows: [["1", "2", "3", "4"].map((name) => [text(name)]), [[text("5")]]],
	});
	const scroller = find(host, ".table");
	assert.equal(scroller.tabIndex, 0);
	assert.equal(scroller.getAttribute("aria-label"), "Table");
	assert.equal(
		find(host, "thead").innerHTML,
		'<tr><th scope="col">a</th><th scope="col" class="left">b</th>' +
			'<th scope="col" class="center">c</th><th scope="col" class="right">d</th></tr>',
	);
	assert.equal(
		find(host, "tbody").innerHTML,
		'<tr><td>1</td><td class="left">2</td><td class="center">3</td><td class="right">4</td></tr>' +
			'<tr><td>5</td><td colspan="3"></td></tr>',
	);
});

test("formulas are MathML, and those that are not valid their source", () => {
	const tree = mathElement("mrow", mathElement("mi", "x"), mathElement("mo", "="));
	const host = shown(paragraph({ type: "math", math: { source: "x=", tree } }));
	const root = host.querySelector("p > *");
	assert.equal(root?.namespaceURI, MATHML);
	assert.equal(root?.localName, "math");
	assert.equal(root?.getAttribute("display"), "inline");
	assert.equal(root?.querySelector("mi")?.namespaceURI, MATHML);
	assert.equal(root?.textContent, "x=");

	const whole = mathElement("math", mathElement("mi", "x"));
	const block = shown({ type: "math", math: { source: "x", tree: whole } });
	assert.equal(
		block.querySelectorAll("math").length,
		1,
		"a root that is told is not put into another",
	);
	assert.equal(find(block, ".formula > math").getAttribute("display"), "block");
	assert.equal(find(block, ".formula").tabIndex, 0);

	const displayed = { ...whole, attributes: [["display", "block"]] } as MathNode;
	const between = shown(paragraph({ type: "math", math: { source: "x", tree: displayed } }));
	assert.equal(find(between, "p > math").getAttribute("display"), "block", "as it says itself");

	const source = "x+".repeat(20);
	const long = shown(paragraph({ type: "math", math: { source, tree: whole } }));
	assert.equal(find(long, "p > .formula.inline > math").getAttribute("display"), "inline");
	assert.equal(find(long, ".formula").tabIndex, 0, "it scrolls where the column is narrow");
	const longBetween = shown(paragraph({ type: "math", math: { source, tree: displayed } }));
	assert.ok(!find(longBetween, "p > .formula").classList.contains("inline"));

	const invalid = shown({ type: "math", math: { source: "\\frac{", tree: null } });
	assert.equal(find(invalid, ".formula > code.tex").textContent, "\\frac{");
});

test("a formula's attributes are set, but none that loads, runs or restyles", () => {
	const attributes: [string, string][] = [
		["mathvariant", "bold"],
		["displaystyle", "true"],
		["class", "line-top"],
		["onclick", "alert(1)"],
		["href", "javascript:alert(1)"],
		["xlink:href", "javascript:alert(1)"],
		["src", "https://example.com"],
		["style", "color: red"],
	];
	const tree = { type: "element", name: "mi", attributes, children: [] } as const;
	const host = shown({ type: "math", math: { source: "x", tree: { ...tree, children: [] } } });
	assert.deepEqual(find(host, "mi").getAttributeNames(), ["mathvariant", "displaystyle", "class"]);
});

test("notes are numbered, and the way back follows their text", () => {
	const host = shown(paragraph("a", { type: "footnoteReference", number: 2 }), {
		type: "footnotes",
		notes: [{ number: 2, blocks: [paragraph("b"), paragraph("c")] }],
	});
	const note = find(host, "section.notes > ol > li");
	assert.equal(note.getAttribute("value"), "2");
	assert.deepEqual(
		[...note.children].map(({ tagName }) => tagName),
		["P", "P", "BUTTON"],
	);
	assert.equal(find(host, "sup > button").textContent, "2");
	assert.equal(find(host, "sup > button").getAttribute("aria-label"), "Footnote 2");
});

test("code says its language as people write it, is reachable by keyboard and reads from the left", () => {
	const host = shown(code("rs", "fn main() {}\n"));
	assert.equal(find(host, "figcaption .language").textContent, "Rust");
	const pre = find(host, "figure.code > pre");
	assert.equal(pre.tabIndex, 0);
	assert.equal(pre.getAttribute("aria-label"), "Code, Rust");
	assert.equal(find(host, "figure").dir, "ltr");
	assert.equal(find(pre, "code").textContent, "fn main() {}\n");
});

test("languages", () => {
	assert.equal(languageName("rust"), "Rust");
	assert.equal(languageName("TS"), "TypeScript");
	assert.equal(languageName("c++"), "C++");
	assert.equal(languageName("sh"), "Shell");
	assert.equal(languageName("rust,ignore"), "Rust");
	assert.equal(languageName("brainf"), "brainf");
	assert.equal(languageName("constructor"), "constructor");
	assert.equal(languageName(null), "Code");
});

test("a text's direction is that of its own first letters, given to the outermost block alone", () => {
	const host = shown(bullets([paragraph("שלום")]), { type: "quote", blocks: [paragraph("a")] });
	assert.deepEqual(
		[...host.querySelectorAll("[dir]")].map((node) => [node.tagName, node.getAttribute("dir")]),
		[
			["UL", "auto"],
			["BLOCKQUOTE", "auto"],
		],
	);
});
