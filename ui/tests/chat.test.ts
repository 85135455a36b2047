import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConversationView } from "../src/ipc/bindings";
import { Chat } from "../src/state/chat";
import { NEW } from "../src/state/drafts";
import { NO_PARAMETERS } from "../src/state/parameters";
import { fakeCore, refusal } from "./core";

const FREE = {
	locked: false,
	canSend: true,
	generationId: null,
	messageId: null,
	userId: null,
	lockedAt: null,
	expiresAt: null,
	fence: 0,
};

const VIEW: ConversationView = {
	id: "c",
	title: null,
	modelId: null,
	mainBranchId: "b",
	branchId: "b",
	createdAt: 0,
	updatedAt: 0,
	parameters: NO_PARAMETERS,
	draft: "",
	messages: [],
	hasEarlier: false,
	lock: FREE,
};

const ACCEPTED = {
	type: "accepted",
	generationId: "g",
	userMessageId: "u",
	assistantMessageId: "a",
	branchId: "b",
	fence: 1,
};

const BRIEF = { ...NO_PARAMETERS, systemPrompt: "Be short." };

test("parameters set before their conversation exists are there before its first answer", async () => {
	const core = fakeCore({
		create_conversation: () => VIEW,
		set_conversation_parameters: () => null,
		get_conversation: () => ({ ...VIEW, parameters: BRIEF }),
		follow_branch: () => null,
		save_draft: () => null,
		send_message: () => ACCEPTED,
	});
	const chat = new Chat();
	await chat.setParameters(NEW, BRIEF);
	assert.equal(core.calls.length, 0, "nothing exists yet");
	assert.equal(chat.parameters.value, BRIEF);
	chat.drafts.type(NEW, "hello");
	await chat.send("enter");
	const order = core.calls.map(([name]) => name);
	assert.ok(order.indexOf("set_conversation_parameters") < order.indexOf("send_message"));
	assert.deepEqual(core.named("set_conversation_parameters"), [
		{ conversationId: "c", parameters: BRIEF },
	]);
	assert.deepEqual(chat.newParameters.value, NO_PARAMETERS, "the next one starts afresh");
});

test("where they cannot be set, nothing is sent and nothing is lost", async () => {
	const core = fakeCore({
		create_conversation: () => VIEW,
		set_conversation_parameters: refusal("disk_full", "The disk is full"),
		delete_conversation: () => null,
	});
	const chat = new Chat();
	await chat.setParameters(NEW, BRIEF);
	chat.drafts.type(NEW, "hello");
	await chat.send("enter");
	assert.equal(core.named("send_message").length, 0);
	assert.equal(core.named("delete_conversation").length, 1, "no empty conversation stays");
	assert.deepEqual([chat.draft.value, chat.parameters.value], ["hello", BRIEF]);
	assert.equal(chat.toasts.shown.value[0]?.text, "The disk is full");
	assert.equal(chat.busy.value, false);
});

test("what is chosen for a new conversation is not shown for another", async () => {
	fakeCore({ get_conversation: () => VIEW, follow_branch: () => null });
	const chat = new Chat();
	await chat.chooseModel("openai/gpt-4o");
	await chat.setParameters(NEW, BRIEF);
	await chat.open("c");
	assert.equal(chat.modelId.value, null);
	assert.deepEqual(chat.parameters.value, NO_PARAMETERS);
});
