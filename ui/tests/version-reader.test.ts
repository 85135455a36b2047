import assert from "node:assert/strict";
import { test } from "node:test";
import { Workspace } from "../src/features/workspace/workspace";
import type { ConversationView, LockChanged, Message } from "../src/ipc/bindings";
import { commands, fakeCore, refusal } from "./core";
import { message } from "./messages";
import { VIEWPORT } from "./viewport";
import { FREE, VIEW } from "./views";

const HELD = {
	...FREE,
	locked: true,
	canSend: false,
	generationId: "g",
	messageId: "m3",
	fence: 1,
};
const WRITING: Message = { ...message(3), status: "generating" };
const SHOWN = [message(0), message(1), message(2), WRITING];
/** Another version of the first answer. */
const EARLIER: Message = { ...message(1, "earlier"), id: "old" };

/** A page of the path that ends below a version; the branch itself shows `m1`. */
function pageOf(version: unknown) {
	const ofBranch = version === null || version === "m1";
	const messages = ofBranch ? SHOWN : [message(0), { ...EARLIER, id: String(version) }];
	return { messages, hasEarlier: false, hasLater: false, ofBranch };
}

const RELEASED = {
	conversationId: "c",
	branchId: "b",
	locked: false,
	generationId: "g",
	messageId: "m3",
	fence: 1,
	reason: "released",
	conversation: { id: "c", title: null, modelId: null, mainBranchId: "b", createdAt: 0 },
} as unknown as LockChanged;

function deferred() {
	let resolve = () => {};
	const promise = new Promise<void>((done) => {
		resolve = done;
	});
	return { promise, resolve };
}

/** A window on a branch on which an answer is being written. */
async function answering(answers: Parameters<typeof fakeCore>[0] = {}) {
	let view: ConversationView = { ...VIEW, messages: SHOWN, lock: HELD };
	const core = fakeCore({
		get_conversation: ({ branchId }) => ({ ...view, branchId: branchId ?? "b" }),
		get_messages: ({ version }) => pageOf(version),
		follow_branch: () => null,
		select_version: () => ({ branchId: "b", headMessageId: "old" }),
		record_refused_attempt: () => null,
		save_draft: () => null,
		...answers,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	const session = workspace.shown.value;
	const drawn = () => session.drawn.value.messages.value.map(({ id }) => id);
	const release = () => {
		view = { ...view, lock: { ...FREE, fence: 1 } };
		workspace.lockChanged(RELEASED);
	};
	return { core, workspace, session, drawn, release };
}

test("while an answer is written, another version is read, and nothing is selected", async () => {
	const { core, session, drawn, release } = await answering();
	await session.select("old");
	assert.deepEqual(drawn(), ["m0", "old"]);
	assert.deepEqual(core.named("get_messages"), [
		{
			conversationId: "c",
			branchId: "b",
			part: { type: "around", messageId: "old" },
			version: "old",
		},
	]);
	assert.equal(core.named("select_version").length, 0);
	assert.equal(session.lock.value?.locked, true);
	assert.equal(session.transcript.messages.value.length, 4, "the branch goes on behind it");

	release();
	assert.deepEqual(drawn(), ["m0", "old"], "its end takes nothing away from the reader");
	await session.showLatest();
	assert.deepEqual(drawn(), ["m0", "m1", "m2", "m3"]);
});

test("a step back to what the branch shows leads back to it", async () => {
	const { session, drawn } = await answering();
	await session.select("old");
	await session.select("older");
	assert.deepEqual(drawn(), ["m0", "older"]);
	await session.select("m1");
	assert.equal(session.versions.reading.value, null);
	assert.equal(session.drawn.value, session.transcript);
});

test("the same step selects when the branch is free again", async () => {
	const { core, session, release } = await answering();
	await session.select("old");
	release();
	await session.select("older");
	assert.deepEqual(core.named("select_version"), [{ messageId: "older" }]);
	assert.equal(session.versions.reading.value, null);
});

test("the branch goes on from the version that is read once it is free, and not before", async () => {
	const { core, workspace, session, release } = await answering();
	await session.select("old");
	await session.continueFromVersion();
	assert.equal(core.named("select_version").length, 0);
	assert.match(workspace.toasts.shown.value[0]?.text ?? "", /please wait/);
	assert.notEqual(session.versions.reading.value, null);
	release();
	await session.continueFromVersion();
	assert.deepEqual(core.named("select_version"), [{ messageId: "old" }]);
	assert.equal(session.versions.reading.value, null);
});

test("what needs the lock is refused while a version is read, and shows the branch once it is accepted", async () => {
	const { core, workspace, session, release } = await answering({
		generate_response: () => ({
			type: "accepted",
			generationId: "h",
			userMessageId: "m0",
			assistantMessageId: "new",
			branchId: "b",
			fence: 2,
		}),
	});
	await session.select("old");
	await session.answerAgain("old", "regenerate");
	assert.equal(core.named("generate_response").length, 0);
	assert.match(workspace.toasts.shown.value[0]?.text ?? "", /please wait/);
	release();
	await session.answerAgain("old", "regenerate");
	assert.equal(core.named("generate_response").length, 1);
	assert.equal(session.versions.reading.value, null);
});

test("a version whose own branch is busy is read, too", async () => {
	const busy = refusal("generation_in_progress", "A generation is already in progress");
	const { session, drawn, release, workspace, core } = await answering({ select_version: busy });
	release();
	const read = core.named("get_conversation").length;
	await session.select("old");
	assert.deepEqual(drawn(), ["m0", "old"]);
	assert.equal(workspace.toasts.shown.value.length, 0);
	assert.ok(
		core.named("get_conversation").length > read,
		"it may be this one: the lock is read again",
	);
});

test("a version is selected while another branch uses up the capacity", async () => {
	const full = { ...FREE, canSend: false };
	const { core, session } = await answering({
		get_conversation: () => ({ ...VIEW, messages: SHOWN, lock: full }),
	});
	assert.equal(session.busy.value, true);
	await session.select("old");
	assert.deepEqual(core.named("select_version"), [{ messageId: "old" }]);
});

test("a page that comes late shows nothing in place of a later step", async () => {
	const late = deferred();
	const { session, drawn } = await answering({
		get_messages: async ({ version }) => {
			if (version === "old") await late.promise;
			return pageOf(version);
		},
	});
	const first = session.select("old");
	await session.select("older");
	late.resolve();
	await first;
	assert.deepEqual(drawn(), ["m0", "older"]);

	const left = deferred();
	const again = await answering({
		get_messages: async ({ version }) => {
			await left.promise;
			return pageOf(version);
		},
	});
	const step = again.session.select("old");
	await again.workspace.open("other");
	left.resolve();
	await step;
	assert.equal(again.session.versions.reading.value, null, "the branch is closed");
});

test("other pages of a version are its own", async () => {
	const { core, session, drawn } = await answering({
		get_messages: ({ version, part }) => {
			const { type } = part as { type: string };
			const earlier = { messages: [message(7), message(8)], hasEarlier: false, hasLater: true };
			if (type === "before") return { ...earlier, ofBranch: false };
			return { ...pageOf(version), hasEarlier: true };
		},
	});
	await session.select("old");
	await session.loadEarlier();
	assert.deepEqual(drawn(), ["m7", "m8", "m0", "old"]);
	assert.equal(core.named("get_messages")[1]?.version, "old");
	assert.equal(session.transcript.messages.value.length, 4);
});
