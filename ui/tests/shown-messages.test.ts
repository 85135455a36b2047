import assert from "node:assert/strict";
import { test } from "node:test";
import {
	MAX_COST,
	MAX_MESSAGES,
	NONE,
	type ShownMessages,
	withEarlier,
	withLater,
	withLatest,
} from "../src/features/chat/transcript/shown-messages";
import { message } from "./messages";

/** Messages `from` up to, not including, `to`, of a conversation of 1,000. */
function page(from: number, to: number): ShownMessages {
	const messages = Array.from({ length: to - from }, (_, n) => message(from + n));
	return { messages, hasEarlier: from > 0, hasLater: to < 1000 };
}

function ids(shown: ShownMessages): [string | undefined, string | undefined, number] {
	return [shown.messages[0]?.id, shown.messages.at(-1)?.id, shown.messages.length];
}

test("a walk to the beginning and back keeps a bounded run without a gap", () => {
	let shown = withLatest(NONE, page(950, 1000), true);
	for (let from = 900; from >= 0; from -= 50) {
		shown = withEarlier(shown, page(from, from + 50));
		assert.ok(shown.messages.length <= MAX_MESSAGES);
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

test("older pages stay when the latest is read again, and a replaced version goes", () => {
	const shown = withEarlier(withLatest(NONE, page(950, 1000), true), page(900, 950));
	const again = { ...message(999), id: "again" };
	const latest = { messages: [...page(950, 999).messages, again], hasEarlier: true };
	const renewed = withLatest(shown, latest, true);
	assert.deepEqual(ids(renewed), ["m900", "again", 100]);
	assert.equal(renewed.hasEarlier, true);
});

test("far from the end, what is written there is not appended after a gap", () => {
	const shown: ShownMessages = page(0, 50);
	assert.deepEqual(ids(withLatest(shown, page(950, 1000), true)), ["m0", "m49", 50]);
	const near: ShownMessages = page(940, 990);
	const latest = { messages: [message(989, "renewed"), message(990)], hasEarlier: true };
	const renewed = withLatest(near, latest, true);
	assert.equal(renewed.messages.at(-1)?.content, "renewed");
	assert.equal(renewed.hasLater, true);
});

test("another branch takes the place of what was shown", () => {
	const shown = withLatest(NONE, page(0, 10), true);
	const other = { messages: [{ ...message(0), id: "x" }], hasEarlier: false };
	assert.deepEqual(ids(withLatest(shown, other, true)), ["x", "x", 1]);
});

/** Messages that each cost a fifth of the limit. */
function heavy(from: number, to: number): ShownMessages {
	const content = "x".repeat(MAX_COST / 5);
	const messages = page(from, to).messages.map((one) => ({
		...one,
		role: "user" as const,
		content,
	}));
	return { messages, hasEarlier: from > 0, hasLater: to < 50 };
}

test("of very long messages there are few, and what is read stays while more are loaded", () => {
	let shown = withLatest(NONE, { ...heavy(0, 50), hasEarlier: false }, true);
	assert.deepEqual(ids(shown), ["m45", "m49", 5]);
	assert.deepEqual([shown.hasEarlier, shown.hasLater], [true, false]);
	shown = withEarlier(shown, heavy(0, 45));
	assert.deepEqual(ids(shown), ["m42", "m47", 6]);
	assert.deepEqual([shown.hasEarlier, shown.hasLater], [true, true]);
	shown = withLater(shown, heavy(48, 50));
	assert.deepEqual(ids(shown), ["m45", "m49", 5]);
	assert.deepEqual([shown.hasEarlier, shown.hasLater], [true, false]);
});

test("messages that the user reads at the beginning stay when the end grows", () => {
	const shown = withLatest(NONE, heavy(0, 50), true);
	const read = withLatest(shown, heavy(0, 51), false);
	assert.deepEqual(ids(read), ["m45", "m50", 6]);
	assert.equal(read.hasEarlier, true);
	assert.deepEqual(ids(withLatest(read, heavy(0, 51), true)), ["m46", "m50", 5]);
	const other = { messages: heavy(60, 110).messages, hasEarlier: false };
	assert.deepEqual(ids(withLatest(read, other, false)), ["m105", "m109", 5], "another branch");
});

test("one message that costs more than there is room for is shown all the same", () => {
	const giant = { ...message(9), role: "user" as const, content: "x".repeat(3 * MAX_COST) };
	const latest = { messages: [...page(0, 9).messages, giant], hasEarlier: false };
	assert.deepEqual(ids(withLatest(NONE, latest, true)), ["m9", "m9", 1]);
});
