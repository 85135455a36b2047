import assert from "node:assert/strict";
import { test } from "node:test";
import { ScrollFollower } from "../src/features/chat/transcript/scroll-follower";

let resized: (changes: { target: unknown }[]) => void = () => {};
const observed = new Set<unknown>();
Object.assign(globalThis, {
	ResizeObserver: class {
		constructor(callback: typeof resized) {
			resized = callback;
		}
		observe(target: unknown) {
			observed.add(target);
		}
		unobserve(target: unknown) {
			observed.delete(target);
		}
	},
});

/** A message, or a paragraph in one, at a known position in the content. */
class Box {
	isConnected = true;
	start: number;
	height: number;
	readonly #scroller: Scroller;
	readonly #content: readonly unknown[];

	constructor(scroller: Scroller, start: number, height: number, content: readonly unknown[] = []) {
		this.start = start;
		this.height = height;
		this.#scroller = scroller;
		this.#content = content;
	}

	contains(other: unknown): boolean {
		return this.#content.includes(other);
	}

	getBoundingClientRect() {
		const top = 50 + this.start - this.#scroller.scrollTop;
		return { top, bottom: top + this.height, height: this.height };
	}
}

/** The parts of a scrollable element that the follower reads. It is 50 px below the top of the window. */
class Scroller extends EventTarget {
	readonly clientHeight = 500;
	readonly firstElementChild = {};
	clientWidth = 700;
	messages: Box[] = [];
	scrollHeight = 2000;
	#top = 0;

	get scrollTop(): number {
		return this.#top;
	}

	set scrollTop(top: number) {
		this.#top = Math.min(top, this.scrollHeight - this.clientHeight);
	}

	/** Scrolls as the user does; the scroll event follows later. */
	byUser(top: number): void {
		this.dispatchEvent(new Event("wheel"));
		this.scrollTop = top;
	}

	/** Clicks on a summary in its content. */
	clickSummary(): void {
		this.dispatchEvent(new Event("click"));
	}

	closest(): unknown {
		return {};
	}

	tell(): void {
		this.dispatchEvent(new Event("scroll"));
	}

	getBoundingClientRect() {
		return { left: 0, top: 50 };
	}

	querySelectorAll() {
		return this.messages;
	}
}

let hit: unknown = null;
Object.assign(globalThis, { document: { elementFromPoint: () => hit } });

function scene({ hasLater = false } = {}) {
	const scroller = new Scroller();
	const asked: string[] = [];
	observed.clear();
	const bottom = new ScrollFollower(scroller as unknown as HTMLElement, {
		hasLater: () => hasLater,
		onTop: () => asked.push("top"),
		onEnd: () => asked.push("end"),
	});
	bottom.watch();
	bottom.stick();
	/** Lays out a frame in which the content has another size. */
	const frame = () => {
		assert.ok(observed.has(scroller.firstElementChild), "the content is looked at");
		resized([{ target: scroller.firstElementChild }]);
	};
	frame();
	return { scroller, bottom, asked, frame };
}

test("what grows is followed", () => {
	const { scroller, bottom, frame } = scene();
	assert.equal(scroller.scrollTop, 1500);
	scroller.scrollHeight = 2400;
	frame();
	assert.equal(scroller.scrollTop, 1900);
	assert.equal(bottom.hidden.value, false);
});

test("a window that is made smaller brings no new text", () => {
	const { scroller, bottom } = scene();
	scroller.byUser(700);
	scroller.tell();
	resized([{ target: scroller }]);
	assert.equal(scroller.scrollTop, 700);
	assert.equal(bottom.hidden.value, false);
});

test("a user who scrolls up stays there, even before the scroll event arrives", () => {
	const { scroller, bottom, frame } = scene();
	scroller.byUser(700);
	scroller.scrollHeight = 2400;
	frame();
	assert.equal(scroller.scrollTop, 700);
	assert.equal(bottom.hidden.value, true, "and is told that there is more");
	scroller.tell();
	frame();
	assert.equal(scroller.scrollTop, 700);
	scroller.byUser(1900);
	scroller.tell();
	assert.equal(bottom.hidden.value, false);
	scroller.scrollHeight = 2800;
	frame();
	assert.equal(scroller.scrollTop, 2300, "the bottom is followed again");
});

test("the bottom of a part is not the end", () => {
	const { scroller, asked, frame } = scene({ hasLater: true });
	scroller.byUser(1500);
	scroller.tell();
	assert.deepEqual(asked, ["end"]);
	scroller.scrollHeight = 4000;
	frame();
	assert.equal(scroller.scrollTop, 1500);
});

test("what does not fill the window is scrolled to what is before", () => {
	const { scroller, asked } = scene();
	scroller.scrollHeight = scroller.clientHeight;
	scroller.byUser(0);
	assert.deepEqual(asked, ["top"]);
});

test("what the user unfolds stays visible and does not count as new text", () => {
	const { scroller, bottom, frame } = scene();
	scroller.clickSummary();
	scroller.scrollHeight = 2400;
	frame();
	assert.equal(scroller.scrollTop, 1500);
	assert.equal(bottom.hidden.value, false);
	scroller.scrollHeight = 2500;
	frame();
	assert.equal(scroller.scrollTop, 1500);
	assert.equal(bottom.hidden.value, true, "what comes then is");
});

test("text that shrinks is no scrolling", () => {
	const { scroller, frame } = scene();
	scroller.byUser(1500);
	scroller.tell();
	scroller.scrollHeight = 1800;
	scroller.scrollTop = 1500;
	frame();
	assert.equal(scroller.scrollTop, 1300);
	scroller.scrollHeight = 2200;
	frame();
	assert.equal(scroller.scrollTop, 1700);
});

/** A user reading the second of two messages, in a paragraph that begins above the top edge. */
function reader() {
	const all = scene();
	const { scroller } = all;
	const paragraph = new Box(scroller, 900, 400);
	const messages = [new Box(scroller, 0, 600), new Box(scroller, 600, 3000, [paragraph])];
	scroller.messages = messages;
	hit = paragraph;
	scroller.byUser(1000);
	scroller.tell();
	return { ...all, paragraph, messages };
}

test("in another width the reader is as far in the paragraph", () => {
	const { scroller, paragraph } = reader();
	scroller.clientWidth = 350;
	Object.assign(paragraph, { start: 1800, height: 800 });
	scroller.scrollHeight = 4000;
	scroller.tell();
	resized([{ target: scroller }]);
	assert.equal(scroller.scrollTop, 2000);
	scroller.tell();
	scroller.clientWidth = 700;
	Object.assign(paragraph, { start: 900, height: 400 });
	scroller.scrollHeight = 2000;
	scroller.scrollTop = 2000;
	scroller.tell();
	resized([{ target: scroller }]);
	assert.equal(scroller.scrollTop, 1000, "and comes back");
});

test("changes above and growth below do not move what the user reads", () => {
	const { scroller, bottom, paragraph, messages } = reader();
	bottom.preserveScroll(() => {
		Object.assign(paragraph, { start: 950, height: 700 });
	});
	assert.equal(scroller.scrollTop, 1050);
	bottom.preserveScroll(() => {
		paragraph.isConnected = false;
		Object.assign(messages[1] as Box, { start: 700 });
	});
	assert.equal(scroller.scrollTop, 1150, "also where the paragraph is drawn anew");
});

test("the bottom stays in view when the width changes", () => {
	const { scroller } = scene();
	scroller.clientWidth = 350;
	scroller.scrollHeight = 4000;
	resized([{ target: scroller }]);
	assert.equal(scroller.scrollTop, 3500);
});
