import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

// Not bundled with the tests: it is too large, and not made for it.
const load = (name: string): Promise<typeof import("happy-dom")> => import(name);
const { Window } = await load("happy-dom");
const page = new Window();
const { document, Element } = page;
Object.assign(globalThis, { window: page, document, Element });
const { keepFocus } = await import("../src/features/chat/composer/focus");

const composing: boolean[] = [];

/** The composer in one of its two forms, as the page draws it. */
function scene() {
	document.body.innerHTML = `<div id="other" tabindex="0"></div><div id="composer">
		<textarea id="chat-input"></textarea><button id="stop-button"></button>
		<button id="send-button"></button></div>`;
	const root = document.getElementById("composer") as unknown as HTMLElement;
	const focus = keepFocus(root, (on) => composing.push(on));
	const field = (id: string) => document.getElementById(id) as unknown as HTMLTextAreaElement;
	return {
		field,
		focus,
		active: () => document.activeElement?.id,
		lock: (text = "") => {
			focus.beforeRender();
			const next = document.createElement("textarea");
			next.id = "next-input";
			next.value = text;
			(field("chat-input") as unknown as Node).parentNode?.appendChild(next as never);
			field("chat-input").disabled = true;
			focus.afterRender();
		},
		release: (text: string) => {
			focus.beforeRender();
			field("next-input").remove();
			field("chat-input").disabled = false;
			field("chat-input").value = text;
			focus.afterRender();
		},
	};
}

beforeEach(() => {
	composing.length = 0;
});

test("the focus goes to the next message and comes back with its caret", () => {
	const { field, active, lock, release } = scene();
	field("chat-input").focus();
	lock();
	assert.equal(active(), "next-input");
	field("next-input").value = "second";
	field("next-input").setSelectionRange(2, 4, "backward");
	release("first\nsecond");
	assert.equal(active(), "chat-input");
	const { selectionStart, selectionEnd, selectionDirection } = field("chat-input");
	assert.deepEqual([selectionStart, selectionEnd, selectionDirection], [8, 10, "backward"]);
});

test("where nothing was typed meanwhile, the caret is where it was", () => {
	const { field, active, lock, release } = scene();
	field("chat-input").value = "half a thought";
	field("chat-input").focus();
	field("chat-input").setSelectionRange(4, 6, "forward");
	lock();
	release("half a thought");
	assert.equal(active(), "chat-input");
	const { selectionStart, selectionEnd } = field("chat-input");
	assert.deepEqual([selectionStart, selectionEnd], [4, 6]);
});

test("the focus moves from Send too, and from no other control", () => {
	const one = scene();
	one.field("send-button").focus();
	one.lock();
	assert.equal(one.active(), "next-input");

	const other = scene();
	other.field("other").focus();
	other.lock();
	assert.equal(other.active(), "other");
	other.release("text");
	assert.equal(other.active(), "other");
});

test("a release leaves the focus on another control", () => {
	const { field, active, lock, release } = scene();
	field("chat-input").focus();
	lock();
	field("stop-button").focus();
	release("text");
	assert.equal(active(), "stop-button");
});

test("a text that is put before the typed one leaves the caret in its word", () => {
	const { field, focus } = scene();
	field("chat-input").focus();
	field("chat-input").value = "typed";
	field("chat-input").setSelectionRange(3, 3);
	focus.beforeRender();
	field("chat-input").value = "kept\ntyped";
	focus.afterRender();
	assert.equal(field("chat-input").selectionStart, 8);
});

const pressed = (target: HTMLElement) => {
	const event = new page.MouseEvent("mousedown", { bubbles: true, cancelable: true });
	target.dispatchEvent(event as unknown as Event);
	return event.defaultPrevented;
};

test("a press on a button of the composer gives the focus to the field, and leaves it there", () => {
	const { field, active } = scene();
	field("other").focus();
	assert.equal(pressed(field("send-button")), true);
	assert.equal(active(), "chat-input");
	assert.equal(pressed(field("chat-input")), false, "a press in it moves the caret");
});

test("a composition ends a moment after its event, but for the next one", () => {
	mock.timers.enable({ apis: ["setTimeout"] });
	const { field } = scene();
	const tell = (type: string) =>
		field("chat-input").dispatchEvent(new page.Event(type, { bubbles: true }) as unknown as Event);
	tell("compositionstart");
	assert.equal(pressed(field("send-button")), false, "a press ends it");
	tell("compositionend");
	assert.deepEqual(composing, [true], "what was composed may still be put in");
	tell("compositionstart");
	mock.timers.tick(1000);
	assert.deepEqual(composing, [true, true]);
	tell("compositionend");
	mock.timers.tick(1000);
	assert.deepEqual(composing, [true, true, false]);
	mock.timers.reset();
});
