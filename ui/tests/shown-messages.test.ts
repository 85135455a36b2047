import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessagePage } from "../src/ipc/bindings";
import {
	MOST_SHOWN,
	NONE,
	type ShownMessages,
	withEarlier,
	withLater,
	withLatest,
} from "../src/state/shown-messages";
import { message } from "./messages";

/** Messages from to, without to, of a conversation of a thousand. */
function page(from: number, to: number): MessagePage {
	const messages = Array.from({ length: to - from }, (_, n) => message(from + n));
	return { messages, hasEarlier: from > 0, hasLater: to < 1000 };
}

function ids(shown: ShownMessages): [string | undefined, string | undefined, number] {
	return [shown.messages[0]?.id, shown.messages.at(-1)?.id, shown.messages.length];
}

test("a walk to the beginning and back keeps a bounded run without a gap", () => {
	let shown = withLatest(NONE, page(950, 1000));
	for (let from = 900; from >= 0; from -= 50) {
		shown = withEarlier(shown, page(from, from + 50));
		assert.ok(shown.messages.length <= MOST_SHOWN);
		for (const [at, { parentId }] of shown.messages.entries()) {
			if (at > 0) assert.equal(parentId, shown.messages[at - 1]?.id);
		}
	}
	assert.deepEqual(ids(shown), ["m0", "m299", 300]);
	assert.deepEqual([shown.hasEarlier, shown.hasLater], [false, true]);
	for (let from = 300; from < 1000; from += 50) shown = withLater(shown, page(from, from + 50));
	assert.deepEqual(ids(shown), ["m700", "m999", 300]);
	assert.deepEqual([shown.hasEarlier, shown.hasLater], [true, false]);
});

test("older pages stay when the latest is read anew, and a replaced version goes", () => {
	const shown = withEarlier(withLatest(NONE, page(950, 1000)), page(900, 950));
	const again = { ...message(999), id: "again" };
	const latest = { messages: [...page(950, 999).messages, again], hasEarlier: true };
	const renewed = withLatest(shown, latest);
	assert.deepEqual(ids(renewed), ["m900", "again", 100]);
	assert.equal(renewed.hasEarlier, true);
});

test("far from the end, what is written there is not appended after a gap", () => {
	const shown: ShownMessages = page(0, 50);
	assert.deepEqual(ids(withLatest(shown, page(950, 1000))), ["m0", "m49", 50]);
	const near: ShownMessages = page(940, 990);
	const latest = { messages: [message(989, "renewed"), message(990)], hasEarlier: true };
	const renewed = withLatest(near, latest);
	assert.equal(renewed.messages.at(-1)?.content, "renewed");
	assert.equal(renewed.hasLater, true);
});

test("another branch takes the place of what was shown", () => {
	const shown = withLatest(NONE, page(0, 10));
	const other = { messages: [{ ...message(0), id: "x" }], hasEarlier: false };
	assert.deepEqual(ids(withLatest(shown, other)), ["x", "x", 1]);
});
