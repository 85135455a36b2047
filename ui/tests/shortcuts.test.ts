import assert from "node:assert/strict";
import { test } from "node:test";
import { GLOBAL, globalOf, sends, shortcutGroups } from "../src/features/shortcuts/shortcuts";
import { ariaOf, formatShortcut, keysOf, matches, type Press } from "../src/shared/keyboard";

function press(key: string, held: Partial<Press> = {}): Press {
	const none = { ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };
	return { key, code: "", ...none, ...held };
}

const CTRL = { ctrlKey: true };

test("a shortcut is its key with its modifiers and no others", () => {
	assert.ok(matches(press("n", CTRL), "Mod+N", false));
	assert.ok(matches(press("N", CTRL), "Mod+N", false), "with Caps Lock on");
	assert.ok(!matches(press("n"), "Mod+N", false));
	assert.ok(!matches(press("N", { ...CTRL, shiftKey: true }), "Mod+N", false));
	assert.ok(matches(press("N", { ...CTRL, shiftKey: true }), "Mod+Shift+N", false));
	assert.ok(!matches(press("n", { ...CTRL, altKey: true }), "Mod+N", false), "AltGr types");
	assert.ok(!matches(press("F2", { shiftKey: true }), "F2", false));
});

test("on a Mac it is the Command key, and Ctrl stays with the text", () => {
	assert.ok(matches(press("f", { metaKey: true }), "Mod+F", true));
	assert.ok(!matches(press("f", CTRL), "Mod+F", true));
	assert.ok(!matches(press("f", { metaKey: true }), "Mod+F", false));
});

test("a sign is the same with Shift, because layouts have it in different places", () => {
	assert.ok(matches(press("/", CTRL), "Mod+/", false));
	assert.ok(matches(press("/", { ...CTRL, shiftKey: true }), "Mod+/", false), "German");
	assert.ok(matches(press("?", { shiftKey: true }), "?", false));
	assert.ok(!matches(press("?", CTRL), "?", false));
	assert.ok(matches(press("à", { ...CTRL, code: "Digit0" }), "Mod+0", false), "French");
	assert.ok(matches(press("0", { ...CTRL, code: "Numpad0" }), "Mod+0", false));
});

test("every way to press it zooms", () => {
	const name = (key: string, shiftKey = false) => globalOf(press(key, { ...CTRL, shiftKey }));
	assert.deepEqual([name("+"), name("+", true), name("=")], ["zoomIn", "zoomIn", "zoomIn"]);
	assert.deepEqual([name("-"), name("0"), name("_", true)], ["zoomOut", "zoomReset", "zoomOut"]);
});

test("no press is two shortcuts", () => {
	const all = Object.values(GLOBAL).flatMap((shortcut) => shortcut.keys as readonly string[]);
	assert.equal(new Set(all).size, all.length);
	assert.equal(globalOf(press("n")), undefined);
});

test("it is written as the system writes it", () => {
	assert.deepEqual(keysOf("Mod+Plus", false), ["Ctrl", "+"]);
	assert.equal(formatShortcut("Mod+Shift+N", false), "Ctrl+Shift+N");
	assert.equal(formatShortcut("Mod+Shift+N", true), "⇧⌘N");
	assert.equal(ariaOf("Mod+Plus", false), "Control+Plus");
	assert.equal(ariaOf("Mod+.", true), "Meta+.");
});

test("Enter sends and Shift+Enter breaks, or Ctrl+Enter sends and Enter breaks", () => {
	const enter = press("Enter");
	const shift = press("Enter", { shiftKey: true });
	const ctrl = press("Enter", CTRL);
	const command = press("Enter", { metaKey: true });
	const both = press("Enter", { ...CTRL, shiftKey: true });
	const all = [enter, shift, ctrl, command, both, press("a")];
	const by = (key: "enter" | "modEnter") => all.map((one) => sends(one, key));
	assert.deepEqual(by("enter"), [true, false, true, true, false, false]);
	assert.deepEqual(by("modEnter"), [false, false, true, true, false, false]);
});

test("the list has every shortcut, and the key that sends", () => {
	const listed = (key: "enter" | "modEnter") =>
		shortcutGroups(key).flatMap(([, members]) => members.flatMap(({ keys }) => keys));
	const all = new Set(listed("enter"));
	for (const { label, keys } of Object.values(GLOBAL)) {
		for (const key of keys) assert.ok(all.has(key), label);
	}
	assert.equal(listed("enter")[0], "Enter");
	assert.equal(listed("modEnter")[0], "Mod+Enter");
});
