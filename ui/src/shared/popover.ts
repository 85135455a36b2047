/** Positions popovers. */

/** Distance from the button, in px. */
const GAP = 4;

/** Positions a popover at its button, on the side with more room. CSS limits its width. */
export function placeBy(popover: HTMLElement, button: Element): void {
	const { top, bottom, left } = button.getBoundingClientRect();
	const isBelow = bottom < innerHeight / 2;
	popover.style.setProperty("--anchor-left", `${left}px`);
	popover.style.top = isBelow ? `${bottom + GAP}px` : "auto";
	popover.style.bottom = isBelow ? "auto" : `${innerHeight - top + GAP}px`;
}
