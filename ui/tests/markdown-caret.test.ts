import assert from "node:assert/strict";
import { test } from "node:test";
import "./markdown-dom";
import type { Block, Inline } from "../src/ipc/bindings";
import { MarkdownView } from "../src/markdown/view";
import { code, paragraph, passFrame, services } from "./markdown-dom";

const text = (words: string) => ({ type: "text" as const, text: words });
const item = (...blocks: Block[]) => ({ checked: null, blocks });
const list = (...items: ReturnType<typeof item>[]): Block => ({
	type: "list",
	start: null,
	tight: true,
	items,
});
const table = (...rows: string[][]): Block => ({
	type: "table",
	alignments: ["none", "none"],
	header: [[text("a")], [text("b")]],
	rows: rows.map((row) => row.map((cell) => [text(cell)])),
});

function mounted() {
	const host = document.createElement("div");
	document.body.append(host);
	const view = new MarkdownView(host, services().all);
	/** Returns the names of the elements with a caret after a stream has reached these blocks. */
	const carets = (...blocks: Block[]) => {
		view.show(blocks, "writing");
		while (passFrame());
		const marked = [...host.querySelectorAll(".caret")];
		if (host.classList.contains("caret")) marked.push(host);
		return marked.map((element) => `${element.localName} ${element.textContent}`);
	};
	return { host, view, carets };
}

test("the caret stands behind the last line, wherever it is", () => {
	const { carets } = mounted();
	const before = paragraph("before");
	assert.deepEqual(carets(before), ["p before"]);
	assert.deepEqual(carets(before, paragraph("after")), ["p after"]);
	assert.deepEqual(carets(before, { type: "heading", level: 2, inlines: [text("h")] }), ["h2 h"]);
	assert.deepEqual(carets(before, list(item(before), item(paragraph("b")))), ["p b"]);
	assert.deepEqual(carets(list(item(before, list(item(paragraph("in")))))), ["p in"]);
	assert.deepEqual(carets(list(item(before), item())), ["li "]);
	assert.deepEqual(carets({ type: "quote", blocks: [before, paragraph("q")] }), ["p q"]);
	assert.deepEqual(carets(before, code("rust", "let a", false)), ["span let a"]);
	assert.deepEqual(carets(before, code("rust", "", false)), ["code "]);
	assert.deepEqual(carets(table(["c", "d"])), ["td d"]);
	assert.deepEqual(carets({ type: "html", text: "<b>" }), ["pre <b>"]);
});

test("below what has no last line, the caret is the answer's", () => {
	const { host, carets } = mounted();
	const own = () => [`div ${host.textContent}`];
	assert.deepEqual(carets({ type: "rule" }), own());
	assert.deepEqual(carets(code("rust", "done\n")), own());
	assert.deepEqual(carets(table()), own());
	assert.deepEqual(carets(paragraph("p")), ["p p"]);
});

test("an answer without a word has no caret: what it waits for is said", () => {
	const { carets } = mounted();
	assert.deepEqual(carets(), []);
	assert.deepEqual(carets(paragraph("p")), ["p p"]);
	assert.deepEqual(carets(), []);
});

test("what is written has no caret", () => {
	const { host, view, carets } = mounted();
	const blocks = [paragraph("one")];
	carets(...blocks);
	view.show(blocks, "written");
	assert.equal(host.querySelector(".caret"), null);
	assert.ok(!host.classList.contains("caret"));
});

test("a paragraph as long as a chapter is written without a caret, unless it stands in pieces", () => {
	const { carets } = mounted();
	const lines = (count: number): Block => {
		const line: Inline[] = [text("x".repeat(1000)), { type: "softBreak" }];
		return { type: "paragraph", inlines: Array.from({ length: count }, () => line).flat() };
	};
	assert.equal(carets(lines(1)).length, 1);
	assert.equal(carets(lines(17)).length, 0);
	assert.equal(carets(lines(17), paragraph("short")).length, 1);
	assert.equal(carets(paragraph("x".repeat(19_000))).length, 1);
});
