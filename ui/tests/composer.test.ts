import assert from "node:assert/strict";
import { test } from "node:test";
import type { SendKey } from "../src/ipc/bindings";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document, KeyboardEvent, Element, Node, HTMLTextAreaElement } = page;
const getComputedStyle = page.getComputedStyle.bind(page);
Object.assign(globalThis, { window: page, document, Element, Node, HTMLTextAreaElement });
Object.assign(globalThis, { getComputedStyle });
// lit needs the document when it is loaded.
const { html, render } = await import("lit-html");
const { composer } = await import("../src/features/chat/composer/view");

/** A composer, and the actions it triggered. */
function shown(
	draft: string,
	sendKey: SendKey = "enter",
	recalled = false,
	next: string | null = null,
) {
	const root = document.createElement("div") as unknown as HTMLElement;
	const done: string[] = [];
	const files = { button: html``, list: html``, offer: html``, canSend: false };
	const model = {
		draft,
		next,
		refusesSend: next !== null,
		policy: next !== null ? ("reject" as const) : null,
		canStop: next !== null,
		stopping: false,
		note: null,
		files,
		refusals: html``,
	};
	const recall = {
		isRecalled: () => recalled,
		older: () => done.push("older") > 0,
		newer: () => done.push("newer") > 0,
	};
	const actions = {
		type: (text: string) => done.push(`type ${text}`),
		send: (source: string) => done.push(`send by ${source}`),
		undo: () => done.push("undo"),
		redo: () => done.push("redo"),
		refuse: (source: string) => done.push(`refuse ${source}`),
		stop: () => done.push("stop"),
		recall,
	};
	render(composer({ ...model, sendKey }, actions), root);
	const input = root.querySelector("textarea:not(:disabled)") as HTMLTextAreaElement;
	/** Presses a key; returns false if the input's default applies. */
	const press = (key: string, init: Record<string, unknown> = {}) => {
		const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init });
		if (init.keyCode !== undefined) Object.assign(event, { keyCode: init.keyCode });
		input.dispatchEvent(event as unknown as Event);
		return event.defaultPrevented;
	};
	return { root, input, done, press };
}

test("Enter sends and Shift+Enter breaks the line", () => {
	const { done, press } = shown("hello");
	assert.equal(press("Enter", { shiftKey: true }), false);
	assert.deepEqual(done, []);
	assert.equal(press("Enter"), true);
	assert.deepEqual(done, ["send by enter"]);
	assert.equal(press("Enter", { repeat: true }), true);
	assert.equal(done.length, 1, "a key that is held down sends once");
});

test("where Ctrl+Enter sends, Enter breaks the line", () => {
	const { done, press } = shown("hello", "modEnter");
	assert.equal(press("Enter"), false);
	assert.deepEqual(done, []);
	assert.equal(press("Enter", { ctrlKey: true }), true);
	assert.deepEqual(done, ["send by enter"]);
});

test("F16: the Enter that ends a composition never sends, and the one after it sends once", () => {
	for (const key of ["enter", "modEnter"] as const) {
		const { done, press } = shown("hello", key);
		assert.equal(press("Enter", { isComposing: true, ctrlKey: true }), false);
		assert.equal(press("Enter", { keyCode: 229, ctrlKey: true }), false);
		assert.deepEqual(done, [], key);
		press("Enter", { ctrlKey: key === "modEnter" });
		assert.deepEqual(done, ["send by enter"], key);
	}
});

test("Send says which key counts", () => {
	for (const [key, title, aria] of [
		["enter", "Send (Enter)", "Enter"],
		["modEnter", "Send (Ctrl+Enter)", "Control+Enter"],
	] as const) {
		const send = shown("", key).root.querySelector("#send-button");
		assert.deepEqual(
			[send?.getAttribute("title"), send?.getAttribute("aria-keyshortcuts")],
			[title, aria],
		);
	}
});

test("the arrows bring back what was sent from an empty input, and never from a typed text", () => {
	const empty = shown("");
	assert.equal(empty.press("ArrowUp"), true);
	assert.equal(empty.press("ArrowDown"), true);
	assert.equal(empty.press("ArrowUp", { shiftKey: true }), false, "that selects");
	assert.deepEqual(empty.done, ["older", "newer"]);
	const typed = shown("half a thought");
	assert.equal(typed.press("ArrowUp"), false);
	assert.deepEqual(typed.done, []);
});

test("in a recalled text of several lines the caret moves first", async () => {
	const { input, done, press } = shown("one\ntwo", "enter", true);
	input.setSelectionRange(7, 7);
	assert.equal(press("ArrowUp"), false);
	input.setSelectionRange(3, 3);
	await new Promise((resolve) => setTimeout(resolve));
	assert.deepEqual(done, [], "it moved");
	assert.equal(press("ArrowUp"), false);
	await new Promise((resolve) => setTimeout(resolve));
	assert.deepEqual(done, ["older"], "it could not");
});

test("while an answer is written the message's field waits, and another takes what is typed", () => {
	const { root, input, done, press } = shown("half a thought", "enter", false, "and");
	const waiting = root.querySelector("#chat-input") as HTMLTextAreaElement;
	assert.deepEqual(
		[waiting.disabled, waiting.placeholder, waiting.value],
		[true, "Waiting for response...", "half a thought"],
	);
	assert.deepEqual([input.id, input.placeholder], ["next-input", "Write the next message"]);
	assert.equal(input.value, "and");
	const send = root.querySelector("#send-button") as HTMLButtonElement;
	assert.deepEqual([send.disabled, send.getAttribute("aria-disabled")], [false, "true"]);

	assert.equal(press("Enter", { shiftKey: true }), false, "it breaks the line");
	press("Enter");
	send.click();
	(root.querySelector("#stop-button") as HTMLButtonElement).click();
	input.value = "and on";
	input.dispatchEvent(new page.Event("input") as unknown as Event);
	assert.deepEqual(done, ["send by enter", "send by button", "stop", "type and on"]);
});

test("a click on the field that waits is refused, and one on the field that does not is none", () => {
	const { root, input, done } = shown("", "enter", false, "");
	input.click();
	assert.deepEqual(done, []);
	(root.querySelector(".box") as HTMLElement).click();
	assert.deepEqual(done, ["refuse composer"]);
	const free = shown("");
	(free.root.querySelector(".box") as HTMLElement).click();
	assert.deepEqual(free.done, []);
});

test("Ctrl+Z takes back what was typed, and the platform does not", () => {
	const { input, done, press } = shown("hello");
	assert.equal(press("z", { ctrlKey: true }), true);
	assert.equal(press("Z", { ctrlKey: true, shiftKey: true }), true);
	assert.equal(press("y", { ctrlKey: true }), true);
	const menu = new page.InputEvent("beforeinput", { inputType: "historyUndo", cancelable: true });
	input.dispatchEvent(menu as unknown as Event);
	assert.equal(menu.defaultPrevented, true);
	assert.deepEqual(done, ["undo", "redo", "redo", "undo"]);
	assert.equal(press("z"), false);
});
