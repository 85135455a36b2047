import assert from "node:assert/strict";
import { test } from "node:test";
import { Conversations } from "../src/features/sidebar/conversations";
import type { ConversationSummary } from "../src/ipc/bindings";
import { commands, fakeCore } from "./core";

/** A core with conversations, newest first, that answers like the real one. */
function library(count: number) {
	let rows: ConversationSummary[] = [];
	let made = 0;
	const make = (at = made * 10): ConversationSummary => {
		made += 1;
		const id = `c${String(made).padStart(6, "0")}`;
		const row = {
			id,
			title: id,
			modelId: null,
			mainBranchId: id,
			createdAt: at,
			updatedAt: at,
			busy: false,
		};
		rows.push(row);
		return row;
	};
	const sorted = () => rows.toSorted((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? 1 : -1));
	const core = fakeCore({
		list_conversations: ({ after, limit }) => {
			const all = sorted();
			const from = after === null ? 0 : all.findIndex((row) => row.id === after) + 1;
			if (after !== null && from === 0) throw { code: "not_found", message: "not found" };
			return all.slice(from, from + Number(limit));
		},
	});
	for (let n = 0; n < count; n += 1) make();
	return {
		core,
		make,
		touch: (id: string): ConversationSummary => {
			const updatedAt = made++ * 10;
			rows = rows.map((row) => (row.id === id ? { ...row, updatedAt } : row));
			return rows.find((row) => row.id === id) ?? assert.fail(id);
		},
		change: (id: string, to: Partial<ConversationSummary>) => {
			rows = rows.map((row) => (row.id === id ? { ...row, ...to } : row));
		},
		take: (id: string) => {
			const taken = rows.find((row) => row.id === id);
			rows = rows.filter((row) => row.id !== id);
			return () => {
				if (taken !== undefined) rows.push(taken);
			};
		},
		ids: () => sorted().map((row) => row.id),
	};
}

/** Asserts that the list is a prefix of `all`, and that more can be loaded unless it is complete. */
function hasNoGap(list: Conversations, all: readonly string[]) {
	const listed = list.list.value.map((row) => row.id);
	assert.deepEqual(listed, all.slice(0, listed.length));
	assert.ok(list.hasMore.value || listed.length === all.length, "more would never be read");
}

async function scrolledTo(list: Conversations, count: number) {
	while (list.list.value.length < count && list.hasMore.value) await list.loadMore();
}

test("however many are made at once, the list has no gap, as far as it was scrolled", async () => {
	for (const known of [15, 40, 41, 130]) {
		const { make, ids } = library(known);
		const list = new Conversations(commands);
		await list.refresh();
		await scrolledTo(list, known);
		hasNoGap(list, ids());
		// A burst, as from a script: each has its event, and the first read returns some of them.
		const events: Promise<void>[] = [];
		for (let n = 0; n < 297; n += 1) events.push(list.refresh(make().id));
		await Promise.all(events);
		hasNoGap(list, ids());
		assert.ok(list.list.value.length >= known, "what was in sight stays");
		await scrolledTo(list, 1000);
		assert.equal(list.list.value.length, known + 297);
		hasNoGap(list, ids());
	}
});

test("those of one instant stand in the core's order, without a gap", async () => {
	const { make, ids } = library(60);
	const list = new Conversations(commands);
	await list.refresh();
	await scrolledTo(list, 60);
	for (let n = 0; n < 100; n += 1) make(5_000);
	await list.refresh();
	hasNoGap(list, ids());
	await scrolledTo(list, 160);
	hasNoGap(list, ids());
	assert.equal(list.list.value.length, 160);
});

test("one that is old and comes back is listed where it belongs", async () => {
	const { make, take, change, ids } = library(120);
	const list = new Conversations(commands);
	await list.refresh();
	await scrolledTo(list, 120);
	const gone = ids()[70] ?? "";
	const back = take(gone);
	list.removed(gone);
	hasNoGap(list, ids());
	back();
	await list.refresh(gone);
	hasNoGap(list, ids());
	// Imported, with its original timestamp.
	await list.refresh(make(333).id);
	hasNoGap(list, ids());
	change(gone, { title: "renamed elsewhere" });
	await list.refresh(gone);
	assert.ok(list.list.value.some((row) => row.title === "renamed elsewhere"));
});

test("one that is written in goes to the top, and that costs one page", async () => {
	const { core, touch, ids } = library(400);
	const list = new Conversations(commands);
	await list.refresh();
	await scrolledTo(list, 300);
	const before = core.calls.length;
	touch(ids()[250] ?? "");
	await list.refresh(ids()[0]);
	assert.equal(core.calls.length, before + 1);
	hasNoGap(list, ids());
	assert.equal(list.list.value.length, 320);
});

test("a page that is asked for while others come joins on, or is asked for again", async () => {
	const { make, touch, take, ids } = library(100);
	const list = new Conversations(commands);
	await list.refresh();
	const last = list.list.value.at(-1)?.id ?? "";
	const more = list.loadMore();
	touch(last);
	const event = list.refresh(last);
	await Promise.all([more, event, list.refresh(make().id)]);
	hasNoGap(list, ids());

	// Purged by another process: it is no longer valid as a cursor.
	take(list.list.value.at(-1)?.id ?? "");
	await list.loadMore();
	hasNoGap(list, ids());
	await scrolledTo(list, 1000);
	hasNoGap(list, ids());
	assert.equal(list.list.value.length, 100);
});

test("a page that is asked for while rows move joins on without a gap, and lists none twice", async () => {
	const { touch, ids } = library(100);
	const list = new Conversations(commands);
	await list.refresh();
	// One of the page that is on its way, and then the one that it was asked for after.
	for (const id of [ids()[50] ?? "", list.list.value.at(-1)?.id ?? ""]) {
		const more = list.loadMore();
		list.rowChanged(touch(id));
		await more;
		hasNoGap(list, ids());
	}
	await scrolledTo(list, 1000);
	assert.deepEqual(
		list.list.value.map((row) => row.id),
		ids(),
	);
});

test("a page that comes after the list has been read again does not leave a gap", async () => {
	const { make, ids } = library(100);
	let release = () => {};
	const late = new Promise<void>((resolve) => {
		release = resolve;
	});
	let isHeld = false;
	const list = new Conversations({
		listConversations: async (after, limit) => {
			const isLate = isHeld;
			const page = await commands.listConversations(after, limit);
			if (isLate) await late;
			return page;
		},
	});
	await list.refresh();
	isHeld = true;
	const more = list.loadMore();
	isHeld = false;
	for (let n = 0; n < 50; n += 1) make();
	await list.refresh();
	release();
	await more;
	hasNoGap(list, ids());
	await scrolledTo(list, 1000);
	hasNoGap(list, ids());
	assert.equal(list.list.value.length, 150);
});

test("one that is deleted while the list is read does not come back", async () => {
	const { take, ids } = library(90);
	const list = new Conversations(commands);
	await list.refresh();
	await scrolledTo(list, 90);
	const gone = ids()[60] ?? "";
	const reading = list.refresh();
	take(gone);
	list.removed(gone);
	await Promise.all([reading, list.refresh()]);
	hasNoGap(list, ids());
});
