import assert from "node:assert/strict";
import { test } from "node:test";
import type { Block, PageEvent } from "../src/ipc/bindings";
import { patched } from "../src/markdown/patched";
import { told } from "../src/state/live-answer";

function paragraph(text: string): Block {
	return { type: "paragraph", inlines: [{ type: "text", text }] };
}

function code(text: string): Block {
	return { type: "code", language: "rust", text, closed: false };
}

function blocks(messageId: string, from: number, ...blocks: Block[]): PageEvent {
	return { type: "blocks", messageId, patch: { type: "replace", from, blocks } };
}

test("what did not change stays the same object", () => {
	const [one, two, three] = [paragraph("one"), paragraph("two"), paragraph("three")];
	const before = [one, two];
	const after = patched(before, { type: "replace", from: 1, blocks: [three] });
	assert.equal(after[0], one);
	assert.deepEqual(after, [one, three]);
	assert.deepEqual(before, [one, two], "what was shown is not changed under the view");
});

test("code that grows keeps what it is", () => {
	const before = [paragraph("so"), code("let a")];
	const after = patched(before, { type: "grow", at: 1, text: " = 1;" });
	assert.deepEqual(after, [paragraph("so"), code("let a = 1;")]);
	assert.equal(after[0], before[0]);
});

test("blocks, thoughts and phases of one answer are gathered, and another begins anew", () => {
	let live = told(null, { type: "phase", messageId: "a", phase: { type: "connecting" } });
	live = told(live, { type: "reasoning", messageId: "a", text: "Hm" });
	live = told(live, { type: "reasoning", messageId: "a", text: ", yes" });
	live = told(live, blocks("a", 0, paragraph("Hi")));
	assert.deepEqual(live, {
		messageId: "a",
		blocks: [paragraph("Hi")],
		reasoning: "Hm, yes",
		phase: { type: "connecting" },
	});
	const other = told(live, blocks("b", 0, paragraph("Ho")));
	assert.deepEqual(other, {
		messageId: "b",
		blocks: [paragraph("Ho")],
		reasoning: "",
		phase: null,
	});
});
