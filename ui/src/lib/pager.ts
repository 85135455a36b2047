/** The focus in the pager of a message's versions, which is another one after each step. */

const ARROWS = ["version-next", "version-previous"] as const;

export type Arrow = (typeof ARROWS)[number];

/** The arrow that has the focus, if any has. */
export function focusedArrow(): Arrow | undefined {
	return ARROWS.find((arrow) => document.activeElement?.classList.contains(arrow));
}

/** Gives the focus to an arrow that leads somewhere, to `first` where that does. */
export function focusArrow(pager: Element, first: Arrow = "version-next"): void {
	const arrows = [first, ...ARROWS].map((arrow) => pager.querySelector<HTMLElement>(`.${arrow}`));
	const usable = arrows.find((arrow) => arrow?.getAttribute("aria-disabled") === "false");
	usable?.focus({ preventScroll: true });
}
