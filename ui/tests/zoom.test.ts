import assert from "node:assert/strict";
import { test } from "node:test";
import { ZOOMS, zoomAfter, zoomsWith } from "../src/features/settings/zoom";

test("a step goes to the next size, and at an end it stays", () => {
	assert.deepEqual([zoomAfter(100, 1), zoomAfter(100, -1)], [110, 90]);
	assert.deepEqual([zoomAfter(200, 1), zoomAfter(50, -1)], [200, 50]);
	assert.deepEqual([zoomAfter(117, 1), zoomAfter(117, -1)], [125, 110], "also from between two");
	assert.equal(zoomAfter(175, 0), 100);
});

test("a size that is none of the steps can be seen among them", () => {
	assert.deepEqual(zoomsWith(100), ZOOMS);
	assert.deepEqual(zoomsWith(95).slice(4, 7), [90, 95, 100]);
});
