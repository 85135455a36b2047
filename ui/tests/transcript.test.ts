import assert from "node:assert/strict";
import { test } from "node:test";
import type { LockChanged, LockStatus, Message } from "../src/ipc/bindings";
import { isNews, lockAfter, mergeMessages, putPiece, putText } from "../src/state/transcript";

function message(id: string, parentId: string | null, content: string, status: Message["status"]) {
	const role = status === "generating" ? "assistant" : "user";
	const rest = {
		branchId: "b",
		model: null,
		reasoning: "",
		error: null,
		finishReason: null,
		usage: null,
		leftOut: 0,
		createdAt: 0,
	} as const;
	return { id, parentId, content, status, role, ...rest } satisfies Message;
}

function change(fence: number, locked: boolean): LockChanged {
	const reason = locked ? "acquired" : "released";
	const ids = { conversationId: "c", branchId: "b", generationId: "g", messageId: "m" };
	return { ...ids, fence, locked, reason };
}

test("text told twice, late or in overlapping pieces is put once", () => {
	assert.equal(putText("", 0, "Hello"), "Hello");
	assert.equal(putText("Hello", 0, "Hello"), "Hello");
	assert.equal(putText("Hello", 3, "lo, you"), "Hello, you");
	assert.equal(putText("Hello, you", 0, "Hel"), "Hello, you");
});

test("text after a gap asks for a snapshot", () => {
	assert.equal(putText("Hello", 6, "you"), null);
});

test("any cutting of a text into pieces gives the text", () => {
	const text = "A conch 🐚, said twice.";
	for (let cut = 0; cut <= text.length; cut++) {
		const first = putText("", 0, text.slice(0, cut));
		assert.equal(putText(first ?? "", cut, text.slice(cut)), text);
	}
});

test("a snapshot that was read too early takes no text away from an answer being written", () => {
	const question = message("q", null, "hi", "complete");
	const shown = [question, message("a", "q", "long text", "generating")];
	const early = mergeMessages(shown, [question, message("a", "q", "long", "generating")]);
	assert.equal(early[1]?.content, "long text");
	const ended = mergeMessages(shown, [question, message("a", "q", "long", "stopped")]);
	assert.equal(ended[1]?.content, "long", "an end is final");
});

test("text and reasoning are put each at its own place, and not after the end", () => {
	const answer = message("a", "q", "So", "generating");
	const piece = (type: "text" | "reasoning", offset: number, text: string) =>
		({ type, messageId: "a", offset, text }) as const;
	assert.equal(putPiece(answer, piece("text", 2, ", yes"))?.content, "So, yes");
	const thought = putPiece(answer, piece("reasoning", 0, "Hm"));
	assert.deepEqual([thought?.content, thought?.reasoning], ["So", "Hm"]);
	assert.equal(putPiece(answer, piece("reasoning", 1, "m")), null, "a gap asks for a snapshot");
	assert.equal(putPiece(answer, piece("text", 0, "So")), answer, "known already");
	const ended = { ...answer, status: "stopped" } as const;
	assert.equal(putPiece(ended, piece("text", 2, ", yes")), ended);
});

test("a snapshot that was read too early takes no reasoning away", () => {
	const shown = [{ ...message("a", null, "", "generating"), reasoning: "long thought" }];
	const fresh = [{ ...message("a", null, "text", "generating"), reasoning: "long" }];
	const merged = mergeMessages(shown, fresh)[0];
	assert.deepEqual([merged?.content, merged?.reasoning], ["text", "long thought"]);
});

test("older pages stay when the newest is read anew, and a replaced version goes", () => {
	const old = message("1", null, "one", "complete");
	const replaced = message("2", "1", "two", "complete");
	const merged = mergeMessages([old, replaced], [message("3", "1", "two again", "complete")]);
	assert.deepEqual(
		merged.map(({ id }) => id),
		["1", "3"],
	);
});

test("a lock change is news only when it is newer, or ends what is known", () => {
	const held: LockStatus = lockAfter(change(2, true));
	const free: LockStatus = lockAfter(change(2, false));
	assert.equal(isNews(held, change(1, false)), false, "the end of the grant before");
	assert.equal(isNews(held, change(2, true)), false, "known already");
	assert.equal(isNews(held, change(2, false)), true);
	assert.equal(isNews(free, change(2, true)), false, "overtaken by its own end");
	assert.equal(isNews(free, change(3, true)), true);
});
