import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals-core";
import { message } from "./messages";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document, Element, Node, HTMLElement, Text, Comment } = page;
Object.assign(globalThis, { window: page, document, Element, Node, HTMLElement, Text, Comment });
// lit needs the document when it is loaded.
const { render } = await import("lit-html");
const { mountReadingBanner } = await import("../src/features/chat/transcript/reading-banner");
const { transcript } = await import("../src/features/chat/transcript/view");

test("the banner leads back, and on when the branch is free", async () => {
	const root = document.body.appendChild(document.createElement("div")) as unknown as HTMLElement;
	const [holdsHead, reading] = [signal(true), signal<object | null>(null)];
	const done: string[] = [];
	const shown = signal({
		holdsHead,
		versions: { reading },
		showLatest: async () => {
			done.push("latest");
			reading.value = null;
		},
		continueFromVersion: async () => {
			done.push("continue");
		},
	});
	const follower = { stick: () => done.push("stick") };
	mountReadingBanner(root, { shown, follower, takeFocus: () => done.push("focus") });
	assert.equal(root.textContent?.trim(), "");
	reading.value = {};
	assert.match(root.textContent ?? "", /You are reading an earlier version\./);
	const button = (id: string) => root.querySelector<HTMLElement>(`#${id}`);
	assert.equal(button("continue-from-version")?.getAttribute("aria-disabled"), "true");
	button("continue-from-version")?.click();
	holdsHead.value = false;
	assert.equal(button("continue-from-version")?.getAttribute("aria-disabled"), "false");
	button("back-to-answer")?.focus();
	button("back-to-answer")?.click();
	await Promise.resolve();
	assert.deepEqual(done, ["continue", "latest", "focus", "stick"]);
	assert.equal(root.querySelector("button"), null);
});

test("nothing goes on from the last message of a version that is read", () => {
	const drawn = (isReadOnly: boolean) => {
		const root = document.createElement("div") as unknown as HTMLElement;
		const messages = [message(0), { ...message(1), status: "stopped" as const }];
		const model = { messages, isReadOnly, live: null, edit: null, lastId: null, now: 0 };
		const actions = { markdown: {}, files: {}, editing: {} };
		render(
			transcript(
				model as unknown as Parameters<typeof transcript>[0],
				actions as unknown as Parameters<typeof transcript>[1],
			),
			root,
		);
		return [".retry", ".continue", ".fork-branch"].map(
			(selector) => root.querySelector(selector) !== null,
		);
	};
	assert.deepEqual(drawn(false), [true, true, true]);
	assert.deepEqual(drawn(true), [false, false, true]);
});
