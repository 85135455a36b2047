import assert from "node:assert/strict";
import { test } from "node:test";
import { isBeforeRelease, isNewer, lockAfter } from "../src/features/chat/lock";
import type { LockChanged, LockStatus } from "../src/ipc/bindings";

function change(fence: number, locked: boolean): LockChanged {
	const reason = locked ? "acquired" : "released";
	const ids = { conversationId: "c", branchId: "b", generationId: "g", messageId: "m" };
	return { ...ids, fence, locked, reason, conversation: null };
}

test("a lock change is applied only when it is newer or ends the known grant", () => {
	const held: LockStatus = lockAfter(change(2, true));
	const free: LockStatus = lockAfter(change(2, false));
	assert.equal(isNewer(held, change(1, false)), false, "the end of the grant before");
	assert.equal(isNewer(held, change(2, true)), false, "known already");
	assert.equal(isNewer(held, change(2, false)), true);
	assert.equal(isNewer(free, change(2, true)), false, "overtaken by its own end");
	assert.equal(isNewer(free, change(3, true)), true);
});

test("a snapshot from before a release is recognized by its fence", () => {
	const held = lockAfter(change(2, true));
	assert.equal(isBeforeRelease(held, 2), true);
	assert.equal(isBeforeRelease(held, 3), true);
	assert.equal(isBeforeRelease(held, 1), false, "granted again");
	assert.equal(isBeforeRelease(lockAfter(change(2, false)), 2), false, "it shows the release");
});
