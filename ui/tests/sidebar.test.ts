import assert from "node:assert/strict";
import { test } from "node:test";
import { Sidebar } from "../src/features/sidebar/sidebar";

test("where there is room it folds and stays folded", () => {
	const it = new Sidebar(false);
	assert.equal(it.inSight.value, true);
	it.toggle();
	assert.deepEqual([it.inSight.value, it.folded.value], [false, true]);
	it.leave();
	assert.equal(it.folded.value, true, "going elsewhere does not bring it back");
	it.toggle();
	assert.equal(it.inSight.value, true);
	assert.equal(new Sidebar(true).inSight.value, false);
});

test("in a narrow window it comes and goes, and what was chosen for a wide one stays", () => {
	const it = new Sidebar(false);
	it.fit(true);
	assert.equal(it.inSight.value, false);
	it.toggle();
	assert.deepEqual([it.inSight.value, it.folded.value], [true, false]);
	it.leave();
	assert.equal(it.inSight.value, false);
	it.toggle();
	it.fit(false);
	assert.deepEqual([it.inSight.value, it.over.value], [true, false]);
	it.fit(true);
	assert.equal(it.inSight.value, false, "it does not lie there again by itself");
});
