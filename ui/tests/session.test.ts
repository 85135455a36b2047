import assert from "node:assert/strict";
import { test } from "node:test";
import { type Signal, signal } from "@preact/signals-core";
import { Announcement } from "../src/features/chat/announcement";
import { Releases } from "../src/features/chat/lock";
import { NewConversation } from "../src/features/chat/new-conversation";
import { Sending } from "../src/features/chat/sending";
import { BranchSession } from "../src/features/chat/session";
import type { SessionContext } from "../src/features/chat/session-context";
import { NO_PARAMETERS } from "../src/features/parameters/parameters";
import type { ToastAction } from "../src/features/toasts/toasts";
import type { ConversationView, LockChanged, SendPolicy } from "../src/ipc/bindings";
import { branchKey, composerOf, NEW } from "../src/ipc/branch";
import { commands, fakeCore } from "./core";
import { VIEWPORT } from "./viewport";
import { FREE, MAIN, NO_QUEUE } from "./views";

test("main is named as its conversation, and each branch has a composer of its own", () => {
	const main = { conversationId: "c", branchId: null };
	const fork = { conversationId: "c", branchId: "fork" };
	assert.equal(branchKey(main), "c");
	assert.notEqual(branchKey(fork), branchKey(main));
	assert.deepEqual([main, fork].map(branchKey).map(composerOf), [main, fork]);
	assert.deepEqual(composerOf(NEW), { conversationId: null, branchId: null });
});

const HELD = { ...FREE, locked: true, canSend: false, generationId: "g", messageId: "a", fence: 1 };

/** Of a free branch while others use up the capacity. */
const FULL = { ...FREE, canSend: false };

/** Two branches of one conversation, open at the same time. */
async function sideBySide() {
	const shape = { id: "c", mainBranchId: "b", parameters: NO_PARAMETERS, draft: "" };
	const core = fakeCore({
		get_conversation: ({ branchId }) =>
			({
				...shape,
				branchId: branchId ?? "b",
				lock: branchId === null ? HELD : branchId === "idle" ? FULL : FREE,
				branches: [{ ...MAIN, locked: true }],
				messages: [],
				attachments: [],
				queue: NO_QUEUE,
				sendPolicy: null,
				hasEarlier: false,
			}) as unknown as ConversationView,
		follow_branch: () => null,
		send_message: ({ branchId, policy }) =>
			policy === "queue"
				? { type: "queued", queuedMessageId: "q", position: 1 }
				: {
						type: "accepted",
						generationId: "h",
						userMessageId: "u",
						assistantMessageId: "n",
						branchId,
						fence: 7,
					},
		list_queue: () => ({
			...NO_QUEUE,
			items: [{ id: "q", position: 1, content: "hello", attachmentIds: [] }],
		}),
		stop_generation: () => ({ stopped: true }),
		record_refused_attempt: () => null,
	});
	const refused: string[] = [];
	const offered: ToastAction[] = [];
	const files = { adopt: async () => {} };
	const context: SessionContext = {
		commands,
		drafts: {
			of: () => "hello",
			whole: () => "hello",
			expect: () => {},
			restore: () => {},
			sent: () => {},
			sentWhole: () => {},
		},
		defaultPolicy: signal<SendPolicy>("reject"),
		offerUndo: () => {},
		files: {
			isReading: () => false,
			readyIds: () => [],
			restore: () => {},
			restoreNew: async () => {},
			sent: () => {},
			sentAnywhere: () => {},
		},
		newConversation: new NewConversation(commands, files),
		viewport: VIEWPORT,
		sending: new Sending(),
		refusals: {
			askToWait: (elsewhere, waysOut) => {
				refused.push(elsewhere ?? "wait");
				offered.splice(0, offered.length, ...waysOut);
			},
			askToWaitForFiles: () => {},
		},
		releases: new Releases(),
		announcement: new Announcement(),
		isListedBusy: () => false,
		create: () => assert.fail("it exists"),
		show: () => assert.fail("it stays where it is"),
		fail: async (error) => assert.fail(String(error)),
		showError: assert.fail,
	};
	const main = new BranchSession({ conversationId: "c", branchId: null }, context);
	const fork = new BranchSession({ conversationId: "c", branchId: "fork" }, context);
	await Promise.all([main.open(), fork.open()]);
	return { core, main, fork, refused, offered, context };
}

