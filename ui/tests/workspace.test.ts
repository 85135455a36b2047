import assert from "node:assert/strict";
import { test } from "node:test";
import { effect } from "@preact/signals-core";
import { NO_PARAMETERS } from "../src/features/parameters/parameters";
import { Workspace } from "../src/features/workspace/workspace";
import type {
	ConversationChanged,
	ConversationSummary,
	ConversationView,
	LockChanged,
	PageEvent,
} from "../src/ipc/bindings";
import { NEW } from "../src/ipc/branch";
import { yieldToBrowser } from "../src/shared/time";
import { commands, fakeCore, refusal } from "./core";
import { message } from "./messages";
import { VIEWPORT } from "./viewport";
import { FREE, VIEW } from "./views";

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
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.setParameters(NEW, BRIEF);
	assert.equal(core.calls.length, 0, "nothing exists yet");
	assert.equal(workspace.shown.value.parameters.value, BRIEF);
	workspace.drafts.type(NEW, "hello");
	await workspace.shown.value.send("enter");
	const order = core.calls.map(([name]) => name);
	assert.ok(order.indexOf("set_conversation_parameters") < order.indexOf("send_message"));
	assert.deepEqual(core.named("set_conversation_parameters"), [
		{ conversationId: "c", parameters: BRIEF },
	]);
	assert.deepEqual(
		workspace.newConversation.parameters.value,
		NO_PARAMETERS,
		"the next one starts afresh",
	);
});

