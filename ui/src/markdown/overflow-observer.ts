/**
 * Clips and scrolls wide content only near the viewport: every box that clips adds a small cost to each frame,
 * and a long answer has hundreds.
 */

/** Shared by the whole page, so that there is one observer. */
export class OverflowObserver {
	readonly #observer: IntersectionObserver;

	/** "Near" is up to one screen away in the scroller, or in the window if that is null. */
	constructor(scroller: Element | null = null) {
		this.#observer = new IntersectionObserver(
			(entries) => {
				for (const { target, isIntersecting } of entries) {
					// A box that the user has scrolled would lose its scroll position.
					target.classList.toggle("offscreen", !isIntersecting && target.scrollLeft === 0);
				}
			},
			{ root: scroller, rootMargin: "100% 0px" },
		);
	}

	/** Gives the element the class `offscreen` while it is not near; CSS then does not clip it. */
	watch(element: Element): void {
		this.#observer.observe(element);
	}
}
