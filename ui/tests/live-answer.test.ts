import assert from "node:assert/strict";
import { test } from "node:test";
import { type AnswerEvent, applyEvent } from "../src/features/chat/transcript/live-answer";
import type { Block, Inline, Patch } from "../src/ipc/bindings";
import { applyPatches } from "../src/markdown/patches";

function paragraph(text: string): Block {
	return { type: "paragraph", inlines: [{ type: "text", text }] };
}

function code(text: string): Block {
	return { type: "code", language: "rust", text, closed: false };
}

function blocks(messageId: string, from: number, ...blocks: Block[]): AnswerEvent {
	return { type: "blocks", messageId, part: 1, patches: [{ type: "replace", from, blocks }] };
}

test("what did not change stays the same object", () => {
	const [one, two, three] = [paragraph("one"), paragraph("two"), paragraph("three")];
	const before = [one, two];
	const after = applyPatches(before, [{ type: "replace", from: 1, blocks: [three] }]);
	assert.equal(after[0], one);
	assert.deepEqual(after, [one, three]);
	assert.deepEqual(before, [one, two], "what was shown is not changed under the view");
});

test("code that grows keeps what it is", () => {
	const before = [paragraph("so"), code("let a")];
	const after = applyPatches(before, [{ type: "grow", at: 1, text: " = 1;" }]);
	assert.deepEqual(after, [paragraph("so"), code("let a = 1;")]);
	assert.equal(after[0], before[0]);
	const rest: Patch[] = [
		{ type: "close", at: 1 },
		{ type: "replace", from: 2, blocks: [paragraph("on")] },
	];
	const closed = { ...code("let a = 1;"), closed: true };
	assert.deepEqual(applyPatches(after, rest), [paragraph("so"), closed, paragraph("on")]);
});

test("a nested patch changes only the last block of its container", () => {
	const first = { checked: null, blocks: [paragraph("one")] };
	const list = (...blocks: Block[]): Block => ({
		type: "list",
		start: null,
		tight: true,
		items: [first, { checked: true, blocks }],
	});
	const quote = (...blocks: Block[]): Block => ({ type: "quote", blocks });
	const before = [paragraph("so"), list(paragraph("two"), quote(code("let a")))];
	const grow: Patch = { type: "grow", at: 0, text: ";" };
	const inQuote: Patch = { type: "within", at: 1, patches: [grow] };
	const after = applyPatches(before, [{ type: "within", at: 1, patches: [inQuote] }]);
	assert.deepEqual(after, [paragraph("so"), list(paragraph("two"), quote(code("let a;")))]);
	assert.deepEqual(before[1], list(paragraph("two"), quote(code("let a"))));
	assert.equal(after[0], before[0]);
	const items = (blocks: readonly Block[]) => (blocks[1] as Extract<Block, { type: "list" }>).items;
	assert.equal(items(after)[0], first);
	assert.equal(items(after)[1]?.blocks[0], items(before)[1]?.blocks[0]);
});

test("items, rows and inlines are patched from the first that changed", () => {
	const text = (text: string): Inline => ({ type: "text", text });
	const item = (words: string) => ({ checked: null, blocks: [paragraph(words)] });
	const list: Block = { type: "list", start: 1, tight: true, items: [item("a"), item("b")] };
	assert.deepEqual(
		applyPatches([list], [{ type: "items", at: 0, from: 1, items: [item("c"), item("d")] }]),
		[{ ...list, items: [item("a"), item("c"), item("d")] }],
	);
	const row = (...cells: string[]) => cells.map((cell) => [text(cell)]);
	const table: Block = { type: "table", alignments: ["none"], header: row("a"), rows: [row("b")] };
	assert.deepEqual(applyPatches([table], [{ type: "rows", at: 0, from: 1, rows: [row("c")] }]), [
		{ ...table, rows: [row("b"), row("c")] },
	]);
	const line: Block = { type: "paragraph", inlines: [text("a "), { type: "code", text: "b" }] };
	const more = [text(" c "), { type: "hardBreak" }] satisfies Inline[];
	assert.deepEqual(applyPatches([line], [{ type: "inlines", at: 0, from: 1, inlines: more }]), [
		{ ...line, inlines: [text("a "), ...more] },
	]);
	const grown = applyPatches([paragraph("a")], [{ type: "grow", at: 0, text: "b" }]);
	assert.deepEqual(grown, [paragraph("ab")]);
});

test("parts and phases of one answer accumulate, and another answer starts empty", () => {
	const reasoning = (part: number, text: string): AnswerEvent => ({
		type: "reasoning",
		messageId: "a",
		part,
		text,
	});
	let live = applyEvent(null, { type: "phase", messageId: "a", phase: { type: "connecting" } });
	live = applyEvent(live, reasoning(0, "Hm"));
	live = applyEvent(live, reasoning(0, ", yes"));
	live = applyEvent(live, blocks("a", 0, paragraph("Hi")));
	live = applyEvent(live, reasoning(3, "And?"));
	assert.deepEqual(live, {
		messageId: "a",
		parts: [
			{ type: "reasoning", text: "Hm, yes" },
			{ type: "text", blocks: [paragraph("Hi")] },
			undefined,
			{ type: "reasoning", text: "And?" },
		],
		phase: { type: "connecting" },
	});
	const other = applyEvent(live, blocks("b", 0, paragraph("Ho")));
	assert.deepEqual(other, {
		messageId: "b",
		parts: [undefined, { type: "text", blocks: [paragraph("Ho")] }],
		phase: null,
	});
});
