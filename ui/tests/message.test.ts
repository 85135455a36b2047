import assert from "node:assert/strict";
import { test } from "node:test";
import type { Edit } from "../src/features/chat/message/editor";
import type { Message } from "../src/ipc/bindings";
import { message as made } from "./messages";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document, Element, Node, HTMLElement, Text, Comment } = page;
Object.assign(globalThis, { window: page, document, Element, Node, HTMLElement, Text, Comment });
// lit needs the document when it is loaded.
const { render } = await import("lit-html");
const { message } = await import("../src/features/chat/message/view");

/** A rendered message, and the actions its buttons triggered. */
function shown(changes: Partial<Message>, isLast: boolean, edit: Edit | null = null) {
	const root = document.createElement("div") as unknown as HTMLElement;
	const done: string[] = [];
	const actions = {
		markdown: {},
		files: {},
		retry: (id: string) => done.push(`retry ${id}`),
		regenerate: (id: string) => done.push(`regenerate ${id}`),
		select: (id: string) => done.push(`select ${id}`),
		edit: ({ id }: { id: string }) => done.push(`edit ${id}`),
		fork: (id: string) => done.push(`fork ${id}`),
		editing: {
			sendKey: "enter",
			type: (text: string) => done.push(`type ${text}`),
			remove: (id: string) => done.push(`remove ${id}`),
			submit: () => done.push("submit"),
			cancel: () => done.push("cancel"),
		},
		continueAnswer: () => done.push("continue"),
		copy: () => {},
	};
	const model = { live: null, stopping: false, now: 0, edit, lastId: "m5" };
	const shape = { ...made(1), ...changes };
	render(message(shape, isLast, model, actions as unknown as Parameters<typeof message>[3]), root);
	const press = (selector: string) => root.querySelector<HTMLElement>(selector)?.click();
	return { root, done, press, text: root.textContent?.replace(/\s+/g, " ") ?? "" };
}

const UNREACHABLE = { code: "unreachable", message: "Nothing listens there" };
const TRIED = { messageId: "m9", status: "failed", error: UNREACHABLE, hasText: true } as const;

test("a retry is offered only where nothing follows that it would hide", () => {
	const bad = { status: "failed", content: "", error: UNREACHABLE } as const;
	const { done, press } = shown(bad, true);
	press(".retry");
	assert.deepEqual(done, ["retry m1"]);
	const earlier = shown(bad, false);
	assert.equal(earlier.root.querySelector(".retry"), null);
	assert.match(earlier.text, /Failed: Nothing listens there/);
	const again = "[aria-label='Answer again']";
	assert.ok(shown({}, true).root.querySelector(again));
	const amid = shown({}, false);
	amid.press(again);
	amid.press(".fork-branch");
	assert.deepEqual(amid.done, ["regenerate m1", "fork m1"], "what follows stays below the other");
});

test("a sent message is edited in its place", () => {
	const sent = { role: "user", content: "hello" } as const;
	const { done, press } = shown(sent, false);
	press(".edit-message");
	assert.deepEqual(done, ["edit m1"]);
	const file = { id: "f1", name: "notes.txt" } as Edit["files"][number];
	const edit = { messageId: "m1", text: "hello there", files: [file], isSending: false };
	const editor = shown(sent, false, edit);
	const field = editor.root.querySelector<HTMLTextAreaElement>(".edit-input");
	assert.equal(field?.value, "hello there");
	assert.equal(editor.root.querySelector(".edit-message"), null);
	editor.press(".remove");
	editor.press(".cancel-edit");
	assert.deepEqual(editor.done, ["remove f1", "cancel"]);
	const nothing = shown(sent, false, { ...edit, text: " ", files: [] });
	const send = nothing.root.querySelector(".send-edit");
	assert.equal(send?.getAttribute("aria-disabled"), "true", "there is nothing to send");
	assert.equal(shown({}, false).root.querySelector(".edit-message"), null, "not of an answer");
});

