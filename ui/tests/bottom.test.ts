import assert from "node:assert/strict";
import { test } from "node:test";
import { Bottom } from "../src/lib/bottom";

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

/** As much of an element that scrolls as is looked at. */
class Scroller extends EventTarget {
	readonly clientHeight = 500;
	readonly firstElementChild = {};
	scrollHeight = 2000;
	#top = 0;

	get scrollTop(): number {
		return this.#top;
	}

	set scrollTop(top: number) {
		this.#top = Math.min(top, this.scrollHeight - this.clientHeight);
	}

	/** Scrolls as the user does, of which the page is told later. */
	byUser(top: number): void {
		this.dispatchEvent(new Event("wheel"));
		this.scrollTop = top;
	}

	tell(): void {
		this.dispatchEvent(new Event("scroll"));
	}
}

function scene({ goesOn = false } = {}) {
	const scroller = new Scroller();
	const asked: string[] = [];
	observed.clear();
	const bottom = new Bottom(scroller as unknown as HTMLElement, {
		goesOn: () => goesOn,
		onTop: () => asked.push("top"),
		onEnd: () => asked.push("end"),
	});
	bottom.watch();
	bottom.stick();
	/** A frame is laid out in which the content has another size. */
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

test("who scrolls up stays there, also before the page is told of it", () => {
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
	const { scroller, asked, frame } = scene({ goesOn: true });
	scroller.byUser(1500);
	scroller.tell();
	assert.deepEqual(asked, ["end"]);
	scroller.scrollHeight = 4000;
	frame();
	assert.equal(scroller.scrollTop, 1500);
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
