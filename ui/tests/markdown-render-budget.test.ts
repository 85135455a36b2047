import assert from "node:assert/strict";
import { test } from "node:test";
import type { Block } from "../src/ipc/bindings";
import { costOf, fitToBudget } from "../src/markdown/render-budget";
import { MarkdownView } from "../src/markdown/view";
import {
	code,
	find,
	mounted,
	paragraph,
	passFrame,
	services,
	shownAtOnce,
	text,
} from "./markdown-dom";
import { document as anyDocument, random } from "./markdown-generated";

/** Renders into a host in the document, up to the first frame. */
function begun(blocks: readonly Block[]) {
	const host = document.createElement("div");
	document.body.append(host);
	const view = new MarkdownView(host, services().all);
	view.show(blocks, "written");
	return { host, view };
}

const table = (rows: number): Block => ({
	type: "table",
	alignments: ["none", "none"],
	header: [[text("a")], [text("b")]],
	rows: Array.from({ length: rows }, (_, row) => [[text(`${row}`)], [text("b")]]),
});

const LONG = [paragraph("before"), table(1_000), paragraph("after")];

test("blocks within the budget are returned as they are", () => {
	const blocks = [paragraph("a"), code("rust", "b\n")];
	assert.equal(fitToBudget(blocks, costOf(blocks)), blocks);
	assert.notEqual(fitToBudget(blocks, costOf(blocks) - 1), blocks);
});

test("a prefix stays within its budget, and a larger budget extends it", () => {
	for (let seed = 0; seed < 12; seed += 1) {
		const whole = anyDocument(random(seed), 6);
		let before = "";
		for (let most = 0; ; most += 397) {
			const some = fitToBudget(whole, most);
			assert.ok(costOf(some) <= most, `seed ${seed}: ${costOf(some)} of ${most}`);
			// A footnote's back button comes after its last word.
			const words = (shownAtOnce(some).textContent ?? "").replaceAll("↩︎", "");
			assert.ok(words.startsWith(before.trimEnd()), `seed ${seed}, ${most}`);
			before = words;
			if (some === whole) break;
		}
	}
});

test("code of which more is to come is not closed, and no character is halved", () => {
	const [begunCode] = fitToBudget([code("rust", "ab🐚c\n")], 363);
	assert.deepEqual(begunCode, { ...code("rust", "ab"), closed: false });
});

test("a table is cut between rows, and needs budget for its header", () => {
	const whole = [table(3)];
	const [most] = fitToBudget(whole, costOf(whole) - 1);
	assert.equal(most?.type === "table" && most.rows.length, 2);
	assert.deepEqual(fitToBudget(whole, 100), []);
});

test("a long answer is drawn within a budget per frame and keeps its nodes", () => {
	const { host } = begun(LONG);
	const first = [...host.querySelectorAll("tr")];
	assert.ok(host.hasAttribute("data-partial"));
	let frames = 0;
	for (let rows = first.length; passFrame(); frames += 1) {
		const now = host.querySelectorAll("tr").length;
		assert.ok(now > rows || host.lastElementChild?.textContent === "after");
		assert.ok(now - rows < 500, "a frame draws no more than its portion");
		rows = now;
	}
	assert.ok(first.length > 10 && first.length < 500);
	assert.ok(frames > 2);
	assert.ok(!host.hasAttribute("data-partial"));
	assert.equal(host.innerHTML, shownAtOnce(LONG).innerHTML);
	assert.ok(
		[...host.querySelectorAll("tr")].slice(0, first.length).every((row, at) => row === first[at]),
	);
});

test("what is shown between two frames is what the next one draws", () => {
	const { host, view } = begun(LONG);
	view.show([paragraph("other")], "written");
	assert.ok(host.querySelector("table") !== null, "a frame is waited for");
	while (passFrame());
	assert.equal(host.textContent, "other");
});

test("a removed answer is not drawn further until it is shown again", () => {
	const { host, view } = begun(LONG);
	const rows = host.querySelectorAll("tr").length;
	host.remove();
	while (passFrame());
	assert.equal(host.querySelectorAll("tr").length, rows);
	document.body.append(host);
	view.show(LONG, "written");
	while (passFrame());
	assert.equal(host.querySelectorAll("tr").length, 1_001);
});

test("an answer that grows is drawn at once, however long it has become", () => {
	const { host, view } = begun([]);
	const words = "word ".repeat(200);
	let blocks: readonly Block[] = [];
	for (let count = 0; count < 100; count += 1) {
		blocks = [...blocks, paragraph(`${count} ${words}`)];
		view.show(blocks, "writing");
		assert.equal(host.children.length, count + 1);
	}
	assert.equal(passFrame(), false);
});

test("a text longer than a line box should be stands in pieces that keep their nodes", () => {
	const words = (count: number) =>
		Array.from({ length: count }, (_, word) => `word${word}`).join(" ");
	const { host, view } = mounted({}, [paragraph(words(100))]);
	assert.equal(host.querySelectorAll(".piece").length, 0);
	view.show([paragraph(words(4_000))]);
	const before = [...host.querySelectorAll(".piece")];
	assert.ok(before.length > 5);
	view.show([paragraph(words(6_000))]);
	const after = [...host.querySelectorAll(".piece")];
	assert.ok(after.length > before.length);
	assert.ok(before.slice(0, -1).every((piece, at) => piece === after[at]));
	assert.equal(find(host, "p").textContent, words(6_000));
	assert.ok(after.slice(0, -1).every((piece) => piece.textContent?.endsWith(" ")));
	view.show([paragraph(words(100))]);
	assert.equal(host.querySelectorAll(".piece").length, 0);
	assert.equal(find(host, "p").textContent, words(100));
});

test("a word without a space is cut into pieces too, and never within a character", () => {
	const shells = `a${"🐚".repeat(10_000)}`;
	const { host } = mounted({}, [paragraph(shells)]);
	const pieces = [...host.querySelectorAll(".piece")].map((piece) => piece.textContent ?? "");
	assert.ok(pieces.length > 3);
	assert.ok(pieces.every((piece) => encodeURIComponent(piece).length > 0));
	assert.equal(pieces.join(""), shells);
});

test("accents without an end on one letter are cut into pieces", () => {
	const piled = `e${"\u0301".repeat(3_000)}`;
	const { host, view } = mounted({}, [paragraph(piled)]);
	assert.ok(host.querySelectorAll(".piece").length > 10);
	assert.equal(find(host, "p").textContent, piled);
	const before = [...host.querySelectorAll(".piece")];
	view.show([paragraph(`${piled}${"\u0301".repeat(600)} and words`)]);
	const after = [...host.querySelectorAll(".piece")];
	assert.ok(before.slice(0, -1).every((piece, at) => piece === after[at]));
	view.show([paragraph(`e${"\u0301".repeat(100)}`)]);
	assert.equal(host.querySelectorAll(".piece").length, 0);
});
