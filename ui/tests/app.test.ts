import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { mock, test } from "node:test";
import type { ConversationSummary, ConversationView, LockStatus } from "../src/ipc/bindings";
import type { Commands, Events } from "../src/ipc/host";
import { message } from "./messages";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const html = await readFile(new URL("../../index.html", import.meta.url), "utf8");
page.document.write(html.replace(/<(script|link)\b[^>]*>/g, ""));

/** What happy-dom leaves out. */
class Observer {
	observe() {}
	unobserve() {}
	disconnect() {}
}
for (const name of Object.getOwnPropertyNames(page)) {
	if (/^(HTML|SVG)\w*Element$/.test(name)) Reflect.set(globalThis, name, Reflect.get(page, name));
}
const { document, Element, Node, Text, Comment, NodeFilter, KeyboardEvent, Event } = page;
const { localStorage, sessionStorage, location, history } = page;
Object.assign(globalThis, { window: page, document, Element, Node, Text, Comment, NodeFilter });
Object.assign(globalThis, { localStorage, sessionStorage, location, history });
Object.assign(globalThis, {
	ResizeObserver: Observer,
	IntersectionObserver: Observer,
	CSS: { highlights: new Map(), escape: String },
	matchMedia: () => ({ matches: false, addEventListener: () => {} }),
	addEventListener: () => {},
	requestAnimationFrame: (act: () => void) => setTimeout(act),
});
// lit needs the document when it is loaded.
const { mount } = await import("../src/app");

const FREE: LockStatus = {
	locked: false,
	canSend: true,
	generationId: null,
	messageId: null,
	userId: null,
	lockedAt: null,
	expiresAt: null,
	fence: 0,
};
const PARAMETERS = {
	systemPrompt: null,
	temperature: null,
	topP: null,
	maxTokens: null,
	stop: [],
	reasoningEffort: null,
};
let view: ConversationView = {
	id: "c",
	title: "Shells",
	modelId: null,
	mainBranchId: "b",
	branchId: "b",
	createdAt: 0,
	updatedAt: 0,
	parameters: PARAMETERS,
	draft: "",
	attachments: [],
	branches: [],
	maxParallel: 1,
	messages: [message(0, "What is a conch?")],
	hasEarlier: false,
	lock: FREE,
	sendPolicy: null,
	queue: { paused: false, pauseReason: null, pauseMessage: null, items: [] },
};
const SUMMARY = { id: "c", title: "Shells", busy: false, updatedAt: 0 } as ConversationSummary;

const answers: Partial<{ [Name in keyof Commands]: (...args: unknown[]) => unknown }> = {
	startStatus: () => ({ type: "running", notices: [] }),
	listConversations: () => [SUMMARY],
	getNewDraft: () => "",
	getConversation: () => view,
	getSettings: () => ({
		defaultModelId: null,
		parameters: PARAMETERS,
		notifications: true,
		appearance: "system",
		zoom: 100,
		sendKey: "enter",
		onClose: "finishAnswers",
	}),
	listModels: () => [],
	followBranch: () => null,
	saveDraft: () => null,
	recordRefusedAttempt: () => null,
	sendMessage: () => ({
		type: "accepted",
		generationId: "g",
		userMessageId: "u",
		assistantMessageId: "a",
		branchId: "b",
		fence: 1,
	}),
};
const calls: [string, unknown[]][] = [];
const commands = new Proxy({} as Commands, {
	get:
		(_, name: keyof Commands) =>
		async (...args: unknown[]) => {
			calls.push([name, args]);
			const answer = answers[name];
			if (answer === undefined) throw new Error(`no answer for ${name}`);
			return answer(...args);
		},
});
const named = (name: keyof Commands) =>
	calls.filter(([called]) => called === name).map(([, args]) => args);

const listeners = new Map<string, (event: { payload: unknown }) => void>();
const events = new Proxy({} as Events, {
	get: (_, name: string) => ({
		listen: async (listener: (event: { payload: unknown }) => void) => {
			listeners.set(name, listener);
		},
	}),
});

const find = (selector: string) => document.querySelector(selector);
const textOf = (selector: string) => find(selector)?.textContent?.replace(/\s+/g, " ").trim();
const input = () => find("#chat-input") as unknown as HTMLTextAreaElement;

async function until(what: string, isSo: () => boolean): Promise<void> {
	for (let turn = 0; turn < 200; turn += 1) {
		if (isSo()) return;
		await new Promise((resolve) => setTimeout(resolve));
	}
	assert.fail(`not so: ${what}`);
}

function type(text: string): void {
	input().value = text;
	find("#chat-input")?.dispatchEvent(new Event("input", { bubbles: true }));
}

function press(selector: string, key: string): void {
	const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
	find(selector)?.dispatchEvent(event);
}

/** What was drawn when the composer became usable. */
let usable: Record<string, boolean> | null = null;
const { mark } = performance;
performance.mark = (name, options) => {
	const isDrawn = (id: string) => (find(`#${id}`)?.childElementCount ?? 0) > 0;
	const parts = ["transcript", "composer", "header", "sidebar"];
	if (name === "composer-usable") usable = Object.fromEntries(parts.map((id) => [id, isDrawn(id)]));
	return mark.call(performance, name, options);
};

test("the page asks for what it needs at once, and draws the conversation before the rest", async () => {
	// Otherwise the checks of the lock would keep the test from ending.
	mock.timers.enable({ apis: ["setInterval"] });
	const mounted = mount({ commands, events }, document as unknown as Document);
	assert.deepEqual(
		calls.map(([name]) => name),
		["listConversations", "getNewDraft", "startStatus"],
		"without waiting for an answer",
	);
	assert.deepEqual([...listeners.keys()], ["lockChanged", "conversationChanged", "queueChanged"]);
	await mounted;
	assert.deepEqual(usable, { transcript: true, composer: true, header: false, sidebar: false });
	assert.equal(textOf(".message .text"), "What is a conch?");
	assert.equal(textOf("#header .title"), "Shells");
	assert.equal(textOf("[data-conversation-id=c] .name"), "Shells");
	assert.equal(page.document.title, "Shells – Conch");
	assert.equal(find("#starting"), null);
	assert.ok(listeners.has("showConversation"));
});

test("a message is sent, and a second one is refused until the answer has ended", async () => {
	const lock = { ...FREE, locked: true, canSend: false, generationId: "g", fence: 1 };
	view = { ...view, lock };
	type("It lives in the sea");
	press("#chat-input", "Enter");
	assert.equal(input().disabled, true, "in the same task");
	assert.equal(input().value, "It lives in the sea", "not cleared before it is accepted");
	await until("the input is cleared", () => input().value === "");
	const [id, branch, content, , source] = named("sendMessage")[0] ?? [];
	assert.deepEqual([id, branch, content, source], ["c", null, "It lives in the sea", "enter"]);

	press("#next-input", "Enter");
	assert.equal(textOf(".toast-error span"), "Generation in progress, please wait...");
	assert.equal(named("sendMessage").length, 1);
	assert.deepEqual(named("recordRefusedAttempt"), [["c", null, "enter"]]);

	view = { ...view, lock: { ...FREE, fence: 1 } };
	const change = { conversationId: "c", branchId: "b", messageId: "a", reason: "released" };
	listeners.get("lockChanged")?.({
		payload: { ...change, generationId: "g", fence: 1, locked: false, conversation: SUMMARY },
	});
	assert.equal(find(".toast-error"), null, "it goes with the lock");
	assert.equal(input().disabled, false);
});