test("a complete answer shows the outcome of a failed regeneration", () => {
	const { root, text, done, press } = shown({ failedVersion: TRIED }, true);
	assert.match(text, /Answering again failed: Nothing listens there/);
	assert.equal(root.querySelector(".message")?.getAttribute("data-status"), "complete");
	press(".retry");
	press(".show-version");
	assert.deepEqual(done, ["retry m1", "select m9"]);

	const without = shown({ failedVersion: { ...TRIED, hasText: false } }, true);
	assert.equal(without.root.querySelector(".show-version"), null);
	const older = { ...TRIED, messageId: "m2" };
	assert.doesNotMatch(shown({ failedVersion: older }, false).text, /again/, "old news");
	assert.match(shown({ failedVersion: TRIED }, false).text, /again failed/, "newer than the end");
	const stopped = { status: "stopped", failedVersion: TRIED } as const;
	const { root: both } = shown(stopped, true);
	assert.equal(both.querySelectorAll(".retry").length, 1, "one way on");
	assert.ok(both.querySelector(".continue"));
});

test("versions are paged through, to both ends", () => {
	const versions = { index: 2, count: 3, ids: ["m0", "m1", "m2"] };
	const { root, done, press } = shown({ versions }, false);
	assert.equal(root.querySelector(".version-count")?.textContent, "2/3");
	press(".version-previous");
	press(".version-next");
	assert.deepEqual(done, ["select m0", "select m2"]);
	const last = shown({ versions: { ...versions, index: 3 } }, false);
	last.press(".version-next");
	assert.deepEqual(last.done, []);
	assert.equal(last.root.querySelector(".version-next")?.getAttribute("aria-disabled"), "true");
	assert.equal(shown({}, true).root.querySelector(".version-count"), null);
	const writing = { versions, status: "generating" } as const;
	assert.equal(shown(writing, true).root.querySelector(".version-count"), null);
});

test("the parts of an answer are drawn in order; reasoning and tools are folded", () => {
	const { root } = shown(
		{
			parts: [
				{ type: "reasoning", text: "Hm" },
				{ type: "toolCall", id: "c", name: "weather", input: '{"city":\n  "Bern"}' },
				{ type: "toolResult", callId: "c", content: "no such city", isError: true },
				{ type: "toolResult", callId: "d", content: "rain", isError: false },
			],
		},
		true,
	);
	const folded = [...root.querySelectorAll("details")];
	assert.deepEqual(
		folded.map((part) => [part.querySelector("summary")?.textContent?.trim(), part.open]),
		[
			["Reasoning", false],
			['Tool call: weather {"city": "Bern"}', false],
			["Tool error", false],
			["Tool result", false],
		],
	);
	const contents = folded.map((part) => part.querySelector(".thoughts")?.textContent);
	assert.deepEqual(contents, ["Hm", '{"city":\n  "Bern"}', "no such city", "rain"]);
	assert.equal(root.querySelector(".text")?.textContent, "", "an answer always has a text");
});

test("of a call's arguments as much is shown as fits a line", () => {
	const title = (input: string) => {
		const part = { type: "toolCall", id: "c", name: "write", input } as const;
		const { root } = shown({ parts: [part] }, true);
		return root.querySelector("summary")?.textContent?.trim();
	};
	assert.equal(title(""), "Tool call: write");
	assert.equal(title("x".repeat(80)), `Tool call: write ${"x".repeat(80)}`);
	assert.equal(title("🐚".repeat(81)), `Tool call: write ${"🐚".repeat(80)}…`);
});

test("what was omitted is counted in messages and tokens", () => {
	const one = shown({ leftOut: 1, leftOutTokens: 0 }, true);
	assert.match(one.text, /The oldest message was omitted/);
	const many = shown({ leftOut: 4, leftOutTokens: 1234 }, true);
	assert.match(many.text, /The 4 oldest messages \(about 1234 tokens\) were omitted/);
	assert.doesNotMatch(shown({}, true).text, /omitted/);
});

test("a full context is no token limit, and cannot be continued", () => {
	const full = shown({ finishReason: "context_full", content: "Once" }, true);
	assert.match(full.text, /context is full/);
	assert.equal(full.root.querySelector(".continue"), null);
	assert.ok(
		shown({ finishReason: "length", content: "Once" }, true).root.querySelector(".continue"),
	);
});
