import assert from "node:assert/strict";
import { test } from "node:test";
import type { TreeBranch } from "../src/ipc/bindings";
import { branch, node, tree } from "./trees";
import { MAIN, VIEW } from "./views";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document, KeyboardEvent, Element, Node, HTMLElement, Text, Comment } = page;
Object.assign(globalThis, { window: page, document, Element, Node, HTMLElement, Text, Comment });
// lit needs the document when it is loaded.
const { render } = await import("lit-html");
const { mapPanel } = await import("../src/features/map/view");
const { layOut } = await import("../src/features/map/layout");
const { branchMenu } = await import("../src/features/branches/view");

type Model = Parameters<typeof mapPanel>[0];

/** A map, and what its keys and clicks did. */
function shown(more: Partial<Model>) {
	const whole = more.tree ?? null;
	const rows = whole === null ? [] : layOut(whole);
	const done: string[] = [];
	const model: Model = {
		tree: whole,
		problem: null,
		filter: "",
		rows,
		more: 0,
		matches: new Set(rows.map((row) => row.node.id)),
		path: new Set(),
		endId: null,
		branchId: null,
		activeId: rows[0]?.node.id ?? null,
		modelName: (id) => `<${id}>`,
		...more,
	};
	const root = document.createElement("div");
	document.body.replaceChildren(root);
	render(
		mapPanel(model, {
			type: (text) => done.push(`type ${text}`),
			press: (key) => key.startsWith("Arrow"),
			activate: () => {},
			go: ({ id }, branchId) => done.push(`go ${id} ${branchId}`),
			fork: (id) => done.push(`fork ${id}`),
			retry: () => done.push("retry"),
			close: () => done.push("close"),
		}),
		root as unknown as HTMLElement,
	);
	const press = (selector: string, key: string, init: Record<string, unknown> = {}) => {
		const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...init });
		root.querySelector(selector)?.dispatchEvent(event);
		return event.defaultPrevented;
	};
	const rowsOf = [...root.querySelectorAll(".row")];
	const click = (selector: string) =>
		(root.querySelector(selector) as unknown as HTMLElement | null)?.click();
	return { root, done, press, click, names: rowsOf.map((row) => row.getAttribute("aria-label")) };
}

const MANY = tree(
	{ root: null, ...Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`e${at}`, "root"])) },
	{ main: "e8", A: "e0" },
);

test("a row says all that its marks say", () => {
	const nodes = [
		node("root", null, { count: 1 }),
		node("tried", "root", {
			role: "assistant",
			label: "",
			model: "custom/x",
			count: 1,
			status: "failed",
			hidden: true,
		}),
		node("end", "root", { role: "assistant", label: "Hello", branchIds: ["main", "A"] }),
	];
	const branches = [
		branch("main", "end"),
		branch("A", "end", { locked: true, queued: 2, queuePaused: "user" }),
	];
	const { root, names } = shown({
		tree: { conversationId: "c", nodes, branches },
		path: new Set(["root", "end"]),
		endId: "end",
	});
	assert.deepEqual(names, [
		"Words of root, 1 message, on the shown branch",
		"<custom/x>: no text, 1 message, on no branch, failed",
		"main, A, Answer: Hello, 2 messages, A, answering, 2 queued, paused, shown",
	]);
	const kinds = [...root.querySelectorAll("circle")].map((dot) => dot.getAttribute("data-kind"));
	assert.deepEqual(kinds, ["fork", "hidden", "answering"]);
	assert.equal(root.querySelectorAll("[tabindex='0'][role=treeitem]").length, 1);
	assert.equal(root.querySelector("[aria-selected=true]")?.getAttribute("data-node-id"), "end");
	assert.equal(root.querySelector(".map .search"), null, "a few rows need no filter");
});

test("Enter and a click lead to a node, and a click on a branch to that branch, once", () => {
	const { done, press, click } = shown({ tree: MANY });
	assert.equal(press("[data-node-id=e3]", "Enter"), true);
	assert.equal(press("[data-node-id=e3]", "Enter", { repeat: true }), true);
	assert.equal(press("[data-node-id=e3]", "ArrowDown"), true);
	click("[data-node-id=e4] .label");
	click("[data-branch-id=A]");
	assert.deepEqual(done, ["go e3 null", "go e4 null", "go e0 A"]);
});

test("a letter on a row goes to the filter, and Escape there clears it before it closes the map", () => {
	const { root, done, press } = shown({ tree: MANY, filter: "x" });
	assert.equal(press("[data-node-id=e3]", "p"), false, "the letter takes effect in the field");
	assert.equal(document.activeElement, root.querySelector("#map-filter"));
	press("[data-node-id=e3]", "c", { ctrlKey: true });
	assert.equal(press("#map-filter", "Escape"), true);
	assert.equal(press("[data-node-id=e3]", "Escape"), true);
	assert.deepEqual(done, ["type ", "close"]);
});

