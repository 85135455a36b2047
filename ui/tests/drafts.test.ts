import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Chat } from "../src/features/chat/chat";
import { Drafts, NEW } from "../src/features/chat/composer/drafts";
import { fakeCore, refusal } from "./core";

beforeEach(() => mock.timers.reset());
afterEach(() => mock.timers.reset());

/** Waits until pending requests have been answered. */
const flushPromises = () => new Promise(setImmediate);

test("what is typed before its conversation exists is kept by the core too", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts();
	drafts.type(NEW, "half a");
	drafts.type(NEW, "half a thought");
	mock.timers.tick(1000);
	mock.timers.reset();
	await flushPromises();
	assert.deepEqual(core.named("save_draft"), [{ conversationId: null, content: "half a thought" }]);
});

test("what is typed without a pause is saved meanwhile", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts();
	for (let keys = 1; keys <= 20; keys++) {
		drafts.type(NEW, "x".repeat(keys));
		mock.timers.tick(100);
	}
	mock.timers.reset();
	await flushPromises();
	assert.equal(core.named("save_draft").length, 5);
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
	await drafts.whenSaved();
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
	await drafts.whenSaved();
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

test("an unreadable draft is reported and not overwritten", async () => {
	const { core, chat } = await started({
		list_conversations: () => [{ id: "c" }],
		get_new_draft: refusal("not_a_command", "The draft could not be read"),
	});
	assert.equal(chat.toasts.shown.value[0]?.text, "The draft could not be read");
	chat.drafts.flush();
	assert.equal(core.named("save_draft").length, 0);
});

test("what is typed for the next message is saved as one draft with what stood there", async () => {
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts();
	drafts.type("c", "half a thought");
	drafts.typeNext("c", "and another");
	drafts.flush();
	await drafts.whenSaved();
	drafts.typeNext("c", "and another one");
	drafts.handOver("c");
	drafts.flush();
	await drafts.whenSaved();
	assert.deepEqual(
		core.named("save_draft").map(({ content }) => content),
		["half a thought\nand another", "half a thought\nand another one"],
	);
});

test("when a message is sent, the core keeps at once only what was typed after it", async () => {
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts();
	drafts.type("c", "sent");
	drafts.typeNext("c", "next");
	drafts.sent("c", "sent");
	await drafts.whenSaved();
	assert.deepEqual(core.named("save_draft"), [{ conversationId: "c", content: "next" }]);
});

test("a late draft is put before what was typed since, and is not overwritten", async () => {
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts();
	drafts.expect("c");
	drafts.type("c", "typed at once");
	drafts.flush();
	await drafts.whenSaved();
	assert.equal(core.calls.length, 0, "what is kept is not known yet");
	drafts.restore("c", "kept");
	assert.equal(drafts.of("c"), "kept\ntyped at once");
	drafts.flush();
	await drafts.whenSaved();
	assert.deepEqual(core.named("save_draft")[0]?.content, "kept\ntyped at once");
	drafts.restore("c", "of another window");
	assert.equal(drafts.of("c"), "kept\ntyped at once", "it comes once");
});

test("a reload restores both fields without duplicating text", async () => {
	const store = new Map<string, string>();
	Object.assign(globalThis, {
		sessionStorage: {
			getItem: (name: string) => store.get(name) ?? null,
			setItem: (name: string, value: string) => store.set(name, value),
			removeItem: (name: string) => store.delete(name),
		},
	});
	let saved = "";
	fakeCore({
		save_draft: ({ content }) => {
			saved = String(content);
		},
	});
	const before = new Drafts();
	before.type("c", "half a thought");
	before.typeNext("c", "and anoth");
	before.flush();
	await before.whenSaved();
	const after = new Drafts();
	after.restore("c", saved);
	assert.deepEqual([after.of("c"), after.nextOf("c")], ["half a thought", "and anoth"]);
	const elsewhere = new Drafts();
	elsewhere.restore("c", "another draft");
	assert.deepEqual([elsewhere.of("c"), elsewhere.nextOf("c")], ["another draft", ""]);
	Reflect.deleteProperty(globalThis, "sessionStorage");
});

test("an unsaved draft shows a warning and is retried until it is saved", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	let works = false;
	const core = fakeCore({
		save_draft: () => (works ? null : refusal("disk_full", "The disk is full")()),
	});
	const chat = new Chat();
	const texts = () => chat.toasts.shown.value.map((toast) => toast.text);
	const later = async () => {
		mock.timers.tick(10_000);
		await chat.drafts.whenSaved();
	};
	const warning = ["Draft not saved yet: The disk is full"];
	chat.drafts.type("c", "hello");
	await later();
	assert.deepEqual(texts(), warning);
	const [first] = chat.toasts.shown.value;
	mock.timers.tick(4000);
	await later();
	assert.equal(chat.toasts.shown.value[0], first, "the same one stays");
	chat.toasts.error("Something else");
	await later();
	assert.deepEqual(texts(), warning, "it is still so");
	works = true;
	await later();
	assert.deepEqual(texts(), []);
	const saved = core.named("save_draft").length;
	await later();
	assert.equal(core.named("save_draft").length, saved);
});

test("one of several that is saved takes no other's warning away, and one that is gone needs none", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	let code: "disk_full" | "not_found" = "disk_full";
	fakeCore({
		save_draft: ({ conversationId }) =>
			conversationId === "c" ? refusal(code, "It fails")() : null,
	});
	const said: (string | null)[] = [];
	const drafts = new Drafts((reason) => said.push(reason));
	drafts.type("c", "hello");
	drafts.flush();
	drafts.type("d", "hello");
	drafts.flush();
	await drafts.whenSaved();
	assert.deepEqual(said, ["Draft not saved yet: It fails"]);
	code = "not_found";
	drafts.flush();
	await drafts.whenSaved();
	assert.equal(said.at(-1), null);
});
