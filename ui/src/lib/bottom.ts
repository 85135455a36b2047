/**
 * Keeps a scrolling region at its bottom while it grows, until the user scrolls up. Only what the user
 * does counts as scrolling: a scroll event alone may be the layout's doing.
 */
import { signal } from "@preact/signals-core";

/** How near to the bottom counts as being there, in px. */
const NEAR = 32;

export class Bottom {
	/** There is text below that the user has not scrolled to. */
	readonly hidden = signal(false);
	readonly #scroller: HTMLElement;
	#sticks = true;
	#byUser = false;

	/** `onTop` and `onEnd` are called when the user comes near to what is there no more. */
	constructor(scroller: HTMLElement, onTop: () => void, onEnd: () => void) {
		this.#scroller = scroller;
		for (const type of ["wheel", "touchmove", "keydown", "pointerdown"]) {
			scroller.addEventListener(type, () => this.#expectUser(), { passive: true });
		}
		scroller.addEventListener("scroll", () => {
			if (!this.#byUser) return;
			this.#sticks = this.#distance() < NEAR;
			if (this.#sticks) this.hidden.value = false;
			if (scroller.scrollTop < scroller.clientHeight) onTop();
			if (this.#distance() < scroller.clientHeight) onEnd();
		});
		new ResizeObserver(() => this.settle()).observe(scroller);
	}

	/** Call it when the content has changed. */
	settle(): void {
		if (this.#sticks) this.#scroller.scrollTop = this.#scroller.scrollHeight;
		else if (this.#distance() >= NEAR) this.hidden.value = true;
	}

	/** Goes to the bottom and stays there. */
	stick(): void {
		this.#sticks = true;
		this.#byUser = false;
		this.hidden.value = false;
		this.settle();
	}

	/** Does something that changes what is above, and keeps what the user looks at where it is. */
	anchored(change: () => void): void {
		const anchor = this.#anchor();
		const before = anchor?.getBoundingClientRect().top ?? 0;
		change();
		if (anchor === undefined || !anchor.isConnected || this.#sticks) return;
		this.#scroller.scrollTop += anchor.getBoundingClientRect().top - before;
	}

	/** The first message of which something is in sight. */
	#anchor(): Element | undefined {
		const top = this.#scroller.getBoundingClientRect().top;
		const messages = this.#scroller.querySelectorAll(".message");
		return [...messages].find((message) => message.getBoundingClientRect().bottom > top);
	}

	#expectUser(): void {
		this.#byUser = true;
	}

	#distance(): number {
		const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
		return scrollHeight - scrollTop - clientHeight;
	}
}
