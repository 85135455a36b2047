/**
 * Has what is too wide be cut off, and scroll, only near to what is seen: every box that cuts off costs each
 * frame a little, and a long answer has hundreds.
 */

/** One for the whole page: it has the one observer. */
export class OverflowObserver {
	readonly #observer: IntersectionObserver;

	/** What is near is up to a screen away in the scroller, or in the window. */
	constructor(scroller: Element | null = null) {
		this.#observer = new IntersectionObserver(
			(entries) => {
				for (const { target, isIntersecting } of entries) {
					// What the user has scrolled would lose its place.
					target.classList.toggle("offscreen", !isIntersecting && target.scrollLeft === 0);
				}
			},
			{ root: scroller, rootMargin: "100% 0px" },
		);
	}

	/** Marks the element as `offscreen` while it is, which its style takes for not to cut off. */
	watch(element: Element): void {
		this.#observer.observe(element);
	}
}
