import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Drafts } from "../src/features/chat/composer/drafts";
import { Workspace } from "../src/features/workspace/workspace";
import { NEW } from "../src/ipc/branch";
import { commands, fakeCore, refusal } from "./core";
import { VIEWPORT } from "./viewport";

beforeEach(() => mock.timers.reset());
afterEach(() => mock.timers.reset());

/** Waits until pending requests have been answered. */
const flushPromises = () => new Promise(setImmediate);

test("what is typed before its conversation exists is kept by the core too", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts(commands, () => {});
	drafts.type(NEW, "half a");
	drafts.type(NEW, "half a thought");
	mock.timers.tick(1000);
	mock.timers.reset();
	await flushPromises();
	assert.deepEqual(core.named("save_draft"), [
		{ conversationId: null, branchId: null, content: "half a thought" },
	]);
});

test("each branch has its own draft, and saves it under its own name", async () => {
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts(commands, () => {});
	drafts.restore("c", "");
	drafts.type("c", "on main");
	assert.equal(drafts.of("c/fork"), "");
	drafts.type("c/fork", "on the fork");
	drafts.restore("c/fork", "stored there");
	assert.deepEqual([drafts.of("c"), drafts.of("c/fork")], ["on main", "stored there\non the fork"]);
	drafts.flush();
	await drafts.whenSaved();
	assert.deepEqual(core.named("save_draft"), [
		{ conversationId: "c", branchId: null, content: "on main" },
		{ conversationId: "c", branchId: "fork", content: "stored there\non the fork" },
	]);
});

test("what is typed without a pause is saved meanwhile", async () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts(commands, () => {});
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
	const drafts = new Drafts(commands, () => {});
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
	const drafts = new Drafts(commands, () => {});
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
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.start(NEW);
	mock.timers.reset();
	return { core, workspace };
}

test("a start shows the newest conversation, and New workspace what was typed for one", async () => {
	const { workspace } = await started({
		list_conversations: () => [{ id: "c" }],
		get_new_draft: () => "half a thought",
	});
	assert.deepEqual([workspace.shownId.value, workspace.draft.value], ["c", ""]);
	await workspace.open(NEW);
	assert.equal(workspace.draft.value, "half a thought");
});

test("where there is no conversation yet, a start shows what was typed for the first", async () => {
	const { workspace } = await started({
		list_conversations: () => [],
		get_new_draft: () => "hello",
	});
	assert.equal(workspace.draft.value, "hello");
});

test("an unreadable draft is reported and not overwritten", async () => {
	const { core, workspace } = await started({
		list_conversations: () => [{ id: "c" }],
		get_new_draft: refusal("not_a_command", "The draft could not be read"),
	});
	assert.equal(workspace.toasts.shown.value[0]?.text, "The draft could not be read");
	workspace.drafts.flush();
	assert.equal(core.named("save_draft").length, 0);
});

test("what is typed for the next message is saved as one draft with what stood there", async () => {
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts(commands, () => {});
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
	const drafts = new Drafts(commands, () => {});
	drafts.type("c", "sent");
	drafts.typeNext("c", "next");
	drafts.sent("c", "sent");
	await drafts.whenSaved();
	assert.deepEqual(core.named("save_draft"), [
		{ conversationId: "c", branchId: null, content: "next" },
	]);
});

test("a late draft is put before what was typed since, and is not overwritten", async () => {
	const core = fakeCore({ save_draft: () => null });
	const drafts = new Drafts(commands, () => {});
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
	const before = new Drafts(commands, () => {});
	before.type("c", "half a thought");
	before.typeNext("c", "and anoth");
	before.flush();
	await before.whenSaved();
	const after = new Drafts(commands, () => {});
	after.restore("c", saved);
	assert.deepEqual([after.of("c"), after.nextOf("c")], ["half a thought", "and anoth"]);
	const elsewhere = new Drafts(commands, () => {});
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
	const workspace = new Workspace(commands, VIEWPORT);
	const texts = () => workspace.toasts.shown.value.map((toast) => toast.text);
	const later = async () => {
		mock.timers.tick(10_000);
		await workspace.drafts.whenSaved();
	};
	const warning = ["Draft not saved yet: The disk is full"];
	workspace.drafts.type("c", "hello");
	await later();
	assert.deepEqual(texts(), warning);
	const [first] = workspace.toasts.shown.value;
	mock.timers.tick(4000);
	await later();
	assert.equal(workspace.toasts.shown.value[0], first, "the same one stays");
	workspace.toasts.error("Something else");
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
	const drafts = new Drafts(commands, (reason) => said.push(reason));
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

test("what is sent of both fields is cleared, and what was typed meanwhile stays", () => {
	fakeCore({ save_draft: () => null });
	const drafts = new Drafts(commands, () => {});
	drafts.type("c", "one");
	drafts.typeNext("c", "two");
	const text = drafts.whole("c");
	assert.equal(text, "one\ntwo");
	drafts.typeNext("c", "two\nthree");
	drafts.sentWhole("c", text);
	assert.deepEqual([drafts.of("c"), drafts.nextOf("c")], ["", "three"]);

	drafts.type("c", "four");
	drafts.typeNext("c", "five");
	const joined = drafts.whole("c");
	drafts.handOver("c");
	drafts.type("c", `${joined} six`);
	drafts.sentWhole("c", joined);
	assert.deepEqual(
		[drafts.of("c"), drafts.nextOf("c")],
		[" six", ""],
		"the answer has ended since",
	);

	drafts.type("c", "something else");
	drafts.sentWhole("c", joined);
	assert.equal(drafts.of("c"), "something else");
});

test("what is typed behind a text while it is sent stays", () => {
	fakeCore({ save_draft: () => null });
	const drafts = new Drafts(commands, () => {});
	drafts.type("c", "hello and more");
	drafts.sent("c", "hello");
	assert.equal(drafts.of("c"), " and more");
});
