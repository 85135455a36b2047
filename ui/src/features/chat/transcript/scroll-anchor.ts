/** Scroll anchor: what the user reads in a scrolling region, to return to after a layout change. */

/** Position of an element, in px. */
interface Mark {
	readonly element: Element;
	/** Offset from the top edge of the region; negative if the element begins above it. */
	readonly top: number;
	readonly height: number;
}

export class ScrollAnchor {
	readonly #scroller: HTMLElement;
	readonly #width: number;
	/** Best first; the others are fallbacks for elements that are gone. */
	readonly #marks: readonly Mark[];

	/** Records what is at the top of the region. */
	constructor(scroller: HTMLElement) {
		this.#scroller = scroller;
		this.#width = scroller.clientWidth;
		const { left, top } = scroller.getBoundingClientRect();
		const hit = document.elementFromPoint(left + this.#width / 2, top + 1);
		const messages = [...scroller.querySelectorAll(".message")];
		const message = messages.find((message) => message.getBoundingClientRect().bottom > top);
		const elements = message?.contains(hit) ? [hit, message] : [message];
		this.#marks = elements
			.filter((element) => element != null)
			.map((element) => this.#mark(element));
	}

	/** Scrolls back. If the width has changed, the same proportion of the element is above the edge. */
	restore(): void {
		const before = this.#marks.find(({ element }) => element.isConnected);
		if (before === undefined) return;
		const now = this.#mark(before.element);
		const isReflowed = this.#scroller.clientWidth !== this.#width && before.top < 0;
		const scale = isReflowed && before.height > 0 ? now.height / before.height : 1;
		this.#scroller.scrollTop += now.top - before.top * scale;
	}

	#mark(element: Element): Mark {
		const { top, height } = element.getBoundingClientRect();
		return { element, top: top - this.#scroller.getBoundingClientRect().top, height };
	}
}
