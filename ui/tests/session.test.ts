import assert from "node:assert/strict";
import { test } from "node:test";
import { Announcement } from "../src/features/chat/announcement";
import { Releases } from "../src/features/chat/lock";
import { NewConversation } from "../src/features/chat/new-conversation";
import { Sending } from "../src/features/chat/sending";
import { BranchSession } from "../src/features/chat/session";
import type { SessionContext } from "../src/features/chat/session-context";
import { NO_PARAMETERS } from "../src/features/parameters/parameters";
import type { ConversationView, LockChanged } from "../src/ipc/bindings";
import { branchKey, conversationOf, draftKey, NEW } from "../src/ipc/branch";
import { commands, fakeCore } from "./core";
import { VIEWPORT } from "./viewport";
import { FREE, MAIN } from "./views";

test("main is named as its conversation, and all branches share the draft that the core stores", () => {
	const main = { conversationId: "c", branchId: null };
	const fork = { conversationId: "c", branchId: "fork" };
	assert.equal(branchKey(main), "c");
	assert.notEqual(branchKey(fork), branchKey(main));
	assert.equal(draftKey(fork), draftKey(main));
	assert.deepEqual([main, fork].map(branchKey).map(conversationOf), ["c", "c"]);
	assert.equal(conversationOf(NEW), null, "it does not exist yet");
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
				hasEarlier: false,
			}) as unknown as ConversationView,
		follow_branch: () => null,
		send_message: ({ branchId }) => ({
			type: "accepted",
			generationId: "h",
			userMessageId: "u",
			assistantMessageId: "n",
			branchId,
			fence: 7,
		}),
		stop_generation: () => ({ stopped: true }),
		record_refused_attempt: () => null,
	});
	const refused: string[] = [];
	const files = { adopt: async () => {} };
	const context: SessionContext = {
		commands,
		drafts: { of: () => "hello", expect: () => {}, restore: () => {}, sent: () => {} },
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
			askToWait: (elsewhere) => refused.push(elsewhere ?? "wait"),
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
	return { core, main, fork, refused, context };
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
