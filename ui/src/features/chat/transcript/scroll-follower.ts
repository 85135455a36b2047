/**
 * Keeps a scrolling region at its bottom while it grows, until the user scrolls up; from then on, at what the
 * user reads. Only user input counts as scrolling: a scroll event alone may come from the layout.
 */
import { signal } from "@preact/signals-core";
import { ScrollAnchor } from "./scroll-anchor";

/** Distance from the bottom that counts as being there, in px. */
const NEAR = 32;

/** What is not loaded, above and below the page's content. */
export interface ScrollEdges {
	/** There is more to load below: the bottom is not the end, and is not followed. */
	hasLater(): boolean;
	/** Called when the user scrolls near the top. */
	onTop(): void;
	/** Called when the user scrolls near the bottom. */
	onEnd(): void;
}

export class ScrollFollower {
	/** There is text below that the user has not scrolled to. */
	readonly hidden = signal(false);
	readonly #scroller: HTMLElement;
	/** Notified when the layout of a frame is known: reading it earlier would force a second layout. */
	readonly #resized = new ResizeObserver((changes) =>
		this.#follow(changes.some(({ target }) => target === this.#content)),
	);
	/** The scrolled content, which may grow without a render. */
	#content: Element | null = null;
	#sticks = true;
	#byUser = false;
	/** The user has folded or unfolded something. */
	#folds = false;
	/** Last known scroll position. */
	#top = 0;
	#width = 0;
	/** What the user reads while the bottom is not followed. */
	#anchor: ScrollAnchor | null = null;

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
			// After a change of width, it comes from the layout.
			if (scroller.clientWidth !== this.#width) return;
			if (this.#byUser) this.#scrolled(beyond);
			this.#anchor = this.#sticks ? null : new ScrollAnchor(scroller);
		});
		this.#resized.observe(scroller);
	}

	/** Returns whether the bottom is followed. */
	isFollowed(): boolean {
		return this.#sticks;
	}

	/** Call when the content may be another element. Its growth is observed without a call. */
	watch(): void {
		const content = this.#scroller.firstElementChild;
		if (content === this.#content) return;
		if (this.#content !== null) this.#resized.unobserve(this.#content);
		this.#content = content;
		this.#lookAgain();
	}

	/** Scrolls to the bottom within the next frame, and follows it. */
	stick(): void {
		this.#sticks = true;
		this.#byUser = false;
		this.hidden.value = false;
		this.#lookAgain();
	}

	/** Scrolls an element into the middle, or to its beginning if it is higher, and stops following the bottom. */
	show(element: Element): void {
		this.#sticks = false;
		const isHigher = element.clientHeight > this.#scroller.clientHeight;
		element.scrollIntoView({ block: isHigher ? "start" : "center" });
	}

	/** Scrolls no further than an element needs to be in sight, and stops following the bottom. */
	reveal(element: Element): void {
		this.#sticks = false;
		element.scrollIntoView({ block: "nearest" });
	}

	/** Runs a change to the content above, and keeps what the user reads in place. */
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
		if (clientWidth !== this.#width && !this.#sticks) this.#anchor?.restore();
		this.#width = clientWidth;
		if (grew && this.#folds) {
			// The user looks at what was unfolded; it is not new.
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
		// The scroll event comes a frame after the user's scrolling, which growth in the meantime must not undo.
		if (this.#byUser && scrollTop < this.#top && this.#distance() >= NEAR) {
			this.#sticks = false;
			return;
		}
		this.#scroller.scrollTop = this.#scroller.scrollHeight;
		this.#top = this.#scroller.scrollTop;
	}

	/** A newly observed element is reported before the next frame. */
	#lookAgain(): void {
		if (this.#content === null) return;
		this.#resized.unobserve(this.#content);
		this.#resized.observe(this.#content);
	}

	#expectUser(beyond: ScrollEdges): void {
		this.#byUser = true;
		const { scrollHeight, clientHeight } = this.#scroller;
		// Nothing scrolls then: the few loaded messages fit, being wide rather than high.
		if (scrollHeight <= clientHeight) beyond.onTop();
	}

	#distance(): number {
		const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
		return scrollHeight - scrollTop - clientHeight;
	}
}
