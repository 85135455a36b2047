import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Toasts } from "../src/state/toasts";

test("at most one error is shown, however often it is said", () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const toasts = new Toasts();
	toasts.error("please wait");
	toasts.error("please wait");
	assert.equal(toasts.shown.value.length, 1);
	toasts.error("something else");
	assert.deepEqual(
		toasts.shown.value.map((toast) => toast.text),
		["something else"],
	);
	toasts.note("Copied");
	assert.equal(toasts.shown.value.length, 2, "a note does not push out an error");
	mock.timers.reset();
});

test("a note goes after its time, but not while it is looked at", () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const toasts = new Toasts();
	toasts.error("please wait");
	const id = toasts.shown.value[0]?.id ?? 0;
	toasts.hold(id);
	mock.timers.tick(60_000);
	assert.equal(toasts.shown.value.length, 1);
	toasts.release(id);
	mock.timers.tick(60_000);
	assert.equal(toasts.shown.value.length, 0);
	mock.timers.reset();
});
