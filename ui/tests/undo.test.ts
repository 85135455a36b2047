import assert from "node:assert/strict";
import { test } from "node:test";
import { signal } from "@preact/signals-core";
import { Drafts } from "../src/features/chat/composer/drafts";
import { Typing } from "../src/features/chat/composer/typing";
import { endOfChange } from "../src/features/chat/composer/undo";
import { commands, fakeCore } from "./core";

function scene() {
	fakeCore({ save_draft: () => null });
	const [shown, busy] = [signal("c"), signal(false)];
	const drafts = new Drafts(commands, () => {});
	const typing = new Typing({ drafts, key: shown, busy });
	/** Types character by character, as keys do. */
	const keys = (text: string) => {
		for (const key of text) typing.type(typing.text.value + key);
	};
	/** Returns the texts that repeated undo restores. */
	const back = () => {
		const texts: string[] = [];
		while (typing.undo() !== null) texts.push(typing.text.value);
		return texts;
	};
	return { shown, busy, drafts, typing, keys, back };
}

test("a word is one step, and what was taken back can be made again", () => {
	const { typing, keys, back } = scene();
	keys("one two");
	assert.deepEqual(back(), ["one ", ""]);
	assert.equal(typing.redo(), 4);
	typing.redo();
	assert.equal(typing.text.value, "one two");
	assert.equal(typing.redo(), null);
	typing.undo();
	keys("x");
	assert.equal(typing.redo(), null, "something else was typed");
});

test("a text that is put in at once is a step of its own", () => {
	const { typing, keys, back } = scene();
	keys("ab");
	typing.type("ab pasted text");
	keys("c");
	assert.deepEqual(back(), ["ab pasted text", "ab", ""]);
});

test("letters at different places are different steps, and so are deletions of several", () => {
	const { typing, back } = scene();
	typing.type("b");
	typing.type("ab");
	typing.type("abc");
	typing.type("");
	assert.deepEqual(back(), ["abc", "ab", "b", ""]);
});

test("what an input method composed is one step", () => {
	const { typing, back } = scene();
	typing.compose(true);
	for (const text of ["n", "に", "にh", "にほ", "日本"]) typing.type(text);
	assert.equal(typing.undo(), null, "it takes back its own letters");
	typing.compose(false);
	assert.deepEqual(back(), [""]);
});

test("after a hand-over each step is undone behind the earlier text", () => {
	const { busy, keys, back, typing } = scene();
	keys("kept");
	busy.value = true;
	keys("one two");
	typing.undo();
	keys("three");
	busy.value = false;
	assert.deepEqual(back(), ["kept\none ", "kept", ""]);
});

test("what was sent is not put back, nor what another conversation has", () => {
	const { shown, drafts, typing, keys } = scene();
	keys("sent");
	drafts.sent("c", "sent");
	assert.equal(typing.undo(), null);
	keys("here");
	shown.value = "d";
	assert.equal(typing.undo(), null);
	shown.value = "c";
	typing.undo();
	assert.equal(typing.text.value, "");
});

test("the caret stands behind what has changed", () => {
	assert.equal(endOfChange("one five", "one two five"), 8);
	assert.equal(endOfChange("one two five", "one five"), 4);
	assert.equal(endOfChange("aa", "aaa"), 3);
});
