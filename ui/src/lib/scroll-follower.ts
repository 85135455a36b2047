/**
 * Keeps a scrolling region at its bottom while it grows, until the user scrolls up, and from then on at what
 * the user reads. Only what the user does counts as scrolling: a scroll event alone may be the layout's doing.
 */
import { signal } from "@preact/signals-core";
import { ScrollAnchor } from "./scroll-anchor";

/** How near to the bottom counts as being there, in px. */
const NEAR = 32;

/** What is not on the page, above and below of what is. */
export interface ScrollEdges {
	/** More could be below: the bottom is not the end, and nothing to stay at. */
	hasLater(): boolean;
	/** The user comes near to the top. */
	onTop(): void;
	/** The user comes near to the bottom. */
	onEnd(): void;
}

export class ScrollFollower {
	/** There is text below that the user has not scrolled to. */
	readonly hidden = signal(false);
	readonly #scroller: HTMLElement;
	/** Told when the layout of a frame is known: to ask for it earlier would have it made twice. */
	readonly #resized = new ResizeObserver((changes) =>
		this.#follow(changes.some(({ target }) => target === this.#content)),
	);
	/** What is scrolled; it may grow without having been drawn anew. */
	#content: Element | null = null;
	#sticks = true;
	#byUser = false;
	/** The user folds or unfolds something. */
	#folds = false;
	/** Where the scroller was when it was last known. */
	#top = 0;
	#width = 0;
	/** What the user reads, while that is not the bottom. */
	#place: ScrollAnchor | null = null;

	constructor(scroller: HTMLElement, beyond: ScrollEdges) {
		this.#scroller = scroller;
		for (const type of ["wheel", "touchmove", "keydown", "pointerdown"]) {
			scroller.addEventListener(type, () => this.#expectUser(beyond), { passive: true });
		}
		scroller.addEventListener("click", ({ target }) => {
			this.#folds ||= (target as Element).closest("summary") !== null;
		});
		scroller.addEventListener("scroll", () => {
			this.#top = scroller.scrollTop;
			// In another width it is the layout's doing.
			if (scroller.clientWidth !== this.#width) return;
			if (this.#byUser) this.#scrolled(beyond);
			this.#place = this.#sticks ? null : new ScrollAnchor(scroller);
		});
		this.#resized.observe(scroller);
	}

	/** It is the bottom that is looked at, now and when it grows. */
	isFollowed(): boolean {
		return this.#sticks;
	}

	/** Call it when the content may be another element. That it grows is noticed by itself. */
	watch(): void {
		const content = this.#scroller.firstElementChild;
		if (content === this.#content) return;
		if (this.#content !== null) this.#resized.unobserve(this.#content);
		this.#content = content;
		this.#lookAgain();
	}

	/** Goes to the bottom, within the next frame, and stays there. */
	stick(): void {
		this.#sticks = true;
		this.#byUser = false;
		this.hidden.value = false;
		this.#lookAgain();
	}

	/** Has an element in the middle, and stays there instead. */
	show(element: Element): void {
		this.#sticks = false;
		element.scrollIntoView({ block: "center" });
	}

	/** Does something that changes what is above, and keeps what the user looks at where it is. */
	preserveScroll(change: () => void): void {
		if (this.#sticks) {
			change();
			return;
		}
		const place = new ScrollAnchor(this.#scroller);
		change();
		place.restore();
	}

	#scrolled(beyond: ScrollEdges): void {
		const { scrollTop, clientHeight } = this.#scroller;
		this.#sticks = this.#distance() < NEAR && !beyond.hasLater();
		if (this.#sticks) this.hidden.value = false;
		if (scrollTop < clientHeight) beyond.onTop();
		if (this.#distance() < clientHeight) beyond.onEnd();
	}

	#follow(grew: boolean): void {
		const { clientWidth } = this.#scroller;
		if (clientWidth !== this.#width && !this.#sticks) this.#place?.restore();
		this.#width = clientWidth;
		if (grew && this.#folds) {
			// What was unfolded is looked at, and is not new.
			this.#folds = false;
			this.#sticks &&= this.#distance() < NEAR;
			return;
		}
		this.#stay();
		if (grew && !this.#sticks && this.#distance() >= NEAR) this.hidden.value = true;
	}

	#stay(): void {
		if (!this.#sticks) return;
		const { scrollTop } = this.#scroller;
		// The user's scrolling is told a frame later than it is done, and what grows meanwhile must not undo it.
		if (this.#byUser && scrollTop < this.#top && this.#distance() >= NEAR) {
			this.#sticks = false;
			return;
		}
		this.#scroller.scrollTop = this.#scroller.scrollHeight;
		this.#top = this.#scroller.scrollTop;
	}

	/** What is observed anew is told of before the next frame. */
	#lookAgain(): void {
		if (this.#content === null) return;
		this.#resized.unobserve(this.#content);
		this.#resized.observe(this.#content);
	}

	#expectUser(beyond: ScrollEdges): void {
		this.#byUser = true;
		const { scrollHeight, clientHeight } = this.#scroller;
		// Nothing scrolls then: few messages are here, each of them wide rather than high.
		if (scrollHeight <= clientHeight) beyond.onTop();
	}

	#distance(): number {
		const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
		return scrollHeight - scrollTop - clientHeight;
	}
}
