/** What the reader looks at in a scrolling region, to come back to when it was laid out anew. */

/** Where an element was, in px. */
interface Mark {
	readonly element: Element;
	/** Below the top edge of the region; negative when its beginning is out of sight. */
	readonly top: number;
	readonly height: number;
}

export class ScrollAnchor {
	readonly #scroller: HTMLElement;
	readonly #width: number;
	/** The better ones first: the others are for when those are gone. */
	readonly #marks: readonly Mark[];

	/** What is at the top of the region now. */
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

	/** Scrolls back. In another width as much of the element is above as was, in proportion. */
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