test("two branches are shown at once, each with its own lock", async () => {
	const { core, main, fork, refused } = await sideBySide();
	assert.deepEqual([main.busy.value, fork.busy.value], [true, false]);
	await main.send("enter");
	assert.deepEqual([refused, core.named("send_message")], [["wait"], []]);
	const sent = fork.send("enter");
	assert.equal(fork.busy.value, true, "at once");
	await sent;
	assert.equal(core.named("send_message")[0]?.branchId, "fork");
	assert.deepEqual([main.lock.value?.fence, fork.lock.value?.fence], [1, 7]);
});

test("a refusal names the branch that uses up the capacity", async () => {
	const { main, refused, context } = await sideBySide();
	const idle = new BranchSession({ conversationId: "c", branchId: "idle" }, context);
	await idle.open();
	assert.equal(idle.busy.value, true);
	await idle.send("enter");
	await main.send("enter");
	assert.deepEqual(refused, ["main", "wait"]);
});

test("a release and a Stop are about one branch", async () => {
	const { core, main, fork } = await sideBySide();
	await fork.send("enter");
	const released = { conversationId: "c", branchId: "b", generationId: "g", messageId: "a" };
	const change: LockChanged = {
		...released,
		fence: 1,
		locked: false,
		reason: "released",
		conversation: null,
	};
	main.lockChanged(change);
	fork.lockChanged(change);
	assert.deepEqual([main.busy.value, fork.busy.value], [false, true]);
	const stopped = fork.stop();
	assert.deepEqual([main.stopping.value, fork.stopping.value], [null, "h"]);
	await stopped;
	assert.deepEqual(core.named("stop_generation"), [{ generationId: "h" }]);
});

test("what a session has read is gone once it is closed, and late reads do not bring it back", async () => {
	const { main } = await sideBySide();
	const reread = main.reread();
	main.close();
	await reread;
	assert.deepEqual([main.view.value, main.lock.value], [null, null]);
	assert.deepEqual(main.transcript.messages.value, []);
});

test("a refusal offers to queue the text, or to stop the answer of this branch and send it", async () => {
	const { core, main, offered } = await sideBySide();
	await main.send("enter");
	assert.deepEqual(
		offered.map(({ name }) => name),
		["queue", "stop-and-send"],
	);
	offered[0]?.run();
	offered[0]?.run();
	await new Promise(setImmediate);
	const sent = core.named("send_message");
	assert.deepEqual(
		sent.map(({ policy, content }) => [policy, content]),
		[["queue", "hello"]],
		"once, however often it is pressed",
	);
	assert.equal(main.queue.count.value, 1);
	assert.deepEqual(core.named("stop_generation"), []);
});

test("while another branch answers, nothing is offered that would stop it", async () => {
	const { offered, context } = await sideBySide();
	const idle = new BranchSession({ conversationId: "c", branchId: "idle" }, context);
	await idle.open();
	await idle.send("enter");
	assert.deepEqual(
		offered.map(({ name }) => name),
		["queue"],
	);
});

test("under another policy the input stays open, and the core decides what a send does", async () => {
	const { core, main, refused, context } = await sideBySide();
	(context.defaultPolicy as Signal<SendPolicy>).value = "queue";
	let text = "hello";
	Object.assign(context.drafts, { of: () => text, sent: () => (text = "") });
	assert.deepEqual([main.busy.value, main.refusesSend.value], [true, false]);
	const sent = main.send("enter");
	assert.equal(main.closesField.value, false, "not even while it is sent");
	await main.send("enter");
	await sent;
	assert.deepEqual(
		core.named("send_message").map(({ policy }) => policy),
		[null],
		"once, by the policy that the core knows",
	);
	assert.deepEqual(refused, []);
});

test("what is typed and sent while a send is on its way follows it", async () => {
	const { core, main, context } = await sideBySide();
	(context.defaultPolicy as Signal<SendPolicy>).value = "queue";
	const texts = ["a", "b", ""];
	Object.assign(context.drafts, { of: () => texts[0] ?? "", sent: () => texts.shift() });
	const sent = main.send("enter");
	await main.send("enter");
	await sent;
	assert.deepEqual(
		core.named("send_message").map(({ content }) => content),
		["a", "b"],
	);
});