test("where they cannot be set, nothing is sent and nothing is lost", async () => {
	const core = fakeCore({
		create_conversation: () => VIEW,
		set_conversation_parameters: refusal("disk_full", "The disk is full"),
		delete_conversation: () => null,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.setParameters(NEW, BRIEF);
	workspace.drafts.type(NEW, "hello");
	await workspace.shown.value.send("enter");
	assert.equal(core.named("send_message").length, 0);
	assert.equal(core.named("delete_conversation").length, 1, "no empty conversation stays");
	assert.deepEqual(
		[workspace.draft.value, workspace.shown.value.parameters.value],
		["hello", BRIEF],
	);
	assert.equal(workspace.toasts.shown.value[0]?.text, "The disk is full");
	assert.equal(workspace.busy.value, false);
});

test("what is chosen for a new conversation is not shown for another", async () => {
	fakeCore({ get_conversation: () => VIEW, follow_branch: () => null });
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.shown.value.chooseModel("openai/gpt-4o");
	await workspace.setParameters(NEW, BRIEF);
	await workspace.open("c");
	assert.equal(workspace.shown.value.modelId.value, null);
	assert.deepEqual(workspace.shown.value.parameters.value, NO_PARAMETERS);
});

test("two events that need a read cause one, drawn in a later task", async () => {
	// Pending reads of other chats must not count as calls to this core.
	await yieldToBrowser();
	const core = fakeCore({
		get_conversation: () => ({ ...VIEW, title: "read again", lock: { ...FREE, fence: 1 } }),
		follow_branch: () => null,
		list_conversations: () => [],
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	workspace.shown.value.view.value = VIEW;
	const before = core.named("get_conversation").length;
	workspace.lockChanged(RELEASED);
	workspace.conversationChanged(STALE);
	await yieldToBrowser();
	assert.equal(core.named("get_conversation").length, before + 1);
	assert.equal(workspace.view.value?.title, null, "a click comes first");
	await yieldToBrowser();
	assert.equal(workspace.view.value?.title, "read again");
	await yieldToBrowser();
	assert.equal(core.named("get_conversation").length, before + 1);
});

test("an answer that is followed is shown from its start to its end without a read", async () => {
	await yieldToBrowser();
	let follow = (_: PageEvent) => {};
	const core = fakeCore({
		get_conversation: () => VIEW,
		follow_branch: ({ channel }) => {
			follow = (event) => (channel as { onmessage(event: PageEvent): void }).onmessage(event);
		},
		save_draft: () => null,
		send_message: () => ACCEPTED,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	const before = core.calls.length;
	const row: ConversationSummary = {
		id: "c",
		title: "Named by its first message",
		modelId: "openai/gpt-4o",
		mainBranchId: "b",
		createdAt: 0,
		updatedAt: 7,
		busy: true,
	};
	workspace.drafts.type("c", "hello");
	await workspace.shown.value.send("enter");
	workspace.lockChanged({ ...RELEASED, locked: true, reason: "acquired", conversation: row });
	const [question, answer] = [message(0, "hello"), { ...message(1), id: "a" }];
	follow({ type: "started", messages: [question, { ...answer, status: "generating" }] });
	follow({ type: "phase", messageId: "a", phase: { type: "streaming" } });
	const { transcript } = workspace.shown.value;
	assert.deepEqual(
		transcript.messages.value.map(({ id, status }) => [id, status]),
		[
			[question.id, "complete"],
			["a", "generating"],
		],
	);
	workspace.lockChanged({ ...RELEASED, conversation: { ...row, busy: false } });
	follow({ type: "ended", message: answer });
	await yieldToBrowser();
	await yieldToBrowser();
	assert.deepEqual([transcript.messages.value[1], transcript.live.value], [answer, null]);
	assert.equal(workspace.busy.value, false);
	assert.equal(workspace.view.value?.title, "Named by its first message");
	assert.match(workspace.announcement.text.value, /^Answer finished/);
	// How often the draft is saved depends on how long this takes.
	const writes = ["save_draft", "send_message"];
	const reads = core.calls.slice(before).filter(([name]) => !writes.includes(name));
	assert.deepEqual(reads, [], "nothing is read");
});

test("F2: two sends in the same instant make one conversation and send one message", async () => {
	const core = fakeCore({
		create_conversation: () => yieldToBrowser().then(() => VIEW),
		get_conversation: () => VIEW,
		follow_branch: () => null,
		save_draft: () => null,
		record_refused_attempt: () => null,
		send_message: () => ACCEPTED,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	workspace.drafts.type(NEW, "hello");
	const { shown } = workspace;
	await Promise.all([shown.value.send("enter"), shown.value.send("button")]);
	assert.equal(core.named("create_conversation").length, 1);
	assert.deepEqual(
		core.named("send_message").map((sent) => [sent.conversationId, sent.content]),
		[["c", "hello"]],
	);
	assert.equal(core.named("record_refused_attempt").length, 1, "the other one is counted");
});

test("F15: what is sent or answered again is shown once, in its place, and not before it is stored", async () => {
	let follow = (_: PageEvent) => {};
	let accept = (_: unknown) => {};
	const core = fakeCore({
		get_conversation: () => VIEW,
		follow_branch: ({ channel }) => {
			follow = (event) => (channel as { onmessage(event: PageEvent): void }).onmessage(event);
		},
		save_draft: () => null,
		send_message: () =>
			new Promise((resolve) => {
				accept = resolve;
			}),
		generate_response: () => ({ ...ACCEPTED, assistantMessageId: "again", fence: 2 }),
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	const { transcript } = workspace.shown.value;
	const shown = () => transcript.messages.value.map(({ id }) => id);
	workspace.drafts.type("c", "hello");
	const sent = workspace.shown.value.send("enter");
	assert.deepEqual(shown(), [], "not before the core has stored it");
	accept(ACCEPTED);
	await sent;
	const [question, answer] = [message(0, "hello"), { ...message(1), id: "a" }];
	const started = [question, { ...answer, status: "generating" as const }];
	follow({ type: "started", messages: started });
	follow({ type: "started", messages: started });
	assert.deepEqual(shown(), ["m0", "a"], "however often it is reported");
	transcript.applySnapshot({ ...VIEW, messages: started });
	assert.deepEqual(shown(), ["m0", "a"]);
	const failed = { ...answer, status: "failed" as const };
	follow({ type: "ended", message: failed });
	workspace.lockChanged(RELEASED);
	await workspace.shown.value.answerAgain("a", "button");
	const again = { ...message(1), id: "again", status: "generating" as const };
	follow({ type: "started", messages: [again] });
	follow({ type: "started", messages: [again] });
	assert.deepEqual(shown(), ["m0", "again"], "in the place of the one that failed");
	follow({ type: "ended", message: { ...again, status: "complete" } });
	assert.deepEqual(shown(), ["m0", "again"]);
	assert.equal(core.named("generate_response").length, 1);
});

test("a snapshot from before a grant does not remove the message just sent, and is read again", async () => {
	await yieldToBrowser();
	let follow = (_: PageEvent) => {};
	let view: ConversationView = VIEW;
	const core = fakeCore({
		get_conversation: () => view,
		follow_branch: ({ channel }) => {
			follow = (event) => (channel as { onmessage(event: PageEvent): void }).onmessage(event);
		},
		list_conversations: () => [],
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	workspace.resync();
	const sent = message(0, "hello");
	workspace.lockChanged({ ...RELEASED, locked: true, reason: "acquired" });
	follow({ type: "started", messages: [sent] });
	await yieldToBrowser();
	await yieldToBrowser();
	assert.deepEqual(workspace.shown.value.transcript.messages.value, [sent]);
	view = { ...VIEW, messages: [sent], lock: { ...FREE, fence: 1 } };
	for (let turn = 0; turn < 4; turn += 1) await yieldToBrowser();
	assert.equal(workspace.shown.value.lock.value?.locked, false, "the one read again");
	assert.equal(core.named("get_conversation").length, 3);
});

test("what is locked asks for its lock from time to time, and is read again only for another", async () => {
	await yieldToBrowser();
	const held = { ...FREE, locked: true, canSend: false, generationId: "g", fence: 1 };
	let lock: typeof FREE | typeof held = held;
	const core = fakeCore({
		get_conversation: () => ({ ...VIEW, lock }),
		follow_branch: () => null,
		is_locked: () => lock,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	const readings = async () => {
		await workspace.recheck();
		await yieldToBrowser();
		await yieldToBrowser();
		return core.named("get_conversation").length;
	};
	assert.equal(await readings(), 1, "nothing has changed");
	lock = { ...held, fence: 2 };
	assert.equal(await readings(), 2, "another answer");
	lock = { ...FREE, fence: 2 };
	assert.equal(await readings(), 3, "free");
	assert.equal(workspace.busy.value, false);
	const asked = core.named("is_locked").length;
	assert.equal(await readings(), 3);
	assert.equal(core.named("is_locked").length, asked, "what is free is not asked for");
});

test("a passing error is shown, and a failed open is retried", async () => {
	let works = false;
	const core = fakeCore({
		get_conversation: () => (works ? VIEW : refusal("internal", "The database is busy")()),
		follow_branch: () => null,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	assert.deepEqual([workspace.fatal.value, workspace.view.value], [null, null]);
	assert.equal(workspace.toasts.shown.value[0]?.text, "The database is busy");
	await workspace.recheck();
	assert.equal(workspace.view.value, null);
	works = true;
	await workspace.recheck();
	assert.deepEqual(workspace.view.value, VIEW);
	assert.equal(core.named("follow_branch").length, 1);
	await workspace.recheck();
	assert.equal(core.named("get_conversation").length, 3, "it is open");
});

test("a corrupt database replaces the page, and a deleted conversation gives way to the newest", async () => {
	fakeCore({ get_conversation: refusal("database_corrupt", "The database is damaged") });
	const damaged = new Workspace(commands, VIEWPORT);
	await damaged.open("c");
	assert.equal(damaged.fatal.value?.code, "database_corrupt");

	fakeCore({
		get_conversation: ({ conversationId }) =>
			conversationId === "c" ? VIEW : refusal("not_found", "Conversation not found")(),
		follow_branch: () => null,
		list_conversations: () => [{ id: "c" }],
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("gone");
	await workspace.recheck();
	assert.deepEqual([workspace.shownId.value, workspace.view.value], ["c", VIEW]);
});

const FILE = {
	id: "f",
	name: "a.txt",
	kind: "text",
	bytes: 1,
	tokens: 1,
	width: null,
	height: null,
	pages: null,
} as const;

/** Opens a conversation with a pending attachment. */
async function withFile(answers: Parameters<typeof fakeCore>[0]) {
	const core = fakeCore({
		get_conversation: () => ({ ...VIEW, attachments: [FILE] }),
		follow_branch: () => null,
		save_draft: () => null,
		...answers,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	return { core, workspace };
}

test("files are sent with the text, or alone, and stay until the core has them", async () => {
	const { core, workspace } = await withFile({
		send_message: refusal("disk_full", "The disk is full"),
	});
	await workspace.shown.value.send("enter");
	assert.deepEqual(core.named("send_message")[0]?.attachmentIds, ["f"]);
	assert.equal(workspace.attachments.of("c").length, 1, "refused");

	const { workspace: accepted } = await withFile({ send_message: () => ACCEPTED });
	await accepted.shown.value.send("enter");
	assert.equal(accepted.attachments.of("c").length, 0);
});

test("a send waits for no file that is still being read, and says so", async () => {
	const { core, workspace } = await withFile({ attach_file: () => new Promise(() => {}) });
	void workspace.attachments.add("c", [new File(["x"], "b.txt")]);
	workspace.drafts.type("c", "hello");
	await workspace.shown.value.send("enter");
	assert.equal(core.named("send_message").length, 0);
	assert.match(workspace.toasts.shown.value[0]?.text ?? "", /all files are attached/);
	assert.equal(workspace.draft.value, "hello");
});

test("the file warning disappears when the file is read or another conversation opens", async () => {
	const { workspace } = await withFile({});
	const reading = { state: "reading", key: "1", name: "b.txt", size: 1 } as const;
	const ends = [
		() => (workspace.attachments.lists.value = new Map()),
		() => void workspace.open("d"),
	];
	workspace.drafts.type("c", "hello");
	for (const end of ends) {
		workspace.attachments.lists.value = new Map([["c", [reading]]]);
		await workspace.shown.value.send("enter");
		assert.match(shownTexts(workspace)[0] ?? "", /all files are attached/);
		end();
		assert.deepEqual(shownTexts(workspace), []);
	}
});

test("what is sent beside the draft takes no files along", async () => {
	const { core, workspace } = await withFile({ send_message: () => ACCEPTED });
	await workspace.shown.value.sendText("Continue", "button");
	assert.equal(core.named("send_message")[0]?.attachmentIds, null);
	assert.equal(workspace.attachments.of("c").length, 1);
});

test("what another window sent with its message is no longer in the composer", async () => {
	const sent = { ...VIEW, messages: [{ ...message(0), attachments: [FILE] }] };
	let view: ConversationView = { ...VIEW, attachments: [FILE] };
	const { workspace } = await withFile({ get_conversation: () => view });
	assert.equal(workspace.attachments.of("c").length, 1);
	view = sent;
	workspace.conversationChanged(STALE);
	await yieldToBrowser();
	await yieldToBrowser();
	assert.equal(workspace.attachments.of("c").length, 0);
});

const HELD = { ...FREE, locked: true, canSend: false, generationId: "g", messageId: "a", fence: 1 };

/** Opens a conversation in which an answer is being generated. */
async function locked(answers: Parameters<typeof fakeCore>[0] = {}) {
	const core = fakeCore({
		get_conversation: ({ conversationId }) =>
			conversationId === "c" ? { ...VIEW, lock: HELD } : { ...VIEW, id: conversationId },
		follow_branch: () => null,
		record_refused_attempt: () => null,
		save_draft: () => null,
		...answers,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	return { core, workspace };
}

const RELEASED = {
	conversationId: "c",
	branchId: "b",
	generationId: "g",
	messageId: "a",
	fence: 1,
	locked: false,
	reason: "released",
	conversation: null,
} as const satisfies LockChanged;

/** Another process changed the conversation. */
const STALE: ConversationChanged = {
	conversationId: "c",
	deleted: false,
	conversation: null,
	stale: true,
};

const shownTexts = (workspace: Workspace) =>
	workspace.toasts.shown.value.map((toast) => toast.text);

test("a refusal is shown once, counted each time, and goes with the lock or with a switch", async () => {
	const { core, workspace } = await locked();
	await workspace.shown.value.send("enter");
	await workspace.shown.value.send("button");
	assert.deepEqual(shownTexts(workspace), ["Generation in progress, please wait..."]);
	assert.deepEqual(
		core.named("record_refused_attempt").map(({ source }) => source),
		["enter", "button"],
	);
	workspace.lockChanged(RELEASED);
	assert.deepEqual(shownTexts(workspace), [], "the lock is gone");

	const other = (await locked()).workspace;
	await other.shown.value.send("enter");
	// Busy as well, so that no lock release removes the toast.
	other.conversations.list.value = [{ id: "d", busy: true } as ConversationSummary];
	void other.open("d");
	assert.deepEqual(shownTexts(other), [], "another conversation is shown");
});

const TAKEN = refusal("generation_in_progress", "A generation is already in progress");

const OVERTAKEN: readonly [string, (workspace: Workspace) => Promise<unknown>][] = [
	["send_message", (workspace) => workspace.shown.value.sendText("hello", "button")],
	["generate_response", (workspace) => workspace.shown.value.answerAgain("m", "retry")],
];

for (const [command, act] of OVERTAKEN) {
	test(`${command} is refused as the page itself would where another window was first`, async () => {
		await yieldToBrowser();
		let lock: typeof FREE | typeof HELD = FREE;
		const { workspace } = await locked({
			get_conversation: () => ({ ...VIEW, lock }),
			[command]: TAKEN,
		});
		lock = HELD;
		await act(workspace);
		assert.equal(workspace.busy.value, true);
		assert.deepEqual(shownTexts(workspace), ["Generation in progress, please wait..."]);
		workspace.lockChanged(RELEASED);
		assert.deepEqual(shownTexts(workspace), [], "it goes with the lock");
	});
}

test("a snapshot from before a release does not lock the page again", async () => {
	await yieldToBrowser();
	let lock: typeof FREE | typeof HELD = HELD;
	const { workspace } = await locked({
		get_conversation: () => ({ ...VIEW, lock }),
		list_conversations: () => [],
	});
	const seen: boolean[] = [];
	const watch = effect(() => {
		seen.push(workspace.busy.value);
	});
	workspace.resync();
	await yieldToBrowser();
	workspace.lockChanged(RELEASED);
	lock = { ...FREE, fence: 1 };
	await yieldToBrowser();
	await yieldToBrowser();
	await yieldToBrowser();
	watch();
	assert.deepEqual(seen, [true, false]);
});

const fields = (workspace: Workspace) => [
	workspace.drafts.of(workspace.shownId.value),
	workspace.drafts.nextOf(workspace.shownId.value),
];

test("what is typed from the very press of Enter on is the next message", async () => {
	let accept = (_: unknown) => {};
	fakeCore({
		get_conversation: () => VIEW,
		follow_branch: () => null,
		save_draft: () => null,
		send_message: () =>
			new Promise((resolve) => {
				accept = resolve;
			}),
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	workspace.typing.type("first");
	const sent = workspace.shown.value.send("enter");
	assert.equal(workspace.typing.field.value, "next", "in the same task");
	workspace.typing.type("sec");
	assert.deepEqual(fields(workspace), ["first", "sec"], "not cleared before it is accepted");
	accept(ACCEPTED);
	await sent;
	assert.deepEqual([...fields(workspace), workspace.typing.field.value], ["", "sec", "next"]);
	workspace.typing.type("second");
	workspace.lockChanged(RELEASED);
	assert.deepEqual([...fields(workspace), workspace.typing.field.value], ["second", "", "message"]);
});

test("what is typed while the first message makes its conversation goes with it, in one step", async () => {
	let create = (_: unknown) => {};
	const core = fakeCore({
		create_conversation: () =>
			new Promise((resolve) => {
				create = resolve;
			}),
		get_conversation: () => VIEW,
		follow_branch: () => null,
		save_draft: () => null,
		record_refused_attempt: () => null,
		send_message: () => ACCEPTED,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	workspace.typing.type("first");
	const sent = workspace.shown.value.send("enter");
	workspace.typing.type("next");
	void workspace.shown.value.send("enter");
	const seen = new Set<string>();
	const watch = effect(() => {
		seen.add(`${workspace.typing.field.value}: ${workspace.typing.text.value}`);
	});
	create(VIEW);
	await sent;
	watch();
	assert.deepEqual([...seen], ["next: next"], "no drawing in between empties the field");
	assert.deepEqual(fields(workspace), ["", "next"]);
	assert.deepEqual(core.named("record_refused_attempt"), [
		{ conversationId: "c", branchId: null, source: "enter" },
	]);
});

test("a send that is refused leaves both texts, one behind the other", async () => {
	let refuse = (_: unknown) => {};
	fakeCore({
		get_conversation: () => VIEW,
		follow_branch: () => null,
		save_draft: () => null,
		send_message: () =>
			new Promise((_, reject) => {
				refuse = reject;
			}),
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	workspace.typing.type("first");
	const sent = workspace.shown.value.send("enter");
	workspace.typing.type("next");
	refuse({ code: "disk_full", message: "The disk is full" });
	await sent;
	assert.deepEqual(fields(workspace), ["first\nnext", ""]);
});

test("a conversation that the list knows to be busy is so before it is read", async () => {
	const { workspace } = await locked();
	workspace.conversations.list.value = [{ id: "d", busy: true } as ConversationSummary];
	const opened = workspace.open("d");
	assert.equal(workspace.typing.field.value, "next");
	await opened;
	assert.equal(workspace.typing.field.value, "message", "it is free after all");
});

test("a failed regeneration is announced, and its late events change nothing", async () => {
	const tried = { messageId: "a", status: "failed", error: null, hasText: false } as const;
	let view: ConversationView = { ...VIEW, messages: [message(0), message(1)], lock: HELD };
	let follow = (_: PageEvent) => {};
	fakeCore({
		get_conversation: () => view,
		follow_branch: ({ channel }) => {
			follow = (event) => (channel as { onmessage(event: PageEvent): void }).onmessage(event);
		},
		list_conversations: () => [],
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	const phase = { type: "phase", messageId: "a", phase: { type: "streaming" } } as const;
	follow(phase);
	assert.equal(workspace.shown.value.transcript.live.value?.messageId, "a");
	view = {
		...VIEW,
		messages: [message(0), { ...message(1), failedVersion: tried }],
		lock: { ...FREE, fence: 1 },
	};
	workspace.lockChanged(RELEASED);
	follow({ type: "ended", message: null });
	await yieldToBrowser();
	await yieldToBrowser();
	assert.match(workspace.announcement.text.value, /^Answering again failed/);
	assert.equal(workspace.shown.value.transcript.live.value, null);
	assert.equal(workspace.shown.value.transcript.applyEvent(phase), true);
	assert.equal(workspace.shown.value.transcript.live.value, null);
});

test("a version of another branch is shown there, and the next message goes there", async () => {
	const core = fakeCore({
		get_conversation: ({ branchId }) => ({ ...VIEW, branchId: branchId ?? "b" }),
		get_messages: () => ({ messages: [], hasEarlier: false, hasLater: false }),
		follow_branch: () => null,
		select_version: () => ({ branchId: "fork", headMessageId: "m" }),
		send_message: () => ({ ...ACCEPTED, branchId: "fork" }),
		save_draft: () => null,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	await workspace.shown.value.select("m");
	assert.equal(workspace.view.value?.branchId, "fork");
	assert.equal(core.named("follow_branch").at(-1)?.branchId, "fork");
	workspace.drafts.type("c/fork", "hello");
	await workspace.shown.value.send("enter");
	assert.equal(core.named("send_message")[0]?.branchId, "fork");
	await workspace.open("c");
	assert.equal(workspace.view.value?.branchId, "b", "opened again, it is main");
});

test("an answer that got a branch of its own is shown there", async () => {
	const core = fakeCore({
		get_conversation: ({ branchId }) => ({ ...VIEW, branchId: branchId ?? "b" }),
		follow_branch: () => null,
		generate_response: () => ({ ...ACCEPTED, branchId: "fork" }),
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	await workspace.shown.value.answerAgain("m", "retry");
	assert.equal(workspace.view.value?.branchId, "fork");
	assert.equal(core.named("get_conversation")[1]?.branchId, "fork");
});

test("an answer on a branch of its own is busy from the press on, and leaves the draft", async () => {
	fakeCore({
		get_conversation: ({ branchId }) => ({
			...VIEW,
			branchId: branchId ?? "b",
			lock: branchId === "fork" ? HELD : FREE,
		}),
		follow_branch: () => null,
		save_draft: () => null,
		generate_response: () => ({ ...ACCEPTED, branchId: "fork" }),
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	workspace.typing.type("half a thought");
	const seen: boolean[] = [];
	const watch = effect(() => {
		seen.push(workspace.busy.value);
	});
	await workspace.shown.value.answerAgain("m", "regenerate");
	watch();
	assert.deepEqual(seen, [false, true], "it is never free in between");
	assert.equal(workspace.view.value?.branchId, "fork");
	assert.equal(workspace.typing.text.value, "", "the new branch has a composer of its own");
	await workspace.shown.value.showBranch("b");
	assert.equal(workspace.draft.value, "half a thought");
});

test("a branch has its own composer, also after a switch and a send", async () => {
	const stored: Record<string, string> = { b: "on main", fork: "on the fork" };
	const core = fakeCore({
		get_conversation: ({ branchId }) => {
			const id = String(branchId ?? "b");
			return { ...VIEW, branchId: id, draft: stored[id] };
		},
		follow_branch: () => null,
		save_draft: () => null,
		send_message: () => ({ ...ACCEPTED, branchId: "fork" }),
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	assert.equal(workspace.draft.value, "on main");
	workspace.typing.type("on main, and more");
	await workspace.shown.value.showBranch("fork");
	assert.equal(workspace.draft.value, "on the fork");
	await workspace.shown.value.send("button");
	assert.equal(core.named("send_message")[0]?.content, "on the fork");
	assert.equal(workspace.draft.value, "");
	await workspace.shown.value.showBranch("b");
	assert.equal(workspace.draft.value, "on main, and more");
	workspace.drafts.flush();
	await workspace.drafts.whenSaved();
	const saved = core.named("save_draft").filter(({ branchId }) => branchId === null);
	assert.deepEqual(
		saved.map(({ content }) => content),
		["on main, and more"],
	);
});

test("what was typed a moment ago is kept with what is deleted", async () => {
	const core = fakeCore({
		get_conversation: () => VIEW,
		follow_branch: () => null,
		save_draft: () => null,
		delete_conversation: () => null,
	});
	const workspace = new Workspace(commands, VIEWPORT);
	await workspace.open("c");
	workspace.drafts.type("c", "half a thought");
	await workspace.remove("c", "Named");
	const order = core.calls.map(([name]) => name);
	assert.ok(order.indexOf("save_draft") < order.indexOf("delete_conversation"));
	assert.ok(order.includes("save_draft"));
	assert.equal(workspace.toasts.shown.value[0]?.actions[0]?.label, "Undo");
	await workspace.deletions.undo().catch(() => {});
});
