import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Chat } from "../src/state/chat";
import { Drafts, NEW } from "../src/state/drafts";
import { fakeCore, refusal } from "./core";

beforeEach(() => mock.timers.reset());

/** Lets what has been asked be answered. */
const answered = () => new Promise(setImmediate);

test("what is typed before its conversation exists is kept by the core too", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts();
	drafts.type(NEW, "half a");
	drafts.type(NEW, "half a thought");
	mock.timers.tick(1000);
	mock.timers.reset();
	await answered();
	assert.deepEqual(core.named("save_draft"), [{ conversationId: null, content: "half a thought" }]);
});

test("an adopted draft is saved where it goes before it is taken from where it was", async () => {
	const order: unknown[] = [];
	fakeCore({
		save_draft: async ({ conversationId, content }) => {
			await new Promise(setImmediate);
			order.push([conversationId, content]);
		},
	});
	const drafts = new Drafts();
	drafts.type(NEW, "hello");
	drafts.adopt("c");
	assert.deepEqual([drafts.of(NEW), drafts.of("c")], ["", "hello"]);
	drafts.flush();
	await drafts.saved();
	assert.deepEqual(order, [
		["c", "hello"],
		[null, ""],
	]);
});

test("a draft that cannot be saved does not keep the others from it", async () => {
	const core = fakeCore({ save_draft: refusal("not_found", "Conversation not found") });
	const drafts = new Drafts();
	drafts.type("gone", "text");
	drafts.type(NEW, "hello");
	drafts.flush();
	await drafts.saved();
	assert.equal(core.named("save_draft").length, 2);
});

const VIEW = {
	id: "c",
	branchId: "b",
	draft: "",
	attachments: [],
	messages: [],
	hasEarlier: false,
	lock: { locked: false, canSend: true, fence: 0 },
};

async function started(answers: Parameters<typeof fakeCore>[0]) {
	mock.timers.enable({ apis: ["setInterval"] });
	const core = fakeCore({ follow_branch: () => null, get_conversation: () => VIEW, ...answers });
	const chat = new Chat();
	await chat.start(NEW);
	mock.timers.reset();
	return { core, chat };
}

test("a start shows the newest conversation, and New chat what was typed for one", async () => {
	const { chat } = await started({
		list_conversations: () => [{ id: "c" }],
		get_new_draft: () => "half a thought",
	});
	assert.deepEqual([chat.shownId.value, chat.draft.value], ["c", ""]);
	await chat.open(NEW);
	assert.equal(chat.draft.value, "half a thought");
});

test("where there is no conversation yet, a start shows what was typed for the first", async () => {
	const { chat } = await started({ list_conversations: () => [], get_new_draft: () => "hello" });
	assert.equal(chat.draft.value, "hello");
});

test("a draft that cannot be read is said, and nothing is written over it", async () => {
	const { core, chat } = await started({
		list_conversations: () => [{ id: "c" }],
		get_new_draft: refusal("not_a_command", "The draft could not be read"),
	});
	assert.equal(chat.toasts.shown.value[0]?.text, "The draft could not be read");
	chat.drafts.flush();
	assert.equal(core.named("save_draft").length, 0);
});
