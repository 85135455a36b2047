import assert from "node:assert/strict";
import { test } from "node:test";
import { writes } from "../src/features/chat/composer/type-anywhere";

/** Returns whether a key press types text. */
function press(key: string, held: Partial<Parameters<typeof writes>[0]> = {}, altGraph = false) {
	return writes({
		key,
		code: "",
		ctrlKey: false,
		altKey: false,
		metaKey: false,
		shiftKey: false,
		getModifierState: () => altGraph,
		...held,
	});
}

test("letters, signs, a dead key and a paste write, and other keys do not", () => {
	for (const key of ["a", "Ä", " ", "!", "😀", "Dead", "Process"]) assert.ok(press(key), key);
	for (const key of ["Enter", "Tab", "ArrowUp", "F2", "Escape", "Backspace", "Control"]) {
		assert.ok(!press(key), key);
	}
	assert.ok(press("v", { ctrlKey: true }));
	assert.ok(press("Insert", { shiftKey: true }));
	assert.ok(!press("c", { ctrlKey: true }), "a copy leaves the selection alone");
	assert.ok(!press("a", { altKey: true }));
	assert.ok(press("@", { ctrlKey: true, altKey: true }, true), "AltGr writes");
});
