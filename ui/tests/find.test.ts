import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals-core";
import { Find } from "../src/features/find/find";
import { commands, fakeCore } from "./core";

/** Searches a branch; `show` resolves once a message is on the page. */
function findIn(show: (id: string) => Promise<void>): Find {
	const view = signal({ id: "c", branchId: "b" });
	return new Find(commands, signal({ view, showMessage: show }), assert.fail);
}

test("a match is scrolled to once it is on the page", async () => {
	fakeCore({ find_in_conversation: () => ["first", "last"] });
	let arrive = () => {};
	const asked: string[] = [];
	const find = findIn((id) => {
		asked.push(id);
		return new Promise((resolve) => {
			arrive = resolve;
		});
	});
	find.text.value = "needle";
	find.open();
	await new Promise(setImmediate);
	assert.deepEqual(asked, ["last"]);
	assert.equal(find.shown.value, null);
	arrive();
	await new Promise(setImmediate);
	assert.equal(find.shown.value, "last");

	const step = find.step(-1);
	assert.equal(find.shown.value, null);
	arrive();
	await step;
	assert.equal(find.shown.value, "first");
});

test("every step scrolls to the only match again", async () => {
	fakeCore({ find_in_conversation: () => ["only"] });
	const gone: (string | null)[] = [];
	const find = findIn(async () => {});
	find.shown.subscribe((id) => gone.push(id));
	find.text.value = "needle";
	await find.step(1);
	await find.step(1);
	assert.deepEqual(gone, [null, "only", null, "only"]);
});
