import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Toasts } from "../src/features/toasts/toasts";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

const texts = (toasts: Toasts) => toasts.shown.value.map((toast) => toast.text);

test("at most one error is shown, however often it is said", () => {
	const toasts = new Toasts();
	toasts.error("please wait");
	toasts.error("please wait");
	assert.equal(toasts.shown.value.length, 1);
	toasts.error("something else");
	assert.deepEqual(texts(toasts), ["something else"]);
	toasts.show({ text: "please wait", kind: "refusal" });
	assert.deepEqual(texts(toasts), ["please wait"], "a refusal is one too");
	toasts.note("Copied");
	assert.equal(toasts.shown.value.length, 2, "a note does not push out an error");
});

test("a note goes after its time, but not while it is looked at", () => {
	const toasts = new Toasts();
	toasts.error("please wait");
	const id = toasts.shown.value[0]?.id ?? 0;
	toasts.hold(id);
	mock.timers.tick(60_000);
	assert.equal(toasts.shown.value.length, 1);
	toasts.release(id);
	mock.timers.tick(60_000);
	assert.equal(toasts.shown.value.length, 0);
});

test("a note may have a time of its own", () => {
	const toasts = new Toasts();
	toasts.show({ text: "Deleted", kind: "note", duration: 10_000 });
	mock.timers.tick(9999);
	assert.equal(toasts.shown.value.length, 1);
	mock.timers.tick(1);
	assert.equal(toasts.shown.value.length, 0);
});

test("what a note offers is done once, and the note goes", () => {
	const toasts = new Toasts();
	let undone = 0;
	const action = { label: "Undo", run: () => (undone += 1) };
	const id = toasts.show({ text: "Deleted", kind: "note", actions: [action] });
	toasts.act(id, action);
	toasts.act(id, action);
	assert.deepEqual([undone, toasts.shown.value.length], [1, 0]);
});

test("a note that offers something is pushed out by no other, and two of the same text are two", () => {
	const toasts = new Toasts();
	const done: string[] = [];
	const offer = (name: string) => ({ label: "Undo", run: () => done.push(name) });
	toasts.show({ text: "Deleted", kind: "note", actions: [offer("one")] });
	const two = offer("two");
	const second = toasts.show({ text: "Deleted", kind: "note", actions: [two] });
	toasts.note("Copied");
	toasts.note("Zoom: 110%");
	assert.deepEqual(texts(toasts), ["Deleted", "Deleted", "Zoom: 110%"]);
	toasts.act(second, two);
	assert.deepEqual(done, ["two"]);
	assert.deepEqual(texts(toasts), ["Deleted", "Zoom: 110%"]);
});

test("a refusal goes with its reason, and an error stays", () => {
	const toasts = new Toasts();
	toasts.show({ text: "please wait", kind: "refusal" });
	toasts.dismissRefusals();
	assert.deepEqual(texts(toasts), []);
	toasts.error("The disk is full");
	toasts.dismissRefusals();
	assert.deepEqual(texts(toasts), ["The disk is full"]);
});

test("an error that offers something is one error still", () => {
	const toasts = new Toasts();
	const action = { label: "Attach files", run: () => {} };
	const request = { text: "Nothing to paste", kind: "error", actions: [action] } as const;
	assert.equal(toasts.show(request), toasts.show(request));
	toasts.error("The disk is full");
	assert.deepEqual(texts(toasts), ["The disk is full"]);
});
