import assert from "node:assert/strict";
import { test } from "node:test";
import { Bottom } from "../src/lib/bottom";

let resized = () => {};
Object.assign(globalThis, {
	ResizeObserver: class {
		constructor(callback: () => void) {
			resized = callback;
		}
		observe() {}
		unobserve() {}
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
	const bottom = new Bottom(scroller as unknown as HTMLElement, {
		goesOn: () => goesOn,
		onTop: () => asked.push("top"),
		onEnd: () => asked.push("end"),
	});
	bottom.stick();
	return { scroller, bottom, asked };
}

test("what grows is followed, whether it is drawn anew or not", () => {
	const { scroller, bottom } = scene();
	scroller.scrollHeight = 2400;
	bottom.settle();
	assert.equal(scroller.scrollTop, 1900);
	scroller.scrollHeight = 3000;
	resized();
	assert.equal(scroller.scrollTop, 2500);
	assert.equal(bottom.hidden.value, false);
});

test("who scrolls up stays there, also before the page is told of it", () => {
	const { scroller, bottom } = scene();
	scroller.byUser(700);
	scroller.scrollHeight = 2400;
	bottom.settle();
	assert.equal(scroller.scrollTop, 700);
	assert.equal(bottom.hidden.value, true, "and is told that there is more");
	scroller.tell();
	bottom.settle();
	assert.equal(scroller.scrollTop, 700);
	scroller.byUser(1900);
	scroller.tell();
	assert.equal(bottom.hidden.value, false);
	scroller.scrollHeight = 2800;
	bottom.settle();
	assert.equal(scroller.scrollTop, 2300, "the bottom is followed again");
});

test("the bottom of a part is not the end", () => {
	const { scroller, bottom, asked } = scene({ goesOn: true });
	scroller.byUser(1500);
	scroller.tell();
	assert.deepEqual(asked, ["end"]);
	scroller.scrollHeight = 4000;
	bottom.settle();
	assert.equal(scroller.scrollTop, 1500);
});

test("text that shrinks is no scrolling", () => {
	const { scroller, bottom } = scene();
	scroller.byUser(1500);
	scroller.tell();
	scroller.scrollHeight = 1800;
	scroller.scrollTop = 1500;
	bottom.settle();
	assert.equal(scroller.scrollTop, 1300);
	scroller.scrollHeight = 2200;
	bottom.settle();
	assert.equal(scroller.scrollTop, 1700);
});
