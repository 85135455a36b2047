import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals-core";
import { Drafts } from "../src/features/chat/composer/drafts";
import {
	FREE,
	joinTexts,
	nextFieldState,
	shiftSelection,
	textBefore,
} from "../src/features/chat/composer/hand-over";
import { Typing } from "../src/features/chat/composer/typing";
import { commands, fakeCore } from "./core";

test("what is typed goes to the field that is free", () => {
	const busy = nextFieldState(FREE, { busy: true });
	assert.equal(busy.field, "next");
	assert.equal(nextFieldState(busy, { busy: false }).field, "message");
});

test("no field is changed while something is composed in it", () => {
	const composing = nextFieldState(FREE, { composing: true });
	const locked = nextFieldState(composing, { busy: true });
	assert.equal(locked.field, "message", "it is in the middle of a word");
	assert.equal(nextFieldState(locked, { composing: false }).field, "next");
	const next = nextFieldState(nextFieldState(FREE, { busy: true }), { composing: true });
	const released = nextFieldState(next, { busy: false });
	assert.equal(released.field, "next");
	assert.equal(nextFieldState(released, { busy: true }).field, "next", "locked again meanwhile");
	assert.equal(nextFieldState(released, { composing: false }).field, "message");
});

test("two texts stand on lines of their own, and an empty one on none", () => {
	assert.equal(joinTexts("one", "two"), "one\ntwo");
	assert.equal(joinTexts("", "two"), "two");
	assert.equal(joinTexts("one", ""), "one");
	for (const [first, next] of [
		["one", "two"],
		["", "two"],
		["one\n", "two"],
		["one", "\ntwo"],
	] as const) {
		assert.equal(textBefore(joinTexts(first, next), next), first);
	}
	assert.equal(textBefore("onetwo", "two"), null, "not joined");
	assert.equal(textBefore("one", ""), null);
	assert.equal(textBefore("one", "two"), null);
});

test("a selection goes with its text", () => {
	const selection = { start: 1, end: 3, direction: "backward" } as const;
	const at = shiftSelection(selection, "next", joinTexts("one", "next"));
	assert.deepEqual(at, { start: 5, end: 7, direction: "backward" });
	assert.deepEqual(shiftSelection(selection, "next", "other"), {
		start: 5,
		end: 5,
		direction: "none",
	});
});

/** The two fields, as the page has them. */
function scene() {
	fakeCore({ save_draft: () => null });
	const [shown, busy] = [signal("c"), signal(false)];
	const drafts = new Drafts(commands, () => {});
	const typing = new Typing({ drafts, key: shown, busy });
	const fields = () => [drafts.of(shown.value), drafts.nextOf(shown.value)];
	return { shown, busy, drafts, typing, fields };
}

test("a release puts the next message behind what stood there", () => {
	const { busy, typing, fields } = scene();
	typing.type("half a thought");
	busy.value = true;
	typing.type("and anoth");
	assert.deepEqual(fields(), ["half a thought", "and anoth"]);
	busy.value = false;
	assert.deepEqual(fields(), ["half a thought\nand anoth", ""]);
	assert.equal(typing.text.value, "half a thought\nand anoth");
});

test("a restored next message is handed over when nothing is locked", () => {
	const getItem = (name: string) => (name === "next:c" ? "and anoth" : null);
	Object.assign(globalThis, { sessionStorage: { getItem } });
	const { drafts, fields } = scene();
	drafts.restore("c", "half a thought\nand anoth");
	assert.deepEqual(fields(), ["half a thought\nand anoth", ""]);
	Reflect.deleteProperty(globalThis, "sessionStorage");
});

test("a next message is handed over when its composition ends", () => {
	const { busy, typing, fields } = scene();
	busy.value = true;
	typing.compose(true);
	typing.type("にほ");
	busy.value = false;
	assert.deepEqual(fields(), ["", "にほ"]);
	typing.type("日本");
	typing.compose(false);
	assert.deepEqual(fields(), ["日本", ""]);
});

test("each conversation has a next message of its own, which waits for its own lock", () => {
	const { shown, busy, typing, fields } = scene();
	busy.value = true;
	typing.type("for c");
	shown.value = "d";
	typing.type("for d");
	assert.deepEqual(fields(), ["", "for d"]);
	busy.value = false;
	assert.deepEqual(fields(), ["for d", ""]);
	busy.value = true;
	shown.value = "c";
	assert.deepEqual(fields(), ["", "for c"], "it is written there still");
	busy.value = false;
	assert.deepEqual(fields(), ["for c", ""]);
});

test("a composition ends with its conversation, but for one that is just created", () => {
	const { shown, busy, typing } = scene();
	typing.compose(true);
	busy.value = true;
	assert.equal(typing.field.value, "message");
	shown.value = "d";
	assert.equal(typing.field.value, "next");
	typing.compose(true);
	busy.value = false;
	typing.adopt("d", "e");
	shown.value = "e";
	assert.equal(typing.field.value, "next", "it goes on there");
});

test("whatever happens in between, every key is kept and in order", () => {
	let seed = 7;
	const random = (below: number) => {
		seed = (seed * 1103515245 + 12345) % 2 ** 31;
		return Math.floor((seed / 2 ** 31) * below);
	};
	for (let round = 0; round < 200; round += 1) {
		const { shown, busy, typing, fields } = scene();
		const typed: Record<string, string> = { c: "", d: "" };
		for (let step = 0; step < 60; step += 1) {
			const what = random(10);
			if (what < 6) {
				const key = String.fromCharCode(97 + random(26));
				typed[shown.value] += key;
				typing.type(typing.text.value + key);
			} else if (what < 8) busy.value = !busy.value;
			else if (what === 8) typing.compose(random(2) === 0);
			else {
				typing.compose(false);
				shown.value = shown.value === "c" ? "d" : "c";
			}
		}
		typing.compose(false);
		busy.value = false;
		for (const id of ["c", "d"]) {
			shown.value = id;
			const [text, next] = fields();
			assert.deepEqual([text?.replaceAll("\n", ""), next], [typed[id], ""], `round ${round}`);
		}
	}
});