test("one path, no messages, a failed read and no match are said, each with its remedy", () => {
	const one = shown({ tree: tree({ root: null }, { main: "root" }) });
	one.click("#fork-last");
	assert.deepEqual(one.done, ["fork root"]);
	assert.match(one.root.textContent, /has one branch/);
	const [writing] = tree({ root: null }, { main: "root" }).nodes;
	assert.ok(writing !== undefined);
	const running = shown({
		tree: {
			conversationId: "c",
			nodes: [{ ...writing, status: "generating" }],
			branches: [branch("main", "root")],
		},
	});
	assert.equal(running.root.querySelector("#fork-last"), null, "it would be refused");
	assert.match(shown({ tree: tree({}, {}) }).root.textContent, /no messages yet/);
	assert.match(shown({}).root.textContent, /Reading the map/);
	const failed = shown({ problem: "The disk is full" });
	failed.click("#retry-map");
	assert.deepEqual(failed.done, ["retry"]);
	assert.match(failed.root.textContent, /The disk is full/);
	const none = shown({ tree: MANY, filter: "whale", rows: [] });
	assert.match(none.root.textContent, /Nothing matches/);
});

/** A menu of branches, and what its keys did. */
function menu(count: number, states: readonly TreeBranch[], filter = "") {
	const branches = Array.from({ length: count }, (_, at) =>
		at === 0 ? MAIN : { ...MAIN, id: `b${at}`, name: `Way ${at}`, locked: at === 2 },
	);
	const done: string[] = [];
	const root = document.createElement("div");
	document.body.replaceChildren(root);
	const model = {
		view: { ...VIEW, branches },
		branches,
		states: new Map(states.map((state) => [state.id, state])),
		filter,
	};
	render(
		branchMenu(model, {
			show: ({ id }) => done.push(`show ${id}`),
			rename: ({ id }) => done.push(`rename ${id}`),
			remove: ({ id }) => done.push(`remove ${id}`),
			setMaxParallel: () => {},
			openMap: () => done.push("map"),
			type: (text) => done.push(`type ${text}`),
		}),
		root as unknown as HTMLElement,
	);
	const press = (selector: string, key: string, repeat = false) => {
		const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, repeat });
		root.querySelector(selector)?.dispatchEvent(event);
		return event.defaultPrevented;
	};
	const texts = () =>
		[...root.querySelectorAll(".branch")].map((row) => row.textContent.replace(/\s+/g, " ").trim());
	return { root, done, press, texts };
}

test("a row of the menu says where its branch begins and what it does", () => {
	const { texts, root } = menu(4, [
		branch("b1", null, { forkLabel: "And by train?", status: "failed" }),
		branch("b2", null, { status: "failed", queued: 2 }),
		branch("b3", null, { queued: 1 }),
	]);
	assert.deepEqual(texts(), [
		"main",
		"Way 1 failed from And by train?",
		"Way 2 answering, 2 queued",
		"Way 3 1 queued",
	]);
	assert.equal(root.querySelector("#branch-filter"), null, "a few need no filter");
});

test("many branches are filtered by name and by the words at their fork, and are one Tab stop", () => {
	const states = [branch("b7", null, { forkLabel: "Trains" })];
	assert.equal(menu(20, states, " way 1 ").texts().length, 11);
	assert.equal(menu(20, states, "Way 12").texts().length, 1);
	assert.equal(menu(20, states, "TRAIN").texts().length, 1);
	const all = menu(20, states);
	assert.equal(all.root.querySelectorAll(".branch[tabindex='0']").length, 1);
	all.press("#branch-filter", "Enter");
	const none = menu(20, states, "whale");
	assert.match(none.root.textContent, /No branch matches/);
	none.press("#branch-filter", "Enter");
	none.press("#branch-filter", "Escape");
	assert.deepEqual([all.done, none.done], [["show b"], ["type "]]);
});

test("F2 renames a branch and Delete deletes it, but not main, and not one after the other", () => {
	const { done, press } = menu(3, []);
	for (const key of ["F2", "Delete"]) {
		assert.equal(press("[data-branch-id=b1]", key), true);
		assert.equal(press("[data-branch-id=b]", key), true, "F2 does not rename the conversation");
	}
	press("[data-branch-id=b1]", "Delete", true);
	assert.deepEqual(done, ["rename b1", "remove b1"]);
});
