import assert from "node:assert/strict";
import { test } from "node:test";
import type { Preset, QueuedMessage } from "../src/ipc/bindings";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document, KeyboardEvent, Element, Node, HTMLElement, HTMLInputElement } = page;
Object.assign(globalThis, { window: page, document, Element, Node, HTMLElement, HTMLInputElement });
// lit needs the document when it is loaded.
const { render } = await import("lit-html");
const { presets } = await import("../src/features/providers/view");
const { queueStrip } = await import("../src/features/queue/view");

/** Presses Enter in a field as an input method ends a composition with it: WebKit says so by the `keyCode` alone. */
function press(field: Element | null | undefined, init: Record<string, unknown> = {}): void {
	const event = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });
	for (const [name, value] of Object.entries(init)) {
		Object.defineProperty(event, name, { value });
	}
	field?.dispatchEvent(event as unknown as Event);
}

const COMPOSING = [{ isComposing: true }, { keyCode: 229 }];

test("F16: the Enter that ends a composition adds no provider", () => {
	const root = document.createElement("div") as unknown as HTMLElement;
	const chosen: string[] = [];
	const preset = { id: "openai", name: "OpenAI", baseUrl: "https://a/v1", keyPrefixes: [] };
	const all = [{ ...preset, sharedKeyPrefixes: [] } as unknown as Preset];
	const actions = {
		load: () => {},
		search: () => {},
		choose: ({ id }: Preset) => chosen.push(id),
		connect: () => {},
		cancel: () => {},
	};
	render(presets(all, "open", null, actions), root);
	const field = root.querySelector("#preset-search");
	for (const composing of COMPOSING) press(field, composing);
	assert.deepEqual(chosen, []);
	press(field);
	assert.deepEqual(chosen, ["openai"]);
});

test("F16: the Enter that ends a composition saves no queued message", () => {
	const root = document.createElement("div") as unknown as HTMLElement;
	const done: string[] = [];
	const item = { id: "q1", position: 1, content: "first", modelId: null, attachments: [] };
	const queue = { paused: false, pauseReason: null, pauseMessage: null };
	const items = [item as unknown as QueuedMessage];
	const nothing = () => {};
	const actions = { edit: nothing, type: nothing, cancelEdit: nothing, move: nothing };
	const others = { remove: nothing, sendNow: nothing, clear: nothing, pause: nothing };
	const edit = { id: "q1", text: "changed" } as unknown as Parameters<typeof queueStrip>[0]["edit"];
	const model = { queue: { ...queue, items }, edit, sendKey: "enter" as const };
	render(
		queueStrip(
			{ ...model, modelName: () => null },
			{ ...actions, ...others, resume: nothing, saveEdit: () => done.push("save") },
		),
		root,
	);
	const field = root.querySelector(".queued-input");
	for (const composing of COMPOSING) press(field, composing);
	assert.deepEqual(done, []);
	press(field);
	assert.deepEqual(done, ["save"]);
});
