import assert from "node:assert/strict";
import { test } from "node:test";
import { InputHistory } from "../src/features/chat/composer/input-history";
import { newer, older, type Recall, sentTexts } from "../src/features/chat/composer/recall";
import { NO_PARAMETERS } from "../src/features/parameters/parameters";
import { Workspace } from "../src/features/workspace/workspace";
import type { ConversationView, Message } from "../src/ipc/bindings";
import { commands, fakeCore, refusal } from "./core";
import { message } from "./messages";
import { VIEWPORT } from "./viewport";

function said(...texts: string[]): Message[] {
	return texts.flatMap((text, n) => [
		{ ...message(2 * n, text), id: `${text}-${n}`, parentId: null },
		{ ...message(2 * n + 1, "An answer"), id: `to-${text}-${n}`, parentId: null },
	]);
}

test("only the user's messages come back, newest first, and a repeated one once", () => {
	assert.deepEqual(sentTexts(said("one", "two", "two", "one")), ["one", "two", "one"]);
});

test("up goes back to the oldest, down comes back to what was there before", () => {
	const sent = ["two", "one"];
	const first = older(null, " ", sent);
	assert.equal(first?.text, "two");
	const second = older(first.recall, "two", sent);
	assert.equal(second?.text, "one");
	assert.equal(older(second.recall, "one", sent), null, "there is none before the oldest");
	const again = newer(second.recall, "one");
	assert.equal(again?.text, "two");
	assert.deepEqual(newer(again.recall, "two"), { recall: null, text: " " });
});

test("typed text is never replaced, and typing ends the recall", () => {
	const sent = ["two", "one"];
	assert.equal(older(null, "half a thought", sent), null);
	const first = older(null, "", sent);
	assert.ok(first);
	assert.equal(older(first.recall, "two and more", sent), null);
	assert.equal(newer(first.recall, "two and more"), null);
	const afresh = older(first.recall, "", sent);
	assert.equal(afresh?.text, "two", "from an emptied input it begins anew");
});

test("nothing to bring back is nothing done", () => {
	assert.equal(older(null, "", []), null);
	assert.equal(newer(null, ""), null);
});

test("an older page that was read in between joins at the end", () => {
	const at: Recall = { sent: ["two"], at: 0, before: "" };
	assert.equal(older(at, "two", ["two", "one"])?.text, "one");
});

const VIEW = {
	id: "c",
	branchId: "b",
	parameters: NO_PARAMETERS,
	draft: "",
	attachments: [],
	messages: said("three"),
	hasEarlier: true,
	lock: { locked: false, canSend: true, fence: 0 },
} as unknown as ConversationView;

async function opened(pages: Record<string, () => unknown>) {
	const core = fakeCore({
		get_conversation: () => VIEW,
		follow_branch: () => null,
		save_draft: () => null,
		...pages,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	return {
		core,
		workspace,
		inputHistory: new InputHistory(commands, workspace.shown, workspace.typing),
	};
}

/** Waits until pending requests have been answered. */
const flushPromises = () => new Promise(setImmediate);

test("older messages are read on demand", async () => {
	const { core, workspace, inputHistory } = await opened({
		get_messages: () => ({ messages: said("one", "two"), hasEarlier: false, hasLater: true }),
	});
	assert.equal(inputHistory.older(), true);
	assert.equal(workspace.draft.value, "three");
	assert.equal(core.named("get_messages").length, 0);
	inputHistory.older();
	inputHistory.older();
	await flushPromises();
	assert.equal(workspace.draft.value, "two", "a press while it is read asks for nothing more");
	assert.deepEqual(core.named("get_messages")[0]?.part, { type: "before", messageId: "three-0" });
	inputHistory.older();
	inputHistory.older();
	await flushPromises();
	assert.equal(workspace.draft.value, "one", "and stays at the oldest");
	assert.equal(core.named("get_messages").length, 1);
	for (const text of ["two", "three", ""]) {
		assert.equal(inputHistory.newer(), true);
		assert.equal(workspace.draft.value, text);
	}
	assert.equal(inputHistory.newer(), false);
});

test("what is typed while a page is read stays", async () => {
	const { workspace, inputHistory } = await opened({
		get_messages: () => ({ messages: said("one"), hasEarlier: false, hasLater: true }),
	});
	inputHistory.older();
	inputHistory.older();
	workspace.drafts.type("c", "three and more");
	await flushPromises();
	assert.equal(workspace.draft.value, "three and more");
	assert.equal(inputHistory.isRecalled(), false);
});

test("a page that cannot be read leaves what is there", async () => {
	const { workspace, inputHistory } = await opened({
		get_messages: refusal("internal", "See the log"),
	});
	inputHistory.older();
	inputHistory.older();
	await flushPromises();
	assert.equal(workspace.draft.value, "three");
	assert.equal(inputHistory.isRecalled(), true);
});

test("another conversation has messages of its own", async () => {
	const { workspace, inputHistory } = await opened({});
	inputHistory.older();
	const other = { ...VIEW, id: "d", branchId: "e", draft: "three", messages: said("elsewhere") };
	fakeCore({ get_conversation: () => other, follow_branch: () => null, save_draft: () => null });
	await workspace.open("d");
	assert.equal(inputHistory.isRecalled(), false, "here the same text was typed");
	assert.equal(inputHistory.newer(), false);
	assert.equal(inputHistory.older(), false);
	assert.equal(workspace.draft.value, "three");
	workspace.drafts.type("d", "");
	inputHistory.older();
	assert.equal(workspace.draft.value, "elsewhere");
});
