import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConversationSummary } from "../src/ipc/bindings";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document, KeyboardEvent, Element, Node, HTMLElement, Text, Comment } = page;
Object.assign(globalThis, { window: page, document, Element, Node, HTMLElement, Text, Comment });
// lit needs the document when it is loaded.
const { render } = await import("lit-html");
const { listenToUndo, sidebar } = await import("../src/features/sidebar/view");

/** A sidebar with these conversations, and the actions its keys triggered. */
function shown(ids: readonly string[]) {
	const root = document.createElement("div") as unknown as HTMLElement;
	const done: string[] = [];
	const actions = {
		create: () => {},
		openSettings: () => {},
		openShortcuts: () => {},
		open: () => {},
		rename: ({ id }: ConversationSummary) => done.push(`rename ${id}`),
		remove: ({ id }: ConversationSummary) => done.push(`remove ${id}`),
	};
	const conversations = ids.map((id) => ({ id, title: id, busy: false, updatedAt: 0 }));
	const model = { conversations, unread: new Set<string>(), shownId: null, now: 0 };
	listenToUndo(root, () => done.push("undo"));
	render(sidebar(model as unknown as Parameters<typeof sidebar>[0], actions), root);
	/** Presses a key; returns false if the platform's default applies. */
	const press = (selector: string, key: string, init: Record<string, unknown> = {}) => {
		const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init });
		root.querySelector(selector)?.dispatchEvent(event as unknown as Event);
		return event.defaultPrevented;
	};
	return { done, press };
}

test("a deletion is undone by keyboard from a row, and where none is left", () => {
	const full = shown(["a"]);
	assert.equal(full.press(".open", "z", { ctrlKey: true }), true);
	assert.deepEqual(full.done, ["undo"], "once");
	const empty = shown([]);
	assert.equal(empty.press("#new-conversation", "z", { ctrlKey: true }), true);
	assert.equal(empty.press("#new-conversation", "z"), false);
	assert.deepEqual(empty.done, ["undo"]);
});

test("Delete deletes one conversation, however long it is held", () => {
	const { done, press } = shown(["a", "b"]);
	assert.equal(press(".open", "Delete"), true);
	assert.equal(press(".open", "Delete", { repeat: true }), true);
	assert.deepEqual(done, ["remove a"]);
});
