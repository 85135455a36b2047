import assert from "node:assert/strict";
import { test } from "node:test";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document } = page;
Object.assign(globalThis, { window: page, document });
const { focusArrow, focusedArrow } = await import("../src/features/chat/message/pager");

/** A rendered pager; `previous` and `next` are whether that arrow is enabled. */
function pager(previous: boolean, next: boolean): Element {
	document.body.innerHTML = `<div>
		<button class="bare version-previous" aria-disabled="${!previous}"></button>
		<button class="bare version-next" aria-disabled="${!next}"></button></div>`;
	return document.body as unknown as Element;
}

test("the focus stays on the arrow that was pressed, and goes to the other at an end", () => {
	focusArrow(pager(true, true), "version-previous");
	assert.equal(focusedArrow(), "version-previous");
	focusArrow(pager(false, true), "version-previous");
	assert.equal(focusedArrow(), "version-next");
	focusArrow(pager(true, true), focusedArrow());
	assert.equal(focusedArrow(), "version-next", "the pager is gone, and who has no arrow gets this");
	focusArrow(pager(true, false), "version-next");
	assert.equal(focusedArrow(), "version-previous");
});
