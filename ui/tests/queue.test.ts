import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { positionAt } from "../src/features/queue/drag";
import { BranchQueue } from "../src/features/queue/queue";
import { commands, fakeCore, refusal } from "./core";
import { NO_QUEUE } from "./views";

afterEach(() => mock.timers.reset());

const ITEM = {
	id: "q1",
	position: 1,
	content: "first",
	modelId: null,
	attachmentIds: [],
	attachments: [],
	held: false,
	createdAt: 0,
};
const TWO = { ...NO_QUEUE, items: [ITEM, { ...ITEM, id: "q2", position: 2, content: "second" }] };

function scene(answers: Parameters<typeof fakeCore>[0] = {}) {
	const core = fakeCore({
		list_queue: () => TWO,
		hold_queued_message: () => null,
		edit_queued_message: () => null,
		remove_queued_message: () => null,
		restore_queued_message: () => null,
		clear_queue: () => null,
		...answers,
	});
	const errors: unknown[] = [];
	const offers: { text: string; undo(): void }[] = [];
	const queue = new BranchQueue(
		{ conversationId: "c", branchId: null },
		{
			commands,
			attempt: (action) =>
				action().then(
					() => null,
					(error: unknown) => errors.push(error),
				),
			offerUndo: (text, undo) => offers.push({ text, undo }),
		},
	);
	queue.apply(TWO);
	return { core, errors, offers, queue };
}

/** Waits until pending requests have been answered. */
const flushPromises = () => new Promise(setImmediate);

test("an open editor holds its message back, again and again, until it is closed", async () => {
	mock.timers.enable({ apis: ["setInterval"] });
	const { core, queue } = scene();
	await queue.openEditor(ITEM);
	mock.timers.tick(40_000);
	const held = core.named("hold_queued_message");
	assert.deepEqual(held, Array(3).fill({ queuedMessageId: "q1", held: true }));
	await queue.cancelEdit();
	mock.timers.tick(40_000);
	assert.deepEqual(core.named("hold_queued_message").slice(3), [
		{ queuedMessageId: "q1", held: false },
	]);
});

test("what cannot be held back is not edited, and a failed save keeps the editor's text", async () => {
	const gone = scene({ hold_queued_message: refusal("not_found", "It was sent") });
	await gone.queue.openEditor(ITEM);
	assert.deepEqual([gone.queue.edit.value, gone.errors.length], [null, 1]);

	const full = scene({ edit_queued_message: refusal("disk_full", "The disk is full") });
	await full.queue.openEditor(ITEM);
	full.queue.type("changed");
	await full.queue.saveEdit();
	assert.deepEqual(full.queue.edit.value, { id: "q1", text: "changed" });
	assert.equal(full.errors.length, 1);
	full.queue.close();
});

test("an edit of a message that was sent meanwhile ends", async () => {
	const { queue } = scene();
	await queue.openEditor(ITEM);
	queue.apply(NO_QUEUE);
	assert.equal(queue.edit.value, null);
});

test("a removed message and a cleared queue are restored, each message under its own id", async () => {
	const { core, offers, queue } = scene();
	await queue.remove(ITEM);
	offers[0]?.undo();
	await flushPromises();
	await queue.clear();
	offers[1]?.undo();
	await flushPromises();
	queue.wasCleared();
	offers[2]?.undo();
	await flushPromises();
	const restored = core.named("restore_queued_message").map((args) => args.queuedMessageId);
	assert.deepEqual(restored, ["q1", "q1", "q2", "q1", "q2"]);
	assert.deepEqual(core.named("clear_queue"), [{ conversationId: "c", branchId: null }]);
});

test("an older read that ends later changes nothing", async () => {
	const answers: ((queue: typeof TWO) => void)[] = [];
	const { queue } = scene({ list_queue: () => new Promise((answer) => answers.push(answer)) });
	const reads = [queue.read(), queue.read()];
	answers[1]?.({ ...TWO, items: [ITEM] });
	answers[0]?.(TWO);
	await Promise.all(reads);
	assert.equal(queue.count.value, 1);
});

test("a dragged message takes the position where its middle is", () => {
	const middles = [10, 30, 50];
	const drops = [-5, 12, 31, 49, 90].map((y) => positionAt(middles, 1, y));
	assert.deepEqual(drops, [1, 1, 2, 2, 3]);
	assert.equal(positionAt(middles, 3, 5), 1);
	assert.equal(positionAt([10], 1, 400), 1);
});
