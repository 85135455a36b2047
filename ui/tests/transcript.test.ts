import assert from "node:assert/strict";
import { test } from "node:test";
import { Transcript } from "../src/features/chat/transcript/transcript";
import type { Block, ConversationView, Message, PageEvent } from "../src/ipc/bindings";
import { commands, fakeCore } from "./core";
import { message } from "./messages";
import { VIEWPORT } from "./viewport";
import { VIEW } from "./views";

function view(messages: readonly Message[], hasEarlier = false): ConversationView {
	return { ...VIEW, messages: [...messages], hasEarlier };
}

const fifty = Array.from({ length: 50 }, (_, n) => message(n + 50));

test("the end of a page is drawn before the rest of it, which then keeps what is in sight in place", () => {
	let kept = 0;
	const transcript = new Transcript(commands, {
		...VIEWPORT,
		preserveScroll: (change) => {
			kept += 1;
			change();
		},
	});
	transcript.applySnapshot(view(fifty));
	const first = transcript.messages.value;
	assert.equal(first.at(-1), fifty.at(-1));
	assert.ok(first.length < 20, "a screenful");
	transcript.drawAll();
	assert.deepEqual(transcript.messages.value, fifty);
	transcript.drawAll();
	assert.equal(kept, 1);
	transcript.clear();
	transcript.applySnapshot(view(fifty));
	assert.equal(transcript.messages.value.length, first.length, "another conversation begins anew");
});

test("an earlier page joins the whole one, and not what is drawn of it", async () => {
	const earlier = Array.from({ length: 50 }, (_, n) => message(n));
	const core = fakeCore({
		get_messages: () => ({ messages: earlier, hasEarlier: false, hasLater: true }),
	});
	const transcript = new Transcript(commands, VIEWPORT);
	transcript.applySnapshot(view(fifty, true));
	await transcript.loadEarlier(view(fifty, true));
	assert.deepEqual(core.named("get_messages"), [
		{
			conversationId: "c",
			branchId: "b",
			part: { type: "before", messageId: "m50" },
			version: null,
		},
	]);
	assert.deepEqual(transcript.messages.value, [...earlier, ...fifty]);
});

const block = (text: string): Block => ({
	type: "paragraph",
	inlines: [{ type: "text", text }],
});

const blocksEvent = (from: number, ...blocks: Block[]): PageEvent => ({
	type: "blocks",
	part: 0,
	messageId: "answer",
	patches: [{ type: "replace", from, blocks }],
});

const answer = (status: Message["status"]) => view([{ ...message(1), id: "answer", status }]);

test("late events of an ended answer change nothing", () => {
	const transcript = new Transcript(commands, VIEWPORT);
	transcript.applySnapshot(answer("generating"));
	assert.ok(transcript.applyEvent(blocksEvent(0, block("one"))));
	transcript.applySnapshot(answer("complete"));
	assert.equal(transcript.live.value, null);
	assert.ok(transcript.applyEvent(blocksEvent(1, block("two"))), "and asks for no other reading");
	assert.equal(transcript.live.value, null);
});

test("a snapshot from before an answer keeps its live events", () => {
	const transcript = new Transcript(commands, VIEWPORT);
	transcript.applyEvent(blocksEvent(0, block("one")));
	transcript.applySnapshot(view([]));
	transcript.applyEvent(blocksEvent(1, block("two")));
	assert.deepEqual(transcript.live.value?.parts, [
		{ type: "text", blocks: [block("one"), block("two")] },
	]);
});

test("an answer behind the end that is not loaded is no reason to read the branch again", async () => {
	fakeCore({
		get_messages: () => ({ messages: fifty, hasEarlier: false, hasLater: true }),
	});
	const transcript = new Transcript(commands, VIEWPORT);
	transcript.applySnapshot(view([message(200)], true));
	await transcript.show(view([]), "m60");
	const sent = { ...message(201), id: "sent" };
	const written = { ...message(202), id: "answer" };
	const events: PageEvent[] = [
		{ type: "started", messages: [sent, { ...written, status: "generating" }] },
		blocksEvent(0, block("text")),
		{ type: "ended", message: { ...written, status: "complete" } },
	];
	for (const event of events) assert.ok(transcript.applyEvent(event), event.type);
	assert.deepEqual(transcript.messages.value, fifty);
	assert.equal(transcript.live.value, null);
});

test("an end that is not stored yet takes the live text away, and has the branch read again", () => {
	const written: Message = { ...message(1), id: "answer", status: "generating" };
	for (const stored of [written, null]) {
		const transcript = new Transcript(commands, VIEWPORT);
		transcript.applySnapshot(view([written]));
		assert.ok(transcript.applyEvent(blocksEvent(0, block("text"))));
		assert.equal(transcript.live.value?.messageId, "answer");
		assert.equal(transcript.applyEvent({ type: "ended", message: stored }), false);
		if (stored !== null) assert.equal(transcript.live.value, null);
	}
});
