/** Focus in the pager of a message's versions, which is replaced at each step. */

const ARROWS = ["version-next", "version-previous"] as const;

export type Arrow = (typeof ARROWS)[number];

/** Returns the focused arrow, if any. */
export function focusedArrow(): Arrow | undefined {
	return ARROWS.find((arrow) => document.activeElement?.classList.contains(arrow));
}

/** Focuses an enabled arrow, preferably `first`. */
export function focusArrow(pager: Element, first: Arrow = "version-next"): void {
	const arrows = [first, ...ARROWS].map((arrow) => pager.querySelector<HTMLElement>(`.${arrow}`));
	const usable = arrows.find((arrow) => arrow?.getAttribute("aria-disabled") === "false");
	usable?.focus({ preventScroll: true });
}
